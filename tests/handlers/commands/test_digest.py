"""/digest: what is understood, what is refused and how, and what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from handlers.answer import answer_blocks
from handlers.channels.channel import Address
from handlers.command import Asker
from handlers.reply import plain_text
from storage.engine.database import Store
from tests import loop
from tests.examples import examples
from tests.handlers.commands.room import ADMIN, ME, MEMBER, Room

if TYPE_CHECKING:
    from pathlib import Path

DAILY = [0, 1, 2, 3, 4, 5, 6]
WEEKDAYS = [0, 1, 2, 3, 4]


def kept(room: Room, *lines: str) -> list[tuple[str, str, list[int], list[str]]]:
    """Return what is kept after some lines: kind, time, days and assets of each."""
    for line in lines:
        found = room.ask(line)
    return [(one["kind"], one["at"], one["days"], one["assets"]) for one in found.values["digests"]]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("9:00", ("daily", "09:00", DAILY, []), id="a time"),
        pytest.param("at 9 am please", ("daily", "09:00", DAILY, []), id="in a sentence"),
        pytest.param("9", ("daily", "09:00", DAILY, []), id="a bare hour"),
        pytest.param("8pm btc", ("daily", "20:00", DAILY, ["BTC"]), id="with an asset"),
        pytest.param("ETHUSDT 20.15 BTC", ("daily", "20:15", DAILY, ["ETH", "BTC"]), id="as traders spell"),
        pytest.param("weekdays 8:30 btc eth", ("daily", "08:30", WEEKDAYS, ["BTC", "ETH"]), id="on weekdays"),
        pytest.param("btc 8:30 eth weekdays", ("daily", "08:30", WEEKDAYS, ["BTC", "ETH"]), id="in another order"),
        pytest.param("weekends noon", ("daily", "12:00", [5, 6], []), id="at weekends"),
        pytest.param("mon wed fri 7:00", ("daily", "07:00", [0, 2, 4], []), id="on three days"),
        pytest.param("weekly sunday 18:00", ("weekly", "18:00", [6], []), id="once a week"),
        pytest.param("sundays 18:00", ("weekly", "18:00", [6], []), id="one day is once a week"),
        pytest.param("weekly", ("weekly", "18:00", [6], []), id="when most have time"),
        pytest.param("daily", ("daily", "09:00", DAILY, []), id="at nine if nothing is said"),
        pytest.param("btc", ("daily", "09:00", DAILY, ["BTC"]), id="of one asset"),
        pytest.param("midnight", ("daily", "00:00", DAILY, []), id="at midnight"),
        pytest.param("9:00 all", ("daily", "09:00", DAILY, []), id="of all assets"),
        pytest.param("９:００", ("daily", "09:00", DAILY, []), id="digits of another keyboard"),
        pytest.param("every day at 9:00, btc and eth", ("daily", "09:00", DAILY, ["BTC", "ETH"]), id="as one speaks"),
    ],
)
def test_what_is_understood(room: Room, line: str, expected: tuple[object, ...]) -> None:
    assert kept(room, f"/digest {line}") == [expected]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["9:00", "btc"], [("daily", "09:00", DAILY, ["BTC"])], id="the time stays"),
        pytest.param(["btc 9:00", "10:00"], [("daily", "10:00", DAILY, ["BTC"])], id="the assets stay"),
        pytest.param(["btc 9:00", "all"], [("daily", "09:00", DAILY, [])], id="all again"),
        pytest.param(["weekdays 9:00", "10:00"], [("daily", "10:00", WEEKDAYS, [])], id="the days stay"),
        pytest.param(["weekends 9:00", "every day at 10"], [("daily", "10:00", DAILY, [])], id="every day, in words"),
        pytest.param(
            ["weekly fri 9:00", "Each day 0930"],
            [("daily", "09:30", DAILY, []), ("weekly", "09:00", [4], [])],
            id="beside a weekly one",
        ),
        pytest.param(["every monday 9:00"], [("weekly", "09:00", [0], [])], id="every Monday is once a week"),
        pytest.param(["930"], [("daily", "09:30", DAILY, [])], id="three digits"),
        pytest.param(["2015"], [("daily", "20:15", DAILY, [])], id="four digits"),
        pytest.param(["weekdays 9:00", "daily"], [("daily", "09:00", DAILY, [])], id="every day again"),
        pytest.param(["weekly fri 9:00", "eth"], [("weekly", "09:00", [4], ["ETH"])], id="the only one there is"),
        pytest.param(
            ["9:00", "weekly"], [("daily", "09:00", DAILY, []), ("weekly", "18:00", [6], [])], id="one of each"
        ),
        pytest.param(["9:00", "weekly", "off weekly"], [("daily", "09:00", DAILY, [])], id="one of them off"),
        pytest.param(["9:00", "weekly", "off"], [], id="both off"),
        pytest.param(["off"], [], id="off when nothing is on"),
        pytest.param([""], [], id="nothing is set"),
        pytest.param(["9:00", ""], [("daily", "09:00", DAILY, [])], id="it is shown as it is"),
    ],
)
def test_what_is_changed_and_what_stays(room: Room, lines: list[str], expected: list[tuple[object, ...]]) -> None:
    assert kept(room, *(f"/digest {line}" for line in lines)) == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("25:00", "25:00 is not a time", id="no hour"),
        pytest.param("9:60", "9:60 is not a time", id="no minute"),
        pytest.param("13pm", "13pm is not a time", id="no afternoon"),
        pytest.param("99", "99 is not a time", id="no bare hour"),
        pytest.param("0960", "0960 is not a time", id="no minute in four digits"),
        pytest.param("2460", "2460 is not a time", id="no hour in four digits"),
        pytest.param("09300", "09300 is not a time", id="five digits"),
        pytest.param("9:00 10:00", "I read two times, 09:00 and 10:00. Type one, like /digest 9:00.", id="two times"),
        pytest.param("daily weekly 9:00", "One digest at a time", id="two kinds"),
        pytest.param("weekly mon tue", "A weekly digest comes on one day", id="weekly on two days"),
        pytest.param("now 9:00", "Now, or at a time?", id="now at a time"),
        pytest.param("now off", "Now, or off?", id="now and off"),
        pytest.param("off 9:00", "/digest off takes no time", id="off at a time"),
        pytest.param(
            "hourly",
            "“hourly” is no time, no day and no asset that is followed (BTC or ETH). Type it like /digest 9:00",
            id="a strange word",
        ),
        pytest.param("9:00 NOTACOIN", "is no time, no day and no asset that is followed", id="no asset that is stored"),
        pytest.param("<b>9:00</b>", "is no time, no day and no asset that is followed", id="markup"),
        pytest.param("'; DROP TABLE digests; --", "is no time, no day and no asset that is followed", id="a query"),
        pytest.param("-9:00", "is no time, no day and no asset that is followed", id="a negative time"),
    ],
)
def test_what_is_refused_says_what_to_type(room: Room, line: str, said: str) -> None:
    told = room.refusal(f"/digest {line}")
    assert said in told
    assert "/digest" in told or "Type it like" in told
    assert kept(room, "/digest") == []


WORDS = st.sampled_from(["now", "off", "9:00", "btc", "mon", "9", "am", "weekly", "daily", "all", "eth", ":", "25:00"])


@given(text=st.text(max_size=80) | st.lists(WORDS, max_size=8).map(" ".join))
@examples(100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_is_answered_or_refused_in_one_line(room: Room, text: str) -> None:
    said = loop.run(answer_blocks(f"/digest {text}", room.deps(ME), on_error=lambda name, error: f"{name}: {error!r}"))
    told = plain_text(said.blocks)
    assert "Error" not in told
    assert told.count("\n") < 12


def test_the_answer_says_what_it_will_do_and_when_next(room: Room) -> None:
    room.ask("/tz Europe/Berlin")
    assert room.text("/digest weekdays 8:30 btc eth").splitlines() == [
        "Every weekday at 08:30 (Berlin), BTC and ETH; next tomorrow.",
        "To change it back: /digest off",
        "More: /digest now · /digest off",
    ]
    assert room.text("/digest").splitlines()[1] == "To end: /digest off."
    assert room.ask("/digest").values["digests"][0]["next"] == "2026-11-23T07:30:00Z"


def test_whoever_has_chosen_no_zone_is_told_that_it_is_utc(room: Room) -> None:
    assert "Times are in UTC; /tz Europe/Berlin changes that." in room.text("/digest 9:00")
    assert "next today" in room.text("/digest 13:00")
    assert room.text("/digest off") == (
        "Off. No digest is on in this chat.\n"
        "To change it back: /digest daily 13:00\n"
        "More: /digest daily 13:00 · /digest now"
    )
    assert room.text("/digest off").startswith("That was not on.")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("/digest daily 09:00", id="every day"),
        pytest.param("/digest weekdays 08:30 btc eth", id="on weekdays, of two assets"),
        pytest.param("/digest weekly sunday 18:00", id="weekly"),
        pytest.param("/digest monday thursday 07:15 btc", id="on two days"),
    ],
)
def test_what_ends_it_says_the_line_that_brings_it_back(room: Room, line: str) -> None:
    before = room.ask(line).values["digests"]
    assert f"To change it back: {line}\n" in room.text("/digest off")
    assert room.ask(line).values["digests"] == before


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            ["weekdays 8:30", "9:00"],
            ["It stays on weekdays; /digest daily 09:00 sends one every day.",
             "To change it back: /digest weekdays 08:30"],
            id="the days stay",
        ),
        pytest.param(
            ["btc eth 8:30", "9:00"],
            ["It stays of BTC and ETH alone; /digest all makes it all of them.",
             "To change it back: /digest daily 08:30 btc eth"],
            id="the assets stay",
        ),
        pytest.param(
            ["weekly fri 9:00", "10:00"],
            ["It stays once a week, on Friday; /digest daily 10:00 sends one every day as well.",
             "To change it back: /digest weekly friday 09:00"],
            id="the only one is weekly",
        ),
        pytest.param(["9:00", "10:00"], ["To change it back: /digest daily 09:00"], id="every day before and after"),
        pytest.param(["9:00", "btc"], ["To change it back: /digest daily 09:00 all"], id="of fewer assets"),
        pytest.param(["weekdays 9:00", "daily 9:00"], ["To change it back: /digest weekdays 09:00"], id="said anew"),
        pytest.param(["weekdays 9:00", "weekdays 9:00"], [], id="nothing changed"),
        pytest.param(["9:00"], ["To change it back: /digest off"], id="a first one"),
    ],
)  # fmt: skip
def test_a_change_says_what_stays_and_how_to_take_it_back(room: Room, lines: list[str], said: list[str]) -> None:
    *before, line = (f"/digest {line}" for line in lines)
    kept_before = kept(room, *before) if before else []
    answer = room.text(line).splitlines()
    assert [one for one in answer if one.startswith(("It stays", "To change it back"))] == said
    for one in said:
        if one.startswith("To change it back: "):
            assert kept(room, one.removeprefix("To change it back: ")) == kept_before


def test_what_is_still_on_is_said_as_such(room: Room) -> None:
    room.ask("/digest 9:00")
    room.ask("/digest weekly")
    assert room.text("/digest off weekly").startswith("Off. Still on: Every day at 09:00 (UTC), all followed assets;")


def test_another_zone_moves_it(room: Room) -> None:
    room.ask("/digest 9:00")
    room.ask("/tz Asia/Tokyo")
    assert room.ask("/digest").values["digests"][0]["next"] == "2026-11-23T00:00:00Z"


def test_only_admins_of_a_group_change_it(room: Room) -> None:
    deps = room.deps(MEMBER)
    said = loop.run(answer_blocks("/digest 9:00", deps, on_error=lambda name, error: f"{name} {error}"))
    assert "admin" in str(said.blocks).lower()
    assert kept(room, "/digest") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("/digest now", "BTC 95,000, ETH unknown", id="now"),
        pytest.param("/digest weekly now btc", "BTC 95,000", id="of a week"),
        pytest.param("/digest", "No digest is on", id="what is set"),
        pytest.param("/digest now 9:00", "Now, or at a time?", id="now and later"),
        pytest.param("/digest now off", "Now, or off?", id="now and off"),
        pytest.param("/digest off", "Only admins of this chat", id="off"),
        pytest.param("/digest 9:00", "Only admins of this chat", id="a time"),
    ],
)
def test_members_of_a_group_may_read_it(room: Room, line: str, said: str) -> None:
    room.ask("/digest 8:00", ADMIN)
    found = loop.run(answer_blocks(line, room.deps(MEMBER), on_error=lambda name, error: f"{name} {error}"))
    told = plain_text(found.blocks)
    assert said in told or (line == "/digest" and "Every day at 08:00" in told)
    assert [one["at"] for one in room.ask("/digest", ADMIN).values["digests"]] == ["08:00"]


def test_now_with_hardly_anything_stored_says_so(room: Room) -> None:
    told = room.text("/digest now")
    assert told.startswith("BTC 95,000, ETH unknown\nSince 21 November 12:00 UTC.")


def test_now_where_nothing_was_ever_stored(tmp_path: Path) -> None:
    room = Room(Store(tmp_path / "none.db"))
    assert "Nothing is stored yet" in room.refusal("/digest now")
    assert not (tmp_path / "none.db").exists()


def test_now_tells_a_position_of_this_chat_and_of_no_other(room: Room) -> None:
    room.ask("/watch btc long 95000 20x")
    assert "Yours: BTC long (1)" in room.text("/digest now")
    assert "Yours" not in room.text("/digest now", Asker("telegram", Address("777"), "777"))


@pytest.mark.slow
def test_the_bundled_winter_has_a_digest(desk: Any) -> None:
    here = desk("bundled", "2026-02-06")
    told = here.text("/digest now").splitlines()
    assert told[:2] == ["BTC −6.7 % to 63,000, ETH unknown", "BTC −6.7 %: the most in 180 days."]
