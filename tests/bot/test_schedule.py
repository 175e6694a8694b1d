"""The loop beside threads: how long a computing thread may keep it waiting; and jobs that a stop calls off."""

from __future__ import annotations

import asyncio
import gc
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.schedule import keep_the_loop_free, schedule

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def restored() -> Iterator[None]:
    before, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(before)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.slow
def test_a_thread_that_computes_gives_way_each_millisecond(restored: None) -> None:
    """What it brings is measured by `make bench ARGS=stall`: a test that times would fail on a busy machine."""
    keep_the_loop_free()
    assert sys.getswitchinterval() == pytest.approx(0.0002)


@pytest.mark.slow
def test_what_libraries_made_is_put_aside(restored: None) -> None:
    keep_the_loop_free()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] > 700


async def test_a_job_that_is_called_off_by_a_stop_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """A stop meets a turn that runs, now and then; the library would log that with a traceback."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def turn() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    jobs = schedule({"turn": (timedelta(seconds=0.01), turn)})
    jobs.start()
    async with asyncio.timeout(10):
        await begun.wait()
        jobs.shutdown(wait=False)
        await ended.wait()
        await asyncio.sleep(0)
    assert [record.message for record in caplog.records if record.exc_info] == []


async def test_a_job_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Event()

    async def turn() -> None:
        begun.set()
        raise ValueError("no turn")

    jobs = schedule({"turn": (timedelta(seconds=0.01), turn)})
    jobs.start()
    async with asyncio.timeout(10):
        await begun.wait()
        while not (found := [record for record in caplog.records if record.exc_info]):  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.01)
    jobs.shutdown(wait=False)
    assert "no turn" in str(found[0].exc_info)
