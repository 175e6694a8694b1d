from __future__ import annotations

import importlib.util
import random
import sys
from dataclasses import dataclass, fields
from datetime import time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handlers.command import Refused, commands
from handlers.language.grammar import parse
from handlers.language.kinds import (
    ASSET,
    CASH,
    CITIES,
    CONTRACT,
    DURATION,
    INSTRUMENT,
    LEVERAGE,
    MARGIN_MODE,
    MONEY,
    PERCENT,
    PRICE,
    QUOTE,
    REST,
    SIDE,
    SIZE,
    TIME,
    VENUE,
    ZONE,
    Cash,
    Size,
    argument,
    choice,
)
from handlers.language.spelling import number, split_command, suggest

if TYPE_CHECKING:
    from signals.assets import Instrument


@dataclass(frozen=True, slots=True)
class Position:
    entry: float = argument(PRICE, label="entry price")
    leverage: float | None = argument(LEVERAGE, default=None)
    side: str | None = argument(SIDE, default=None)
    asset: str | None = argument(ASSET, default=None)
    size: Size | None = argument(SIZE, default=None)
    venue: str | None = argument(VENUE, default=None)
    contract: str | None = argument(CONTRACT, default=None)
    margin_mode: str | None = argument(MARGIN_MODE, default=None)
    balance: float | None = argument(MONEY, default=None, words="balance wallet")


@dataclass(frozen=True, slots=True)
class Account:
    entry: float = argument(PRICE, label="entry price")
    leverage: float | None = argument(LEVERAGE, default=None)
    side: str | None = argument(SIDE, default=None)
    asset: str | None = argument(ASSET, default=None)
    size: Size | None = argument(SIZE, default=None)
    venue: str | None = argument(VENUE, default=None)
    contract: str | None = argument(CONTRACT, default=None)
    margin_mode: str | None = argument(MARGIN_MODE, default=None)
    balance: Cash | None = argument(CASH, default=None, words="balance wallet")
    profit: Cash | None = argument(CASH, default=None, words="profit pnl")
    maintenance: Cash | None = argument(CASH, default=None, words="maintenance maint")
    others: Cash | None = argument(CASH, default=None, words="other others")


@dataclass(frozen=True, slots=True)
class Trade:
    entry: float = argument(PRICE)
    exit: float = argument(PRICE, words="exit to")
    leverage: float | None = argument(LEVERAGE, default=None)


@dataclass(frozen=True, slots=True)
class Chart:
    metric: str | None = argument(choice("metric", lambda: {"oi": "open_interest", "funding": "funding"}), default=None)
    asset: str | None = argument(ASSET, default=None)
    span: timedelta | None = argument(DURATION, default=None)
    line: float | None = argument(PERCENT, default=None)


@dataclass(frozen=True, slots=True)
class Digest:
    at: time | None = argument(TIME, default=None)
    zone: str | None = argument(ZONE, default=None)


@dataclass(frozen=True, slots=True)
class Rule:
    rule: str = argument(REST)


@dataclass(frozen=True, slots=True)
class Note:
    asset: str | None = argument(ASSET, default=None)
    text: str = argument(REST, default="")


def said(arguments: type[Any], text: str, **more: Any) -> dict[str, Any]:
    read = parse(arguments, text, command="liq", **more)
    return {field.name: value for field in fields(read) if (value := getattr(read, field.name)) not in (None, "")}


OI_BTC = {"metric": "open_interest", "asset": "BTC"}
BTC_LONG = {"entry": 95000.0, "leverage": 25.0, "side": "long", "asset": "BTC"}


@pytest.mark.parametrize("text", ["95000 25x long", "long BTC 95k 25x", "95000 25 l", "l 25 95,000"])
def test_acceptance_a25(text: str) -> None:
    assert {**said(Position, text), "asset": "BTC"} == BTC_LONG


