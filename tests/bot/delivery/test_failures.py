"""The table: for each way in which a message did not go out, what becomes of its row, its chat and its platform."""

from __future__ import annotations

import inspect
import math
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest
import structlog

from bot.delivery import failures as of_sending
from bot.delivery.failures import MANY, REMEDIES, Failures, Trouble, reason_of
from bot.delivery.probing import DOWN_PAUSE, TOKEN_PAUSES
from handlers.channels import failure
from handlers.channels.failure import (
    ChatGone,
    ChatMoved,
    MarkupRefused,
    MessageRefused,
    NotSent,
    PerhapsSent,
    RightsMissing,
    SendFailed,
    Throttled,
    TokenRefused,
    Unreached,
)
from storage.alerts import outbox
from storage.alerts.outbox import Claim, Notice
from storage.engine.database import Store
from storage.people import destinations
from tests.fakes.channel import HandClock
from tests.fakes.notices import claim_from, ready
from tests.storage import beside, senders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
CHAT = "-20"
KINDS = [kind for _, kind in inspect.getmembers(failure, inspect.isclass) if kind.__base__ is SendFailed]
CASES = [
    # what happened; the row: its state and its tries; the chat; the platform
    pytest.param(ChatGone("blocked"), "dead", 0, "gone", "goes on", id="blocked"),
    pytest.param(ChatMoved("upgraded", to="-100"), "queued", 0, "moved", "goes on", id="moved"),
    pytest.param(Throttled("flood", seconds=7), "queued", 0, "rests", "goes on", id="throttled"),
    pytest.param(
        Throttled("flood", seconds=7, scope="unsaid"), "queued", 0, "rests", "goes on", id="throttled, unsaid"
    ),
    pytest.param(Throttled("flood", seconds=7, scope="platform"), "queued", 0, "rests", "rests", id="throttled whole"),
    pytest.param(RightsMissing("may not"), "queued", 0, "rests", "goes on", id="rights missing"),
    pytest.param(MarkupRefused("bad"), "queued", 1, "stays", "goes on", id="markup refused"),
    pytest.param(MessageRefused("odd"), "dead", 0, "stays", "goes on", id="message refused"),
    pytest.param(TokenRefused("no"), "queued", 0, "stays", "halted", id="token refused"),
    pytest.param(Unreached("port closed"), "queued", 0, "stays", "rests", id="not reached"),
    pytest.param(NotSent("hm"), "queued", 1, "stays", "goes on", id="not sent"),
    pytest.param(PerhapsSent("lost"), "uncertain", 1, "stays", "goes on", id="perhaps sent"),
    pytest.param(PerhapsSent("504", scope="platform"), "uncertain", 1, "stays", "rests", id="perhaps sent, 504"),
]


@dataclass
class Counter:
    """One chat with one message to it, about to be settled."""

    store: Store
    failures: Failures
    trouble: Trouble
    clock: HandClock

    def claim(self) -> Claim:
        process = senders.take(self.store, "any")
        (claim,) = claim_from(self.store, now=self.clock.now(), process=process, platform="any", limit=1, resting=set())
        return claim

    def fails(self, failed: SendFailed) -> None:
        self.failures.settle(self.store, self.claim(), self.trouble, failed)

    @property
    def row(self) -> tuple[str, int]:
        (found,) = beside.rows(self.store, "SELECT state, attempts FROM outbox")
        return found["state"], found["attempts"]

    @property
    def chat(self) -> str:
        (found,) = beside.rows(self.store, "SELECT chat, gone, rests_until FROM destinations")
        if found["gone"] is not None:
            return "gone"
        return "moved" if found["chat"] != CHAT else "rests" if found["rests_until"] else "stays"

    @property
    def platform(self) -> str:
        if self.trouble.halted:
            return "halted"
        return "rests" if self.trouble.rests_until > self.clock.monotonic() else "goes on"


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    store, clock = Store(tmp_path / "perpulse.db"), HandClock(NOW)
    here = destinations.ensure(store, "any", CHAT, None, kind="group", title=None, now=NOW)
    destinations.subscribe(store, here.id, "*", "*")
    with store.write() as work:
        notice = Notice("fired", "notice", NOW, ready("news"), None, "watch", "BTC")
        outbox.announce(work, notice, now=NOW, expires=NOW + timedelta(days=90))
    yield Counter(store, Failures(clock, random.Random(1)), Trouble(), clock)
    store.close()


