from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from storage import health
from storage.health import SourceHealth

if TYPE_CHECKING:
    from collections.abc import Callable


def lines(here: Any, line: str = "/status") -> list[str]:
    return [each for each in here.text(line).splitlines() if not each.startswith("perpulse ")]


def test_status_word_for_word(desk: Callable[..., Any]) -> None:
    assert lines(desk("bundled", "2026-01-16")) == [
        "All stored inputs are current.",
        "Inputs of BTC:",
        (
            "– opening price, highest price, lowest price, closing price, volume, taker buy volume: "
            "0 s old, from 15 March 2025, Binance"
        ),
        "– open interest in coins, open interest in dollars: 24 h old, from 15 March 2025, Binance",
        "– funding rate, funding interval: 8 h old, from 15 March 2025, Binance",
        "– Fear & Greed index: 24 h old, from 15 March 2025, alternative.me",
        "Sources:",
        "– no source was asked yet; perpulse run asks them",
        "Outbox: 0 messages waiting. Followed: BTC, ETH.",
        "reconstructed from published figures",
    ]


def test_status_of_sources_in_trouble(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    ago = here.now - timedelta(minutes=6)
    health.save(
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

    health.save(
        here.store,
        [down("bars", minutes=9), down("depth", minutes=3), down("funding", "It is cut."), down("ratios", minutes=5)],
    )
    said = [each for each in lines(here) if "DOWN" in each]
    assert len(said) == 2
    assert said[0].startswith(
        "– Binance, bars, depth and ratios: DOWN since 15 January 23:54 UTC, last value 9 min ago"
    )
    assert said[1].startswith("– Binance, funding: DOWN since 15 January 23:54 UTC, never gave a value")
    assert len(here.ask("/status").values["sources"]) == 4


def test_status_tells_what_never_came_and_what_is_old(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16", without=("funding_interval_hours", "open_interest_coin"))
    values = here.later(timedelta(hours=9)).ask("/status").values
    assert values["inputs"]["funding_interval_hours"]["state"] == "never"
    assert "open_interest_coin" not in values["inputs"], "dollars give it"
    assert values["inputs"]["funding_rate"]["state"] == "stale"
    assert values["inputs"]["close"]["state"] == "live"
    assert lines(here.later(timedelta(hours=9)))[0] == "2 of 10 inputs are stale, 1 input never had a value."


def test_status_counts_what_waits(desk: Callable[..., Any]) -> None:
    from bot.judge import judge  # noqa: PLC0415 - here alone

    here = desk("bundled", "2026-01-16")
    assert here.ask("/status").values["waiting"] == 0
    early = here.now - timedelta(days=200)
    here.ask("/sub")
    judge(here.store, ("BTC",), early, started=early)  # silent: what stands at the beginning is not news
    told = judge(here.store, ("BTC",), here.now, started=early)
    assert told
    assert here.ask("/status").values["waiting"] == len(told)


def test_status_of_nothing(empty: Any) -> None:
    assert lines(empty)[:3] == ["Nothing is stored yet.", "Inputs of BTC:", "– nothing is stored yet"]
    assert not empty.store.exists
