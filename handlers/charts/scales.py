"""Which values and dates an axis of a picture shows. Imported in the drawing process alone, as matplotlib is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import MaxNLocator

from signals.units import HOUR, floor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def y_range(chart: Mapping[str, Any]) -> tuple[float, float, list[float]]:
    """Return the lowest and highest y and the ticks between: the data, and each alarm line within sight of it."""
    values = [value for stretch in (*chart["line"], *chart["beside"]) for _, value in stretch]
    low, high = min(values), max(values)
    if chart["unit"] == "index" and low >= 0 and high <= 100:
        return 0.0, 100.0, [0.0, 25.0, 50.0, 75.0, 100.0]
    span = high - low or abs(high) * 0.2 or 1.0
    marks = [mark for band in chart["bands"] for mark in (band["enter"], band["leave"]) if mark is not None]
    marks += [value for _, value in chart["lines"]]
    # A line further away than the data is high would press the data flat: it gets an arrow at the edge instead.
    near = [mark for mark in marks if low - span <= mark <= high + span]
    one_sided = low >= 0 or high <= 0
    low, high = min([low, *near]), max([high, *near])
    if 0 <= low < 0.25 * high or 0 >= high > 0.25 * low:
        low, high = min(low, 0.0), max(high, 0.0)  # nearly there: then from zero, as people read it
    pad = (high - low or span) * 0.12  # a line's words fit between it and the edge
    below = any(mark not in near and mark < low for mark in marks)  # room for the words at the edge
    above = any(mark not in near and mark > high for mark in marks)
    bottom = low if one_sided and low == 0 and 0 not in near else low - pad * (1 + below)
    top = high if one_sided and high == 0 and 0 not in near else high + pad * (1 + above)
    if bottom == top:  # all zero
        bottom, top = -span, span
    places = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10], integer=chart["unit"] == "code").tick_values(bottom, top)
    return bottom, top, [float(place) for place in places if bottom <= place <= top]


def reach_of(values: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and the highest y of a panel without alarm lines: its values and some room."""
    low, high = min(values), max(values)
    pad = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
    return low - pad, high + pad


def ticks_in(low: float, high: float, most: int) -> list[float]:
    """Return about so many round values between two."""
    places = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(place) for place in places if low <= place <= high]


def dates(start: datetime, end: datetime, most: float) -> list[datetime]:
    """Return even dates, at most about so many: hours, days, months or years, whichever the span asks for."""
    span = (end - start) / HOUR
    if span <= 60 * 24:
        least = 24 if span >= 72 else 1  # from three days on a date bears no hour
        hours = next((h for h in (1, 2, 3, 6, 12, 24, 48, 72, 120, 168) if span / h <= most and h >= least), 336)
        step = timedelta(hours=hours)
        first = floor(start, hours * HOUR)
        return [at for i in range(10) if start <= (at := first + i * step) <= end]
    months = next((m for m in (1, 2, 3, 4, 6, 12, 24, 60) if span / (m * 730.5) <= most), 120)
    every = range(start.year * 12, end.year * 12 + 12)
    dates = [datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in every if m % months == 0]
    return [at for at in dates if start <= at <= end]


def date_words(at: datetime, before: datetime | None, span: timedelta) -> str:
    """Return the words at a date tick; the year or the day is said once, where it begins.

    before: the tick to the left.
    """
    # A week is told by its days; a day by its hours, with the date where it begins.
    if span > timedelta(days=3 * 365):
        return f"{at:%Y}"
    if span > timedelta(days=60):
        return f"{at:%b}" if before and before.year == at.year else f"{at:%b %Y}"
    if timedelta(days=3) <= span <= timedelta(days=10):
        return f"{at:%a} {at.day}"
    if span >= timedelta(days=3):
        return f"{at.day} {at:%b}"
    return f"{at.day} {at:%b}" if at.hour == at.minute == 0 else f"{at:%H:%M}"
