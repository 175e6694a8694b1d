"""Judging over a real store: what is told, what never is, and that no kill, restart or late bar changes any of it."""

from __future__ import annotations

import json
import math
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import demo
from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from bot.engine.closes import due
from bot.engine.evaluate import history, judge
from handlers.reply import Line, plain_text
from handlers.words.notices import message_of
from signals.metric import metrics
from storage.alerts import episodes, outbox
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.panels import panels
from storage.panels.reader import PanelReader
from storage.people import destinations
from tests.examples import examples
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from signals.alerts.event import Event

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = datetime(2025, 6, 1, tzinfo=UTC)
BEFORE = START - 365 * DAY  # "perpulse runs since long ago": nothing is marked as having happened offline
NAN = math.nan


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


def prices(store: Store, closes: list[float], *, first: datetime = START, asset: str = "BTC") -> None:
    """Store daily closes; the fall of price in 16 days is then judged at daily closes."""
    index = pd.date_range(first, periods=len(closes), freq="D")
    points.write(
        store, [Points.of_frame("binance", asset, DAY, pd.DataFrame({"close": closes}, index=index, dtype=float))]
    )


def fear(store: Store, values: list[float], first: datetime = START) -> None:
    index = pd.date_range(first, periods=len(values), freq="D")
    frame = pd.DataFrame({"fear_greed": values}, index=index, dtype=float)
    points.write(store, [Points.of_frame("alternative.me", "MARKET", None, frame)])


def at(days: float) -> datetime:
    """Return a time so many days after the start, and a little, because data comes in after the close."""
    return START + timedelta(days=days, minutes=1)


def told(events: list[Event]) -> list[tuple[str, str, float]]:
    return [(event.rule, event.kind, (event.at - START) / DAY) for event in events]


def known(store: Store) -> list[dict[str, Any]]:
    """Return the list of episodes as plain data, numbers rounded: sums over other spans end in other last digits."""
    rows = beside.rows(store, "SELECT rule, asset, since, fired, ended, rank, first_values, last_values FROM episodes")
    found = [dict(row) for row in rows]
    for row in found:
        for name in ("first_values", "last_values"):
            row[name] = {key: float(f"{value:.9g}") for key, value in json.loads(row[name]).items()}
    return sorted(found, key=lambda row: (row["rule"], row["asset"], row["since"]))


CALM = [100.0] * 20
FALL = [85.0] * 3  # −15 %: a notice at once
DEEP = [75.0] * 3  # −25 %: a warning
BACK = [100.0] * 5  # the all-clear takes four days


def subscriber(store: Store) -> None:
    one = destinations.ensure(store, "terminal", "screen", None, kind="private", title=None, now=START)
    destinations.subscribe(store, one.id, "*", "*")


# -- the life of an alert ---------------------------------------------------------------------------------------------


def test_the_first_judgement_is_silent_but_remembers(store: Store) -> None:
    subscriber(store)
    prices(store, CALM + FALL)
    assert judge(store, ["BTC"], at(23), started=BEFORE) == []
    (episode,) = episodes.running(store)
    assert (episode.rule, episode.fired) == ("price_drawdown", START + 21 * DAY)
    assert outbox.waiting(store) == 0
    prices(store, BACK, first=START + 23 * DAY)
    assert told(judge(store, ["BTC"], at(28), started=BEFORE)) == [("price_drawdown", "resolved", 27.0)]


def test_what_the_archive_shows_to_hold_already_is_no_news(store: Store) -> None:
    """An alarm was judged before its window was known; then the past comes in, and it held all the time."""
    subscriber(store)
    prices(store, FALL, first=START + 20 * DAY)
    assert judge(store, ["BTC"], at(23), started=BEFORE) == []
    prices(store, CALM)
    prices(store, [85.0], first=START + 23 * DAY)
    assert judge(store, ["BTC"], at(24), started=BEFORE) == []
    (episode,) = episodes.running(store)
    assert (episode.rule, episode.fired, outbox.waiting(store)) == ("price_drawdown", START + 24 * DAY, 0)
    prices(store, DEEP + BACK, first=START + 24 * DAY)
    assert told(judge(store, ["BTC"], at(27), started=BEFORE)) == [("price_drawdown", "escalated", 25.0)]
    assert told(judge(store, ["BTC"], at(32), started=BEFORE)) == [("price_drawdown", "resolved", 31.0)]


