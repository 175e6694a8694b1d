"""Every sentence a metric can say, filled with the numbers of a made-up market, read as a person would read it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handlers.words import wording
from signals.alerts.rule import AlertRule, rules, rules_of
from signals.inputs import MARKET
from signals.metric import Metric, metrics
from signals.series import Panel

NOW = datetime(2026, 1, 15, tzinfo=UTC)
LONGEST = 900
STAMP = 150  # characters kept for the stamp and for "this happened while perpulse was not running"
ALWAYS = {"at": NOW, "since": NOW - timedelta(days=59), "duration": timedelta(days=59)}
EVERY_METRIC = [pytest.param(metric, id=metric.id) for metric in metrics().values()]
EVERY_RULE = [
    pytest.param(metrics()[rule.metrics[0]], rule, id=name) for name, rule in rules().items() if not rule.setup
]
SENTENCES = [
    pytest.param(metric, text, id=f"{owner}-{place}")
    for metric in metrics().values()
    for owner, place, text in [
        (metric.id, "says", metric.says),
        *((rule.id, "headline", rule.headline) for rule in rules_of(metric.id)),
        *((rule.id, f"leg {i}", leg) for rule in rules_of(metric.id) for i, leg in enumerate(rule.legs, start=1)),
        *((rule.id, "counter", rule.counter) for rule in rules_of(metric.id)),
        *((rule.id, "resolved", rule.resolved) for rule in rules_of(metric.id)),
    ]
]
ORDERS = re.compile(
    r"\b(you should|must|buy now|sell now|(go|get|stay) (long|short|out)|take profits?|consider|recommend|entry|"
    r"opportunity|will (rise|fall|go)|guaranteed)\b",
    re.IGNORECASE,
)
JARGON = re.compile(r"\b(z-?score|SMA|σ|OI|apr|percentile|imbalance|delta|mean reversion)\b", re.IGNORECASE)


def words(metric: Metric) -> dict[str, Any]:
    """Compute the metric's values over a falling market in which takers sell, and add what is always there."""
    random = np.random.default_rng(11)
    rows = metric.bars_back(metric.step) + 5
    fall = np.linspace(0, -0.35, rows)
    price = 120_000 * np.exp(fall + np.cumsum(random.normal(0, 0.0005, rows)))
    coins = 760_000 * np.exp(fall / 3 + np.cumsum(random.normal(0, 0.0005, rows)))
    volume = random.lognormal(20, 0.3, rows)
    inputs = {
        "close": price,
        "high": price * 1.001,
        "low": price * 0.999,
        "open_interest_coin": coins,
        "open_interest_usd": coins * price,
        "volume_usd": volume,
        "taker_buy_usd": volume * np.clip(random.normal(0.47, 0.02, rows), 0.3, 0.6),
        "liquidated_longs_usd": random.lognormal(15, 1, rows),
        "liquidated_shorts_usd": random.lognormal(14, 1, rows),
        "funding_rate": random.normal(-0.00005, 0.00005, rows),
        "funding_interval_hours": np.full(rows, 8.0),
        "fear_greed": np.linspace(60, 9, rows).round(),
        "implied_volatility": 50 * np.exp(np.cumsum(random.normal(0, 0.01, rows))),
        "index_price": price,
        "options_open_interest_usd": random.lognormal(24, 0.1, rows),
        "options_days_to_expiry": np.linspace(3, 0.1, rows),
        "options_expiry_share": np.full(rows, 0.21),
        "options_max_pain": price * 1.02,
        "options_put_call": random.uniform(0.3, 1.5, rows),
        "options_wall_above": np.ceil(price / 1000) * 1000,
        "options_wall_above_share": random.uniform(0.02, 0.3, rows),
        "options_wall_below": np.floor(price / 1000) * 1000,
        "options_wall_below_share": random.uniform(0.02, 0.3, rows),
        "mark_price": price * random.normal(1.0, 0.0004, rows),
        "dated_premium": random.normal(0.01, 0.002, rows),
        "dated_days": random.uniform(20, 130, rows),
        "long_short_accounts": random.lognormal(0.3, 0.2, rows),
        "long_short_top_accounts": random.lognormal(0.2, 0.2, rows),
        "long_short_top_positions": random.lognormal(0.1, 0.2, rows),
        "depth_bids_usd": random.lognormal(18, 0.3, rows),
        "depth_asks_usd": random.lognormal(18, 0.3, rows),
        "stablecoin_supply_usd": 300e9 * np.exp(np.cumsum(random.normal(0, 0.001, rows))),
    }
    at = pd.date_range(end=NOW - metric.step, periods=rows, freq=metric.step)
    asset = MARKET if metric.market_wide else "BTC"
    panel = Panel(metric.step, at, (asset,), {name: inputs[name][:, None] for name in metric.needs})
    values = {name: float(column[0, 0]) for name, column in metric.evaluate(panel, rows=1).items()}
    dates = {
        f"{name.removesuffix('_days_ago')}_at": NOW - timedelta(days=ago)
        for name, ago in values.items()
        if name.endswith("_days_ago")
    }
    return {**values, **dates, **ALWAYS, "asset": "the market" if metric.market_wide else asset}


