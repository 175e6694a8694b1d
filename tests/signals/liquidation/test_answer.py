"""What is answered and what is refused, with one line that says what to do."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signals.liquidation import (
    Assumption,
    CrossNeedsAccount,
    LiquidationError,
    MarginTooSmall,
    NoTierTable,
    Position,
    UnknownVenue,
    compare,
    liquidation_price,
    margin_for,
    quote,
    rule_for,
    shown_price,
    venues_for,
)
from signals.liquidation.rules import RULES, Family, RuleStatus
from signals.liquidation.tables import parse_table
from tests.examples import examples

LONG = Position(venue="binance", side="long", entry=95_000, leverage=25)
NUMBERS = {"venue": "binance", "contract": "linear", "side": "long", "entry": 100.0, "size": 1.0}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"venue": "nowhere"}, "no liquidation rule is known for 'nowhere'; known are binance, "),
        ({"contract": "quanto"}, "a contract is linear .* or inverse .*, not 'quanto'"),
        ({"venue": "hyperliquid", "contract": "inverse"}, "no inverse contracts are known at hyperliquid"),
        ({"venue": "binance_coinm"}, "no linear contracts are known at binance_coinm; ask for inverse"),
        ({"venue": "bitget", "on": dt.date(2025, 8, 31)}, "before 2025-09-01 is not known"),
        ({"side": "up"}, "a side is long or short, not 'up'"),
        ({"entry": 0.0}, "entry must be a number above zero, not 0"),
        ({"entry": float("nan")}, "entry must be a number above zero, not nan"),
        ({"size": -1.0}, "size must be a number above zero, not -1"),
        ({"size": float("inf")}, "size must be a number above zero, not inf"),
        ({"margin": -5.0}, "margin must be a number above zero, not -5"),
        ({"margin": float("nan")}, "margin must be"),
        ({"mmr": -0.1}, "maintenance rate is a fraction"),
        ({"mmr": 1.0}, "maintenance rate is a fraction"),
        ({"mmr": float("nan")}, "maintenance rate is a fraction"),
        ({"fee_rate": -0.1}, "fee rate is a fraction"),
        ({"mmr": 0.6, "fee_rate": 0.5}, "together must stay below 1"),
        ({"maintenance_amount": float("nan")}, "maintenance amount must be a finite number"),
        ({"maintenance_amount": float("-inf")}, "maintenance amount must be a finite number"),
        ({"side": "short", "maintenance_amount": -500.0}, "the reserve is larger than the margin"),
        ({"entry": 1e300, "size": 1e300}, "too large or too small"),
    ],
    ids=lambda case: "-".join(f"{k}={v}" for k, v in case.items()) if isinstance(case, dict) else "",
)
def test_nonsense_is_a_sentence(wrong, says):
    with pytest.raises(ValueError, match=says):
        liquidation_price(**{**NUMBERS, "margin": 4.0, "mmr": 0.004, **wrong})


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"leverage": None}, LiquidationError, "give the leverage"),
        ({"leverage": None, "margin": 100}, LiquidationError, "the margin together with the size"),
        ({"leverage": 0.5}, LiquidationError, "leverage starts at 1x, not 0.5x"),
        ({"leverage": float("nan")}, LiquidationError, "leverage must be a number above zero"),
        ({"size_coins": 1, "size_usd": 1}, LiquidationError, "not both"),
        ({"size_usd": 0}, LiquidationError, "size must be a number above zero"),
        ({"extra_margin": 10}, LiquidationError, "give the size as well"),
        ({"extra_margin": -10, "size_usd": 1}, LiquidationError, "zero or more"),
        ({"margin_mode": "portfolio"}, LiquidationError, "isolated or cross"),
        ({"venue": "kucoin", "leverage": 300}, MarginTooSmall, "0.46 % at the entry.*lower the leverage"),
        ({"venue": "kucoin", "leverage": 300, "margin": 5}, MarginTooSmall, "liquidated at once"),
        ({"asset": "PEPE", "venue": "okx"}, NoTierTable, "OKX is known here for PEPE"),
        ({"venue": "okx", "contract": "inverse"}, NoTierTable, "OKX inverse"),
    ],
    ids=lambda case: "-".join(f"{k}={v}" for k, v in case.items()) if isinstance(case, dict) else "",
)
def test_refused(wrong, error, says):
    with pytest.raises(error, match=says):
        quote(replace(LONG, **wrong))


def test_cross_asks_for_what_it_needs():
    with pytest.raises(CrossNeedsAccount, match=r"wallet balance, .*other positions.*, the size") as asked:
        quote(replace(LONG, margin_mode="cross"))
    assert len(asked.value.missing) == 4
    with pytest.raises(CrossNeedsAccount) as asked:
        quote(replace(LONG, margin_mode="cross", size_coins=1, wallet=5_000, other_profit=0.0))
    assert asked.value.missing == ("the maintenance margin of the other positions (0 if there are none)",)


def test_cross_with_the_official_two_positions():
    """Binance's own example: the ETH leg of two cross positions, tiers of its page."""
    table = parse_table(
        "# venue: binance\n# contract: linear\n# as_of: 2020-01-01\n# unit: quote\n# source: the example\n",
        "ETH,USDT,,0.05:0:20:1718600 0.1:85930:5:10000000",
    )
    table = replace(table, tiers=(table.tiers[0], replace(table.tiers[1], amount=135_365)))
    said = Position(
        venue="binance",
        asset="ETH",
        side="long",
        entry=1_456.84,
        size_coins=3_683.979,
        margin_mode="cross",
        wallet=1_535_443.01,
        other_profit=-56_354.56848,
        other_maintenance=71_200.81144,
    )
    found = quote(said, table=table)
    assert found.price == pytest.approx(1_153.26, abs=0.005)
    assert found.tier == 2
    assert Assumption.ACCOUNT_DECIDES not in found.assumptions
    with pytest.raises(MarginTooSmall, match="whole wallet"):
        quote(replace(said, wallet=100_000.0), table=table)


