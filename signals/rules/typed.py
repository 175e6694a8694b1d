"""A rule as a person would type it: with the words of the field where the id has names of metrics.

An id must mean the same for ever, so it names metrics; what a chat is shown, shares and edits has the words that people
say. It reads back as the same rule, or the text of the id is shown in its place.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from signals.rules.errors import RuleError
from signals.rules.terms import amount_text, changes_by_part, span_text, term_text, text_of, value_of
from signals.spelling import plainly
from signals.words import PHRASES, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signals.rules.terms import Alternatives, Meaning, Term


@lru_cache(maxsize=4_096)
def typed(meaning: Meaning) -> str:
    """Return the text of a rule in the words of people, without assets; it means the same when it is read."""
    from signals.rules.reading import meaning_of  # noqa: PLC0415 - it imports this module

    if meaning.built_in or meaning.distance:
        return text_of(meaning)
    said = _alternatives(meaning.enter)
    if meaning.hold:
        said += f" for {span_text(meaning.hold)}"
    if meaning.until:
        said += f" until {_alternatives(meaning.until)}"
    said += " quiet" if meaning.quiet else ""
    try:
        return said if meaning_of(said) == meaning else text_of(meaning)
    except RuleError:
        return text_of(meaning)


def _alternatives(alternatives: Alternatives) -> str:
    return " or ".join(" and ".join(map(_term, group)) for group in alternatives)


def _term(term: Term) -> str:
    """Return a term with the word of the field for its figure; as in the id where there is none."""
    value, word, over = value_of(term.value), _words().get(term.value, ""), term.over
    amount = amount_text(term.bound, value)
    if over:
        word = word or term.value.removesuffix(".value")
        amount = f"{plainly(term.bound * 100)}%" if changes_by_part(value) else amount
    elif not word:
        word, over = _changed(term.value)
    if not word:
        return term_text(term)
    if not over:
        return f"{word} {term.test} {amount}"
    way = {"<=": "down", ">=": "up"}.get(term.test)
    if way and term.bound * term.way > 0:
        return f"{word} {way} {amount.removeprefix('-')} in {span_text(over)}"
    return f"{word} change {term.test} {amount} in {span_text(over)}"


def _changed(whole: str) -> tuple[str, timedelta]:
    """Return of which figure a declared value is the change, and within which time; "" where it is none of them."""
    value, metric = value_of(whole), whole.partition(".")[0]
    return _words().get(f"{metric}.{value.of}", "") if value.of else "", value.over or timedelta(0)


@cache
def _words() -> Mapping[str, str]:
    """Return the first word that people have for each value."""
    found = {meant.value: word for word, meant in reversed([*WORDS.items()])}
    for words, whole in PHRASES.items():
        found.setdefault(whole, words)
    return found
