from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.market.providers.alternative_me import AlternativeMe
from bot.market.source import Ask, Blocked, NotOffered, SourceDown, SourceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes.exchange import Clock, FakeExchange, Fault


@pytest.fixture
async def source(exchange: FakeExchange, clock: Clock) -> AsyncIterator[AlternativeMe]:
    made = AlternativeMe(clock=clock, base_url=exchange.base_url, timeout_s=1)
    yield made
    await made.close()


def envelope(rows: Any, error: str | None = None) -> dict[str, Any]:
    return {"name": "Fear and Greed Index", "data": rows, "metadata": {"error": error}}


async def test_recorded_history(
    source: AlternativeMe, exchange: FakeExchange, clock: Clock, fear_greed_history: list[dict[str, str]]
) -> None:
    exchange.recorded["/fng/"] = envelope(fear_greed_history)
    (points,) = await source.fetch(Ask("fear_greed", "MARKET", clock.now, clock.now - timedelta(days=3500)))
    assert (points.venue, points.asset, points.step) == ("alternative.me", "MARKET", None)
    assert len(points.frame()) == 3044
    assert points.frame().index.is_monotonic_increasing  # they send the newest first
    after_the_crash = points.frame()["fear_greed"].loc["2025-10-10":"2025-10-12"]
    assert list(after_the_crash) == [64.0, 27.0, 24.0]
    assert source.words[datetime(2025, 10, 11, tzinfo=UTC)] == "Fear"


@pytest.mark.parametrize(
    ("since_days", "limit"),
    [
        pytest.param(None, "10", id="no begin: the usual stretch"),
        pytest.param(0, "2", id="since today"),
        pytest.param(200, "202", id="a long stretch"),
    ],
)
async def test_asks_for_the_days_it_needs(
    source: AlternativeMe, exchange: FakeExchange, clock: Clock, since_days: int | None, limit: str
) -> None:
    since = None if since_days is None else clock.now - timedelta(days=since_days)
    (points,) = await source.fetch(Ask("fear_greed", "MARKET", clock.now, since))
    assert exchange.queries[-1] == ("/fng/", {"limit": limit})
    assert points.frame().index[-1] == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("html", SourceDown), ("cut", SourceDown), ("empty", SourceDown), ("null", SourceDown),
        ("empty_list", SourceDown), ("banned", SourceDown), ("busy", SourceDown), ("busy_after", SourceDown),
        ("geo", Blocked), ("forbidden", Blocked), ("unavailable", SourceDown), ("slow", SourceDown),
        ("hang_up", SourceDown),
    ],
)  # fmt: skip
async def test_fault_becomes_our_error(
    source: AlternativeMe, exchange: FakeExchange, clock: Clock, fault: Fault, kind: type[SourceError]
) -> None:
    exchange.faults["*"] = fault
    with pytest.raises(SourceError, match=r"^alternative\.me ") as caught:
        await source.fetch(Ask("fear_greed", "MARKET", clock.now))
    assert type(caught.value) is kind
    if fault == "busy_after":
        assert isinstance(caught.value, SourceDown)
        assert caught.value.retry_at == clock.now + timedelta(seconds=33)


DAY = {"value": "50", "value_classification": "Neutral", "timestamp": "1780704000"}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(envelope([]), id="no days"),
        pytest.param(envelope(None), id="days are null"),
        pytest.param(envelope([DAY], "rate limited"), id="an error in the envelope"),
        pytest.param(envelope([DAY | {"value": "fifty"}]), id="a word for a figure"),
        pytest.param(envelope([DAY | {"value_classification": "Panic"}]), id="an unknown class"),
        pytest.param(envelope([DAY | {"timestamp": "1780704000000"}]), id="another unit of time"),
        pytest.param(envelope([{"value": "50"}]), id="fields missing"),
        pytest.param(envelope(["50"]), id="no objects"),
        pytest.param({}, id="nothing"),
    ],
)
async def test_strict(source: AlternativeMe, exchange: FakeExchange, clock: Clock, answer: Any) -> None:
    exchange.recorded["/fng/"] = answer
    with pytest.raises(SourceDown):
        await source.fetch(Ask("fear_greed", "MARKET", clock.now))


async def test_offers_nothing_else(source: AlternativeMe, clock: Clock) -> None:
    with pytest.raises(NotOffered):
        await source.fetch(Ask("fear_greed", "BTC", clock.now))


async def test_close_twice(source: AlternativeMe) -> None:
    await source.close()
    await source.close()
