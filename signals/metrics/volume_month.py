"""What has been traded in the calendar month so far, against the same days of the month before and all of it.

    value = sum of V from the first of the month on          before = sum of V over as many days of the month before
    change = value / before − 1          last_month = sum of V over the whole month before

V = traded volume of a day in USD, in quote currency, UTC days. "Revenge rally" (Cointelegraph, January 2026) compares
months, January's $1.09tn as the "lowest since 2024", and three venues' shares (signals.md FL-6 and A16, 2026): a month
that is not over is compared with the same days. Where the month before has fewer days, with all of them. The volume is
that of one venue; the shares of venues are told by /volume.

NaN handling: a month with a day that is not known is not known, as is one whose first day lies before what is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from signals.metric import Chart, Metric, Value
from signals.series import Series, days

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from signals.series import Array, Panel

    DayNumbers: TypeAlias = NDArray[np.int64]

LONGEST = 31  # days of a month
WINDOW = days(2 * LONGEST)


def compute(s: Panel) -> dict[str, Series]:
    """Return the volume of the month so far, of the same days of the month before, and of all of that month."""
    volume = s["volume_usd"]
    value, before = _of_month(s, volume, 0, whole=False), _of_month(s, volume, 1, whole=False)
    return {
        "value": value,
        "before": before,
        "change": value / before - 1,
        "last_month": _of_month(s, volume, 1, whole=True),
        "days": Series(lambda rows: _calendar(s, rows)[0].astype(float), s.step).where(volume >= 0),
    }


def _of_month(s: Panel, volume: Series, ago: int, *, whole: bool) -> Series:
    """Sum a month: of each row's own (ago 0) or of the one before (1) as many days as the row is into its own, or all.

    Sums are differences of one running sum, so a row costs the same wherever its month began.
    """

    def make(rows: int) -> Array:
        values = volume.last(rows + 2 * LONGEST)
        unknown = np.isnan(values)
        summed = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(np.where(unknown, 0.0, values), axis=0)])
        holes = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(unknown, axis=0)])
        into, length_before = (numbers[:, 0] for numbers in _calendar(s, rows))
        first = np.arange(rows) + 2 * LONGEST - (into - 1) - ago * length_before
        end = first + (length_before if whole else np.minimum(into, length_before) if ago else into)
        return np.where(holes[end] > holes[first], np.nan, summed[end] - summed[first])

    return Series(make, s.step)


def _calendar(s: Panel, rows: int) -> tuple[DayNumbers, DayNumbers]:
    """Return for the newest rows, each (rows, 1): which day of its month it is, and how long the month before was."""
    at = pd.date_range(end=s.closes[-1] - s.step, periods=rows, freq=pd.Timedelta(s.step))
    into = at.day.to_numpy()
    before = (at - pd.to_timedelta(into, unit="D")).day.to_numpy()
    return into[:, None], before[:, None]


METRIC = Metric(
    id="volume_month",
    title="Volume of the month",
    question="Is more or less being traded than a month ago?",
    needs=("volume_usd",),
    step=days(1),
    window=WINDOW,
    says=(
        "{value:usd} traded in {days:count day} of the month, {change:change0} against the same days of the "
        "month before, which came to {last_month:usd} in all."
    ),
    chart=Chart(
        title="Volume of the month so far",
        axis="dollars since the first",
        unit="usd",
        beside=("month before", "before"),
    ),
    values={
        "value": Value("usd", "volume of the month so far", "the calendar month"),
        "before": Value("usd", "volume of the same days of the month before"),
        "change": Value("fraction", "volume of the month against the month before", "the same days"),
        "last_month": Value("usd", "volume of the whole month before"),
        "days": Value("days", "days of the month that are over"),
    },
    tells_not="Who trades, or what is traded elsewhere: it is the volume of one exchange.",
    compute=compute,
)
