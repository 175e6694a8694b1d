"""The message about a fast move, as a phone of 40 columns shows it."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from handlers.reply import Line, Picture
from handlers.words.alerts import tell_burst
from handlers.words.notices import message_of
from signals.alerts.burst import Burst, Past

NOW = datetime(2026, 11, 22, 16, 41, tzinfo=UTC)
FELL = Burst(
    kind="fired", asset="BTC", rank="critical", at=NOW, since=NOW - timedelta(minutes=12), start=80_530.0,
    end=75_604.4, back=78_888.1, coins=-0.104, longs_usd=354.3e6, shorts_usd=57.7e6,
    liquidated_since=NOW - timedelta(minutes=12), past=Past(4, 3, 365), venues=("binance", "bybit", "okx"),
)  # fmt: skip
ENOUGH = (
    "A fall like this within an hour: 12 times in 720 days of hourly closes; an hour later price was higher after 5."
)


def lines(burst: Burst, zone: str = "UTC") -> list[str]:
    return [block.text for block in tell_burst(burst, zone).blocks if isinstance(block, Line)]


def test_a_fall_on_a_phone() -> None:
    shown = "\n".join(part for text in lines(FELL) for part in textwrap.wrap(text, 40))
    assert shown == (
        "BTC fell 6.1 % in 12 minutes: 80,530 →\n"
        "75,604.\n"
        "Open interest −10.4 % in coins:\n"
        "positions were closed, not opened.\n"
        "Liquidated in 12 minutes: at least\n"
        "$412m, 86 % longs.\n"
        "A fall like this within an hour: 4 times\n"
        "in 365 days of hourly closes; an hour\n"
        "later price was higher after 3 (too few\n"
        "to lean on).\n"
        "Wrong if price is back above 78,900\n"
        "within the hour.\n"
        "Binance, Bybit, OKX · 16:41 UTC"
    )


@pytest.mark.parametrize(
    ("burst", "said"),
    [
        pytest.param(
            replace(FELL, start=1.0, end=1.05, back=1.0167, coins=0.02),
            [
                "BTC rose 5.0 % in 12 minutes: 1 → 1.05.",
                "Open interest +2.0 % in coins: positions were opened, not closed.",
                "Wrong if price is back below 1.02 within the hour.",
            ],
            id="a rise",
        ),
        pytest.param(
            replace(FELL, coins=-0.004, since=NOW - timedelta(seconds=50)),
            [
                "BTC fell 6.1 % in a minute: 80,530 → 75,604.",
                "Open interest −0.4 % in coins: positions hardly changed.",
            ],
            id="positions as they were",
        ),
        pytest.param(
            replace(FELL, past=Past(12, 5, 720), liquidated_since=NOW, longs_usd=1e6, shorts_usd=3e6),
            [
                "Liquidated since 16:41 UTC: at least $4m, 75 % shorts.",
                ENOUGH,
            ],
            id="enough cases",
        ),
        pytest.param(
            replace(FELL, past=Past(0, 0, 90)),
            ["A fall like this within an hour: never in 90 days of hourly closes."],
            id="no case",
        ),
        pytest.param(
            replace(FELL, kind="escalated"),
            ["BTC, now further: fell 6.1 % in 12 minutes: 80,530 → 75,604."],
            id="half as deep again",
        ),
        pytest.param(
            replace(FELL, kind="resolved", at=NOW + timedelta(hours=1, minutes=2), now=77_100.0),
            [
                "BTC: the fast fall is over after 1 h 14 min.",
                "Was: −6.1 %, 80,530 → 75,604.",
                "Price is now 77,100.",
            ],
            id="over",
        ),
        pytest.param(
            replace(FELL, kind="resolved", now=79_400.0),
            ["Price is now 79,400, so it did not last."],
            id="over and taken back",
        ),
    ],
)
def test_what_is_said(burst: Burst, said: list[str]) -> None:
    assert [line for line in lines(burst) if line in said] == said


def test_what_is_not_known_is_left_out() -> None:
    bare = replace(FELL, coins=None, longs_usd=None, shorts_usd=None, liquidated_since=None, past=None)
    assert lines(bare) == [
        "BTC fell 6.1 % in 12 minutes: 80,530 → 75,604.",
        "Wrong if price is back above 78,900 within the hour.",
        "Binance, Bybit, OKX · 16:41 UTC",
    ]


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        pytest.param("fired", None, id="fired"),
        pytest.param(
            "escalated",
            "BTC, now further: fell 6.1 % in 12 minutes: 80,530 → 75,604. "
            "Open interest −10.4 % in coins: positions were closed, not opened.",
            id="escalated",
        ),
        pytest.param("resolved", "BTC: the fast fall is over after 12 min.", id="resolved"),
    ],
)
def test_the_line_that_answers_the_message(kind, reply: str | None) -> None:
    assert tell_burst(replace(FELL, kind=kind, now=77_100.0)).reply == reply


def test_it_is_told_of_its_stored_form_in_the_zone_of_the_chat() -> None:
    message = message_of(FELL.to_json(), "Europe/Berlin")
    assert message == tell_burst(FELL, "Europe/Berlin")
    assert [block.text for block in message.blocks if isinstance(block, Line)][-1].endswith("17:41 CET")
    picture = next(block for block in message.blocks if isinstance(block, Picture))
    assert picture.chart == {"picture": "market", "asset": "BTC", "until": NOW.isoformat(), "days": 1.0}
