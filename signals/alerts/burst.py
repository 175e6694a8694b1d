"""Fast moves: price over 5, 15 and 60 minutes, held against what is usual for its market, and one message a move.

    line(w) = max(floor(w), 8 * usual * sqrt(w / 1 h))         usual = 1.4826 * median |change of an hour| over 30 days

Moves grow with the root of time, so one usual hour gives the line of each window; the median does not rise with the
crash that is to be told, as a standard deviation would. Eight times the usual hour is meant to be a few moves a year:
no year of minutes was at hand to count them, `perpulse replay` lists them where minutes are stored. The floors (2 % in
5 minutes, 3 % in 15, 4.5 % in an hour) keep a sleepy market from ringing. Where fewer than 72 hours are known
the line is twice the floor: what is usual is not known then.

A move counts half as much again where something else says that it is no drift: the coins of open interest shrank in it
beyond their own line, by the same formula; at least 0.3 % of the open interest was heard liquidated in this hour and
the last; or the orders within 1 % that it ran into (bids of a fall) are less than half of what they were. What is not
known of these adds nothing. A warning is one line, critical are two. NaN handling: what is not known is left out
before it comes here.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from signals.units import DAY, HOUR, HOUR_MS, MINUTE, in_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signals.alerts.condition import Rank

    Ticks: TypeAlias = Sequence[tuple[int, float]]  # (time in ms, value), rising in time

BURST: Final = "burst"  # the name of the alarm, and the word by which a stored event says that it is one
TITLE: Final = "Price moves unusually fast"
FLOORS: Final[Mapping[timedelta, float]] = {5 * MINUTE: 0.02, 15 * MINUTE: 0.03, HOUR: 0.045}
KNOWN_FOR: Final = 30 * DAY  # what is usual is that of so long
BEYOND: Final = 8.0
LEAST_HOURS: Final = 72
FORCED: Final = 1.5  # so much stronger is a move that is no drift
LIQUIDATED: Final = 0.003  # of the open interest
THIN: Final = 0.5  # of the usual depth
APART: Final = 5 * MINUTE  # a window is judged where it has a price in so long on the average: hours are not enough
HALF_AS_DEEP_AGAIN: Final = 1.5
OVER_AFTER: Final = HOUR  # without a new extreme
TAKEN_BACK: Final = 2 / 3  # so much of a move taken back within the hour makes it wrong
NEARLY_ALL: Final = 0.95
_SURELY: Final = 1 - 1e-9  # what is rounded does not decide
FEW: Final = 10  # cases, below which nothing leans on them

Kind = Literal["fired", "escalated", "resolved"]


@dataclass(frozen=True, slots=True)
class UsualHour:
    """What an hour usually changes, as fractions; NaN where not known."""

    price: float = math.nan
    coins: float = math.nan


@dataclass(frozen=True, slots=True)
class Beside:
    """What came with the prices. coins, bids, asks: of the last hour. liquidated: share of the open interest."""

    coins: Ticks = ()
    bids: Ticks = ()
    asks: Ticks = ()
    liquidated: float = 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """How far price went, from about its extreme within a window to the newest price.

    began, ended: ms. start, end: prices. coins: change of open interest in coins meanwhile, None where not known.
    strength: in lines; 1.0 is a warning.
    """

    began: int
    ended: int
    start: float
    end: float
    coins: float | None
    strength: float

    @property
    def change(self) -> float:
        """Return the change as a fraction: −0.061."""
        return self.end / self.start - 1

    @property
    def rank(self) -> Rank | None:
        """Return how urgent it is; None where it is within what is usual."""
        return "critical" if self.strength >= 2 else "warning" if self.strength >= 1 else None


@dataclass(frozen=True, slots=True)
class Running:
    """A move that was told and is not over. Times in ms, prices in USD.

    extreme: the furthest price so far. told: the change at which it was told last.
    """

    began: float
    start: float
    extreme: float
    extreme_at: float
    told: float

    @property
    def back(self) -> float:
        """Return the price beyond which the message was wrong."""
        told = self.start * (1 + self.told)
        return told + TAKEN_BACK * (self.start - told)

    def to_values(self) -> dict[str, float]:
        """Return it as the named values of an episode."""
        return {f"{BURST}.{name}": float(value) for name, value in asdict(self).items()}

    @classmethod
    def of_values(cls, values: Mapping[str, float]) -> Running:
        """Read it back from the values of an episode. KeyError where one is missing."""
        return cls(**{name: values[f"{BURST}.{name}"] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Past:
    """How often an hour moved as far, in so many days of hourly closes, and after how many price was higher then."""

    cases: int
    higher: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What is told of a move. change, coins: fractions. start, end: prices; of the end of a move its furthest price.

    since: when the move began. longs_usd, shorts_usd: heard liquidated since `liquidated_since`, a floor; None where
    nothing was heard. back: the price that makes it wrong. now: the price when it was over. venues: whose figures.
    """

    kind: Kind
    asset: str
    rank: Rank
    at: datetime
    since: datetime
    start: float
    end: float
    back: float
    coins: float | None = None
    longs_usd: float | None = None
    shorts_usd: float | None = None
    liquidated_since: datetime | None = None
    past: Past | None = None
    now: float | None = None
    venues: tuple[str, ...] = ()

    @property
    def change(self) -> float:
        """Return the change as a fraction: −0.061."""
        return self.end / self.start - 1

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back equal."""
        plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in _of(self).items()}
        return {"event": BURST, **plain}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Burst:
        """Read it back; fields this version does not know are left out, optional ones may be missing."""
        known = {name: value for name, value in data.items() if name in cls.__dataclass_fields__}
        for name in ("at", "since", "liquidated_since"):
            if known.get(name) is not None:
                known[name] = datetime.fromisoformat(known[name])
        if known.get("past") is not None:
            known["past"] = Past(**known["past"])
        return cls(**known | {"venues": tuple(known.get("venues", ()))})


def _of(burst: Burst) -> dict[str, Any]:
    return asdict(burst) | {"venues": list(burst.venues)}


def usual_hour(values: Sequence[float]) -> float:
    """Return what an hour usually changes, of values an hour apart; NaN where fewer than 72 changes are known."""
    changes = [abs(b / a - 1) for a, b in pairwise(values) if a > 0 and b > 0]
    return 1.4826 * median(changes) if len(changes) >= LEAST_HOURS else math.nan


def line(window: timedelta, usual: float) -> float:
    """Return from which change on a window is unusual, as a fraction; see the head of this file."""
    if math.isnan(usual):
        return 2 * FLOORS[window]
    return max(FLOORS[window], BEYOND * usual * math.sqrt(window / HOUR))


def windows(prices: Ticks) -> list[timedelta]:
    """Return the windows that the prices are dense enough for."""
    return [window for window in FLOORS if len(_within(prices, window)) >= max(2, window // APART)]


def calm(values: Sequence[float], usual: UsualHour) -> bool:
    """Tell whether the prices of the last hour lie so close that no window holds a move, whatever came beside it.

    values: not empty, oldest first, more than an hour does no harm. It is a bound that is found fast, and says nothing
    where it is False.
    """
    newest, lowest, highest = values[-1], min(values), max(values)
    return lowest > 0 and max(newest / lowest - 1, 1 - newest / highest) * FORCED < _least(usual.price) * _SURELY


@lru_cache(maxsize=10_000)
def _least(usual: float) -> float:
    """Return the lowest line of all windows; asked for hundreds of prices a minute, of which few are another."""
    return min(line(window, usual) for window in FLOORS)


def _within(ticks: Ticks, window: timedelta) -> Ticks:
    first = ticks[-1][0] - in_ms(window) if ticks else 0
    return ticks[bisect_left(ticks, first, key=itemgetter(0)) :]


def strongest(prices: Ticks, beside: Beside, usual: UsualHour) -> Move | None:
    """Return the move that is strongest against its line, over all windows and both ways; None where none is judged."""
    found: list[Move] = []
    for window in windows(prices):
        inside = _within(prices, window)
        ended, end = inside[-1]
        values = [value for _, value in inside]
        for extreme in (max(values), min(values)):
            began, start = _onset(inside, extreme)
            changed = change_of(beside.coins, began)
            strength = abs(end / start - 1) / line(window, usual.price)
            closed = changed is not None and -changed >= line(window, usual.coins)
            if closed or beside.liquidated >= LIQUIDATED or _thin(beside.bids if end < start else beside.asks):
                strength *= FORCED
            found.append(Move(began, ended, start, end, changed, strength))
    return max(found, key=lambda move: move.strength, default=None)


def _onset(ticks: Ticks, extreme: float) -> tuple[int, float]:
    """Return where a move from an extreme to the newest value began: the last tick that has nearly all of it after it.

    An extreme of a quiet half hour before a flash says nothing of how long the flash took.
    """
    whole = ticks[-1][1] - extreme
    return next(
        tick
        for tick in reversed(ticks)
        if (ticks[-1][1] - tick[1]) * math.copysign(1, whole) >= NEARLY_ALL * abs(whole)
    )


def _thin(depth: Ticks) -> bool:
    """Tell whether the newest depth is less than half of what it was in the last hour."""
    return len(depth) > 2 and depth[-1][1] < THIN * median(value for _, value in depth[:-1])


def change_of(ticks: Ticks, began: int) -> float | None:
    """Return how far a value changed since a time; None where it was not told near that time, or not since then."""
    before = [tick for tick in ticks if began - in_ms(2 * APART) <= tick[0] <= began]
    if not before or ticks[-1][0] <= began:
        return None
    return ticks[-1][1] / before[-1][1] - 1


def step(running: Running | None, move: Move | None, newest: tuple[int, float]) -> tuple[Running | None, Kind | None]:
    """Return where a move stands at the newest price, and what is to be told of it."""
    at, price = newest
    if running is None:
        if move is None or move.rank is None:
            return None, None
        return Running(move.began, move.start, move.end, at, move.change), "fired"
    down = running.told < 0
    if (price < running.extreme) if down else (price > running.extreme):
        change = price / running.start - 1
        if abs(change) >= HALF_AS_DEEP_AGAIN * abs(running.told):
            return Running(running.began, running.start, price, at, change), "escalated"
        return Running(running.began, running.start, price, at, running.told), None
    wiped_out = price >= running.start if down else price <= running.start
    if wiped_out or at - running.extreme_at >= in_ms(OVER_AFTER):
        return None, "resolved"
    return running, None


def past(times: Sequence[int], closes: Sequence[float], change: float) -> Past | None:
    """Count the hours that moved at least as far the same way, and what followed; None where under 30 days are known.

    times: of the closes, in ms, an hour apart. An hour right after a case belongs to that case.
    """
    known = [(at, close) for at, close in zip(times, closes, strict=True) if close > 0]
    if len(known) < KNOWN_FOR // HOUR:
        return None
    cases = higher = 0
    counted_until = 0
    for (a_at, a), (b_at, b), (c_at, c) in zip(known, known[1:], known[2:], strict=False):
        moved = b / a - 1
        as_far = moved <= change if change < 0 else moved >= change
        if b_at - a_at != HOUR_MS or c_at - b_at != HOUR_MS or not as_far or b_at <= counted_until:
            continue
        cases, higher, counted_until = cases + 1, higher + (c > b), c_at
    return Past(cases, higher, round((known[-1][0] - known[0][0]) / in_ms(DAY)))
