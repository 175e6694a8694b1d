"""The names of the house: a loop variable says what it holds, a class name means one thing, and the walks of
CONTRIBUTING name what there is.

As in `test_house.py`, each rule is first shown a planted fault, and then the whole house.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.house import ROOT, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGES = ("bot/", "handlers/", "storage/", "signals/")
FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in (*PACKAGES, "tests", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]

# --- loop variables ---------------------------------------------------------------------------------------------------


def nameless(file: str, tree: ast.Module) -> Iterator[str]:
    """Find what is called `each`: a loop variable, the target of a comprehension, any other name, an argument."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id="each", ctx=ast.Store()) | ast.arg(arg="each") | ast.MatchAs(name="each"):
                yield f"{file}:{getattr(node, 'lineno', 0)}: `each` does not say what it holds"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("for each in rows: pass", id="loop"),
        pytest.param("async def f():\n    async for each in rows: pass", id="async loop"),
        pytest.param("for n, (each, b) in rows: pass", id="one of several"),
        pytest.param("x = [each for each in rows]", id="list"),
        pytest.param("x = {each: 1 for each in rows}", id="dict"),
        pytest.param("x = any(each for row in rows for each in row)", id="second loop"),
        pytest.param("x = f'{[each for each in rows]}'", id="within a text"),
        pytest.param("x = sorted(rows, key=lambda each: each.at)", id="lambda"),
        pytest.param("(each,) = rows", id="unpacked"),
        pytest.param("def f(each): pass", id="argument"),
        pytest.param("match x:\n    case [each]: pass", id="match"),
    ],
)
def test_a_nameless_name_is_found(source: str) -> None:
    assert list(nameless("bot/x.py", ast.parse(source)))


@pytest.mark.parametrize("source", ["# each\nfor row in rows: pass", "'each of them'", "Limit(each=1)", "limit.each"])
def test_the_word_each_may_be_said(source: str) -> None:
    assert not list(nameless("bot/x.py", ast.parse(source)))


def test_a_loop_variable_says_what_it_holds() -> None:
    assert len(FILES) > 400
    assert not [fault for file in FILES for fault in nameless(file, tree_of(file))]


# --- class names ------------------------------------------------------------------------------------------------------


def twice(trees: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Return the names of classes, and of types at the top of a file, that stand in more than one place, with these."""
    places = defaultdict(list)
    for file, tree in trees.items():
        aliases = (node for node in ast.walk(tree) if isinstance(node, ast.AnnAssign))
        named = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        named += [
            node.target.id
            for node in aliases
            if isinstance(node.target, ast.Name) and ast.unparse(node.annotation) == "TypeAlias"
        ]
        for name in named:
            places[name].append(file)
    return {name: files for name, files in places.items() if len(files) > 1}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("class Row: pass", "class Row: pass", id="two classes"),
        pytest.param("class Row: pass", "if TYPE_CHECKING:\n    Row: TypeAlias = int", id="a class and a type"),
        pytest.param("class _Row: pass", "def f():\n    class _Row: pass", id="a private one"),
    ],
)
def test_a_name_that_stands_twice_is_found(one: str, other: str) -> None:
    assert twice({"bot/x.py": ast.parse(one), "storage/y.py": ast.parse(other)})
    assert not twice({"bot/x.py": ast.parse(one), "storage/y.py": ast.parse(other.replace("Row", "Column"))})


def test_a_class_name_means_one_thing() -> None:
    assert not twice({file: tree_of(file) for file in FILES if file.startswith(PACKAGES)})


# --- the walks --------------------------------------------------------------------------------------------------------

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
HOPS = re.findall(r"^\d+\. .+$", PAGE.split("## One value's way\n")[1].split("\n## ")[0], re.MULTILINE)
HOUSE = [file for file in FILES if file.startswith(PACKAGES)]


def places_of(word: str) -> list[str]:
    """Return the files, or the folders, that a part of a path may mean."""
    folders = {f"{file.rpartition('/')[0]}/" for file in HOUSE}
    return [place for place in (*HOUSE, *folders) if f"/{place}".endswith(f"/{word}")]


def defines(tree: ast.Module, name: str) -> bool:
    """Tell whether a file defines a function or a class, or a method as Class.method; module.function by its end."""
    owner, _, last = name.rpartition(".")
    named = [node for node in ast.walk(tree) if getattr(node, "name", None) == last]
    owned = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == owner]
    return bool(named) if not owner or owner.islower() else any(node in named for of in owned for node in of.body)


def untrue(hop: str) -> list[str]:
    """Return what a hop names that is not there: a file, a folder, or a name that stands before the file it is in."""
    words = re.findall(r"`([\w./]+)`", hop)
    faults = [word for word in words if word.endswith((".py", "/")) and not places_of(word)]
    for name, file in re.findall(r"`([\w.]+)` \(`([\w./]+\.py)`\)", hop):
        if not any(defines(tree_of(place), name) for place in places_of(file)):
            faults.append(f"{name} in {file}")
    others = [word for word in words if not word.endswith((".py", "/"))]
    return faults + [name for name in others if not any(defines(tree_of(file), name) for file in HOUSE)]


@pytest.mark.parametrize(
    "hop",
    [
        pytest.param("`keep` (`nowhere.py`) writes", id="a file"),
        pytest.param("from `bot/nowhere/` on", id="a folder"),
        pytest.param("`kept_away` (`keeper.py`) writes", id="a function"),
        pytest.param("`Border.refuse` (`border/judging.py`) writes", id="a method"),
        pytest.param("`Nowhere` writes", id="a name without a file"),
    ],
)
def test_a_hop_to_nowhere_is_found(hop: str) -> None:
    assert untrue(hop)


def test_the_walks_name_what_there_is() -> None:
    assert 10 <= len(HOPS) <= 16, "one value's way and one command's"
    assert not {hop[:40]: faults for hop in HOPS if (faults := untrue(hop))}
