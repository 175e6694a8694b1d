from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from handlers.channels.channel import Address
from handlers.command import Asker, Deps, Refused, commands, nobody, usage
from handlers.language.grammar import parse
from handlers.language.spelling import split_command
from handlers.reply import Buttons, Reply, plain_text
from handlers.words.liquidation import ASSUMED, SAID_APART
from signals.language.spelling import plainly
from signals.liquidation import Assumption
from storage.engine.database import Store

if TYPE_CHECKING:
    from collections.abc import Iterator


class Untouched:
    """A store that no calculator may read: only whether there is one can be asked."""

    exists = False
    folder = Path("no-such-folder")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a calculator asked the store for {name}")


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def deps(store: Any = None, now: datetime = NOW) -> Deps:
    return Deps(
        now=now,
        asker=Asker("terminal", Address("1")),
        store=cast("Store", store or Untouched()),
        assets=("BTC", "ETH", "SOL"),
        asking=nobody,
    )


async def say(line: str, store: Any = None, now: datetime = NOW) -> Reply:
    name, rest = split_command(line)
    command = commands()[name]
    with_what = deps(store, now)
    return await command.run(with_what, parse(command.arguments, rest, command=name, assets=with_what.assets))


def text_of(reply: Reply) -> str:
    return plain_text(reply.all_blocks())


# The prices are those of reference/signals.md, section 6 (A4a, A4b, A5), tolerance one cent.
@pytest.mark.parametrize(
    ("line", "price"),
    [
        pytest.param("/liq 95000 25x long", 91566.27, id="Binance, first tier"),
        pytest.param("/liq 95000 25x long 1btc", 91566.27, id="Binance, 1 BTC"),
        pytest.param("/liq 95000 25x long 10 btc", 91645.70, id="Binance, 10 BTC: tier 3"),
        pytest.param("/liq 95000 25x long 1M usd", 91653.25, id="Binance, 1m"),
        pytest.param("/liq 95000 25x long 5M$", 91890.91, id="Binance, 5m"),
        pytest.param("/liq 95000 25x long 5M", 91890.91, id="millions are a size"),
        pytest.param("/liq 95000 25x long bybit", 91501.96, id="Bybit"),
        pytest.param("/liq 95000 25x long okx", 91612.26, id="OKX"),
        pytest.param("/liq 95000 25x long gate.io", 91543.29, id="Gate"),
        pytest.param("/liq 95000 25x long hl", 92354.43, id="Hyperliquid"),
        pytest.param("/liq 95000 25x long deribit coin-m", 92259.62, id="Deribit inverse"),
        pytest.param("/liq 95000 25x short 1btc", 98406.37, id="Binance short"),
        pytest.param("/liq 95000 25x short hl", 97580.25, id="Hyperliquid short"),
        pytest.param("/liq 50000 50x long", 49196.79, id="the article's position, today's rule"),
    ],
)
async def test_prices_of_the_reference(line: str, price: float) -> None:
    reply = await say(line)
    assert reply.values["liquidation_price"] == pytest.approx(price, abs=0.01)
    assert reply.values["distance_pct"] == pytest.approx((price / reply.values["entry"] - 1) * 100, abs=1e-3)


async def test_the_short_answer_without_a_database() -> None:
    reply = await say("/liq 95000 25x long")
    assert text_of(reply).splitlines() == [
        "BTC long 25x from 95,000: liquidation at 91,566.27 (−3.61 %)",
        "Bybit 91,502 · OKX 91,612 · Deribit 92,121 · Hyperliquid 92,354",
        "Binance, up to $300k · tiers of 29 Sep",
        (
            "More: /liq 95000 25x short · /liq 95000 25x long 1Musd · /watch long btc 95000 25x"
            " · /liq 95000 25x long how"
        ),
    ]
    assert reply.read_as == "BTC · long · entry 95,000 · 25x · isolated · Binance"


