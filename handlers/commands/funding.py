"""/funding: the rate as each exchange states it, what it costs a year, and when it is paid next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from handlers.command import Deps, command
from handlers.commands.market import OneAsset, answered, more, value
from handlers.reply import Block, Line, Reply
from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from handlers.by_venue import Rate
    from handlers.looking import Look
    from signals.metric import Reading

# As in market.py: whatever brings numpy along is imported when a command runs.


@command(subject="market", example="/funding btc")
async def funding(deps: Deps, args: OneAsset) -> Reply:
    """Funding: the rate, its yearly cost, the next payment.

    Shows the rate as the exchange states it, its interval and the simple yearly rate together, what a position of
    $100,000 pays a day, and how the rate compares with its own past year; then the other exchanges, and the mean of all
    by their open interest. It tells who pays, never where price goes.
    """
    from handlers import by_venue, looking  # noqa: PLC0415 - as in market.py
    from signals.units import next_settlement  # noqa: PLC0415 - as in market.py

    look = await looking.look(deps, args.asset, ("funding_apr", "funding_stretch"), example="/funding btc")
    rate, year = look.get("funding_apr"), look.get("funding_stretch")
    used = rate or year
    if used is None:
        reason = f"{look.asset} funding: {look.why_not('funding_apr')}."
        return answered(deps, look, [Line(reason, "headline")], {})
    apr, each, hours = (value(used, name) or 0.0 for name in ("value", "rate", "interval_hours"))
    stale = looking.stale_since((used,), deps) is not None
    due = None if stale or hours <= 0 else next_settlement(deps.now, hours)
    cost = apr / 365 * 100_000
    every = by_venue.rates(deps, look.asset)
    mean = by_venue.weighted(deps, look.asset, every)
    lines: list[Block] = [
        Line(f"{look.asset} funding: {wording.apr(apr * 100)}. {_who_pays(apr)}", "headline"),
        Line(f"{wording.rate(each, hours)}{_next(due, deps.now, look.zone)}."),
        Line(f"A $100k long {'pays' if cost >= 0 else 'receives'} {wording.usd(abs(cost))} a day at this rate."),
        Line(_band(apr)),
        Line(_in_a_year(year) if year and value(year, "pct") is not None else _no_year(look)),
        *_elsewhere(every, used, mean, deps.now),
        more(look.asset, "funding"),
    ]
    values = {
        "funding_rate": each,
        "interval_hours": hours,
        "apr": apr,
        "percentile": value(year, "pct"),
        "next_settlement": due,
        "long_100k_pays_per_day_usd": cost,
        "by_venue": {
            each.venue: {"funding_rate": each.rate, "interval_hours": each.hours, "apr": each.apr} for each in every
        },
        "apr_weighted": mean[0] if mean else None,
    }
    return answered(deps, look, lines, values, (used,))


def _elsewhere(
    every: Sequence[Rate], used: Reading, mean: tuple[float, tuple[str, ...]] | None, now: datetime
) -> Iterator[Line]:
    """Say the other venues' rates, each as it is stated there, and what all come to by open interest."""
    from signals.units import next_settlement  # noqa: PLC0415 - as in market.py
    from signals.venues import venue_title  # noqa: PLC0415 - as in market.py

    others = [each for each in every if each.venue not in used.venues]
    for each in others:
        due = wording.duration(next_settlement(now, each.hours) - now)
        name = venue_title(each.venue)
        yield Line(f"– {name}: {wording.apr(each.apr * 100)}, {wording.rate(each.rate, each.hours)}, paid in {due}")
    if mean and others:
        yield Line(f"Weighted by open interest on {len(mean[1])} venues: {wording.apr(mean[0] * 100)}.")


def _who_pays(apr: float) -> str:
    return "Longs pay shorts." if apr > 0 else "Shorts pay longs." if apr < 0 else "Neither side pays."


def _next(due: datetime | None, now: datetime, zone: str) -> str:
    return "" if due is None else f", next payment at {wording.clock(due, zone)}, in {wording.duration(due - now)}"


def _band(apr: float) -> str:
    """Say where the rate stands against its neutral band. Never a direction: the same rate is read both ways."""
    if abs(apr - 0.1095) < 0.02:
        return "Near its resting rate of 11 % a year: neutral."
    if -0.05 <= apr <= 0.15:
        return "Neutral: between −5 and +15 % a year. It rests near +11 %."
    if apr > 0:
        return "Above the neutral band of −5 to +15 % a year: longs pay much to stay."
    return "Below the neutral band of −5 to +15 % a year: shorts pay to stay."


def _in_a_year(reading: Reading) -> str:
    pct = (value(reading, "pct") or 0.0) * 100
    days = min(365, round(reading.seen.total_seconds() / 86400))
    side, part = ("Higher", pct) if pct >= 50 else ("Lower", 100 - pct)
    return f"{side} than {wording.share(min(part, 99))} of the past {wording.count(days, 'day')}."


def _no_year(look: Look) -> str:
    from signals.series import MIN_SHARE  # noqa: PLC0415 - as in market.py

    year = look.get("funding_stretch")
    if year is None:
        return f"Against its past year: {look.why_not('funding_stretch')}."
    days = round(year.seen.total_seconds() / 86400)
    return f"Against its past year: learning, {days} of {math.ceil(365 * MIN_SHARE)} days."
