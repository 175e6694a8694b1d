from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.engine.evaluate import judge
from handlers.command import Refused
from handlers.reply import Picture
from signals.metric import metrics

if TYPE_CHECKING:
    from collections.abc import Callable


def test_quadrant_word_for_word(desk: Callable[..., Any]) -> None:
    assert desk("recorded", "2026-02-07").text("/quadrant") == (
        "BTC, 1 day: short covering.\n"
        "Price rose while positions were closed: sellers bought back.\n"
        "Price +12.2 %, open interest −8.0 % in coins (+3.2 % in dollars).\n"
        "4 h: not known from daily data.\n"
        "7 days: long exhaustion (price −16.2 %, coins −2.4 %).\n"
        "A description of what happened, not a forecast.\n"
        "Binance, all venues together · 24 h old · daily data · coins computed from dollars and price\n"
        "More: /oi btc · /health btc"
    )


def test_quadrant_values_are_named(desk: Callable[..., Any]) -> None:
    values = desk("recorded", "2026-02-07").ask("/quadrant").values
    assert (values["quadrant_1d"], values["quadrant_7d"]) == ("short covering", "long exhaustion")
    assert values["quadrant_4h"] is None
    assert values["price_change_1d"] == pytest.approx(70_580.26 / 62_909.86 - 1)


def test_health_tells_what_was_judged_and_since_when(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-02-07")
    judge(here.store, ("BTC",), here.now, started=here.now)
    said = here.text("/health btc").splitlines()
    assert said[0].startswith("BTC: ")
    assert "Notice · Open interest against its 180-day average: −30.7 %, since 12 October 2025" in said
    assert "Warning · Open interest below its peak: −49.4 %, since 17 November 2025" in said
    assert "Warning · Fear & Greed index: 9 (0 to 100), since 22 January" in said
    levels = [each.split(" · ")[0] for each in said if " · " in each][: len(metrics())]
    order = ["Warning", "Notice", "Unknown", "Calm"]
    ranks = [order.index(each) for each in levels if each in order]
    assert ranks == sorted(ranks), "the urgent ones stand first"


def test_health_before_anything_was_judged_reads_the_lines(desk: Callable[..., Any]) -> None:
    checks = desk("recorded", "2026-02-07").ask("/health").values["checks"]
    assert checks["oi_vs_ma180"] == {"level": "notice", "value": pytest.approx(-0.30725, abs=1e-5), "since": None}
    assert checks["fear_greed"]["level"] == "warning"
    assert checks["taker_ratio"]["level"] == "calm"


def test_missing_is_not_calm(desk: Callable[..., Any]) -> None:
    said = desk("bundled", "2026-01-16", days=45, without=("funding_rate",)).text("/health")
    assert "Unknown · Stretched funding: nothing is stored of funding rate" in said
    assert "Unknown · Open interest against its 180-day average: learning, 45 of 180 days" in said
    assert "2 unknown." in said.splitlines()[0]


def test_what_is_too_old_is_not_calm_either(desk: Callable[..., Any]) -> None:
    from datetime import timedelta  # noqa: PLC0415 - here alone

    here = desk("bundled", "2026-01-16")
    judge(here.store, ("BTC",), here.now, started=here.now)
    said = here.later(timedelta(days=235)).text("/health")
    assert said.startswith("BTC: everything stored is too old to be judged.")
    assert "Calm" not in said


@pytest.mark.parametrize(
    ("line", "metric", "asset", "days"),
    [
        pytest.param("/chart drawdown btc", "oi_drawdown", "BTC", 365, id="a year by default"),
        pytest.param("/chart btc 90d funding", "funding_stretch", "BTC", 90, id="in any order"),
        pytest.param("/chart ma180 2w", "oi_vs_ma180", "BTC", 14, id="two weeks"),
        pytest.param("/chart taker all", "taker_ratio", "BTC", "all", id="all"),
        pytest.param("/chart fear greed", "fear_greed", "MARKET", 365, id="the whole market"),
        pytest.param("/chart net_taker_30d", "net_taker_30d", "BTC", 365, id="by its id"),
        pytest.param("/chart price 1h", "price_drawdown", "BTC", 1, id="a day at least"),
    ],
)
def test_chart_refers_to_what_is_drawn_later(
    desk: Callable[..., Any], line: str, metric: str, asset: str, days: int | str
) -> None:
    here = desk("bundled", "2026-01-16")
    (picture,) = (each for each in here.ask(line).blocks if isinstance(each, Picture))
    reference = {"metric": metric, "asset": asset, "until": here.now.isoformat(), "days": days}
    assert picture.chart == reference | {"note": here.note}
    assert picture.alt.startswith(metrics()[metric].chart.title)


def test_open_interest_is_drawn_in_dollars_with_its_average(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-03-30")
    reply = here.ask("/chart oi btc all")
    (picture,) = (each for each in reply.blocks if isinstance(each, Picture))
    assert (picture.chart["metric"], picture.chart["value"]) == ("oi_vs_ma180", "usd")
    assert picture.alt.startswith("Open interest (BTC) since February 2025: highest $95.3bn on 6 October 2025, lowest")
    assert "180-day average $" in picture.alt
    assert reply.values["oi_vs_ma180"] == pytest.approx(48_466_000_000, rel=0.01), "the number that is drawn"


def test_chart_says_its_extremes(desk: Callable[..., Any]) -> None:
    alt = desk("recorded", "2026-03-30").text("/chart drawdown btc all")
    assert "lowest −54.8 % on 1 March" in alt  # as the messages name it: the day, not the midnight that ends it


@pytest.mark.parametrize("line", ["/chart fear_greed market", "/health market", "/chart oi market"])
def test_the_buttons_of_a_figure_of_the_whole_market_work(desk: Callable[..., Any], line: str) -> None:
    assert desk("bundled", "2026-01-16").ask(line).blocks


def test_chart_of_nothing_says_why(desk: Callable[..., Any]) -> None:
    with pytest.raises(Refused, match=r"There is nothing to draw for BTC: learning, 9 of 180 days\.$"):
        desk("bundled", "2026-01-16", days=9).ask("/chart ma180")


@pytest.mark.parametrize("metric", metrics())
def test_every_metric_can_be_drawn(desk: Callable[..., Any], metric: str) -> None:
    assert any(isinstance(each, Picture) for each in desk("bundled", "2026-01-16").ask(f"/chart {metric}").blocks)
