"""Numbers of a command while they are being read: their units, the words beside them, and the fields they go to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from handlers.command import Refused
from handlers.language.kinds import (
    CASH,
    DURATION,
    LEVERAGE,
    MONEY,
    NOW,
    PERCENT,
    PRICE,
    SIZE,
    Cash,
    Field,
    Kind,
    Size,
    Unit,
)
from handlers.language.spelling import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handlers.language.values import Values
    from signals.assets import Instrument

SPOKEN_IN_THOUSANDS: Final = frozenset({"BTC", "ETH", "SOL"})  # their prices, roughly known without asking anybody
MANY: Final = 1000.0  # coins of these: more is nobody's position, and rather a price
_OTHER_PRICE = 5.0  # times: no entry lies so far from its stop
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
    now: bool = False  # no number but the price of this moment
    whole: bool = True  # digits only: `95000.5` and `95,000` are nobody's leverage unless an x says so
    coin: Instrument | None = None
    wants: Field | None = None  # the field that a word before it named
    beside: Instrument | None = None  # the asset that stands right after it: `0.5 btc`

    def leverage(self, *, said: bool = False) -> bool:
        """Tell whether this may be a leverage; said: there is an x beside it."""
        most = _MOST_LEVERAGE if said else _BARE_LEVERAGE
        fits = self.plain and self.unit == "" and self.wants is None and 1 <= self.value <= most
        return fits and (said or self.whole)

    def digits(self) -> str:
        """Return the number without separators, to be shown in what to type."""
        return f"{self.value:.10g}"


@dataclass(slots=True)
class Marker:
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


# --- sharing out ------------------------------------------------------------------------------------------------------


def share_out(items: Sequence[Number | Marker | None], values: Values) -> None:
    """Put every number into the field it belongs to: those with a marker or a unit first, then the bare ones."""
    _bind_markers(items, values)
    loose: list[Number] = []
    for item in items:
        if not isinstance(item, Number):
            continue
        if item.wants is not None and item.unit in UNITS_OF[item.wants.kind]:  # `95000 @25x` marks no price
            _put(item, item.wants, values)
        elif item.unit in ("", "usd"):
            loose.append(item)
        else:
            _put(item, _field_for(item, values), values)
    if loose:
        _share(loose, values)


def _field_for(item: Number, values: Values) -> Field:
    every = values.plan.of(KIND_OF[item.unit])
    targets = tuple(field for field in every if not field.words) or every  # `every 8h` needs its word, `7d` does not
    if not targets:
        values.unknown(item.text)
    return next((field for field in targets if field.name not in values.by_field), targets[-1])


def _put(item: Number, into: Field, values: Values) -> None:
    values.put(into.kind, _value_of(item, into), item.text, into)
    if item.coin and values.plan.named:
        values.name(item.coin, item.text)


def _share(loose: list[Number], values: Values) -> None:
    loose = _coins_beside(loose, values, whole=False)
    needed = sum(field.expected for field in values.free(PRICE, SIZE))
    leverage = values.free(LEVERAGE)
    if leverage and len(loose) > needed:
        could = [item for item in loose if item.leverage()]
        if len(could) > 1:
            raise _which(could[0], could[1])
        if could:
            _put(could[0], leverage[0], values)
            loose.remove(could[0])
    _amounts(_coins_beside(loose, values, whole=True), values)


def _coins_beside(loose: list[Number], values: Values, *, whole: bool) -> list[Number]:
    """Take `0.5 btc` as a size, but only while enough numbers are left for what must be given.

    A whole number waits until the leverage is known, so that `95000 25 btc` reads as `btc 95000 25` does.
    """
    beside = [item for item in loose if item.beside and item.unit == "" and (whole or not item.value.is_integer())]
    if len(beside) != 1:
        return loose
    size = values.free(SIZE)
    others = [item for item in loose if item is not beside[0]]
    needed = sum(field.expected for field in values.free(PRICE))
    if _spoken(beside[0].beside) and beside[0].value < _FEW:
        needed = sum(field.required for field in values.free(PRICE))  # `0.5 btc`: nobody's price of it
    if values.free(LEVERAGE) and any(item.leverage() for item in others):
        needed += 1  # `0.5 doge 25` is a price and a leverage, as `doge 0.5 25` is
    if len(size) != 1 or len(others) < needed or not _is_size(beside[0], others, values):
        return loose
    beside[0].unit, beside[0].coin = "coin", beside[0].beside
    _put(beside[0], size[0], values)
    return others


def _is_size(item: Number, others: list[Number], values: Values) -> bool:
    """Tell whether `95000 btc` is a size where only money stands beside it: `10 btc $95000`, `95000 btc 5M`.

    Of a coin whose price is not known even roughly it is asked, never guessed: `0.5 doge 10kusd`.
    """
    if item.millions and _spoken(item.beside):
        return False  # `1M btc` is a million dollars of it
    money = [other for other in others if other.unit == "usd" or (other.millions and other.unit == "")]
    if not others or len(money) < len(others) or not values.free(PRICE):
        return True
    if _spoken(item.beside):
        return item.value < MANY
    if item.value < MANY <= others[0].value:
        raise _which_price(item, others[0])
    return True


def _amounts(loose: list[Number], values: Values) -> None:
    prices, sizes = values.free(PRICE), values.free(SIZE)
    dollars = [item for item in loose if item.unit == "usd"]
    large = [item for item in loose if item.millions and item.unit == ""]
    if sizes and len(loose) > len(prices) > 0 and len(large) == 1:  # `95000 5M`: in dollars
        if dollars:
            raise _which_price(dollars[0], large[0])
        dollars = large
    if len(loose) == len(dollars) == 2 and len(millions := [item for item in dollars if item.millions]) == 1:
        dollars = millions  # `$95000 $1m`
    marked = sizes and len(dollars) == 1  # `95000 10k$`: the one with the mark is the size
    if marked and ((prices and len(loose) > 1) or (len(loose) == 1 and _beside_a_price(dollars[0], values))):
        _put(dollars[0], sizes.pop(0), values)
        loose.remove(dollars[0])
    if (few := _coins_by_value(loose, values)) is not None:
        values.put(SIZE, Size(few.value, "coin"), few.text, sizes.pop(0))
        loose.remove(few)
    targets = sorted(prices + sizes, key=lambda field: not field.expected)[: len(loose)]
    if len(loose) > len(targets):
        raise Refused(f"I do not know what {shown(loose[-1].text)} is for. Type it {values.example()}.")
    if len({field.kind.name for field in targets}) > 1:
        odd = next((item for item in loose[1:] if not item.plain), loose[1])  # `95000 100000 100k`
        raise _which_price(loose[0], odd)
    for item, target in zip(loose, targets, strict=True):
        _put(item, target, values)


def _beside_a_price(item: Number, values: Values) -> bool:
    """Tell whether dollars beside one price that is known can be no other price of it: `stop 70000 100usd`."""
    known = [value for field in values.plan.of(PRICE) if (value := values.by_field.get(field.name))]
    free = values.free(PRICE)
    return (
        len(known) == 1
        and not any(field.required for field in free)
        and not (known[0] / _OTHER_PRICE < item.value < known[0] * _OTHER_PRICE)
    )


def _coins_by_value(loose: list[Number], values: Values) -> Number | None:
    """Find the number that can only be a count of coins: `81000 85000 0.1`, or `95000 0.1` of a coin in thousands."""
    prices = values.free(PRICE)
    small = [item for item in loose if item.plain and item.unit == "" and 0 < item.value < _FEW]
    others = [item.value for item in loose if item not in small]
    if len(small) != 1 or not others or not values.free(SIZE) or len(others) > len(prices):
        return None
    if min(others) < 100 * small[0].value or max(others) > 5 * min(others):
        return None
    named = values.named()
    spoken = min(others) >= MANY and (named is None or named.asset in SPOKEN_IN_THOUSANDS)
    return small[0] if len(others) == 2 or spoken else None


# --- words beside numbers ---------------------------------------------------------------------------------------------


def _bind_markers(items: Sequence[Number | Marker | None], values: Values) -> None:
    """Give each word that speaks about a number to the number beside it. Refused where it may be another one."""
    for i, item in enumerate(items):
        if not isinstance(item, Marker):
            continue
        before = items[i - 1] if i else None
        after = items[i + 1] if i + 1 < len(items) else None
        if item.unit == "x":
            _bind_leverage(before, after)
        elif item.margin:
            _bind_margin(item, before, after)
        elif not isinstance(after, Number):
            continue
        elif item.field and (named := _named(item.field, after.unit, values.plan.fields)):
            after.wants = named
            if named.kind is SIZE:
                _bind_size(after)
        elif item.field and item.field.kind is PRICE and item.field.words and after.unit == "%":  # as the fee: exit 2%
            raise Refused(f"{shown(after.text)} is no {item.field.label}. Type the price itself, {values.example()}.")
        elif item.unit == "usd" and after.unit == "":
            after.unit, after.plain = "usd", False


def _named(field: Field, unit: Unit, fields: Sequence[Field]) -> Field | None:
    """Return the field that a word names for a number of this unit: `risk 1%` is a share, `risk $500` an amount."""
    alike = (other for other in fields if other.words and other.words == field.words)
    return next((named for named in (field, *alike) if unit in UNITS_OF.get(named.kind, ())), None)


def _bind_leverage(before: object, after: object) -> None:
    """Give an `x` that stands alone to the number beside it that can be a leverage."""
    left = before if isinstance(before, Number) and before.leverage(said=True) else None
    right = after if isinstance(after, Number) and after.leverage(said=True) else None
    if left and right:
        raise _which(left, right)
    found = left or right
    if found:
        found.unit = "x"


def _bind_margin(marker: Marker, before: object, after: object) -> None:
    """Give the number beside the word `margin` to the collateral: it is not the size of the position.

    `isolated margin 95000` speaks of no number; Refused for `isolated margin 1000usd`, which may be either.
    """
    left = before if isinstance(before, Number) and before.wants is None and before.unit == "usd" else None
    right = after if isinstance(after, Number) and after.wants is None and after.unit in ("", "usd") else None
    if marker.margin == "glued":
        if right and right.unit:
            text = shown(right.text).replace(" ", "")
            raise Refused(f"Is {text} the margin or the whole position? Type collateral {text} or size {text}.")
        return
    if left and right:  # `1000usd margin 95000`
        one, two = (shown(number.text).replace(" ", "") for number in (left, right))
        raise Refused(f"Which is the margin, {one} or {two}? Type it as collateral {one} or collateral {two}.")
    found = left or right
    if found:
        found.wants = marker.field


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
    elif item.beside and not (_spoken(item.beside) and item.value >= MANY):
        coin = item.beside.unit
        raise Refused(f"Is the size in {coin} or in dollars? Type it like {text}{coin.lower()} or {text}usd.")


# --- what a number becomes --------------------------------------------------------------------------------------------


def _value_of(item: Number, into: Field) -> Any:
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
        return _money(item, into)
    return value


def _money(item: Number, into: Field) -> Any:
    """Return a size, money or a price."""
    text, value = shown(item.text), item.value
    if item.now:
        return NOW
    if into.kind is CASH:
        if abs(value) > _MOST_CASH:
            raise Refused(f"{text} is out of range. Type an amount like 5000 or 0.05btc.")
        return Cash(value, "coin" if item.unit == "coin" else "usd" if item.unit == "usd" else "")
    if into.kind is SIZE:
        if not 0 < value <= _LARGEST_SIZE:
            bound = "it must be above zero" if value <= 0 else "it is more than there is"
            raise Refused(f"{text} is no size: {bound}. Type it like 10kusd or 0.5btc.")
        if item.unit != "coin" or item.coin is None:
            return Size(value, "usd")
        return Size(value * item.coin.multiplier, "coin", item.coin.asset)
    if not 0 < value <= _HIGHEST_PRICE:
        raise Refused(f"{text} is no {into.label}: it must be above zero and below a billion. Type it like 95000.")
    return value


def _which(one: Number, two: Number) -> Refused:
    """Ask which of two numbers is the leverage."""
    first, second = one.digits(), two.digits()
    return Refused(f"Which is the leverage, {first} or {second}? Type it with an x: {first}x or {second}x.")


def _which_price(one: Number, two: Number) -> Refused:
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


def _spoken(coin: Instrument | None) -> bool:
    return coin is not None and coin.asset in SPOKEN_IN_THOUSANDS
