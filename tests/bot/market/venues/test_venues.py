"""Every venue through ccxt's own request building and parsing, in one world in which all of them must agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd
import pytest

from bot.market.border.judging import Border
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import VenueRecipe, recipes
from bot.market.source import Ask, Blocked, NotOffered, SourceDown, SourceError, Topic
from signals.inputs import INPUTS
from signals.options import Chain
from storage.market.points import Points
from tests.fakes.exchange import Fault, Twist
from tests.fakes.exchange_venues import NAMES, SHARE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.fakes.exchange import Clock, FakeExchange

OTHERS = [venue for venue in recipes() if venue != "binance"]  # Binance USD-M has a file of its own
PAIRS = [(recipe.venue, topic) for recipe in recipes().values() for topic in recipe.offers]
COINS = {"binance": 1.0} | SHARE

Venue = "Callable[[str], CcxtVenue]"


@pytest.fixture
async def venue(exchange: FakeExchange, clock: Clock) -> AsyncIterator[Callable[[str], CcxtVenue]]:
    made: dict[str, CcxtVenue] = {}

    def make(name: str) -> CcxtVenue:
        if name not in made:
            row: VenueRecipe = recipes()[name]
            url = f"{exchange.base_url}/{name}"
            made[name] = CcxtVenue(row, clock=clock, steady=clock.steady, base_url=url, timeout_s=5, paced=False)
        return made[name]

    yield make
    for source in made.values():
        await source.close()


async def newest(venue: CcxtVenue, topic: Topic, asset: str, now: datetime) -> dict[str, float]:
    found = [given for given in await venue.fetch(Ask(topic, asset, now)) if isinstance(given, Points)]
    return {name: float(given.frame()[name].iloc[-1]) for given in found for name in given.frame().columns}


# --- one world


@pytest.mark.parametrize(("name", "topic"), [pytest.param(*pair, id=" ".join(pair)) for pair in PAIRS])
async def test_what_is_offered_is_in_our_units(venue: Any, clock: Clock, name: str, topic: Topic) -> None:
    since = clock.now - timedelta(days=10)  # more than a page holds
    found = await venue(name).fetch(Ask(topic, "BTC", clock.now, since))
    assert found
    for given in found:
        assert (given.venue, given.asset) == (name, "BTC")
        if isinstance(given, Chain):
            assert given.at == clock.now
            continue
        good, rejected = Border().admit(given, clock.now)
        assert rejected == []
        assert good.frame().shape == given.frame().shape
        assert set(given.frame().columns) <= set(INPUTS)
        assert {INPUTS[column].kind for column in given.frame().columns} == {"bar" if given.step else "level"}
        assert given.frame().index.is_monotonic_increasing
        assert given.frame().index.is_unique
        assert given.frame().index[0] >= since
        steps = given.frame().index.to_series().diff().dropna()
        if topic in {"bars", "open_interest", "ratios"} and len(given.frame()) > 2:
            assert set(steps) == {timedelta(hours=1)}  # no hole where pages meet
    frames = [given.frame() for given in found if isinstance(given, Points)]
    assert not frames or max(frame.index[-1] for frame in frames) >= clock.now - timedelta(hours=2)


@pytest.mark.slow
@pytest.mark.parametrize("asset", ["BTC", "ETH", "SOL", "PEPE"])
async def test_venues_agree(venue: Any, clock: Clock, exchange: FakeExchange, asset: str) -> None:
    """Price times multiplier within 5 %, dollars equal coins times price within 2 %, and coins are coins."""
    marks = {}
    for row in recipes().values():
        try:
            funding = await newest(venue(row.venue), "funding", asset, clock.now)
        except NotOffered:
            assert row.venue in {"binance_coinm", "deribit"}
            continue
        held = await newest(venue(row.venue), "open_interest", asset, clock.now)
        bars = await venue(row.venue).fetch(Ask("bars", asset, clock.now, clock.now - timedelta(hours=5)))
        close = bars[-1].frame()["close"].iloc[-1]
        marks[row.venue] = funding["mark_price"]
        assert close == pytest.approx(funding["mark_price"], rel=0.03)
        assert held["open_interest_usd"] == pytest.approx(held["open_interest_coin"] * marks[row.venue], rel=0.02)
        symbol, times = ("1000PEPEUSDT", 1000) if asset == "PEPE" else (f"{asset}USDT", 1)
        coins = exchange.coins(symbol, round(clock.now.timestamp() * 1000)) * times * COINS[row.venue]
        assert held["open_interest_coin"] == pytest.approx(coins, rel=0.001), row.venue
    assert len(marks) >= 7
    middle = pd.Series(marks).median()
    assert all(mark == pytest.approx(middle, rel=0.05) for mark in marks.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["binance", "binance_coinm", "bybit", "okx", "gate", "kucoin"])
async def test_history_of_open_interest_joins_the_present(
    venue: Any, clock: Clock, exchange: FakeExchange, name: str
) -> None:
    found = await venue(name).fetch(Ask("open_interest", "ETH", clock.now, clock.now - timedelta(days=2)))
    *past, now = found
    for given in past:
        for column in given.frame().columns:
            assert given.frame()[column].iloc[-1] == pytest.approx(now.frame()[column].iloc[0], rel=0.02)
    (coins,) = [given.frame()["open_interest_coin"] for given in past if "open_interest_coin" in given.frame()]
    for at, value in coins.items():  # stamped with the moment at which the level held, not an hour beside it
        told = exchange.coins("ETHUSDT", round(at.timestamp() * 1000)) * COINS[name]
        assert value == pytest.approx(told, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        pytest.param("binance_coinm", 8, id="coinm"), pytest.param("bybit", 8, id="bybit"),
        pytest.param("okx", 8, id="okx"), pytest.param("hyperliquid", 1, id="hyperliquid"),
        pytest.param("deribit", 1, id="deribit"), pytest.param("gate", 8, id="gate"),
        pytest.param("bitget", 8, id="bitget"), pytest.param("kucoin", 8, id="kucoin"),
    ],
)  # fmt: skip
async def test_settled_rates_carry_their_hours(venue: Any, clock: Clock, name: str, hours: float) -> None:
    since = clock.now.replace(hour=0, minute=0, second=0) - timedelta(days=20)
    past, now = await venue(name).fetch(Ask("funding", "BTC", clock.now, since))
    assert set(past.frame()["funding_interval_hours"]) == {hours}
    assert list(now.frame()["funding_interval_hours"]) == [hours]
    assert past.frame().index[0] - since < timedelta(seconds=10)
    assert len(past.frame()) == (20 * 24 + 12) // hours + 1


@pytest.mark.parametrize("name", ["bybit", "okx", "gate", "bitget", "kucoin"])
async def test_an_interval_that_changes_is_used_at_once(
    venue: Any, clock: Clock, exchange: FakeExchange, name: str
) -> None:
    assert (await newest(venue(name), "funding", "BTC", clock.now))["funding_interval_hours"] == 8
    exchange.intervals[f"{name}:BTC"] = 1
    assert (await newest(venue(name), "funding", "BTC", clock.go(minutes=1)))["funding_interval_hours"] == 1


async def test_bybit_interval_from_the_instruments(venue: Any, clock: Clock, exchange: FakeExchange) -> None:
    """Older answers have no interval in the ticker; in the list of instruments it stands in minutes."""
    bybit = venue("bybit")
    await newest(bybit, "funding", "PEPE", clock.now)
    row = {"symbol": "1000PEPEUSDT", "markPrice": "0.008", "indexPrice": "0.008", "fundingRate": "0.0001"}
    exchange.recorded["/v5/market/tickers"] = {
        "retCode": 0, "result": {"list": [row]}, "time": round(clock.go(minutes=1).timestamp() * 1000)
    }  # fmt: skip
    assert (await newest(bybit, "funding", "PEPE", clock.now))["funding_interval_hours"] == 4


@pytest.mark.slow
async def test_three_ratios_are_kept_apart(venue: Any, clock: Clock) -> None:
    for name, accounts in (("binance", 1.5), ("binance_coinm", 1.5), ("okx", 1.5), ("gate", 1.7)):
        found = await newest(venue(name), "ratios", "BTC", clock.now)
        assert found == {
            "long_short_accounts": accounts, "long_short_top_accounts": 1.2, "long_short_top_positions": 1.1
        }, name  # fmt: skip
    assert await newest(venue("bybit"), "ratios", "BTC", clock.now) == {"long_short_accounts": pytest.approx(1.5)}
    # 0.58 of the accounts are long, 0.42 short; the quotient that Bitget prints beside them is not one
    bitget = await newest(venue("bitget"), "ratios", "BTC", clock.now)
    assert bitget == {"long_short_accounts": pytest.approx(0.58 / 0.42)}


@pytest.mark.slow
async def test_depth_is_in_dollars_within_one_percent(venue: Any, clock: Clock) -> None:
    for name in OTHERS:
        found = await newest(venue(name), "depth", "BTC", clock.now)
        held = (await newest(venue(name), "open_interest", "BTC", clock.now))["open_interest_usd"]
        if name == "hyperliquid":  # a coarse grid: some ten levels a side, each a ten-thousandth of what is open
            assert 5 < found["depth_bids_usd"] / held * 10_000 < 15
            continue
        # the model's book: twenty levels within 1 %, of one, two, three ten-thousandths of what is open
        assert found["depth_bids_usd"] == pytest.approx(39 * held / 10_000, rel=0.02), name
        assert found["depth_asks_usd"] == pytest.approx(39 * held / 10_000, rel=0.02), name


@pytest.mark.parametrize("asset", ["BTC", "ETH", "SOL", "PEPE"])
async def test_hyperliquid_is_asked_as_coarse_as_needed(
    venue: Any, clock: Clock, exchange: FakeExchange, asset: str
) -> None:
    await newest(venue("hyperliquid"), "depth", asset, clock.now)
    mid = float((await newest(venue("hyperliquid"), "funding", asset, clock.now))["mark_price"])
    (asked,) = [query for _, query in exchange.queries if query.get("type") == "l2Book"]
    step = 10.0 ** (int(f"{mid:e}".split("e")[1]) - asked["nSigFigs"] + 1)
    assert 20 * step >= 0.01 * mid  # twenty levels reach 1 %


@pytest.mark.slow
async def test_one_question_serves_all_assets(venue: Any, clock: Clock, exchange: FakeExchange) -> None:
    whole = {
        "bybit": ("/v5/market/tickers", 1), "okx": ("/api/v5/public/funding-rate", 1), "hyperliquid": ("/info", 2),
        "gate": ("/api/v4/futures/usdt/contracts", 2), "bitget": ("/api/v2/mix/market/tickers", 1),
        "kucoin": ("/api/v1/contracts/active", 2), "binance_coinm": ("/dapi/v1/premiumIndex", 1),
    }  # fmt: skip  # two where the list of markets is the same call
    for name, (path, times) in whole.items():
        for asset in ("BTC", "ETH"):
            for topic in ("funding", "open_interest"):
                await venue(name).fetch(Ask(topic, asset, clock.now))
        assert exchange.count(path) == times, name


@pytest.mark.slow
async def test_only_what_is_needed_is_listed(venue: Any, clock: Clock, exchange: FakeExchange) -> None:
    """A list of markets is one call, of perpetuals alone, and no list of coins.

    But Bitget has six product types, and Bybit a list of its own of what is about to be listed.
    """
    for name in OTHERS:
        before = sum(exchange.asked.values())
        await venue(name).contracts(clock.now)
        assert sum(exchange.asked.values()) - before == {"bitget": 6, "bybit": 2}.get(name, 1), name


# --- trouble


WANTED: dict[Fault, type[SourceError]] = {
    "html": SourceDown, "cut": SourceDown, "empty": SourceDown, "null": SourceDown, "empty_list": SourceDown,
    "banned": SourceDown, "busy": SourceDown, "busy_after": SourceDown, "busy_date": SourceDown, "geo": Blocked,
    "forbidden": Blocked, "unavailable": SourceDown, "slow": SourceDown, "hang_up": SourceDown,
}  # fmt: skip


MAY_LIST_NONE = {("gate", "dated_futures")}  # a list of its own, of which all may have expired


def test_every_fault_is_wanted_and_every_venue_named() -> None:
    assert set(WANTED) == set(get_args(Fault))
    assert set(OTHERS) <= NAMES
    assert len({recipe.title for recipe in recipes().values()}) == len(recipes())


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("fault", WANTED)
async def test_a_fault_is_never_silent(
    venue: Any, clock: Clock, exchange: FakeExchange, name: str, fault: Fault
) -> None:
    """At start, and for each topic of a running venue; only one of the slow ones, the clock is real there."""
    there = venue(name)
    topics: list[Topic] = list(recipes()[name].offers)
    exchange.faults[f"{name}/*"] = fault
    if fault != "slow":
        with pytest.raises(SourceError):
            await there.fetch(Ask("funding" if "funding" in topics else topics[0], "BTC", clock.now))
    exchange.faults.clear()
    clock.go(days=1, minutes=1)  # a ban is over
    await there.fetch(Ask("funding", "BTC", clock.now))
    exchange.banned_until = clock.now + timedelta(minutes=7)
    exchange.faults[f"{name}/*"] = fault
    if fault == "slow":  # all else may take its time on a busy machine
        there._exchange.timeout = 300
    for topic in topics[:1] if fault == "slow" else topics:
        with pytest.raises(SourceError) as caught:
            await there.fetch(Ask(topic, "BTC", clock.go(minutes=1), clock.now - timedelta(days=2)))
        wanted = NotOffered if fault == "empty_list" and (name, topic) in MAY_LIST_NONE else WANTED[fault]
        assert type(caught.value) is wanted, (topic, caught.value)
        said = str(caught.value)
        assert said.startswith(recipes()[name].title)
        assert not any(word in said for word in ("http", "127.0.0.1", "<html"))


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("twist", get_args(Twist))
async def test_no_impossible_figure_gets_in(
    venue: Any, clock: Clock, exchange: FakeExchange, name: str, twist: Twist
) -> None:
    """Zero, none, negative, NaN, a thousandfold or a future figure: an error of ours, or stopped at the border."""
    validator = Border()
    signed = ["funding_rate"]
    for topic in ("bars", "open_interest", "funding"):
        for given in await venue(name).fetch(Ask(topic, "BTC", clock.now, clock.now - timedelta(days=1))):
            validator.admit(given, clock.now)
    exchange.twists["*"] = twist
    exchange.frozen_at = clock.now
    clock.go(hours=1)
    for topic in ("bars", "open_interest", "funding", "depth"):
        try:
            found = await venue(name).fetch(Ask(topic, "BTC", clock.now, clock.now - timedelta(days=1)))
        except SourceDown:
            continue
        for given in found:
            good, _ = validator.admit(given, clock.now)
            assert (good.frame().index <= clock.now + timedelta(seconds=5)).all()
            if topic != "depth":  # a book has no last value before the first
                values = good.frame()[good.frame().columns.difference(signed)].to_numpy()
                assert (((values > 0) & (values < 1e11)) | np.isnan(values)).all(), (topic, twist)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
async def test_a_delisted_contract_isolates_itself(venue: Any, clock: Clock, exchange: FakeExchange, name: str) -> None:
    there = venue(name)
    await there.fetch(Ask("funding", "ETH", clock.now))
    exchange.gone.add((name, "ETH"))
    clock.go(minutes=30)
    topics: tuple[Topic, ...] = ("funding", "open_interest") if name == "hyperliquid" else ("bars", "funding")
    for topic in topics:
        with pytest.raises(NotOffered, match=r"any more|is not a"):
            await there.fetch(Ask(topic, "ETH", clock.now))
        assert await there.fetch(Ask(topic, "BTC", clock.now))


@pytest.mark.parametrize("first", ["funding", "depth"])
async def test_a_round_asks_the_same_whichever_question_doubts_first(
    venue: Any, clock: Clock, exchange: FakeExchange, first: Topic
) -> None:
    """A tape that is played has other milliseconds: what is sent must not hang on who was the first."""
    there = venue("okx")
    await there.fetch(Ask("funding", "ETH", clock.now))
    exchange.gone.add(("okx", "ETH"))
    clock.go(minutes=30)
    topics: tuple[Topic, ...] = ("funding", "open_interest", "depth")
    before = exchange.requests.copy()
    for topic in sorted(topics, key=lambda topic: topic != first):
        with pytest.raises(NotOffered):
            await there.fetch(Ask(topic, "ETH", clock.now))
    asked = ("instruments", "mark-price", "funding-rate", "index-tickers", "open-interest", "books-full")
    assert {path.rpartition("/")[2]: many for path, many in (exchange.requests - before).items()} == dict.fromkeys(
        asked, 1
    )
    total = exchange.count()
    with pytest.raises(NotOffered):
        await there.fetch(Ask("funding", "ETH", clock.go(minutes=1)))
    assert exchange.count() == total, "the next round has the fresh list"


@pytest.mark.slow
async def test_one_odd_answer_is_no_delisting(venue: Any, clock: Clock, exchange: FakeExchange) -> None:
    gate = venue("bitget")
    await gate.fetch(Ask("funding", "ETH", clock.now))
    only = {"symbol": "BTCUSDT", "ts": str(round(clock.now.timestamp() * 1000))}
    exchange.recorded["/api/v2/mix/market/tickers"] = {"code": "00000", "data": [only]}  # cut by the venue
    with pytest.raises(SourceDown, match="no ETHUSDT in an answer for all"):
        await gate.fetch(Ask("funding", "ETH", clock.go(minutes=30)))


async def test_a_book_that_cannot_be(venue: Any, clock: Clock, exchange: FakeExchange) -> None:
    await venue("okx").fetch(Ask("depth", "BTC", clock.now))
    for bids, asks, said in (
        ([["100", "1"]], [["99", "1"]], "not below"),
        ([], [["99", "1"]], "empty side"),
        ([["100", "1"]], [["100", "1"]], "not below"),
    ):
        book = {"bids": bids, "asks": asks, "ts": str(round(clock.now.timestamp() * 1000))}
        exchange.recorded["/api/v5/market/books-full"] = {"code": "0", "data": [book]}
        with pytest.raises(SourceDown, match=said):
            await venue("okx").fetch(Ask("depth", "BTC", clock.now))


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        pytest.param("gate", "/api/v4/futures/usdt/order_book", 1_790_000_000_000, id="not seconds"),
        pytest.param("kucoin", "/api/v1/level2/depth100", 1_790_000_000_000, id="not nanoseconds"),
    ],
)
async def test_a_clock_in_another_unit_is_refused(
    venue: Any, clock: Clock, exchange: FakeExchange, name: str, path: str, value: int
) -> None:
    book = {"bids": [], "asks": [], "ts": value, "current": value}
    exchange.recorded[path] = book if name == "gate" else {"code": "200000", "data": book}
    with pytest.raises(SourceDown, match="no time in milliseconds"):
        await venue(name).fetch(Ask("depth", "BTC", clock.now))


# --- options and volatility


async def test_option_chain(venue: Any, clock: Clock, exchange: FakeExchange) -> None:
    (chain,) = await venue("deribit").fetch(Ask("options", "BTC", clock.now))
    assert len(chain.options) == 12
    first = chain.options[0]
    assert first.expiry == datetime(2026, 11, 27, 8, tzinfo=UTC)
    assert (first.strike, first.kind, first.open_interest_coin, first.iv) == (80_000, "call", 800, 58)
    assert [option.quoted for option in chain.options] == [False, True] * 6  # a call without a bid, a put with both
    assert chain.index == 89_990
    assert exchange.count("/get_book_summary_by_currency") == 1
    (of_sol,) = await venue("deribit").fetch(Ask("options", "SOL", clock.now))  # settled in USDC
    assert (of_sol.asset, len(of_sol.options)) == ("SOL", 12)
    assert exchange.count("/get_book_summary_by_currency") == 2
    with pytest.raises(NotOffered, match="BTC and ETH only"):
        await venue("deribit").fetch(Ask("volatility", "SOL", clock.now))


async def test_the_running_hour_of_volatility_is_asked_again(venue: Any, clock: Clock) -> None:
    (first,) = await venue("deribit").fetch(Ask("volatility", "BTC", clock.now, clock.now - timedelta(hours=5)))
    known = first.frame().index[-1].to_pydatetime()
    assert known == clock.now
    now = clock.go(minutes=5)
    (later,) = await venue("deribit").fetch(Ask("volatility", "BTC", now, known))
    assert later.frame().index[-1] == now
    assert len(later.frame()) <= 2


@pytest.mark.parametrize(
    ("named", "read"),
    [
        pytest.param("BTC-5JAN27-60000-P", (datetime(2027, 1, 5, 8, tzinfo=UTC), 60_000, "put"), id="early in a month"),
        pytest.param("BTC-25DEC26-1d5-C", (datetime(2026, 12, 25, 8, tzinfo=UTC), 1.5, "call"), id="a broken strike"),
    ],
)
async def test_option_names(venue: Any, clock: Clock, exchange: FakeExchange, named: str, read: Any) -> None:
    at = round(clock.now.timestamp() * 1000)
    row = {"instrument_name": named, "open_interest": 12.5, "mark_iv": 61.2, "creation_timestamp": at}
    exchange.recorded["/api/v2/public/get_book_summary_by_currency"] = {"result": [row, row | {"mark_iv": None}]}
    (chain,) = await venue("deribit").fetch(Ask("options", "BTC", clock.now))
    assert [(option.expiry, option.strike, option.kind) for option in chain.options] == [read, read]
    assert [option.iv for option in chain.options] == [61.2, None]


@pytest.mark.parametrize("named", ["BTC_USDC-25DEC26-60000-C", "ETH-25DEC26-6000-C"])
async def test_options_of_another_contract_are_none(
    venue: Any, clock: Clock, exchange: FakeExchange, named: str
) -> None:
    at = round(clock.now.timestamp() * 1000)
    row = {"instrument_name": named, "open_interest": 12.5, "mark_iv": 61.2, "creation_timestamp": at}
    exchange.recorded["/api/v2/public/get_book_summary_by_currency"] = {"result": [row]}
    with pytest.raises(NotOffered, match="no options of BTC"):
        await venue("deribit").fetch(Ask("options", "BTC", clock.now))


WHOLE = {"instrument_name": "BTC-25DEC26-60000-C", "open_interest": 12.5, "mark_iv": 61.2}


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL_USDC"])
@pytest.mark.parametrize(
    ("broken", "left"),
    [
        pytest.param({}, 3, id="whole"),
        pytest.param({"open_interest": None}, 2, id="no open interest"),
        pytest.param({"open_interest": "much"}, 2, id="open interest that is no number"),
        pytest.param({"open_interest": -1.0}, 2, id="less than none"),
        pytest.param({"instrument_name": "BTC-31XXX26-60000-C"}, 2, id="no such month"),
        pytest.param({"instrument_name": "BTC-25DEC26"}, 2, id="no strike"),
        pytest.param({"instrument_name": None}, 2, id="no name"),
        pytest.param({"creation_timestamp": None}, 3, id="no time: the others tell it"),
        pytest.param({"mark_iv": None}, 3, id="no volatility: what is open is known"),
    ],
)
async def test_a_row_without_a_figure_is_lost_and_not_the_chain(
    venue: Any, clock: Clock, exchange: FakeExchange, coin: str, broken: dict[str, Any], left: int
) -> None:
    row = WHOLE | {"creation_timestamp": round(clock.now.timestamp() * 1000), "estimated_delivery_price": None}
    others = [row | {"instrument_name": f"BTC-25DEC26-{strike}-P"} for strike in (50_000, 70_000)]
    without = {name: value for name, value in (row | broken).items() if name != "open_interest" or value is not None}
    exchange.recorded["/api/v2/public/get_book_summary_by_currency"] = {
        "result": [
            one | {"instrument_name": str(one["instrument_name"]).replace("BTC", coin)} for one in (without, *others)
        ]
    }
    (chain,) = await venue("deribit").fetch(Ask("options", coin.removesuffix("_USDC"), clock.now))
    assert len(chain.options) == left
    assert chain.index is None


async def test_a_chain_of_which_little_can_be_read_is_none(venue: Any, clock: Clock, exchange: FakeExchange) -> None:
    row = WHOLE | {"creation_timestamp": round(clock.now.timestamp() * 1000)}
    rows = [row, *[row | {"open_interest": None}] * 2]
    exchange.recorded["/api/v2/public/get_book_summary_by_currency"] = {"result": rows}
    with pytest.raises(SourceDown, match="2 of 3 options lack a figure"):
        await venue("deribit").fetch(Ask("options", "BTC", clock.now))
