"""What a round and a turn cost in truth: ccxt and our recipes read the answers of many venues.

The loopback exchange of the tests makes the answers before the clock starts; a session hands them to ccxt as text, so
that all but the socket is real. Beside a clock that moves a minute at a time everybody is asked what is due, it is
validated, stored and judged: first histories (the first portion of them) and the steady state. All of it is done three
times, each in a store of its own: once to make the answers and to note what is asked, once for the CPU, and once beside
somebody who asks to be woken every millisecond, since that one takes CPU as well. How late that one is woken is told
beside the round alone, which is the worst moment of a minute, and over a whole minute of the steady state, as long as a
real one, which is what a command meets that comes at any time.

What a minute costs in ms of CPU, all threads together, is set against four ways to get the same answers in the same
run, none of which keeps anything:

whole   the round and the turn: what is due, its answers, the border, the store, the judging (turn: of it the turn)
fetch   the same questions through CcxtVenue.fetch and fetch_all, one after the other
ccxt    the same calls through ccxt (addresses, limits, errors, JSON), read by the recipes into points and snapshots
bare    the same texts parsed by ccxt's parser of JSON and read by the recipes
json    the same texts parsed, and nothing read

Each contains the next one, but for fetch: it asks without what ccxt does at each question (public.py), so
that ccxt costs more. whole, fetch and ccxt contain the session that stands for the socket: wire is what it takes. The
price of a connection, which a running bot pays instead, is in none of them, nor is what it takes to wait for the weight
that a venue allows.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from benchmarks.__main__ import megabytes
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.tape.sessions import Session
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from bot.market.source import Ask, Found, Topic
    from storage.market.points import Snapshot

    Pass = Literal["made", "clock", "late"]

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 11, 20, 12, 30, 30, tzinfo=UTC)
MINUTES = 15  # of the steady state: what is looked at once in a quarter of an hour is among them
BEFORE = 2  # minutes: in one all is asked for the first time, in the next the series of one answer become one, for good
EVERY = 0.001
A_MINUTE = 60.0
AGAIN = timedelta(microseconds=1)  # another moment, so that what is asked for all assets is asked again
NINE = ("binance", "binance_coinm", "bybit", "okx", "hyperliquid", "deribit", "gate", "bitget", "kucoin")
CASES = {
    "3x300": ("3 venues, 300 assets", ("binance", "bybit", "okx"), 300),
    "9x50": ("9 venues, 50 assets", NINE, 50),
}
WAYS: Final = ("fetch", "ccxt", "bare", "json", "wire")


@dataclass
class Wire:
    """Answers by question, made once. made: how many were made; served: what was asked and answered, in order."""

    exchange: Any
    clock: Any
    bodies: dict[tuple[str, ...], tuple[int, str]] = field(default_factory=dict)
    made: int = 0
    served: list[tuple[str, Any]] = field(default_factory=list)

    def answer(self, url: str, asked: Any) -> tuple[int, str]:
        """Return status and text; they are made where nobody has asked for them at this time."""
        self.served.append((url, asked))
        key = (str(self.clock.now()), url, asked or "")
        if key not in self.bodies:
            parts = urlsplit(url)
            _, _, path = parts.path.partition("/")[2].partition("/")
            query = json.loads(asked) if asked else dict(parse_qsl(parts.query))
            status, body = self.exchange.body(parts.path.split("/")[1], "/" + path, query)
            self.bodies[key] = (status, json.dumps(body))
            self.made += 1
        return self.bodies[key]


class Sent(Session):
    """A session that gives what is on the wire, one step of the loop later."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @asynccontextmanager
    async def request(self, method: str, url: Any, **more: Any) -> AsyncIterator[Any]:  # noqa: ARG002 - a session's own
        """Answer from the wire."""
        await asyncio.sleep(0)
        status, body = self._wire.answer(str(url), more.get("data"))

        async def text(**_: Any) -> str:
            return body

        yield SimpleNamespace(status=status, headers={}, reason="", content=b"", text=text)

    async def close(self) -> None:
        """Have nothing to close."""


@dataclass
class Noted:
    """What is asked in one minute: questions of the collector, and what they asked of the wire.

    asks: venue, topic, contracts, and the question where it is of one; else what is asked is the present of all.
    """

    asks: list[tuple[str, Topic, Sequence[Any], Ask | None]] = field(default_factory=list)
    served: list[tuple[str, Any]] = field(default_factory=list)


