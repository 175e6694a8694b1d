"""A server as the database: what is said where it cannot be used, what is as in a file, and who waits for whom."""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
import sys
import threading
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from storage.alerts.sending import sender
from storage.engine.database import Broken, Store, StoreError
from storage.engine.postgres import migrations as server_steps
from storage.engine.postgres import server
from storage.engine.postgres.dialect import said
from storage.engine.sql import Query, parse, queries
from storage.engine.sqlite import migrations as file_steps
from storage.market import points, retention
from storage.market.retention import RetentionRule
from storage.people import destinations
from tests import postgres
from tests.storage import beside, senders
from tests.storage.engine.test_seam import CANDIDATES, FILES
from tests.storage.market.test_points_batches import START, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow  # a server has to be started


SQL = queries("storage.engine")
SECRET = "s3cret"
TWICE = "INSERT INTO destinations (id, platform, chat, kind, created) VALUES (:id, 'x', 'y', 'z', 1)"
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlite%'"


@pytest.fixture
def url() -> Iterator[str]:
    """The address of an empty database of the newest schema."""
    yield from postgres.lent()


@pytest.fixture
def bare() -> str:
    """The address of a database in which nothing is yet."""
    found = postgres.databases()
    if found is None:
        pytest.skip(postgres.MISSING)
    return found.bare()


# The steps as they shipped, as in test_migrations.py: a line is added with its step and never changed.
SHIPPED = {
    "m019_options_told": "3b1543c4c7747ede",
    "m020_own_rules": "01f215079b61ffe7",
    "m021_own_states": "19372056f0e767ba",
    "m022_processes": "f7da293956d07762",
    "m024_outbox_waits": "303f182f7fc9966e",
    "m025_outbox_parts": "3d0eaf908ee7ffc7",
    "m026_snapshots": "e233be97ae57a914",
}


def test_no_shipped_step_has_changed() -> None:
    files = Path(server_steps.__file__).with_name("steps").glob("*.sql")
    assert {file.stem: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in files} == SHIPPED


# --- what is wrong with a server --------------------------------------------------------------------------------------


def foreign(url: str) -> None:
    postgres.ask(url, "CREATE TABLE songs (name TEXT)")


def newer(url: str) -> None:
    postgres.ask(url, "CREATE TABLE perpulse_steps (place int, name text, applied timestamptz)")
    postgres.ask(url, "INSERT INTO perpulse_steps VALUES (1, 'm999_tomorrow', now())")


