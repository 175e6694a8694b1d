from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from handlers import freshness, looking
from handlers.readings import needed_days
from signals.inputs import INPUTS
from signals.metric import Reading, metrics
from signals.series import Coverage
from storage.engine.database import Store
from storage.market import points
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 16, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "every", "count", "age", "stale"),
    [
        pytest.param("open_interest_usd", MINUTE, 60, 10 * MINUTE, False, id="live, within its limit"),
        pytest.param("open_interest_usd", MINUTE, 60, 12 * MINUTE, True, id="live, beyond it"),
        pytest.param("open_interest_usd", HOUR, 60, HOUR, True, id="an hourly history has its own limit too"),
        pytest.param("open_interest_usd", DAY, 3, 25 * HOUR, False, id="daily"),
        pytest.param("open_interest_usd", DAY, 3, 27 * HOUR, True, id="daily, overdue"),
        pytest.param("open_interest_usd", DAY, 1, 5 * HOUR, True, id="a single point, of which nothing is known"),
        pytest.param("funding_rate", 8 * HOUR, 9, 9 * HOUR, False, id="settlements"),
        pytest.param("funding_rate", 8 * HOUR, 9, 11 * HOUR, True, id="a settlement is missing"),
        pytest.param("funding_rate", MINUTE, 60, 12 * MINUTE, True, id="a live rate that stands still"),
        pytest.param("funding_rate", 8 * HOUR, 1, 7 * HOUR, False, id="a single settlement in force"),
        pytest.param("close", HOUR, 48, 2 * HOUR, False, id="hourly bars"),
        pytest.param("close", HOUR, 48, 3 * HOUR, True, id="an hourly bar is missing"),
        pytest.param("close", DAY, 3, 25 * HOUR, False, id="daily bars"),
        pytest.param("close", DAY, 3, 27 * HOUR, True, id="a daily bar is missing"),
        pytest.param("fear_greed", DAY, 3, 49 * HOUR, False, id="an index that is told a day late"),
        pytest.param("fear_greed", DAY, 3, 51 * HOUR, True, id="and then not at all"),
    ],
)
def test_old_is_measured_by_how_often_it_comes(
    tmp_path: Path, name: str, every: timedelta, count: int, age: timedelta, stale: bool
) -> None:
    store = Store(tmp_path / "perpulse.db")
    bar = INPUTS[name].kind == "bar"
    last = NOW - age - (every if bar else timedelta(0))
    index = pd.DatetimeIndex([last - every * back for back in reversed(range(count))])
    points.write(
        store, [points.Points.of_frame("binance", "BTC", every if bar else None, pd.DataFrame({name: 1.0}, index))]
    )
    newest = points.newest(store, "BTC", name)
    assert newest is not None
    assert newest.at == NOW - age
    assert freshness.is_stale(store, "BTC", name, newest, NOW) is stale


@pytest.mark.parametrize(
    ("metric", "days"),
    [
        ("oi_vs_ma180", 180),
        ("oi_drawdown", 30),
        ("net_taker_30d", 30),
        ("price_drawdown", 11),
        ("funding_stretch", 1),
        ("fear_greed", 1),
    ],
)
def test_how_long_a_metric_learns_is_what_it_says_of_itself(metric: str, days: int) -> None:
    assert needed_days(metric, DAY) == days


@pytest.mark.parametrize("metric", metrics())
def test_no_metric_learns_longer_than_its_window(metric: str) -> None:
    each = metrics()[metric]
    step = max(each.step, DAY)
    assert 1 <= needed_days(metric, step) <= each.bars_back(step)


def test_values_become_json() -> None:
    at = datetime(2026, 1, 16, 1, tzinfo=UTC)
    assert looking.plain({"a": float("nan"), "b": at, "c": {"d": float("inf"), "e": 1.5}, "f": None, "g": "x"}) == {
        "a": None,
        "b": "2026-01-16T01:00:00Z",
        "c": {"d": None, "e": 1.5},
        "f": None,
        "g": "x",
    }


