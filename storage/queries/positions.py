"""Where watched positions stand, read from what is stored: the same for /positions and for their alarms."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from signals.liquidation import LiquidationError
from signals.liquidation.events import PositionNow
from signals.liquidation.moves import distance_to
from signals.liquidation.watching import Valuation, valuation
from signals.units import HOUR, floor
from storage.market import ranges, settlements, tiers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from signals.liquidation import LiquidationAnswer, RenewedTables
    from signals.liquidation.events import Holder
    from storage.engine.database import Store
    from storage.market.points import Newest
    from storage.people.positions import WatchedPosition

FRESH = timedelta(minutes=2)  # as for every mark price, see signals/inputs.py
FRESH_ADDRESS = timedelta(minutes=3)  # asked once a minute
_KEPT = timedelta(minutes=10)  # funding and daily moves change by the hour


def positions_now(store: Store, every: Sequence[WatchedPosition], now: datetime) -> list[PositionNow]:
    """Read where positions stand, in the order given."""
    reader, renewed = PositionReader(store), tiers.renewed(store)
    return [reader.now_of(watched, now, renewed) for watched in every]


def stale_marks(store: Store, every: Sequence[WatchedPosition], now: datetime) -> list[str]:
    """Return the assets of typed positions whose mark price is old or not stored, each once."""
    assets: dict[str, None] = {}
    typed = (watched.holding for watched in every if watched.followed is None)
    for asset, venue in dict.fromkeys((holding.asset, holding.listed) for holding in typed):
        newest = ranges.mark(store, asset, venue)
        if newest is None or now - newest.at > FRESH:
            assets[asset] = None
    return list(assets)


class PositionReader:
    """Reads where positions stand; keeps for some minutes what is slow to read and changes by the hour."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[Any, ...], tuple[datetime, Any]] = {}
        self._marks: tuple[datetime | None, dict[tuple[str, str], Newest | None]] = None, {}

    def now_of(self, watched: WatchedPosition, now: datetime, renewed: RenewedTables | None) -> PositionNow:
        """Read where a position stands, typed or of a followed address."""
        return self.typed(watched, now, renewed) if watched.followed is None else self.stated(watched, now)

    def typed(self, watched: WatchedPosition, now: datetime, renewed: RenewedTables | None) -> PositionNow:
        """Read where a position stands that was typed: its price is computed."""
        holding = watched.holding
        newest = self._mark(holding.asset, holding.listed, now)
        mark = newest.value * holding.multiplier if newest else math.nan
        found: Valuation | None = None
        try:
            found = valuation(holding, mark=mark, settlements=self._settled(watched, now), now=now, renewed=renewed)
        except LiquidationError:  # no table of its symbol is known any more
            price = distance = profit = profit_share = math.nan
        else:
            price, distance, profit, profit_share = found.price, found.distance, found.profit, found.profit_share
        return PositionNow(
            holding=holding,
            lines=watched.lines,
            number=watched.number,
            name=watched.name,
            doubt=watched.doubt,
            liquidation=price,
            shown=found.answer.shown if found else None,
            priced="computed" if found else "unknown",
            table_as_of=found.answer.table_as_of if found else None,
            mark=mark,
            mark_at=newest.at if newest else None,
            mark_venue=newest.venue if newest else "",
            distance=distance,
            known=newest is not None and now - newest.at <= FRESH and price > 0.0,
            profit=profit,
            profit_share=profit_share,
            taken=found.taken if found else 0.0,
            settled=found.settled if found else None,
            typical=self._typical(holding.asset, now),
        )

    def stated(self, watched: WatchedPosition, now: datetime, holder: Holder | None = None) -> PositionNow:
        """Read where a position of a followed address stands: price and mark are the venue's own, of the last answer.

        holder: the address, where a message has to name it.
        """
        holding = watched.holding
        price = math.nan if watched.given is None else watched.given
        mark = math.nan if watched.mark is None else watched.mark
        safe = watched.given is None and mark > 0.0  # the venue knows no price at which it would be liquidated
        profit = (mark - holding.entry) * holding.size * (1 if holding.side == "long" else -1)
        fresh = watched.seen is not None and now - watched.seen <= FRESH_ADDRESS
        return PositionNow(
            holding=holding,
            lines=watched.lines,
            name=watched.name,
            holder=holder,
            liquidation=price,
            priced="stated",
            mark=mark,
            mark_at=watched.seen,
            mark_venue=holding.venue,
            distance=math.inf if safe else distance_to(price, side=holding.side, mark=mark),
            known=fresh and (safe or price > 0.0),
            profit=profit,
            profit_share=profit / holding.margin,
            typical=self._typical(holding.asset, now),
        )

    def answer_by_table_of(
        self, watched: WatchedPosition, day: date, now: datetime, renewed: RenewedTables | None
    ) -> LiquidationAnswer | None:
        """Compute a typed position's price by the tier table of another day; None where it cannot be."""
        settled = self._settled(watched, now)
        try:
            return valuation(watched.holding, settlements=settled, now=now, renewed=renewed, table_of=day).answer
        except LiquidationError:
            return None

    def liquidation_at(
        self, watched: WatchedPosition, at: datetime, now: datetime, renewed: RenewedTables | None
    ) -> float:
        """Compute a typed position's liquidation price of an earlier time, by the funding until then."""
        try:
            return valuation(watched.holding, settlements=self._settled(watched, now), now=at, renewed=renewed).price
        except LiquidationError:
            return math.nan

    def forget_old(self, now: datetime) -> None:
        """Let go of what has not been asked for."""
        self._kept = {key: kept for key, kept in self._kept.items() if now - kept[0] < _KEPT}

    def _typical(self, asset: str, now: datetime) -> float | None:
        """Return the mean absolute move of a day, as a fraction; None where too few days are stored."""
        found: float | None = self._keep(
            ("day", asset), now, lambda: ranges.typical_move(self._store, asset, floor(now, HOUR))
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

    def _settled(self, watched: WatchedPosition, now: datetime) -> Any:
        """Return the settlements since the watch began; None where no rates of this contract are stored."""
        holding = watched.holding
        if holding.contract != "linear" and holding.listed == holding.venue:
            return None  # what is stored under that name are the rates of its linear contracts
        return self._keep(
            ("funding", watched.id),
            now,
            lambda: settlements.settled(
                self._store,
                holding.asset,
                holding.listed,
                start=holding.begun,
                end=now,
                otherwise=holding.entry,
                multiplier=holding.multiplier,
            ),
        )

    def _keep(self, key: tuple[Any, ...], now: datetime, read: Callable[[], Any]) -> Any:
        at, value = self._kept.get(key, (None, None))
        if at is None or not timedelta(0) <= now - at < _KEPT or now.hour != at.hour:
            value = read()
            self._kept[key] = now, value
        return value
