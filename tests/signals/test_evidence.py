"""What followed when a rule fired before: against plain code, and against the real market of 2019 to 2026."""

from __future__ import annotations

import json
import math
import statistics
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals import evidence
from signals.alerts.rule import rules
from signals.evidence import Case, DailyCloses, Odds, base_rate, horizon_of, starts, wilson
from signals.metric import metrics
from signals.units import DAY, HOUR, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
NAN = math.nan


def closes(prices: Sequence[float], first: datetime = MONDAY) -> DailyCloses:
    times = [to_ms(first) + i * 86_400_000 for i in range(len(prices))]
    return DailyCloses(np.array(times, dtype=np.int64), np.array(prices, dtype=float))


@pytest.mark.parametrize(("up", "n", "low", "high"), [
    (4, 7, 25.0, 84.2), (0, 5, 0.0, 43.4), (5, 5, 56.6, 100.0), (12, 20, 38.7, 78.1), (55, 100, 45.2, 64.4),
])  # fmt: skip
def test_the_interval_of_a_rate_is_wilsons(up: int, n: int, low: float, high: float) -> None:
    assert [100 * bound for bound in wilson(up, n)] == pytest.approx([low, high], abs=0.05)


@pytest.mark.parametrize(("up", "n"), [(1, 0), (0, 0), (3, 2), (-1, 5)])
def test_no_rate_has_no_interval(up: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        wilson(up, n)


@pytest.mark.parametrize(("days", "counted"), [
    pytest.param([0, 29.9], [0], id="too near"),
    pytest.param([0, 30], [0, 30], id="exactly thirty days"),
    pytest.param([0, 20, 40], [0, 40], id="against the last that counted, not the last"),
    pytest.param([0, 29, 58, 87], [0, 58], id="a row of them"),
    pytest.param([40, 0], [0, 40], id="in the order of time"),
    pytest.param([], [], id="none"),
])  # fmt: skip
def test_a_start_counts_thirty_days_after_the_last_that_counted(days: list[float], counted: list[float]) -> None:
    assert starts(MONDAY + day * DAY for day in days) == [MONDAY + day * DAY for day in counted]


@pytest.mark.parametrize(("fire", "entry"), [
    pytest.param(MONDAY + 2 * DAY, 3, id="at a close: the next one"),
    pytest.param(MONDAY + 2 * DAY + HOUR, 3, id="within a day: its close"),
    pytest.param(MONDAY - HOUR, 0, id="before the first"),
    pytest.param(MONDAY + 4 * DAY, 6, id="a day that is not known is passed by"),
    pytest.param(MONDAY + 11 * DAY, None, id="after the last"),
    pytest.param(MONDAY - 8 * DAY, None, id="a week before the first"),
])  # fmt: skip
def test_a_case_enters_at_the_first_close_strictly_after_the_fire(fire: datetime, entry: int | None) -> None:
    prices = [100.0 + i for i in range(12)]
    prices[5] = NAN
    (case,) = base_rate([fire], closes(prices)).cases
    assert case.entry_at == (None if entry is None else MONDAY + entry * DAY)
    if entry is not None:
        assert case.changes.get(1) == (pytest.approx(prices[entry + 1] / prices[entry] - 1) if entry < 11 else None)


def test_what_is_not_over_does_not_count_yet() -> None:
    rate = base_rate([MONDAY, MONDAY + 31 * DAY], closes([100.0 + i for i in range(40)]))
    assert [(odds.cases, odds.n) for odds in rate.odds.values()] == [(2, 2), (2, 2), (2, 1)]
    assert [math.isnan(case.worst) for case in rate.cases] == [False, True]
    assert rate.cases[0].best == pytest.approx(131 / 101 - 1)
    assert rate.cases[0].worst == pytest.approx(102 / 101 - 1), "the entry itself is no fall"


def test_a_fire_that_asks_is_no_case_of_its_own() -> None:
    rate = base_rate([MONDAY, MONDAY + 60 * DAY], closes([100.0] * 100), until=MONDAY + 60 * DAY)
    assert len(rate.cases) == 1


@pytest.mark.parametrize(("ups", "downs", "any_up", "verdict"), [
    pytest.param(2, 2, 0.5, "too few", id="four cases"),
    pytest.param(3, 2, 0.5, "no better", id="five cases"),
    pytest.param(20, 0, 0.5, "more often", id="always"),
    pytest.param(0, 20, 0.5, "less often", id="never"),
    pytest.param(20, 0, 0.9, "no better", id="always, as any day"),
])  # fmt: skip
def test_it_says_what_it_is_worth(ups: int, downs: int, any_up: float, verdict: str) -> None:
    n = ups + downs
    low, high = wilson(ups, n)
    odds = Odds(days=7, cases=n, n=n, up=ups, any_day=any_up, low=low if n >= 5 else None, high=high)
    assert odds.verdict == verdict


def test_too_few_cases_bear_no_figure() -> None:
    prices = [100.0 * 1.01**i for i in range(200)]
    for count, borne in ((4, False), (5, True)):
        odds = base_rate([MONDAY + 31 * i * DAY for i in range(count)], closes(prices)).odds[7]
        assert odds.n == count
        assert all((value is not None) == borne for value in (odds.median, odds.lower, odds.low, odds.high))
        assert odds.any_day == 1.0
        assert Odds.from_json(json.loads(json.dumps(odds.to_json()))) == odds


# --- against plain code -----------------------------------------------------------------------------------------------


def plainly(
    fires: Sequence[datetime], known: Mapping[datetime, float], days: int, since: datetime | None = None
) -> dict[str, Any]:
    """Recompute the odds with nothing but dates and a dictionary."""
    counted: list[datetime] = []
    for at in fires:
        if not counted or (at - counted[-1]).total_seconds() >= 30 * 24 * 3600:
            counted.append(at)
    counted = [at for at in counted if since is None or at >= since]
    found = []
    for at in counted:
        day = datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=1)
        for _ in range(7):
            if day in known:
                break
            day += timedelta(days=1)
        if day in known and day + timedelta(days=days) in known:
            found.append(known[day + timedelta(days=days)] / known[day] - 1)
    span = [day for day in known if since is None or day >= since]
    later = [(known[day], known[day + timedelta(days=days)]) for day in span if day + timedelta(days=days) in known]
    quartiles = statistics.quantiles(found, n=4, method="inclusive") if len(found) >= 5 else [None] * 3
    return {
        "n": len(found),
        "up": sum(change > 0 for change in found),
        "lower": quartiles[0],
        "median": quartiles[1],
        "upper": quartiles[2],
        "any_day": sum(b > a for a, b in later) / len(later) if later else None,
    }


