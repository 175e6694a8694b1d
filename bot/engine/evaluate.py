"""Judging: what is stored is computed, each rule is stepped over the closes it has not seen, and what follows is kept.

States, episodes, notices and outbox rows of one judgement are written in one transaction, so a kill in between loses
nothing and repeats nothing, and what several rules say of one close waits in the outbox together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

import structlog

from bot.engine.around import OpenSetups, first_setups, placed
from bot.engine.closes import EVER, all_closes, due, groups_by_asset
from bot.engine.evidence.proof import proofs, with_proof
from signals.alerts import stepping
from signals.alerts.episodes import State
from signals.alerts.event import Event, news_for
from signals.alerts.legs import with_changes
from signals.alerts.rule import rules
from signals.inputs import MARKET
from signals.metric import metrics
from signals.units import from_ms
from storage.alerts import episodes, outbox
from storage.engine.database import StoreError
from storage.panels.computed import Computed
from storage.panels.reader import PanelReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from bot.engine.closes import Closes
    from signals.alerts.setup import Setup
    from signals.series import Array
    from storage.alerts.episodes import Key, RuleState
    from storage.engine.database import Store
    from storage.engine.work import Work

log = structlog.get_logger(__name__)


class Shared(dict["tuple[str, timedelta, tuple[str, ...], datetime, datetime, timedelta]", Computed]):
    """What was computed of some assets, by metric, step, assets, the first and the last close and their distance."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Where a rule stands after a close, and the event that this was, if it was one."""

    key: Key
    state: State
    event: Event | None


def evaluate(
    reader: PanelReader,
    closes: Closes,
    states: Mapping[Key, State],
    *,
    shared: Shared,
    note: str | None = None,
) -> Iterator[Evaluation]:
    """Step the rules of a group over its closes. Stores nothing.

    Of each rule the events come in the order of time, and then where it stands after the last row. shared: what was
    computed for other groups of the same assets: a setup stands on metrics that alarms and other setups stand on.
    """
    first, last = closes.first, closes.end - closes.step
    if not closes.clock.at_open:
        first, last = first + closes.step, closes.end
    times = [first + closes.step * i for i in range(round((last - first) / closes.step) + 1)]
    lead = max(rule.lead(closes.step) for rule in closes.group.rules)
    read = [first - closes.step * i for i in range(lead, 0, -1)] + times
    computed = []
    for metric, step in zip(closes.group.metrics, closes.steps, strict=True):
        of = (metric.id, step, closes.assets, read[0], read[-1], closes.step)
        if of not in shared:
            shared[of] = Computed.of(reader, metric, step, closes.assets, read, closes.step)
        computed.append(shared[of])
    for asset in closes.assets:
        values: dict[str, Array] = {}
        for metric_rows in computed:
            values |= metric_rows.of_asset(asset)
        for rule in closes.group.rules:
            key = (rule.id, asset)
            before = states.get(key, State())
            judged_by = rule.judged_rows(values, closes.step, lead)
            state, told = stepping.run_rule(rule, before, judged_by, times, closes.step)
            if rule.setup:
                state, told = with_changes(rule.setup, before, state, told, judged_by, times)
            for then, change in told:
                happened = replace(
                    event_of(asset, closes.step, computed, note, lead + round((change.at - first) / closes.step)),
                    rule=rule.id,
                    kind=change.kind,
                    rank=change.rank,
                    at=change.at,
                    since=change.since,
                    again=change.again,
                    values=change.values,
                    lacking=_lacking(reader, rule.setup, asset, change.values) if rule.setup else {},
                )
                yield Evaluation(key, then, happened)
            if state is not before:
                yield Evaluation(key, state, None)


def event_of(asset: str, step: timedelta, computed: Sequence[Computed], note: str | None, i: int) -> Event:
    """Return an event of an asset at a time of the clock that says where its numbers come from, and not yet what.

    i: which of the times.
    """
    venues = [venue for rows in computed for venue in rows.venues(asset, i)]
    silent = [venue for rows in computed for venue in rows.silent(asset, i)]
    coverage = (rows.panel.coverage.get(rows.metric.asset_of(asset)) for rows in computed)
    return Event(
        kind="fired",
        rule="",
        asset=asset,
        rank="notice",
        at=EVER,
        since=EVER,
        values={},
        step=step,
        venues=tuple(dict.fromkeys(venues)),
        silent=tuple(dict.fromkeys(silent)),
        derived=tuple(dict.fromkeys(name for rows in computed for name in rows.derived(asset))),
        coverage=next(filter(None, coverage), None),
        note=note,
    )


def _lacking(reader: PanelReader, setup: Setup, asset: str, values: Mapping[str, float]) -> dict[str, str]:
    """Return the counted legs of a setup that are not known, each with the day from which its data are; "": never."""
    found: dict[str, str] = {}
    for leg in setup.counted:
        if not math.isnan(values.get(setup.truth(leg), math.nan)):
            continue
        of = dict.fromkeys(name.partition(".")[0] for group in leg.holds for one in group for name in one.names())
        every = [
            reader.of(metric.asset_of(asset)).stored(name)
            for metric in (metrics()[one] for one in of)
            for name in metric.needs
        ]
        begun = [min(series.first for series in stored) for stored in every if stored]
        found[leg.id] = from_ms(max(begun)).date().isoformat() if len(begun) == len(every) and begun else ""
    return found


