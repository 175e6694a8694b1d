"""From a line that a person typed to what is judged, of what, and how it is told: the way into this folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from signals.alerts.rule import rules
from signals.language.spelling import sentence_case
from signals.liquidation.watching import FARTHER
from signals.metric import metrics
from signals.rules import saying
from signals.rules.amounts import percent_of
from signals.rules.compiled import MOST_CELLS, apart, cost, ends_of, rule_from, same_figure
from signals.rules.errors import RuleError
from signals.rules.naming import PRICE
from signals.rules.parsing import parse
from signals.rules.terms import Meaning, ordered, span_text, text_of
from signals.rules.text import LONGEST, too_long
from signals.rules.understanding import Understood, clock_of, span_of
from signals.units import DAY, MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from signals.alerts.rule import AlertRule
    from signals.rules.parsing import Parsed, SaidWord
    from signals.rules.terms import Alternatives
    from signals.rules.text import TypedLine

LONGEST_HOLD: Final = 30 * DAY
OFTENEST: Final = 5 * MINUTE  # that a rule may be told; alarms are judged at closes of an hour
MOST_OF_TOP: Final = 500
NO_ASSET: Final = "BTC"  # in whose name an id is read, which names none


@dataclass(frozen=True, slots=True)
class Scope:
    """Of what a rule is; one of these is set. top: so many of the largest. position: the number of one's own."""

    assets: tuple[str, ...] = ()
    every: bool = False
    top: int = 0
    position: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back equal."""
        if self.assets:
            return {"assets": list(self.assets)}
        return {"any": True} if self.every else {"top": self.top} if self.top else {"position": self.position}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scope:
        """Read it back."""
        return cls(
            assets=tuple(data.get("assets", ())),
            every=bool(data.get("any")),
            top=int(data.get("top", 0)),
            position=int(data.get("position", 0)),
        )

    @property
    def text(self) -> str:
        """Return it as it is typed."""
        if self.position:
            return f"my position {self.position}"
        return f"any of top{self.top}" if self.top else "any" if self.every else " ".join(self.assets).lower()

    @property
    def said(self) -> str:
        """Return it in plain words."""
        if self.position:
            return f"Your position {self.position}"
        if self.every or self.top:
            return f"Each of the {self.top} largest assets" if self.top else "Each asset that is followed"
        return saying.listed(self.assets)


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A rule as a person said it.

    scope: of what. rule: what is judged. once: it is told one time and then is over. at_most: how often it may be told,
    None for every time. line: the whole in canonical words, which reads back as the same. said: the same as a sentence.
    """

    scope: Scope
    rule: AlertRule
    once: bool
    at_most: timedelta | None
    line: str
    said: str


def read(text: str, *, assets: Sequence[str], usual: str) -> OwnLine:
    """Read a line. assets: those that are followed. usual: the asset that is meant where none is named.

    RuleError, in one line that marks the word and says what would be right, for anything that is no rule.
    """
    parsed = parse(text)
    meaning, named = _meaning(parsed, assets)
    scope = _position(parsed) if parsed.position else scope_of(parsed.line, parsed.of, named, usual)
    at_most = _span(parsed, parsed.every, "How often it may be told", OFTENEST, LONGEST_HOLD) if parsed.every else None
    rule = rule_from(meaning)
    _affordable(parsed, rule)
    once = parsed.once is not None
    line = _position_line(scope, meaning) if scope.position else f"{scope.text} {text_of(meaning, spoken=True)}"
    if once:
        line += " once"
    if at_most:
        line += f" at most every {span_text(at_most)}"
    if len(line) > LONGEST or len(text_of(meaning)) > LONGEST:
        raise too_long(max(len(line), len(text_of(meaning))))
    return OwnLine(
        scope,
        rule,
        once,
        at_most,
        line,
        _said("The market" if rule.market_wide else scope.said, meaning, once, at_most),
    )