def without_rights(url: str) -> None:
    postgres.ask(url, "DROP ROLE IF EXISTS perpulse_test_guest")
    postgres.ask(url, "CREATE ROLE perpulse_test_guest LOGIN")
    postgres.ask(url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")


def as_(user: str) -> Callable[[str], str]:
    return lambda url: re.sub(r"//[^@]*@", f"//{user}:{SECRET}@", url)


def away(host: str) -> Callable[[str], str]:
    return lambda _: f"postgresql://u:{SECRET}@{host}/d"


@pytest.mark.parametrize(
    ("spoil", "change", "says"),
    [
        pytest.param(foreign, str, r"database of another program \(it has the table 'songs'\).*createdb", id="others"),
        pytest.param(newer, str, r"newer perpulse \(m999_tomorrow\)\. Update perpulse", id="newer schema"),
        pytest.param(None, lambda url: url.replace("perpulse_test", "no_such"), "no such database.*createdb", id="no"),
        pytest.param(None, as_("nobody"), r"nobody@.*there is no such user.*createuser", id="no such user"),
        pytest.param(without_rights, as_("perpulse_test_guest"), "make no tables.*owner of the database", id="rights"),
        pytest.param(None, away("127.0.0.1:9"), "nothing answers there.*server running", id="away"),
        pytest.param(None, away("%2Fnowhere"), "nothing answers there", id="no socket"),
        pytest.param(None, lambda url: f"{url}&sslmode=always", "a setting of the address has a value", id="setting"),
    ],
)  # fmt: skip
def test_a_server_that_cannot_be_used_is_refused_in_one_line(
    bare: str, spoil: Callable[[str], None] | None, change: Callable[[str], str], says: str
) -> None:
    if spoil:
        spoil(bare)
    with closing(Store(change(bare))) as store:
        for use in (lambda: store.read(SQL.settings_of, prefix=""), lambda: store.write().__enter__()):
            with pytest.raises(StoreError, match=says) as caught:
                use()
            assert "\n" not in str(caught.value)
            assert SECRET not in str(caught.value)
    if spoil is without_rights:
        postgres.ask(bare, "DROP ROLE perpulse_test_guest")


def test_a_server_that_is_too_old_is_named(bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.engine.postgres.dialect.OLDEST", 990_000)
    with (
        closing(Store(bare)) as store,
        pytest.raises(StoreError, match=r"perpulse needs 99 or newer\. Update the server"),
    ):
        store.read(SQL.settings_of, prefix="")


def test_without_psycopg_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg_pool", None)
    monkeypatch.delitem(sys.modules, "storage.engine.postgres.server", raising=False)
    with pytest.raises(StoreError, match=r"pip install 'perpulse\[postgres\]'"):
        Store("postgresql://u@h/d")


def test_looking_makes_no_tables(bare: str) -> None:
    with closing(Store(bare)) as store:
        assert not store.exists
        assert store.read(SQL.settings_of, prefix="") == []
        assert store.exists


# --- as in a file -----------------------------------------------------------------------------------------------------


def columns(store: Store) -> dict[str, set[tuple[str, str, bool]]]:
    """Return the columns by table: name, kind, whether there must be a value."""
    found: dict[str, set[tuple[str, str, bool]]] = {}
    for table, name, kind, needed in beside.rows(
        store,
        "SELECT table_name, column_name, data_type, is_nullable = 'NO' FROM information_schema.columns "
        "JOIN information_schema.tables USING (table_schema, table_name) "
        "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
    ):
        found.setdefault(table, set()).add((name, kind, needed))
    return {table: rows for table, rows in found.items() if not re.search(r"_q\d$|^perpulse_steps$|^stage_", table)}


KINDS = {"BLOB": "bytea", "TEXT": "text", "INTEGER": "bigint", "REAL": "double precision"}


def views_of(store: Store, *, server: bool) -> set[tuple[str, str]]:
    """Return the views, each with every name of a column."""
    query = "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'view'"
    if server:
        query = (
            "SELECT table_name, column_name FROM information_schema.columns "
            "JOIN information_schema.views USING (table_schema, table_name) WHERE table_schema = 'public'"
        )
    return {(view, name) for view, name in beside.rows(store, query)}


def columns_of_file(store: Store) -> dict[str, set[tuple[str, str, bool]]]:
    found: dict[str, set[tuple[str, str, bool]]] = {}
    for (table,) in beside.rows(store, TABLES):
        for _, name, kind, needed, _, key in beside.rows(store, f"PRAGMA table_info({table})"):
            found.setdefault(table, set()).add((name, KINDS[kind], bool(needed or key)))
    return found


def keys_of_file(store: Store) -> set[tuple[str, tuple[str, ...], bool]]:
    """Return what is searched by: table, columns, whether each combination stands once."""
    found: set[tuple[str, tuple[str, ...], bool]] = set()
    for (table,) in beside.rows(store, TABLES):
        key = sorted((row[5], row[1]) for row in beside.rows(store, f"PRAGMA table_info({table})") if row[5])
        found.add((table, tuple(name for _, name in key), True))
        for row in beside.rows(store, f"PRAGMA index_list({table})"):
            names = beside.rows(store, f"SELECT name FROM pragma_index_info('{row[1]}') ORDER BY seqno")  # noqa: S608
            found.add((table, tuple(name for (name,) in names), bool(row[2])))
    return found


def keys_of_server(store: Store) -> set[tuple[str, tuple[str, ...], bool]]:
    rows = beside.rows(
        store,
        "SELECT t.relname, i.indisunique, array_agg(a.attname::text ORDER BY k.place) FROM pg_index i "
        "JOIN pg_class t ON t.oid = i.indrelid "
        "CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place) "
        "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number "
        "WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition AND t.relname <> 'perpulse_steps' "
        "GROUP BY t.relname, i.indexrelid, i.indisunique",
    )
    return {(table, tuple(names), unique) for table, unique, names in rows}


def test_both_have_the_same_tables_columns_and_keys(url: str, file_store: Store) -> None:
    """A step of the schema is written for both, or here is what is missing."""
    with closing(Store(url)) as server:
        server.read(SQL.settings_of, prefix="")
        file_store.read(SQL.settings_of, prefix="")
        assert columns(server) == columns_of_file(file_store)
        assert keys_of_server(server) == keys_of_file(file_store)
        assert views_of(server, server=True) == views_of(file_store, server=False)
        steps = [name for (name,) in beside.rows(server, "SELECT name FROM perpulse_steps ORDER BY place")]
    assert steps == list(file_steps.NAMES[-len(steps) :])


def test_every_query_can_be_prepared(url: str) -> None:
    with closing(Store(url)) as store:
        store.read(SQL.settings_of, prefix="")
        server = postgres.connection(url).pgconn
        wrong = [
            f"{place}: {query.name}: {error}"
            for place, text in FILES.items()
            for query in parse(text).values()
            if (error := _trouble(server, query))
        ]
    assert wrong == []


def _trouble(server: Any, query: Query) -> str:
    words, error = sorted(set(re.findall(r"\{([a-z_]+)", said(query.text)))), ""
    for choice in product(CANDIDATES, repeat=len(words)):
        text = _numbered(said(query.filled(**dict(zip(words, choice, strict=True))).text))
        if not (error := server.prepare(b"", text.encode()).error_message.decode()):
            return ""
    return error


def _numbered(text: str) -> str:
    """Return a statement as the server itself takes it."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    return re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", text).replace("%%", "%")


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        pytest.param("a = :a AND b % :b", "a = %(a)s AND b %% %(b)s", id="parameters"),
        pytest.param("a = ':a 5%' AND b = 'it''s :b'", "a = ':a 5%%' AND b = 'it''s :b'", id="in a text"),
        pytest.param("a::bigint = :a::bigint", "a::bigint = %(a)s::bigint", id="a cast"),
        pytest.param("{least}(a, {columns|:*})", "least(a, {columns|:*})", id="words"),
    ],
)
def test_parameters_are_found(statement: str, meant: str) -> None:
    assert said(statement) == meant


def test_values_come_back_as_from_a_file(store: Store) -> None:
    with store.write() as work:
        work.run(SQL.keep_setting, name="100%", value="a ':b' \0 é 🙂")
    assert store.read_one(SQL.setting, name="100%")["value"].replace("\0", "") == "a ':b'  é 🙂"  # type: ignore[index]
    points.write(store, [values(3, value=math.nan), values(2, "mark_price", 0.1, None)])
    assert [tuple(row) for row in beside.rows(store, "SELECT mark_price FROM levels")] == [(0.1,), (0.1,)]


def test_a_statement_that_was_refused_undoes_everything(store: Store) -> None:
    place = destinations.ensure(store, "telegram", "1", None, kind="private", title=None, now=START)
    with pytest.raises(Broken), store.write() as work:  # noqa: PT012 - the second statement is refused
        work.run(SQL.keep_setting, name="a", value="1")
        work.run(Query("twice", TWICE), id=place.id)
    assert store.read(SQL.settings_of, prefix="") == []


def test_market_data_lies_in_its_quarters(url: str) -> None:
    with closing(Store(url)) as store:
        points.write(store, [values(24 * 100)])
        parts = [
            name for (name,) in beside.rows(store, "SELECT DISTINCT tableoid::regclass::text FROM bars ORDER BY 1")
        ]
        assert parts == ["bars_2026_q1", "bars_2026_q2"]


# --- who waits for whom -----------------------------------------------------------------------------------------------


@contextmanager
def two(url: str) -> Iterator[tuple[Store, Store]]:
    with closing(Store(url)) as first, closing(Store(url)) as second:
        for store in (first, second):
            store.read(SQL.settings_of, prefix="")
        yield first, second


def begin(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_what_is_done_alone_waits_for_another_process(url: str) -> None:
    order: list[str] = []

    def late() -> None:
        with second.write() as work:
            work.alone("counting")
            order.append("second")

    with two(url) as (first, second):
        with first.write() as work:
            work.alone("counting")
            thread = begin(late)
            thread.join(0.1)
            assert thread.is_alive()
            order.append("first")
        thread.join(10)
    assert order == ["first", "second"]


def test_a_process_is_not_struck_out_between_the_look_and_the_claim(url: str) -> None:
    with two(url) as (first, second):
        number = senders.take(first)
        with first.write() as work:
            assert [sender.held(work, number, platform) for platform in ("telegram", "discord")] == [True, False]
            taken: list[int] = []
            thread = begin(lambda: taken.append(senders.take(second)))
            thread.join(0.1)
            assert taken == []
        thread.join(10)
        assert taken == [number + 1]


def test_a_server_that_was_away_is_found_again(url: str) -> None:
    with two(url) as (store, _):
        with store.write() as work:
            work.run(SQL.keep_setting, name="a", value="1")
        postgres.ask(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()",
        )
        with store.write() as work:
            work.run(SQL.keep_setting, name="b", value="1")
        assert len(store.read(SQL.settings_of, prefix="")) == 2


@pytest.mark.timeout(30)
def test_who_reads_does_not_wait_for_a_server_that_refuses(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool tries for as long as it may wait, so that an answer to a command came after twenty seconds."""
    monkeypatch.setattr(server, "PATIENCE", 60.0)
    with closing(Store(url)) as store:
        points.assets(store)
        with postgres.closed(url):
            for _ in range(3):
                with pytest.raises(StoreError, match="cannot be reached"):
                    points.assets(store)
        assert points.assets(store) == []


def test_a_hint_is_heard_when_all_is_written_and_not_by_who_gave_it(url: str) -> None:
    heard: dict[str, list[str]] = {"first": [], "second": []}
    with two(url) as (first, second):
        ends = [first.listen(heard["first"].append), second.listen(heard["second"].append)]
        with contextlib.suppress(ZeroDivisionError), first.write() as work:
            work.hint("undone")
            raise ZeroDivisionError
        for _ in range(200):
            with first.write() as work:
                work.hint("outbox")
            if heard["second"]:
                break
            time.sleep(0.05)
        for end in ends:
            end()
    assert set(heard["second"]) == {"outbox"}
    assert heard["first"] == []


def test_quarters_that_are_too_old_go_as_a_whole(url: str) -> None:
    with closing(Store(url)) as store:
        points.write(store, [values(24 * 100), values(24 * 100, "mark_price", 2.0, None)])
        june = datetime(2026, 4, 5, tzinfo=UTC)
        gone = list(retention.clean(store, RetentionRule(history=timedelta(days=1)), june + timedelta(days=1)))
        assert gone[0] == retention.Gone("history", 2 * 24 * 90)
        parts = [name for (name,) in beside.rows(store, "SELECT DISTINCT tableoid::regclass::text FROM bars")]
        assert parts == ["bars_2026_q2"]
        assert points.span(store, "BTC", "close") == (june, START + timedelta(hours=2399))
        assert points.span(store, "BTC", "mark_price") == (june, START + timedelta(hours=2399))
