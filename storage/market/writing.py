"""How points get into the tables: what is live put together, what is long in statements of its own."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from signals.inputs import BARS, LEVELS
from storage.engine.sql import queries
from storage.market import ends, settlements
from storage.market.settlements import RATES, Settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from storage.engine.database import Store
    from storage.engine.sql import Query
    from storage.engine.work import ColumnsPart
    from storage.market.ends import Spans
    from storage.market.points import Column, Points, Snapshot

    # By asset, venue, step and time: the row as it is bound to the statement, its key first and then values by input.
    _Rows = dict[tuple[str, str, int, int], dict[str, Any]]
    _Tables = dict[str, list[ColumnsPart]]  # what goes into each

SQL: Final = queries("storage.market")
_MANY: Final = 100  # rows from which on a statement of their own pays
_KNOWN: Final = {"bars": frozenset(BARS), "levels": frozenset(LEVELS)}
_UPSERTS: Final[Mapping[str, tuple[Query, tuple[str, ...]]]] = {  # how rows go into a table, and by what they are known
    "bars": (SQL.write_bars, ("asset", "venue", "step", "at")),
    "levels": (SQL.write_levels, ("asset", "venue", "at")),
}


def write(store: Store, batches: Iterable[Points], snapshots: Iterable[Snapshot] = ()) -> int:
    """Store points in one transaction and return how many values were given. Writing the same twice changes nothing.

    A round brings thousands of single rows, a backfill a few tables of thousands. The former are put together, those
    with the same columns into one statement, since a statement each costs many times what a row does. Once in a unit of
    work: what was written before is kept from others until it ends, who may have what is written next.
    """
    batches = list(batches)
    alone, others = _alone(snapshots, batches)  # before anybody waits for the writer
    stages, settled, count = _staged(batches, others)
    count += sum(len(snapshot.columns) * len(snapshot) for snapshot in alone)
    spans: Spans = {}
    tables: _Tables = {"bars": [], "levels": _rows_alone(alone)}
    for stage in stages:
        _add_rows(tables, stage.rows, spans)
        _add_blocks(tables, stage.blocks, spans)
    for block in settled:
        block.widen(spans)
    with store.write() as work:
        # Table after table, each in one go: of two processes that write the same rows one waits, never both.
        if settled:
            settlements.write(work, itertools.chain.from_iterable(map(_Block.settlements, settled)))
        for table, written in tables.items():
            if written:
                work.upsert(*_UPSERTS[table], written)
        ends.move_on(work, spans, alone)
    return count


@dataclass(frozen=True, slots=True)
class _Stage:
    """What is written before the next stage: rows that were put together, and then blocks by the rows that they have.

    Blocks of the same rows have other inputs here: in which order they are written makes no difference.
    """

    rows: _Rows = field(default_factory=dict)
    blocks: dict[tuple[str, str, int], list[_Block]] = field(default_factory=dict)


def _staged(batches: Sequence[Points], snapshots: Iterable[Snapshot]) -> tuple[list[_Stage], list[_Block], int]:
    """Return what is written, stage after stage; what was settled; and how many values it all is.

    A value comes into the first stage in which it is written after those that were given before it: what comes later
    wins. That is nearly always one stage for all.
    """
    stages, settled, count = [_Stage()], list[_Block](), 0
    for snapshot in snapshots:
        _put_all(stages[0].rows, snapshot)
        count += len(snapshot.columns) * len(snapshot)
    # By what rows have in common and input, where its last value is: twice the stage, and one more for a block.
    steps_of: dict[tuple[str, str, int], dict[str, int]] = {}
    apart = any(len(points.times) >= _MANY for points in batches)  # else there is one stage
    for points in batches:
        if points.settled or len(points.times) >= _MANY:
            block = _block(points)
            if not block.spans:
                continue
            count += block.count
            if block.settled:
                settled.append(block)
                continue
            number = _next(steps_of.setdefault(block.key, {}), block.names, whole=True)
            stages += [_Stage() for _ in range(len(stages), number + 1)]
            stages[number].blocks.setdefault(block.key, []).append(block)
            continue
        number = 0
        if apart:
            of = steps_of.setdefault((points.asset, points.venue, _seconds(points)), {})
            number = _next(of, points.columns, whole=False)
            stages += [_Stage() for _ in range(len(stages), number + 1)]
        count += _put_together(stages[number].rows, points)
    return stages, settled, count


def _next(steps: dict[str, int], names: Iterable[str], *, whole: bool) -> int:
    """Return into which stage some inputs go, and note it. whole: as a block, which comes after rows of its stage."""
    before = max((steps.get(name, -1) for name in names), default=-1)
    step = before + (before % 2 if not whole else 1 + before % 2)
    steps |= dict.fromkeys(names, step)
    return step // 2


def _seconds(points: Points) -> int:
    """Return how long the bars are; 0 for instants."""
    return 0 if points.step is None else int(points.step.total_seconds())


def _put_together(rows: _Rows, points: Points) -> int:
    """Put a few points among the rows that are written together; return how many values they are.

    Of one time there is one row, whoever asked for its parts.
    """
    step = _seconds(points)
    known, count = _KNOWN["bars" if step else "levels"], 0
    for place, at in enumerate(points.times):
        row = [
            (name, value)
            for name, column in points.columns.items()
            if (value := float(column[place])) == value and name in known
        ]
        if row:
            count += len(row)
            _put(rows, (points.asset, points.venue, step, at), row)
    return count


def _put_all(rows: _Rows, snapshot: Snapshot) -> None:
    """Put a snapshot among the rows that are written together."""
    venue, names = snapshot.venue, tuple(snapshot.columns)
    for asset, at, *row in zip(snapshot.assets, snapshot.times, *snapshot.columns.values(), strict=True):
        _put(rows, (asset, venue, 0, at), zip(names, row, strict=True))


def _alone(snapshots: Iterable[Snapshot], batches: Iterable[Points]) -> tuple[list[Snapshot], list[Snapshot]]:
    """Part snapshots by whether an input of one of their assets comes from elsewhere as well; most do not.

    Those are written as they are: their rows need not be put together, nor their ends be compared with others.
    """
    given = list(snapshots)
    taken: dict[tuple[str, str], set[str]] = {}
    shared: set[tuple[str, str]] = set()
    for points in batches:
        if points.step is None:
            for name in points.columns:
                taken.setdefault((points.venue, name), set()).add(points.asset)
    for snapshot in given:
        for name in snapshot.columns:
            of = taken.setdefault((snapshot.venue, name), set())
            if not of.isdisjoint(snapshot.assets):
                shared.add((snapshot.venue, name))
            of.update(snapshot.assets)
    alone: list[Snapshot] = []
    others: list[Snapshot] = []
    for snapshot in given:
        free = snapshot.columns and not any((snapshot.venue, name) in shared for name in snapshot.columns)
        (alone if free else others).append(snapshot)
    return _joined(alone), others


def _joined(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Put those together that tell other assets of the same inputs and time, or other inputs of the same assets.

    One answer is read in portions and for several topics, and the directory would move each of them on by itself. The
    inputs are in one order, whichever topic was answered first: rows of one kind are one statement.
    """
    parts: dict[tuple[str, frozenset[str], frozenset[int]], list[Snapshot]] = {}
    for snapshot in snapshots:
        key = (snapshot.venue, frozenset(snapshot.columns), frozenset(snapshot.times))
        parts.setdefault(key, []).append(snapshot)
    found: dict[tuple[str, tuple[str, ...], tuple[int, ...]], Snapshot] = {}
    for same in parts.values():
        whole = same[0] if len(same) == 1 else _in_one(same)
        of = (whole.venue, tuple(whole.assets), tuple(whole.times))
        columns = {**found[of].columns, **whole.columns} if of in found else whole.columns
        found[of] = replace(whole, columns=dict(sorted(columns.items())))
    return list(found.values())


