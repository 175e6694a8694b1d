"""What a chat asked to be told, and what of it is open right now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.people import destinations, switches
from storage.queries import alarms

if TYPE_CHECKING:
    from storage.alerts.episodes import Episode
    from storage.engine.database import Store
    from storage.people.subscriptions import RuleOfAsset
    from storage.people.switches import Switch


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What is on in a chat (alarm and asset, `*` for any), the open episodes of it, the most urgent first, and sounds.

    sounds: what the chat has made loud or silent.
    """

    rows: tuple[RuleOfAsset, ...] = ()
    open: tuple[Episode, ...] = ()
    sounds: tuple[Switch, ...] = ()


def read(store: Store, destination: int | None) -> Subscribed:
    """Read what a chat asked for; None: a chat that is not known."""
    if destination is None:
        return Subscribed()
    rows = destinations.subscriptions(store, destination)
    sounds = tuple(switch for switch in switches.of_one(store, destination) if switch.kind in {"loud", "silent"})
    return Subscribed(tuple(rows), tuple(alarms.open_of(store, rows)) if rows else (), sounds)
