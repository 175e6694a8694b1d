"""A flash fall is told within two minutes, once, with sound; calm hours and hourly data say nothing of it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from bot.cli.playing import events
from bot.delivery.dispatcher import Dispatcher
from bot.engine.replay import fast_moves
from bot.engine.turn import TurnTaker
from handlers.charts import pictures
from handlers.reply import Buttons, Line, Picture
from handlers.words import subscriptions as words
from handlers.words.evidence.record import as_told
from storage.alerts import outbox, record
from storage.engine.database import Store
from storage.market import liquidations, points
from storage.market.liquidations import Hour
from storage.market.points import Points
from storage.queries import alarms
from tests import loop
from tests.fakes.channel import FakeChannel, HandClock
from tests.field.world import DAY, HOUR, MINUTE, ask, listener, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tests.fakes.channel import Said

START = utc("2026-11-20 16:00")
PRICE, COINS = 80_530.0, 95_000.0


@dataclass
class Market:
    """A bot with its store, a chat that is told everything, and venues that tell a price and coins every minute."""

    store: Store
    venues: Sequence[str] = ("binance", "bybit")
    price: float = PRICE
    coins: float = COINS
    clock: HandClock = field(default_factory=lambda: HandClock(START))
    channel: FakeChannel = field(default_factory=FakeChannel)
    noise: random.Random = field(default_factory=lambda: random.Random(5))
    seen: int = 0
    moving: Sequence[str] | None = None  # the venues whose price follows; None is all

    def __post_init__(self) -> None:
        self.still = self.price
        self.turns = TurnTaker(self.store, self.clock, ["BTC"], told=lambda: None)
        self.dispatcher = Dispatcher(self.store, [self.channel], self.clock, noise=random.Random(1))
        self.dispatcher.start()

    def minute(self, price: float = 1.0, coins: float = 1.0) -> list[Said]:
        """Let a minute pass in which the figures move by these factors; return what reached the chat in it."""
        self.clock.forward(60)
        self.still = self.still if self.moving else self.price * price
        self.price *= price
        self.coins *= coins
        self.tell()
        loop.run(self._turn())
        new, self.seen = self.channel.said[self.seen :], len(self.channel.said)
        return new

    def tell(self) -> None:
        at = [round(self.clock.now().timestamp() * 1000)]
        for place, venue in enumerate(self.venues):
            follows = self.moving is None or venue in self.moving
            price = (self.price if follows else self.still) * (1 + 0.0003 * place)
            columns = {"mark_price": [price], "open_interest_coin": [self.coins / (1 + place)]}
            columns["open_interest_usd"] = [columns["open_interest_coin"][0] * price]
            points.write(self.store, [Points(venue, "BTC", None, at, columns)])

    def hear(self, longs: float, shorts: float) -> None:
        """Hear so much more liquidated in this hour."""
        hour = self.clock.now().replace(minute=0)
        known = next(iter(liquidations.load(self.store, since=hour)), Hour("okx", "BTC", hour, 0, 0, timedelta(0)))
        more = replace(known, longs_usd=known.longs_usd + longs, shorts_usd=known.shorts_usd + shorts)
        liquidations.save(self.store, [more], now=self.clock.now())

    async def _turn(self) -> None:
        await self.turns.turn()
        for _ in range(20):
            if not await self.dispatcher.turn():
                if not outbox.waiting(self.store):
                    return
                self.clock.seconds += 2  # the pace of the platform; the wall stands still

    def quiet(self, minutes: int, spread: float = 0.0003) -> list[Said]:
        """Let calm minutes pass."""
        said = []
        for _ in range(minutes):
            said += self.minute(1 + self.noise.gauss(0, spread), 1 + self.noise.gauss(0, spread))
        return said

    def restarted(self) -> Market:
        """Return the same market after a restart: nothing but the file is left."""
        path = self.store.path
        self.store.close()
        again = Market(Store(path), self.venues, self.price, self.coins, self.clock, self.channel, self.noise)
        again.seen = self.seen
        return again


def past(store: Store, end: datetime = START, days: int = 60, hour: float = 0.004) -> None:
    """Store hourly closes and coins as they were before: a walk that ends at the price of now."""
    noise = random.Random(3)
    index = pd.date_range(end - days * DAY, end - HOUR, freq="h")
    closes, coins = [PRICE], [COINS]
    for _ in index[1:]:
        closes.append(closes[-1] / (1 + noise.gauss(0, hour)))
        coins.append(coins[-1] / (1 + noise.gauss(0, hour / 3)))
    closes.reverse()
    coins.reverse()
    points.write(store, [Points.of_frame("binance", "BTC", HOUR, pd.DataFrame({"close": closes}, index=index))])
    levels = pd.DataFrame({"open_interest_coin": coins}, index=index + 55 * MINUTE)
    levels["open_interest_usd"] = levels["open_interest_coin"] * closes
    points.write(store, [Points.of_frame("binance", "BTC", None, levels)])


@pytest.fixture
def market(store: Store) -> Market:
    past(store)
    listener(store)
    made = Market(store)
    assert made.quiet(20) == []
    return made


def fast(said: Sequence[Said]) -> list[Said]:
    """Return what was said of a fast move."""
    return [one for one in said if "fell" in one.text or "rose" in one.text or "the fast" in one.text]


def test_a_flash_fall_is_told_within_two_minutes_with_sound(market: Market) -> None:
    market.hear(1e9, 1e9)
    market.minute()
    market.hear(354e6, 58e6)
    said = fast(market.minute(0.94, 0.90) + market.minute())
    assert len(said) == 1
    assert not said[0].message.silent
    assert said[0].edited is None
    told = said[0].text
    assert told.startswith("BTC fell 6.0 % in a minute: 80,607 → 75,770.")
    assert "Open interest −10.0 % in coins: positions were closed, not opened." in told
    assert "Liquidated in a minute: at least $412m, 86 % longs." in told, "and not what the calm hour before it had"
    assert "A fall like this within an hour: never in 60 days of hourly closes." in told
    assert "Wrong if price is back above " in told
    assert "Bybit, OKX · 16:22 UTC" in told
    buttons = next(block for block in said[0].message.blocks if isinstance(block, Buttons))
    picture = next(block for block in said[0].message.blocks if isinstance(block, Picture))
    assert pictures.resolve(market.store, picture.chart)["alt"].startswith("BTC, 24 hours to 20 November 2026")
    assert [button.command for button in buttons.buttons] == [
        "/why btc 4h",
        "/chart btc 24h",
        "/liqs btc",
        "/mute burst btc 2h",
    ]


def test_a_fast_move_is_frozen_as_it_is_told(market: Market) -> None:
    market.quiet(60)
    market.minute(0.94)
    (one,) = record.entries(market.store)
    assert (one.rule, one.asset, one.rank) == ("burst", "BTC", one.event["rank"])
    assert one.price == pytest.approx(market.price)
    assert (as_told(one) or "").startswith("BTC fell ")


def test_a_replay_lists_what_was_told(market: Market) -> None:
    said = fast(market.minute(0.94, 0.90) + market.minute() + market.minute(0.94) + market.quiet(80))
    live = [one for one in said if one.message.reply_to is None]
    for one, kind in zip(live, ("fell 6", "now further", "is over"), strict=True):
        assert kind in one.text
    told = fast_moves(market.store, ["BTC"], START - DAY, market.clock.now() + MINUTE)
    assert [(one.kind, one.rank) for one in told] == [
        ("fired", "critical"), ("escalated", "critical"), ("resolved", "critical"),
    ]  # fmt: skip
    for move, said in zip(told, live, strict=True):
        assert events.text_of(move).splitlines()[0] == said.text.splitlines()[0]
    assert fast_moves(market.store, ["BTC"], START, START + 19 * MINUTE) == []


def test_after_a_restart_it_says_since_when_it_has_heard(market: Market) -> None:
    market.quiet(30)
    market.minute(0.995)
    market.hear(1e9, 0)
    again = market.restarted()
    again.minute(0.995)
    again.hear(6e6, 4e6)
    (said,) = fast(again.minute(0.95, 0.90))
    assert "Liquidated since 16:52 UTC: at least $10m, 60 % longs." in said.text


def test_mild_alarms_that_are_open_hide_nothing(market: Market) -> None:
    """Field cases, section 5: single levels were open already, and the minute brought no message in an hour."""
    for _ in range(110):
        market.minute(0.9998, 0.9990)
    assert market.channel.said, "a mild alarm is open"
    assert fast(market.channel.said) == []
    assert len(fast(market.minute(0.94, 0.90) + market.minute())) == 1


def test_it_is_told_once_until_it_is_half_as_deep_again(market: Market) -> None:
    assert len(fast(market.minute(0.95))) == 1
    assert fast(market.minute(0.99) + market.minute(0.995) + market.quiet(5)) == []
    edit, reply = fast(market.minute(0.96))
    assert edit.edited is not None
    assert edit.text.startswith("BTC, now further: fell ")
    assert reply.message.reply_to == edit.edited
    assert not reply.message.silent
    assert fast(market.quiet(30)) == []


def test_it_is_over_when_an_hour_brought_no_new_extreme(market: Market) -> None:
    market.minute(0.94)
    said = fast(market.minute(1.004) + market.quiet(63, spread=0.00005))
    assert [one.message.silent for one in said if not one.edited] == [True]
    assert said[-1].text.startswith("BTC: the fast fall is over after 60 min.") or "1 h" in said[-1].text
    assert fast(market.quiet(30)) == []


def test_10_october_2025_minute_by_minute(market: Market) -> None:
    """A fall of 12 % and of a fifth of the coins in a quarter of an hour: one message, told early, that gets worse."""
    falls = [0.997, 0.996, 0.995, 0.994, 0.992, 0.99, 0.985, 0.98, 0.985, 0.985, 0.99, 0.99, 0.992, 0.995, 0.997]
    said: list[tuple[int, float, Said]] = []
    fallen = 1.0
    for number, fall in enumerate(falls):
        fallen *= fall
        said += [(number, fallen, one) for one in fast(market.minute(fall, fall**1.8))]
    (first, depth, told), *worse = said
    assert depth > 0.95, "before a twentieth is gone"
    assert not told.message.silent
    assert {one.edited or one.message.reply_to for _, _, one in worse} == {worse[0][2].edited}, "one message"
    assert sum(one.edited is None for _, _, one in worse) <= 3, "and each half as deep again rings once"
    assert worse[-1][1] < 0.9
    over = fast(market.quiet(90))
    (end,) = [one.text for one in over if one.edited is None]
    assert end.startswith("BTC: the fast fall is over after 1 h ")
    assert first < 6


def test_a_fall_that_is_taken_back_is_over_and_is_no_second_move(market: Market) -> None:
    market.minute(0.94)
    said = fast(market.minute(1 / 0.939) + market.quiet(30))
    assert "so it did not last" in said[0].text
    assert all("rose" not in one.text for one in said)


def test_sub_shows_the_move_while_it_runs(market: Market) -> None:
    market.minute(0.94)
    (move,) = alarms.open_of(market.store, [("burst", "BTC")])
    assert words.open_now([move], market.clock.now())[1].startswith("– BTC fell 6.")
    assert alarms.open_of(market.store, [("oi_drawdown", "*"), ("*", "ETH")]) == []


def test_health_says_the_move_first_while_it_runs(market: Market) -> None:
    market.minute(0.94)
    said = ask(market.store, "/health btc", market.clock.now())
    texts = [block.text for block in said.blocks if isinstance(block, Line)]
    assert texts[0].startswith("BTC is under stress: 1 strong")
    assert texts[1] == "Price moves fast."
    assert texts[2].startswith("▲▲ Fell 6.")
    assert said.values["moving"]["level"] in {"warning", "critical"}


def test_a_restart_tells_nothing_twice(market: Market) -> None:
    assert len(fast(market.minute(0.94))) == 1
    again = market.restarted()
    assert fast(again.minute() + again.quiet(10)) == []
    again = again.restarted()
    assert len(fast(again.minute(0.96))) == 2
    again.store.close()


def test_while_one_venue_is_silent_another_speaks(market: Market) -> None:
    market.venues = ("bybit",)
    market.quiet(20)
    said = fast(market.minute(0.94, 0.90))
    assert len(said) == 1
    assert "Bybit · " in said[0].text
    assert "Binance" not in said[0].text


@pytest.mark.parametrize(
    ("venues", "price", "told"),
    [
        pytest.param(("bybit", "okx"), 0.94, 1, id="one of three repeats its price in a fall"),
        pytest.param(("binance",), 0.94, 0, id="one of three tells a wild price"),
        pytest.param(("bybit", "okx"), 0.999, 0, id="nothing happens"),
    ],
)
def test_one_venue_of_three_decides_nothing(store: Store, venues: Sequence[str], price: float, told: int) -> None:
    past(store)
    listener(store)
    market = Market(store, ("binance", "bybit", "okx"))
    market.quiet(15)
    market.moving = venues
    assert len(fast(market.minute(price) + market.minute())) == told


@pytest.mark.parametrize(
    "minutes", [pytest.param(60, id="hourly data"), pytest.param(10, id="prices that are ten minutes apart")]
)
def test_coarse_data_say_nothing(store: Store, minutes: int) -> None:
    past(store)
    listener(store)
    market = Market(store)
    for _ in range(3):
        for _ in range(minutes - 1):
            market.clock.forward(60)
        assert fast(market.minute(0.93)) == []


def test_an_old_price_is_not_judged(market: Market) -> None:
    market.price *= 0.93
    market.tell()
    market.clock.forward(300)
    loop.run(market.turns.turn())
    assert not outbox.waiting(market.store)


@pytest.mark.slow
def test_thirty_calm_hours_say_nothing(store: Store) -> None:
    past(store)
    listener(store)
    market = Market(store, venues=("binance",))
    step: Callable[[], float] = lambda: 1 + market.noise.gauss(0, 0.0006)  # noqa: E731 - 0.46 % an hour
    for _ in range(30 * 60):
        market.clock.forward(60)
        market.price *= step()
        market.tell()
        market.turns._bursts.judge(["BTC"], market.clock.now())  # the hourly rules would take minutes
    assert outbox.waiting(market.store) == 0
