"""When things happen: one scheduler of our own, in UTC, that forgives a late start and runs no job twice at once.

The library plans by the wall clock. Set back by an hour, that clock would stop every job for an hour; so who notices a
jump (bot/machine.py) calls `begin_anew` within seconds of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from datetime import UTC, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from apscheduler.job import Job

TICK_EVERY = timedelta(seconds=15)  # what is due is decided by each source; a turn with nothing due costs nothing


def keep_the_loop_free() -> None:
    """Let the event loop be late by a millisecond, not by a hundred, while threads read and write.

    Two things of the interpreter stop every thread: a thread that computes keeps the others waiting for 5 ms by
    default, and a full collection looks at every object of every library. What the libraries made at import is put
    aside for good, and full collections are rare; the price is some megabytes of garbage that waits a little longer.
    """
    # One waking takes the interpreter twice or thrice; at 0.2 ms each the thread that writes is no slower than at 1 ms.
    sys.setswitchinterval(0.0002)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def schedule(jobs: dict[str, tuple[timedelta, Callable[[], Awaitable[Any]]]]) -> AsyncIOScheduler:
    """Return a scheduler with each job at its pace, not started yet."""
    scheduler = AsyncIOScheduler(timezone=UTC)
    for name, (every, job) in jobs.items():
        # By default a run that is more than a second late is dropped, with one warning.
        scheduler.add_job(
            _until_called_off(job),
            "interval",
            id=name,
            seconds=every.total_seconds(),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
    return scheduler


def _until_called_off(job: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """Let a job that a stop calls off end like any other: the library would log a traceback, as of a fault of ours."""

    @wraps(job)
    async def called() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await job()

    return called


async def cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they have ended."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def begin_anew(scheduler: AsyncIOScheduler) -> None:
    """Run every job now and at its pace from here on, because the wall clock by which it was planned has jumped.

    A run too many costs nothing, as each job decides itself what is due; moving each planned time by the jump would
    cost an hour where the job had already run by the new time.
    """
    job: Job
    for job in scheduler.get_jobs():
        job.reschedule("interval", seconds=job.trigger.interval.total_seconds())
        job.modify(next_run_time=job.next_run_time - job.trigger.interval)
