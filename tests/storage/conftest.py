"""Databases for the tests of storage: each test runs on a file and on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.engine.database import Store
from tests import postgres
from tests.storage.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> str:
    """The kind of database: a test that asks for it, or for a store, runs once on each.

    A quick run asks the file alone: it would start a server in each of its workers.
    """
    if request.param == "postgres" and postgres.databases() is None:
        pytest.skip(postgres.MISSING)
    return request.param


@pytest.fixture
def stores(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    made = Stores(engine, tmp_path_factory)
    yield made
    made.end()


@pytest.fixture(scope="module")
def module_stores(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    made = Stores(engine, tmp_path_factory)
    yield made
    made.end()


@pytest.fixture
def store(stores: Stores) -> Store:
    return stores()


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    """A store in a file, for what only a file has."""
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()
