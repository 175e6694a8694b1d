"""How the channels do, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from handlers.words.delivery import of_bot, refused, resting_lines
from storage.alerts.sending.rests import Resting

NOW = datetime(2026, 1, 16, tzinfo=UTC)
PLACES = [
    Resting("telegram", "-20", "7", "The desk", "not enough rights", NOW + timedelta(hours=1), 3),
    Resting("discord", "44", "", None, "I cannot see the channel", NOW + timedelta(hours=2), 1),
]
DESK = "Telegram “The desk” (-20, topic 7): not enough rights. 3 messages wait, tried again at 01:00 UTC"
OTHER = "Discord (44): I cannot see the channel. 1 message waits, tried again at 02:00 UTC"


@pytest.mark.parametrize(
    ("names", "here", "said"),
    [
        pytest.param(True, ("terminal", "screen"), [DESK, OTHER], id="at the bot itself all are named"),
        pytest.param(
            False, ("telegram", "-20"), [DESK, "1 chat rests: something is not allowed there"], id="in one of them"
        ),
        pytest.param(
            False, ("discord", "-20"), ["2 chats rest: something is not allowed there"], id="elsewhere none is named"
        ),
    ],
)
def test_a_chat_that_rests_is_named_to_those_who_may_know(names: bool, here: tuple[str, str], said: list[str]) -> None:
    assert resting_lines(PLACES, NOW, "UTC", names=names, here=here) == said


@pytest.mark.parametrize(
    ("bot", "named", "said"),
    [
        pytest.param("telegram", "Telegram", "Telegram refuses the bot's token", id="the first one"),
        pytest.param(
            "telegram@alpha", "Telegram (alpha)", "Telegram refuses the token of the bot alpha", id="a further one"
        ),
    ],
)
def test_a_bot_is_named_by_its_platform_and_its_own_name(bot: str, named: str, said: str) -> None:
    assert (of_bot(bot), refused(bot)) == (named, said)
