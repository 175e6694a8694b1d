"""One minute, whenever it is: each figure of one thing is the same figure in all answers, asked in any order.

The minutes are those in which answers are likeliest to differ: around a payment of funding, a full hour and midnight,
while a venue is silent, after a file came in, and whatever name the coin is typed by.
"""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from bot.engine.evaluate import judge
from bot.engine.hindsight import judge_past
from handlers.reply import Picture
from signals.units import DAY, HOUR, MINUTE, SECOND
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from tests.field.test_files import COIN_MARGINED
from tests.field.test_pictures import ask, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Figures = Mapping[str, Any]

RATE, PAID = -3.25e-5, 1e-4
MINUTES = [
    pytest.param(datetime(2026, 11, 28, 17, 18, 30, tzinfo=UTC), id="any"),
    pytest.param(datetime(2026, 11, 28, 23, 59, 55, tzinfo=UTC), id="seconds before midnight"),
    pytest.param(datetime(2026, 11, 29, 0, 0, 4, tzinfo=UTC), id="seconds after midnight"),
    pytest.param(datetime(2026, 11, 28, 16, 0, 1, tzinfo=UTC), id="a payment"),
    pytest.param(datetime(2026, 11, 28, 8, 0, 50, tzinfo=UTC), id="a minute after a payment"),
    pytest.param(datetime(2026, 11, 28, 9, 5, 1, tzinfo=UTC), id="five minutes come in"),
]
SILENT = [
    pytest.param((), timedelta(0), id="all speak"),
    pytest.param(("bybit",), 2 * HOUR, id="one is silent for two hours"),
    pytest.param(("okx",), 3 * DAY, id="one is silent for days"),
    pytest.param(("bybit", "okx"), 20 * MINUTE, id="two are silent for minutes"),
]


def changed(values: Figures, span: str) -> float | None:
    """Return what /oi says of coins over a span; None where too little of the market answers for a total."""
    return values["changes"][span]["coins"] if "changes" in values else None


