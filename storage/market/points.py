"""Raw series: written in batches as wide rows, read as columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from signals.inputs import BARS, INPUTS, LEVELS
from signals.units import from_ms, to_ms
from signals.venues import venue_order
from storage.market import rewritten, settlements
from storage.market.rewritten import Written
from storage.market.settlements import RATES, Settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    import pandas as pd

    from signals.series import Array
    from storage.engine.database import Store
    from storage.engine.work import Work


@dataclass(frozen=True, slots=True)
class Points:
    """Values of one venue and asset.

    step: length of the bars; None for values that hold at an instant. frame: index `at` in UTC, columns input names of
    one kind, float64, NaN where a value is not known. settled: the frame holds funding rates as they were settled, with
    their intervals and nothing else; what a venue announces is no settlement.
    """

    venue: str
    asset: str
    step: timedelta | None
    frame: pd.DataFrame
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest known value of an input: when it became known (a bar: at its close), and where."""

    at: datetime
    value: float
    venue: str


@dataclass(frozen=True, slots=True)
class Series:
    """What is stored of one input: venue, step in seconds (0: instants), first and last time with a value, in ms."""

    venue: str
    step: int
    first: int
    last: int

    @property
    def known(self) -> int:
        """Return when the last value became known: a bar at its close, an instant at once."""
        return self.last + self.step * 1000


_AS_FRESH_MS = 11 * 60_000  # venues that publish each five minutes are that far apart


_MANY = 100  # rows from which on a statement of their own pays


def _upsert(table: str, head: str, columns: tuple[str, ...]) -> str:
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    # A value that is not known today never wipes out one that was known yesterday.
    sets = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in columns)
    key = "asset, venue, step, at" if table == "bars" else "asset, venue, at"
    return f"INSERT INTO {table} ({key}, {names}) VALUES ({head}, ?, {marks}) ON CONFLICT DO UPDATE SET {sets}"  # noqa: S608


def _literals(work: Work, *values: str | int) -> str:
    """Return values as SQLite itself quotes them: what is the same in every row need not be bound in every row."""
    quoted = work.execute(f"SELECT {', '.join(['quote(?)'] * len(values))}", values).fetchone()
    return ", ".join(quoted)


def write(store: Store, batches: Iterable[Points]) -> int:
    """Store points in one transaction and return how many values were given. Writing the same twice changes nothing.

    A tick brings thousands of frames of one row, a backfill a few of thousands: the former are put together into one
    statement a table, since a statement a frame costs many times what its row does.
    """
    every = [block for points in batches if len((block := _block(points)).times)]  # before anybody waits for the writer
    with store.write() as work:
        waiting: dict[str, list[tuple[Any, ...]]] = {"bars": [], "levels": []}
        for block in every:
            if block.settled:
                settlements.write(work, block.asset, block.venue, block.settlements())
                continue
            table = "bars" if block.step else "levels"
            if len(block.times) < _MANY:
                waiting[table] += _whole_rows(block)
                continue
            _flush(work, table, waiting)  # in their order: what comes later wins
            literal = _literals(work, block.asset, block.venue, *([block.step] if block.step else []))
            # SQLite keeps NaN as NULL, so the values go in as they are.
            body = zip(block.times, *(column.tolist() for column in block.values.T), strict=True)
            work.executemany(_upsert(table, literal, block.columns), body)
        for table in waiting:
            _flush(work, table, waiting)
        rewritten.note_late(work, _spans(every))
        work.executemany(
            "INSERT INTO series (asset, input, venue, step, first, last) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT "
            "DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)",
            (
                (block.asset, name, block.venue, block.step, first, last)
                for block in every
                for name, first, last in block.spans
            ),
        )
    return sum(block.count for block in every)


@dataclass(frozen=True, slots=True)
class _Block:
    """Points as they are written: only columns that we know, only rows with a value. step: seconds; 0 for instants."""

    asset: str
    venue: str
    step: int
    columns: tuple[str, ...]
    times: list[int]
    values: Array
    count: int
    spans: list[tuple[str, int, int]]  # inputs, each with the first and the last time with a value
    settled: bool = False

    def settlements(self) -> list[Settled]:
        """Return the rows as settlements."""
        found = [dict(zip(self.columns, row, strict=True)) for row in self.values.tolist()]
        return [
            Settled(at, row["funding_rate"], row.get("funding_interval_hours"))
            for at, row in zip(self.times, found, strict=True)
        ]


