"""Funding as it was settled: what was paid, and when. What venues announce in between stays among the levels.

Metrics read both as one series, `funding_rate`; where both have a value of the same time, what was settled counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from signals.liquidation import watching
from signals.liquidation.funding import PastRate
from signals.liquidation.watching import RateRow
from signals.units import HOUR_MS, MINUTE_MS, to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from signals.liquidation.funding import Settlement
    from storage.engine.database import Store
    from storage.engine.work import Work

SQL: Final = queries("storage.market")
RATES: Final = ("funding_rate", "funding_interval_hours")  # the inputs that are settled
_NEAR_MS: Final = 5 * MINUTE_MS  # of an hour: where marks and the last announcements before it are looked for


class Settled(NamedTuple):
    """One settlement of a venue: when (ms), the rate, and the hours since the one before it; None where not known."""

    at: int
    rate: float
    hours: float | None


def are_settled(times: Iterable[int], marked: Collection[int]) -> set[int]:
    """Return which rates of a file that does not say so were settled: within five minutes of their hour, unmarked.

    times: of rates, in ms. marked: times with a mark price, which venues send with the rate that is building.
    """
    return {at for at in times if at % HOUR_MS < _NEAR_MS and at not in marked}


def write(work: Work, rows: Iterable[tuple[str, str, Settled]]) -> None:
    """Keep settlements, each with its asset and venue; those of the same times are replaced."""
    work.table(
        SQL.add_settlement,
        ("asset", "venue", "at", "rate", "hours"),
        ((asset, venue, *settled) for asset, venue, settled in rows),
    )


def within(store: Store, asset: str, venue: str, *, start: int, end: int) -> list[Settled]:
    """Return the settlements in [start, end) (ms), ascending."""
    return [
        Settled(*row)
        for row in store.read_plain(SQL.settlements_within, asset=asset, venue=venue, start=start, end=end)
    ]


def value_at(store: Store, asset: str, venue: str, name: str, at: int) -> float | None:
    """Return what was settled at a time (ms): the rate or its interval; None where nothing was."""
    row = store.read_one(SQL.settlement_at.filled(name=name), asset=asset, venue=venue, at=at)
    return None if row is None else row["value"]


def last_times(store: Store, asset: str, venue: str, name: str, *, start: int, end: int, most: int) -> list[int]:
    """Return the newest times (ms) in [start, end) at which a value was settled, the newest first."""
    rows = store.read_plain(
        SQL.last_settlements.filled(name=name), asset=asset, venue=venue, start=start, end=end, most=most
    )
    return [at for (at,) in rows]


def count(store: Store, asset: str, venue: str, name: str, *, start: int, end: int, apart: int) -> int:
    """Return in how many stretches of length `apart` (ms) a value in [start, end) was settled or announced."""
    row = store.read_one(SQL.count_rates.filled(name=name), asset=asset, venue=venue, start=start, end=end, apart=apart)
    return 0 if row is None else row["n"]


# --- what holding has cost --------------------------------------------------------------------------------------------


def hourly(store: Store, asset: str, venue: str, *, start: datetime, end: datetime) -> list[PastRate]:
    """Return the last rate of each hour in [start, end), ascending; hours without one are left out.

    What was settled stands for its whole interval: what was announced in it was paid by nobody yet, and counts only
    where no settlement is known.
    """
    first, last = to_ms(start), to_ms(end)
    paid = within(store, asset, venue, start=first, end=last)
    found = {row.at // HOUR_MS: (row.at, row.rate, row.hours) for row in paid}
    covered = {row.at // HOUR_MS + hour for row in paid for hour in range(1, round(row.hours or 0))}
    for hour, rate, hours, at in store.read_plain(
        SQL.last_rates_of_hours, asset=asset, venue=venue, start=first, end=last, hour=HOUR_MS
    ):
        if hour not in covered and (hour not in found or found[hour][0] < at):
            found[hour] = at, rate, hours
    return [PastRate(hour, *found[hour][1:]) for hour in sorted(found)]


def settled(
    store: Store, asset: str, venue: str, *, start: datetime, end: datetime, otherwise: float, multiplier: int = 1
) -> list[Settlement] | None:
    """Return the settlements of a venue in [start, end]; None where it has no rates stored at all.

    otherwise: the mark price to take where none is stored near a settlement. multiplier: prices are of so many coins.
    """
    if not _known(store, asset, venue):
        return None
    first, last = to_ms(start) - _NEAR_MS, to_ms(end)
    rows = [
        RateRow(at, rate, hours, None if mark is None else mark * multiplier)
        for at, rate, hours, mark in store.read_plain(
            SQL.rates_near_hours, asset=asset, venue=venue, start=first, end=last, hour=HOUR_MS, near=_NEAR_MS
        )
    ]
    rows += [
        RateRow(row.at, row.rate, row.hours, None, settled=True)
        for row in within(store, asset, venue, start=first, end=last + 1)
    ]
    closes = store.read_plain(SQL.closes_of_hours, asset=asset, venue=venue, start=first - HOUR_MS, end=last)
    return watching.settlements(rows, {closed: close * multiplier for closed, close in closes}, otherwise=otherwise)


def _known(store: Store, asset: str, venue: str) -> bool:
    return store.read_one(SQL.has_rates, asset=asset, venue=venue) is not None