THINGS: dict[str, list[tuple[str, Callable[[Figures], Any]]]] = {
    "price": [
        ("/price {}", lambda v: v["price"]),
        ("/why {} 24h", lambda v: v["price"]["value"]),
        ("/chart {} 24h", lambda v: v["price"]),
        ("/chart price {} 7d", lambda v: v["price"]),
        ("/liq {} 25x long", lambda v: v["mark_price"]),
        ("/check {} 10x long", lambda v: v["entry"]),
        ("/pnl {} 70000 now long 1btc", lambda v: v["exit"]),
        ("/map {}", lambda v: v["price_now"]),
    ],
    "a day of price": [("/price {}", lambda v: v["change_1d"]), ("/why {} 24h", lambda v: v["price"]["change"])],
    "a week of price": [("/price {}", lambda v: v["change_7d"]), ("/why {} 7d", lambda v: v["price"]["change"])],
    "open interest": [
        ("/oi {}", lambda v: v["open_interest_usd"]),
        ("/chart {} 24h", lambda v: v["open_interest_usd"]),
        ("/chart oi {} 7d", lambda v: v["open_interest_usd"]),
    ],
    "coins": [
        ("/oi {}", lambda v: v["open_interest_coin"]),
        ("/chart oi {} 24h", lambda v: v["open_interest_coin"]),
    ],
    "a day of coins": [
        ("/oi {}", lambda v: changed(v, "24 h")),
        ("/why {} 24h", lambda v: v.get("open_interest", {}).get("change")),
    ],
    "a week of coins": [
        ("/oi {}", lambda v: changed(v, "7 d")),
        ("/why {} 7d", lambda v: v.get("open_interest", {}).get("change")),
    ],
    "an hour of coins": [
        ("/oi {}", lambda v: changed(v, "1 h")),
        ("/why {} 1h", lambda v: v.get("open_interest", {}).get("change")),
    ],
    "a closed day of coins": [
        ("/oi {}", lambda v: v.get("change_24h_coins")),
        ("/quadrant {}", lambda v: v.get("coins_change_1d")),
    ],
    "funding": [
        ("/funding {}", lambda v: v["apr"]),
        ("/funding {} binance", lambda v: v["apr"]),
        ("/funding top", lambda v: v["by_asset"]["BTC"]["apr"]),
        ("/health {}", lambda v: v["checks"]["funding_stretch"]["value"]),
        ("/check {} 10x long", lambda v: v["funding_apr"]),
        ("/cost 100k 7d {} long", lambda v: v["apr_pct"] / 100),
        ("/why {} 24h", lambda v: v["funding"]["value"]),
        ("/chart funding {}", lambda v: v["funding_stretch"]),
    ],
    "what was paid": [
        ("/funding {}", lambda v: (v["last_paid_apr"], v["last_paid_at"])),
        ("/funding {} binance", lambda v: (v["last_paid_apr"], v["last_paid_at"])),
    ],
    "the next payment": [
        ("/funding {}", lambda v: v["next_settlement"]),
        ("/funding {} binance", lambda v: v["next_settlement"]),
    ],
    "takers": [("/taker {}", lambda v: v["net_24h_usd"]), ("/why {} 24h", lambda v: v["takers"]["value"])],
    "liquidated": [
        ("/liqs {}", lambda v: (v["longs_24h_usd"] + v["shorts_24h_usd"], v["at_least"])),
        ("/why {} 24h", lambda v: (v["liquidated"]["value"], v["liquidated"]["at_least"])),
        (
            "/chart liqs {} 24h",
            lambda v: (v["liquidated_longs_usd"] + v["liquidated_shorts_usd"], v["liquidated_at_least"]),
        ),
    ],
    "whether it was paid": [
        ("/funding {} binance", lambda v: v["paid"]),
        ("/funding top", lambda v: v["by_asset"]["BTC"]["paid"]),
        ("/why {} 24h", lambda v: v["funding"]["paid"]),
    ],
    "the fall of coins": [
        ("/oi {}", lambda v: v.get("drawdown")),
        ("/health {}", lambda v: v["checks"]["oi_drawdown"]["value"]),
    ],
    "the fall of price": [
        ("/price {}", lambda v: v["drawdown_16d"]),
        ("/health {}", lambda v: v["checks"]["price_drawdown"]["value"]),
    ],
    "the mood": [("/fng", lambda v: v["fear_greed"]), ("/health {}", lambda v: v["checks"]["fear_greed"]["value"])],
}


def minute(store: Store, now: datetime, silent: Mapping[str, timedelta]) -> None:
    """Fill a store as a bot has it in that minute: what builds, what an hourly venue pays, what takers do."""
    world(store, now, silent)
    last = now.replace(minute=0, second=0)
    hours = pd.date_range(end=last - HOUR, periods=40 * 24, freq="h", tz=UTC)
    buys = 0.48e9 + 2e7 * np.sin(np.arange(len(hours)) / 9)
    takers = pd.DataFrame({"volume_usd": 1e9, "taker_buy_usd": buys}, index=hours)
    at = pd.DatetimeIndex([now - 20 * SECOND])
    builds = {"funding_rate": RATE, "funding_interval_hours": 8.0}
    hourly = {"funding_rate": 1e-5, "funding_interval_hours": 1.0}
    paid = pd.DataFrame(hourly, index=pd.date_range(end=last - HOUR, periods=240, freq="h", tz=UTC))
    written = [
        Points.of_frame("binance", "BTC", HOUR, takers),
        Points.of_frame("binance", "BTC", None, pd.DataFrame(builds, index=at)),
        Points.of_frame("hyperliquid", "BTC", None, paid, settled=True),
        Points.of_frame("hyperliquid", "BTC", None, pd.DataFrame(hourly, index=at)),
    ]
    points.write(store, written)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


