"""Which rule a person means, by its id, a part of it, or its title."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.command import MissingValue, Refused
from handlers.language.assets import meant_asset
from handlers.language.telling.subscriptions import wanted
from signals.alerts.rule import rules
from storage.people.subscriptions import Wanted

if TYPE_CHECKING:
    from handlers.command import Deps


def one_rule(text: str, deps: Deps, command: str) -> tuple[str, str]:
    """Return the rule and the asset that a text names; where it names none, those of the alert that is answered.

    Without an alert the asset is the first followed one.
    Refused, with what to type, where it names no rule, several, or more than one asset.
    """
    found = meant_rules(text, deps, command)
    first = f"/{command} price_drawdown {deps.assets[0].lower()}"
    if not found.alarms:
        text = f"Of which alarm? Name one, like {first}. There are: {_ids()}."
        raise Refused(text, wanted=MissingValue(text, free=True))
    known = [name for name in found.alarms if name in rules()]
    if not known:
        raise Refused(f"There is no history of that to look at. Name an alarm, like {first}.")
    if len(known) > 1:
        asset = found.assets[0] if found.assets else deps.assets[0]
        offers = tuple((rules()[name].title, f"/{command} {name} {asset.lower()}") for name in known[:6])
        lines = ", ".join(line for _, line in offers)
        raise Refused(f"Which one? Type one of {lines}.", offers=offers)
    if found.assets and len(found.assets) > 1:
        raise Refused(f"One asset at a time. Type it like {first}.")
    return known[0], meant_asset(deps, found.assets[0] if found.assets else None, first)


def _ids() -> str:
    return ", ".join(rules())


def meant_rules(text: str, deps: Deps, command: str) -> Wanted:
    """Return the rules and assets that a text names, in any order; a whole title or id names one rule alone.

    Of an empty text they are those of the alert that is answered, if one is.
    """
    if not text.strip():
        text = next((f"{one.rule} {one.asset}" for one in deps.about() if one.rule in rules()), text)
    said = text.lower().replace("-", " ")
    for name, rule in sorted(rules().items(), key=lambda item: -len(item[1].title)):
        for words in (rule.title.lower().replace("-", " "), name, name.replace("_", " ")):
            if f" {words} " in f" {said} ":
                rest = f" {said} ".replace(f" {words} ", " ").strip()
                return Wanted((name,), wanted(rest, deps, f"/{command} {name} btc").assets)
    return wanted(text, deps, f"/{command} price_drawdown btc")
