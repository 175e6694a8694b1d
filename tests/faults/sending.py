"""S5 to S14 and S16: what platforms do to messages, provoked at the wire and in the time of a clock moved by hand."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import SecretStr

from bot.delivery.dispatcher import IN_FLIGHT
from bot.delivery.failures import MANY, PLATFORM_PAUSES
from handlers.channels.channel import Address, Outgoing
from handlers.channels.failure import Unreached
from handlers.channels.telegram.channel import Telegram
from handlers.channels.telegram.config import TelegramConfig
from handlers.reply import Line
from storage.alerts import outbox
from storage.people import destinations
from tests.faults.bench import PROMISED, Bench, TelegramSide, bench_at, on_each
from tests.faults.scenario import DISCORD, TELEGRAM, scenario
from tests.handlers.channels.discord.desk import nothing
from tests.handlers.channels.telegram.talking import QUICK
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.answer import Answer
    from handlers.command import Asker
    from tests.faults.scenario import Counts, Scale


@scenario(
    "S5",
    "as many messages as the platform takes",
    promised="0 lost, at most 1 × 429 in 1,000; Telegram: ≥ 97 % of its 30 a second",
    telegram="a strict window of 30 a second, 1 a second a chat and 20 a minute a group; one chat in ten a group",
    discord="a strict window of 50 requests a second; ten of them are left for answers",
)
async def as_many_as_it_takes(scale: Scale) -> Mapping[str, Counts]:
    async def play(bench: Bench, platform: str) -> Counts:
        bench.place_many(scale.of(60, 10_000 if platform == TELEGRAM else 2_000), groups=True)
        begun = bench.clock.seconds
        bench.tell()
        await bench.until_empty(within=1000, every=1 / 120)
        counts = bench.count(platform)
        took = max(one.at for one in bench.seen[platform]) - begun
        share = len(bench.seen[platform]) / took / bench.sides[platform].per_second
        refused = len(bench.asked[platform]) - len(bench.seen[platform])
        if platform == TELEGRAM:
            counts.hold(share >= PROMISED - 1 / counts.wanted, f"{share:.1%} of 30 a second")
        counts.hold(refused <= max(1, counts.wanted / 1000), f"{refused} × 429")
        said = f"{share:.1%} of {bench.sides[platform].per_second:g} a second, {refused} × 429"
        counts.noted.append(said)
        counts.figures["R2"] = said
        return counts

    return await on_each(scale.folder, play)


@scenario(
    "S6",
    "429, of a chat and of the whole bot",
    promised="each pause is kept, and a second longer at most; other chats go on; no attempt is counted",
    telegram="flood answers of 1 to 300 s for every other chat, one without parameters, then for 40 s for everybody",
    discord="429 of 31 to 300 s for every other channel, then one with `global`",
)
async def floods(scale: Scale) -> Mapping[str, Counts]:
    async def play(bench: Bench, platform: str) -> Counts:
        noise, side = random.Random(6), bench.sides[platform]
        bench.place_many(scale.of(12, 100))
        chosen = bench.chats[platform][::2]
        longest = scale.of(90, 300)
        pauses = {chat: noise.randint(31 if platform == DISCORD else 1, longest) for chat in chosen}
        for chat, seconds in pauses.items():
            side.flood(chat, seconds)
        bench.tell()
        await bench.turns(5)
        others = [one.at for one in bench.seen[platform] if one.chat not in pauses]
        await bench.turns(longest + 5, every=0.5)
        off = [_off(bench, platform, chat, seconds) for chat, seconds in pauses.items()]
        begun = bench.clock.seconds
        if platform == TELEGRAM:
            side.fake.disturb("flood", chat=int(chosen[0]), text="Too Many Requests: retry after 7")  # no parameters
            side.fake.disturb("flood", times=math.inf, seconds=40)
        else:
            side.flood(None, 40)
        bench.tell()
        await bench.turns(40)
        during = [at for _, at in bench.asked[platform] if begun + 3 < at]
        side.fake._disturbances.clear()
        bench.over(platform, *pauses)
        await bench.until_empty(60, every=0.05)
        counts = bench.count(platform)
        counts.hold(len(during) <= IN_FLIGHT, f"{len(during)} requests while the whole bot was to wait")
        counts.hold(min(off) >= 0 and max(off) <= 1.5, f"pauses off by {min(off):+.1f} to {max(off):+.1f} s")
        counts.hold(len(others) == len(bench.chats[platform]) // 2, "other chats had to wait")
        counts.hold({tries for _, tries in bench.rows(platform)} == {0}, "an attempt was counted")
        counts.noted.append(f"{len(pauses)} pauses kept to {min(off):+.1f} … {max(off):+.1f} s")
        return counts

    return await on_each(scale.folder, play)


def _off(bench: Bench, platform: str, chat: str, pause: float) -> float:
    """Return by how many seconds the second request of a chat came after the pause that the first was given."""
    first, second, *_ = [at for one, at in bench.asked[platform] if one == chat]
    return second - first - pause


@scenario(
    "S7",
    "out of reach for half an hour",
    promised="0 lost; one probe in 30 s at most; then what is critical first, and what is stale in one message a chat",
    telegram="the port is closed; at its end also https to a port that speaks plain http",
    discord="the port is closed, gateway and REST",
    left_out="a name that cannot be resolved: tests never leave this machine",
)
async def out_of_reach(scale: Scale) -> Mapping[str, Counts]:
    async def play(bench: Bench, platform: str) -> Counts:
        side = bench.sides[platform]
        bench.place_many(scale.of(10, 200))
        tries = _counted(side.channel)
        await side.unplug()
        stale = [bench.tell(life=timedelta(minutes=10)) for _ in range(2)]
        await bench.turns(900, every=3)
        bench.tell("notice")
        bench.tell("critical")
        await bench.turns(900, every=3)
        asked = sum(tries.values())
        await side.plug()
        bench.over(platform)
        await until(lambda: _reached(side))
        bench.ends[platform] += 30 * 1.2  # the pause between two probes
        await bench.until_empty(scale.of(90, 300), every=0.1)
        ended = itertools.product(bench.chats[platform], stale)
        counts = bench.count(platform, may_end=ended)
        listed = [one for one in side.shown() if "could not be delivered in time" in one[1]]
        counts.hold(len(listed) == len(bench.chats[platform]), f"{len(listed)} messages about what is stale")
        counts.hold(asked <= 1800 / 30 + 4, f"{asked} probes in 30 min")
        counts.hold(_urgent_first(bench, platform), "a notice went before what is critical")
        if platform == TELEGRAM:
            counts.hold(await _speaks_plainly(side), "TLS that fails is no Unreached")
        counts.noted.append(f"{asked} probes in 30 min")
        return counts

    return await on_each(scale.folder, play)


async def _speaks_plainly(side: TelegramSide) -> bool:
    """Tell whether a server that does not speak TLS counts as one that is not reached."""
    config = TelegramConfig(token=SecretStr(side.fake.token), base_url=side.fake.base_url.replace("http:", "https:"))
    secured = Telegram(config, listed=(), timeouts=QUICK)
    try:
        await secured.send(Address(side.shown()[0][0]), Outgoing((Line("news"),)))
    except Unreached:
        return True
    finally:
        await secured.stop()
    return False


def _counted(channel: Any) -> Counter[str]:
    """Count the calls of a channel that ask its platform for something."""
    calls: Counter[str] = Counter()
    for name in ("send", "edit", "check"):
        asked = getattr(channel, name)

        def counting(*given: Any, name: str = name, asked: Any = asked, **named: Any) -> Any:
            calls[name] += 1
            return asked(*given, **named)

        setattr(channel, name, counting)
    return calls


def _reached(side: Any) -> bool:
    """Tell whether a channel is logged in; Telegram's needs not be to send."""
    return side.platform == TELEGRAM or not side.channel._posting.closed


