"""What moved an asset, in at most six sentences, each with its number; what is not known is not said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from handlers.words import wording
from signals.units import HOUR, floor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signals.unusual import FigureChange
    from storage.queries.market.moved import BeforeAfter, Moved


def sentences(moved: Moved, zone: str = "UTC") -> list[str]:
    """Say what price did, then what positions, takers, liquidations, funding and the book did meanwhile.

    Takers are known to the last full hour, liquidations are counted from one on: each says so.
    """
    return [text for text in _sentences(moved, zone) if text]


def _sentences(moved: Moved, zone: str) -> Iterator[str]:
    yield _coins(moved.changes.get("open_interest"), moved.changes.get("price"))
    dated = moved.end - moved.start > 20 * HOUR
    yield _takers(moved.changes.get("takers"), wording.clock(floor(moved.end, HOUR), zone))
    yield _liquidated(moved.changes.get("liquidated"), wording.clock(floor(moved.start, HOUR), zone, dated=dated))
    yield _funding(moved.changes.get("funding"), moved.premium, wording.duration(moved.end - moved.start))
    yield _depth(moved.depth)


def headline(moved: Moved, over: str, thought: Literal["up", "down"] | None = None) -> str:
    """Say how far price went, and whether that is much: BTC fell 6.1 % in 24 h, to 89,300; a usual move is 1.2 %.

    Unusual is what digests call so. thought: which way somebody thinks that it went; the other way is said: BTC fell
    6.1 % in 24 h, it did not rise.
    """
    price = moved.changes.get("price")
    if price is None or price.change is None or price.value is None:
        return f"{moved.asset}: what price did in {over} is not known."
    way, other = ("fell", "up") if price.change < 0 else ("rose", "down")
    mistaken = f", it did not {'rise' if other == 'up' else 'fall'}; it went" if thought == other else ","
    now = wording.whole_price(price.value)
    far = wording.share(100 * abs(price.change), 1)
    much = ", which is unusual" if price.unusual else ""
    usual = "" if price.times is None else f"; a usual move is {_usual(price)}"
    return f"{moved.asset} {way} {far} in {over}{mistaken} to {now}{much}{usual}."


def _usual(price: FigureChange) -> str:
    usual = 100 * abs(price.change or 0.0) / (price.times or 1.0)
    return wording.share(usual, 1 if usual >= 0.1 else 2)


def _coins(change: FigureChange | None, price: FigureChange | None) -> str:
    if change is None or change.change is None:
        return ""
    said = f"Open interest {wording.percent(100 * change.change)} in coins"
    if not change.moved:
        return f"{said}: as many positions were opened as closed."
    if price is None or price.change is None or not price.moved:
        return f"{said}: positions were {'closed' if change.change < 0 else 'opened'} while price stood."
    who = {
        (False, False): "longs left rather than that shorts came",
        (False, True): "shorts came in as price fell",
        (True, False): "shorts covered rather than that longs came",
        (True, True): "longs came in as price rose",
    }[price.change > 0, change.change > 0]
    return f"{said}: {who}."


def _takers(change: FigureChange | None, until: str) -> str:
    if change is None or change.change is None or change.value is None:
        return ""
    bought = wording.share(50 + 50 * change.change, 1)
    if not change.moved:
        return f"Neither side crossed the spread more: {bought} of taker volume to {until} was buys."
    side = "bought more than they sold" if change.value > 0 else "sold more than they bought"
    net = wording.usd(abs(change.value))
    return f"Takers {side}, by {net} to {until}: {bought} of their volume was buys."


def _liquidated(change: FigureChange | None, since: str) -> str:
    if change is None or not change.value or change.change is None:
        return ""
    longs = change.change
    side, part = ("longs", longs) if longs >= 0.5 else ("shorts", 1 - longs)
    least = "At least " if change.at_least else ""
    return f"{least}{wording.usd(change.value)} was liquidated since {since}, {wording.share(100 * part)} of it {side}."


def _funding(change: FigureChange | None, premium: BeforeAfter, over: str) -> str:
    said = []
    if change is not None and change.value is not None and change.change is not None:
        before = wording.apr(100 * (change.value - change.change)).removesuffix(" a year")
        now = f"{'last paid' if change.paid else 'is heading to'} {wording.apr(100 * change.value)}"
        then = f"{'had paid' if change.paid_before else 'was heading to'} {before}"
        said.append(f"Funding {now}; {over} before it {then}.")
    if premium.after is not None:
        side = "over" if premium.after >= 0 else "under"
        was = "" if premium.before is None else f" ({wording.percent(100 * premium.before, 3)} before)"
        said.append(f"The perpetual trades {wording.share(100 * abs(premium.after), 3)} {side} its index{was}.")
    return " ".join(said)


def _depth(depth: BeforeAfter) -> str:
    if depth.after is None:
        return ""
    now = f"Orders within 1 % of price are {wording.usd(depth.after)}"
    if not depth.before:
        return f"{now}."
    return f"{now}, {wording.percent(100 * (depth.after / depth.before - 1), 0)} against before."
