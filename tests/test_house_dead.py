"""Nothing in the house stands there for tests alone: what is defined is used by something that runs.

As in `test_house.py`, the rule is first shown planted faults, and then the whole house. It goes by names alone: what
shares its name with something in use is not found.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.house import PACKAGES, ROOT, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILES = [path.relative_to(ROOT).as_posix() for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]

# Who carries another decorator than these is registered with whoever decorates it, and asked for by that.
PLAIN = {"cache", "cached_property", "classmethod", "contextmanager", "dataclass", "lru_cache", "overload", "property"}
PLAIN |= {"asynccontextmanager", "override", "runtime_checkable", "staticmethod"}

KEPT = {  # name -> who asks for it, or what it is for
    "model_config": "pydantic",
    "settings_customise_sources": "pydantic-settings",
    "describe": "prometheus-client",
    "get_window_bounds": "pandas",
    "get_field": "string.Formatter",
    "convert_field": "string.Formatter",
    "format_field": "string.Formatter",
    "setup_hook": "discord.py",
    "on_message": "discord.py",
    "on_raw_message_edit": "discord.py",
    "on_guild_remove": "discord.py",
    "on_guild_channel_delete": "discord.py",
    "on_raw_thread_delete": "discord.py",
    "TerminalConfig": "found by walking the folders of channels",
    "LOCAL": "found by walking the folders of channels",
    "published": "where a figure of the demo comes from; its tests hold the published ones against the winter",
}
DUNDER = re.compile(r"__\w+__")
STEPS = re.compile(r"m\d{3}_\w+")  # of the schema, found by their names


def _registered(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    said = (ast.unparse(one.func if isinstance(one, ast.Call) else one) for one in node.decorator_list)
    return any(name.rpartition(".")[2] not in PLAIN for name in said)


def defined(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Find what a file defines, with its line: functions, classes and their fields, and names at the top of it."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if not _registered(node):
                    yield node.name, node.lineno
        if not isinstance(node, ast.Module | ast.ClassDef | ast.If):
            continue
        for statement in node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name)):
                    yield name, statement.lineno
                case ast.Assign(targets=targets):
                    yield from ((one.id, one.lineno) for one in targets if isinstance(one, ast.Name))


def used(tree: ast.Module) -> Iterator[str]:
    """Find the names that a file asks for, in strings too where they are all of it: `getattr(row, "name")`."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name, ctx=ast.Load()):
                yield name
            case ast.Constant(value=str(text)) if text.isidentifier():
                yield text


def unused(trees: Mapping[str, ast.Module]) -> list[str]:
    """Return what is defined and asked for nowhere."""
    known = set(KEPT).union(*map(used, trees.values()))
    return [
        f"{file}:{line}: {name} is used by nothing that runs"
        for file, tree in trees.items()
        for name, line in defined(tree)
        if name not in known and not STEPS.fullmatch(name) and not DUNDER.fullmatch(name)
    ]


PLANTED = [
    pytest.param("def f(): pass", "f", id="a function"),
    pytest.param("async def f(): pass", "f", id="a coroutine function"),
    pytest.param("class A: pass", "A", id="a class"),
    pytest.param("class A:\n    def f(self): pass\nA()", "f", id="a method"),
    pytest.param("class A:\n    @property\n    def f(self): pass\nA()", "f", id="a property"),
    pytest.param("class A:\n    f: int\nA(f=1)", "f", id="a field that is only set"),
    pytest.param("F = 1", "F", id="a constant"),
    pytest.param("if TYPE_CHECKING:\n    F: TypeAlias = int", "F", id="a type"),
    pytest.param('def g():\n    """Do as f."""\ng()\ndef f(): pass', "f", id="named in a docstring"),
]
INNOCENT = [
    pytest.param("def f(): pass\nf()", id="called"),
    pytest.param("class A:\n    f: int\nprint(A(f=1).f)", id="a field that is read"),
    pytest.param("def f(): pass\nx(f)", id="handed on"),
    pytest.param("class A:\n    f: int\ngetattr(A(), 'f')", id="asked for by its name"),
    pytest.param("@app.command()\ndef f(): pass", id="registered"),
    pytest.param("class A:\n    def __len__(self): return 1\nA()", id="a part of Python"),
]


@pytest.mark.parametrize(("source", "name"), PLANTED)
def test_what_nothing_uses_is_found(source: str, name: str) -> None:
    (found,) = unused({"bot/x.py": ast.parse(source)})
    assert f" {name} is used by nothing" in found


@pytest.mark.parametrize("source", INNOCENT)
def test_what_is_used_is_let_pass(source: str) -> None:
    assert not unused({"bot/x.py": ast.parse(source)})


def test_nothing_stands_there_for_tests_alone() -> None:
    assert len(FILES) > 400
    trees = {file: tree_of(file) for file in FILES}
    assert not unused(trees)
    asked = {name for tree in trees.values() for name in used(tree)}
    assert not set(KEPT) & asked, "a reason in KEPT is no longer needed"
    assert set(KEPT) <= {name for tree in trees.values() for name, _ in defined(tree)}
