"""What a round and a turn cost in truth: ccxt and our recipes read the answers of many venues.

The loopback exchange of the tests makes the answers before the clock starts; a session hands them to ccxt as text, so
that all but the socket is real. Beside a clock that moves a minute at a time everybody is asked what is due, it is
validated, stored and judged: first histories (the first portion of them) and the steady state. Against it stands the
bare parsing of the same answers: json.loads, and the fields that the recipes read. Between them lies what ccxt itself
costs (addresses, limits, errors), measured by asking the same questions through it and doing nothing with the answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import importlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from benchmarks.__main__ import megabytes
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.tape.sessions import Session
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from bot.market.source import Ask, Found

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2026, 11, 20, 12, 30, 30, tzinfo=UTC)
MINUTES = 4  # of the steady state, after the one in which all is asked for the first time
EVERY = 0.001
NINE = ("binance", "binance_coinm", "bybit", "okx", "hyperliquid", "deribit", "gate", "bitget", "kucoin")
CASES = {
    "3x300": ("3 venues, 300 assets", ("binance", "bybit", "okx"), 300),
    "9x50": ("9 venues, 50 assets", NINE, 50),
}
LAST: contextvars.ContextVar[str] = contextvars.ContextVar("the text that was sent last")


@dataclass
class Wire:
    """Answers by question, made once; `made_s` is the CPU that making them took while somebody waited."""

    exchange: Any
    clock: Any
    bodies: dict[tuple[str, ...], tuple[int, str]] = field(default_factory=dict)
    made_s: float = 0.0
    made: int = 0

    def answer(self, url: str, asked: Any) -> tuple[int, str]:
        """Return status and text; they are made where nobody has asked for them at this time."""
        parts = urlsplit(url)
        key = (f"{self.clock.now():%H:%M}", parts.path, parts.query, asked or "")
        if key not in self.bodies:
            begin = time.process_time()
            _, _, path = parts.path.partition("/")[2].partition("/")
            query = json.loads(asked) if asked else dict(parse_qsl(parts.query))
            status, body = self.exchange.body(parts.path.split("/")[1], "/" + path, query)
            self.bodies[key] = (status, json.dumps(body))
            self.made += 1
            self.made_s += time.process_time() - begin
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
        LAST.set(body)

        async def text(**_: Any) -> str:
            return body

        yield SimpleNamespace(status=status, headers={}, reason="", content=b"", text=text)

    async def close(self) -> None:
        """Have nothing to close."""


@dataclass
class Noted:
    """What was asked in a measured stretch: questions of the collector, and calls with the text that answered them."""

    asks: list[tuple[str, Any, Ask]] = field(default_factory=list)
    calls: dict[tuple[Any, ...], str] = field(default_factory=dict)
    through: list[tuple[Any, str, Mapping[str, Any]]] = field(default_factory=list)


class Tapped(CcxtVenue):
    """A venue that notes what is asked of it, while `noted` is set."""

    noted: Noted | None = None

    async def fetch(self, ask: Ask) -> Sequence[Found]:
        """Note what is asked."""
        found = await super().fetch(ask)
        if self.noted is not None:
            self.noted.asks.append((self.name, self._contracts[ask.asset], ask))
        return found

    async def _call(self, method: str, params: Mapping[str, Any]) -> Any:
        answer = await super()._call(method, params)
        if self.noted is not None:
            self.noted.calls[self.name, method, json.dumps(dict(params), sort_keys=True)] = LAST.get()
            self.noted.through.append((self._exchange, method, dict(params)))
        return answer


async def bare(noted: Noted) -> float:
    """Parse the same answers as the recipes do, and nothing more; return the seconds of CPU."""
    begin = time.process_time()
    shared: dict[tuple[Any, ...], Any] = {}
    for venue, contract, ask in noted.asks:

        async def raw(
            method: str,
            params: Mapping[str, Any],
            *,
            shared_: bool = False,
            digest: Callable[[Any], Any] | None = None,
            name: str = venue,
            **more: Any,
        ) -> Any:
            key = (name, method, json.dumps(dict(params), sort_keys=True))
            if not (shared_ or more.get("shared")):
                return json.loads(noted.calls[key])
            if key not in shared:
                answer = json.loads(noted.calls[key])
                shared[key] = digest(answer) if digest else answer
            return shared[key]

        await recipes()[venue].offers[ask.topic].recipe(raw, contract, ask)
    return time.process_time() - begin


async def through_ccxt(noted: Noted) -> float:
    """Ask the same questions through ccxt and leave the answers; return the seconds of CPU."""
    begin = time.process_time()
    for exchange, method, params in noted.through:
        await getattr(exchange, method)(params)
    return time.process_time() - begin


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
    stop = asyncio.Event()
    watching = asyncio.create_task(late(stop))
    await asyncio.sleep(0.01)
    try:
        yield
    finally:
        stop.set()
        stalls += await watching


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


async def measure(case: str, kind: str, path: Path) -> dict[str, float]:  # noqa: PLR0915 - one story
    """Measure the first portion of first histories, or a minute of the steady state."""
    from bot import log  # noqa: PLC0415 - as the bot does
    from bot.clock import ReplayClock  # noqa: PLC0415 - as above
    from bot.engine.turn import TurnTaker  # noqa: PLC0415 - as above
    from bot.market.collector import Collector  # noqa: PLC0415 - as above
    from bot.market.keeper import Keeper  # noqa: PLC0415 - as above
    from bot.schedule import keep_the_loop_free  # noqa: PLC0415 - as above
    from storage.engine.database import Store  # noqa: PLC0415 - as above

    importlib.import_module("ccxt.async_support")
    _, venues, count = CASES[case]
    clock = ReplayClock(START)
    exchange, assets = world(venues, count, clock)
    wire = Wire(exchange, clock)
    first = kind == "first"
    spent, turned, stalls = 0.0, 0.0, []
    noted = Noted()
    values = 0
    through = 0.0
    log.set_up()  # what is asked is no line of the log unless somebody wants it
    keep_the_loop_free()
    for again in (False, True):  # once to have every answer made, once for the clock
        clock.move(START)
        store = Store(path / f"{again}.db")
        sources = [
            Tapped(
                recipes()[name],
                clock=clock.now,
                base_url=f"http://x.test/{name}",
                paced=False,
                wrap=lambda *_: Sent(wire),
            )
            for name in venues
        ]
        collector = Collector(
            sources,
            clock=clock.now,
            steady=clock.monotonic,
            keeper=Keeper(store, clock.now),
            chance=lambda: 0.5,
            history=timedelta(days=20 if first else 0, hours=2),
            longest=timedelta(hours=1),
            **({} if first else {"portion": 10_000}),
        )
        turns = TurnTaker(store, clock, assets, told=lambda: None)
        if first:
            await asyncio.gather(*(source.contracts(clock.now()) for source in sources))
        else:
            await collector.round(assets)
            await turns.turn()
        for _ in range(1 if first else MINUTES):
            if not first:
                clock.move(clock.now() + timedelta(minutes=1))
            for source in sources:
                source.noted = noted if again else None
            wire.made_s, wire.made = 0.0, 0
            before = stored(store)
            async with watched(stalls) if again else contextlib.nullcontext():
                begin = time.process_time()
                await collector.round(assets)
                middle = time.process_time()
                await turns.turn()
                end = time.process_time()
            if again:
                spent, turned = spent + end - begin - wire.made_s, turned + end - middle
                values += stored(store) - before
                assert wire.made == 0, f"{wire.made} answers were made while the clock ran"
                through += await through_ccxt_of(noted, sources)
        if again:
            plain = await bare(noted)
        await collector.close()
        store.close()
    trouble = {row.error for row in collector.health() if row.state != "ok"}
    assert not trouble, trouble
    minutes = 1 if first else MINUTES
    quiet: list[float] = []
    async with watched(quiet):
        await asyncio.sleep(1.5)
    return {
        "spent": spent / minutes,
        "turned": turned / minutes,
        "bare": plain / minutes,
        "ccxt": through / minutes,
        "values": values / minutes,
        "asks": len(noted.asks) / minutes,
        "late": statistics.quantiles(stalls, n=100)[98],
        "worst": max(stalls),
        "idle": statistics.quantiles(quiet, n=100)[98],
        "peak": megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss),
    }


async def through_ccxt_of(noted: Noted, sources: Sequence[Tapped]) -> float:
    """Measure the calls of the minute that has just been noted, and forget them."""
    for source in sources:
        source.noted = None
    seconds = await through_ccxt(noted)
    noted.through.clear()
    return seconds


def stored(store: Any) -> int:
    """Count the rows that are stored; none where nothing was yet."""
    if not store.exists:
        return 0
    return sum(beside.one(store, f"SELECT count(*) AS n FROM {table}")["n"] for table in ("bars", "levels"))  # noqa: S608 - ours


def child(case: str, kind: str, path: Path) -> None:
    print(json.dumps(asyncio.run(measure(case, kind, path))))


def main() -> None:
    wanted: Final = {"steady": "a minute", "first": "first histories"}
    found: dict[tuple[str, str], dict[str, float]] = {}
    for case in CASES:
        for kind in wanted:
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.bench_turn", case, kind, folder],
                    cwd=ROOT, capture_output=True, text=True, check=False,
                )  # fmt: skip
            if done.returncode:
                sys.exit(f"{case} {kind} failed:\n{done.stderr}")
            found[case, kind] = json.loads(done.stdout.splitlines()[-1])
    print("CPU in ms: the whole, of it the turn; the bare parsing; the same questions through ccxt; late in ms")
    print(f"{'':<38} {'asks':>6} {'rows':>7} {'whole':>7} {'turn':>6} {'bare':>6} {'ccxt':>6} {'99th':>6} {'worst':>6}")
    for (case, kind), row in found.items():
        label = f"{CASES[case][0]}, {wanted[kind]}"
        figures = [row[name] * 1000 for name in ("spent", "turned", "bare", "ccxt")]
        print(
            f"{label:<38} {row['asks']:>6.0f} {row['values']:>7.0f} {figures[0]:>7.0f} {figures[1]:>6.0f} "
            f"{figures[2]:>6.0f} {figures[3]:>6.0f} {row['late']:>6.1f} {row['worst']:>6.1f}"
        )
    for (case, kind), row in found.items():
        label = f"{case}, {wanted[kind]}"
        said = f"{row['spent'] * 1000:.0f} ms, {row['peak']:.0f} MB at its peak"
        print(f"ratio | CPU, {label}, bare parsing = 1 | {row['spent'] / row['bare']} | < 2 | {said}")
        print(f"ratio | CPU, {label}, through ccxt = 1 | {row['spent'] / row['ccxt']} | < 2 | ccxt's own share")
        print(f"ratio | loop late, {label}, 99th, ms | {row['late']} | < 20 | worst {row['worst']:.0f} ms")
        print(
            f"ratio | loop late, {label}, an idle loop = 1 | {row['late'] / row['idle']} | < 3 | {row['idle']:.1f} ms"
        )


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else child(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
