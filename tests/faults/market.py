"""S3, S4, S17 to S23 and S27: what exchanges do, told by the real engine and dispatcher at both platforms at once.

A world of loopback exchanges (tests/bot/tape/taping.py) at which BTC fell two days ago, so that alarms are on: none may
come or go by a fault of the data.
"""

from __future__ import annotations

import contextlib
import math
import random
import re
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.clock import ReplayClock
from bot.delivery.dispatcher import Dispatcher
from bot.engine.turn import TurnTaker
from handlers.answer import answer_blocks
from handlers.channels.channel import Outside
from handlers.channels.local import local
from handlers.command import Deps, nobody
from handlers.reply import plain_text
from storage.alerts import episodes
from storage.people import destinations, switches
from storage.people.switches import Switch
from tests.bot.tape.taping import NOW, World, world
from tests.faults.bench import KINDS, logged
from tests.faults.scenario import DISCORD, TELEGRAM, Counts, scenario

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime

    from handlers.answer import Answer
    from tests.faults.scenario import Scale

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PLATFORMS: Final = (TELEGRAM, DISCORD)
TOLD_WITHIN: Final = 2 * MINUTE  # news of a source waits a minute for others with its cause


@dataclass
class Told:
    """A message of a chat: all that it says now, when it was first seen, and how often it was edited since."""

    text: str
    at: datetime


@dataclass
class Watched:
    """A world whose news go to a chat on each platform. heard: what came after `listen`."""

    now: World
    sides: dict[str, Any]
    dispatcher: Dispatcher
    errors: list[str]
    heard: dict[str, list[Told]] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)
    edits: dict[str, int] = field(default_factory=dict)

    def listen(self) -> None:
        """Forget what was told so far: from here on all is because of the fault."""
        self.before = {platform: len(side.shown()) for platform, side in self.sides.items()}
        self.edits = {platform: side.edited() for platform, side in self.sides.items()}
        self.heard = {platform: [] for platform in self.sides}

    async def go(self, span: timedelta, step: timedelta | None = None) -> None:
        """Let time pass, in steps that each take a turn and send what is due."""
        end = self.now.clock.now() + span
        while self.now.clock.now() < end:
            await self.now.go(seconds=min(step or self.now.step, end - self.now.clock.now()).total_seconds())
            await self.send()

    async def send(self) -> None:
        """Send what is due, at the pace of the platforms, and note what is new."""
        for _ in range(200):
            if not await self.dispatcher.turn():
                break
            self.now.clock.move(self.now.clock.now() + timedelta(seconds=1.1))
        for platform, side in self.sides.items():
            found = self.heard.setdefault(platform, [])
            new = side.shown()[self.before.get(platform, 0) + len(found) :]
            found += [Told(text, self.now.clock.now()) for _, text in new]

    def count(self, *expected: str, others: str | None = None) -> dict[str, Counts]:
        """Hold what each chat was told against what it was to be told: one message for each pattern, and no other.

        others: a pattern of what may be told besides.
        """
        found = {}
        for platform, side in self.sides.items():
            texts = [told.text for told in self.heard[platform]]
            times = [sum(bool(re.search(pattern, text, re.DOTALL)) for text in texts) for pattern in expected]
            known = re.compile("|".join([*expected, *([others] if others else [])]) or r"(?!)", re.DOTALL)
            unexpected = [text for text in texts if not known.search(text)]
            counts = Counts(wanted=len(expected), lost=times.count(0), repeated=sum(max(0, n - 1) for n in times))
            counts.false, counts.crashed = len(unexpected), len(self.errors)
            counts.broken = [*side.problems(), *self.errors, *(f"told: {text[:150]}" for text in unexpected)]
            found[platform] = counts
        return found

    def alarms(self) -> dict[tuple[str, str], bool]:
        """Return the alarms that are on, and whether it is unknown if they still are."""
        states = episodes.rule_states(self.now.store).items()
        return {key: state.state.unknown for key, state in states if state.state.rank}


@contextlib.asynccontextmanager
async def sides_of(clock: Any) -> AsyncIterator[dict[str, Any]]:
    """Open both platforms, each with one chat; they outlive a restart of the program."""
    sides: dict[str, Any] = {}
    try:
        for platform in PLATFORMS:
            sides[platform] = KINDS[platform](Outside(), clock)
            await sides[platform].open()
            sides[platform].place(1, "private")
        yield sides
    finally:
        for side in sides.values():
            await side.close()


