"""What became of a day: the figures as they stood, against what followed. Computed from stored history, not told.

Alerts describe their own moment. A demo that ended with them would hide the one thing worth learning from it: that a
reset which looked finished was not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from handlers.words import wording
from signals.metric import metrics
from signals.units import DAY
from storage.panels import panels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from signals.series import Array
    from storage.engine.database import Store


@dataclass(frozen=True, slots=True)
class Days:
    """Daily figures of one asset, oldest first; NaN where a figure is not known."""

    days: tuple[date, ...]
    values: Mapping[str, Array]

    def on(self, day: date, name: str) -> float:
        """Return a figure of a day; NaN for a day without data."""
        return float(self.values[name][self.days.index(day)]) if day in self.days else math.nan

    def least_after(self, day: date, name: str) -> tuple[date, float]:
        """Return the day and the value of the least figure after a day; the day itself and NaN where there is none."""
        after = [(later, self.on(later, name)) for later in self.days if later > day]
        known = [(value, later) for later, value in after if not math.isnan(value)]
        value, least = min(known, default=(math.nan, day))
        return least, value


def read(store: Store, asset: str, start: datetime, end: datetime) -> Days:
    """Read what the story is about from stored history; rows that open in [start, end)."""
    below, taker = metrics()["oi_drawdown"], metrics()["net_taker_30d"]
    names = tuple(dict.fromkeys((*panels.needs(below), *panels.needs(taker), "close", "low")))
    panel = panels.panel(store, names, [asset], step=DAY, start=start, end=end)
    flow = taker.evaluate(panel)
    values = {
        **{name: column[:, 0] for name, column in below.evaluate(panel).items()},
        "net_taker": flow["value"][:, 0],
        "net_taker_smaller": flow["times_smaller"][:, 0],
        "close": panel.values["close"][:, 0],
        "low": panel.values["low"][:, 0],
    }
    return Days(tuple(at.date() for at in panel.at), values)


def what_followed(found: Days, day: date, asset: str) -> list[str]:
    """Say how a day looked and what came after it, in sentences; none where the day's figures are not known."""
    needed = ("value", "coins", "price_share", "peak_days_ago", "usd", "close", "net_taker_smaller")
    if any(math.isnan(found.on(day, name)) for name in needed):
        return []
    price, below, coins, share = (found.on(day, name) for name in ("close", "value", "coins", "price_share"))
    low_day, low = found.least_after(day, "low")
    least_day, least = found.least_after(day, "value")
    _, least_usd = found.least_after(day, "usd")
    peak_day = day - timedelta(days=found.on(day, "peak_days_ago"))
    said = [
        (
            f"{wording.day(day)} looked like a reset. Open interest was {wording.usd(found.on(day, 'usd'))}, "
            f"{wording.percent(below * 100, 0)} from its peak of {wording.day(peak_day)} in dollars but "
            f"{wording.percent(coins * 100, 0)} in coins: price alone explains {wording.share(share * 100)} of it."
        ),
        (
            "Takers still sold more than they bought, though "
            f"{wording.times(found.on(day, 'net_taker_smaller'))} less than at their worst."
        ),
    ]
    if low < price:
        said.append(
            f"It was not the low. {asset} fell from {wording.price(price)} to {wording.price(low)} on "
            f"{wording.day(low_day)}, {wording.percent((low / price - 1) * 100, 0)}; open interest went on to "
            f"{wording.usd(least_usd)} on {wording.day(least_day)}, {wording.percent(least * 100, 0)} from its peak."
        )
    return said
