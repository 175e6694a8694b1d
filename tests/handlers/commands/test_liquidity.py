from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from handlers.command import Refused
from handlers.reply import Picture
from signals.inputs import MARKET
from signals.units import DAY_MS, HOUR_MS, to_ms
from storage.engine.database import Store
from storage.market.points import Points, write
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 20, 14, 0, 30, tzinfo=UTC)


@pytest.fixture
def books(tmp_path: Path) -> Callable[..., Desk]:
    """Return a desk with hours of books at OKX, thinner by night, the last as given; and one of now at Deribit."""

    def of(days: int, last: tuple[float, float] = (40e6, 20e6), *, beside: bool = True) -> Desk:
        store = Store(tmp_path / "books.db")
        count = days * 24
        times = [to_ms(NOW) - 30_000 - HOUR_MS * (count - 1 - n) for n in range(count)]
        usual = [50e6 * (2 if n % 24 > 8 else 1) * (1 + 0.1 * math.sin(n)) for n in range(count - 1)]
        columns = {"depth_bids_usd": [*usual, last[0]], "depth_asks_usd": [*usual, last[1]]}
        write(store, [Points("okx", "BTC", None, times, columns)])
        if beside:
            now = {"depth_bids_usd": [12e6], "depth_asks_usd": [13e6]}
            write(store, [Points("deribit", "BTC", None, times[-1:], now)])
        return Desk(store, NOW, assets=("BTC", "ETH"))

    return of


def test_a_thin_book_is_told_for_its_hour(books: Callable[..., Desk]) -> None:
    assert books(40).text("/depth btc").splitlines()[:-1] == [
        "BTC orders within 1 % of price: $60m.",
        "Bids $40m, asks $20m: 2 times as much below price.",
        "−67 % against its 30-day median. For this hour of the day: thin, z below −10 against 30 days.",
        "By venue: OKX $60m · Deribit $25m.",
        "What rests in a book can be taken away before it is reached.",
        "OKX · 30 s old",
    ]


@pytest.mark.parametrize(
    ("last", "sides", "kind"),
    [
        pytest.param((100e6, 95e6), "about as much on both sides", "as usual", id="as usual"),
        pytest.param((10e6, 190e6), "19 times as much above price", "as usual", id="one-sided"),
        pytest.param((300e6, 300e6), "about as much on both sides", "thick", id="thick"),
    ],
)
def test_what_a_book_is_called(books: Callable[..., Desk], last: tuple[float, float], sides: str, kind: str) -> None:
    said = books(40, last, beside=False).text("order book btc")
    assert sides in said
    assert f"For this hour of the day: {kind}, z " in said
    assert "By venue" not in said


def test_a_book_is_told_while_its_window_is_learning(books: Callable[..., Desk]) -> None:
    lines = books(9, beside=False).text("/depth").splitlines()
    assert lines[0] == "BTC orders within 1 % of price: $60m."
    assert lines[2] == "Against 30 days: learning, 9 of 20 days."
    assert lines[4] == "OKX · 30 s old"


# --- stablecoins ------------------------------------------------------------------------------------------------------


@pytest.fixture
def supply(tmp_path: Path) -> Callable[..., Desk]:
    """Return a desk with days of supply that grow 0.1 % each, and closes that move more the more there is."""

    def of(days: int, *, calmer: bool = True) -> Desk:
        store = Store(tmp_path / "supply.db")
        midnight = to_ms(NOW.replace(hour=0, minute=0, second=0))
        times = [midnight - DAY_MS * (days - n) for n in range(days)]
        grown = [300e9]
        for n in range(1, days):
            grown.append(grown[-1] * (1 + 0.00005 * (1 + n // 30)))
        size = [0.05 / (1 + n // 30) if calmer else 0.01 * (1 + n // 30) for n in range(days)]
        closes = [90_000 * (1 + size[n] * (n % 2)) for n in range(days)]
        write(store, [Points("defillama", MARKET, None, times, {"stablecoin_supply_usd": grown})])
        write(store, [Points("binance", "BTC", timedelta(days=1), times, {"close": closes})])
        return Desk(store, NOW, assets=("BTC", "ETH"))

    return of


SUPPLY = (
    "Stablecoins in dollars: $521.6bn.",
    "+0.95 % in 7 days, +4.08 % in 30 days, more than in 99 % of the 30-day spans of two years.",
)
CLAIM = (
    "Does more of it come with calmer BTC prices? Yes, over 24 spans of 30 days: rank correlation −1.00; "
    "chance alone reaches 0.29."
)
READ_BOTH_WAYS = "Read both ways, as money that waits and as money taken out of risk: reported here, never scored."
RESERVES = (
    "How much of it lies at exchanges is not available: labelled wallets are sold by CryptoQuant, Glassnode and Nansen."
)


@pytest.mark.slow
def test_the_supply_its_place_and_the_claim(supply: Callable[..., Desk]) -> None:
    reply = supply(800).ask("/stables")
    lines = supply(800).text("/stables").splitlines()
    assert lines[:5] == [*SUPPLY, CLAIM, READ_BOTH_WAYS, RESERVES]
    assert lines[5].startswith("stablecoin supply by DefiLlama · ")
    (picture,) = (block for block in reply.blocks if isinstance(block, Picture))
    assert picture.chart["value"] == "supply_usd"
    assert reply.values["exchange_reserves_usd"] is None


def test_the_claim_may_be_false(supply: Callable[..., Desk]) -> None:
    assert "calmer BTC prices? No, with wilder ones, over 24 spans" in supply(800, calmer=False).text("dry powder")


def test_what_is_not_full_is_learning(supply: Callable[..., Desk]) -> None:
    said = supply(210).text("stablecoin supply")
    assert "Its place in two years: learning, 210 of 517 days." in said
    assert "calmer BTC prices? Not known: learning, 210 of 511 days." in said


@pytest.mark.parametrize("line", ["/stables", "exchange reserves", "exchange balances"])
def test_reserves_are_named_as_not_available(supply: Callable[..., Desk], line: str) -> None:
    assert "at exchanges is not available: labelled wallets are sold by" in supply(60).text(line)


def test_nothing_stored_is_said(empty: Desk) -> None:
    with pytest.raises(Refused, match="No supply of dollar stablecoins is stored yet"):
        empty.ask("/stables")
