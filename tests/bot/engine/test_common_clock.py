"""Rules over several metrics: one clock for all of them, and the same episodes over history as close by close."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from bot.engine import closes
from bot.engine.evaluate import history, judge
from signals.alerts.condition import above, at_most, below, level
from signals.alerts.rule import AlertRule
from signals.metric import metrics
from signals.series import Panel
from storage.alerts import episodes
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.panels import panels
from storage.panels.computed import Computed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from signals.alerts.event import Event

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2025, 6, 1, tzinfo=UTC)
DAYS = 90
END = START + DAYS * DAY


def rule(*levels, home: str) -> AlertRule:
    return AlertRule("both", "Both", levels, "", (), "", "").within(home)


PRICE_AND_INTEREST = rule(
    level(
        "notice",
        enter=(at_most(-0.04), at_most(-0.03, "oi_drawdown.value")),
        leave=[(above(-0.02),), (above(-0.01, "oi_drawdown.value"),)],
        hold=2 * DAY,
        hold_leave=DAY,
    ),
    home="price_drawdown",
)
PRICE_AND_FEAR = rule(
    level(
        "warning",
        enter=(at_most(-0.04), below(35.0, "fear_greed.value")),
        leave=above(45.0, "fear_greed.value"),
        hold=DAY,
    ),
    home="price_drawdown",
)
RULES = [pytest.param(PRICE_AND_INTEREST, id="hourly and daily"), pytest.param(PRICE_AND_FEAR, id="of a day's begin")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    noise = np.random.default_rng(3)
    hours = pd.date_range(START, periods=DAYS * 24, freq="h")
    price = 100 * np.exp(noise.normal(0, 0.004, len(hours)).cumsum())
    coins = 1000 * np.exp(noise.normal(0, 0.003, len(hours)).cumsum())
    coins[noise.integers(0, len(hours), 60)] = np.nan
    bars = pd.DataFrame({"close": price}, index=hours)
    interest = pd.DataFrame({"open_interest_usd": coins * price, "open_interest_coin": coins}, index=hours)
    mood = pd.DataFrame(
        {"fear_greed": 40 + noise.normal(0, 6, DAYS).cumsum().clip(-35, 50)}, index=pd.date_range(START, periods=DAYS)
    )
    points.write(
        made,
        [Points.of_frame("binance", "BTC", HOUR, bars), Points.of_frame("binance", "BTC", None, interest.dropna())],
    )
    points.write(made, [Points.of_frame("alternative.me", "MARKET", None, mood)])
    yield made
    made.close()


def told(events: list[Event]) -> list[tuple[str, datetime, datetime]]:
    return [(event.kind, event.at, event.since) for event in events]


@pytest.mark.slow
@pytest.mark.parametrize("over", RULES)
def test_it_is_the_same_over_history_as_close_by_close(
    store: Store, over: AlertRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closes, "rules", lambda: {over.id: over})
    at_once = [one.event for one in history(store, ["BTC"], START, END) if one.event]
    assert {event.kind for event in at_once} == {"fired", "resolved"}
    assert {event.at.hour for event in at_once} == {0}, "the clock is that of the coarsest"
    drawn = random.Random(1)
    found: list[Event] = []
    moment = START + HOUR
    while moment < END:
        found += judge(store, ["BTC", "BTC"], moment, started=START)
        moment += drawn.choice([HOUR, 5 * HOUR, 3 * DAY])
    found += judge(store, ["BTC"], END, started=START)
    after = min(event.at for event in found)
    assert told(found) == told([event for event in at_once if event.at >= after])
    assert len(found) >= len(at_once) - 1, "one may have begun before anything was known"
    kept = episodes.of(store, "both", "BTC")
    assert [one.fired for one in kept] == [event.at for event in at_once if event.kind == "fired"]


@pytest.mark.slow
@pytest.mark.parametrize("over", RULES)
def test_each_value_is_the_metrics_own_of_that_time(
    store: Store, over: AlertRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closes, "rules", lambda: {over.id: over})
    events = [one.event for one in history(store, ["BTC"], START, END) if one.event]
    assert events
    for event in events:
        for name in over.metrics:
            metric = metrics()[name]
            # What closes at that time; what is published as its day begins, of the day that begins then.
            end = event.at + (metric.step if metric.at_open else timedelta(0))
            panel = panels.of(store, metric, [metric.asset_of("BTC")], step=metric.step, start=START, end=end)
            own = metric.evaluate(panel, 1)
            for value, array in own.items():
                assert event.values[f"{name}.{value}"] == pytest.approx(float(array[0, 0]), nan_ok=True), (name, value)


def test_a_coarser_metric_speaks_while_it_is_current() -> None:
    """Rows of a metric on the times of a clock: the one that closes then, else the last one that has."""

    times = [START + 20 * DAY + hours * HOUR for hours in range(1, 49)]
    asked: list[tuple[datetime, datetime]] = []

    def panel(*_: object, start: datetime, end: datetime, **__: object) -> Panel:
        asked.append((start, end))
        return Panel(DAY, pd.date_range(start, end, freq="D", inclusive="left"), ("BTC",), {})

    class Daily:
        id, at_open, step, market_wide = "daily", False, DAY, False
        needs = ()

        def asset_of(self, asset: str) -> str:
            return asset

        def bars_back(self, _: timedelta) -> int:
            return 0

        def evaluate(self, _: object, rows: int) -> dict[str, object]:
            return {"value": np.arange(rows, dtype=float)[:, None]}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panels, "of", panel)
        found = Computed.of(None, Daily(), DAY, ["BTC"], times, HOUR)  # type: ignore[arg-type]
    assert asked == [(START + 19 * DAY, START + 22 * DAY)]
    assert found.values["value"][found.rows, 0].tolist() == [0.0] * 23 + [1.0] * 24 + [2.0]
