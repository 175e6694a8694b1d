"""Settled funding of Binance: one question serves every contract, and each gets the same as if it were asked alone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.source import Ask
from tests.fakes.exchange import HOUR, Clock, FakeExchange, Listed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

NOON = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
PATH = "/fapi/v1/fundingRate"


@asynccontextmanager
async def world(*listed: Listed) -> AsyncIterator[tuple[FakeExchange, CcxtVenue]]:
    clock = Clock(NOON)
    async with FakeExchange(clock, listed) as exchange:
        venue = CcxtVenue(
            recipes()["binance"], clock=clock, steady=clock.steady, base_url=exchange.base_url, timeout_s=5, paced=False
        )
        try:
            yield exchange, venue
        finally:
            await venue.close()


def many(count: int, interval: int = 8) -> list[Listed]:
    return [Listed(f"C{number:04}USDT", 100.0, 1e6, interval) for number in range(count)]


async def settlements(venue: CcxtVenue, asset: str, back: timedelta) -> list[tuple[int, float, float]]:
    """Time (ms), rate and hours of what was settled since."""
    *settled, _ = await venue.fetch(Ask("funding", asset, NOON, NOON - back))
    return [
        (round(at.timestamp() * 1000), row["funding_rate"], row["funding_interval_hours"])
        for given in settled
        for at, row in given.frame().iterrows()
    ]


def truth(exchange: FakeExchange, symbol: str, back: timedelta) -> list[tuple[int, Any, float]]:
    """What the model settled since, computed from itself."""
    every = exchange.interval(symbol) * HOUR
    now = round(NOON.timestamp() * 1000)
    times = range((now - round(back.total_seconds() * 1000)) // every * every + every, now, every)
    return [(at + at // every % 9, pytest.approx(exchange.rate(symbol, at), abs=1e-8), every / HOUR) for at in times]


def named(exchange: FakeExchange) -> list[str]:
    return [query.get("symbol", "") for path, query in exchange.queries if path == PATH]


@pytest.mark.parametrize(
    ("back_h", "pages"),
    [
        pytest.param(2, 1, id="an hour after the last question"),
        pytest.param(20, 1, id="after a night"),
        pytest.param(75, 1, id="after three days"),
        pytest.param(183, 1, id="after a week"),
    ],
)
async def test_one_question_serves_every_contract(back_h: int, pages: int) -> None:
    listed = [Listed("AUSDT", 1.0, 1e6, 1), Listed("BUSDT", 1.0, 1e6, 4), Listed("CUSDT", 1.0, 1e6)]
    async with world(*listed) as (exchange, venue):
        for asset in ("A", "B", "C"):
            back = timedelta(hours=back_h)
            assert await settlements(venue, asset, back) == truth(exchange, f"{asset}USDT", back)
        assert named(exchange) == [""] * pages


@pytest.mark.slow
async def test_a_settlement_that_a_page_cuts_in_two_is_whole_for_everybody() -> None:
    back = timedelta(hours=18)  # two days are asked for: six settlements of 450 contracts, 2,700 rows
    async with world(*many(450)) as (exchange, venue):
        for number in (0, 99, 100, 101, 449):
            found = await settlements(venue, f"C{number:04}", back)
            assert found == truth(exchange, f"C{number:04}USDT", back)
            assert len(found) == 2
        assert named(exchange) == ["", "", ""]
        starts = {int(query["startTime"]) for path, query in exchange.queries if path == PATH}
        assert len(starts & {at for at, _, _ in truth(exchange, "C0000USDT", timedelta(hours=48))}) == 2


@pytest.mark.slow
async def test_more_contracts_at_one_time_than_a_page_holds_are_asked_singly() -> None:
    async with world(*many(1001)) as (exchange, venue):
        back = timedelta(hours=2)
        assert await settlements(venue, "C1000", back) == []
        assert await settlements(venue, "C0000", timedelta(hours=6)) == truth(exchange, "C0000USDT", timedelta(hours=6))
        assert "C1000USDT" in named(exchange)


async def test_a_first_history_is_asked_for_its_own_contract() -> None:
    async with world(*many(3)) as (exchange, venue):
        back = timedelta(days=200)
        assert await settlements(venue, "C0001", back) == truth(exchange, "C0001USDT", back)
        assert named(exchange) == ["C0001USDT"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "order",
    [
        pytest.param(lambda rows: sorted(rows, key=lambda row: row["symbol"]), id="by contract"),
        pytest.param(lambda rows: rows[::-1], id="newest first"),
    ],
)
async def test_full_pages_in_another_order_are_not_trusted(order: Any) -> None:
    async with world(*many(450)) as (exchange, venue):
        answered = FakeExchange._funding_rate

        def disordered(query: dict[str, str], twist: str | None) -> Sequence[Any]:
            rows = answered(exchange, query, twist)
            return rows if "symbol" in query else order(rows)

        exchange._funding_rate = disordered  # type: ignore[method-assign, assignment]
        back = timedelta(hours=18)
        assert await settlements(venue, "C0449", back) == truth(exchange, "C0449USDT", back)
        assert named(exchange) == ["", "C0449USDT"]


async def test_a_contract_that_the_answer_for_all_does_not_know_is_asked_for_itself() -> None:
    async with world(*many(3)) as (exchange, venue):
        answered = FakeExchange._funding_rate

        def without(query: dict[str, str], twist: str | None) -> Sequence[Any]:
            rows = answered(exchange, query, twist)
            return rows if "symbol" in query else [row for row in rows if row["symbol"] != "C0001USDT"]

        exchange._funding_rate = without  # type: ignore[method-assign, assignment]
        back = timedelta(hours=6)
        assert await settlements(venue, "C0001", back) == truth(exchange, "C0001USDT", back)
        assert named(exchange) == ["", "C0001USDT"]


async def test_answers_for_all_are_kept_for_one_moment_only() -> None:
    async with world(*many(3)) as (exchange, venue):
        for hours in range(3):
            now = NOON + timedelta(hours=hours)
            exchange.clock.now = now  # type: ignore[attr-defined]
            for asset in ("C0000", "C0002"):
                await venue.fetch(Ask("funding", asset, now, now - timedelta(hours=2)))
        assert exchange.count(PATH) == 3
        *_, last = venue._moments.values()
        assert len(last.answers) == 3  # prices, intervals and settlements, of one moment
