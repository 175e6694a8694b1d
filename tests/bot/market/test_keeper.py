"""What a round leaves behind: of two processes that collect and see the same trouble one tells it, not each time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.turn import announce
from bot.market.keeper import OVER, Collected, Comings, Keeper, keep
from storage.alerts import outbox
from storage.engine.database import Store
from storage.people import destinations
from storage.sources.source_events import AssetEvent, SourceEvent
from tests.bot.delivery.desk import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from storage.engine.work import Work

DOWN, BACK = (SourceEvent("binance", ("funding",), state, "", NOW) for state in ("down", "ok"))
ODD, AGREES = (AssetEvent("binance", "BTC", kind, NOW) for kind in ("contradicts", "agrees"))  # type: ignore[arg-type]
HOURS = AssetEvent("binance", "BTC", "interval", NOW, hours=4.0, hours_before=8.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    one = destinations.ensure(made, "telegram", "1", None, kind="private", title=None, now=NOW)
    destinations.subscribe(made, one.id, "sources", "*")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("rounds", "told"),
    [
        ([[DOWN], [DOWN]], 1),
        ([[DOWN], [DOWN], [BACK], [BACK]], 2),
        ([[DOWN], [BACK], [DOWN]], 3),
        ([[DOWN, BACK], [DOWN]], 3),
        ([[ODD], [ODD], [AGREES], [AGREES]], 2),
        ([[HOURS], [HOURS]], 2),
    ],
)
def test_what_two_processes_find_is_told_once(
    store: Store, rounds: list[list[SourceEvent | AssetEvent]], told: int
) -> None:
    for found in rounds:
        events = [event for event in found if isinstance(event, SourceEvent)]
        assets = [event for event in found if isinstance(event, AssetEvent)]
        keep(store, Collected(events=events, assets=assets), NOW, announce=announce)
    assert outbox.waiting(store) == told


# --- what comes and goes

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Told:
    """Rounds that bring news of one asset at one source, and what was told of it, when and with which calm."""

    def __init__(self, store: Store) -> None:
        self.store, self.at, self.comings = store, NOW, Comings()
        self.told: list[tuple[timedelta, str, float | None]] = []

    def round(self, *events: SourceEvent | AssetEvent) -> None:
        found = Collected(
            events=[event for event in events if isinstance(event, SourceEvent)],
            assets=[event for event in events if isinstance(event, AssetEvent)],
        )
        keep(self.store, found, self.at, announce=self._note, comings=self.comings)

    def lasts(self, span: timedelta, *, every: timedelta = MINUTE) -> None:
        """Let time pass with rounds that bring no news."""
        end = self.at + span
        while self.at < end:
            self.at += every
            self.round()

    def kinds(self) -> list[str]:
        return [kind for _, kind, _ in self.told]

    def _note(self, _: Work, event: SourceEvent | AssetEvent, now: datetime) -> None:
        kind = event.state if isinstance(event, SourceEvent) else event.kind
        self.told.append((now - NOW, kind, event.calm_hours))


@pytest.fixture
def told(store: Store) -> Told:
    return Told(store)


@pytest.mark.parametrize(
    ("trouble", "end"), [pytest.param(ODD, AGREES, id="an asset"), pytest.param(DOWN, BACK, id="a source")]
)
def test_who_leaps_every_minute_is_told_of_twice_and_not_hundreds_of_times(
    told: Told, trouble: SourceEvent | AssetEvent, end: SourceEvent | AssetEvent
) -> None:
    for _ in range(360):
        told.round(trouble)
        told.lasts(MINUTE)
        told.round(end)
        told.lasts(MINUTE)
    begins, ends = ("contradicts", "agrees") if trouble is ODD else ("down", "ok")
    assert told.told == [
        (0 * MINUTE, begins, None), (MINUTE, ends, None), (2 * MINUTE, begins, 1.0)
    ]  # fmt: skip
    told.lasts(3 * HOUR)
    assert told.told[3:] == [(719 * MINUTE + HOUR, ends, None)], "an hour after it was well for good"


def test_each_time_it_comes_back_within_a_day_its_end_is_waited_for_twice_as_long(told: Told) -> None:
    for _ in range(5):
        told.round(ODD)
        told.lasts(MINUTE)
        told.round(AGREES)
        told.lasts(9 * HOUR, every=10 * MINUTE)
    assert [calm for _, kind, calm in told.told if kind == "contradicts"] == [None, 1.0, 2.0, 2.0, 2.0]
    assert told.kinds() == ["contradicts", "agrees"] * 5


def test_an_end_that_could_not_be_written_is_told_later(store: Store) -> None:
    told, at = [], [NOW]
    keeper = Keeper(store, lambda: at[0], announce=lambda _, event, __: told.append(event.kind))  # type: ignore[union-attr]
    for event in (ODD, AGREES, ODD, AGREES):
        keeper._write([Collected(assets=[event])])
    at[0] += HOUR
    write = store.write
    store.write = lambda: (_ for _ in ()).throw(RuntimeError("the disk is full"))  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        keeper._write([Collected()])
    store.write = write  # type: ignore[method-assign]
    keeper._write([Collected()])
    assert told == ["contradicts", "agrees", "contradicts", "agrees"]


def test_the_end_of_what_another_process_has_now_is_left_to_it(store: Store) -> None:
    told, at = [], [NOW]
    keeper = Keeper(store, lambda: at[0], announce=lambda _, event, __: told.append(event.kind))  # type: ignore[union-attr]
    for event in (ODD, AGREES, ODD, AGREES):
        keeper._write([Collected(assets=[event])])
    keeper.leave(["BTC"])
    at[0] += 2 * HOUR
    keeper._write([Collected()])
    assert told == ["contradicts", "agrees", "contradicts"]


@settings(deadline=None, max_examples=25)
@given(pauses=st.lists(st.sampled_from([MINUTE, 20 * MINUTE, HOUR, 5 * HOUR]), max_size=40))
def test_what_was_told_last_is_true_in_the_end_and_no_day_is_full_of_it(
    tmp_path_factory: pytest.TempPathFactory, pauses: list[timedelta]
) -> None:
    store = Store(tmp_path_factory.mktemp("told") / "perpulse.db")
    told, odd = Told(store), False
    for pause in pauses:
        odd = not odd
        told.round(ODD if odd else AGREES)
        told.lasts(pause, every=10 * MINUTE)
    told.lasts(DAY + HOUR, every=HOUR)
    store.close()
    kinds = told.kinds()
    assert kinds == ["contradicts", "agrees"] * (len(kinds) // 2) + ["contradicts"] * (len(kinds) % 2), "in turns"
    assert (bool(kinds) and kinds[-1] not in OVER) == odd
    troubles = [at for at, kind, _ in told.told if kind not in OVER]
    assert all(sum(at <= other < at + DAY for other in troubles) <= 7 for at in troubles)
