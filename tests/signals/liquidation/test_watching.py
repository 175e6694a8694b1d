from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.condition import RANKS
from signals.alerts.episodes import State
from signals.liquidation import Position, quote
from signals.liquidation.funding import Settlement
from signals.liquidation.watching import (
    FARTHER,
    LEAST,
    LINES,
    Holding,
    RateRow,
    from_margin,
    half_within,
    halvings,
    judge,
    levels_of,
    line_of,
    lines_for,
    lines_within,
    settlements,
    valuation,
)

BEGUN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR_MS = 3_600_000


def holding(**more: object) -> Holding:
    about = {
        "asset": "BTC", "venue": "binance", "contract": "linear", "side": "long", "entry": 95_000.0, "leverage": 25.0,
        "begun": BEGUN, "size_coins": 0.5,
    } | more  # fmt: skip
    return Holding(**about)  # type: ignore[arg-type]


def settled(*rates: float, mark: float = 96_000.0, first: datetime = BEGUN) -> list[Settlement]:
    return [Settlement(first + timedelta(hours=8 * n), mark, rate) for n, rate in enumerate(rates)]


# --- the price --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx", "hyperliquid", "gate", "bitget", "kucoin"])
@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize("size", [{"size_coins": 0.5}, {"size_coins": 30.0}, {"size_coins": None}])
def test_without_funding_it_is_the_price_of_liq(venue: str, side: str, size: dict[str, float | None]) -> None:
    if venue in {"bybit", "gate"} and size["size_coins"] == 30.0:
        pytest.skip("the tiers of Bybit are known up to $2.6m, those of Gate up to $3m")
    watched = holding(venue=venue, side=side, leverage=10.0, **size)
    asked = Position(venue=venue, side=side, entry=95_000.0, leverage=10.0, size_coins=size["size_coins"])
    assert valuation(watched, now=NOW).price == pytest.approx(quote(asked).price, rel=1e-12)


def test_funding_moves_the_price_by_what_it_takes() -> None:
    rates = (0.0001, 0.0003, -0.00005, 0.0002)
    found = valuation(holding(), mark=94_000.0, settlements=settled(*rates), now=NOW)
    paid = 0.5 * 96_000.0 * (0.0001 + 0.0003 - 0.00005 + 0.0002)  # what came in at the third pays for the fourth
    margin = 0.5 * 95_000.0 / 25 - paid
    expected = (margin - 0.5 * 95_000.0) / (0.5 * 0.004 - 0.5)  # Binance, first tier: 0.40 %, no amount
    assert found.taken == pytest.approx(paid)
    assert found.price == pytest.approx(expected)
    assert found.price > valuation(holding(), now=NOW).price
    assert found.settled == 4
    assert found.profit == pytest.approx(-500.0)
    assert found.profit_share == pytest.approx(-500.0 / 1_900.0)


def test_funding_of_an_inverse_position_is_counted_in_coin() -> None:
    one = holding(contract="inverse", size_coins=None, size_usd=50_000.0)
    found = valuation(one, settlements=settled(0.001, 0.001, mark=100_000.0), now=NOW)
    assert found.taken == pytest.approx(2 * 50_000 / 100_000 * 0.001)
    margin = 50_000 / 95_000 / 25 - 0.001
    expected = 50_000 * (1 + found.answer.rate) / (margin + found.answer.amount + 50_000 / 95_000)
    assert found.price == pytest.approx(expected)


def test_settlements_before_the_watch_and_after_now_do_not_count() -> None:
    early, late = BEGUN - timedelta(seconds=1), NOW + timedelta(seconds=1)
    rows = [Settlement(early, 95_000.0, 0.01), Settlement(late, 95_000.0, 0.01)]
    assert valuation(holding(), settlements=rows, now=NOW).taken == 0.0


def test_no_rates_known_is_not_no_funding() -> None:
    assert valuation(holding(), settlements=None, now=NOW).settled is None
    assert valuation(holding(), settlements=[], now=NOW).settled == 0


def test_a_margin_that_funding_has_eaten_is_liquidated_beyond_the_entry() -> None:
    found = valuation(holding(leverage=100.0), mark=95_000.0, settlements=settled(0.02), now=NOW)
    assert found.price > 95_000.0
    assert found.distance < 0


def test_a_table_of_another_day() -> None:
    """Bybit's first tier had 0.5 % in the table of January 2025 and has 0.33 % in that of September 2026."""
    one = holding(venue="bybit")
    then, now = valuation(one, now=NOW, table_of=date(2025, 6, 1)), valuation(one, now=NOW)
    assert (then.answer.rate, now.answer.rate) == (0.005, 0.0033)
    assert then.price > now.price


@pytest.mark.parametrize(
    ("flows", "expected"),
    [
        pytest.param([], 0.0, id="nothing"),
        pytest.param([-1.0, -2.0], 3.0, id="paid"),
        pytest.param([2.0, 1.0], 0.0, id="received: it stays in the wallet"),
        pytest.param([2.0, -3.0], 1.0, id="the wallet pays first"),
        pytest.param([-3.0, 2.0], 3.0, id="what comes in later does not return to the margin"),
    ],
)
def test_from_margin(flows: list[float], expected: float) -> None:
    assert from_margin(flows) == pytest.approx(expected)


