"""/quadrant /health /chart: what the figures add up to, and what they look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, Refused, command
from handlers.commands.market import OneAsset, answered, say, value
from handlers.language.grammar import ASSET, DURATION, argument, choice
from handlers.reply import Block, Button, Buttons, Line, Picture, Reply
from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from handlers.looking import Look
    from handlers.standing import Standing
    from signals.metric import Reading

# As in market.py: whatever brings numpy along is imported when a command runs.


# --- quadrant ---------------------------------------------------------------------------------------------------------


@command(subject="judgement", example="/quadrant btc")
async def quadrant(deps: Deps, args: OneAsset) -> Reply:
    """Tell if positions were opened or closed as price moved.

    Four readings of what price and open interest in coins did together over a day, with 4 hours and 7 days beside it.
    A change smaller than half of its usual size is no reading.
    """
    from handlers import looking  # noqa: PLC0415 - see above

    look = await looking.look(deps, args.asset, ("oi_quadrant",), example="/quadrant btc")
    reading = look.get("oi_quadrant")
    if reading is None:
        return answered(deps, look, [Line(f"{look.asset}: {look.why_not('oi_quadrant')}.", "headline")], {})
    name, meaning = _reading_of(value(reading, "value"))
    lines: list[Block] = [
        Line(f"{look.asset}, 1 day: {name}.", "headline"),
        Line(f"{meaning[:1].upper()}{meaning[1:]}."),
        Line(_changes(reading, "1d")),
        Line(f"4 h: {_beside(reading, '4h')}"),
        Line(f"7 days: {_beside(reading, '7d')}"),
        Line("A description of what happened, not a forecast.", "caveat"),
        Buttons(
            (Button("Open interest", f"/oi {look.asset.lower()}"), Button("Health", f"/health {look.asset.lower()}"))
        ),
    ]
    values: dict[str, Any] = {}
    for window, field in (("4h", "value_4h"), ("1d", "value"), ("7d", "value_7d")):
        code = value(reading, field)
        values[f"quadrant_{window}"] = None if code is None else _reading_of(code)[0]
        for what in ("price", "coins", "usd"):
            values[f"{what}_change_{window}"] = value(reading, f"{what}_change_{window}")
    return answered(deps, look, lines, values)


def _reading_of(code: float | None) -> tuple[str, str]:
    from signals.metrics.oi_quadrant import READINGS  # noqa: PLC0415 - see above

    return READINGS[round(code or 0)]


def _changes(reading: Reading, window: str) -> str:
    words = {what: value(reading, f"{what}_change_{window}") for what in ("price", "coins", "usd")}
    return say("Price {price:change}, open interest {coins:change} in coins ({usd:change} in dollars).", words)


def _beside(reading: Reading, window: str) -> str:
    code = value(reading, f"value_{window}")
    if code is None:
        return "not known from daily data." if window == "4h" and reading.step.days else "not known yet."
    words = {what: value(reading, f"{what}_change_{window}") for what in ("price", "coins")}
    return f"{_reading_of(code)[0]} ({say('price {price:change}, coins {coins:change}', words)})."


# --- health -----------------------------------------------------------------------------------------------------------

_WORDS: Final[Mapping[str, str]] = {  # rank to word, the most urgent first
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
    not calm.
    """
    from handlers import looking, standing  # noqa: PLC0415 - see above
    from signals.alerts.rule import rules_of  # noqa: PLC0415 - see above
    from signals.metric import metrics  # noqa: PLC0415 - see above

    ids = [metric for metric in metrics() if rules_of(metric)]
    look = await looking.look(deps, args.asset, ids, example="/health btc")
    every = standing.of(deps, look)
    every.sort(key=lambda each: list(_WORDS).index(each.level))
    name = look.asset.lower()
    lines: list[Block] = [
        Line(_headline(look.asset, every), "headline"),
        *(Line(_check(each, deps, all_old=_all_old(every))) for each in every),
        Buttons((Button("Open interest", f"/oi {name}"), Button("Funding", f"/funding {name}"))),
    ]
    values = {
        "checks": {
            each.metric.id: {
                "level": each.level,
                "value": each.value,
                "since": None if each.since is None else each.since.isoformat().replace("+00:00", "Z"),
            }
            for each in every
        }
    }
    current = [each for each in look.readings if looking.stale_since((each,), deps) is None]
    # What is judged at daily closes only is up to a day old by its nature; it does not make the others look old.
    young = [each for each in current if each.step < looking.DAY or metrics()[each.metric].running]
    return answered(deps, look, lines, values, young or current)


