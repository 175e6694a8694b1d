"""The worked figures a reader may check by hand: articles, help pages, and `95000 25x` at every venue."""

from __future__ import annotations

import datetime as dt

import pytest

from signals.liquidation import LeverageAboveCap, Position, liquidation_price, quote, tiers
from signals.liquidation.calculators import bankruptcy
from signals.liquidation.funding import funding_apr, funding_cost, settlements_between

OLD_BYBIT = dt.date(2025, 9, 1)  # the last day on which Bybit took maintenance on the entry value
TODAY = dt.date(2026, 11, 22)  # a newer table must not move these figures
PRICE = 0.01  # tolerance on prices before tick rounding
POINTS = 0.0005  # 0.05 points on percentages


def by_formula(contract, side, entry, leverage, mmr, on=None, usd=100.0):
    """Bybit's two rules stand for the two families; its fee is in neither."""
    linear = contract == "linear"
    size = usd / entry if linear else usd
    margin = usd / leverage if linear else usd / entry / leverage
    return liquidation_price(
        venue="bybit", contract=contract, side=side, entry=entry, size=size, margin=margin, mmr=mmr, on=on
    )


@pytest.mark.parametrize(
    ("contract", "side", "entry", "leverage", "mmr", "on", "price", "distance"),
    [
        pytest.param("inverse", "long", 50_000, 50, 0.005, OLD_BYBIT, 49_261.08, -0.01478, id="A1-article-old-rule"),
        pytest.param("inverse", "long", 50_000, 50, 0.005, None, 49_264.71, None, id="A1-today"),
        pytest.param("inverse", "long", 50_000, 25, 0.005, OLD_BYBIT, 48_309.18, -0.03382, id="A2-old-rule"),
        pytest.param("inverse", "long", 50_000, 25, 0.005, None, 48_317.31, -0.03365, id="A2-today"),
        pytest.param("linear", "long", 50_000, 50, 0.005, None, 49_246.23, None, id="A3-50x-A"),
        pytest.param("linear", "long", 50_000, 25, 0.005, None, 48_241.21, None, id="A3-25x-A"),
        pytest.param("linear", "long", 50_000, 50, 0.005, OLD_BYBIT, 49_250.00, None, id="A3-50x-B"),
        pytest.param("linear", "long", 50_000, 25, 0.005, OLD_BYBIT, 48_250.00, None, id="A3-25x-B"),
        pytest.param("inverse", "long", 95_000, 25, 0.005, OLD_BYBIT, 91_787.44, None, id="A4c-B"),
        pytest.param("inverse", "long", 95_000, 25, 0.005, None, 91_802.88, None, id="A4c-A"),
        pytest.param("linear", "short", 95_000, 25, 0.005, None, 98_308.46, None, id="A5-generic-A"),
        pytest.param("linear", "short", 95_000, 25, 0.005, OLD_BYBIT, 98_325.00, None, id="A5-generic-B"),
        pytest.param("inverse", "short", 95_000, 25, 0.005, OLD_BYBIT, 98_445.60, None, id="A5-inverse-B"),
        pytest.param("inverse", "short", 95_000, 25, 0.005, None, 98_463.54, None, id="A5-inverse-A"),
        pytest.param("inverse", "short", 50_000, 10, 0.005, OLD_BYBIT, 55_248.62, None, id="A6-old-rule"),
        pytest.param("inverse", "short", 50_000, 10, 0.005, None, 55_277.78, None, id="A6-today"),
        pytest.param("inverse", "long", 2_000, 10, 0.005, OLD_BYBIT, 1_826.48, None, id="A7-long-old-rule"),
        pytest.param("inverse", "short", 2_000, 10, 0.005, OLD_BYBIT, 2_209.94, None, id="A7-short-old-rule"),
        pytest.param("inverse", "long", 2_000, 10, 0.005, None, 1_827.27, None, id="A7-long-today"),
        pytest.param("inverse", "short", 2_000, 10, 0.005, None, 2_211.11, None, id="A7-short-today"),
        pytest.param("inverse", "long", 95_000, 1, 0.005, OLD_BYBIT, 47_619.05, None, id="1x-inverse-long-B"),
        pytest.param("inverse", "long", 95_000, 1, 0.005, None, 47_737.50, None, id="1x-inverse-long-A"),
    ],
)
def test_both_families(contract, side, entry, leverage, mmr, on, price, distance):
    found = by_formula(contract, side, entry, leverage, mmr, on)
    assert found == pytest.approx(price, abs=PRICE)
    if distance is not None:
        assert found / entry - 1 == pytest.approx(distance, abs=POINTS)