@pytest.mark.parametrize(
    "text",
    [
        "long btc 95000 25x",
        "l 95k x25 btc",
        "BTC 95000 25 x LONG",
        "btc x 25 95000 buy",
        "btc 95000 x 25 b",
        "lev 25 entry 95000 bull btc",
        "25 leverage btc long at 95,000",
        "long25x btc@95k",
        "25xlong btc 95_000",
        "btcusdt long 95'000 25x.",
        "BTC-USDT-SWAP, long, 95000, 25x",
        "BTC/USDT:USDT long 95000 25×",
        "$btc long $95k 25x",
        "xbtusdtm long @95k 25X",
        "bitcoin long 95000usdt 25x",
        "９５０００　２５× ｌｏｎｇ　ＢＴＣ",
        "٩٥٠٠٠ ٢٥x long btc",
        "btc 95 000 25x long",
        "btc entry=95000,25x,long",
        "BTC · long · entry 95,000 · 25x",
        "btc long 9.5e4 25x",
        "my btc perp position, long, entry price 95000 with 25x leverage please",
        "btc\u200b long 95000 25x",
        "BTCUSDT.P long 95000.0 25x",
        "95.000,00 25x btc long",
        "btc long 95000 25",
        "95000 25 btc long",
        "btc long/25x/95k",
        "🚀 BTC long 95000 25x \U0001f44d\ufe0f",
    ],
)
def test_spellings_of_one_position(text: str) -> None:
    assert said(Position, text) == BTC_LONG


@pytest.mark.parametrize(
    ("text", "extra"),
    [
        pytest.param("10k$", {"size": Size(10_000.0, "usd")}, id="dollars behind"),
        pytest.param("10k usd", {"size": Size(10_000.0, "usd")}, id="dollars apart"),
        pytest.param("$10k", {"size": Size(10_000.0, "usd")}, id="dollars before"),
        pytest.param("1M usdt", {"size": Size(1e6, "usd")}, id="a million"),
        pytest.param("size 10000", {"size": Size(10_000.0, "usd")}, id="named"),
        pytest.param("0.5btc", {"size": Size(0.5, "coin", "BTC"), "asset": "BTC"}, id="coins"),
        pytest.param(".5btc", {"size": Size(0.5, "coin", "BTC"), "asset": "BTC"}, id="coins without a zero"),
        pytest.param("size .5 btc.", {"size": Size(0.5, "coin", "BTC"), "asset": "BTC"}, id="a point at both ends"),
        pytest.param("0.5 btc", {"size": Size(0.5, "coin", "BTC"), "asset": "BTC"}, id="coins apart"),
        pytest.param("2 eth", {"size": Size(2.0, "coin", "ETH"), "asset": "ETH"}, id="whole coins beside a leverage"),
        pytest.param("2kbtc", {"size": Size(2000.0, "coin", "BTC"), "asset": "BTC"}, id="thousands of coins"),
        pytest.param("bnc", {"venue": "binance"}, id="venue"),
        pytest.param("on Gate.io", {"venue": "gate"}, id="venue with a point"),
        pytest.param("hl", {"venue": "hyperliquid"}, id="venue, short"),
        pytest.param("coin-m", {"contract": "inverse"}, id="coin margined"),
        pytest.param("usdc", {"contract": "linear"}, id="usdc margined"),
        pytest.param("iso", {"margin_mode": "isolated"}, id="isolated"),
        pytest.param("cross balance 5000", {"margin_mode": "cross", "balance": 5000.0}, id="cross"),
        pytest.param("kPEPE", {"asset": "PEPE"}, id="a thousand coins, Hyperliquid"),
        pytest.param("1000pepe", {"asset": "PEPE"}, id="a thousand coins, Binance"),
        pytest.param("SHIB1000USDT", {"asset": "SHIB"}, id="a thousand coins, Bybit"),
        pytest.param("10000satsusdt", {"asset": "SATS"}, id="ten thousand coins"),
        pytest.param("1mbabydoge", {"asset": "BABYDOGE"}, id="a million coins"),
        pytest.param("matic", {"asset": "POL"}, id="renamed"),
        pytest.param("bitcoin", {"asset": "BTC"}, id="as people call it"),
        pytest.param("#BTC", {"asset": "BTC"}, id="a hashtag"),
        pytest.param("币安人生", {"asset": "币安人生"}, id="Chinese letters"),
        pytest.param("1mpepe", {"size": Size(1e6, "coin", "PEPE"), "asset": "PEPE"}, id="a million of them"),
        pytest.param("5000 kpepe", {"size": Size(5e6, "coin", "PEPE"), "asset": "PEPE"}, id="packs of coins"),
        pytest.param("1000doge", {"size": Size(1000.0, "coin", "DOGE"), "asset": "DOGE"}, id="an amount"),
        pytest.param("5kava", {"size": Size(5.0, "coin", "KAVA"), "asset": "KAVA"}, id="k belongs to the name"),
    ],
)
def test_what_else_can_be_said(text: str, extra: dict[str, Any]) -> None:
    want = {"entry": 95000.0, "leverage": 25.0, **extra}
    assert said(Position, f"95000 25x {text}") == want
    assert said(Position, f"{text} 95000 25x") == want


