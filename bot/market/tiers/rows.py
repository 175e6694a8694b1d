"""Leverage tiers as a venue sent them, checked row by row before anything believes them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_EXACT = Decimal("1e-6")


class TiersRefused(ValueError):  # noqa: N818 - what happened to them
    """The tiers of one symbol contradict themselves; the text says where."""


@dataclass(frozen=True, slots=True)
class TierRow:
    """One tier: up to `cap` (None: open), maintenance rate, highest leverage, and the amount where one was sent."""

    cap: Decimal | None
    rate: Decimal
    max_leverage: Decimal | None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The tiers of one symbol in the venue's own unit.

    unit: "quote" (value in settle currency) or "contracts"; lot: coins (inverse: USD) per contract; tick: smallest step
    of the price. stepped: the maintenance is continuous, so that amounts follow from the rates; else none are kept.
    """

    venue: str
    contract: str
    asset: str
    quote: str
    rows: tuple[TierRow, ...]
    unit: str = "quote"
    lot: Decimal = Decimal(1)
    tick: Decimal | None = None
    stepped: bool = True


def decimal(value: Any, name: str) -> Decimal:
    """Read a number as sent. Refused for what is none."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise TiersRefused(f"{name} is {str(value)[:20]!r}, which is no number")
    return number


def row(cap: Any, rate: Any, leverage: Any, amount: Any = None) -> TierRow:
    """Make a row of what was sent; an amount that is empty is zero, one that is missing (None) is built."""
    return TierRow(
        None if cap is None else decimal(cap, "a bound"),
        decimal(rate, "a maintenance rate"),
        None if leverage in (None, "") else decimal(leverage, "a leverage"),
        None if amount is None else Decimal(0) if amount == "" else decimal(amount, "a maintenance amount"),
    )


def packed(rows: Iterable[TierRow], *, stepped: bool) -> str:
    """Sort, check and write tiers in the table's form. TiersRefused where they cannot be a table.

    Lower bounds are not taken from what was sent: they are the cap of the tier below, however the rows came in.
    """
    ordered = sorted(rows, key=lambda tier: Decimal("Infinity") if tier.cap is None else tier.cap)
    if not ordered:
        raise TiersRefused("there are no tiers in the answer")
    for tier in ordered:
        _possible(tier)
    for number, (below, above) in enumerate(pairwise(ordered), start=2):
        if below.cap is None or (above.cap is not None and above.cap <= below.cap):
            raise TiersRefused(f"tier {number} ends where the one below does")
        if above.rate < below.rate:
            raise TiersRefused(f"the maintenance rate falls from {below.rate:%} to {above.rate:%} at tier {number}")
        if below.max_leverage and above.max_leverage and above.max_leverage > below.max_leverage:
            raise TiersRefused(
                f"the leverage rises from {below.max_leverage}x to {above.max_leverage}x at tier {number}"
            )
    return " ".join(_packed(tier, amount) for tier, amount in zip(ordered, _amounts(ordered, stepped), strict=True))


def _possible(tier: TierRow) -> None:
    if tier.cap is not None and tier.cap <= 0:
        raise TiersRefused(f"a tier ends at {tier.cap}")
    if not 0 < tier.rate < 1:
        raise TiersRefused(f"a maintenance rate of {tier.rate:%} cannot be")
    if tier.max_leverage is not None and not (tier.max_leverage >= 1 and tier.rate * tier.max_leverage <= 1):
        raise TiersRefused(f"a maintenance rate of {tier.rate:%} and a leverage of {tier.max_leverage}x cannot both be")


def _amounts(rows: list[TierRow], stepped: bool) -> list[Decimal]:  # noqa: FBT001 - one word of the declaration
    """Build the amounts by the recurrence and hold those that were sent against them."""
    if not stepped:
        return [Decimal(0)] * len(rows)
    built = [Decimal(0)]
    for below, above in pairwise(rows):
        built.append(built[-1] + (below.cap or Decimal(0)) * (above.rate - below.rate))
    for number, (tier, want) in enumerate(zip(rows, built, strict=True), start=1):
        if tier.amount is not None and abs(tier.amount - want) > _EXACT * max(Decimal(1), abs(want)):
            follows = f"{plain(want)} follows from the rates"
            raise TiersRefused(f"the maintenance amount of tier {number} is {plain(tier.amount)}, but {follows}")
    return built


def _packed(tier: TierRow, amount: Decimal) -> str:
    parts = (tier.rate, amount, tier.max_leverage, tier.cap)
    return ":".join("" if part is None else plain(part) for part in parts)


def plain(number: Decimal) -> str:
    """Write a number without powers of ten and closing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
