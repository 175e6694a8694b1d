"""Where positions stand, read from what is stored and from nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from signals.alerts.episodes import State
from signals.liquidation.watching import Holding
from storage.market import points
from storage.people.positions import WatchedPosition
from storage.queries.positions import positions_now, stale_marks

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
HOLDING = Holding(
    asset="BTC", venue="binance", contract="linear", side="long", entry=95_000.0, leverage=25.0, begun=NOW,
    size_coins=0.5,
)  # fmt: skip
TYPED = WatchedPosition(
    id=1, destination=1, number=1, holding=HOLDING, name="hedge", lines=(0.02, 0.01), state=State(), doubt=NOW
)
OF_ADDRESS = replace(
    TYPED, id=2, number=None, name=None, followed=7, doubt=None, given=80_000.0, mark=100_000.0, seen=NOW
)


def mark(store: Store, price: float, *, at: datetime = NOW, asset: str = "BTC", venue: str = "binance") -> None:
    frame = pd.DataFrame({"mark_price": [price]}, index=pd.DatetimeIndex([at], name="at"))
    points.write(store, [points.Points.of_frame(venue, asset, None, frame)])


def test_a_typed_position_is_computed_from_the_stored_mark(store: Store) -> None:
    mark(store, 94_000.0)
    (found,) = positions_now(store, [TYPED], NOW)
    assert (found.priced, found.number, found.name, found.doubt) == ("computed", 1, "hedge", NOW)
    assert (found.lines, found.mark, found.mark_at, found.mark_venue) == ((0.02, 0.01), 94_000.0, NOW, "binance")
    assert found.shown == pytest.approx(91_566.27, abs=0.05)
    assert found.distance == pytest.approx((94_000 - 91_566.27) / 94_000, abs=1e-6)
    assert found.profit == pytest.approx(-500.0)
    assert found.known
    assert found.settled is None, "no rates are stored"


@pytest.mark.parametrize(
    ("stored", "known", "mark_at"),
    [
        pytest.param(timedelta(minutes=2), True, NOW - timedelta(minutes=2), id="two minutes old"),
        pytest.param(timedelta(minutes=2, seconds=1), False, NOW - timedelta(minutes=2, seconds=1), id="older"),
        pytest.param(None, False, None, id="none"),
    ],
)
def test_an_old_mark_is_shown_with_its_time_and_not_called_known(
    store: Store, stored: timedelta | None, known: bool, mark_at: datetime | None
) -> None:
    if stored is not None:
        mark(store, 94_000.0, at=NOW - stored)
    (found,) = positions_now(store, [TYPED], NOW)
    assert (found.known, found.mark_at) == (known, mark_at)
    assert found.liquidation == pytest.approx(91_566.27, abs=0.01)
    assert found.since == (mark_at or HOLDING.begun)
    assert stale_marks(store, [TYPED, OF_ADDRESS], NOW) == ([] if known else ["BTC"])


def test_a_table_that_is_not_known_leaves_the_price_unknown(store: Store) -> None:
    mark(store, 1.0, asset="NOCOIN")
    strange = replace(TYPED, holding=replace(HOLDING, asset="NOCOIN", entry=1.0))
    (found,) = positions_now(store, [strange], NOW)
    assert (found.priced, found.known, found.table_as_of) == ("unknown", False, None)
    assert math.isnan(found.liquidation)
    assert found.mark == 1.0


def test_a_position_of_an_address_is_as_its_venue_states_it(store: Store) -> None:
    (found,) = positions_now(store, [OF_ADDRESS], NOW)
    assert (found.priced, found.liquidation, found.distance, found.known) == ("stated", 80_000.0, 0.2, True)
    (late,) = positions_now(store, [OF_ADDRESS], NOW + timedelta(minutes=4))
    assert not late.known
    (safe,) = positions_now(store, [replace(OF_ADDRESS, given=None)], NOW)
    assert (safe.distance, safe.known) == (math.inf, True), "the venue knows no price at which it would be liquidated"


def test_the_own_mark_alone_is_proof(store: Store) -> None:
    mark(store, 94_000.0)
    bybit = replace(TYPED, holding=replace(HOLDING, venue="bybit"))
    own, other = positions_now(store, [TYPED, bybit], NOW)
    assert (own.own_mark, other.own_mark, other.mark_venue) == (True, False, "binance")


def test_each_asset_is_asked_for_once(store: Store) -> None:
    mark(store, 94_000.0)
    eth = replace(TYPED, holding=replace(HOLDING, asset="ETH"))
    short = replace(eth, holding=replace(eth.holding, side="short"))
    pepe = replace(TYPED, holding=replace(HOLDING, asset="PEPE", multiplier=1000))
    assert stale_marks(store, [TYPED, eth, short, pepe], NOW) == ["ETH", "PEPE"]
