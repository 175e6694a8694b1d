from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from handlers.channel import Address
from handlers.command import Asker, Deps, Refused, commands, usage
from handlers.liquidation_words import ASSUMED, SAID_APART
from handlers.parsing import parse, split_command
from handlers.reply import Buttons, Reply, plain_text
from signals.liquidation import Assumption
from storage.db import Store

if TYPE_CHECKING:
    from pathlib import Path


class Untouched:
    """A store that no calculator may read: only whether there is one can be asked."""

    exists = False

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a calculator asked the store for {name}")


async def _nothing(asset: str) -> None:
    raise AssertionError(f"a calculator asked for fresh data of {asset}")


def deps(store: Any = None) -> Deps:
    return Deps(
        now=datetime(2026, 11, 22, 12, tzinfo=UTC),
        asker=Asker("terminal", Address("1", kind="terminal")),
        store=cast("Store", store or Untouched()),
        assets=("BTC", "ETH", "SOL"),
        refresh=_nothing,
    )


async def say(line: str, store: Any = None) -> Reply:
    name, rest = split_command(line)
    each = commands()[name]
    with_what = deps(store)
    return await each.run(with_what, parse(each.arguments, rest, command=name, assets=with_what.assets))


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
        pytest.param("/liq 95000 25x long bybit", 91501.96, id="Bybit"),
        pytest.param("/liq 95000 25x long okx", 91612.26, id="OKX"),
        pytest.param("/liq 95000 25x long gate.io", 91635.27, id="Gate"),
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


async def test_the_whole_answer() -> None:
    reply = await say("/liq 95000 25x long")
    assert text_of(reply).splitlines() == [
        "Read as: BTC · long · entry 95,000 · 25x · isolated · Binance",
        "Liquidation at 91,566.27 (−3.61 %), for positions up to $300k.",
        "The whole margin is gone at 91,200 (−4.00 %), the bankruptcy price.",
        "Maintenance margin 0.40 % of the position (tier 1).",
        "Larger positions: 91,653.25 at $1m, 91,890.91 at $5m.",
        (
            "Elsewhere, farthest first: Bybit 91,502, OKX 91,612.26, Bitget 91,621.46, KuCoin 91,621.46, "
            "Gate 91,635.27, Deribit 92,121.21, Hyperliquid 92,354.43."
        ),
        (
            "The mark price decides, not the last trade. "
            "Assumed: the first tier, as no size was given; no margin added; no funding paid."
        ),
        "Binance tier table of 29 September 2026 · 54 days old · no network needed",
        "More: /liq 95000 25x short · /liq 95000 25x long 1Musd",
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
    assert "Over all exchanges, long: 91,502 (Bybit) to 92,354.43 (Hyperliquid)." in text_of(reply)


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
    assert "No liquidation: the margin of this long covers every price." in text_of(reply)
    short = await say("/liq 95000 1x short")  # 189,243.03 while it stays in the first tier
    assert short.values["liquidation_price"] == pytest.approx(189243.03, abs=0.01)


async def test_margin_is_told_when_the_size_is() -> None:
    reply = await say("/liq 95000 25x long 1M usd")
    assert reply.values["margin"] == pytest.approx(40_000.0)
    assert "Position $1,000,000 (10.5263 BTC), margin $40,000." in text_of(reply)
    by_collateral = await say("/liq 95000 long 1btc collateral 9500")
    assert by_collateral.values["leverage"] == pytest.approx(10.0)


async def test_cross_counts_the_wallet() -> None:
    reply = await say("/liq 95000 25x long 0.5btc cross balance 5000")
    # (wallet + c − q·entry) / (q·m − q), the condition written out
    assert reply.values["liquidation_price"] == pytest.approx((5000 - 0.5 * 95000) / (0.5 * 0.004 - 0.5))
    assert "no other positions in the wallet" in text_of(reply)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("/liq", "The entry price is missing. Type it like /liq 95000 25x long.", id="nothing"),
        pytest.param("/liq 95000 200x", "at most 150x on BTC up to $300k, by its table of 29 September 2026", id="cap"),
        pytest.param("/liq 95000 50x hl", "Hyperliquid allows at most 40x", id="Hyperliquid's cap"),
        pytest.param("/liq 95000 75x long 12M usd", "75x only up to $3m", id="cap of a large position"),
        pytest.param("/liq 95000 25x long cross", "the wallet balance and the size must be known", id="cross"),
        pytest.param("/liq 95000 25x long balance 500", "counts in cross margin only", id="balance without cross"),
        pytest.param("/liq 0.00001 10x pepe", "did you mean 1000PEPE?", id="a thousand coins"),
        pytest.param("/liq 95000 10x hl coin-m", "No coin-margined contracts of Hyperliquid", id="no such contract"),
        pytest.param("/liq 95 25 long", "Which is the leverage, 95 or 25?", id="two that could be the leverage"),
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
    assert len(answer) < 260


async def test_what_a_refusal_proposes_can_be_asked() -> None:
    with pytest.raises(Refused) as caught:
        await say("/liq 95000 50x hl short 200M usd")
    proposed = str(caught.value).rsplit("/liq", 1)[1].rstrip(".")
    reply = await say(f"/liq{proposed}")
    assert reply.values["leverage"] == 20.0
    assert reply.values["side"] == "short"


async def test_thousands_are_asked_about_when_a_price_is_stored(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    from datetime import timedelta  # noqa: PLC0415 - beside the store it is used with

    from storage import points  # noqa: PLC0415 - as above

    store = Store(tmp_path / "p.db")
    hour = pd.DatetimeIndex([pd.Timestamp("2026-11-22T10:00Z")], name="at")
    frame = pd.DataFrame({"close": [84_000.0]}, index=hour)
    points.write(store, [points.Points("binance", "BTC", timedelta(hours=1), frame)])
    with pytest.raises(Refused, match=r"Did you mean 95k\? .* Type 95k for 95,000, like /liq 95000 25x long\."):
        await say("/liq 95 25x long", store)
    assert (await say("/liq 95000 25x long", store)).values["entry"] == 95000.0
    assert (await say("/liq 0.5 20x doge", store)).values["entry"] == 0.5
    store.close()


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
    ],
)
async def test_answers_are_short_and_their_buttons_work(line: str) -> None:
    reply = await say(line)
    assert len(text_of(reply)) <= 900
    assert all(shown.strip() for shown in text_of(reply).splitlines())
    json.dumps(reply.values, allow_nan=False)
    buttons = [each for block in reply.blocks if isinstance(block, Buttons) for each in block.buttons]
    assert buttons
    for button in buttons:
        assert (await say(button.command)).values["entry"] == reply.values["entry"]


def test_every_assumption_has_its_words() -> None:
    assert set(ASSUMED) | set(SAID_APART) == set(Assumption)


def test_liq_is_found_and_fits_a_menu() -> None:
    each = commands()["liq"]
    assert len(each.help) <= 60
    assert usage(each).startswith("/liq entry price [leverage] [side]")