def _urgent_first(bench: Bench, platform: str) -> bool:
    """Tell whether every chat, which takes a message a second, was told what is critical before all notices."""
    for chat in bench.chats[platform]:
        urgent = ["critical" in one.text for one in bench.seen[platform] if one.chat == chat and one.news]
        if urgent != sorted(urgent, reverse=True):
            return False
    return True


@scenario(
    "S8",
    "accepted, and the answer is lost",
    promised="Telegram: one repeat for each lost answer at most, marked as one; Discord: none",
    telegram="one message in ten is accepted and its connection broken",
    discord="the same; the fake keeps the table of nonces",
)
async def answers_lost(scale: Scale) -> Mapping[str, Counts]:
    async def play(bench: Bench, platform: str) -> Counts:
        noise = random.Random(8)
        bench.place_many(scale.of(40, 1000))
        chosen = noise.sample(bench.chats[platform], scale.of(4, 100))
        for chat in chosen:
            bench.sides[platform].lose(chat)
        # What is lost is asked twice, and three in a row, which this noise has once, are a platform that rests.
        more = len(chosen) / bench.sides[platform].per_second + 1.2 * PLATFORM_PAUSES[MANY - 1]
        bench.ends |= dict.fromkeys(bench.chats[platform], bench.clock.seconds + more)
        bench.tell()
        await bench.until_empty(scale.of(60, 2000), every=1 / 120)
        counts = bench.count(platform, may_repeat=len(chosen) if platform == TELEGRAM else 0)
        counts.noted.append(f"{len(chosen)} answers lost, {counts.repeated} repeats")
        counts.figures["R3"] = f"{counts.repeated / len(chosen):.2f} repeats an answer, {counts.lost} lost"
        return counts

    return await on_each(scale.folder, play)


