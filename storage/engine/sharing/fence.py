"""Whatever is written on behalf of a lease is written only while it is held: each transaction begins with a look.

A process that was stopped for a minute does not know it when it goes on: its lease is another's by then. So the look is
made where it counts, in the transaction itself, by the store and not by each of the hundred places that write.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from storage.engine.sharing import leases

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from storage.engine.work import Work


@dataclass(frozen=True, slots=True)
class Fence:
    """Leases that a process holds, with their epochs, when it begins with what it does under them."""

    process: int
    epochs: Mapping[str, int]

    def lost(self, work: Work) -> list[str]:
        """Return which of them it does not hold any more; the others stay its own until the transaction ends."""
        own = leases.held(work, self.process, self.epochs.keys())
        return [name for name, epoch in self.epochs.items() if own.get(name) != epoch]


_FENCE: Final[ContextVar[Fence | None]] = ContextVar("fence", default=None)


@contextmanager
def fenced(fence: Fence) -> Iterator[None]:
    """Let every transaction within, also those of threads and tasks begun here, be kept only under these leases."""
    token = _FENCE.set(fence)
    try:
        yield
    finally:
        _FENCE.reset(token)


def current() -> Fence | None:
    """Return under which leases is written here; None where that is nobody else's business."""
    return _FENCE.get()
