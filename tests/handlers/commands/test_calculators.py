from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from handlers.channels.channel import Address
from handlers.command import Asker, Deps, Refused, commands, nobody
from handlers.language.grammar import parse
from handlers.language.position import question_of
from handlers.language.spelling import split_command
from handlers.reply import Buttons, Reply, plain_text
from signals.liquidation import Position, quote
from storage.engine.database import Store
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 22, 0, 0, 30, tzinfo=UTC)


@dataclass(frozen=True)
class NoStore:
    exists: bool = False
    folder: Path = Path("no-such-folder")


def _forbidden(asset: str) -> None:
    raise AssertionError(f"a calculator asked for fresh data of {asset}")


async def say(line: str, store: Any = None, now: datetime = NOW, asking: Any = _forbidden) -> Reply:
    name, rest = split_command(line)
    command = commands()[name]
    asker = Asker("terminal", Address("1"))
    deps = Deps(now, asker, cast("Store", store or NoStore()), ("BTC", "ETH", "SOL"), asking)
    return await command.run(deps, parse(command.arguments, rest, command=name, assets=deps.assets))


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
        pytest.param("/cost 100k 7d long 0.001% hyperliquid", "This long pays $168 in 7 days.", id="paid by the hour"),
        pytest.param("/cost 100k 7d btc long 25x 1%", "$4,000 margin, more than all of it.", id="above the margin"),
        pytest.param("/cost 100k 1h long 0.01%", "no payment falls into it", id="between two payments"),
        pytest.param("/cost 2btc @50000 7d long 0.01%", "This long pays $210 in 7 days.", id="size in coins"),
        pytest.param("/cost 2btc @50000 7d long 0.01%", "2 BTC · price 50,000 · for 7 days", id="the price is echoed"),
    ],
)
async def test_cost_says_who_pays(line: str, said: str) -> None:
    assert said in text_of(await say(line))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "p.db")
    yield made
    made.close()


def keep_rates(store: Store, rates: dict[datetime, float], hours: float = 8.0, asset: str = "BTC") -> None:
    pd = pytest.importorskip("pandas")
    index = pd.DatetimeIndex(sorted(rates), name="at")
    columns = {"funding_rate": [rates[at] for at in sorted(rates)], "funding_interval_hours": hours}
    points.write(store, [points.Points.of_frame("binance", asset, None, pd.DataFrame(columns, index=index))])


HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


async def test_cost_takes_the_stored_rate_and_interval(store: Store) -> None:
    keep_rates(store, {NOW - timedelta(minutes=3): 0.0002}, hours=4.0)
    reply = await say("/cost 100k 1d long", store)
    assert reply.values["interval_hours"] == 4.0
    assert reply.values["cash_flow_usd"] == pytest.approx(-120.0)
    assert (reply.stamp or "").startswith("Binance rate that was due at 00:00 UTC, 3 min old")
    typed = await say("/cost 100k 1d long 0.02%", store)  # the true interval of a typed rate is the stored one
    assert typed.values["cash_flow_usd"] == pytest.approx(-120.0)
    assert (typed.stamp or "").startswith("Rate as typed, every 4 h as on Binance")


