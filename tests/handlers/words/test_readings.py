from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from handlers.words.readings import covered, why_not
from signals.series import Coverage
from storage.engine.database import Store
from storage.market import points
from storage.queries.freshness import Stamp
from storage.queries.market.readings import Lack, NotKnown
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 16, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SHARES = {"binance": 50_000.0, "bybit": 27_000.0, "okx": 20_000.0, "hyperliquid": 3_000.0}
DAYS = 40


def open_interest(store: Store, coins: dict[str, float], since: dict[str, int], until: dict[str, int]) -> Desk:
    """Store hourly open interest of venues: of the last `since` days (else 40), until so many hours before now."""
    for venue, amount in coins.items():
        index = pd.date_range(NOW - since.get(venue, DAYS) * DAY, NOW - until.get(venue, 0) * HOUR, freq="h")
        waves = [amount * (1 + 0.01 * math.sin(n / 17)) for n in range(len(index))]
        frame = pd.DataFrame({"open_interest_coin": waves}, index=index - MINUTE)
        frame["open_interest_usd"] = frame["open_interest_coin"] * 100_000
        points.write(store, [points.Points.of_frame(venue, "BTC", None, frame)])
    return Desk(store, NOW)


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("days", "said"),
    [
        pytest.param(0.5, "learning, 0 of 60 days", id="the first day"),
        pytest.param(45.9, "learning, 45 of 60 days", id="days that are over"),
        pytest.param(59.9, "learning, 59 of 60 days", id="the last day"),
        pytest.param(60.0, "learning, 59 of 60 days", id="an hour before"),
        pytest.param(60.6, "learning, 59 of 60 days", id="never all of it"),
    ],
)
def test_what_is_learnt_is_not_all_learnt(days: float, said: str) -> None:
    assert why_not(NotKnown("implied_vol", "BTC", Lack.LEARNING, days=days, needed=60)) == said


def test_what_no_one_exchange_tells_whole_is_not_compared() -> None:
    lacking = NotKnown("oi_turnover", "BTC", Lack.APART, ("volume_usd", "open_interest_usd"))
    assert why_not(lacking) == "no exchange is stored with both volume and open interest in dollars"


@pytest.mark.slow
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
    month = Coverage(("binance", "okx"), {"bybit": "ended"}, 0.996)
    year = Coverage(("binance",), {"bybit": "begins", "okx": "begins"}, 0.7)
    windows = ((365 * DAY, year), (31 * DAY, month), (DAY, None))
    used = [Stamp((), NOW, coverage=coverage, window=window) for window, coverage in windows]
    assert covered(used) == ("2 of 3 venues, 99 % of usual open interest · without Bybit · over 365 days Binance only")
