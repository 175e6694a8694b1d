"""The readers that all recipes share: pages of a history, and rows put under their times."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.exchange.contracts import Contract
from bot.market.exchange.recipe import backwards, points
from signals.units import from_ms

BTC = Contract("binance", "BTC", "BTC/USDT:USDT", "BTCUSDT")
MINUTE_MS = 60_000
LAST = 1_795_176_000_000  # in ms; the moment until which is asked


def at(minute: int) -> int:
    return LAST + minute * MINUTE_MS


@pytest.mark.parametrize(
    ("pages", "since", "expected"),
    [
        pytest.param([[-3, -2, -1], [-6, -5, -4], []], -100, [-6, -5, -4, -3, -2, -1], id="one page before the other"),
        pytest.param([[-1, -3, -2], [-4, -6, -5]], -6, [-6, -5, -4, -3, -2, -1], id="newest first, as far as asked"),
        pytest.param([[-3, -2, -1], [-5, -4, -3, -2], [-5]], -100, [-5, -4, -3, -2, -1], id="pages that overlap"),
        pytest.param([[-3, -2, -1], [-3, -2, -1]], -100, [-3, -2, -1], id="a page that comes again"),
        pytest.param([[-1, 0, 1, 2], []], -100, [-1, 0], id="rows after the moment"),
        pytest.param([[1, 2]], -100, [], id="nothing but rows after the moment"),
        pytest.param([[-9, -2, -1]], -5, [-2, -1], id="rows before what was asked"),
        pytest.param([[-3, -2], [-9]], None, [-3, -2], id="the newest page alone"),
        pytest.param([[-3], [-4], [-5], [-6]], -100, [-5, -4, -3], id="no more than three pages"),
    ],
)
async def test_a_history_is_read_from_its_end(pages: list[list[int]], since: int | None, expected: list[int]) -> None:
    asked: list[int] = []

    async def page(end: int) -> list[tuple[int, str]]:
        asked.append(end)
        return [(at(minute), f"{minute} of page {len(asked)}") for minute in pages[len(asked) - 1]]

    begin = None if since is None else from_ms(at(since))
    rows = await backwards(page, since=begin, until=from_ms(LAST), most=3)
    assert [time for time, _ in rows] == [at(minute) for minute in expected]
    first_told = {minute: number for number, some in reversed([*enumerate(pages, 1)]) for minute in some}
    assert [row for _, row in rows] == [f"{minute} of page {first_told[minute]}" for minute in expected]
    assert asked == sorted(asked, reverse=True)


@given(st.lists(st.integers(0, 9), max_size=12))
def test_rows_stand_by_time_and_of_two_the_later_one_counts(minutes: list[int]) -> None:
    figures = [float(place) for place in range(len(minutes))]
    found = points(BTC, [at(minute) for minute in minutes], {"mark_price": figures}, step=timedelta(hours=1))
    meant = {at(minute): figure for minute, figure in zip(minutes, figures, strict=True)}
    assert dict(zip(found.times, found.columns["mark_price"], strict=True)) == meant
    assert list(found.times) == sorted(meant)
