"""What the conditions of a line mean: which value each compares, with which line, as a state or as a moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from signals.language.spelling import HOURS, read_number, sentence_case
from signals.metric import metrics
from signals.rules.amounts import bound_of, digits_of, percent_of
from signals.rules.errors import RuleError
from signals.rules.naming import PRICE, asset_of, named
from signals.rules.saying import span_words
from signals.rules.terms import Term, centred, changes_by_part, ordered, value_of
from signals.units import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals.rules.naming import NamedFigure
    from signals.rules.parsing import Amount, Groups, Parsed, SaidWord, Spoken
    from signals.rules.terms import Alternatives, Test
    from signals.rules.text import TypedLine

LONGEST_CHANGE: Final = 30 * DAY
LEAST_LEVEL: Final = 1000  # a number from here on is no percentage whose sign was forgotten
MOST_ENDS: Final = 32  # alternatives of what ends a rule
_UP: Final = ("up", "ris", "gain", "climb", "jump", "pump", "surge", "rall", "higher", "increas", "grow")
_COMPARED: Final[dict[str, Test]] = {
    **dict.fromkeys((">", "above", "over", "more than", "greater than", "higher than", "exceeds"), ">"),
    **dict.fromkeys((">=", "=>", "at least", "no less than", "not below"), ">="),
    **dict.fromkeys(("<", "below", "under", "less than", "lower than"), "<"),
    **dict.fromkeys(("<=", "=<", "at most", "no more than", "not above"), "<="),
}


def span_of(line: TypedLine, piece: SaidWord) -> timedelta:
    """Return a span of time that was said: 2h, 45 min, a day. RuleError where its number cannot be read."""
    digits = piece.text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = piece.text[len(digits) :].split()[-1]
    try:
        count = read_number(digits) if digits else 1.0
    except ValueError:
        count = 0.0
    minutes = round(count * (1.0 if unit == "m" else HOURS[unit] * 60))
    if not 0 < minutes <= 366 * 24 * 60:
        shown = line.shown(piece.begin, piece.end)
        raise RuleError(f"“{shown}” is no time for a rule. Say it like 2h or 7d.", *line.place(piece.begin, piece.end))
    return timedelta(minutes=minutes)


def clock_of(*every: Alternatives) -> timedelta:
    """Return how far apart the closes are at which terms are judged: the coarsest step of their metrics."""
    names = {term.value.partition(".")[0] for alternatives in every for group in alternatives for term in group}
    return max(metrics()[name].step for name in names)


class Understood:
    """One line being understood. assets: those that it names."""

    def __init__(self, line: TypedLine, followed: Sequence[str]) -> None:
        self.line = line
        self.assets: list[str] = []
        self._followed = followed
        self._named: dict[int, NamedFigure] = {}
        self._figure = ""  # that was named last

    def built_in(self, parsed: Parsed) -> str:
        """Return the built-in rule that the whole line names, "" where it is made of conditions.

        RuleError where a built-in rule stands among others, or a figure stands without its line.
        """
        self.assets += [self._asset(piece) for piece in parsed.scope]
        every = [spoken for group in (*parsed.groups, *parsed.until) for spoken in group]
        for spoken in every:
            self._look(spoken, first=spoken is every[0])
        bare = next((spoken for spoken in every if not spoken.kind), None)
        if bare is None:
            return ""
        found, where = self._named[id(bare)], self.line.place(bare.begin, bare.end)
        shown = self.line.shown(bare.begin, bare.end)
        if not found.built_in:
            examples = _examples(found.value or PRICE)
            offers = tuple((one, self.line.with_instead(bare.end, bare.end, one)) for one in examples)
            what = (
                f"is {value_of(found.value).title}; say its line too" if found.value else "needs a figure and its line"
            )
            raise RuleError(f"“{shown}” {what}, like {shown} {examples[0]}.", *where, offers)
        if len(every) > 1:
            said = f"“{shown}” is a rule of its own, with lines and times of its own: make it a line by itself."
            raise RuleError(said, *where, ((shown, shown),))
        if parsed.hold or found.over:
            raise RuleError(f"“{shown}” has times of its own; leave yours out.", *where)
        return found.built_in

    def alternatives(self, groups: Groups) -> Alternatives:
        """Return what groups of conditions mean."""
        spoken = {id(one): one for group in groups for one in group}
        time = self._time_of(list(spoken.values()))
        terms = {key: self._term(one, time) for key, one in spoken.items()}
        return ordered(tuple(tuple(terms[id(one)] for one in group) for group in groups))

    def check(self, enter: Alternatives, until: Alternatives) -> None:
        """Refuse a change over a time that the closes of a rule cannot tell, and more ends than can be judged."""
        clock, ends = clock_of(enter, until), 1
        terms = [term for group in (*enter, *until) for term in group]
        for term in terms:
            if term.over % clock:
                names = [one.value.partition(".")[0] for one in terms]
                slow = next(metrics()[name].title for name in names if metrics()[name].step == clock)
                said = (
                    f"A change over {span_words(term.over)} cannot be told beside “{slow}”, which is known once in "
                    f"{span_words(clock)}: make two rules of it."
                )
                raise RuleError(said, 0, len(self.line.typed))
        for group in enter:
            ends *= sum(2 if term.test == "is" else 1 for term in group)
        if ends > MOST_ENDS:
            raise RuleError("That has too many alternatives: make two rules of it.", 0, len(self.line.typed))

    # --- names --------------------------------------------------------------------------------------------------------

    def _asset(self, piece: SaidWord) -> str:
        asset = asset_of(self.line, piece, self._followed)
        if asset is None:
            shown = self.line.shown(piece.begin, piece.end)
            raise RuleError(f"“{shown}” does not fit there.", *self.line.place(piece.begin, piece.end))
        return asset

    def _look(self, spoken: Spoken, *, first: bool) -> None:
        """Find what a condition names, and take the assets beside it for those of the whole rule.

        One that names no figure is of the one before, as in "funding > 30% apr or < -10% apr"; the first is of price.
        """
        found = named(self.line, spoken.phrase, self._followed)
        words = [piece for piece in (spoken.amount.units if spoken.amount else ()) if piece.kind == "WORD"]
        assets = [*found.assets, *(self._asset(piece) for piece in words)]
        if not first and set(assets) - set(self.assets):
            said = "A rule looks at one asset at a time, each of several by itself. Make two rules of it."
            raise RuleError(said, *self.line.place(spoken.begin, spoken.end))
        self.assets += [asset for asset in assets if asset not in self.assets]
        self._figure = found.value or self._figure or PRICE
        self._named[id(spoken)] = replace(found, value=self._figure) if spoken.kind else found

    # --- conditions ---------------------------------------------------------------------------------------------------

    def _time_of(self, every: Sequence[Spoken]) -> timedelta:
        """Return the time that a change without one takes from its neighbours, none where no neighbour has one."""
        for spoken in every:
            if piece := spoken.over or self._named[id(spoken)].over:
                return span_of(self.line, piece)
        spans = (value_of(found.value).over for one in every if (found := self._named[id(one)]).value)
        return next((span for span in spans if span), timedelta(0))

    def _term(self, spoken: Spoken, time: timedelta) -> Term:
        found = self._named[id(spoken)]
        name = found.value
        piece = spoken.over or found.over
        over = span_of(self.line, piece) if piece else timedelta(0)
        if spoken.kind in {"crosses", "flips"}:
            if piece or found.change:
                where = self.line.place(spoken.begin, spoken.end)
                raise RuleError("A crossing has no time: leave it out, or say up or down by how much.", *where)
            return self._event(spoken, name)
        if spoken.kind in {"named", "equals"} or value_of(name).unit == "code":
            return self._code(spoken, name)
        if spoken.kind in {"signed", "moves"}:
            return (
                self._signed(spoken, name, over) if spoken.kind == "signed" else self._move(spoken, name, over or time)
            )
        change = bool(over) or found.change or self._by_percent(spoken, name)
        if spoken.kind == "bare":
            return self._bare(spoken, name, over or time, change=change)
        amount, test = _amount(spoken), _compared(spoken.words[-1])
        if change:
            return self._compared_change(spoken, name, test, over or time)
        return Term(name, test, bound_of(self.line, amount, value_of(name)))

    def _by_percent(self, spoken: Spoken, name: str) -> bool:
        """Tell whether a number in percent is the change of a figure that is itself in dollars or coins."""
        units = spoken.amount.units if spoken.amount else ()
        return any(piece.kind == "PERCENT" for piece in units) and changes_by_part(value_of(name))

    def _signed(self, spoken: Spoken, name: str, over: timedelta) -> Term:
        """Return what `positive` and `negative` mean: of a change, or of a figure that has a sign."""
        test: Test = ">" if spoken.words[0].text == "positive" else "<"
        if over:
            return self._change(spoken, name, test, 0.0, over)
        self._has_sign(spoken, name)
        return Term(name, test, 0.0)

    def _compared_change(self, spoken: Spoken, name: str, test: Test, over: timedelta, sign: int = 0) -> Term:
        """Return a change against a line. sign: of the line, where a word such as `falls` says it; 0: as it stands."""
        amount, value = _amount(spoken), value_of(name)
        if value.of and (not spoken.over or over == value.over):
            return Term(name, test, _with_sign(bound_of(self.line, amount, value), sign))
        if value.of:
            name = f"{name.partition('.')[0]}.{value.of}"
            value = value_of(name)
        if not over:
            raise self._when(spoken, name)
        part = changes_by_part(value)
        bound = (
            percent_of(self.line, amount, f"A change of {value.title}") if part else bound_of(self.line, amount, value)
        )
        return self._change(spoken, name, test, _with_sign(bound, sign), over)

    def _move(self, spoken: Spoken, name: str, over: timedelta) -> Term:
        """Return what `up`, `down 5% in 24h` and `falls 5%` mean."""
        up = spoken.words[0].text.startswith(_UP)
        if spoken.amount:
            if up and spoken.amount.number.text.startswith("-"):
                raise self._which_way(spoken)
            if not over and self._is_reached(spoken):
                bound = bound_of(self.line, spoken.amount, value_of(name))
                return Term(name, "crosses above" if up else "crosses below", bound)
            if not spoken.over and self._is_level(spoken.amount, name):
                raise self._to_or_by(spoken, name, up=up)
            return self._compared_change(spoken, name, ">=" if up else "<=", over, 1 if up else -1)
        test: Test = ">" if up else "<"
        if value_of(name).of and not spoken.over:
            return Term(name, test, 0.0)
        if not over:
            raise self._when(spoken, name)
        return self._change(spoken, name, test, 0.0, over)

    def _is_reached(self, spoken: Spoken) -> bool:
        """Tell whether it was said that a figure goes to a line, as in `falls to 70k` and `loses 70k`."""
        way = spoken.words[0]
        between = self.line.plain[way.end : _amount(spoken).begin].split()
        level = _amount(spoken).magnitude is not None and way.text.startswith("lose") and "by" not in between
        return "to" in between or level

    def _is_level(self, amount: Amount, name: str) -> bool:
        """Tell whether a number is no change in percent of a figure that is itself in dollars or coins."""
        units = {piece.kind for piece in amount.units}
        return (
            "PERCENT" not in units and changes_by_part(value_of(name)) and digits_of(self.line, amount) >= LEAST_LEVEL
        )

    def _to_or_by(self, spoken: Spoken, name: str, *, up: bool) -> RuleError:
        """Ask about `falls 2000`: to a line, or by a part, since no change is told in dollars."""
        amount, way = _amount(spoken), spoken.words[0]
        line = f"crosses {'above' if up else 'below'} {self.line.shown(amount.begin, amount.end)}"
        offers = ((line, self.line.with_instead(way.begin, amount.end, line)),)
        said = f"{sentence_case(value_of(name).title)} {line}? A change is said in percent, like {way.text} 5% in 24h."
        return RuleError(said, *self.line.place(way.begin, amount.end), offers)

    def _which_way(self, spoken: Spoken) -> RuleError:
        """Ask about a way that the sign of its number contradicts."""
        amount, place = _amount(spoken), spoken.words[0]
        size = self.line.shown(amount.begin, amount.end).lstrip("+-−–— ")
        offers = tuple(
            (f"{way} {size}", self.line.with_instead(place.begin, amount.end, f"{way} {size}"))
            for way in ("up", "down")
        )
        return RuleError(f"Up {size} or down {size}?", *self.line.place(place.begin, amount.end), offers)

    def _bare(self, spoken: Spoken, name: str, over: timedelta, *, change: bool) -> Term:
        """Return what a number without a word before it means: `-5% in 24h`; RuleError where it may be either side."""
        amount, value = _amount(spoken), value_of(name)
        if amount.number.text[0] not in "+-" or not (change or centred(value)):
            shown = self.line.shown(amount.begin, amount.end)
            sides = ("up", "down") if change else ("above", "below")
            words = tuple(f"{side} {shown}" for side in sides)
            offers = tuple((one, self.line.with_instead(amount.begin, amount.end, one)) for one in words)
            said = f"{sentence_case(value.title)} {' or '.join(sides)} {shown}?"
            where = self.line.place(amount.begin, amount.end)
            raise RuleError(said, *where, offers, level="" if change else name)
        test: Test = "<=" if amount.number.text[0] == "-" else ">="
        if change:
            return self._compared_change(spoken, name, test, over)
        return Term(name, test, bound_of(self.line, amount, value))

    def _change(self, spoken: Spoken, name: str, test: Test, bound: float, over: timedelta) -> Term:
        """Return a term over a change: over the value that is declared for that time, else over rows of the metric."""
        metric, _, short = name.partition(".")
        part, step = changes_by_part(value_of(name)), metrics()[metric].step
        for other, value in metrics()[metric].values.items():
            if (value.of, value.over) == (short, over) and (value.unit == "fraction") == part:
                return Term(f"{metric}.{other}", test, bound)
        if value_of(name).unit == "code" or over % step or not step <= over <= LONGEST_CHANGE:
            unit = "days" if step >= DAY else "hours"
            longest = span_words(LONGEST_CHANGE)
            said = f"A change of {value_of(name).title} can be told over whole {unit}, up to {longest}."
            raise RuleError(said, *self.line.place(spoken.begin, spoken.end))
        return Term(name, test, bound, over)

    def _event(self, spoken: Spoken, name: str) -> Term:
        """Return a crossing, or a change of sign, which is a crossing of zero."""
        value = value_of(name)
        if value.unit == "code":
            where = self.line.place(spoken.begin, spoken.end)
            raise RuleError(f"{sentence_case(value.title)} has no line to cross; it is one of: {_codes(name)}.", *where)
        if spoken.kind == "flips":
            self._has_sign(spoken, name)
            signs: dict[str, Test] = {"positive": "crosses above", "negative": "crosses below"}
            return Term(name, signs.get(spoken.words[-1].text, "crosses"), 0.0)
        side = next((piece for piece in spoken.words if piece.kind in {"COMPARE", "WAY"}), None)
        bound = bound_of(self.line, _amount(spoken), value)
        if side is None:
            return Term(name, "crosses", bound)
        up = side.text.startswith(_UP) if side.kind == "WAY" else _compared(side)[0] == ">"
        return Term(name, "crosses above" if up else "crosses below", bound)

    def _code(self, spoken: Spoken, name: str) -> Term:
        """Return a code that a value is; RuleError, with all of them, where it has none such."""
        value = value_of(name)
        where = self.line.place(spoken.begin, spoken.end)
        if value.unit != "code":
            said = f"{sentence_case(value.title)} is hardly ever exactly that: say above or below."
            raise RuleError(said, *where)
        words = " ".join(piece.text for piece in spoken.words)
        if spoken.kind == "named" and words in value.codes:
            return Term(name, "is", float(value.codes.index(words)))
        if spoken.kind == "equals":
            number = digits_of(self.line, _amount(spoken))
            if number.is_integer() and (0 <= number < len(value.codes) if value.codes else -1 <= number <= 1):
                return Term(name, "is", number)
        raise RuleError(f"{sentence_case(value.title)} is one of: {_codes(name)}. Say it with “is”.", *where)

    # --- what is asked ------------------------------------------------------------------------------------------------

    def _has_sign(self, spoken: Spoken, name: str) -> None:
        if not centred(value_of(name)):
            said = f"{sentence_case(value_of(name).title)} never changes its sign. Say a line, like crosses 100k."
            raise RuleError(said, *self.line.place(spoken.begin, spoken.end))

    def _when(self, spoken: Spoken, name: str) -> RuleError:
        """Ask within which time something changes."""
        place = spoken.end
        spans = ("24h", "7d") if metrics()[name.partition(".")[0]].step >= DAY else ("1h", "24h", "7d")
        offers = tuple((f"in {span}", self.line.with_instead(place, place, f"in {span}")) for span in spans)
        said = f"{sentence_case(value_of(name).title)}: within which time? Say it too, for example in 24h."
        return RuleError(said, *self.line.place(spoken.begin, spoken.end), offers)


def _amount(spoken: Spoken) -> Amount:
    if spoken.amount is None:
        raise TypeError("the grammar gives every comparison its number")
    return spoken.amount


def _compared(piece: SaidWord) -> Test:
    return _COMPARED[piece.text.replace("> =", ">=").replace("< =", "<=").replace("= >", "=>").replace("= <", "=<")]


def _with_sign(bound: float, sign: int) -> float:
    return sign * abs(bound) + 0.0 if sign else bound  # no minus zero: falls 0 % reads back as it is


def _codes(name: str) -> str:
    codes = value_of(name).codes
    return ", ".join(codes) if codes else "-1, 0, 1"


def _examples(name: str) -> tuple[str, ...]:
    """Return lines that a value may be compared with, as they are typed."""
    value = value_of(name)
    if value.unit == "code":
        return tuple(f"is {code}" for code in value.codes[1:3]) or ("is 1", "is -1")
    by_unit = {
        "apr": "30% apr",
        "z": "2",
        "rank": "90%",
        "usd": "$1bn",
        "price": "100k",
        "coins": "100k",
        "index": "70",
    }
    percent = "0.05% per 8h" if value.unit.startswith("rate") else "5%"
    line = by_unit.get(value.unit, percent if value.measure.percent else "2")
    return f"> {line}", f"< {line}"