async def test_cost_of_the_past(store: Store) -> None:
    rates = {MIDNIGHT - n * 8 * HOUR: 0.0001 for n in range(3 * 364)}  # 0.01 % for a year
    rates |= {MIDNIGHT - n * 8 * HOUR: 0.0005 for n in range(3 * 100, 3 * 130)}  # but for 30 dear days
    rates |= {MIDNIGHT - n * 8 * HOUR: -0.0002 for n in range(3 * 200, 3 * 230)}  # and 30 that paid a long
    rates |= {MIDNIGHT - n * 8 * HOUR: 0.0003 for n in range(3 * 30)}  # and the last
    keep_rates(store, rates)
    long = await say("/cost 100k 7d btc long 25x", store)
    assert long.values["settlements"] == 21
    cases = long.values["cases"]
    assert cases["average_30d"]["cash_flow_usd"] == pytest.approx(-100_000 * 0.0003 * 21, rel=0.01)
    assert cases["dearest_30d_of_year"]["cash_flow_usd"] == pytest.approx(-100_000 * 0.0005 * 21, rel=0.01)
    assert cases["dearest_30d_of_year"]["margin_pct"] == pytest.approx(-100 * 0.0005 * 21 * 25, rel=0.01)
    short = await say("/cost 100k 7d btc short", store)
    assert short.values["cases"]["dearest_30d_of_year"]["cash_flow_usd"] == pytest.approx(
        -100_000 * 0.0002 * 21, rel=0.01
    )
    text = text_of(long)
    rows = [line for line in text.splitlines() if line.startswith(("Rate", "now", "30-day", "dearest"))]
    assert [" ".join(row.split()) for row in rows] == [
        "Rate a year 7 days margin",
        "now +32.85 % $630 15.7 %",
        "30-day mean +32.64 % $625.92 15.6 %",
        "dearest 30 d +54.75 % $1,050 26.2 %",
    ]
    assert max(map(len, rows)) <= 40
    assert "the 30 days of the last year in which a long paid most, 15 July 2026 to 14 August 2026" in text
    assert len(text) <= 900


async def test_live_readings_weigh_by_time_and_not_by_count(store: Store) -> None:
    rates = {MIDNIGHT - n * 8 * HOUR: 0.0001 for n in range(3 * 60)}
    rates |= {MIDNIGHT - timedelta(minutes=n): 0.0009 for n in range(1, 8 * 60)}  # eight hours, minute by minute
    keep_rates(store, rates)
    reply = await say("/cost 100k 1d long", store)
    mean = (0.0001 * (720 - 8) + 0.0009 * 8) / 720
    assert reply.values["cases"]["average_30d"]["apr_pct"] == pytest.approx(mean / 8 * 8760 * 100, rel=0.01)


async def test_a_few_days_of_rates_are_no_month(store: Store) -> None:
    keep_rates(store, {MIDNIGHT - n * 8 * HOUR: 0.0001 for n in range(3 * 19)})
    assert (await say("/cost 100k 7d long", store)).values["cases"] == {}


async def test_an_old_rate_is_answered_with_and_called_outdated(store: Store) -> None:
    keep_rates(store, {NOW - 2 * HOUR: 0.0001})
    reply = await say("/cost 100k 8h long", store)
    assert (reply.outdated, reply.values["rate"]) == (("BTC",), 0.0001)
    assert (await say("/cost 100k 8h long 0.01%", store)).outdated == (), "a rate that is typed needs no other"
    keep_rates(store, {NOW: 0.0004})
    assert (await say("/cost 100k 8h long", store)).outdated == ()


async def test_a_rate_that_is_not_stored_is_outdated_too(store: Store) -> None:
    keep_rates(store, {NOW: 0.0001})
    with pytest.raises(Refused, match="No funding rate of SOL") as refused:
        await say("/cost 100k 8h long sol", store)
    assert refused.value.outdated == ("SOL",)


async def test_coins_are_priced_by_the_stored_price(store: Store) -> None:
    pd = pytest.importorskip("pandas")
    keep_rates(store, {NOW: 0.0001})
    frame = pd.DataFrame({"mark_price": [80_000.0]}, index=pd.DatetimeIndex([NOW], name="at"))
    points.write(store, [points.Points.of_frame("binance", "BTC", None, frame)])
    reply = await say("/cost 2btc 8h long", store)
    assert reply.values["notional_usd"] == 160_000.0
    assert "price 80,000, 0 s old" in (reply.stamp or "")


# --- shared cases, typed ----------------------------------------------------------------------------------------------

