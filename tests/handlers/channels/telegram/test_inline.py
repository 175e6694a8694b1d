"""Inline mode against the strict fake: what is offered while somebody types, and what is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from handlers.answer import Answer
from handlers.reply import Button, Buttons, Line, Picture, Table
from tests.fakes.bot_api import BotApi
from tests.handlers.channels.telegram.talking import Place, bot_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANN = 11


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with BotApi() as fake:
        made = bot_of(fake)
        await made.start()
        yield made
        await made.telegram.stop()
    assert not fake.problems


async def typed(place: Place, query: str) -> tuple[list[dict[str, Any]], str | None]:
    number = place.fake.ask_inline(ANN, query)
    await place.fake.until(lambda: number in place.fake.offered)
    return place.fake.offered[number]


async def test_an_answer_is_offered_as_it_would_be_sent(place: Place) -> None:
    place.answers["liq 95000 25x long"] = Answer(
        (
            Line("Read as: BTC <long>", "echo"),
            Line("Liquidated at 91,566 & below", "headline"),
            Table(("venue", "price"), (("Binance", "91,566"),)),
            Line("3.6 % away"),
            Line("table of 29 September", "stamp"),
            Picture({}, "a chart"),
            Buttons((Button("More", "/liq"),)),
        )
    )
    [result], button = await typed(place, "liq 95000 25x long")
    assert (result["title"], result["description"], button) == ("Liquidated at 91,566 & below", "3.6 % away", None)
    assert "Binance" in result["shown"]
    assert "a chart" not in result["shown"]
    assert "Read as: BTC <long>" in result["shown"]
    [(line, asker)] = place.asked
    assert (line, asker.user, asker.inline, asker.may_change) == ("liq 95000 25x long", "11", True, False)
    assert not place.fake.accepted


@pytest.mark.parametrize(
    ("query", "answer", "button"),
    [
        pytest.param("", None, "Type for example: liq 95000 25x long", id="nothing typed yet"),
        pytest.param("x", Answer((Line("Type a price."),), refused=True), "Type a price.", id="refused"),
        pytest.param("x", Answer(()), "Type for example: liq 95000 25x long", id="turned away"),
        pytest.param("x", Answer((Line("word " * 99),), refused=True), None, id="a long refusal"),
    ],
)
async def test_what_cannot_be_sent_is_a_hint(place: Place, query: str, answer: Answer | None, button: str) -> None:
    if answer:
        place.answers[query] = answer
    results, shown = await typed(place, query)
    assert not results
    assert shown
    assert len(shown) <= 64
    assert button in (None, shown)


@pytest.mark.parametrize("late", [False, True], ids=["in time", "too late"])
async def test_newer_figures_are_waited_for(place: Place, late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.channels.telegram.inline._NEWS_SECONDS", 0.1)

    async def news() -> tuple[Line, ...]:
        await asyncio.sleep(60 if late else 0)
        return (Line("new"),)

    place.answers["oi"] = Answer((Line("old"),), news())
    [result], _ = await typed(place, "oi")
    assert result["shown"] == ("old" if late else "new")


async def test_who_typed_on_is_not_waited_for(place: Place) -> None:
    number = place.fake.ask_inline(ANN, "oi")
    place.fake.queries.discard(number)
    await place.heard(1)
    await typed(place, "oi btc")
