"""How a watched position is told: its parts in words, the list of /positions, and what /watch says of one.

Events of positions are told in events.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from handlers.reply import Block, Line
from handlers.words import wording
from handlers.words.liquidation import exchange
from signals.liquidation import LiquidationError, tiers
from signals.liquidation.events import STOOD_IN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from signals.liquidation import LiquidationAnswer
    from signals.liquidation.events import PositionNow
    from signals.liquidation.watching import Holding

LONGEST_LIST: Final = 840  # characters, so that the whole message stays within 900


class Titled(Protocol):
    """A position that its owner has a number and perhaps a name for."""

    @property
    def holding(self) -> Holding:
        """The position itself."""

    @property
    def number(self) -> int | None:
        """What its owner calls it by; None for one of a followed address."""

    @property
    def name(self) -> str | None:
        """What its owner named it."""


class Addressed(Protocol):
    """A followed address, perhaps by a name."""

    @property
    def address(self) -> str:
        """0x and forty characters."""

    @property
    def name(self) -> str | None:
        """What its follower named it."""


# --- parts ------------------------------------------------------------------------------------------------------------


def short(address: str) -> str:
    """Return an address as people know it: 0x12ab…cd34."""
    return f"{address[:6]}…{address[-4:]}"


def title(position: Titled, holder: Addressed | None = None) -> str:
    """Name a position: BTC long (2), BTC long “hedge” (2), BTC long of 0x12ab…cd34."""
    said = f"{position.holding.unit} {position.holding.side}"
    if position.name:
        said += f" “{position.name}”"
    if position.number is not None:
        said += f" ({position.number})"
    return f"{said} of {whose(holder)}" if holder else said


def whose(holder: Addressed) -> str:
    """Name an address, by its own name where it has one."""
    return f"“{holder.name}” {short(holder.address)}" if holder.name else short(holder.address)


def far(distance: float) -> str:
    """Say a distance given as a fraction: 9.8 %, 0.93 %."""
    return wording.share(distance * 100, 1 if abs(distance) >= 0.0995 else 2)


def lines_said(lines: Sequence[float]) -> str:
    """Say the lines of a position: 20, 10 and 5 %."""
    numbers = [wording.number(line * 100, 2).rstrip("0").rstrip(".") for line in sorted(lines, reverse=True)]
    return f"{wording.listing(numbers)} %"


def typical(position: PositionNow, *, whole: bool = True) -> str:
    """Say a distance in typical days of movement; nothing where that is not known."""
    days = position.typical_days
    if days is None or days <= 0:
        return ""
    return f"{'under 0.1' if days < 0.1 else wording.number(days, 1)} typical days{' of movement' if whole else ''}"


def liquidation(position: PositionNow) -> str:
    """Say the liquidation price as the venue would show it."""
    return wording.price(position.liquidation if position.shown is None else position.shown)


def profit(position: PositionNow, *, share: bool = True) -> str:
    """Say the unrealised profit: +$120 (+6 % of the margin); without a size only its share of the margin."""
    holding = position.holding
    part = wording.percent(position.profit_share * 100, 0 if abs(position.profit_share) >= 0.1 else 1)
    if not holding.sized:
        return f"{part} of the margin"
    if holding.contract == "linear":
        amount = f"{'+' if round(position.profit) > 0 else ''}{wording.dollars(round(position.profit))}"
    else:
        amount = f"{'+' if position.profit > 0 else ''}{wording.coins(position.profit, holding.unit)}"
    return f"{amount} ({part} of the margin)" if share else amount


def money(amount: float, holding: Holding) -> str:
    """Say an amount in what the position is margined in."""
    return wording.coins(amount, holding.unit) if holding.contract == "inverse" else wording.dollars(amount)


def opened(holding: Holding) -> str:
    """Say how a position was opened: 0.5 BTC from 95,000, 25x."""
    size = ""
    if holding.size_coins is not None:
        size = f"{wording.coins(holding.size_coins, holding.unit)} "
    elif holding.size_usd is not None:
        size = f"{wording.usd(holding.size_usd)} "
    return f"{size}from {wording.price(holding.entry)}, {wording.leverage(holding.leverage)}"


def assumed(position: PositionNow) -> str:
    """Say what a computed price takes for granted."""
    holding = position.holding
    margin = "no margin added"
    if holding.added:
        verb = "added" if holding.added > 0 else "taken out"
        margin = f"{money(abs(holding.added), holding)} of margin {verb}"
    if position.priced == "computed" and position.settled is None:
        rates = f"no rates of {exchange(holding.venue)} are stored"
        return f"Assumed: isolated, {margin}. Funding is not counted: {rates}."
    return f"Assumed: isolated, {margin}, funding is taken from the margin."


def market(position: PositionNow) -> str:
    """Name the market of a mark price; that of the USDT contract where another one is held."""
    venue, holding = exchange(position.mark_venue), position.holding
    own = position.mark_venue == holding.listed != holding.venue
    other = holding.contract == "inverse" or (
        holding.quote == "USDC" and _main_quote(position.mark_venue, holding.asset) == "USDT"
    )
    return f"{venue}'s USDT contract" if other and not own else venue


def standing_in(position: PositionNow) -> str:
    """Say that the mark price of another venue stands in for that of its own, and what follows from that."""
    own, other = exchange(position.holding.venue), market(position)
    early = f"lines are judged {STOOD_IN * 100:g} % earlier"
    return f"{own}'s own mark price is not known now, so that of {other} stands in; {early}."


def _main_quote(venue: str | None, asset: str) -> str | None:
    """Return what the perpetual is quoted in that stands for an asset at a venue; None where no table says so."""
    try:
        return tiers(venue or "", "linear", asset).quote
    except LiquidationError:
        return None


def stamp(position: PositionNow, zone: str) -> str:
    """Say whose mark price and whose tier table a message rests on."""
    parts = [f"mark price of {market(position)}, {wording.clock(position.mark_at, zone)}"]
    if position.mark_at is None:
        parts = ["no mark price"]
    if position.priced == "stated":
        parts.append(f"liquidation price by {exchange(position.holding.venue)}")
    elif position.table_as_of is not None:
        parts.append(f"{exchange(position.holding.venue)} tier table of {wording.day(position.table_as_of)}")
    return " · ".join(parts)


def in_doubt(position: PositionNow, zone: str) -> str:
    """Say of a position that it may be gone and what settles it; nothing where that is not in doubt."""
    if position.doubt is None:
        return ""
    told = wording.clock(position.doubt, zone, dated=True)
    return f"May have been liquidated, told {told}. /watch {position.number} keep or /unwatch {position.number}."


# --- the list ---------------------------------------------------------------------------------------------------------


def entry_of_list(position: PositionNow, zone: str, *, of_address: bool = False) -> str:
    """Say a position in one line of the list; one of an address belongs to the line above it."""
    holding = position.holding
    number = f"{position.number}. " if position.number is not None else "– "
    name = f" “{position.name}”" if position.name else ""
    venue = "" if of_address else f", {exchange(holding.venue)}"
    entry = f"{number}{holding.unit} {holding.side}{name} {opened(holding)}{venue}: {_standing(position, zone)}"
    if of_address:
        return entry
    if holding.added:
        entry = f"{entry}, {money(holding.added, holding)} of margin added"
    doubt = in_doubt(position, zone)
    return f"{entry}. {doubt}" if doubt else entry


def _standing(position: PositionNow, zone: str) -> str:
    if not position.liquidation > 0.0:
        if position.priced == "unknown":
            return "liquidation unknown, its tier table is not known here"
        return "no liquidation price, its margin covers every price"
    at = f"liquidation at {liquidation(position)}"
    if not position.known:
        if position.mark_at is None:
            return f"{at}; distance unknown, no mark price is stored"
        last = wording.clock(position.mark_at, zone, dated=True)
        return f"{at}; distance unknown, the last mark price is from {last}"
    days = typical(position, whole=False)
    by = f" by the price of {market(position)}" if position.stood_in_for else ""
    beyond = position.distance <= 0  # until the turn that tells so has come; “−0.94 % away” is no distance
    stands = f"passed by {far(-position.distance)}" if beyond else f"{far(position.distance)} away"
    return f"{at}, {stands}{by}{f' ({days})' if days else ''}, {profit(position, share=False)}"


def listed(lines: Sequence[str], positions: Sequence[PositionNow], addresses: int) -> list[Block]:
    """List what somebody watches, and of what does not fit how much there is.

    lines: an entry each, those of an address behind its own. addresses: how many of them are addresses.
    """
    kept: list[Block] = []
    room = LONGEST_LIST - 60
    for line in lines:
        room -= len(line) + 1
        if room < 120 and len(lines) - len(kept) > 1:
            break
        kept.append(Line(line))
    more = len(lines) - len(kept)
    kept.insert(0, Line(_head(len(positions), addresses), "headline"))
    if more:
        kept.append(Line(f"and {more} more, farther away or of an address. /positions eth shows one asset."))
    typed = [position for position in positions if position.priced != "stated"]
    if typed:
        kept.append(Line(_assumed_of_all(typed), "caveat"))
    return kept


def told_nowhere(numbers: Sequence[int]) -> str:
    """Say which of what somebody watches is told in a chat that is closed, and how to have it told here."""
    which, are, it = ("Number", "is", "it") if len(numbers) == 1 else ("Numbers", "are", "them")
    listed = wording.listing([str(number) for number in numbers])
    return (
        f"{which} {listed} {are} not watched at the moment: the chat in which you asked for {it} is closed to the bot. "
        "Type the same /watch here."
    )


def _assumed_of_all(typed: Sequence[PositionNow]) -> str:
    margin = "no other margin added" if any(position.holding.added for position in typed) else "no margin added"
    uncounted = any(position.priced == "computed" and position.settled is None for position in typed)
    stored = ", where rates are stored" if uncounted else ""
    return f"Assumed: isolated, {margin}, funding is taken from the margin{stored}."


def _head(positions: int, addresses: int) -> str:
    parts = [wording.count(positions, "position")] if positions else []
    parts += [wording.count(addresses, "address", "addresses")] if addresses else []
    return f"You watch {wording.listing(parts)}:"


def stamp_of_list(positions: Sequence[PositionNow], zone: str) -> str | None:
    """Say how old the oldest of the mark prices is."""
    marks: list[datetime] = [position.mark_at for position in positions if position.mark_at is not None]
    return f"mark prices of {wording.clock(min(marks), zone, dated=True)} or later" if marks else None


# --- when a watch begins or changes -----------------------------------------------------------------------------------


def liquidation_of(position: PositionNow, zone: str, answer: LiquidationAnswer | None = None) -> str:
    """Say where liquidation is, and how far from the mark price, or why that is not known.

    answer: that of the position as it was opened, whose price is said then.
    """
    at = f"Liquidation at {wording.price(answer.shown) if answer else liquidation(position)}"
    if not position.known:
        if position.mark_at is None:
            asset = position.holding.unit
            return f"{at}. No mark price of {asset} is stored yet; it is watched once there is one."
        when = wording.clock(position.mark_at, zone, dated=True)
        return f"{at}. The last mark price is from {when}; it is watched once there is a fresh one."
    days = typical(position)
    away = f"{far(position.distance)} from the mark price {wording.price(position.mark)}"
    return f"{at}, {away}{f' ({days})' if days else ''}."


def told_at(position: PositionNow, begins: float, *, own: bool) -> str:
    """Say at which lines something is told, and which are crossed already.

    begins: the distance at the beginning. own: the lines are those of its owner, and not chosen by that distance.
    """
    crossed = [line for line in position.lines if position.known and position.distance <= line]
    ahead = [line for line in position.lines if line not in crossed]
    if not ahead:
        return f"It is within {lines_said(crossed)} already; you are told when it no longer is."
    said = f"You are told here at {lines_said(ahead)} from liquidation, and when that is over."
    if crossed:
        said += f" It is within {lines_said(crossed)} already."
    if not own and begins <= 0.05:
        said += f" Own lines: /watch {position.number} lines 3 2 1."
    return said
