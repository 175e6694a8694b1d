"""Many that compute a little take turns: none is lost, none waits for ever, and the loop serves others in between."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.market.breath import SLICE_S, Breath

TASKS, STEPS = 60, 5


@pytest.mark.slow
async def test_few_compute_between_two_rounds_of_the_loop_and_all_come_to_an_end() -> None:
    breath, computed, rounds = Breath(), 0, []
    done = asyncio.Event()

    async def work() -> None:
        nonlocal computed
        for _ in range(STEPS):
            await breath.take()
            end = time.thread_time() + SLICE_S / 4
            while time.thread_time() < end:
                pass
            computed += 1

    async def others() -> None:
        before = 0
        while not done.is_set():
            await asyncio.sleep(0)
            rounds.append(computed - before)
            before = computed

    watching = asyncio.create_task(others())
    await asyncio.gather(*(work() for _ in range(TASKS)))
    done.set()
    await watching
    assert computed == TASKS * STEPS
    # Four have room in a slice of 1 ms and one may go beyond it; sixty would go in one round if each only let it pass.
    assert max(rounds[2:]) <= 6


async def test_one_goes_on_though_others_use_up_every_slice() -> None:
    breath, stop = Breath(), asyncio.Event()

    async def greedy() -> None:
        while not stop.is_set():
            time.sleep(2 * SLICE_S)  # noqa: ASYNC251 - it holds the loop, as a long answer does
            await asyncio.sleep(0)

    async def patient() -> None:
        for _ in range(10):
            await breath.take()
            time.sleep(2 * SLICE_S)  # noqa: ASYNC251 - as above

    holding = asyncio.create_task(greedy())
    await asyncio.wait_for(asyncio.gather(*(patient() for _ in range(4))), 30)
    stop.set()
    await holding


async def test_who_gives_up_waiting_keeps_nobody_from_the_line() -> None:
    breath = Breath()
    waiting = [asyncio.create_task(breath.take()) for _ in range(20)]
    await asyncio.sleep(0)
    for task in waiting[:19]:
        task.cancel()
    await asyncio.wait_for(waiting[19], 30)