def test_a_unified_account_is_called_an_estimate():
    said = {"margin_mode": "cross", "size_coins": 1, "wallet": 3_800, "other_profit": 0, "other_maintenance": 0}
    found = quote(replace(LONG, venue="okx", **said))
    assert Assumption.ACCOUNT_DECIDES in found.assumptions
    assert found.price == pytest.approx(quote(replace(LONG, venue="okx", size_coins=1)).price)


def test_size_in_any_unit_is_one_position():
    prices = [
        quote(replace(LONG, **size)).price
        for size in (
            {"size_coins": 10},
            {"size_usd": 950_000},
            {"margin": 38_000},
            {"margin": 38_000, "size_coins": 10},
        )
    ]
    assert prices == pytest.approx([prices[0]] * 4, rel=1e-12)


def test_inverse_in_coins_or_dollars():
    said = replace(LONG, venue="deribit", contract="inverse")
    assert quote(replace(said, size_coins=10)).price == pytest.approx(quote(replace(said, size_usd=950_000)).price)


def test_added_margin_moves_it_away():
    sized = replace(LONG, size_coins=1)
    assert quote(replace(sized, extra_margin=1_000)).price < quote(sized).price
    assert quote(replace(sized, extra_margin=200_000)).price is None


def test_deribit_inverse_counts_the_coins_at_the_liquidation():
    found = quote(replace(LONG, venue="deribit", contract="inverse", size_usd=30_000_000))
    coins = found.size / found.price
    assert found.rate == pytest.approx(0.01 + 0.00005 * coins, rel=1e-9)


def test_contracts_not_value_choose_at_okx():
    """A short grows in value but not in contracts: the tier stays."""
    found = quote(replace(LONG, venue="okx", side="short", size_coins=10))
    assert found.tier == 1
    assert found.tier_cap_notional == pytest.approx(950_000)


def test_a_border_is_not_missed_by_rounding():
    entries = [entry / 10 for entry in range(90_000, 100_000) if 300_000 / (entry / 10) * (entry / 10) > 300_000]
    assert entries, "no rounding in these numbers"
    for entry in entries:
        assert quote(replace(LONG, entry=entry, leverage=150, size_usd=300_000)).leverage_cap == 150


