"""What is kept how long: levels thinned as they age, option chains by the hour, settled messages for a month.

Bars, settlements, and levels by the hour, are kept for ever unless a limit is set; episodes always are. Work is done in
small transactions, one a step, so that the bot writes in between. What is deleted makes room in the file for what
comes: the file stops growing and does not shrink (`sqlite-utils vacuum FILE`, with the bot stopped, hands the room
back).

Of the levels of a bucket (five minutes, an hour) a row stays if it carries the last known value of any input there. It
is the rule of the grid, where a level folds to the last value of its row, so an hourly panel is the same before and
after; what is given up is the path within a bucket that nobody judges any more. Thinning to five minutes and then to an
hour is thinning to an hour. The rule is written twice: for rows that are stored, and for a frame before it is stored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from signals.inputs import LEVELS
from signals.units import DAY, DAY_MS, HOUR, HOUR_MS, MINUTE, in_ms, to_ms
from storage.engine import settings
from storage.engine.sql import queries
from storage.market import ends, rewritten
from storage.market.settlements import RATES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from storage.engine.database import Store
    from storage.engine.sql import Query
    from storage.engine.work import Work

SQL: Final = queries("storage.market")
FIVE_MINUTES: Final = 5 * MINUTE
# How much is looked at in one transaction, by bucket: whole hours, some hundred rows, a few milliseconds.
_WINDOW_MS: Final = {FIVE_MINUTES: 3 * HOUR_MS, HOUR: 12 * HOUR_MS}
_ROWS: Final = 500  # deleted in one transaction
_SETTING: Final = "retention"
Kind = Literal["levels", "history", "chains", "messages"]


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How old something is when less of it is kept.

    minutes: levels as they came, then one row each five minutes; five_minutes: then one each hour. chains: option
    chains as they came, then the last of each hour. messages: settled messages and their notices, then gone. history:
    levels, bars and chains, then gone; None keeps them for ever. closed: chats that are closed to the bot, then
    forgotten (storage/people/forgetting.py).
    """

    minutes: timedelta = timedelta(days=3)
    five_minutes: timedelta = timedelta(days=40)
    chains: timedelta = timedelta(days=7)
    messages: timedelta = timedelta(days=30)
    history: timedelta | None = None
    closed: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Gone:
    """What one step removed: rows of a kind."""

    kind: Kind
    rows: int


def due(store: Store, now: datetime, every: timedelta = DAY) -> bool:
    """Tell whether the last whole run is at least `every` ago; a clock that was put back does not stop it for good."""
    done = _marks(store).get("done")
    return done is None or not 0 <= to_ms(now) - done < in_ms(every)


def clean(store: Store, rule: RetentionRule, now: datetime) -> Iterator[Gone]:
    """Remove what has grown too old, one small transaction a step. Cut off anywhere, the next run goes on from there.

    Each step may run in another thread, one after the other.
    """
    for bucket, age in ((FIVE_MINUTES, rule.minutes), (HOUR, rule.five_minutes)):
        yield from _thin(store, bucket, _whole_days(now - age))
    yield from _chains(store, _whole_days(now - rule.chains))
    if rule.history:
        yield from _history(store, _whole_days(now - rule.history))
    yield from _messages(store, to_ms(now - rule.messages))
    _mark(store, "done", to_ms(now))


def came(store: Store, first: datetime) -> None:
    """Take notice that levels from `first` on were stored late (an import): the next run looks at them again."""
    with store.write():
        for name, until in _marks(store).items():
            if name != "done" and until > to_ms(first):
                _mark(store, name, _whole_days(first))


# --- levels -----------------------------------------------------------------------------------------------------------


