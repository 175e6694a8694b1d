"""The parts that watch, put together: what they see, and what runs beside the rest of the bot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.watch.server import WatchServer
from bot.watch.turns import LoopLag, TurnCounts
from bot.watch.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bot.config import Config
    from bot.delivery.dispatcher import Dispatcher
    from bot.doubting import DoubtingClock
    from bot.market.collector import Collector
    from storage.engine.database import Store


@dataclass(frozen=True, slots=True)
class Watch:
    """What watches perpulse. turns: counts turns. server: None where nothing listens."""

    turns: TurnCounts
    lag: LoopLag
    vitals: Vitals
    server: WatchServer | None

    @classmethod
    def of(
        cls, config: Config, store: Store, clock: DoubtingClock, collector: Collector, dispatcher: Dispatcher
    ) -> Watch:
        """Put it together as the configuration says."""
        turns, lag = TurnCounts(clock), LoopLag()
        vitals = Vitals(store, clock, config.assets, collector.health, dispatcher, turns, lag)
        server = WatchServer(vitals, config.watch.listen) if config.watch.listen else None
        return cls(turns, lag, vitals, server)

    def running(self) -> list[Coroutine[None, None, None]]:
        """Return what runs until it is cancelled."""
        return [self.server.run(), self.lag.run()] if self.server else []
