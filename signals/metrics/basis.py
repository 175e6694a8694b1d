"""What futures cost more than spot: the perpetual now, and a dated future for a year.

    value = P / index − 1          pct = mid-rank of value among the values of 365 d
    dated = (F / index − 1) · 365 / days to expiry

P is the mark of the perpetual, F that of the dated future nearest to a quarter away, each at one venue with its own
index. After "OI guide" (2026), which asks for "the basis, alongside funding and price" (signals.md BA-1). Setups call
from the 95th percentile on, or the 5th, stretched, until the 80th or 20th, for 8 hours. The yearly figure is simple,
not compounded.

NaN handling: the two are known by themselves; no percentile while under 2/3 of the year is known. Dated futures are
stored from the installation on: nobody gives their past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(365)
A_DAY = hours(24)


def compute(s: Panel) -> dict[str, Series]:
    """Return the premium of the perpetual, its percentile and mean of a day, and the yearly premium of a future."""
    premium = s["mark_price"] / s["index_price"] - 1
    known = premium.known(WINDOW) * (s.step / days(1))
    dated = s["dated_premium"] * 365 / s["dated_days"]
    return {
        "value": premium,
        "pct": premium.percentile(WINDOW, split_ties=True),
        "mean_24h": premium.mean(A_DAY),
        "dated": dated,
        "dated_pct": dated.percentile(WINDOW, split_ties=True),
        "dated_premium": s["dated_premium"],
        "dated_days": s["dated_days"],
        "dated_change_7d": dated.change(days(7)),
        "known_days": known.where(known > 0),
    }


METRIC = Metric(
    id="basis",
    title="Futures against spot",
    question="Do futures cost more than spot, and more than usual?",
    needs=("mark_price", "index_price", "dated_premium", "dated_days"),
    step=hours(1),
    window=WINDOW,
    says="The perpetual is {value:change2} from spot; a future of {dated_days:number} days {dated:yearly}.",
    chart=Chart(
        title="Perpetual over spot",
        axis="percent of spot",
        over=days(3),
        lines=(("as spot", 0.0),),
    ),
    charts=(Chart(title="Dated future over spot, yearly", axis="percent a year", value="dated", unit="apr"),),
    values={
        "value": Value("fraction", "premium of the perpetual over the index", band=0.0002),
        "pct": Value("rank", "rank of the perpetual's premium in a year", "mid-rank among the hours"),
        "mean_24h": Value("fraction", "mean premium of the perpetual in 24 h", band=0.0002),
        "dated": Value("apr", "premium of a dated future", "a simple yearly rate"),
        "dated_pct": Value("rank", "rank of the dated future's premium in a year", "mid-rank among the hours"),
        "dated_premium": Value("fraction", "premium of a dated future over the index"),
        "dated_days": Value("days", "time to expiry of the dated future"),
        "dated_change_7d": Value(
            "fraction", "change of the dated future's yearly premium in 7 days", of="dated", over=days(7)
        ),
        "known_days": Value("days", "known part of a year of the perpetual's premium"),
    },
    running=True,
    tells_not="Why: who buys spot and sells futures to earn the difference moves it without any opinion on price.",
    compute=compute,
)
