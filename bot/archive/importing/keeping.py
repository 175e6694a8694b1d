"""From rows of a file to points of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.archive.importing.tables import tables
from signals.inputs import INPUTS
from signals.units import from_ms
from storage.market import retention
from storage.market.points import write

if TYPE_CHECKING:
    from bot.archive.importing.model import Imported
    from storage.engine.database import Store


def keep(store: Store, imported: Imported) -> int:
    """Store what a file holds and return how many values were kept; a second time changes nothing."""
    with store.write():
        count = write(store, tables(imported.kept, imported.step))
        levels = [row.at for row in imported.kept if INPUTS[row.input].kind == "level"]
        if levels:
            retention.came(store, from_ms(min(levels)))
    return count