@pytest.mark.parametrize(
    ("venue", "said", "price"),
    [
        pytest.param("binance", {"entry": 50_000, "leverage": 50}, 49_196.79, id="A3-binance-50x"),
        pytest.param("binance", {"entry": 50_000}, 48_192.77, id="A3-binance-25x"),
        pytest.param("bybit", {"entry": 50_000, "leverage": 50}, 49_162.24, id="A3-bybit-50x"),
        pytest.param("bybit", {"entry": 50_000}, 48_158.92, id="A3-bybit-25x"),
        pytest.param("binance", {"size_usd": 10_000}, 91_566.27, id="A4a-10k"),
        pytest.param("binance", {"size_coins": 1}, 91_566.27, id="A4a-1-btc"),
        pytest.param("binance", {"size_coins": 10}, 91_645.70, id="A4a-10-btc"),
        pytest.param("binance", {"size_usd": 1_000_000}, 91_653.25, id="A4a-1m"),
        pytest.param("binance", {"size_usd": 5_000_000}, 91_890.91, id="A4a-5m"),
        pytest.param("binance", {"size_usd": 820_000}, 91_623.36, id="tier-at-the-liquidation-price"),
        pytest.param("bybit", {}, 91_501.96, id="A4b-bybit"),
        pytest.param("bybit", {"size_usd": 1_000_000}, 91_609.60, id="A4b-bybit-1m"),
        pytest.param("okx", {}, 91_612.26, id="A4b-okx"),
        pytest.param("okx", {"size_usd": 1_000_000}, 91_704.37, id="okx-1m"),
        pytest.param("okx", {"size_usd": 5_000_000}, 91_935.48, id="okx-5m"),
        pytest.param("bitget", {}, 91_621.46, id="A4b-bitget"),
        pytest.param("kucoin", {}, 91_621.46, id="A4b-kucoin"),
        pytest.param("gate", {}, 91_543.29, id="A4b-gate"),
        pytest.param("deribit", {}, 92_121.21, id="A4b-deribit-linear"),
        pytest.param("deribit", {"contract": "inverse"}, 92_259.62, id="A4b-deribit-inverse"),
        pytest.param("deribit", {"size_usd": 100_000}, 92_126.11, id="deribit-100k"),
        pytest.param("deribit", {"size_usd": 1_000_000}, 92_170.21, id="deribit-1m"),
        pytest.param("deribit", {"size_usd": 5_000_000}, 92_366.74, id="deribit-5m"),
        pytest.param("hyperliquid", {}, 92_354.43, id="A4b-hyperliquid"),
        pytest.param("hyperliquid", {"size_usd": 5_000_000}, 92_354.43, id="hyperliquid-5m"),
        pytest.param("binance", {"side": "short", "size_coins": 1}, 98_406.37, id="A5-binance-1-btc"),
        pytest.param("binance", {"side": "short", "size_coins": 10}, 98_310.98, id="A5-binance-10-btc"),
        pytest.param("bybit", {"side": "short"}, 98_475.03, id="A5-bybit"),
        pytest.param("okx", {"side": "short"}, 98_357.39, id="A5-okx"),
        pytest.param("hyperliquid", {"side": "short"}, 97_580.25, id="A5-hyperliquid"),
        pytest.param("binance", {"side": "short", "leverage": 1}, 189_243.03, id="1x-short-has-a-price"),
        pytest.param("binance", {"leverage": 1}, None, id="1x-long-has-none"),
    ],
)
def test_venue_with_its_table(venue, said, price):
    found = quote(Position(**{"venue": venue, "side": "long", "entry": 95_000, "leverage": 25, **said}), on=TODAY)
    assert found.price == (None if price is None else pytest.approx(price, abs=PRICE))


