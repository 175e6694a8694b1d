"""/health: every check of an asset at a glance, a verdict in plain words and a short line each."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from handlers.charts.figures import say as figure
from handlers.command import Deps, command
from handlers.commands.market import answered, nothing_stored
from handlers.commands.open_interest import days_below
from handlers.language.assets import OneAsset, meant_asset
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import readings as words
from handlers.words import wording
from signals.language.spelling import sentence_case
from signals.units import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from storage.alerts.episodes import Episode
    from storage.queries.alarms import Check, Health
    from storage.queries.market.funding import Paid
    from storage.queries.market.readings import Reading

# As in market.py: whatever brings numpy along is imported when a command runs.


@command(
    subject="judgement",
    example="/health btc",
    words="<coin>, going on, doing, overheated, overleveraged, overview, summary, checks, healthy, "
    "how are things, how is the market, state of, look",
)
async def health(deps: Deps, args: OneAsset) -> Reply:
    """All checks of an asset on one screen.

    The first lines say how things stand, from which checks are open. ▲▲ is strong (a warning, or critical), ▲ mild, △
    easing: still open, though no longer so; · calm, ? unknown: missing is not calm. Behind an open check stands for how
    long it is. /help and the name of a check, such as /help drawdown, explains it.
    """
    from storage.queries import alarms  # noqa: PLC0415 - see above

    asset = meant_asset(deps, args.asset, "/health btc")
    found = await asyncio.to_thread(alarms.read, deps.store, asset, deps.now)
    if found.readings.nothing:
        raise await nothing_stored(deps, asset, tuple(found.readings.found))
    name, stamped = asset.lower(), newest_time(found)
    first, *sentence = verdict(found)
    lines: list[Block] = [
        Line(first, "headline"),
        *(Line(_story(episode, deps.now)) for episode in found.stories),
        *(Line(text) for text in sentence if not found.stories),
        *([Line(f"▲▲ {_move(found.moving)}")] if found.moving else []),
        *(Line(text) for text in check_lines(found, Told(deps.now, stamped))),
        Buttons(
            (
                Button("Why", f"/why {name}"),
                Button("Open interest", f"/oi {name}"),
                Button("Funding", f"/funding {name}"),
            )
        ),
    ]
    values = {
        "checks": {
            check.metric.id: {"level": check.level, "value": check.value, "since": check.since}
            for check in found.checks
        },
        "stories": {story.rule: {"level": story.rank, "since": story.since} for story in found.stories},
        "moving": None if found.moving is None else {"level": found.moving.rank, "since": found.moving.since},
    }
    # The stamp is that of the newest figures; older ones say their own time, and here only where they come from.
    used = [
        replace(check.reading.stamp, oldest=None, coverage=None) if apart(check, stamped) else check.reading.stamp
        for check in found.checks
        if check.current and check.reading and not check.metric.market_wide
    ]
    return answered(deps, asset, lines, values, used or words.stamps(found.readings), outdated=found.readings.outdated)


# --- the lines --------------------------------------------------------------------------------------------------------

WIDTH: Final = 40  # characters of a phone's row
APART: Final = 10 * MINUTE  # from the stamp: a figure that is further from it says its own age
STRONG: Final = ("critical", "warning")
GOOD: Final = {"net_taker_30d"}  # its alarm tells that something is over, so it is no stress
MOOD: Final = "fear_greed"
# What goes on, the most telling first: the checks of which all are open, and the words. Never what to do about it.
SENTENCES: Final = (
    (("taker_zscore", "oi_zscore"), "Sellers hit the market, positions close."),
    (("taker_ratio", "oi_zscore"), "Sellers hit the market, positions close."),
    (("oi_zscore",), "Positions are being closed fast."),
    (("taker_zscore",), "Sellers hit the market."),
    (("taker_ratio",), "Sellers hit the market."),
    (("price_drawdown",), "Price is well below its recent high."),
    (("oi_drawdown",), "Many positions closed since the peak."),
    (("oi_vs_ma180",), "Fewer positions are open than usual."),
    (("funding_stretch",), "{payers} pay much to stay."),
)


@dataclass(frozen=True, slots=True)
class Told:
    """How the lines are told: now, and the time that the stamp tells."""

    now: datetime
    stamped: datetime | None


def newest_time(found: Health) -> datetime | None:
    """Return the time of the newest figure, which the stamp tells; None where none is current."""
    return max((at for check in found.checks if check.current and (at := time_of(check))), default=None)


def time_of(check: Check) -> datetime | None:
    """Return the time of a check's figure: its close, or that of the oldest input where it is read as it runs."""
    reading = check.reading
    if reading is None:
        return None
    at_close = not check.metric.running and reading.step < DAY
    return reading.at if at_close else reading.stamp.oldest or reading.at


def apart(check: Check, stamp: datetime | None) -> bool:
    """Tell whether a check's figure is further from the stamp than goes without saying."""
    at = time_of(check)
    return stamp is not None and at is not None and stamp - at > APART


