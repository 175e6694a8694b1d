"""What a rule would have said in the last days: stepped over stored closes by the machine that steps it live."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from signals.alerts import stepping
from signals.alerts.episodes import State
from signals.metric import metrics
from signals.units import DAY, floor
from storage.market import points
from storage.panels import panels
from storage.panels.computed import Computed
from storage.queries.market import flows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from signals.alerts.rule import AlertRule
    from signals.series import Array
    from storage.engine.database import Store
    from storage.queries.market.flows import RateAt

DAYS: Final = 90
_FUNDING: Final = frozenset({"funding_market.value", "funding_apr.value"})
TOGETHER: Final = 25  # assets whose values are computed at once: some 10 MB of three months of hours


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of time in which a rule held. ended: None while it does."""

    fired: datetime
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a rule would have said of one asset.

    judged: the first close at which it could be, None: none. holds: at the last close; held_before: at the first one
    already, so that nobody knows when it began. again: the closes at which it held anew so soon after an end that it is
    the same span, told as an answer to its first message. times: the closes that were looked at, rising, and
    values: what its conditions compare at them, NaN where not known. venues: whose figures they are at the newest one.
    """

    asset: str
    spans: tuple[Span, ...]
    judged: datetime | None
    step: timedelta
    times: tuple[datetime, ...] = ()
    values: Mapping[str, Array] = field(default_factory=dict)
    venues: tuple[str, ...] = ()
    holds: bool = False
    held_before: bool = False
    again: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would have said of each asset since a time. lacking: the assets that it could not be judged for."""

    rule: AlertRule
    since: datetime
    until: datetime
    found: tuple[Looked, ...]
    lacking: tuple[str, ...]

    @property
    def fires(self) -> list[tuple[datetime, str]]:
        """Return each time it would have fired, the oldest first, with the asset."""
        return sorted((span.fired, looked.asset) for looked in self.found for span in looked.spans)

    @property
    def again(self) -> int:
        """Return how often one that had ended would have been told again, as the same one."""
        return sum(len(looked.again) for looked in self.found)

    @property
    def span(self) -> timedelta:
        """Return over how long it could be judged, of the asset that is known longest."""
        begun = [looked.judged for looked in self.found if looked.judged]
        if not begun:
            return timedelta(0)
        whole = self.until - self.since  # a row that lies across the beginning is no reason to say 89 days
        return whole if min(begun) - self.since <= 2 * max(one.step for one in self.found) else self.until - min(begun)

    @property
    def spoken(self) -> int:
        """Return how often it would have spoken: when it fired, and when it was told again."""
        return len(self.fires) + self.again

    @property
    def a_day(self) -> float:
        """Return how often a day it would have spoken, of all assets together; 0 where it could not be judged."""
        days = max(self.span / DAY, 1.0)
        return self.spoken / days if self.span else 0.0

    def busiest(self) -> tuple[datetime, int] | None:
        """Return the day (its midnight, UTC) on which it would have fired most often, and how often."""
        counts = Counter(floor(at, DAY) for at, _ in self.fires)
        return max(counts.items(), key=lambda item: (item[1], item[0])) if counts else None


def read(store: Store, rule: AlertRule, assets: Sequence[str], now: datetime, *, days: int = DAYS) -> Preview:
    """Step a rule over the closes of the last days. It may take a second for many assets.

    What held at the first close that could be judged is no fire, since nobody knows when it began. Of history that
    ended long ago its own last days are looked at.
    """
    wanted = tuple(dict.fromkeys(rule.asset_of(asset) for asset in assets))
    now = min(now, _last(store, rule, wanted) or now)
    since = now - timedelta(days=days)
    alike: dict[tuple[timedelta, ...], list[str]] = {}
    for asset in wanted:
        if steps := _steps(store, rule, asset, since, now):
            alike.setdefault(steps, []).append(asset)
    found: list[Looked] = []
    for steps, members in alike.items():
        for first in range(0, len(members), TOGETHER):
            found += _looked(store, rule, steps, members[first : first + TOGETHER], since, now)
    by_asset = {looked.asset: looked for looked in found if looked.judged}
    ordered = tuple(by_asset[asset] for asset in wanted if asset in by_asset)
    return Preview(rule, since, now, ordered, tuple(asset for asset in wanted if asset not in by_asset))


