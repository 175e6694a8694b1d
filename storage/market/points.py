"""Raw series: written in batches as wide rows, read as columns."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, cast

from signals.inputs import BARS, INPUTS, LEVELS
from signals.units import MINUTE_MS, SECOND, SECOND_MS, from_ms, in_ms, to_ms
from signals.venues import venue_order
from storage.engine.sql import queries
from storage.market import settlements, writing
from storage.market.settlements import RATES
from storage.market.writing import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    import pandas as pd

    from signals.series import Array
    from storage.engine.database import Store

    Column = Sequence[float] | Array

SQL: Final = queries("storage.market")


@dataclass(frozen=True, slots=True)
class Points:
    """Values of one venue and asset.

    step: length of the bars; None for values that hold at an instant. times: in ms, ascending, each once. columns: by
    input, all of one kind, one value a time: a list where there are few, an array where there are many; NaN where a
    value is not known. settled: they are funding rates as they were settled, with their intervals and nothing else;
    what a venue announces is no settlement.
    """

    venue: str
    asset: str
    step: timedelta | None
    times: Sequence[int]
    columns: Mapping[str, Column]
    settled: bool = False

    def __len__(self) -> int:
        """Return how many times there are."""
        return len(self.times)

    @classmethod
    def of_frame(
        cls,
        venue: str,
        asset: str,
        step: timedelta | None,
        frame: pd.DataFrame,
        settled: bool = False,  # noqa: FBT001, FBT002 - as the fields
    ) -> Self:
        """Take a frame: index of times in UTC in any order, columns inputs. ValueError for what is no number."""
        frame = frame.sort_index()
        times = cast("pd.DatetimeIndex", frame.index).as_unit("ms").asi8.tolist()
        columns = {str(name): frame[name].to_numpy(dtype=float) for name in frame.columns}
        return cls(venue, asset, step, times, columns, settled)

    def frame(self) -> pd.DataFrame:
        """Return a frame: index `at` in UTC, columns by input, float64."""
        import pandas as pd  # noqa: PLC0415 - what is live goes from JSON to the store without it

        at = pd.DatetimeIndex(pd.to_datetime(list(self.times), unit="ms", utc=True), name="at")
        return pd.DataFrame(dict(self.columns), index=at, dtype="float64")

    def count(self) -> int:
        """Count the values that are known."""
        return sum(value == value for column in self.columns.values() for value in plain(column))  # noqa: PLR0124 - NaN

    def row(self, place: int) -> dict[str, float]:
        """Return the values of one time by input."""
        return {name: float(values[place]) for name, values in self.columns.items()}

    def taken(self, places: Collection[int]) -> Self:
        """Return the rows at these places, in their order."""
        columns = {name: [values[place] for place in places] for name, values in self.columns.items()}
        return replace(self, times=[self.times[place] for place in places], columns=columns)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How many assets stand at one venue, each at an instant: what one answer tells of all of them.

    assets: each once. times: in ms, one an asset. columns: by input, all of them instants, one value an asset.
    """

    venue: str
    assets: Sequence[str]
    times: Sequence[int]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        """Return of how many assets it is."""
        return len(self.assets)

    def of(self, place: int) -> Points:
        """Return one asset by itself."""
        columns = {name: [float(values[place])] for name, values in self.columns.items()}
        return Points(self.venue, self.assets[place], None, [self.times[place]], columns)

    def taken(self, places: Collection[int]) -> Snapshot:
        """Return the assets at these places, in their order."""
        return Snapshot(
            self.venue,
            [self.assets[place] for place in places],
            [self.times[place] for place in places],
            {name: [values[place] for place in places] for name, values in self.columns.items()},
        )


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest known value of an input: when it became known (a bar: at its close), and where."""

    at: datetime
    value: float
    venue: str


class StoredSeries(NamedTuple):
    """What is stored of one input: venue, step in seconds (0: instants), first and last time with a value, in ms."""

    venue: str
    step: int
    first: int
    last: int

    @property
    def known(self) -> int:
        """Return when the last value became known: a bar at its close, an instant at once."""
        return self.last + self.step * SECOND_MS


_AS_FRESH_MS: Final = 11 * MINUTE_MS  # venues that publish each five minutes are that far apart


def write(store: Store, batches: Iterable[Points], snapshots: Iterable[Snapshot] = ()) -> int:
    """Store points in one transaction and return how many values were given. Writing the same twice changes nothing."""
    return writing.write(store, batches, snapshots)


def directory(store: Store, asset: str | None = None) -> dict[tuple[str, str], list[StoredSeries]]:
    """Return what is stored, by (asset, input): of one asset or of all. The cost is by series, not by points."""
    found: dict[tuple[str, str], list[StoredSeries]] = {}
    rows = store.read_plain(SQL.series_of_asset, asset=asset) if asset else store.read_plain(SQL.all_series)
    for of, name, *series in rows:
        found.setdefault((of, name), []).append(StoredSeries._make(series))
    return found


def stored(store: Store, asset: str, name: str) -> list[StoredSeries]:
    """Return what is stored of one input, by venue and step."""
    return [StoredSeries(*row) for row in store.read_plain(SQL.series_of_input, asset=asset, input=name)]


def newest(store: Store, asset: str, name: str, venue: str | None = None) -> Newest | None:
    """Return the newest known value of one input, of one venue or of whichever venue has the newest.

    Of venues that are about as fresh the same one speaks every time: else the figure would change its venue with every
    second in which one of them answers later than another.
    """
    found = [series for series in stored(store, asset, name) if venue in (None, series.venue)]
    if not found:
        return None
    latest = max(series.known for series in found)
    fresh = [series.venue for series in found if latest - series.known <= _AS_FRESH_MS]
    speaker = min(fresh, key=lambda name: (venue_order(name), name))
    best = _speaking(series for series in found if series.venue == speaker)
    if name in RATES and (paid := settlements.value_at(store, asset, speaker, name, best.last)) is not None:
        return Newest(from_ms(best.known), paid, speaker)
    query = (SQL.bar_at if best.step else SQL.level_at).filled(input=name)
    step = {"step": best.step} if best.step else {}
    row = store.read_one(query, asset=asset, venue=speaker, at=best.last, **step)
    return None if row is None else Newest(from_ms(best.known), row["value"], speaker)


def newest_of_all(store: Store) -> dict[tuple[str, str, str], Newest]:
    """Return the newest known value of every venue, asset and input in a few queries: a process begins with it."""
    by_key: dict[tuple[str, str, str], list[StoredSeries]] = {}
    for (asset, name), every in directory(store).items():
        for series in every:
            by_key.setdefault((series.venue, asset, name), []).append(series)
    best = {key: _speaking(every) for key, every in by_key.items()}
    found: dict[tuple[str, str, str], Newest] = {}
    for query, names in ((SQL.last_bars, BARS), (SQL.last_levels, LEVELS), (SQL.last_settled, RATES)):
        places = {name: place for place, name in enumerate(names, start=4)}
        for row in store.read_plain(query.filled(columns=", ".join(names))):
            venue, asset, step, at = row[:4]
            for name, place in places.items():
                speaks = best.get((venue, asset, name))
                if speaks and (speaks.step, speaks.last) == (step, at) and row[place] is not None:
                    found[venue, asset, name] = Newest(from_ms(speaks.known), row[place], venue)
    return found


def _speaking(every: Iterable[StoredSeries]) -> StoredSeries:
    """Choose the series that was known last; of a whole day and its last hour the day is exact."""
    return max(every, key=lambda series: (series.known, series.step))


def venues_of(store: Store, asset: str, name: str) -> list[str]:
    """Return the venues that have any value of this input for this asset."""
    return list(dict.fromkeys(series.venue for series in stored(store, asset, name)))


def assets(store: Store) -> list[str]:
    """Return every asset that anything is stored of, by name."""
    return [row[0] for row in store.read_plain(SQL.assets)]


def span(store: Store, asset: str, name: str) -> tuple[datetime, datetime] | None:
    """Return when the first and the last known value of an input lie; None if there is none."""
    found = stored(store, asset, name)
    if not found:
        return None
    return from_ms(min(series.first for series in found)), from_ms(max(series.last for series in found))


def last_times(
    store: Store, asset: str, venue: str, name: str, *, start: datetime, end: datetime, most: int
) -> list[int]:
    """Return the newest times (ms) in [start, end) at which an instant's value is known, the newest first."""
    query = SQL.last_level_times.filled(input=name)
    span_of = {"start": to_ms(start), "end": to_ms(end)}
    announced = [row[0] for row in store.read_plain(query, asset=asset, venue=venue, most=most, **span_of)]
    if name not in RATES:
        return announced
    paid = settlements.last_times(store, asset, venue, name, most=most, **span_of)
    return sorted({*announced, *paid}, reverse=True)[:most]


