"""Stored databases are safe: every schema that ever shipped becomes today's, and no shipped step ever changes."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from storage.engine.database import Store
from storage.engine.sqlite import migrations
from tests import postgres
from tests.storage.engine.dumping import SCHEMAS, restore

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]

# The statements of each step as they shipped. A line is added with its step and never changed: what differs here would
# differ between a database that is made today and one that has been in use for years.
SHIPPED = {
    "m001_points": "17e5e512e96bcba7",
    "m002_alerts": "06a3088b4760fc3e",
    "m003_directories": "8db3e7df8082ccef",
    "m004_default_venue": "698252410ffd2f47",
    "m005_coverage": "eda225ab4318bf70",
    "m006_positions": "e1973e4e9b8d4d54",
    "m007_liquidation_hours": "3a3d64dc414f4811",
    "m008_options": "4adf1964943110ee",
    "m009_positions_looked_at": "e83c5dfb77774db7",
    "m010_history_kept_up": "5dd5a08d95e2b8ed",
    "m011_settlements": "8de3b18d89241841",
    "m012_canonical_names": "4b87a973076ac188",
    "m013_events": "d89f54696a465527",
    "m014_rewritten": "34da2dbf9162b926",
    "m015_people": "853454cf0932f54e",
    "m016_servers": "f32123dd72cb15a1",
    "m017_persons": "b524f84d984331b1",
    "m018_record": "35306b32042c89aa",
    "m019_options_told": "bda9613af14b7b8c",
    "m020_own_rules": "17248efb413d77b7",
    "m021_own_states": "bf02291da2f3ca8c",
    "m022_processes": "f3cc256f7f339e3d",
    "m024_outbox_waits": "e1738d99bba18c52",
    "m025_outbox_parts": "591d6a0ceaf3d9f3",
    "m026_snapshots": "19623c9dfb3fdb60",
}


class Recorder:
    """Takes statements down instead of running them."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, statement: str) -> None:
        self.statements.append(statement)


def print_of(step: Callable[[Any], None]) -> str:
    recorder = Recorder()
    step(recorder)
    return hashlib.sha256("\n".join(recorder.statements).encode()).hexdigest()[:16]


def test_no_shipped_step_has_changed() -> None:
    assert {step.__name__: print_of(step) for step in migrations._STEPS} == SHIPPED
    assert list(migrations.NAMES) == sorted(migrations.NAMES), "in the order of their numbers"


def test_a_step_is_literal() -> None:
    """A name of ours in a step would let today's code change what happened to yesterday's databases."""
    tree = ast.parse(Path(migrations.__file__).read_text(encoding="utf-8"))
    steps = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in migrations.NAMES]
    assert len(steps) == len(migrations.NAMES)
    for step in steps:
        assert not [node for node in ast.walk(step) if isinstance(node, ast.JoinedStr | ast.For)], step.name
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or ".")])
    }
    assert not imported & {"bot", "handlers", "storage", "signals"}, imported


# What a later step calls otherwise: a table, or a column of a table by its old name. None: its values are written anew.
TODAY: dict[Any, Any] = {
    "watch_states": "rule_states",
    ("episodes", "watch"): "rule",
    ("episodes", "first_values"): None,
    ("episodes", "last_values"): None,
    ("watch_states", "watch"): "rule",
    ("subscriptions", "watch"): "rule",
    ("notices", "watch"): "rule",
}


# --- schemas that are out there ---------------------------------------------------------------------------------------


def schema(path: Path) -> dict[str, Any]:
    """Describe a schema: equal where tables, columns in whatever order, indexes, views and the kind of table are."""
    with closing(sqlite3.connect(path)) as file:
        found: dict[str, Any] = {}
        for _, table, kind, _, without_rowid, strict in file.execute("PRAGMA main.table_list").fetchall():
            if table.startswith("sqlite_"):
                continue
            columns = {row[1:] for row in file.execute(f"PRAGMA table_info({table})")}
            keys = {row[2:] for row in file.execute(f"PRAGMA foreign_key_list({table})")}
            indexes = {
                (unique, origin, partial, tuple(row[1:] for row in file.execute(f"PRAGMA index_xinfo({index})")))
                for _, index, unique, origin, partial in file.execute(f"PRAGMA index_list({table})").fetchall()
            }
            found[table] = (kind, bool(without_rowid), bool(strict), columns, keys, indexes)
        rows = file.execute("SELECT type, name, sql FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL")
        found["as written"] = {(kind, name, re.sub(r"\s+", " ", sql)) for kind, name, sql in rows}
        found["numbers are not used again"] = {
            row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")
        }
        return found


