"""/setup and /why: which stories are on, what they are made of, and what moved an asset."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from handlers.command import Deps, command
from handlers.commands.market import answered, nothing_stored
from handlers.language.assets import meant_asset
from handlers.language.kinds import ASSET, DURATION, SIDE, argument, choice
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import readings as words
from handlers.words import wording
from signals.inputs import MARKET
from signals.language.spelling import sentence_case
from signals.units import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from signals.alerts.condition import Groups
    from storage.queries.setups import AlarmNow, LegNow, SetupNow

# As in market.py: whatever brings numpy along is imported when a command runs.

Way = Literal["up", "down"]
_NEAREST: Final = 4  # calm setups that are listed
_SPANS: Final = ("4h", "24h", "7d")
_SIDED: Final = {("long_crowding", "short"): "short_crowding", ("squeeze_fuel", "long"): "squeeze_fuel_longs"}


def _named() -> Mapping[str, str]:
    """Return the words by which a setup is named: its id, in one word or not, and the part of it that says which."""
    from signals.alerts.setup import setups  # noqa: PLC0415 - see above

    found: dict[str, str] = {}
    for name in setups():
        found |= dict.fromkeys((name, name.replace("_", ""), name.replace("_", "-")), name)
        found.setdefault(_telling(name), name)
    return found


def _alarms() -> Mapping[str, str]:
    """Return the words by which an alarm is named that is no setup: its id, in one word or not."""
    from signals.alerts.burst import BURST  # noqa: PLC0415 - see above
    from signals.alerts.rule import rules  # noqa: PLC0415 - see above

    names = (*(name for name, rule in rules().items() if rule.setup is None), BURST)
    return {word: name for name in names for word in (name, name.replace("_", ""), name.replace("_", "-"))}


def _with_ids(text: str) -> str:
    """Return a text with the id in the place of what an alarm is called in messages: Longs pay much."""
    from signals.alerts.rule import rules  # noqa: PLC0415 - see above

    for name, rule in rules().items():
        for called in (rule.title, name.replace("_", " ")):
            text = re.sub(rf"(?<!\w){re.escape(called)}(?!\w)", name, text, flags=re.IGNORECASE)
    return text


def _beside() -> Mapping[str, str]:
    """Return the other parts of the ids, which say nothing by themselves: `selling wave` is one setup."""
    from signals.alerts.setup import setups  # noqa: PLC0415 - see above

    return {part: part for name in setups() for part in name.split("_") if part not in {*_SIDES, _telling(name)}}


def _telling(name: str) -> str:
    return next((part for part in name.split("_") if part not in _SIDES | _VAGUE), name)


_SIDES: Final = frozenset({"long", "short", "longs", "shorts"})
_VAGUE: Final = frozenset({"position", "options"})
_WAYS: Final[Mapping[Way, str]] = {
    "up": "pump pumped pumping rise rose rising rally rallied rallying up higher moon mooning surge surged jump jumped",
    "down": "drop dropped dropping fall fell falling crash crashed crashing dump dumped dumping down lower sink sank "
    "plunge plunged tank tanked",
}
_THOUGHT: Final = choice(
    "way of the price", {word: way for way, said in _WAYS.items() for word in said.split()}, both=lambda *_: None
)  # pump and dump: neither is held against the figures
_SETUP: Final = choice("setup", _named)
_PART: Final = choice("setup", _beside)
_ALARM: Final = choice("alarm", _alarms, joins=_with_ids)


@dataclass(frozen=True, slots=True)
class SetupWhat:
    """Which setup of which asset, or which asset.

    part: another word of the setup's name. side: of a setup that both sides have, such as crowding.
    """

    setup: str | None = argument(_SETUP, default=None)
    part: str | None = argument(_PART, default=None)
    side: str | None = argument(SIDE, default=None)
    asset: str | None = argument(ASSET, default=None)


@dataclass(frozen=True, slots=True)
class WhyWhat(SetupWhat):
    """Which setup or alarm of which asset, or which asset over how long.

    thought: which way price is thought to have gone; nothing follows from it, but the answer says where it did not.
    """

    alarm: str | None = argument(_ALARM, default=None)
    span: timedelta | None = argument(DURATION, default=None, label="24h")
    thought: Way | None = argument(_THOUGHT, default=None, label="pump")


@command(
    subject="judgement",
    example="/setup btc",
    words="setups, stories, story, confluence, squeeze, selling wave, cascade, deleveraging, what story",
)
async def setup(deps: Deps, args: SetupWhat) -> Reply:
    """Show which stories are on, and which are near.

    A story (setup) is made of legs: facts that have to come together. ▲ is on, · is not; then how many legs hold and
    which are missing. What cannot be known is named and never counted. /why and a name shows one with today's values.
    """
    if args.setup is not None:
        return await _of_setup(deps, args.setup, args)
    from storage.queries import setups as queries  # noqa: PLC0415 - see above

    asset = meant_asset(deps, args.asset, "/setup btc")
    found = await asyncio.to_thread(queries.read, deps.store, asset, deps.now)
    if found.readings.nothing:
        raise await nothing_stored(deps, asset, tuple(found.readings.found))
    running = [one for one in found.found if one.rank]
    calm = [one for one in found.found if not one.rank and _knowable(one)]
    near = [one for one in calm if one.holding]
    unknown = [one for one in found.found if not one.rank and not _knowable(one)]
    count = f"{wording.count(len(running), 'story', 'stories')} {'is' if len(running) == 1 else 'are'} on"
    lines: list[Block] = [Line(f"{asset}: {count if running else 'no story is on'}.", "headline")]
    lines += [Line(f"▲ {one.setup.title}{_since(one, deps.now)}.") for one in running]
    if near:
        lines.append(Line("Nearest:"))
        lines += [Line(f"· {one.setup.title}: {_missing(one)}.") for one in near[:_NEAREST]]
    elif calm:
        lines.append(Line("No other is near: not one leg holds." if running else "None is near: not one leg holds."))
    if unknown:
        names = "; ".join(wording.small(one.setup.title) for one in unknown)
        lines.append(Line(f"Too little is known to judge: {names}.", "caveat"))
    first = (running or calm or unknown)[0].setup.id
    lines.append(Buttons((_why(first, asset), Button("What moved it", f"/why {asset.lower()}"))))
    values = {
        one.setup.id: {"level": one.rank, "since": one.since, "legs": one.holding, "unknown": one.unknown}
        for one in found.found
    }
    used = words.stamps(found.readings)
    return answered(deps, asset, lines, {"setups": values}, used, outdated=found.readings.outdated)


@command(
    subject="judgement",
    example="/why btc",
    words="why, moved, happened, happening, happened to, reason, drop, dropped, dropping, fall, fell, falling, "
    "crash, crashed, crashing, dump, dumped, dumping, pump, pumped, pumping, rise, rose, rising, "
    "rally, going up, going down",
)
async def why(deps: Deps, args: WhyWhat) -> Reply:
    """Tell what moved an asset, or why something is told.

    /why btc takes the last 24 hours apart (4h, 7d and others work as well): price, positions, takers, liquidations,
    funding and the book. Unusual is a move as seldom as on one day in fifty, as in digests. /why btc pump says first
    where price went the other way. /why selling_wave btc shows what the story is made of, with today's values and
    their lines; /why taker_zscore btc the same of a single alarm, which may be called as messages and /sub call it.
    """
    from signals.alerts.burst import BURST  # noqa: PLC0415 - see above

    if args.setup is None and args.alarm is None and args.asset is None:
        args = _of_alert(deps, args)
    if args.alarm == BURST:  # whose own message asks what moved it
        return await _of_asset(deps, args.asset, args.span or 4 * HOUR, args.thought)
    if args.alarm is not None:
        return await _of_alarm(deps, args.alarm, args.asset)
    if args.setup is not None:
        return await _of_setup(deps, args.setup, args)
    return await _of_asset(deps, args.asset, args.span or DAY, args.thought)


def _of_alert(deps: Deps, args: WhyWhat) -> WhyWhat:
    """Ask about the story, or the fast move, that the alert tells of which is answered, as the button below it does."""
    from signals.alerts.burst import BURST  # noqa: PLC0415 - see above
    from signals.alerts.setup import setups  # noqa: PLC0415 - see above

    for episode in deps.about():
        if episode.rule in setups():
            return replace(args, setup=episode.rule)
        if episode.rule == BURST:
            return replace(args, alarm=BURST)
    return args


async def _of_setup(deps: Deps, typed: str, args: SetupWhat) -> Reply:
    from storage.queries import setups as queries  # noqa: PLC0415 - see above

    name = _SIDED.get((typed, args.side or ""), typed)
    meant = meant_asset(deps, args.asset, f"/why {name} btc")
    found = await asyncio.to_thread(queries.read, deps.store, meant, deps.now, [name])
    if found.readings.nothing:
        raise await nothing_stored(deps, found.readings.asset, tuple(found.readings.found))
    one = found.found[0]
    whose = "The market" if one.asset == MARKET else one.asset
    state = f"is on{_since(one, deps.now)}" if one.rank else "is not on"
    lines: list[Block] = [Line(f"{whose}: “{wording.small(one.setup.title)}” {state}.", "headline")]
    lines += [Line(_leg(leg)) for leg in one.legs if leg.leg.counted]
    lines.append(Line(_takes(one)))
    lines.append(Line(f"It ends when {_ends(one)}."))
    lines.append(Line(wording.template(one.setup.told(one.values)[1], one.values), "caveat"))
    coin = meant.lower()
    lines.append(Buttons((Button("Before", f"/base {name} {coin}"), Button("What moved it", f"/why {coin}"))))
    legs = {leg.leg.id: {"holds": leg.holds, **_numbers(leg)} for leg in one.legs if leg.leg.counted}
    values = {"setup": name, "level": one.rank, "since": one.since, "legs": legs}
    used = words.stamps(found.readings)
    return answered(deps, meant, lines, values, used, outdated=found.readings.outdated)


async def _of_alarm(deps: Deps, name: str, asset: str | None) -> Reply:
    from storage.queries import setups as queries  # noqa: PLC0415 - see above

    meant = meant_asset(deps, asset, f"/why {name} btc")
    one = await asyncio.to_thread(queries.read_alarm, deps.store, name, meant, deps.now)
    if one.readings.nothing:
        raise await nothing_stored(deps, one.readings.asset, tuple(one.readings.found))
    whose = "The market" if one.asset == MARKET else one.asset
    state = f"is on{_since(one, deps.now)}" if one.rank else "is not on"
    lines: list[Block] = [Line(f"{whose}: “{wording.small(one.rule.title)}” {state}.", "headline")]
    for leg, level in zip(one.levels, one.rule.levels, strict=True):
        lines.append(Line(f"{_leg(leg, named=True)}{_held(level.hold)}"))
    lowest = one.rule.levels[0]
    lines.append(Line(f"It ends when {_left(lowest.leave, one.values)}{_held(lowest.hold_leave)}."))
    numbers = {full.partition(".")[2]: value for full, value in one.values.items()}
    lines.append(Line(wording.template(one.rule.counter, numbers), "caveat"))
    coin = meant.lower()
    lines.append(Buttons((Button("Before", f"/base {name} {coin}"), Button("What moved it", f"/why {coin}"))))
    levels = {leg.leg.id: {"holds": leg.holds, **_numbers(leg)} for leg in one.levels}
    values = {"alarm": name, "level": one.rank, "since": one.since, "levels": levels}
    return answered(deps, meant, lines, values, words.stamps(one.readings), outdated=one.readings.outdated)


def _left(leave: Groups, values: Mapping[str, float]) -> str:
    from handlers.words.stories import conditions  # noqa: PLC0415 - see above

    return "; or ".join(wording.listing(conditions.all_of(group, values)) for group in leave)


def _held(hold: timedelta) -> str:
    return f", for {wording.duration(hold)}" if hold else ""


async def _of_asset(deps: Deps, asset: str | None, span: timedelta, thought: Way | None) -> Reply:
    from handlers.words.stories import moved as moved_words  # noqa: PLC0415 - see above
    from storage.queries.market import moved, prices  # noqa: PLC0415 - see above

    meant = meant_asset(deps, asset, "/why btc 24h")
    price = await asyncio.to_thread(prices.read, deps.store, meant, deps.now)
    if price is None:
        raise await nothing_stored(deps, meant, ("price_move",))
    # Stored history that ends in the past is taken apart at its own end; else it is now, whichever figure came last.
    end = min(deps.now, price.at) if price.outdated else deps.now
    found = await asyncio.to_thread(moved.read, deps.store, meant, end - span, end)
    told = moved_words.sentences(found, deps.zone)
    over = wording.duration(span)
    lines: list[Block] = [Line(moved_words.headline(found, over, thought), "headline"), *map(Line, told)]
    if not told:
        lines.append(Line("What positions, takers and liquidations did is not known for that time."))
    lines.append(Line("What went together, not what caused what.", "caveat"))
    coin = meant.lower()
    spans = tuple(Button(one, f"/why {coin} {one}") for one in _SPANS if one != _span(span))
    lines.append(Buttons((*spans, Button("Stories", f"/setup {coin}"))))
    values: dict[str, Any] = {
        change.what: {"value": change.value, "change": change.change}
        | ({"at_least": change.at_least} if change.what == "liquidated" else {})
        | ({"paid": change.paid} if change.what == "funding" else {})
        for change in found.changes.values()
    }
    values |= {
        "from": found.start,
        "to": found.end,
        "depth_before": found.depth.before,
        "depth_after": found.depth.after,
    }
    return answered(deps, meant, lines, values, (price.stamp,), outdated=deps.now - end > HOUR)


# --- words ------------------------------------------------------------------------------------------------------------


def _why(name: str, asset: str) -> Button:
    return Button("Why", f"/why {name} {asset.lower()}")


def _span(span: timedelta) -> str:
    """Return a span as it is typed."""
    return f"{span // DAY}d" if span > DAY and not span % DAY else f"{span // HOUR}h"


def _since(one: SetupNow | AlarmNow, now: datetime) -> str:
    if one.since is None:
        return ""
    if now - one.since < 2 * DAY:
        return f", for {wording.duration(now - one.since)}"
    return f", since {wording.day(one.since, year=one.since.year != now.year)}"


def _knowable(one: SetupNow) -> bool:
    """Tell whether as many legs as it takes may be known to hold."""
    return one.holding + sum(leg.holds is False for leg in one.legs if leg.leg.counted) >= one.setup.stages[0].legs


def _missing(one: SetupNow) -> str:
    counted = [leg for leg in one.legs if leg.leg.counted]
    missing = [leg.leg.title for leg in counted if leg.holds is False]
    unknown = [leg.leg.title for leg in counted if leg.holds is None]
    said = f"{one.holding} of {len(counted)} legs"
    said += f"; not so: {wording.listing(missing)}" if missing else ""
    return said + (f"; not known: {wording.listing(unknown)}" if unknown else "")


def _leg(leg: LegNow, *, named: bool = False) -> str:
    """Say how a leg stands. named: its title does not tell what is compared, so a single figure is named as well."""
    from handlers.words.stories import conditions  # noqa: PLC0415 - see above

    mark = "?" if leg.holds is None else "▲" if leg.holds else "·"
    title = sentence_case(leg.leg.title)
    must = " (must hold)" if leg.leg.must else ""
    if leg.lacking is not None:
        return f"{mark} {title}{must}: {words.why_not(leg.lacking)}"
    figures = {condition.name for condition, _, _ in leg.closest}
    what = f"{conditions.title_of(*figures)} is " if named and len(figures) == 1 else ""
    return f"{mark} {title}{must}: {what}{conditions.against(leg.closest).removeprefix('z ' if what else '')}"


def _takes(one: SetupNow) -> str:
    """Say how many legs hold and how many it takes; what else a rank asks for only where no rank goes without."""
    from handlers.words.stories import conditions  # noqa: PLC0415 - see above

    counted, stages = len(one.setup.counted), one.setup.stages
    said = []
    for stage in [stage for stage in stages if not stage.also] or stages[:1]:
        also = f" where {wording.listing(conditions.all_of(stage.also, one.values))}" if stage.also else ""
        said.append(f"{stage.legs} of {counted} {'makes' if stage.legs == 1 else 'make'} it {_RANKS[stage.rank]}{also}")
    holds = "holds" if counted == 1 else "hold"
    return f"{one.holding} of {wording.count(counted, 'leg')} {holds}; {wording.listing(said)}."


_RANKS: Final = {"notice": "a notice", "warning": "a warning", "critical": "critical"}


def _ends(one: SetupNow) -> str:
    from handlers.words.stories import conditions  # noqa: PLC0415 - see above

    own, first = f"{one.setup.id}.possible", one.setup.stages[0]
    groups: list[str] = []
    for group in first.leave:
        said = conditions.all_of([condition for condition in group if condition.name != own], one.values)
        if any(condition.name == own for condition in group):
            said.append(f"fewer than {first.legs} legs hold")
        figure, verb, line = said[0].partition(" is ")
        if len(said) == 1 and groups and groups[-1].startswith(figure + verb):
            groups[-1] += f" or {line}"
        else:
            groups.append(wording.listing(said))
    if one.setup.lasts:
        groups.append(f"after {wording.duration(one.setup.lasts)} at the latest")
    return "; or ".join(groups)


def _numbers(leg: LegNow) -> Mapping[str, Any]:
    first: Sequence[Any] = leg.closest[0] if leg.closest else (None, None, None)
    return {"value": first[1], "line": first[2]}
