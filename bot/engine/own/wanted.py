"""Which rules are judged of which assets: what chats wrote, taken together, so that what many want is judged once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from signals.inputs import MARKET
from signals.units import DAY, floor, to_ms
from storage.engine import settings
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from signals.alerts.rule import AlertRule
    from signals.rules.many.truths import Bools
    from storage.engine.database import Store
    from storage.people.rules import OwnRule

LEAVES: Final = 1.2  # of the n largest goes who is no longer among so many times n: the last ones change places daily
FRESH: Final = 2 * DAY  # open interest that is older says nothing of how large an asset is
_KEPT: Final = "the largest"  # the setting
_MARKET: Final = frozenset((MARKET,))


def wants(scope: Mapping[str, Any], followed: Sequence[str], largest: Sequence[str]) -> frozenset[str]:
    """Return the assets that a scope is about. followed: by everybody. largest: `Largest.of` for its number."""
    if scope.get("any"):
        return frozenset(followed)
    if scope.get("top"):
        return frozenset(largest)
    return frozenset(scope.get("assets", ())) & {*followed, MARKET}


@dataclass(frozen=True, slots=True)
class WantedRules:
    """What the chats want together.

    by_rule: of each rule that is judged the rows of the chats that have it, paused ones too, each with its assets.
    """

    by_rule: Mapping[str, tuple[tuple[OwnRule, frozenset[str]], ...]]

    @classmethod
    def of(
        cls, every: Iterable[OwnRule], followed: Sequence[str], largest: Largest, rules: Mapping[str, AlertRule]
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
                alike[key] = wants(scope, followed, largest.of(int(scope["top"])) if scope.get("top") else ())
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
            kept = json.loads(settings.setting(self._store, _KEPT) or "{}")
            self._members = {int(number): tuple(members) for number, members in kept.items()}
        self._looked = day
        self._order = by_size(self._store, self._followed, now)
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
        stay = [asset for asset in self._order[: round(number * LEAVES)] if asset in members]
        new = [asset for asset in self._order[:number] if asset not in members]
        return (*stay, *new[: max(0, number - len(stay))])

    def _keep(self) -> None:
        with self._store.write() as work:
            settings.keep_setting(work, _KEPT, json.dumps(self._members))


def by_size(store: Store, assets: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Return assets by their open interest in USD, the largest first; those of which none is known come last."""
    oldest = to_ms(now - FRESH)
    stored = points.stored_anywhere(store, "open_interest_usd")
    found: dict[str, float] = {}
    for asset in assets:
        if any(series.known >= oldest for series in stored.get(asset, ())):
            newest = points.newest(store, asset, "open_interest_usd")
            found[asset] = newest.value if newest else 0.0
    return tuple(sorted(assets, key=lambda asset: -found.get(asset, 0.0)))
