from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.exchange.allowance import Allowance
from bot.market.exchange.connecting import connected
from bot.market.exchange.venue_recipe import recipes
from bot.tape.time import TapeLoop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    Throttle = Callable[[float | None], Awaitable[None]]

NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
BUCKET = {"refillRate": 0.02, "cost": 1, "capacity": 1}  # Binance's: 20 of weight a second


async def passed(allowance: Throttle, costs: Sequence[float | None]) -> list[float]:
    """Ask all at once and return after how many seconds each passed."""
    loop = asyncio.get_running_loop()
    began, found = loop.time(), []

    async def one(cost: float | None) -> None:
        await allowance(cost)
        found.append(loop.time() - began)

    await asyncio.gather(*map(one, costs))
    return found


def in_jumps(costs: Sequence[float | None], *, idle: float = 0.0) -> list[float]:
    """Do it in a loop whose time jumps, after an idle stretch of so many seconds."""

    async def go() -> list[float]:
        allowance = Allowance(BUCKET)
        await allowance(1)
        await asyncio.sleep(idle)
        return await passed(allowance, costs)

    with asyncio.Runner(loop_factory=TapeLoop) as runner:
        return runner.run(go())


@given(st.lists(st.floats(0.1, 50) | st.none(), min_size=1, max_size=30))
def test_each_waits_for_the_weight_of_those_before_it(costs: list[float | None]) -> None:
    weights = [1.0 if cost is None else cost for cost in costs]
    due = accumulate(weights[:-1], initial=1.0)  # the one before all of them
    assert in_jumps(costs) == pytest.approx([weight / 20 for weight in due], abs=1e-3)


def test_what_was_not_used_is_not_saved_up() -> None:
    assert in_jumps([1, 1, 1], idle=600) == pytest.approx([0, 0.05, 0.1], abs=1e-3)


@pytest.mark.parametrize("venue", sorted(recipes()))
def test_ccxt_asks_it_at_the_pace_that_it_declares(venue: str) -> None:
    async def go() -> tuple[float, dict[str, Any]]:
        settings = {"enableRateLimit": True}
        exchange, _ = await connected(recipes()[venue], settings, clock=lambda: NOW, base_url="http://x.test")
        first, second = await passed(exchange.throttle, [10, None])
        await exchange.close()
        return second - first, exchange.tokenBucket

    with asyncio.Runner(loop_factory=TapeLoop) as runner:
        waited, bucket = runner.run(go())
    assert bucket["algorithm"] == "leakyBucket"  # which is what an allowance is
    assert waited == pytest.approx(10 * bucket["rateLimit"] / 1000, abs=1e-3)
