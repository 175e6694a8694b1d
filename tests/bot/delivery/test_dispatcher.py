"""What becomes of each answer, at which pace, in which order. The channel is scripted, the rest is real."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest

from bot.delivery.dispatcher import IN_FLIGHT, Dispatcher
from bot.processes.holdings import BEAT_EVERY, DEAD_AFTER
from handlers.channels.channel import Limits
from handlers.channels.failure import (
    ChatGone,
    ChatMoved,
    MarkupRefused,
    MessageRefused,
    NotSent,
    PerhapsSent,
    Throttled,
    TokenRefused,
    Unreached,
)
from signals.alerts.episodes import Transition
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from storage.alerts.sending import spreading
from storage.engine.database import Store
from storage.engine.sqlite import file
from storage.people import destinations, switches
from storage.people.switches import Switch
from tests.bot.delivery.desk import work
from tests.fakes.channel import FakeChannel, HandClock
from tests.fakes.notices import ready
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Bench:
    """A dispatcher over a real store, with a scripted channel and a clock moved by hand."""

    store: Store
    clock: HandClock
    channel: FakeChannel
    dispatcher: Dispatcher

    def place(self, chat: str = "11", kind: str = "private", platform: str = "telegram", rule: str = "*") -> int:
        one = destinations.ensure(self.store, platform, chat, None, kind=kind, title=None, now=self.clock.now())
        destinations.subscribe(self.store, one.id, rule, "*")
        switches.switch(self.store, one.id, Switch("budget", value="off"))  # here is tried how fast all of it goes
        return one.id

    def episode(self) -> int:
        with self.store.write() as connection:
            fired = Transition("fired", self.clock.now(), self.clock.now(), "notice", {})
            return episodes.record(connection, ("rule", "BTC"), fired, None)

    def tell(self, text: str = "news", kind: str = "fired", rank: str = "notice", **more: Any) -> None:
        payload = ready(text, reply=more.pop("reply", None), alone=more.pop("alone", False))
        at, life = self.clock.now(), more.pop("life", 6 * HOUR)
        about = {"episode": None, "rule": "rule", "asset": "BTC"} | more
        notice = Notice(kind, rank, at, payload, **about)  # type: ignore[arg-type]
        with self.store.write() as connection:
            outbox.announce(connection, notice, now=at, expires=at + life)

    def rows(self) -> list[tuple[str, int, str | None]]:
        found = beside.rows(self.store, "SELECT state, attempts, reason FROM outbox ORDER BY id")
        return [(row["state"], row["attempts"], row["reason"]) for row in found]

    def states(self) -> list[str]:
        return [state for state, _, _ in self.rows()]

    async def turns(self, seconds: float, every: float = 0.1) -> None:
        await work(self.dispatcher, self.clock, seconds, busy=min(every, 0.02), idle=every)

    @property
    def texts(self) -> list[str]:
        return [sent.text for sent in self.channel.said]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store, clock, channel = Store(tmp_path / "perpulse.db"), HandClock(NOW), FakeChannel()
    dispatcher = Dispatcher(store, [channel], clock, noise=random.Random(1), again_after=0.01)
    dispatcher.start()
    yield Bench(store, clock, channel, dispatcher)
    store.close()


async def test_what_goes_to_many_is_sent_by_urgency_whatever_is_made_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "PART", 2)
    for chat in range(11, 18):
        bench.place(str(chat))
    bench.tell("later")
    bench.tell("urgent", rank="critical")
    await bench.turns(6)
    assert bench.states() == ["sent"] * 14
    assert [text.partition(" ")[0] for text in bench.texts] == ["urgent"] * 7 + ["later"] * 7


async def test_the_first_messages_leave_before_all_rows_are_made(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "PART", 2)
    for chat in range(11, 20):
        bench.place(str(chat))
    bench.tell()
    assert await bench.dispatcher.turn() == 1
    assert bench.states() == ["sent"] + ["queued"] * 3  # the first part, and another one while that was on its way
    bench.dispatcher.platforms["telegram"].trouble.halted = "its token is refused"
    for made in (6, 8, 9, 9):  # what is left is made whatever the platform takes
        assert await bench.dispatcher.turn() == 0
        assert len(bench.states()) == made


async def test_a_platform_without_news_makes_no_other_one_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It made all rows of a broadcast to another platform before anything left there."""
    monkeypatch.setattr(spreading, "PART", 2)
    for chat in range(11, 29):
        bench.place(str(chat))
    bench.tell()
    beside_it = FakeChannel(platform="discord")
    dispatcher = Dispatcher(bench.store, [beside_it, bench.channel], bench.clock, noise=random.Random(1))
    dispatcher.start()
    assert await dispatcher.turn() == 1
    assert len(bench.states()) < 10, "a part for each platform, and one while the message was on its way"


