"""Who sends to a platform: one process alone, by a lease; what an earlier one was sending is in doubt from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from storage.engine.sharing import leases
from storage.engine.sql import queries

if TYPE_CHECKING:
    from storage.engine.work import Work

SQL: Final = queries("storage.alerts")


def lease_of(platform: str) -> str:
    """Return the name of the lease under which a process sends to a platform."""
    return f"send {platform}"


def taken_over(work: Work, platform: str) -> None:
    """Put in doubt what another process was sending to a platform, in the transaction in which its lease is taken."""
    work.run(SQL.doubt_earlier, platform=platform)


def held(work: Work, process: int, platform: str) -> bool:
    """Tell whether a process may send to a platform until the transaction that is about to claim ends."""
    return bool(leases.held(work, process, [lease_of(platform)]))