def _in_one(same: Sequence[Snapshot]) -> Snapshot:
    """Return snapshots of the same inputs one after the other as one."""
    joined = itertools.chain.from_iterable
    return replace(
        same[0],
        assets=list(joined(part.assets for part in same)),
        times=list(joined(part.times for part in same)),
        columns={name: list(joined(part.columns[name] for part in same)) for name in same[0].columns},
    )


def _rows_alone(snapshots: Sequence[Snapshot]) -> list[ColumnsPart]:
    """Return the rows of snapshots that share no input of an asset, those with the same inputs together."""
    alike: dict[tuple[str, ...], list[Iterable[tuple[Any, ...]]]] = {}
    for snapshot in snapshots:
        venues = itertools.repeat(snapshot.venue, len(snapshot))
        rows = zip(snapshot.assets, venues, snapshot.times, *snapshot.columns.values(), strict=True)
        alike.setdefault(tuple(snapshot.columns), []).append(rows)
    return [(names, itertools.chain.from_iterable(same)) for names, same in alike.items()]


def _put(rows: _Rows, key: tuple[str, str, int, int], values: Iterable[tuple[str, float]]) -> None:
    row = rows.get(key)
    if row is None:
        asset, venue, step, at = key
        row = rows[key] = {"asset": asset, "venue": venue, **({"step": step} if step else {}), "at": at}
    row.update(values)


