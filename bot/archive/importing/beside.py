"""A file beside what is stored and beside itself: its clock, its scale, and whether it goes on as the same measure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from bot.market.border import liquidated
from bot.market.border.bounds import FUNDING, LIQUIDATED, OPEN_INTEREST, limit_of, price_moved
from bot.market.border.liquidated import by_day
from bot.market.border.overlap import COMPARED, against
from bot.market.border.refusals import times_said
from signals.inputs import INPUTS
from signals.units import DAY_MS, HOUR_MS, MINUTE_MS, from_ms
from signals.venues import venue_title
from storage.market import points as stored
from storage.market.points import Newest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bot.archive.importing.believed import Believed
    from bot.archive.importing.model import Draft, ImportedValue
    from storage.engine.database import Store

Series = tuple[str, str, str]  # venue, asset, input
Rows = dict[Series, dict[int, int]]  # time (ms): place in the draft

_BACK_MS: Final = 35 * DAY_MS  # how old the last stored value may be that a file's first one is measured against
_NEAR_MS: Final = 5 * MINUTE_MS  # venues settle some milliseconds late, never minutes
_GRID_MS: Final = 4 * HOUR_MS  # 00, 08, 16 UTC at most venues, 04, 12, 20 at some, each fourth hour at others
_SETTLEMENTS: Final = 6  # from so many on their hours tell something
_MOST: Final = 0.8
_LAGS: Final = range(-14, 15)  # hours: every zone of the world
_OVERLAP: Final = 12  # values that must be stored at the file's times
_SURE: Final = 0.9
_OTHER_SCALE: Final = 1.5  # times the price of another venue; no two of one coin differ by so much for long
_PRICED: Final = ("close", "mark_price")  # which are held against those of another venue
_CLOCKED: Final = ("close", FUNDING, *OPEN_INTEREST, "mark_price")
_STEP: Final = limit_of("open_interest_coin", 0)  # times, from one row to the next
_STAYS: Final = 1.6  # the rows after it against those before
_ROUND: Final = 5  # rows on either side of a step
_LIKEWISE: Final = 1.5
_PERCENT: Final = 30.0  # times the rates of the month before, or of other venues
_FEW: Final = 3
_OF_TRADED: Final = 0.02  # of the volume of a usual day, one side; at Binance 0.004, and 0.03 on 10 October 2025
_LEAST_SUPPLY: Final = 1e9  # USD of all stablecoins together, passed in December 2017
_BILLIONS_SINCE: Final = 1_514_764_800_000  # 1 January 2018, ms
_DEAR: Final = 0.0005  # rates above this for the whole of a file are remarkable: held against others, or noted


class History:
    """What is stored, as a file is measured against it; without a store nothing is."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store

    def before(self, series: Series, at: int) -> Newest | None:
        """Return the last value of a series in the month before a time (ms)."""
        rows = self.between(series, at - _BACK_MS, at)
        return Newest(from_ms(rows[-1][0]), rows[-1][1], series[0]) if rows else None

    def newest(self, series: Series) -> Newest | None:
        """Return the newest value of a series."""
        venue, asset, name = series
        return stored.newest(self._store, asset, name, venue) if self._store else None

    def between(self, series: Series, start: int, end: int) -> list[tuple[int, float]]:
        """Return what is known of a series in [start, end) (ms): time and value."""
        if self._store is None:
            return []
        venue, asset, name = series
        times, _, columns = stored.columns(
            self._store, asset, venue, [name], start=from_ms(start), end=from_ms(max(end, start))
        )
        return [(at, value) for at, value in zip(times, columns[name], strict=True) if value is not None]

    def elsewhere(self, series: Series, start: int, end: int) -> tuple[str, dict[int, float]]:
        """Return the other venue that has most of an input of an asset in [start, end) (ms), and its values by time."""
        venue, asset, name = series
        others = {one.venue for one in stored.stored(self._store, asset, name)} - {venue} if self._store else set()
        found = {other: dict(self.between((other, asset, name), start, end)) for other in sorted(others)}
        return max(found.items(), key=lambda rows: len(rows[1]), default=("", {}))


def rows_of(draft: Draft) -> Rows:
    """Return where in a draft each series lies, by its times."""
    rows: Rows = defaultdict(dict)
    for place, row in enumerate(draft.kept):
        rows[row.venue, row.asset, row.input][row.at] = place
    return rows


# --- the clock


