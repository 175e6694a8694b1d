from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from handlers.words import wording
from handlers.words.stored import INPUT_GROUPS
from signals.inputs import INPUTS
from storage.alerts import itself
from storage.engine import clock_jump
from storage.engine.clock_jump import ClockJump
from storage.engine.presence import saved_name
from storage.engine.sharing import leases
from storage.market import points
from storage.sources import coverage, differences, source_state
from storage.sources.coverage import Gap
from storage.sources.differences import Difference
from storage.sources.source_state import SourceHealth

if TYPE_CHECKING:
    from collections.abc import Callable


def lines(here: Any, line: str = "/status") -> list[str]:
    return [shown for shown in here.text(line).splitlines() if not shown.startswith("perpulse ")]


def test_status_word_for_word(desk: Callable[..., Any]) -> None:
    assert lines(desk("bundled", "2026-01-16")) == [
        "All stored inputs are current.",
        "What is known of BTC:",
        "– Prices and volume: 0 s old. Binance from 15 March 2025.",
        "– Open interest: 60 s old. Binance from 15 March 2025.",
        "– Funding: 8 h old. Binance from 15 March 2025.",
        "– Fear & Greed index: 24 h old. alternative.me from 15 March 2025.",
        "Sources:",
        "– no source was asked yet; perpulse run asks them",
        "Outbox: 0 messages waiting. Followed: BTC, ETH.",
        "reconstructed from published figures",
    ]


