"""Whether two views lean the same way: what is paid to stay, and how many accounts stand there.

    move = change of yearly funding over 3 d / σ          σ = sd of such changes over the 30 days before
    value = 1   move >= 1 and accounts above 80 % of the year          (both towards longs)
           −1   move <= −1 and accounts below 20 % of the year         (both towards shorts)
            0   else

After the derivatives guide (2026): funding that climbs and a ratio that favours longs "often precedes meaningful price
movements" (signals.md LS-2), which says nothing of their direction.

NaN handling: not known while either view is not: 2/3 of 30 days of funding, 2/3 of a year of the ratio. No move while
funding rests (σ of 0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days, hours
from signals.units import HOURS_A_YEAR

if TYPE_CHECKING:
    from signals.series import Panel, Series

MOVE_OVER, SIGMA_OVER, YEAR = days(3), days(30), days(365)
HIGH, LOW = 0.80, 0.20


def compute(s: Panel) -> dict[str, Series]:
    """Return the code of the two views, and each of them."""
    funding = s["funding_rate"] / s["funding_interval_hours"] * HOURS_A_YEAR
    accounts = s["long_short_accounts"]
    change = funding.change(MOVE_OVER)
    move = change / change.lag(s.step).deviation(SIGMA_OVER)
    pct = accounts.percentile(YEAR)
    longs = (move >= 1.0).both(pct >= HIGH)
    shorts = (move <= -1.0).both(pct <= LOW)
    return {
        "value": longs - shorts,
        "move": move,
        "funding": funding,
        "funding_change": change,
        "accounts": accounts,
        "accounts_pct": pct,
    }


METRIC = Metric(
    id="sentiment_meter",
    title="Funding and accounts together",
    question="Do what is paid and how many stand there lean the same way?",
    needs=("funding_rate", "funding_interval_hours", "long_short_accounts"),
    step=hours(1),
    window=YEAR,
    says=(
        "Funding {funding:yearly}, moved by {move:number1} of its usual changes in 3 days; {accounts:ratio} long "
        "accounts for each short, above {accounts_pct:rank} of the past year."
    ),
    chart=Chart(
        title="Funding's change over 3 days against its usual ones",
        axis="standard deviations",
        value="move",
        over=days(3),
        unit="z",
        lines=(("towards longs", 1.0), ("towards shorts", -1.0)),
    ),
    values={
        "value": Value(
            "code",
            "lean of funding and accounts",
            "1: both lean towards longs, −1: both towards shorts, 0: they do not",
        ),
        "move": Value("z", "z of the change of funding in 3 days", "in standard deviations of such changes"),
        "funding": Value("apr", "funding beside accounts", "simple yearly rate; positive: longs pay"),
        "funding_change": Value("apr", "change of funding in 3 days", of="funding", over=days(3)),
        "accounts": Value("ratio", "accounts long to short beside funding"),
        "accounts_pct": Value("rank", "rank of accounts beside funding in a year", "hours at or below it"),
    },
    running=True,
    tells_not="The direction of the next move: two crowded views can both be right for a while.",
    compute=compute,
)
