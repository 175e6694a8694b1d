from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from handlers.command import commands, usage
from signals.metric import metrics

if TYPE_CHECKING:
    from collections.abc import Callable


def test_help_lists_every_command_once_with_what_to_type(empty: Any) -> None:
    said = empty.text("/help").splitlines()
    for command in commands().values():
        assert said.count(f"{command.example} – {command.help}") == 1
    titles = [line for line in said if line.endswith(":")]
    assert titles == list(dict.fromkeys(titles))
    assert len(said) == 1 + len(titles) + len(commands())


def test_help_fits_one_telegram_message(empty: Any) -> None:
    assert len(empty.text("/help")) <= 4096


@pytest.mark.parametrize("name", commands())
def test_help_explains_each_command(empty: Any, name: str) -> None:
    command = commands()[name]
    said = empty.text(f"/help {name}").splitlines()
    assert said[0] == f"{usage(command)} – {command.help}"
    assert said[-1] == f"Example: {command.example}"
    assert len(said) > 2


@pytest.mark.parametrize("line", ["/help /oi", "/help OI please", "help oi"])
def test_help_is_forgiving(empty: Any, line: str) -> None:
    assert empty.text(line).startswith("/oi [asset] – ")


@pytest.mark.parametrize("name", metrics())
def test_help_explains_each_figure(desk: Callable[..., Any], empty: Any, name: str) -> None:
    metric = metrics()[name]
    said = desk("bundled", "2026-01-16").text(f"/help {name}").splitlines()
    assert said[0] == f"{metric.title}: {metric.question}"
    assert said[-1] == f"More: /chart {name}"
    assert metric.tells_not
    assert metric.tells_not[1:] in said[2]
    assert len(said) == 5, "and in between what it says now, what it does not tell, and the stamp"
    assert len(empty.text(f"/help {name}").splitlines()) == 3, "nothing is known: nothing is said"
    assert not empty.store.exists


def test_help_explains_the_alarm_of_fast_moves(desk) -> None:
    reply = desk("bundled", "2026-01-16").ask("/help burst")
    assert reply.blocks[0].text == "Price moves unusually fast: how far did it go within 5, 15 and 60 minutes?"
    assert [button.command for button in reply.blocks[-1].buttons] == ["/sub burst", "/unsub burst"]


def test_help_knows_a_figure_by_what_people_call_it(desk: Callable[..., Any]) -> None:
    assert desk("bundled", "2026-01-16").text("/help drawdown") == (
        "Open interest below its peak: How far is open interest below its peak of a year, and were positions closed or "
        "did price do it?\n"
        "BTC: Open interest $10.0bn, −33 % from its peak of $15.0bn 101 days ago; in coins −12 %.\n"
        "It does not tell: how much leverage left the books, and whether price stops falling.\n"
        "Binance · 24 h old · daily data · reconstructed from published figures\n"
        "More: /chart oi_drawdown"
    )


def test_about_says_what_must_be_said(empty: Any) -> None:
    said = empty.text("/about")
    for sentence in (
        "It gives no investment advice",
        "Fear & Greed index by alternative.me",
        "Licence: MIT",
        "Every alert is sent at least once",
        "no text that people write",
    ):
        assert sentence in said


def test_the_demo_says_about_itself_that_it_is_one(empty: Any) -> None:
    empty.note = "reconstructed from published figures"
    assert "This one runs on data reconstructed from published figures." in empty.text("/about")


@pytest.mark.parametrize("line", ["/start", "/start from_a_link", "/start 25x"])
def test_start_shows_what_to_try(empty: Any, line: str) -> None:
    said = empty.text(line)
    for command in ("/health btc", "/oi btc", "/liq 95000 25x long", "/sub", "/help"):
        assert command in said
    assert not empty.store.exists
