"""`perpulse export`: stored history as a file, in the format that `perpulse import` reads, or as Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.archive import exporting
from bot.archive.importing.bars import step_name
from bot.cli.common import day, out, plain_errors, settings_of
from handlers.command import Refused
from handlers.words import wording
from signals.units import SECOND_MS
from storage.engine.database import Store

if TYPE_CHECKING:
    from pathlib import Path


def export(
    file: Path | None,
    assets: list[str] | None,
    names: list[str] | None,
    start: str | None,
    end: str | None,
    bars: str | None,
    config: Path | None,
    db: Path | None,
) -> None:
    """Write what is stored into a new file and say what it holds."""
    with plain_errors():
        if file is None:
            raise Refused("Name a new file, as perpulse export btc.csv.gz --asset BTC.")
        kind = next((kind for kind in reversed(exporting.KINDS) if file.name.lower().endswith(kind)), None)
        if kind is None:
            kinds = wording.listing(list(exporting.KINDS), "or")
            raise Refused(f"{file.name}: the name says the format; end it in {kinds}.")
        first, last = (day(start) if start else None), (day(end, last=True) if end else None)
        if first and last and first >= last:
            raise Refused("--from must lie before --to.")
        store = Store(settings_of(config, db).database)
        wanted, left = exporting.parts(store, assets, names, bars)
        with exporting.sheet(file, kind) as sheet:
            told = exporting.write(store, wanted, sheet, first, last)
            if not told.count:
                raise Refused("Nothing is stored in that span. perpulse status says from when each input is known.")
        store.close()
    span = f"{exporting.moment(told.first)} to {exporting.moment(told.last)} UTC"
    out(f"{file}: {wording.count(told.count, 'value')} of {wording.listing(sorted(told.assets))}, {span}.")
    for part in left if bars is None else ():
        length = step_name(part.step * SECOND_MS)
        out(f"Left out: bars of {length} of {part.venue} {part.asset}, which are longer than others; --bars {length}")
