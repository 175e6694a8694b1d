"""Numbers of a command while they are being read: their units, the words beside them, and what they may become."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from handlers.command import Refused
from handlers.language.kinds import CASH, DURATION, LEVERAGE, MONEY, PERCENT, PRICE, SIZE, Cash, Field, Kind, Size, Unit
from handlers.language.spelling import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SPOKEN_IN_THOUSANDS: Final = frozenset({"BTC", "ETH", "SOL"})  # their prices, roughly known without asking anybody
MANY: Final = 1000.0  # coins of these: more is nobody's position, and rather a price
_FEW = 10.0  # dollars: less is nobody's position
_BARE_LEVERAGE = 200.0  # a bare number above this is no leverage on any venue
_MOST_LEVERAGE = 1000.0
_HIGHEST_PRICE = 1e9
_MOST_CASH = 1e12
_LARGEST_SIZE = 1e15
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
    margin: Literal["", "bare", "glued"] = ""  # the word `margin`; glued: to `isolated`, `cross` or `usdt` before it


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


def bind_marks(items: Sequence[Number | Mark | None], fields: Sequence[Field]) -> None:
    """Give each word that speaks about a number to the number beside it. Refused where it may be another one."""
    for i, item in enumerate(items):
        if not isinstance(item, Mark):
            continue
        before = items[i - 1] if i else None
        after = items[i + 1] if i + 1 < len(items) else None
        if item.unit == "x":
            _bind_leverage(before, after)
        elif item.margin:
            _bind_margin(item, before, after)
        elif not isinstance(after, Number):
            continue
        elif item.field and (named := _named(item.field, after.unit, fields)):
            after.wants = named
            if named.kind is SIZE:
                _bind_size(after)
        elif item.unit == "usd" and after.unit == "":
            after.unit, after.plain = "usd", False


def _named(field: Field, unit: Unit, fields: Sequence[Field]) -> Field | None:
    """Return the field that a word names for a number of this unit: `risk 1%` is a share, `risk $500` an amount."""
    alike = (each for each in fields if each.words and each.words == field.words)
    return next((each for each in (field, *alike) if unit in UNITS_OF.get(each.kind, ())), None)


def _bind_leverage(before: object, after: object) -> None:
    """Give an `x` that stands alone to the number beside it that can be a leverage."""
    left = before if isinstance(before, Number) and before.leverage(said=True) else None
    right = after if isinstance(after, Number) and after.leverage(said=True) else None
    if left and right:
        raise which(left, right)
    found = left or right
    if found:
        found.unit = "x"


def _bind_margin(mark: Mark, before: object, after: object) -> None:
    """Give the number beside the word `margin` to the collateral: it is not the size of the position.

    `isolated margin 95000` speaks of no number; Refused for `isolated margin 1000usd`, which may be either.
    """
    left = before if isinstance(before, Number) and before.wants is None and before.unit == "usd" else None
    right = after if isinstance(after, Number) and after.wants is None and after.unit in ("", "usd") else None
    if mark.margin == "glued":
        if right and right.unit:
            text = shown(right.text).replace(" ", "")
            raise Refused(f"Is {text} the margin or the whole position? Type collateral {text} or size {text}.")
        return
    if left and right:  # `1000usd margin 95000`
        one, two = (shown(each.text).replace(" ", "") for each in (left, right))
        raise Refused(f"Which is the margin, {one} or {two}? Type it as collateral {one} or collateral {two}.")
    found = left or right
    if found:
        found.wants = mark.field


def _bind_size(item: Number) -> None:
    """Read the unit of `size 0.5 btc`: coins where dollars would be nobody's position, and the other way round.

    Refused where it may be either, or where `btc size 0.5` would be read in another way than `size 0.5 btc`.
    """
    if item.unit or not item.plain:
        return
    text = shown(item.text)
    if 0 < item.value < _FEW:
        if item.beside is None:
            raise Refused(f"Is {text} the size in coins or in dollars? Type it like {text}btc or {text}usd.")
        item.unit, item.coin = "coin", item.beside
    elif item.beside and not (item.beside in SPOKEN_IN_THOUSANDS and item.value >= MANY):
        coin = item.beside.lower()
        raise Refused(f"Is the size in {item.beside} or in dollars? Type it like {text}{coin} or {text}usd.")


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
        if not 0 < value <= _LARGEST_SIZE:
            bound = "it must be above zero" if value <= 0 else "it is more than there is"
            raise Refused(f"{text} is no size: {bound}. Type it like 10kusd or 0.5btc.")
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