def last_before(store: Store, asset: str, name: str, series: StoredSeries, end: datetime) -> int:
    """Return the last time (ms) before `end` at which this series has a value; its first one if there is none."""
    query = (SQL.last_bar_before if series.step else SQL.last_level_before).filled(input=name)
    step = {"step": series.step} if series.step else {}
    row = store.read_one(query, asset=asset, venue=series.venue, end=to_ms(end), **step)
    last = series.first if row is None else int(row["at"])
    if name not in RATES:
        return last
    return max([last, *settlements.last_times(store, asset, series.venue, name, start=0, end=to_ms(end), most=1)])


def count(store: Store, asset: str, venue: str, name: str, *, start: datetime, end: datetime, apart: timedelta) -> int:
    """Return in how many stretches of length `apart` an input has a value in [start, end).

    Stretches, not values: a venue that is asked each minute does not know more of a year than one that tells hours.
    """
    span_of = {"start": to_ms(start), "end": to_ms(end), "apart": in_ms(apart)}
    if name in RATES:
        return settlements.count(store, asset, venue, name, **span_of)
    table = "bars" if INPUTS[name].kind == "bar" else "levels"
    query = SQL.count_stretches.filled(table=table, input=name)
    row = store.read_one(query, asset=asset, venue=venue, **span_of)
    return 0 if row is None else int(row["n"])


