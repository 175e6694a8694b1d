"""From a line to what it says, by the grammar of grammar.lark: words, numbers and their places, nothing decided yet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from signals.language.spelling import sentence_case
from signals.rules.errors import RuleError
from signals.rules.naming import check_packs, with_ids
from signals.rules.text import TypedLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lark import Lark
    from lark.exceptions import UnexpectedInput

MOST: Final = 8  # conditions of a rule, those of its end among them, brackets resolved; who needs more has two rules
# What may follow the conditions, by its name in the grammar, as it is typed.
_MODIFIERS: Final = {"hold": "for", "until": "until", "once": "once", "every": "every", "quiet": "quiet"}

Node: TypeAlias = Any  # a branch of the tree, or a word of it; the parser declares no types of its own for them
Kind = Literal["", "compares", "moves", "crosses", "flips", "signed", "named", "equals", "bare"]


@dataclass(frozen=True, slots=True)
class SaidWord:
    """A word of the line. kind: its name in the grammar. begin, end: where it stands in `TypedLine.plain`."""

    text: str
    kind: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Amount:
    """A number as it was said: its digits, and the words for how many and of what."""

    number: SaidWord
    magnitude: SaidWord | None
    units: tuple[SaidWord, ...]

    @property
    def begin(self) -> int:
        """Return where it begins."""
        return self.number.begin

    @property
    def end(self) -> int:
        """Return where it ends."""
        return max(piece.end for piece in (self.number, *self.units, self.magnitude) if piece)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One condition as it was said. phrase: what names the figure. kind: how it is tested, "" where it only is named.

    word: what says how: `>`, `up`, `negative`. amount: the line. over: of a change, within which time.
    """

    phrase: tuple[SaidWord, ...]
    kind: Kind
    words: tuple[SaidWord, ...]
    amount: Amount | None
    over: SaidWord | None
    begin: int
    end: int


