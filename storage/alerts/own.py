"""What perpulse has told of itself and is not over: kept, so that another start does not tell it again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from storage.engine import settings
from storage.engine.sql import queries

if TYPE_CHECKING:
    from storage.engine.database import Store
    from storage.engine.work import Work

SQL: Final = queries("storage.alerts")
_PREFIX: Final = "told of itself."


@dataclass(frozen=True, slots=True)
class OwnAlarm:
    """One that goes on. since: when it began. notice: the number of the notice that told of it."""

    name: str
    since: datetime
    notice: int


def told(store: Store) -> tuple[OwnAlarm, ...]:
    """Return those that were told and are not over."""
    every = settings.settings_of(store, _PREFIX)
    kept = {name: json.loads(text) for name, text in every.items() if text}
    return tuple(OwnAlarm(name, datetime.fromisoformat(one["since"]), one["notice"]) for name, one in kept.items())


def begin(work: Work, alarm: OwnAlarm) -> None:
    """Keep that one was told."""
    kept = {"since": alarm.since.isoformat(), "notice": alarm.notice}
    settings.keep_setting(work, _PREFIX + alarm.name, json.dumps(kept))


def over(work: Work, alarm: OwnAlarm, now: int) -> None:
    """Keep that one is over; its beginning is told no more where it still waits, since the end says it too."""
    settings.keep_setting(work, _PREFIX + alarm.name, "")
    work.run(SQL.overtaken_by_end, notice=alarm.notice, now=now)