def columns(
    store: Store,
    asset: str,
    venue: str,
    names: Sequence[str],
    *,
    start: datetime,
    end: datetime,
    step: timedelta | None = None,
) -> tuple[list[int], list[int], dict[str, list[float | None]]]:
    """Read inputs of one kind for one venue: times in ms, bar lengths in seconds (0 for levels), values by input.

    Rows in [start, end), ascending in time; None where a value is not known. step: of bars only those of this length.
    """
    of: dict[str, Any] = {"asset": asset, "venue": venue, "start": to_ms(start), "end": to_ms(end)}
    listed = ", ".join(names)
    if INPUTS[names[0]].kind == "bar":
        # Named, because the key has them before the time: without them every bar of the venue would be passed by.
        every = {series.step for name in names for series in stored(store, asset, name) if series.venue == venue}
        steps = sorted(length for length in every if step is None or length * SECOND == step)
        found = store.read_plain(SQL.bars_between.filled(columns=listed), steps=json.dumps(steps), **of)
        at, lengths, *values = map(list, zip(*found, strict=True)) if found else [[] for _ in range(2 + len(names))]
    else:
        found = store.read_plain(SQL.levels_between.filled(columns=listed), **of)
        if any(name in RATES for name in names):
            found = _with_settlements(store, asset, venue, names, found, of["start"], of["end"])
        at, *values = map(list, zip(*found, strict=True)) if found else [[] for _ in range(1 + len(names))]
        lengths = [0] * len(at)
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
