"""Which legs of a setup hold while its episode runs: each that joins or leaves is told once, as a change of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from signals.alerts.condition import RANKS
from signals.alerts.episodes import Transition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from signals.alerts.episodes import State
    from signals.alerts.setup import Setup
    from signals.series import Array

    _Happened: TypeAlias = tuple[State, Transition]
    Happenings: TypeAlias = list[_Happened]
    Truths: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.int64]]

UNKNOWN = -1


def with_changes(
    setup: Setup, before: State, after: State, told: Happenings, values: Mapping[str, Array], times: Sequence[datetime]
) -> tuple[State, Happenings]:
    """Put the legs that joined or left among what is told of a setup, and keep in each state the legs so told.

    Legs that must hold do neither: while the story goes on, they lie between the line that began it and that which ends
    it.

    before, after: the states around these closes; told: the states in which something happened, as `stepping.run`
    returns them; values: by name, one a close, with those of `Setup.counts`. NaN handling: a leg that is not known now
    stays as it was told, and one that passes by holds until the story is over. A change at a close that tells something
    anyway is told with it.
    """
    legs_told = [leg for leg in setup.counted if not leg.must]
    if not legs_told:
        return after, told
    truths = _truths([values[setup.truth(leg)] for leg in legs_told], len(times))
    passing = np.array([leg.passes for leg in legs_told])
    place = {at: i for i, at in enumerate(times)}
    first = next((i for i, at in enumerate(times) if before.at is None or at > before.at), len(times))
    found: Happenings = []
    state, legs = before, before.legs
    begin = first
    rest: list[tuple[State, Transition | None]] = [*told, (after, None)]
    for then, transition in rest:
        end = place[transition.at] if transition else len(times)
        if state.rank and begin < end:
            run = _carried(legs, truths[begin:end], passing)
            for i in np.flatnonzero(np.any(run[1:] != run[:-1], axis=1)).tolist():
                legs = tuple(run[i + 1].tolist())
                found.append(_changed(state, legs, values, begin + i, times[begin + i]))
            legs = tuple(run[-1].tolist())
        if transition is None:
            break
        running = transition.kind != "resolved"
        legs = tuple(_carried(legs, truths[end : end + 1], passing)[-1].tolist()) if running else ()
        state, begin = replace(then, legs=legs), end + 1
        found.append((state, transition))
    return replace(after, legs=legs if after.rank else ()), found


def _changed(state: State, legs: tuple[int, ...], values: Mapping[str, Array], i: int, at: datetime) -> _Happened:
    row = {name: float(array[i]) for name, array in values.items()}
    changed = Transition("changed", at, state.since or at, RANKS[state.told - 1], row)
    return replace(state, at=at, legs=legs), changed


def _truths(columns: Sequence[Array], count: int) -> Truths:
    """Return for each close and leg 1, 0, or UNKNOWN."""
    found = np.stack([np.broadcast_to(np.asarray(column, dtype=float), count) for column in columns], axis=1)
    return np.where(np.isnan(found), UNKNOWN, found).astype(np.int64)


def _carried(before: tuple[int, ...], truths: Truths, passing: Array) -> Truths:
    """Return the truths behind those of before, each that is not known as it was last."""
    begin = np.array(before or (UNKNOWN,) * truths.shape[1], dtype=np.int64)
    rows = np.concatenate([begin[None, :], truths])
    rows = np.where(passing, np.maximum.accumulate(rows, axis=0), rows)
    last = np.maximum.accumulate(np.where(rows == UNKNOWN, 0, np.arange(len(rows))[:, None]), axis=0)
    return np.take_along_axis(rows, last, axis=0)
