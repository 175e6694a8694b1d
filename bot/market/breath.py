"""Hundreds of answers that are read in one go would hold up everybody else: the event loop breathes in between."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

SLICE_S: Final = 0.001  # so long all that read answers may compute together before the others have their turn
_AT_ONCE: Final = 8  # of those that wait are woken together: about as many as a slice has room for


class Breath:
    """Shared by all that compute a little many times in one event loop.

    Who comes when the slice is over stands in a line, since thirty tasks that only went on a round of the loop later
    would compute for thirty answers in that round. Between two slices the loop serves everybody else.
    """

    def __init__(self) -> None:
        self._until = 0.0
        self._line: deque[asyncio.Future[bool]] = deque()
        self._armed = False

    async def take(self) -> None:
        """Let the others have their turn where this slice is over."""
        loop = asyncio.get_running_loop()
        again = False
        while loop.time() >= self._until:
            place = loop.create_future()
            if again:
                self._line.appendleft(place)  # woken, but there was no room any more
            else:
                self._line.append(place)
            if not self._armed:
                self._armed = True
                loop.call_soon(self._begin, loop)
            if await place:
                return
            again = True

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a slice; who is woken here computes in the next round of the loop, before the next slice begins."""
        self._until = loop.time() + SLICE_S
        first = True
        for _ in range(min(_AT_ONCE, len(self._line))):
            place = self._line.popleft()
            if not place.done():  # not given up meanwhile
                place.set_result(first)  # whatever the others do to the loop, one goes on
                first = False
        self._armed = bool(self._line)
        if self._armed:
            loop.call_soon(self._begin, loop)