# --- lines ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distance", "lines"),
    [
        pytest.param(0.33, (0.20, 0.10, 0.05), id="3x"),
        pytest.param(0.197, (0.10, 0.05), id="5x: begins within the first"),
        pytest.param(0.05, (0.025, 0.013), id="on the last"),
        pytest.param(0.0368, (0.018, 0.0092), id="25x"),
        pytest.param(0.00001, (0.0001,), id="at the edge"),
        pytest.param(math.nan, LINES, id="not known"),
    ],
)
def test_lines_for(distance: float, lines: tuple[float, ...]) -> None:
    assert lines_for(distance) == pytest.approx(lines)


@pytest.mark.parametrize(
    ("lines", "ranks"),
    [((0.2, 0.1, 0.05), RANKS), ((0.05, 0.1), RANKS[1:]), ((0.05,), RANKS[2:])],
)
def test_the_nearest_line_is_the_critical_one(lines: tuple[float, ...], ranks: tuple[str, ...]) -> None:
    assert tuple(level.rank for level in levels_of(lines)) == ranks
    assert [line_of(lines, rank) for rank in ranks] == sorted(lines, reverse=True)


@pytest.mark.parametrize(
    ("distance", "count"), [(0.21, 0), (0.2, 1), (0.11, 1), (0.1, 2), (0.04, 3), (-0.1, 3), (math.nan, 0)]
)
def test_lines_within(distance: float, count: int) -> None:
    assert lines_within((0.2, 0.1, 0.05), distance) == count


def walk(lines: tuple[float, ...], distances: list[float]) -> list[tuple[str, str, float]]:
    state, told = State(), []
    for n, distance in enumerate(distances):
        state, transition = judge(lines, state, {"distance": distance}, at=NOW + n * MINUTE)
        if transition:
            told.append((transition.kind, transition.rank, distance))
    return told


@pytest.mark.parametrize(
    ("distances", "told"),
    [
        pytest.param([0.3, 0.21], [], id="outside"),
        pytest.param([0.3, 0.2], [("fired", "notice", 0.2)], id="on the line"),
        pytest.param([0.3, 0.19, 0.21, 0.19, 0.249], [("fired", "notice", 0.19)], id="it flickers around the line"),
        pytest.param(
            [0.3, 0.19, 0.26, 0.19],
            [("fired", "notice", 0.19), ("resolved", "notice", 0.26), ("fired", "notice", 0.19)],
            id="there, back, and there again",
        ),
        pytest.param(
            [0.3, 0.15, 0.09, 0.04],
            [("fired", "notice", 0.15), ("escalated", "warning", 0.09), ("escalated", "critical", 0.04)],
            id="one after the other",
        ),
        pytest.param([0.3, 0.03], [("fired", "critical", 0.03)], id="through all of them at once"),
        pytest.param([0.3, 0.09, 0.13, 0.09], [("fired", "warning", 0.09)], id="in and out of the second is one news"),
        pytest.param([0.3, math.nan, 0.19, math.nan, math.nan], [("fired", "notice", 0.19)], id="not known is no news"),
    ],
)
def test_lines_are_told_once(distances: list[float], told: list[tuple[str, str, float]]) -> None:
    assert walk(LINES, distances) == told


DISTANCES = st.lists(st.floats(-0.05, 0.4) | st.just(math.nan) | st.sampled_from([0.2, 0.1, 0.05, 0.25]), max_size=60)
OWN = st.lists(st.integers(1, 400), min_size=1, max_size=3, unique=True).map(
    lambda found: tuple(sorted((distance / 1000 for distance in found), reverse=True))
)


@given(OWN, DISTANCES)
def test_against_a_plain_model(lines: tuple[float, ...], distances: list[float]) -> None:
    """In order, once an episode, all clear only beyond every line; written without the engine."""
    inside, told, expected = 0, 0, []
    ranks = RANKS[-len(lines) :]
    halves, deepest = [half for n in range(1, 20) if (half := lines[-1] / 2**n) >= LEAST], 0
    for distance in distances:
        if math.isnan(distance):
            continue
        reached = sum(distance <= line for line in lines)
        left = inside
        while left and distance > lines[left - 1] * FARTHER:
            left -= 1
        now = reached if reached > inside else left
        before, deepest = deepest, max(deepest, sum(distance <= half for half in halves)) if inside and now else 0
        if inside == 0 and now > 0:
            deepest = sum(distance <= half for half in halves)
            expected.append(("fired", ranks[now - 1], distance))
            told = now
        elif now > told:
            expected.append(("escalated", ranks[now - 1], distance))
            told = now
        elif inside > 0 and now == 0:
            expected.append(("resolved", ranks[told - 1], distance))
            told = 0
        elif deepest > before:
            expected.append(("escalated", "critical", distance))
        inside = now
    assert walk(lines, distances) == expected