async def test_the_long_answer() -> None:
    reply = await say("/liq 95000 25x long how")
    assert reply.values == (await say("/liq 95000 25x long")).values
    lines = text_of(reply).splitlines()
    assert lines.pop().startswith("More: /liq 95000 25x short · /liq 95000 25x long 1Musd")
    assert lines == [
        "Read as: BTC · long · entry 95,000 · 25x · isolated · Binance",
        "Liquidation at 91,566.27 (−3.61 %), for positions up to $300k.",
        "The whole margin is gone at 91,200 (−4.00 %), the bankruptcy price.",
        "Maintenance margin 0.40 % of the position (tier 1).",
        "Larger positions: 91,653.25 at $1m, 91,890.91 at $5m.",
        (
            "Elsewhere, farthest first: Bybit 91,502, Gate 91,543.29, OKX 91,612.36, Bitget 91,621.46, "
            "KuCoin 91,621.46, Deribit 92,121.21, Hyperliquid 92,354.43."
        ),
        (
            "The mark price decides, not the last trade. "
            "Assumed: the smallest size, as none was given; no margin added; no funding paid."
        ),
        "Formula: 95,000 × (1 − 1/25) / (1 − 0.40 %); Binance support FAQ b3c689c1, edition of January 2026.",
        "Binance tier table of 29 September 2026 · 54 days old",
    ]
    assert reply.values == {
        **reply.values,
        "asset": "BTC",
        "side": "long",
        "entry": 95000.0,
        "leverage": 25.0,
        "venue": "binance",
        "contract": "linear",
        "bankruptcy_price": pytest.approx(91200.0),
        "maintenance_rate": 0.004,
        "maintenance_amount": 0.0,
        "tier": 1,
        "table_date": "2026-09-29",
        "margin": None,
    }


@pytest.mark.parametrize(
    "line", ["/liq long BTC 95k 25x", "/liq 95000 25 l", "/liq l 25 95,000", "/LIQ@bot BTCUSDT x25 @95k buy"]
)
async def test_order_and_spelling_do_not_matter(line: str) -> None:
    there = await say("/liq 95000 25x long")
    here = await say(line)
    assert here.values == there.values
    assert here.read_as == there.read_as


async def test_the_echo_reads_as_itself() -> None:
    first = await say("/liq 95k 25x short okx 10btc")
    again = await say(f"/liq {first.read_as}")
    assert again.values == first.values


async def test_no_side_gives_both() -> None:
    reply = await say("/liq 95000 25x")
    assert reply.values["side"] is None
    assert reply.values["long"]["liquidation_price"] == pytest.approx(91566.27, abs=0.01)
    assert reply.values["short"]["liquidation_price"] == pytest.approx(98406.37, abs=0.01)
    assert (
        "Over all exchanges: long 91,502 (Bybit) to 92,354.43 (Hyperliquid), short 97,580.25 (Hyperliquid) to"
        in text_of(await say("/liq 95000 25x how"))
    )


async def test_no_leverage_gives_the_usual_ones() -> None:
    reply = await say("/liq 95000")
    assert list(reply.values["by_leverage"]) == ["5", "10", "25", "50"]
    assert reply.values["by_leverage"]["25"]["short"]["liquidation_price"] == pytest.approx(98406.37, abs=0.01)
    one = await say("/liq 95000 long")
    assert one.values["by_leverage"]["25"]["liquidation_price"] == pytest.approx(91566.27, abs=0.01)


async def test_a_leverage_above_the_cap_stands_in_its_row() -> None:
    reply = await say("/liq 95000 hl")
    assert "50x       at most 40x  at most 40x" in text_of(reply)
    assert reply.values["by_leverage"]["50"] == {}


async def test_a_long_without_leverage_has_no_liquidation_and_a_short_has_one() -> None:
    reply = await say("/liq 95000 1x long")
    assert reply.values["liquidation_price"] is None
    assert "BTC long 1x from 95,000: no liquidation, the margin covers every price." in text_of(reply)
    assert "No liquidation: the margin covers every price of this long." in text_of(await say("/liq 95000 1x long how"))
    assert "/watch" not in text_of(reply), "there is nothing to watch"
    short = await say("/liq 95000 1x short")  # 189,243.03 while it stays in the first tier
    assert short.values["liquidation_price"] == pytest.approx(189243.03, abs=0.01)


