from __future__ import annotations

from typing import TYPE_CHECKING

from bot.config import example
from tests.bot.commandline import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bot.commandline import Perpulse


def test_the_example_in_the_checkout_is_the_generated_one() -> None:
    assert (ROOT / "config.example.toml").read_text(encoding="utf-8") == example()


def test_init_writes_what_check_config_accepts(perpulse: Perpulse, tmp_path: Path) -> None:
    assert perpulse("init").code == 0
    assert (tmp_path / "config.toml").read_text(encoding="utf-8") == example()
    assert (tmp_path / "config.toml").stat().st_mode & 0o077 == 0, "a token will stand in it"
    ended = perpulse("check-config")
    assert (ended.code, ended.err) == (0, "")
    assert "Telegram: no token, so perpulse speaks in this terminal" in ended.out
    assert "The configuration is in order." in ended.out
    assert "exists and is left alone" in perpulse("init").refusal
    assert "cannot be written" in perpulse("init", "config.toml/inside").refusal
