"""One sender per database: who holds the lease, who stands by, and when the one follows the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from storage.alerts import lease

if TYPE_CHECKING:
    from bot.clock import Clock
    from storage.engine.database import Store

log = structlog.get_logger(__name__)

BEAT_EVERY = 3.0  # seconds between signs of life of who holds the lease
DEAD_AFTER = 12.0  # seconds without one, by the clock of who stands by


@dataclass(slots=True)
class Lease:
    """Who sends. The holder raises a beat; a standby that sees it stand still for long enough takes over.

    No wall time is in it, so that a clock which jumps neither steals nor blocks.
    """

    clock: Clock
    held: bool = True
    seen: tuple[int, int] | None = None
    since: float = -math.inf  # when `seen` was seen first, or when this holder gave its last sign

    @property
    def due(self) -> bool:
        """Tell whether a sign of life is due, or a look at that of the holder."""
        return not self.held or self.clock.monotonic() - self.since >= BEAT_EVERY

    def keep(self, store: Store, epoch: int) -> int:
        """Beat or watch, and return the epoch to claim under."""
        now = self.clock.monotonic()
        if self.held:
            self.held, self.since = lease.beat(store, epoch), now
            return epoch
        seen = lease.seen(store)
        if seen != self.seen:
            self.seen, self.since = seen, now
        elif now - self.since >= DEAD_AFTER:
            log.warning("the other perpulse is silent, so this one sends again")
            self.held, self.since = True, now
            return lease.take(store)
        return epoch
