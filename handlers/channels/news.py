"""What comes after an answer: news that changes it, awaited beside everything else."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handlers.answer import Answer
    from handlers.reply import Block

log = structlog.get_logger(__name__)


class PendingNews:
    """The answers of one channel that may still change."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, answer: Answer, update: Callable[[tuple[Block, ...]], Awaitable[None]]) -> None:
        """Hand to `update` what the news of an answer brings, whenever that is; nothing where it brings nothing."""
        if answer.news is None:
            return
        task = asyncio.create_task(_awaited(answer.news, update))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: drop(answer))

    async def stop(self) -> None:
        """Wait for no more news."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def drop(answer: Answer) -> None:
    """Let go of news that nobody will see: a coroutine which is never awaited complains."""
    if inspect.iscoroutine(answer.news):
        answer.news.close()


async def _awaited(
    news: Awaitable[tuple[Block, ...] | None], update: Callable[[tuple[Block, ...]], Awaitable[None]]
) -> None:
    try:
        blocks = await news
        if blocks is not None:
            await update(blocks)
    except Exception:
        log.exception("the news of an answer is lost")
