"""Every row of the two shared truth tables: what exchanges print or answered, and what follows from their pages."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import re
from pathlib import Path

import pytest

from signals.liquidation import calculators, funding, liquidation_price, shown_price

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
ENDED = {"bybit": dt.date(2025, 9, 1), "kucoin": dt.date(2025, 5, 21)}  # the last day of the older rule


ROUNDED = re.compile(r"rounded (?:UP|DOWN) to (\d+(?:\.\d+)?)")


def rows(file: str, *names: str, holding: re.Pattern[str] | None = None) -> list:
    path = DATA / file
    if not path.exists():
        return [pytest.param(None, id="missing", marks=pytest.mark.skip(reason=f"{path} is not here: shared data"))]
    with path.open(encoding="utf-8", newline="") as handle:
        return [
            pytest.param(row, id="-".join([f"{line}", *(row[name] for name in names)]))
            for line, row in enumerate(csv.DictReader(handle), start=2)
            if holding is None or holding.search(row["source"])
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


@pytest.mark.parametrize("row", rows("calculator-cases.csv", "calculator"))
def test_calculator_case(row):
    name, said = row["calculator"], json.loads(row["inputs_json"])
    if "exit" in said:
        said["exit_price"] = said.pop("exit")
    calculate = getattr(calculators, name, None) or getattr(funding, name)
    result = calculate(**said)
    # the half unit in the last place that a decimal tolerance of zero cannot mean
    assert math.isclose(result, float(row["expected"]), rel_tol=1e-15, abs_tol=float(row["tolerance"]))
