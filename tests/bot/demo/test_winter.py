from __future__ import annotations

import csv
import math
from collections import defaultdict
from datetime import date, timedelta

import pytest

from bot import demo
from bot.demo import ANCHORS, Anchor
from bot.demo.anchors import BREAK, CRASH, CROSS, FIRST, LAST, LOWEST, PEAK, RESET, SWEEP
from bot.demo.build import build
from signals.inputs import INPUTS

SERIES = (
    *("open", "high", "low", "close", "volume_usd", "taker_buy_usd"),
    *("open_interest_coin", "open_interest_usd", "fear_greed"),
)


@pytest.fixture(scope="module")
def series() -> dict[str, dict[date, float]]:
    """Read the file itself, not what the builder holds: daily values by input, and funding of 00:00."""
    found: dict[str, dict[date, float]] = defaultdict(dict)
    with demo.path().open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            if row["at"].endswith("T23:59:00Z" if row["input"].startswith("open_interest") else "T00:00:00Z"):
                day = date.fromisoformat(row["at"][:10])
                assert day not in found[row["input"]]
                found[row["input"]][day] = float(row["value"])
    return found


def mean(values: dict[date, float], last: date, days: int) -> float:
    return math.fsum(values[last - timedelta(n)] for n in range(days)) / days


def net_taker(series: dict[str, dict[date, float]]) -> dict[date, float]:
    return {d: 2 * series["taker_buy_usd"][d] - v for d, v in series["volume_usd"].items()}


def figure(series: dict[str, dict[date, float]], anchor: Anchor) -> float:
    match anchor.figure:
        case "net_taker_30d":
            return mean(net_taker(series), anchor.day, 30)
        case "open_interest_mean_180d":
            return mean(series["open_interest_usd"], anchor.day, 180)
        case "volume_month":
            return math.fsum(
                v for d, v in series["volume_usd"].items() if (d.year, d.month) == (anchor.day.year, anchor.day.month)
            )
        case name:
            return series[name][anchor.day]


TOLERANCE = {"net_taker_30d": 0.001, "open_interest_mean_180d": 0.002, "volume_month": 0.0001}


@pytest.mark.parametrize("anchor", [pytest.param(a, id=f"{a.figure} {a.day}") for a in ANCHORS if a.published])
def test_every_published_figure_is_met(series: dict[str, dict[date, float]], anchor: Anchor) -> None:
    # Open interest given in dollars becomes whole coins, so it is met to half a coin.
    allowed = TOLERANCE.get(anchor.figure, 1e-5 if anchor.figure == "open_interest_usd" else 0.0)
    assert figure(series, anchor) == pytest.approx(anchor.value, rel=allowed, abs=0.0)


def test_the_file_is_what_the_builder_writes() -> None:
    assert demo.path().read_bytes() == build().encode()


def test_it_says_that_it_is_a_reconstruction() -> None:
    text = demo.path().read_text(encoding="utf-8")
    assert text.startswith("#")
    assert demo.STAMP == "reconstructed from published figures"
    assert demo.STAMP in text.splitlines()[0]
    assert all(a.source.startswith("support: ") is not a.published for a in ANCHORS)


def test_size_and_span(series: dict[str, dict[date, float]]) -> None:
    assert demo.path().stat().st_size < 700_000
    days = {FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)}
    assert {name: set(series[name]) for name in SERIES} == dict.fromkeys(SERIES, days)
    assert (PEAK - FIRST).days >= 180


def test_nothing_is_valued_at_a_price_that_is_not_known_yet() -> None:
    """Open interest in dollars is coins at the close of its day, so it stands beside that and not a day before."""
    rows = [line.split(",") for line in demo.path().read_text(encoding="utf-8").splitlines() if line.startswith("20")]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert {row[0][10:] for row in rows if row[3].startswith("open_interest")} == {"T23:59:00Z"}


