"""What a watched position went through since it was last judged: while nobody looked, or between two looks.

The mark prices that are stored are proof. The bars of trades are evidence: they are judged when they have closed, so
what happened in a running hour is known at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from signals.liquidation.events import PastPrice
from signals.liquidation.moves import distance_to, first_beyond, nearest, unbroken
from signals.liquidation.watching import lines_within
from storage.market import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from signals.liquidation import RenewedTables
    from signals.liquidation.events import PositionNow
    from signals.liquidation.moves import MarkRange, PriceRange, WorstPrice
    from storage.engine.database import Store
    from storage.people.positions import WatchedPosition
    from storage.queries.positions import PositionReader

_PATIENCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionPast:
    """What the time since the last look says.

    beyond: where the liquidation price was first reached. worst: the nearest to it, where that is nearer than the mark
    prices of that time had shown. looked: bars that began before need not be looked at again.
    """

    looked: datetime
    beyond: PastPrice | None = None
    worst: PastPrice | None = None


class PastReader:
    """Looks at stored prices since the last judgement of each position."""

    def __init__(self, store: Store, reader: PositionReader) -> None:
        self._store, self._reader = store, reader
        self._judged: dict[int, datetime] = {}  # the last mark price looked at; after a restart the store says it
        self._waiting: dict[int, datetime] = {}  # since when a hole in its bars was seen
        self._bars: tuple[datetime | None, dict[tuple[object, ...], tuple[str, list[PriceRange]]]] = None, {}

    def past_of(
        self, watched: WatchedPosition, position: PositionNow, now: datetime, renewed: RenewedTables | None
    ) -> PositionPast:
        """Find what a typed position went through, of which the liquidation price is known.

        position: where it stands now.
        """
        side, since = watched.holding.side, watched.looked or watched.holding.begun
        venue, bars = self._bars_of(position, since, now)
        bars = self._without_holes(watched.id, bars, since, now)
        marks = self._new_marks(watched, position, since)
        looked = max([since, *(bar.end for bar in bars)])
        reach = max(watched.lines)  # beyond it nothing matters to anybody
        near = [
            span
            for span in (*marks, *bars)
            if distance_to(position.liquidation, side=side, mark=span.against(side)) <= reach
        ]
        if not near:
            return PositionPast(looked=looked)

        def liquidation_at(span: PriceRange) -> float:
            return self._reader.liquidation_at(watched, span.end, now, renewed)

        def seen(found: WorstPrice) -> PastPrice:
            if found.span.start == found.span.end:
                return PastPrice(worst=found, venue=position.mark_venue, by_mark=True)
            return PastPrice(worst=found, venue=venue, by_mark=False, marks=self._marks_within(position, found.span))

        beyond = first_beyond(near, side=side, liquidation_at=liquidation_at)
        news = (span for span in near if span.start == span.end or self._shows_more(position, span))
        worst = nearest(news, side=side, liquidation_at=liquidation_at)
        return PositionPast(
            looked=looked,
            beyond=seen(beyond) if beyond else None,
            worst=seen(worst) if worst and lines_within(watched.lines, worst.distance) else None,
        )

    def judged(self, watched: WatchedPosition, position: PositionNow) -> None:
        """Note that a position was judged by its newest mark price, and that the ones before were looked at."""
        if position.mark_at is not None:
            self._judged[watched.id] = position.mark_at

    def forget_all_but(self, ids: Iterable[int]) -> None:
        """Let go of positions that are watched no more."""
        kept = set(ids)
        for times in (self._judged, self._waiting):
            for gone in times.keys() - kept:
                del times[gone]

    def _without_holes(
        self, position_id: int, bars: list[PriceRange], since: datetime, now: datetime
    ) -> list[PriceRange]:
        """Leave bars after a hole for later: what lies in it may still come, and is told of with them, in order.

        After a while it is not waited for any more.
        """
        whole = unbroken(bars, since)
        if len(whole) == len(bars):
            self._waiting.pop(position_id, None)
            return bars
        began = self._waiting.setdefault(position_id, now)
        return whole if timedelta(0) <= now - began < _PATIENCE else bars

    def _bars_of(self, position: PositionNow, since: datetime, now: datetime) -> tuple[str, list[PriceRange]]:
        """Return the bars of the position's own venue, else of the one whose mark price stands in, read once a turn."""
        if self._bars[0] != now:
            self._bars = now, {}
        holding = position.holding
        venues = tuple(dict.fromkeys((holding.listed, position.mark_venue)))
        key = (holding.unit, venues, since)
        if key not in self._bars[1]:
            self._bars[1][key] = ranges.bars(
                self._store, holding.asset, venues, start=since, end=now, multiplier=holding.multiplier
            )
        return self._bars[1][key]

    def _new_marks(self, watched: WatchedPosition, position: PositionNow, since: datetime) -> list[PriceRange]:
        """Return the mark prices between the last judgement and the newest one, which is judged by itself."""
        if position.mark_at is None:
            return []
        known = (since, watched.state.at, self._judged.get(watched.id))
        after = max(at for at in known if at is not None)
        holding = watched.holding
        return ranges.marks(
            self._store,
            holding.asset,
            position.mark_venue,
            after=after,
            before=position.mark_at,
            multiplier=holding.multiplier,
        )

    def _shows_more(self, position: PositionNow, bar: PriceRange) -> bool:
        """Tell whether a bar came within a line that the mark prices of its time had not shown: those were judged."""
        seen = self._marks_within(position, bar)
        if seen is None:
            return True
        side, lines = position.holding.side, position.lines
        by_bar, by_mark = (
            lines_within(lines, distance_to(position.liquidation, side=side, mark=price))
            for price in (bar.against(side), seen.low if side == "long" else seen.high)
        )
        return by_bar > by_mark

    def _marks_within(self, position: PositionNow, span: PriceRange) -> MarkRange | None:
        return ranges.marks_within(
            self._store, position.holding.asset, position.mark_venue, span, multiplier=position.holding.multiplier
        )
