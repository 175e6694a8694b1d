"""What a supervisor such as systemd is told: ready, how it goes, still alive, stopping; nothing where there is none.

The protocol is one datagram of NAME=value lines to the socket that NOTIFY_SOCKET names (sd_notify(3)). With
WATCHDOG_USEC set, who says nothing for so long is killed and started again.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from signals.units import MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.clock import Clock
    from bot.watch.turns import TurnCounts

log = structlog.get_logger(__name__)

# So long may no turn succeed before no life is shown any more. The first one after months away judges all of them, and
# a full disk is not mended by starting again, so this is long; a loop that stands still shows itself by silence.
NO_LIFE_AFTER: Final = timedelta(minutes=10)
_SHARE: Final = 3  # of the time in which it must be told: two may be lost
_SELDOM: Final = timedelta(seconds=30)  # where nobody watches, but somebody may look at the status


class Supervisor:
    """Tells whoever supervises this process.

    It shows life from the event loop, so a loop that stands still shows none, and only while turns succeed: a bot that
    lives and judges nothing is as good as dead.
    """

    def __init__(self, turns: TurnCounts, clock: Clock, environment: Mapping[str, str] = os.environ) -> None:
        self._turns, self._clock = turns, clock
        self._socket = environment.get("NOTIFY_SOCKET", "")
        watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environment.get("WATCHDOG_USEC", "") if watched else ""
        self._within = timedelta(microseconds=int(microseconds)) if microseconds.isdigit() else None
        self._ready = clock.monotonic()
        self._doubted = False

    async def watch(self, status: str) -> None:
        """Say that it is ready, then show life until cancelled. status: what it does, in a few words."""
        if not self._socket:
            return
        self._tell("READY=1", f"STATUS={status}")
        self._ready = self._clock.monotonic()  # what came before, such as a migration, was no turn that failed
        while True:
            await asyncio.sleep((self._within / _SHARE if self._within else _SELDOM).total_seconds())
            self._show(status)

    def _show(self, status: str) -> None:
        silent = timedelta(seconds=min(self._turns.since_good, self._clock.monotonic() - self._ready))
        minutes = silent // MINUTE
        if silent < NO_LIFE_AFTER:
            self._doubted = False
            since = f"; last turn {minutes} min ago" if minutes else ""
            self._tell("WATCHDOG=1", f"STATUS={status}{since}")
            return
        if not self._doubted:
            log.error("no turn has succeeded for long; the supervisor is shown no life until one does", minutes=minutes)
        self._doubted = True
        self._tell(f"STATUS=No turn has succeeded for {minutes} minutes; the log says why")

    def stopping(self) -> None:
        """Say that it leaves by itself."""
        self._tell("STOPPING=1", "STATUS=Stopping")

    def _tell(self, *lines: str) -> None:
        """Send what is to be said; a supervisor that is gone is no reason to fail."""
        if not self._socket:
            return
        address = "\0" + self._socket[1:] if self._socket.startswith("@") else self._socket
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)  # noqa: FBT003 - as the library has it
            line.sendto("\n".join(lines).encode(), address)
