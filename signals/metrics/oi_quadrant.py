"""What price and coin open interest did together: four readings, and none inside the dead band.

    up or down: the change over the window is beyond ± 0.5 σ, σ = sd of such changes over the 30 days before
    1 price up, coins up      2 price down, coins up      3 price up, coins down      4 price down, coins down
    0 either inside its dead band

The names are those of "OI guide" (Leverage.Trading, 2026), which reads dollars. Here open interest is counted in coins,
for dollars rise with price alone (signals.md OI-6 and A24, 2026). A description of what happened, never a forecast.

NaN handling: no reading while under 2/3 of the 30 days are known. A window shorter than the step of the data is NaN:
daily data have no 4-hour quadrant.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from signals.series import Panel, Series

SIGMA_OVER = days(30)
DEAD_BAND = 0.5  # of a σ
LONGEST = days(7)

READINGS: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        0: ("no clear quadrant", "price or positions moved less than usual, so nothing can be read from them"),
        1: ("bullish conviction", "price rose and positions were added"),
        2: ("bearish conviction", "price fell and positions were added"),
        3: ("short covering", "price rose while positions were closed: sellers bought back"),
        4: ("long exhaustion", "price fell while positions were closed: buyers gave up"),
    }
)


def compute(s: Panel) -> dict[str, Series]:
    """Return the code of the quadrant over 4 h, 1 d and 7 d, each with the changes it is read from."""
    found: dict[str, Series] = {}
    for name, window in (("4h", hours(4)), ("1d", days(1)), ("7d", LONGEST)):
        price, coins, usd = (_change(s[name], window) for name in ("close", "open_interest_coin", "open_interest_usd"))
        found["value" if name == "1d" else f"value_{name}"] = _code(_side(price), _side(coins))
        found |= {f"price_change_{name}": price, f"coins_change_{name}": coins, f"usd_change_{name}": usd}
    return found


def _change(series: Series, window: timedelta) -> Series:
    return series / series.lag(window) - 1


def _side(change: Series) -> Series:
    """Return 1 (up), −1 (down) or 0 (inside the dead band). Now is left out of its own σ."""
    band = change.lag(change.step).deviation(SIGMA_OVER) * DEAD_BAND
    return (change > band) - (change < -band)


def _code(price: Series, coins: Series) -> Series:
    return (2.5 - coins - price / 2) * (price * coins).abs()


_QUADRANTS = ("none", "bullish conviction", "bearish conviction", "short covering", "long exhaustion")
_CHANGES = {
    f"{what}_change_{window}": Value("fraction", f"change of {name} over {words}")
    for window, words in (("4h", "4 hours"), ("1d", "a day"), ("7d", "7 days"))
    for what, name in (("price", "price"), ("coins", "open interest in coins"), ("usd", "open interest in USD"))
}

METRIC = Metric(
    id="oi_quadrant",
    title="Price against open interest",
    question="Did the last move come with positions being opened or closed?",
    needs=("close", "open_interest_coin", "open_interest_usd"),
    step=hours(1),
    window=SIGMA_OVER + LONGEST + hours(1),
    says=(
        "Price {price_change_1d:change}, open interest {coins_change_1d:change} in coins "
        "({usd_change_1d:change} in dollars) over a day."
    ),
    chart=Chart(
        title="Open interest in coins, change over a day",
        axis="percent over a day",
        value="coins_change_1d",
        over=days(1),
    ),
    values={
        "value": Value("code", "quadrant over a day", "0 to 4 in this order", codes=_QUADRANTS),
        "value_4h": Value("code", "quadrant over 4 hours", "as over a day", codes=_QUADRANTS),
        "value_7d": Value("code", "quadrant over 7 days", "as over a day", codes=_QUADRANTS),
    }
    | _CHANGES,
    tells_not="What comes next: the same quadrant has been read as an end and as a start.",
    compute=compute,
)
