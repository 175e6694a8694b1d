"""R8: thirty days of a program in which everything goes wrong at random, and what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from storage.alerts import outbox
from tests.faults.market import BROKEN, HOUR, OF_SOURCES, TWISTED, one_program
from tests.faults.scenario import TELEGRAM, scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.market import Watched
    from tests.faults.scenario import Counts, Scale

PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@scenario(
    "R8",
    "a soak of thirty days",
    promised="memory + 5 % at most after the first day, tasks and open files constant, no error that nobody caught",
    telegram="by the hour, at random: any fault of an exchange, 429, 5xx, lost answers, a port that is closed",
    discord="the same run",
    left_out="days of real time: hours go by in turns",
)
async def soaked(scale: Scale) -> Mapping[str, Counts]:
    noise = random.Random(8)
    async with one_program(scale.folder, "binance", "bybit", step=HOUR) as it:
        await _days(it, noise, scale.of(6, 24))
        before, tasks, files = _memory(), len(asyncio.all_tasks()), _files()
        await _days(it, noise, scale.of(6, 29 * 24))
        grown = _memory() / before - 1
        await it.go(2 * HOUR)
        found = it.count(others=rf"{OF_SOURCES}|(^|\n)(BTC|ETH)|could not be delivered|settles funding|Held")
        left = outbox.waiting(it.now.store)
        for counts in found.values():
            counts.hold(grown <= 0.05 or not scale.whole, f"memory grew by {grown:.1%}")
            counts.hold(len(asyncio.all_tasks()) <= tasks + 2, f"{tasks} tasks became {len(asyncio.all_tasks())}")
            counts.hold(_files() <= files + 6, f"{files} open files became {_files()}")
            counts.hold(not left, f"{left} messages wait for ever")
            said = f"memory {grown:+.1%}, tasks {tasks} → {len(asyncio.all_tasks())}, files {files} → {_files()}"
            counts.noted.append(said)
            counts.figures["R8"] = f"{said}, {counts.crashed} errors that nobody caught"
        return found


async def _days(it: Watched, noise: random.Random, hours: int) -> None:
    """Let hours go by, most of them with trouble."""
    for _ in range(hours):
        exchange, side = it.now.exchange, noise.choice(list(it.sides.values()))
        exchange.faults.clear()
        exchange.twists.clear()
        exchange.queries.clear()  # what the fakes keep is no growth of perpulse
        side.fake.requests.clear()
        closed = False
        match noise.randint(0, 5):
            case 0:
                exchange.faults[f"{noise.choice(('binance', 'bybit'))}/*"] = noise.choice(BROKEN)  # type: ignore[assignment]
            case 1:
                exchange.twists["*"] = noise.choice(TWISTED)  # type: ignore[assignment]
            case 2:
                side.flood(None, noise.choice((40, 120)))
            case 3:
                side.lose(_chat(side))
                side.refuse(_chat(side), "trouble")
            case 4:
                await side.unplug()
                closed = True
        await it.go(HOUR)
        if closed:
            await side.plug()
            await _again(side)
    it.now.exchange.faults.clear()
    it.now.exchange.twists.clear()
    for side in it.sides.values():
        side.fake._disturbances.clear()


def _chat(side: Any) -> str:
    return "1" if side.platform == TELEGRAM else "1000001"


async def _again(side: Any) -> None:
    """Wait until a channel is logged in again; the pauses of its library are of real time."""
    if side.platform != TELEGRAM:
        async with asyncio.timeout(30):
            while side.channel._posting.closed:  # noqa: ASYNC110 - nobody says when
                await asyncio.sleep(0.01)


def _memory() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def _files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