def rate_of(store: Store, found: Preview) -> RateAt | None:
    """Return the funding rate that a rule was held against at the last close, and whether it was paid.

    None where it is of several assets or of no rate, and where the figure is a mean over venues.
    """
    if len(found.found) != 1:
        return None
    looked = found.found[0]
    newest = next((values[-1] for name, values in looked.values.items() if name in _FUNDING), None)
    if newest is None:
        return None
    # What is told as a row ends belongs to the next one.
    rate = flows.rate_at(store, looked.asset, looked.times[-1] - timedelta(milliseconds=1))
    return rate if rate and math.isclose(rate.apr, newest, rel_tol=1e-6) else None


def again(found: Preview, rule: AlertRule) -> Preview:
    """Step another rule over the values of the same metrics that were read for the first: nothing is read anew."""
    looked = tuple(_stepped(rule, one.asset, one.step, one.times, one.values, one.venues) for one in found.found)
    return Preview(rule, found.since, found.until, tuple(one for one in looked if one.judged), found.lacking)


def _last(store: Store, rule: AlertRule, assets: Sequence[str]) -> datetime | None:
    """Return when the newest figure of any asset is no longer current; None where nothing is stored."""
    every = metrics()
    spans = [
        points.span(store, every[name].asset_of(asset), one)
        for name in rule.needed
        for one in every[name].needs
        for asset in assets
    ]
    return max((span[1] + DAY for span in spans if span), default=None)


def _steps(store: Store, rule: AlertRule, asset: str, since: datetime, now: datetime) -> tuple[timedelta, ...] | None:
    """Return the steps of the data of each metric; None where one that is needed has no data in that time."""
    every = metrics()
    for name in rule.needed:
        spans = [points.span(store, every[name].asset_of(asset), one) for one in every[name].needs]
        if not any(span and span[1] + DAY > since for span in spans):
            return None
    return tuple(
        panels.step_for(store, every[name], every[name].asset_of(asset), since - every[name].window, now)
        for name in rule.metrics
    )


def _looked(
    store: Store,
    rule: AlertRule,
    steps: tuple[timedelta, ...],
    assets: Sequence[str],
    since: datetime,
    now: datetime,
) -> Iterable[Looked]:
    every, clock = [metrics()[name] for name in rule.metrics], max(steps)
    first, last = floor(since, clock) + clock - rule.lead(clock) * clock, floor(now, clock)
    times = [first + clock * i for i in range(round((last - first) / clock) + 1)]
    if not times:
        return
    computed = [
        Computed.of(store, metric, step, tuple(assets), times, clock) for metric, step in zip(every, steps, strict=True)
    ]
    for asset in assets:
        values: dict[str, Array] = {}
        for of_metric in computed:
            values |= of_metric.of_asset(asset)
        venues = tuple(dict.fromkeys(venue for of in computed for venue in of.venues(asset, len(times) - 1)))
        yield _stepped(rule, asset, clock, tuple(times), values, venues)


def _stepped(
    rule: AlertRule,
    asset: str,
    clock: timedelta,
    times: tuple[datetime, ...],
    values: Mapping[str, Array],
    venues: tuple[str, ...],
) -> Looked:
    """Step one asset. times: of the rows of values, among them those that derived values read before the first."""
    lead = rule.lead(clock)
    rows = rule.judged_rows(values, clock, lead)
    state, told = stepping.run_rule(rule, State(), rows, times[lead:], clock)
    spans: list[Span] = []
    again: list[datetime] = []
    held_before = counts = False
    for then, change in told:
        if change.kind == "fired":
            counts = then.first is None or change.since > then.first
            held_before = held_before or not counts
        if counts and change.kind == "fired":
            spans.append(Span(change.at))
        elif counts and change.kind == "resumed":
            spans[-1] = Span(spans[-1].fired)
            again.append(change.at)
        elif counts and change.kind == "resolved":
            spans[-1] = Span(spans[-1].fired, change.at)
    named = {name for level in rule.levels for name in level.names()}
    kept = {name: array for name, array in values.items() if name in named or _is_read(rule, name)}
    return Looked(
        asset, tuple(spans), state.first, clock, times, kept, venues, state.rank > 0, held_before, tuple(again)
    )


def _is_read(rule: AlertRule, name: str) -> bool:
    return name in rule.known_by or any(name == one.of for one in rule.derived)
