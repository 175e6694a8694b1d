"""The seam for a second database: SQL has names and stands in queries.sql, and only the engine knows SQLite.

Each rule is a function over texts, and is first shown a fault that it must find.
"""

from __future__ import annotations

import ast
import re
import sqlite3
from contextlib import closing
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage.engine.sql import Query, parse
from storage.engine.sqlite import migrations
from storage.engine.sqlite.dialect import said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[3]
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "storage").rglob("*.py"))
}
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "storage").rglob("queries.sql"))
}
SPEAKS_SQL = {
    "storage/engine/sqlite/migrations.py",
    "storage/engine/sqlite/dialect.py",
    "storage/engine/postgres/dialect.py",
    "storage/engine/postgres/quarters.py",
    "storage/engine/postgres/work.py",
}

# Words that stand in SQL and in no sentence; fragments too, since they would be put together to statements.
WORDS = re.compile(
    r"\b(SELECT|INSERT (OR \w+ )?INTO|DELETE FROM|UPDATE \w+ SET|CREATE (TABLE|INDEX|VIEW)|ALTER TABLE|PRAGMA|WHERE"
    r"|ORDER BY|GROUP BY|IS (NOT )?NULL|ON CONFLICT|BEGIN (IMMEDIATE|EXCLUSIVE)|UNION ALL|json_each|randomblob"
    r"|sqlite_master|last_insert_rowid)\b"
)
ONLY_SQLITE = re.compile(
    r"\b(INSERT OR|UPDATE OR|REPLACE INTO|json_each|randomblob|rowid|PRAGMA|sqlite_\w+|strftime|GLOB|ifnull|quote"
    r"|last_insert_rowid|STRICT|WITHOUT ROWID)\b"
)
NAMES = re.compile(r"\bSQL\.([a-z][a-z0-9_]*)")
PACKAGE = re.compile(r"""queries\("(storage\.\w+)"\)""")
# What a word of a query may stand for; a query is sound if SQLite can prepare it for one choice.
CANDIDATES = ("mark_price", "close", "funding_rate", "levels", "bars", "step")


def sql_elsewhere(sources: Mapping[str, str], _: Mapping[str, str]) -> Iterator[str]:
    """Find SQL, or a part of it, in a string of a module that is no docstring."""
    for file, text in sources.items():
        if file in SPEAKS_SQL:
            continue
        tree = ast.parse(text)
        documents = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                found = WORDS.search(node.value)
                if found:
                    yield f"{file}:{node.lineno}: {found[0]} belongs into queries.sql or the dialect"


