"""How people spell numbers, symbols and command names, before any grammar: text in, plain values out."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from handlers.command import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LONGEST = 500  # characters of a command; more is pasted by mistake or on purpose, and is not read at all
_SHOWN = 40  # characters of a person's own word that an answer repeats
_LARGEST = 1e15

_SIGNS = str.maketrans(
    {
        **dict.fromkeys("−‐‑‒–—﹣", "-"),
        **dict.fromkeys("×✕✖⨯хХ", "x"),  # Cyrillic kha looks the same and is typed by accident
        **dict.fromkeys('·•|;→="“”„«»()[]{}<>!?', " "),
        **dict.fromkeys("’‘`´", "'"),
        "٫": ".",
        "٬": ",",
    }
)
_COMMA = re.compile(r",(?!\d)|(?<!\d),|(?<=\d{4}),(?=\d+x)", re.IGNORECASE)  # 95000,25x is two words, 95,000 is one
_BEGUN = re.compile(r"(?:^|\s),(\d\S*)")  # `,5btc`: half a coin to some, and a loose comma before five to others
_POINT = re.compile(r"[:']*\.\d")  # one point: `...5` are three dots and a number
_COLON = re.compile(r":(?=[\d$@\s])(?<=[A-Za-z]:)")
_COMMAND = re.compile(r"\s*[/／]?\s*([^\s@]*)(?:@\S*)?\s*(.*)", re.DOTALL)


def shown(text: str) -> str:
    """Return a person's own word short and printable enough to be repeated in an answer."""
    if len(text) <= _SHOWN and text.isprintable():  # nearly always; asked for every number, shown for hardly any
        return text.strip()
    clean = "".join(character if character.isprintable() else " " for character in text[: 2 * _SHOWN]).strip()
    return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 1] + "…"


def split_command(text: str) -> tuple[str, str]:
    """Split a message into the command's name, lower case without slash and bot name, and the rest."""
    match = _COMMAND.fullmatch(text)
    return (match[1].lower(), match[2].strip()) if match else ("", "")


