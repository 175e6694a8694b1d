"""How far open interest stands below its peak, in dollars and in coins.

    value = U / max(U over 365 d) − 1          coins = C / C(on the day of that peak) − 1
    price_share = ln(P1/P0) / ln(U1/U0), with P = U / C, between the day of the peak and now

U in USD, C in coins, both one-sided. Ours, after "OI reset" (Darkfost, January 2026), who reads dollars only;
the coin test and the price share answer it (signals.md OI-1 and OI-9, C1 and C2, 2026). The warning and the critical
line are ours; each asks for twice the coins of the one before. P is the price at which the
venue itself valued its contracts, so the price share and the coins' share add up to the whole fall.

NaN handling: the peak is the highest *stored* value of the last 365 days and is told from 30 known days on (a maximum
over a shorter history is still true of that history). `coins` and `price_share` are NaN where coins are not known on
the day of the peak; `price_share` also where the dollar change is within ±2 %, since a small change has no shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.condition import AT_ONCE, above, at_most, level
from signals.alerts.rule import AlertRule
from signals.metric import Chart, Metric, Value
from signals.series import days

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(365)
LEAST = days(30)
TOO_SMALL_TO_SHARE = 0.02


def compute(s: Panel) -> dict[str, Series]:
    """Return the drawdown from the highest dollar open interest of 365 days and what explains it."""
    usd, coins = s["open_interest_usd"], s["open_interest_coin"]
    peak = usd.max(WINDOW, least=LEAST)
    coins_at_peak = coins.at_max_of(usd, WINDOW, least=LEAST)
    price, price_at_peak = usd / coins, peak / coins_at_peak
    value = usd / peak - 1
    return {
        "value": value,
        "usd": usd,
        "coins_now": coins,
        "coins": coins / coins_at_peak - 1,
        "peak_usd": peak,
        "peak_days_ago": usd.since_max(WINDOW, least=LEAST) * (s.step / days(1)),
        "price_share": ((price / price_at_peak).log() / (usd / peak).log()).where(value.abs() > TOO_SMALL_TO_SHARE),
        "price": price,
    }


METRIC = Metric(
    id="oi_drawdown",
    title="Open interest below its peak",
    question="How far is open interest below its peak of a year, and were positions closed or did price do it?",
    needs=("open_interest_usd", "open_interest_coin"),
    step=days(1),
    window=WINDOW,
    says=(
        "Open interest {usd:usd}, {value:change0} from its peak of {peak_usd:usd} {peak_days_ago:count day} ago; "
        "in coins {coins:change0}."
    ),
    chart=Chart(
        title="Open interest below its 365-day peak",
        axis="percent from the peak",
        lines=(("enter −30 %", -0.30), ("leave −20 %", -0.20)),
    ),
    values={
        "value": Value(
            "fraction", "open interest against its 365-day peak", "in dollars; 0 at the peak, negative below"
        ),
        "usd": Value("usd", "open interest of a day"),
        "coins_now": Value("coins", "open interest of a day in coins"),
        "coins": Value(
            "fraction", "change of open interest in coins since its peak", "since the day of the dollar peak"
        ),
        "peak_usd": Value("usd", "highest open interest of 365 days"),
        "peak_days_ago": Value("days", "time since the peak of open interest"),
        "price_share": Value(
            "share", "share of price in the change of open interest", "above 1 coins rose, below 0 price rose"
        ),
        "price": Value("price", "price at which open interest is valued"),
    },
    running=True,
    tells_not="How much leverage left the books, and whether price stops falling.",
    compute=compute,
)

RULES = (
    AlertRule(
        id="oi_drawdown",
        title="Open interest cut well below its peak",
        levels=(
            level(
                "notice",
                enter=(at_most(-0.30), at_most(-0.05, "coins")),
                leave=above(-0.20),
                hold=days(2),
            ),
            level(
                "warning",
                enter=(at_most(-0.45), at_most(-0.10, "coins")),
                leave=above(-0.35),
                hold=AT_ONCE,
                hold_leave=days(2),
            ),
            level(
                "critical",
                enter=(at_most(-0.60), at_most(-0.20, "coins")),
                leave=above(-0.50),
                hold=AT_ONCE,
                hold_leave=days(2),
            ),
        ),
        of_a_fall=((at_most(0.0),),),
        headline="{asset}: futures positions have been cut; the fall in open interest is not price alone.",
        legs=(
            "Open interest {usd:usd}, {coins_now:coins {asset}}. Peak {peak_usd:usd} on {peak_at:date}.",
            ("Since then {value:change0} in dollars, {coins:change0} in coins. {price_share:explains}."),
        ),
        counter=(
            "This is not a bottom call. It is wrong if open interest in coins keeps falling from here: "
            "then positions are still being closed."
        ),
        resolved=("{asset}: open interest is back to {usd:usd}, {value:change0} from its 365-day peak."),
    ),
)
