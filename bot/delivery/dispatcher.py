"""The sender: claim, send, settle. Small stages with one verb each; the outbox is the only way out.

Its pace lies before the claim, so that what waits keeps its order: most urgent first, then oldest.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from bot.delivery.failures import Failures, Trouble
from bot.delivery.lease import Lease
from bot.delivery.rate_limiter import Pace
from handlers.channels.channel import Address, Outgoing
from handlers.channels.failure import MessageRefused, SendFailed
from handlers.reply import Line
from handlers.words import wording
from handlers.words.alerts import Told
from storage.alerts import outbox
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from handlers.channels.channel import Channel, Kind
    from storage.alerts.outbox import Claim
    from storage.engine.database import Store

log = structlog.get_logger(__name__)

IN_FLIGHT = 8  # per platform; after a kill, at most so many messages are in doubt
LOOK_EVERY = timedelta(seconds=5)  # for what has grown too old
LATE = timedelta(minutes=30)
LATE_LINES = 10


@dataclass(slots=True)
class Platform:
    """How fast messages may leave to one platform, how it does, and what is on its way."""

    pace: Pace
    trouble: Trouble = field(default_factory=Trouble)
    in_flight: set[asyncio.Task[None]] = field(default_factory=set)


class Sender:
    """Sends what waits in the outbox through the channels, under the lease of the database.

    turn() sends what may leave now and returns; run() goes on until it is stopped. noise: a source of jitter, seeded in
    tests. again_after: seconds until the database is tried again when it could not be written.
    """

    def __init__(
        self,
        store: Store,
        channels: Sequence[Channel],
        clock: Clock,
        *,
        noise: random.Random | None = None,
        again_after: float = 2.0,
    ) -> None:
        self._store = store
        self._channels: Mapping[str, Channel] = {channel.platform: channel for channel in channels}
        self._clock = clock
        self._failures = Failures(clock, noise or random.Random())  # noqa: S311 - jitter, not a secret
        self._again_after = again_after
        self._epoch = 0
        self._lease = Lease(clock)
        self._looked: datetime | None = None
        self._wake = asyncio.Event()
        self._stopped = asyncio.Event()
        self.platforms = {
            name: Platform(
                Pace(channel.limits.per_second, channel.limits.per_chat_second, channel.limits.per_group_minute)
            )
            for name, channel in self._channels.items()
        }

    def start(self) -> None:
        """Take the lease: what another holder was sending is in doubt from now on and will be marked.

        Whoever starts last sends; another process on the same database notices and stands by.
        """
        self._epoch = outbox.take_lease(self._store)

    def poke(self) -> None:
        """Say that something was put into the outbox."""
        self._wake.set()

    def stop(self) -> None:
        """End run() after the messages in flight."""
        self._stopped.set()
        self._wake.set()

    async def run(self) -> None:
        """Send until stopped. A database that cannot be written is tried again; nothing is forgotten meanwhile."""
        try:
            while not self._stopped.is_set():
                self._wake.clear()
                try:
                    started = await self._dispatch() if await self._holds_lease() else 0
                except StoreError as error:
                    log.error("sending waits for the database", reason=str(error))  # noqa: TRY400 - says what to do
                    await self._pause(self._again_after)
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._until_next(started))
        finally:
            await self._landed()

    async def turn(self) -> int:
        """Claim what may leave now, send it, and return how many were claimed."""
        started = await self._dispatch()
        await self._landed()
        return started

    async def drain(self, *, turns: int = 10_000) -> None:
        """Send until nothing may leave any more."""
        for _ in range(turns):
            if await self.turn() == 0:
                return

    def _until_next(self, started: int) -> float:
        """Return how long to wait: for room where something waits, briefly for chats that rest, else for news."""
        platforms = [each for each in self.platforms.values() if not each.trouble.halted]
        if started:
            return min((each.pace.wait() for each in platforms), default=1.0)
        return 0.05 if any(each.pace.last or each.in_flight for each in platforms) else 1.0

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    async def _landed(self) -> None:
        """Wait for the messages in flight."""
        if flying := [task for platform in self.platforms.values() for task in platform.in_flight]:
            await asyncio.gather(*flying, return_exceptions=True)

    def _landed_one(self, platform: Platform, task: asyncio.Task[None]) -> None:
        platform.in_flight.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("a message stays in doubt until the next start", exc_info=error)

    async def _holds_lease(self) -> bool:
        """Give a sign of life; stand by while another process sends, and take over when it has died."""
        before = self._lease.held
        epoch = await asyncio.to_thread(self._lease.keep, self._store, self._epoch)
        if before and not self._lease.held:
            log.error("another perpulse sends from this database now, so this one stands by. Stop one of the two")
        self._epoch = epoch
        return self._lease.held

    async def _dispatch(self) -> int:
        """Claim what may leave now and set it on its way; return how many."""
        now = self._clock.now()
        if self._looked is None or abs(now - self._looked) >= LOOK_EVERY:
            await asyncio.to_thread(self._tell_late, now)
            self._looked = now
        started = 0
        for name, platform in self.platforms.items():
            seconds = self._clock.monotonic()
            if platform.trouble.halted or platform.trouble.rests_until > seconds:
                continue
            most = 1 if platform.trouble.failures else IN_FLIGHT  # one probe, not a burst into a closed door
            claims = await asyncio.to_thread(
                outbox.claim,
                self._store,
                now=now,
                epoch=self._epoch,
                platforms=[name],
                limit=min(most - len(platform.in_flight), platform.pace.room(seconds)),
                resting=platform.pace.resting(seconds),
            )
            for claim in claims:
                platform.pace.spend()
                task = asyncio.create_task(self._deliver(claim))
                platform.in_flight.add(task)
                task.add_done_callback(partial(self._landed_one, platform))
            started += len(claims)
        return started

    def _tell_late(self, now: datetime) -> None:
        """Turn what is too old for news into one message per destination: never a flood of old news, never silence."""
        with self._store.write():  # both or nothing: a row that expired without its line would be lost
            for destination, late in outbox.expired(self._store, now=now).items():
                lines = [_late_line(each) for each in late[-LATE_LINES:]]
                more = len(late) - len(lines)
                head = f"{wording.count(len(late), 'message')} could not be delivered in time:"
                blocks = (Line(head, "headline"), *map(Line, lines), *([Line(f"and {more} more")] if more else []))
                notice = outbox.Notice("late", "notice", now, Told(blocks).to_json())
                outbox.tell_one(self._store, destination, notice, now=now, expires=now + timedelta(days=7))

    async def _deliver(self, claim: Claim) -> None:
        channel, platform = self._channels[claim.platform], self.platforms[claim.platform]
        try:
            told = Told.read(claim.notice.payload)
            if claim.notice.kind == "resolved" and not (claim.message or claim.announced or told.alone):
                reason = "the episode was never announced here"
                await self._settle(outbox.ended, claim, "merged", reason, now=self._clock.now())
                return
            message = await self._send(channel, claim, told)
        except SendFailed as failed:
            await self._settle(self._failures.settle, claim, platform.trouble, failed)
        except Exception:
            # A message that cannot be rendered is our fault: it ends visibly and holds nothing else up.
            log.exception("a message could not be made", row=claim.id)
            reason = "it could not be made; see the log"
            await self._settle(outbox.ended, claim, "dead", reason, now=self._clock.now())
        else:
            platform.trouble.over(claim.platform)
            await self._settle(outbox.sent, claim, message, now=self._clock.now())
        finally:
            platform.pace.arrived(claim.destination, _kind(claim.kind_of_chat), self._clock.monotonic())

    async def _settle(self, how: Callable[..., None], claim: Claim, *what: Any, **named: Any) -> None:
        """Write the outcome, however long the database cannot take it: forgotten, the message would go out twice."""
        while True:
            try:
                await asyncio.to_thread(how, self._store, claim, *what, **named)
            except StoreError as error:
                log.error("an outcome waits for the database", row=claim.id, reason=str(error))  # noqa: TRY400
                if self._stopped.is_set():
                    return  # it stays in doubt, and the next start marks it
                await self._pause(self._again_after)
            else:
                return

    async def _send(self, channel: Channel, claim: Claim, told: Told) -> str | None:
        """Send what the notice asks for: a new message, an edit, or an edit and the line that closes it."""
        to = Address(claim.chat, claim.topic or None, _kind(claim.kind_of_chat))
        blocks = told.blocks
        late = self._clock.now() - claim.created
        if late > LATE:
            blocks = (Line(f"Late: this was due {wording.ago(late)}.", "echo"), *blocks)
        message = Outgoing(
            blocks,
            nonce=claim.nonce,
            maybe_repeat=claim.uncertain,
            plain=claim.plain,
            silent=claim.notice.rank == "notice",
        )
        if claim.message is None:
            return await channel.send(to, message)
        try:
            await channel.edit(to, claim.message, replace(message, maybe_repeat=False))  # twice is once for an edit
        except MessageRefused:
            if claim.notice.kind != "resolved":  # somebody deleted the message, so the news goes out anew
                return await channel.send(to, message)
        if told.reply:
            self.platforms[claim.platform].pace.spend()
            await channel.send(to, replace(message, blocks=(Line(told.reply),), reply_to=claim.message, silent=True))
        return claim.message


def _late_line(notice: outbox.Notice) -> str:
    lines = [block for block in Told.read(notice.payload).blocks if isinstance(block, Line)]
    first = next((line.text for line in lines if line.role == "headline"), lines[0].text if lines else "")
    return f"{wording.clock(notice.at, dated=True)}: {first}"


def _kind(kind: str) -> Kind:
    match kind:
        case "private" | "group" | "channel":
            return kind
        case _:
            return "group"
