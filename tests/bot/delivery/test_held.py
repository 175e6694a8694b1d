"""Nights and busy days, played through: what waits, what does not, and the one message that tells of what did."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from bot.delivery.held import LISTED
from handlers.reply import Button, Buttons
from signals.units import to_ms
from storage.alerts import episodes
from storage.alerts.sending import held
from storage.people import destinations, switches
from storage.people.switches import BUDGET, Switch
from tests.bot.delivery.desk import HOUR, Desk, desk_at
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENING = datetime(2026, 1, 15, 22, 30, tzinfo=UTC)
SEVEN = datetime(2026, 1, 16, 7, tzinfo=UTC)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
NIGHT = Switch("quiet", value="23:00-07:00")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = desk_at(tmp_path, EVENING)
    yield made
    made.store.close()


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Desk]:
    made = desk_at(tmp_path, NOON)
    yield made
    made.store.close()


async def until(desk: Desk, at: datetime) -> None:
    """Let the time pass, with a look at the outbox every five minutes."""
    while desk.clock.now() < at:
        desk.clock.forward(min(300.0, (at - desk.clock.now()).total_seconds()))
        await desk.turns(0.5)
    await desk.turns(6)


def texts(desk: Desk, since: int = 0) -> list[str]:
    return [said.text for said in desk.channel.said[since:]]


def assert_all_ended(desk: Desk) -> None:
    """Every notice has ended, and what was not sent says why."""
    for state, reason in desk.rows():
        assert state in {"sent", "merged", "muted"}
        assert (reason is None) == (state == "sent")


@pytest.mark.slow
async def test_a_quiet_night_is_one_message_in_the_morning(desk: Desk) -> None:
    desk.switch(NIGHT)
    desk.happens("price_drawdown")
    await desk.turns()
    (evening,) = texts(desk)
    assert evening.startswith("BTC: price is well below")
    await until(desk, EVENING + HOUR)
    for rule, rank in (("oi_zscore", "notice"), ("taker_zscore", "warning"), ("funding_stretch", "notice")):
        desk.happens(rule, rank=rank)
        await until(desk, desk.clock.now() + 10 * MINUTE)
    desk.happens("oi_drawdown")
    desk.happens(("funding_stretch", "resolved"))
    desk.happens(("price_drawdown", "resolved"))
    await until(desk, desk.clock.now() + HOUR)
    assert len(desk.channel.said) == 1
    desk.happens("oi_vs_ma180", rank="critical")
    await desk.turns()
    assert len(desk.channel.said) == 2
    assert not desk.channel.said[1].message.silent
    await until(desk, SEVEN - 10 * MINUTE)
    assert len(desk.channel.said) == 2
    desk.restart()
    await until(desk, SEVEN + 30 * MINUTE)
    morning = next(said for said in desk.channel.said[2:] if said.edited is None)
    lines = morning.text.splitlines()
    assert lines[0] == "While it was quiet (23:00–07:00):"
    assert lines[1] == "Still on:"
    assert lines[2] == "– BTC: selling at market is unusually one-sided."  # the warning before the notices
    assert [line for line in lines if not line.startswith("–")][1:] == ["Still on:", "Came and went:", "Over:"]
    assert lines[lines.index("Came and went:") + 1].startswith("– BTC: over after 24 h: ")
    assert len(lines) == 1 + 3 + 5
    assert not morning.message.silent  # a warning is among them
    # The message of the evening is closed by an edit, and nothing answers it: the morning has told of it.
    assert [(said.edited, said.text.splitlines()[0][:15]) for said in desk.channel.said[2:] if said.edited] == [
        ("m1", "BTC: over after")
    ]
    assert len(desk.channel.said) == 4
    assert_all_ended(desk)


@pytest.mark.slow
async def test_one_that_waited_alone_is_told_in_full(desk: Desk) -> None:
    desk.switch(NIGHT)
    desk.clock.forward(3600)
    desk.happens("oi_zscore")
    await until(desk, SEVEN + 30 * MINUTE)
    (said,) = desk.channel.said
    assert "While it was quiet" not in said.text
    assert Button("Mute", "/mute episode 1") in next(b for b in said.message.blocks if isinstance(b, Buttons)).buttons
    desk.happens(("oi_zscore", "resolved"))
    await desk.turns()
    assert desk.channel.said[1].edited == "m1"


@pytest.mark.slow
async def test_strict_hours_hold_what_is_critical_as_well(desk: Desk) -> None:
    desk.switch(Switch("quiet", value="23:00-07:00 strict"))
    desk.clock.forward(3600)
    desk.happens("oi_zscore", rank="critical")
    desk.happens("price_drawdown", at=EVENING)
    await until(desk, SEVEN - MINUTE)
    assert desk.channel.said == []
    await until(desk, SEVEN + 30 * MINUTE)
    (said,) = desk.channel.said
    assert said.text.splitlines()[2] == "– BTC: positions are being closed faster than usual."


@pytest.mark.slow
async def test_a_night_with_more_than_a_message_holds_says_how_many_more(desk: Desk) -> None:
    desk.switch(NIGHT)
    desk.clock.forward(3600)
    for number in range(LISTED + 5):
        desk.happens("oi_zscore", at=EVENING + number * MINUTE)
    desk.happens("price_drawdown", rank="warning", at=EVENING)
    await until(desk, SEVEN + 30 * MINUTE)
    (said,) = desk.channel.said
    lines = said.text.splitlines()
    assert lines[2] == "– BTC: price is well below its high of the past 16 days."
    assert lines[-1] == "– and 6 more, /health"
    assert len(lines) == 2 + LISTED + 1
    assert len(said.text) <= 900
    assert_all_ended(desk)


async def test_who_was_not_there_at_seven_is_told_after_it(desk: Desk) -> None:
    """The program was stopped over the morning: nothing is lost, and nothing is told twice."""
    desk.switch(NIGHT)
    desk.clock.forward(3600)
    desk.happens("oi_zscore")
    desk.happens("price_drawdown", at=EVENING)
    await desk.turns()
    desk.clock.forward(12 * 3600)
    desk.restart()
    await desk.turns(8)
    (said,) = desk.channel.said
    assert said.text.startswith("While it was quiet (23:00–07:00):\nStill on:")
    assert_all_ended(desk)


async def test_what_waited_alone_is_told_in_full_however_late(desk: Desk) -> None:
    desk.switch(NIGHT)
    desk.clock.forward(3600)
    desk.happens("oi_zscore")
    await desk.turns()
    desk.clock.forward(12 * 3600)
    desk.restart()
    await desk.turns(8)
    (said,) = desk.channel.said
    assert "could not be delivered" not in said.text
    assert "BTC: positions are being closed faster than usual." in said.text
    assert_all_ended(desk)


async def test_an_edit_that_waited_is_made_however_late_and_told_once(desk: Desk) -> None:
    desk.happens("oi_zscore")
    await desk.turns()
    desk.switch(NIGHT)
    desk.clock.forward(3600)
    desk.happens(("oi_zscore", "resolved"))
    desk.happens("price_drawdown", at=EVENING)
    await desk.turns()
    desk.clock.forward(38 * 3600)  # the end of an alarm is news for a day
    desk.restart()
    await desk.turns(12)
    new = [said.text.splitlines()[0] for said in desk.channel.said[1:] if not said.edited]
    assert new == ["While it was quiet (23:00–07:00):"]
    assert [said.edited for said in desk.channel.said if said.edited] == ["m1"]
    assert_all_ended(desk)


@pytest.mark.slow
async def test_who_comes_back_in_the_next_night_waits_for_its_morning(desk: Desk) -> None:
    desk.switch(NIGHT)
    desk.clock.forward(3600)
    desk.happens("oi_zscore")
    desk.happens("price_drawdown", at=EVENING)
    await desk.turns()
    desk.clock.forward(24 * 3600)
    desk.restart()
    desk.happens("taker_zscore")
    await desk.turns(8)
    assert desk.channel.said == []
    await until(desk, SEVEN + timedelta(days=1, minutes=10))
    (said,) = desk.channel.said
    assert len(said.text.splitlines()) == 2 + 3
    assert_all_ended(desk)


@pytest.mark.slow
async def test_what_is_muted_before_the_morning_is_not_in_its_message(desk: Desk) -> None:
    desk.switch(NIGHT)
    desk.clock.forward(3600)
    desk.happens("oi_zscore")
    desk.happens("price_drawdown", at=EVENING)
    desk.happens("taker_zscore", at=EVENING, rank="warning")
    desk.happens("funding_stretch", rank="warning")
    await desk.turns()
    desk.switch(Switch("mute", "oi_zscore"), Switch("only", value="warning"))
    await until(desk, SEVEN + 30 * MINUTE)
    (said,) = desk.channel.said
    assert said.text.splitlines()[2] == "– BTC: selling at market is unusually one-sided."
    assert len(said.text.splitlines()) == 4
    assert_all_ended(desk)


@pytest.mark.slow
async def test_a_digest_that_comes_soon_may_tell_of_it(desk: Desk) -> None:
    desk.switch(NIGHT)
    digest = SEVEN + 20 * MINUTE
    beside.rows(
        desk.store,
        "INSERT INTO digests (destination, kind, days, at, assets, next) VALUES (?, 'daily', '', '07:20', '', ?)",
        desk.chat,
        to_ms(digest),
    )
    desk.clock.forward(3600)
    desk.happens("oi_zscore")
    desk.happens("price_drawdown", at=EVENING)
    await until(desk, digest)
    assert desk.channel.said == []
    with desk.store.write() as work:
        rows = held.held(work, desk.chat)
        assert [(one.held_for, one.row.notice.rule) for one in rows] == [
            ("quiet", "oi_zscore"), ("quiet", "price_drawdown"),
        ]  # fmt: skip
        held.told(work, [one.row for one in rows[:1]], "the digest told of it", now=desk.clock.now())
    # What the digest leaves is told a little later all the same: alone, in full.
    await until(desk, digest + 15 * MINUTE)
    (said,) = desk.channel.said
    assert "BTC: price is well below its high of the past 16 days." in said.text
    assert desk.rows()[0] == ("merged", "the digest told of it")
    assert_all_ended(desk)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("zone", "day"),
    [
        pytest.param("UTC", "2026-01-15", id="UTC"),
        pytest.param("America/New_York", "2026-03-07", id="New York, an hour is skipped"),
        pytest.param("Europe/Berlin", "2026-10-24", id="Berlin, an hour comes twice"),
        pytest.param("Africa/Cairo", "2026-04-23", id="Cairo, midnight is skipped"),
        pytest.param("Australia/Lord_Howe", "2026-04-04", id="Lord Howe, half an hour comes twice"),
        pytest.param("America/Santiago", "2026-09-05", id="Santiago, midnight is skipped"),
    ],
)
async def test_quiet_hours_are_those_of_the_chat(tmp_path: Path, zone: str, day: str) -> None:
    """Something happens every half hour of a day and a half: what is told at once lies outside of the hours."""
    desk = desk_at(tmp_path, datetime.fromisoformat(day).replace(tzinfo=UTC))
    destinations.set_zone(desk.store, desk.chat, zone, desk.clock.now())
    desk.switch(NIGHT, Switch("budget", value="off"))
    for _ in range(72):
        shown, before = desk.clock.now().astimezone(ZoneInfo(zone)).time(), len(desk.channel.said)
        desk.happens("oi_zscore")
        await desk.turns(7)
        told = desk.channel.said[before:]
        if time(7) <= shown < time(23):
            assert any(said.text.startswith("BTC: positions") for said in told)
        else:
            assert not told
        desk.clock.forward(1800 - 7)
    await until(desk, desk.clock.now() + 12 * HOUR)
    assert_all_ended(desk)
    desk.store.close()


# --- budget -----------------------------------------------------------------------------------------------------------


async def hear(desk: Desk, count: int, rank: str = "notice") -> None:
    """Let so many things happen, a minute apart."""
    for _ in range(count):
        desk.happens("oi_zscore", rank=rank)
        await desk.turns(2)
        desk.clock.forward(58)


@pytest.mark.slow
async def test_what_is_beyond_a_days_budget_is_one_line_at_midnight(busy: Desk) -> None:
    await hear(busy, BUDGET + 5)
    assert len(busy.channel.said) == BUDGET
    assert busy.rows()[-1] == ("queued", "beyond 12 new messages a day")
    busy.restart()
    await hear(busy, 1, rank="warning")
    assert len(busy.channel.said) == BUDGET + 1
    busy.happens(("oi_zscore", "resolved"), rank="warning")
    await busy.turns()
    assert busy.channel.said[-2].edited == f"m{BUDGET + 1}"  # an end is an edit and a line, and never waits
    count = len(busy.channel.said)
    await until(busy, NOON + 12 * HOUR - MINUTE)
    assert len(busy.channel.said) == count
    await until(busy, NOON + 12 * HOUR + 10 * MINUTE)
    (line,) = texts(busy, count)
    assert line.startswith("5 more notices yesterday: BTC: positions are being closed faster than usual. BTC: ")
    assert len(line.splitlines()) == 1
    await hear(busy, 1)
    assert len(busy.channel.said) == count + 2  # a new day
    assert_all_ended(busy)


@pytest.mark.slow
async def test_a_line_for_midnight_waits_for_the_quiet_hours_to_end(busy: Desk) -> None:
    busy.switch(NIGHT, Switch("budget", value="1"))
    await hear(busy, 3)
    await until(busy, NOON + 11 * HOUR + 30 * MINUTE)
    busy.happens("price_drawdown")
    busy.happens("taker_zscore", at=NOON)
    await until(busy, SEVEN - MINUTE)
    assert len(busy.channel.said) == 1
    await until(busy, SEVEN + 10 * MINUTE)
    (said,) = texts(busy, 1)
    lines = said.splitlines()
    assert lines[0] == "While it was quiet (23:00–07:00):"
    assert lines[-1].startswith("2 more notices yesterday: BTC: ")
    assert_all_ended(busy)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("budget", "told"),
    [pytest.param("off", 20, id="off"), pytest.param("0", 0, id="none"), pytest.param("3", 3, id="three")],
)
async def test_a_budget_is_what_the_chat_says(busy: Desk, budget: str, told: int) -> None:
    busy.switch(Switch("budget", value=budget))
    await hear(busy, 20)
    assert len(busy.channel.said) == told


async def test_edits_and_answers_spend_nothing(busy: Desk) -> None:
    busy.switch(Switch("budget", value="2"))
    await hear(busy, 1)
    for kind, rank in (
        ("escalated", "warning"),
        ("resolved", "warning"),
        ("resumed", "notice"),
        ("resolved", "notice"),
    ):
        busy.happens(("oi_zscore", kind), rank=rank)
        await busy.turns(3)
    before = len(busy.channel.said)
    await hear(busy, 1)
    assert len(busy.channel.said) == before + 1
    await hear(busy, 1)
    assert len(busy.channel.said) == before + 1


@pytest.mark.slow
async def test_what_goes_on_while_it_waits_is_one_notice(busy: Desk) -> None:
    busy.switch(Switch("budget", value="0"))
    busy.happens("oi_zscore")
    await busy.turns()
    busy.happens(("oi_zscore", "resolved"))
    await busy.turns()
    busy.happens("price_drawdown")
    await busy.turns()
    busy.happens(("price_drawdown", "escalated"), rank="warning")
    await busy.turns()
    assert texts(busy)[0].startswith("BTC, now a warning: price is well below")
    await until(busy, NOON + 12 * HOUR + 10 * MINUTE)
    (line,) = texts(busy, 1)
    assert line.startswith("1 more notice yesterday: BTC: over after 24 h: ")
    assert_all_ended(busy)


# --- mute and only ----------------------------------------------------------------------------------------------------


async def test_a_mute_until_over_ends_with_the_episode(busy: Desk) -> None:
    busy.happens("oi_zscore")
    await busy.turns()
    number = busy.running["oi_zscore"]
    busy.switch(Switch("mute", f"episode {number}", value=f"episode {number}"))
    busy.happens(("oi_zscore", "escalated"), rank="critical")
    await busy.turns()
    busy.restart()
    busy.happens("price_drawdown")
    await busy.turns()
    assert len(busy.channel.said) == 2  # another one is told
    busy.happens(("oi_zscore", "resolved"), rank="critical")
    await busy.turns()
    assert len(busy.channel.said) == 2
    assert switches.of_one(busy.store, busy.chat) == ()
    busy.happens(("oi_zscore", "resumed"))
    await busy.turns()
    assert busy.channel.said[-1].edited == "m1"
    busy.happens("oi_zscore")
    await busy.turns()
    assert busy.channel.said[-1].edited is None
    assert_all_ended(busy)


async def test_everything_may_be_muted_until_one_episode_is_over(busy: Desk) -> None:
    busy.happens("oi_zscore")
    await busy.turns()
    number = busy.running["oi_zscore"]
    busy.switch(Switch("mute", value=f"episode {number}"))
    busy.happens("price_drawdown", rank="critical")
    await busy.turns()
    assert len(busy.channel.said) == 1
    busy.happens(("oi_zscore", "resolved"))
    busy.happens("taker_zscore", at=NOON + MINUTE)  # before anybody could be told of the end
    await busy.turns()
    assert [text.splitlines()[0] for text in texts(busy, 1)] == ["BTC: selling at market is unusually one-sided."]
    assert [(state, reason) for state, reason in busy.rows() if state == "muted"] == [
        ("muted", "this chat has muted everything until episode 1 is over"),
        ("muted", "this chat has muted everything until episode 1 is over"),
    ]


async def test_an_episode_that_ends_and_begins_again_unheard_is_told_again(busy: Desk) -> None:
    busy.happens("oi_zscore")
    await busy.turns()
    busy.switch(Switch("mute", "episode 1", value="episode 1"))
    busy.happens(("oi_zscore", "resolved"))
    busy.happens(("oi_zscore", "resumed"), at=NOON + HOUR)
    await busy.turns()
    assert busy.channel.said[-1].edited == "m1"
    busy.happens(("oi_zscore", "escalated"), at=NOON + 2 * HOUR, rank="warning")
    await busy.turns()
    assert texts(busy)[-1].startswith("BTC, now a warning")


async def test_only_warnings_lets_what_was_told_end(busy: Desk) -> None:
    busy.happens("oi_zscore")
    await busy.turns()
    busy.switch(Switch("only", value="warning"))
    busy.happens("price_drawdown")
    busy.happens(("oi_zscore", "resolved"), at=NOON + HOUR)
    await busy.turns()
    assert [said.edited for said in busy.channel.said] == [None, "m1", None]
    busy.happens(("price_drawdown", "escalated"), rank="warning", at=NOON + HOUR)
    await busy.turns()
    assert busy.channel.said[-1].edited is None
    assert texts(busy)[-1].startswith("BTC, now a warning: price")
    assert busy.rows()[1] == ("muted", "this chat wants only warnings and what is critical")


async def test_the_button_of_a_message_names_its_episode(busy: Desk) -> None:
    busy.happens("oi_zscore", "price_drawdown")
    await busy.turns()
    (row,) = [block for block in busy.channel.said[0].message.blocks if isinstance(block, Buttons)]
    assert [button.label for button in row.buttons] == ["Why", "Chart", "Health", "Mute"]
    told = episodes.told_with(busy.store, busy.chat, busy.running["price_drawdown"])
    assert [episode.rule for episode in told] == ["oi_zscore", "price_drawdown"]
    busy.happens(("oi_zscore", "resolved"), ("price_drawdown", "resolved"))
    await busy.turns()
    (row,) = [block for block in busy.channel.said[1].message.blocks if isinstance(block, Buttons)]
    assert "Mute" not in [button.label for button in row.buttons]
