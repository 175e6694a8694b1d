"""How long it takes to write to 100,000 chats: an alert, and what an owner announces.

Written is the notice with all it goes to, one transaction with its commit; the announcement leaves out who has muted
everything. What whoever sends does beside sending, one row for each chat in parts, is measured with it: `and its
rows`. Beside them stands the same number of the same rows, made beforehand and written bare into a table without a
second index.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from signals.units import to_ms
from storage.alerts import announcing, outbox
from storage.alerts.sending import spreading
from storage.engine.database import Store
from storage.people import destinations
from storage.people.switches import Switch, mute

if TYPE_CHECKING:
    from collections.abc import Callable

CHATS, ROUNDS, GOAL = 100_000, 5, 0.5
NOW = datetime(2026, 1, 15, tzinfo=UTC)
CODE = "abcdef"


def fill(store: Store) -> None:
    """Subscribe chats to everything; one of them has muted it."""
    with store.write():
        for number in range(CHATS):
            platform = "discord" if number % 3 == 0 else "telegram"
            place = destinations.ensure(store, platform, str(10**9 + number), None, kind="private", title=None, now=NOW)
            destinations.subscribe(store, place.id, "*", "*")
        mute(store, place.id, [Switch("mute")], now=NOW)


def alert(store: Store) -> int:
    """Write an alert."""
    with store.write() as work:
        notice = outbox.Notice("fired", "critical", NOW, {}, rule="oi_drawdown", asset="BTC")
        return outbox.announce(work, notice, now=NOW, expires=NOW + timedelta(days=1))


def announcement(store: Store) -> int:
    """Write what an owner announces."""
    return announcing.send(store, CODE, now=NOW) or 0


def bare(path: Path) -> float:
    """Write the same rows and nothing else; return seconds."""
    now = to_ms(NOW)
    rows = [(1, number, f"{number:016x}", 30, now, now, "queued", now) for number in range(CHATS)]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, a, b, c, d, e, f, g, h)")
        connection.commit()
        began = time.perf_counter()
        connection.executemany("INSERT INTO rows (a, b, c, d, e, f, g, h) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
        return time.perf_counter() - began


def seconds(work: Callable[[Store], int], store: Store) -> tuple[float, float]:
    """Return how long it takes, in a file without rows: until it is written, and until its rows are."""
    announcing.write(store, "Back at 18:00 UTC.", CODE, now=NOW)
    began = time.perf_counter()
    written = work(store)
    took = time.perf_counter() - began
    assert written >= CHATS - 1, written
    while True:
        with store.write() as unit:
            if not spreading.one(unit):
                break
    rows = time.perf_counter() - began
    with store.write() as unit:
        unit.connection.execute("DELETE FROM outbox")
    store.purge()
    return took, rows


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "perpulse.db")
        fill(store)
        names = ("an alert", "an announcement")
        found: dict[str, list[float]] = {name: [] for one in names for name in (one, f"{one} and its rows")} | {
            "rows alone": []
        }
        for turn in range(ROUNDS):
            for name, write in zip(names, (alert, announcement), strict=True):
                written, rows = seconds(write, store)
                found[name].append(written)
                found[f"{name} and its rows"].append(rows)
            found["rows alone"].append(bare(Path(folder) / f"bare-{turn}.db"))
        began = time.perf_counter()
        assert announcing.audience(store, now=NOW).muted == 1
        shown = time.perf_counter() - began
        store.close()
    middle = {name: statistics.median(values) for name, values in found.items()}
    for name, values in found.items():
        print(f"{name:<28} to {CHATS:,} chats: {middle[name]:.2f} s (least {min(values):.2f}; goal {GOAL} s)")
    print(f"who would get it, counted: {shown:.2f} s")
    for name in names:
        ratio = middle[f"{name} and its rows"] / middle["rows alone"]
        print(f"ratio | {name} to 100,000, and its rows / the rows alone | {ratio:.2f} | < 7 |")
        print(f"ratio | {name} to 100,000 / 0.5 s | {middle[name] / GOAL:.2f} | < 1 | {middle[name]:.2f} s")


if __name__ == "__main__":
    main()
