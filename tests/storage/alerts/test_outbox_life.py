"""The outbox against a small model, through every order of events that hypothesis can think of.

The promises: no row is lost (each waits or has ended, with a reason where it was not sent), never are two messages
under way to one destination, nothing is taken under an old lease, and what was under way when a process died is sent
again only with a mark.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from signals.alerts.episodes import Transition
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Claim, Notice
from storage.alerts.sending import spreading
from storage.people import destinations
from tests.examples import examples
from tests.fakes.notices import claim_from, sent_from
from tests.storage import beside, senders

if TYPE_CHECKING:
    from tests.storage.stores import Stores

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LIFE = timedelta(hours=1)
CHATS = ("1", "2", "3")
FINAL = {"sent", "merged", "dead", "expired"}
pick = st.integers(0, 5)


@dataclass
class Model:
    """What must be there: rows ever written, and what is under way in the living process and in dead ones."""

    rows: int = 0
    under_way: list[Claim] = field(default_factory=list)
    in_doubt: set[int] = field(default_factory=set)
    settled: dict[int, str] = field(default_factory=dict)


class Life(RuleBasedStateMachine):
    stores: ClassVar[Stores]

    @initialize()
    def begin(self) -> None:
        self.lent = self.stores.one()
        self.store = self.lent.__enter__()
        self.now, self.model, self.names = NOW, Model(), 0
        for chat in CHATS:
            self.start(chat)
        self.process = senders.take(self.store)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.lent.__exit__(None, None, None)

    def start(self, chat: str) -> None:
        one = destinations.ensure(self.store, "telegram", chat, None, kind="group", title=None, now=self.now)
        destinations.subscribe(self.store, one.id, "*", "*")

    @rule(rank=st.sampled_from(["notice", "critical"]), twice=st.booleans())
    def fire(self, rank: str, twice: bool = True) -> None:
        with self.store.write() as connection:
            fired = Transition("fired", self.now, self.now, "notice", {})
            number = episodes.record(connection, ("rule", "BTC"), fired, None)
            self.announce(connection, "fired", rank, number, twice)

    @rule(which=pick, kind=st.sampled_from(["escalated", "resolved"]), twice=st.booleans())
    def go_on(self, which: int, kind: str, twice: bool) -> None:
        known = beside.rows(self.store, "SELECT id FROM episodes ORDER BY id DESC LIMIT 6")
        if known:
            with self.store.write() as connection:
                self.announce(connection, kind, "warning", known[which % len(known)]["id"], twice)

    def announce(self, connection, kind: str, rank: str, episode: int, twice: bool) -> None:
        notice = Notice(kind, rank, self.now, {}, episode, "rule", "BTC")  # type: ignore[arg-type]
        self.model.rows += outbox.announce(connection, notice, now=self.now, expires=self.now + LIFE)
        if twice:
            assert outbox.announce(connection, notice, now=self.now, expires=self.now + LIFE) == 0

    @rule()
    def spread(self) -> None:
        """Rows of a part are made, and the process dies before the next one."""
        with self.store.write() as work:
            spreading.one(work)

    @rule(limit=st.integers(1, 4), resting=st.sets(st.integers(1, 3), max_size=2))
    def claim(self, limit: int, resting: set[int]) -> None:
        with self.store.write() as work:
            spreading.everything(work)
        taken = claim_from(
            self.store, now=self.now, process=self.process, platform="telegram", limit=limit, resting=resting
        )
        assert len(taken) <= limit
        assert not resting & {claim.destination for claim in taken}
        for claim in taken:
            assert claim.id not in self.model.settled
            assert claim.uncertain == (claim.id in self.model.in_doubt)
        self.model.under_way += taken

    def one(self, which: int) -> Claim:
        return self.model.under_way.pop(which % len(self.model.under_way))

    @precondition(lambda self: self.model.under_way)
    @rule(which=pick)
    def sent(self, which: int) -> None:
        one = self.one(which)
        sent_from(self.store, one, f"message {one.id}", now=self.now)
        self.model.in_doubt.discard(one.id)

    @precondition(lambda self: self.model.under_way)
    @rule(which=pick, wait=st.sampled_from([0, 60, 600]), uncertain=st.booleans())
    def later(self, which: int, wait: int, uncertain: bool) -> None:
        one = self.one(which)
        until = self.now + timedelta(seconds=wait)
        outbox.later(self.store, one, until, "not now", now=self.now, counts=True, uncertain=uncertain)
        if uncertain:
            self.model.in_doubt.add(one.id)

    @precondition(lambda self: self.model.under_way)
    @rule(which=pick)
    def dead(self, which: int) -> None:
        outbox.ended(self.store, self.one(which), "dead", "refused", now=self.now)

    @precondition(lambda self: self.model.under_way)
    @rule()
    def crash(self) -> None:
        """The process dies with messages under way, and another one starts."""
        self.model.in_doubt |= {row.id for row in self.model.under_way}
        self.model.under_way.clear()
        old, self.process = self.process, senders.take(self.store)
        assert claim_from(self.store, now=self.now, process=old, platform="telegram", limit=9) == []

    @rule(minutes=st.sampled_from([1, 10, 61]))
    def pass_time(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def expire(self) -> None:
        with self.store.write() as work:
            for destination in outbox.expired(work, now=self.now):
                late = Notice("late", "notice", self.now, {})
                outbox.announce_to(work, destination, late, now=self.now, expires=self.now)
                self.model.rows += 1

    @rule(chat=st.sampled_from(CHATS))
    def leave(self, chat: str) -> None:
        if found := destinations.find(self.store, "telegram", chat):
            outbox.gone(self.store, found.id, "blocked", now=self.now)
            self.model.under_way = [row for row in self.model.under_way if row.destination != found.id]

    @rule(chat=st.sampled_from(CHATS))
    def come_back(self, chat: str) -> None:
        self.start(chat)

    @rule(chat=st.sampled_from(CHATS), known=st.booleans())
    def move(self, chat: str, known: bool) -> None:
        """A group gets a new id; what was sent to both of its names becomes one."""
        old = destinations.find(self.store, "telegram", chat)
        if old is None or any(row.destination == old.id for row in self.model.under_way):
            return  # a service message may come while one is under way: test_outbox.py has that
        self.names += 1
        new = f"-100{self.names}"
        if known:
            self.start(new)
            self.fire("notice")
            with self.store.write() as work:
                spreading.everything(work)
            doubles = beside.one(
                self.store,
                "SELECT count(*) AS n FROM outbox WHERE destination = ? AND notice IN (SELECT notice FROM outbox "
                "WHERE destination = (SELECT id FROM destinations WHERE chat = ?))",
                old.id,
                new,
            )
            self.model.rows -= doubles["n"]  # type: ignore[index]
        destinations.moved(self.store, "telegram", chat, new)
        destinations.moved(self.store, "telegram", new, chat)  # and back, so that the three names stay

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "store"):
            return
        rows = beside.rows(self.store, "SELECT id, state, reason, settled, destination FROM outbox")
        parts = beside.rows(self.store, "SELECT places, count FROM outbox_parts")
        assert all(len(json.loads(part["places"])) == part["count"] <= spreading.PART for part in parts)
        yet = sum(part["count"] for part in parts)
        assert len(rows) + yet == self.model.rows
        sending = [row["id"] for row in rows if row["state"] == "sending"]
        assert sorted(sending) == sorted(row.id for row in self.model.under_way)
        places = [row["destination"] for row in rows if row["state"] == "sending"]
        assert len(places) == len(set(places))
        for row in rows:
            ended = row["state"] in FINAL
            assert ended or row["state"] in ("queued", "sending", "uncertain")
            assert ended == (row["settled"] is not None)
            assert row["reason"] or row["state"] in ("queued", "sending", "sent")
            before = self.model.settled.get(row["id"])
            assert before in (None, row["state"])  # an end is final
            if ended:
                self.model.settled[row["id"]] = row["state"]
        assert outbox.waiting(self.store) == sum(row["settled"] is None for row in rows) + yet

    @invariant()
    def nothing_waits_for_nobody(self) -> None:
        if not hasattr(self, "store"):
            return
        lost = beside.rows(
            self.store,
            "SELECT o.id FROM outbox o JOIN destinations d ON d.id = o.destination "
            "WHERE o.settled IS NULL AND d.gone IS NOT NULL",
        )
        assert not lost


@pytest.mark.slow
@pytest.mark.parametrize("most", [pytest.param(5_000, id="at once"), pytest.param(1, id="in parts")])
def test_life(stores: Stores, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(spreading, "PART", most)
    Life.stores = stores
    run_state_machine_as_test(Life, settings=examples(60, stateful_step_count=50))
