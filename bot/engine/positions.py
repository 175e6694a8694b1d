"""Watching positions: those that people typed, by the stored mark price, and those of addresses, by the venue itself.

What is told goes to the owner's destination alone. Where a position stands, its episode, the notice and its outbox row
are written in one transaction, so a kill in between loses nothing and repeats nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.clock import NotBefore
from signals.alerts.episodes import State
from signals.alerts.event import POSITION, news_for
from signals.inputs import MARKET
from signals.liquidation.events import (
    CameNear,
    LineCrossed,
    LinesLeft,
    Liquidated,
    MayBeLiquidated,
    PastPrice,
    PriceBack,
    PriceSilent,
    TableMoved,
    to_json,
)
from signals.liquidation.moves import PriceRange, WorstPrice
from signals.liquidation.watching import judge, line_of, relief
from storage.alerts import episodes, outbox
from storage.alerts.episodes import PRIVATE
from storage.engine.database import StoreError
from storage.market import tiers
from storage.people import positions
from storage.queries.position_past import PastReader
from storage.queries.positions import PositionReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from signals.alerts.condition import Rank
    from signals.liquidation import RenewedTables
    from signals.liquidation.events import PositionEvent, PositionNow
    from signals.liquidation.watching import Relief
    from storage.alerts.outbox import Kind
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.people.positions import WatchedPosition
    from storage.queries.position_past import PositionPast

log = structlog.get_logger(__name__)

AFTER_JUMP: Final = timedelta(minutes=2)  # so long nobody is said to be silent: what looks old was fresh a moment ago
TOLD_SILENT: Final = timedelta(minutes=10)  # one lost answer is not news; ten minutes without a price are
A_MOMENT: Final = timedelta(milliseconds=1)
MOST_ASSETS: Final = 50  # fetched beside those that everybody follows


class Positions:
    """Judges typed positions once a turn.

    told: called when something was put into the outbox. refresh: brings an asset up to date that is watched and not
    among the `assets` that are collected anyway.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        told: Callable[[], None],
        assets: Sequence[str] = (),
        refresh: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._store, self._clock, self._told = store, clock, told
        self._assets, self._refresh = frozenset(assets), refresh
        self._reader = PositionReader(store)
        self._past = PastReader(store, self._reader)
        self._one = asyncio.Lock()
        self._patience = NotBefore(clock.monotonic)

    def clock_jumped(self) -> None:
        """Learn that every price looks older, or newer, than it is, until the next ones are there."""
        self._patience.wait(AFTER_JUMP)

    async def turn(self) -> int:
        """Judge every typed position by what is stored now; return how many messages were written."""
        async with self._one:
            count = await asyncio.to_thread(self._judge)
            if count:
                self._told()
            if self._refresh:  # last: a slow venue holds no judgement up
                for asset in (await asyncio.to_thread(self._not_collected))[:MOST_ASSETS]:
                    await self._refresh(asset)
        return count

    def _not_collected(self) -> list[str]:
        assets = dict.fromkeys(watched.holding.asset for watched in positions.typed(self._store))
        return [asset for asset in assets if asset not in self._assets]

    def _judge(self) -> int:
        every = positions.typed(self._store)
        if not every:
            return 0
        now, renewed = self._clock.now(), tiers.renewed(self._store)
        found: list[tuple[WatchedPosition, PositionNow, PositionPast | None]] = []
        for watched in every:
            try:
                position = self._reader.typed(watched, now, renewed)
                past = self._past.past_of(watched, position, now, renewed) if position.liquidation > 0.0 else None
                found.append((watched, position, past))
            except StoreError:
                raise
            except Exception:
                # A position that cannot be computed is a fault of ours; the others do not suffer for it.
                log.exception("a position could not be judged", position=watched.id)
        self._reader.forget_old(now)
        with self._store.write() as work:
            writer = Writer(self._store, work, now)
            for watched, position, past in found:
                if writer.still_there(watched):
                    self._step(writer, watched, position, past, renewed)
            writer.tell_together()
        for watched, position, _ in found:  # only what is written was looked at
            if position.known:
                self._past.judged(watched, position)
        self._past.forget_all_but(watched.id for watched in every)
        return writer.count

    def _step(
        self,
        writer: Writer,
        watched: WatchedPosition,
        position: PositionNow,
        past: PositionPast | None,
        renewed: RenewedTables | None,
    ) -> None:
        """Carry one position from where it stood to where it stands."""
        after = self._tell_moved_table(writer, watched, position, renewed)
        beyond = _beyond(position, past)
        if beyond and beyond.by_mark and position.own_mark:
            at = replace(position, mark=beyond.worst.price, mark_at=beyond.worst.span.start)
            writer.write(after, "position", "critical", Liquidated(at))
            positions.finish(writer.work, after, writer.now)
            return
        if beyond and after.doubt is None:
            writer.write(after, "position", "critical", MayBeLiquidated(position, beyond))
            writer.keep(watched, _doubted(writer, position, after, past))
            return
        if not position.known:
            if self._patience.passed and not after.silent and writer.now - position.since > TOLD_SILENT:
                writer.silent.append((after, position))
                after = replace(after, silent=True)
            writer.keep(watched, after)
            return
        if after.silent:
            writer.back.append((after, position))
            after = replace(after, silent=False)
        if position.distance > 0.0:  # else it is in doubt already, by another contract's mark price
            after = alarm_since(writer, position, after, past)
        writer.keep(watched, after)

    def _tell_moved_table(
        self, writer: Writer, watched: WatchedPosition, position: PositionNow, renewed: RenewedTables | None
    ) -> WatchedPosition:
        """Tell once that a newer tier table has moved the price of a position."""
        old, newest = watched.table_of, position.table_as_of
        if newest is None or old == newest:
            return watched
        before = self._reader.answer_by_table_of(watched, old, writer.now, renewed) if old else None
        if before and before.shown and before.shown != position.shown and before.table_as_of != newest:
            moved = TableMoved(position, before.shown, before.table_as_of)
            writer.write(watched, "position", "notice", moved)
        return replace(watched, table_of=newest)