def verdict(found: Health) -> tuple[str, ...]:
    """Say how things stand, with how much is open, and then in a fixed sentence what goes on, if anything does."""
    asset, checks = found.asset, found.checks
    by_level = {check.metric.id: check for check in checks if check.level not in {"calm", "unknown"}}
    strong = sum(check.level in STRONG for check in by_level.values()) + (found.moving is not None)
    mild = sum(check.level not in STRONG for check in by_level.values())
    unknown = sum(check.level == "unknown" for check in checks)
    if unknown == len(checks) and not found.moving:
        return (f"{asset}: {'what is stored is too old' if found.all_old else 'too little is known'} to judge.",)
    if not by_level and not found.moving and 2 * unknown > len(checks):
        return (f"{asset}: too little is known to judge; calm in {len(checks) - unknown} of {len(checks)} checks.",)
    counted = ", ".join(f"{count} {name}" for count, name in ((strong, "strong"), (mild, "mild")) if count)
    state, *sentence = (
        ("is under stress", "Price moves fast.") if found.moving else _mood(by_level, known_only=bool(unknown))
    )
    return f"{asset} {state}{f': {counted}' if counted else ''}.", *sentence


def _move(episode: Episode) -> str:
    """Say how far a fast move has gone, without the asset that the headline names."""
    from handlers.words.alerts import moved  # noqa: PLC0415 - brings numpy along
    from signals.alerts.burst import Running  # noqa: PLC0415 - as above

    said = moved(Running.of_values(episode.last_values))
    return sentence_case(said)


def _mood(by_level: Mapping[str, Check], *, known_only: bool) -> Iterator[str]:
    """Say the state, and what goes on."""
    own = {name: check for name, check in by_level.items() if name not in {MOOD, *GOOD}}
    if own and not any(check.holds for check in own.values()):
        yield "is calming down"
    elif own:
        own = {name: check for name, check in own.items() if check.holds}
        strong = {name: check for name, check in own.items() if check.level in STRONG}
        yield "is under stress" if strong else "is uneasy"
        funding = own.get("funding_stretch")
        payers = "Shorts" if funding and (funding.value or 0.0) < 0 else "Longs"
        said = (text for names, text in SENTENCES if _told(names, own, strong))
        yield from (text.format(payers=payers) for text in islice(said, 1))
    else:
        yield "is calm as far as is known" if known_only else "is calm"
        if GOOD & by_level.keys():
            yield "Buyers at market lead again."
        if MOOD in by_level:
            yield "The market is in extreme fear."


def _told(names: Sequence[str], own: Mapping[str, Check], strong: Mapping[str, Check]) -> bool:
    """Tell whether a sentence speaks of what is open; where anything is strong, of a part that is."""
    return all(name in own for name in names) and (not strong or any(name in strong for name in names))


def check_lines(found: Health, told: Told) -> Iterator[str]:
    """Say the checks by their marks, then of which age figures are that the stamp does not speak for.

    What is strong has a row each; of the others as many share one as it holds.
    """
    by_mark: dict[str, list[str]] = defaultdict(list)
    unknown: dict[str, list[str]] = defaultdict(list)
    older: dict[str, list[str]] = defaultdict(list)
    for check in found.checks:
        if check.level == "unknown":
            name, why = _unknown(check, found, told)
            unknown[why].append(name)
            continue
        mark = _mark(check)
        by_mark[mark].append(_figure(check, found, told, WIDTH - len(mark) - 1))
        if (at := time_of(check)) and apart(check, told.stamped):
            older[wording.age(told.now - at)].append(NAMES.get(check.metric.id, check.metric.title))
    for mark, figures in sorted(by_mark.items(), key=lambda one: MARKS.index(one[0])):
        yield from figures_in_rows(f"{mark} ", figures, alone=mark in {"▲▲", "△△"})
    for why, names in unknown.items():
        yield f"? {' · '.join(names)}{f': {why}' if why else ''}"
    for age, names in older.items():
        yield from figures_in_rows(f"{age}: ", names)


def figures_in_rows(begin: str, figures: Sequence[str], *, alone: bool = False) -> list[str]:
    """Put figures beside each other where a row of a phone has room for them, each row with the same beginning."""
    rows: list[str] = []
    for said in figures:
        place = next((place for place, row in enumerate(rows) if len(row) + len(said) + 3 <= WIDTH), None)
        if place is None or alone:
            rows.append(begin + said)
        else:
            rows[place] += f" · {said}"
    return rows


MARKS: Final = ("▲▲", "△△", "▲", "△", "·")


def _mark(check: Check) -> str:
    if check.level == "calm":
        return "·"
    return ("▲" if check.holds else "△") * (2 if check.level in STRONG else 1)


def _unknown(check: Check, found: Health, told: Told) -> tuple[str, str]:
    name = NAMES.get(check.metric.id, check.metric.title)
    if check.reading is None:
        return name, words.why_not(check.lacking)
    stale = check.reading.stamp.stale
    said = _figure(check, found, told, WIDTH)
    return said, "" if found.all_old or not stale else wording.age(told.now - stale)


