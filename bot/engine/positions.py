"""Watching positions: those that people typed, by the stored mark price, and those of addresses, by the venue itself.

What is told goes to the owner's destination alone. Where a position stands, its episode, the notice and its outbox row
are written in one transaction, so a kill in between loses nothing and repeats nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from handlers.position_now import Looker
from handlers.position_past import LookingBack, Passed
from handlers.reply import Line, to_json
from handlers.words import position_past as past_words
from handlers.words import positions as words
from signals.alerts.episodes import State
from signals.alerts.event import news_for
from signals.liquidation.passed import Reached, Span
from signals.liquidation.watching import judge
from storage.alerts import episodes, outbox
from storage.alerts.episodes import PRIVATE
from storage.engine.database import StoreError
from storage.market import tiers
from storage.people import positions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from handlers.position_now import Now
    from handlers.position_past import Past
    from handlers.reply import Block
    from signals.alerts.condition import Rank
    from signals.liquidation import Shelf
    from storage.alerts.outbox import Kind
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.people.positions import Watched

log = structlog.get_logger(__name__)

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
        self._looker = Looker(store)
        self._back = LookingBack(store, self._looker)
        self._one = asyncio.Lock()

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
        watched = dict.fromkeys(each.stake.asset for each in positions.typed(self._store))
        return [asset for asset in watched if asset not in self._assets]

    def _judge(self) -> int:
        every = positions.typed(self._store)
        if not every:
            return 0
        now, shelf = self._clock.now(), tiers.shelf(self._store)
        found: list[tuple[Now, Past | None]] = []
        for each in every:
            try:
                one = self._looker.typed(each, now, shelf)
                found.append((one, self._back.look(one, now, shelf) if one.price > 0.0 else None))
            except StoreError:
                raise
            except Exception:
                # A position that cannot be computed is a fault of ours; the others do not suffer for it.
                log.exception("a position could not be judged", position=each.id)
        self._looker.forget_old(now)
        with self._store.write() as work:
            writer = Writer(self._store, work, now)
            for one, past in found:
                if writer.still_there(one.watched):
                    self._step(writer, one, past, shelf)
            writer.tell_together()
        for one, _ in found:  # only what is written was looked at
            if one.known:
                self._back.judged(one)
        self._back.forget_all_but(each.id for each in every)
        return writer.count

    def _step(self, writer: Writer, one: Now, past: Past | None, shelf: Shelf | None) -> None:
        """Carry one position from where it stood to where it stands."""
        moved = self._tell_moved_table(writer, one, shelf)
        beyond = _beyond(one, past)
        if beyond and beyond.mark and one.own_mark:
            reached = beyond.reached
            writer.write(
                moved, "position", "critical", words.ended(replace(one, mark=reached.price, mark_at=reached.span.start))
            )
            positions.finish(writer.work, moved, writer.now)
            return
        if beyond and moved.doubt is None:
            writer.write(moved, "position", "critical", past_words.may_be_gone(one, beyond))
            writer.keep(one.watched, _doubted(writer, one, moved, past))
            return
        if not one.known:
            if not moved.silent and writer.now - one.since > TOLD_SILENT:
                writer.silent.append(one)
                moved = replace(moved, silent=True)
            writer.keep(one.watched, moved)
            return
        if moved.silent:
            writer.back.append(one)
            moved = replace(moved, silent=False)
        if one.distance > 0.0:  # else it is in doubt already, by another contract's mark price
            moved = alarm_since(writer, one, moved, past)
        writer.keep(one.watched, moved)

    def _tell_moved_table(self, writer: Writer, one: Now, shelf: Shelf | None) -> Watched:
        """Tell once that a newer tier table has moved the price of a position."""
        each = one.watched
        if one.worth is None:
            return each
        newest, old = one.worth.answer, each.table_of
        if old == newest.table_as_of:
            return each
        before = self._looker.by_table_of(each, old, writer.now, shelf) if old else None
        if before and before.shown and before.shown != newest.shown and before.table_as_of != newest.table_as_of:
            writer.write(
                each, "position", "notice", words.moved(one, before.shown, before.table_as_of, newest.table_as_of)
            )
        return replace(each, table_of=newest.table_as_of)


def _beyond(one: Now, past: Past | None) -> Passed | None:
    """Return where the liquidation price was reached: first in the past, else by the newest mark price."""
    if past and past.beyond:
        return past.beyond
    if not (one.known and one.distance <= 0.0 and one.mark_at):
        return None
    span = Span(one.mark_at, one.mark_at, one.mark, one.mark)
    return Passed(reached=Reached(span, one.mark, one.price, one.distance), venue=one.mark_venue, mark=True)


def _doubted(writer: Writer, one: Now, each: Watched, past: Past | None) -> Watched:
    """Return a position that may be gone: the message said where it stands, so nothing else does."""
    state = State()
    if one.known and one.mark_at:
        state, _ = judge(each.lines, state, {"distance": one.distance}, at=one.mark_at)
    positions.end_episode(writer.work, each, writer.now)
    looked = past.looked if past else each.looked
    silent = each.silent and not one.known
    return replace(each, doubt=writer.now, looked=looked, state=state, episode=None, silent=silent)


def alarm_since(writer: Writer, one: Now, each: Watched, past: Past | None) -> Watched:
    """Judge the nearest a position came since the last look, then where it is now, and write one message of both.

    Where it is now is also the nearest, the past says nothing more.
    """
    if past is None or one.mark_at is None:
        return alarm(writer, one, each)
    worst = past.worst
    if each.doubt or not worst or worst.reached.distance >= one.distance:
        return alarm(writer, one, replace(each, looked=past.looked))
    before = one.mark_at - A_MOMENT  # the true times are told; the judgement needs only their order
    if each.state.at is not None and each.state.at >= before:
        return each  # this mark price was judged before the bar was known: the next one judges both
    each = replace(each, looked=past.looked)
    state, came = judge(each.lines, each.state, {"distance": worst.reached.distance}, at=before)
    if came is None:
        return alarm(writer, one, replace(each, state=state))
    began = worst.reached.span.start if came.kind == "fired" else came.since
    came = replace(came, at=worst.reached.span.end, since=began, values={})
    key = (each.watch, each.stake.asset)
    episode = episodes.record(writer.work, key, came, each.episode)
    state, went = judge(each.lines, replace(state, since=began), {"distance": one.distance}, at=one.mark_at)
    if went is None:
        blocks = past_words.came_near(one, worst)
        writer.write(each, came.kind, came.rank, blocks, episode=episode, at=came.at)
        return replace(each, state=state, episode=episode)
    episodes.record(writer.work, key, replace(went, values={}), episode)
    blocks, reply = past_words.came_and_went(one, worst)
    writer.write(each, "resolved", came.rank, blocks, episode=episode, at=went.at, reply=reply, alone=True)
    return replace(each, state=state, episode=None)


def alarm(writer: Writer, one: Now, each: Watched, of: positions.Followed | None = None) -> Watched:
    """Judge the distance of a position, write what follows, and return it as it stands then."""
    if one.mark_at is None:
        return each
    state, transition = judge(each.lines, each.state, {"distance": one.distance}, at=one.mark_at)
    if transition is None:
        return replace(each, state=state)
    kept = replace(transition, values={})  # what a position is worth is nobody's business later
    episode = episodes.record(writer.work, (each.watch, each.stake.asset), kept, each.episode)
    if transition.kind == "resolved":
        blocks, reply = words.cleared(one, transition, of)
        # Where it stood within its lines when the watch began, the answer to /watch said so, and no message did. Of one
        # that may be gone nothing is all clear that was not announced.
        alone = each.episode is None and each.doubt is None
        at = transition.at
        writer.write(each, "resolved", transition.rank, blocks, episode=episode, at=at, reply=reply, alone=alone)
        return replace(each, state=state, episode=None)
    doubt = past_words.in_doubt(each)
    blocks = (*words.crossed(one, transition, of), *([Line(doubt, "caveat")] if doubt else []))
    writer.write(each, transition.kind, transition.rank, blocks, episode=episode, at=transition.at)
    return replace(each, state=state, episode=episode)


class Writer:
    """One transaction of notices to owners. silent, back: positions whose price went and came, told together."""

    def __init__(self, store: Store, work: Work, now: datetime) -> None:
        self.work, self.now = work, now
        self._store = store
        self.count = 0
        self.silent: list[Now] = []
        self.back: list[Now] = []

    def still_there(self, each: Watched) -> bool:
        """Tell whether its owner has neither given it up nor changed it meanwhile."""
        return positions.unchanged(self.work, each)

    def keep(self, before: Watched, after: Watched) -> None:
        """Write where a position stands, unless that would say nothing new: most marks change nothing."""
        if _essence(before) != _essence(after):
            positions.save(self.work, after)

    def write(
        self,
        each: Watched,
        kind: Kind,
        rank: Rank,
        blocks: tuple[Block, ...],
        *,
        episode: int | None = None,
        at: datetime | None = None,
        reply: str | None = None,
        alone: bool = False,
    ) -> None:
        """Put one message into the outbox of a position's owner."""
        payload = {"blocks": to_json(blocks), "reply": reply, "alone": alone}
        self._put(each.destination, kind, rank, payload, each.watch, each.stake.asset, episode, at)

    def say(self, destination: int, blocks: tuple[Block, ...], asset: str = "MARKET") -> None:
        """Put a message about several positions, or an address, into the outbox of their owner."""
        payload = {"blocks": to_json(blocks)}
        self._put(destination, "position", "notice", payload, f"{PRIVATE}of {destination}", asset, None, None)

    def _put(
        self,
        destination: int,
        kind: Kind,
        rank: Rank,
        payload: dict[str, Any],
        rule: str,
        asset: str,
        episode: int | None,
        at: datetime | None,
    ) -> None:
        notice = outbox.Notice(kind, rank, at or self.now, payload, episode, rule, asset)
        expires = self.now + news_for(rank, kind)
        outbox.announce_to(self.work, destination, notice, now=self.now, expires=expires)
        self.count += 1

    def tell_together(self) -> None:
        """Tell what went silent and what is back, one message for each asset of each owner."""
        for every, say in ((self.silent, words.silence), (self.back, words.back)):
            grouped: dict[tuple[int, str], list[Now]] = {}
            for one in every:
                grouped.setdefault((one.watched.destination, one.watched.stake.asset), []).append(one)
            for (destination, asset), group in grouped.items():
                self.say(destination, say(asset, group), asset)


def _essence(each: Watched) -> tuple[object, ...]:
    """Return what is worth writing: counts beyond one say nothing, as a line is crossed by one price."""
    return replace(each, state=_short(each.state)), each.state.rank, each.state.told


def _short(state: State) -> State:
    entering, leaving = (tuple(min(each, 1) for each in counts) for counts in (state.entering, state.leaving))
    return replace(state, entering=entering, leaving=leaving, at=None, pending=None)
