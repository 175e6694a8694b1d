# ruff: noqa: E501 -- rows as venues send them
"""What exchanges really sent, and figures that others have published of their answers, through ccxt's own parsing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.source import Ask, NotOffered, SourceDown
from bot.market.venues.gate import _bought
from tests.bot.market.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.fakes.exchange import Clock, FakeExchange


def cryptofeed(name: str) -> dict[str, Any]:
    """Read the HTTP answers of a capture, by address."""
    file = DATA / "recorded" / "cryptofeed" / name
    if not file.exists():
        pytest.skip(f"the recorded answers {name} are not beside this checkout (../shared/data/recorded/cryptofeed)")
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        url, arrow, rest = line.partition(" -> ")
        if arrow and url.startswith("http"):
            found[url] = json.loads(rest.split(": ", 1)[1])
    return found


@pytest.fixture
async def venue(exchange: FakeExchange, clock: Clock) -> AsyncIterator[Callable[[str], CcxtVenue]]:
    made: list[CcxtVenue] = []

    def make(name: str) -> CcxtVenue:
        made.append(
            CcxtVenue(
                recipes()[name], clock=clock, steady=clock.steady, base_url=exchange.base_url, timeout_s=2, paced=False
            )
        )
        return made[-1]

    yield make
    for source in made:
        await source.close()


async def rows(venue: CcxtVenue, topic: Any, asset: str, now: datetime, **back: float) -> list[dict[str, float]]:
    since = now - timedelta(**back) if back else None
    found = await venue.fetch(Ask(topic, asset, now, since))
    return [given.frame().iloc[-1].to_dict() for given in found]


def ms(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


@pytest.mark.slow
async def test_gate_contracts_of_2023(venue: Any, exchange: FakeExchange, clock: Clock) -> None:
    answers = cryptofeed("GATEIO_FUTURES.0")
    listed = answers["https://api.gateio.ws/api/v4/futures/usdt/contracts"]
    exchange.recorded["/api/v4/futures/usdt/contracts"] = listed
    gate = venue("gate")
    (held,) = await rows(gate, "open_interest", "KNC", clock.now)
    # 51,137 contracts of one KNC at 0.6104
    assert held == {"open_interest_coin": 51137.0, "open_interest_usd": pytest.approx(51137 * 0.6104)}
    (rate,) = await rows(gate, "funding", "KNC", clock.now)
    assert rate == {"funding_rate": 0.0001, "funding_interval_hours": 8, "mark_price": 0.6104, "index_price": 0.610333}
    by_name = {row["name"]: row for row in listed}
    for asset, contract in gate._contracts.items():
        row = by_name[contract.market_id]
        assert contract.size == float(row["quanto_multiplier"]), asset
    assert len(gate._contracts) > 150


async def test_gate_book_of_2023(venue: Any, exchange: FakeExchange, clock: Clock) -> None:
    exchange.recorded["/api/v4/futures/usdt/contracts"] = cryptofeed("GATEIO_FUTURES.0")[
        "https://api.gateio.ws/api/v4/futures/usdt/contracts"
    ]
    url = "https://api.gateio.ws/api/v4/futures/usdt/order_book?contract=PHB_USDT&limit=100&with_id=true"
    book = cryptofeed("GATEIO_FUTURES.http.0.0")[url]
    exchange.recorded["/api/v4/futures/usdt/order_book"] = book
    (found,) = await venue("gate").fetch(Ask("depth", "PHB", clock.now))
    assert found.frame().index[0] == ms(1684930166957)
    mid = (float(book["asks"][0]["p"]) + float(book["bids"][0]["p"])) / 2
    near = [level for level in book["asks"] if float(level["p"]) <= mid * 1.01]
    assert 5 < len(near) < len(book["asks"])
    assert found.frame()["depth_asks_usd"].iloc[0] == pytest.approx(
        sum(level["s"] * float(level["p"]) for level in near)
        * float({row["name"]: row for row in exchange.recorded["/api/v4/futures/usdt/contracts"]}["PHB_USDT"]["quanto_multiplier"])
    )  # fmt: skip


async def test_deribit_instruments_of_2021(venue: Any, exchange: FakeExchange, clock: Clock) -> None:
    answers = cryptofeed("DERIBIT.0")
    # the rows of 2021 do not name yet what they are settled and counted in: their own coin, and dollars
    rows = [
        {"settlement_currency": row["base_currency"], "counter_currency": row["quote_currency"]} | row
        for answer in answers.values()
        for row in answer["result"]
        if row["kind"] == "future"
    ]
    exchange.recorded["/api/v2/public/get_instruments"] = {"jsonrpc": "2.0", "result": rows}
    deribit = venue("deribit")
    listed = await deribit.contracts(clock.now)
    bitcoin, uniswap = listed["BTC"], listed["UNI"]
    assert (bitcoin.market_id, bitcoin.inverse, bitcoin.size) == ("BTC-PERPETUAL", True, 10)
    assert (uniswap.market_id, uniswap.inverse) == ("UNI_USDC-PERPETUAL", False)


async def test_binance_coinm(venue: Any, exchange: FakeExchange, clock: Clock, recorded: Any) -> None:
    exchange.recorded["/dapi/v1/exchangeInfo"] = cryptofeed("BINANCE_DELIVERY.0")[
        "https://dapi.binance.com/dapi/v1/exchangeInfo"
    ]
    coinm = venue("binance_coinm")
    exchange.recorded["/dapi/v1/openInterest"] = recorded["/dapi/v1/openInterest"]["symbol=BTCUSD_PERP"]
    premium = dict(recorded["/dapi/v1/premiumIndex"]["symbol=BTCUSD_PERP"][0])
    exchange.recorded["/dapi/v1/premiumIndex"] = [*recorded["/dapi/v1/premiumIndex"][""], premium]
    assert {contract.size for contract in coinm._contracts.values()} <= {10, 100}
    (held,) = await rows(coinm, "open_interest", "BTC", clock.now)
    assert held == {"open_interest_usd": 678_465_700}  # 6,784,657 contracts of $100; the prices are of another day
    exchange.recorded["/dapi/v1/premiumIndex"] = [premium | {"time": 1702244982986}]
    (held,) = await rows(coinm, "open_interest", "BTC", clock.go(minutes=1))
    assert held["open_interest_coin"] == pytest.approx(678_465_700 / float(premium["markPrice"]))
    (rate,) = await rows(coinm, "funding", "BTC", clock.now)
    assert (rate["funding_rate"], rate["index_price"]) == (0.00006292, 26792.39505234)


@pytest.mark.slow
async def test_binance_coinm_volume_is_dollars(venue: Any, exchange: FakeExchange, recorded: Any, clock: Clock) -> None:
    query = "endTime=1673136000000&interval=1d&limit=1000&startTime=1672531200000&symbol=BTCUSD_PERP"
    exchange.recorded["/dapi/v1/klines"] = recorded["/dapi/v1/klines"][query]
    (found,) = await venue("binance_coinm").fetch(Ask("bars", "BTC", ms(1673136000000)))
    first = found.frame().iloc[0]
    assert list(first[["open", "high", "low", "close"]]) == [16531.2, 16615.9, 16486.6, 16607.9]
    assert (first["volume_usd"], first["taker_buy_usd"]) == (206_795_900, 109_435_200)
    assert first["volume_usd"] == pytest.approx(12496.62852978 * 16550, rel=0.01)  # the same in coins, at the price


async def test_binance_coinm_book(venue: Any, exchange: FakeExchange, clock: Clock, recorded: Any) -> None:
    book = recorded["/dapi/v1/depth"]["limit=100&symbol=BTCUSD_PERP"]
    exchange.recorded["/dapi/v1/depth"] = book
    with pytest.raises(NotOffered, match="too few levels of BTC"):  # a hundred levels of $0.1 reach nowhere near 1 %
        await rows(venue("binance_coinm"), "depth", "BTC", clock.now)
    far = [[f"{float(book['asks'][0][0]) * 1.02:.1f}", "7"]]  # two levels beyond, so that they do
    near = [[f"{float(book['bids'][0][0]) * 0.98:.1f}", "7"]]
    exchange.recorded["/dapi/v1/depth"] = book | {"asks": book["asks"] + far, "bids": book["bids"] + near}
    (found,) = await rows(venue("binance_coinm"), "depth", "BTC", clock.now)
    assert found["depth_asks_usd"] == pytest.approx(100 * sum(float(size) for _, size in book["asks"]))


async def test_binance_ratios(venue: Any, exchange: FakeExchange, clock: Clock, recorded: Any) -> None:
    paths = {
        "globalLongShortAccountRatio": "endTime=1602823310&limit=10&period=5m&startTime=1602808910&symbol=BTCUSDT",
        "topLongShortAccountRatio": "limit=2&period=5m&symbol=BTCUSDT",
        "topLongShortPositionRatio": "endTime=1602820372&period=1d&startTime=1602802372&symbol=BTCUSDT",
    }
    for path, query in paths.items():
        exchange.recorded[f"/futures/data/{path}"] = recorded[f"/futures/data/{path}"][query]
    found = await venue("binance").fetch(Ask("ratios", "BTC", clock.now))
    names = ["long_short_accounts", "long_short_top_accounts", "long_short_top_positions"]
    assert [list(given.frame().columns) for given in found] == [[name] for name in names]
    assert found[0].frame().loc[ms(1602820500000), "long_short_accounts"] == 1.2952
    assert found[1].frame().loc[ms(1602989100000), "long_short_top_accounts"] == 1.0700
    assert found[2].frame().loc[ms(1600300800000), "long_short_top_positions"] == 1.1246


async def test_bybit_counts_both_sides(venue: Any, exchange: FakeExchange, clock: Clock) -> None:
    """ETHUSDT on 2026-09-15, as public projects recorded it: 52,664.642 on both sides, 26,332.321 on one."""
    both, one = "52664.64200000", "26332.321"
    at = round(clock.now.timestamp() * 1000)
    ticker = {
        "symbol": "ETHUSDT", "markPrice": "2488.1", "indexPrice": "2488", "fundingRate": "0.0001", "openInterest": both,
        "openInterestValue": str(52664.642 * 2488.1), "fundingIntervalHour": "8",
    }  # fmt: skip
    bybit = venue("bybit")
    for row in (ticker, ticker | {"singleOpenInterest": one, "singleOpenInterestValue": str(26332.321 * 2488.1)}):
        exchange.recorded["/v5/market/tickers"] = {"retCode": 0, "result": {"list": [row]}, "time": at}
        (held,) = await rows(bybit, "open_interest", "ETH", clock.go(minutes=1))
        assert held["open_interest_coin"] == pytest.approx(26332.321)
        assert held["open_interest_usd"] == pytest.approx(26332.321 * 2488.1)


async def test_okx_counts_contracts_and_coins(venue: Any, exchange: FakeExchange, clock: Clock) -> None:
    """BTC-USDT-SWAP, as its statistics gave it: contracts, coins, dollars."""
    at = round(clock.now.timestamp() * 1000) // 3_600_000 * 3_600_000
    exchange.recorded["/api/v5/rubik/stat/contracts/open-interest-history"] = {
        "code": "0", "data": [[str(at), "2800476.45", "28006.5419", "2360916466.88"]], "msg": ""
    }  # fmt: skip
    coins, usd, _ = await rows(venue("okx"), "open_interest", "BTC", clock.now, hours=2)
    assert coins == {"open_interest_coin": 28006.5419}
    assert usd == {"open_interest_usd": 2360916466.88}


async def test_hyperliquid_counts_coins(venue: Any, exchange: FakeExchange, clock: Clock) -> None:
    """BTC on 2024-12-17, as ccxt's own change shows it."""
    context = {
        "funding": "0.00003094", "openInterest": "9942.2624", "prevDayPx": "103950.0", "dayNtlVlm": "1551602431.44650126",
        "premium": "0.00087887", "oraclePx": "106956.0", "markPx": "107043.0", "midPx": "107050.5",
        "impactPxs": ["107050.0", "107051.0"], "dayBaseVlm": "14598.15467",
    }  # fmt: skip
    meta = {"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 50}]}
    exchange.recorded["/info"] = [meta, [context]]
    hyperliquid = venue("hyperliquid")
    (held,) = await rows(hyperliquid, "open_interest", "BTC", clock.now)
    assert held == {"open_interest_coin": 9942.2624, "open_interest_usd": pytest.approx(9942.2624 * 107043)}
    (rate,) = await rows(hyperliquid, "funding", "BTC", clock.now)
    assert rate == {
        "funding_rate": 0.00003094, "funding_interval_hours": 1, "mark_price": 107043, "index_price": 106956
    }  # fmt: skip


async def test_kucoin_bars_count_contracts(venue: Any, exchange: FakeExchange) -> None:
    """XBTUSDTM on 2024-01-30, an answer that ccxt keeps: six columns then, the last of them contracts of 0.001 BTC."""
    exchange.recorded["/api/v1/kline/query"] = {
        "code": "200000",
        "data": [
            [1706630400000, 43375.2, 43514.2, 43219, 43492, 354348],
            [1706634000000, 43495.6, 43598.9, 43301.8, 43392.3, 282425],
            [1706637600000, 43392.4, 43492.9, 43278.9, 43359.9, 296246],
        ],
    }  # fmt: skip
    (found,) = await venue("kucoin").fetch(Ask("bars", "BTC", ms(1706641320000)))
    assert list(found.frame().index) == [ms(1706630400000), ms(1706634000000), ms(1706637600000)]
    assert list(found.frame().iloc[0][["open", "high", "low", "close"]]) == [43375.2, 43514.2, 43219, 43492]
    assert found.frame()["volume_usd"].iloc[0] == pytest.approx(354.348 * 43492)  # $15m in an hour


async def test_bitget_rates_come_with_their_hours(venue: Any, exchange: FakeExchange, clock: Clock) -> None:
    """BTCUSDT on 2025-04-24, an answer that ccxt keeps."""
    exchange.recorded["/api/v2/mix/market/current-fund-rate"] = {
        "code": "00000", "msg": "success", "requestTime": 1745500986108,
        "data": [{
            "symbol": "BTCUSDT", "fundingRate": "-0.000014", "fundingRateInterval": "8", "nextUpdate": "1745510400000",
            "minFundingRate": "-0.003", "maxFundingRate": "0.003",
        }],
    }  # fmt: skip
    (rate,) = await rows(venue("bitget"), "funding", "BTC", clock.now)
    assert (rate["funding_rate"], rate["funding_interval_hours"]) == (-0.000014, 8)


# --- Gate of September 2026

GATE = "/api/v4/futures/usdt"


def gate_of_2026(name: str) -> Any:
    """Read a recorded answer of Gate."""
    file = DATA / "recorded" / "2026" / "gate" / name
    if not file.exists():
        pytest.skip(f"the recorded answer {name} is not beside this checkout (../shared/data/recorded/2026/gate)")
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture
def gate_lists(exchange: FakeExchange) -> dict[str, Any]:
    """Have the contract of BTC as it was recorded on 25 September in the list, and return it."""
    contract = gate_of_2026("contract_BTC_USDT_2026-09-25.json")
    exchange.recorded[f"{GATE}/contracts"] = [contract]
    return contract


async def test_gate_open_interest_is_one_side(venue: Any, clock: Clock, gate_lists: Any) -> None:
    clock.now = datetime(2026, 9, 25, 18, 0, tzinfo=UTC)
    (held,) = await rows(venue("gate"), "open_interest", "BTC", clock.now)
    assert held["open_interest_coin"] == pytest.approx(28_903.1937)
    assert held["open_interest_usd"] == pytest.approx(28_903.1937 * 83_760.7)
    (ticker,) = gate_of_2026("ws_ticker_BTC_USDT_2026-09-25.json")["result"]
    assert int(ticker["total_size"]) / gate_lists["position_size"] == pytest.approx(2, rel=0.001), "the other is both"


async def test_gate_statistics_count_both_sides(
    venue: Any, exchange: FakeExchange, clock: Clock, gate_lists: Any
) -> None:
    stats = gate_of_2026("contract_stats_5m_2026-09-17.json")
    exchange.recorded[f"{GATE}/contract_stats"] = stats
    clock.now = ms(stats[-1]["time"] * 1000) + timedelta(hours=1, minutes=1)  # its rows are read as those of hours
    coins, usd, live = await venue("gate").fetch(Ask("open_interest", "BTC", clock.now, clock.now - timedelta(hours=3)))
    for row, coin, dollars in zip(
        stats, coins.columns["open_interest_coin"], usd.columns["open_interest_usd"], strict=True
    ):
        assert coin == pytest.approx(row["open_interest"] * float(gate_lists["quanto_multiplier"]) / 2)
        assert dollars == pytest.approx(coin * row["mark_price"]), "dollars are coins at the mark price of that moment"
    # a week lies between the two recordings: the same magnitude, and no factor of two
    assert 0.7 < coins.columns["open_interest_coin"][-1] / live.columns["open_interest_coin"][0] < 1.4
    newest = await rows(venue("gate"), "ratios", "BTC", clock.now)
    assert {name: figure for one in newest for name, figure in one.items()} == {
        "long_short_accounts": stats[-1]["lsr_account"],
        "long_short_top_accounts": stats[-1]["top_lsr_account"],
        "long_short_top_positions": stats[-1]["top_lsr_size"],
    }


def test_gate_taker_sizes_are_in_one_unit() -> None:
    """Their quotient is published beside them, so that either is a share of both."""
    for row in gate_of_2026("contract_stats_5m_2026-09-17.json"):
        assert row["long_taker_size"] / row["short_taker_size"] == pytest.approx(row["lsr_taker"], rel=1e-12)
        share = _bought(row)
        assert share == pytest.approx(row["lsr_taker"] / (1 + row["lsr_taker"]))
    assert _bought({"long_taker_size": 0, "short_taker_size": 0}) is None
    assert _bought({}) is None


def test_gate_candles_have_their_volume_in_dollars(gate_lists: Any) -> None:
    size = float(gate_lists["quanto_multiplier"])
    for row in gate_of_2026("candlesticks_1m_2026-09-25.json"):
        assert float(row["l"]) <= float(row["sum"]) / (row["v"] * size) <= float(row["h"])


async def test_gate_funding_of_2026(venue: Any, exchange: FakeExchange, clock: Clock, gate_lists: Any) -> None:
    rates = gate_of_2026("funding_rate_2026-09-25.json")
    exchange.recorded[f"{GATE}/funding_rate"] = rates
    clock.now = ms(rates[0]["t"] * 1000) + timedelta(minutes=1)
    since = ms(rates[-1]["t"] * 1000) + timedelta(minutes=1)
    past, live = await venue("gate").fetch(Ask("funding", "BTC", clock.now, since))
    assert list(past.columns["funding_rate"]) == [float(row["r"]) for row in reversed(rates[:-1])]
    assert set(past.columns["funding_interval_hours"]) == {8.0}
    assert live.columns["funding_rate"] == [float(gate_lists["funding_rate"])]


@pytest.mark.usefixtures("gate_lists")
async def test_gate_refusal_of_what_is_too_old(venue: Any, exchange: FakeExchange, clock: Clock) -> None:
    exchange.recorded[f"{GATE}/funding_rate"] = gate_of_2026("error_from_too_old.json")
    with pytest.raises(SourceDown) as caught:
        await venue("gate").fetch(Ask("funding", "BTC", clock.now, clock.now - timedelta(days=400)))
    assert caught.value.about == "range"