def test_status_of_sources_in_trouble(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    ago = here.now - timedelta(minutes=6)
    source_state.save(
        here.store,
        [
            SourceHealth("binance", "bars", "ok", here.now - timedelta(days=2), here.now - timedelta(seconds=41), None),
            SourceHealth(
                "binance",
                "open_interest",
                "down",
                ago,
                ago,
                here.now + timedelta(minutes=4),
                "binance did not answer within 10 s.",
                2,
            ),
            SourceHealth("bybit", "bars", "blocked", ago, None, None, "bybit refuses this server's country (451)."),
        ],
    )
    said = lines(here)
    assert said[0] == "Binance does not answer, Bybit refuses this server."
    assert "– Binance, bars: ok, last value 41 s ago" in said
    assert (
        "– Binance, open interest: DOWN since 15 January 23:54 UTC, last value 6 min ago, asked again at 00:04 UTC, "
        "2 figures rejected as impossible. binance did not answer within 10 s."
    ) in said
    assert (
        "– Bybit, bars: BLOCKED since 15 January 23:54 UTC, never gave a value. "
        "bybit refuses this server's country (451)."
    ) in said
    down = here.ask("/status").values["sources"][1]
    assert (down["state"], down["next_try"]) == ("down", "2026-01-16T00:04:00Z")


def test_status_says_once_what_is_wrong_with_many(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    since, again = here.now - timedelta(minutes=6), here.now + timedelta(minutes=4)

    def down(topic: str, error: str = "It is away.", **good: float) -> SourceHealth:
        last = here.now - timedelta(**good) if good else None
        return SourceHealth("binance", topic, "down", since, last, again, error)

    source_state.save(
        here.store,
        [down("bars", minutes=9), down("depth", minutes=3), down("funding", "It is cut."), down("ratios", minutes=5)],
    )
    said = [line for line in lines(here) if "DOWN" in line]
    assert len(said) == 2
    assert said[0].startswith(
        "– Binance, bars, depth and ratios: DOWN since 15 January 23:54 UTC, last value 9 min ago"
    )
    assert said[1].startswith("– Binance, funding: DOWN since 15 January 23:54 UTC, never gave a value")
    assert len(here.ask("/status").values["sources"]) == 4


def test_status_says_in_one_line_what_goes_well_with_a_source(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")

    def good(topic: str, quarantined: int = 0, **ago: float) -> SourceHealth:
        return SourceHealth("okx", topic, "ok", here.now, here.now - timedelta(**ago), None, None, quarantined)

    source_state.save(
        here.store,
        [
            good("bars", minutes=26),
            good("depth", seconds=41),
            good("funding", seconds=41),
            good("ratios", 2, minutes=3),
        ],
    )
    assert [line for line in lines(here) if "OKX" in line] == [
        "– OKX: ok. Bars 26 min ago; depth and funding 41 s ago.",
        "– OKX, ratios: ok, last value 3 min ago, 2 figures rejected as impossible",
    ]


@pytest.mark.slow
def test_status_tells_what_never_came_and_what_is_old(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16", without=("funding_interval_hours", "open_interest_coin"))
    values = here.later(timedelta(hours=9)).ask("/status").values
    assert values["inputs"]["funding_interval_hours"]["state"] == "never"
    assert "open_interest_coin" not in values["inputs"], "dollars give it"
    assert values["inputs"]["funding_rate"]["state"] == "stale"
    assert values["inputs"]["close"]["state"] == "live"
    assert lines(here.later(timedelta(hours=9)))[0] == "1 of 10 inputs is stale, 1 input never had a value."


@pytest.mark.slow
def test_status_counts_what_waits(desk: Callable[..., Any]) -> None:
    from bot.engine.evaluate import judge  # noqa: PLC0415 - here alone
    from signals.alerts.rule import rules  # noqa: PLC0415 - as above

    here = desk("bundled", "2026-01-16")
    assert here.ask("/status").values["waiting"] == 0
    early = here.now - timedelta(days=200)
    here.ask("/sub")
    judge(here.store, ("BTC",), early, started=early)  # silent: what stands at the beginning is not news
    told = judge(here.store, ("BTC",), here.now, started=early)
    assert told
    to_all = [event for event in told if not rules()[event.rule].only_asked]
    assert here.ask("/status").values["waiting"] == len(to_all) > 5


def test_status_says_that_the_clock_jumped_for_a_day(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    with here.store.write() as work:
        clock_jump.note(work, ClockJump(here.now - timedelta(hours=2), timedelta(hours=-1)))
    said = "The clock of this machine was set back by 1 h"
    assert [line.startswith(said) for line in lines(here)].count(True) == 1
    assert here.ask("/status").values["clock_jump"]["seconds"] == -3600
    assert "clock" not in here.later(timedelta(hours=23)).text("/status")


def test_status_says_what_is_wrong_with_the_bot_itself(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    assert here.ask("/status").values["own_alarms"] == {}
    with here.store.write() as work:
        for name in ("no data", "disk"):
            itself.begin(work, itself.OwnAlarm(name, here.now - timedelta(hours=2)))
    assert "The disk of the database is nearly full since 15 January 22:00 UTC." in lines(here)
    assert "No source has given a figure since 15 January 22:00 UTC." in lines(here)
    assert list(here.ask("/status").values["own_alarms"]) == ["disk", "no data"]


def test_status_says_who_does_what_where_there_are_several(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    assert here.ask("/status").values["processes"] == {}
    works = {
        "collect,judge": ["collect BTC", "collect ETH", "collect MARKET", "collect streams", "judge digests"],
        "judge": [f"judge {asset}" for asset in ("BTC", "ETH", "SOL", "XRP")],
        "send,answer": ["send telegram", "send discord", "send late news", "answer telegram"],
        "answer": [],
    }
    for number, (roles, names) in enumerate(works.items()):
        leases.begin(here.store, f"elsewhere {number} {number}", roles.split(","), here.now)
        with here.store.write() as work:
            leases.take(work, number + 1, names)
    said = lines(here)
    place = said.index("Processes that share the work:")
    assert said[place + 1 : place + 5] == [
        "– 1 collects BTC and ETH and judges no asset",
        "– 2 judges 4 assets",
        "– 3 sends to Discord and Telegram and answers in Telegram",
        "– 4 stands by",
    ]
    leases.end(here.store, 1)
    assert "– nobody collects: start a process with --role collect" in lines(here)
    assert here.ask("/status").values["processes"]["2"] == works["judge"]


@pytest.mark.slow
def test_status_names_what_was_saved_of_a_lost_database(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    assert here.ask("/status").values["saved_copies"] == []
    here.store.file.save(first := saved_name(here.store.path, here.now))
    assert lines(here)[-2] == (
        "Beside the database lies a copy, saved when its file was lost or another one put back: "
        f"{first.name}. Delete it when you need it no more."
    )
    here.store.file.save(second := saved_name(here.store.path, here.now + timedelta(minutes=1)))
    assert lines(here)[-2].startswith("Beside the database lie 2 copies")
    assert here.ask("/status").values["saved_copies"] == [first.name, second.name]


def test_status_of_nothing(empty: Any) -> None:
    assert lines(empty)[:3] == ["Nothing is stored yet.", "What is known of BTC:", "– nothing is stored yet"]
    assert not empty.store.exists


def at(*date: int) -> datetime:
    return datetime(*date, tzinfo=UTC)  # type: ignore[arg-type,misc]


def hourly(here: Any, venue: str, start: datetime, **values: float) -> None:
    """Store hourly levels of a venue from a day until now."""
    times = pd.date_range(start, here.now, freq="h")
    points.write(here.store, [points.Points.of_frame(venue, "BTC", None, pd.DataFrame(values, index=times))])


@pytest.mark.slow
def test_status_says_from_when_each_venue_is_known_and_how_much_of_the_market_that_is(empty: Any) -> None:
    here = empty
    for venue, start, coins in (
        ("binance", at(2025, 3, 1), 80_000.0),
        ("okx", at(2025, 12, 1), 20_000.0),
        ("bybit", at(2025, 12, 1), 50_000.0),
    ):
        hourly(here, venue, start, open_interest_coin=coins, open_interest_usd=coins * 9e4)
    hourly(here, "binance", at(2026, 1, 7), funding_rate=1e-4, funding_interval_hours=8.0)
    hourly(here, "okx", at(2026, 1, 7), long_short_accounts=1.1)
    hourly(here, "gate", at(2026, 1, 8), long_short_accounts=1.1, long_short_top_accounts=1.2)
    gone = here.later(timedelta(minutes=20))
    since = "Binance from 1 March 2025; Bybit and OKX from 1 December 2025."
    assert f"– Open interest: STALE, 20 min old. {since}" in lines(gone)
    said = lines(here)
    assert (
        "– Open interest: 0 s old. Binance from 1 March 2025; Bybit and OKX from 1 December 2025. "
        "Now 3 of 3 venues, 100 % of usual open interest."
    ) in said
    assert "– Funding: 0 s old. Binance from 7 January 2026. Learning: 9 of 180 days." in said
    ratios = "– Long/short ratios: 0 s old. OKX from 7 January 2026; Gate from 8 January 2026."
    assert f"{ratios} Learning: 9 of 180 days." in said
    assert "– Long/short ratio of top accounts: 0 s old. Gate from 8 January 2026. Learning: 8 of 180 days." in said
    assert here.ask("/status").values["inputs"]["open_interest_coin"]["venues"]["okx"] == "2025-12-01T00:00:00Z"


@pytest.mark.slow
def test_status_names_the_longest_gaps_and_counts_the_others(empty: Any) -> None:
    here = empty
    hourly(here, "binance", at(2025, 3, 1), open_interest_coin=8e4)
    hourly(here, "bybit", at(2025, 3, 1), open_interest_coin=5e4)
    gaps = [
        Gap("BTC", "binance", "open_interest", at(2025, 3, 7), at(2025, 3, 9), "zero values"),
        Gap("BTC", "binance", "bars", at(2025, 4, 1), at(2025, 4, 2), "no file in the archive"),
        *(Gap("BTC", "binance", "open_interest", at(2025, 5, day), at(2025, 5, day, day), "x") for day in range(1, 5)),
    ]
    coverage.replace_gaps(
        here.store, "BTC", "binance", ("bars", "open_interest"), start=at(2025, 3, 1), end=here.now, gaps=gaps
    )
    said = lines(here)
    assert any("Binance from 1 March 2025 with 5 gaps; Bybit from 1 March 2025" in line for line in said)
    first = said.index("Gaps in its history, which nothing fills:")
    assert said[first + 1 : first + 6] == [
        "– Binance open interest: 2 days from 7 March 2025, 00:00 UTC: zero values",
        "– Binance prices: 24 h from 1 April 2025, 00:00 UTC: no file in the archive",
        "– Binance open interest: 4 h from 4 May 2025, 00:00 UTC: x",
        "– Binance open interest: 3 h from 3 May 2025, 00:00 UTC: x",
        "– and 2 shorter gaps",
    ]
    assert len(here.ask("/status").values["gaps"]) == 6
    assert not any("Gaps" in line for line in lines(here, "/status eth"))


def test_status_says_where_the_archive_differs_from_what_came_live(empty: Any) -> None:
    here = empty
    hourly(here, "binance", at(2025, 3, 1), open_interest_coin=8e4)
    today = here.now.replace(hour=0, minute=0, second=0, microsecond=0)
    found = [
        Difference("BTC", "binance", "close", today - back * timedelta(days=1), 24, 3 + back, 0.0123)
        for back in (1, 2, 31)
    ]
    differences.note(here.store, found)
    said = lines(here)
    first = said.index("Where the archive differs from what came live (its figures are kept):")
    day = wording.day(today - timedelta(days=1))
    assert said[first + 1] == f"– Binance closing price: 4 of 24 values on {day}, by up to 1.2%; and on 1 other day"
    assert said[first + 2] == "Sources:"
    assert not any("differs" in line for line in lines(here, "/status eth"))


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_is_said_in_one_group(name: str) -> None:
    assert sum(name in group.inputs for group in INPUT_GROUPS) == 1
