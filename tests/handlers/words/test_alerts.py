from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.engine.evaluate import history
from handlers.reply import Buttons, Line, Picture, plain_text
from handlers.words import alerts, message
from handlers.words.message import LONGEST
from signals.alerts.event import Event, news_for
from signals.alerts.rule import named, rules
from signals.metric import metrics
from signals.series import Panel, days, hours

if TYPE_CHECKING:
    from collections.abc import Callable

AT = datetime(2026, 1, 16, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def event(rule: str, kind: str, values: dict[str, float], **more: Any) -> Event:
    metric = metrics()[rules()[rule].metrics[0]]
    since = AT - timedelta(days=more.pop("lasted", 9))
    about = {"asset": metric.asset_of("BTC"), "rank": "notice", "at": AT, "step": days(1)} | more
    return Event(kind=kind, rule=rule, since=since, values=named(metric.id, values), **about)  # type: ignore[arg-type]


def text(of: Event, zone: str = "UTC") -> list[str]:
    return [block.text for block in alerts.tell(of, zone).blocks if isinstance(block, Line)]


A8 = {  # signals.md A8
    "value": -1 / 3,
    "usd": 10e9,
    "coins_now": 105_118.0,
    "coins": -0.1164,
    "peak_usd": 15e9,
    "peak_days_ago": 101.0,
    "price_share": 0.694,
    "price": 95_131.0,
}


def test_a_notice_word_for_word() -> None:
    fired = event("oi_drawdown", "fired", A8, venues=("binance",), derived=("open_interest_coin",))
    assert text(fired) == [
        "BTC: futures positions have been cut; the fall in open interest is not price alone.",
        "Open interest $10.0bn, 105,118 BTC. Peak $15.0bn on 6 October 2025.",
        "Since then −33 % in dollars, −12 % in coins. Price alone explains 69 % of the dollar fall.",
        (
            "This is not a bottom call. It is wrong if open interest in coins keeps falling from here: "
            "then positions are still being closed."
        ),
        "Binance · daily close of 15 January 2026 · coins computed from dollars and price",
    ]


def test_a_sentence_whose_number_is_missing_is_left_out() -> None:
    said = text(event("oi_drawdown", "fired", A8 | {"price_share": float("nan")}))
    assert said[2] == "Since then −33 % in dollars, −12 % in coins."


def test_where_price_rose_meanwhile_it_explains_no_less_than_nothing() -> None:
    """As in August 2023: coins −46 %, dollars −32 %."""
    said = text(event("oi_drawdown", "fired", A8 | {"value": -0.32, "coins": -0.46, "price_share": -0.6}))
    assert said[2].endswith("−46 % in coins. Price has risen since, so the fall is larger in coins.")


@pytest.mark.parametrize(
    ("rule", "values", "line"),
    [
        pytest.param("fear_greed", {"value": 8.0}, "Fear & Greed index 8 of 100.", id="a first week without a change"),
        pytest.param(
            "price_drawdown",
            {"value": -0.106, "price": 26_623.41, "high": 29_770.0, "high_days_ago": 9.0, "line": -0.1058},
            "Price 26,623.41, −10.6 % from the close of 29,770 on 6 January 2026. Unusual here is −10.6 % and below.",
            id="a fall that is just beyond its line",
        ),
        pytest.param(
            "oi_vs_ma180",
            {"value": -0.004, "usd": 8.5e9, "average": 8.53e9, "days_below": 2.0, "coins": -0.02},
            "Open interest $8.5bn, average $8.5bn: −0.4 % in dollars, below it for 2 days.",
            id="just below an average",
        ),
    ],
)
def test_a_figure_does_not_refute_what_is_told(rule: str, values: dict[str, float], line: str) -> None:
    lacking = dict.fromkeys(metrics()[rules()[rule].metrics[0]].values, float("nan"))
    assert text(event(rule, "fired", lacking | values))[1] == line


def test_an_escalation_names_its_rank() -> None:
    said = text(event("fear_greed", "escalated", {"value": 10.0, "change_7d": -8.0}, rank="warning"))
    assert said[0] == "Now a warning: the market is in extreme fear."
    assert said[1] == "Fear & Greed index 10 of 100. In 7 days −8 points."


def test_what_was_told_as_over_and_comes_back_worse_says_both() -> None:
    """As of ETH on 9 November 2023, an hour after its end."""
    worse = {"rank": "warning", "again": True}
    assert text(event("fear_greed", "escalated", {"value": 10.0}, **worse))[0] == (
        "Again and now a warning: the market is in extreme fear."
    )
    assert text(event("price_drawdown", "escalated", {"value": -0.2}, **worse))[0] == (
        "BTC, again and now a warning: price is well below its high of the past 16 days."
    )


def test_a_resolution_says_how_long_it_lasted_and_answers_in_one_line() -> None:
    over = alerts.tell(event("price_drawdown", "resolved", {"value": -0.011, "price": 79_501.7}))
    assert [block.text for block in over.blocks if isinstance(block, Line)][:2] == [
        "BTC: over after 9 days: price well below its recent high.",
        "Price is 79,501.70, 1.1 % below its 16-day high.",
    ]
    assert over.reply == "BTC: over after 9 days: price well below its recent high.", (
        "what is now stands in the message"
    )


def test_a_resolution_of_open_interest_says_what_was_and_what_became_of_the_price() -> None:
    was = {"value": -8.0, "coins": -0.193, "dollars": -0.246, "coins_now": 600_000.0, "usd": 600_000.0 * 113_000}
    now = {"value": -0.06, "coins": 0.01, "dollars": 0.02, "coins_now": 610_000.0, "usd": 610_000.0 * 115_100}
    over = event("oi_zscore", "resolved", now, lasted=1, told=named("oi_zscore", was))
    assert text(over)[:2] == [
        "BTC: over after 24 h: positions closed unusually fast.",
        (
            "Was: Open interest in 24 h: −19.3 % in coins, −24.6 % in dollars; z −8.00 against 30 days. "
            "Price then 113,000, now 115,100 (+1.9 %)."
        ),
    ]
    assert "Price then" not in " ".join(text(replace(over, values=named("oi_zscore", {"value": -0.06, "coins": 0.01}))))


def test_a_resolution_for_the_whole_market_begins_with_a_capital() -> None:
    said = text(event("fear_greed", "resolved", {"value": 37.0, "change_7d": 9.0}, lasted=50))
    assert said[0] == "Over after 50 days: extreme fear."


def test_a_figure_published_as_its_day_begins_has_no_close_and_its_credit() -> None:
    of = event("fear_greed", "fired", {"value": 19.0, "change_7d": -11.0}, venues=("alternative.me",))
    assert alerts.stamp(of) == "Fear & Greed index by alternative.me · of 16 January 2026"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param(
            {"offline": True}, "This happened on 16 January 00:00 UTC, while perpulse was not running.", id="off"
        ),
        pytest.param(
            {"offline": True, "came_and_went": True},
            "This began on 7 January 00:00 UTC and ended on 16 January 00:00 UTC, while perpulse was not running.",
            id="came and went",
        ),
    ],
)
def test_what_happened_meanwhile_is_marked(more: dict[str, bool], said: str) -> None:
    kind = "resolved" if "came_and_went" in more else "fired"
    values = {"value": -0.12, "change": -0.1, "price": 80_000.0, "high": 9e4, "high_days_ago": 3.0}
    of = event("price_drawdown", kind, values, **more)
    assert said in text(of)