@dataclass(frozen=True, slots=True)
class Order:
    entry: float = argument(PRICE, label="entry price")
    leverage: float | None = argument(LEVERAGE, default=None)
    instrument: Instrument | None = argument(INSTRUMENT, default=None, label="asset")
    size: Size | None = argument(SIZE, default=None)
    contract: str | None = argument(CONTRACT, default=None)
    quote: str | None = argument(QUOTE, default=None, label="USDT or USDC")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("BTCUSDC", "BTC/USDC", id="its quote"),
        pytest.param("btc BTCUSDC", "BTC/USDC", id="twice, once with its quote"),
        pytest.param("BTCUSD_PERP", "BTC/USD:BTC", id="its margin"),
        pytest.param("BTCUSDT_261225", "BTC/USDT:USDT-261225", id="its day"),
        pytest.param("1000pepe", "1000PEPE", id="its packing"),
        pytest.param("1000PEPEUSDT", "1000PEPE/USDT", id="its packing and its quote"),
        pytest.param("0.5btc BTC-USDT-SWAP", "BTC/USDT:USDT", id="beside a size in coins"),
    ],
)
def test_a_contract_is_kept_as_it_was_named(text: str, named: str) -> None:
    assert str(said(Order, f"95000 25x {text}")["instrument"]) == named
    assert str(said(Order, f"{text} 95000 25x")["instrument"]) == named


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("BTCUSDC BTCUSDT", "I read both BTCUSDC and BTCUSDT as the asset", id="two quotes"),
        pytest.param("btc ETHUSDT", "I read both btc and ETHUSDT as the asset", id="two coins"),
    ],
)
def test_two_contracts_are_asked_about(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        said(Order, f"95000 25x {text}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("BTCUSDC", "“BTCUSDC” is not the main perpetual of its asset.*Type BTC", id="another quote"),
        pytest.param("BTCUSDT_261225", "is a dated contract, and those are not followed. Type BTC", id="dated"),
        pytest.param("ETHBTC", "is not quoted in dollars, as all figures are. Type ETH", id="a cross"),
    ],
)
def test_where_an_asset_is_wanted_what_a_symbol_says_more_is_refused(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        said(Chart, text)


@pytest.mark.parametrize("text", ["doge 0.5 25", "0.5 doge 25", "25 0.5 doge", "25 times 0.5 doge", "doge @25x 0.5"])
def test_a_small_price_beside_its_coin_is_a_price(text: str) -> None:
    assert said(Position, text) == {"entry": 0.5, "leverage": 25.0, "asset": "DOGE"}


@pytest.mark.parametrize(
    ("text", "entry", "size"),
    [
        pytest.param("95000 btc 10kusd 25x", 95000.0, Size(10_000.0, "usd"), id="a price beside its coin"),
        pytest.param("95000 btc 5M 25x", 95000.0, Size(5e6, "usd"), id="a price beside its coin, and millions"),
        pytest.param("25x 10k$ 95k btc", 95000.0, Size(10_000.0, "usd"), id="the same, otherwise"),
        pytest.param("10 btc $95000 25x", 95000.0, Size(10.0, "coin", "BTC"), id="coins, and a price in dollars"),
        pytest.param("0.5 btc 95000usd 25x", 95000.0, Size(0.5, "coin", "BTC"), id="part of a coin"),
        pytest.param("10000 doge $0.5 25x", 0.5, Size(10_000.0, "coin", "DOGE"), id="many cheap coins"),
    ],
)
def test_a_number_beside_its_coin_and_dollars(text: str, entry: float, size: Size) -> None:
    read = said(Position, text)
    assert (read["entry"], read["size"]) == (entry, size)


def test_a_price_that_could_be_a_size_is_asked_about() -> None:
    with pytest.raises(Refused, match=r"Which is the price, 0.5 or 10kusd\? Type the price as @0.5"):
        said(Position, "0.5 doge 10kusd 25x")
    assert said(Position, "@0.5 doge 10kusd 25x")["size"] == Size(10_000.0, "usd")


def test_a_followed_name_wins() -> None:
    assert said(Chart, "kpepe", assets=("PEPE",)) == {"asset": "PEPE"}
    assert said(Chart, "kpepe", assets=("KPEPE",)) == {"asset": "KPEPE"}
    assert said(Chart, "the", assets=("THE",)) == {}  # a filler word stays one
    assert said(Chart, "$the", assets=("THE",)) == {"asset": "THE"}


@pytest.mark.parametrize(
    ("arguments", "text", "expected"),
    [
        pytest.param(Trade, "95000 100000 25x", {"entry": 95000.0, "exit": 1e5, "leverage": 25.0}, id="two prices"),
        pytest.param(Trade, "exit 100 25x 95", {"entry": 95.0, "exit": 100.0, "leverage": 25.0}, id="named price"),
        pytest.param(Trade, "150 160", {"entry": 150.0, "exit": 160.0}, id="two small prices are no leverage"),
        pytest.param(Chart, "oi btc 30d", {**OI_BTC, "span": timedelta(30)}, id="chart"),
        pytest.param(Chart, "btc 2 weeks oi", {**OI_BTC, "span": timedelta(14)}, id="words"),
        pytest.param(Chart, "90m", {"span": timedelta(minutes=90)}, id="minutes"),
        pytest.param(Chart, "−3.5 %", {"line": -3.5}, id="percent with a true minus"),
        pytest.param(Chart, "2%", {"line": 2.0}, id="percent"),
        pytest.param(Digest, "8am berlin", {"at": time(8), "zone": "Europe/Berlin"}, id="city"),
        pytest.param(Digest, "20:15 utc+2", {"at": time(20, 15), "zone": "Etc/GMT-2"}, id="offset"),
        pytest.param(Digest, "12:30am new_york", {"at": time(0, 30), "zone": "America/New_York"}, id="midnight"),
        pytest.param(Rule, " btc funding > 30% apr for 2h ", {"rule": "btc funding > 30% apr for 2h"}, id="rest"),
        pytest.param(Note, "BTC what-ever Else", {"asset": "BTC", "text": "what-ever Else"}, id="rest beside a field"),
        pytest.param(Chart, "", {}, id="nothing"),
    ],
)
def test_other_commands(arguments: type[Any], text: str, expected: dict[str, Any]) -> None:
    assert said(arguments, text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "entry price is missing", id="nothing"),
        pytest.param("25x", "entry price is missing", id="no price"),
        pytest.param("95 25 long", "Which is the leverage, 95 or 25", id="two that could be the leverage"),
        pytest.param("95 x 25 long", "Type it with an x: 95x or 25x", id="an x between them"),
        pytest.param("95.000 25x", "95.000 can mean 95 or 95,000", id="a point or a thousand"),
        pytest.param("9,5000 25x btc 1,23,456", "not a number", id="broken thousands"),
        pytest.param("95000 10000 25x", "as 10000usd or 95000usd, or in coins", id="a price and a size"),
        pytest.param("0.5 doge 5M 25x", "Which is the price, 0.5 or 5M", id="half a dollar or half a coin"),
        pytest.param("$95000 1M 25x", "Type the price as @95000", id="a price in dollars and a size in millions"),
        pytest.param("95000 100k 25x", "as 100kusd or 95000usd, or in coins", id="a price or a size in thousands"),
        pytest.param("95000 25x 1000 contracts", "like 10btc or 950kusd", id="a number of contracts"),
        pytest.param("95000 25x long short", "both long and short", id="both sides"),
        pytest.param("95000 25x btc eth", "both btc and eth", id="two assets"),
        pytest.param("95000 25x 50x", "both 25x and 50x", id="two leverages"),
        pytest.param("0.5btc eth 95000", "both eth and 0.5btc", id="a size of another asset"),
        pytest.param("95000 25x lonk", "Type long, or $LONK", id="a misspelt word"),
        pytest.param("95000 25x binence", "Type binance", id="a misspelt venue"),
        pytest.param("95000 25x btc MEXC", "MEXC is known, but not covered", id="an exchange that is not ours"),
        pytest.param("95000 25x foo-bar", "do not understand “foo-bar”", id="an unknown word"),
        pytest.param("95000 7d", "do not understand “7d”", id="a time span that is not asked for"),
        pytest.param("95000 25x stop 93k", "do not understand “stop”", id="a word of another command"),
        pytest.param("95k5 20x", "do not understand “95k5”", id="a number broken by a letter"),
        pytest.param("€95000 25x", "“€95000” is another currency", id="euros, which are no dollars"),
        pytest.param("95k£ 25x", "“95k£” is another currency", id="the sign behind it"),
        pytest.param("95000 25x ¥500", "Type what it is in dollars", id="a size in yen"),
        pytest.param("-95000 25x", "must be above zero", id="negative"),
        pytest.param("0 25x", "must be above zero", id="zero"),
        pytest.param("95000 0.5x", "lowest is 1x", id="leverage below one"),
        pytest.param("95000 5000x", "Type for example 25x", id="leverage too high"),
        pytest.param("1e99 25x", "must be above zero and below a billion", id="too large a price"),
        pytest.param("9" * 30, "larger than anything", id="too large a number"),
        pytest.param("95000 $0", "no size", id="no size"),
        pytest.param("x" * 501, "501 characters long", id="too long"),
        pytest.param("=" + "y" * 60 + "\x07", "…", id="long words are shortened"),
    ],
)
def test_refusals_say_what_to_type(text: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(Position, text, command="liq")
    answer = str(caught.value)
    assert words in answer
    assert "\n" not in answer
    assert len(answer) < 200
    assert answer.isprintable()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("95000", 95000),
        ("95,000", 95000),
        ("1,234,567.8", 1234567.8),
        ("1.234.567,8", 1234567.8),
        ("1.234.567", 1234567),
        ("95,5", 95.5),
        ("0,123", 0.123),
        ("0.123", 0.123),
        ("1.234", 1.234),
        ("1,234", 1234),
        ("95000.123", 95000.123),
        (".5", 0.5),
        ("95_000", 95000),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/liq 95000 25x", ("liq", "95000 25x")),
        ("/LIQ@perpulse_bot  95000", ("liq", "95000")),
        ("liq", ("liq", "")),
        ("／liq 1", ("liq", "1")),
        ("/ liq 1", ("liq", "1")),
        ("/liq\n95000\n25x", ("liq", "95000\n25x")),
        ("", ("", "")),
        ("/", ("", "")),
        ("@bot hello", ("", "hello")),
    ],
)
def test_split_command(text: str, expected: tuple[str, str]) -> None:
    assert split_command(text) == expected