@contextlib.asynccontextmanager
async def watched(
    folder: Path,
    *venues: str,
    sides: dict[str, Any],
    kept: Path | None = None,
    at: datetime = NOW,
    rules: tuple[str, ...] = ("*", "sources"),
    **more: Any,
) -> AsyncIterator[Watched]:
    """Start a program on a database that knows five weeks (or on `kept`), with a chat on each platform."""
    errors: list[str] = []
    database = kept or await _five_weeks()
    with logged(errors):
        async with world(folder, *venues, kept=database, at=at, **more) as now:
            for platform, side in sides.items():
                chat = "1" if platform == TELEGRAM else str(1_000_001)
                one = destinations.ensure(now.store, platform, chat, None, kind="private", title=None, now=at)
                for rule in rules:
                    destinations.subscribe(now.store, one.id, rule, "*")
                switches.switch(now.store, one.id, Switch("budget", value="off"))
                side.meet(now.clock)
            made = Watched(now, sides, dispatching(now, sides), errors)
            made.listen()
            await made.send()
            yield made


def dispatching(now: World, sides: Mapping[str, Any]) -> Dispatcher:
    """Make what sends, as each start of the program does."""
    channels = [side.channel for side in sides.values()]
    made = Dispatcher(now.store, channels, now.clock, noise=random.Random(1))
    made.start()
    return made


@contextlib.asynccontextmanager
async def one_program(folder: Path, *venues: str, **more: Any) -> AsyncIterator[Watched]:
    """Start a program that is not started again."""
    async with sides_of(ReplayClock(NOW)) as sides, watched(folder, *venues, sides=sides, **more) as it:
        yield it


_KEPT: Final[dict[str, Any]] = {}


async def _five_weeks() -> Path:
    """Return a database with five weeks of four venues, whose alarms are on; made once."""
    if "folder" not in _KEPT:
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        async with world(Path(folder.name), at=NOW - HOUR, step=HOUR, history=timedelta(days=35)) as now:
            await now.go(hours=1)
        _KEPT["folder"] = folder
    return Path(_KEPT["folder"].name) / "recorded.db"


def _also(counted: Mapping[str, Counts], *promises: tuple[object, str], noted: str = "") -> dict[str, Counts]:
    """Hold further promises, which are of no one platform, and note what was measured."""
    for counts in counted.values():
        for kept, promise in promises:
            counts.hold(kept, promise)
        counts.noted += [noted] if noted else []
    return dict(counted)


# --- restarts


@scenario(
    "S3",
    "a restart, and nothing has changed",
    promised="nothing is told",
    telegram="alarms are on, one is muted, every exchange silent for 30 h; the engine anew, then the program",
    discord="the same run",
    left_out="states that are pending or unknown; tests/signals/alerts steps the machine through them",
)
async def restarted(scale: Scale) -> Mapping[str, Counts]:
    async with sides_of(ReplayClock(NOW)) as sides:
        at = NOW
        async with watched(scale.folder / "0", "binance", sides=sides, rules=("*",), step=HOUR) as it:
            for one in destinations.everyone(it.now.store):
                switches.switch(it.now.store, one.id, Switch("mute", "price_drawdown"))
            it.now.exchange.faults["*"] = "unavailable"
            await it.go(30 * HOUR, 6 * HOUR)
            alarms, engines = it.alarms(), scale.of(15, 1000)
            for _ in range(engines):
                it.now.clock.move(it.now.clock.now() + timedelta(seconds=3))
                it.now.turns = TurnTaker(it.now.store, it.now.clock, ("BTC", "ETH"), told=lambda: None)
                it.dispatcher = dispatching(it.now, sides)
                await it.now.turns.turn()
                await it.send()
            found, at = it.count(), it.now.clock.now()
            _also(found, (it.alarms() == alarms, "an alarm came or went"), (len(alarms) > 1, "too few alarms are on"))
        programs = scale.of(1, 20)
        for number in range(programs):
            at += MINUTE
            kept = scale.folder / str(number) / "recorded.db"
            async with watched(
                scale.folder / str(number + 1), "binance", sides=sides, kept=kept, at=at, rules=("*",)
            ) as it:
                await it.go(MINUTE)
                at = it.now.clock.now()
                for platform, counts in it.count().items():
                    _add(found, platform, counts)
    for counts in found.values():
        told = counts.false + counts.lost + counts.repeated
        counts.figures["R5"] = f"{told} wrong in {engines:,} restarts of the engine and {programs} of the program"
    return _also(found, noted=f"{engines:,} restarts of the engine and {programs} of the program")