def made_table(venue: str, tiers_of_it: str):
    head = f"# venue: {venue}\n# contract: linear\n# as_of: 2026-01-02\n# unit: quote\n# source: a test\n"
    return parse_table(head, f"BTC,USDT,,{tiers_of_it}")


def test_entry_value_chooses_at_kucoin():
    table = made_table("kucoin", "0.004:0:125:300000 0.005:300:100:800000")
    said = replace(LONG, size_usd=310_000)
    assert quote(replace(said, venue="kucoin"), table=table).tier == 2
    assert quote(replace(said, venue="binance"), table=table).tier == 1, "worth 298,795 where it is liquidated"


def test_where_maintenance_jumps_the_nearer_price_comes_first():
    table = made_table("binance", "0.004:0:125:300000 0.01:0:100:800000")
    assert quote(replace(LONG, size_usd=310_000), table=table).tier == 2, "both tiers hold their own price"
    assert quote(replace(LONG, size_usd=305_000), table=table).tier == 1


def test_a_position_that_grows_out_of_the_table_keeps_the_last_tier():
    table = made_table("binance", "0.004:0:125:300000 0.005:300:100:310000")
    found = quote(replace(LONG, side="short", leverage=5, size_usd=290_000), table=table)
    assert found.tier == 2
    assert found.notional / found.position.entry * found.price > 310_000


def test_assumptions_are_said():
    first = quote(LONG).assumptions
    assert first[0] is Assumption.MARK_PRICE
    assert Assumption.FIRST_TIER in first
    assert Assumption.NO_ADDED_MARGIN in first
    sized = quote(replace(LONG, size_usd=1_000_000, margin=40_000)).assumptions
    assert set(sized) == {Assumption.MARK_PRICE, Assumption.REDUCED_FIRST}
    unknown = quote(replace(LONG, venue="kucoin")).assumptions
    assert {Assumption.USUAL_FEE, Assumption.BOUND_UNKNOWN, Assumption.CAP_UNKNOWN} <= set(unknown)
    assert Assumption.USUAL_FEE not in quote(replace(LONG, venue="kucoin", fee_rate=0.0005)).assumptions
    assert Assumption.NO_ISOLATED in quote(replace(LONG, venue="deribit")).assumptions


def test_without_a_size_nothing_of_a_size_is_said():
    found = quote(LONG)
    assert (found.size, found.margin, found.notional) == (None, None, None)
    assert (found.tier, found.leverage_cap, found.max_notional) == (1, 150, 70_000_000)


def test_a_partial_table_knows_no_largest_position():
    assert quote(replace(LONG, venue="bybit")).max_notional is None, "25x may well go on above the last known tier"
    assert quote(replace(LONG, venue="bybit", leverage=100)).max_notional == 2_000_000


def test_a_time_is_taken_for_its_day():
    found = quote(replace(LONG, venue="bybit"), on=dt.datetime(2025, 9, 1, 23, 59, tzinfo=dt.UTC))
    assert found.table_as_of == dt.date(2025, 1, 1)


def test_the_rule_of_the_day():
    old, new = (quote(replace(LONG, venue="bybit"), on=day) for day in (dt.date(2025, 9, 1), dt.date(2025, 9, 2)))
    assert old.price == pytest.approx(95_000 * (1 - 1 / 25 + 0.005))
    assert new.price == pytest.approx(95_000 * (1 - 1 / 25) / (1 - 0.005))
    assert Assumption.NEWER_TABLE not in new.assumptions
    binance = quote(LONG, on=dt.date(2024, 10, 1))
    assert Assumption.NEWER_TABLE in binance.assumptions


def test_old_bybit_inverse_cross_pays_its_fee_at_bankruptcy():
    said = Position(
        venue="bybit",
        contract="inverse",
        side="long",
        entry=8_000,
        size_usd=10_000,
        margin_mode="cross",
        wallet=0.5,
        other_profit=0.0,
        other_maintenance=0.0,
    )
    found = quote(said, on=dt.date(2025, 9, 1))
    assert (found.shown, found.fee_rate) == (5_739.5, 0.00075)