async def test_no_transaction_makes_more_than_a_part(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alarms for the same chats wait for each other's rows, and whoever judges waits for who makes them."""
    monkeypatch.setattr(spreading, "PART", 2)
    for chat in range(11, 19):
        bench.place(str(chat))
    for _ in range(5):
        bench.tell()
    made, real = [], spreading.make
    monkeypatch.setattr(spreading, "make", lambda work, parts: made.append(real(work, parts)))
    await bench.turns(8)
    assert bench.states() == ["sent"] * 40
    assert set(made) <= {0, 1, 2}


# -- one error, one action --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "state", "attempts", "again_after"),
    [
        pytest.param(None, "sent", 0, None, id="it went through"),
        pytest.param(Throttled("flood", seconds=7), "queued", 0, (7.0, 8.0), id="429"),
        pytest.param(Throttled("flood", seconds=300), "queued", 0, (300.0, 301.0), id="429 of five minutes"),
        pytest.param(ChatGone("blocked"), "dead", 0, None, id="blocked"),
        pytest.param(ChatMoved("moved", to="-100"), "queued", 0, (0.0, 0.1), id="moved"),
        pytest.param(MarkupRefused("bad markup"), "queued", 1, (0.0, 0.1), id="markup refused"),
        pytest.param(MessageRefused("odd"), "dead", 0, None, id="refused"),
        pytest.param(PerhapsSent("lost"), "uncertain", 1, (5.0, 6.6), id="answer lost"),
        pytest.param(Unreached("down"), "queued", 0, (1.0, 1.3), id="not reached"),
        pytest.param(PerhapsSent("504", scope="platform"), "uncertain", 1, (5.0, 6.6), id="gateway time-out"),
        pytest.param(NotSent("hm"), "queued", 1, (1.0, 1.4), id="unknown trouble of one chat"),
        pytest.param(TokenRefused("no"), "queued", 0, (10.0, 10.1), id="token refused"),
        pytest.param(RuntimeError("a defect"), "dead", 0, None, id="it could not be made"),
    ],
)
async def test_what_becomes_of_a_row(
    bench: Bench, error: Exception | None, state: str, attempts: int, again_after: tuple[float, float] | None
) -> None:
    bench.place()
    bench.tell()
    bench.channel.script.append(error)
    assert await bench.dispatcher.turn() == 1
    ((found, tries, reason),) = bench.rows()
    assert (found, tries) == (state, attempts)
    assert (reason is None) == (error is None)
    begun = bench.clock.seconds
    if again_after is None:
        await bench.turns(20, every=0.5)
        assert len(bench.channel.asked) == 1
        return
    # A chat rests so long after each answer, whatever it was.
    least, most = (max(seconds, 1.0) for seconds in again_after)
    await bench.turns(least - 0.3, every=1.0)
    assert len(bench.channel.asked) == 1
    while len(bench.channel.asked) < 2:
        await bench.turns(0.1)
    assert least <= bench.clock.seconds - begun <= most + 0.21
    assert bench.states() == ["sent"]


