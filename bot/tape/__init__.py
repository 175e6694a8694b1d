"""A tape: everything that exchanges sent, as lines of JSON, and a way to play it back through the same code.

Sessions and sockets are the lowest place that all sources share: what an exchange really sent is below it, and all that
perpulse and ccxt do with it is above. So a person's tape shows a bug, and the tests can play it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime


class TapeError(Exception):
    """The tape cannot be used; the text says which file and why."""


class Wrap(Protocol):
    """Give a session of ours in the place of the one that `make` makes. venue: whose stream it will open, if any."""

    def __call__(self, make: Callable[[], Any], venue: str = "") -> Any:
        """Return a session with as much of aiohttp.ClientSession as ccxt, our sources and our streams use."""
        ...


class Edge(Protocol):
    """What stands between perpulse and the network: somebody who writes it down, or a tape in its place."""

    asks_nobody: bool  # a tape: there is no allowance to keep to

    def wrap(self, make: Callable[[], Any], venue: str = "") -> Any:
        """Do what Wrap says."""
        ...

    def began(self, now: datetime, sources: Sequence[str], asset: str, *, glance: bool = False) -> int:
        """Learn that sources (none: all) are asked what is due, or for one asset; return the number of this round.

        glance: for an asset that is not followed, and of which nothing is kept.
        """
        ...

    def ended(self, now: datetime, number: int) -> None:
        """Learn that what a round brought is stored."""
        ...

    def turn(self, now: datetime) -> None:
        """Learn that what is stored is judged now."""
        ...
