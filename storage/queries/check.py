"""A position put into the market: how far its liquidation is, what lies between, what holding costs, what is on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from signals.alerts.condition import RANKS
from signals.alerts.rule import rules
from storage.alerts import episodes
from storage.queries.liquidation import liquidation_map
from storage.queries.market import funding, readings

if TYPE_CHECKING:
    from datetime import datetime

    from storage.alerts.episodes import Episode
    from storage.engine.database import Store
    from storage.queries.freshness import Stamp

_MOVE = "price_move"


@dataclass(frozen=True, slots=True)
class Between:
    """Dollars that our map puts between the price of now and another one. reaches: the map shows all of the way."""

    usd: float
    share: float | None
    reaches: bool


@dataclass(frozen=True, slots=True)
class CheckedPosition:
    """What the market says of a position.

    usual: the usual move of a day, a fraction. between: of the position's own side. funding_apr: the yearly rate that a
    long pays, a fraction, as /funding tells it. state: whether it was paid, is
    paid next or was due. stories: the open
    episodes of setups, the most urgent first. Each None where not known.
    """

    usual: float | None
    between: Between | None
    funding_apr: float | None
    state: funding.RateState | None
    stories: tuple[Episode, ...]
    stamps: tuple[Stamp, ...]


def read(
    store: Store, asset: str, side: Literal["long", "short"], price: float, liquidation: float | None, now: datetime
) -> CheckedPosition:
    """Read what belongs to a position of a side whose liquidation price is known; price: of now."""
    found = readings.of(store, asset, (_MOVE, liquidation_map.METRIC, funding.RATE, funding.YEAR), now)
    move, mapped = found.get(_MOVE), found.get(liquidation_map.METRIC)
    rate = found.get(funding.RATE) or found.get(funding.YEAR)
    own = next((one for one in funding.rates(store, asset, now) if rate and one.venue in rate.stamp.venues), None)
    known = [reading for reading in (move, mapped, rate) if reading]
    return CheckedPosition(
        usual=move.get("usual") if move else None,
        between=_between(store, mapped, side, price, liquidation) if mapped and liquidation else None,
        funding_apr=rate.get("value") if rate else None,
        state=own.state(now) if own else None,
        stories=_stories(store, asset),
        stamps=tuple(reading.stamp for reading in known),
    )


def _between(store: Store, mapped: readings.Reading, side: str, price: float, liquidation: float) -> Between | None:
    bins = liquidation_map.bins_of(store, mapped)
    if bins is None:
        return None
    low, high = min(price, liquidation), max(price, liquidation)
    dollars = bins.longs if side == "long" else bins.shorts
    # A bin that the way ends in counts by the part of it that lies on the way.
    below, above = bins.edges[:-1], bins.edges[1:]
    part = ((above.clip(max=high) - below.clip(min=low)) / (above - below)).clip(0)
    whole = float(dollars.sum())
    found = float((dollars * part).sum())
    reaches = bool(bins.edges[0] <= low and high <= bins.edges[-1])
    return Between(found, found / whole if whole > 0 else None, reaches)


def _stories(store: Store, asset: str) -> tuple[Episode, ...]:
    if not store.exists:
        return ()
    found = [
        one
        for one in episodes.running(store)
        if one.asset == asset and (rule := rules().get(one.rule)) and rule.setup is not None
    ]
    return tuple(sorted(found, key=lambda one: -RANKS.index(one.rank)))
