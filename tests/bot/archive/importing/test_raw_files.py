from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.archive.importing import Imported, ImportedValue, ImportRefused, read_file
from bot.archive.importing.symbols import in_name

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 16, 12, 0, tzinfo=UTC)
HOUR = 3_600_000
DAY = 24 * HOUR
MIDNIGHT = 1_768_435_200_000  # 2026-01-15T00:00:00Z


def read(tmp_path: Path, document: object, name: str = "btcusdt-1d.json", asset: str | None = None) -> Imported:
    path = tmp_path / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return read_file(path, asset=asset, now=NOW)


def kline(at: int = MIDNIGHT, length: int = DAY, **changes: object) -> list[object]:
    row: list[Any] = [at, "5", "9", "4", "7", "2", at + length - 1, "14.5", 3, "1", "6.5", "0"]
    for place, value in changes.items():
        row[int(place.removeprefix("field"))] = value
    return row


def test_a_kline_becomes_six_values(tmp_path: Path) -> None:
    found = read(tmp_path, [kline()])
    assert found.kept == [
        ImportedValue(MIDNIGHT, "binance", "BTC", name, value)
        for name, value in (
            ("open", 5.0), ("high", 9.0), ("low", 4.0), ("close", 7.0), ("volume_usd", 14.5), ("taker_buy_usd", 6.5),
        )
    ]  # fmt: skip
    assert (found.format, found.rows, found.kept_rows) == ("Binance klines", 1, 1)
    assert found.step == {("binance", "BTC"): timedelta(days=1)}
    assert found.notes[:2] == (
        "asset BTC taken from the file name",
        "the content does not tell spot from perpetual; kept as binance BTC",
    )


ASSETS = [
    pytest.param("binance-spot-btcusdt-1d.json", None, "BTC", id="in the middle of the name"),
    pytest.param("ETHUSDT-1d-2024-01.json", None, "ETH", id="archive name"),
    pytest.param("1000PEPEUSDT.json", None, "PEPE", id="packed"),
    pytest.param("candles.json", "sol", "SOL", id="given"),
    pytest.param("btcusdt.json", "ETHUSDT", "ETH", id="given as a symbol beats the name"),
    pytest.param("btcusdt.json", "ETH", "ETH", id="and as a coin"),
    pytest.param("xbtusdtm_1d.json", None, "BTC", id="another name"),
]


@pytest.mark.parametrize(("name", "given", "asset"), ASSETS)
def test_the_asset_of_klines(tmp_path: Path, name: str, given: str | None, asset: str) -> None:
    assert {row.asset for row in read(tmp_path, [kline()], name, given).kept} == {asset}


def test_klines_without_an_asset_ask_for_it(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="say which with --asset BTC"):
        read(tmp_path, [kline()], "candles.json")
    with pytest.raises(ImportRefused, match="--asset: “B T C” is not the name of an asset"):
        read(tmp_path, [kline()], asset="B T C")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("ETHBTC-1d.json", "ETHBTC is quoted in BTC; only what is quoted in dollars is kept", id="a cross"),
        pytest.param("BTCUSDT_261225-1d.json", "BTCUSDT_261225 is a dated contract; only perpetuals are", id="dated"),
    ],
)
def test_a_file_of_what_is_not_kept_is_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ImportRefused, match=why):
        read(tmp_path, [kline()], name)


def test_a_name_without_a_symbol_names_no_asset() -> None:
    assert in_name("btc-1d.json") is None


def test_packed_klines_are_those_of_one_coin(tmp_path: Path) -> None:
    found = read(tmp_path, [kline()], "1000PEPEUSDT-1d.json")
    assert {row.input: row.value for row in found.kept} == {
        "open": 0.005, "high": 0.009, "low": 0.004, "close": 0.007, "volume_usd": 14.5, "taker_buy_usd": 6.5,
    }  # fmt: skip


# An hour of BTCUSD_PERP: 409,953 contracts of $100, of which 192,220 were bought
COIN_MARGINED = json.loads(
    '[1698364800000,"34161.6","34182.5","33977.4","34024.2","409953",1698368399999,"1202.97118037",15095,"192220",'
    '"564.12041453","0"]'
)