class Tapped(CcxtVenue):
    """A venue that notes what is asked of it, while `noted` is set."""

    noted: Noted | None = None

    async def fetch(self, ask: Ask) -> Sequence[Found]:
        """Note what is asked."""
        found = await super().fetch(ask)
        if self.noted is not None:
            self.noted.asks.append((self.name, ask.topic, [self._contracts[ask.asset]], ask))
        return found

    async def fetch_all(self, topic: Topic, assets: Sequence[str], now: datetime) -> Snapshot | None:
        """Note what is asked."""
        found = await super().fetch_all(topic, assets, now)
        if self.noted is not None:
            self.noted.asks.append((self.name, topic, [self._contracts[asset] for asset in assets], None))
        return found

    @property
    def exchange(self) -> Any:
        """Return ccxt's object."""
        return self._exchange


class Ways:
    """The ways to get the answers of a minute without keeping them, each with its seconds of CPU, summed up."""

    def __init__(self, wire: Wire, sources: Sequence[Tapped]) -> None:
        self._wire, self._sources = wire, {source.name: source for source in sources}
        self.seconds = dict.fromkeys(WAYS, 0.0)

    async def measure(self, noted: Noted) -> None:
        """Get the answers of a minute in each way."""
        answers: list[tuple[Any, str]] = []  # the exchange and its text, in the order of the questions

        async def through_ccxt(venue: str, method: str, params: Mapping[str, Any]) -> Any:
            exchange = self._sources[venue].exchange
            answer = await getattr(exchange, method)(dict(params))
            answers.append((exchange, exchange.last_http_response))
            return answer

        async def parsed(*_: Any) -> Any:
            exchange, text = next(texts)
            return exchange.parse_json(text)

        now, begin = self._wire.clock.now(), time.process_time()
        for venue, topic, contracts, ask in noted.asks:
            if ask:
                await self._sources[venue].fetch(replace(ask, now=ask.now + AGAIN))
            else:
                await self._sources[venue].fetch_all(topic, [contract.asset for contract in contracts], now + AGAIN)
        begin = self._took("fetch", begin)
        await read(noted, through_ccxt, now)
        begin = self._took("ccxt", begin)
        texts = iter(answers)
        await read(noted, parsed, now)
        begin = self._took("bare", begin)
        for exchange, text in answers:
            exchange.parse_json(text)
        begin = self._took("json", begin)
        session = Sent(self._wire)
        for url, asked in noted.served:
            async with session.request("", url, data=asked) as answer:
                await answer.text()
        self._took("wire", begin)

    def _took(self, way: str, begin: float) -> float:
        end = time.process_time()
        self.seconds[way] += end - begin
        return end


async def read(noted: Noted, answered: Callable[[str, str, Mapping[str, Any]], Awaitable[Any]], now: datetime) -> None:
    """Have the recipes read answers, those that are for all assets of a moment once."""
    known: dict[tuple[Any, ...], Any] = {}
    for venue, topic, contracts, ask in noted.asks:

        async def raw(
            method: str,
            params: Mapping[str, Any],
            *,
            shared: bool = False,
            digest: Callable[[Any], Any] | None = None,
            optional: bool = False,  # noqa: ARG001 - of the protocol
            name: str = venue,
        ) -> Any:
            if not shared:
                return await answered(name, method, params)
            key = (name, method, *params.items())
            if key not in known:
                answer = await answered(name, method, params)
                known[key] = digest(answer) if digest else answer
            return known[key]

        offer = recipes()[venue].offers[topic]
        if ask is None:
            await offer.present.of_all(raw, contracts, now)
            continue
        if offer.present:
            await offer.present.one(raw, contracts[0], now)
        if offer.recipe and (ask.since or not offer.present):
            await offer.recipe(raw, contracts[0], ask)


async def late(stop: asyncio.Event) -> list[float]:
    """Ask to be woken every millisecond and note by how much each waking was late, in milliseconds."""
    found = []
    while not stop.is_set():
        before = time.perf_counter()
        await asyncio.sleep(EVERY)
        found.append(max(0.0, time.perf_counter() - before - EVERY) * 1000)
    return found


@contextlib.asynccontextmanager
async def watched(stalls: list[float]) -> AsyncIterator[None]:
    """Note how late the loop is in the block."""
    stop = asyncio.Event()
    watching = asyncio.create_task(late(stop))
    await asyncio.sleep(0.01)
    try:
        yield
    finally:
        stop.set()
        stalls += await watching


async def until(end: float, stalls: list[float]) -> list[float]:
    """Wait for the rest of a minute, and add to what was noted how late the loop is meanwhile."""
    async with watched(stalls):
        await asyncio.sleep(end - time.monotonic())
    return stalls


