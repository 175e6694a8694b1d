"""What a stage makes of a notice on its way to a destination: it passes, is held, or is dropped, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from signals.wall_clock import quiet_until

if TYPE_CHECKING:
    from datetime import datetime

    from storage.alerts.outbox import HeldFor, Notice
    from storage.people.switches import Switch


@dataclass(frozen=True, slots=True)
class Pass:
    """It goes on to the next stage."""


@dataclass(frozen=True, slots=True)
class Hold:
    """It waits until a time. held_for: with all else that is held for it, to be told in one message; None: alone."""

    until: datetime
    reason: str
    held_for: HeldFor | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """It ends here, as what it is kept. mutes: what is muted by it from now on, so that what follows ends here too."""

    state: Literal["merged", "muted"]
    reason: str
    mutes: Switch | None = None


Outcome = Pass | Hold | Drop
PASS: Final = Pass()
LISTS: Final = frozenset(
    {"late", "held", "digest"}
)  # kinds of notices that list others, each of which went through the stages


def no_alarm(notice: Notice) -> bool:
    """Tell whether a notice is none of an alarm, so that how urgent it is and how many come do not decide over it."""
    return lists_others(notice) or notice.kind in {"owner", "self"}


def lists_others(notice: Notice) -> bool:
    """Tell whether a notice lists what was not told when it was news: that was asked for, or it would not be there."""
    return notice.kind in LISTS


@dataclass(frozen=True, slots=True)
class Recipient:
    """A destination as the stages see it: its zone, and what it has switched."""

    zone: str = "UTC"
    switches: tuple[Switch, ...] = ()

    @property
    def clock(self) -> ZoneInfo:
        """Return its zone as the clock on its wall."""
        return ZoneInfo(self.zone)

    def quiet_until(self, now: datetime) -> datetime | None:
        """Return when its quiet hours end that run now; None where none do."""
        hours = next((switch.hours for switch in self.switches if switch.kind == "quiet"), "")
        return quiet_until(hours, self.clock, now) if hours else None
