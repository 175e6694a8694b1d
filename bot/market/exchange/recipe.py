"""What one row of the venue table is made of: a contract, a way to ask, and the three readers.

A recipe turns one venue's raw answers into our units. It sees JSON and nothing of ccxt, so that it can be read beside
the exchange's own documentation and fed with recorded answers.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from operator import ge
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from bot.market.border.intervals import intervals
from bot.market.source import NotOffered
from signals.inputs import INPUTS
from signals.units import HOUR, MINUTE, in_ms, to_ms
from signals.venues import venue_title
from storage.market.points import Points, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.market.exchange.contracts import Contract
    from bot.market.source import Ask, Found


class Unreadable(ValueError):  # noqa: N818 -- it names the answer, as SourceDown names the source
    """An answer that parsed, but does not say what it must: missing rows, a foreign symbol, an odd clock."""


class Missing(Unreadable):
    """An answer for all contracts in which one is not: delisted, or an answer that was cut."""


# What a reader raises where an answer has another shape than it should; Unreadable is a ValueError.
UNREADABLE: Final = (IndexError, KeyError, TypeError, AttributeError, ValueError, ArithmeticError)


class Raw(Protocol):
    """Ask the venue one raw question by the name of ccxt's implicit method; the answer is a dict or a list.

    shared: the answer is the same for all assets, so one request serves every ask of the same moment with the same
    parameters. digest: makes of a shared answer what is looked up, once for all of them: hundreds of contracts that
    each search hundreds of rows would hold up the loop. optional: what is asked stands beside something better, which
    must not be lost when this is refused; the answer is None then.
    """

    async def __call__(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        shared: bool = False,
        digest: Callable[[Any], Any] | None = None,
        optional: bool = False,
    ) -> Any:
        """Return the parsed answer, or what the digest made of it; its shape is for the recipe to check."""
        ...


Recipe = Callable[[Raw, "Contract", "Ask"], Awaitable[Sequence["Found"]]]
Row = tuple[int, *tuple[float | None, ...]]  # a time in ms, and figures; None for one that the venue does not give
RowOf = Callable[["Contract"], Row]
RATE: Final = ("funding_rate", "funding_interval_hours", "mark_price", "index_price")
OPEN: Final = ("open_interest_coin", "open_interest_usd")


@dataclass(frozen=True, slots=True)
class PresentOfAll:
    """How contracts stand now, where answers that are for all of them tell it.

    names: the inputs, in the order of the figures of a row. rows: asks for the answers and returns what finds the row
    of one contract, with prices as the venue states them: of all the coins that it counts as one; `contracts` are those
    that it will be asked for.
    """

    names: tuple[str, ...]
    rows: Callable[[Raw, Sequence[Contract], datetime], Awaitable[RowOf]]

    async def one(self, ask_raw: Raw, contract: Contract, now: datetime) -> Points:
        """Read one contract. Unreadable, or a slip of the parser, where the answers do not say what they must."""
        at, *figures = self._of_one_coin((await self.rows(ask_raw, [contract], now))(contract), contract)
        given = zip(self.names, figures, strict=True)
        return points(contract, [at], {name: [figure] for name, figure in given if figure is not None})

    async def of_all(self, ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> Snapshot | None:
        """Read many contracts of one venue; whoever cannot be read as a whole is left out, None where all are.

        Whoever is left out is asked for by itself, and that says why.
        """
        row_of_ = await self.rows(ask_raw, contracts, now)
        assets: list[str] = []
        rows: list[Row] = []
        for contract in contracts:
            try:
                row = self._of_one_coin(row_of_(contract), contract)
            except UNREADABLE:
                continue
            if None not in row:
                assets.append(contract.asset)
                rows.append(row)
        if not rows:
            return None
        times, *columns = map(list, zip(*rows, strict=True))
        return Snapshot(contracts[0].venue, assets, times, dict(zip(self.names, columns, strict=True)))

    def _of_one_coin(self, row: Row, contract: Contract) -> Row:
        """Return a row with its prices as those of a single coin."""
        if contract.multiplier == 1:
            return row
        at, *figures = row
        given = zip(self.names, figures, strict=True)
        return at, *(
            figure / contract.multiplier if figure is not None and INPUTS[name].counts == "price" else figure
            for name, figure in given
        )


@dataclass(frozen=True, slots=True)
class Page:
    """One stretch of a history question, in the venue's milliseconds, both ends inclusive."""

    start: int
    end: int


