"""When the clock of this machine last jumped, so that `status` in another process can tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from signals.units import from_ms, to_ms
from storage.engine import settings

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store
    from storage.engine.work import Work

_NAME: Final = "clock jumped"


@dataclass(frozen=True, slots=True)
class ClockJump:
    """A jump of the machine's clock. at: the time after it, by that clock. by: how far; below zero it was set back.

    followed: perpulse goes by it; else by the time as it went before, because others say that the jump was wrong.
    """

    at: datetime
    by: timedelta
    followed: bool = True


def note(work: Work, jump: ClockJump) -> None:
    """Keep a jump in the place of the one before."""
    kept = {"at": to_ms(jump.at), "seconds": jump.by.total_seconds(), "followed": jump.followed}
    settings.keep_setting(work, _NAME, json.dumps(kept))


def last(store: Store) -> ClockJump | None:
    """Return the last jump that was noticed."""
    text = settings.setting(store, _NAME)
    if text is None:
        return None
    kept = json.loads(text)
    return ClockJump(from_ms(kept["at"]), timedelta(seconds=kept["seconds"]), kept["followed"])
