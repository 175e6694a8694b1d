"""Where the rules of a chat stand: whether each holds, how far it is from its line, what it has said and what came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signals.alerts.rule import rule_of
from signals.evidence import horizon_of
from signals.metric import metrics
from signals.rules.live import price_alone
from signals.rules.reading import Scope
from storage.alerts import episodes, record
from storage.queries.market.known_at import newest_price
from storage.queries.rules import preview
from storage.queries.rules.scope import assets_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.alerts.episodes import Episode
    from storage.engine.database import Store
    from storage.market.points import Newest
    from storage.people.rules import OwnRule
    from storage.queries.rules.preview import Preview

NEWEST: Final = 3  # days that are read for the newest close: a daily figure may be told a day late


@dataclass(frozen=True, slots=True)
class RuleStanding:
    """One rule as it stands.

    newest: its values at the last closes; None where what it stands on went away. running: its episodes that have not
    ended. fired: when its chat could have been told since it was made, the oldest first. days: after how many days it
    is judged; judged: how many of what it said are, after `up` of which price was higher. price: the newest one of its
    asset, where it compares nothing else and is judged by the minute.
    """

    rule: OwnRule
    newest: Preview | None
    running: tuple[Episode, ...]
    fired: tuple[datetime, ...]
    days: int
    judged: int
    up: int
    price: Newest | None = None

    @property
    def holding(self) -> tuple[str, ...]:
        """Return the assets for which it holds."""
        return tuple(episode.asset for episode in self.running)


def read(store: Store, rules: Sequence[OwnRule], followed: Sequence[str], now: datetime) -> list[RuleStanding]:
    """Return where rules stand, in their order. followed: the assets that are followed, the first ones first."""
    return [_read(store, rule, followed, now) for rule in rules]


def _read(store: Store, rule: OwnRule, followed: Sequence[str], now: datetime) -> RuleStanding:
    try:
        declared = rule_of(rule.worded.rule)
    except KeyError:
        return RuleStanding(rule, None, (), (), 0, 0, 0)
    assets = assets_of(store, Scope.from_json(rule.worded.scope), followed, now)
    found = preview.read(store, declared, assets, now, days=NEWEST)
    whose = {declared.asset_of(asset) for asset in assets}
    mine = [one for one in episodes.of_rule(store, declared.id, rule.created) if one.asset in whose]
    days = horizon_of(declared, metrics()[declared.metrics[0]])
    entries = [one for one in record.of_own(store, declared.id, rule.created) if one.asset in whose]
    outcomes = [outcome for one in entries if (outcome := one.outcome(days))]
    return RuleStanding(
        rule,
        found,
        tuple(one for one in mine if one.ended is None),
        tuple(one.fired for one in mine if one.fired >= rule.created),
        days,
        len(outcomes),
        sum(outcome.change > 0 for outcome in outcomes),
        newest_price(store, found.found[0].asset, now) if len(found.found) == 1 and price_alone(declared) else None,
    )
