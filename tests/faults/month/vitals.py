"""What a day of a month leaves behind, and what is called constant: the numbers stand here before anything is measured.

Day SETTLED is the first of which something is asked: by then the short retention of the month holds as many figures of
minutes as it ever will, and as many messages, which it keeps for seven days. Rows go on growing by what is kept for
ever, a figure an hour and each episode, so of the database it is asked how much of it a row takes.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sqlite3
import threading
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from types import FunctionType
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

SETTLED: Final = 8  # the first day that counts
SPAN: Final = 5  # evenings of which the least is what stays: connections that idle, and whoever uses them, come and go
SLOPE_MB: Final = 0.5  # a day, of memory, from then on: 15 MB a month
GROWTH: Final = 0.05  # of memory, from then to the end
OBJECTS: Final = 0.03  # of what the collector knows, from then to the end
TASKS, THREADS, DESCRIPTORS, FILES = 2, 1, 3, 0  # more at the end than then
BYTES_A_ROW: Final = 1.2  # times as many as then
WAL_MB: Final = 36.0  # whenever it is looked at: it is moved into the file when it has grown to 32 MB
_OF_FAKES: Final = "RequestHandler.start"  # a task of aiohttp's server for each connection
_POOL: Final = "asyncio_"  # threads of a loop's pool: it makes them up to its bound when the machine is busy


@dataclass(frozen=True)
class Day:
    """One evening. Memory, database and its log in MB; rows: of all tables; objects: that the collector knows.

    held_mb: memory without what the allocator keeps for later. threads: without the loop's pool, which has a bound.
    descriptors: without the fakes' ends of connections.
    """

    day: int
    memory_mb: float
    held_mb: float
    tasks: int
    threads: int
    descriptors: int
    files: int
    database_mb: float
    wal_mb: float
    rows: int
    objects: int
    lives: int
    messages: int

    @property
    def of_a_row(self) -> float:
        """Return the bytes of the file for each row."""
        return self.database_mb * 2**20 / self.rows

    def row(self) -> str:
        """Return the row of a table."""
        values = (getattr(self, field.name) for field in fields(self))
        return f"| {' | '.join(f'{value:,.1f}' if isinstance(value, float) else f'{value:,}' for value in values)} |"


def head() -> str:
    """Return the head of the table, with the line below it."""
    names = [field.name.replace("_mb", " MB") for field in fields(Day)]
    return f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"


def measured(
    day: int, data: Path, *, lives: int, messages: int, fakes: Collection[int] = ()
) -> tuple[Day, Counter[str]]:
    """Look at this process and at the folder of its data; with what the collector knows, by type.

    fakes: the ports of those that stand for the world.
    """
    gc.unfreeze()
    gc.collect()
    known = Counter(map(_kind_of, gc.get_objects()))
    process, database = psutil.Process(), data / "perpulse.db"
    memory = process.memory_info().rss
    _give_back()
    tasks = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
    wal = database.with_name("perpulse.db-wal")
    return Day(
        day=day,
        memory_mb=memory / 2**20,
        held_mb=process.memory_info().rss / 2**20,
        tasks=sum(name != _OF_FAKES for name in tasks),
        threads=sum(not thread.name.startswith(_POOL) for thread in threading.enumerate()),
        descriptors=process.num_fds() - sum(one.laddr.port in fakes for one in process.net_connections("tcp")),
        files=sum(path.is_file() for path in data.rglob("*")),
        database_mb=database.stat().st_size / 2**20,
        wal_mb=wal.stat().st_size / 2**20 if wal.exists() else 0.0,
        rows=_rows(database),
        objects=known.total(),
        lives=lives,
        messages=messages,
    ), known


def _kind_of(one: object) -> str:
    """Return the type of an object; of a closure its own name, since one that stays says who keeps it.

    The names of all functions would be ten megabytes of what is measured here.
    """
    if isinstance(one, FunctionType) and one.__closure__:
        return f"{one.__module__}.{one.__qualname__}"
    return f"{type(one).__module__}.{type(one).__qualname__}"


def _give_back() -> None:
    """Have the allocator give back what it keeps for later, where it can."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _rows(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as file:
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return sum(file.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)  # noqa: S608 - of our own tables


def slope(values: Sequence[float]) -> float:
    """Return by how much values rise from one to the next, by least squares; 0 where there are fewer than two."""
    count = len(values)
    if count < 2:
        return 0.0
    middle, mean = (count - 1) / 2, sum(values) / count
    spread = sum((place - middle) ** 2 for place in range(count))
    return sum((place - middle) * (value - mean) for place, value in enumerate(values)) / spread


def kept_back(days: Sequence[Day], name: str) -> tuple[int, int]:
    """Return what stays of something on evenings of which each sees some that comes and goes: then, and at the end."""
    counts = [getattr(day, name) for day in days if day.day >= min(SETTLED, days[-1].day)]
    return min(counts[:SPAN]), min(counts[-SPAN:])


def not_constant(days: Sequence[Day]) -> list[str]:
    """Return in words what grew from day SETTLED on; nothing is asked of a month that ends before."""
    counted = [day for day in days if day.day >= SETTLED]
    if len(counted) < 2:
        return []
    then, end = counted[0], counted[-1]
    rises = slope([day.memory_mb for day in counted])
    found = [
        (rises < SLOPE_MB, f"memory rises by {rises:.2f} MB a day"),
        (
            end.memory_mb <= then.memory_mb * (1 + GROWTH),
            f"memory grew from {then.memory_mb:.0f} to {end.memory_mb:.0f} MB",
        ),
        (end.objects <= then.objects * (1 + OBJECTS), f"objects grew from {then.objects:,} to {end.objects:,}"),
        *_stayed(days),
        (end.files <= then.files + FILES, f"{then.files} files became {end.files}"),
        (end.of_a_row <= BYTES_A_ROW * then.of_a_row, f"{then.of_a_row:.0f} bytes a row became {end.of_a_row:.0f}"),
        (max(day.wal_mb for day in days) <= WAL_MB, "the log of the database is long"),
    ]
    return [said for kept, said in found if not kept]


def _stayed(days: Sequence[Day]) -> Iterator[tuple[bool, str]]:
    for name, more in (("tasks", TASKS), ("threads", THREADS), ("descriptors", DESCRIPTORS)):
        then, end = kept_back(days, name)
        yield end <= then + more, f"{then} {name} became {end}"
