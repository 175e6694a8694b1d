"""/check: a position put into the market. It tells distances, dollars and costs, and never what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from handlers.command import Refused
from handlers.reply import Line
from storage.queries.liquidation import liquidation_map
from storage.queries.market import readings
from tests.handlers.commands.test_setups import wave

if TYPE_CHECKING:
    from pathlib import Path


def lines(reply: Any) -> list[str]:
    return [block.text for block in reply.blocks if isinstance(block, Line)]


@pytest.mark.slow
def test_a_position_is_put_into_the_market(tmp_path: Path) -> None:
    here = wave(tmp_path)
    price = here.ask("/price btc").values["price"]
    reply = here.ask(f"/check long {price:.0f} 25x")
    said, values = lines(reply), reply.values
    assert said[0].startswith("BTC long 25x from ")
    assert values["usual_days_away"] == pytest.approx(
        abs(values["liquidation_price"] / price - 1) / values["usual_day"], rel=1e-3
    )
    assert f"{values['usual_days_away']:.1f} times a usual day's move" in said[1]
    assert said[2].startswith("Between here and there our map puts $")
    assert any("sellers press and positions close" in line for line in said)
    assert said[-1] == "This says what is, not what to do."


@pytest.mark.slow
@pytest.mark.parametrize("side", ["long", "short"])
def test_what_lies_between_is_the_dollars_of_its_own_side(tmp_path: Path, side: str) -> None:
    here = wave(tmp_path)
    price = here.ask("/price btc").values["price"]
    values = here.ask(f"/check {side} {price:.0f} 20x").values
    reading = readings.of(here.store, "BTC", ("liq_map",), here.now).get("liq_map")
    assert reading
    bins = liquidation_map.bins_of(here.store, reading)
    assert bins
    low, high = sorted((price, values["liquidation_price"]))
    expected = 0.0
    for below, above, longs, shorts in zip(bins.edges, bins.edges[1:], bins.longs, bins.shorts, strict=False):
        inside = max(0.0, min(above, high) - max(below, low)) / (above - below)
        expected += inside * (longs if side == "long" else shorts)
    assert values["between_usd"] == pytest.approx(expected, rel=1e-6)
    assert expected > 0 or side == "short", "price fell, so shorts lie further above than that"


@pytest.mark.slow
def test_what_is_past_its_liquidation_is_told_so(tmp_path: Path) -> None:
    here = wave(tmp_path)
    price = here.ask("/price btc").values["price"]
    said = lines(here.ask(f"/check long {price * 1.2:.0f} 25x exact"))
    assert "it is past its liquidation." in said[1]
    assert not any("away" in line for line in said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "asks"),
    [
        pytest.param("/check btc 25x", r"^Is it long or short\? Type it like /check long 95000 25x\.$", id="side"),
        pytest.param("/check long 75000", r"^With which leverage\? ", id="leverage"),
    ],
)
def test_what_is_missing_is_asked_for(tmp_path: Path, line: str, asks: str) -> None:
    with pytest.raises(Refused, match=asks):
        wave(tmp_path).ask(line)


def test_nothing_stored_is_no_reason_to_be_silent(empty: Any) -> None:
    said = lines(empty.ask("/check long 95000 25x"))
    assert said[0] == "BTC long 25x from 95,000: liquidation at 91,566.27 (−3.61 %)."
    assert any("not known" in line for line in said)
