"""The past and the present of one input agree where they overlap; a past that does not is left out, and told once."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.border.judging import Border
from bot.market.border.overlap import COMPARED
from bot.market.collector import Collector
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.history_planner import REFUSED
from bot.market.keeper import Keeper
from handlers.words.sources import sentence
from signals.units import HOUR_MS, to_ms
from storage.market import points
from storage.market.points import Points
from storage.sources import source_state
from tests.examples import examples
from tests.fakes.exchange import Clock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw
    from bot.market.source import Ask, Found
    from storage.engine.database import Store

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
HISTORY = 5 * DAY
ASSETS = ["BTC", "ETH"]


def both_sides(times: float) -> Any:
    """Return Gate's recipe as it was: its statistics count both sides, and were taken for one."""
    offer = recipes()["gate"].offers["open_interest"]

    async def wrong(ask_raw: Raw, contract: Contract, ask: Ask) -> Sequence[Found]:
        *past, live = await offer.recipe(ask_raw, contract, ask)
        told = []
        for part in past:
            assert isinstance(part, Points)
            columns = {name: [times * value for value in values] for name, values in part.columns.items()}
            told.append(replace(part, columns=columns))
        return [*told, live]

    return replace(recipes()["gate"], offers={"open_interest": replace(offer, recipe=wrong)})


class World:
    """Gate as it is asked by one process after another, and what was told of it."""

    def __init__(self, store: Store, exchange: FakeExchange, clock: Clock) -> None:
        self.store, self.exchange, self.clock = store, exchange, clock
        self.told: list[str] = []

    async def rounds(self, times: float, pauses: Sequence[timedelta]) -> list[str]:
        """Let a process ask in rounds, a pause before each; return what it told."""
        source = CcxtVenue(
            both_sides(times),
            clock=self.clock,
            steady=self.clock.steady,
            base_url=f"{self.exchange.base_url}/gate",
            paced=False,
        )
        told: list[str] = []
        held = Collector(
            [source],
            clock=self.clock,
            steady=self.clock.steady,
            keeper=Keeper(self.store, self.clock, announce=lambda _, event, __: told.append(sentence(event))),
            chance=lambda: 0.0,
            history=HISTORY,
        )
        for pause in pauses:
            self.clock.go(seconds=pause.total_seconds())
            await held.round(ASSETS)
        await held.close()
        return told

    def known(self, asset: str, name: str = "open_interest_coin") -> list[float]:
        """Return all that is stored, oldest first."""
        end = self.clock.now + MINUTE
        _, _, found = points.columns(self.store, asset, "gate", [name], start=START - 9 * DAY, end=end)
        return [value for value in found[name] if value is not None]


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.mark.parametrize("times", [2.0, 0.5, 100.0, 1000.0])
async def test_a_past_in_another_unit_is_left_out_and_told_once(store: Store, clock: Clock, times: float) -> None:
    async with FakeExchange(clock) as exchange:
        world = World(store, exchange, clock)
        told = await world.rounds(times, [HOUR * 0, MINUTE, MINUTE, HOUR])
        (said,) = told
        assert said.startswith("Gate tells a past that is not its present: the open interest in")
        told_times = re.search(r"of BTC is ([\d.,]+) times what it says live\.", said)
        assert told_times is not None
        assert float(told_times[1].replace(",", "")) == pytest.approx(times, rel=0.02)
        for asset in ASSETS:
            figures = world.known(asset)
            assert len(figures) == 4, "the present is stored as it comes, and nothing of the past"
            assert max(figures) < 1.1 * min(figures)
        (health,) = source_state.load(store)
        assert re.search("times what the same venue says live|cannot be", str(health.error))
        assert health.quarantined >= 4 * 24 * 5
        assert await world.rounds(times, [MINUTE, MINUTE]) == [], "nor is it told again after a restart"
        assert await world.rounds(1.0, [REFUSED, MINUTE]) == [
            "Gate tells a past of BTC again that agrees with its present."
        ]
        for asset in ASSETS:
            figures = world.known(asset)
            assert len(figures) > 4 * 24
            assert max(figures) < 1.2 * min(figures)


async def test_a_past_that_is_in_order_is_stored_with_the_first_answer(store: Store, clock: Clock) -> None:
    async with FakeExchange(clock) as exchange:
        world = World(store, exchange, clock)
        assert await world.rounds(1.0, [MINUTE]) == []
        assert [len(world.known(asset)) > 4 * 24 for asset in ASSETS] == [True, True]


