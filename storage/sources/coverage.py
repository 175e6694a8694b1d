"""What history there is and what is missing: files that were read, gaps that nobody can fill, pasts that are owed.

A gap is a fact of its own, never an absence to be guessed from rows: windows and base rates that touch one say so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from signals.inputs import INPUTS
from signals.units import HOUR, HOUR_MS, MINUTE_MS, from_ms, to_ms
from storage.engine import settings
from storage.engine.sql import queries
from storage.market import points, settlements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from storage.engine.database import Store

SQL: Final = queries("storage.sources")
State = Literal["read", "missing", "damaged"]
Debt: TypeAlias = "tuple[str, str, str]"  # venue, topic, asset
_REACH: Final = "reach of "  # before venue and topic: how far back it gives
_TAKEN: Final = "taken "  # before asset, venue, input and begin
_FIRST_FIGURE: Final = timedelta(hours=12)
_LATE_MS: Final = 5 * MINUTE_MS  # a settlement is published within so much of its hour
_LONGEST: Final = 8.0  # hours between two settlements; where a source tells more, one between them is missing
_SPEAKS: Final = {  # whose values say that a group is known
    "bars": "close",
    "open_interest": "open_interest_coin",
    "long_short": "long_short_accounts",
    "depth_bids": "depth_bids_usd",
    "depth_asks": "depth_asks_usd",
}


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """What became of one file of an archive. checksum: of the content that was stored; None unless it was read."""

    path: str
    state: State
    checksum: str | None
    rows: int
    asked: datetime


@dataclass(frozen=True, slots=True)
class Granted:
    """How far back a venue answered a topic when it had refused to go further, and when that was."""

    span: timedelta
    at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch [start, end) of one group of inputs (bars, open_interest, ...) that has no values, and why."""

    asset: str
    venue: str
    group: str
    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What was kept in [start, end) though it is unlikely, since whoever imported it said that it is true.

    count: figures, or beginnings of what goes on after them.
    """

    venue: str
    asset: str
    name: str
    start: datetime
    end: datetime
    count: int


def take(store: Store, every: Iterable[Taken]) -> None:
    """Note what was kept on somebody's word, inside the transaction that stores it."""
    with store.write() as work:
        for one in sorted(every, key=lambda taken: (taken.asset, taken.venue, taken.name, taken.start)):
            name = f"{_TAKEN}{one.asset} {one.venue} {one.name} {to_ms(one.start)}"
            settings.keep_setting(work, name, f"{to_ms(one.end)} {one.count}")


def taken(store: Store, asset: str) -> tuple[Taken, ...]:
    """Return what of an asset was kept on somebody's word, oldest first."""
    found = []
    for name, value in settings.settings_of(store, f"{_TAKEN}{asset} ").items():
        venue, what, start = name.split(" ")
        end, count = value.split(" ")
        found.append(Taken(venue, asset, what, from_ms(int(start)), from_ms(int(end)), int(count)))
    return tuple(sorted(found, key=lambda one: (one.start, one.venue, one.name)))


def remember(store: Store, file: ArchiveFile) -> None:
    """Note what became of a file. Inside the transaction that stores its points, so that both are true or neither."""
    with store.write() as work:
        work.run(
            SQL.keep_archive_file,
            path=file.path,
            state=file.state,
            checksum=file.checksum,
            rows=file.rows,
            asked=to_ms(file.asked),
        )


def files(store: Store, prefix: str = "") -> dict[str, ArchiveFile]:
    """Return every file that was asked for, by path; with `prefix`, those whose path begins so."""
    found = store.read(SQL.archive_files, prefix=prefix)
    return {
        row["path"]: ArchiveFile(row["path"], row["state"], row["checksum"], row["row_count"], from_ms(row["asked"]))
        for row in found
    }


def replace_gaps(
    store: Store,
    asset: str,
    venue: str,
    groups: Sequence[str],
    *,
    start: datetime,
    end: datetime,
    gaps: Iterable[Gap],
) -> None:
    """Put the gaps found in [start, end) in the place of those known there: a file that was re-issued heals them."""
    with store.write() as work:
        for group in groups:
            work.run(SQL.drop_gaps, asset=asset, venue=venue, group=group, start=to_ms(start), end=to_ms(end))
        work.many(
            SQL.keep_gap,
            [
                {
                    "asset": gap.asset,
                    "venue": gap.venue,
                    "group": gap.group,
                    "start": to_ms(gap.start),
                    "end": to_ms(gap.end),
                    "reason": gap.reason,
                }
                for gap in gaps
            ],
        )


def forget_before(store: Store, asset: str, venue: str, at: datetime) -> None:
    """Drop gaps that lie before an instrument was listed: what never existed is not missing.

    Neither is the way from the listing to the first settlement or measurement, which may be half a day.
    """
    with store.write() as work:
        begin = to_ms(at)
        work.run(SQL.drop_gaps_before, asset=asset, venue=venue, at=begin, first=to_ms(at + _FIRST_FIGURE))
        work.run(SQL.drop_gaps_begun, asset=asset, venue=venue, at=begin)
        work.run(SQL.begin_gaps, asset=asset, venue=venue, at=begin)


def gaps(
    store: Store, asset: str, *, venue: str | None = None, group: str | None = None, since: datetime | None = None
) -> list[Gap]:
    """Return the known gaps of an asset by group and time; those that touch and have one reason are one gap."""
    found = store.read(SQL.gaps, asset=asset, venue=venue, group=group, since=to_ms(since) if since else 0)
    merged: list[Gap] = []
    for row in found:
        gap = Gap(asset, row["venue"], row["input_group"], from_ms(row["start"]), from_ms(row["until"]), row["reason"])
        last = merged[-1] if merged else None
        if last and last.end >= gap.start and replace(last, start=gap.start, end=gap.end) == gap:
            merged[-1] = replace(last, end=max(last.end, gap.end))
        else:
            merged.append(gap)
    return merged