@scenario(
    "S9",
    "a slow API",
    promised="the other platform is sent to as quickly as ever",
    telegram="each answer takes 10 s (CI: 3 s) while Discord is sent to",
    discord="each answer takes 10 s (CI: 3 s) while Telegram is sent to",
    left_out="the time of commands: `make bench ARGS=stall` measures it",
)
async def slow(scale: Scale) -> Mapping[str, Counts]:
    found = {}
    for platform, other in ((TELEGRAM, DISCORD), (DISCORD, TELEGRAM)):
        async with bench_at(scale.folder, platform, other) as bench:
            bench.place_many(scale.of(8, 40))
            usual = await _seconds(bench, other, stuck=None)
            seconds = float(scale.of(3, 10))
            bench.sides[platform].fake.disturb("delay", times=math.inf, seconds=seconds)
            took = await _seconds(bench, other, stuck=platform)
            bench.sides[platform].fake._disturbances.clear()
            bench.over(other)  # here it is the seconds of this machine that count
            counts = bench.count(other)
            slack = 0.5 if scale.whole else 1.5  # of a busy machine; who waits for the slow one waits for 3 s
            counts.hold(took <= max(1.2 * usual, usual + slack), f"{other} took {took:.2f} s instead of {usual:.2f} s")
            counts.noted.append(f"{other} took {took:.2f} s, {usual:.2f} s without")
            found[platform] = counts
    return found


async def _seconds(bench: Bench, other: str, *, stuck: str | None) -> float:
    """Return how long the other platform needs for one news to every chat, in seconds of this machine."""
    news = bench.tell()
    wanted, begun = len(bench.chats[other]), time.monotonic()
    running = asyncio.create_task(bench.dispatcher.run())
    try:
        while sum(news in text for _, text in bench.sides[other].shown()) < wanted:
            bench.clock.forward(0.05)
            bench.dispatcher.poke()
            await asyncio.sleep(0.005)
    finally:
        took = time.monotonic() - begun
        if stuck:
            bench.told = {key: at for key, at in bench.told.items() if key[0] != stuck}
        else:
            while outbox.waiting(bench.store):
                bench.clock.forward(0.05)
                await asyncio.sleep(0.005)
        bench.dispatcher.stop()
        await running
        bench.dispatching()
    return took