def test_a4_says_more_than_a_price():
    said = Position(venue="binance", side="long", entry=95_000, leverage=25, size_usd=820_000)
    found = quote(said, on=TODAY)
    assert (found.tier, found.rate, found.amount) == (2, 0.005, 300)
    assert found.distance == pytest.approx(-0.03554, abs=1e-5)
    assert found.bankruptcy == pytest.approx(91_200)
    assert found.margin == pytest.approx(32_800)
    assert found.leverage_cap == 75, "the tier at the entry decides on the leverage"
    assert found.max_notional == 70_000_000
    assert found.table_as_of == dt.date(2026, 9, 29)


def test_bankruptcy_of_a4():
    linear = bankruptcy(contract="linear", side="long", entry=95_000, size=1.0, margin=95_000 / 25)
    inverse = bankruptcy(contract="inverse", side="long", entry=95_000, size=95_000, margin=1 / 25)
    assert (linear, inverse) == (pytest.approx(91_200.00, abs=PRICE), pytest.approx(91_346.15, abs=PRICE))


def test_shown_price_is_rounded_towards_the_entry():
    said = {"venue": "bybit", "entry": 95_000, "leverage": 25}
    long, short = (quote(Position(side=side, **said), on=TODAY) for side in ("long", "short"))
    assert (long.shown, short.shown) == (91_502.0, 98_475.0)


@pytest.mark.parametrize(
    ("venue", "said", "cap", "up_to"),
    [
        pytest.param("binance", {"leverage": 200}, 150, 300_000, id="200x-at-binance"),
        pytest.param("hyperliquid", {"leverage": 50}, 40, 150_000_000, id="50x-at-hyperliquid"),
        pytest.param("deribit", {"leverage": 51}, 50, None, id="51x-at-deribit"),
        pytest.param("binance", {"leverage": 25, "size_usd": 80_000_000}, 20, 100_000_000, id="25x-only-to-70m"),
        pytest.param("okx", {"leverage": 100, "size_usd": 1_000_000}, 66.66, 4_750_000, id="okx-by-contracts"),
    ],
)
def test_leverage_above_the_cap_is_refused(venue, said, cap, up_to):
    with pytest.raises(LeverageAboveCap, match=f"at most {cap}x.*table of 2026-") as refused:
        quote(Position(venue=venue, side="long", entry=95_000, **said), on=TODAY)
    assert refused.value.cap == cap
    assert refused.value.cap_notional == (None if up_to is None else pytest.approx(up_to))
    assert refused.value.as_of == tiers(venue, "linear", "BTC", on=TODAY).as_of


@pytest.mark.parametrize(("hours", "apr"), [(8, 0.1095), (4, 0.219), (1, 0.876)])
def test_a17_funding_per_year(hours, apr):
    assert funding_apr(rate=0.0001, interval_h=hours) == pytest.approx(apr, abs=1e-12)


def test_a18_cost_of_a_week():
    opened = dt.datetime(2026, 3, 2, 0, 0, 30, tzinfo=dt.UTC)
    count = settlements_between(opened, opened + dt.timedelta(days=7), 8)
    cost = funding_cost(side="long", notional=100_000, rate=0.0001, settlements=count, leverage=25)
    assert cost.settlements == 21
    assert cost.cash_flow == pytest.approx(-210)
    assert cost.margin_share == pytest.approx(-0.0525)
