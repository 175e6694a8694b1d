"""What is kept of a person and of a chat, told and given as a file."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers.reply import Document
from signals.alerts.episodes import Transition
from storage.alerts import episodes, outbox
from storage.engine.database import Store
from storage.people import access, destinations, exporting
from tests.handlers.commands.room import ADDRESS, ADMIN, ME, MEMBER, NOW, OTHER, Room
from tests.storage import beside

if TYPE_CHECKING:
    from pathlib import Path

    from handlers.command import Asker

# What is kept for the market or the program: it names no chat and no person.
NOBODYS = {
    "_sqlite_migrations", "archive_differences", "archive_files", "bars", "gaps", "history_owed", "leases", "levels",
    "liquidation_hours", "options", "rewritten", "rule_states", "series", "settings", "settlements", "snapshots",
    "source_health", "sqlite_sequence", "notices", "definitions", "record", "outcomes", "own_states", "own_assets",
    "processes", "wishes",
    "outbox_parts",  # for the moments until its rows are made, which are part of it
}  # fmt: skip


def lived_in(room: Room) -> None:
    """Have somebody ask for one of each, and another person and a group for some."""
    room.ask("/sub btc oi")
    room.ask("/tz Europe/Berlin")
    room.ask("/quiet 23-7")
    room.ask("/digest 9:00")
    room.ask("/watch btc long 95000 3x")
    room.ask(f"/watch {ADDRESS}")
    room.ask("/watch eth long 3000 3x bybit", OTHER)
    room.ask("/sub", ADMIN)
    with room.store.write() as work:
        fired = Transition("fired", NOW, NOW, "warning", {})
        number = episodes.record(work, ("position 1", "BTC"), fired, None)
        here = destinations.find(room.store, "telegram", ME.address.chat)
        assert here
        notice = outbox.Notice("position", "warning", NOW, {"secret": "mine"}, number, "position 1", "BTC")
        outbox.announce_to(work, here.id, notice, now=NOW, expires=NOW + timedelta(days=1))
        news = outbox.Notice("fired", "notice", NOW, {"event": "alert"}, None, "oi_zscore", "BTC")
        outbox.announce(work, news, now=NOW, expires=NOW + timedelta(days=1))
        work.run(exporting.SQL.permit, platform="telegram", kind="person", name=ME.user, allowed=True, now=0)
        access.add_owner(work, "telegram", str(ME.user), NOW)


def file_of(room: Room, asker: Asker = ME) -> tuple[str, dict[str, Any]]:
    [file] = [block for block in room.ask("/export", asker).blocks if isinstance(block, Document)]
    return file.name, json.loads(file.text)


def test_a_person_gets_all_that_is_theirs_and_nothing_else(room: Room) -> None:
    lived_in(room)
    name, found = file_of(room)
    assert name == "perpulse-export-2026-11-22.json"
    assert [(row["rule"], row["asset"]) for row in found["subscriptions"]]
    assert found["chat"][0]["zone"] == "Europe/Berlin"
    assert found["chat"][0]["created"] == "2026-11-22T12:00:30Z"
    assert [row["entry"] for row in found["positions"]] == [95_000.0]
    assert found["addresses"][0]["address"].lower() == ADDRESS.lower()
    assert [row["kind"] for row in found["switches"]] == ["quiet"]
    assert found["digests"][0]["days"] == list(range(7))
    assert [row["rule"] for row in found["episodes"]] == ["position 1"]
    assert [row["payload"] for row in found["messages"]] == [{"secret": "mine"}, None]
    assert len(found["permits"]) == len(found["owner"]) == 1
    whole = json.dumps(found)
    assert "777" not in whole, "somebody else's id"
    assert "-100123" not in whole, "the group's id"


def test_every_row_that_names_somebody_is_part_of_it(room: Room) -> None:
    lived_in(room)
    tables = {row["name"] for row in beside.rows(room.store, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    personal = tables - NOBODYS
    assert personal == {
        "destinations", "subscriptions", "switches", "digests", "positions", "followed", "outbox", "messages",
        "episodes", "permits", "owners", "server_roles", "own_rules", "shared_rules", "tried",
    }  # fmt: skip
    kinds = exporting.everything(room.store, "telegram", ME.address.chat, ME.user)
    assert len(kinds) == len(personal), "a table with ids in it needs its own kind in the export, or is nobody's"
    for table, kind in (("positions", "positions"), ("followed", "addresses"), ("digests", "digests")):
        columns = {row["name"] for row in beside.rows(room.store, f"PRAGMA table_info({table})")}
        assert set(kinds[kind][0]) == columns


def test_a_group_is_given_to_its_admins_without_what_members_watch(room: Room) -> None:
    room.ask("/watch btc long 95000 3x", replace(ME, user=ADMIN.user))
    room.ask("/sub oi", ADMIN)
    _, found = file_of(room, ADMIN)
    assert found["chat"][0]["title"] == "Traders"
    assert found["subscriptions"]
    assert not found["positions"]
    assert not found["owner"]
    assert "95000" not in json.dumps(found)
    assert "write to me privately" in room.refusal("/export", MEMBER)


def test_where_nothing_is_kept_there_is_no_file(room: Room, tmp_path: Path) -> None:
    assert room.text("/export") == "Nothing is stored about this chat."
    lived_in(room)
    room.ask("/forgetme yes")
    said = room.text("/forgetme yes")
    assert said.startswith("Nothing is stored about this chat but what an owner said.")
    empty = Room(Store(tmp_path / "none.db"))
    assert empty.text("/export") == "Nothing is stored about this chat."
    assert not empty.store.exists


def test_what_owners_said_stays_and_that_is_said(room: Room) -> None:
    lived_in(room)
    assert "That you own this bot stays" in room.text("/forgetme yes")
    _, found = file_of(room)
    assert [kind for kind, rows in found.items() if isinstance(rows, list) and rows] == ["permits", "owner"]


@pytest.mark.parametrize(
    ("asker", "said", "button"),
    [
        pytest.param(ME, "/export gives all of it as a file", True, id="in private"),
        pytest.param(ADMIN, "/export gives all of it as a file", True, id="an admin"),
        pytest.param(MEMBER, "Nobody else in a group is shown it", False, id="a member"),
    ],
)
def test_what_is_kept_is_told(room: Room, asker: Asker, said: str, button: bool) -> None:
    text = room.text("/privacy", asker)
    assert said in text
    assert ("More: /export" in text) == button
    assert not room.store.exists or destinations.find(room.store, "telegram", asker.address.chat) is None
