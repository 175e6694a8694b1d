"""Whether a pool in between, such as PgBouncer, leaves each connection a session of its own.

One that hands each transaction to whatever session is free would mix up prepared statements, settings and hints of
those who share them, and fail here and there minutes later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from storage.engine.postgres import dialect

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

_LOOKS: Final = 5  # of which one finds it, however busy the pool is: it hands out what was used last, or all in turn


def shares_sessions(connection: Connection[Any], connect: Callable[[], Connection[Any]]) -> bool:
    """Tell whether statements of this connection reach sessions that others use as well.

    connect: makes another one, which is asked for only where somebody is in between: a pool has numbers of its own.
    """
    own = _session(connection)
    if own == connection.info.backend_pid:
        return False
    with connect() as other:
        return any(_session(other) == own or _session(connection) != own for _ in range(_LOOKS))


def _session(connection: Connection[Any]) -> int:
    (number,) = connection.execute(dialect.SESSION).fetchone() or (0,)
    return int(number)
