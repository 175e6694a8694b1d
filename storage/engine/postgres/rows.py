"""How values go to the server and rows come back, as they do in a file."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from psycopg.types.numeric import FloatBinaryDumper, FloatDumper, Int8BinaryDumper, Int8Dumper
from psycopg.types.string import StrDumperUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection, Cursor
    from psycopg.abc import Buffer


class _Number(FloatDumper):
    """A number; what is none (NaN) is nothing, as in a file."""

    def dump(self, obj: float) -> Buffer | None:
        return None if math.isnan(obj) else super().dump(obj)


class _BinaryNumber(FloatBinaryDumper):
    """As above, as bytes."""

    def dump(self, obj: float) -> Buffer | None:
        return None if math.isnan(obj) else super().dump(obj)


class _YesOrNo(Int8Dumper):
    """1 or 0, as in a file: columns that say yes or no are numbers."""

    def dump(self, obj: int) -> Buffer | None:
        return super().dump(int(obj))


class _BinaryYesOrNo(Int8BinaryDumper):
    """As above, as bytes."""

    def dump(self, obj: int) -> Buffer | None:
        return super().dump(int(obj))


class _Text(StrDumperUnknown):
    """A text without the one character that PostgreSQL cannot keep; a name with it is made by nobody by accident."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "") if "\0" in obj else obj)


def adapt(connection: Connection[Any]) -> None:
    """Have a connection send values as they are meant here. Whole numbers are of one kind, so plans are made once."""
    adapters = connection.adapters
    adapters.register_dumper(float, _Number)
    adapters.register_dumper(float, _BinaryNumber)  # what was registered last is taken where both will do
    adapters.register_dumper(int, Int8Dumper)
    adapters.register_dumper(int, Int8BinaryDumper)
    adapters.register_dumper(bool, _YesOrNo)
    adapters.register_dumper(bool, _BinaryYesOrNo)
    adapters.register_dumper(str, _Text)


@lru_cache(maxsize=1024)
def _row_of(given: tuple[bytes | None, ...]) -> type[tuple[Any, ...]]:
    names = [(name or b"").decode() for name in given]
    places = {name: place for place, name in reversed(list(enumerate(names)))}

    class NamedValues(tuple[Any, ...]):
        """The values of one row by place and by name."""

        __slots__ = ()

        def __getitem__(self, key: Any) -> Any:
            return tuple.__getitem__(self, places[key] if isinstance(key, str) else key)

        def keys(self) -> Sequence[str]:
            """Return the names of the columns."""
            return names

    return NamedValues


def named(cursor: Cursor[Any]) -> Callable[[Sequence[Any]], Any]:
    """Make rows whose values go by name and by place: a row factory of psycopg.

    Names are read from the answer itself: what psycopg makes of it for people costs as much as the query of a few rows.
    """
    answer = cursor.pgresult
    return _row_of(tuple(map(answer.fname, range(answer.nfields))) if answer else ())
