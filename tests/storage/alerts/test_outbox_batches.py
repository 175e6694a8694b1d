"""Many rows at once end as each of them would alone: claimed one after the other, and settled one after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.episodes import Transition
from signals.units import to_ms
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from storage.alerts.sending import rests
from storage.people import destinations
from storage.people.switches import Switch, switch
from tests.examples import examples
from tests.fakes.notices import claim_from, sent_from
from tests.storage import beside, senders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from storage.alerts.outbox import Claim, OutboxRow
    from storage.engine.database import Store
    from tests.storage.stores import Stores

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CHATS = ("11", "12", "13", "14")
# Of each notice: its rule, whether it has an episode, its asset, its rank, and which chats it is for.
NOTICES = st.lists(
    st.tuples(
        st.sampled_from(["oi_drawdown", "oi_zscore", "sources"]),
        st.booleans(),
        st.sampled_from(["BTC", "ETH"]),
        st.sampled_from(["notice", "critical"]),
        st.sets(st.sampled_from(range(len(CHATS))), min_size=1),
    ),
    min_size=1,
    max_size=8,
)


def fill(store: Store, told: Sequence[tuple[str, bool, str, Any, set[int]]]) -> int:
    """Write chats, one of which has switched something and one of which was barred, and notices; return who sends."""
    places = [
        destinations.ensure(store, "telegram", chat, None, kind="private", title=None, now=NOW).id for chat in CHATS
    ]
    switch(store, places[0], Switch("loud"))
    rests.rest(store, places[1], NOW - SECOND, "not allowed")
    for number, (rule, of_episode, asset, rank, chats) in enumerate(told):
        with store.write() as work:
            fired = Transition("fired", NOW, NOW, "notice", {})
            episode = episodes.record(work, (rule, asset), fired, None) if of_episode else None
            notice = Notice("fired", rank, NOW, {"number": number}, episode, rule, asset)
            outbox.announce_among(work, [places[chat] for chat in sorted(chats)], notice, now=NOW, expires=NOW + SECOND)
    return senders.take(store)


def rounds(store: Store, process: int, *, limit: int) -> list[list[Claim]]:
    """Claim and settle until nothing is due: so many at a time, each round settled at once."""
    found = []
    while claims := claim_from(
        store, now=NOW, process=process, platform="telegram", limit=limit, together=lambda _, other: other.id % 3 > 0
    ):
        found.append(claims)
        with store.write() as work:
            outbox.sent(work, [(one, f"message {one.id}", NOW) for one in claims])
    return found


def left(store: Store) -> list[list[Any]]:
    """Return all that claiming and settling writes."""
    asked = (
        "SELECT id, state, reason, message, settled, lead, epoch FROM outbox ORDER BY id",
        "SELECT episode, destination, message FROM messages ORDER BY episode, destination",
        "SELECT id, gone_reason, rests_until FROM destinations ORDER BY id",
    )
    return [[tuple(row) for row in beside.rows(store, one)] for one in asked]


@given(told=NOTICES)
@examples(30)
def test_what_is_claimed_at_once_is_what_is_claimed_one_by_one(module_stores: Stores, told: list[Any]) -> None:
    with module_stores.one() as many, module_stores.one() as single:
        processes = fill(many, told), fill(single, told)
        (at_once, *_), found = rounds(many, processes[0], limit=len(CHATS)), rounds(single, processes[1], limit=1)
        first: dict[int, Claim] = {}
        for (claim,) in found:
            first.setdefault(claim.destination, claim)
        assert {claim.destination: claim_without_chance(claim) for claim in at_once} == {
            place: claim_without_chance(claim) for place, claim in first.items()
        }
        for claim in at_once:
            assert [row.id for row in claim.rows] == sorted(meant(told, claim))
            assert [chosen.kind for chosen in claim.switches] == (["loud"] if claim.chat == CHATS[0] else [])
            assert claim.barred == (claim.chat == CHATS[1])
        assert [claim.id for claim in at_once] == sorted((claim.id for claim in at_once), key=by_urgency(at_once))
        assert left(many) == left(single)


def meant(told: Sequence[tuple[str, bool, str, Any, set[int]]], claim: Claim) -> set[int]:
    """Return the rows that are said in the message of the one that leads a claim, by the rule written out here."""
    written = [(about, chat) for about in told for chat in sorted(about[4])]
    rows = {row: about for row, (about, chat) in enumerate(written, 1) if CHATS[chat] == claim.chat}
    rule, of_episode, asset, *_ = rows[claim.id]
    same = {
        row
        for row, other in rows.items()
        if other[1] == of_episode and (other[2] == asset if of_episode else other[0] == rule)
    }
    return {claim.id} | {row for row in same if row % 3 > 0}


def by_urgency(claims: Sequence[Claim]) -> Callable[[int], tuple[int, int]]:
    """Return what rows that lead are sorted by: the more urgent first, then the older."""
    ranks = {row.id: row.notice.rank for claim in claims for row in claim.rows}
    return lambda row: (-outbox.PRIORITY[ranks[row]], row)


def claim_without_chance(claim: Claim) -> tuple[Any, ...]:
    """Return what a claim says; its nonce is drawn."""
    return claim.id, claim.chat, claim.switches, claim.message, claim.beside, claim.barred, claim.rows


@given(told=NOTICES)
@examples(30)
def test_what_is_settled_at_once_is_as_if_settled_one_by_one(module_stores: Stores, told: list[Any]) -> None:
    with module_stores.one() as many, module_stores.one() as single:
        for store in (many, single):
            process = fill(store, told)
            claims = claim_from(store, now=NOW, process=process, platform="telegram", limit=9, together=_all)
            landed = [(one, None if one.id % 4 == 0 else f"message {one.id}", NOW + SECOND * one.id) for one in claims]
            if store is many:
                with store.write() as work:
                    outbox.sent(work, landed)
            else:
                for claim, message, at in landed:
                    sent_from(store, claim, message, now=at)
        assert left(many) == left(single)
        leads = {row.id: (claim.id, message, at) for claim, message, at in landed for row in claim.rows}
        for row, state, _, message, settled, lead, _ in left(many)[0]:
            assert (state == "sent") == (row in leads)
            if row in leads:
                assert (lead, message, settled) == (*leads[row][:2], to_ms(leads[row][2]))
        barred = [reason for _, reason, _ in left(many)[2] if reason]
        assert len(barred) == (not any(claim.chat == CHATS[1] for claim, _, _ in landed))


def _all(_: OutboxRow, __: OutboxRow) -> bool:
    return True


@pytest.mark.parametrize("message", ["7", '"; DROP TABLE outbox', "zwölf 🟢", "{}", "1e3", "null"])
def test_a_message_is_kept_as_its_platform_named_it(store: Store, message: str) -> None:
    process = fill(store, [("oi_drawdown", True, "BTC", "notice", {0})])
    (claim,) = claim_from(store, now=NOW, process=process, platform="telegram", limit=8)
    sent_from(store, claim, message, now=NOW)
    outcome, kept, _ = left(store)
    assert [row[3] for row in outcome] == [message]
    assert [row[2] for row in kept] == [message]


def test_two_messages_of_an_episode_in_a_chat_that_was_merged_leave_the_newer_one(store: Store) -> None:
    """What was under way to both names of a group when they became one is settled in one statement."""
    process = fill(store, [("oi_drawdown", True, "BTC", "notice", {0, 1})])
    with store.write() as work:
        told = Notice("escalated", "notice", NOW, {}, 1, "oi_drawdown", "BTC")
        outbox.announce_among(work, [3], told, now=NOW, expires=NOW + SECOND)
    claims = claim_from(store, now=NOW, process=process, platform="telegram", limit=8)
    destinations.moved(store, "telegram", "13", "12")
    with store.write() as work:
        outbox.sent(work, [(one, f"message {one.id}", NOW) for one in claims])
    outcome, kept, _ = left(store)
    assert {row[1] for row in outcome} == {"sent"}
    assert kept == [(1, claims[0].destination, "message 1"), (1, claims[1].destination, "message 3")]
