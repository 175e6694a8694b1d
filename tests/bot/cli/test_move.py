"""perpulse move, and where a server is named: nothing is copied under a bot that runs, and no password is shown."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from bot.cli import move
from bot.cli.examining import stored
from bot.config import Config
from storage.engine import settings
from storage.engine.database import Store, StoreError
from storage.engine.sharing import leases
from tests import postgres
from tests.bot.commandline import GOOD, HEADER, written
from tests.storage import senders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bot.commandline import Perpulse

pytestmark = pytest.mark.slow  # a server has to be started

SECRET = "s3cret"


@pytest.fixture
def server() -> Iterator[str]:
    yield from postgres.lent()


def test_a_file_moves_into_the_server_of_the_configuration(perpulse: Perpulse, tmp_path: Path, server: str) -> None:
    assert perpulse("import", written(tmp_path, HEADER + GOOD), "--db", "a.db").code == 0
    (tmp_path / "config.toml").write_text(f'database = "{server}"\n', encoding="utf-8")
    ended = perpulse("move", "a.db")
    assert (ended.code, ended.err) == (0, "")
    assert "bars: 2 rows, " in ended.out
    assert "as they are in a.db, which was left alone." in ended.out
    assert perpulse("status").out.splitlines()[0] == perpulse("status", "--db", "a.db").out.splitlines()[0]
    assert "holds something already" in perpulse("move", "a.db").refusal


def test_nothing_is_called_moved_before_the_other_one_is_whole(
    perpulse: Perpulse, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise StoreError("the connection broke off.")

    assert perpulse("import", written(tmp_path, HEADER + GOOD), "--db", "a.db").code == 0
    with monkeypatch.context() as patched:
        patched.setattr(settings, "drop_setting", broken)
        assert perpulse("move", "a.db", server).refusal == "the connection broke off."
    assert "bars: 2 rows, " in perpulse("move", "a.db", server).out, "it goes on where it was"


def test_a_bot_that_runs_is_stopped_first(
    perpulse: Perpulse, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move, "_WATCHED", 0.3)
    store, stopped = Store(tmp_path / "a.db"), threading.Event()
    number = senders.take(store)

    def live() -> None:
        while not stopped.wait(0.02):
            leases.beat(store, number)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        assert "A perpulse runs on a.db. Stop it" in perpulse("move", "a.db", server).refusal
    finally:
        stopped.set()
        thread.join()
        store.close()
    assert perpulse("move", "a.db", server).code == 0, "it was killed"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param(f"mysql://u:{SECRET}@h/d", "a path, or an address like postgresql://", id="another kind"),
        pytest.param(f"postgresql://u:{SECRET}@127.0.0.1:9/d", "cannot be reached", id="away"),
    ],
)
def test_a_password_is_never_shown(perpulse: Perpulse, tmp_path: Path, url: str, says: str) -> None:
    (tmp_path / "config.toml").write_text(f'database = "{url}"\n', encoding="utf-8")
    if url.startswith("postgresql"):  # what doctor says of it; the rest of what it asks is the network
        found = list(stored.database(Store(url), Config()))
        assert [says in finding.text for finding in found] == [True]
        assert SECRET not in str(found)
    for command in (("status",), ("move", "a.db"), ("check-config",)):
        ended = perpulse(*command)
        assert SECRET not in ended.out + ended.err
        assert command == ("check-config",) or command[0] == "move" or says in ended.out + ended.err
