"""`perpulse move`: everything that is remembered, from a file to a server or back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from bot.cli.common import out, plain_errors, settings_of
from bot.processes.holdings import BEAT_EVERY
from handlers.command import Refused
from handlers.words import wording
from storage.engine import moving
from storage.engine.database import Store
from storage.engine.sharing import leases

if TYPE_CHECKING:
    from pathlib import Path

_WATCHED: Final = 1.5 * BEAT_EVERY  # seconds without a sign of life: nobody runs there


def move(source: Path, target: Path | None, config: Path | None) -> None:
    """Copy a database into another one, compare both, and say what it was."""
    with plain_errors():
        begin, end = Store(source), Store(settings_of(config, target).database)
        try:
            for store in (begin, end):
                if _runs(store):
                    raise Refused(f"A perpulse runs on {store.place}. Stop it, and start it on {end.place} afterwards.")
            tables = list(moving.move(begin, end))  # nothing is said of any before the target is whole
            for moved in tables:
                out(f"{moved.table}: {wording.count(moved.rows, 'row')}, {moved.checksum}")
            rows = sum(moved.rows for moved in tables)
            out(f"{wording.count(rows, 'row')} are in {end.place} as they are in {begin.place}, which was left alone.")
        finally:
            begin.close()
            end.close()


def _runs(store: Store) -> bool:
    """Tell whether somebody gives signs of life on a database."""
    if not store.exists or not (seen := leases.running(store)):
        return False
    time.sleep(_WATCHED)
    return leases.running(store) != seen