def world(venues: Sequence[str], count: int, clock: Any) -> Any:
    """Return a loopback exchange with so many contracts at each venue, that is asked without a socket."""
    from tests.fakes import exchange, exchange_venues  # noqa: PLC0415 - the other side

    assets = [f"C{number:03}" for number in range(count)]
    named = exchange_venues.Named
    exchange_venues.BYBIT = tuple(named(asset, f"{asset}USDT") for asset in assets)
    exchange_venues.OKX = tuple(named(asset, f"{asset}-USDT-SWAP") for asset in assets)
    exchange_venues.HYPERLIQUID = tuple(named(asset, asset, hours=1) for asset in assets)
    exchange_venues.DERIBIT = tuple(named(asset, f"{asset}_USDC-PERPETUAL", 0.1) for asset in assets)
    exchange_venues.GATE = tuple(named(asset, f"{asset}_USDT") for asset in assets)
    exchange_venues.BITGET = tuple(named(asset, f"{asset}USDT") for asset in assets)
    exchange_venues.KUCOIN = tuple(named(asset, f"{asset}USDTM") for asset in assets)
    exchange_venues.COIN_M = tuple(named(asset, f"{asset}USD_PERP", 10, inverse=True) for asset in assets)
    listed = tuple(exchange.Listed(f"{asset}USDT", 100.0, 1e6, 8) for asset in assets)

    class Exchange(exchange.FakeExchange):
        def body(self, venue: str, path: str, query: Any) -> Any:
            if venue not in venues:
                raise ValueError(venue)
            return self._body(path, query)

    return Exchange(clock.now, listed), assets


class Measured:
    """One case in one process: the figures of a minute of the steady state, or of the first portion of histories."""

    def __init__(self, case: str, kind: str, path: Path) -> None:
        from bot.clock import ReplayClock  # noqa: PLC0415 - as the bot does

        _, self.venues, count = CASES[case]
        self.first, self.path = kind == "first", path
        self.minutes = 1 if self.first else MINUTES
        self.clock = ReplayClock(START)
        exchange, self.assets = world(self.venues, count, self.clock)
        self.wire = Wire(exchange, self.clock)
        self.noted = [Noted() for _ in range(self.minutes)]
        self.spent = self.turned = 0.0
        self.values = 0
        self.stalls: list[float] = []
        self.minute: list[float] = []
        self.ways: dict[str, float] = {}
        self.before = peak()

    async def go(self, which: Pass) -> None:
        """Do all of it once, in a store of its own."""
        from bot.engine.turn import TurnTaker  # noqa: PLC0415 - as the bot does
        from bot.market.collector import Collector  # noqa: PLC0415 - as above
        from bot.market.keeper import Keeper  # noqa: PLC0415 - as above
        from storage.engine.database import Store  # noqa: PLC0415 - as above

        self.clock.move(START)
        store = Store(self.path / f"{which}.db")
        kind = Tapped if which == "made" else CcxtVenue
        sources, others = self.opened(kind), self.opened(Tapped)
        collector = Collector(
            sources,
            clock=self.clock.now,
            steady=self.clock.monotonic,
            keeper=Keeper(store, self.clock.now),
            chance=lambda: 0.5,
            history=timedelta(days=20 if self.first else 0, hours=2),
            longest=timedelta(hours=1),
            **({} if self.first else {"portion": 10_000}),
        )
        turns = TurnTaker(store, self.clock, self.assets, told=lambda: None)
        ways = Ways(self.wire, others)
        if self.first:
            await asyncio.gather(*(source.contracts(self.clock.now()) for source in sources))
        for minute in range(0 if self.first else BEFORE):
            self.clock.move(START + timedelta(minutes=minute))
            await collector.round(self.assets)
            await turns.turn()
        for noted in self.noted:
            if not self.first:
                self.clock.move(self.clock.now() + timedelta(minutes=1))
            self.wire.made = 0
            self.wire.served.clear()
            before = stored(store)
            for source in sources if which == "made" else ():
                source.noted = noted
            stalls, started = list[float](), time.monotonic()
            async with watched(stalls) if which == "late" else contextlib.nullcontext():
                begin = time.process_time()
                await collector.round(self.assets)
                middle = time.process_time()
                await turns.turn()
                end = time.process_time()
            self.stalls += stalls
            if which == "late" and noted is self.noted[-1] and not self.first:
                self.minute = await until(started + A_MINUTE, stalls)
            if which == "made":
                noted.served = list(self.wire.served)
                continue
            assert self.wire.made == 0, f"{self.wire.made} answers were made while the clock ran"
            assert len(self.wire.served) == len(noted.served), "another number of questions than in the rehearsal"
            if which == "clock":
                self.spent, self.turned = self.spent + end - begin, self.turned + end - middle
                self.values += stored(store) - before
                await asyncio.gather(*(source.contracts(self.clock.now()) for source in others))
                await ways.measure(noted)
        if which == "clock":
            self.ways = ways.seconds
        trouble = {row.error for row in collector.health() if row.state != "ok"}
        assert not trouble, trouble
        await collector.close()
        await asyncio.gather(*(source.close() for source in others))
        store.close()

    def opened(self, kind: type[CcxtVenue]) -> list[Any]:
        """Return the venues, with the wire in the place of their connections."""
        return [
            kind(
                recipes()[name],
                clock=self.clock.now,
                base_url=f"http://x.test/{name}",
                paced=False,
                wrap=lambda *_: Sent(self.wire),
            )
            for name in self.venues
        ]

    async def figures(self) -> dict[str, float]:
        """Do it thrice and return what a minute costs: seconds of CPU, milliseconds late, megabytes."""
        for which in ("made", "clock", "late"):
            await self.go(which)
            gc.collect()  # the store and its caches of one pass are not those of the next
        quiet: list[float] = []
        async with watched(quiet):
            await asyncio.sleep(1.5)
        return {
            "whole": self.spent / self.minutes,
            "turn": self.turned / self.minutes,
            **{way: seconds / self.minutes for way, seconds in self.ways.items()},
            "values": self.values / self.minutes,
            "asks": sum(len(contracts) for noted in self.noted for _, _, contracts, _ in noted.asks) / self.minutes,
            "late": statistics.quantiles(self.stalls, n=100)[98],
            "worst": max(self.stalls),
            "idle": statistics.quantiles(quiet, n=100)[98],
            "minute": statistics.quantiles(self.minute, n=100)[98] if self.minute else 0.0,
            "peak": peak(),
            "before": self.before,
            "texts": sum(len(text) for _, text in self.wire.bodies.values()) / 1e6,
        }


