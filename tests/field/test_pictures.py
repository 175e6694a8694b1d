"""Pictures: they end where the commands stand, are read on a phone, and show the span that was asked for.

One world for all: three venues with open interest each five minutes, a fall of 6 % in price and of a tenth in coins
within the last twelve minutes, hours of bars before it, and liquidations heard for three days.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.charts import drawing, pictures
from handlers.command import Asker, Deps, Refused, nobody
from handlers.reply import Picture
from handlers.words import wording
from signals.metric import metrics
from storage.engine.database import Store
from storage.market import points
from tests import loop
from tests.handlers.charts.test_charts import whole_and_readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from handlers.reply import Reply

NOW = datetime(2026, 11, 28, 17, 18, 30, tzinfo=UTC)
DAYS = 45
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PRICE, COINS = 75_604.0, 162_821.0  # what is left after the fall
SHARES = {"binance": 0.5, "bybit": 0.3, "okx": 0.2}


def world(store: Store, now: datetime = NOW, silent: Mapping[str, timedelta] | None = None) -> None:
    """Fill a store as a running bot has it. silent: for how long venues have told no open interest."""
    minute = now.replace(second=0)
    at = pd.date_range(minute - DAYS * DAY, minute, freq="min", tz=UTC)
    waves = 85_000 * (1 + 0.05 * np.sin(np.arange(len(at)) / 4000) + 0.004 * np.sin(np.arange(len(at)) / 37))
    prices = pd.Series(waves * 80_530 / waves[-13], index=at)
    prices.iloc[-13:] = np.linspace(80_530, PRICE, 13)
    bars = prices.resample("1h").ohlc()
    bars = bars[bars.index + HOUR <= now].assign(volume_usd=1e9, taker_buy_usd=0.48e9)
    marks = prices[prices.index > now - 3 * DAY].to_frame("mark_price")
    marks.index += timedelta(seconds=20)
    fives = prices.resample("5min").last()
    fives = fives[fives.index <= now]
    coins = COINS / 0.9 * (1 + 0.02 * np.sin(np.arange(len(fives)) / 500))
    coins[-1] = COINS
    batches = [
        points.Points.of_frame("binance", "BTC", HOUR, bars),
        points.Points.of_frame("binance", "BTC", None, marks),
    ]
    for seconds, (venue, share) in enumerate(SHARES.items()):
        frame = pd.DataFrame(
            {"open_interest_coin": coins * share, "open_interest_usd": coins * share * fives.to_numpy()}
        )
        frame.index = fives.index + timedelta(seconds=seconds)
        frame = frame[frame.index <= now - (silent or {}).get(venue, timedelta(0))]
        batches.append(points.Points.of_frame(venue, "BTC", None, frame))
    heard = bars.index[bars.index >= now - 3 * DAY]
    sides = pd.DataFrame({"liquidated_longs_usd": 9e6, "liquidated_shorts_usd": 4e6}, index=heard)
    batches.append(points.Points.of_frame("bybit", "BTC", HOUR, sides))
    last = now.replace(hour=now.hour // 8 * 8, minute=0, second=0)
    paid = pd.date_range(end=last, periods=3 * DAYS, freq="8h")
    rates = pd.DataFrame({"funding_rate": 1e-4, "funding_interval_hours": 8.0}, index=paid)
    batches.append(points.Points.of_frame("binance", "BTC", None, rates, settled=True))
    moods = pd.DataFrame({"fear_greed": 20.0}, index=pd.date_range(end=now.date(), periods=DAYS, freq="D", tz=UTC))
    batches.append(points.Points.of_frame("alternative.me", "MARKET", None, moods))
    points.write(store, batches)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("pictures") / "perpulse.db"
    made = Store(path)
    world(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return the same world with a year before it, of Binance alone and by days: what an archive gives."""
    made = Store(tmp_path_factory.mktemp("aged") / "perpulse.db")
    world(made)
    days = pd.date_range(end=(NOW - DAYS * DAY).date(), periods=330, freq="D", tz=UTC)
    coins, price = COINS / 2 * (1 + np.arange(len(days)) / 4000), 90_000 + 30.0 * np.arange(len(days))
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), price), index=days)
    levels = pd.DataFrame({"open_interest_coin": coins, "open_interest_usd": coins * price}, index=days)
    paid = pd.date_range(days[0], NOW - DAYS * DAY, freq="8h")
    rates = pd.DataFrame({"funding_rate": 1e-4, "funding_interval_hours": 8.0}, index=paid)
    batches = [points.Points.of_frame("binance", "BTC", step, frame) for step, frame in ((DAY, bars), (None, levels))]
    points.write(made, [*batches, points.Points.of_frame("binance", "BTC", None, rates, settled=True)])
    yield made
    made.close()


