"""What is no perpetual of a coin is not taken for one: shares, metals, what is not traded yet, what has a date."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.market.collector import Collector
from bot.market.exchange.contracts import is_no_coin, left_out, perpetuals
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.keeper import Keeper
from storage.engine.database import Store
from storage.sources import source_state
from tests.fakes.exchange import Clock, FakeExchange

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


DATED = [  # an answer recorded of the list of contracts, below which path, and the dated one among them
    pytest.param(
        "kucoin", "contracts-active_2026-10-03_trimmed.json", "/api/v1/contracts/active", "XBTMZ26", id="KuCoin"
    ),
    pytest.param(
        "bybit",
        "instruments-info_linear_2026-09-11_trimmed.json",
        "/v5/market/instruments-info",
        "BTCUSDT-18SEP26",
        id="Bybit",
    ),
]


@pytest.mark.parametrize(("venue", "file", "path", "dated"), DATED)
async def test_a_dated_contract_is_no_perpetual(venue: str, file: str, path: str, dated: str, tmp_path: Path) -> None:
    """Through ccxt's own reading of a list: whatever stands for an asset, it is not the contract that ends."""
    recording = RECORDED / venue / file
    if not recording.exists():
        pytest.skip(f"{recording} is not here: the recordings lie outside the project")
    clock = Clock(datetime(2026, 9, 15, 12, tzinfo=UTC))
    async with FakeExchange(clock) as exchange:
        exchange.recorded[path] = json.loads(recording.read_text(encoding="utf-8"))
        source = CcxtVenue(
            recipes()[venue], clock=clock, steady=clock.steady, base_url=f"{exchange.base_url}/{venue}", paced=False
        )
        taken = await source.contracts(clock.now)
        assert taken
        assert dated not in {contract.market_id for contract in taken.values()}
        assert source.left_out.get(dated, "inverse, of another venue") == (
            "inverse, of another venue" if venue == "kucoin" else "dated"
        )
        told = Store(tmp_path / "perpulse.db")
        held = Collector([source], clock=clock, steady=clock.steady, keeper=Keeper(told, clock))
        await held.round(["BTC"])
        (note,) = source_state.notes(told)
        assert dict(note.left_out) == source.left_out, "and /sources in another process can tell"
        await held.close()
        told.close()


def test_what_is_left_out_is_named_with_what_it_is() -> None:
    no_coins = recipes()["binance"].no_coins
    share = market("CAT", {"contractType": "TRADIFI_PERPETUAL", "underlyingType": "EQUITY"})
    soon = market("BP", {"contractType": "PERPETUAL", "underlyingType": "PREMARKET"})
    other = market("ODD", {"contractType": "TRADIFI_PERPETUAL", "underlyingType": "KR_FUND"})
    dated = market("BTC", {}) | {"id": "BTCUSDT_261225", "swap": False, "future": True}
    gone = market("OLD", {"underlyingType": "EQUITY"}) | {"active": False}
    coin = market("BTC", {"contractType": "PERPETUAL", "underlyingType": "COIN"})
    assert left_out([share, soon, other, dated, gone, coin], ("linear",), no_coins) == {
        "BP": "not traded yet", "BTCUSDT_261225": "dated", "CAT": "share", "ODD": "no coin"
    }  # fmt: skip
    assert perpetuals("binance", [dated], no_coins=no_coins) == {}