CASES = Path(__file__).resolve().parents[4] / "shared" / "data" / "calculator-cases.csv"
# calculator -> (the line that asks it, the value that answers, its factor to the case's unit)
TYPED: dict[str, tuple[str, str, float]] = {
    "pnl_linear": ("/pnl {entry} {exit} {side} {size}eth", "pnl_usd", 1),
    "pnl_inverse": ("/pnl {entry} {exit} {side} {size}usd coin-m", "pnl_coin", 1),
    "roe_linear": ("/pnl {entry} {exit} {side} {leverage}x", "return_on_margin_pct", 0.01),
    "roe_inverse": ("/pnl {entry} {exit} {side} {leverage}x coin-m", "return_on_margin_pct", 0.01),
    "breakeven_exact": ("/pnl {entry} {side} fee {fee_open:%}", "breakeven_price", 1),
    "size_from_risk": ("/size {entry} stop {stop} risk {risk}usd", "size", 1),
    "margin_for_liq_price": ("/margin {entry} 25x {side} {size}btc liq {target}", "margin_needed", 1),
    "bankruptcy_linear": ("/liq @{entry} {leverage}x {side} btc hl", "bankruptcy_price", 1),
    "funding_payment": ("/cost {notional}usd {hours}h {rate:%} every 1h", "long_cash_flow_usd", -1),
    "funding_on_margin_pct": ("/cost 100usd 1h {leverage}x long {rate:%} every 1h", "margin_pct", -0.01),
    "funding_apr_simple": ("/cost 100usd 1d {rate:%} every {interval_h}h", "apr_pct", 0.01),
}
BEYOND = {("bankruptcy_linear", 50): "hl allows 40x"}


def typed_cases() -> list[Any]:
    if not CASES.exists():
        return [pytest.param(None, id="missing", marks=pytest.mark.skip(reason=f"{CASES} is not here: shared data"))]
    with CASES.open(encoding="utf-8", newline="") as handle:
        rows = [(line, row, json.loads(row["inputs_json"])) for line, row in enumerate(csv.DictReader(handle), start=2)]
    return [
        pytest.param((row, said), id=f"{line}-{row['calculator']}")
        for line, row, said in rows
        if row["calculator"] in TYPED and (row["calculator"], said.get("leverage")) not in BEYOND
    ]


@pytest.mark.parametrize("case", typed_cases())
async def test_a_shared_case_as_somebody_types_it(case: tuple[dict[str, str], dict[str, Any]]) -> None:
    row, said = case
    line, value, factor = TYPED[row["calculator"]]
    said = {**said, "hours": said.get("n", 1)}
    name = line.format(**{key: Percent(one) if isinstance(one, float) else one for key, one in said.items()})
    reply = await say(name, now=MIDNIGHT + timedelta(minutes=1))
    tolerance = max(float(row["tolerance"]), 1e-9 * abs(float(row["expected"])))
    assert abs(reply.values[value] * factor - float(row["expected"])) <= tolerance


class Percent(float):
    """A number that formats with % as it is typed: 0.0005 as 0.05%."""

    def __format__(self, spec: str) -> str:
        return f"{self * 100:.10g}%" if spec == "%" else f"{float(self):.12g}"


def test_most_shared_calculators_that_can_be_typed_are() -> None:
    found = {case.values[0][0]["calculator"] for case in typed_cases() if case.values[0]}
    assert not CASES.exists() or found == set(TYPED)


