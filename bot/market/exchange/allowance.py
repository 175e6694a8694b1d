"""How fast a venue may be asked: the weights are ccxt's, and whoever has to wait sleeps until it is its turn.

ccxt's own limiter looks a thousand times a second whether somebody may go on, which costs 3.5 ms of CPU for each
question that waits: a second of each minute, where three hundred contracts are asked one by one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Allowance:
    """Let questions pass in the order in which they come, each as late as the weight of those before it asks for.

    bucket: ccxt's declaration of it: `refillRate` in weight a millisecond, `cost` where a question names none. What was
    not used is not saved up for later, so that no two minutes that touch ever hold more than is allowed.
    """

    def __init__(self, bucket: Mapping[str, Any]) -> None:
        self._seconds, self._usual = 0.001 / bucket["refillRate"], bucket["cost"]
        self._free = 0.0  # the time of the event loop from which on the next one may pass

    async def __call__(self, cost: float | None = None) -> None:
        """Return when a question of this weight may be sent. Whoever gives up while waiting has used its turn."""
        now = asyncio.get_running_loop().time()
        begin = max(self._free, now)
        self._free = begin + (self._usual if cost is None else cost) * self._seconds
        if begin > now:
            await asyncio.sleep(begin - now)
