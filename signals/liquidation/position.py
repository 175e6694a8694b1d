"""What a person says about a position, and what is answered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from signals.assets import packed
from signals.liquidation.condition import side_sign
from signals.liquidation.errors import CrossNeedsAccount, LiquidationError

if TYPE_CHECKING:
    import datetime as dt


class Assumption(StrEnum):
    """One thing an answer takes for granted; the value is the fact in a few words, without numbers."""

    MARK_PRICE = "the mark price decides"
    FIRST_TIER = "first tier assumed, no size given"
    MARGIN_IS_SHARE = "margin is the value at entry divided by the leverage"
    NO_ADDED_MARGIN = "no margin added"
    NO_FUNDING = "no funding paid since the opening"
    USUAL_FEE = "closing fee of the lowest fee level"
    BOUND_UNKNOWN = "only the first tier's rate is known, not its bound"
    CAP_UNKNOWN = "the venue's leverage cap is not known"
    ACCOUNT_DECIDES = "an estimate: the margin ratio of the whole account decides"
    NO_ISOLATED = "the venue has no isolated margin; an account holding just this margin is meant"
    INFERRED_RULE = "the coin-margined rule is inferred from the venue's linear one"
    NEWER_TABLE = "the tier table is newer than the day asked for"
    REDUCED_FIRST = "in this tier the venue may reduce the position in steps instead of closing it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position as a person states it.

    Size is `size_coins` or `size_usd` (either works for both contracts, converted at the entry); without one the
    margin times the leverage, and without both the first tier is assumed. `margin` is in settle coin and wins over
    the leverage; `extra_margin` comes on top. Cross needs `wallet` (wallet balance), `other_profit` (unrealised
    profit of the other positions) and `other_maintenance` (their maintenance margin), zeros stated as zeros.
    `fee_rate` None: the venue's usual one, where its condition has one. `quote` None: USDT, USDC or USD.
    `multiplier`: how many coins are priced and counted as one (1000 for 1000PEPE), in entry and `size_coins` alike.
    `expiry`: of a dated contract.
    """

    venue: str
    side: str
    entry: float
    contract: str = "linear"
    asset: str = "BTC"
    quote: str | None = None
    multiplier: int = 1
    expiry: dt.date | None = None
    leverage: float | None = None
    margin: float | None = None
    size_coins: float | None = None
    size_usd: float | None = None
    margin_mode: str = "isolated"
    extra_margin: float = 0.0
    wallet: float | None = None
    other_profit: float | None = None
    other_maintenance: float | None = None
    fee_rate: float | None = None

    @property
    def unit(self) -> str:
        """Give what the entry is the price of: 1000PEPE."""
        return packed(self.asset, self.multiplier)

    @property
    def cross(self) -> bool:
        """Tell cross from isolated margin."""
        return self.margin_mode == "cross"

    def check(self) -> None:
        """Refuse what no position can be, with one sentence that says what to give instead."""
        side_sign(self.side)
        if self.margin_mode not in ("isolated", "cross"):
            raise LiquidationError(f"margin is isolated or cross, not {self.margin_mode!r}")
        for name, value in (
            ("entry", self.entry),
            ("leverage", self.leverage),
            ("margin", self.margin),
            ("size", self.size_coins),
            ("size", self.size_usd),
        ):
            if value is not None and not (math.isfinite(value) and value > 0.0):
                raise LiquidationError(f"{name} must be a number above zero, not {value}")
        if self.leverage is not None and self.leverage < 1.0:
            raise LiquidationError(f"leverage starts at 1x, not {self.leverage:g}x")
        if self.size_coins is not None and self.size_usd is not None:
            raise LiquidationError("give the size in coins or in USD, not both")
        if not (math.isfinite(self.extra_margin) and self.extra_margin >= 0.0):
            raise LiquidationError(f"added margin must be zero or more, not {self.extra_margin}")
        if self.cross:
            self._check_account()
        elif self.leverage is None and (self.margin is None or (self.size_coins or self.size_usd) is None):
            raise LiquidationError("give the leverage (25x), or the margin together with the size")
        elif self.extra_margin and self.size(self.contract) is None:
            raise LiquidationError("added margin says nothing without the size: give the size as well")

    def size(self, contract: str) -> float | None:
        """Give the size in the contract's own unit (linear: coins, inverse: USD); None where it is not known."""
        coins, usd = self.size_coins, self.size_usd
        if coins is None and usd is None and not self.cross and self.margin is not None and self.leverage is not None:
            worth = self.margin * self.leverage  # in settle coin
            coins, usd = (worth / self.entry, None) if contract == "linear" else (worth, None)
        if contract == "linear":
            return usd / self.entry if usd is not None else coins
        return coins * self.entry if coins is not None else usd

    def _check_account(self) -> None:
        missing = [
            name
            for name, value in (
                ("the wallet balance", self.wallet),
                ("the unrealised profit of the other positions (0 if there are none)", self.other_profit),
                ("the maintenance margin of the other positions (0 if there are none)", self.other_maintenance),
                ("the size", self.size_coins if self.size_coins is not None else self.size_usd),
            )
            if value is None
        ]
        if missing:
            raise CrossNeedsAccount(f"a cross position needs {', '.join(missing)}", missing=tuple(missing))
        for value in (self.wallet, self.other_profit, self.other_maintenance):
            if value is None or not math.isfinite(value):
                raise LiquidationError(f"wallet balance, profit and maintenance must be finite numbers, not {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationAnswer:
    """The liquidation price of a position and all it rests on.

    Prices are in quote currency, `notional` and `max_notional` too (inverse: USD), `margin` and `amount` in settle
    coin, `size` in the contract's unit; `tier_cap_notional` is the cap at the entry price (None: open or unknown).
    `price`, `shown` and `distance` are None where there is no liquidation, `bankruptcy` None where the position cannot
    lose all its margin. `shown` is the price on the venue's tick (towards the entry where the venue rounds so); without
    a known tick it has seven digits. `distance` is price / entry - 1: negative for a long. `slope` is what the rate
    grows by per coin; above zero there are no tiers. `size` None: no size was given, and `margin` and `notional` are
    None with it. `leverage_cap` None: not known; `max_notional` None: not known, or no leverage given. `table_as_of` is
    the day from which the tier table is known, `table_checked` the last day on which it was seen unchanged.
    """

    position: Position
    venue: str
    contract: str
    price: float | None
    shown: float | None
    distance: float | None
    bankruptcy: float | None
    rate: float
    amount: float
    fee_rate: float
    tier: int
    slope: float
    tier_cap_notional: float | None
    table_as_of: dt.date
    table_checked: dt.date
    leverage_cap: float | None
    max_notional: float | None
    size: float | None
    margin: float | None
    notional: float | None
    assumptions: tuple[Assumption, ...]