def _block(points: Points) -> _Block:
    known_names = RATES if points.settled else LEVELS if points.step is None else BARS
    given = points.frame.columns.tolist()
    columns = tuple(name for name in given if name in known_names)
    frame = points.frame if len(columns) == len(given) else points.frame[list(columns)]
    if points.settled:  # an interval without a rate is no settlement
        frame = frame[frame["funding_rate"].notna()] if "funding_rate" in columns else frame.iloc[:0]
    values = frame.to_numpy(dtype=float, na_value=math.nan)
    known = values == values  # noqa: PLR0124 - the plain test for NaN
    times = cast("pd.DatetimeIndex", frame.index).as_unit("ms").asi8
    spans: list[tuple[str, int, int]] = []
    if len(times) == 1:  # of a tick nearly all: no array is made where one number will do
        at = int(times[0])
        spans = [(name, at, at) for name, is_known in zip(columns, known[0].tolist(), strict=True) if is_known]
        kept, count = times[: bool(spans)], len(spans)
        values = values[: bool(spans)]
    else:
        for place, name in enumerate(columns):
            if len(of := times[known[:, place]]):
                spans.append((name, int(of.min()), int(of.max())))
        rows = known.any(axis=1)
        kept, count, values = times[rows], int(known.sum()), values[rows]
    step = 0 if points.step is None else int(points.step.total_seconds())
    return _Block(points.asset, points.venue, step, columns, kept.tolist(), values, count, spans, points.settled)


def _spans(blocks: Iterable[_Block]) -> Iterator[Written]:
    """Return what is written of each input, for whoever keeps what was stored before."""
    return (
        Written(block.asset, block.venue, name, block.step, first, last)
        for block in blocks
        for name, first, last in block.spans
    )


def _whole_rows(block: _Block) -> list[tuple[Any, ...]]:
    """Return rows of all columns of a table, None where nothing is given."""
    every = BARS if block.step else LEVELS
    head = [block.asset, block.venue, *([block.step] if block.step else [])]
    places = [every.index(name) for name in block.columns]
    found = []
    for at, given in zip(block.times, block.values.tolist(), strict=True):
        row: list[Any] = [None] * len(every)
        for place, value in zip(places, given, strict=True):
            row[place] = value
        found.append((*head, at, *row))
    return found


def _flush(work: Work, table: str, waiting: dict[str, list[tuple[Any, ...]]]) -> None:
    """Write the rows that wait for a table."""
    if rows := waiting[table]:
        head, columns = ("?, ?, ?", BARS) if table == "bars" else ("?, ?", LEVELS)
        work.executemany(_upsert(table, head, columns), rows)
        waiting[table] = []


def directory(store: Store, asset: str | None = None) -> dict[tuple[str, str], list[Series]]:
    """Return what is stored, by (asset, input): of one asset or of all. The cost is by series, not by points."""
    found: dict[tuple[str, str], list[Series]] = {}
    only, of = ("WHERE asset = ?", (asset,)) if asset else ("", ())
    for row in store.rows(f"SELECT asset, input, venue, step, first, last FROM series {only}", of):  # noqa: S608
        found.setdefault((row[0], row[1]), []).append(Series(*row[2:]))
    return found


def stored(store: Store, asset: str, name: str) -> list[Series]:
    """Return what is stored of one input, by venue and step."""
    rows = store.rows("SELECT venue, step, first, last FROM series WHERE asset = ? AND input = ?", (asset, name))
    return [Series(*row) for row in rows]


def newest(store: Store, asset: str, name: str, venue: str | None = None) -> Newest | None:
    """Return the newest known value of one input, of one venue or of whichever venue has the newest.

    Of venues that are about as fresh the same one speaks every time: else the figure would change its venue with every
    second in which one of them answers later than another.
    """
    every = [each for each in stored(store, asset, name) if venue in (None, each.venue)]
    if not every:
        return None
    latest = max(each.known for each in every)
    fresh = [each.venue for each in every if latest - each.known <= _AS_FRESH_MS]
    speaker = min(fresh, key=lambda each: (venue_order(each), each))
    mine = [each for each in every if each.venue == speaker]
    best = max(mine, key=lambda each: (each.known, each.step))  # of a whole day and its last hour the day is exact
    if name in RATES and (paid := settlements.value_at(store, asset, best.venue, name, best.last)) is not None:
        return Newest(from_ms(best.known), paid, best.venue)
    table, step = ("bars", "AND step = ?") if best.step else ("levels", "")
    row = store.one(
        f"SELECT {name} AS value FROM {table} WHERE asset = ? AND venue = ? AND at = ? {step}",  # noqa: S608 - our names
        (asset, best.venue, best.last, *([best.step] if best.step else [])),
    )
    return None if row is None else Newest(from_ms(best.known), row["value"], best.venue)


def venues_of(store: Store, asset: str, name: str) -> list[str]:
    """Return the venues that have any value of this input for this asset."""
    return list(dict.fromkeys(each.venue for each in stored(store, asset, name)))


def assets(store: Store) -> list[str]:
    """Return every asset that anything is stored of, by name."""
    return [row["asset"] for row in store.rows("SELECT DISTINCT asset FROM series ORDER BY asset")]


def span(store: Store, asset: str, name: str) -> tuple[datetime, datetime] | None:
    """Return when the first and the last known value of an input lie; None if there is none."""
    every = stored(store, asset, name)
    if not every:
        return None
    return from_ms(min(each.first for each in every)), from_ms(max(each.last for each in every))