def wrong_clocks(draft: Draft, rows: Rows, past: History) -> dict[int, str]:
    """Find the rows whose times are not those of UTC, each with the reason; noted once.

    A file has one clock: where one venue of it is wrong, the others are out as well, but those that are shown to be
    right, by the hours of their settlements or by what is stored.
    """
    told: dict[tuple[str, str], str] = {}
    right: set[tuple[str, str]] = set()
    for series, places in rows.items():
        venue, asset, name = series
        reason = _odd_settlements(sorted(places)) if name == FUNDING else None
        right |= {(venue, asset)} if name == FUNDING and reason is None and len(places) >= _SETTLEMENTS else set()
        if reason is None and name in _CLOCKED:
            lag = _lag(series, places, draft.kept, past)
            right |= {(venue, asset)} if lag == 0 else set()
            reason = _shifted(name, lag) if lag else None
        if reason and (venue, asset) not in told:
            told[venue, asset] = reason
            draft.notes.append(f"{venue} {asset}: {reason}")
    if told:
        (venue, asset), _ = next(iter(told.items()))
        rest = {series[:2] for series in rows} - told.keys() - right
        told |= dict.fromkeys(rest, f"is of a file whose times of {venue} {asset} are not UTC")
        if rest:
            others = ", ".join(" ".join(pair) for pair in sorted(rest))
            draft.notes.append(
                f"{others}: not kept either: a file has one clock, and nothing shows that theirs is right"
            )
    return {place: told[row.venue, row.asset] for place, row in enumerate(draft.kept) if (row.venue, row.asset) in told}


def _odd_settlements(times: Sequence[int]) -> str | None:
    """Say where settlements lie, if at no hours at which any venue settles."""
    gaps = Counter(round((later - sooner) / HOUR_MS) for sooner, later in pairwise(times))
    if len(times) < _SETTLEMENTS or gaps.most_common(1)[0][0] % 4:
        return None
    off = [at for at in times if min(at % _GRID_MS, _GRID_MS - at % _GRID_MS) > _NEAR_MS]
    if len(off) < _MOST * len(times):
        return None
    hours = sorted({f"{from_ms(round(at / MINUTE_MS) * MINUTE_MS):%H:%M}" for at in off})[:6]
    return (
        f"settlements lie at {', '.join(hours)} UTC, and venues settle at 00:00, 08:00 and 16:00; "
        "write the times in UTC, or with their offset"
    )


