"""Liquidations from frame to bar: sides, units, what is kept out, whole hours, restarts."""

from __future__ import annotations

import contextlib
import json
import math
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.clock import ReplayClock
from bot.market.exchange.recipe import Unreadable
from bot.market.source import Blocked, SourceDown
from bot.market.streams.dialects import BINANCE, BYBIT, DIALECTS, OKX, Accepted, Beat, Declined, Liquidation, Odd, heard
from bot.market.streams.liquidations import LiquidationStreams
from signals.inputs import is_floor
from storage.engine.database import Store
from storage.market import liquidations
from tests.bot.market.streams.streaming import LOOK_S, START, Rig, prime, rigged, until
from tests.fakes.exchange import FakeExchange
from tests.fakes.streams import GARBAGE, liquidation, pulse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.market.streams.dialects import StreamDialect
    from bot.market.streams.hours import Side

TARDIS = Path(__file__).resolve().parents[5] / "shared" / "data" / "recorded" / "tardis-node"
VENUES = ("binance", "bybit", "okx")
each_venue = pytest.mark.parametrize("venue", VENUES)
AT = 1_790_000_000_000


# --- frames


def _binance(**order: Any) -> dict[str, Any]:
    whole = liquidation("binance", "long", 90_000.0, 0.5, "BTC", AT)
    return whole | {"o": whole["o"] | order}


def _okx(**detail: Any) -> dict[str, Any]:
    whole = liquidation("okx", "long", 90_000.0, 50.0, "BTC", AT)
    (data,) = whole["data"]
    return whole | {"data": [data | {"details": [data["details"][0] | detail]}]}


@pytest.mark.parametrize(
    ("dialect", "frame", "side"),
    [
        pytest.param(BINANCE, _binance(S="SELL"), "long", id="Binance: the order sells"),
        pytest.param(BINANCE, _binance(S="BUY"), "short", id="Binance: the order buys"),
        pytest.param(
            BINANCE, {"stream": "!forceOrder@arr", "data": _binance(S="BUY")}, "short", id="Binance: in an envelope"
        ),
        pytest.param(BYBIT, liquidation("bybit", "long", 1.0, 1.0, "BTC", AT), "long", id="Bybit: Buy is the position"),
        pytest.param(BYBIT, liquidation("bybit", "short", 1.0, 1.0, "BTC", AT), "short", id="Bybit: Sell likewise"),
        pytest.param(OKX, _okx(side="sell", posSide="long"), "long", id="OKX: a long in hedge mode"),
        pytest.param(OKX, _okx(side="buy", posSide="short"), "short", id="OKX: a short in hedge mode"),
        pytest.param(OKX, _okx(side="sell", posSide="net"), "long", id="OKX: net, the order sells"),
        pytest.param(OKX, _okx(side="buy", posSide="net"), "short", id="OKX: net, the order buys"),
    ],
)
def test_the_side_is_that_of_the_position(dialect: StreamDialect, frame: dict[str, Any], side: Side) -> None:
    (found,) = heard(dialect, json.dumps(frame))
    assert isinstance(found, Liquidation)
    assert found.side == side


def test_bybit_writes_the_position_and_binance_the_order() -> None:
    assert liquidation("bybit", "long", 1.0, 1.0, "BTC", AT)["data"][0]["S"] == "Buy"
    assert liquidation("binance", "long", 1.0, 1.0, "BTC", AT)["o"]["S"] == "SELL"


