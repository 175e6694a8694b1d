from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from handlers.channels.channel import Address
from handlers.command import Asker
from storage.engine.database import Store
from storage.people import destinations, switches
from tests.handlers.commands.room import ME, Room

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storage.people.switches import Switch

SERVER = Asker("discord", Address("300", kind="group"), "11", server="200", manages=True)
ELSEWHERE = replace(SERVER, address=Address("301", kind="group"))
DESK, OTHER = "123456789012345678", "223456789012345678"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    store = Store(tmp_path / "perpulse.db")
    yield Room(store)
    store.close()


def called(room: Room, chat: str = "300") -> list[Switch]:
    here = destinations.find(room.store, "discord", chat)
    return [one for one in switches.of_one(room.store, here.id) if one.kind == "mention"] if here else []


@pytest.mark.parametrize(
    ("words", "rank"),
    [
        pytest.param(f"{DESK} warning", "warning", id="a role and a rank"),
        pytest.param(f"critical {DESK}", "critical", id="in another order"),
        pytest.param(DESK, "warning", id="no rank: warnings"),
        pytest.param(f"{DESK} notice", "notice", id="everything"),
    ],
)
def test_one_role_is_called_from_a_rank_on(room: Room, words: str, rank: str) -> None:
    room.ask("/sub oi", SERVER)
    reply = room.ask(f"/mention {words}", SERVER)
    assert reply.values == {"role": DESK, "rank": rank}
    [switch] = called(room)
    assert (switch.what, switch.rank) == (DESK, rank)


def test_the_last_word_counts_and_off_calls_nobody(room: Room) -> None:
    room.ask("/sub oi", SERVER)
    assert "No role is called" in room.text("/mention", SERVER)
    room.ask(f"/mention {DESK}", SERVER)
    room.ask(f"/mention {OTHER} critical", SERVER)
    assert [switch.what for switch in called(room)] == [OTHER]
    assert "what is critical" in room.text("/mention", SERVER)
    room.ask("/mention off", SERVER)
    assert called(room) == []


@pytest.mark.parametrize(
    ("line", "asker", "said"),
    [
        pytest.param(f"/mention {DESK}", replace(SERVER, manages=False), "whole server", id="who manages a channel"),
        pytest.param("/mention off", replace(SERVER, manages=False), "whole server", id="nor ends it"),
        pytest.param(f"/mention {DESK}", ME, "There are no roles here", id="in a private chat"),
        pytest.param(f"/mention {DESK}", replace(SERVER, may_change=False), "Only admins", id="a member"),
        pytest.param("/mention everyone", SERVER, "do not understand", id="no role"),
    ],
)
def test_what_cannot_be(room: Room, line: str, asker: Asker, said: str) -> None:
    assert said in room.refusal(line, asker)
    assert called(room) == []


def test_it_is_one_role_of_the_server_in_each_of_its_channels(room: Room) -> None:
    room.ask("/sub oi", SERVER)
    said = room.text(f"/mention {DESK} critical", ELSEWHERE)
    assert "This channel is told none" in said
    assert [switch.what for switch in called(room)] == [DESK]
    assert "This channel is told none" not in room.text("/mention", SERVER)
    room.ask(f"/mention {OTHER}", SERVER)
    other_server = replace(SERVER, address=Address("400", kind="group"), server="201")
    room.ask("/sub oi", other_server)
    assert [switch.what for switch in (*called(room), *called(room, "301"), *called(room, "400"))] == [OTHER, OTHER]
    room.ask("/sub fng", replace(SERVER, address=Address("302", kind="group"), manages=False))
    assert [switch.what for switch in called(room, "302")] == [OTHER], "a channel that is told since"


def test_the_role_goes_with_the_last_channel_of_its_server(room: Room) -> None:
    room.ask("/sub oi", SERVER)
    room.ask(f"/mention {DESK}", SERVER)
    room.ask("/sub oi", ELSEWHERE)
    room.ask("/forgetme yes", SERVER)
    assert [switch.what for switch in called(room, "301")] == [DESK]
    room.ask("/forgetme yes", ELSEWHERE)
    assert switches.mentioned(room.store, "discord", "200") is None


def test_it_is_listed_where_there_are_roles(room: Room) -> None:
    assert "/mention" in room.text("/help yours", SERVER)
    assert "/mention" not in room.text("/help yours", ME)
