"""One story an event, and rarely: the falls of 2022 to 2026 in a few new messages each, a month in two at most.

`python -m tests.field.test_one_story` writes golden/winter.txt anew, the messages of the falls of 2025-26 as a chat
gets them; read it aloud before it is committed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from bot.engine.replay import evaluations, notices
from handlers.reply import Line
from handlers.words.alerts import tell
from signals.alerts.rule import rules
from signals.alerts.setup import setups
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from tests.field.world import (
    DATA,
    DAY,
    HOUR,
    bars,
    coins,
    days_of,
    hourly_closes,
    listener,
    play,
    recorded,
    settled,
    utc,
    with_data,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from signals.alerts.event import Event

MOST_A_MONTH = 2.0
MOST_AN_EVENT = 3
BEGINS = frozenset({"fired", "resumed"})
GOLDEN = Path(__file__).parent / "golden" / "winter.txt"
FALLS = (("2025-10-10", "2025-10-14"), ("2025-11-18", "2025-11-24"), ("2026-01-31", "2026-02-08"))
MOOD = "sentiment/alternative-me-fear-greed.json"


def told_by_winter(store: Store) -> list[Event]:
    listener(store)
    keep(store, read_file(DATA / "winter-2025-26.csv", now=utc("2026-11-01")))
    return notices(evaluations(store, ("BTC",), utc("2025-02-15"), utc("2026-04-01")))


def told_by_years(store: Store, first: str = "2021-01-01") -> list[Event]:
    """Judge the daily data of 2021-25 as recorded: open interest, depth and liquidations of these years are not."""
    listener(store)
    days = days_of("BTC")["2020-01-01":"2025-12-31"]
    points.write(store, [Points.of_frame("binance", "BTC", DAY, days), settled("BTC", "2020-01-01", "2026-01-01")])
    mood = sorted((int(row["timestamp"]) * 1000, float(row["value"])) for row in recorded(MOOD))
    times, values = zip(*mood, strict=True)
    points.write(store, [Points("alternative.me", "MARKET", None, times, {"fear_greed": values})])
    return notices(evaluations(store, ("BTC",), utc(first), utc("2026-01-01")))


def new_messages(told: Sequence[Event]) -> set[tuple[str, datetime]]:
    """Return what comes as a message of its own: what begins of one asset at one close is one.

    Not a setup that begins while one of its alarms is told, nor a further sign of a fall: it goes on in that message.
    """
    return {(event.asset, event.at) for event in told if event.kind in BEGINS and not event.takes_in}


def as_written(told: Sequence[Event]) -> str:
    """Return the messages of the falls of the winter, one below the other."""
    parts = []
    for event in (event for first, last in FALLS for event in told if utc(first) <= event.at <= utc(last)):
        lines = [block.text for block in tell(event).blocks if isinstance(block, Line)]
        parts.append("\n".join((f"# {event.at:%Y-%m-%d %H:%M} {event.kind} {event.rank}", *lines)))
    return "\n\n".join(parts) + "\n"


def between(told: Sequence[Event], first: str, last: str) -> list[Event]:
    return [event for event in told if utc(first) <= event.at <= utc(last) and event.kind != "resolved"]


@with_data
@pytest.mark.slow
def test_a_winter_with_open_interest_is_told_in_two_messages_a_month(store: Store) -> None:
    told = told_by_winter(store)
    assert len(new_messages(told)) / 13.5 < MOST_A_MONTH
    assert sum(event.kind != "resolved" for event in told) / 13.5 < 2.5, "with each that got worse"
    assert as_written(told) == GOLDEN.read_text(encoding="utf-8"), "as it was read, word for word"
    for first, last in (
        ("2025-10-10", "2025-10-14"),
        ("2025-11-20", "2025-11-24"),
        ("2026-02-05", "2026-02-08"),
    ):
        said = between(told, first, last)
        assert said, f"nothing was told from {first} on"
        assert len(new_messages(said)) <= MOST_AN_EVENT


@with_data
@pytest.mark.slow
def test_five_years_are_told_in_two_messages_a_month(store: Store) -> None:
    told = told_by_years(store)
    assert len(new_messages(told)) / 60 < MOST_A_MONTH
    for first, last in (("2022-05-06", "2022-05-16"), ("2022-11-07", "2022-11-14")):
        said = between(told, first, last)
        assert said, f"nothing was told from {first} on"
        assert len(new_messages(said)) <= MOST_AN_EVENT


@with_data
@pytest.mark.slow
def test_november_2022_is_two_messages_for_who_hears_and_for_who_replays(tmp_path: Path) -> None:
    """Hour by hour, with an eighth of the coins gone on the 8th at 20:00 and what shorts really paid."""
    closes = hourly_closes("BTC", "2022-09-20", "2022-11-12", {"2022-11-08 20:00": 18_100, "2022-11-09 21:00": 15_900})
    interest = coins(closes.index, 400_000.0, {"2022-11-08 20:00": -0.125})
    of_market = [
        *bars("binance", "BTC", closes, open_interest_coin=interest),
        settled("BTC", "2021-10-01", "2022-11-12"),
    ]
    begin, end = utc("2022-11-07"), utc("2022-11-11")
    heard = Store(tmp_path / "heard.db")
    every = (event for event in play(heard, of_market, begin, end) if not rules()[event.rule].only_asked)
    live = [event for event in every if event.kind != "changed" and not event.within]
    again = notices(evaluations(heard, ("BTC",), begin, end + HOUR))
    signs = [(event.at, event.rule, event.rank, bool(event.takes_in)) for event in live if event.kind == "fired"]
    assert [(rule, further) for _, rule, _, further in signs] == [
        ("price_drawdown", False),
        ("cascade", False),
        ("funding_stretch_low", True),
    ]
    assert len(new_messages(live)) == 2
    assert signs == [
        (event.at, event.rule, event.rank, bool(event.takes_in)) for event in again if event.kind == "fired"
    ]


@with_data
@pytest.mark.slow
def test_no_alarm_is_told_beside_the_story_that_contains_it(store: Store) -> None:
    told = told_by_winter(store)
    running: dict[str, str] = {}
    for event in told:
        if event.rule in setups():
            if event.kind == "resolved":
                running.pop(event.rule, None)
            else:
                running[event.rule] = event.rank
        elif event.kind in BEGINS:
            around = [setup for setup in running if event.rule in setups()[setup].alarms]
            assert not [setup for setup in around if running[setup] == event.rank], event
    assert "deleveraging_reset" in {event.rule for event in told}


@with_data
@pytest.mark.slow
def test_no_end_is_told_without_a_beginning(store: Store) -> None:
    """A setup that is told only by name hides nothing: the closing of 6 February 2026 is told alone."""
    told = told_by_winter(store)
    ends = [event for event in told if event.kind == "resolved"]
    running: set[str] = set()
    for event in told:
        if event.kind == "resolved":
            assert event.rule in running, event
            running.remove(event.rule)
        else:
            running.add(event.rule)
    assert len(ends) > 10
    assert ("oi_zscore", utc("2026-02-07")) in {(event.rule, event.at) for event in told if event.kind == "fired"}


@with_data
@pytest.mark.slow
def test_what_fired_before_there_was_a_price_is_no_first_time(store: Store) -> None:
    told = [event for event in told_by_years(store, "2018-02-01") if event.rule == "fear_greed"]
    fires = [event for event in told if event.kind == "fired"]
    firsts = [event.at for event in fires if event.record and not event.record["fired"]]
    assert firsts == [fires[0].at]
    unknown = [event for event in fires if event.record is None]
    assert unknown == fires[1 : 1 + len(unknown)]
    assert unknown[-1].at < utc("2020-06-01"), "what fired with a price is counted from then on"


def test_what_is_told_to_all_waits_for_no_name() -> None:
    assert {name for name in setups() if not rules()[name].only_asked} == {
        "cascade",
        "deleveraging_reset",
        "long_crowding",
        "reversal_trigger",
        "selling_wave",
        "short_crowding",
        "squeeze_fuel",
        "squeeze_fuel_longs",
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text(as_written(told_by_winter(Store(Path(folder) / "winter.db"))), encoding="utf-8")
