"""What was typed behind /watch, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.command import Refused
from handlers.language.watch import take_apart

ADDRESS = "0x" + "aB" * 20


@pytest.mark.parametrize(
    ("text", "rest", "address", "lines", "name"),
    [
        pytest.param("btc long 95000 25x", "btc long 95000 25x", None, (), None, id="no more than a position"),
        pytest.param("btc lines 15 8 4 long", "btc long", None, (0.15, 0.08, 0.04), None, id="lines"),
        pytest.param("btc Lines: 4% 15% 8%", "btc", None, (0.15, 0.08, 0.04), None, id="any order, percent"),
        pytest.param("btc lines 15/8/4", "btc", None, (0.15, 0.08, 0.04), None, id="slashes"),
        pytest.param("btc lines 15, 8 and 4 % 25x", "btc 25x", None, (0.15, 0.08, 0.04), None, id="as said"),
        pytest.param("lines 2.5 95000 25x", "95000 25x", None, (0.025,), None, id="a price ends the lines"),
        pytest.param("btc line 7", "btc", None, (0.07,), None, id="one line"),
        pytest.param("btc name my hedge", "btc", None, (), "my hedge", id="a name"),
        pytest.param("btc name my hedge lines 9", "btc", None, (0.09,), "my hedge", id="a name, then lines"),
        pytest.param(f"{ADDRESS} note whale", "", ADDRESS.lower(), (), "whale", id="an address"),
    ],
)  # fmt: skip
def test_what_was_typed(text: str, rest: str, address: str | None, lines: tuple[float, ...], name: str | None) -> None:
    found = take_apart(text)
    assert (found.rest, found.address, found.name) == (rest, address, name)
    assert found.lines == pytest.approx(lines)


@given(st.text(max_size=80) | st.lists(
    st.sampled_from(["btc", "long", "95000", "25x", "lines", "15", "8%", "name", "x", ADDRESS, "0x1", "99", ",", "/"])
).map(" ".join))  # fmt: skip
def test_anything_can_be_typed(text: str) -> None:
    try:
        request = take_apart(text)
    except Refused as refused:
        assert "\n" not in str(refused)  # noqa: PT017 - either outcome is right, but only these two
    else:
        assert len(request.lines) <= 3
        assert bool(request.address) != bool(request.rest)
