"""The schema on a server, one step after another: a file of statements each in `steps`, of the same name as in a file.

A server begins with the whole schema of one step, since no older one was ever on a server. A step that has shipped is
never edited: a change is a new step here and in storage/engine/sqlite/migrations.py, and a test compares what they
make.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from storage.engine.database import StoreError
from storage.engine.postgres import dialect

if TYPE_CHECKING:
    from psycopg import Connection

_STEPS: Final[dict[str, str]] = {
    file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
    for file in sorted(files(__package__).joinpath("steps").iterdir(), key=lambda file: file.name)
    if file.name.endswith(".sql")
}
NAMES: Final = tuple(_STEPS)


def prepare(connection: Connection[Any], name: str) -> None:
    """Bring a database to the newest schema, all or nothing, while others wait.

    name: what the database is called in errors. StoreError where it is another program's, written by a newer
    perpulse, on a server that is too old, or where the user may make no tables.
    """
    number, version = connection.execute(dialect.VERSION).fetchone() or (0, "")
    if number < dialect.OLDEST:
        raise StoreError(
            f"{name} is PostgreSQL {version}; perpulse needs {dialect.OLDEST // 10_000} or newer. Update the server."
        )
    if set(NAMES) == set(_applied(connection, name)):
        return
    with connection.transaction():
        schema, may_make = connection.execute(dialect.SCHEMA).fetchone() or (None, False)
        if not may_make:
            raise StoreError(
                f"{name}: this user may make no tables ({f'in the schema {schema}' if schema else 'there is no schema'}"
                "). Make it the owner of the database."
            )
        connection.execute(dialect.ALONE, {"what": "steps"})
        applied = _applied(connection, name)  # another process may have been faster
        connection.execute(dialect.BEGIN_STEPS)
        for step in NAMES:
            if step not in applied:
                connection.execute(_STEPS[step].encode())
                connection.execute(dialect.NOTE_STEP, {"name": step})


def begun(connection: Connection[Any]) -> bool:
    """Tell whether there are tables; whose they are is said when they are read."""
    return connection.execute(dialect.TABLES).fetchone() is not None


def _applied(connection: Connection[Any], name: str) -> list[str]:
    tables = [row[0] for row in connection.execute(dialect.TABLES)]
    if dialect.STEPS not in tables:
        if tables:
            raise StoreError(
                f"{name} is a database of another program (it has the table {tables[0]!r}). Make one for perpulse "
                "alone with `createdb`, and name that."
            )
        return []
    applied = [row[0] for row in connection.execute(dialect.APPLIED)]
    if unknown := [step for step in applied if step not in NAMES]:
        raise StoreError(
            f"{name} was written by a newer perpulse ({unknown[-1]}). Update perpulse, or name another database."
        )
    return applied
