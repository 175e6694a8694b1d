"""What is said as a reply to an alert is about that alert, as the buttons below it are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from handlers.command import Refused
from storage.engine.database import Store
from storage.people import switches
from tests.handlers.commands.room import ADMIN, here, told
from tests.handlers.talk import Talk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from handlers.command import Asker
    from tests.handlers.commands.room import Room

SELLING, MOVE, OVER, FEAR = "41", "42p", "43", "44"


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    """Return a group that was told of things of ETH, and of fear in the whole market."""
    made = Talk(Store(tmp_path / "perpulse.db"))
    made.mark(95_000.0)
    made.mark(3_000.0, asset="ETH")
    told(made, "selling_wave", "oi_zscore", asset="ETH", asker=ADMIN, message=SELLING)
    told(made, "burst", asset="ETH", asker=ADMIN, message=MOVE)
    told(made, "price_drawdown", asset="ETH", asker=ADMIN, message=OVER)
    told(made, "fear_greed", asset="MARKET", asker=ADMIN, message=FEAR)
    yield made
    made.store.close()


def said(room: Room, line: str, asker: Asker) -> str:
    try:
        return room.text(line, asker)
    except Refused as refused:
        return f"{refused} {refused.offers}"


@pytest.mark.parametrize(
    ("message", "line", "same"),
    [
        pytest.param(SELLING, "/why", "/why selling_wave eth", id="why of a story"),
        pytest.param(OVER, "/why", "/why eth", id="why of an alarm"),
        pytest.param(OVER, "/why 4h", "/why eth 4h", id="why over a span"),
        pytest.param(MOVE, "/why", "/why burst eth", id="why of a fast move, in a picture"),
        pytest.param(OVER, "/health", "/health eth", id="health"),
        pytest.param(OVER, "/price", "/price eth", id="a figure"),
        pytest.param(OVER, "how is the funding", "/funding eth", id="in words"),
        pytest.param(OVER, "/base", "/base price_drawdown eth", id="what followed"),
        pytest.param(OVER, "/record", "/record price_drawdown eth", id="its record"),
        pytest.param(OVER, "/chart", "/chart price_drawdown eth", id="its picture"),
        pytest.param(OVER, "/chart 7d", "/chart price_drawdown eth 7d", id="its picture over a span"),
        pytest.param(OVER, "/chart oi btc", "/chart oi btc", id="another picture"),
        pytest.param(OVER, "/why btc", "/why btc", id="another coin"),
        pytest.param(FEAR, "/health", "/health btc", id="of the market the first coin"),
        pytest.param("99", "/health", "/health btc", id="another message of the bot"),
    ],
)
def test_what_is_left_out_is_that_of_the_alert(talk: Talk, message: str, line: str, same: str) -> None:
    found = said(talk, line, replace(ADMIN, answers=message, replies=True))
    assert found.split("\n", 1)[-1 if line == "how is the funding" else 0] in said(talk, same, ADMIN)
    if same.endswith(("eth", "eth 4h", "eth 7d")):
        assert said(talk, line, ADMIN) != found, "without the alert it is about something else"


@pytest.mark.parametrize(
    ("lines", "muted"),
    [
        pytest.param(["/mute 1h"], {"episode 1", "episode 2"}, id="what the message tells of"),
        pytest.param(["/mute until over"], {"episode 1", "episode 2"}, id="until it is over"),
        pytest.param(["/mute alarm 1h"], {"selling_wave", "oi_zscore"}, id="its alarms"),
        pytest.param(["/mute this 1h"], {"episode 1", "episode 2"}, id="this"),
        pytest.param(["/mute everything 1h"], {"*"}, id="everything"),
        pytest.param(["/mute funding 1h"], {"funding_stretch", "funding_stretch_low"}, id="something else"),
        pytest.param(["/mute"], set(), id="a question first"),
        pytest.param(["/mute", "1h"], {"episode 1", "episode 2"}, id="the answer to that question"),
        pytest.param(["/mute 1h", "/unmute"], set(), id="told again"),
        pytest.param(["/mute oi_zscore 1h", "/unmute"], set(), id="told again what was muted otherwise"),
    ],
)
def test_a_mute_as_a_reply_is_of_that_alert(talk: Talk, lines: Sequence[str], muted: set[str]) -> None:
    talk.say(lines[0], replace(ADMIN, answers=SELLING, replies=True))
    for line in lines[1:]:
        answered = "77" if line == "1h" else SELLING  # the question that the bot asked
        talk.say(line, replace(ADMIN, answers=answered, replies=True))
    kept = switches.of_one(talk.store, here(talk, ADMIN))
    assert {one.what for one in kept if one.runs(talk.now)} == muted


def test_unmute_as_a_reply_leaves_what_else_is_muted(talk: Talk) -> None:
    talk.say("/mute eth 2h", ADMIN)
    talk.say("/mute 1h", replace(ADMIN, answers=SELLING))
    talk.say("/unmute", replace(ADMIN, answers=SELLING))
    assert {one.what for one in switches.of_one(talk.store, here(talk, ADMIN))} == {"ETH"}


def test_a_message_of_another_chat_says_nothing_here(talk: Talk) -> None:
    elsewhere = replace(ADMIN, address=replace(ADMIN.address, chat="-5"), answers=OVER)
    here(talk, elsewhere)
    assert said(talk, "/health", elsewhere) == said(talk, "/health btc", ADMIN)
