"""The liquidation rule of every venue, one declaration each, with the date from which it holds and its source.

Exchanges change their formula as well as their tables (four of them in 2025), so an ended rule stays here with
its successor and is chosen by date. Nothing outside this file asks which venue it is.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from signals.liquidation.errors import UnknownVenue
from signals.units import DAY
from signals.venues import VENUES as DECLARED
from signals.venues import listed_at


class Family(StrEnum):
    """At which price the maintenance margin is taken."""

    AT_LIQUIDATION = "A"
    AT_ENTRY = "B"


class Fee(StrEnum):
    """What the closing fee does to the condition."""

    CANCELS = "not in the condition"
    ADDED = "added to the maintenance rate"
    AT_BANKRUPTCY = "taken from the margin, at the bankruptcy price"


class TierBy(StrEnum):
    """Which figure of a position chooses its tier."""

    VALUE_AT_LIQUIDATION = "value at the liquidation price"
    ENTRY_VALUE = "value at the entry"
    CONTRACTS = "contracts"
    COINS = "coins at the liquidation price"


class RuleStatus(StrEnum):
    """Whether a rule may be offered as an answer."""

    CURRENT = "current"
    CLOSED = "closed exchange"
    COMPARISON = "comparison"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One venue's rule for one kind of contract.

    `valid_from` None means: for as long as known. A rule ends where the next one of the same venue and contract
    begins. `usual_fee` is the rate of the lowest fee level that stands in the condition when none is given.
    `long_shown_a_tick_up`: an isolated long is shown at the formula's price and exactly one tick, in full precision.
    `read` is the day of the source: the page's own date where it has one, else the day it was read.
    """

    venue: str
    title: str
    contract: str
    source: str
    read: dt.date
    family: Family = Family.AT_LIQUIDATION
    fee: Fee = Fee.CANCELS
    usual_fee: float = 0.0
    tier_by: TierBy = TierBy.VALUE_AT_LIQUIDATION
    shown_towards_entry: bool = False
    long_shown_a_tick_up: bool = False
    isolated: bool = True
    account_decides: bool = False
    inferred: bool = False
    valid_from: dt.date | None = None
    status: RuleStatus = RuleStatus.CURRENT


_STATE = dt.date(2026, 11, 22)  # pages without a date of their own were read on this day
_BYBIT_MARK_VALUE = dt.date(2025, 9, 2)
_KUCOIN_MARK_VALUE = dt.date(2025, 5, 22)
_GATE_STEPS = dt.date(2025, 7, 29)
_BITGET_ENTRY_FREE = dt.date(2025, 9, 1)  # the announcement names the month only