@pytest.mark.slow
async def test_a_repeat_is_marked_and_carries_the_same_nonce(bench: Bench) -> None:
    bench.place()
    bench.tell()
    bench.channel.script.append(PerhapsSent("lost"))
    await bench.turns(20)
    first, second = bench.channel.asked
    assert (first.message.maybe_repeat, second.message.maybe_repeat) == (False, True)
    assert first.message.nonce == second.message.nonce


async def test_a_429_after_a_lost_answer_keeps_the_mark(bench: Bench) -> None:
    bench.place()
    bench.tell()
    bench.channel.script += [PerhapsSent("lost"), Throttled("flood", seconds=2)]
    await bench.turns(20)
    assert [sent.message.maybe_repeat for sent in bench.channel.asked] == [False, True, True]


async def test_refused_markup_is_sent_plain_once_and_then_given_up(bench: Bench) -> None:
    bench.place()
    bench.tell()
    bench.channel.always = lambda _: MarkupRefused("can't parse")
    await bench.turns(20)
    assert [sent.message.plain for sent in bench.channel.asked] == [False, True]
    assert bench.rows() == [("dead", 1, "can't parse")]


@pytest.mark.slow
async def test_what_is_refused_for_a_day_is_told_as_late_and_never_lost(bench: Bench) -> None:
    bench.place()
    bench.tell(life=6 * HOUR)
    bench.channel.always = lambda _: NotSent("another program uses this token")
    await bench.turns(24 * 3600, every=20)
    assert len(bench.channel.asked) < 24 * 6 * 2, "ten minutes lie between two tries"
    (news, late) = bench.rows()
    assert (news[0], late[0]) == ("expired", "queued"), "never dead by the number of tries"
    bench.channel.always = lambda _: None
    await bench.turns(700, every=5)
    assert bench.states() == ["expired", "sent"]
    [said] = bench.channel.said
    assert "news" in said.text


async def test_a_chat_that_is_gone_is_never_called_again_until_it_comes_back(bench: Bench) -> None:
    bench.place()
    for n in range(3):
        bench.tell(f"news {n}")
    bench.channel.script.append(ChatGone("Forbidden: bot was blocked by the user"))
    await bench.turns(5)
    assert len(bench.channel.asked) == 1
    assert set(bench.rows()) == {("dead", 0, "Forbidden: bot was blocked by the user")}
    bench.tell("while away")
    await bench.turns(3)
    bench.place()
    bench.tell("back")
    await bench.turns(3)
    assert bench.texts == ["back"]


async def test_a_group_that_moved_gets_its_message_under_the_new_id(bench: Bench) -> None:
    one = bench.place("-20", "group")
    bench.tell()
    bench.channel.script.append(ChatMoved("upgraded", to="-100"))
    await bench.turns(5)
    assert [sent.to.chat for sent in bench.channel.asked] == ["-20", "-100"]
    assert [(destination.id, destination.chat) for destination in destinations.everyone(bench.store)] == [(one, "-100")]


async def test_a_refused_token_stops_everything_and_keeps_everything(bench: Bench) -> None:
    for n in range(20):
        bench.place(str(n))
    bench.tell()
    bench.channel.always = lambda _: TokenRefused("Unauthorized")
    bench.channel.checked = lambda: TokenRefused("Unauthorized")
    await bench.turns(60)
    assert len(bench.channel.asked) <= 2
    assert bench.states() == ["queued"] * 20
    assert bench.dispatcher.platforms["telegram"].trouble.halted == "Unauthorized"
    mended = Dispatcher(bench.store, [bench.channel], bench.clock)
    mended.start()
    bench.channel.always = lambda _: None
    bench.dispatcher = mended
    await bench.turns(3)
    assert bench.states() == ["sent"] * 20
    assert not [sent for sent in bench.channel.said if sent.message.maybe_repeat]


