"""Fresh figures for somebody who waits, where another process collects: one wishes, the other asks its exchanges."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from handlers.command import Asking
from storage.engine.database import StoreError
from storage.engine.sharing import wishes

if TYPE_CHECKING:
    from bot.clock import Clock
    from bot.market.collector import Collector
    from bot.processes.holdings import Holdings
    from storage.engine.database import Store

log = structlog.get_logger(__name__)

WITHIN: Final = 2.0  # seconds that somebody waits for
_LOOKED_FOR: Final = 0.1  # seconds between looks for an answer, or for a wish


class Wishes:
    """Asks venues itself where this process collects an asset, and else has it asked by the one that does.

    venues: those that are asked then, for the words meanwhile. followed: the assets that some process collects.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        holdings: Holdings,
        collector: Collector,
        *,
        venues: tuple[str, ...],
        followed: tuple[str, ...],
    ) -> None:
        self._store, self._clock, self._holdings, self._collector = store, clock, holdings, collector
        self._venues, self._followed = venues, frozenset(followed)
        self._under_way: dict[int, asyncio.Task[None]] = {}

    def ask(self, asset: str) -> Asking | None:
        """Have the venues asked for one asset beside everything else; None where nobody need be, or can be."""
        elsewhere = asset in self._followed and not self._holdings.holds("collect", asset)
        if elsewhere and self._holdings.others:
            return Asking(self._venues, asyncio.create_task(self._wished(asset)))
        asked = self._collector.ask(asset)
        return Asking(*asked) if asked else None

    async def refresh(self, asset: str) -> None:
        """Have one asset asked for, and wait for nothing."""
        self.ask(asset)

    async def _wished(self, asset: str) -> bool:
        try:
            number = await asyncio.to_thread(wishes.make, self._store, asset, self._clock.now())
            until = asyncio.get_running_loop().time() + WITHIN
            while asyncio.get_running_loop().time() < until:
                await asyncio.sleep(_LOOKED_FOR)
                if (stored := await asyncio.to_thread(wishes.answered, self._store, number)) is not None:
                    return stored
        except StoreError as error:
            log.error(str(error))  # noqa: TRY400 - the sentence says what to do
        return False

    # --- of the process that collects

    async def serve(self) -> None:
        """Answer the wishes of other processes until cancelled, where this one collects."""
        while "collect" in self._holdings.roles:
            await asyncio.sleep(_LOOKED_FOR if self._holdings.others else 1.0)
            if not self._holdings.others:
                continue
            try:
                every = await asyncio.to_thread(wishes.unanswered, self._store)
            except StoreError as error:
                log.error(str(error))  # noqa: TRY400 - as above
                await asyncio.sleep(1.0)
                continue
            for number, asset in every.items():
                if self._holdings.holds("collect", asset) and number not in self._under_way:
                    task = asyncio.create_task(self._granted(number, asset))
                    self._under_way[number] = task
                    task.add_done_callback(partial(self._over, number))

    def _over(self, number: int, _: asyncio.Task[None]) -> None:
        self._under_way.pop(number, None)

    async def _granted(self, number: int, asset: str) -> None:
        asked = self._collector.ask(asset)
        stored = await asked[1] if asked else False
        try:
            await asyncio.to_thread(wishes.answer, self._store, number, self._clock.now(), stored=stored)
        except StoreError as error:
            log.error(str(error))  # noqa: TRY400 - whoever waits is told that nothing came
