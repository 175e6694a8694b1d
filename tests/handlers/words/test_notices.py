"""What waits in the outbox becomes words when it is sent, whatever version wrote it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.reply import Button, Buttons, Line, Picture, to_json
from handlers.words import message
from handlers.words.message import Message, together
from handlers.words.notices import message_of
from signals.alerts.event import Event

AT = datetime(2026, 1, 16, tzinfo=UTC)
FIRED = Event(
    kind="fired", rule="taker_zscore", asset="BTC", rank="notice", at=AT, since=AT, step=timedelta(hours=1),
    values={"taker_zscore.value": -2.3, "taker_zscore.ratio": 0.8, "taker_zscore.buy_share": 0.44},
).to_json()  # fmt: skip
READY = {"blocks": to_json((Line("BTC: of before", "headline"), Line("more"))), "reply": "over", "alone": True}
LATE = {
    "event": "late",
    "count": 12,
    "notices": [{"at": AT.isoformat(), "payload": FIRED}, {"at": AT.isoformat(), "payload": READY}],
}


def texts(payload: dict[str, Any], zone: str = "UTC") -> list[str]:
    return [block.text for block in message_of(payload, zone).blocks if isinstance(block, Line)]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        pytest.param(READY, ["BTC: of before", "more"], id="ready words of an earlier version"),
        pytest.param({"event": "source", "text": "Bybit answers again."}, ["Bybit answers again."], id="a source"),
        pytest.param(
            LATE,
            [
                "12 messages could not be delivered in time:",
                "16 January 09:00 JST: BTC: selling at market is unusually one-sided.",
                "16 January 09:00 JST: BTC: of before",
                "and 10 more",
            ],
            id="what came too late",
        ),
    ],
)
def test_words(payload: dict[str, Any], said: list[str]) -> None:
    assert texts(payload, "Asia/Tokyo") == said


def test_ready_words_keep_their_answer() -> None:
    assert message_of(READY, "UTC").reply == "over"


@pytest.mark.parametrize("payload", [{}, {"event": "tomorrow"}])
def test_what_is_not_known_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="newer version"):
        message_of(payload, "UTC")


def part(name: str, stamp: str = "s") -> Message:
    lines = (Line(f"{name}!", "headline"), Line(f"{name} leg"), Line(f"{name} but", "caveat"), Line(stamp, "stamp"))
    buttons = Buttons((Button("Chart", f"/chart {name}"), Button("Health", "/health btc")))
    return Message((*lines, Picture({"metric": name}, name), buttons))


def test_one_message_stays_as_it_is() -> None:
    assert together([part("a")]) == part("a")


@pytest.mark.parametrize(
    ("stamps", "said"),
    [
        pytest.param(("s", "s"), ["a!", "a leg", "a but", "b!", "b leg", "b but", "s"], id="one stamp is said once"),
        pytest.param(
            ("s", "t"), ["a!", "a leg", "a but", "s", "b!", "b leg", "b but", "t"], id="two stay at their part"
        ),
    ],
)
def test_two_messages_are_one(stamps: tuple[str, str], said: list[str]) -> None:
    made = together([part("a", stamps[0]), part("b", stamps[1])])
    assert [block.text for block in made.blocks if isinstance(block, Line)] == said
    assert [block for block in made.blocks if not isinstance(block, Line)] == [
        Picture({"metric": "a"}, "a"),
        Buttons((Button("Chart", "/chart a"), Button("Health", "/health btc"))),
    ]


def test_what_is_too_long_loses_evidence_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    for longest in (30, 22, 16, 1):
        monkeypatch.setattr(message, "LONGEST", longest)
        made = together([part("a"), part("b")])
        kept.append([block.text for block in made.blocks if isinstance(block, Line)])
    assert kept == [
        ["a!", "a leg", "a but", "b!", "b but", "s"],
        ["a!", "a but", "b!", "b but", "s"],
        ["a!", "a but", "b!", "s"],
        ["a!", "b!", "s"],
    ]
