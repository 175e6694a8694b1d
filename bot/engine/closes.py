"""Which closes are to be judged: rules over the same metrics together, each close once, when its inputs have spoken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from signals.alerts.rule import rules
from signals.inputs import INPUTS
from signals.metric import metrics
from signals.units import DAY, floor, from_ms, in_ms, to_ms
from signals.venues import venue_order
from storage.market import points
from storage.market.recent import Begins
from storage.panels import panels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from signals.alerts.rule import AlertRule
    from signals.metric import Metric
    from storage.alerts.episodes import Key, RuleState
    from storage.engine.database import Store
    from storage.market.points import StoredSeries

# Assets judged together; of a long history fewer, so that what several groups share of them fits into 50 MB.
AT_ONCE: Final = 50
CELLS: Final = 25_000  # closes times assets: a value of so many is 200 kB, and all metrics make some 200 of it
EVER: Final = datetime(2009, 1, 3, tzinfo=UTC)
A_MOMENT: Final = timedelta(milliseconds=1)
PATIENCE: Final = timedelta(minutes=5)  # with a venue that is late, before another one stands in for it


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules over the same metrics. The first metric of a rule is the one whose chart it shows.

    needed: the metrics without which nothing can be judged; of a setup not all are.
    """

    metrics: tuple[Metric, ...]
    rules: tuple[AlertRule, ...]
    needed: tuple[Metric, ...]

    def judged_of(self, assets: Sequence[str]) -> tuple[str, ...]:
        """Return what is judged, each once: the market as a whole where every metric is a figure of it."""
        return tuple(dict.fromkeys(self.rules[0].asset_of(asset) for asset in assets))


@dataclass(frozen=True, slots=True)
class Closes:
    """Closes of a group of rules to be judged together: the assets whose data allow the same steps and rows.

    steps: of the data of each metric. The coarsest is the common clock; on it lie `first`, the open of the first row to
    judge, and `end`, the close of the last one.
    """

    group: RuleGroup
    steps: tuple[timedelta, ...]
    assets: tuple[str, ...]
    first: datetime
    end: datetime

    @property
    def step(self) -> timedelta:
        """Return the distance of two closes of the common clock."""
        return max(self.steps)

    @property
    def clock(self) -> Metric:
        """Return the metric whose rows are the common clock."""
        return self.group.metrics[self.steps.index(self.step)]


