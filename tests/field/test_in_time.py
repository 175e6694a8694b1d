"""What must be told when: falls of 2022 to 2026 played hour by hour through the engine (field cases, section 3).

The recordings are daily. The hours of an event, where they are told of, are given here; a line lies between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from signals.alerts.condition import RANKS
from signals.alerts.rule import rules
from signals.metric import metrics
from signals.series import hours
from tests.field.world import bars, coins, hourly_closes, play, said, settled, utc, with_data

if TYPE_CHECKING:
    from storage.engine.database import Store


@with_data
def test_10_october_2025_is_told_at_the_close_that_allows_it(store: Store) -> None:
    """Price 122,550 to 107,000, and a fifth of the coins gone in the hour that closed at 22:00."""
    closes = hourly_closes(
        "BTC",
        "2025-09-01",
        "2025-10-11",
        {
            "2025-10-10 20:00": 117_000,
            "2025-10-10 21:00": 116_500,
            "2025-10-10 22:00": 110_700,
            "2025-10-10 23:00": 112_600,
        },
    )
    interest = coins(closes.index, 80_000.0, {"2025-10-10 22:00": -0.20})
    events = list(
        play(
            store,
            bars("binance", "BTC", closes, open_interest_coin=interest),
            utc("2025-10-08"),
            utc("2025-10-11 12:00"),
        )
    )
    assert said(events, "price_drawdown") == ["2025-10-10 22:00 fired notice"]
    assert said(events, "oi_zscore")[0] == "2025-10-10 22:00 fired critical"


@with_data
def test_21_november_2025_is_a_warning_at_the_close_beyond_20_per_cent(store: Store) -> None:
    told = {
        "2025-11-21 06:00": 86_300,
        "2025-11-21 07:00": 85_700,
        "2025-11-21 08:00": 83_600,
        "2025-11-21 13:00": 81_600,
    }
    closes = hourly_closes("BTC", "2025-10-15", "2025-11-23", told)
    events = list(play(store, bars("binance", "BTC", closes), utc("2025-11-12"), utc("2025-11-22 12:00")))
    assert said(events, "price_drawdown")[-1] == "2025-11-21 08:00 escalated warning"


@with_data
def test_january_2026_is_told_on_the_21st(store: Store) -> None:
    """−10 % from the highest hour of the 14th, 97,800, at 17:00, and for that hour alone."""
    told = {
        "2026-01-14 20:00": 97_800,
        "2026-01-21 16:00": 88_400,
        "2026-01-21 17:00": 87_700,
        "2026-01-21 18:00": 88_900,
    }
    closes = hourly_closes("BTC", "2025-12-15", "2026-01-24", told)
    events = list(play(store, bars("binance", "BTC", closes), utc("2026-01-19"), utc("2026-01-23")))
    assert said(events, "price_drawdown") == ["2026-01-21 17:00 fired notice"]


@with_data
def test_in_november_2022_what_shorts_pay_escalates(store: Store) -> None:
    """−15 % a year is settled on the 9th at 00:00, −36 % at 16:00, −130 % on the 10th at 00:00: real settlements."""
    funding = settled("BTC", "2021-10-01", "2022-11-11")
    events = list(play(store, [funding], utc("2022-11-07"), utc("2022-11-11")))
    assert said(events, "funding_stretch_low") == [
        "2022-11-09 02:00 fired notice",
        "2022-11-09 17:00 escalated warning",
        "2022-11-10 01:00 escalated critical",
    ]


# A turn is there or it is not, and the rank of a setup is that of its story.
WORSE = [rule for rule in rules().values() if rule.id != "net_taker_flip" and not rule.setup]


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in WORSE])
def test_what_can_get_worse_has_three_levels_and_gets_worse_at_once(rule) -> None:
    assert [level.rank for level in rule.levels] == list(RANKS)
    assert all(level.hold == hours(0) for level in rule.levels[1:])


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in rules().values()])
def test_no_alarm_waits_for_more_than_two_closes(rule) -> None:
    step = max(metrics()[name].step for name in rule.metrics)
    assert all(level.hold <= 2 * step for level in rule.levels)
