from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from handlers.command import Refused
from signals.units import HOUR_MS, to_ms
from storage.engine.database import Store
from storage.market.points import Points, write
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 20, 14, 0, 30, tzinfo=UTC)


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., Desk]:
    """Return a desk whose store holds hours of levels by venue, the last of them half a minute old."""

    def of(days: float, **venues: dict[str, list[float]]) -> Desk:
        store = Store(tmp_path / "told.db")
        count = round(days * 24)
        times = [to_ms(NOW) - 30_000 - HOUR_MS * (count - 1 - n) for n in range(count)]
        for venue, columns in venues.items():
            repeated = {name: [values[n % len(values)] for n in range(count - 1)] for name, values in columns.items()}
            last = {name: [*repeated[name], values[-1]] for name, values in columns.items()}
            write(store, [Points(venue, "BTC", None, times, last)])
        return Desk(store, NOW, assets=("BTC", "ETH"))

    return of


RATIOS = {
    "long_short_accounts": [1.2, 1.4, 1.6, 1.5],
    "long_short_top_accounts": [1.0, 1.1, 1.05],
    "long_short_top_positions": [0.8, 0.9, 0.85, 1.0],
}
FUNDING = {"funding_rate": [0.0001, 0.00012, 0.00008, 0.0001, 0.0003], "funding_interval_hours": [8.0]}


@pytest.mark.slow
def test_three_counts_are_told_apart(told: Callable[..., Desk]) -> None:
    lines = told(365, binance=RATIOS | FUNDING, bybit={"long_short_accounts": [1.8]}).text("/ls btc").splitlines()
    assert lines[0] == "BTC accounts: 60 % long, 1.50 for each short."
    assert lines[1:5] == [
        "               ratio  long  above",
        "All accounts    1.50  60 %   75 %",
        "Top accounts    1.05  51 %   67 %",
        "Top positions   1.00  50 %   99 %",
    ]
    assert lines[5] == "Above: part of the past year's hours with a lower ratio. All accounts: 0.0 % in 24 h."
    assert lines[6] == "All accounts elsewhere: Bybit 1.80."
    assert lines[7].startswith("Funding and accounts do not lean one way: funding +32.85 % a year, up ")
    assert (
        lines[8] == "An account counts once, however large, and each contract has a long and a short: heads, not money."
    )
    assert lines[9] == "Binance · 30 s old"


@pytest.mark.slow
def test_the_lean_of_both_is_told(told: Callable[..., Desk]) -> None:
    crowded = {"long_short_accounts": [1.2, 1.4, 1.6, 2.5]}
    said = told(365, binance=crowded | FUNDING).text("/ls btc")
    assert "Funding and accounts lean the same way, towards longs: funding +32.85 % a year, up " in said
    assert "Top accounts" not in said, "what a venue does not count is no row"


def test_a_year_that_is_not_full_is_learning(told: Callable[..., Desk]) -> None:
    lines = told(9, binance=RATIOS).text("/ls").splitlines()
    assert lines[2] == "All accounts    1.50  60 %      –"
    assert "learning, 9 of 244 days" in lines[5]
    assert "With funding: nothing is stored of funding rate and funding interval." in lines


@pytest.mark.parametrize(
    "line",
    ["long short ratio btc", "longs vs shorts", "what is the long/short ratio of btc", "who is long", "retail btc"],
)
def test_people_ask_for_the_ratio_in_words(told: Callable[..., Desk], line: str) -> None:
    assert "BTC accounts: 60 % long" in told(2, binance=RATIOS).text(line)


def test_nothing_stored_is_said(told: Callable[..., Desk]) -> None:
    here = told(2, binance=RATIOS)
    for line in ("/ls eth", "/basis eth", "/depth eth"):
        with pytest.raises(Refused, match="stored for ETH yet"):
            here.ask(line)


PERP = {"mark_price": [90_000.0, 90_018.0, 89_982.0, 90_045.0], "index_price": [90_000.0]}
DATED = {"dated_premium": [0.02], "dated_days": [73.0]}


@pytest.mark.slow
def test_the_perpetual_and_a_dated_future(told: Callable[..., Desk]) -> None:
    other = {"mark_price": [91_000.0], "index_price": [91_091.0], "dated_premium": [0.01], "dated_days": [36.5]}
    assert told(365, binance=PERP | DATED, okx=other).text("/basis btc").splitlines()[:7] == [
        "BTC perpetual: 0.050 % over spot.",
        "Mean of 24 h: 0.012 % over spot. Above 88 % of the past year.",
        "By venue: Binance +0.050 % · OKX −0.100 %.",
        "Dated future, 73 days ahead: +2.00 % over spot, +10.00 % a year, 0.0 % in 7 days.",
        "Dated, by venue: Binance +10.0 % · OKX +10.0 % a year.",
        "Who buys spot and sells futures to earn the difference moves it without an opinion on price.",
        "Binance · 30 s old",
    ]


def test_a_premium_is_of_one_venue(told: Callable[..., Desk]) -> None:
    """Where the mark of one stood beside the index of another, two dollars would be a premium of 2 %."""
    here = told(5, binance={"mark_price": [100.0]}, okx={"mark_price": [102.102], "index_price": [102.0]})
    assert here.ask("/basis btc").values["premium"] == pytest.approx(0.001)


def test_without_a_dated_future_that_is_said(told: Callable[..., Desk]) -> None:
    said = told(3, binance=PERP).text("contango btc")
    assert "learning, 3 of 244 days" in said
    assert "No dated future is stored: it is read from Binance, Bybit, OKX, Deribit, Gate, Bitget and KuCoin" in said


def test_a_figure_that_is_old_is_not_called_current(told: Callable[..., Desk]) -> None:
    said = told(3, binance=PERP).later(timedelta(hours=3)).text("/basis btc")
    assert "Not current: these figures are of 20 November 2026, 14:00 UTC." in said
