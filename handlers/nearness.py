"""How near a liquidation is in the asset's own terms, from the days that are stored; nothing is said without them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from handlers.words import wording
from handlers.words.liquidation import NAMES
from signals.liquidation.moves import DayRange, MoveFrequency, move_frequency
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from handlers.command import Deps

LOOK_BACK = timedelta(days=365)
FEWEST = 30  # days; a share of fewer says nothing
_DAY_MS = 86_400_000
_HOURS = 24


@dataclass(frozen=True, slots=True)
class Past:
    """Whole days of one asset at one venue, and when the first begins and the last ends."""

    days: tuple[DayRange, ...]
    venue: str
    first: datetime
    last: datetime


def past_days(deps: Deps, asset: str) -> Past | None:
    """Read the whole days of the last year that are stored, from the venue that has most; None for fewer than 30."""
    if not deps.store.exists:
        return None
    from storage.market import points  # noqa: PLC0415 - opens the database, where there is one only

    end = datetime.fromtimestamp(deps.now.timestamp() // 86_400 * 86_400, tz=UTC)
    best: Past | None = None
    try:
        for venue in points.venues_of(deps.store, asset, "low"):
            times, steps, columns = points.columns(
                deps.store, asset, venue, ["open", "high", "low"], start=end - LOOK_BACK, end=end
            )
            found = _whole(zip(times, steps, columns["open"], columns["high"], columns["low"], strict=True))
            if len(found) >= FEWEST and (best is None or len(found) > len(best.days)):
                first, last = (datetime.fromtimestamp(at * 86_400, tz=UTC) for at in (min(found), max(found) + 1))
                best = Past(tuple(found.values()), venue, first, last)
    except StoreError:
        return None  # a calculator answers without a database too
    return best


def _whole(rows: Iterable[tuple[int, int, float | None, float | None, float | None]]) -> dict[int, DayRange]:
    """Make days (by their number since 1970) of daily bars, and of hourly ones where all 24 are there."""
    days: dict[int, DayRange] = {}
    hours: dict[int, list[tuple[int, float, float, float]]] = {}
    for at, step, start, high, low in rows:
        if start is None or high is None or low is None:
            continue
        if step == 86_400:
            days[at // _DAY_MS] = DayRange(start, high, low)
        elif step == 3_600:
            hours.setdefault(at // _DAY_MS, []).append((at, start, high, low))
    for number, bars in hours.items():
        if number not in days and len(bars) == _HOURS:
            days[number] = DayRange(min(bars)[1], max(bar[2] for bar in bars), min(bar[3] for bar in bars))
    return days


def count(past: Past, distances: Mapping[str, float | None]) -> dict[str, MoveFrequency]:
    """Count the days that moved as far as each side's liquidation is away; a side without one is left out."""
    return {
        side: move_frequency(past.days, side=side, distance=abs(distance))
        for side, distance in distances.items()
        if distance
    }


def sentence(past: Past, near: Mapping[str, MoveFrequency], distances: Mapping[str, float | None], asset: str) -> str:
    """Say on how many past days the price moved that far, from the day's start."""
    parts: list[str] = []
    for side, found in near.items():
        verb = "fell" if side == "long" else "rose"
        far = wording.share(abs(distances[side] or 0.0) * 100, 2)
        of = f" of {found.days} days" if not parts else ""
        rare = f" ({wording.share(found.share * 100, 1)})" if found.hits else ""
        parts.append(f"{verb} {far} or more on {found.hits or 'none'}{of}{rare}")
    span = f"{wording.day(past.first)} to {wording.day(past.last - timedelta(days=1))}"
    return f"Within a day {asset} {' and '.join(parts)}: {span}, {NAMES.get(past.venue, past.venue)}."