def test_what_comes_after_the_archive_is_news(store: Store) -> None:
    prices(store, [100.0] * 3, first=START + 17 * DAY)
    judge(store, ["BTC"], at(20), started=BEFORE)
    prices(store, [100.0] * 17)
    prices(store, [100.0, *FALL], first=START + 20 * DAY)
    assert told(judge(store, ["BTC"], at(24), started=BEFORE)) == [("price_drawdown", "fired", 22.0)]


@pytest.mark.slow
def test_fired_escalated_resolved_day_by_day(store: Store) -> None:
    subscriber(store)
    prices(store, CALM + FALL + DEEP + BACK)
    judge(store, ["BTC"], at(15), started=BEFORE)
    found = [event for day in range(16, 32) for event in judge(store, ["BTC"], at(day), started=BEFORE)]
    assert told(found) == [
        ("price_drawdown", "fired", 21.0),
        ("price_drawdown", "escalated", 24.0),
        ("price_drawdown", "resolved", 30.0),
    ]
    assert not any(event.offline or event.came_and_went for event in found)
    (episode,) = episodes.of(store, "price_drawdown", "BTC")
    assert (episode.rank, episode.ended) == ("warning", START + 30 * DAY)
    rows = beside.rows(store, "SELECT kind, episode FROM notices ORDER BY id")
    assert [tuple(row) for row in rows] == [(kind, episode.id) for kind in ("fired", "escalated", "resolved")]


def test_judging_again_tells_nothing_again(store: Store) -> None:
    prices(store, CALM)
    judge(store, ["BTC"], at(20), started=BEFORE)
    prices(store, FALL, first=START + 20 * DAY)
    assert len(judge(store, ["BTC"], at(23), started=BEFORE)) == 1
    before = beside.rows(store, "SELECT * FROM rule_states") + beside.rows(store, "SELECT * FROM episodes")
    for _ in range(3):
        again = Store(store.path)  # a restart
        assert judge(again, ["BTC"], at(23.5), started=at(23.4)) == []
        again.close()
    assert beside.rows(store, "SELECT * FROM rule_states") + beside.rows(store, "SELECT * FROM episodes") == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("meanwhile", "expected", "went"),
    [
        pytest.param(FALL, [("price_drawdown", "fired", 21.0)], False, id="it came"),
        pytest.param(FALL + DEEP, [("price_drawdown", "fired", 24.0)], False, id="it came and grew"),
        pytest.param(FALL + DEEP + BACK, [("price_drawdown", "resolved", 30.0)], True, id="it came and went"),
        pytest.param(CALM, [], False, id="nothing happened"),
        pytest.param(
            FALL + BACK + FALL, [("price_drawdown", "fired", 29.0)], False, id="it came, went and came again soon"
        ),
        pytest.param(
            FALL + BACK * 2 + FALL,
            [("price_drawdown", "resolved", 27.0), ("price_drawdown", "fired", 34.0)],
            True,
            id="it came, went and came again",
        ),
    ],
)
def test_what_changed_while_down_is_told_once_with_its_true_time(
    store: Store, meanwhile: list[float], expected: list[tuple[str, str, float]], went: bool
) -> None:
    prices(store, CALM)
    judge(store, ["BTC"], at(20), started=BEFORE)
    prices(store, meanwhile, first=START + 20 * DAY)
    now = at(20 + len(meanwhile))
    found = judge(store, ["BTC"], now, started=now)
    assert told(found) == expected
    assert all(event.offline for event in found)
    assert [event.came_and_went for event in found] == [went and n == 0 for n in range(len(found))]
    assert judge(store, ["BTC"], now, started=now) == []


def test_an_offline_message_says_when(store: Store) -> None:
    subscriber(store)
    prices(store, CALM)
    judge(store, ["BTC"], at(20), started=BEFORE)
    prices(store, FALL + BACK, first=START + 20 * DAY)
    judge(store, ["BTC"], at(28), started=at(28))
    row = beside.one(store, "SELECT payload FROM notices")
    assert row
    lines = [block.text for block in message_of(json.loads(row["payload"]), "UTC").blocks if isinstance(block, Line)]
    assert [line for line in lines if "while perpulse was not running" in line]
    assert json.loads(row["payload"])["came_and_went"] is True


def test_an_end_told_for_a_beginning_that_was_told(store: Store) -> None:
    prices(store, CALM)
    judge(store, ["BTC"], at(20), started=BEFORE)
    prices(store, FALL, first=START + 20 * DAY)
    judge(store, ["BTC"], at(23), started=BEFORE)
    prices(store, DEEP + BACK, first=START + 23 * DAY)
    (end,) = judge(store, ["BTC"], at(31), started=at(31))
    assert (end.kind, end.came_and_went, end.offline) == ("resolved", False, True)


