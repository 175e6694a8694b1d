"""/funding: the rate as each exchange states it, what it costs a year, and when it is paid next."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from handlers.command import Deps, Refused, command
from handlers.commands.market import answered, more, nothing_stored
from handlers.language.assets import meant_asset
from handlers.language.kinds import ASSET, VENUE, argument, choice
from handlers.reply import Block, Button, Buttons, Line, Reply, Table
from handlers.words import readings as words
from handlers.words import wording
from signals.inputs import MARKET
from signals.units import HOUR, next_settlement
from signals.venues import venue_order, venue_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from storage.queries.market.funding import Funding, Paid, Rate

# As in market.py: whatever brings numpy along is imported when a command runs.

ENDS: Final = 5  # of a ranking that are shown: so many dearest, so many cheapest
EVERY: Final = 40  # rows of the whole list: more is no answer on a phone


@dataclass(frozen=True, slots=True)
class Asked:
    """Which asset, at which exchange; or all of them ranked."""

    asset: str | None = argument(ASSET, default=None)
    venue: str | None = argument(VENUE, default=None)
    ranking: str | None = argument(choice("ranking", {"top": "top", "all": "all"}), default=None, label="top")


@command(
    subject="market",
    example="/funding btc",
    words="funding rate, funding rates, fundings, rates, perp rate, paid to hold, who pays, paying",
    glance="funding",
)
async def funding(deps: Deps, args: Asked) -> Reply:
    """Funding: the rate, its yearly cost, the next payment.

    Shows the rate as the exchange states it, its interval and the simple yearly rate together, what a position of
    $100,000 pays a day, and how the rate compares with its own past year; then the other exchanges, and the mean of all
    by their open interest. It tells who pays, never where price goes.

    /funding btc bybit tells one exchange alone. /funding top ranks all stored assets, the five dearest and the five
    cheapest; /funding all lists every one, and /funding bybit those of an exchange.
    """
    from storage.queries.market import funding as query  # noqa: PLC0415 - as in market.py

    if args.asset is None and (args.ranking or args.venue):
        return await _ranked(deps, args)
    if args.venue:
        return await _at_one(deps, meant_asset(deps, args.asset, "/funding btc"), args.venue)
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
        Line(_stated(found.rate, found.hours, found.due, found.paid, deps)),
        Line(_of_100k(cost)),
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
        "next_settlement": _next(found.due, found.hours, deps.now),
        "last_paid_apr": found.paid.apr if found.paid else None,
        "last_paid_at": found.paid.at if found.paid else None,
        "long_100k_pays_per_day_usd": cost,
        "by_venue": {rate.venue: _as_values(rate) for rate in found.by_venue},
        "apr_weighted": found.weighted.apr if found.weighted else None,
    }
    return answered(deps, asset, lines, values, (found.main.stamp,), outdated=found.readings.outdated)


async def _at_one(deps: Deps, asset: str, venue: str) -> Reply:
    """Tell the rate of one exchange."""
    from storage.queries.freshness import Stamp  # noqa: PLC0415 - as in market.py
    from storage.queries.market import funding as query  # noqa: PLC0415 - as in market.py

    every = {rate.venue: rate for rate in await asyncio.to_thread(query.rates, deps.store, asset, deps.now)}
    rate = every.get(venue)
    if rate is None:
        there = f" {wording.listing(words.named(every))} has one." if len(every) == 1 else ""
        there = f" There is one of {wording.listing(words.named(every))}." if len(every) > 1 else there
        raise Refused(
            f"No current funding rate of {asset} at {venue_title(venue)} is stored.{there}", outdated=(asset,)
        )
    paid = await asyncio.to_thread(query.paid_at, deps.store, asset, venue, rate.hours, deps.now)
    cost = rate.apr / 365 * 100_000
    lines: list[Block] = [
        Line(
            f"{asset} funding at {venue_title(venue)}: {wording.apr(rate.apr * 100)}. {_who_pays(rate.apr)}", "headline"
        ),
        Line(_stated(rate.rate, rate.hours, rate.due, paid, deps)),
        Line(_of_100k(cost)),
        Line(_band(rate.apr)),
        Buttons((Button("All exchanges", f"/funding {asset.lower()}"), Button("Top", "/funding top"))),
    ]
    values = {
        "venue": venue,
        **_as_values(rate),
        "next_settlement": _next(rate.due, rate.hours, deps.now),
        "long_100k_pays_per_day_usd": cost,
        "last_paid_apr": paid.apr if paid else None,
        "last_paid_at": paid.at if paid else None,
    }
    return answered(deps, asset, lines, values, (Stamp((venue,), rate.at),), outdated=False)


async def _ranked(deps: Deps, args: Asked) -> Reply:
    """Rank the rates of all assets."""
    from storage.queries.freshness import Stamp  # noqa: PLC0415 - as in market.py
    from storage.queries.market import funding as query  # noqa: PLC0415 - as in market.py

    every = await asyncio.to_thread(query.ranked, deps.store, deps.now, args.venue)
    where = f" at {venue_title(args.venue)}" if args.venue else ""
    if not every:
        raise Refused(f"No current funding rate{where} is stored; /sources says who answers.", outdated=deps.assets)
    rows = [
        (asset, wording.apr(rate.apr * 100).removesuffix(" a year"), wording.rate(rate.rate, rate.hours))
        for asset, rate in every.items()
    ]
    most = EVERY if args.ranking == "all" else 2 * ENDS
    left = max(0, len(rows) - most)
    shown = [*rows[: most // 2], *rows[len(rows) - most // 2 :]] if left else rows
    (first, dearest), (last, cheapest) = next(iter(every.items())), list(every.items())[-1]
    said = f"{first} {wording.apr(dearest.apr * 100)}"
    if len(every) > 1:
        said = f"highest {said}, lowest {last} {wording.apr(cheapest.apr * 100)}"
    lines: list[Block] = [
        Line(f"Funding of {wording.count(len(every), 'asset')}{where}: {said}.", "headline"),
        Table(("", "a year", "as stated"), tuple(shown)),
        Line(f"{f'{left} between them are left out. ' if left else ''}Above zero longs pay, below it shorts do."),
        Line(_paid_or_next({row[0]: every[row[0]] for row in shown}, deps.now)),
    ]
    if not args.venue:
        lines.append(Line("Each at its main exchange; name one for its own, like /funding bybit.", "caveat"))
    venues = tuple(sorted({rate.venue for rate in every.values()}, key=venue_order))
    stamp = Stamp(venues, min(rate.at for rate in every.values()))
    values = {"by_asset": {asset: {"venue": rate.venue, **_as_values(rate)} for asset, rate in every.items()}}
    return answered(deps, MARKET, lines, values, (stamp,), outdated=False)


def _as_values(rate: Rate) -> dict[str, float | bool]:
    return {"funding_rate": rate.rate, "interval_hours": rate.hours, "apr": rate.apr, "paid": rate.settled}


def _paid_or_next(shown: Mapping[str, Rate], now: datetime) -> str:
    """Say of ranked rates which were paid, which are paid next, and which were due and are not told since."""
    by_state: dict[str, list[str]] = {}
    for asset, rate in shown.items():
        by_state.setdefault(rate.state(now), []).append(asset)
    if len(by_state) == 1:
        these, *be = ("This rate", "was", "is") if len(shown) == 1 else ("These rates", "were", "are")
        return f"{these} {_STATES[next(iter(by_state))].format(*be)}."
    last = max(by_state, key=lambda state: len(by_state[state]))
    said = [f"{_NAMED[state]}: {wording.listing(by_state[state])}." for state in by_state if state != last]
    return " ".join([*said, f"The others {_STATES[last].format('were', 'are')}."])


_STATES: Final = {"paid": "{0} paid last", "due": "{0} due, and what was paid is not told yet", "next": "{1} paid next"}
_NAMED: Final = {"paid": "Paid last", "due": "Due and not told yet", "next": "Paid next"}


def _of_100k(cost: float) -> str:
    return f"A $100k long {'pays' if cost >= 0 else 'receives'} {wording.usd(abs(cost))} a day at this rate."


def _elsewhere(found: Funding, now: datetime) -> Iterator[Line]:
    """Say the other venues' rates, each as it is stated there, and what all come to by open interest."""
    others = [rate for rate in found.by_venue if found.main is None or rate.venue not in found.main.stamp.venues]
    for rate in others:
        stated, due = wording.rate(rate.rate, rate.hours), wording.duration(rate.due - now)
        when = f"was paid, next in {due}" if rate.settled else f"paid in {due}"
        when = "due now" if rate.due <= now else when
        yield Line(f"– {venue_title(rate.venue)}: {wording.apr(rate.apr * 100)}, {stated}, {when}")
    if found.weighted and others:
        mean = wording.apr(found.weighted.apr * 100)
        yield Line(f"Weighted by open interest on {len(found.weighted.venues)} venues: {mean}.")


