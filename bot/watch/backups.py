"""Backups by the clock: one at each time that is set, and of this database's own the oldest go."""

from __future__ import annotations

import asyncio
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.clock import NotBefore
from signals.units import HOUR, MINUTE
from storage.engine import settings
from storage.engine.backup import dumping, writing
from storage.engine.database import StoreError
from storage.engine.place import Server

if TYPE_CHECKING:
    from pathlib import Path

    from bot.clock import Clock
    from bot.watch.config import BackupSection
    from storage.engine.backup.dumping import Dump
    from storage.engine.backup.writing import Backup
    from storage.engine.database import Store

log = structlog.get_logger(__name__)

LOOKED: Final = MINUTE
AGAIN: Final = HOUR  # after one that failed
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_INSTALLATION: Final = "installation"  # the setting: which database this is, whatever its file is called
_OLD_PART: Final = 6 * HOUR


class Backups:
    """Makes backups in the folder that is set, and removes its own that are too many.

    failed: since when and why none could be made; None where the last one was.
    """

    def __init__(self, store: Store, section: BackupSection, clock: Clock) -> None:
        self._store, self._section, self._clock = store, section, clock
        self._again = NotBefore(clock.monotonic)
        self.failed: tuple[datetime, str] | None = None
        self._lacks, self._warned = lacking(store, section), False
        # Whether the last one was made: not before the first look.
        self._known = section.folder is None or self._lacks is not None

    @property
    def failing(self) -> bool | None:
        """Tell whether none can be made; None where that is not known yet."""
        return self.failed is not None if self._known else None

    async def turn(self) -> Backup | Dump | None:
        """Make one if it is due. Never raises for what a disk does: it is logged, kept in `failed` and tried again."""
        if self._section.folder is None or not self._again.passed:
            return None
        if self._lacks:
            if not self._warned:
                log.warning("no backups are made", reason=self._lacks)  # once: nothing of it will change meanwhile
            self._warned = True
            return None
        now = self._clock.now()
        if not await asyncio.to_thread(self._is_due, self._section.folder, now):
            self._known = True
            return None
        try:
            made = await asyncio.to_thread(self.make, now)
        except StoreError as error:
            if self.failed is None or self.failed[1] != str(error):
                log.error("no backup was made, trying again each hour", reason=str(error))  # noqa: TRY400 - says it all
            self.failed = (self.failed[0] if self.failed else now, str(error))
            self._again.wait(AGAIN)
            self._known = True
            return None
        self.failed, self._known = None, True
        log.info("a backup was made and checked", file=made.file.name, packed_mb=round(made.packed / 1e6, 1))
        return made

    def make(self, now: datetime) -> Backup | Dump:
        """Make one now, and remove what is too old by it. StoreError, in words, where it cannot be made."""
        folder, own = self._section.folder, installation(self._store)
        assert folder is not None  # noqa: S101 - as the callers know
        target = folder / f"{_stem(self._store, own)}{now:{_STAMP}}{_ending(self._store)}"
        made = backed_up(self._store.place, target, now)
        self._rotate(folder, own, now)
        return made

    def _is_due(self, folder: Path, now: datetime) -> bool:
        made = _own(folder, _stem(self._store, installation(self._store)), _ending(self._store))
        return not made or made[-1][0] < last_time(self._section, now) or made[-1][0] > now + HOUR

    def _rotate(self, folder: Path, own: str, now: datetime) -> None:
        for _, file in _own(folder, _stem(self._store, own), _ending(self._store))[: -self._section.keep]:
            try:
                file.unlink()
            except OSError as error:
                log.warning("an old backup could not be removed", file=file.name, reason=error.strerror)
        for part in folder.glob(f".{_stem(self._store, own)}*{writing.PART}*"):  # of one that was killed
            with suppress(OSError):
                if now - datetime.fromtimestamp(part.stat().st_mtime, UTC) > _OLD_PART:
                    part.unlink()


def lacking(store: Store, section: BackupSection) -> str | None:
    """Say what is to be done before the backups that are set can be made from here; None where nothing is."""
    return dumping.missing() if section.folder is not None and isinstance(store.place, Server) else None


def last_time(section: BackupSection, now: datetime) -> datetime:
    """Return the newest time up to now at which a backup is to be made."""
    at = time.fromisoformat(section.at)
    first = _EPOCH + timedelta(hours=at.hour, minutes=at.minute)
    return now - (now - first) % timedelta(hours=section.every_hours)


def installation(store: Store) -> str:
    """Return the word that tells the backups of this database from those of another one; drawn once."""
    if found := settings.setting(store, _INSTALLATION):
        return found
    with store.write() as work:
        settings.keep_setting(work, _INSTALLATION, drawn := secrets.token_hex(4))
    return drawn


def backed_up(place: Path | Server, target: Path, now: datetime) -> Backup | Dump:
    """Back up what is in a file, or on a server. StoreError, in words, where that cannot be."""
    return dumping.write(place, target) if isinstance(place, Server) else writing.write(place, target, now=now)


def _stem(store: Store, own: str) -> str:
    name = dumping.name_of(store.place) if isinstance(store.place, Server) else store.path.stem
    return f"{name}-{own}-"


def _ending(store: Store) -> str:
    return ".dump" if isinstance(store.place, Server) else ".db.gz"


def _own(folder: Path, stem: str, ending: str) -> list[tuple[datetime, Path]]:
    """Return the backups of this database in a folder, oldest first, each with the time in its name."""
    pattern, found = re.compile(re.escape(stem) + r"(\d{8}T\d{6}Z)" + re.escape(ending)), []
    for file in folder.glob(f"{stem.replace('[', '[[]')}*") if folder.is_dir() else ():
        if named := pattern.fullmatch(file.name):
            with suppress(ValueError):
                found.append((datetime.strptime(named[1], _STAMP).replace(tzinfo=UTC), file))
    return sorted(found)
