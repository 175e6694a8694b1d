"""Commands that waited while the bot was away: one line for each chat, not a hundred old answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from handlers.language.spelling import shown
from handlers.reply import Button, Buttons, Line
from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handlers.channels.channel import Address
    from handlers.reply import Block

_LONGEST: Final = 10  # times that it waits for more
_APART: Final = 0.1  # seconds between two chats: a third of what Telegram allows


class Missed:
    """Gathers what is too old to be answered. say: tells a chat. gathering: seconds without another one."""

    def __init__(self, say: Callable[[Address, tuple[Block, ...]], Awaitable[None]], gathering: float) -> None:
        self._say, self._gathering = say, gathering
        self._lines: dict[Address, list[str]] = {}
        self._telling: asyncio.Task[None] | None = None

    def note(self, to: Address, line: str) -> None:
        """Take a line that is not answered any more."""
        self._lines.setdefault(to, []).append(line)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def stop(self) -> None:
        """Tell nobody else."""
        if self._telling:
            self._telling.cancel()
            await asyncio.wait([self._telling])

    async def _tell(self) -> None:
        while self._lines:
            await self._quiet()
            lines, self._lines = self._lines, {}
            for to, said in lines.items():
                await self._say(to, _blocks(said))
                await asyncio.sleep(_APART)

    async def _quiet(self) -> None:
        """Wait until nothing more has come for a while."""
        for _ in range(_LONGEST):
            known = sum(map(len, self._lines.values()))
            await asyncio.sleep(self._gathering)
            if known == sum(map(len, self._lines.values())):
                return


def _blocks(lines: list[str]) -> tuple[Block, ...]:
    last = shown(lines[-1])
    what = wording.count(len(lines), "command was", "commands were")
    which = f"the last was {last}" if len(lines) > 1 else f"it was {last}"
    said = Line(f"I was away: {what} not answered, {which}. Ask again for what you still want to know.")
    return (said, Buttons((Button(last, lines[-1]),))) if lines[-1].startswith("/") else (said,)
