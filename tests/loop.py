"""One event loop for tests that are no coroutines: a new one a call, with its threads, is most of their time."""

from __future__ import annotations

import asyncio
import atexit
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

_RUNNER = asyncio.Runner()
atexit.register(_RUNNER.close)


def run(call: Coroutine[object, object, T]) -> T:
    """Return what a coroutine returns, and cancel what it leaves behind, as `asyncio.run` does."""

    async def alone() -> T:
        try:
            return await call
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    if threading.current_thread() is not threading.main_thread():  # asked in the midst of a call, by what that one runs
        return asyncio.run(call)
    return _RUNNER.run(alone())
