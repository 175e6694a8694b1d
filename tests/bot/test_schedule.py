"""The loop beside threads: how long a computing thread may keep it waiting."""

from __future__ import annotations

import gc
import sys
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
