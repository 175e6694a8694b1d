"""The bundled tier tables: complete, consistent, and read one line at a time."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from signals.assets import instrument
from signals.liquidation import (
    NoTierTable,
    RenewedTables,
    SizeBeyondTable,
    UnknownVenue,
    liquidation_price,
    quote,
    tiers,
)
from signals.liquidation.position import Position
from signals.liquidation.tables import _files, day_of, parse_table
from tests.signals.liquidation.bundled import breaks_of_recurrence, instruments

CHECKOUT = Path(__file__).resolve().parents[3]
BRACKETS = CHECKOUT.parent / "shared" / "data" / "leverage_tiers" / "binance-tiers-2026-09-29.json"
WITHOUT_AMOUNTS = ("okx", "kucoin")  # their tiers jump at the borders
LEFT_OVER = {"BNX", "DAR", "FTM", "KLAY", "STPT"}  # listed under their old names beside the new ones, which count
TABLE = "# venue: kucoin\n# contract: linear\n# as_of: 2026-01-02\n# unit: quote\n# source: a test\n"


def table_of(venue, contract, one, on=None):
    return tiers(venue, contract, one.asset, one.quote, on, multiplier=one.multiplier, expiry=one.expiry)


@pytest.mark.slow
@pytest.mark.parametrize("file", _files())
def test_amounts_follow_from_the_rates(file):
    market = tuple(file.split("-")[:2])
    names = instruments(*market, day_of(file))
    assert len(names) >= (800 if market == ("binance", "linear") else 1)
    for one in names:
        asset, table = one.unit, table_of(*market, one, day_of(file))
        if market[0] not in WITHOUT_AMOUNTS:
            assert breaks_of_recurrence(table) == [], asset
        assert table.tiers[0].floor == table.tiers[0].amount == 0
        for below, above in pairwise(table.tiers):
            assert below.rate < above.rate, asset
            assert below.cap < above.cap, asset
            assert (below.max_leverage or 0) >= (above.max_leverage or 0), asset
        for tier in table.tiers:
            assert tier.rate * (tier.max_leverage or 1) <= 1, "the whole margin would be maintenance"


def test_a_wrong_amount_is_found():
    line = "BTC,USDT,,0.004:0:150:300000 0.005:301:100:800000"
    assert breaks_of_recurrence(parse_table(TABLE, line)) == [2]


@pytest.mark.slow
def test_binance_is_all_of_it():
    if not BRACKETS.exists():
        pytest.skip(f"{BRACKETS} is not here: shared data")
    brackets = json.loads(BRACKETS.read_text(encoding="utf-8"))
    assert len(instruments("binance", "linear")) == len(brackets)
    for symbol, rows in brackets.items():
        if symbol.partition("/")[0] in LEFT_OVER:
            continue
        table = table_of("binance", "linear", instrument(symbol))
        found = [(t.floor, t.cap, t.rate, t.amount, t.max_leverage) for t in table.tiers]
        names = ("minNotional", "maxNotional", "maintenanceMarginRate")
        said = [(*(row[n] for n in names), row["info"]["cum"], row["maxLeverage"]) for row in rows]
        assert found == said, symbol


@pytest.mark.slow
@pytest.mark.parametrize("file", _files())
def test_every_file_names_what_it_is(file):
    venue, contract = file.split("-")[:2]
    names = instruments(venue, contract, day_of(file))
    assert names
    for one in names:
        table = table_of(venue, contract, one, day_of(file))
        assert (table.venue, table.contract, table.asset, table.quote) == (venue, contract, one.asset, one.quote)
        assert (table.multiplier, table.expiry) == (one.multiplier, one.expiry)
        assert table.unit in ("quote", "contracts", "coins")
        assert table.source
        assert table.as_of == day_of(file)


@pytest.mark.parametrize(
    ("notional", "tier", "rate", "amount"),
    [
        (1, 1, 0.004, 0),
        (300_000, 1, 0.004, 0),
        (300_001, 2, 0.005, 300),
        (1_000_000, 3, 0.0065, 1_500),
        (1_800_000_000, 12, 0.5, 421_482_000),
    ],
)
def test_tier_of_a_notional(notional, tier, rate, amount):
    found = tiers("binance", "linear", "BTC").at(notional)
    assert (found.number, found.rate, found.amount) == (tier, rate, amount)


def test_okx_counts_contracts():
    table = tiers("okx", "linear", "btc")
    assert (table.unit, table.lot, len(table.tiers)) == ("contracts", 0.01, 99)
    assert (table.tiers[-1].cap, table.tiers[-1].rate, table.tiers[-1].max_leverage) == (1_940_000, 0.4875, 2)
    assert table.at(table.units(950_000, price=95_000)).number == 1, "10 BTC are 1,000 contracts"
    assert table.at(table.units(950_100, price=95_000)).number == 2
    with pytest.raises(ValueError, match="a price is needed"):
        table.units(950_000)


def test_deribit_grows_with_the_position():
    table = tiers("deribit", "linear", "BTC")
    assert table.at(25).rate == pytest.approx(0.01125)
    assert table.at(25).max_leverage == pytest.approx(1 / 0.02125)
    assert table.max_size(25) == pytest.approx((0.04 - 0.02) / 0.00005)
    assert table.max_size(51) == 0
    assert tiers("deribit", "linear", "SOL").at(0).max_leverage == 25


def test_hyperliquid_maintenance_is_half_the_initial_margin():
    for asset in ("BTC", "ETH", "SOL"):
        for tier in tiers("hyperliquid", "linear", asset).tiers:
            assert tier.rate == pytest.approx(1 / (2 * tier.max_leverage), rel=1e-15)


@pytest.mark.parametrize(
    ("asset", "lot", "size", "price", "number", "rate", "leverage"),
    [
        ("ETH", 0.1, 1_600_000, 3_200, 1, 0.004, 100),
        ("ETH", 0.1, 1_600_400, 3_200, 2, 0.005, 66.66),
        ("SOL", 1, 450_000, 180, 1, 0.0065, 50),
        ("SOL", 1, 1_000_000, 180, 2, 0.01, 40),
        ("XRP", 100, 1_000_000, 2.4, 2, 0.01, 40),
        ("DOGE", 1_000, 1_000_000, 0.2, 3, 0.015, 20),
    ],
)
def test_okx_counts_the_contracts_of_each_coin(asset, lot, size, price, number, rate, leverage):
    table = tiers("okx", "linear", asset)
    tier = table.at(table.units(size, price))
    assert (table.lot, table.as_of) == (lot, dt.date(2026, 5, 28))
    assert (tier.number, tier.rate, tier.max_leverage) == (number, rate, leverage)
    assert table.partial_above == table.limit


@pytest.mark.parametrize(
    ("asked", "day", "first", "cap"),
    [
        (("bybit", "linear", "BTC"), "2026-09-25", 0.0033, 300_000),
        (("bybit", "linear", "BTC", None, "2026-09-24"), "2026-08-06", 0.005, 2_000_000),
        (("bybit", "linear", "BTC", None, "2025-06-01"), "2025-01-01", 0.005, 2_000_000),
        (("bybit", "linear", "BTC", None, "2020-01-01"), "2025-01-01", 0.005, 2_000_000),
        (("bybit", "linear", "ETH"), "2026-08-06", 0.005, 900_000),
        (("bybit", "inverse", "BTC"), "2026-09-26", 0.005, 150),
        (("bybit", "inverse", "BTC", None, "2026-09-01"), "2026-05-27", 0.005, math.inf),
        (("okx", "linear", "BTC"), "2026-09-18", 0.004, 1_000),
        (("okx", "linear", "ETH"), "2026-05-28", 0.004, 5_000),
        (("bitget", "linear", "BTC"), "2026-09-25", 0.004, 200_000),
        (("bitget", "linear", "BTC", "USDC"), "2026-09-25", 0.004, 150_000),
        (("bitget", "linear", "ETH"), "2026-06-08", 0.004, 200_000),
        (("bitget", "linear", "SOL"), "2025-09-12", 0.005, 50_000),
        (("gate", "linear", "BTC"), "2026-09-25", 0.003, 500_000),
        (("gate", "linear", "BTC", None, "2026-07-01"), "2026-05-27", 0.003, 500_000),
        (("gate", "linear", "BTC", None, "2025-06-01"), "2024-10-01", 0.004, math.inf),
        (("gate", "linear", "BTC", None, "2026-10-01"), "2026-09-25", 0.003, 500_000),
        (("gate", "inverse", "BTC"), "2026-09-25", 0.005, 3),
    ],
    ids=lambda value: "-".join(str(part) for part in value if part) if isinstance(value, tuple) else None,
)
def test_the_newest_table_of_the_day_asked_for(asked, day, first, cap):
    venue, contract, asset, currency, on = (*asked, None, None)[:5]
    table = tiers(venue, contract, asset, currency, dt.date.fromisoformat(on) if on else None)
    assert table.as_of == dt.date.fromisoformat(day), "an older table never stands before a newer one"
    assert (table.tiers[0].rate, table.tiers[0].cap) == (first, cap)


@pytest.mark.parametrize(
    ("venue", "assets"),
    [
        ("bybit", "BTC ETH SOL XRP DOGE BNB ADA AVAX LINK LTC SUI"),
        ("okx", "BTC ETH SOL XRP DOGE"),
        ("bitget", "BTC ETH SOL XRP DOGE BNB"),
        ("hyperliquid", "BTC ETH SOL"),
    ],
)
def test_main_assets_are_bundled(venue, assets):
    for asset in assets.split():
        table = tiers(venue, "linear", asset)
        assert table.quote == ("USDC" if venue == "hyperliquid" else "USDT")
        assert table.tiers[0].max_leverage


def test_unknown_bounds_are_said():
    assert tiers("bybit", "linear", "BTC").partial_above == 2_600_000
    assert tiers("bybit", "inverse", "BTC").partial_above == 300
    assert tiers("kucoin", "linear", "BTC").partial_above == 0
    assert tiers("gate", "linear", "BTC").partial_above == 3_000_000
    assert tiers("binance", "linear", "BTC").partial_above is None
    assert tiers("bitget", "linear", "ETH").partial_above is None


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        (("binance", "linear", "NOSUCH"), NoTierTable, "Binance USD-M is known here for NOSUCH"),
        (("binance", "linear", "BTC", "EUR"), NoTierTable, "for BTC/EUR; known is BTC/USDT and BTC/USDC and BTC/USD1"),
        (("bybit", "linear", "BTC", "USDC"), NoTierTable, "Bybit is known here for BTC/USDC; known is BTC/USDT"),
        (("hyperliquid", "linear", "flx:XMR"), NoTierTable, "“flx:XMR” is not the name of an asset"),
        (("nowhere", "linear", "BTC"), UnknownVenue, "known are binance"),
    ],
    ids=["none", "quote", "another quote", "no name", "venue"],
)
def test_no_table(asked, error, says):
    with pytest.raises(error, match=re.escape(says)) as refused:
        tiers(*asked)
    assert "?" not in str(refused.value)


@pytest.mark.parametrize(
    ("venue", "size", "says", "partial"),
    [
        ("bybit", 5e6, "5,000,000 USDT is above the last tier .* 2,600,000 USDT .*2026-09-25.* not known here", True),
        ("binance", 2e9, "no larger position", False),
        ("okx", 2e9, "contracts .* no larger position", False),
    ],
)
def test_size_beyond_the_table(venue, size, says, partial):
    with pytest.raises(SizeBeyondTable, match=says) as refused:
        quote(Position(venue=venue, side="long", entry=95_000, leverage=1, size_usd=size))
    assert refused.value.partial is partial


def test_growing_out_of_a_table():
    grown = {"side": "short", "entry": 95_000, "leverage": 5}
    with pytest.raises(SizeBeyondTable, match="not known here"):
        quote(Position(venue="bybit", size_usd=2_500_000, **grown))  # worth 3M where it is liquidated


@pytest.mark.slow
def test_the_scalar_path_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from signals.liquidation import Position, compare\n"
        "assert compare(Position(venue='binance', side='long', entry=95e3, leverage=25))['binance'].price\n"
        "print(sorted({'numpy', 'pandas', 'matplotlib', 'ccxt', 'sqlite3'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_function_of_the_house_takes_plain_numbers():
    price = liquidation_price(
        venue="binance",
        contract="linear",
        side="long",
        entry=95_000,
        size=1,
        margin=3_800,
        mmr=0.004,
        on=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    assert price == pytest.approx(91_566.27, abs=0.01)


# --- tables from outside ----------------------------------------------------------------------------------------------


def renewed(**lines):
    texts = {
        f"{name.replace('_', '-')}.csv": "".join(
            f"# {key}: {value}\n"
            for key, value in zip(
                ("venue", "contract", "as_of", "unit", "source"),
                (*name.split("_", 2)[:2], name.split("_", 2)[2].replace("_", "-"), "quote", "a test"),
                strict=True,
            )
        )
        + line
        + "\n"
        for name, line in lines.items()
    }
    return RenewedTables("here", tuple(sorted(texts)), (0,) * len(texts), texts.__getitem__)


def test_the_newer_table_wins_wherever_it_stands():
    newer = renewed(binance_linear_2026_10_05="BTC,USDT,,0.01:0:50:1000")
    older = renewed(binance_linear_2025_10_05="BTC,USDT,,0.01:0:50:1000")
    same = renewed(binance_linear_2026_09_29="BTC,USDT,,0.01:0:50:1000")
    assert tiers("binance", "linear", "BTC", renewed=newer).tiers[0].rate == 0.01
    assert tiers("binance", "linear", "BTC", renewed=older).tiers[0].rate == 0.004
    assert tiers("binance", "linear", "BTC", renewed=same).tiers[0].rate == 0.01
    day = dt.date(2026, 9, 30)
    assert tiers("binance", "linear", "BTC", on=day, renewed=newer).tiers[0].rate == 0.004
    assert tiers("binance", "linear", "BTC", on=dt.date(2025, 12, 1), renewed=older).tiers[0].rate == 0.01
    assert tiers("binance", "linear", "ETH", renewed=newer).as_of == dt.date(2026, 9, 29)
    assert [str(one) for one in instruments("binance", "linear", renewed=newer)] == ["BTC/USDT:USDT"]


def test_a_newer_table_of_another_quote_hides_nothing():
    usdc = renewed(binance_linear_2026_10_05="BTC,USDC,,0.01:0:50:1000")
    assert tiers("binance", "linear", "BTC", renewed=usdc).quote == "USDT"
    assert tiers("binance", "linear", "BTC", "USDC", renewed=usdc).as_of == dt.date(2026, 10, 5)


def test_checked_is_the_last_look():
    seen = tiers(
        "gate", "linear", "SOL", renewed=renewed(gate_linear_2026_12_01="SOL,USDT,checked=2026-12-09,0.01:0:50:9")
    )
    assert (seen.as_of, seen.checked) == (dt.date(2026, 12, 1), dt.date(2026, 12, 9))
    assert tiers("binance", "linear", "BTC").checked == dt.date(2026, 9, 29)
    with pytest.raises(NoTierTable):
        tiers("gate", "linear", "SOL")


def test_a_table_serves_the_coin_however_it_is_packed():
    packs, coins = (tiers("binance", "linear", "PEPE", multiplier=times) for times in (1000, 1))
    assert packs.tiers == coins.tiers == tiers("binance", "linear", "1000PEPE").tiers
    assert (packs.multiplier, coins.multiplier) == (1000, 1)


def test_lot_and_tick_follow_the_packing():
    line = "1000PEPE,USDT,lot=10 tick=0.0001,0.01:0:50:100"
    table = parse_table(TABLE.replace("unit: quote", "unit: contracts"), line)
    single = table.counted_by(1)
    assert (table.multiplier, table.lot, table.tick) == (1000, 10.0, 0.0001)
    assert (single.lot, single.tick) == (10_000.0, pytest.approx(1e-7))
    assert table.units(500, price=0.01) == pytest.approx(single.units(500, price=0.00001))


def test_of_two_coins_of_one_name_the_named_packing_counts():
    share, coin = (tiers("binance", "linear", "CAT", multiplier=times) for times in (1, 1000))
    assert share.tiers != coin.tiers


def test_a_dated_contract_has_a_table_of_its_own():
    dated = tiers("binance", "linear", "BTC", "USDT", expiry=dt.date(2026, 12, 25))
    assert dated.expiry == dt.date(2026, 12, 25)
    assert dated.tiers != tiers("binance", "linear", "BTC", "USDT").tiers
    with pytest.raises(NoTierTable, match="for BTC of 2027-12-31"):
        tiers("binance", "linear", "BTC", expiry=dt.date(2027, 12, 31))
