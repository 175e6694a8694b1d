"""The shape of the house, held by machine: what no linter knows.

A rule is a function from one parsed file to its faults. Each is first shown a planted fault, which it has to find, and
then the whole house, in which it may find none.
"""

from __future__ import annotations

import ast
import fnmatch
import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handlers.command import Command, commands
from handlers.language.grammar import parse
from handlers.language.spelling import split_command
from handlers.version import VERSION
from handlers.words.wording import template_fields
from signals.alerts.rule import rules_of
from signals.inputs import EVERYWHERE
from signals.metric import metrics
from signals.venues import KNOWN, SPELLINGS, VENUES
from tests.house import folders_without_a_room, rooms, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Rule = Callable[[str, ast.Module], Iterator[str]]

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bot", "handlers", "storage", "signals")
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


METRIC_FILES = sorted(name for name in SOURCES if re.fullmatch(r"signals/metrics/[a-z]\w*\.py", name))

# --- rules over one file ----------------------------------------------------------------------------------------------

# Each foreign library is met in one place, so that replacing it, or its next breaking release, is one file's business.
HOME_OF = {
    "telegram": "handlers/channels/telegram/*.py",
    "discord": "handlers/channels/discord/*.py",
    "ccxt": "bot/market/*.py",
    "matplotlib": "handlers/charts/*.py",
    "sqlite3": "storage/*.py",
    "sqlite_utils": "storage/*.py",
    "apscheduler": "bot/*.py",
    "pydantic_settings": "bot/config.py",
    "typer": "bot/*.py",
}
CHANNELS = sorted(name.split("/")[2] for name in SOURCES if re.fullmatch(r"handlers/channels/\w+/config\.py", name))

STATEMENT = re.compile(
    r"""\s*(SELECT\s[\s\S]*\sFROM\s | INSERT\s+(OR\s+\w+\s+)?INTO\s | REPLACE\s+INTO\s | UPDATE\s+\S+\s+SET\s
    | DELETE\s+FROM\s | (CREATE|DROP|ALTER)\s+(UNIQUE\s+|VIRTUAL\s+|TEMP\s+)?(TABLE|INDEX|VIEW|TRIGGER)\s
    | PRAGMA\s+\w+ | BEGIN\s+(IMMEDIATE|EXCLUSIVE|DEFERRED) | VACUUM\b | ATTACH\s+DATABASE\s)""",
    re.VERBOSE,
)


