"""The recorded winter of 2025-26 as panels, and the story the alarms tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from signals.alerts import episodes
from signals.alerts.rule import named
from signals.inputs import INPUTS
from signals.series import Panel, days, hours

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from signals.alerts.rule import AlertRule
    from signals.metric import Metric

WINTER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "winter-2025-26.csv"


def read_winter(path: Path, step: timedelta) -> dict[str, Panel]:
    """Read the neutral format by hand into one panel for BTC and one for the whole market.

    Bars and daily figures stay at the start of their step; funding is a level and is carried while its interval runs.
    """
    frame = pd.read_csv(path)
    frame["at"] = pd.to_datetime(frame["at"], format="ISO8601", utc=True).dt.round("h")
    grid = pd.date_range(frame["at"].min().floor("D"), frame["at"].max().floor("D") + days(1) - step, freq=step)
    panels = {}
    for asset, of_asset in frame.groupby("asset"):
        values = {}
        for name, rows in of_asset.groupby("input"):
            found = rows.set_index("at")["value"].resample(step).agg(INPUTS[str(name)].fold)
            column = found.reindex(grid)
            if str(name).startswith("funding") and step < hours(8):
                column = column.ffill(limit=int(hours(8) / step) - 1)
            values[str(name)] = column.to_numpy(dtype=float)[:, None]
        if "close" in values:
            values["open_interest_coin"] = values["open_interest_usd"] / values["close"]
        panels[str(asset)] = Panel(step, pd.DatetimeIndex(grid), (str(asset),), values)
    return panels


@dataclass(frozen=True)
class Told:
    """One transition of one rule."""

    kind: str
    day: str  # the row it was judged on
    since: str
    rank: str
    values: dict[str, float]


def story(metric: Metric, rule: AlertRule, panel: Panel) -> list[Told]:
    """Step a rule over every close of the panel and return what it would have said."""
    computed = {name: rows[:, 0] for name, rows in metric.evaluate(panel).items()}
    state, told = episodes.State(), []
    for row, close in enumerate(panel.closes):
        values = {name: float(column[row]) for name, column in computed.items()}
        state, change = episodes.step(
            rule.levels,
            state,
            named(metric.id, values),
            at=close.to_pydatetime(),
            closes=panel.step,
            continues=rule.continues,
        )
        if change:
            told.append(Told(change.kind, _day(close, panel.step), _day(change.since, panel.step), change.rank, values))
    return told


def _day(close: datetime, step: timedelta) -> str:
    """Name the row by its start, as INDEX does."""
    return f"{close - step:%Y-%m-%d}" if step >= days(1) else f"{close - step:%Y-%m-%d %H:%M}"
