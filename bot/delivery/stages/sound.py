"""Sound: whether a notice rings. A notice is silent, a warning and what is critical ring; each chat may change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.event import POSITION
from storage.people.switches import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.alerts.outbox import Notice
    from storage.people.switches import Switch


def rings(notice: Notice, switches: Iterable[Switch]) -> bool:
    """Tell whether a notice makes a sound where these are switched; of several the narrowest one decides.

    An asset that is silent is one of the market: a position in it that somebody watches rings all the same.
    """
    chosen = {switch.what: switch.kind for switch in switches if switch.kind in {"loud", "silent"}}
    asset = None if notice.payload.get("event") == POSITION else notice.asset
    for what in (notice.rule, asset, ANY):
        if what is not None and what in chosen:
            return chosen[what] == "loud"
    return notice.rank != "notice"
