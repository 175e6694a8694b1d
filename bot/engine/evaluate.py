"""Judging: what is stored is computed, each rule is stepped over the closes it has not seen, and what follows is kept.

States, episodes, notices and outbox rows of one judgement are written in one transaction, so a kill in between loses
nothing and repeats nothing, and what several rules say of one close waits in the outbox together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import structlog

from signals.alerts import stepping
from signals.alerts.episodes import State
from signals.alerts.event import Event, news_for
from signals.alerts.rule import named, rules
from signals.inputs import INPUTS, MARKET
from signals.metric import metrics
from signals.units import DAY, floor, from_ms, in_ms, to_ms
from signals.venues import venue_order
from storage.alerts import episodes, outbox
from storage.engine.database import StoreError
from storage.market import points
from storage.panels import panels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from signals.alerts.rule import AlertRule
    from signals.metric import Metric
    from signals.series import Array, Panel
    from storage.alerts.episodes import Key, RuleState
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.market.points import StoredSeries

log = structlog.get_logger(__name__)

EVER: Final = datetime(2009, 1, 3, tzinfo=UTC)
A_MOMENT: Final = timedelta(milliseconds=1)
PATIENCE: Final = timedelta(minutes=5)  # with a venue that is late, before another one stands in for it


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules over the same metrics. The first metric of a rule is the one whose chart it shows."""

    metrics: tuple[Metric, ...]
    rules: tuple[AlertRule, ...]

    def judged_of(self, assets: Sequence[str]) -> tuple[str, ...]:
        """Return what is judged, each once: the market as a whole where every metric is a figure of it."""
        of_market = all(metric.market_wide for metric in self.metrics)
        return (MARKET,) if of_market and assets else tuple(dict.fromkeys(assets))