# -- pauses and pace --------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_pause_of_one_chat_is_not_one_of_the_others(bench: Bench) -> None:
    slow = bench.place("11")
    for n in range(5):
        bench.place(f"2{n}")
    bench.channel.script.append(Throttled("flood", seconds=60))
    bench.tell("one")
    await bench.turns(30)
    bench.tell("two", rank="critical")
    await bench.turns(29.9)
    assert Counter(bench.texts) == {"one": 5, "two": 5}
    assert [sent.to.chat for sent in bench.channel.asked].count("11") == 1  # its other rows rest too
    await bench.turns(4)
    assert [sent.text for sent in bench.channel.said if sent.to.chat == "11"] == ["two", "one"]
    assert slow


@pytest.mark.slow
async def test_a_pause_survives_a_restart(bench: Bench) -> None:
    bench.place()
    bench.tell()
    bench.channel.script.append(Throttled("flood", seconds=60))
    await bench.turns(10)
    bench.dispatcher = Dispatcher(bench.store, [bench.channel], bench.clock)
    bench.dispatcher.start()
    await bench.turns(49)
    assert len(bench.channel.asked) == 1
    await bench.turns(3)
    assert bench.states() == ["sent"]


@pytest.mark.parametrize("scope", ["chat", "unsaid"])
async def test_pauses_of_many_chats_are_none_of_the_others(bench: Bench, scope: Literal["chat", "unsaid"]) -> None:
    for n in range(12):
        bench.place(str(n))
    told = {f"{n}" for n in range(6)}  # each of which has a pause of its own
    bench.channel.always = lambda to: (
        Throttled("flood", seconds=60 + 30 * int(to.to.chat), scope=scope) if to.to.chat in told else None
    )
    bench.tell()
    await bench.turns(3)
    assert sorted(sent.to.chat for sent in bench.channel.said) == sorted({str(n) for n in range(12)} - told)
    assert len(bench.channel.asked) == 12


async def test_a_pause_of_the_whole_bot_that_is_said_to_be_one_stops_all(bench: Bench) -> None:
    for n in range(40):
        bench.place(str(n))
    bench.tell()
    bench.channel.script.append(Throttled("flood", seconds=30, scope="platform"))
    await bench.turns(29)
    assert len(bench.channel.asked) <= IN_FLIGHT


async def test_several_429_with_one_end_mean_the_whole_bot(bench: Bench) -> None:
    for n in range(40):
        bench.place(str(n))
    bench.tell()
    end = bench.clock.seconds + 30
    bench.channel.always = lambda _: (
        Throttled("flood", seconds=end - bench.clock.seconds, scope="unsaid") if bench.clock.seconds < end else None
    )
    await bench.turns(29)
    assert 3 <= len(bench.channel.asked) <= 3 + IN_FLIGHT
    await bench.turns(6)
    assert bench.states() == ["sent"] * 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "chats_", "messages", "window", "most"),
    [
        pytest.param("private", 300, 1, 1.0, 30, id="30 a second in all"),
        pytest.param("private", 1, 8, 1.0, 1, id="1 a second to a chat"),
        pytest.param("group", 1, 50, 60.0, 20, id="20 a minute to a group"),
    ],
)
async def test_the_pace(bench: Bench, kind: str, chats_: int, messages: int, window: float, most: int) -> None:
    places = [bench.place(str(n), kind) for n in range(chats_)]
    for n in range(messages):
        bench.tell(str(n), life=48 * HOUR)
    at: list[float] = []
    bench.channel.always = lambda _: at.append(bench.clock.seconds)
    count = len(places) * messages
    needed = count / most * window
    await bench.turns(needed * 1.04 + 2, every=0.01 if window == 1.0 else 0.25)
    assert len(at) == count, "slower than the platform allows"
    for first in at:
        assert sum(first <= moment < first + window - 1e-9 for moment in at) <= most


@pytest.mark.slow
async def test_a_terminal_prints_all_at_once(bench: Bench) -> None:
    inf = float("inf")
    screen = FakeChannel(Limits(10**6, 10**6, inf, inf, inf), "terminal")
    bench.dispatcher = Dispatcher(bench.store, [screen], bench.clock)
    bench.dispatcher.start()
    bench.place("screen", "terminal", "terminal")
    for n in range(20):
        bench.tell(str(n))
    await bench.dispatcher.drain()
    assert [sent.text for sent in screen.said] == [str(n) for n in range(20)]