@pytest.mark.parametrize(
    ("dialect", "frame", "found"),
    [
        pytest.param(
            BINANCE,
            _binance(q="9", p="1", l="3", z="0.5", ap="90000"),
            [Liquidation("BTCUSDT", "long", 90_000.0, 0.5, AT)],
            id="Binance: the average price and all fills, not the last of them",
        ),
        pytest.param(BINANCE, _binance(X="PARTIALLY_FILLED"), [], id="Binance: not filled yet, it comes again"),
        pytest.param(BINANCE, _binance(X="NEW", z="0"), [], id="Binance: an order that has only been placed"),
        pytest.param(BINANCE, {"result": None, "id": 1}, [Accepted(None)], id="Binance: granted"),
        pytest.param(BINANCE, {"result": None, "id": 2}, [], id="Binance: the pulse alone is not enough"),
        pytest.param(
            BINANCE, {"error": {"code": 2, "msg": "no"}, "id": 1}, [Declined(None, "no")], id="Binance: refused"
        ),
        pytest.param(BINANCE, {"code": 3, "msg": "no", "id": 1}, [Declined(None, "no")], id="Binance: refused flatly"),
        pytest.param(
            OKX,
            {
                "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
                "data": [
                    {
                        "instId": "BTC-USDT-SWAP",
                        "details": [
                            {"side": "sell", "posSide": "long", "bkPx": "90000", "sz": "50", "ts": str(AT)},
                            {"side": "buy", "posSide": "short", "bkPx": "90001", "sz": "7", "ts": str(AT + 1)},
                        ],
                    },
                    {
                        "instId": "ETH-USDT-SWAP",
                        "details": [{"side": "buy", "posSide": "net", "bkPx": "3000", "sz": "2", "ts": str(AT)}],
                    },
                ],
            },
            [
                Liquidation("BTC-USDT-SWAP", "long", 90_000.0, 50.0, AT),
                Liquidation("BTC-USDT-SWAP", "short", 90_001.0, 7.0, AT + 1),
                Liquidation("ETH-USDT-SWAP", "short", 3_000.0, 2.0, AT),
            ],
            id="OKX: every liquidation of a message",
        ),
        pytest.param(
            OKX,
            _okx(side="buy", posSide="long"),
            [Odd("BTC-USDT-SWAP", "has a side that is neither buy nor sell")],
            id="OKX: order and position contradict each other",
        ),
        pytest.param(
            BINANCE,
            _binance(S="sideways"),
            [Odd("BTCUSDT", "has a side that is neither buy nor sell")],
            id="a side that does not exist",
        ),
        pytest.param(BINANCE, _binance(T=AT // 1000), [Odd("BTCUSDT", ".* no time in milliseconds")], id="in seconds"),
        pytest.param(BINANCE, _binance(ap="ninety"), [Odd("BTCUSDT", ".* is not a number")], id="a price in words"),
        pytest.param(
            BYBIT,
            {"success": False, "ret_msg": "gone", "req_id": "ETHUSDT", "op": "subscribe"},
            [Declined("ETHUSDT", "gone")],
            id="Bybit: one contract refused",
        ),
        pytest.param(BYBIT, {"success": True, "ret_msg": "pong", "op": "ping"}, [], id="Bybit: a pong"),
        pytest.param(OKX, {"event": "notice", "code": "64008", "msg": "upgrade"}, [], id="OKX: a notice"),
    ],
)
def test_frames_are_read(dialect: StreamDialect, frame: dict[str, Any], found: list[Any]) -> None:
    read = heard(dialect, json.dumps(frame))
    assert len(read) == len(found)
    for message, due in zip(read, found, strict=True):
        if isinstance(due, Odd):
            assert isinstance(message, Odd)
            assert message.market_id == due.market_id
            assert re.fullmatch(due.reason, message.reason)
        else:
            assert message == due


@pytest.mark.parametrize("dialect", [pytest.param(dialect, id=dialect.venue) for dialect in DIALECTS])
@pytest.mark.parametrize("text", [*GARBAGE, "", "\x00", "1e999", '{"arg": 3}', '{"topic": 3, "data": [1]}'])
def test_garbage_is_called_so_and_never_a_figure(dialect: StreamDialect, text: str) -> None:
    with contextlib.suppress(Unreadable):
        assert not [message for message in heard(dialect, text) if isinstance(message, Liquidation | Beat)]


@pytest.mark.parametrize("dialect", [pytest.param(dialect, id=dialect.venue) for dialect in DIALECTS])
def test_a_pulse_is_a_beat(dialect: StreamDialect) -> None:
    assert heard(dialect, json.dumps(pulse(dialect.venue, AT))) == [Beat(AT)]


@pytest.mark.parametrize("test", ["map binance futures messages", "map binance delivery messages"])
def test_recorded_messages_are_read_as_an_independent_normaliser_reads_them(test: str) -> None:
    if not TARDIS.exists():
        pytest.skip("the recorded messages are not beside this checkout (../shared/data/recorded/tardis-node)")
    tests = json.loads((TARDIS / "mapper_input_messages.json").read_text())
    messages = next(case["messages"] for case in tests if case["test"] == test)
    snapshot = (TARDIS / "mappers.test.snapshot").read_text()
    checked = 0
    for number, message in enumerate(messages, 1):
        raw = message if isinstance(message, dict) else json.loads(message)
        if raw.get("data", {}).get("e") != "forceOrder":
            continue
        oracle = snapshot.split(f"exports[`mappers > {test} {number}`] = `")[1].split("`;")[0]
        (found,) = heard(BINANCE, json.dumps(raw))
        assert isinstance(found, Liquidation)
        said = {name: re.search(rf'"{name}": "?([^",\n]+)', oracle)[1] for name in ("symbol", "side", "amount")}  # type: ignore[index]
        assert found.market_id == said["symbol"]
        assert found.size == float(said["amount"])
        assert found.side == {"sell": "long", "buy": "short"}[said["side"]], "the oracle has the side of the order"
        at = re.search(r'"timestamp": "([^"]+)"', oracle)[1]  # type: ignore[index]
        assert found.at == round(datetime.fromisoformat(at).timestamp() * 1000)
        checked += 1
    assert checked == 1


# --- sums, over a socket


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigged(tmp_path) as rig:
        await rig.streams.start()
        await rig.alive()
        yield rig


@pytest.mark.parametrize(
    ("venue", "asset", "code", "price", "size", "usd"),
    [
        pytest.param("binance", "BTC", "BTC", 90_000.0, 0.5, 45_000.0, id="Binance: coins"),
        pytest.param("bybit", "BTC", "BTC", 90_000.0, 0.5, 45_000.0, id="Bybit: coins"),
        pytest.param("okx", "BTC", "BTC", 90_000.0, 50.0, 45_000.0, id="OKX: 50 contracts of 0.01"),
        pytest.param("okx", "ETH", "ETH", 3_000.0, 20.0, 6_000.0, id="OKX: 20 contracts of 0.1"),
        pytest.param("binance", "PEPE", "1000PEPE", 0.01, 1e6, 10_000.0, id="Binance: a thousand coins priced as one"),
        pytest.param("okx", "PEPE", "PEPE", 0.00001, 100.0, 10_000.0, id="OKX: ten million coins in a contract"),
    ],
)
async def test_dollars_are_price_times_size_in_every_unit(
    rig: Rig, venue: str, asset: str, code: str, price: float, size: float, usd: float
) -> None:
    await rig.server.liquidate(venue, "long", price=price, size=size, asset=code)
    await until(lambda: rig.usd(venue, asset) != (0.0, 0.0))
    assert rig.usd(venue, asset) == (pytest.approx(usd), 0.0)
    await rig.server.liquidate(venue, "short", price=price, size=2 * size, asset=code)
    await until(lambda: rig.usd(venue, asset)[1])
    assert rig.usd(venue, asset) == (pytest.approx(usd), pytest.approx(2 * usd))
    assert not rig.health(venue).quarantined


BTC = {"binance": 1.0, "bybit": 1.0, "okx": 100.0}  # one bitcoin in the venue's unit


@pytest.mark.slow
@each_venue
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        pytest.param({"price": 90_000_000.0}, "has a price 1,000 times the last one", id="price a thousandfold"),
        pytest.param({"price": 90.0}, "has a price 0.001 times the last one", id="price a thousandth"),
        pytest.param({"price": -90_000.0}, "cannot be 1.* at -90000", id="negative price"),
        pytest.param({"price": math.nan}, "cannot be 1.* at nan", id="price is no number"),
        pytest.param({"price": math.inf}, "cannot be 1.* at inf", id="price is endless"),
        pytest.param({"size": 0.0}, "cannot be 0 at 90000", id="nothing was liquidated"),
        pytest.param({"size": -1.0}, "cannot be -1.* at 90000", id="negative size"),
        pytest.param({"size": 1e6}, "makes a day's liquidations more than the open interest", id="above open interest"),
        pytest.param({"ahead_s": 6.0}, "lies in the future .*", id="six seconds ahead"),
        pytest.param({"ahead_s": -61.0}, "is 61 s old", id="a minute late"),
    ],
)
async def test_what_cannot_be_true_is_kept_out_counted_and_named(
    rig: Rig, venue: str, wrong: dict[str, float], reason: str
) -> None:
    wrong = wrong | ({"size": wrong["size"] * BTC[venue]} if "size" in wrong else {"size": BTC[venue]})
    await rig.server.liquidate(venue, "long", **wrong)  # type: ignore[arg-type]
    await until(lambda: rig.health(venue).quarantined == 1)
    assert re.fullmatch(rf"Last rejected: a liquidation of BTC {reason}\.", rig.health(venue).error or "")
    assert rig.usd(venue) == (0.0, 0.0)
    await rig.server.liquidate(venue, "long", size=BTC[venue])
    await until(lambda: rig.usd(venue)[0])
    assert rig.usd(venue) == (90_000.0, 0.0), "and the stream goes on"
    assert rig.health(venue).state == "ok"


