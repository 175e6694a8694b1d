"""The contract that is named is the one that is answered, and said; what cannot be taken is named as what it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, Refused, nobody
from handlers.reply import plain_text
from storage.engine.database import Store
from storage.market import points
from tests import loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from handlers.reply import Reply

    Ask = Callable[[str], Reply]

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
PRICES = {"BTC": 80_546.0, "PEPE": 0.0000087, "SHIB": 0.000009, "SATS": 2e-7}


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    store = Store(tmp_path / "perpulse.db")
    for asset, price in PRICES.items():
        frame = pd.DataFrame({"mark_price": [price]}, index=pd.DatetimeIndex([NOW]))
        points.write(store, [points.Points.of_frame("binance", asset, None, frame)])

    def said(line: str) -> Reply:
        return loop.run(answer(line, Deps(NOW, Asker("terminal", Address("me")), store, ("BTC", "PEPE"), nobody)))

    yield said
    store.close()


NAMES = ("BTCUSDC", "BTC-USDC-SWAP", "BTCPERP", "btc/usdc")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "line",
    [
        "/size {} 80000 stop 79000 risk 500usd",
        "/pnl {} 80000 81000 long 0.1",
        "/margin {} 80000 5x long 0.5btc liq 60000",
        "/watch {} long 80000 5x",
        "/check {} long 80000 5x",
    ],
)
def test_every_calculator_says_which_contract_it_read(ask: Ask, line: str, name: str) -> None:
    assert (ask(line.format(name)).read_as or "").startswith("BTC/USDC · ")


@pytest.mark.parametrize(
    ("line", "market"),
    [
        pytest.param("/watch BTCUSDC long 70000 5x", "Binance's USDT contract", id="in USDC"),
        pytest.param("/watch BTCUSD bybit long 70000 5x", "Binance's USDT contract", id="in coins"),
        pytest.param("/watch btc long 70000 5x", "Binance", id="the one that is stored"),
    ],
)
def test_a_mark_price_of_another_contract_is_named(ask: Ask, line: str, market: str) -> None:
    assert f"mark price of {market}, 12:00 UTC" in plain_text(ask(line).all_blocks())


@pytest.mark.parametrize(
    ("line", "read"),
    [
        pytest.param("/size kpepe 0.0087 stop 0.008 risk 50usd", "1000PEPE · ", id="kPEPE"),
        pytest.param("/pnl 1000PEPEUSDT 0.0087 0.009 long", "1000PEPE/USDT"[:8], id="1000PEPEUSDT"),
        pytest.param("/size 10000SATSUSDT 0.002 stop 0.0019 risk 50usd", "10000SATS", id="10000SATSUSDT"),
    ],
)
def test_a_pack_is_said_as_one(ask: Ask, line: str, read: str) -> None:
    assert (ask(line).read_as or "").startswith(read)


@pytest.mark.parametrize("name", ["1000PEPE", "kpepe", "1000PEPEUSDT", "pepeusdt"])
def test_a_figure_of_a_pack_is_that_of_its_coin(ask: Ask, name: str) -> None:
    reply = ask(f"/price {name}")
    assert (reply.values["asset"], reply.values["price"]) == ("PEPE", PRICES["PEPE"])


@pytest.mark.parametrize("exchange", ["bybit", "OKX", "hl", "gate", "kraken", "bitget"])
@pytest.mark.parametrize(
    "command",
    ["price btc", "oi btc", "liqs btc", "taker btc", "health btc", "chart btc", "pnl 80000 81000 long", "map"],
)
def test_an_exchange_is_no_second_coin(ask: Ask, command: str, exchange: str) -> None:
    with pytest.raises(Refused) as refused:
        ask(f"/{command} {exchange}")
    name = command.partition(" ")[0]
    assert str(refused.value).startswith(f"“{exchange}” is an exchange, and /{name} takes none. Type it like /{name}")


@pytest.mark.parametrize("coin", ["dydx", "hyper", "bnc"])
def test_a_coin_that_is_an_exchange_as_well_stays_a_coin(ask: Ask, coin: str) -> None:
    with pytest.raises(Refused, match=f"Nothing is known of {coin.upper()}"):
        ask(f"/price {coin}")
