"""How rare a change is, what is called unusual, and which of several comes first."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from signals.unusual import FLOORS, FigureChange, against, ranked

PRICE = FigureChange("BTC", "price", 80_000.0, -0.05)
USUAL = [0.01, -0.01, 0.02, -0.03] * 45  # 180 changes, the median of their sizes is 0.015
NAN = math.nan


@pytest.mark.parametrize(
    ("change", "past", "rare", "of", "rarity"),
    [
        pytest.param(-0.05, USUAL, 0, 180, 1 / 181, id="larger than all"),
        pytest.param(0.03, USUAL, 45, 180, 46 / 181, id="as large as a quarter, whatever the sign"),
        pytest.param(0.0, USUAL, 180, 180, 1.0, id="nothing moved"),
        pytest.param(0.0, [0.0] * 60, 60, 60, 1.0, id="nothing ever moved"),
        pytest.param(-0.05, [*USUAL[:40], *[NAN] * 140], 0, 40, 1 / 41, id="days that are not known are left out"),
        pytest.param(-0.05, USUAL[:29], None, 0, None, id="too few to say"),
        pytest.param(-0.05, [], None, 0, None, id="none"),
        pytest.param(None, USUAL, None, 0, None, id="not known"),
        pytest.param(NAN, USUAL, None, 0, None, id="no number"),
    ],
)
def test_how_rare_a_change_is(
    change: float | None, past: list[float], rare: int | None, of: int, rarity: float | None
) -> None:
    found = against(replace(PRICE, change=change), past)
    assert (found.rare, found.past) == (rare, of)
    assert found.rarity == (None if rarity is None else pytest.approx(rarity))


def test_what_is_as_rare_is_told_by_how_far_it_went_beyond_the_usual() -> None:
    far = against(replace(PRICE, asset="ETH", change=-0.30), USUAL)
    near = against(PRICE, USUAL)
    common = against(replace(PRICE, asset="SOL", change=0.02), USUAL)
    unknown = replace(PRICE, asset="XRP")
    assert [one.asset for one in ranked([unknown, common, near, far])] == ["ETH", "BTC", "SOL", "XRP"]
    assert far.times == pytest.approx(20)
    assert [one.unusual for one in (far, near, common, unknown)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("what", "change", "unusual"),
    [
        pytest.param("price", -0.001, False, id="a price that stands, however still it stood before"),
        pytest.param("price", -0.005, True, id="a price that moves"),
        pytest.param("open_interest", 0.004, False, id="as many coins as before"),
        pytest.param("open_interest", 0.006, True, id="coins"),
        pytest.param("funding", -0.009, False, id="funding as it was"),
        pytest.param("funding", 0.02, True, id="funding"),
        pytest.param("takers", 0.009, False, id="takers of both sides"),
        pytest.param("takers", -0.02, True, id="takers"),
        pytest.param("liquidated", 0.0, True, id="liquidated, none of it longs"),
        pytest.param("price", None, False, id="not known"),
    ],
)
def test_what_hardly_moved_is_never_unusual(what: str, change: float | None, unusual: bool) -> None:
    found = FigureChange("BTC", what, 1.0, change, rare=0, past=180)  # type: ignore[arg-type]
    assert found.unusual is unusual
    assert what in FLOORS