def last_times(
    store: Store, asset: str, venue: str, name: str, *, start: datetime, end: datetime, most: int
) -> list[int]:
    """Return the newest times (ms) in [start, end) at which an instant's value is known, the newest first."""
    rows = store.tuples(
        f"SELECT at FROM levels WHERE asset = ? AND venue = ? AND at >= ? AND at < ? AND {name} IS NOT NULL "  # noqa: S608
        "ORDER BY at DESC LIMIT ?",
        (asset, venue, to_ms(start), to_ms(end), most),
    )
    announced = [row[0] for row in rows]
    if name not in RATES:
        return announced
    paid = settlements.last_times(store, asset, venue, name, start=to_ms(start), end=to_ms(end), most=most)
    return sorted({*announced, *paid}, reverse=True)[:most]


def last_before(store: Store, asset: str, name: str, series: Series, end: datetime) -> int:
    """Return the last time (ms) before `end` at which this series has a value; its first one if there is none."""
    table, step = ("bars", "AND step = ?") if series.step else ("levels", "")
    row = store.one(
        f"SELECT at FROM {table} WHERE asset = ? AND venue = ? AND at < ? {step} AND {name} IS NOT NULL "  # noqa: S608
        "ORDER BY at DESC LIMIT 1",
        (asset, series.venue, to_ms(end), *([series.step] if series.step else [])),
    )
    last = series.first if row is None else int(row["at"])
    if name not in RATES:
        return last
    paid = settlements.last_times(store, asset, series.venue, name, start=0, end=to_ms(end), most=1)
    return max([last, *paid])


def count(store: Store, asset: str, venue: str, name: str, *, start: datetime, end: datetime, apart: timedelta) -> int:
    """Return in how many stretches of length `apart` an input has a value in [start, end).

    Stretches, not values: a venue that is asked each minute does not know more of a year than one that tells hours.
    """
    if name in RATES:
        return settlements.count(
            store, asset, venue, name, start=to_ms(start), end=to_ms(end), apart=round(apart.total_seconds() * 1000)
        )
    row = store.one(
        f"SELECT count(DISTINCT at / ?) AS n FROM {'bars' if INPUTS[name].kind == 'bar' else 'levels'} "  # noqa: S608 - our names
        f"WHERE asset = ? AND venue = ? AND at >= ? AND at < ? AND {name} IS NOT NULL",
        (round(apart.total_seconds() * 1000), asset, venue, to_ms(start), to_ms(end)),
    )
    return 0 if row is None else int(row["n"])


def columns(
    store: Store, asset: str, venue: str, names: Sequence[str], *, start: datetime, end: datetime
) -> tuple[list[int], list[int], dict[str, list[float | None]]]:
    """Read inputs of one kind for one venue: times in ms, bar lengths in seconds (0 for levels), values by input.

    Rows in [start, end), ascending in time; None where a value is not known.
    """
    if INPUTS[names[0]].kind == "bar":
        # Named, because the key has them before the time: without them every bar of the venue would be passed by.
        steps = sorted({each.step for name in names for each in stored(store, asset, name) if each.venue == venue})
        table, step, which = "bars", "step, ", f"AND step IN ({', '.join(map(str, steps))})"
    else:
        table, step, which = "levels", "", ""
    found = store.tuples(
        f"SELECT at, {step}{', '.join(names)} FROM {table} "  # noqa: S608 - names are ours, steps are numbers
        f"WHERE asset = ? AND venue = ? {which} AND at >= ? AND at < ? ORDER BY at",
        (asset, venue, to_ms(start), to_ms(end)),
    )
    if any(name in RATES for name in names):
        found = _with_settlements(store, asset, venue, names, found, to_ms(start), to_ms(end))
    at, *rest = map(list, zip(*found, strict=True)) if found else [[] for _ in range(1 + bool(step) + len(names))]
    lengths, values = (rest[0], rest[1:]) if step else ([0] * len(at), rest)
    return at, lengths, dict(zip(names, values, strict=True))


def _with_settlements(
    store: Store, asset: str, venue: str, names: Sequence[str], rows: list[tuple[Any, ...]], start: int, end: int
) -> list[tuple[Any, ...]]:
    """Put what was settled among the rows of levels, ascending: in a row of the same time it counts."""
    paid = settlements.within(store, asset, venue, start=start, end=end)
    if not paid:
        return rows
    places = [RATES.index(name) + 1 if name in RATES else None for name in names]
    settled = {row.at: (row.at, *(None if n is None else row[n] for n in places)) for row in paid}
    alone = []
    for row in rows:
        if row[0] in settled:
            both = zip(row, settled[row[0]], strict=True)
            settled[row[0]] = tuple(old if new is None else new for old, new in both)
        else:
            alone.append(row)
    return sorted([*alone, *settled.values()], key=itemgetter(0))