def meaning_of(text: str) -> Meaning:
    """Return what the canonical text of a rule means. RuleError for what is none."""
    return _meaning(parse(text), (NO_ASSET,))[0]


def _meaning(parsed: Parsed, assets: Sequence[str]) -> tuple[Meaning, tuple[str, ...]]:
    quiet = parsed.quiet is not None
    hold = _span(parsed, parsed.hold, "How long it must hold", timedelta(0), LONGEST_HOLD)
    if parsed.position:
        distance = percent_of(parsed.line, parsed.position[1], "The distance")
        if parsed.until or not 0 < distance < 1:
            where = parsed.line.place(parsed.position[1].begin, parsed.position[1].end)
            raise RuleError("A position is told within a distance, like my position 2 within 5%.", *where)
        return Meaning(distance=distance, hold=hold, quiet=quiet), ()
    understood = Understood(parsed.line, assets)
    if built_in := understood.built_in(parsed):
        return Meaning(built_in=built_in, quiet=quiet), tuple(understood.assets)
    enter = understood.alternatives(parsed.groups)
    until = understood.alternatives(parsed.until) if parsed.until else ()
    understood.check(enter, until)
    if hold and parsed.hold and any(term.event for group in enter for term in group):
        said = "A crossing is a moment and cannot last: leave the time out, or say above or below instead."
        raise RuleError(said, *parsed.line.place(parsed.hold.begin, parsed.hold.end))
    clock = clock_of(enter, until)
    meaning = Meaning(enter, until, hold if hold > clock or _by_the_minute(enter, until) else timedelta(0), quiet)
    if until == automatic_end(meaning):
        meaning = replace(meaning, until=())
    _contradicted(parsed, meaning)
    return meaning, tuple(understood.assets)


def _affordable(parsed: Parsed, rule: AlertRule) -> None:
    """Refuse a rule that reads more at every close than one rule may."""
    if (cells := cost(rule)) > MOST_CELLS:
        titles = saying.listed([f"“{metrics()[name].title}”" for name in rule.metrics])
        said = (
            f"{titles} together look {cells:,} figures back at every close, and one rule may look {MOST_CELLS:,}: "
            "make two rules of it."
        )
        raise RuleError(said, 0, len(parsed.line.typed))


def automatic_end(meaning: Meaning) -> Alternatives:
    """Return what ends a rule by itself, as it would be said; empty where that is not one figure's line."""
    terms = {term for group in meaning.enter for term in group}
    if any(term.event for term in terms) or (len(meaning.enter) > 1 and any(len(group) > 1 for group in meaning.enter)):
        return ()
    if len(meaning.enter) == 1:
        return ordered(tuple((end,) for term in meaning.enter[0] for end in ends_of(term)))
    if any(term.test == "is" for term in terms):
        return ()
    return ordered((tuple(end for group in meaning.enter for end in ends_of(group[0])),))


def _by_the_minute(*every: Alternatives) -> bool:
    """Tell whether lines are of price alone: it is judged by the minute, so that a part of an hour is a time too."""
    return all(term.value == PRICE for alternatives in every for group in alternatives for term in group)


def _contradicted(parsed: Parsed, meaning: Meaning) -> None:
    """Refuse what can never hold, and an end on the side on which the rule begins: over at the close of its begin."""
    for group in meaning.enter:
        for term, other in combinations(group, 2):
            if apart(term, other):
                first, last = parsed.groups[0][0], parsed.groups[-1][-1]
                said = (
                    f"{sentence_case(saying.said_term(term))} and {saying.said_term(other)} never hold at once: say or."
                )
                raise RuleError(said, *parsed.line.place(first.begin, last.end))
        for end in meaning.until:
            for term in group:
                clash = [one for one in end if same_figure(term, one)]
                if len(end) == len(clash) == 1 and not apart(term, clash[0]):
                    spoken = parsed.until[0][0]
                    line = saying.said_term(clash[0])
                    said = f"It cannot end with {line}: that is where it begins. Put the end on the other side."
                    raise RuleError(said, *parsed.line.place(spoken.begin, spoken.end))


