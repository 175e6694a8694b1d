"""Render and send by themselves: what a claim becomes, and how it leaves, as tables."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.delivery.stages.render import KEPT, Renderer
from bot.delivery.stages.send import LATE, kind_of, send
from handlers.channels.failure import MessageRefused, SendFailed
from handlers.reply import Line, to_json
from signals.units import HOUR, MINUTE
from storage.alerts.outbox import Claim, Notice, OutboxRow
from storage.people.switches import Switch
from tests.fakes.channel import FakeChannel

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
NEWS = (Line("BTC: something happened.", "headline"),)


def notice(number: int = 1, kind: str = "fired", rank: str = "warning", **more: Any) -> Notice:
    payload = {"blocks": to_json((Line(f"News {number}.", "headline"),)), "reply": more.pop("reply", None)}
    about = {"episode": number, "rule": "oi_drawdown", "asset": "BTC", "number": number} | more
    return Notice(kind, rank, NOW, payload, **about)  # type: ignore[arg-type]


def claim(*rows: Notice, message: str | None = None, beside: tuple[Notice, ...] = (), **more: Any) -> Claim:
    told = tuple(
        OutboxRow(place, row, uncertain=False, lead=None, message=message, announced=message is not None, told=False)
        for place, row in enumerate(rows or (notice(),), start=1)
    )
    about: dict[str, Any] = {
        "id": 1,
        "destination": 1,
        "platform": "telegram",
        "chat": "7",
        "topic": "",
        "kind_of_chat": "group",
        "zone": "UTC",
        "nonce": "n",
        "attempts": 0,
        "uncertain": False,
        "plain": False,
        "due": NOW,
        "switches": (),
        "barred": False,
        "process": 1,
    }
    return Claim(**about | more, message=message, rows=told, beside=beside)


def sent(told: Claim, *replies: str, script: tuple[SendFailed | None, ...] = ()) -> tuple[FakeChannel, str | None, int]:
    """Send a claim and return what the channel heard, the message's id, and how many were counted beside it."""
    channel, counted = FakeChannel(), []
    channel.script.extend(script)
    found = asyncio.run(send(channel, told, NEWS, replies, NOW, spend=lambda: counted.append(1)))
    return channel, found, len(counted)


# --- render -----------------------------------------------------------------------------------------------------------


def test_what_a_message_says_already_is_said_again_beside_the_news() -> None:
    blocks, replies = Renderer().render(claim(notice(2, reply="Two.")))
    assert [block.text for block in blocks if isinstance(block, Line)] == ["News 2."]
    assert replies == ("Two.",)
    blocks, replies = Renderer().render(claim(notice(2, reply="Two."), beside=(notice(1, reply="One."),)))
    said = " ".join(block.text for block in blocks if isinstance(block, Line))
    assert said.index("News 2.") < said.index("News 1."), "what is new answers, and comes first"
    assert replies == ("Two.",), "what was told before is answered no second time"


def test_an_event_of_a_newer_version_is_an_error_and_no_empty_message() -> None:
    told = claim(Notice("fired", "notice", NOW, {"event": "from the future"}, 1, "oi_drawdown", "BTC"))
    with pytest.raises(ValueError, match="newer version"):
        Renderer().render(told)


def test_words_are_made_once_for_all_chats_of_a_zone_and_memory_is_bounded() -> None:
    renderer = Renderer()
    for number in range(2 * KEPT):
        renderer.render(claim(notice(number)))
    assert len(renderer._kept) == KEPT
    (first, _), (again, _) = renderer.render(claim(notice(1))), renderer.render(claim(notice(1), chat="8"))
    assert first[0] is again[0]


# --- send -------------------------------------------------------------------------------------------------------------


def test_news_is_a_new_message_with_its_nonce() -> None:
    channel, message, counted = sent(claim(topic="4"))
    (said,) = channel.said
    assert (message, counted, said.edited) == ("m1", 0, None)
    assert (said.to.chat, said.to.topic, said.message.nonce) == ("7", "4", "n")
    assert said.message.blocks == NEWS


