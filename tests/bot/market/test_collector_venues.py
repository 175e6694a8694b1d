"""S17 to S23 of the fault list with four venues at once: what befalls one is told, and harms no other."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.collector import Collector
from bot.market.cross_checks import LASTING, CrossChecks
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.keeper import Recalled
from bot.market.providers.defillama import DefiLlama
from bot.market.source_rounds import WIDEST
from signals.units import to_ms
from storage.market.points import Newest, Points, Snapshot
from tests.bot.market.conftest import every
from tests.examples import examples
from tests.fakes.exchange import Clock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.market.keeper import Collected
    from storage.sources.source_events import AssetEvent, SourceEvent

FOUR = ("binance", "bybit", "okx", "hyperliquid")
ASSETS = ["BTC", "ETH", "PEPE"]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC))


@pytest.fixture
async def exchange(clock: Clock) -> AsyncIterator[FakeExchange]:
    async with FakeExchange(clock) as served:
        yield served


Make = "Callable[..., Collector]"


@pytest.fixture
async def market(exchange: FakeExchange, clock: Clock) -> AsyncIterator[Any]:
    made: list[Collector] = []
    venues: list[CcxtVenue] = []

    def make(*names: str, newest: Any = None, more: Any = ()) -> Collector:
        found = [
            CcxtVenue(
                recipes()[venue],
                clock=clock,
                steady=clock.steady,
                base_url=f"{exchange.base_url}/{venue}",
                timeout_s=2,
                paced=False,
            )
            for venue in names
        ]
        venues.extend(found)
        made.append(
            Collector(
                [*found, *more],
                clock=clock,
                steady=clock.steady,
                chance=lambda: 0.0,
                history=timedelta(hours=6),
                recall=lambda: Recalled(newest or {}),
            )
        )
        return made[-1]

    yield make
    for source in made:
        await source.close()


async def rounds(held: Collector, clock: Clock, count: int, step: timedelta = MINUTE) -> tuple[list[Any], list[Any]]:
    events: list[SourceEvent] = []
    assets: list[AssetEvent] = []
    for _ in range(count):
        found = await held.collect(ASSETS, clock.now)
        events += found.events
        assets += found.assets
        clock.now += step
    return events, assets


def values(found: Collected, name: str) -> dict[tuple[str, str], float]:
    given_of = ((given, given.frame()) for given in every(found))
    return {(given.venue, given.asset): float(frame[name].iloc[-1]) for given, frame in given_of if name in frame}


# --- S17, S18: blocked and banned


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fault"), [*((name, "geo") for name in FOUR), ("bybit", "forbidden")])
async def test_a_blocked_venue_is_told_once_and_the_others_go_on(
    market: Any, exchange: FakeExchange, clock: Clock, name: str, fault: Any
) -> None:
    held = market(*FOUR)
    exchange.faults[f"{name}/*"] = fault
    events, _ = await rounds(held, clock, 4, timedelta(minutes=20))
    assert [(event.source, event.state) for event in events] == [(name, "blocked")]
    assert "proxy" in events[0].reason
    lists = 2 if name == "bybit" else 1  # its list of markets is two calls that leave together
    assert exchange.asked[name] == 2 * lists  # at once, and after an hour
    assert {health.state for health in held.health() if health.source != name} == {"ok"}
    assert {health.state for health in held.health() if health.source == name} == {"blocked"}
    exchange.faults.clear()
    events, _ = await rounds(held, clock, 4, timedelta(minutes=20))
    assert [(event.source, event.state) for event in events] == [(name, "ok")]


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUR)
async def test_a_ban_ends_at_its_second(market: Any, exchange: FakeExchange, clock: Clock, name: str) -> None:
    held = market(*FOUR)
    await held.collect(ASSETS, clock.now)
    exchange.banned_until = clock.now + timedelta(minutes=17)
    exchange.faults[f"{name}/*"] = "banned"
    clock.go(minutes=1)
    await held.collect(ASSETS, clock.now)
    asked = exchange.asked[name]
    exchange.faults.clear()
    while clock.now < exchange.banned_until - timedelta(minutes=1):
        found = await held.collect(ASSETS, clock.go(minutes=1))
        assert {given.venue for given in every(found)} >= set(FOUR) - {name, "hyperliquid"}
    assert exchange.asked[name] == asked
    clock.now = exchange.banned_until
    await held.collect(ASSETS, clock.now)
    assert exchange.asked[name] > asked


# --- S20, units: contradictions between venues


@pytest.mark.slow
@pytest.mark.parametrize("times", [1000.0, 10.0, 0.1, 1.2])
async def test_a_new_contract_size_is_left_out_and_named(
    market: Any, exchange: FakeExchange, clock: Clock, times: float
) -> None:
    """The venue's price of a coin is suddenly another: below a slip of units that the border itself would see."""
    held = market(*FOUR)
    await held.collect(ASSETS, clock.now)
    exchange.scale["okx", "PEPE"] = times
    found = await held.collect(ASSETS, clock.go(minutes=1))
    assert ("okx", "PEPE") not in values(found, "mark_price")
    assert ("okx", "PEPE") not in values(found, "open_interest_usd")
    assert ("okx", "BTC") in values(found, "mark_price")
    assert ("bybit", "PEPE") in values(found, "mark_price")
    assert sum(health.quarantined for health in held.health() if health.source == "okx") > 0
    if times < 100:  # else the border has taken it before
        (told,) = found.assets
        assert (told.source, told.asset, told.kind) == ("okx", "PEPE", "contradicts")
        assert (told.name, told.times) == ("mark_price", pytest.approx(times, rel=0.01))
        assert (await held.collect(ASSETS, clock.go(minutes=1))).assets == []
        exchange.scale.clear()
        found = await held.collect(ASSETS, clock.go(minutes=1))
        assert [(event.source, event.asset, event.kind) for event in found.assets] == [("okx", "PEPE", "agrees")]
        assert ("okx", "PEPE") in values(found, "mark_price")