def hourly(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows that carry the last known value of an input in their hour. See `thinned`."""
    return thinned(frame, HOUR)


def thinned(frame: pd.DataFrame, bucket: timedelta) -> pd.DataFrame:
    """Keep the rows that carry the last known value of an input in their bucket.

    frame: index in UTC, ascending, columns inputs that hold at an instant; NaN is not known and keeps no row.
    """
    parts = pd.DatetimeIndex(frame.index).as_unit("ms").asi8 // in_ms(bucket)
    keep = np.zeros(len(frame), dtype=bool)
    for name in frame.columns:
        known = np.flatnonzero(frame[name].notna().to_numpy())
        keep[known[np.append(np.diff(parts[known]) != 0, [True] * bool(len(known))).astype(bool)]] = True
    return frame.loc[keep]


def busy(store: Store, asset: str, venue: str, bucket: timedelta, *, start: int, end: int) -> list[int]:
    """Return the windows (ms, of the length that one transaction takes) with rows to spare."""
    window = _WINDOW_MS[bucket]
    rows = store.read_plain(
        SQL.busy_windows, asset=asset, venue=venue, start=start, end=end, window=window, bucket=in_ms(bucket)
    )
    return [part * window for (part,) in rows]


def thin_window(store: Store, asset: str, venue: str, bucket: timedelta, start: int) -> int:
    """Thin one window that `busy` named, in one transaction; return how many rows went."""
    end = start + _WINDOW_MS[bucket]
    with store.write() as work:
        gone = work.run(
            SQL.thin_levels.filled(levels=", ".join(LEVELS)),
            asset=asset,
            venue=venue,
            start=start,
            end=end,
            bucket=in_ms(bucket),
        )
        if gone:
            # The directory says where each input begins; its end is a last value, which stays.
            rewritten.alone(work)
            begun = work.rows(SQL.levels_begun, asset=asset, venue=venue, start=start, end=end)
            for row in begun:
                _begin_anew(work, asset, venue, 0, row["input"])
    return gone


def thin(store: Store, asset: str, venue: str, *, before: datetime, bucket: timedelta = HOUR) -> int:
    """Thin the stored levels of whole days before a time; return how many rows went. A second time changes nothing."""
    windows = busy(store, asset, venue, bucket, start=0, end=_whole_days(before))
    return sum(thin_window(store, asset, venue, bucket, start) for start in windows)


def _thin(store: Store, bucket: timedelta, end: int) -> Iterator[Gone]:
    """Thin what has passed the age since the last run, so that a run costs by the day and not by the history."""
    name = f"levels by {bucket // MINUTE} min"
    begin = _marks(store).get(name, 0)
    for asset, venue, first in store.read_plain(SQL.levels_before, end=end):
        start = max(begin, first // DAY_MS * DAY_MS)
        for window in busy(store, asset, venue, bucket, start=start, end=end):
            yield Gone("levels", thin_window(store, asset, venue, bucket, window))
    if begin < end:
        _mark(store, name, end)


def _begin_anew(work: Work, asset: str, venue: str, step: int, name: str) -> None:
    """Let the directory begin where the rows of an input do, alone; drop it from there if there is none left."""
    query = SQL.first_bar if step else SQL.first_rate if name in RATES else SQL.first_level
    key = {"asset": asset, "venue": venue, "step": step}
    row = work.one(query.filled(name=name), **key)
    if row is None or row["at"] is None:
        ends.leave(work, asset, venue, step, name)
        work.run(SQL.drop_series, input=name, **key)
    else:
        work.run(SQL.begin_series, input=name, first=row["at"], **key)


def _whole_days(at: datetime) -> int:
    """Return the midnight (ms) at or before a time."""
    return to_ms(at) // DAY_MS * DAY_MS


# --- option chains ----------------------------------------------------------------------------------------------------


def _chains(store: Store, end: int) -> Iterator[Gone]:
    """Keep the last chain of each hour. A chain goes in one transaction: half of one would be read as a whole one."""
    begin = _marks(store).get("chains", 0)
    for asset, venue in _chain_series(store):
        kept = _next_chain(store, asset, venue, begin - 1)
        while kept is not None and kept < end:
            following = _next_chain(store, asset, venue, kept)
            if following is not None and following // HOUR_MS == kept // HOUR_MS:
                yield Gone("chains", _drop_chain(store, asset, venue, kept))
            kept = following
    if begin < end:
        _mark(store, "chains", end)


def _chain_series(store: Store) -> Iterator[tuple[str, str]]:
    """Go from one to the next by the key: a DISTINCT would read every option ever stored."""
    asset = venue = ""
    while row := store.read_one(SQL.next_chain_series, asset=asset, venue=venue):
        asset, venue = row["asset"], row["venue"]
        yield asset, venue


def _next_chain(store: Store, asset: str, venue: str, after: int) -> int | None:
    row = store.read_one(SQL.next_chain, asset=asset, venue=venue, after=after)
    return None if row is None else row["at"]


def _drop_chain(store: Store, asset: str, venue: str, at: int) -> int:
    with store.write() as work:
        return work.run(SQL.drop_chain, asset=asset, venue=venue, at=at)


# --- history, where a limit is set ------------------------------------------------------------------------------------


def _history(store: Store, end: int) -> Iterator[Gone]:
    """Drop what is older than the limit, the oldest first."""
    if rows := store.drop_before(end):
        yield Gone("history", rows)
    for asset, venue, step in store.read_plain(SQL.series_before, end=end):
        tables = ("bars",) if step else ("levels", "settlements")
        for table in tables:
            while rows := _drop_oldest(store, table, asset, venue, step, end):
                yield Gone("history", rows)
    for asset, venue in _chain_series(store):
        at = _next_chain(store, asset, venue, -1)
        while at is not None and at < end:
            yield Gone("chains", _drop_chain(store, asset, venue, at))
            at = _next_chain(store, asset, venue, at)


_OLDEST: Final = {  # of each table: the last of its oldest rows, and how they go
    "bars": (SQL.oldest_bars, SQL.drop_oldest_bars),
    "levels": (SQL.oldest_levels, SQL.drop_oldest_levels),
    "settlements": (SQL.oldest_settlements, SQL.drop_oldest_settlements),
}


def _drop_oldest(store: Store, table: str, asset: str, venue: str, step: int, end: int) -> int:
    """Drop the oldest rows of a series before `end`, and let the directory begin where the rows do."""
    find, drop = _OLDEST[table]
    key = {"asset": asset, "venue": venue} | ({"step": step} if step else {})
    with store.write() as work:
        row = work.one(find, **key, end=end, most=_ROWS)
        gone, last = 0, end - 1  # where none is left, the directory may still begin with those that went before
        if row is not None and row["last"] is not None:
            last = row["last"]
            gone = work.run(drop, **key, last=last)
        rewritten.alone(work)
        begun = work.rows(SQL.series_begun, asset=asset, venue=venue, step=step, last=last)
        if gone or begun:
            rewritten.note(work, asset, venue, first=0, last=last)
        for one in begun:
            _begin_anew(work, asset, venue, step, one["input"])
    return gone


# --- messages ---------------------------------------------------------------------------------------------------------


def _messages(store: Store, end: int) -> Iterator[Gone]:
    """Drop notices that were settled for everybody long ago, with their outbox rows and message ids.

    Those of an episode that still runs stay: its resolution edits the message and must know who was told.
    """
    for (notice,) in store.read_plain(SQL.old_notices, end=end):
        yield from _portions(store, SQL.drop_old_outbox, notice=notice)
        with store.write() as work:
            work.run(SQL.drop_old_notice, notice=notice)
        yield Gone("messages", 1)
    for (episode,) in store.read_plain(SQL.episodes_without_notices, end=end):
        yield from _portions(store, SQL.drop_old_messages, episode=episode)


def _portions(store: Store, query: Query, **key: int) -> Iterator[Gone]:
    """Delete what a query finds, so much in one transaction."""
    while True:
        with store.write() as work:
            rows = work.run(query, **key, most=_ROWS)
        if not rows:
            return
        yield Gone("messages", rows)


# --- how far it has come ----------------------------------------------------------------------------------------------


def _marks(store: Store) -> dict[str, int]:
    kept = settings.setting(store, _SETTING)
    return json.loads(kept) if kept else {}


def _mark(store: Store, name: str, at: int) -> None:
    with store.write() as work:
        settings.keep_setting(work, _SETTING, json.dumps(_marks(store) | {name: at}))
