"""Stores on empty databases, of one kind."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from storage.engine.database import Store
from storage.engine.place import Server
from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


class Stores:
    """Makes stores and takes their databases back when a test is over. engine: "sqlite" or "postgres"."""

    def __init__(self, engine: str, factory: pytest.TempPathFactory) -> None:
        self._engine, self._factory = engine, factory
        self._made: list[Store] = []

    def __call__(self) -> Store:
        """Return a store on an empty database of its own, until the test is over."""
        self._made.append(Store(self._place()))
        return self._made[-1]

    @contextmanager
    def one(self) -> Iterator[Store]:
        """Lend a store for one example of many."""
        store = Store(self._place())
        try:
            yield store
        finally:
            _end(store)

    def copy(self, store: Store) -> Store:
        """Return a store on a copy of another one's database."""
        store.close()
        if isinstance(store.place, Server):
            copied: str | Path = postgres.databases().copy(store.place.url)  # type: ignore[union-attr] # it is there
        else:
            copied = shutil.copy(store.path, self._place())
        self._made.append(Store(copied))
        return self._made[-1]

    def end(self) -> None:
        """Take all back."""
        for store in self._made:
            _end(store)

    def _place(self) -> Path | str:
        if self._engine == "sqlite":
            return self._factory.mktemp("store") / "perpulse.db"
        return postgres.databases().take()  # type: ignore[union-attr] # looked at by the fixture


def _end(store: Store) -> None:
    store.close()
    if isinstance(store.place, Server):
        postgres.databases().give_back(store.place.url)  # type: ignore[union-attr] # as above
