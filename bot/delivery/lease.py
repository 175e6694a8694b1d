"""One sender per database: who holds the lease, who stands by, and when the one follows the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from storage.alerts.sending import lease

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
        handed_over = seen is not None and seen[1] < 0
        if not handed_over and seen != self.seen:
            self.seen, self.since = seen, now
        elif handed_over or now - self.since >= DEAD_AFTER:
            taken = lease.take(store) if seen is None else lease.take_over(store, seen)
            if taken is not None:  # else another one who stood by was faster
                log.warning(
                    "this perpulse sends from now on", why="the other one " + ("ended" if handed_over else "is silent")
                )
                self.held, self.since = True, now
                return taken
        return epoch

    def release(self, store: Store, epoch: int) -> None:
        """Hand over, since this holder ends."""
        if self.held and lease.release(store, epoch):
            self.held, self.since = False, self.clock.monotonic()
