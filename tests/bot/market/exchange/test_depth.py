from __future__ import annotations

import pytest

from bot.market.exchange.contracts import Contract
from bot.market.exchange.recipe import Unreadable, depth
from bot.market.source import NotOffered

AT = 1_795_000_000_000
BTC = Contract("bybit", "BTC", "BTC/USDT:USDT", "BTCUSDT")


def side(sign: int, reach: float, levels: int = 10, mid: float = 100.0) -> list[tuple[float, float]]:
    """Return even levels of one coin each from mid to so far away."""
    return [(mid * (1 + sign * reach * (n + 1) / levels), 1.0) for n in range(levels)]


def test_what_lies_within_a_percent_counts() -> None:
    found = depth(BTC, AT, side(-1, 0.02), side(1, 0.02))
    assert found.columns["depth_bids_usd"][0] == pytest.approx(sum(100 - 0.2 * n for n in range(1, 6)))
    assert found.columns["depth_asks_usd"][0] == pytest.approx(sum(100 + 0.2 * n for n in range(1, 6)))


@pytest.mark.parametrize(
    ("bids", "asks", "mid", "error"),
    [
        pytest.param(side(-1, 0.001), side(1, 0.001), None, NotOffered, id="a thousand levels that reach 0.1 %"),
        pytest.param(side(-1, 0.02), side(1, 0.005), None, NotOffered, id="one side that does not reach"),
        pytest.param([], side(1, 0.02), None, Unreadable, id="an empty side"),
        pytest.param(side(1, 0.02), side(-1, 0.02), None, Unreadable, id="sides that cross"),
        pytest.param(side(-1, 0.02), side(1, 0.02), 100_000.0, Unreadable, id="another price than that of the book"),
        pytest.param(side(-1, 0.02), side(1, 0.02), float("nan"), Unreadable, id="no price"),
    ],
)
def test_what_does_not_tell_its_depth(
    bids: list[tuple[float, float]], asks: list[tuple[float, float]], mid: float | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        depth(BTC, AT, bids, asks, mid=mid)


def test_coarse_levels_may_end_a_step_before_a_percent() -> None:
    """Of twenty levels of 0.05 % the first begins up to one of them away from mid."""
    assert depth(BTC, AT, side(-1, 0.0095, 20), side(1, 0.0105, 20), mid=100.0).columns["depth_bids_usd"][0] > 0