def _beyond(position: PositionNow, past: PositionPast | None) -> PastPrice | None:
    """Return where the liquidation price was reached: first in the past, else by the newest mark price."""
    if past and past.beyond:
        return past.beyond
    if not (position.known and position.distance <= 0.0 and position.mark_at):
        return None
    span = PriceRange(position.mark_at, position.mark_at, position.mark, position.mark)
    worst = WorstPrice(span, position.mark, position.liquidation, position.distance)
    return PastPrice(worst=worst, venue=position.mark_venue, by_mark=True)


def _doubted(
    writer: Writer, position: PositionNow, watched: WatchedPosition, past: PositionPast | None
) -> WatchedPosition:
    """Return a position that may be gone: the message said where it stands, so nothing else does."""
    state = State()
    if position.known and position.mark_at:
        state, _ = judge(watched.lines, state, {"distance": position.judged}, at=position.mark_at)
    positions.end_episode(writer.work, watched, writer.now)
    looked = past.looked if past else watched.looked
    silent = watched.silent and not position.known
    return replace(watched, doubt=writer.now, looked=looked, state=state, episode=None, silent=silent)


def alarm_since(
    writer: Writer, position: PositionNow, watched: WatchedPosition, past: PositionPast | None
) -> WatchedPosition:
    """Judge the nearest a position came since the last look, then where it is now, and write one message of both.

    Where it is now is also the nearest, the past says nothing more.
    """
    if past is None or position.mark_at is None:
        return alarm(writer, position, watched)
    nearest = past.worst
    if watched.doubt or not nearest or nearest.worst.distance >= position.distance:
        return alarm(writer, position, replace(watched, looked=past.looked))
    before = position.mark_at - A_MOMENT  # the true times are told; the judgement needs only their order
    if watched.state.at is not None and watched.state.at >= before:
        return watched  # this mark price was judged before the bar was known: the next one judges both
    watched = replace(watched, looked=past.looked)
    state, came = judge(watched.lines, watched.state, {"distance": nearest.worst.distance}, at=before)
    if came is None:
        return alarm(writer, position, replace(watched, state=state))
    began = nearest.worst.span.start if came.kind == "fired" else came.since
    came = replace(came, at=nearest.worst.span.end, since=began, values={})
    key = (watched.rule, watched.holding.asset)
    episode = episodes.record(writer.work, key, came, watched.episode)
    state, went = judge(watched.lines, replace(state, since=began), {"distance": position.judged}, at=position.mark_at)
    if went is None:
        writer.write(watched, came.kind, came.rank, CameNear(position, nearest), episode=episode, at=came.at)
        return replace(watched, state=state, episode=episode)
    episodes.record(writer.work, key, replace(went, values={}), episode)
    gone = CameNear(position, nearest, went=True)
    writer.write(watched, "resolved", came.rank, gone, episode=episode, at=went.at, alone=True)
    return replace(watched, state=state, episode=None)


