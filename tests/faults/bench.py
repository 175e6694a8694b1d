"""A real dispatcher with the real channels before the fakes of both platforms, at a clock moved by hand.

Nothing here waits for the time it stands for: an hour of an outage is some hundred turns. Counted is what the chats of
the fakes show, and when, by that clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr

from bot.delivery.dispatcher import Dispatcher
from handlers.channels.channel import Outside
from handlers.channels.discord.channel import Discord
from handlers.channels.discord.config import DiscordConfig
from handlers.channels.telegram.channel import Telegram
from handlers.channels.telegram.config import TelegramConfig
from handlers.command import commands
from handlers.reply import Line, to_json
from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.engine.database import Store
from storage.people import destinations, switches
from storage.people.switches import Switch
from tests.fakes import discord_wire
from tests.fakes.bot_api import SENDING, BotApi
from tests.fakes.channel import HandClock
from tests.fakes.discord_wire import DiscordWire
from tests.faults.scenario import DISCORD, TELEGRAM, Counts
from tests.handlers.channels.discord.desk import nothing
from tests.handlers.channels.discord.talking import QUICK as QUICK_THERE
from tests.handlers.channels.telegram.talking import QUICK
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from bot.clock import Clock
    from handlers.channels.channel import Answerer, Channel
    from handlers.reply import Block
    from signals.alerts.condition import Rank

NOW: Final = datetime(2026, 1, 15, 12, tzinfo=UTC)
MARK: Final = "May be a repeat"
LATE_S: Final = 5.0
PROMISED: Final = 0.97  # of what a platform takes in a second
BUSY_S: Final = 0.04  # between two turns of which the first has sent something: 30 a second leave at each
_NEWS: Final = re.compile(r"news \d+\b")


@dataclass(frozen=True)
class Shown:
    """A message as a chat shows it, and when it was seen there, in seconds of the bench."""

    chat: str
    text: str
    at: float

    @property
    def news(self) -> str | None:
        """Return which news it tells; None where it is something else."""
        found = _NEWS.search(self.text)
        return found[0] if found else None


class Side(Protocol):
    """One platform: its fake, and the real channel before it."""

    platform: str
    channel: Channel
    per_second: float  # what the platform takes

    def meet(self, clock: Clock) -> None:
        """Let the limits go by another clock: that of a program that was started anew."""
        ...

    async def start(self, answer: Answerer = nothing) -> None:
        """Log in, and read what people say."""
        ...

    def place(self, number: int, kind: str) -> str:
        """Make a chat and return its id."""
        ...

    def shown(self) -> list[tuple[str, str]]:
        """Return the messages of all chats, in order: chat and text."""
        ...

    def edited(self) -> int:
        """Return how often messages were edited."""
        ...

    def asked(self) -> list[str]:
        """Return the chat of each request to send, in order."""
        ...

    def lose(self, chat: str) -> None:
        """Accept the next message of a chat, and break the connection before the answer."""
        ...

    def flood(self, chat: str | None, seconds: float) -> None:
        """Answer the next message (of a chat) with 429."""
        ...

    def refuse(self, chat: str, how: str) -> None:
        """Refuse the next message of a chat: "gone" for ever, its "markup", or with a "trouble" of the server (502)."""
        ...

    def revoke(self, *, revoked: bool) -> None:
        """Refuse the token, or take it again."""
        ...

    async def unplug(self) -> None:
        """Close the port."""
        ...

    async def plug(self) -> None:
        """Open it again."""
        ...

    def problems(self) -> list[str]:
        """Return what the bot did that the platform does not know."""
        ...

    async def close(self) -> None:
        """Stop the channel and the fake."""
        ...


class _Faked:
    """What both sides do alike with their channel and its fake."""

    fake: Any
    channel: Channel

    def meet(self, clock: Clock) -> None:
        self.fake.clock = clock.monotonic
        self.fake._times.clear()

    def revoke(self, *, revoked: bool) -> None:
        self.fake.revoked = revoked

    async def unplug(self) -> None:
        await self.fake.stop()

    async def plug(self) -> None:
        await self.fake.start()

    def problems(self) -> list[str]:
        return self.fake.problems

    async def close(self) -> None:
        await self.channel.stop()
        await self.fake.stop()


class TelegramSide(_Faked):
    """Telegram: python-telegram-bot before the fake Bot API, whose limits go by the clock of the bench."""

    platform, per_second = TELEGRAM, 30.0

    def __init__(self, outside: Outside, clock: Clock) -> None:
        self.fake = BotApi(speed=1.0)
        self.fake.clock = clock.monotonic
        self._outside = outside

    async def open(self) -> None:
        await self.fake.start()
        config = TelegramConfig(token=SecretStr(self.fake.token), base_url=self.fake.base_url)
        self.channel = Telegram(config, self._outside, listed=(), timeouts=QUICK)

    async def start(self, answer: Answerer = nothing) -> None:
        await self.channel.start(answer)

    def place(self, number: int, kind: str) -> str:
        chat = -number if kind == "group" else number
        self.fake.chat(chat, kind)  # type: ignore[arg-type]
        return str(chat)

    def shown(self) -> list[tuple[str, str]]:
        return [(str(message.chat), message.text) for message in self.fake.accepted]

    def edited(self) -> int:
        return sum(len(message.edits) for message in self.fake.accepted)

    def asked(self) -> list[str]:
        return [str(given["chat_id"]) for method, given in self.fake.requests if method in SENDING]

    def lose(self, chat: str) -> None:
        self.fake.disturb("lost", chat=int(chat))

    def flood(self, chat: str | None, seconds: float) -> None:
        self.fake.disturb("flood", chat=int(chat) if chat else None, seconds=seconds)

    def refuse(self, chat: str, how: str) -> None:
        if how == "gone":
            self.fake.lose(int(chat), announce=False)
            return
        status, text = {
            "markup": (400, "Bad Request: can't parse entities: unsupported start tag"),
            "trouble": (502, "Bad Gateway"),
        }[how]
        self.fake.disturb("status", chat=int(chat), status=status, text=text)


class DiscordSide(_Faked):
    """Discord: discord.py before the wire fake, which refuses more than 50 requests a second of the bench."""

    platform, per_second = DISCORD, 40.0  # of the 50, ten are left for answers

    def __init__(self, outside: Outside, clock: Clock) -> None:
        self.fake = DiscordWire()
        self._clock, self._outside = clock, outside
        self._before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY  # the library keeps its addresses on its classes

    async def open(self) -> None:
        await self.fake.start()
        config = DiscordConfig(token=SecretStr(discord_wire.TOKEN), base_url=self.fake.base_url)
        self.channel = Discord(config, self._outside, listed=[commands()["fng"]], patience=QUICK_THERE)
        await self.channel.start(nothing)
        self.fake.clock = self._clock.monotonic

    async def start(self, answer: Answerer = nothing) -> None:
        self.channel.listen(answer)  # type: ignore[attr-defined]  # it has been started

    def place(self, number: int, kind: str) -> str:
        self.fake.channels.add(1_000_000 + number)
        return str(1_000_000 + number)

    def shown(self) -> list[tuple[str, str]]:
        return [(str(message.channel), message.text) for message in self.fake.messages]

    def edited(self) -> int:
        return sum(len(message.edits) for message in self.fake.messages)

    def asked(self) -> list[str]:
        posts = (path for method, path, _ in self.fake.requests if method == "POST" and path.endswith("/messages"))
        return [path.split("/")[1] for path in posts if path.startswith("channels/")]

    def lose(self, chat: str) -> None:
        self.fake.disturb("lost", f"POST channels/{chat}/messages")

    def flood(self, chat: str | None, seconds: float) -> None:
        self.fake.disturb("flood", f"POST channels/{chat or '*'}/messages", seconds=seconds, everywhere=chat is None)

    def refuse(self, chat: str, how: str) -> None:
        status, code, said, times = {
            "gone": (404, 10003, "Unknown Channel", float("inf")),
            "markup": (400, 50035, "Invalid Form Body\nIn embeds.0.title: x", 1),
            "trouble": (503, 0, "upstream connect error", 1),
        }[how]
        where = f"POST channels/{chat}/messages"
        self.fake.disturb("status", where, status=status, code=code, said=said, times=times)

    async def close(self) -> None:
        await super().close()
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = self._before


KINDS: Final = {TELEGRAM: TelegramSide, DISCORD: DiscordSide}


@dataclass
class Bench:
    """The sides, one store, one dispatcher, and all that was told and shown.

    told: when each news was told to which chat. seen, asked: what was shown and asked, with its time. ends: when the
    trouble of a platform or of a chat of it was over; until then nothing is late.
    """

    store: Store
    clock: HandClock
    sides: dict[str, Any] = field(default_factory=dict)
    chats: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    told: dict[tuple[str, str, str], float] = field(default_factory=dict)
    seen: dict[str, list[Shown]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    ends: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    def __post_init__(self) -> None:
        self.dispatcher = self.dispatching()

    def dispatching(self) -> Dispatcher:
        """Let a new process take over."""
        channels = [side.channel for side in self.sides.values()]
        made = Dispatcher(self.store, channels, self.clock, noise=random.Random(1), again_after=0.01)
        made.start()
        self.dispatcher = made
        return made

    def place(self, platform: str, kind: str = "private", *rules: str) -> str:
        """Make a chat that is told everything, and by name of `rules`, as fast as its platform allows."""
        chat: str = self.sides[platform].place(len(self.chats[platform]) + 1, kind)
        one = destinations.ensure(self.store, platform, chat, None, kind=kind, title=None, now=self.clock.now())
        for rule in ("*", *rules):
            destinations.subscribe(self.store, one.id, rule, "*")
        switches.switch(self.store, one.id, Switch("budget", value="off"))
        self.chats[platform].append(chat)
        return chat

    def place_many(self, count: int, *, groups: bool = False) -> None:
        """Make chats on every platform; one in ten is a group."""
        for platform in self.sides:
            for number in range(1, count + 1):
                self.place(platform, "group" if groups and number % 10 == 0 else "private")

    def tell(
        self, rank: Rank = "notice", *, life: timedelta = timedelta(days=30), blocks: tuple[Block, ...] = ()
    ) -> str:
        """Put news into the outbox, for every chat; return which."""
        news = f"news {next(self.numbers)}"
        payload = {"blocks": to_json((Line(f"{news} ({rank})", "headline"), *blocks))}
        now = self.clock.now()
        with self.store.write() as work:
            notice = Notice("fired", rank, now, payload, None, "rule", "BTC")
            outbox.announce(work, notice, now=now, expires=now + life)
        for platform, chats in self.chats.items():
            self.told |= {(platform, chat, news): self.clock.seconds for chat in chats}
        return news

    async def turns(self, seconds: float, every: float = 0.25) -> None:
        """Let the dispatcher work for a while of its own time: in small steps while it sends, else in those given."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end - 1e-9:
            sent = await self.dispatcher.turn()
            self.look()
            self.clock.forward(min(every, BUSY_S) if sent else every)

    async def until_empty(self, within: float, every: float = 0.25) -> None:
        """Let it work until nothing waits, for so many seconds of its own time at most."""
        end = self.clock.seconds + within
        while outbox.waiting(self.store) and self.clock.seconds < end:
            await self.turns(every, every)

    def look(self) -> None:
        """Note what is new in the chats, at this second."""
        for platform, side in self.sides.items():
            seen, asked = self.seen[platform], self.asked[platform]
            seen += [Shown(chat, text, self.clock.seconds) for chat, text in side.shown()[len(seen) :]]
            asked += [(chat, self.clock.seconds) for chat in side.asked()[len(asked) :]]

    def over(self, *where: str) -> None:
        """Note that a trouble is over: of platforms, or of chats."""
        self.ends |= dict.fromkeys(where, self.clock.seconds)

    def count(self, platform: str, *, may_end: Iterable[tuple[str, str]] = (), may_repeat: int = 0) -> Counts:
        """Hold what the chats of a platform show against what was told. may_end: what may end with a reason."""
        self.look()
        wanted = {(chat, news): at for (where, chat, news), at in self.told.items() if where == platform}
        shown = [one for one in self.seen[platform] if one.news]
        times = Counter((one.chat, one.news) for one in shown)
        unmarked = Counter((one.chat, one.news) for one in shown if MARK not in one.text)
        first: dict[tuple[str, str], float] = {}
        for one in shown:
            first.setdefault((one.chat, str(one.news)), one.at)
        ended = self.ended(platform) & set(may_end)
        counts = Counts(wanted=len(wanted), may_repeat=may_repeat)
        counts.lost = len([key for key in wanted if key not in first and key not in ended])
        counts.repeated = sum(number - 1 for number in times.values())
        counts.unmarked = sum(number - 1 for number in unmarked.values() if number > 1)
        counts.false = len([key for key in first if key not in wanted])
        counts.late = sum(at > self._latest(platform, key, wanted) for key, at in first.items() if key in wanted)
        counts.crashed = len(self.errors)
        counts.broken = [*self.sides[platform].problems(), *self.errors]
        return counts

    def _latest(self, platform: str, key: tuple[str, str], wanted: dict[tuple[str, str], float]) -> float:
        """Return when a message must have been shown: 5 s over what is promised of the platform's limit."""
        chat, _ = key
        begin = max(wanted[key], self.ends.get(platform, 0.0), self.ends.get(chat, 0.0))
        per_chat = Counter(one for one, _ in wanted)[chat]
        grouped = 60.0 * (per_chat // 20) if chat.startswith("-") else 0.0
        in_all = len(wanted) / (PROMISED * self.sides[platform].per_second)
        return begin + in_all + 1.1 * per_chat + grouped + LATE_S

    def ended(self, platform: str) -> set[tuple[str, str]]:
        """Return what did not arrive and says why: chat and news."""
        found = beside.rows(
            self.store,
            "SELECT d.chat AS chat, n.payload AS payload FROM outbox o JOIN destinations d ON d.id = o.destination "
            "JOIN notices n ON n.id = o.notice WHERE d.platform = ? AND o.reason IS NOT NULL "
            "AND o.state IN ('dead', 'expired')",
            platform,
        )
        return {(row["chat"], told[0]) for row in found if (told := _NEWS.search(row["payload"]))}

    def rows(self, platform: str) -> list[tuple[str, int]]:
        """Return the state and the tries of each row, in the order in which they were made."""
        found = beside.rows(
            self.store,
            "SELECT o.state AS state, o.attempts AS attempts FROM outbox o JOIN destinations d ON d.id = o.destination "
            "WHERE d.platform = ? ORDER BY o.id",
            platform,
        )
        return [(row["state"], row["attempts"]) for row in found]


@contextlib.asynccontextmanager
async def bench_at(folder: Path, *platforms: str) -> AsyncIterator[Bench]:
    """Make a bench with some platforms; an error that nobody caught is counted as a crash."""
    store, clock = Store(folder / f"{'-'.join(platforms)}.db"), HandClock(NOW)
    bench = Bench(store, clock)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, about: bench.errors.append(str(about.get("exception") or about["message"])))
    with logged(bench.errors):
        for platform in platforms:
            side = KINDS[platform](_outside(store, clock, platform), clock)
            await side.open()
            bench.sides[platform] = side
        bench.dispatching()
        try:
            yield bench
        finally:
            for side in bench.sides.values():
                await side.close()
            store.close()
            loop.set_exception_handler(None)


