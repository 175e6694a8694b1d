"""A watched position: what it is worth now, how far its liquidation is, and which of its lines it has crossed.

The liquidation price is that of `quote` with today's tiers and the margin that is left: funding is taken from the
margin of an isolated position when the wallet is empty (Binance, Bybit, OKX help pages, read 2026-11-22), which is
assumed here. Prices and linear profits are in quote currency, inverse profits in coin, times aware and in UTC.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from signals.alerts import episodes
from signals.alerts.condition import RANKS, above, at_most, level
from signals.alerts.episodes import Transition
from signals.assets import packed
from signals.liquidation.answer import margin_for, quote
from signals.liquidation.calculators import profit
from signals.liquidation.condition import side_sign
from signals.liquidation.errors import LiquidationError
from signals.liquidation.funding import Settlement, inside
from signals.liquidation.moves import distance_to
from signals.liquidation.position import Position
from signals.liquidation.rules import rule_for
from signals.liquidation.tables import tiers
from signals.units import HOUR_MS, MINUTE, from_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from signals.alerts.condition import Level
    from signals.alerts.episodes import State
    from signals.liquidation.position import LiquidationAnswer
    from signals.liquidation.tables import RenewedTables

LINES = (0.20, 0.10, 0.05)  # of the mark price; own lines take their place
FARTHER = 1.25  # a line is left this much farther away than it is crossed, or a price on the line would flicker
MOST_LINES = len(RANKS)
LEAST = 0.001  # of the mark price: what is left then is a matter of seconds
JUDGED_EVERY = MINUTE

_BEFORE_MS = 300_000
_LONGEST_H = 8.0
_SHARE_LEFT = 1e-9  # of the value: a margin that funding has eaten whole
_PROPOSED_DIGITS = 3  # of a price that is proposed: nobody wants 70,241.37


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position that somebody watches, as it was opened; without a size it is any position of the first tier.

    `begun`: when the watch began; funding is counted from then on. `added`: margin put to it since, in settle coin.
    `quote` None: USDT, USDC or USD. `multiplier`: how many coins are priced and counted as one, as in `Position`.
    """

    asset: str
    venue: str
    contract: str
    side: str
    entry: float
    leverage: float
    begun: dt.datetime
    size_coins: float | None = None
    size_usd: float | None = None
    added: float = 0.0
    quote: str | None = None
    multiplier: int = 1

    @property
    def unit(self) -> str:
        """Give what its prices are the price of: 1000PEPE."""
        return packed(self.asset, self.multiplier)

    @property
    def listed(self) -> str:
        """Give the venue by the name its contract is listed under: Binance's coin-margined ones have their own."""
        return rule_for(self.venue, self.contract).venue

    @property
    def sized(self) -> bool:
        """Tell whether a size is known, so that money can be named."""
        return self.size_coins is not None or self.size_usd is not None

    @property
    def size(self) -> float:
        """Give the size in the contract's unit, linear coins and inverse USD; without one that of one dollar."""
        coins, usd = self.size_coins, self.size_usd
        if self.contract == "linear":
            return coins if coins is not None else (1.0 if usd is None else usd) / self.entry
        return coins * self.entry if coins is not None else (1.0 if usd is None else usd)

    @property
    def margin(self) -> float:
        """Give the margin that was put to it, in settle coin: what it was opened with and what was added."""
        value = self.size * self.entry if self.contract == "linear" else self.size / self.entry
        return value / self.leverage + self.added


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """What a watched position is worth.

    `distance`: from the mark to the liquidation price as a fraction of the mark, zero or less once it is crossed; NaN
    where one of the two is not known. `profit` in settle coin and `profit_share` of the margin put to it, NaN without a
    mark. `taken`: what funding took from the margin, in settle coin; `settled`: by how many payments, None where no
    rates of this venue are known, so that none is counted.
    """

    answer: LiquidationAnswer
    price: float
    distance: float
    profit: float
    profit_share: float
    taken: float
    settled: int | None


