"""Nothing that a venue really sent is refused: every asset of every recorded list passes the border, not BTC alone.

The bounds were set on BTC and ETH. What small coins pay, cost and have open lies elsewhere, and is as true.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.market.border.bounds import impossible
from bot.market.border.judging import Border
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from signals.units import from_ms, to_ms
from storage.market.points import Points
from tests.fakes.exchange import Clock, FakeExchange
from tests.field.world import DATA

RECORDED = DATA / "recorded"
OF_2026 = RECORDED / "2026"
MINUTE = timedelta(minutes=1)


def answer(path: str) -> Any:
    file = OF_2026 / path
    if not file.exists():
        pytest.skip(f"{file} is not here: the recordings lie outside the project")
    return json.loads(file.read_text(encoding="utf-8"))


def of_2023() -> Any:
    file = RECORDED / "cryptofeed" / "GATEIO_FUTURES.0"
    if not file.exists():
        pytest.skip(f"{file} is not here: the recordings lie outside the project")
    for line in file.read_text(encoding="utf-8").splitlines():
        url, arrow, rest = line.partition(" -> ")
        if arrow and url.endswith("/futures/usdt/contracts"):
            return json.loads(rest.split(": ", 1)[1])
    raise AssertionError("the list is not in the capture")


LISTS = [  # a venue, what it answered by path, the topics that this tells, and at least so many assets
    pytest.param(
        "gate", {"/api/v4/futures/usdt/contracts": of_2023}, ("funding", "open_interest"), 150, id="Gate, 2023"
    ),
    pytest.param(
        "gate",
        {"/api/v4/futures/usdt/contracts": lambda: answer("gate/contracts_2026-09-11.json")},
        ("funding", "open_interest"),
        1,
        id="Gate, 2026",
    ),
    pytest.param(
        "bybit",
        {
            "/v5/market/instruments-info": lambda: answer("bybit/instruments-info_linear_2026-09-11_trimmed.json"),
            "/v5/market/tickers": lambda: answer("bybit/tickers_linear_2026-09-11_trimmed.json"),
        },
        ("funding", "open_interest"),
        1,
        id="Bybit, 2026",
    ),
    pytest.param(
        "hyperliquid",
        {"/info": lambda: answer("hyperliquid/metaAndAssetCtxs_2026-09-11.json")},
        ("funding", "open_interest"),
        2,
        id="Hyperliquid, 2026",
    ),
    pytest.param(
        "kucoin",
        {"/api/v1/contracts/active": lambda: answer("kucoin/contracts-active_2026-10-03_trimmed.json")},
        ("funding", "open_interest"),
        2,
        id="KuCoin, 2026",
    ),
]


@pytest.mark.parametrize(("venue", "answers", "topics", "least"), LISTS)
async def test_a_recorded_list_passes_whole(
    venue: str, answers: dict[str, Any], topics: tuple[Any, ...], least: int
) -> None:
    clock = Clock(datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC))
    async with FakeExchange(clock) as exchange:
        for path, said in answers.items():
            exchange.recorded[path] = said()
        source = CcxtVenue(
            recipes()[venue], clock=clock, steady=clock.steady, base_url=f"{exchange.base_url}/{venue}", paced=False
        )
        assets = sorted(await source.contracts(clock.now))
        assert len(assets) >= least
        for topic in topics:
            found = await source.fetch_all(topic, assets, clock.now)
            assert found is not None
            border, now = Border(), max(clock.now, from_ms(max(found.times)))
            usual, odd = border.admit_all(found, now)
            refused = [out for one in odd for out in border.admit(one, now)[1]]
            assert refused == []
            assert len(usual) + len(odd) == len(found)
        await source.close()


FIGURES = [  # rows that a recipe asks for one asset at a time: which file, where its rows are, and what they say
    pytest.param("binance/premiumIndex_2026-09-13.json", [], "lastFundingRate", "funding_rate", id="Binance, funding"),
    pytest.param("binance/premiumIndex_2026-09-13.json", [], "markPrice", "mark_price", id="Binance, marks"),
    pytest.param("bitget/current-fund-rate_usdt_2026-09-13.json", ["data"], "fundingRate", "funding_rate", id="Bitget"),
    pytest.param("bitget/v3_tickers_usdt_2026-09-13.json", ["data"], "lastPrice", "close", id="Bitget, prices"),
    pytest.param("okx/open-interest_2026-09-11.json", ["data"], "oiUsd", "open_interest_usd", id="OKX, dollars"),
    pytest.param("okx/open-interest_2026-09-11.json", ["data"], "oiCcy", "open_interest_coin", id="OKX, coins"),
    pytest.param("okx/funding-rate_ANY_2026-09-11.json", ["data"], "fundingRate", "funding_rate", id="OKX, funding"),
    pytest.param("okx/funding-rate-history_2026-09-11.json", ["data"], "realizedRate", "funding_rate", id="OKX, paid"),
    pytest.param("okx/mark-price_2026-09-11.json", ["data"], "markPx", "mark_price", id="OKX, marks"),
    pytest.param("kucoin/funding-rates_2026-10-03.json", ["data"], "fundingRate", "funding_rate", id="KuCoin, paid"),
    pytest.param("gate/funding_rate_2026-09-25.json", [], "r", "funding_rate", id="Gate, paid"),
    pytest.param("gate/contract_stats_5m_2026-09-17.json", [], "long_liq_usd", "liquidated_longs_usd", id="Gate"),
    pytest.param("gate/contract_stats_5m_2026-09-17.json", [], "lsr_account", "long_short_accounts", id="Gate, ratio"),
    pytest.param(
        "hyperliquid/nautilus_http_funding_history.json", [], "fundingRate", "funding_rate", id="Hyperliquid, paid"
    ),
]


@pytest.mark.parametrize(("path", "within", "field", "name"), FIGURES)
def test_a_recorded_figure_is_possible(path: str, within: list[str], field: str, name: str) -> None:
    rows = answer(path)
    for key in within:
        rows = rows[key]
    rows = rows if isinstance(rows, list) else [rows]
    figures = [float(row[field]) for row in rows if row.get(field) not in (None, "")]
    assert figures
    assert [figure for figure in figures if impossible(name, figure)] == []
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    for place, figure in enumerate(figures):  # each of an asset of its own
        asset = f"COIN{place}"
        good, rejected = Border().admit(Points("okx", asset, None, [to_ms(now)], {name: [figure]}), now)
        assert (len(good), rejected) == (1, [])
