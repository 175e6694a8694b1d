"""Hints of other processes, heard on a connection of its own: they come at once, where looking takes a second."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import psycopg

from storage.engine.postgres import dialect

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

_LOOK: Final = 0.5  # seconds: so late it is noticed that nobody listens any more
_AGAIN: Final = 5.0  # seconds, where the server is away


class Listener:
    """A thread that hears hints until it is stopped. A server that is away is tried again; until then nothing is heard.

    connect: makes a connection. own: the process of the server that writes for us, whose hints are no news. heard: is
    called with what there is to look at, in this thread.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        own: Callable[[], int | None],
        heard: Callable[[str], None],
    ) -> None:
        self._connect, self._own, self._heard = connect, own, heard
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End it, within half a second."""
        self._stopped.set()
        self._thread.join(2 * _LOOK)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._connect() as connection:
                    self._listen(connection)
            except psycopg.Error:  # whoever reads or writes says so
                self._stopped.wait(_AGAIN)

    def _listen(self, connection: Connection[Any]) -> None:
        (schema,) = connection.execute(dialect.HERE).fetchone() or ("",)
        connection.execute(dialect.LISTEN)
        while not self._stopped.is_set():
            for hint in connection.notifies(timeout=_LOOK):
                if hint.payload.startswith(f"{schema} ") and hint.pid != self._own():
                    self._heard(hint.payload.removeprefix(f"{schema} "))
                if self._stopped.is_set():
                    return
