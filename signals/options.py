"""An option chain and what is read out of it: walls, puts to calls, the strike of the least payout.

All of it is counted in coins of open interest, one-sided. Who is long and who is short of an option, and who hedges it,
stands in no public figure: a wall is where contracts are, not where anybody defends a price.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from signals.units import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

OptionKind = Literal["call", "put"]
WALL: Final = 0.10  # of the open interest of its expiry that a strike must hold to be called a wall (signals.md, 2026)
NEAR: Final = 3 * DAY  # expiries that pull, where any does (signals.md, options_pin, 2026)


@dataclass(frozen=True, slots=True)
class Option:
    """One contract of a chain. strike in USD, open_interest_coin one-sided, iv in % a year; None where not quoted.

    quoted: there was a bid and an ask for it; None where that is not known.
    """

    expiry: datetime
    strike: float
    kind: OptionKind
    open_interest_coin: float
    iv: float | None = None
    quoted: bool | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """All options of one asset at one venue at one time. index: the venue's spot index then, USD; None: not told."""

    venue: str
    asset: str
    at: datetime
    options: tuple[Option, ...]
    index: float | None = None


@dataclass(frozen=True, slots=True)
class Strike:
    """What is open at one strike of one expiry, in coins."""

    price: float
    calls: float
    puts: float

    @property
    def coins(self) -> float:
        """Return calls and puts together."""
        return self.calls + self.puts


@dataclass(frozen=True, slots=True)
class OptionExpiry:
    """What is open of one expiry. strikes: ascending, each listed one once. quoted: part of its options, 0 to 1."""

    at: datetime
    strikes: tuple[Strike, ...]
    quoted: float | None

    @property
    def calls(self) -> float:
        """Return open calls in coins."""
        return math.fsum(strike.calls for strike in self.strikes)

    @property
    def puts(self) -> float:
        """Return open puts in coins."""
        return math.fsum(strike.puts for strike in self.strikes)

    @property
    def coins(self) -> float:
        """Return all that is open in coins."""
        return self.calls + self.puts

    @property
    def put_call(self) -> float | None:
        """Return puts to calls by open interest; None where no call is open."""
        return self.puts / self.calls if self.calls else None

    def share(self, strike: Strike) -> float:
        """Return the part of the expiry's open interest that a strike holds, 0 to 1."""
        whole = self.coins
        return strike.coins / whole if whole else 0.0

    def largest(self, count: int) -> tuple[Strike, ...]:
        """Return the strikes that hold most, the largest first; those that hold nothing are none of them."""
        held = [strike for strike in self.strikes if strike.coins]
        return tuple(sorted(held, key=lambda strike: (-strike.coins, strike.price))[:count])

    def payout(self, settled: float) -> float:
        """Return what all options together would pay if they were settled at a price, USD."""
        calls = math.fsum(strike.calls * max(settled - strike.price, 0.0) for strike in self.strikes)
        return calls + math.fsum(strike.puts * max(strike.price - settled, 0.0) for strike in self.strikes)

    def least_payout(self) -> tuple[float, ...]:
        """Return the listed strike at which least would be paid, and the one after it; none where nothing is open.

        Known as max pain. How close the second comes says how much the first one means.
        """
        if not self.coins:
            return ()
        ranked = sorted((self.payout(strike.price), strike.price) for strike in self.strikes)
        return tuple(price for _, price in ranked[:2])

    def wall(self, index: float, *, above: bool) -> Strike | None:
        """Return the nearest strike on one side of a price that holds a tenth; else the largest there, None without.

        A strike at the price itself lies above it.
        """
        side = [strike for strike in self.strikes if strike.coins and (strike.price >= index) is above]
        walls = [strike for strike in side if self.share(strike) >= WALL]
        if walls:
            return min(walls, key=lambda strike: abs(strike.price - index))
        return max(side, key=lambda strike: (strike.coins, -abs(strike.price - index)), default=None)


def expiries(chain: Chain) -> tuple[OptionExpiry, ...]:
    """Return the expiries of a chain that lie ahead of it, the next one first."""
    found: dict[datetime, dict[float, dict[OptionKind, float]]] = {}
    quotes: dict[datetime, list[bool | None]] = {}
    for option in chain.options:
        if option.expiry <= chain.at:
            continue
        kinds = found.setdefault(option.expiry, {}).setdefault(option.strike, {"call": 0.0, "put": 0.0})
        kinds[option.kind] += option.open_interest_coin
        quotes.setdefault(option.expiry, []).append(option.quoted)
    return tuple(
        OptionExpiry(
            at,
            tuple(Strike(price, kinds["call"], kinds["put"]) for price, kinds in sorted(found[at].items())),
            part_quoted(quotes[at]),
        )
        for at in sorted(found)
    )


def part_quoted(quotes: Iterable[bool | None]) -> float | None:
    """Return the part of options that had a bid and an ask; None where it is not known of all of them."""
    every = list(quotes)
    known = [quoted for quoted in every if quoted is not None]
    return sum(known) / len(known) if known and len(known) == len(every) else None


def pulling(chain: Chain) -> OptionExpiry | None:
    """Return the expiry that matters now: of those within three days the one with most open, else the next one.

    The largest and not the next, because a day's own expiry is small, and some strike of it always holds a tenth.
    None where nothing is open.
    """
    ahead = [expiry for expiry in expiries(chain) if expiry.coins]
    near = [expiry for expiry in ahead if expiry.at - chain.at <= NEAR]
    return max(near, key=lambda expiry: expiry.coins) if near else next(iter(ahead), None)


def summary(chain: Chain) -> Mapping[str, float]:
    """Return what is kept of a chain as a history, by input (signals/inputs.py); what is not known is left out.

    Walls need the index, and an expiry in which something is open; all of them are of the expiry that `pulling` names.
    """
    found: dict[str, float | None] = {"index_price": chain.index}
    whole = math.fsum(option.open_interest_coin for option in chain.options if option.expiry > chain.at)
    if chain.index:
        found["options_open_interest_usd"] = whole * chain.index
    expiry = pulling(chain)
    if expiry is not None:
        least = expiry.least_payout()
        found |= {
            "options_days_to_expiry": (expiry.at - chain.at) / DAY,
            "options_expiry_share": expiry.coins / whole,
            "options_max_pain": least[0],
            "options_put_call": expiry.put_call,
        }
        for side in ("above", "below") if chain.index else ():
            wall = expiry.wall(chain.index or 0.0, above=side == "above")
            if wall is not None:
                found |= {f"options_wall_{side}": wall.price, f"options_wall_{side}_share": expiry.share(wall)}
    return {name: value for name, value in found.items() if value is not None}
