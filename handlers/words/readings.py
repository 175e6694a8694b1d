"""Readings in words: why there is none, how much of the market they are, and the stamp under an answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_never

from handlers.words import wording
from signals.inputs import INPUTS, MARKET
from signals.units import DAY
from signals.venues import VENUES, venue_credit, venue_order, venue_title

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime, timedelta

    from signals.series import Coverage
    from storage.queries.freshness import Stamp
    from storage.queries.market.readings import NotKnown, Readings

FEW = 3  # venues that are listed by name before a figure
_SWITCHES = {  # the switch of the market in the configuration, by what it collects
    "options": "options",
    "implied_volatility": "options",
    "liquidated_longs_usd": "liquidations",
    "liquidated_shorts_usd": "liquidations",
    "stablecoin_supply_usd": "stablecoins",
    "fear_greed": "fear_greed",
}
_PROVIDERS = {venue.id for venue in VENUES.values() if venue.credit}


def why_not(lacking: NotKnown | None) -> str:
    """Say why a metric has no value; "" if it has one."""
    from storage.queries.market.readings import Lack  # noqa: PLC0415 - brings numpy along

    if lacking is None:
        return ""
    match lacking.lack:
        case Lack.NOTHING_STORED:
            said = f"nothing is stored of {_titles(lacking.inputs[:2])} for {lacking.asset}"
        case Lack.INPUT_MISSING:
            said = f"nothing is stored of {_titles(lacking.inputs)}"
        case Lack.NOTHING_CLOSED:
            said = "no bar has closed yet"
        case Lack.LEARNING:
            # Whole days that are over; what is still being learnt is never all of it, however near it is.
            said = f"learning, {min(math.floor(lacking.days), lacking.needed - 1)} of {lacking.needed} days"
        case Lack.NEWEST_MISSING:
            said = "the newest points are missing"
        case Lack.TOO_LITTLE:
            said = too_little(lacking.coverage) if lacking.coverage else "too little of the market answers for a total"
        case Lack.APART:
            said = f"no exchange is stored with both {_titles(lacking.inputs)}"
        case unreachable:
            assert_never(unreachable)
    return said


def _titles(inputs: Sequence[str]) -> str:
    return wording.listing([INPUTS[name].title for name in inputs])


def switched_off(off: Collection[str], *names: str) -> str:
    """Say that one of these inputs is not collected, and which line of the configuration turns it on; "" if it is.

    off: the switches that are off.
    """
    switch = next((_SWITCHES[name] for name in names if _SWITCHES.get(name) in off), None)
    if switch is None:
        return ""
    return f"It is switched off in this bot: {switch} = true under [market] in its configuration turns it on."


def nothing_stored(
    asset: str, needs: Sequence[frozenset[str]], first: str, *, silent: bool, off: Collection[str] = ()
) -> str:
    """Say that nothing is stored yet, and where data comes from.

    needs: the inputs of each metric that was asked for; first: the first input of the first one. silent: sources were
    asked, and none answers. off: as in switched_off.
    """
    of = "" if asset == MARKET else f" for {asset}"
    title = INPUTS[first].title if len(set(needs)) == 1 else ""
    verb = "are" if title.partition(" ")[0].endswith("s") else "is"  # longs liquidated, bids within 1 % of mid
    what = f"No {title} {verb}" if title else "Nothing is"
    if told := switched_off(off, first):
        return f"{what} stored{of}. {told} A file brings history in with perpulse import FILE."
    why = "no source answers at the moment: /sources says why" if silent else "a running bot (perpulse run) collects it"
    return f"{what} stored{of} yet; {why}. A file brings history in with perpulse import FILE."


# --- how much of the market -------------------------------------------------------------------------------------------


def too_little(coverage: Coverage) -> str:
    """Say that there is no total, who alone answers, and who does not."""
    who = wording.listing(named(coverage.venues)) if coverage.venues else "nobody"
    # Rounded down: what is too little is never said to be 60 %.
    part = "" if coverage.share is None else f", {math.floor(coverage.share * 100)} % of usual open interest"
    return f"too little of the market answers for a total (only {who}{part}, {_without(coverage)})"


def coverage_words(coverage: Coverage) -> str:
    """Say how much of the market a figure of open interest is, and who is not in it."""
    count, missing = len(coverage.venues), len(coverage.left_out)
    words = f"{count} of {count + missing} venues"
    if coverage.share is not None:
        # While somebody is missing it is not all of it.
        words += f", {min(round(coverage.share * 100), 99 if missing else 100)} % of usual open interest"
    return f"{words} · {_without(coverage)}" if missing else words


def _without(coverage: Coverage) -> str:
    return f"without {', '.join(named(sorted(coverage.left_out, key=venue_order)))}"


def named(venues: Iterable[str]) -> list[str]:
    """Return venues as people write them."""
    return [venue_title(venue) for venue in venues]


def whose(venues: Sequence[str], above: Sequence[str]) -> str:
    """Begin a sentence with whose figures it tells, where they are of other venues than the figure above it."""
    if set(venues) == set(above):
        return ""
    if len(venues) <= FEW:
        return f"On {wording.listing(named(venues))}: "
    return f"On {len(venues)} of {wording.count(len(above), 'venue')}: "


# --- the stamp --------------------------------------------------------------------------------------------------------


def stamps(readings: Readings) -> tuple[Stamp, ...]:
    """Return the stamps of the readings that are known."""
    return tuple(reading.stamp for reading in readings.known)


def as_of(used: Sequence[Stamp]) -> datetime | None:
    """Return the time of the oldest input that figures rest on."""
    return min((stamp.oldest for stamp in used if stamp.oldest), default=None)


def stale_since(used: Sequence[Stamp]) -> datetime | None:
    """Return the time of the oldest input that is too old to be called current; None where all are current."""
    return min((stamp.stale for stamp in used if stamp.stale), default=None)


def stamp_words(used: Sequence[Stamp], now: datetime, note: str | None, beside: Sequence[Stamp] = ()) -> str | None:
    """Say where the numbers come from, how old the oldest input is, and what must be known of them; None for none.

    Where inputs are too old to be called current, the age is that of the oldest of them. note: said in every stamp.
    beside: stamps of which only the coverage is said.
    """
    if not used:
        return None
    of_market = [stamp for stamp in used if stamp.venues and set(stamp.venues) <= _PROVIDERS]
    others = [stamp for stamp in used if stamp not in of_market]
    parts = [
        # A daily index beside live figures has an age of its own, or it would make all of them look old.
        *(part for some in (others, of_market) if some for part in _sources(some, now)),
        covered([*used, *beside]),
        "daily data" if any(stamp.daily for stamp in used) else "",
        derived_words(tuple(sorted({name for stamp in used for name in stamp.derived}))),
        "liquidations are a floor" if any(stamp.floor for stamp in used) else "",
        note or "",
    ]
    return " · ".join(part for part in parts if part)


def _sources(used: Sequence[Stamp], now: datetime) -> tuple[str, str]:
    venues = dict.fromkeys(venue for stamp in used for venue in stamp.venues)
    stale, oldest = stale_since(used), as_of(used)
    age = f"{wording.age(now - stale)}: not current" if stale else wording.age(now - oldest if oldest else None)
    return ", ".join(venue_credit(venue) for venue in venues), age


def covered(used: Sequence[Stamp]) -> str:
    """Say how much of the market the figures of open interest are; "" where one venue is all there is.

    A year may be known of fewer venues than a month is: then it is said for the shortest window, and who the others
    rest on.
    """
    said: dict[tuple[str, ...], str] = {}
    for stamp in sorted((stamp for stamp in used if stamp.coverage), key=lambda stamp: stamp.window):
        if not stamp.coverage or stamp.coverage.venues in said:
            continue
        venues = wording.listing(named(stamp.coverage.venues))
        over = f"over {wording.duration(stamp.window)} {venues} only"
        said[stamp.coverage.venues] = over if said else coverage_words(stamp.coverage)
    return " · ".join(said.values())


def derived_words(derived: tuple[str, ...]) -> str:
    """Say what was computed from something else."""
    match derived:
        case ("open_interest_coin", *_):
            return "coins computed from dollars and price"
        case ("open_interest_usd", *_):
            return "dollars computed from coins and price"
        case _:
            return ""


def days(seen: timedelta) -> int:
    """Return a length of history in whole days."""
    return round(seen / DAY)
