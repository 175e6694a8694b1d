"""Moving everything from a file to a server, or back: table by table, a page at a time, and compared in the end.

How far it has come is kept in the target, in the transaction that writes the page: stopped anywhere, it goes on there.
Until it is whole the target is nobody's database, and a bot that is started on it says so.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from storage.engine import settings
from storage.engine.database import Store, StoreError
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.engine.sqlite.file import Shape

SQL: Final = queries("storage.engine")
_MARK: Final = "moving"
_PAGE: Final = 5000
_SETTINGS: Final = "settings"  # the one table in which the target has a row of its own meanwhile


@dataclass(frozen=True, slots=True)
class MovedTable:
    """A table that is in the target: how many rows it has, and the checksum of all of them."""

    table: str
    rows: int
    checksum: str


def unfinished(store: Store) -> str | None:
    """Return from where everything is being moved into a database; None where it is whole."""
    kept = settings.setting(store, _MARK)
    return None if kept is None else str(json.loads(kept)["from"])


def move(source: Store, target: Store) -> Iterator[MovedTable]:
    """Move everything and yield each table when it is in the target and was compared.

    StoreError, with what to do, where the target holds something else, where one of the two cannot be used, or where
    the source has changed while it was moved.
    """
    file = source.file or target.file
    if file is None or (source.file and target.file):
        raise StoreError("One of the two must be a file and the other one a server.")
    if not source.exists:
        raise StoreError(f"{source.place} holds nothing.")
    if half := unfinished(source):
        raise StoreError(f"{source.place} is half of a move from {half}, which has to be finished first.")
    for store in (source, target):  # both are of the newest schema then
        with store.write():
            pass
    shapes = file.shapes()
    done = _begun(source, target, shapes)
    for shape in shapes:
        _copy(source, target, shape, done)
    found = [_compared(source, target, shape) for shape in shapes]
    yield from found
    target.engine.go_on_after(source.engine.numbers())
    with target.write() as work:
        settings.drop_setting(work, _MARK)


def _begun(source: Store, target: Store, shapes: list[Shape]) -> dict[str, Any]:
    """Return how far an earlier move from the same source has come: the last key of each table."""
    kept = settings.setting(target, _MARK)
    if kept is not None:
        mark: dict[str, Any] = json.loads(kept)
        if mark["from"] != str(source.place):
            raise StoreError(f"{target.place} is half of a move from {mark['from']}; finish that, or make another one.")
        return mark
    filled = [shape.table for shape in shapes if _count(target, shape)]
    if filled:
        raise StoreError(f"{target.place} holds something already ({filled[0]}). Name an empty database or a new file.")
    mark = {"from": str(source.place), "done": {}}
    with target.write() as work:
        settings.keep_setting(work, _MARK, json.dumps(mark))
    return mark


def _copy(source: Store, target: Store, shape: Shape, mark: dict[str, Any]) -> None:
    for page in _pages(source, shape, mark["done"].get(shape.table)):
        rows = [dict(zip(shape.columns, row, strict=True)) for row in page]
        mark["done"][shape.table] = [rows[-1][name] for name in shape.key]
        with target.write() as work:
            work.many(SQL.put_in.filled(table=shape.table, columns=", ".join(shape.columns)), rows)
            settings.keep_setting(work, _MARK, json.dumps(mark))


def _pages(store: Store, shape: Shape, last: list[Any] | None = None) -> Iterator[list[tuple[Any, ...]]]:
    """Go through a table in the order of its key, after a key if one is given."""
    words = {"table": shape.table, "columns": ", ".join(shape.columns), "keys": ", ".join(shape.key)}
    places = [shape.columns.index(name) for name in shape.key]
    while True:
        if last is None:
            page = store.read_plain(SQL.first_page.filled(**words), most=_PAGE)
        else:
            after = dict(zip(shape.key, last, strict=True))
            page = store.read_plain(SQL.next_page.filled(**words), **after, most=_PAGE)
        if not page:
            return
        last = [page[-1][place] for place in places]
        yield page


def _compared(source: Store, target: Store, shape: Shape) -> MovedTable:
    before, after = _summed(source, shape), _summed(target, shape)
    if before != after:
        raise StoreError(
            f"{shape.table} is not the same in both: {before.rows} rows and {after.rows}. Something was written to "
            f"{source.place} while it was moved; stop every perpulse on it, empty {target.place} and begin anew."
        )
    return after


def _summed(store: Store, shape: Shape) -> MovedTable:
    """Count the rows of a table and sum them up; what stands for the move itself is left out."""
    count, digest = 0, hashlib.sha256()
    for page in _pages(store, shape):
        for row in page:
            if shape.table != _SETTINGS or row[0] != _MARK:
                digest.update(repr(row).replace("\\x00", "").encode("utf-8", "surrogatepass"))
                count += 1
    return MovedTable(shape.table, count, digest.hexdigest()[:16])


def _count(store: Store, shape: Shape) -> int:
    row = store.read_one(SQL.count_in.filled(table=shape.table))
    return 0 if row is None else int(row["count"])
