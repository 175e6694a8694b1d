"""Renewed tier tables beside a database, and the default exchange of a chat."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from signals.liquidation import tiers
from storage.engine.database import Store, StoreError
from storage.market import tiers as tier_files
from storage.people import destinations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAME = "gate-linear-2026-12-01.csv"


def text(rate: float) -> str:
    head = "# venue: gate\n# contract: linear\n# as_of: 2026-12-01\n# unit: quote\n# source: a test\n"
    return f"{head}SOL,USDT,,{rate}:0:50:1000\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "data" / "p.db")
    yield made
    made.close()


def test_without_a_folder_there_is_no_shelf(store: Store) -> None:
    assert tier_files.renewed(store) is None
    tier_files.folder_of(store).mkdir(parents=True)
    assert tier_files.renewed(store) is None
    assert not store.exists, "looking for tables must not make a database"


def test_a_table_written_again_is_read_again(store: Store) -> None:
    folder = tier_files.folder_of(store)
    for second, rate in enumerate((0.01, 0.02)):
        tier_files.write(folder, NAME, text(rate))
        os.utime(folder / NAME, (second, second))  # two writes within one tick of a coarse file system
        assert tiers("gate", "linear", "SOL", renewed=tier_files.renewed(store)).tiers[0].rate == rate
    assert [path.name for path in folder.iterdir()] == [NAME], "nothing half-written is left"


def test_a_folder_that_cannot_be_written_is_said_so(store: Store) -> None:
    folder = tier_files.folder_of(store)
    folder.parent.mkdir(parents=True)
    folder.write_text("a file in its place")
    with pytest.raises(StoreError, match="cannot be written"):
        tier_files.write(folder, NAME, text(0.01))
    assert tier_files.renewed(store) is None


def test_the_default_exchange_of_a_chat(store: Store) -> None:
    here = destinations.ensure(store, "telegram", "1", None, kind="private", title=None, now=NOW)
    other = destinations.ensure(store, "telegram", "1", "7", kind="topic", title=None, now=NOW)
    assert here.venue is None
    destinations.set_venue(store, here.id, "okx")
    found = {destination.id: destination.venue for destination in destinations.everyone(store)}
    assert found == {here.id: "okx", other.id: None}
    again = destinations.ensure(store, "telegram", "1", None, kind="private", title="x", now=NOW)
    assert again.venue == "okx", "coming back changes no setting"
    destinations.set_venue(store, here.id, None)
    assert destinations.find(store, "telegram", "1") is not None
    assert [destination.venue for destination in destinations.everyone(store)] == [None, None]
