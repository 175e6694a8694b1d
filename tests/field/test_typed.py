"""What people type at the calculators: the price of now, tickers that are words, slips of the finger, eight lines."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, Refused, nobody
from handlers.reply import Buttons, plain_text
from storage.engine.database import Store
from storage.market import points
from tests import loop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from handlers.reply import Reply

    Ask = Callable[[str], Reply]

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
PRICES = {"BTC": 80_546.0, "XRP": 1.24, "SOL": 145.32, "PEPE": 0.0000087}
ROWS, WIDTH = 8, 40


def keep_mark(store: Store, asset: str, price: float, at: datetime = NOW) -> None:
    frame = pd.DataFrame({"mark_price": [price]}, index=pd.DatetimeIndex([at], name="at"))
    points.write(store, [points.Points.of_frame("binance", asset, None, frame)])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "perpulse.db")


@pytest.fixture
def ask(store: Store) -> Ask:
    """Return a way to ask where prices are known, and a year of days in which BTC fell by 4 % on 25."""
    for asset, price in PRICES.items():
        keep_mark(store, asset, price)
    days = pd.DatetimeIndex([NOW.replace(hour=0, minute=0, second=0) - timedelta(days=n) for n in range(365, 0, -1)])
    lows = [76_800.0 if n % 15 == 0 else 79_500.0 for n in range(365)]
    frame = pd.DataFrame({"open": 80_000.0, "high": 81_000.0, "low": lows, "close": 80_000.0}, index=days)
    points.write(store, [points.Points.of_frame("binance", "BTC", timedelta(days=1), frame)])

    def said(line: str, now: datetime = NOW) -> Reply:
        deps = Deps(now, Asker("terminal", Address("me")), store, ("BTC", "ETH"), nobody)
        return loop.run(answer(line, deps))

    return said


def lines_of(reply: Reply) -> list[str]:
    return plain_text(tuple(block for block in reply.all_blocks() if not isinstance(block, Buttons))).splitlines()


# --- /liq that knows the price ----------------------------------------------------------------------------------------


def test_a_position_that_is_gone_says_so_first(ask: Ask) -> None:
    reply = ask("/liq 95000 25x long")
    assert lines_of(reply) == [
        "BTC long 25x from 95,000: liquidation at 91,566.27 (−3.61 %)",
        "BTC is at 80,546: this position is already past it. From here: 77,635.",
        "Bybit 91,502 · OKX 91,612 · Deribit 92,121 · Hyperliquid 92,354",
        "Fell that far in a day: 25 of 365 days.",
        "Binance, up to $300k · tiers of 29 Sep",
    ]
    assert reply.values["already_past"] is True
    assert reply.values["mark_price"] == 80_546.0
    assert reply.values["liquidation_from_here"] == pytest.approx(80_546 * 0.96 / 0.996)
    assert "/watch" not in plain_text(reply.all_blocks()), "what is gone is not offered to be watched"
    assert "/liq 95000 25x long how" in plain_text(reply.all_blocks())


def test_the_distance_from_the_price_is_told(ask: Ask) -> None:
    reply = ask("/liq 82000 10x long")
    assert lines_of(reply)[1] == "BTC is at 80,546: 8.01 % away from it."
    assert reply.values["already_past"] is False
    assert reply.values["from_mark_pct"] == pytest.approx((82_000 * 0.9 / 0.996 / 80_546 - 1) * 100)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(
            "/liq 95000 25x long 1btc cross balance 5000 alone", "this position is already past it.", id="cross"
        ),
        pytest.param(
            "/liq 75000 long 25x 1btc cross balance 5000 alone", "12.74 % away from it.", id="cross, not past"
        ),
        pytest.param("/liq 70000 short 1btc cross balance 3000 alone", "this position is already past it.", id="short"),
        pytest.param("/liq 70000 0.5btc collateral 2000", "the short is already past it. From here: 84,809.", id="one"),
        pytest.param(
            "/liq 95000 150x long bitget", "this position is already past it. From here: 80,379.", id="isolated"
        ),
        pytest.param(
            "/liq 95000 long 1btc cross balance 5000 alone hedge 0.5btc against 61000",
            "this account is already past it.",
            id="a hedge",
        ),
        pytest.param(
            "/liq 60000 long 1btc cross balance 5000 alone hedge 1btc against 61000",
            "719.41 % away from it.",
            id="equal",
        ),
    ],
)
def test_what_is_past_its_liquidation_is_never_some_way_from_it(ask: Ask, line: str, said: str) -> None:
    told = lines_of(ask(line))
    assert [row for row in told if row.startswith("BTC is at 80,546")] == [f"BTC is at 80,546: {said}"], told


@pytest.mark.parametrize(
    ("line", "at"),
    [
        pytest.param("/liq 95000 25x long 10btc cross balance 100 alone", "95,460.49 (+0.48 %)", id="long"),
        pytest.param("/liq 70000 25x short 10btc cross balance 100 alone", "69,691.54 (−0.44 %)", id="short"),
    ],
)
def test_what_its_account_cannot_hold_is_no_liquidation_to_come(ask: Ask, line: str, at: str) -> None:
    told = lines_of(ask(line))
    assert told[0].endswith(f"cannot be opened: it is liquidated at {at} already.")
    assert not [row for row in told if "that far in a day" in row]


def test_an_old_price_is_told_with_its_time_and_judges_nothing(ask: Ask, store: Store) -> None:
    keep_mark(store, "ETH", 2_400.0, NOW - timedelta(days=3))
    reply = ask("/liq 3000 10x long eth")
    assert lines_of(reply)[1] == "ETH was at 2,400 on 19 November 12:00 UTC."
    assert "already_past" not in reply.values
    assert reply.outdated == ("ETH",)
    with pytest.raises(Refused, match="the last stored price of ETH is from 19 November 12:00 UTC"):
        ask("/liq eth 10x long")


@pytest.mark.parametrize(
    "line",
    [
        "/liq 95000 25x long",
        "/liq 95000 25x short",
        "/liq 95000 25x",
        "/liq 95000",
        "/liq 95000 short",
        "/liq btc 25x",
        "/liq 95000 25x long okx",
        "/liq 95000 25x long hl",
        "/liq 95000 25x long deribit",
        "/liq 95000 25x long coin-m",
        "/liq 95000 25x long 1M usd",
        "/liq 95000 5x 1M kucoin",
        "/liq 95000 25x long 1234567.89usd okx",
        "/liq 95000 25x long 0.5btc cross balance 5000 alone okx",
        "/liq 0.0000087 10x long pepe",
        "/liq 0.0087 10x 1000pepe",
    ],
)
def test_the_short_answer_fits_a_phone(ask: Ask, line: str) -> None:
    said = lines_of(ask(line))
    rows = [row for text in said for row in textwrap.wrap(text, WIDTH, break_on_hyphens=False)]
    assert len(rows) <= ROWS, "\n".join(rows)
    assert max(map(len, rows)) <= WIDTH
    assert not said[0].startswith("Read as"), "the first line answers"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(
            "/liq 95000 25x long deribit how",
            "Maintenance margin 1.00 % of the position, growing by 0.0050 % a BTC.",
            id="a rate that grows is no tier",
        ),
        pytest.param("/liq 95000 25x long bybit coin-m how", "Binance 91,711.54 (table of 2021)", id="an old table"),
        pytest.param("/liq 95000 25x bybit coin-m how", "(Binance) (table of 2021) to", id="an old table in a span"),
        pytest.param(
            "/margin 95000 25x long 0.5btc liq 90000 deribit", "0 % at that price, the mark", id="no tier in /margin"
        ),
        pytest.param(
            "/liq 95000 25x long 0.5btc cross balance 50000 alone",
            "BTC long 25x from 95,000: no liquidation, the account covers every price.",
            id="in cross it is the account",
        ),
        pytest.param("/liq 95000 25x long okx", "liquidation at 91,612.36 (", id="what OKX shows"),
    ],
)
def test_details_are_said(ask: Ask, line: str, said: str) -> None:
    assert said in plain_text(ask(line).all_blocks())


def test_a_hedge_is_told_with_one_price(ask: Ask) -> None:
    reply = ask("/liq 60000 long 1btc cross balance 5000 alone hedge 0.5btc against 61000 exact")
    assert reply.values["liquidation_price"] == pytest.approx(49_595.14, abs=0.01)
    assert lines_of(reply)[:2] == [
        "BTC long 1 from 60,000 and short 0.5 from 61,000: one account, liquidation at 49,595.14 (−17.34 %)",
        "BTC is at 80,546: 38.43 % away from it.",
    ]
    same = ask("/liq 61000 short 0.5btc cross balance 5000 alone hedge 1btc against 60000")
    assert same.values["liquidation_price"] == reply.values["liquidation_price"], "either leg may be typed first"


@pytest.mark.parametrize(
    "line",
    [
        "/liq 60000 long 1btc cross balance 5000 alone hedge 0.5btc",
        "/liq 60000 1btc cross balance 5000 alone hedge 0.5btc against 61000",
        "/liq 60000 10x long 1btc hedge 0.5btc against 61000",
        "/liq 60000 long 1btc cross balance 5000 alone hedge 5000usd against 61000",
    ],
)
def test_half_a_hedge_is_asked_about(ask: Ask, line: str) -> None:
    with pytest.raises(Refused, match=r"Type it like /liq 60000 long 1btc cross balance 5000 alone hedge 0\.5btc"):
        ask(line)


# --- the price of now -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "side"),
    [
        pytest.param("/liq btc 25x", None, id="no entry"),
        pytest.param("liq long btc 25x", "long", id="no slash"),
        pytest.param("/liq now 25x long", "long", id="now"),
        pytest.param("/liq 25x long mkt", "long", id="mkt"),
        pytest.param("/liq market btc long 25", "long", id="market, a bare leverage"),
        pytest.param("/liq short mark 25x", "short", id="mark"),
    ],
)
def test_the_entry_is_the_price_of_now(ask: Ask, line: str, side: str | None) -> None:
    reply = ask(line)
    assert (reply.values["entry"], reply.values["leverage"], reply.values["side"]) == (80_546.0, 25.0, side)
    assert "from 80,546, its price now" in lines_of(reply)[0]


def test_a_pack_has_the_price_of_a_pack(ask: Ask) -> None:
    assert ask("/liq 1000pepe 10x long").values["entry"] == pytest.approx(0.0087)


def test_a_size_and_a_profit_by_the_price_of_now(ask: Ask) -> None:
    size = ask("/size 1% of 10000 stop 73000")
    assert size.values["size"] == pytest.approx(100 / (80_546 - 73_000))
    assert "from the price of now, 80,546, long." in plain_text(size.all_blocks())
    for line in ("/size stop 73000 100usd", "/size 100usd stop 73000 long", "/size risk $100 stop 73k"):
        assert ask(line).values["size"] == pytest.approx(100 / (80_546 - 73_000)), (
            "dollars beside the stop are the risk"
        )
    with pytest.raises(Refused) as refusal:
        ask("/size risk 1% of 10000 stop 93000 long")
    assert str(refusal.value) == (
        "The stop of a long lies below its entry, and the price of now is 80,546: a stop at 93,000 is that of a short. "
        "Type short, an entry, or a stop below 80,546."
    )
    for line in ("/pnl btc long 82000 now 0.5btc", "/pnl btc long 82000 0.5btc"):
        gain = ask(line)
        assert gain.values["pnl_usd"] == pytest.approx(0.5 * (80_546 - 82_000))
        assert "Taken as the exit: BTC is at 80,546." in lines_of(gain)
    entered = ask("/pnl now 100000 long")
    assert (entered.values["entry"], entered.values["exit"]) == (80_546.0, 100_000.0)
    assert ask("/pnl 82000 fee 0.05%").values["exit"] is None, "with a fee the break-even alone is asked for"


@pytest.mark.parametrize("line", ["/liq doge 25x", "/liq now 25x doge", "/size 1% of 10000 stop 0.1 doge"])
def test_where_no_price_is_known_it_is_asked_for(ask: Ask, line: str) -> None:
    with pytest.raises(Refused, match=r"The entry price is missing, and no price of DOGE is stored here\. Type it"):
        ask(line)


# --- tickers, slips, thousands ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("coin", ["HYPE", "NEAR", "LINEA", "COIN"])
def test_a_ticker_wins_over_a_word_like_it(ask: Ask, coin: str) -> None:
    for line in (f"/liq 20 5x long {coin}", f"/liq {coin.lower()} 20 5x long"):
        assert ask(line).values["asset"] == coin


@pytest.mark.parametrize(
    ("line", "values"),
    [
        pytest.param("/liq 95k lng 25x", {"side": "long", "entry": 95_000.0, "asset": "BTC"}, id="lng"),
        pytest.param("/liq 95k shrot 25x", {"side": "short", "asset": "BTC"}, id="shrot"),
        pytest.param("/liq 95k long 25x binace", {"venue": "binance"}, id="binace"),
        pytest.param("/pnl long 81000 85000 0.1", {"pnl_usd": 400.0, "entry": 81_000.0, "exit": 85_000.0}, id="coins"),
        pytest.param("/liq 82000 0.1 10x long", {"size": 0.1, "entry": 82_000.0}, id="coins beside one price"),
    ],
)
def test_a_certain_guess_is_done(ask: Ask, line: str, values: dict[str, object]) -> None:
    found = ask(line).values
    assert {name: found[name] for name in values} == pytest.approx(values)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param("/liq me 1.5 5x long", "Is “me” the coin? Type $ME for it", id="a filler that is a coin"),
        pytest.param("/liq 1.5 5x long", "Of which coin is 1.5 the price?", id="no price of the first coin"),
        pytest.param("/liq 9500 25x long", "Did you mean 95,000? The last stored", id="a zero too few"),
        pytest.param("/liq 95 25x long", "Type /liq 95000 25x long, or keep 95 with /liq 95 25x", id="thousands"),
        pytest.param("/liq 1,234 10x long xrp", "Did you mean 1.234?", id="a decimal comma, XRP"),
        pytest.param("/liq 145,320 10x short sol", "Did you mean 145.32?", id="a decimal comma, SOL"),
        pytest.param("/pnl 1,234 1.5 long xrp", "Type 1.234 in its place, or keep 1,234 with exact", id="/pnl"),
        pytest.param("/size 95 stop 79000 risk 500usd", "Did you mean 95,000?", id="/size"),
        pytest.param("/margin 9500 25x long 0.5btc liq 9000", "Type /margin 95000 25x long 0.5btc", id="/margin"),
    ],
)
def test_what_may_be_something_else_is_asked_about(ask: Ask, line: str, why: str) -> None:
    with pytest.raises(Refused) as caught:
        ask(line)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 260


@pytest.mark.parametrize(
    "line", ["/liq 16000 10x long", "/liq 69000 5x long", "/liq 9500 25x long exact", "/liq 3 5x near"]
)
def test_an_old_entry_is_no_slip(ask: Ask, line: str) -> None:
    assert ask(line).values["entry"] == float(line.split()[1])


def test_a_filler_away_from_numbers_stays_one(ask: Ask) -> None:
    assert ask("/liq tell $btc me please 82000 5x long".replace("tell ", "")).values["asset"] == "BTC"
    assert ask("/liq $me 1.5 5x long").values["asset"] == "ME"
