from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.engine.evaluate import judge
from signals.metric import metrics

if TYPE_CHECKING:
    from collections.abc import Callable


def test_quadrant_word_for_word(desk: Callable[..., Any]) -> None:
    assert desk("recorded", "2026-02-07").text("/quadrant") == (
        "BTC, 1 day: short covering.\n"
        "Price rose while positions were closed: sellers bought back.\n"
        "Price +12.2 %, open interest −8.0 % in coins (+3.2 % in dollars).\n"
        "4 h: not known from daily data.\n"
        "7 days: long exhaustion (price −16.2 %, coins −2.4 %).\n"
        "A description of what happened, not a forecast.\n"
        "Binance, all venues together · 24 h old · daily data · coins computed from dollars and price\n"
        "More: /oi btc · /health btc"
    )


def test_quadrant_values_are_named(desk: Callable[..., Any]) -> None:
    values = desk("recorded", "2026-02-07").ask("/quadrant").values
    assert (values["quadrant_1d"], values["quadrant_7d"]) == ("short covering", "long exhaustion")
    assert values["quadrant_4h"] is None
    assert values["price_change_1d"] == pytest.approx(70_580.26 / 62_909.86 - 1)


def test_health_tells_what_was_judged_and_since_when(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-02-07")
    judge(here.store, ("BTC",), here.now, started=here.now)
    said = here.text("/health btc").splitlines()
    assert said[0].startswith("BTC: ")
    assert "Notice · Open interest against its 180-day average: −30.7 %, since 12 October 2025" in said
    assert "Warning · Open interest below its peak: −49.4 %, since 17 November 2025" in said
    assert "Warning · Fear & Greed index: 9 (0 to 100), since 22 January" in said
    levels = [line.split(" · ")[0] for line in said if " · " in line][: len(metrics())]
    order = ["Warning", "Notice", "Unknown", "Calm"]
    ranks = [order.index(level) for level in levels if level in order]
    assert ranks == sorted(ranks), "the urgent ones stand first"


def test_health_before_anything_was_judged_reads_the_lines(desk: Callable[..., Any]) -> None:
    checks = desk("recorded", "2026-02-07").ask("/health").values["checks"]
    assert checks["oi_vs_ma180"] == {"level": "notice", "value": pytest.approx(-0.30725, abs=1e-5), "since": None}
    assert checks["fear_greed"]["level"] == "warning"
    assert checks["taker_ratio"]["level"] == "calm"


def test_missing_is_not_calm(desk: Callable[..., Any]) -> None:
    said = desk("bundled", "2026-01-16", days=45, without=("funding_rate",)).text("/health")
    assert "Unknown · Stretched funding: nothing is stored of funding rate" in said
    assert "Unknown · Open interest against its 180-day average: learning, 45 of 180 days" in said
    assert "2 unknown." in said.splitlines()[0]


def test_what_is_too_old_is_not_calm_either(desk: Callable[..., Any]) -> None:
    from datetime import timedelta  # noqa: PLC0415 - here alone

    here = desk("bundled", "2026-01-16")
    judge(here.store, ("BTC",), here.now, started=here.now)
    said = here.later(timedelta(days=235)).text("/health")
    assert said.startswith("BTC: everything stored is too old to be judged.")
    assert "Calm" not in said


def test_health_of_the_whole_market_is_that_of_the_first_asset(desk: Callable[..., Any]) -> None:
    assert desk("bundled", "2026-01-16").ask("/health market").blocks
