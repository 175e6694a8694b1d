"""How many coins are held in open positions, and how that has changed, free of price.

    value = C          change_1h, change_24h, change_7d = C / C(1 h, 24 h, 7 d ago) − 1
    above_low = C / min(C over 30 d, 120 d) − 1          below_high = C / max(C over 30 d) − 1

C in coins, one-sided. After "revenge rally" (Cointelegraph, January 2026), who counts the fall to 93,600 BTC and the
rise to 123,500, "roughly 31 %" (signals.md OI-3 and A10, 2026: exactly +31.9 %). Lines that setups draw here: +5 % in
7 days (crowding), −5 % in 24 hours (closing), 10 % above the low of 120 days (positions added since).

NaN handling: each change is NaN where that very row is not known. The extremes of 30 days ask for 2/3 of them; the low
of 120 days is the lowest *stored* value and is told from 30 known days on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from datetime import timedelta

    from signals.series import Panel, Series

MONTH = days(30)
WINDOW = days(120)
LEAST = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return open interest in coins with its changes in coins and in dollars, and where it stands in its window."""
    coins, usd = s["open_interest_coin"], s["open_interest_usd"]
    low = coins.min(WINDOW, least=LEAST)
    return {
        "value": coins,
        "usd": usd,
        "change_1h": _change(coins, hours(1)),
        "change_24h": _change(coins, days(1)),
        "change_7d": _change(coins, days(7)),
        "dollars_24h": _change(usd, days(1)),
        "dollars_7d": _change(usd, days(7)),
        "above_low_30d": coins / coins.min(MONTH) - 1,
        "below_high_30d": coins / coins.max(MONTH) - 1,
        "above_low_120d": coins / low - 1,
        "low_120d": low,
        "low_120d_days_ago": (-coins).since_max(WINDOW, least=LEAST) * (s.step / days(1)),
    }


def _change(series: Series, window: timedelta) -> Series:
    return series / series.lag(window) - 1


METRIC = Metric(
    id="oi_coins",
    title="Open interest in coins",
    question="Were positions opened or closed, whatever price did?",
    needs=("open_interest_coin", "open_interest_usd"),
    step=hours(1),
    window=WINDOW,
    says=(
        "Open interest {value:coins {asset}}: {change_24h:change} in a day, {change_7d:change} in 7 days, "
        "{above_low_120d:change} from the 120-day low of {low_120d:coins {asset}} {low_120d_days_ago:count day} ago."
    ),
    chart=Chart(title="Open interest in coins", axis="coins", unit="coins"),
    values={
        "value": Value("coins", "open interest in coins"),
        "usd": Value("usd", "open interest"),
        "change_1h": Value("fraction", "change of open interest in coins in 1 h", of="value", over=hours(1)),
        "change_24h": Value("fraction", "change of open interest in coins in 24 h", of="value", over=days(1)),
        "change_7d": Value("fraction", "change of open interest in coins in 7 days", of="value", over=days(7)),
        "dollars_24h": Value("fraction", "change of open interest in 24 h", of="usd", over=days(1)),
        "dollars_7d": Value("fraction", "change of open interest in 7 days", of="usd", over=days(7)),
        "above_low_30d": Value("fraction", "open interest in coins above its 30-day low", "0 at the low"),
        "below_high_30d": Value("fraction", "open interest in coins against its 30-day high", "0 at the high"),
        "above_low_120d": Value("fraction", "open interest in coins above its 120-day low"),
        "low_120d": Value("coins", "lowest open interest in coins of 120 days"),
        "low_120d_days_ago": Value("days", "time since the 120-day low of open interest"),
    },
    tells_not="Which side was opened or closed: every contract has both.",
    compute=compute,
)
