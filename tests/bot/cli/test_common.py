from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
from contextlib import closing
from inspect import signature
from typing import TYPE_CHECKING

import pytest

from bot import __main__ as main
from bot.cli.common import _EXAMPLES
from handlers.version import VERSION
from tests.bot.commandline import GOOD, HEADER, PROGRAM, ROOT, environment, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bot.commandline import Perpulse

DATABASE_COMMANDS = [
    pytest.param(("import", "file.csv"), id="import"),
    pytest.param(("export", "history.csv"), id="export"),
    pytest.param(("replay",), id="replay"),
    pytest.param(("say", "/oi btc"), id="say"),
    pytest.param(("status",), id="status"),
    pytest.param(("run",), id="run"),
    pytest.param(("demo", "--no-input"), id="demo"),
]


def test_it_says_its_version(perpulse: Perpulse) -> None:
    assert perpulse("--version").out == f"perpulse {VERSION}\n"


@pytest.mark.parametrize("command", DATABASE_COMMANDS)
@pytest.mark.parametrize(
    ("db", "said"),
    [
        pytest.param("folder", "folder", id="a folder"),
        pytest.param("foreign.db", "is a database of another program", id="of another program"),
        pytest.param("text.db", "is damaged or no database", id="not a database"),
        pytest.param("file.csv/inside.db", "Give another file with --db", id="a place that cannot be"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(
    perpulse: Perpulse, tmp_path: Path, offline: Path, command: tuple[str, ...], db: str, said: str
) -> None:
    written(tmp_path, HEADER + GOOD)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("these are my notes and no database, and they shall stay as they are")
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as foreign:
        foreign.execute("CREATE TABLE recipes (name TEXT)")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    if "/" in db and command[0] in {"status", "replay", "export"}:  # they look, and make no file
        ended = perpulse(*command, "--db", db)
        assert "Nothing is stored yet" in ended.out + ended.err
        return
    assert said in perpulse(*command, "--db", db).refusal
    assert {name: (tmp_path / name).read_bytes() for name in before} == before, "what is not ours is left alone"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_place_that_is_read_only(perpulse: Perpulse, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    file = written(tmp_path, HEADER + GOOD)
    assert "check the rights of the folder" in perpulse("import", file, "--db", "closed/perpulse.db").refusal


def test_the_database_may_be_named_before_the_command(perpulse: Perpulse, tmp_path: Path) -> None:
    file = written(tmp_path, HEADER + GOOD)
    assert perpulse("--db", "mine.db", "import", file).code == 0
    assert (tmp_path / "mine.db").exists()
    assert perpulse("--db", "mine.db", "import", file, "--db", "other.db").code == 0
    assert (tmp_path / "other.db").exists(), "what stands behind the command wins"
    assert "none.toml does not exist" in perpulse("--config", "none.toml", "tiers", "show", "BTC bybit").refusal
    assert "none.toml does not exist" in perpulse("--config", "none.toml").refusal


@pytest.mark.parametrize("command", [("say", "/liq 95000 25x long"), ("replay",), ("import", "x.csv"), ("doctor",)])
def test_every_command_reads_the_config(perpulse: Perpulse, tmp_path: Path, command: tuple[str, ...]) -> None:
    assert "nowhere.toml does not exist" in perpulse(*command, "--config", "nowhere.toml").refusal
    for raw, said in ((b"\xff\xfe", "seems in UTF-16. Save it as UTF-8"), (b"x" * 2**21, "is longer than 1024 kB")):
        (tmp_path / "config.toml").write_bytes(raw)
        assert said in perpulse(*command).refusal
    (tmp_path / "config.toml").write_text("asets = ['BTC']", encoding="utf-8-sig")
    assert "Did you mean 'assets'?" in perpulse(*command).refusal, "a mark at its beginning is nothing"


def test_with_a_config_perpulse_alone_means_run(perpulse: Perpulse, tmp_path: Path, offline: Path) -> None:
    ended = perpulse("run", "--db", str(tmp_path))
    offline.write_text(f"database = '{tmp_path}'", encoding="utf-8")
    assert perpulse().refusal == ended.refusal  # a folder for a database: both get as far as the bot does


@pytest.mark.slow
@pytest.mark.parametrize("command", ["demo --no-input", "demo --json", "replay --json", "replay", "say /help"])
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, stored: str, command: str) -> None:
    database = [] if command.startswith("demo") else ["--db", stored]
    with subprocess.Popen(
        [*PROGRAM, *shlex.split(command), *database],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) in (0, 1)


@pytest.mark.parametrize(
    "command", ["", *["run", "demo", "say", "import", "export", "replay", "check-config", "doctor", "init", "status"]]
)
def test_every_command_has_help(perpulse: Perpulse, command: str) -> None:
    ended = perpulse(*filter(None, (command, "--help")))
    assert (ended.code, ended.err) == (0, "")
    assert "Usage:" in ended.out


README = (ROOT / "README.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"<!-- printed by: (.+?) -->\n```\n(.+?)\n```", README, re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "block"), [pytest.param(*quoted, id=quoted[0]) for quoted in QUOTED])
def test_what_the_readme_shows_is_what_is_printed(perpulse: Perpulse, command: str, block: str) -> None:
    printed = iter(perpulse(*shlex.split(command)).out.splitlines())
    assert len(QUOTED) == 2
    for line in block.splitlines():
        assert line == "[...]" or line in printed, f"not printed, or not in this order: {line}"


SAY = 'Type it like perpulse say "/liq 95000 25x long".'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("frobnicate", "There is no command “frobnicate”. perpulse --help shows all that there are."),
        ("stauts", "There is no command “stauts”. Did you mean perpulse status?"),
        ("fng", '“fng” is asked as in a chat: perpulse say "/fng". perpulse --help shows the commands of the program.'),
        ("say", f"Behind perpulse say something is missing. {SAY}"),
        ("say liq btc", f"“btc” is too much. Put what belongs together into quotes. {SAY}"),
        ("doctor now", "“now” is too much. Type it like perpulse doctor."),
        ("say --frob x", "perpulse say has no --frob. Did you mean --db? perpulse say --help shows what it takes."),
        ("--bogus", "perpulse has no --bogus. perpulse --help shows what it takes."),
        ("replay --from", "Behind --from its value is missing. perpulse replay --help says what it may be."),
        ("say --json=3 /fng", "--json takes no value. perpulse say --help says more."),
        ("backfill --days x", "Behind --days stands a whole number, like 30. perpulse backfill --help says more."),
        ("tiers frob", "There is no command “frob”. perpulse tiers --help shows all that there are."),
        (
            "tiers show",
            'Behind perpulse tiers show something is missing. Type it like perpulse tiers show "BTC bybit".',
        ),
    ],
)
def test_a_line_that_is_wrong_is_told_what_to_type(perpulse: Perpulse, line: str, said: str) -> None:
    assert perpulse(*line.split()).refusal == said


def test_each_command_that_needs_something_has_an_example() -> None:
    needs = {
        (command.name or command.callback.__name__).strip("_")
        for group in (main.app, main.tiers_app)
        for command in group.registered_commands
        if command.callback
        for parameter in signature(command.callback).parameters.values()
        if parameter.default is parameter.empty
    }
    assert needs == set(_EXAMPLES)
