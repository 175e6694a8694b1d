"""What a command looks at: the asset that is meant, fresh inputs, readings, and the stamp under them.

Imports numpy by way of the panels, so commands import this file when they run and not before.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from handlers.command import Refused
from handlers.freshness import GRACE, is_stale, usual_gap
from handlers.readings import NotKnown, asset_of, coverage_words, named, newest_inputs, read
from handlers.words import wording
from handlers.words.alerts import derived_words
from signals.inputs import INPUTS, MARKET, is_floor
from signals.metric import Reading, metrics
from signals.venues import VENUES, venue_credit
from storage.market import grid, panels, points, source_state
from storage.people import destinations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handlers.command import Deps
    from signals.metric import Metric

DAY = timedelta(days=1)
PROVIDERS = {venue.id for venue in VENUES.values() if venue.credit}


@dataclass(frozen=True, slots=True)
class Look:
    """What a command found: for each metric it asked for a reading, or why there is none."""

    asset: str
    zone: str
    found: Mapping[str, Reading | NotKnown]
    refreshed: bool = False

    def get(self, metric: str) -> Reading | None:
        """Return a reading, or None."""
        each = self.found[metric]
        return each if isinstance(each, Reading) else None

    def why_not(self, metric: str) -> str:
        """Say why there is no reading; "" if there is one."""
        each = self.found[metric]
        return each.reason if isinstance(each, NotKnown) else ""

    def no_total(self, metric: str) -> bool:
        """Tell whether there is no reading because too little of the market answers to be summed."""
        each = self.found[metric]
        return isinstance(each, NotKnown) and each.coverage is not None and not each.coverage.enough

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Return the readings that are known."""
        return tuple(each for each in self.found.values() if isinstance(each, Reading))


def known_asset(deps: Deps, asset: str | None, example: str) -> str:
    """Return the asset that is meant, the first followed one by default. Refused where nothing is known of it."""
    if asset is None or asset == MARKET:  # a button under a figure of the whole market names no asset
        return deps.assets[0]
    if asset in deps.assets:
        return asset
    stored = [each for each in points.assets(deps.store) if each != MARKET] if deps.store.exists else []
    if asset in stored:
        return asset
    names = list(dict.fromkeys((*deps.assets, *stored)))
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    listed = ", ".join(names[:12]) + more if more else wording.listing(names)
    raise Refused(f"Nothing is known of {asset}. There is {listed}. Type it like {example}.")


async def look(deps: Deps, asset: str | None, ids: Sequence[str], *, example: str) -> Look:
    """Read metrics for an answer, after bringing their inputs up to date where the newest are too old.

    Refused where nothing is known of the asset, or none of the metrics can be read because nothing is stored for them.
    """
    wanted = [metrics()[each] for each in ids]
    chosen = known_asset(deps, asset, example)
    if all(each.market_wide for each in wanted):
        chosen = MARKET
    refreshed = False
    if not deps.store.exists or await asyncio.to_thread(_wants_refresh, deps, wanted, chosen):
        await deps.refresh(chosen)
        refreshed = True
    if not deps.store.exists:
        raise _nothing(deps, wanted, chosen)
    found, zone = await asyncio.to_thread(_look, deps, wanted, chosen)
    if not any(isinstance(each, Reading) for each in found.values()) and not await asyncio.to_thread(
        _anything, deps, wanted, chosen
    ):
        raise _nothing(deps, wanted, chosen)
    return Look(chosen, zone, found, refreshed)


def _look(deps: Deps, wanted: Sequence[Metric], asset: str) -> tuple[dict[str, Reading | NotKnown], str]:
    found = {each.id: read(deps.store, each, asset, deps.now) for each in wanted}
    return found, zone_of(deps)


def _anything(deps: Deps, wanted: Sequence[Metric], asset: str) -> bool:
    return any(newest_inputs(deps.store, each, asset_of(each, asset)) for each in wanted)


def _nothing(deps: Deps, wanted: Sequence[Metric], asset: str) -> Refused:
    of = "" if asset == MARKET else f" for {asset}"
    one = len({frozenset(each.needs) for each in wanted}) == 1
    what = f"No {INPUTS[wanted[0].needs[0]].title}" if one else "Nothing"
    asked = source_state.load(deps.store) if deps.store.exists else []
    if asked and all(each.state != "ok" for each in asked):
        why = "no source answers at the moment: /sources says why"
    else:
        why = "a running bot (perpulse run) collects it"
    return Refused(f"{what} is stored{of} yet; {why}. A file brings history in with perpulse import FILE.")


def _wants_refresh(deps: Deps, wanted: Sequence[Metric], asset: str) -> bool:
    for metric in wanted:
        newest = newest_inputs(deps.store, metric, asset_of(metric, asset))
        if not newest:
            return True
        if any(is_stale(deps.store, asset_of(metric, asset), name, each, deps.now) for name, each in newest.items()):
            return True
    return False


def zone_of(deps: Deps) -> str:
    """Return the time zone of the chat that asks; UTC if it has chosen none."""
    if not deps.store.exists:
        return "UTC"
    here = destinations.find(deps.store, deps.asker.platform, deps.asker.address.chat, deps.asker.address.topic)
    return here.zone if here else "UTC"


def as_of(readings: Sequence[Reading]) -> datetime | None:
    """Return the time of the oldest input that the readings rest on."""
    return min((at for each in readings for at in each.newest.values()), default=None)


