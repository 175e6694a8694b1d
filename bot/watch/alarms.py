"""Alarms about itself: each is told its owners once when it begins and once when it is over, also across restarts.

What perpulse cannot know is neither: an alarm that was told goes on until it is known to be over. Each has a line to
begin at and another to end at, and must be found in two looks, so that a moment is no news. That a platform refuses the
token is told by who finds it out (bot/delivery/probing.py), to the same owners.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from bot.watch.vitals import NO_DATA, NOBODY
from handlers.words import machine as words
from signals.alerts.event import SELF
from signals.units import DAY
from storage.alerts import itself, outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from bot.clock import Clock
    from bot.delivery.owners import Owners
    from bot.watch.backups import Backups
    from bot.watch.vitals import Look, Vitals
    from storage.engine.database import Store

log = structlog.get_logger(__name__)

LOOKED: Final = timedelta(seconds=30)
LOOKS: Final = 2
CLOCK_WRONG: Final = timedelta(seconds=10)  # servers say the time to the second, and answers travel
CLOCK_RIGHT: Final = timedelta(seconds=5)
ROOM_AGAIN: Final = 1.25  # times the room below which it was told
_IS_NEWS_FOR: Final = DAY


@dataclass(frozen=True, slots=True)
class OwnFinding:
    """What a look says of one alarm. on: None where it cannot be known. since: when it began. facts: for the words."""

    name: str
    on: bool | None
    since: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)


class OwnAlarms:
    """Looks, and tells the owners. wrong_by: how far the clock of this machine is ahead; None where nobody says so.

    told: called when something was put into the outbox.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        vitals: Vitals,
        backups: Backups,
        owners: Owners,
        *,
        free_mb: int,
        wrong_by: Callable[[], timedelta | None],
        told: Callable[[], None],
    ) -> None:
        self._store, self._clock, self._vitals, self._backups = store, clock, vitals, backups
        self._owners, self._free, self._wrong_by, self._told = owners, free_mb * 1_000_000, wrong_by, told
        self._looks: Counter[tuple[str, bool]] = Counter()

    async def turn(self) -> None:
        """Look once, and tell what has begun or is over."""
        look = await self._vitals.look()
        if look.stored.error:
            return
        findings = self._settled(self.findings(look))
        changed = [found for found in findings if found.on is not (found.name in look.stored.own)]
        if changed:
            places = await self._owners.places()
            await asyncio.to_thread(self._write, changed, places)
            self._told()

    def findings(self, look: Look) -> list[OwnFinding]:
        """Return what a look says of each alarm."""
        now = look.now
        waits = max(look.stuck.values(), default=timedelta(0))
        since, reason = self._backups.failed or (now, "")
        return [
            OwnFinding("no data", _no_data(look), now - look.no_data_for),
            OwnFinding("outbox", _outbox(look), now - waits, {"channels": sorted(look.stuck)}),
            OwnFinding("disk", _below(look.free, self._free), now, {"free": look.free}),
            self._clock_of(now),
            OwnFinding("backup", self._backups.failing, since, {"reason": reason}),
            _roles(look),
        ]

    def _clock_of(self, now: datetime) -> OwnFinding:
        by = self._wrong_by()
        on = None if by is None or CLOCK_RIGHT < abs(by) < CLOCK_WRONG else abs(by) >= CLOCK_WRONG
        return OwnFinding("clock", on, now, {"ahead": by.total_seconds() if by else 0.0})

    def _settled(self, findings: Collection[OwnFinding]) -> list[OwnFinding]:
        """Return what several looks in a row have said."""
        settled = []
        for found in findings:
            for on in (True, False):
                self._looks[found.name, on] = self._looks[found.name, on] + 1 if found.on is on else 0
            if found.on is not None and self._looks[found.name, found.on] >= LOOKS:
                settled.append(found)
        return settled

    def _write(self, changed: Collection[OwnFinding], places: Collection[int]) -> None:
        """Write what changed and its rows in one transaction: a kill in between tells nothing twice."""
        now = self._clock.now()
        with self._store.write() as work:
            goes_on = {alarm.name: alarm for alarm in itself.told(self._store)}
            for found in changed:
                before = goes_on.get(found.name)
                if found.on is (before is not None):  # another process was first
                    continue
                since = before.since if before else found.since
                event = {
                    "event": SELF,
                    "alarm": found.name,
                    "over": before is not None,
                    "since": since.isoformat(),
                    "at": now.isoformat(),
                    "facts": dict(found.facts),
                }
                said = words.own_alarm(event, "UTC")
                log.info(said) if before else log.error(said)
                if before:
                    itself.over(work, found.name, now)
                else:
                    itself.begin(work, itself.OwnAlarm(found.name, since))
                notice = outbox.Notice(
                    "self", "notice" if before else "warning", now, event, rule=itself.rule(found.name)
                )
                outbox.announce(work, notice, now=now, expires=now + _IS_NEWS_FOR, only_asked=True, also=places)


def _no_data(look: Look) -> bool | None:
    if look.newest is None and look.no_data_for < NO_DATA:
        return None  # it has just started
    return look.no_data_for >= NO_DATA


def _outbox(look: Look) -> bool | None:
    if look.stuck:
        return True
    return None if any(state != "working" for state in look.channels.values()) else False


def _roles(look: Look) -> OwnFinding:
    """Find the roles that nobody takes: each process by itself may be well, and no alarm come from any."""
    lacking = {role: span for role, span in look.lacking.items() if span >= NOBODY}
    return OwnFinding(
        "roles", bool(lacking), look.now - max(lacking.values(), default=timedelta(0)), {"roles": [*lacking]}
    )


def _below(free: int | None, least: int) -> bool | None:
    if free is None or least <= free < ROOM_AGAIN * least:
        return None
    return free < least
