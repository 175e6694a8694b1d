"""The liquidation map as plain data, and what it says in words: price across, dollars of each side up.

As in content.py nothing here draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from handlers.charts.figures import clean, say
from handlers.words import wording
from handlers.words.liquidation.liquidation_map import place
from signals.language.spelling import sentence_case
from signals.liquidation_map import REACH

if TYPE_CHECKING:
    from signals.liquidation_map import PriceBins
    from storage.queries.market.readings import Reading

PICTURE: Final = "map"  # as references name it
_HEIGHT: Final = 580
_TICKS: Final = (-REACH, -REACH / 2, 0.0, REACH / 2, REACH)
_LONGEST: Final = 8  # letters of a price of which five stand beside each other


def spec(reading: Reading, bins: PriceBins, stamp: str, *, light: bool = False) -> dict[str, Any]:
    """Return the picture of a map as JSON-able data. stamp: its last line."""
    price, asset = bins.price, reading.asset
    low, high = price * (1 - REACH), price * (1 + REACH)
    rows = [
        [max(left, low), min(right, high), _six(longs), _six(shorts)]
        for left, right, longs, shorts in zip(bins.edges[:-1], bins.edges[1:], bins.longs, bins.shorts, strict=True)
        if right > low and left < high
    ]
    ticks = _TICKS if len(place(price)) <= _LONGEST else _TICKS[::2]
    named = []
    for side, color in (("below", "down"), ("above", "up")):
        at, usd = reading.get(f"cluster_{side}"), reading.get(f"cluster_{side}_usd")
        if at is not None and usd:
            words = f"{wording.usd(usd)}\n{place(at)} ({wording.percent((at / price - 1) * 100)})"
            named.append([at, _six(usd), words, color])
    return {
        "picture": PICTURE,
        "title": f"{asset} liquidation map",
        "lead": f"Our model · price {say(price, 'price')} · {REACH * 100:.0f} % each way",
        "asset": asset,
        "from": low,
        "to": high,
        "across": [[price * (1 + away), place(price * (1 + away))] for away in ticks],
        "panels": [
            {
                "kind": "levels",
                "height": _HEIGHT,
                "unit": "usd",
                "head": [["Dollars in each 0.5 %:", "muted"], ["longs below", "down"], ["shorts above", "up"]],
                "rows": rows,
                "price": price,
                "named": named,
            }
        ],
        "stamp": [sentence_case(stamp)] if stamp else [],
        "light": light,
        "alt": clean(_alt(reading, price)),
    }


def _alt(reading: Reading, price: float) -> str:
    """Say the picture in words: the sums of both sides stand in the text beside it."""
    most = []
    for side, what in (("below", "longs"), ("above", "shorts")):
        at, usd = reading.get(f"cluster_{side}"), reading.get(f"cluster_{side}_usd")
        if at is not None and usd:
            away = wording.percent((at / price - 1) * 100)
            most.append(f"{what} {wording.usd(usd)} near {place(at)} ({away})")
    said = f"{reading.asset} liquidation map by our model, price {say(price, 'price')}"
    return f"{said}; most in one place: {wording.listing(most)}." if most else f"{said}: nothing within reach."


def _six(value: float) -> float:
    return float(f"{value:.8g}")