@dataclass(frozen=True, slots=True)
class _Block:
    """Points as they are written: only inputs that we know, only rows with a value. step: seconds; 0 for instants."""

    asset: str
    venue: str
    step: int
    names: tuple[str, ...]
    times: Sequence[int]
    values: list[Sequence[float]]
    count: int
    spans: list[tuple[str, int, int]]  # inputs, each with the first and the last time with a value
    settled: bool = False

    @property
    def key(self) -> tuple[str, str, int]:
        """Return what all of its rows have in common."""
        return self.asset, self.venue, self.step

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Return the rows as they are bound to the statement, the key of each first."""
        same = (self.asset, self.venue, *([self.step] if self.step else []))
        return zip(*map(itertools.repeat, same), self.times, *self.values, strict=False)

    def taken(self, places: Sequence[int]) -> list[Sequence[float]]:
        """Return its values of some rows."""
        return [[column[place] for place in places] for column in self.values]

    def joined(self, other: _Block) -> _Block:
        """Return this and a block of other inputs of the same times in one."""
        return replace(self, names=(*self.names, *other.names), values=[*self.values, *other.values])

    def widen(self, spans: Spans) -> None:
        """Add how far the series go in it."""
        of = spans.setdefault(self.key, {})
        for name, first, last in self.spans:
            _widen(of, name, first, last)

    def settlements(self) -> list[tuple[str, str, Settled]]:
        """Return the rows as settlements with their asset and venue; an interval without a rate is none."""
        rates, hours = (dict(zip(self.names, self.values, strict=True)).get(name) for name in RATES)
        rows = zip(self.times, rates or (), hours or itertools.repeat(None), strict=False)
        return [(self.asset, self.venue, Settled(at, rate, known)) for at, rate, known in rows]


def _block(points: Points) -> _Block:
    if points.settled:
        return _settled_block(points)
    step = _seconds(points)
    known_names = _KNOWN["bars" if step else "levels"]
    names = tuple(name for name in points.columns if name in known_names)
    values = [plain(points.columns[name]) for name in names]
    spans: list[tuple[str, int, int]] = []
    count, whole = 0, False
    rows: set[int] = set()
    for name, column in zip(names, values, strict=True):
        if not math.isnan(sum(column)):  # as most are
            whole = True
            spans.append((name, points.times[0], points.times[-1]))
            count += len(column)
        elif known := [place for place, value in enumerate(column) if not math.isnan(value)]:
            spans.append((name, points.times[known[0]], points.times[known[-1]]))
            count += len(known)
            rows.update(known)
    if whole or len(rows) == len(points.times):
        return _Block(points.asset, points.venue, step, names, points.times, values, count, spans)
    kept = sorted(rows)
    times = [points.times[place] for place in kept]
    return _Block(points.asset, points.venue, step, names, times, [[c[n] for n in kept] for c in values], count, spans)


def _settled_block(points: Points) -> _Block:
    names = tuple(name for name in RATES if name in points.columns)
    rates = plain(points.columns["funding_rate"]) if "funding_rate" in names else ()
    kept = [place for place, rate in enumerate(rates) if not math.isnan(rate)]
    times = [points.times[place] for place in kept]
    values: list[Sequence[float]] = []
    spans, count = [], 0
    for name in names:
        column = plain(points.columns[name])
        values.append([column[place] for place in kept])
        known = [at for at, value in zip(times, values[-1], strict=True) if not math.isnan(value)]
        count += len(known)
        if known:
            spans.append((name, known[0], known[-1]))
    return _Block(points.asset, points.venue, 0, names, times, values, count, spans, settled=True)


def plain(column: Column) -> Sequence[float]:
    """Return a column as numbers of Python, which is what a database takes. ValueError for what is no number."""
    if not isinstance(column, list | tuple):
        found: list[float] = column.tolist()  # type: ignore[union-attr] # an array
        return found
    return column if set(map(type, column)) <= {float} else [float(value) for value in column]


def _add_rows(tables: _Tables, rows: _Rows, spans: Spans) -> None:
    """Add rows that were put together to their tables, those with the same columns together, and how far they go."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows.values():
        alike.setdefault(tuple(row), []).append(row)
    for columns, same in alike.items():
        step = same[0].get("step", 0)
        names = columns[4 if step else 3 :]
        tables["bars" if step else "levels"].append((names, [tuple(row.values()) for row in same]))
        for row in same:
            key, at = (row["asset"], row["venue"], row.get("step", 0)), row["at"]
            of = spans.get(key)
            if of is None:
                spans[key] = dict.fromkeys(names, (at, at))
            else:
                for name in names:
                    _widen(of, name, at, at)