def level(venue: str, asset: str, at: datetime, **columns: float) -> Points:
    frame = pd.DataFrame({name: [value] for name, value in columns.items()}, index=pd.DatetimeIndex([at], name="at"))
    return Points.of_frame(venue, asset, None, frame)


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@examples(200)
@given(
    odd=st.integers(0, 3),
    factor=st.one_of(st.floats(1.07, 50), st.floats(0.02, 0.93)),
    noise=st.lists(st.floats(-0.02, 0.02), min_size=4, max_size=4),
)
def test_of_four_the_one_that_differs_is_left_out(odd: int, factor: float, noise: list[float]) -> None:
    prices = [100 * (1 + value) * (factor if n == odd else 1) for n, value in enumerate(noise)]
    if abs(prices[odd] / float(np.median(prices)) - 1) <= 0.05:
        return
    found = [level(venue, "BTC", NOW, mark_price=price) for venue, price in zip(FOUR, prices, strict=True)]
    sifted = CrossChecks(FOUR, timedelta(minutes=LASTING)).sift(found, (), NOW)
    kept, out = sifted.points, sifted.left_out
    assert [event.venue for event in out] == [FOUR[odd]]
    assert len(kept) == 3


@pytest.mark.parametrize(
    ("coins", "usd", "kept"),
    [
        pytest.param(10, 1000, True, id="coins times price"),
        pytest.param(10, 1019, True, id="a little off: another moment"),
        pytest.param(10, 1021, False, id="more than 2 %"),
        pytest.param(10, 2000, False, id="both sides in one of them"),
        pytest.param(10, 10, False, id="coins in the place of dollars"),
        pytest.param(math.nan, 10, True, id="one of them alone"),
    ],
)
def test_dollars_are_coins_times_price(coins: float, usd: float, kept: bool) -> None:
    found = [
        level("bybit", "BTC", NOW, mark_price=100.0),
        level("bybit", "BTC", NOW, open_interest_coin=coins, open_interest_usd=usd),
    ]
    checks = CrossChecks(["bybit"], timedelta(minutes=LASTING))
    assert len(checks.sift(found, (), NOW).points) == (2 if kept else 0)
    if not kept:
        assert checks.standing["bybit", "BTC"].name == "open_interest_usd"