# -- missing and late data --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [pytest.param(CALM, id="calm"), pytest.param(CALM + FALL, id="firing"), pytest.param(CALM + DEEP, id="warning")],
)
def test_missing_data_neither_fires_nor_resolves(store: Store, state: list[float]) -> None:
    prices(store, state)
    judge(store, ["BTC"], at(len(state)), started=BEFORE)
    standing = episodes.rule_states(store)["price_drawdown", "BTC"]
    for days in range(1, 40):
        assert judge(store, ["BTC"], at(len(state) + days), started=BEFORE) == []
    assert episodes.rule_states(store)["price_drawdown", "BTC"] == standing
    prices(store, [NAN] * 29 + state[-1:], first=START + len(state) * DAY)  # and it goes on as it had stopped
    assert judge(store, ["BTC"], at(len(state) + 40), started=BEFORE) == []
    assert episodes.rule_states(store)["price_drawdown", "BTC"].state.rank == standing.state.rank


def interest(store: Store, usd: float, days: int, first: datetime) -> None:
    index = pd.date_range(first, periods=days, freq="D")
    frame = pd.DataFrame({"open_interest_usd": usd, "open_interest_coin": usd / 100}, index=index, dtype=float)
    points.write(store, [Points.of_frame("binance", "BTC", None, frame)])


def flow(store: Store, name: str, values: list[float], first: datetime) -> None:
    frame = pd.DataFrame({name: values}, index=pd.date_range(first, periods=len(values), freq="D"), dtype=float)
    points.write(store, [Points.of_frame("binance", "BTC", DAY, frame)])


@pytest.mark.slow
def test_a_row_waits_until_each_input_has_spoken(store: Store) -> None:
    """Volume comes two days late; judged at once, its row would be unknown for ever."""
    noise = [100.0 + n % 7 for n in range(80)]
    flow(store, "volume_usd", noise, START)
    flow(store, "taker_buy_usd", [value / 2 for value in noise], START)
    judge(store, ["BTC"], at(80), started=BEFORE)
    key = ("taker_ratio", "BTC")
    assert episodes.rule_states(store)[key].state.at == START + 80 * DAY
    flow(store, "taker_buy_usd", [20.0, 20.0], START + 80 * DAY)
    assert judge(store, ["BTC"], at(82), started=BEFORE) == []
    assert episodes.rule_states(store)[key].state.at == START + 80 * DAY
    flow(store, "volume_usd", [100.0, 100.0], START + 80 * DAY)
    found = judge(store, ["BTC"], at(82), started=BEFORE)
    assert ("taker_ratio", "fired") in [line[:2] for line in told(found)]
    assert episodes.rule_states(store)[key].state.at == START + 82 * DAY


def test_a_bar_that_is_not_closed_is_not_judged(store: Store) -> None:
    prices(store, CALM + FALL)
    judge(store, ["BTC"], at(20), started=BEFORE)
    for hours in (0, 12, 23):
        assert judge(store, ["BTC"], START + 20 * DAY + hours * HOUR, started=BEFORE) == []
    assert told(judge(store, ["BTC"], START + 21 * DAY, started=BEFORE)) == [("price_drawdown", "fired", 21.0)]


def test_a_clock_that_was_set_back_judges_nothing_twice(store: Store) -> None:
    prices(store, CALM + FALL)
    judge(store, ["BTC"], at(20), started=BEFORE)
    assert len(judge(store, ["BTC"], at(23), started=BEFORE)) == 1
    assert judge(store, ["BTC"], at(19), started=BEFORE) == []
    assert judge(store, ["BTC"], at(23), started=BEFORE) == []


def test_one_asset_without_data_harms_no_other(store: Store) -> None:
    prices(store, CALM)
    prices(store, CALM[:2], asset="SOL")
    every = ["NOPE", "BTC", "SOL", "ETH"]
    judge(store, every, at(20), started=BEFORE)
    prices(store, FALL, first=START + 20 * DAY)
    assert told(judge(store, every, at(23), started=BEFORE)) == [("price_drawdown", "fired", 21.0)]


