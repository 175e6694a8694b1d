"""What a number of a rule is in the unit of its value. A number that could be two things is asked about."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from signals.language.spelling import MAGNITUDES, UnreadableNumber, plainly, read_number, sentence_case
from signals.rules.errors import RuleError
from signals.rules.terms import amount_text, exact
from signals.units import HOURS_A_YEAR

if TYPE_CHECKING:
    from collections.abc import Collection

    from signals.metric import Value
    from signals.rules.parsing import Amount, SaidWord
    from signals.rules.text import TypedLine

_SIZES: Final = {**MAGNITUDES, "thousand": 1e3, "tn": 1e12, "trillion": 1e12}
_LARGEST: Final = 1e15
_IN_WORDS: Final = {
    "z": "standard deviations, like -2",
    "ratio": "a ratio, like 1.2",
    "times": "times, like 3",
    "index": "points from 0 to 100, like 20",
    "points": "points, like 5",
    "hours": "hours, like 8",
    "days": "days, like 30",
    "count": "a number, like 10",
    "usd": "dollars, like $10bn",
    "price": "dollars, like 95000",
    "coins": "coins, like 100k",
    "percent_a_year": "percent a year, like 60",
}


class Units:
    """The words behind a number, sorted by what they say."""

    def __init__(self, units: tuple[SaidWord, ...], number: str) -> None:
        kinds = {piece.kind for piece in units}
        self.percent = "PERCENT" in kinds
        self.yearly = "YEARLY" in kinds
        self.dollars = "DOLLARS" in kinds or "$" in number
        self.per = next((piece.text for piece in units if piece.kind == "PER"), "")
        counted = [piece.text.split()[0] for piece in units if piece.kind == "COUNTED"]
        self.counted = counted[0] if counted else ""
        self.words = [piece for piece in units if piece.kind == "WORD"]
        self.none = not (self.percent or self.yearly or self.dollars or self.per or self.counted)

    @property
    def hours(self) -> float:
        """Return for how many hours a rate is meant, 0 where that is not said."""
        digits = "".join(one for one in self.per if one.isdigit())
        if digits:
            return float(digits[:4])
        return 1.0 if "hour" in self.per else 24.0 if "day" in self.per else 0.0


def digits_of(line: TypedLine, amount: Amount) -> float:
    """Return the bare number, with its sign and magnitude. RuleError where it cannot be read in one way."""
    text = amount.number.text.replace(" ", "").replace("$", "")
    where = line.place(amount.begin, amount.number.end)
    if text == "zero":
        return 0.0
    sign = -1.0 if text.count("-") == 1 else 1.0
    text = text.lstrip("+-")
    digits, _, power = text.partition("e")
    try:
        number = read_number(digits) * 10.0 ** int(power or 0)
    except UnreadableNumber as error:
        raise RuleError(error.said(f"“{line.shown(amount.begin, amount.number.end)}”"), *where) from None
    number *= _SIZES[amount.magnitude.text] if amount.magnitude else 1.0
    if not math.isfinite(number) or number > _LARGEST or 0 < number < 1 / _LARGEST:
        shown = line.shown(amount.begin, amount.number.end)
        raise RuleError(f"“{shown}” is beyond anything that is traded. Type another number.", *where)
    return sign * number


def bound_of(line: TypedLine, amount: Amount, value: Value) -> float:
    """Return a number in the unit of a value. RuleError, with whole lines to choose from, where it needs a unit."""
    number, units = digits_of(line, amount), Units(amount.units, amount.number.text)
    measure = value.measure
    if number == 0 and not (units.dollars or units.counted):
        return 0.0
    if value.unit in {"apr", "rate", "rate_8h"}:
        return _rate(line, amount, value, number, units)
    if value.unit == "rank":
        return _rank(line, amount, value, number, units)
    if measure.percent:
        if units.percent and not (units.dollars or units.yearly or units.per):
            return exact(number / 100)
        if units.none:
            wanted = {f"{plainly(number)}%", *({f"{plainly(number * 100)}%"} if abs(number) <= 1 else ())}
            raise ask(line, amount, f"{value.title} is counted in percent", sorted(wanted, key=len))
        raise _wrong(line, amount, value)
    allowed = {
        "usd": units.dollars,
        "price": units.dollars,
        "coins": units.counted.startswith("coin"),
        "z": units.counted in {"z", "sd"} or units.counted.startswith("sigma"),
        "ratio": units.counted in {"x", "times"},
        "times": units.counted in {"x", "times"},
        "days": units.counted.startswith("d"),
        "hours": units.counted.startswith("h"),
        "points": units.counted.startswith(("point", "pts")),
        "index": units.counted.startswith(("point", "pts")),
        "percent_a_year": units.percent,
    }.get(value.unit, False)
    if not (units.none or allowed) or (value.unit == "price" and number <= 0):
        raise _wrong(line, amount, value)
    return exact(number)


def _rate(line: TypedLine, amount: Amount, value: Value, number: float, units: Units) -> float:
    """Return a funding rate: a year, a payment or 8 hours, whichever was said."""
    if units.dollars or units.counted:
        raise _wrong(line, amount, value)
    if units.none or (units.percent and not units.yearly and not units.per):
        plain = plainly(number)
        if value.unit != "apr":
            unit = amount_text(0.01, value).lstrip("1")
            raise ask(line, amount, f"{value.title} is counted in percent", [f"{plain}{unit}"])
        wanted = [f"{plain}% a year", f"{plain}% per 8 h"]
        raise ask(line, amount, f"{sentence_case(value.title)}, {plain} of what", wanted)
    if units.yearly and not units.per:
        found = number / 100
        if value.unit == "apr":
            return exact(found)
        raise ask(line, amount, f"{value.title} is of one payment, not of a year", [])
    if value.unit == "rate":
        if units.hours:
            raise ask(
                line, amount, f"{value.title} is of one payment, of any length", [f"{plainly(number)}% per payment"]
            )
        return exact(number / 100)
    if not units.hours:
        raise ask(
            line, amount, "How long is the payment", [f"{plainly(number)}% per 8 h", f"{plainly(number)}% per 4 h"]
        )
    per_hour = number / 100 / units.hours
    return exact(per_hour * (HOURS_A_YEAR if value.unit == "apr" else 8))


def _rank(line: TypedLine, amount: Amount, value: Value, number: float, units: Units) -> float:
    """Return a rank: 90, 90 %, 90th percentile."""
    if units.dollars or units.yearly or units.per or units.counted not in {"", "percentile", "st", "nd", "rd", "th"}:
        raise _wrong(line, amount, value)
    if units.none and 0 < number <= 1:
        wanted = [f"{plainly(number * 100)}%", f"{plainly(number)}%"]
        raise ask(line, amount, f"{value.title} goes from 0 to 100 %", wanted)
    if not 0 <= number <= 100:
        raise ask(line, amount, f"{value.title} goes from 0 to 100 %", ["90%", "10%"])
    return exact(number / 100)


def percent_of(line: TypedLine, amount: Amount, what: str) -> float:
    """Return a number in percent as a fraction. what: it is of. RuleError where it has no percent sign."""
    number, units = digits_of(line, amount), Units(amount.units, amount.number.text)
    if number and (not units.percent or units.dollars or units.yearly or units.per):
        wanted = [] if not units.none else [f"{plainly(number)}%"]
        raise ask(line, amount, f"{what} is counted in percent", wanted)
    if number <= -100:
        raise ask(line, amount, "Nothing falls by 100 % or more", [])
    return exact(number / 100)


def ask(line: TypedLine, amount: Amount, question: str, wanted: Collection[str]) -> RuleError:
    """Return the question which of some amounts was meant, each as a whole line."""
    offers = tuple((one, line.with_instead(amount.begin, amount.end, one)) for one in wanted)
    choice = f": {' or '.join(wanted)}?" if len(offers) > 1 else f": type {next(iter(wanted))}." if offers else "."
    return RuleError(f"{sentence_case(question)}{choice}", *line.place(amount.begin, amount.end), offers)


def _wrong(line: TypedLine, amount: Amount, value: Value) -> RuleError:
    shown = line.shown(amount.begin, amount.end)
    counted = _IN_WORDS.get(value.unit, "percent, like 5%" if value.unit != "apr" else "% a year, like 30% apr")
    return RuleError(
        f"“{shown}” fits no {value.title}: it is counted in {counted}.", *line.place(amount.begin, amount.end)
    )
