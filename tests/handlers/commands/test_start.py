from __future__ import annotations

from typing import Any

import pytest

from handlers.command import commands, usage


def test_help_lists_every_command_once_with_what_to_type(empty: Any) -> None:
    said = empty.text("/help").splitlines()
    for each in commands().values():
        assert said.count(f"{each.example} – {each.help}") == 1
    titles = [line for line in said if line.endswith(":")]
    assert titles == list(dict.fromkeys(titles))
    assert len(said) == 1 + len(titles) + len(commands())


def test_help_fits_one_telegram_message(empty: Any) -> None:
    assert len(empty.text("/help")) <= 4096


@pytest.mark.parametrize("name", commands())
def test_help_explains_each_command(empty: Any, name: str) -> None:
    each = commands()[name]
    said = empty.text(f"/help {name}").splitlines()
    assert said[0] == f"{usage(each)} – {each.help}"
    assert said[-1] == f"Example: {each.example}"
    assert len(said) > 2


@pytest.mark.parametrize("line", ["/help /oi", "/help OI please", "help oi"])
def test_help_is_forgiving(empty: Any, line: str) -> None:
    assert empty.text(line).startswith("/oi [asset] – ")


def test_about_says_what_must_be_said(empty: Any) -> None:
    said = empty.text("/about")
    for each in (
        "It gives no investment advice",
        "Fear & Greed index by alternative.me",
        "Licence: MIT",
        "Telegram: every alert is sent at least once",
        "no text that people write",
    ):
        assert each in said


def test_the_demo_says_about_itself_that_it_is_one(empty: Any) -> None:
    empty.note = "reconstructed from published figures"
    assert "This one runs on data reconstructed from published figures." in empty.text("/about")


@pytest.mark.parametrize("line", ["/start", "/start from_a_link", "/start 25x"])
def test_start_shows_what_to_try(empty: Any, line: str) -> None:
    said = empty.text(line)
    for command in ("/health btc", "/oi btc", "/liq 95000 25x long", "/sub", "/help"):
        assert command in said
    assert not empty.store.exists