def test_the_table_holds_every_kind_and_so_do_these_cases() -> None:
    assert len(KINDS) >= 9
    assert set(REMEDIES) == set(KINDS)
    assert {type(case.values[0]) for case in CASES} == set(KINDS)


@pytest.mark.parametrize(("failed", "state", "tries", "chat", "platform"), CASES)
def test_each_failure_does_what_its_row_of_the_table_says(
    counter: Counter, failed: SendFailed, state: str, tries: int, chat: str, platform: str
) -> None:
    counter.fails(failed)
    assert (counter.row, counter.chat, counter.platform) == ((state, tries), chat, platform)


@pytest.mark.parametrize("failed", [pytest.param(case.values[0], id=case.id) for case in CASES])
def test_no_number_of_tries_ends_a_row_that_waits(counter: Counter, failed: SendFailed) -> None:
    beside.rows(counter.store, "UPDATE outbox SET attempts = ?", 5_000)
    counter.fails(failed)
    assert (counter.row[0] == "dead") is isinstance(failed, ChatGone | MessageRefused)


def test_a_kind_of_a_channels_own_is_treated_as_the_one_it_refines(counter: Counter) -> None:
    class TopicGone(ChatGone):
        """The topic is gone."""

    counter.fails(TopicGone("closed"))
    assert counter.chat == "gone"


def test_failures_are_counted_under_as_many_words_as_the_table_has_rows() -> None:
    """They are labels of a metric: a library's own kinds would make ever more of them."""

    class TopicGone(ChatGone):
        """The topic is gone."""

    assert reason_of(TopicGone("closed")) == "chat gone"
    assert reason_of(PerhapsSent("lost")) == "perhaps sent"
    assert len({reason_of(case.values[0]) for case in CASES}) == len(REMEDIES)


def test_markup_refused_twice_is_the_end_of_a_message(counter: Counter) -> None:
    counter.fails(MarkupRefused("bad"))
    assert counter.claim().plain
    beside.rows(counter.store, "UPDATE outbox SET state = 'queued'")
    counter.fails(MarkupRefused("bad"))
    assert counter.row[0] == "dead"


def again(counter: Counter, failed: SendFailed) -> None:
    beside.rows(counter.store, "UPDATE outbox SET state = 'queued', not_before = 0, held_until = NULL")
    beside.rows(counter.store, "UPDATE destinations SET rests_until = 0")
    counter.fails(failed)


def test_many_in_a_row_are_the_platforms_fault_until_one_goes_through(counter: Counter) -> None:
    lost = PerhapsSent("lost")
    for _ in range(MANY - 1):
        again(counter, lost)
    assert counter.platform == "goes on"
    counter.trouble.over("any")
    again(counter, lost)
    assert counter.platform == "goes on"
    for _ in range(MANY - 1):
        again(counter, lost)
    assert counter.platform == "rests"


@pytest.mark.parametrize("scope", ["chat", "unsaid"])
def test_one_chat_that_is_to_wait_again_and_again_holds_up_no_other(
    counter: Counter, scope: Literal["chat", "unsaid"]
) -> None:
    for _ in range(3 * MANY):
        again(counter, Throttled("flood", seconds=300, scope=scope))
    assert (counter.platform, counter.row) == ("goes on", ("queued", 0))


def test_a_platform_that_is_down_is_said_once_and_its_end_once(counter: Counter) -> None:
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            beside.rows(counter.store, "UPDATE outbox SET state = 'queued', not_before = 0, held_until = NULL")
            counter.fails(Unreached("port closed"))
        counter.trouble.over("any")
        counter.trouble.over("any")
    said = [(line["log_level"], line["event"], line["platform"]) for line in logs]
    assert said == [
        ("warning", "the platform is not reached, trying on", "any"),
        ("info", "the platform is reached again", "any"),
    ]


