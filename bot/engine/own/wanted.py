"""Which rules are judged of which assets: what chats wrote, taken together, so that what many want is judged once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from signals.inputs import MARKET
from signals.units import DAY, floor
from storage.people import rules
from storage.queries.rules.scope import largest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from signals.alerts.rule import AlertRule
    from signals.rules.many.truths import Bools
    from storage.engine.database import Store
    from storage.people.rules import OwnRule

CLEARLY: Final = 1.2  # so many times n: who is among the n largest stays until then, since the last change daily
_MARKET: Final = frozenset((MARKET,))


def wants(scope: Mapping[str, Any], followed: Sequence[str], members: Sequence[str]) -> frozenset[str]:
    """Return the assets that a scope is about. followed: by everybody. members: the largest, where it asks for them."""
    if scope.get("any"):
        return frozenset(followed)
    if scope.get("top"):
        return frozenset(members)
    return frozenset(scope.get("assets", ())) & {*followed, MARKET}


@dataclass(frozen=True, slots=True)
class WantedRules:
    """What the chats want together.

    by_rule: of each rule that is judged the rows of the chats that have it, paused ones too, each with its assets.
    """

    by_rule: Mapping[str, tuple[tuple[OwnRule, frozenset[str]], ...]]

    @classmethod
    def of(
        cls, every: Iterable[OwnRule], followed: Sequence[str], sizes: Largest, rules: Mapping[str, AlertRule]
    ) -> WantedRules:
        """Take together what each chat wants. rules: those that can be judged; rows of others are left out."""
        found: dict[str, list[tuple[OwnRule, frozenset[str]]]] = {}
        alike: dict[str, frozenset[str]] = {}  # thousands ask of the same assets, and hundreds of them are 30 kB
        for row in every:
            rule = rules.get(row.worded.rule)
            if rule is None or "position" in row.worded.scope:
                continue
            scope = row.worded.scope
            key = json.dumps(scope, sort_keys=True)
            if key not in alike:
                alike[key] = wants(scope, followed, sizes.of(int(scope["top"])) if scope.get("top") else ())
            of = alike[key]
            found.setdefault(rule.id, []).append((row, _MARKET if rule.market_wide and of else of))
        return cls({name: tuple(rows) for name, rows in found.items()})

    def pairs(self, rules: Sequence[AlertRule], assets: Sequence[str]) -> Bools:
        """Return which pairs are judged: (rules, assets). What is paused is judged too, or its end would be lost."""
        column = {asset: i for i, asset in enumerate(assets)}
        found = np.zeros((len(rules), len(assets)), dtype=bool)
        whole: dict[frozenset[str], list[int]] = {}
        for i, rule in enumerate(rules):
            for _, of in self.by_rule.get(rule.id, ()):
                if of not in whole:
                    whole[of] = [column[asset] for asset in of if asset in column]
                found[i, whole[of]] = True
        return found


class Largest:
    """The largest assets by open interest in USD, looked up once a day."""

    def __init__(self, store: Store, followed: Sequence[str]) -> None:
        self._store, self._followed = store, tuple(followed)
        self._looked: datetime | None = None
        self._order: tuple[str, ...] = self._followed
        self._members: dict[int, tuple[str, ...]] = {}

    def look(self, now: datetime) -> bool:
        """Look how large each is, if that was not done today; tell whether it was done."""
        day = floor(now, DAY)
        if self._looked == day:
            return False
        if self._looked is None:
            self._members = rules.members(self._store)
        self._looked = day
        self._order = largest(self._store, self._followed, now)
        self._members = {number: self._changed(number, members) for number, members in self._members.items()}
        self._keep()
        return True

    def of(self, number: int) -> tuple[str, ...]:
        """Return the so many largest; who was among them stays until it is clearly smaller."""
        if number not in self._members:
            self._members[number] = self._order[:number]
            self._keep()
        return self._members[number]

    def _changed(self, number: int, members: Collection[str]) -> tuple[str, ...]:
        surely = self._order[: round(number / CLEARLY)]
        stay = [asset for asset in self._order[: round(number * CLEARLY)] if asset in members]
        return tuple(dict.fromkeys((*surely, *stay, *self._order[:number])))[:number]

    def _keep(self) -> None:
        with self._store.write() as work:
            rules.keep_members(work, self._members)
