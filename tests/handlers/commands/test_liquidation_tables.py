"""What is said of a position where the tier tables end early, are old or are missing."""

from __future__ import annotations

import pytest

from handlers.command import Refused
from tests.handlers.commands.test_liquidation_price import say, text_of


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(
            "/liq 2.4 10x long xrp deribit", "for XRP. Known for XRP: Binance,", id="tiers that are a formula"
        ),
        pytest.param(
            "/liq 95000 10x long bitget coin-m", "for BTC. Known for BTC: Bin", id="tiers that are not fetched"
        ),
        pytest.param(
            "/liq 95000 10x long 5Musd bybit",
            (
                "A position of that size is above the tiers of Bybit that are known here, up to $2.6m (table of "
                "25 September 2026). By the fuller table of 6 August 2026, since changed, liquidation is at 86,001.50 "
                "(−9.47 %). Type a smaller size, or an exchange whose tiers reach that far: Binance, OKX, Hyperliquid, "
                "Deribit and Bitget."
            ),
            id="above the known tiers",
        ),
        pytest.param(
            "/liq 95000 long 5Musd bybit",
            "(table of 25 September 2026). Type a smaller size",
            id="no price where no leverage is said",
        ),
        pytest.param("/liq 95000 2x short 2.5Musd bybit", "grows above the tiers", id="grows out of the known tiers"),
        pytest.param(
            "/liq 95000 25x long 1Musd gate coin-m",
            "up to 3 BTC (table of 25 September 2026). Type a smaller size, or an exchange whose tiers reach that far:",
            id="bound in coin",
        ),
        pytest.param("/liq 2.4 3x long xrp okx 100Musd", "up to 34,000,000 XRP (table", id="bound in contracts"),
        pytest.param(
            "/liq 95000 5x long 40Musd bybit coin-m",
            "up to 300 BTC (table of 26 September 2026). Type a smaller size, or an exchange whose",
            id="an older table without a bound is no help",
        ),
    ],
)
async def test_a_refusal_says_who_knows_more(line: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        await say(line)
    answer = str(caught.value)
    assert words in answer
    assert "\n" not in answer
    assert len(answer) < 330


async def test_what_is_known_of_the_first_tier_alone_is_not_compared_at_a_size() -> None:
    lines = text_of(await say("/liq 95000 25x long 5Musd how")).splitlines()
    assert (
        "Elsewhere, farthest first: Bitget 91,856.31, OKX 91,935.58, Hyperliquid 92,354.43, Deribit 92,366.74. "
        "Tiers not known up to this size: Bybit, Gate and KuCoin."
    ) in lines
    both = text_of(await say("/liq 95000 25x 5Musd how"))
    assert "Over all exchanges: long 91,856.31 (Bitget) to 92,366.74 (Deribit)" in both


async def test_no_larger_size_is_told_where_the_first_tier_has_no_bound() -> None:
    lines = text_of(await say("/liq 95000 25x long kucoin how")).splitlines()
    assert "The tiers of larger positions are not known here." in lines
    assert "Bybit 91,502" in text_of(await say("/liq 95000 25x long gate")), "without a size all are compared"


@pytest.mark.parametrize(
    ("line", "price", "day"),
    [
        ("/liq 3200 25x long eth okx 1Musd", "3,085.90", "OKX tier table of 28 May 2026 · 178 days old: stale"),
        ("/liq 3200 25x long eth bybit 5Musd", "3,095.13", "Bybit tier table of 6 August 2026 · 108 days old: stale"),
        ("/liq 3200 25x long eth bitget 1Musd", "3,088.66", "Bitget tier table of 8 June 2026 · 167 days old: stale"),
        ("/liq 180 20x long sol bitget", "171.96", "Bitget tier table of 12 September 2025 · 436 days old: stale"),
        ("/liq 95000 25x long gate coin-m", "91,871.40", "Gate tier table of 25 September 2026 · 58 days old"),
    ],
    ids=["okx", "bybit", "bitget", "bitget, older", "gate in coin"],
)
async def test_an_answer_names_the_day_of_its_table(line: str, price: str, day: str) -> None:
    lines = text_of(await say(f"{line} how")).splitlines()
    assert any(line.startswith(f"Liquidation at {price} (") for line in lines)
    assert any(line.startswith(day) for line in lines)
