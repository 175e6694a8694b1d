"""Which exchange is meant where a calculator names none: the chat's own choice, else Binance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.engine.database import StoreError

if TYPE_CHECKING:
    from handlers.command import Deps

VENUE_BY_DEFAULT = "binance"  # by far the largest book


def chosen(deps: Deps) -> str | None:
    """Return the exchange that this chat has chosen with /venue; None where it has not."""
    if not deps.store.exists:
        return None
    from storage.people import destinations  # noqa: PLC0415 - opens the database, where there is one only

    to = deps.asker.address
    try:
        here = destinations.find(deps.store, deps.asker.platform, to.chat, to.topic)
    except StoreError:
        return None  # a calculator answers without a database too; /status says what is wrong with it
    return here.venue if here else None


def default_venue(deps: Deps) -> str:
    """Return the exchange that is meant in this chat where none is named."""
    return chosen(deps) or VENUE_BY_DEFAULT
