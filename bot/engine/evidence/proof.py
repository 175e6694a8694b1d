"""The odds of history go with what is told, and what is said is frozen in the transaction that tells it.

A past that was never looked at takes seconds, and an alarm does not wait for it: so many of them are looked at within a
turn, and the rest is told without a line of odds. The pasts of what is followed are looked at beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import structlog

from signals.alerts.record import definition_of, outcomes, past_words
from signals.alerts.rule import OWN, rule_of, rules
from signals.evidence import horizon_of
from signals.inputs import MARKET
from signals.metric import metrics
from signals.units import DAY, floor, to_ms
from storage.alerts import record
from storage.engine.database import StoreError
from storage.queries.evidence import past as evidence
from storage.queries.evidence.past import PastFires
from storage.queries.market.changes import price_at
from storage.queries.market.charts import PRICE_OF_THE_MARKET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from signals.alerts.event import Event
    from signals.alerts.record import Definition
    from storage.alerts.episodes import Key
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.market.points import Newest

log = structlog.get_logger(__name__)
AT_ONCE: Final = 2  # pasts that are looked at for the first time while an alarm waits, some seconds each


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
        if event.kind != "resolved" and _declared(event.rule):
            new = not past.known(event.rule, event.asset)
            left -= new
            odds = odds_of(store, event) if left >= 0 or not new else None
        found[(event.rule, event.asset), event.at] = Proof(odds, price_of(store, event))
    return found


def price_of(store: Store, event: Event) -> Newest | None:
    """Return the price at the close of an event, None where it is not known."""
    return price_at(store, priced(event.asset), event.at)


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
    if event.kind == "resolved" or not _declared(event.rule):
        return event
    past = record.before(work, _definition(event.rule), event.asset, _horizon(event.rule), episode)
    event = replace(event, evidence=proof.evidence if proof else None, record=past.to_json())
    if event.kind == "fired" and now < floor(event.at, DAY) + DAY:
        freeze(work, event, episode, proof.price if proof else None, now)
    return event


def freeze(work: Work, event: Event, episode: int, price: Newest | None, now: datetime) -> None:
    """Put a fire into the record as it is told."""
    rule = rule_of(event.rule)
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
        private=event.rule.startswith(OWN),
    )


def replayed(store: Store, events: Sequence[Event], end: datetime, *, start: datetime) -> list[Event]:
    """Return the events of a replay after `start` as they would have been told: each with what was known then.

    events: in the order of time. The record is that of a bot that began to run with the first of them, or with the
    first price: what fired before, of which nobody can say what followed, is no part of it. While there is nothing but
    that, no record is told: it was fired before, and "first time" would be wrong.
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
    closes, days = past.closes(priced(event.asset), end)[0], _horizon(event.rule)
    first = closes.first
    priced_fires = [at for at in before if first is not None and to_ms(at) >= first]
    words = past_words(len(priced_fires), days, outcomes(priced_fires, closes.until(event.at), days))
    known = bool(priced_fires) or not before
    return replace(event, evidence=odds_of(store, event), record=words.to_json() if known else None)


def _horizon(rule: str) -> int:
    return horizon_of(rule_of(rule), metrics()[rule_of(rule).metrics[0]])


@lru_cache(maxsize=10_000)
def _definition(rule: str) -> Definition:
    return definition_of(rule_of(rule), metrics())


def _declared(rule: str) -> bool:
    return rule in rules() or rule.startswith(OWN)


def priced(asset: str) -> str:
    """Return whose price an alarm is judged by: a figure of the whole market is by that of bitcoin."""
    return PRICE_OF_THE_MARKET if asset == MARKET else asset
