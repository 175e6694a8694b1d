"""Everything that a chat has set, on one screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from signals.wall_clock import midnight
from storage.alerts import episodes
from storage.alerts.sending import held
from storage.people import destinations, digests, switches
from storage.people.switches import EPISODE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from storage.alerts.episodes import Episode
    from storage.engine.database import Store
    from storage.people.destinations import Destination
    from storage.people.digests import Ordered
    from storage.people.subscriptions import RuleOfAsset
    from storage.people.switches import Switch


@dataclass(frozen=True, slots=True)
class Settings:
    """What a chat has set. A chat that has set nothing has this.

    alarms: subscriptions as (alarm, asset), `*` for any. switches: those that have not ended. episodes: those that are
    muted by their number. sent: new messages since the chat's midnight. waiting: notices that are held.
    """

    zone: str = "UTC"
    venue: str | None = None
    alarms: tuple[RuleOfAsset, ...] = ()
    switches: tuple[Switch, ...] = ()
    episodes: Mapping[int, Episode] = field(default_factory=dict)
    sent: int = 0
    waiting: int = 0
    digests: tuple[Ordered, ...] = ()

    def of(self, kind: str) -> tuple[Switch, ...]:
        """Return the switches of a kind."""
        return tuple(switch for switch in self.switches if switch.kind == kind)


def read(store: Store, here: Destination | None, now: datetime) -> Settings:
    """Read what a chat has set; None: a chat that is not known."""
    if here is None:
        return Settings()
    chosen = tuple(switch for switch in switches.of_one(store, here.id) if switch.runs(now))
    muted = [int(switch.what.removeprefix(EPISODE)) for switch in chosen if switch.what.startswith(EPISODE)]
    sent, waiting = held.known_of(store, here.id, midnight(now, ZoneInfo(here.zone)))
    return Settings(
        here.zone,
        here.venue,
        tuple(destinations.subscriptions(store, here.id)),
        chosen,
        episodes.named(store, muted),
        sent,
        waiting,
        tuple(sorted(digests.of(store, here.id).values(), key=lambda ordered: ordered.due)),
    )
