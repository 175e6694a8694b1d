"""A quick run visits every room, and whoever makes it slow is named."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.house import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow  # starts a run of its own, and reads every test

TESTS = ROOT / "tests"
PLANTED = """
import time
import pytest
from hypothesis import given, settings, strategies as st

def work(seconds):
    begin = time.process_time()
    while time.process_time() - begin < seconds:
        pass

@pytest.fixture(scope="module")
def for_many():
    work(0.4)

@pytest.fixture
def for_one():
    work(0.3)

def test_long():
    work(0.3)

def test_of_a_long_fixture(for_one):
    pass

def test_of_what_many_have(for_many):
    pass

def test_short():
    work(0.01)

@pytest.mark.slow
def test_marked():
    work(0.3)

@settings(max_examples=50, deadline=None, database=None)
@given(st.integers())
def test_long_for_its_examples(number):
    work(0.01)
"""


def is_slow(node: ast.AST) -> bool:
    """Tell whether a decorator, or what `pytestmark` is set to, names the marker."""
    return any(isinstance(part, ast.Attribute) and part.attr == "slow" for part in ast.walk(node))


def visited(file: Path) -> bool:
    """Tell whether a quick run has a test in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark" and is_slow(node.value):
            return False
    named = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(
        node.name.startswith("test_") and not any(is_slow(decorator) for decorator in node.decorator_list)
        for node in named
    )


def test_every_room_is_visited() -> None:
    whole = {TESTS, TESTS / "field", TESTS / "faults"}  # told of the whole bot, or asked of the whole tree
    folders = {file.parent for file in TESTS.rglob("test_*.py")}
    folders = {folder for folder in folders if not whole & {folder, *folder.parents} - {TESTS} and folder != TESTS}
    assert len(folders) > 30
    assert [folder for folder in sorted(folders) if not any(visited(file) for file in folder.glob("test_*.py"))] == []


def test_who_makes_it_slow_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow: as here\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "from hypothesis import settings\nfrom tests import quick\nsettings.register_profile('many', max_examples=50)\n"
        "settings.load_profile('many')\n\n"
        "def pytest_configure(config):\n    config.pluginmanager.register(quick.Watch())\n",
        encoding="utf-8",
    )
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(tmp_path)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    assert "6 passed" in said
    named = [line.rpartition("::")[2] for line in said.splitlines() if " s  test_planted.py::" in line]
    assert sorted(named) == ["test_long", "test_of_a_long_fixture"], said


@pytest.mark.parametrize(("source", "met"), [
    ("def test_one(): ...", True),
    ("async def test_one(): ...", True),
    ("@pytest.mark.slow\ndef test_one(): ...", False),
    ("pytestmark = pytest.mark.slow\ndef test_one(): ...", False),
    ("pytestmark = [pytest.mark.slow]\ndef test_one(): ...", False),
    ("@pytest.mark.slow\ndef test_one(): ...\n@pytest.mark.parametrize('x', [1])\ndef test_two(x): ...", True),
    ("def helper(): ...", False),
])  # fmt: skip
def test_what_is_visited(tmp_path: Path, source: str, met: bool) -> None:
    (tmp_path / "test_one.py").write_text(source, encoding="utf-8")
    assert visited(tmp_path / "test_one.py") == met
