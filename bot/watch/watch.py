"""The parts that watch, put together: what they see, and what runs beside the rest of the bot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.watch.alarms import OwnAlarms
from bot.watch.backups import Backups
from bot.watch.outside.supervisor import Supervisor
from bot.watch.outside.switch import DeadMansSwitch
from bot.watch.served.server import WatchServer
from bot.watch.turns import LoopLag, TurnCounts
from bot.watch.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bot.config import Config
    from bot.delivery.dispatcher import Dispatcher
    from bot.delivery.owners import Owners
    from bot.doubting import DoubtingClock
    from bot.market.collector import Collector
    from storage.engine.database import Store


@dataclass(frozen=True, slots=True)
class Watch:
    """What watches perpulse. server, switch: None where the configuration has none. follows: what it does, in words."""

    turns: TurnCounts
    lag: LoopLag
    backups: Backups
    alarms: OwnAlarms
    server: WatchServer | None
    switch: DeadMansSwitch | None
    supervisor: Supervisor
    follows: str

    @classmethod
    def of(
        cls,
        config: Config,
        store: Store,
        clock: DoubtingClock,
        collector: Collector,
        dispatcher: Dispatcher,
        owners: Owners,
    ) -> Watch:
        """Put it together as the configuration says."""
        turns, lag = TurnCounts(clock), LoopLag()
        vitals = Vitals(store, clock, config.assets, collector.health, dispatcher, turns, lag)
        server = WatchServer(vitals, config.watch.listen) if config.watch.listen else None
        address = config.watch.dead_mans_switch
        switch = DeadMansSwitch(address, clock, vitals.why_no_good_turn) if address else None
        backups = Backups(store, config.backup, clock)
        alarms = OwnAlarms(
            store,
            clock,
            vitals,
            backups,
            owners,
            free_mb=config.watch.disk_free_mb,
            wrong_by=lambda: clock.wrong_by,
            told=dispatcher.poke,
        )
        supervisor = Supervisor(turns, clock)
        return cls(turns, lag, backups, alarms, server, switch, supervisor, f"Follows {', '.join(config.assets)}")

    def took(self, seconds: float, *, good: bool) -> None:
        """Count a turn, and call the switch where it went well."""
        self.turns.took(seconds, good=good)
        if good and self.switch:
            self.switch.turn_went_well()

    async def close(self) -> None:
        """End what is under way; safe to call twice."""
        if self.switch:
            await self.switch.close()

    def running(self) -> list[Coroutine[None, None, None]]:
        """Return what runs until it is cancelled."""
        serving = [self.server.run(), self.lag.run()] if self.server else []
        return [*serving, self.supervisor.watch(self.follows)]
