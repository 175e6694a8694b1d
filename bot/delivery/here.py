"""Whoever sits at this machine as a destination: told everything without asking, and nothing once they are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.channels.local import local
from storage.alerts import outbox
from storage.people import destinations

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store


def subscribe(store: Store, now: datetime, *, sources: bool = True, zone: str = "UTC") -> None:
    """Let them be told everything. sources: also of exchanges that are down and back. zone: by whose clock at first."""
    sitter = local().asker
    to = sitter.address
    place = destinations.ensure(store, sitter.platform, to.chat, to.topic, kind=to.kind, title=None, now=now, zone=zone)
    destinations.subscribe(store, place.id, destinations.ANY, destinations.ANY)
    if sources:
        destinations.subscribe(store, place.id, "sources", destinations.ANY)


def let_go(store: Store, now: datetime) -> None:
    """End their subscription and what waits for them, where there ever was one: nothing waits for nobody."""
    sitter = local().asker
    if place := destinations.find(store, sitter.platform, sitter.address.chat):
        destinations.unsubscribe(store, place.id)
        outbox.gone(store, place.id, "perpulse runs without it now", now=now)
