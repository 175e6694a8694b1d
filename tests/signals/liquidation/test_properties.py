"""What must hold for every position: the condition itself, written a second time and solved by bisection."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from signals.liquidation import Position, liquidation_price, quote, tiers
from tests.signals.liquidation.bundled import instruments

FEE_IN_CONDITION = {"okx", "gate", "bitget", "kucoin", "phemex"}  # liquidation.md, traps, number 5
ON_ENTRY_VALUE = {"bitmex", "jesse"}
MARKETS = [
    ("binance", "linear"),
    ("binance_coinm", "inverse"),
    ("bybit", "linear"),
    ("bybit", "inverse"),
    ("okx", "linear"),
    ("okx", "inverse"),
    ("hyperliquid", "linear"),
    ("deribit", "linear"),
    ("deribit", "inverse"),
    ("gate", "linear"),
    ("gate", "inverse"),
    ("bitget", "linear"),
    ("bitget", "inverse"),
    ("kucoin", "linear"),
    ("kucoin", "inverse"),
    ("phemex", "linear"),
    ("jesse", "linear"),
    ("bitmex", "inverse"),
]

# Eighteen markets, each a run of its own: fewer examples than usual, and more where the profile asks for more.
few = settings(max_examples=settings().max_examples * 2 // 5, deadline=None)

positions = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["long", "short"]),
        "entry": st.floats(1e-6, 1e6),
        "notional": st.floats(1.0, 1e8),
        "leverage": st.floats(0.5, 150.0),
        "mmr": st.floats(0.0, 0.5),
        "share": st.floats(-0.2, 0.9),  # of the maintenance that the amount takes away; below zero: a reserve
        "fee": st.floats(0.0, 0.002),
    }
)


def arguments(market, said):
    venue, contract = market
    linear = contract == "linear"
    worth = said["notional"] if linear else said["notional"] / said["entry"]
    margin = worth / said["leverage"]
    return {
        "venue": venue,
        "contract": contract,
        "side": said["side"],
        "entry": said["entry"],
        "size": said["notional"] / said["entry"] if linear else said["notional"],
        "margin": margin,
        "mmr": said["mmr"],
        "maintenance_amount": said["share"] * min(margin, worth * said["mmr"]),
        "fee_rate": said["fee"],
    }


def excess(at, price):
    """Equity less maintenance margin at a price, in settle coin, as liquidation.md states it."""
    sign = 1 if at["side"] == "long" else -1
    if at["contract"] == "linear":
        profit, value = sign * at["size"] * (price - at["entry"]), at["size"] * price
        entry_value = at["size"] * at["entry"]
    else:
        profit = sign * at["size"] * (1 / at["entry"] - 1 / price)
        value, entry_value = at["size"] / price, at["size"] / at["entry"]
    rate = at["mmr"] + (at["fee_rate"] if at["venue"] in FEE_IN_CONDITION else 0.0)
    held = entry_value if at["venue"] in ON_ENTRY_VALUE else value
    return at["margin"] + profit - (held * rate - at["maintenance_amount"])


def bisected(function, low, high):
    """The root between two prices, in ratios: one turn halves the number of digits still open."""
    below = function(low) > 0
    assert below != (function(high) > 0), "no root between"
    for _ in range(200):
        middle = math.sqrt(low * high)
        if (function(middle) > 0) == below:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)


@pytest.mark.parametrize("market", MARKETS, ids="-".join)
@few
@given(said=positions)
@example(said={"side": "long", "entry": 95e3, "notional": 1e6, "leverage": 25, "mmr": 4e-3, "share": 0.2, "fee": 5e-4})
@example(said={"side": "long", "entry": 95e3, "notional": 1e4, "leverage": 0.5, "mmr": 4e-3, "share": 0.0, "fee": 0.0})
def test_at_the_price_equity_is_the_maintenance(market, said):
    at = arguments(market, said)
    low, high = at["entry"] * 1e-9, at["entry"] * 1e9
    price = liquidation_price(**at)
    if price is None:
        assert excess(at, low) > 0 or math.isclose(excess(at, low), 0, abs_tol=1e-6 * at["margin"])
        assert excess(at, high) > 0 or math.isclose(excess(at, high), 0, abs_tol=1e-6 * at["margin"])
        return
    assume(low < price < high)  # a position within 1e-9 of being covered in full
    assert price == pytest.approx(bisected(lambda x: excess(at, x), low, high), rel=1e-7)


@pytest.mark.parametrize("market", MARKETS, ids="-".join)
@few
@given(said=positions)
def test_none_exactly_where_the_margin_covers_everything(market, said):
    at = arguments(market, said)
    far = 1e-300 if at["side"] == "long" else 1e300
    if (at["contract"] == "linear") != (at["side"] == "long"):
        assert liquidation_price(**at) is not None, "a short in USDT and a long in coin can always be liquidated"
        return
    left = excess(at, far)  # what is left at the end of all prices
    assume(abs(left) > 1e-9 * at["margin"])
    assert (liquidation_price(**at) is None) == (left > 0)


@pytest.mark.parametrize("market", MARKETS, ids="-".join)
@few
@given(said=positions, more=st.floats(1.01, 3.0))
def test_more_margin_never_brings_it_nearer(market, said, more):
    at = arguments(market, said)
    price, later = liquidation_price(**at), liquidation_price(**{**at, "margin": at["margin"] * more})
    if price is None or later is None:
        assert later is None
    elif said["side"] == "long":
        assert later < price
    else:
        assert later > price


@pytest.mark.parametrize("side", ["long", "short"])
@few
@given(low=st.floats(1.1, 19.0), factor=st.floats(1.001, 1.05), size=st.floats(1e3, 9e7))
def test_more_leverage_is_liquidated_sooner(side, low, factor, size):
    said = Position(venue="binance", side=side, entry=95_000, leverage=low, size_usd=size)
    distance = [abs(quote(one).distance) for one in (said, replace(said, leverage=low * factor))]
    assert distance[1] < distance[0]


def binance_maintenance(table, value):
    """The venue's own words: the tier of the notional gives rate and amount."""
    for tier in table.tiers:
        if value <= tier.cap:
            return value * tier.rate - tier.amount
    return value * table.tiers[-1].rate - table.tiers[-1].amount


