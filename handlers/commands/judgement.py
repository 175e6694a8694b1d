"""/quadrant /health: what the figures add up to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from handlers.command import Deps, command
from handlers.commands.market import answered, nothing_stored, readings_of, say
from handlers.language.assets import OneAsset, meant_asset
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import health as glance
from handlers.words import readings as words

if TYPE_CHECKING:
    from storage.queries.market.readings import Reading

# As in market.py: whatever brings numpy along is imported when a command runs.


# --- quadrant ---------------------------------------------------------------------------------------------------------


@command(subject="judgement", example="/quadrant btc")
async def quadrant(deps: Deps, args: OneAsset) -> Reply:
    """Tell if positions were opened or closed as price moved.

    Four readings of what price and open interest in coins did together over a day, with 4 hours and 7 days beside it.
    A change smaller than half of its usual size is no reading.
    """
    found = await readings_of(deps, args.asset, ("oi_quadrant",), example="/quadrant btc")
    asset, reading = found.asset, found.get("oi_quadrant")
    if reading is None:
        lines: list[Block] = [Line(f"{asset}: {words.why_not(found.lacking('oi_quadrant'))}.", "headline")]
        return answered(deps, asset, lines, {}, (), outdated=found.outdated)
    name, meaning = _reading_of(reading.get("value"))
    lines = [
        Line(f"{asset}, 1 day: {name}.", "headline"),
        Line(f"{meaning[:1].upper()}{meaning[1:]}."),
        Line(_changes(reading, "1d")),
        Line(f"4 h: {_beside(reading, '4h')}"),
        Line(f"7 days: {_beside(reading, '7d')}"),
        Line("A description of what happened, not a forecast.", "caveat"),
        Buttons((Button("Open interest", f"/oi {asset.lower()}"), Button("Health", f"/health {asset.lower()}"))),
    ]
    values: dict[str, Any] = {}
    for window, field in (("4h", "value_4h"), ("1d", "value"), ("7d", "value_7d")):
        code = reading.get(field)
        values[f"quadrant_{window}"] = None if code is None else _reading_of(code)[0]
        for what in ("price", "coins", "usd"):
            values[f"{what}_change_{window}"] = reading.get(f"{what}_change_{window}")
    return answered(deps, asset, lines, values, (reading.stamp,), outdated=found.outdated)


def _reading_of(code: float | None) -> tuple[str, str]:
    from signals.metrics.oi_quadrant import READINGS  # noqa: PLC0415 - see above

    return READINGS[round(code or 0)]


def _changes(reading: Reading, window: str) -> str:
    filled = {what: reading.get(f"{what}_change_{window}") for what in ("price", "coins", "usd")}
    return say("Price {price:change}, open interest {coins:change} in coins ({usd:change} in dollars).", filled)


def _beside(reading: Reading, window: str) -> str:
    code = reading.get(f"value_{window}")
    if code is None:
        return "not known from daily data." if window == "4h" and reading.step.days else "not known yet."
    filled = {what: reading.get(f"{what}_change_{window}") for what in ("price", "coins")}
    return f"{_reading_of(code)[0]} ({say('price {price:change}, coins {coins:change}', filled)})."


# --- health -----------------------------------------------------------------------------------------------------------


@command(subject="judgement", example="/health btc")
async def health(deps: Deps, args: OneAsset) -> Reply:
    """All checks of an asset on one screen.

    The first line says how things stand, from which checks are open. ▲▲ is strong (a warning, or critical), ▲ mild, ·
    calm, ? unknown: the data does not suffice, and missing is not calm. /help and the name of a check, such as /help
    drawdown, explains it.
    """
    from storage.queries import alarms  # noqa: PLC0415 - see above

    asset = meant_asset(deps, args.asset, "/health btc")
    found = await asyncio.to_thread(alarms.read, deps.store, asset, deps.now)
    if found.readings.nothing:
        raise await nothing_stored(deps, asset, tuple(found.readings.found))
    name, stamped = asset.lower(), glance.stamped(found)
    lines: list[Block] = [
        Line(glance.verdict(found), "headline"),
        *(Line(text) for text in glance.lines(found, glance.Told(deps.now, deps.zone, stamped))),
        Buttons((Button("Open interest", f"/oi {name}"), Button("Funding", f"/funding {name}"))),
    ]
    values = {
        "checks": {
            check.metric.id: {"level": check.level, "value": check.value, "since": check.since}
            for check in found.checks
        }
    }
    # The stamp is that of the newest figures; older ones say their own time, and here only where they come from.
    used = [
        replace(check.reading.stamp, oldest=None, coverage=None)
        if glance.apart(check, stamped) and not check.metric.market_wide
        else check.reading.stamp
        for check in found.checks
        if check.current and check.reading
    ]
    return answered(deps, asset, lines, values, used or words.stamps(found.readings), outdated=found.readings.outdated)
