"""Profit, break-even, bankruptcy and size where the shared cases say nothing."""

from __future__ import annotations

import math

import pytest

from signals.liquidation import LiquidationError
from signals.liquidation.calculators import bankruptcy, breakeven, profit, size_from_risk

ABOUT = {"contract": "linear", "side": "long", "entry": 95_000.0}


@pytest.mark.parametrize("contract", ["linear", "inverse"])
@pytest.mark.parametrize("side", ["long", "short"])
def test_breakeven_pays_both_fees(contract: str, side: str) -> None:
    """Each fee on the value of its own moment: size times price, of an inverse contract size over price."""
    about = {"contract": contract, "side": side, "entry": 95_000.0}
    price = breakeven(**about, fee_open=0.0005, fee_close=0.0002)
    opened, closed = (2 * at if contract == "linear" else 2 / at for at in (95_000.0, price))
    assert profit(**about, exit_price=price, size=2) == pytest.approx(opened * 0.0005 + closed * 0.0002)


def test_bankruptcy_where_there_is_none() -> None:
    said = {"entry": 100.0, "size": 1.0, "margin": 150.0}
    assert bankruptcy(contract="linear", side="long", **said) is None
    assert bankruptcy(contract="linear", side="short", **said) == 250
    assert bankruptcy(contract="inverse", side="short", entry=100.0, size=100.0, margin=1.0) is None


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        pytest.param(lambda: size_from_risk(risk=1, entry=5, stop=5), "a stop away from the entry", id="no stop"),
        pytest.param(lambda: profit(**ABOUT | {"side": "l"}, exit_price=1, size=1), "long or short", id="no side"),
        pytest.param(
            lambda: profit(**ABOUT, exit_price=0, size=1), "exit price must be a number above zero", id="zero"
        ),
        pytest.param(lambda: profit(**ABOUT, exit_price=math.nan, size=1), "not nan", id="nan"),
        pytest.param(lambda: breakeven(**ABOUT, fee_open=40, fee_close=0), "fee_open is a fraction", id="in percent"),
        pytest.param(lambda: bankruptcy(**ABOUT, size=1, margin=-1), "margin must be", id="negative margin"),
    ],
)
def test_nonsense_is_a_sentence(ask, says) -> None:
    with pytest.raises(LiquidationError, match=says):
        ask()
