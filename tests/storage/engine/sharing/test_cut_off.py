"""Who was stopped in the middle of a statement, with locks, holds up nobody who takes over."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from storage.engine.database import Store, StoreError
from storage.engine.sharing import leases
from storage.engine.sharing.fence import Fence, fenced
from tests import postgres
from tests.storage.engine.sharing.test_sharing import begun, strike_out

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow  # a server has to be started


@pytest.fixture
def url() -> Iterator[str]:
    """The address of an empty database of the newest schema."""
    yield from postgres.lent()


def test_locks_of_who_stands_in_the_middle_of_a_statement_are_freed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from storage.engine.postgres import work as server  # noqa: PLC0415 - where there is no psycopg, nothing gets here

    monkeypatch.setattr(server, "STOOD", 0.0)
    with closing(Store(url)) as stopped, closing(Store(url)) as other:
        number = begun(stopped, "judge BTC")
        stands, goes_on = threading.Event(), threading.Event()
        lost: list[BaseException] = []

        def copy() -> None:
            held = fenced(Fence(number, {"judge BTC": 1}))
            try:
                with held, stopped.write() as work, work.connection.cursor() as cursor:  # type: ignore[attr-defined]
                    cursor.execute("CREATE TEMP TABLE copied (n bigint)")
                    with cursor.copy("COPY copied FROM STDIN") as rows:  # no limit of the server counts within this
                        rows.write_row([1])
                        stands.set()
                        goes_on.wait(20)
            except StoreError as error:
                lost.append(error)

        thread = threading.Thread(target=copy)
        thread.start()
        assert stands.wait(10), lost
        try:
            assert strike_out(other, number)
            assert leases.every(other)["judge BTC"].holder is None
        finally:
            goes_on.set()
            thread.join()
        assert lost, "what it wrote was kept"
        assert begun(stopped) > number, "it does not come back"


def test_a_sign_of_life_waits_for_nothing_that_is_being_written(url: str) -> None:
    with closing(Store(url)) as store:
        number = begun(store)
        with store.write():
            beaten: list[bool] = []
            thread = threading.Thread(target=lambda: beaten.append(leases.beat(store, number)))
            thread.start()
            thread.join(5)
            assert beaten == [True]
