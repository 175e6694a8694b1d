"""Answers that must not contradict each other, nor what is stored (field cases of November 2026)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from signals.units import DAY, MINUTE
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from tests.field.world import ask

FUNDING = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "funding" / "binance-btcusdt-funding.json"


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store with six years of settled funding."""
    if not FUNDING.exists():
        pytest.skip(f"{FUNDING} is not here: the recordings lie outside the project")
    store = Store(tmp_path_factory.mktemp("settled") / "perpulse.db")
    keep(store, read_file(FUNDING, now=datetime(2024, 12, 6, 0, 5, tzinfo=UTC)))
    return store


@pytest.mark.parametrize(
    ("at", "percentile"),
    [
        pytest.param(datetime(2024, 12, 6, 0, 5, tzinfo=UTC), 0.57, id="five minutes after a settlement"),
        pytest.param(datetime(2024, 12, 5, 23, 55, tzinfo=UTC), 0.97, id="five minutes before it"),
    ],
)
def test_the_rate_that_is_shown_is_the_rate_that_is_ranked(settled: Store, at: datetime, percentile: float) -> None:
    assert ask(settled, "/funding btc", at).values["percentile"] == pytest.approx(percentile, abs=0.01)


@pytest.mark.parametrize(
    ("closes", "said"),
    [
        pytest.param(2, "Below its 180-day average of $100m, for 2 days", id="two daily closes, the third day runs"),
        pytest.param(0, "Below its 180-day average of $100m, since today", id="no close yet"),
    ],
)
def test_the_running_day_is_no_close(tmp_path: Path, closes: int, said: str) -> None:
    store = Store(tmp_path / "perpulse.db")
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    midnight = now.replace(hour=0)
    days = 200
    below = closes + 1
    coins = [100.0] * (days - below) + [80.0] * below
    times = [round((midnight - (days - 1 - i) * DAY).timestamp()) * 1000 for i in range(days)]
    times[-1] = round((now - MINUTE).timestamp()) * 1000
    columns = {"open_interest_usd": [value * 1e6 for value in coins], "open_interest_coin": coins}
    points.write(store, [Points("binance", "BTC", None, times, columns)])
    assert said in " ".join(block.text for block in ask(store, "/oi btc", now).all_blocks() if hasattr(block, "text"))
