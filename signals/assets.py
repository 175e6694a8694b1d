"""Assets and instruments: the one way from anything that is written (1000PEPE, BTC/USDT:USDT) to what it names.

An asset has one name, whoever lists it: BTC, never XBT; PEPE, never 1000PEPE. What else a symbol says (quote, settle
coin, expiry, how many coins are priced as one) is kept beside it, so that nothing it says is dropped.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from signals.units import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["perpetual", "future", "option", "spot"]
Margin = Literal["linear", "inverse", "quanto"]

LONGEST: Final = 48  # characters; no symbol of any venue is longer


class UnreadableSymbol(ValueError):  # noqa: N818 - it says what is the matter with the symbol
    """A text names no instrument that can be spoken of here; the message says why, as one sentence.

    reason: the same without a word of the text, for where it may be a secret in the wrong place.
    """

    def __init__(self, text: str, reason: str, instead: str = "it like BTC or BTCUSDT") -> None:
        super().__init__(f"{_shown(text)} {reason}: write {instead}.")
        self.reason = reason


class Rename(NamedTuple):
    """An old name of an asset. since: the day from which venues use the new one; None where both are in use."""

    old: str
    new: str
    since: dt.date | None
    source: str


# Renamed one to one. Where the amount changed too (MKR to 24,000 SKY, GAL to 60 G, BTT to 1,000 BTTC) the old coin is
# another one, with prices of its own.
RENAMES: Final = (
    Rename("XBT", "BTC", None, "BitMEX, Kraken and KuCoin write it so, after ISO 4217"),
    Rename("XDG", "DOGE", None, "Kraken writes it so"),
    Rename("GNT", "GLM", dt.date(2020, 11, 19), "Golem: migration 1:1"),
    Rename("RNDR", "RENDER", dt.date(2024, 7, 26), "Render Network: migration to Solana 1:1"),
    Rename("MATIC", "POL", dt.date(2024, 9, 4), "Polygon: migration 1:1"),
    Rename("KLAY", "KAIA", dt.date(2024, 10, 31), "Klaytn becomes Kaia 1:1; trading at Binance"),
    Rename("DAR", "D", dt.date(2025, 1, 7), "Mines of Dalarnia becomes Dar Open Network 1:1; trading at Binance"),
    Rename("FTM", "S", dt.date(2025, 1, 16), "Fantom becomes Sonic 1:1; trading at Binance"),
    Rename("BNX", "FORM", dt.date(2025, 3, 19), "BinaryX becomes Four 1:1; trading at Binance"),
    Rename("STPT", "AWE", dt.date(2025, 5, 21), "STP becomes AWE Network 1:1; trading at Binance"),
    Rename("EOS", "A", dt.date(2025, 5, 28), "EOS becomes Vaulta 1:1; trading at Binance"),
)
_NEW: Final = {rename.old: rename.new for rename in RENAMES}
_OLD: Final = {
    new: tuple(rename.old for rename in RENAMES if rename.new == new) for new in dict.fromkeys(_NEW.values())
}

# What people call them; a venue's BITCOIN is another coin (HarryPotterObamaSonic10Inu).
SPOKEN: Final = {
    "BITCOIN": "BTC",
    "ETHEREUM": "ETH",
    "ETHER": "ETH",
    "SOLANA": "SOL",
    "RIPPLE": "XRP",
    "DOGECOIN": "DOGE",
    "CARDANO": "ADA",
    "LITECOIN": "LTC",
    "AVALANCHE": "AVAX",
}

# --- coins by the thousand --------------------------------------------------------------------------------------------

# Coins that venues list by the thousand or more, by how many: `kpepe` and `1000pepe` are these, KAVA and `1000doge` are
# not. Only text needs the list: what a venue lists as 1000NEW is a thousand of NEW.
_THOUSANDS: Final = "BONK BTT CAT CHEEMS COQ DOGS FLOKI LUNC NEIRO NEIROCTO PEPE RATS SATS SHIB TURBO WEN WHY X XEC XEN"
PACKED: Final = {
    1_000: frozenset(_THOUSANDS.split()),
    10_000: frozenset({"COQ", "ELON", "LADYS", "QUBIC", "SATS", "STARL", "WEN"}),
    1_000_000: frozenset({"AIDOGE", "BABYDOGE", "BOB", "MOG", "PEIPEI"}),
}
_PACKS: Final = (1_000, 1_000_000, 10_000, 100_000)  # as often as they are met
_PREFIX: Final = re.compile(r"(1000000|100000|10000|1000|1M)(?=[^\W\d_])(.+)", re.DOTALL)
_SUFFIX: Final = re.compile(r"([^\W\d_]{2,})(1000000|100000|10000|1000|1M)")
_THOUSAND: Final = re.compile(r"k[A-Z][A-Z0-9]*")  # Hyperliquid writes kPEPE, and the case tells it from a name
_NAME: Final = re.compile(r"[^\W_]{1,20}")


def coin(base: str) -> tuple[str, int]:
    """Read what stands before the quote: the asset, and how many of it are priced as one.

    UnreadableSymbol where it can be no name, or is packed twice.

    >>> coin("1000PEPE"), coin("kSHIB"), coin("SHIB1000"), coin("1MBABYDOGE"), coin("1INCH"), coin("XBT")
    (('PEPE', 1000), ('SHIB', 1000), ('SHIB', 1000), ('BABYDOGE', 1000000), ('1INCH', 1), ('BTC', 1))
    """
    name = base.strip()
    if not _NAME.fullmatch(name):
        raise UnreadableSymbol(base, "is not the name of an asset")
    inner, multiplier = _unpacked(name)
    if multiplier > 1 and _unpacked(inner)[1] > 1:
        raise UnreadableSymbol(base, "is packed twice")
    return _NEW.get(inner, inner), multiplier


def _unpacked(name: str) -> tuple[str, int]:
    upper = name.upper()
    if found := _PREFIX.fullmatch(upper):
        return found[2], _times(found[1])
    if _THOUSAND.fullmatch(name) or (upper[0] == "K" and upper[1:] in PACKED[1_000]):
        return upper[1:], 1_000
    if found := _SUFFIX.fullmatch(upper):
        return found[1], _times(found[2])
    return upper, 1


def _times(digits: str) -> int:
    return 1_000_000 if digits == "1M" else int(digits)


def packed(asset: str, multiplier: int) -> str:
    """Return how so many coins of an asset are written as one: PEPE and 1000 are 1000PEPE."""
    return asset if multiplier == 1 else f"{multiplier}{asset}"


def listed_as(asset: str, multiplier: int = 1) -> tuple[tuple[str, int], ...]:
    """Return how venues may list an asset, each with its multiplier, in the order in which they are to be tried.

    The named packing first, then the plain coin, then the other packings, then old names: POL before MATIC.
    """
    order = tuple(dict.fromkeys((multiplier, 1, *_PACKS)))
    found: list[tuple[str, int]] = []
    for name in (asset, *_OLD.get(asset, ())):
        for times in order:
            found.append((packed(name, times), times))
            if times == 1_000_000:
                found.append((f"1M{name}", times))
    return tuple(found)


# --- instruments ------------------------------------------------------------------------------------------------------

# Dollars of one kind or another; what is quoted in one of the coins is settled in it.
DOLLARS: Final = ("USDT", "USDC", "FDUSD", "BUSD", "USDE", "USD1", "TUSD", "U", "USD")
_OTHERS: Final = "AUD BNB BRL BTC DAI ETH EUR GBP JPY KRW LTC SOL TRY XBT"
CURRENCIES: Final = frozenset((*DOLLARS, *_OTHERS.split()))
_QUOTES: Final = "USDT|USDC|FDUSD|BUSD|USDE|USD1|USD"  # in one word with any coin: XBTUSD is no XB in TUSD
_MAJORS: Final = "ADA|BCH|BNB|BSV|BTC|DOGE|DOT|EOS|ETH|LINK|LTC|SOL|TRX|XBT|XRP"  # crosses of these are one word
# Coins whose own name ends like a quote
_WHOLE: Final = frozenset({*DOLLARS, "CRVUSD", "GUSD", "LUSD", "PYUSD", "RLUSD", "SUSD", "USDD", "PERP", "SUPERP"})
_MONTHS: Final = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_CODES: Final = "FGHJKMNQUVXZ"  # of months, on every futures exchange
_GLUED: Final = re.compile(
    rf"(?:(?P<major>{_MAJORS})(?P<cross>{_QUOTES}|TUSD|BTC|XBT|ETH|BNB|EUR|GBP|U)?|(?P<base>[^\W_]{{1,20}}?)(?P<quote>{_QUOTES}))"
    rf"(?P<mark>M|_?PERP)?(?P<code>[{_CODES}]\d\d)?"
    r"|(?P<perpetual>[^\W_]{2,16})PERP"
    r"|(?P<dated>[^\W\d_]{2,16}?)(?P<day>\d{6})"
)
_DAY: Final = re.compile(r"(?P<d>\d{1,2})(?P<m>[A-Z]{3})(?P<y>\d\d)|(?:20)?(?P<yy>\d\d)(?P<mm>\d\d)(?P<dd>\d\d)")
_STRIKE: Final = re.compile(r"\d+(?:D\d+)?", re.IGNORECASE)
_PREFIXED: Final = re.compile(r"(PI|PF|FI|FF|IN|RR|(?:SPOT|PERP)(?=_[^_]+_))_(.+)")
_PERPETUAL: Final = frozenset({"PERP", "PERPETUAL", "SWAP", "P"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a symbol names, as far as it says so; None is what it does not say.

    multiplier: coins of the asset that are priced and counted as one (1000 for 1000PEPE). kind None: BTCUSDT is a
    spot pair at one venue and a perpetual at the next. strike and right (C, P) of an option.
    """

    asset: str
    quote: str | None = None
    settle: str | None = None
    expiry: dt.date | None = None
    multiplier: int = 1
    kind: Kind | None = None
    strike: float | None = None
    right: Literal["C", "P"] | None = None

    @property
    def unit(self) -> str:
        """Return what its price is the price of: 1000PEPE."""
        return packed(self.asset, self.multiplier)

    @property
    def margin(self) -> Margin | None:
        """Return how it is margined: in dollars or the quote, in its own coin, or in a third one; None if not said."""
        if self.settle is None:
            return "linear" if self.quote in DOLLARS and self.quote != "USD" else None
        if self.settle == self.asset:
            return "inverse"
        return "linear" if self.settle == self.quote or self.settle in DOLLARS else "quanto"

    def __str__(self) -> str:
        """Return a symbol that reads to this very instrument, in ccxt's form as far as it goes."""
        if self.kind == "spot":
            return f"SPOT_{self.unit}_{self.quote}"
        text = self.unit + (f"/{self.quote}" if self.quote else "") + (f":{self.settle}" if self.settle else "")
        if self.expiry is not None:
            text += f"-{self.expiry:%y%m%d}"
        if self.kind == "option":
            return f"{text}-{self.strike:.10g}-{self.right}"
        return f"{text}-PERP" if self.kind == "perpetual" and self.settle is None else text