async def test_margin_is_told_when_the_size_is() -> None:
    reply = await say("/liq 95000 25x long 1M usd")
    assert reply.values["margin"] == pytest.approx(40_000.0)
    assert "$1,000,000, margin $40,000" in text_of(reply).splitlines()
    assert "Position $1,000,000 (10.5263 BTC), margin $40,000." in text_of(await say("/liq 95000 25x long 1M usd how"))
    by_collateral = await say("/liq 95000 long 1btc collateral 9500")
    assert by_collateral.values["leverage"] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("others", "extra"),
    [
        pytest.param("alone", 0, id="alone"),
        pytest.param("other 0", 0, id="no others"),
        pytest.param("other profit 120 maintenance 50", 70, id="others"),
        pytest.param("other maintenance $50 pnl -120", -170, id="a loss, other words"),
    ],
)
async def test_cross_counts_the_account(others: str, extra: float) -> None:
    reply = await say(f"/liq 95000 25x long 0.5btc cross balance 5000 {others}")
    # (wallet + profit − maintenance of the others + c − q·entry) / (q·m − q), the condition written out
    assert reply.values["liquidation_price"] == pytest.approx((5000 + extra - 0.5 * 95000) / (0.5 * 0.004 - 0.5))
    long_answer = text_of(await say(f"/liq 95000 25x long 0.5btc cross balance 5000 {others} how"))
    assert ("no other positions in the wallet" in long_answer) == (extra == 0)
    again = await say(f"/liq {reply.read_as}")
    assert again.values == reply.values