def stamp_of(readings: Sequence[Reading], now: datetime, deps: Deps, beside: Sequence[Reading] = ()) -> str | None:
    """Say where the numbers come from, how old the oldest input is, and what must be known of them; None for none.

    Where inputs are too old to be called current, the age is that of the oldest of them. beside: readings of which only
    the coverage is said.
    """
    if not readings:
        return None
    derived = {name for each in readings for name in each.derived}
    of_market = [each for each in readings if each.venues and set(each.venues) <= PROVIDERS]
    others = [each for each in readings if each not in of_market]
    parts = [
        # A daily index beside live figures has an age of its own, or it would make all of them look old.
        *(part for some in (others, of_market) if some for part in _sources(some, now, deps)),
        covered([*readings, *beside]),
        "daily data" if any(_of_daily_data(each, deps) for each in readings) else "",
        derived_words(tuple(sorted(derived))),
        "liquidations are a floor" if any(_is_floor(each) for each in readings) else "",
        deps.stamp_note or "",
    ]
    return " · ".join(part for part in parts if part)


def _sources(readings: Sequence[Reading], now: datetime, deps: Deps) -> tuple[str, str]:
    venues = dict.fromkeys(venue for each in readings for venue in each.venues)
    stale, oldest = stale_since(readings, deps), as_of(readings)
    age = f"{wording.age(now - stale)}: not current" if stale else wording.age(now - oldest if oldest else None)
    return ", ".join(venue_credit(venue) for venue in venues), age


def covered(readings: Sequence[Reading]) -> str:
    """Say how much of the market the figures of open interest are; "" where one venue is all there is.

    A year may be known of fewer venues than a month is: then it is said for the shortest window, and who the others
    rest on.
    """
    by_window = sorted((each for each in readings if each.coverage), key=_reach)
    said: dict[tuple[str, ...], str] = {}
    for each in by_window:
        if not each.coverage or each.coverage.venues in said:
            continue
        venues = wording.listing(named(each.coverage.venues))
        over = f"over {wording.duration(metrics()[each.metric].window)} {venues} only"
        said[each.coverage.venues] = over if said else coverage_words(each.coverage)
    return " · ".join(said.values())


def _reach(reading: Reading) -> timedelta:
    """Return how far back a reading looks; newest points that were never a metric look at now."""
    return metrics()[reading.metric].window if reading.seen else timedelta()


def _is_floor(reading: Reading) -> bool:
    """Tell whether a reading rests on liquidations of a venue that does not tell of all of them."""
    return any(is_floor(name, venue) for name in reading.newest for venue in reading.venues)


def _of_daily_data(reading: Reading, deps: Deps) -> bool:
    """Tell whether a reading rests on daily data though finer data would be read; a daily index needs no word."""
    metric = metrics()[reading.metric]
    if metric.market_wide or reading.step < DAY:
        return False
    newest = newest_inputs(deps.store, metric, reading.asset)
    gaps = [usual_gap(deps.store, reading.asset, *each) for each in newest.items()]
    return metric.step < DAY or any(gap is not None and gap > DAY - GRACE for gap in gaps)


def stale_since(readings: Sequence[Reading], deps: Deps) -> datetime | None:
    """Return the time of the oldest input that is too old to be called current; None where all are current."""
    return min(
        (
            newest.at
            for each in readings
            for name in each.newest
            if (newest := points.newest(deps.store, each.asset, name))
            and is_stale(deps.store, each.asset, name, newest, deps.now)
        ),
        default=None,
    )


def last_price(deps: Deps, asset: str) -> tuple[str, points.Newest]:
    """Return the newest price, and of which input it is: the mark price where that is younger than the last close.

    Refused without any.
    """
    known = newest_of(deps, asset, ("close", "mark_price"))
    if not known:
        raise _nothing(deps, [metrics()["price_drawdown"]], asset)
    return max(known.items(), key=lambda each: each[1].at)


def price_changes(deps: Deps, asset: str, last: points.Newest) -> tuple[float | None, float | None]:
    """Return the change of price over 1 and 7 days as fractions, against the closes of that time; None if unknown."""
    metric = metrics()["price_drawdown"]
    step = panels.step_for(deps.store, metric, asset, last.at - metric.window, last.at)
    panel = panels.panel(deps.store, ["close"], [asset], step=step, start=last.at - 9 * DAY, end=last.at)
    closes = dict(zip(panel.closes.to_pydatetime(), panel.values["close"][:, 0].tolist(), strict=True))
    then = [closes.get(grid.floor(last.at - back * DAY, step), math.nan) for back in (1, 7)]
    day, week = (None if math.isnan(each) else last.value / each - 1 for each in then)
    return day, week


def bare(metric: str, asset: str, found: Mapping[str, points.Newest], step: timedelta | None = None) -> Reading:
    """Return newest points as a reading, so that they are stamped like one where the metric itself is not known."""
    at = min(each.at for each in found.values())
    values = {name: each.value for name, each in found.items()}
    newest = {name: each.at for name, each in found.items()}
    venues = tuple(dict.fromkeys(each.venue for each in found.values()))
    return Reading(metric, asset, at, step or metrics()[metric].step, values, newest, venues, (), timedelta(0))


def newest_of(deps: Deps, asset: str, names: Sequence[str]) -> dict[str, points.Newest]:
    """Return the newest point of each input that is stored."""
    found = {name: points.newest(deps.store, asset, name) for name in names}
    return {name: each for name, each in found.items() if each is not None}


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as JSON can hold them: times as ISO-8601, what is not known as None."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return plain(value)
        case _:
            return value
