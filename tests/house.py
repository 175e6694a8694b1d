"""The tree as the tests and the map in CONTRIBUTING see it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("signals", "storage", "handlers", "bot")  # from the ground up


@cache
def tree_of(file: str) -> ast.Module:
    """Return a Python file, named from the root, as a tree: parsed once for all rules, when the first rule asks."""
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Room:
    """One folder of the house: its path from the root, what it is, and the Python files in it."""

    path: str
    caption: str
    files: tuple[str, ...]


def rooms() -> list[Room]:
    """Return every folder that holds Python files, top storey first, each with the first line of its docstring."""
    found = []
    for package in reversed(PACKAGES):
        for init in sorted((ROOT / package).rglob("__init__.py")):
            folder = init.parent
            caption = (ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or "").partition("\n")[0]
            files = tuple(sorted(file.name for file in folder.glob("*.py") if file.name != "__init__.py"))
            found.append(Room(folder.relative_to(ROOT).as_posix(), caption, files))
    return found


def folders_without_a_room() -> list[str]:
    """Return folders with Python files that are no package, so that nothing says what they are."""
    holding = {file.parent for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    return sorted(folder.relative_to(ROOT).as_posix() for folder in holding if not (folder / "__init__.py").exists())
