"""The conditions of many rules, judged for all assets at once: each that several rules name is judged once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from signals.alerts.condition import Condition, Groups
    from signals.series import Array

    Bools: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    Indices: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.intp]]

_HOLDS: Final = {"<=": np.less_equal, "<": np.less, ">=": np.greater_equal, ">": np.greater}
_FAILS: Final = {"<=": np.greater, "<": np.greater_equal, ">=": np.less, ">": np.less_equal}


class GroupTruths:
    """What holds and what does not of some groups of conditions, as `signals.alerts.condition.judged` says it.

    every: the groups, of which those that are alike are judged once. names: of the rows of the values.
    """

    def __init__(self, every: Sequence[Groups], names: Sequence[str]) -> None:
        row = {name: i for i, name in enumerate(names)}
        found = dict.fromkeys(condition for groups in every for group in groups for condition in group)
        conditions = sorted(found, key=lambda one: one.op)
        place = {condition: i for i, condition in enumerate(conditions)}
        together = list(dict.fromkeys(tuple(place[one] for one in group) for groups in every for group in groups))
        number = {group: i for i, group in enumerate(together)}
        sides = list(
            dict.fromkeys(tuple(number[tuple(place[one] for one in group)] for group in groups) for groups in every)
        )
        side = {groups: i for i, groups in enumerate(sides)}
        self._compared = [
            _Compared(op, [one for one in conditions if one.op == op], row)
            for op in dict.fromkeys(one.op for one in conditions)
        ]
        self._conditions = len(conditions)
        self._groups, self._sides = _Joined(together), _Joined(sides)
        self.places: Indices = np.array(
            [side[tuple(number[tuple(place[one] for one in group)] for group in groups)] for groups in every],
            dtype=np.intp,
        )

    def judged(self, values: Array) -> tuple[Bools, Bools]:
        """Return where each of the distinct groups holds, and where it does not; `places` says which are whose.

        values: (names, assets). NaN handling: where what is not known could decide, neither is true.
        """
        shape = self._conditions, values.shape[1]
        holds, fails = np.empty(shape, dtype=bool), np.empty(shape, dtype=bool)
        begin = 0
        for compared in self._compared:
            end = begin + compared.count
            compared.judge(values, holds[begin:end], fails[begin:end])
            begin = end
        every, one_not = self._groups.all_of(holds), self._groups.any_of(fails)
        return self._sides.any_of(every), self._sides.all_of(one_not)


class _Compared:
    """Conditions of one operator."""

    def __init__(self, op: str, conditions: Sequence[Condition], row: dict[str, int]) -> None:
        self.count = len(conditions)
        self._holds, self._fails = _HOLDS[op], _FAILS[op]
        self._rows = np.array([row[one.name] for one in conditions], dtype=np.intp)
        bounds = [0.0 if isinstance(one.bound, str) else one.bound for one in conditions]
        self._bounds = np.array(bounds, dtype=float)[:, None]
        named = [(i, row[one.bound]) for i, one in enumerate(conditions) if isinstance(one.bound, str)]
        self._named = np.array(named, dtype=np.intp).reshape(-1, 2)

    def judge(self, values: Array, holds: Bools, fails: Bools) -> None:
        left = values[self._rows]
        right: Array = self._bounds
        if len(self._named):
            right = np.broadcast_to(right, left.shape).copy()
            right[self._named[:, 0]] = values[self._named[:, 1]]
        self._holds(left, right, out=holds)
        self._fails(left, right, out=fails)


class _Joined:
    """Rows that are made of several others each, those of equally many together."""

    def __init__(self, every: Sequence[tuple[int, ...]]) -> None:
        self._count = len(every)
        by_length: dict[int, list[int]] = {}
        for i, of in enumerate(every):
            by_length.setdefault(len(of), []).append(i)
        self._of = [
            (
                np.array(found, dtype=np.intp),
                np.array([every[i] for i in found], dtype=np.intp).reshape(len(found), length),
            )
            for length, found in by_length.items()
        ]

    def all_of(self, rows: Bools) -> Bools:
        """Return where all of them are true; without any they are."""
        return self._joined(rows, np.logical_and, empty=True)

    def any_of(self, rows: Bools) -> Bools:
        """Return where one of them is true; without any none is."""
        return self._joined(rows, np.logical_or, empty=False)

    def _joined(self, rows: Bools, join: np.ufunc, *, empty: bool) -> Bools:
        found = np.empty((self._count, rows.shape[1]), dtype=bool)
        for places, of in self._of:
            if not of.shape[1]:
                found[places] = empty
                continue
            joined = rows[of[:, 0]]
            for k in range(1, of.shape[1]):
                join(joined, rows[of[:, k]], out=joined)
            found[places] = joined
        return found


def named_by(every: Iterable[Groups]) -> Iterable[str]:
    """Yield the names of the values that some groups of conditions read."""
    for groups in every:
        for group in groups:
            for condition in group:
                yield from condition.names()
