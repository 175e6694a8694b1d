"""Make the dump of a step that is about to ship: `python -m tests.storage.engine.dumping`, then add rows by hand.

The newest dump is brought up to date, so the rows of earlier steps are carried along as a stored database carries them.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from storage.engine.sqlite import migrations

SCHEMAS = Path(__file__).parent / "schemas"


def restore(name: str, path: Path) -> None:
    """Make the database that a dump describes."""
    with closing(sqlite3.connect(path)) as file:
        file.executescript((SCHEMAS / f"{name}.sql").read_text(encoding="utf-8"))


def dump(path: Path) -> str:
    """Write a database down as SQL."""
    with closing(sqlite3.connect(path)) as file:
        return "\n".join(file.iterdump()) + "\n"


def main() -> None:
    """Write the dump of the newest step from that of the one before it."""
    before, newest = migrations.NAMES[-2:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "perpulse.db"
        restore(before, path)
        migrations.migrate(path)
        (SCHEMAS / f"{newest}.sql").write_text(dump(path), encoding="utf-8")


if __name__ == "__main__":
    main()
