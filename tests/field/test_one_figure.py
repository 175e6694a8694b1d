"""Whatever two commands say of one thing in one minute is the same figure with the same date.

One world: three venues that were heard in this minute, hours of bars, five-minute open interest, settlements and a rate
that is building, liquidations by the hour, and a mood that is told once a day.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from bot.engine.evaluate import judge
from handlers.reply import Picture, plain_text
from storage.engine.database import Store
from storage.market import points
from tests.field.test_pictures import HOUR, NOW, ask, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handlers.reply import Reply

HEADING, PAID = -0.0000325, 0.0001  # per 8 h: −3.56 and +10.95 % a year


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = Store(tmp_path_factory.mktemp("one") / "perpulse.db")
    world(made)
    building = pd.DataFrame(
        {"funding_rate": [HEADING], "funding_interval_hours": [8.0]}, index=[NOW - timedelta(seconds=20)]
    )
    hours = pd.date_range(end=NOW.replace(minute=0, second=0) - HOUR, periods=40 * 24, freq="h", tz=UTC)
    buys = 0.48e9 + 2e7 * np.sin(np.arange(len(hours)) / 9)
    takers = pd.DataFrame({"volume_usd": 1e9, "taker_buy_usd": buys}, index=hours)
    points.write(
        made,
        [
            points.Points.of_frame("binance", "BTC", None, building),
            points.Points.of_frame("binance", "BTC", HOUR, takers),
        ],
    )
    judge(made, ("BTC",), NOW, started=NOW)
    yield made
    made.close()


def words(reply: Reply) -> str:
    said = plain_text(reply.all_blocks())
    return said + "".join(block.alt for block in reply.blocks if isinstance(block, Picture))


# What is told by which command, and where in its words; the first group is the figure.
SAYS = {
    "price": [
        ("/price btc", r"BTC \$([\d,.]+)\."),
        ("/chart price btc 24h", r"rice \$([\d,.]+) \("),
        ("/chart btc 24h", r"rice \$([\d,.]+) \("),
    ],
    "fall of price": [
        ("/price btc", r"(−[\d.]+ %) from its highest"),
        ("/health btc", r"Price (−[\d.]+ %) from"),
    ],
    "day of the high": [
        ("/price btc", r"highest close of 16 days, \S+ on (\d+ \w{3})"),
        ("/health btc", r"Price −[\d.]+ % from (\d+ \w{3})"),
    ],
    "open interest": [
        ("/oi btc", r"open interest: (\$[\d.]+bn)"),
        ("/chart oi btc 24h", r"Open interest (\$[\d.]+bn)"),
        ("/chart btc 24h", r"Open interest (\$[\d.]+bn)"),
    ],
    "open interest in coins": [
        ("/oi btc", r"bn, ([\d,]+ BTC)"),
        ("/chart oi btc 24h", r"([\d,]+ BTC) \("),
    ],
    "fall of open interest": [
        ("/oi btc", r"(−[\d.]+ %) in \$, −[\d.]+ % in BTC; price"),
        ("/health btc", r"OI (−[\d.]+ %) \$"),
    ],
    "fall of coins": [
        ("/oi btc", r"−[\d.]+ % in \$, (−[\d.]+ %) in BTC; price"),
        ("/health btc", r"OI −[\d.]+ % \$, (−[\d.]+ %) BTC"),
    ],
    "coins in a day": [
        ("/oi btc", r"24 h to .*, ([+−][\d.]+ %) in coins"),
        ("/health btc", r"(?:Positions|Closed) ([+−][\d.]+ %) coins"),
    ],
    "funding heading to": [
        ("/funding btc", r"BTC funding: (\S+ %) a year"),
        ("/health btc", r"Funding (\S+ %) \(last paid"),
        ("/chart funding btc", r"now (\S+ %) a year"),
        ("/funding btc binance", r"at Binance: (\S+ %) a year"),
        ("/funding top", r"BTC (\S+ %) a year"),
        ("/cost 100k 7d btc long", r"per 8 h, (\S+ %) a year"),
        ("/chart funding btc", r"Now heading to (\S+ %) a year"),
    ],
    "funding last paid": [
        ("/funding btc", r"Last paid: (\S+ %) a year"),
        ("/health btc", r"last paid (\S+ %)\)"),
        ("/chart funding btc", r"last paid (\S+ %) a year"),
        ("/funding btc binance", r"Last paid: (\S+ %) a year"),
    ],
    "taker flow": [
        ("/taker btc", r"Against those 30 days: z (\S+)\."),
        ("/health btc", r"(?:Taker flow|Selling) z ([+−][\d.]+)"),
    ],
    "taker ratio": [
        ("/taker btc", r"buys to sells ([\d.]+)\."),
        ("/health btc", r"Taker ratio ([\d.]+)"),
    ],
    "net takers": [
        ("/taker btc", r"daily close: (\S+) a day"),
        ("/health btc", r"Net takers (\S+) a day"),
    ],
    "mood": [
        ("/fng", r"index: (\d+) of 100"),
        ("/health btc", r"(?:Mood|Extreme fear) (\d+)"),
    ],
    "liquidated in a day": [
        ("/liqs btc", r"24 h to .*: (?:at least )?(\$[\d.]+m)"),
        ("/chart liqs btc 24h", r"Liquidated, .* UTC: (?:at least )?(\$[\d.]+m)"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("thing", SAYS)
def test_two_commands_say_the_same_of_one_thing(store: Store, thing: str) -> None:
    said = {}
    for line, pattern in SAYS[thing]:
        found = re.search(pattern, text := words(ask(store, line)))
        assert found, f"{line} does not tell the {thing}:\n{text}"
        said[line, pattern] = found[1]
    assert len(set(said.values())) == 1, said


# The same with its date: of what was judged at a close both name that close, of what was paid both name when.
DATED = {
    "coins in a day": [("/oi btc", "24 h to 17:00 UTC"), ("/health btc", r"18 min old: .*Positions")],
    "taker ratio": [("/taker btc", "24 h to 17:00 UTC"), ("/health btc", r"18 min old: .*Taker ratio")],
    "funding last paid": [("/funding btc", "at 16:00 UTC"), ("/chart funding btc", "at 16:00 UTC")],
    "mood": [("/fng", "17 h old"), ("/health btc", "17 h old: .*Mood")],
    "open interest": [("/oi btc", "4 min old"), ("/chart oi btc", "4 min old"), ("/health btc", "4 min old")],
}


@pytest.mark.parametrize("thing", DATED)
def test_two_commands_date_one_thing_alike(store: Store, thing: str) -> None:
    for line, pattern in DATED[thing]:
        assert re.search(pattern, text := words(ask(store, line))), f"{line}: {pattern}\n{text}"
