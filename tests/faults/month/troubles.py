"""Every fault of a month, one function each: it sets in, lasts for a while and is over."""

from __future__ import annotations

import asyncio
import math
import resource
import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from tests.fakes.telegram_chats import KICKED
from tests.faults.month.people import DISCORD_STEADY, DISCORD_WANDERER, GROUP, PRIVATE, WANDERER
from tests.faults.scenario import DISCORD, TELEGRAM

if TYPE_CHECKING:
    import random

    from tests.faults.month.people import People
    from tests.faults.month.program import Program

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ANSWERS: Final = (
    "html", "cut", "empty", "null", "empty_list", "banned", "busy", "busy_after", "busy_date", "geo", "forbidden",
    "unavailable", "slow", "hang_up",
)  # fmt: skip
FIGURES: Final = ("zero", "none", "negative", "nan", "future", "thousandfold", "frozen")
LOST: Final = 3  # answers in a row, at most; more would be an outage


class Plagued(Protocol):
    """What a trouble befalls. noise: its chance, seeded; revoking: held while a token is refused."""

    program: Program
    people: People
    noise: random.Random
    revoking: asyncio.Lock

    async def lasts(self, least: timedelta, most: timedelta) -> None:
        """Wait for a while."""
        ...


Trouble = "Callable[[Plagued], Awaitable[None]]"


# --- exchanges


async def bad_answers(it: Plagued, fault: str) -> None:
    """Answer questions to one venue, or to all of them, with what is no answer."""
    exchange, where = it.program.exchange, it.noise.choice(("binance/*", "bybit/*", "*"))
    exchange.banned_until = exchange.clock() + timedelta(minutes=it.noise.uniform(5, 90))
    exchange.retry_after = it.noise.randint(10, 1200)
    exchange.faults[where] = fault  # type: ignore[assignment]
    await it.lasts(5 * MINUTE, 4 * HOUR)
    exchange.faults.pop(where, None)


async def bad_figures(it: Plagued, twist: str) -> None:
    """Spoil every figure of every venue."""
    exchange = it.program.exchange
    exchange.frozen_at = exchange.clock()
    exchange.twists["*"] = twist  # type: ignore[assignment]
    await it.lasts(5 * MINUTE, 3 * HOUR)
    exchange.twists.clear()


async def delisted(it: Plagued) -> None:
    """List a contract no longer."""
    it.program.exchange.gone.add(("bybit", "ETH"))
    await it.lasts(HOUR, 8 * HOUR)
    it.program.exchange.gone.clear()


async def other_size(it: Plagued) -> None:
    """Let a contract hold ten times as many coins."""
    it.program.exchange.scale["bybit", "ETH"] = 10.0
    await it.lasts(HOUR, 8 * HOUR)
    it.program.exchange.scale.clear()


async def other_interval(it: Plagued) -> None:
    """Settle funding every hour."""
    it.program.exchange.intervals["ETHUSDT"] = 1
    await it.lasts(HOUR, 12 * HOUR)
    it.program.exchange.intervals.clear()


EXCHANGE: Final[dict[str, Any]] = {
    **{f"exchange: {fault}": partial(bad_answers, fault=fault) for fault in ANSWERS},
    **{f"exchange: {twist} figures": partial(bad_figures, twist=twist) for twist in FIGURES},
    "exchange: delisted": delisted,
    "exchange: contract size": other_size,
    "exchange: funding interval": other_interval,
}


# --- Telegram


async def telegram_status(it: Plagued, status: int, text: str, least: timedelta, most: timedelta) -> None:
    """Refuse every message and every question for news with a status."""
    fake = it.program.telegram
    for method in ("sendMessage", "sendPhoto", "editMessageText", "getUpdates", "getMe"):
        fake.disturb("status", method=method, times=math.inf, status=status, text=text)
    await it.lasts(least, most)
    fake._disturbances.clear()


async def telegram_polls_twice(it: Plagued) -> None:
    """Let somebody else read what is written to the bot."""
    fake = it.program.telegram
    conflict = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    fake.disturb("status", method="getUpdates", times=math.inf, status=409, text=conflict)
    await it.lasts(5 * MINUTE, 2 * HOUR)
    fake._disturbances.clear()


async def telegram_token(it: Plagued) -> None:
    """Refuse the token: as revoked (401), or as none (404)."""
    fake, malformed = it.program.telegram, it.noise.random() < 0.3
    async with it.revoking:
        fake.revoked, fake.malformed = not malformed, malformed
        await it.lasts(5 * MINUTE, 2 * HOUR)
        fake.revoked = fake.malformed = False


