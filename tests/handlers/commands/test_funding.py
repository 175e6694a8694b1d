from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from handlers.reply import Table
from storage.engine.database import Store
from storage.market import points
from tests.handlers.commands.room import NOW, Room

if TYPE_CHECKING:
    from pathlib import Path

RATES = {"BTC": 1e-4, "ETH": -2e-4, "SOL": 3e-4}
MANY = {f"COIN{place:02}": place * 1e-5 for place in range(30)}


def paying(path: Path, rates: dict[str, float]) -> Room:
    """Return a room in which assets pay these rates at Binance, and BTC half as much again at Bybit."""
    room = Room(Store(path / "perpulse.db"))
    index = pd.DatetimeIndex([NOW - pd.Timedelta(seconds=20)])

    def told(asset: str, venue: str, rate: float) -> points.Points:
        frame = pd.DataFrame({"funding_rate": [rate], "funding_interval_hours": [8.0]}, index=index)
        return points.Points.of_frame(venue, asset, None, frame)

    points.write(room.store, [told(asset, "binance", rate) for asset, rate in rates.items()])
    points.write(room.store, [told("BTC", "bybit", 1.5e-4)])
    return room


@pytest.mark.parametrize("line", ["/funding top", "/funding all", "funding top?", "/funding binance"])
def test_all_are_ranked_from_who_pays_most_to_who_receives_most(tmp_path: Path, line: str) -> None:
    reply = paying(tmp_path, RATES).ask(line)
    (table,) = (block for block in reply.blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == ["SOL", "BTC", "ETH"]
    assert table.rows[0] == ("SOL", "+32.85 %", "0.0300 % per 8 h")
    assert list(reply.values["by_asset"]) == ["SOL", "BTC", "ETH"]


def test_the_top_is_read_on_a_phone(tmp_path: Path) -> None:
    assert paying(tmp_path, RATES).text("/funding top") == (
        "Funding of 3 assets: highest SOL +32.85 % a year, lowest ETH −21.90 % a year.\n"
        "       a year          as stated\n"
        "SOL  +32.85 %   0.0300 % per 8 h\n"
        "BTC  +10.95 %   0.0100 % per 8 h\n"
        "ETH  −21.90 %  −0.0200 % per 8 h\n"
        "Above zero longs pay, below it shorts do.\n"
        "These rates are paid next.\n"
        "Each at its main exchange; name one for its own, like /funding bybit.\n"
        "Binance · 20 s old"
    )


def test_of_many_the_ends_are_shown_and_all_are_in_the_list(tmp_path: Path) -> None:
    room = paying(tmp_path, MANY)
    (table,) = (block for block in room.ask("/funding top").blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows[:5]] == ["COIN29", "COIN28", "COIN27", "COIN26", "COIN25"]
    assert [row[0] for row in table.rows[5:]] == ["COIN04", "COIN03", "COIN02", "COIN01", "COIN00"]
    assert "21 between them are left out." in room.text("/funding top")
    (whole,) = (block for block in room.ask("/funding all").blocks if isinstance(block, Table))
    assert len(whole.rows) == 31


def test_one_exchange_is_told_alone(tmp_path: Path) -> None:
    room = paying(tmp_path, RATES)
    assert room.text("/funding btc bybit").startswith(
        "BTC funding at Bybit: +16.42 % a year. Longs pay shorts.\n"
        "Now heading to 0.0150 % per 8 h, paid at 16:00 UTC, in 4 h."
    )
    assert list(room.ask("/funding bybit").values["by_asset"]) == ["BTC"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/funding btc okx", "No current funding rate of BTC at OKX is stored. There is one of Binance and Bybit."),
        ("/funding eth okx", "No current funding rate of ETH at OKX is stored. Binance has one."),
        ("/funding okx", "No current funding rate at OKX is stored; /sources says who answers."),
    ],
)
def test_an_exchange_without_a_rate_is_said(tmp_path: Path, line: str, said: str) -> None:
    assert paying(tmp_path, RATES).refusal(line) == said


@pytest.mark.parametrize("line", ["/funding?", "/funding ?", "/funding btc?", "/Funding!", "funding"])
def test_a_question_mark_is_no_other_command(tmp_path: Path, line: str) -> None:
    assert paying(tmp_path, RATES).text(line).startswith("BTC funding: +10.95 % a year.")
