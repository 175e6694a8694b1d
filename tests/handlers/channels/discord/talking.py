"""A Discord channel inside SimCord: the real discord.py, the real answers, a store, and what happened to them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import simcord
from pydantic import SecretStr

from handlers import completion
from handlers.answer import Answer, answer_blocks
from handlers.channels.channel import Outside
from handlers.channels.discord.channel import Discord, Patience
from handlers.channels.discord.config import DiscordConfig
from handlers.command import Deps, nobody
from storage.engine.database import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from handlers.channels.channel import Proposal
    from handlers.command import Asker

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe." + "x" * 38
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
ASSETS = ("BTC", "ETH")
QUICK = Patience(login=2.0, whole=2.0, defer=2.0, retry=0.02, stop=1.0, guilds=0.05)


@dataclass
class Talk:
    """A channel, its store, and what it said to the rest of the program."""

    store: Store
    kept: dict[str, str] = field(default_factory=dict)  # what the channel remembers across restarts
    answers: dict[str, Answer] = field(default_factory=dict)  # to lines that are not to be answered as ever
    asked: list[tuple[str, Asker]] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
    png: bytes | None = PNG

    def make(self, **config: Any) -> Discord:
        """Make the channel, as each start of the program does."""
        outside = Outside(
            draw=self._draw, gone=self._gone, recall=self._recall, remember=self._remember, offers=self._offers
        )
        given = {"token": SecretStr(TOKEN)} | config
        made = Discord(DiscordConfig(**given), outside, patience=QUICK)
        made.listen(self.answer)
        return made

    async def answer(self, line: str, asker: Asker) -> Answer:
        self.asked.append((line, asker))
        if line == "/broken":
            raise RuntimeError("a defect")
        return self.answers.get(line) or await answer_blocks(line, self.deps(asker), on_error=_raised)

    def deps(self, asker: Asker) -> Deps:
        return Deps(NOW, asker, self.store, ASSETS, nobody)

    async def _draw(self, _: dict[str, Any]) -> bytes | None:
        return self.png

    async def _gone(self, chat: str, reason: str) -> None:
        self.gone.append((chat, reason))

    async def _recall(self, name: str) -> str | None:
        return self.kept.get(name)

    async def _remember(self, name: str, value: str) -> None:
        self.kept[name] = value

    async def _offers(self, command: str, name: str, typed: str, asker: Asker) -> tuple[Proposal, ...]:
        return completion.offers(self.deps(asker), command, name, typed)


def _raised(_: str, error: Exception) -> str:
    raise error


@contextlib.asynccontextmanager
async def talking(path: Path, **config: Any) -> AsyncIterator[tuple[Talk, Discord, simcord.Env]]:
    """Run a channel in SimCord."""
    store = Store(path / "perpulse.db")
    talk = Talk(store)
    discord = talk.make(**config)
    try:
        async with simcord.run(discord.client) as env:
            yield talk, discord, env
    finally:
        await discord.stop()
        store.close()
