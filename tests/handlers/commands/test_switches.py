"""/mute /unmute /quiet /only /budget /settings: what is said, what is kept, and that each says how to take it back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers.channels.channel import Address
from handlers.command import Asker
from handlers.reply import Button, Buttons, Line, plain_text
from signals.alerts import burst
from signals.alerts.episodes import Transition
from signals.alerts.rule import rules
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from storage.alerts.sending import held
from storage.engine.database import Store
from storage.people import destinations, switches
from tests.fakes.notices import claim_from, ready
from tests.handlers.commands.room import ADMIN, ME, MEMBER, NOW, OTHER, TERMINAL, Room, here, told
from tests.storage import beside, senders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from handlers.reply import Reply
    from storage.people.switches import Switch

HOUR = timedelta(hours=1)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(Store(tmp_path / "perpulse.db"))
    yield made
    made.store.close()


def kept(room: Room, asker: Asker = ME) -> tuple[Switch, ...]:
    return switches.of_one(room.store, here(room, asker))


def buttons(reply: Reply) -> list[list[Button]]:
    return [list(block.buttons) for block in reply.all_blocks() if isinstance(block, Buttons)]


def over(room: Room, rule: str, number: int, asset: str = "BTC") -> None:
    with room.store.write() as work:
        episodes.record(work, (rule, asset), Transition("resolved", NOW, NOW, "notice", {}), number)


# --- mute -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected", "back"),
    [
        pytest.param("/mute 2h", {("*", 2 * HOUR)}, "/unmute everything", id="everything"),
        pytest.param("/mute btc 8h", {("BTC", 8 * HOUR)}, "/unmute btc", id="an asset"),
        pytest.param("/mute 8h btc eth", {("BTC", 8 * HOUR), ("ETH", 8 * HOUR)}, "/unmute btc eth", id="two"),
        pytest.param("/mute burst 1h", {("burst", HOUR)}, "/unmute burst", id="fast moves"),
        pytest.param("/mute burst btc 2h", {("burst BTC", 2 * HOUR)}, "/unmute burst btc", id="fast moves of an asset"),
        pytest.param("/mute fng btc 1h", {("fear_greed", HOUR)}, "/unmute fng btc", id="of the market as a whole"),
        pytest.param("/mute price for good", {("price_drawdown", None)}, "/unmute price", id="for good"),
        pytest.param("/mute price", {("price_drawdown", None)}, "/unmute price", id="nothing said means for good"),
        pytest.param(
            "/mute funding eth 1h",
            {("funding_stretch ETH", HOUR), ("funding_stretch_low ETH", HOUR)},
            "/unmute funding eth",
            id="alarms of an asset",
        ),
    ],
)
def test_what_is_muted_and_how_to_take_it_back(
    room: Room, line: str, expected: set[tuple[str, timedelta | None]], back: str
) -> None:
    reply = room.ask(line)
    assert {(one.what, one.until and one.until - NOW.replace(second=0)) for one in kept(room)} == expected
    assert {one.kind for one in kept(room)} == {"mute"}
    assert f"To change it back: {back}" in plain_text(reply.all_blocks())
    assert buttons(reply)[0][0] == Button("Undo", back)
    assert {one["what"] for one in reply.values["muted"]} == {what for what, _ in expected}
    room.ask(back)
    assert kept(room) == ()


@pytest.mark.parametrize(
    ("line", "head"),
    [
        ("/mute 2h", "Muted until 14:00 UTC: everything."),
        ("/mute eth until monday", "Muted until Monday 23 November 00:00 UTC: ETH."),
        (
            "/mute burst btc until 24 dec",
            "Muted until Thursday 24 December 00:00 UTC: BTC: price moves unusually fast.",
        ),
        ("/mute burst for good", "Muted until you take it back: Price moves unusually fast."),
    ],
)
def test_what_a_mute_says(room: Room, line: str, head: str) -> None:
    first = room.ask(line).blocks[0]
    assert isinstance(first, Line)
    assert first.text == head


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("/mute off", set()),
        ("/mute none", set()),
        ("/mute oi off", {"burst"}),
        ("/mute off burst", {"oi_drawdown", "oi_zscore"}),
    ],
)
def test_mute_off_ends_it(room: Room, line: str, left: set[str]) -> None:
    room.ask("/mute burst oi_drawdown oi_zscore 8h")
    assert room.text(line).startswith("Told again: ")
    assert {one.what for one in kept(room)} == left
    assert room.text("/mute off fng").startswith("That was not muted.")


def test_a_mute_until_a_time_that_comes_twice_says_which_is_meant(room: Room) -> None:
    room.ask("/tz Berlin")
    room.now = NOW.replace(month=10, day=24)
    assert room.text("/mute fng 2:30").splitlines()[:2] == [
        "Muted until Sunday 25 October 02:30 CET: Extreme fear.",
        "The clock shows that time twice then, and the second is meant; the first is 2026-10-25 00:30 UTC.",
    ]
    assert "twice" not in room.text("/mute fng until 3:30")
    assert room.ask("/mute fng until 2026-10-25 00:30 UTC").back == ("/mute fear until 2026-10-25 03:30",)
    assert room.ask("/mute fng 1h").back == ("/mute fear until 2026-10-25 00:30 UTC",)


def test_mute_alone_says_what_is_muted(room: Room) -> None:
    assert room.text("/mute").startswith("Nothing is muted in this chat.")
    room.ask("/mute btc 1h")
    room.ask("/mute burst for good")
    text = room.text("/mute")
    assert "– Until 13:00 UTC: BTC." in text
    assert "– Until you take it back: Price moves unusually fast." in text
    room.now += 2 * HOUR
    assert "BTC" not in room.text("/mute")


@pytest.mark.parametrize(
    ("before", "line"),
    [
        pytest.param(["/mute oi 8h"], "/mute oi 1h", id="shorter"),
        pytest.param(["/mute oi"], "/mute oi 1h", id="it was for good"),
        pytest.param(["/mute oi 8h"], "/mute oi for good", id="for good"),
        pytest.param(["/mute oi btc 8h"], "/mute oi 1h", id="a part of it was muted before"),
        pytest.param(["/mute oi 8h"], "/mute oi btc 1h", id="it is a part of what was"),
        pytest.param(["/mute btc 8h"], "/mute burst btc eth 1h", id="two of them"),
        pytest.param(["/mute 8h"], "/mute 1h", id="everything"),
        pytest.param(["/mute oi 8h"], "/mute 1h", id="everything, where a part was"),
        pytest.param(["/mute all 8h"], "/mute oi 1h", id="a part, where everything was"),
        pytest.param(["/mute btc 8h"], "/mute btc eth 1h", id="one of two was"),
        pytest.param(["/mute btc 8h", "/mute eth 2h"], "/mute btc eth 1h", id="both were, until other times"),
        pytest.param(["/mute episode {0} 8h"], "/mute episode {0} until over", id="this time, until over"),
        pytest.param(["/mute episode {0} until over"], "/mute episode {0} 1h", id="this time, for an hour"),
        pytest.param(["/mute alarm of episode {0} until over"], "/mute alarm of episode {0} 1h", id="its alarm"),
        pytest.param(["/mute everything of episode {0} until over"], "/mute 1h", id="everything until it is over"),
        pytest.param(["/mute oi 1h", "LATER"], "/mute oi 2h", id="what had ended is not brought back"),
    ],
)
def test_undo_restores_what_was_muted_before(room: Room, before: list[str], line: str) -> None:
    [episode], room.now = told(room, "oi_drawdown"), room.now.replace(second=0)
    for typed in before:
        if typed == "LATER":
            room.now += 2 * HOUR
        else:
            room.ask(typed.format(episode))
    was = sorted((one for one in kept(room) if one.runs(room.now)), key=lambda one: one.what)
    room.now += timedelta(minutes=3, seconds=20)
    answer = room.ask(line.format(episode))
    assert answer.back
    if len(answer.back) == 1:
        assert buttons(answer)[0][0] == Button("Undo", answer.back[0])
    for back in answer.back:
        room.ask(back)
    now = sorted(kept(room), key=lambda one: one.what)
    assert now == was, answer.back


def test_every_alarm_can_be_typed_as_it_is_kept(room: Room) -> None:
    for rule in (*rules(), burst.BURST):
        muted = room.ask(f"/mute {rule} until 2026-11-22 20:00").values["muted"]
        assert rule in [one["what"] for one in muted]
        assert rule in room.ask(f"/unmute only {rule}").values["unmuted"]


def test_unmute_says_what_is_left(room: Room) -> None:
    for line in ("/mute btc 1h", "/mute burst 1h", "/mute 2h"):
        room.ask(line)
    text = room.text("/unmute btc")
    assert text.startswith("Told again: BTC.")
    assert "Still muted until 14:00 UTC: everything." in text
    assert room.text("/unmute eth").startswith("That was not muted.")
    room.ask("/unmute everything")
    assert [one.what for one in kept(room)] == ["burst"]
    assert room.text("/unmute").startswith("Told again: Price moves unusually fast.")
    assert room.text("/unmute").startswith("Nothing is muted.")


def test_what_has_ended_is_no_longer_muted(room: Room) -> None:
    room.ask("/mute 2h")
    room.ask("/mute oi 1h")
    room.now += timedelta(hours=3)
    for line, said in (
        ("/mute", "Nothing is muted in this chat."),
        ("/unmute", "Nothing is muted."),
        ("/unmute oi", "That was not muted."),
    ):
        reply = room.ask(line)
        assert plain_text(reply.all_blocks()).startswith(said)
        assert reply.back is None, "nothing was changed"


def test_an_asset_is_unmuted_with_its_alarms_and_an_alarm_with_its_assets(room: Room) -> None:
    for line in ("/mute funding eth 1h", "/mute burst eth 1h", "/mute burst btc 1h"):
        room.ask(line)
    room.ask("/unmute eth")
    assert [one.what for one in kept(room)] == ["burst BTC"]
    room.ask("/unmute burst")
    assert kept(room) == ()


def test_what_has_ended_is_forgotten_with_the_next_mute(room: Room) -> None:
    room.ask("/mute btc 1h")
    room.now += 2 * HOUR
    room.ask("/mute eth 1h")
    assert [one.what for one in kept(room)] == ["ETH"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/mute foo 2h", "I do not know “foo”."),
        ("/mute contracts", "Mute what? Type it like /mute oi, or /mute everything to hear nothing at all."),
        ("/mute oi 5", "Is 5 hours or days?"),
        ("/mute oi until over", "Until what is over? Press Mute under its message, or type it like /mute oi 8h."),
        ("/mute episode 7 1h", "No message here tells of that any more. Type it like /mute oi 2h."),
        ("/quiet 25-7", "I do not understand “25”. Type it like /quiet 23-7 or /quiet off."),
        ("/only foo", "I do not understand “foo”. Type it like /only warnings."),
        ("/mute 2h 3h", "I read two lengths of time in “2h 3h”. Type only one, like /mute oi 2h."),
        ("/mute 30m 2 h", "I read two lengths of time in “30m 2 h”. Type only one, like /mute oi 2h."),
        ("/budget 3 5", "Is it 3 or 5? Type only one number, like /budget 3."),
        ("/sub btc loud silent", "Loud or silent? Type only one, like /sub loud."),
        ("/budget foo", "“foo” is no number of messages. Type it like /budget 20 or /budget off."),
        ("/budget -3", "“-3” is no number of messages."),
        ("/budget 9999", "That is more than 500 messages a day. Type /budget off for as many as there are."),
    ],
)
def test_what_cannot_be_read_is_one_line_that_says_what_to_type(room: Room, line: str, said: str) -> None:
    assert room.refusal(line).startswith(said)
    assert kept(room) == ()


# --- the button of a message ------------------------------------------------------------------------------------------


def test_the_button_asks_what_and_for_how_long(room: Room) -> None:
    first, second = told(room, "oi_zscore", "price_drawdown")
    reply = room.ask(f"/mute episode {first}")
    assert kept(room) == ()
    assert [[button.label for button in row] for row in buttons(reply)] == [
        ["This 1 h", "This 8 h", "This until over"],
        ["Alarm 1 h", "Alarm 8 h", "Alarm until over"],
        ["All 1 h", "All 8 h", "All until over"],
    ]
    assert all(len(f"1|{button.command}".encode()) <= 64 - 14 for row in buttons(reply) for button in row)
    assert "BTC: positions closed unusually fast; BTC: " in plain_text(reply.blocks)
    expected = {
        "This until over": {(f"episode {number}", f"episode {number}") for number in (first, second)},
        "Alarm until over": {("oi_zscore", f"episode {first}"), ("price_drawdown", f"episode {second}")},
        "All until over": {("*", f"episode {first}")},
        "This 1 h": {(f"episode {first}", None), (f"episode {second}", None)},
        "Alarm 8 h": {("oi_zscore", None), ("price_drawdown", None)},
        "All 8 h": {("*", None)},
    }
    every = {button.label: button.command for row in buttons(reply) for button in row}
    for label, muted in expected.items():
        answer = room.ask(every[label])
        assert {(one.what, one.value) for one in kept(room)} == muted, label
        assert all((one.until is None) == (one.value is not None) for one in kept(room)), label
        room.ask(buttons(answer)[0][0].command)  # Undo
        assert kept(room) == (), label


def test_what_is_over_is_not_muted_until_it_is(room: Room) -> None:
    first, second = told(room, "oi_zscore", "price_drawdown")
    over(room, "oi_zscore", first)
    room.ask(f"/mute episode {first} until over")
    assert {one.what for one in kept(room)} == {f"episode {second}"}
    over(room, "price_drawdown", second)
    assert [one.over for one in kept(room)] == [True]
    assert room.text("/mute").startswith("Nothing is muted")
    assert [len(row) for row in buttons(room.ask(f"/mute episode {first}"))] == [2, 2, 2]
    assert room.refusal(f"/mute episode {first} until over").startswith("That is over already.")


def test_nobody_mutes_or_reads_an_episode_of_another_chat(room: Room) -> None:
    (number,) = told(room, "oi_zscore")
    assert "No message here tells of that" in room.refusal(f"/mute episode {number}", OTHER)
    here(room, OTHER)
    assert "No message here tells of that" in room.refusal(f"/mute alarm of episode {number} 8h", OTHER)


def test_a_watched_position_is_muted_by_itself(room: Room) -> None:
    (number,) = told(room, "position 3")
    reply = room.ask(f"/mute episode {number}")
    assert [row[0].label for row in buttons(reply)] == ["This 1 h", "Position 1 h", "All 1 h"]
    assert room.text(f"/mute alarm of episode {number} 8h").startswith("Muted until 20:00 UTC: a watched position.")
    assert [one.what for one in kept(room)] == ["position 3"]


# --- quiet, only, budget ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "value", "back"),
    [
        pytest.param(["/quiet 23-7"], "23:00-07:00", "/quiet off", id="quiet"),
        pytest.param(["/quiet 23-7 strict"], "23:00-07:00 strict", "/quiet off", id="strict"),
        pytest.param(["/quiet 23-7 strict", "/quiet 22-6"], "22:00-06:00", "/quiet 23:00-07:00 strict", id="as before"),
        pytest.param(["/quiet 23-7", "/quiet off"], None, "/quiet 23:00-07:00", id="quiet off"),
        pytest.param(["/only warnings"], "warning", "/only everything", id="only"),
        pytest.param(["/only critical", "/only warning"], "warning", "/only critical", id="only, after another"),
        pytest.param(["/only critical and warnings"], "warning", "/only everything", id="only, both"),
        pytest.param(["/only warnings", "/only everything"], None, "/only warnings", id="everything"),
        pytest.param(["/budget 20"], "20", "/budget 12", id="budget"),
        pytest.param(["/budget off"], "off", "/budget 12", id="no budget"),
        pytest.param(["/budget off", "/budget 3"], "3", "/budget off", id="budget, after none"),
        pytest.param(["/budget 20", "/budget usual"], None, "/budget 20", id="as usual"),
    ],
)
def test_what_is_changed_can_be_changed_back(room: Room, lines: list[str], value: str | None, back: str) -> None:
    *before, last = lines
    for line in before:
        room.ask(line)
    was = kept(room)
    reply = room.ask(last)
    assert [one.value for one in kept(room)] == ([value] if value else []), "the usual budget is nothing that is kept"
    assert buttons(reply)[0][0] == Button("Undo", back)
    assert f"To change it back: {back}" in plain_text(reply.all_blocks())
    room.ask(back)
    assert kept(room) == was


@pytest.mark.parametrize(
    ("line", "head"),
    [
        ("/quiet", "No quiet hours: whatever is told comes at once."),
        (
            "/quiet 23-7",
            "Quiet from 23:00 to 07:00 (UTC): only what is critical comes. The rest comes in one message at 07:00.",
        ),
        (
            "/quiet 23-7 strict",
            (
                "Quiet from 23:00 to 07:00 (UTC): nothing comes, not even what is critical. "
                "The rest comes in one message at 07:00."
            ),
        ),
        ("/only", "This chat is told everything that is on."),
        ("/only crit", "Told from now on: only what is critical."),
        (
            "/budget 0",
            "Notices never come at once, only in one line a day; warnings and what is critical do. Today: 0.",
        ),
        ("/budget off", "As many messages as there are come at once. Today: 0."),
    ],
)
def test_what_is_said(room: Room, line: str, head: str) -> None:
    first = room.ask(line).blocks[0]
    assert isinstance(first, Line)
    assert first.text == head


@pytest.mark.parametrize("line", ["/mute", "/quiet", "/only", "/budget", "/settings"])
def test_to_ask_changes_nothing_and_makes_no_chat(room: Room, line: str) -> None:
    room.ask(line)
    assert not room.store.exists or beside.rows(room.store, "SELECT * FROM destinations") == []


def hold(room: Room, held_for: Any) -> int:
    """Let one notice be held until tomorrow."""
    place = here(room)
    with room.store.write() as work:
        notice = Notice("fired", "notice", NOW, ready("news"), None, "rule", "BTC")
        outbox.announce_to(work, place, notice, now=NOW, expires=NOW + HOUR)
    process = senders.take(room.store)
    (claim,) = claim_from(room.store, now=NOW, process=process, platform="telegram", limit=1)
    with room.store.write() as work:
        outbox.hold(work, claim.rows[0], NOW + 24 * HOUR, "it waits", held_for)
    return place


@pytest.mark.parametrize(
    ("held_for", "line", "hours"),
    [
        pytest.param("quiet", "/quiet off", 0, id="quiet off"),
        pytest.param("quiet", "/quiet 1-3", 0, id="it is not quiet now"),
        pytest.param("quiet", "/quiet 11-18", 6, id="quiet for longer"),
        pytest.param("quiet", "/budget off", 24, id="what waits for something else goes on waiting"),
        pytest.param("budget", "/budget 20", 0, id="there is room"),
        pytest.param("budget", "/budget off", 0, id="no bound"),
        pytest.param("budget", "/budget 0", 24, id="there is none"),
        pytest.param("budget", "/quiet off", 24, id="quiet has nothing to do with it"),
    ],
)
def test_what_waits_comes_when_it_may(room: Room, held_for: str, line: str, hours: int) -> None:
    hold(room, held_for)
    reply = room.ask(line)
    (row,) = beside.rows(room.store, "SELECT held_until FROM outbox")
    until = NOW.replace(second=0) if hours == 6 else NOW
    assert row["held_until"] == round((until + hours * HOUR).timestamp() * 1000)
    assert ("1 notice that waited: coming now." in plain_text(reply.blocks)) is (hours == 0)


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        pytest.param("Asia/Tokyo", 10, id="21:00 there, quiet until seven"),
        pytest.param("America/New_York", 0, id="seven there, and it comes at once"),
    ],
)
def test_what_waits_for_quiet_hours_waits_for_those_of_a_new_zone(room: Room, zone: str, hours: int) -> None:
    room.ask("/quiet 20-7")
    hold(room, "quiet")
    room.ask(f"/tz {zone}")
    (row,) = beside.rows(room.store, "SELECT held_until FROM outbox")
    until = NOW.replace(second=0) + hours * HOUR if hours else NOW
    assert row["held_until"] == round(until.timestamp() * 1000)


def test_members_are_shown_what_they_may_press(room: Room) -> None:
    room.ask("/quiet 23-7", ADMIN)
    assert buttons(room.ask("/settings", ADMIN))[0][0] == Button("Quiet off", "/quiet off")
    assert buttons(room.ask("/settings", MEMBER)) == []
    assert room.text("/settings", MEMBER).endswith("\nOnly admins of this chat can change them.")


@pytest.mark.parametrize(("zone", "place"), [("Europe/Berlin", "Berlin"), ("new york", "New York"), ("utc+2", "UTC+2")])
def test_a_zone_is_called_the_same_in_every_answer(room: Room, zone: str, place: str) -> None:
    answers = [room.text(line) for line in (f"/tz {zone}", "/tz", "/quiet 23-7", "/digest 9:00", "/settings")]
    assert all(place in answer for answer in answers)
    said = [line for answer in answers for line in answer.splitlines() if not line.startswith(("To ", "More"))]
    assert not [line for line in said if "/Berlin" in line or "_York" in line or "Etc/" in line]


def test_what_is_changed_in_a_group_is_for_its_admins(room: Room) -> None:
    for line in ("/mute 2h", "/unmute", "/quiet 23-7", "/only warnings", "/budget 3"):
        assert room.refusal(line, MEMBER) == "Only admins of this chat can change the settings here."
    assert room.text("/settings", MEMBER).startswith("Settings of this chat")


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["/quiet 23-7 strict", "/quiet off", "/only warnings", "/only all", "/budget off"])
def test_what_was_so_before_is_not_to_be_changed_back(room: Room, line: str) -> None:
    """As where two people press one button: the second one's Undo would undo nothing."""
    room.ask(line)
    again = room.ask(line)
    assert "To change it back" not in plain_text(again.all_blocks())
    assert [button.label for row in buttons(again) for button in row] == ["Settings"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(("/sub",), "everything", id="everything"),
        pytest.param(("/sub btc",), "BTC all", id="all of an asset"),
        pytest.param(("/sub btc", "/sub funding eth", "/sub fng"), "every asset 1, BTC all, ETH 2", id="a part"),
    ],
)
def test_settings_say_which_alarms_are_on(room: Room, lines: tuple[str, ...], said: str) -> None:
    for line in lines:
        room.ask(line)
    assert f"Alarms: {said} · /help sub" in room.text("/settings").splitlines()


