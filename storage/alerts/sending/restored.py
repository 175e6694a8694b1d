"""A database that was put back from a backup: what it may have sent since then is not sent again.

A backup knows nothing of what was sent after it was made. So whatever waited in it is settled where it is restored, and
so is what is found out then: events of the time before, and all that the first minutes judge anew, since positions and
sources are told of by how they stood in the backup. For each destination one message says how much that was. What is
ordered for a time (digests) goes on with the next time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from signals.units import from_ms, to_ms
from storage.alerts.sending import spreading
from storage.engine import settings
from storage.engine.backup.reading import BACKED_UP, backed_up
from storage.engine.sql import queries
from storage.people import digests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from storage.alerts.outbox import Notice
    from storage.engine.database import Store
    from storage.engine.work import Work

SQL: Final = queries("storage.alerts")
SETTLES: Final = timedelta(minutes=5)  # after the first start, until what happened meanwhile is read and judged
REASON: Final = "restored from a backup; it may have been sent before"
_NAME: Final = "restored"
_TOLD_ALL_THE_SAME: Final = frozenset({"late", "held", "digest", "owner", "self"})  # made anew, of the time after it


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore.

    backup: when that was made. at: when it was put back. until: what is judged until then is not told by itself; None
    before the first start. told: that is over, and each destination was told how much it was.
    """

    backup: datetime
    at: datetime
    until: datetime | None = None
    told: bool = False

    def to_text(self) -> str:
        """Return it as a text that `read` reads back."""
        until = self.until and self.until.isoformat()
        kept = {"backup": self.backup.isoformat(), "at": self.at.isoformat(), "until": until, "told": self.told}
        return json.dumps(kept)


def read(work: Work) -> Restored | None:
    """Return when this database was last restored; None where it never was."""
    row = work.one(SQL.restored, name=_NAME)
    if row is None:
        return None
    kept = json.loads(row["value"])
    until = kept["until"] and datetime.fromisoformat(kept["until"])
    return Restored(datetime.fromisoformat(kept["backup"]), datetime.fromisoformat(kept["at"]), until, kept["told"])


def mark(store: Store, backup: datetime, *, now: datetime) -> int:
    """Make a copy that is about to be put back send nothing that was sent; return how many rows waited in it."""
    with store.write() as work:
        spreading.everything(work)
        waited = work.run(SQL.settle_waiting, reason=REASON, now=to_ms(now))
        for ordered in digests.every(store):
            if ordered.due <= now:
                digests.plan(work, ordered, ordered.next_after(now))
        _keep(work, Restored(backup, now))
        settings.keep_setting(work, BACKED_UP, "")  # from here on it is no copy any more
    return waited


def begun(store: Store, now: datetime) -> None:
    """Learn that perpulse runs on this database from now on.

    A copy says of itself that it is one, so that a backup which was unpacked by hand is known as well.
    """
    with store.write() as work:
        found, copied = read(work), backed_up(store)
        if copied:
            mark(store, copied, now=now)
            found = read(work)
        if found and found.until is None:
            _keep(work, replace(found, until=now + SETTLES))


def silence(work: Work, notice: Notice, number: int, now: datetime) -> None:
    """Settle what was just written of a notice that is of the time before a restore, or found out right after it."""
    found = read(work)
    if found and notice.kind not in _TOLD_ALL_THE_SAME and (not found.told or notice.at < found.at):
        spreading.of_notice(work, number)
        work.run(SQL.settle_notice, notice=number, reason=REASON, now=to_ms(now))


def untold(work: Work, now: datetime) -> tuple[Restored, Mapping[int, list[tuple[datetime, Any]]]] | None:
    """Return, once, what was settled because of a restore: by destination, when each was and its event.

    None where there is none to be told now: nothing was restored, its first minutes are not over, or it was told.
    """
    found = read(work)
    if found is None or found.told or found.until is None or now < found.until:
        return None
    _keep(work, replace(found, told=True))
    told: dict[int, list[tuple[datetime, Any]]] = {}
    for row in work.rows(SQL.settled_by_restore, reason=REASON, since=to_ms(found.at)):
        told.setdefault(row["destination"], []).append((from_ms(row["at"]), json.loads(row["payload"])))
    return found, told


def _keep(work: Work, restored: Restored) -> None:
    settings.keep_setting(work, _NAME, restored.to_text())
