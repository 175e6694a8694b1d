"""What history and the record say of a rule in a line each, read aloud."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.reply import Line
from handlers.words import alerts, message
from handlers.words.evidence import odds as words
from handlers.words.evidence.odds import odds_line, record_line
from handlers.words.message import LONGEST, shortened
from signals.alerts.event import Event
from signals.alerts.record import PastWords, past_words
from signals.evidence import Odds, wilson

SINCE = datetime(2020, 9, 1, tzinfo=UTC)


def odds(up: int, n: int, **more: Any) -> Odds:
    low, high = wilson(up, n) if n else (None, None)
    told = Odds(days=30, cases=n, n=n, up=up, since=SINCE, any_day=0.55)
    if n >= 5:
        told = replace(told, median=0.034, lower=-0.052, upper=0.09, low=low, high=high)
    return replace(told, **more)


@pytest.mark.parametrize(("told", "said"), [
    pytest.param(odds(12, 20), "Before: 20 cases; 30 days later median +3.4 % (−5.2 … +9.0), up 12 of 20 (true rate "
                 "39–78 %); any day: 55 %. Not better than any other day.", id="no better"),
    pytest.param(odds(6, 14), "Before: 14 cases; 30 days later median +3.4 % (−5.2 … +9.0), up 6 of 14 (true rate "
                 "21–67 %); any day: 55 %. Few cases, not better than any other day.", id="few"),
    pytest.param(odds(19, 20, days=7), "Before: 20 cases; 7 days later median +3.4 % (−5.2 … +9.0), up 19 of 20 (true "
                 "rate 76–99 %); any day: 55 %. Up more often than on any other day.", id="better"),
    pytest.param(odds(1, 20, days=1), "Before: 20 cases; a day later median +3.4 % (−5.2 … +9.0), up 1 of 20 (true "
                 "rate 1–24 %); any day: 55 %. Up less often than on any other day.", id="worse"),
    pytest.param(odds(5, 5), "Before: 5 cases; 30 days later median +3.4 % (−5.2 … +9.0), up 5 of 5 (true rate "
                 "57–100 %); any day: 55 %. Few cases, but up more often than on any other day.", id="few and better"),
    pytest.param(odds(5, 8, scored=False), "Before: 8 cases; 30 days later median +3.4 % (−5.2 … +9.0), up 5 of 8 "
                 "(true rate 31–86 %); any day: 55 %. Few cases. No score given.", id="few and not scored"),
    pytest.param(odds(19, 20, scored=False), "Before: 20 cases; 30 days later median +3.4 % (−5.2 … +9.0), up 19 of 20 "
                 "(true rate 76–99 %); any day: 55 %. No score given.", id="not scored"),
    pytest.param(odds(2, 4), "Before: 4 cases since Sep 2020. Too few cases for odds.", id="too few"),
    pytest.param(odds(2, 4, cases=9), "Before: 9 cases since Sep 2020. Too few cases for odds.", id="not over yet"),
    pytest.param(odds(0, 1), "Before: 1 case since Sep 2020. Too few cases for odds.", id="one"),
    pytest.param(odds(0, 0), "Before: no case since Sep 2020.", id="none"),
    pytest.param(odds(0, 0, since=None), "Before: no case.", id="none, of unknown length"),
    pytest.param(odds(2, 4, venues=(("binance",), ("binance", "bybit"))), "Before, on Binance and later on Binance and "
                 "Bybit: 4 cases since Sep 2020. Too few cases for odds.", id="two after another"),
    pytest.param(odds(2, 4, venues=(("binance",), ("okx",), ("bybit",))), "Before, on exchanges that changed: 4 cases "
                 "since Sep 2020. Too few cases for odds.", id="three"),
    pytest.param(odds(2, 4, without=("liq_zscore", "depth_index")), "Before: 4 cases since Sep 2020. Too few cases for "
                 "odds. Partly without unusual liquidations and depth of the order book.", id="legs unknown"),
    pytest.param(odds(2, 4, venues=(("binance",),)), "Before: 4 cases since Sep 2020. Too few cases for odds.",
                 id="one venue"),
])  # fmt: skip
def test_the_odds_in_a_line(told: Odds, said: str) -> None:
    assert odds_line(told) == said
    assert Odds.from_json(json.loads(json.dumps(told.to_json()))) == told


@pytest.mark.parametrize(("past", "said"), [
    pytest.param(past_words(0, 7, []), "This rule: first time fired.", id="first"),
    pytest.param(past_words(1, 7, []), "This rule: fired once before, not judged yet.", id="once, open"),
    pytest.param(past_words(3, 30, []), "This rule: fired 3 times before, not judged yet.", id="open"),
    pytest.param(past_words(1, 1, [-0.098]), "This rule: fired once, a day later −9.8 %.", id="once"),
    pytest.param(past_words(3, 7, [0.021, -0.03, 0.004]),
                 "This rule: fired 3 times, 7 days later +2.1 %, −3.0 %, +0.4 %.", id="three"),
    pytest.param(past_words(5, 7, [0.021, -0.03, 0.004]),
                 "This rule: fired 5 times, 7 days later +2.1 %, −3.0 %, +0.4 %; 2 not judged yet.", id="some open"),
    pytest.param(past_words(12, 7, [0.01, -0.01] * 5 + [0.02]),
                 "This rule: fired 12 times, up 7 days later in 6 of 11.", id="many"),
])  # fmt: skip
def test_the_record_in_a_line(past: PastWords, said: str) -> None:
    assert record_line(past) == said
    assert PastWords.from_json(json.loads(json.dumps(past.to_json()))) == past


def test_one_horizon_of_several() -> None:
    said = words.horizon_line(odds(12, 20, days=1))
    assert said == ("A day later: median +3.4 % (−5.2 … +9.0), up 12 of 20 (true rate 39–78 %); any day: 55 %. "
                    "Not better than any other day.")  # fmt: skip
    assert words.horizon_line(odds(1, 3)) == "30 days later: known of 3 cases. Too few cases for odds."


def test_a_notice_says_both_between_the_counter_and_the_stamp() -> None:
    at = datetime(2026, 1, 16, tzinfo=UTC)
    told = Event(
        kind="fired", rule="fear_greed", asset="MARKET", rank="notice", at=at, since=at, step=timedelta(days=1),
        values={"fear_greed.value": 16.0, "fear_greed.change_7d": -9.0}, venues=("alternative.me",),
        evidence=odds(6, 15).to_json(), record=past_words(2, 30, [-0.052]).to_json(),
    )  # fmt: skip
    lines = [block for block in alerts.tell(told).blocks if isinstance(block, Line)]
    assert [line.role for line in lines] == ["headline", "body", "caveat", "evidence", "evidence", "stamp"]
    assert lines[3].text.startswith("Before: 15 cases; BTC 30 days later")
    assert lines[4].text == "This rule: fired 2 times, BTC 30 days later −5.2 %; 1 not judged yet."
    assert sum(len(line.text) + 1 for line in lines) <= LONGEST
    assert Event.from_json(json.loads(json.dumps(told.to_json()))) == told
    over = alerts.tell(replace(told, kind="resolved"))
    assert not [block for block in over.blocks if isinstance(block, Line) and block.role == "evidence"]


@pytest.mark.parametrize(("most", "kept"), [
    (500, ["headline", "body", "body", "caveat", "evidence", "evidence", "stamp"]),
    (420, ["headline", "body", "caveat", "evidence", "evidence", "stamp"]),
    (340, ["headline", "body", "caveat", "evidence", "stamp"]),
    (280, ["headline", "body", "caveat", "stamp"]),
    (210, ["headline", "caveat", "stamp"]),
    (140, ["headline", "stamp"]),
])  # fmt: skip
def test_what_goes_first_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch, most: int, kept: list[str]) -> None:
    monkeypatch.setattr(message, "LONGEST", most)
    roles = ["headline", "body", "body", "caveat", "evidence", "evidence", "stamp"]
    found = shortened([Line(f"{place}" + "x" * 66, role) for place, role in enumerate(roles)])  # type: ignore[arg-type]
    assert [line.role for line in found] == kept
    assert [line.text[0] for line in found] == sorted(line.text[0] for line in found)
