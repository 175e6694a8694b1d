"""Where checks stand, what is open, and the data of charts: on the bundled winter, judged as a running bot does."""

from __future__ import annotations

import math
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot import demo
from bot.engine.evaluate import judge
from signals.alerts.episodes import Transition
from storage.alerts import episodes
from storage.engine.database import Store
from storage.queries import alarms
from storage.queries.market import charts
from storage.queries.market.readings import Lack
from tests.handlers.conftest import Desk
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = timedelta(days=1)
NOW = datetime(2026, 1, 16, tzinfo=UTC)


@pytest.fixture(scope="module")
def judged(filled: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database in which the bundled winter has been judged once for all tests here."""
    path = tmp_path_factory.mktemp("judged") / "perpulse.db"
    shutil.copy(filled("bundled", NOW, None, ()), path)
    store = Store(path)
    judge(store, ("BTC",), NOW, started=NOW)
    beside.rows(store, "PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return path


@pytest.fixture
def winter(judged: Path, tmp_path: Path) -> Desk:
    return Desk(Store(Path(shutil.copy(judged, tmp_path / "perpulse.db"))), NOW, note=demo.STAMP)


@pytest.mark.slow
def test_checks_stand_in_the_order_of_their_urgency(winter: Any) -> None:
    found = alarms.read(winter.store, "BTC", winter.now)
    levels = [check.level for check in found.checks]
    order = ["critical", "warning", "notice", "unknown", "calm"]
    assert levels == sorted(levels, key=order.index)
    drawdown = next(check for check in found.checks if check.metric.id == "oi_drawdown")
    assert (drawdown.level, drawdown.current) == ("notice", True)
    assert drawdown.value == pytest.approx(-1 / 3, abs=1e-4)  # $10.0bn of $15.0bn
    assert drawdown.since is not None
    assert not found.all_old


@pytest.mark.slow
def test_a_check_without_a_value_says_why_and_an_old_one_keeps_its_value(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16", days=45, without=("funding_rate",))
    checks = {check.metric.id: check for check in alarms.read(here.store, "BTC", here.now).checks}
    lacking = checks["oi_vs_ma180"].lacking
    assert lacking is not None
    assert (lacking.lack, lacking.days, lacking.needed) == (Lack.LEARNING, 45.0, 180)
    late = alarms.read(here.store, "BTC", here.now + 235 * DAY)
    price = next(check for check in late.checks if check.metric.id == "price_drawdown")
    assert (price.level, price.current, price.lacking) == ("unknown", False, None)
    assert price.value is not None


def test_without_a_database_there_are_no_checks(empty: Any) -> None:
    found = alarms.read(empty.store, "BTC", empty.now)
    assert (found.checks, found.readings.nothing) == ((), True)
    assert not empty.store.exists


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        pytest.param([("*", "*")], True, id="everything"),
        pytest.param([("oi_drawdown", "BTC")], True, id="this alarm of this asset"),
        pytest.param([("oi_drawdown", "ETH")], False, id="of another asset"),
        pytest.param([("fear_greed", "*")], False, id="another alarm"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_what_is_open_is_found_by_what_was_asked_for(winter: Any, rows: list[tuple[str, str]], found: bool) -> None:
    assert any(episode.rule == "oi_drawdown" for episode in alarms.open_of(winter.store, rows)) is found


def test_what_is_told_by_name_alone_is_open_for_who_named_it(empty: Any) -> None:
    with empty.store.write() as work:
        episodes.record(work, ("spring", "BTC"), Transition("fired", empty.now, empty.now, "notice", {}), None)
    for rows, found in (([("*", "*")], False), ([("*", "BTC")], False), ([("spring", "*")], True)):
        assert bool(alarms.open_of(empty.store, rows)) is found, rows


def test_chart_data_is_rows_and_the_alerts_that_were_known(winter: Any) -> None:
    data = charts.read(winter.store, "oi_drawdown", "BTC", until=winter.now, days=30)
    assert data is not None
    assert (len(data.at), len(data.values), len(data.price or ())) == (30, 30, 30)
    assert (data.at[-1], data.day_named, data.venues) == (winter.now, DAY, ("binance",))
    assert data.values[-1] == pytest.approx(-1 / 3, abs=1e-4)  # $10.0bn of $15.0bn
    assert not any(math.isnan(value) for value in data.values)
    (alert,) = data.episodes
    assert alert[1] is None
    before = charts.read(winter.store, "oi_drawdown", "BTC", until=alert[0] - DAY, days=30)
    assert before is not None
    assert before.episodes == ()


def test_chart_data_of_another_value_has_one_beside_it(winter: Any) -> None:
    data = charts.read(winter.store, "oi_vs_ma180", "BTC", until=winter.now, days=None, value="usd")
    assert data is not None
    assert data.values[-1] == pytest.approx(10.0e9, rel=0.01)
    assert data.beside is not None
    assert len(data.beside) == len(data.values) > 300


def test_a_figure_of_the_market_has_the_price_of_bitcoin_beside_it(winter: Any) -> None:
    data = charts.read(winter.store, "fear_greed", "ETH", until=winter.now, days=30)
    assert data is not None
    assert (data.asset, data.price_of, data.day_named) == ("MARKET", "BTC", timedelta(0))
    assert [value for value in data.values if not math.isnan(value)][-1] == 52


def test_nothing_stored_is_no_chart(winter: Any) -> None:
    assert charts.read(winter.store, "oi_drawdown", "ETH", until=datetime.now(UTC), days=30) is None