def instrument(text: str) -> Instrument:
    """Read a symbol in any venue's or person's spelling: BTCUSDT, BTC-USD-SWAP, XBTUSDTM, BTC-26DEC25, kPEPE, #BTC.

    UnreadableSymbol, with the reason, where it names nothing, or nothing that is one instrument: an index, a
    combination, a day without its year.

    >>> str(instrument("1000PEPEUSDT")), str(instrument("BTCUSD_PERP")), str(instrument("BTC-26DEC25"))
    ('1000PEPE/USDT', 'BTC/USD:BTC', 'BTC-251226')
    """
    written = text.strip().lstrip("$#")
    if not written or len(written) > LONGEST:
        raise UnreadableSymbol(text, "is no symbol")
    prefixed = _PREFIXED.fullmatch(written.upper())
    if prefixed and prefixed[1] in ("IN", "RR"):
        raise UnreadableSymbol(text, "is an index, which nobody can hold")
    prefix = prefixed[1] if prefixed else ""
    return _Reading(text, written[len(prefix) + 1 :] if prefix else written, prefix).read()


def followed(text: str) -> Instrument:
    """Read a symbol where an asset is wanted, which stands for its main perpetual: BTC, BTCUSDT, BTC-USDT-SWAP, XBT.

    UnreadableSymbol for anything else that a symbol may name: one in USDC or in coins, a dated one, an option.
    """
    read = instrument(text)
    if why := not_followed(read):
        raise UnreadableSymbol(text, why, read.asset)
    return read