def _add_blocks(tables: _Tables, blocks: Mapping[tuple[str, str, int], Sequence[_Block]], spans: Spans) -> None:
    """Add blocks to their tables, each row once and those with the same columns together, and how far they go."""
    alike: dict[tuple[str, tuple[str, ...]], list[Iterator[tuple[Any, ...]]]] = {}
    for (_, _, step), same in sorted(blocks.items()):  # in the order of the table, in which pages are filled
        for block in same:
            block.widen(spans)
        for piece in _once(same):
            alike.setdefault(("bars" if step else "levels", piece.names), []).append(piece.rows())
    for (table, names), rows in alike.items():
        tables[table].append((names, itertools.chain.from_iterable(rows)))


def _once(blocks: Sequence[_Block]) -> Iterator[_Block]:
    """Return blocks of the same asset, venue and step so that each row stands in one of them.

    Each has other inputs: a history of open interest and one of ratios are two answers about the same hours. To look
    for a row a second time and to write it anew costs more than to put both together.
    """
    whole: list[_Block] = []
    for block in blocks:
        same = next((place for place, other in enumerate(whole) if other.times == block.times), None)
        if same is None:
            whole.append(block)
        else:
            whole[same] = whole[same].joined(block)
    if len(whole) == 1:
        yield whole[0]
        return
    places = [dict(zip(block.times, range(len(block.times)), strict=True)) for block in whole]
    holders: dict[int, tuple[int, ...]] = {}  # by time, which of them have it
    for number, block in enumerate(whole):
        for at in block.times:
            holders[at] = (*holders.get(at, ()), number)
    times: dict[tuple[int, ...], list[int]] = {}
    for at, having in holders.items():
        times.setdefault(having, []).append(at)
    for having, together in times.items():
        parts = [
            replace(whole[number], times=together, values=whole[number].taken([places[number][at] for at in together]))
            for number in having
        ]
        yield functools.reduce(_Block.joined, parts)


def _widen(of: dict[str, tuple[int, int]], name: str, first: int, last: int) -> None:
    known = of.get(name)
    of[name] = (first, last) if known is None else (min(first, known[0]), max(last, known[1]))
