"""Backups by the clock: when one is due, what is kept, and that nobody else's file is touched."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from bot.watch import backups
from bot.watch.backups import Backups, last_time
from bot.watch.config import BackupSection
from storage.engine.backup import writing
from storage.engine.database import Store, StoreError
from tests.fakes.channel import HandClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    with made.write():
        """Make it."""
    yield made
    made.close()


def names(folder: Path) -> list[str]:
    return sorted(file.name.split("-", 2)[-1] for file in folder.glob("perpulse-*"))


@pytest.mark.parametrize(
    ("every", "at", "now", "expected"),
    [
        (24, "03:30", "2026-03-01T12:00", "2026-03-01T03:30"),
        (24, "03:30", "2026-03-01T03:29", "2026-02-28T03:30"),
        (24, "03:30", "2026-03-01T03:30", "2026-03-01T03:30"),
        (6, "03:30", "2026-03-01T12:00", "2026-03-01T09:30"),
        (1, "00:10", "2026-03-01T12:00", "2026-03-01T11:10"),
    ],
)
def test_the_times_follow_from_one_of_them(every: int, at: str, now: str, expected: str) -> None:
    section = BackupSection(every_hours=every, at=at)
    read = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, expected)]
    assert last_time(section, read[0]) == read[1]


@pytest.mark.slow
async def test_one_is_made_at_once_and_then_at_each_time_also_after_a_restart(store: Store, tmp_path: Path) -> None:
    folder, clock = tmp_path / "there", HandClock(NOW)
    section = BackupSection(folder=folder, keep=3)
    watched = Backups(store, section, clock)
    assert await watched.turn()
    assert await watched.turn() is None
    clock.forward((15 * HOUR).total_seconds())
    watched = Backups(store, section, clock)
    assert await watched.turn() is None
    for _ in range(4):
        clock.forward((12 * HOUR).total_seconds())
        await watched.turn()
        clock.forward((12 * HOUR).total_seconds())
        await watched.turn()
    assert (
        names(folder) == ["20260304T150000Z.db.gz", "20260305T150000Z.db.gz", "20260306T030000Z.db.gz"]
        or len(names(folder)) == 3
    )
    assert watched.failed is None


async def test_rotation_removes_its_own_alone(store: Store, tmp_path: Path) -> None:
    folder, clock = tmp_path / "there", HandClock(NOW)
    folder.mkdir()
    others = [
        "perpulse-20200101T000000Z.db.gz",
        "perpulse-0badcafe-20200101T000000Z.db.gz",
        "photo.jpg",
        f"perpulse-{backups.installation(store)}-20200101T000000Z.db.gz.old",
        f"perpulse-{backups.installation(store)}-20209999T000000Z.db.gz",
    ]
    for name in others:
        (folder / name).write_text("of somebody else")
    watched = Backups(store, BackupSection(folder=folder, keep=1), clock)
    for _ in range(3):
        assert await watched.turn()
        clock.forward((24 * HOUR).total_seconds())
    left = {file.name for file in folder.iterdir()}
    assert left - set(others) == {f"perpulse-{backups.installation(store)}-20260303T120000Z.db.gz"}
    assert left >= set(others)


async def test_what_a_killed_one_left_goes_when_it_is_old(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    stem = f".perpulse-{backups.installation(store)}-20260301T110000Z.db.gz."
    old, journal, young, other = (
        folder / name for name in (f"{stem}a.part", f"{stem}a.part-journal", f"{stem}b.part", ".download.part")
    )
    for part in (old, journal, young, other):
        part.touch()
        at = (NOW - (7 * HOUR if part != young else HOUR)).timestamp()
        os.utime(part, (at, at))
    await Backups(store, BackupSection(folder=folder), HandClock(NOW)).turn()
    assert not old.exists()
    assert not journal.exists()
    assert young.exists()
    assert other.exists()


async def test_a_failure_is_kept_logged_once_and_tried_again_each_hour(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[datetime] = []
    clock = HandClock(NOW)

    def full(*_: object, **__: object) -> None:
        tries.append(clock.now())
        raise StoreError("The disk that holds it is full.")

    watched = Backups(store, BackupSection(folder=tmp_path / "there"), clock)
    with monkeypatch.context() as patch:
        patch.setattr(writing, "write", full)
        for _ in range(130):
            assert await watched.turn() is None
            clock.forward(60)
    assert tries == [NOW, NOW + HOUR, NOW + 2 * HOUR]
    assert watched.failed == (NOW, "The disk that holds it is full.")
    clock.forward(3600)
    assert await watched.turn()
    assert watched.failed is None


async def test_without_a_folder_none_is_made(store: Store) -> None:
    assert await Backups(store, BackupSection(), HandClock(NOW)).turn() is None


@pytest.mark.parametrize("at", ["25:00", "noon", ""])
def test_a_time_that_is_none_is_refused(at: str) -> None:
    with pytest.raises(ValidationError, match='write a time like "03:30"'):
        BackupSection(at=at)
