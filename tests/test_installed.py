"""perpulse as pip, pipx and uv install it: built, put into an environment of its own, started far from the checkout.

Built by the pinned backend, without a network. The new environment holds what requirements.txt names and nothing else,
linked from the one that the tests run in, so that a package which only development brings is missed here too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.bot.commandline import environment
from tests.house import PACKAGES, ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ensurepip") is None, reason="this Python makes no environment: ensurepip is missing"),
]


def files_of_the_house() -> set[str]:
    """Return every file that lies in a room, named from the root."""
    return {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def ran(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build an sdist of a copy of the checkout, a wheel of that sdist, and return the folder that holds both."""
    source, made = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for package in PACKAGES:  # what lies in every checkout that was started, and belongs into no wheel
        (source / package / "__pycache__").mkdir()
        (source / package / "__pycache__" / "left.cpython-311.pyc").write_bytes(b"")
    done = ran(sys.executable, "-m", "build", "--no-isolation", "--outdir", made, source, cwd=made)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own and return that environment's programs."""
    home = tmp_path_factory.mktemp("installed")
    assert ran(sys.executable, "-m", "venv", home / "env", cwd=home).returncode == 0
    (packages,) = (home / "env" / "lib").glob("python*/site-packages")
    for line in re.findall(r"^[A-Za-z0-9].*?(?= \\)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE):
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate():
            _link(wanted.name, packages)
    (wheel,) = built.glob("*.whl")
    programs = home / "env" / "bin"
    pip = (programs / "python", "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check")
    done = ran(*pip, wheel, cwd=home)  # refused where the wheel asks for a package that requirements.txt does not name
    assert done.returncode == 0, done.stderr
    return programs


def _link(name: str, packages: Path) -> None:
    """Link what one distribution installed, as it lies in the environment of the tests."""
    found = distribution(name)
    tops = {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}
    for top in tops:
        if not (packages / top).exists():
            (packages / top).symlink_to(os.path.realpath(str(found.locate_file(top))))


def test_a_wheel_holds_every_file_of_the_house(built: Path) -> None:
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    house = files_of_the_house()
    assert {"bot/demo/winter-2025-26.csv", "storage/market/queries.sql"} < house, "the rule found nothing"
    with zipfile.ZipFile(wheel) as opened:
        packed = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert packed == house
    with tarfile.open(sdist) as opened:
        inside = {name.partition("/")[2] for name in opened.getnames()}
    assert house <= inside
    assert {"pyproject.toml", "README.md", "LICENSE"} <= inside
    assert not [name for name in inside if "__pycache__" in name]


def test_an_installed_perpulse_is_the_installed_one(installed: Path, tmp_path: Path) -> None:
    where = ran(installed / "python", "-c", "import bot, sys; print(bot.__file__); print(sys.path)", cwd=tmp_path)
    assert where.stdout.startswith(str(installed.parent)), where.stdout + where.stderr
    assert str(ROOT) not in where.stdout.replace(str(Path(sys.prefix)), "")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        pytest.param(("demo", "--no-input"), "BTC: futures positions have been cut", id="the bundled winter"),
        pytest.param(("say", "/liq 95000 25x long"), "BTC long 25x from 95,000: liquidation at 91,566.27", id="tiers"),
        pytest.param(("check-config",), "The configuration is in order.", id="the configuration"),
        pytest.param(("tiers", "show", "BTC bybit"), "BTC", id="a table of tiers"),
        pytest.param(("init",), "config.toml written.", id="the example"),
    ],
)
def test_an_installed_perpulse_works_far_from_the_checkout(
    installed: Path, tmp_path: Path, command: tuple[str, ...], said: str
) -> None:
    done = ran(installed / "perpulse", *command, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert said in done.stdout


def test_an_installed_perpulse_draws(installed: Path, tmp_path: Path) -> None:
    """The process that draws is started by its module's name, which has to be found there too."""
    history = ran(installed / "python", "-c", "from bot.demo import path; print(path())", cwd=tmp_path).stdout.strip()
    assert ran(installed / "perpulse", "import", history, cwd=tmp_path).returncode == 0
    done = ran(installed / "perpulse", "say", "/chart price btc", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["command"] == "/chart price btc"
    assert list(tmp_path.glob("perpulse-*.png"))