@given(
    prices=st.lists(st.one_of(st.floats(1, 1e5), st.just(NAN)), min_size=1, max_size=120),
    fires=st.lists(st.floats(-3, 130), max_size=12),
    days=st.sampled_from([1, 7, 30]),
    since=st.integers(0, 60),
)
def test_the_odds_are_those_of_plain_code(prices: list[float], fires: list[float], days: int, since: int) -> None:
    at = sorted(MONDAY + timedelta(hours=round(24 * day)) for day in fires)
    known = {MONDAY + i * DAY: price for i, price in enumerate(prices) if not math.isnan(price)}
    first = MONDAY + since * DAY
    odds = base_rate(at, closes(prices), since=first).odds[days]
    for name, value in plainly(at, known, days, first).items():
        assert getattr(odds, name) == (value if value is None else pytest.approx(value, abs=1e-9)), name


@given(prices=st.lists(st.floats(1, 1e5), min_size=40, max_size=120), until=st.integers(1, 120))
def test_nothing_of_later_is_known(prices: list[float], until: int) -> None:
    fires = [MONDAY + i * 11 * DAY for i in range(12)]
    then = MONDAY + until * DAY
    later = [price if i <= until else 1e9 for i, price in enumerate(prices)]
    same = base_rate(fires, closes(prices), until=then), base_rate(fires, closes(later), until=then)
    assert json.dumps([str(one) for one in same[0].odds.values()]) == json.dumps(
        [str(o) for o in same[1].odds.values()]
    )
    cut = base_rate([at for at in fires if at < then], closes(prices[: until + 1]))
    assert same[0].odds == cut.odds


def test_paths_begin_at_the_entry_and_end_where_nothing_is_known() -> None:
    prices = [100.0 + i for i in range(40)]
    rate = base_rate([MONDAY, MONDAY + 32 * DAY], closes(prices))
    found = evidence.paths(rate.cases, closes(prices))
    assert found.shape == (2, 31)
    assert found[:, 0].tolist() == [0.0, 0.0]
    assert found[0, 30] == pytest.approx(131 / 101 - 1)
    assert int(np.isnan(found[1]).sum()) == 31 - 7
    assert np.isnan(evidence.paths([Case(MONDAY)], closes(prices))).all()


# --- against the market -----------------------------------------------------------------------------------------------


def real(name: str) -> Any:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not beside this checkout (../shared/data)")
    return json.loads(path.read_text(encoding="utf-8"))


def fear() -> list[tuple[datetime, int]]:
    found = real("sentiment/alternative-me-fear-greed.json")
    rows = found["data"] if isinstance(found, dict) else found
    return sorted((datetime.fromtimestamp(int(row["timestamp"]), UTC), int(row["value"])) for row in rows)


def bitcoin() -> dict[datetime, float]:
    rows = real("ohlcv/binance-spot-btcusdt-1d.json")[:-1]  # the last day was running
    return {datetime.fromtimestamp(row[0] / 1000, UTC) + timedelta(days=1): float(row[4]) for row in rows}


def extreme_fear(better_days: int) -> list[datetime]:
    """Walk the index: extreme fear begins at 20 and ends after so many days above 30."""
    begun, better, found = False, 0, []
    for at, value in fear():
        better = better + 1 if value > 30 else 0
        if not begun and value <= 20:
            begun = True
            found.append(at)
        elif begun and better >= better_days:
            begun = False
    return found


@pytest.mark.parametrize(("better_days", "up", "n"), [
    pytest.param(3, 7, 16, id="as it was judged when 7 of 16 was published: over after three days"),
    pytest.param(5, 6, 15, id="as it is judged now: over after five"),
])  # fmt: skip
def test_extreme_fear_was_followed_by_a_rise_less_often_than_any_day(better_days: int, up: int, n: int) -> None:
    """signals.md 7.6: 30 days after, up 7 of 16, any day 55 %."""
    known = bitcoin()
    days = sorted(known)
    odds = base_rate(extreme_fear(better_days), closes([known[day] for day in days], days[0])).odds[30]
    assert (odds.up, odds.n) == (up, n)
    assert round(100 * (odds.any_day or 0)) == 55
    assert odds.verdict == "no better"
    for name, value in plainly(extreme_fear(better_days), known, 30).items():
        assert getattr(odds, name) == pytest.approx(value), name


def test_a_rule_is_judged_after_as_long_as_it_is_about() -> None:
    found = {rule.id: horizon_of(rule, metrics()[rule.metrics[0]]) for rule in rules().values()}
    assert found["oi_drawdown"] == found["fear_greed"] == 30
    assert found["taker_zscore"] == found["funding_stretch"] == 7
