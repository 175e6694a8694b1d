"""Platforms that are asked how they do before anything is sent there again: a message costs more than a question."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from bot.engine.turn import announce
from handlers.channels.failure import SendFailed, TokenRefused
from storage.alerts import outbox
from storage.alerts.sending import refusals
from storage.alerts.sending.refusals import TokenRefusal
from storage.engine.database import StoreError
from storage.sources.source_events import SourceEvent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from datetime import datetime

    from bot.clock import Clock
    from bot.delivery.failures import Trouble
    from handlers.channels.channel import Channel
    from storage.engine.database import Store

log = structlog.get_logger(__name__)

TOKEN_PAUSES: Final = (10.0, 60.0, 600.0)  # seconds; a stray 401 is over by then, a revoked token is asked for rarely
FOR_GOOD: Final = 3  # refusals in a row after the first that are no accident any more
DOWN_PAUSE: Final = 30.0


@dataclass(frozen=True, slots=True)
class Probes:
    """Asks a platform whose token it has, and does what follows from the answer.

    owners: where the owners are told, whatever they subscribed to, but for the bot that is named where another can.
    """

    store: Store
    clock: Clock
    owners: Callable[[str], Awaitable[Collection[int]]]

    async def ask(self, channel: Channel, trouble: Trouble) -> None:
        """Ask once; what waits for the platform goes on when it answers well."""
        trouble.asked_again = self.clock.monotonic() + DOWN_PAUSE  # also where the outcome cannot be written
        try:
            await channel.check()
        except TokenRefused as failed:
            await self._refused(channel.platform, trouble, failed.reason)
        except SendFailed as failed:
            trouble.was_away = True
            log.debug("the platform does not answer", platform=channel.platform, reason=failed.reason)
        else:
            await self._well(channel.platform, trouble)

    async def reached(self, platform: str, trouble: Trouble) -> None:
        """Let go what waits for a platform that was away, since a message went through."""
        if not trouble.was_away or trouble.halted:
            return
        try:
            await asyncio.to_thread(self._note_well, platform, trouble, await self.owners(""))
        except StoreError as error:  # the next message that goes through lets it go
            log.warning("what waits for a platform waits on", platform=platform, reason=str(error))
        else:
            trouble.was_away = False

    async def _refused(self, platform: str, trouble: Trouble, reason: str) -> None:
        since = trouble.refuse(reason, self.clock)
        if trouble.refusals == 0:
            await asyncio.to_thread(self._note_refused, platform, reason, since, await self.owners(platform))
        trouble.refusals += 1
        pause = TOKEN_PAUSES[min(trouble.refusals, len(TOKEN_PAUSES) - 1)]
        trouble.asked_again = self.clock.monotonic() + pause
        if trouble.refusals == FOR_GOOD:
            log.error("the token is refused for good, what waits is kept", platform=platform, since=since.isoformat())

    def _note_refused(self, platform: str, reason: str, since: datetime, owners: Collection[int]) -> None:
        with self.store.write() as work:
            if not refusals.told(self.store, platform):  # before the last start: another one is no news
                announce(work, SourceEvent(platform, (), "refused", reason, since), self.clock.now(), also=owners)
            refusals.note(work, TokenRefusal(platform, since, reason))

    async def _well(self, platform: str, trouble: Trouble) -> None:
        await asyncio.to_thread(self._note_well, platform, trouble, await self.owners(platform))
        if trouble.halted:
            log.info("the token is accepted, sending goes on", platform=platform)
        trouble.halted, trouble.refusals, trouble.was_away, trouble.asked_again = None, 0, False, math.inf

    def _note_well(self, platform: str, trouble: Trouble, owners: Collection[int]) -> None:
        now = self.clock.now()
        with self.store.write() as work:
            if refusals.told(self.store, platform):
                refusals.over(work, platform)
                announce(work, SourceEvent(platform, (), "accepted", "", now), now, also=owners)
            if trouble.was_away:
                outbox.platform_back(work, platform, now=now)
