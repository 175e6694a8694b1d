"""What `make run` and `make test` say on a machine that is not ready: one clear line, and nothing left behind.

The machine is a folder with a few tools and a Python that says of itself what the case needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("cat", "chmod", "cksum", "dirname", "head", "mkdir", "rm", "sed", "sh")
OLD = 'case "$1" in --version) echo "Python 3.9.18" ;; *) echo ;; esac'
# Debian without python3-venv: the interpreter is fine, `import ensurepip` is not.
NO_VENV = 'case "$*" in --version) echo "Python 3.11.2" ;; *ensurepip*) exit 1 ;; *) echo 3.11 ;; esac'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a checkout with a space and a quote in its path, on a machine without Python."""
    checkout = tmp_path / "o'clock perpulse"
    (checkout / ".ci").mkdir(parents=True)
    for name in (".ci/setup", "requirements.txt", "requirements-dev.txt", "Makefile"):
        shutil.copy(ROOT / name, checkout / name)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    return checkout


def program(machine: Path, name: str, script: str) -> None:
    file = machine.parent / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


def setup(machine: Path, wanted: str = "dev", **settings: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(machine.parent / "bin"), "HOME": str(machine.parent), **settings}
    return subprocess.run(
        ["sh", ".ci/setup", wanted],  # noqa: S607 - the first `sh` of the path, as make does
        cwd=machine,
        env=env,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_no_python(machine: Path) -> None:
    done = setup(machine)
    assert done.returncode == 1
    assert done.stderr.startswith("perpulse: Python 3.11 or newer is needed; no python3 was found.\n")
    assert "apt install python3 python3-venv" in done.stderr
    assert not (machine / ".venv").exists()


def test_an_old_python(machine: Path) -> None:
    program(machine, "python3", OLD)
    done = setup(machine, "runtime")
    assert done.returncode == 1
    assert "python3 here is Python 3.9.18" in done.stderr
    assert "python3.12 make run" in done.stderr


def test_a_newer_python_beside_an_old_one_is_found(machine: Path) -> None:
    program(machine, "python3", OLD)
    program(machine, "python3.12", NO_VENV)
    assert "(python3.12) cannot make a virtual environment" in setup(machine).stderr


def test_without_python3_venv(machine: Path) -> None:
    program(machine, "python3", NO_VENV)
    done = setup(machine)
    assert done.returncode == 1
    assert "sudo apt install python3-venv" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (machine / ".venv").exists()


@pytest.mark.parametrize(
    ("named", "said"),
    [
        pytest.param("python3.99", "there is no such program", id="missing"),
        pytest.param("python3", "which is Python 3.9.18", id="old"),
    ],
)
def test_a_named_python_that_will_not_do(machine: Path, named: str, said: str) -> None:
    program(machine, "python3", OLD)
    program(machine, "python3.12", NO_VENV)
    done = setup(machine, PYTHON=named)
    assert done.returncode == 1
    assert f"PYTHON names {named}" in done.stderr
    assert said in done.stderr


def test_two_set_ups_at_once(machine: Path) -> None:
    (machine / ".venv").mkdir()
    (machine / ".venv" / "unfinished").write_text(str(os.getpid()), encoding="utf-8")
    done = setup(machine)
    assert done.returncode == 1
    assert f"another make (process {os.getpid()}) is setting up .venv" in done.stderr
    assert (machine / ".venv" / "unfinished").exists()


def test_a_set_up_that_was_cut_short_starts_afresh(machine: Path) -> None:
    (machine / ".venv" / "bin").mkdir(parents=True)
    (machine / ".venv" / "unfinished").write_text("", encoding="utf-8")  # cut off before the number was written
    assert "an earlier set-up was cut short" in setup(machine).stderr


INSTALLS = """
case "$*" in
--version) echo "Python 3.12.1" ;;
"-m venv "*) mkdir -p "$3/bin" "$3/lib/python3.12/site-packages"; cat "$0" >"$3/bin/python"; chmod +x "$3/bin/python" ;;
"-m pip --version") ;;
"-m pip install"*) echo "$*" >>"$HOME/installed"; [ ! -e "$HOME/broken" ] ;;
"-P -m bot"*) echo "$PYTHONPATH: $*" ;;
*sys.version_info*) echo 3.12 ;;
esac"""


@pytest.fixture
def ready(machine: Path) -> Path:
    """Return a checkout whose set-up for running is done, by a Python that only writes down what it installs."""
    program(machine, "python3", INSTALLS)
    assert setup(machine, "runtime").returncode == 0
    return machine


def installed(machine: Path) -> list[str]:
    return (machine.parent / "installed").read_text(encoding="utf-8").splitlines()


def test_what_is_installed_is_named_with_hashes(ready: Path) -> None:
    assert [line.split()[-3:] for line in installed(ready)] == [["--require-hashes", "-r", "requirements.txt"]]


def test_nothing_is_done_twice(ready: Path) -> None:
    again = setup(ready, "runtime")
    assert (again.returncode, again.stderr) == (0, "")
    assert len(installed(ready)) == 1


def test_tests_need_more_and_running_is_content_with_it(ready: Path) -> None:
    assert setup(ready, "dev").returncode == 0
    assert installed(ready)[-1].endswith("requirements-dev.txt")
    assert setup(ready, "runtime").stderr == ""
    assert len(installed(ready)) == 2


def test_a_changed_requirement_is_installed(ready: Path) -> None:
    with (ready / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert "up to date" in setup(ready, "runtime").stderr
    assert len(installed(ready)) == 2


def test_a_failed_install_is_tried_again(ready: Path) -> None:
    (ready.parent / "broken").touch()
    failed = setup(ready, "dev")
    assert failed.returncode == 1
    assert "could not be installed" in failed.stderr
    (ready.parent / "broken").unlink()
    assert setup(ready, "dev").returncode == 0


def test_a_checkout_that_moved_is_set_up_again(ready: Path) -> None:
    moved = ready.rename(ready.parent / "elsewhere")
    assert "has moved" in setup(moved, "runtime").stderr
    assert len(installed(moved)) == 2


def test_the_start_script_works_from_any_folder(ready: Path) -> None:
    command = [ready / ".venv/bin/perpulse", "say", "/help me"]
    env = {"PATH": str(ready.parent / "bin")}
    started = subprocess.run(command, cwd="/", env=env, capture_output=True, text=True, timeout=20, check=True)
    assert started.stdout == f"{ready}: -P -m bot say /help me\n"
