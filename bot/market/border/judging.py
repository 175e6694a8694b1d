"""The one border: what lies outside its bounds, contradicts itself or leaps is kept out of the store, and named.

Live answers, histories, streams, archives, files and tapes all pass `Border.admit`. It takes points and gives points:
it knows no words (`refusals.py` has them), no network and no store.

A figure that leaps is held until another one agrees with it, and is then given back with that one. Of open interest the
next answer of the same venue is no witness: what changed its measure repeats it. A leap by a power of ten from 1,000 on
is a change of units, and so is a series that is a hundredfold from a day on: that is believed only after it has held
for a day of real time. Measured on BTC and ETH of 2019 to 2026: settled funding is at most 21 times the highest of the
days before, medians of nine settlements differ at most 18-fold, open interest moves 19 % a day.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from bot.market.border.bounds import (
    FREE,
    FUNDING,
    LONG,
    OPEN_INTEREST,
    PRICES,
    Fault,
    all_possible,
    contradictions,
    impossible,
    is_scale,
    limit_of,
    liquidations_above,
    price_moved,
)
from bot.market.border.last_good import CALM_RATE, MANY, RATE_FLOOR, RATE_LEAP, LastGood, LastGoods
from bot.market.border.liquidated import switched
from bot.market.border.overlap import Overlap
from bot.market.border.rates import switch
from bot.market.border.rows import AHEAD_MS, Rejected, as_switches, preceded, rejected, without, without_future
from bot.market.border.yardstick import ENOUGH, Yardsticks
from signals.units import DAY, HOUR, HOUR_MS, to_ms
from storage.market.points import Snapshot
from storage.market.writing import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from bot.market.border.bounds import Why
    from bot.market.border.yardstick import Past
    from storage.market.points import Column, Points

BELIEVED: Final = DAY  # a level that holds for a day is the venue's new truth: a redenomination
_TOGETHER_MS: Final = HOUR_MS  # venues that leap alike within so long are witnesses of each other
_AT_ONCE_MS: Final = HOUR_MS // 2  # a leap over more time than this can be a market that was not seen meanwhile
_BY_ITSELF: Final = HOUR  # that a lone venue has to repeat it
_SMALL: Final = 1e7  # USD; below it a coin's open interest doubles within minutes


class Border:
    """Take out what cannot be true, by itself, beside the rest of its row, or after the past of its series.

    past: the last value stored of (venue, asset, input), so that a restart does not forget what is usual.
    """

    def __init__(self, past: Past | None = None) -> None:
        self._known = LastGoods()
        self._past = past or (lambda _venue, _asset, _name: None)
        self._yardsticks = Yardsticks(self._known, self._past)
        self._leaps: dict[tuple[str, str], dict[str, tuple[int, float]]] = {}  # by asset and input: venue, time, times
        self._overlap = Overlap()
        self._open: dict[str, float] = {}  # the highest open interest of an asset anywhere, USD

    def admit(self, points: Points, now: datetime, *, sparse: bool = False) -> tuple[Points, list[Rejected]]:
        """Return the points without impossible figures, and those figures. `now` is the time of receipt.

        sparse: NaN is what was not given, as in a file; else it is an empty field, and named, unless it is the only
        figure that came and has no usual size, which stores nothing. Rows and columns that are
        empty then are gone too, and so is the rest of a candle with an impossible figure. Of an answer that reaches far
        into the future nothing is believed: shifted, its rows would overwrite true ones. A single figure that confirms
        one that was held brings that one back as an earlier row.
        """
        times = points.times
        if not times:
            return points, []
        now_ms = to_ms(now)
        if len(times) == 1 and points.step is None:
            alone = Snapshot(points.venue, (points.asset,), times, points.columns)
            if not self._unusual(alone, now_ms):
                self._learn(alone, now_ms, settled=points.settled)
                return points, []  # as nearly all that is live
            if not points.settled and times[0] <= now_ms + AHEAD_MS and self._yardsticks.begins(alone):
                self._learn_beside(alone, now_ms)
                return points, []  # as all that is live at first
        out: list[Rejected] = []
        if times[-1] > now_ms + AHEAD_MS:
            points, out = without_future(points, now_ms)
        if len(points):
            odd, back = self._faults(points, now, sparse=sparse)
            self._learn_open(points, odd)
            out += [rejected(points, name, fault) for name, faults in odd.items() for fault in faults]
            points = without(points, odd) if odd else points
            if len(points) == 1 and points.step is None:
                alone = Snapshot(points.venue, (points.asset,), points.times, points.columns)
                self._overlap.learn(alone, now_ms, settled=points.settled)
            points = preceded(points, back)
        return points, out

    def forget(self, assets: Iterable[str]) -> None:
        """Forget what is usual of some assets: the past says it, which others have written since."""
        for asset in assets:
            self._known.forget(asset)
            self._open.pop(asset, None)

    def admit_all(self, snapshot: Snapshot, now: datetime) -> tuple[Snapshot, list[Points]]:
        """Return the assets of which every figure is usual, and the others by themselves: `admit` has to judge those.

        `now` is the time of receipt. It is what `admit` would find for one asset after the other, without hundreds of
        objects on the way.
        """
        now_ms = to_ms(now)
        if odd := self._unusual(snapshot, now_ms):
            others = [snapshot.of(place) for place in sorted(odd)]
            snapshot = snapshot.taken([place for place in range(len(snapshot)) if place not in odd])
        else:
            others = []
        if len(snapshot):
            self._learn(snapshot, now_ms)
        return snapshot, others

    def _faults(
        self, points: Points, now: datetime, *, sparse: bool
    ) -> tuple[dict[str, list[Fault]], dict[str, tuple[int, float]]]:
        """Find what is wrong, by input; and what was held and is confirmed by these points: its time and value."""
        odd: dict[str, list[Fault]] = {}
        back: dict[str, tuple[int, float]] = {}
        if len(points) >= LONG:  # each column is looked at in several ways
            arrays = {name: np.asarray(values, dtype=float) for name, values in points.columns.items()}
            points = replace(points, columns=arrays)
        if points.step is not None:
            flows = (*liquidations_above(points, self._highest), *switched(points))
            for name, fault in (*contradictions(points.columns), *flows):
                odd.setdefault(name, []).append(fault)
        apart = self._overlap.apart(points)
        chained = points.step is not None and "open" in points.columns and "close" in points.columns
        for name, values in points.columns.items():
            if name in apart:
                why: Why = "past" if apart[name].proven else "doubt"
                odd[name] = [Fault(place, why, apart[name].times) for place in range(len(values))]
                continue
            if len(values) == 1 and name not in odd and self._usual(points, name, values):
                continue  # beside another one that is odd
            if found := self._odd(points, name, values, now, odd.get(name, ()), back, sparse=sparse, chained=chained):
                odd[name] = [*odd.get(name, ()), *found]
        if chained and (found := self._chain(points, now, odd)):
            odd["close"] = [*odd.get("close", ()), *found]
        return odd, back

    # --- single figures, as they come live

    def _unusual(self, snapshot: Snapshot, now_ms: int) -> set[int]:
        """Return the places of the assets of which a figure has to be looked at."""
        odd: set[int] = set()
        if max(snapshot.times, default=0) > (ahead := now_ms + AHEAD_MS):
            odd = {place for place, at in enumerate(snapshot.times) if at > ahead}
        # One array for all columns: to make it takes 6 of the 15 us in which a column of 100 levels is judged.
        times = np.array(snapshot.times) if len(snapshot) >= MANY else snapshot.times
        for name, values in snapshot.columns.items():
            odd.update(self._known.unusual(snapshot.venue, name, snapshot.assets, times, values))
        return odd

    def _learn(self, snapshot: Snapshot, now_ms: int, *, settled: bool = False) -> None:
        """Remember figures that are usual."""
        for name, values in snapshot.columns.items():
            self._known.learn(snapshot.venue, name, snapshot.assets, snapshot.times, values)
        self._learn_beside(snapshot, now_ms, settled=settled)

    def _learn_beside(self, snapshot: Snapshot, now_ms: int, *, settled: bool = False) -> None:
        """Remember of figures that passed what others are held against."""
        for asset, usd in zip(snapshot.assets, snapshot.columns.get("open_interest_usd", ()), strict=False):
            if usd > self._open.get(asset, 0.0):
                self._open[asset] = float(usd)
        self._overlap.learn(snapshot, now_ms, settled=settled)

    def _usual(self, points: Points, name: str, values: Column) -> bool:
        """Tell whether nothing is odd in a single figure; learn of it."""
        if points.step is not None and name in PRICES:
            return False
        alone = points.venue, name, (points.asset,), points.times, values
        if self._known.unusual(*alone):
            return False
        self._known.learn(*alone)
        return True

    # --- a column

    def _odd(
        self,
        points: Points,
        name: str,
        column: Column,
        now: datetime,
        faults: Iterable[Fault],
        back: dict[str, tuple[int, float]],
        *,
        sparse: bool,
        chained: bool,
    ) -> list[Fault]:
        """Find the figures of a column that cannot be true, and learn from the others, oldest first."""
        found: list[Fault] = []
        gone = {fault.place for fault in faults}
        free = name in FREE or (chained and name in PRICES)
        key = (points.venue, points.asset, name)
        sure = not gone and all_possible(name, column)
        if sure and (free or (len(column) >= LONG and self._yardsticks.ordinary(key, points.times, column))):
            return found  # as nearly always
        sound: list[tuple[int, int, float]] = []  # place, time, value
        for place, value in enumerate(plain(column)):
            if place in gone:
                continue
            if value != value:  # noqa: PLR0124 - the plain test for NaN
                if not sparse:
                    found.append(Fault(place, "missing"))
            elif not sure and (why := impossible(name, value)):
                found.append(Fault(place, why))
            elif value > 0 or name == FUNDING:
                sound.append((place, points.times[place], value))
        if free or not sound:
            return found
        if name == FUNDING:
            odd = self._rates(key, points, sound, now, back)
            explained = {fault.place for fault in odd}
            return [fault for fault in found if fault.place not in explained] + odd
        return found + self._levels(key, sound, now, bar=points.step is not None, back=back)

    def _levels(
        self,
        key: tuple[str, str, str],
        sound: Sequence[tuple[int, int, float]],
        now: datetime,
        *,
        bar: bool,
        back: dict[str, tuple[int, float]],
    ) -> list[Fault]:
        """Judge figures above zero against the one before; what leaps is held until the next one agrees with it."""
        known = self._yardsticks.begin(key, sound[0][1], [value for _, _, value in sound[:ENOUGH]])
        known = replace(known) if known else None
        found: dict[int, Fault] = {}
        held: list[int] = []
        for place, at, value in sound:
            if known is None:
                known = LastGood(value, at)
                continue
            times = value / known.good
            # While another level is claimed no time passes: a file in another unit is not right after a month of it.
            limit = limit_of(key[2], abs(at - max(known.at, known.odd_at)))
            agrees = known.odd_at and at > known.odd_at and _agree(known, value, limit)
            scale = is_scale(times) or bool(agrees and known.scale)  # a claim drifts, and stays what it was
            usual = 1 / limit < times < limit and not (agrees and known.scale)
            lasting = agrees and known.since is not None and now - known.since >= BELIEVED
            single = len(sound) == 1 and not bar
            alone = len(sound) == 1 and not scale and not usual and self._witness(key, at, times)
            if usual or lasting or alone or (agrees and not scale and not (single and self._unproven(key, known, now))):
                for confirmed in held if agrees else ():
                    found.pop(confirmed, None)
                if not held and agrees and not bar:
                    back[key[2]] = known.odd_at, known.odd
                known, held = LastGood(value, at), []
                continue
            found[place] = Fault(place, "scale" if scale else "leap", times)
            since = known.since if agrees else now
            if known.odd_at and at <= known.odd_at and _agree(known, value, limit):
                held.append(place)  # the same bar is no second witness
            else:
                if not agrees:
                    known.began, known.mark = at, self._mark_before(key)
                known.odd, known.odd_at, known.since, known.scale, held = value, at, since, scale, [place]
        if known is not None:
            self._yardsticks.settle(key, known)
        return as_switches(list(found.values()), sound)

    def _unproven(self, key: tuple[str, str, str], known: LastGood, now: datetime) -> bool:
        """Tell whether a repeated leap of open interest proves nothing yet: the price stood still, and no venue leapt.

        Who has other venues beside it has to hold it for a day, a lone venue for an hour.
        """
        venue, asset, name = key
        if (
            name not in OPEN_INTEREST
            or known.began - known.at > _AT_ONCE_MS
            or self._open.get(asset, math.inf) < _SMALL
        ):
            return False
        mark = self._known.of(venue, "mark_price").get(asset)
        if mark is not None and price_moved(known.mark, mark.good):
            return False
        others = any(
            other != venue and asset in of and of[asset].at >= known.at - _TOGETHER_MS
            for other, of in self._known.venues_of(name)
        )
        return others or known.since is None or now - known.since < _BY_ITSELF

    def _mark_before(self, key: tuple[str, str, str]) -> float:
        """Return the mark price of a moment ago: the answer with the newest may have come before this one."""
        mark = self._known.of(key[0], "mark_price").get(key[1])
        if mark is None:
            return math.nan
        return mark.before if mark.before == mark.before else mark.good

    def _witness(self, key: tuple[str, str, str], at: int, times: float) -> bool:
        """Tell whether another venue's figure of the same input has leapt alike within the hour; remember this leap."""
        venue, asset, name = key
        leaps = self._leaps.setdefault((asset, name), {})
        leaps[venue] = at, times
        return any(
            other != venue and abs(at - then) <= _TOGETHER_MS and abs(math.log(times / leap)) < math.log(2)
            for other, (then, leap) in leaps.items()
        )

    def _rates(
        self,
        key: tuple[str, str, str],
        points: Points,
        sound: Sequence[tuple[int, int, float]],
        now: datetime,
        back: dict[str, tuple[int, float]],
    ) -> list[Fault]:
        """Judge funding rates: a series that is a hundredfold from some time on, and single ones beyond the usual."""
        every = zip(range(len(points)), points.times, plain(points.columns[FUNDING]), strict=True)
        found = {fault.place: fault for fault in switch([row for row in every if row[2] == row[2]])}
        other = set(found)
        known = self._yardsticks.begin(
            key, sound[0][1], [max(abs(value), RATE_FLOOR) for _, _, value in sound[:ENOUGH]]
        )
        known = replace(known) if known else None
        held: int | None = None
        for place, at, value in sound:
            if place in other:
                continue
            size = abs(value)
            if known is None:
                known = LastGood(max(size, RATE_FLOOR), at)
                continue
            peak = known.peak(at)
            if size <= CALM_RATE or size <= RATE_LEAP * peak:
                known, held = LastGood(max(size, peak, RATE_FLOOR), at), None
                continue
            agrees = known.odd_at and at > known.odd_at and value * known.odd > 0 and size >= abs(known.odd) / 4
            if agrees or (len(sound) == 1 and self._witness(key, at, size / peak)):
                if held is not None:
                    found.pop(held, None)
                elif agrees:
                    back[key[2]] = known.odd_at, known.odd
                known, held = LastGood(size, at), None
                continue
            found[place] = Fault(place, "leap", size / peak)
            if at > known.odd_at:
                known.odd, known.odd_at, known.since, held = value, at, now, place
        if known is not None:
            self._yardsticks.settle(key, known)
        return list(found.values())

    # --- bars

    def _chain(self, points: Points, now: datetime, odd: Mapping[str, Sequence[Fault]]) -> list[Fault]:
        """Judge candles by opens and closes in turn: a market moves within a bar and does not leap between two."""
        gone = {fault.place for name in PRICES for fault in odd.get(name, ())}
        if not gone and len(points) >= LONG and self._yardsticks.smooth(points):
            return []
        opens, closes = (plain(points.columns[name]) for name in ("open", "close"))
        ends = [
            (2 * place + end, at, prices[place])
            for place, at in enumerate(points.times)
            if place not in gone
            for end, prices in enumerate((opens, closes))
            if prices[place] > 0
        ]
        if not ends:
            return []
        key, limit = (points.venue, points.asset, "close"), limit_of("close", 0)
        known = self._yardsticks.begin(key, ends[0][1], [value for _, _, value in ends[:ENOUGH]])
        if (known is None or 1 / limit < ends[0][2] / known.good < limit) and all(
            abs(math.log(after / before)) < math.log(limit) for (_, _, before), (_, _, after) in pairwise(ends)
        ):
            self._yardsticks.settle(key, LastGood(ends[-1][2], ends[-1][1]))
            return []
        found: dict[int, Fault] = {}
        for fault in self._levels(key, ends, now, bar=True, back={}):
            found.setdefault(fault.place // 2, fault._replace(place=fault.place // 2))
        return list(found.values())

    def _highest(self, points: Points) -> float:
        """Return the most that can have been open in the asset, USD; infinite where nobody has told."""
        if points.asset not in self._open:
            stored = [self._past(venue, points.asset, "open_interest_usd") for venue in (points.venue, "all")]
            if known := [found.value for found in stored if found]:
                self._open[points.asset] = max(known)
        return self._open.get(points.asset, math.inf)

    def _learn_open(self, points: Points, odd: Mapping[str, Sequence[Fault]]) -> None:
        column = points.columns.get("open_interest_usd")
        if column is None:
            return
        gone = {fault.place for fault in odd.get("open_interest_usd", ())}
        every = plain(column)
        good = [value for place, value in enumerate(every) if place not in gone] if gone else every
        if good := [value for value in good if value > 0]:
            self._open[points.asset] = max(*good, self._open.get(points.asset, 0.0))


def _agree(known: LastGood, value: float, limit: float) -> bool:
    """Tell whether a value speaks for the level that was claimed rather than for the last good one."""
    to_odd, to_good = abs(math.log(value / known.odd)), abs(math.log(value / known.good))
    claimed = abs(math.log(known.odd / known.good))
    return to_odd < to_good and to_odd <= max(claimed * 1.01, math.log(limit) if limit < math.inf else claimed)