@scenario(
    "S4",
    "what came or went while it was off",
    promised="exactly one alert, and one end, with its true time",
    telegram="ETH falls by 20 % while perpulse is off for a day; it is back while it is off for a week",
    discord="the same run",
)
async def meanwhile(scale: Scale) -> Mapping[str, Counts]:
    fell, back = NOW + 12 * HOUR, NOW + 3 * DAY

    def factor(symbol: str, at: datetime) -> float:
        if not symbol.startswith("ETH") or at < NOW:
            return 1.0
        day = at.timestamp() / DAY.total_seconds()
        swing = 1 + 0.04 * math.sin(day / 7 * math.tau) + 0.01 * math.sin(day * math.tau)  # of the model
        return (0.84 if fell <= at < back else 1.05) / swing

    async with sides_of(ReplayClock(NOW)) as sides:
        common: dict[str, Any] = {"sides": sides, "factor": factor, "step": HOUR}
        async with watched(scale.folder / "0", "binance", **common):
            pass
        kept = scale.folder / "0" / "recorded.db"
        async with watched(scale.folder / "1", "binance", kept=kept, at=NOW + DAY, **common) as it:
            await it.go(2 * HOUR)
            found = it.count(
                r"ETH: price is well below its high.*21 November 01:00 UTC, while perpulse was not running"
            )
        kept = scale.folder / "1" / "recorded.db"
        async with watched(scale.folder / "2", "binance", kept=kept, at=NOW + 9 * DAY, **common) as it:
            await it.go(6 * HOUR)
            ends = {platform: side.edited() - it.edits[platform] for platform, side in sides.items()}
            for platform, counts in it.count(r"^ETH: over after 6 days: price well below its recent high\.$").items():
                over = [
                    text for _, text in sides[platform].shown() if "ETH: over after 6 days" in text and "\n" in text
                ]
                counts.hold(ends[platform] == len(over) == 1, f"the message was edited {ends[platform]} times")
                counts.hold(
                    all("27 November 12:00 UTC, while perpulse was not running" in text for text in over), "when"
                )
                _add(found, platform, counts)
    return found


# --- exchanges


@scenario(
    "S17",
    "an exchange refuses this host",
    promised="“refuses this server”, told once; one question an hour at most; no alarm comes or goes",
    telegram="Bybit answers 451, then 403 with a page, for two hours and a half each",
    discord="the same run",
)
async def refused(scale: Scale) -> Mapping[str, Counts]:
    found: dict[str, Counts] = {}
    async with one_program(scale.folder, "binance", "bybit", step=30 * MINUTE) as it:
        alarms = it.alarms()
        for fault in ("geo", "forbidden"):
            it.listen()
            it.now.exchange.faults["bybit/*"] = fault  # type: ignore[assignment]
            await it.go(MINUTE, MINUTE)
            asked = it.now.exchange.asked["bybit"]
            await it.go(150 * MINUTE)
            asked = it.now.exchange.asked["bybit"] - asked
            it.now.exchange.faults.clear()
            await it.go(3 * HOUR)  # it is asked each hour; the end of a second refusal within a day waits for one
            for platform, counts in it.count(r"Bybit refuses this server", r"Bybit answers again").items():
                counts.hold(asked <= 3 * 2, f"{asked} questions")  # a list of markets is two that leave together
                counts.noted.append(f"{fault}: {asked} requests in 2½ h")
                _add(found, platform, counts)
        return _also(found, (it.alarms() == alarms, "an alarm came or went"))


@scenario(
    "S18",
    "banned until a time",
    promised="0 requests until then; told once, and its end once",
    telegram="OKX answers 418 with the end of the ban, in 15 minutes",
    discord="the same run",
)
async def banned(scale: Scale) -> Mapping[str, Counts]:
    async with one_program(scale.folder, "binance", "okx", step=MINUTE) as it:
        alarms = it.alarms()
        await it.go(MINUTE)
        it.now.exchange.banned_until = NOW + 17 * MINUTE
        it.now.exchange.faults["okx/*"] = "banned"
        await it.go(MINUTE)
        it.now.exchange.faults.clear()
        asked = it.now.exchange.asked["okx"]
        await it.go(NOW + 17 * MINUTE - it.now.clock.now() - timedelta(seconds=1))
        during = it.now.exchange.asked["okx"] - asked
        await it.go(4 * MINUTE)
        return _also(
            it.count(r"OKX does not answer.*until 12:17:30 UTC", r"OKX answers again"),
            (during == 0, f"{during} requests during the ban"),
            (it.now.exchange.asked["okx"] > asked, "nothing was asked after it"),
            (it.alarms() == alarms, "an alarm came or went"),
            noted=f"{during} requests during the ban",
        )