@dataclass(frozen=True, slots=True)
class Closes:
    """Closes of a group of rules to be judged together: the assets whose data allow the same steps and rows.

    steps: of the data of each metric. The coarsest is the common clock; on it lie `first`, the open of the first row to
    judge, and `end`, the close of the last one.
    """

    group: RuleGroup
    steps: tuple[timedelta, ...]
    assets: tuple[str, ...]
    first: datetime
    end: datetime

    @property
    def step(self) -> timedelta:
        """Return the distance of two closes of the common clock."""
        return max(self.steps)

    @property
    def clock(self) -> Metric:
        """Return the metric whose rows are the common clock."""
        return self.group.metrics[self.steps.index(self.step)]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Where a rule stands after a close, and the event that this was, if it was one."""

    key: Key
    state: State
    event: Event | None


def rule_groups() -> list[RuleGroup]:
    """Return all rules, those over the same metrics together: what they need is computed once."""
    found: dict[tuple[str, ...], list[AlertRule]] = {}
    for rule in rules().values():
        found.setdefault(rule.metrics, []).append(rule)
    return [RuleGroup(tuple(metrics()[name] for name in names), tuple(group)) for names, group in found.items()]


def evaluate(
    store: Store, closes: Closes, states: Mapping[Key, State], *, note: str | None = None
) -> Iterator[Evaluation]:
    """Step the rules of a group over its closes. Stores nothing.

    Of each rule the events come in the order of time, and then where it stands after the last row.
    """
    first, last = closes.first, closes.end - closes.step
    if not closes.clock.at_open:
        first, last = first + closes.step, closes.end
    times = [first + closes.step * i for i in range(round((last - first) / closes.step) + 1)]
    computed = [
        _Computed.of(store, metric, step, closes.assets, times, closes.step)
        for metric, step in zip(closes.group.metrics, closes.steps, strict=True)
    ]
    for asset in closes.assets:
        values: dict[str, Array] = {}
        for metric_rows in computed:
            values |= metric_rows.of_asset(asset)
        for rule in closes.group.rules:
            key = (rule.id, asset)
            before = states.get(key, State())
            state, told = stepping.run(
                rule.levels,
                before,
                values,
                times,
                closes=closes.step,
                known_by=rule.known_by,
                continues=rule.continues,
            )
            for then, change in told:
                happened = replace(
                    _event_of(asset, closes.step, computed, note, round((change.at - first) / closes.step)),
                    rule=rule.id,
                    kind=change.kind,
                    rank=change.rank,
                    at=change.at,
                    since=change.since,
                    values=change.values,
                )
                yield Evaluation(key, then, happened)
            if state is not before:
                yield Evaluation(key, state, None)


@dataclass(frozen=True, slots=True)
class _Computed:
    """The values of one metric at the times of a common clock.

    A finer metric gives its row that closes at the same time, a coarser one its last row that has closed: it is current
    until the next one has.
    """

    metric: Metric
    panel: Panel
    values: Mapping[str, Array]
    rows: np.ndarray[tuple[int], np.dtype[np.int64]]  # of `values`, one a time of the clock

    @classmethod
    def of(
        cls,
        store: Store,
        metric: Metric,
        step: timedelta,
        assets: Sequence[str],
        times: Sequence[datetime],
        clock_step: timedelta,
    ) -> _Computed:
        known_after = timedelta(0) if metric.at_open else step
        first = floor(times[0] - known_after, step)
        end = floor(times[-1] - known_after, step) + step
        panel = panels.panel(
            store,
            panels.needs(metric),
            tuple(dict.fromkeys(metric.asset_of(asset) for asset in assets)),
            step=step,
            start=first - metric.bars_back(step) * step,
            end=end,
        )
        behind = (times[0] - known_after - first) // A_MOMENT
        elapsed = np.arange(len(times), dtype=np.int64) * (clock_step // A_MOMENT) + behind
        rows = elapsed // (step // A_MOMENT)
        return cls(metric, panel, metric.evaluate(panel, round((end - first) / step)), rows)

    def of_asset(self, asset: str) -> dict[str, Array]:
        """Return the values of an asset by their whole names."""
        column = self.panel.assets.index(self.metric.asset_of(asset))
        return named(self.metric.id, {name: array[self.rows, column] for name, array in self.values.items()})

    def venues(self, asset: str, i: int) -> tuple[str, ...]:
        """Return the venues that the numbers of an asset at a time come from."""
        return self.panel.venues(self.metric.asset_of(asset), self.metric.needs, self._row(i))

    def silent(self, asset: str, i: int) -> tuple[str, ...]:
        """Return the venues that were silent at a time, so that another one speaks for them."""
        return self.panel.stood_in(self.metric.asset_of(asset), self.metric.needs, self._row(i))

    def _row(self, i: int) -> int:
        """Return the row of the panel at a time of the clock."""
        computed = len(next(iter(self.values.values())))
        return len(self.panel) - computed + int(self.rows[i])

    def derived(self, asset: str) -> list[str]:
        """Return the inputs of an asset that were computed from others."""
        stored = self.metric.asset_of(asset)
        return sorted(name for name, one in self.panel.derived if one == stored and name in self.metric.needs)


def _event_of(asset: str, step: timedelta, computed: Sequence[_Computed], note: str | None, i: int) -> Event:
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


def history(
    store: Store, assets: Sequence[str], start: datetime, end: datetime, *, note: str | None = None
) -> list[Evaluation]:
    """Judge stored history as if it happened now: every event in (start, end], in the order of time.

    What began before `start` is known by then and not told again.
    """
    found: list[Evaluation] = []
    for group in rule_groups():
        for asset in group.judged_of(assets):
            if closes := all_closes(store, group, asset, end):
                found += evaluate(store, closes, {}, note=note)
    return sorted((one for one in found if one.event and start < one.event.at <= end), key=_when)


def all_closes(store: Store, group: RuleGroup, asset: str, end: datetime) -> Closes | None:
    """Return every close of a group that is stored of an asset; None where a metric has no data."""
    spans = [
        [span for name in metric.needs if (span := points.span(store, metric.asset_of(asset), name))]
        for metric in group.metrics
    ]
    if not all(spans):
        return None
    first = min(span[0] for of_metric in spans for span in of_metric)
    last = min(end, *(max(span[1] for span in of_metric) + DAY for of_metric in spans))
    steps = tuple(panels.step_for(store, metric, metric.asset_of(asset), first, last) for metric in group.metrics)
    closes = Closes(group, steps, (asset,), floor(first, max(steps)), floor(last, max(steps)))
    if closes.clock.at_open:
        closes = replace(closes, end=closes.end + closes.step)
    return closes if closes.first < closes.end else None


def _when(evaluation: Evaluation) -> datetime:
    return evaluation.event.at if evaluation.event else EVER


def judge(
    store: Store, assets: Sequence[str], now: datetime, *, started: datetime, note: str | None = None
) -> list[Event]:
    """Judge every close that became known since the last judgement and write what follows. Return what is told.

    started: when this process began; what happened before is marked so. A rule that has never been judged begins
    silently with where it stands: installing perpulse is not news. Nor is what held already when its value was known
    for the first time, as after the archive of the past has been read.
    """
    states = episodes.rule_states(store)
    found: list[Evaluation] = []
    for closes in _due(store, assets, states, now):
        keys = [(rule.id, asset) for rule in closes.group.rules for asset in closes.assets]
        before = {key: states[key].state for key in keys if key in states}
        try:
            found += list(evaluate(store, closes, before, note=note))
        except StoreError:
            raise
        except Exception:
            # A metric that fails is a fault of ours; the others, and its other assets tomorrow, do not suffer for it.
            names = [metric.id for metric in closes.group.metrics]
            log.exception("rules could not be judged", metrics=names, assets=closes.assets)
    return _keep(store, found, states, now, started) if found else []


def _due(store: Store, assets: Sequence[str], states: Mapping[Key, RuleState], now: datetime) -> Iterator[Closes]:
    """Find what is to be judged, assets with the same rows together."""
    stored = None
    waiting = [(group, _waiting(group, assets, states, now)) for group in rule_groups()]
    new = {name for group, of in waiting if not all(of.values()) for metric in group.metrics for name in metric.needs}
    began = points.begins(store, new) if new else {}
    for group, judged_of in waiting:
        alike: dict[tuple[tuple[timedelta, ...], datetime, datetime], list[str]] = {}
        close = _last_close(group, now)
        for asset, judged in judged_of.items():
            if not judged and not _has_row(group, asset, began, close):
                continue
            stored = stored or points.directory(store)
            series = [
                {name: stored[key] for name in metric.needs if (key := (metric.asset_of(asset), name)) in stored}
                for metric in group.metrics
            ]
            rows = _rows(store, group, asset, series, judged, now)
            if rows:
                alike.setdefault(rows, []).append(asset)
        for (steps, first, end), members in alike.items():
            yield Closes(group, steps, tuple(members), first, end)


def _waiting(
    group: RuleGroup, assets: Sequence[str], states: Mapping[Key, RuleState], now: datetime
) -> dict[str, list[datetime]]:
    """Return the assets for which a close has come since they were judged, in most turns none, and when that was."""
    found: dict[str, list[datetime]] = {}
    close, ids = _last_close(group, now), [rule.id for rule in group.rules]
    for asset in group.judged_of(assets):
        judged = [at for rule in ids if (one := states.get((rule, asset))) and (at := one.state.at)]
        if not judged or min(judged) < close:
            found[asset] = judged
    return found


def _last_close(group: RuleGroup, now: datetime) -> datetime:
    return floor(now, min(metric.step for metric in group.metrics))


def _has_row(group: RuleGroup, asset: str, began: Mapping[tuple[str, str], int], close: datetime) -> bool:
    """Tell whether a group that was never judged may have a row that opened before `close`. began: in ms."""
    opens, first = False, to_ms(close)
    for metric in group.metrics:
        of, opens = metric.asset_of(asset), opens or metric.at_open
        firsts = [began[key] for name in metric.needs if (key := (of, name)) in began]
        if not firsts:
            return False
        first = min(first, *firsts)
    return opens or first < to_ms(close)


def _rows(
    store: Store,
    group: RuleGroup,
    asset: str,
    series: Sequence[Mapping[str, Sequence[StoredSeries]]],
    judged: Sequence[datetime],
    now: datetime,
) -> tuple[tuple[timedelta, ...], datetime, datetime] | None:
    """Return (steps, first open, last close) of the rows to judge; None when nothing new is known.

    A row waits until each input has spoken for it: judged too early it would be unknown for ever, since a close is
    judged once.
    """
    if not all(series):
        return None
    known = [{name: _known(every, now) for name, every in of.items()} for of in series]
    steps = tuple(metric.step for metric in group.metrics)
    latest = min(now, *map(_spoken, group.metrics, known, steps))
    waits = [timedelta(0) if metric.at_open else metric.step for metric in group.metrics]
    if judged and latest < min(judged) + min(waits):
        return None  # not even one row of the finest step, so the data need not be looked at
    steps = tuple(
        panels.step_for(store, metric, metric.asset_of(asset), latest - metric.window, latest)
        for metric in group.metrics
    )
    closes = Closes(group, steps, (asset,), EVER, EVER)
    step, at_open = closes.step, closes.clock.at_open
    latest = min(now, *map(_spoken, group.metrics, known, steps))
    end = floor(latest, step) + (step if at_open else timedelta(0))
    begun = min(one.first for of in series for every in of.values() for one in every)
    first = min(judged) + (step if at_open else timedelta(0)) if judged else from_ms(begun)
    first = floor(first, step)
    return (steps, first, end) if first < end else None


def _known(every: Sequence[StoredSeries], now: datetime) -> datetime:
    """Return until when an input is known by any venue; by the first of them while it may yet speak of its newest row.

    Who is a minute late would else be stood in for, and every close is judged once.
    """
    by_venue: dict[str, int] = {}
    for one in every:
        by_venue[one.venue] = max(one.known, by_venue.get(one.venue, 0))
    newest, row = max(by_venue.values()), max(one.step for one in every) * 1000
    if to_ms(now) - newest < in_ms(PATIENCE):
        late = newest - row - 2 * in_ms(PATIENCE)
        newest = by_venue[min((venue for venue, known in by_venue.items() if known >= late), key=venue_order)]
    return from_ms(newest)


def _spoken(metric: Metric, known: Mapping[str, datetime], step: timedelta) -> datetime:
    """Return until when every input of a metric has spoken: a bar until it closed, an instant for the row it lies in.

    What is published as its row begins speaks for that row alone, and is current until the next one is due.
    """
    if metric.at_open:
        return floor(min(known.values()), step) + step - A_MOMENT
    return min(
        at + (timedelta(0) if INPUTS[name].kind == "bar" else max(step, INPUTS[name].in_force))
        for name, at in known.items()
    )


def _keep(
    store: Store, evaluations: Sequence[Evaluation], states: Mapping[Key, RuleState], now: datetime, started: datetime
) -> list[Event]:
    """Write the last states and what happened on the way, all or nothing."""
    by_key: dict[Key, list[Evaluation]] = {}
    for evaluation in evaluations:
        by_key.setdefault(evaluation.key, []).append(evaluation)
    told: list[Event] = []
    with store.write() as work:
        for key, every in by_key.items():
            before = states.get(key)
            episode = before.episode if before else None
            recorded: list[tuple[Event, int]] = []
            for found, first in ((one.event, one.state.first) for one in every if one.event):
                event = with_story(work, found, episode)
                episode = episodes.record(work, key, event, episode)
                if event.kind != "fired" or first is None or event.since > first:
                    recorded.append((event, episode))
            for event, number in _compressed(recorded) if before and not before.state.silent else ():
                marked = replace(event, offline=event.at < started)
                announce(work, marked, number, now)
                told.append(marked)
            episodes.save(work, key, replace(every[-1].state, silent=False), episode)
    return told


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


def _compressed(recorded: Iterable[tuple[Event, int]]) -> list[tuple[Event, int]]:
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
            kind = "fired" if episode in begun else event.kind
            kept[-1] = replace(event, kind=kind), episode
    return kept
