from __future__ import annotations

from typing import Any

import pytest

from bot.market.exchange.contracts import Contract, perpetuals


def market(base: str, quote: str = "USDT", **more: Any) -> dict[str, Any]:
    listed = {"swap": True, "linear": True, "active": True, "base": base, "quote": quote, "contractSize": 1}
    return listed | {"symbol": f"{base}/{quote}:{quote}", "id": f"{base}{quote}"} | more


INVERSE = market("BTC", "USD", linear=False, inverse=True, id="BTC-PERPETUAL", contractSize=10)


@pytest.mark.parametrize(
    ("markets", "chosen"),
    [
        pytest.param([market("BTC", "USDC"), market("BTC")], {"BTC": "BTCUSDT"}, id="USDT before USDC"),
        pytest.param([market("BTC", "USDC")], {"BTC": "BTCUSDC"}, id="USDC where it is alone"),
        pytest.param([market("1000PEPE"), market("PEPE")], {"PEPE": "PEPEUSDT"}, id="the plain coin before the packed"),
        pytest.param([market("BTC", active=False)], {}, id="settling"),
        pytest.param([market("BTC", swap=False)], {}, id="dated future"),
        pytest.param([market("BTC", linear=False)], {}, id="coin-margined"),
        pytest.param([market("ETH", "BTC")], {}, id="not priced in dollars"),
        pytest.param([market("BTC", contractSize=None)], {}, id="of an unknown size"),
        pytest.param([market("BTC", contractSize=0)], {}, id="of no size"),
        pytest.param([market("XBT"), market("MATIC")], {"BTC": "XBTUSDT", "POL": "MATICUSDT"}, id="renamed"),
        pytest.param([market("1000X"), market("SHIB1000")], {"X": "1000XUSDT", "SHIB": "SHIB1000USDT"}, id="packed"),
        pytest.param([market("A:B"), market("BTC")], {"BTC": "BTCUSDT"}, id="a name that nobody could ask for"),
        pytest.param([market("KPEPE", baseName="kPEPE")], {"PEPE": "kPEPE"}, id="asked by name where ccxt numbers"),
    ],
)
def test_perpetuals(markets: list[dict[str, Any]], chosen: dict[str, str]) -> None:
    assert {asset: found.market_id for asset, found in perpetuals("binance", markets).items()} == chosen


@pytest.mark.parametrize(
    ("markets", "margins", "chosen"),
    [
        pytest.param([market("BTC")], ("inverse",), {}, id="linear where inverse is meant"),
        pytest.param([INVERSE], ("inverse",), {"BTC": "BTC-PERPETUAL"}, id="inverse"),
        pytest.param([market("BTC"), INVERSE], ("inverse", "linear"), {"BTC": "BTC-PERPETUAL"}, id="the preferred"),
        pytest.param([market("SOL"), INVERSE], ("inverse", "linear"), {"BTC": "BTC-PERPETUAL", "SOL": "SOLUSDT"},
                     id="the other where it is alone"),
    ],
)  # fmt: skip
def test_margins(markets: list[dict[str, Any]], margins: tuple[str, ...], chosen: dict[str, str]) -> None:
    found = perpetuals("deribit", markets, margins)
    assert {asset: contract.market_id for asset, contract in found.items()} == chosen
    assert all(contract.inverse == (contract.market_id == "BTC-PERPETUAL") for contract in found.values())


@pytest.mark.parametrize(
    ("contract", "coins", "usd"),
    [
        pytest.param(Contract("bybit", "BTC", "", ""), 1000, 50_000_000, id="sizes in coins"),
        pytest.param(Contract("okx", "BTC", "", "", size=0.01), 10, 500_000, id="a hundredth of a coin"),
        pytest.param(Contract("binance", "PEPE", "", "", 1000), 1_000_000, 50_000_000, id="a thousand coins as one"),
        pytest.param(Contract("deribit", "BTC", "", "", size=10, inverse=True), 0.2, 10_000, id="ten dollars each"),
    ],
)
def test_a_thousand_contracts_at_50000(contract: Contract, coins: float, usd: float) -> None:
    assert contract.coins(1000, 50_000) == pytest.approx(coins)
    assert contract.usd(1000, 50_000) == pytest.approx(usd)
