"""What is told is proved: the odds of history go with it, and what was said is frozen, and judged in its time.

A past that was never looked at takes seconds, and an alarm does not wait for it: so many of them are looked at within a
turn, and the rest is told without a line of odds. The pasts of what is followed are looked at beforehand.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import structlog

from signals.alerts.rule import rules
from signals.evidence import case_of, extremes, horizon_of
from signals.inputs import MARKET
from signals.metric import metrics
from signals.record import AFTER, definition_of, outcomes, past_words
from signals.units import DAY, DAY_MS, MINUTE, floor, to_ms
from storage.alerts import record
from storage.engine.database import StoreError
from storage.queries import evidence
from storage.queries.evidence import PastFires
from storage.queries.market.changes import price_at
from storage.queries.market.charts import PRICE_OF_THE_MARKET
from storage.queries.market.known_at import newest_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from signals.alerts.event import Event
    from signals.evidence import DailyCloses
    from signals.record import Definition
    from storage.alerts.episodes import Key
    from storage.alerts.record import Entry
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.market.points import Newest

log = structlog.get_logger(__name__)
AT_ONCE: Final = 2  # pasts that are looked at for the first time while an alarm waits, some seconds each
LOOKED_BACK: Final = 10 * MINUTE  # how often it is asked whether a day has closed
_SHARE: Final = 3  # of the time that one took is waited after it: what is done beforehand takes a quarter of a core


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of an event beside itself: the odds as plain data, and the price at that close."""

    evidence: Mapping[str, Any] | None
    price: Newest | None


def proofs(store: Store, events: Iterable[Event]) -> dict[tuple[Key, datetime], Proof]:
    """Look up what goes with events, outside of any transaction: reading a past may take seconds."""
    past, left = store.beside(PastFires), AT_ONCE
    found: dict[tuple[Key, datetime], Proof] = {}
    for event in events:
        odds = None
        if event.kind != "resolved" and event.rule in rules():
            new = not past.known(event.rule, event.asset)
            left -= new
            odds = odds_of(store, event) if left >= 0 or not new else None
        found[(event.rule, event.asset), event.at] = Proof(odds, price_of(store, event))
    return found


def price_of(store: Store, event: Event) -> Newest | None:
    """Return the price at the close of an event, None where it is not known."""
    return price_at(store, _priced(event.asset), event.at)


def odds_of(store: Store, event: Event) -> Mapping[str, Any] | None:
    """Return the odds of a rule before an episode of it, as they were known at an event; None where there are none."""
    try:
        found = evidence.read(store, event.rule, event.asset, event.at, before=event.since)
    except StoreError:
        raise
    except Exception:
        # A past that cannot be computed is a fault of ours, and no reason to keep silent of the present.
        log.exception("the evidence of a rule could not be computed", rule=event.rule, asset=event.asset)
        return None
    return found.odds(found.horizon).to_json() if found else None


def with_proof(work: Work, event: Event, episode: int, proof: Proof | None, now: datetime) -> Event:
    """Return an event with its odds and its record, and freeze it where it is a fire; in the transaction that tells it.

    What is told so late that its outcome has begun is no part of the record: it was not said in advance.
    """
    if event.kind == "resolved" or event.rule not in rules():
        return event
    past = record.before(work, _definition(event.rule), event.asset, _horizon(event.rule), episode)
    event = replace(event, evidence=proof.evidence if proof else None, record=past.to_json())
    if event.kind == "fired" and now < floor(event.at, DAY) + DAY:
        freeze(work, event, episode, proof.price if proof else None, now)
    return event


def freeze(work: Work, event: Event, episode: int, price: Newest | None, now: datetime) -> None:
    """Put a fire into the record as it is told."""
    rule = rules()[event.rule]
    record.freeze(
        work,
        event.to_json(),
        _definition(event.rule),
        rank=event.rank,
        asset=event.asset,
        at=event.at,
        episode=episode,
        price=price,
        sentences={"headline": rule.headline, "legs": list(rule.legs), "counter": rule.counter},
        now=now,
    )


def replayed(store: Store, events: Sequence[Event], end: datetime, *, start: datetime) -> list[Event]:
    """Return the events of a replay after `start` as they would have been told: each with what was known then.

    events: in the order of time. The record is that of a bot that began to run with the first of them.
    """
    past = store.beside(PastFires)
    fired: dict[Key, list[datetime]] = {}
    found = []
    for event in events:
        if event.at > start:
            before = [at for at in fired.get((event.rule, event.asset), ()) if at < event.since]
            found.append(event if event.kind == "resolved" else _replayed(store, past, event, before, end))
        if event.kind == "fired":
            fired.setdefault((event.rule, event.asset), []).append(event.at)
    return found


def _replayed(store: Store, past: PastFires, event: Event, before: Sequence[datetime], end: datetime) -> Event:
    past.of(event.rule, event.asset, end)  # once for the whole replay
    closes, days = past.closes(_priced(event.asset), end)[0], _horizon(event.rule)
    words = past_words(len(before), days, outcomes(before, closes.until(event.at), days))
    return replace(event, evidence=odds_of(store, event), record=words.to_json())


def _horizon(rule: str) -> int:
    return horizon_of(rules()[rule], metrics()[rules()[rule].metrics[0]])


@cache
def _definition(rule: str) -> Definition:
    return definition_of(rules()[rule], metrics())


def _priced(asset: str) -> str:
    """Return whose price an alarm is judged by: a figure of the whole market is by that of bitcoin."""
    return PRICE_OF_THE_MARKET if asset == MARKET else asset


# --- what became of it ------------------------------------------------------------------------------------------------


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
    asset = _priced(entry.asset)
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
    of_market = all(metrics()[name].market_wide for name in rules()[rule].metrics)
    if of_market != (asset == MARKET) or past.current(rule, asset, now):
        return False
    past.of(rule, asset, now)
    return True
