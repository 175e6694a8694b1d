"""What is no perpetual of a coin is not taken for one of the same name: shares, metals, what is not traded yet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.market.exchange.contracts import is_no_coin, perpetuals
from bot.market.exchange.venue_recipe import recipes

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "recorded" / "2026"
LISTS = [
    pytest.param("binance", "exchangeInfo_tradfi_2026-09_trimmed.json", "symbols", "symbol", id="Binance"),
    pytest.param("kucoin", "contracts-active_2026-10-03_trimmed.json", "data", "symbol", id="KuCoin"),
    pytest.param("gate", "contracts_2026-09-11.json", None, "name", id="Gate"),
]
WANTED = {
    "binance": ({"CATUSDT", "XAUUSDT", "TSLAUSDT", "SPYUSDT"}, {"1000CATUSDT", "BBUSDT", "PAXGUSDT"}),
    "kucoin": ({"BPUSDTM"}, {"XBTUSDTM", "DOGEUSDTM"}),
    "gate": ({"ANDURIL_USDT"}, {"BTC_USDT", "2Z_USDT"}),
}


def market(base: str, info: dict[str, Any]) -> dict[str, Any]:
    """Return a market as ccxt gives it."""
    return {
        "id": f"{base}USDT",
        "symbol": f"{base}/USDT:USDT",
        "base": base,
        "quote": "USDT",
        "swap": True,
        "linear": True,
        "active": True,
        "contractSize": 1.0,
        "info": info,
    }


@pytest.mark.parametrize(("venue", "file", "within", "named"), LISTS)
def test_the_recorded_lists(venue: str, file: str, within: str | None, named: str) -> None:
    path = RECORDED / venue / file
    if not path.exists():
        pytest.skip(f"{path} is not here: the recordings lie outside the project")
    answer = json.loads(path.read_text(encoding="utf-8"))
    rows = answer[within] if within else answer
    out = {row[named] for row in rows if is_no_coin({"info": row}, recipes()[venue].no_coins)}
    left_out, kept = WANTED[venue]
    assert left_out <= out
    assert not kept & out


def test_the_share_never_stands_for_the_coin() -> None:
    share = market("CAT", {"contractType": "TRADIFI_PERPETUAL", "underlyingType": "EQUITY"})
    coin = market("1000CAT", {"contractType": "PERPETUAL", "underlyingType": "COIN"})
    no_coins = recipes()["binance"].no_coins
    found = perpetuals("binance", [share, coin], no_coins=no_coins)
    assert {asset: (one.market_id, one.multiplier) for asset, one in found.items()} == {"CAT": ("1000CATUSDT", 1000)}
    assert perpetuals("binance", [share], no_coins=no_coins) == {}


def test_what_a_venue_does_not_say_leaves_nothing_out() -> None:
    plain = market("BTC", {})
    for recipe in recipes().values():
        assert not is_no_coin(plain, recipe.no_coins)
        assert not is_no_coin({**plain, "info": None}, recipe.no_coins)
