"""A database file that goes away under the program that has it open."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from storage.engine.database import Store, StoreError
from storage.engine.presence import saved_name
from storage.people import destinations
from storage.people.forgetting import forget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "perpulse.db")
    place(opened, "before")
    yield opened
    opened.close()


def place(store: Store, chat: str) -> None:
    destinations.ensure(store, "telegram", chat, None, kind="private", title=None, now=NOW)


def chats(store: Store) -> set[str]:
    return {one.chat for one in destinations.everyone(store)}


def deleted(path: Path) -> None:
    path.unlink()


def folder_deleted(path: Path) -> None:
    shutil.rmtree(path.parent)


def moved(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def without_log(path: Path) -> None:
    path.with_name("perpulse.db-wal").unlink()


def without_index(path: Path) -> None:
    path.with_name("perpulse.db-shm").unlink()


def log_of_another(path: Path) -> None:
    without_log(path)
    path.with_name("perpulse.db-wal").write_bytes(b"")


def replaced(path: Path) -> None:
    with closing(sqlite3.connect(path.with_name("other.db"))) as other:
        other.execute("CREATE TABLE other (a)")
    path.with_name("other.db").replace(path)


GONE = [
    pytest.param(deleted, "deleted", id="deleted"),
    pytest.param(folder_deleted, "deleted", id="its folder deleted"),
    pytest.param(moved, "deleted", id="moved away"),
    pytest.param(without_log, "log", id="robbed of its log"),
    pytest.param(without_index, "log", id="robbed of the index of its log"),
    pytest.param(log_of_another, "log", id="another log in its place"),
    pytest.param(replaced, "replaced", id="replaced"),
]


@pytest.mark.parametrize(("befall", "loss"), GONE)
def test_a_loss_is_noticed_and_what_was_open_is_saved_with_what_was_written_since(
    store: Store, befall: Callable[[Path], None], loss: str
) -> None:
    assert store.file.loss() is None
    befall(store.path)
    assert store.file.loss() == loss
    place(store, "after")
    saved = saved_name(store.path, NOW)
    store.file.save(saved)
    assert chats(Store(saved)) == {"before", "after"}
    assert store.saved == (saved,)


@pytest.mark.parametrize(("befall", "loss"), [case for case in GONE if case.values[1] != "replaced"])
def test_what_was_saved_is_put_back_and_the_program_goes_on_in_it(
    store: Store, befall: Callable[[Path], None], loss: str
) -> None:
    befall(store.path)
    place(store, "after")
    saved = saved_name(store.path, NOW)
    store.file.save(saved)
    store.file.put_back(saved)
    assert store.file.loss() is None
    place(store, "later")
    assert chats(store) == {"before", "after", "later"}
    store.close()
    assert chats(Store(store.path)) == {"before", "after", "later"}, "another process finds it all"
    assert chats(Store(saved)) == {"before", "after"}


@pytest.mark.parametrize(("befall", "loss"), GONE)
def test_a_thread_that_comes_later_makes_no_new_file_and_reads_no_other(
    store: Store, befall: Callable[[Path], None], loss: str
) -> None:
    befall(store.path)
    lying = store.path.exists()
    found: list[Any] = []

    def read() -> None:
        try:
            found.append(chats(store))
        except StoreError as error:
            found.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert "while perpulse runs" in str(found[0])
    assert store.path.exists() == lying


def test_a_store_that_is_closed_has_lost_nothing(store: Store) -> None:
    store.close()
    store.path.unlink()
    assert store.file.loss() is None
    with pytest.raises(StoreError, match="nothing to save"):
        store.file.save(saved_name(store.path, NOW))


def test_who_else_opens_and_closes_the_file_takes_nothing_away(store: Store) -> None:
    other = Store(store.path)
    assert chats(other) == {"before"}
    other.close()
    assert store.file.loss() is None
    assert store.purge()
    assert store.file.loss() is None


def test_a_copy_that_cannot_be_made_leaves_nothing_behind_and_says_why(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    store.path.unlink()
    target = tmp_path / "a file" / "perpulse.saved.db"
    with pytest.raises(StoreError, match="cannot be written"):
        store.file.save(target)
    assert chats(store) == {"before"}, "what is open stays open"
    assert not target.exists()


def test_a_saved_copy_is_as_private_as_its_file_was(store: Store) -> None:
    store.close()
    store.path.chmod(0o600)
    place(store, "after")
    before = os.umask(0o022)
    try:
        store.file.save(saved := saved_name(store.path, NOW))
        assert saved.stat().st_mode & 0o777 == 0o600
        store.path.unlink()
        store.file.put_back(saved)
        assert store.path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_the_log_of_a_file_that_was_replaced_is_not_written_into_the_other_one(store: Store) -> None:
    other = Store(store.path.with_name("backup.db"))
    place(other, "of the backup")
    other.close()
    other.path.replace(store.path)
    place(store, "after")
    store.file.save(saved_name(store.path, NOW))
    store.file.leave_log()
    assert store.file.loss() == "replaced", "no connection is made to the other file"
    place(store, "what is open stays open")
    assert chats(Store(store.path)) == {"of the backup"}


def test_a_chat_is_forgotten_in_what_was_saved_too(store: Store) -> None:
    place(store, "-100987654321")
    store.file.save(saved := saved_name(store.path, NOW))
    assert b"-100987654321" in saved.read_bytes()
    assert forget(store, "telegram", "-100987654321").clean
    assert b"-100987654321" not in saved.read_bytes()
    assert chats(store) == chats(Store(saved)) == {"before"}
