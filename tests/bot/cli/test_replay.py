from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.bot.commandline import NOTICE_KEYS, strict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bot.commandline import Perpulse


@pytest.mark.slow
def test_replay_of_a_span_is_the_middle_of_the_whole(perpulse: Perpulse, stored: str) -> None:
    whole = [strict(line) for line in perpulse("replay", "--db", stored, "--json").out.splitlines()]
    args = ("--db", stored, "--from", "2025-11-01", "--to", "2026-01-31", "--asset", "btc", "--json")
    part = perpulse("replay", *args)
    notices = [strict(line) for line in part.out.splitlines()]
    assert (part.code, part.err) == (0, "")
    assert [list(notice) for notice in notices] == [NOTICE_KEYS] * len(notices)
    assert 0 < len(notices) < len(whole)
    assert notices == [notice for notice in whole if "2025-11-01T00:00:00Z" < notice["at"] <= "2026-02-01T00:00:00Z"]


@pytest.mark.slow
def test_replay_in_words_says_how_many(perpulse: Perpulse, stored: str) -> None:
    ended = perpulse("replay", "--db", stored, "--from", "2025-10-01", "--to", "2025-10-20")
    assert ended.code == 0
    assert ended.out.count("── ") == int(re.findall(r"(\d+) notices from", ended.out)[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param("--from yesterday", "'yesterday' is no date. Write it like 2025-10-01.", id="a word"),
        pytest.param("--to 2025-02-30", "'2025-02-30' is no date", id="no such day"),
        pytest.param("--to 9999-12-31", "is no date", id="beyond the calendar"),
        pytest.param("--from 2026-01-01 --to 2025-01-01", "--from must lie before --to.", id="the wrong way round"),
        pytest.param("--asset DOGE", "Nothing is stored of DOGE. Stored: BTC.", id="unknown asset"),
    ],
)
def test_replay_refuses(perpulse: Perpulse, stored: str, args: str, said: str) -> None:
    assert said in perpulse("replay", "--db", stored, *shlex.split(args)).refusal


def test_replay_of_nothing_says_how_to_begin(perpulse: Perpulse, tmp_path: Path) -> None:
    assert "perpulse import FILE" in perpulse("replay").refusal
    assert list(tmp_path.iterdir()) == [], "looking makes no file"
    assert "perpulse import FILE" in perpulse("replay", "--asset", "BTC").refusal
