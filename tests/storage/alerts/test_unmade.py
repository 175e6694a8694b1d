"""What is sent while rows are yet to be made is what would be sent if all of them were there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.episodes import Transition
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from storage.alerts.sending import spreading
from storage.people import destinations
from tests.examples import examples
from tests.storage import beside, senders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from storage.alerts.outbox import Claim
    from storage.engine.database import Store
    from tests.storage.stores import Stores

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=6)
KINDS = ("fired", "escalated", "changed", "resolved")
# Which rules each chat is told of.
CHATS = {
    "11": {"oi_drawdown", "oi_zscore", "sources"},
    "12": {"oi_drawdown"},
    "13": {"oi_drawdown", "oi_zscore", "sources"},
    "14": {"oi_zscore"},
    "15": {"oi_drawdown", "oi_zscore", "sources"},
    "16": {"oi_drawdown", "oi_zscore", "sources"},
    "17": {"oi_drawdown", "sources"},
}
TELL = st.tuples(
    st.sampled_from(["oi_drawdown", "oi_zscore", "sources"]),
    st.sampled_from(["BTC", "ETH"]),
    st.sampled_from(["notice", "critical"]),
)
STEPS = st.lists(st.one_of(TELL, st.sampled_from(["make", "claim", "claim", "claim"])), min_size=1, max_size=30)


@pytest.fixture(autouse=True, scope="module")
def parts_of_two() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spreading, "PART", 2)
        yield


@dataclass
class Model:
    """What waits, written down without parts: of each chat its notices, by number: rank, rule, asset and episode."""

    waiting: dict[str, dict[int, tuple[str, str, str, int | None]]] = field(
        default_factory=lambda: {chat: {} for chat in CHATS}
    )

    def tell(self, number: int, rank: str, rule: str, asset: str, episode: int | None) -> None:
        """Add a notice; what waits of the same episode is settled by it."""
        for chat, rules in CHATS.items():
            if rule in rules:
                there = self.waiting[chat]
                for earlier in [n for n, about in there.items() if episode is not None and about[3] == episode]:
                    del there[earlier]
                there[number] = rank, rule, asset, episode

    def expected(self, chat: str) -> tuple[int, set[int]] | None:
        """Return the most urgent notice of all that wait, and all that is said with it where it is told to a chat."""
        every = [(-outbox.PRIORITY[about[0]], n) for there in self.waiting.values() for n, about in there.items()]
        if not every:
            return None
        _, lead = min(every)
        there = self.waiting[chat]
        if lead not in there:
            return lead, set()
        _, rule, asset, episode = there[lead]
        if episode is None:
            return lead, {n for n, about in there.items() if about[3] is None and about[1] == rule}
        return lead, {n for n, about in there.items() if about[3] is not None and about[2] == asset}


class Sender:
    """Claims as the dispatcher does: what is needed before is made before."""

    def __init__(self, store: Store) -> None:
        self.store, self.process, self.unmade = store, senders.take(store), spreading.Unmade()

    def claim(self, limit: int = 1) -> list[Claim]:
        """Claim and settle."""
        while True:
            with self.store.write() as work:
                claims = outbox.claim(
                    work, now=NOW, process=self.process, platform="telegram", limit=limit, together=lambda *_: True,
                    unmade=self.unmade,
                )  # fmt: skip
                outbox.sent(work, [(claim, f"message {claim.id}", NOW) for claim in claims])
            if not self.unmade.needed:
                return claims
            assert not claims
            with self.store.write() as work:
                assert spreading.make(work, self.unmade.needed)


def fill(store: Store) -> None:
    for chat, rules in CHATS.items():
        place = destinations.ensure(store, "telegram", chat, None, kind="private", title=None, now=NOW)
        for rule in rules:
            destinations.subscribe(store, place.id, rule, "*")


def tell(store: Store, rule: str, asset: str, rank: Any, told: dict[tuple[str, str], list[int]]) -> tuple[int, Any]:
    """Announce, as the next news of the episode of a rule and an asset; return the notice and its episode."""
    with store.write() as work:
        episode, kind = None, "source"
        if rule != "sources":
            so_far = told.setdefault((rule, asset), [])
            kind = KINDS[len(so_far) % len(KINDS)]
            fired = Transition("fired", NOW, NOW, "notice", {})
            episode = episodes.record(work, (rule, asset), fired, None) if kind == "fired" else so_far[-1]
            so_far.append(episode)
        notice = Notice(kind, rank, NOW, {}, episode, rule, asset)  # type: ignore[arg-type]
        outbox.announce(work, notice, now=NOW, expires=LATER)
    (row,) = beside.rows(store, "SELECT max(id) AS number FROM notices")
    return row["number"], episode


@given(steps=STEPS)
@examples(25)
def test_claims_are_those_of_an_outbox_without_parts(module_stores: Stores, steps: Sequence[Any]) -> None:
    with module_stores.one() as store:
        fill(store)
        sender, model, told, seen = Sender(store), Model(), {}, []

        def claimed() -> bool:
            claims = sender.claim()
            if not claims:
                assert not any(model.waiting.values())
                return False
            (claim,) = claims
            (lead,) = [row.notice.number for row in claim.rows if row.id == claim.id]
            together = {row.notice.number for row in claim.rows}
            assert (lead, together) == model.expected(claim.chat)
            for number in together:
                del model.waiting[claim.chat][number]
                seen.append((claim.chat, number))
            return True

        for step in steps:
            if step == "make":
                with store.write() as work:
                    spreading.one(work)
            elif step == "claim":
                claimed()
            else:
                rule, asset, rank = step
                number, episode = tell(store, rule, asset, rank, told)
                model.tell(number, rank, rule, asset, episode)
        while claimed():
            pass
        assert len(seen) == len(set(seen))
        assert not beside.rows(store, "SELECT 1 FROM outbox_parts")
        assert {row["state"] for row in beside.rows(store, "SELECT state FROM outbox")} <= {"sent", "merged"}


def made(store: Store) -> int:
    (row,) = beside.rows(store, "SELECT count(*) AS count FROM outbox")
    return int(row["count"])


def test_the_first_message_leaves_when_the_first_part_is_made(store: Store) -> None:
    fill(store)
    tell(store, "oi_drawdown", "BTC", "notice", {})
    assert [claim.chat for claim in Sender(store).claim(8)] == ["11", "12"]
    assert made(store) == 2


def test_what_goes_to_the_same_chats_is_made_together(store: Store) -> None:
    fill(store)
    tell(store, "oi_drawdown", "BTC", "notice", {})
    tell(store, "sources", "BTC", "notice", {})
    tell(store, "oi_zscore", "BTC", "notice", {})
    sender = Sender(store)
    (claim,) = sender.claim()
    assert [row.notice.rule for row in claim.rows] == ["oi_drawdown", "oi_zscore"]
    assert made(store) == 6  # of each notice the part that this chat is in


def test_what_is_more_urgent_goes_first_though_less_is_made(store: Store) -> None:
    fill(store)
    tell(store, "oi_drawdown", "BTC", "notice", {})
    sender = Sender(store)
    sender.claim()
    tell(store, "oi_zscore", "ETH", "critical", {})
    seen = [claim.rows[0].notice.rank for _ in range(12) for claim in sender.claim()]
    assert seen == ["critical"] * 5 + ["notice"] * 5


def test_a_place_that_a_later_notice_may_reach_waits_for_it(store: Store) -> None:
    """The escalation says what the fire says: who has not been told of that is told once."""
    fill(store)
    told: dict[tuple[str, str], list[int]] = {}
    tell(store, "oi_drawdown", "BTC", "notice", told)
    sender = Sender(store)
    sender.claim()
    tell(store, "oi_drawdown", "BTC", "notice", told)
    seen = [(claim.chat, claim.rows[0].notice.kind) for _ in range(9) for claim in sender.claim()]
    assert sorted(seen) == [(chat, "escalated") for chat, rules in CHATS.items() if "oi_drawdown" in rules]


def test_a_sender_that_lost_its_lease_claims_nothing_and_asks_for_nothing(store: Store) -> None:
    fill(store)
    tell(store, "oi_drawdown", "BTC", "notice", {})
    sender = Sender(store)
    senders.take(store)  # another process
    assert sender.claim() == []
    assert made(store) == 0