@pytest.mark.slow
async def test_the_most_urgent_leaves_first_even_when_it_came_last(bench: Bench) -> None:
    for n in range(60):
        bench.place(str(n))
    bench.tell("a notice")
    await bench.turns(0.5, every=0.02)
    before = len(bench.channel.said)
    assert before < 20
    bench.tell("critical", rank="critical")
    bench.tell("a warning", rank="warning")
    await bench.turns(8, every=0.02)
    assert len(bench.channel.said) == 180
    told: defaultdict[str, list[int]] = defaultdict(list)
    for n, sent in enumerate(bench.channel.said[before:]):
        told[sent.text].append(n)
    fresh = told["critical"][: 60 - before]  # chats that rest from their first message come a second later
    assert max(fresh) < min(told["a warning"]) < min(told["a notice"])


# -- a platform that is down ------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_platform_that_is_down_is_probed_and_not_stormed(bench: Bench) -> None:
    for n in range(50):
        bench.place(str(n))
    bench.tell()
    bench.channel.always = lambda _: Unreached("refused")
    await bench.turns(1800, every=2)
    assert 50 <= len(bench.channel.asked) <= 1800 / 30 + 4  # and no quicker than once in 30 s, but for the first few
    assert set(bench.states()) == {"queued"}
    assert {tries for _, tries, _ in bench.rows()} == {0}
    bench.channel.always = lambda _: None
    await bench.turns(40)
    assert bench.states() == ["sent"] * 50
    assert not [sent for sent in bench.channel.said if sent.message.maybe_repeat]


@pytest.mark.slow
async def test_answers_lost_again_and_again_are_a_platform_that_is_down(bench: Bench) -> None:
    for n in range(50):
        bench.place(str(n))
    bench.tell()
    bench.channel.always = lambda _: PerhapsSent("lost")
    await bench.turns(600, every=2)
    assert len(bench.channel.asked) < 40
    assert "dead" not in bench.states()


async def test_one_platform_does_not_wait_for_another(bench: Bench) -> None:
    stuck, quick = FakeChannel(), FakeChannel(platform="discord")
    gate = asyncio.Event()

    async def never(*_: Any) -> str:
        await gate.wait()
        return "m"

    stuck.send = never  # type: ignore[method-assign]
    dispatcher = Dispatcher(bench.store, [stuck, quick], bench.clock)
    dispatcher.start()
    bench.place("11")
    bench.place("21", platform="discord")
    bench.tell("one")
    running = asyncio.create_task(dispatcher.run())
    try:
        for n in range(3):
            await until(lambda n=n: bench.clock.forward(0.1) or len(quick.said) == n + 1)
            bench.tell(f"more {n}")
            dispatcher.poke()
    finally:
        gate.set()
        dispatcher.stop()
        await running
    assert bench.states().count("sending") == 0  # what was in flight has landed


