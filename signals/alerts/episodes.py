"""How an alert lives: calm -> pending -> firing -> escalated -> calm, as a pure function of (state, values, time).

An alarm that restarts within a few days was not over: its episode goes on (`resumed`), or has got worse (`escalated`).

The caller stores what comes back and tells what happened; nothing here knows who is told or what time it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from signals.alerts.condition import AT_ONCE, RANKS, held

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from signals.alerts.condition import Level, Rank

Kind = Literal["fired", "escalated", "resumed", "changed", "resolved"]


@dataclass(frozen=True, slots=True)
class State:
    """Where one rule stands for one asset.

    rank: 0 calm, else the place in RANKS plus one. told: the highest rank that this episode has been announced at.
    entering, leaving: per level, closes in a row that its enter or leave condition has held. since: when the episode
    began (its first close beyond the line). at: the last close judged. unknown: the last judgement lacked a value.
    first: the first close at which the main values were known. ended: when the last episode ended; `told` and `since`
    stay those of that episode until another begins, since a restart soon after continues it. past: from when on the
    stored history has been judged in hindsight. silent: all so far was judged in hindsight, so the way up to now is no
    news either. halved: how often what is left beyond the last level has been halved and told, of a watched position.
    spent: the last episode ended because it had lasted as long as one may, and its conditions have held ever since.
    legs: of a setup the legs as they were told last, see signals/alerts/legs.py.
    """

    rank: int = 0
    told: int = 0
    entering: tuple[int, ...] = ()
    leaving: tuple[int, ...] = ()
    since: datetime | None = None
    pending: datetime | None = None
    at: datetime | None = None
    unknown: bool = False
    first: datetime | None = None
    ended: datetime | None = None
    past: datetime | None = None
    silent: bool = False
    halved: int = 0
    spent: bool = False
    legs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Transition:
    """What is to be told: an episode fired, escalated, resumed or resolved, with the values of that close.

    `changed`: a leg of a setup joined or left (signals/alerts/legs.py). again: the episode had been told as over.
    """

    kind: Kind
    at: datetime
    since: datetime
    rank: Rank  # the level reached; for a resolution the highest level that was told
    values: Mapping[str, float]
    again: bool = False


def step(
    levels: tuple[Level, ...],
    state: State,
    values: Mapping[str, float],
    *,
    at: datetime,
    closes: timedelta,
    known_by: Collection[str] = (),
    continues: timedelta = AT_ONCE,
    lasts: timedelta | None = None,
) -> tuple[State, Transition | None]:
    """Judge one close and return the new state with what is to be told, if anything.

    at: the time of the close, which must lie after the last one judged (else nothing happens: a close is judged once).
    closes: the distance of two closes; a hold of 2 h is two hourly closes, or one daily one. known_by: the names of
    the values that must be known before anything is (`State.first`). continues: an alarm that restarts within so long
    after its end is the same episode. lasts: an episode ends when it has run so long, and none begins before a close at
    which no level's conditions hold. NaN handling: while what is not known could decide a condition, its count stands
    still, so that nothing is entered or left by it.
    """
    if state.at is not None and at <= state.at:
        return state, None
    entering = _padded(state.entering, len(levels))
    leaving = _padded(state.leaving, len(levels))
    unknown = False
    rank = _rank_within(levels, state.rank)
    for i, level in enumerate(levels):
        enter, leave = held(level.enter, values), held(level.leave, values)
        unknown = unknown or (leave if rank >= number_of(level) else enter) is None
        entering[i] = _counted(entering[i], enter)
        leaving[i] = _counted(leaving[i], leave)
        if held(level.at_once, values):
            leaving[i] = max(leaving[i], closes_in(level.hold_leave, closes))
    spent = state.spent and not all(held(level.enter, values) is False for level in levels)
    if spent:
        entering = [0] * len(levels)
    for i, level in enumerate(levels):
        number = number_of(level)
        if number > rank and entering[i] >= closes_in(level.hold, closes):
            rank = number
    if rank <= state.rank:  # what was just entered stays
        rank = _after_leaving(levels, rank, entering, leaving, closes)
    if rank and lasts and state.rank and state.since and at - state.since >= lasts:
        rank, spent, entering = 0, True, [0] * len(levels)
    # The first close beyond the line dates the episode, not the close that confirmed it.
    pending = (state.pending or at) if any(entering) else None
    first = state.first or (None if any(math.isnan(values.get(name, math.nan)) for name in known_by) else at)
    after = replace(
        state,
        rank=rank,
        entering=tuple(entering),
        leaving=tuple(leaving),
        pending=pending,
        at=at,
        unknown=unknown,
        first=first,
        spent=spent,
    )
    return _told(state, after, values, at, continues)


def _after_leaving(
    levels: tuple[Level, ...], rank: int, entering: list[int], leaving: list[int], closes: timedelta
) -> int:
    """Step down below each level whose leave condition has held, highest first.

    What ends a lower level ends the higher ones with it, unless a line from that level up is still crossed: what is
    told of an episode names the end of its lowest level, which may be another condition than that of where it stands.
    """
    for i, level in reversed(list(enumerate(levels))):
        stands = rank < number_of(level) or (rank > number_of(level) and any(entering[i:]))
        if not stands and leaving[i] >= closes_in(level.hold_leave, closes):
            rank = number_of(levels[i - 1]) if i else 0
    return rank


def _rank_within(levels: tuple[Level, ...], rank: int) -> int:
    """Return the rank, or the next lower one that is still declared: what is gone could never be left."""
    return max((number_of(level) for level in levels if number_of(level) <= rank), default=0)


def number_of(level: Level) -> int:
    """Return a level's place in RANKS plus one: the rank of a state that stands at it."""
    return RANKS.index(level.rank) + 1


