from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from handlers.channel import Address
from handlers.command import Asker, Deps, Refused, commands
from handlers.parsing import parse, split_command
from handlers.reply import Buttons, Reply, plain_text
from signals.liquidation import Position, quote
from storage import points
from storage.db import Store

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, 0, 0, 30, tzinfo=UTC)


@dataclass(frozen=True)
class NoStore:
    exists: bool = False


async def _nothing(asset: str) -> None:
    raise AssertionError(f"a calculator asked for fresh data of {asset}")


async def say(line: str, store: Any = None, now: datetime = NOW) -> Reply:
    name, rest = split_command(line)
    each = commands()[name]
    asker = Asker("terminal", Address("1", kind="terminal"))
    deps = Deps(now, asker, cast("Store", store or NoStore()), ("BTC", "ETH", "SOL"), _nothing)
    return await each.run(deps, parse(each.arguments, rest, command=name, assets=deps.assets))


def text_of(reply: Reply) -> str:
    return plain_text(reply.all_blocks())


@pytest.mark.parametrize(
    "line",
    ["/cost 100k 7d btc long 25x 0.01%", "/cost 0.01% long 25 7 days $100k", "/cost 25x every 8h 0.01 % 100kusd l 1w"],
)
async def test_cost_of_acceptance_a18(line: str) -> None:
    reply = await say(line)
    assert reply.values["settlements"] == 21
    assert reply.values["cash_flow_usd"] == pytest.approx(-210.0)
    assert reply.values["margin_pct"] == pytest.approx(-5.25)
    assert reply.values["apr_pct"] == pytest.approx(10.95)
    assert "This long pays $210 in 7 days." in text_of(reply)
    assert "21 payments of $10: 0.0100 % per 8 h, +10.95 % a year." in text_of(reply)
    assert "That is 5.25 % of the $4,000 margin." in text_of(reply)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("/cost 100k 7d 0.01%", "In 7 days a long pays $210, a short receives it.", id="no side"),
        pytest.param("/cost 100k 7d -0.01%", "In 7 days a short pays $210, a long receives it.", id="negative rate"),
        pytest.param("/cost 100k 7d short 0.01%", "This short receives $210 in 7 days.", id="the other side"),
        pytest.param("/cost 100k 7d long 0.01% every 4h", "This long pays $420 in 7 days.", id="shorter interval"),
        pytest.param("/cost 100k 1h long 0.01%", "no payment falls into it", id="between two payments"),
        pytest.param("/cost 2btc @50000 7d long 0.01%", "This long pays $210 in 7 days.", id="size in coins"),
    ],
)
async def test_cost_says_who_pays(line: str, said: str) -> None:
    assert said in text_of(await say(line))