def _position(parsed: Parsed) -> Scope:
    number, amount = parsed.position  # type: ignore[misc]
    if number is None or not number.text.isdecimal() or not 1 <= int(number.text[:6]) <= 9999:
        line = parsed.line
        at = amount.begin if number is None else number.begin
        end = amount.begin if number is None else number.end
        distance = line.shown(amount.begin, amount.end)
        offers = tuple((f"position {place}", f"my position {place} within {distance}") for place in (1, 2))
        raise RuleError("Which position? Say its number, like my position 2 within 5%.", *line.place(at, end), offers)
    return Scope(position=int(number.text))


def _position_line(scope: Scope, meaning: Meaning) -> str:
    return text_of(meaning).replace("my position", scope.text, 1)


def _span(parsed: Parsed, piece: SaidWord | None, what: str, least: timedelta, most: timedelta) -> timedelta:
    if piece is None:
        return timedelta(0)
    span = span_of(parsed.line, piece)
    if not least <= span <= most:
        low = f"from {saying.span_words(least)} " if least else ""
        said = f"{what} goes {low}up to {saying.span_words(most)}."
        raise RuleError(said, *parsed.line.place(piece.begin, piece.end))
    return span


# --- of what ---------------------------------------------------------------------------------------------------------


def scope_of(line: TypedLine, of: tuple[SaidWord, ...], assets: Iterable[str], usual: str) -> Scope:
    """Return the scope of a line. of: `any` and `top50`, where they were said. usual: the asset where none is named."""
    named = tuple(dict.fromkeys(assets))
    top = next((piece for piece in of if piece.kind == "TOP"), None)
    if top is not None:
        count = int("".join(one for one in top.text if one.isdigit())[:6])
        if named or not 1 <= count <= MOST_OF_TOP:
            shown = line.shown(top.begin, top.end)
            said = f"“{shown}” needs a number from 1 to {MOST_OF_TOP}, and no asset beside it."
            raise RuleError(said, *line.place(top.begin, top.end))
        return Scope(top=count)
    if named:
        return Scope(assets=named)
    return Scope(every=True) if of else Scope(assets=(usual,))


# --- the echo ---------------------------------------------------------------------------------------------------------


def _said(who: str, meaning: Meaning, once: bool, at_most: timedelta | None) -> str:  # noqa: FBT001 - told as said
    """Repeat a line in plain words."""
    if meaning.distance:
        words = saying.percent_words(meaning.distance)
        parts = [f"{who}: price within {words} of its liquidation"]
        parts.append(f"over when it is {saying.percent_words(meaning.distance * FARTHER)} away")
    elif meaning.built_in:
        title = rules()[meaning.built_in].title
        parts = [f"{who}: {title[:1].lower()}{title[1:]}, by the lines that are built in"]
    else:
        parts = [f"{who}: {saying.said(meaning.enter)}"]
    if meaning.hold:
        parts[0] += f" for {saying.span_words(meaning.hold)}"
    if not meaning.distance and not meaning.built_in:
        parts.append(saying.said_end(meaning, automatic_end(meaning)))
        clock = clock_of(meaning.enter, meaning.until)
        if clock >= DAY or any(term.event for group in meaning.enter for term in group):
            alone = _by_the_minute(meaning.enter, meaning.until)
            clocks = "at daily closes" if clock >= DAY else "at hourly closes"
            parts.append(f"judged {'by the minute' if alone else clocks}")
    if once:
        parts.append("told once")
    if at_most:
        parts.append(f"told at most every {saying.span_words(at_most)}")
    if meaning.quiet:
        parts.append("as a notice")
    return f"{'; '.join(filter(None, parts))}."
