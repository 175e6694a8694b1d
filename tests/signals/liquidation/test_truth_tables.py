"""Every row of the two shared truth tables: what exchanges print or answered, and what follows from their pages."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from signals.liquidation import Position, Tier, TierTable, liquidation_price, margin_for, shown_price
from signals.liquidation.calculators import bankruptcy, breakeven, profit, size_from_risk
from signals.liquidation.funding import Settlement, funding_apr, funding_cost
from signals.liquidation.watching import Holding, payment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
ENDED = {"bybit": dt.date(2025, 9, 1), "kucoin": dt.date(2025, 5, 21)}  # the last day of the older rule


ROUNDED = re.compile(r"rounded (?:UP|DOWN) to (\d+(?:\.\d+)?)")


def rows(
    file: str, *names: str, holding: re.Pattern[str] | None = None, calculators: Collection[str] | None = None
) -> list:
    path = DATA / file
    if not path.exists():
        return [pytest.param(None, id="missing", marks=pytest.mark.skip(reason=f"{path} is not here: shared data"))]
    with path.open(encoding="utf-8", newline="") as handle:
        return [
            pytest.param(row, id="-".join([f"{line}", *(row[name] for name in names)]))
            for line, row in enumerate(csv.DictReader(handle), start=2)
            if holding is None or holding.search(row["source"])
            if calculators is None or row["calculator"] in calculators
        ]


def answer(row: dict[str, str]) -> float | None:
    ended = row["source"].endswith("family B")
    return liquidation_price(
        venue=row["exchange"],
        contract=row["contract"],
        side=row["side"],
        entry=float(row["entry"]),
        size=float(row["position_size"]),
        margin=float(row["margin"]),
        mmr=float(row["mmr"]),
        maintenance_amount=float(row["maint_amount"]),
        fee_rate=float(row["taker_fee"]),
        on=ENDED.get(row["exchange"]) if ended else None,
    )


@pytest.mark.parametrize("row", rows("liquidation-cases.csv", "exchange", "contract", "margin_mode", "side"))
def test_liquidation_case(row):
    price = answer(row)
    assert price is not None
    assert abs(price - float(row["expected_liq_price"])) <= float(row["tolerance"])


@pytest.mark.parametrize("row", rows("liquidation-cases.csv", "exchange", "contract", "side", holding=ROUNDED))
def test_documented_rounding_is_exact(row):
    tick = ROUNDED.search(row["source"])
    assert tick is not None
    price = answer(row)
    assert price is not None
    shown = shown_price(price, float(tick[1]), row["side"])
    assert shown == pytest.approx(float(row["expected_liq_price"]), abs=1e-9)


def bankrupt(contract: str, side: str, entry: float, leverage: float) -> float | None:
    size, margin = (1.0, entry / leverage) if contract == "linear" else (entry, 1 / leverage)
    return bankruptcy(contract=contract, side=side, entry=entry, size=size, margin=margin)


def on_margin(contract: str, side: str, entry: float, exit: float, leverage: float) -> float:  # noqa: A002 - its name in the table
    size, margin = (1.0, entry / leverage) if contract == "linear" else (entry, 1 / leverage)
    return profit(contract=contract, side=side, entry=entry, exit_price=exit, size=size) / margin


def of_payments(side: str, size: float, settlements: list[list[float]]) -> float:
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    holding = Holding(
        asset="X", venue="binance", contract="linear", side=side, entry=1.0, leverage=1.0, begun=now, size_coins=size
    )
    return sum(payment(holding, Settlement(now, mark, rate)) for mark, rate in settlements)


def needed(
    side: str, entry: float, size: float, target: float, mmr: float, cum: float = 0.0, fee: float = 0.0
) -> float:
    """Ask OKX, which adds the fee to the rate, or Binance, which has none in its condition, with one tier of this."""
    day = dt.date(2026, 11, 22)
    table = TierTable(
        venue="okx", contract="linear", asset="X", quote="USDT", unit="quote", as_of=day, checked=day, source="",
        tiers=(Tier(1, 0.0, math.inf, mmr, cum, None),),
    )  # fmt: skip
    position = Position(
        venue="okx" if fee else "binance", asset="X", side=side, entry=entry, size_coins=size, leverage=1.0,
        fee_rate=fee,
    )  # fmt: skip
    return margin_for(position, target, table=table).needed


def stop_leverage(side: str, stop_pct: float, mmr: float, fee: float = 0.0) -> float:
    target = 1 - stop_pct if side == "long" else 1 + stop_pct
    return 1.0 / needed(side, 1.0, 1.0, target, mmr, fee=fee)


# What the commands compute with, under the names of the table; the rest of its rows is of calculators not offered.
OFFERED: dict[str, Callable[..., float | None]] = {
    "funding_payment": lambda notional, rate, n=1: (
        -funding_cost(side="long", notional=notional, rate=rate, settlements=n).cash_flow
    ),
    "funding_payment_signed": lambda side, size, mark, rate: of_payments(side, size, [[mark, rate]]),
    "funding_sum": of_payments,
    "funding_apr_simple": funding_apr,
    "bankruptcy_linear": partial(bankrupt, "linear"),
    "liq_naive": partial(bankrupt, "linear"),  # what others print as the liquidation price is the bankruptcy price
    "bankruptcy_inverse": partial(bankrupt, "inverse"),
    "bankruptcy_linear_margin": partial(bankruptcy, contract="linear"),
    "pnl_linear": lambda exit, **said: profit(contract="linear", exit_price=exit, **said),  # noqa: A006 - as above
    "pnl_inverse": lambda exit, **said: profit(contract="inverse", exit_price=exit, **said),  # noqa: A006 - as above
    "roe_linear": partial(on_margin, "linear"),
    "roe_inverse": partial(on_margin, "inverse"),
    "breakeven_exact": partial(breakeven, contract="linear"),
    "breakeven_open_fee_only": lambda fee, **said: breakeven(contract="linear", fee_open=fee, fee_close=0.0, **said),
    "size_from_risk": size_from_risk,
    "margin_for_liq_price": needed,
    "max_leverage_for_stop": stop_leverage,
}


@pytest.mark.parametrize("row", [*rows("calculator-cases.csv", "calculator", calculators=OFFERED)])
def test_calculator_case(row):
    result = OFFERED[row["calculator"]](**json.loads(row["inputs_json"]))
    # the half unit in the last place that a decimal tolerance of zero cannot mean
    assert math.isclose(result, float(row["expected"]), rel_tol=1e-15, abs_tol=float(row["tolerance"]))


def test_every_calculator_on_offer_has_a_case():
    found = {row.values[0] and row.values[0]["calculator"] for row in rows("calculator-cases.csv", "calculator")}
    assert set(OFFERED) <= found or found == {None}