@contextlib.contextmanager
def logged(errors: list[str]) -> Iterator[None]:
    """Note what the log calls an error with a traceback, since nobody has caught it; keep nothing else of the log."""

    def note(_: Any, __: str, entry: Any) -> Any:
        if entry.get("exc_info"):
            errors.append(str(entry["event"]))
        raise structlog.DropEvent

    processors = structlog.get_config()["processors"]
    before = processors[:]
    processors[:] = [note]  # in place, as loggers that are bound already hold the list
    try:
        yield
    finally:
        processors[:] = before


def _outside(store: Store, clock: HandClock, platform: str) -> Outside:
    async def gone(chat: str, reason: str) -> None:
        for one in destinations.everyone(store):
            if (one.platform, one.chat) == (platform, chat) and one.gone is None:
                await asyncio.to_thread(outbox.gone, store, one.id, reason, now=clock.now())

    return Outside(gone=gone, moved=lambda old, new: asyncio.to_thread(destinations.moved, store, platform, old, new))


async def on_each(
    folder: Path, what: Callable[[Bench, str], Any], platforms: Sequence[str] = (TELEGRAM, DISCORD)
) -> dict[str, Counts]:
    """Play the same on one platform after the other."""
    found: dict[str, Counts] = {}
    for platform in platforms:
        async with bench_at(folder, platform) as bench:
            found[platform] = await what(bench, platform)
    return found
