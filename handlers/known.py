"""What is known of an asset, for /status: the age of each kind of input, from when each venue has it, its gaps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from handlers import by_venue
from handlers.freshness import is_stale
from handlers.readings import asset_of, coverage_words
from handlers.words import wording
from signals.inputs import INPUTS, MARKET
from signals.metric import metrics
from signals.units import from_ms
from signals.venues import source_title, venue_order
from storage.market import differences, points

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from handlers.command import Deps
    from storage.market.coverage import Gap
    from storage.market.differences import Difference


@dataclass(frozen=True, slots=True)
class Family:
    """Inputs that come together and are said together. groups: those of the gap table that speak of them."""

    title: str
    inputs: tuple[str, ...]
    groups: tuple[str, ...] = ()


FAMILIES: Final = (
    Family("Prices and volume", ("open", "high", "low", "close", "volume_usd", "taker_buy_usd"), ("bars",)),
    Family("Mark and index price", ("mark_price", "index_price", "spot_price")),
    Family("Open interest", ("open_interest_coin", "open_interest_usd"), ("open_interest",)),
    Family("Funding", ("funding_rate", "funding_interval_hours"), ("funding",)),
    Family(
        "Long/short ratios",
        ("long_short_accounts", "long_short_top_accounts", "long_short_top_positions"),
        ("long_short",),
    ),
    Family("Depth within 1 %", ("depth_bids_usd", "depth_asks_usd"), ("depth_bids", "depth_asks")),
    Family("Liquidations", ("liquidated_longs_usd", "liquidated_shorts_usd")),
    Family("Implied volatility", ("implied_volatility",)),
    Family("Stablecoin supply", ("stablecoin_supply_usd",)),
    Family("Fear & Greed index", ("fear_greed",)),
)
EITHER: Final = {"open_interest_coin", "open_interest_usd"}  # one gives the other, with the price of the same time
ENOUGH: Final = timedelta(days=180)  # the longest average; a peak may look further back and is told of what there is
LATELY: Final = timedelta(days=30)  # how long a difference from the archive is worth a line
SHOWN_GAPS: Final = 4  # the longest; a phone shows few lines, and `perpulse backfill --json` lists them all
_GROUPS: Final = {
    "bars": "prices",
    "open_interest": "open interest",
    "long_short": "long/short ratios",
    "funding": "funding",
    "depth_bids": "bids",
    "depth_asks": "asks",
}


@dataclass(frozen=True, slots=True)
class Known:
    """One input of an asset. state: live, stale or never. since: first value by venue, the main one first.

    learning: how much of its longest window is known, and how long that is; None where all of it is.
    """

    name: str
    state: str
    newest: points.Newest | None = None
    since: tuple[tuple[str, datetime], ...] = ()
    learning: tuple[timedelta, timedelta] | None = None


def inputs_of(deps: Deps, asset: str) -> list[Known]:
    """Return every input that is stored, and those that a metric needs and that never had a value."""
    found = [each for owner in (asset, MARKET) for each in _stored(deps, owner)]
    if not found:
        return []
    names = {each.name for each in found}
    needed = dict.fromkeys(name for each in metrics().values() for name in each.needs)
    return found + [
        Known(name, "never") for name in needed if name not in names and not (name in EITHER and EITHER & names)
    ]


def _stored(deps: Deps, asset: str) -> Iterator[Known]:
    by_input: dict[str, list[points.Series]] = defaultdict(list)
    for (_, name), every in points.directory(deps.store, asset).items():
        by_input[name] += every
    for name in INPUTS:
        newest = points.newest(deps.store, asset, name) if name in by_input else None
        if newest is None:
            continue
        first: dict[str, int] = {}
        for each in by_input[name]:
            first[each.venue] = min(each.first, first.get(each.venue, each.first))
        since = tuple(
            (venue, from_ms(first[venue])) for venue in sorted(first, key=lambda one: (venue_order(one), one))
        )
        stale = is_stale(deps.store, asset, name, newest, deps.now)
        yield Known(name, "stale" if stale else "live", newest, since, _learning(name, asset, newest, since))


def _learning(
    name: str, asset: str, newest: points.Newest, since: Sequence[tuple[str, datetime]]
) -> tuple[timedelta, timedelta] | None:
    """Return how much of the longest window that reads an input is known, where it is less than all of it."""
    windows = [each.window for each in metrics().values() if name in each.needs and asset_of(each, asset) == asset]
    if not windows:
        return None
    known, wanted = newest.at - min(at for _, at in since), min(max(windows), ENOUGH)
    return (known, wanted) if known < wanted else None


def lines_of(deps: Deps, asset: str, inputs: Iterable[Known], gaps: Sequence[Gap]) -> list[str]:
    """Say the inputs by families, one line for those of the same age, venues and beginnings."""
    by_name = {each.name: each for each in inputs}
    found: list[str] = []
    for family in FAMILIES:
        every = [by_name[name] for name in family.inputs if name in by_name]
        together: dict[str, list[str]] = defaultdict(list)
        for each in every:
            together[_words(each, deps.now, [gap for gap in gaps if gap.group in family.groups])].append(each.name)
        most = max(together, key=lambda words: len(together[words]), default="")
        for words, names in together.items():  # what differs from most of its family is named
            title = family.title if words == most else wording.listing([INPUTS[name].title for name in names])
            found.append(f"{title[:1].upper()}{title[1:]}: {words}")
        if family.title == "Open interest" and every and (covered := _covered(deps, asset)):
            found[-1] += f" {covered}"
    return found


def _words(each: Known, now: datetime, gaps: Sequence[Gap]) -> str:
    if each.newest is None:
        return "never had a value."
    age = wording.age(now - each.newest.at)
    said = f"{'STALE, ' if each.state == 'stale' else ''}{age}. {_since(each.since, gaps)}."
    if each.learning:
        known, wanted = each.learning
        said += f" Learning: {known.days} of {wanted.days} days."
    return said


def _since(since: Sequence[tuple[str, datetime]], gaps: Sequence[Gap]) -> str:
    """Say from when each venue is known; those of one day and without gaps in one breath."""
    said = []
    holes = {venue: sum(gap.venue == venue for gap in gaps) for venue, _ in since}
    order = sorted(since, key=lambda one: one[1].date())  # stable: on the same day the main venue comes first
    for (at, count), group in groupby(order, key=lambda one: (one[1].date(), holes[one[0]])):
        names = wording.listing([source_title(venue) for venue, _ in group])
        said.append(f"{names} from {wording.day(at)}" + (f" with {wording.count(count, 'gap')}" if count else ""))
    return "; ".join(said)


def _covered(deps: Deps, asset: str) -> str:
    """Say how much of the usual open interest answers now; "" where a single venue is all there is."""
    reading = by_venue.open_interest(deps, asset)
    if reading is None or reading.coverage is None:
        return ""
    return f"{'Now' if reading.coverage.enough else 'No total now:'} {coverage_words(reading.coverage)}."


def gap_lines(every: Iterable[Gap]) -> list[str]:
    """Say the longest gaps of an asset's history and how many more there are; nothing fills them."""
    gaps = sorted(every, key=lambda one: one.start - one.end)
    found = [
        f"{source_title(each.venue)} {_GROUPS.get(each.group, each.group)}: {wording.duration(each.end - each.start)} "
        f"from {wording.moment(each.start)}: {each.reason}"
        for each in gaps[:SHOWN_GAPS]
    ]
    if len(gaps) > SHOWN_GAPS:
        found.append(f"and {wording.count(len(gaps) - SHOWN_GAPS, 'shorter gap')}")
    return found


