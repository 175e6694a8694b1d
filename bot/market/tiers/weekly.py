"""Tier tables renewed once a week by the bot itself, and what moved told to whoever asked for news of sources."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from bot.market.tiers import refresh as renewing
from signals.assets import assets_of
from signals.units import HOUR, WEEK, from_ms, to_ms
from signals.venues import VENUES
from storage.engine import settings
from storage.sources.source_events import AssetEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bot.market.tiers.tables import Reach
    from signals.liquidation.renewal import Renewal, TierChange
    from storage.engine.database import Store
    from storage.engine.work import Work

    Announce = Callable[[Work, AssetEvent, datetime], None]

LOOKED: Final = HOUR  # how often it is asked whether a week has gone by
_NAME: Final = "tiers renewed"

log = structlog.get_logger(__name__)


class WeeklyTiers:
    """Renews the tables of the followed assets.

    announce: puts news into the outbox; told: called when it did.
    """

    def __init__(
        self,
        store: Store,
        reach: Reach,
        assets: Sequence[str],
        *,
        announce: Announce,
        told: Callable[[], None],
    ) -> None:
        self._store, self._reach, self._assets = store, reach, tuple(assets)
        self._announce, self._told = announce, told

    async def turn(self) -> int | None:
        """Renew where a week has gone by; return how many followed tables moved, None when it is not due.

        Where no venue answers it is tried again at the next look, without a word: the answers say how old a table is.
        """
        now = self._reach.clock()
        if not await asyncio.to_thread(self._due, now):
            return None
        asked = [venue.id for venue in VENUES.values() if venue.renewed]
        renewals = await renewing.refresh(self._store, asked, assets_of(self._assets), self._reach)
        if all(renewal.error for renewal in renewals):
            return None
        moved = await asyncio.to_thread(self._keep, renewals, now)
        if moved:
            self._told()
        return moved

    def _due(self, now: datetime) -> bool:
        done = settings.setting(self._store, _NAME)
        return done is None or not 0 <= (now - from_ms(int(done))).total_seconds() < WEEK.total_seconds()

    def _keep(self, renewals: Sequence[Renewal], now: datetime) -> int:
        moved = [
            (renewal.venue, _asset_of(change), change)
            for renewal in renewals
            for change in renewal.changes
            if change.kind == "changed" and _asset_of(change) in self._assets
        ]
        with self._store.write() as work:
            for venue, asset, change in moved:
                self._announce(work, AssetEvent(venue, asset, "tiers", now, tiers=change.move), now)
            settings.keep_setting(work, _NAME, str(to_ms(now)))
        log.info("tier tables renewed", venues=sum(not renewal.error for renewal in renewals), moved=len(moved))
        return len(moved)


def _asset_of(change: TierChange) -> str:
    return change.new.asset
