"""From what a rule means to the alert rule that the one machine of all alarms steps, with the words for it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache, lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final

from signals.alerts.condition import AT_ONCE, Condition, Level
from signals.alerts.derived import Derived
from signals.alerts.rule import OWN, AlertRule, rules
from signals.inputs import INPUTS
from signals.language.spelling import plainly, sentence_case
from signals.liquidation.watching import FARTHER
from signals.metric import MEASURES, metrics
from signals.rules import saying
from signals.rules.errors import RuleError
from signals.rules.terms import changes_by_part, exact, text_of, value_of
from signals.units import MINUTE

if TYPE_CHECKING:
    from signals.alerts.condition import Groups, Operator, Rank
    from signals.alerts.derived import Made
    from signals.rules.terms import Alternatives, Meaning, Term, Test

DISTANCE: Final = (
    "position.distance"  # from price to liquidation as a part of price; whoever judges a position gives it
)
# Cells that one rule may cost a close and asset, see `cost`: any one metric with a year of hours behind it, not two.
MOST_CELLS: Final = 40_000
_TITLE: Final = 80  # characters; a title stands in lists
_OPERATORS: Final[dict[Test, Operator]] = {">": ">", ">=": ">=", "<": "<", "<=": "<="}
_OPPOSITE: Final[dict[Test, Operator]] = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
_LEFT: Final[dict[Test, Test]] = {">": "<", ">=": "<", "<": ">", "<=": ">"}
_CROSSED: Final[dict[Test, Made]] = {
    "crosses": "crosses",
    "crosses above": "crosses_above",
    "crosses below": "crosses_below",
}


@lru_cache(maxsize=20_000)
def compiled(rule_id: str) -> AlertRule:
    """Return the rule of an id that begins with OWN. KeyError for an id that no rule has."""
    from signals.rules.reading import meaning_of  # noqa: PLC0415 - it imports this module

    if not rule_id.startswith(OWN):
        raise KeyError(rule_id)
    try:
        meaning = meaning_of(rule_id.removeprefix(OWN))
    except RuleError as error:
        raise KeyError(f"{rule_id}: {error.said}") from error
    if OWN + text_of(meaning) != rule_id:
        raise KeyError(f"{rule_id} is not written as an id is: {text_of(meaning)}")
    return rule_from(meaning)


def rule_from(meaning: Meaning) -> AlertRule:
    """Return the alert rule of a meaning."""
    name = OWN + text_of(meaning)
    if meaning.built_in:
        return _built_in(meaning, name)
    if meaning.distance:
        return _of_position(meaning, name)
    entered = tuple(dict.fromkeys(term for group in meaning.enter for term in group))
    terms = dict.fromkeys([*entered, *(term for group in meaning.until for term in group)])
    level = Level(_rank(meaning), enter_groups(meaning), leave_groups(meaning), meaning.hold, AT_ONCE)
    required = _required(meaning.enter)
    every = tuple(dict.fromkeys([*required, *(metric_of(term) for term in terms)]))
    title = short_title(meaning)
    figures = ", ".join(dict.fromkeys(f"{saying.title_of(term)} {_figure(term)}" for term in entered))
    return AlertRule(
        id=name,
        title=title,
        levels=(level,),
        headline=f"{{asset}}: {title}.",
        legs=tuple(dict.fromkeys(_leg(term) for term in entered)),
        counter=_counter(every),
        resolved=f"{{asset}}: {figures}.",
        metrics=every,
        required=None if required == every else required,
        derived=tuple(dict.fromkeys(one for term in terms if (one := derived_of(term)))),
        momentary=momentary(meaning),
        compares=tuple(dict.fromkeys(term.value for term in entered if metric_of(term) in required)),
        continues=AT_ONCE,  # whoever drew a line wants to hear of each time; `every 4h at most` is theirs to say
    )


def momentary(meaning: Meaning) -> bool:
    """Tell whether a rule tells of moments alone, and so has no end to be told."""
    return not meaning.until and all(any(term.event for term in group) for group in meaning.enter)


def metric_of(term: Term) -> str:
    """Return the metric whose value a term compares."""
    return term.value.partition(".")[0]


# --- what it costs ----------------------------------------------------------------------------------------------------


def cost(rule: AlertRule) -> int:
    """Return how many cells, closes times inputs, a rule has read at one close of one asset, beside the alarms.

    A metric that an alarm stands on is computed at every close anyway and costs nothing, but for the rows that derived
    values look back; any other costs its window.
    """
    every, alarms = metrics(), _of_alarms()
    clock = max(every[name].step for name in rule.metrics)
    found = 0
    for name in rule.metrics:
        metric = every[name]
        window = 0 if name in alarms else metric.bars_back(metric.step)
        found += (window + math.ceil(rule.lead(clock) * clock / metric.step)) * len(metric.needs)
    return found


@cache
def _of_alarms() -> frozenset[str]:
    return frozenset(name for rule in rules().values() for name in rule.metrics)


# --- levels -----------------------------------------------------------------------------------------------------------


def enter_groups(meaning: Meaning) -> Groups:
    """Return what a rule is entered by: its alternatives, each while nothing ends it, or it would flicker."""
    found: list[tuple[Condition, ...]] = []
    for group in meaning.enter:
        holds = tuple(one for term in group for one in conditions_of(term))
        ends = [end for end in meaning.until if not any(apart(term, other) for term in group for other in end)]
        barred = product(*([one for term in end for one in _fails(term)] for end in ends))
        found += [tuple(dict.fromkeys((*holds, *ways))) for ways in barred]
    return tuple(found)


def leave_groups(meaning: Meaning) -> Groups:
    """Return what ends a rule: what was said, else that one term of each alternative has come half way back.

    A moment is over at the next close.
    """
    if meaning.until:
        return tuple(tuple(one for term in group for one in conditions_of(term)) for group in meaning.until)
    ends = [[one for term in group for one in _left(term)] for group in meaning.enter]
    return tuple(dict.fromkeys(tuple(sorted(set(way), key=_in_order)) for way in product(*ends)))


def _left(term: Term) -> tuple[Condition, ...]:
    """Return the conditions of which one ends a term by itself."""
    return _fails(term) if term.event else tuple(one for end in ends_of(term) for one in conditions_of(end))


def ends_of(term: Term) -> tuple[Term, ...]:
    """Return where a state is over by itself; a code is over as soon as it is another one."""
    if term.test == "is":
        return replace(term, test="<"), replace(term, test=">")
    value = value_of(term.value)
    if term.over and changes_by_part(value):
        gap = abs(term.bound) / 2 if term.bound * term.way > 0 else MEASURES["fraction"].band
        line = exact(term.bound - term.way * gap)
    elif term.over:
        line = exact(replace(value, usual=0.0).leave_line(term.bound, term.way))
    else:
        line = exact(value.leave_line(term.bound, term.way))
    return (replace(term, test=_LEFT[term.test], bound=line),)


def conditions_of(term: Term) -> tuple[Condition, ...]:
    """Return what holds where a term does."""
    if term.event:
        return (Condition(_name_of(term), ">=", 1.0),)
    if term.test == "is":
        return Condition(term.value, ">=", term.bound), Condition(term.value, "<=", term.bound)
    return (Condition(_name_of(term), _OPERATORS[term.test], term.bound),)


def _fails(term: Term) -> tuple[Condition, ...]:
    """Return the conditions of which one holds where a term does not."""
    if term.event:
        return (Condition(_name_of(term), "<", 1.0),)
    if term.test == "is":
        return Condition(term.value, "<", term.bound), Condition(term.value, ">", term.bound)
    return (Condition(_name_of(term), _OPPOSITE[term.test], term.bound),)


def apart(term: Term, end: Term) -> bool:
    """Tell whether a term and an end cannot hold at once, as lines on the same figure do that look away."""
    if not same_figure(term, end) or term.way == 0 or term.way != -end.way:
        return False
    gap = term.way * (term.bound - end.bound)
    return gap > 0 or (gap == 0 and not (term.test[-1] == end.test[-1] == "="))


def same_figure(term: Term, other: Term) -> bool:
    """Tell whether two terms compare the same figure, and both as states."""
    return (term.value, term.over) == (other.value, other.over) and not (term.event or other.event)


def _in_order(condition: Condition) -> tuple[str, str, float]:
    return condition.name, condition.op, float(condition.bound)


# --- values -----------------------------------------------------------------------------------------------------------


def derived_of(term: Term) -> Derived | None:
    """Return the value that a term compares where it is computed from rows of another one."""
    value = value_of(term.value)
    if term.event:
        return Derived(_name_of(term), term.value, _CROSSED[term.test], line=term.bound, band=value.band_at(term.bound))
    if term.over:
        return Derived(_name_of(term), term.value, "change" if changes_by_part(value) else "difference", term.over)
    return None


def _name_of(term: Term) -> str:
    if term.event:
        line = plainly(term.bound).replace("-", "m").replace(".", "p")
        return f"{term.value}_{_CROSSED[term.test]}_{line}"
    return f"{term.value}_change_{term.over // MINUTE}m" if term.over else term.value


def _required(enter: Alternatives) -> tuple[str, ...]:
    """Return the metrics without which nothing can be judged: those that every alternative needs.

    Where alternatives have none in common it is the one that is known of most assets, by what it is computed from.
    """
    every = [dict.fromkeys(metric_of(term) for term in group) for group in enter]
    common = tuple(name for name in every[0] if all(name in group for group in every))
    return common or (min((name for group in every for name in group), key=_rarity),)


def _rarity(metric: str) -> tuple[int, str]:
    return sum(INPUTS[name].kind == "level" for name in metrics()[metric].needs), metric


# --- words ------------------------------------------------------------------------------------------------------------


def short_title(meaning: Meaning) -> str:
    """Return what a rule is called: its conditions in words, of a long one the first."""
    words = saying.said(meaning.enter)
    if len(words) > _TITLE:
        count = sum(len(group) for group in meaning.enter) - 1
        first = saying.said_term(meaning.enter[0][0])
        words = f"{first} and {count} more {'condition' if count == 1 else 'conditions'}"
    return f"{words} for {saying.span_words(meaning.hold)}" if meaning.hold else words


def _figure(term: Term) -> str:
    """Return the template of the figure that a term compares."""
    value = value_of(term.value)
    if term.event or not term.over:
        return f"{{{term.value}:{value.measure.spec}}}"
    return f"{{{_name_of(term)}:{'change' if changes_by_part(value) else value.measure.spec}}}"


def _leg(term: Term) -> str:
    title = saying.title_of(term)
    return f"{sentence_case(title)} {_figure(term)} (line {saying.line_of(term)})."


def _counter(names: tuple[str, ...]) -> str:
    told = dict.fromkeys(metrics()[name].tells_not for name in names[:2])
    return " ".join(f"It does not tell {text[:1].lower()}{text[1:]}" for text in told if text)


def _rank(meaning: Meaning) -> Rank:
    return "notice" if meaning.quiet else "warning"


# --- rules of another kind --------------------------------------------------------------------------------------------


def _built_in(meaning: Meaning, name: str) -> AlertRule:
    rule = rules()[meaning.built_in]
    if not meaning.quiet:
        return replace(rule, id=name)
    return replace(rule, id=name, levels=(replace(rule.levels[0], rank="notice"),))


def _of_position(meaning: Meaning, name: str) -> AlertRule:
    """Return the rule over the distance of a position to its liquidation, a value that no metric has."""
    line, far = meaning.distance, exact(meaning.distance * FARTHER)
    level = Level(
        _rank(meaning),
        ((Condition(DISTANCE, "<=", line),),),
        ((Condition(DISTANCE, ">", far),),),
        meaning.hold,
        AT_ONCE,
    )
    words = saying.percent_words(line)
    return AlertRule(
        id=name,
        title=f"position within {words} of its liquidation",
        levels=(level,),
        headline=f"{{asset}}: price is within {words} of the liquidation of a position.",
        legs=(f"Distance to liquidation {{{DISTANCE}:part1}} (line at most {words}).",),
        counter="It does not tell whether price gets there: the distance is computed from what was entered.",
        resolved=f"{{asset}}: liquidation is {{{DISTANCE}:part1}} away again.",
        metrics=("price_move",),
    )
