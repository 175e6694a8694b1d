"""Which closes are to be judged: rules over the same metrics together, each close once, when its inputs have spoken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from signals.alerts.rule import rules
from signals.inputs import INPUTS, MARKET
from signals.metric import metrics
from signals.units import DAY, SECOND_MS, floor, from_ms, in_ms, to_ms
from signals.venues import venue_order
from storage.market.recent import Begins
from storage.panels import panels
from storage.sources.awaited import Awaited

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from signals.alerts.rule import AlertRule
    from signals.metric import Metric
    from storage.alerts.episodes import Key, RuleState
    from storage.engine.database import Store
    from storage.market.points import StoredSeries
    from storage.panels.reader import PanelReader

    Judgeable: TypeAlias = tuple["RuleGroup", list[datetime]]

# Assets judged together; of a long history fewer, so that what several groups share of them fits into 50 MB.
AT_ONCE: Final = 50
CELLS: Final = 25_000  # closes times assets: a value of so many is 200 kB, and all metrics make some 200 of it
EVER: Final = datetime(2009, 1, 3, tzinfo=UTC)
A_MOMENT: Final = timedelta(milliseconds=1)
PATIENCE: Final = timedelta(minutes=5)  # with a venue that is late, before another one stands in for it
LOOKED: Final = timedelta(minutes=15)  # between looks at assets of which a group has no row: 300 are 30 ms


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules over the same metrics. The first metric of a rule is the one whose chart it shows.

    needed: the metrics without which nothing can be judged; of a setup not all are.
    """

    metrics: tuple[Metric, ...]
    rules: tuple[AlertRule, ...]
    needed: tuple[Metric, ...]

    def judged_of(self, assets: Sequence[str]) -> tuple[str, ...]:
        """Return which of these are judged, each once: MARKET alone where every metric is a figure of the market."""
        if self.rules[0].market_wide:
            return (MARKET,) if MARKET in assets else ()
        found = dict.fromkeys(assets)
        found.pop(MARKET, None)
        return tuple(found)


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
    def count(self) -> int:
        """Return how many closes there are."""
        return (self.end - self.first) // self.step

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


def groups_by_asset(assets: Sequence[str], *, market: bool = True) -> dict[str, list[tuple[int, RuleGroup]]]:
    """Return by asset the groups of rules that are judged of it, each with its place among all.

    market: also those of the market as a whole.
    """
    found: dict[str, list[tuple[int, RuleGroup]]] = {}
    for number, group in enumerate(rule_groups()):
        for asset in group.judged_of((*assets, MARKET) if market else assets):
            found.setdefault(asset, []).append((number, group))
    return found


def all_closes(reader: PanelReader, group: RuleGroup, asset: str, end: datetime) -> Closes | None:
    """Return every close of a group that is stored of an asset; None where a metric that is needed has no data."""
    stored = [_series_of(reader, metric, asset) for metric in group.needed]
    if not all(stored):
        return None
    first = from_ms(min(one.first for of in stored for every in of.values() for one in every))
    lasts = (from_ms(max(one.last for every in of.values() for one in every)) for of in stored)
    last = min(end, *(at + DAY for at in lasts))
    steps = tuple(panels.step_for(reader, metric, metric.asset_of(asset), first, last) for metric in group.metrics)
    closes = Closes(group, steps, (asset,), floor(first, max(steps)), floor(last, max(steps)))
    if closes.clock.at_open:
        closes = replace(closes, end=closes.end + closes.step)
    return closes if closes.first < closes.end else None


def due(
    reader: PanelReader, assets: Sequence[str], states: Mapping[Key, RuleState], now: datetime
) -> Iterator[Sequence[Closes]]:
    """Find what is to be judged, all that is due of the same assets together: of it every input is read once.

    The reader lets go of these assets when the next ones are asked for.
    """
    rowless, awaited = reader.store.beside(_Rowless), reader.store.beside(Awaited)
    together: dict[str, Sequence[Closes]] = {}
    cells = 0
    for asset, groups in _by_asset(assets, states, now, rowless, awaited).items():
        found = _of_asset(_Known(reader, asset, now), groups, rowless)
        if not found:
            reader.forget([asset])
            continue
        most = max(closes.count for closes in found)
        if together and (len(together) == AT_ONCE or cells + most > CELLS):
            yield _alike(together.values())
            reader.forget(together)
            together, cells = {}, 0
        together[asset], cells = found, cells + most
    if together:
        yield _alike(together.values())
        reader.forget(together)


