"""Break the outbox and the alarm machine in one place at a time and see whether a test notices: `make mutate`.

    python -m tests.faults.mutants [--most N] [--seed N] [--only NAME] [--workers N]

mutmut copies the tree and instruments every function of it, which this house, whose SQL lies in files of its own and
whose tests ask the tree about itself, does not survive; so this changes one node of a module (or one word of its SQL)
in a forked process, where the tests of that module alone are run until the first fails. The sample is seeded.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.machinery
import os
import random
import re
import selectors
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import Phase, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
GOAL = 0.85
LONGEST = 240  # seconds of one mutant; who hangs has been noticed
_STORED = ("tests/storage/alerts",)
_SENT = (
    "tests/bot/delivery/test_dispatcher.py",
    "tests/bot/delivery/test_held.py",
    "tests/bot/delivery/test_together.py",
    "tests/bot/delivery/test_lost_answers.py",
    "tests/bot/delivery/test_rights.py",
    "tests/bot/delivery/test_token.py",
)
_STEPPED = ("tests/signals/alerts",)
_WAITS = (  # for real milliseconds, so that a busy machine would notice every mutant
    f"{_SENT[0]}::test_an_outcome_waits_for_a_database_that_is_held",
    f"{_SENT[0]}::test_one_platform_does_not_wait_for_another",
)

# What is broken, and the tests that are to notice.
TARGETS: Final = {
    "storage/alerts/outbox.py": (*_STORED, *_SENT),
    "storage/alerts/sending/gathering.py": (*_STORED, *_SENT),
    "storage/alerts/sending/held.py": (*_STORED, *_SENT),
    "storage/alerts/sending/rests.py": (*_STORED, *_SENT),
    "storage/alerts/sending/spreading.py": (*_STORED, *_SENT),
    "storage/alerts/queries.sql": (*_STORED, *_SENT),
    "signals/alerts/episodes.py": _STEPPED,
    "signals/alerts/stepping.py": _STEPPED,
    "bot/delivery/failures.py": ("tests/bot/delivery/test_failures.py", *_SENT),
}


@dataclass(frozen=True)
class Mutant:
    """One change: where, what stood there, what stands there now, and the whole text with it."""

    file: str
    line: int
    before: str
    after: str
    text: str

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

    def walk(node: ast.AST) -> Iterator[Mutant]:
        for name, place, child in list(_fields(node)):
            for change in changes(child):
                made = ast.copy_location(change(child), child)
                _put(node, name, place, made)
                text = ast.unparse(ast.fix_missing_locations(tree))
                _put(node, name, place, child)
                yield Mutant(file, getattr(child, "lineno", 0), _short(child), _short(made), text)
            yield from walk(child)

    yield from walk(tree)


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
    "MAX": "MIN", "MIN": "MAX", "NOT IN": "IN", "IN": "NOT IN", "IS NOT": "IS", "IS": "IS NOT", "EXISTS": "NOT EXISTS",
    "NOT EXISTS": "EXISTS", "+": "-",
}  # fmt: skip
_SQL: Final = re.compile(
    r"<=|>=|<>|<|>|(?<![:\w])=|\+|\b(?:AND|OR|DESC|MAX|MIN|NOT IN|NOT EXISTS|IN|IS NOT|IS|EXISTS)\b|'[a-z]+'"
)


def of_sql(file: str, source: str) -> Iterator[Mutant]:
    """Return every mutant of the queries of the outbox: another comparison, connection, order or word."""
    users = "".join(
        (ROOT / user).read_text(encoding="utf-8")
        for user in TARGETS
        if user.startswith("storage/") and user.endswith("py")
    )
    used, offset, name = set(re.findall(r"\bSQL\.(\w+)", users)), 0, ""
    for number, line in enumerate(source.splitlines(keepends=True), 1):
        if named := re.match(r"-- name: (\w+)", line):
            name = named[1]
        if name in used and not line.lstrip().startswith("--"):
            for found in _SQL.finditer(line):
                word = found[0]
                after = _WORDS.get(word) or f"'xx{word[1:]}"
                at = offset + found.start()
                changed = source[:at] + after + source[at + len(word) :]
                shown = line[: found.start()].lstrip() + after + line[found.end() :].rstrip()
                yield Mutant(file, number, line.strip()[:110], shown[:110], changed)
        offset += len(line)


def mutants(file: str) -> list[Mutant]:
    """Return every mutant of a target."""
    source = (ROOT / file).read_text(encoding="utf-8")
    return list((of_sql if file.endswith(".sql") else of_python)(file, source))


# --- whether a test notices -------------------------------------------------------------------------------------------


def put_in(mutant: Mutant) -> None:
    """Have this process import the mutant in place of the module."""
    if mutant.file.endswith(".sql"):
        from storage.engine import sql  # noqa: PLC0415 - in the process of the mutant alone

        parse, original = sql.parse, (ROOT / mutant.file).read_text(encoding="utf-8")
        sql.parse = lambda text: parse(mutant.text if text == original else text)
        return
    loader = importlib.machinery.SourceFileLoader
    real = loader.get_code
    path = str(ROOT / mutant.file)

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> object:
        if self.path == path:
            return compile(mutant.text, path, "exec", dont_inherit=True)
        return real(self, fullname)

    loader.get_code = get_code  # type: ignore[method-assign,assignment]


def run_tests(mutant: Mutant | None, tests: tuple[str, ...]) -> int:
    """Run the tests until the first fails; return pytest's exit code. Only for a process of its own."""
    if mutant is not None:
        put_in(mutant)
    settings.register_profile(
        "mutants",
        derandomize=True,
        max_examples=25,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
    )
    with tempfile.TemporaryDirectory() as folder:
        return int(
            pytest.main(
                [
                    *("-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", f"--basetemp={folder}/t"),
                    *("-W", "ignore::pytest.PytestAssertRewriteWarning", "--hypothesis-profile=mutants"),
                    *(f"--deselect={name}" for name in _WAITS),
                    *tests,
                ]
            )
        )


