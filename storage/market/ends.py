"""How far each series goes: the ends in the directory of series, moved on by what is written.

What is live goes on a minute at a time, and one answer tells of hundreds of assets at one time. Those series are
members of one row of `snapshots`, and it is this row that moves on, in whatever order and portions they are told of: a
row for each of them would be most of what it costs to store a round. `spans` is the directory as it is read, whoever a
series moves on with. An answer that tells of a few assets less or more than the one before takes those out of the
snapshot or in. A member that goes further by itself, or with other inputs, takes all of them out first, so that a
snapshot is whole or gone.

Who changes the directory is alone until the transaction ends: of two who move the same series on each would wait for
the other, and a value that is late beside one that is not kept yet would be noted by nobody.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
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
    _Key = tuple[str, frozenset[str], str]  # of a snapshot: its venue, its inputs, a print of its assets

SQL: Final = queries("storage.market")


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
    def members(self) -> str:
        """Return a print of the assets, whatever their order: who answers first is another one each minute."""
        return hashlib.sha256(" ".join(sorted(self.assets)).encode()).hexdigest()[:16]

    @property
    def key(self) -> _Key:
        """Return by what a snapshot of these is found."""
        return self.venue, frozenset(self.names), self.members


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


@dataclass(frozen=True, slots=True)
class _Joining:
    """Series that become members of a snapshot when they have moved on: of one that has come so far, or of a new one.

    whole: all that are members then.
    """

    alike: _Alike
    whole: _Alike
    snapshot: int | None


def move_on(work: Work, spans: Spans, alone: Iterable[Snapshot]) -> None:
    """Tell the directory how far series go now, and note which of them have been written into their past.

    alone: what shares no input of an asset with each other or with `spans`.
    """
    rewritten.alone(work)
    known: dict[_Key, _StoredSnapshot] = {}
    for number, venue, listed, members, last in work.rows(SQL.snapshots):
        inputs = frozenset(listed.split(", "))
        known[venue, inputs, members] = _StoredSnapshot(number, venue, inputs, last)
    moved, fresh, others = _parted(alone, known)
    joining = [_gone_on(work, alike, known) for alike in fresh]
    others += [joins.alike for joins in joining if joins.alike.assets]
    others += _of_spans(spans)
    doubtful = [(one, alike) for one in known.values() for alike in others if one.may_be_left_by(alike)]
    _dissolve(
        work,
        {one.id for one, alike in doubtful if work.one(_filled(SQL.is_member, alike.names), id=one.id, **alike.given)},
    )
    for number, alike in moved:
        work.run(SQL.move_snapshot, id=number, members=alike.members, last=alike.last)
    _move_singly(work, others)
    for joins in joining:
        if joins.alike.assets:
            _join(work, joins)


def leave(work: Work, asset: str, venue: str, step: int, name: str) -> None:
    """Let a series stand by itself, as before it is dropped. For who is alone with the directory already."""
    alike = _Alike(venue, step, 0, 0, (name,), (asset,))
    _dissolve(work, _snapshots_of(work, alike))


def _parted(
    alone: Iterable[Snapshot], known: Mapping[_Key, _StoredSnapshot]
) -> tuple[list[tuple[int, _Alike]], list[_Alike], list[_Alike]]:
    """Return what moves on as one, what may do so from now on, and what goes by itself.

    Where a venue gives each contract a time of its own, the same series are seldom told of at the same times.
    """
    moved: list[tuple[int, _Alike]] = []
    fresh: list[_Alike] = []
    others: list[_Alike] = []
    for snapshot in alone:
        names = tuple(snapshot.columns)
        if len(snapshot) < 2 or len(set(snapshot.times)) > 1:
            by_time: dict[int, list[str]] = {}
            for asset, at in zip(snapshot.assets, snapshot.times, strict=True):
                by_time.setdefault(at, []).append(asset)
            others += (_Alike(snapshot.venue, 0, at, at, names, assets) for at, assets in by_time.items())
            continue
        at = snapshot.times[0]
        alike = _Alike(snapshot.venue, 0, at, at, names, list(snapshot.assets))
        found = known.get(alike.key)
        if found is None:
            fresh.append(alike)
        elif found.last < alike.last:
            moved.append((found.id, alike))
        else:
            others.append(alike)
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
    singly = [
        alike
        for alike in every
        if not work.run(_filled(SQL.move_alike, alike.names), first=alike.first, last=alike.last, **alike.given)
    ]
    late = {
        (asset, alike.venue, alike.first, alike.last)
        for alike in singly
        for asset, _ in work.rows(_filled(SQL.reaching, alike.names), first=alike.first, **alike.given)
    }
    rewritten.note_late(work, sorted(late))
    work.table(
        SQL.write_series,
        ("asset", "input", "venue", "step", "first", "last"),
        (
            (asset, name, alike.venue, alike.step, alike.first, alike.last)
            for alike in singly
            for asset in alike.assets
            for name in alike.names
        ),
    )


def _gone_on(work: Work, alike: _Alike, known: Mapping[_Key, _StoredSnapshot]) -> _Joining:
    """Let the snapshot go on that has most of some series, without its others; return which of them are to join it.

    For a single asset that is not told of, hundreds would be taken out and put in again.
    """
    able = {
        one.id
        for one in known.values()
        if (one.venue, one.inputs) == (alike.venue, frozenset(alike.names)) and one.last < alike.last
    }
    told = set(alike.assets)
    rows = work.rows(SQL.members_of_input, input=alike.names[0], venue=alike.venue, step=alike.step) if able else []
    of = {asset: number for asset, number in rows if number in able}
    common = Counter(number for asset, number in of.items() if asset in told)
    if not common:
        return _Joining(alike, alike, None)
    ((number, _),) = common.most_common(1)
    if leaving := [asset for asset, member_of in of.items() if member_of == number and asset not in told]:
        work.run(_filled(SQL.part_some, alike.names), id=number, **replace(alike, assets=leaving).given)
    staying: list[str] = []
    joining: list[str] = []
    for asset in alike.assets:
        (staying if of.get(asset) == number else joining).append(asset)
    work.run(SQL.move_snapshot, id=number, members=replace(alike, assets=staying).members, last=alike.last)
    return _Joining(replace(alike, assets=joining), alike, number)


def _join(work: Work, joins: _Joining) -> None:
    """Make series that have come to one time members of a snapshot; not where one of them is further."""
    alike, whole, number = joins.alike, joins.whole, joins.snapshot
    row = work.one(_filled(SQL.count_ends_at, alike.names), last=alike.last, **alike.given)
    if row is None or row["n"] != len(alike.names) * len(alike.assets):
        return
    _dissolve(work, _snapshots_of(work, alike))
    told = {"members": whole.members, "last": whole.last}
    if number is None:
        number = work.insert(SQL.add_snapshot, venue=whole.venue, inputs=", ".join(whole.names), **told)
    else:
        work.run(SQL.move_snapshot, id=number, **told)
    work.run(_filled(SQL.become_members, alike.names), id=number, **alike.given)


def _dissolve(work: Work, numbers: Collection[int]) -> None:
    """Let the members of snapshots stand by themselves, as far as they have come."""
    for number in numbers:
        work.run(SQL.part_members, id=number)
        work.run(SQL.drop_snapshot, id=number)


def _snapshots_of(work: Work, alike: _Alike) -> set[int]:
    return {row["snapshot"] for row in work.rows(_filled(SQL.memberships, alike.names), **alike.given)}


@cache
def _filled(query: Query, names: tuple[str, ...]) -> Query:
    """Fill in the inputs of a query. Kept, since a round asks with the same ones each time."""
    return query.filled(inputs=", ".join(names))
