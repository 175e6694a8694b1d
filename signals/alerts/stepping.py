"""An alarm stepped over many closes at once: the same as `episodes.step` close by close, at a fraction of the price.

Two years of hours are 17,500 closes an alarm, and in nearly all of them nothing happens. How long each condition has
held is counted for all closes together; then only the closes are visited at which a level can be entered or left.
"""

from __future__ import annotations

import functools
import operator
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from signals.alerts.condition import AT_ONCE, judged
from signals.alerts.episodes import State, Transition, closes_in, number_of, step

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from signals.alerts.condition import Groups, Level
    from signals.alerts.rule import AlertRule
    from signals.series import Array

    Counts: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]
    Flags: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]
    Held: TypeAlias = tuple[Flags, Flags]

FEW: Final = 16  # closes that are stepped one by one: a tick brings one, and arrays have a price of their own


def run_rule(
    rule: AlertRule, state: State, values: Mapping[str, Array], times: Sequence[datetime], closes: timedelta
) -> tuple[State, list[tuple[State, Transition]]]:
    """Step a rule over closes by all that it declares; as `run`. values: what it is judged by."""
    return run(
        rule.levels,
        state,
        values,
        times,
        closes=closes,
        known_by=rule.known_by,
        continues=rule.continues,
        lasts=rule.lasts,
        momentary=rule.momentary,
    )


def run(
    levels: tuple[Level, ...],
    state: State,
    values: Mapping[str, Array],
    times: Sequence[datetime],
    *,
    closes: timedelta,
    known_by: Collection[str] = (),
    continues: timedelta = AT_ONCE,
    lasts: timedelta | None = None,
    momentary: bool = False,
) -> tuple[State, list[tuple[State, Transition]]]:
    """Step an alarm over closes; return the last state, and each state in which something is to be told.

    momentary: what it tells of is over at the next close, whatever that brings: each close that holds is a fire.

    values: by name, one a close, NaN where not known. times: the closes, rising, `closes` apart. Closes that were
    judged already are passed by, as in `episodes.step`, whose every rule holds here.
    """
    first = next((i for i, at in enumerate(times) if state.at is None or at > state.at), len(times))
    if momentary:
        new = {name: array[first:] for name, array in values.items()}
        return _moments(levels[0], state, new, times[first:], known_by)
    told: list[tuple[State, Transition]] = []

    def singly(since: int, until: int) -> None:
        nonlocal state
        for i in range(since, until):
            row = _row(values, i)
            state, transition = step(
                levels, state, row, at=times[i], closes=closes, known_by=known_by, continues=continues, lasts=lasts
            )
            if transition:
                told.append((state, transition))

    if len(times) - first <= FEW:
        singly(first, len(times))
        return state, told
    singly(first, first + 1)  # a rank that is no longer declared, and counts of fewer levels, are put right by this
    known = {name: array[first + 1 :] for name, array in values.items()}
    count = len(times) - first - 1
    every = [_Counted.of(level, state, place, known, count, closes) for place, level in enumerate(levels)]
    calm = _nonzero(~_any([counted.entering > 0 for counted in every]))
    rest = times[first + 1 :]
    seen_at = count if state.first else _first_known(known, known_by, count)
    begin = 0
    while begin < count:
        # The last close is stepped in any case, for what its state says of what was not known.
        if state.spent:
            i = min(count - 1, _next(_nonzero(~_any([~counted.none_holds for counted in every])), begin, count))
        else:
            over = bisect_left(rest, state.since + lasts) if lasts and state.rank and state.since else count
            i = min(count - 1, max(begin, over), *(counted.next(state.rank, begin) for counted in every))
        if i > begin:
            state = _standing(state, every, calm, rest, begin, i - 1)
            if state.first is None and seen_at < i:
                state = replace(state, first=rest[seen_at])
        singly(first + 1 + i, first + 2 + i)
        begin = i + 1
    return state, told


def _moments(
    level: Level, state: State, values: Mapping[str, Array], times: Sequence[datetime], known_by: Collection[str]
) -> tuple[State, list[tuple[State, Transition]]]:
    """Step moments: one is told at each close that holds, and is over at the one after it."""
    told: list[tuple[State, Transition]] = []
    if not times:
        return state, told
    holds, fails = _held(level.enter, values, len(times))
    seen = _first_known(values, known_by, len(times))
    first = state.first or (times[seen] if seen < len(times) else None)
    rank, after = number_of(level), 0  # after: the close behind the last one that fired

    def over(state: State, i: int) -> State:
        calm = replace(state, rank=0, ended=times[i], at=times[i], entering=(0,), leaving=(0,), pending=None)
        told.append((calm, Transition("resolved", times[i], state.since or times[i], level.rank, _row(values, i))))
        return calm

    for i in np.flatnonzero(holds).tolist():
        if state.rank:
            state = over(state, after)
        state = replace(
            state,
            rank=rank,
            told=rank,
            since=times[i],
            at=times[i],
            first=first,
            ended=None,
            entering=(1,),
            leaving=(0,),
        )
        told.append((state, Transition("fired", times[i], times[i], level.rank, _row(values, i))))
        after = i + 1
    if state.rank and after < len(times):
        state = over(state, after)
    return replace(state, at=times[-1], first=first, unknown=not (holds[-1] or fails[-1])), told


