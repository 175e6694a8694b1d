from __future__ import annotations

from typing import Any

import pytest

from bot.sources.contracts import perpetuals, unpack


@pytest.mark.parametrize(
    ("base", "asset", "multiplier"),
    [
        pytest.param("BTC", "BTC", 1, id="plain"),
        pytest.param("1000PEPE", "PEPE", 1000, id="thousand"),
        pytest.param("1000000MOG", "MOG", 1_000_000, id="million, in digits"),
        pytest.param("10000LADYS", "LADYS", 10_000, id="ten thousand"),
        pytest.param("1MBABYDOGE", "BABYDOGE", 1_000_000, id="million, in a letter"),
        pytest.param("kSHIB", "SHIB", 1000, id="k"),
        pytest.param("KAVA", "KAVA", 1, id="a capital K is a name"),
        pytest.param("1INCH", "1INCH", 1, id="a name that begins with a digit"),
        pytest.param("0G", "0G", 1, id="the same"),
        pytest.param("1000", "1000", 1, id="nothing left of it"),
        pytest.param("1000X", "X", 1000, id="one letter left"),
    ],
)
def test_unpack(base: str, asset: str, multiplier: int) -> None:
    assert unpack(base) == (asset, multiplier)


def market(base: str, quote: str = "USDT", **more: Any) -> dict[str, Any]:
    listed = {"swap": True, "linear": True, "active": True, "base": base, "quote": quote}
    return listed | {"symbol": f"{base}/{quote}:{quote}", "id": f"{base}{quote}"} | more


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
    ],
)
def test_perpetuals(markets: list[dict[str, Any]], chosen: dict[str, str]) -> None:
    assert {asset: found.market_id for asset, found in perpetuals("binance", markets).items()} == chosen
