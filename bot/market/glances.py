"""A look at an asset that is not followed, for somebody who waits: one venue is asked, and nothing of it is stored.

What comes reaches neither the store nor the cross-checks, and no past is asked for: an asset that somebody was curious
about is not followed from then on, and no answer about the whole market counts it.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.market.source import NotOffered, SourceError
from signals.units import from_ms
from signals.venues import venue_order
from storage.queries.glance import Glance, NoGlance

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from bot.market.source import Topic
    from bot.market.source_rounds import SourceRounds
    from storage.market.points import Points

    Looked = Glance | NoGlance | tuple[tuple[str, ...], Awaitable[Glance | NoGlance]] | None
    Told = Callable[[Awaitable[Glance | SourceError], Sequence[str], str], Awaitable[Glance | SourceError]]

TOPICS: Final[tuple[Topic, ...]] = ("funding", "open_interest")  # the first has the price, without which it is none
MOST: Final = 6  # assets within a minute, of all people together: each costs a venue some of its allowance
WITHIN_S: Final = 60.0
YOUNG_S: Final = 15.0  # whoever asks for the same so soon gets the same


class Glances:
    """Ask one venue after the other for an asset, until one lists it and answers.

    rounds: the sources, of which those with a price of an asset are asked, in the order in which one speaks for
    several. steady: seconds of the monotonic clock. told: notes at the edge that a source is asked, and passes on what
    comes of it.
    """

    def __init__(
        self,
        rounds: Iterable[SourceRounds],
        *,
        clock: Callable[[], datetime],
        steady: Callable[[], float],
        told: Told,
    ) -> None:
        able = [source for source in rounds if any(topic.topic == TOPICS[0] for topic in source.state.topics)]
        self._rounds = {source.name: source for source in sorted(able, key=lambda source: venue_order(source.name))}
        self._clock, self._steady, self._told = clock, steady, told
        self._seen: dict[str, tuple[float, Glance]] = {}
        self._asked: dict[str, asyncio.Task[Glance | NoGlance]] = {}
        self._begun: deque[float] = deque(maxlen=MOST)

    def ask(self, asset: str, within: timedelta) -> Looked:
        """Begin to look at an asset beside everything else, and return who is asked, and what tells what they say.

        What is told comes within so long and never raises. The look itself, where nothing has to be asked; None where
        nobody could be.
        """
        now = self._steady()
        self._seen = {name: seen for name, seen in self._seen.items() if now - seen[0] < YOUNG_S}
        if asset in self._seen:
            return self._seen[asset][1]
        if not self._rounds:
            return None
        asking = [name for name, source in self._rounds.items() if not source.state.host.rests]
        if not asking:
            return NoGlance(asset, "silent", tuple(self._rounds))
        task = self._asked.get(asset)
        if task is None:
            if len(self._begun) == MOST and now - self._begun[0] < WITHIN_S:
                return NoGlance(asset, "busy", wait=timedelta(seconds=WITHIN_S - (now - self._begun[0])))
            self._begun.append(now)
            task = self._asked[asset] = asyncio.create_task(self._look(asset, asking))
            task.add_done_callback(lambda _: self._asked.pop(asset, None))
        return (asking[0],), _in_time(asset, asking[0], task, within)

    async def repeat(self, asset: str, sources: Sequence[str]) -> None:
        """Look at an asset as on a tape: what it asks there is asked again, and what comes of it is told to nobody."""
        await asyncio.gather(*(self._at(self._rounds[name], asset) for name in sources if name in self._rounds))

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, asset: str, venues: Sequence[str]) -> Glance | NoGlance:
        """Ask one after the other: whoever does not list it says so from its list, without a question."""
        near: list[str] = []
        silent: list[str] = []
        for name in venues:
            found = await self._told(self._at(self._rounds[name], asset), [name], asset)
            if isinstance(found, Glance):
                self._seen[asset] = self._steady(), found
                return found
            if isinstance(found, NotOffered):
                near += found.near
            else:
                silent.append(name)
        if silent:
            return NoGlance(asset, "silent", tuple(silent))
        return NoGlance(asset, "unlisted", tuple(venues), tuple(dict.fromkeys(near)))

    async def _at(self, source: SourceRounds, asset: str) -> Glance | SourceError:
        try:
            found = await source.glance(asset, TOPICS, self._clock())
        except SourceError as error:
            return error
        return _glance(asset, source.name, found) or NotOffered(f"{source.name} gives no price of {asset}.")


async def _in_time(
    asset: str, venue: str, task: asyncio.Task[Glance | NoGlance], within: timedelta
) -> Glance | NoGlance:
    """Wait so long and no longer; what comes later is there for whoever asks again."""
    done, _ = await asyncio.wait([task], timeout=within.total_seconds())
    if not done or task.cancelled() or task.exception():
        return NoGlance(asset, "silent", (venue,))
    return task.result()


def _glance(asset: str, venue: str, found: Sequence[Points]) -> Glance | None:
    """Put the newest figures together; None without a price."""
    columns = {name: float(values[-1]) for given in found for name, values in given.columns.items()}
    known = {name: value for name, value in columns.items() if not math.isnan(value)}
    if "mark_price" not in known:
        return None
    at = min(from_ms(given.times[-1]) for given in found)
    seen = Glance(asset, venue, at, known["mark_price"], known.get("funding_rate"), known.get("funding_interval_hours"))
    usd, coins = known.get("open_interest_usd"), known.get("open_interest_coin")
    if usd is None and coins is not None:
        usd = coins * seen.price
    return replace(seen, open_interest_usd=usd, open_interest_coin=coins)
