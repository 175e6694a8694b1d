"""deploy/perpulse.service: read by systemd's own tools, and lived under as far as can be without systemd."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.bot.commandline import ROOT, closed_port
from tests.deploy import confined
from tests.fakes.bot_api import TOKEN, BotApi
from tests.fakes.exchange import FakeExchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNIT = ROOT / "deploy" / "perpulse.service"
MOST_EXPOSED = 1.5
ANN = 42
ANALYZE = shutil.which("systemd-analyze")
needs_analyze = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here (Debian: systemd)")


def may_confine() -> str:
    """Return why a program cannot be confined here; "" where it can."""
    if ANALYZE is None or not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        return "systemd-analyze, unshare, setpriv and mount are needed"
    if os.geteuid() != 0:
        return "root is needed, to give it away"
    tried = subprocess.run(["unshare", "--mount", "--ipc", "--uts", "mount", "--make-rprivate", "/"], check=False)
    return "this machine makes no namespace of mounts" if tried.returncode else ""


WHY_NOT = may_confine()
needs_namespaces = [pytest.mark.slow, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "it can")]


@pytest.mark.slow
@needs_analyze
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8").replace("/opt/perpulse/bin/perpulse", "/bin/true")  # it has to be there
    copy = tmp_path / UNIT.name
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    copy.write_text(text.replace("LockPersonality=yes", "LockPersonalty=yes"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert "LockPersonalty" in done.stderr


@needs_analyze
def test_little_of_the_machine_is_exposed() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    if "offline" in done.stderr:
        pytest.skip("this systemd-analyze judges no file (it is older than 250)")
    level = re.search(r"Overall exposure level for perpulse.service: ([\d.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level[1]) <= MOST_EXPOSED


def command(state: Path, *arguments: str) -> list[str]:
    """Return what starts Python under the restrictions of the unit."""
    script = str(ROOT / "tests" / "deploy" / "confined.py")
    return [sys.executable, script, str(UNIT), str(state), str(ROOT), sys.prefix, "--", *arguments]


ESCAPES = """
import ctypes, mmap, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, action):
    try:
        print(name, "done" if action() in (None, 0) else "refused")
    except OSError as error:
        print(name, "refused")
tried("write the system", lambda: open("/etc/perpulse-was-here", "w").close())
tried("write the program", lambda: open("/run/perpulse-confined/checkout/README.md", "a").close())
tried("write its state", lambda: open("/var/lib/perpulse/here", "w").close())
tried("write and run memory", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC).close())
tried("listen to the kernel", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close())
tried("talk to the internet", lambda: socket.socket(socket.AF_INET).close())
tried("mount", lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
tried("unshare", lambda: libc.unshare(0x10000000))
tried("set the clock", lambda: libc.settimeofday((ctypes.c_long * 2)(0, 0), None))
tried("become root", lambda: os.setuid(0))
tried("raise its priority", lambda: os.nice(-5))
print("homes", [home for home in ("/home", "/root") if os.access(home, os.R_OK)])
print("user", os.getuid())
"""


@pytest.mark.parametrize("_", [pytest.param(0, marks=needs_namespaces, id="confined")])
def test_the_restrictions_hold(tmp_path: Path, _: int) -> None:
    done = subprocess.run(command(tmp_path, "-c", ESCAPES), capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    said = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert [name for name, came in said.items() if came == "done"] == ["write its state", "talk to the internet"]
    assert (said["homes"], said["user"]) == ("[]", confined.NOBODY)


@pytest.fixture
def told() -> Iterator[socket.socket]:
    """Return a supervisor's end of the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(f"\0perpulse-unit-{os.getpid()}")
        line.settimeout(60)
        yield line


def until(told: socket.socket, words: str) -> None:
    while words not in told.recv(4096).decode():
        pass


@pytest.mark.parametrize("_", [pytest.param(0, marks=needs_namespaces, id="confined")])
def test_the_bot_lives_under_them(tmp_path: Path, told: socket.socket, _: int) -> None:
    with FakeExchange().in_thread() as exchange, BotApi().in_thread() as telegram:
        assert isinstance(telegram, BotApi)
        telegram.chat(ANN, title="Ann")
        listen = f"127.0.0.1:{closed_port()}"
        (tmp_path / "config.toml").write_text(
            f'assets = ["BTC"]\n[market]\nvenues = ["binance"]\nhistory = false\nexchange_url = "{exchange.base_url}"\n'
            f'fear_greed_url = "{exchange.base_url}"\nstablecoins = false\n'
            f'[telegram]\ntoken = "{TOKEN}"\nbase_url = "{telegram.base_url}"\n'
            f'[watch]\nlisten = "{listen}"\n',
            encoding="utf-8",
        )
        notify = {"NOTIFY_SOCKET": f"@perpulse-unit-{os.getpid()}", "WATCHDOG_USEC": "3000000"}
        with subprocess.Popen(
            command(tmp_path, "-m", "bot", "run", "--config", "config.toml"),
            env={"PATH": os.environ["PATH"], **notify},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                until(told, "READY=1\nSTATUS=Follows BTC")
                until(told, "WATCHDOG=1")
                for line in ("/liq 95000 25x long", "/price btc"):
                    telegram.do(telegram.say, ANN, ANN, line)
                until(told, "WATCHDOG=1")
                for second in range(30):
                    if second % 10 == 0:  # again, since it is refused before the first figures are in
                        telegram.do(telegram.say, ANN, ANN, "/chart price btc")
                    until(told, "WATCHDOG=1")
                    if telegram.counts()["sendPhoto"]:
                        break
                health = subprocess.run(
                    [sys.executable, "-I", ROOT / "deploy" / "healthcheck.py"],
                    env={"PERPULSE_WATCH__LISTEN": listen}, capture_output=True, text=True, check=False,
                )  # fmt: skip
                process.terminate()
                until(told, "STOPPING=1")
                _, log = process.communicate(timeout=30)
            finally:
                process.kill()
    assert process.returncode == 0, log
    assert "91,566.27" in telegram.texts(ANN)[0]
    assert telegram.counts()["sendPhoto"] >= 1, (telegram.texts(ANN), log)
    assert "Traceback" not in log
    assert (health.returncode, json.loads(health.stdout)["ready"]) == (0, True), health.stdout
    assert (tmp_path / "data" / "perpulse.db").exists()
    assert telegram.problems == []
