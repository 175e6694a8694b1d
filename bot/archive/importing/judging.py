"""A file before the border: its figures are judged as those of any other way in, and its clock is looked at."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from bot.archive.importing.model import shown
from bot.archive.importing.tables import tables
from bot.market.border.bounds import FUNDING, HIGHEST, INTERVALS, WITHIN
from bot.market.border.judging import Border
from bot.market.border.refusals import said, times_said
from signals.inputs import INPUTS
from signals.units import DAY_MS, HOUR_MS, MINUTE_MS, from_ms, to_ms
from signals.venues import venue_title
from storage.market import points as stored
from storage.market.points import Newest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bot.archive.importing.model import Draft, ImportedValue
    from bot.market.border.rows import Rejected
    from storage.engine.database import Store

Series = tuple[str, str, str]  # venue, asset, input

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
_CLOCKED: Final = ("close", FUNDING, "open_interest_coin", "open_interest_usd", "mark_price")


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


def judge(draft: Draft, now: datetime, past: History) -> None:
    """Take out of a draft what the border rejects, and all of a series whose clock is not UTC."""
    rows: dict[Series, dict[int, int]] = defaultdict(dict)
    for place, row in enumerate(draft.kept):
        rows[row.venue, row.asset, row.input][row.at] = place
    bad = _wrong_clocks(draft, rows, past) | _other_scale(draft, rows, past)
    draft.drop(bad)
    first = {series: min(times) for series, times in rows.items()}

    def known(*series: str) -> Newest | None:
        venue, asset, name = series
        at = first.get((venue, asset, name))
        return past.newest((venue, asset, name)) if at is None else past.before((venue, asset, name), at)

    border = Border(known)
    reasons: dict[tuple[int, str, str, str], str] = {}
    kept: set[tuple[int, str, str, str]] = set()
    for table in tables(draft.kept, draft.step):
        good, rejected = border.admit(table, now, sparse=True)
        for out in rejected:
            reasons.setdefault((to_ms(out.at), out.venue, out.asset, out.name), _words(out))
            if out.since is not None and (note := f"{out.venue} {out.asset} {out.name} {said(out)}") not in draft.notes:
                draft.notes.append(note)
        kept |= {
            (at, good.venue, good.asset, name)
            for name, column in good.columns.items()
            for at, value in zip(good.times, column, strict=True)
            if value == value  # noqa: PLR0124 - the plain test for NaN
        }
    out_of = {place: row for place, row in enumerate(draft.kept) if row[:4] not in kept}
    own = {place: reasons[row[:4]] for place, row in out_of.items() if row[:4] in reasons}
    rest = {
        place: f"{row.input} is of a bar of which another figure cannot be true"
        for place, row in out_of.items()
        if place not in own
    }
    draft.drop(own | rest)


def _words(out: Rejected) -> str:
    """Say of a line what is said of every figure, and of a bound which one it is: a file can be mended."""
    bound, value = INPUTS[out.name], shown(f"{out.value:.12g}")
    if out.why == "interval":
        return f"{out.name} must be {', '.join(f'{hours:g}' for hours in INTERVALS)}: {value}"
    if out.why != "bound":
        return f"{out.name} {said(out)}"
    least, most = WITHIN.get(out.name, (bound.least, HIGHEST))
    if out.value > most:
        return f"{out.name} must not be above {most:g}: {value}"
    rule = "must be above" if bound.least_open and bound.least is not None else "must not be below"
    return f"{out.name} {rule} {least:g}: {value}"


def _other_scale(draft: Draft, rows: Mapping[Series, Mapping[int, int]], past: History) -> dict[int, str]:
    """Find prices, and coins beside them, of a file that is in another scale as a whole; each with the reason.

    A file of a venue of which nothing is stored is its own witness, and says nothing of a coin priced by the thousand.
    What is stored of the same asset at another venue does.
    """
    told: dict[tuple[str, str], str] = {}
    for series, places in rows.items():
        venue, asset, name = series
        if name not in _PRICED or (venue, asset) in told:
            continue
        other, known = past.elsewhere(series, min(places), max(places) + 1)
        both = [draft.kept[place].value / known[at] for at, place in places.items() if known.get(at, 0) > 0]
        if len(both) < _OVERLAP or 1 / _OTHER_SCALE < (times := median(both)) < _OTHER_SCALE:
            continue
        reason = f"its prices are {times_said(times)} those of {venue_title(other)} in store: is that another unit?"
        told[venue, asset] = reason
        draft.notes.append(f"{venue} {asset}: {reason}")
    return {
        place: told[row.venue, row.asset]
        for place, row in enumerate(draft.kept)
        if (row.venue, row.asset) in told and INPUTS[row.input].counts
    }


def _wrong_clocks(draft: Draft, rows: Mapping[Series, Mapping[int, int]], past: History) -> dict[int, str]:
    """Find the rows of venues and assets whose times are not those of UTC, each with the reason."""
    told: dict[tuple[str, str], str] = {}
    for series, places in rows.items():
        venue, asset, name = series
        reason = _odd_settlements(sorted(places)) if name == FUNDING else None
        if reason is None and name in _CLOCKED:
            reason = _shifted(series, places, draft.kept, past)
        if reason and (venue, asset) not in told:
            told[venue, asset] = reason
            draft.notes.append(f"{venue} {asset}: {reason}")
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


def _shifted(series: Series, places: Mapping[int, int], kept: Sequence[ImportedValue], past: History) -> str | None:
    """Say by how many hours a series differs from what is stored of it, if the same values stand at other times."""
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
    if best == 0 or agree(best) < _SURE or agree(0) > agree(best) / 2:
        return None
    return (
        f"the times are {abs(best)} h {'later' if best > 0 else 'earlier'} than those of the same {series[2]} "
        "in store; write them in UTC, or with their offset"
    )
