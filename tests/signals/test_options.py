from __future__ import annotations

import csv
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.inputs import INPUTS
from signals.options import Chain, Option, OptionKind, expiries, pulling, summary
from tests.examples import examples

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "options" / "deribit-btc-chain-2025-12.csv"
AT = datetime(2025, 12, 4, 23, tzinfo=UTC)
SOON, LATER = AT + timedelta(days=1), AT + timedelta(days=22)
FORWARD = 92_529.80714285714


def recorded() -> Chain:
    """Return the whole chain of Deribit of 4 December 2025; a forward stands in for the index, which is not there."""
    if not RECORDED.exists():
        pytest.skip(f"{RECORDED} is not here: recordings lie outside the project")
    with RECORDED.open(encoding="utf-8", newline="") as file:
        found = tuple(
            Option(
                datetime.strptime(f"{row['expiry_date']} 08 +0000", "%d%b%y %H %z"),
                float(row["strike"]),
                "call" if row["type"] == "call" else "put",
                float(row["open_interest"]),
                float(row["mark_iv"]),
                bool(row["bid_btc"] and row["ask_btc"]),
            )
            for row in csv.DictReader(file)
        )
    return Chain("deribit", "BTC", AT, found, FORWARD)


def chain(*options: tuple[float, OptionKind, float], expiry: datetime = SOON, index: float | None = 100.0) -> Chain:
    found = tuple(Option(expiry, strike, kind, coins) for strike, kind, coins in options)
    return Chain("deribit", "BTC", AT, found, index)


def test_the_figures_of_the_recorded_chain() -> None:
    """Calls, puts and the least payout as its own index of figures has them."""
    found = expiries(recorded())
    assert len(found) == 11
    calls, puts = sum(expiry.calls for expiry in found), sum(expiry.puts for expiry in found)
    assert calls == pytest.approx(298_825.6, abs=0.05)
    assert puts == pytest.approx(158_443.8, abs=0.05)
    assert puts / calls == pytest.approx(0.5302, abs=5e-5)
    strikes: dict[float, float] = {}
    for expiry in found:
        for strike in expiry.strikes:
            strikes[strike.price] = strikes.get(strike.price, 0.0) + strike.coins
    largest = sorted(strikes.items(), key=lambda strike: -strike[1])[:3]
    assert [price for price, _ in largest] == [100_000, 80_000, 85_000]
    assert [coins for _, coins in largest] == pytest.approx([33_582.8, 22_972.7, 22_702.1], abs=0.05)
    (december,) = (expiry for expiry in found if expiry.at == datetime(2025, 12, 26, 8, tzinfo=UTC))
    assert december.coins == pytest.approx(256_249.2, abs=0.05)
    assert december.least_payout()[0] == 100_000
    quoted = [option.quoted for option in recorded().options]
    assert sum(quoted) / len(quoted) == pytest.approx(1 - 181 / 676, abs=0.08)  # bid empty in 147 rows, ask in 129


def test_a_lost_row_changes_its_strike_and_nothing_else() -> None:
    whole = recorded()
    lost = replace(whole, options=whole.options[1:])
    differing = [
        (before.at, after.at) for before, after in zip(expiries(whole), expiries(lost), strict=True) if before != after
    ]
    assert differing == [(whole.options[0].expiry,) * 2]


@pytest.mark.parametrize(
    ("options", "least"),
    [
        pytest.param([(90, "put", 1), (110, "call", 1)], (90.0, 110.0), id="nothing is paid between: the lower of two"),
        pytest.param([(90, "call", 3), (110, "put", 1)], (90.0, 110.0), id="three calls outweigh one put"),
        pytest.param([(90, "call", 1), (110, "put", 3)], (110.0, 90.0), id="three puts outweigh one call"),
        pytest.param([(100, "call", 1)], (100.0,), id="one strike has no runner-up"),
        pytest.param([(100, "call", 0), (90, "put", 0)], (), id="nothing open"),
    ],
)
def test_the_least_payout(options: list[tuple[float, OptionKind, float]], least: tuple[float, ...]) -> None:
    (expiry,) = expiries(chain(*options))
    assert expiry.least_payout() == least


def test_what_all_of_it_would_pay() -> None:
    (expiry,) = expiries(chain((90, "call", 2), (110, "put", 3), (100, "call", 5)))
    assert expiry.payout(105) == 2 * 15 + 3 * 5 + 5 * 5
    assert expiry.payout(80) == 3 * 30


