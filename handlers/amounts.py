"""Numbers of a command while they are being read: their units, the words beside them, and what they may become."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Refused
from handlers.kinds import CASH, DURATION, LEVERAGE, MONEY, PERCENT, PRICE, SIZE, Cash, Field, Kind, Size, Unit
from handlers.spelling import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_BARE_LEVERAGE = 200.0  # a bare number above this is no leverage on any venue
_MOST_LEVERAGE = 1000.0
_HIGHEST_PRICE = 1e9
_MOST_CASH = 1e12
_LONGEST_SPAN = 20 * 8760.0  # hours


@dataclass(slots=True)
class Number:
    """One number while it is being read; units and marks beside it are added as they are found."""

    value: float
    text: str
    unit: Unit = ""
    plain: bool = True  # without magnitude, unit or sign
    millions: bool = False  # written as such: 5M is nobody's price beside another one
    whole: bool = True  # digits only: `95000.5` and `95,000` are nobody's leverage unless an x says so
    coin: str | None = None
    wants: Field | None = None  # the field that a word before it named
    beside: str | None = None  # the asset that stands right after it: `0.5 btc`

    def leverage(self, *, said: bool = False) -> bool:
        """Tell whether this may be a leverage; said: there is an x beside it."""
        most = _MOST_LEVERAGE if said else _BARE_LEVERAGE
        fits = self.plain and self.unit == "" and self.wants is None and 1 <= self.value <= most
        return fits and (said or self.whole)

    def digits(self) -> str:
        """Return the number without separators, to be shown in what to type."""
        return f"{self.value:.10g}"


@dataclass(slots=True)
class Mark:
    """A word that speaks about the number beside it: a field's own word, `x`, or `$`."""

    field: Field | None = None
    unit: Unit = ""


KIND_OF: Final[Mapping[Unit, Kind]] = {"x": LEVERAGE, "%": PERCENT, "time": DURATION, "coin": SIZE}
UNITS_OF: Final[Mapping[Kind, tuple[Unit, ...]]] = {
    PRICE: ("", "usd"),
    SIZE: ("", "usd", "coin"),
    MONEY: ("", "usd"),
    CASH: ("", "usd", "coin"),
    LEVERAGE: ("", "x"),
    PERCENT: ("", "%"),
    DURATION: ("time",),
}


def bind_leverage(before: object, after: object) -> None:
    """Give an `x` that stands alone to the number beside it that can be a leverage."""
    left = before if isinstance(before, Number) and before.leverage(said=True) else None
    right = after if isinstance(after, Number) and after.leverage(said=True) else None
    if left and right:
        raise which(left, right)
    found = left or right
    if found:
        found.unit = "x"


def value_of(item: Number, into: Field) -> Any:
    """Return the number as the value of a field. Refused where it is out of the field's range."""
    text, value = shown(item.text), item.value
    if into.kind is LEVERAGE:
        if not 1 <= value <= _MOST_LEVERAGE:
            raise Refused(f"{text} is no leverage: the lowest is 1x, the highest near 150x. Type for example 25x.")
    elif into.kind is PERCENT:
        if abs(value) > 1e6:
            raise Refused(f"{text} is out of range. Type a percentage like 2%.")
    elif into.kind is DURATION:
        if not 0 < value <= _LONGEST_SPAN:
            raise Refused(f"{text} is out of range. Type a time span like 8h, 7d or 2w.")
        return timedelta(hours=value)
    else:
        return _amount(item, into)
    return value


def _amount(item: Number, into: Field) -> Any:
    """Return a size, money or a price."""
    text, value = shown(item.text), item.value
    if into.kind is CASH:
        if abs(value) > _MOST_CASH:
            raise Refused(f"{text} is out of range. Type an amount like 5000 or 0.05btc.")
        return Cash(value, "coin" if item.unit == "coin" else "usd" if item.unit == "usd" else "")
    if into.kind is SIZE:
        if not 0 < value <= 1e15:
            raise Refused(f"{text} is no size: it must be above zero. Type it like 10kusd or 0.5btc.")
        return Size(value, "coin", item.coin) if item.unit == "coin" else Size(value, "usd")
    if not 0 < value <= _HIGHEST_PRICE:
        raise Refused(f"{text} is no {into.label}: it must be above zero and below a billion. Type it like 95000.")
    return value


def which(one: Number, two: Number) -> Refused:
    """Ask which of two numbers is the leverage."""
    first, second = one.digits(), two.digits()
    return Refused(f"Which is the leverage, {first} or {second}? Type it with an x: {first}x or {second}x.")


def which_price(one: Number, two: Number) -> Refused:
    """Ask which of two numbers is the price."""
    first, second = shown(one.text).replace(" ", ""), shown(two.text).replace(" ", "")
    if one.unit or two.unit or not (first[0].isdigit() and second[0].isdigit()):
        return Refused(
            f"Which is the price, {first} or {second}? "
            f"Type the price as @{one.digits()} and the size like 10kusd or 0.5btc."
        )
    return Refused(
        f"Which is the price, {first} or {second}? Type the size with its unit, as {second}usd or {first}usd, or in "
        "coins like 0.5btc."
    )
