"""A rule of one's own that says nothing any more tells its chat once, and is paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.event import OWN_GONE, news_for
from signals.inputs import MARKET
from storage.alerts import outbox
from storage.people import rules as people

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from signals.alerts.rule import AlertRule
    from storage.engine.database import Store
    from storage.people.rules import OwnRule


def tell_gone(
    store: Store, rows: Sequence[OwnRule], known: Mapping[str, AlertRule], followed: Sequence[str], now: datetime
) -> int:
    """Pause each rule whose metric or whose assets went away, and tell its chat; return how many."""
    gone = [
        (row, "rule" if row.worded.rule not in known else "assets")
        for row in rows
        if row.paused is None and (row.worded.rule not in known or _without_assets(row, known, followed))
    ]
    if gone:
        with store.write() as work:
            for row, what in gone:
                people.pause(work, row.destination, row.number, "gone", now)
                payload = {"event": OWN_GONE, "number": row.number, "line": row.worded.line, "what": what}
                notice = outbox.Notice("owner", "notice", now, payload)
                outbox.announce_to(work, row.destination, notice, now=now, expires=now + news_for("notice", "owner"))
    return len(gone)


def _without_assets(row: OwnRule, known: Mapping[str, AlertRule], followed: Sequence[str]) -> bool:
    of = row.worded.scope.get("assets")
    return of is not None and not {*of} & {*followed, MARKET} and not known[row.worded.rule].market_wide
