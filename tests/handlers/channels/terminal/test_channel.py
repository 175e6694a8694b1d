from __future__ import annotations

import io

import pytest

from handlers.channels.terminal.channel import Terminal


@pytest.mark.parametrize(
    ("width", "longest"),
    [
        pytest.param(200, 64, id="wide: no wider than it reads well"),
        pytest.param(36, 36, id="a phone held upright"),
        pytest.param(8, 13, id="narrower than the words, which stay whole"),
    ],
)
def test_the_line_between_messages_fits_the_screen(width: int, longest: int) -> None:
    out = io.StringIO()
    Terminal(out=out, width=width).rule("message 1")
    assert max(len(line) for line in out.getvalue().splitlines()) == longest