@pytest.mark.parametrize(
    ("name", "given", "asset", "usd"),
    [
        pytest.param("BTCUSD_PERP-1h.json", None, "BTC", 40_995_300.0, id="by the file name"),
        pytest.param("BTCUSD_PERP-1h.json", "btc", "BTC", 40_995_300.0, id="and the coin as given"),
        pytest.param("hour.json", "BTCUSD_PERP", "BTC", 40_995_300.0, id="as given"),
        pytest.param("ETHUSD_PERP-1h.json", None, "ETH", 4_099_530.0, id="contracts of $10"),
    ],
)
def test_coin_margined_klines_count_contracts(
    tmp_path: Path, name: str, given: str | None, asset: str, usd: float
) -> None:
    found = read(tmp_path, [COIN_MARGINED], name, given)
    kept = {row.input: row.value for row in found.kept}
    assert {(row.venue, row.asset) for row in found.kept} == {("binance_coinm", asset)}
    assert (kept["close"], kept["volume_usd"]) == (34024.2, usd)
    assert kept["taker_buy_usd"] == pytest.approx(usd * 192_220 / 409_953)


BAD_KLINES = [
    pytest.param(kline()[:6], "entry 2: is not a row of 12 fields:", id="six fields"),
    pytest.param({"open": 1}, "entry 2: is not a row of 12 fields:", id="an object"),
    pytest.param(kline(field2="high"), "entry 2: high is not a number: 'high'", id="words"),
    pytest.param(kline(field2=None), "entry 2: high is not a number: 'None'", id="null"),
    pytest.param(kline(field4=True), "entry 2: close is not a number: 'True'", id="true"),
    pytest.param(kline(field4="NaN"), "entry 2: close is not a finite number: 'NaN'", id="NaN"),
    pytest.param(kline(field1="0"), "entry 2: open must be above 0: '0'", id="zero price"),
    pytest.param(kline(field7="-1"), "entry 2: volume_usd must not be below 0: '-1'", id="negative volume"),
    pytest.param(kline(MIDNIGHT + DAY), "entry 2: the 1d bar is not closed yet", id="unfinished"),
    pytest.param(kline(MIDNIGHT + 3 * DAY), "entry 2: time is in the future", id="future"),
    pytest.param(kline(1_768_435_200), "entry 2: time is before there was any market", id="seconds"),
    pytest.param(kline(length=HOUR), "entry 2: is a bar of 1h in a file of 1d", id="another length"),
    pytest.param(kline(length=7 * DAY), "entry 2: is a bar of 7d; ask for one of 1m, 5m", id="a week"),
    pytest.param(kline(length=-5), "entry 2: is a bar of no length", id="ends before it begins"),
    pytest.param(
        kline(MIDNIGHT - DAY, field4="8"), "entry 2: an earlier entry gives other numbers", id="twice"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "reason"), BAD_KLINES)
def test_a_bad_kline_is_refused_whole_and_the_rest_is_kept(tmp_path: Path, entry: object, reason: str) -> None:
    found = read(tmp_path, [kline(MIDNIGHT - DAY), entry, kline(MIDNIGHT - 2 * DAY)])
    assert [str(p)[: len(reason) + 17] for p in found.problems] == [f"btcusdt-1d.json: {reason}"]
    assert len(found.kept) == 12
    assert (found.rows, found.kept_rows, found.refused) == (3, 2, 1)


def test_buys_above_the_volume_are_left_out_alone(tmp_path: Path) -> None:
    found = read(tmp_path, [kline(MIDNIGHT - DAY), kline(field10="15")])
    reason = "btcusdt-1d.json: entry 2: taker_buy_usd is above the volume_usd of its bar: 15"
    assert [str(p) for p in found.problems] == [reason]
    assert (len(found.kept), found.kept_rows) == (11, 1)


def funding(at: int, rate: object = "0.00010000", symbol: str = "BTCUSDT") -> dict[str, object]:
    return {"symbol": symbol, "fundingTime": at, "fundingRate": rate, "markPrice": ""}


START = MIDNIGHT - 4 * DAY


def hours_of(found: Imported) -> list[float]:
    return [row.value for row in found.kept if row.input == "funding_interval_hours"]


INTERVALS = [
    pytest.param([0, 8, 16], [8, 8, 8], id="every eight hours"),
    pytest.param([0, 8, 12, 16], [8, 8, 4, 4], id="eight turns into four"),
    pytest.param([0, 1, 2, 4, 12, 20], [1, 1, 1, 2, 8, 8], id="one, two and eight"),
    pytest.param([0, 8, 32, 40], [8, 8, 8, 8], id="two settlements missing"),
    pytest.param([0, 24, 28, 32], [4, 4, 4, 4], id="a hole at the start"),
    pytest.param([16, 8, 0], [8, 8, 8], id="newest first"),
    pytest.param([0, 8.000005, 16.000002], [8, 8, 8], id="some milliseconds late"),
]