@pytest.mark.slow
def test_in_whatever_portions_each_asset_is_judged_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assets are judged some at a time, since a year of hours of hundreds of them is hundreds of megabytes."""
    monkeypatch.setattr("bot.engine.closes.AT_ONCE", 2)
    subscriber(store)
    assets = ["BTC", "ETH", "SOL", "XRP", "DOGE"]
    for asset in assets:
        prices(store, CALM + FALL, asset=asset)
    judge(store, assets, at(15), started=BEFORE)
    every = due(PanelReader(store, ahead=True), assets, episodes.rule_states(store), at(23))
    shapes = [closes.assets for together in every for closes in together]
    assert max(map(len, shapes)) == 2
    assert sorted(event.asset for event in judge(store, assets, at(23), started=BEFORE)) == sorted(assets)


@pytest.mark.slow
def test_a_metric_that_fails_harms_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    prices(store, CALM)
    fear(store, [50.0] * 20)
    judge(store, ["BTC"], at(20), started=BEFORE)
    prices(store, FALL, first=START + 20 * DAY)
    fear(store, [12.0] * 3, START + 20 * DAY)

    def broken(_: Any) -> Any:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patch:
        changed = {**metrics()}
        fields = {name: getattr(changed["fear_greed"], name) for name in changed["fear_greed"].__slots__}
        changed["fear_greed"] = type(changed["fear_greed"])(**{**fields, "compute": broken})
        patch.setattr("bot.engine.closes.metrics", lambda: changed)
        assert [line[0] for line in told(judge(store, ["BTC"], at(23), started=BEFORE))] == ["price_drawdown"]
    assert [line[0] for line in told(judge(store, ["BTC"], at(23), started=BEFORE))] == ["fear_greed"]


# -- published at the start of its day --------------------------------------------------------------------------------


def test_fear_is_judged_when_it_is_published_once_for_all_assets(store: Store) -> None:
    fear(store, [50.0] * 5)
    judge(store, ["BTC", "ETH"], at(4.5), started=BEFORE)
    fear(store, [15.0], START + 5 * DAY)
    (fired,) = judge(store, ["BTC", "ETH"], at(5), started=BEFORE)
    assert (fired.asset, fired.at) == ("MARKET", START + 5 * DAY)
    fear(store, [50.0] * 5 + [15.0])  # imported again, all of it
    assert judge(store, ["BTC", "ETH"], at(5.9), started=BEFORE) == []
    fear(store, [9.0], START + 6 * DAY)
    assert told(judge(store, ["BTC"], at(6), started=BEFORE)) == [("fear_greed", "escalated", 6.0)]


# -- all or nothing ---------------------------------------------------------------------------------------------------


def test_state_episode_and_outbox_row_are_one_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill at any write of a judgement leaves all of it undone; the next judgement tells it."""
    subscriber(store)
    prices(store, CALM)
    judge(store, ["BTC"], at(20), started=BEFORE)
    prices(store, FALL, first=START + 20 * DAY)
    tables = ("rule_states", "episodes", "notices", "outbox")

    def everything() -> list[tuple[Any, ...]]:
        return [tuple(row) for table in tables for row in beside.rows(store, f"SELECT * FROM {table}")]  # noqa: S608 - ours

    before = everything()
    for module, name in ((episodes, "record"), (outbox, "announce"), (episodes, "save")):
        real = getattr(module, name)

        def killed(*args: Any, real: Any = real, **named: Any) -> None:
            real(*args, **named)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed)
            with pytest.raises(KeyboardInterrupt):
                judge(store, ["BTC"], at(23), started=BEFORE)
        assert everything() == before
    assert told(judge(store, ["BTC"], at(23), started=BEFORE)) == [("price_drawdown", "fired", 21.0)]
    assert outbox.waiting(store) == 1


def test_nothing_new_is_found_without_reading_any_series(store: Store) -> None:
    """A tick comes every few seconds and most bring nothing: it may cost the list of series, never the series."""
    prices(store, CALM + FALL)
    interest(store, 5e9, 23, START)
    fear(store, [50.0] * 24)
    judge(store, ["BTC"], at(23), started=BEFORE)
    asked: list[str] = []
    assert store.file
    with store.file._reading() as connection:
        connection.set_trace_callback(asked.append)
    assert judge(store, ["BTC"], at(23.01), started=BEFORE) == []
    with store.file._reading() as connection:
        connection.set_trace_callback(None)
    assert 0 < len(asked) < 40
    assert not [query for query in asked if "FROM bars" in query or "FROM levels" in query]


