"""Of which assets a rule is: named ones that are followed, all, or the largest by open interest of all venues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from signals.rules.reading import Scope
from storage.market import points
from storage.market.points import Points
from storage.people import rules
from storage.queries.rules.scope import assets_of, largest

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FOLLOWED = ("A", "B", "C", "D")


def told(store: Store, venue: str, asset: str, at: datetime = NOW, **values: float) -> None:
    rows = {name: [value] for name, value in values.items()}
    points.write(store, [Points(venue, asset, None, [round(at.timestamp() * 1000)], rows)])


def test_the_largest_are_those_of_all_venues_together(store: Store) -> None:
    told(store, "binance", "A", open_interest_usd=50.0)
    told(store, "binance", "B", open_interest_usd=30.0)
    told(store, "bybit", "B", open_interest_usd=30.0)
    told(store, "okx", "C", open_interest_coin=10.0, mark_price=7.0)
    told(store, "okx", "D", NOW - timedelta(days=3), open_interest_usd=900.0)
    assert largest(store, FOLLOWED, NOW) == ("C", "B", "A", "D"), "coins by their price, and what is old counts nothing"


def test_who_is_judged_as_the_largest_is_shown_as_the_largest(store: Store) -> None:
    told(store, "binance", "A", open_interest_usd=50.0)
    told(store, "binance", "B", open_interest_usd=60.0)
    assert assets_of(store, Scope(top=1), FOLLOWED, NOW) == ("B",)
    with store.write() as work:
        rules.keep_members(work, {1: ("A",), 2: ("A", "gone")})
    assert assets_of(store, Scope(top=1), FOLLOWED, NOW) == ("A",)
    assert assets_of(store, Scope(top=2), FOLLOWED, NOW) == ("A",), "who is no longer followed is left out"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param(Scope(assets=("C", "X")), ("C",), id="named, one of them not followed"),
        pytest.param(Scope(every=True), FOLLOWED, id="any"),
    ],
)
def test_other_scopes(store: Store, scope: Scope, expected: tuple[str, ...]) -> None:
    assert assets_of(store, scope, FOLLOWED, NOW) == expected


@pytest.mark.parametrize("scope", [Scope(assets=("A", "B")), Scope(every=True), Scope(top=50), Scope(position=2)])
def test_a_scope_reads_back_from_what_is_kept(scope: Scope) -> None:
    assert Scope.from_json(scope.to_json()) == scope
