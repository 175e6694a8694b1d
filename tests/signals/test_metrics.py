from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.condition import held
from signals.alerts.rule import rules, rules_of
from signals.inputs import INPUTS, MARKET
from signals.metric import Metric, metrics
from signals.metrics.oi_quadrant import READINGS
from signals.series import Panel, days, hours
from tests.examples import examples
from tests.signals.winter import story

if TYPE_CHECKING:
    from datetime import timedelta

    from signals.alerts.condition import Level

REFERENCE = Path(__file__).parent / "reference"
STEPS = {"1h": hours(1), "1d": days(1)}
EVERY = [pytest.param(metric, id=metric.id) for metric in metrics().values()]
WATCHED = [pytest.param(metric, id=metric.id) for metric in metrics().values() if rules_of(metric.id)]
OF_AN_HOUR = {"usd_1h", "longs_share_1h", "pace", "change_1h", "value_1h"}
EVERY_STEP = [
    pytest.param(metric, step, id=f"{metric.id}-{name}")
    for metric in metrics().values()
    for name, step in STEPS.items()
    if step >= metric.step
]


def cases() -> list[Any]:
    return [
        pytest.param(metrics()[read["metric"]], case, id=f"{read['metric']}-{case['id']}")
        for path in sorted(REFERENCE.glob("*.json"))
        for read in [json.loads(path.read_text(encoding="utf-8"))]
        for case in read["cases"]
    ]


def spelled_out(short: list[Any]) -> list[float]:
    """Write out {"times": 3, "of": [1, 2]} as 1 2 1 2 1 2, and null as NaN."""
    out: list[float] = []
    for part in short:
        if isinstance(part, dict):
            out += spelled_out(part["of"]) * part["times"]
        else:
            out.append(np.nan if part is None else float(part))
    return out


def panel_of(inputs: dict[str, list[float]], step: timedelta, assets: tuple[str, ...] = ("BTC",)) -> Panel:
    rows = len(next(iter(inputs.values())))
    at = pd.date_range("2024-01-01", periods=rows, freq=step, tz="UTC")
    return Panel(step, at, assets, {name: np.array(values, dtype=float)[:, None] for name, values in inputs.items()})


@pytest.mark.parametrize(("metric", "case"), cases())
def test_reference_value(metric: Metric, case: dict[str, Any]) -> None:
    assert case["source"]
    inputs = {name: spelled_out(values) for name, values in case["inputs"].items()}
    assert set(inputs) == set(metric.needs)
    assert len({len(values) for values in inputs.values()}) == 1
    panel = panel_of(inputs, STEPS[case["step"]], (MARKET,) if case.get("market") else ("BTC",))
    newest = metric.evaluate(panel, rows=1)
    for name, expected in case["expected"].items():
        within = case.get("within", {}).get(name)
        wanted = pytest.approx(np.nan if expected is None else expected, rel=1e-9, abs=within or 1e-9, nan_ok=True)
        assert float(newest[name][0, 0]) == wanted, name


@pytest.mark.parametrize("metric", EVERY)
def test_every_metric_has_reference_values(metric: Metric) -> None:
    path = REFERENCE / f"{metric.id}.json"
    assert path.is_file(), f"{path.name} is missing: give {metric.id} a case whose answer comes from outside"
    named = {name for case in json.loads(path.read_text(encoding="utf-8"))["cases"] for name in case["expected"]}
    assert "value" in named


@pytest.mark.parametrize("metric", EVERY)
def test_declaration_and_computation_name_the_same(metric: Metric) -> None:
    panel = noise(metric, metric.step, rows=3, seed=1)
    names = set(metric.values)
    assert set(metric.compute(panel)) == names
    assert set(metric.needs) <= set(INPUTS)
    for chart in (metric.chart, *metric.charts):
        assert metric.chart_of(chart.value) is chart, "no two charts of one value"
        assert {chart.value, *(chart.beside or ())[1:]} <= set(names)
    for rule in rules_of(metric.id):
        for level in rule.levels:
            for name in level.names():
                of, _, value = name.partition(".")
                assert value in metrics()[of].values


def test_ids_are_those_of_the_files() -> None:
    folder = Path(__file__).resolve().parents[2] / "signals" / "metrics"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(metrics())
    assert {rule.metrics[0] for rule in rules().values()} <= set(metrics())


