"""Fewer rows for what is long past: of the levels of an hour, each input keeps its last value at its own time.

The rule is that of the hourly grid (a level folds to the last value of its row), so an hourly panel is the same before
and after; what is given up is the path within an hour that nobody judges any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from signals.inputs import LEVELS
from storage import points
from storage.db import from_ms, to_ms
from storage.points import Points

if TYPE_CHECKING:
    from datetime import datetime

    from storage.db import Store

_DAY_MS: Final = 86_400_000
_HOURS: Final = 24


def hourly(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep of each column the last known value of every hour, where it stands; rows without one are gone.

    frame: index in UTC, ascending, columns inputs that hold at an instant; NaN is not known and never kept.
    """
    kept = {}
    for name in frame.columns:
        known = frame[name].dropna()
        hours = pd.DatetimeIndex(known.index).floor("h")
        kept[name] = known[~hours.duplicated(keep="last")]
    return pd.DataFrame(kept, columns=frame.columns)


def thin(store: Store, asset: str, venue: str, *, before: datetime) -> int:
    """Thin the stored levels of whole days before a time; return how many rows went. A second time changes nothing."""
    end = to_ms(before) // _DAY_MS * _DAY_MS
    busy = store.rows(
        "SELECT at / ? AS day FROM levels WHERE asset = ? AND venue = ? AND at < ? GROUP BY day HAVING count(*) > ?",
        (_DAY_MS, asset, venue, end, _HOURS),
    )
    return sum(_thin_day(store, asset, venue, row["day"] * _DAY_MS) for row in busy)


def _thin_day(store: Store, asset: str, venue: str, start: int) -> int:
    with store.write() as connection:
        times, _, columns = points.columns(
            store, asset, venue, LEVELS, start=from_ms(start), end=from_ms(start + _DAY_MS)
        )
        index = pd.DatetimeIndex(pd.to_datetime(times, unit="ms", utc=True), name="at")
        known = {name: values for name, values in columns.items() if any(each is not None for each in values)}
        kept = hourly(pd.DataFrame(known, index=index, dtype="float64"))
        if len(kept) == len(times):
            return 0
        connection.execute(
            "DELETE FROM levels WHERE asset = ? AND venue = ? AND at >= ? AND at < ?",
            (asset, venue, start, start + _DAY_MS),
        )
        points.write(store, [Points(venue, asset, None, kept)])
    return len(times) - len(kept)
