from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from handlers.command import Refused
from handlers.reply import Line
from handlers.words.readings import stamp_words
from signals.units import HOUR
from storage.engine.database import Store
from storage.market import liquidations, points
from storage.market.liquidations import Hour
from storage.queries.freshness import stamp_of
from storage.sources import source_state
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 20, 14, 23, tzinfo=UTC)
END = NOW.replace(minute=0)
MINUTE = timedelta(minutes=1)


def hours(
    venue: str, count: int = 24, *, longs: float = 2e6, shorts: float = 1e6, covered: timedelta = HOUR
) -> list[Hour]:
    """Return the last hours of a venue, each alike."""
    first = END - count * HOUR
    return [Hour(venue, "BTC", first + n * HOUR, longs, shorts, covered, whole=covered == HOUR) for n in range(count)]


def running(venue: str, longs: float = 300e3, shorts: float = 0.0) -> Hour:
    return Hour(venue, "BTC", END, longs, shorts, timedelta(minutes=22, seconds=50))


@pytest.fixture
def heard(tmp_path: Path) -> Callable[..., Desk]:
    """Return a desk whose store holds what streams have heard, and open interest in USD by venue."""

    def of(*rows: list[Hour] | Hour, open_interest: dict[str, float] | None = None, silent_s: float = 12) -> Desk:
        store = Store(tmp_path / "heard.db")
        flat = [liquidation for row in rows for liquidation in (row if isinstance(row, list) else [row])]
        liquidations.save(store, flat, now=NOW)
        at = pd.DatetimeIndex([NOW - HOUR], name="at")
        for venue, usd in (open_interest or {"binance": 8e9}).items():
            frame = pd.DataFrame({"open_interest_usd": [usd]}, index=at)
            points.write(store, [points.Points.of_frame(venue, "BTC", None, frame)])
        names = dict.fromkeys(liquidation.venue for liquidation in flat)
        heard_at = NOW - timedelta(seconds=silent_s)
        source_state.save(
            store,
            [
                source_state.SourceHealth(f"{venue} liquidations", "liquidations", "ok", NOW, heard_at)
                for venue in names
            ],
        )
        return Desk(store, NOW)

    return of


def test_a_complete_feed_is_said_flatly(heard: Callable[..., Desk]) -> None:
    text = heard(hours("bybit"), running("bybit")).text("/liqs btc")
    assert (
        text
        == """\
BTC liquidations, 24 h to 14:00 UTC: $72m, 67 % longs.
Since 14:00 UTC (23 min): longs $300k, shorts $0.
Hour to 14:00 UTC: longs $2m, shorts $1m.
– Bybit (every liquidation): longs $48m, shorts $24m.
Bybit · 12 s old
More: /price btc · /health btc"""
    )


def test_complete_and_sampled_feeds_together_are_at_least(heard: Callable[..., Desk]) -> None:
    desk = heard(hours("bybit"), running("bybit"), hours("binance", longs=1e6), hours("okx", 9, longs=0.0, shorts=0.0))
    assert (
        desk.text("/liqs")
        == """\
BTC liquidations, 24 h to 14:00 UTC: at least $120m, 60 % longs.
Since 14:00 UTC (23 min): at least longs $300k, shorts $0.
Hour to 14:00 UTC: at least longs $3m, shorts $2m.
– Binance (one a second and contract at most): at least longs $24m, shorts $24m.
– Bybit (every liquidation): longs $48m, shorts $24m.
– OKX (one a second and contract at most): at least longs $0, shorts $0; learning, 9 of 24 h heard.
Binance, Bybit, OKX · 12 s old · Binance and OKX are floors
More: /price btc · /health btc"""
    )
    values = desk.ask("/liqs btc").values
    assert (values["longs_24h_usd"], values["shorts_24h_usd"], values["at_least"]) == (72e6, 48e6, True)
    assert values["venues"]["okx"] == {
        "longs_24h_usd": 0.0,
        "shorts_24h_usd": 0.0,
        "hours_heard": 9.0,
        "every_liquidation": False,
    }


@pytest.mark.parametrize(
    ("rows", "headline", "venue"),
    [
        pytest.param(
            hours("bybit", 9),
            "BTC liquidations, learning, 9 of 24 h heard: at least $27m, 67 % longs.",
            "– Bybit (every liquidation): at least longs $18m, shorts $9m; learning, 9 of 24 h heard.",
            id="younger than the window",
        ),
        pytest.param(
            hours("bybit", 24)[:10] + hours("bybit", 12),
            "BTC liquidations, 24 h to 14:00 UTC, 22 of 24 h heard: at least $66m, 67 % longs.",
            "– Bybit (every liquidation): at least longs $44m, shorts $22m; 22 of 24 h heard.",
            id="with a gap of two hours",
        ),
        pytest.param(
            hours("bybit", covered=59 * MINUTE + timedelta(seconds=59)),
            "BTC liquidations, 24 h to 14:00 UTC, 23 of 24 h heard: at least $72m, 67 % longs.",
            "– Bybit (every liquidation): at least longs $48m, shorts $24m; 23 of 24 h heard.",
            id="no hour heard whole",
        ),
        pytest.param(
            hours("bybit", longs=0.0, shorts=0.0),
            "BTC liquidations, 24 h to 14:00 UTC: $0.",
            "– Bybit (every liquidation): longs $0, shorts $0.",
            id="a calm day",
        ),
    ],
)
def test_what_was_not_heard_is_named(heard: Callable[..., Desk], rows: list[Hour], headline: str, venue: str) -> None:
    lines = heard(rows).text("/liqs btc").splitlines()
    assert lines[0] == headline
    assert venue in lines


