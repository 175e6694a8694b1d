"""The liquidation map as it is read from a store: whose bars, whose marks, and what is measured beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from signals.alerts.episodes import State
from signals.liquidation.watching import Holding
from signals.units import DAY, HOUR
from storage.market import points
from storage.people import destinations, positions
from storage.queries.liquidation import liquidation_map
from storage.queries.liquidation.liquidation_map import HeldInPublic
from storage.queries.market import readings

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.engine.database import Store
    from storage.queries.liquidation.liquidation_map import MapAnswer
    from tests.handlers.conftest import Desk

NOW = datetime(2026, 11, 20, 14, 3, tzinfo=UTC)
END = NOW.replace(minute=0)
SIDES = ("liquidated_longs_usd", "liquidated_shorts_usd")


def market(store: Store, *, days: int = 155, asset: str = "BTC") -> pd.DataFrame:
    """Store hourly bars and open interest of a market that walks, and return them."""
    random = np.random.default_rng(4)
    count = days * 24
    close = 95_000 * np.exp(np.cumsum(random.normal(0, 0.004, count)))
    opened = np.r_[close[0], close[:-1]]
    frame = pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * np.exp(np.abs(random.normal(0, 0.002, count))),
            "low": np.minimum(opened, close) * np.exp(-np.abs(random.normal(0, 0.002, count))),
            "close": close,
        },
        index=pd.DatetimeIndex([END - (count - n) * HOUR for n in range(count)], name="at"),
    )
    coins = 90_000 * np.exp(np.cumsum(random.normal(0, 0.002, count)))
    levels = pd.DataFrame(
        {"open_interest_coin": coins, "open_interest_usd": coins * close}, index=frame.index + timedelta(minutes=55)
    )
    points.write(
        store,
        [points.Points.of_frame("binance", asset, HOUR, frame), points.Points.of_frame("binance", asset, None, levels)],
    )
    return frame


def liquidated(store: Store, step: timedelta, rows: dict[datetime, tuple[float, float]], venue: str = "bybit") -> None:
    at = pd.DatetimeIndex(list(rows), name="at")
    frame = pd.DataFrame(list(rows.values()), columns=list(SIDES), index=at)
    points.write(store, [points.Points.of_frame(venue, "BTC", step, frame)])


def read(store: Store, now: datetime = NOW) -> MapAnswer:
    reading = readings.of(store, "BTC", ("liq_map",), now).get("liq_map")
    assert reading is not None
    return liquidation_map.read(store, reading, now)


@pytest.mark.slow
def test_the_picture_is_of_the_reading(store: Store) -> None:
    market(store)
    found = read(store)
    assert found.bins is not None
    assert found.bins.price == found.reading.values["price"]
    assert found.bins.shorts.max() == pytest.approx(found.reading.values["cluster_above_usd"])
    assert (found.spread.venue, found.homework, found.held) == ("binance", None, None)
    assert found.seen.nothing


@pytest.mark.slow
def test_days_are_marked_by_the_hours_that_were_heard(store: Store) -> None:
    frame = market(store)
    day = END.replace(hour=0)
    hours = {day - n * HOUR: (1e6, 0.5e6) for n in range(1, 10 * 24 + 1)}
    liquidated(store, HOUR, hours)
    found = read(store).homework
    assert found is not None
    assert found.days == 10
    assert found.usd == pytest.approx(10 * 24 * 1.5e6)
    assert 0 < found.near < 1
    # The hours of the day that runs are no whole day, and what a second venue heard is added.
    liquidated(store, HOUR, {day: (9e9, 9e9)})
    liquidated(store, HOUR, {day - HOUR: (2e6, 0.0)}, venue="okx")
    again = read(store).homework
    assert again is not None
    assert again.usd == pytest.approx(found.usd + 2e6)
    assert frame.index[-1] < NOW


@pytest.mark.slow
def test_a_day_that_was_summed_is_one_bar(store: Store) -> None:
    market(store)
    day = END.replace(hour=0)
    liquidated(store, DAY, {day - n * DAY: (3e6, 1e6) for n in range(1, 41)})
    found = read(store).homework
    assert found is not None
    assert found.days == 30
    assert found.usd == pytest.approx(30 * 4e6)


@pytest.mark.slow
def test_a_day_with_more_than_was_open_is_not_marked(store: Store) -> None:
    """$800bn of 94: A14."""
    market(store)
    day = END.replace(hour=0)
    rows = {day - n * DAY: (3e6, 1e6) for n in range(1, 8)}
    liquidated(store, DAY, rows | {day - 3 * DAY: (800e9, 0.0)})
    found = read(store).homework
    assert found is not None
    assert found.days == 6
    assert found.usd == pytest.approx(6 * 4e6)


@pytest.mark.slow
def test_on_the_recorded_winter_it_is_no_better_than_distance(desk: Callable[..., Desk]) -> None:
    """Daily bars and daily liquidations of one venue: all that is told within a day is its range."""
    at = desk("recorded", "2026-03-25T01:00")
    found = read(at.store, at.now)
    assert found.homework is not None
    assert (found.homework.days, found.homework.better) == (30, False)
    assert found.homework.usd == pytest.approx(451_074_676, rel=1e-6)
    assert found.homework.hit == pytest.approx(0.084, abs=0.002)
    assert found.homework.near == pytest.approx(0.440, abs=0.002)
    assert found.reading.stamp.daily


# --- held in public ---------------------------------------------------------------------------------------------------


def follow(store: Store, user: str, address: str) -> positions.FollowedAddress:
    to = destinations.ensure(store, "telegram", user, None, kind="private", title=None, now=NOW, person=user)
    positions.follow(store, positions.Owner("telegram", user, to.id), address, name=None, lines=(0.02,), at=NOW)
    return next(one for one in positions.followed(store) if one.address == address and one.destination == to.id)


def hold(
    store: Store,
    of: positions.FollowedAddress,
    side: str,
    *,
    given: float | None,
    seen: datetime = NOW,
    asset: str = "BTC",
) -> None:
    holding = Holding(
        asset=asset, venue="hyperliquid", contract="linear", side=side, entry=100_000.0, leverage=10.0, begun=NOW,
        size_coins=2.0,
    )  # fmt: skip
    with store.write() as work:
        watched = positions.hold(work, of, holding, lines=(0.02,), at=NOW)
        positions.save(work, replace(watched, given=given, mark=100_000.0, seen=seen))


@pytest.mark.slow
def test_followed_addresses_are_told_in_sum(store: Store) -> None:
    market(store)
    price = read(store).reading.values["price"]
    for number in range(3):
        of = follow(store, "1", f"0x{number}")
        hold(store, of, "long" if number else "short", given=price * (0.95 if number else 1.05))
    assert read(store).held == HeldInPublic("hyperliquid", 3, 4 * price, 2 * price)


@pytest.mark.slow
def test_an_address_counts_once_however_many_follow_it(store: Store) -> None:
    market(store)
    price = read(store).reading.values["price"]
    for user in ("1", "2", "3"):
        hold(store, follow(store, user, "0xsame"), "long", given=price * 0.95)
    assert read(store).held is None, "three people, one address"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["two addresses", "old", "another asset"])
def test_too_few_addresses_are_no_sum(store: Store, what: str) -> None:
    """Of one or two it would be said what they hold, and that somebody here follows them."""
    market(store)
    price = read(store).reading.values["price"]
    for number in range(3):
        of = follow(store, "1", f"0x{number}")
        last = number == 2
        if last and what == "two addresses":
            continue
        hold(
            store,
            of,
            "long",
            given=price * 0.95,
            seen=NOW - 2 * HOUR if last and what == "old" else NOW,
            asset="ETH" if last and what == "another asset" else "BTC",
        )
    assert read(store).held is None


@pytest.mark.slow
def test_what_lies_further_away_is_held_and_not_counted(store: Store) -> None:
    market(store)
    price = read(store).reading.values["price"]
    for number, given in enumerate((price * 0.5, None, price * 0.99)):
        hold(store, follow(store, "1", f"0x{number}"), "long", given=given)
    assert read(store).held == HeldInPublic("hyperliquid", 3, 2 * price, 0.0)


@pytest.mark.slow
def test_what_people_typed_is_never_read(store: Store) -> None:
    """A typed position is its owner's own."""
    market(store)
    to = destinations.ensure(store, "telegram", "1", None, kind="private", title=None, now=NOW, person="1")
    owner = positions.Owner("telegram", "1", to.id)
    for entry in (90_000.0, 95_000.0, 100_000.0, 105_000.0):
        holding = Holding(
            asset="BTC", venue="hyperliquid", contract="linear", side="long", entry=entry, leverage=20.0, begun=NOW,
            size_coins=50.0,
        )  # fmt: skip
        positions.add(store, owner, holding, name="mine", lines=(0.02,), state=State(), at=NOW)
    assert read(store).held is None
