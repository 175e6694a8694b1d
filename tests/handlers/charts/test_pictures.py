from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.engine.evaluate import judge
from handlers.charts import content, pictures
from handlers.charts.pictures import Pictures
from handlers.charts.process import ChartRenderer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Easel:
    """Keeps what it is asked to draw."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []

    async def draw(self, chart: Mapping[str, Any]) -> bytes | None:
        self.asked.append(chart)
        return b"png"


def reference(here: Any, metric: str, **more: Any) -> dict[str, Any]:
    return {"metric": metric, "asset": "BTC", "until": here.now.isoformat(), **more}


def days(chart: Mapping[str, Any]) -> float:
    return (chart["to"] - chart["from"]) / 86400


@pytest.mark.slow
def test_a_reference_becomes_the_chart_of_stored_history(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-02-07")
    full = pictures.resolve(here.store, reference(here, "oi_drawdown", days=90))
    assert full["asset"] == "BTC"
    assert days(full) == 89
    assert full["line"][-1][-1][1] == pytest.approx(-0.494112, abs=1e-6)
    assert full["price"], "price stands beside it"
    assert full["stamp"] == "all venues together · last close 6 February 2026"


@pytest.mark.slow
def test_a_year_is_drawn_unless_asked_otherwise(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-03-30")
    assert days(pictures.resolve(here.store, reference(here, "price_drawdown"))) == pytest.approx(365, abs=1)
    assert days(pictures.resolve(here.store, reference(here, "price_drawdown", days="all"))) > 400


@pytest.mark.slow
def test_nothing_after_the_moment_of_the_notice_is_shown(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-02-07")
    judge(here.store, ("BTC",), here.now, started=here.now)
    then = here.later(-timedelta(days=60))
    full = pictures.resolve(here.store, reference(then, "oi_vs_ma180"))
    assert full["to"] <= then.now.timestamp()
    assert full["episodes"] == [[datetime.fromisoformat("2025-10-12T00:00:00+00:00").timestamp(), None]]
    before = here.later(-timedelta(days=150))
    assert pictures.resolve(here.store, reference(before, "oi_vs_ma180"))["episodes"] == []


@pytest.mark.slow
def test_an_alert_that_was_not_yet_told_is_not_marked(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-02-07")
    judge(here.store, ("BTC",), here.now, started=here.now)
    pending = {**reference(here, "oi_vs_ma180"), "until": "2025-10-12T12:00:00+00:00"}  # it takes two closes
    assert pictures.resolve(here.store, pending)["episodes"] == []


@pytest.mark.slow
def test_an_alert_that_ended_later_is_still_open(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-02-07")
    judge(here.store, ("BTC",), here.now, started=here.now)
    ended = [span for span in pictures.resolve(here.store, reference(here, "taker_ratio"))["episodes"] if span[1]]
    assert ended
    first, last = ended[-1]
    inside = {
        **reference(here, "taker_ratio"),
        "until": datetime.fromtimestamp((first + last) / 2).astimezone().isoformat(),
    }
    assert pictures.resolve(here.store, inside)["episodes"][-1] == [first, None]


@pytest.mark.slow
def test_a_figure_of_the_market_stands_beside_the_price_of_bitcoin(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    full = pictures.resolve(here.store, reference(here, "fear_greed", asset="MARKET"))
    assert (full["asset"], full["price_of"]) == ("", "BTC")
    assert full["price"]
    assert full["line"][-1][-1][1] == 52


@pytest.mark.slow
def test_old_history_is_shown_at_its_own_end(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    late = here.later(timedelta(days=300))
    full = pictures.resolve(here.store, reference(late, "oi_drawdown"))
    assert days(full) > 200
    assert full["to"] == here.now.timestamp()


@pytest.mark.slow
def test_a_reference_may_name_another_value(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-02-16")
    full = pictures.resolve(here.store, reference(here, "oi_vs_ma180", value="usd", days="all"))
    assert full["unit"] == "usd"
    assert full["line"][-1][-1][1] == pytest.approx(43_552_421_489, rel=1e-5)  # data/INDEX.md, as is the next
    assert full["beside"][-1][-1][1] == pytest.approx(67_719_053_726, rel=1e-5)
    assert full["bands"] == [], "the alarm line is a gap in percent, not dollars"
    assert pictures.resolve(here.store, reference(here, "oi_vs_ma180"))["beside"] == []
    with pytest.raises(KeyError, match="no chart of nosuch"):
        pictures.resolve(here.store, reference(here, "oi_vs_ma180", value="nosuch"))


@pytest.mark.slow
def test_a_daily_value_bears_its_day_and_a_finer_one_its_time(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-03-30")
    assert pictures.resolve(here.store, reference(here, "oi_drawdown"))["named_before"] == 86400
    assert pictures.resolve(here.store, reference(here, "fear_greed", asset="MARKET"))["named_before"] == 0
    assert pictures.resolve(here.store, reference(here, "funding_apr"))["named_before"] == 0


@pytest.mark.slow
def test_a_figure_of_a_day_stands_at_the_close_of_its_day(desk: Callable[..., Any]) -> None:
    here, until = desk("bundled", "2026-01-16"), datetime(2025, 10, 12, tzinfo=UTC)
    full = pictures.resolve(here.store, {"picture": "oi", "asset": "BTC", "until": until.isoformat(), "days": 7})
    assert full is not None
    (stretch,) = next(panel for panel in full["panels"] if panel.get("unit") == "coins")["line"]
    (fallen, _) = next(later for (_, coins), later in itertools.pairwise(stretch) if later[1] < 0.9 * coins)
    candle = min(full["panels"][0]["rows"], key=lambda row: row[5] - row[2])
    assert fallen == candle[1] == datetime(2025, 10, 11, tzinfo=UTC).timestamp()
    assert stretch[-1][0] == until.timestamp() - 60, "the newest of all stands at its own time"
    assert full["stamp"][1] == "Open interest: Binance · last close 11 October 2025"


def test_what_is_drawn(desk: Callable[..., Any]) -> None:
    here, easel = desk("bundled", "2026-01-16"), Easel()
    drawer = Pictures(here.store, easel)

    def draw(chart: dict[str, Any]) -> bytes | None:
        return asyncio.run(drawer.draw(chart))

    assert draw(reference(here, "oi_drawdown")) == b"png"
    ready = {"line": [[[0.0, 1.0]]], "title": "as it is"}
    assert draw(ready) == b"png"
    assert easel.asked[-1] == ready
    assert draw(reference(here, "nosuch")) is None, "a metric of another version"
    assert draw(reference(here, "oi_drawdown", asset="ETH")) is None, "nothing is stored"
    assert draw({**reference(here, "oi_drawdown"), "until": "yesterday"}) is None
    assert len(easel.asked) == 2


@pytest.mark.slow
def test_a_picture_comes_out(desk: Callable[..., Any]) -> None:
    here, renderer = desk("bundled", "2026-01-16"), ChartRenderer()
    try:
        png = asyncio.run(Pictures(here.store, renderer).draw(reference(here, "oi_drawdown")))
    finally:
        renderer.close()
    assert png is not None
    assert png.startswith(b"\x89PNG")


def test_its_words_are_those_of_the_chart(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    asked = reference(here, "oi_drawdown", days=30)
    assert asyncio.run(pictures.in_words(here.store, asked)) == content.alt(pictures.resolve(here.store, asked))
    assert asyncio.run(pictures.in_words(here.store, {**asked, "asset": "ETH"})) is None
