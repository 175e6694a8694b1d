"""Being forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from handlers.channels.channel import Address
from handlers.command import Asker
from handlers.reply import plain_text
from storage.engine.database import Store
from storage.people import access, destinations, positions
from tests.handlers.commands.room import ADDRESS, ADMIN, GROUP, ME, MEMBER, OTHER, TERMINAL, Room

if TYPE_CHECKING:
    from pathlib import Path

KEPT: Final = Asker("telegram", Address("12"), "12")


def bytes_of(store: Store) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(store.path.parent.glob(f"{store.path.name}*")))


def test_forgetme_leaves_no_byte_and_says_what_went(room: Room) -> None:
    room.ask("/watch btc long 95000 3x")
    room.ask(f"/watch {ADDRESS}")
    room.ask("/sub btc")
    room.ask("/tz Europe/Berlin")
    room.ask("/watch btc long 95000 3x", OTHER)
    assert bytes_of(room.store).count(b"5550123456") > 0
    text = room.text("/forgetme yes")
    assert "Removed: its settings, 1 subscription, 1 watched position, 1 followed address." in text
    assert "Backups" in text
    assert bytes_of(room.store).count(b"5550123456") == 0
    assert len(positions.of(room.store, "telegram", "777")) == 1
    assert room.text("/forgetme yes") == "Nothing is stored about this chat."
    assert bytes_of(room.store).count(b"5550123456") == 0, "asking to be forgotten must not be remembered"


@pytest.mark.parametrize("asker", [ME, ADMIN], ids=["private", "group"])
def test_what_is_kept_of_what_is_typed_is_said(room: Room, asker: Asker) -> None:
    room.ask("/alert save btc price < 75k", asker)
    room.ask("/watch btc long 95000 3x name hedge", ME)
    said = room.text("/privacy", asker)
    assert "nothing that you type but rules, and names of positions." in said
    assert "alarms, rules, switches" in said
    for typed in (b"btc price < 75k", b"hedge"):
        assert typed in bytes_of(room.store), "else it need not be said"


@pytest.mark.parametrize("asker", [ME, ADMIN], ids=["private", "group"])
def test_forgetme_says_first_what_would_go(room: Room, asker: Asker) -> None:
    """On a phone every command in a text is a link: nobody loses all for touching one."""
    room.ask("/sub oi btc", asker)
    room.ask("/digest 9:00", asker)
    room.ask("/mute oi 2h", asker)
    room.ask("/alert save btc price < 75k", asker)
    rows = len(destinations.subscriptions(room.store, here(room, asker)))
    parts = f"its settings, {rows} subscriptions, 3 switches, 1 digest, 1 rule of its own"
    reply = room.ask("/forgetme", asker)
    assert reply.back is None, "nothing was changed"
    assert plain_text(reply.all_blocks()).splitlines() == [
        "Delete everything that is stored about this chat? Nothing brings it back.",
        f"It would remove {parts}. To do it: /forgetme yes",
        "More: /forgetme yes · /export",
    ]
    assert len(destinations.subscriptions(room.store, here(room, asker))) == rows
    forgotten = room.text("/forgetme yes", asker).splitlines()
    assert forgotten[0].startswith("Forgotten: everything")
    assert forgotten[1] == f"Removed: {parts}.", "it says what went in the words of the question"
    assert room.text("/forgetme yes", asker) == room.text("/forgetme", asker) == "Nothing is stored about this chat."


def here(room: Room, asker: Asker) -> int:
    found = room.deps(asker).here()
    assert found
    return found.id


@pytest.mark.parametrize(
    ("line", "asker", "stays"),
    [
        ("/deny 12", KEPT, "That an owner keeps you out stays, until an owner takes it back."),
        ("/allow 12", KEPT, "That an owner let you in stays, until an owner takes it back."),
        ("/deny chat -100123", ADMIN, "That an owner keeps this chat out stays, until an owner takes it back."),
        ("/owners add 12", KEPT, "That you own this bot stays: /owners remove ends it."),
    ],
)
def test_of_whom_only_owners_said_something_that_is_told(room: Room, line: str, asker: Asker, stays: str) -> None:
    room.ask(line, replace(TERMINAL, platform="telegram", owner=True))
    said = f"Nothing is stored about this chat but what an owner said.\n{stays}"
    assert room.text("/forgetme", asker) == room.text("/forgetme yes", asker) == said
    assert [*access.permits(room.store), *access.owners(room.store)], "it is still listed, and that is the truth"
    given = room.text("/export", asker)
    assert stays in given
    assert "settings" not in given, "there are none in the file"
    assert "/forgetme" not in given, "it would remove nothing"


def test_who_is_kept_out_is_forgotten_and_stays_kept_out(room: Room) -> None:
    room.ask("/sub btc")
    with room.store.write() as work:
        access.permit(work, ME.platform, "person", str(ME.user), allowed=False, now=room.now)
    text = room.text("/forgetme yes")
    assert "That an owner keeps you out stays, until an owner takes it back." in text
    assert "/sub" not in text


def test_in_a_group_its_admins_forget_the_group_alone(room: Room) -> None:
    room.ask("/watch btc long 95000 3x")
    room.ask("/sub btc", ADMIN)
    assert "write to me privately" in room.refusal("/forgetme yes", MEMBER)
    assert "Forgotten" in room.text("/forgetme yes", ADMIN)
    assert destinations.find(room.store, "telegram", GROUP.chat) is None
    assert len(positions.typed(room.store)) == 1


def test_nothing_is_opened_to_forget_nothing(tmp_path: Path) -> None:
    room = Room(Store(tmp_path / "none.db"))
    assert room.text("/forgetme yes") == "Nothing is stored about this chat."
    assert room.text("/positions").startswith("You watch no positions.")
    assert not room.store.exists
