"""Rules over changes and crossings, over a real store: judged close by close, over whole history, and in hindsight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from bot.engine.closes import Closes, RuleGroup
from bot.engine.evaluate import evaluate
from signals.alerts.rule import rule_of
from signals.metric import metrics
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.panels.reader import PanelReader
from storage.queries.evidence import past

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from signals.alerts.episodes import State

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
CROSSES = "own price_move.price crosses 100"
FALLS = "own price_move.price <= -3% in 3h"
RULES = (CROSSES, FALLS)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


def prices(store: Store, closes: list[float]) -> None:
    index = pd.date_range(START, periods=len(closes), freq="h")
    points.write(store, [Points.of_frame("binance", "BTC", HOUR, pd.DataFrame({"close": closes}, index=index))])


def group() -> RuleGroup:
    metric = (metrics()["price_move"],)
    return RuleGroup(metric, tuple(rule_of(name) for name in RULES), metric)


def between(first: int, end: int) -> Closes:
    return Closes(group(), (HOUR,), ("BTC",), START + first * HOUR, START + end * HOUR)


def fired(store: Store, closes: Closes, states: dict[tuple[str, str], State]) -> list[tuple[str, str, int]]:
    found = []
    for one in evaluate(PanelReader(store), closes, states, shared={}):
        states[one.key] = one.state
        if one.event:
            found.append((one.event.rule, one.event.kind, round((one.event.at - START) / HOUR)))
    return found


WALK = [*([98.0] * 30), 101.0, 101.5, 99.8, 100.2, 96.0, 95.0, 94.0, 101.0, 101.0, 100.9]


def test_a_crossing_and_a_change_are_told_at_their_close(store: Store) -> None:
    prices(store, WALK)
    assert [one for one in fired(store, between(0, len(WALK)), {}) if one[1] == "fired"] == [
        (CROSSES, "fired", 31),  # at the close of the bar that opened 30 hours in
        (CROSSES, "fired", 33),  # 100.2 is no other side again
        (CROSSES, "fired", 38),
        (FALLS, "fired", 35),
    ]


@pytest.mark.slow
def test_close_by_close_equals_whole_history(store: Store) -> None:
    dice = np.random.default_rng(3)
    walk = list(100 * np.exp(np.cumsum(dice.normal(0, 0.012, 200))))
    prices(store, walk)
    whole = fired(store, between(0, len(walk)), {})
    states: dict[tuple[str, str], State] = {}
    singly = [one for row in range(len(walk)) for one in fired(store, between(row, row + 1), states)]
    assert len(whole) > 20
    assert sorted(singly) == sorted(whole)


def test_in_hindsight_the_same_closes_fired(store: Store) -> None:
    walk = [*WALK, *([101.0] * 20 + [97.0] * 20) * 4]
    prices(store, walk)
    live = {(rule, at) for rule, kind, at in fired(store, between(0, len(walk)), {}) if kind == "fired"}
    for name in RULES:
        found = past.read(store, name, "BTC", START + timedelta(days=10))
        assert found is not None
        assert found.since == START + HOUR
        at = {(name, round((fire.at - START) / HOUR)) for fire in found.fires.fires}
        assert at == {one for one in live if one[0] == name}