@pytest.mark.parametrize(
    ("prices", "out"),
    [
        pytest.param({"okx": 100, "binance": 110}, ["okx"], id="of two, the one named first is believed"),
        pytest.param({"okx": 100}, [], id="one alone"),
        pytest.param({"binance": 100, "okx": 104.9}, [], id="within 5 %"),
    ],
)
def test_who_is_believed(prices: dict[str, float], out: list[str]) -> None:
    found = [level(venue, "BTC", NOW, mark_price=price) for venue, price in prices.items()]
    assert [odd_one.venue for odd_one in CrossChecks(FOUR, timedelta(minutes=15)).sift(found, (), NOW).left_out] == out


def test_an_old_price_judges_nobody() -> None:
    checks = CrossChecks(FOUR, timedelta(minutes=15))
    checks.sift([level("binance", "BTC", NOW, mark_price=100.0)], (), NOW)
    later = NOW + timedelta(hours=1)
    assert checks.sift([level("okx", "BTC", later, mark_price=130.0)], (), later).left_out == []


def test_an_old_price_takes_no_fresh_ones_place() -> None:
    checks, before = CrossChecks(FOUR, timedelta(minutes=15)), NOW - timedelta(hours=1)
    checks.sift([level("binance", "BTC", NOW, mark_price=100.0)], (), NOW)
    checks.sift([level("binance", "BTC", before, mark_price=130.0)], (), NOW)  # a past that was asked for again
    assert checks.sift([level("okx", "BTC", NOW, mark_price=130.0)], (), NOW).left_out != []


# --- S21: delisted


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUR)
async def test_a_delisting_is_told_once_to_those_who_watch_it(
    market: Any, exchange: FakeExchange, clock: Clock, name: str
) -> None:
    held = market(*FOUR)
    await held.collect(ASSETS, clock.now)
    if name == "binance":
        del exchange.listed["ETHUSDT"]
        exchange.gone |= {(venue, "ETH") for venue in FOUR}  # the model's prices of ETH went with it
    exchange.gone.add((name, "ETH"))
    _, told = await rounds(held, clock, 3, timedelta(hours=25))
    mine = [event for event in told if event.source == name]
    assert [(event.asset, event.kind) for event in mine] == [("ETH", "absent")]
    assert mine[0].reason
    assert {health.state for health in held.health() if health.source == name} == {"ok"}
    found = await held.collect(ASSETS, clock.now)
    assert (name, "BTC") in values(found, "mark_price")


@pytest.mark.slow
async def test_what_was_never_there_is_no_delisting(market: Any, clock: Clock) -> None:
    held = market("deribit")
    _, told = await rounds(held, clock, 3, timedelta(hours=1))  # no PEPE at Deribit
    assert told == []
    topics = held._rounds["deribit"].state.topics
    assert {topic.assets["PEPE"].breaker.state for topic in topics} == {"absent"}


# --- S22: the funding interval


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bybit", "okx"])
async def test_a_new_funding_interval_is_told_and_used(
    market: Any, exchange: FakeExchange, clock: Clock, name: str
) -> None:
    held = market(*FOUR)
    found = await held.collect(ASSETS, clock.now)
    assert found.assets == []
    exchange.intervals[f"{name}:BTC"] = 1
    found = await held.collect(ASSETS, clock.go(minutes=1))
    assert values(found, "funding_interval_hours")[name, "BTC"] == 1
    assert [(told.source, told.asset, told.hours, told.hours_before) for told in found.assets] == [(name, "BTC", 1, 8)]
    assert (await rounds(held, clock, 3))[1] == []


async def test_an_interval_that_changed_while_away_is_told(market: Any, clock: Clock) -> None:
    stored = {("bybit", "BTC", "funding_interval_hours"): Newest(clock.now - timedelta(hours=9), 4.0, "bybit")}
    held = market("bybit", newest=stored)
    found = await held.collect(["BTC", "ETH"], clock.now)
    assert [(told.asset, told.hours, told.hours_before) for told in found.assets] == [("BTC", 8, 4)]


