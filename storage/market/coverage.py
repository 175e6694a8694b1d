"""What history there is and what is missing: files of an archive that were read, and gaps that nobody can fill.

A gap is a fact of its own, never an absence to be guessed from rows: windows and base rates that touch one say so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from signals.inputs import INPUTS
from signals.units import from_ms, to_ms
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from storage.engine.database import Store

State = Literal["read", "missing", "damaged"]
_FIRST_FIGURE: Final = timedelta(hours=12)
_HOUR_MS: Final = 3_600_000
_SETTLING_MS: Final = 300_000  # a settlement is published within so much of its hour, and has no mark price beside it
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
class Gap:
    """A stretch [start, end) of one group of inputs (bars, open_interest, ...) that has no values, and why."""

    asset: str
    venue: str
    group: str
    start: datetime
    end: datetime
    reason: str


def remember(store: Store, file: ArchiveFile) -> None:
    """Note what became of a file. Inside the transaction that stores its points, so that both are true or neither."""
    with store.write() as work:
        work.execute(
            "INSERT OR REPLACE INTO archive_files (path, state, checksum, row_count, asked) VALUES (?, ?, ?, ?, ?)",
            (file.path, file.state, file.checksum, file.rows, to_ms(file.asked)),
        )


def files(store: Store, prefix: str = "") -> dict[str, ArchiveFile]:
    """Return every file that was asked for, by path; with `prefix`, those whose path begins so."""
    found = store.rows(
        "SELECT path, state, checksum, row_count, asked FROM archive_files WHERE substr(path, 1, ?) = ?",
        (len(prefix), prefix),
    )
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
        work.executemany(
            "DELETE FROM gaps WHERE asset = ? AND venue = ? AND input_group = ? AND start >= ? AND start < ?",
            [(asset, venue, group, to_ms(start), to_ms(end)) for group in groups],
        )
        work.executemany(
            "INSERT OR REPLACE INTO gaps (asset, venue, input_group, start, until, reason) VALUES (?, ?, ?, ?, ?, ?)",
            [(each.asset, each.venue, each.group, to_ms(each.start), to_ms(each.end), each.reason) for each in gaps],
        )


def forget_before(store: Store, asset: str, venue: str, at: datetime) -> None:
    """Drop gaps that lie before an instrument was listed: what never existed is not missing.

    Neither is the way from the listing to the first settlement or measurement, which may be half a day.
    """
    with store.write() as work:
        work.execute(
            "DELETE FROM gaps WHERE asset = ? AND venue = ? AND start < ? AND until <= ?",
            (asset, venue, to_ms(at), to_ms(at + _FIRST_FIGURE)),
        )
        work.execute(
            "UPDATE OR REPLACE gaps SET start = ? WHERE asset = ? AND venue = ? AND start < ?",
            (to_ms(at), asset, venue, to_ms(at)),
        )


def gaps(
    store: Store, asset: str, *, venue: str | None = None, group: str | None = None, since: datetime | None = None
) -> list[Gap]:
    """Return the known gaps of an asset by group and time; those that touch and have one reason are one gap."""
    found = store.rows(
        "SELECT asset, venue, input_group, start, until, reason FROM gaps WHERE asset = ? "
        "AND (? IS NULL OR venue = ?) AND (? IS NULL OR input_group = ?) AND until > ? "
        "ORDER BY venue, input_group, start",
        (asset, venue, venue, group, group, to_ms(since) if since else 0),
    )
    merged: list[Gap] = []
    for row in found:
        each = Gap(asset, row["venue"], row["input_group"], from_ms(row["start"]), from_ms(row["until"]), row["reason"])
        last = merged[-1] if merged else None
        if last and last.end >= each.start and replace(last, start=each.start, end=each.end) == each:
            merged[-1] = replace(last, end=max(last.end, each.end))
        else:
            merged.append(each)
    return merged


def heal(store: Store, asset: str, venue: str) -> int:
    """Take out of the gaps the hours that another source has brought meanwhile; return how many gaps changed.

    A gap within an hour stays: the hour is known, its five minutes are not.
    """
    changed = 0
    with store.write() as work:
        for gap in gaps(store, asset, venue=venue):
            if gap.group not in {*_SPEAKS, "funding"} or gap.end - gap.start < timedelta(hours=1):
                continue
            left = _unsettled(store, gap) if gap.group == "funding" else _unknown_hours(store, gap)
            if left == [gap]:
                continue
            changed += 1
            work.execute(
                "DELETE FROM gaps WHERE asset = ? AND venue = ? AND input_group = ? AND start >= ? AND until <= ?",
                (asset, venue, gap.group, to_ms(gap.start), to_ms(gap.end)),
            )
            replace_gaps(store, asset, venue, (), start=gap.start, end=gap.end, gaps=left)
    return changed


def _unknown_hours(store: Store, gap: Gap) -> list[Gap]:
    name = _SPEAKS[gap.group]
    bar = INPUTS[name].kind == "bar"
    moment = timedelta(milliseconds=1)
    reach = (gap.start, gap.end) if bar else (gap.start + moment, gap.end + moment)  # a level is known at its time
    times, _, values = points.columns(store, gap.asset, gap.venue, [name], start=reach[0], end=reach[1])
    known = {
        (at if bar else at - 1) // _HOUR_MS for at, value in zip(times, values[name], strict=True) if value is not None
    }
    left: list[Gap] = []
    for hour in range(to_ms(gap.start) // _HOUR_MS, -(-to_ms(gap.end) // _HOUR_MS)):
        if hour in known:
            continue
        start = max(from_ms(hour * _HOUR_MS), gap.start)
        end = min(from_ms((hour + 1) * _HOUR_MS), gap.end)
        if left and left[-1].end == start:
            left[-1] = replace(left[-1], end=end)
        else:
            left.append(replace(gap, start=start, end=end))
    return left


def _unsettled(store: Store, gap: Gap) -> list[Gap]:
    """Return the stretches of a gap in which a settlement was due and none is known, as the archive's reader tells."""
    rows = store.rows(
        "SELECT at, funding_interval_hours AS hours FROM levels WHERE asset = ? AND venue = ? AND at >= ? AND at <= ? "
        "AND funding_rate IS NOT NULL AND mark_price IS NULL AND at % ? < ? ORDER BY at",
        (gap.asset, gap.venue, to_ms(gap.start), to_ms(gap.end) + _SETTLING_MS, _HOUR_MS, _SETTLING_MS),
    )
    found = [(from_ms(row["at"]), min(row["hours"] or _LONGEST, _LONGEST)) for row in rows]
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
        each.first
        for each in points.stored(store, asset, "close")
        if each.venue == venue and each.step == int(step.total_seconds())
    ]
    return from_ms(min(found)) if found else None