@dataclass(frozen=True, slots=True)
class _Counted:
    """How many closes in a row a level's conditions have held, at each close; and where that reaches its holds.

    none_holds: where nothing that it is entered by holds.
    """

    number: int
    entering: Counts
    leaving: Counts
    enters: Counts
    leaves: Counts
    none_holds: Flags

    @classmethod
    def of(
        cls, level: Level, state: State, place: int, values: Mapping[str, Array], count: int, closes: timedelta
    ) -> _Counted:
        enter, leave = _held(level.enter, values, count), _held(level.leave, values, count)
        entering, leaving = _in_a_row(enter, state.entering[place]), _in_a_row(leave, state.leaving[place])
        hold = closes_in(level.hold_leave, closes)
        at_once = np.flatnonzero(_held(level.at_once, values, count)[0]).tolist() if level.at_once else ()
        for i in at_once:
            ends = np.flatnonzero(leave[1][i + 1 :])  # it counts as held until the condition no longer holds
            end = i + 1 + int(ends[0]) if len(ends) else count
            leaving[i:end] += max(0, hold - int(leaving[i]))
        return cls(
            number_of(level),
            entering,
            leaving,
            _nonzero(entering >= closes_in(level.hold, closes)),
            _nonzero(leaving >= hold),
            enter[1],
        )

    def next(self, rank: int, begin: int) -> int:
        """Return the next close at which this level could be entered from a rank, or be left with those above it."""
        return _next(self.enters if self.number > rank else self.leaves, begin, len(self.entering))


def _standing(
    state: State, every: Sequence[_Counted], calm: Counts, times: Sequence[datetime], begin: int, i: int
) -> State:
    """Return the state after close `i`, when nothing was entered or left from close `begin` on."""
    place = int(calm.searchsorted(i, side="right")) - 1
    last = int(calm[place]) if place >= 0 else -1  # the last close at which nothing was on its way in
    onset = (state.pending or times[begin]) if last < begin else times[last + 1] if last < i else None
    if state.spent:
        onset = None
    return replace(
        state,
        entering=tuple(0 if state.spent else int(counted.entering[i]) for counted in every),
        leaving=tuple(int(counted.leaving[i]) for counted in every),
        pending=onset,
        at=times[i],
    )


def _nonzero(truth: Flags) -> Counts:
    """Return where it holds; as np.flatnonzero, whose way there costs three times the search in hundreds of closes."""
    return truth.nonzero()[0]


def _next(places: Counts, begin: int, count: int) -> int:
    """Return the first of some places, which rise, from `begin` on; `count` where there is none."""
    found = int(places.searchsorted(begin))
    return int(places[found]) if found < len(places) else count


def _any(every: Sequence[Flags]) -> Flags:
    """Tell where any of them holds."""
    return functools.reduce(operator.or_, every)


def _first_known(values: Mapping[str, Array], names: Collection[str], count: int) -> int:
    """Return the first close at which all of these values are known; `count` where they never are together."""
    if any(name not in values for name in names):
        return count
    known = ~_any([np.isnan(values[name]) for name in names]) if names else np.ones(count, dtype=bool)
    return int(known.argmax()) if known.any() else count


def _row(values: Mapping[str, Array], i: int) -> dict[str, float]:
    return {name: float(array[i]) for name, array in values.items()}


def _in_a_row(held: Held, before: int) -> Counts:
    """Count the closes that a condition has held in a row; it starts again where it does not, and else stands still."""
    holds, fails = held
    count = holds.cumsum()
    count -= np.maximum.accumulate(count * fails)
    if before:
        count[: int(fails.argmax()) if fails.any() else None] += before
    return count


def _held(groups: Groups, values: Mapping[str, Array], count: int) -> Held:
    """Tell at which closes all conditions of any one group hold, and at which none does; elsewhere it is not known."""
    holds, fails = judged(groups, values)
    return _of_all(holds, count), _of_all(fails, count)


def _of_all(truth: Flags | bool, count: int) -> Flags:  # noqa: FBT001 - a truth of all closes
    """Return a truth of each close; where nothing that it needs is known at any close, one stands for all."""
    return truth if isinstance(truth, np.ndarray) and truth.ndim else np.full(count, truth)