def difference_lines(deps: Deps, asset: str) -> list[str]:
    """Say where the archive differed from what had come live, the newest first; one line an input and exchange."""
    found: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for each in differences.of(deps.store, asset, since=deps.now - LATELY):
        found[each.venue, each.name].append(each)
    said = []
    for (venue, name), every in list(found.items())[:SHOWN_GAPS]:
        newest = every[0]
        line = (
            f"{source_title(venue)} {INPUTS[name].title}: {newest.differing} of {newest.compared} values on "
            f"{wording.day(newest.at)}, by up to {newest.largest:.1%}"
        )
        said.append(line + (f"; and on {wording.count(len(every) - 1, 'other day')}" if len(every) > 1 else ""))
    return said


def as_data(each: Known) -> dict[str, Any]:
    """Return an input as JSON can hold it: state, first and newest time, who speaks, and from when each venue does."""
    return {
        "state": each.state,
        "since": min((at for _, at in each.since), default=None),
        "newest": each.newest.at if each.newest else None,
        "venue": each.newest.venue if each.newest else None,
        "venues": dict(each.since),
    }


def gaps_as_data(gaps: Iterable[Gap]) -> list[dict[str, Any]]:
    """Return every gap as JSON can hold it."""
    return [
        {"venue": each.venue, "input": each.group, "from": each.start, "to": each.end, "reason": each.reason}
        for each in gaps
    ]