async def until(condition: Any, within: float = 3.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - whatever the condition is, nobody signals it
            await asyncio.sleep(0.005)


# -- an episode's messages --------------------------------------------------------------------------------------------


async def test_escalation_edits_and_resolution_edits_and_replies(bench: Bench) -> None:
    bench.place()
    number = bench.episode()
    for text, kind, reply in (
        ("fired", "fired", None),
        ("worse", "escalated", None),
        ("over", "resolved", "All clear."),
    ):
        bench.tell(text, kind, "warning", episode=number, reply=reply)
        await bench.turns(3)
    shown = [(sent.text, sent.edited, sent.message.reply_to) for sent in bench.channel.said]
    assert shown == [("fired", None, None), ("worse", "m1", None), ("over", "m1", None), ("All clear.", None, "m1")]
    assert [sent.message.silent for sent in bench.channel.said] == [False, False, False, True]


async def test_a_deleted_message_is_sent_anew(bench: Bench) -> None:
    bench.place()
    number = bench.episode()
    bench.tell("fired", episode=number)
    await bench.turns(3)
    bench.channel.script.append(MessageRefused("message to edit not found"))
    bench.tell("worse", "escalated", "warning", episode=number)
    await bench.turns(3)
    assert [(sent.text, sent.edited) for sent in bench.channel.said] == [("fired", None), ("worse", None)]
    bench.tell("over", "resolved", episode=number, reply="All clear.")
    await bench.turns(3)
    assert [(sent.text, sent.edited) for sent in bench.channel.said[2:]] == [("over", "m2"), ("All clear.", None)]


async def test_a_resolution_whose_reply_failed_edits_again_and_replies_once(bench: Bench) -> None:
    bench.place()
    number = bench.episode()
    bench.tell("fired", episode=number)
    await bench.turns(3)
    bench.channel.script += [None, PerhapsSent("lost")]
    bench.tell("over", "resolved", episode=number, reply="All clear.")
    await bench.turns(20)
    asked = [(sent.text, sent.message.maybe_repeat) for sent in bench.channel.asked[1:]]
    assert asked == [("over", False), ("All clear.", False), ("over", False), ("All clear.", True)]


@pytest.mark.parametrize(
    ("alone", "said"),
    [
        pytest.param(False, [], id="who never heard of it hears nothing of its end"),
        pytest.param(True, ["over"], id="unless it came and went while nobody could be told"),
    ],
)
async def test_the_end_of_an_episode_that_was_never_announced(bench: Bench, alone: bool, said: list[str]) -> None:
    bench.place()
    bench.tell("over", "resolved", episode=bench.episode(), alone=alone, reply="All clear.")
    await bench.turns(3)
    assert bench.texts == said
    assert bench.states() == ["sent" if alone else "merged"]


async def test_an_episode_that_ended_while_its_alert_waited_is_one_message(bench: Bench) -> None:
    bench.place()
    number = bench.episode()
    bench.channel.script.append(Unreached("down"))
    bench.tell("fired", episode=number)
    await bench.turns(0.5)
    bench.tell("over", "resolved", episode=number, reply="All clear.")
    await bench.turns(10)
    assert bench.texts == ["over"]
    assert bench.states() == ["merged", "sent"]


# -- late -------------------------------------------------------------------------------------------------------------


async def test_a_late_message_says_so(bench: Bench) -> None:
    bench.place()
    bench.tell("fired")
    bench.clock.forward(45 * 60)
    await bench.turns(1)
    assert bench.texts == ["Late: this was due 45 min ago.\nfired"]


async def test_what_is_too_old_becomes_one_line_each_in_one_message(bench: Bench) -> None:
    bench.place("11")
    bench.place("12")
    for n in range(13):
        bench.tell(f"alert {n}", life=HOUR)
    bench.clock.forward(2 * 3600)
    await bench.turns(4)
    assert len(bench.channel.said) == 2
    lines = bench.texts[0].splitlines()
    assert lines[0] == "13 messages could not be delivered in time:"
    assert lines[1].endswith("alert 3")
    assert [lines[-2][-8:], lines[-1]] == ["alert 12", "and 3 more"]
    assert Counter(bench.states()) == {"expired": 26, "sent": 2}


async def test_a_line_without_a_headline_is_told_too(bench: Bench) -> None:
    bench.place()
    told = ready("binance does not answer.", "body")
    with bench.store.write() as connection:
        notice = Notice("source", "notice", NOW, told, None, "rule", "MARKET")
        outbox.announce(connection, notice, now=NOW, expires=NOW + HOUR)
    bench.clock.forward(2 * 3600)
    await bench.turns(1)
    assert bench.texts[0].endswith("binance does not answer.")


async def test_a_kill_between_expiry_and_its_line_loses_neither(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.place()
    bench.tell(life=HOUR)
    bench.clock.forward(2 * 3600)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "announce_to", killed)
        with pytest.raises(KeyboardInterrupt):
            bench.dispatcher._tell_waiting(bench.clock.now())
    assert bench.states() == ["queued"]
    await bench.turns(6)
    assert bench.states() == ["expired", "sent"]


@pytest.mark.parametrize("hours", [-24, -1, 1, 24], ids=lambda hours: f"{hours:+d} h")
async def test_a_clock_that_jumps_neither_blocks_nor_loses(bench: Bench, hours: int) -> None:
    bench.place("11")
    bench.place("12")
    bench.channel.script += [Unreached("hm"), NotSent("down")]
    bench.tell(life=7 * 24 * HOUR)
    await bench.turns(0.5)
    bench.clock.wall += hours * HOUR
    await bench.turns(10)
    assert bench.states() == ["sent", "sent"]


# -- the database is away; another dispatcher is there ----------------------------------------------------------------


async def test_an_outcome_waits_for_a_database_that_is_held(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message went out and cannot be noted down: noted later, it is not sent twice."""
    bench.place()
    bench.tell()
    bench.store.close()
    monkeypatch.setattr(file, "BUSY_MS", 20)
    holder = sqlite3.connect(bench.store.path, isolation_level=None, check_same_thread=False)

    def hold(_: Any) -> None:
        holder.execute("BEGIN IMMEDIATE")

    with closing(holder):
        bench.channel.always = hold
        running = asyncio.create_task(bench.dispatcher.run())
        await until(lambda: bench.channel.said)
        await asyncio.sleep(0.1)
        assert bench.states() == ["sending"]
        holder.execute("ROLLBACK")
        await until(lambda: bench.clock.forward(0.1) or bench.states() == ["sent"])
        bench.channel.always = lambda _: None
        bench.clock.forward(5)
        bench.tell("more")
        bench.dispatcher.poke()
        await until(lambda: bench.clock.forward(0.1) or bench.states() == ["sent", "sent"])
        bench.dispatcher.stop()
        await running
    assert len(bench.channel.said) == 2


async def test_of_two_processes_one_sends_and_the_other_takes_over_when_it_dies(bench: Bench) -> None:
    for n in range(3):
        bench.place(str(n))
    other_channel = FakeChannel()
    other = Dispatcher(bench.store, [other_channel], bench.clock, again_after=0.01)
    other.start()  # in the place of the first: it is taken for an earlier life of the same program
    bench.tell()
    bench.dispatcher.holdings.look()
    await bench.turns(1)
    assert bench.channel.asked == []
    assert await other.turn() == 1  # and dies
    for _ in range(int(DEAD_AFTER) + 2):
        bench.dispatcher.holdings.look()
        bench.clock.forward(1)
    assert bench.dispatcher.holdings.holds("send", "telegram")
    await bench.turns(2)
    assert (len(other_channel.said), len(bench.channel.said)) == (1, 2)
    assert await other.turn() == 0


async def test_with_a_message_on_its_way_nothing_is_handed_over(bench: Bench) -> None:
    assert bench.dispatcher.idle
    bench.dispatcher.platforms["telegram"].in_flight.add(waiting := asyncio.create_task(asyncio.sleep(60)))
    assert not bench.dispatcher.idle
    waiting.cancel()


async def test_what_had_landed_is_written_by_who_loses_the_lease(bench: Bench) -> None:
    bench.place()
    bench.tell()
    await bench.dispatcher._dispatch()
    await asyncio.gather(*bench.dispatcher.platforms["telegram"].in_flight)
    assert (len(bench.channel.said), bench.states()) == (1, ["sending"])
    Dispatcher(bench.store, [FakeChannel()], bench.clock).start()
    bench.clock.forward(BEAT_EVERY)
    bench.dispatcher.holdings.look()
    running = asyncio.create_task(bench.dispatcher.run())
    await until(lambda: bench.states() == ["sent"])
    bench.dispatcher.stop()
    await running