@pytest.mark.parametrize(
    ("ranks", "switches", "silent"),
    [
        pytest.param(["notice"], (), True, id="a notice is silent"),
        pytest.param(["warning"], (), False, id="a warning rings"),
        pytest.param(["notice", "critical"], (), False, id="one that rings is enough"),
        pytest.param(["warning"], (Switch("silent"),), True, id="switched to silent"),
        pytest.param(["notice"], (Switch("loud"),), False, id="switched to loud"),
    ],
)
def test_sound(ranks: list[str], switches: tuple[Switch, ...], silent: bool) -> None:
    rows = [notice(number, rank=rank) for number, rank in enumerate(ranks, start=1)]
    channel, _, _ = sent(claim(*rows, switches=switches))
    assert channel.said[0].message.silent is silent


def test_what_gets_worse_edits_its_message_and_answers_it_with_sound() -> None:
    channel, message, counted = sent(claim(notice(kind="escalated"), message="m9"), "Now a warning.")
    edit, line = channel.said
    assert (message, counted) == ("m9", 1)
    assert (edit.edited, line.message.reply_to, line.text) == ("m9", "m9", "Now a warning.")
    assert line.message.silent is False


def test_what_is_over_edits_its_message_and_answers_it_without_sound() -> None:
    channel, message, _ = sent(claim(notice(kind="resolved"), message="m9"), "Over.")
    edit, line = channel.said
    assert (message, edit.edited, line.message.reply_to, line.message.silent) == ("m9", "m9", "m9", True)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        pytest.param("escalated", [NEWS[0].text], id="news goes out anew"),
        pytest.param("resolved", ["Over."], id="an end is only said in its line"),
    ],
)
def test_a_message_that_somebody_deleted(kind: str, texts: list[str]) -> None:
    channel, found, _ = sent(claim(notice(kind=kind), message="m9"), "Over.", script=(MessageRefused("gone"),))
    assert [said.text for said in channel.said] == texts
    assert found is not None


@pytest.mark.parametrize(
    ("refused", "answers"),
    [
        pytest.param(1, [None], id="as an answer: it goes out by itself"),
        pytest.param(2, [], id="for good: the edit has told of it"),
    ],
)
def test_an_answer_that_is_refused_gives_up_no_message(refused: int, answers: list[str | None]) -> None:
    script = (None, *(MessageRefused("no"),) * refused)
    channel, message, counted = sent(claim(notice(kind="escalated"), message="m9"), "Now a warning.", script=script)
    edit, *lines = channel.said
    assert (message, edit.edited, counted) == ("m9", "m9", 2)
    assert [line.message.reply_to for line in lines] == answers
    assert all(line.text == "Now a warning." for line in lines)


def test_an_end_of_which_nothing_arrives_is_given_up() -> None:
    with pytest.raises(MessageRefused):
        sent(claim(notice(kind="resolved"), message="m9"), "Over.", script=(MessageRefused("no"),) * 3)


@pytest.mark.parametrize(
    ("late", "said"),
    [
        pytest.param(LATE, False, id="half an hour is in time"),
        pytest.param(LATE + MINUTE, True, id="a minute more is late"),
        pytest.param(5 * HOUR, True, id="hours"),
    ],
)
def test_what_is_late_says_so(late: Any, said: bool) -> None:
    channel, _, _ = sent(claim(due=NOW - late))
    assert channel.said[0].text.startswith("Late: this was due") is said


def test_an_uncertain_new_message_is_marked_and_an_edit_never_is() -> None:
    new, _, _ = sent(claim(uncertain=True))
    edit, _, _ = sent(claim(uncertain=True, message="m9"))
    assert (new.said[0].message.maybe_repeat, edit.said[0].message.maybe_repeat) == (True, False)


@pytest.mark.parametrize(
    ("stored", "kind"), [("private", "private"), ("group", "group"), ("channel", "channel"), ("forum", "group")]
)
def test_a_kind_of_chat_that_is_not_known_is_as_careful_as_a_group(stored: str, kind: str) -> None:
    assert kind_of(stored) == kind
