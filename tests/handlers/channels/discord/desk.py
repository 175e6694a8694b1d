"""A dispatcher that sends to Discord at the wire, and a clock moved by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from handlers.answer import Answer
from handlers.channels.channel import Outside
from handlers.channels.discord.channel import Discord
from handlers.channels.discord.config import DiscordConfig
from handlers.reply import Button, Buttons, Line, Picture, to_json
from signals.alerts.episodes import Transition
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from tests.fakes.discord_wire import TOKEN
from tests.handlers.channels.discord.talking import PNG, QUICK
from tests.storage import beside

if TYPE_CHECKING:
    from bot.delivery.dispatcher import Dispatcher
    from handlers.channels.channel import Answerer
    from handlers.command import Asker
    from storage.engine.database import Store
    from tests.fakes.channel import HandClock
    from tests.fakes.discord_wire import DiscordWire

LIFE = timedelta(days=3)
BLOCKS = (Line("BTC: open interest falls fast.", "headline"), Picture({"id": "oi"}, "open interest of BTC"))


@dataclass
class Desk:
    """What sends, and what it sends to."""

    fake: DiscordWire
    store: Store
    clock: HandClock
    discord: Discord
    dispatcher: Dispatcher

    def episode(self, rule: str = "rule") -> int:
        with self.store.write() as work:
            fired = Transition("fired", self.clock.now(), self.clock.now(), "warning", {})
            return episodes.record(work, (rule, "BTC"), fired, None)

    def tell(self, kind: str, episode: int, *, rank: str = "warning", reply: str | None = None, say: str = "") -> None:
        blocks = (Line(say, "headline"), *BLOCKS[1:]) if say else BLOCKS
        blocks = (*blocks, Buttons((Button("Health", "/health btc"),)))
        payload = {"blocks": to_json(blocks), "reply": reply}
        notice = Notice(kind, rank, self.clock.now(), payload, episode, "rule", "BTC")  # type: ignore[arg-type]
        with self.store.write() as work:
            outbox.announce(work, notice, now=self.clock.now(), expires=self.clock.now() + LIFE)

    async def turns(self, seconds: float, every: float = 1.0) -> None:
        """Let the dispatcher work for a while of its own time."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            await self.dispatcher.turn()
            self.clock.forward(every)

    def states(self) -> list[str]:
        return [row["state"] for row in beside.rows(self.store, "SELECT state FROM outbox ORDER BY id")]

    @property
    def trouble(self) -> Any:
        return self.dispatcher.platforms["discord"].trouble

    def posts(self) -> int:
        """Return how often a message was asked to be posted."""
        return self.fake.counted("POST channels/*/messages")


async def nothing(_: str, __: Asker) -> Answer:
    return Answer(())


def noting(asked: list[str]) -> Answerer:
    """Return what answers nothing, and notes what it was asked."""

    async def answer(line: str, asker: Asker) -> Answer:
        asked.append(line)
        return await nothing(line, asker)

    return answer


async def at_once(_: object, __: object, *, initial: bool = False) -> None:
    """Do not wait five seconds before a second session: a `before_identify_hook`."""


async def drawn(_: dict[str, Any]) -> bytes | None:
    return PNG


def discord_at(fake: DiscordWire, outside: Outside | None = None, **config: Any) -> Discord:
    """Make a channel that speaks to the fake."""
    given = {"token": SecretStr(TOKEN), "base_url": fake.base_url} | config
    return Discord(DiscordConfig(**given), outside or Outside(draw=drawn), patience=QUICK)
