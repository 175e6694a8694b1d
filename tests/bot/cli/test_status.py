from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bot.commandline import strict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bot.commandline import Perpulse


def test_status_on_a_fresh_machine_is_an_answer(perpulse: Perpulse, offline: Path) -> None:
    ended = perpulse("status")
    assert ended.code == 0, ended.err
    answer = strict(perpulse("status", "--json").out)
    assert answer["command"] == "/status"
