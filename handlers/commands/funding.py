"""/funding: the rate as each exchange states it, what it costs a year, and when it is paid next."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from handlers.command import Deps, command
from handlers.commands.market import answered, more, nothing_stored
from handlers.language.assets import OneAsset, meant_asset
from handlers.reply import Block, Line, Reply
from handlers.words import readings as words
from handlers.words import wording
from signals.units import HOUR
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from storage.queries.market.funding import Funding, Paid

# As in market.py: whatever brings numpy along is imported when a command runs.


@command(subject="market", example="/funding btc")
async def funding(deps: Deps, args: OneAsset) -> Reply:
    """Funding: the rate, its yearly cost, the next payment.

    Shows the rate as the exchange states it, its interval and the simple yearly rate together, what a position of
    $100,000 pays a day, and how the rate compares with its own past year; then the other exchanges, and the mean of all
    by their open interest. It tells who pays, never where price goes.
    """
    from storage.queries.market import funding as query  # noqa: PLC0415 - as in market.py

    asset = meant_asset(deps, args.asset, "/funding btc")
    found = await asyncio.to_thread(query.read, deps.store, asset, deps.now)
    if found.readings.nothing:
        raise await nothing_stored(deps, asset, (query.RATE, query.YEAR))
    if found.main is None:
        lines: list[Block] = [
            Line(f"{asset} funding: {words.why_not(found.readings.lacking(query.RATE))}.", "headline")
        ]
        return answered(deps, asset, lines, {}, (), outdated=found.readings.outdated)
    cost = found.long_pays_a_day(100_000)
    lines = [
        Line(f"{asset} funding: {wording.apr(found.apr * 100)}. {_who_pays(found.apr)}", "headline"),
        Line(_paid(found, deps.now, deps.zone)),
        Line(f"A $100k long {'pays' if cost >= 0 else 'receives'} {wording.usd(abs(cost))} a day at this rate."),
        Line(_band(found.apr)),
        Line(_in_a_year(found.percentile, found.days or 0.0) if found.percentile is not None else _no_year(found)),
        *_elsewhere(found, deps.now),
        more(asset, "funding"),
    ]
    values = {
        "funding_rate": found.rate,
        "interval_hours": found.hours,
        "apr": found.apr,
        "percentile": found.percentile,
        "next_settlement": found.due,
        "last_paid_apr": found.paid.apr if found.paid else None,
        "last_paid_at": found.paid.at if found.paid else None,
        "long_100k_pays_per_day_usd": cost,
        "by_venue": {
            rate.venue: {"funding_rate": rate.rate, "interval_hours": rate.hours, "apr": rate.apr}
            for rate in found.by_venue
        },
        "apr_weighted": found.weighted.apr if found.weighted else None,
    }
    return answered(deps, asset, lines, values, (found.main.stamp,), outdated=found.readings.outdated)


def _elsewhere(found: Funding, now: datetime) -> Iterator[Line]:
    """Say the other venues' rates, each as it is stated there, and what all come to by open interest."""
    others = [rate for rate in found.by_venue if found.main is None or rate.venue not in found.main.stamp.venues]
    for rate in others:
        stated, due = wording.rate(rate.rate, rate.hours), wording.duration(rate.due - now)
        yield Line(f"– {venue_title(rate.venue)}: {wording.apr(rate.apr * 100)}, {stated}, paid in {due}")
    if found.weighted and others:
        mean = wording.apr(found.weighted.apr * 100)
        yield Line(f"Weighted by open interest on {len(found.weighted.venues)} venues: {mean}.")


def _who_pays(apr: float) -> str:
    return "Longs pay shorts." if apr > 0 else "Shorts pay longs." if apr < 0 else "Neither side pays."


def _paid(found: Funding, now: datetime, zone: str) -> str:
    """Say the rate as it is stated, and whether it was paid or is only heading there."""
    stated, paid = wording.rate(found.rate, found.hours), found.paid
    due = f"at {wording.clock(found.due, zone)}, in {wording.duration(found.due - now)}" if found.due else ""
    if paid and not paid.heading:
        when = wording.clock(paid.at, zone, dated=now - paid.at > 20 * HOUR)
        return f"Last paid {stated}, at {when}{f'; next payment {due}' if due else ''}."
    said = f"Now heading to {stated}{f', paid {due}' if due else ''}."
    if paid is None:
        return said
    when = wording.clock(paid.at, zone, dated=now - paid.at > 20 * HOUR)
    return f"{said} Last paid: {wording.apr(paid.apr * 100)}, at {when}."


def heading(apr: float | None, paid: Paid | None, now: datetime, zone: str) -> str:
    """Say of a yearly rate whether it was paid or funding is only heading there; "" where that is not known."""
    if paid is None or apr is None:
        return ""
    when = wording.clock(paid.at, zone, dated=now - paid.at > 20 * HOUR)
    if paid.heading:
        return f"Now heading to {wording.apr(apr * 100)}; last paid {wording.apr(paid.apr * 100)}, at {when}."
    return f"{wording.apr(apr * 100)} was paid last, at {when}."


def _band(apr: float) -> str:
    """Say where the rate stands against its neutral band. Never a direction: the same rate is read both ways."""
    if abs(apr - 0.1095) < 0.02:
        return "Near its resting rate of 11 % a year: neutral."
    if -0.05 <= apr <= 0.15:
        return "Neutral: between −5 and +15 % a year. It rests near +11 %."
    if apr > 0:
        return "Above the neutral band of −5 to +15 % a year: longs pay much to stay."
    return "Below the neutral band of −5 to +15 % a year: shorts pay to stay."


def _in_a_year(percentile: float, days: float) -> str:
    part = percentile * 100
    side, part = ("Higher", part) if part >= 50 else ("Lower", 100 - part)
    return f"{side} than {wording.share(min(part, 99))} of the past {wording.count(min(365, round(days)), 'day')}."


def _no_year(found: Funding) -> str:
    from signals.series import MIN_SHARE  # noqa: PLC0415 - as in market.py

    if found.days is None:
        return f"Against its past year: {words.why_not(found.readings.lacking('funding_stretch'))}."
    return f"Against its past year: learning, {round(found.days)} of {math.ceil(365 * MIN_SHARE)} days."