def test_what_was_never_judged_is_looked_at_when_something_has_come(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bars of two hours and a first figure of open interest: of it no step is known, so a setup of both has no row."""
    index = pd.date_range(START, periods=2, freq="h")
    bars = pd.DataFrame({"close": 1.0, "volume_usd": 1.0, "taker_buy_usd": 0.5}, index=index, dtype=float)
    points.write(store, [Points.of_frame("binance", "BTC", HOUR, bars)])
    interest(store, 5e9, 1, START)
    looked: list[datetime] = []
    real = panels.step_for
    monkeypatch.setattr(panels, "step_for", lambda *args: looked.append(args[-1]) or real(*args))

    def looks(minutes: float) -> int:
        looked.clear()
        judge(store, ["BTC"], START + 2 * HOUR + timedelta(minutes=minutes), started=BEFORE)
        return len(looked)

    assert looks(1) > 0
    assert looks(7) == 0
    assert looks(16) > 0  # what is not needed has been waited for
    assert [looks(minutes) for minutes in (17, 29, 31)] == [0, 0, 0]
    interest(store, 5e9, 1, START + HOUR)  # told late
    assert looks(46) > 0
    assert ("position_closing", "BTC") in episodes.rule_states(store)


# -- the whole winter -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled winter, imported, with one early judgement, so that nothing after it is silent."""
    path = tmp_path_factory.mktemp("winter") / "perpulse.db"
    store = Store(path)
    keep(store, read_file(demo.path(), now=datetime(2026, 11, 1, tzinfo=UTC)))
    subscriber(store)
    judge(store, ["BTC"], SPAN[0] + DAY, started=SPAN[0])
    store.close()
    return path


SPAN = (datetime(2025, 3, 15, tzinfo=UTC), datetime(2026, 5, 22, tzinfo=UTC))


@pytest.fixture(scope="module")
def at_once(whole: Path) -> list[dict[str, Any]]:
    store = copied(whole, "once")
    found = judge(store, ["BTC"], SPAN[1], started=SPAN[1])
    assert len(found) >= 10
    assert all(event.offline for event in found)
    episodes_ = known(store)
    store.close()
    return episodes_


def copied(whole: Path, name: str) -> Store:
    return Store(shutil.copy(whole, whole.with_name(f"{name}.db")))


@pytest.mark.slow
@given(cuts=st.sets(st.integers(24, 433 * 24), min_size=1, max_size=8))
@examples(4)
def test_in_any_pieces_it_is_the_same_winter(whole: Path, at_once: list[dict[str, Any]], cuts: set[int]) -> None:
    store = copied(whole, "pieces")
    for hours in (*sorted(cuts), 434 * 24):
        moment = min(SPAN[1], SPAN[0] + hours * HOUR)
        judge(store, ["BTC"], moment, started=moment)
    judge(store, ["BTC"], SPAN[1], started=SPAN[1])
    found = known(store)
    store.close()
    assert found == at_once


@pytest.mark.slow
def test_the_replay_of_history_tells_the_same_episodes(whole: Path, at_once: list[dict[str, Any]]) -> None:
    store = copied(whole, "replay")
    found = history(store, ["BTC"], *SPAN)
    store.close()
    assert [evaluation.event.at for evaluation in found if evaluation.event] == sorted(
        evaluation.event.at for evaluation in found if evaluation.event
    )
    fired = {
        (evaluation.event.rule, evaluation.event.asset, int(evaluation.event.at.timestamp() * 1000))
        for evaluation in found
        if evaluation.event and evaluation.event.kind == "fired"
    }
    assert fired == {(row["rule"], row["asset"], row["fired"]) for row in at_once}


@pytest.mark.slow
def test_a_restart_in_the_middle_of_winter_repeats_nothing(whole: Path) -> None:
    store = copied(whole, "restart")
    moment = datetime(2026, 2, 10, 6, tzinfo=UTC)
    judge(store, ["BTC"], moment, started=moment)
    assert episodes.running(store)
    store.close()
    for minutes in range(5):
        again = Store(store.path)
        later = moment + timedelta(minutes=minutes)
        assert judge(again, ["BTC"], later, started=later) == []
        again.close()


@pytest.mark.slow
def test_a_message_is_short_and_says_its_source(whole: Path) -> None:
    store = copied(whole, "texts")
    judge(store, ["BTC"], SPAN[1], started=SPAN[1], note=demo.STAMP)
    payloads = [json.loads(row["payload"]) for row in beside.rows(store, "SELECT payload FROM notices")]
    store.close()
    assert payloads
    for payload in payloads:
        text = plain_text(tuple(block for block in message_of(payload, "UTC").blocks if isinstance(block, Line)))
        assert len(text) <= 900
        assert demo.STAMP in text
