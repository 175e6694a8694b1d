"""From rows of a file to points of the store."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from signals.inputs import INPUTS
from signals.units import from_ms
from storage.market import retention
from storage.market.points import Points, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.archive.importing.model import Imported
    from storage.engine.database import Store


def keep(store: Store, imported: Imported) -> int:
    """Store what a file holds and return how many values were kept; a second time changes nothing."""
    with store.write():
        count = write(store, _points(imported))
        levels = [row.at for row in imported.kept if INPUTS[row.input].kind == "level"]
        if levels:
            retention.came(store, from_ms(min(levels)))
    return count


def _points(imported: Imported) -> Iterable[Points]:
    grouped: dict[tuple[str, str, str], dict[int, dict[str, float]]] = {}
    for row in imported.kept:  # the last line wins where a file says the same thing twice
        rows = grouped.setdefault((row.venue, row.asset, INPUTS[row.input].kind), {})
        rows.setdefault(row.at, {})[row.input] = row.value
    for (venue, asset, kind), rows in grouped.items():
        times = sorted(rows)
        names = dict.fromkeys(name for values in rows.values() for name in values)
        columns = {name: [rows[at].get(name, math.nan) for at in times] for name in names}
        yield Points(venue, asset, imported.step.get((venue, asset)) if kind == "bar" else None, times, columns)