def test_a_chat_that_is_gone_is_no_error_of_ours(counter: Counter) -> None:
    with structlog.testing.capture_logs() as logs:
        counter.fails(ChatGone("blocked"))
    assert [(line["log_level"], line["reason"], line["dropped"]) for line in logs] == [("warning", "blocked", 1)]


def test_what_was_not_reached_was_away_until_what_waits_for_it_is_let_go(counter: Counter) -> None:
    """A question that is answered lets go what waits, only where something may have been lost meanwhile."""
    again(counter, PerhapsSent("lost"))
    assert not counter.trouble.was_away
    again(counter, Unreached("port closed"))
    again(counter, PerhapsSent("lost"))
    assert counter.trouble.was_away


class NoNoise(random.Random):
    """Jitter that is always the least."""

    def uniform(self, a: float, b: float) -> float:
        return a


@pytest.mark.parametrize(("tries", "seconds"), [(0, 1), (3, 8), (9, 512), (10, 600), (5_000, 600)])
def test_a_row_waits_twice_as_long_each_time_and_ten_minutes_at_most(
    counter: Counter, tries: int, seconds: int
) -> None:
    counter.failures = Failures(counter.clock, NoNoise())
    beside.rows(counter.store, "UPDATE outbox SET attempts = ?, expires = expires * 2", tries)
    counter.failures.settle(counter.store, counter.claim(), counter.trouble, NotSent("hm"))
    (row,) = beside.rows(counter.store, "SELECT state, not_before FROM outbox")
    assert row["state"] == "queued"
    assert row["not_before"] == round((NOW + timedelta(seconds=seconds)).timestamp() * 1000)


def test_a_platform_that_is_down_is_tried_ever_more_rarely(counter: Counter) -> None:
    counter.failures, rests = Failures(counter.clock, NoNoise()), []
    for _ in range(7):
        again(counter, Unreached("port closed"))
        rests.append(counter.trouble.rests_until - counter.clock.seconds)
        counter.clock.forward(rests[-1])
    assert rests == [1, 2, 5, 10, 30, 30, 30]


def test_what_was_on_its_way_too_makes_the_rest_of_a_platform_no_longer(counter: Counter) -> None:
    again(counter, Unreached("port closed"))
    rests_until = counter.trouble.rests_until
    again(counter, Unreached("port closed"))
    assert counter.trouble.rests_until == rests_until


@pytest.mark.parametrize(
    ("ends", "platform"),
    [
        pytest.param((300, 300, 300), "rests", id="one end"),
        pytest.param((300, 300, 298), "rests", id="one end, nearly"),
        pytest.param((300, 300, 297), "goes on", id="another one"),
        pytest.param((300, 300), "goes on", id="of two chats"),
    ],
)
def test_a_pause_with_one_end_is_that_of_the_whole_bot(
    counter: Counter, ends: tuple[float, ...], platform: str
) -> None:
    claim = counter.claim()
    for number, end in enumerate(ends):
        counter.clock.forward(10)
        told = Throttled("flood", seconds=end - 10 * number, scope="unsaid")
        counter.failures.settle(counter.store, replace(claim, chat=str(number)), counter.trouble, told)
    assert counter.platform == platform
    if platform == "rests":  # a little longer than it asks for: who comes back early is told to wait longer
        asked = counter.trouble.rests_until - counter.clock.seconds
        assert told.seconds < asked < told.seconds + 1


def test_pauses_are_compared_only_until_a_message_goes_through(counter: Counter) -> None:
    claim, told = counter.claim(), Throttled("flood", seconds=300, scope="unsaid")
    for number in range(MANY):
        counter.failures.settle(counter.store, replace(claim, chat=str(number)), counter.trouble, told)
        counter.trouble.over("any")
    assert counter.platform == "goes on"


