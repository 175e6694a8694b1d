"""Liquidation prices as venues show them: rounding, hedges, growing rates, the age of a table."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from signals.liquidation import MarginTooSmall, Position, liquidation_price, quote, rule_for, shown_by
from signals.liquidation.calculators import HedgeLeg, hedge_price
from signals.liquidation.errors import LiquidationError
from signals.liquidation.watching import Holding, relief, valuation


@pytest.mark.parametrize(
    ("contract", "entry", "size", "margin", "mmr", "tick", "shown"),
    [
        pytest.param("linear", 0.01305, 6130, 9.9995625, 0.02, 0.00001, 0.0116677335375191, id="linear, 2026"),
        pytest.param("inverse", 51364.1, 49900, 0.3238318851753138, 0.004, 0.1, 38696.52883749999, id="inverse, 2024"),
        pytest.param("inverse", 2566.31, 10, 0.0003896645377994, 0.008, 0.01, 2352.8496681818233, id="inverse, 2021"),
    ],
)
def test_okx_shows_an_isolated_long_one_tick_up(contract, entry, size, margin, mmr, tick, shown):
    price = liquidation_price(
        venue="okx", contract=contract, side="long", entry=entry, size=size, margin=margin, mmr=mmr, fee_rate=0.0005
    )
    assert price is not None
    rule = rule_for("okx", contract)
    assert shown_by(rule, price, tick, side="long") == pytest.approx(shown, rel=1e-12)
    assert shown_by(rule, price, tick, side="long", cross=True) == pytest.approx(price, abs=tick / 2 + 1e-12)
    assert shown_by(rule, price, tick, side="short") == pytest.approx(price, abs=tick / 2 + 1e-12)


def test_the_exact_price_is_kept_beside_what_okx_shows():
    found = quote(Position(venue="okx", side="long", entry=95_000, leverage=25), on=dt.date(2026, 11, 22))
    assert found.price == pytest.approx(91_612.255, abs=0.001)
    assert found.shown == pytest.approx(91_612.355, abs=0.001)


@pytest.mark.parametrize(
    ("legs", "wallet", "price"),
    [
        pytest.param(
            (HedgeLeg("long", 1.0, 60_000, 0.004), HedgeLeg("short", 0.5, 61_000, 0.004)),
            5_000,
            49_595.14,
            id="half hedged",
        ),
        # 5000 + 30500 - 60000 + ... mirrored: 5000 + 61000 - 30000 = P (1 - 0.5 + 1.5 * 0.004)
        pytest.param(
            (HedgeLeg("short", 1.0, 61_000, 0.004), HedgeLeg("long", 0.5, 60_000, 0.004)),
            5_000,
            36_000 / 0.506,
            id="net short",
        ),
        pytest.param((HedgeLeg("long", 1.0, 60_000, 0.004),), 70_000, None, id="the account covers every price"),
    ],
)
def test_a_hedge_is_one_account_with_one_price(legs, wallet, price):
    found = hedge_price(legs, wallet=wallet)
    assert found == (None if price is None else pytest.approx(price, abs=0.01))
    assert hedge_price(reversed(legs), wallet=wallet) == found, "the legs have no order"
    if found is not None:
        signs = {"long": 1, "short": -1}
        profit = sum(signs[leg.side] * leg.size * (found - leg.entry) for leg in legs)
        assert wallet + profit == pytest.approx(sum(leg.size * found * leg.rate for leg in legs))


def test_a_hedge_that_no_price_covers_is_refused():
    legs = HedgeLeg("long", 1.0, 60_000, 0.004), HedgeLeg("short", 1.0, 50_000, 0.004)
    with pytest.raises(MarginTooSmall, match="at any price"):
        hedge_price(legs, wallet=5_000)
    with pytest.raises(LiquidationError, match="above zero"):
        hedge_price((HedgeLeg("long", float("nan"), 1.0, 0.01),), wallet=1.0)


# --- what moves a watched position ------------------------------------------------------------------------------------

BEGUN = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def held(**said):
    whole = {"asset": "BTC", "venue": "binance", "contract": "linear", "side": "long", "entry": 80_000.0}
    return Holding(**{**whole, "leverage": 10.0, "begun": BEGUN, "size_coins": 0.5, **said})


@pytest.mark.parametrize(
    ("holding", "mark", "away", "price"),
    [
        # 76,502 x 0.915 = 69,999.3, three digits away from the mark: 69,900
        pytest.param(held(), 76_502.0, 0.085, 69_900.0, id="a long"),
        pytest.param(held(side="short"), 83_000.0, 0.085, 90_100.0, id="a short"),
        pytest.param(
            held(contract="inverse", size_coins=None, size_usd=40_000.0), 76_502.0, 0.085, 69_900.0, id="coin"
        ),
    ],
)
def test_the_margin_to_add_moves_the_liquidation(holding, mark, away, price):
    found = relief(holding, mark=mark, taken=20.0 if holding.contract == "linear" else 0.0, away=away)
    assert found is not None
    assert found.price == price
    assert found.distance == pytest.approx(price / mark - 1.0)
    taken = 20.0 if holding.contract == "linear" else 0.0
    after = valuation(replace(holding, added=found.add - taken), mark=mark, now=BEGUN)
    assert after.price == pytest.approx(price, rel=1e-9), "put in, the position is liquidated there"


@pytest.mark.parametrize(
    ("holding", "mark", "away"),
    [
        pytest.param(held(size_coins=None), 76_502.0, 0.085, id="no size, no money"),
        pytest.param(held(), float("nan"), 0.085, id="no mark"),
        pytest.param(held(), 95_000.0, 0.1, id="beyond the entry"),
        pytest.param(held(), 76_502.0, 1.2, id="below zero"),
        pytest.param(held(leverage=2.0), 76_502.0, 0.085, id="far enough as it is"),
    ],
)
def test_where_nothing_can_be_proposed(holding, mark, away):
    assert relief(holding, mark=mark, taken=0.0, away=away) is None