def test_every_value_is_possible(series: dict[str, dict[date, float]]) -> None:
    assert [(n, d, v) for n, s in series.items() for d, v in s.items() if not INPUTS[n].possible(v)] == []
    for day, close in series["close"].items():
        bar = {name: series[name][day] for name in ("open", "high", "low")}
        assert bar["low"] <= min(bar["open"], close) <= max(bar["open"], close) <= bar["high"], day
        assert 0 < series["taker_buy_usd"][day] < series["volume_usd"][day], day
        assert abs(series["open_interest_usd"][day] - series["open_interest_coin"][day] * close) <= 0.5, day


def test_the_october_peak_is_the_record(series: dict[str, dict[date, float]]) -> None:
    usd = series["open_interest_usd"]
    assert max(usd, key=usd.__getitem__) == PEAK
    assert usd[PEAK] > 15e9  # "over $15bn"
    assert max(series["high"], key=series["high"].__getitem__) == PEAK


def test_the_fall_to_the_reset_is_mostly_price(series: dict[str, dict[date, float]]) -> None:
    usd, coins, close = (series[n] for n in ("open_interest_usd", "open_interest_coin", "close"))
    assert usd[RESET] / usd[PEAK] - 1 == pytest.approx(-0.333, abs=0.0005)
    assert coins[RESET] / coins[PEAK] - 1 == pytest.approx(-0.116, abs=0.0005)
    share = math.log(close[RESET] / close[PEAK]) / math.log(usd[RESET] / usd[PEAK])
    assert share == pytest.approx(0.69, abs=0.005)
    assert coins[SWEEP] / coins[CRASH] - 1 == pytest.approx(0.319, abs=0.0005)


def test_the_reset_did_not_mark_the_low(series: dict[str, dict[date, float]]) -> None:
    usd, close = series["open_interest_usd"], series["close"]
    assert close[SWEEP] / close[RESET] - 1 == pytest.approx(-0.149, abs=0.0005)
    least = min(usd, key=usd.__getitem__)
    assert (least.year, least.month) == (2026, 3)
    assert usd[least] / usd[PEAK] - 1 == pytest.approx(-0.57, abs=0.005)
    assert min(series["low"], key=series["low"].__getitem__) == LOWEST


def test_open_interest_stays_below_its_average_from_the_crash_to_may(
    series: dict[str, dict[date, float]],
) -> None:
    usd = series["open_interest_usd"]
    first = FIRST + timedelta(179)
    above = {d: usd[d] > mean(usd, d, 180) for d in usd if d >= first}
    assert all(above[d] == (d < CRASH or d >= CROSS) for d in above)
    gap = usd[CROSS] / mean(usd, CROSS, 180) - 1
    assert gap == pytest.approx(0.024, abs=0.0005)


def test_sellers_lead_throughout_and_most_at_the_break(series: dict[str, dict[date, float]]) -> None:
    net = net_taker(series)
    means = {d: mean(net, d, 30) for d in net if d >= FIRST + timedelta(29)}
    assert min(means, key=means.__getitem__) == BREAK
    assert max(means.values()) < 0  # no published figure says otherwise, so no flip is told
    assert means[BREAK] / means[RESET] == pytest.approx(9.6, abs=0.05)


def test_fear_bottoms_in_february(series: dict[str, dict[date, float]]) -> None:
    mood = series["fear_greed"]
    assert sorted(d for d, v in mood.items() if v == min(mood.values())) == [
        date(2026, 2, 12),
        date(2026, 2, 23),
    ]
    assert min(v for d, v in mood.items() if date(2026, 1, 1) <= d < SWEEP) > mood[SWEEP]


def test_funding_settles_every_eight_hours_and_never_above_its_resting_rate() -> None:
    text = demo.path().read_text(encoding="utf-8").splitlines()
    rates = [float(line.rsplit(",", 1)[1]) for line in text if ",funding_rate," in line]
    hours = [line.rsplit(",", 1)[1] for line in text if ",funding_interval_hours," in line]
    assert len(rates) == len(hours) == 3 * ((LAST - FIRST).days + 1)
    assert set(hours) == {"8"}
    assert max(rates) <= 0.0001
    assert min(rates) == -0.00015178