def test_settings_are_one_screen(room: Room) -> None:
    room.ask("/tz America/Argentina/Buenos_Aires")
    for line in ("/sub oi btc", "/sub silent", "/venue hyperliquid", "/quiet 23-7 strict", "/only critical"):
        room.ask(line)
    for line in ("/budget 200", "/mute oi until monday", "/mute btc 8h"):
        room.ask(line)
    hold(room, "quiet")
    room.ask("/digest 9:00")
    room.ask("/digest weekly saturday 18:00")
    reply = room.ask("/settings")
    lines = [block.text for block in reply.blocks if isinstance(block, Line)]
    assert lines == [
        "Settings of this chat",
        "Time zone: Buenos Aires · /tz",
        "Exchange: Hyperliquid · /venue",
        "Alarms: BTC 3 · /help sub",
        "Sound: silent · /help sub",
        "Muted: 4 until Mon 23 Nov · /mute",
        "Quiet: 23:00–07:00, strict · /quiet",
        "Told: what is critical · /only",
        "Budget: 0 of 200, 1 wait · /budget",
        "Digest: daily 09:00 · /digest",
        "Digest: weekly Sat 18:00 · /digest",
    ]
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 40
    assert [len(row) for row in buttons(reply)] == [3, 3]
    assert reply.values["quiet"] == "23:00-07:00"
    assert (reply.values["only"], reply.values["budget"], reply.values["waiting"]) == ("critical", 200, 1)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("/digest 9:00", "daily 09:00"),
        ("/digest weekdays 8:30 btc", "weekdays 08:30"),
        ("/digest weekends 10:00", "Sat Sun 10:00"),
        ("/digest mon tue wed sat 9:00", "4 days 09:00"),
        ("/digest weekly sunday 18:00", "weekly Sun 18:00"),
    ],
)
def test_settings_name_the_days_of_a_digest(room: Room, line: str, shown: str) -> None:
    room.ask(line)
    [said] = [
        block.text for block in room.ask("/settings").blocks if isinstance(block, Line) and "Digest" in block.text
    ]
    assert said == f"Digest: {shown} · /digest"
    assert len(said) <= 40


