"""When things happen: one scheduler of our own, in UTC, that forgives a late start and runs no job twice at once."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TICK_EVERY = timedelta(seconds=15)  # what is due is decided by each source; a turn with nothing due costs nothing


def schedule(jobs: dict[str, tuple[timedelta, Callable[[], Awaitable[Any]]]]) -> AsyncIOScheduler:
    """Return a scheduler with each job at its pace, not started yet."""
    scheduler = AsyncIOScheduler(timezone=UTC)
    for name, (every, job) in jobs.items():
        # By default a run that is more than a second late is dropped, with one warning.
        scheduler.add_job(
            job,
            "interval",
            id=name,
            seconds=every.total_seconds(),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
    return scheduler
