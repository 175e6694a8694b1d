"""/quadrant /health: what the figures add up to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from handlers.charts.figures import say as chart_words
from handlers.command import Deps, command
from handlers.commands.market import answered, nothing_stored, readings_of, say
from handlers.language.assets import OneAsset, meant_asset
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import readings as words
from handlers.words import wording
from signals.units import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from signals.metric import Metric
    from storage.queries.alarms import Check, Health
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

_LEVELS: Final[Mapping[str, str]] = {
    "critical": "Critical",
    "warning": "Warning",
    "notice": "Notice",
    "unknown": "Unknown",
    "calm": "Calm",
}


@command(subject="judgement", example="/health btc")
async def health(deps: Deps, args: OneAsset) -> Reply:
    """All checks of an asset on one screen.

    Each check is calm, or a notice, a warning or critical. Unknown means that the data does not suffice: missing is
    not calm. /help and the name of a check, such as /help drawdown, explains it.
    """
    from storage.queries import alarms  # noqa: PLC0415 - see above

    asset = meant_asset(deps, args.asset, "/health btc")
    found = await asyncio.to_thread(alarms.read, deps.store, asset, deps.now)
    if found.readings.nothing:
        raise await nothing_stored(deps, asset, tuple(found.readings.found))
    name = asset.lower()
    lines: list[Block] = [
        Line(_headline(found), "headline"),
        *(Line(_check(check, deps.now, all_old=found.all_old)) for check in found.checks),
        Buttons((Button("Open interest", f"/oi {name}"), Button("Funding", f"/funding {name}"))),
    ]
    values = {
        "checks": {
            check.metric.id: {"level": check.level, "value": check.value, "since": check.since}
            for check in found.checks
        }
    }
    current = [(check.metric, check.reading) for check in found.checks if check.current and check.reading]
    # What is judged at daily closes only is up to a day old by its nature; it does not make the others look old.
    young = [reading.stamp for metric, reading in current if reading.step < DAY or metric.running]
    used = young or [reading.stamp for _, reading in current] or words.stamps(found.readings)
    return answered(deps, asset, lines, values, used, outdated=found.readings.outdated)


def _headline(found: Health) -> str:
    asset, every = found.asset, found.checks
    unknown = sum(check.level == "unknown" for check in every)
    loud = len(every) - unknown - sum(check.level == "calm" for check in every)
    said = f"{loud} of {wording.count(len(every), 'check')} {'is' if loud == 1 else 'are'} not calm" if loud else ""
    if not loud:
        calm = len(every) - unknown
        said = f"all {calm} known checks are calm" if unknown and calm else "all checks are calm"
        if not calm:
            return (
                f"{asset}: {'everything stored is too old' if found.all_old else 'too little is known'} to be judged."
            )
    return f"{asset}: {said}{f', {unknown} unknown' if unknown else ''}."


def _check(check: Check, now: datetime, *, all_old: bool) -> str:
    title, reading = check.metric.title, check.reading
    if reading is None:
        return f"Unknown · {title}: {words.why_not(check.lacking)}"
    said = _value(reading.values["value"], check.metric)
    if check.level == "unknown":
        age = "" if all_old or not reading.stamp.stale else f", but {wording.age(now - reading.stamp.stale)}"
        return f"Unknown · {title}: {said}{age}"
    since = "" if check.since is None else f", since {wording.day(check.since, year=check.since.year != now.year)}"
    return f"{_LEVELS[check.level]} · {title}: {said}{since}"


def _value(value: float, metric: Metric) -> str:
    """Say a value so that its unit cannot be mistaken."""
    match metric.unit:
        case "fraction":
            return wording.percent(value * 100)
        case "z":
            return f"z {chart_words(value, 'z')}"
        case "usd":
            return chart_words(value, "usd") + metric.chart.axis.removeprefix("USD")
        case "index":
            return f"{chart_words(value, 'index')} ({metric.chart.axis})"
        case unit:
            return chart_words(value, unit)
