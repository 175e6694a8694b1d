"""What waits in the outbox becomes words when it is sent, whatever version wrote it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.reply import Button, Buttons, Line, Picture, to_json
from handlers.words import message
from handlers.words.message import Message, together
from handlers.words.notices import message_of, with_mute
from signals.alerts.event import Event
from storage.alerts.outbox import Notice

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


SOURCE_AGAIN = {
    "event": "source",
    "source": {
        "source": "bybit",
        "topics": ["funding"],
        "state": "ok",
        "reason": "",
        "since": "2026-01-16T00:00:00+00:00",
    },
}


TITLE = "BTC: selling at market is unusually one-sided."
AT_SEVEN = (AT + timedelta(hours=7)).isoformat()


def listed(kind: str, payload: dict[str, Any], *, told: bool = False, at: datetime = AT) -> dict[str, Any]:
    return {"at": at.isoformat(), "kind": kind, "told": told, "payload": payload}


QUIET = {
    "event": "held",
    "at": AT_SEVEN,
    "hours": "23:00-07:00 strict",
    "most": 12,
    "quiet": {
        "count": 9,
        "notices": [
            listed("fired", FIRED),
            listed("source", SOURCE_AGAIN),
            listed("resolved", READY),
            listed("resolved", READY, told=True),
            listed("escalated", READY),
        ],
    },
}
BEYOND = {
    "event": "held",
    "at": AT_SEVEN,
    "hours": None,
    "most": 3,
    "budget": {"count": 5, "notices": [listed("fired", FIRED), listed("fired", FIRED)]},
}
TODAY = BEYOND | {"budget": {"count": 1, "notices": [listed("fired", FIRED, at=AT + timedelta(hours=6))]}}
BOTH = QUIET | {"quiet": {"count": 1, "notices": [listed("fired", FIRED)]}, "budget": BEYOND["budget"]}
LONG = listed("fired", {"blocks": to_json((Line("x" * 300, "headline"),))})
ROOM = QUIET | {"quiet": {"count": 9, "notices": [LONG] * 9}}


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        pytest.param(READY, ["BTC: of before", "more"], id="ready words of an earlier version"),
        pytest.param(SOURCE_AGAIN, ["Bybit answers again (funding)."], id="a source"),
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
        pytest.param(
            QUIET,
            [
                "While it was quiet (23:00–07:00):",
                "Still on:",
                "– BTC: selling at market is unusually one-sided.",
                "– BTC: of before",
                "Came and went:",
                "– BTC: of before",
                "Over:",
                "– BTC: of before",
                "Also:",
                "– Bybit answers again (funding).",
                "– and 4 more, /health",
            ],
            id="what waited for quiet hours",
        ),
        pytest.param(
            BEYOND,
            [f"5 more notices today: {TITLE} {TITLE} And 3 more."],
            id="what was beyond a day's budget",
        ),
        pytest.param(
            TODAY,
            ["1 more notice today: BTC: selling at market is unusually one-sided."],
            id="one was beyond it",
        ),
        pytest.param(
            BOTH,
            [
                "While it was quiet (23:00–07:00):",
                "Still on:",
                "– BTC: selling at market is unusually one-sided.",
                f"5 more notices today: {TITLE} {TITLE} And 3 more.",
            ],
            id="both",
        ),
        pytest.param(
            ROOM,
            [
                "While it was quiet (23:00–07:00):",
                "Still on:",
                "– " + "x" * 300,
                "– " + "x" * 300,
                "– and 7 more, /health",
            ],
            id="more than a message holds",
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


CHART = Message((Line("a!", "headline"), Buttons((Button("Chart", "/chart a"),))))


def notice(kind: str = "fired", episode: int | None = 7, event: str = "alert", asset: str = "BTC") -> Notice:
    return Notice(kind, "notice", AT, {"event": event}, episode, "rule", asset)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("notices", "button"),
    [
        pytest.param([notice()], Button("Mute", "/mute episode 7"), id="an alarm"),
        pytest.param([notice(event="position")], Button("Mute", "/mute episode 7"), id="a watched position"),
        pytest.param([notice(event="burst")], Button("Mute 2 h", "/mute burst btc 2h"), id="a fast move"),
        pytest.param([notice("resolved"), notice(episode=8)], Button("Mute", "/mute episode 8"), id="one goes on"),
        pytest.param([notice("resolved")], None, id="it is over"),
        pytest.param([notice(episode=None, event="source")], None, id="a source"),
        pytest.param([notice(episode=None, event="held")], None, id="a list"),
    ],
)
def test_a_message_that_goes_on_can_be_muted(notices: list[Notice], button: Button | None) -> None:
    rows = [block.buttons for block in with_mute(CHART, notices).blocks if isinstance(block, Buttons)]
    assert rows == [(Button("Chart", "/chart a"), *([button] if button else []))]
    plain = with_mute(Message((Line("a!"),)), notices)
    assert [block.buttons for block in plain.blocks if isinstance(block, Buttons)] == ([(button,)] if button else [])
