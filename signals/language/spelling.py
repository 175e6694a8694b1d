"""How people spell numbers and spans of time, whoever reads them: separators, signs, magnitudes, units of time."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

MINUSES: Final = "−‐‑‒–—﹣"  # every dash that is typed or pasted for a minus
# What right-to-left keyboards and copied text put before a word or into it: nobody sees it.
UNSEEN: Final = dict.fromkeys(
    (0xAD, 0x61C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF)
)
MAGNITUDES: Final = {
    "k": 1e3,
    **dict.fromkeys(("m", "mn", "mm", "mio", "mil", "million"), 1e6),
    **dict.fromkeys(("b", "bn", "bln", "billion"), 1e9),
}
HOURS: Final = {
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 1 / 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 1.0),
    **dict.fromkeys(("d", "day", "days"), 24.0),
    **dict.fromkeys(("w", "wk", "week", "weeks"), 168.0),
    **dict.fromkeys(("mo", "month", "months"), 720.0),
    **dict.fromkeys(("y", "yr", "year", "years"), 8760.0),
}
_LARGEST: Final = 1e15


def sentence_case(text: str) -> str:
    """Return words as a sentence begins: with a capital, and all else as it was. Empty text stays empty."""
    return f"{text[:1].upper()}{text[1:]}"


class UnreadableNumber(ValueError):  # noqa: N818 - it says what is the matter with the number
    """Digits can be read in no way, or in two; the message says why and what to type, as one sentence."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{text} {reason}")
        self._reason = reason

    def said(self, shown: str) -> str:
        """Return the sentence over the text as it may be shown."""
        return f"{shown} {self._reason}"


def plainly(number: float, digits: int = 10) -> str:
    """Write a number as people type it, to ten digits: 0.00001, never 1e-05."""
    return f"{Decimal(f'{number:.{digits}g}'):f}"


def read_number(text: str) -> float:
    """Read digits with separators, e.g. 95000, 95,000, 95_000, 95'000, 95.000,5.

    UnreadableNumber where the separators allow two readings (95.000) or none (9,5000).
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
        raise UnreadableNumber(text, "is larger than anything that is traded. Type a smaller number.")
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
        raise UnreadableNumber(text, f"can mean {whole} or {whole},000. Type {whole} or {whole}000.")
    return plain


def _grouped(groups: list[str]) -> bool:
    return 1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])


def _unreadable(text: str) -> UnreadableNumber:
    return UnreadableNumber(text, "is not a number that can be read. Type it like 95000, 95,000 or 95k.")
