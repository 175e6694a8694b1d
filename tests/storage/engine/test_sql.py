"""Named queries: how a file is read, and what may be filled in."""

from __future__ import annotations

import pytest

from storage.engine.postgres.dialect import said as on_a_server
from storage.engine.sql import parse, queries
from storage.engine.sqlite.dialect import numbered, of_several, said

FILE = """
-- A word about the file.

-- name: newest
-- What this one is for.
SELECT at, {names} FROM levels
WHERE at > :at AND ({names| OR |* IS NOT NULL});

-- name: draw
SELECT {random_hex} AS nonce
"""


def test_a_file_is_read_into_queries_by_name() -> None:
    found = parse(FILE)
    assert list(found) == ["newest", "draw"]
    assert said(found["draw"].text) == "SELECT lower(hex(randomblob(8))) AS nonce", "a word of the dialect"
    assert found["newest"].text.startswith("SELECT at, {names} FROM levels\nWHERE")
    assert "--" not in found["newest"].text
    assert not found["newest"].text.endswith(";")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        pytest.param("open", "SELECT at, open FROM levels\nWHERE at > :at AND (open IS NOT NULL)", id="one"),
        pytest.param(
            "open, high",
            "SELECT at, open, high FROM levels\nWHERE at > :at AND (open IS NOT NULL OR high IS NOT NULL)",
            id="two",
        ),
    ],
)
def test_names_are_filled_in(names: str, text: str) -> None:
    assert parse(FILE)["newest"].filled(names=names).text == text


@pytest.mark.parametrize("names", ["", "1; DROP TABLE levels", "open,high", "open, ", "open)", "Open", "*"])
def test_what_is_no_list_of_names_is_refused(names: str) -> None:
    with pytest.raises(ValueError, match="newest: names must be names"):
        parse(FILE)["newest"].filled(names=names)


def test_a_part_without_a_separator_is_a_list() -> None:
    query = parse("-- name: upsert\nSET {columns|* = coalesce(excluded.*, *)}")["upsert"]
    assert query.filled(columns="a, b").text == "SET a = coalesce(excluded.a, a), b = coalesce(excluded.b, b)"


def test_a_name_of_an_earlier_query_is_its_text() -> None:
    found = parse("-- name: few\nSELECT id FROM a\n-- name: count\nSELECT count(*) FROM ({few}) f WHERE {late}\n")
    assert found["count"].text == "SELECT count(*) FROM (SELECT id FROM a) f WHERE {late}"


def test_a_word_of_a_dialect_takes_a_part() -> None:
    query = parse("-- name: drop\nDELETE FROM a WHERE id IN (SELECT one.value FROM ({items|:ids}) AS one)")["drop"]
    assert said(query.text) == (
        "DELETE FROM a WHERE id IN (SELECT one.value FROM (SELECT value FROM json_each(:ids)) AS one)"
    )
    assert on_a_server(query.text).count("%(ids)s") == 2


@pytest.mark.parametrize(
    ("text", "several"),
    [
        pytest.param("INSERT INTO a (x, y) VALUES (:x, :y)", "INSERT INTO a (x, y) VALUES (?, ?), (?, ?)", id="rows"),
        pytest.param(
            "INSERT INTO a (x, y) VALUES (:x, :y) ON CONFLICT (x) DO UPDATE SET y = excluded.y",
            "INSERT INTO a (x, y) VALUES (?, ?), (?, ?) ON CONFLICT (x) DO UPDATE SET y = excluded.y",
            id="with what follows",
        ),
        pytest.param("INSERT INTO a (x, y) VALUES (:x, :x)", None, id="one value twice"),
        pytest.param("INSERT INTO a (x, y) VALUES (:x, 5)", None, id="a value of its own"),
        pytest.param("INSERT INTO a (x, y) VALUES ((SELECT max(x) FROM a), :y)", None, id="a value that is read"),
        pytest.param("INSERT INTO a (x) VALUES (:x) ON CONFLICT (x) DO UPDATE SET x = :x", None, id="a value behind"),
        pytest.param("INSERT INTO a (x) SELECT x FROM b WHERE x = :x", None, id="no row of values"),
        pytest.param("DELETE FROM a WHERE x = :x", None, id="no insert"),
    ],
)
def test_only_a_row_of_values_can_be_several_rows_of_one_statement(text: str, several: str | None) -> None:
    statement, _ = numbered(text)
    assert of_several(statement, 2) == several


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("-- name: a\nSELECT 1\n-- name: a\nSELECT 2", "query a stands twice", id="twice"),
        pytest.param("-- name: a\n-- name: b\nSELECT 2", "query a has no statement", id="empty"),
    ],
)
def test_a_file_that_is_wrong_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(text)


def test_a_name_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match=r"storage\.market/queries\.sql has no query nothing"):
        _ = queries("storage.market").nothing
