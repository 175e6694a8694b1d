"""Processes that send, for tests of what they share: begun, and holding the lease of a platform."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from storage.alerts.sending import sender
from storage.engine.sharing import leases

if TYPE_CHECKING:
    from storage.engine.database import Store

BEGAN = datetime(2026, 1, 15, 12, tzinfo=UTC)


def take(store: Store, *platforms: str) -> int:
    """Begin a process that sends, in place of every other one, and return its number. Without a name: to Telegram."""
    number = leases.begin(store, "0123456789ab 1 1", ["send"], BEGAN)
    with store.write() as work:
        for process in leases.running(store):
            if process.number != number:
                leases.strike_out(work, process)
        for platform in platforms or ("telegram",):
            leases.take(work, number, [sender.lease_of(platform)])
            sender.taken_over(work, platform)
    return number