def imports_at_home(file: str, tree: ast.Module) -> Iterator[str]:
    """Find libraries that are imported, at any depth or by name, outside the place that is theirs."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = [name.name for name in names]
            case ast.ImportFrom(module=str(module), level=0):
                found = [module]
            case ast.Call() if "import_module" in ast.unparse(node):
                found = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            case _:
                continue
        for name in found:
            home = HOME_OF.get(name.partition(".")[0])
            if home and not fnmatch.fnmatch(file, home):
                yield f"{file}:{node.lineno}: {name} is imported in {home} only"


def sql_in_storage(file: str, tree: ast.Module) -> Iterator[str]:
    """Find SQL outside storage/: string constants, and f-strings by their fixed parts, that begin a statement."""
    if file.startswith("storage/"):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)):
                pass
            case ast.JoinedStr(values=parts):
                text = "".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in parts)
            case _:
                continue
        if STATEMENT.match(text):
            yield f"{file}:{node.lineno}: SQL lives in storage/ only"


def _is_platform(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "platform") or (
        isinstance(node, ast.Attribute) and node.attr == "platform"
    )


def no_platform_branch(file: str, tree: ast.Module) -> Iterator[str]:
    """Find decisions by platform outside handlers/channels/: `==`, `in`, `match platform`, `.startswith`."""
    if fnmatch.fnmatch(file, "handlers/channels/*"):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=right):
                literal = any(
                    isinstance(side, ast.Constant | ast.Tuple | ast.Set | ast.List) for side in (left, *right)
                )
                found = literal and any(_is_platform(side) for side in (left, *right))
            case ast.Match(subject=subject):
                found = _is_platform(subject)
            case ast.Call(func=ast.Attribute(value=value, attr="startswith" | "endswith")):
                found = _is_platform(value)
            case _:
                continue
        if found:
            yield f"{file}:{node.lineno}: a branch on the platform belongs into handlers/channels/"


def _named(node: ast.AST, docstrings: set[int]) -> str:
    """Return what a node names or says; nothing for docstrings, which may explain."""
    match node:
        case ast.Constant(value=str(text)) if id(node) not in docstrings:
            return text
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.ImportFrom(module=str(module), names=names):
            return " ".join([module, *(alias.name for alias in names)])
        case ast.Import(names=names):
            return " ".join(alias.name for alias in names)
    return ""


def channels_at_home(file: str, tree: ast.Module) -> Iterator[str]:
    """Find the name of a channel outside its folder: in an import, a name of ours or a text."""
    with_docstring = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, with_docstring) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", _named(node, docstrings))}
        for name in CHANNELS:
            if name in words and not file.startswith(f"handlers/channels/{name}/"):
                yield f"{file}:{getattr(node, 'lineno', 0)}: {name} is named in handlers/channels/{name}/ only"


# What an exchange is called, in any spelling. "all" is a sum over all of them, and asks for none.
EXCHANGES = {
    word.lower()
    for word in (*SPELLINGS, *KNOWN, *VENUES, *(venue.title for venue in VENUES.values()))
    if word != EVERYWHERE
}
# Tables with a row for each exchange: its own formula, its own wire format. Else a file names whom it is named after.
TABLES_OF_VENUES = ("signals/venues.py", "signals/liquidation/rules.py", "bot/market/streams/dialects.py")


def venues_at_home(file: str, tree: ast.Module) -> Iterator[str]:
    """Find the name of a venue where only its declaration may decide what is special of it."""
    if file in TABLES_OF_VENUES:
        return
    own = Path(file).stem
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        word = node.value.strip().lower()
        name = re.sub(r"\W", "_", word)
        if word in EXCHANGES and not (own.startswith(name) or name.startswith(own)):
            yield f"{file}:{node.lineno}: {node.value!r} is named in signals/venues.py and in its own recipe only"


LONGEST_FILE, LONGEST_FUNCTION = 450, 70
# Numbers that are a span of time and nothing else; 60 is many things, and 1000 is where these files multiply by it.
SPANS = {3600, 86_400, 604_800, 3_600_000, 86_400_000}
UNITS = "signals/units.py"
THOUSANDS = {  # of what else
    "bot/cli/backup.py": "bytes",
    "bot/cli/examining/machine.py": "bytes",
    "bot/cli/mine.py": "bytes",
    "bot/market/venues/deribit.py": "hours in a page",
    "handlers/charts/figures.py": "dollars, as people write them",
    "handlers/language/grammar.py": "dollars, as people write them",
}


def _is_thousand(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1000 and not isinstance(node.value, bool)


def time_in_units(file: str, tree: ast.Module) -> Iterator[str]:
    """Find spans and conversions of time that are made anew: they stand in signals/units.py, once."""
    if file == UNITS or file.startswith("storage/engine/sqlite/migrations"):  # a shipped step is literal
        return
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=int() | float() as number) if number in SPANS and not isinstance(number, bool):
                found = str(number)
            case ast.Call(func=ast.Name(id="timedelta") | ast.Attribute(attr="timedelta"), args=[], keywords=[only]):
                if not (isinstance(only.value, ast.Constant) and only.value.value == 1):
                    continue
                if only.arg in {"milliseconds", "microseconds"}:
                    continue
                found = ast.unparse(node)
            case ast.FunctionDef(name="floor" | "milliseconds" | "_ms" | "_milliseconds" | "to_ms" | "from_ms"):
                found = f"def {node.name}"
            case ast.BinOp(op=ast.Mult() | ast.Div() | ast.FloorDiv() | ast.Mod()):
                if file in THOUSANDS or not any(_is_thousand(side) for side in (node.left, node.right)):
                    continue
                found = ast.unparse(node)
            case _:
                continue
        yield f"{file}:{node.lineno}: {found} belongs to {UNITS}"


LONGER = {  # file or file::function -> why it is better in one piece
    "storage/engine/sqlite/migrations.py::m003_directories": "a shipped step is literal: its columns are written out",
    "storage/engine/sqlite/migrations.py::m012_canonical_names": "as above; one transaction of what belongs together",
    "storage/engine/sqlite/migrations.py": "every schema that ever shipped, in the order in which it came",
}


def sizes(file: str, tree: ast.Module) -> Iterator[str]:
    """Find files and functions that have outgrown a reader's patience. A reason in LONGER beats the number."""
    count = max((node.end_lineno or 0 for node in ast.walk(tree) if isinstance(node, ast.stmt)), default=0)
    if count > LONGEST_FILE:
        yield f"{file}: {count} lines, of {LONGEST_FILE}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = (node.end_lineno or 0) - node.lineno + 1
            if count > LONGEST_FUNCTION:
                yield f"{file}::{node.name}: {count} lines, of {LONGEST_FUNCTION}"


