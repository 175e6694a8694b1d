"""Destinations: made, brought back, moved and merged, and nobody's subscriptions lost on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from storage.alerts import outbox
from storage.people import destinations
from tests.storage import beside

if TYPE_CHECKING:
    from storage.engine.database import Store
    from storage.people.destinations import Destination

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def made(store: Store, chat: str = "11", topic: str | None = None, kind: str = "private") -> Destination:
    return destinations.ensure(store, "telegram", chat, topic, kind=kind, title="Ann", now=NOW)


def announce(store: Store, episode: int | None = None) -> int:
    notice = outbox.Notice("fired", "notice", NOW, {}, episode, "oi_drawdown", "BTC")
    with store.write() as connection:
        return outbox.announce(connection, notice, now=NOW, expires=NOW + timedelta(hours=6))


def owners(store: Store) -> list[int]:
    return [row["destination"] for row in beside.rows(store, "SELECT destination FROM outbox ORDER BY id")]


def test_the_same_place_is_one_destination(store: Store) -> None:
    one = made(store)
    assert (one.chat, one.topic, one.zone, one.gone) == ("11", "", "UTC", None)
    assert made(store).id == one.id
    topic = made(store, topic="7")
    assert topic.id != one.id
    assert destinations.find(store, "telegram", "11", "7") == topic
    assert destinations.find(store, "telegram", "12") is None
    assert [destination.id for destination in destinations.everyone(store)] == [one.id, topic.id]


def test_asking_again_brings_a_destination_back_with_what_it_had(store: Store) -> None:
    one = made(store)
    destinations.subscribe(store, one.id, "*", "BTC")
    destinations.set_zone(store, one.id, "Europe/Berlin", NOW)
    outbox.gone(store, one.id, "blocked", now=NOW)
    found = destinations.find(store, "telegram", "11")
    assert found
    assert (found.gone, found.gone_reason) == (NOW, "blocked")
    back = made(store)
    assert (back.id, back.gone, back.gone_reason, back.zone) == (one.id, None, None, "Europe/Berlin")
    assert destinations.subscriptions(store, one.id) == [("*", "BTC")]


def test_inside_a_transaction_a_new_destination_is_read_back(store: Store) -> None:
    with store.write():
        assert made(store).chat == "11"


def test_subscribing_twice_says_so(store: Store) -> None:
    one = made(store)
    assert destinations.subscribe(store, one.id, "oi_drawdown", "BTC")
    assert not destinations.subscribe(store, one.id, "oi_drawdown", "BTC")


@pytest.mark.parametrize(
    ("asked", "removed", "left"),
    [
        pytest.param(("*", "*"), 4, [], id="everything"),
        pytest.param(
            ("*", "BTC"), 2, [("oi_drawdown", "*"), ("oi_drawdown", "ETH")], id="an asset, but not what is for all"
        ),
        pytest.param(("oi_drawdown", "*"), 3, [("oi_zscore", "BTC")], id="an alarm"),
        pytest.param(
            ("oi_zscore", "BTC"), 1, [("oi_drawdown", "*"), ("oi_drawdown", "BTC"), ("oi_drawdown", "ETH")], id="one"
        ),
        pytest.param(("oi_zscore", "SOL"), 0, None, id="nothing like it"),
    ],
)
def test_unsubscribing(store: Store, asked: tuple[str, str], removed: int, left: list[tuple[str, str]] | None) -> None:
    one, other = made(store), made(store, "12")
    every = [("oi_drawdown", "*"), ("oi_drawdown", "BTC"), ("oi_zscore", "BTC"), ("oi_drawdown", "ETH")]
    for watch, asset in every:
        destinations.subscribe(store, one.id, watch, asset)
        destinations.subscribe(store, other.id, watch, asset)
    assert destinations.unsubscribe(store, one.id, *asked) == removed
    assert sorted(destinations.subscriptions(store, one.id)) == sorted(every if left is None else left)
    assert len(destinations.subscriptions(store, other.id)) == 4


def test_a_group_that_moves_keeps_what_it_asked_for_and_what_waits(store: Store) -> None:
    old = made(store, "-20", kind="group")
    destinations.subscribe(store, old.id, "*", "*")
    announce(store)
    destinations.moved(store, "telegram", "-20", "-100")
    assert destinations.find(store, "telegram", "-20") is None
    new = destinations.find(store, "telegram", "-100")
    assert new
    assert new.id == old.id
    assert owners(store) == [old.id]
    destinations.moved(store, "telegram", "-20", "-100")  # told twice: by the error and by the service message
    assert [destination.chat for destination in destinations.everyone(store)] == ["-100"]


@pytest.mark.parametrize("gone", [pytest.param(False, id="the new id lives"), pytest.param(True, id="it had gone")])
def test_a_group_that_moves_to_a_known_id_is_merged(store: Store, gone: bool) -> None:
    old, new = made(store, "-20", kind="group"), made(store, "-100", kind="group")
    for destination, assets in ((old, ("BTC", "ETH")), (new, ("BTC",))):
        for asset in assets:
            destinations.subscribe(store, destination.id, "oi_drawdown", asset)
    announce(store)  # to both: one of the two rows is a repeat after the move
    destinations.unsubscribe(store, new.id)
    announce(store)  # to the old one alone
    if gone:
        outbox.gone(store, new.id, "blocked", now=NOW)
    destinations.moved(store, "telegram", "-20", "-100")
    merged = destinations.find(store, "telegram", "-100")
    assert merged
    assert (merged.id, merged.gone) == (new.id, None)
    assert destinations.subscriptions(store, new.id) == [("oi_drawdown", "BTC"), ("oi_drawdown", "ETH")]
    assert owners(store) == [new.id, new.id]
    assert destinations.find(store, "telegram", "-20") is None


def test_topics_move_with_their_group_and_other_platforms_stay(store: Store) -> None:
    made(store, "-20", kind="group")
    topic = made(store, "-20", "7", kind="group")
    other = destinations.ensure(store, "discord", "-20", None, kind="channel", title=None, now=NOW)
    destinations.moved(store, "telegram", "-20", "-100")
    assert destinations.find(store, "telegram", "-100", "7") is not None
    assert destinations.find(store, "telegram", "-100", "7").id == topic.id  # type: ignore[union-attr]
    assert destinations.find(store, "discord", "-20") == other