@scenario(
    "S10",
    "blocked, kicked, deleted",
    promised="one attempt, an end with its reason, and never called again",
    telegram="403 of a chat that blocked the bot, and of a group that threw it out",
    discord="404 10003 of a channel that is deleted",
)
async def gone(scale: Scale) -> Mapping[str, Counts]:
    async def play(bench: Bench, platform: str) -> Counts:
        bench.place_many(scale.of(12, 200), groups=True)
        lost = bench.chats[platform][::4] + bench.chats[platform][9:10]
        for chat in lost:
            bench.sides[platform].refuse(chat, "gone")
        news = [bench.tell() for _ in range(3)]
        await bench.until_empty(scale.of(60, 200), every=0.05)
        later = bench.tell()
        for chat in lost:
            del bench.told[platform, chat, later]
        await bench.until_empty(60, every=0.05)
        counts = bench.count(platform, may_end=itertools.product(lost, news))
        asked = Counter(chat for chat, _ in bench.asked[platform])
        counts.hold(all(asked[chat] == 1 for chat in lost), f"asked {[asked[chat] for chat in lost]} times")
        reasons = {one.chat: one.gone_reason for one in destinations.everyone(bench.store)}
        counts.hold(all(reasons[chat] for chat in lost), "no reason is kept")
        return counts

    return await on_each(scale.folder, play)


@scenario(
    "S11",
    "a group becomes a supergroup in a broadcast",
    promised="0 lost, 0 repeated, the id changed once",
    telegram="400 with the new id at a message; the message of the service first; and a new id that is known already",
    discord="",
    why_not="Discord gives a channel one id for ever",
)
async def moved(scale: Scale) -> Mapping[str, Counts]:
    async def play(bench: Bench, platform: str) -> Counts:
        side: TelegramSide = bench.sides[platform]
        await side.start()
        bench.place_many(scale.of(20, 200), groups=True)
        groups = [chat for chat in bench.chats[platform] if chat.startswith("-")]
        bench.tell()
        await bench.turns(0.3, every=0.05)
        first, second, *_ = groups
        new = {first: str(side.fake.migrate(int(first), announce=False))}
        new[second] = str(side.fake.migrate(int(second), announce=True))
        await until(lambda: any(one.chat == new[second] for one in destinations.everyone(bench.store)))
        known = bench.place(platform, "group")  # the third is known under both ids
        third = bench.place(platform, "group")
        side.fake.chats[int(third)].moved_to = int(known)
        await bench.until_empty(60, every=0.05)
        more = bench.tell()
        bench.told = {key: at for key, at in bench.told.items() if key != (platform, third, more)}
        await bench.until_empty(90, every=0.05)
        bench.told = {(where, new.get(chat, chat), told): at for (where, chat, told), at in bench.told.items()}
        bench.seen[platform] = [replace(one, chat=new.get(one.chat, one.chat)) for one in bench.seen[platform]]
        counts = bench.count(platform)
        chats = [one.chat for one in destinations.everyone(bench.store)]
        counts.hold(sorted(chats) == sorted({*bench.chats[platform], *new.values()} - {first, second, third}), "ids")
        return counts

    return await on_each(scale.folder, play, [TELEGRAM])


@scenario(
    "S12",
    "markup is refused",
    promised="once as plain text, and an error in the log",
    telegram="400 can't parse entities of one message",
    discord="400 50035 of an embed",
)
async def markup(scale: Scale) -> Mapping[str, Counts]:
    async def play(bench: Bench, platform: str) -> Counts:
        bench.place_many(scale.of(8, 100))
        chosen = bench.chats[platform][3]
        bench.sides[platform].refuse(chosen, "markup")
        with structlog.testing.capture_logs() as logs:
            bench.tell()
            await bench.until_empty(30, every=0.05)
        counts = bench.count(platform)
        asked = Counter(chat for chat, _ in bench.asked[platform])
        counts.hold(asked[chosen] == 2, f"asked {asked[chosen]} times")
        counts.hold(sum("markup was refused" in line["event"] for line in logs) == 1, "the log says nothing of it")
        return counts

    return await on_each(scale.folder, play)


