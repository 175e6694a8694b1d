from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.market.exchange.contracts import Contract
from bot.market.exchange.dated import Dated, dated, expiry_of
from bot.market.exchange.recipe import Unreadable, number
from bot.market.source import Ask, NotOffered
from bot.market.venues import bitget, gate, kucoin, okx
from signals.units import DAY_MS, to_ms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from storage.market.points import Points

RECORDED = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "recorded" / "2026"
AT = to_ms(datetime(2026, 11, 20, tzinfo=UTC))
BTC = Contract("bybit", "BTC", "BTC/USDT:USDT", "BTCUSDT")


def ahead(days: float, premium: float = 0.01) -> Dated:
    return Dated(AT + round(days * DAY_MS), 100.0 * (1 + premium), 100.0)


@pytest.mark.parametrize(
    ("futures", "days"),
    [
        pytest.param([ahead(35), ahead(126), ahead(217)], 126, id="126 days are nearer to 90 than 35"),
        pytest.param([ahead(44), ahead(137)], 44, id="44 days are nearer than 137"),
        pytest.param([ahead(6.9), ahead(300)], 300, id="what expires within a week is left out"),
        pytest.param([ahead(-5), ahead(7)], 7, id="a week is enough"),
    ],
)
def test_the_contract_nearest_to_a_quarter_speaks(futures: list[Dated], days: float) -> None:
    found = dated(BTC, AT, futures)
    assert (found.venue, found.asset, list(found.times)) == ("bybit", "BTC", [AT])
    assert found.columns["dated_days"][0] == pytest.approx(days)
    assert found.columns["dated_premium"][0] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("futures", "error"),
    [
        pytest.param([], NotOffered, id="none listed"),
        pytest.param([ahead(3)], NotOffered, id="only one that expires this week"),
        pytest.param([Dated(AT + 90 * DAY_MS, float("nan"), 100.0)], Unreadable, id="no mark"),
        pytest.param([Dated(AT + 90 * DAY_MS, 100.0, 0.0)], Unreadable, id="no index"),
        pytest.param([ahead(90, 999.0)], Unreadable, id="a thousandfold"),
        pytest.param([ahead(90, -0.6)], Unreadable, id="less than half"),
    ],
)
def test_what_cannot_be_told_is_an_error(futures: list[Dated], error: type[Exception]) -> None:
    with pytest.raises(error):
        dated(BTC, AT, futures)


@pytest.mark.parametrize(
    ("day", "at"),
    [
        ("25DEC26", datetime(2026, 12, 25, 8, tzinfo=UTC)),
        ("5JUL24", datetime(2024, 7, 5, 8, tzinfo=UTC)),
        ("261225", datetime(2026, 12, 25, 8, tzinfo=UTC)),
    ],
)
def test_the_day_of_an_expiry(day: str, at: datetime) -> None:
    assert expiry_of(day) == to_ms(at)


@pytest.mark.parametrize("day", ["31XXX26", "261325", "30FEB26", "CALL"])
def test_no_day_is_an_error(day: str) -> None:
    with pytest.raises(ValueError):
        expiry_of(day)


def test_a_recorded_future_of_bybit() -> None:
    """BTCUSDT-18SEP26 on 11 September 2026: 77,873.1 over 77,791.1, a week before its delivery."""
    path = RECORDED / "bybit" / "tickers_linear_2026-09-11_trimmed.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: recordings lie outside the project")
    rows = json.loads(path.read_text(encoding="utf-8"))["result"]["list"]
    (row,) = (row for row in rows if row["symbol"] == "BTCUSDT-18SEP26")
    future = Dated(int(row["deliveryTime"]), number(row["markPrice"]), number(row["indexPrice"]))
    found = dated(BTC, future.expiry - 7 * DAY_MS, [future])
    assert found.columns["dated_premium"][0] == pytest.approx(82.0 / 77_791.1)
    assert found.columns["dated_days"][0] == 7


