"""What the conditions of a line mean: which value each compares, with which line, as a state or as a moment."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from signals.metric import metrics
from signals.rules.amounts import bound_of, digits_of, percent_of
from signals.rules.errors import RuleError
from signals.rules.naming import PRICE, asset_of, named
from signals.rules.saying import span_words
from signals.rules.terms import Term, changes_by_part, ordered, value_of
from signals.spelling import HOURS, read_number
from signals.units import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals.rules.naming import Named
    from signals.rules.parsing import Groups, Parsed, Piece, Spoken
    from signals.rules.terms import Alternatives, Test
    from signals.rules.text import Line

LONGEST_CHANGE: Final = 30 * DAY
MOST_ENDS: Final = 32  # alternatives of what ends a rule
_UP: Final = ("up", "ris", "gain", "climb", "jump", "higher", "increas", "grow")
_COMPARED: Final[dict[str, Test]] = {
    **dict.fromkeys((">", "above", "over", "more than", "greater than", "higher than", "exceeds"), ">"),
    **dict.fromkeys((">=", "=>", "at least", "no less than", "not below"), ">="),
    **dict.fromkeys(("<", "below", "under", "less than", "lower than"), "<"),
    **dict.fromkeys(("<=", "=<", "at most", "no more than", "not above"), "<="),
}


def span_of(line: Line, piece: Piece) -> timedelta:
    """Return a span of time that was said: 2h, 45 min, a day. RuleError where its number cannot be read."""
    digits = piece.text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = piece.text[len(digits) :].split()[-1]
    hours = 1 / 60 if unit == "m" else HOURS[unit]
    try:
        count = read_number(digits) if digits else 1.0
    except ValueError:
        count = 0.0
    minutes = round(count * hours * 60)
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

    def __init__(self, line: Line, followed: Sequence[str]) -> None:
        self.line = line
        self.assets: list[str] = []
        self._followed = followed
        self._named: dict[int, Named] = {}
        self._first = True

    def built_in(self, parsed: Parsed) -> str:
        """Return the built-in rule that the whole line names, "" where it is made of conditions.

        RuleError where a built-in rule stands among others, or a figure stands without its line.
        """
        self._scope(parsed)
        every = [spoken for group in (*parsed.groups, *parsed.until) for spoken in group]
        bare = next((spoken for spoken in every if not spoken.kind), None)
        for spoken in every:
            self._look(spoken)
        if bare is None:
            return ""
        found = self._named[id(bare)]
        where = self.line.place(bare.begin, bare.end)
        shown = self.line.shown(bare.begin, bare.end)
        if not found.built_in:
            what = value_of(found.value or PRICE).title
            offers = tuple(
                (one, self.line.with_instead(bare.end, bare.end, one)) for one in _examples(found.value or PRICE)
            )
            raise RuleError(f"“{shown}”: {what} than what? Type it like {offers[0][1]}.", *where, offers)
        if len(every) > 1:
            said = f"“{shown}” is a rule of its own, with lines and times of its own: make it a line by itself."
            raise RuleError(said, *where, tuple((one, one) for one in (found.built_in,)))
        if parsed.hold or bare.over or found.over:
            raise RuleError(f"“{shown}” has times of its own; leave yours out.", *where)
        return found.built_in

    def alternatives(self, groups: Groups) -> Alternatives:
        """Return what groups of conditions mean."""
        spoken = [one for group in groups for one in group]
        time = self._time_of(spoken)
        terms = {id(one): self._term(one, time) for one in spoken}
        return ordered(tuple(tuple(terms[id(one)] for one in group) for group in groups))

    def check(self, enter: Alternatives, until: Alternatives) -> None:
        """Refuse a change over a time that the closes of the whole rule cannot tell, and more ends than can be judged."""
        clock = clock_of(enter, until)
        for group in (*enter, *until):
            for term in group:
                if term.over % clock:
                    slow = next(name for name in _metrics((*enter, *until)) if metrics()[name].step == clock)
                    raise RuleError(
                        f"A change over {span_words(term.over)} cannot be told beside {metrics()[slow].title.lower()}, "
                        f"which is known once in {span_words(clock)}: make two rules of it.",
                        0,
                        len(self.line.typed),
                    )
        ends = 1
        for group in enter:
            ends *= sum(2 if term.test == "is" else 1 for term in group)
        if ends > MOST_ENDS:
            said = "That has too many alternatives: make two rules of it."
            raise RuleError(said, 0, len(self.line.typed))

    # --- names --------------------------------------------------------------------------------------------------------

    def _scope(self, parsed: Parsed) -> None:
        for piece in parsed.scope:
            self._asset(piece)

    def _asset(self, piece: Piece) -> None:
        asset = asset_of(piece.text, self._followed)
        if asset is None:
            shown = self.line.shown(piece.begin, piece.end)
            raise RuleError(f"“{shown}” does not fit there.", *self.line.place(piece.begin, piece.end))
        self.assets.append(asset)

    def _look(self, spoken: Spoken) -> None:
        """Find what a condition names, and take the assets beside it for those of the whole rule."""
        found = named(self.line, spoken.phrase, self._followed)
        extra = [
            asset_of(piece.text, self._followed)
            for piece in (spoken.amount.units if spoken.amount else ())
            if piece.kind == "WORD"
        ]
        if spoken.amount and None in extra:
            odd = next(
                piece
                for piece in spoken.amount.units
                if piece.kind == "WORD" and not asset_of(piece.text, self._followed)
            )
            shown = self.line.shown(odd.begin, odd.end)
            raise RuleError(f"“{shown}” does not fit behind a number.", *self.line.place(odd.begin, odd.end))
        assets = [*found.assets, *(asset for asset in extra if asset)]
        if assets and not self._first and set(assets) - set(self.assets):
            said = "A rule looks at one asset at a time; each of several is judged by itself. Make two rules of it."
            raise RuleError(said, *self.line.place(spoken.begin, spoken.end))
        self.assets += [asset for asset in assets if asset not in self.assets]
        self._first = False
        self._named[id(spoken)] = found

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
        name = found.value or PRICE
        piece = spoken.over or found.over
        over = span_of(self.line, piece) if piece else timedelta(0)
        value = value_of(name)
        match spoken.kind:
            case "crosses" | "flips":
                if piece or found.change:
                    where = self.line.place(spoken.begin, spoken.end)
                    raise RuleError("A crossing has no time: leave it out, or say up or down by how much.", *where)
                return self._event(spoken, name)
            case "signed":
                test: Test = ">" if spoken.words[0].text == "positive" else "<"
                self._has_sign(spoken, name) if not over else None
                return self._change(spoken, name, test, 0.0, over) if over else Term(name, test, 0.0)
            case "named" | "equals":
                return self._code(spoken, name)
            case "moves":
                return self._move(spoken, name, over or time)
            case "bare":
                return self._bare(spoken, name, over, time, change=found.change)
            case _:
                pass
        test = _COMPARED[" ".join(spoken.words[0].text.replace("> =", ">=").replace("< =", "<=").split())]
        assert_amount = spoken.amount
        if assert_amount is None or value.unit == "code":
            return self._code(spoken, name)
        if over or found.change or self._by_percent(spoken, name):
            return self._compared_change(spoken, name, test, over or time)
        return Term(name, test, bound_of(self.line, assert_amount, value))

    def _by_percent(self, spoken: Spoken, name: str) -> bool:
        """Tell whether a number in percent is the change of a figure that is itself in dollars or coins."""
        return bool(
            spoken.amount
            and any(piece.kind == "PERCENT" for piece in spoken.amount.units)
            and changes_by_part(value_of(name))
        )

    def _compared_change(self, spoken: Spoken, name: str, test: Test, over: timedelta, sign: int = 0) -> Term:
        value = value_of(name)
        if value.of and value.over and (not over or over == value.over or (not sign and not spoken.over)):
            return Term(name, test, self._signed(bound_of(self.line, spoken.amount, value), sign))  # type: ignore[arg-type]
        if value.of:
            name = f"{name.partition('.')[0]}.{value.of}"
            value = value_of(name)
        if not over:
            raise self._when(spoken, name)
        if changes_by_part(value):
            bound = percent_of(self.line, spoken.amount, value.title)  # type: ignore[arg-type]
        else:
            bound = bound_of(self.line, spoken.amount, value)  # type: ignore[arg-type]
        return self._change(spoken, name, test, self._signed(bound, sign), over)

    @staticmethod
    def _signed(bound: float, sign: int) -> float:
        return sign * abs(bound) if sign else bound

    def _move(self, spoken: Spoken, name: str, over: timedelta) -> Term:
        """Return what `up`, `down 5% in 24h` and `falls 5%` mean."""
        up = spoken.words[0].text.startswith(_UP)
        if spoken.amount:
            test: Test = ">=" if up else "<="
            return self._compared_change(spoken, name, test, over, 1 if up else -1)
        value = value_of(name)
        if value.of and value.over:
            return Term(name, ">" if up else "<", 0.0)
        if not over:
            raise self._when(spoken, name)
        return self._change(spoken, name, ">" if up else "<", 0.0, over)

    def _bare(self, spoken: Spoken, name: str, over: timedelta, time: timedelta, *, change: bool) -> Term:
        """Return what a number without a word before it means: `-5% in 24h`; RuleError where it may be either side."""
        amount = spoken.amount
        if amount is None:
            raise self._when(spoken, name)
        number = amount.number.text
        value = value_of(name)
        if number[0] not in "+-" or not (over or change or self._by_percent(spoken, name) or _centred(name)):
            shown = self.line.shown(amount.begin, amount.end)
            offers = tuple(
                (f"{word} {shown}", self.line.with_instead(amount.begin, amount.end, f"{word} {shown}"))
                for word in ("above", "below")
            )
            said = f"{value.title[:1].upper()}{value.title[1:]} above or below {shown}?"
            raise RuleError(said, *self.line.place(amount.begin, amount.end), offers)
        test: Test = "<=" if number[0] == "-" else ">="
        if over or change or self._by_percent(spoken, name):
            return self._compared_change(spoken, name, test, over or time)
        return Term(name, test, bound_of(self.line, amount, value))

    def _change(self, spoken: Spoken, name: str, test: Test, bound: float, over: timedelta) -> Term:
        """Return a term over a change: over the value that is declared for that time, else over rows of the metric."""
        metric, _, short = name.partition(".")
        for other, value in metrics()[metric].values.items():
            if (value.of, value.over) == (short, over) and (value.unit == "fraction") == changes_by_part(
                value_of(name)
            ):
                return Term(f"{metric}.{other}", test, bound)
        step = metrics()[metric].step
        if value_of(name).unit == "code" or over % step or not step <= over <= LONGEST_CHANGE:
            unit = "days" if step >= DAY else "hours"
            raise RuleError(
                f"A change of {value_of(name).title} can be told over whole {unit}, up to {span_words(LONGEST_CHANGE)}.",
                *self.line.place(spoken.begin, spoken.end),
            )
        return Term(name, test, bound, over)

    def _event(self, spoken: Spoken, name: str) -> Term:
        """Return a crossing, or a change of sign, which is a crossing of zero."""
        value = value_of(name)
        if value.unit == "code":
            where = self.line.place(spoken.begin, spoken.end)
            raise RuleError(f"{value.title} has no line to cross; say which one it is: {_codes(name)}.", *where)
        word = spoken.words[0] if spoken.words and spoken.kind == "flips" else None
        side = next((piece for piece in spoken.words if piece.kind in {"COMPARE", "WAY"}), None)
        if spoken.kind == "flips":
            self._has_sign(spoken, name)
            test: Test = "crosses" if word is None else "crosses above" if word.text == "positive" else "crosses below"
            return Term(name, test, 0.0)
        bound = bound_of(self.line, spoken.amount, value)  # type: ignore[arg-type]
        if side is None:
            return Term(name, "crosses", bound)
        up = side.text.startswith(_UP) if side.kind == "WAY" else _COMPARED[side.text.replace(" =", "=")][0] == ">"
        return Term(name, "crosses above" if up else "crosses below", bound)

    def _code(self, spoken: Spoken, name: str) -> Term:
        """Return a code that a value is; RuleError, with all of them, where it has none such."""
        value = value_of(name)
        where = self.line.place(spoken.begin, spoken.end)
        if value.unit != "code":
            said = f"{value.title[:1].upper()}{value.title[1:]} is hardly ever exactly that: say above or below."
            raise RuleError(said, *where)
        if spoken.kind == "named":
            words = " ".join(piece.text for piece in spoken.words)
            if words in value.codes:
                return Term(name, "is", float(value.codes.index(words)))
        elif spoken.kind == "equals" and spoken.amount:
            number = digits_of(self.line, spoken.amount)
            if number.is_integer() and (-1 <= number < len(value.codes) if value.codes else -1 <= number <= 1):
                return Term(name, "is", number)
        raise RuleError(f"{value.title[:1].upper()}{value.title[1:]} is one of: {_codes(name)}.", *where)

    # --- what is asked ------------------------------------------------------------------------------------------------

    def _has_sign(self, spoken: Spoken, name: str) -> None:
        if not _centred(name):
            said = f"{value_of(name).title[:1].upper()}{value_of(name).title[1:]} never changes its sign."
            raise RuleError(f"{said} Say a line, like crosses 100k.", *self.line.place(spoken.begin, spoken.end))

    def _when(self, spoken: Spoken, name: str) -> RuleError:
        """Ask within which time something changes."""
        place = spoken.end
        spans = ("24h", "7d") if metrics()[name.partition(".")[0]].step >= DAY else ("1h", "24h", "7d")
        offers = tuple((f"in {span}", self.line.with_instead(place, place, f"in {span}")) for span in spans)
        said = (
            f"{value_of(name).title[:1].upper()}{value_of(name).title[1:]}, within which time? Say for example in 24h."
        )
        return RuleError(said, *self.line.place(spoken.begin, spoken.end), offers)


def _centred(name: str) -> bool:
    """Tell whether a value lies on either side of zero."""
    value = value_of(name)
    return (value.measure.usual if value.usual is None else value.usual) == 0


def _codes(name: str) -> str:
    codes = value_of(name).codes
    return ", ".join(codes) if codes else "-1, 0, 1"


def _examples(name: str) -> tuple[str, ...]:
    value = value_of(name)
    if value.unit == "code":
        return tuple(f"is {code}" for code in value.codes[1:3]) or ("is 1",)
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


def _metrics(alternatives: Alternatives) -> list[str]:
    return list(dict.fromkeys(term.value.partition(".")[0] for group in alternatives for term in group))