def test_suggest_names_the_nearest() -> None:
    assert suggest("lqi", ["liq", "funding", "oi"])[0] == "liq"
    assert suggest("fnding", ["liq", "funding", "oi"]) == ["funding"]
    assert suggest("zzzz", ["liq", "funding", "oi"]) == []


# --- any order, any spelling, any noise -------------------------------------------------------------------------------

ENTRIES = {
    95000.0: ["95000", "95k", "95,000", "95_000", "@95k", "$95k", "95000usdt", "95000$", "entry 95000", "９５０００"],
    0.5: ["@0.5", "0.50$", "entry 0.5", "price 0,5"],
}
LEVERAGES = {25.0: ["25x", "x25", "25X", "25×", "lev 25", "25x leverage", "25.0x"], 2.5: ["2.5x", "x2.5", "lev 2,5"]}
SIDES = {"long": ["long", "L", "buy", "Bull"], "short": ["short", "s", "SELL", "bear"]}
ASSETS = {"BTC": ["btc", "BTC", "BTCUSDT", "BTC-USDT-SWAP", "BTC/USDT:USDT", "$btc"], "DOGE": ["doge", "DOGEUSDT"]}
VENUES = {"binance": ["binance", "BNC"], "hyperliquid": ["hl", "Hyperliquid"]}
CONTRACTS = {"inverse": ["coin-m", "COINM", "inverse"], "linear": ["linear", "USDT-M"]}
SIZES = {  # with a unit, or in millions: any other number beside a price is asked about
    Size(0.5, "coin", "BTC"): ["0.5btc", ".5btc", "0.50BTC", "0,5btc", "size 0.5btc", "0.5BTCUSDT"],
    Size(5e6, "usd"): ["5Musd", "5M", "5 mio", "$5M", "size 5M"],
    Size(10_000.0, "usd"): ["10kusd", "10k$", "size 10,000usd", "10_000usdt", "notional $10k", "10k usd"],
}
CASHES = {
    "balance": {
        Cash(5000.0, ""): ["balance 5000", "wallet 5k", "balance: 5,000"],
        Cash(0.1, "coin"): ["wallet 0.1btc"],
    },
    "profit": {Cash(-120.0, ""): ["other profit -120", "pnl −120"], Cash(0.0, "usd"): ["profit 0usd", "profit $0"]},
    "maintenance": {Cash(50.0, "usd"): ["maintenance $50", "maint 50usd", "maintenance 50 usd"]},
}
MODES = {"isolated": ["iso", "Isolated"], "cross": ["cross"]}
NOISE = ["", "please", "my", "perp", "with", ",", "…", "futures", "the", "position", "!", "·"]


