"""What a watched position is worth now, read from what is stored: the same for /positions and for its alarm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from signals.liquidation import LiquidationError
from signals.liquidation.watching import Worth, distance_to, worth
from storage.market import ranges, settlements

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from signals.liquidation import LiquidationAnswer, Shelf
    from storage.engine.database import Store
    from storage.market.points import Newest
    from storage.people.positions import Watched

FRESH = timedelta(minutes=2)  # as for every mark price, see signals/inputs.py
FRESH_ADDRESS = timedelta(minutes=3)  # asked once a minute
_KEPT = timedelta(minutes=10)  # funding and daily moves change by the hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """Where a watched position stands.

    price: of its liquidation, NaN where there is none or no table is known (`reason`). mark_at None: no mark price is
    stored. distance: infinite where the venue says that there is no such price. known: it rests on a fresh mark price.
    profit in settle coin. typical: the mean absolute move of a day, as a fraction.
    """

    watched: Watched
    price: float
    mark: float
    mark_at: datetime | None
    mark_venue: str
    distance: float
    profit: float
    profit_share: float
    known: bool
    typical: float | None
    worth: Worth | None = None
    reason: str = ""

    @property
    def typical_days(self) -> float | None:
        """Give the distance in typical days of movement; None where either is not known."""
        if self.typical is None or not self.typical > 0.0 or not math.isfinite(self.distance):
            return None
        return self.distance / self.typical

    @property
    def own_mark(self) -> bool:
        """Tell whether the mark price is that of its own contract, which alone decides; another stands in for it."""
        stake = self.watched.stake
        return self.mark_venue == stake.listed and not (stake.contract == "inverse" and stake.listed == stake.venue)

    @property
    def since(self) -> datetime:
        """Return the time of the newest mark price; the beginning of the watch where there is none."""
        return self.mark_at or self.watched.stake.begun


class Looker:
    """Looks positions up; keeps for some minutes what is slow to read and changes by the hour."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[Any, ...], tuple[datetime, Any]] = {}
        self._marks: tuple[datetime | None, dict[tuple[str, str], Newest | None]] = None, {}

    def typed(self, each: Watched, now: datetime, shelf: Shelf | None) -> Now:
        """Look up a position that was typed."""
        stake = each.stake
        newest = self._mark(stake.asset, stake.listed, now)
        mark = newest.value if newest else math.nan
        fresh = newest is not None and now - newest.at <= FRESH
        found, reason = None, ""
        try:
            found = worth(stake, mark=mark, settlements=self._settled(each, now), now=now, shelf=shelf)
        except LiquidationError as error:
            reason = str(error)
        price = found.price if found else math.nan
        return Now(
            watched=each,
            price=price,
            mark=mark,
            mark_at=newest.at if newest else None,
            mark_venue=newest.venue if newest else "",
            distance=found.distance if found else math.nan,
            profit=found.profit if found else math.nan,
            profit_share=found.profit_share if found else math.nan,
            known=fresh and price > 0.0,
            typical=self.typical(stake.asset, now),
            worth=found,
            reason=reason,
        )

    def by_table_of(self, each: Watched, day: date, now: datetime, shelf: Shelf | None) -> LiquidationAnswer | None:
        """Compute a typed position's price by the tier table of another day; None where it cannot be."""
        try:
            return worth(each.stake, settlements=self._settled(each, now), now=now, shelf=shelf, table_of=day).answer
        except LiquidationError:
            return None

    def price_at(self, each: Watched, at: datetime, now: datetime, shelf: Shelf | None) -> float:
        """Compute a typed position's liquidation price of an earlier time, by the funding until then."""
        try:
            return worth(each.stake, settlements=self._settled(each, now), now=at, shelf=shelf).price
        except LiquidationError:
            return math.nan

    def seen(self, each: Watched, now: datetime) -> Now:
        """Look up a position of a followed address: price and mark are the venue's own, of the last answer."""
        stake = each.stake
        price = math.nan if each.given is None else each.given
        mark = math.nan if each.mark is None else each.mark
        safe = each.given is None and mark > 0.0  # the venue knows no price at which it would be liquidated
        profit = (mark - stake.entry) * stake.size * (1 if stake.side == "long" else -1)
        return Now(
            watched=each,
            price=price,
            mark=mark,
            mark_at=each.seen,
            mark_venue=stake.venue,
            distance=math.inf if safe else distance_to(price, side=stake.side, mark=mark),
            profit=profit,
            profit_share=profit / stake.margin,
            known=each.seen is not None and now - each.seen <= FRESH_ADDRESS and (safe or price > 0.0),
            typical=self.typical(stake.asset, now),
        )

    def of(self, each: Watched, now: datetime, shelf: Shelf | None) -> Now:
        """Look up either."""
        return self.typed(each, now, shelf) if each.followed is None else self.seen(each, now)

    def typical(self, asset: str, now: datetime) -> float | None:
        """Return the mean absolute move of a day, as a fraction; None where too few days are stored."""
        found: float | None = self._keep(
            ("day", asset), now, lambda: ranges.typical_move(self._store, asset, _hour(now))
        )
        return found

    def _mark(self, asset: str, venue: str, now: datetime) -> Newest | None:
        """Return the newest mark price, read once for all positions of one moment."""
        if self._marks[0] != now:
            self._marks = now, {}
        found = self._marks[1]
        if (asset, venue) not in found:
            found[asset, venue] = ranges.mark(self._store, asset, venue)
        return found[asset, venue]

    def _settled(self, each: Watched, now: datetime) -> Any:
        """Return the settlements since the watch began; None where no rates of this contract are stored."""
        stake = each.stake
        if stake.contract != "linear" and stake.listed == stake.venue:
            return None  # what is stored under that name are the rates of its linear contracts
        return self._keep(
            ("funding", each.id),
            now,
            lambda: settlements.settled(
                self._store, stake.asset, stake.listed, start=stake.begun, end=now, otherwise=stake.entry
            ),
        )

    def _keep(self, key: tuple[Any, ...], now: datetime, read: Callable[[], Any]) -> Any:
        at, value = self._kept.get(key, (None, None))
        if at is None or not timedelta(0) <= now - at < _KEPT or now.hour != at.hour:
            value = read()
            self._kept[key] = now, value
        return value

    def forget_old(self, now: datetime) -> None:
        """Let go of what has not been asked for."""
        self._kept = {key: each for key, each in self._kept.items() if now - each[0] < _KEPT}


def _hour(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