def alarm(writer: Writer, position: PositionNow, watched: WatchedPosition) -> WatchedPosition:
    """Judge the distance of a position, write what follows, and return it as it stands then."""
    if position.mark_at is None:
        return watched
    state, transition = judge(watched.lines, watched.state, {"distance": position.judged}, at=position.mark_at)
    if transition is None:
        return replace(watched, state=state)
    kept = replace(transition, values={})  # what a position is worth is nobody's business later
    episode = episodes.record(writer.work, (watched.rule, watched.holding.asset), kept, watched.episode)
    if transition.kind == "resolved":
        left = LinesLeft(position, transition.at - transition.since)
        # Where it stood within its lines when the watch began, the answer to /watch said so, and no message did. Of one
        # that may be gone nothing is all clear that was not announced.
        alone = watched.episode is None and watched.doubt is None
        writer.write(watched, "resolved", transition.rank, left, episode=episode, at=transition.at, alone=alone)
        return replace(watched, state=state, episode=None)
    escalated = transition.kind == "escalated"
    crossed = LineCrossed(position, transition.rank, escalated, writer.relief(position, transition.rank))
    writer.write(watched, transition.kind, transition.rank, crossed, episode=episode, at=transition.at)
    return replace(watched, state=state, episode=episode)


class Writer:
    """One transaction of notices to owners. silent, back: positions whose price went and came, told together."""

    def __init__(self, store: Store, work: Work, now: datetime) -> None:
        self.work, self.now = work, now
        self._store = store
        self.count = 0
        self.silent: list[tuple[WatchedPosition, PositionNow]] = []
        self.back: list[tuple[WatchedPosition, PositionNow]] = []

    def still_there(self, watched: WatchedPosition) -> bool:
        """Tell whether its owner has neither given it up nor changed it meanwhile."""
        return positions.unchanged(self.work, watched)

    def relief(self, position: PositionNow, rank: Rank) -> Relief | None:
        """Return what moves the liquidation twice as far away as the line of this rank; None where that is not known.

        Of an address nothing is proposed: its account holds more than this position.
        """
        if position.priced != "computed":
            return None
        away = 2.0 * line_of(position.lines, rank)
        renewed = tiers.renewed(self._store)
        return relief(position.holding, mark=position.mark, taken=position.taken, away=away, renewed=renewed)

    def keep(self, before: WatchedPosition, after: WatchedPosition) -> None:
        """Write where a position stands, unless that would say nothing new: most marks change nothing."""
        if _essence(before) != _essence(after):
            positions.save(self.work, after)

    def write(
        self,
        watched: WatchedPosition,
        kind: Kind,
        rank: Rank,
        event: PositionEvent,
        *,
        episode: int | None = None,
        at: datetime | None = None,
        alone: bool = False,
    ) -> None:
        """Put one event into the outbox of a position's owner. alone: an end that is told without its beginning."""
        payload = {"event": POSITION, "position": to_json(event), "alone": alone}
        about = episode, watched.rule, watched.holding.asset
        self._put(watched.destination, outbox.Notice(kind, rank, at or self.now, payload, *about))

    def say(self, destination: int, event: PositionEvent, asset: str = MARKET) -> None:
        """Put an event of several positions, or of an address, into the outbox of their owner."""
        payload = {"event": POSITION, "position": to_json(event)}
        rule = f"{PRIVATE}of {destination}"
        self._put(destination, outbox.Notice("position", "notice", self.now, payload, None, rule, asset))

    def _put(self, destination: int, notice: outbox.Notice) -> None:
        expires = self.now + news_for(notice.rank, notice.kind)
        outbox.announce_to(self.work, destination, notice, now=self.now, expires=expires)
        self.count += 1

    def tell_together(self) -> None:
        """Tell what went silent and what is back, one message for each asset of each owner."""
        for pairs, kind in ((self.silent, PriceSilent), (self.back, PriceBack)):
            grouped: dict[tuple[int, str], list[tuple[WatchedPosition, PositionNow]]] = {}
            for watched, position in pairs:
                grouped.setdefault((watched.destination, watched.holding.unit), []).append((watched, position))
            for (destination, unit), group in grouped.items():
                event = kind(unit, tuple(position for _, position in group))
                self.say(destination, event, group[0][0].holding.asset)


def _essence(watched: WatchedPosition) -> tuple[object, ...]:
    """Return what is worth writing: counts beyond one say nothing, as a line is crossed by one price."""
    return replace(watched, state=_short(watched.state)), watched.state.rank, watched.state.told


def _short(state: State) -> State:
    entering, leaving = (tuple(min(count, 1) for count in counts) for counts in (state.entering, state.leaving))
    return replace(state, entering=entering, leaving=leaving, at=None, pending=None)
