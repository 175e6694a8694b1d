"""Who draws: a process of its own, so that a picture never stops the bot and matplotlib never fills its memory.

Drawing takes 0.2 to 0.6 s of pure Python and 150 MB: in the loop everything would stand still, in a thread half of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
from collections import OrderedDict
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TYPE_CHECKING, Any

import structlog

from handlers.charts.content import drawable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

_log = structlog.get_logger(__name__)


class ChartRenderer:
    """Draws charts to PNG, one at a time, and keeps the newest few.

    seconds: how long one picture may take; the first one includes the start of the process. keep: how many are kept
    (one is 25 to 70 kB), so that a notice to a thousand chats is drawn once.
    """

    def __init__(self, *, seconds: float = 30.0, keep: int = 32) -> None:
        self._seconds = seconds
        self._keep = keep
        self._drawn: OrderedDict[str, bytes] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[bytes | None]] = {}
        self._one = asyncio.Lock()  # the time-out is for drawing, not for waiting in a queue
        self._pool: ProcessPoolExecutor | None = None
        self._worker: Future[int] | None = None  # the process id of the pool's one worker

    async def draw(self, chart: Mapping[str, Any]) -> bytes | None:
        """Return the chart as PNG, or None: nothing is known to draw, or drawing failed, which the log tells.

        Never raises: a picture that fails does not hold back the text.
        """
        if not drawable(chart):
            return None
        key = hashlib.sha256(json.dumps(chart, sort_keys=True).encode()).hexdigest()
        if png := self._drawn.get(key):
            self._drawn.move_to_end(key)
            return png
        if key not in self._under_way:
            task = self._under_way[key] = asyncio.create_task(self._try_twice(dict(chart)))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        png = await asyncio.shield(self._under_way[key])  # one who gives up waiting does not take it from the others
        if png is not None:
            self._drawn[key] = png
            while len(self._drawn) > self._keep:
                self._drawn.popitem(last=False)
        return png

    async def _try_twice(self, chart: dict[str, Any]) -> bytes | None:
        """Draw; a worker that died (out of memory, killed) is replaced once."""
        async with self._one:
            for again in (True, False):
                try:
                    # The first submit starts a process: some ten milliseconds that are not the loop's.
                    future = await asyncio.to_thread(self._submit, chart)
                    return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
                except BrokenProcessPool:
                    _log.warning("the drawing process died", again=again)
                    self._drop(kill=False)
                except TimeoutError:
                    _log.warning("a picture took too long and was left out", seconds=self._seconds)
                    self._drop(kill=True)
                    return None
                except Exception:  # noqa: BLE001 - any fault of drawing costs the picture and nothing else
                    _log.exception("a picture could not be drawn and was left out", title=chart.get("title"))
                    return None
        return None

    def _submit(self, chart: dict[str, Any]) -> Future[bytes]:
        if self._pool is None:
            # spawn: a fork of a process with threads and an event loop may hang, and would carry its memory along.
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_settle_in)
            self._worker = self._pool.submit(os.getpid)
        return self._pool.submit(_draw, chart)

    def _drop(self, *, kill: bool) -> None:
        """Let the pool go. kill: its worker is at something that may never come to an end by itself."""
        pool, worker, self._pool, self._worker = self._pool, self._worker, None, None
        if kill and worker is not None and worker.done() and not worker.cancelled() and worker.exception() is None:
            with suppress(ProcessLookupError):  # it may have died just now
                os.kill(worker.result(), signal.SIGKILL)
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """End the drawing process. A picture under way is lost; a later `draw` starts a new process."""
        self._drop(kill=bool(self._under_way))
        for task in self._under_way.values():
            task.cancel()


def _settle_in() -> None:
    """Prepare the worker: Ctrl-C is the parent's business, and a parent that dies by kill -9 takes its worker along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    # The worker holds both ends of its own queue, so the end of the parent is never the end of a read.
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(0)


def _draw(chart: dict[str, Any]) -> bytes:
    from handlers.charts.drawing import png  # noqa: PLC0415 - matplotlib lives in the drawing process alone

    return png(chart)
