"""Raw series: written in batches as wide rows, read as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from signals.inputs import BARS, INPUTS, LEVELS
from storage.db import from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    import pandas as pd

    from storage.db import Store


@dataclass(frozen=True, slots=True)
class Points:
    """Values of one venue and asset.

    step: length of the bars; None for values that hold at an instant. frame: index `at` in UTC, columns input names of
    one kind, float64, NaN where a value is not known.
    """

    venue: str
    asset: str
    step: timedelta | None
    frame: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest known value of an input: when it became known (a bar: at its close), and where."""

    at: datetime
    value: float
    venue: str


def _upsert(table: str, key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    names = ", ".join((*key, *columns))
    marks = ", ".join("?" * (len(key) + len(columns)))
    # A value that is not known today never wipes out one that was known yesterday.
    sets = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO UPDATE SET {sets}"  # noqa: S608 - our names


_BAR_KEY = ("asset", "venue", "step", "at")
_LEVEL_KEY = ("asset", "venue", "at")


def write(store: Store, batches: Iterable[Points]) -> int:
    """Store points in one transaction and return how many values were given. Writing the same twice changes nothing."""
    count = 0
    with store.write() as connection:
        for points in batches:
            key, every = (_LEVEL_KEY, LEVELS) if points.step is None else (_BAR_KEY, BARS)
            columns = tuple(name for name in every if name in points.frame.columns)
            frame = points.frame.loc[:, list(columns)].dropna(how="all")
            if frame.empty:
                continue
            count += int(frame.notna().to_numpy().sum())
            times = cast("pd.DatetimeIndex", frame.index).as_unit("ms").asi8.tolist()
            step = () if points.step is None else (int(points.step.total_seconds()),)
            head = (points.asset, points.venue, *step)
            values = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
            connection.executemany(
                _upsert("levels" if points.step is None else "bars", key, columns),
                [(*head, at, *row) for at, row in zip(times, values, strict=True)],
            )
    return count


def newest(store: Store, asset: str, name: str, venue: str | None = None) -> Newest | None:
    """Return the newest known value of one input, of one venue or of whichever venue has the newest."""
    at = "at + step * 1000" if INPUTS[name].kind == "bar" else "at"
    table = "bars" if INPUTS[name].kind == "bar" else "levels"
    venues = [venue] if venue else venues_of(store, asset, name)
    best: Newest | None = None
    for each in venues:
        for step in _steps(store, asset, each) if table == "bars" else [None]:
            row = store.one(
                f"SELECT {at} AS known, {name} AS value FROM {table} WHERE asset = ? AND venue = ? "  # noqa: S608
                f"{'AND step = ? ' if step else ''}AND {name} IS NOT NULL ORDER BY at DESC LIMIT 1",
                (asset, each, step) if step else (asset, each),
            )
            if row and (best is None or from_ms(row["known"]) > best.at):
                best = Newest(from_ms(row["known"]), row["value"], each)
    return best


def venues_of(store: Store, asset: str, name: str) -> list[str]:
    """Return the venues that have any value of this input for this asset."""
    table = "bars" if INPUTS[name].kind == "bar" else "levels"
    every = store.rows(f"SELECT DISTINCT venue FROM {table} WHERE asset = ?", (asset,))  # noqa: S608 - our names
    return [
        row["venue"]
        for row in every
        if store.one(
            f"SELECT 1 FROM {table} WHERE asset = ? AND venue = ? AND {name} IS NOT NULL LIMIT 1",  # noqa: S608
            (asset, row["venue"]),
        )
    ]


def _steps(store: Store, asset: str, venue: str) -> list[int]:
    rows = store.rows("SELECT DISTINCT step FROM bars WHERE asset = ? AND venue = ? ORDER BY step", (asset, venue))
    return [row["step"] for row in rows]


def assets(store: Store) -> list[str]:
    """Return every asset that anything is stored of, by name."""
    rows = store.rows("SELECT asset FROM bars UNION SELECT asset FROM levels ORDER BY asset")
    return [row["asset"] for row in rows]


def span(store: Store, asset: str, name: str) -> tuple[datetime, datetime] | None:
    """Return when the first and the last known value of an input lie; None if there is none."""
    table = "bars" if INPUTS[name].kind == "bar" else "levels"
    row = store.one(
        f"SELECT min(at) AS first, max(at) AS last FROM {table} WHERE asset = ? AND {name} IS NOT NULL",  # noqa: S608
        (asset,),
    )
    return None if row is None or row["first"] is None else (from_ms(row["first"]), from_ms(row["last"]))


def columns(
    store: Store, asset: str, venue: str, names: Sequence[str], *, start: datetime, end: datetime
) -> tuple[list[int], list[int], dict[str, list[float | None]]]:
    """Read inputs of one kind for one venue: times in ms, bar lengths in seconds (0 for levels), values by input.

    Rows in [start, end), ascending in time; None where a value is not known.
    """
    bar = INPUTS[names[0]].kind == "bar"
    found = store.rows(
        f"SELECT at, {'step' if bar else '0'} AS step, {', '.join(names)} "  # noqa: S608 - names are ours
        f"FROM {'bars' if bar else 'levels'} WHERE asset = ? AND venue = ? AND at >= ? AND at < ? ORDER BY at",
        (asset, venue, to_ms(start), to_ms(end)),
    )
    times, steps = [row[0] for row in found], [row[1] for row in found]
    return times, steps, {name: [row[i + 2] for row in found] for i, name in enumerate(names)}
