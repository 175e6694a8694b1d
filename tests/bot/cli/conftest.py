from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.demo import path
from tests.bot.commandline import child, closed_port, here, write_config

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bot.commandline import Perpulse


@pytest.fixture
def perpulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Perpulse:
    monkeypatch.chdir(tmp_path)
    return lambda *args: here(capsys, *args)


@pytest.fixture
def offline(tmp_path: Path) -> Path:
    """Write a config.toml whose servers do not listen."""
    dead = f"http://127.0.0.1:{closed_port()}"
    return write_config(tmp_path, exchange=dead, fear_greed=dead)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Import the bundled winter, which holds a long story."""
    folder = tmp_path_factory.mktemp("winter")
    ended = child("import", str(path()), "--db", str(folder / "winter.db"), cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return str(folder / "winter.db")
