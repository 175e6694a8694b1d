"""What is kept how long: levels thinned as they age, option chains by the hour, settled messages for a month.

Bars, and levels by the hour, are kept for ever unless a limit is set; episodes always are. Work is done in small
transactions, one a step, so that the bot writes in between. What is deleted makes room in the file for what comes: the
file stops growing and does not shrink (`sqlite-utils vacuum FILE`, with the bot stopped, hands the room back).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from signals.units import from_ms, to_ms
from storage.alerts import outbox
from storage.market import rewritten, thinning
from storage.market.thinning import FIVE_MINUTES, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from storage.engine.database import Store

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_ROWS: Final = 500  # deleted in one transaction
_SETTING: Final = "retention"
Kind = Literal["levels", "history", "chains", "messages"]


@dataclass(frozen=True, slots=True)
class Rule:
    """How old something is when less of it is kept.

    minutes: levels as they came, then one row each five minutes; five_minutes: then one each hour. chains: option
    chains as they came, then the last of each hour. messages: settled messages and their notices, then gone. history:
    levels, bars and chains, then gone; None keeps them for ever.
    """

    minutes: timedelta = timedelta(days=3)
    five_minutes: timedelta = timedelta(days=40)
    chains: timedelta = timedelta(days=7)
    messages: timedelta = timedelta(days=30)
    history: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """What one step removed: rows of a kind."""

    kind: Kind
    rows: int


def due(store: Store, now: datetime, every: timedelta = timedelta(days=1)) -> bool:
    """Tell whether the last whole run is at least `every` ago; a clock that was put back does not stop it for good."""
    done = _marks(store).get("done")
    return done is None or not 0 <= to_ms(now) - done < every // timedelta(milliseconds=1)


def clean(store: Store, rule: Rule, now: datetime) -> Iterator[Gone]:
    """Remove what has grown too old, one small transaction a step. Cut off anywhere, the next run goes on from there.

    Each step may run in another thread, one after the other.
    """
    for bucket, age in ((FIVE_MINUTES, rule.minutes), (HOUR, rule.five_minutes)):
        yield from _thin(store, bucket, to_ms(now - age) // _DAY_MS * _DAY_MS)
    yield from _chains(store, to_ms(now - rule.chains) // _DAY_MS * _DAY_MS)
    if rule.history:
        yield from _history(store, to_ms(now - rule.history) // _DAY_MS * _DAY_MS)
    yield from _messages(store, to_ms(now - rule.messages))
    _mark(store, "done", to_ms(now))


def came(store: Store, first: datetime) -> None:
    """Take notice that levels from `first` on were stored late (an import): the next run looks at them again."""
    with store.write():
        for name, until in _marks(store).items():
            if name != "done" and until > to_ms(first):
                _mark(store, name, to_ms(first) // _DAY_MS * _DAY_MS)


# --- levels -----------------------------------------------------------------------------------------------------------


def _thin(store: Store, bucket: timedelta, end: int) -> Iterator[Gone]:
    """Thin what has passed the age since the last run, so that a run costs by the day and not by the history."""
    name = f"levels by {bucket // timedelta(minutes=1)} min"
    begin = _marks(store).get(name, 0)
    for asset, venue, first in store.rows(
        "SELECT asset, venue, min(first) FROM series WHERE step = 0 AND first < ? GROUP BY asset, venue", (end,)
    ):
        start = max(begin, first // _DAY_MS * _DAY_MS)
        for window in thinning.busy(store, asset, venue, bucket, start=start, end=end):
            yield Gone("levels", thinning.thin_window(store, asset, venue, bucket, window))
    if begin < end:
        _mark(store, name, end)


# --- option chains ----------------------------------------------------------------------------------------------------


def _chains(store: Store, end: int) -> Iterator[Gone]:
    """Keep the last chain of each hour. A chain goes in one transaction: half of one would be read as a whole one."""
    begin = _marks(store).get("chains", 0)
    for asset, venue in _chain_series(store):
        kept = _next_chain(store, asset, venue, begin - 1)
        while kept is not None and kept < end:
            following = _next_chain(store, asset, venue, kept)
            if following is not None and following // _HOUR_MS == kept // _HOUR_MS:
                yield Gone("chains", _drop_chain(store, asset, venue, kept))
            kept = following
    if begin < end:
        _mark(store, "chains", end)


def _chain_series(store: Store) -> Iterator[tuple[str, str]]:
    """Go from one to the next by the key: a DISTINCT would read every option ever stored."""
    row: Any = ("", "")
    while row := store.one(
        "SELECT asset, venue FROM options WHERE (asset, venue) > (?, ?) ORDER BY asset, venue LIMIT 1", tuple(row)
    ):
        yield row["asset"], row["venue"]


def _next_chain(store: Store, asset: str, venue: str, after: int) -> int | None:
    row = store.one("SELECT min(at) FROM options WHERE asset = ? AND venue = ? AND at > ?", (asset, venue, after))
    return None if row is None else row[0]


def _drop_chain(store: Store, asset: str, venue: str, at: int) -> int:
    with store.write() as work:
        return work.execute("DELETE FROM options WHERE asset = ? AND venue = ? AND at = ?", (asset, venue, at)).rowcount


# --- history, where a limit is set ------------------------------------------------------------------------------------


def _history(store: Store, end: int) -> Iterator[Gone]:
    """Drop what is older than the limit, the oldest first."""
    for asset, venue, step in store.rows(
        "SELECT DISTINCT asset, venue, step FROM series WHERE first < ? ORDER BY asset, venue, step", (end,)
    ):
        while rows := _drop_oldest(store, asset, venue, step, end):
            yield Gone("history", rows)
    for asset, venue in _chain_series(store):
        at = _next_chain(store, asset, venue, -1)
        while at is not None and at < end:
            yield Gone("chains", _drop_chain(store, asset, venue, at))
            at = _next_chain(store, asset, venue, at)


def _drop_oldest(store: Store, asset: str, venue: str, step: int, end: int) -> int:
    """Drop the oldest rows of a series before `end`, and let the directory begin where the rows do."""
    table = "bars" if step else "levels"
    where = "asset = ? AND venue = ?" + " AND step = ?" * bool(step)
    of = (asset, venue, *([step] if step else []))
    with store.write() as work:
        last = work.execute(
            f"SELECT max(at) FROM (SELECT at FROM {table} WHERE {where} AND at < ? ORDER BY at LIMIT ?)",  # noqa: S608 - our names
            (*of, end, _ROWS),
        ).fetchone()[0]
        if last is None:
            return 0
        gone = work.execute(f"DELETE FROM {table} WHERE {where} AND at <= ?", (*of, last)).rowcount  # noqa: S608 - as above
        rewritten.note(work, asset, venue, first=0, last=last)
        names = work.execute(
            "SELECT input FROM series WHERE asset = ? AND venue = ? AND step = ? AND first <= ?",
            (asset, venue, step, last),
        ).fetchall()
        for (name,) in names:
            first = work.execute(
                f"SELECT at FROM {table} WHERE {where} AND {name} IS NOT NULL ORDER BY at LIMIT 1",  # noqa: S608 - as above
                of,
            ).fetchone()
            key = (asset, name, venue, step)
            if first is None:
                work.execute("DELETE FROM series WHERE asset = ? AND input = ? AND venue = ? AND step = ?", key)
            else:
                work.execute(
                    "UPDATE series SET first = ? WHERE asset = ? AND input = ? AND venue = ? AND step = ?",
                    (first[0], *key),
                )
    return gone


# --- messages ---------------------------------------------------------------------------------------------------------


def _messages(store: Store, end: int) -> Iterator[Gone]:
    """Drop notices that were settled for everybody long ago, with their outbox rows and message ids.

    Those of an episode that still runs stay: its resolution edits the message and must know who was told.
    """
    over = "(episode IS NULL OR episode IN (SELECT id FROM episodes WHERE ended < ?))"
    old = store.rows(
        f"SELECT id FROM notices WHERE at < ? AND {over} AND NOT EXISTS (SELECT 1 FROM outbox WHERE "  # noqa: S608 - our words
        f"notice = notices.id AND ({outbox.LIVE} OR settled >= ?))",
        (end, end, end),
    )
    for row in old:
        while rows := _drop_rows(store, "outbox", "notice = ?", row["id"]):
            yield Gone("messages", rows)
        with store.write() as work:
            work.execute("DELETE FROM notices WHERE id = ?", (row["id"],))
        yield Gone("messages", 1)
    episodes = store.rows(
        "SELECT DISTINCT m.episode FROM messages m JOIN episodes e ON e.id = m.episode WHERE e.ended < ? "
        "AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.episode = m.episode)",
        (end,),
    )
    for row in episodes:
        while rows := _drop_rows(store, "messages", "episode = ?", row["episode"]):
            yield Gone("messages", rows)


def _drop_rows(store: Store, table: str, where: str, number: int) -> int:
    key = "(notice, destination)" if table == "outbox" else "(episode, destination)"
    with store.write() as work:
        return work.execute(
            f"DELETE FROM {table} WHERE {key} IN (SELECT {key[1:-1]} FROM {table} WHERE {where} LIMIT {_ROWS})",  # noqa: S608 - our words
            (number,),
        ).rowcount


# --- how far it has come ----------------------------------------------------------------------------------------------


def _marks(store: Store) -> dict[str, int]:
    row = store.one("SELECT value FROM settings WHERE name = ?", (_SETTING,))
    return json.loads(row["value"]) if row else {}


def _mark(store: Store, name: str, at: int) -> None:
    with store.write() as work:
        marks = _marks(store) | {name: at}
        work.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (_SETTING, json.dumps(marks)))


def last_run(store: Store) -> datetime | None:
    """Return when everything was last looked through; None before the first time."""
    done = _marks(store).get("done")
    return None if done is None else from_ms(done)