def rows_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Read every row of every table."""
    with closing(sqlite3.connect(path)) as file:
        file.row_factory = sqlite3.Row
        tables = file.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {
            table: [dict(row) for row in file.execute(f"SELECT * FROM {table}")]  # noqa: S608 - names of the schema
            for (table,) in tables.fetchall()
        }


def with_settlements(tables: dict[str, list[dict[str, Any]]]) -> None:
    """Put settlements among the levels, where they stood before they had a table of their own."""
    levels = {(row["asset"], row["venue"], row["at"]): row for row in tables["levels"]}
    for row in tables.pop("settlements", []):
        key = (row["asset"], row["venue"], row["at"])
        levels[key] = dict.fromkeys(tables["levels"][0]) | levels.get(key, {}) | row
    tables["levels"] = list(levels.values())


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fresh") / "perpulse.db"
    open_once(path)
    return path


def open_once(path: Path) -> None:
    store = Store(path)
    with store.write():
        pass
    store.close()


def test_every_shipped_schema_has_a_dump() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.sql")} == set(migrations.NAMES)
    for name in migrations.NAMES:
        assert f"'{name}'" in (SCHEMAS / f"{name}.sql").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", migrations.NAMES)
def test_a_stored_database_becomes_todays_and_keeps_its_rows(tmp_path: Path, fresh: Path, name: str) -> None:
    path = tmp_path / "perpulse.db"
    restore(name, path)
    before = rows_of(path)
    assert all(before.values()), "a dump has rows in every table"
    open_once(path)
    assert schema(path) == schema(fresh)
    after = rows_of(path)
    for rows in (before, after):
        with_settlements(rows)
    if "beat" in before.get("leases", [{}])[0]:  # before m022 there was one, which goes with its holder
        assert after.pop("leases") == []
        del before["leases"]
    for table, rows in before.items():
        today = {column: TODAY.get((table, column), column) for column in rows[0]}
        known = {column: name for column, name in today.items() if name is not None}
        rows = [{column: row[column] for column in known} for row in rows]  # noqa: PLW2901 - without what was rewritten
        kept = [{column: row[name] for column, name in known.items()} for row in after[TODAY.get(table, table)]]
        assert [row for row in rows if row not in kept] == [], table
        if table != "_sqlite_migrations":
            assert len(kept) == len(rows), table


def test_values_of_stored_episodes_have_their_whole_names(tmp_path: Path) -> None:
    path = tmp_path / "perpulse.db"
    restore("m011_settlements", path)
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE episodes SET rank = 'notice'")
        file.execute("INSERT INTO episodes SELECT 90, 'net_taker_flip', asset, since, fired, ended, rank, "
                     "'{\"value\": 1.5, \"worst\": -2}', '{}' FROM episodes WHERE id = 1")  # fmt: skip
        file.commit()
    migrations.migrate(path)
    found = {row["rule"]: (row["first_values"], row["last_values"]) for row in rows_of(path)["episodes"]}
    assert found == {
        "oi_drawdown": ('{"oi_drawdown.value":-0.31}', '{"oi_drawdown.value":-0.12}'),
        "funding_stretch": ('{"funding_stretch.value":12.5}', '{"funding_stretch.value":14.0}'),
        "position 1": ('{"distance": 0.04}', '{"distance": 0.04}'),
        "net_taker_flip": ('{"net_taker_30d.value":1.5,"net_taker_30d.worst":-2}', "{}"),
    }


def test_what_waits_in_the_outbox_is_what_is_not_settled(tmp_path: Path) -> None:
    path = tmp_path / "perpulse.db"
    restore("m021_own_states", path)
    with closing(sqlite3.connect(path)) as file:
        (row,) = file.execute("SELECT min(id) FROM outbox").fetchone()
        for state, settled in (("sent", None), ("queued", 5), ("dead", 7), ("uncertain", None)):
            file.execute("INSERT INTO notices (kind, rank, at, payload) VALUES ('late', 'notice', 1, '{}')")
            file.execute(
                "INSERT INTO outbox (notice, destination, nonce, priority, not_before, expires, state, created, "
                "settled, reason) SELECT last_insert_rowid(), destination, nonce, 1, 1, 1, ?, 3, ?, 'tampered' "
                "FROM outbox WHERE id = ?",
                (state, settled, row),
            )
        file.commit()
    migrations.migrate(path)
    found = [(row["state"], row["settled"]) for row in rows_of(path)["outbox"] if row["reason"] == "tampered"]
    assert found == [("sent", 3), ("queued", None), ("dead", 7), ("uncertain", None)]


def test_schemas_that_differ_are_told_apart(tmp_path: Path, fresh: Path) -> None:
    """Else the test above would pass whatever a step does."""
    for number, statement in enumerate(
        (
            "ALTER TABLE gaps ADD COLUMN more REAL",
            "CREATE INDEX gaps_more ON gaps (until)",
            "DROP INDEX outbox_waiting",
            "CREATE TABLE more (a INTEGER PRIMARY KEY) STRICT",
        )
    ):
        path = tmp_path / f"{number}.db"
        shutil.copy(fresh, path)
        with closing(sqlite3.connect(path)) as file:
            file.execute(statement)
        assert schema(path) != schema(fresh), statement


@pytest.mark.parametrize("change", [
    "UPDATE record SET price = 1",
    "UPDATE definitions SET definition = '{}'",
    "UPDATE outcomes SET change = 1",
    "DELETE FROM outcomes WHERE id = 2",
    "DELETE FROM record WHERE id = 1",
    "DELETE FROM definitions WHERE private = 0",
    "UPDATE record SET private = 1 WHERE id = 1",
])  # fmt: skip
def test_what_was_said_and_what_came_of_it_is_never_edited(tmp_path: Path, change: str) -> None:
    path = tmp_path / "perpulse.db"
    restore("m018_record", path)
    with closing(sqlite3.connect(path)) as file, pytest.raises(sqlite3.IntegrityError, match="never edited"):
        file.execute(change)


def test_the_record_of_a_rule_of_ones_own_may_go(tmp_path: Path) -> None:
    path = tmp_path / "perpulse.db"
    restore("m018_record", path)
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA foreign_keys = ON")
        file.execute("INSERT INTO outcomes SELECT 9, 2, days, entry_at, entry_price, at, price, change, worst, best, "
                     "venue, written, NULL, NULL FROM outcomes WHERE id = 1")  # fmt: skip
        mine = ("outcomes WHERE entry = 2", "record WHERE private", "definitions WHERE private")
        gone = [file.execute(f"DELETE FROM {rows}").rowcount for rows in mine]  # noqa: S608 - written above
    assert gone == [1, 1, 1]


# --- one more input ---------------------------------------------------------------------------------------------------

# As it stands in CONTRIBUTING: one line of a table, one step of a file, and a file with the step of a server.
RECIPE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Add an input\n")[1].split("\n## ")[0]
DECLARED, STEP, ON_A_SERVER = re.findall(r"^```(?:python|sql)\n(.*?)^```$", RECIPE, re.MULTILINE | re.DOTALL)
ITS_FILE = re.findall(r"^`(storage/engine/postgres/steps/\w+\.sql)`:$", RECIPE, re.MULTILINE)
USE = """
import sys
from datetime import UTC, datetime
from pathlib import Path

