"""An asset is judged when its past is there, not by the hours that come before it: at first, and after a long stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pandas as pd
import pytest

from bot.engine.evaluate import judge
from storage.alerts import episodes
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.sources import coverage, source_state
from storage.sources.awaited import AWAITED
from storage.sources.source_state import SourceHealth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NOW: Final = datetime(2026, 6, 30, 0, 1, tzinfo=UTC)
FIRST: Final = NOW - NOW.hour * MINUTE * 60 - MINUTE - 30 * DAY
FELL: Final = FIRST + 20 * DAY
OWED: Final = ("binance", "bars", "SOL")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


def fallen(store: Store, asset: str, days: int, until: datetime = NOW) -> None:
    """Store the last daily closes of an asset that fell by a quarter ten days ago, those before a time."""
    every = pd.date_range(NOW - MINUTE - days * DAY, periods=days, freq="D")
    index = every[every < until]
    closes = [75.0 if at >= FELL else 100.0 for at in index]
    points.write(store, [Points.of_frame("binance", asset, DAY, pd.DataFrame({"close": closes}, index=index))])


def judged(store: Store) -> dict[str, datetime | None]:
    """Return the assets whose fall of price was judged, and since when it is one; None where it is none."""
    states = episodes.rule_states(store)
    return {
        asset: one.state.since if one.state.rank else None
        for (rule, asset), one in states.items()
        if rule == "price_drawdown"
    }


@pytest.mark.parametrize(
    ("since", "at", "waits"),
    [
        pytest.param(NOW - 200 * DAY, NOW, True, id="a first history"),
        pytest.param(NOW - timedelta(hours=7), NOW, True, id="some hours"),
        pytest.param(NOW - timedelta(hours=5), NOW, False, id="last hours, asked for each hour"),
        pytest.param(NOW - 200 * DAY, NOW + AWAITED - MINUTE, True, id="soon before half an hour"),
        pytest.param(NOW - 200 * DAY, NOW + AWAITED, False, id="refused for half an hour"),
        pytest.param(NOW - 200 * DAY, NOW - DAY, False, id="the clock was set back"),
    ],
)
def test_who_waits_for_the_past(store: Store, since: datetime, at: datetime, waits: bool) -> None:
    for asset in ("BTC", "SOL"):
        fallen(store, asset, 4)
    coverage.note_owed(store, {OWED: since})
    judge(store, ["BTC", "SOL"], NOW, started=NOW) if at != NOW else None
    judge(store, ["BTC", "SOL"], at, started=NOW)
    assert judged(store).keys() == ({"BTC"} if waits else {"BTC", "SOL"})


@pytest.mark.parametrize(
    ("source", "topic", "state", "waits"),
    [
        pytest.param("binance", "bars", "ok", True, id="it is well"),
        pytest.param("binance", "bars", "down", False, id="it is silent"),
        pytest.param("binance", "bars", "blocked", False, id="it refuses us"),
        pytest.param("binance", "depth", "down", True, id="another topic of it is silent"),
        pytest.param("okx", "bars", "down", True, id="another venue is silent"),
    ],
)
def test_nobody_waits_for_who_is_silent(store: Store, source: str, topic: str, state: str, waits: bool) -> None:
    """One venue that does not answer must not hold back what the others told."""
    fallen(store, "SOL", 30)
    coverage.note_owed(store, {OWED: NOW - 200 * DAY})
    source_state.save(store, [SourceHealth(source, topic, state, NOW)])
    judge(store, ["SOL"], NOW, started=NOW)
    assert judged(store) == ({} if waits else {"SOL": FELL + DAY})


def test_who_was_silent_for_a_while_makes_nobody_wait_anew(store: Store) -> None:
    """What is owed for days by a venue that was away soon before midnight: the alarm of the day is not late."""
    fallen(store, "SOL", 30)
    judge(store, ["SOL"], NOW, started=NOW)
    coverage.note_owed(store, {OWED: NOW - 200 * DAY})
    for minutes, state in ((70, "ok"), (20, "down"), (5, "ok")):
        at = NOW + DAY - minutes * MINUTE
        source_state.save(store, [SourceHealth("binance", "bars", state, at)])
        judge(store, ["SOL"], at, started=NOW)
    index = pd.date_range(NOW - MINUTE, periods=1, freq="D")
    points.write(store, [Points.of_frame("binance", "SOL", DAY, pd.DataFrame({"close": [40.0]}, index=index))])
    assert [event.kind for event in judge(store, ["SOL"], NOW + DAY, started=NOW)] == ["escalated"]


def test_what_is_open_says_since_when_though_its_past_came_later(store: Store) -> None:
    """Judged by four days it would stand as calm, and its past would be read by no turn."""
    fallen(store, "SOL", 4)
    coverage.note_owed(store, {OWED: NOW - 200 * DAY})
    judge(store, ["SOL"], NOW, started=NOW)
    with store.write():
        fallen(store, "SOL", 30)
        coverage.note_owed(store, {OWED: None})
    assert judge(store, ["SOL"], NOW + MINUTE, started=NOW) == []
    assert judged(store) == {"SOL": FELL + DAY}


def test_after_a_long_stop_its_closes_are_judged_by_what_comes_of_them(store: Store) -> None:
    """Of hundreds the present comes first: by it alone all closes of the stop would be judged as not known."""
    stopped = FELL - 2 * DAY
    fallen(store, "SOL", 30, until=stopped)
    judge(store, ["SOL"], stopped + MINUTE, started=stopped)
    fallen(store, "SOL", 1)
    coverage.note_owed(store, {OWED: stopped})
    assert judge(store, ["SOL"], NOW, started=NOW) == []
    fallen(store, "SOL", 30)
    coverage.note_owed(store, {OWED: None})
    events = judge(store, ["SOL"], NOW + MINUTE, started=NOW)
    assert [(event.rule, event.kind, event.offline) for event in events] == [("price_drawdown", "fired", True)]
    assert judged(store) == {"SOL": FELL + DAY}


@pytest.mark.parametrize("begins", [True, False], ids=["owed at the start", "owed anew, as after a doubt"])
def test_what_stays_owed_makes_no_alarm_late(store: Store, begins: bool) -> None:
    """A venue may refuse a past for days: that is seen long before the next close of a day."""
    fallen(store, "SOL", 30)
    judge(store, ["SOL"], NOW, started=NOW)
    coverage.note_owed(store, {OWED: NOW - 200 * DAY})
    if begins:
        store = Store(store.path)  # of another process
    judge(store, ["SOL"], NOW + 60 * MINUTE, started=NOW)
    index = pd.date_range(NOW - MINUTE, periods=1, freq="D")
    points.write(store, [Points.of_frame("binance", "SOL", DAY, pd.DataFrame({"close": [40.0]}, index=index))])
    events = judge(store, ["SOL"], NOW + DAY, started=NOW)
    assert [(event.rule, event.kind) for event in events] == [("price_drawdown", "escalated")]
    store.close()


@pytest.mark.parametrize(
    ("lives", "minute"),
    [
        pytest.param([(0, 20), (21, 41), (42, 62)], 30, id="restarted every twenty minutes"),
        pytest.param([(0, 20), (260, 280), (281, 301)], 290, id="stopped for four hours in between"),
    ],
)
def test_no_restart_begins_the_half_hour_anew(store: Store, lives: list[tuple[int, int]], minute: int) -> None:
    """One venue never answers, and each process is gone before half an hour is over. lives: in minutes."""
    fallen(store, "SOL", 4)
    coverage.note_owed(store, {OWED: NOW - 200 * DAY})
    seen = []
    for begin, end in lives:
        process = Store(store.path)
        for at in range(begin, end):
            judge(process, ["SOL"], NOW + at * MINUTE, started=NOW + begin * MINUTE)
            seen += [at] if judged(process) else []
        process.close()
    assert seen[0] == minute
