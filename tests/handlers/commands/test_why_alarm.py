"""/why and the name of a single alarm: its levels with today's values, by whatever name it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handlers.reply import Line
from signals.alerts.rule import rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handlers.reply import Reply

ALARMS = [name for name, rule in rules().items() if rule.setup is None]


def lines(reply: Reply) -> list[str]:
    return [block.text for block in reply.blocks if isinstance(block, Line)]


@pytest.mark.parametrize(
    ("typed", "alarm"),
    [
        pytest.param("taker_zscore", "taker_zscore", id="its id"),
        pytest.param("taker zscore btc", "taker_zscore", id="in two words"),
        pytest.param("btc taker-zscore", "taker_zscore", id="with a hyphen, behind its asset"),
        pytest.param("takerzscore", "taker_zscore", id="in one"),
        pytest.param("unusually one-sided selling", "taker_zscore", id="as /sub calls it"),
        pytest.param("Longs pay much btc", "funding_stretch", id="as messages call it"),
        pytest.param("price well below its recent high", "price_drawdown", id="by a long title"),
        pytest.param("net_taker_flip", "net_taker_flip", id="with a line that is a figure"),
    ],
)
def test_an_alarm_is_known_by_its_names(desk: Callable[..., Any], typed: str, alarm: str) -> None:
    assert desk("bundled", "2026-01-16").ask(f"/why {typed}").values["alarm"] == alarm


def test_an_alarm_is_told_by_its_lines(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-02-06")
    assert lines(here.ask("/why taker_zscore btc")) == [
        "BTC: “unusually one-sided selling” is not on.",
        (
            "· Notice: z of taker flow is −0.96 (line at most −2.5); "
            "share of buys in the taker volume of 24 h is 48.6 % (line at most 47 %), for 2 h"
        ),
        (
            "· Warning: z of taker flow is −0.96 (line at most −3); "
            "share of buys in the taker volume of 24 h is 48.6 % (line at most 45 %)"
        ),
        (
            "· Critical: z of taker flow is −0.96 (line at most −4); "
            "share of buys in the taker volume of 24 h is 48.6 % (line at most 42 %)"
        ),
        "It ends when z of taker flow is above −1, for 4 days.",
        "It is wrong if the ratio is back above 1 within a day: then the flush was the end of the move.",
    ]
    assert lines(here.ask("/why fear_greed"))[:2] == [
        "The market: “extreme fear” is not on.",
        "▲ Notice: Fear & Greed index is 10 (line at most 20), for 24 h",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_can_be_asked_for(desk: Callable[..., Any], name: str) -> None:
    here = desk("bundled", "2026-01-16")
    said = "\n".join(lines(here.ask(f"/why {name} btc")))
    assert said == "\n".join(lines(here.ask(f"/why {rules()[name].title} btc")))
    assert "It ends when" in said
    assert "{" not in said
    assert "_" not in said, "in words"


def test_a_fast_move_is_asked_for_as_its_message_does(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    assert lines(here.ask("/why burst btc")) == lines(here.ask("/why btc 4h"))