def begin(mutant: Mutant | None) -> int:
    """Fork a process that runs the tests of a mutant; return its number."""
    file = mutant.file if mutant else ""
    tests = TARGETS[file] if file else tuple(dict.fromkeys(name for named in TARGETS.values() for name in named))
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    os.setsid()
    silence = os.open(os.devnull, os.O_WRONLY)
    if mutant is not None:
        os.dup2(silence, 1)
        os.dup2(silence, 2)
    code = 70
    try:
        code = run_tests(mutant, tests)
    finally:
        os._exit(code)


def noticed(chosen: list[Mutant], workers: int) -> Iterator[tuple[Mutant, bool]]:
    """Run the mutants side by side; tell of each, as it ends, whether a test failed or hung."""
    todo, running = chosen[::-1], {}
    waiting = selectors.DefaultSelector()
    while todo or running:
        while todo and len(running) < workers:
            mutant = todo.pop()
            pid = begin(mutant)
            ended = os.pidfd_open(pid)
            waiting.register(ended, selectors.EVENT_READ)
            running[ended] = (pid, mutant, time.monotonic() + LONGEST)
        ready = {key.fd for key, _ in waiting.select(timeout=1.0)}
        for ended, (pid, mutant, until) in list(running.items()):
            late = time.monotonic() > until
            if late:
                os.killpg(pid, signal.SIGKILL)
            if late or ended in ready:
                _, status = os.waitpid(pid, 0)
                waiting.unregister(ended)
                os.close(ended)
                del running[ended]
                yield mutant, os.waitstatus_to_exitcode(status) != 0


def main() -> int:
    """Print who survives and the score; return 1 below the goal."""
    asked = argparse.ArgumentParser(prog="make mutate", description=(__doc__ or "").split("\n", 1)[0])
    asked.add_argument("--most", type=int, default=200, help="how many mutants; 0: every one")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", default="", help="part of a file's name")
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = asked.parse_args()
    os.chdir(ROOT)
    every = [mutant for file in TARGETS if given.only in file for mutant in mutants(file)]
    chosen = every
    if given.most and given.most < len(every):
        chosen = random.Random(given.seed).sample(every, given.most)
    if os.waitstatus_to_exitcode(os.waitpid(begin(None), 0)[1]) != 0:
        print("perpulse: the tests fail without a mutant; mend them first", file=sys.stderr)
        return 2
    killed: dict[str, list[bool]] = {}
    started = time.monotonic()
    for mutant, seen in noticed(chosen, given.workers):
        killed.setdefault(mutant.file, []).append(seen)
        if not seen:
            print(f"survives  {mutant}", flush=True)
    everything = [seen for found in killed.values() for seen in found]
    for file, found in sorted(killed.items()):
        print(f"{file:<32} {sum(found):>4} of {len(found):>4} noticed, {sum(found) / len(found):.0%}")
    score = sum(everything) / len(everything)
    took = time.monotonic() - started
    print(
        f"mutation score {score:.1%} ({sum(everything)} of {len(everything)}, drawn from {len(every)} with seed "
        f"{given.seed}; goal {GOAL:.0%}), {took:.0f} s"
    )
    return 0 if score >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
