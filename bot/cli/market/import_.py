"""`perpulse import`: history from files."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import typer

from bot.archive.importing import Believed, History, ImportRefused, read_file
from bot.archive.importing.tables import keep
from bot.cli.common import out, plain_errors, settings_of
from bot.clock import SystemClock
from bot.engine.hindsight import judge_past
from signals.units import from_ms
from storage.engine.database import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from bot.archive.importing import Imported

SHOWN_PROBLEMS = 20


def import_files(
    files: list[Path],
    asset: str | None,
    accept: Sequence[str],
    config: Path | None,
    db: Path | None,
    *,
    as_json: bool,
) -> None:
    """Store what the files hold and print the counts and the problems; exit 2 if a file could not be taken at all.

    accept: stretches of days, as they are typed, of which somebody says that they are true.
    """
    refused: list[str] = []
    read: list[Imported] = []
    with plain_errors():
        store = Store(settings_of(config, db).database)
        now = SystemClock().now()
        for file in files:
            try:
                believed = Believed.of(accept)
                imported = read_file(file, asset=asset, now=now, past=History(store), accepted=believed)
            except ImportRefused as reason:
                refused.append(str(reason))
                continue
            keep(store, imported)
            read.append(imported)
            if not as_json:
                _tell_import(imported)  # only now is it kept
        if read:
            since = _first_rows(read)
            judge_past(store, sorted(since), now, since=since)
        store.close()
    problems = [*refused, *(str(problem) for imported in read for problem in imported.problems)]
    if as_json:
        counts = {
            "rows": sum(imported.rows for imported in read),
            "kept": sum(imported.kept_rows for imported in read),
            "refused": sum(imported.refused for imported in read),
        }
        notes = [f"{imported.file}: {note}" for imported in read for note in imported.notes]
        out(json.dumps(counts | {"problems": problems, "notes": notes}))
    else:
        for line in problems[:SHOWN_PROBLEMS]:
            sys.stderr.write(f"{line}\n")
        if len(problems) > SHOWN_PROBLEMS:
            sys.stderr.write(f"... and {len(problems) - SHOWN_PROBLEMS} more; --json lists them all.\n")
    if refused:
        raise typer.Exit(2)


def _first_rows(read: Sequence[Imported]) -> dict[str, datetime]:
    """Return of each asset when the first row that some files hold of it is."""
    first: dict[str, int] = {}
    for value in (value for imported in read for value in imported.kept):
        first[value.asset] = min(value.at, first.get(value.asset, value.at))
    return {asset: from_ms(at) for asset, at in first.items()}


def _tell_import(imported: Imported) -> None:
    out(
        f"{imported.file}: {imported.format}, {imported.rows:,} rows, {imported.kept_rows:,} kept, "
        f"{imported.refused:,} refused."
    )
    for note in imported.notes:
        out(f"  {note}")