@pytest.mark.parametrize(("times", "hours"), INTERVALS)
def test_the_interval_is_the_gap_to_the_settlement_before(
    tmp_path: Path, times: list[float], hours: list[float]
) -> None:
    found = read(tmp_path, [funding(START + round(t * HOUR)) for t in times])
    assert hours_of(found) == hours
    assert [row.at for row in found.kept if row.input == "funding_rate"] == sorted(
        START + round(t * HOUR) for t in times
    )
    assert found.step == {}


def test_one_settlement_has_no_interval(tmp_path: Path) -> None:
    found = read(tmp_path, [funding(START)])
    assert [row.input for row in found.kept] == ["funding_rate"]
    assert found.notes == ("BTC has one settlement only, so its interval is unknown",)


def test_assets_of_one_funding_file_have_intervals_of_their_own(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        [funding(START + n * HOUR * step, symbol=s) for s, step in (("BTCUSDT", 8), ("XUSDT", 1)) for n in (0, 1)],
    )
    assert {(r.asset, r.value) for r in found.kept if r.input != "funding_rate"} == {("BTC", 8.0), ("X", 1.0)}


BAD_FUNDING = [
    pytest.param({"symbol": "BTCUSDT"}, "entry 2: has no fundingTime and fundingRate", id="fields missing"),
    pytest.param(None, "entry 2: has no fundingTime and fundingRate: 'None'", id="null"),
    pytest.param(funding(START, ""), "entry 2: fundingRate is not a number: ''", id="empty rate"),
    pytest.param(funding(START, "nan"), "entry 2: fundingRate is not a finite number", id="NaN"),
    pytest.param(funding(MIDNIGHT + 3 * DAY), "entry 2: time is in the future", id="future"),
    pytest.param(funding(START, symbol="ETHBTC"), "entry 2: ETHBTC is quoted in BTC; only what is", id="pair"),
    pytest.param(funding(START, symbol="BTCUSDC"), "entry 2: BTCUSDC beside BTCUSDT: two contracts", id="USDC"),
    pytest.param(funding(START - HOUR, "0.005"), "entry 2: an earlier entry gives another rate", id="twice"),
]


@pytest.mark.parametrize(("entry", "reason"), BAD_FUNDING)
def test_a_bad_settlement_is_refused_alone(tmp_path: Path, entry: object, reason: str) -> None:
    found = read(tmp_path, [funding(START - HOUR), entry, funding(START + 7 * HOUR)])
    assert [p.reason[: len(reason)] for p in found.problems] == [reason]
    assert hours_of(found) == [8, 8]
    assert (found.rows, found.refused) == (3, 1)


def mood(value: object, at: object) -> dict[str, object]:
    return {"value": value, "value_classification": "Fear", "timestamp": at}


@pytest.mark.parametrize("wrap", [pytest.param(False, id="bare list"), pytest.param(True, id="inside data")])
def test_fear_and_greed_is_read_oldest_first(tmp_path: Path, wrap: bool) -> None:
    rows = [mood("16", str(MIDNIGHT // 1000)), mood("40", str((MIDNIGHT - DAY) // 1000))]
    found = read(tmp_path, {"name": "Fear and Greed Index", "data": rows, "metadata": {}} if wrap else rows)
    assert found.kept == [
        ImportedValue(MIDNIGHT - DAY, "alternative.me", "MARKET", "fear_greed", 40.0),
        ImportedValue(MIDNIGHT, "alternative.me", "MARKET", "fear_greed", 16.0),
    ]
    assert found.step == {}


BAD_MOODS = [
    pytest.param({"value": "3"}, "entry 2: has no value and timestamp", id="no time"),
    pytest.param(mood("", "1768435200"), "entry 2: value is not a number: ''", id="empty"),
    pytest.param(mood("101", "1768435200"), "entry 2: fear_greed must not be above 100: '101'", id="above 100"),
    pytest.param(mood("-1", "1768435200"), "entry 2: fear_greed must not be below 0: '-1'", id="below 0"),
    pytest.param(mood("5", "1768435200000"), "entry 2: time is in the future", id="milliseconds"),
    pytest.param(mood("5", "15-01-2026"), "entry 2: time is not a number: '15-01-2026'", id="a date"),
    pytest.param(mood("5", 1768435200.5), "entry 2: time is not a whole number: '1768435200.5'", id="half a second"),
    pytest.param(mood("5", "1768348800"), "entry 2: an earlier entry gives another value", id="twice"),
]


@pytest.mark.parametrize(("entry", "reason"), BAD_MOODS)
def test_a_bad_mood_is_refused_alone(tmp_path: Path, entry: object, reason: str) -> None:
    found = read(tmp_path, [mood("40", "1768348800"), entry, mood("41", "1768262400")])
    assert [p.reason[: len(reason)] for p in found.problems] == [reason]
    assert [row.value for row in found.kept] == [41, 40]
