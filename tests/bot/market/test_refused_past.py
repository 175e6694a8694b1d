"""A past that a venue refuses, and a range that it refuses: the present comes all the same, and less is asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.market.collector import Collector
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.history_planner import KEY_INPUT, REFUSED, RENEWED
from bot.market.keeper import Collected, Keeper, Recalled
from bot.market.source import Ask, Topic
from signals.units import from_ms
from storage.engine.database import Store
from storage.sources import coverage
from tests.bot.market.conftest import every
from tests.fakes.exchange_venues import question_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from tests.fakes.exchange import Clock, FakeExchange

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HISTORY, KEPT = 10 * DAY, 3 * DAY
PRESENT: frozenset[Topic] = frozenset({"depth", "options", "dated_futures"})
PAIRS = [(recipe.venue, topic) for recipe in recipes().values() for topic in recipe.offers if topic not in PRESENT]
NO_PAST = {("bitget", "open_interest"), ("hyperliquid", "open_interest"), ("deribit", "open_interest")}
WITHOUT_BOUNDS = {  # asked by page numbers, or backwards, with more in a page than is asked for here
    ("bitget", "bars"), ("bitget", "funding"), ("bitget", "ratios"), ("bybit", "funding"), ("bybit", "ratios"),
    ("okx", "funding"),
}  # fmt: skip
ONE_CALL = {  # the past and the present are the same question, with other bounds
    ("bybit", "ratios"), ("deribit", "volatility"), ("okx", "ratios"), ("gate", "ratios"), ("binance", "ratios"),
    ("binance_coinm", "ratios"), ("bitget", "ratios"),
}  # fmt: skip


def named(pairs: list[tuple[str, Topic]]) -> list[Any]:
    return [pytest.param(*pair, id=" ".join(pair)) for pair in pairs]


@pytest.fixture
async def sources(exchange: FakeExchange, clock: Clock) -> AsyncIterator[Callable[[str, Topic], CcxtVenue]]:
    made: list[CcxtVenue] = []

    def make(venue: str, topic: Topic) -> CcxtVenue:
        url = f"{exchange.base_url}/{venue}"
        recipe = recipes()[venue].only(topic)
        made.append(CcxtVenue(recipe, clock=clock, steady=clock.steady, base_url=url, timeout_s=5, paced=False))
        return made[-1]

    yield make
    for source in made:
        await source.close()


def collector(source: CcxtVenue, clock: Clock, recalled: Recalled | None = None) -> Collector:
    return Collector(
        [source],
        clock=clock,
        steady=clock.steady,
        chance=lambda: 0.0,
        history=HISTORY,
        recall=lambda: recalled or Recalled(),
    )


def times(found: Collected, topic: Topic) -> list[datetime]:
    name = KEY_INPUT[topic]
    return sorted(from_ms(at) for given in every(found) if name in given.columns for at in given.times)


def asked_of(exchange: FakeExchange) -> set[str]:
    found = {question_name(path, query) for path, query in exchange.queries}
    exchange.queries.clear()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("venue", "topic"), named([pair for pair in PAIRS if pair not in NO_PAST]))
async def test_a_refused_past_leaves_the_present(
    sources: Any, exchange: FakeExchange, clock: Clock, venue: str, topic: Topic
) -> None:
    source = sources(venue, topic)
    await source.fetch(Ask(topic, "BTC", clock.now))
    asked_of(exchange)
    await source.fetch(Ask(topic, "BTC", clock.go(minutes=1)))
    present = asked_of(exchange)
    await source.fetch(Ask(topic, "BTC", clock.go(minutes=1), clock.now - HISTORY))
    past = asked_of(exchange) - present
    if topic == "bars" or (venue, topic) in ONE_CALL:
        return  # the next test has them
    assert past
    exchange.refused = past
    held = collector(source, clock)
    found = await held.collect(["BTC"], clock.go(minutes=1))
    assert times(found, topic)[-1] >= clock.now - 2 * HOUR
    assert [health.state for health in held.health()] == ["ok"]
    assert found.owed == {(venue, topic, "BTC"): clock.now - HISTORY}, "what was refused is not forgotten"
    asked_of(exchange)
    assert times(await held.collect(["BTC"], clock.go(minutes=5)), topic), "and the present goes on"
    assert not asked_of(exchange) & past, "and nobody insists"
    exchange.refused = set()
    found = await held.collect(["BTC"], clock.go(seconds=REFUSED.total_seconds()))
    assert times(found, topic)[0] <= clock.now - HISTORY + HOUR * 9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("venue", "topic"), named([pair for pair in PAIRS if pair not in NO_PAST and pair not in WITHOUT_BOUNDS])
)
async def test_a_refused_range_is_asked_for_less(
    sources: Any, exchange: FakeExchange, clock: Clock, venue: str, topic: Topic
) -> None:
    exchange.kept[venue] = KEPT
    held = collector(sources(venue, topic), clock)
    found = await held.collect(["BTC"], clock.now)
    known = times(found, topic)
    assert clock.now - KEPT <= known[0] <= clock.now - KEPT / 3
    assert known[-1] >= clock.now - 2 * HOUR
    assert [health.state for health in held.health()] == ["ok"]
    assert {about: reach.span <= KEPT for about, reach in found.reaches.items()} == {(venue, topic): True}
    assert found.owed == {}
    later = collector(sources(venue, topic), clock, Recalled(reaches=found.reaches))
    clock.go(days=1)
    exchange.queries.clear()
    assert times(await later.collect(["ETH"], clock.now), topic)[0] <= clock.now - KEPT / 3
    begins = [query for path, query in exchange.queries if (asked := exchange._refusal(venue, path, query)) and asked]
    assert begins == [], "another day and after a restart nothing is asked that was refused"
    exchange.kept.clear()
    clock.go(seconds=RENEWED.total_seconds())
    assert times(await later.collect(["BTC"], clock.now), topic)[0] <= clock.now - HISTORY + 9 * HOUR


async def test_how_far_back_a_venue_gives_is_kept_with_what_it_gave(
    sources: Any, exchange: FakeExchange, clock: Clock, tmp_path: Path
) -> None:
    store = Store(tmp_path / "perpulse.db")
    exchange.kept["gate"] = KEPT
    held = Collector(
        [sources("gate", "funding")], clock=clock, steady=clock.steady, keeper=Keeper(store, clock), history=HISTORY
    )
    await held.round(["BTC"])
    (reach,) = coverage.reaches(store).items()
    assert reach == (("gate", "funding"), coverage.Granted(timedelta(days=2.5), clock.now))
    store.close()


async def test_a_past_that_hangs_lets_the_present_pass_every_other_time(
    sources: Any, exchange: FakeExchange, clock: Clock
) -> None:
    """What a host does to one of its paths is no refusal: the host may be in trouble, so it is asked one thing."""
    path = "/api/v4/futures/usdt/contract_stats"
    held = collector(sources("gate", "open_interest"), clock)
    exchange.faults[path] = "unavailable"
    assert times(await held.collect(["BTC"], clock.now), "open_interest") == []
    assert times(await held.collect(["BTC"], clock.go(minutes=1)), "open_interest") == [clock.now]
    exchange.faults.clear()
    assert len(times(await held.collect(["BTC"], clock.go(minutes=1)), "open_interest")) > 200
