"""A setup in words: which legs hold, which do not, which cannot be known, and what ended it."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from handlers.words import wording
from signals.language.spelling import sentence_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from signals.alerts.event import Event
    from signals.alerts.setup import Leg, Setup

    Fill = Callable[[str, Mapping[str, Any]], str | None]

PRICE: Final = "price_move.price"  # the price that a story begins and ends with


def holding(setup: Setup, values: Mapping[str, float]) -> list[Leg]:
    """Return the counted legs that hold."""
    return [leg for leg in setup.counted if values.get(setup.truth(leg)) == 1.0]


def how_many(setup: Setup, values: Mapping[str, float]) -> str:
    """Say how many legs hold, where it need not be all of them: STRAINED, 3 of 4 legs."""
    if all(leg.must for leg in setup.counted):
        return ""
    said = f"{len(holding(setup, values))} of {len(setup.counted)} legs"
    return f"{setup.word}, {said}." if setup.word else f"{sentence_case(said)}."


def evidence(setup: Setup, event: Event, values: Mapping[str, Any], fill: Fill) -> list[str]:
    """Return a line for each leg that holds, then what is named beside them, what does not hold and what is not known.

    fill: fills one line from values, or returns None where nothing of it is known. A leg that passes by holds no longer
    when the story goes on, and is not missed.
    """
    said = [fill(leg.says, values) for leg in holding(setup, event.values)]
    named = (leg for leg in setup.beside if not leg.holds or event.values.get(setup.truth(leg)) == 1.0)
    said += [fill(leg.says, values) for leg in named]
    begun = event.kind in {"fired", "escalated"}
    missed = (leg for leg in setup.counted if begun or not leg.passes)
    not_so = [leg.title for leg in missed if event.values.get(setup.truth(leg)) == 0.0]
    if not_so:
        said.append(f"Not so: {wording.listing(not_so)}.")
    if event.lacking:
        titles = {leg.id: leg.title for leg in setup.legs}
        lacking = [_lacking(titles[leg], since) for leg, since in event.lacking.items() if leg in titles]
        said.append(f"Not known: {wording.listing(lacking)}.")
    return [line for line in said if line]


def _lacking(title: str, since: str) -> str:
    if not since:
        return f"{title} (no data)"
    return f"{title} (data since {wording.day(date.fromisoformat(since))})"


def ended_by(setup: Setup, event: Event) -> str | None:
    """Say which legs held when the story was told last and no longer do; None where that is not known."""
    gone = [leg.title for leg in _gone(setup, event.told, event.values)]
    if gone:
        return f"No longer so: {wording.listing(gone)}."
    if setup.lasts and outlasted(setup, event):
        return f"It has been so for {wording.duration(setup.lasts)}, which is as long as this is told."
    return None


def outlasted(setup: Setup, event: Event) -> bool:
    """Tell whether a story ended because it had been told as long as one is, while it holds still."""
    ran = setup.lasts is not None and event.at - event.since >= setup.lasts
    return ran and not any(_gone(setup, event.told, event.values))


def _gone(setup: Setup, told: Mapping[str, float], now: Mapping[str, float]) -> Iterable[Leg]:
    counted = (leg for leg in setup.counted if not leg.passes)
    return (leg for leg in counted if told.get(setup.truth(leg)) == 1.0 and now.get(setup.truth(leg)) == 0.0)


def price_since(told: Mapping[str, float], now: Mapping[str, float]) -> str | None:
    """Say what price did between what was told last and now; None where either price is not known."""
    then, here = (values.get(PRICE, math.nan) for values in (told, now))
    if not (then > 0 and here > 0):
        return None
    return wording.price_then_now(then, here)