def history(
    store: Store, assets: Sequence[str], start: datetime, end: datetime, *, note: str | None = None
) -> list[Evaluation]:
    """Judge stored history as if it happened now: every event in (start, end], in the order of time.

    What began before `start` is known by then and not told again. What a setup tells as its leg is marked so
    (`Event.within`).
    """
    found: list[tuple[tuple[datetime, bool, int], Evaluation]] = []
    for asset, groups in groups_by_asset(assets).items():
        reader, shared = PanelReader(store), Shared()
        for number, group in groups:
            if closes := all_closes(reader, group, asset, end):
                every = evaluate(reader, closes, {}, shared=shared, note=note)
                found += [((one.event.at, first_setups(one.key), number), one) for one in every if one.event]
    told = placed(one for _, one in sorted(found, key=itemgetter(0)))
    return [one for one in told if one.event and start < one.event.at <= end]


def judge(
    store: Store,
    assets: Sequence[str],
    now: datetime,
    *,
    started: datetime,
    note: str | None = None,
    market: bool = True,
) -> list[Event]:
    """Judge every close that became known since the last judgement and write what follows. Return what is told.

    market: the market as a whole is judged too. started: when this process began; what happened before is marked so. A
    rule that has never been judged begins silently with where it stands: installing perpulse is not news. Nor is what
    held already when its value was known for the first time, as after the archive of the past has been read.
    """
    states = episodes.rule_states(store)
    found: list[Evaluation] = []
    reader = PanelReader(store, ahead=True)
    for together in due(reader, (*assets, MARKET) if market else assets, states, now):
        shared = Shared()  # what was computed of some assets goes before the next ones come
        for closes in together:
            keys = [(rule.id, asset) for rule in closes.group.rules for asset in closes.assets]
            before = {key: states[key].state for key in keys if key in states}
            try:
                found += list(evaluate(reader, closes, before, shared=shared, note=note))
            except StoreError:
                raise
            except Exception:
                # A metric that fails is a fault of ours; the others, and its other assets tomorrow, do not suffer.
                names = [metric.id for metric in closes.group.metrics]
                log.exception("rules could not be judged", metrics=names, assets=closes.assets)
    return _keep(store, found, states, now, started) if found else []


def _keep(
    store: Store, evaluations: Sequence[Evaluation], states: Mapping[Key, RuleState], now: datetime, started: datetime
) -> list[Event]:
    """Write the last states and what happened on the way, all or nothing.

    What stands elsewhere by now than in `states`, since its past was learnt meanwhile, is left for the next turn.
    """
    by_key: dict[Key, list[Evaluation]] = {}
    for evaluation in evaluations:
        by_key.setdefault(evaluation.key, []).append(evaluation)
    told: list[Event] = []
    saved = []
    proved = proofs(store, (one.event for one in evaluations if one.event and _is_news(states.get(one.key))))
    open_setups = OpenSetups.of(states)
    with store.write() as work:
        episodes.alone(work, {asset for _, asset in by_key})
        by_now = episodes.rule_states_in(work, store)
        for key, every in sorted(by_key.items(), key=_order):
            before = states.get(key)
            if by_now.get(key) != before:
                continue
            episode = before.episode if before else None
            recorded: list[tuple[Event, int]] = []
            for found, first in ((one.event, one.state.first) for one in every if one.event):
                event = with_story(work, found, episode)
                episode = episodes.record(work, key, event, episode)
                if event.kind != "fired" or first is None or event.since > first:
                    recorded.append((event, episode))
            for event, number in compressed(recorded) if _is_news(before) else ():
                within, inside = open_setups.around(key), open_setups.inside(event)
                happened = replace(event, offline=event.at < started, within=within, takes_in=inside)
                marked = with_proof(work, happened, number, proved.get((key, event.at)), now)
                announce(work, marked, number, now)
                told.append(marked)
            after = replace(every[-1].state, silent=False)
            saved.append(episodes.save(work, key, after, episode))
            open_setups.stands(key, after, episode)
    episodes.wrote(store, saved)
    return told


def _order(of: tuple[Key, list[Evaluation]]) -> tuple[bool, datetime]:
    """Sort rules by it: setups first, since alarms are told as part of them, then by what happened first."""
    key, every = of
    return first_setups(key), min((one.event.at for one in every if one.event), default=EVER)


def _is_news(before: RuleState | None) -> bool:
    """Tell whether what happens to a rule is told: not what is judged of it for the first time, or in hindsight."""
    return before is not None and not before.state.silent


def with_story(work: Work, event: Event, episode: int | None) -> Event:
    """Give the end of an episode what was told of it last: the edit that closes a message takes it away."""
    if event.kind != "resolved" or episode is None:
        return event
    return replace(event, told=episodes.last_values(work, episode))


def announce(work: Work, event: Event, episode: int, now: datetime) -> None:
    """Put an event into the outbox of everyone who asked for it."""
    notice = outbox.Notice(event.kind, event.rank, event.at, event.to_json(), episode, event.rule, event.asset)
    expires = now + news_for(event.rank, event.kind)
    only_asked = event.rule in rules() and rules()[event.rule].only_asked
    outbox.announce(work, notice, now=now, expires=expires, only_asked=only_asked)


def compressed(recorded: Iterable[tuple[Event, int]]) -> list[tuple[Event, int]]:
    """Say several changes of one episode at once: fired and escalated is one message, fired and over another.

    What was over and has begun again goes on, at the highest level that it reached meanwhile.
    """
    kept: list[tuple[Event, int]] = []
    begun: set[int] = set()
    for event, episode in recorded:
        if event.kind == "fired":
            begun.add(episode)
        before = kept[-1][0] if kept and kept[-1][1] == episode else None
        if before is None:
            kept.append((event, episode))
        elif event.kind == "resolved":
            kept[-1] = replace(event, came_and_went=episode in begun), episode
        else:
            kind = "fired" if episode in begun else before.kind if event.kind == "changed" else event.kind
            kept[-1] = replace(event, kind=kind, again=before.again), episode  # an end in between was not told
    return kept
