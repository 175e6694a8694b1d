"""The real files beside the project; their figures are those of the INDEX that describes them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.archive.importing import Imported, read_file
from bot.archive.importing.neutral import parse_time

DATA = Path(__file__).parents[5] / "shared" / "data"
NOW = datetime(2026, 11, 22, tzinfo=UTC)

pytestmark = pytest.mark.slow  # each reads years


def read(name: str) -> Imported:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not beside this checkout (../shared/data)")
    return read_file(path, now=NOW)


def test_the_winter_is_kept_whole() -> None:
    found = read("winter-2025-26.csv")
    assert (found.rows, found.kept_rows, found.refused, len(found.kept)) == (6493, 6493, 0, 6493)
    assert found.step == {("binance", "BTC"): timedelta(days=1)}
    counts = Counter((r.venue, r.input) for r in found.kept)
    assert counts["all", "open_interest_usd"] == counts["binance", "close"] == 410
    assert counts["binance", "funding_rate"] == 1230
    assert counts["binance", "liquidated_longs_usd"] == 271
    assert counts["defillama", "stablecoin_supply_usd"] == 211
    peak = max((r for r in found.kept if r.input == "open_interest_usd"), key=lambda r: r.value)
    assert (peak.at, peak.value) == (parse_time("2025-10-06"), 95_255_789_756)
    assert parse_time("2025-02-14T08:00:00.001Z") in {r.at for r in found.kept if r.input == "funding_rate"}


FUNDING = [
    pytest.param("btc", 7384, "2019-09-10T08:00Z", id="BTC"),
    pytest.param("eth", 7150, "2019-11-27T08:00Z", id="ETH"),
]


@pytest.mark.parametrize(("asset", "settlements", "first"), FUNDING)
def test_funding_since_2019_settles_every_eight_hours(asset: str, settlements: int, first: str) -> None:
    found = read(f"funding/binance-{asset}usdt-funding.json")
    assert (found.rows, found.kept_rows, found.refused) == (settlements, settlements, 0)
    assert Counter(r.value for r in found.kept if r.input == "funding_interval_hours") == {8.0: settlements}
    rates = [r for r in found.kept if r.input == "funding_rate"]
    assert {r.asset for r in rates} == {asset.upper()}
    assert rates[0].at == parse_time(first)
    assert any(r.at % 1000 for r in rates)  # the exchange's own milliseconds are kept


def test_the_extremes_of_btc_funding() -> None:
    rates = [r.value for r in read("funding/binance-btcusdt-funding.json").kept if r.input == "funding_rate"]
    assert (min(rates), max(rates)) == (-0.003, 0.003)


@pytest.mark.parametrize("asset", ["BTC", "ETH"])
def test_klines_are_kept_whole(asset: str) -> None:
    found = read(f"ohlcv/binance-spot-{asset.lower()}usdt-1d.json")
    assert (found.rows, found.refused, len(found.kept)) == (2471, 0, 6 * 2471)
    assert found.step == {("binance", asset): timedelta(days=1)}


def test_the_record_price_of_btc() -> None:
    found = read("ohlcv/binance-spot-btcusdt-1d.json")
    top = max((r for r in found.kept if r.input == "high"), key=lambda r: r.value)
    assert (top.at, top.value) == (parse_time("2025-10-06"), 126_199.63)


def test_klines_and_the_winter_agree() -> None:
    bars = ("open", "high", "low", "close", "volume_usd", "taker_buy_usd")
    raw = {r[:4]: r.value for r in read("ohlcv/binance-spot-btcusdt-1d.json").kept}
    winter = {r[:4]: r.value for r in read("winter-2025-26.csv").kept if r.input in bars}
    assert len(winter) == 6 * 410
    # The winter file writes fewer digits of the flows.
    assert all(raw[key] == pytest.approx(value, rel=1e-9) for key, value in winter.items())


def test_fear_and_greed_is_kept_whole() -> None:
    found = read("sentiment/alternative-me-fear-greed.json")
    assert (found.rows, found.kept_rows, found.refused) == (3044, 3044, 0)
    days = {r.at: r.value for r in found.kept}
    assert [days[parse_time(f"2025-10-{day}")] for day in (10, 11, 12)] == [64, 27, 24]
    assert [at for at in map(parse_time, ("2018-04-13", "2018-04-14", "2024-10-26")) if at in days] == [
        parse_time("2018-04-13")
    ]
