"""The sender: claim, send, settle. Small stages with one verb each; the outbox is the only way out.

Its pace lies before the claim, so that what waits keeps its order: most urgent first, then oldest.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import structlog

from handlers import wording
from handlers.channel import Address, Outgoing, SendFailed
from handlers.notices import Told
from handlers.reply import Line
from storage import chats, outbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.clock import Clock
    from handlers.channel import Channel
    from storage.db import Store
    from storage.outbox import Claim

log = structlog.get_logger(__name__)

IN_FLIGHT = 8  # after a kill, at most so many messages are in doubt
MOST_TRIES = 12
UNCERTAIN_PAUSE = timedelta(seconds=5)
PLATFORM_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds; one probe per 30 s while a platform is down
LONGEST_ROW_PAUSE = 600.0
LATE_LINES = 10


@dataclass(slots=True)
class Pace:
    """What a platform allows: so many messages a second in all, to one chat, and to one group a minute.

    Times are monotonic seconds. A bucket of a tenth of a second keeps the flow even: a burst earns a 429.
    """

    per_second: float
    per_chat_second: float
    per_group_minute: float
    tokens: float = 1.0
    filled: float | None = None
    last: dict[int, float] = field(default_factory=dict)
    group: dict[int, deque[float]] = field(default_factory=dict)

    def room(self, now: float) -> int:
        """Return how many messages may leave now."""
        passed = 0.0 if self.filled is None else now - self.filled
        self.tokens = min(max(1.0, self.per_second / 10), self.tokens + passed * self.per_second)
        self.filled = now
        return int(self.tokens)

    def resting(self, now: float) -> set[int]:
        """Return the destinations that were written to too recently."""
        chat, minute = 1 / self.per_chat_second, 60.0
        self.last = {each: at for each, at in self.last.items() if now - at < chat}
        for times in self.group.values():
            while times and now - times[0] >= minute:
                times.popleft()
        full = {each for each, times in self.group.items() if len(times) >= self.per_group_minute}
        return set(self.last) | full

    def spend(self, destination: int, kind: str, now: float) -> None:
        """Count a message."""
        self.tokens -= 1
        self.last[destination] = now
        if kind == "group":
            self.group.setdefault(destination, deque()).append(now)


@dataclass(slots=True)
class Platform:
    """How one platform does: until when it rests, how often it failed in a row, or why it is halted for good."""

    pace: Pace
    rests_until: datetime | None = None
    failures: int = 0
    halted: str | None = None


class Sender:
    """Sends what waits in the outbox through the channels, under the lease of the database.

    turn() sends one batch and returns; run() does so until it is stopped. noise: a source of jitter, seeded in tests.
    """

    def __init__(
        self, store: Store, channels: Sequence[Channel], clock: Clock, *, noise: random.Random | None = None
    ) -> None:
        self._store = store
        self._channels: Mapping[str, Channel] = {channel.platform: channel for channel in channels}
        self._clock = clock
        self._noise = noise or random.Random()  # noqa: S311 - jitter, not a secret
        self._epoch = 0
        self._wake = asyncio.Event()
        self._stopping = False
        self.platforms = {
            name: Platform(
                Pace(channel.limits.per_second, channel.limits.per_chat_second, channel.limits.per_group_minute)
            )
            for name, channel in self._channels.items()
        }

    def start(self) -> None:
        """Take the lease: what another holder was sending is in doubt from now on and will be marked."""
        self._epoch = outbox.take_lease(self._store)

    def poke(self) -> None:
        """Say that something was put into the outbox."""
        self._wake.set()

    async def run(self) -> None:
        """Send until stopped."""
        while not self._stopping:
            self._wake.clear()
            if await self.turn() == 0:
                pause = 0.05 if self._has_recent() else 1.0
                with_timeout = asyncio.wait_for(self._wake.wait(), pause)
                try:
                    await with_timeout
                except TimeoutError:
                    continue

    def stop(self) -> None:
        """End run() after the messages in flight."""
        self._stopping = True
        self._wake.set()

    def _has_recent(self) -> bool:
        return any(platform.pace.last for platform in self.platforms.values())

    async def turn(self) -> int:
        """Claim what may leave now and send it; return how many were claimed."""
        now = self._clock.now()
        await asyncio.to_thread(self._tell_late, now)
        taken = 0
        for name, platform in self.platforms.items():
            if platform.halted or (platform.rests_until and platform.rests_until > now):
                continue
            seconds = self._clock.monotonic()
            room = min(IN_FLIGHT, platform.pace.room(seconds))
            if platform.failures:
                room = min(room, 1)  # one probe, not a burst into a closed door
            claims = await asyncio.to_thread(
                outbox.claim,
                self._store,
                now=now,
                epoch=self._epoch,
                platforms=[name],
                limit=room,
                resting=platform.pace.resting(seconds),
            )
            for claim in claims:
                platform.pace.spend(claim.destination, claim.kind_of_chat, seconds)
            await asyncio.gather(*(self._deliver(claim) for claim in claims))
            taken += len(claims)
        return taken

    def _tell_late(self, now: datetime) -> None:
        """Turn what is too old for news into one message per destination: never a flood of old news, never silence."""
        for destination, late in outbox.expired(self._store, now=now).items():
            lines = [_late_line(each) for each in late[-LATE_LINES:]]
            more = len(late) - len(lines)
            head = f"{wording.count(len(late), 'alert')} could not be delivered in time:"
            blocks = (Line(head, "headline"), *map(Line, lines), *([Line(f"and {more} more")] if more else []))
            notice = outbox.Notice("late", "notice", now, Told(blocks).to_json())
            outbox.tell_one(self._store, destination, notice, now=now, expires=now + timedelta(days=7))

    async def drain(self, *, turns: int = 10_000) -> None:
        """Send until nothing is due; for a replay, whose clock stands still."""
        for _ in range(turns):
            if await self.turn() == 0:
                return

    async def _deliver(self, claim: Claim) -> None:
        channel, platform = self._channels[claim.platform], self.platforms[claim.platform]
        try:
            told = Told.read(claim.notice.payload)
            if claim.notice.kind == "resolved" and claim.message is None and not told.alone:
                reason = "the episode was never announced here"
                await asyncio.to_thread(outbox.ended, self._store, claim, "merged", reason, now=self._clock.now())
                return
            message = await self._send(channel, claim, told)
        except SendFailed as failed:
            await asyncio.to_thread(self._failed, claim, platform, failed)
        except Exception:
            # A message that cannot be rendered is our fault: it ends visibly and holds nothing else up.
            log.exception("a message could not be made", row=claim.id)
            await asyncio.to_thread(
                outbox.ended, self._store, claim, "dead", "it could not be made; see the log", now=self._clock.now()
            )
        else:
            platform.failures = 0
            await asyncio.to_thread(outbox.sent, self._store, claim, message, now=self._clock.now())

    async def _send(self, channel: Channel, claim: Claim, told: Told) -> str | None:
        """Send what the notice asks for: a new message, an edit, or an edit and the line that closes it."""
        to = Address(claim.chat, claim.topic or None, _kind(claim.kind_of_chat))
        blocks = told.blocks
        late = self._clock.now() - claim.created
        if late > timedelta(minutes=30):
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
            await channel.edit(to, claim.message, message)
        except SendFailed as failed:
            if not failed.drop:
                raise
            if claim.notice.kind != "resolved":  # somebody deleted the message, so the news goes out anew
                return await channel.send(to, message)
        if told.reply:
            closing = Outgoing(
                (Line(told.reply),), claim.message, claim.nonce, maybe_repeat=claim.uncertain, silent=True
            )
            await channel.send(to, closing)
        return claim.message

    def _failed(self, claim: Claim, platform: Platform, failed: SendFailed) -> None:
        """Decide from the error alone what becomes of the row, the chat and the platform."""
        now = self._clock.now()
        reason = failed.reason
        if failed.unauthorised:
            platform.halted = reason
            log.error(
                "sending stops until the token is mended; what waits is kept", platform=claim.platform, reason=reason
            )
            outbox.later(self._store, claim, now, reason, counts=False)
        elif failed.moved_to:
            outbox.later(self._store, claim, now, reason, counts=False)
            chats.moved(self._store, claim.platform, claim.chat, failed.moved_to)
        elif failed.permanent:
            dropped = outbox.gone(self._store, claim.destination, reason, now=now)
            log.warning("a destination is gone", platform=claim.platform, reason=reason, dropped=dropped)
        elif failed.retry_after is not None:
            self._rest(claim, platform, failed, now)
        elif failed.unreadable and not claim.plain:
            log.error("markup was refused, sending plain text", row=claim.id, reason=reason)
            outbox.later(self._store, claim, now, reason, counts=True, plain=True)
        elif failed.drop or failed.unreadable or claim.attempts + 1 >= MOST_TRIES:
            log.error("a message is given up", row=claim.id, reason=reason)
            outbox.ended(self._store, claim, "dead", reason, now=now)
        elif failed.maybe_sent:
            outbox.later(self._store, claim, now + UNCERTAIN_PAUSE, reason, counts=True, uncertain=True)
        elif failed.scope == "platform":
            pause = PLATFORM_PAUSES[min(platform.failures, len(PLATFORM_PAUSES) - 1)]
            if platform.failures == 0:
                log.warning("the platform is not reached, trying on", platform=claim.platform, reason=reason)
            platform.failures += 1
            platform.rests_until = now + timedelta(seconds=pause * self._noise.uniform(0.8, 1.2))
            outbox.later(self._store, claim, now, reason, counts=False)
        else:
            pause = min(LONGEST_ROW_PAUSE, 2.0**claim.attempts) * self._noise.uniform(0.8, 1.2)
            outbox.later(self._store, claim, now + timedelta(seconds=pause), reason, counts=True)

    def _rest(self, claim: Claim, platform: Platform, failed: SendFailed, now: datetime) -> None:
        """Honour the pause that the platform asked for, to the second and a little more."""
        until = now + timedelta(seconds=(failed.retry_after or 0) + self._noise.uniform(0.1, 0.9))
        if failed.scope == "platform":
            platform.rests_until = until
        outbox.later(self._store, claim, until, failed.reason, counts=False)


def _late_line(notice: outbox.Notice) -> str:
    blocks = Told.read(notice.payload).blocks
    headline = next((block.text for block in blocks if isinstance(block, Line) and block.role == "headline"), "")
    return f"{wording.clock(notice.at, dated=True)}: {headline}"


def _kind(kind: str) -> Literal["private", "group", "channel", "terminal"]:
    match kind:
        case "private" | "group" | "channel" | "terminal":
            return kind
        case _:
            return "group"
