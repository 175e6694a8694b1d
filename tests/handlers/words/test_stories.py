"""Each setup as it is read: made-up figures of a plausible day, kept word for word in golden/stories.txt.

`python -m tests.handlers.words.test_stories` writes the file anew; read it aloud before it is committed.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.reply import Line
from handlers.words.alerts import tell
from handlers.words.message import LONGEST
from handlers.words.stories import conditions
from signals.alerts.condition import Condition, above, at_least, at_most, below
from signals.alerts.event import Event
from signals.alerts.rule import rules
from signals.alerts.setup import setups
from signals.evidence import Odds
from signals.inputs import MARKET
from signals.metric import metrics
from signals.series import hours

GOLDEN = Path(__file__).parent / "golden" / "stories.txt"
AT = datetime(2026, 11, 20, 14, tzinfo=UTC)

PRICE = {
    "price_move.price": 82_310.0,
    "price_move.change_1h": -0.031,
    "price_move.change_24h": -0.068,
    "price_move.change_7d": -0.104,
    "price_move.value": -2.6,
    "price_move.value_1h": -4.2,
}
DAYS: dict[str, dict[str, float]] = {
    "cascade": {
        "oi_coins.change_1h": -0.034,
        "oi_coins.change_24h": -0.081,
        "liq_zscore.pace": 22.0,
        "liq_zscore.usd_1h": 3.1e8,
        "liq_zscore.longs_share_1h": 0.91,
        "funding_market.value": -0.06,
    },
    "deleveraging_reset": {
        "oi_drawdown.value": -0.34,
        "oi_drawdown.usd": 9.6e9,
        "oi_drawdown.coins_now": 101_400.0,
        "oi_drawdown.coins": -0.13,
        "oi_drawdown.peak_usd": 14.5e9,
        "oi_drawdown.peak_days_ago": 75.0,
        "oi_drawdown.price_share": 0.66,
        "oi_vs_ma180.value": -0.19,
        "oi_vs_ma180.days_below": 41.0,
        "net_taker_30d.value": -6.2e7,
        "net_taker_30d.worst": -4.1e8,
        "net_taker_30d.times_smaller": 6.6,
    },
    "long_crowding": {
        "funding_market.value": 0.41,
        "funding_stretch.pct": 0.97,
        "funding_market.paid_per_100k_day": 112.0,
        "oi_coins.change_7d": 0.083,
        "oi_coins.dollars_7d": 0.121,
    },
    "options_pin": {
        "options_walls.near": 0.011,
        "options_walls.wall_above": 83_000.0,
        "options_walls.wall_above_share": 0.13,
        "options_walls.wall_below": 80_000.0,
        "options_walls.wall_below_share": 0.16,
        "options_walls.days_to_expiry": 1.8,
        "options_walls.max_pain": 82_000.0,
        "options_walls.put_call": 0.74,
        "implied_vol.iv": 47.0,
        "implied_vol.value": -0.4,
    },
    "position_closing": {
        "oi_coins.change_24h": -0.062,
        "oi_coins.dollars_24h": -0.125,
        "taker_ratio.buy_share": 0.44,
        "liq_zscore.usd_24h": 2.2e8,
        "liq_zscore.longs_share_24h": 0.87,
    },
    "reversal_trigger": {
        "net_taker_30d.value": 4.0e6,
        "net_taker_30d.worst": -3.2e8,
        "net_taker_30d.buy_share": 0.514,
        "net_taker_30d.flip_exit": -1.9e7,
        "net_taker_30d.days_below": 63.0,
    },
    "selling_wave": {
        "taker_zscore.value": -2.4,
        "taker_zscore.buy_share": 0.438,
        "taker_zscore.ratio": 0.78,
        "depth_index.value": -0.92,
        "oi_zscore.value": -1.7,
        "oi_zscore.coins": -0.044,
        "liq_zscore.usd_24h": 2.2e8,
        "funding_market.value": 0.004,
    },
    "short_crowding": {
        "funding_market.value": -0.15,
        "funding_stretch.pct": 0.03,
        "funding_stretch.pct_above": 0.97,
        "funding_market.paid_per_100k_day": 41.0,
        "oi_coins.change_7d": 0.064,
        "oi_coins.dollars_7d": -0.021,
    },
    "spring": {
        "month_low.value": -0.017,
        "month_low.support": 83_400.0,
        "month_low.low": 81_980.0,
        "month_low.close": 84_120.0,
        "month_low.back": 0.0086,
        "month_low.above_low": 0.026,
        "month_low.coins": -0.036,
    },
    "squeeze_fuel": {
        "liq_map.value": 4.1,
        "liq_map.shorts_of_oi": 0.35,
        "liq_map.placed": 0.31,
        "liq_map.shorts_above_usd": 3.4e9,
        "liq_map.longs_below_usd": 0.8e9,
        "liq_map.shorts_per_1": 3.4e8,
        "liq_map.longs_per_1": 0.8e8,
        "price_drawdown.price": 82_310.0,
        "price_drawdown.change": -0.124,
        "oi_coins.value": 118_200.0,
        "oi_coins.above_low_120d": 0.19,
        "oi_coins.low_120d": 99_300.0,
        "oi_coins.low_120d_days_ago": 38.0,
        "fear_greed.value": 17.0,
        "funding_market.value": -0.03,
    },
    "squeeze_fuel_longs": {
        "liq_map.value": 0.24,
        "liq_map.longs_of_oi": 0.298,
        "liq_map.placed": 0.31,
        "liq_map.shorts_above_usd": 0.7e9,
        "liq_map.longs_below_usd": 2.9e9,
        "liq_map.shorts_per_1": 0.7e8,
        "liq_map.longs_per_1": 2.9e8,
        "price_drawdown.price": 82_310.0,
        "price_drawdown.change": 0.147,
        "oi_coins.value": 118_200.0,
        "oi_coins.above_low_120d": 0.19,
        "oi_coins.low_120d": 99_300.0,
        "oi_coins.low_120d_days_ago": 38.0,
        "fear_greed.value": 78.0,
        "funding_market.value": 0.22,
    },
    "stablecoin_regime": {
        "stable_supply.value": 0.027,
        "stable_supply.change_7d": 0.006,
        "stable_supply.supply_usd": 3.12e11,
    },
}
# As of a rule whose odds would be worth a verdict.
FOLLOWED = Odds(
    days=30, cases=8, n=8, up=5, median=0.03, lower=-0.077, upper=0.112, low=0.306, high=0.863, any_day=0.55
)
LACKING = {"selling_wave": {"liquidations": "2026-11-12"}, "spring": {"longs": ""}}


def told(name: str, **more: Any) -> str:
    """Return the message of a setup that fires on its day, or of what else is said of it."""
    setup, rule = setups()[name], rules()[name]
    of_market = all(metrics()[metric].market_wide for metric in rule.metrics)
    values = PRICE | DAYS[name]
    counts = {of: float(value) for of, value in setup.counts(values).items()}
    event = Event(
        kind="fired",
        rule=name,
        asset=MARKET if of_market else "BTC",
        rank=setup.stages[0].rank,
        at=AT,
        since=AT - timedelta(hours=2),
        values=values | counts,
        step=max((metrics()[metric].step for metric in rule.needed), default=hours(1)),
        venues=("defillama",) if of_market else ("binance",),
        lacking=LACKING.get(name, {}),
        evidence=None if rule.scored else replace(FOLLOWED, scored=False).to_json(),
    )
    event = replace(event, **more)
    return "\n".join(block.text for block in tell(event).blocks if isinstance(block, Line))


def every() -> str:
    return "\n\n".join(f"# {name}\n{told(name)}" for name in setups()) + "\n"


def test_each_setup_reads_as_it_was_read_aloud() -> None:
    assert every() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", setups())
def test_a_plausible_day_fires_it(name: str) -> None:
    setup = setups()[name]
    counts = setup.counts(PRICE | DAYS[name])
    assert float(counts[f"{name}.legs"]) >= setup.stages[0].legs
    assert float(counts[f"{name}.must"]) == 1.0
    assert len(told(name)) <= LONGEST - 200, "the odds and the record come beside it"


@pytest.mark.parametrize(
    ("holds", "head"),
    [
        pytest.param({}, "BTC: no longer told after 14 days: more shorts above than longs below.", id="holds still"),
        pytest.param(
            {"squeeze_fuel.map": 1.0},
            "BTC: over after 14 days: more shorts above than longs below.",
            id="holds no more",
        ),
    ],
)
def test_what_holds_still_is_not_called_over(holds: dict[str, float], head: str) -> None:
    setup = setups()["squeeze_fuel"]
    before = {name.replace("squeeze_fuel.map", setup.truth(setup.legs[0])): value for name, value in holds.items()}
    now = PRICE | DAYS["squeeze_fuel"] | ({"liq_map.value": 1.2} if holds else {})
    values = now | {name: float(value) for name, value in setup.counts(now).items()}
    lines = told(
        "squeeze_fuel", kind="resolved", since=AT - timedelta(days=14), told=before or values, values=values
    ).splitlines()
    assert lines[0] == head
    assert ("It has been so for 14 days" in lines[1]) is not bool(holds)


@pytest.mark.parametrize("name", setups())
def test_an_end_tells_each_price_once(name: str) -> None:
    now = PRICE | DAYS[name]
    before = now | {"price_move.price": 90_000.0} | {f"{name}.{leg.id}": 1.0 for leg in setups()[name].counted}
    after = now | {f"{name}.{leg.id}": 0.0 for leg in setups()[name].counted}
    text = told(name, kind="resolved", told=before, values=after)
    prices = re.findall(r"\b\d[\d,]{3,}\b", text.partition(" · ")[0])
    assert len(prices) == len(set(prices)), text
    assert "Price then 90,000, now 82,310 (−8.5 %)." in text


@pytest.mark.parametrize(
    ("compared", "said"),
    [
        pytest.param([(at_most(-0.75, "oi_zscore.value"), -0.3, -0.75)], "z −0.30 (line at most −0.75)", id="one line"),
        pytest.param(
            [(at_most(-0.003, "month_low.value"), -0.017, -0.003), (at_least(-0.05, "month_low.value"), -0.017, -0.05)],
            "−1.7 % (line between −5 % and −0.3 %)",
            id="one figure with two lines is said once",
        ),
        pytest.param(
            [(at_least(0.1, "oi_coins.change_7d"), 0.2, 0.1), (at_least(0.2, "oi_coins.dollars_7d"), math.nan, 0.2)],
            "change of open interest in coins in 7 days is +20.0 % (line at least 10 %); "
            "change of open interest in 7 days is unknown (line at least 20 %)",
            id="two figures are named",
        ),
        pytest.param(
            [(at_most(3.0, "options_walls.days_to_expiry"), 3.5, 3.0)],
            "3.5 days (line at most 3 days)",
            id="a time has its unit, and is not rounded",
        ),
    ],
)
def test_a_figure_is_said_with_its_line(compared: list[tuple[Condition, float, float]], said: str) -> None:
    assert conditions.against(compared) == said


def test_conditions_that_end_a_story_are_said_by_figure() -> None:
    group = [above(-1.0, "price_move.value_1h"), below(1.0, "price_move.value_1h"), above("a.line", "oi_coins.value")]
    first, second = conditions.all_of(group, {"a.line": 99_300.0})
    assert first.endswith("is between −1 and 1")
    assert second.endswith("is above 99,300")
    assert conditions.all_of(group, {})[1].endswith("is above unknown")


if __name__ == "__main__":
    GOLDEN.write_text(every(), encoding="utf-8")