@pytest.mark.parametrize("asset", ["BTC", "ETH", "SOL", "DOGE", "1000PEPE", "0G"])
@few
@given(side=st.sampled_from(["long", "short"]), place=st.floats(0.0, 1.0), share=st.floats(0.05, 0.99))
def test_tier_at_the_liquidation_price_against_bisection(asset, side, place, share):
    table = tiers("binance", "linear", asset)
    notional = 100.0 * (table.limit * 0.9 / 100.0) ** place
    leverage = max(1.0, share * table.at(notional).max_leverage)
    entry, sign = 3.7, 1 if side == "long" else -1
    found = quote(
        Position(venue="binance", asset=asset, side=side, entry=entry, leverage=leverage, size_usd=notional)
    ).price
    coins, margin = notional / entry, notional / leverage

    def excess_at(price):
        return margin + sign * coins * (price - entry) - binance_maintenance(table, coins * price)

    if found is None:
        assert side == "long"
        assert excess_at(entry * 1e-9) > -1e-6 * margin
        return
    assert found == pytest.approx(bisected(excess_at, entry * 1e-9, entry * 1e3), rel=1e-9)


@pytest.mark.slow
def test_no_jump_at_any_border_of_any_symbol():
    borders = 0
    for one in instruments("binance", "linear"):
        table = tiers("binance", "linear", one.asset, one.quote, multiplier=one.multiplier, expiry=one.expiry)
        for below, above in zip(table.tiers, table.tiers[1:], strict=False):
            for side in ("long", "short"):
                price, size = 1.25, below.cap / 1.25  # worth exactly the border where it is liquidated
                entry = price * (1.02 if side == "long" else 0.98)
                sign = 1 if side == "long" else -1  # the margin with which equity is the maintenance at the border
                margin = size * (sign * (entry - price) + price * below.rate) - below.amount
                found = liquidation_price(
                    venue="binance",
                    contract="linear",
                    side=side,
                    entry=entry,
                    size=size,
                    margin=margin,
                    mmr=above.rate,
                    maintenance_amount=above.amount,
                )
                assert found == pytest.approx(price, rel=1e-9), (str(one), below.number)
            borders += 1
    assert borders > 6_000, "the table was not read"


def test_a_whole_cover_has_no_price_however_it_is_rounded():
    entries = [number / 7 for number in range(90_001, 92_001)]
    said = {"venue": "binance", "contract": "linear", "mmr": 0.004, "margin": 1_000.0}
    assert any((1_000.0 / entry) * entry > 1_000.0 for entry in entries), "no rounding in these numbers"
    for entry in entries:
        assert liquidation_price(side="long", entry=entry, size=1_000.0 / entry, **said) is None