def ask(store: Store, line: str, now: datetime = NOW) -> Reply:
    asker = Asker("terminal", Address("me", kind="terminal"))
    return loop.run(answer(line, Deps(now, asker, store, ("BTC", "ETH"), nobody)))


def drawn(store: Store, line: str, now: datetime = NOW) -> dict[str, Any]:
    (picture,) = (block for block in ask(store, line, now).blocks if isinstance(block, Picture))
    full = pictures.resolve(store, picture.chart)
    assert full is not None
    assert full.get("alt", picture.alt) == picture.alt, "the words are those of what is drawn"
    return full


def panel(full: dict[str, Any], kind: str, unit: str = "") -> dict[str, Any]:
    return next(part for part in full["panels"] if part["kind"] == kind and unit in {"", part["unit"]})


def seconds(at: str | datetime) -> float:
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).timestamp()


# --- they end where the commands stand --------------------------------------------------------------------------------

LATER = pytest.mark.parametrize(
    "now",
    [
        pytest.param(NOW, id="in the fall"),
        pytest.param(NOW + timedelta(seconds=90), id="a minute later"),
        pytest.param(NOW + timedelta(hours=1, minutes=3), id="all silent for an hour"),
        pytest.param(NOW.replace(minute=0, second=0), id="on the hour"),
        pytest.param(NOW - timedelta(hours=5, minutes=2), id="hours before, as a notice that waited"),
    ],
)


@LATER
@pytest.mark.parametrize("span", ["4h", "24h", "7d", "30d", "1y"])
def test_the_last_price_is_that_of_the_price_command(store: Store, span: str, now: datetime) -> None:
    full = drawn(store, f"/chart price btc {span}", now)
    last = panel(full, "candles")["rows"][-1]
    if now >= NOW:
        told = ask(store, "/price btc", now).values
        assert last[5] == pytest.approx(told["price"])
        assert last[1] == seconds(told["as_of"])
    assert last[1] <= now.timestamp(), "nothing of what came later"
    assert now.timestamp() - last[1] < 60 + max(0.0, (now - NOW).total_seconds())
    assert f"last point {datetime.fromtimestamp(last[1], UTC):%-d %b %Y %H:%M} UTC" in full["stamp"][0]


@LATER
@pytest.mark.parametrize("span", ["4h", "24h", "7d", "30d"])
def test_the_last_open_interest_is_that_of_the_oi_command(store: Store, span: str, now: datetime) -> None:
    full = drawn(store, f"/chart oi btc {span}", now)
    at, usd = panel(full, "curve", "usd")["line"][-1][-1]
    _, coins = panel(full, "curve", "coins")["line"][-1][-1]
    if now >= NOW:
        told = ask(store, "/oi btc", now).values
        if told["open_interest_usd"] is not None:
            assert (usd, coins) == pytest.approx((told["open_interest_usd"], told["open_interest_coin"]), rel=1e-5)
        assert at == seconds(told["as_of"])
    assert 0 <= now.timestamp() - at < 301 + max(0.0, (now - NOW).total_seconds())
    assert f"last point {datetime.fromtimestamp(at, UTC):%H:%M} UTC" in full["stamp"][1]


@pytest.mark.parametrize(("span", "told"), [pytest.param("24h", "change_1d"), pytest.param("7d", "change_7d")])
@pytest.mark.parametrize("now", [NOW, NOW + timedelta(minutes=2), NOW + timedelta(hours=1, minutes=3)])
def test_price_came_as_far_as_the_price_command_says(store: Store, span: str, told: str, now: datetime) -> None:
    (_, _), (moved, _) = panel(drawn(store, f"/chart btc {span}", now), "candles")["head"]
    assert moved == wording.percent(ask(store, "/price btc", now).values[told] * 100)