@pytest.mark.parametrize("asker", [ME, TERMINAL], ids=["telegram", "terminal"])
def test_settings_of_a_chat_that_has_set_nothing(room: Room, asker: Asker) -> None:
    reply = room.ask("/settings", asker)
    lines = [block.text for block in reply.blocks if isinstance(block, Line)]
    assert lines == [
        "Settings of this chat",
        "Time zone: UTC · /tz",
        "Exchange: none chosen · /venue",
        "Alarms: none · /help sub",
        "Sound: by rank · /help sub",
        "Muted: nothing · /mute",
        "Quiet: off · /quiet",
        "Told: everything · /only",
        "Budget: 0 of 12 today · /budget",
        "Digest: off · /digest",
    ]
    assert max(map(len, lines)) <= 40


def test_every_button_of_settings_is_a_switch_there_and_back(room: Room) -> None:
    assert Button("Alarms on", "/sub") in buttons(room.ask("/settings"))[1]
    room.ask("/sub")
    before = room.ask("/settings").values
    for row in buttons(room.ask("/settings")):
        for button in row:
            if button.command == "/tz":
                continue
            room.ask(button.command)
            assert room.ask("/settings").values != before, button
            again = next(
                one for other in buttons(room.ask("/settings")) for one in other if one.command.split()[0] in
                (button.command.split()[0], f"/un{button.command.split()[0][1:]}") and one != button
            )  # fmt: skip
            room.ask(again.command)
            assert room.ask("/settings").values == before, button