# --- what is asked at all


async def test_heavy_topics_are_asked_for_the_first_assets_only(
    market: Any, exchange: FakeExchange, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(WIDEST) == {"depth", "ratios"}
    monkeypatch.setitem(WIDEST, "depth", 2)
    held = market("bybit")
    await held.collect(ASSETS, clock.now)
    assert exchange.count("/orderbook") == 2
    await held.collect(["PEPE"], clock.now)  # somebody asks for it
    assert exchange.count("/orderbook") == 3


async def test_options_and_stablecoins_come_from_the_first_round_on(
    market: Any, exchange: FakeExchange, clock: Clock
) -> None:
    deribit = CcxtVenue(
        recipes()["deribit"].only("volatility", "options"),
        clock=clock,
        steady=clock.steady,
        base_url=f"{exchange.base_url}/deribit",
        timeout_s=2,
        paced=False,
    )
    held = market(more=[deribit, DefiLlama(clock=clock, base_url=exchange.base_url)])
    found = await held.collect(["BTC", "ETH", "SOL"], clock.now)
    assert [(chain.venue, chain.asset, len(chain.options)) for chain in found.chains] == [
        ("deribit", "BTC", 12), ("deribit", "ETH", 12), ("deribit", "SOL", 12)
    ]  # fmt: skip
    assert set(values(found, "implied_volatility")) == {("deribit", "BTC"), ("deribit", "ETH")}
    assert set(values(found, "stablecoin_supply_usd")) == {("defillama", "MARKET")}
    assert {health.state for health in held.health()} == {"ok"}
    assert (await held.collect(["BTC"], clock.go(minutes=5))).chains == []  # every half hour
    assert len((await held.collect(["BTC"], clock.go(minutes=25))).chains) == 1
    notes = held.notes()
    (note,) = [note for note in notes if note.source == "defillama"]
    assert note.attribution == "Stablecoin supply by DefiLlama"
    assert "may change" in note.caveats[0]


def as_if_nothing_was_known(checks: CrossChecks) -> CrossChecks:
    """Have all venues of an asset compared by each of its prices."""
    checks._bands.clear()
    return checks


@pytest.mark.parametrize("seed", range(8))
def test_who_contradicts_is_found_whatever_was_compared_before(seed: int) -> None:
    draw = random.Random(seed)
    quick, slow = CrossChecks(FOUR, timedelta(minutes=LASTING)), CrossChecks(FOUR, timedelta(minutes=LASTING))
    usual, assets, now = dict.fromkeys(("BTC", "ETH", "SOL"), 100.0), ("BTC", "ETH", "SOL"), NOW
    found = 0
    for _ in range(400):
        now += timedelta(minutes=draw.choice([0, 1, 1, 1, 5, 20, -30]))  # also a clock that is set back
        usual = {asset: price * draw.uniform(0.98, 1.02) for asset, price in usual.items()}
        wide: list[Snapshot] = []
        alone: list[Points] = []
        for venue in draw.sample(FOUR, 2):
            marks = [
                usual[asset] * draw.choice([1.0] * 40 + [1.04, 1.0499999, 0.96, 1.06, 1000.0, 0.0, -1.0, math.nan])
                for asset in assets
            ]
            at = [to_ms(now - timedelta(minutes=draw.choice([0, 0, 0, 14, 16, 40]))) for _ in assets]
            told = Snapshot(venue, assets, at, {"mark_price": marks})
            if draw.random() < 0.5:
                wide.append(told)
            else:
                alone.append(told.of(draw.randrange(3)))
        expected = as_if_nothing_was_known(slow).sift(alone, wide, now)
        assert repr(quick.sift(alone, wide, now)) == repr(expected)  # by words, as NaN is not itself
        assert quick.standing == slow.standing
        found += bool(quick.standing)
    assert 20 < found < 380, "some contradict, and some agree"
