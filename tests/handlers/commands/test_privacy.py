"""Being forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.engine.database import Store
from storage.people import access, destinations, positions
from tests.handlers.commands.room import ADDRESS, ADMIN, GROUP, ME, MEMBER, OTHER, Room

if TYPE_CHECKING:
    from pathlib import Path


def bytes_of(store: Store) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(store.path.parent.glob(f"{store.path.name}*")))


def test_forgetme_leaves_no_byte_and_says_what_went(room: Room) -> None:
    room.ask("/watch btc long 95000 3x")
    room.ask(f"/watch {ADDRESS}")
    room.ask("/sub btc")
    room.ask("/tz Europe/Berlin")
    room.ask("/watch btc long 95000 3x", OTHER)
    assert bytes_of(room.store).count(b"5550123456") > 0
    text = room.text("/forgetme")
    assert "Removed: its settings, 1 subscription, 1 watched position, 1 followed address." in text
    assert "Backups" in text
    assert bytes_of(room.store).count(b"5550123456") == 0
    assert len(positions.of(room.store, "telegram", "777")) == 1
    assert room.text("/forgetme") == "Nothing is stored about this chat."
    assert bytes_of(room.store).count(b"5550123456") == 0, "asking to be forgotten must not be remembered"


def test_who_is_kept_out_is_forgotten_and_stays_kept_out(room: Room) -> None:
    room.ask("/sub btc")
    with room.store.write() as work:
        access.permit(work, ME.platform, "person", str(ME.user), allowed=False, now=room.now)
    text = room.text("/forgetme")
    assert "That an owner keeps you out stays, until an owner takes it back." in text
    assert "/sub" not in text


def test_in_a_group_its_admins_forget_the_group_alone(room: Room) -> None:
    room.ask("/watch btc long 95000 3x")
    room.ask("/sub btc", ADMIN)
    assert "write to me privately" in room.refusal("/forgetme", MEMBER)
    assert "Forgotten" in room.text("/forgetme", ADMIN)
    assert destinations.find(room.store, "telegram", GROUP.chat) is None
    assert len(positions.typed(room.store)) == 1


def test_nothing_is_opened_to_forget_nothing(tmp_path: Path) -> None:
    room = Room(Store(tmp_path / "none.db"))
    assert room.text("/forgetme") == "Nothing is stored about this chat."
    assert room.text("/positions").startswith("You watch no positions.")
    assert not room.store.exists
