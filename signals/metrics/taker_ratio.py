"""Taker buys against taker sells over 24 hours.

    value = B / S          buy_share = B / (B + S)          imbalance = (B − S) / (B + S)
    against_usual = value / mean(value; 30 d) − 1

B = taker buy volume, S = volume − B, both in USD summed over 24 h. After "selling wave" (2026: 0.79 on Binance, that is
44.1 % buys or an imbalance of −11.7 %), signals.md FL-3 and A12. The same fact as taker_zscore: never two legs.

The line of 0.85 is one for perpetuals, where the ratio usually lies near 1. On the spot market of the recorded winter
of 2025-26 the usual value was 0.94 and 0.85 was crossed 58 times in 13 months; so the alarm also asks for 15 % below
what is usual here, and is over when the ratio has been above 0.95 or at its usual value for three days (13 times).

NaN handling: the 24 hours must be whole, since a part of a flow is not the flow. No sells at all is not known. What is
usual is told from 2/3 of 30 days on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.condition import AT_ONCE, above, at_least, at_most, below, level
from signals.alerts.rule import AlertRule
from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(1)
USUAL_OVER = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return the ratio of taker buys to sells over 24 hours, with the same fact as a share."""
    volume = s["volume_usd"].total(WINDOW)
    buys = s["taker_buy_usd"].total(WINDOW)
    sells = volume - buys
    value = buys / sells
    usual = value.mean(USUAL_OVER)
    return {
        "value": value,
        "usual": usual,
        "against_usual": value / usual - 1,
        "buy_share": buys / volume,
        "imbalance": (buys - sells) / volume,
        "net": buys - sells,
        "volume": volume,
    }


METRIC = Metric(
    id="taker_ratio",
    title="Taker buys to sells, 24 h",
    question="Over the last day, who was in a hurry: buyers or sellers?",
    needs=("volume_usd", "taker_buy_usd"),
    step=hours(1),
    window=USUAL_OVER + WINDOW,
    says="Taker buys to sells {value:ratio} over 24 h: {buy_share:part1} buys, net {net:usd} of {volume:usd}.",
    chart=Chart(
        title="Taker buys to sells, 24 h",
        axis="dollars bought at market for each sold",
        over=WINDOW,
        unit="ratio",
        lines=(("enter 0.85", 0.85), ("leave 0.95", 0.95), ("even", 1.0)),
    ),
    values={
        "value": Value("ratio", "taker buys over taker sells in 24 h"),
        "usual": Value("ratio", "usual taker ratio", "mean over 30 days"),
        "against_usual": Value("fraction", "taker ratio against its usual value"),
        "buy_share": Value("share", "share of buys in taker volume", usual=0.5, band=0.005),
        "imbalance": Value("fraction", "taker imbalance", "buys less sells, over volume"),
        "net": Value("usd", "net taker volume of 24 h", "buys less sells", usual=0.0),
        "volume": Value("usd", "taker volume of 24 h"),
    },
    tells_not="Whether a sale is a bet or a hedge; whoever waits with a limit order is not seen.",
    compute=compute,
)

RULES = (
    AlertRule(
        id="taker_ratio",
        title="Sellers in a hurry",
        levels=(
            level(
                "notice",
                enter=(below(0.85), at_most(-0.15, "against_usual")),
                leave=[(above(0.95),), (at_least(0.0, "against_usual"),)],
                hold=hours(2),
                hold_leave=days(3),
            ),
            level(
                "warning",
                enter=(below(0.75), at_most(-0.25, "against_usual")),
                leave=[(above(0.85),), (at_least(-0.10, "against_usual"),)],
                hold=AT_ONCE,
                hold_leave=days(3),
            ),
            level(
                "critical",
                enter=(below(0.65), at_most(-0.35, "against_usual")),
                leave=[(above(0.75),), (at_least(-0.20, "against_usual"),)],
                hold=AT_ONCE,
                hold_leave=days(3),
            ),
        ),
        of_a_fall=((at_most(1.0),),),
        headline="{asset}: sellers are in more of a hurry than buyers.",
        legs=(
            (
                "Taker buys to sells over 24 h: {value:ratio}, usually {usual:ratio}; "
                "only {buy_share:part1} of taker volume is buys."
            ),
            "Net {net:usd} of {volume:usd} traded.",
        ),
        counter="It is wrong if the ratio is back above 1 within a day: then the flush was the end of the move.",
        resolved="{asset}: sellers are in no hurry now, ratio {value:ratio} in 24 h.",
        only_asked=True,  # taker_zscore tells the same fact, judged against what is usual here
    ),
)