def _open_for(check: Check, told: Told) -> str:
    """Say for how long a check has been open; "" where that is not known, or the figure says it."""
    if check.since is None or check.level in {"calm", "unknown"} or check.metric.id == "oi_vs_ma180":
        return ""
    return _lasting(told.now - check.since)


def _lasting(span: timedelta) -> str:
    return f"{span // DAY} d" if span >= 2 * DAY else f"{span // HOUR} h" if span >= HOUR else "new"


def _story(episode: Episode, now: datetime) -> str:
    """Say which story is on, and since when: ▲▲ Sellers press and positions close, 9 h."""
    from handlers.words.subscriptions import title  # noqa: PLC0415 - brings numpy along

    return f"{'▲▲' if episode.rank in STRONG else '▲'} {title(episode.rule)}, {_lasting(now - episode.since)}"


# --- the figures ------------------------------------------------------------------------------------------------------


def _figure(check: Check, found: Health, told: Told, room: int) -> str:
    """Say a check's figure so that its unit cannot be mistaken, and for how long it is open where a row holds that."""
    reading = check.reading
    if reading is None:
        return ""
    is_open = check.level not in {"calm", "unknown"}
    if check.metric.id == "funding_stretch":
        said = _funding(reading, found.paid)
    elif make := FIGURES.get(check.metric.id):
        said = make(reading, found.asset, is_open)
    else:
        said = f"{check.metric.title} {figure(reading.values['value'], check.metric.unit)}"
    lasting = _open_for(check, told)
    return f"{said}, {lasting}" if lasting and len(said) + len(lasting) + 2 <= room else said


def _part(reading: Reading, name: str, digits: int = 1) -> str:
    value = reading.get(name)
    return wording.percent(None if value is None else value * 100, digits)


def _funding(reading: Reading, paid: Paid | None) -> str:
    said = f"Funding {wording.apr(reading.values['value'] * 100)}"
    if paid is None:  # no payment is stored at all: what is told is what builds
        return said.replace("Funding ", "Funding heading to ")
    before = wording.apr(paid.apr * 100).removesuffix(" a year")
    return f"{said.removesuffix(' a year')} (last paid {before})" if paid.heading else f"{said}, paid"


def _price(reading: Reading, _asset: str, _open: bool) -> str:  # noqa: FBT001 - one of the figures
    if not reading.get("value"):
        return "Price at its 16-day high"
    return f"Price {_part(reading, 'value')} from {wording.day(reading.values.get('high_at'), short=True)}"


def _takers(reading: Reading, _asset: str, is_open: bool) -> str:  # noqa: FBT001 - as above
    unusual, share = wording.number(reading.get("value"), 2, plus=True), reading.get("buy_share")
    if not is_open or share is None:
        return f"Taker flow z {unusual}"
    return f"Selling z {unusual}, {wording.share(share * 100, 1)} buys"


def _closed(reading: Reading, _asset: str, is_open: bool) -> str:  # noqa: FBT001 - as above
    return f"{'Closed' if is_open else 'Positions'} {_part(reading, 'coins')} coins in 24 h"


def _peak(reading: Reading, asset: str, _open: bool) -> str:  # noqa: FBT001 - as above
    coins = f", {_part(reading, 'coins')} {asset}" if reading.get("coins") is not None else ""
    return f"OI {_part(reading, 'value')} ${coins} from peak"


def _average(reading: Reading, asset: str, is_open: bool) -> str:  # noqa: FBT001 - as above
    days = days_below(reading)
    if is_open and days and days >= 1:
        return f"Below 180-d average {wording.count(days, 'day')}"
    coins = f", {_part(reading, 'coins')} {asset}" if reading.get("coins") is not None else ""
    return f"180-d average {_part(reading, 'value')} ${coins}"


def _fear(reading: Reading, _asset: str, _open: bool) -> str:  # noqa: FBT001 - as above
    index = reading.get("value")
    # Up to 24 every site says Extreme Fear; the borders above differ between sites, so no class is named there. Whose
    # index it is has to stand beside it.
    name = "Extreme fear" if index is not None and index <= 24 else "Mood"
    return f"{name} {wording.number(index)} (alternative.me)"


FIGURES: Final[Mapping[str, Callable[[Reading, str, bool], str]]] = {
    "price_drawdown": _price,
    "taker_zscore": _takers,
    "oi_zscore": _closed,
    "oi_drawdown": _peak,
    "oi_vs_ma180": _average,
    "fear_greed": _fear,
    "taker_ratio": lambda reading, _asset, _open: f"Taker ratio {wording.number(reading.get('value'), 2)}",
    "net_taker_30d": lambda reading, _asset, _open: f"Net takers {wording.usd(reading.get('value'), plus=True)} a day",
}
NAMES: Final = {
    "funding_stretch": "Funding",
    "price_drawdown": "Price",
    "taker_zscore": "Taker flow",
    "taker_ratio": "Taker ratio",
    "net_taker_30d": "Net takers",
    "oi_zscore": "Positions",
    "oi_drawdown": "OI",
    "oi_vs_ma180": "180-d average",
    "fear_greed": "Mood",
}