# --- margin -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "/margin 95000 25x long 0.5btc liq 90000",
        "/margin 95000 25x short 10btc liq 101000 okx",
        "/margin 95000 25x long 1Musd liq 90000 hl",
        "/margin 95000 10x short 100000usd liq 120000 coin-m deribit",
        "/margin 95000 5x long 30btc liq 70000",
        "/margin 95000 25x long 0.5btc liq 80000 cross balance 5000 other profit 120 maintenance 50",
    ],
)
async def test_with_the_margin_added_the_liquidation_is_there(line: str) -> None:
    reply = await say(line)
    values = reply.values
    assert values["margin_to_add"] > 0
    assert values["margin"] + values["margin_to_add"] == pytest.approx(values["margin_needed"])
    args = parse(commands()["margin"].arguments, line.split(maxsplit=1)[1], command="margin", assets=("BTC",))
    question = question_of(Deps(NOW, None, cast("Store", NoStore()), ("BTC",), nobody), args)  # type: ignore[arg-type]
    position = replace(question.position(values["side"]), extra_margin=values["margin_to_add"])
    assert quote(position).price == pytest.approx(values["target_price"], rel=1e-9)
    assert len(text_of(reply)) <= 900


async def test_nothing_to_add_where_the_liquidation_is_farther_already() -> None:
    reply = await say("/margin 95000 25x long 0.5btc liq 93000")
    assert reply.values["margin_to_add"] < 0
    assert "Nothing to add: with $1,900 the liquidation is already beyond 93,000" in text_of(reply)


async def test_the_side_follows_from_the_wanted_price() -> None:
    assert (await say("/margin 95000 25x 0.5btc liq 99000")).values["side"] == "short"


# --- profit -----------------------------------------------------------------------------------------------------------


async def test_break_even_alone_and_of_an_inverse_contract() -> None:
    alone = await say("/pnl 95000 long fee 0.05%")
    assert text_of(alone).splitlines()[1] == "Break-even at 95,095.05 (+0.100 %), both fees paid."
    for side in ("long", "short"):
        even = (await say(f"/pnl 95000 {side} fee 0.1% coin-m")).values["breakeven_price"]
        at = await say(f"/pnl 95000 {even:.8f} {side} 10000usd fee 0.1% coin-m")
        assert at.values["pnl_coin"] == pytest.approx(0.0, abs=1e-12)


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
        pytest.param("/pnl 95000 91300 25x long", "may be liquidated before this price", {}, id="nearly the margin"),
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
        pytest.param("/size 95000 stop 93100 risk 1% 50000usd", 500 / 1900, 41.81, id="share of dollars"),
        pytest.param("/size 95000 stop 93100 risk 500", 500 / 1900, 41.81, id="above 100 it is dollars"),
    ],
)
async def test_size(line: str, size: float, highest: float) -> None:
    reply = await say(line)
    assert reply.values["size"] == pytest.approx(size)
    assert reply.values["max_leverage"] == pytest.approx(highest, abs=0.01)