def test_the_first_minutes_are_said_as_such(heard: Callable[..., Desk]) -> None:
    begun = hours("bybit", 1, longs=100e3, shorts=200e3, covered=10 * MINUTE)
    text = heard(begun, running("bybit"), running("binance", 0.0, 500e3)).text("/liqs btc")
    assert (
        text
        == """\
BTC liquidations, learning, first 33 min heard: at least $1.1m, 36 % longs.
– Binance (one a second and contract at most): at least longs $0, shorts $500k.
– Bybit (every liquidation): longs $400k, shorts $200k.
Binance, Bybit · 12 s old · Binance is a floor
More: /price btc · /health btc"""
    )


@pytest.mark.parametrize(
    "venue", [pytest.param("binance", id="of the same venue"), pytest.param("okx", id="the only one that is known")]
)
def test_more_than_the_open_interest_is_left_out_and_said(heard: Callable[..., Desk], venue: str) -> None:
    wrong = hours("binance", longs=800e9 / 24, shorts=0.0)
    desk = heard(wrong, hours("bybit"), open_interest={venue: 94e9})
    text = desk.text("/liqs btc")
    assert "A figure was rejected as impossible and left out: Binance, $800.0bn in 24 h, more than its open" in text
    assert text.startswith("BTC liquidations, 24 h to 14:00 UTC: $72m")
    assert desk.ask("/liqs btc").values["rejected"] == ["binance"]


def test_a_bar_speaks_before_what_the_stream_kept_of_its_hour(heard: Callable[..., Desk]) -> None:
    desk = heard(hours("bybit", covered=30 * MINUTE))
    index = pd.DatetimeIndex([END - (n + 1) * HOUR for n in range(24)], name="at")
    frame = pd.DataFrame({"liquidated_longs_usd": 1e6, "liquidated_shorts_usd": 0.0}, index=index)
    points.write(desk.store, [points.Points.of_frame("bybit", "BTC", HOUR, frame)])
    assert desk.text("/liqs").startswith("BTC liquidations, 24 h to 14:00 UTC: $24m, 100 % longs.")


def test_a_sum_over_all_venues_is_not_added_to_its_parts(heard: Callable[..., Desk]) -> None:
    desk = heard(hours("bybit"), hours("all", longs=9e6))
    assert desk.text("/liqs").startswith("BTC liquidations, 24 h to 14:00 UTC: $72m")
    assert list(desk.ask("/liqs").values["venues"]) == ["bybit"]


def test_a_stream_that_is_silent_is_said(heard: Callable[..., Desk]) -> None:
    text = heard(hours("bybit"), silent_s=360).text("/liqs btc")
    assert "Bybit has not been heard for 6 min." in text
    assert "Bybit · 6 min old" in text


@pytest.mark.parametrize(
    ("name", "venue", "said"),
    [
        pytest.param("liquidated_longs_usd", "okx", True, id="a sampled feed"),
        pytest.param("liquidated_longs_usd", "bybit", False, id="a complete feed"),
        pytest.param("open_interest_usd", "okx", False, id="no liquidations"),
    ],
)
def test_a_stamp_says_that_liquidations_are_a_floor(
    heard: Callable[..., Desk], name: str, venue: str, said: bool
) -> None:
    desk = heard(hours(venue))
    stamp = stamp_words((stamp_of(desk.store, "BTC", {name: points.Newest(END, 1.0, venue)}, NOW),), NOW, None) or ""
    assert ("liquidations are a floor" in stamp) is said


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([("bybit", 24)], id="a complete feed, a whole day"),
        pytest.param([("bybit", 9)], id="a complete feed, part of a day"),
        pytest.param([("bybit", 0)], id="a complete feed, the first minutes"),
        pytest.param([("binance", 24)], id="a throttled feed"),
        pytest.param([("bybit", 24), ("okx", 9)], id="both"),
    ],
)
def test_the_numbers_say_at_least_where_the_words_do(heard: Callable[..., Desk], parts: list[tuple[str, int]]) -> None:
    fed: list[list[Hour] | Hour] = []
    for venue, count in parts:
        fed += [hours(venue, count), running(venue)]
    answer = heard(*fed).ask("/liqs btc")
    headline = next(block.text for block in answer.blocks if isinstance(block, Line))
    assert answer.values["at_least"] is ("at least" in headline)


@pytest.mark.slow
def test_imported_days_are_told_with_their_date(desk: Callable[..., Desk]) -> None:
    here = desk("recorded", "2025-10-11")
    assert (
        here.text("/liqs btc")
        == """\
BTC liquidations, Binance, 10 October 2025: at least longs $102m, shorts $18m.
Binance · 0 s old · daily data · Binance is a floor
More: /price btc · /health btc"""
    )
    assert here.ask("/liqs btc").values["at_least"] is True
    assert here.ask("/liqs btc").values["daily"]["binance"]["longs_usd"] == pytest.approx(102.4e6, rel=0.01)


def test_what_to_do_where_nothing_is_stored(empty: Desk, made: Callable[..., Desk]) -> None:
    for room in (empty, made(close=[1.0, 2.0])):
        with pytest.raises(Refused, match="No liquidations of BTC are stored yet"):
            room.ask("/liqs btc")
