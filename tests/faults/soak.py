"""R8: a month of the whole program in which everything goes wrong at random, and what it leaves behind."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

from tests.bot.commandline import ROOT, environment
from tests.faults.month.vitals import DESCRIPTORS, GROWTH, SETTLED
from tests.faults.scenario import DISCORD, TELEGRAM, Counts, scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.scenario import Scale


@scenario(
    "R8",
    "a month under every fault at random",
    promised="0 lost, 0 repeated without a mark, no digest twice, no alarm lost; memory "
    f"+ {GROWTH:.0%} at most from day {SETTLED} on, tasks, threads, files and descriptors (± {DESCRIPTORS}) constant",
    telegram="the whole App in a loop whose time jumps: exchanges, platforms, network, disk, database, clock, restarts "
    "and kills, chats that go and come back, people that type all that is shown in /help; its last day is calm",
    discord="the same run",
    left_out="a kill in the middle of a transaction (S1 kills processes); streams, options, the archive, pictures; who "
    "is late: its clock goes 150 times as fast as pauses do",
    programs=True,
)
async def month(scale: Scale) -> Mapping[str, Counts]:
    command = (sys.executable, "-m", "tests.faults.month.playing", f"--days={scale.of(2, 30)}", f"--seed={scale.seed}")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    try:
        found = json.loads(out.decode().splitlines()[-1])
    except (IndexError, ValueError):
        last = (err.decode().strip().splitlines() or [f"ended with {process.returncode}"])[-1]
        return {name: Counts(crashed=1, broken=[f"it did not come to its end: {last}"]) for name in (TELEGRAM, DISCORD)}
    return {platform: Counts(**counts) for platform, counts in found.items()}
