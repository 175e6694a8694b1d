from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from bot.engine.evaluate import judge
from handlers.commands import health as glance
from signals.metric import metrics
from signals.units import HOUR
from storage.queries.alarms import Check, Health
from storage.queries.freshness import Stamp
from storage.queries.market.funding import Paid
from storage.queries.market.readings import Reading, Readings

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.slow
def test_quadrant_word_for_word(desk: Callable[..., Any]) -> None:
    assert desk("recorded", "2026-02-07").text("/quadrant") == (
        "BTC, 1 day to 00:00 UTC: short covering.\n"
        "Price rose while positions were closed: sellers bought back.\n"
        "Price +12.2 %, open interest −8.0 % in coins (+3.2 % in dollars).\n"
        "4 h: not known from daily data.\n"
        "7 days: long exhaustion (price −16.2 %, coins −2.4 %).\n"
        "A description of what happened, not a forecast.\n"
        "Binance, all venues together · 24 h old · daily data · coins computed from dollars and price\n"
        "More: /oi btc · /health btc"
    )


@pytest.mark.slow
def test_quadrant_values_are_named(desk: Callable[..., Any]) -> None:
    values = desk("recorded", "2026-02-07").ask("/quadrant").values
    assert (values["quadrant_1d"], values["quadrant_7d"]) == ("short covering", "long exhaustion")
    assert values["quadrant_4h"] is None
    assert values["price_change_1d"] == pytest.approx(70_580.26 / 62_909.86 - 1)