from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from storage.engine.database import Store
from storage.market import history, points, retention

now = datetime(2026, 11, 22, 12, tzinfo=UTC)
file = Path("new.csv")
file.write_text("at,venue,asset,input,value\\n2026-11-01T08:00:00Z,binance,BTC,premium_index,-0.0004\\n"
                "2026-11-01T08:00:00Z,binance,BTC,open_interest_coin,81000\\n")
for path in sys.argv[1:]:
    store = Store(path)
    imported = read_file(file, now=now)
    assert not imported.problems, imported.problems
    assert keep(store, imported) == 2
    for _ in retention.clean(store, retention.RetentionRule(), now):
        pass
    newest = points.newest(store, "BTC", "premium_index")
    assert newest is not None and newest.value == -0.0004, newest
    every = [value for part in history.parts(store, names=["premium_index"])[0] for page in history.values(store, part)
             for value in page]
    assert [value[3:] for value in every] == [("premium_index", -0.0004)], every
    store.close()
    print("known")
"""


def places(engine: str, folder: Path) -> list[str]:
    """Return a database that has been in use, of the newest schema that has shipped, and one that is not made yet."""
    if engine == "sqlite":
        restore(migrations.NAMES[-1], folder / "old.db")
        return [str(folder / "old.db"), str(folder / "fresh.db")]
    server = postgres.databases()
    assert server is not None
    return [server.take(), server.bare()]  # neither is given back: the schema of both is another one by then


@pytest.mark.slow
def test_an_input_is_added_without_touching_a_shipped_step(engine: str, tmp_path: Path) -> None:
    for package in ("bot", "handlers", "storage", "signals"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "winter*.csv"))
    for name, before, more in (
        ("signals/inputs.py", "\n)\n\nINPUTS", f"    {DECLARED.strip()},\n"),
        ("storage/engine/sqlite/migrations.py", "\n# The functions above", f"{STEP}\n\n"),
    ):
        file = tmp_path / name
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1
        place = text.index(before) + 1
        file.write_text(text[:place] + more + text[place:], encoding="utf-8")
    (file_name,) = ITS_FILE
    (tmp_path / file_name).write_text(ON_A_SERVER, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", USE, *places(engine, tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "known\nknown\n"), done.stderr
