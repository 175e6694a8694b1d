"""A destination that rests, for lack of rights or as its platform asked: each by itself, and until it is written to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from signals.units import from_ms
from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.alerts.sending import rests
from storage.people import destinations
from tests.fakes.notices import claim_from, ready, sent_from
from tests.storage import beside, senders

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def place(store: Store, chat: str, topic: str = "") -> int:
    return destinations.ensure(store, "telegram", chat, topic or None, kind="group", title="Desk", now=NOW).id


def tell(store: Store, to: int, at: datetime = NOW) -> None:
    with store.write() as work:
        outbox.announce_to(work, to, Notice("late", "notice", at, ready("news")), now=at, expires=at + 9 * HOUR)


def resting(store: Store) -> dict[str, tuple[str | None, datetime | None]]:
    found = beside.rows(store, "SELECT chat, gone_reason, rests_until FROM destinations ORDER BY id")
    return {
        row["chat"]: (row["gone_reason"], None if row["rests_until"] is None else from_ms(row["rests_until"]))
        for row in found
    }


def test_who_can_be_written_to_again_rests_no_more_and_the_others_do(store: Store) -> None:
    here, there, asked = place(store, "1"), place(store, "2"), place(store, "3")
    for one in (here, there):
        rests.rest(store, one, NOW, "may not write")
    rests.rest(store, asked, NOW + HOUR)
    tell(store, here)
    (claim,) = claim_from(store, now=NOW, process=senders.take(store), platform="telegram", limit=8)
    assert claim.barred
    sent_from(store, claim, "m1", now=NOW)
    assert resting(store) == {"1": (None, None), "2": ("may not write", NOW), "3": (None, NOW + HOUR)}


def test_who_closed_the_chat_meanwhile_stays_closed(store: Store) -> None:
    here = place(store, "1")
    rests.rest(store, here, NOW, "may not write")
    tell(store, here)
    (claim,) = claim_from(store, now=NOW, process=senders.take(store), platform="telegram", limit=8)
    outbox.gone(store, here, "blocked", now=NOW)
    sent_from(store, claim, "m1", now=NOW)
    assert resting(store)["1"][0] == "blocked"


def test_a_wait_is_that_of_the_oldest_message_to_one_destination(store: Store) -> None:
    """As long again as it has waited already nothing is tried there, however long others wait."""
    here, there, empty = place(store, "1"), place(store, "2"), place(store, "3")
    tell(store, there, NOW - HOUR)
    tell(store, here, NOW - 2 * HOUR)
    beside.rows(store, "UPDATE outbox SET state = 'sent', settled = 1 WHERE destination = ?", here)
    tell(store, here)
    tell(store, here, NOW + HOUR)
    with store.write() as work:
        assert [rests.waits_since(work, one) for one in (here, there, empty)] == [NOW, NOW - HOUR, None]


@pytest.mark.parametrize("reason", ["may not write", None])
def test_a_chat_that_is_woken_is_so_in_all_of_its_topics_where_something_was_not_allowed(
    store: Store, reason: str | None
) -> None:
    for chat, topic in (("1", ""), ("1", "7"), ("2", "")):
        rests.rest(store, place(store, chat, topic), NOW + HOUR, reason)
    outbox.gone(store, place(store, "1", "8"), "deleted", now=NOW)
    assert rests.woken(store, "telegram", "1") == (2 if reason else 0)
    assert rests.woken(store, "discord", "2") == 0
    left = beside.rows(store, "SELECT chat, topic FROM destinations WHERE rests_until IS NOT NULL ORDER BY id")
    assert [tuple(row) for row in left] == ([("2", "")] if reason else [("1", ""), ("1", "7"), ("2", "")])
    closed = beside.rows(store, "SELECT topic FROM destinations WHERE gone_reason = 'deleted'")
    assert [row["topic"] for row in closed] == ["8"]


def test_of_what_may_not_be_written_to_the_owner_sees_why_until_when_and_how_much_waits(store: Store) -> None:
    here, there, gone = place(store, "1", "7"), place(store, "2"), place(store, "3")
    rests.rest(store, here, NOW + HOUR, "may not write")
    rests.rest(store, there, NOW + HOUR)
    for one in (here, here, there):
        tell(store, one)
    beside.rows(store, "UPDATE outbox SET state = 'sent', settled = 1 WHERE id = 1")
    outbox.gone(store, gone, "blocked", now=NOW)
    assert rests.without_rights(store) == [rests.Resting("telegram", "1", "7", "Desk", "may not write", NOW + HOUR, 1)]
