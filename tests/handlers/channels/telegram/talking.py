"""A running Telegram channel over the fake Bot API, and what happened to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from handlers.answer import Answer
from handlers.channels.channel import Outside
from handlers.channels.telegram.channel import Telegram, Timeouts
from handlers.channels.telegram.config import TelegramConfig
from handlers.command import Asker, Deps, command
from handlers.reply import Line, Reply

if TYPE_CHECKING:
    from handlers.channels.channel import Answerer
    from tests.fakes.bot_api import BotApi

PRIVATE, GROUP = 11, -20
QUICK = Timeouts(
    connect=2.0, read=0.25, poll=1.0, whole=2.0, retry=0.02, standby=0.1, gathering=0.1, doubts=(0.05, 0.1)
)


@dataclass(frozen=True)
class Nothing:
    """No arguments."""


@command(subject="market", example="/oi")
async def oi(deps: Deps, args: Nothing) -> Reply:
    """Show open interest."""
    return Reply(())


@command(subject="own", example="/sub", changes_chat=True)
async def sub(deps: Deps, args: Nothing) -> Reply:
    """Send alerts to this chat."""
    return Reply(())


@dataclass
class Place:
    """A running bot, its fake Telegram, and what happened."""

    fake: BotApi
    telegram: Telegram
    answer: Answerer
    answers: dict[str, Answer] = field(default_factory=dict)  # to what is said otherwise than "You said ..."
    asked: list[tuple[str, Asker]] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    async def start(self) -> None:
        await self.telegram.start(self.answer)

    async def heard(self, count: int) -> None:
        """Wait until so many command lines have arrived."""
        await self.fake.until(lambda: len(self.asked) >= count)


def bot_of(fake: BotApi, *, proxy: str | None = None, **more: Any) -> Place:
    async def answer(line: str, asker: Asker) -> Answer:
        place.asked.append((line, asker))
        if line == "/broken":
            raise RuntimeError("a defect")
        return place.answers.get(line) or Answer((Line(f"You said {line}"),))

    async def moved(old: str, new: str) -> None:
        place.moved.append((old, new))

    async def gone(chat: str, reason: str) -> None:
        place.gone.append((chat, reason))

    async def allowed(chat: str) -> None:
        place.allowed.append(chat)

    config = TelegramConfig(token=SecretStr(fake.token), base_url=fake.base_url, proxy=proxy)
    outside = Outside(moved=moved, gone=gone, allowed=allowed, **more)
    place = Place(fake, Telegram(config, outside, listed=(oi, sub), timeouts=QUICK), answer)
    return place