@pytest.mark.slow
def test_health_tells_what_was_judged_and_since_when(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-02-07")
    judge(here.store, ("BTC",), here.now, started=here.now)
    assert here.text("/health btc") == (
        "BTC is under stress: 4 strong, 3 mild.\n"
        "▲▲ Futures positions cut in dollars and in coins, 82 d\n"
        "▲▲ OI −49.4 % $, −10.7 % BTC from peak\n"
        "▲▲ Price −21.2 % from 23 Jan, 12 d\n"
        "▲▲ Extreme fear 9 (alternative.me), 16 d\n"
        "△△ Taker ratio 1.16, 21 d\n"
        "▲ Funding −14.76 % a year, paid, 4 d\n"
        "▲ Below 180-d average 119 days\n"
        "▲ Closed −8.0 % coins in 24 h, new\n"
        "· Net takers −$60m a day\n"
        "· Taker flow z +1.50\n"
        "24 h old: OI · Mood · 180-d average\n"
        "24 h old: Positions\n"
        "8 h old: Funding\n"
        "all venues together, Binance · 0 s old · daily data · coins computed from dollars and price\n"
        "More: /why btc · /oi btc · /funding btc"
    )


def _check(metric: str, level: str, *, holds: bool = True, **values: float) -> Check:
    at = datetime(2026, 2, 7, tzinfo=UTC)
    reading = Reading(metric, "BTC", at, HOUR, {"value": -1.0, **values}, HOUR, Stamp(("binance",), at))
    return Check(metrics()[metric], cast("Any", level), reading, holds=holds)


VERDICTS = [
    ([("taker_zscore", "warning"), ("oi_zscore", "critical"), ("price_drawdown", "notice")],
     ("BTC is under stress: 2 strong, 1 mild.", "Sellers hit the market, positions close.")),
    ([("taker_ratio", "notice"), ("price_drawdown", "warning")],
     ("BTC is under stress: 1 strong, 1 mild.", "Price is well below its recent high.")),
    ([("taker_ratio", "notice"), ("oi_vs_ma180", "notice"), ("oi_zscore", "calm")],
     ("BTC is uneasy: 2 mild.", "Sellers hit the market.")),
    ([("funding_stretch", "notice")], ("BTC is uneasy: 1 mild.", "Shorts pay much to stay.")),
    ([("fear_greed", "warning"), ("oi_zscore", "calm")],
     ("BTC is calm: 1 strong.", "The market is in extreme fear.")),
    ([("net_taker_30d", "warning"), ("oi_zscore", "calm")],
     ("BTC is calm: 1 strong.", "Buyers at market lead again.")),
    ([("oi_zscore", "calm"), ("taker_ratio", "calm")], ("BTC is calm.",)),
]  # fmt: skip


@pytest.mark.parametrize(("checks", "said"), VERDICTS, ids=[" ".join(said) for _, said in VERDICTS])
def test_the_verdict_is_a_sentence_by_what_is_open(checks: list[tuple[str, str]], said: tuple[str, ...]) -> None:
    found = Health("BTC", tuple(_check(*check) for check in checks), Readings("BTC", {}, nothing=False, outdated=False))
    assert glance.verdict(found) == said


WORST: tuple[tuple[str, dict[str, Any]], ...] = (
    ("oi_drawdown", {"value": -0.5375, "coins": -0.2388, "peak_usd": 1.0}),
    ("oi_vs_ma180", {"value": -0.4, "coins": -0.2, "days_below": 119.0}),
    ("oi_zscore", {"value": -8.8, "coins": -0.1734}),
    ("taker_zscore", {"value": -8.84, "buy_share": 0.4551}),
    ("taker_ratio", {"value": 0.77}),
    ("net_taker_30d", {"value": -1.234e9}),
    ("funding_stretch", {"value": -0.1533}),
    ("price_drawdown", {"value": -0.2351, "high_at": datetime(2026, 1, 23, tzinfo=UTC)}),
    ("fear_greed", {"value": 14.0}),
)


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("level", ["critical", "notice"])
@pytest.mark.parametrize("heading", [True, False])
def test_nine_open_checks_are_rows_of_a_phone(level: str, *, holds: bool, heading: bool) -> None:
    now = datetime(2026, 2, 7, tzinfo=UTC)
    checks = tuple(
        replace(_check(metric, level, holds=holds, **values), since=now - timedelta(days=82))
        for metric, values in WORST
    )
    paid = Paid(0.0721, now, heading=heading)
    found = Health("BTC", checks, Readings("BTC", {}, nothing=False, outdated=False), paid=paid)
    rows = [*glance.verdict(found), *glance.check_lines(found, glance.Told(now, now + timedelta(hours=8)))]
    assert [row for row in rows if len(row) > 40] == []
    assert len(rows) <= 15


def test_what_is_open_but_no_longer_so_is_not_what_goes_on() -> None:
    none = Readings("BTC", {}, nothing=False, outdated=False)
    over = _check("taker_ratio", "warning", holds=False)
    assert glance.verdict(Health("BTC", (over,), none)) == ("BTC is calming down: 1 strong.",)
    both = Health("BTC", (over, _check("oi_zscore", "notice")), none)
    assert glance.verdict(both) == ("BTC is uneasy: 1 strong, 1 mild.", "Positions are being closed fast.")


@pytest.mark.slow
def test_health_before_anything_was_judged_reads_the_lines(desk: Callable[..., Any]) -> None:
    checks = desk("recorded", "2026-02-07").ask("/health").values["checks"]
    assert checks["oi_vs_ma180"] == {"level": "notice", "value": pytest.approx(-0.30725, abs=1e-5), "since": None}
    assert checks["fear_greed"]["level"] == "warning"
    assert checks["taker_ratio"]["level"] == "calm"


@pytest.mark.slow
def test_missing_is_not_calm(desk: Callable[..., Any]) -> None:
    said = desk("bundled", "2026-01-16", days=45, without=("funding_rate",)).text("/health")
    assert "? Funding: nothing is stored of funding rate" in said
    assert "? 180-d average: learning, 45 of 180 days" in said
    assert said.startswith("BTC is calm as far as is known.\n")


def test_one_calm_check_of_many_is_no_calm_market(desk: Callable[..., Any]) -> None:
    said = desk("bundled", "2026-01-16").text("/health eth")
    assert said.startswith("ETH: too little is known to judge; calm in 1 of 9 checks.\n")


@pytest.mark.slow
def test_what_is_too_old_is_not_calm_either(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    judge(here.store, ("BTC",), here.now, started=here.now)
    said = here.later(timedelta(days=235)).text("/health")
    assert said.startswith("BTC: what is stored is too old to judge.")
    assert "\n·" not in said


@pytest.mark.slow
def test_health_of_the_whole_market_is_that_of_the_first_asset(desk: Callable[..., Any]) -> None:
    assert desk("bundled", "2026-01-16").ask("/health market").blocks