RULES: tuple[Rule, ...] = (
    Rule(
        venue="binance",
        title="Binance USD-M",
        contract="linear",
        source="Binance support FAQ b3c689c1, edition of January 2026",
        read=dt.date(2026, 1, 1),
    ),
    Rule(
        venue="binance_coinm",
        title="Binance COIN-M",
        contract="inverse",
        source="Binance support FAQ ceccfcfb",
        read=_STATE,
    ),
    Rule(
        venue="bybit",
        title="Bybit",
        contract="linear",
        family=Family.AT_ENTRY,
        tier_by=TierBy.ENTRY_VALUE,
        shown_towards_entry=True,
        account_decides=True,
        source="Bybit help, Liquidation Price (USDT Contract), edition before September 2025",
        read=dt.date(2025, 9, 1),
    ),
    Rule(
        venue="bybit",
        title="Bybit",
        contract="linear",
        shown_towards_entry=True,
        account_decides=True,
        valid_from=_BYBIT_MARK_VALUE,
        source="Bybit help, The New Margin Calculation",
        read=dt.date(2025, 9, 18),
    ),
    Rule(
        venue="bybit",
        title="Bybit inverse",
        contract="inverse",
        family=Family.AT_ENTRY,
        tier_by=TierBy.ENTRY_VALUE,
        fee=Fee.AT_BANKRUPTCY,  # on isolated margin it cancels: give none
        usual_fee=0.00075,
        shown_towards_entry=True,
        account_decides=True,
        source="Bybit help (Japanese edition), Liquidation Price (Inverse Contract); help 360039261334 for cross",
        read=dt.date(2025, 9, 1),
    ),
    Rule(
        venue="bybit",
        title="Bybit inverse",
        contract="inverse",
        shown_towards_entry=True,
        account_decides=True,
        valid_from=_BYBIT_MARK_VALUE,
        source="Bybit help, Liquidation Price (Inverse Contract)",
        read=dt.date(2026, 5, 27),
    ),
    Rule(
        venue="okx",
        title="OKX",
        contract="linear",
        long_shown_a_tick_up=True,  # recorded: linear of 2026, inverse of 2021 and 2024; no short is known
        fee=Fee.ADDED,
        usual_fee=0.0005,
        tier_by=TierBy.CONTRACTS,
        account_decides=True,
        source="OKX help, liquidation at a maintenance margin ratio of 100 %",
        read=dt.date(2026, 1, 30),
    ),
    Rule(
        venue="okx",
        title="OKX inverse",
        contract="inverse",
        long_shown_a_tick_up=True,
        fee=Fee.ADDED,
        usual_fee=0.0005,
        tier_by=TierBy.CONTRACTS,
        account_decides=True,
        source="OKX help, liquidation at a maintenance margin ratio of 100 %",
        read=dt.date(2026, 1, 30),
    ),
    Rule(
        venue="hyperliquid",
        title="Hyperliquid",
        contract="linear",
        source="Hyperliquid docs, liquidations and margin tiers",
        read=_STATE,
    ),
    Rule(
        venue="deribit",
        title="Deribit USDC",
        contract="linear",
        tier_by=TierBy.COINS,
        isolated=False,
        account_decides=True,
        source="Deribit support, Linear Perpetual; margin note of 2022-01-11",
        read=_STATE,
    ),
    Rule(
        venue="deribit",
        title="Deribit inverse",
        contract="inverse",
        tier_by=TierBy.COINS,
        isolated=False,
        account_decides=True,
        source="Deribit support, Inverse Perpetual; margin note of 2022-01-11",
        read=_STATE,
    ),
    Rule(
        venue="gate",
        title="Gate",
        contract="linear",
        fee=Fee.ADDED,
        usual_fee=0.00075,
        tier_by=TierBy.ENTRY_VALUE,
        source="Gate help 27724, one flat rate per tier",
        read=_GATE_STEPS - DAY,
    ),
    Rule(
        venue="gate",
        title="Gate",
        contract="linear",
        fee=Fee.ADDED,
        usual_fee=0.00075,
        valid_from=_GATE_STEPS,
        source="Gate help 27724, announcement of 2025-07-29 (rates in steps)",
        read=_GATE_STEPS,
    ),
    Rule(
        venue="gate",
        title="Gate inverse",
        contract="inverse",
        fee=Fee.ADDED,
        usual_fee=0.00075,
        source="Gate help 22162",
        read=_STATE,
    ),
    Rule(
        venue="bitget",
        title="Bitget",
        contract="linear",
        fee=Fee.ADDED,
        usual_fee=0.0006,
        # Until then the cross price took maintenance at the current mark and moved with it: nothing a position
        # alone could give.
        valid_from=_BITGET_ENTRY_FREE,
        source="Bitget support 12560603808759 and 12560603838731",
        read=_BITGET_ENTRY_FREE,
    ),
    Rule(
        venue="bitget",
        title="Bitget coin-margined",
        contract="inverse",
        fee=Fee.ADDED,
        usual_fee=0.0006,
        inferred=True,
        valid_from=_BITGET_ENTRY_FREE,
        source="the condition of Bitget's linear contracts, in coin; no page on its coin-margined ones was read",
        read=_BITGET_ENTRY_FREE,
    ),
    Rule(
        venue="kucoin",
        title="KuCoin",
        contract="linear",
        family=Family.AT_ENTRY,
        tier_by=TierBy.ENTRY_VALUE,
        shown_towards_entry=True,
        source="KuCoin support 4408061803033; bankruptcy fee and next funding stand in the maintenance margin",
        read=_KUCOIN_MARK_VALUE - DAY,
    ),
    Rule(
        venue="kucoin",
        title="KuCoin",
        contract="linear",
        fee=Fee.ADDED,
        usual_fee=0.0006,
        tier_by=TierBy.ENTRY_VALUE,
        shown_towards_entry=True,
        account_decides=True,  # a risk rate of 100 %; its cross page shares the margin out over all positions
        valid_from=_KUCOIN_MARK_VALUE,
        source="KuCoin support 26694703491737, announcement of 2025-05-20",
        read=dt.date(2025, 5, 20),
    ),
    Rule(
        venue="kucoin",
        title="KuCoin coin-margined",
        contract="inverse",
        fee=Fee.ADDED,
        usual_fee=0.0006,
        tier_by=TierBy.ENTRY_VALUE,
        shown_towards_entry=True,
        account_decides=True,
        inferred=True,
        valid_from=_KUCOIN_MARK_VALUE,
        source="the condition of KuCoin's linear contracts, in coin; the worked price of its own page fits none",
        read=dt.date(2025, 5, 20),
    ),
    Rule(
        venue="bitmex",
        title="BitMEX (closed 2026-09-23)",
        contract="inverse",
        family=Family.AT_ENTRY,
        tier_by=TierBy.ENTRY_VALUE,
        shown_towards_entry=True,
        status=RuleStatus.CLOSED,
        source="a recorded position of 2018-08-27",
        read=dt.date(2018, 8, 27),
    ),
    Rule(
        venue="phemex",
        title="Phemex",
        contract="linear",
        fee=Fee.ADDED,
        usual_fee=0.0006,
        status=RuleStatus.COMPARISON,
        source="Phemex help centre, liq-price-for-USDTM",
        read=_STATE,
    ),
    Rule(
        venue="jesse",
        title="jesse (back-testing program)",
        contract="linear",
        family=Family.AT_ENTRY,
        tier_by=TierBy.ENTRY_VALUE,
        status=RuleStatus.COMPARISON,
        source="jesse 3.5.3: Bybit's old rule with a fixed 0.4 %",
        read=_STATE,
    ),
)

