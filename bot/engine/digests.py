"""Digests as they come due: once a date by the clock of their chat, whatever clocks and restarts do meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import structlog

from signals.due import newest_due
from signals.units import MINUTE
from storage.alerts import digests as outgoing
from storage.engine.database import StoreError
from storage.people import digests
from storage.queries.digest import SPANS, DigestReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from signals.digest import Digest
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.people.digests import Ordered

log = structlog.get_logger(__name__)
AT_ONCE: Final = 200  # rows a transaction: at nine in the morning many are due, and others write beside them
BEFORE_NEXT: Final = 2 * MINUTE  # what is not sent until then is not sent beside the next one, which says it too


class Digests:
    """Makes what is due. assets: those that the owner follows. told: called when something was put into the outbox."""

    def __init__(self, store: Store, clock: Clock, assets: Sequence[str], *, told: Callable[[], None]) -> None:
        self._store, self._clock, self._assets, self._told = store, clock, tuple(assets), told
        self._one = asyncio.Lock()
        self._plan_anew = True  # the rules of zones may have changed while perpulse was off

    def clock_jumped(self) -> None:
        """Learn that what is planned was planned by another time."""
        self._plan_anew = True

    async def turn(self) -> int:
        """Make every digest that is due and return how many were."""
        async with self._one:
            count = await asyncio.to_thread(self._make)
        if count:
            self._told()
        return count

    def _make(self) -> int:
        now = self._clock.now()
        if self._plan_anew:
            self._plan(now)
        reader, count, done = DigestReader(self._store, now), 0, set[int]()
        while rows := [row for row in digests.due(self._store, now, AT_ONCE + len(done)) if row.id not in done]:
            done |= {row.id for row in rows}
            made = [(row, found) for row in rows if (found := self._found(reader, row, now))]
            with self._store.write() as work:
                count += sum(_write(work, row, found, now) for row, found in made)
        return count

    def _found(self, reader: DigestReader, row: Ordered, now: datetime) -> Digest | None:
        """Gather what one says, however many were missed before it; None where that fails."""
        try:
            last = outgoing.told_until(self._store, row.destination, row.kind, now)
            since = last if last and last < now else now - SPANS[row.kind]
            due = newest_due(row.wall, ZoneInfo(row.zone), now)
            return reader.read(row.destination, row.kind, row.assets or self._assets, since=since, due=due)
        except StoreError:
            raise
        except Exception:
            # One that cannot be made is a fault of ours, tried again at the next turn; the others come.
            log.exception("a digest could not be made", digest=row.id)
            return None

    def _plan(self, now: datetime) -> None:
        """Plan anew whatever is not due: a clock that was ahead has put it too far into the future."""
        with self._store.write() as work:
            for row in digests.every(self._store):
                if row.due > now and (following := row.next_after(now)) != row.due:
                    digests.plan(work, row, following)
        self._plan_anew = False


def _write(work: Work, row: Ordered, found: Digest, now: datetime) -> bool:
    """Write one and plan the next; False where it was changed or made meanwhile."""
    day = (found.due or now).astimezone(ZoneInfo(row.zone)).date()
    following = row.next_after(now, day)
    if not digests.made(work, row, day, now=now, due=following):
        return False
    outgoing.announce(work, row.destination, found, now=now, expires=following - BEFORE_NEXT)
    return True
