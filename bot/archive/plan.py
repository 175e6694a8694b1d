"""Which files of the archive make up a history, newest first: days and months by the calendar, nothing is asked."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from bot.archive.binance_vision import daily, monthly
from signals.units import DAY

if TYPE_CHECKING:
    from bot.archive.binance_vision import File, Kind
    from bot.market.exchange.contracts import Contract

BEGINNING: Final[dict[Kind, date]] = {  # of the archive, for the oldest contract
    "klines": date(2020, 1, 1),
    "funding": date(2020, 1, 1),
    "metrics": date(2020, 9, 1),
    "depth": date(2023, 1, 1),
}
_METRICS_OF_OTHERS: Final = date(2021, 12, 1)
_PROBED: Final = (2, 3, 40)  # days back: a file may be missing, or a contract delisted last week


def probes(today: date) -> tuple[date, ...]:
    """Return days whose bars tell the name of a contract."""
    return tuple(today - back * DAY for back in _PROBED)


def every(contract: Contract, since: date, depth_since: date | None, today: date) -> list[File]:
    """List all files of a contract, for counting: what the listing rules out is not known yet."""
    return [
        *this_month(contract, today),
        *months("klines", contract, since, today),
        *light(contract, since, today),
        *days("depth", contract, max(depth_since or since, since), today),
    ]


def light(contract: Contract, since: date, today: date) -> list[File]:
    """List funding and metrics, newest month first."""
    files = [*months("funding", contract, since, today), *days("metrics", contract, since, today)]
    return sorted(files, key=lambda file: (file.start.year, file.start.month, not file.monthly), reverse=True)


def months(kind: Kind, contract: Contract, since: date, today: date) -> list[File]:
    """List the files of whole months that are over, newest first; the one that holds `since` comes whole."""
    found = []
    first = max(since, BEGINNING[kind])
    last_day = today.replace(day=1) - DAY
    while last_day >= first:
        found.append(monthly(kind, contract, last_day))
        last_day = last_day.replace(day=1) - DAY
    return found


def days(kind: Kind, contract: Contract, since: date, today: date) -> list[File]:
    """List the files of days, newest first, from yesterday back to `since` or the beginning."""
    begin = _METRICS_OF_OTHERS if kind == "metrics" and contract.asset != "BTC" else BEGINNING[kind]
    first, last = max(since, begin), today - DAY
    return [daily(kind, contract, last - place * DAY) for place in range((last - first).days + 1)]


def this_month(contract: Contract, today: date) -> list[File]:
    """List the bars of this month, which has no file of its own yet."""
    return days("klines", contract, today.replace(day=1), today)


def days_of(month: File) -> list[File]:
    """List the days of a month whose own file is not published yet, newest first."""
    count = (month.end - month.start).days
    found = [daily(month.kind, month.contract, month.start.date() + place * DAY) for place in range(count)]
    return found[::-1]
