from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import get_args

import pytest

from handlers.reply import (
    Block,
    Button,
    Buttons,
    Document,
    Line,
    Picture,
    Reply,
    Table,
    from_json,
    plain,
    plain_text,
    to_json,
)


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


def test_every_kind_of_block_survives_json_and_has_words() -> None:
    blocks = (
        Line("a", "headline"),
        Table(("x", "y"), (("1", "2"),)),
        Picture({"metric": "oi"}, "a curve"),
        Buttons((Button("Chart", "/chart"),)),
        Document("kept.json", "{}"),
    )
    assert {type(block) for block in blocks} == set(get_args(Block))
    assert from_json(json.loads(json.dumps(to_json(blocks)))) == blocks
    assert plain_text(blocks).splitlines() == [
        "a",
        "x  y",
        "1  2",
        "[chart: a curve]",
        "More: /chart",
        "[file: kept.json]",
    ]
    with pytest.raises(ValueError, match="written by a newer version"):
        from_json([{"film": "x"}])