async def test_cross_of_a_coin_margined_contract_counts_in_coin() -> None:
    in_coin = await say("/liq 95000 25x short 47500usd coin-m cross balance 0.1btc alone")
    in_usd = await say("/liq 95000 25x short 47500usd coin-m cross balance 9500usd alone")
    assert in_coin.values["liquidation_price"] == pytest.approx(47_500 * (-1 + 0.004) / (0.1 - 47_500 / 95_000))
    assert in_usd.values["liquidation_price"] == pytest.approx(in_coin.values["liquidation_price"])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("/liq", "The entry price is missing, and no price of BTC is stored here.", id="nothing"),
        pytest.param("/liq 95000 200x", "at most 150x on BTC up to $300k, by its table of 29 September 2026", id="cap"),
        pytest.param("/liq 95000 50x hl", "Hyperliquid allows at most 40x", id="Hyperliquid's cap"),
        pytest.param("/liq 95000 75x long 12M usd", "75x only up to $3m", id="cap of a large position"),
        pytest.param("/liq 95000 25x long cross", "so the wallet balance, the size, the profit of", id="cross"),
        pytest.param(
            "/liq 95000 25x long 0.5btc cross balance 5000",
            "the profit of the other positions and their maintenance margin must be known too",
            id="cross without the others",
        ),
        pytest.param(
            "/liq 95000 25x long 0.5btc cross balance 5000 profit 120",
            "so their maintenance margin must be known too",
            id="cross with half of the others",
        ),
        pytest.param(
            "/liq 95000 5x long 0.5btc cross balance 5000 other 7", "other 0 where there are none", id="others"
        ),
        pytest.param(
            "/liq 95000 25x short 0.5btc coin-m cross balance 5 alone",
            "Is the balance in BTC or in dollars? Type balance 5btc or balance 5usd.",
            id="no unit in coin-m",
        ),
        pytest.param("/liq 95000 25x long 0.5btc collateral 0.1btc", "margined in dollars", id="coins in a linear one"),
        pytest.param("/liq 95000 1x long 2Busd", "allows no position of that size", id="above the table"),
        pytest.param("/liq 95000 25x long balance 500", "count in cross margin only", id="balance without cross"),
        pytest.param("/liq 95000 10x hl coin-m", "No coin-margined contracts of Hyperliquid", id="no such contract"),
        pytest.param("/liq 95 25 long", "Which is the leverage, 95 or 25?", id="two that could be the leverage"),
        pytest.param(
            "/liq 3000 25x long eth gate",
            "perpulse tiers refresh gate. Known for ETH: Binance, Bybit, OKX, Hyperliquid, Deribit and Bitget.",
            id="a table that is missing",
        ),
        pytest.param("/liq 3000 25x long xyz okx", "Check the symbol.", id="an asset nobody knows"),
        pytest.param(
            "/liq 95000 10x 5Musd bybit", "above the tiers of Bybit that are known here", id="above the known tiers"
        ),
    ],
)
async def test_refusals_say_what_to_type(line: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        await say(line)
    answer = str(caught.value)
    assert words in answer
    assert "\n" not in answer
    assert len(answer) < 330


@pytest.mark.parametrize(
    ("line", "price", "read_as"),
    [
        pytest.param("/liq 95000 25x long BTCUSDC 1000000usd", 91_876.52, "BTC/USDC", id="USDC has tiers of its own"),
        pytest.param("/liq 95000 25x long btc usdc 1000000usd", 91_876.52, "BTC/USDC", id="by the word alone"),
        pytest.param("/liq 95000 25x long BTC-USDC-SWAP 1000000usd", 91_876.52, "BTC/USDC", id="OKX's spelling of it"),
        pytest.param("/liq 95000 25x long BTCUSDT 1000000usd", 91_653.25, "BTC", id="USDT"),
        pytest.param("/liq 150 20x long SOLUSDC 1000000usd", 144.7056, "SOL/USDC", id="another coin in USDC"),
        pytest.param("/liq 0.0087 10x long 1000PEPE", 0.0078812, "1000PEPE", id="a price of a thousand"),
        pytest.param("/liq 0.0087 10x long kpepe", 0.0078812, "1000PEPE", id="as Hyperliquid writes it"),
        pytest.param("/liq 0.0087 10x long 1000PEPEUSDT", 0.0078812, "1000PEPE", id="with its quote"),
        pytest.param("/liq 0.0000087 10x long pepe", 0.0000078812, "PEPE", id="a price of one"),
        pytest.param("/liq 95000 25x long BTCUSDT_261225", 92_121.21, "BTC-261225", id="a dated contract"),
        pytest.param("/liq 95000 25x long #btc", 91_566.27, "BTC", id="a hashtag"),
        pytest.param("/liq 0.1 5x long 币安人生", 0.08421053, "币安人生", id="Chinese letters"),
    ],
)
@pytest.mark.parametrize("followed", [("BTC",), ("PEPE", "BTC")], ids=["BTC followed", "PEPE followed"])
async def test_the_contract_that_is_named_is_answered_for(
    line: str, price: float, read_as: str, followed: tuple[str, ...]
) -> None:
    name, rest = split_command(line)
    made = replace(deps(None, NOW), assets=followed)
    reply = await commands()[name].run(made, parse(commands()[name].arguments, rest, command=name, assets=followed))
    assert reply.values["shown_price"] == pytest.approx(price, rel=1e-5)
    assert reply.read_as.split(" · ")[0] == read_as


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param("/liq 95000 150x long BTCUSDC", "allows at most 125x on BTC/USDC", id="a cap of its own"),
        pytest.param("/liq 95000 25x long BTCUSDC bybit", "for BTC/USDC; known is BTC/USDT.", id="not here"),
        pytest.param("/liq 95000 25x long BTCPERP bybit", "for BTC/USDC; known is BTC/USDT.", id="Bybit's word for it"),
        pytest.param("/liq 95000 25x long BTCUSDT hl", "for BTC/USDT; known is BTC/USDC.", id="USDT where USDC is"),
        pytest.param("/liq 0.03 10x long ETHBTC", "ETH/BTC is priced in BTC, and prices and sizes here", id="a cross"),
        pytest.param("/liq 95000 10x long BTC-25DEC26-100000-C", "is an option, and only futures and", id="an option"),
        pytest.param("/liq 3000 10x long ETH/USD:BTC", "ETH is paid in BTC, and such contracts", id="a quanto"),
        pytest.param("/liq 95000 10x long BTCUSDT coin-m", "BTC is margined in dollars. Leave out", id="contradicted"),
        pytest.param("/liq 95000 10x long BTCUSDT usdc", "Is it BTC/USDT or BTC/USDC?", id="two quotes"),
        pytest.param("/watch btc long 95000 25x BTCUSDT_261225", "is a dated contract, and mark prices", id="watched"),
        pytest.param("/watch long 95000 25x BTCUSDC bybit", "for BTC/USDC; known is BTC/USDT.", id="/watch"),
        pytest.param("/margin 95000 25x long 0.5btc BTCUSDC liq 90000 bybit", "for BTC/USDC; known", id="/margin"),
        pytest.param("/size 95000 stop 93000 risk 500usd BTCUSDC bybit", "for BTC/USDC; known is", id="/size"),
        pytest.param(
            "/size 95000 stop 93000 risk 500usd BTCUSD bybit", "for contracts margined in dollars", id="coins"
        ),
    ],
)
async def test_a_contract_that_is_not_covered_gets_a_sentence_why(line: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=re.escape(why)):
        await say(line, Store(tmp_path / "perpulse.db"))


