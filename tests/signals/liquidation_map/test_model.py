"""The liquidation map against loops that spell its definition out, and bar by bar against all at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.liquidation_map import (
    BANDS,
    GRID,
    SHARES,
    WINDOW,
    KeptMap,
    MapHistory,
    bins_at,
    history,
    per_percent,
    spread_of,
)
from signals.liquidation_map.model import GAP
from signals.metric import metrics
from signals.series import Panel, hours
from tests.examples import examples

if TYPE_CHECKING:
    from signals.series import Array

ROWS, ASSETS = 60, 2  # of a window
FACTORS = np.array([[spread_of(asset).longs, spread_of(asset).shorts] for asset in ("BTC", "DOGE")])


def market(seed: int, rows: int, gaps: float = 0.03, move: float = 0.008) -> list[Array]:
    """Draw coins, high, low and close: walks with holes."""
    random = np.random.default_rng(seed)
    shape = (rows, ASSETS)
    close = 90_000 * np.exp(np.cumsum(random.normal(0, move, shape), axis=0))
    high, low = (close * np.exp(sign * np.abs(random.normal(0, move / 2, shape))) for sign in (1, -1))
    coins = 1e5 * np.exp(np.cumsum(random.normal(0, 0.01, shape), axis=0))
    return [np.where(random.random(shape) < gaps, np.nan, values) for values in (coins, high, low, close)]


def spelled_out(inputs: list[Array], asset: int, row: int) -> tuple[list[list[float]], list[float]]:
    """Return the coins of longs and shorts within each band, and at any price, as the definition says them."""
    coins, high, low, close = (values[:, asset] for values in inputs)
    within, placed = [[0.0] * len(BANDS), [0.0] * len(BANDS)], [0.0, 0.0]

    def before(i: int) -> float:
        return next((coins[i - n] for n in range(1, GAP + 2) if i >= n and not math.isnan(coins[i - n])), math.nan)

    for i in range(row - ROWS + 1, row + 1):
        opened = coins[i] - before(i)
        if math.isnan(close[i]) or not opened > 0:
            continue
        left = 1.0
        for j in range(i + 1, row + 1):
            left *= min(coins[j] / before(j), 1.0) if coins[j] < before(j) else 1.0
        lowest = min((v for j in range(i + 1, row + 1) for v in (low[j], close[j]) if not math.isnan(v)), default=1e99)
        highest = max((v for j in range(i + 1, row + 1) for v in (high[j], close[j]) if not math.isnan(v)), default=0.0)
        for side in (0, 1):
            for share, factor in zip(SHARES.values(), FACTORS[asset, side], strict=True):
                price = math.exp(round(math.log(close[i] * factor) / GRID) * GRID)
                if (lowest <= price) if side == 0 else (highest >= price):
                    continue
                placed[side] += opened * share * left
                for number, band in enumerate(BANDS):
                    far = price < close[row] * (1 - band) if side == 0 else price > close[row] * (1 + band)
                    within[side][number] += 0.0 if far else opened * share * left
    return within, placed


def read(inputs: list[Array], rows: int) -> MapHistory:
    return history(inputs, FACTORS, rows, ROWS, 1)


@pytest.mark.slow
@examples(20)
@given(seed=st.integers(0, 2**20))
def test_the_map_is_what_its_definition_says(seed: int) -> None:
    rows = 30
    inputs = market(seed, rows + ROWS + GAP)
    found = read(inputs, rows)
    for back in (0, 7, rows - 1):
        row = len(inputs[0]) - 1 - back
        for asset in range(ASSETS):
            got = np.array([found.within[band][-1 - back, asset] for band in BANDS]).T
            if np.isnan(inputs[0][row, asset] + inputs[3][row, asset]):
                assert np.isnan(got).all()
                continue
            within, placed = spelled_out(inputs, asset, row)
            np.testing.assert_allclose(got, within, rtol=1e-9, atol=1e-6)
            np.testing.assert_allclose(found.placed[-1 - back, asset], placed, rtol=1e-9, atol=1e-6)


@examples(30)
@given(seed=st.integers(0, 2**20), rows=st.integers(2, 400), move=st.sampled_from([0.001, 0.01, 0.06]))
def test_many_rows_at_once_are_each_row_by_itself(seed: int, rows: int, move: float) -> None:
    inputs = market(seed, rows + ROWS + GAP, move=move)
    whole = read(inputs, rows)
    for row in {0, rows // 2, rows - 1}:
        alone = read([values[row + 1 : row + 1 + ROWS + GAP] for values in inputs], 1)
        for mine, theirs in zip(whole.arrays(), alone.arrays(), strict=True):
            np.testing.assert_allclose(mine[row], theirs[0], rtol=1e-9, atol=1e-6)


@examples(30)
@given(seed=st.integers(0, 2**20), rows=st.integers(1, 400), every=st.sampled_from([1, 7, 24, 300]))
def test_rows_that_are_read_are_those_of_all(seed: int, rows: int, every: int) -> None:
    """A day of hours is asked for once; pieces without such a row, and rows without a map, cost nothing."""
    inputs = market(seed, rows + ROWS + GAP, move=0.01)
    asked = np.arange(rows) % every == seed % every
    whole, some = read(inputs, rows), history(inputs, FACTORS, rows, ROWS, 1, read=asked)
    for mine, theirs in zip(some.arrays(), whole.arrays(), strict=True):
        np.testing.assert_allclose(mine[asked], theirs[asked], rtol=1e-9, atol=1e-6)
        assert np.isnan(mine[~asked]).all()


@pytest.mark.slow
@examples(20)
@given(seed=st.integers(0, 2**20), move=st.sampled_from([0.002, 0.02]))
def test_stepping_is_rebuilding(seed: int, move: float) -> None:
    rows = 3 * ROWS
    inputs = market(seed, rows + ROWS + GAP, move=move)
    whole, kept = read(inputs, rows), KeptMap(FACTORS, ROWS)
    for row in range(len(inputs[0])):
        kept.step(*(values[row] for values in inputs))
        known = ~np.isnan(inputs[0][row] + inputs[3][row])
        at = row - len(inputs[0]) + rows
        if at < 0 or not known.any():
            continue
        for number, band in enumerate(BANDS):
            mine, theirs = kept.within()[known, :, number], whole.within[band][at, known]
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(kept.placed()[known], whole.placed[at, known], rtol=1e-9, atol=1e-6)


def test_the_state_makes_its_units_anew() -> None:
    """Coins that fall by a third in every other bar leave nothing of a coin after 60 of them."""
    rows = 4 * ROWS
    inputs = market(3, rows, gaps=0.0, move=0.0001)
    inputs[0] = np.where(np.arange(rows) % 2, 1e5, 0.6e5)[:, None] * np.ones((1, ASSETS))
    kept = KeptMap(FACTORS, ROWS)
    for row in range(rows):
        kept.step(*(values[row] for values in inputs))
    np.testing.assert_allclose(kept.placed(), read(inputs, 1).placed[0], rtol=1e-9)


@examples(30)
@given(seed=st.integers(0, 2**20))
def test_a_side_is_never_more_than_the_open_interest(seed: int) -> None:
    inputs = market(seed, 2 * ROWS)
    random = np.random.default_rng(seed)
    inputs[0] = inputs[0] * np.exp(random.normal(0, 2.0, inputs[0].shape))  # falls of more than 95 % among them
    found = read(inputs, 20)
    limit = inputs[0][-20:, :, None] * (1 + 1e-9)
    assert (np.isnan(found.placed) | (found.placed <= limit)).all()
    for band in BANDS:
        assert (np.isnan(found.within[band]) | (found.within[band] <= found.placed + 1e-6)).all()


def flat(rows: int, price: float = 100.0, coins: float = 1000.0) -> list[Array]:
    return [np.full((rows, 1), value) for value in (coins, price, price, price)]


def one(inputs: list[Array], rows: int = 1, window: int = ROWS) -> MapHistory:
    return history(inputs, FACTORS[:1], rows, window, 1)


def test_what_was_opened_leaves_after_the_window() -> None:
    inputs = flat(2 * ROWS + GAP)
    inputs[0][ROWS:] = 1100.0  # one rise
    placed = one(inputs, ROWS + 1).placed[:, 0, 0]
    assert placed[:-3] == pytest.approx(np.where(np.arange(ROWS - 2) < 0, 0, placed[0]))
    assert one(inputs, 1, window=ROWS).placed[0, 0, 0] == 0.0, "row 60 is 62 rows ago"
    assert one(inputs[:1] + inputs[1:], 1, window=ROWS + GAP).placed[0, 0, 0] == pytest.approx(100.0)


def test_a_low_takes_longs_and_a_high_takes_shorts() -> None:
    inputs = flat(ROWS + GAP + 1)
    inputs[0][-5:] = 1100.0
    before = one(inputs)
    inputs[2][-2] = 97.0  # the low of one bar: the longs of 50x (98.39) and 100x (99.40)
    inputs[1][-1] = 104.0  # the high of another: the shorts of 25x (103.59), 50x and 100x
    after = one(inputs)
    assert before.placed[0, 0] == pytest.approx([100.0, 100.0])
    assert after.placed[0, 0] == pytest.approx([80.0, 60.0])


def test_a_bar_does_not_cross_what_it_opened() -> None:
    inputs = flat(ROWS + GAP + 1)
    inputs[0][-1], inputs[1][-1], inputs[2][-1] = 1100.0, 140.0, 60.0
    assert one(inputs).placed[0, 0] == pytest.approx([100.0, 100.0])


def test_a_hole_in_the_coins_opens_nothing_but_what_was_opened_meanwhile() -> None:
    inputs = flat(ROWS + GAP + 1)
    inputs[0][-5:-2] = np.nan
    inputs[0][-2:] = 1050.0
    assert one(inputs).placed[0, 0] == pytest.approx([50.0, 50.0])
    inputs[0][-6] = np.nan  # four missing rows are too many
    assert one(inputs).placed[0, 0] == pytest.approx([0.0, 0.0])


def test_a_picture_holds_the_sums_of_the_metric() -> None:
    metric, rows = metrics()["liq_map"], int(WINDOW / hours(1)) + GAP + 30
    inputs = [values[:, :1] for values in market(5, rows, gaps=0.0, move=0.004)]
    names = ("open_interest_coin", "high", "low", "close")
    at = pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC")
    panel = Panel(hours(1), at, ("BTC",), dict(zip(names, inputs, strict=True)))
    now, earlier, never = bins_at(panel, (0, 29, rows - 1))
    values = {name: column[0, 0] for name, column in metric.evaluate(panel, 1).items()}
    assert now is not None
    (as_it_was,) = bins_at(panel.until(rows - 30))
    assert earlier is not None
    assert as_it_was is not None
    np.testing.assert_allclose(earlier.edges, as_it_was.edges)
    np.testing.assert_allclose(earlier.longs, as_it_was.longs, atol=1e-3)
    np.testing.assert_allclose(earlier.shorts, as_it_was.shorts, atol=1e-3)
    assert never is None, "a row is not seven days"
    assert (now.price, len(now.edges)) == (values["price"], len(now.longs) + 1)
    # A bin lies within reach with its middle, a sum with each of its cells: at the edge they may differ by one bin.
    edge = max(now.longs[now.longs > 0][0], now.shorts[now.shorts > 0][-1]) * 1.5
    assert now.longs.sum() == pytest.approx(values["longs_below_usd"], abs=edge)
    assert now.shorts.sum() == pytest.approx(values["shorts_above_usd"], abs=edge)
    assert now.shorts.max() == pytest.approx(values["cluster_above_usd"])
    middle = math.sqrt(now.edges[now.longs.argmax()] * now.edges[now.longs.argmax() + 1])
    assert middle == pytest.approx(values["cluster_below"], rel=1e-9)


@pytest.mark.parametrize(
    ("name", "price", "ratio"), [("A15", 83_000, 6.3), ("A15, price of the end of January", 81_000, 4.1)]
)
def test_dollars_that_reach_differently_far_compare_per_one_percent(name: str, price: float, ratio: float) -> None:
    shorts, longs = per_percent(6.5e9, 92_000 / price - 1), per_percent(1.2e9, 72_600 / price - 1)
    assert round(6.5 / 1.2, 1) == 5.4, name
    assert round(shorts / longs, 1) == ratio
    if price == 83_000:
        assert (round(shorts / 1e9, 3), round(longs / 1e9, 3)) == (0.599, 0.096)
    with pytest.raises(ValueError, match="reach nowhere"):
        per_percent(1.0, 0.0)


def test_one_side_may_hold_nothing() -> None:
    """After a fall through all of them there are no longs: what is left is told, and no ratio is infinite."""
    metric = metrics()["liq_map"]
    rows = 400
    inputs = flat(rows)
    inputs[0][-9:] = 1100.0
    inputs[2][-1] = 79.0
    names = ("open_interest_coin", "high", "low", "close")
    at = pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC")
    values = metric.evaluate(Panel(hours(1), at, ("BTC",), dict(zip(names, inputs, strict=True))), 1)
    assert (values["longs_below_usd"][0, 0], values["value"][0, 0]) == (0.0, 1000.0)
    assert np.isnan(values["cluster_below"][0, 0])


def test_a_part_that_stays_the_same_is_at_its_highest_rank() -> None:
    """Coins are opened, then only closed, at a price that rests: near price lies the same part of them every hour."""
    random = np.random.default_rng(1)
    changes = np.concatenate([np.zeros(1400), random.uniform(0, 0.01, 200), random.uniform(-0.001, 0, 900)])
    coins = (1e5 * np.exp(np.cumsum(changes)))[:, None]
    close = np.full_like(coins, 90_000.0)
    at = pd.date_range("2024-01-01", periods=len(coins), freq="h", tz="UTC")
    panel = Panel(hours(1), at, ("BTC",), {"open_interest_coin": coins, "high": close, "low": close, "close": close})
    found = metrics()["near_risk"].evaluate(panel, rows=50)
    assert np.ptp(found["value"]) < 1e-12
    assert found["percentile"][:, 0].tolist() == [1.0] * 50


# --- whose rule -------------------------------------------------------------------------------------------------------


def test_levels_are_those_of_the_venue() -> None:
    """95,000 at 25x: A4a, A4b and A5 of signals.md (2026), first tier."""
    assert sum(SHARES.values()) == pytest.approx(1.0)
    at = list(SHARES).index(25)
    cases = {"binance": (91_566.27, 98_406.37), "bybit": (91_501.96, 98_475.03), "okx": (91_612.26, 98_357.39)}
    for venue, (long, short) in cases.items():
        spread = spread_of("BTC", (venue, "binance"))
        assert (spread.venue, spread.table is None) == (venue, False)
        assert 95_000 * spread.longs[at] == pytest.approx(long, abs=0.01)
        assert 95_000 * spread.shorts[at] == pytest.approx(short, abs=0.01)


def test_leverage_above_the_cap_is_taken_at_the_cap() -> None:
    spread = spread_of("BTC", ("hyperliquid",))
    assert (spread.most, spread.longs[4]) == (40.0, spread.longs[5])
    assert all(long < 1 < short for long, short in zip(spread.longs, spread.shorts, strict=True))


@pytest.mark.parametrize("venues", [(), ("all",), ("alternative.me", "nowhere")])
def test_an_asset_without_a_table_gets_a_usual_first_tier(venues: tuple[str, ...]) -> None:
    spread = spread_of("NOSUCHCOIN", venues)
    assert (spread.venue, spread.table, spread.rate, spread.most) == ("binance", None, 0.015, 50.0)
    assert spread_of("BTC", venues).venue == "binance"