@pytest.mark.parametrize("line", ["/chart oi btc 1y", "/chart btc 90d"])
def test_open_interest_of_some_venues_bears_their_names(aged: Store, line: str) -> None:
    full, told = drawn(aged, line), ask(aged, "/oi btc").values
    assert panel(full, "curve", "usd")["head"][0][0] == "Open interest in dollars, Binance"
    assert "Open interest on Binance $6.2bn (" in full["alt"]
    assert "; all 3 venues now $12.3bn." in full["alt"]
    assert "all 3 venues now $12.3bn" in full["stamp"][1]
    drawn_here = ask(aged, line).values
    assert drawn_here["open_interest_usd"] == pytest.approx(told["open_interest_usd"]), "one name, one figure"
    assert drawn_here["drawn_open_interest_usd"] == pytest.approx(told["open_interest_usd"] / 2, rel=0.01)


def test_price_beside_a_figure_spans_what_is_drawn_and_ends_where_its_command_stands(aged: Store) -> None:
    full = drawn(aged, "/chart funding")
    prices = [row for stretch in full["price"] for row in stretch]
    assert prices[-1] == [seconds(ask(aged, "/price btc").values["as_of"]), PRICE]
    assert prices[0][0] - full["from"] < 2 * DAY.total_seconds(), "hours are stored of its last weeks alone"
    assert len(full["price"]) == 1


def test_days_before_the_minutes_are_one_line_with_them(aged: Store) -> None:
    (stretch,) = panel(drawn(aged, "/chart oi btc 60d"), "curve", "usd")["line"]
    assert stretch[0][0] < (NOW - 50 * DAY).timestamp()


def test_what_fell_in_the_last_minutes_is_seen(store: Store) -> None:
    full = drawn(store, "/chart btc 24h")
    assert panel(full, "candles")["rows"][-1][5] == PRICE
    assert panel(full, "curve", "coins")["line"][-1][-1][1] == pytest.approx(COINS, rel=1e-5)
    assert "Mark price $75,604 (" in full["alt"]
    assert "162,821 BTC" in full["alt"]


@pytest.mark.parametrize(
    ("line", "value", "command"),
    [
        pytest.param("/chart drawdown btc", "drawdown", "/oi btc", id="open interest below its peak"),
        pytest.param("/chart fng", "fear_greed", "/fng", id="mood"),
        pytest.param("/chart taker btc", "taker_ratio_24h", "/taker btc", id="takers"),
    ],
)
def test_a_figure_ends_where_its_command_stands(store: Store, line: str, value: str, command: str) -> None:
    told, full = ask(store, command).values, drawn(store, line)
    assert full["line"][-1][-1][1] == pytest.approx(told[value], rel=1e-5)
    assert full["line"][-1][-1][0] == seconds(told["as_of"])


# --- the span that was asked for, at the finest step that is stored ---------------------------------------------------


@pytest.mark.parametrize(
    ("span", "candle", "row", "words"),
    [
        pytest.param("4h", 300, 300, "4 hours", id="4h"),
        pytest.param("1d", 600, 300, "24 hours", id="1d"),
        pytest.param("24h", 600, 300, "24 hours", id="24h"),
        pytest.param("7d", 3600, 1800, "7 days", id="7d"),
        pytest.param("30d", 14_400, 7200, "30 days", id="30d"),
    ],
)
def test_a_window_is_drawn_at_the_step_that_suits_its_width(
    store: Store, span: str, candle: int, row: int, words: str
) -> None:
    full = drawn(store, f"/chart btc {span}")
    assert full["title"] == f"BTC · {words}"
    candles, line = panel(full, "candles")["rows"], panel(full, "curve", "usd")["line"]
    assert np.median([later[0] - earlier[0] for earlier, later in itertools.pairwise(candles)]) == candle
    (stretch,) = line
    assert np.median([later[0] - earlier[0] for earlier, later in itertools.pairwise(stretch)]) == row
    assert 45 <= len(candles) <= 201
    assert len(stretch) <= 400
    assert all(low <= min(first, last) and high >= max(first, last) for _, _, first, high, low, last in candles)


