"""What `make mutate` breaks could stand there, and only those are asked who reach it: else its score says nothing."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

from storage.engine import sql
from storage.engine.sqlite import migrations
from storage.engine.sqlite.dialect import SQLITE
from tests.faults.mutants.__main__ import TARGETS, mutants
from tests.faults.mutants.breaking import Mutant, of_python
from tests.faults.mutants.noticing import ROOT, Notes, files_of

if TYPE_CHECKING:
    from pathlib import Path

QUERIES = "storage/alerts/queries.sql"


def test_what_is_broken_and_who_is_asked_is_there() -> None:
    for file, tests in TARGETS.items():
        assert (ROOT / file).exists()
        assert all((ROOT / test).exists() for test in files_of(tests))


@pytest.mark.slow
def test_a_broken_query_is_still_one(tmp_path: Path) -> None:
    """What no database can read is noticed by every test."""
    migrations.migrate(tmp_path / "perpulse.db")
    database = sqlite3.connect(tmp_path / "perpulse.db")
    broken = mutants(QUERIES)
    assert len(broken) > 300
    for mutant in broken[::4]:
        name = f"-- name: {mutant.within}\n"
        (query,) = sql.parse(name + mutant.text.partition(name)[2].partition("-- name: ")[0]).values()
        text = sql.worded(query.text, SQLITE.words)
        database.execute(f"EXPLAIN {text}", dict.fromkeys(re.findall(r":(\w+)", text)))
    database.close()


def test_a_broken_module_is_still_one_and_another_one() -> None:
    source = (ROOT / "storage/alerts/sending/rests.py").read_text(encoding="utf-8")
    texts = [mutant.text for mutant in of_python("rests.py", source)]
    assert len(set(texts)) == len(texts) > 10
    for text in texts:
        compile(text, "rests.py", "exec")


SOURCE = """
LONGEST = 3

@cached
def one(x):
    def inner():
        return x + 1
    return inner()

def two(x):
    return cast("XX", x)
"""


def test_a_mutant_knows_the_function_around_it() -> None:
    within = {str(mutant).partition(" ")[2]: mutant.within for mutant in of_python("a.py", SOURCE)}
    assert within == {
        "LONGEST = 3  ->  pass": None,
        "3  ->  4": None,
        "return inner()  ->  return None": range(4, 9),
        "return x + 1  ->  return None": range(4, 9),
        "x + 1  ->  x - 1": range(4, 9),
        "1  ->  2": range(4, 9),
        "return cast('XX', x)  ->  return None": range(10, 12),
    }


def test_those_are_asked_who_reach_it_the_quick_ones_first() -> None:
    notes = Notes(
        reached={
            "": {("a.py", 1)},
            "tests/one.py": {("a.py", 20)},  # by a fixture
            "tests/one.py::slow": {("a.py", 4), ("", "waiting")},
            "tests/one.py::quick": {("a.py", 6)},
            "tests/two.py::other": {("a.py", 4)},
        },
        took={"tests/one.py::slow": 2.0, "tests/one.py::quick": 0.01, "tests/two.py::other": 0.1},
    )

    def asked(within: range | str | None) -> list[str]:
        found = notes.tests_of(Mutant("a.py", 5, "x", "y", "", within), ["tests/two.py", "tests/one.py"])
        return [test.partition("::")[2] for test in found]

    assert asked(range(4, 9)) == ["other", "quick", "slow"]
    assert asked(range(20, 22)) == ["quick", "slow"]
    assert asked(range(30, 32)) == []
    assert asked("waiting") == ["slow"]
    assert asked(None) == asked(range(1, 3)) == ["other", "quick", "slow"]
