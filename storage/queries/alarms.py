"""Where each check of an asset stands: its level, since when, and what is open right now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from signals.alerts.burst import BURST
from signals.alerts.condition import RANKS, held
from signals.alerts.rule import named, rules, rules_of
from signals.inputs import MARKET
from signals.metric import metrics
from storage.alerts import episodes
from storage.people.destinations import ANY
from storage.people.subscriptions import is_on
from storage.queries.market import funding, prices, readings
from storage.queries.market.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from signals.alerts.condition import Rank
    from signals.alerts.rule import AlertRule
    from signals.metric import Metric
    from storage.alerts.episodes import Episode
    from storage.engine.database import Store
    from storage.queries.market.funding import Paid
    from storage.queries.market.readings import NotKnown, Readings

CheckLevel = Literal["calm", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """One metric as it is checked.

    level: calm, a rank, or unknown: then either `lacking` says why there is no reading, or it is too old to be judged.
    since: when its episode began, None where none is open. holds: what opens it is so at this moment too; an episode
    goes on for a while after that.
    """

    metric: Metric
    level: Rank | CheckLevel
    reading: Reading | None
    lacking: NotKnown | None = None
    since: datetime | None = None
    holds: bool = False

    @property
    def value(self) -> float | None:
        """Return the metric's value, None where there is none; one that is too old to be judged is a value too."""
        return self.reading.get("value") if self.reading else None

    @property
    def current(self) -> bool:
        """Tell whether there is a value, and it may be called current."""
        return self.reading is not None and self.reading.stamp.stale is None


@dataclass(frozen=True, slots=True)
class Health:
    """Every check of an asset, the most urgent first, and the readings they rest on.

    paid: what was settled last. moving: a fast move that is not over (rule `burst`), which is no metric's. stories: the
    open episodes of setups, the most urgent first.
    """

    asset: str
    checks: tuple[Check, ...]
    readings: Readings
    paid: Paid | None = None
    moving: Episode | None = None
    stories: tuple[Episode, ...] = ()

    @property
    def all_old(self) -> bool:
        """Tell whether every check has a value, and none a current one."""
        return all(check.level == "unknown" and check.value is not None for check in self.checks)


_ORDER: Sequence[Rank | CheckLevel] = (*reversed(RANKS), "unknown", "calm")


def read(store: Store, asset: str, now: datetime) -> Health:
    """Read every metric that can raise an alarm, and where it stands."""
    found = readings.of(store, asset, [metric for metric in metrics() if rules_of(metric)], now)
    if found.nothing:
        return Health(asset, (), found)
    states = episodes.rule_states(store)
    running = {(episode.rule, episode.asset): episode for episode in episodes.running(store)}
    checks = [_check(metrics()[name], asset, here, states, running) for name, here in found.found.items()]
    checks = [_at_this_price(store, check, now) if check.metric.id == prices.FALL else check for check in checks]
    rate = found.get(funding.YEAR)
    paid = funding.paid(store, asset, rate, now) if rate else None
    return Health(
        asset,
        tuple(sorted(checks, key=lambda check: (_ORDER.index(check.level), check.metric.market_wide))),
        found,
        paid,
        running.get((BURST, asset)),
        tuple(sorted((one for one in running.values() if _is_story(one, asset)), key=_urgency)),
    )


def _is_story(episode: Episode, asset: str) -> bool:
    """Tell whether an episode is one of a setup of an asset that everybody is told of."""
    rule = rules().get(episode.rule)
    return rule is not None and rule.setup is not None and not rule.only_asked and episode.asset == asset


def _at_this_price(store: Store, check: Check, now: datetime) -> Check:
    """Return the fall of price as /price tells it: alarms are judged at closes, a price is that of now."""
    reading = check.reading
    price = prices.read(store, reading.asset, now) if reading and check.current else None
    if reading is None or price is None or price.below is None or price.stamp.stale or price.at <= reading.at:
        return check
    values = {**reading.values, "value": price.below, "high": price.high, "high_at": price.high_at}
    return replace(check, reading=replace(reading, at=price.at, values=values, stamp=price.stamp))


def _check(
    metric: Metric,
    asset: str,
    found: Reading | NotKnown,
    states: Mapping[episodes.Key, episodes.RuleState],
    running: Mapping[episodes.Key, Episode],
) -> Check:
    if not isinstance(found, Reading):
        return Check(metric, "unknown", None, found)
    if found.stamp.stale:
        return Check(metric, "unknown", found)
    rank, since, holds = 0, None, False
    for rule in rules_of(metric.id):
        key = (rule.id, metric.asset_of(asset))
        now = _by_conditions(rule, found)
        here = states[key].state.rank if key in states else now
        holds |= here > 0 and now > 0
        if here > rank:
            rank, since = here, running[key].since if key in running else None
    return Check(metric, RANKS[rank - 1] if rank else "calm", found, since=since, holds=holds)


def _by_conditions(rule: AlertRule, reading: Reading) -> int:
    """Return the highest rank whose conditions hold now: what can be said of a rule that was never judged."""
    values = named(rule.metrics[0], reading.values)
    return max((RANKS.index(level.rank) + 1 for level in rule.levels if held(level.enter, values)), default=0)


def open_of(store: Store, subscriptions: Iterable[tuple[str, str]]) -> list[Episode]:
    """Return the open episodes that subscriptions (alarm and asset, `*` for any) ask for, the most urgent first.

    Who asked for everything is spared what is told by name alone.
    """
    rows = list(subscriptions)
    found = [
        episode
        for episode in episodes.running(store)
        if (episode.rule in rules() or episode.rule == BURST)
        and is_on([row for row in rows if row[1] in (ANY, episode.asset) or episode.asset == MARKET], episode.rule)
    ]
    return sorted(found, key=_urgency)


def _urgency(episode: Episode) -> int:
    """Return what sorts the most urgent episode first."""
    return -RANKS.index(episode.rank) if episode.rank in RANKS else 0
