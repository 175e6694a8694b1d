"""One event, one message: a setup takes its alarms in as legs, for each chat by what it follows and has muted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.engine.around import OpenSetups
from bot.engine.evaluate import announce, with_story
from handlers.channels.failure import MessageRefused
from signals.alerts.condition import RANKS
from signals.alerts.episodes import State
from signals.alerts.event import Event
from signals.alerts.setup import setups
from storage.alerts import episodes
from storage.people import destinations
from storage.people.switches import Switch
from tests.bot.delivery.desk import DAY, HOUR, NOW, Desk, desk_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from signals.alerts.condition import Rank

WAVE, FLOW, CLOSING = "selling_wave", "taker_zscore", "oi_zscore"
FALL, SHORTS, AVERAGE = "price_drawdown", "funding_stretch_low", "oi_vs_ma180"
LEGS = {
    "price_drawdown.value": -0.16,
    "price_drawdown.price": 17_000.0,
    "funding_stretch.value": -0.152,
    "oi_vs_ma180.value": -0.2,
    "oi_vs_ma180.coins": -0.1,
    "oi_drawdown.value": -0.35,
    "oi_drawdown.usd": 10e9,
    "oi_drawdown.coins": -0.12,
    "oi_zscore.dollars": -0.2,
    "taker_zscore.value": -2.3,
    "taker_zscore.buy_share": 0.44,
    "taker_zscore.ratio": 0.79,
    "oi_zscore.value": -1.5,
    "oi_zscore.coins": -0.06,
    "depth_index.value": -0.9,
    "liq_zscore.value": 0.3,
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = desk_at(tmp_path)
    yield desk
    desk.store.close()


def tell(
    desk: Desk, *what: tuple[str, str], rank: Rank = "warning", at: datetime | None = None, **values: float
) -> None:
    """Let a setup and alarms happen at one close, setups first, as a judgement writes them."""
    now = at or desk.clock.now()
    around = OpenSetups.of(episodes.rule_states(desk.store))
    with desk.store.write() as work:
        for rule, kind in what:
            found = LEGS | {name.replace("__", "."): value for name, value in values.items()}
            if rule in setups():
                found |= {name: float(value) for name, value in setups()[rule].counts(found).items()}
            event = Event(
                kind=kind, rule=rule, asset="BTC", rank=rank, at=now, since=now - DAY, values=found, step=HOUR,
                venues=("binance",), within=around.around((rule, "BTC")),
            )  # fmt: skip
            event = replace(event, takes_in=around.inside(event))
            event = with_story(work, event, desk.running.get(rule))
            number = desk.running[rule] = episodes.record(work, (rule, "BTC"), event, desk.running.get(rule))
            told = RANKS.index(rank) + 1
            state = State(rank=told, told=told, at=now, since=now)
            if kind == "resolved":
                began = around.signs.get((rule, "BTC"), (now,))[0]
                state = replace(state, rank=0, since=began, ended=now)
            episodes.save(work, (rule, "BTC"), state, number)
            around.stands((rule, "BTC"), state, number)
            announce(work, event, number, desk.clock.now())


def said(desk: Desk) -> list[str]:
    asyncio.run(desk.turns())
    return [one.message.blocks[0].text for one in desk.channel.said]  # type: ignore[union-attr]


def test_alarms_of_the_same_close_are_legs_of_its_message(desk: Desk) -> None:
    tell(desk, (WAVE, "fired"), (FLOW, "fired"), (CLOSING, "fired"))
    assert said(desk) == ["BTC: sellers hit a thin book while positions are closed. STRAINED, 3 of 4 legs."]
    assert desk.heads() == said(desk)[:1], "one headline, and no part for each alarm"
    assert [state for state, _ in desk.rows()] == ["sent", "merged", "merged"]


def test_an_alarm_within_an_open_story_is_not_told_beside_it(desk: Desk) -> None:
    tell(desk, (WAVE, "fired"))
    assert len(said(desk)) == 1
    desk.clock.forward(3600)
    tell(desk, (CLOSING, "fired"))
    assert len(said(desk)) == 1
    assert desk.rows()[-1] == ("merged", f"the message of episode {desk.running[WAVE]} tells of it as a leg")
    desk.clock.forward(3600)
    tell(desk, (CLOSING, "resolved"))
    assert len(said(desk)) == 1, "nor its end"


def test_an_alarm_that_is_more_urgent_is_told(desk: Desk) -> None:
    tell(desk, (WAVE, "fired"))
    said(desk)
    desk.clock.forward(3600)
    tell(desk, (CLOSING, "fired"), rank="critical")
    assert len(said(desk)) == 2


def test_a_story_that_begins_later_goes_on_in_the_message_of_its_alarm(desk: Desk) -> None:
    tell(desk, (CLOSING, "fired"), rank="notice")
    said(desk)
    desk.clock.forward(3600)
    tell(desk, (WAVE, "fired"))
    story = "BTC: sellers hit a thin book while positions are closed. STRAINED, 3 of 4 legs."
    told = [story, f"{story} Taker flow: z −2.30, ratio 0.79, only 44 % of taker volume buys."]
    assert said(desk)[1:] == told
    edit, answer = desk.channel.said[1:]
    assert edit.edited is not None, "one event, one message"
    assert desk.heads(1) == [story], "what was told of the alarm is a leg now"
    assert answer.message.reply_to == edit.edited, "an edit makes no sound"
    desk.clock.forward(3600)
    tell(desk, (CLOSING, "escalated"))
    assert len(said(desk)) == 3, "a leg is not told beside its story"
    desk.clock.forward(3600)
    tell(desk, (WAVE, "resolved"), oi_zscore__value=-3.2)
    said(desk)
    assert desk.heads(3) == [
        "BTC: over after 24 h: sellers press and positions close.",
        "BTC: positions are being closed faster than usual (15 January 12:00 UTC).",
    ], "what still holds is said again, after its story is over"


def test_an_alarm_that_ends_within_its_story_is_no_answer_to_a_message_that_says_that_it_holds(desk: Desk) -> None:
    tell(desk, (AVERAGE, "fired"), rank="notice")
    said(desk)
    desk.clock.forward(3600)
    tell(desk, ("deleveraging_reset", "fired"), rank="notice")
    said(desk)
    desk.clock.forward(3600)
    tell(desk, (AVERAGE, "resolved"), rank="notice")
    said(desk)
    assert len(desk.heads(-1)) == 1
    assert [one.message.reply_to for one in desk.channel.said] == [None, None, "m1", None], "an edit, and no answer"
    desk.clock.forward(3600)
    tell(desk, ("deleveraging_reset", "resolved"), rank="notice")
    said(desk)
    edit, answer = desk.channel.said[-2:]
    assert answer.text == "BTC: over after 24 h: futures positions cut in dollars and in coins."
    assert "BTC: over after 24 h (15 January 14:00 UTC): open interest below its 180-day average." in edit.text


def test_a_story_stands_beside_an_alarm_that_is_more_urgent(desk: Desk) -> None:
    tell(desk, (CLOSING, "fired"), rank="critical")
    said(desk)
    desk.clock.forward(3600)
    tell(desk, (WAVE, "fired"))
    said(desk)
    assert len(desk.heads(1)) == 2
    desk.clock.forward(3600)
    tell(desk, (CLOSING, "resolved"), rank="critical")
    said(desk)
    edit, answer = desk.channel.said[-2:]
    over = "BTC: over after 24 h: positions closed unusually fast."
    assert (answer.message.reply_to, answer.text) == ("m1", over), "who was called by it is told that it is over"
    assert over in edit.text


def test_a_muted_story_leaves_the_message_of_its_alarm_alone(desk: Desk) -> None:
    desk.switch(Switch("mute", WAVE))
    tell(desk, (CLOSING, "fired"), rank="notice")
    said(desk)
    desk.clock.forward(3600)
    tell(desk, (WAVE, "fired"))
    assert len(said(desk)) == 1
    desk.clock.forward(3600)
    tell(desk, (CLOSING, "escalated"))
    assert said(desk)[1].startswith("BTC, now a warning: positions are being closed")


def test_who_was_never_told_of_the_alarm_gets_a_message_of_the_story(desk: Desk) -> None:
    destinations.unsubscribe(desk.store, desk.chat)
    destinations.subscribe(desk.store, desk.chat, WAVE, "*")
    tell(desk, (CLOSING, "fired"), rank="notice")
    desk.clock.forward(3600)
    tell(desk, (WAVE, "fired"))
    said(desk)
    assert [one.edited for one in desk.channel.said] == [None]


def test_after_its_end_alarms_stand_alone_again(desk: Desk) -> None:
    tell(desk, (WAVE, "fired"))
    said(desk)
    desk.clock.forward(3600)
    tell(desk, (WAVE, "resolved"))
    said(desk)
    desk.clock.forward(3600)
    tell(desk, (CLOSING, "fired"))
    assert said(desk)[-1] == "BTC: positions are being closed faster than usual."


def test_who_follows_an_alarm_alone_gets_that_alone(desk: Desk) -> None:
    destinations.unsubscribe(desk.store, desk.chat)
    destinations.subscribe(desk.store, desk.chat, CLOSING, "*")
    tell(desk, (WAVE, "fired"), (CLOSING, "fired"))
    assert said(desk) == ["BTC: positions are being closed faster than usual."]


def test_who_muted_the_story_is_told_of_the_alarm(desk: Desk) -> None:
    desk.switch(Switch("mute", WAVE))
    tell(desk, (WAVE, "fired"), (CLOSING, "fired"))
    assert said(desk) == ["BTC: positions are being closed faster than usual."]


def test_a_leg_that_joins_edits_the_message_without_a_word(desk: Desk) -> None:
    tell(desk, (WAVE, "fired"))
    said(desk)
    desk.clock.forward(3600)
    tell(desk, (WAVE, "changed"), liq_zscore__value=2.4)
    asyncio.run(desk.turns())
    assert len(desk.channel.said) == 2
    edit = desk.channel.said[-1]
    assert edit.message.blocks[0].text.endswith("STRAINED, 4 of 4 legs.")  # type: ignore[union-attr]
    assert edit.edited is not None, "an edit, and no answer to it"


def test_a_change_of_what_was_never_told_here_is_nothing(desk: Desk) -> None:
    destinations.unsubscribe(desk.store, desk.chat)
    tell(desk, (WAVE, "fired"))
    destinations.subscribe(desk.store, desk.chat, WAVE, "*")
    desk.clock.forward(3600)
    tell(desk, (WAVE, "changed"))
    assert said(desk) == []


def test_the_end_says_which_legs_are_gone_and_what_price_did(desk: Desk) -> None:
    tell(desk, (WAVE, "fired"), price_move__price=90_000.0)
    said(desk)
    desk.clock.forward(9 * 3600)
    tell(desk, (WAVE, "resolved"), taker_zscore__value=-0.2, depth_index__value=-0.1, price_move__price=91_800.0)
    asyncio.run(desk.turns())
    assert desk.channel.said[-2].text.splitlines()[:3] == [
        "BTC: over after 24 h: sellers press and positions close.",
        "No longer so: taker flow and depth within 1 %.",
        "Price then 90,000, now 91,800 (+2.0 %).",
    ]
    assert desk.channel.said[-1].text == "BTC: over after 24 h: sellers press and positions close."


@pytest.mark.parametrize("now", [NOW])
def test_what_stands_open_is_read_from_where_rules_stand(desk: Desk, now: datetime) -> None:
    tell(desk, (WAVE, "fired"), at=now)
    around = OpenSetups.of(episodes.rule_states(desk.store))
    assert around.around((CLOSING, "BTC")) == ((desk.running[WAVE], "warning"),)
    assert around.around((CLOSING, "ETH")) == ()
    assert around.around(("price_drawdown", "BTC")) == ()


def days(count: float) -> float:
    return count * timedelta(days=1).total_seconds()


def test_a_further_sign_of_a_fall_goes_on_in_the_message_of_the_first(desk: Desk) -> None:
    tell(desk, (CLOSING, "fired"))
    said(desk)
    desk.clock.forward(days(1))
    tell(desk, (FALL, "fired"), (CLOSING, "resolved"), rank="notice")
    said(desk)
    edit, answer = desk.channel.said[1:]
    assert edit.edited == answer.message.reply_to == "m1", "one fall, one message"
    assert desk.heads(1) == [
        "BTC: price is well below its high of the past 16 days.",
        "BTC: over after 24 h: positions closed unusually fast.",
    ]
    assert answer.text.splitlines() == desk.heads(1), "in two lines what is new"
    desk.clock.forward(days(1))
    tell(desk, (SHORTS, "fired"), rank="notice")
    said(desk)
    assert desk.channel.said[-1].message.reply_to == "m1"
    assert desk.heads(-2) == [
        "BTC: shorts are paying much to stay.",
        "BTC: price is well below its high of the past 16 days (16 January 12:00 UTC).",
    ]
    assert desk.channel.said[-2].text.splitlines()[-2] == (
        "BTC: over after 24 h (16 January 12:00 UTC): positions closed unusually fast."
    ), "what is over is one line by now"


def test_who_muted_the_message_of_a_fall_hears_of_no_further_sign(desk: Desk) -> None:
    tell(desk, (CLOSING, "fired"))
    said(desk)
    desk.switch(Switch("mute", f"episode {desk.running[CLOSING]}", value=f"episode {desk.running[CLOSING]}"))
    for rule in (FALL, SHORTS):
        desk.clock.forward(days(1))
        tell(desk, (rule, "fired"), rank="notice")
        assert len(said(desk)) == 1, rule
        assert desk.rows()[-1] == ("muted", "this chat has muted the message that it goes on in")
    desk.clock.forward(3600)
    tell(desk, (FALL, "escalated"), rank="warning")
    assert len(said(desk)) == 1, "what joined it is muted with it"
    desk.clock.forward(3600)
    tell(desk, (CLOSING, "resolved"))
    tell(desk, (FALL, "escalated"), rank="critical")
    assert len(said(desk)) == 2, "until that is over"


def test_a_sign_that_waits_is_not_listed_where_its_message_was_muted_meanwhile(desk: Desk) -> None:
    tell(desk, (CLOSING, "fired"))
    said(desk)
    desk.switch(Switch("quiet", value="20:00-07:00"))
    desk.clock.forward(9 * 3600)
    tell(desk, (FALL, "fired"), ("funding_stretch", "fired"), rank="notice")
    assert len(said(desk)) == 1
    assert desk.rows()[-2][0] == "queued"
    desk.switch(Switch("mute", f"episode {desk.running[CLOSING]}", value=f"episode {desk.running[CLOSING]}"))
    desk.clock.forward(11 * 3600)
    assert [head for head in said(desk)[1:] if "below its high" in head] == []
    assert desk.rows()[1:3] == [("muted", "this chat has muted the message that it goes on in"), ("sent", None)]
    desk.clock.forward(3600)
    tell(desk, (FALL, "escalated"), rank="warning")
    assert len(said(desk)) == 2, "what follows of it is muted with it"


def heads_of_new_messages(desk: Desk) -> list[str]:
    began = [one for one in desk.channel.said if one.edited is None and one.message.reply_to is None]
    return [one.message.blocks[0].text for one in began]  # type: ignore[union-attr]


def test_a_fall_ends_a_week_after_its_first_sign(desk: Desk) -> None:
    for rule in (CLOSING, FALL, SHORTS, AVERAGE):
        tell(desk, (rule, "fired"), rank="notice")
        said(desk)
        desk.clock.forward(days(2.6))
    assert heads_of_new_messages(desk) == [
        "BTC: positions are being closed faster than usual.",
        "BTC: open interest has fallen below its 180-day average, in dollars and in coins.",
    ]


def test_signs_that_are_over_are_of_the_week_too(desk: Desk) -> None:
    for rule, over in ((CLOSING, None), (FALL, CLOSING), (SHORTS, FALL), (AVERAGE, None)):
        tell(desk, (rule, "fired"), rank="notice")
        said(desk)
        desk.clock.forward(days(0.1))
        if over:
            tell(desk, (over, "resolved"), rank="notice")
            said(desk)
        desk.clock.forward(days(2.5))
    assert heads_of_new_messages(desk) == [
        "BTC: positions are being closed faster than usual.",
        "BTC: open interest has fallen below its 180-day average, in dollars and in coins.",
    ]


@pytest.mark.parametrize(
    ("first", "later", "values"),
    [
        pytest.param((CLOSING, "notice"), (FALL, "notice", 3.1), {}, id="after more than three days"),
        pytest.param((CLOSING, "notice"), (FALL, "warning", 1), {}, id="more urgent than the first"),
        pytest.param(("funding_stretch", "notice"), (FALL, "notice", 1), {}, id="longs pay: no sign of a fall"),
        pytest.param((FALL, "notice"), ("funding_stretch", "notice", 1), {}, id="nor after one"),
        pytest.param(
            (FALL, "notice"), (CLOSING, "notice", 1), {"oi_zscore__dollars": -0.01}, id="price rose meanwhile"
        ),
    ],
)
def test_what_is_no_further_sign_of_a_fall_is_a_message_of_its_own(
    desk: Desk, first: tuple[str, Rank], later: tuple[str, Rank, float], values: dict[str, float]
) -> None:
    tell(desk, (first[0], "fired"), rank=first[1])
    said(desk)
    desk.clock.forward(days(later[2]))
    tell(desk, (later[0], "fired"), rank=later[1], **values)
    said(desk)
    assert [one.edited or one.message.reply_to for one in desk.channel.said] == [None, None]


def test_a_sign_that_goes_on_elsewhere_is_judged_like_what_stands_alone(desk: Desk) -> None:
    desk.switch(Switch("only", value="warning"))
    tell(desk, (CLOSING, "fired"))
    said(desk)
    desk.clock.forward(days(1))
    tell(desk, (FALL, "fired"), rank="notice")
    assert len(said(desk)) == 1
    assert desk.rows()[-1] == ("muted", "this chat wants only warnings and what is critical")


@pytest.mark.parametrize(("most", "sent"), [(1, 1), (2, 2), (3, 3)])
def test_an_answer_that_tells_of_a_further_sign_counts_as_a_new_message(desk: Desk, most: int, sent: int) -> None:
    desk.switch(Switch("budget", value=str(most)))
    for rule in (CLOSING, FALL, SHORTS, AVERAGE):
        tell(desk, (rule, "fired"), rank="notice")
        said(desk)
        desk.clock.forward(1800)
    assert sum(one.edited is None for one in desk.channel.said) == sent
    assert [state for state, _ in desk.rows()] == ["sent"] * sent + ["queued"] * (4 - sent)


def test_a_further_sign_beyond_the_budget_waits_while_the_end_beside_it_is_told(desk: Desk) -> None:
    desk.switch(Switch("budget", value="1"))
    tell(desk, (CLOSING, "fired"), rank="notice")
    said(desk)
    desk.clock.forward(3600)
    tell(desk, (FALL, "fired"), (CLOSING, "resolved"), rank="notice")
    assert said(desk)[1:] == ["BTC: over after 24 h: positions closed unusually fast."] * 2
    assert desk.rows()[1:] == [("queued", "beyond 1 new messages a day"), ("sent", None)]


def test_what_goes_on_in_a_message_that_was_deleted_goes_along_into_the_new_one(desk: Desk) -> None:
    tell(desk, (CLOSING, "fired"))
    said(desk)
    desk.channel.always = lambda one: MessageRefused("gone") if one.edited == "m1" else None
    desk.clock.forward(days(1))
    tell(desk, (FALL, "fired"), rank="notice")
    said(desk)
    assert [one.edited for one in desk.channel.said] == [None, None]
    desk.clock.forward(days(1))
    tell(desk, (CLOSING, "resolved"))
    said(desk)
    edit, answer = desk.channel.said[2:]
    assert edit.edited == answer.message.reply_to == "m2"
    assert "BTC: over after 24 h: positions closed unusually fast." in desk.heads(2)


def test_a_sign_whose_answer_is_refused_has_the_message_that_was_edited(desk: Desk) -> None:
    tell(desk, (CLOSING, "fired"))
    said(desk)
    desk.channel.script.extend([None, MessageRefused("no")])
    desk.clock.forward(days(1))
    tell(desk, (FALL, "fired"))
    said(desk)
    assert [one.edited for one in desk.channel.said] == [None, "m1", None]
    desk.clock.forward(days(1))
    tell(desk, (FALL, "resolved"))
    said(desk)
    assert desk.channel.said[-1].message.reply_to == "m1"


def test_signs_of_one_close_are_one_message_and_no_answer(desk: Desk) -> None:
    tell(desk, (CLOSING, "fired"), (FALL, "fired"))
    said(desk)
    assert [one.edited or one.message.reply_to for one in desk.channel.said] == [None]
    assert len(desk.heads()) == 2


def test_a_notice_of_the_same_close_comes_along_with_what_is_critical(desk: Desk) -> None:
    tell(desk, (CLOSING, "fired"))
    said(desk)
    desk.clock.forward(days(1))
    tell(desk, (FALL, "fired"), rank="critical")
    tell(desk, (SHORTS, "fired"), rank="notice")
    said(desk)
    assert [one.edited or one.message.reply_to for one in desk.channel.said] == [None, None]
    assert desk.heads() == [
        "BTC: price is well below its high of the past 16 days.",
        "BTC: shorts are paying much to stay.",
    ]


def test_a_further_sign_stands_below_what_is_more_urgent(desk: Desk) -> None:
    tell(desk, (FALL, "fired"), rank="critical")
    said(desk)
    desk.clock.forward(3600)
    tell(desk, (SHORTS, "fired"), rank="notice")
    said(desk)
    edit, answer = desk.channel.said[1:]
    assert edit.edited == answer.message.reply_to == "m1"
    assert desk.heads(1) == [
        "BTC: price is well below its high of the past 16 days (15 January 12:00 UTC).",
        "BTC: shorts are paying much to stay.",
    ]
    assert answer.text == "BTC: shorts are paying much to stay.", "what is new is in the answer"
    desk.clock.forward(3600)
    tell(desk, (SHORTS, "resolved"), rank="notice")
    said(desk)
    assert [head[:22] for head in desk.heads(-2)] == ["BTC: price is well bel", "BTC: over after 24 h: "]


def test_a_long_message_keeps_all_that_is_new_and_says_the_rest_briefly(desk: Desk) -> None:
    for rule in (CLOSING, FALL, SHORTS, AVERAGE):
        tell(desk, (rule, "fired"), rank="notice")
        said(desk)
        desk.clock.forward(days(0.5))
    lines = desk.channel.said[-2].text.splitlines()
    assert lines[0] == "BTC: open interest has fallen below its 180-day average, in dollars and in coins."
    assert len(desk.heads(-2)) == 4
    assert len(desk.channel.said[-2].text) <= 900