def valuation(
    holding: Holding,
    *,
    mark: float = math.nan,
    settlements: Sequence[Settlement] | None = None,
    now: dt.datetime,
    renewed: RenewedTables | None = None,
    table_of: dt.date | None = None,
) -> Valuation:
    """Compute where a watched position stands.

    mark: NaN where it is not known. settlements: as they happened, None where none are known. table_of: take the tier
    table of that day instead of the newest. LiquidationError where no table is known, and where the position has no
    liquidation price at all.
    """
    taken = 0.0
    settled = None
    if settlements is not None:
        held = inside(settlements, holding.begun, max(now, holding.begun))
        settled = len(held)
        taken = from_margin(payment(holding, settlement) for settlement in held)
    position = _as_asked(holding, taken)
    rule = rule_for(holding.venue, holding.contract)
    table = tiers(
        rule.venue, rule.contract, holding.asset, holding.quote, table_of, renewed, multiplier=holding.multiplier
    )
    answer = quote(position, table=table)
    price = math.nan if answer.price is None else answer.price
    gain = math.nan
    if mark > 0.0:
        gain = profit(
            contract=holding.contract, side=holding.side, entry=holding.entry, exit_price=mark, size=holding.size
        )
    return Valuation(
        answer=answer,
        price=price,
        distance=distance_to(price, side=holding.side, mark=mark),
        profit=gain,
        profit_share=gain / holding.margin,
        taken=taken,
        settled=settled,
    )


def _as_asked(holding: Holding, taken: float) -> Position:
    """Return a holding as the calculators are asked for it. taken: what funding has taken from its margin."""
    linear = holding.contract == "linear"
    return Position(
        venue=holding.venue,
        side=holding.side,
        entry=holding.entry,
        contract=holding.contract,
        asset=holding.asset,
        quote=holding.quote,
        multiplier=holding.multiplier,
        margin=max(holding.margin - taken, _SHARE_LEFT * holding.margin),
        size_coins=holding.size if linear else None,
        size_usd=None if linear else holding.size,
    )


def payment(holding: Holding, settlement: Settlement) -> float:
    """Compute the cash flow of one settlement in settle coin: rate x value at mark; below zero it is paid."""
    value = holding.size * settlement.mark if holding.contract == "linear" else holding.size / settlement.mark
    return -side_sign(holding.side) * value * settlement.rate


def from_margin(flows: Iterable[float]) -> float:
    """Add up what cash flows, in the order of time, take from the margin.

    The wallet is empty at first. What comes in stays there and pays for what goes out later; only what it cannot pay
    is taken from the margin.
    """
    wallet = taken = 0.0
    for flow in flows:
        wallet += flow
        if wallet < 0.0:
            taken, wallet = taken - wallet, 0.0
    return taken


# --- lines --------------------------------------------------------------------------------------------------------


def lines_for(distance: float) -> tuple[float, ...]:
    """Choose the lines of a position by how far its liquidation is away at the beginning, farthest first.

    20, 10 and 5 %, as far as they are nearer than that. A position that begins nearer than all of them gets half and
    a quarter of its own distance: at 25x nothing else would ever be told. NaN gives all three.
    """
    if math.isnan(distance):
        return LINES
    ahead = tuple(line for line in LINES if line < distance)
    return ahead or tuple(dict.fromkeys((_round(distance / 2), _round(distance / 4))))


def _round(line: float) -> float:
    """Keep two significant digits, at least a hundredth of a percent."""
    return max(float(f"{line:.2g}"), 0.0001)


def levels_of(lines: Sequence[float]) -> tuple[Level, ...]:
    """Make levels of lines, given as fractions: the nearest is critical, the ones before it warning and notice."""
    ordered = sorted(lines, reverse=True)
    return tuple(
        level(rank, enter=at_most(line, "distance"), leave=above(line * FARTHER, "distance"), hold=dt.timedelta(0))
        for rank, line in zip(RANKS[-len(ordered) :], ordered, strict=True)
    )


def judge(
    lines: Sequence[float], state: State, values: Mapping[str, float], *, at: dt.datetime
) -> tuple[State, Transition | None]:
    """Judge one mark price. values: `distance` and whatever a message needs; `at`: the time of that price.

    Within the last line each half of what is left is told once an episode, as the episode getting worse: from 5 % on
    the way to nothing is the one that matters. A price that is not newer than the last one judged changes nothing, nor
    does one that is not known (NaN).
    """
    after, transition = episodes.step(levels_of(lines), state, values, at=at, closes=JUDGED_EVERY)
    halved = halvings(lines, values["distance"])
    if after.rank == 0 or (transition and transition.kind == "fired"):
        return replace(after, halved=halved), transition
    if after == state or halved <= state.halved:
        return after, transition
    worse = Transition("escalated", at, after.since or at, RANKS[-1], values)
    return replace(after, halved=halved), transition or worse