def _headline(asset: str, every: list[Standing]) -> str:
    unknown = sum(each.level == "unknown" for each in every)
    loud = len(every) - unknown - sum(each.level == "calm" for each in every)
    said = f"{loud} of {wording.count(len(every), 'check')} {'is' if loud == 1 else 'are'} not calm" if loud else ""
    if not loud:
        calm = len(every) - unknown
        said = f"all {calm} known checks are calm" if unknown and calm else "all checks are calm"
        if not calm:
            return (
                f"{asset}: {'everything stored is too old' if _all_old(every) else 'too little is known'} to be judged."
            )
    return f"{asset}: {said}{f', {unknown} unknown' if unknown else ''}."


def _all_old(every: list[Standing]) -> bool:
    """Tell whether every check has a value, and none a current one."""
    return all(each.level == "unknown" and each.value is not None for each in every)


def _check(each: Standing, deps: Deps, *, all_old: bool) -> str:
    if each.level == "unknown":
        return f"Unknown · {each.title}: {each.said if all_old else each.reason}"
    since = "" if each.since is None else f", since {wording.day(each.since, year=each.since.year != deps.now.year)}"
    return f"{_WORDS[each.level]} · {each.title}: {each.said}{since}"


# --- chart ------------------------------------------------------------------------------------------------------------

_SHORT: Final = {  # what people say, with the value that is meant where it is not the main one; ids go as well
    "oi": "oi_vs_ma180 usd",
    "interest": "oi_vs_ma180 usd",
    "drawdown": "oi_drawdown",
    "ma180": "oi_vs_ma180",
    "average": "oi_vs_ma180",
    "closing": "oi_zscore",
    "quadrant": "oi_quadrant",
    "funding": "funding_stretch",
    "apr": "funding_apr",
    "taker": "taker_ratio",
    "takers": "taker_ratio",
    "net": "net_taker_30d",
    "flow": "net_taker_30d",
    "price": "price_drawdown",
    "fng": "fear_greed",
    "fear": "fear_greed",
    "greed": "fear_greed",
    "mood": "fear_greed",
}
_NAMED: Final = ("oi", "drawdown", "ma180", "closing", "funding", "taker", "net", "price", "fng")


def _metric_words() -> Mapping[str, str]:
    from signals.metric import metrics  # noqa: PLC0415 - see above

    short = {word: drawn for word, drawn in _SHORT.items() if drawn.split()[0] in metrics()}
    return short | {each: each for each in metrics()}


@dataclass(frozen=True, slots=True)
class Drawing:
    """What to draw, of which asset, over how long."""

    metric: str | None = argument(choice("metric", _metric_words), default=None)
    asset: str | None = argument(ASSET, default=None)
    span: timedelta | None = argument(DURATION, default=None, label="90d")
    whole: bool = argument(choice("whole history", {"all": True, "max": True}), default=False, label="all")


@command(subject="judgement", example="/chart oi btc 90d")
async def chart(deps: Deps, args: Drawing) -> Reply:
    """Draw a metric with its alarm lines and past alerts.

    There are oi, drawdown, ma180, closing, funding, taker, net, price and fng. Without a span it shows a year; "all"
    shows everything that is stored.
    """
    from handlers import looking  # noqa: PLC0415 - see above
    from handlers.charts import pictures  # noqa: PLC0415 - see above

    if args.metric is None:
        raise Refused(f"Which chart? There are {', '.join(_NAMED)}. Type it like /chart oi btc 90d.")
    metric, _, drawn = args.metric.partition(" ")
    look = await looking.look(deps, args.asset, (metric,), example="/chart oi btc")
    days = "all" if args.whole else 365 if args.span is None else max(1, round(args.span.total_seconds() / 86400))
    reference = {"metric": metric, "asset": look.asset, "until": deps.now.isoformat(), "days": days}
    if drawn:
        reference["value"] = drawn
    if deps.stamp_note:
        reference["note"] = deps.stamp_note
    alt = await pictures.in_words(deps.store, reference)
    if alt is None:
        longer = "no value is known in that span. Type a longer one, like /chart oi btc all"
        raise Refused(f"There is nothing to draw for {look.asset}: {look.why_not(metric) or longer}.")
    lines: list[Block] = [Line(_title(look, metric, drawn), "headline"), Picture(reference, alt)]
    return answered(deps, look, lines, _numbers(look, drawn))


def _title(look: Look, metric: str, drawn: str) -> str:
    from signals.inputs import MARKET  # noqa: PLC0415 - only here
    from signals.metric import metrics  # noqa: PLC0415 - see above

    title = metrics()[metric].chart_of(drawn or None).title
    return title if look.asset == MARKET else f"{look.asset}: {title[:1].lower()}{title[1:]}"


def _numbers(look: Look, drawn: str) -> dict[str, Any]:
    return {each.metric: value(each, drawn or "value") for each in look.readings}
