"""perpulse as a program of its own whose leases are shorter, and whose clock is ahead.

    python -m tests.fakes.shard FASTER AHEAD COMMAND ...

FASTER: one factor for the seconds after which a process counts as dead; AHEAD: seconds by which its wall clock is
ahead, so that an hour ends while somebody waits for it.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from bot.clock import SystemClock
from bot.processes import holdings


def hurry(faster: float) -> None:
    """Divide the seconds of the leases of this process."""
    for name in ("BEAT_EVERY", "LOOK_EVERY", "DEAD_AFTER"):
        setattr(holdings, name, getattr(holdings, name) / faster)


def set_ahead(seconds: float) -> None:
    """Set the wall clock of this process ahead."""
    by = timedelta(seconds=seconds)
    SystemClock.now = lambda _: datetime.now(UTC) + by  # type: ignore[method-assign]


if __name__ == "__main__":
    hurry(float(sys.argv[1]))
    set_ahead(float(sys.argv[2]))
    from bot.__main__ import main

    sys.argv[1:3] = []
    main()
