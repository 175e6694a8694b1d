"""The words behind /sub and /unsub: which alarms and assets are meant, in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from handlers.command import Refused
from handlers.language.kinds import FILLERS
from handlers.language.spelling import asset_alone, chunks, shown, symbol
from handlers.words import wording
from signals.alerts.burst import BURST
from signals.alerts.rule import rules
from signals.alerts.setup import setups
from signals.inputs import MARKET
from signals.liquidation import listed_names
from storage.market import points
from storage.people.destinations import ANY
from storage.people.subscriptions import SOURCES, Wanted

if TYPE_CHECKING:
    from collections.abc import Collection

    from handlers.command import Deps

Sound: TypeAlias = Literal["loud", "silent", "usual"]
_SOUNDS: Final[dict[str, Sound]] = {
    "loud": "loud",
    "ring": "loud",
    "silent": "silent",
    "quietly": "silent",
    "usual": "usual",
    "default": "usual",
}
_EVERYTHING: Final = frozenset({"all", "everything", "any", "alerts", "alert", ANY})
_SAME: Final = {  # what people say for a part of an alarm's id
    "fng": "fear",
    "mood": "fear",
    "sentiment": "fear",
    "interest": "oi",
    "takers": "taker",
    "flow": "taker",
    "bursts": BURST,
    "fast": BURST,
    "flash": BURST,
    "source": SOURCES,
    "data": SOURCES,
    "status": SOURCES,
    "setup": "setups",
    "stories": "setups",
}
_NAMED: Final = "burst, oi, funding, taker, price, fng, setups or sources"
_SETUPS: Final = "setups"
_COMMON: Final = {"long", "short", "longs", "position", "options", "regime", "trigger"}  # say nothing of which setup


def wanted(text: str, deps: Deps, example: str) -> Wanted:
    """Read alarms and assets. Refused, naming what there is, for a word that is neither."""
    by_word = _alarms_by_word()
    names: dict[str, None] = {}
    assets: dict[str, None] = {}
    for chunk in chunks(text):
        word = _SAME.get(chunk.lower(), chunk.lower())
        if word in by_word:
            names |= dict.fromkeys(by_word[word])
        elif asset := _asset(chunk, deps):
            assets[asset] = None
        elif word not in _EVERYTHING and word not in FILLERS:
            if (coin := symbol(chunk, deps.assets)) and (coin.certain or coin.asset in listed_names()):
                raise Refused(
                    f"{coin.asset} is not followed here, so nothing is told of it. Followed: "
                    f"{wording.listing(deps.assets[:8])}; whoever runs this bot can add it under assets."
                )
            raise Refused(
                f"I do not know “{shown(chunk)}”. Name {_NAMED}, and assets "
                f"({wording.listing(deps.assets[:8], 'or')}). Type it like {example}."
            )
    return Wanted(tuple(names) or None, tuple(assets) or None)


def sound(text: str) -> tuple[Sound | None, str]:
    """Read how it is to sound, and return it with the rest of the words. Refused where it is to sound in two ways."""
    said = chunks(text)
    found = list(dict.fromkeys(_SOUNDS[word] for chunk in said if (word := chunk.lower()) in _SOUNDS))
    if len(found) > 1:
        raise Refused(f"{wording.listing(found, 'or').capitalize()}? Type only one, like /sub {found[0]}.")
    rest = " ".join(chunk for chunk in said if chunk.lower() not in _SOUNDS)
    return (found[0] if found else None), rest


def _alarms_by_word() -> dict[str, list[str]]:
    """Return the alarms that each word stands for: their ids, their metrics' ids, and the parts of both.

    A setup stands on many metrics and is meant by its own words alone, or by `setups`.
    """
    found: dict[str, list[str]] = {SOURCES: [SOURCES], BURST: [BURST], _SETUPS: [*setups()]}
    for name, rule in rules().items():
        words = {name, *name.split("_")} - (_COMMON if rule.setup else set())
        for metric in () if rule.setup else rule.metrics:
            words |= {metric, *metric.split("_")}
        for word in words - {"vs", "low"}:
            found.setdefault(word, []).append(name)
    return found


def words_of(alarms: Collection[str]) -> list[str]:
    """Return the fewest words that stand for exactly these alarms, as people type them; an id where no word does."""
    said = {word: {*names} for word, names in _alarms_by_word().items() if word in names or word.isalpha()}
    left, wanted_, words = {*alarms}, {*alarms}, []
    for word in sorted(said, key=lambda word: (-len(said[word]), "_" in word, len(word), word)):
        if said[word] <= wanted_ and said[word] & left:
            words.append(word)
            left -= said[word]
    return [*words, *sorted(left)]


def _asset(chunk: str, deps: Deps) -> str | None:
    read = symbol(chunk, deps.assets)
    if read is None or read.asset == MARKET:
        return None
    if read.asset in deps.assets or (deps.store.exists and read.asset in points.assets(deps.store)):
        return asset_alone(read.instrument, chunk)
    return None