def test_a_day_of_open_interest_is_no_line_between_two_points(store: Store) -> None:
    (stretch,) = panel(drawn(store, "/chart oi btc 24h"), "curve", "usd")["line"]
    assert len(stretch) >= 280


def test_price_is_price_and_its_fall_is_the_drawdown(store: Store) -> None:
    full = drawn(store, "/chart price btc")
    assert [part["kind"] for part in full["panels"]] == ["candles"]
    assert all(60_000 < row[4] <= row[3] < 100_000 for row in panel(full, "candles")["rows"])
    assert drawn(store, "/chart price drawdown btc")["title"] == "Price below its 16-day high"


def test_liquidations_are_bars_by_side(store: Store) -> None:
    bars = panel(drawn(store, "/chart liqs btc 24h"), "bars")
    assert bars["step"] == 3600
    assert {(longs, shorts) for _, longs, shorts in bars["rows"]} == {(9e6, 4e6)}


def test_before_liquidations_were_heard_is_said_and_not_drawn_as_calm(store: Store) -> None:
    full = drawn(store, "/chart btc 7d")
    first = min(at for at, _, _ in panel(full, "bars")["rows"])
    assert panel(full, "bars")["unheard"][0] == [full["from"], first]
    assert "none stored before 25 Nov 18:00 UTC" in full["stamp"][2]
    assert "None stored before 25 Nov 18:00 UTC." in full["alt"]


def test_three_days_of_a_year_are_no_panel_of_their_own(store: Store) -> None:
    full = drawn(store, "/chart btc 30d")
    assert [part["kind"] for part in full["panels"]] == ["candles", "curve", "curve"]
    assert "none stored before" in full["stamp"][2]


@pytest.mark.parametrize(
    ("metric", "days"),
    [
        pytest.param("taker_ratio", 3.0, id="of a day"),
        pytest.param("oi_zscore", 3.0, id="a change over a day"),
        pytest.param("price_drawdown", 48.0, id="of 16 days"),
        pytest.param("net_taker_30d", 90.0, id="a mean of 30 days"),
        pytest.param("oi_drawdown", 365.0, id="a year at most"),
    ],
)
def test_the_picture_of_an_alert_shows_three_times_its_own_window(metric: str, days: float) -> None:
    declared = metrics()[metric]
    about = declared.chart.over or declared.window
    assert min(3 * about / DAY, 365) == days


# --- read on a phone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("light", ["", " light"], ids=["dark", "light"])
@pytest.mark.parametrize(
    "line",
    [
        *(f"/chart {kind}btc {span}" for kind in ("", "oi ", "price ", "liqs ") for span in ("4h", "24h", "7d", "1y")),
        *(f"/chart {metric}" for metric in ("drawdown", "funding", "taker", "fng", "closing 3d", "price drawdown")),
    ],
)
def test_every_word_is_large_enough_whole_and_beside_the_lines(store: Store, line: str, light: str) -> None:
    try:
        full = drawn(store, line + light)
    except Refused:
        pytest.skip("the world knows too little for this one")
    figure = drawing.figure(full)
    canvas = drawing.FigureCanvasAgg(figure)
    assert figure.get_figwidth() * 72 == 1100
    assert figure.get_figheight() * 72 < 1500
    whole_and_readable(figure, canvas)


def test_the_candle_under_way_is_as_wide_as_any(store: Store) -> None:
    axes = drawing.figure(drawn(store, "/chart price btc 7d")).axes[0]
    bodies = [path.get_extents() for part in axes.collections[1::2] for path in part.get_paths()]
    assert max(bodies, key=lambda box: box.x1).width > 0.9 * np.median([box.width for box in bodies])


def test_a_picture_is_dark_unless_light_is_asked_for(store: Store) -> None:
    def paper(line: str) -> float:
        return sum(drawing.figure(drawn(store, line)).get_facecolor()[:3]) / 3

    assert paper("/chart btc") < 0.2
    assert paper("/chart btc light") == 1
    assert paper("/chart taker light") == 1
