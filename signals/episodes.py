"""How an alert lives: calm -> pending -> firing -> escalated -> calm, as a pure function of (state, values, time).

The caller stores what comes back and tells what happened; nothing here knows who is told or what time it is.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from signals.metric import RANKS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from signals.metric import Level, Line, Rank

Kind = Literal["fired", "escalated", "resolved"]


@dataclass(frozen=True, slots=True)
class State:
    """Where one alarm stands for one asset.

    rank: 0 calm, else the place in RANKS plus one. told: the highest rank that this episode has been announced at.
    entering, leaving: per level, closes in a row that its enter or leave condition has held. since: when the episode
    began (its first close beyond the line). at: the last close judged. unknown: the last judgement lacked a value.
    """

    rank: int = 0
    told: int = 0
    entering: tuple[int, ...] = ()
    leaving: tuple[int, ...] = ()
    since: datetime | None = None
    pending: datetime | None = None
    at: datetime | None = None
    unknown: bool = False

    @property
    def phase(self) -> Literal["calm", "pending", "firing", "escalated"]:
        """Name the state as people do."""
        if self.rank == 0:
            return "pending" if self.pending else "calm"
        return "escalated" if self.rank > 1 and self.told > 1 else "firing"


@dataclass(frozen=True, slots=True)
class Transition:
    """What is to be told: an episode fired, escalated or resolved at a close, with the values of that close."""

    kind: Kind
    at: datetime
    since: datetime
    rank: Rank  # the level reached; for a resolution the highest level that was told
    values: Mapping[str, float]


def step(
    levels: tuple[Level, ...],
    state: State,
    values: Mapping[str, float],
    *,
    at: datetime,
    closes: timedelta,
) -> tuple[State, Transition | None]:
    """Judge one close and return the new state with what is to be told, if anything.

    at: the time of the close, which must lie after the last one judged (else nothing happens: a close is judged once).
    closes: the distance of two closes; a hold of 2 h is two hourly closes, or one daily one. NaN handling: while a
    value that a level needs is not known, that level is neither entered nor left and its counts stand still.
    """
    if state.at is not None and at <= state.at:
        return state, None
    entering = _padded(state.entering, len(levels))
    leaving = _padded(state.leaving, len(levels))
    unknown = False
    for i, level in enumerate(levels):
        enter, leave = _any(level.enter, values), _any(level.leave, values)
        if enter is None or leave is None:
            unknown = True
            continue
        entering[i] = entering[i] + 1 if enter else 0
        leaving[i] = leaving[i] + 1 if leave else 0
    rank = state.rank
    for i, level in enumerate(levels):
        number = RANKS.index(level.rank) + 1
        if number > rank and entering[i] >= _count(level.hold, closes):
            rank = number
    rank = _after_leaving(levels, rank, state.rank, leaving, closes)
    # The first close beyond the line dates the episode, not the close that confirmed it.
    pending = (state.pending or at) if any(entering) else None
    held = replace(
        state, rank=rank, entering=tuple(entering), leaving=tuple(leaving), pending=pending, at=at, unknown=unknown
    )
    return _told(state, held, values, at)


def _after_leaving(levels: tuple[Level, ...], rank: int, before: int, leaving: list[int], closes: timedelta) -> int:
    """Step down from each level whose leave condition has held, highest first; a level just entered stays."""
    if rank > before:
        return rank
    for i, level in reversed(list(enumerate(levels))):
        number = RANKS.index(level.rank) + 1
        if number == rank and leaving[i] >= _count(level.hold_leave, closes):
            lower = [RANKS.index(each.rank) + 1 for each in levels[:i]]
            rank = lower[-1] if lower else 0
    return rank


def _told(before: State, after: State, values: Mapping[str, float], at: datetime) -> tuple[State, Transition | None]:
    if before.rank == 0 and after.rank > 0:
        since = after.pending or at
        after = replace(after, since=since, told=after.rank)
        return after, Transition("fired", at, since, RANKS[after.rank - 1], values)
    since = before.since or at
    if after.rank > before.told:
        return replace(after, told=after.rank), Transition("escalated", at, since, RANKS[after.rank - 1], values)
    if before.rank > 0 and after.rank == 0:
        told = Transition("resolved", at, since, RANKS[before.told - 1], values)
        return replace(after, told=0, since=None, pending=None), told
    return after, None  # stepping down inside an episode is not news, and stepping up again is not news twice


def _any(groups: tuple[tuple[Line, ...], ...], values: Mapping[str, float]) -> bool | None:
    """Tell whether all lines of any one group hold; None when any value that is asked about is not known."""
    answers = [[line.holds(values) for line in group] for group in groups]
    if any(answer is None for group in answers for answer in group):
        return None
    return any(all(group) for group in answers)


def _count(hold: timedelta, closes: timedelta) -> int:
    return max(1, math.ceil(hold / closes))


def _padded(counts: tuple[int, ...], length: int) -> list[int]:
    return [*counts, *[0] * (length - len(counts))][:length]


def to_json(state: State) -> dict[str, Any]:
    """Return the state as plain data that `from_json` reads back equal."""
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in asdict(state).items()}


def from_json(data: Mapping[str, Any]) -> State:
    """Read a state back; fields this version does not know are left out, missing ones take their default."""
    known = {each.name for each in fields(State)}
    values: dict[str, Any] = {name: value for name, value in data.items() if name in known}
    for name in ("since", "pending", "at"):
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    for name in ("entering", "leaving"):
        values[name] = tuple(values.get(name, ()))
    return State(**values)
