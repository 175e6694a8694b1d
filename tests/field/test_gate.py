"""Gate: live and history of open interest agree, and what is kept for 180 days is asked in pieces that it answers.

What Gate really sent is in tests/bot/market/venues/test_recorded.py; the model here has its bounds and any length.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from bot.market.exchange.contracts import Contract
from bot.market.source import Ask
from bot.market.venues import gate
from signals.units import DAY, HOUR, from_ms, to_ms

NOW = datetime(2026, 9, 25, 12, 30, tzinfo=UTC)
BTC = Contract("gate", "BTC", "BTC/USDT:USDT", "BTC_USDT", size=0.0001)
CONTRACTS, MARK = 326_310_678, 76_419.9  # position_size of one side; contract_stats of 2026-09-17 count twice that


class Gate:
    """Gate's answers, with its refusal of what is older than 180 days and 30 days an answer.

    rows: how many an answer of statistics holds. listed: since when there is the contract.
    """

    def __init__(self, rows: int = 2000, listed: datetime = NOW - 2000 * DAY) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._rows, self._listed = rows, listed

    async def __call__(self, name: str, params: dict[str, Any], **_: Any) -> Any:
        self.asked.append((name, params))
        now = to_ms(NOW) // 1000
        candles = name == "publicFuturesGetSettleCandlesticks"  # of them the newest 10,000 are kept
        if "from" in params and not candles and params["from"] < now - 180 * 86_400:
            raise AssertionError("from time exceeds 180-day limit")
        if name == "publicFuturesGetSettleContracts":
            return {
                "BTC_USDT": {
                    "name": "BTC_USDT",
                    "position_size": CONTRACTS,
                    "mark_price": MARK,
                    "index_price": MARK,
                    "funding_rate": "0.0001",
                    "funding_interval": 28_800,
                }
            }
        if name == "publicFuturesGetSettleFundingRate":
            assert params["to"] - params["from"] <= 30 * 86_400
            first = -(-params["from"] // 28_800) * 28_800
            return [{"t": at, "r": "0.0001"} for at in range(first, params["to"] + 1, 28_800)][::-1]
        if candles:
            hours = range(max(-(-params["from"] // 3600), to_ms(self._listed) // 3_600_000) * 3600, params["to"], 3600)
            return [{"t": at, "v": 1000, "sum": "100", **dict.fromkeys("ohlc", str(MARK))} for at in hours]
        step = {"1h": 3600, "5m": 300}[params["interval"]]
        first = max(-(-params["from"] // step) * step, to_ms(self._listed) // 1000)
        until = min(now, params["from"] + 30 * 86_400)
        usd = 2 * CONTRACTS * 0.0001 * MARK
        rows = {"open_interest": 2 * CONTRACTS, "open_interest_usd": usd, "long_taker_size": 3, "short_taker_size": 1}
        ratios = {"lsr_account": 1.5, "top_lsr_account": 0.6, "top_lsr_size": 1.1}
        times = range(first, until, step)[: min(params["limit"], self._rows)]
        return [{"time": at} | rows | ratios for at in times]


def asked(question: Any, topic: Any, since: datetime | None, venue: Gate | None = None) -> tuple[list[Any], Gate]:
    venue = venue or Gate()
    return asyncio.run(question(venue, BTC, Ask(topic, "BTC", NOW, since))), venue


def test_live_and_statistics_agree() -> None:
    found, venue = asked(gate.open_interest_hours, "open_interest", NOW - 3 * DAY)
    _, *live = asyncio.run(gate.open_interest_now(venue, [BTC], NOW))(BTC)
    for name, now in zip(("open_interest_coin", "open_interest_usd"), live, strict=True):
        past = [value for part in found if name in part.columns for value in part.columns[name]]
        assert past
        assert now == pytest.approx(CONTRACTS * 0.0001 * (MARK if name.endswith("usd") else 1.0))
        assert past[-1] == pytest.approx(now, rel=1e-9), "a factor of two is no closing of positions"


@pytest.mark.parametrize("days", [1, 29, 31, 200, 400])
def test_funding_is_asked_for_what_gate_still_has(days: int) -> None:
    found, venue = asked(gate.settlements, "funding", NOW - days * DAY)
    _, rate, *_ = asyncio.run(gate.rates_now(venue, [BTC], NOW))(BTC)
    assert rate == pytest.approx(1e-4), "the live rate comes whatever is asked of the past"
    times = sorted(at for part in found for at in part.times)
    assert len(times) == len(set(times))
    assert from_ms(times[0]) <= NOW - min(days, 179) * DAY + 8 * HOUR
    questions = [params for name, params in venue.asked if name == "publicFuturesGetSettleFundingRate"]
    assert len(questions) == -(-min(days + 0.4, 180) // 30)


@pytest.mark.parametrize("rows", [pytest.param(2000, id="thirty days an answer"), pytest.param(100, id="100 rows")])
@pytest.mark.parametrize(
    ("question", "topic", "name"),
    [
        pytest.param(gate.open_interest_hours, "open_interest", "open_interest_coin", id="open interest"),
        pytest.param(gate.ratios, "ratios", "long_short_accounts", id="ratios"),
        pytest.param(gate.bars, "bars", "taker_buy_usd", id="what takers bought"),
    ],
)
def test_statistics_reach_as_far_as_the_longest_window(question: Any, topic: Any, name: str, rows: int) -> None:
    found, venue = asked(question, topic, NOW - 200 * DAY, Gate(rows))
    times = sorted(at for part in found if name in part.columns for at in part.times if at % 3_600_000 == 0)
    assert from_ms(times[0]) <= NOW - 180 * DAY + 6 * HOUR
    assert {later - earlier for earlier, later in pairwise(times)} == {3_600_000}, "no hole where pieces meet"
    questions = [params for name_, params in venue.asked if name_ == "publicFuturesGetSettleContractStats"]
    assert len(questions) <= (8 if rows == 2000 else 60)


def test_a_young_contract_is_asked_no_further_than_it_goes() -> None:
    found, venue = asked(gate.open_interest_hours, "open_interest", NOW - 200 * DAY, Gate(listed=NOW - 40 * DAY))
    times = [at for part in found if "open_interest_coin" in part.columns for at in part.times]
    assert from_ms(min(times)) <= NOW - 40 * DAY + 2 * HOUR
    assert len([1 for name, _ in venue.asked if name == "publicFuturesGetSettleContractStats"]) <= 5


def test_takers_bought_is_the_share_of_the_volume() -> None:
    found, _ = asked(gate.bars, "bars", NOW - 3 * DAY)
    bars = [part for part in found if "taker_buy_usd" in part.columns]
    assert {value for part in bars for value in part.columns["taker_buy_usd"]} == {75.0}, "3 of 4 of 100 dollars"


def test_bars_come_without_the_statistics_where_those_are_refused() -> None:
    class Refuses(Gate):
        async def __call__(self, name: str, params: dict[str, Any], **how: Any) -> Any:
            if name == "publicFuturesGetSettleContractStats":
                assert how["optional"]
                return None
            return await super().__call__(name, params, **how)

    found, _ = asked(gate.bars, "bars", NOW - 3 * DAY, Refuses())
    assert sum(len(part) for part in found) >= 71
    assert not any("taker_buy_usd" in part.columns for part in found)