def not_followed(read: Instrument) -> str:
    """Say why figures of an instrument are not those of its asset, as the rest of a sentence; "" where they are."""
    why = ""
    if read.kind in ("future", "option"):
        why = "is a dated contract, and those are not followed"
    elif read.kind == "spot":
        why = "is a spot pair, and perpetuals are followed"
    elif read.quote and read.quote not in DOLLARS:
        why = "is not quoted in dollars, as all figures are"
    elif read.margin not in (None, "linear"):
        why = "is coin-margined, and figures are kept by asset, from its main perpetual"
    elif read.quote not in (None, "USDT", "USD"):
        why = "is not the main perpetual of its asset, from which figures are kept"
    return why


def assets_of(texts: Iterable[str]) -> list[str]:
    """Read symbols of what can be followed, as assets, each once. UnreadableSymbol for the first that cannot be."""
    return list(dict.fromkeys(followed(text).asset for text in texts))


class _Reading:
    """One symbol being read, from its end to its beginning."""

    def __init__(self, text: str, written: str, prefix: str) -> None:
        self.text, self.prefix = text, prefix
        pair, _, settled = written.partition(":")
        if settled and "/" not in pair:
            raise UnreadableSymbol(text, "is listed at a place of its own, which is not covered here")
        self.parts = re.split(r"[-_/.]", re.sub(r"(?<=\d)\.(?=\d)", "D", pair))  # a strike: 0.06, 1d02
        self.settle, *more = settled.upper().replace(".", "D").split("-")
        self.parts += more
        self.kind: Kind | None = "perpetual" if self.settle else None
        self.expiry: dt.date | None = None
        self.strike: float | None = None
        self.right: Literal["C", "P"] | None = None
        self.coded = False
        self.slashed = "/" in pair

    def read(self) -> Instrument:
        named = self._perpetual()
        if not named:
            self._option()
            self._dated()
        if len(self.parts) > 2 or not all(self.parts):
            raise UnreadableSymbol(self.text, "says more than is understood")
        base, quote = self._pair()
        asset, multiplier = coin(base)
        quote = _NEW.get(quote, quote)
        if asset == quote:
            raise UnreadableSymbol(self.text, "is a coin in itself, which is no market")
        if named == "PERPETUAL" and not quote:  # Deribit's word for its coin-margined ones
            quote = "USD"
        if self.prefix == "SPOT":
            if not quote or self.kind:
                raise UnreadableSymbol(self.text, "is a spot pair with something else")
            self.kind = "spot"
        if self.prefix in ("PI", "PF", "PERP"):
            self.kind = "perpetual"
        return Instrument(
            asset=asset,
            quote=quote or None,
            settle=self._settled(asset, quote),
            expiry=self.expiry,
            multiplier=multiplier,
            kind=self.kind,
            strike=self.strike,
            right=self.right,
        )

    def _settled(self, asset: str, quote: str) -> str | None:
        """Return what it is settled in: as said, else by its quote; a contract in USD is settled in its coin."""
        if self.settle:
            return _NEW.get(self.settle, self.settle)
        if not quote or self.kind in (None, "spot") or self.slashed:
            return None  # ccxt's form says it or leaves it open
        if self.coded and asset != "BTC":  # BitMEX pays these in BTC, Bybit in their own coin
            return None
        return asset if quote == "USD" and self.prefix not in ("PF", "FF") else quote

    # --- from the end -------------------------------------------------------------------------------------------------

    def _perpetual(self) -> str:
        """Take the word for a perpetual; "" where there is none."""
        last = self.parts[-1].upper()
        if len(self.parts) == 1 or last not in _PERPETUAL:
            return ""
        if last == "P" and _STRIKE.fullmatch(self.parts[-2]):
            return ""  # of a put
        self.parts.pop()
        self.kind = "perpetual"
        return last

    def _option(self) -> None:
        """Take strike and right, in either order: BTC-27DEC24-100000-C, BTC-USDT-210521-P-42000."""
        if len(self.parts) < 4 and not (len(self.parts) == 3 and _STRIKE.fullmatch(self.parts[-2])):
            return
        *_, one, two = (part.upper() for part in self.parts)
        right, strike = (two, one) if two in ("C", "P") else (one, two)
        if right in ("C", "P") and _STRIKE.fullmatch(strike):
            del self.parts[-2:]
            self.kind, self.right = "option", "C" if right == "C" else "P"
            self.strike = float(strike.replace("D", "."))
            if len(self.parts) < 2:
                raise UnreadableSymbol(self.text, "is an option without its day", "it like BTC-261225-100000-C")

    def _dated(self) -> None:
        """Take the day of a future or an option."""
        last = self.parts[-1].upper()
        if len(self.parts) > 1 and re.fullmatch(r"\d{4}", last):
            raise UnreadableSymbol(self.text, "names a day without its year", "it like BTC-261225")
        if len(self.parts) > 1 and (day := _day(last)):
            self.parts.pop()
            self.expiry, self.kind = day, self.kind if self.kind == "option" else "future"
        elif self.kind == "option":
            raise UnreadableSymbol(self.text, "is an option without its day", "it like BTC-261225-100000-C")

    def _pair(self) -> tuple[str, str]:
        """Return base and quote ("": not said), taking apart what is written in one word."""
        first, *second = self.parts
        if second:
            quote = second[0].upper()
            if quote not in CURRENCIES:
                raise UnreadableSymbol(self.text, "is quoted in what is no currency")
            return first, quote
        upper = first.upper()
        found = None if upper in _WHOLE else _GLUED.fullmatch(upper)
        if found is None:
            return first, ""
        if found["day"]:
            self.expiry = _day(found["day"])
            if self.expiry is None:
                return first, ""
        elif found["code"]:
            self.expiry, self.coded = _last_friday(found["code"]), True
        if self.expiry and self.kind is None:
            self.kind = "future"
        elif found["mark"] or found["perpetual"]:
            self.kind = "perpetual"
        base = found["major"] or found["base"] or found["perpetual"] or found["dated"]
        # Bybit writes BTCPERP for the perpetual in USDC
        bybit = "USDC" if found["perpetual"] or (found["mark"] == "PERP" and not found["cross"]) else ""
        return first[: len(base)], found["cross"] or found["quote"] or bybit


def _day(text: str) -> dt.date | None:
    """Read 26DEC25, 251226 or 20251226; None where it is no day."""
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    try:
        if found["m"]:
            return dt.date(2000 + int(found["y"]), _MONTHS.get(found["m"], 0), int(found["d"]))
        return dt.date(2000 + int(found["yy"]), int(found["mm"]), int(found["dd"]))
    except ValueError:
        return None


def _last_friday(code: str) -> dt.date:
    """Return the day of a month's code, Z25: BitMEX, Bybit and KuCoin settle on its last Friday."""
    year, month = 2000 + int(code[1:]), _CODES.index(code[0]) + 1
    last = dt.date(year, month, calendar.monthrange(year, month)[1])
    return last - (last.weekday() - calendar.FRIDAY) % 7 * DAY


def _shown(text: str) -> str:
    words = "".join(character if character.isprintable() else " " for character in text[:LONGEST]).strip()
    return f"“{words}”"
