"""The directory of series: what one answer tells of moves on as one row, and nobody who reads it can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from signals.units import to_ms
from storage.engine.sql import queries
from storage.market import ends, points
from storage.market.points import Points, Snapshot
from tests.examples import examples
from tests.storage import beside
from tests.storage.market.test_points_batches import MINUTE_MS, START, given_points

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from storage.engine.database import Store
    from tests.storage.stores import Stores

SQL = queries("storage.market")
FEW = ("BTC", "ETH", "SOL")
RATES_AND_MARKS = ("funding_rate", "mark_price")


def told(minute: int, assets: Sequence[str] = FEW, names: Sequence[str] = RATES_AND_MARKS) -> Snapshot:
    """What one answer tells of assets, all of them at one time."""
    columns = {name: [1.0] * len(assets) for name in names}
    return Snapshot("okx", assets, [to_ms(START) + minute * MINUTE_MS] * len(assets), columns)


def snapshots_of(store: Store) -> list[tuple[str, int]]:
    """Which snapshots there are: their inputs, and the minute up to which they go."""
    rows = beside.rows(store, "SELECT inputs, last FROM snapshots ORDER BY id")
    return [(inputs, (last - to_ms(START)) // MINUTE_MS) for inputs, last in rows]


def ends_of(store: Store) -> dict[tuple[str, str], int]:
    """How far each series goes: the minute, by asset and input."""
    rows = beside.rows(store, "SELECT asset, input, last FROM spans")
    return {(asset, name): (last - to_ms(START)) // MINUTE_MS for asset, name, last in rows}


def test_what_one_answer_tells_moves_on_as_one_row(store: Store) -> None:
    for minute in range(4):
        points.write(store, [], [told(minute)])
    assert snapshots_of(store) == [("funding_rate, mark_price", 3)]
    assert set(ends_of(store).values()) == {3}
    assert {row[0] for row in beside.rows(store, "SELECT last FROM series")} == {to_ms(START)}, "none moves by itself"
    assert beside.rows(store, "SELECT 1 FROM rewritten") == []


@pytest.mark.parametrize(
    ("then", "snapshots", "last", "noted"),
    [
        (lambda: ([], [told(5, FEW[:2])]), [("funding_rate, mark_price", 5)], {"BTC": 5, "ETH": 5, "SOL": 4}, set()),
        (
            lambda: ([], [told(5, (*FEW, "XRP"))]),
            [("funding_rate, mark_price", 5)],
            {"BTC": 5, "ETH": 5, "SOL": 5, "XRP": 5},
            set(),
        ),
        (lambda: ([told(6).of(1)], []), [], {"BTC": 4, "ETH": 6, "SOL": 4}, set()),
        (
            lambda: ([told(2).of(1)], []),
            [("funding_rate, mark_price", 4)],
            {"BTC": 4, "ETH": 4, "SOL": 4},
            {("ETH", 2)},
        ),
        (
            lambda: ([], [told(4)]),
            [("funding_rate, mark_price", 4)],
            {"BTC": 4, "ETH": 4, "SOL": 4},
            {("BTC", 4), ("ETH", 4), ("SOL", 4)},
        ),
        (lambda: ([told(6, ("XRP",)).of(0)], []), [("funding_rate, mark_price", 4)], {"XRP": 6, "SOL": 4}, set()),
        (
            lambda: ([], [told(5, names=("mark_price",))]),
            [("mark_price", 5)],
            {"BTC": 5, "ETH": 5, "SOL": 5},
            set(),
        ),
    ],
    ids=[
        "one is missing", "one is new", "one goes further alone", "one is written into its past", "the same once more",
        "an asset of its own", "fewer inputs",
    ],
)  # fmt: skip
def test_members_that_go_elsewhere_take_a_snapshot_apart(
    store: Store,
    then: Callable[[], tuple[list[Points], list[Snapshot]]],
    snapshots: list[tuple[str, int]],
    last: dict[str, int],
    noted: set[tuple[str, int]],
) -> None:
    for minute in (3, 4):
        points.write(store, [], [told(minute)])
    points.write(store, *then())
    assert snapshots_of(store) == snapshots
    assert {asset: ends_of(store)[asset, "mark_price"] for asset in last} == last
    notes = beside.rows(store, "SELECT asset, first FROM rewritten")
    assert {(asset, (first - to_ms(START)) // MINUTE_MS) for asset, first in notes} == noted
    points.write(store, [], [told(9)])  # and it all goes on
    assert {asset: end for (asset, _), end in ends_of(store).items() if asset in FEW} == dict.fromkeys(FEW, 9)


def own_ends(store: Store) -> dict[str, int]:
    """How far each asset has come by itself, whatever it is a member of: the minute."""
    rows = beside.rows(store, "SELECT asset, max(last) FROM series GROUP BY asset")
    return {asset: (last - to_ms(START)) // MINUTE_MS for asset, last in rows}


def numbers_of(store: Store) -> list[int]:
    return [number for (number,) in beside.rows(store, "SELECT id FROM snapshots ORDER BY id")]


def test_one_that_is_not_told_of_leaves_alone_and_comes_back(store: Store) -> None:
    every = tuple(f"C{number}" for number in range(6))
    for minute in (1, 2):
        points.write(store, [], [told(minute, every)])
    numbers = numbers_of(store)
    points.write(store, [told(3, every[:1]).of(0)], [told(3, every[1:])])
    assert own_ends(store) == dict.fromkeys(every, 1) | {"C0": 3}, "the others are not looked at"
    points.write(store, [], [told(4, every[1:])])
    points.write(store, [], [told(5, (*every[2:], "C1", "C0", "NEW"))])
    assert own_ends(store) == dict.fromkeys(every, 1) | {"C0": 5, "NEW": 5}
    points.write(store, [], [told(6, (*every[2:], "C1", "C0", "NEW"))])
    assert set(ends_of(store).values()) == {6}
    assert own_ends(store) == dict.fromkeys(every, 1) | {"C0": 5, "NEW": 5}, "all of them move on as one row"
    assert numbers_of(store) == numbers
    assert beside.rows(store, "SELECT 1 FROM rewritten") == []


def test_chunks_that_shift_keep_what_they_have(store: Store) -> None:
    every = tuple(f"C{number}" for number in range(6))
    for minute in (1, 2):
        points.write(store, [], [told(minute, every[:3]), told(minute, every[3:])])
    numbers = numbers_of(store)
    assert len(numbers) == 1, "what came at one time is one, whatever its chunks"
    points.write(store, [], [told(3, every[1:4]), told(3, (*every[4:], "C0"))])
    assert own_ends(store) == dict.fromkeys(every, 1), "none of them is looked at"
    assert set(ends_of(store).values()) == {3}
    assert numbers_of(store) == numbers


def test_chunks_of_several_times_keep_what_they_have(store: Store) -> None:
    every = tuple(f"C{number}" for number in range(6))
    for minute in (1, 3):
        points.write(store, [], [told(minute, every[:3]), told(minute + 1, every[3:])])
    numbers = numbers_of(store)
    points.write(store, [], [told(5, every[1:4]), told(6, (*every[4:], "C0"))])
    assert own_ends(store) == {"C0": 6, "C1": 1, "C2": 1, "C3": 5, "C4": 2, "C5": 2}
    assert {asset: end for (asset, _), end in ends_of(store).items()} == {
        "C0": 6, "C1": 5, "C2": 5, "C3": 5, "C4": 6, "C5": 6,
    }  # fmt: skip
    assert numbers_of(store) == numbers


@pytest.mark.parametrize(
    "then",
    [
        lambda: [told(3, names=("mark_price", "funding_rate"))],
        lambda: [told(3, names=("mark_price",)), told(3, names=("funding_rate",))],
        lambda: [told(3, FEW[::-1])],
        lambda: [told(3, FEW[2:]), told(3, FEW[:2])],
    ],
    ids=["the inputs in another order", "by topics", "the assets in another order", "in portions"],
)
def test_whatever_was_answered_first_the_same_snapshot_moves_on(
    store: Store, then: Callable[[], list[Snapshot]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in (1, 2):
        points.write(store, [], [told(minute)])
    monkeypatch.setattr(ends, "_gone_on", None)  # what looks for members that others have
    points.write(store, [], then())
    assert snapshots_of(store) == [("funding_rate, mark_price", 3)]
    assert set(ends_of(store).values()) == {3}


def test_what_an_older_version_knew_in_another_order_moves_on(store: Store) -> None:
    for minute in (1, 2):
        points.write(store, [], [told(minute)])
    numbers = numbers_of(store)
    beside.rows(store, "UPDATE snapshots SET inputs = 'mark_price, funding_rate', members = 'of another order'")
    for minute in (3, 4):
        points.write(store, [], [told(minute)])
    assert numbers_of(store) == numbers
    assert own_ends(store) == dict.fromkeys(FEW, 1)
    assert set(ends_of(store).values()) == {4}


def test_one_that_is_further_already_does_not_join(store: Store) -> None:
    for minute in (1, 2):
        points.write(store, [], [told(minute)])
    points.write(store, [told(9, ("XRP",)).of(0)])
    for minute in (3, 4):
        points.write(store, [], [told(minute, (*FEW, "XRP"))])
    assert {asset: ends_of(store)[asset, "mark_price"] for asset in (*FEW, "XRP")} == dict.fromkeys(FEW, 4) | {"XRP": 9}
    assert own_ends(store) == dict.fromkeys(FEW, 1) | {"XRP": 9}
    noted = beside.rows(store, "SELECT DISTINCT asset FROM rewritten")
    assert [asset for (asset,) in noted] == ["XRP"]


def test_an_answer_of_which_nothing_is_left_moves_nothing(store: Store) -> None:
    points.write(store, [], [told(1, ())])
    assert snapshots_of(store) == []


def test_a_series_that_is_dropped_leaves_first(store: Store) -> None:
    for minute in (3, 4):
        points.write(store, [], [told(minute)])
    with store.write() as work:
        ends.leave(work, "ETH", "okx", 0, "mark_price")
        work.run(SQL.drop_series, asset="ETH", venue="okx", step=0, input="mark_price")
    assert snapshots_of(store) == []
    assert set(ends_of(store).values()) == {4}
    points.write(store, [], [told(5)])
    assert ends_of(store)["ETH", "mark_price"] == 5


@st.composite
def given_answer(draw: st.DrawFn) -> Snapshot:
    """An answer that tells of all or of some, mostly of a time after the one before."""
    names = draw(st.sampled_from([RATES_AND_MARKS, RATES_AND_MARKS, ("mark_price",), ("open_interest_usd",)]))
    return told(
        draw(st.integers(0, 6)),
        draw(st.sampled_from([FEW, FEW, FEW[:2], FEW[1:], FEW[::-1], (*FEW, "XRP"), ("XRP", "DOGE")])),
        names,
    )


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.lists(given_answer(), max_size=2), st.lists(given_points(), max_size=1)), max_size=8),
)
@examples(
    150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
)
def test_the_directory_is_the_same_whoever_moves_on_together(
    stores: Stores, writes: list[tuple[list[Snapshot], list[Points]]]
) -> None:
    queries = (
        "SELECT * FROM spans ORDER BY asset, input, venue, step",
        "SELECT DISTINCT asset, venue, first, last FROM rewritten ORDER BY asset, venue, first, last",
    )
    with stores.one() as store, stores.one() as other:
        for snapshots, batches in writes:
            points.write(store, batches, snapshots)
            points.write(other, [*(one.of(place) for one in snapshots for place in range(len(one))), *batches])
            for query in queries:
                found, meant = ([tuple(row) for row in beside.rows(one, query)] for one in (store, other))
                assert found == meant
            shares = (
                "SELECT m.inputs, count(DISTINCT s.asset), count(*), count(DISTINCT s.input) "
                "FROM snapshots m LEFT JOIN series s ON m.id = s.snapshot GROUP BY m.id, m.inputs"
            )
            for inputs, assets, members, names in beside.rows(store, shares):
                assert assets > 0, "no snapshot without members"
                assert (names, members) == (len(inputs.split(", ")), assets * names), "each input of each asset"
            further = "SELECT 1 FROM series s JOIN snapshots m ON m.id = s.snapshot WHERE s.last > m.last"
            assert beside.rows(store, further) == [], "no member is further than its snapshot"