def test_a_note_stands_in_the_stamp_and_in_the_picture() -> None:
    told = alerts.tell(event("oi_drawdown", "fired", A8, note="reconstructed from published figures"))
    (picture,) = (block for block in told.blocks if isinstance(block, Picture))
    assert picture.chart == {
        "metric": "oi_drawdown",
        "asset": "BTC",
        "until": AT.isoformat(),
        "days": 365.0,
        "note": "reconstructed from published figures",
    }
    assert plain_text(told.blocks).count("reconstructed from published figures") == 1


def test_evidence_is_shortened_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message, "LONGEST", 320)
    said = text(event("oi_drawdown", "fired", A8))
    assert len(said) == 4
    assert said[0].startswith("BTC: futures positions")
    assert said[-2].startswith("This is not a bottom call.")
    assert said[-1].startswith("daily close of")


@pytest.mark.parametrize(
    ("rank", "kind", "hours"),
    [("notice", "fired", 6), ("warning", "escalated", 12), ("critical", "fired", 24), ("notice", "resolved", 24)],
)
def test_old_news_expires(rank: str, kind: str, hours: int) -> None:
    assert news_for(rank, kind) == timedelta(hours=hours)  # type: ignore[arg-type]


# --- everything that was told of two winters --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("file", "day"), [("bundled", "2026-05-21"), ("recorded", "2026-03-31")])
def test_every_message_of_a_winter_is_fit_to_be_sent(desk: Callable[..., Any], file: str, day: str) -> None:
    here = desk(file, day)
    told = [evaluation.event for evaluation in history(here.store, ["BTC"], LONG_AGO, here.now, note=here.note)]
    assert {event.kind for event in told} - {"resumed", "changed"} == {"fired", "escalated", "resolved"}
    for event in told:
        said = alerts.tell(event)
        lines = [block for block in said.blocks if isinstance(block, Line)]
        shown = "\n".join(line.text for line in lines)
        assert len(shown) <= LONGEST
        assert not {"nan", "none", "unknown"} & set(shown.lower().replace(",", " ").replace(".", " ").split()), shown
        assert all(line.text[:1].isupper() or line.text[:1].isdigit() for line in lines[:-1]), shown
        assert all(line.text.endswith(".") for line in lines[:-1]), shown
        assert lines[0].role == "headline"
        assert lines[-1].role == "stamp"
        assert not {"buy", "sell", "should"} & set(shown.lower().split()), shown