def test_a_pause_of_the_bot_is_not_cut_short_by_a_shorter_one(counter: Counter) -> None:
    again(counter, Throttled("flood", seconds=300, scope="platform"))
    again(counter, Throttled("flood", seconds=7, scope="platform"))
    assert counter.trouble.rests_until > counter.clock.seconds + 300


def test_since_when_a_token_is_refused_is_known_and_when_it_is_asked_again(counter: Counter) -> None:
    again(counter, TokenRefused("no"))
    counter.clock.forward(60)
    again(counter, TokenRefused("still no"))
    trouble = counter.trouble
    assert (trouble.halted, trouble.halted_at) == ("still no", NOW)
    assert trouble.asked_again == counter.clock.seconds - 60 + TOKEN_PAUSES[0]


def lost(repeats_are_dropped: float = 0) -> PerhapsSent:
    failed = PerhapsSent("lost")
    failed.once_for = timedelta(seconds=repeats_are_dropped)
    return failed


@pytest.mark.parametrize(
    ("queued", "dropped", "later", "tries", "restarted", "waits"),
    [
        pytest.param(0, 0, 5, 1, False, True, id="a third would show it anew"),
        pytest.param(0, 110, 109, 1, False, False, id="the platform drops repeats"),
        pytest.param(0, 110, 110, 1, False, True, id="and does so no more"),
        pytest.param(300, 110, 109, 1, False, False, id="since the first try, not since it was written"),
        pytest.param(0, 110, 109, 1, True, False, id="another process takes over soon"),
        pytest.param(0, 110, 110, 1, True, True, id="another process takes over late"),
        pytest.param(0, 110, 60, 10, False, False, id="eleven tries"),
        pytest.param(0, 110, 60, 11, False, True, id="twelve tries, whatever is dropped"),
    ],
)
def test_when_what_may_have_arrived_waits_for_its_platform(
    counter: Counter, queued: float, dropped: float, later: float, tries: int, restarted: bool, waits: bool
) -> None:
    """Sent on it would be shown again and again; held too early it would be late for nothing."""

    def held() -> bool:
        (row,) = beside.rows(counter.store, "SELECT state, held_until FROM outbox")
        assert row["state"] == "uncertain"
        return row["held_until"] is not None

    counter.clock.forward(queued)
    counter.fails(lost(dropped))
    assert not held(), "once is not lost for good"
    assert counter.trouble.asked_again == math.inf
    counter.clock.forward(later)
    beside.rows(counter.store, "UPDATE outbox SET not_before = 0, attempts = ?", tries)
    if restarted:
        counter.failures = Failures(counter.clock, random.Random(1))
    counter.fails(lost(dropped))
    assert held() is waits
    assert counter.trouble.asked_again == (counter.clock.seconds + DOWN_PAUSE if waits else math.inf)
    assert list(counter.failures.in_doubt) == ([] if waits else [1])


def test_no_more_is_remembered_of_what_may_have_arrived_than_the_newest(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_sending, "MOST_REMEMBERED", 2)
    claim = counter.claim()
    for number in range(1, 5):
        counter.failures.settle(counter.store, replace(claim, id=number), Trouble(), lost())
    assert list(counter.failures.in_doubt) == [3, 4]


class MostNoise(random.Random):
    """Jitter that is always the most."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_chance_makes_each_wait_longer_and_none_shorter(counter: Counter) -> None:
    """Else many that failed at once would come back at once, or before they may."""
    counter.failures = Failures(counter.clock, MostNoise())
    again(counter, NotSent("hm"))
    (row,) = beside.rows(counter.store, "SELECT not_before FROM outbox")
    assert 1.1 < row["not_before"] / 1000 - NOW.timestamp() <= 1.5
    again(counter, Unreached("port closed"))
    assert 1.1 < counter.trouble.rests_until - counter.clock.seconds <= 1.5
    again(counter, Throttled("flood", seconds=7))
    (chat,) = beside.rows(counter.store, "SELECT rests_until FROM destinations")
    assert 7.5 < chat["rests_until"] / 1000 - NOW.timestamp() < 8
