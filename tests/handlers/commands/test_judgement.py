from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from bot.engine.evaluate import judge
from handlers.commands import health as glance
from signals.metric import metrics
from signals.units import HOUR
from storage.queries.alarms import Check, Health
from storage.queries.freshness import Stamp
from storage.queries.market.readings import Reading, Readings

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
    assert here.text("/health btc") == (
        "BTC is under stress: price is well below its recent high. (4 strong, 3 mild, 2 calm)\n"
        "▲▲ Open interest −49.4 % $, −10.7 % BTC from peak (24 h old), since 17 November 2025\n"
        "▲▲ Price −21.2 % from 23 January, since 26 January\n"
        "▲▲ Taker ratio 1.16, since 17 January, easing\n"
        "▲▲ Mood 9, extreme fear, since 22 January\n"
        "▲ Funding −14.76 % a year, last paid (8 h old), since 2 February\n"
        "▲ Below 180-d average 119 days (24 h old)\n"
        "▲ Positions closed −8.0 % coins in 24 h (24 h old), since 00:00 UTC\n"
        "· Net takers −$60m a day · Taker flow z +1.50\n"
        "all venues together, Binance · 0 s old · Fear & Greed index by alternative.me · 24 h old · daily data · "
        "coins computed from dollars and price\n"
        "More: /oi btc · /funding btc"
    )


def _check(metric: str, level: str, *, holds: bool = True, **values: float) -> Check:
    at = datetime(2026, 2, 7, tzinfo=UTC)
    reading = Reading(metric, "BTC", at, HOUR, {"value": -1.0, **values}, HOUR, Stamp(("binance",), at))
    return Check(metrics()[metric], cast("Any", level), reading, holds=holds)


VERDICTS = [
    ([("taker_zscore", "warning"), ("oi_zscore", "critical"), ("price_drawdown", "notice")],
     "BTC is under stress: sellers hit the market while positions are closed. (2 strong, 1 mild)"),
    ([("taker_ratio", "notice"), ("price_drawdown", "warning")],
     "BTC is under stress: price is well below its recent high. (1 strong, 1 mild)"),
    ([("taker_ratio", "notice"), ("oi_vs_ma180", "notice"), ("oi_zscore", "calm")],
     "BTC is uneasy: sellers hit the market. (2 mild, 1 calm)"),
    ([("funding_stretch", "notice")], "BTC is uneasy: shorts pay much to stay. (1 mild)"),
    ([("fear_greed", "warning"), ("oi_zscore", "calm")],
     "BTC is calm; the market is in extreme fear. (1 strong, 1 calm)"),
    ([("net_taker_30d", "warning"), ("oi_zscore", "calm")],
     "BTC is calm; buyers at market lead again. (1 strong, 1 calm)"),
    ([("oi_zscore", "calm"), ("taker_ratio", "calm")], "BTC is calm. (2 calm)"),
]  # fmt: skip


@pytest.mark.parametrize(("checks", "said"), VERDICTS, ids=[said for _, said in VERDICTS])
def test_the_verdict_is_a_sentence_by_what_is_open(checks: list[tuple[str, str]], said: str) -> None:
    found = Health("BTC", tuple(_check(*check) for check in checks), Readings("BTC", {}, nothing=False, outdated=False))
    assert glance.verdict(found) == said


def test_what_is_open_but_no_longer_so_is_not_what_goes_on() -> None:
    none = Readings("BTC", {}, nothing=False, outdated=False)
    over = _check("taker_ratio", "warning", holds=False)
    assert glance.verdict(Health("BTC", (over,), none)) == "BTC is calming down. (1 strong)"
    both = Health("BTC", (over, _check("oi_zscore", "notice")), none)
    assert glance.verdict(both) == "BTC is uneasy: positions are being closed fast. (1 strong, 1 mild)"


def test_health_before_anything_was_judged_reads_the_lines(desk: Callable[..., Any]) -> None:
    checks = desk("recorded", "2026-02-07").ask("/health").values["checks"]
    assert checks["oi_vs_ma180"] == {"level": "notice", "value": pytest.approx(-0.30725, abs=1e-5), "since": None}
    assert checks["fear_greed"]["level"] == "warning"
    assert checks["taker_ratio"]["level"] == "calm"


def test_missing_is_not_calm(desk: Callable[..., Any]) -> None:
    said = desk("bundled", "2026-01-16", days=45, without=("funding_rate",)).text("/health")
    assert "? Funding: nothing is stored of funding rate" in said
    assert "? 180-d average: learning, 45 of 180 days" in said
    assert said.startswith("BTC is calm as far as is known. (7 calm, 2 unknown)")


def test_what_is_too_old_is_not_calm_either(desk: Callable[..., Any]) -> None:
    from datetime import timedelta  # noqa: PLC0415 - here alone

    here = desk("bundled", "2026-01-16")
    judge(here.store, ("BTC",), here.now, started=here.now)
    said = here.later(timedelta(days=235)).text("/health")
    assert said.startswith("BTC: everything stored is too old to be judged.")
    assert "\n·" not in said


def test_health_of_the_whole_market_is_that_of_the_first_asset(desk: Callable[..., Any]) -> None:
    assert desk("bundled", "2026-01-16").ask("/health market").blocks