def _lag(series: Series, places: Mapping[int, int], kept: Sequence[ImportedValue], past: History) -> int | None:
    """Return by how many hours a series is later than what is stored of it; None where that cannot be told."""
    values = {at // MINUTE_MS: kept[place].value for at, place in places.items()}
    usual = Counter(values.values()).most_common(1)[0][0] if values else math.nan
    known = {
        at // MINUTE_MS: value
        for at, value in past.between(series, min(places) - DAY_MS, max(places) + DAY_MS)
        if value != usual  # the rate that most contracts pay most of the time fits everywhere
    }
    if len(known) < _OVERLAP:
        return None

    def agree(hours: int) -> float:
        both = [(values[at + hours * 60], value) for at, value in known.items() if at + hours * 60 in values]
        same = sum(math.isclose(new, old, rel_tol=1e-6) for new, old in both)
        return same / len(both) if len(both) >= _OVERLAP else 0.0

    best = max(_LAGS, key=lambda hours: (agree(hours), -abs(hours)))
    if agree(best) < _SURE or (best and agree(0) > agree(best) / 2):
        return None
    return best


def _shifted(name: str, lag: int) -> str:
    return (
        f"the times are {abs(lag)} h {'later' if lag > 0 else 'earlier'} than those of the same {name} "
        "in store; write them in UTC, or with their offset"
    )


# --- the scale


def other_scale(draft: Draft, rows: Rows, past: History) -> dict[int, str]:
    """Find what is in another scale as a whole, each row with the reason; noted once a series.

    A file of a venue of which nothing is stored is its own witness, and says nothing of a coin priced by the thousand,
    of both sides counted for one, or of rates in percent. What is stored of the same series does, and what other venues
    say of the same asset.
    """
    told: dict[Series, str] = {}
    for series in rows:
        reason = _other(series, draft, rows, past)
        pair: tuple[str, ...] = ()
        if reason is None and series[2] == "open_interest_usd":
            reason = _other_product(series, draft, rows, past)
            pair = OPEN_INTEREST if reason else ()
        else:
            pair = tuple(name for name in INPUTS if series[2] in _PRICED and INPUTS[name].counts)
        if reason is None:
            continue
        for other in rows:
            if other == series or (other[:2] == series[:2] and other[2] in pair):
                told.setdefault(other, reason)
        note = f"{' '.join(series[:2])}: {reason}"
        draft.notes += [] if note in draft.notes else [note]
    return {place: reason for series, reason in told.items() for place in rows[series].values()}


def _other(series: Series, draft: Draft, rows: Rows, past: History) -> str | None:
    """Hold a series against what it can be held against, by its input; return what is wrong with it as a whole."""
    name, places = series[2], rows[series]
    if name in _PRICED:
        return _other_price(series, places, draft, past)
    if name in COMPARED:
        return _other_present(series, places, draft, past)
    if name in LIQUIDATED:
        return _other_flow(series, draft, rows, past)
    if name == "stablecoin_supply_usd":
        return _other_supply(places, draft)
    return _percent(series, places, draft, rows, past) if name == FUNDING else None


def _other_price(series: Series, places: Mapping[int, int], draft: Draft, past: History) -> str | None:
    other, known = past.elsewhere(series, min(places), max(places) + 1)
    both = [draft.kept[place].value / known[at] for at, place in places.items() if known.get(at, 0) > 0]
    if len(both) < _OVERLAP or 1 / _OTHER_SCALE < (times := median(both)) < _OTHER_SCALE:
        return None
    return f"its prices are {times_said(times)} those of {venue_title(other)} in store: is that another unit?"


def _other_present(series: Series, places: Mapping[int, int], draft: Draft, past: History) -> str | None:
    """Hold a series against what is stored of it at the same times."""
    known = past.between(series, min(places) - _NEAR_MS, max(places) + _NEAR_MS + 1)
    near = {round(at / _NEAR_MS): value for at, value in known if value > 0}
    both = [
        draft.kept[place].value / near[round(at / _NEAR_MS)]
        for at, place in places.items()
        if round(at / _NEAR_MS) in near
    ]
    times = against(series[2], both)
    if times is None:
        return None
    return f"its {series[2]} is {times_said(times)} what is stored of the same times: both sides, or another unit?"


def _other_product(series: Series, draft: Draft, rows: Rows, past: History) -> str | None:
    """Hold dollars against coins times price: which of the three is in another unit, nobody can say."""
    venue, asset, _ = series
    usd = {at: draft.kept[place].value for at, place in rows[series].items()}
    coins = {at: draft.kept[place].value for at, place in rows.get((venue, asset, "open_interest_coin"), {}).items()}
    first, last = min(usd) - DAY_MS, max(usd) + 1
    for name in _PRICED:
        for prices in _elsewhere((venue, asset, name), first, last, draft, rows, past):
            known = [at for at, _ in prices]
            both = [
                value / (coins[at] * prices[place - 1][1])
                for at, value in usd.items()
                if coins.get(at, 0) > 0 and (place := bisect_right(known, at)) and at - known[place - 1] <= DAY_MS
            ]
            if len(both) >= _FEW and not 1 / _OTHER_SCALE < (times := median(both)) < _OTHER_SCALE:
                return f"its open interest in dollars is {times_said(times)} coins times price: is one in another unit?"
    return None


def _other_flow(series: Series, draft: Draft, rows: Rows, past: History) -> str | None:
    """Hold liquidations against those of the month before in store, and against what is traded on a usual day."""
    venue, asset, name = series
    own = by_day(*zip(*((at, draft.kept[place].value) for at, place in sorted(rows[series].items())), strict=True))
    first, last = own[0][0], own[-1][0] + DAY_MS
    before = past.between(series, first - _BACK_MS, first)
    known = by_day([at for at, _ in before], [value for _, value in before])
    if known and (times := liquidated.step([*known, *own], len(known))):
        return f"its {name} is {times_said(times)} what was usual in the month before: is that another unit?"
    if not (
        traded := {at: draft.kept[place].value for at, place in rows.get((venue, asset, "volume_usd"), {}).items()}
    ):
        traded = dict(past.between((venue, asset, "volume_usd"), first, last))
    volume = dict(by_day(list(traded), list(traded.values())))
    parts = [value / volume[at] for at, value in own if volume.get(at, 0) > 0]
    if len(parts) >= _OVERLAP and (part := median(parts)) > _OF_TRADED:
        return f"its {name} is {part:.0%} of what is traded on a usual day: is that another unit?"
    return None


def _other_supply(places: Mapping[int, int], draft: Draft) -> str | None:
    known = [draft.kept[place].value for at, place in places.items() if at >= _BILLIONS_SINCE]
    if known and (usual := median(known)) < _LEAST_SUPPLY:
        unit = "billions" if usual < 1e3 else "millions" if usual < 1e6 else "thousands"
        return f"a supply of {usual:,.6g} dollars is less than there was since 2018: {unit} instead of dollars?"
    return None


def _percent(series: Series, places: Mapping[int, int], draft: Draft, rows: Rows, past: History) -> str | None:
    """Hold rates against those of the month before and those of other venues."""
    sizes = [abs(draft.kept[place].value) for place in places.values()]
    if not sizes or (usual := median(sizes)) <= _DEAR:
        return None
    first, last = min(places), max(places) + 1
    known = [abs(value) for _, value in past.between(series, first - _BACK_MS, last)]
    known += [abs(value) for value in past.elsewhere(series, first, last)[1].values()]
    for other, others in rows.items():
        if other[1:] == series[1:] and other != series:
            known += [abs(draft.kept[place].value) for at, place in others.items() if first <= at < last]
    if known and usual >= _PERCENT * median(known):
        return (
            f"its rates are {times_said(usual / max(median(known), 1e-6))} what is usual: percent instead of fractions?"
        )
    if not known:
        draft.notes.append(
            f"{' '.join(series[:2])}: rates of {usual:.2%} a payment are rare, and there is nothing to hold them "
            "against: percent instead of fractions?"
        )
    return None


# --- the same measure from row to row


def other_measure(draft: Draft, rows: Rows, past: History, accepted: Believed) -> dict[int, str]:
    """Find the rows of open interest from which on it is doubled or halved for good, each with the reason; noted once.

    The next row agrees with such a step, so that alone confirms nothing: another venue that steps alike does, and a
    price that moves with it.
    """
    bad: dict[int, str] = {}
    for series, places in rows.items():
        if series[2] not in OPEN_INTEREST:
            continue
        times = sorted(places)
        before = past.between(series, times[0] - _BACK_MS, times[0])[-_ROUND:]
        line = [*before, *((at, draft.kept[places[at]].value) for at in times)]
        level, since = 1.0, 0  # how many times the first measure the rows are, and from when on
        for place in range(1, len(line)):
            step = _step(line, place)
            if step is not None and accepted.takes(line[place][0]):
                accepted.note(series, line[place][0])
                step = None
            if step is not None and not _confirmed(series, line, place, step, draft, rows, past):
                level, since = level * step, line[place][0]
                if _off(level):
                    draft.notes.append(f"{series[0]} {series[1]} {_measured(series[2], level, since)}")
            if _off(level) and line[place][0] in places:
                bad[places[line[place][0]]] = _measured(series[2], level, since)
    return bad


def _off(level: float) -> bool:
    return not 1 / _LIKEWISE < level < _LIKEWISE


def _measured(name: str, times: float, since: int) -> str:
    return (
        f"{name} is {times_said(times)} what it was, from {from_ms(since):%Y-%m-%d %H:%M} UTC on, and no other "
        "exchange and no price moves with it: both sides, or two sources summed?"
    )


def _step(line: Sequence[tuple[int, float]], place: int) -> float | None:
    """Return how many times the rows before those from a place on are, where they step there and stay."""
    (sooner, last), (later, first) = line[place - 1], line[place]
    if min(first, last) <= 0 or 1 / _STEP < first / last < _STEP or later - sooner > _BACK_MS:
        return None  # as nearly all are
    after = [value for _, value in line[place : place + _ROUND]]
    before = [value for _, value in line[max(place - _ROUND, 0) : place]]
    lasting = median(after) / median(before) if min(*after, *before) > 0 else 1.0
    stays = not 1 / _STAYS < lasting < _STAYS and (first > last) == (lasting > 1)
    return lasting if stays and len(after) > 1 else None


def _confirmed(
    series: Series,
    line: Sequence[tuple[int, float]],
    place: int,
    step: float,
    draft: Draft,
    rows: Rows,
    past: History,
) -> bool:
    """Tell whether another venue steps alike, or the price moves with a step of open interest."""
    (sooner, _), (later, _) = line[place - 1 : place + 1]
    for name in (series[2], *_PRICED):
        for known in _elsewhere((series[0], series[1], name), sooner - DAY_MS, later + DAY_MS, draft, rows, past):
            old = [value for at, value in known if at <= sooner]
            new = [value for at, value in known if at >= later]
            if not old or not new or min(old[-1], new[0]) <= 0:
                continue
            if name in _PRICED and price_moved(old[-1], new[0]):
                return True
            if name not in _PRICED and abs(math.log(new[0] / old[-1] / step)) < math.log(_LIKEWISE):
                return True
    return False


def _elsewhere(
    series: Series, start: int, end: int, draft: Draft, rows: Rows, past: History
) -> Iterator[list[tuple[int, float]]]:
    """Yield what is told of an input in [start, end) by other venues, and of prices by the same one too; by time."""
    for other, places in rows.items():
        if other[1:] == series[1:] and (other[0] != series[0] or series[2] in _PRICED):
            yield sorted((at, draft.kept[place].value) for at, place in places.items() if start <= at < end)
    if series[2] in _PRICED:
        yield past.between(series, start, end)
    yield sorted(past.elsewhere(series, start, end)[1].items())