@st.composite
def spoken(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Give a line of parts in any order, and what it means."""
    meaning: dict[str, Any] = {}
    parts: list[str] = []
    for name, spellings in (
        ("entry", ENTRIES),
        ("leverage", LEVERAGES),
        ("side", SIDES),
        ("asset", ASSETS),
        ("venue", VENUES),
        ("margin_mode", MODES),
    ):
        if name != "entry" and draw(st.booleans()):
            continue
        value = draw(st.sampled_from(list(spellings)))
        meaning[name] = value
        parts.append(draw(st.sampled_from(spellings[value])))
    parts = draw(st.permutations(parts))
    noise = [draw(st.sampled_from(NOISE)) for _ in parts]
    return " ".join(f"{part} {extra}" for part, extra in zip(parts, noise, strict=True)), meaning


@given(spoken())
@example(("short btc 95000usdt x25", {"entry": 95000.0, "leverage": 25.0, "side": "short", "asset": "BTC"}))
def test_any_order_and_spelling_gives_the_same_reading(line: tuple[str, dict[str, Any]]) -> None:
    text, meaning = line
    assert said(Position, text) == meaning


@st.composite
def accounts(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Give a cross position of BTC in any order; words that speak of the number after them stay before it."""
    meaning: dict[str, Any] = {}
    parts: list[str] = []
    sources: dict[str, dict[Any, list[str]]] = {
        "entry": {95000.0: ["95000", "95k", "@95k", "entry 95000"]},
        "leverage": LEVERAGES,
        "side": SIDES,
        "asset": {"BTC": ASSETS["BTC"][:4]},
        "size": SIZES,
        "venue": VENUES,
        "contract": CONTRACTS,
        "margin_mode": MODES,
        **CASHES,
    }
    for name, spellings in sources.items():
        if name != "entry" and draw(st.booleans()):
            continue
        value = draw(st.sampled_from(list(spellings)))
        meaning[name] = value
        parts.append(draw(st.sampled_from(spellings[value])))
    if any(getattr(value, "unit", "") == "coin" for value in meaning.values()):
        meaning["asset"] = "BTC"
    parts = draw(st.permutations(parts))
    noise = [draw(st.sampled_from(NOISE)) for _ in parts]
    return " ".join(f"{part} {extra}" for part, extra in zip(parts, noise, strict=True)), meaning


@given(accounts())
@example(
    (
        "wallet 0.1btc maint 50usd 95k 10k usd pnl −120",
        {
            "entry": 95000.0,
            "balance": Cash(0.1, "coin"),
            "maintenance": Cash(50.0, "usd"),
            "profit": Cash(-120.0, ""),
            "size": Size(10_000.0, "usd"),
            "asset": "BTC",
        },
    )
)
def test_an_account_in_any_order_and_spelling_gives_the_same_reading(line: tuple[str, dict[str, Any]]) -> None:
    text, meaning = line
    assert said(Account, text) == meaning


@given(st.text(max_size=120))
def test_junk_is_read_or_refused(text: str) -> None:
    for arguments in (Position, Account, Trade, Chart, Digest, Note):
        try:
            parse(arguments, text, command="liq")
        except Refused as answer:
            assert str(answer).isprintable()  # noqa: PT017 - a reading is fine as well


# --- a short run of `make fuzz` ---------------------------------------------------------------------------------------


def load_fuzz() -> Any:
    spec = importlib.util.spec_from_file_location("fuzz_parsing", Path(__file__).parents[2] / "fuzz_parsing.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_short_fuzz_run() -> None:
    fuzz = load_fuzz()
    assert commands()
    seen = fuzz.run(lines=3000, seed=7)
    assert seen.read > 100  # a run that only meets refusals would prove nothing
    assert seen.refused > 100
    assert seen.failures == []


@pytest.mark.slow
def test_short_run_of_calculators() -> None:
    fuzz = load_fuzz()
    seen = fuzz.run(lines=700, seed=7, read=fuzz.answer_calculator(random.Random(7)))
    assert seen.read > 100
    assert seen.refused > 100
    assert seen.failures == []


def test_fuzz_catches_a_planted_fault() -> None:
    fuzz = load_fuzz()

    def broken(name: str, text: str) -> None:
        if "x" in text:
            raise ZeroDivisionError(name)

    assert fuzz.run(lines=200, seed=7, read=broken).failures


def test_fuzz_lines_repeat_by_seed() -> None:
    fuzz = load_fuzz()
    assert fuzz.line(random.Random(3)) == fuzz.line(random.Random(3))


def test_cities_that_no_zone_is_called_by_lie_in_one() -> None:
    zones = available_timezones()
    assert {*CITIES.values()} <= zones
    assert not {*CITIES} & {zone.rsplit("/", 1)[-1].lower() for zone in zones}, "that one would be read first"
