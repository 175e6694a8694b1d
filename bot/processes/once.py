"""What is done once in all, whoever does it: each at its pace, by the one process that holds its lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta

    from storage.engine.sharing.leases import Role


class OnceJob(NamedTuple):
    """Something that is done once in all. failed: what the log says where it could not be done."""

    every: timedelta
    role: Role
    what: str
    turn: Callable[[], Awaitable[Any]]
    failed: str