def pages(since: datetime, until: datetime, step: timedelta, rows: int, most: int) -> list[Page]:
    """Cut [since, until] into stretches of at most `rows` points, oldest first, and no more than `most` of them.

    What lies beyond the last page is asked next time, when the newest stored point has moved on.
    """
    span = in_ms(step) * (rows - 1)
    start, end = to_ms(since), to_ms(until)
    cut: list[Page] = []
    while start <= end and len(cut) < most:
        cut.append(Page(start, min(start + span, end)))
        start += span + 1  # not one step: `since` is seldom on the grid, and a row between two stretches would be lost
    return cut


def number(value: object) -> float:
    """Read a figure sent as text. None and "" become NaN, which validation names; anything else is unreadable."""
    if type(value) is str and value:  # the usual case first: a book has thousands of them
        try:
            return float(value)
        except ValueError:
            raise Unreadable(f"{value[:20]!r} is not a number") from None
    if value is None or value == "":
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"a figure came as {type(value).__name__}")
    return float(value)


def stamp(value: object) -> int:
    """Read an exchange time in milliseconds; one in seconds or microseconds is refused, not guessed."""
    try:
        at: int = int(value)  # type: ignore[call-overload] # what cannot be an int raises, and is caught below
    except (TypeError, ValueError):
        raise Unreadable("a time is missing") from None
    if not 1_200_000_000_000 < at < 4_200_000_000_000:  # 2008 to 2103
        raise Unreadable(f"{at} is no time in milliseconds")
    return at


def rows_of(answer: Any, *, least: int = 1) -> Sequence[Any]:
    """Demand a list. An empty one where rows are certain is an error, never "nothing happened"."""
    if not isinstance(answer, list):
        raise Unreadable("a list was due, something else came")
    if len(answer) < least:
        raise Unreadable("an empty list came where rows are certain")
    return answer


def points(
    contract: Contract, times: Sequence[int], columns: Mapping[str, Sequence[float]], *, step: timedelta | None = None
) -> Points:
    """Put figures of one contract under their exchange times (milliseconds), oldest first, each time once.

    Of two figures for one time the later one counts.
    """
    if len(times) > 1 and any(map(ge, times, islice(times, 1, None))):
        place_of = {at: place for place, at in enumerate(times)}
        times = sorted(place_of)
        places = [place_of[at] for at in times]
        columns = {name: [values[place] for place in places] for name, values in columns.items()}
    return Points(contract.venue, contract.asset, step, times, columns)


# --- what most venues have in common


class Bar(NamedTuple):
    """One hourly bar as a venue sent it: its open in milliseconds, prices as quoted, flows in USD.

    A tuple, since one is made of each of thousands of rows, and a frozen dataclass costs three times as much.
    """

    at: int
    open: float
    high: float
    low: float
    close: float
    volume_usd: float


def bar(at: int, prices: Iterable[object], volume_usd: float) -> Bar:
    """Make a bar of four prices as sent: open, high, low, close."""
    first, high, low, last = map(number, prices)
    return Bar(at, first, high, low, last, volume_usd)


async def backwards(
    ask_page: Callable[[int], Awaitable[Iterable[tuple[int, Any]]]],
    *,
    since: datetime | None,
    until: datetime,
    most: int,
) -> list[tuple[int, Any]]:
    """Read a history from its end: pages of (time, row) up to a moment, until `since` is reached or nothing is new.

    Venues differ in which end of a stretch they cut when it holds more than a page; asking for what lies before the
    oldest row known leaves no hole with either. Oldest first in the answer; since None is one page. What lies beyond
    `most` pages stays unknown: the newest matters most.
    """
    known: dict[int, Any] = {}
    last = end = to_ms(until)
    first = to_ms(since) if since else None
    for _ in range(most if first is not None else 1):
        fresh = dict(await ask_page(end))
        if fresh and (max(fresh) > last or not known.keys().isdisjoint(fresh)):
            fresh = {at: row for at, row in fresh.items() if at not in known and at <= last}
        if not fresh:
            break
        known |= fresh
        if first is None or min(fresh) <= first:
            break
        end = min(fresh) - 1
    return [(at, known[at]) for at in sorted(known) if first is None or at >= first]


