"""Tier tables renewed from the venues: dated text files in a folder beside the database, never changed by time alone.

They are facts about venues and not about anybody, the same for every chat, read by people and by `diff`, and needed
where no database is open (/liq): hence files and no table. Their form is that of the bundled ones, see
signals/liquidation/tables.py.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from signals.liquidation.tables import RenewedTables
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from storage.engine.database import Store

FOLDER = "tiers"


def folder_of(store: Store) -> Path:
    """Return where the tables of a database stand; the folder may not exist."""
    return store.folder / FOLDER


def renewed(store: Store) -> RenewedTables | None:
    """Return the renewed tables beside a database; None where there are none, or the folder cannot be read."""
    folder = folder_of(store)
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.stat().st_mtime_ns) for entry in entries if entry.name.endswith(".csv"))
    except OSError:
        return None  # a calculator answers from the bundled tables, with their age
    if not found:
        return None
    names, versions = zip(*found, strict=True)
    return RenewedTables(
        str(folder), names, versions, lambda name: _text(str(folder / name), versions[names.index(name)])
    )


@lru_cache(maxsize=32)
def _text(path: str, _version: int) -> str:
    return Path(path).read_text(encoding="utf-8")


def write(folder: Path, name: str, text: str) -> None:
    """Write one table file whole or not at all. StoreError says what to do where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(folder / name)
    except OSError as error:
        raise StoreError(
            f"{folder / name} cannot be written ({error.strerror}). Check the rights of the folder, or give --db PATH."
        ) from error
