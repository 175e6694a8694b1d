"""What price is now: rules over price alone are judged by the minute, since an hour later is of no use to a trader.

The price of a minute is the one in the middle of what the venues told last; one that is older than it may be tells
nothing. A venue tells its price once a minute, so a move is judged within two.
"""

from __future__ import annotations

from bisect import bisect_right
from statistics import median_low
from typing import TYPE_CHECKING, Final

import numpy as np

from bot.engine.own.values import ValuesAtCloses
from signals.alerts.derived import with_derived
from signals.inputs import INPUTS
from signals.rules.live import HOURLY, METRIC, PRICE
from signals.units import HOUR, MINUTE, MINUTE_MS, floor, from_ms, in_ms, to_ms
from storage.market.recent import RecentValues

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from signals.alerts.rule import AlertRule
    from signals.rules.many.truths import Bools
    from signals.series import Array
    from storage.engine.database import Store

BACK: Final = 60  # minutes that a change or a crossing looks back at most
WAITED: Final = 45_000  # ms of a minute in which a price of that minute is waited for
_FRESH: Final = in_ms(INPUTS["mark_price"].fresh_for)


class LivePrices:
    """The prices of the last hour of some assets, one a minute."""

    def __init__(self, store: Store) -> None:
        self._recent = RecentValues(store, "mark_price", HOUR + 15 * MINUTE)
        self._rows: dict[int, Array] = {}
        self._assets: tuple[str, ...] = ()

    def at(self, assets: tuple[str, ...], rules: Sequence[AlertRule], now: datetime) -> tuple[ValuesAtCloses, Bools]:
        """Return what is known at the minute that runs, and of which assets a price of it has come.

        Those of which none has are to be judged late in the minute, by what was told last.
        """
        self._recent.read(now)
        if assets != self._assets:
            self._assets, self._rows = assets, {}
        minute = to_ms(floor(now, MINUTE))
        first = minute - BACK * MINUTE_MS
        self._rows = {at: row for at, row in self._rows.items() if first <= at < minute}
        for at in range(first, minute, MINUTE_MS):
            if at not in self._rows:
                self._rows[at] = self._prices(at + MINUTE_MS - 1)
        prices = np.stack([*(self._rows[at] for at in range(first, minute, MINUTE_MS)), self._prices(to_ms(now))])
        hour = BACK // 60 * 60
        change = np.full(prices.shape, np.nan)
        change[hour:] = prices[hour:] / prices[:-hour] - 1
        derived_of = list(dict.fromkeys(one for rule in rules for one in rule.derived))
        known = with_derived(derived_of, {PRICE: prices}, MINUTE)
        derived = {name: rows[-1:] for name, rows in known.items() if name != PRICE}
        of_metric = {METRIC: {PRICE: prices[-1:], HOURLY: change[-1:]}}
        values = ValuesAtCloses([from_ms(minute)], MINUTE, assets, of_metric=of_metric, derived=derived)
        values.venues = {asset: self._venues(asset, to_ms(now)) for asset in assets}
        came = np.array([self._recent.last(asset) >= minute for asset in assets])
        return values, came

    def _prices(self, at: int) -> Array:
        """Return the price of each asset as it was known at a time in ms; NaN where none was fresh."""
        return np.array([median_low(found) if (found := self._told(asset, at)) else np.nan for asset in self._assets])

    def _told(self, asset: str, at: int) -> list[float]:
        found = []
        for venue in self._recent.venues_of(asset):
            tail = self._recent.of(asset, venue)
            place = bisect_right(tail.times, at) - 1
            if place >= 0 and at - tail.times[place] <= _FRESH and tail.values[place] > 0:
                found.append(tail.values[place])
        return found

    def _venues(self, asset: str, at: int) -> tuple[str, ...]:
        every = self._recent.venues_of(asset)
        return tuple(venue for venue in every if at - self._recent.of(asset, venue).last <= _FRESH)
