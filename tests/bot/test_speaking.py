"""What a platform tells of a chat once is written, also where the database cannot take it at that moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot import speaking
from storage.engine.database import StoreError


@pytest.mark.parametrize(
    ("fails", "written", "said"),
    [
        pytest.param(0, 1, [], id="at once"),
        pytest.param(3, 1, ["what became of a chat is noted later"], id="later"),
        pytest.param(
            99,
            0,
            [
                "what became of a chat is noted later",
                "what became of a chat was not noted; the next message there tells the same",
            ],
            id="never",
        ),
    ],
)
async def test_what_became_of_a_chat_is_noted(
    monkeypatch: pytest.MonkeyPatch, fails: int, written: int, said: list[str]
) -> None:
    monkeypatch.setattr(speaking, "NOTED_EVERY", timedelta(milliseconds=1))
    monkeypatch.setattr(speaking, "NOTED_FOR", 5)
    tries, kept = [], []

    def write(chat: str) -> None:
        tries.append(chat)
        if len(tries) <= fails:
            raise StoreError("the database is busy")
        kept.append(chat)

    noting = speaking.Noting()
    with capture_logs() as logs:
        await noting.note(write, "11")
        await asyncio.gather(*noting._later)
    assert (len(kept), [line["event"] for line in logs]) == (written, said)
    assert not any("exc_info" in line for line in logs), "nobody needs a traceback of a busy database"
