"""The loop beside threads: how long a computing thread may keep it waiting."""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from typing import TYPE_CHECKING

import pytest

from bot.schedule import keep_the_loop_free

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def restored() -> Iterator[None]:
    before, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(before)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


async def test_a_thread_that_computes_lets_the_loop_in(restored: None) -> None:
    """By default it waits 5 ms for the interpreter at every turn; only the order of the two is compared."""

    async def middle() -> float:
        done = False

        def compute() -> None:
            while not done:
                sum(range(100))

        work = asyncio.create_task(asyncio.to_thread(compute))
        await asyncio.sleep(0)
        late = []
        for _ in range(15):
            begin = time.perf_counter()
            await asyncio.sleep(0.0005)
            late.append(time.perf_counter() - begin)
        done = True
        await work
        return statistics.median(late)

    sys.setswitchinterval(0.02)
    slow = await middle()
    keep_the_loop_free()
    assert await middle() < slow


def test_what_libraries_made_is_put_aside(restored: None) -> None:
    keep_the_loop_free()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] > 700