RULES += tuple(
    replace(rule, venue=venue.id, title=venue.title, source=f"{rule.source}; held to be that of {venue.title} too")
    for venue in DECLARED.values()
    if venue.liquidated_as
    for rule in RULES
    if rule.venue == venue.liquidated_as
)
VENUES: tuple[str, ...] = tuple(dict.fromkeys(rule.venue for rule in RULES if rule.status is RuleStatus.CURRENT))
"""The venues that may be offered, in the order of their declaration."""


def as_day(on: dt.date) -> dt.date:
    """Take the day of a date that may be a datetime: the two cannot be compared."""
    return on.date() if isinstance(on, dt.datetime) else on


def venues_for(contract: str) -> tuple[str, ...]:
    """List the venues that may be offered for one kind of contract."""
    current = (rule.venue for rule in RULES if rule.status is RuleStatus.CURRENT and rule.contract == contract)
    return tuple(dict.fromkeys(current))


@lru_cache(maxsize=256)  # asked once per price: a bot asks for the same few over and over
def rule_for(venue: str, contract: str, on: dt.date | None = None) -> Rule:
    """Find the rule of a venue for one kind of contract on a day; without a day the newest.

    "binance" with "inverse" is COIN-M. Raises UnknownVenue (a ValueError) for a venue, contract or day no rule is
    known for.
    """
    name, kind = venue.strip().lower(), contract.strip().lower()
    if kind not in ("linear", "inverse"):
        raise UnknownVenue(f"a contract is linear (margin in USDT/USDC) or inverse (margin in coin), not {contract!r}")
    name = listed_at(name, kind)
    known = [rule for rule in RULES if rule.venue == name]
    if not known:
        raise UnknownVenue(f"no liquidation rule is known for {venue!r}; known are {', '.join(VENUES)}")
    dated = [rule for rule in known if rule.contract == kind]
    if not dated:
        raise UnknownVenue(f"no {kind} contracts are known at {name}; ask for {known[0].contract}")
    if on is None:
        return dated[-1]
    held = [rule for rule in dated if rule.valid_from is None or rule.valid_from <= as_day(on)]
    if not held:
        raise UnknownVenue(f"the rule of {name} before {dated[0].valid_from} is not known; ask for a later day")
    return held[-1]
