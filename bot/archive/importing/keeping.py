"""From rows of a file to points of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.inputs import INPUTS
from signals.units import from_ms
from storage.market import retention, settlements
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

    paid = _settled(imported)
    grouped: dict[tuple[str, str, str, bool], list[Row]] = {}
    for row in imported.kept:
        settled = row.input in settlements.RATES and row.at in paid.get((row.venue, row.asset), ())
        grouped.setdefault((row.venue, row.asset, INPUTS[row.input].kind, settled), []).append(row)
    for (venue, asset, kind, settled), rows in grouped.items():
        long = pd.DataFrame(
            {"at": [row.at for row in rows], "input": [row.input for row in rows], "value": [row.value for row in rows]}
        )
        # The last line wins where a file says the same thing twice.
        wide = long.drop_duplicates(["at", "input"], keep="last").pivot(index="at", columns="input", values="value")  # noqa: PD010 - no key twice
        wide.index = pd.to_datetime(wide.index, unit="ms", utc=True).rename("at")
        step = imported.step.get((venue, asset)) if kind == "bar" else None
        yield Points(venue, asset, step, wide.astype(float), settled)


def _settled(imported: Imported) -> dict[tuple[str, str], set[int]]:
    """Return the times (ms) of settled rates by venue and asset: no format says which ones are."""
    rates: dict[tuple[str, str], set[int]] = {}
    marks: dict[tuple[str, str], set[int]] = {}
    for row in imported.kept:
        if row.input in {"funding_rate", "mark_price"}:
            times = rates if row.input == "funding_rate" else marks
            times.setdefault((row.venue, row.asset), set()).add(row.at)
    return {key: settlements.are_settled(times, marks.get(key, ())) for key, times in rates.items()}
