"""Steps of the schema on a server that holds something: each of them leaves there what it leaves in a file."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from storage.engine.database import Store
from storage.engine.postgres import migrations, quarters
from tests import postgres
from tests.storage.engine.dumping import restore
from tests.storage.engine.test_migrations import open_once, rows_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow  # a server has to be started


def bring(url: str, step: str, tables: dict[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a server of the schema of a step, with the rows of a file of the same step."""
    connection = postgres.connection(url)
    with monkeypatch.context() as past:
        past.setattr(migrations, "NAMES", migrations.NAMES[: migrations.NAMES.index(step) + 1])
        migrations.prepare(connection, url)
    connection.execute("SET session_replication_role = replica")  # rows come in any order
    for table, rows in tables.items():
        if table in quarters.TABLES:
            for quarter in quarters.quarters_of(row["at"] for row in rows):
                words = quarters.words(table, quarter)
                connection.execute(quarters.MAKE.format(**words))
                connection.execute(quarters.ATTACH.format(**words))
        names = list(rows[0])
        places = ", ".join(f"%({name})s" for name in names)
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", rows)  # noqa: S608 - ours
    connection.execute("RESET session_replication_role")


def in_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


@pytest.mark.parametrize("step", migrations.NAMES)
def test_a_stored_server_becomes_what_a_stored_file_becomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    found = postgres.databases()
    if found is None:
        pytest.skip(postgres.MISSING)
    url, path = found.bare(), tmp_path / "perpulse.db"
    restore(step, path)
    tables = rows_of(path)
    del tables["_sqlite_migrations"]
    bring(url, step, tables, monkeypatch)
    open_once(path)
    with closing(Store(url)) as store, store.write():
        pass
    for table, rows in rows_of(path).items():
        if table != "_sqlite_migrations":
            cursor = postgres.connection(url).execute(f"SELECT * FROM {table}".encode())  # noqa: S608 - of the schema
            names = [column.name for column in cursor.description]
            on_server = [dict(zip(names, row, strict=True)) for row in cursor]
            assert in_order(on_server) == in_order(rows), table
