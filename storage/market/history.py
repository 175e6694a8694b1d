"""Stored history in the order of a file: by asset, venue and time, a page at a time, so that memory stays small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from signals.inputs import INPUTS
from signals.units import to_ms
from storage.engine.sql import queries
from storage.market.settlements import RATES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from storage.engine.database import Store

SQL: Final = queries("storage.market")
StoredValue: TypeAlias = tuple[int, str, str, str, float]  # at in ms (a bar: its open), venue, asset, input, value
_PAGE: Final = 2_000  # rows read at once


@dataclass(frozen=True, slots=True)
class Part:
    """The values of one asset and venue that belong together. step: seconds of its bars; 0 for instants.

    Funding rates are a part of their own, which holds what was settled beside what was announced.
    """

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
    found: dict[tuple[str, str, int, bool], list[str]] = {}
    for asset, venue, length, name in store.read_plain(SQL.series_in_order):
        if (assets is None or asset in assets) and (names is None or name in names):
            found.setdefault((asset, venue, length, name in RATES), []).append(name)
    shortest: dict[tuple[str, str], int] = {}
    for asset, venue, length, _ in found:
        if length and step in {None, length}:
            shortest.setdefault((asset, venue), length)
    order = list(INPUTS)
    wanted: list[Part] = []
    left: list[Part] = []
    for (asset, venue, length, _), every in found.items():
        part = Part(asset, venue, length, tuple(sorted(every, key=order.index)))
        chosen = length == shortest.get((asset, venue)) if length else step is None
        (wanted if chosen else left).append(part)
    return wanted, left


def values(
    store: Store, part: Part, *, start: datetime | None = None, end: datetime | None = None
) -> Iterator[list[StoredValue]]:
    """Read the known values of a part in [start, end), ascending, a page at a time; what is written meanwhile too.

    A page is a question of its own: no long reading keeps the write-ahead log from being emptied beside a running bot.
    """
    query = SQL.page_of_bars if part.step else SQL.page_of_rates if part.names[0] in RATES else SQL.page_of_levels
    query = query.filled(names=", ".join(part.names))
    key = {"asset": part.asset, "venue": part.venue} | ({"step": part.step} if part.step else {})
    begin, until = to_ms(start) if start else 0, to_ms(end) if end else 1 << 62
    while rows := store.read_plain(query, **key, start=begin, end=until, most=_PAGE):
        known: dict[tuple[int, str], float] = {}
        for at, *row in rows:  # what was settled comes before what was announced at the same time
            for name, value in zip(part.names, row, strict=True):
                if value is not None:
                    known.setdefault((at, name), value)
        yield [(at, part.venue, part.asset, name, value) for (at, name), value in known.items()]
        begin = rows[-1][0] + 1