@pytest.mark.slow
def test_the_buttons_of_a_notice_are_answered(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-05-21")
    pressed = {
        button.command
        for evaluation in history(here.store, ["BTC"], LONG_AGO, here.now)
        for block in alerts.tell(evaluation.event).blocks
        if isinstance(block, Buttons)
        for button in block.buttons
    }
    assert {"/chart fear_greed market 90d", "/health market", "/health btc"} <= pressed
    for command in pressed:
        assert here.ask(command).blocks


@pytest.mark.parametrize("rule", [name for name, rule in rules().items() if not rule.setup])
def test_every_sentence_can_be_filled_with_what_its_metric_returns(rule: str) -> None:
    """A template that names a value its metric does not return would fail on the day it is needed."""
    import pandas as pd  # noqa: PLC0415 - here alone

    metric = metrics()[rules()[rule].metrics[0]]
    panel = Panel(metric.step, pd.date_range("2026-01-01", periods=4, freq=metric.step, tz=UTC), ("BTC",), {})
    values = dict.fromkeys(metric.evaluate(panel, 1), 1.0)
    for kind in ("fired", "escalated", "resolved"):
        assert "unknown" not in "\n".join(text(event(rule, kind, values)))


# --- for one chat -----------------------------------------------------------------------------------------------------


def test_times_are_those_of_the_chat() -> None:
    hourly = event(
        "taker_zscore", "fired", {"value": -2.3, "ratio": 0.8, "buy_share": 0.44}, step=hours(1), offline=True
    )
    assert text(hourly)[-1] == "close of 16 January 2026, 00:00 UTC"
    assert text(hourly, "America/New_York")[-1] == "close of 15 January 2026, 19:00 EST"
    assert "This happened on 15 January 19:00 EST, while perpulse was not running." in text(hourly, "America/New_York")
    daily = event("oi_drawdown", "fired", A8)
    assert text(daily, "America/New_York") == text(daily), "a day is one of UTC for everybody"
