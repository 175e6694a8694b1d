"""A desk that is watched: a dispatcher over a real store, and what would see how it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.processes.roles import ROLES
from bot.watch.turns import LoopLag, TurnCounts
from bot.watch.vitals import Vitals
from storage.sources.source_state import SourceHealth
from tests.bot.delivery.desk import NOW, Desk, desk_at

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from bot.processes.roles import Role
    from bot.watch.vitals import Look


@dataclass
class Watched:
    """A desk with sources that a test sets: the last figure of each, and its state."""

    desk: Desk
    turns: TurnCounts
    lag: LoopLag = field(default_factory=LoopLag)
    newest: datetime | None = None
    state: Any = "ok"
    rejected: int = 0

    def health(self) -> list[SourceHealth]:
        return [SourceHealth("binance", "bars", self.state, NOW, self.newest, None, None, self.rejected)]

    @property
    def vitals(self) -> Vitals:
        desk = self.desk
        return Vitals(desk.store, desk.clock, ("BTC",), self.health, desk.dispatcher, self.turns, self.lag)

    async def look(self) -> Look:
        return await self.vitals.look()

    def lives(self, span: timedelta, *, data: bool = True, turn: bool = True) -> None:
        """Let time pass in which figures come and turns go well, or do not."""
        self.desk.clock.forward(span.total_seconds())
        if data:
            self.newest = self.desk.clock.now()
        if turn:
            self.turns.took(0.02, good=True)


def begun(desk: Desk, *roles: Role) -> None:
    """Begin anew as a process with these roles, of which a desk by itself has but the sending."""
    holdings = desk.dispatcher.holdings
    holdings.roles = roles
    holdings.start()


def watched_at(folder: Path) -> Watched:
    """Return one that is well, an hour after its start; its store is to be closed."""
    desk = desk_at(folder)
    begun(desk, *ROLES)
    made = Watched(desk, TurnCounts(desk.clock))
    made.lives(timedelta(hours=1))
    return made
