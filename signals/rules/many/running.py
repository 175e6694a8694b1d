"""The episodes of many rules: since when each runs or when it ended, as columns sorted by rule and asset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from signals.rules.many.truths import Bools

    Integers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

_ROW: Final = 1 << 16  # more assets than there are


def keys_of(rows: Integers, columns: Integers) -> Integers:
    """Return what a pair is found by: its rule, then its asset."""
    return rows.astype(np.int64) * _ROW + columns


def places_of(keys: Integers) -> tuple[Integers, Integers]:
    """Return the rules and the assets of pairs."""
    return keys // _ROW, keys % _ROW


def _none() -> Integers:
    return np.empty(0, dtype=np.int64)


@dataclass(slots=True)
class PairEpisodes:
    """One row for each pair that has an episode: the last one, which a restart may go on with.

    since: its first close beyond the line. ended: 0 while it runs, and where none goes on with it. told: the highest
    rank that it was told at. number: that of the episode where it is kept, 0 for none. Times in seconds since 1970.
    """

    keys: Integers = field(default_factory=_none)
    since: Integers = field(default_factory=_none)
    ended: Integers = field(default_factory=_none)
    told: Integers = field(default_factory=_none)
    number: Integers = field(default_factory=_none)

    def found(self, keys: Integers) -> tuple[Integers, Bools]:
        """Return the places of some pairs, and which of them have a row; others have a place that is not theirs."""
        places = np.searchsorted(self.keys, keys)
        inside = places < len(self.keys)
        places = np.where(inside, places, 0)
        return places, inside & (self.keys[places] == keys) if len(self.keys) else np.zeros(len(keys), dtype=bool)

    def with_rows(self, keys: Integers) -> Integers:
        """Return the places of some pairs, sorted as they are; those that had no row have an empty one now."""
        _, there = self.found(keys)
        new = keys[~there]
        if len(new):
            before = np.searchsorted(self.keys, new)
            self.keys = np.insert(self.keys, before, new)
            for name in ("since", "ended", "told", "number"):
                setattr(self, name, np.insert(getattr(self, name), before, 0))
        return np.searchsorted(self.keys, keys)

    def only(self, keep: Bools) -> None:
        """Drop all rows but some."""
        for name in ("keys", "since", "ended", "told", "number"):
            setattr(self, name, getattr(self, name)[keep])
