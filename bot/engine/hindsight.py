"""History that arrives late is judged in silence, so that what is open says since when, on the first day too.

Nothing of it is told: what had happened before anybody asked is no news, and what was told already stands. What comes
into the midst of what was judged is judged from its first row on, or pictures of that time would lack its alarms.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.engine.closes import all_closes, groups_by_asset
from bot.engine.evaluate import Shared, evaluate
from storage.alerts import episodes
from storage.panels.reader import PanelReader

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from bot.engine.closes import RuleGroup
    from bot.engine.evaluate import Evaluation
    from signals.alerts.episodes import State
    from signals.alerts.event import Event
    from storage.alerts.episodes import Episode, Key, RuleState
    from storage.engine.database import Store
    from storage.engine.work import Work

log = structlog.get_logger(__name__)
MOST_TIMES: Final = 5  # closes come minutes apart, and the past of a group is judged within seconds


def judge_past(
    store: Store,
    assets: Sequence[str],
    now: datetime,
    *,
    market: bool = True,
    since: Mapping[str, datetime] | None = None,
) -> int:
    """Judge all that is stored of some assets up to where each rule stands; return how many episodes were learnt.

    market: also of the market as a whole. since: of each asset the first of the rows that have come, which may lie in
    the midst of what was judged without them, or after all of it.

    A rule that has never been judged, or in hindsight alone, gets its whole past and its state. One that has told
    something keeps what it told: it learns the episodes of which it has none, since when the open one has been, and
    that one is open which it took for calm. What is judged live while its past is, in this process or in another, is
    left as it was judged, and its past is judged again: what was told stands, and is told once.
    """
    learnt = 0
    left: Collection[Key] | None = None
    for _ in range(MOST_TIMES):
        more, left = _judge_once(store, groups_by_asset(assets, market=market), now, since or {}, left)
        learnt += more
        if not left:
            return learnt
    log.warning("the past of some rules was not learnt: they are judged all the time", rules=len(left or ()))
    return learnt


def _judge_once(
    store: Store,
    groups_of: Mapping[str, Sequence[tuple[int, RuleGroup]]],
    now: datetime,
    since: Mapping[str, datetime],
    only: Collection[Key] | None,
) -> tuple[int, set[Key]]:
    """Return how many episodes were learnt, and what stands elsewhere than it did when this began: it is left."""
    states = episodes.rule_states(store)
    learnt = 0
    left: set[Key] = set()
    for asset, groups in groups_of.items():
        reader, shared = PanelReader(store), Shared()
        for _, group in groups:
            every = [(rule.id, asset) for rule in group.rules]
            keys = every if only is None else [key for key in every if key in only]
            known = [states[key].state for key in keys if key in states]
            judged = [one.at for one in known if one.at]
            # What was judged while the past was looked at lies behind the time at which that began.
            closes = all_closes(reader, group, asset, max((now, *judged))) if keys else None
            if closes is None:
                continue
            older = len(known) < len(keys) or any(one.past is None or one.past > closes.first for one in known)
            if judged and not all(one.silent for one in known):
                end = min(judged) + (closes.step if closes.clock.at_open else timedelta(0))
                closes = replace(closes, end=min(closes.end, end))
            fresh = _fresh(group, asset, since)
            if closes.first >= closes.end or not (older or (fresh and fresh < closes.end)):
                continue
            by_key: dict[Key, list[Evaluation]] = defaultdict(list)
            for evaluation in evaluate(reader, closes, {}, shared=shared):
                by_key[evaluation.key].append(evaluation)
            with store.write() as work:
                episodes.alone(work, [asset])
                for key in keys:
                    before = states.get(key)
                    if key in by_key and episodes.standing(work, key) != before:
                        left.add(key)
                    elif key in by_key:
                        had = episodes.of_pair(work, key)
                        learnt += _learn(work, key, by_key[key], _Learner(before, had, fresh), closes.first)
    return learnt, left


def _fresh(group: RuleGroup, asset: str, since: Mapping[str, datetime]) -> datetime | None:
    """Return the first row that has come of what a group stands on."""
    return min((at for metric in group.metrics if (at := since.get(metric.asset_of(asset)))), default=None)


@dataclass(frozen=True, slots=True)
class _Learner:
    """What a rule knew before: where it stood, the episodes it had, and from when on rows have come since."""

    before: RuleState | None
    had: Sequence[Episode]
    fresh: datetime | None

    def at_the_time(self, events: Sequence[Event]) -> Episode | None:
        """Return the episode that it had at the time of some events of one."""
        return next((one for one in self.had if self._meets(one, events)), None)

    def lacks(self, events: Sequence[Event]) -> bool:
        """Tell whether an episode that is over is new: before all that it had, or of rows that have come since."""
        over = events[-1].at
        first = min((one.since for one in self.had), default=None)
        come = self.fresh is not None and over > self.fresh
        return first is None or over <= first or (come and self.at_the_time(events) is None)

    @staticmethod
    def _meets(one: Episode, events: Sequence[Event]) -> bool:
        over = events[-1].at if events[-1].kind == "resolved" else None
        return (one.ended is None or events[0].since < one.ended) and (over is None or one.since < over)


def _learn(work: Work, key: Key, every: Sequence[Evaluation], known: _Learner, begin: datetime) -> int:
    """Write what a rule had not known of its past; return how many episodes that is."""
    before = known.before
    final = replace(every[-1].state, past=begin, silent=before is None or before.state.silent)
    past = _episodes([one.event for one in every if one.event])
    if before is None or _silent(before, final):
        return _anew(work, key, past, known, final)
    over = [events for events in past if events[-1].kind == "resolved" and known.lacks(events)]
    for events in over:
        _record(work, key, events)
    stands = replace(before.state, past=begin)
    running = past[-1] if past and past[-1][-1].kind != "resolved" else None
    if running is None:
        episodes.save(work, key, stands, before.episode)
    elif before.state.rank == 0 and before.state.at == final.at:
        episodes.save(work, key, final, _record(work, key, running))
        return len(over) + 1
    elif before.state.rank > 0 and before.episode and before.state.since and running[0].since < before.state.since:
        episodes.began(work, before.episode, running[0].since)
        episodes.save(work, key, replace(stands, since=running[0].since), before.episode)
    else:
        episodes.save(work, key, stands, before.episode)
    return len(over)


def _silent(before: RuleState, final: State) -> bool:
    """Tell whether a rule has never told anything of what is judged: it may learn all of it anew."""
    if before.state.at is None:
        return True
    return before.state.silent and final.at is not None and before.state.at <= final.at


def _anew(work: Work, key: Key, past: Sequence[Sequence[Event]], known: _Learner, final: State) -> int:
    """Write the whole past of a rule in place of what it had of it; return how many episodes are new."""
    had = {(one.since, one.ended) for one in known.had}
    new = [(events[0].since, events[-1].at if events[-1].kind == "resolved" else None) for events in past]
    number = known.before.episode if known.before else None
    if had != set(new):
        episodes.save(work, key, final, None)  # of what is forgotten none is where it stands
        episodes.forget(work, key)
        number = None
        for events in past:
            number = _record(work, key, events)
    episodes.save(work, key, final, number)
    return sum(span not in had for span in new)


def _episodes(events: Sequence[Event]) -> list[list[Event]]:
    """Return the events of each episode; what resumes or gets worse soon after an end goes on with it."""
    found: list[list[Event]] = []
    for event in events:
        if event.kind == "fired" or not found:
            found.append([])
        found[-1].append(event)
    return found


def _record(work: Work, key: Key, events: Sequence[Event]) -> int:
    number = episodes.record(work, key, events[0], None)
    for event in events[1:]:
        episodes.record(work, key, event, number)
    return number
