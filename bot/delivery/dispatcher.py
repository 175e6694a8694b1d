"""The dispatcher: claim, stages, settle. The stages have one verb each; the outbox is the only way out.

Rate limits lie before the claim, so that what waits keeps its order: most urgent first, then oldest.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog

from bot.delivery.failures import Failures, Trouble, reason_of
from bot.delivery.held import tell_held
from bot.delivery.probing import FOR_GOOD, Probes
from bot.delivery.rate_limiter import Paces, RateLimiter
from bot.delivery.restored import tell_restored
from bot.delivery.settling import passes
from bot.delivery.stages.budget import budget, may_wait
from bot.delivery.stages.group import group
from bot.delivery.stages.join import join, setups_around
from bot.delivery.stages.merge import merge
from bot.delivery.stages.mute import mute
from bot.delivery.stages.only import only
from bot.delivery.stages.outcome import PASS, Recipient
from bot.delivery.stages.quiet import quiet
from bot.delivery.stages.render import Renderer
from bot.delivery.stages.send import kind_of, send
from bot.processes.holdings import Holdings
from handlers.channels.failure import SendFailed
from signals.alerts.event import LATE
from signals.wall_clock import midnight
from storage.alerts import digests, outbox
from storage.alerts.sending import gathering, held, refusals, restored, spreading
from storage.engine.database import LeaseLost, StoreError
from storage.people import switches

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from bot.delivery.stages.outcome import Outcome
    from handlers.channels.channel import Channel
    from storage.alerts.outbox import Claim, OutboxRow
    from storage.engine.database import Store
    from storage.engine.work import Work

log = structlog.get_logger(__name__)

IN_FLIGHT: Final = 8  # per platform; after a kill, at most so many messages are in doubt
LOOK_EVERY: Final = timedelta(seconds=5)  # for what has grown too old
LISTED: Final = 10  # notices that a message about late ones keeps
LATE_IS_TOLD_FOR: Final = timedelta(days=7)
SENT: Final = "sent"
NOT_MADE: Final = "not made"
PlatformState = Literal["working", "not reached", "token refused"]


@dataclass(slots=True)
class Platform:
    """How fast messages may leave to one platform, how it does, and what is on its way.

    landed: what arrived, as which message and when, and is to be written with the next claim: one transaction a
    message instead of two. A kill leaves it in doubt like what is in flight. landed_at: when the last one arrived
    (monotonic seconds).
    """

    limiter: RateLimiter
    trouble: Trouble = field(default_factory=Trouble)
    in_flight: set[asyncio.Task[None]] = field(default_factory=set)
    landed: list[tuple[Claim, str | None, datetime]] = field(default_factory=list)
    probe: asyncio.Task[None] | None = None
    landed_at: float | None = None

    @property
    def state(self) -> PlatformState:
        """Return how the platform does, as far as what was sent there says."""
        if self.trouble.halted:
            return "token refused"
        return "not reached" if self.trouble.down else "working"


class Dispatcher:
    """Sends what waits in the outbox through the channels, to each platform under its lease.

    turn() sends what may leave now and returns; run() goes on until it is stopped. paces: is given the limiters, which
    answers share. noise: a source of jitter, seeded in tests. again_after: seconds until the database is tried again
    when it could not be written. owners: where the owners are told that a token is refused. holdings: what this process
    holds; without, it is one that does nothing but send.
    """

    def __init__(
        self,
        store: Store,
        channels: Sequence[Channel],
        clock: Clock,
        *,
        paces: Paces | None = None,
        noise: random.Random | None = None,
        again_after: float = 2.0,
        owners: Callable[[str], Awaitable[Collection[int]]] | None = None,
        holdings: Holdings | None = None,
    ) -> None:
        self._store = store
        self._channels: Mapping[str, Channel] = {channel.platform: channel for channel in channels}
        self._clock = clock
        self._failures = Failures(clock, noise or random.Random())  # noqa: S311 - jitter, not a secret
        self._again_after = again_after
        self._probes = Probes(store, clock, owners or _nobody)
        self._renderer = Renderer()
        self._unmade = spreading.Unmade()
        self.holdings = holdings or Holdings(store, clock, ("send",), (), tuple(self._channels))
        self._looked: datetime | None = None
        self.counted: Counter[tuple[str, str]] = Counter()  # messages by platform and by what became of them
        self.database_trouble: str | None = None  # why nothing can be written now
        self._wake = asyncio.Event()
        self._stopped = asyncio.Event()
        self.platforms = {
            name: Platform(
                RateLimiter(channel.limits.per_second, channel.limits.per_chat_second, channel.limits.per_group_minute)
            )
            for name, channel in self._channels.items()
        }
        if paces:
            paces.limiters |= {name: platform.limiter for name, platform in self.platforms.items()}

    def start(self) -> None:
        """Begin to send: what another process was sending is in doubt from the moment in which its lease is taken."""
        if not self.holdings.number:
            self.holdings.start()
        with self._store.write() as work:  # a new start tries each token anew
            for name, platform in self.platforms.items():
                refusals.untried(work, name)
                platform.trouble.was_away = refusals.told(self._store, name)  # so that its end is told
            restored.begun(self._store, self._clock.now())

    def refused(self, platform: str, reason: str) -> None:
        """Take in that a token was refused before anything was sent: its platform is asked again, and that is told."""
        self.platforms[platform].trouble.refuse(reason, self._clock)

    def poke(self) -> None:
        """Say that something was put into the outbox."""
        self._wake.set()

    def stop(self) -> None:
        """End run() after the messages in flight."""
        self._stopped.set()
        self._wake.set()

    @property
    def idle(self) -> bool:
        """Tell whether nothing of ours is on its way, so that another process may go on at once."""
        return not any(platform.in_flight or platform.landed for platform in self.platforms.values())

    async def run(self, ended: Callable[[], None] = lambda: None) -> None:
        """Send until stopped. A database that cannot be written is tried again; nothing is forgotten meanwhile.

        ended: called when every platform has refused its token for good.
        """
        loop = asyncio.get_running_loop()

        def heard(_: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._wake.set)

        end = self._store.listen(heard)  # of what other processes put in
        try:
            while not self._stopped.is_set():
                self._wake.clear()
                try:
                    started = await self._dispatch()
                    self.database_trouble = None
                    if self.platforms and all(
                        platform.trouble.refusals >= FOR_GOOD for platform in self.platforms.values()
                    ):
                        ended()
                except StoreError as error:
                    log.error("sending waits for the database", reason=str(error))  # noqa: TRY400 - says what to do
                    self.database_trouble = str(error)
                    await self._pause(self._again_after)
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._until_next(started))
        finally:
            await asyncio.to_thread(end)
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
        platforms = [platform for platform in self.platforms.values() if not platform.trouble.halted]
        if started:
            return min((platform.limiter.wait() for platform in platforms), default=1.0)
        return 0.05 if any(platform.limiter.last or platform.in_flight for platform in platforms) else 1.0

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    async def _landed(self) -> None:
        """Wait for the messages in flight."""
        flying = [task for platform in self.platforms.values() for task in platform.in_flight]
        flying += [platform.probe for platform in self.platforms.values() if platform.probe]
        if flying:
            await asyncio.gather(*flying, return_exceptions=True)
        await self._write_all_landed()

    def _landed_one(self, platform: Platform, task: asyncio.Task[None]) -> None:
        platform.in_flight.discard(task)
        if platform.limiter.room(self._clock.monotonic()):  # else it is looked when there is some
            self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("a message stays in doubt until the next start", exc_info=error)

    def _probed(self, platform: Platform, task: asyncio.Task[None]) -> None:
        platform.probe = None
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("a platform could not be asked how it does, trying on", exc_info=error)

    async def _dispatch(self) -> int:
        """Claim what may leave now and set it on its way; return how many claims went through the stages."""
        now = self._clock.now()
        if self._looked is None or abs(now - self._looked) >= LOOK_EVERY:
            with contextlib.suppress(LeaseLost):  # then another process tells it
                await asyncio.to_thread(self._tell_waiting, now)
            self._looked = now
        started = 0
        for name, platform in self.platforms.items():
            if not self.holdings.holds("send", name):
                await self._write_landed(platform)
                continue
            seconds = self._clock.monotonic()
            if platform.trouble.asked_again <= seconds and platform.probe is None:
                platform.probe = asyncio.create_task(self._probes.ask(self._channels[name], platform.trouble))
                platform.probe.add_done_callback(partial(self._probed, platform))
            if platform.trouble.halted or platform.trouble.rests_until > seconds:
                await self._write_landed(platform)
                continue
            room = platform.limiter.room(seconds)
            most = 1 if platform.trouble.failures else IN_FLIGHT  # one probe, not a burst into a closed door
            limit = min(most - len(platform.in_flight), room)
            if limit <= 0:
                if room:  # else what has landed is written in a moment, when there is some
                    await self._write_landed(platform)
                continue
            landed, resting = list(platform.landed), platform.limiter.resting(seconds)
            count, claims = await asyncio.to_thread(self._claim, name, limit, resting, landed, now)
            del platform.landed[: len(landed)]
            for claim in claims:
                platform.limiter.spend(seconds)
                task = asyncio.create_task(self._deliver(claim))
                platform.in_flight.add(task)
                task.add_done_callback(partial(self._landed_one, platform))
            started += count
        if self._unmade.any:  # while what was claimed is on its way
            await asyncio.to_thread(self._make_next)
            self._wake.set()
        return started

    def _claim(
        self, platform: str, limit: int, resting: set[int], landed: Sequence[tuple[Claim, str | None, datetime]],
        now: datetime,
    ) -> tuple[int, list[Claim]]:  # fmt: skip
        """Write in one transaction what has landed, and claim what may leave now.

        Return how many were claimed, and those that go on. What a stage holds or drops is settled before anybody could
        see it as being sent. Of the rows that have to be made before one part is made, in a transaction of its own, and
        it is looked once more; what else is to be made waits for the next turn. So nobody waits long for any, nor does
        another platform, and no row is locked that whoever makes others may want.
        """
        with self._store.write() as work:
            outbox.sent(work, landed)
            count, claims = self._claimed(work, platform, limit, resting, now)
        if not self._unmade.needed:
            return count, claims
        with self._store.write() as work:
            spreading.make(work, self._unmade.needed[:1])
        with self._store.write() as work:
            return self._claimed(work, platform, limit, resting, now)

    def _claimed(
        self, work: Work, platform: str, limit: int, resting: set[int], now: datetime
    ) -> tuple[int, list[Claim]]:
        process = self.holdings.number
        claims = outbox.claim(
            work, now=now, process=process, platform=platform, limit=limit, resting=resting, together=group,
            unmade=self._unmade,
        )  # fmt: skip
        passing = [_staged(work, claim, now) for claim in claims]
        return len(claims), [claim for claim in passing if claim.rows]

    async def _write_all_landed(self) -> None:
        for platform in self.platforms.values():
            await self._write_landed(platform)

    async def _write_landed(self, platform: Platform) -> None:
        """Write what has landed without a claim that it could go with. What cannot be written waits on."""
        landed = list(platform.landed)
        if not landed:
            return
        try:
            await asyncio.to_thread(self._write_sent, landed)
        except StoreError as error:  # when the program ends now, it stays in doubt, and the next start marks it
            log.error("an outcome waits for the database", rows=len(landed), reason=str(error))  # noqa: TRY400
        else:
            del platform.landed[: len(landed)]

    def _write_sent(self, landed: Sequence[tuple[Claim, str | None, datetime]]) -> None:
        with self._store.write() as work:
            outbox.sent(work, landed)

    def _make_next(self) -> None:
        with self._store.write() as work:
            self._unmade.make_next(work)

    def _tell_waiting(self, now: datetime) -> None:
        """Turn what was held, and what is too old for news, into one message per destination.

        Never a flood of old news, never silence. One process does so for all.
        """
        with self._store.write() as work:  # also of a platform that takes nothing now
            self._unmade.look(work)
        if (own := self.holdings.under("send", "late news")) is None:
            return
        with own, self._store.write() as work:  # all or nothing: a row that ended without its line would be lost
            tell_held(work, now)
            tell_restored(work, now)
            for destination, late in outbox.expired(work, now=now).items():
                listed = [
                    {"at": one.notice.at.isoformat(), "payload": one.notice.payload, "perhaps": one.uncertain}
                    for one in late[-LISTED:]
                ]
                event = {"event": LATE, "count": len(late), "notices": listed}
                notice = outbox.Notice("late", "notice", now, event, rule=LATE)  # by which those that wait go together
                outbox.announce_to(work, destination, notice, now=now, expires=now + LATE_IS_TOLD_FOR)

    async def _deliver(self, claim: Claim) -> None:
        channel, platform = self._channels[claim.platform], self.platforms[claim.platform]
        try:
            blocks, replies = self._renderer.render(claim)

            def spend() -> None:
                platform.limiter.spend(self._clock.monotonic())

            message = await send(channel, claim, blocks, replies, self._clock.now(), spend=spend)
        except SendFailed as failed:
            self.counted[claim.platform, reason_of(failed)] += 1
            await self._settle(self._failures.settle, claim, platform.trouble, failed)
        except Exception:
            # A message that cannot be rendered is our fault: it ends visibly and holds nothing else up.
            log.exception("a message could not be made", row=claim.id)
            self.counted[claim.platform, NOT_MADE] += 1
            reason = "it could not be made; see the log"
            await self._settle(outbox.ended, claim, "dead", reason, now=self._clock.now())
        else:
            platform.trouble.over(claim.platform)
            platform.landed_at = self._clock.monotonic()
            self.counted[claim.platform, SENT] += 1
            self._failures.in_doubt.pop(claim.id, None)
            platform.landed.append((claim, message, self._clock.now()))
            await self._probes.reached(claim.platform, platform.trouble)
        finally:
            platform.limiter.arrived(claim.destination, kind_of(claim.kind_of_chat), self._clock.monotonic())

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


async def _nobody(_: str) -> Collection[int]:
    return ()


def _staged(work: Work, claim: Claim, now: datetime) -> Claim:
    """Take the rows of a claim through the stages before they are put into words; return it with those that pass."""
    recipient = Recipient(claim.zone, claim.switches)
    claim = claim.only([row for row in claim.rows if not digests.taken_back(work, claim.destination, row, now)])
    there = claim.destination
    left = [row for row in claim.rows if passes(work, there, row, judged(row, recipient, now), now)]
    if around := {episode for row in left for episode in setups_around(row)}:
        told = gathering.told_there(work, claim.destination, around)
        told |= {row.notice.episode for row in left if row.notice.episode is not None}
        left = [row for row in left if passes(work, there, row, join(row, told), now)]
    most = switches.budget_of(claim.switches)
    new = [row for row in left if not row.message]  # an edit of what was told before never waits, and takes none along
    if new and most is not None and may_wait(new):
        outcome = budget(recipient, most, held.sent_since(work, claim.destination, midnight(now, recipient.clock)), now)
        left = [row for row in left if row not in new or passes(work, there, row, outcome, now)]
    for episode in _begun_or_over(claim):
        switches.episode_over(work, claim.destination, episode)
    return claim.only(left)


def _begun_or_over(claim: Claim) -> set[int]:
    """Return the episodes of a claim that are over or begin anew, and that something was muted until the end of."""
    ending = {switch.episode for switch in claim.switches}
    notices = (row.notice for row in claim.rows if row.notice.kind in ("resolved", "resumed"))
    return {notice.episode for notice in notices if notice.episode is not None and notice.episode in ending}


def judged(row: OutboxRow, recipient: Recipient, now: datetime) -> Outcome:
    """Return what the stages make of a row: the first of them that does not let it pass decides."""
    for outcome in (mute(row, recipient, now), only(row, recipient), merge(row), quiet(row, recipient, now)):
        if outcome != PASS:
            return outcome
    return PASS