Groups: TypeAlias = tuple[tuple[Spoken, ...], ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A whole line as it was said. scope: the words before a bracket. of: `any`, `top50` or nothing.

    groups: alternatives of conditions that must hold together. until: likewise, or nothing. position: of a rule over a
    position its number, where it was said, and the distance.
    """

    line: TypedLine
    of: tuple[SaidWord, ...]
    scope: tuple[SaidWord, ...]
    groups: Groups
    until: Groups
    position: tuple[SaidWord | None, Amount] | None
    hold: SaidWord | None
    every: SaidWord | None
    once: SaidWord | None
    quiet: SaidWord | None


def grammar_text() -> str:
    """Return the grammar as it is written down."""
    return files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")


def help_lines() -> tuple[str, ...]:
    """Return what the grammar says to those who write rules: its comments, which the help shows as they stand."""
    lines = grammar_text().splitlines()
    return tuple(
        line.removeprefix("//").removeprefix(" ") for line in lines if line.startswith("//") and line[2:3] != "#"
    )


@cache
def _parser() -> Lark:
    from lark import Lark  # noqa: PLC0415 - 40 ms that only a rule of one's own costs

    return Lark(grammar_text(), start="line", parser="lalr", lexer="contextual", maybe_placeholders=False)


def parse(typed: str) -> Parsed:
    """Read a line. RuleError, with the word that does not fit, for what is no rule."""
    from lark.exceptions import UnexpectedInput  # noqa: PLC0415 - as above

    line = with_ids(TypedLine.of(typed))
    check_packs(line)
    try:
        tree = _parser().parse(line.plain)
    except UnexpectedInput as error:
        raise _unexpected(line, error) from None
    return _TreeReader(line).whole(tree)


# --- what does not fit ------------------------------------------------------------------------------------------------

_MISSING: Final = (
    ({"NUMBER"}, "a number"),
    ({"SPAN"}, "a time like 2h or 7d"),
    ({"WORD"}, "a figure like funding, oi or price"),
)


def _unexpected(line: TypedLine, error: UnexpectedInput) -> RuleError:
    expected: set[str] = set(getattr(error, "accepts", None) or getattr(error, "expected", None) or ())
    expected |= set(getattr(error, "allowed", None) or ())
    wanted = [words for names, words in _MISSING if names & expected]
    token = getattr(error, "token", None)
    begin = error.pos_in_stream if token is None else token.start_pos
    if token is not None and token.type == "$END":
        begin = len(line.plain)
    if begin is None or begin >= len(line.plain.rstrip()):
        before = line.shown(line.plain.rstrip().rfind(" ") + 1, len(line.plain))
        what = f" After “{before}” comes {' or '.join(wanted[:2])}." if wanted else ""
        place = len(line.typed)
        return RuleError(f"The line stops too early.{what}", place, place)
    end = token.end_pos if token is not None else _word_end(line.plain, begin)
    shown = line.shown(begin, end)
    what = f" {sentence_case(' or '.join(wanted[:2]))} was expected." if wanted else ""
    return RuleError(f"“{shown}” does not fit there.{what}", *line.place(begin, end))


def _word_end(text: str, begin: int) -> int:
    end = text.find(" ", begin)
    return max(begin + 1, end if end > 0 else len(text))


# --- from the tree ----------------------------------------------------------------------------------------------------


class _TreeReader:
    """One tree being read."""

    def __init__(self, line: TypedLine) -> None:
        self.line = line
        self.scope: tuple[SaidWord, ...] = ()

    def whole(self, tree: Node) -> Parsed:
        """Return what a whole line says. RuleError where it says something twice, or too much."""
        of: tuple[SaidWord, ...] = ()
        groups: Groups = ()
        until: Groups = ()
        position: tuple[SaidWord | None, Amount] | None = None
        said: dict[str, SaidWord] = {}
        for node in tree.children:
            name, pieces = _name(node), list(_pieces(node)) or [SaidWord("", "", 0, 0)]
            if name == "head":
                of = tuple(pieces)
            elif name == "position":
                number = next((_piece(one) for one in node.children if not _name(one) and one.type == "NUMBER"), None)
                position = number, _amount(node.children[-1])
            elif name not in _MODIFIERS:
                groups = self._groups(node)
            elif name in said:
                where = self.line.place(pieces[0].begin, pieces[0].end)
                raise RuleError(f"“{_MODIFIERS[name]}” is said twice; say it once.", *where)
            else:
                said[name] = pieces[0]
                until = self._groups(node.children[0]) if name == "until" else until
        self._few_enough(groups + until)
        return Parsed(
            self.line,
            of,
            self.scope,
            groups,
            until,
            position,
            said.get("hold"),
            said.get("every"),
            said.get("once"),
            said.get("quiet"),
        )

    def _groups(self, node: Node) -> Groups:
        """Return a tree of and, or and brackets as alternatives of conditions that must hold together."""
        name = _name(node)
        if name == "either":
            found = self._groups(node.children[0]) + self._groups(node.children[1])
        elif name == "both":
            left, right = self._groups(node.children[0]), self._groups(node.children[1])
            found = tuple(one + other for one in left for other in right)
        elif name == "scoped":
            self.scope = tuple(_pieces(node.children[0]))
            found = self._groups(node.children[1])
        else:
            found = ((_condition(node),),)
        self._few_enough(found)
        return found

    def _few_enough(self, groups: Groups) -> None:
        if sum(len(group) for group in groups) > MOST:
            last = groups[-1][-1]
            said = f"That is more than {MOST} conditions; make two rules of it."
            raise RuleError(said, *self.line.place(last.begin, last.end))


def _condition(node: Node) -> Spoken:
    """Return one condition; a test that stands alone has no node of its own around it."""
    phrase: tuple[SaidWord, ...] = ()
    kind: Kind = ""
    words: tuple[SaidWord, ...] = ()
    amount: Amount | None = None
    over: SaidWord | None = None
    for child in node.children if _name(node) == "condition" else [node]:
        name = _name(child)
        if name == "phrase":
            phrase = tuple(_pieces(child))
        elif name == "over":
            over = next(_pieces(child))
        else:
            kind = name
            words = tuple(_piece(one) for one in child.children if not _name(one))
            amount = next((_amount(one) for one in child.children if _name(one)), None)
    every = list(_pieces(node))
    begin = every[0].begin if every else 0
    return Spoken(phrase, kind, words, amount, over, begin, every[-1].end if every else begin)


def _amount(node: Node) -> Amount:
    pieces = list(_pieces(node))
    magnitude = next((piece for piece in pieces if piece.kind == "MAGNITUDE"), None)
    return Amount(pieces[0], magnitude, tuple(piece for piece in pieces[1:] if piece is not magnitude))


def _name(node: Node) -> Any:
    """Return the name of a branch of the tree, "" for a word, which has none."""
    return "" if isinstance(node, str) else str(node.data)


def _pieces(node: Node) -> Iterator[SaidWord]:
    """Yield the words of a branch."""
    if not _name(node):
        yield _piece(node)
        return
    for child in node.children:
        yield from _pieces(child)


def _piece(token: Node) -> SaidWord:
    begin = token.start_pos or 0
    return SaidWord(" ".join(token.split()), token.type, begin, begin + len(token))