def heal(store: Store, asset: str, venue: str) -> int:
    """Take out of the gaps the hours that another source has brought meanwhile; return how many gaps changed.

    A gap within an hour stays: the hour is known, its five minutes are not.
    """
    changed = 0
    with store.write() as work:
        for gap in gaps(store, asset, venue=venue):
            if gap.group not in {*_SPEAKS, "funding"} or gap.end - gap.start < HOUR:
                continue
            left = _unsettled(store, gap) if gap.group == "funding" else _unknown_hours(store, gap)
            if left == [gap]:
                continue
            changed += 1
            span = {"start": to_ms(gap.start), "end": to_ms(gap.end)}
            work.run(SQL.drop_gaps_within, asset=asset, venue=venue, group=gap.group, **span)
            replace_gaps(store, asset, venue, (), start=gap.start, end=gap.end, gaps=left)
    return changed


def _unknown_hours(store: Store, gap: Gap) -> list[Gap]:
    name = _SPEAKS[gap.group]
    bar = INPUTS[name].kind == "bar"
    moment = timedelta(milliseconds=1)
    reach = (gap.start, gap.end) if bar else (gap.start + moment, gap.end + moment)  # a level is known at its time
    times, _, values = points.columns(store, gap.asset, gap.venue, [name], start=reach[0], end=reach[1])
    known = {
        (at if bar else at - 1) // HOUR_MS for at, value in zip(times, values[name], strict=True) if value is not None
    }
    left: list[Gap] = []
    for hour in range(to_ms(gap.start) // HOUR_MS, -(-to_ms(gap.end) // HOUR_MS)):
        if hour in known:
            continue
        start = max(from_ms(hour * HOUR_MS), gap.start)
        end = min(from_ms((hour + 1) * HOUR_MS), gap.end)
        if left and left[-1].end == start:
            left[-1] = replace(left[-1], end=end)
        else:
            left.append(replace(gap, start=start, end=end))
    return left


def _unsettled(store: Store, gap: Gap) -> list[Gap]:
    """Return the stretches of a gap in which a settlement was due and none is known, as the archive's reader tells."""
    end = to_ms(gap.end) + _LATE_MS + 1
    rows = settlements.within(store, gap.asset, gap.venue, start=to_ms(gap.start), end=end)
    found = [(from_ms(row.at), min(row.hours or _LONGEST, _LONGEST)) for row in rows]
    left, last = [], gap.start
    for at, hours in [*found, (gap.end, max((hours for _, hours in found), default=_LONGEST))]:
        if at - last > timedelta(hours=hours * 1.5):
            left.append(replace(gap, start=last, end=min(at, gap.end)))
        last = max(last, at)
    return left


def since(store: Store, asset: str, name: str) -> datetime | None:
    """Return from when an input is known (a bar: its opening time); None while there is no value of it."""
    span = points.span(store, asset, name)
    return span[0] if span else None


def first_bar(store: Store, asset: str, venue: str, step: timedelta) -> datetime | None:
    """Return the opening time of the first bar of this length; None if there is none."""
    found = [
        series.first
        for series in points.stored(store, asset, "close")
        if series.venue == venue and series.step == int(step.total_seconds())
    ]
    return from_ms(min(found)) if found else None


def owed(store: Store) -> dict[Debt, datetime]:
    """Return the pasts that were put off: what a venue is still to be asked for, and from when on."""
    return {(row["venue"], row["topic"], row["asset"]): from_ms(row["since"]) for row in store.read(SQL.owed)}


def owed_since(store: Store, before: datetime) -> dict[str, datetime | None]:
    """Return by asset from when on a past is owed, assets left out of which none from before a time is.

    None where the topic of each such past is in trouble: nobody can tell when it answers again.
    """
    rows = store.read(SQL.owed_since, before=to_ms(before))
    return {row["asset"]: None if row["since"] is None else from_ms(row["since"]) for row in rows}


def note_owed(store: Store, changes: Mapping[Debt, datetime | None]) -> None:
    """Write what is owed anew and what no more (None); inside the transaction that stores what was answered."""
    if not changes:
        return
    with store.write() as work:
        # In one order, so that nobody waits in a circle; those beside each other at once, since at first all are owed.
        for given, some in groupby(sorted(changes.items()), key=lambda change: change[1] is not None):
            if given:
                rows = ((*debt, to_ms(since)) for debt, since in some if since is not None)
                work.table(SQL.keep_owed, ("venue", "topic", "asset", "since"), rows)
            else:
                work.table(SQL.drop_owed, ("venue", "topic", "asset"), (debt for debt, _ in some))


def reaches(store: Store) -> dict[tuple[str, str], Granted]:
    """Return how far back venues gave what they had refused to give further back, by venue and topic."""
    found: dict[tuple[str, str], Granted] = {}
    for about, kept in settings.settings_of(store, _REACH).items():
        venue, _, topic = about.rpartition(" ")
        seconds, at = kept.split()
        found[venue, topic] = Granted(timedelta(seconds=int(seconds)), from_ms(int(at)))
    return found


def note_reaches(store: Store, found: Mapping[tuple[str, str], Granted]) -> None:
    """Keep how far back venues give; inside the transaction that stores what they gave."""
    if not found:
        return
    with store.write() as work:
        for (venue, topic), reach in sorted(found.items()):
            kept = f"{reach.span.total_seconds():.0f} {to_ms(reach.at)}"
            settings.keep_setting(work, f"{_REACH}{venue} {topic}", kept)