@scenario(
    "S19",
    "a stream is silent, or its time stands still",
    promised="seen within 60 s, told once; what is asked goes on; no alarm comes or goes",
    telegram="the stream of OKX sends pings only, then the same frame again and again",
    discord="the same run",
)
async def silent(scale: Scale) -> Mapping[str, Counts]:
    found: dict[str, Counts] = {}
    for fault in ("mute", "frozen"):
        async with one_program(scale.folder / fault, "binance", "okx", streams=True, step=timedelta(seconds=15)) as it:
            alarms, stream = it.alarms(), "okx liquidations"
            await it.go(MINUTE)
            it.now.streams.faults["okx"] = fault  # type: ignore[assignment]
            begun, seen, asked = it.now.clock.now(), None, it.now.exchange.asked["okx"]
            while it.now.clock.now() < begun + 4 * MINUTE:
                await it.go(timedelta(seconds=15))
                states = {health.source: health.state for health in it.now.heard.health()} if it.now.heard else {}
                if seen is None and states[stream] == "down":
                    seen = (it.now.clock.now() - begun).total_seconds()
            it.now.streams.faults.clear()
            await it.go(5 * MINUTE)
            more = it.now.exchange.asked["okx"] - asked
            counted = _also(
                it.count(r"stream of OKX liquidations does not answer", r"stream of OKX liquidations answers again"),
                (seen is not None and seen <= 60, f"seen after {seen} s"),
                (more > 0, "OKX was not asked meanwhile"),
                (it.alarms() == alarms, "an alarm came or went"),
                noted=f"{fault}: seen after {seen:.0f} s" if seen else "",
            )
            for platform, counts in counted.items():
                _add(found, platform, counts)
    return found


BROKEN: Final = ("html", "empty", "cut", "null", "empty_list", "unavailable", "hang_up")
TWISTED: Final = ("zero", "none", "nan", "negative", "thousandfold", "future", "frozen")
OF_SOURCES: Final = (
    r"answers? again|do(es)? not answer|refuses? this server|is left out of|agrees on|no longer|belongs? again"
)


@scenario(
    "S20",
    "figures that cannot be true, and what is no answer",
    promised="rejected or quarantined: no alarm comes or goes, and nothing is told but of the source",
    telegram="each round answers with zero, null, NaN, negative, × 1,000, future, frozen; pages, cut JSON, nothing",
    discord="the same run",
)
async def impossible(scale: Scale) -> Mapping[str, Counts]:
    noise, spoilt = random.Random(20), 0
    async with one_program(scale.folder, "binance", "bybit", step=HOUR) as it:
        alarms = it.alarms()
        while spoilt < scale.of(150, 10_000):
            how = noise.choice(BROKEN + TWISTED)
            before = sum(it.now.exchange.asked.values())
            if how in BROKEN:
                it.now.exchange.faults[f"{noise.choice(('binance', 'bybit'))}/*"] = how  # type: ignore[assignment]
            else:
                it.now.exchange.twists["*"] = how  # type: ignore[assignment]
            await it.go(noise.choice((MINUTE, 5 * MINUTE, HOUR)), MINUTE * 5)
            spoilt += sum(it.now.exchange.asked.values()) - before
            it.now.exchange.faults.clear()
            it.now.exchange.twists.clear()
            await it.go(noise.choice((MINUTE, 10 * MINUTE)), MINUTE * 10)
        counted = it.count(others=OF_SOURCES)
        for counts in counted.values():
            counts.figures["R4"] = f"{counts.false} false of {spoilt:,} spoilt answers"
        return _also(
            counted,
            (it.alarms().keys() == alarms.keys(), "an alarm came or went"),
            noted=f"{spoilt:,} spoilt answers",
        )


