"""The pictures of a message: drawn when it is sent, and replaced by their words where that cannot be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from handlers.reply import Line, Picture, Table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handlers.reply import Block

log = structlog.get_logger(__name__)


async def drawn(
    blocks: tuple[Block, ...], draw: Callable[[dict[str, Any]], Awaitable[bytes | None]], within: float | None = None
) -> tuple[list[tuple[bytes, str]], tuple[Block, ...]]:
    """Return what could be drawn, each with its words, and the other blocks with the words of what could not.

    within: how many seconds the words wait for each picture; None: as long as it takes.
    """
    pictures, failed = await draw_each(blocks, draw, within)
    if not pictures and not failed:
        return [], blocks
    return pictures, with_words(tuple(block for block in blocks if not isinstance(block, Picture)), failed)


async def draw_each(
    blocks: tuple[Block, ...], draw: Callable[[dict[str, Any]], Awaitable[bytes | None]], within: float | None = None
) -> tuple[list[tuple[bytes, str]], list[str]]:
    """Return what could be drawn, each with its words, and the words of what could not. within: as in drawn."""
    pictures: list[tuple[bytes, str]] = []
    failed: list[str] = []
    for block in blocks:
        if not isinstance(block, Picture):
            continue
        try:
            async with asyncio.timeout(within):
                png = await draw(block.chart)
        except TimeoutError:
            log.warning("a picture was not drawn in time, its words go alone", seconds=within)
            png = None
        except Exception:
            log.exception("a chart was not drawn")
            png = None
        if png:
            pictures.append((png, block.alt))
        else:
            failed.append(block.alt)
    return pictures, failed


def in_words(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Replace every picture by its words."""
    alts = [block.alt for block in blocks if isinstance(block, Picture)]
    return with_words(tuple(block for block in blocks if not isinstance(block, Picture)), alts)


def with_words(blocks: tuple[Block, ...], alts: list[str]) -> tuple[Block, ...]:
    """Put the words of pictures that are not to be had behind the body."""
    last = [at for at, block in enumerate(blocks, 1) if isinstance(block, Table) or _is_body(block)]
    behind = last[-1] if last else 0
    return (*blocks[:behind], *(Line(f"[chart: {alt}]") for alt in alts), *blocks[behind:])


def _is_body(block: Block) -> bool:
    return isinstance(block, Line) and block.role not in ("caveat", "evidence", "stamp")
