"""What people type and press, in SimCord: the real discord.py against its model of Discord."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.handlers.channels.discord.talking import talking

if TYPE_CHECKING:
    from pathlib import Path

    import simcord


def callbacks(env: simcord.Env) -> list[int]:
    """Return the kinds of the first answers: 5 says that one is on its way."""
    return [entry.json["type"] for entry in env.http_requests if entry.path.endswith("/callback") and entry.json]


def words(result: Any) -> str:
    """Return all text of an answer: content, and each part of its embeds."""
    shown = result.response if hasattr(result, "response") else result
    parts = [shown.content]
    for embed in shown.embeds:
        parts += [embed.title or "", embed.description or "", embed.footer.text or ""]
    return "\n".join(part for part in parts if part)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        pytest.param({"text": "95000 25x long"}, "/liq 95000 25x long", id="typed as a line"),
        pytest.param({"entry": "95k", "leverage": "25", "side": "long"}, "/liq entry 95k 25x long", id="options"),
        pytest.param({"side": "short", "text": "@95000 10x"}, "/liq short @95000 10x", id="both"),
    ],
)
async def test_a_slash_command_is_the_line_that_it_would_be(tmp_path: Path, given: dict[str, Any], line: str) -> None:
    async with talking(tmp_path) as (talk, _, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))
        result = await ann.slash(channel, "liq", **given)
        assert talk.asked[0][0] == line
        assert callbacks(env) == [5]
        assert not result.ephemeral
        assert "95,000" in words(result)
