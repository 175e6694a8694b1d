from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.source import Ask, Blocked, NotOffered, SourceDown, SourceError, Topic
from tests.fakes.exchange import HOUR, Clock, FakeExchange, Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pandas as pd

TOPICS: tuple[Topic, ...] = ("bars", "open_interest", "funding")


@pytest.fixture
async def venue(exchange: FakeExchange, clock: Clock) -> AsyncIterator[CcxtVenue]:
    made = CcxtVenue(
        recipes()["binance"], clock=clock, steady=clock.steady, base_url=exchange.base_url, timeout_s=5, paced=False
    )
    yield made
    await made.close()


def hurry(venue: CcxtVenue) -> None:
    """Wait for no answer longer than a moment, from now on; all else may take its time on a busy machine."""
    venue._timeout_s = 0.3
    if venue._exchange:
        venue._exchange.timeout = 300


async def one(venue: CcxtVenue, topic: Topic, asset: str, now: datetime, since: datetime | None = None) -> pd.DataFrame:
    (points,) = await venue.fetch(Ask(topic, asset, now, since))
    assert (points.venue, points.asset) == ("binance", asset)
    return points.frame()


def ms(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


# --- what exchanges really sent, through ccxt's own parsing


async def test_recorded_bars_keep_taker_volume(venue: CcxtVenue, exchange: FakeExchange, recorded: Any) -> None:
    rows = recorded["/fapi/v1/klines"][
        "endTime=1673136000000&interval=1d&limit=1000&startTime=1672531200000&symbol=BTCUSDT"
    ]
    exchange.recorded["/fapi/v1/klines"] = rows
    frame = await one(venue, "bars", "BTC", ms(1673136000000))
    assert list(frame.columns) == ["open", "high", "low", "close", "volume_usd", "taker_buy_usd"]
    assert frame.index[0] == ms(1672531200000)
    assert list(frame.iloc[0]) == [16537.50, 16618.80, 16488.00, 16610.30, 1746449849.73920, 871082706.82390]
    assert list(frame.iloc[-1]) == [16823.80, 17030.00, 16664.80, 16943.80, 5333655035.26937, 2697892780.65753]


@pytest.mark.slow
async def test_recorded_exchange_info_lists_perpetuals(
    venue: CcxtVenue, exchange: FakeExchange, clock: Clock, recorded: Any
) -> None:
    exchange.recorded["/fapi/v1/exchangeInfo"] = recorded["/fapi/v1/exchangeInfo"][""]
    with pytest.raises(NotOffered, match=r"XMRR is not a Binance perpetual; did you mean XMR"):
        await venue.fetch(Ask("bars", "XMRR", clock.now))
    assert len(venue._contracts) == 25
    assert venue._contracts["LTC"].symbol == "LTC/USDT:USDT"


async def test_recorded_open_interest_is_in_coins(
    venue: CcxtVenue, exchange: FakeExchange, clock: Clock, recorded: Any
) -> None:
    exchange.recorded["/fapi/v1/openInterest"] = recorded["/fapi/v1/openInterest"]["symbol=BTCUSDT"]
    premium = dict(recorded["/fapi/v1/premiumIndex"]["symbol=BTCUSDT"])
    exchange.recorded["/fapi/v1/premiumIndex"] = [premium]
    frame = await one(venue, "open_interest", "BTC", clock.now)
    # the two recordings are half a year apart: no product of them is formed
    assert frame.to_dict("records") == [{"open_interest_coin": 83782.317}]
    assert frame.index[0] == ms(1702244985273)
    premium["time"] = 1702244985273 - 30_000
    frame = await one(venue, "open_interest", "BTC", clock.go(minutes=1))
    assert frame["open_interest_usd"].iloc[0] == pytest.approx(83782.317 * 26780.82240476)


@pytest.mark.slow
async def test_recorded_open_interest_history(
    venue: CcxtVenue, exchange: FakeExchange, clock: Clock, recorded: Any
) -> None:
    exchange.recorded["/fapi/v1/exchangeInfo"] = recorded["/fapi/v1/exchangeInfo"][""]
    exchange.listed["LTCUSDT"] = exchange.listed["ETHUSDT"]
    exchange.recorded["/fapi/v1/premiumIndex"] = [
        {"symbol": "LTCUSDT", "markPrice": "50", "indexPrice": "50", "lastFundingRate": "0", "time": 1602820343000}
    ]
    exchange.recorded["/fapi/v1/openInterest"] = {"symbol": "LTCUSDT", "openInterest": "1", "time": 1602820343000}
    exchange.recorded["/futures/data/openInterestHist"] = recorded["/futures/data/openInterestHist"][
        "endTime=1602820343&limit=10&period=1d&startTime=1602802343&symbol=LTCUSDT"
    ]
    history, live = await venue.fetch(Ask("open_interest", "LTC", clock.now, clock.now - timedelta(days=9)))
    assert len(history.frame()) == 10
    assert history.step is None
    assert history.frame().index[-1] == ms(1602806400000)  # the exchange's own stamp: the level at that moment
    assert list(history.frame().iloc[-1]) == [378181.602, 18701080.2189]
    assert len(live.frame()) == 1


async def test_recorded_funding_rates_carry_the_hours_between(
    venue: CcxtVenue, exchange: FakeExchange, clock: Clock, recorded: Any
) -> None:
    exchange.recorded["/fapi/v1/fundingRate"] = recorded["/fapi/v1/fundingRate"]["symbol=BTCUSDT"]
    exchange.recorded["/fapi/v1/premiumIndex"] = [recorded["/fapi/v1/premiumIndex"]["symbol=BTCUSDT"]]
    exchange.recorded["/fapi/v1/fundingInfo"] = recorded["/fapi/v1/fundingInfo"][""]
    settled, live = await venue.fetch(Ask("funding", "BTC", clock.now, ms(1600156800000)))
    assert settled.frame().iloc[0].to_dict() == {"funding_rate": -0.00002796, "funding_interval_hours": 8.0}
    assert settled.frame().index[0] == ms(1600156800010)
    assert set(settled.frame()["funding_interval_hours"]) == {8.0}
    assert len(settled.frame()) == 99
    assert live.frame().to_dict("records") == [
        {
            "funding_rate": 0.00001226,
            "funding_interval_hours": 8.0,
            "mark_price": 26780.82240476,
            "index_price": 26798.25197802,
        }
    ]
    assert live.frame().index[0] == ms(1687244112000)


# --- our units


@pytest.mark.parametrize(
    ("asset", "interval", "mark"),
    [
        pytest.param("BTC", 8.0, 93_389.7, id="never adjusted, so not listed in fundingInfo: eight hours"),
        pytest.param("SOL", 8.0, 155.65, id="listed with eight"),
        pytest.param("PEPE", 4.0, 0.0000083013, id="listed with four; a contract of a thousand coins"),
    ],
)
async def test_funding_now(venue: CcxtVenue, clock: Clock, asset: str, interval: float, mark: float) -> None:
    row = (await one(venue, "funding", asset, clock.now)).iloc[0]
    assert row["funding_interval_hours"] == interval
    assert row["mark_price"] == pytest.approx(mark, rel=1e-3)


async def test_packed_contract_agrees_with_itself(venue: CcxtVenue, clock: Clock) -> None:
    mark = (await one(venue, "funding", "PEPE", clock.now))["mark_price"].iloc[0]
    close = (await one(venue, "bars", "PEPE", clock.now))["close"].iloc[-1]
    row = (await one(venue, "open_interest", "PEPE", clock.now)).iloc[0]
    assert close == pytest.approx(mark, rel=0.02)
    assert row["open_interest_usd"] == pytest.approx(row["open_interest_coin"] * mark, rel=1e-6)
    assert row["open_interest_coin"] > 1e12  # coins, not thousands of coins


async def test_history_of_open_interest_fits_the_present(
    venue: CcxtVenue, clock: Clock, exchange: FakeExchange
) -> None:
    history, live = await venue.fetch(Ask("open_interest", "PEPE", clock.now, clock.now - timedelta(days=200)))
    assert len(history.frame()) == 30 * 24 - 1  # what Binance keeps; an older startTime would be refused
    assert history.frame().index.is_monotonic_increasing
    assert history.frame().index.is_unique
    for name in ("open_interest_coin", "open_interest_usd"):
        assert history.frame()[name].iloc[-1] == pytest.approx(live.frame()[name].iloc[0], rel=0.02)


@pytest.mark.slow
async def test_bars_page_without_holes(venue: CcxtVenue, clock: Clock, exchange: FakeExchange) -> None:
    frame = await one(venue, "bars", "BTC", clock.now, clock.now - timedelta(days=150))
    assert exchange.count("/klines") == 3
    assert (frame.index.to_series().diff().dropna() == timedelta(hours=1)).all()
    assert frame.index[-1] == datetime(2026, 11, 20, 11, tzinfo=UTC)
    await one(venue, "bars", "BTC", clock.now, frame.index[-1].to_pydatetime())
    assert exchange.queries[-1][1]["limit"] == "3"  # the weight grows with the limit


@pytest.mark.parametrize(
    ("ahead_s", "newest_hour"),
    [
        pytest.param(0, 11, id="clocks agree: the running bar is left out"),
        pytest.param(3, 11, id="our clock ahead over the full hour: still running at the exchange"),
        pytest.param(-3, 11, id="our clock behind"),
    ],
)
async def test_only_closed_bars(
    venue: CcxtVenue, exchange: FakeExchange, clock: Clock, ahead_s: int, newest_hour: int
) -> None:
    clock.now = datetime(2026, 11, 20, 12, 59, 58, tzinfo=UTC)
    frame = await one(venue, "bars", "BTC", clock.now + timedelta(seconds=ahead_s))
    assert frame.index[-1].hour == newest_hour


async def test_bar_counts_as_soon_as_the_next_has_begun(venue: CcxtVenue, clock: Clock) -> None:
    clock.now = datetime(2026, 11, 20, 13, 0, 1, tzinfo=UTC)
    assert (await one(venue, "bars", "BTC", clock.now)).index[-1].hour == 12


@pytest.mark.slow
async def test_interval_that_changes_is_used_at_once(venue: CcxtVenue, exchange: FakeExchange, clock: Clock) -> None:
    assert (await one(venue, "funding", "BTC", clock.now))["funding_interval_hours"].iloc[0] == 8
    exchange.intervals["BTCUSDT"] = 1
    assert (await one(venue, "funding", "BTC", clock.go(minutes=1)))["funding_interval_hours"].iloc[0] == 1


async def test_the_first_settlement_asked_for_is_there_with_its_interval(venue: CcxtVenue, clock: Clock) -> None:
    settled, _ = await venue.fetch(Ask("funding", "BTC", clock.now, clock.now.replace(hour=8, minute=0, second=0)))
    assert [at.hour for at in settled.frame().index] == [8]
    assert list(settled.frame()["funding_interval_hours"]) == [8.0]


async def test_settled_hours_follow_a_change(venue: CcxtVenue, exchange: FakeExchange, clock: Clock) -> None:
    day = 1_763_510_400_000  # 2025-11-19 00:00 UTC
    times = [day, day + 8 * HOUR, day + 16 * HOUR, day + 17 * HOUR, day + 18 * HOUR]
    exchange.recorded["/fapi/v1/fundingRate"] = [
        {"symbol": "BTCUSDT", "fundingTime": at + 3, "fundingRate": "0.0001"} for at in times
    ]
    settled, _ = await venue.fetch(Ask("funding", "BTC", clock.now, ms(day + 1)))
    assert list(settled.frame()["funding_interval_hours"]) == [8, 8, 1, 1]


# --- faults: never a silent result


WANTED: dict[Fault, type[SourceError]] = {
    "html": SourceDown,
    "cut": SourceDown,
    "empty": SourceDown,
    "null": SourceDown,
    "empty_list": SourceDown,
    "banned": SourceDown,
    "busy": SourceDown,
    "busy_after": SourceDown,
    "busy_date": SourceDown,
    "geo": Blocked,
    "forbidden": Blocked,
    "unavailable": SourceDown,
    "slow": SourceDown,
    "hang_up": SourceDown,
}


def test_every_fault_of_the_fake_is_wanted() -> None:
    assert set(WANTED) == set(get_args(Fault))


@pytest.mark.slow
@pytest.mark.parametrize("warm", [pytest.param(True, id="running"), pytest.param(False, id="at start")])
@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("fault", WANTED)
async def test_fault_becomes_our_error(
    venue: CcxtVenue, exchange: FakeExchange, clock: Clock, topic: Topic, fault: Fault, warm: bool
) -> None:
    if warm:
        await venue.fetch(Ask(topic, "BTC", clock.now))
    exchange.faults["*"] = fault
    if fault == "slow":
        hurry(venue)
    with pytest.raises(SourceError) as caught:
        await venue.fetch(Ask(topic, "BTC", clock.go(minutes=1), clock.now - timedelta(days=2)))
    assert type(caught.value) is WANTED[fault]
    said = str(caught.value)
    assert said.startswith("Binance ")
    assert said.endswith(".")
    assert not any(word in said for word in ("http", "127.0.0.1", "<html", "BTCUSDT?", "binanceusdm"))


@pytest.mark.parametrize(
    "path",
    [
        "/fapi/v1/klines",
        "/fapi/v1/openInterest",
        "/fapi/v1/premiumIndex",
        "/fapi/v1/fundingInfo",
        "/futures/data/openInterestHist",
        "/fapi/v1/exchangeInfo",
    ],
)
@pytest.mark.parametrize("fault", ["html", "cut", "empty", "null", "empty_list"])
async def test_one_bad_path_is_never_silent(
    venue: CcxtVenue, exchange: FakeExchange, clock: Clock, path: str, fault: Fault
) -> None:
    exchange.faults[path] = fault
    errors = 0
    for topic in TOPICS:
        try:
            await venue.fetch(Ask(topic, "BTC", clock.now, clock.now - timedelta(days=2)))
        except SourceDown:
            errors += 1
    assert errors >= 1


async def test_closed_port_is_down(venue: CcxtVenue, exchange: FakeExchange, clock: Clock) -> None:
    await exchange.stop()
    with pytest.raises(SourceDown, match="cannot be reached"):
        await venue.fetch(Ask("bars", "BTC", clock.now))


@pytest.mark.parametrize(
    ("fault", "until_s"),
    [
        pytest.param("banned", 7 * 60 - 60, id="418 names the end in milliseconds"),
        pytest.param("busy_after", 33, id="429 with seconds"),
        pytest.param("busy_date", 33, id="429 with a date"),
        pytest.param("busy", 60, id="429 without a word: the minute of the weight"),
    ],
)
async def test_no_request_until_the_time_named(
    venue: CcxtVenue, exchange: FakeExchange, clock: Clock, fault: Fault, until_s: int
) -> None:
    await venue.fetch(Ask("funding", "BTC", clock.now))
    exchange.faults["*"] = fault
    begin = clock.go(minutes=1)
    with pytest.raises(SourceDown) as caught:
        await venue.fetch(Ask("bars", "BTC", clock.now))
    assert caught.value.retry_at == begin + timedelta(seconds=until_s)
    exchange.faults.clear()
    asked = exchange.count()
    for topic in TOPICS:
        with pytest.raises(SourceDown) as caught:
            await venue.fetch(Ask(topic, "ETH", clock.now))
        assert caught.value.retry_at == begin + timedelta(seconds=until_s)
    clock.now = begin + timedelta(seconds=until_s - 1)
    with pytest.raises(SourceDown):
        await venue.fetch(Ask("bars", "BTC", clock.now))
    assert exchange.count() == asked
    clock.go(seconds=1)
    assert await venue.fetch(Ask("bars", "BTC", clock.now))


async def test_queued_requests_do_not_leave_after_a_ban(venue: CcxtVenue, exchange: FakeExchange, clock: Clock) -> None:
    await venue.fetch(Ask("open_interest", "BTC", clock.now))
    venue._exchange.enableRateLimit = True  # what waits in the limiter when the ban is told stays there
    exchange.faults["*"] = "banned"
    asked = exchange.count()
    asks = [venue.fetch(Ask("open_interest", "BTC", clock.now)) for _ in range(8)]
    assert all(isinstance(error, SourceDown) for error in await asyncio.gather(*asks, return_exceptions=True))
    assert exchange.count() - asked <= 2


# --- assets


@pytest.mark.parametrize(
    ("asset", "said"),
    [
        pytest.param("BTS", r"BTS is not a Binance perpetual; did you mean BTC\?", id="near"),
        pytest.param("XYZW", r"XYZW is not a Binance perpetual\.", id="far"),
        pytest.param("GONE", r"GONE is not a Binance perpetual", id="listed, but settling"),
    ],
)
async def test_unknown_asset(venue: CcxtVenue, clock: Clock, asset: str, said: str) -> None:
    with pytest.raises(NotOffered, match=said):
        await venue.fetch(Ask("bars", asset, clock.now))


async def test_topic_of_another_source(venue: CcxtVenue, clock: Clock) -> None:
    with pytest.raises(NotOffered, match="does not offer fear_greed"):
        await venue.fetch(Ask("fear_greed", "MARKET", clock.now))


@pytest.mark.slow
async def test_symbol_that_the_exchange_forgot(venue: CcxtVenue, exchange: FakeExchange, clock: Clock) -> None:
    await venue.fetch(Ask("bars", "SOL", clock.now))
    del exchange.listed["SOLUSDT"]
    with pytest.raises(NotOffered, match="does not offer this contract any more"):
        await venue.fetch(Ask("bars", "SOL", clock.now))
    assert await venue.fetch(Ask("bars", "BTC", clock.now))


@pytest.mark.slow
async def test_markets_are_loaded_once_a_day(venue: CcxtVenue, exchange: FakeExchange, clock: Clock) -> None:
    for _ in range(3):
        await venue.fetch(Ask("bars", "BTC", clock.go(hours=7)))
    assert exchange.count("/exchangeInfo") == 1
    await venue.fetch(Ask("bars", "BTC", clock.go(hours=11)))
    assert exchange.count("/exchangeInfo") == 2


async def test_one_question_serves_all_assets_of_a_moment(
    venue: CcxtVenue, exchange: FakeExchange, clock: Clock
) -> None:
    asks = [Ask(topic, asset, clock.now) for topic in ("funding", "open_interest") for asset in ("BTC", "ETH", "SOL")]
    await asyncio.gather(*(venue.fetch(ask) for ask in asks))
    assert (exchange.count("/premiumIndex"), exchange.count("/fundingInfo")) == (1, 1)
    await venue.fetch(Ask("funding", "BTC", clock.go(minutes=1)))
    assert exchange.count("/premiumIndex") == 2


@pytest.mark.parametrize("listed", [pytest.param(True, id="an answer for all"), pytest.param(False, id="the listing")])
async def test_a_silent_venue_is_waited_for_once_a_moment(
    venue: CcxtVenue, exchange: FakeExchange, clock: Clock, *, listed: bool
) -> None:
    if listed:
        await venue.fetch(Ask("bars", "BTC", clock.now))
    before = exchange.count()
    exchange.faults["*"] = "slow"
    hurry(venue)
    asks = [Ask("funding", asset, clock.now) for asset in ("BTC", "ETH", "SOL")]
    found = await asyncio.gather(*(venue.fetch(ask) for ask in asks), return_exceptions=True)
    assert {type(error) for error in found} == {SourceDown}
    assert {str(error) for error in found} == {"Binance did not answer in time."}
    assert exchange.count() - before <= 2  # rates and their intervals, or the listing; not three times
    exchange.faults.clear()
    assert await venue.fetch(Ask("funding", "BTC", clock.go(seconds=15)))


async def test_close_twice_and_go_on(venue: CcxtVenue, clock: Clock) -> None:
    await venue.close()
    await venue.fetch(Ask("bars", "BTC", clock.now))
    await venue.close()
    await venue.close()


@pytest.mark.slow
def test_ccxt_is_imported_by_those_who_ask_alone() -> None:
    code = (
        "import sys, bot.market.exchange.venue, bot.market.exchange.venue_recipe, bot.market.collector; "
        "sys.exit('ccxt' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(__file__).parents[4])
