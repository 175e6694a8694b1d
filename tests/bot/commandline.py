"""perpulse as somebody starts it: in a process of its own, in an empty folder, without anybody's settings."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.__main__ import typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Perpulse = Callable[..., "Ended"]

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
PROGRAM = (sys.executable, "-m", "bot")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recordings are not beside the checkout: {DATA}")
NOTICE_KEYS = ["at", "kind", "id", "asset", "level", "value", "text"]
HEADER = "at,venue,asset,input,value\n"
GOOD = "2026-01-01,binance,BTC,close,90000\n2026-01-02,binance,BTC,close,91000\n"


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a child: this checkout on the path, settings only as given."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("PERPULSE_", "PYTHON"))}
    path = os.pathsep.join(filter(None, (more.pop("PYTHONPATH", ""), str(ROOT))))
    return {**kept, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **more}


def child(*args: str, cwd: Path, piped: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run perpulse in a process, with what is piped into it, and return what it wrote."""
    return subprocess.run(
        [*PROGRAM, *args],
        cwd=cwd,
        env=environment(**env),
        input=piped,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `perpulse run` in a folder with its output in the files `out` and `err`, and end it for certain."""
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [*PROGRAM, "run"], cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Ended:
    """How a command ended that ran within the test's own process, which saves half a second each."""

    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """Return the one line of an error; fail if it is not one plain line."""
        assert self.code == 2, (self.code, self.out, self.err)
        assert self.out == "", "an error belongs on standard error alone"
        assert "Traceback" not in self.err
        assert self.err.count("\n") == 1, self.err
        assert len(self.err) < 500, self.err
        return self.err.strip()


def here(capsys: pytest.CaptureFixture[str], *args: str) -> Ended:
    """Run perpulse in this process, in the present folder."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        typed(list(args))
    written = capsys.readouterr()
    code: Any = ended.value.code
    return Ended(int(code or 0), written.out, written.err)


def closed_port() -> int:
    """Return a port of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(folder: Path, *, exchange: str, fear_greed: str, database: str = "data/perpulse.db") -> Path:
    """Write a config.toml that asks servers of this machine."""
    path = folder / "config.toml"
    path.write_text(
        f'database = "{database}"\n'
        'assets = ["BTC"]\n[market]\nvenues = ["binance"]\noptions = false\nstablecoins = false\ntimeout_seconds = 2\n'
        f'exchange_url = "{exchange}"\nfear_greed_url = "{fear_greed}"\n',
        encoding="utf-8",
    )
    return path


def written(tmp_path: Path, text: str, name: str = "file.csv") -> str:
    """Write a file to be imported and return its path."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def strict(text: str) -> Any:
    """Read JSON as its standard has it: NaN and Infinity are none."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)