def suggest(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> list[str]:
    """Return up to three names that `name` may have been meant as, the nearest first."""
    from difflib import get_close_matches  # noqa: PLC0415 - needed for a misspelt command only

    return get_close_matches(name[:_SHOWN].lower(), list(names), n=3, cutoff=cutoff)


def chunks(text: str) -> list[str]:
    """Return the words of a text in plain characters: ASCII digits, one kind of minus and x, no loose punctuation."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_SIGNS)
        text = "".join(_plain(character) for character in text)
    else:
        text = text.translate(_SIGNS)
    if "@" in text:
        text = text.replace("@", " @")
    if "," in text:
        if begun := _BEGUN.search(text):
            rest = shown(begun[1])
            raise Refused(f"Is ,{rest} 0.{rest} or {rest}? Type 0.{rest} or {rest}.")
        text = _COMMA.sub(" ", text)
    if ":" in text:
        text = _COLON.sub(" ", text)
    return [chunk for chunk in (_bare(word) for word in text.split()) if chunk]


def _bare(word: str) -> str:
    """Return a word without loose punctuation, but with the point that `.5btc` begins with: 5 is ten times as much."""
    bare = word.strip(".:'")
    return f".{bare}" if bare[:1].isdigit() and _POINT.match(word) else bare


def _plain(character: str) -> str:
    if character.isascii():
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if category in ("Cf", "Mn"):  # zero-width spaces, direction marks, variation selectors come along with copied text
        return ""
    return " " if category in ("So", "Sk", "Co", "Cn", "Cs") else character  # an emoji says nothing about a position


def number(text: str) -> float:
    """Read digits with separators, e.g. 95000, 95,000, 95_000, 95'000, 95.000,5.

    Refused where the separators allow two readings (95.000) or none (9,5000).
    """
    plain = text.replace("_", "").replace("'", "").rstrip(".,")
    commas, dots = plain.count(","), plain.count(".")
    if commas and dots:
        thousands, decimal = (",", ".") if plain.rfind(".") > plain.rfind(",") else (".", ",")
        whole, _, part = plain.partition(decimal)
        if decimal in part or not _grouped(whole.split(thousands)):
            raise _unreadable(text)
        plain = f"{whole.replace(thousands, '')}.{part}"
    elif commas or dots:
        plain = _one_separator(plain, "," if commas else ".", text)
    try:
        value = float(plain)
    except ValueError:
        raise _unreadable(text) from None
    if value > _LARGEST:
        raise Refused(f"{shown(text)} is larger than anything that is traded. Type a smaller number.")
    return value


def _one_separator(plain: str, separator: str, text: str) -> str:
    groups = plain.split(separator)
    whole, last = groups[0], groups[-1]
    if len(groups) > 2:  # several of the same separator can only be thousands
        if not _grouped(groups):
            raise _unreadable(text)
        return "".join(groups)
    if len(last) != 3 or whole.strip("0") == "" or len(whole) > 3:
        return f"{whole or '0'}.{last}"
    if separator == ",":
        return whole + last
    if last == "000":  # nobody types three zeros behind a point, and 95.000 is how half of Europe writes 95,000
        raise Refused(f"{shown(text)} can mean {whole} or {whole},000. Type {whole} or {whole}000.")
    return plain


def _grouped(groups: list[str]) -> bool:
    return 1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])


def _unreadable(text: str) -> Refused:
    return Refused(f"{shown(text)} is not a number that can be read. Type it like 95000, 95,000 or 95k.")


# --- assets -----------------------------------------------------------------------------------------------------------

_ALIASES = {
    "XBT": "BTC",
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
# Contracts on a thousand coins: Binance and Bybit write 1000PEPE, Hyperliquid kPEPE
_THOUSANDS = frozenset(
    "PEPE SHIB BONK FLOKI SATS RATS LUNC XEC CAT CHEEMS WHY TURBO NEIRO DOGS NEIROCTO".split()  # noqa: SIM905 - one line
)
_NUMBERED = frozenset({"1INCH", "0G", "2Z", "1MBABYDOGE", "1000000MOG", "1000000BOB"})
_NO_NAMES = frozenset("STOP SL TP EXIT TARGET SIZE BALANCE WALLET RISK FEE FEES EVERY PER COLLATERAL HELP".split())  # noqa: SIM905
_SYMBOL = re.compile(
    r"([A-Z0-9]{1,20}?)"
    r"(?:[-/_]?(USDT|USDC|FDUSD|BUSD|USD)M?)?"
    r"(?::([A-Z]{2,10}))?"
    r"(?:[-_.]?(PERPETUAL|PERP)|[-_](SWAP)|\.P)?",
)
_QUOTES = frozenset({"USD", "USDT", "USDC", "BUSD", "FDUSD"})


@dataclass(frozen=True, slots=True)
class Symbol:
    """An asset as typed.

    certain: it was marked as one ($btc, BTCUSDT) or is followed. contract: where the spelling tells it.
    """

    asset: str
    certain: bool
    contract: Literal["linear", "inverse"] | None = None


def symbol(text: str, assets: Collection[str] = ()) -> Symbol | None:
    """Read btc, BTCUSDT, BTC-USDT-SWAP, BTC/USDT:USDT, XBTUSDTM, $btc or kPEPE; None where it can be no symbol."""
    name = text.upper()
    if name in assets:
        return Symbol(name, certain=True)
    marked = name.startswith("$")
    match = _SYMBOL.fullmatch(name.lstrip("$")) if len(name) <= 30 else None
    if match is None:
        return None
    base, quote, settle, perpetual, swap = match.groups()
    if base in _NO_NAMES and not (marked or quote):
        return None  # a word of another command is not understood, rather than taken for a coin
    if base.isdecimal() or (len(base) < 2 and not (marked or quote)) or (base in _QUOTES and not marked):
        return None
    if base[0].isdecimal() and not (marked or quote or base in _NUMBERED):
        return None  # 7d is a time span, 25y a slip of the finger
    inverse = (quote == "USD" and bool(settle or perpetual or swap)) or (quote is None and perpetual == "PERPETUAL")
    asset = canonical(base, assets)
    certain = marked or quote is not None or asset in assets or asset != base
    return Symbol(asset, certain, "inverse" if inverse else None)


def canonical(base: str, assets: Collection[str] = ()) -> str:
    """Return the one name of an asset: XBT and bitcoin are BTC, kPEPE is 1000PEPE; a followed spelling wins."""
    asset = _ALIASES.get(base, base)
    if asset[0] == "K" and asset[1:] in _THOUSANDS and asset not in assets:
        asset = f"1000{asset[1:]}"
    if asset not in assets:
        if f"1000{asset}" in assets:
            return f"1000{asset}"
        if asset.startswith("1000") and asset[4:] in assets:
            return asset[4:]
    return asset


def numbered_asset(digits: str, letters: str, assets: Collection[str] = ()) -> str | None:
    """Return the asset where a number is part of its name (1000PEPE, 1INCH); None where it is an amount (1000doge)."""
    read = symbol(letters, assets)
    if read is None:
        return None
    name = f"{digits}{letters.upper()}" if read.asset == letters.upper() else f"{digits}{read.asset}"
    if name in assets or name in _NUMBERED or (digits == "1000" and read.asset in _THOUSANDS):
        return canonical(name, assets)
    if digits == "1000" and read.asset.startswith("1000"):  # `1000pepe` where 1000PEPE is the followed spelling
        return read.asset
    return None
