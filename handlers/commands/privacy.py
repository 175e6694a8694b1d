"""/privacy, /export and /forgetme: what is stored about people and chats, shown and removed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from handlers.command import Nothing, Refused, command
from handlers.language.kinds import argument, choice
from handlers.reply import Button, Buttons, Document, Line, Reply
from handlers.words import wording
from signals.language.spelling import sentence_case
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from handlers.command import Deps

    Row = Mapping[str, Any]

# What is said of the last traces, in a file and on a server.
_TRACES: Final = {
    False: "Another program is reading the file; the last traces go when it has finished.",
    True: "The server writes over the last traces in its own files in time.",
}
_OF_WHAT: Final[Mapping[str, tuple[str, str | None]]] = {
    "subscriptions": ("subscription", None),
    "switches": ("switch", "switches"),
    "digests": ("digest", None),
    "rules": ("rule of its own", "rules of its own"),
    "positions": ("watched position", None),
    "addresses": ("followed address", "followed addresses"),
    "messages": ("stored message", None),
}
_YES: Final = choice("word for yes", dict.fromkeys(("yes", "sure", "confirm", "confirmed", "ok", "okay", "y"), True))


@dataclass(frozen=True, slots=True)
class Sure:
    """Whether it is meant; nothing says what would go."""

    sure: Literal[True] | None = argument(_YES, default=None, label="yes")


@command(
    subject="own",
    example="/privacy",
    words="privacy, what is stored, my data, gdpr, data protection, know about me, what do you store, do you store",
    private="answer",
    harmless=True,
    for_all=True,
)
async def privacy(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - it takes no arguments
    """Say what is stored about you and about this chat.

    Ids and settings are kept, and what was sent to a chat for a month unless the owner of this bot keeps it longer or
    shorter; nothing that you type is but rules, and names of positions. /export gives all of it as a file, /forgetme
    removes it.
    """
    private = deps.asker.address.kind == "private"
    yours = (
        "your id, with the positions and addresses you watch" if private else "what its members watch, each by an id"
    )
    lines = (
        Line("Kept are ids and settings; nothing that you type but rules, and names of positions.", "headline"),
        Line("Of a chat: its id, name and kind; zone, exchange, alarms, rules, switches, digests; what was sent."),
        Line(f"Of people: {yours}. Nobody else in a group is shown it."),
        Line("Owners and who was let in or kept out stay listed until an owner changes that."),
        Line("A chat that is closed to me, blocked or left, is forgotten after some months."),
        Line(
            "All of it lies in one file where this bot runs. Whoever runs it can read that file, and has its backups."
        ),
    )
    if not private and not deps.asker.may_change:
        return Reply(lines)
    how = Line("/export gives all of it as a file, /forgetme removes it.")
    return Reply((*lines, how, Buttons((Button("Export", "/export"),))))


@command(
    subject="own",
    example="/export",
    words="export my data, download my data, give me my data, everything about me",
    private="answer",
    harmless=True,
    for_all=True,
)
async def export(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - it takes no arguments
    """Give all that is stored about this chat as a file.

    In a private chat that is everything about you as well: positions, addresses, what was sent, also by other bots of
    the same owner on this platform. In a group its admins
    are given what is stored of the group, without what its members watch. The file is JSON, its times are UTC.
    """
    to, person = deps.asker.address, _person(deps, "get what is stored of this chat", "/export")
    if not deps.store.exists:
        return Reply((Line("Nothing is stored about this chat.", "headline"),), {})
    from storage.people import exporting  # noqa: PLC0415 - opens the database

    found = await asyncio.to_thread(exporting.everything, deps.store, deps.asker.platform, to.chat, person)
    if not any(found.values()):
        return Reply((Line("Nothing is stored about this chat.", "headline"),), {})
    stays = _staying(deps, person)
    told = {"program": "perpulse", "at": deps.now.isoformat(), "platform": deps.asker.platform, **found}
    file = Document(f"perpulse-export-{deps.now:%Y-%m-%d}.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    others = _others({row["platform"] for row in found["chat"]} - {deps.asker.platform})
    lines = [Line(f"All that is stored about this chat{others} is in this file.", "headline")]
    if parts := _parts(found):
        lines += [Line(f"{sentence_case(', '.join(parts))}."), Line("/forgetme removes it.")]
    return Reply((*lines, *stays, file), told)


def _parts(found: Mapping[str, Sequence[object]]) -> list[str]:
    """Say what is stored that its chat or its person can have removed."""
    settings = ["its settings"] if found["chat"] else []
    return settings + list(_counted({name: len(found[name]) for name in _OF_WHAT}))


def _person(deps: Deps, what: str, line: str) -> str | None:
    """Return of whom all is meant in a private chat; None in a group, for which only its admins may ask."""
    to = deps.asker.address
    if to.kind == "private":
        return deps.asker.user or to.chat
    if not deps.asker.may_change:
        raise Refused(
            f"Only {deps.asker.managers} {what}. For what is stored about yourself, write to me privately: {line}."
        )
    return None


def _others(bots: Collection[str]) -> str:
    """Say that a person's private chats with other bots are meant as well."""
    return f" and yours with {wording.count(len(bots), 'other bot')} of its owner" if bots else ""


