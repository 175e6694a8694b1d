"""A look at an asset that is not followed: figures and reasons as data, handed on to an answer and never stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Glance:
    """What one venue says of an asset at this moment.

    price: in USD. funding_rate: a fraction per payment, every interval_hours; apr: the same in a simple year.
    open_interest_usd and open_interest_coin: of this venue alone. Each None where the venue did not say it.
    """

    asset: str
    venue: str
    at: datetime
    price: float
    funding_rate: float | None = None
    interval_hours: float | None = None
    open_interest_usd: float | None = None
    open_interest_coin: float | None = None

    @property
    def apr(self) -> float | None:
        """Return the rate of a simple year as a fraction; None where rate or interval is not known."""
        if self.funding_rate is None or not self.interval_hours:
            return None
        return self.funding_rate * 24 * 365 / self.interval_hours


@dataclass(frozen=True, slots=True)
class NoGlance:
    """Why there is none.

    unlisted: none of venues lists it, near are names that look alike. silent: venues gave no answer, in time or at all.
    busy: as many assets as are allowed were asked for just now, and another one is possible after wait.
    """

    asset: str
    why: Literal["unlisted", "silent", "busy"]
    venues: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    wait: timedelta | None = None
