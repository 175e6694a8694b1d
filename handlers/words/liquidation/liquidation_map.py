"""The liquidation map in words: both sides compared, how its marks did, and what is measured beside the model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from handlers.words import wording
from signals.venues import venue_title

if TYPE_CHECKING:
    from signals.liquidation_map import Homework
    from storage.queries.liquidation.liquidation_map import MapAnswer

COUNTER: Final = "A map shows where positions may sit, not where price goes."
_MOVED_ON: Final = 0.005  # of price since the close that the map was drawn at: half a percent is one bin of it
_LEAST_RATIO: Final = 1.05  # below it the two sides are as much


def headline(answer: MapAnswer, zone: str = "UTC") -> str:
    """Say what both sides hold within reach of the price that the map was drawn at, and where price went since."""
    reading, drawn = answer.reading, answer.reading.values["price"]
    now = f", now {wording.whole_price(answer.price_now)}" if answer.price_now and _moved_on(answer) else ""
    sides = (wording.usd(reading.get(side)) for side in ("shorts_above_usd", "longs_below_usd"))
    return (
        f"{reading.asset}, within 10 % of {wording.whole_price(drawn)} ({wording.clock(reading.at, zone)}{now}): "
        f"{' of shorts above, '.join(sides)} of longs below (our model)."
    )


def _moved_on(answer: MapAnswer) -> bool:
    return answer.price_now is not None and abs(answer.price_now / answer.reading.values["price"] - 1) >= _MOVED_ON


def _crossed(answer: MapAnswer, at: float) -> str:
    """Say of a place on the map that price has passed it since the map was drawn."""
    now, drawn = answer.price_now, answer.reading.values["price"]
    return ", crossed since" if now is not None and min(now, drawn) <= at <= max(now, drawn) else ""


def sums(answer: MapAnswer) -> tuple[str, ...]:
    """Say the nearer sums, the two sides per 1 % of price, and the largest clusters."""
    reading = answer.reading
    pairs = {band: [wording.usd(reading.get(f"{side}_{band}")) for side in ("shorts", "longs")] for band in (2, 5)}
    shorts, longs = (wording.usd(reading.get(f"{side}_per_1")) for side in ("shorts", "longs"))
    return (
        f"Within 5 %: {' of shorts, '.join(pairs[5])} of longs. Within 2 %: {' and '.join(pairs[2])}.",
        f"Per 1 % of price: {shorts} of shorts to {longs} of longs, {ratio(reading.get('value'))}.",
        *_clusters(answer),
    )


def ratio(value: float | None) -> str:
    """Say a ratio of shorts to longs: 6.3 to 1, or 1 to 1.8."""
    if value is None:
        return "which is no ratio"
    if max(value, 1 / value) < _LEAST_RATIO:
        return "as much of each"
    larger = max(value, 1 / value)
    if larger >= 100:
        return f"nearly all of it {'shorts' if value > 1 else 'longs'}"
    told = wording.number(larger, 1 if larger < 10 else 0).removesuffix(".0")
    return f"{told} to 1" if value > 1 else f"1 to {told}"


def _clusters(answer: MapAnswer) -> tuple[str, ...]:
    reading, price = answer.reading, answer.reading.values["price"]
    parts = []
    for side, what in (("above", "shorts"), ("below", "longs")):
        at, usd = reading.get(f"cluster_{side}"), reading.get(f"cluster_{side}_usd")
        if at is not None and usd:
            away = wording.percent((at / price - 1) * 100)
            parts.append(f"{what} near {place(at)} ({away}{_crossed(answer, at)})")
    return (f"Largest: {wording.listing(parts)}.",) if parts else ()


def place(price: float) -> str:
    """Say a price on the map in four digits: a place on it is exact to a tenth of a percent."""
    return wording.price(price, 10.0 ** (math.floor(math.log10(price)) - 3))


def homework(marks: Homework | None) -> str:
    """Say how the map's marks did; the same line under each map, whatever it says."""
    if marks is None:
        return "Not marked yet: no liquidations stored."
    if not marks.enough:
        return f"Not marked yet: liquidations of {wording.count(marks.days, 'day')} stored, it takes 5."
    hit, near = (wording.share(part * 100) for part in (marks.hit, marks.near))
    verdict = "Better than distance from price." if marks.better else "No better than distance from price."
    return (
        f"Marked by what came: {hit} of {wording.usd(marks.usd)} liquidated in {wording.count(marks.days, 'day')} fell "
        f"where it had marked the day before; as wide a band next to price caught {near}. "
        f"{verdict}"
    )


def measured(answer: MapAnswer) -> tuple[str, ...]:
    """Say what is measured and not modelled: positions held in public, and liquidations that were heard."""
    lines = []
    if (held := answer.held) is not None:
        lines.append(
            f"Measured: {held.addresses} followed {venue_title(held.venue)} addresses, "
            f"{wording.usd(held.longs)} of longs and {wording.usd(held.shorts)} of shorts within 10 %."
        )
    day = answer.seen.day
    if answer.seen.venues and day.heard:
        least = "at least " if any(heard.at_least for heard in answer.seen.venues) else ""
        lines.append(
            f"Measured: liquidated in 24 h, {least}{wording.usd(day.longs)} of longs, {wording.usd(day.shorts)} of "
            "shorts."
        )
    return tuple(lines)


def model(answer: MapAnswer) -> str:
    """Say what the model is made of, and how much of open interest it explains."""
    spread, placed = answer.spread, answer.reading.get("placed")
    tier = f"tiers of {wording.day(spread.table)}" if spread.table else "a usual tier"
    part = "" if placed is None else f"; it explains {wording.share(placed * 100)} of open interest"
    return f"Our model: what was opened in 90 days, at 5x to 100x by {spread.title}'s rule ({tier}){part}."