async def test_a_recorded_future_of_kucoin() -> None:
    """XBTMZ26 on 3 October 2026: 85,438.2 over 84,508.04, and a perpetual that is delisted is none."""
    path = RECORDED / "kucoin" / "contracts-active_2026-10-03_trimmed.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: recordings lie outside the project")
    answer = json.loads(path.read_text(encoding="utf-8"))

    async def ask_raw(_: str, __: object, *, shared: bool, digest: Callable[[object], object]) -> object:
        assert shared, "the answer for all is asked for once"
        return digest(answer)

    ask = Ask("dated_futures", "BTC", datetime(2026, 10, 3, 8, tzinfo=UTC))
    (found,) = await kucoin.futures(ask_raw, replace(BTC, venue="kucoin", market_id="XBTUSDTM"), ask)  # type: ignore[arg-type]
    assert found.columns["dated_premium"][0] == pytest.approx(85_438.2 / 84_508.04 - 1)
    assert found.columns["dated_days"][0] == 83
    with pytest.raises(NotOffered, match=r"KuCoin lists no dated future of SOL\."):
        await kucoin.futures(ask_raw, Contract("kucoin", "SOL", "SOL/USDC:USDC", "SOLUSDCM"), ask)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asset", "error"),
    [
        pytest.param("BTC", None, id="nearest to a quarter"),
        pytest.param("ETH", Unreadable, id="no index of it"),
        pytest.param("SOL", NotOffered, id="none is listed"),
    ],
)
async def test_a_future_of_okx_is_of_its_own_pair(asset: str, error: type[Exception] | None) -> None:
    """Fields as okx.com/docs-v5 describes them; what is settled in coins and what is no dated future is passed by."""
    at = to_ms(datetime(2026, 10, 3, 8, tzinfo=UTC))
    marks = {
        "BTC-USDT-261009": 84_600.0,
        "BTC-USDT-261225": 85_438.2,
        "BTC-USD-261225": 99_000.0,
        "BTC-USD_UM_XPERP-310404": 84_500.0,
        "ETH-USDT-261225": 3000.0,
        "SOL-USD_UM_XPERP-310404": 150.0,
    }
    answers = {
        "publicGetPublicMarkPrice": [
            {"instId": name, "markPx": str(mark), "ts": str(at)} for name, mark in marks.items()
        ],
        "publicGetMarketIndexTickers": [{"instId": "BTC-USDT", "idxPx": "84508.04", "ts": str(at)}],
    }

    async def ask_raw(method: str, _: object, *, shared: bool, digest: Callable[[object], object]) -> object:
        assert shared, "the answer for all is asked for once"
        return digest({"code": "0", "data": answers[method]})

    contract = Contract("okx", asset, f"{asset}/USDT:USDT", f"{asset}-USDT-SWAP")
    ask = Ask("dated_futures", asset, datetime(2026, 10, 3, 8, tzinfo=UTC))
    if error:
        with pytest.raises(error):
            await okx.futures(ask_raw, contract, ask)  # type: ignore[arg-type]
        return
    (found,) = await okx.futures(ask_raw, contract, ask)  # type: ignore[arg-type]
    assert found.columns["dated_premium"][0] == pytest.approx(85_438.2 / 84_508.04 - 1)
    assert found.columns["dated_days"][0] == 83


_OCTOBER = datetime(2026, 10, 3, 8, tzinfo=UTC)
_GATE = [
    {
        "name": f"{underlying}_{day}", "underlying": underlying, "expire_time": int(expiry.timestamp()),
        "mark_price": mark, "index_price": index, "cycle": cycle,
    }
    for underlying, day, expiry, mark, index, cycle in (
        ("BTC_USDT", "20261009", datetime(2026, 10, 9, 8, tzinfo=UTC), "84600", "84508.04", "WEEKLY"),
        ("BTC_USDT", "20261225", datetime(2026, 12, 25, 8, tzinfo=UTC), "85438.2", "84508.04", "QUARTERLY"),
        ("ETH_USDT", "20261225", datetime(2026, 12, 25, 8, tzinfo=UTC), "0", "3000", "QUARTERLY"),
    )
]  # fmt: skip
_BITGET = [
    {"symbol": symbol, "markPrice": mark, "indexPrice": index, "deliveryTime": time, "ts": str(to_ms(_OCTOBER))}
    for symbol, mark, index, time in (
        ("BTCUSD", "84510", "84508.04", None),
        ("BTCUSDZ26", "85438.2", "84508.04", str(to_ms(datetime(2026, 12, 25, 8, tzinfo=UTC)))),
        ("ETHUSDZ26", "0", "3000", str(to_ms(datetime(2026, 12, 25, 8, tzinfo=UTC)))),
        ("SOLUSD", "150", "150", ""),
    )
]


@pytest.mark.parametrize(
    ("asset", "error"),
    [
        pytest.param("BTC", None, id="nearest to a quarter"),
        pytest.param("ETH", Unreadable, id="no price of it"),
        pytest.param("SOL", NotOffered, id="none is listed"),
    ],
)
@pytest.mark.parametrize(
    ("futures", "name", "answer"),
    [
        pytest.param(gate.futures, "{asset}_USDT", _GATE, id="Gate, as its documents show it"),
        pytest.param(bitget.futures, "{asset}USDT", {"data": _BITGET}, id="Bitget, among what is settled in coins"),
    ],
)
async def test_a_future_in_the_answer_for_all(
    futures: Callable[..., Awaitable[list[Points]]],
    name: str,
    answer: object,
    asset: str,
    error: type[Exception] | None,
) -> None:
    async def ask_raw(_: str, __: object, *, shared: bool, digest: Callable[[object], object]) -> object:
        assert shared, "the answer for all is asked for once"
        return digest(answer)

    contract = Contract("gate", asset, f"{asset}/USDT:USDT", name.format(asset=asset))
    ask = Ask("dated_futures", asset, _OCTOBER)
    if error:
        with pytest.raises(error):
            await futures(ask_raw, contract, ask)
        return
    (found,) = await futures(ask_raw, contract, ask)
    assert found.columns["dated_premium"][0] == pytest.approx(85_438.2 / 84_508.04 - 1)
    assert found.columns["dated_days"][0] == 83
