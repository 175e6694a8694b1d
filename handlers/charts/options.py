"""A picture of one option expiry as plain data, and what it says in words: calls and puts by strike."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from handlers.charts.figures import clean, say, strike_words
from handlers.words import wording
from signals.language.spelling import sentence_case
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals.options import OptionExpiry, Strike
    from storage.queries.derivatives.option_chain import OptionsNow

HEIGHT: Final = 620
WITHIN: Final = 0.9  # of the open interest that is drawn; strikes far away would press the others flat
_LEAST_REACH: Final = 0.10  # of the index to either side
_FINEST: Final = 110  # bars side by side
_NAMED: Final = 3


def spec(found: OptionsNow, expiry: OptionExpiry, *, light: bool = False, note: str = "") -> dict[str, Any]:
    """Return the picture of an expiry as JSON-able data. note: said in the stamp."""
    middle = found.index or expiry.least_payout()[0]
    shown = _in_sight(expiry, middle)
    width = _width(shown)
    least = expiry.least_payout()[0]
    marks = [[middle, "ink", "solid"]] if found.index else []
    title = f"{found.asset} options · {wording.day(expiry.at)}"
    low, high = min(shown[0].price, middle) - width, max(shown[-1].price, middle) + width
    return {
        "picture": "options",
        "prices": True,
        "title": title,
        "lead": _lead(found, least),
        "asset": found.asset,
        "from": low,
        "to": high,
        "panels": [
            {
                "kind": "strikes",
                "height": HEIGHT,
                "unit": "coins",
                "step": width,
                "head": [
                    [f"{found.asset} by strike:", "muted"],
                    ["calls ↑", "up"],
                    ["puts ↓", "down"],
                    [f"most at {', '.join(strike_words(strike.price) for strike in expiry.largest(_NAMED))}", "ink"],
                ],
                "rows": [[strike.price - width / 2, strike.puts, strike.calls] for strike in shown],
                "unheard": [],
                "marks": [*marks, [least, "alert", "dashed"]],
            }
        ],
        "stamp": _stamp(found, expiry, shown, note),
        "light": light,
        "alt": clean(_alt(found, expiry, title)),
    }


def _in_sight(expiry: OptionExpiry, middle: float) -> list[Strike]:
    """Return the strikes nearest to price that hold most of what is open, and all between them."""
    held = sorted(
        (strike for strike in expiry.strikes if strike.coins), key=lambda strike: _apart(strike.price, middle)
    )
    inside, reach = 0.0, _apart(middle * (1 + _LEAST_REACH), middle)
    for strike in held:
        if inside >= WITHIN * expiry.coins:
            break
        inside += strike.coins
        reach = max(reach, _apart(strike.price, middle))
    return [strike for strike in expiry.strikes if _apart(strike.price, middle) <= reach + 1e-9] or held[:1]


def _apart(price: float, middle: float) -> float:
    return abs(math.log(price / middle))


def _width(shown: Sequence[Strike]) -> float:
    """Return how wide a bar may be so that no two touch."""
    gaps = [later.price - earlier.price for earlier, later in pairwise(shown)]
    span = shown[-1].price - shown[0].price
    return max(min(gaps), span / _FINEST) if gaps else 0.02 * shown[0].price


def _lead(found: OptionsNow, least: float) -> str:
    said = [f"index {say(found.index, 'price')} (line)"] if found.index else []
    said.append(f"least payout {say(least, 'price')} (dashed)")
    return sentence_case(" · ".join(said))


def _stamp(found: OptionsNow, expiry: OptionExpiry, shown: Sequence[Strike], note: str) -> list[str]:
    inside = sum(strike.coins for strike in shown) / expiry.coins
    left = f"{wording.share((1 - inside) * 100)} further out" if inside < 0.995 else ""
    parts = [venue_title(found.venue), f"chain of {wording.moment(found.at)}", left, note]
    return [" · ".join(part for part in parts if part)]


def _alt(found: OptionsNow, expiry: OptionExpiry, title: str) -> str:
    largest = ", ".join(
        f"{say(strike.price, 'price')} {wording.coins(round(strike.coins), found.asset)}"
        for strike in expiry.largest(_NAMED)
    )
    least = say(expiry.least_payout()[0], "price")
    index = f", index {say(found.index, 'price')}" if found.index else ""
    return (
        f"{title}: calls {wording.coins(round(expiry.calls), found.asset)}, "
        f"puts {wording.coins(round(expiry.puts), found.asset)}. Largest strikes: {largest}. "
        f"Least payout at {least}{index}."
    )
