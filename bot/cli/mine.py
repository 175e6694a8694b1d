"""`perpulse export --mine`: all that is kept of one chat, as the file that /export gives there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.cli.common import out, plain_errors, settings_of
from bot.clock import SystemClock
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.channels.config import sections
from handlers.channels.local import local
from handlers.command import Asker, Deps, Refused, nobody
from handlers.reply import Document, plain_text
from storage.engine.database import Store
from storage.people import destinations
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from pathlib import Path


def export(file: Path | None, chat: str | None, config: Path | None, db: Path | None) -> None:
    """Ask /export as that chat would, and write its file. chat: `platform:id`, of a further bot `telegram@alpha:id`.

    None for who sits here. A person is named by the platform alone, whichever bot they write to.
    """
    with plain_errors():
        settings = settings_of(config, db)
        store = Store(settings.database)
        if not store.exists:
            raise Refused(f"There is no database at {store.path}, so nothing is stored of anybody.")
        asker = _asker(store, chat) if chat else local().asker
        deps = Deps(SystemClock().now(), asker, store, settings.assets, nobody)
        reply = asyncio.run(answer("/export", deps))
        store.close()
        found = next((block for block in reply.blocks if isinstance(block, Document)), None)
        if found is None:
            raise Refused(plain_text(reply.blocks))
        place = file or local().keep_file(found)
        if file:
            _write(file, found.text)
    out(f"{place}: {'this chat' if chat is None else chat}, {len(found.text.encode()) / 1000:.1f} kB.")


def _asker(store: Store, chat: str) -> Asker:
    """Return who asks for all of a chat: whose own it is, or an admin of a group."""
    platform, colon, name = chat.partition(":")
    if platform_of(platform) not in sections() or not colon or not name:
        raise Refused(f"Write the chat as a platform and an id, like {next(iter(sections()))}:12345.")
    known = [one for one in destinations.everyone(store) if (one.platform, one.chat) == (platform, name)]
    if not known and (own := destinations.private_of(store, platform, name)):
        known = [own]  # a person's id, where their private chat has another
    if not known:
        # Whoever has only positions or permits is known by these alone; it is a private chat then.
        return Asker(platform, Address(name), user=name)
    first = known[0]
    if first.kind == "private":
        return Asker(platform, Address(first.chat), user=first.person or first.chat)
    return Asker(platform, Address(first.chat, None, "group"))


def _write(file: Path, text: str) -> None:
    try:
        target = file.open("x", encoding="utf-8")
    except FileExistsError:
        raise Refused(f"{file} is there already. Choose another name.") from None
    except OSError as error:
        raise Refused(f"{file} cannot be written ({error.strerror}).") from None
    try:
        with target:
            file.chmod(0o600)
            target.write(text)
    except OSError as error:
        file.unlink(missing_ok=True)  # half of it would be in the way of the next try
        raise Refused(f"{file} cannot be written ({error.strerror}).") from None