@pytest.mark.parametrize(
    ("distance", "times", "within"),
    [
        pytest.param(0.05, 0, None, id="at the last line"),
        pytest.param(0.026, 0, None, id="not yet half of it"),
        pytest.param(0.025, 1, 0.025, id="half"),
        pytest.param(0.012, 2, 0.0125, id="half of the half"),
        pytest.param(0.0, 5, 0.0015625, id="nothing is left"),
        pytest.param(math.nan, 0, None, id="not known"),
    ],
)
def test_within_the_last_line_halves_are_told(distance: float, times: int, within: float | None) -> None:
    assert halvings(LINES, distance) == times
    assert half_within(LINES, distance) == within


def test_a_price_is_judged_once() -> None:
    state, transition = judge(LINES, State(), {"distance": 0.1}, at=NOW)
    assert transition
    assert judge(LINES, state, {"distance": 0.01}, at=NOW) == (state, None)
    assert judge(LINES, state, {"distance": 0.01}, at=NOW - MINUTE) == (state, None)


# --- from what is stored ----------------------------------------------------------------------------------------------

T0 = 1_763_712_000_000  # 2025-11-21 08:00 UTC, in ms
assert T0 % (8 * HOUR_MS) == 0


def row(at: int, rate: float | None = None, interval: float | None = 8.0, mark: float | None = None) -> RateRow:
    return RateRow(T0 + at, rate, interval if rate is not None else None, mark)


def paid(at: int, rate: float, interval: float | None = 8.0) -> RateRow:
    return RateRow(T0 + at, rate, interval, None, settled=True)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([paid(3, 0.0001)], [(0, 0.0001, 50.0)], id="settled, 3 ms after its hour"),
        pytest.param([paid(0, 0.0001, None)], [(0, 0.0001, 50.0)], id="settled, interval not recorded"),
        pytest.param([paid(3, 0.0001), row(20_000, 0.0009, mark=101.0)], [(0, 0.0001, 101.0)], id="then a live one"),
        pytest.param([row(-40_000, 0.0002, mark=99.0)], [(0, 0.0002, 99.0)], id="only announced: thinned or late"),
        pytest.param([row(-40_000, 0.0002, mark=99.0), paid(2, 0.0001)], [(0, 0.0001, 99.0)],
                     id="the settled one is the true one"),
        pytest.param([row(3_000, 0.0009, mark=101.0)], [], id="live, three seconds after the hour"),
        pytest.param([row(HOUR_MS - 40_000, 0.0002, mark=99.0)], [], id="announced, but that hour settles nothing"),
        pytest.param(
            [row(HOUR_MS - 40_000, 0.0002, 1.0, 99.0)], [(HOUR_MS, 0.0002, 99.0)], id="hourly: each hour settles"
        ),
        pytest.param([paid(HOUR_MS, 0.0002)], [], id="a running rate imported on the hour"),
        pytest.param([row(0, 0.0002, mark=99.0)], [(0, 0.0002, 99.0)], id="announced at its very hour"),
        pytest.param([row(1_800_000, 0.0002, 1.0)], [], id="half past"),
        pytest.param([paid(3, 0.0001), paid(8 * HOUR_MS + 1, -0.0002)],
                     [(0, 0.0001, 50.0), (8 * HOUR_MS, -0.0002, 77.0)],
                     id="two, the second at the close of its hour"),
        pytest.param([paid(3, 0.0001, 16.0)], [(0, 0.0001, 50.0)], id="one was missed, so the gap is twice as long"),
        pytest.param([row(3, mark=101.0)], [], id="a mark alone"),
    ],
)  # fmt: skip
def test_settlements(rows: list[RateRow], expected: list[tuple[int, float, float]]) -> None:
    found = settlements(rows, {T0 + 8 * HOUR_MS: 77.0}, otherwise=50.0)
    assert [(round(rate.at.timestamp() * 1000) - T0, rate.rate, rate.mark) for rate in found] == expected


def test_a_holding_counts_as_it_was_typed() -> None:
    packs = holding(asset="PEPE", multiplier=1000, entry=0.0087, leverage=10.0, size_coins=1e5)
    coins = holding(asset="PEPE", entry=0.0087 / 1000, leverage=10.0, size_coins=1e8)
    by_packs, by_coins = (valuation(one, mark=one.entry, now=NOW) for one in (packs, coins))
    assert packs.unit == "1000PEPE"
    assert by_packs.price == pytest.approx(by_coins.price * 1000)
    assert by_packs.distance == pytest.approx(by_coins.distance)
    assert by_packs.answer.margin == pytest.approx(by_coins.answer.margin)


def test_a_holding_keeps_its_quote() -> None:
    usdc = holding(quote="USDC", size_coins=None, size_usd=1e6)
    assert valuation(usdc, now=NOW).answer.shown == pytest.approx(91_876.52, abs=0.01)