async def test_usd_is_coin_margined_where_the_exchange_has_it_so() -> None:
    inverse = await say("/liq 95000 25x long BTCUSD bybit")
    assert (inverse.values["contract"], inverse.read_as.split(" · ")[-1]) == ("inverse", "coin-margined")
    assert (await say("/liq 95000 25x long BTCUSD hl")).values["contract"] == "linear"


@pytest.mark.parametrize(
    "line",
    [
        "/liq 0.0087 10x long 1000pepe",
        "/liq 0.0087 10x long 1000pepe 5000000pepe",
        "/liq 95000 25x long btcusdc 1000000usd",
        "/liq 95000 25x long 0.5btc btcusdc",
        "/liq 95000 25x long btcusdt_261225",
        "/liq 0.6 10x long ftm",
    ],
)
async def test_buttons_ask_for_the_same_contract(line: str) -> None:
    reply = await say(line)
    other = next(
        button.command for block in reply.all_blocks() if isinstance(block, Buttons) for button in block.buttons
    )
    again = await say(other)
    assert again.read_as.replace("short", "long").split(" · ")[0] == reply.read_as.split(" · ")[0]
    assert again.values["table_date"] == reply.values["table_date"]


async def test_a_size_in_coins_is_told_in_the_packs_that_are_priced() -> None:
    packs = await say("/liq 0.0087 10x long 1000pepe 5000000pepe")
    coins = await say("/liq 0.0000087 10x long 5000000pepe")
    assert packs.values["notional_usd"] == pytest.approx(coins.values["notional_usd"]) == pytest.approx(43.5)
    assert packs.values["multiplier"] == 1000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("/liq 95000 5x long 200M kucoin", "Only the smallest tier of KuCoin is known here.", id="one"),
        pytest.param(
            "/liq 95000 5x long 200M kucoin how", "nearer: only the smallest tier of KuCoin is", id="one, how"
        ),
        pytest.param("/liq 95000 5x 1M kucoin", "Long 76,351.22 (−19.63 %) or nearer", id="both"),
        pytest.param("/liq 95000 long 1M kucoin", "BTC long from 95,000 or nearer, liquidation:", id="no leverage"),
    ],
)
async def test_a_size_of_an_unknown_tier_is_told_as_the_farthest_price(line: str, said: str) -> None:
    assert said in text_of(await say(line))
    assert "or nearer" not in text_of(await say(line.replace("gate", "okx").replace("kucoin", "okx")))


