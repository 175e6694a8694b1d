"""How unusual the last day's taker imbalance is.

    imbalance = (B − S) / (B + S) over 24 h          value = z(imbalance; 30 d), sampled at every close

B = taker buy volume, S = volume − B, in USD. The idea is that of "selling wave" (2026: −2.28), which publishes no
window; ours is 30 days, so its figure will not be reproduced (signals.md FL-4 and section 1, 2026). The same fact as
taker_ratio: never two legs.

Unusual is not one-sided: the alarm also asks for a buy share of at most 47 % (signals.md section 7, 2026), else it
called 49.0 % buys one-sided selling; its deeper lines ask for less still. And it asks for −2.5: on daily spot data of
BTC and ETH in 2021-25 that halves what −2 tells, 58 waves to 31. The way out has to hold for four days, so that one
wave of selling with a quiet day inside is told once.

NaN handling: each 24 hours must be whole; no z while under 2/3 of the 30 days are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.condition import AT_ONCE, above, at_most, level
from signals.alerts.rule import AlertRule
from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

FLOW_OVER = days(1)
WINDOW = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return the z-score of the 24-hour taker imbalance, with the imbalance itself."""
    volume = s["volume_usd"].total(FLOW_OVER)
    buys = s["taker_buy_usd"].total(FLOW_OVER)
    imbalance = (2 * buys - volume) / volume
    return {
        "value": imbalance.zscore(WINDOW),
        "imbalance": imbalance,
        "buy_share": buys / volume,
        "ratio": buys / (volume - buys),
    }


METRIC = Metric(
    id="taker_zscore",
    title="Unusual taker flow",
    question="Are sellers hitting the market harder than is usual here?",
    needs=("volume_usd", "taker_buy_usd"),
    step=hours(1),
    window=WINDOW + FLOW_OVER + hours(1),
    says="Taker flow over 24 h: {value:zscore} against 30 days; {buy_share:part1} buys.",
    chart=Chart(
        title="24-hour taker imbalance against 30 days",
        axis="standard deviations",
        over=FLOW_OVER,
        unit="z",
        lines=(("enter −2.5", -2.5), ("leave −1", -1.0)),
    ),
    values={
        "value": Value("z", "z of taker flow", "24-hour imbalance against the 30 days before"),
        "imbalance": Value("fraction", "taker imbalance of 24 h", "buys less sells, over volume"),
        "buy_share": Value("share", "share of buys in the taker volume of 24 h", usual=0.5, band=0.005),
        "ratio": Value("ratio", "taker ratio of 24 h", "buys over sells"),
    },
    tells_not="Whether it is a hedge or a bet.",
    compute=compute,
)

RULES = (
    AlertRule(
        id="taker_zscore",
        title="Unusually one-sided selling",
        levels=(
            level(
                "notice",
                enter=(at_most(-2.5), at_most(0.47, "buy_share")),
                leave=above(-1.0),
                hold=hours(2),
                hold_leave=days(4),
            ),
            level(
                "warning",
                enter=(at_most(-3.0), at_most(0.45, "buy_share")),
                leave=above(-2.0),
                hold=AT_ONCE,
                hold_leave=days(4),
            ),
            level(
                "critical",
                enter=(at_most(-4.0), at_most(0.42, "buy_share")),
                leave=above(-3.0),
                hold=AT_ONCE,
                hold_leave=days(4),
            ),
        ),
        of_a_fall=((at_most(0.0),),),
        headline="{asset}: selling at market is unusually one-sided.",
        legs=(
            (
                "Taker flow over 24 h: {value:zscore} against 30 days; ratio {ratio:ratio}, "
                "only {buy_share:part1} of taker volume is buys."
            ),
        ),
        counter="It is wrong if the ratio is back above 1 within a day: then the flush was the end of the move.",
        resolved="{asset}: {buy_share:part1} of taker volume is buys in 24 h, {value:zscore} against 30 days.",
    ),
)
