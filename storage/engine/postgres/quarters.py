"""Market data by time: a part for each quarter, made before something is written into it, dropped when it is too old.

A year of live data is some ten million rows a table. In parts, the indexes that are written to stay small, and what is
too old goes with its part in a moment instead of row by row.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from signals.units import DAY, from_ms, in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

TABLES: Final = frozenset({"bars", "levels", "options", "settlements"})
MAKE: Final = "CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING ALL)"
ATTACH: Final = "ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})"
KNOWN: Final = (
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent "
    "WHERE p.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND NOT i.inhdetachpending"
)
COUNT: Final = "SELECT count(*) FROM {name}"
DROP: Final = "DROP TABLE {name}"
_DAY: Final = in_ms(DAY)


def quarters_of(times: Iterable[int]) -> set[tuple[int, int]]:
    """Return the quarters (year, 1 to 4) in which these times (ms) lie."""
    return {_quarter(day) for day in {at // _DAY for at in times}}


def _quarter(day: int) -> tuple[int, int]:
    at = from_ms(day * _DAY)
    return at.year, (at.month - 1) // 3 + 1


def part_of(table: str, quarter: tuple[int, int]) -> str:
    """Return the name of the part of a table."""
    year, number = quarter
    return f"{table}_{year}_q{number}"


def bounds(quarter: tuple[int, int]) -> tuple[int, int]:
    """Return the first time (ms) of a quarter and the first after it."""
    year, number = quarter
    after = (year, number + 1) if number < 4 else (year + 1, 1)
    return tuple(to_ms(datetime(y, 3 * n - 2, 1, tzinfo=UTC)) for y, n in (quarter, after))  # type: ignore[return-value] # two


def words(table: str, quarter: tuple[int, int]) -> dict[str, Any]:
    """Return what is filled into the statements above."""
    first, end = bounds(quarter)
    return {"table": table, "name": part_of(table, quarter), "first": first, "end": end}


def is_over(name: str, before: int) -> bool:
    """Tell whether a part ends at or before a time (ms)."""
    year, _, number = name.rpartition("_q")
    return bounds((int(year.rpartition("_")[2]), int(number)))[1] <= before