def _counted(numbers: Mapping[str, int]) -> Sequence[str]:
    """Say how many there are of what."""
    return [wording.count(number, *_OF_WHAT[name]) for name, number in numbers.items() if number]


@command(
    subject="own",
    example="/forgetme",
    words="forget me, forget, delete my data, delete all my data, delete me, "
    "delete everything, erase, erase my data, erase all my data, remove my data, remove all my data",
    private="answer",
    for_all=True,
)
async def forgetme(deps: Deps, args: Sure) -> Reply:
    """Remove everything that is stored about this chat.

    It says first what would go; /forgetme yes removes it, and nothing brings it back. Settings, subscriptions, watched
    positions and addresses, and messages not yet sent are deleted at once and overwritten in the file; those of your
    private chats with other bots of the same owner on this platform, too. In a group its admins can do this, for the
    group. Backups that the owner of this bot has made keep their copy until they are replaced.
    """
    to, person = deps.asker.address, _person(deps, "can have this chat forgotten", "/forgetme")
    if not deps.store.exists:
        return Reply((Line("Nothing is stored about this chat.", "headline"),), {"removed": {}})
    from storage.people import exporting, forgetting  # noqa: PLC0415 - opens the database

    kept = await asyncio.to_thread(exporting.everything, deps.store, deps.asker.platform, to.chat, person)
    if not args.sure:
        return _asked_first(deps, kept, person)
    found = forgetting.forget(deps.store, deps.asker.platform, to.chat, person)
    removed = {name: len(kept[name]) for name in _OF_WHAT}
    # What members of a group watch is in nobody's export of the group, and goes with it all the same.
    removed |= {"positions": found.positions, "addresses": found.addresses, "messages": found.messages}
    values = {"removed": removed, "clean": found.clean}
    if not found.anything:
        return _nothing_to_forget(deps, person)
    parts = _counted(removed)
    kept_out = deps.access.kept_out(deps.store, deps.asker) is not None
    left = "" if found.clean else f" {_TRACES[deps.store.file is None]}"
    return Reply(
        (
            Line(f"Forgotten: everything that was stored about this chat{_others(found.bots)}.", "headline"),
            Line(f"Removed: its settings{''.join(f', {part}' for part in parts)}.{left}"),
            Line("Backups made by the owner of this bot keep their copy until they are replaced.", "caveat"),
            *_staying(deps, person),
            Line("Nothing is sent here any more." + ("" if kept_out else " /sub or /watch begins anew.")),
        ),
        values,
        back=(),
    )


def _asked_first(deps: Deps, kept: Mapping[str, Sequence[Row]], person: str | None) -> Reply:
    """Say what would go, and ask: on a phone a command in a text is a link, and one touch of it sends it."""
    parts = _parts(kept)
    if not parts:
        return _nothing_to_forget(deps, person)
    others = _others({row["platform"] for row in kept["chat"]} - {deps.asker.platform})
    return Reply(
        (
            Line(f"Delete everything that is stored about this chat{others}? Nothing brings it back.", "headline"),
            Line(f"It would remove {', '.join(parts)}. To do it: /forgetme yes"),
            Buttons((Button("Delete it all", "/forgetme yes"), Button("Export first", "/export"))),
        ),
        {"stored": {name: len(kept[name]) for name in _OF_WHAT}},
    )


def _nothing_to_forget(deps: Deps, person: str | None) -> Reply:
    stays = _staying(deps, person)
    said = "Nothing is stored about this chat" + (" but what an owner said." if stays else ".")
    return Reply((Line(said, "headline"), *stays), {"removed": {}})


def _staying(deps: Deps, person: str | None) -> Sequence[Line]:
    """Say what owners said, which stays: nobody takes a ban back by being forgotten."""
    from storage.people import access  # noqa: PLC0415 - opens the database

    platform = platform_of(deps.asker.platform)
    owns = person is not None and access.is_owner(deps.store, platform, person)
    said = access.permitted(deps.store, platform, person, deps.asker.address.chat)
    if owns:
        return (Line("That you own this bot stays: /owners remove ends it.", "caveat"),)
    if not said:
        return ()
    whom = "you" if "person" in said else "this chat"
    what = f"keeps {whom} out" if False in said.values() else f"let {whom} in"
    return (Line(f"That an owner {what} stays, until an owner takes it back.", "caveat"),)