@pytest.mark.parametrize("metric", EVERY)
def test_only_what_is_needed_is_read(metric: Metric) -> None:
    read: set[str] = set()

    class Spy(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:  # type: ignore[override]
            read.add(name)
            return super().get(name, default)

    panel = noise(metric, metric.step, rows=40, seed=1)
    metric.evaluate(Panel(panel.step, panel.at, panel.assets, Spy(panel.values)), rows=1)
    assert read == set(metric.needs)


def noise(metric: Metric, step: timedelta, rows: int, seed: int, gaps: float = 0.02) -> Panel:
    """Draw inputs that are possible: positive walks, flows within volume, funding that rests; with holes."""
    random = np.random.default_rng(seed)
    shape = (rows, 2)
    price = 90_000 * np.exp(np.cumsum(random.normal(0, 0.02, shape), axis=0))
    coins = 100_000 * np.exp(np.cumsum(random.normal(0, 0.02, shape), axis=0))
    volume = random.lognormal(20, 0.5, shape)
    every = {
        "close": price,
        "high": price * np.exp(np.abs(random.normal(0, 0.01, shape))),
        "low": price * np.exp(-np.abs(random.normal(0, 0.01, shape))),
        "open_interest_coin": coins,
        "open_interest_usd": coins * price,
        "volume_usd": volume,
        "taker_buy_usd": volume * np.clip(random.normal([0.49, 0.46], 0.03, shape), 0.01, 0.99),
        "liquidated_longs_usd": random.lognormal(14, 1.5, shape) * (random.random(shape) < 0.9),
        "liquidated_shorts_usd": random.lognormal(13, 1.5, shape) * (random.random(shape) < 0.9),
        "funding_rate": np.minimum(random.normal(0.0001, 0.0001, shape), 0.0001),
        "funding_interval_hours": np.full(shape, 8.0),
        "fear_greed": random.integers(1, 100, shape).astype(float),
        "implied_volatility": 50 * np.exp(np.cumsum(random.normal(0, 0.01, shape), axis=0)),
        "index_price": price,
        "options_open_interest_usd": random.lognormal(24, 0.1, shape),
        "options_days_to_expiry": random.uniform(0.1, 3, shape),
        "options_expiry_share": random.uniform(0.01, 0.5, shape),
        "options_max_pain": price * random.uniform(0.95, 1.05, shape),
        "options_put_call": random.uniform(0.3, 1.5, shape),
        "options_wall_above": price * random.uniform(1.0, 1.1, shape),
        "options_wall_above_share": random.uniform(0.02, 0.3, shape),
        "options_wall_below": price * random.uniform(0.9, 1.0, shape),
        "options_wall_below_share": random.uniform(0.02, 0.3, shape),
        "mark_price": price * random.normal(1.0, 0.0004, shape),
        "dated_premium": random.normal(0.01, 0.002, shape),
        "dated_days": random.uniform(20, 130, shape),
        "long_short_accounts": random.lognormal(0.3, 0.2, shape),
        "long_short_top_accounts": random.lognormal(0.2, 0.2, shape),
        "long_short_top_positions": random.lognormal(0.1, 0.2, shape),
        "depth_bids_usd": random.lognormal(18, 0.3, shape),
        "depth_asks_usd": random.lognormal(18, 0.3, shape),
        "stablecoin_supply_usd": 300e9 * np.exp(np.cumsum(random.normal(0, 0.001, shape), axis=0)),
    }
    values = {}
    for name in metric.needs:
        values[name] = np.where(random.random(shape) < gaps, np.nan, every[name])
    values[metric.needs[0]][: rows // 10, 1] = np.nan  # the second asset was listed later
    at = pd.date_range("2024-01-01", periods=rows, freq=step, tz="UTC")
    return Panel(step, at, ("BTC", "ETH"), values)


@pytest.mark.slow
@pytest.mark.parametrize(("metric", "step"), EVERY_STEP)
@examples(3)
@given(data=st.data())
def test_newest_row_equals_whole_history(metric: Metric, step: timedelta, data: st.DataObject) -> None:
    back = metric.bars_back(step)
    rows = back + 60
    # A flow with a hole is unknown for its whole window.
    whole_flow = metric.id.startswith(("net_taker", "taker", "liq", "volume_month", "oi_turnover"))
    panel = noise(metric, step, rows, data.draw(st.integers(0, 2**20)), gaps=0.0005 if whole_flow else 0.02)
    history = metric.evaluate(panel)
    for row in [*data.draw(st.lists(st.integers(0, rows - 1), min_size=3, max_size=3)), rows - 1]:
        as_it_was = panel.until(row)
        newest = metric.evaluate(as_it_was, rows=1)
        in_its_window = metric.evaluate(panel.between(max(0, row - back), row + 1), rows=1)
        for name, column in history.items():
            np.testing.assert_allclose(newest[name][0], column[row], rtol=1e-6, atol=1e-9, err_msg=name)
            np.testing.assert_allclose(in_its_window[name][0], newest[name][0], rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(("metric", "step"), EVERY_STEP)
def test_the_noise_of_these_tests_has_answers(metric: Metric, step: timedelta) -> None:
    values = metric.evaluate(noise(metric, step, metric.bars_back(step) + 60, seed=5, gaps=0.0))
    for name, column in values.items():
        if (name in OF_AN_HOUR and step > hours(1)) or (name.endswith("_4h") and step > hours(4)):
            assert np.isnan(column).all(), "daily data know nothing of an hour, nor of four"
        else:
            assert not np.isnan(column[-1, 0]) or name in ("price_share", "times_smaller"), name


@pytest.mark.parametrize("metric", EVERY)
def test_nothing_known_gives_nothing(metric: Metric) -> None:
    panel = panel_of({name: [np.nan] * 5 for name in metric.needs}, metric.step)
    empty = panel_of({"mark_price": [1.0] * 5}, metric.step)
    for known in (panel, empty):
        assert all(np.isnan(column).all() for column in metric.evaluate(known).values())


@pytest.mark.parametrize("metric", WATCHED)
@examples(200)
@given(data=st.data())
def test_no_value_is_beyond_both_lines(metric: Metric, data: st.DataObject) -> None:
    number = st.floats(min_value=-2, max_value=100, allow_nan=False) | st.floats(min_value=-0.4, max_value=1.2)
    for rule in rules_of(metric.id):
        values = {name: data.draw(number, label=name) for name in named_by(rule.levels)}
        if (name := "net_taker_30d.flip_exit") in values:
            values[name] = -abs(values[name])  # it is −5 % of an absolute value
        for level in rule.levels:
            assert not (held(level.enter, values) and held(level.leave, values))


@pytest.mark.parametrize("metric", EVERY)
def test_a_higher_level_lies_beyond_the_lower(metric: Metric) -> None:
    for rule in rules_of(metric.id):
        for lower, higher in zip(rule.levels, rule.levels[1:], strict=False):
            for group in higher.enter:
                at_the_line = {condition.name: float(condition.bound) for condition in group}
                assert held(lower.enter, at_the_line), rule.id
            for group in higher.leave:
                just_left = {condition.name: float(condition.bound) for condition in group}
                assert not held(lower.leave, just_left), rule.id


def test_a11_from_the_flows_themselves() -> None:
    """Thirty days that sum to +$30m hold the mean at +$1m as long as each day repeats the one that leaves."""
    mean_of = [*[-489.0] * 60, *[-51.0] * 60, 30 + 29 * 51.0, *[-51.0] * 4, -51.0 - 21 * 30, -51.0 - 5 * 30]
    volume = 10_000e6
    flows = {"volume_usd": [volume] * len(mean_of), "taker_buy_usd": [(volume + net * 1e6) / 2 for net in mean_of]}
    metric, rule = metrics()["net_taker_30d"], rules()["net_taker_flip"]
    panel = panel_of(flows, days(1))
    opened = [f"{close - days(1):%Y-%m-%d}" for close in panel.closes]
    means = metric.evaluate(panel, rows=7)["value"][:, 0] / 1e6
    np.testing.assert_allclose(means, [1, 1, 1, 1, 1, -20, -25], atol=1e-6)
    assert [(event.kind, event.day) for event in story(metric, rule, panel)] == [
        ("fired", opened[121]),
        ("resolved", opened[126]),
    ]


@pytest.mark.parametrize(
    ("rate", "fires"),
    [
        pytest.param(0.0001, False, id="at rest, and higher than on 97 % of days: nobody is crowded at rest"),
        pytest.param(0.00013, False, id="in the neutral band"),
        pytest.param(0.00016, True, id="above it, and higher than on 97 % of days"),
    ],
)
def test_a_rank_speaks_only_outside_the_neutral_band(rate: float, fires: bool) -> None:
    settlements = {"funding_rate": [*[-0.00001] * 355, *[rate] * 10], "funding_interval_hours": [8.0] * 365}
    metric, rule = metrics()["funding_stretch"], rules()["funding_stretch"]
    panel = panel_of(settlements, days(1))
    assert float(metric.evaluate(panel, rows=1)["pct"][0, 0]) > 0.95
    assert bool(story(metric, rule, panel)) is fires


@pytest.mark.parametrize(
    ("before", "after", "ends", "begins"),
    [
        pytest.param(0.0004, -0.0002, "funding_stretch", "funding_stretch_low", id="longs paid, now shorts"),
        pytest.param(0.0006, -0.0002, "funding_stretch", "funding_stretch_low", id="a warning ends as well"),
        pytest.param(-0.0002, 0.0004, "funding_stretch_low", "funding_stretch", id="shorts paid, now longs"),
    ],
)
def test_one_side_ends_where_the_other_begins(before: float, after: float, ends: str, begins: str) -> None:
    rates = [*[0.0001] * 300, *[before] * 5, *[after] * 2]
    panel = panel_of({"funding_rate": rates, "funding_interval_hours": [8.0] * 307}, days(1))
    told = {name: story(metrics()["funding_stretch"], rules()[name], panel) for name in (ends, begins)}
    assert [event.kind for event in told[ends]][-1] == "resolved"
    assert [event.kind for event in told[begins]] == ["fired"]
    assert told[ends][-1].day == told[begins][0].day


def named_by(levels: tuple[Level, ...]) -> list[str]:
    return sorted({name for level in levels for name in level.names()})


def test_the_quadrants_have_words() -> None:
    assert set(READINGS) == {0, 1, 2, 3, 4}
    assert [READINGS[code][0] for code in (1, 2, 3, 4)] == [
        "bullish conviction",
        "bearish conviction",
        "short covering",
        "long exhaustion",
    ]
