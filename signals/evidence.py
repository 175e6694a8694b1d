"""What followed when a rule fired before: base rates, held against any day of the same span.

A start counts as a case when it lies at least 30 × 24 h after the last start that counted. A case enters at the first
daily close strictly after the fire, and its return over h days is close(entry + h) / close(entry) − 1; the worst fall
and the best rise are those of the daily closes of the 30 days after the entry. Up means a return above zero; median and
quartiles are by linear interpolation. The true rate is the Wilson score interval,

    centre (p + z²/2n) / (1 + z²/n), half width z·√(p(1 − p)/n + z²/4n²) / (1 + z²/n), z = 1.96

(Wilson, Probable Inference, 1927). The any-day rate is the share of all daily closes of the span from which price was
higher h days later. The rules are signals.md 5 with its corrections of 28 November 2026. Levels are no part of this:
whoever chose them on the same span sees them confirmed by it.

Times are UTC, prices in USD, returns fractions. NaN handling: a day without a close is no entry and no outcome; a case
whose entry or outcome is not known, or not yet, does not count at that horizon.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from signals.units import DAY, DAY_MS, from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from signals.alerts.rule import AlertRule
    from signals.metric import Metric
    from signals.series import Array

    Times = NDArray[np.int64]  # ms, rising

HORIZONS: Final = (1, 7, 30)  # days
APART: Final = 30 * DAY
INSIDE: Final = 30  # days in which the worst fall and the best rise are looked for
TOO_FEW: Final = 5  # below: no percentage, no median
FEW: Final = 15
Z: Final = 1.96
LATEST_ENTRY: Final = 7  # days without a close after a fire: what comes later is no answer to it
Verdict = Literal["too few", "no score", "no better", "more often", "less often"]


@dataclass(frozen=True, slots=True)
class DailyCloses:
    """Closing prices, one a day: when each was known (ms, at midnight UTC, rising), and NaN where not known."""

    times: Times
    prices: Array

    def until(self, at: datetime) -> DailyCloses:
        """Return what was known at a time."""
        count = int(np.searchsorted(self.times, to_ms(at), side="right"))
        return DailyCloses(self.times[:count], self.prices[:count])

    @property
    def last(self) -> int:
        """Return the time (ms) of the last known close; 0 where there is none."""
        known = np.flatnonzero(~np.isnan(self.prices))
        return int(self.times[known[-1]]) if len(known) else 0

    @property
    def first(self) -> int | None:
        """Return the time (ms) of the first known close."""
        known = np.flatnonzero(~np.isnan(self.prices))
        return int(self.times[known[0]]) if len(known) else None

    def price(self, at: int) -> float:
        """Return the close of a midnight (ms); NaN where it is not known."""
        row = int(np.searchsorted(self.times, at))
        return float(self.prices[row]) if row < len(self.times) and self.times[row] == at else math.nan

    def entry(self, fire: datetime) -> int | None:
        """Return the row of the first close strictly after a fire; None where there is none within a week."""
        first = int(np.searchsorted(self.times, to_ms(fire), side="right"))
        known = np.flatnonzero(~np.isnan(self.prices[first : first + LATEST_ENTRY]))
        if not len(known) or self.times[first + known[0]] > to_ms(fire) + LATEST_ENTRY * DAY_MS:
            return None
        return first + int(known[0])


@dataclass(frozen=True, slots=True)
class Case:
    """One start that counts, and what followed. changes: by horizon in days, only what is known.

    entry_at, entry: the close that it is measured from. worst, best: of the closes of 30 days, when those are over.
    """

    at: datetime
    entry_at: datetime | None = None
    entry: float = math.nan
    changes: Mapping[int, float] = field(default_factory=dict)
    worst: float = math.nan
    best: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """What followed after so many days, as plain data: it is frozen with what is told.

    cases: all that counted; n of them have an outcome, and after `up` of those price was higher. median, lower, upper:
    of their returns (quartiles). low, high: the Wilson interval of the true rate. any_day: the rate of any day. since:
    from when on the rule could be judged. What too few cases do not bear is None. venues: those that the cases were
    seen in, each set of them once, in the order of time. without: metrics of which nothing was known in a part of that
    span. scored: whether it is told how it compares with any day (signals/alerts/rule.py).
    """

    days: int
    cases: int
    n: int
    up: int
    median: float | None = None
    lower: float | None = None
    upper: float | None = None
    low: float | None = None
    high: float | None = None
    any_day: float | None = None
    since: datetime | None = None
    venues: tuple[tuple[str, ...], ...] = ()
    without: tuple[str, ...] = ()
    scored: bool = True

    @property
    def few(self) -> bool:
        """Tell whether there are so few cases that it has to be said."""
        return self.n < FEW

    @property
    def verdict(self) -> Verdict:
        """Tell how it compares with any day; where the interval contains the any-day rate it is no better."""
        if self.n < TOO_FEW or self.low is None or self.high is None or self.any_day is None:
            return "too few"
        if not self.scored:
            return "no score"
        if self.low > self.any_day:
            return "more often"
        return "less often" if self.high < self.any_day else "no better"

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back equal."""
        since = self.since.isoformat() if self.since else None
        venues = [list(of) for of in self.venues]
        return asdict(self) | {"since": since, "venues": venues, "without": list(self.without)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Odds:
        """Read it back; fields this version does not know are left out, optional ones may be missing."""
        known = {field.name for field in fields(cls)}
        found = {name: value for name, value in data.items() if name in known}
        since = found.get("since")
        found["since"] = datetime.fromisoformat(since) if since else None
        found["venues"] = tuple(tuple(of) for of in found.get("venues", ()))
        return cls(**found | {"without": tuple(found.get("without", ()))})


@dataclass(frozen=True, slots=True)
class BaseRate:
    """Every case of a rule, the oldest first, and its odds by horizon in days. first, last: the span of any day."""

    cases: tuple[Case, ...]
    odds: Mapping[int, Odds]
    first: datetime | None
    last: datetime | None


def starts(fires: Iterable[datetime]) -> list[datetime]:
    """Return the starts that count: each at least 30 × 24 h after the last one that counted."""
    found: list[datetime] = []
    for at in sorted(fires):
        if not found or at - found[-1] >= APART:
            found.append(at)
    return found


def wilson(up: int, n: int) -> tuple[float, float]:
    """Return the Wilson score interval of a rate, as fractions. ValueError where there is no case, or k > n."""
    if not 0 <= up <= n or n == 0:
        raise ValueError(f"{up} of {n} is no rate")
    p, square = up / n, Z * Z
    centre = (p + square / (2 * n)) / (1 + square / n)
    half = Z * math.sqrt(p * (1 - p) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def base_rate(
    fires: Iterable[datetime],
    closes: DailyCloses,
    *,
    horizons: Sequence[int] = HORIZONS,
    since: datetime | None = None,
    until: datetime | None = None,
) -> BaseRate:
    """Return what followed the fires of a rule, and what followed on any day.

    closes: of one asset. since: from when on the rule could be judged and prices are known, None: since the first
    close; what fired before counts for what is too near to it, and is no case. until: only what was known then, None:
    all; a fire at that very time is no case, since it is the one that asks.
    """
    known = closes if until is None else closes.until(until)
    counted = starts(at for at in fires if until is None or at < until)
    counted = [at for at in counted if since is None or at >= since]
    cases = tuple(case_of(at, known, horizons) for at in counted)
    of_span = known if since is None else _from(known, since)
    odds = {days: _odds(days, cases, known, of_span, since) for days in horizons}
    span = of_span.times[~np.isnan(of_span.prices)]
    ends = (from_ms(int(span[0])), from_ms(int(span[-1]))) if len(span) else (None, None)
    return BaseRate(cases, odds, *ends)


def _from(closes: DailyCloses, since: datetime) -> DailyCloses:
    row = int(np.searchsorted(closes.times, to_ms(since)))
    return DailyCloses(closes.times[row:], closes.prices[row:])


def case_of(at: datetime, closes: DailyCloses, horizons: Sequence[int]) -> Case:
    """Return what followed one fire, as far as it is known. closes: daily, USD; horizons: in days."""
    row = closes.entry(at)
    if row is None:
        return Case(at)
    begin, price = int(closes.times[row]), float(closes.prices[row])
    later = {days: closes.price(begin + days * DAY_MS) for days in horizons}
    changes = {days: close / price - 1 for days, close in later.items() if not math.isnan(close)}
    worst = best = math.nan
    if closes.last >= begin + INSIDE * DAY_MS:
        worst, best = extremes(closes, row, INSIDE)
    return Case(at, from_ms(begin), price, changes, worst, best)


def extremes(closes: DailyCloses, row: int, days: int) -> tuple[float, float]:
    """Return the lowest and the highest close of the days after a row, against the close of that row.

    NaN handling: days that are not known are left out; both are NaN where none is known.
    """
    end = int(np.searchsorted(closes.times, closes.times[row] + days * DAY_MS, side="right"))
    after = closes.prices[row + 1 : end]
    after = after[~np.isnan(after)] / closes.prices[row] - 1
    return (float(after.min()), float(after.max())) if len(after) else (math.nan, math.nan)


def _odds(days: int, cases: Sequence[Case], closes: DailyCloses, of_span: DailyCloses, since: datetime | None) -> Odds:
    found = np.array([case.changes[days] for case in cases if days in case.changes])
    n, up = len(found), int((found > 0).sum())
    odds = Odds(days=days, cases=len(cases), n=n, up=up, since=since, any_day=any_day(closes, of_span, days))
    if n < TOO_FEW:
        return odds
    lower, median, upper = (float(value) for value in np.percentile(found, (25, 50, 75)))
    low, high = wilson(up, n)
    return replace(odds, median=median, lower=lower, upper=upper, low=low, high=high)


def any_day(closes: DailyCloses, of_span: DailyCloses, days: int) -> float | None:
    """Return the share of the days of a span from which the close was higher so many days later; None without any."""
    rows = np.searchsorted(closes.times, of_span.times + days * DAY_MS)
    there = np.minimum(rows, max(0, len(closes.times) - 1))
    if not len(of_span.times):
        return None
    same = closes.times[there] == of_span.times + days * DAY_MS
    change = np.where(same, closes.prices[there], np.nan) / of_span.prices - 1
    change = change[~np.isnan(change)]
    return float((change > 0).mean()) if len(change) else None


def paths(cases: Sequence[Case], closes: DailyCloses, days: int = INSIDE) -> Array:
    """Return how price went after each case: (cases, days + 1) as fractions of the entry less one, 0 at the entry.

    NaN where a day is not known, or not yet.
    """
    found = np.full((len(cases), days + 1), np.nan)
    for i, case in enumerate(cases):
        if case.entry_at is not None:
            begin = to_ms(case.entry_at)
            found[i] = [closes.price(begin + day * DAY_MS) / case.entry - 1 for day in range(days + 1)]
    return found


def horizon_of(rule: AlertRule, metric: Metric) -> int:
    """Return after how many days a rule is judged in a notice: what is judged by hours is not about a month.

    metric: the first one of the rule. A rule that knows nothing below critical is about hours: one day.
    """
    if rule.levels[0].rank == "critical":
        return 1
    return 30 if metric.step >= DAY else 7