def page_start(end: int, span: timedelta, since: datetime | None, step: timedelta = HOUR) -> int:
    """Begin a page that ends at `end`: a whole one, but no further back than the row before `since`.

    A venue that refuses what is too old refuses the whole page, and with it the rows that it has.
    """
    whole = end - in_ms(span)
    return whole if since is None else max(whole, to_ms(since - step))


def hourly(contract: Contract, bars: Iterable[Bar], now: datetime) -> Points:
    """Put bars into our columns, closed ones only.

    The newest bar is the running one by the venue's clock, so when ours is ahead it would pass as closed: it counts
    only when a minute has gone by. Unreadable when a bar does not begin on the hour, or none came at all.
    """
    every = sorted(bars, key=lambda bar: bar.at)
    if not every:
        raise Unreadable("no bar came where bars are certain")
    hour, until = in_ms(HOUR), to_ms(now)
    if any(bar.at % hour for bar in every):
        raise Unreadable("bars that do not begin on the hour")
    ended = [bar for bar in every if bar.at + hour <= until]
    if ended and ended[-1] is every[-1] and ended[-1].at + hour >= to_ms(now - _SETTLED):
        ended.pop()
    times_coin = contract.multiplier
    columns = {
        "open": [bar.open / times_coin for bar in ended],
        "high": [bar.high / times_coin for bar in ended],
        "low": [bar.low / times_coin for bar in ended],
        "close": [bar.close / times_coin for bar in ended],
        "volume_usd": [bar.volume_usd for bar in ended],
    }
    return points(contract, [bar.at for bar in ended], columns, step=HOUR)


def with_taker(bars: Points, bought: Mapping[int, float]) -> list[Points]:
    """Put taker-buy volume (USD) beside its bars: those that have it in one table, those before it in another.

    In one table with its prices, because a bar whose price is impossible has no volume either.
    """
    have = [place for place, at in enumerate(bars.times) if at in bought]
    have_not = [place for place, at in enumerate(bars.times) if at not in bought]
    known = bars.taken(have)
    known = replace(known, columns={**known.columns, "taker_buy_usd": [bought[at] for at in known.times]})
    return [found for found in (bars.taken(have_not), known) if len(found)]


_SETTLED: Final = MINUTE
LONGEST_INTERVAL: Final = timedelta(hours=8)
SAME_TIME: Final = MINUTE


def settled(
    contract: Contract,
    ask: Ask,
    rates: Iterable[tuple[int, float]],
    hours: float | None = None,
    running_hours: float | None = None,
) -> list[Points]:
    """Put settled rates under their settlements, each with the hours since the one before it.

    Give one settlement more at the front: the hours of the first cannot be told. See `intervals` for holes. hours:
    where the venue never changes them. running_hours: those of the rate that builds now. Venues are some milliseconds
    late, never minutes.
    """
    found = sorted(dict(rates).items())
    since = to_ms(ask.since) if ask.since else 0
    first = 0 if hours else 1
    kept = [n for n in range(first, len(found)) if found[n][0] >= since]
    if not kept:
        return []
    between = intervals([at for at, _ in found], running_hours)
    columns = {
        "funding_rate": [found[n][1] for n in kept],
        "funding_interval_hours": [hours or between[n] or math.nan for n in kept],
    }
    return [replace(points(contract, [found[n][0] for n in kept], columns), settled=True)]


def before_settlement(since: datetime) -> datetime:
    """Begin a question for settlements so early that one more comes in front."""
    return since - LONGEST_INTERVAL - SAME_TIME