# --- the border itself, whatever comes


def hours(name: str, count: int, figure: Callable[[int], float], now: datetime) -> Points:
    newest = to_ms(now) // HOUR_MS * HOUR_MS
    times = [newest - (count - 1 - place) * HOUR_MS for place in range(count)]
    return Points("gate", "BTC", None, times, {name: [figure(place) for place in range(count)]})


@given(
    name=st.sampled_from(sorted(COMPARED)),
    level=st.floats(0.5, 1e6),
    times=st.sampled_from([0.001, 0.01, 0.5, 1.0, 1.02, 2.0, 10.0, 100.0, 1000.0]),
    rounds=st.integers(0, 6),
    late=st.integers(0, 59),
)
@examples(60)
def test_whatever_is_live_no_past_of_another_unit_passes(
    name: str, level: float, times: float, rounds: int, late: int
) -> None:
    border, now = Border(), START.replace(minute=0, second=0)
    level = min(level, {"implied_volatility": 100.0}.get(name, 3.0 if name.startswith("long_short") else 1e6))
    for hour in range(rounds + 1):
        now = START.replace(minute=0, second=0) + hour * HOUR + (timedelta(minutes=late) if hour == rounds else MINUTE)
        good, _ = border.admit(Points("gate", "BTC", None, [to_ms(now)], {name: [level]}), now)
        assert len(good) == 1
    good, rejected = border.admit(hours(name, 30, lambda _: level * times, now), now)
    if abs(times - 1) < 0.1:
        assert (len(good), rejected) == (30, [])
    else:
        assert len(good) == 0
        assert {out.why for out in rejected} <= {"past", "doubt", "bound"}


def test_a_market_that_halves_within_the_hour_is_no_other_unit() -> None:
    """The rows before the newest one fall as well, so that they say nothing of the unit."""
    border, now = Border(), START
    border.admit(Points("gate", "BTC", None, [to_ms(now)], {"open_interest_coin": [500.0]}), now)
    falls = hours(
        "open_interest_coin", 30, lambda place: 1500.0 if place < 28 else {28: 1300.0, 29: 1000.0}[place], now
    )
    good, rejected = border.admit(falls, now)
    assert (len(good), rejected) == (30, [])


def test_settled_rates_in_percent_beside_a_running_one() -> None:
    now = START
    border = Border()
    border.admit(Points("gate", "BTC", None, [to_ms(now)], {"funding_rate": [0.0001]}), now)
    past = replace(hours("funding_rate", 30, lambda place: 0.008 + place * 1e-5, now), settled=True)
    good, rejected = border.admit(past, now)
    assert (len(good), {out.why for out in rejected}) == (0, {"doubt"})
    border.admit(Points("gate", "BTC", None, [to_ms(now + MINUTE)], {"funding_rate": [0.0001]}), now + MINUTE)
    good, rejected = border.admit(past, now + MINUTE)
    assert (len(good), {out.why for out in rejected}) == (0, {"past"})


@pytest.mark.parametrize("times", [1000.0, 2.0, 0.001])
@pytest.mark.parametrize("place", [27, 28, 29])
def test_one_row_of_a_past_that_was_hurt_is_no_verdict(place: int, times: float) -> None:
    """The row beside the live figure is wrong, and the others are not: it alone is kept out."""
    now = START.replace(minute=2)
    border = Border()
    border.admit(Points("gate", "BTC", None, [to_ms(now)], {"open_interest_coin": [500.0]}), now)
    past = hours("open_interest_coin", 30, lambda hour: 500.0 * (times if hour == place else 1.0), now)
    good, rejected = border.admit(past, now)
    assert [(to_ms(out.at), out.value) for out in rejected] == [(past.times[place], 500.0 * times)]
    assert len(good) == 29


def test_one_live_figure_that_was_hurt_is_no_verdict() -> None:
    """A past is kept out beside it, and taken with the next answer."""
    now = START.replace(minute=2)
    border = Border()
    past = hours("open_interest_coin", 30, lambda _: 500.0, now)
    border.admit(Points("gate", "BTC", None, [to_ms(now)], {"open_interest_coin": [890.0]}), now)
    good, rejected = border.admit(past, now)
    assert (len(good), {out.why for out in rejected}) == (0, {"doubt"})
    now += MINUTE
    border.admit(Points("gate", "BTC", None, [to_ms(now)], {"open_interest_coin": [501.0]}), now)
    good, rejected = border.admit(past, now)
    assert (len(good), rejected) == (30, [])