def test_compare_asks_every_venue_of_the_contract():
    answers = compare(LONG)
    assert tuple(answers) == venues_for("linear")
    low, high = min(a.price for a in answers.values()), max(a.price for a in answers.values())
    assert (low, high) == (pytest.approx(91_501.96, abs=0.01), pytest.approx(92_354.43, abs=0.01))
    strict = compare(replace(LONG, leverage=50))
    assert isinstance(strict["hyperliquid"], LiquidationError)
    assert strict["binance"].price == pytest.approx(93_473.90, abs=0.01)


@pytest.mark.parametrize(
    ("price", "tick", "side", "shown"),
    [
        (91_501.956, 0.1, "long", 91_502.0),
        (98_475.035, 0.1, "short", 98_475.0),
        (91_502.00000000001, 0.1, "long", 91_502.0),
        (8_121.49999999999, 0.5, "short", 8_121.5),
        (91_501.94, 0.1, None, 91_501.9),
        (91_566.26506024097, None, None, 91_566.27),
        (0.219037660, None, None, 0.2190377),
    ],
)
def test_shown_price(price, tick, side, shown):
    assert shown_price(price, tick, side) == shown


def test_every_rule_is_a_whole_declaration():
    assert {rule.venue for rule in RULES if rule.status is RuleStatus.CURRENT} == {
        "binance", "binance_coinm", "bybit", "okx", "hyperliquid", "deribit", "gate", "bitget", "kucoin",
    }  # fmt: skip
    for rule in RULES:
        assert rule.source
        assert rule_for(rule.venue, rule.contract, rule.valid_from or dt.date(2018, 1, 1)) is rule
        if rule.status is RuleStatus.CURRENT:
            assert rule_for(rule.venue, rule.contract).family is Family.AT_LIQUIDATION, "today's rules are family A"
    assert rule_for("binance", "inverse") is rule_for("binance_coinm", "inverse")
    with pytest.raises(UnknownVenue):
        rule_for("kucoin", "inverse", dt.date(2025, 5, 21))


# --- margin for a wanted price ----------------------------------------------------------------------------------------

MARKETS = [
    ("binance", "linear"),
    ("binance_coinm", "inverse"),
    ("bybit", "linear"),
    ("bybit", "inverse"),
    ("okx", "linear"),
    ("hyperliquid", "linear"),
    ("deribit", "linear"),
    ("deribit", "inverse"),
    ("gate", "linear"),
    ("bitget", "linear"),
    ("kucoin", "linear"),
]


@pytest.mark.parametrize("market", MARKETS, ids="-".join)
@examples(40)
@given(
    side=st.sampled_from(["long", "short"]),
    usd=st.floats(100.0, 2e6),
    leverage=st.floats(2.0, 20.0),
    away=st.floats(0.001, 0.6),
)
def test_with_the_margin_that_is_needed_the_price_is_the_wanted_one(market, side, usd, leverage, away):
    venue, contract = market
    said = Position(venue=venue, contract=contract, side=side, entry=95_000, leverage=leverage, size_usd=usd)
    target = 95_000 * (1 - away if side == "long" else 1 + away)
    try:
        need = margin_for(said, target)
    except LiquidationError:  # above the cap or the known tiers
        assume(False)
    assume(need.needed > 0)
    assert need.add == pytest.approx(need.needed - need.there, rel=1e-9, abs=1e-9)
    found = quote(replace(said, leverage=None, margin=need.needed)).price
    assert found == pytest.approx(target, rel=1e-9)


@pytest.mark.parametrize(
    ("more", "target", "says"),
    [
        pytest.param({}, 96_000, "a long lies below its entry", id="wrong side"),
        pytest.param({}, 95_000, "a long lies below its entry", id="at the entry"),
        pytest.param({}, math.nan, "wanted price", id="nan"),
        pytest.param({}, 0.0, "wanted price", id="zero"),
        pytest.param({"size_usd": None}, 90_000, "depends on the size", id="no size"),
        pytest.param({"leverage": 200.0}, 90_000, "at most 150x", id="above the cap"),
    ],
)
def test_a_wanted_price_that_cannot_be(more, target, says):
    said = Position(venue="binance", side="long", entry=95_000, leverage=25, size_usd=1e4)
    with pytest.raises(LiquidationError, match=says):
        margin_for(replace(said, **more), target)
