"""Whether taker flow, funding or positions went ahead of price, or behind it: a claim that is tested, not assumed.

    for each of the three:    lead = the strongest corr(x k days before, r) over 365 d, k = 1 … 7
                              follow = the strongest corr(x, r k days before), same = corr(x, r)
    value = the strongest lead of the three / chance          chance = 3.04 / √n

r = daily log return of price; x = taker imbalance of the day (B − S)/(B + S), the day's change of funding (a simple
yearly rate), the day's log change of open interest in coins; n = days that are known, corr = Pearson's. The guide
(2026) says that derivatives "typically lead" spot (signals.md LG-1). Of 21 correlations of noise (three times seven
days) the strongest passes 3.04/√n in one case of twenty: the two-sided normal bound of 0.05/21 (Bonferroni). Below 1
the value says that nothing led by more than chance. Where x follows price more than it leads, price moves first.

Days, not hours: taker flow and price of one hour move together by construction, and a lead of minutes is not what is
claimed. One year is one sample, so a lead that is found is to be found again in the next.

NaN handling: no correlation while under 2/3 of the year is known of both; a day that is not known of either is in none.
No strongest one while one of its seven is not known, and no value while one of the three leads is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from signals.metric import Chart, Metric, Value
from signals.series import MIN_SHARE, Series, days
from signals.units import HOURS_A_YEAR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.metric import Unit
    from signals.series import Array, Panel

DAY = days(1)
WINDOW = days(365)
LAGS = range(1, 8)
NO_MOVE = 1e-12  # of the squares: what rounding leaves where nothing moved
CHANCE = 3.04  # normal quantile of 1 − 0.05 / 21 / 2


def compute(s: Panel) -> dict[str, Series]:
    """Return how strongly each of the three led and followed price, by how many days, and against chance."""
    moved = s["close"].log().change(DAY)
    volume, rate = s["volume_usd"], s["funding_rate"] / s["funding_interval_hours"] * HOURS_A_YEAR
    drivers = {
        "taker": (2 * s["taker_buy_usd"] - volume) / volume,
        "funding": rate.change(DAY),
        "coins": s["open_interest_coin"].log().change(DAY),
    }
    chance = CHANCE / moved.known(WINDOW).map(np.sqrt)
    found: dict[str, Series] = {}
    for name, driver in drivers.items():
        ahead = [_correlation(driver.lag(lag * DAY), moved) for lag in LAGS]
        behind = [_correlation(driver, moved.lag(lag * DAY)) for lag in LAGS]
        found |= {
            f"{name}_lead": _strongest(ahead),
            f"{name}_lead_days": _strongest(ahead, place=True),
            f"{name}_same": _correlation(driver, moved),
            f"{name}_follow": _strongest(behind),
        }
    leads = [found[f"{name}_lead"].abs() for name in drivers]
    return {"value": _strongest(leads) / chance, "chance": chance} | found


def _correlation(first: Series, second: Series) -> Series:
    """Return Pearson's correlation over the window, of the rows in which both are known."""
    count = WINDOW // first.step

    def make(rows: int) -> Array:
        x, y = first.last(rows + count - 1), second.last(rows + count - 1)
        both = ~np.isnan(x + y)
        x, y = np.where(both, x, 0.0), np.where(both, y, 0.0)
        n, sum_x, sum_y, square_x, square_y, shared = (
            _over_window(part, count) for part in (both, x, y, x * x, y * y, x * y)
        )
        spread = (n * square_x - sum_x * sum_x) * (n * square_y - sum_y * sum_y)
        moves = spread > n * square_x * n * square_y * NO_MOVE
        known = (n >= MIN_SHARE * count) & moves
        return np.where(known, (n * shared - sum_x * sum_y) / np.sqrt(np.where(known, spread, 1.0)), np.nan)

    return Series(make, first.step)


def _over_window(of_rows: NDArray[Any], count: int) -> Array:
    """Sum each window of `count` rows: 45 correlations of a year ask for it six times each, so in one pass."""
    if len(of_rows) == count:
        return np.asarray(of_rows.sum(axis=0, keepdims=True), dtype=float)
    summed = np.cumsum(np.concatenate([np.zeros((1, of_rows.shape[1])), of_rows]), axis=0)
    return np.asarray(summed[count:] - summed[:-count], dtype=float)


def _strongest(every: Sequence[Series], *, place: bool = False) -> Series:
    """Return the correlation furthest from zero, or with `place` which of them it is, from 1; NaN where one is."""

    def make(rows: int) -> Array:
        stacked = np.stack([one.last(rows) for one in every])
        which = np.argmax(np.abs(stacked), axis=0)
        found = which + 1.0 if place else np.take_along_axis(stacked, which[None], axis=0)[0]
        return np.where(np.isnan(stacked).any(axis=0), np.nan, found)

    return Series(make, every[0].step)


_DRIVERS = {"taker": "taker imbalance", "funding": "the change of funding", "coins": "the change of coins"}

_VALUES: tuple[tuple[str, Unit, str, str], ...] = (
    ("lead", "ratio", "strongest correlation of {} with later returns", "of price 1 to 7 days later, −1 to 1"),
    ("lead_days", "days", "days by which {} led", "at its strongest"),
    ("same", "ratio", "correlation of {} with the return of the same day", ""),
    ("follow", "ratio", "strongest correlation of {} with earlier returns", "of price 1 to 7 days earlier"),
)

METRIC = Metric(
    id="lead",
    title="What goes ahead of price",
    question="Did taker flow, funding or positions move before price did, by more than chance?",
    needs=(
        "close",
        "volume_usd",
        "taker_buy_usd",
        "funding_rate",
        "funding_interval_hours",
        "open_interest_coin",
    ),
    step=DAY,
    window=WINDOW + 8 * DAY,
    says=(
        "Correlation with price up to a week later, at its strongest: taker flow {taker_lead:ratio}, "
        "funding {funding_lead:ratio}, positions {coins_lead:ratio}; chance alone reaches {chance:ratio}. "
        "With price of the same day: {taker_same:ratio}, {funding_same:ratio}, {coins_same:ratio}."
    ),
    chart=Chart(
        title="What goes ahead of price, against chance",
        axis="times what chance alone reaches",
        unit="ratio",
        lines=(("chance", 1.0),),
    ),
    values={
        "value": Value("ratio", "strongest lead over price", "of the three, over what chance reaches"),
        "chance": Value("ratio", "correlation that chance alone reaches in one case of twenty", usual=0.0),
    }
    | {
        f"{name}_{what}": Value(unit, words.format(driver), note, usual=0.0)
        for name, driver in _DRIVERS.items()
        for what, unit, words, note in _VALUES
    },
    tells_not="What comes: one year is one sample, and a lead that was found once has to be found again.",
    compute=compute,
)
