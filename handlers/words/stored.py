"""What is stored of an asset in words: each kind of input with its age, from when each venue has it, and its gaps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from handlers.words import wording
from handlers.words.readings import coverage_words
from signals.inputs import INPUTS
from signals.language.spelling import sentence_case
from signals.units import DAY
from signals.venues import source_title

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.queries.stored import Status, StoredInput
    from storage.sources.coverage import Gap, Taken
    from storage.sources.differences import Difference


@dataclass(frozen=True, slots=True)
class InputGroup:
    """Inputs that come together and are said together. groups: those of the gap table that speak of them."""

    title: str
    inputs: tuple[str, ...]
    groups: tuple[str, ...] = ()


INPUT_GROUPS: Final = (
    InputGroup("Prices and volume", ("open", "high", "low", "close", "volume_usd", "taker_buy_usd"), ("bars",)),
    InputGroup("Mark and index price", ("mark_price", "index_price", "spot_price")),
    InputGroup("Open interest", ("open_interest_coin", "open_interest_usd"), ("open_interest",)),
    InputGroup("Funding", ("funding_rate", "funding_interval_hours"), ("funding",)),
    InputGroup(
        "Long/short ratios",
        ("long_short_accounts", "long_short_top_accounts", "long_short_top_positions"),
        ("long_short",),
    ),
    InputGroup("Depth within 1 %", ("depth_bids_usd", "depth_asks_usd"), ("depth_bids", "depth_asks")),
    InputGroup("Liquidations", ("liquidated_longs_usd", "liquidated_shorts_usd")),
    InputGroup("Implied volatility", ("implied_volatility",)),
    InputGroup("Options", tuple(name for name in INPUTS if name.startswith("options_"))),
    InputGroup("Dated futures", ("dated_premium", "dated_days")),
    InputGroup("Stablecoin supply", ("stablecoin_supply_usd",)),
    InputGroup("Fear & Greed index", ("fear_greed",)),
)
SHOWN: Final = 4  # gaps and differences; a phone shows few lines, and `perpulse backfill --json` lists all gaps
_GROUPS: Final = {
    "bars": "prices",
    "open_interest": "open interest",
    "long_short": "long/short ratios",
    "funding": "funding",
    "depth_bids": "bids",
    "depth_asks": "asks",
}


def input_lines(found: Status, now: datetime) -> list[str]:
    """Say the inputs by groups, one line for those of the same age, venues and beginnings."""
    by_name = {stored.name: stored for stored in found.inputs}
    lines: list[str] = []
    for group in INPUT_GROUPS:
        every = [by_name[name] for name in group.inputs if name in by_name]
        gaps = [gap for gap in found.gaps if gap.group in group.groups]
        together: dict[str, list[str]] = defaultdict(list)
        for stored in every:
            together[_input(stored, now, gaps)].append(stored.name)
        most = max(together, key=lambda said: len(together[said]), default="")
        for said, names in together.items():  # what differs from most of its group is named
            title = group.title if said == most else wording.listing([INPUTS[name].title for name in names])
            lines.append(f"{sentence_case(title)}: {said}")
        if group.title == "Open interest" and every and found.coverage:
            begun = "Now" if found.coverage.enough else "No total now:"
            lines[-1] += f" {begun} {coverage_words(found.coverage)}."
    return lines


def _input(stored: StoredInput, now: datetime, gaps: Sequence[Gap]) -> str:
    if stored.newest is None:
        return "never had a value."
    age = wording.age(now - stored.newest.at)
    said = f"{'STALE, ' if stored.state == 'stale' else ''}{age}. {_since(stored.since, gaps)}."
    if stored.learning:
        said += f" Learning: {stored.learning.known.days} of {stored.learning.wanted.days} days."
    return said


def _since(since: Sequence[tuple[str, datetime]], gaps: Sequence[Gap]) -> str:
    """Say from when each venue is known; those of one day and without gaps in one breath."""
    said = []
    holes = {venue: sum(gap.venue == venue for gap in gaps) for venue, _ in since}
    order = sorted(since, key=lambda known: known[1].date())  # stable: on the same day the main venue comes first
    for (at, count), group in groupby(order, key=lambda known: (known[1].date(), holes[known[0]])):
        names = wording.listing([source_title(venue) for venue, _ in group])
        said.append(f"{names} from {wording.day(at)}" + (f" with {wording.count(count, 'gap')}" if count else ""))
    return "; ".join(said)


def gap_lines(every: Sequence[Gap]) -> list[str]:
    """Say the longest gaps of an asset's history and how many more there are; nothing fills them."""
    gaps = sorted(every, key=lambda gap: gap.start - gap.end)
    lines = [
        f"{source_title(gap.venue)} {_GROUPS.get(gap.group, gap.group)}: {wording.duration(gap.end - gap.start)} "
        f"from {wording.moment(gap.start)}: {gap.reason}"
        for gap in gaps[:SHOWN]
    ]
    if len(gaps) > SHOWN:
        lines.append(f"and {wording.count(len(gaps) - SHOWN, 'shorter gap')}")
    return lines


def taken_lines(every: Sequence[Taken]) -> list[str]:
    """Say what is unlikely and was kept all the same, since somebody said that it is true."""
    lines = [
        f"{source_title(one.venue)} {INPUTS[one.name].title}: {wording.day(one.start)} to {wording.day(one.end - DAY)}"
        for one in every[:SHOWN]
    ]
    return lines + ([f"and {wording.count(len(every) - SHOWN, 'more')}"] if len(every) > SHOWN else [])


def difference_lines(every: Sequence[Difference]) -> list[str]:
    """Say where the archive differed from what had come live, the newest first; one line an input and exchange."""
    by_input: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for difference in every:
        by_input[difference.venue, difference.name].append(difference)
    said = []
    for (venue, name), found in list(by_input.items())[:SHOWN]:
        newest = found[0]
        line = (
            f"{source_title(venue)} {INPUTS[name].title}: {newest.differing} of {newest.compared} values on "
            f"{wording.day(newest.at)}, by up to {newest.largest:.1%}"
        )
        said.append(line + (f"; and on {wording.count(len(found) - 1, 'other day')}" if len(found) > 1 else ""))
    return said