def asked(sources: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the names that modules ask for: by file of queries, with a module that does."""
    found: dict[str, dict[str, str]] = {}
    for file, text in sources.items():
        package = PACKAGE.search(text)
        if package:
            place = f"{package[1].replace('.', '/')}/queries.sql"
            found.setdefault(place, {}).update(dict.fromkeys(NAMES.findall(text), file))
    return found


def unused(sources: Mapping[str, str], files: Mapping[str, str]) -> Iterator[str]:
    """Find queries that no module asks for, and no other query stands on."""
    names = asked(sources)
    for place, text in files.items():
        for name in parse(text).keys() - names.get(place, {}).keys():
            if f"({{{name}}})" in text:
                continue
            yield f"{place}: nobody uses {name}"


def unknown(sources: Mapping[str, str], files: Mapping[str, str]) -> Iterator[str]:
    """Find names that no file has."""
    for place, names in asked(sources).items():
        for name in names.keys() - parse(files.get(place, "")).keys():
            yield f"{names[name]}: {place} has no query {name}"


def unsound(path: Path, _: Mapping[str, str], files: Mapping[str, str]) -> Iterator[str]:
    """Find queries that SQLite cannot prepare against the newest schema."""
    with closing(sqlite3.connect(path)) as file:
        for place, text in files.items():
            for query in parse(text).values():
                error = trouble(file, query)
                if error:
                    yield f"{place}: {query.name}: {error}"


def trouble(file: sqlite3.Connection, query: Query) -> str | None:
    words = sorted(set(re.findall(r"\{([a-z_]+)", said(query.text))))
    error = None
    for choice in product(CANDIDATES, repeat=len(words)):
        text = said(query.filled(**dict(zip(words, choice, strict=True))).text)
        values = dict.fromkeys(re.findall(r":([a-z_]+)", text), 1)
        try:
            file.execute(f"EXPLAIN {text}", values)
        except sqlite3.Error as found:
            error = str(found)
        else:
            return None
    return error or "no choice of words"


def only_sqlite(_: Mapping[str, str], files: Mapping[str, str]) -> Iterator[str]:
    """Find in queries what other databases cannot say; the dialect has a word for it, or the standard a clause."""
    for place, text in files.items():
        for name, query in parse_raw(text).items():
            found = ONLY_SQLITE.search(query)
            if found:
                yield f"{place}: {name}: {found[0]} is known to SQLite only"


def parse_raw(text: str) -> dict[str, str]:
    """Return statements as they stand, before the dialect has filled in its words; without comments."""
    parts = re.split(r"^-- name: (\w+)$", re.sub(r"^--(?! name:).*$", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def imports_sqlite(sources: Mapping[str, str], _: Mapping[str, str]) -> Iterator[str]:
    """Find modules outside the engine that know sqlite3, also where only types do."""
    for file, text in sources.items():
        if not file.startswith("storage/engine/") and re.search(r"^\s*(import|from) sqlite", text, re.MULTILINE):
            yield f"{file}: sqlite3 is known in storage/engine only"


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seam") / "perpulse.db"
    migrations.migrate(path)
    return path


MODULE = 'from storage.engine.sql import queries\n\nSQL = queries("storage.people")\n\n\ndef f(store):\n    {body}\n'
PLANTED = [
    pytest.param(sql_elsewhere, 'store.read("SELECT 1")', "", "SELECT belongs", id="a statement"),
    pytest.param(sql_elsewhere, 'return f"{store} IS NOT NULL"', "", "IS NOT NULL belongs", id="a part in an f-string"),
    pytest.param(sql_elsewhere, 'return "PRAGMA user_version"', "", "PRAGMA belongs", id="a word of SQLite"),
    pytest.param(unused, "return SQL.used", "-- name: used\nSELECT 1\n-- name: idle\nSELECT 2\n", "idle", id="unused"),
    pytest.param(unknown, "return SQL.used, SQL.lost", "-- name: used\nSELECT 1\n", "no query lost", id="unknown"),
    pytest.param("unsound", "", "-- name: bad\nSELECT nobody FROM bars\n", "no such column: nobody", id="a column"),
    pytest.param("unsound", "", "-- name: bad\nSELECT at FROM bars WERE at = :at\n", "syntax error", id="a slip"),
    pytest.param(
        "unsound", "", "-- name: bad\nSELECT {names} FROM bars WHERE {names| OR |* > nobody}\n", "nobody", id="words"
    ),
    pytest.param(only_sqlite, "", "-- name: bad\nINSERT OR IGNORE INTO gaps VALUES (1)\n", "INSERT OR", id="a dialect"),
    pytest.param(imports_sqlite, "import sqlite3", "", "sqlite3 is known", id="sqlite3 inside a function"),
]


@pytest.mark.parametrize(("rule", "body", "queries", "says"), PLANTED)
def test_a_planted_fault_is_found(newest: Path, rule: object, body: str, queries: str, says: str) -> None:
    check = partial(unsound, newest) if rule == "unsound" else rule
    found = list(
        check(
            {"storage/people/new.py": MODULE.replace("{body}", body or "pass")}, {"storage/people/queries.sql": queries}
        )
    )  # type: ignore[operator]
    assert len(found) == 1
    assert says in found[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(sql_elsewhere, id="SQL stands in queries.sql"),
        pytest.param(unused, id="every query is used"),
        pytest.param(unknown, id="every name is known"),
        pytest.param("unsound", id="every query can be prepared"),
        pytest.param(only_sqlite, id="queries speak the standard"),
        pytest.param(imports_sqlite, id="only the engine knows sqlite3"),
    ],
)
def test_the_seam_holds(newest: Path, rule: object) -> None:
    assert FILES
    assert len(SOURCES) > 10
    check = partial(unsound, newest) if rule == "unsound" else rule
    found = list(check(SOURCES, FILES))  # type: ignore[operator]
    assert found == []
