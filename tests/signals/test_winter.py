"""The figures that INDEX.md of the recordings asks for, and the story of the same winter, each from the CSV alone."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from signals.alerts.rule import rules
from signals.metric import metrics
from signals.series import Panel, days, hours
from tests.signals.winter import WINTER, Told, read_winter, story

if TYPE_CHECKING:
    from datetime import timedelta

DAILY = days(1)
pytestmark = pytest.mark.skipif(not WINTER.is_file(), reason=f"the recordings are not beside the checkout: {WINTER}")


@cache
def panels(step: timedelta) -> dict[str, Panel]:
    return read_winter(WINTER, step)


@cache
def computed(metric_id: str, step: timedelta = DAILY) -> pd.DataFrame:
    metric = metrics()[metric_id]
    panel = panels(step)["MARKET" if metric.market_wide else "BTC"]
    rows = metric.evaluate(panel)
    return pd.DataFrame({name: column[:, 0] for name, column in rows.items()}, index=panel.at)


def on(metric_id: str, day: str, name: str = "value") -> float:
    return float(computed(metric_id).loc[pd.Timestamp(day, tz="UTC"), name])


@pytest.mark.parametrize(
    ("metric_id", "day", "name", "expected", "within"),
    [
        pytest.param("oi_drawdown", "2025-10-06", "peak_usd", 95_255_789_756, 0.5, id="peak"),
        pytest.param("oi_drawdown", "2025-10-06", "value", 0, 0, id="on the day of the peak"),
        pytest.param("oi_drawdown", "2026-02-06", "value", -0.49411, 5e-6, id="drawdown"),
        pytest.param("oi_drawdown", "2026-02-06", "usd", 48_188_779_502, 0.5, id="dollars of that day"),
        pytest.param("oi_drawdown", "2026-02-06", "coins", -0.10650, 5e-6, id="in coins"),
        pytest.param("oi_drawdown", "2026-02-06", "coins_now", 682_752, 0.5, id="coins of that day"),
        pytest.param("oi_drawdown", "2026-02-06", "price_share", 0.835, 5e-4, id="price share of the fall"),
        pytest.param("oi_drawdown", "2026-02-06", "peak_days_ago", 123, 0, id="days since the peak"),
        pytest.param("oi_drawdown", "2025-10-06", "coins_now", 764_134, 0.5, id="coins at the peak"),
        pytest.param("oi_drawdown", "2026-03-01", "value", -0.54821, 5e-6, id="deepest drawdown"),
        pytest.param("oi_drawdown", "2026-03-01", "usd", 43_035_410_695, 0.5, id="dollars of the deepest"),
        pytest.param("oi_quadrant", "2025-10-11", "usd_change_1d", -0.18841, 5e-6, id="largest one-day fall"),
        pytest.param("oi_zscore", "2025-10-11", "dollars", -0.18841, 5e-6, id="the same in another metric"),
        pytest.param("oi_vs_ma180", "2026-02-15", "value", -0.35687, 5e-6, id="gap to the average"),
        pytest.param("oi_vs_ma180", "2026-02-15", "average", 67_719_053_726, 0.5, id="the average"),
        pytest.param("oi_vs_ma180", "2025-10-11", "value", -0.07895, 5e-6, id="first day below"),
        pytest.param("net_taker_30d", "2025-11-21", "value", -99_679_868, 0.5, id="net taker in November"),
        pytest.param("net_taker_30d", "2026-01-15", "value", -412_147, 0.5, id="in January"),
        pytest.param("net_taker_30d", "2026-03-15", "value", -37_618_151, 0.5, id="in March"),
        pytest.param("net_taker_30d", "2026-01-16", "value", -27_500, 50, id="nearest to zero"),
        pytest.param("fear_greed", "2026-02-06", "value", 9, 0, id="mood on 6 February"),
    ],
)
def test_figure(metric_id: str, day: str, name: str, expected: float, within: float) -> None:
    assert on(metric_id, day, name) == pytest.approx(expected, abs=within)


@pytest.mark.parametrize(
    ("metric_id", "name", "days_of_least"),
    [
        pytest.param("oi_quadrant", "usd_change_1d", ["2025-10-11"], id="largest one-day fall"),
        pytest.param("oi_drawdown", "value", ["2026-03-01"], id="deepest drawdown"),
        pytest.param("oi_vs_ma180", "value", ["2026-02-15"], id="widest gap to the average"),
        pytest.param("fear_greed", "value", ["2026-02-12", "2026-02-23"], id="least Fear & Greed"),
    ],
)
def test_the_least_value_of_the_span(metric_id: str, name: str, days_of_least: list[str]) -> None:
    column = computed(metric_id)[name]
    found = column.index[column == column.min()]
    assert [f"{at:%Y-%m-%d}" for at in found] == days_of_least


def test_below_the_average_from_the_crash_to_the_end() -> None:
    gap = computed("oi_vs_ma180")["value"].dropna()
    assert f"{gap.index[0]:%Y-%m-%d}" == "2025-08-12"
    assert f"{gap.index[gap < 0][0]:%Y-%m-%d}" == "2025-10-11"
    assert (gap["2025-10-11":] < 0).all()
    assert on("oi_vs_ma180", "2026-03-30", "days_below") == len(gap["2025-10-11":]) == 171


def test_net_taker_mean_never_turns_positive() -> None:
    mean = computed("net_taker_30d")["value"].dropna()
    assert len(mean) == 381
    assert (mean < 0).all()
    assert f"{mean.idxmax():%Y-%m-%d}" == "2026-01-16"


def test_funding_of_every_settlement() -> None:
    rates = computed("funding_apr", hours(8))
    assert len(rates) == 1230
    assert rates["rate"].mean() == pytest.approx(0.000036922, abs=5e-10)
    assert rates["value"].mean() == pytest.approx(0.04043, abs=5e-6)
    assert (rates["value"] < 0).mean() == pytest.approx(0.189, abs=5e-4)
    assert rates["rate"].max() == pytest.approx(0.0001)
    assert rates["rate"].min() == pytest.approx(-0.00015178)
    assert rates["rate"].idxmin() == pd.Timestamp("2026-02-07 00:00", tz="UTC")
    np.testing.assert_allclose(rates["eight_hour"], rates["rate"])


# What each alarm says of these 13 months, judged on daily rows. A date is the row (the day that had just closed).
STORY = {
    # One descent, from the close that confirmed −30 %, with 7 % of the coins gone; on 1 February −45 % with 11 %.
    "oi_drawdown": ["fired 2025-11-17", "escalated 2026-02-01"],
    # The crash of 10 October stands on 11 October in this series; the second close below, of coins too, confirms it. In
    # the end coins are above their own average by more than 5 %.
    "oi_vs_ma180": ["fired 2025-10-12", "escalated 2025-12-31", "resolved 2026-03-26"],
    # Ten per cent below the 16-day high. The autumn fall and the slide to 60,000 pass −20 % on their way.
    "price_drawdown": [
        "fired 2025-02-26",
        "resolved 2025-03-25",
        "fired 2025-04-06",
        "resolved 2025-04-14",
        "fired 2025-08-25",
        "resolved 2025-09-10",
        "fired 2025-10-11",
        "resolved 2025-10-28",
        "fired 2025-11-04",
        "escalated 2025-11-22",
        "resolved 2025-12-05",
        "fired 2026-01-25",
        "escalated 2026-02-05",
        "resolved 2026-03-05",
        "fired 2026-03-27",
    ],
    # The mood follows price; on 12 February it reaches its lowest value ever, 5.
    "fear_greed": [
        "fired 2025-02-27",
        "resolved 2025-03-21",
        "fired 2025-04-09",
        "resolved 2025-04-22",
        "fired 2025-11-08",
        "escalated 2025-11-15",
        "resolved 2026-01-18",
        "fired 2026-01-22",
        "escalated 2026-02-06",
        "escalated 2026-02-12",
    ],
    # Funding never rose above its resting rate, although that ranked above 95 % of the year by "at or below".
    "funding_stretch": [],
    # Shorts paid after the October crash (−12 % a year), and in February and March 2026 without a calm week between.
    "funding_stretch_low": ["fired 2025-10-12", "resolved 2025-10-28", "fired 2026-02-02"],
    # No crossing, so no flip.
    "net_taker_flip": [],
    # Four days on which over 7 % of the coins left: the crash (11 October) and the low of 6 February are among them.
    "oi_zscore": [
        "fired 2025-04-03",
        "resolved 2025-04-04",
        "fired 2025-10-11",
        "resolved 2025-10-12",
        "fired 2025-11-21",
        "resolved 2025-11-22",
        "fired 2026-02-06",
        "resolved 2026-02-07",
    ],
}
# Spot flow of single days is rough: here only how often and how long, not each date.
ROUGH = {"taker_ratio": 9, "taker_zscore": 4}


def told(rule_id: str, step: timedelta = DAILY) -> list[Told]:
    rule = rules()[rule_id]
    metric = metrics()[rule.metrics[0]]
    return story(metric, rule, panels(step)["MARKET" if metric.market_wide else "BTC"])


@pytest.mark.parametrize("rule_id", STORY)
def test_the_story_of_an_alarm(rule_id: str) -> None:
    assert [f"{event.kind} {event.day}" for event in told(rule_id)] == STORY[rule_id]


@pytest.mark.parametrize("rule_id", ROUGH)
def test_a_rough_series_is_no_hail(rule_id: str) -> None:
    fired = [event for event in told(rule_id) if event.kind == "fired"]
    assert len(fired) == ROUGH[rule_id]
    assert all(event.rank != "critical" for event in told(rule_id))


def test_all_alarms_of_the_winter_are_judged_here() -> None:
    assert {*STORY, *ROUGH} == {name for name, rule in rules().items() if not rule.setup}


def test_an_episode_dates_from_its_first_close_beyond_the_line() -> None:
    cut, *_ = told("oi_drawdown")
    assert (cut.day, cut.since) == ("2025-11-17", "2025-11-16")
    assert on("oi_drawdown", "2025-11-15") > -0.30
    assert max(on("oi_drawdown", day) for day in ("2025-11-16", "2025-11-17")) <= -0.30


@pytest.mark.slow
def test_single_settlements_of_funding_are_no_crowd() -> None:
    fired = [event for event in told("funding_stretch_low", hours(1)) if event.kind == "fired"]
    assert len(fired) == 4
    assert told("funding_stretch", hours(1)) == []


@pytest.mark.slow
def test_resting_funding_is_not_stretched_although_nothing_was_higher() -> None:
    rates = computed("funding_stretch", hours(8))
    at_rest = rates[np.isclose(rates["rate"], 0.0001)].dropna()
    assert len(at_rest) > 10
    assert (rates["value"] <= 0.1095 + 1e-9).all()
    assert at_rest["pct"].max() > 0.90  # so rank alone would never call it over: that is why rest ends an episode
    assert told("funding_stretch", hours(8)) == []
