"""/volume: months by the calendar, and shares of the exchanges that are covered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.command import Refused
from storage.engine.database import Store
from storage.market import points
from storage.queries.market import flows
from tests.examples import examples
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

DAY = timedelta(days=1)


def traded(store: Store, venue: str, begin: str, days: Sequence[float]) -> None:
    """Store a volume for each day from `begin` on; NaN is a day that is not known."""
    index = pd.date_range(begin, periods=len(days), freq="D", tz=UTC)
    frame = pd.DataFrame({"volume_usd": days}, index, dtype=float).dropna()
    points.write(store, [points.Points.of_frame(venue, "BTC", DAY, frame)])


@pytest.fixture
def months(tmp_path: Path) -> Callable[..., Desk]:
    """Return a desk at a time, with so many dollars a month of 31 days for each venue, spread over its days."""

    def of(now: str, january: Mapping[str, float], december: Mapping[str, float]) -> Desk:
        here = Desk(Store(tmp_path / "months.db"), datetime.fromisoformat(now).replace(tzinfo=UTC))
        for venue, whole in january.items():
            days = (here.now - datetime(2026, 1, 1, tzinfo=UTC)) // DAY
            traded(here.store, venue, "2026-01-01", [whole / 31] * min(days, 31))
        for venue, whole in december.items():
            traded(here.store, venue, "2025-12-01", [whole / 31] * 31)
        return here

    return of


A16 = {"binance": 378e9, "okx": 169e9, "bybit": 156e9, "gate": 150e9, "kucoin": 140e9, "bitget": 97e9}


def test_shares_of_a_whole_month(months: Callable[..., Desk]) -> None:
    """signals.md A16 (2026): 1,090 / 378 / 169 / 156 are 34.7, 15.5 and 14.3 %, together 64.5 %."""
    here = months("2026-02-01T03:00", A16, {venue: 2 * whole for venue, whole in A16.items()})
    assert here.text("/volume btc") == (
        "BTC volume, January 2026: $1.1tn on 6 exchanges.\n"
        "Binance 34.7 % · OKX 15.5 % · Bybit 14.3 % · Gate 13.8 % · KuCoin 12.8 % · Bitget 8.9 %.\n"
        "The largest three have 64.5 % of it.\n"
        "−50 % against December 2025 ($2.2tn).\n"
        "Covered exchanges only: what is traded elsewhere is not in it.\n"
        "Binance, OKX, Bybit, Gate, KuCoin, Bitget · 3 h old\n"
        "More: /chart volume_month btc · /health btc"
    )
    told = here.ask("/volume btc").values
    assert told["volume_usd"] == pytest.approx(1090e9)
    assert [round(told["shares"][venue], 3) for venue in ("binance", "okx", "bybit")] == [0.347, 0.155, 0.143]
    assert told["largest_three"] == pytest.approx(0.645, abs=5e-4)


def test_a_month_that_runs_is_compared_with_the_same_days(months: Callable[..., Desk]) -> None:
    here = months("2026-01-16T12:00", {"binance": 310e9}, {"binance": 155e9})
    assert here.text("/volume btc").splitlines()[:2] == [
        "BTC volume, 1 to 15 January 2026: $150.0bn on Binance.",
        "+100 % against the same days of December 2025 ($75.0bn).",
    ]
    assert here.ask("/volume btc").outdated == ()


@pytest.mark.parametrize(
    ("january", "december", "said"),
    [
        pytest.param(
            {"binance": 31e9, "okx": 31e9},
            {"binance": 62e9},
            "On Binance: −50 % against the same days of December 2025 ($30.0bn).",
            id="one is new, and no rise",
        ),
        pytest.param({"binance": 31e9}, {}, "December 2025 is not known to compare it with.", id="nothing before"),
        pytest.param(
            {"binance": 31e9, "okx": 31e9}, {}, "Binance 50.0 % · OKX 50.0 %.", id="two that have as much as the other"
        ),
        pytest.param(
            {"binance": 31e9, "all": 62e9},
            {},
            "BTC volume, 1 to 15 January 2026: $15.0bn on Binance.",
            id="no sum of all",
        ),
    ],
)
def test_what_it_is_compared_with(
    months: Callable[..., Desk], january: dict[str, float], december: dict[str, float], said: str
) -> None:
    assert said in months("2026-01-16T12:00", january, december).text("/volume btc").splitlines()


def test_who_lacks_a_day_of_the_month_is_named_and_not_summed(months: Callable[..., Desk]) -> None:
    here = months("2026-01-16T12:00", {"binance": 31e9}, {})
    traded(here.store, "okx", "2026-01-01", [1e9] * 6 + [np.nan] + [1e9] * 8)
    said = here.text("/volume btc")
    assert "$15.0bn on Binance." in said
    assert "Without OKX: days of the month are not known." in said


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        pytest.param([9, 1, *[5] * 7, 2], "December 2025 had the least since April 2025.", id="the least since"),
        pytest.param([9, 1, *[5] * 7, 8], "December 2025 had the most since March 2025.", id="the most since"),
        pytest.param([*[5] * 9, 6], "December 2025 had the most of the 10 months that are stored.", id="of all"),
        pytest.param([9, 1, *[5] * 7, 5], None, id="as ever"),
        pytest.param([*[5] * 4, 6], None, id="too few to rank"),
    ],
)
def test_a_whole_month_is_ranked(tmp_path: Path, whole: list[float], said: str | None) -> None:
    here = Desk(Store(tmp_path / "ranked.db"), datetime(2026, 1, 3, tzinfo=UTC))
    begins = pd.date_range(end="2025-12-01", periods=len(whole), freq="MS", tz=UTC)
    for begin, of_a_day in zip(begins, whole, strict=True):
        traded(here.store, "binance", f"{begin:%Y-%m-%d}", [of_a_day * 1e9 / begin.days_in_month] * begin.days_in_month)
    traded(here.store, "binance", "2026-01-01", [1e8, 1e8])
    ranked = [line for line in here.text("/volume btc").splitlines() if " had the " in line]
    assert ranked == ([said] if said else [])


def test_what_is_old_is_not_called_current(months: Callable[..., Desk]) -> None:
    here = months("2026-01-16T12:00", {"binance": 31e9}, {}).later(9 * DAY)
    reply = here.ask("/volume btc")
    assert "Not current: these figures are of 16 January 2026, 00:00 UTC." in here.text("/volume btc")
    assert reply.outdated == ("BTC",)


def test_without_volume_it_is_said_where_volume_comes_from(made: Callable[..., Any]) -> None:
    with pytest.raises(Refused, match=r"^No volume is stored for BTC yet; a running bot"):
        made(open_interest_usd=[1e9] * 3).ask("/volume btc")


@examples(20)
@given(
    begin=st.dates(
        min_value=datetime(2023, 12, 1, tzinfo=UTC).date(), max_value=datetime(2024, 6, 30, tzinfo=UTC).date()
    ),
    length=st.integers(1, 120),
)
def test_sums_are_those_of_the_calendar(tmp_path_factory: pytest.TempPathFactory, begin: datetime, length: int) -> None:
    """Held against pandas' months, over February of a leap year."""
    store = Store(tmp_path_factory.mktemp("calendar") / "c.db")
    days = pd.Series(np.arange(1.0, length + 1), pd.date_range(begin, periods=length, freq="D"))
    traded(store, "binance", f"{begin:%Y-%m-%d}", days.tolist())
    found = flows.month_volume(store, "BTC", days.index[-1].to_pydatetime() + DAY)
    number = days.index.year * 12 + days.index.month
    month, before = days[number == number[-1]], days[number == number[-1] - 1]
    if month.index[0].day != 1:
        assert found is None
        return
    assert found is not None
    assert (found.total, found.days) == (month.sum(), len(month))
    known = len(before) == (month.index[0] - DAY).day
    assert (found.venues[0].before is not None) == known or len(before) >= len(month)
    if known:
        assert found.venues[0].before == before.iloc[: len(month)].sum()
    store.close()
