"""`perpulse backup` and `perpulse restore`: the database as one packed file, and back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from bot.cli.common import out, plain_errors, settings_of
from bot.clock import SystemClock
from bot.processes.holdings import BEAT_EVERY
from bot.watch.backups import Backups, backed_up
from handlers.command import Refused
from handlers.words import wording
from storage.alerts import announcing
from storage.alerts.sending import restored
from storage.engine.backup import dumping, restoring, writing
from storage.engine.database import Store, StoreError
from storage.engine.place import Server
from storage.engine.sharing import leases

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_BEATS: Final = BEAT_EVERY + 2.0  # seconds within which a process that lives has shown it


def backup(file: Path | None, config: Path | None, db: Path | None) -> None:
    """Write a backup and say what it holds; into the folder of the configuration where no file is named."""
    with plain_errors():
        settings, now = settings_of(config, db), SystemClock().now()
        database = settings.database
        if file is not None:
            made = backed_up(database, file, now)
        elif settings.backup.folder is None:
            raise Refused("Name a file, as perpulse backup perpulse.db.gz, or set backup.folder in config.toml.")
        else:
            if not isinstance(database, Server):
                writing.refuse_without(database)
            store = Store(database)
            try:
                made = Backups(store, settings.backup, SystemClock()).make(now)
            finally:
                store.close()
    size = f"{_size(made.size)} in {_size(made.packed)}" if isinstance(made, writing.Backup) else _size(made.packed)
    out(f"{made.file}: {size}, read again and sound. To put it back: perpulse restore {made.file}")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def restore(file: Path, config: Path | None, db: Path | None) -> None:
    """Put a backup in the place of the database, and say what follows from it."""
    with plain_errors():
        settings, now = settings_of(config, db), SystemClock().now()
        target = settings.database
        if isinstance(target, Server):
            kept, (at, waited) = None, _restored_server(target, file, now)
        else:
            with restoring.prepared(file, target) as (fresh, known):
                at, waited = known.at, _marked(fresh, known.at, now)
                kept = restoring.put(fresh, target, now=now)
    out(f"{target} is as it was on {wording.clock(at, 'UTC', dated=True)}.")
    if kept:
        out(f"What was there before is {kept}; delete it when you need it no more.")
    waits = "Nothing waited in it. What is found to have happened since"
    if waited:
        held = wording.count(waited, "message")
        waits = f"{held} waited in it. That, and what is found to have happened since,"
    out(
        f"{waits} may have been sent before, so each chat that is concerned gets one message that says how much that "
        "was, five minutes after the next start. What people have changed since then is undone, /forgetme and /deny "
        "among it: say it again."
    )


def _restored_server(server: Server, file: Path, now: datetime) -> tuple[datetime, int]:
    """Put a backup of a server back; return when it was made and how much waited in it. Refused while it is in use."""
    store = Store(server)
    try:
        before = {one.number: one.beat for one in leases.running(store)}
        if before:  # of one that was killed it is still written that it runs
            time.sleep(_BEATS)
        if any(before.get(one.number) != one.beat for one in leases.running(store)):
            raise Refused(f"{server} is in use: stop perpulse, in all its processes, and try again.")
    finally:
        store.close()
    at = dumping.put(server, file).at
    try:
        return at, _marked(server, at, now)
    except StoreError as error:
        raise Refused(
            f"{file} was put back into {server}, and what waits in it may be sent a second time: {error} Restore it "
            "once more before perpulse is started."
        ) from None


def _marked(place: Path | Server, at: datetime, now: datetime) -> int:
    """Have what was put back send nothing that was sent; return how much waited in it."""
    store = Store(place)
    try:
        waited = restored.mark(store, at, now=now)
        announcing.drop(store)
    finally:
        store.close()
    return waited
