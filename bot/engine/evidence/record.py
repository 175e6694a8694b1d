"""What came of what was told is appended when its close is stored, and the past is looked at before an alarm asks."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from bot.engine.evidence.proof import priced
from signals.alerts.record import AFTER
from signals.alerts.rule import rules
from signals.evidence import case_of, extremes
from signals.inputs import MARKET
from signals.units import DAY, DAY_MS, MINUTE, to_ms
from storage.alerts import record
from storage.queries.evidence.past import PastFires
from storage.queries.market.known_at import newest_by

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.clock import Clock
    from signals.evidence import DailyCloses
    from storage.alerts.record import Entry
    from storage.engine.database import Store
    from storage.market.points import Newest

LOOKED_BACK: Final = 10 * MINUTE  # how often it is asked whether a day has closed
_SHARE: Final = 3  # of the time that one took is waited after it: what is done beforehand takes a quarter of a core


def judge_record(store: Store, now: datetime) -> int:
    """Append the outcomes whose close is stored by now, and return how many."""
    count = 0
    for entry in record.unjudged(store, now):
        found = _outcomes(store, entry, now)
        if found:
            with store.write() as work:
                for outcome in found:
                    record.append(work, entry.id, outcome)
            count += len(found)
    return count


def _outcomes(store: Store, entry: Entry, now: datetime) -> list[record.Outcome]:
    asset = priced(entry.asset)
    closes, _ = store.beside(PastFires).closes(asset, now)
    case = case_of(entry.at, closes, AFTER)
    if case.entry_at is None or not _closed(store, asset, case.entry_at):
        return []
    found = []
    for days, change in case.changes.items():
        at = case.entry_at + days * DAY
        close = _closed(store, asset, at)
        if close is None or entry.outcome(days):
            continue
        worst, best = extremes(closes, _row(closes, case.entry_at), days)
        price = case.entry * (1 + change)
        found.append(record.Outcome(days, case.entry_at, case.entry, at, price, change, worst, best, close.venue, now))
    return found


def _row(closes: DailyCloses, at: datetime) -> int:
    return (to_ms(at) - int(closes.times[0])) // DAY_MS


def _closed(store: Store, asset: str, at: datetime) -> Newest | None:
    """Return the close of a day, None where it is not stored: an hour before it is another price, for ever frozen."""
    found = newest_by(store, asset, "close", at)
    return found if found and found.at == at else None


# --- beforehand -------------------------------------------------------------------------------------------------------


async def look_back(store: Store, assets: Sequence[str], clock: Clock) -> Counter[str]:
    """Look at the past of everything that is followed, one after the other, and judge the record. Return what was done.

    What was looked at today costs nothing. Each past is a job of its own in a thread, and the bot works in between.
    """
    done = Counter(judged=await asyncio.to_thread(judge_record, store, clock.now()))
    past = store.beside(PastFires)
    for asset in (*assets, MARKET):
        for rule in rules():
            began = clock.monotonic()
            if await asyncio.to_thread(_looked_at, past, rule, asset, clock.now()):
                done["looked"] += 1
                await asyncio.sleep(_SHARE * (clock.monotonic() - began))
    return done


def _looked_at(past: PastFires, rule: str, asset: str, now: datetime) -> bool:
    """Look at one past; False where there was nothing to do."""
    if rules()[rule].market_wide != (asset == MARKET) or past.current(rule, asset, now):
        return False
    past.of(rule, asset, now)
    return True
