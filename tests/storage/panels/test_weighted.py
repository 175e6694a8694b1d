"""Funding of the market: each venue by what is open there, in the hours in which it tells all that it takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from signals.metric import metrics
from storage.market import points
from storage.market.points import Points
from storage.panels import panels

if TYPE_CHECKING:
    from signals.series import Panel
    from storage.engine.database import Store

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NAN = float("nan")


def keep(store: Store, venue: str, rate: list[float], hours: float, usd: list[float]) -> None:
    index = pd.date_range(START + HOUR / 2, periods=len(rate), freq="h", tz=UTC)
    columns = {"funding_rate": rate, "funding_interval_hours": [hours] * len(rate), "open_interest_usd": usd}
    points.write(store, [Points.of_frame(venue, "BTC", None, pd.DataFrame(columns, index=index))])


def read(store: Store, rows: int) -> tuple[list[float], Panel]:
    metric = metrics()["funding_market"]
    panel = panels.of(store, metric, ["BTC"], step=HOUR, start=START, end=START + rows * HOUR)
    return metric.evaluate(panel)["value"][:, 0].tolist(), panel


def test_each_venue_weighs_what_is_open_there(store: Store) -> None:
    keep(store, "binance", [0.0001] * 3, 8.0, [3e9] * 3)
    keep(store, "hyperliquid", [0.0001] * 3, 1.0, [1e9] * 3)
    found, panel = read(store, 3)
    # By hand: (3 · 10.95 % + 1 · 87.6 %) / 4, whichever venue has more points.
    assert found == pytest.approx([(3 * 0.1095 + 0.876) / 4] * 3)
    assert panel.venues("BTC", ["funding_rate"]) == ("binance", "hyperliquid")


def test_who_does_not_tell_what_is_open_has_no_weight(store: Store) -> None:
    keep(store, "binance", [0.0001] * 2, 8.0, [3e9] * 2)
    keep(store, "okx", [0.01] * 2, 8.0, [NAN, NAN])
    found, panel = read(store, 2)
    assert found == pytest.approx([0.1095] * 2)
    assert panel.venues("BTC", ["funding_rate"]) == ("binance",)


def test_without_any_open_interest_the_one_that_speaks_is_taken(store: Store) -> None:
    keep(store, "binance", [0.0002] * 2, 8.0, [NAN, NAN])
    found, _ = read(store, 2)
    assert found == pytest.approx([0.219] * 2)


def test_a_venue_that_falls_silent_leaves_the_others(store: Store) -> None:
    keep(store, "binance", [0.0001] * 30, 8.0, [1e9] * 30)
    keep(store, "okx", [0.0003] * 4, 8.0, [1e9] * 4)
    found, _ = read(store, 30)
    assert found[0] == pytest.approx(0.219)
    assert found[29] == pytest.approx(0.1095)
    assert not np.isnan(found).any()
