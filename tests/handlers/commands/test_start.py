from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from handlers.command import commands, usage
from handlers.commands import start
from handlers.reply import Buttons, Line
from signals.metric import metrics

if TYPE_CHECKING:
    from collections.abc import Callable


SUBJECTS = ["market", "verdict", "calculators", "yours", "admin", "first"]


def test_help_is_eight_lines_on_a_phone(empty: Any) -> None:
    said = [block.text for block in empty.ask("/help").blocks if isinstance(block, Line)]
    assert len(said) == 8
    assert all(len(line) <= 40 for line in said), said
    named = {word.removeprefix("/") for line in said for word in line.split() if word.startswith("/")}
    assert named <= set(commands())
    pressed = [
        button.command for row in empty.ask("/help").blocks if isinstance(row, Buttons) for button in row.buttons
    ]
    assert pressed == [f"/help {subject}" for subject in SUBJECTS]


def test_every_command_is_in_the_list_of_one_subject(empty: Any) -> None:
    said = [line for subject in SUBJECTS for line in empty.text(f"/help {subject}").splitlines()[1:]]
    assert sorted(said) == sorted(f"{one.example} – {one.help}" for one in commands().values() if not one.roles)


@pytest.mark.parametrize(
    ("word", "begins"), [("calc", "Calculators."), ("messages", "Your messages."), ("admin", "For")]
)
def test_a_subject_is_known_by_other_words(empty: Any, word: str, begins: str) -> None:
    assert empty.text(f"/help {word}").startswith(begins)


@pytest.mark.parametrize("name", commands())
def test_help_explains_each_command(empty: Any, name: str) -> None:
    command = commands()[name]
    said = empty.text(f"/help {name} more").splitlines()
    assert said[0] == f"{usage(command)} – {command.help}"
    assert said[-1] == f"Example: {command.example}"
    assert len(said) > 2


@pytest.mark.parametrize("name", [name for name in commands() if name != "alert"])  # its help is a whole language
def test_help_on_a_command_is_twelve_rows_of_a_phone(empty: Any, name: str) -> None:
    said = [block.text for block in empty.ask(f"/help {name}").blocks if isinstance(block, Line)]
    buttons = [block for block in empty.ask(f"/help {name}").blocks if isinstance(block, Buttons)]
    assert sum(len(start.rows(text)) for text in said) + len(buttons) <= 12
    assert len(said) > 2, "something is explained"
    whole = [block.text for block in empty.ask(f"/help {name} more").blocks if isinstance(block, Line)]
    assert (said == whole) == (not buttons), "what is left out stands behind a button"


def test_help_is_cut_between_sentences(empty: Any) -> None:
    said = empty.text("/help funding").splitlines()
    assert said[1].endswith("the mean of all by their open interest.")
    assert said[-1] == "More: /help funding more"


def test_help_liq_is_four_examples_with_results(empty: Any) -> None:
    assert empty.text("/help liq") == (
        "/liq – Liquidation price of a position, per exchange\n"
        "/liq 95000 25x long\n→ liquidation at 91,566.27 (−3.61 %)\n"
        "/liq short eth 3000 10x bybit\n→ liquidation at 3,283.58 (+9.45 %)\n"
        "/liq 95000 25x long 0.5btc okx\n→ liquidation at 91,612.36 (−3.57 %)\n"
        "/liq 95000 long 0.5btc cross balance 5000 alone\n→ liquidation at 85,341.37 (−10.17 %)\n"
        "More: /help liq more"
    )
    assert not empty.store.exists


@pytest.mark.parametrize("line", ["/help /oi", "/help OI please", "help oi"])
def test_help_is_forgiving(empty: Any, line: str) -> None:
    assert empty.text(line).startswith("/oi [asset] – ")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(metrics()) - set(commands())))  # of one name the command is explained
def test_help_explains_each_figure(desk: Callable[..., Any], empty: Any, name: str) -> None:
    metric = metrics()[name]
    here = desk("bundled", "2026-01-16")
    here.make_up(metric)
    said = here.text(f"/help {name}").splitlines()
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
        "Binance · 60 s old · daily data · reconstructed from published figures\n"
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
