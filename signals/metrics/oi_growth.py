"""How fast open positions have been added: six weeks of growth, and how rare such growth is.

    value = C / C(42 d ago)          dollars = U / U(42 d ago)          pct = its rank in 2 y

C in coins, U in USD, both one-sided, by day. "OI guide" (Leverage.Trading, 2026) tells a book that "doubled in six
weeks" from a flat one, in dollars; here coins decide, for dollars double with price alone (signals.md OI-7, 2026). Its
line is 1.5 and 1.25 on the way out, on two closes; no alarm stands on it.

NaN handling: NaN where coins are not known today or exactly 42 days ago; no `pct` while under 2/3 of two years are
known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days

if TYPE_CHECKING:
    from signals.series import Panel, Series

GROWN_OVER = days(42)
WINDOW = days(730)


def compute(s: Panel) -> dict[str, Series]:
    """Return the growth of open interest over six weeks in coins and in dollars, and its place in two years."""
    coins, usd = s["open_interest_coin"], s["open_interest_usd"]
    value = coins / coins.lag(GROWN_OVER)
    return {
        "value": value,
        "growth": value - 1,
        "dollars": usd / usd.lag(GROWN_OVER) - 1,
        "pct": value.percentile(WINDOW),
        "coins": coins,
    }


METRIC = Metric(
    id="oi_growth",
    title="Growth of open interest in six weeks",
    question="How fast are positions being built up?",
    needs=("open_interest_coin", "open_interest_usd"),
    step=days(1),
    window=WINDOW + GROWN_OVER,
    says="Open interest {coins:coins {asset}}: {growth:change0} in six weeks, {dollars:change0} in dollars.",
    chart=Chart(
        title="Open interest against six weeks before",
        axis="times, in coins",
        unit="ratio",
        over=GROWN_OVER,
        lines=(("1.5 times", 1.5), ("1.25 times", 1.25)),
    ),
    values={
        "value": Value("ratio", "open interest in coins over that of six weeks ago"),
        "growth": Value("fraction", "growth of open interest in coins in six weeks", of="coins", over=days(42)),
        "dollars": Value("fraction", "growth of open interest in six weeks", "in dollars"),
        "pct": Value("rank", "rank of the growth of open interest in two years", "values at or below it"),
        "coins": Value("coins", "open interest in coins beside its growth"),
    },
    running=True,
    tells_not="When it ends: fast growth has gone on for months.",
    compute=compute,
)
