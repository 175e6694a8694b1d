"""Looking back at what a watched position went through since it was last judged: while nobody looked, or between looks.

The mark prices that are stored are proof. The bars of trades are evidence: they are judged when they have closed, so
what happened in a running hour is known at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from signals.liquidation.moves import distance_to, first_beyond, nearest, unbroken
from signals.liquidation.watching import lines_within
from storage.market import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from handlers.position_now import Looker, Now
    from signals.liquidation import Shelf
    from signals.liquidation.moves import PriceRange, WorstPrice
    from storage.engine.database import Store
    from storage.market.ranges import MarkRange

_PATIENCE = timedelta(minutes=15)
_WELL_SEEN_S = 180.0  # marks come once a minute; two that are missing are not a gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One stretch of the past that matters to a position.

    venue: whose prices. mark: they are mark prices, else those of trades. marks: what is stored of the mark price in
    that stretch, None where nothing is.
    """

    reached: WorstPrice
    venue: str
    mark: bool
    marks: MarkRange | None = None

    @property
    def well_seen(self) -> bool:
        """Tell whether the mark price was seen all through that stretch."""
        return self.marks is not None and self.marks.longest_gap_s <= _WELL_SEEN_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the time since the last look says.

    beyond: where the liquidation price was first reached. worst: the nearest to it, where that is nearer than the mark
    prices of that time had shown. looked: bars that began before need not be looked at again.
    """

    looked: datetime
    beyond: Passed | None = None
    worst: Passed | None = None


class LookingBack:
    """Looks at stored prices since the last judgement of each position."""

    def __init__(self, store: Store, looker: Looker) -> None:
        self._store, self._looker = store, looker
        self._judged: dict[int, datetime] = {}  # the last mark price looked at; after a restart the store says it
        self._waiting: dict[int, datetime] = {}  # since when a hole in its bars was seen
        self._bars: tuple[datetime | None, dict[tuple[object, ...], tuple[str, list[PriceRange]]]] = None, {}

    def look(self, one: Now, now: datetime, shelf: Shelf | None) -> Past:
        """Find what a typed position went through, of which the liquidation price is known."""
        each, side = one.watched, one.watched.stake.side
        since = each.looked or each.stake.begun
        venue, bars = self._without_holes(one, *self._bars_of(one, since, now), since, now)
        marks = self._new_marks(one, since)
        past = Past(looked=max([since, *(bar.end for bar in bars)]))
        reach = max(each.lines)
        near = [
            span
            for span in (*marks, *bars)
            if distance_to(one.price, side=side, mark=span.against(side)) <= reach  # else it matters to nobody
        ]
        if not near:
            return past

        def liquidation_at(span: PriceRange) -> float:
            return self._looker.price_at(each, span.end, now, shelf)

        def passed(found: WorstPrice) -> Passed:
            if found.span.start == found.span.end:
                return Passed(reached=found, venue=one.mark_venue, mark=True)
            return Passed(reached=found, venue=venue, mark=False, marks=self._marks(one, found.span))

        beyond = first_beyond(near, side=side, liquidation_at=liquidation_at)
        news = (span for span in near if span.start == span.end or self._shows_more(one, span))
        worst = nearest(news, side=side, liquidation_at=liquidation_at)
        return Past(
            looked=past.looked,
            beyond=passed(beyond) if beyond else None,
            worst=passed(worst) if worst and lines_within(each.lines, worst.distance) else None,
        )

    def judged(self, one: Now) -> None:
        """Note that a position was judged by its newest mark price, and that the ones before were looked at."""
        if one.mark_at is not None:
            self._judged[one.watched.id] = one.mark_at

    def forget_all_but(self, ids: Iterable[int]) -> None:
        """Let go of positions that are watched no more."""
        kept = set(ids)
        for of in (self._judged, self._waiting):
            for gone in of.keys() - kept:
                del of[gone]

    def _without_holes(
        self, one: Now, venue: str, bars: list[PriceRange], since: datetime, now: datetime
    ) -> tuple[str, list[PriceRange]]:
        """Leave bars after a hole for later: what lies in it may still come, and is told of with them, in order.

        After a while it is not waited for any more.
        """
        whole = unbroken(bars, since)
        if len(whole) == len(bars):
            self._waiting.pop(one.watched.id, None)
            return venue, bars
        began = self._waiting.setdefault(one.watched.id, now)
        return venue, whole if timedelta(0) <= now - began < _PATIENCE else bars

    def _bars_of(self, one: Now, since: datetime, now: datetime) -> tuple[str, list[PriceRange]]:
        """Return the bars of the position's own venue, else of the one whose mark price stands in, read once a turn."""
        if self._bars[0] != now:
            self._bars = now, {}
        stake = one.watched.stake
        venues = tuple(dict.fromkeys((stake.listed, one.mark_venue)))
        key = (stake.asset, venues, since)
        if key not in self._bars[1]:
            self._bars[1][key] = ranges.bars(self._store, stake.asset, venues, start=since, end=now)
        return self._bars[1][key]

    def _new_marks(self, one: Now, since: datetime) -> list[PriceRange]:
        """Return the mark prices between the last judgement and the newest one, which is judged by itself."""
        if one.mark_at is None:
            return []
        each = one.watched
        known = (since, each.state.at, self._judged.get(each.id))
        after = max(at for at in known if at is not None)
        return ranges.marks(self._store, each.stake.asset, one.mark_venue, after=after, before=one.mark_at)

    def _shows_more(self, one: Now, bar: PriceRange) -> bool:
        """Tell whether a bar came within a line that the mark prices of its time had not shown: those were judged."""
        seen = self._marks(one, bar)
        if seen is None:
            return True
        side, lines = one.watched.stake.side, one.watched.lines
        by_bar, by_mark = (
            lines_within(lines, distance_to(one.price, side=side, mark=price))
            for price in (bar.against(side), seen.low if side == "long" else seen.high)
        )
        return by_bar > by_mark

    def _marks(self, one: Now, span: PriceRange) -> MarkRange | None:
        return ranges.marks_within(self._store, one.watched.stake.asset, one.mark_venue, span)
