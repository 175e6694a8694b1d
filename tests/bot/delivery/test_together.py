"""What several rules say of one asset at one close, from the outbox to the chat; and what a chat has switched."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from bot.delivery.dispatcher import Dispatcher
from handlers.channels.failure import PerhapsSent, Unreached
from signals.alerts.episodes import Transition
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from storage.people import destinations, switches
from storage.people.switches import Switch
from tests.bot.delivery.desk import DAY, HOUR, NOW, Desk, desk_at
from tests.fakes.notices import ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLES = {
    "oi_zscore": "BTC: positions are being closed faster than usual.",
    "price_drawdown": "BTC: price is well below its high of the past 16 days.",
    "taker_zscore": "BTC: selling at market is unusually one-sided.",
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = desk_at(tmp_path)
    yield made
    made.store.close()


async def test_three_alarms_at_one_close_are_one_message_in_the_order_of_events(desk: Desk) -> None:
    desk.happens("price_drawdown", "oi_zscore", "taker_zscore")
    await desk.turns()
    assert len(desk.channel.said) == 1
    assert desk.heads() == [TITLES["price_drawdown"], TITLES["oi_zscore"], TITLES["taker_zscore"]]
    assert len(desk.channel.said[0].text) <= 900
    assert desk.channel.said[0].text.count("Binance · close of 15 January 2026, 12:00 UTC") == 1
    assert [state for state, _ in desk.rows()] == ["sent"] * 3


async def test_what_an_import_tells_of_three_assets_is_three_messages_in_the_order_of_events(desk: Desk) -> None:
    at = desk.clock.now()
    for asset in ("BTC", "ETH", "SOL"):
        desk.happens("price_drawdown", "oi_zscore", "oi_drawdown", "taker_zscore", at=at, asset=asset)
    await desk.turns(8)
    assert [said.text.split(":")[0].split()[-1] for said in desk.channel.said] == ["BTC", "ETH", "SOL"]
    assert {state for state, _ in desk.rows()} == {"sent"}


async def test_a_later_event_edits_the_message_with_all_its_episodes_in_it(desk: Desk) -> None:
    desk.happens("price_drawdown", "oi_zscore")
    await desk.turns()
    desk.happens(("oi_zscore", "resolved"))
    await desk.turns()
    edit, answer = desk.channel.said[1:]
    assert (edit.edited, answer.message.reply_to) == ("m1", "m1")
    assert desk.heads(1) == [
        "BTC: over after 24 h: positions closed unusually fast.",
        f"{TITLES['price_drawdown'].rstrip('.')} (15 January 12:00 UTC).",
    ], "what is new, then what goes on, and of when that is"
    assert answer.text.startswith("BTC: over after 24 h: positions closed unusually fast.")
    desk.happens(("price_drawdown", "escalated"), rank="warning")
    await desk.turns()
    edit, answer = desk.channel.said[-2:]
    assert (edit.edited, answer.message.reply_to, answer.message.silent) == ("m1", "m1", False)
    assert [head[:20] for head in desk.heads(-2)] == ["BTC, now a warning: "]
    assert edit.text.splitlines()[-2] == "BTC: over after 24 h (15 January 12:00 UTC): positions closed unusually fast."
    assert answer.text.startswith("BTC, now a warning: ")


async def test_a_restart_goes_on_in_its_message(desk: Desk) -> None:
    desk.happens("price_drawdown")
    await desk.turns()
    desk.happens(("price_drawdown", "resolved"))
    await desk.turns()
    desk.happens(("price_drawdown", "resumed"))
    await desk.turns()
    assert desk.channel.said[-1].edited == "m1"
    assert desk.heads() == ["BTC, again: price is well below its high of the past 16 days."]
    desk.happens(("price_drawdown", "resolved"))
    desk.clock.forward(1)
    desk.happens(("price_drawdown", "resumed"), rank="warning")
    await desk.turns()
    answer = desk.channel.said[-1]
    assert (answer.message.reply_to, answer.message.silent) == ("m1", False)


async def test_two_that_end_at_one_close_are_one_edit_and_one_answer(desk: Desk) -> None:
    desk.happens("price_drawdown", "oi_zscore", "taker_zscore")
    await desk.turns()
    desk.happens(("oi_zscore", "resolved"), ("taker_zscore", "resolved"))
    await desk.turns()
    _, _, answer = desk.channel.said
    assert [head.startswith("BTC: over") for head in desk.heads(1)] == [True, True, False]
    assert len(answer.text.splitlines()) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"at": NOW}, {"at": NOW - HOUR}, id="another close"),
        pytest.param({"at": NOW}, {"at": NOW}, id="the same close, heard of when the first was sent"),
    ],
)
async def test_what_is_not_of_one_close_is_not_one_message(
    desk: Desk, first: dict[str, Any], second: dict[str, Any]
) -> None:
    desk.happens("price_drawdown", **first)
    if second["at"] == NOW:
        await desk.turns()
    desk.happens("oi_zscore", **second)
    await desk.turns()
    assert len(desk.channel.said) == 2


async def test_the_most_urgent_of_them_brings_the_others_along(desk: Desk) -> None:
    desk.happens("price_drawdown", at=NOW - DAY)
    desk.happens("oi_zscore")
    desk.happens("taker_zscore", rank="critical")
    await desk.turns()
    assert desk.heads(0) == [TITLES["taker_zscore"], TITLES["oi_zscore"]]
    assert desk.heads(1) == [TITLES["price_drawdown"]]
    assert [said.message.silent for said in desk.channel.said] == [False, True]


async def test_a_message_that_may_have_arrived_is_repeated_as_it_was(desk: Desk) -> None:
    desk.channel.script += [PerhapsSent("no answer")]
    desk.happens("price_drawdown", "oi_zscore")
    await desk.turns(1)
    desk.happens("taker_zscore", at=NOW)
    await desk.turns(20)
    told = [desk.heads(number) for number in range(len(desk.channel.said))]
    assert sorted(told, key=len) == [[TITLES["taker_zscore"]], [TITLES["price_drawdown"], TITLES["oi_zscore"]]]
    (again,) = [said.message for said in desk.channel.said if said.message.maybe_repeat]
    assert again.nonce == desk.channel.asked[0].message.nonce


async def test_a_kill_while_they_were_sent_repeats_them_together(desk: Desk) -> None:
    desk.happens("price_drawdown", "oi_zscore")
    count, claims = desk.dispatcher._claim("telegram", 8, set(), [], NOW)
    assert (count, len(claims[0].rows)) == (1, 2)
    desk.dispatcher = Dispatcher(desk.store, [desk.channel], desk.clock, noise=random.Random(1))
    desk.dispatcher.start()
    await desk.turns()
    (said,) = desk.channel.said
    assert said.message.maybe_repeat
    assert len(desk.heads()) == 2


async def test_what_surely_was_not_sent_takes_later_ones_along(desk: Desk) -> None:
    desk.channel.script += [Unreached("down")]
    desk.happens("price_drawdown")
    await desk.turns(0.5)
    desk.happens("oi_zscore", at=NOW)
    await desk.turns(10)
    assert [desk.heads(number) for number in range(len(desk.channel.said))] == [
        [TITLES["price_drawdown"], TITLES["oi_zscore"]]
    ]


async def test_one_that_is_muted_leaves_the_others(desk: Desk) -> None:
    desk.switch(Switch("mute", "oi_zscore"))
    desk.happens("price_drawdown", "oi_zscore")
    await desk.turns()
    assert desk.heads() == [TITLES["price_drawdown"]]
    assert desk.rows()[1] == ("muted", "this chat has muted oi_zscore")
    desk.happens(("oi_zscore", "resolved"), ("price_drawdown", "resolved"))
    await desk.turns()
    assert len(desk.channel.said) == 3
    assert "faster" not in "".join(said.text for said in desk.channel.said)


async def test_the_end_of_what_was_muted_is_not_told_when_the_mute_is_over(desk: Desk) -> None:
    desk.switch(Switch("mute", "BTC", until=NOW + HOUR))
    desk.happens("oi_zscore")
    await desk.turns()
    desk.clock.forward(2 * 3600)
    desk.happens(("oi_zscore", "resolved"))
    await desk.turns()
    assert desk.channel.said == []
    assert desk.rows()[1] == ("merged", "the episode was never announced here")


async def test_quiet_hours_keep_what_is_not_critical_until_they_end(desk: Desk) -> None:
    destinations.set_zone(desk.store, desk.chat, "Asia/Tokyo", desk.clock.now())  # 21:00 there
    desk.switch(Switch("quiet", value="20:00-06:00"))
    desk.happens("price_drawdown")
    desk.happens("taker_zscore", at=NOW + HOUR, rank="critical")
    await desk.turns()
    assert [desk.heads(number) for number in range(len(desk.channel.said))] == [[TITLES["taker_zscore"]]]
    assert desk.rows()[0] == ("queued", "quiet hours, 20:00-06:00 Tokyo")
    desk.clock.forward(9 * 3600 - 10)  # ten seconds before six; a notice is old news after six hours, but not this one
    await desk.turns(5)
    assert len(desk.channel.said) == 1
    await desk.turns(10)
    assert desk.heads() == [TITLES["price_drawdown"]]
    assert not desk.channel.said[-1].text.startswith("Late"), "it came when it was wanted"


async def test_what_was_held_is_late_from_the_end_of_the_hold_on(desk: Desk) -> None:
    desk.switch(Switch("quiet", value="11:00-18:00"))
    desk.happens("price_drawdown")
    await desk.turns()
    desk.clock.forward(6 * 3600 + 45 * 60)
    await desk.turns(5)
    assert desk.channel.said[-1].text.startswith("Late: this was due 45 min ago.")


async def test_what_came_and_went_in_quiet_hours_is_one_message(desk: Desk) -> None:
    desk.switch(Switch("quiet", value="11:00-18:00"))
    desk.happens("price_drawdown")
    await desk.turns()
    desk.clock.forward(3600)
    desk.happens(("price_drawdown", "escalated"), rank="warning")
    await desk.turns()
    desk.clock.forward(3600)
    desk.happens(("price_drawdown", "resolved"))
    await desk.turns()
    assert desk.channel.said == []
    desk.clock.forward(4 * 3600)
    await desk.turns()
    assert [head[:16] for head in desk.heads()] == ["BTC: over after "]
    assert [state for state, _ in desk.rows()] == ["merged", "merged", "sent"]


@pytest.mark.slow
async def test_many_that_are_muted_do_not_slow_the_others(desk: Desk) -> None:
    """A row that a stage settles is no message: it spends nothing of what the platform allows."""
    for number in range(100, 400):
        one = destinations.ensure(desk.store, "telegram", str(number), None, kind="private", title=None, now=NOW)
        destinations.subscribe(desk.store, one.id, "*", "*")
        switches.switch(desk.store, one.id, Switch("mute"))
    last = destinations.ensure(desk.store, "telegram", "999", None, kind="private", title=None, now=NOW)
    destinations.subscribe(desk.store, last.id, "*", "*")
    desk.happens("price_drawdown")
    before = desk.clock.seconds
    while len(desk.channel.said) < 2:
        assert await desk.dispatcher.turn()
        desk.clock.forward(0.02)
    assert desk.clock.seconds - before < 7


async def test_what_an_earlier_version_wrote_is_sent(desk: Desk) -> None:
    payload = ready("BTC: an alarm of before", reply=None, alone=False)
    with desk.store.write() as work:
        number = episodes.record(work, ("old", "BTC"), Transition("fired", NOW, NOW, "notice", {}), None)
        notice = Notice("fired", "notice", NOW, payload, number, "old", "BTC")
        outbox.announce(work, notice, now=NOW, expires=NOW + DAY)
    await desk.turns()
    assert desk.heads() == ["BTC: an alarm of before"]


async def test_times_are_those_of_each_chat(desk: Desk) -> None:
    other = destinations.ensure(desk.store, "telegram", "12", None, kind="private", title=None, now=NOW)
    destinations.subscribe(desk.store, other.id, "*", "*")
    destinations.set_zone(desk.store, other.id, "Europe/Berlin", desk.clock.now())
    desk.happens("price_drawdown")
    await desk.turns()
    stamps = {said.to.chat: said.text.splitlines()[-1].rpartition(", ")[2] for said in desk.channel.said}
    assert stamps == {"11": "12:00 UTC", "12": "13:00 CET"}
