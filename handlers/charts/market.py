"""A picture of the market as plain data, and what it says in words: candles, open interest, liquidations.

As in content.py nothing here draws; times are epoch seconds, unknown values are left out.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.charts.content import from_to, known, stretches
from handlers.charts.figures import clean, say, span_words
from handlers.words import wording
from handlers.words.readings import coverage_words, derived_words
from signals.language.spelling import sentence_case
from signals.units import DAY, HOUR, MINUTE
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from storage.queries.liquidation.liquidated_bars import LiquidatedBars
    from storage.queries.market.flows import FundingLine, TakerBars
    from storage.queries.market.market_charts import Interest, MarketChart, Part, Prices

PARTS: Final[Mapping[str, tuple[Part, ...]]] = {
    "market": ("price", "open_interest", "liquidations"),
    "oi": ("price", "open_interest"),
    "price": ("price",),
    "liqs": ("price", "liquidations"),
    "digest": ("price", "open_interest", "funding", "takers"),
}
_NAMES: Final = {
    "market": "",
    "digest": "",
    "oi": "open interest and price",
    "price": "price",
    "liqs": "liquidations and price",
}
_POINTS: Final = 400
_NO_LIQUIDATIONS: Final = "No liquidations are stored of this time"
LEAST_HEARD: Final = 0.15  # of the span
# Heights in pixels of 1,100: what is asked for is the tallest, and the whole stays about square.
_HEIGHTS: Final[Mapping[str, tuple[int, int, int]]] = {
    "market": (340, 150, 170),
    "oi": (320, 230, 0),
    "price": (620, 0, 0),
    "liqs": (330, 0, 360),
    "digest": (280, 150, 150),
}


def spec(data: MarketChart, kind: str, *, light: bool = False, note: str = "") -> dict[str, Any]:
    """Return a picture as JSON-able data. kind: a key of PARTS. note: said in the stamp."""
    tall, middle, low = _HEIGHTS[kind]
    panels: list[dict[str, Any]] = []
    if data.prices:
        panels.append(_candles(data.prices, tall))
    if data.interest:
        panels += _interest(data, data.interest, middle, alone=kind == "digest")
    if data.funding:
        panels.append(_funding(data.funding, middle))
    if data.takers:
        panels.append(_takers(data, data.takers, low))
    if data.liquidated and _worth_a_panel(data, data.liquidated, kind):
        panels.append(_bars(data, data.liquidated, low))
    name = " ".join(filter(None, (data.asset, _NAMES[kind])))
    span = data.end - data.start
    end = max([data.end, *([data.prices.at] if data.prices else [])])
    return {
        "picture": kind,
        "title": f"{name} · {span_words(span.total_seconds())}",
        "lead": from_to(data.start, _last(data)),
        "asset": data.asset,
        "from": data.start.timestamp(),
        "to": end.timestamp(),
        "panels": panels,
        "stamp": _stamp(data, kind, note),
        "light": light,
        "alt": clean(_alt(data, kind)),
    }


def values(data: MarketChart) -> dict[str, Any]:
    """Return the last drawn figures by name, as `say --json` tells them, with the time of each."""
    found: dict[str, Any] = {"from": data.start.isoformat()}
    if data.prices:
        found |= {"price": data.prices.candles[-1].close, "price_at": data.prices.at.isoformat()}
    if interest := data.interest:
        usd: float | None = interest.usd[-1]
        coins: float | None = interest.coins[-1]
        if interest.named:  # the same figure under the same name as in /oi, which has none where too little answers
            found |= {"drawn_open_interest_usd": usd, "drawn_open_interest_coin": coins}
            total = interest.everywhere
            usd, coins = (total.usd, total.coins) if total else (None, None)
        found |= {"open_interest_usd": usd, "open_interest_coin": coins}
        found["open_interest_at"] = interest.last.isoformat()
    if data.liquidated:
        for side in ("longs", "shorts"):
            found[f"liquidated_{side}_usd"] = sum(getattr(sums, side) for _, sums in data.liquidated.slots)
        found["liquidated_at_least"] = data.liquidated.at_least
    return found


def _worth_a_panel(data: MarketChart, found: LiquidatedBars, kind: str) -> bool:
    """Tell whether enough of the span was heard: a panel that is empty but for its end is a riddle."""
    return kind == "liqs" or data.end - found.known_from > (data.end - data.start) * LEAST_HEARD


# --- panels -----------------------------------------------------------------------------------------------------------


def _candles(prices: Prices, height: int) -> dict[str, Any]:
    rows = [
        [row.start.timestamp(), row.end.timestamp(), *map(_six, (row.open, row.high, row.low, row.close))]
        for row in prices.candles
    ]
    what = "Mark price" if prices.marks else "Price"
    return {
        "kind": "candles",
        "height": height,
        "unit": "price",
        "head": [
            [f"{what} in dollars, {_candles_of(prices.step)}", "muted"],
            [_moved(prices), "ink"],
        ],
        "step": prices.step.total_seconds(),
        "rows": rows,
    }


def _interest(data: MarketChart, interest: Interest, height: int, *, alone: bool) -> list[dict[str, Any]]:
    """Return the panels in dollars and in coins. alone: coins alone, which price does not move."""
    times = [at.timestamp() for at in interest.at]
    span = times[-1] - times[0]
    # Where other venues are drawn than those that answer now, the figure is not that of /oi: it says whose it is.
    whose = f", {_listed(interest.venues)}" if interest.named else ""
    found = []
    for name, unit, color, values in (
        ("dollars", "usd", "value", interest.usd),
        (data.asset, "coins", "coins", interest.coins),
    ):
        came = getattr(interest.change, unit, None)
        rows = known(times, values)
        if not rows or (alone and unit == "usd" and _known(interest.coins)):
            continue
        beside = (
            known([at.timestamp() for at, _ in data.average], [v for _, v in data.average]) if unit == "usd" else []
        )
        found.append(
            {
                "kind": "curve",
                "height": height,
                "unit": unit,
                "color": color,
                "head": [
                    [f"Open interest in {name}{whose}", color],
                    [_came(came, [value for _, value in rows]), "ink"],
                ],
                "line": stretches(rows, interest.step.total_seconds(), span, _POINTS, mixed=True),
                "beside": stretches(beside, DAY.total_seconds(), span, _POINTS),
                "beside_name": "180-day average",
            }
        )
    return found


def _funding(found: FundingLine, height: int) -> dict[str, Any]:
    rows = known([at.timestamp() for at, _ in found.rows], [apr for _, apr in found.rows])
    return {
        "kind": "curve",
        "height": height,
        "unit": "fraction",  # the head says of what: "a year" would take a second line beside the panel
        "color": "value",
        "head": [[f"Funding a year, {_listed(found.venues)}", "value"]],
        "line": stretches(rows, found.step.total_seconds(), rows[-1][0] - rows[0][0], _POINTS),
        "beside": [],
        "beside_name": "",
    }


def _takers(data: MarketChart, found: TakerBars, height: int) -> dict[str, Any]:
    step = found.step.total_seconds()
    unheard = _unheard(data, [at.timestamp() for at, _ in found.slots], step)
    unheard = [hole for hole in unheard if hole[1] - hole[0] > step]  # a slot under way is no hole
    return {
        "kind": "bars",
        "height": height,
        "unit": "usd",
        "step": step,
        "head": [
            [f"Takers in {_long(found.step)}, {_listed(found.venues)}:", "muted"],
            ["bought ↑", "up"],
            ["sold ↓", "down"],
            *([["grey: not known", "muted"]] if unheard else []),
        ],
        "rows": [[at.timestamp(), _six(max(0.0, -net)), _six(max(0.0, net))] for at, net in found.slots],
        "unheard": unheard,
    }


def _bars(data: MarketChart, found: LiquidatedBars, height: int) -> dict[str, Any]:
    step = found.step.total_seconds()
    least = ", at least:" if found.at_least else ":"
    heard = [at.timestamp() for at, _ in found.slots]
    return {
        "kind": "bars",
        "height": height,
        "unit": "usd",
        "step": step,
        "head": [
            [f"Liquidated in {_long(found.step)}{least}", "muted"],
            ["shorts ↑", "up"],
            ["longs ↓", "down"],
            *([["grey: not heard", "muted"]] if _unheard(data, heard, step) else []),
        ],
        "rows": [[at.timestamp(), _six(sums.longs), _six(sums.shorts)] for at, sums in found.slots],
        "unheard": _unheard(data, heard, step),
    }


def _unheard(data: MarketChart, heard: Sequence[float], step: float) -> list[list[float]]:
    """Return the stretches of time in which nothing was heard."""
    holes, before = [], data.start.timestamp()
    for at in (*heard, data.end.timestamp()):
        if at - before > step / 2:
            holes.append([before, at])
        before = max(before, at + step)
    return holes


# --- words ------------------------------------------------------------------------------------------------------------


def _alt(data: MarketChart, kind: str) -> str:
    """Say the picture in words, with the figures that it shows."""
    name = " ".join(filter(None, (data.asset, _NAMES[kind])))
    span = span_words((data.end - data.start).total_seconds())
    said = [f"{name}, {span} to {wording.moment(_last(data))}."]
    if prices := data.prices:
        rows = prices.candles
        high, low = max(rows, key=lambda row: row.high), min(rows, key=lambda row: row.low)
        said.append(
            f"{'Mark price' if prices.marks else 'Price'} {say(rows[-1].close, 'price')} "
            f"({_moved(prices)}), "
            f"highest {say(high.high, 'price')} {_on(high.start, data, prices.step)}, "
            f"lowest {say(low.low, 'price')} {_on(low.start, data, prices.step)}."
        )
    if interest := data.interest:
        usd, coins = _known(interest.usd), _known(interest.coins)
        came = (interest.change.usd, interest.change.coins) if interest.change else (None, None)
        figures = [f"{say(usd[-1], 'usd')} ({_came(came[0], usd)})"] if usd else []
        figures += [f"{wording.coins(coins[-1], data.asset)} ({_came(came[1], coins)})"] if coins else []
        whose = f" on {_listed(interest.venues)}" if interest.named else ""
        said.append(
            "; ".join(filter(None, (f"Open interest{whose} {', '.join(figures)}", _everywhere(interest)))) + "."
        )
        if data.average:
            said.append(f"Its 180-day average {say(data.average[-1][1], 'usd')}.")
    said += _flows(data)
    if found := data.liquidated:
        longs, shorts = (sum(getattr(sums, side) for _, sums in found.slots) for side in ("longs", "shorts"))
        most_at, most = max(found.slots, key=lambda slot: slot[1].both)
        share = f", {wording.share(longs / (longs + shorts) * 100)} longs" if longs + shorts else ""
        least = "at least " if found.at_least else ""
        span = f"{_day_and_time(found.since)} to {_day_and_time(found.at)} UTC"
        said.append(f"Liquidated, {span}: {least}{wording.usd(longs + shorts)}{share}.")
        if since := _since(data, kind):
            said.append(f"{sentence_case(since)}.")
        if most.both:
            when = f"on {wording.day(most_at, year=False)}"
            if found.step != DAY:
                when = f"in the {_long(found.step, article=False)} from {_day_and_time(most_at)}"
            said.append(f"Most {when}: {wording.usd(most.both)}.")
    elif "liquidations" in PARTS[kind]:
        said.append(f"{_NO_LIQUIDATIONS}.")
    return " ".join(said)


def _flows(data: MarketChart) -> list[str]:
    """Say the newest funding and what takers did over the whole span."""
    said = [f"Funding {say(data.funding.rows[-1][1], 'apr')}."] if data.funding else []
    if data.takers:
        net = sum(one for _, one in data.takers.slots)
        said.append(f"Takers {'bought' if net > 0 else 'sold'} {wording.usd(abs(net))} net.")
    return said


def _stamp(data: MarketChart, kind: str, note: str) -> list[str]:
    """Say where each part comes from and the time of its last point."""
    lines, price, interest = [], data.prices, data.interest
    if price:
        lines.append(f"Price: {_listed(price.venues)} · last point {_whole_time(price.at)}")
    if interest:
        at = interest.last
        same_day = price and at.astimezone(UTC).date() == price.at.astimezone(UTC).date()
        parts = [
            f"Open interest: {_listed(interest.venues)}",
            f"last close {wording.day(at)}"
            if interest.daily
            else f"last point {f'{at:%H:%M} UTC' if same_day else _whole_time(at)}",
            _everywhere(interest) or _left_out(interest),
            derived_words(("open_interest_coin",)) if interest.derived else "",
        ]
        lines.append(" · ".join(part for part in parts if part))
    if "liquidations" in PARTS[kind]:
        who = f"Liquidations: {_listed(data.liquidated.venues)}" if data.liquidated else _NO_LIQUIDATIONS
        lines.append(" · ".join(part for part in (who, _since(data, kind)) if part))
    return [sentence_case(line) for line in (*lines, note) if line]


def _since(data: MarketChart, kind: str) -> str:
    """Say from when on liquidations are known; "" where they are known of the whole span, or not shown."""
    if "liquidations" not in PARTS[kind] or data.liquidated is None:
        return ""
    if data.liquidated.known_from - data.start < max(2 * data.liquidated.step, HOUR):
        return ""
    return f"none stored before {_day_and_time(data.liquidated.known_from)} UTC"


def _everywhere(interest: Interest) -> str:
    """Say what is open on all venues; "" where those that are drawn are all."""
    if (total := interest.everywhere) is None:
        return ""
    return f"all {wording.count(len(total.coverage.venues), 'venue')} now {wording.usd(total.usd)}"


def _left_out(interest: Interest) -> str:
    """Say how much of the market is drawn, where a venue is left out."""
    return coverage_words(interest.coverage) if interest.coverage and interest.coverage.left_out else ""


def _moved(prices: Prices) -> str:
    return "" if prices.change is None else wording.percent(prices.change * 100)


def _came(told: float | None, rows: Sequence[float]) -> str:
    """Say how far a line came: as the command of it tells it, else from its first row to its last."""
    if told is None and rows[0]:
        told = rows[-1] / rows[0] - 1
    return "" if told is None else wording.percent(told * 100)


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _six(value: float) -> float:
    return float(f"{value:.8g}")


def _last(data: MarketChart) -> datetime:
    """Return the time of the last point of all."""
    ends = [data.prices.at] if data.prices else []
    ends += [data.interest.at[-1]] if data.interest else []
    return max(ends, default=data.end)


def _candles_of(step: timedelta) -> str:
    """Say how long a candle is: hourly, 10-minute candles."""
    if step in {HOUR, DAY}:
        return "hourly candles" if step == HOUR else "daily candles"
    count, unit = _counted(step)
    return f"{count}-{unit} candles"


def _long(step: timedelta, *, article: bool = True) -> str:
    """Say a length of time in whole units: an hour, 4 hours, a day."""
    count, unit = _counted(step)
    if count > 1:
        return f"{count} {unit}s"
    return f"{'an' if unit == 'hour' else 'a'} {unit}" if article else unit


def _counted(step: timedelta) -> tuple[int, str]:
    for unit, length in (("day", DAY), ("hour", HOUR)):
        if step >= length:
            return round(step / length), unit
    return round(step / MINUTE), "minute"


def _listed(venues: Sequence[str]) -> str:
    return ", ".join(venue_title(venue) for venue in venues)


def _on(at: datetime, data: MarketChart, step: timedelta) -> str:
    """Say when something was, as exactly as a candle of a length tells."""
    if step > DAY:
        return f"in the {_long(step)} from {wording.day(at, year=False)}"
    return f"on {wording.day(at, year=False)}" if data.end - data.start >= 3 * DAY else f"at {_day_and_time(at)}"


def _day_and_time(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %H:%M}"


def _whole_time(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y %H:%M} UTC"