def peak() -> float:
    """Return the most memory that the process has had so far, in MB."""
    return megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def stored(store: Any) -> int:
    """Count the rows that are stored; none where nothing was yet."""
    if not store.exists:
        return 0
    return sum(beside.one(store, f"SELECT count(*) AS n FROM {table}")["n"] for table in ("bars", "levels"))  # noqa: S608 - ours


def child(case: str, kind: str, path: Path) -> None:
    """Measure one case in this process and print its figures."""
    from bot import log  # noqa: PLC0415 - as the bot does
    from bot.schedule import keep_the_loop_free  # noqa: PLC0415 - as above

    importlib.import_module("ccxt.async_support")
    log.set_up()  # what is asked is no line of the log unless somebody wants it
    keep_the_loop_free()
    print(json.dumps(asyncio.run(Measured(case, kind, path).figures())))


def main() -> None:
    """Measure every case, each in a process of its own."""
    wanted: Final = {"steady": "a minute", "first": "first histories"}
    found: dict[tuple[str, str], dict[str, float]] = {}
    for case in CASES:
        for kind in wanted:
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.market.bench_turn", case, kind, folder],
                    cwd=ROOT, capture_output=True, text=True, check=False,
                )  # fmt: skip
            if done.returncode:
                sys.exit(f"{case} {kind} failed:\n{done.stderr}")
            found[case, kind] = json.loads(done.stdout.splitlines()[-1])
    columns: Final = ("whole", "turn", *WAYS)
    print("CPU in ms (the head of the file says whose it is), the loop late in ms beside a round and idle")
    heads = (*columns, "99th", "worst", "idle")
    print(f"{'':<38} {'asks':>6} {'rows':>7}" + "".join(f" {head:>6}" for head in heads))
    for (case, kind), row in found.items():
        label = f"{CASES[case][0]}, {wanted[kind]}"
        print(
            f"{label:<38} {row['asks']:>6.0f} {row['values']:>7.0f}"
            + "".join(f" {row[name] * 1000:>6.0f}" for name in columns)
            + "".join(f" {row[name]:>6.1f}" for name in ("late", "worst", "idle"))
        )
    for (case, kind), row in found.items():
        label = f"{case}, {wanted[kind]}"
        said = (
            f"{row['whole'] * 1000:.0f} ms; {row['peak']:.0f} MB at its peak, of them {row['before']:.0f} loaded "
            f"before and {row['texts']:.0f} the texts of the answers"
        )
        print(f"ratio | CPU, {label}, ccxt and recipes = 1 | {row['whole'] / row['ccxt']} | < 2 | {said}")
        print(f"ratio | CPU, {label}, bare parsing = 1 | {row['whole'] / row['bare']} | < 2 | without ccxt's calls")
        print(f"ratio | loop late, {label}, 99th, ms | {row['late']} | < 20 | worst {row['worst']:.0f} ms")
        said = f"{row['idle']:.2f} ms"
        print(f"ratio | loop late, {label}, an idle loop = 1 | {row['late'] / row['idle']} | < 3 | {said}")
        if kind == "steady":
            over = f"{row['minute']:.2f} ms over 60 s"
            print(f"ratio | loop late, {label} whole, an idle loop = 1 | {row['minute'] / row['idle']} | < 3 | {over}")


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else child(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
