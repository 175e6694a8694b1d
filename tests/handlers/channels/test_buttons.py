"""A button carries its line, or a mark by which the line is found in its message."""

from __future__ import annotations

import pytest

from handlers.channels.buttons import carried, in_bytes, pressed_line, texts_of
from handlers.channels.text import clean
from handlers.reply import Button, Buttons, Line

NAMED = "/watch btc long 90000 25x 0.5btc binance lines 20 10 5 name "
ROOM = 64


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("/oi btc", id="a short line"),
        pytest.param(f"{NAMED}ledger", id="a long line"),
        pytest.param(f"{NAMED}ann@home", id="with what is shown so that it calls nobody"),
        pytest.param(f"{NAMED}50/50 hedge", id="with a slash in a name"),
        pytest.param(f"{NAMED}Zoë's und größer", id="in more bytes than letters"),
    ],
)
def test_what_a_button_carries_is_read_back(line: str) -> None:
    blocks = (Line("No longer watched: BTC long.", "headline"), Line(f"To change it back: {line}"), Buttons(()))
    data = carried(line, texts_of(blocks), ROOM, in_bytes)
    assert data is not None
    assert len(data.encode()) <= ROOM
    shown = "\n".join(clean(block.text) for block in blocks if isinstance(block, Line))
    assert pressed_line(data, shown) == line


def test_each_of_several_lines_has_a_button_of_its_own() -> None:
    lines = [f"{NAMED}one", f"{NAMED}two"]
    shown = [f"To change it back: {lines[0]}", f"And then: {lines[1]}"]
    data = [carried(line, shown, ROOM, in_bytes) for line in lines]
    assert [pressed_line(str(one), "\n".join(shown)) for one in data] == lines


def test_a_long_line_that_the_message_does_not_show_has_no_button() -> None:
    blocks = (Line("See /positions."), Buttons((Button("Now", f"{NAMED}ledger"),)))
    assert carried(f"{NAMED}ledger", texts_of(blocks), ROOM, in_bytes) is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param("0|/oi btc", "", id="another version"),
        pytest.param("", "", id="nothing"),
        pytest.param("1|", "", id="no line"),
        pytest.param(
            str(carried(f"{NAMED}hedge a", [f"{NAMED}hedge a"], ROOM, in_bytes)),
            f"To change it back: {NAMED}hedge b",
            id="another text",
        ),
        pytest.param(
            str(carried(f"{NAMED}hedge a", [f"{NAMED}hedge a"], ROOM, in_bytes)),
            "",
            id="a message that is too old to be handed on",
        ),
    ],
)
def test_where_the_line_is_not_known_there_is_none(data: str, text: str) -> None:
    assert pressed_line(data, text) is None
