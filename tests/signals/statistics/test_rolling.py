"""Windows over many columns in one pass are those of each column alone, to the last digit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.statistics.rolling import rolled_over

if TYPE_CHECKING:
    from collections.abc import Callable

ROLLS: Final[dict[str, Callable[[Any], Any]]] = {
    "mean": lambda rolled: rolled.mean(),
    "sum": lambda rolled: rolled.sum(),
    "max": lambda rolled: rolled.max(),
    "min": lambda rolled: rolled.min(),
    "median": lambda rolled: rolled.median(),
    "deviation": lambda rolled: rolled.std(),
    "percentile": lambda rolled: rolled.rank(method="max", pct=True),
    "percentile, ties split": lambda rolled: rolled.rank(method="average", pct=True),
}


@pytest.mark.parametrize("roll", ROLLS.values(), ids=ROLLS)
@given(st.data())
def test_columns_end_to_end_are_columns_alone(roll: Callable[[Any], Any], data: st.DataObject) -> None:
    """Dollars beside rates of funding: what one column leaves of rounding would be all of the next one."""
    rows, columns = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 5))
    seed = data.draw(st.integers(0, 2**32 - 1))
    count = data.draw(st.sampled_from([1, 2, 7, 24, 100]))
    need = data.draw(st.integers(1, count))
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, columns)) * 10.0 ** random.integers(-6, 12, size=columns)
    values[random.random(values.shape) < 0.2] = np.nan
    if data.draw(st.booleans()):
        values = np.round(values)  # equals, and columns that stand still
    alone = roll(pd.DataFrame(values).rolling(count, min_periods=need)).to_numpy()
    np.testing.assert_array_equal(rolled_over(values, count, need, roll), alone)
