"""`perpulse export --mine`: what /export gives in a chat, for whoever has the database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage.engine.database import Store
from storage.people import destinations

if TYPE_CHECKING:
    from tests.bot.commandline import Perpulse

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A database with a person in Telegram, one in Discord, a group, and somebody at the terminal."""
    store = Store(tmp_path / "data" / "perpulse.db")
    for platform, chat, kind, person in (
        ("telegram", "7", "private", None),
        ("telegram", "-100", "group", None),
        ("discord", "1001", "private", "55"),
        ("terminal", "screen", "private", None),
        ("telegram@alpha", "-100", "group", None),
        ("telegram@alpha", "8", "private", "8"),
    ):
        made = destinations.ensure(store, platform, chat, None, kind=kind, title=None, now=NOW, person=person)
        destinations.subscribe(store, made.id, f"rule of {chat}", "BTC")
    store.close()
    return tmp_path


@pytest.mark.parametrize(
    ("chat", "rule"),
    [
        pytest.param("telegram:7", "rule of 7", id="a person"),
        pytest.param("telegram:-100", "rule of -100", id="a group"),
        pytest.param("telegram@alpha:-100", "rule of -100", id="a group of a further bot"),
        pytest.param("telegram@alpha:8", "rule of 8", id="a person at a further bot"),
        pytest.param("telegram:8", "rule of 8", id="a person of a further bot"),
        pytest.param("discord:1001", "rule of 1001", id="a direct chat"),
        pytest.param("discord:55", "rule of 1001", id="a person whose chat has another id"),
    ],
)
def test_the_file_is_that_of_the_chat_and_private(perpulse: Perpulse, filled: Path, chat: str, rule: str) -> None:
    ended = perpulse("export", "me.json", "--mine", "--chat", chat)
    assert ended.code == 0, ended.err
    assert chat in ended.out
    found = json.loads((filled / "me.json").read_text())
    assert [one["rule"] for one in found["subscriptions"]] == [rule]
    assert (filled / "me.json").stat().st_mode & 0o777 == 0o600


def test_without_a_chat_it_is_who_sits_here(perpulse: Perpulse, filled: Path) -> None:
    ended = perpulse("export", "--mine")
    assert ended.code == 0, ended.err
    (file,) = filled.glob("perpulse-export-*.json")
    assert [one["rule"] for one in json.loads(file.read_text())["subscriptions"]] == ["rule of screen"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        pytest.param(("--mine", "--chat", "telegram:99"), "Nothing is stored about this chat.", id="nobody"),
        pytest.param(("--mine", "--chat", "12345"), "Write the chat as a platform and an id", id="no platform"),
        pytest.param(("data", "--mine"), "is there already", id="a folder"),
        pytest.param((), "Name a new file", id="neither"),
    ],
)
def test_what_cannot_be_is_one_line(perpulse: Perpulse, filled: Path, args: tuple[str, ...], says: str) -> None:
    assert says in perpulse("export", *args).refusal


def test_half_a_file_is_not_left_in_the_way(perpulse: Perpulse, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "chmod", refuse)
        assert "No space left on device" in perpulse("export", "mine.json", "--mine").refusal
    assert perpulse("export", "mine.json", "--mine").code == 0