async def telegram_floods(it: Plagued) -> None:
    """Answer 429 to a chat, to everybody, and once without parameters."""
    fake = it.program.telegram
    for _ in range(it.noise.randint(1, 4)):
        chat = it.noise.choice((None, PRIVATE, GROUP))
        seconds = it.noise.choice((1, 5, 30, 120, 300, None))
        text = "Too Many Requests: retry after 5" if seconds is None else ""
        fake.disturb("flood", chat=chat, seconds=seconds, text=text)
    await it.lasts(10 * MINUTE, HOUR)


async def telegram_lost(it: Plagued) -> None:
    """Take messages and lose the answers: a broken connection, or a page with 200."""
    fake = it.program.telegram
    for _ in range(it.noise.randint(1, LOST)):
        fake.disturb(it.noise.choice(("lost", "html")), chat=it.noise.choice((PRIVATE, GROUP)))
        it.people.may_repeat[TELEGRAM] += 1
    await it.lasts(10 * MINUTE, HOUR)


async def telegram_slow(it: Plagued) -> None:
    """Answer late, some of it too late."""
    fake, seconds = it.program.telegram, it.noise.choice((0.5, 2.0, 20.0))
    fake.disturb("delay", times=math.inf, seconds=seconds)
    await it.lasts(5 * MINUTE, 40 * MINUTE)
    it.people.slow[TELEGRAM] += 1
    fake._disturbances.clear()


async def telegram_markup(it: Plagued) -> None:
    """Refuse the markup of one message."""
    text = "Bad Request: can't parse entities: unsupported start tag"
    it.program.telegram.disturb("status", chat=PRIVATE, status=400, text=text)
    await it.lasts(5 * MINUTE, HOUR)


async def telegram_away(it: Plagued) -> None:
    """Answer nobody."""
    await it.program.telegram.shut()
    await it.lasts(5 * MINUTE, 4 * HOUR)
    await it.program.telegram.unshut()


async def telegram_wanderers(it: Plagued) -> None:
    """Let a person block the bot, and a group throw it out, for a while."""
    fake = it.program.telegram
    group = it.people.group
    fake.lose(WANDERER, announce=it.noise.random() < 0.5)
    fake.lose(group, KICKED, announce=it.noise.random() < 0.5)
    await it.lasts(HOUR, 2 * DAY)
    for chat in (WANDERER, group):
        fake.chats[chat].refuses = None
        fake.say(chat, WANDERER, "/start")
        fake.say(chat, WANDERER, "/sub")
    await it.lasts(MINUTE, HOUR)


async def telegram_group_moves(it: Plagued) -> None:
    """Turn the wandering group into a supergroup; another one is made beside it the next time."""
    fake, old = it.program.telegram, it.people.group
    fake.migrate(old, announce=it.noise.random() < 0.5)
    await it.lasts(HOUR, 6 * HOUR)
    it.people.group = old - 1
    fake.chat(it.people.group, "group", members={WANDERER: "administrator"})
    fake.say(it.people.group, WANDERER, "/sub")


TELEGRAM_TROUBLES: Final[dict[str, Any]] = {
    "Telegram: 5xx": partial(telegram_status, status=502, text="Bad Gateway", least=5 * MINUTE, most=3 * HOUR),
    "Telegram: 409": telegram_polls_twice,
    "Telegram: 401, 404": telegram_token,
    "Telegram: 429": telegram_floods,
    "Telegram: lost answers": telegram_lost,
    "Telegram: slow": telegram_slow,
    "Telegram: 400 markup": telegram_markup,
    "Telegram: away": telegram_away,
    "Telegram: 403 and back": telegram_wanderers,
    "Telegram: group moves": telegram_group_moves,
}


# --- Discord


async def discord_status(it: Plagued, status: int, code: int, said: str, where: str, times: float) -> None:
    """Refuse posts with a status and a code."""
    it.program.discord.disturb("status", where, times=times, status=status, code=code, said=said)
    await it.lasts(5 * MINUTE, 2 * HOUR)
    it.program.discord._disturbances.clear()


async def gateway_lost(it: Plagued, code: int, *, resumable: bool, refused: bool) -> None:
    """Close the gateway, for a moment or for a while."""
    fake = it.program.discord
    fake.resumable, fake.refuses_gateway = resumable, refused
    await fake.drop(code)
    await it.lasts(5 * MINUTE, 2 * HOUR)
    fake.resumable, fake.refuses_gateway = True, False


async def discord_token(it: Plagued) -> None:
    """Refuse the token."""
    async with it.revoking:
        it.program.discord.revoked = True
        await it.lasts(5 * MINUTE, 2 * HOUR)
        it.program.discord.revoked = False


async def discord_floods(it: Plagued) -> None:
    """Answer 429: of a channel, of everything, or as Cloudflare does, without `Via`."""
    fake = it.program.discord
    match it.noise.randint(0, 2):
        case 0:
            fake.disturb("flood", f"POST channels/{DISCORD_STEADY}/messages", seconds=it.noise.choice((1, 31, 300)))
        case 1:
            fake.disturb("flood", seconds=it.noise.choice((1, 31, 120)), everywhere=True)
        case 2:
            fake.disturb("banned")
    await it.lasts(10 * MINUTE, HOUR)