def _by_asset(
    assets: Sequence[str], states: Mapping[Key, RuleState], now: datetime, rowless: _Rowless, awaited: Awaited
) -> Mapping[str, Sequence[Judgeable]]:
    """Return by asset the groups that may have closes to judge, and when each of their rules was judged."""
    found: dict[str, list[Judgeable]] = {}
    rowless.look()
    awaited.look(now)
    for group in rule_groups():
        waiting = rowless.waiting(group, assets, states, now)
        new = [asset for asset, judged in waiting.items() if not judged]
        without = rowless.of(group, new, now) if new else set()
        for asset, judged in waiting.items():
            if asset not in without and not awaited.waits(asset, judged, now):
                found.setdefault(asset, []).append((group, judged))
    return found


def _of_asset(known: _Known, groups: Sequence[Judgeable], rowless: _Rowless) -> list[Closes]:
    """Return the closes of an asset to judge, of each group that has some."""
    groups = [one for one in groups if one[1] or not rowless.stands(one[0], known)]
    for group, judged in groups:
        known.want(group, min(judged, default=EVER))
    found = []
    for group, judged in groups:
        if closes := _rows(known, group, judged):
            found.append(closes)
        elif not judged:
            rowless.add(group, known)
    return found


def _alike(every: Iterable[Sequence[Closes]]) -> list[Closes]:
    """Put closes of the same rows together, of all assets."""
    alike: dict[tuple[str, tuple[timedelta, ...], datetime, datetime], list[Closes]] = {}
    for of_asset in every:
        for closes in of_asset:
            rows = (closes.group.rules[0].id, closes.steps, closes.first, closes.end)
            alike.setdefault(rows, []).append(closes)
    return [replace(same[0], assets=tuple(one.assets[0] for one in same)) for same in alike.values()]


class _Rowless:
    """The assets for which a group that never judged them has no row yet; looked at again when a series begins.

    And every quarter of an hour: many of what is followed never has all inputs of a metric, or not for days, and a turn
    comes four times a minute. The first judgement of an asset is silent, so nobody hears of it later than else.
    """

    def __init__(self, store: Store) -> None:
        self._begins = Begins(store)
        self._began = self._begins.read()
        self._found: dict[tuple[str, ...], tuple[object, datetime, dict[str, bool]]] = {}
        self._spoken: dict[tuple[str, str], tuple[object, datetime, Metric | None]] = {}
        self._waiting: dict[str, tuple[object, Sequence[str], datetime, Mapping[str, list[datetime]]]] = {}

    def waiting(
        self, group: RuleGroup, assets: Sequence[str], states: Mapping[Key, RuleState], now: datetime
    ) -> Mapping[str, list[datetime]]:
        """Return what `_waiting` does, found once for each close while all rules stand where they did."""
        close, first = _last_close(group, now), group.rules[0].id
        known = self._waiting.get(first)
        if known is None or known[0] is not states or known[1] != assets or known[2] != close:
            known = self._waiting[first] = states, assets, close, _waiting(group, assets, states, close)
        return known[3]

    def look(self) -> None:
        """Take in what has begun since the last time."""
        self._began = self._begins.read()

    def of(self, group: RuleGroup, assets: Iterable[str], now: datetime) -> set[str]:
        """Return those of these assets that have none which has closed by now."""
        began, key = self._began, tuple(rule.id for rule in group.rules)
        close = floor(now, max(metric.step for metric in group.metrics))  # the common clock is no finer
        looked = floor(now, LOOKED)
        before, at, known = self._found.get(key, (None, looked, {}))
        if before is not began or at != looked:
            known = {}
            self._found[key] = began, looked, known
        for asset in assets:
            if asset not in known:
                known[asset] = not _has_row(group, asset, began, close)
        return {asset for asset in assets if known[asset]}

    def add(self, group: RuleGroup, known: _Known) -> None:
        """Note an asset for which no row was found when its data were looked at."""
        spoken = known.spoken(group)
        behind = next((metric for metric in group.needed if known.spoken_of(metric, metric.step) == spoken), None)
        self._spoken[group.rules[0].id, known.asset] = self._began, spoken, behind
        self._found[tuple(rule.id for rule in group.rules)][2][known.asset] = True

    def stands(self, group: RuleGroup, known: _Known) -> bool:
        """Tell whether no row was found of an asset and nothing has spoken for another close since.

        What is written into the past since then is seen as a beginning is, and what is newer is of no row yet. While
        the metric that was behind all others, and is waited for, has not gone on, these need not be asked.
        """
        began, spoken, behind = self._spoken.get((group.rules[0].id, known.asset), (None, None, None))
        if began is not self._began:
            return False
        if (known.spoken_of(behind, behind.step) if behind else known.spoken(group)) != spoken:
            return False
        self._found[tuple(rule.id for rule in group.rules)][2][known.asset] = True
        return True


def _waiting(
    group: RuleGroup, assets: Sequence[str], states: Mapping[Key, RuleState], close: datetime
) -> dict[str, list[datetime]]:
    """Return the assets for which a close has come since they were judged, in most turns none, and when that was."""
    found: dict[str, list[datetime]] = {}
    ids = [rule.id for rule in group.rules]
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


