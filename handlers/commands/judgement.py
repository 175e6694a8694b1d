"""/quadrant: what price and open interest did together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.command import Deps, command
from handlers.commands.market import answered, readings_of, say
from handlers.language.assets import OneAsset  # noqa: TC001 - a command's arguments are read from its annotations
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import readings as words
from handlers.words import wording
from signals.language.spelling import sentence_case
from signals.units import HOUR

if TYPE_CHECKING:
    from storage.queries.market.readings import Reading

# As in market.py: whatever brings numpy along is imported when a command runs.


# --- quadrant ---------------------------------------------------------------------------------------------------------


@command(
    subject="judgement",
    example="/quadrant btc",
    words="opened or closed, opening or closing, new longs, new shorts, short covering, long squeeze, "
    "short squeeze, positions opened, positions closed, being opened, being closed",
)
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
        Line(f"{asset}, 1 day to {_until(reading, deps)}: {name}.", "headline"),
        Line(f"{sentence_case(meaning)}."),
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


def _until(reading: Reading, deps: Deps) -> str:
    return wording.clock(reading.at, deps.zone, dated=deps.now - reading.at > 20 * HOUR)


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
