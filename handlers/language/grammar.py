"""The free-order grammar: the words of a command in any order and spelling, read into the command's own dataclass.

A field says what it takes: `entry: float = argument(PRICE)`. Words that can only be one thing (long, binance, btc, 25x,
7d, 2%) go where they belong; bare numbers are shared out last, and a number that could be two things is asked about,
never guessed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from handlers.command import Refused
from handlers.language.amounts import (
    KIND_OF,
    MANY,
    SPOKEN_IN_THOUSANDS,
    UNITS_OF,
    Mark,
    Number,
    bind_marks,
    value_of,
    which,
    which_price,
)
from handlers.language.kinds import (
    ASSET,
    CASH,
    CONTRACT,
    DOLLARS,
    DURATION,
    FILLERS,
    LEVERAGE,
    LEVERAGE_WORDS,
    MARGIN_MODE,
    MONEY,
    OTHER_EXCHANGES,
    PERCENT,
    PRICE,
    REST,
    SIDE,
    SIZE,
    TIME,
    VENUE,
    ZONE,
    Cash,
    Contract,
    Field,
    Kind,
    MarginMode,
    Plan,
    Side,
    Size,
    argument,
    choice,
    not_known_here,
    plan_of,
)
from handlers.language.spelling import LONGEST, chunks, number, numbered_asset, shown, split_command, suggest, symbol

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

__all__ = [
    "ASSET",
    "CASH",
    "CONTRACT",
    "DURATION",
    "LEVERAGE",
    "MARGIN_MODE",
    "MONEY",
    "PERCENT",
    "PRICE",
    "REST",
    "SIDE",
    "SIZE",
    "TIME",
    "VENUE",
    "ZONE",
    "Cash",
    "Contract",
    "Kind",
    "MarginMode",
    "Side",
    "Size",
    "argument",
    "choice",
    "parse",
    "split_command",
    "suggest",
]

T = TypeVar("T")

_CONTRACTS = frozenset({"contracts", "conts", "lots", "lot"})
_MILLION = 1e6
_NUMBER = re.compile(r"([@$€+-]{0,3})(\d[\d.,_']*|\.\d+)(e[+-]?\d{1,2}(?![a-z\d]))?(.*)", re.ASCII | re.IGNORECASE)
_GLUED = re.compile(r"([a-z]+)([\d@$].*)", re.ASCII | re.IGNORECASE)


def parse(arguments: type[T], text: str, *, command: str, assets: Collection[str] = ()) -> T:
    """Read the words of a command into its dataclass, whatever their order and spelling.

    command: its name, for the example in an error. assets: names that are known (others are taken where they can only
    be one). Refused, with one sentence that says what to type, for anything that cannot be read one way.
    """
    if len(text) > LONGEST:
        raise Refused(f"That is {len(text):,} characters long; a command has at most {LONGEST}. Type a shorter one.")
    plan = plan_of(cast("Hashable", arguments))
    reading = _Reading(plan, command, assets)
    if plan.rest is not None and len(plan.fields) == 1:
        if text.strip():
            reading.values[plan.rest.name] = text.strip()
    else:
        for chunk in chunks(text):
            reading.word(chunk)
        reading.settle()
    return arguments(**reading.result())


class _Reading:
    """One text being read."""

    def __init__(self, plan: Plan, command: str, assets: Collection[str]) -> None:
        self.plan = plan
        self.command = command
        self.assets = assets
        self.values: dict[str, Any] = {}
        self.said: dict[str, str] = {}
        self.items: list[Number | Mark | None] = []
        self.rest: list[str] = []
        self.kind: Kind | None = None  # of the last word

    # --- words --------------------------------------------------------------------------------------------------------

    def word(self, chunk: str) -> None:
        """Put one word where it belongs, or into the row of numbers that is shared out at the end."""
        self._place(chunk, chunk.lower())
        known = self.plan.words.get(chunk.lower())
        self.kind = known[0] if known else None

    def _place(self, chunk: str, lower: str) -> None:
        plan = self.plan
        if self._unit_word(chunk, lower):
            return
        if lower in plan.words:
            kind, value = plan.words[lower]
            self._put(kind, value, chunk)
            self.items.append(None)
        elif lower in _CONTRACTS and SIZE in plan.kinds and self._counts_contracts():
            raise Refused(
                "How much a contract is differs from exchange to exchange. "
                "Type the size in coins or dollars, like 10btc or 950kusd."
            )
        elif lower in plan.markers:
            self.items.append(Mark(plan.markers[lower]))
        elif lower == "margin" and "collateral" in plan.markers:
            glued = self.kind in (MARGIN_MODE, CONTRACT)
            self.items.append(Mark(plan.markers["collateral"], margin="glued" if glued else "bare"))
        elif lower in LEVERAGE_WORDS and LEVERAGE in plan.kinds:
            self.items.append(Mark(unit="x"))
        elif self._read_whole(chunk):
            pass
        elif plan.rest is not None and (lower in FILLERS or not plan.numbers):
            self.rest.append(chunk) if lower in FILLERS else self._name(chunk)
        elif not (self._number(chunk) or self._glued(chunk)) and lower not in FILLERS:
            self._name(chunk)

    def _counts_contracts(self) -> bool:
        """Tell whether the word before is a number of contracts: `1000 contracts`, but not `25x contracts`."""
        before = self.items[-1] if self.items else None
        return isinstance(before, Number) and before.unit == ""

    def _unit_word(self, chunk: str, lower: str) -> bool:
        """Take a unit that stands apart from its number: `95 k`, `10k usd`, `2 %`, `7 days`; `25 x` is a mark."""
        before = self.items[-1] if self.items else None
        if lower == "000" and isinstance(before, Number) and before.whole and before.value < 1000:
            before.value, before.text, before.whole = before.value * 1000, f"{before.text} 000", False
            return True
        words = self.plan.words
        side = lower == "b" and lower in words  # `95000 b` buys, `95b` is large
        if not self.plan.numbers or lower not in self.plan.suffixes or lower in LEVERAGE_WORDS or side:
            return False
        if isinstance(before, Number) and not before.unit:
            return self._unit_of(before, chunk, lower)
        if lower == "$":
            self.items.append(Mark(unit="usd"))
        return lower in DOLLARS and lower not in words

    def _unit_of(self, number: Number, chunk: str, lower: str) -> bool:
        if lower in self.plan.words and number.leverage():  # `25 usdt` names the contract, `95000 usdt` the money
            return False
        factor, unit = self.plan.suffixes[lower]
        if unit == "" and not number.plain:
            return False
        number.value, number.unit, number.plain = number.value * factor, unit, False
        number.millions = number.millions or factor >= _MILLION
        number.text = f"{number.text} {chunk}"
        return True

    def _read_whole(self, chunk: str) -> bool:
        for kind in self.plan.readers:
            value = kind.read(chunk) if kind.read else None
            if value is not None:
                self._put(kind, value, chunk)
                return True
        return False

    def _number(self, chunk: str) -> bool:
        match = _NUMBER.fullmatch(chunk)
        if match is None:
            return False
        prefix, digits, power, rest = match.groups()
        lower = rest.lower()
        value = number(digits)
        if power:
            value *= 10.0 ** int(power[1:])
        found = Number(value, chunk, whole=digits.isdecimal())
        if prefix:
            found.plain = False
            if "-" in prefix:
                found.value = -value
            if "$" in prefix:
                found.unit = "usd"
            if "@" in prefix and PRICE in self.plan.kinds:
                found.wants = self.plan.of(PRICE)[0]
        suffix = self.plan.suffixes.get(lower)
        if suffix is not None:
            found.value *= suffix[0]
            found.millions = suffix[0] >= _MILLION
            found.unit = suffix[1] or found.unit
            found.plain = found.plain and not lower
            self.items.append(found)
        elif lower in self.plan.words:  # 25l, 95000long
            found.text = chunk[: -len(rest)]
            self.items.append(found)
            self.word(rest)
        elif lower[0] == "x" and lower[1:] in self.plan.words:  # 25xlong
            found.text, found.unit = chunk[: 1 - len(rest)], "x"
            self.items.append(found)
            self.word(rest[1:])
        else:
            return self._coins(found, digits, rest)
        return True

    def _coins(self, found: Number, digits: str, letters: str) -> bool:
        """Read 1000PEPE as an asset and 0.5btc or 2kbtc as an amount of it."""
        asset = numbered_asset(digits, letters, self.assets)
        if asset is not None and ASSET in self.plan.kinds:
            self._put(ASSET, asset, found.text)
            self.items.append(None)
            return True
        for magnitude, factor in (("k", 1e3), ("m", 1e6), ("", 1.0)):
            name = letters[len(magnitude) :]
            if not letters.lower().startswith(magnitude):
                continue
            if magnitude and name.upper() not in self.assets and name.upper() not in SPOKEN_IN_THOUSANDS:
                continue  # KAVA and MANA begin with a letter that could be a magnitude
            read = symbol(name, self.assets)
            if read is not None and (read.certain or name.isalpha()) and SIZE in self.plan.kinds:
                found.value, found.unit, found.coin, found.plain = found.value * factor, "coin", read.asset, False
                self.items.append(found)
                return True
        return False

    def _glued(self, chunk: str) -> bool:
        """Take long25x, x25, lev25, entry95000 apart: a known word right before a number."""
        match = _GLUED.fullmatch(chunk)
        if match is None:
            return False
        lower = match[1].lower()
        if lower not in self.plan.words and lower not in self.plan.markers and lower not in LEVERAGE_WORDS:
            return False
        self.word(match[1])
        self.word(match[2])
        return True

    def _name(self, chunk: str) -> None:
        """Take a word that is nothing else as an asset, or as text where the command takes text."""
        if VENUE in self.plan.kinds and chunk.lower() in OTHER_EXCHANGES:
            raise not_known_here(chunk)
        read = symbol(chunk, self.assets) if ASSET in self.plan.kinds else None
        if self.plan.rest is not None and (read is None or (not read.certain and not self._free(ASSET))):
            self.rest.append(chunk)
            return
        if read is None and len(pieces := [each for each in chunk.split("/") if each]) > 1:  # long/25x
            for piece in pieces:
                self.word(piece)
            return
        if read is None:
            self._unknown(chunk)
        if not read.certain and len(chunk) >= 4:
            for meant in suggest(chunk, self.plan.near, cutoff=0.75):
                raise Refused(f"“{shown(chunk)}” is not a word I know. Type {meant}, or ${read.asset} for the coin.")
        before = self.items[-1] if self.items else None
        if isinstance(before, Number) and before.unit == "":
            before.beside = read.asset
        self._put(ASSET, read.asset, chunk)
        if read.contract and CONTRACT in self.plan.kinds and "contract" not in self.values:
            self._put(CONTRACT, read.contract, chunk)
        self.items.append(None)

    # --- values -------------------------------------------------------------------------------------------------------

    def _put(self, kind: Kind, value: Any, text: str, into: Field | None = None) -> None:
        targets = (into,) if into else self.plan.of(kind)
        if not targets:
            self._unknown(text)
        for target in targets:
            if target.name not in self.values:
                self.values[target.name] = value
                self.said[target.name] = text
                return
            if self.values[target.name] == value:
                return
        first = self.said[targets[-1].name]
        raise Refused(
            f"I read both {shown(first)} and {shown(text)} as the {targets[-1].label}. "
            f"Type only one, {self._example()}."
        )

    def _unknown(self, text: str) -> NoReturn:
        raise Refused(f"I do not understand “{shown(text)}”. Type it {self._example()}.")

    def _example(self) -> str:
        from handlers.command import commands  # noqa: PLC0415 - walks all commands, for an error only

        known = commands().get(self.command)
        return f"like {known.example}" if known else f"another way (/help {self.command})"

    def result(self) -> dict[str, Any]:
        """Return the values by field. Refused where a required one is missing."""
        if self.plan.rest is not None and self.rest:
            self.values[self.plan.rest.name] = " ".join(self.rest)
        for each in self.plan.fields:
            if each.required and each.name not in self.values:
                raise Refused(f"The {each.label} is missing. Type it {self._example()}.")
        return self.values

    # --- numbers ------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Share out the numbers: those with a mark or a unit first, then the bare ones."""
        bind_marks(self.items, self.plan.fields)
        loose: list[Number] = []
        for item in self.items:
            if not isinstance(item, Number):
                continue
            if item.wants is not None and item.unit in UNITS_OF[item.wants.kind]:  # `95000 @25x` marks no price
                self._put_number(item, item.wants)
            elif item.unit in ("", "usd"):
                loose.append(item)
            else:
                self._put_number(item, self._field_for(item))
        if loose:
            self._share(loose)

    def _field_for(self, item: Number) -> Field:
        every = self.plan.of(KIND_OF[item.unit])
        targets = tuple(each for each in every if not each.words) or every  # `every 8h` needs its word, `7d` does not
        if not targets:
            self._unknown(item.text)
        return next((each for each in targets if each.name not in self.values), targets[-1])

    def _put_number(self, item: Number, into: Field) -> None:
        self._put(into.kind, value_of(item, into), item.text, into)
        if item.coin and ASSET in self.plan.kinds:
            self._put(ASSET, item.coin, item.text)

    def _free(self, *kinds: Kind) -> list[Field]:
        return [each for kind in kinds for each in self.plan.of(kind) if each.name not in self.values]

    def _share(self, loose: list[Number]) -> None:
        loose = self._coins_beside(loose, whole=False)
        needed = sum(each.required for each in self._free(PRICE, SIZE))
        leverage = self._free(LEVERAGE)
        if leverage and len(loose) > needed:
            could = [each for each in loose if each.leverage()]
            if len(could) > 1:
                raise which(could[0], could[1])
            if could:
                self._put_number(could[0], leverage[0])
                loose.remove(could[0])
        self._amounts(self._coins_beside(loose, whole=True))

    def _coins_beside(self, loose: list[Number], *, whole: bool) -> list[Number]:
        """Take `0.5 btc` as a size, but only while enough numbers are left for what must be given.

        A whole number waits until the leverage is known, so that `95000 25 btc` reads as `btc 95000 25` does.
        """
        beside = [each for each in loose if each.beside and each.unit == "" and (whole or not each.value.is_integer())]
        if len(beside) != 1:
            return loose
        size = self._free(SIZE)
        others = [each for each in loose if each is not beside[0]]
        needed = sum(each.required for each in self._free(PRICE))
        if self._free(LEVERAGE) and any(each.leverage() for each in others):
            needed += 1  # `0.5 doge 25` is a price and a leverage, as `doge 0.5 25` is
        if len(size) != 1 or len(others) < needed or not self._is_size(beside[0], others):
            return loose
        beside[0].unit, beside[0].coin = "coin", beside[0].beside
        self._put_number(beside[0], size[0])
        return others

    def _is_size(self, number: Number, others: list[Number]) -> bool:
        """Tell whether `95000 btc` is a size where only money stands beside it: `10 btc $95000`, `95000 btc 5M`.

        Of a coin whose price is not known even roughly it is asked, never guessed: `0.5 doge 10kusd`.
        """
        if number.millions and number.beside in SPOKEN_IN_THOUSANDS:
            return False  # `1M btc` is a million dollars of it
        money = [each for each in others if each.unit == "usd" or (each.millions and each.unit == "")]
        if not others or len(money) < len(others) or not self._free(PRICE):
            return True
        if number.beside in SPOKEN_IN_THOUSANDS:
            return number.value < MANY
        if number.value < MANY <= others[0].value:
            raise which_price(number, others[0])
        return True

    def _amounts(self, loose: list[Number]) -> None:
        prices, sizes = self._free(PRICE), self._free(SIZE)
        dollars = [each for each in loose if each.unit == "usd"]
        large = [each for each in loose if each.millions and each.unit == ""]
        if sizes and len(loose) > len(prices) > 0 and len(large) == 1:  # `95000 5M`: in dollars
            if dollars:
                raise which_price(dollars[0], large[0])
            dollars = large
        if len(loose) == len(dollars) == 2 and len(millions := [each for each in dollars if each.millions]) == 1:
            dollars = millions  # `$95000 $1m`
        if sizes and prices and len(loose) > 1 and len(dollars) == 1:  # `95000 10k$`: the one with the mark is the size
            self._put_number(dollars[0], sizes.pop(0))
            loose.remove(dollars[0])
        targets = sorted(prices + sizes, key=lambda each: not each.required)[: len(loose)]
        if len(loose) > len(targets):
            raise Refused(f"I do not know what {shown(loose[-1].text)} is for. Type it {self._example()}.")
        if len({each.kind.name for each in targets}) > 1:
            odd = next((each for each in loose[1:] if not each.plain), loose[1])  # `95000 100000 100k`
            raise which_price(loose[0], odd)
        for item, target in zip(loose, targets, strict=True):
            self._put_number(item, target)