@pytest.mark.slow
@each_venue
@pytest.mark.parametrize("ahead_s", [pytest.param(4.9, id="clocks differ"), pytest.param(-59.0, id="told late")])
async def test_what_is_just_possible_is_taken(rig: Rig, venue: str, ahead_s: float) -> None:
    await rig.go(60, *VENUES)
    await rig.server.liquidate(venue, "short", size=BTC[venue], ahead_s=ahead_s)
    await until(lambda: rig.usd(venue) == (0.0, 90_000.0))
    assert not rig.health(venue).quarantined


@each_venue
async def test_a_day_of_liquidations_cannot_exceed_the_open_interest(rig: Rig, venue: str) -> None:
    for n in range(30):  # $315m each, and open interest is $8bn: 25 of them fit
        await rig.server.liquidate(venue, "long", size=3_500 * BTC[venue], ahead_s=n / 1000)
    await until(lambda: rig.health(venue).quarantined)
    await until(lambda: rig.usd(venue)[0] + rig.health(venue).quarantined * 315e6 == 30 * 315e6)
    assert rig.usd(venue)[0] == 25 * 315e6
    assert "more than the open interest" in (rig.health(venue).error or "")


@each_venue
async def test_a_repeated_message_counts_once_and_two_alike_in_one_message_twice(rig: Rig, venue: str) -> None:
    frame = await rig.server.liquidate(venue, "long", size=BTC[venue])
    await rig.server.say(venue, frame, frame)
    await until(lambda: rig.health(venue).quarantined == 2)
    assert rig.usd(venue) == (90_000.0, 0.0)
    assert rig.health(venue).error == "Last rejected: a liquidation of BTC came twice."
    if venue == "bybit":
        twin = frame | {"data": [frame["data"][0] | {"v": "3"}] * 2}
        await rig.server.say(venue, twin, twin)
        await until(lambda: rig.health(venue).quarantined == 4)
        assert rig.usd(venue)[0] == 90_000.0 * 7


