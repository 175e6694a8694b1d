"""What a file cannot be, and what keeps it from growing, is called what it is, and leaves nothing behind."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from storage.engine.backup import restoring, writing
from storage.engine.database import Store, StoreError
from storage.engine.settings import keep_setting, setting
from storage.engine.sqlite import troubles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

resource = pytest.importorskip("resource")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITED = "no file may be larger here, by `ulimit -f`"


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Let no file of this process be larger than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(store: Store, count: int) -> None:
    for number in range(count):
        with store.write() as work:
            keep_setting(work, f"{number}", "x" * 100_000)


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "pipe"])
def test_what_is_no_file_is_no_database(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with closing(Store(tmp_path / name)) as store:
        for use in (lambda: setting(store, "a"), lambda: fill(store, 1)):
            with pytest.raises(StoreError, match="is a device or a pipe, where nothing is kept"):
                use()


@pytest.mark.parametrize("size", [200_000, 700_000])
def test_a_limit_of_the_size_of_files_is_named(tmp_path: Path, size: int) -> None:
    with closing(Store(tmp_path / "a.db")) as store, limited(size), pytest.raises(StoreError, match=LIMITED):
        fill(store, 10)


def test_a_disk_without_a_limit_is_still_called_one(tmp_path: Path) -> None:
    error = OSError(5, "Input/output error")
    assert troubles.reason(error, tmp_path / "a") == "Input/output error"
    with limited(100_000_000):
        assert "does not work" in str(troubles.explained(tmp_path / "a", Exception("disk I/O error")))


def test_a_backup_or_a_restore_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "data" / "a.db")) as store:
        fill(store, 5)
    made = writing.write(store.path, tmp_path / "there" / "one.db.gz", now=NOW)
    before = sorted(tmp_path.rglob("*"))
    with limited(300_000):
        with pytest.raises(StoreError, match=rf"{LIMITED}.*No backup was made"):
            writing.write(store.path, tmp_path / "there" / "two.db.gz", now=NOW)
        with (
            pytest.raises(StoreError, match=rf"{LIMITED}.*Nothing was changed"),
            restoring.prepared(made.file, store.path),
        ):
            pass
    assert sorted(tmp_path.rglob("*")) == before


def test_a_journal_of_a_backup_that_failed_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object, target: Path) -> str:
        target.with_name(f"{target.name}-journal").write_bytes(b"x")
        raise sqlite3.OperationalError("database or disk is full")

    with closing(Store(tmp_path / "a.db")) as store:
        fill(store, 1)
    monkeypatch.setattr(writing, "copy", broken)
    with pytest.raises(StoreError, match=r"disk is full\. No backup was made"):
        writing.write(store.path, tmp_path / "one.db.gz", now=NOW)
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]