def halvings(lines: Sequence[float], distance: float) -> int:
    """Count how often the last line has been halved down to a distance, until nothing of it is left; NaN gives none."""
    left, count = min(lines) / 2.0, 0
    while distance <= left and left >= LEAST:
        left, count = left / 2.0, count + 1
    return count


def half_within(lines: Sequence[float], distance: float) -> float | None:
    """Give the half, or the half of a half, of the last line that a distance lies within; None outside of them."""
    count = halvings(lines, distance)
    return min(lines) / 2.0**count if count else None


def line_of(lines: Sequence[float], rank: str) -> float:
    """Give the line that a rank stands for."""
    ordered = sorted(lines, reverse=True)
    return ordered[RANKS.index(rank) - (len(RANKS) - len(ordered))]


def lines_within(lines: Sequence[float], distance: float) -> int:
    """Count the lines that a distance lies within; none for a distance that is not known."""
    return sum(distance <= line for line in lines)


# --- what moves it ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Relief:
    """Margin that is missing for a liquidation price: `add` in settle coin; distance: from the mark, as a fraction."""

    add: float
    price: float
    distance: float


def relief(
    holding: Holding, *, mark: float, taken: float, away: float, renewed: RenewedTables | None = None
) -> Relief | None:
    """Compute what must be added so that liquidation is `away` (a fraction of the mark) or a little more.

    taken: what funding took from the margin. The price is a round one. None where money cannot be named, as no size is
    known, where the mark is not known (NaN), where the price would lie beyond the entry or below zero, and where
    nothing has to be added. Source: `margin_for`.
    """
    if not holding.sized or not mark > 0.0:
        return None
    sign = side_sign(holding.side)
    price = _outward(mark * (1.0 - sign * away), down=sign > 0.0)
    position = _as_asked(holding, taken)
    try:
        need = margin_for(position, price, renewed=renewed)
    except LiquidationError:
        return None
    return Relief(need.add, price, price / mark - 1.0) if need.add > 0.0 else None


def _outward(price: float, *, down: bool) -> float:
    """Keep three digits, away from the mark; zero and less stay, and are refused as a price."""
    if price <= 0.0:
        return price
    unit = 10.0 ** (math.floor(math.log10(price)) + 1 - _PROPOSED_DIGITS)
    steps = price / unit
    return float(f"{(math.floor(steps) if down else math.ceil(steps)) * unit:.12g}")


# --- from what is stored ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateRow:
    """A stored row that speaks of funding: time in ms, rate, hours between settlements, mark price; None unknown.

    settled: the rate was paid; else it was announced.
    """

    at: int
    rate: float | None
    interval_h: float | None
    mark: float | None
    settled: bool = False


def settlements(rows: Iterable[RateRow], closes: Mapping[int, float], *, otherwise: float) -> list[Settlement]:
    """Find the settlements in stored rows, in the order of time.

    Where no settled rate of an hour is known, the one last announced within five minutes before it takes its place.
    Mark: the nearest stored within five minutes, else the close of that hour (`closes`, by ms), else `otherwise`. A
    rate whose hour does not fit its own interval is no settlement.
    """
    exact: dict[int, RateRow] = {}
    announced: dict[int, RateRow] = {}
    marks: dict[int, tuple[int, float]] = {}
    for row in sorted(rows, key=lambda row: row.at):
        hour = (row.at + _BEFORE_MS) // HOUR_MS * HOUR_MS
        away = row.at - hour
        if row.mark is not None and abs(away) <= marks.get(hour, (_BEFORE_MS, 0.0))[0]:
            marks[hour] = abs(away), row.mark
        if row.rate is None:
            continue
        if row.settled:
            exact[hour] = row
        elif away <= 0:
            announced[hour] = row
    found = []
    for hour in sorted({*exact, *announced}):
        row = exact.get(hour) or announced[hour]
        if not _settles(hour, row, known=hour in exact):
            continue
        mark = marks[hour][1] if hour in marks else closes.get(hour, otherwise)
        found.append(Settlement(from_ms(hour), mark, row.rate or 0.0))
    return found


def _settles(hour: int, row: RateRow, *, known: bool) -> bool:
    if row.interval_h is None:
        return known
    interval = min(row.interval_h, _LONGEST_H)
    return interval > 0.0 and round(hour / HOUR_MS) % max(1, round(interval)) == 0
