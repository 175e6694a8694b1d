"""How unusual the last day's change of open interest in coins is.

    change = ln(C / C 24 h ago)          value = z(change; 30 d), sampled at every close

C in coins, one-sided. The idea is that of "selling wave" (2026: −1.48, "unwind their exposure"), which publishes no
window; ours is 30 days, so its figure will not be reproduced (signals.md OI-5 and section 1, 2026).

The alarm asks for −2 and for −7 % in coins. One day in six lies below −1 of its own deviation whatever happens: alone,
that line told of 35 "events" in the recorded 13 months of 2025-26; with −5 % in coins beside it, the line of "position
closing" (signals.md RC-3), it told of 98 on BTC in 2021-25, two of five of them within a week of the one before. Once
above the line again it has to stay there for a day, and what begins again within three days is the same event.

NaN handling: no z while under 2/3 of the 30 days are known, or while nothing moved in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.condition import AT_ONCE, above, at_most, level
from signals.alerts.rule import AlertRule
from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

CHANGE_OVER = days(1)
WINDOW = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return the z-score of the 24-hour change in coins, with the changes in coins and in dollars."""
    usd, coins = s["open_interest_usd"], s["open_interest_coin"]
    change = coins.log().change(CHANGE_OVER)
    return {
        "value": change.zscore(WINDOW),
        "coins": coins / coins.lag(CHANGE_OVER) - 1,
        "dollars": usd / usd.lag(CHANGE_OVER) - 1,
        "coins_now": coins,
        "usd": usd,
    }


METRIC = Metric(
    id="oi_zscore",
    title="Unusual closing of positions",
    question="Are positions being closed faster than is usual for this market?",
    needs=("open_interest_coin", "open_interest_usd"),
    step=hours(1),
    window=WINDOW + CHANGE_OVER + hours(1),
    says="Open interest {coins:change} in coins over 24 h: {value:zscore} against 30 days. {coins_now:coins {asset}}.",
    chart=Chart(
        title="24-hour change of open interest against 30 days",
        axis="standard deviations",
        over=CHANGE_OVER,
        unit="z",
        lines=(("enter −2", -2.0), ("leave −1", -1.0)),
    ),
    values={
        "value": Value(
            "z", "z of the change of open interest in 24 h", "log change in coins, against the 30 days before"
        ),
        "coins": Value("fraction", "change of open interest in coins over 24 h"),
        "dollars": Value("fraction", "change of open interest over 24 h"),
        "coins_now": Value("coins", "open interest in coins beside its z"),
        "usd": Value("usd", "open interest beside its z"),
    },
    tells_not="Who closes, and whether by choice.",
    compute=compute,
)

RULES = (
    AlertRule(
        id="oi_zscore",
        title="Positions closed unusually fast",
        levels=(
            level(
                "notice",
                enter=(at_most(-2.0), at_most(-0.07, "coins")),
                leave=above(-1.0),
                hold=hours(2),
                hold_leave=days(1),
            ),
            level(
                "warning",
                enter=(at_most(-3.0), at_most(-0.10, "coins")),
                leave=above(-2.0),
                hold=AT_ONCE,
                hold_leave=days(1),
            ),
            level(
                "critical",
                enter=(at_most(-4.0), at_most(-0.15, "coins")),
                leave=above(-3.0),
                hold=AT_ONCE,
                hold_leave=days(1),
            ),
        ),
        of_a_fall=((at_most("coins", "dollars"),),),
        headline="{asset}: positions are being closed faster than usual.",
        legs=(
            (
                "Open interest in 24 h: {coins:change} in coins, {dollars:change} in dollars; "
                "{value:zscore} against 30 days."
            ),
            "Now {coins_now:coins {asset}}, {usd:usd}.",
        ),
        counter=(
            "It is wrong if open interest rises again while price holds: then the closed positions were replaced."
        ),
        resolved=("{asset}: open interest {coins:change} in coins in 24 h, {value:zscore} against 30 days."),
    ),
)
