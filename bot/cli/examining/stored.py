"""What is stored here: whether the database can be written, and which chats do not get what they asked for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from bot.cli.examining.examined import Examined
from bot.processes import place
from bot.watch.backups import lacking
from handlers.channels.config import place_of, sections
from handlers.words import wording
from handlers.words.delivery import of_bot
from handlers.words.machine import nobody
from storage.alerts.sending import rests
from storage.engine.database import StoreError
from storage.engine.sharing import leases
from storage.market import points
from storage.people import destinations
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.config import Config
    from storage.engine.database import Store

_NAMED: Final = 5  # chats without rights that are named; of a hundred the first few say what is wrong


def database(store: Store, settings: Config) -> Iterator[Examined]:
    """Look at the database by opening it as the bot does, which makes it where it is new."""
    try:
        with store.write():
            stored = points.assets(store)
        running = [process for process in leases.running(store) if not place.is_gone(process.place)]
        known = [chat for chat in destinations.everyone(store) if chat.gone is None]
        resting = rests.without_rights(store)
    except StoreError as error:
        yield Examined("database", "mend", str(error))
        return
    yield Examined("database", "good", f"database {store.place}, holds {', '.join(stored) or 'nothing yet'}")
    lacks = leases.lacking(running) if running else [role for role in leases.ROLES if role not in settings.roles]
    for role in lacks:
        yield Examined("roles", "open", nobody(role))
    if lack := lacking(store, settings.backup):
        said = f"no backups are made in {settings.backup.folder}: {lack}"
        yield Examined(
            "backup", "mend", said, "Install it, or leave backup.folder out and back the server up elsewhere."
        )
    for chat in resting[:_NAMED]:
        where = f"{of_bot(chat.platform)} chat {chat.chat}" + (f" ({chat.title})" if chat.title else "")
        yield Examined("rights", "mend", f"{where} gets nothing: {chat.reason}", "Give the bot that right there.")
    speaking = {section.word for section in settings.speaking()}
    for bot, count in Counter(chat.platform for chat in known).items():
        if bot not in speaking and (section := sections().get(platform_of(bot))) and section.needs:
            said = f"{wording.count(count, 'chat')} of {of_bot(bot)} cannot be told anything: that bot is not set"
            yield Examined("bots", "open", said, f"Give it its token again: {place_of(bot)}.token")
    if known:
        rest = f", {len(resting)} of them lack a right" if resting else ""
        yield Examined("chats", "good", f"{wording.count(len(known), 'chat')} known{rest}")
    else:
        yield Examined("chats", "open", "no chat has asked for anything yet", "Type /sub where alerts are to go.")
