"""Hundreds of answers that are read in one go would hold up everybody else: the event loop breathes in between."""

from __future__ import annotations

import asyncio
from typing import Final

SLICE_S: Final = 0.002  # so long all that read answers may compute together before the others have their turn


class Breath:
    """Shared by all that compute a little many times in one event loop."""

    def __init__(self) -> None:
        self._until = 0.0
        self._armed = False

    async def take(self) -> None:
        """Let the others have their turn where this one has lasted long enough."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._until:
            return
        if not self._armed:
            self._armed = True
            loop.call_soon(self._begin, loop)
        await asyncio.sleep(0)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._armed, self._until = False, loop.time() + SLICE_S
