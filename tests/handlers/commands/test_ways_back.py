"""What is changed says how to change it back: every command that changes, with what is kept before and after."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from handlers.command import Refused, commands
from handlers.language.telling.subscriptions import words_of
from handlers.reply import Button, Buttons, Line, Reply
from signals.alerts.rule import rules
from storage.people import access, destinations, digests, positions, switches
from storage.people import rules as own_rules
from tests.handlers.commands.room import ADDRESS, ADMIN, ME, NOW, OWNER, Room

if TYPE_CHECKING:
    from handlers.command import Asker

SERVER: Final = replace(ADMIN, server="77", manages=True)
ROLES: Final = ("111111111111111111", "222222222222222222")
RULE: Final = "/alert save btc price > 100k"
WATCH: Final = "/watch btc long 60000 5x 0.5btc bybit"

# before, what is typed, and how many lines lead back. Who asks is an owner in their own chat, unless it says otherwise.
CASES: Final = {
    "sub": [
        ([], "/sub", 1),
        ([], "/sub oi btc", 1),
        (["/sub oi"], "/sub", 2),
        (["/sub oi", "/sub funding btc"], "/sub", 3),
        (["/sub oi"], "/sub funding", 1),
        (["/sub oi btc"], "/sub btc", 2),
        (["/sub btc"], "/sub eth", 1),
        (["/sub"], "/sub sources", 1),
        (["/sub", "/sub sources"], "/sub silent", 1),
        (["/sub", "/sub silent"], "/sub usual", 1),
        (["/sub", "/sub silent"], "/sub loud", 1),
        (["/sub", "/sub funding loud", "/sub btc silent"], "/sub silent", 3),
        (["/sub"], "/sub funding loud", 1),
        (["/sub"], "/sub funding silent btc", 1),
        (["/sub btc"], "/sub funding silent", 3),
        (["/sub", "/sub oi loud"], "/sub oi silent", 1),
    ],
    "unsub": [
        (["/sub"], "/unsub", 1),
        (["/sub"], "/unsub funding", 1),
        (["/sub"], "/unsub btc", 1),
        (["/sub", "/sub sources"], "/unsub", 2),
        (["/sub oi funding btc"], "/unsub oi", 1),
        (["/sub oi btc", "/sub funding eth"], "/unsub", 2),
        (["/sub oi btc", "/sub fng"], "/unsub btc", 1),
        (["/sub funding silent"], "/unsub funding", 1),
        (["/sub funding silent"], "/unsub", 1),
        (["/sub", "/sub funding silent"], "/unsub funding", 2),
        (["/sub", "/sub funding loud", "/sub btc silent"], "/unsub", 3),
        (["/sub btc silent", "/sub oi eth"], "/unsub btc", 1),
        (["/sub", "/sub silent"], "/unsub", 1),
        (["/sub sources", "/sub sources loud"], "/unsub sources", 1),
    ],
    "mute": [
        ([], "/mute 2h", 1),
        ([], "/mute oi btc until monday", 1),
        (["/mute oi until monday"], "/mute oi 1h", 1),
        (["/mute oi 8h", "/mute oi_zscore 2h"], "/mute oi 1h", 2),
        (["/mute oi funding until monday"], "/mute oi 1h", 1),
        (["/mute btc eth 8h"], "/mute btc 1h", 1),
        (["/mute oi btc 8h", "/mute oi eth 8h"], "/mute oi btc eth 1h", 1),
        (["/mute oi"], "/mute all 3h", 1),
    ],
    "unmute": [
        (["/mute 2h"], "/unmute", 1),
        (["/mute oi 2h"], "/unmute", 1),
        (["/mute oi funding btc 2h"], "/unmute", 1),
        (["/mute oi 2h", "/mute btc for good"], "/unmute", 2),
        (["/mute oi 2h", "/mute btc for good"], "/unmute oi", 1),
        (["/mute all 2h", "/mute btc eth 3h"], "/unmute everything", 1),
    ],
    "quiet": [
        ([], "/quiet 23-7", 1),
        (["/quiet 23-7 strict"], "/quiet 22-6", 1),
        (["/quiet 23-7"], "/quiet off", 1),
    ],
    "only": [([], "/only warnings", 1), (["/only critical"], "/only everything", 1)],
    "budget": [([], "/budget 20", 1), (["/budget off"], "/budget 3", 1), (["/budget 5"], "/budget usual", 1)],
    "tz": [
        ([], "/tz Berlin", 1),
        (["/tz new york"], "/tz UTC+2", 1),
        (["/tz UTC-5"], "/tz Asia/Kolkata", 1),
        (["/tz America/Argentina/Buenos_Aires"], "/tz utc", 1),
    ],
    "venue": [([], "/venue bybit", 1), (["/venue okx"], "/venue bybit", 1), (["/venue okx"], "/venue none", 1)],
    "digest": [
        ([], "/digest 9:00", 1),
        ([], "/digest weekly sunday 18:00", 1),
        (["/digest 9:00"], "/digest off", 1),
        (["/digest weekdays 9:00 btc", "/digest weekly friday 18:00"], "/digest off", 2),
        (["/digest weekends 9:00"], "/digest 10:00", 1),
        (["/digest daily monday 9:00"], "/digest daily 10:00", 1),
        (["/digest 9:00"], "/digest btc", 1),
        (["/digest 9:00 btc"], "/digest all 10:00", 1),
        (["/digest 9:00 btc"], "/digest weekly sunday 18:00", 1),
    ],
    "watch": [
        ([], WATCH, 1),
        ([], f"/watch {ADDRESS}", 1),
        ([], f"/watch {ADDRESS} lines 15 8 3 name whale", 1),
        ([WATCH], "/watch 1 lines 15 8 3", 1),
        ([WATCH], "/watch btc name hedge", 1),
        ([f"{WATCH} name hedge"], "/watch 1 name other lines 30", 1),
        ([WATCH], "/watch 1 margin +500", 1),
        ([WATCH, "/watch 1 margin +500.25"], "/watch 1 margin -0.25", 1),
        (["/watch btc long 60000 5x 1000usd bybit inverse"], "/watch 1 margin +0.01btc lines 9", 1),
        ([f"/watch {ADDRESS}"], "/watch 1 lines 15 8 3 name whale", 1),
        ([f"/watch {ADDRESS} lines 9 name whale"], "/watch 1 lines usual name none", 1),
    ],
    "unwatch": [
        ([WATCH], "/unwatch 1", 1),
        ([f"{WATCH} lines 15 8.5 name the hedge"], "/unwatch all", 1),
        (["/watch btc long 60000 5x bybit"], "/unwatch btc", 1),
        (["/watch btc long 60000 5x 1000usd bybit inverse", "/watch 1 margin +0.01btc"], "/unwatch 1", 2),
        ([WATCH, f"/watch {ADDRESS} name whale lines 9 4"], "/unwatch all", 2),
        (["/watch eth short 10x 3000 1eth okx", WATCH, "/watch 2 margin +5"], "/unwatch 2", 2),
    ],
    "alert": [([], RULE, 1), ([f"{WATCH} lines 20 10"], "/alert save my position 1 within 7%", 1)],
    "alerts": [
        ([RULE], "/alerts pause 1", 1),
        ([RULE, "/alerts pause 1"], "/alerts resume 1", 1),
        ([RULE], "/alerts delete 1", 1),
        ([RULE, "/alerts pause 1"], "/alerts delete 1", 1),
        ([], RULE.replace("save", "save paused"), 1),
        ([RULE], "/alerts edit 1 save btc price > 110k", 1),
        ([RULE, "/alerts pause 1"], "/alerts edit 1 save btc price > 110k", 2),
    ],
    "mention": [
        ([], f"/mention {ROLES[0]} critical", 1),
        ([f"/mention {ROLES[0]}"], f"/mention {ROLES[1]} notice", 1),
        ([f"/mention {ROLES[0]} critical"], "/mention off", 1),
    ],
    "owners": [
        (["/owners add 12"], "/owners add 13", 1),
        (["/owners add 12", "/owners add 13"], "/owners remove 12", 1),
    ],
    "allow": [
        ([], "/allow 12", 1),
        (["/deny 12"], "/allow 12", 1),
        (["/deny chat -1001"], "/allow chat -1001", 1),
        (["/allow 12"], "/allow remove 12", 1),
        (["/deny chat -1001"], "/deny remove chat -1001", 1),
    ],
    "deny": [([], "/deny 12", 1), (["/allow discord:12"], "/deny discord:12", 1), ([], "/deny -1001", 1)],
}
# Said and done, or nothing that a line can bring back; the answer of each says so.
NO_WAY_BACK: Final = {"forgetme", "announce", "owner"}
SHOWS: Final = {"share"}  # what it keeps is a link, which holds as long as the rule does and leads nobody anywhere else
ROWS: Final = [(name, *case) for name, cases in CASES.items() for case in cases]


def asker_of(name: str) -> Asker:
    return SERVER if name == "mention" else OWNER


def state(room: Room, asker: Asker) -> dict[str, Any]:
    """Return all that commands change, as people know it: without numbers of rows, and times of writing."""
    store, here = room.store, room.deps(asker).here()
    me = ("telegram", ME.user or "")
    switched = [one for one in switches.of_one(store, here.id) if one.runs(room.now)] if here else []
    role = switches.mentioned(store, "telegram", "77")
    return {
        "zone": here.zone if here else "UTC",
        "venue": here.venue if here else None,
        "subscriptions": {*destinations.subscriptions(store, here.id)} if here else set(),
        "switches": {(one.kind, one.what, one.until, one.value) for one in switched},
        "digests": {(one.kind, one.wall, one.assets) for one in digests.of(store, here.id).values()} if here else set(),
        "positions": [
            (one.number, one.name, one.lines, replace(one.holding, begun=NOW)) for one in positions.of(store, *me)
        ],
        "addresses": [(one.number, one.name, one.lines, one.address) for one in positions.followed_by(store, *me)],
        "rules": [(one.worded.line, one.paused is None) for one in own_rules.of(store, here.id)] if here else [],
        "role": (role.what, role.value) if role else None,
        "owners": {(one.platform, one.person) for one in access.owners(store)},
        "permits": {(one.platform, one.kind, one.name, one.allowed) for one in access.permits(store)},
    }


def test_every_command_that_changes_is_here() -> None:
    changing = {name for name, command in commands().items() if not command.by_speech}
    assert changing == {*CASES, *NO_WAY_BACK, *SHOWS}, "say above what leads back from a new command"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "before", "line", "back"), ROWS, ids=[" ; ".join((*before, line)) for _, before, line, _ in ROWS]
)
def test_the_lines_that_are_said_lead_back(room: Room, name: str, before: list[str], line: str, back: int) -> None:
    asker = asker_of(name)
    for typed in before:
        room.ask(typed, asker)
    was = state(room, asker)
    room.now += timedelta(minutes=3, seconds=20)
    reply = room.ask(line, asker)
    assert state(room, asker) != was, "else it is no case"
    assert reply.back is not None
    assert len(reply.back) == back, reply.back
    said = [block.text for block in reply.all_blocks() if isinstance(block, Line)]
    heads = ["To change it back", *["And then"] * (back - 1)]
    assert [one for one in said if one.startswith(("To change it back", "And then"))] == [
        f"{head}: {typed}" for head, typed in zip(heads, reply.back, strict=True)
    ]
    pressed = [one.command for block in reply.all_blocks() if isinstance(block, Buttons) for one in block.buttons]
    for typed in reply.back:
        assert pressed.count(typed) == 1, "each line has one button"
        room.now += timedelta(seconds=50)
        room.ask(typed, asker)
    assert state(room, asker) == was, reply.back


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "before", "line"),
    [row[:3] for row in ROWS],
    ids=[" ; ".join((*before, line)) for _, before, line, _ in ROWS],
)
def test_what_is_so_already_has_no_way_back(room: Room, name: str, before: list[str], line: str) -> None:
    """An Undo of what changed nothing would take back what was wanted."""
    asker = asker_of(name)
    for typed in (*before, line):
        room.ask(typed, asker)
    was = state(room, asker)
    back = None
    with contextlib.suppress(Refused):  # as where nothing is left to be taken away
        back = room.ask(line, asker).back
    assert (back is None) == (state(room, asker) == was), (back, line)


def test_the_first_owner_has_no_way_back(room: Room) -> None:
    """The only one is not removed, so that a button for it would be refused."""
    reply = room.ask("/owners add 12", OWNER)
    assert reply.back == ()
    assert "/owners remove" not in str(reply.all_blocks())
    assert "only owner" in room.refusal("/owners remove 12", OWNER)


def test_who_stops_being_an_owner_is_offered_no_way_back(room: Room) -> None:
    """It would be refused to them: another owner has to say it."""
    for line in (f"/owners add {ME.user}", "/owners add 13"):
        room.ask(line, OWNER)
    assert room.ask("/owners remove 13", OWNER).back == ("/owners add telegram:13",)
    room.ask("/owners add 13", OWNER)
    assert room.ask(f"/owners remove {ME.user}", OWNER).back == ()


def test_words_for_alarms_are_those_that_people_type() -> None:
    of_oi = [name for name, rule in rules().items() if name.startswith("oi_") and not rule.setup]
    assert words_of(of_oi) == ["oi"]
    assert words_of(["funding_stretch", "funding_stretch_low", "burst"]) == ["funding", "burst"]
    assert words_of(["oi_zscore"]) == ["oi_zscore"], "where no word means that one alone, its id is the word"


@pytest.mark.parametrize(
    ("back", "buttons"),
    [
        pytest.param(None, [[("More", "/more")]], id="nothing was changed"),
        pytest.param((), [[("More", "/more")]], id="no way leads back"),
        pytest.param(("/a",), [[("Undo", "/a"), ("More", "/more")]], id="one line"),
        pytest.param(("/more",), [[("More", "/more")]], id="it has its own name"),
        pytest.param(("/a", "/b"), [[("a", "/a"), ("b", "/b")], [("More", "/more")]], id="two lines"),
        pytest.param(("/a", "/b", "/c", "/d"), [[("More", "/more")]], id="more than a row has room for"),
    ],
)
def test_each_line_has_its_button(back: tuple[str, ...] | None, buttons: list[list[tuple[str, str]]]) -> None:
    reply = Reply((Line("Done."), Buttons((Button("More", "/more"),))), back=back, stamp="12:00 UTC")
    shown = [block for block in reply.all_blocks() if isinstance(block, Buttons)]
    assert [[(one.label, one.command) for one in row.buttons] for row in shown] == buttons
    said = [block.text for block in reply.all_blocks() if isinstance(block, Line)]
    assert said[0] == "Done."
    assert said[-1] == "12:00 UTC", "the stamp stays last"
    assert len(said) == 2 + len(back or ())
