"""Stored history in the order of a file: by asset, venue and time, a page at a time, so that memory stays small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from signals.inputs import INPUTS
from signals.units import to_ms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from storage.engine.database import Store

Value: TypeAlias = tuple[int, str, str, str, float]  # at in ms (a bar: its open), venue, asset, input, value
_PAGE: Final = 2_000  # rows read at once


@dataclass(frozen=True, slots=True)
class Part:
    """The values of one asset and venue that belong together. step: seconds of its bars; 0 for instants."""

    asset: str
    venue: str
    step: int
    names: tuple[str, ...]


def parts(
    store: Store,
    *,
    assets: Collection[str] | None = None,
    names: Collection[str] | None = None,
    step: int | None = None,
) -> tuple[list[Part], list[Part]]:
    """Return what is to be written, and what is left out because its bars are longer than others of the same series.

    None: all of them. step: seconds of the bars to write; None takes the shortest of each asset and venue, since one
    file can hold only one length of them: a day and its first hour begin at the same time.
    """
    found: dict[tuple[str, str, int], list[str]] = {}
    for row in store.rows("SELECT asset, venue, step, input FROM series ORDER BY asset, venue, step"):
        if (assets is None or row["asset"] in assets) and (names is None or row["input"] in names):
            found.setdefault((row["asset"], row["venue"], row["step"]), []).append(row["input"])
    shortest: dict[tuple[str, str], int] = {}
    for asset, venue, length in found:
        if length and step in {None, length}:
            shortest.setdefault((asset, venue), length)
    order = list(INPUTS)
    wanted: list[Part] = []
    left: list[Part] = []
    for (asset, venue, length), every in found.items():
        part = Part(asset, venue, length, tuple(sorted(every, key=order.index)))
        chosen = length == shortest.get((asset, venue)) if length else step is None
        (wanted if chosen else left).append(part)
    return wanted, left


def values(
    store: Store, part: Part, *, start: datetime | None = None, end: datetime | None = None
) -> Iterator[list[Value]]:
    """Read the known values of a part in [start, end), ascending, a page at a time; what is written meanwhile too.

    A page is a question of its own: no long reading keeps the write-ahead log from being emptied beside a running bot.
    """
    table, which = ("bars", "AND step = ?") if part.step else ("levels", "")
    known = " OR ".join(f"{name} IS NOT NULL" for name in part.names)
    sql = (
        f"SELECT at, {', '.join(part.names)} FROM {table} WHERE asset = ? AND venue = ? {which} "  # noqa: S608 - our names
        f"AND at >= ? AND at < ? AND ({known}) ORDER BY at LIMIT {_PAGE}"
    )
    key = (part.asset, part.venue, *([part.step] if part.step else []))
    begin, until = to_ms(start) if start else 0, to_ms(end) if end else 1 << 62
    while rows := store.rows(sql, (*key, begin, until)):
        yield [
            (row[0], part.venue, part.asset, name, row[place])
            for row in rows
            for place, name in enumerate(part.names, 1)
            if row[place] is not None
        ]
        begin = rows[-1][0] + 1