async def test_a_stop_behind_the_liquidation_without_leverage_is_said() -> None:
    reply = await say("/size 95000 stop 200000 risk 500usd")
    assert "Even at 1x the liquidation comes before the stop" in text_of(reply)
    assert reply.values["max_leverage"] < 1
    assert "keeps the stop" not in text_of(reply)
    assert "Up to 1x the stop comes before the liquidation." in text_of(await say("/size 95000 stop 189000 risk 1usd"))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("/size 95000 stop 93000 risk 5000usd", id="first tier"),
        pytest.param("/size 95000 stop 99000 risk 300000usd okx", id="a higher tier"),
        pytest.param("/size 95000 stop 96000 risk 2500usd", id="a short of the first tier, worth the second at 1x"),
        pytest.param("/size 95000 stop 92000 risk 150000usd", id="with a maintenance amount"),
        pytest.param("/size 95000 stop 96000 risk 20000usd bybit", id="a short that would leave the table at 1x"),
    ],
)
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
    assert sign * (values["stop"] - at_most) == pytest.approx(0, abs=0.01)  # no lower than it must be either
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
        pytest.param("/pnl 95000", "The exit price is missing, and no price of BTC", id="no exit"),
        pytest.param("/margin 95000 25x long liq 90000", "The size is missing.", id="margin without a size"),
        pytest.param("/margin 95000 long 0.5btc liq 90000", "The leverage is missing.", id="margin, no leverage"),
        pytest.param(
            "/margin 95000 25x long 0.5btc", "The wanted liquidation price is missing", id="margin, no wanted price"
        ),
        pytest.param("/margin 95000 25x long 0.5btc liq 96000", "Type a price below 95,000, like liq 85500", id="side"),
        pytest.param(
            "/margin 95000 200x long 0.5btc liq 90000", "Type for example /margin 95000 150x", id="margin, cap"
        ),
        pytest.param("/pnl 95000 96000 fee 30%", "like fee 0.05%", id="fee too high"),
        pytest.param("/size 95000 93000", "What may be lost is missing", id="no risk"),
        pytest.param("/size 95000 93000 1%", "1% of what?", id="share without a balance"),
        pytest.param("/size 95000 93000 1% 500usd balance 9000", "The risk is given twice", id="risk given twice"),
        pytest.param("/pnl 95000 100000 25x 100k", "95000 or 100k?", id="the number that is written otherwise"),
        pytest.param("/size 95000 stop 93000 risk 50", "or type dollars, like risk 50usd", id="dollars or percent"),
        pytest.param("/size 95000 93000 1% 2%", "I read both 1% and 2%. Type only one", id="two shares"),
        pytest.param("/cost 100k 7d 0.01% every 8h every 4h", "both 8h and 4h. Type only one", id="two intervals"),
        pytest.param("/size 95000 stop 2% risk 500usd", "2% is no stop price. Type the price", id="stop in percent"),
        pytest.param("/size btc stop 2% risk 1%", "2% is no stop price. Type the price", id="two in percent"),
        pytest.param("/pnl 95000 25x 1btc exit 2%", "2% is no exit price. Type the price", id="exit in percent"),
        pytest.param("/margin 95000 25x 1btc liq 5%", "5% is no wanted liquidation price", id="liquidation in percent"),
        pytest.param("/size 95000 95000 500$", "the same price", id="no distance"),
        pytest.param("/size 95000 97000 500$ long", "The stop of a long lies below", id="stop on the wrong side"),
        pytest.param("/size 95000 93000 0.5btc", "counted in dollars", id="risk in coins"),
    ],
)
async def test_refusals_say_what_to_type(line: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        await say(line, asking=nobody)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["cost", "pnl", "size", "liq", "margin"])
async def test_examples_work_and_their_buttons_too(name: str) -> None:
    command = commands()[name]
    assert len(command.help) <= 60
    reply = await say(command.example)
    assert len(text_of(reply)) <= 900
    json.dumps(reply.values, allow_nan=False)
    for block in reply.blocks:
        for button in block.buttons if isinstance(block, Buttons) else ():
            if not button.command.startswith("/watch"):  # it writes: see its own tests
                assert (await say(button.command)).values


@pytest.mark.parametrize(
    ("line", "example"),
    [
        pytest.param("/liq 25x long LINEA", "/liq 1.25 25x long linea", id="a coin whose price nobody knows"),
        pytest.param("/liq 25x long", "/liq 95000 25x long", id="the usual one"),
        pytest.param("/size stop 0.01 risk 500usd LINEA", "/size 1.25 stop 1.225 risk 500usd linea", id="with a stop"),
        pytest.param("/pnl long LINEA now 2", "/pnl 1.25 1.3125 25x long linea", id="of two prices"),
        pytest.param("/pnl long LINEA", "/pnl 1.25 1.3125 25x long linea", id="of none"),
        pytest.param(
            "/margin 25x long LINEA liq 0.1 100linea", "/margin 1.25 25x long 1000usd liq 1.225 linea", id="margin"
        ),
    ],
)
async def test_an_example_names_the_coin_and_can_be_run(line: str, example: str) -> None:
    with pytest.raises(Refused) as caught:
        await say(line)
    assert str(caught.value).endswith(f"Type it like {example}.")
    name, rest = split_command(example)
    assert parse(commands()[name].arguments, rest, command=name, assets=("BTC",))
