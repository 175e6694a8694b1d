from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from handlers.command import Refused
from handlers.language.metrics import DRAWN, chart_words
from handlers.reply import Buttons, Picture
from signals.metric import metrics

if TYPE_CHECKING:
    from collections.abc import Callable


def picture_of(here: Any, line: str) -> Picture:
    (picture,) = (block for block in here.ask(line).blocks if isinstance(block, Picture))
    return picture


@pytest.mark.parametrize(
    ("line", "reference"),
    [
        pytest.param("/chart", {"picture": "market"}, id="nothing named"),
        pytest.param("/chart btc", {"picture": "market"}, id="an asset alone"),
        pytest.param("/chart btc 4h", {"picture": "market", "days": 1 / 6}, id="four hours"),
        pytest.param("/chart 1y btc light", {"picture": "market", "days": 365, "light": True}, id="light, any order"),
        pytest.param("/chart oi btc 24h", {"picture": "oi", "days": 1}, id="open interest"),
        pytest.param("/chart open interest", {"picture": "oi"}, id="in two words"),
        pytest.param("/chart price btc", {"picture": "price"}, id="price"),
        pytest.param("/chart price 1m", {"picture": "price", "days": 1 / 24}, id="an hour at least"),
        pytest.param("/chart oi and price", {"picture": "oi"}, id="both are in one"),
        pytest.param("/chart drawdown btc", {"metric": "oi_drawdown"}, id="a metric"),
        pytest.param("/chart price drawdown", {"metric": "price_drawdown"}, id="two words, one thing"),
        pytest.param("/chart oi drawdown", {"metric": "oi_drawdown"}, id="of open interest"),
        pytest.param("/chart btc 90d funding", {"metric": "funding_stretch", "days": 90}, id="a metric, any order"),
        pytest.param("/chart ma180 2w", {"metric": "oi_vs_ma180", "days": 14}, id="two weeks"),
        pytest.param("/chart average", {"metric": "oi_vs_ma180", "value": "usd"}, id="beside its average"),
        pytest.param("/chart taker all", {"metric": "taker_ratio", "days": "all"}, id="all"),
        pytest.param("/chart net taker", {"metric": "net_taker_30d"}, id="net taker"),
        pytest.param("/chart fear greed", {"metric": "fear_greed", "asset": "MARKET"}, id="the whole market"),
        pytest.param("/chart net_taker_30d", {"metric": "net_taker_30d"}, id="by its id"),
    ],
)
def test_a_chart_refers_to_what_is_drawn_later(desk: Callable[..., Any], line: str, reference: dict[str, Any]) -> None:
    here = desk("bundled", "2026-01-16")
    drawn = picture_of(here, line).chart
    assert drawn == pytest.approx({"asset": "BTC", "until": here.now.isoformat(), "note": here.note} | reference)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(
            "/chart foo", "“foo” is no picture and no asset that is stored. There are oi, price, liqs,", id="one word"
        ),
        pytest.param("/chart foo btc", "“foo” is no picture and no asset", id="beside an asset"),
        pytest.param("/chart btc eth", "One asset at a time: BTC or ETH?", id="two assets"),
        pytest.param("/chart funding oi", "One picture at a time. There are oi, price,", id="two pictures"),
        pytest.param("/chart fundong btc", "“fundong” is not a word I know. Type funding,", id="misspelt"),
        pytest.param("/chart liqs btc", "No liquidations of BTC are stored yet.", id="nothing stored of it"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_line(desk: Callable[..., Any], line: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        desk("bundled", "2026-01-16").ask(line)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 250


def test_every_word_that_is_offered_can_be_typed() -> None:
    assert set(DRAWN) <= set(chart_words())


def test_other_spans_are_a_press_away(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    (buttons,) = (block for block in here.ask("/chart oi btc light").blocks if isinstance(block, Buttons))
    assert [button.label for button in buttons.buttons] == ["4h", "24h", "7d", "30d", "1y"]
    assert buttons.buttons[2].command == "/chart oi btc 7d light"
    assert all(here.ask(button.command).blocks for button in buttons.buttons)


@pytest.mark.slow
def test_open_interest_beside_its_average(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-03-30")
    alt = picture_of(here, "/chart oi btc all").alt
    assert "Open interest $48.3bn (" in alt
    assert "Its 180-day average $" in alt
    assert "Its 180-day average" not in picture_of(here, "/chart oi btc 30d").alt


@pytest.mark.slow
def test_a_chart_says_its_extremes(desk: Callable[..., Any]) -> None:
    alt = desk("recorded", "2026-03-30").text("/chart drawdown btc all")
    assert "lowest −54.8 % on 1 March" in alt  # as the messages name it: the day, not the midnight that ends it


@pytest.mark.parametrize("line", ["/chart fear_greed market", "/chart oi market"])
def test_the_buttons_of_a_figure_of_the_whole_market_work(desk: Callable[..., Any], line: str) -> None:
    assert picture_of(desk("bundled", "2026-01-16"), line).alt


@pytest.mark.slow
def test_a_chart_of_nothing_says_why(desk: Callable[..., Any]) -> None:
    with pytest.raises(Refused, match=r"There is nothing to draw for BTC: learning, 9 of 180 days\.$"):
        desk("bundled", "2026-01-16", days=9).ask("/chart ma180")


@pytest.mark.slow
@pytest.mark.parametrize("metric", metrics())
def test_every_metric_can_be_drawn(desk: Callable[..., Any], metric: str) -> None:
    here = desk("bundled", "2026-01-16")
    here.make_up(metrics()[metric])
    assert picture_of(here, f"/chart {metric}").alt
