"""A line as the grammar reads it: plain characters in lower case, each with its place in what was typed."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signals.language.spelling import MINUSES, UNSEEN
from signals.rules.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 500  # characters of a rule; more is pasted by mistake or on purpose, and is not read at all
BRACKETS: Final = 6  # within each other; no rule of eight conditions needs more
_SHOWN: Final = 40  # characters of a person's own word that an answer repeats
_SIGNS: Final = str.maketrans(
    {
        **dict.fromkeys(map(chr, (*range(32), 127)), " "),
        **dict.fromkeys(MINUSES, "-"),
        **dict.fromkeys("×✕✖", "x"),
        **dict.fromkeys('·•"“”„«»[]{}!?', " "),
        **dict.fromkeys("’‘`´", "'"),
        "≥": ">=",
        "≤": "<=",
        "≧": ">=",
        "≦": "<=",
        "٫": ".",
        "٬": ",",
    }
)

_ATTACHED: Final = ("Cf", "Mn")  # direction marks and variation selectors come along with copied text
_APART: Final = ("So", "Sk", "Co", "Cn", "Cs", "Cc", "Zs", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class TypedLine:
    """A line that was typed. plain: what is read. places: of each character of `plain` its place in `typed`."""

    typed: str
    plain: str
    places: tuple[int, ...]

    @classmethod
    def of(cls, typed: str) -> TypedLine:
        """Read a line. RuleError where it is empty, too long, or has too many brackets within each other."""
        if len(typed) > LONGEST:
            raise too_long(len(typed))
        deep = 0
        for place in _brackets(typed):
            deep += 1 if typed[place] == "(" else -1
            if deep > BRACKETS:
                raise RuleError("Too many brackets within each other; a rule needs one or two.", place, place + 1)
        if typed.isascii():  # nearly always, and then each character stays in its place
            text, places = typed.lower().translate(_SIGNS), tuple(range(len(typed)))
        else:
            plain = [(one, place) for place, character in enumerate(typed) for one in plain_character(character)]
            text, places = "".join(one for one, _ in plain), tuple(place for _, place in plain)
        if not text.strip():
            example = "btc funding > 30% apr"
            raise RuleError(f"The rule is missing. Type it like {example}.", offers=((example, example),))
        return cls(typed, text, places)

    def replaced(self, begin: int, end: int, words: str) -> TypedLine:
        """Return the line with other words there, in the place of what was typed."""
        last = self.places[end - 1]
        places = (*self.places[:begin], *[self.places[begin]] * (len(words) - 1), last, *self.places[end:])
        return TypedLine(self.typed, self.plain[:begin] + words + self.plain[end:], places)

    def place(self, begin: int, end: int) -> tuple[int, int]:
        """Return where characters of `plain` stand in what was typed."""
        if begin >= len(self.places):
            return len(self.typed), len(self.typed)
        return self.places[begin], self.places[end - 1] + 1 if end > begin else self.places[begin]

    def shown(self, begin: int, end: int) -> str:
        """Return what was typed there, short and printable enough to be repeated in an answer."""
        first, last = self.place(begin, end)
        clean = _printable(self.typed[first:last][: 2 * _SHOWN]).strip()
        return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 1] + "…"

    def with_instead(self, begin: int, end: int, words: str) -> str:
        """Return the line with other words there, as a line that may be offered."""
        first, last = self.place(begin, end)
        return " ".join(_printable(f"{self.typed[:first]} {words} {self.typed[last:]}").split())


def too_long(length: int) -> RuleError:
    """Return what is wrong with a line of so many characters."""
    said = f"That is {length:,} characters long; a rule has at most {LONGEST}. Say it shorter, or as two rules."
    return RuleError(said, LONGEST, length)


def plain_character(character: str) -> str:
    """Return a character as the grammar reads it, "" for one that nobody sees."""
    if character.isascii() or ord(character) in _SIGNS:
        return character.lower().translate(_SIGNS)
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if ord(character) in UNSEEN or category in _ATTACHED:
        return ""
    return " " if category in _APART else unicodedata.normalize("NFKC", character).lower()


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)


def _brackets(text: str) -> Iterator[int]:
    return (match.start() for match in re.finditer(r"[()]", text))