@scenario(
    "S21",
    "a contract is delisted, another changes its size",
    promised="told once each, to who watches it; the others go on",
    telegram="OKX lists ETH no longer; then its contract of BTC holds ten times as many coins",
    discord="the same run",
)
async def delisted(scale: Scale) -> Mapping[str, Counts]:
    async with one_program(scale.folder, "binance", "bybit", "okx", step=30 * MINUTE) as it:
        alarms = it.alarms()
        it.now.exchange.scale["okx", "BTC"] = 10
        await it.go(HOUR)
        it.now.exchange.gone.add(("okx", "ETH"))
        await it.go(30 * HOUR, 15 * HOUR)
        return _also(
            it.count(r"OKX is left out of BTC", r"OKX has ETH no longer"),
            (it.alarms().keys() == alarms.keys(), "an alarm came or went"),
        )


@scenario(
    "S22",
    "funding is settled every hour instead of every eight",
    promised="told once, and no false “extreme”",
    telegram="Bybit lists an interval of one hour for BTC",
    discord="the same run",
)
async def other_interval(scale: Scale) -> Mapping[str, Counts]:
    async with one_program(scale.folder, "binance", "bybit", step=30 * MINUTE) as it:
        alarms = it.alarms()
        await it.go(HOUR)
        it.now.exchange.intervals["bybit:BTC"] = 1
        await it.go(scale.of(3, 24) * HOUR)
        return _also(
            it.count(r"Bybit now settles funding of BTC every 1 h instead of 8 h"),
            (it.alarms().keys() == alarms.keys(), "an alarm came or went"),
        )


@scenario(
    "S23",
    "one of four venues is down",
    promised="told once, and its end once; the coverage says who is missing; no “open interest fell by a quarter”",
    telegram="Bybit closes every connection for two hours and a half",
    discord="the same run",
)
async def one_of_four(scale: Scale) -> Mapping[str, Counts]:
    async with one_program(scale.folder, step=30 * MINUTE) as it:
        alarms = it.alarms()
        await it.go(MINUTE, MINUTE)
        it.now.exchange.faults["bybit/*"] = "hang_up"
        await it.go(150 * MINUTE)
        missing = plain_text((await _asked(it, "/oi btc")).blocks)
        it.now.exchange.faults.clear()
        await it.go(2 * HOUR)
        return _also(
            it.count(r"Bybit does not answer", r"Bybit answers again"),
            ("3 of 4 venues" in missing, f"the coverage is not said: {missing}"),
            (it.alarms().keys() == alarms.keys(), "an alarm came or went"),
        )


async def _asked(it: Watched, line: str) -> Answer:
    """Type a command on the terminal."""
    deps = Deps(it.now.clock.now(), local().asker, it.now.store, ("BTC", "ETH"), nobody)

    def raised(_: str, error: Exception) -> str:
        raise error

    return await answer_blocks(line, deps, on_error=raised)


@scenario(
    "S27",
    "a value swings around the line",
    promised="one alert, and no end, for as long as it swings",
    telegram="the price of ETH lies 0.2 % below its line at one close and 0.2 % above it at the next",
    discord="the same run",
    left_out="1,000 swings: the high of 16 days, which the line follows, is over after 200 hours",
)
async def swinging(scale: Scale) -> Mapping[str, Counts]:
    swings = scale.of(24, 200)
    async with one_program(scale.folder, "binance", step=HOUR) as it:
        plain = it.now.exchange.price
        high = max(plain("ETHUSDT", ms(NOW) - hour * 3_600_000) for hour in range(16 * 24))

        def price(symbol: str, at_ms: int) -> float:
            if symbol != "ETHUSDT" or at_ms < ms(NOW):
                return plain(symbol, at_ms)
            return high * (0.9 + 0.0018 * (-1 if at_ms // 3_600_000 % 2 else 1))

        it.now.exchange.price = price  # type: ignore[method-assign]
        await it.go(swings * HOUR)
        return it.count(r"ETH: price is well below its high", others=None)


def ms(at: datetime) -> int:
    """Return a time in milliseconds."""
    return round(at.timestamp() * 1000)


def _add(found: dict[str, Counts], platform: str, more: Counts) -> None:
    """Sum the counts of two runs."""
    known = found.setdefault(platform, Counts())
    known.figures |= more.figures
    for name in ("wanted", "lost", "repeated", "unmarked", "false", "late", "crashed", "may_repeat", "broken", "noted"):
        setattr(known, name, getattr(known, name) + getattr(more, name))
