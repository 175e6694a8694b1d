"""What is told carries its odds, and what was said is frozen and judged by what came."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bot.engine import evaluate
from bot.engine.evaluate import judge
from bot.engine.evidence import proof
from bot.engine.evidence.record import judge_record
from bot.engine.replay import evaluations
from signals.units import DAY, to_ms
from storage.alerts import record
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from signals.alerts.event import Event

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 500
MINUTES = timedelta(minutes=2)


def prices() -> np.ndarray:
    random = np.random.default_rng(3)
    return 50_000 * np.exp(np.cumsum(0.03 * random.standard_normal(DAYS)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "perpulse.db")
    yield store
    store.close()


def write(store: Store, first: int, end: int) -> None:
    close = prices()[first:end]
    times = [to_ms(START + day * DAY) for day in range(first, end)]
    bars = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close}
    points.write(store, [Points("binance", "BTC", DAY, times, bars)])


def lived(store: Store, first: int, end: int) -> list[Event]:
    """Live some days: each is stored when it has closed, judged two minutes later, and so is the record."""
    told: list[Event] = []
    for day in range(first, end):
        write(store, day, day + 1)
        now = START + (day + 1) * DAY + MINUTES
        told += judge(store, ["BTC"], now, started=START)
        judge_record(store, now)
    return told


def begun(store: Store, days: int) -> None:
    """Install perpulse with some history: what stands is no news."""
    write(store, 0, days)
    judge(store, ["BTC"], START + days * DAY + MINUTES, started=START)


@pytest.mark.slow
def test_what_is_told_carries_its_odds_and_is_frozen(store: Store) -> None:
    begun(store, 200)
    assert record.entries(store) == [], "what was found in hindsight was not said"
    told = lived(store, 200, 420)
    fired = [event for event in told if event.kind == "fired"]
    assert len(fired) >= 3
    for event in told:
        assert (event.evidence is None) == (event.kind == "resolved")
        assert (event.record is None) == (event.kind == "resolved")
    found = record.entries(store)
    assert [(one.at, one.rank) for one in found] == [(event.at, event.rank) for event in fired]
    assert [one.event for one in found] == [json.loads(json.dumps(event.to_json())) for event in fired]
    close = prices()
    for one in found:
        assert (one.price, one.venue) == (pytest.approx(close[(one.at - START) // DAY - 1]), "binance")
        assert "{asset}" in one.sentences["headline"]
    assert [event.record["fired"] for event in fired if event.record] == list(range(len(fired)))


@pytest.mark.slow
def test_outcomes_are_appended_when_their_close_is_stored(store: Store) -> None:
    begun(store, 200)
    lived(store, 200, 420)
    found, close = record.entries(store), prices()
    whole = [one for one in found if one.at < START + 380 * DAY]
    assert whole
    for one in whole:
        entry = (one.at - START) // DAY  # the close of the day that begins with the fire
        assert [outcome.days for outcome in one.outcomes] == [1, 7, 30]
        for outcome in one.outcomes:
            assert outcome.entry_price == pytest.approx(close[entry])
            assert outcome.change == pytest.approx(close[entry + outcome.days] / close[entry] - 1)
            path = close[entry + 1 : entry + outcome.days + 1] / close[entry] - 1
            assert (outcome.worst, outcome.best) == (pytest.approx(path.min()), pytest.approx(path.max()))
            assert outcome.at == START + (entry + 1 + outcome.days) * DAY
            assert outcome.at < outcome.written <= outcome.at + 5 * MINUTES, "at once, and not before"
    later = START + 600 * DAY
    judge_record(store, later)
    assert [len(one.outcomes) for one in record.entries(store)][: len(whole)] == [3] * len(whole), "each once"


@pytest.mark.slow
def test_an_outcome_waits_for_the_close_of_its_day(store: Store) -> None:
    """An hour before midnight the price is another one, and what is appended stays."""
    begun(store, 200)
    fired = next(event for event in lived(store, 200, 420) if event.kind == "fired")
    day = (fired.at - START) // DAY
    other = Store(store.path.with_name("other.db"))
    begun(other, day - 1)
    lived(other, day - 1, day + 1)
    (one,) = record.entries(other)
    hours = [to_ms(START + (day + 1) * DAY + hour * timedelta(hours=1)) for hour in range(23)]
    same = np.full(23, 1.0)
    points.write(other, [Points("binance", "BTC", timedelta(hours=1), hours,
                                {"open": same, "high": same, "low": same, "close": same})])  # fmt: skip
    judge_record(other, START + (day + 2) * DAY + MINUTES)
    assert record.entries(other)[0].outcomes == one.outcomes == ()
    other.close()


@pytest.mark.slow
def test_what_is_told_late_was_not_said_in_advance(store: Store) -> None:
    begun(store, 200)
    fired = next(event for event in lived(store, 200, 420) if event.kind == "fired")
    day = (fired.at - START) // DAY
    for late, count in ((0, 1), (1, 0)):
        other = Store(store.path.with_name(f"{late}.db"))
        begun(other, day - 1)
        write(other, day - 1, day + late)
        now = START + (day + late) * DAY + MINUTES
        told = judge(other, ["BTC"], now, started=START)
        assert "fired" in {event.kind for event in told}
        assert len(record.entries(other)) == count, "its first day is over: the outcome has begun"
        other.close()


@pytest.mark.slow
def test_the_odds_are_those_that_were_known(store: Store) -> None:
    begun(store, 200)
    told = [event for event in lived(store, 200, 420) if event.kind == "fired"]
    again = Store(store.path.with_name("again.db"))
    write(again, 0, DAYS)
    replayed = evaluations(again, ["BTC"], START + 200 * DAY, START + DAYS * DAY)
    found = {one.event.at: one.event.evidence for one in replayed if one.event and one.event.kind == "fired"}
    assert {event.at: event.evidence for event in told}.items() <= found.items()
    again.close()


@pytest.mark.slow
def test_a_past_that_takes_long_does_not_hold_an_alarm_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(store, 200)
    monkeypatch.setattr(proof, "AT_ONCE", 0)
    told = [event for event in lived(store, 200, 420) if event.kind == "fired"]
    assert told
    assert all(event.evidence is None and event.record is not None for event in told)


@pytest.mark.slow
def test_evidence_that_fails_does_not_silence_an_alarm(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    begun(store, 200)
    monkeypatch.setattr(proof.evidence, "read", broken)
    told = [event for event in lived(store, 200, 420) if event.kind == "fired"]
    assert told
    assert all(event.evidence is None for event in told)


@pytest.mark.slow
def test_nothing_is_frozen_that_is_not_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction: where telling fails, nothing was said."""
    begun(store, 200)
    told = lived(store, 200, 420)
    last = max(event.at for event in told if event.kind == "fired")
    other = Store(store.path.with_name("other.db"))
    day = (last - START) // DAY
    begun(other, 200)
    lived(other, 200, day - 1)
    before = len(record.entries(other))

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space")

    monkeypatch.setattr(evaluate.outbox, "announce", full)
    with pytest.raises(OSError, match="no space"):
        lived(other, day - 1, day)
    assert len(record.entries(other)) == before
    other.close()