@pytest.mark.parametrize(("metric", "text"), SENTENCES)
def test_a_sentence_is_whole(metric: Metric, text: str) -> None:
    values = words(metric)
    assert set(wording.template_fields(text)) <= set(values)
    said = wording.template(text, values)
    assert not re.search(r"unknown|nan|inf\b|None|[{}]|\d{4,}\.\d{3}|--|  | ,|\.\.", said), said
    assert "-" not in re.sub(r"\w-\w", "", said), "a minus is a minus sign"
    assert said.strip() == said
    assert said.endswith("."), said
    assert not ORDERS.search(said), said


@pytest.mark.parametrize(("metric", "rule"), EVERY_RULE)
def test_a_message_is_short_and_plain(metric: Metric, rule: AlertRule) -> None:
    values = words(metric)
    lines = [wording.template(text, values) for text in (rule.headline, *rule.legs, rule.counter)]
    assert sum(len(line) + 1 for line in lines) + STAMP <= LONGEST
    assert not JARGON.search(rule.headline), "the headline is for everybody"
    assert len(lines[0]) <= 100
    assert lines[0].count(".") == 1, "one sentence"
    assert not re.search(r"\d", re.sub(r"180-day|16 days|\d+ days? in which", "", lines[0])), "numbers are for the legs"
    assert "wrong" in rule.counter, "what would make it wrong"
    assert "{duration" not in rule.resolved, "the headline above it says how long it was"
    assert len(rule.title) <= 60
    assert rule.title == rule.title.strip(". ")


@pytest.mark.parametrize("metric", EVERY_METRIC)
def test_a_reading_can_be_said_while_nothing_is_known(metric: Metric) -> None:
    empty = {name: float("nan") for name in list(metric.values)} | ALWAYS | {"asset": "BTC"}
    assert "unknown" in wording.template(metric.says, empty)


@pytest.mark.parametrize("metric", EVERY_METRIC)
def test_the_declaration_reads_well(metric: Metric) -> None:
    assert metric.question.endswith("?")
    assert metric.tells_not.endswith(".")
    assert all(dict(metric.values).values())
    assert len(metric.title) <= 50
    assert metric.chart.title
    assert metric.chart.axis


def test_dollar_open_interest_is_not_called_leverage() -> None:
    for rule in rules().values():
        if "open_interest_usd" in metrics()[rule.metrics[0]].needs:
            said = " ".join([rule.title, rule.headline, *rule.legs, rule.resolved])
            assert "leverage" not in said
            assert re.search(r"\bcoins\b", said), "dollars never stand alone"


def test_the_deep_cut_shows_dollars_coins_and_the_share_of_price() -> None:
    rule = rules()["oi_drawdown"]
    metric = metrics()["oi_drawdown"]
    a8 = words(metric) | {
        "usd": 10e9,
        "coins_now": 10e9 / 95_131,
        "peak_usd": 15e9,
        "peak_at": datetime(2025, 10, 6, tzinfo=UTC),
        "value": -1 / 3,
        "coins": -0.116,
        "price_share": 0.694,
    }
    assert [wording.template(leg, a8) for leg in rule.legs] == [
        "Open interest $10.0bn, 105,118 BTC. Peak $15.0bn on 6 October 2025.",
        "Since then −33 % in dollars, −12 % in coins. Price alone explains 69 % of the dollar fall.",
    ]
