from __future__ import annotations

from datetime import UTC, datetime

from handlers.reply import Buttons, Line, Reply, plain


def test_values_become_json() -> None:
    at = datetime(2026, 1, 16, 1, tzinfo=UTC)
    given = {"a": float("nan"), "b": at, "c": {"d": float("inf"), "e": [1.5, at]}, "f": None, "g": "x"}
    assert plain(given) == {
        "a": None,
        "b": "2026-01-16T01:00:00Z",
        "c": {"d": None, "e": [1.5, "2026-01-16T01:00:00Z"]},
        "f": None,
        "g": "x",
    }


def test_who_is_asked_stands_under_the_stamp_and_above_the_buttons() -> None:
    reply = Reply((Line("a"), Buttons(())), stamp="s", note="Asking Binance …")
    assert reply.all_blocks() == (Line("a"), Line("s", "stamp"), Line("Asking Binance …", "stamp"), Buttons(()))
