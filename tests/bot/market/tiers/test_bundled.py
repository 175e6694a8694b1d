"""The converter writes what the tables module reads, and refuses brackets that contradict themselves."""

from __future__ import annotations

import json

import pytest

from bot.market.tiers.bundled import line_of, main
from signals.liquidation.tables import parse_table


def bracket(floor, cap, rate, leverage, cum=None):
    info = {} if cum is None else {"info": {"cum": cum}}
    return {"minNotional": floor, "maxNotional": cap, "maintenanceMarginRate": rate, "maxLeverage": leverage, **info}


def test_written_and_read_back(tmp_path):
    source = tmp_path / "brackets.json"
    rows = [bracket(300_000, 800_000, 0.005, 100, "300"), bracket(0, 300_000, 0.004, 150, 0.0)]  # unsorted
    source.write_text(json.dumps({"BTC/USDT:USDT": rows, "BTC/USDT:USDT-261225": rows[1:]}), encoding="utf-8")
    main([str(source), str(tmp_path), "--venue", "binance", "--as-of", "2026-09-29", "--source", "a test"])
    text = (tmp_path / "binance-linear-2026-09-29.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line.split(",")[0] for line in lines] == ["BTC", "BTC-261225"]
    table = parse_table(text, lines[0])
    assert [(t.floor, t.cap, t.rate, t.amount, t.max_leverage) for t in table.tiers] == [
        (0, 300_000, 0.004, 0, 150),
        (300_000, 800_000, 0.005, 300, 100),
    ]
    assert (table.as_of.isoformat(), table.source, table.unit) == ("2026-09-29", "a test", "quote")


@pytest.mark.parametrize("cum", [None, ""], ids=["missing", "empty"])
def test_a_missing_amount_is_built(cum):
    line = line_of("X/USDT:USDT", [bracket(0, 5000, 0.015, 50, cum), bracket(5000, 10000, 0.02, 25, cum)])
    assert line == "X,USDT,,0.015:0:50:5000 0.02:25:25:10000"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([bracket(0, 5000, 0.015, 50), bracket(6000, 9000, 0.02, 25)], "a tier starts at 6000, the one before ends at"),
        (
            [bracket(0, 5000, 0.015, 50), bracket(5000, 9000, 0.02, 25, 26)],
            "amount of tier 2 is 26, but 25 follows",
        ),
    ],
    ids=["gap", "wrong-amount"],
)
def test_contradictions_are_refused(rows, says):
    with pytest.raises(ValueError, match=says):
        line_of("X/USDT:USDT", rows)