async def discord_lost(it: Plagued) -> None:
    """Take messages, and break the connections before the answers."""
    for _ in range(it.noise.randint(1, LOST)):
        it.program.discord.disturb("lost", f"POST channels/{DISCORD_STEADY}/messages")
    await it.lasts(10 * MINUTE, HOUR)


async def discord_slow(it: Plagued) -> None:
    """Answer late, some of it too late."""
    it.program.discord.disturb("delay", times=math.inf, seconds=it.noise.choice((0.5, 2.0, 20.0)))
    await it.lasts(5 * MINUTE, 40 * MINUTE)
    it.program.discord._disturbances.clear()


async def discord_away(it: Plagued) -> None:
    """Answer nobody, and close what is open."""
    await it.program.discord.shut()
    await it.lasts(5 * MINUTE, 4 * HOUR)
    await it.program.discord.unshut()


async def channel_deleted(it: Plagued) -> None:
    """Delete the channel of the wanderer; somebody makes another, in which the bot is asked in."""
    fake = it.program.discord
    fake.channels.discard(DISCORD_WANDERER)
    await it.lasts(HOUR, 2 * DAY)
    fake.channels.add(DISCORD_WANDERER)
    await it.people.come_back(DISCORD, str(DISCORD_WANDERER))


_WANDERS: Final = f"POST channels/{DISCORD_WANDERER}/messages"
DISCORD_TROUBLES: Final[dict[str, Any]] = {
    "Discord: 5xx": partial(
        discord_status, status=503, code=0, said="upstream connect error", where="POST channels/*/messages", times=7
    ),
    "Discord: 403 50001": partial(
        discord_status, status=403, code=50001, said="Missing Access", where=_WANDERS, times=3
    ),
    "Discord: 403 50013": partial(
        discord_status, status=403, code=50013, said="Missing Permissions", where=_WANDERS, times=3
    ),
    "Discord: 400 50035": partial(
        discord_status, status=400, code=50035, said="Invalid Form Body\nIn embeds.0.title: x",
        where=f"POST channels/{DISCORD_STEADY}/messages", times=1,
    ),
    "Discord: gateway closes": partial(gateway_lost, code=4000, resumable=True, refused=False),
    "Discord: gateway begins anew": partial(gateway_lost, code=4009, resumable=False, refused=False),
    "Discord: gateway lost": partial(gateway_lost, code=4009, resumable=False, refused=True),
    "Discord: 401": discord_token,
    "Discord: 429": discord_floods,
    "Discord: lost answers": discord_lost,
    "Discord: slow": discord_slow,
    "Discord: away": discord_away,
    "Discord: 404 10003 and back": channel_deleted,
}  # fmt: skip


# --- the machine


async def network_away(it: Plagued) -> None:
    """Let nobody be reached."""
    every = (it.program.exchange, it.program.telegram, it.program.discord)
    for fake in every:
        await fake.shut()
    await it.lasts(10 * MINUTE, 4 * HOUR)
    for fake in every:
        await fake.unshut()


async def disk_full(it: Plagued) -> None:
    """Let no file grow (EFBIG), as a full disk does."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with it.program.one:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, most))
        try:
            await it.lasts(MINUTE, HOUR)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


async def database_busy(it: Plagued) -> None:
    """Let another program write for longer than anybody waits."""
    async with it.program.one:
        assert it.program.app
        path = it.program.app.store.path
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(it.noise.uniform(1, 8))
            other.execute("ROLLBACK")


async def clock_set(it: Plagued) -> None:
    """Set the machine's clock: by some seconds, an hour or a day, and back after a while."""
    by = it.noise.choice((5.0, -5.0, 3600.0, -3600.0, 86_400.0, -86_400.0))
    it.people.clock_was_set(timedelta(seconds=by))
    it.program.clock.wrong += timedelta(seconds=by)
    await it.lasts(5 * MINUTE, 3 * HOUR)
    it.people.clock_was_set(timedelta(0))
    it.program.clock.wrong -= timedelta(seconds=by)


async def restarted(it: Plagued) -> None:
    """Stop the program in order, and start it."""
    async with it.revoking:
        await it.program.again(it.program.stop)


async def killed(it: Plagued) -> None:
    """Kill the program, and start it."""
    async with it.revoking:
        await it.program.again(it.program.kill)


MACHINE: Final[dict[str, Any]] = {
    "network away": network_away,
    "disk full": disk_full,
    "database busy": database_busy,
    "clock set": clock_set,
    "restart": restarted,
    "kill": killed,
}
EVERY: Final = {"exchange": EXCHANGE, "Telegram": TELEGRAM_TROUBLES, "Discord": DISCORD_TROUBLES, "machine": MACHINE}