def test_a_group_that_moves_takes_its_settings_along_and_forgetting_ends_them(room: Room) -> None:
    group = Asker("telegram", Address("-20", kind="group"), "1")
    for line in ("/quiet 23-7", "/mute btc 8h", "/budget 3", "/only warnings"):
        room.ask(line, group)
    destinations.moved(room.store, "telegram", "-20", "-100")
    there = Asker("telegram", Address("-100", kind="group"), "1")
    assert {one.kind for one in kept(room, there)} == {"quiet", "mute", "budget", "only"}
    room.ask("/forgetme yes", there)
    assert beside.rows(room.store, "SELECT * FROM switches") == []


def test_settings_count_what_was_sent_since_the_midnight_of_the_chat(room: Room) -> None:
    told(room, "oi_zscore", "price_drawdown")  # one message
    assert "Budget: 1 of 12 today" in room.text("/settings")
    room.now += timedelta(hours=11, minutes=59)
    assert "Budget: 1 of 12 today" in room.text("/settings")
    room.now += timedelta(minutes=1)
    assert "Budget: 0 of 12 today" in room.text("/settings")
    room.ask("/tz America/New_York")
    assert "Budget: 1 of 12 today" in room.text("/settings")
    assert held.known_of(room.store, here(room), NOW) == (1, 0)
