"""What may be typed next: values for an argument of a command, for channels that complete what is being typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from handlers.channels.channel import Proposal
from handlers.command import commands
from handlers.language.kinds import ASSET, INSTRUMENT, ZONE, plan_of
from handlers.words import wording
from signals.inputs import MARKET
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from handlers.command import Deps
    from handlers.language.kinds import Field

MOST: Final = 25  # what a phone can be asked to read, and what the strictest channel takes
EVERYTHING: Final = "all"


def completes(field: Field) -> bool:
    """Tell whether anything is ever offered for an argument."""
    return field.offers is not None or field.kind in (ASSET, INSTRUMENT, ZONE) or callable(field.kind.words)


def offers(deps: Deps, command: str, field: str, typed: str) -> tuple[Proposal, ...]:
    """Return what may be typed for an argument, those that begin with what is typed first; empty where nothing may.

    Of text with several words the last one is completed, and those before it stay.
    """
    known = commands().get(command)
    plan = plan_of(cast("Hashable", known.arguments)) if known else None
    found = next((one for one in plan.fields if one.name == field), None) if plan else None
    if found is None:
        return ()
    before, _, last = typed.rpartition(" ") if found.offers else ("", "", typed)
    last = last.lstrip("/$").lower()
    every = [offer for offer in _every(deps, found) if last in f"{offer.words} {offer.label}".lower()]
    every.sort(key=lambda offer: not offer.words.lower().startswith(last))
    start = f"{before} " if before else ""
    return tuple(Proposal(start + offer.words, start + offer.label) for offer in every[:MOST])


def _every(deps: Deps, field: Field) -> Iterator[Proposal]:
    if field.offers:
        yield from _TEXTS[field.offers](deps)
    elif field.kind is ZONE:
        yield from _same(("UTC", "Europe/London", "Europe/Berlin", "America/New_York", "Asia/Tokyo", *_zones()))
    elif callable(field.kind.words):
        yield from _first_words(field.kind.words())
    else:
        yield from _same(_assets(deps))


def _same(words: Iterable[str]) -> Iterator[Proposal]:
    return (Proposal(word, word) for word in dict.fromkeys(words))


def _zones() -> list[str]:
    from zoneinfo import available_timezones  # noqa: PLC0415 - reads the zone files

    return sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc", "posix")))


def _first_words(words: Mapping[str, str]) -> Iterator[Proposal]:
    """Return one word for each value: the first, which is the shortest that people say."""
    first: dict[str, str] = {}
    for word, value in words.items():
        first.setdefault(value, word)
    return _same(first.values())


def _assets(deps: Deps) -> list[str]:
    if not deps.store.exists:
        return list(deps.assets)
    from storage.market import points  # noqa: PLC0415 - opens the database

    return [*deps.assets, *(asset for asset in points.assets(deps.store) if asset != MARKET)]


def _commands(_: Deps) -> Iterator[Proposal]:
    from signals.metric import metrics  # noqa: PLC0415 - brings numpy along

    yield from (Proposal(name, f"{name}: {known.help}") for name, known in commands().items())
    yield from (Proposal(name, f"{name}: {metric.title}") for name, metric in metrics().items())


def _alarms(deps: Deps) -> Iterator[Proposal]:
    """Yield assets and alarms by the words that /sub takes."""
    from handlers.words.subscriptions import title  # noqa: PLC0415 - brings numpy along
    from signals.alerts.burst import BURST  # noqa: PLC0415 - as above
    from signals.alerts.rule import rules  # noqa: PLC0415 - as above
    from storage.people.subscriptions import SOURCES  # noqa: PLC0415 - as above

    yield from _same(asset.lower() for asset in deps.assets)
    yield from (Proposal(name, f"{name}: {title(name)}") for name in (BURST, *rules(), SOURCES))


def _own_alarms(deps: Deps) -> Iterator[Proposal]:
    """Yield what is on in this chat."""
    here = deps.here()
    if here is None:
        return
    from handlers.words.subscriptions import title  # noqa: PLC0415 - brings numpy along
    from storage.people import destinations  # noqa: PLC0415 - opens the database

    for alarm, asset in destinations.subscriptions(deps.store, here.id):
        words = " ".join(word for word in (alarm, asset.lower()) if word != destinations.ANY) or EVERYTHING
        yield Proposal(words, words if alarm == destinations.ANY else f"{words}: {title(alarm)}")


def _own_positions(deps: Deps) -> Iterator[Proposal]:
    """Yield what this person watches, by its number."""
    if deps.asker.user is None or not deps.store.exists:
        return
    from storage.people import positions  # noqa: PLC0415 - opens the database

    for watched in positions.of(deps.store, platform_of(deps.asker.platform), deps.asker.user):
        if watched.number is not None:
            holding = watched.holding
            told = f"{watched.number}: {holding.unit} {holding.side} from {wording.price(holding.entry)}"
            yield Proposal(str(watched.number), f"{told}, {watched.name}" if watched.name else told)
    for followed in positions.followed_by(deps.store, platform_of(deps.asker.platform), deps.asker.user):
        yield Proposal(str(followed.number), f"{followed.number}: {followed.address}")


def _own_rules(deps: Deps) -> Iterator[Proposal]:
    """Yield the rules of this chat by their numbers."""
    from handlers.language.telling.own_rules import rules_here  # noqa: PLC0415 - opens the database

    yield from (Proposal(f"{rule.number}", f"{rule.number}: {rule.worded.line}") for rule in rules_here(deps))


_TEXTS: Final[Mapping[str, Callable[[Deps], Iterator[Proposal]]]] = {
    "alarms": _alarms,
    "own alarms": _own_alarms,
    "own positions": _own_positions,
    "own rules": _own_rules,
    "commands": _commands,
}
