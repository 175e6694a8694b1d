from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import pytest

from bot.market.border.judging import Border
from bot.market.providers.defillama import DefiLlama
from bot.market.source import Ask, Blocked, NotOffered, SourceDown, SourceError
from signals.inputs import MARKET
from tests.fakes.exchange import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes.exchange import Clock, FakeExchange

PATH = "/stablecoincharts/all"


@pytest.fixture
async def llama(exchange: FakeExchange, clock: Clock) -> AsyncIterator[DefiLlama]:
    made = DefiLlama(clock=clock, base_url=exchange.base_url, timeout_s=1)
    yield made
    await made.close()
    await made.close()


async def test_days_since(llama: DefiLlama, clock: Clock) -> None:
    (found,) = await llama.fetch(Ask("stablecoins", MARKET, clock.now, clock.now - timedelta(days=3)))
    assert (found.venue, found.asset, found.step) == ("defillama", MARKET, None)
    assert [at.day for at in found.frame().index] == [18, 19, 20]
    assert Border().admit(found, clock.now)[1] == []


async def test_only_dollar_coins_count(llama: DefiLlama, exchange: FakeExchange, clock: Clock) -> None:
    day = round(datetime(2026, 11, 20, tzinfo=UTC).timestamp())
    supply = {"peggedUSD": 282404371300.5, "peggedEUR": 480000000, "peggedVAR": 1}
    exchange.recorded[PATH] = [{"date": str(day), "totalCirculatingUSD": supply, "totalMintedUSD": {"peggedUSD": 1}}]
    (found,) = await llama.fetch(Ask("stablecoins", MARKET, clock.now))
    assert found.frame().to_dict("records") == [{"stablecoin_supply_usd": 282404371300.5}]


@pytest.mark.parametrize("fault", get_args(Fault))
async def test_a_fault_is_never_silent(llama: DefiLlama, exchange: FakeExchange, clock: Clock, fault: Fault) -> None:
    exchange.faults["*"] = fault
    with pytest.raises(SourceError, match="DefiLlama ") as caught:
        await llama.fetch(Ask("stablecoins", MARKET, clock.now))
    assert type(caught.value) is (Blocked if fault in {"geo", "forbidden"} else SourceDown)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([{"date": "1", "totalCirculatingUSD": {"peggedUSD": 1}}], id="a time that is none"),
        pytest.param([{"date": "1700000000", "totalCirculatingUSD": {"peggedUSD": 1}}], id="nothing new for years"),
        pytest.param([{"date": "1795132800"}], id="no figure"),
        pytest.param({"error": "busy"}, id="no list"),
    ],
)
async def test_an_answer_that_is_none(llama: DefiLlama, exchange: FakeExchange, clock: Clock, rows: object) -> None:
    exchange.recorded[PATH] = rows
    with pytest.raises(SourceDown):
        await llama.fetch(Ask("stablecoins", MARKET, clock.now))


async def test_nothing_else(llama: DefiLlama, clock: Clock) -> None:
    with pytest.raises(NotOffered):
        await llama.fetch(Ask("stablecoins", "BTC", clock.now))