class _Known:
    """What is known of an asset at a moment, for all groups of rules: what is stored, and until when it has spoken."""

    def __init__(self, reader: PanelReader, asset: str, now: datetime) -> None:
        self.reader, self.asset, self.now = reader, asset, now
        self._series: dict[str, Mapping[str, Sequence[StoredSeries]]] = {}
        self._known: dict[tuple[str, str], datetime] = {}
        self._spoken: dict[tuple[str, timedelta], datetime | None] = {}
        self._steps: dict[tuple[str, datetime], timedelta] = {}

    def want(self, group: RuleGroup, since: datetime) -> None:
        """Say that closes of a group from `since` on will be judged, so that its inputs are read together."""
        for metric in group.metrics:
            start = since - (metric.bars_back(metric.step) + 1) * metric.step
            panels.want(self.reader, metric, self.asset, step=metric.step, start=start, end=self.now)

    def series(self, metric: Metric) -> Mapping[str, Sequence[StoredSeries]]:
        """Return what is stored of the inputs of a metric."""
        if metric.id not in self._series:
            self._series[metric.id] = _series_of(self.reader, metric, self.asset)
        return self._series[metric.id]

    def spoken_of(self, metric: Metric, step: timedelta) -> datetime | None:
        """Return until when all inputs of a metric that are stored have spoken at a step; None where none is stored."""
        key = metric.id, step
        if key not in self._spoken:  # several groups ask of most metrics
            of, series = metric.asset_of(self.asset), self.series(metric)
            for name, every in series.items():
                if (of, name) not in self._known:
                    self._known[of, name] = known_until(every, self.now)
            known = {name: self._known[of, name] for name in series}
            self._spoken[key] = _spoken(metric, known, step) if known else None
        return self._spoken[key]

    def step(self, metric: Metric, latest: datetime) -> timedelta:
        """Return the step to judge a metric at, by what is stored until `latest`."""
        if (metric.id, latest) not in self._steps:
            start = latest - metric.window
            step = panels.step_for(self.reader, metric, metric.asset_of(self.asset), start, latest)
            self._steps[metric.id, latest] = step
        return self._steps[metric.id, latest]

    def spoken(self, group: RuleGroup) -> datetime:
        """Return until when all of a group have spoken at the steps of its metrics."""
        return self.all_spoken(group, [metric.step for metric in group.metrics])

    def all_spoken(self, group: RuleGroup, steps: Sequence[timedelta]) -> datetime:
        """Return until when all have spoken that are waited for: what is not needed for no longer than a moment."""
        latest = self.now
        for metric, step in zip(group.metrics, steps, strict=True):
            if (spoken := self.spoken_of(metric, step)) is not None:
                latest = min(latest, spoken if metric in group.needed else max(spoken, self.now - PATIENCE))
        return latest


def _series_of(reader: PanelReader, metric: Metric, asset: str) -> dict[str, Sequence[StoredSeries]]:
    """Return what is stored of the inputs of a metric; inputs without any left out."""
    of = reader.of(metric.asset_of(asset))
    return {name: every for name in metric.needs if (every := of.stored(name))}


def _rows(known: _Known, group: RuleGroup, judged: Sequence[datetime]) -> Closes | None:
    """Return the rows of an asset to judge; None when nothing new is known.

    A row waits until each input has spoken for it: judged too early it would be unknown for ever, since a close is
    judged once.
    """
    if not all(known.series(metric) for metric in group.needed):
        return None
    latest = known.spoken(group)
    waits = [timedelta(0) if metric.at_open else metric.step for metric in group.metrics]
    if judged and latest < min(judged) + min(waits):
        return None  # not even one row of the finest step, so the data need not be looked at
    steps = tuple(known.step(metric, latest) for metric in group.metrics)
    closes = Closes(group, steps, (known.asset,), EVER, EVER)
    step, at_open = closes.step, closes.clock.at_open
    end = floor(known.all_spoken(group, steps), step) + (step if at_open else timedelta(0))
    begun = min(one.first for metric in group.metrics for every in known.series(metric).values() for one in every)
    first = min(judged) + (step if at_open else timedelta(0)) if judged else from_ms(begun)
    first = floor(first, step)
    return replace(closes, first=first, end=end) if first < end else None


def known_until(every: Sequence[StoredSeries], now: datetime) -> datetime:
    """Return until when an input is known by any venue; by the first of them while it may yet speak of its newest row.

    Who is a minute late would else be stood in for, and every close is judged once.
    """
    by_venue: dict[str, int] = {}
    for one in every:
        by_venue[one.venue] = max(one.known, by_venue.get(one.venue, 0))
    newest, row = max(by_venue.values()), max(one.step for one in every) * SECOND_MS
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
