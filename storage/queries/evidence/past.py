"""When a rule fired, in all history that is stored, and what followed: computed once a day, then only looked up.

A rule is stepped over every close from the first that is stored, by the machine that steps it live, and venue by venue
as panels join them (storage/panels/relay.py). Where the years before are known by the day alone, they are judged by the
day, as a running bot would have judged them, and the hours from where hours are known.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.alerts import stepping
from signals.alerts.episodes import State
from signals.alerts.rule import OWN, rule_of, rules
from signals.evidence import DailyCloses, base_rate, horizon_of
from signals.inputs import MARKET
from signals.metric import metrics
from signals.units import DAY, DAY_MS, floor, from_ms, to_ms
from storage.market import points, rewritten
from storage.panels import panels
from storage.panels.computed import Computed
from storage.panels.reader import PanelReader
from storage.queries.market.charts import PRICE_OF_THE_MARKET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from signals.alerts.rule import AlertRule
    from signals.evidence import BaseRate, Odds
    from signals.metric import Metric
    from signals.series import Array
    from storage.engine.database import Store

MOST: Final = 4_000  # histories that are kept, some 2 kB each
SETTLES: Final = 2 * DAY  # what is not older may yet be told late, and is looked at again the next day
_CLOSES: Final = 64  # assets whose closes are kept, 40 kB for seven years


@dataclass(frozen=True, slots=True)
class Fire:
    """One start of an episode, and the venues whose figures it was seen in."""

    at: datetime
    venues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fires:
    """Every fire of a rule, the oldest first.

    since: the first close at which it could be judged, None where it never could. until: the last close that was
    looked at. begun: of its other metrics, when anything of them was stored first; None: never.
    """

    rule: str
    asset: str
    fires: tuple[Fire, ...]
    since: datetime | None
    until: datetime
    begun: Mapping[str, datetime | None]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a rule and an asset at a time.

    price_of: whose price followed. closes: of that asset. since: from when on the rule could be judged, and the price
    is known.
    """

    rule: AlertRule
    asset: str
    fires: Fires
    closes: DailyCloses
    price_of: str
    price_venues: tuple[str, ...]
    rate: BaseRate
    since: datetime

    def odds(self, days: int) -> Odds:
        """Return the odds at a horizon, with whose history they rest on and what was not known in it."""
        at = {case.at for case in self.rate.cases}
        venues = dict.fromkeys(fire.venues for fire in self.fires.fires if fire.at in at)
        late = self.since + 30 * DAY
        without = (name for name, begun in self.fires.begun.items() if begun is None or begun > late)
        found = self.rate.odds[days]
        return replace(found, venues=tuple(venues), without=tuple(without), scored=self.rule.scored)

    @property
    def horizon(self) -> int:
        """Return after how many days the rule is judged first of all."""
        return horizon_of(self.rule, metrics()[self.rule.metrics[0]])


