"""What a picture of the market shows: price, open interest and liquidations of one asset up to a moment.

Each is read at the finest step that is stored and that a picture's width can show. The last of price and of open
interest is the figure of the moment itself, with its own time, so that a picture ends where /price and /oi stand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

from signals.inputs import INPUTS
from signals.metric import metrics
from signals.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND_MS, floor, from_ms, in_ms, to_ms
from signals.venues import venue_order
from storage.market import points
from storage.panels import panels
from storage.queries.freshness import Stamp, any_floor, of_daily_data, stamp_of
from storage.queries.liquidation import liquidated_bars
from storage.queries.liquidation.liquidations import NAMES
from storage.queries.market import flows, open_interest
from storage.queries.market.known_at import newest_by, newest_price, price_by_input, values_between
from storage.queries.market.prices import change_since

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from signals.series import Coverage
    from storage.engine.database import Store
    from storage.market.points import Newest, StoredSeries
    from storage.queries.liquidation.liquidated_bars import LiquidatedBars

Part = Literal["price", "open_interest", "liquidations", "funding", "takers"]
STEPS: Final = tuple(
    [count * MINUTE for count in (1, 2, 5, 10, 15, 30)]
    + [count * HOUR for count in (1, 2, 4, 6, 8, 12)]
    + [count * DAY for count in (1, 2, 3, 4, 7, 14, 30)]
)
CANDLES: Final = 200  # more are thinner than four pixels each
ROWS: Final = 400  # points of a line: two pixels each
BARS: Final = 100
DEFAULTS: Final = (7 * DAY, 90 * DAY)  # where no span is asked for: of hours and finer, else of days
AVERAGE_FROM: Final = 60 * DAY  # a shorter span beside an average of half a year shows a flat line
YOUNG: Final = 2 * MINUTE  # as in prices.py
_OHLC: Final = ("open", "high", "low", "close")
_DENSE: Final = 4  # values a candle needs, so that it has a body and wicks of its own
_KEPT: Final = 31 * DAY  # hours are not kept for ever: over longer spans the rows tell what became of a figure
_NEWEST: Final = 64  # points that tell how far apart they lie


@dataclass(frozen=True, slots=True)
class Candle:
    """Prices between two times, in USD. The last one may be under way: `end` is the time of its newest price."""

    start: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True)
class Prices:
    """Candles, oldest first.

    marks: made of mark prices, since no bars that fine are stored. at: of the last price. change: over the span, as a
    fraction: as /price tells it where it can, else from the first candle to the last; None where it began at nothing.
    """

    candles: tuple[Candle, ...]
    step: timedelta
    venues: tuple[str, ...]
    marks: bool
    at: datetime
    change: float | None = None


@dataclass(frozen=True, slots=True)
class Interest:
    """Open interest, one side: a row a time, NaN where not known.

    at: when each row was known. last: the time of the last point, of several venues that of the oldest of them; a daily
    one is drawn at the end of its day. usd, coins: as long as `at`. everywhere: what is open now on all venues, where
    other venues are drawn than those that answer now. derived: as in Panel. daily: one value a day is stored, not more.
    change: over the span as /oi tells it, or None where only the rows can tell it. partial: too little of the market
    answers for a total, so that these venues stand for themselves.
    """

    at: tuple[datetime, ...]
    usd: tuple[float, ...]
    coins: tuple[float, ...]
    step: timedelta
    venues: tuple[str, ...]
    coverage: Coverage | None
    derived: bool
    last: datetime
    everywhere: open_interest.OpenInterestTotal | None = None
    daily: bool = False
    change: open_interest.Change | None = None
    partial: bool = False

    @property
    def named(self) -> bool:
        """Tell whether the figure is that of its venues, and not what /oi calls the open interest of the asset."""
        return self.partial or self.everywhere is not None


@dataclass(frozen=True, slots=True)
class MarketChart:
    """What a picture shows between two times. A part is None where it was not asked for, or nothing of it is stored.

    average: the 180-day average of open interest in USD by daily closes, where the span is long enough to show it.
    outdated: price or open interest is too old to be called current at the moment that was asked for. stamps: of the
    last price and the last open interest.
    """

    asset: str
    start: datetime
    end: datetime
    prices: Prices | None
    interest: Interest | None
    average: tuple[tuple[datetime, float], ...]
    liquidated: LiquidatedBars | None
    outdated: bool
    stamps: tuple[Stamp, ...]
    funding: flows.FundingLine | None = None
    takers: flows.TakerBars | None = None


def read(
    store: Store, asset: str, parts: Collection[Part], *, until: datetime, span: timedelta | None, whole: bool = False
) -> MarketChart | None:
    """Read a picture's data up to a moment; None where nothing of the parts is stored before it.

    span: None for a week, or 90 days where only days are stored. whole: all that is stored, whatever the span.
    """
    names = [
        *(["close", "mark_price"] if "price" in parts else ()),
        *(["open_interest_usd"] * ("open_interest" in parts)),
    ]
    names += [NAMES[0]] if "liquidations" in parts else []
    stored = [series for name in names for series in points.stored(store, asset, name) if from_ms(series.first) < until]
    if not stored:
        return None
    last = min(until, from_ms(max(series.known for series in stored)))
    first = from_ms(min(series.first for series in stored))
    span = last - first if whole else span or _usual_span(stored, until)
    # What is long over is shown at its own end, not beside an empty stretch.
    end = last if until - last > span / 4 else until
    start = max(first, end - span)
    prices = _prices(store, asset, start, end) if "price" in parts else None
    if prices:
        prices = replace(prices, change=_change(store, asset, prices, start, end))
    interest = _interest(store, asset, start, end, now=until) if "open_interest" in parts else None
    if interest and HOUR <= end - start <= _KEPT:
        came = open_interest.change_over(store, asset, interest.venues, end, end - start)
        interest = replace(interest, change=came)
    average = _average(store, asset, start, end) if interest and span >= AVERAGE_FROM else ()
    liquidated = None
    if "liquidations" in parts:
        liquidated = liquidated_bars.read(store, asset, start, end, max(HOUR, _step(end - start, CANDLES)))
    if not (prices or interest or liquidated):
        return None
    old = (prices and prices.at + YOUNG < until) or (
        interest and interest.last + INPUTS["open_interest_usd"].fresh_for < until
    )
    stamps = _stamps(store, asset, prices, interest, until)
    if liquidated:
        floors = any_floor(dict.fromkeys(NAMES), liquidated.venues)
        # Beside open interest a picture says itself up to when it heard; alone its age is that of the figure.
        stamps = (*stamps, Stamp(liquidated.venues, None if interest else liquidated.at, floor=floors))
    rates = flows.funding(store, asset, start, end, _step(span, ROWS, HOUR)) if "funding" in parts else None
    takers = None
    if "takers" in parts:  # of daily bars there is nothing finer
        takers = flows.takers(store, asset, start, end, _step(span, BARS, HOUR)) or flows.takers(
            store, asset, start, end, DAY
        )
    return MarketChart(asset, start, end, prices, interest, average, liquidated, bool(old), stamps, rates, takers)


def _stamps(
    store: Store, asset: str, prices: Prices | None, interest: Interest | None, now: datetime
) -> tuple[Stamp, ...]:
    found = []
    if prices and (live := price_by_input(store, asset, now)):
        daily = of_daily_data(store, asset, live)
        found.append(replace(stamp_of(store, asset, live, now, daily=daily), oldest=prices.at))
    if interest:
        name = "open_interest_usd"
        last = points.Newest(interest.last, interest.usd[-1], interest.venues[0])
        daily = of_daily_data(store, asset, {name: last})
        stamp = replace(stamp_of(store, asset, {name: last}, now, daily=daily), venues=interest.venues)
        found.append(replace(stamp, coverage=interest.coverage))
    return tuple(found)


def _usual_span(stored: Sequence[StoredSeries], until: datetime) -> timedelta:
    """Return a week where half of it is stored finer than by days, else 90 days."""
    bars = _reaching(stored, until - DEFAULTS[0], until)
    return DEFAULTS[1] if bars and min(series.step for series in bars) >= DAY.total_seconds() else DEFAULTS[0]


def _reaching(stored: Sequence[StoredSeries], start: datetime, end: datetime) -> list[StoredSeries]:
    """Return the bars that reach over the middle of a span; where none does, those that touch it.

    Hours that began an hour ago are finer than the days before them, and a picture of nothing.
    """
    touching = [
        series for series in stored if series.step and series.first < to_ms(end) and series.known > to_ms(start)
    ]
    middle = to_ms(start + (end - start) / 2)
    return [series for series in touching if series.first <= middle <= series.known] or touching


def _step(span: timedelta, most: int, least: timedelta = timedelta(0)) -> timedelta:
    """Return the finest step, not finer than what is stored, of which a span holds at most so many."""
    # A tenth of a second is no reason for a coarser step: venues stamp their five minutes a little apart.
    return next((step for step in STEPS if span / step <= most and step >= least * 0.98), STEPS[-1])


# --- price ------------------------------------------------------------------------------------------------------------


def _prices(store: Store, asset: str, start: datetime, end: datetime) -> Prices | None:
    near = _reaching(points.stored(store, asset, "close"), start, end)
    finest = min((timedelta(seconds=series.step) for series in near), default=None)
    step = _step(end - start, CANDLES, finest or timedelta(0))
    if finest is None or finest > _step(end - start, CANDLES):
        marks = _of_marks(store, asset, start, end)
        if marks and (finest is None or len(marks.candles) > (end - start) / step):
            return marks
    if finest is None:
        return None
    panel = panels.panel(store, _OHLC, [asset], step=step, start=start, end=end)
    columns = [panel.values[name][:, 0].tolist() for name in _OHLC]
    candles = [
        Candle(at, at + step, *_whole(*ohlc))
        for at, *ohlc in zip(panel.at.to_pydatetime(), *columns, strict=True)
        if not math.isnan(ohlc[3])
    ]
    venues = panel.venues(asset, ["close"])
    live = newest_price(store, asset, end)
    # The candle under way is that of the newest price: where nobody has spoken since, it is not that of now.
    begun = floor(live.at, step) if live else end
    candles = [candle for candle in candles if candle.start < begun]
    if venues and live and (running := _running(store, asset, venues[0], begun, live, candles)):
        candles.append(running)
    if not candles:
        return None
    at = live.at if live and live.at == candles[-1].end else candles[-1].end
    return Prices(
        tuple(candles), step, tuple(dict.fromkeys((*venues, *([live.venue] if live else [])))), marks=False, at=at
    )


def _change(store: Store, asset: str, prices: Prices, start: datetime, end: datetime) -> float | None:
    """Return how far price came over a span; beyond a month the candles tell it, for hours are not kept for ever."""
    first, last = prices.candles[0].open, prices.candles[-1].close
    newest = points.Newest(prices.at, last, prices.venues[0])
    span, until = end - start, prices.at if prices.at + YOUNG < end else end  # an old price counts back from its time
    told = change_since(store, asset, newest, until - span) if HOUR <= span <= _KEPT else None
    return told if told is not None or not first else last / first - 1


def _whole(first: float, high: float, low: float, close: float) -> tuple[float, float, float, float]:
    """Return a candle whose close alone may be known: then it is a line."""
    first = close if math.isnan(first) else first
    highest = max(value for value in (first, high, close) if not math.isnan(value))
    lowest = min(value for value in (first, low, close) if not math.isnan(value))
    return first, highest, lowest, close


def _running(
    store: Store, asset: str, venue: str, opened: datetime, live: Newest, before: Sequence[Candle]
) -> Candle | None:
    """Return the candle under way: of the finer bars in it, then of the mark prices since; None where it is empty."""
    if live.at <= opened:
        return None
    times, steps, columns = points.columns(store, asset, venue, _OHLC, start=opened, end=live.at)
    bars = [
        (from_ms(at), timedelta(seconds=seconds), *_whole(*(math.nan if v is None else v for v in ohlc)))
        for at, seconds, *ohlc in zip(times, steps, *(columns[name] for name in _OHLC), strict=True)
        if ohlc[3] is not None and at + seconds * SECOND_MS <= to_ms(live.at)
    ]
    finest = min((bar[1] for bar in bars), default=None)
    bars = [bar for bar in bars if bar[1] == finest]
    closed = bars[-1][0] + bars[-1][1] if bars else opened
    marks = [value for _, value in values_between(store, asset, venue, "mark_price", closed, live.at)]
    first = bars[0][2] if bars else before[-1].close if before and before[-1].end == opened else (*marks, live.value)[0]
    seen = [first, live.value, *marks, *(bar[3] for bar in bars), *(bar[4] for bar in bars)]
    return Candle(opened, live.at, first, max(seen), min(seen), live.value)


def _of_marks(store: Store, asset: str, start: datetime, end: datetime) -> Prices | None:
    """Return candles of mark prices, as fine as they are dense; None where there are too few."""
    live = newest_price(store, asset, end)
    every = points.venues_of(store, asset, "mark_price")
    venue = live.venue if live and live.venue in every else min(every, key=venue_order, default=None)
    rows = values_between(store, asset, venue, "mark_price", start, end) if venue else []
    if len(rows) < _DENSE or venue is None:
        return None
    gap = median(later - earlier for (earlier, _), (later, _) in pairwise(rows))
    step = _step(end - start, CANDLES, timedelta(milliseconds=gap) * _DENSE)
    length, slots = in_ms(step), dict[int, list[float]]()
    for at, value in rows:
        slots.setdefault(at // length * length, []).append(value)
    if live and live.at <= end and (last := max(slots)) <= to_ms(live.at):
        slots[last].append(live.value)
    if len(slots) < 2:
        return None
    candles, before = [], math.nan
    for at, values in slots.items():
        first = values[0] if math.isnan(before) else before
        candles.append(
            Candle(from_ms(at), from_ms(at + length), first, max(first, *values), min(first, *values), values[-1])
        )
        before = values[-1]
    last_at = live.at if live else from_ms(rows[-1][0])
    candles[-1] = replace(candles[-1], end=last_at)
    return Prices(tuple(candles), step, (venue,), marks=True, at=last_at)


# --- open interest ----------------------------------------------------------------------------------------------------


def _interest(store: Store, asset: str, start: datetime, end: datetime, *, now: datetime) -> Interest | None:
    names = ("open_interest_usd", "open_interest_coin", "close")
    gap = _gap(store, asset, "open_interest_usd", start, end)
    step = _step(end - start, ROWS, gap)
    moment = end if step < DAY else _running_day(store, asset, end)
    panel = panels.panel(store, names, [asset], step=step, start=start, end=end, now=moment)
    usd, coins = (panel.values[name][:, 0].tolist() for name in names[:2])
    known = [row for row, value in enumerate(usd) if not math.isnan(value)]
    venues = panel.venues(asset, ["open_interest_usd"])
    if not known:
        return None
    rows = known[-1] + 1
    opens, closes = panel.at[:rows].to_pydatetime(), panel.closes[:rows].to_pydatetime()
    # What bears the time of the last close belongs to the next row, a daily figure to the day that it names.
    last = _last_time(store, asset, venues, min(end, closes[-1] - MILLISECOND)) or closes[-1]
    at = [min(close, end) for close in closes]
    running = moment is not None and rows == len(panel)
    if step < DAY and gap > 0.9 * step:  # a point a row: each is drawn at its own time
        at = [open_ + (last - floor(last, step)) for open_ in opens]
        at[-1] = last
    elif running or opens[-1] < last < closes[-1]:
        at[-1] = min(last, end)
    # A row that closed after its newest point says the same again at a later time.
    kept = [row for row in range(rows - 1) if at[row] < at[-1]] + [rows - 1]
    total = open_interest.total(store, asset, now) if end == now else None
    if total and total.coverage.enough and set(total.coverage.venues) == set(venues):
        # In the minute in which figures come in some venues are a row ahead of others: /oi sums the newest of each.
        usd[known[-1]], coins[known[-1]] = total.usd, total.coins
    return Interest(
        tuple(at[row] for row in kept),
        tuple(usd[row] for row in kept),
        tuple(coins[row] for row in kept),
        step,
        venues,
        panel.coverage.get(asset),
        bool(panel.derived),
        min(last, at[-1]),
        total if total and total.coverage.enough and set(total.coverage.venues) != set(venues) else None,
        daily=gap > 0.9 * DAY,
        partial=bool(total and not total.coverage.enough),
    )


def _running_day(store: Store, asset: str, end: datetime) -> datetime | None:
    """Return the moment whose unfinished day is read; None where open interest comes once a day."""
    gap = _gap(store, asset, "open_interest_usd", end - 3 * DAY, end)
    return end if timedelta(0) < gap < DAY / 2 else None


def _last_time(store: Store, asset: str, venues: Sequence[str], end: datetime) -> datetime | None:
    """Return the time of the last point: of several venues that of the oldest of them, as the stamp of /oi tells it."""
    newest = [newest_by(store, asset, "open_interest_usd", end, venue) for venue in venues]
    return min((point.at for point in newest if point), default=None)


def _gap(store: Store, asset: str, name: str, start: datetime, end: datetime) -> timedelta:
    """Return how far apart the values of the finest venue lie; zero where there are too few to tell."""
    found = []
    for venue in points.venues_of(store, asset, name):
        times = points.last_times(store, asset, venue, name, start=start, end=end + MILLISECOND, most=_NEWEST)
        if len(times) > 1:
            found.append(median(later - earlier for later, earlier in pairwise(times)))
    return timedelta(milliseconds=min(found)) if found else timedelta(0)


def _average(store: Store, asset: str, start: datetime, end: datetime) -> tuple[tuple[datetime, float], ...]:
    """Return the 180-day average of open interest at daily closes, where it is known."""
    metric = metrics()["oi_vs_ma180"]
    panel = panels.of(store, metric, [asset], step=DAY, start=start - metric.bars_back(DAY) * DAY, end=end)
    rows = sum(1 for close in panel.closes if start <= close.to_pydatetime() <= end)
    if not rows:
        return ()
    values = metric.compute(panel)["average"].last(rows)[:, 0].tolist()
    closes = panel.closes[len(panel) - rows :].to_pydatetime()
    return tuple((at, value) for at, value in zip(closes, values, strict=True) if not math.isnan(value))
