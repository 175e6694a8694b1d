"""What is told of a rule that somebody wrote: its own words, its own line, and a picture of what it compares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from handlers.reply import Buttons, Line, Picture
from handlers.words import alerts
from signals.alerts.event import Event
from signals.rules.reading import read

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)


def event(line: str, **values: float) -> Event:
    rule = read(line, assets=("BTC",), usual="BTC").rule
    return Event(
        kind="fired", rule=rule.id, asset="BTC", rank="warning", at=AT, since=AT, values=values, step=timedelta(hours=1)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "values", "headline", "leg"),
    [
        pytest.param(
            "btc funding > 30% apr for 2h", {"funding_market.value": 0.344},
            "BTC: funding of all venues above 30 % a year for 2 h.",
            "Funding of all venues +34.40 % a year (line above 30 % a year).",
            id="a level",
        ),
        pytest.param(
            "btc crosses 100k", {"price_move.price": 100_250.0, "price_move.price_crosses_100000": 1.0},
            "BTC: price crosses 100,000.", "Price 100,250", id="a crossing",
        ),
    ],
)  # fmt: skip
def test_a_message_has_the_words_and_the_picture_of_its_rule(
    line: str, values: dict[str, float], headline: str, leg: str
) -> None:
    told = alerts.tell(event(line, **values))
    texts = [block.text for block in told.blocks if isinstance(block, Line)]
    assert texts[0] == headline
    assert any(text.startswith(leg) for text in texts), texts
    (picture,) = [block for block in told.blocks if isinstance(block, Picture)]
    assert picture.chart["picture"] == "rule"
    assert picture.chart["rule"] == event(line).rule
    assert 7 <= picture.chart["days"] <= 90
    labels = [button.label for block in told.blocks if isinstance(block, Buttons) for button in block.buttons]
    assert labels == ["Why", "My rules", "Health"]
