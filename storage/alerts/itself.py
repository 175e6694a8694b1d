"""What perpulse has told of itself and is not over: kept, so that another start does not tell it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from signals.units import to_ms
from storage.engine import settings
from storage.engine.sql import queries

if TYPE_CHECKING:
    from storage.engine.database import Store
    from storage.engine.work import Work

SQL: Final = queries("storage.alerts")
_PREFIX: Final = "told of itself."


@dataclass(frozen=True, slots=True)
class OwnAlarm:
    """One that goes on. since: when it began."""

    name: str
    since: datetime


def rule(name: str) -> str:
    """Return what its notices are kept under."""
    return f"self {name}"


def told(store: Store) -> tuple[OwnAlarm, ...]:
    """Return those that were told and are not over."""
    every = settings.settings_of(store, _PREFIX)
    return tuple(OwnAlarm(name, datetime.fromisoformat(since)) for name, since in every.items() if since)


def begin(work: Work, alarm: OwnAlarm) -> None:
    """Keep that one was told."""
    settings.keep_setting(work, _PREFIX + alarm.name, alarm.since.isoformat())


def over(work: Work, name: str, now: datetime) -> None:
    """Keep that one is over; its beginning is told no more where it still waits, since the end says it too."""
    settings.keep_setting(work, _PREFIX + name, "")
    work.run(SQL.overtaken_by_end, rule=rule(name), now=to_ms(now))
