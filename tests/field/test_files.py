"""Files as people have them: days missing, lines at another hour, contracts counted in coins, other names."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.archive.importing import Imported, ImportRefused, read_file

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "at,venue,asset,input,value\n"
# An hour of BTCUSD_PERP: 409,953 contracts of $100
COIN_MARGINED = json.loads(
    '[1698364800000,"34161.6","34182.5","33977.4","34024.2","409953",1698368399999,"1202.97118037",15095,"192220",'
    '"564.12041453","0"]'
)
LINEAR = json.loads(
    '[1698364800000,"34161.6","34182.5","33977.4","34024.2","1202.97118037",1698368399999,"40995300",15095,'
    '"564.12041453","19222000","0"]'
)


def read(tmp_path: Path, text: str, name: str = "file.csv", asset: str | None = None) -> Imported:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_file(path, asset=asset, now=NOW)


def closes(*days: float) -> str:
    return HEADER + "".join(
        f"{FIRST + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ},binance,BTC,close,{90_000 + day:.2f}\n" for day in days
    )


@pytest.mark.parametrize(
    ("days", "odd"),
    [
        pytest.param([0, 1, 3, 4], [], id="a day is missing"),
        pytest.param([0, 3, 5, 8], [], id="many are missing"),
        pytest.param([0, 1, 2 + 19 / 24, 4], [4], id="one line at another hour, and a hole"),
        pytest.param([0, 1 + 19 / 24, 2], [3], id="of three lines"),
        pytest.param([0, 1, 2, 3, 4.125, 5, 6, 7, 8, 9], [6], id="of ten"),
    ],
)
def test_good_days_are_kept_and_the_odd_line_named(tmp_path: Path, days: list[float], odd: list[int]) -> None:
    found = read(tmp_path, closes(*days))
    assert [problem.line for problem in found.problems] == odd
    assert all("lies at another hour than the other bars of 1d" in problem.reason for problem in found.problems)
    assert len(found.kept) == len(days) - len(odd)
    assert found.step == {("binance", "BTC"): timedelta(days=1)}


def test_days_that_begin_elsewhere_are_told(tmp_path: Path) -> None:
    found = read(tmp_path, closes(*[day + 16 / 24 for day in range(5)]))
    assert len(found.kept) == 5
    assert found.notes == ("bars of binance BTC begin at 16:00 UTC and not at midnight; kept as they are",)


@pytest.mark.parametrize(
    ("name", "asset"),
    [
        pytest.param("BTCUSD_PERP-1h.json", None, id="by its name"),
        pytest.param("klines.json", "BTC", id="by its content"),
        pytest.param("klines.json", "BTCUSD_PERP", id="as given"),
    ],
)
def test_klines_counted_in_contracts_are_coin_margined(tmp_path: Path, name: str, asset: str | None) -> None:
    found = read(tmp_path, json.dumps([COIN_MARGINED]), name, asset)
    kept = {(row.venue, row.asset, row.input): row.value for row in found.kept}
    assert kept["binance_coinm", "BTC", "volume_usd"] == 40_995_300.0
    assert {venue for venue, _, _ in kept} == {"binance_coinm"}


@pytest.mark.parametrize(
    ("row", "name", "told"),
    [
        pytest.param(COIN_MARGINED, "BTCUSDT-1h.json", "with --asset BTCUSD_PERP", id="contracts named as dollars"),
        pytest.param(LINEAR, "BTCUSD_PERP-1h.json", "with --asset BTCUSDT", id="dollars named as contracts"),
    ],
)
def test_klines_under_a_wrong_name_are_refused(tmp_path: Path, row: list[object], name: str, told: str) -> None:
    with pytest.raises(ImportRefused, match=told):
        read(tmp_path, json.dumps([row]), name)


@pytest.mark.parametrize(
    ("written", "asset", "price"),
    [
        pytest.param("XBT", "BTC", 95_000.0, id="another name"),
        pytest.param("XBTUSDTM", "BTC", 95_000.0, id="KuCoin's symbol"),
        pytest.param("1000SHIB", "SHIB", 95.0, id="a thousand"),
        pytest.param("SHIB1000USDT", "SHIB", 95.0, id="Bybit's thousand"),
        pytest.param("10000SATS", "SATS", 9.5, id="ten thousand"),
    ],
)
def test_an_asset_is_found_again_under_its_one_name(tmp_path: Path, written: str, asset: str, price: float) -> None:
    found = read(tmp_path, f"{HEADER}2026-01-01T00:00:00Z,kucoin,{written},mark_price,95000\n")
    assert [(row.asset, row.value) for row in found.kept] == [(asset, price)]
