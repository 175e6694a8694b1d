"""A dispatcher over a real store with one chat that asked for everything, and a scripted channel."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.delivery.dispatcher import Dispatcher
from bot.engine.evaluate import announce
from handlers.reply import Line
from signals.alerts.event import Event
from signals.alerts.rule import rules
from signals.metric import metrics
from storage.alerts import episodes
from storage.engine.database import Store
from storage.people import destinations, switches
from tests.fakes.channel import FakeChannel, HandClock
from tests.storage import beside

if TYPE_CHECKING:
    from pathlib import Path

    from storage.people.switches import Switch

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Desk:
    """A dispatcher over a real store with one chat that asked for everything."""

    store: Store
    clock: HandClock
    channel: FakeChannel
    dispatcher: Dispatcher
    chat: int
    running: dict[str, int] = field(default_factory=dict)

    def happens(
        self, *what: str | tuple[str, str], at: datetime | None = None, rank: str = "notice", asset: str = "BTC"
    ) -> None:
        """Let rules fire (or what else stands beside their names) at one close, in one transaction."""
        now = at or self.clock.now()
        with self.store.write() as work:
            for one in what:
                rule, kind = one if isinstance(one, tuple) else (one, "fired")
                home = rules()[rule].metrics[0]
                values = {f"{home}.{name}": -0.5 for name in metrics()[home].values}
                event = Event(
                    kind=kind, rule=rule, asset=asset, rank=rank, at=now, since=now - DAY, values=values, step=HOUR,
                    venues=("binance",),
                )  # fmt: skip
                key = rule if asset == "BTC" else f"{rule} {asset}"
                number = self.running[key] = episodes.record(work, (rule, asset), event, self.running.get(key))
                announce(work, event, number, self.clock.now())

    async def turns(self, seconds: float = 3) -> None:
        await work(self.dispatcher, self.clock, seconds, busy=0.25, idle=1.0)

    def rows(self) -> list[tuple[str, str | None]]:
        found = beside.rows(self.store, "SELECT state, reason FROM outbox ORDER BY id")
        return [(row["state"], row["reason"]) for row in found]

    def heads(self, number: int = -1) -> list[str]:
        blocks = self.channel.said[number].message.blocks
        return [block.text for block in blocks if isinstance(block, Line) and block.role == "headline"]

    def switch(self, *chosen: Switch) -> None:
        for one in chosen:
            switches.switch(self.store, self.chat, one)

    def restart(self) -> None:
        """Let another process take over."""
        self.dispatcher = Dispatcher(self.store, [self.channel], self.clock, noise=random.Random(1), again_after=0.01)
        self.dispatcher.start()


async def work(dispatcher: Dispatcher, clock: HandClock, seconds: float, *, busy: float, idle: float) -> None:
    """Let a dispatcher work for a while of its own time: in small steps while it sends, else in larger ones."""
    end = clock.seconds + seconds
    while (left := end - clock.seconds) > 1e-9:
        sent = await dispatcher.turn()
        clock.forward(min(left, busy if sent else idle))


def desk_at(folder: Path, now: datetime = NOW) -> Desk:
    """Return a desk at a time; its store is to be closed."""
    store, clock, channel = Store(folder / "perpulse.db"), HandClock(now), FakeChannel()
    dispatcher = Dispatcher(store, [channel], clock, noise=random.Random(1), again_after=0.01)
    dispatcher.start()
    one = destinations.ensure(store, "telegram", "11", None, kind="private", title=None, now=now)
    destinations.subscribe(store, one.id, "*", "*")
    return Desk(store, clock, channel, dispatcher, one.id)
