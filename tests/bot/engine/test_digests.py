"""Digests from /digest to the message in the chat: once a date, through restarts, outages and clock changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from signals.units import DAY
from storage.engine.database import Store
from tests.bot.engine.digest_house import START, DigestHouse, hours_of, market
from tests.fakes.channel import HandClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("digests") / "perpulse.db"
    store = Store(path)
    market(store, START + 4 * DAY, hours=54 * 24)
    store.close()
    return path


@pytest.fixture
def house(stored: Path, tmp_path: Path) -> Iterator[DigestHouse]:
    import shutil  # noqa: PLC0415

    shutil.copy(stored, tmp_path / "perpulse.db")
    made = DigestHouse(Store(tmp_path / "perpulse.db"), HandClock(START))
    yield made
    made.store.close()


def test_one_comes_every_day_at_nine_in_new_york(house: DigestHouse) -> None:
    house.ask("/tz America/New_York")
    house.clock.forward(3 * 3600)  # ten in the morning there
    assert "Every day at 09:00 (New York), all followed assets; next tomorrow." in house.text("/digest 9:00")
    told = house.until(START + 3 * DAY)
    assert hours_of(told) == ["03-07 14:00", "03-08 13:00"]
    print(told[0][1], told[1][1], house.text("/digest now"), house.text("/digest weekly now"))
