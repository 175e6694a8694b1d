"""The free-order grammar: the words of a command in any order and spelling, read into the command's own dataclass.

A field says what it takes: `entry: float = argument(PRICE)`. Words that can only be one thing (long, binance, btc, 25x,
7d, 2%) go where they belong; bare numbers are shared out last, and a number that could be two things is asked about,
never guessed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar, cast

from handlers.command import Refused
from handlers.language.amounts import SPOKEN_IN_THOUSANDS, Marker, Number, share_out
from handlers.language.kinds import (
    ASSET,
    COIN_FILLERS,
    CONTRACT,
    DOLLARS,
    EXPIRY,
    FILLERS,
    INSTRUMENT,
    LEVERAGE,
    LEVERAGE_WORDS,
    MARGIN_MODE,
    NOW,
    NOW_WORDS,
    PRICE,
    QUOTE,
    SIZE,
    VENUE,
    ZONE,
    Kind,
    Plan,
    days_joined,
    not_covered,
    plan_of,
    zone_among,
)
from handlers.language.spelling import (
    LONGEST,
    OTHER_MONEY,
    check_dollars,
    chunks,
    is_slip,
    number,
    numbered_symbol,
    shown,
    suggest,
    symbol,
)
from handlers.language.values import Values
from signals.assets import PACKED
from signals.liquidation import listed_names
from signals.venues import KNOWN, SPELLINGS

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    from handlers.language.spelling import Symbol

T = TypeVar("T")

_CONTRACTS = frozenset({"contracts", "conts", "lots", "lot"})
_MILLION = 1e6
_NUMBER = re.compile(
    rf"([@${OTHER_MONEY}+-]{{0,3}})" + r"(\d[\d.,_']*|\.\d+)(e[+-]?\d{1,2}(?![a-z\d]))?(.*)", re.ASCII | re.IGNORECASE
)
_GLUED = re.compile(r"([a-z]+)([\d@$].*)", re.ASCII | re.IGNORECASE)


def parse(arguments: type[T], text: str, *, command: str, assets: Collection[str] = ()) -> T:
    """Read the words of a command into its dataclass, whatever their order and spelling.

    command: its name, for the example in an error. assets: names that are known (others are taken where they can only
    be one). Refused, with one sentence that says what to type, for anything that cannot be read one way.
    """
    if len(text) > LONGEST:
        raise Refused(f"That is {len(text):,} characters long; a command has at most {LONGEST}. Type a shorter one.")
    plan = plan_of(cast("Hashable", arguments))
    reader = _Reader(plan, command, assets)
    if plan.rest is not None and len(plan.fields) == 1:
        if text.strip():
            reader.values.by_field[plan.rest.name] = text.strip()
    else:
        check_dollars(text, assets)
        for kind in plan.kinds:
            text = kind.joins(text) if kind.joins else text
        said = chunks(days_joined(text) if EXPIRY in plan.kinds else text)
        if ZONE in plan.kinds and zone_among(said) == "_".join(said).lower():
            said = ["_".join(said)]  # new york
        elif ZONE in plan.kinds and "/" in text and zone_among(said) is None:
            reader.values.unknown(text.strip())  # Mars/Base as a whole, not its first half
        for chunk in said:
            reader.word(chunk)
        share_out(reader.items, reader.values)
    return arguments(**reader.result())


class _Reader:
    """One text being read."""

    def __init__(self, plan: Plan, command: str, assets: Collection[str]) -> None:
        self.plan = plan
        self.assets = assets
        self.values = Values(plan, command)
        self.items: list[Number | Marker | None] = []
        self.rest: list[str] = []
        self.fillers: list[tuple[str, int]] = []  # those that are also a coin, and where they stand
        self.kind: Kind | None = None  # of the last word

    # --- words --------------------------------------------------------------------------------------------------------

    def word(self, chunk: str) -> None:
        """Put one word where it belongs, or into the row of numbers that is shared out at the end."""
        self._place(chunk, chunk.lower())
        known = self.plan.words.get(chunk.lower())
        self.kind = known[0] if known else None

    def _place(self, chunk: str, lower: str) -> None:
        plan = self.plan
        if self._unit_word(chunk, lower) or self._price_of_now(chunk, lower):
            return
        if lower in plan.words:
            kind, value = plan.words[lower]
            self.values.put(kind, value, chunk)
            self.items.append(None)
        elif lower in _CONTRACTS and SIZE in plan.kinds and self._counts_contracts():
            raise Refused(
                "How much a contract is differs from exchange to exchange. "
                "Type the size in coins or dollars, like 10btc or 950kusd."
            )
        elif lower in plan.markers:
            self.items.append(Marker(plan.markers[lower]))
        elif lower == "margin" and "collateral" in plan.markers:
            glued = self.kind in (MARGIN_MODE, CONTRACT, QUOTE)
            self.items.append(Marker(plan.markers["collateral"], margin="glued" if glued else "bare"))
        elif lower in LEVERAGE_WORDS and LEVERAGE in plan.kinds:
            self.items.append(Marker(unit="x"))
        elif self._read_whole(chunk):
            pass
        elif plan.rest is not None and (lower in FILLERS or not plan.numbers):
            self.rest.append(chunk) if lower in FILLERS else self._name(chunk)
        elif not (self._number(chunk) or self._glued(chunk)):
            self._name(chunk) if lower not in FILLERS else self._filler(chunk, lower)

    def _price_of_now(self, chunk: str, lower: str) -> bool:
        """Take a word that stands for the price of this moment."""
        if lower not in NOW_WORDS or lower in self.plan.words or PRICE not in self.plan.kinds:
            return False
        self.items.append(Number(NOW, chunk, plain=False, whole=False, now=True))
        return True

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
            self.items.append(Marker(unit="usd"))
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
                self.values.put(kind, value, chunk)
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
        named = numbered_symbol(digits, letters, self.assets)
        if named is not None and self.plan.named:
            self.values.name(named.instrument, found.text)
            self.items.append(None)
            return True
        for magnitude, factor in (("k", 1e3), ("m", 1e6), ("", 1.0)):
            name = letters[len(magnitude) :]
            if not letters.lower().startswith(magnitude):
                continue
            if magnitude and not {name.upper()} & {*self.assets, *SPOKEN_IN_THOUSANDS, *PACKED[1_000]}:
                continue  # KAVA and MANA begin with a letter that could be a magnitude
            read = symbol(name, self.assets)
            if read is not None and (read.certain or name.isalpha()) and SIZE in self.plan.kinds:
                found.value, found.unit, found.coin, found.plain = found.value * factor, "coin", read.instrument, False
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
        if VENUE in self.plan.kinds and chunk.lower() in KNOWN and chunk.upper() not in self.assets:
            raise not_covered(chunk)
        if self._is_exchange(chunk):
            self.values.no_exchange(chunk)
        read = symbol(chunk, self.assets) if self.plan.named else None
        if self.plan.rest is not None and (
            read is None or (not read.certain and not self.values.free(ASSET, INSTRUMENT))
        ):
            self.rest.append(chunk)
            return
        if read is None and len(pieces := [piece for piece in chunk.split("/") if piece]) > 1:  # long/25x
            for piece in pieces:
                self.word(piece)
            return
        if read is None:
            self.values.unknown(chunk)
        if not read.certain and self._slip(chunk, read):
            return
        before = self.items[-1] if self.items else None
        if isinstance(before, Number) and before.unit == "" and not before.now:
            before.beside = read.instrument
        self.values.name(read.instrument, chunk)
        self.items.append(None)

    def _is_exchange(self, chunk: str) -> bool:
        """Tell whether a word names an exchange, and neither a coin nor a part of a text, where none is taken."""
        plan, coin = self.plan, chunk.upper()
        if VENUE in plan.kinds or not plan.named or plan.rest is not None:
            return False
        return chunk.lower() in {*SPELLINGS, *KNOWN} and coin not in self.assets and coin not in listed_names()

    def _slip(self, chunk: str, read: Symbol) -> bool:
        """Take lng for long; ask where a word is less surely misspelt. A coin that is listed somewhere is no slip."""
        if len(chunk) < 3 or read.asset in listed_names():
            return False
        for meant in suggest(chunk, (*self.plan.near, *self.plan.sides), cutoff=0.75):
            if is_slip(chunk.lower(), meant):
                self.word(meant)
                return True
            if len(chunk) > 3:
                raise Refused(f"“{shown(chunk)}” is not a word I know. Type {meant}, or ${read.asset} for the coin.")
        return False

    def _filler(self, chunk: str, lower: str) -> None:
        """Pass over a word that says nothing, but remember one that is a coin as well: `me 1.5`."""
        if lower in COIN_FILLERS and INSTRUMENT in self.plan.kinds:
            self.fillers.append((chunk, len(self.items)))

    def _ask_about_fillers(self) -> None:
        """Ask whether a word beside a number is a coin, where no coin is named: the first one is never a guess."""
        if self.values.named() is not None:
            return
        for chunk, at in self.fillers:
            if any(isinstance(item, Number) for item in self.items[max(0, at - 1) : at + 1]):
                raise Refused(f"Is “{shown(chunk)}” the coin? Type ${chunk.upper()} for it, or another coin, like btc.")

    def result(self) -> dict[str, Any]:
        """Return the values by field. Refused where a required one is missing."""
        self._ask_about_fillers()
        if self.plan.rest is not None and self.rest:
            self.values.by_field[self.plan.rest.name] = " ".join(self.rest)
        self.values.check()
        return self.values.by_field