def alike(found: list[tuple[str, Any]]) -> bool:
    """Tell whether answers agree; one that does not tell a figure, as where too few venues answer, contradicts none."""
    values = [value if isinstance(value, tuple) else (value,) for _, value in found if value is not None]
    return all(
        (isinstance(one, float) and isinstance(first, float) and math.isclose(one, first, rel_tol=1e-9)) or one == first
        for other in values
        for one, first in zip(other, values[0], strict=True)
    )


def differing(store: Store, now: datetime, order: random.Random, name: str = "btc") -> list[str]:
    """Ask everything in some order; return the things of which two answers differ, with both."""
    lines = list(dict.fromkeys(line for things in THINGS.values() for line, _ in things))
    order.shuffle(lines)
    values = {line: ask(store, line.format(name), now).values for line in lines}
    told = {thing: [(line, figure(values[line])) for line, figure in every] for thing, every in THINGS.items()}
    return [f"{thing}: {found}" for thing, found in told.items() if not alike(found)]


@pytest.mark.parametrize(("venues", "silence"), SILENT)
@pytest.mark.parametrize("now", MINUTES)
def test_no_two_answers_of_one_minute_differ(
    store: Store, now: datetime, venues: tuple[str, ...], silence: timedelta
) -> None:
    minute(store, now, dict.fromkeys(venues, silence))
    judge(store, ("BTC",), now, started=now)
    assert differing(store, now, random.Random(now.minute)) == []


@pytest.mark.parametrize("name", ["XBT", "XBTUSDTM", "BTC-USDT-SWAP", "btcusdt", "#btc"])
def test_another_name_is_answered_alike(store: Store, name: str) -> None:
    now = datetime(2026, 11, 28, 17, 18, 30, tzinfo=UTC)
    minute(store, now, {})
    judge(store, ("BTC",), now, started=now)
    for line in ("/price {}", "/oi {}", "/funding {}", "/liqs {}", "/why {} 24h", "/health {}"):
        assert ask(store, line.format(name), now).values == ask(store, line.format("btc"), now).values, line


def test_where_too_little_answers_a_picture_names_whom_it_shows(store: Store) -> None:
    now = datetime(2026, 11, 28, 17, 18, 30, tzinfo=UTC)
    minute(store, now, dict.fromkeys(("bybit", "okx"), 20 * MINUTE))
    assert ask(store, "/oi btc", now).values["open_interest_usd"] is None
    (picture,) = (block for block in ask(store, "/chart btc 24h", now).blocks if isinstance(block, Picture))
    assert "Open interest on Binance $6.2bn" in picture.alt
    told = ask(store, "/chart btc 24h", now).values
    assert (told["open_interest_usd"], told["drawn_open_interest_usd"]) == (None, pytest.approx(6.155e9, rel=1e-3))


FILES = {
    "klines of another margin": ("BTCUSD_PERP-1h.json", json.dumps([COIN_MARGINED])),
    "another venue": (
        "kraken.csv",
        "at,venue,asset,input,value\n"
        + "".join(f"2026-11-{day:02d},kraken,XBT,open_interest_usd,{2e9 + day * 1e7!r}\n" for day in range(1, 28)),
    ),
    "a sum over all": (
        "all.csv",
        "at,venue,asset,input,value\n"
        + "".join(f"2026-11-{day:02d},all,BTC,open_interest_usd,{4e10 + day * 1e8!r}\n" for day in range(1, 28)),
    ),
}


@pytest.mark.parametrize("file", FILES)
def test_after_a_file_came_in_nothing_differs(store: Store, tmp_path: Path, file: str) -> None:
    now = datetime(2026, 11, 28, 17, 18, 30, tzinfo=UTC)
    minute(store, now, {})
    judge(store, ("BTC",), now, started=now)
    name, text = FILES[file]
    (tmp_path / name).write_text(text, encoding="utf-8")
    imported = read_file(tmp_path / name, now=now)
    assert imported.kept
    keep(store, imported)
    judge_past(store, ["BTC"], now)
    assert differing(store, now, random.Random(file)) == []
