"""People and chats of several bots of one platform: what is theirs everywhere, and what belongs to one bot's chat."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from handlers import completion
from handlers.access import Access, Allowed, OwnerCode
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker
from handlers.reply import Document
from storage.alerts import outbox
from storage.people import access as kept
from storage.people import destinations
from tests import loop
from tests.handlers.commands.room import ADDRESS, ADMIN, ME, OTHER, Room

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = "telegram@alpha"


def at_alpha(asker: Asker) -> Asker:
    return replace(asker, platform=ALPHA)


def test_what_a_chat_chooses_holds_for_one_bot(room: Room) -> None:
    for asker in (ME, ADMIN):
        room.ask("/tz Europe/Berlin", at_alpha(asker))
        room.ask("/sub btc", at_alpha(asker))
        assert "UTC" in room.text("/tz", asker)
        assert "Europe/Berlin" in room.text("/tz", at_alpha(asker))
    zones = {(place.platform, place.chat): place.zone for place in destinations.everyone(room.store)}
    assert zones == {(ALPHA, ME.address.chat): "Europe/Berlin", (ALPHA, ADMIN.address.chat): "Europe/Berlin"}


def test_what_a_person_watches_is_theirs_at_every_bot_and_told_where_they_asked(room: Room) -> None:
    room.ask("/watch btc long 95000 3x", at_alpha(ME))
    room.ask("/watch eth long 3000 3x bybit")
    for asker in (ME, at_alpha(ME)):
        said = room.text("/positions", asker)
        assert "BTC" in said
        assert "ETH" in said
        offered = completion.offers(room.deps(asker), "unwatch", "which", "")
        assert [offer.words for offer in offered] == ["1", "2"]
    assert room.ask("/positions", replace(at_alpha(OTHER), user="778")).values == room.ask("/positions", OTHER).values
    found = exported(room, ME)
    places = {row["id"]: row["platform"] for row in found["chat"]}
    assert [places[row["destination"]] for row in found["positions"]] == [ALPHA, "telegram"]
    room.ask("/unwatch 1")
    assert "BTC" not in room.text("/positions", at_alpha(ME))
    room.ask(f"/watch {ADDRESS}")
    offered = completion.offers(room.deps(at_alpha(ME)), "unwatch", "which", "")
    assert [offer.words for offer in offered] == ["2", "3"]


@pytest.mark.parametrize("line", ["/watch btc long 95000 3x", f"/watch {ADDRESS}"])
def test_what_is_watched_once_more_is_told_at_the_other_bot(room: Room, line: str) -> None:
    """Whoever closes the chat with one bot is told by the other, if they ask for it there."""
    room.ask(line, at_alpha(ME))
    [at] = destinations.everyone(room.store)
    assert "not watched" not in room.text("/positions")
    outbox.gone(room.store, at.id, "blocked", now=room.now)
    said = (
        "Number 1 is not watched at the moment: the chat in which you asked for it is closed to the bot. "
        "Type the same /watch here."
    )
    assert said in room.text("/positions")
    assert "It is told here from now on." in room.text(line)
    assert "It is told here" not in room.text(line)
    assert "not watched" not in room.text("/positions")
    found = exported(room, ME)
    [here] = [row["id"] for row in found["chat"] if row["platform"] == "telegram"]
    assert {row["destination"] for row in (*found["positions"], *found["addresses"])} == {here}


def test_owners_and_permits_hold_for_every_bot(room: Room) -> None:
    access = Access(Allowed(owners=frozenset({f"telegram:{ME.user}"})))
    listed = replace(access, allowed=replace(access.allowed, listed=True, chats=frozenset({"telegram:-100123"})))
    for asker in (ME, at_alpha(ME)):
        assert access.known(room.store, asker).owner
    assert not access.known(room.store, replace(at_alpha(ME), platform="discord@alpha")).owner
    assert loop.run(listed.may_use(room.store, at_alpha(ADMIN)))
    assert not loop.run(listed.may_use(room.store, at_alpha(OTHER)))
    with room.store.write() as work:
        kept.permit(work, "telegram", "person", str(OTHER.user), allowed=True, now=room.now)
    for asker in (OTHER, at_alpha(OTHER)):
        assert loop.run(listed.may_use(room.store, asker))


def test_the_code_makes_an_owner_of_every_bot_and_its_tries_are_counted_together(room: Room) -> None:
    access = Access(code=OwnerCode("7F3K-9QXM"))

    def tries(code: str, asker: Asker) -> str:
        return access.claim(room.store, asker, code, room.now)

    assert [tries("AAAA-AAAA", who) for who in (ME, at_alpha(ME), ME, at_alpha(ME), ME)] == ["wrong"] * 5
    assert tries("7F3K-9QXM", at_alpha(ME)) == "locked"
    assert tries("7F3K-9QXM", at_alpha(OTHER)) == "right"
    assert [(one.platform, one.person) for one in kept.owners(room.store)] == [("telegram", OTHER.user)]


@pytest.mark.parametrize(
    ("line", "asker", "meant"),
    [
        pytest.param("/deny 777", at_alpha(ME), ("telegram", "person", "777"), id="a person, at another bot"),
        pytest.param("/deny here", at_alpha(ADMIN), ("telegram", "chat", "-100123"), id="this group"),
    ],
)
def test_who_is_kept_out_by_one_bot_is_sent_nothing_by_any(
    room: Room, line: str, asker: Asker, meant: tuple[str, ...]
) -> None:
    others = [OTHER, at_alpha(OTHER), ADMIN, at_alpha(ADMIN)]
    for one in others:
        room.ask("/sub btc", one)
    deps = replace(room.deps(replace(asker, owner=True)), access=Access(Allowed(owners=frozenset({"telegram:1"}))))
    loop.run(answer(line, deps))
    [said] = kept.permits(room.store)
    assert (said.platform, said.kind, said.name) == meant
    gone = {(place.platform, place.chat) for place in destinations.everyone(room.store) if place.gone}
    assert gone == {("telegram", meant[2]), (ALPHA, meant[2])}


def test_a_bot_is_not_named_where_a_person_is_meant(room: Room) -> None:
    assert room.refusal("/deny telegram@alpha:777", replace(ME, owner=True)) == (
        "That holds for every bot of a platform, so type it without the bot's name: telegram:777."
    )


def test_a_group_that_moves_takes_its_permit_and_the_chat_of_each_bot_along(room: Room) -> None:
    for asker in (ADMIN, at_alpha(ADMIN)):
        room.ask("/sub btc", asker)
    with room.store.write() as work:
        kept.permit(work, "telegram", "chat", "-100123", allowed=True, now=room.now)
    destinations.moved(room.store, ALPHA, "-100123", "-1000123")
    assert [one.name for one in kept.permits(room.store)] == ["-1000123"], "of the first bot that hears of it"
    destinations.moved(room.store, "telegram", "-100123", "-1000123")
    assert [one.name for one in kept.permits(room.store)] == ["-1000123"]
    assert {(place.platform, place.chat) for place in destinations.everyone(room.store)} == {
        ("telegram", "-1000123"), (ALPHA, "-1000123"),
    }  # fmt: skip


# --- what is kept of a person -----------------------------------------------------------------------------------------


def exported(room: Room, asker: Asker) -> dict[str, Any]:
    [file] = [block for block in room.ask("/export", asker).blocks if isinstance(block, Document)]
    found: dict[str, Any] = json.loads(file.text)
    return found


def lived_in(room: Room) -> None:
    """Have a person, another one, and a group ask for something at two bots and on another platform."""
    for asker in (ME, at_alpha(ME), OTHER, at_alpha(OTHER), ADMIN, at_alpha(ADMIN)):
        room.ask("/sub btc", asker)
    room.ask("/watch btc long 95000 3x", at_alpha(ME))
    room.ask("/sub btc", Asker("discord", Address("901"), ME.user))
    room.ask("/sub btc", Asker("telegramme", ME.address, ME.user))  # begins with the same letters, and is another one


@pytest.mark.parametrize("at", [lambda asker: asker, at_alpha], ids=["the first bot", "a further one"])
def test_a_person_is_given_and_forgotten_at_every_bot(room: Room, at: Callable[[Asker], Asker]) -> None:
    lived_in(room)
    found = exported(room, at(ME))
    assert sorted(row["platform"] for row in found["chat"]) == ["telegram", ALPHA]
    assert {row["chat"] for row in found["chat"]} == {ME.address.chat}
    assert len(found["subscriptions"]) == 2
    assert len(found["positions"]) == 1
    assert "about this chat and yours with 1 other bot of its owner is in this file" in room.text("/export", at(ME))
    assert "about this chat and yours with 1 other bot of its owner." in room.text("/forgetme yes", at(ME))
    left = {(place.platform, place.chat) for place in destinations.everyone(room.store)}
    assert left == {
        ("telegram", "777"), (ALPHA, "777"), ("telegram", "-100123"), (ALPHA, "-100123"),
        ("discord", "901"), ("telegramme", ME.address.chat),
    }  # fmt: skip
    assert room.text("/positions", ME) == room.text("/positions", OTHER), "nothing is watched any more"


@pytest.mark.parametrize("at", [lambda asker: asker, at_alpha], ids=["the first bot", "a further one"])
def test_a_group_is_given_and_forgotten_at_the_bot_that_is_asked(room: Room, at: Callable[[Asker], Asker]) -> None:
    lived_in(room)
    assert [row["platform"] for row in exported(room, at(ADMIN))["chat"]] == [at(ADMIN).platform]
    assert "about this chat." in room.text("/forgetme yes", at(ADMIN))
    left = [place.platform for place in destinations.everyone(room.store) if place.chat == ADMIN.address.chat]
    assert left == [bot for bot in ("telegram", ALPHA) if bot != at(ADMIN).platform]


def test_what_owners_said_of_a_person_is_given_and_stays_at_every_bot(room: Room) -> None:
    lived_in(room)
    with room.store.write() as work:
        kept.permit(work, "telegram", "person", str(ME.user), allowed=True, now=room.now)
        kept.permit(work, "telegram", "person", str(OTHER.user), allowed=False, now=room.now)
        kept.add_owner(work, "telegram", str(ME.user), room.now)
    found = exported(room, at_alpha(ME))
    assert (len(found["permits"]), len(found["owner"])) == (1, 1)
    assert "That you own this bot stays" in room.text("/forgetme yes", at_alpha(ME))
    assert "That an owner keeps you out stays" in room.text("/forgetme yes", at_alpha(OTHER))


def test_direct_chats_with_ids_of_their_own_are_known_by_the_person(room: Room) -> None:
    """In Discord each bot has another direct chat with a person."""
    for bot, chat in (("discord", "901"), ("discord@alpha", "902")):
        room.ask("/sub btc", Asker(bot, Address(chat), "400"))
    room.ask("/sub btc", Asker("discord@alpha", Address("903"), "401"))
    asker = Asker("discord", Address("901"), "400")
    assert [row["chat"] for row in exported(room, asker)["chat"]] == ["901", "902"]
    room.ask("/forgetme yes", asker)
    assert [place.chat for place in destinations.everyone(room.store)] == ["903"]
