"""`perpulse backup` and `perpulse restore`: the database as one packed file, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cli.common import out, plain_errors, settings_of
from bot.clock import SystemClock
from bot.watch.backups import Backups
from handlers.command import Refused
from handlers.words import wording
from storage.alerts import announcing
from storage.alerts.sending import restored
from storage.engine.backup import restoring, writing
from storage.engine.database import Store
from storage.engine.place import Server

if TYPE_CHECKING:
    from pathlib import Path

    from bot.config import Config


def backup(file: Path | None, config: Path | None, db: Path | None) -> None:
    """Write a backup and say what it holds; into the folder of the configuration where no file is named."""
    with plain_errors():
        settings, now = settings_of(config, db), SystemClock().now()
        database = _file(settings)
        if file is not None:
            made = writing.write(database, file, now=now)
        elif settings.backup.folder is None:
            raise Refused("Name a file, as perpulse backup perpulse.db.gz, or set backup.folder in config.toml.")
        else:
            writing.refuse_without(database)
            store = Store(database)
            made = Backups(store, settings.backup, SystemClock()).make(now)
            store.close()
    out(
        f"{made.file}: {_size(made.size)} in {_size(made.packed)}, read again and sound. "
        f"To put it back: perpulse restore {made.file}"
    )


def _file(settings: Config) -> Path:
    if isinstance(settings.database, Server):
        raise Refused(f"{settings.database} is a server: back it up with pg_dump, and put it back with pg_restore.")
    return settings.database


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def restore(file: Path, config: Path | None, db: Path | None) -> None:
    """Put a backup in the place of the database, and say what follows from it."""
    with plain_errors():
        target, now = _file(settings_of(config, db)), SystemClock().now()
        with restoring.prepared(file, target) as (fresh, known):
            store = Store(fresh)
            try:
                waited = restored.mark(store, known.at, now=now)
                announcing.drop(store)
            finally:
                store.close()
            kept = restoring.put(fresh, target, now=now)
    out(f"{target} is as it was on {wording.clock(known.at, 'UTC', dated=True)}.")
    if kept:
        out(f"What was there before is {kept}; delete it when you need it no more.")
    out(
        f"{wording.count(waited, 'message')} waited in it. They, and what is found to have happened since, may have "
        "been sent before, so each chat gets one message that says how much that was, five minutes after the next "
        "start. What people have changed since then is undone, /forgetme and /deny among it: say it again."
    )
