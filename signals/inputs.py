"""Every raw series from outside: its name, its unit forever, and how long one point stays fresh.

The names are part of the outside interface (import files, storage columns, recordings): they are added, never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from signals.units import HOUR, MINUTE
from signals.venues import VENUES

MARKET: Final = "MARKET"  # the asset of a market-wide figure, such as Fear & Greed
EVERYWHERE: Final = "all"  # the venue of a figure that is already summed over venues

Kind = Literal["bar", "level"]
Fold = Literal["first", "max", "min", "last", "sum"]
Across = Literal["sum", "first"]
Counts = Literal["", "price", "coins"]


@dataclass(frozen=True, slots=True)
class Input:
    """Describe one raw series.

    kind: `bar` values belong to [open, open + step) and are stamped with the open; `level` values hold at an instant.
    fold: how finer points become one coarser row. across: how venues become one figure (`first`: one venue speaks).
    least: the lowest value that can be true (exclusive when `least_open`); None where the sign is free.
    fresh_for: age after which the newest point may no longer be called current. in_force: how long a published value
    rules until the next one is due, so that a settled funding rate is known in the hours between two settlements.
    counts: what becomes of a value where a venue prices 1000 coins as one: a price is that of all of them, coins are
    so many packs.
    """

    name: str
    title: str
    unit: str
    kind: Kind
    fold: Fold
    across: Across
    fresh_for: timedelta
    least: float | None = 0.0
    least_open: bool = True
    in_force: timedelta = timedelta(0)
    counts: Counts = ""

    def of_one_coin(self, value: float, multiplier: int) -> float:
        """Convert a value of so many coins priced as one (1000 for 1000PEPE) to that of a single coin."""
        if self.counts == "price":
            return value / multiplier
        return value * multiplier if self.counts == "coins" else value

    def possible(self, value: float) -> bool:
        """Tell whether `value` can be true. NaN and infinities never are."""
        if not (-1e300 < value < 1e300):
            return False
        if self.least is None:
            return True
        return value > self.least if self.least_open else value >= self.least


_BAR = 2 * HOUR + 5 * MINUTE  # an hourly bar is known when it closes: an hour old at birth, two before its heir
_SLOW = 11 * MINUTE
_CHAIN = 65 * MINUTE  # option chains are read twice an hour, and one of them may be lost
_DAILY = timedelta(hours=50)  # a daily figure is a day old at birth in the row that carries it


def _bar(name: str, title: str, unit: str, fold: Fold, *, flow: bool = False) -> Input:
    across: Across = "sum" if flow else "first"
    counts: Counts = "" if flow else "price"
    return Input(name, title, unit, "bar", fold, across, _BAR, 0.0, least_open=not flow, counts=counts)


def _level(
    name: str,
    title: str,
    unit: str,
    fresh_for: timedelta,
    across: Across = "first",
    *,
    least: float | None = 0.0,
    least_open: bool = True,
    in_force: timedelta = timedelta(0),
    counts: Counts = "",
) -> Input:
    return Input(name, title, unit, "level", "last", across, fresh_for, least, least_open, in_force, counts)


_ALL = (
    _bar("open", "opening price", "USD", "first"),
    _bar("high", "highest price", "USD", "max"),
    _bar("low", "lowest price", "USD", "min"),
    _bar("close", "closing price", "USD", "last"),
    _bar("volume_usd", "volume", "USD a bar", "sum", flow=True),
    _bar("taker_buy_usd", "taker buy volume", "USD a bar", "sum", flow=True),
    _bar("liquidated_longs_usd", "longs liquidated", "USD a bar", "sum", flow=True),
    _bar("liquidated_shorts_usd", "shorts liquidated", "USD a bar", "sum", flow=True),
    _level("mark_price", "mark price", "USD", 2 * MINUTE, counts="price"),
    _level("index_price", "index price", "USD", 2 * MINUTE, counts="price"),
    _level("spot_price", "spot price", "USD", 2 * MINUTE, counts="price"),
    _level("open_interest_coin", "open interest in coins", "coins, one side", _SLOW, "sum", counts="coins"),
    _level("open_interest_usd", "open interest in dollars", "USD, one side", _SLOW, "sum"),
    _level("funding_rate", "funding rate", "fraction per interval", _SLOW, least=None, in_force=8 * HOUR),
    _level("funding_interval_hours", "funding interval", "hours", _SLOW, in_force=8 * HOUR),
    _level("long_short_accounts", "long/short ratio of accounts", "ratio", _SLOW),
    _level("long_short_top_accounts", "long/short ratio of top accounts", "ratio", _SLOW),
    _level("long_short_top_positions", "long/short ratio of top positions", "ratio", _SLOW),
    _level("depth_bids_usd", "bids within 1 % of mid", "USD", 2 * MINUTE, "sum"),
    _level("depth_asks_usd", "asks within 1 % of mid", "USD", 2 * MINUTE, "sum"),
    _level("implied_volatility", "implied volatility index", "% a year", _SLOW),
    _level("stablecoin_supply_usd", "supply of dollar stablecoins", "USD", _DAILY),
    _level("fear_greed", "Fear & Greed index", "0 to 100", _DAILY, least_open=False),
    # Of an option chain, as it comes in (signals/options.py): all but the first are of one expiry.
    _level("options_open_interest_usd", "open interest of options", "USD", _CHAIN, least_open=False),
    _level("options_days_to_expiry", "time to expiry of options", "days", _CHAIN),
    _level("options_expiry_share", "share of one expiry in all options", "fraction", _CHAIN),
    _level("options_max_pain", "strike of the least payout", "USD", _CHAIN),
    _level("options_put_call", "puts to calls", "ratio", _CHAIN, least_open=False),
    _level("options_wall_above", "option wall above price", "USD", _CHAIN),
    _level("options_wall_above_share", "share of the option wall above price", "fraction", _CHAIN),
    _level("options_wall_below", "option wall below price", "USD", _CHAIN),
    _level("options_wall_below_share", "share of the option wall below price", "fraction", _CHAIN),
    _level("dated_premium", "premium of a dated future over the index", "fraction", _SLOW, least=None),
    _level("dated_days", "time to expiry of that future", "days", _SLOW),
)

INPUTS: Final[dict[str, Input]] = {entry.name: entry for entry in _ALL}
BARS: Final = tuple(entry.name for entry in _ALL if entry.kind == "bar")
LEVELS: Final = tuple(entry.name for entry in _ALL if entry.kind == "level")

OF_MARKET: Final = frozenset({"stablecoin_supply_usd", "fear_greed"})  # one figure for all assets


def stored_under(name: str, asset: str) -> str:
    """Return the asset that an input is stored under: what is of the whole market lies under MARKET, whoever asks."""
    return MARKET if name in OF_MARKET else asset


_LIQUIDATED: Final = frozenset({"liquidated_longs_usd", "liquidated_shorts_usd"})


def is_floor(name: str, venue: str) -> bool:
    """Tell whether a venue's figures of an input are a floor, so that they are said with "at least".

    So are liquidations, but of a feed that tells of every one.
    """
    return name in _LIQUIDATED and (venue not in VENUES or VENUES[venue].liquidations != "all")
