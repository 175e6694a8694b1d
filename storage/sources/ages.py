"""How old what is known of each venue is, in one number an input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from signals.inputs import MARKET
from signals.units import from_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from storage.engine.database import Store

SQL: Final = queries("storage.sources")


def known_until(store: Store, assets: Collection[str]) -> dict[tuple[str, str], datetime]:
    """Return, by venue and input, up to when it is known of these assets and of the market: of all of them.

    The asset that is furthest behind decides; one of which a venue has nothing at all is not counted.
    """
    rows = store.read(SQL.known_until, assets=json.dumps([*assets, MARKET]))
    return {(row["venue"], row["input"]): from_ms(row["known"]) for row in rows}
