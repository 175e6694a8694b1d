"""Judging: what is stored is computed, each alarm is stepped over the closes it has not seen, and what follows is kept.

States, episodes, notices and outbox rows of one judgement are written in one transaction, so a kill in between loses
nothing and repeats nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from handlers.words import alerts
from handlers.words.alerts import Happening
from signals.alerts import stepping
from signals.alerts.episodes import State
from signals.inputs import INPUTS
from signals.metric import metrics
from signals.units import from_ms
from storage.alerts import episodes, outbox
from storage.alerts.episodes import Standing
from storage.engine.database import StoreError
from storage.market import grid, panels, points
from storage.queries.readings import asset_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from signals.metric import Metric
    from storage.alerts.episodes import Key
    from storage.engine.database import Store
    from storage.market.points import Series

log = structlog.get_logger(__name__)
EVER = datetime(2009, 1, 3, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Closes of one metric to be judged together: the assets whose data allow the same step and rows."""

    metric: Metric
    step: timedelta
    assets: tuple[str, ...]
    first: datetime  # the open of the first row to judge
    end: datetime  # the close of the last one


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state after a close, and what is to be told, if anything."""

    key: Key
    state: State
    happening: Happening | None


def walk(store: Store, stretch: Stretch, states: Mapping[Key, State], *, note: str | None = None) -> Iterator[Verdict]:
    """Step every alarm of a metric over the rows of a stretch. Stores nothing.

    Of each alarm what is to be told comes in the order of time, and then where it stands after the last row.
    """
    metric = stretch.metric
    start = stretch.first - metric.bars_back(stretch.step) * stretch.step
    panel = panels.panel(store, panels.needs(metric), stretch.assets, step=stretch.step, start=start, end=stretch.end)
    rows = round((stretch.end - stretch.first) / stretch.step)
    values = metric.evaluate(panel, rows)
    times = (panel.at if metric.at_open else panel.closes)[len(panel) - rows :].to_pydatetime().tolist()
    for column, asset in enumerate(stretch.assets):
        derived = tuple(sorted(name for name, one in panel.derived if one == asset and name in metric.needs))
        venues, coverage = panel.venues(asset, metric.needs), panel.coverage.get(asset)
        here = {name: array[:, column] for name, array in values.items()}
        for watch in metric.watches:
            key = (watch.id, asset)
            before = states.get(key, State())
            state, told = stepping.run(watch.levels, before, here, times, closes=stretch.step)
            for then, transition in told:
                happening = Happening(
                    metric, watch, asset, transition, stretch.step, venues, derived, note=note, coverage=coverage
                )
                yield Verdict(key, then, happening)
            if state is not before:
                yield Verdict(key, state, None)


def history(
    store: Store, assets: Sequence[str], start: datetime, end: datetime, *, note: str | None = None
) -> list[Verdict]:
    """Judge stored history as if it happened now: every verdict in (start, end], in the order of time.

    What began before `start` is known by then and not told again.
    """
    verdicts: list[Verdict] = []
    for metric in metrics().values():
        if not metric.watches:
            continue
        for asset in dict.fromkeys(asset_of(metric, each) for each in assets):
            spans = [span for name in metric.needs if (span := points.span(store, asset, name))]
            if not spans:
                continue
            first, last = min(span[0] for span in spans), min(end, max(span[1] for span in spans) + timedelta(days=1))
            step = panels.step_for(store, metric, asset, first, last)
            stretch = Stretch(metric, step, (asset,), grid.floor(first, step), grid.floor(last, step))
            if metric.at_open:
                stretch = replace(stretch, end=stretch.end + step)
            if stretch.first < stretch.end:
                verdicts += walk(store, stretch, {}, note=note)
    told = [each for each in verdicts if each.happening and start < each.happening.transition.at <= end]
    return sorted(told, key=_when)


def _when(verdict: Verdict) -> datetime:
    return verdict.happening.transition.at if verdict.happening else EVER


def judge(
    store: Store, assets: Sequence[str], now: datetime, *, started: datetime, note: str | None = None
) -> list[Happening]:
    """Judge every close that became known since the last judgement and write what follows. Return what is told.

    started: when this process began; what happened before is marked so. An alarm that has never been judged begins
    silently with where it stands: installing perpulse is not news. Nor is what held already when its value was known
    for the first time, as after the archive of the past has been read.
    """
    standings = episodes.standings(store)
    told: list[Happening] = []
    for stretch in _due(store, assets, standings, now):
        keys = [(watch.id, asset) for watch in stretch.metric.watches for asset in stretch.assets]
        states = {key: standings[key].state for key in keys if key in standings}
        try:
            verdicts = list(walk(store, stretch, states, note=note))
        except StoreError:
            raise
        except Exception:
            # A metric that fails is a fault of ours; the others, and its other assets tomorrow, do not suffer for it.
            log.exception("a metric could not be judged", metric=stretch.metric.id, assets=stretch.assets)
            continue
        if verdicts:
            told += _keep(store, verdicts, standings, now, started)
    return told


def _due(store: Store, assets: Sequence[str], standings: Mapping[Key, Standing], now: datetime) -> Iterator[Stretch]:
    """Find what is to be judged, assets with the same rows together."""
    stored = points.directory(store)
    for metric in metrics().values():
        groups: dict[tuple[timedelta, datetime, datetime], list[str]] = {}
        for asset in dict.fromkeys(asset_of(metric, each) for each in assets) if metric.watches else ():
            series = {name: stored[asset, name] for name in metric.needs if (asset, name) in stored}
            rows = _rows(store, metric, asset, series, standings, now)
            if rows:
                groups.setdefault(rows, []).append(asset)
        for (step, first, end), members in groups.items():
            yield Stretch(metric, step, tuple(members), first, end)


def _rows(
    store: Store,
    metric: Metric,
    asset: str,
    series: Mapping[str, Sequence[Series]],
    standings: Mapping[Key, Standing],
    now: datetime,
) -> tuple[timedelta, datetime, datetime] | None:
    """Return (step, first open, last close) of the rows to judge; None when nothing new is known.

    A row waits until each input has spoken for it: judged too early it would be unknown for ever, since a close is
    judged once.
    """
    if not series:
        return None
    known = {name: from_ms(max(each.known for each in every)) for name, every in series.items()}
    judged = [
        standing.state.at
        for watch in metric.watches
        if (standing := standings.get((watch.id, asset))) and standing.state.at
    ]
    latest = min(now, *(at + _reach(name, metric.step) for name, at in known.items()))
    if judged and latest < min(judged) + (timedelta(0) if metric.at_open else metric.step):
        return None  # not even one row of the finest step, so the data need not be looked at
    step = panels.step_for(store, metric, asset, latest - metric.window, latest)
    latest = min(now, *(at + _reach(name, step) for name, at in known.items()))
    end = grid.floor(min(now, *known.values()), step) + step if metric.at_open else grid.floor(latest, step)
    begun = min(each.first for every in series.values() for each in every)
    first = min(judged) + (step if metric.at_open else timedelta(0)) if judged else from_ms(begun)
    first = grid.floor(first, step)
    return (step, first, end) if first < end else None


def _reach(name: str, step: timedelta) -> timedelta:
    """How far beyond its own time an input speaks: a bar not at all, an instant for the row that it lies in."""
    return timedelta(0) if INPUTS[name].kind == "bar" else max(step, INPUTS[name].in_force)


def _keep(
    store: Store, verdicts: Sequence[Verdict], standings: dict[Key, Standing], now: datetime, started: datetime
) -> list[Happening]:
    """Write the last states and what happened on the way, all or nothing."""
    by_key: dict[Key, list[Verdict]] = {}
    for verdict in verdicts:
        by_key.setdefault(verdict.key, []).append(verdict)
    told: list[Happening] = []
    with store.write() as work:
        for key, every in by_key.items():
            before = standings.get(key)
            episode = before.episode if before else None
            recorded: list[tuple[Happening, int]] = []
            for happening, first in ((each.happening, each.state.first) for each in every if each.happening):
                episode = episodes.record(work, key, happening.transition, episode)
                if happening.transition.kind != "fired" or first is None or happening.transition.since > first:
                    recorded.append((happening, episode))
                if happening.transition.kind == "resolved":
                    episode = None
            for happening, number in _compressed(recorded) if before else ():
                marked = replace(happening, offline=happening.transition.at < started)
                write_notice(store, marked, number, now)
                told.append(marked)
            state = every[-1].state
            episodes.save(work, key, state, episode)
            standings[key] = Standing(state, episode)
    return told


def write_notice(store: Store, happening: Happening, episode: int, now: datetime) -> None:
    """Put a message into the outbox of everyone who asked for it."""
    transition = happening.transition
    notice = outbox.Notice(
        transition.kind,
        transition.rank,
        transition.at,
        alerts.tell(happening).to_json(),
        episode,
        happening.watch.id,
        happening.asset,
    )
    expires = now + timedelta(hours=alerts.expires_after(transition.rank, transition.kind))
    with store.write() as work:
        outbox.announce(work, notice, now=now, expires=expires, only_asked=happening.watch.only_asked)


def _compressed(recorded: Iterable[tuple[Happening, int]]) -> list[tuple[Happening, int]]:
    """Say several changes of one episode at once: fired and escalated is one message, fired and over another."""
    kept: list[tuple[Happening, int]] = []
    for each, episode in recorded:
        before = kept[-1][0] if kept and kept[-1][1] == episode else None
        if before is None:
            kept.append((each, episode))
        elif each.transition.kind == "escalated":
            kind = before.transition.kind
            kept[-1] = replace(each, transition=replace(each.transition, kind=kind)), episode
        else:
            kept[-1] = replace(each, came_and_went=before.transition.kind == "fired"), episode
    return kept
