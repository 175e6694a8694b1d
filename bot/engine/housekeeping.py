"""Keeping the database small: once a day what has grown old is thinned, a few milliseconds at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from signals.units import HOUR
from storage.market import retention
from storage.market.retention import RetentionRule
from storage.people.forgetting import forget_gone

if TYPE_CHECKING:
    from bot.clock import Clock
    from bot.config import Retention
    from storage.engine.database import Store

LOOKED = HOUR  # how often it is asked whether a day has gone by: a bot restarted daily is cleaned too
_SHARE: Final = 3  # of the time of a step is waited after it, so that cleaning takes a quarter of a core at most

log = structlog.get_logger(__name__)


def rule_of(settings: Retention) -> RetentionRule:
    """Turn the settings into the rule."""
    return RetentionRule(
        minutes=timedelta(days=settings.minutes_days),
        five_minutes=timedelta(days=settings.five_minutes_days),
        chains=timedelta(days=settings.chains_days),
        messages=timedelta(days=settings.messages_days),
        closed=timedelta(days=settings.closed_days),
        history=timedelta(days=settings.history_days) if settings.history_days else None,
    )


async def turn(store: Store, rule: RetentionRule, clock: Clock) -> Counter[str] | None:
    """Clean up if a day has gone by since the last time; return how many rows went by kind, None when not due.

    Each transaction is a job of its own in a thread, so that the bot writes in between. Cut off by a stop or a full
    disk, it goes on at the next call.
    """
    if not await asyncio.to_thread(retention.due, store, clock.now()):
        return None
    steps, gone = retention.clean(store, rule, clock.now()), Counter[str]()
    began = clock.monotonic()
    while (step := await asyncio.to_thread(next, steps, None)) is not None:
        gone[step.kind] += step.rows
        now = clock.monotonic()
        await asyncio.sleep(_SHARE * (now - began))
        began = clock.monotonic()
    if forgotten := await asyncio.to_thread(forget_gone, store, clock.now() - rule.closed):
        gone["chats"] = forgotten
    log.info("old rows removed", **gone)
    return gone
