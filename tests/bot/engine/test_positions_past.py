"""What happened to a watched position while nobody looked: one message, its true time, and no claim too many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from storage.alerts import episodes
from storage.engine.database import Store
from storage.market import points
from storage.people import positions
from tests.bot.engine.watching_house import ASKER, LIQUIDATION, NOW, USER, House, at
from tests.fakes.channel import HandClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR = timedelta(hours=1)
DOUBT = "BTC long (1) may have been liquidated: check your exchange."


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(Store(tmp_path / "perpulse.db"), HandClock(NOW))  # 12:00:30
    made.mark(95_000.0)
    yield made
    made.store.close()


def bar(
    house: House, opened: datetime, low: float, high: float, *, venue: str = "binance", step: timedelta = HOUR
) -> None:
    """Store a bar of trades as the venue gives it after it has closed."""
    row = {"open": low, "high": high, "low": low, "close": high}
    frame = pd.DataFrame({name: [value] for name, value in row.items()}, index=pd.DatetimeIndex([opened], name="at"))
    points.write(house.store, [points.Points.of_frame(venue, "BTC", step, frame)])


def hour(number: int) -> datetime:
    return datetime(2026, 11, 22, number, tzinfo=UTC)


def down(house: House, *, until: datetime) -> House:
    """Let perpulse be down until a time, and start it again."""
    house = house.restarted()
    house.clock.forward((until - house.clock.now()).total_seconds())
    return house


def test_liquidated_and_back_while_down_is_one_message_with_its_hour(house: House) -> None:
    house.ask("/watch btc long 95000 3x 0.5btc")
    house.turn(95_000.0)
    house = down(house, until=hour(17) + timedelta(minutes=20))
    for number, low in ((13, 90_000.0), (14, 63_400.0), (15, 61_000.0), (16, 80_000.0)):
        bar(house, hour(number), low, 96_000.0)
    assert house.turn(95_000.0) == [DOUBT]
    said = house.channel.said[-1]
    lines = said.text.split("\n")
    assert lines[1] == (
        "BTC traded down to 63,400 on Binance between 22 November 14:00 and 15:00 UTC, "
        "below its liquidation price 63,587.68. Mark price now 95,000."
    )
    assert lines[2] == "Trades are a sign, not proof: the mark price decides, and none was seen then."
    assert lines[3] == "It stays watched until you say. Still open: /watch 1 keep. Gone: /unwatch 1."
    assert "was liquidated" not in said.text
    assert not said.message.silent
    assert house.turn(95_000.0) == []
    house = house.restarted()
    assert house.turn(95_000.0) == []
    house.store.close()


@pytest.mark.parametrize(
    ("side", "entry", "bad"),
    [("long", 95_000, (63_000.0, 96_000.0)), ("short", 95_000, (90_000.0, 127_000.0))],
)
def test_either_side(house: House, side: str, entry: float, bad: tuple[float, float]) -> None:
    house.ask(f"/watch btc {side} {entry} 3x")
    house = down(house, until=hour(15))
    bar(house, hour(13), *bad)
    assert house.turn(95_000.0) == [f"BTC {side} (1) may have been liquidated: check your exchange."]
    assert ("traded up to 127,000" if side == "short" else "traded down to 63,000") in house.channel.said[-1].text
    house.store.close()


def test_what_may_be_gone_is_kept_marked_and_settled_by_its_owner(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house = down(house, until=hour(15))
    bar(house, hour(13), 63_000.0, 96_000.0)
    house.turn(95_000.0)
    (position,) = house.ask("/positions").values["positions"]
    assert position["may_be_gone_since"]
    assert "May have been liquidated" in str(house.ask("/positions").blocks)
    # still told at its lines, and by its own mark price it ends
    assert house.turn(at(0.04)) == ["BTC long (1) is 4.00 % from its liquidation price."]
    assert "May have been liquidated, told 22 November 15:01 UTC." in house.channel.said[-1].text
    assert house.turn(63_000.0) == ["BTC long (1) would have been liquidated at 63,587.68 by the mark price."]
    assert positions.of(house.store, "telegram", USER) == []
    house.store.close()


def test_the_worst_line_since_and_where_it_stands_now(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house.turn(95_000.0)
    house = down(house, until=hour(17))
    for number, low in ((13, at(0.18)), (14, at(0.04)), (15, at(0.09))):
        bar(house, hour(number), low, 96_000.0)
    assert house.turn(at(0.12)) == ["BTC long (1) came within 4.00 % of its liquidation price; it is 12.0 % away now."]
    text = house.channel.said[-1].text
    assert "BTC traded down to 66,237.17 on Binance between 22 November 14:00 and 15:00 UTC." in text
    assert "All clear above 25 %." in text
    assert house.turn(at(0.12)) == []
    assert house.turn(at(0.04)) == [], "that line was told"
    assert house.turn(at(0.30))[0] == "edit: BTC long (1) is safe again: 30.0 % away; within 20 % for 3 h 4 min."
    house.store.close()


def test_where_it_is_now_is_the_nearest(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house = down(house, until=hour(15))
    bar(house, hour(13), at(0.09), 96_000.0)
    assert house.turn(at(0.04)) == ["BTC long (1) is 4.00 % from its liquidation price."]
    assert house.turn(at(0.12)) == []
    house.store.close()


def test_an_episode_ends_where_the_position_may_have(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    assert len(house.turn(at(0.15))) == 1
    house = down(house, until=hour(15))
    bar(house, hour(13), 63_000.0, 96_000.0)
    assert house.turn(at(0.15)) == [DOUBT]
    (episode,) = episodes.of(house.store, "position 1", "BTC")
    assert episode.ended is not None
    assert house.turn(95_000.0) == []
    house.store.close()


def test_there_and_back_is_one_message(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house.turn(95_000.0)
    house = down(house, until=hour(17))
    bar(house, hour(13), 90_000.0, 96_000.0)
    bar(house, hour(14), at(0.04), 96_000.0)
    assert house.turn(95_000.0) == [
        "BTC long (1) is safe again: 33.1 % away; came within 4.00 % of its liquidation price."
    ]
    assert house.turn(95_000.0) == []
    (episode,) = episodes.of(house.store, "position 1", "BTC")
    assert (episode.since, episode.rank, episode.first_values) == (hour(14), "critical", {})
    assert episode.ended is not None
    house.store.close()


def test_an_episode_that_ran_before_is_edited_and_closed(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    assert len(house.turn(at(0.15))) == 1
    house = down(house, until=hour(17))
    bar(house, hour(13), 90_000.0, 96_000.0)
    bar(house, hour(14), at(0.04), 96_000.0)
    first = "BTC long (1) is safe again: 33.1 % away; came within 4.00 % of its liquidation price."
    assert house.turn(95_000.0) == [f"edit: {first}", first]
    house.store.close()


@pytest.mark.parametrize("low", [at(0.25), at(0.16)])
def test_a_restart_with_nothing_new_says_nothing(house: House, low: float) -> None:
    house.ask("/watch btc long 95000 3x lines 15 10 5")
    house.turn(95_000.0)
    house = down(house, until=hour(20))
    for number in range(12, 20):
        bar(house, hour(number), low, 96_000.0)
    assert house.turn(95_000.0) == []
    house.store.close()


def test_the_hour_in_which_the_watch_began_is_nobodys_evidence(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    bar(house, hour(12), 60_000.0, 96_000.0)  # the fall may have been before 12:00:30
    bar(house, hour(11), 60_000.0, 96_000.0)
    house = down(house, until=hour(14))
    assert house.turn(95_000.0) == []
    house.store.close()


def test_a_running_hour_is_judged_when_it_has_closed(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house = down(house, until=hour(14) + timedelta(minutes=20))
    bar(house, hour(13), 90_000.0, 96_000.0)
    bar(house, hour(14), 63_000.0, 96_000.0)  # nobody stores one that is open; if it were, it would not be used
    assert house.turn(95_000.0) == []
    house.clock.forward(40 * 60)
    assert house.turn(95_000.0) == [DOUBT]
    assert "none was seen" not in house.channel.said[-1].text, "some of that hour was seen"
    house.store.close()


@pytest.mark.slow
def test_a_wick_between_two_looks(house: House) -> None:
    """The program runs: the mark price was seen each minute, the trades went farther for seconds."""
    house.ask("/watch btc long 95000 3x lines 5 4 3")
    house.clock.forward(3570)
    for minute in range(59):
        assert house.turn(at(0.1) + minute) == []
    assert house.turn(at(0.1)) == []
    bar(house, hour(13), 63_000.0, 96_000.0)
    assert house.turn(at(0.1)) == [DOUBT]
    assert (
        "Trades are a sign, not proof: the mark price, which decides, came no nearer than 70,652.98 (10.0 % away)."
    ) in house.channel.said[-1].text


def test_what_the_marks_of_that_hour_have_shown_is_not_news(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house.clock.forward(3600)
    assert house.turn(at(0.04)) == ["BTC long (1) is 4.00 % from its liquidation price."]
    assert len(house.turn(95_000.0)) == 2
    house.clock.forward(3600)
    bar(house, hour(13), at(0.03), 96_000.0)
    assert house.turn(95_000.0) == []


def test_marks_that_were_stored_and_not_judged_are_proof(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house.turn(95_000.0)
    for price in (at(0.08), 63_500.0, 95_000.0):
        house.clock.forward(60)
        house.mark(price)
    assert house.turn() == ["BTC long (1) would have been liquidated at 63,587.68 by the mark price."]
    assert "was 63,500 at 22 November 12:03 UTC" in house.channel.said[-1].text
    assert positions.of(house.store, "telegram", USER) == []


def test_a_line_between_two_judgements_is_told_by_its_mark(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house.turn(95_000.0)
    house.clock.forward(60)
    house.mark(at(0.08))
    assert house.turn(95_000.0) == [
        "BTC long (1) is safe again: 33.1 % away; came within 8.00 % of its liquidation price."
    ]
    assert "The mark price of BTC on Binance was 69,117.04 on 22 November 12:02 UTC." in house.channel.said[-1].text
    assert house.turn(95_000.0) == []


def test_the_mark_of_another_venue_is_no_proof(house: House) -> None:
    house.ask("/watch btc long 95000 3x bybit")  # liquidated at 63,543.0; its marks are not stored
    assert house.turn(63_000.0) == [DOUBT]
    said = house.channel.said[-1].text
    assert "22 November 12:01 UTC, below its liquidation price 63,543.10.\n" in said, "the price of now is said once"
    assert "A sign, not proof: Bybit's own mark price of this contract decides, and it is not known now." in said
    assert house.turn(63_000.0) == []
    assert len(positions.of(house.store, "telegram", USER)) == 1


def test_the_bars_of_its_own_venue_speak(house: House) -> None:
    house.ask("/watch btc long 95000 3x bybit")
    house = down(house, until=hour(15))
    bar(house, hour(13), 60_000.0, 96_000.0)  # Binance
    bar(house, hour(13), 80_000.0, 96_000.0, venue="bybit")
    assert house.turn(95_000.0) == []
    house.store.close()


def test_evidence_comes_without_a_fresh_mark_price_too(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house.turn(95_000.0)
    house = down(house, until=hour(15))
    bar(house, hour(13), 63_000.0, 96_000.0)
    assert house.turn() == [DOUBT]
    assert "Mark price now" not in house.channel.said[-1].text
    house.store.close()


def test_funding_of_that_time_counts_and_not_of_today(house: House) -> None:
    """What funding has taken since moved the price up; at the time of the low it was lower, and not reached."""
    house.ask("/watch btc long 95000 25x 0.5btc lines 0.2")
    before = house.ask("/positions").values["positions"][0]["liquidation_price"]
    house = down(house, until=hour(20))
    bar(house, hour(13), before * 1.001, 95_500.0)
    house.settled(hour(16), 0.003)
    assert house.turn(95_000.0) == [
        "BTC long (1) is safe again: 3.31 % away; came within 0.10 % of its liquidation price."
    ]
    assert house.ask("/positions").values["positions"][0]["liquidation_price"] > before * 1.001
    house.store.close()


def test_bars_that_come_after_the_marks_are_judged_then(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house = down(house, until=hour(15))
    assert house.turn(at(0.15)) == ["BTC long (1) is 15.0 % from its liquidation price."]
    bar(house, hour(13), at(0.03), 96_000.0)
    bar(house, hour(14), at(0.13), 96_000.0)
    assert house.turn(minutes=0.25) == [], "that mark price was judged already: the next one judges both"
    assert house.turn(at(0.15)) == [
        "edit: BTC long (1) came within 3.00 % of its liquidation price; it is 15.0 % away now."
    ]
    assert house.turn(at(0.15)) == []
    house.store.close()


def test_hours_that_come_late_are_judged_in_their_order(house: House) -> None:
    """The venue gives the newest hours first and the ones of the stop a little later."""
    house.ask("/watch btc long 95000 3x")
    house = down(house, until=hour(17))
    for number in (15, 16):
        bar(house, hour(number), at(0.09), 96_000.0)
    assert house.turn(95_000.0) == []
    bar(house, hour(13), 90_000.0, 96_000.0)
    bar(house, hour(14), 63_000.0, 96_000.0)
    assert house.turn(95_000.0) == [DOUBT]
    assert "between 22 November 14:00 and 15:00 UTC" in house.channel.said[-1].text
    assert house.turn(95_000.0) == []
    house.store.close()


@pytest.mark.slow
def test_a_hole_that_stays_is_not_waited_for_forever(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house = down(house, until=hour(17))
    bar(house, hour(16), at(0.04), 96_000.0)
    for _ in range(15):
        assert house.turn(95_000.0) == []
    assert house.turn(95_000.0) == [
        "BTC long (1) is safe again: 33.1 % away; came within 4.00 % of its liquidation price."
    ]
    assert house.turn(95_000.0) == []
    house.store.close()


def test_each_hole_is_waited_for(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house = down(house, until=hour(17))
    bar(house, hour(16), 90_000.0, 96_000.0)
    assert house.turn(95_000.0) == []
    for number in (13, 14, 15):
        bar(house, hour(number), 90_000.0, 96_000.0)
    assert house.turn(95_000.0) == []
    house.clock.forward(3 * 3600)
    bar(house, hour(19), at(0.04), 96_000.0)
    assert house.turn(95_000.0) == []
    for number in (17, 18):
        bar(house, hour(number), 90_000.0, 96_000.0)
    assert len(house.turn(95_000.0)) == 1
    house.store.close()


def test_a_day_of_the_archive_says_its_day(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house = down(house, until=hour(0) + timedelta(days=3))
    bar(house, hour(0) + timedelta(days=1), 63_000.0, 96_000.0, step=timedelta(days=1))
    house.turn(95_000.0)
    assert "BTC traded down to 63,000 on Binance on 23 November 2026, below" in house.channel.said[-1].text
    house.store.close()


def test_nobody_else_reads_of_it(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house.ask("/sub", ASKER)
    house = down(house, until=hour(15))
    bar(house, hour(13), 63_000.0, 96_000.0)
    house.turn(95_000.0)
    assert {sent.to.chat for sent in house.channel.said} == {USER}
    assert all(len(sent.text) <= 900 for sent in house.channel.said)
    assert LIQUIDATION > 63_000.0
    house.store.close()
