"""What history says of a rule, and what its record says, in one line each; they are never merged.

A line may say that a rule is worth nothing: of most that is the truth. Read aloud it has to be understood by who does
not know what an interval is, so every figure has its word beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.words import wording
from signals.evidence import TOO_FEW, Odds
from signals.language.spelling import sentence_case
from signals.metric import metrics
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals.alerts.record import PastWords
    from signals.evidence import BaseRate


def line(rate: BaseRate, horizon: int) -> str:
    """Say in one line what followed the fires of a rule. horizon: days; KeyError where it was not asked for."""
    return odds_line(rate.odds[horizon])


def odds_line(odds: Odds, price_of: str = "") -> str:
    """Say the same of odds: how many cases, what followed, what any day has, and what that makes of it.

    price_of: the asset whose price followed, where the sentence above it names none.
    """
    said = [cases(odds, price_of), verdict(odds)] if odds.cases else [cases(odds)]
    return f"Before{_where(odds)}: {' '.join([*said, *_lacking(odds)])}"


def cases(odds: Odds, price_of: str = "") -> str:
    """Say the figures: as many as the cases bear."""
    since = f" since {odds.since:%b %Y}" if odds.since else ""
    if not odds.cases:
        return f"no case{since}."
    if odds.n < TOO_FEW:
        return f"{wording.count(odds.cases, 'case')}{since}."
    return f"{wording.count(odds.n, 'case')}; {_of(price_of)}{later(odds.days)} {_figures(odds)}."


def horizon_line(odds: Odds) -> str:
    """Say one horizon of several: what followed after so long, and what that makes of it."""
    after = later(odds.days)
    figures = f"{_figures(odds)}." if odds.n >= TOO_FEW else f"known of {wording.count(odds.n, 'case')}."
    return f"{sentence_case(after)}: {figures} {verdict(odds)}"


def _figures(odds: Odds) -> str:
    middle = f"{wording.percent(_hundred(odds.median))} ({_bare(odds.lower)} … {_bare(odds.upper)})"
    true = f"{_share(odds.low)}–{_share(odds.high)} %"
    any_day = f"; any day: {_share(odds.any_day)} %" if odds.any_day is not None else ""
    return f"median {middle}, up {odds.up} of {odds.n} (true rate {true}){any_day}"


def verdict(odds: Odds) -> str:
    """Say what it is worth: too few cases for odds, no better than any other day, how it differs, or no score."""
    few = "Few cases" if odds.few else ""
    match odds.verdict:
        case "too few":
            return "Too few cases for odds."
        case "no score":
            return f"{few}. No score given." if few else "No score given."
        case "no better":
            return f"{few}, not better than any other day." if few else "Not better than any other day."
        case "more often":
            return f"{few}, but up more often than on any other day." if few else "Up more often than on any other day."
        case "less often":
            return f"{few}, but up less often than on any other day." if few else "Up less often than on any other day."


def record_line(past: PastWords, price_of: str = "") -> str:
    """Say what the rule has said before and what became of it: told in advance, so it is no part of the odds."""
    after = f"{_of(price_of)}{later(past.days)}"
    if not past.fired:
        return "This rule: first time fired."
    fired = "once" if past.fired == 1 else f"{past.fired} times"
    if not past.judged:
        return f"This rule: fired {fired} before, not judged yet."
    if past.judged > len(past.changes):
        return f"This rule: fired {fired}, {_of(price_of)}up {later(past.days)} in {past.up} of {past.judged}."
    open_ = past.fired - past.judged
    rest = f"; {open_} not judged yet" if open_ else ""
    return f"This rule: fired {fired}, {after} {changes(past.changes)}{rest}."


def _of(price_of: str) -> str:
    return f"{price_of} " if price_of else ""


def changes(every: Sequence[float]) -> str:
    """List returns."""
    return ", ".join(wording.percent(100 * change) for change in every)


def later(days: int) -> str:
    """Say a horizon: a day later, 7 days later."""
    return "a day later" if days == 1 else f"{days} days later"


def _lacking(odds: Odds) -> list[str]:
    """Name what was not known for a part of that span, so that a leg of a setup could not hold then."""
    names = [metrics()[name].title for name in odds.without if name in metrics()]
    listed = wording.listing([f"{name[:1].lower()}{name[1:]}" for name in names])
    return [f"Partly without {listed}."] if names and odds.cases else []


def _where(odds: Odds) -> str:
    """Name the exchanges where they changed with time; those of one that stayed stand in the stamp."""
    named = [wording.listing([venue_title(venue) for venue in of]) for of in odds.venues]
    if len(named) < 2:
        return ""
    return f", on {named[0]} and later on {named[1]}" if len(named) == 2 else ", on exchanges that changed"


def _hundred(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _bare(value: float | None) -> str:
    return wording.number(_hundred(value), 1, plus=True)


def _share(value: float | None) -> str:
    return wording.number(_hundred(value))
