"""What a picture shows of funding and of taker flow between two times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signals.units import HOURS_A_YEAR
from storage.panels import panels

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from signals.series import Panel
    from storage.engine.database import Store

_RATE: Final = ("funding_rate", "funding_interval_hours")
_VOLUME: Final = ("volume_usd", "taker_buy_usd")


@dataclass(frozen=True, slots=True)
class FundingLine:
    """The simple yearly rate, a fraction, as it was told at each time."""

    rows: tuple[tuple[datetime, float], ...]
    step: timedelta
    venues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TakerBars:
    """What takers bought less what they sold, in USD, in each slot of one length from its time on."""

    slots: tuple[tuple[datetime, float], ...]
    step: timedelta
    venues: tuple[str, ...]


def funding(store: Store, asset: str, start: datetime, end: datetime, step: timedelta) -> FundingLine | None:
    """Read the rate at the end of each step; None where none is stored."""
    panel = panels.panel(store, _RATE, [asset], step=step, start=start, end=end)
    rates, hours = _columns(panel, _RATE)
    closes = panel.closes.to_pydatetime()
    rows = tuple(
        (at, rate * HOURS_A_YEAR / every)
        for at, rate, every in zip(closes, rates, hours, strict=True)
        if not math.isnan(rate) and every > 0
    )
    return FundingLine(rows, step, panel.venues(asset, _RATE[:1])) if rows else None


def takers(store: Store, asset: str, start: datetime, end: datetime, step: timedelta) -> TakerBars | None:
    """Read the net of each whole step; steps of which it is not known are left out. None where none is stored."""
    panel = panels.panel(store, _VOLUME, [asset], step=step, start=start, end=end)
    volume, buys = _columns(panel, _VOLUME)
    opens = panel.at.to_pydatetime()
    slots = tuple(
        (at, 2 * bought - whole)
        for at, whole, bought in zip(opens, volume, buys, strict=True)
        if not math.isnan(whole + bought)
    )
    return TakerBars(slots, step, panel.venues(asset, _VOLUME)) if slots else None


def _columns(panel: Panel, names: tuple[str, ...]) -> list[list[float]]:
    return [panel.values[name][:, 0].tolist() for name in names]