@scenario(
    "S13",
    "longer than a message may be",
    promised="cut at borders, valid markup, 0 lost",
    telegram="lists of 400 lines, a word of 9,000 letters, emoji, Hebrew, hostile markup",
    discord="the same",
)
async def long(scale: Scale) -> Mapping[str, Counts]:
    words = ("a line & <b>more</b> *of* _it_ ", "😀👩‍👩‍👧‍👦 ", "שלום עולם ", "[x](http://y.z) `code` ~~no~~ ")
    noise = random.Random(13)

    async def play(bench: Bench, platform: str) -> Counts:
        bench.place_many(1)
        for number in range(scale.of(12, 400)):
            lines = tuple(Line(noise.choice(words) * noise.randint(1, 20)) for _ in range(noise.randint(40, 400)))
            giant = (Line("x" * noise.choice((3000, 4096, 9000))),) if number % 3 == 0 else ()
            bench.tell(blocks=giant + lines)
        await bench.until_empty(scale.of(30, 1000), every=0.25)
        return bench.count(platform)

    return await on_each(scale.folder, play)


@scenario(
    "S14",
    "the token is revoked in a broadcast",
    promised="two requests more at most, told on the other platform, 0 lost; it goes on with a good token",
    telegram="401 from one moment on; after an hour it is accepted again",
    discord="the same",
)
async def revoked(scale: Scale) -> Mapping[str, Counts]:
    found = {}
    for platform, other in ((TELEGRAM, DISCORD), (DISCORD, TELEGRAM)):
        async with bench_at(scale.folder, platform, other) as bench:
            bench.place_many(scale.of(12, 200))
            operator = bench.place(other, "private", "sources")
            side = bench.sides[platform]
            bench.tell()
            await bench.turns(0.2, every=0.05)
            side.revoke(revoked=True)
            before = len(side.asked())
            await bench.turns(5, every=0.05)
            await bench.turns(scale.of(1200, 3600), every=5)
            refused = len(side.asked()) - before
            said = [text for chat, text in bench.sides[other].shown() if chat == operator and "refuses the bot" in text]
            side.revoke(revoked=False)
            bench.over(platform)
            bench.ends[platform] += 600  # between two questions whether it is accepted
            await bench.turns(605, every=5)
            await bench.until_empty(300, every=0.05)
            counts = bench.count(platform)
            counts.hold(refused <= 2, f"{refused} requests with a refused token")
            counts.hold(len(said) == 1, f"told {len(said)} times on the other platform")
            counts.noted.append(f"{refused} requests with a refused token")
            found[platform] = counts
    return found


@scenario(
    "S16",
    "the way in is lost for an hour",
    promised="sending goes on; afterwards commands are read again",
    telegram="getUpdates answers 502 for an hour",
    discord="close code 4009, no session to resume, the gateway refuses connections for an hour",
)
async def deaf(scale: Scale) -> Mapping[str, Counts]:
    async def play(bench: Bench, platform: str) -> Counts:
        heard: list[str] = []

        async def answer(line: str, asker: Asker) -> Answer:
            heard.append(line)
            return await nothing(line, asker)

        side = bench.sides[platform]
        await side.start(answer)
        bench.place_many(scale.of(6, 100))
        await _deafen(side)
        for _ in range(scale.of(3, 12)):
            bench.tell()
            await bench.turns(3600 / scale.of(3, 12), every=5)
        counts = bench.count(platform)
        await _hears_again(side, heard)
        counts.hold(heard == ["/fng"], f"heard {heard}")
        return counts

    return await on_each(scale.folder, play)


async def _deafen(side: Any) -> None:
    if side.platform == TELEGRAM:
        side.fake.disturb("status", method="getUpdates", times=math.inf, status=502, text="Bad Gateway")
        return
    await side.fake.until(lambda: side.fake.sessions)
    side.fake.refuses_gateway, side.fake.resumable = True, False
    await side.fake.drop(4009)


async def _hears_again(side: Any, heard: list[str]) -> None:
    side.fake._disturbances.clear()
    if side.platform == TELEGRAM:
        side.fake.chat(4711)
        side.fake.say(4711, 4711, "/fng")
    else:
        side.fake.refuses_gateway = False
        await side.fake.until(lambda: side.fake._sockets, seconds=20)
        await side.fake.interact(2, {"id": "1", "name": "fng", "type": 1, "options": []})
    await until(lambda: heard, within=20)
