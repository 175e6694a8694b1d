"""The tools that hold the shape of the house do hold it: each is shown a planted fault and has to find it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handlers.command import commands
from signals.metric import metrics

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md")


def run(*command: str, cwd: Path = ROOT, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, input=given, capture_output=True, text=True, timeout=110, check=False
    )


# --- ruff: the clock --------------------------------------------------------------------------------------------------

READS_THE_CLOCK = [
    pytest.param("from datetime import UTC, datetime\nx = datetime.now(UTC)\n", id="datetime.now"),
    pytest.param("import datetime as dt\nx = dt.datetime.now(dt.UTC)\n", id="under another name"),
    pytest.param("from datetime import datetime\nx = datetime.utcnow()\n", id="utcnow"),
    pytest.param("from datetime import date\nx = date.today()\n", id="today"),
    pytest.param("import time\nx = time.time()\n", id="time.time"),
    pytest.param("from time import monotonic\nx = monotonic()\n", id="monotonic"),
    pytest.param("import pandas as pd\nx = pd.Timestamp.now('UTC')\n", id="pandas"),
]


def clock_rule(file: str, source: str) -> subprocess.CompletedProcess[str]:
    return run("-m", "ruff", "check", "--no-cache", "--select=TID251", f"--stdin-filename={file}", "-", given=source)


@pytest.mark.parametrize("source", READS_THE_CLOCK)
@pytest.mark.parametrize("file", ["signals/planted.py", "bot/planted.py"])
def test_ruff_finds_a_reading_of_the_clock(file: str, source: str) -> None:
    found = clock_rule(file, source)
    assert found.returncode == 1
    assert "bot/clock.py" in found.stdout


def test_the_clock_may_be_read_in_one_place() -> None:
    assert clock_rule("bot/clock.py", "import time\nx = time.monotonic()\n").returncode == 0
    assert not re.search(r"noqa:.*TID251", "".join(p.read_text(encoding="utf-8") for p in (ROOT / "bot").rglob("*.py")))


# --- import-linter: the layers ----------------------------------------------------------------------------------------

CROSSES_A_LAYER = [
    pytest.param(
        "signals/planted.py", "import storage.engine.database", "imports run downwards", id="signals to storage"
    ),
    pytest.param("storage/planted.py", "def f():\n    import handlers.reply", "imports run downwards", id="late"),
    pytest.param("handlers/planted.py", "from bot import clock", "imports run downwards", id="handlers to bot"),
    pytest.param("signals/planted.py", "import logging", "signals is pure", id="signals logs"),
    pytest.param("signals/planted.py", "import time", "signals is pure", id="signals knows the time"),
    pytest.param("signals/planted.py", "from aiohttp import ClientSession", "signals is pure", id="signals asks"),
    pytest.param(
        "signals/metrics/planted.py",
        "from signals.metrics.oi_drawdown import compute",
        "one metric never leans on another",
        id="metric to metric",
    ),
    pytest.param("handlers/planted.py", "import ccxt", "know no exchange", id="handlers to an exchange"),
    pytest.param("storage/planted.py", "import aiohttp", "storage asks no network", id="storage asks"),
    pytest.param("bot/engine/planted.py", "import handlers.reply", "the engine yields events", id="engine to words"),
    pytest.param("bot/market/planted.py", "import handlers.reply", "the market asks and judges", id="market to words"),
    pytest.param(
        "handlers/channels/telegram/planted.py",
        "import handlers.channels.discord.render",
        "channels know nothing of each other",
        id="channel to channel",
    ),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the source files, in which faults may be planted."""
    copy = tmp_path_factory.mktemp("house")
    for package in ("bot", "handlers", "storage", "signals"):
        for file in (ROOT / package).rglob("*.py"):
            target = copy / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def layers(tree: Path) -> tuple[int, str]:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = run("-c", command, "--no-logo", "--no-cache", cwd=tree)
    return done.returncode, done.stdout + done.stderr


def test_the_layers_are_kept(tree: Path) -> None:
    code, said = layers(tree)
    assert code == 0, said
    assert re.search(r"Analyzed \d{2,} files", said)
    assert ", 0 broken" in said


@pytest.mark.parametrize(("file", "source", "contract"), CROSSES_A_LAYER)
def test_import_linter_finds_a_crossing(tree: Path, file: str, source: str, contract: str) -> None:
    planted = tree / file
    planted.write_text(source + "\n", encoding="utf-8")
    try:
        code, said = layers(tree)
    finally:
        planted.unlink()
    assert code == 1
    assert re.search(rf"{contract}.* BROKEN", said), said


# --- cog: the tables --------------------------------------------------------------------------------------------------


def test_the_tables_are_current_and_name_everything() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count("[[[cog") >= 2
    assert not [name for name in metrics() if f"| `{name}` |" not in readme]
    assert not [name for name in commands() if f"| `/{name}` |" not in readme]
    checked = run("-m", "cogapp", "--check", *DOCUMENTS)
    assert checked.returncode == 0, "`make docs` writes the tables again: " + checked.stdout + checked.stderr


def test_cog_finds_a_table_that_is_out_of_date(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if line.startswith("| `"))
    (tmp_path / "README.md").write_text(readme.replace(row + "\n", ""), encoding="utf-8")
    checked = run("-m", "cogapp", "--check", str(tmp_path / "README.md"))
    assert checked.returncode != 0
    assert "changed" in checked.stdout


def test_the_readme_opens_with_two_commands() -> None:
    opening = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [line.split()[:2] for line in opening.strip().splitlines()] == [["make", "run"], ["make", "test"]]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in ("run", "test"))
