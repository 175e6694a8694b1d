"""What a chat asked to be told, and what of it is open right now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.people import destinations
from storage.queries import alarms

if TYPE_CHECKING:
    from storage.alerts.episodes import Episode
    from storage.engine.database import Store
    from storage.people.subscriptions import RuleOfAsset


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What is on in a chat (alarm and asset, `*` for any), and the open episodes of it, the most urgent first."""

    rows: tuple[RuleOfAsset, ...] = ()
    open: tuple[Episode, ...] = ()


def read(store: Store, destination: int | None) -> Subscribed:
    """Read what a chat asked for; None: a chat that is not known."""
    rows = destinations.subscriptions(store, destination) if destination is not None else []
    return Subscribed(tuple(rows), tuple(alarms.open_of(store, rows)) if rows else ())
