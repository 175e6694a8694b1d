"""Who may do what where: every command, by every role, in every kind of chat."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from handlers.channels.channel import Address
from handlers.command import Asker, Refused, commands
from handlers.reply import Buttons, plain_text
from storage.engine.database import Store
from tests.handlers.commands.room import Room

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Written down by hand, and not read from the commands: a flag that is forgotten there is found here.
OWNERS: Final = {"owners", "allow", "deny", "announce"}
ADMINS: Final = {
    "sub", "unsub", "tz", "venue", "digest", "mute", "unmute", "quiet", "only", "budget", "mention", "alert",
    "export", "share", "forgetme",
}  # fmt: skip
# What only shows when nothing more is said, and that is for everybody; and a line that changes.
CHANGING: Final = {
    "tz": "Berlin", "venue": "bybit", "digest": "off", "mute": "1h", "quiet": "23-7", "only": "warnings",
    "budget": "5", "mention": "off", "alert": "save btc > 90k",
}  # fmt: skip
IN_PRIVATE: Final = {"watch", "unwatch", "positions", "owner"}
EVERYBODY: Final = {"settings", "alerts", "privacy", "status", "sources", "start", "help", "about"}
NOBODYS_OWN: Final = ("calculators", "market", "judgement")  # what is asked of these everybody may ask anywhere
ROLES: Final = {
    "owner": Asker("telegram", Address("7"), "7", owner=True, may_change=False),
    "admin": Asker("telegram", Address("8"), "8"),
    "member": Asker("telegram", Address("9"), "9", may_change=False),
    "anonymous admin": Asker("telegram", Address("10")),
    "a channel that speaks": Asker("telegram", Address("11"), may_change=False),
}
CHATS: Final = {
    "private": None,
    "group": Address("-100", kind="group"),
    "topic": Address("-100", "7", "group"),
    "channel": Address("-200", kind="channel"),
}
ROWS: Final = [
    (role, chat)
    for role, chat in itertools.product(ROLES, CHATS)
    if chat != "private" or role in ("owner", "member")  # alone with the bot everybody is their own admin
]
RIGHTS: Final = (
    "Only an owner of this bot", "Only admins of this chat", "Positions are private", "for your eyes only",
)  # fmt: skip


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    path: Path = tmp_path_factory.mktemp("rights") / "perpulse.db"
    made = Room(Store(path))
    made.mark(95_000.0)
    yield made
    made.store.close()


def allowed(name: str, role: str, chat: str) -> bool:
    """Tell who may do what, as it was promised."""
    if name in OWNERS:
        return role == "owner"
    if chat == "private":
        return True
    if name in IN_PRIVATE:
        return name == role  # an owner is told that they are one
    return name in EVERYBODY or commands()[name].subject in NOBODYS_OWN or role in ("admin", "anonymous admin")


def test_every_command_is_somebodys() -> None:
    kinds = [OWNERS, ADMINS, IN_PRIVATE, EVERYBODY]
    rest = {name for name, command in commands().items() if command.subject not in NOBODYS_OWN}
    assert rest == set().union(*kinds), "say above who may use a new command, and where"
    assert sum(map(len, kinds)) == len(set().union(*kinds))


@pytest.mark.slow
@pytest.mark.parametrize(("role", "chat"), ROWS, ids=[f"{role} in {chat}" for role, chat in ROWS])
def test_who_may_do_what_where(room: Room, role: str, chat: str) -> None:
    asker = ROLES[role]
    asker = replace(asker, address=CHATS[chat] or asker.address, may_change=asker.may_change or chat == "private")
    for name in commands():
        line = f"/{name} {CHANGING.get(name, '')}".strip()
        try:
            room.ask(line, asker)
            said = ""
        except Refused as refused:
            said = str(refused)
        assert any(right in said for right in RIGHTS) != allowed(name, role, chat), (line, said)


@pytest.mark.parametrize("name", CHANGING)
def test_what_is_set_is_shown_to_everybody(room: Room, name: str) -> None:
    member = replace(ROLES["member"], address=CHATS["group"] or ROLES["member"].address, server="77")
    assert commands()[name].shows, "and by its words, too"
    reply = room.ask(f"/{name}", member)
    assert reply.back is None, "nothing was changed"
    assert "Only admins of this chat can change that." in plain_text(reply.all_blocks())
    pressed = [button.command for block in reply.blocks if isinstance(block, Buttons) for button in block.buttons]
    assert not any(commands()[line.split()[0].removeprefix("/")].changes_chat for line in pressed)
    assert "Only" not in plain_text(room.ask(f"/{name}", replace(member, may_change=True)).all_blocks()[-1:])