class PastFires:
    """What was computed of the past, beside the store: kept until another day has closed or the past is rewritten."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()  # two that ask for the same wait for one that computes
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._closes: OrderedDict[str, tuple[datetime, int, DailyCloses, tuple[str, ...]]] = OrderedDict()

    def known(self, rule: str, asset: str) -> bool:
        """Tell whether a rule was looked at before, so that what is new takes a moment."""
        return (rule, rule_of(rule).asset_of(asset)) in self._kept

    def current(self, rule: str, asset: str, now: datetime) -> bool:
        """Tell whether a rule was looked at up to the last daily close."""
        kept = self._kept.get((rule, asset))
        return kept is not None and kept.fires.until >= floor(now, DAY)

    def of(self, rule: str, asset: str, now: datetime) -> Fires:
        """Return every fire of a rule up to the last daily close. KeyError for a rule that is not declared."""
        declared, end = rule_of(rule), floor(now, DAY)
        with self._lock:
            kept, note = self._kept.get((rule, asset)), rewritten.newest(self._store)
            if kept is not None and self._past_changed(kept, declared, asset, note):
                kept = None
            if kept is None or kept.fires.until < end:
                found = _extended(self._store, kept, declared, asset, end) if kept else None
                for other, stepped in (found or _computed(self._store, declared, asset, end)).items():
                    self._kept[other, asset] = replace(stepped, note=note)
                    self._kept.move_to_end((other, asset))
                while len(self._kept) > MOST:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end((rule, asset))
            return self._kept[rule, asset].fires

    def closes(self, asset: str, now: datetime) -> tuple[DailyCloses, tuple[str, ...]]:
        """Return the daily closes of an asset up to now, and the venues that they are of."""
        end = floor(now, DAY)
        with self._lock:
            note = rewritten.newest(self._store)
            kept = self._closes.get(asset)
            if kept is None or kept[0] < end or kept[1] != note:
                kept = self._closes[asset] = (end, note, *_daily_closes(self._store, asset, end))
            self._closes.move_to_end(asset)
            while len(self._closes) > _CLOSES:
                self._closes.popitem(last=False)
            return kept[2], kept[3]

    def _past_changed(self, kept: _Kept, rule: AlertRule, asset: str, note: int) -> bool:
        """Tell whether a day that is settled is no longer what it was."""
        if note == kept.note:
            return False
        notes = rewritten.since(self._store, kept.note)
        of = {metrics()[name].asset_of(asset) for name in rule.metrics}
        before = to_ms(kept.settled)
        return notes is None or any(one.asset in of and one.first < before for one in notes)


@dataclass(frozen=True, slots=True)
class _Kept:
    """Fires, and from where on the next day goes on: what is told late of the last two days is heeded.

    alike: the rules that were stepped beside it, over the same metrics, with where each stood at `settled`. steps: of
    the data of each metric. note: the newest of what had been rewritten.
    """

    fires: Fires
    settled: datetime
    alike: Mapping[str, _Stands]
    steps: tuple[timedelta, ...]
    note: int = 0


@dataclass(frozen=True, slots=True)
class _Stands:
    """Where a rule stood at a close, and what it had fired until then. since: from when on it could be judged."""

    state: State
    fires: tuple[Fire, ...] = ()
    since: datetime | None = None


def read(
    store: Store,
    rule: str,
    asset: str,
    now: datetime,
    *,
    before: datetime | None = None,
    after: datetime | None = None,
) -> Evidence | None:
    """Return what is known of a rule and an asset at a time, and no later; None where it never could be judged.

    before: only fires before it are cases, such as those before the episode that is told of. after: only what was from
    then on counts, and any day likewise. It may take some seconds where it was not asked before. KeyError for a rule
    that is not declared.
    """
    past = store.beside(PastFires)
    declared = rule_of(rule)
    judged_of = declared.asset_of(asset)
    price_of = PRICE_OF_THE_MARKET if asset == MARKET else asset
    fires = past.of(rule, judged_of, now)
    if fires.since is None or fires.since > now:
        return None
    closes, venues = past.closes(price_of, now)
    known = (fire.at for fire in fires.fires if before is None or fire.at < before)
    first = closes.until(now).first
    since = fires.since if first is None else max(fires.since, from_ms(first - DAY_MS))
    since = since if after is None else max(since, after)
    rate = base_rate(known, closes, since=since, until=now)
    return Evidence(declared, judged_of, fires, closes.until(now), price_of, venues, rate, since)


# --- stepping ---------------------------------------------------------------------------------------------------------


def _computed(store: Store, rule: AlertRule, asset: str, end: datetime) -> dict[str, _Kept]:
    """Step a rule, and those over the same metrics with it, over all that is stored up to a close."""
    own = rule.id.startswith(OWN)
    alike = (
        [rule] if own else [one for one in rules().values() if (one.metrics, one.needed) == (rule.metrics, rule.needed)]
    )
    every = [metrics()[name] for name in rule.metrics]
    spans = {metric.id: _span(store, metric, asset) for metric in every}
    begun = {name: span[0] if span else None for name, span in spans.items()}
    known = [span for name in rule.needed if (span := spans[name])]
    stand = {other.id: _Stands(State()) for other in alike}
    reader = PanelReader(store)
    if len(known) < len(rule.needed) or min(span[0] for span in known) >= end:
        return _kept(asset, end, end, begun, (), stand, stand)
    first = min(span[0] for span in known)
    steps = tuple(panels.step_for(reader, metric, metric.asset_of(asset), first, end) for metric in every)
    settled, now = _stepped(reader, alike, steps, asset, first, end, stand)
    hours = min((one.since for one in now.values() if one.since), default=end)
    if max(steps) < DAY and hours - first > 2 * DAY and all(other.fits(DAY) for other in alike):
        _, days = _stepped(reader, alike, (DAY,) * len(steps), asset, first, floor(hours, DAY), stand)
        settled, now = (_joined(days, later, hours) for later in (settled, now))
    return _kept(asset, end, end - SETTLES, begun, steps, settled, now)


def _extended(store: Store, kept: _Kept, rule: AlertRule, asset: str, end: datetime) -> dict[str, _Kept] | None:
    """Go on from where it was settled; None where the data is of another step by now, or has just begun."""
    every, reader = [metrics()[name] for name in rule.metrics], PanelReader(store)
    steps = tuple(
        panels.step_for(reader, metric, metric.asset_of(asset), kept.settled - metric.window, end) for metric in every
    )
    if steps != kept.steps or any(one.since is None for one in kept.alike.values()):
        return None
    alike = [rule_of(name) for name in kept.alike]
    settled, now = _stepped(reader, alike, steps, asset, kept.settled, end, kept.alike)
    return _kept(asset, end, end - SETTLES, kept.fires.begun, steps, settled, now)


def _kept(
    asset: str,
    end: datetime,
    settled: datetime,
    begun: Mapping[str, datetime | None],
    steps: tuple[timedelta, ...],
    then: Mapping[str, _Stands],
    now: Mapping[str, _Stands],
) -> dict[str, _Kept]:
    return {
        name: _Kept(Fires(name, asset, one.fires, one.since, end, begun), settled, then, steps)
        for name, one in now.items()
    }


def _span(store: Store, metric: Metric, asset: str) -> tuple[datetime, datetime] | None:
    spans = [points.span(store, metric.asset_of(asset), name) for name in metric.needs]
    known = [span for span in spans if span]
    return (min(span[0] for span in known), max(span[1] for span in known)) if known else None


def _stepped(
    reader: PanelReader,
    alike: Sequence[AlertRule],
    steps: tuple[timedelta, ...],
    asset: str,
    first: datetime,
    last: datetime,
    stand: Mapping[str, _Stands],
) -> tuple[dict[str, _Stands], dict[str, _Stands]]:
    """Step rules over the same metrics over the closes of (first, last], from where each stands.

    Returned is where each stands two days before the end, and at the end.
    """
    every, clock = [metrics()[name] for name in alike[0].metrics], max(steps)
    at_open = every[steps.index(clock)].at_open
    begin, end = floor(first, clock) + (timedelta(0) if at_open else clock), floor(last, clock)
    times = [begin + clock * i for i in range(round((end - begin) / clock) + 1)]
    if not times:
        return dict(stand), dict(stand)
    lead = max(rule.lead(clock) for rule in alike)
    behind = [begin - clock * i for i in range(lead, 0, -1)]
    computed = [
        Computed.of(reader, metric, step, (asset,), behind + times, clock)
        for metric, step in zip(every, steps, strict=True)
    ]
    values: dict[str, Array] = {}
    for of_metric in computed:
        values |= of_metric.of_asset(asset)
    cut = bisect_right(times, last - SETTLES)
    then, now = dict(stand), dict(stand)
    for rule in alike:
        judged = rule.judged_rows(values, clock, lead)
        for part, into in ((slice(0, cut), then), (slice(cut, len(times)), now)):
            before = then[rule.id]
            of_part = {name: array[part] for name, array in judged.items()}
            state, told = stepping.run_rule(rule, before.state, of_part, times[part], clock)
            fires = [
                Fire(change.at, _venues(computed, asset, lead + round((change.at - begin) / clock)))
                for _, change in told
                if change.kind == "fired"
            ]
            into[rule.id] = _Stands(state, (*before.fires, *fires), before.since or state.first)
    return then, now


def _joined(days: Mapping[str, _Stands], later: Mapping[str, _Stands], hours: datetime) -> dict[str, _Stands]:
    """Put what was judged by the day before what is judged by the hour from a time on."""
    found = {}
    for name, one in later.items():
        before = days[name]
        fires = [fire for fire in before.fires if fire.at < hours] + [fire for fire in one.fires if fire.at >= hours]
        found[name] = replace(one, fires=tuple(fires), since=before.since or one.since)
    return found


def _venues(computed: Iterable[Computed], asset: str, i: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(venue for of in computed for venue in of.venues(asset, i)))


def _daily_closes(store: Store, asset: str, end: datetime) -> tuple[DailyCloses, tuple[str, ...]]:
    span = points.span(store, asset, "close")
    if span is None or floor(span[0], DAY) >= end:
        return DailyCloses(np.empty(0, dtype=np.int64), np.empty(0)), ()
    panel = panels.panel(store, ["close"], [asset], step=DAY, start=floor(span[0], DAY), end=end)
    first = to_ms(floor(span[0], DAY) + DAY)
    times = first + np.arange(len(panel), dtype=np.int64) * DAY_MS
    venues, spoke = panel.spoke.get(("close", asset), (panel.scope.get(("close", asset), ()), None))
    if spoke is not None:
        venues = tuple(venues[number] for number in dict.fromkeys(spoke.tolist()) if number >= 0)
    return DailyCloses(times, panel.values["close"][:, 0].copy()), venues