async def test_cost_takes_the_stored_rate(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    store = Store(tmp_path / "p.db")
    at = pd.DatetimeIndex([NOW - timedelta(minutes=3)], name="at")
    frame = pd.DataFrame({"funding_rate": [0.0002], "funding_interval_hours": [4.0]}, index=at)
    points.write(store, [points.Points("binance", "BTC", None, frame)])
    reply = await say("/cost 100k 1d long", store)
    assert reply.values["interval_hours"] == 4.0
    assert reply.values["cash_flow_usd"] == pytest.approx(-120.0)
    assert (reply.stamp or "").startswith("Binance rate, 3 min old")
    store.close()


@pytest.mark.parametrize(
    ("line", "said", "values"),
    [
        pytest.param(
            "/pnl 95000 100000 25x long 0.5btc",
            "Long: +$2,500, +5.26 % of the position, +131.6 % of the margin.",
            {"pnl_usd": 2500.0},
            id="gain",
        ),
        pytest.param("/pnl 100000 90000 short $10k", "Short: +$1,000, +10.00 %", {"pnl_usd": 1000.0}, id="short gain"),
        pytest.param("/pnl 100000 90000 long", "Long: −10.00 % of the position.", {"return_pct": -10.0}, id="loss"),
        pytest.param("/pnl 100000 90000 20x long", "the long is liquidated on the way", {}, id="more than the margin"),
        pytest.param(
            "/pnl 107410.3 110000 long fee 0.06%",
            "Break-even at 107,539.27",
            {"breakeven_price": 107410.3 * 1.0006 / 0.9994},
            id="break-even, both fees",
        ),
    ],
)
async def test_pnl(line: str, said: str, values: dict[str, float]) -> None:
    reply = await say(line)
    assert said in text_of(reply)
    for name, value in values.items():
        assert reply.values[name] == pytest.approx(value)


async def test_pnl_of_both_sides_are_opposite() -> None:
    reply = await say("/pnl 95000 100000 10x")
    assert reply.values["long"]["return_pct"] == pytest.approx(-reply.values["short"]["return_pct"])


@pytest.mark.parametrize(
    ("line", "size", "highest"),
    [
        pytest.param("/size 95000 stop 93100 risk 500usd", 500 / 1900, 41.81, id="2 % stop, long: section 2.3, RM-1"),
        pytest.param("/size 95000 93100 500$", 500 / 1900, 41.81, id="without words"),
        pytest.param("/size 95000 stop 96900 risk 500usd", 500 / 1900, 41.53, id="2 % stop, short"),
        pytest.param("/size sl 93100 95000 1% of 50000", 500 / 1900, 41.81, id="share of the balance"),
    ],
)
async def test_size(line: str, size: float, highest: float) -> None:
    reply = await say(line)
    assert reply.values["size"] == pytest.approx(size)
    assert reply.values["max_leverage"] == pytest.approx(highest, abs=0.01)


@pytest.mark.parametrize("line", ["/size 95000 stop 93000 risk 5000usd", "/size 95000 stop 99000 risk 300000usd okx"])
async def test_at_the_highest_leverage_the_stop_comes_first(line: str) -> None:
    values = (await say(line)).values
    position = Position(
        venue=values["venue"],
        side=values["side"],
        entry=values["entry"],
        leverage=values["max_leverage"],
        size_coins=values["size"],
    )
    sign = 1 if values["side"] == "long" else -1
    at_most = quote(position).price
    with_room = quote(replace(position, leverage=values["max_leverage_with_room"])).price
    assert at_most is not None
    assert with_room is not None
    assert sign * (values["stop"] - at_most) >= -0.01
    assert sign * (values["stop"] - with_room) > 0.004 * values["entry"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("/cost 100k", "The time span is missing.", id="no time span"),
        pytest.param("/cost 100k 7d", "No funding rate of BTC is stored yet. Type it, like /cost", id="no rate"),
        pytest.param("/cost 1btc 7d 0.01%", "The price of BTC is missing", id="coins without a price"),
        pytest.param("/cost 100k 7d 8h 0.01%", "I read both 7d and 8h", id="two time spans"),
        pytest.param("/cost 100k 7d 0.01% every 3d", "Type the interval like every 8h", id="odd interval"),
        pytest.param("/cost 100k 7d 50%", "like 0.01%", id="rate too high"),
        pytest.param("/pnl 95000", "The exit price is missing.", id="no exit"),
        pytest.param("/pnl 95000 96000 fee 30%", "like fee 0.05%", id="fee too high"),
        pytest.param("/size 95000 93000", "What may be lost is missing", id="no risk"),
        pytest.param("/size 95000 93000 1%", "1% of what?", id="share without a balance"),
        pytest.param("/size 95000 95000 500$", "the same price", id="no distance"),
        pytest.param("/size 95000 97000 500$ long", "The stop of a long lies below", id="stop on the wrong side"),
        pytest.param("/size 95000 93000 0.5btc", "counted in dollars", id="risk in coins"),
    ],
)
async def test_refusals_say_what_to_type(line: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        await say(line)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["cost", "pnl", "size", "liq"])
async def test_examples_work_and_their_buttons_too(name: str) -> None:
    each = commands()[name]
    assert len(each.help) <= 60
    reply = await say(each.example)
    assert len(text_of(reply)) <= 900
    json.dumps(reply.values, allow_nan=False)
    for block in reply.blocks:
        for button in block.buttons if isinstance(block, Buttons) else ():
            assert (await say(button.command)).values
