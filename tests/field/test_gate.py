"""Gate: live and history of open interest agree, and funding is asked in pieces that it answers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
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
    """Gate's answers, with its refusal of what is older than 180 days and 30 days an answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, name: str, params: dict[str, Any], **_: Any) -> Any:
        self.asked.append((name, params))
        now = to_ms(NOW) // 1000
        if "from" in params and params["from"] < now - 180 * 86_400:
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
        hours = range(params["from"] // 3600 * 3600, min(now, params["from"] + 100 * 3600), 3600)
        usd = 2 * CONTRACTS * 0.0001 * MARK
        return [{"time": at, "open_interest": 2 * CONTRACTS, "open_interest_usd": usd} for at in hours]


def asked(question: Any, topic: Any, since: datetime | None) -> tuple[list[Any], Gate]:
    venue = Gate()
    return asyncio.run(question(venue, BTC, Ask(topic, "BTC", NOW, since))), venue


def test_live_and_statistics_agree() -> None:
    found, _ = asked(gate.open_interest, "open_interest", NOW - 3 * DAY)
    live = found[-1].columns
    for name in ("open_interest_coin", "open_interest_usd"):
        past = [value for part in found[:-1] if name in part.columns for value in part.columns[name]]
        assert past
        assert live[name][0] == pytest.approx(CONTRACTS * 0.0001 * (MARK if name.endswith("usd") else 1.0))
        assert past[-1] == pytest.approx(live[name][0], rel=1e-9), "a factor of two is no closing of positions"


@pytest.mark.parametrize("days", [1, 29, 31, 200, 400])
def test_funding_is_asked_for_what_gate_still_has(days: int) -> None:
    found, venue = asked(gate.funding, "funding", NOW - days * DAY)
    live = found[-1]
    assert live.columns["funding_rate"][0] == pytest.approx(1e-4), "the live rate comes whatever is asked of the past"
    times = sorted(at for part in found[:-1] for at in part.times)
    assert len(times) == len(set(times))
    assert from_ms(times[0]) <= NOW - min(days, 179) * DAY + 8 * HOUR
    questions = [params for name, params in venue.asked if name == "publicFuturesGetSettleFundingRate"]
    assert len(questions) == -(-min(days + 0.4, 180) // 30)
