"""What is switched off in the configuration is said to be that, with the line that turns it on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.config import Market
from handlers.answer import answer
from handlers.command import Refused
from handlers.reply import plain_text
from tests import loop
from tests.handlers.commands.room import ME

if TYPE_CHECKING:
    from tests.handlers.commands.room import Room

SWITCHES = ("options", "liquidations", "stablecoins", "fear_greed")


def said(room: Room, line: str, off: frozenset[str]) -> str:
    deps = replace(room.deps(ME), off=off)
    try:
        return plain_text(loop.run(answer(line, deps)).all_blocks())
    except Refused as refused:
        return str(refused)


@pytest.mark.parametrize(
    ("line", "switch"),
    [
        pytest.param("/stables", "stablecoins", id="stablecoins"),
        pytest.param("/vol btc", "options", id="volatility"),
        pytest.param("/options btc", "options", id="options"),
        pytest.param("/liqs btc", "liquidations", id="liquidations"),
        pytest.param("/chart liqs btc", "liquidations", id="their picture"),
        pytest.param("/fng", "fear_greed", id="the mood"),
    ],
)
def test_it_is_said_which_line_turns_it_on(room: Room, line: str, switch: str) -> None:
    told = said(room, line, frozenset({switch}))
    assert f"{switch} = true under [market]" in told
    assert "running bot" not in told
    others = frozenset(SWITCHES) - {switch}
    assert "switched off" not in said(room, line, others)


@pytest.mark.parametrize(
    ("given", "off"),
    [
        pytest.param({}, set(), id="all on"),
        *(pytest.param({name: False}, {name}, id=name) for name in SWITCHES),
        pytest.param({"options": False, "venues": ["binance", "deribit"]}, set(), id="options of a venue that is read"),
        pytest.param({"history": False}, {"history"}, id="another switch"),
    ],
)
def test_the_configuration_says_what_is_off(given: dict[str, object], off: set[str]) -> None:
    assert Market(**given).off == off  # type: ignore[arg-type]  # as in a file