def running(
    contract: Contract, at: int, *, rate: float, hours: float, mark: float, index: float | None = None
) -> Points:
    """Put the rate that is building now beside the prices of the same moment. Prices as the venue quotes them."""
    columns = {
        "funding_rate": [rate],
        "funding_interval_hours": [hours],
        "mark_price": [mark / contract.multiplier],
    }
    if index is not None:
        columns["index_price"] = [index / contract.multiplier]
    return points(contract, [at], columns)


NEAR: Final = 0.01  # depth is counted within this part of the mid price
_REACHED: Final = 0.9  # of it: coarse levels begin up to one of them away from mid


def depth(
    contract: Contract, at: int, bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]],
    *, mid: float | None = None,
) -> Points:  # fmt: skip
    """Sum a book, (price, contracts) a level, within 1 % of its mid, in USD.

    mid: from elsewhere, where the levels sent are too coarse to tell it. Unreadable when a side is empty, the sides
    cross, or mid lies outside them. NotOffered where the venue sends fewer levels than reach that far: a thousand of
    them are 0.1 % of BTC, and what they hold is another figure than the archive's, as which it would be read a tenth of
    the usual depth.
    """
    buy = sorted(((price, size) for price, size in bids), reverse=True)
    sell = sorted((price, size) for price, size in asks)
    if not buy or not sell:
        raise Unreadable("a book with an empty side")
    if not buy[0][0] < sell[0][0]:
        raise Unreadable("a book whose best bid is not below its best ask")
    middle = mid or (buy[0][0] + sell[0][0]) / 2
    if not buy[0][0] * (1 - NEAR) <= middle <= sell[0][0] * (1 + NEAR):
        raise Unreadable("a book that lies elsewhere than its price")
    if min(1 - buy[-1][0] / middle, sell[-1][0] / middle - 1) < NEAR * _REACHED:
        raise NotOffered(f"{venue_title(contract.venue)} sends too few levels of {contract.asset} to tell its depth.")
    columns = {
        "depth_bids_usd": [sum(contract.usd(size, price) for price, size in buy if price >= middle * (1 - NEAR))],
        "depth_asks_usd": [sum(contract.usd(size, price) for price, size in sell if price <= middle * (1 + NEAR))],
    }
    return points(contract, [at], columns)


def pairs(levels: Iterable[Sequence[Any]]) -> list[tuple[float, float]]:
    """Read the levels of a book: price first, size second, whatever follows."""
    return [(number(level[0]), number(level[1])) for level in levels]


def by_key(rows: Callable[[Any], Iterable[Mapping[str, Any]]], key: str) -> Callable[[Any], dict[str, Any]]:
    """Return a digest of an answer for all contracts: its rows by the name of the contract, found in one step.

    rows: takes the rows out of the answer and demands that they are some.
    """

    def digest(answer: Any) -> dict[str, Any]:
        return {row[key]: row for row in rows(answer)}

    return digest


def row_of(rows: Mapping[str, Any], contract: Contract) -> Mapping[str, Any]:
    """Find the contract in an answer for all of them."""
    row: Mapping[str, Any] | None = rows.get(contract.market_id)
    if row is None:
        raise Missing(f"no {contract.market_id} in an answer for all")
    return row


def by_the_hour_and_now(recipe: Recipe) -> Recipe:
    """Make a recipe that reads either hours of the past or the newest five minutes read both when asked for a past.

    The newest whole hour may be 59 minutes old, and would pass for a frozen answer.
    """

    async def both(ask_raw: Raw, contract: Contract, ask: Ask) -> Sequence[Found]:
        now = await recipe(ask_raw, contract, replace(ask, since=None))
        return now if ask.since is None else [*await recipe(ask_raw, contract, ask), *now]

    return both


def apart(contract: Contract, series: Mapping[str, Iterable[tuple[int, float]]]) -> list[Points]:
    """Put series of one contract into tables of their own: where one is silent there is no figure to be named odd."""
    found = {name: dict(rows) for name, rows in series.items()}
    return [points(contract, list(rows), {name: list(rows.values())}) for name, rows in found.items() if rows]