# -- several venues ---------------------------------------------------------------------------------------------------

SHARES = {"binance": 50_000.0, "bybit": 27_000.0, "okx": 20_000.0, "hyperliquid": 3_000.0}
DAYS = 40


def open_interest(store: Store, coins: dict[str, float], since: dict[str, int], until: dict[str, int]) -> Desk:
    """Store hourly open interest of venues: of the last `since` days (else 40), until so many hours before now."""
    for venue, each in coins.items():
        index = pd.date_range(NOW - since.get(venue, DAYS) * DAY, NOW - until.get(venue, 0) * HOUR, freq="h")
        waves = [each * (1 + 0.01 * math.sin(n / 17)) for n in range(len(index))]
        frame = pd.DataFrame({"open_interest_coin": waves}, index=index - MINUTE)
        frame["open_interest_usd"] = frame["open_interest_coin"] * 100_000
        points.write(store, [points.Points.of_frame(venue, "BTC", None, frame)])
    return Desk(store, NOW)


@pytest.mark.parametrize(
    ("since", "until", "headline", "stamp"),
    [
        pytest.param(
            {},
            {},
            "BTC open interest: $10.0bn, 99,922 BTC.",
            "Binance, Bybit, OKX, Hyperliquid · 60 s old · 4 of 4 venues, 100 % of usual open interest",
            id="all of them",
        ),
        pytest.param(
            {},
            {"hyperliquid": 5},
            "BTC open interest: $9.7bn, 96,924 BTC.",
            "Binance, Bybit, OKX · 60 s old · 3 of 4 venues, 97 % of usual open interest · without Hyperliquid",
            id="one is down",
        ),
        pytest.param(
            {"bybit": 3, "okx": 3, "hyperliquid": 3},
            {},
            "BTC open interest: $10.0bn, 99,517 BTC.",
            "Binance, Bybit, OKX, Hyperliquid · 60 s old · 4 of 4 venues, 100 % of usual open interest "
            "· over 31 days Binance only",
            id="only one has an archive",
        ),
    ],
)
def test_the_stamp_says_how_much_of_the_market_it_is(
    tmp_path: Path, since: dict[str, int], until: dict[str, int], headline: str, stamp: str
) -> None:
    desk = open_interest(Store(tmp_path / "perpulse.db"), SHARES, since, until)
    lines = desk.text("/oi btc").splitlines()
    assert (lines[0], lines[-2]) == (headline, stamp)


def test_too_little_for_a_total_is_listed_singly(tmp_path: Path) -> None:
    desk = open_interest(Store(tmp_path / "perpulse.db"), SHARES, {}, {"binance": 5})
    text = desk.text("/oi btc")
    assert "Each for itself: Binance $5.0bn, 5 h old; Bybit $2.7bn, 60 s old; OKX $2.0bn" in text
    assert text.splitlines()[0] == "BTC open interest: no total now."
    assert "Too little of the market answers for a total (only Bybit, OKX and Hyperliquid, 49 %" in text


def test_one_venue_alone_needs_no_word_of_coverage(tmp_path: Path) -> None:
    desk = open_interest(Store(tmp_path / "perpulse.db"), {"binance": 50_000.0}, {}, {})
    assert desk.text("/oi btc").splitlines()[-2] == "Binance · 60 s old"


def test_where_windows_differ_it_is_said_whom_the_longer_one_rests_on() -> None:
    month = Coverage(("binance", "okx"), {"bybit": "ends 2026-01-16 07:00 UTC"}, 0.996)
    year = Coverage(("binance",), {"bybit": "begins 2025-12-01 00:00 UTC", "okx": "begins 2025-12-01 00:00 UTC"}, 0.7)
    readings = [
        Reading(metric, "BTC", NOW, DAY, {}, {}, (), (), DAY, coverage)
        for metric, coverage in (("oi_drawdown", year), ("oi_zscore", month), ("fear_greed", None))
    ]
    assert looking.covered(readings) == (
        "2 of 3 venues, 99 % of usual open interest · without Bybit · over 365 days Binance only"
    )
