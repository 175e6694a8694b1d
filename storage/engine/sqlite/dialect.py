"""What only SQLite can say, named in one place: words of queries, statements about the file, and what its errors mean.

Migrations are not among it: a step is literal, and another database would have steps of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal

from storage.engine.sql import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Trouble = Literal["rights", "damaged", "busy", "full", "limit", "disk"]
_PARAMETER: Final = re.compile(r":([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database says what the standard leaves open.

    words: what `{word}` in a query becomes. begin: opens a transaction that will write. settings: statements that
    are run on each new connection; writer_settings: on the one that writes, beside them. empty_log: moves what was
    written into the file itself; its first value is true where somebody is in the way. tables: the names of all
    tables. steps_table, steps: where applied migrations are kept, and their names of one `:set`, in order.
    first_look: reads next to nothing, and so takes part in the log. check: its first value is `sound` where the
    file is in order. beside: endings of the files without which a database that is open is not whole; passing: of those
    that are there while one is made, and may be left behind by what failed. ours: the names
    of our tables; columns: those of a `:table`, with their places in its key; references: the tables that it names;
    numbered: tables that number their rows; numbers: the last numbers of those that never give one twice; highest: of
    a `{table}`; go_on_after: keeps it from numbers up to `:number`. troubles: parts of error texts, and what is the
    matter. sole: from then on a connection reads and writes only while nobody else has the file open.
    """

    name: str
    words: Mapping[str, str]
    begin: str
    settings: tuple[str, ...]
    writer_settings: tuple[str, ...]
    empty_log: str
    tables: str
    steps_table: str
    steps: str
    first_look: str
    check: str
    sound: str
    beside: tuple[str, ...]
    passing: tuple[str, ...]
    ours: str
    columns: str
    references: str
    numbered: str
    numbers: str
    highest: str
    go_on_after: str
    troubles: Mapping[str, Trouble]
    sole: str = ""

    def trouble(self, text: str) -> Trouble | None:
        """Tell what is the matter by the text of an error; None where it is nothing that a person can mend."""
        return next((what for part, what in self.troubles.items() if part in text), None)


SQLITE: Final = Dialect(
    name="sqlite",
    words={
        "random_hex": "lower(hex(randomblob(8)))",  # 16 hex digits, drawn by the database itself, one for each row
        "elements": "SELECT value FROM json_each",  # {elements}(:list): the rows of a parameter that is a JSON list
        "numbers": "SELECT value FROM json_each",  # as above, of numbers
        "among": "IN (SELECT value FROM json_each(*))",  # x {among|:list}: one of the texts in a JSON list
        "items": "SELECT value FROM json_each(*)",  # {items|:list}: as above, of lists; `value ->> 0` is their first
        "list": "json_group_array(*)",  # {list|x}: the x of a group as a JSON list
        "least": "min",
        "greatest": "max",
        "locked": "",  # whoever writes is alone: a row that was read cannot change before it is written
        "shared": "",
        "kept": "",
        "claimed": "",
    },
    begin="BEGIN IMMEDIATE",
    settings=(
        "PRAGMA foreign_keys = ON",
        "PRAGMA secure_delete = ON",  # what is deleted is gone from the file too, see Store.empty_log
        "PRAGMA synchronous = FULL",  # a notice written is never lost, a power cut included
    ),
    # A round of 900 live rows changes as many pages, since each series lies apart. By default half of them would not
    # stay in memory until the commit, and each commit would write all of them twice: into the log and into the file.
    writer_settings=(
        "PRAGMA cache_size = -8000",  # 8 MB
        "PRAGMA wal_autocheckpoint = 8000",  # pages: the log grows to 32 MB before it is moved into the file
    ),
    empty_log="PRAGMA wal_checkpoint(TRUNCATE)",
    tables="SELECT name FROM sqlite_master WHERE type = 'table'",
    steps_table="_sqlite_migrations",  # sqlite-utils names it
    steps="SELECT name FROM _sqlite_migrations WHERE migration_set = :set ORDER BY rowid",
    first_look="SELECT 1 FROM sqlite_master LIMIT 1",
    check="PRAGMA quick_check(1)",
    sound="ok",
    beside=("-wal", "-shm"),
    passing=("-journal",),
    ours=(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' "
        "AND name <> '_sqlite_migrations' ORDER BY name"
    ),
    columns="SELECT name, pk FROM pragma_table_info(:table) ORDER BY cid",
    references='SELECT "table" FROM pragma_foreign_key_list(:table)',
    numbered=(
        "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'id'"
    ),
    numbers="SELECT name, seq FROM sqlite_sequence",
    highest="SELECT coalesce(max(id), 0) FROM {table}",
    go_on_after="UPDATE sqlite_sequence SET seq = max(seq, :number) WHERE name = :table",
    troubles={
        "readonly": "rights",
        "unable to open": "rights",
        "not a database": "damaged",
        "malformed": "damaged",
        "locked": "busy",
        "disk is full": "full",
        "disk I/O": "disk",
    },
    sole="PRAGMA locking_mode = EXCLUSIVE",
)


@lru_cache(maxsize=2048)
def said(statement: str) -> str:
    """Return a statement of the queries as SQLite understands it."""
    return worded(statement, SQLITE.words)


@lru_cache(maxsize=2048)
def numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement with its parameters by number, and their names in that order: `:at` as `?1`.

    Of thousands of rows a parameter is not looked up by its name in each, which is a tenth of what a row costs.
    """
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"?{names.index(found[1]) + 1}"

    return _PARAMETER.sub(number, said(statement)), tuple(names)


@lru_cache(maxsize=2048)
def of_several(statement: str, rows: int) -> str | None:
    """Return a numbered statement that puts in so many rows at once, with the values of one row after another.

    None where values stand elsewhere than in one row of VALUES: then it is run once for each.
    """
    head, values, rest = statement.partition("VALUES ")
    row, _, rest = rest.partition(")")
    count = row.count("?")
    if not values or "?" in head + rest or row != f"({', '.join(f'?{place}' for place in range(1, count + 1))}":
        return None
    alike = f"({', '.join('?' * count)})"
    return f"{head}{values}{', '.join([alike] * rows)}{rest}"


def by_place(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what takes the values of a row by their names or places."""
    take = itemgetter(*keys)
    return take if len(keys) > 1 else lambda row: (take(row),)
