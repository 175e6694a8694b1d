"""What can be broken: every change of one node of a module, or of one word of its SQL.

Nothing here runs anything.
"""

from __future__ import annotations

import ast
import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

GOAL: Final = 0.85  # of all that can be broken, what is to be noticed


@dataclass(frozen=True)
class Mutant:
    """One change: where, what stood there, what stands there now, and the whole text with it.

    within: the lines of the function around it, or the name of its query; None where it is run by whoever imports it.
    """

    file: str
    line: int
    before: str
    after: str
    text: str
    within: range | str | None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before}  ->  {self.after}"


# --- what can be broken -----------------------------------------------------------------------------------------------

_OTHER: Final[dict[type, type]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Break: ast.Continue,
    ast.Continue: ast.Break,
}  # fmt: skip
_NAMES: Final = {"max": "min", "min": "max", "any": "all", "all": "any", "True": "False", "False": "True"}


def changes(node: ast.AST) -> Iterator[Callable[[ast.AST], ast.AST]]:
    """Return what may be done to a node: each makes another node of a copy of it."""
    yield from _of_operators(node)
    yield from _of_values(node)
    yield from _of_statements(node)


def _of_operators(node: ast.AST) -> Iterator[Callable[[ast.AST], ast.AST]]:
    match node:
        case ast.Compare(ops=[op, *_]) if type(op) in _OTHER:
            yield lambda found: _with(found, ops=[_OTHER[type(op)](), *found.ops[1:]])  # type: ignore[attr-defined]
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in _OTHER:
            yield lambda found: _with(found, op=_OTHER[type(op)]())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield lambda _: operand
        case ast.IfExp(body=body, orelse=orelse):
            yield lambda found: _with(found, body=orelse, orelse=body)
        case ast.comprehension(ifs=[_, *_]):
            yield lambda found: _with(found, ifs=[])


def _of_values(node: ast.AST) -> Iterator[Callable[[ast.AST], ast.AST]]:
    match node:
        case ast.Constant(value=bool(value)):
            yield lambda _: ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield lambda _: ast.Constant(value + 1)
        case ast.Constant(value=str(value)) if value:
            yield lambda _: ast.Constant(f"XX{value}")
        case ast.Name(id=name) if name in _NAMES:
            yield lambda _: ast.Name(_NAMES[name], ast.Load())


def _of_statements(node: ast.AST) -> Iterator[Callable[[ast.AST], ast.AST]]:
    match node:
        case ast.If(test=test) | ast.While(test=test):
            yield lambda found: _with(found, test=ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield lambda _: ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.Assign() | ast.AugAssign():
            yield lambda _: ast.Pass()
        case ast.Break() | ast.Continue():
            yield lambda found: _OTHER[type(found)]()


def _with(node: ast.AST, **fields: object) -> ast.AST:
    made = copy.copy(node)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def _fields(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    """Return the children of a node that are code: no annotation, decorator, docstring, log line or import."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
        yield "args", 1, node.args[1]
        return
    for name, value in ast.iter_fields(node):
        if name in {
            "annotation",
            "returns",
            "decorator_list",
            "bases",
            "keywords" if isinstance(node, ast.ClassDef) else "",
        }:
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for place, child in children:
            if isinstance(child, ast.AST) and not _is_beside(child):
                yield name, place, child


def _is_beside(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log")))):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            alias = name[0].isupper() and not name.isupper()  # of types, which nothing runs
            return name in {"log", "SQL", "LIVE"} or alias
    return False


def of_python(file: str, source: str) -> Iterator[Mutant]:
    """Return every mutant of a module."""
    tree = ast.parse(source)

    def walk(node: ast.AST, within: range | None) -> Iterator[Mutant]:
        for name, place, child in list(_fields(node)):
            around = within or _lines(child)
            for change in changes(child):
                made = ast.copy_location(change(child), child)
                _put(node, name, place, made)
                text = ast.unparse(ast.fix_missing_locations(tree))
                _put(node, name, place, child)
                yield Mutant(file, getattr(child, "lineno", 0), _short(child), _short(made), text, around)
            yield from walk(child, around)

    yield from walk(tree, None)


def _lines(node: ast.AST) -> range | None:
    """Return the lines of a function, its decorators among them."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    return range(min(part.lineno for part in (node, *node.decorator_list)), (node.end_lineno or node.lineno) + 1)


def _put(node: ast.AST, name: str, place: int | None, child: ast.AST) -> None:
    if place is None:
        setattr(node, name, child)
    else:
        getattr(node, name)[place] = child


def _short(node: ast.AST) -> str:
    if isinstance(node, ast.If | ast.While):
        return f"if {ast.unparse(node.test)}"
    if isinstance(node, ast.comprehension):
        return f"for {ast.unparse(node.target)}" + "".join(f" if {ast.unparse(test)}" for test in node.ifs)
    return " ".join(ast.unparse(node).split())[:90]


_WORDS: Final = {
    "<=": "<", ">=": ">", "<": "<=", ">": ">=", "=": "<>", "<>": "=", "AND": "OR", "OR": "AND", "DESC": "ASC",
    "max": "min", "min": "max", "NOT IN": "IN", "IN": "NOT IN", "IS NOT": "IS", "IS": "IS NOT", "EXISTS": "NOT EXISTS",
    "NOT EXISTS": "EXISTS", "+": "-",
}  # fmt: skip
_SQL: Final = re.compile(
    r"<=|>=|<>|<|(?<![->])>(?!>)|(?<![:\w])=|\+|\b(?:AND|OR|DESC|NOT IN|NOT EXISTS|IN|IS NOT|IS|EXISTS)\b|"
    r"\b(?:max|min)(?=\()|'[a-z]+'"
)


_IS_NO_OPERATOR: Final = re.compile(r"(?:\bSET |, |^\s*)[a-z_]+ =$|\bBETWEEN \S+ AND$")  # another one is no SQL


def of_sql(file: str, source: str, used: Collection[str]) -> Iterator[Mutant]:
    """Return every mutant of some queries: another comparison, connection, order or word. used: their names."""
    offset, name = 0, ""
    for number, line in enumerate(source.splitlines(keepends=True), 1):
        if named := re.match(r"-- name: (\w+)", line):
            name = named[1]
        if name in used and not line.lstrip().startswith("--"):
            for found in _SQL.finditer(line):
                word = found[0]
                if _IS_NO_OPERATOR.search(line[: found.start()] + word):
                    continue
                after = _WORDS.get(word) or f"'xx{word[1:]}"
                at = offset + found.start()
                changed = source[:at] + after + source[at + len(word) :]
                shown = line[: found.start()].lstrip() + after + line[found.end() :].rstrip()
                yield Mutant(file, number, line.strip()[:110], shown[:110], changed, name)
        offset += len(line)
