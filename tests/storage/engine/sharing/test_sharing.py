"""Processes, leases and wishes as they are stored: one holder a lease, and nothing kept of who has lost his."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from storage.engine.database import Broken, LeaseLost, Store
from storage.engine.sharing import fence, leases, wishes
from storage.engine.sharing.fence import Fence, fenced
from storage.engine.sharing.leases import Lease
from tests.storage import senders

if TYPE_CHECKING:
    from tests.storage.stores import Stores

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def begun(store: Store, *names: str) -> int:
    """Begin a process that takes some leases, and return its number."""
    number = leases.begin(store, "machine 1 1", ["judge"], NOW)
    with store.write() as work:
        leases.take(work, number, names)
    return number


def strike_out(store: Store, number: int) -> bool:
    found = {process.number: process for process in leases.running(store)}
    with store.write() as work:
        return leases.strike_out(work, found[number])


def test_what_one_holds_another_does_not_get(store: Store) -> None:
    first, second = begun(store, "judge BTC", "judge ETH"), begun(store)
    with store.write() as work:
        assert leases.take(work, second, ["judge BTC", "judge SOL"]) == {"judge SOL": 1}
        leases.give_up(work, second, ["judge BTC", "judge SOL"])  # of what is another's too
        assert leases.take(work, first, ["judge SOL"]) == {"judge SOL": 2}
    assert leases.every(store) == {
        "judge BTC": Lease("judge BTC", 1, first),
        "judge ETH": Lease("judge ETH", 1, first),
        "judge SOL": Lease("judge SOL", 2, first),
    }


def test_who_is_struck_out_holds_nothing_and_has_to_begin_anew(store: Store) -> None:
    number = begun(store, "judge BTC")
    assert strike_out(store, number)
    assert leases.every(store)["judge BTC"].holder is None
    assert not leases.beat(store, number)
    with pytest.raises(Broken), store.write() as work:
        leases.take(work, number, ["judge BTC"])
    assert begun(store) > number, "a number is never given again"


def test_who_has_beaten_since_is_not_struck_out(store: Store) -> None:
    number = begun(store, "judge BTC")
    (seen,) = leases.running(store)
    assert leases.beat(store, number)
    with store.write() as work:
        assert not leases.strike_out(work, seen)
    assert leases.every(store)["judge BTC"].holder == number


def test_who_ends_frees_everything(store: Store) -> None:
    number = begun(store, "judge BTC")
    leases.end(store, number)
    assert (leases.running(store), leases.every(store)["judge BTC"].holder) == ([], None)


# --- the fence --------------------------------------------------------------------------------------------------------


def kept(store: Store) -> list[int]:
    return list(wishes.unanswered(store))


def test_under_a_lease_that_is_held_all_is_kept(store: Store) -> None:
    number = begun(store, "judge BTC")
    with fenced(Fence(number, {"judge BTC": 1})):
        made = wishes.make(store, "BTC", NOW)
        with store.write():  # a nested one looks no second time
            wishes.make(store, "ETH", NOW)
    assert kept(store) == [made, made + 1]
    assert fence.current() is None


@pytest.mark.parametrize("lost", ["struck out", "given up", "lost and had again"])
def test_under_a_lease_that_was_lost_nothing_is_kept(store: Store, lost: str) -> None:
    number = begun(store, "judge BTC", "judge ETH")
    with fenced(Fence(number, {"judge BTC": 1, "judge ETH": 1})):
        if lost == "struck out":
            own = fence.current()
            assert own is not None
            thread = threading.Thread(target=strike_out, args=(store, number))  # another process knows no fence
            thread.start()
            thread.join(10)
        else:
            thread = threading.Thread(target=give_up, args=(store, number, lost == "lost and had again"))
            thread.start()
            thread.join(10)
        with pytest.raises(LeaseLost, match=r"^Another process does this by now: judge BTC"):
            wishes.make(store, "BTC", NOW)
    assert kept(store) == []
    wishes.make(store, "BTC", NOW)  # without a lease it is nobody else's business


def give_up(store: Store, number: int, again: bool) -> None:
    other = begun(store)
    with store.write() as work:
        leases.give_up(work, number, ["judge BTC"])
        if again:
            leases.take(work, other, ["judge BTC"])
            leases.give_up(work, other, ["judge BTC"])
            leases.take(work, number, ["judge BTC"])


def test_a_lease_is_not_taken_between_the_look_and_the_end_of_a_transaction(stores: Stores) -> None:
    store = stores()
    number = begun(store, "judge BTC")
    with closing(Store(store.place)) as other:
        with fenced(Fence(number, {"judge BTC": 1})), store.write():
            thread = threading.Thread(target=strike_out, args=(other, number))
            thread.start()
            thread.join(0.1)
            made = wishes.make(store, "BTC", NOW)
            assert leases.every(store)["judge BTC"].holder == number
        thread.join(10)
        assert not thread.is_alive()
    assert (kept(store), leases.every(store)["judge BTC"].holder) == ([made], None)


# --- wishes -----------------------------------------------------------------------------------------------------------


def test_a_wish_is_answered_once_and_goes_after_a_minute(store: Store) -> None:
    first, second = wishes.make(store, "BTC", NOW), wishes.make(store, "ETH", NOW + timedelta(seconds=50))
    assert wishes.unanswered(store) == {first: "BTC", second: "ETH"}
    assert wishes.answered(store, first) is None
    wishes.answer(store, first, NOW, stored=True)
    wishes.answer(store, first, NOW, stored=False)
    assert (wishes.answered(store, first), wishes.unanswered(store)) == (True, {second: "ETH"})
    wishes.answer(store, second, NOW + timedelta(seconds=61), stored=False)
    assert (wishes.answered(store, first), wishes.answered(store, second)) == (None, False)


def test_a_sender_that_takes_over_doubts_what_was_being_sent(store: Store) -> None:
    first = senders.take(store)
    assert senders.take(store) == first + 1
