"""Numbers with a word beside them: which of them is the size, which the margin, and when that is asked."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.command import Refused
from handlers.commands.calculators import SizeArgs
from handlers.language.grammar import parse
from handlers.language.kinds import Cash, Size
from handlers.language.position import LiqArgs


def liq(text: str) -> LiqArgs:
    return parse(LiqArgs, text, command="liq")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param("size .5btc", Size(0.5, "coin", "BTC"), id="no zero before the point"),
        pytest.param("size 0.5 btc", Size(0.5, "coin", "BTC"), id="coins apart"),
        pytest.param("qty 2 btc", Size(2.0, "coin", "BTC"), id="whole coins apart"),
        pytest.param("size 5000 btc", Size(5000.0, "usd"), id="more coins than anybody has"),
        pytest.param("btc size 5000", Size(5000.0, "usd"), id="the same the other way round"),
        pytest.param("btc size 500", Size(500.0, "usd"), id="dollars of a coin"),
        pytest.param("size 10k btc", Size(10_000.0, "usd"), id="thousands"),
    ],
)
def test_a_size_by_name(text: str, size: Size) -> None:
    assert liq(f"95000 25x {text}").size == size
    assert liq(f"{text} 95000 25x").size == size


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("size 0.5", "Type it like 0.5btc or 0.5usd", id="half of what"),
        pytest.param("btc size 0.5", "Type it like 0.5btc or 0.5usd", id="the coin stands elsewhere"),
        pytest.param("size 500 btc", "Type it like 500btc or 500usd", id="five hundred coins, or dollars"),
        pytest.param("size 5000 doge", "Type it like 5000doge or 5000usd", id="of a cheap coin"),
        pytest.param("isolated margin 1000usd", "Type collateral 1000usd or size 1000usd", id="a mode or an amount"),
        pytest.param(",5btc", "Type 0.5btc or 5btc", id="a comma before the number"),
        pytest.param("1e20 btc", "more than there is", id="more than there is"),
    ],
)
def test_what_could_be_two_things_is_asked_about(text: str, words: str) -> None:
    for line in (f"95000 25x {text}", f"{text} 95000 25x"):
        with pytest.raises(Refused, match=words):
            liq(line)


@pytest.mark.parametrize(
    ("text", "collateral"),
    [
        pytest.param("margin 1000", Cash(1000.0, ""), id="margin before"),
        pytest.param("margin $1k", Cash(1000.0, "usd"), id="margin before dollars"),
        pytest.param("1000usd margin long", Cash(1000.0, "usd"), id="margin behind"),
        pytest.param("1000 usd margin isolated", Cash(1000.0, "usd"), id="and isolated"),
        pytest.param("isolated margin", None, id="isolated margin"),
        pytest.param("margin isolated", None, id="the other way round"),
        pytest.param("cross margin", None, id="cross margin"),
        pytest.param("usdt margin", None, id="a contract's"),
    ],
)
def test_margin_is_no_size(text: str, collateral: Cash | None) -> None:
    for line in (f"95000 25x {text}", f"{text} 95000 25x"):
        read = liq(line)
        assert (read.collateral, read.size, read.entry) == (collateral, None, 95000.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("$95000 stop 93000 risk $500", {"risk": Size(500.0, "usd")}, id="an amount"),
        pytest.param("risk 500 usd sl 93k 95000$", {"risk": Size(500.0, "usd")}, id="an amount first"),
        pytest.param("$95000 stop 93000 risk 1% balance $10k", {"share": 1.0, "balance": 10_000.0}, id="a share"),
    ],
)
def test_a_word_names_the_field_that_takes_the_unit(text: str, expected: dict[str, Any]) -> None:
    read = parse(SizeArgs, text, command="size")
    assert (read.entry, read.stop) == (95000.0, 93000.0)
    assert {name: getattr(read, name) for name in expected} == expected


def test_a_margin_between_two_amounts_is_asked_about() -> None:
    with pytest.raises(Refused, match="Type it as collateral 1000usd or collateral 95000"):
        liq("1000usd margin 95000 25x")


def test_of_two_amounts_of_dollars_the_millions_are_the_size() -> None:
    for text in ("$95000 25x $1m", "1M usd 25x 95000$"):
        read = liq(text)
        assert (read.entry, read.size) == (95000.0, Size(1e6, "usd"))
    with pytest.raises(Refused, match="Which is the price"):
        liq("$95000 25x $10k")
