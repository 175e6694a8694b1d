"""Which figure, which built-in rule and which assets the words of a condition name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Final

from signals.alerts.rule import rules
from signals.assets import PACKED, SPOKEN, UnreadableSymbol, instrument, not_followed
from signals.language.words import PHRASES, WORDS
from signals.metric import metrics
from signals.rules.errors import RuleError
from signals.rules.text import plain_character

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from signals.assets import Instrument
    from signals.rules.parsing import SaidWord
    from signals.rules.text import TypedLine

PRICE: Final = "price_move.price"  # what a rule is over that names none: btc > 100k
_CHANGE: Final = frozenset({"change", "changes", "changed", "move", "moves"})
_PACK: Final = re.compile(r"(?<![\w.,])1(?:0{3,6}|m)[a-z]\w*")
_FILLERS: Final = frozenset({"level", "value", "now", "current", "currently", "a", "an", "alarm", "setup"})
# A title of words alone, none of which the grammar has a use for.
_PLAIN_TITLE: Final = re.compile(
    r"(?!.*\b(?:and|or|above|below|over|under|up|down|higher|lower|more|less|within|during|last|for|until|all|any|top"
    r"|positions?|rises?|falls?|grows?|drops?|crosses|turns|days?|hours?|is|are|by|to|the|it|one|if|when)\b)[a-z .,]+"
)
_LONGEST: Final = 30  # characters of a word that is compared with what is known


@dataclass(frozen=True, slots=True)
class NamedFigure:
    """What a phrase names. value: the whole name of a value, "" for none. built_in: a rule, where it can be one.

    assets: those that were named beside it. over: a time that was. change: its change is meant.
    """

    value: str
    built_in: str
    assets: tuple[str, ...]
    over: SaidWord | None
    change: bool


def named(line: TypedLine, phrase: Sequence[SaidWord], assets: Collection[str]) -> NamedFigure:
    """Return what a phrase names. RuleError, with what was probably meant, for a word that is not known."""
    over = next((piece for piece in phrase if piece.kind == "SPAN" and any(map(str.isdigit, piece.text))), None)
    words = [piece for piece in phrase if piece is not over]
    found: list[str] = []
    rest = words
    while rest and (before := asset_of(line, rest[0], assets)) and not _known(rest):
        found.append(before)
        rest = rest[1:]
    while rest and (behind := asset_of(line, rest[-1], assets)) and not _known(rest):
        found.append(behind)
        rest = rest[:-1]
    plain = [piece for piece in rest if piece.text not in _CHANGE | _FILLERS]
    change = any(piece.text in _CHANGE for piece in rest)
    said = _said(rest)
    if value := _ids().get(" ".join(piece.text for piece in plain)):
        return NamedFigure(value, _built_in().get(said, ""), tuple(dict.fromkeys(found)), over, change)
    if (value := _values().get(said)) or (value := _values().get(_said(plain))):
        return NamedFigure(
            value, _built_in().get(said, ""), tuple(dict.fromkeys(found)), over, change and said not in _values()
        )
    if built_in := _built_in().get(said) or _built_in().get(_said(plain)):
        return NamedFigure("", built_in, tuple(dict.fromkeys(found)), over, change=False)
    if not plain:
        return NamedFigure("", "", tuple(dict.fromkeys(found)), over, change)
    if value := _in_any_order().get(frozenset(_said(plain).split())):
        return NamedFigure(value, "", tuple(dict.fromkeys(found)), over, change)
    raise _unknown(line, plain, assets)


def asset_of(line: TypedLine, piece: SaidWord, assets: Collection[str]) -> str | None:
    """Return the followed asset that a word names (btc, bitcoin, $btc, BTCUSDT); None where it names none.

    RuleError, with why, where it says more than an asset: a rule of figures of BTC is none of a future on it.
    """
    bare = piece.text.lstrip("$#").upper()
    if bare in assets:
        return bare
    if bare in SPOKEN:
        return SPOKEN[bare] if SPOKEN[bare] in assets else None
    if len(bare) < 3 or not bare.isascii():
        return None
    try:
        read = instrument(bare)
    except UnreadableSymbol:
        return None
    if read.asset not in assets:
        return None
    if not_followed(read) or read.multiplier > 1:
        raise _no_asset(line, piece.begin, piece.end, read)
    return read.asset


def check_packs(line: TypedLine) -> None:
    """Refuse 1000PEPE, which the grammar would read as a number and a word. RuleError, with why."""
    for found in _PACK.finditer(line.plain):
        try:
            read = instrument(found[0])
        except UnreadableSymbol:
            continue
        if len(read.asset) > 1 and read.asset in PACKED.get(read.multiplier, ()):  # 1000usd is an amount
            raise _no_asset(line, found.start(), found.end(), read)


def _no_asset(line: TypedLine, begin: int, end: int, read: Instrument) -> RuleError:
    """Return why a symbol names no asset: it says more. The asset is offered where an amount means the same of it."""
    why, instead = not_followed(read), line.with_instead(begin, end, read.asset.lower())
    offers = ((instead, instead),) if why and read.multiplier == 1 else ()
    why = why or f"is {read.multiplier:,} coins, and figures are of one"
    return RuleError(f"“{line.shown(begin, end)}” {why}. Type {read.asset}.", *line.place(begin, end), offers)


def _known(pieces: Sequence[SaidWord]) -> bool:
    """Tell whether words name a figure or a rule as they stand, so that none of them is an asset beside it."""
    return len(pieces) > 1 and _said(pieces) in _values()


def _said(pieces: Sequence[SaidWord]) -> str:
    return plain_name(" ".join(piece.text for piece in pieces))


def plain_name(text: str) -> str:
    """Return words, an id or a title as they are compared: lower case, words apart."""
    words = re.sub(r"[_\-.,;:()]+", " ", text.lower().replace("&", " ").replace(" and ", " ")).split()
    return " ".join(word for word in words if word not in {"of", "in", "the", "a", "an", "its", "over", "within"})


def spoken_name(value: str) -> str:
    """Return what people call a value, by the first word or words of the table; its whole name where it has none."""
    return _spoken().get(value) or value.removesuffix(".value")


@cache
def _spoken() -> Mapping[str, str]:
    said = [(meant.value, word) for word, meant in WORDS.items()] + [(whole, words) for words, whole in PHRASES.items()]
    return dict(reversed(said))


def with_ids(line: TypedLine) -> TypedLine:
    """Return the line with each title that the grammar would take apart written as the id of what it names."""
    while match := _titles().search(line.plain):
        line = line.replaced(match.start(), match.end(), _by_title()[match[0]])
    return line


@cache
def _by_title() -> Mapping[str, str]:
    """Return ids by those titles that hold more than plain words: "open interest in coins above its 30-day low"."""
    every = {rule.title: rule.id for rule in rules().values()}
    for metric in metrics().values():
        every |= {value.title: f"{metric.id}.{name}" for name, value in metric.values.items()}
    plain = {"".join(map(plain_character, title)): name for title, name in every.items()}
    return {title: name for title, name in plain.items() if not _PLAIN_TITLE.fullmatch(title)}


@cache
def _titles() -> re.Pattern[str]:
    longest = sorted(_by_title(), key=len, reverse=True)
    return re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, longest))})(?![\w.])")


@cache
def _ids() -> Mapping[str, str]:
    """Return the whole name of a value by the names that ids are written with, before which no word comes."""
    whole = {f"{metric.id}.{name}": f"{metric.id}.{name}" for metric in metrics().values() for name in metric.values}
    return whole | {name: f"{name}.value" for name in metrics()}


@cache
def _values() -> Mapping[str, str]:
    """Return the whole name of a value by all that it is called."""
    found: dict[str, str] = {}
    for metric in metrics().values():
        for name, value in metric.values.items():
            whole = f"{metric.id}.{name}"
            found.setdefault(plain_name(value.title), whole)
            found[plain_name(whole)] = whole
    for metric in metrics().values():
        found.setdefault(plain_name(metric.title), f"{metric.id}.value")
        found[plain_name(metric.id)] = f"{metric.id}.value"
    found |= {plain_name(words): whole for words, whole in PHRASES.items()}
    return found | {word: meant.value for word, meant in WORDS.items()}


@cache
def _in_any_order() -> Mapping[frozenset[str], str]:
    """Return values by their words in any order, where those are words of one value alone."""
    found: dict[frozenset[str], str] = {}
    for words, value in _values().items():
        if (key := frozenset(words.split())) in found and found[key] != value:
            found[key] = ""
        else:
            found[key] = value
    return {key: value for key, value in found.items() if value}


@cache
def _built_in() -> Mapping[str, str]:
    found = {plain_name(rule.title): rule.id for rule in rules().values()}
    return found | {plain_name(name): name for name in rules()}


@cache
def _vocabulary() -> frozenset[str]:
    return frozenset(word for text in (*_values(), *_built_in()) for word in text.split() if len(word) > 1)


def _unknown(line: TypedLine, pieces: Sequence[SaidWord], assets: Collection[str]) -> RuleError:
    """Return what is wrong with words that name nothing: the one that is in no name, or all of them together."""
    known = _vocabulary()
    odd = [piece for piece in pieces if not set(plain_name(piece.text).split()) <= known]
    marked = odd[:1] or pieces
    begin, end = marked[0].begin, marked[-1].end
    shown, where = line.shown(begin, end), line.place(begin, end)
    word = " ".join(piece.text for piece in marked)[:_LONGEST]
    if word == "between":
        return RuleError("“between” is said as two lines, like price > 90k and price < 100k.", *where)
    foreign = len(pieces) > 1 and marked[0] is pieces[0] and asset_like(word)
    near = _near(word, assets, 0.8 if foreign else 0.72)
    if near:
        offers = tuple((one, line.with_instead(begin, end, one)) for one in near)
        return RuleError(f"“{shown}” is no figure I know; did you mean {' or '.join(near)}?", *where, offers)
    if foreign and odd:
        some = ", ".join(list(assets)[:5]) or "none"
        return RuleError(f"“{shown}” is not followed here, and no figure; followed are {some}.", *where)
    some = f" If it is a coin: followed are {', '.join(list(assets)[:5])}." if assets and asset_like(word) else ""
    return RuleError(
        f"“{shown}” is no figure I know. There are funding, oi, oi coins, price, taker z, depth, …{some}", *where
    )


def _near(word: str, assets: Collection[str], cutoff: float) -> list[str]:
    """Return up to three names that a word may be meant as: values of that short name, slips, what is near."""
    *beside, short = word.split()
    of_metrics = [name for name in _ids() if name.partition(".")[2] == short]
    of_metrics = [name for name in of_metrics if any(one in name for one in beside)] or of_metrics
    coins = [asset.lower() for asset in assets if asset.lower() != word]
    swapped = [coin for coin in coins if sorted(coin) == sorted(word)]
    return (of_metrics or swapped or get_close_matches(word, [*_names(), *coins], 3, cutoff))[:3]


@cache
def _names() -> tuple[str, ...]:
    """Return what may be offered for a word: short words, phrases, metrics and built-in rules."""
    return tuple(sorted({*WORDS, *PHRASES, *metrics(), *rules()}))


def asset_like(word: str) -> bool:
    """Tell whether a word may be meant as an asset."""
    return word.lstrip("$#").isalnum() and len(word) <= 10