def _counted(closes_in_a_row: int, holds: bool | None) -> int:  # noqa: FBT001 - a condition's answer, three-valued
    """Count on, start again, or stand still where the answer is not known."""
    return closes_in_a_row if holds is None else (closes_in_a_row + 1) * holds


def _told(
    before: State, after: State, values: Mapping[str, float], at: datetime, continues: timedelta
) -> tuple[State, Transition | None]:
    if before.rank == 0 and after.rank > 0:
        onset = after.pending or at
        if before.since is not None and before.ended is not None and onset - before.ended <= continues:
            kind: Kind = "escalated" if after.rank > before.told else "resumed"
            after = replace(after, told=after.rank, ended=None)
            return after, Transition(kind, at, before.since, RANKS[after.rank - 1], values, again=True)
        after = replace(after, since=onset, told=after.rank, ended=None)
        return after, Transition("fired", at, onset, RANKS[after.rank - 1], values)
    since = before.since or at
    if after.rank > before.told:
        return replace(after, told=after.rank), Transition("escalated", at, since, RANKS[after.rank - 1], values)
    if before.rank > 0 and after.rank == 0:
        told = Transition("resolved", at, since, RANKS[before.told - 1], values)
        return replace(after, pending=None, ended=None if after.spent else at), told
    return after, None  # stepping down inside an episode is not news, and stepping up again is not news twice


def closes_in(hold: timedelta, closes: timedelta) -> int:
    """Return how many closes a hold is, one at least."""
    return max(1, math.ceil(hold / closes))


def _padded(counts: tuple[int, ...], length: int) -> list[int]:
    return [*counts, *[0] * length][:length]


_NAMES: Final = tuple(field.name for field in fields(State))  # thousands of states are read and written at once


def to_json(state: State) -> dict[str, Any]:
    """Return the state as plain data that `from_json` reads back equal."""
    values = ((name, getattr(state, name)) for name in _NAMES)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values}


def from_json(data: Mapping[str, Any]) -> State:
    """Read a state back; fields this version does not know are left out, missing ones take their default."""
    values: dict[str, Any] = {name: value for name, value in data.items() if name in _NAMES}
    for name in ("since", "pending", "at", "first", "ended", "past"):
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    for name in ("entering", "leaving", "legs"):
        values[name] = tuple(values.get(name, ()))
    return State(**values)
