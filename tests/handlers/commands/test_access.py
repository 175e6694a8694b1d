"""/owner, /owners, /allow, /deny: the first owner, further ones, and who is let in or kept out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from handlers.access import Access, Allowed, OwnerCode
from handlers.answer import answer, answer_blocks
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, Refused, commands, nobody
from handlers.reply import Line, Picture, Reply, plain_text
from storage.alerts import outbox
from storage.engine.database import Store
from storage.people import access as kept
from storage.people import destinations
from tests import loop
from tests.handlers.commands.room import GROUP, ME, NOW, OTHER, TERMINAL, Room

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.handlers.conftest import Desk

CODE = "7F3K-9QXM"
HERE = replace(TERMINAL, owner=True)


class OwnedRoom(Room):
    """A room whose owner is found as in the running bot. access: what the configuration says."""

    def __init__(self, store: Store, access: Access) -> None:
        super().__init__(store)
        self.access = access

    def deps(self, asker: Asker) -> Deps:
        return Deps(
            self.now, self.access.known(self.store, asker), self.store, ("BTC", "ETH"), nobody, access=self.access
        )

    def ask(self, line: str, asker: Asker = ME) -> Reply:
        return loop.run(answer(line, self.deps(asker)))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "perpulse.db")


@pytest.fixture
def room(store: Store) -> OwnedRoom:
    return OwnedRoom(store, Access(code=OwnerCode(CODE)))


def _others(room: OwnedRoom) -> list[destinations.Destination]:
    """Return the stored chats but that of the owner."""
    return [place for place in destinations.everyone(room.store) if place.chat != ME.address.chat]


@pytest.fixture
def owned(room: OwnedRoom) -> OwnedRoom:
    room.ask(f"/owner {CODE}")
    return room


def owners(room: Room) -> list[str]:
    return [f"{one.platform}:{one.person}" for one in kept.owners(room.store)]


# --- becoming the first one -------------------------------------------------------------------------------------------


def test_whoever_brings_the_code_becomes_the_owner(room: OwnedRoom) -> None:
    said = room.refusal("/owners")
    assert said == (
        "Only an owner of this bot can do that. It has none yet: whoever started it finds a code there, "
        "and sends it here like /owner CODE."
    )
    assert room.text("/owner 7f3k9qxm").startswith("You are the owner of this bot now.")
    assert owners(room) == ["telegram:5550123456"]
    assert "1 owner" in room.text("/owners")
    assert room.text("/owner").startswith("You are an owner of this bot.")
    assert room.refusal(f"/owner {CODE}", OTHER).startswith("There is no code to be used")
    assert room.refusal("/owners", OTHER) == "Only an owner of this bot can do that."


def test_a_link_may_carry_the_code(room: OwnedRoom) -> None:
    assert room.text("/start owner_7F3K9QXM").startswith("You are the owner of this bot now.")
    assert room.text("/start owner_7F3K9QXM", OTHER).startswith("perpulse takes the pulse")


@pytest.mark.parametrize(
    ("line", "asker", "said"),
    [
        pytest.param("/owner", ME, "Type the code that was printed", id="no code"),
        pytest.param("/owner 1234-5678", ME, "That is not the code.", id="a wrong one"),
        pytest.param(f"/owner {CODE}", replace(ME, address=GROUP), "A code is for your eyes only.", id="in a group"),
        pytest.param(f"/owner {CODE}", Asker("telegram", GROUP), "A code is for your eyes only.", id="anonymous admin"),
    ],
)
def test_nobody_else_does(room: OwnedRoom, line: str, asker: Asker, said: str) -> None:
    assert room.refusal(line, asker).startswith(said)
    assert not owners(room)


def test_a_stranger_who_guesses_blocks_nobody_but_themselves(room: OwnedRoom) -> None:
    for number in range(5):
        room.refusal(f"/owner 0000-000{number}", OTHER)
    assert room.refusal(f"/owner {CODE}", OTHER).startswith("Those were too many wrong codes.")
    assert room.text(f"/owner {CODE}").startswith("You are the owner of this bot now.")
    assert owners(room) == ["telegram:5550123456"]


def test_where_an_owner_is_configured_there_is_no_code(store: Store) -> None:
    room = OwnedRoom(store, Access(Allowed(owners=frozenset({"telegram:777"}))))
    assert room.refusal(f"/owner {CODE}").startswith("There is no code to be used")
    assert "telegram:777, by the configuration" in room.text("/owners", OTHER)
    assert room.refusal("/owners remove 777", OTHER).startswith("telegram:777 is an owner by the configuration.")


# --- owners -----------------------------------------------------------------------------------------------------------


def test_owners_add_and_remove_each_other(owned: OwnedRoom) -> None:
    assert owned.refusal("/owners remove 5550123456").startswith("That is the only owner.")
    assert "2 owners" in owned.text("/owners add 777")
    assert "telegram:42" in owned.text("/owners add telegram:42", OTHER)
    assert "2 owners" in owned.text("/owners remove telegram:5550123456", OTHER)
    assert owners(owned) == ["telegram:42", "telegram:777"]
    assert owned.refusal("/owners") == "Only an owner of this bot can do that."


def test_who_sits_at_the_bot_is_an_owner(room: OwnedRoom) -> None:
    assert room.text("/owners", HERE).startswith("Nobody owns this bot but whoever sits at it.")
    assert "telegram:777" in room.text("/owners add telegram:777", HERE)
    asked = room.refusal("/owners add 777", HERE)
    assert asked.startswith("Of which platform is 777? Type it before the number: discord:12345")


@pytest.mark.parametrize("name", [name for name, command in commands().items() if command.owners_only])
def test_a_group_admin_is_no_owner(owned: OwnedRoom, name: str) -> None:
    for asker in (replace(OTHER, address=GROUP), Asker("telegram", GROUP, may_change=True)):
        assert owned.refusal(f"/{name}", asker) == "Only an owner of this bot can do that."


# --- who may use it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "asker", "permit"),
    [
        pytest.param("/allow 777", ME, ("telegram", "person", "777", True), id="a person"),
        pytest.param("/deny 777", ME, ("telegram", "person", "777", False), id="a person, out"),
        pytest.param("/allow person 777", ME, ("telegram", "person", "777", True), id="said to be one"),
        pytest.param("/allow telegram:777", ME, ("telegram", "person", "777", True), id="with the platform"),
        pytest.param("/allow telegram:42", HERE, ("telegram", "person", "42", True), id="elsewhere"),
        pytest.param("/allow chat telegram:42", HERE, ("telegram", "chat", "42", True), id="a chat elsewhere"),
        pytest.param("/deny -100123", ME, ("telegram", "chat", "-100123", False), id="a chat by its number"),
        pytest.param("/allow here", replace(ME, address=GROUP), ("telegram", "chat", "-100123", True), id="here"),
    ],
)
def test_somebody_is_let_in_or_kept_out(
    owned: OwnedRoom, line: str, asker: Asker, permit: tuple[str, str, str, bool]
) -> None:
    owned.ask(line, asker)
    [one] = kept.permits(owned.store)
    assert (one.platform, one.kind, one.name, one.allowed, one.since) == (*permit, NOW)
    assert one.name in owned.text("/allow")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/deny 5550123456", "An owner cannot be kept out, and telegram:5550123456 is one."),
        ("/allow here", "Here there is only you."),
        ("/allow Ann", "“Ann” is no id."),
        ("/allow signal:5", "“signal:5” is no id."),
        ("/deny --5", "“--5” is no id."),
        ("/deny ٧٧٧", "“٧٧٧” is no id."),
        ("/deny 999999999999999999999999999999", "“999999999999999999999999999999” is no id."),
        ("/allow 1 2 3", "Type the id of one person"),
        ("/allow person -5", "-5 is a group. A person's id has no minus, like /allow 12345."),
        ("/owners add telegram:-5", "telegram:-5 is a group. A person's id has no minus, like /owners add 12345."),
        ("/owners sell 5", "Type /owners alone"),
    ],
)
def test_what_is_refused_says_what_to_type(owned: OwnedRoom, line: str, said: str) -> None:
    assert owned.refusal(line).startswith(said)


def test_the_last_word_counts(owned: OwnedRoom) -> None:
    for line in ("/allow 777", "/deny 777", "/allow 777"):
        owned.ask(line)
    assert [one.allowed for one in kept.permits(owned.store)] == [True]
    assert "Everybody may use this bot." in owned.text("/allow")


def test_who_is_kept_out_is_sent_nothing_any_more(owned: OwnedRoom) -> None:
    owned.ask("/sub btc", OTHER)
    owned.ask("/sub btc", replace(OTHER, address=GROUP))
    owned.ask("/deny 777")
    gone = {place.chat: place.gone_reason for place in _others(owned)}
    assert gone == {"777": "kept out by an owner", "-100123": None}
    owned.ask("/deny chat -100123")
    assert {place.gone_reason for place in _others(owned)} == {"kept out by an owner"}


def test_whose_own_chat_has_another_id_is_sent_nothing_either(owned: OwnedRoom) -> None:
    """In Discord a direct chat does not bear the id of the person."""
    direct = Asker("discord", Address("401"), "400")
    owned.ask("/sub btc", direct)
    owned.ask("/deny discord:400")
    assert [place.gone_reason for place in _others(owned)] == ["kept out by an owner"]
    owned.ask("/allow discord:400")
    assert [place.gone_reason for place in _others(owned)] == [None]


def test_who_is_let_in_again_is_sent_again_what_is_on(owned: OwnedRoom) -> None:
    """The subscriptions stayed all the while, and /settings showed them as on."""
    blocked = owned.deps(replace(OTHER, user="778", address=Address("778"))).made()
    for asker in (OTHER, replace(OTHER, address=GROUP)):
        owned.ask("/sub btc", asker)
    for line in ("/deny 777", "/deny chat -100123", "/deny 778"):
        owned.ask(line)
    outbox.gone(owned.store, blocked.id, "blocked by the user", now=NOW)
    for line in ("/allow 777", "/allow chat -100123", "/allow 778"):
        owned.ask(line)
    gone = {place.chat: place.gone_reason for place in _others(owned)}
    assert gone == {"777": None, "-100123": None, "778": "blocked by the user"}


@pytest.mark.parametrize(
    ("typed", "kept_as"), [("/deny 000777", "777"), ("/deny telegram:0777", "777"), ("/deny -00100123", "-100123")]
)
def test_an_id_is_kept_as_the_platform_writes_it(owned: OwnedRoom, typed: str, kept_as: str) -> None:
    owned.ask(typed)
    assert [one.name for one in kept.permits(owned.store)] == [kept_as]


def test_a_permit_moves_with_its_chat(owned: OwnedRoom) -> None:
    owned.ask("/deny -20")
    destinations.moved(owned.store, "telegram", "-20", "-1000020")
    destinations.moved(owned.store, "telegram", "-20", "-1000020")
    assert [one.name for one in kept.permits(owned.store)] == ["-1000020"]


def test_groups_have_the_commands_that_they_are_given(store: Store) -> None:
    room = OwnedRoom(store, Access(Allowed(in_groups=frozenset({"oi", "help"}))))
    assert room.text("/help", replace(ME, address=GROUP))
    with pytest.raises(Refused, match="In groups I do not answer /fng"):
        room.ask("/fng", replace(ME, address=GROUP))
    assert room.deps(ME).access.in_groups("oi")
    assert room.text("/privacy", replace(ME, address=GROUP)), "what is stored of them is theirs everywhere"


@pytest.mark.parametrize(
    ("line", "answered"),
    [("/liq 95000 25x long", True), ("fng", True), ("/positions", False), ("/watch btc", False), ("/chart btc", False)],
)
def test_in_other_chats_only_what_is_nobodys_own_is_answered(store: Store, line: str, answered: bool) -> None:
    room, inline = Room(store), replace(ME, inline=True)
    room.mark(95_000)
    said = loop.run(answer_blocks(line, room.deps(inline), on_error=lambda *_: "a defect"))
    assert ("is answered in a chat with me" not in plain_text(said.blocks)) == answered


def test_pictures_may_be_too_many(store: Store) -> None:
    room = Room(store)
    deps = replace(room.deps(ME), may_draw=lambda _: False)
    with pytest.raises(Refused, match="enough pictures for this minute"):
        loop.run(answer("/chart btc", deps))
    assert plain_text(loop.run(answer("/help chart", deps)).all_blocks())


@pytest.mark.slow
def test_where_pictures_are_too_many_a_rule_goes_on_in_words(desk: Callable[..., Desk]) -> None:
    counted: list[Asker] = []
    deps = replace(desk("bundled", "2026-02-06").deps, may_draw=lambda asker: bool(counted.append(asker)))
    said = loop.run(answer("/alert btc price -5% in 24h", deps))
    assert Line("Without its picture: there were enough for this minute.") in said.blocks
    assert not any(isinstance(block, Picture) for block in said.blocks)
    assert "Saved as rule 1." in plain_text(loop.run(answer("/alert save btc price -5% in 24h", deps)).blocks)
    with pytest.raises(Refused, match="30% a year or 30% per 8 h"):
        loop.run(answer("/alert eth funding > 30", deps))
    assert len(counted) == 1, "what is saved or asked about uses up no picture"