async def test_both_sides_in_two_tiers_are_told_apart() -> None:
    text = text_of(await say("/liq 95000 25x 820000usd how"))
    assert "Maintenance margin 0.50 % of the position − $300 (tier 2) for the long." in text
    assert "Maintenance margin 0.65 % of the position − $1,500 (tier 3) for the short." in text
    assert "(tier 3)" in text_of(await say("/liq 95000 25x 1M how"))
    assert "for the short" not in text_of(await say("/liq 95000 25x 1M how"))


async def test_an_overfunded_position_needs_no_leverage() -> None:
    long = await say("/liq 95000 long 0.5btc collateral 60000")
    assert "BTC long from 95,000: no liquidation, the margin covers every price." in text_of(long)
    assert long.values["liquidation_price"] is None
    short = await say("/liq 95000 short 0.5btc collateral 60000")
    assert short.values["liquidation_price"] == pytest.approx((60_000 + 47_500) / (0.5 * 1.004))


async def test_a_price_of_many_digits_makes_no_long_refusal() -> None:
    with pytest.raises(Refused) as caught:
        await say("/liq @999999999 10x short 5Musd bybit cross balance 999999999999usd alone")
    assert "fuller table" not in str(caught.value)
    assert "Type a smaller size" in str(caught.value)
    with pytest.raises(Refused, match="By the fuller table of"):
        await say("/liq 95000 10x long 5M bybit")


async def test_what_a_refusal_proposes_can_be_asked() -> None:
    with pytest.raises(Refused) as caught:
        await say("/liq 95000 50x hl short 200M usd")
    proposed = str(caught.value).rsplit("/liq", 1)[1].rstrip(".")
    reply = await say(f"/liq{proposed}")
    assert reply.values["leverage"] == 20.0
    assert reply.values["side"] == "short"


# --- with a database --------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "data" / "p.db")
    yield made
    made.close()


def keep_bars(store: Store, bars: list[tuple[datetime, float, float, float]], step: timedelta) -> None:
    pd = pytest.importorskip("pandas")
    from storage.market import points  # noqa: PLC0415 - beside pandas

    index = pd.DatetimeIndex([bar[0] for bar in bars], name="at")
    frame = pd.DataFrame([[*bar[1:], bar[1]] for bar in bars], index=index, columns=["open", "high", "low", "close"])
    points.write(store, [points.Points.of_frame("binance", "BTC", step, frame)])


DAY = timedelta(days=1)
TODAY = datetime(2026, 11, 22, tzinfo=UTC)


async def test_thousands_are_asked_about_when_a_price_is_stored(store: Store) -> None:
    keep_bars(store, [(TODAY, 84_000.0, 84_000.0, 84_000.0)], timedelta(hours=1))
    with pytest.raises(Refused, match=r"Did you mean 95,000\? The last .* Type /liq 95000 25x long, or keep 95 with"):
        await say("/liq 95 25x long", store)
    assert (await say("/liq 95000 25x long", store)).values["entry"] == 95000.0
    assert (await say("/liq 95 25x long exact", store)).values["entry"] == 95.0
    assert (await say("/liq 0.5 20x doge", store)).values["entry"] == 0.5


async def test_how_near_is_told_in_past_days(store: Store) -> None:
    # forty days of 100,000: on every tenth the low is 4 % down, on every fifth the high 5 % up
    days = [
        (TODAY - n * DAY, 1e5, 1.05e5 if n % 5 == 0 else 1.01e5, 9.6e4 if n % 10 == 0 else 9.9e4) for n in range(1, 41)
    ]
    keep_bars(store, days, DAY)
    long = await say("/liq 95000 25x long", store)
    assert "Fell that far in a day: 4 of 40 days." in text_of(long).splitlines()
    assert (
        "Within a day BTC fell 3.61 % or more on 4 of 40 days (10.0 %): 13 October 2026 to 21 November 2026, Binance."
    ) in text_of(await say("/liq 95000 25x long how", store))
    assert (long.values["days_that_far"], long.values["days_known"]) == (4, 40)
    assert "Such days: 4 down, 8 up, of 40." in text_of(await say("/liq 95000 25x", store))
    both = await say("/liq 95000 25x how", store)
    assert "fell 3.61 % or more on 4 of 40 days (10.0 %) and rose 3.59 % or more on 8 (20.0 %)" in text_of(both)
    assert "Fell that far in a day: none of 40 days." in text_of(await say("/liq 95000 5x long", store))
    far = await say("/liq 95000 5x long how", store)
    assert "fell 19.68 % or more on none of 40 days:" in text_of(far)


