"""How people spell numbers, symbols and command names, before any grammar: text in, plain values out."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.command import Refused
from signals.assets import DOLLARS, PACKED, SPOKEN, Instrument, UnreadableSymbol, instrument, not_followed
from signals.language.spelling import MINUSES, UNSEEN, UnreadableNumber, read_number

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LONGEST = 500  # characters of a command; more is pasted by mistake or on purpose, and is not read at all
_SHOWN = 40  # characters of a person's own word that an answer repeats

_SIGNS = str.maketrans(
    {
        **dict.fromkeys(MINUSES, "-"),
        **dict.fromkeys("×✕✖⨯хХ", "x"),  # Cyrillic kha looks the same and is typed by accident
        **dict.fromkeys('·•|;→="“”„«»()[]{}<>!?', " "),
        **dict.fromkeys("’‘`´", "'"),
        "٫": ".",
        "٬": ",",
    }
)
OTHER_MONEY = "€£¥₩₹₽₺"
_OTHER_AMOUNT = re.compile(
    rf"[{OTHER_MONEY}]\s*\d[\d.,'_]*[kmb]?|\d[\d.,'_]*\s?[kmb]?\s?(?:[{OTHER_MONEY}]"
    r"|(eur|euros?|gbp|pounds?|sterling|jpy|yen|krw|inr|rupees?|cny|rmb|yuan|brl|chf|francs?)\b)",
    re.ASCII | re.IGNORECASE,
)
_SEEN = UNSEEN | dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")
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
    """Split a message into the command's name, lower case without slash and bot name, and the rest.

    `funding?` is asked for like `funding`.
    """
    match = _COMMAND.fullmatch(visible(text))
    return (match[1].lower().rstrip("?!."), match[2].strip()) if match else ("", "")


def visible(text: str) -> str:
    """Return a text without the marks that nobody sees, as right-to-left keyboards put them before a slash.

    Bytes that are no text, and halves of a letter, become a sign that stands for one: they can be written nowhere.
    """
    return text.translate(_SEEN)


def is_command(text: str) -> bool:
    """Tell whether a line is a command, and not just said: it begins with a slash."""
    return visible(text).lstrip()[:1] in ("/", "／")


def suggest(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> list[str]:
    """Return up to three names that `name` may have been meant as, the nearest first."""
    from difflib import get_close_matches  # noqa: PLC0415 - needed for a misspelt command only

    return get_close_matches(name[:_SHOWN].lower(), list(names), n=3, cutoff=cutoff)


def is_slip(word: str, meant: str) -> bool:
    """Tell whether a word can only be a slip of the finger: two letters swapped, or one of them left out or doubled."""
    if word[:1] != meant[:1] or word == meant or abs(len(word) - len(meant)) > 1:
        return False
    if len(word) == len(meant):
        return sorted(word) == sorted(meant)
    long, short = (word, meant) if len(word) > len(meant) else (meant, word)
    gone = next((i for i, (one, other) in enumerate(zip(long, short, strict=False)) if one != other), len(short))
    if long[:gone] + long[gone + 1 :] != short:
        return False
    return len(word) < len(meant) or long[gone] in long[gone - 1 : gone]  # a letter too many only where it is doubled


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


def check_dollars(text: str, assets: Collection[str] = ()) -> None:
    """Refuse an amount of other money: read as dollars, it would be wrong by the rate between the two."""
    for found in _OTHER_AMOUNT.finditer(text):
        if (found[1] or "").upper() not in assets:  # else it is the coin of that name
            raise Refused(
                f"“{shown(found[0])}” is another currency, and all is counted in dollars here. "
                "Type what it is in dollars."
            )


def number(text: str) -> float:
    """Read digits with separators, e.g. 95000, 95,000, 95_000, 95'000, 95.000,5. Refused as `read_number` refuses."""
    try:
        return read_number(text)
    except UnreadableNumber as error:
        raise Refused(error.said(shown(text))) from None


# --- assets -----------------------------------------------------------------------------------------------------------

_NO_NAMES = frozenset("STOP SL TP EXIT TARGET SIZE BALANCE WALLET RISK FEE FEES EVERY PER COLLATERAL HELP".split())  # noqa: SIM905
_NUMBERED = frozenset({"1INCH", "0G", "2Z"})  # coins whose names begin like an amount


@dataclass(frozen=True, slots=True)
class Symbol:
    """An instrument as typed. certain: it was marked as one ($btc, BTCUSDT), or its asset is followed."""

    instrument: Instrument
    certain: bool

    @property
    def asset(self) -> str:
        """Return the one name of its asset."""
        return self.instrument.asset


def symbol(text: str, assets: Collection[str] = ()) -> Symbol | None:
    """Read btc, BTCUSDT, BTC-USDT-SWAP, BTC/USDT:USDT, $btc, #btc or kPEPE; None where it can be no symbol."""
    bare = text.lstrip("$#")
    word = bare.upper()
    if word in assets:
        return Symbol(Instrument(asset=word), certain=True)
    marked = bare != text
    try:
        read = Instrument(asset=SPOKEN[word]) if word in SPOKEN else instrument(bare)
    except UnreadableSymbol:
        return None
    said = read.quote is not None or read.kind is not None
    certain = marked or said
    if not certain and (word in _NO_NAMES or len(word) < 2 or word in DOLLARS):
        return None  # a word of another command is not understood, rather than taken for a coin
    if read.asset.isdecimal() and not (said and not bare.isalnum()):
        return None  # 42usdt is money, 42/usdt the contract
    if word[0].isdecimal() and not (certain or read.asset in _NUMBERED or _is_pack(read)):
        return None  # 7d is a time span, 25y a slip of the finger
    return Symbol(read, certain or read.asset in assets or read.asset != word)


def asset_alone(read: Instrument, text: str) -> str:
    """Return the asset that a word names. Refused, with why, where it says more: figures are kept by asset."""
    if why := not_followed(read):
        raise Refused(f"“{shown(text)}” {why}. Type {read.asset}.")
    return read.asset


def _is_pack(read: Instrument) -> bool:
    return read.asset in PACKED.get(read.multiplier, ())


def numbered_symbol(digits: str, letters: str, assets: Collection[str] = ()) -> Symbol | None:
    """Return the symbol that a number is part of (1000PEPE, 1INCHUSDT); None for an amount (1000doge, 1mpepe)."""
    read = symbol(digits + letters, assets) if digits.isdecimal() else None
    if read is None or read.instrument.asset == f"{digits}{letters}".upper():
        return read
    pack = read.instrument.multiplier > 1 and (read.instrument.quote or _is_pack(read.instrument))
    return read if pack or read.asset in _NUMBERED else None