def rule_groups() -> list[RuleGroup]:
    """Return all rules, those over the same metrics together: what they need is computed once."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[AlertRule]] = {}
    for rule in rules().values():
        found.setdefault((rule.metrics, rule.needed), []).append(rule)
    every = metrics()
    return [
        RuleGroup(tuple(every[name] for name in of), tuple(group), tuple(every[name] for name in needed))
        for (of, needed), group in found.items()
    ]


def all_closes(store: Store, group: RuleGroup, asset: str, end: datetime) -> Closes | None:
    """Return every close of a group that is stored of an asset; None where a metric that is needed has no data."""
    spans = [
        [span for name in metric.needs if (span := points.span(store, metric.asset_of(asset), name))]
        for metric in group.needed
    ]
    if not all(spans):
        return None
    first = min(span[0] for of_metric in spans for span in of_metric)
    last = min(end, *(max(span[1] for span in of_metric) + DAY for of_metric in spans))
    steps = tuple(panels.step_for(store, metric, metric.asset_of(asset), first, last) for metric in group.metrics)
    closes = Closes(group, steps, (asset,), floor(first, max(steps)), floor(last, max(steps)))
    if closes.clock.at_open:
        closes = replace(closes, end=closes.end + closes.step)
    return closes if closes.first < closes.end else None


def due(store: Store, assets: Sequence[str], states: Mapping[Key, RuleState], now: datetime) -> Iterator[Closes]:
    """Find what is to be judged, assets with the same rows together."""
    stored = None
    waiting = [(group, _waiting(group, assets, states, now)) for group in rule_groups()]
    rowless = store.beside(_Rowless)
    rowless.look()
    for group, judged_of in waiting:
        alike: dict[tuple[tuple[timedelta, ...], datetime, datetime], list[str]] = {}
        new = [asset for asset, judged in judged_of.items() if not judged]
        without = rowless.of(group, new, now) if new else set()
        for asset, judged in judged_of.items():
            if asset in without:
                continue
            stored = stored or points.directory(store)
            series = [
                {name: stored[key] for name in metric.needs if (key := (metric.asset_of(asset), name)) in stored}
                for metric in group.metrics
            ]
            rows = _rows(store, group, asset, series, judged, now)
            if rows:
                alike.setdefault(rows, []).append(asset)
            elif not judged:
                rowless.add(group, asset)
        for (steps, first, end), members in alike.items():
            at_once = max(1, min(AT_ONCE, CELLS // max(1, (end - first) // max(steps))))
            for begin in range(0, len(members), at_once):
                yield Closes(group, steps, tuple(members[begin : begin + at_once]), first, end)


class _Rowless:
    """The assets for which a group that never judged them has no row yet; looked at again when a series begins.

    And every five minutes: many of what is followed never has all inputs of a metric, or not for days, and a turn
    comes four times a minute. The first judgement of an asset is silent, so nobody hears of it later than else.
    """

    def __init__(self, store: Store) -> None:
        self._begins = Begins(store)
        self._began = self._begins.read()
        self._found: dict[tuple[str, ...], tuple[object, datetime, dict[str, bool]]] = {}

    def look(self) -> None:
        """Take in what has begun since the last time."""
        self._began = self._begins.read()

    def of(self, group: RuleGroup, assets: Iterable[str], now: datetime) -> set[str]:
        """Return those of these assets that have none which has closed by now."""
        began, key = self._began, tuple(rule.id for rule in group.rules)
        close = floor(now, max(metric.step for metric in group.metrics))  # the common clock is no finer
        looked = floor(now, PATIENCE)
        before, at, known = self._found.get(key, (None, looked, {}))
        if before is not began or at != looked:
            known = {}
            self._found[key] = began, looked, known
        for asset in assets:
            if asset not in known:
                known[asset] = not _has_row(group, asset, began, close)
        return {asset for asset in assets if known[asset]}

    def add(self, group: RuleGroup, asset: str) -> None:
        """Note an asset for which no row was found when its data were looked at."""
        self._found[tuple(rule.id for rule in group.rules)][2][asset] = True


def _waiting(
    group: RuleGroup, assets: Sequence[str], states: Mapping[Key, RuleState], now: datetime
) -> dict[str, list[datetime]]:
    """Return the assets for which a close has come since they were judged, in most turns none, and when that was."""
    found: dict[str, list[datetime]] = {}
    close, ids = _last_close(group, now), [rule.id for rule in group.rules]
    for asset in group.judged_of(assets):
        judged = [at for rule in ids if (one := states.get((rule, asset))) and (at := one.state.at)]
        if not judged or min(judged) < close:
            found[asset] = judged
    return found


def _last_close(group: RuleGroup, now: datetime) -> datetime:
    return floor(now, min(metric.step for metric in group.metrics))


def _has_row(group: RuleGroup, asset: str, began: Mapping[tuple[str, str], int], close: datetime) -> bool:
    """Tell whether a group that was never judged may have a row that opened before `close`. began: in ms."""
    opens, first = False, to_ms(close)
    for metric in group.metrics:
        of, opens = metric.asset_of(asset), opens or metric.at_open
        firsts = [began[key] for name in metric.needs if (key := (of, name)) in began]
        if not firsts and metric in group.needed:
            return False
        first = min([first, *firsts])
    return opens or first < to_ms(close)


def _rows(
    store: Store,
    group: RuleGroup,
    asset: str,
    series: Sequence[Mapping[str, Sequence[StoredSeries]]],
    judged: Sequence[datetime],
    now: datetime,
) -> tuple[tuple[timedelta, ...], datetime, datetime] | None:
    """Return (steps, first open, last close) of the rows to judge; None when nothing new is known.

    A row waits until each input has spoken for it: judged too early it would be unknown for ever, since a close is
    judged once.
    """
    if not all(of for metric, of in zip(group.metrics, series, strict=True) if metric in group.needed):
        return None
    known = [{name: known_until(every, now) for name, every in of.items()} for of in series]
    steps = tuple(metric.step for metric in group.metrics)
    latest = _all_spoken(group, known, steps, now)
    waits = [timedelta(0) if metric.at_open else metric.step for metric in group.metrics]
    if judged and latest < min(judged) + min(waits):
        return None  # not even one row of the finest step, so the data need not be looked at
    steps = tuple(
        panels.step_for(store, metric, metric.asset_of(asset), latest - metric.window, latest)
        for metric in group.metrics
    )
    closes = Closes(group, steps, (asset,), EVER, EVER)
    step, at_open = closes.step, closes.clock.at_open
    latest = _all_spoken(group, known, steps, now)
    end = floor(latest, step) + (step if at_open else timedelta(0))
    begun = min(one.first for of in series for every in of.values() for one in every)
    first = min(judged) + (step if at_open else timedelta(0)) if judged else from_ms(begun)
    first = floor(first, step)
    return (steps, first, end) if first < end else None


def _all_spoken(
    group: RuleGroup, known: Sequence[Mapping[str, datetime]], steps: Sequence[timedelta], now: datetime
) -> datetime:
    """Return until when all have spoken that are waited for: what is not needed for no longer than a moment."""
    latest = now
    for metric, of, step in zip(group.metrics, known, steps, strict=True):
        if of:
            spoken = _spoken(metric, of, step)
            latest = min(latest, spoken if metric in group.needed else max(spoken, now - PATIENCE))
    return latest


def known_until(every: Sequence[StoredSeries], now: datetime) -> datetime:
    """Return until when an input is known by any venue; by the first of them while it may yet speak of its newest row.

    Who is a minute late would else be stood in for, and every close is judged once.
    """
    by_venue: dict[str, int] = {}
    for one in every:
        by_venue[one.venue] = max(one.known, by_venue.get(one.venue, 0))
    newest, row = max(by_venue.values()), max(one.step for one in every) * 1000
    if to_ms(now) - newest < in_ms(PATIENCE):
        late = newest - row - 2 * in_ms(PATIENCE)
        newest = by_venue[min((venue for venue, known in by_venue.items() if known >= late), key=venue_order)]
    return from_ms(newest)


def _spoken(metric: Metric, known: Mapping[str, datetime], step: timedelta) -> datetime:
    """Return until when every input of a metric has spoken: a bar until it closed, an instant for the row it lies in.

    What is published as its row begins speaks for that row alone, and is current until the next one is due.
    """
    if metric.at_open:
        return floor(min(known.values()), step) + step - A_MOMENT
    return min(
        at + (timedelta(0) if INPUTS[name].kind == "bar" else max(step, INPUTS[name].in_force))
        for name, at in known.items()
    )