async def test_hours_count_as_a_day_when_all_of_it_is_there(store: Store) -> None:
    hours = [(TODAY - n * timedelta(hours=1), 1e5, 1.01e5, 9.5e4 if n == 5 else 9.95e4) for n in range(1, 24 * 31 + 7)]
    keep_bars(store, hours, timedelta(hours=1))
    reply = await say("/liq 95000 25x long", store)
    assert (reply.values["days_that_far"], reply.values["days_known"]) == (1, 31)


async def test_a_short_history_and_today_are_not_told(store: Store) -> None:
    keep_bars(store, [(TODAY - n * DAY, 1e5, 1.01e5, 9e4) for n in range(30)], DAY)  # 29 whole days and today
    reply = await say("/liq 95000 25x long", store)
    assert "in a day" not in text_of(reply)
    assert "days_known" not in reply.values


async def test_the_chats_own_exchange_is_taken_where_none_is_named(store: Store) -> None:
    keep_bars(store, [(TODAY, 84_000.0, 84_000.0, 84_000.0)], DAY)
    before = await say("/venue", store)
    assert before.values == {"venue": "binance", "chosen": False}
    await say("/venue okex", store)
    reply = await say("/liq 95000 25x long", store)
    assert (reply.values["venue"], reply.read_as) == ("okx", "BTC · long · entry 95,000 · 25x · isolated · OKX")
    assert (await say("/liq 95000 25x long hl", store)).values["venue"] == "hyperliquid"
    assert (await say("/size 95000 stop 93000 risk 500usd", store)).values["venue"] == "okx"
    assert (await say("/venue", store)).values == {"venue": "okx", "chosen": True}


async def test_a_database_that_cannot_be_used_costs_no_answer(tmp_path: Path) -> None:
    broken = tmp_path / "p.db"
    broken.write_text("this is no database, and longer than a header of one would be", encoding="utf-8")
    reply = await say("/liq 95000 25x long", Store(broken))
    assert reply.values["liquidation_price"] == pytest.approx(91566.27, abs=0.01)


def put_table(store: Store, name: str, line: str) -> None:
    folder = store.path.parent / "tiers"
    folder.mkdir(parents=True, exist_ok=True)
    venue, contract, date = name.split("-", 2)
    head = {"venue": venue, "contract": contract, "as_of": date, "unit": "quote", "source": "a test"}
    text = "".join(f"# {key}: {value}\n" for key, value in head.items()) + line + "\n"
    (folder / f"{name}.csv").write_text(text, encoding="utf-8")


async def test_a_renewed_table_is_taken_and_its_age_told(store: Store) -> None:
    put_table(store, "binance-linear-2026-11-10", "BTC,USDT,checked=2026-11-20,0.01:0:50:100000")
    reply = await say("/liq 95000 25x long", store)
    assert reply.values["liquidation_price"] == pytest.approx(95_000 * 0.96 / 0.99)
    assert reply.stamp == "Binance, up to $100k · tiers of 20 Nov"
    told = await say("/liq 95000 25x long how", store)
    assert told.stamp == "Binance tier table of 10 November 2026, unchanged on 20 November 2026 · 2 days old"
    assert (await say("/liq 0.5 20x doge long", store)).values["table_date"] == "2026-09-29"
    okx = await say("/liq 95000 25x long okx", store)
    assert okx.values["elsewhere"]["binance"] == reply.values["liquidation_price"]


