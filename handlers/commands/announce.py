"""/announce: what an owner tells every chat, seen first and sent once."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from handlers.command import Refused, command
from handlers.language.kinds import REST, argument
from handlers.language.spelling import shown
from handlers.reply import Button, Buttons, Line, Reply
from handlers.words import wording
from handlers.words.delivery import bot_called
from storage.people.bots import name_of, platform_of

if TYPE_CHECKING:
    from handlers.command import Deps
    from storage.alerts.announcing import Audience

_SEND: Final = "send"
_MEANT_TO_SEND: Final = frozenset({"send", "send it", "send now", "yes", "go", "ok", "confirm"})
_DROP: Final = ("drop", "cancel", "off")
_CODE_LENGTH: Final = 6
_GOING: Final = ("queued", "sending", "uncertain")


@dataclass(frozen=True, slots=True)
class TextArgs:
    """What is to be told, or nothing to see how the last one fares."""

    text: str = argument(REST, default="", label="text")


@command(subject="admin", example="/announce Back at 18:00 UTC.", owners_only=True, private="answer")
async def announce(deps: Deps, args: TextArgs) -> Reply:
    """Tell every chat something; you see it first.

    It goes to each chat that has alarms, a digest or a watched position, without a sound, after quiet hours where these
    run, and not to who has muted everything. It cannot be taken back. /announce alone says how the last one fares.
    """
    from storage.alerts import announcing  # noqa: PLC0415 - opens the database

    said = args.text.strip()
    word, _, rest = said.partition(" ")
    if word.lower() == _SEND and len(rest.strip()) == _CODE_LENGTH:
        return await _sent(deps, rest.strip().lower())
    if said.lower().strip(".!") in _MEANT_TO_SEND:
        raise Refused(_which_draft(deps))
    if said.lower() in _DROP:
        dropped = deps.store.exists and announcing.drop(deps.store)
        return Reply((Line("Dropped; nothing was sent." if dropped else "Nothing is waiting to be sent.", "headline"),))
    if not said:
        return await _fares(deps)
    audience = await _audience(deps)
    if not audience.size and audience.muted:
        raise Refused(f"Nobody would read it: {_muted(audience)}")
    if not audience.size:
        raise Refused("No chat is told anything yet, so nobody would read it. /sub is what makes one listen.")
    code = hashlib.sha256(f"{deps.now.isoformat()} {said}".encode()).hexdigest()[:_CODE_LENGTH]
    announcing.write(deps.store, said, code, now=deps.now)
    return _shown(said, code, audience)


def _which_draft(deps: Deps) -> str:
    """Say how a draft is sent: by its code, so that what goes out is what was seen."""
    from storage.alerts import announcing  # noqa: PLC0415 - opens the database

    waiting = announcing.draft(deps.store, now=deps.now) if deps.store.exists else None
    if waiting is None:
        return "Nothing is waiting to be sent. Type /announce and the text first; you see it before anybody else does."
    return f"To send “{shown(waiting.text)}”, press Send below it, or type /announce {_SEND} {waiting.code}."


async def _audience(deps: Deps) -> Audience:
    from storage.alerts import announcing  # noqa: PLC0415 - opens the database

    if not deps.store.exists:
        return announcing.Audience({})
    return await asyncio.to_thread(announcing.audience, deps.store, now=deps.now)


def _muted(audience: Audience) -> str:
    has = "has" if audience.muted == 1 else "have"
    return f"{wording.count(audience.muted, 'chat')} {has} muted everything."


def _shown(text: str, code: str, audience: Audience) -> Reply:
    """Show a draft as its readers would see it, and ask."""
    from handlers.words.notices import announced  # noqa: PLC0415 - knows the metrics

    to = wording.count(audience.size, "chat")
    where = wording.listing([f"{count:,} on {_title(bot)}" for bot, count in audience.chats.items()])
    without = f" Left out: {_muted(audience)}" if audience.muted else ""
    lines = [block for block in announced(text).blocks if isinstance(block, Line)]
    head = Line(f"This would go to {to}: {where}.{without}", "echo")
    ask = Line("Nothing is sent yet. Send it within the hour; it cannot be taken back.", "caveat")
    buttons = Buttons((Button(f"Send to {to}", f"/announce {_SEND} {code}"), Button("Drop", "/announce drop")))
    values = {"code": code, "chats": dict(audience.chats), "muted": audience.muted}
    return Reply((head, *lines, ask, buttons), values)


async def _sent(deps: Deps, code: str) -> Reply:
    from storage.alerts import announcing  # noqa: PLC0415 - opens the database

    # A hundred thousand rows take half a second, in which others are answered.
    count = await asyncio.to_thread(announcing.send, deps.store, code, now=deps.now) if deps.store.exists else None
    if count is None:
        raise Refused("That is not waiting to be sent: it was sent, dropped or is older than an hour. See /announce.")
    said = f"On its way to {wording.count(count, 'chat')}."
    return Reply((Line(said, "headline"), Line("/announce says how many have it.")), {"chats": count}, back=())


async def _fares(deps: Deps) -> Reply:
    from storage.alerts import announcing  # noqa: PLC0415 - opens the database

    waiting = announcing.draft(deps.store, now=deps.now) if deps.store.exists else None
    if waiting:
        return _shown(waiting.text, waiting.code, await _audience(deps))
    last = await asyncio.to_thread(announcing.last, deps.store) if deps.store.exists else None
    how = Line("Type /announce and the text. You see it before anybody else does.")
    if last is None:
        return Reply((Line("Nothing was announced lately.", "headline"), how))
    going = sum(last.rows.get(state, 0) for state in _GOING)
    others = sum(last.rows.values()) - going - last.rows.get("sent", 0)
    parts = [f"{last.rows.get('sent', 0):,} have it"]
    parts += [f"{going:,} wait for it"] if going else []
    parts += [f"{others:,} did not get it (muted, gone or too late)"] if others else []
    at = wording.clock(last.at, deps.zone, dated=True)
    values = {"sent": last.rows.get("sent", 0), "waiting": going, "not_told": others}
    return Reply((Line(f"The announcement of {at}: {', '.join(parts)}.", "headline"), how), values)


def _title(bot: str) -> str:
    from handlers.channels.config import sections  # noqa: PLC0415 - walks the channels, for an owner only

    section = sections().get(platform_of(bot))
    return bot_called(section.title, name_of(bot)) if section else bot