@pytest.mark.slow
@each_venue
async def test_a_flood_is_summed_to_the_cent(rig: Rig, venue: str) -> None:
    at, sides = rig.server.ms, ("long", "short")
    frames = [
        liquidation(venue, sides[n % 2], 90_000.0, BTC[venue] * (n + 1) / 1e6, "BTC", at + n // 5) for n in range(5000)
    ]
    await rig.server.say(venue, *frames)
    due = [sum(0.09 * (n + 1) for n in range(first, 5000, 2)) for first in (0, 1)]
    await until(lambda: rig.usd(venue) == (pytest.approx(due[0]), pytest.approx(due[1])))
    assert rig.health(venue).state == "ok"


async def test_contracts_that_nobody_follows_are_left_alone(rig: Rig) -> None:
    for venue in VENUES:
        await rig.server.liquidate(venue, "long", price=5.0, size=1.0, asset="DOGE")
        await rig.server.liquidate(venue, "long", price=-5.0, size=1.0, asset="DOGE")
        await rig.server.liquidate(venue, "short", size=BTC[venue])
    await until(lambda: all(rig.usd(venue)[1] for venue in VENUES))
    assert {hour.asset for venue in VENUES for hour in rig.talk(venue).bars.hours()} <= {"BTC", "ETH", "PEPE"}
    assert not any(rig.health(venue).quarantined for venue in VENUES)


async def test_what_is_told_before_there_is_a_price_waits_for_one(tmp_path: Path) -> None:
    async with rigged(tmp_path, primed=False) as rig:
        await rig.streams.start()
        await rig.alive()
        await rig.server.liquidate("bybit", "long")
        await rig.server.liquidate("bybit", "short", price=90_000_000.0)
        await until(lambda: len(rig.talk("bybit")._waiting) == 2)
        assert rig.usd("bybit") == (0.0, 0.0), "nothing is believed before it can be compared"
        prime(rig.store, rig.clock.now())
        for _ in range(8):  # prices are looked up every half minute, in a thread that may be late
            await rig.go(20, *VENUES)
            if rig.usd("bybit") != (0.0, 0.0):
                break
        await until(lambda: rig.usd("bybit") == (90_000.0, 0.0))
        assert rig.health("bybit").quarantined == 1
        assert "has a price 1,000 times the last one" in (rig.health("bybit").error or "")


@pytest.mark.parametrize("ends", [pytest.param(True, id="the program ends"), pytest.param(False, id="no price comes")])
async def test_what_never_could_be_compared_is_kept_out_and_its_hour_is_not_whole(tmp_path: Path, ends: bool) -> None:
    async with rigged(tmp_path, primed=False) as rig:
        await rig.streams.start()
        await rig.alive()
        await rig.server.liquidate("bybit", "long")
        await until(lambda: rig.talk("bybit")._waiting)
        if ends:
            await rig.streams.stop()
        else:
            await rig.go(300, *VENUES)
        assert rig.health("bybit").quarantined == 1
        assert "cannot be compared with a price yet" in (rig.health("bybit").error or "")
        assert [hour.rejected for hour in rig.talk("bybit").bars.hours("BTC")] == [1]


async def test_a_contract_that_is_gone_isolates_itself(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        rig.server.gone = {"ETHUSDT"}
        await rig.streams.start()
        await rig.alive()
        assert list(rig.talk("bybit").absent) == ["ETH"]
        await rig.server.liquidate("bybit", "long")
        await until(lambda: rig.usd("bybit") == (90_000.0, 0.0))
        await rig.go(60, *VENUES)
        assert rig.covered("bybit", "BTC") > 59
        assert rig.covered("bybit", "ETH") == 0, "missing is not zero"


# --- hours


@pytest.mark.slow
async def test_whole_hours_become_bars_and_others_do_not(tmp_path: Path) -> None:
    async with rigged(tmp_path, at=START - timedelta(minutes=2)) as rig:
        await rig.streams.start()
        await rig.alive()
        assert await rig.streams.collect(rig.clock.now()) == []
        await rig.go(180, *VENUES)
        assert await rig.streams.collect(rig.clock.now()) == [], "the hour before was heard for two minutes only"
        await rig.server.liquidate("bybit", "long", size=2.0)
        await rig.server.liquidate("okx", "short", size=300.0)
        await until(lambda: rig.usd("okx")[1])
        await rig.server.liquidate("okx", "long", asset="ETH", price=-1.0)
        for _ in range(2):
            await rig.go(1850, *VENUES, step=25)
            for venue in ("binance", "okx"):
                await rig.server.liquidate(venue, "long", asset="DOGE")
        bars = {(bar.venue, bar.asset): bar for bar in await rig.streams.collect(rig.clock.now())}
        whole = {(venue, asset) for venue in VENUES for asset in ("BTC", "ETH", "PEPE")}
        assert set(bars) == whole - {("okx", "ETH")}, "of it a figure was kept out"
        assert all(list(bar.frame().index) == [START] and bar.step == timedelta(hours=1) for bar in bars.values())
        rows = {key: tuple(bar.frame().iloc[0]) for key, bar in bars.items()}
        assert rows["bybit", "BTC"] == (180_000.0, 0.0)
        assert rows["okx", "BTC"] == (0.0, 270_000.0)
        assert rows["binance", "BTC"] == rows["bybit", "ETH"] == (0.0, 0.0), "covered and calm is zero"
        assert await rig.streams.collect(rig.clock.now()) == [], "handed out once"


@pytest.mark.slow
async def test_a_feed_of_every_contract_that_says_nothing_for_an_hour_is_not_calm(tmp_path: Path) -> None:
    async with rigged(tmp_path, at=START - timedelta(minutes=1)) as rig:
        await rig.streams.start()
        await rig.alive()
        await rig.go(3500, *VENUES, step=25)
        assert rig.server.opened["binance"] == 1
        await rig.go(400, "bybit", step=25)
        bars = await rig.streams.collect(rig.clock.now())
        assert {bar.venue for bar in bars} == {"bybit"}, "Bybit tells of three contracts here, and they may be calm"
        await until(lambda: rig.server.opened["binance"] >= 2, "it is opened anew")
        assert "has told of no liquidation of any contract for an hour" in rig.health("binance").error
        await rig.go(20, "bybit")
        assert rig.health("binance").state == "down", "until it has spoken"
        await until(lambda: rig.server.open("binance"))
        await rig.server.liquidate("binance", "long", asset="DOGE")
        await rig.alive("binance")


async def test_a_restart_goes_on_with_the_running_hour(tmp_path: Path) -> None:
    at = START + timedelta(minutes=20)
    async with rigged(tmp_path, at=at) as rig:
        await rig.streams.start()
        await rig.alive()
        for venue in VENUES:
            await rig.server.liquidate(venue, "long", size=BTC[venue])
        await until(lambda: all(rig.usd(venue)[0] for venue in VENUES))
        await rig.go(100, *VENUES)
        await rig.streams.stop()
        kept = {hour.venue: hour for hour in liquidations.load(rig.store, since=START, asset="BTC")}
        assert all(kept[venue].longs_usd == 90_000.0 and not kept[venue].whole for venue in VENUES)
    async with rigged(tmp_path, at=at + timedelta(seconds=130)) as rig:
        await rig.streams.start()
        await rig.alive()
        assert rig.usd("bybit") == (90_000.0, 0.0)
        await rig.server.liquidate("bybit", "short")
        await until(lambda: rig.usd("bybit") == (90_000.0, 90_000.0))
        await rig.go(50, *VENUES)
        assert rig.covered("bybit") == pytest.approx(150, abs=3), "the half minute between the two is missing"


async def test_a_program_that_is_killed_loses_half_a_minute_at_most(rig: Rig) -> None:
    await rig.server.liquidate("bybit", "long")
    await until(lambda: rig.usd("bybit")[0])
    await rig.go(32, *VENUES, step=4)
    await until(lambda: liquidations.load(rig.store, since=START))
    kept = {hour.venue: hour for hour in liquidations.load(rig.store, since=START, asset="BTC")}
    assert kept["bybit"].longs_usd == 90_000.0


async def test_an_hour_that_was_closed_before_a_restart_is_handed_out_after_it(tmp_path: Path) -> None:
    hour = liquidations.Hour("bybit", "BTC", START, 5.0, 7.0, timedelta(hours=1), whole=True)
    broken = liquidations.Hour("okx", "BTC", START, 5.0, 7.0, timedelta(minutes=59))
    async with rigged(tmp_path, at=START + timedelta(hours=3)) as rig:
        liquidations.save(rig.store, [hour, broken], now=rig.clock.now())
        await rig.streams.start()
        (bar,) = await rig.streams.collect(rig.clock.now())
        assert (bar.venue, tuple(bar.frame().iloc[0])) == ("bybit", (5.0, 7.0))


@pytest.mark.parametrize(
    ("venue", "code", "size", "packed"),
    [
        pytest.param("binance", "BTCUSDT", 1.0, ("1000PEPEUSDT", 1000), id="Binance"),
        pytest.param("bybit", "BTCUSDT", 1.0, ("1000PEPEUSDT", 1000), id="Bybit"),
        pytest.param("okx", "BTC-USDT-SWAP", 0.01, ("PEPE-USDT-SWAP", 1), id="OKX"),
    ],
)
async def test_contracts_and_their_sizes_are_looked_up_at_the_venue(
    tmp_path: Path, venue: str, code: str, size: float, packed: tuple[str, int]
) -> None:
    clock, store = ReplayClock(START), Store(tmp_path / "perpulse.db")
    (dialect,) = [spoken for spoken in DIALECTS if spoken.venue == venue]
    async with FakeExchange(clock.now) as exchange:
        streams = LiquidationStreams(
            store, ("BTC", "PEPE", "NONE"), clock=clock, dialects=[dialect], exchange_url=exchange.base_url
        )
        talk = streams._lines[0].talk
        hello = await talk.prepare()
        contracts = {contract.asset: contract for contract in talk._contracts.values()}
        assert (contracts["BTC"].market_id, contracts["BTC"].size) == (code, size)
        assert (contracts["PEPE"].market_id, contracts["PEPE"].multiplier) == packed
        assert list(talk.absent) == ["NONE"]
        assert len(hello) == (3 if venue == "bybit" else 2)
        asked = exchange.count()
        await talk.prepare()
        assert exchange.count() == asked, "once a day is enough"
    store.close()


async def test_a_venue_that_does_not_list_its_contracts_holds_up_no_other(tmp_path: Path) -> None:
    clock, store = ReplayClock(START), Store(tmp_path / "perpulse.db")
    async with FakeExchange(clock.now) as exchange:
        exchange.faults["/v5/market/instruments-info"] = "html"
        exchange.faults["/api/v5/public/instruments"] = "geo"
        streams = LiquidationStreams(store, ("BTC",), clock=clock, exchange_url=exchange.base_url, look_s=LOOK_S)
        with pytest.raises(SourceDown, match="no readable answer"):
            await streams._lines[1].talk.prepare()
        with pytest.raises(Blocked, match="Set a proxy"):
            await streams._lines[2].talk.prepare()
        assert await streams._lines[0].talk.prepare()
    store.close()


def test_only_bybit_tells_of_every_liquidation() -> None:
    names = ("liquidated_longs_usd", "liquidated_shorts_usd")
    assert [is_floor(name, venue) for name in names for venue in VENUES] == [True, False, True] * 2
    assert not is_floor("volume_usd", "binance")