@pytest.mark.parametrize(("days", "stale"), [(60, False), (61, True)])
async def test_a_stale_table_is_said_to_be(days: int, stale: bool) -> None:
    now = datetime(2026, 9, 29, 12, tzinfo=UTC) + timedelta(days=days)
    brief = await say("/liq 95000 25x long", now=now)
    assert (brief.stamp or "").endswith("tiers of 29 Sep, 61 days old: stale" if stale else "tiers of 29 Sep")
    reply = await say("/liq 95000 25x long how", now=now)
    assert (reply.stamp or "").endswith("stale, it may have changed since" if stale else f"{days} days old")


async def test_no_leverage_gives_the_spread_where_no_exchange_is_named() -> None:
    spread = "Over all exchanges, long at 10x: 85,783.10 (Bybit) to 86,582.28 (Hyperliquid)."
    assert spread in text_of(await say("/liq 95000 how"))
    assert "Over all exchanges" not in text_of(await say("/liq 95000 bybit how"))


async def test_a_position_can_be_watched() -> None:
    reply = await say("/liq 95k 25x long 0.5btc bybit")
    buttons = {
        button.label: button.command for block in reply.blocks if isinstance(block, Buttons) for button in block.buttons
    }
    assert buttons["Watch"] == "/watch long btc 95000 25x 0.5btc bybit"
    assert (await say(buttons["Watch"].replace("/watch", "/liq"))).values == reply.values


async def test_what_can_be_spared_goes_where_a_message_would_be_too_long(store: Store) -> None:
    days = [(TODAY - n * DAY, 6e5, 6.1e5, 5.9e5) for n in range(1, 41)]
    keep_bars(store, days, DAY)
    text = text_of(await say("/liq 612998.353 3.5302x kucoin 8.12345btc how", store))
    assert len(text) <= 900
    assert "bankruptcy price" not in text  # the first to go
    for kept in (
        "Long: liquidation at",
        "Short: liquidation at",
        "Maintenance margin",
        "The mark price decides",
        "KuCoin tier",
    ):
        assert kept in text


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "/liq 95000 25x long",
        "/liq 95000 25x",
        "/liq 95000",
        "/liq 95000 25x long 5M usd",
        "/liq 95000 25x short 10btc okx",
        "/liq 95000 25x long coin-m",
        "/liq 0.012 10x kpepe long",
        "/liq 95000 10x long gate 1btc",
        "/liq 95000 25x long 0.5btc cross balance 5000 other profit 120 maintenance 50",
        "/liq 95000 25x short 0.5btc coin-m cross balance 0.1btc alone",
    ],
)
async def test_answers_are_short_and_their_buttons_work(line: str) -> None:
    reply = await say(line)
    assert len(text_of(reply)) <= 900
    assert all(shown.strip() for shown in text_of(reply).splitlines())
    json.dumps(reply.values, allow_nan=False)
    buttons = [button for block in reply.blocks if isinstance(block, Buttons) for button in block.buttons]
    assert buttons
    for button in buttons:
        if button.command.startswith("/watch"):
            continue
        assert (await say(button.command)).values["entry"] == reply.values["entry"]


def test_every_assumption_has_its_words() -> None:
    assert set(ASSUMED) | set(SAID_APART) == set(Assumption)


def test_liq_is_found_and_fits_a_menu() -> None:
    command = commands()["liq"]
    assert len(command.help) <= 60
    assert usage(command).startswith("/liq [entry price] [leverage] [side]")


@pytest.mark.parametrize(
    ("number", "typed"),
    [
        pytest.param(0.00001, "0.00001", id="small"),
        pytest.param(1234567.891, "1234567.891", id="large"),
        pytest.param(100_000.0, "100000", id="whole"),
        pytest.param(0.1 + 0.2, "0.3", id="ten digits"),
    ],
)
def test_a_number_is_typed_again_as_people_type_it(number: float, typed: str) -> None:
    assert plainly(number) == typed
