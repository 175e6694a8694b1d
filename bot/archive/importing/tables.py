"""From rows of a file to points, as they pass the border and as they are stored."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from signals.inputs import INPUTS
from signals.units import from_ms
from storage.market import retention, settlements
from storage.market.points import Points, write
from storage.sources import coverage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from bot.archive.importing.model import Imported, ImportedValue
    from storage.engine.database import Store


def tables(kept: Sequence[ImportedValue], step_of: Mapping[tuple[str, str], timedelta]) -> Iterator[Points]:
    """Group rows by venue, asset and kind, instants before bars; NaN where a row says nothing."""
    paid = _settled(kept)
    grouped: dict[tuple[str, str, str, bool], dict[int, dict[str, float]]] = {}
    for row in kept:  # the last line wins where a file says the same thing twice
        settled = row.input in settlements.RATES and row.at in paid.get((row.venue, row.asset), ())
        rows = grouped.setdefault((row.venue, row.asset, INPUTS[row.input].kind, settled), {})
        rows.setdefault(row.at, {})[row.input] = row.value
    for (venue, asset, kind, settled), rows in sorted(grouped.items(), key=lambda entry: entry[0][2] == "bar"):
        times = sorted(rows)
        names = dict.fromkeys(name for values in rows.values() for name in values)
        columns = {name: [rows[at].get(name, math.nan) for at in times] for name in names}
        step = step_of.get((venue, asset)) if kind == "bar" else None
        yield Points(venue, asset, step, times, columns, settled)


def _settled(kept: Sequence[ImportedValue]) -> dict[tuple[str, str], set[int]]:
    """Return the times (ms) of settled rates by venue and asset: no format says which ones are."""
    rates: dict[tuple[str, str], set[int]] = {}
    marks: dict[tuple[str, str], set[int]] = {}
    for row in kept:
        if row.input in {"funding_rate", "mark_price"}:
            times = rates if row.input == "funding_rate" else marks
            times.setdefault((row.venue, row.asset), set()).add(row.at)
    return {key: settlements.are_settled(times, marks.get(key, ())) for key, times in rates.items()}


def keep(store: Store, imported: Imported) -> int:
    """Store what a file holds and return how many values were kept; a second time changes nothing."""
    with store.write():
        count = write(store, tables(imported.kept, imported.step))
        levels = [row.at for row in imported.kept if INPUTS[row.input].kind == "level"]
        if levels:
            retention.came(store, from_ms(min(levels)))
        coverage.take(store, imported.taken)
    return count
