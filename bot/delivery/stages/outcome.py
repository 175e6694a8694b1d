"""What a stage makes of a notice on its way to a destination: it passes, is held, or is dropped, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from storage.people.switches import Switch


@dataclass(frozen=True, slots=True)
class Pass:
    """It goes on to the next stage."""


@dataclass(frozen=True, slots=True)
class Hold:
    """It waits until a time."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Drop:
    """It ends here, as what it is kept."""

    state: Literal["merged", "muted"]
    reason: str


Outcome = Pass | Hold | Drop
PASS: Final = Pass()


@dataclass(frozen=True, slots=True)
class Recipient:
    """A destination as the stages see it: its zone, and what it has switched."""

    zone: str = "UTC"
    switches: tuple[Switch, ...] = ()