def _who_pays(apr: float) -> str:
    return "Longs pay shorts." if apr > 0 else "Shorts pay longs." if apr < 0 else "Neither side pays."


def _stated(rate: float, hours: float, due: datetime | None, paid: Paid | None, deps: Deps) -> str:
    """Say the rate as it is stated, and whether it was paid or is only heading there."""
    stated = wording.rate(rate, hours)
    before = f" Last paid: {wording.apr(paid.apr * 100)}, {_when(paid, deps)}." if paid else ""
    if due and due <= deps.now:
        return f"Was heading to {stated} for {wording.clock(due, deps.zone)}; what was paid is not told yet.{before}"
    next_one = f"at {wording.clock(due, deps.zone)}, in {wording.duration(due - deps.now)}" if due else ""
    if paid and not paid.heading:
        return f"Last paid {stated}, {_when(paid, deps)}{f'; next payment {next_one}' if due else ''}."
    said = f"Now heading to {stated}{f', paid {next_one}' if due else ''}."
    return f"{said}{before}"


def _next(due: datetime | None, hours: float, now: datetime) -> datetime | None:
    """Return when funding is paid next, where the payment that a rate was told for is past."""
    return next_settlement(now, hours) if due and due <= now else due


def _when(paid: Paid, deps: Deps) -> str:
    said = f"at {wording.clock(paid.at, deps.zone, dated=deps.now - paid.at > 20 * HOUR)}"
    return f"{said} (that of {wording.clock(paid.untold, deps.zone)} is not told yet)" if paid.untold else said


def heading(apr: float | None, paid: Paid | None, deps: Deps) -> str:
    """Say of a yearly rate whether it was paid or funding is only heading there; "" where that is not known."""
    if apr is None:
        return ""
    if paid is None:  # no payment is stored at all: what is told is what builds
        return f"Now heading to {wording.apr(apr * 100)}."
    if paid.heading:
        return f"Now heading to {wording.apr(apr * 100)}; last paid {wording.apr(paid.apr * 100)}, {_when(paid, deps)}."
    return f"{wording.apr(apr * 100)} was paid last, {_when(paid, deps)}."


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
