# ruff: noqa: N818 - LeverageAboveCap says what happened; the base class says that it is an error
"""What can go wrong when a liquidation price is asked for; each error is one sentence that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt


class LiquidationError(ValueError):
    """Say that a question about a position cannot be answered, and what to ask instead."""


class UnknownVenue(LiquidationError):
    """Say that no rule is known for this venue, contract or date."""


class NoTierTable(LiquidationError):
    """Say that no maintenance table is known for this asset at this venue."""

    def __init__(self, message: str, *, venue: str, contract: str, asset: str) -> None:
        super().__init__(message)
        self.venue = venue
        self.contract = contract
        self.asset = asset


class SizeBeyondTable(NoTierTable):
    """Say that the position is larger than the last tier of the table.

    `limit` is in the table's unit; `partial` tells that the venue has higher tiers which the table does not
    hold, so that the position may well be allowed there.
    """

    def __init__(
        self, message: str, *, venue: str, contract: str, asset: str, limit: float, as_of: dt.date, partial: bool
    ) -> None:
        super().__init__(message, venue=venue, contract=contract, asset=asset)
        self.limit = limit
        self.as_of = as_of
        self.partial = partial


class LeverageAboveCap(LiquidationError):
    """Say that the venue does not allow this leverage for a position of this size.

    `cap` is the highest leverage for the size (no size: for any) and `cap_notional` the largest position it holds
    for (None: no bound); `max_notional` is the largest position at the leverage asked for (0.0: none). Both in
    quote currency at the entry. `as_of` is the table's date.
    """

    def __init__(
        self, message: str, *, cap: float, cap_notional: float | None, max_notional: float | None, as_of: dt.date
    ) -> None:
        super().__init__(message)
        self.cap = cap
        self.cap_notional = cap_notional
        self.max_notional = max_notional
        self.as_of = as_of


class MarginTooSmall(LiquidationError):
    """Say that the margin does not even cover the maintenance at the entry."""


class CrossNeedsAccount(LiquidationError):
    """Say which figures of the account a cross position needs; they are never guessed."""

    def __init__(self, message: str, *, missing: tuple[str, ...]) -> None:
        super().__init__(message)
        self.missing = missing
