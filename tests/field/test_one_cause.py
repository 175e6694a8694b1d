"""One message per cause: a network that is gone is told once, and once when it is back (field cases of 2026)."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bot.delivery.dispatcher import Dispatcher
from bot.engine.turn import TOGETHER, announce
from handlers.words.sources import sentences
from signals.units import SECOND
from storage.people import destinations
from storage.sources.source_events import AssetEvent, SourceEvent
from tests.fakes.channel import FakeChannel, HandClock

if TYPE_CHECKING:
    from datetime import timedelta

    from storage.engine.database import Store

NOW = datetime(2026, 11, 20, 12, 2, tzinfo=UTC)
TITLES = {"binance": "Binance", "bybit": "Bybit", "okx": "OKX", "hyperliquid": "Hyperliquid"}


def gone(source: str, said: str = "cannot be reached.", state: str = "down") -> SourceEvent:
    return SourceEvent(source, ("bars", "funding"), state, f"{TITLES[source]} {said}", NOW)


def told(store: Store, news: list[tuple[timedelta, SourceEvent]]) -> list[str]:
    """Announce news of sources, each so long after noon, and return the messages of the next five minutes."""
    clock, channel = HandClock(NOW), FakeChannel()
    chat = destinations.ensure(store, "telegram", "7", None, kind="private", title=None, now=NOW)
    destinations.subscribe(store, chat.id, "sources", "*")
    dispatcher = Dispatcher(store, [channel], clock, noise=random.Random(1))
    dispatcher.start()

    async def play() -> None:
        waiting = list(news)
        for second in range(300):
            while waiting and waiting[0][0] <= second * SECOND:
                with store.write() as work:
                    announce(work, waiting.pop(0)[1], clock.now())
            await dispatcher.turn()
            clock.forward(1)

    asyncio.run(play())
    return [said.text for said in channel.said]


def test_no_network_is_one_message_and_its_end_is_one(store: Store) -> None:
    down = [(7 * place * SECOND, gone(source)) for place, source in enumerate(TITLES)]
    back = [(150 * SECOND + place * SECOND, gone(source, state="ok")) for place, source in enumerate(TITLES)]
    assert told(store, down + back) == [
        (
            "Binance, Bybit, OKX and Hyperliquid do not answer since 20 November 12:02 UTC. "
            "Each of them: cannot be reached."
        ),
        "Binance, Bybit, OKX and Hyperliquid answer again.",
    ]


def test_one_that_is_gone_is_told_within_the_wait(store: Store) -> None:
    (said,) = told(store, [(0 * SECOND, gone("okx"))])
    assert said == "OKX does not answer (bars and funding) since 20 November 12:02 UTC: OKX cannot be reached."
    assert TOGETHER <= 60 * SECOND


def test_what_comes_after_the_wait_is_a_message_of_its_own(store: Store) -> None:
    late = told(store, [(0 * SECOND, gone("okx")), (TOGETHER + 30 * SECOND, gone("bybit"))])
    assert [text.partition(" ")[0] for text in late] == ["OKX", "Bybit"]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        pytest.param(
            [gone("binance"), gone("bybit", "refuses this server's country.", "blocked")],
            [
                "Binance does not answer (bars and funding) since 20 November 12:02 UTC: Binance cannot be reached.",
                (
                    "Bybit refuses this server (bars and funding) since 20 November 12:02 UTC: "
                    "Bybit refuses this server's country."
                ),
            ],
            id="two causes are two lines",
        ),
        pytest.param(
            [gone("okx"), AssetEvent("bybit", "BTC", "listed", NOW)],
            [
                "OKX does not answer (bars and funding) since 20 November 12:02 UTC: OKX cannot be reached.",
                "Bybit has BTC again.",
            ],
            id="a contract is no source",
        ),
        pytest.param(
            [
                SourceEvent("okx liquidations", ("liquidations",), "down", "OKX cannot be reached.", NOW),
                gone("okx"),
                gone("bybit"),
            ],
            [
                "OKX and Bybit do not answer since 20 November 12:02 UTC. Each of them: cannot be reached.",
            ],
            id="a venue and its stream are one loss",
        ),
        pytest.param(
            [gone("okx"), SourceEvent("okx liquidations", ("liquidations",), "down", "OKX cannot be reached.", NOW)],
            ["OKX does not answer (bars and funding) since 20 November 12:02 UTC: OKX cannot be reached."],
            id="and one venue says what",
        ),
        pytest.param(
            [
                AssetEvent("bybit", "SOL", "contradicts", NOW, name="mark_price", times=1.07, calm_hours=2.0),
                AssetEvent("okx", "SOL", "contradicts", NOW, name="mark_price", times=10.0),
            ],
            [
                (
                    "Bybit is left out of SOL: its price of SOL is 7 % above that of the other venues. "
                    "It comes and goes; that it is over is told once it has been well for 2 hours."
                ),
                (
                    "OKX is left out of SOL: its price of SOL is 10 times that of the other venues. "
                    "A unit or a contract has changed there."
                ),
            ],
            id="what leaps, and what slipped",
        ),
        pytest.param([gone("okx"), gone("okx")], [sentences([gone("okx")])[0]], id="twice is once"),
    ],
)
def test_sentences(events: list[SourceEvent | AssetEvent], said: list[str]) -> None:
    assert sentences(events) == said
