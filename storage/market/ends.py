"""How far each series goes: the ends in the directory of series, moved on by what is written.

What is live goes on a minute at a time, and one answer tells of hundreds of assets at one time. Those series are
members of one row of `snapshots`, and it is this row that moves on: a row for each of them would be most of what it
costs to store a round. `spans` is the directory as it is read, whoever a series moves on with. A member that goes
further by itself, or beside others than before, takes all of them out first, so that a snapshot is whole or gone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from storage.engine.sql import queries
from storage.market import rewritten

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from storage.engine.sql import Query
    from storage.engine.work import Work
    from storage.market.points import Snapshot

    Spans = dict[tuple[str, str, int], dict[str, tuple[int, int]]]  # by asset, venue and step: first, last by input

SQL: Final = queries("storage.market")
_GROUPING: Final = "snapshots"


@dataclass(frozen=True, slots=True)
class _Alike:
    """Series of one venue and step (seconds) that go from one time to one time (ms): each input of each asset."""

    venue: str
    step: int
    first: int
    last: int
    names: tuple[str, ...]
    assets: Sequence[str]

    @property
    def given(self) -> dict[str, Any]:
        """Return what a query about all of them takes, beside the inputs."""
        return {
            "venue": self.venue,
            "step": self.step,
            "assets": json.dumps(self.assets),
            "count": len(self.names) * len(self.assets),
        }

    @property
    def key(self) -> tuple[str, str, str]:
        """Return by what a snapshot of these is found: its venue and inputs, and a print of its assets."""
        assets = hashlib.sha256(" ".join(self.assets).encode()).hexdigest()[:16]
        return self.venue, ", ".join(self.names), assets


@dataclass(frozen=True, slots=True)
class _StoredSnapshot:
    """A snapshot that is stored: its number, its venue and inputs, and the time (ms) up to which its members go."""

    id: int
    venue: str
    inputs: frozenset[str]
    last: int

    def may_be_left_by(self, alike: _Alike) -> bool:
        """Tell whether series of these inputs go further than it; whether they are members is for the store to say."""
        return (
            alike.step == 0
            and alike.venue == self.venue
            and alike.last > self.last
            and not self.inputs.isdisjoint(alike.names)
        )


def move_on(work: Work, spans: Spans, alone: Iterable[Snapshot]) -> None:
    """Tell the directory how far series go now, and note which of them have been written into their past.

    alone: what shares no input of an asset with each other or with `spans`.
    """
    known = {
        (venue, inputs, assets): _StoredSnapshot(number, venue, frozenset(inputs.split(", ")), last)
        for number, venue, inputs, assets, last in work.rows(SQL.snapshots)
    }
    moved, fresh, others = _parted(alone, known)
    others += fresh
    others += _of_spans(spans)
    doubtful = [(one, alike) for one in known.values() for alike in others if one.may_be_left_by(alike)]
    if fresh or doubtful:
        work.alone(_GROUPING)  # before any row of them is locked: who holds one never waits for another
    left = {one.id for one, alike in doubtful if work.one(_is_member(alike.names), id=one.id, **alike.given)}
    _dissolve(work, left)
    for number, alike in moved:
        if not work.run(SQL.move_snapshot, id=number, at=alike.last):
            others.append(alike)  # another process has taken it apart since
    _move_singly(work, others)
    for alike in fresh:
        _join(work, alike)


def leave(work: Work, asset: str, venue: str, step: int, name: str) -> None:
    """Let a series stand by itself, as before it is dropped."""
    work.alone(_GROUPING)
    alike = _Alike(venue, step, 0, 0, (name,), (asset,))
    _dissolve(work, _snapshots_of(work, alike))


def _parted(
    alone: Iterable[Snapshot], known: Mapping[tuple[str, str, str], _StoredSnapshot]
) -> tuple[list[tuple[int, _Alike]], list[_Alike], list[_Alike]]:
    """Return what moves on as one, what may do so from now on, and what goes by itself.

    Where a venue gives each contract a time of its own, the same series are seldom told of at the same times.
    """
    moved: list[tuple[int, _Alike]] = []
    fresh: list[_Alike] = []
    others: list[_Alike] = []
    for snapshot in alone:
        names = tuple(snapshot.columns)
        by_time: dict[int, list[str]] = {}
        for asset, at in zip(snapshot.assets, snapshot.times, strict=True):
            by_time.setdefault(at, []).append(asset)
        every = [_Alike(snapshot.venue, 0, at, at, names, assets) for at, assets in by_time.items()]
        if len(every) != 1 or len(snapshot) == 1:
            others += every
            continue
        found = known.get(every[0].key)
        if found is None:
            fresh += every
        elif found.last < every[0].last:
            moved.append((found.id, every[0]))
        else:
            others += every
    return moved, fresh, others


def _of_spans(spans: Spans) -> list[_Alike]:
    found: dict[tuple[str, int, int, int, tuple[str, ...]], list[str]] = {}
    for (asset, venue, step), ends in spans.items():
        every = set(ends.values())
        for first, last in every:
            names = tuple(ends) if len(every) == 1 else tuple(n for n, end in ends.items() if end == (first, last))
            found.setdefault((venue, step, first, last, names), []).append(asset)
    return [_Alike(*key, assets) for key, assets in found.items()]


def _move_singly(work: Work, every: Iterable[_Alike]) -> None:
    """Move each series on, those that are alike in one statement.

    It is one for each of them where one is new, is a member of a snapshot, or goes as far already.
    """
    others: list[dict[str, Any]] = []
    for alike in every:
        if not work.run(_move_alike(alike.names), first=alike.first, last=alike.last, **alike.given):
            ends = {"venue": alike.venue, "step": alike.step, "first": alike.first, "last": alike.last}
            others += [ends | {"asset": asset, "input": name} for asset in alike.assets for name in alike.names]
    rewritten.note_late(work, others)
    work.many(SQL.write_series, others)


def _join(work: Work, alike: _Alike) -> None:
    """Make a snapshot of series that have come to one time; not where one of them is further."""
    row = work.one(_ends_at(alike.names), last=alike.last, **alike.given)
    if row is None or row["n"] != len(alike.names) * len(alike.assets):
        return
    _dissolve(work, _snapshots_of(work, alike))
    venue, inputs, assets = alike.key
    number = work.insert(SQL.add_snapshot, venue=venue, inputs=inputs, members=assets, last=alike.last)
    work.run(_become_members(alike.names), id=number, **alike.given)


def _dissolve(work: Work, numbers: Collection[int]) -> None:
    """Let the members of snapshots stand by themselves, as far as they have come."""
    for number in sorted(numbers):
        row = work.one(SQL.lock_snapshot, id=number)  # so that nobody moves it on between the two
        if row is not None:
            work.run(SQL.part_members, id=number, last=row["last"])
            work.run(SQL.drop_snapshot, id=number)


def _snapshots_of(work: Work, alike: _Alike) -> set[int]:
    return {row["snapshot"] for row in work.rows(_memberships(alike.names), **alike.given)}


@cache
def _move_alike(names: tuple[str, ...]) -> Query:
    return SQL.move_alike.filled(inputs=", ".join(names))


@cache
def _is_member(names: tuple[str, ...]) -> Query:
    return SQL.is_member.filled(inputs=", ".join(names))


@cache
def _ends_at(names: tuple[str, ...]) -> Query:
    return SQL.count_ends_at.filled(inputs=", ".join(names))


@cache
def _become_members(names: tuple[str, ...]) -> Query:
    return SQL.become_members.filled(inputs=", ".join(names))


@cache
def _memberships(names: tuple[str, ...]) -> Query:
    return SQL.memberships.filled(inputs=", ".join(names))