PLANTED = [
    pytest.param(imports_at_home, "handlers/words/wording.py", "import telegram", id="telegram in wording"),
    pytest.param(imports_at_home, "bot/app.py", "def f():\n    from telegram.ext import Application", id="late import"),
    pytest.param(imports_at_home, "bot/app.py", "importlib.import_module('ccxt.pro')", id="ccxt by name"),
    pytest.param(imports_at_home, "bot/x.py", "to_thread(importlib.import_module, 'ccxt')", id="ccxt in a thread"),
    pytest.param(imports_at_home, "handlers/words/wording.py", "from matplotlib.figure import Figure", id="matplotlib"),
    pytest.param(imports_at_home, "bot/engine/turn.py", "import sqlite3", id="sqlite3 in bot"),
    pytest.param(sql_in_storage, "bot/engine/turn.py", 'x = "SELECT at FROM points"', id="select"),
    pytest.param(sql_in_storage, "handlers/x.py", 'x = f"""\n  INSERT INTO {t} VALUES (1)"""', id="f-string"),
    pytest.param(sql_in_storage, "signals/x.py", 'x = f"UPDATE {table} SET a = 1"', id="update of a variable"),
    pytest.param(sql_in_storage, "bot/x.py", 'x = "PRAGMA journal_mode"', id="pragma"),
    pytest.param(sql_in_storage, "bot/x.py", 'x = "CREATE TABLE a (b)"', id="create"),
    pytest.param(no_platform_branch, "bot/app.py", "if chat.platform == 'telegram': pass", id="equal"),
    pytest.param(no_platform_branch, "handlers/x.py", "a = platform in ('discord', 'terminal')", id="in"),
    pytest.param(no_platform_branch, "bot/x.py", "match a.platform:\n    case 'x': pass", id="match"),
    pytest.param(no_platform_branch, "bot/x.py", "a.platform.startswith('tele')", id="startswith"),
    pytest.param(channels_at_home, "bot/app.py", "from handlers.channels import telegram", id="a channel imported"),
    pytest.param(channels_at_home, "bot/x.py", "import handlers.channels.terminal.channel", id="by its whole name"),
    pytest.param(channels_at_home, "bot/config.py", "def telegram_token(): pass", id="a channel in a name"),
    pytest.param(channels_at_home, "bot/x.py", "app.terminal.say('x')", id="a channel as a part"),
    pytest.param(channels_at_home, "bot/x.py", "def f(telegram): pass", id="a channel as an argument"),
    pytest.param(channels_at_home, "bot/x.py", "class TelegramConfig: pass", id="a channel in a class"),
    pytest.param(channels_at_home, "handlers/x.py", "x = 'Open Telegram.'", id="a channel in a text"),
    pytest.param(channels_at_home, "handlers/channels/terminal/x.py", "x = 'telegram'", id="a channel in another"),
    pytest.param(venues_at_home, "bot/app.py", "x = 'binance'", id="a venue by its word"),
    pytest.param(venues_at_home, "handlers/x.py", "known = {'OKX'}", id="a venue by its title"),
    pytest.param(venues_at_home, "handlers/x.py", "if word == 'okex': ...", id="a venue by a spelling"),
    pytest.param(venues_at_home, "bot/x.py", "f(market='kraken')", id="a venue that is not covered"),
    pytest.param(venues_at_home, "bot/market/venues/okx.py", "x = 'bybit'", id="a venue in another's recipe"),
    pytest.param(time_in_units, "bot/app.py", "x = 24 * 3600", id="a number of seconds"),
    pytest.param(time_in_units, "bot/app.py", "x = timedelta(hours=1)", id="an hour made anew"),
    pytest.param(time_in_units, "bot/app.py", "def floor(at): ...", id="a second floor"),
    pytest.param(time_in_units, "bot/app.py", "x = at.timestamp() * 1000", id="milliseconds by hand"),
    pytest.param(time_in_units, "bot/app.py", "x = at + step * 1000", id="seconds as milliseconds"),
    pytest.param(time_in_units, "bot/app.py", "x = ms / 1e3", id="milliseconds as seconds"),
    pytest.param(sizes, "bot/x.py", "x = 1\n" * (LONGEST_FILE + 1), id="long file"),
    pytest.param(sizes, "bot/x.py", "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION, id="long function"),
]
INNOCENT = [
    pytest.param(imports_at_home, "bot/app.py", "to_thread(moved, store, 'telegram')", id="the word telegram"),
    pytest.param(imports_at_home, "bot/market/venues/okx.py", "import ccxt", id="ccxt in a source"),
    pytest.param(imports_at_home, "handlers/channels/telegram/sending.py", "import telegram", id="telegram at home"),
    pytest.param(time_in_units, "bot/app.py", "x = timedelta(hours=2)", id="a span of its own"),
    pytest.param(time_in_units, "bot/cli/mine.py", "x = len(png) / 1000", id="kilobytes"),
    pytest.param(sql_in_storage, "storage/market/points.py", 'x = "SELECT at FROM points"', id="SQL at home"),
    pytest.param(sql_in_storage, "handlers/x.py", 'x = "Select an asset. Update it from time to time."', id="prose"),
    pytest.param(
        no_platform_branch, "handlers/channels/telegram/channel.py", "a.platform == 'telegram'", id="its own file"
    ),
    pytest.param(no_platform_branch, "bot/x.py", "{c.platform: c for c in d}[a.platform]", id="looking up"),
    pytest.param(no_platform_branch, "bot/x.py", "scope == 'platform'", id="the word"),
    pytest.param(channels_at_home, "handlers/channels/telegram/x.py", "telegram = 'Telegram'", id="a channel at home"),
    pytest.param(venues_at_home, "bot/market/venues/okx.py", "x = 'okx'", id="a venue in its recipe"),
    pytest.param(
        venues_at_home, "bot/archive/importing/binance_klines.py", "x = 'binance'", id="a file named after it"
    ),
    pytest.param(venues_at_home, "bot/x.py", "x = 'all'", id="all venues together"),
    pytest.param(venues_at_home, "bot/x.py", "x = 'the archive of Binance'", id="a venue within a sentence"),
    pytest.param(channels_at_home, "bot/x.py", '"""Telegram may do so."""', id="a channel in a docstring"),
    pytest.param(sizes, "bot/x.py", "def f():\n" + "    x = 1\n" * (LONGEST_FUNCTION - 1), id="just short enough"),
]


@pytest.mark.parametrize(("rule", "file", "source"), PLANTED)
def test_a_rule_finds_the_planted_fault(rule: Rule, file: str, source: str) -> None:
    assert list(rule(file, ast.parse(source)))


@pytest.mark.parametrize(("rule", "file", "source"), INNOCENT)
def test_a_rule_lets_the_innocent_pass(rule: Rule, file: str, source: str) -> None:
    assert not list(rule(file, ast.parse(source)))


@pytest.mark.parametrize(
    "rule",
    [
        imports_at_home,
        sql_in_storage,
        no_platform_branch,
        channels_at_home,
        venues_at_home,
        time_in_units,
    ],
)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    assert {name.partition("/")[0] for name in SOURCES} == set(PACKAGES)
    assert len(SOURCES) > 40
    assert len(CHANNELS) >= 2
    assert not [fault for file in SOURCES for fault in rule(file, tree_of(file))]


def test_a_file_that_counts_in_thousands_still_does() -> None:
    for file in THOUSANDS:
        sums = [node for node in ast.walk(tree_of(file)) if isinstance(node, ast.BinOp)]
        assert any(_is_thousand(side) for node in sums for side in (node.left, node.right)), file


def test_files_and_functions_are_short_or_have_a_reason() -> None:
    found = {fault.partition(": ")[0]: fault for file in SOURCES for fault in sizes(file, tree_of(file))}
    assert not [fault for name, fault in found.items() if name not in LONGER]
    assert set(LONGER) <= set(found), "a reason in LONGER is no longer needed"


# --- rooms ------------------------------------------------------------------------------------------------------------

MOST_FILES = 12
# Folders of declarations hold one file for each thing there is, however many that are.
COLLECTIONS = {"signals/metrics", "signals/setups", "handlers/commands", "bot/market/venues"}


def test_every_room_says_in_one_line_what_it_is() -> None:
    every = rooms()
    assert len(every) > 15
    assert not folders_without_a_room()
    for room in every:
        assert room.caption.endswith((".", "?")), (
            f"{room.path}/__init__.py begins with one sentence that says what it is"
        )


def test_a_room_holds_no_more_than_a_reader_keeps_in_mind() -> None:
    crowded = {room.path: len(room.files) for room in rooms() if len(room.files) > MOST_FILES}
    assert set(crowded) <= COLLECTIONS


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_every_metric_file_is_found_and_no_other() -> None:
    assert len(METRIC_FILES) >= 10
    assert sorted(metrics()) == [Path(name).stem for name in METRIC_FILES]


@pytest.mark.parametrize("file", METRIC_FILES)
def test_a_metric_file_declares_one_metric_named_as_the_file(file: str) -> None:
    body = tree_of(file).body
    calls = [n for n in ast.walk(tree_of(file)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "Metric"]
    assert len(calls) == 1
    assigned = [
        ast.unparse(t) for n in body if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call) for t in n.targets
    ]
    assert assigned.count("METRIC") == 1
    keywords = {keyword.arg: keyword.value for keyword in calls[0].keywords}
    assert ast.literal_eval(keywords["id"]) == Path(file).stem
    assert ast.unparse(keywords["compute"]) == "compute"
    assert [n.name for n in body if isinstance(n, ast.FunctionDef)].count("compute") == 1


@pytest.mark.parametrize("name", sorted(metrics()))
def test_a_metric_says_what_it_is(name: str) -> None:
    metric = metrics()[name]
    assert metric.title
    assert metric.title == metric.title.strip().rstrip(".")
    assert metric.question.endswith("?")
    assert metric.says
    assert metric.needs
    assert "value" in metric.values
    assert all(metric.values.values())
    assert metric.compute.__doc__
    for rule in rules_of(metric.id):
        for sentence in (metric.says, rule.headline, *rule.legs, rule.counter, rule.resolved):
            template_fields(sentence)  # refuses a word after the colon that wording does not know


@pytest.mark.parametrize("name", sorted(metrics()))
def test_a_metric_has_values_from_outside(name: str) -> None:
    file = ROOT / "tests" / "signals" / "reference" / f"{name}.json"
    assert file.exists(), f"{name} needs reference values in {file.relative_to(ROOT)}, with where they come from"
    assert json.loads(file.read_text(encoding="utf-8"))


def test_no_reference_outlives_its_metric() -> None:
    assert {file.stem for file in (ROOT / "tests" / "signals" / "reference").glob("*.json")} <= set(metrics())


# --- commands ---------------------------------------------------------------------------------------------------------


def _declared() -> list[tuple[str, str]]:
    """Return (file, function) of everything under handlers/commands/ that carries @command."""
    return [
        (file, node.name)
        for file in SOURCES
        if file.startswith("handlers/commands/")
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
        and any(isinstance(d, ast.Call) and ast.unparse(d.func) == "command" for d in node.decorator_list)
    ]


def test_every_command_is_found_once() -> None:
    names = [function.rstrip("_") for _, function in _declared()]
    assert len(names) >= 10
    assert sorted(names) == sorted(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_a_command_fits_every_platform(name: str) -> None:
    """Hold to the narrowest of Telegram's and Discord's rules for names, and to what a phone shows of the help."""
    command = commands()[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,31}", command.name)
    assert 1 <= len(command.help) <= 60
    assert "\n" not in command.help
    assert command.help[0].isupper()
    assert not command.help.endswith(".")
    assert inspect.iscoroutinefunction(command.run)


@pytest.mark.parametrize("name", sorted(commands()))
def test_the_example_of_a_command_can_be_typed(name: str) -> None:
    command: Command = commands()[name]
    said, rest = split_command(command.example)
    assert said == name
    assert isinstance(parse(command.arguments, rest, command=name, assets=("BTC", "ETH", "SOL")), command.arguments)


# --- the checkout -----------------------------------------------------------------------------------------------------

CACHES = {"__pycache__", ".venv", ".git", "data", "build", "dist"}
# Put together from halves, so that this file is not its own finding.
PRIVATE = [
    re.compile(pattern)
    for pattern in (
        r"(?<![\w.])/(ro" + r"ot|wo" + r"rk|Us" + r"ers|ho" + r"me/(?!user\b|perpulse\b)\w+)/",
        r"(?<![\w.])/opt/py" + r"pi",
        r"py" + r"pi\.org|pythonho" + r"sted|fi" + r"le:///",
        r"--(extra-)?index" + r"-url|--find" + r"-links|--trusted" + r"-host",
    )
]


def checkout() -> Iterator[Path]:
    """Return the files that belong to the project, without asking git: a downloaded archive is tested too."""
    folders = [*PACKAGES, "tests", "benchmarks", "deploy", ".ci"]
    files = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    files += [path for path in ROOT.iterdir() if path.name != "config.toml"]
    for path in files:
        if path.is_file() and not CACHES & set(path.relative_to(ROOT).parts):
            yield path


def private(text: str) -> list[str]:
    """Return what only makes sense on one machine."""
    return [match[0] for pattern in PRIVATE for match in pattern.finditer(text)]


@pytest.mark.parametrize(
    "text",
    ["cd /wo" + "rk/x", "'/ro" + "ot/.ssh'", "https://py" + "pi.org/simple", "--index" + "-url=x", "/ho" + "me/jo/x"],
)
def test_a_private_place_is_recognised(text: str) -> None:
    assert private(text)


def test_no_place_of_one_machine_is_named() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in checkout()}
    assert {"Makefile", "pyproject.toml", "requirements.txt", ".ci/run", "tests/test_house.py"} <= names
    assert "uv.lock" not in names, "it names hosts; requirements.txt with hashes is the lock"
    text = {name: (ROOT / name).read_bytes().decode(errors="replace") for name in sorted(names)}
    assert not {name: found for name, content in text.items() if (found := private(content))}


def test_the_changelog_begins_with_this_version() -> None:
    newest = re.search(r"^## \[?(\d[\w.]*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == VERSION


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [re.match(r"([a-z0-9][\w.-]*)==(\S+)", line) for line in lines]
    return {m[1]: m[2] for m in found if m}  # a library of development may want it on more systems


def test_what_is_tested_is_what_runs() -> None:
    runtime, dev = _pins("requirements.txt"), _pins("requirements-dev.txt")
    assert {"pandas", "ccxt", "python-telegram-bot"} <= set(runtime)
    assert {name: dev.get(name) for name in runtime} == runtime


def test_every_requirement_has_a_hash() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        blocks = re.split(r"^(?=[a-z0-9])", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        assert len(blocks) > 20
        assert not [block.split()[0] for block in blocks if "--hash=sha256:" not in block]
