from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from storage.sources import coverage, source_state
from storage.sources.coverage import Granted
from storage.sources.source_state import Note, SourceHealth

if TYPE_CHECKING:
    from collections.abc import Callable


def told(here: Any) -> list[str]:
    return here.text("/sources").splitlines()


def test_before_anything_was_asked(desk: Callable[..., Any]) -> None:
    assert told(desk("bundled", "2026-01-16"))[0] == "No source was asked yet; `perpulse run` asks them."


def test_word_for_word(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    ago, soon = here.now - timedelta(minutes=6), here.now + timedelta(minutes=17)
    blocked = "Bybit refuses this host or its country (403). Set a proxy in config.toml."
    odd = "Last rejected: PEPE open_interest_coin is 1,000 times the last good value."
    source_state.save(
        here.store,
        [
            SourceHealth("binance", "bars", "ok", ago, here.now - timedelta(seconds=41)),
            SourceHealth("binance", "depth", "down", ago, None, soon, "Binance did not answer in time."),
            SourceHealth("bybit", "bars", "blocked", ago, None, soon, blocked),
            SourceHealth("bybit", "funding", "blocked", ago, None, soon, blocked),
            SourceHealth("okx", "open_interest", "ok", ago, here.now, None, odd, 3),
            SourceHealth("gate", "bars", "ok", ago, ago),
            SourceHealth("okx liquidations", "liquidations", "ok", ago, here.now),
        ],
    )
    source_state.save_notes(
        here.store,
        [
            Note("binance", "Binance public market data", ("depth is a floor",)),
            Note("bybit", "Bybit public market data", (), (("BTC-25DEC26", "dated"), ("CAT", "share"))),
            Note("okx", "OKX public market data"),
        ],
    )
    coverage.note_reaches(here.store, {("bybit", "funding"): Granted(timedelta(days=100), ago)})
    assert told(here)[:12] == [
        "2 of 4 sources answer, 1 refuses this server, 1 is in trouble.",
        "Binance: answers in part, newest figure 41 s ago",
        "– depth resting since 15 January 23:54 UTC, asked again at 00:17 UTC: Binance did not answer in time.",
        "– depth is a floor",
        "Bybit: refuses this server, never gave a figure",
        f"– refuses this server since 15 January 23:54 UTC, asked again at 00:17 UTC: {blocked}",
        "– funding: it gives back 100 days, and refused more on 15 January 2026",
        "– not taken for coins: CAT (share) and BTC-25DEC26 (dated)",
        "OKX: answers, newest figure 0 s ago",
        f"– open interest: 3 figures rejected as impossible. {odd}",
        "OKX liquidations: answers, newest figure 0 s ago",
        "With thanks to: Binance public market data; Bybit public market data; OKX public market data.",
    ]
    found = {source["source"]: source for source in here.ask("/sources").values["sources"]}
    assert set(found) == {"binance", "bybit", "okx", "okx liquidations"}  # Gate is no longer in the configuration
    assert (found["bybit"]["state"], found["okx"]["quarantined"]) == ("blocked", 3)
    assert found["binance"]["caveats"] == ["depth is a floor"]
    assert found["bybit"]["left_out"] == {"CAT": "share", "BTC-25DEC26": "dated"}
    assert found["bybit"]["gives_back_days"] == {"funding": 100}


def test_all_is_well(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    source_state.save(here.store, [SourceHealth("okx", "bars", "ok", here.now, here.now)])
    assert told(here)[0] == "OKX answers."


def test_about_names_who_is_asked(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    assert "Stablecoin supply by DefiLlama" in here.text("/about")
    source_state.save_notes(here.store, [Note("okx", "OKX public market data"), Note("okx2", "OKX public market data")])
    assert "Its numbers come from: OKX public market data." in here.text("/about")
