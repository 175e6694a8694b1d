"""Everything moves from a file to a server and back, whatever stops it in between, and nothing else is touched."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from storage.engine import moving
from storage.engine.database import Store, StoreError
from storage.engine.sql import queries
from storage.engine.sqlite import migrations
from storage.market import points
from storage.market.points import Snapshot
from storage.people import destinations
from tests import postgres
from tests.storage import beside
from tests.storage.engine.dumping import restore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow  # a server has to be started

SQL = queries("storage.engine")


@pytest.fixture
def server() -> Iterator[Store]:
    for address in postgres.lent():
        with closing(Store(address)) as store:
            yield store


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Store]:
    """A file with something in every table."""
    restore(migrations.NAMES[-1], tmp_path / "filled.db")
    with closing(Store(tmp_path / "filled.db")) as store:
        yield store


def everything(store: Store, like: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, in the columns of a file."""
    assert like.file
    return {
        shape.table: sorted(
            (tuple(row) for row in beside.rows(store, f"SELECT {', '.join(shape.columns)} FROM {shape.table}")),  # noqa: S608
            key=repr,
        )
        for shape in like.file.shapes()
    }


def test_there_and_back_it_is_the_same(filled: Store, server: Store, tmp_path: Path) -> None:
    before = everything(filled, filled)
    assert all(before.values()), "something of every table is moved"
    told = list(moving.move(filled, server))
    assert {moved.table: moved.rows for moved in told} == {table: len(rows) for table, rows in before.items()}
    assert everything(server, filled) == before
    with closing(Store(tmp_path / "back.db")) as back:
        assert [moved.checksum for moved in moving.move(server, back)] == [moved.checksum for moved in told]
        assert everything(back, filled) == before
        assert moving.unfinished(back) is None
        assert back.engine.numbers() == filled.engine.numbers()


def test_what_goes_on_together_does_so_wherever_it_is(server: Store, tmp_path: Path) -> None:
    """Snapshots keep their members and numbers, and new ones take none that a series still has."""
    every = ("BTC", "ETH", "SOL", "XRP")

    def tell(store: Store, minute: int) -> None:
        for venue, assets in (("okx", every), ("bybit", every[minute % 2 :])):
            names = ("mark_price", "index_price") if (venue, minute) == ("bybit", 6) else ("mark_price",)
            columns = {name: [1.0] * len(assets) for name in names}
            points.write(store, [], [Snapshot(venue, assets, [minute * 60_000] * len(assets), columns)])

    with closing(Store(tmp_path / "there.db")) as there, closing(Store(tmp_path / "back.db")) as back:
        for minutes, place, moved_to in ((range(5), there, server), (range(5, 10), server, back)):
            for minute in minutes:
                tell(place, minute)
            list(moving.move(place, moved_to))
        tell(back, 10)
        tell(back, 11)
        ends = beside.rows(back, "SELECT venue, asset, last / 60000 FROM spans WHERE input = 'mark_price'")
        assert [tuple(row) for row in sorted(ends)] == [
            *(("bybit", asset, 10 if asset == "BTC" else 11) for asset in every),
            *(("okx", asset, 11) for asset in every),
        ]
        lost = "SELECT 1 FROM series WHERE snapshot IS NOT NULL AND snapshot NOT IN (SELECT id FROM snapshots)"
        assert beside.rows(back, lost) == []


def test_chats_of_several_bots_move_as_they_are(filled: Store, server: Store) -> None:
    for bot in ("telegram", "telegram@alpha", "telegram@beta-2"):
        destinations.ensure(filled, bot, "-100", None, kind="group", title=None, now=datetime(2026, 1, 1, tzinfo=UTC))
    list(moving.move(filled, server))
    for bot in ("telegram", "telegram@alpha", "telegram@beta-2"):
        assert destinations.find(server, bot, "-100") == destinations.find(filled, bot, "-100")
        assert destinations.find(server, bot, "-100")


def test_a_number_is_not_given_again(filled: Store, server: Store) -> None:
    """A position that was removed had a number by which its episode may be known."""
    beside.rows(filled, "DELETE FROM positions")
    last = filled.engine.numbers()["positions"]
    assert last > 0
    list(moving.move(filled, server))
    assert server.engine.numbers()["positions"] == last


def test_stopped_it_goes_on_where_it_was(filled: Store, server: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before, copied = everything(filled, filled), []
    copy = moving._copy

    def three(source: Store, target: Store, shape: Any, mark: Any) -> None:
        copied.append(shape.table)
        if len(copied) == 10:
            raise KeyboardInterrupt
        copy(source, target, shape, mark)

    monkeypatch.setattr(moving, "_PAGE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(moving, "_copy", three)
        with pytest.raises(KeyboardInterrupt):
            list(moving.move(filled, server))
    assert moving.unfinished(server) == str(filled.place)
    with pytest.raises(StoreError, match=r"is half of a move from .*filled\.db, which has to be finished first"):
        list(moving.move(server, Store(filled.path.with_name("new.db"))))
    with closing(Store(filled.path.with_name("other.db"))) as other:
        with other.write():
            pass
        with pytest.raises(StoreError, match=r"is half of a move from .*filled\.db; finish that"):
            list(moving.move(other, server))
    list(moving.move(filled, server))
    assert everything(server, filled) == before


def test_what_is_written_meanwhile_is_noticed(filled: Store, server: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = moving._compared

    def late(source: Store, target: Store, shape: Any) -> Any:
        beside.rows(filled, "UPDATE settings SET value = 'changed' WHERE name = 'retention'")
        return compared(source, target, shape)

    monkeypatch.setattr(moving, "_compared", late)
    with pytest.raises(StoreError, match=r"settings is not the same in both: 2 rows and 2.*begin anew"):
        list(moving.move(filled, server))
    assert moving.unfinished(server)


def test_a_target_that_holds_something_is_left_alone(filled: Store, server: Store) -> None:
    with server.write() as work:
        work.run(SQL.keep_setting, name="mine", value="1")
    with pytest.raises(StoreError, match=r"holds something already \(settings\)"):
        list(moving.move(filled, server))
    assert [tuple(row) for row in beside.rows(server, "SELECT name FROM settings")] == [("mine",)]


def test_one_of_them_is_a_file_and_the_other_a_server(filled: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="One of the two must be a file"):
        list(moving.move(filled, Store(tmp_path / "other.db")))
    with pytest.raises(StoreError, match="holds nothing"):
        list(moving.move(Store(tmp_path / "none.db"), Store("postgresql://u@127.0.0.1:9/d")))
