"""/announce: what an owner tells every chat, seen first and sent once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.delivery.dispatcher import Dispatcher
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker
from handlers.reply import Buttons, Reply, plain_text
from signals.units import MINUTE
from storage.alerts import outbox
from storage.engine.database import Store
from storage.people import destinations
from tests.fakes.channel import FakeChannel, HandClock
from tests.handlers.commands.room import GROUP, ME, OTHER, OWNER, Room
from tests.storage import beside

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "Back at 18:00 UTC.\n\nThe server moves; alerts of that hour come late."
FORUM = Asker("telegram", Address("-100456", topic="7", kind="group"), "1")


@pytest.fixture
def full(room: Room) -> Room:
    """Return a room whose bot tells two private chats, a group and a forum, and knows one that is told nothing."""
    room.ask("/watch btc long 95000 3x", ME)
    room.ask("/digest 9:00", OTHER)
    room.ask("/sub oi", replace(ME, address=GROUP))
    room.ask("/sub oi", FORUM)
    room.ask("/sub fng", replace(FORUM, address=replace(FORUM.address, topic="8")))
    room.ask("/tz Berlin", Asker("telegram", Address("888"), "888"))
    room.ask("/sub oi", Asker("telegram", Address("999"), "999"))
    gone = destinations.find(room.store, "telegram", "999")
    assert gone
    outbox.gone(room.store, gone.id, "blocked by the user", now=room.now)
    return room


def buttons(room: Room, line: str) -> dict[str, str]:
    [block] = [block for block in room.ask(line, OWNER).blocks if isinstance(block, Buttons)]
    return {button.label: button.command for button in block.buttons}


def rows(room: Room) -> list[str]:
    found = beside.rows(
        room.store, "SELECT d.chat FROM outbox o JOIN destinations d ON d.id = o.destination ORDER BY d.chat"
    )
    return [row["chat"] for row in found]


async def read(room: Room) -> list[str]:
    """Let what waits be sent, and return what was read where."""
    channel, clock = FakeChannel(), HandClock(room.now)
    dispatcher = Dispatcher(room.store, [channel], clock)
    dispatcher.start()
    for _ in range(20):
        await dispatcher.turn()
        clock.forward(1)
    return [said.text for said in channel.said]


def test_send_without_a_draft_s_code_is_no_draft(full: Room) -> None:
    assert full.refusal("/announce send", OWNER).startswith(
        "Nothing is waiting to be sent. Type /announce and the text"
    )
    code = full.ask(f"/announce {TEXT}", OWNER).values["code"]
    for said in ("send", "Send it!", "yes"):
        assert full.refusal(f"/announce {said}", OWNER).endswith(f"press Send below it, or type /announce send {code}.")
    assert full.ask(f"/announce send {code}", OWNER).values == {"chats": 4}
    assert "send us an e-mail" in full.text("/announce send us an e-mail", OWNER), "a text may begin like that"


def test_it_is_shown_first_and_sent_once_to_each_chat_that_is_told_anything(full: Room) -> None:
    said = full.text(f"/announce {TEXT}", OWNER)
    assert said.startswith("This would go to 4 chats: 4 on Telegram.\nBack at 18:00 UTC.\nThe server moves;")
    assert "From the owner of this bot." in said
    assert rows(full) == []
    pressed = buttons(full, "/announce")
    assert list(pressed) == ["Send to 4 chats", "Drop"]
    assert full.ask(pressed["Send to 4 chats"], OWNER).values == {"chats": 4}
    assert rows(full) == ["-100123", "-100456", "5550123456", "777"]
    assert "not waiting to be sent" in full.refusal(pressed["Send to 4 chats"], OWNER), "pressed twice"
    assert len(rows(full)) == 4


@pytest.mark.parametrize(
    ("line", "reads"),
    [
        pytest.param("/mute all", False, id="for good"),
        pytest.param("/mute 2h", False, id="for a time"),
        pytest.param("/mute oi", True, id="one alarm"),
        pytest.param("/mute btc", True, id="one asset"),
    ],
)
def test_who_has_muted_everything_is_not_counted(full: Room, line: str, reads: bool) -> None:
    full.ask(line, OTHER)
    shown = full.ask(f"/announce {TEXT}", OWNER)
    said = plain_text(shown.all_blocks())
    assert ("Left out: 1 chat has muted everything." in said) is not reads
    to = 4 if reads else 3
    assert said.startswith(f"This would go to {to} chats: {to} on Telegram.")
    assert full.ask(f"/announce send {shown.values['code']}", OWNER).values == {"chats": to}
    assert ("777" in rows(full)) is reads


def test_a_mute_that_is_over_counts_no_more(full: Room) -> None:
    full.ask("/mute 2h", OTHER)
    full.now += timedelta(hours=2)
    assert full.ask(f"/announce {TEXT}", OWNER).values["muted"] == 0


def test_a_forum_reads_it_in_a_topic_that_has_not_muted_it(full: Room) -> None:
    full.ask("/mute all", FORUM)
    shown = full.ask(f"/announce {TEXT}", OWNER)
    assert (shown.values["chats"], shown.values["muted"]) == ({"telegram": 4}, 0)
    full.ask("/mute all", replace(FORUM, address=replace(FORUM.address, topic="8")))
    assert full.ask(f"/announce {TEXT}", OWNER).values["muted"] == 1


def test_where_all_have_muted_everything_that_is_said(room: Room) -> None:
    room.ask("/sub oi", ME)
    room.ask("/mute all", ME)
    assert room.refusal(f"/announce {TEXT}", OWNER) == "Nobody would read it: 1 chat has muted everything."


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("/announce send abcdef", "not waiting to be sent", id="another code"),
        pytest.param("DROPPED", "not waiting to be sent", id="dropped"),
        pytest.param("LATE", "not waiting to be sent", id="an hour later"),
        pytest.param("CHANGED", "not waiting to be sent", id="written anew since"),
    ],
)
def test_a_button_sends_what_was_seen_and_nothing_else(full: Room, line: str, said: str) -> None:
    code = str(full.ask(f"/announce {TEXT}", OWNER).values["code"])
    match line:
        case "DROPPED":
            assert full.text("/announce drop", OWNER) == "Dropped; nothing was sent."
            assert full.text("/announce drop", OWNER) == "Nothing is waiting to be sent."
        case "LATE":
            full.now += timedelta(minutes=61)
        case "CHANGED":
            full.ask("/announce Something else.", OWNER)
    line = line if line.startswith("/") else f"/announce send {code}"
    assert said in full.refusal(line, OWNER)
    assert rows(full) == []


def test_only_owners_may(full: Room) -> None:
    assert "Only an owner" in full.refusal(f"/announce {TEXT}", OTHER)
    code = str(full.ask(f"/announce {TEXT}", OWNER).values["code"])
    assert "Only an owner" in full.refusal(f"/announce send {code}", OTHER), "rights are checked when it is pressed"


def test_nobody_is_told_where_nobody_listens(room: Room) -> None:
    assert "No chat is told anything yet" in room.refusal(f"/announce {TEXT}", OWNER)


async def test_it_is_read_word_for_word_also_beyond_the_budget_and_below_a_rank(tmp_path: Path) -> None:
    room = Room(Store(tmp_path / "perpulse.db"))
    for line in ("/sub oi", "/only critical", "/budget 1"):
        await _ask(room, line)
    await _ask(room, "/sub oi", OTHER)
    code = (await _ask(room, f"/announce {TEXT}", OWNER)).values["code"]
    await _ask(room, f"/announce send {code}", OWNER)
    shown = "Back at 18:00 UTC.\nThe server moves; alerts of that hour come late.\nFrom the owner of this bot."
    await _ask(room, "/mute 3h", OTHER)
    assert await read(room) == [shown]
    said = (await _ask(room, "/announce", OWNER)).values
    assert said == {"sent": 1, "waiting": 0, "not_told": 1}
    room.store.close()


async def test_quiet_hours_hold_it_until_they_end(tmp_path: Path) -> None:
    room = Room(Store(tmp_path / "perpulse.db"))
    await _ask(room, "/sub oi")
    await _ask(room, "/quiet 11-14")
    code = (await _ask(room, f"/announce {TEXT}", OWNER)).values["code"]
    await _ask(room, f"/announce send {code}", OWNER)
    assert await read(room) == []
    assert (await _ask(room, "/announce", OWNER)).values["waiting"] == 1
    room.now += timedelta(hours=2) + MINUTE
    [text] = await read(room)
    assert "Back at 18:00 UTC." in text
    room.store.close()


async def _ask(room: Room, line: str, asker: Asker = ME) -> Reply:
    return await answer(line, room.deps(asker))