_OPEN = st.one_of(st.just(0.0), st.floats(min_value=0.1, max_value=1e5))
_ROWS = st.lists(
    st.tuples(st.integers(1, 60).map(lambda n: n * 2500.0), st.sampled_from(["call", "put"]), _OPEN),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row[:2],
)


@examples(60)
@given(rows=_ROWS, index=st.floats(min_value=1000, max_value=160_000))
def test_whatever_is_open(rows: list[tuple[float, OptionKind, float]], index: float) -> None:
    whole = chain(*rows, index=index)
    (expiry,) = expiries(whole)
    least = expiry.least_payout()
    assert bool(least) == any(coins for *_, coins in rows)
    for strike in expiry.strikes if least else ():
        assert expiry.payout(least[0]) <= expiry.payout(strike.price) + 1e-6
    assert math.isclose(sum(map(expiry.share, expiry.strikes)), 1.0) or not least
    told = summary(whole)
    assert set(told) <= set(INPUTS)
    assert all(INPUTS[name].possible(value) for name, value in told.items()), told
    for side, sign in (("above", 1), ("below", -1)):
        if f"options_wall_{side}" in told:
            assert sign * (told[f"options_wall_{side}"] - index) >= 0


@pytest.mark.parametrize(
    ("options", "above", "below"),
    [
        pytest.param(
            [(101, "call", 2), (130, "call", 8), (99, "put", 0.5), (80, "put", 9.5)],
            (101, 0.1),
            (80, 0.475),
            id="the nearest that holds a tenth, however large another is",
        ),
        pytest.param(
            [(101, "call", 1), (105, "call", 1.5), (90, "put", 20)],
            (105, 1.5 / 22.5),
            (90, 20 / 22.5),
            id="none holds a tenth: the largest of that side",
        ),
        pytest.param([(100, "call", 1)], (100, 1.0), None, id="a strike at the price lies above; none below"),
        pytest.param([(80, "put", 1), (120, "call", 0)], None, (80, 1.0), id="what holds nothing is no wall"),
    ],
)
def test_walls(
    options: list[tuple[float, OptionKind, float]], above: tuple[float, float] | None, below: tuple[float, float] | None
) -> None:
    told = summary(chain(*options))
    for side, wall in (("above", above), ("below", below)):
        found = (told.get(f"options_wall_{side}"), told.get(f"options_wall_{side}_share"))
        assert found == (pytest.approx(wall) if wall else (None, None))


def test_the_largest_expiry_of_three_days_is_the_one_that_pulls() -> None:
    small = chain((100, "call", 5), expiry=AT + timedelta(hours=9))
    large = chain((100, "call", 50), expiry=AT + timedelta(days=2))
    far = chain((100, "call", 500), expiry=LATER)
    past = chain((100, "call", 900), expiry=AT)
    every = replace(small, options=(*past.options, *far.options, *large.options, *small.options))
    found = pulling(every)
    assert found is not None
    assert (found.at, found.coins) == (AT + timedelta(days=2), 50)
    assert summary(every)["options_expiry_share"] == pytest.approx(50 / 555)
    assert summary(every)["options_open_interest_usd"] == 55_500
    only_far = pulling(far)
    assert only_far is not None
    assert only_far.at == LATER
    assert pulling(past) is None


@pytest.mark.parametrize(
    ("of", "told", "not_told"),
    [
        pytest.param(
            chain((100, "put", 1), index=None),
            {"options_max_pain", "options_days_to_expiry", "options_expiry_share"},
            {"index_price", "options_put_call", "options_wall_above", "options_open_interest_usd"},
            id="no index, no call",
        ),
        pytest.param(
            chain((100, "put", 0)),
            {"index_price", "options_open_interest_usd"},
            {"options_max_pain"},
            id="nothing open",
        ),
    ],
)
def test_what_is_not_known_is_left_out(of: Chain, told: set[str], not_told: set[str]) -> None:
    assert set(summary(of)) >= told
    assert not set(summary(of)) & not_told


def test_a_part_is_quoted_only_where_it_is_known_of_all() -> None:
    quotes = (True, False, True, True)
    known = tuple(Option(SOON, 90.0 + n, "call", 1.0, None, quote) for n, quote in enumerate(quotes))
    assert expiries(Chain("deribit", "BTC", AT, known))[0].quoted == 0.75
    assert expiries(Chain("deribit", "BTC", AT, (*known, Option(SOON, 80.0, "put", 1.0))))[0].quoted is None
