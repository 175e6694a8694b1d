"""Fewer rows for what is long past: the one rule, for rows that are stored and for a frame before it is stored.

Of the levels of a bucket (five minutes, an hour) a row stays if it carries the last known value of any input there. It
is the rule of the grid, where a level folds to the last value of its row, so an hourly panel is the same before and
after; what is given up is the path within a bucket that nobody judges any more. Thinning to five minutes and then to an
hour is thinning to an hour. A settled funding rate (at the full hour, without a mark price) always stays: what was paid
is a fact, which the rates announced later in that hour are not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from signals.inputs import LEVELS
from signals.units import to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store

FIVE_MINUTES: Final = timedelta(minutes=5)
HOUR: Final = timedelta(hours=1)
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_SETTLING_MS: Final = 300_000  # a settlement is published within so much of its hour
# How much is looked at in one transaction, by bucket: whole hours, some hundred rows, a few milliseconds.
_WINDOW_MS: Final = {FIVE_MINUTES: 3 * _HOUR_MS, HOUR: 12 * _HOUR_MS}


def hourly(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows that carry the last known value of an input in their hour. See `thinned`."""
    return thinned(frame, HOUR)


def thinned(frame: pd.DataFrame, bucket: timedelta) -> pd.DataFrame:
    """Keep the rows that carry the last known value of an input in their bucket, and settled funding rates.

    frame: index in UTC, ascending, columns inputs that hold at an instant; NaN is not known and keeps no row.
    """
    at = pd.DatetimeIndex(frame.index).as_unit("ms").asi8
    parts = at // (bucket // timedelta(milliseconds=1))
    keep = np.zeros(len(frame), dtype=bool)
    for name in frame.columns:
        known = np.flatnonzero(frame[name].notna().to_numpy())
        keep[known[np.append(np.diff(parts[known]) != 0, [True] * bool(len(known))).astype(bool)]] = True
    if "funding_rate" in frame.columns:
        settled = frame["funding_rate"].notna().to_numpy() & (at % _HOUR_MS < _SETTLING_MS)
        if "mark_price" in frame.columns:
            settled &= frame["mark_price"].isna().to_numpy()
        keep |= settled
    return frame.loc[keep]


def busy(store: Store, asset: str, venue: str, bucket: timedelta, *, start: int, end: int) -> list[int]:
    """Return the windows (ms, of the length that one transaction takes) with rows to spare."""
    window = _WINDOW_MS[bucket]
    rows = store.rows(
        "SELECT at / ? AS part FROM levels WHERE asset = ? AND venue = ? AND at >= ? AND at < ? "
        "GROUP BY part HAVING count(*) > count(DISTINCT at / ?)",
        (window, asset, venue, start, end, bucket // timedelta(milliseconds=1)),
    )
    return [row["part"] * window for row in rows]


def thin_window(store: Store, asset: str, venue: str, bucket: timedelta, start: int) -> int:
    """Thin one window that `busy` named, in one transaction; return how many rows went."""
    end = start + _WINDOW_MS[bucket]
    with store.write() as work:
        gone = work.execute(
            _THIN,
            {
                "asset": asset,
                "venue": venue,
                "start": start,
                "end": end,
                "bucket": bucket // timedelta(milliseconds=1),
            },
        ).rowcount
        if gone:
            # The directory says where each input begins; its end is a last value, which stays.
            begun = work.execute(
                "SELECT input, first FROM series WHERE asset = ? AND venue = ? AND step = 0 AND first >= ? "
                "AND first < ?",
                (asset, venue, start, end),
            ).fetchall()
            for name, first in begun:
                work.execute(
                    "UPDATE series SET first = (SELECT at FROM levels WHERE asset = ? AND venue = ? AND at >= ? "  # noqa: S608 - our names
                    f"AND {name} IS NOT NULL ORDER BY at LIMIT 1) "
                    "WHERE asset = ? AND input = ? AND venue = ? AND step = 0",
                    (asset, venue, first, asset, name, venue),
                )
    return gone


def thin(store: Store, asset: str, venue: str, *, before: datetime, bucket: timedelta = HOUR) -> int:
    """Thin the stored levels of whole days before a time; return how many rows went. A second time changes nothing."""
    windows = busy(store, asset, venue, bucket, start=0, end=to_ms(before) // _DAY_MS * _DAY_MS)
    return sum(thin_window(store, asset, venue, bucket, start) for start in windows)


_HERE: Final = "asset = :asset AND venue = :venue AND at >= :start AND at < :end"
_LAST: Final = ", ".join(f"max(at) FILTER (WHERE {name} IS NOT NULL) AS {name}" for name in LEVELS)
_ANY: Final = " UNION ALL ".join(f"SELECT {name} AS at FROM newest WHERE {name} IS NOT NULL" for name in LEVELS)  # noqa: S608 - our names
_THIN: Final = (
    f"DELETE FROM levels WHERE {_HERE} AND at NOT IN ("  # noqa: S608 - our names
    f"WITH newest AS MATERIALIZED (SELECT {_LAST} FROM levels WHERE {_HERE} GROUP BY at / :bucket) {_ANY}) "
    f"AND NOT (funding_rate IS NOT NULL AND mark_price IS NULL AND at % {_HOUR_MS} < {_SETTLING_MS})"
)
