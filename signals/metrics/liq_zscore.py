"""How unusual the forced closing of the last hour is, of all positions and of longs and shorts apart.

    value, longs, shorts = z(ln(1 + USD per hour); 30 d)          pace = USD of the last hour / median hour of 30 d

USD of liquidated longs, shorts and both. The idea is that of "selling wave" (2026: +2.34, "ongoing cascade"), which
publishes no window; ours is 30 days, so its figure will not be reproduced (signals.md LI-1 and section 1, 2026). The
logarithm keeps one cascade from hiding the next: of the dollars themselves 10 October 2025 would be the only event of
its month. Lines that setups draw here: z +2 and leaving at +1; ten times the median hour for a chain.

Every dollar figure is a floor: most feeds tell of one liquidation a second and contract. z and pace compare a feed with
itself, so a feed that tells of a part tells them all the same. Where only days are stored z is that of days, and what
belongs to an hour is not known.

NaN handling: an hour without a liquidation is 0, an hour that was not heard is NaN; a sum over a window with such an
hour is NaN. No z and no median while under 2/3 of the 30 days are known; no pace where the median hour is 0, no share
where nothing was liquidated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

HOUR, DAY = hours(1), days(1)
WINDOW = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return the three z-scores, with the dollars of an hour and of a day and the share of longs in them."""
    longs, shorts = s["liquidated_longs_usd"], s["liquidated_shorts_usd"]
    both = longs + shorts
    hour, day = both.total(HOUR), both.total(DAY)
    longs_day = longs.total(DAY)
    return {
        "value": _unusual(both),
        "longs": _unusual(longs),
        "shorts": _unusual(shorts),
        "usd_1h": hour,
        "usd_24h": day,
        "longs_usd_24h": longs_day,
        "shorts_usd_24h": shorts.total(DAY),
        "longs_share_1h": longs.total(HOUR) / hour,
        "longs_share_24h": longs_day / day,
        "pace": hour / hour.lag(HOUR).median(WINDOW),
    }


def _unusual(usd: Series) -> Series:
    return (usd + 1).log().zscore(WINDOW)


METRIC = Metric(
    id="liq_zscore",
    title="Unusual liquidations",
    question="Are more positions being forced out than is usual here, and whose?",
    needs=("liquidated_longs_usd", "liquidated_shorts_usd"),
    step=HOUR,
    window=WINDOW + HOUR,
    says=(
        "Liquidations: {value:zscore} against 30 days (longs {longs:zscore}, shorts {shorts:zscore}); "
        "at least {usd_24h:usd} in 24 h, {longs_share_24h:part} longs."
    ),
    chart=Chart(
        title="Unusual liquidations",
        axis="standard deviations against 30 days",
        unit="z",
        over=DAY,
        lines=(("+2", 2.0), ("+1", 1.0)),
    ),
    values={
        "value": Value(
            "z",
            "z of liquidations",
            "of ln(1 + USD per hour) against the 30 days before; per day where only days are stored",
        ),
        "longs": Value("z", "z of liquidated longs", "as of both sides"),
        "shorts": Value("z", "z of liquidated shorts", "as of both sides"),
        "usd_1h": Value("usd", "liquidations of the last hour", "a floor", usual=0.0),
        "usd_24h": Value("usd", "liquidations of the last 24 h", "a floor", usual=0.0),
        "longs_usd_24h": Value("usd", "longs liquidated in the last 24 h", usual=0.0),
        "shorts_usd_24h": Value("usd", "shorts liquidated in the last 24 h", usual=0.0),
        "longs_share_1h": Value("share", "share of longs in the liquidations of the last hour", usual=0.5),
        "longs_share_24h": Value("share", "share of longs in the liquidations of the last 24 h", usual=0.5),
        "pace": Value(
            "times",
            "pace of liquidations",
            "dollars of the last hour over those of the median hour of 30 days",
            usual=1.0,
        ),
    },
    tells_not="How much was liquidated in all: a feed that tells one a second gives a floor.",
    compute=compute,
)
