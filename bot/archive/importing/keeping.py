"""From rows of a file to points of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.inputs import INPUTS
from signals.units import from_ms
from storage.market import retention
from storage.market.points import Points, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.archive.importing.model import Imported, Row
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
    import pandas as pd  # noqa: PLC0415 - keeps the command line light

    grouped: dict[tuple[str, str, str], list[Row]] = {}
    for row in imported.kept:
        grouped.setdefault((row.venue, row.asset, INPUTS[row.input].kind), []).append(row)
    for (venue, asset, kind), rows in grouped.items():
        long = pd.DataFrame(
            {"at": [row.at for row in rows], "input": [row.input for row in rows], "value": [row.value for row in rows]}
        )
        # The last line wins where a file says the same thing twice.
        wide = long.drop_duplicates(["at", "input"], keep="last").pivot(index="at", columns="input", values="value")  # noqa: PD010 - no key twice
        wide.index = pd.to_datetime(wide.index, unit="ms", utc=True).rename("at")
        step = imported.step.get((venue, asset)) if kind == "bar" else None
        yield Points(venue, asset, step, wide.astype(float))
