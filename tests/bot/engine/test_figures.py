"""The figures that INDEX.md of the recordings asks for, through the whole program: import, store, replay, say.

tests/signals/test_winter.py holds the same figures metric by metric, read from the file alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import stdev
from typing import TYPE_CHECKING, Any

import pytest

from bot.__main__ import app
from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from bot.clock import ReplayClock
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, nobody
from signals.metric import metrics
from storage.engine.database import Store
from storage.panels import panels
from tests.bot.commandline import DATA, needs_data
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from handlers.reply import Reply

    Told = list[dict[str, Any]]

pytestmark = needs_data

DAY = timedelta(days=1)
WINTER = DATA / "winter-2025-26.csv"
RAW = (
    DATA / "funding" / "binance-btcusdt-funding.json",
    DATA / "funding" / "binance-ethusdt-funding.json",
    DATA / "ohlcv" / "binance-spot-btcusdt-1d.json",
    DATA / "sentiment" / "alternative-me-fear-greed.json",
)


def perpulse(*args: object) -> str:
    """Run a command that a person types and return what it prints; it must succeed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as ended:
        app([str(word) for word in args])
    assert ended.value.code == 0
    return printed.getvalue()


def replayed(database: Path, *args: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in perpulse("replay", "--db", database, "--json", *args).splitlines()]


@pytest.fixture(scope="module")
def winter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("winter") / "winter.db"
    counts = json.loads(perpulse("import", WINTER, "--db", database, "--json"))
    assert counts == {"rows": 6493, "kept": 6493, "refused": 0, "problems": [], "notes": []}
    return database


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("raw") / "raw.db"
    counts = json.loads(perpulse("import", *RAW, "--db", database, "--json"))
    counts.pop("notes")  # what the names of the files say
    assert counts == {"rows": 7384 + 7150 + 2471 + 3044, "kept": 20049, "refused": 0, "problems": []}
    return database


@pytest.fixture(scope="module")
def told_of_winter(winter: Path) -> list[dict[str, Any]]:
    return replayed(winter)


@pytest.fixture(scope="module")
def told_of_raw(raw: Path) -> list[dict[str, Any]]:
    return replayed(raw)


# --- what is stored, computed -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def computed(winter: Path) -> Iterator[dict[str, dict[str, dict[str, float]]]]:
    """Return metric -> day -> value name -> value, daily, from the stored file."""
    store = Store(winter)
    start, end = datetime(2025, 2, 14, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for metric in metrics().values():
        asset = "MARKET" if metric.market_wide else "BTC"
        panel = panels.panel(store, panels.needs(metric), [asset], step=DAY, start=start, end=end)
        values = metric.evaluate(panel)
        found[metric.id] = {
            f"{at:%Y-%m-%d}": {name: float(column[row, 0]) for name, column in values.items()}
            for row, at in enumerate(panel.at)
        }
    yield found
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "day", "name", "expected", "within"),
    [
        pytest.param("oi_drawdown", "2025-10-06", "usd", 95_255_789_756, 0.5, id="peak of open interest"),
        pytest.param("oi_quadrant", "2025-10-11", "usd_change_1d", -0.18841, 5e-6, id="largest one-day fall"),
        pytest.param("oi_drawdown", "2026-02-06", "value", -0.49411, 5e-6, id="drawdown in February"),
        pytest.param("oi_drawdown", "2026-02-06", "usd", 48_188_779_502, 0.5, id="its dollars"),
        pytest.param("oi_drawdown", "2026-03-01", "value", -0.54821, 5e-6, id="deepest drawdown"),
        pytest.param("oi_drawdown", "2026-03-01", "usd", 43_035_410_695, 0.5, id="its dollars too"),
        pytest.param("oi_vs_ma180", "2026-02-15", "value", -0.35687, 5e-6, id="widest gap to the average"),
        pytest.param("oi_vs_ma180", "2026-02-15", "average", 67_719_053_726, 0.5, id="that average"),
        pytest.param("oi_vs_ma180", "2025-10-11", "value", -0.07895, 5e-6, id="first day below"),
        pytest.param("net_taker_30d", "2025-11-21", "value", -99_679_868, 0.5, id="net taker in November"),
        pytest.param("net_taker_30d", "2026-01-15", "value", -412_147, 0.5, id="net taker in January"),
        pytest.param("net_taker_30d", "2026-03-15", "value", -37_618_151, 0.5, id="net taker in March"),
        pytest.param("net_taker_30d", "2026-01-16", "value", -27_500, 50, id="nearest to zero"),
        pytest.param("oi_drawdown", "2026-02-06", "coins", -0.10650, 5e-6, id="coins test: coins"),
        pytest.param("oi_drawdown", "2026-02-06", "price_share", 0.835, 5e-4, id="coins test: share of price"),
        pytest.param("oi_drawdown", "2026-02-06", "coins_now", 682_752, 0.5, id="coins test: coins left"),
        pytest.param("oi_drawdown", "2025-10-06", "coins_now", 764_134, 0.5, id="coins test: coins at the peak"),
        pytest.param("fear_greed", "2026-02-12", "value", 5, 0, id="least mood"),
        pytest.param("fear_greed", "2026-02-06", "value", 9, 0, id="mood on 6 February"),
    ],
)
def test_figure(computed: Any, metric: str, day: str, name: str, expected: float, within: float) -> None:
    assert computed[metric][day][name] == pytest.approx(expected, abs=within)


@pytest.mark.parametrize(
    ("metric", "name", "pick", "days"),
    [
        pytest.param("oi_drawdown", "usd", max, ["2025-10-06"], id="peak"),
        pytest.param("oi_drawdown", "value", min, ["2026-03-01"], id="deepest drawdown"),
        pytest.param("oi_quadrant", "usd_change_1d", min, ["2025-10-11"], id="largest one-day fall"),
        pytest.param("oi_vs_ma180", "value", min, ["2026-02-15"], id="widest gap"),
        pytest.param("fear_greed", "value", min, ["2026-02-12", "2026-02-23"], id="least mood"),
        pytest.param("net_taker_30d", "value", max, ["2026-01-16"], id="net taker nearest to zero"),
    ],
)
def test_extreme_of_the_span(computed: Any, metric: str, name: str, pick: Any, days: list[str]) -> None:
    column = {day: values[name] for day, values in computed[metric].items() if not math.isnan(values[name])}
    extreme = pick(column.values())
    assert [day for day, value in column.items() if value == extreme] == days


def test_open_interest_stays_below_its_average_from_the_crash_on(computed: Any) -> None:
    # INDEX counts from the first day with 180 values; the metric speaks from 2/3 of them on.
    gap = {day: values["value"] for day, values in computed["oi_vs_ma180"].items() if day >= "2025-08-12"}
    assert {day for day, value in gap.items() if value < 0} == {day for day in gap if day >= "2025-10-11"}


# --- what is said -----------------------------------------------------------------------------------------------------


async def asked(database: Path, text: str, at: datetime) -> Reply:
    """Ask as if it were then: an answer about the past is no answer about a stale present."""

    store = Store(database)
    clock = ReplayClock(at)
    try:
        return await answer(text, Deps(clock.now(), Asker("terminal", Address("screen")), store, ("BTC",), nobody))
    finally:
        store.close()


def column(name: str) -> list[float]:
    """Read one input from the file itself, oldest first."""
    lines = WINTER.read_text(encoding="utf-8").splitlines()
    return [float(line.rsplit(",", 1)[1]) for line in lines if f",{name}," in line]


async def test_oi_answers_with_the_figures_of_the_last_day(winter: Path) -> None:
    reply = await asked(winter, "/oi btc", datetime(2026, 3, 31, 1, tzinfo=UTC))
    # v[d] / max(v up to d) - 1 of the last row of the file, by hand: 48,476,... of 95,255,789,756.
    lines = [
        line.split(",") for line in WINTER.read_text(encoding="utf-8").splitlines() if ",open_interest_usd," in line
    ]
    last, peak = float(lines[-1][4]), max(float(line[4]) for line in lines)
    assert reply.values["open_interest_usd"] == last
    assert reply.values["peak_usd"] == peak == 95_255_789_756
    assert reply.values["drawdown"] == pytest.approx(last / peak - 1, abs=1e-12)
    assert reply.values["peak_at"] == "2025-10-06T00:00:00Z"


async def test_fear_and_greed_of_the_last_day(winter: Path) -> None:
    reply = await asked(winter, "/fng", datetime(2026, 3, 30, 12, tzinfo=UTC))
    assert reply.values["fear_greed"] == column("fear_greed")[-1]


# --- what would have been told ----------------------------------------------------------------------------------------


def of(told: Iterable[dict[str, Any]], watch: str, asset: str = "BTC") -> list[dict[str, Any]]:
    return [notice for notice in told if (notice["id"], notice["asset"]) == (watch, asset)]


def check_episodes(told: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """Check that every episode begins once, rises and ends once; return how many began, by alarm and asset."""
    ranks = ("notice", "warning", "critical")
    running: dict[tuple[str, str], str] = {}
    begun: Counter[tuple[str, str]] = Counter()
    for notice in told:
        key = (notice["id"], notice["asset"])
        match notice["kind"]:
            case "fired":
                assert key not in running, f"{key} began twice, again on {notice['at']}"
                begun[key] += 1
                running[key] = notice["level"]
            case "escalated" if key not in running:  # it was over, and began again worse than before
                running[key] = notice["level"]
            case "escalated":
                assert ranks.index(notice["level"]) > ranks.index(running[key]), notice
                running[key] = notice["level"]
            case "resumed":
                assert key in begun
                assert key not in running
                running[key] = notice["level"]
            case "resolved":
                assert running.pop(key) == notice["level"], notice
    return begun


@pytest.mark.slow
def test_each_event_of_the_winter_is_one_episode(told_of_winter: Told) -> None:
    told = told_of_winter
    begun = check_episodes(told)
    # The cut is one event from autumn on: open interest never came back above its lines in this file. The setup tells
    # the fall below the peak and the average as its legs.
    assert [notice["kind"] for notice in of(told, "deleveraging_reset")] == ["fired", "escalated"]
    assert of(told, "oi_drawdown") == []
    assert [(notice["kind"], notice["at"][:10]) for notice in of(told, "oi_vs_ma180")] == [
        ("fired", "2025-10-13"),
        ("escalated", "2026-01-01"),
        ("resolved", "2026-03-27"),
    ]
    crash = [notice for notice in of(told, "oi_zscore") if "2025-10-01" < notice["at"] < "2025-11-01"]
    assert [(notice["kind"], notice["at"][:10]) for notice in crash][:1] == [("fired", "2025-10-12")]
    # 58 weeks in which the market fell by a half: under one message in two weeks, of all alarms and setups.
    assert sum(begun.values()) < 58 / 2


@pytest.mark.slow
def test_the_fall_is_told_with_its_share_of_price(told_of_winter: Told) -> None:
    cut, _ = of(told_of_winter, "deleveraging_reset")
    assert cut["at"] == "2025-11-18T00:00:00Z"  # -31.2 % in dollars, -7 % in coins: the first second close beyond both
    assert "Peak $95.3bn on 6 October 2025" in cut["text"]
    assert "Price alone explains 81 %" in cut["text"]
    assert "This is not a bottom call." in cut["text"]


def test_taker_flow_never_turns(told_of_winter: Told) -> None:
    assert of(told_of_winter, "net_taker_flip") == of(told_of_winter, "reversal_trigger") == []


@pytest.mark.slow
def test_a_replay_of_a_part_is_that_part_of_the_whole(winter: Path, told_of_winter: Told) -> None:
    part = replayed(winter, "--from", "2026-01-01", "--asset", "BTC")
    assert part == [notice for notice in told_of_winter if notice["at"] > "2026-01-01T00:00:00Z"]


# --- raw files of many years ------------------------------------------------------------------------------------------


def runs(values: Iterable[tuple[str, float]], *, enter: float, leave: float, closes: int) -> list[str]:
    """Count episodes by hand: begun at or below `enter`, over after `closes` values in a row above `leave`."""
    begun: list[str] = []
    inside, above = False, 0
    for at, value in values:
        above = above + 1 if value > leave else 0
        if not inside and value <= enter:
            begun, inside = [*begun, at], True
        elif inside and above >= closes:
            inside = False
    return begun


@pytest.mark.slow
def test_mood_of_eight_years_counted_by_hand(told_of_raw: Told) -> None:
    rows = json.loads(RAW[3].read_text(encoding="utf-8"))
    days = sorted((int(row["timestamp"]), float(row["value"])) for row in rows)
    by_hand = runs(((f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}", v) for at, v in days), enter=20, leave=30, closes=5)
    told = of(told_of_raw, "fear_greed", "MARKET")
    begun = {"fired", "resumed"}
    assert [notice["at"][:10] for notice in told if notice["kind"] in begun] == by_hand
    assert len(by_hand) == 28  # three a year


@pytest.mark.slow
def test_falls_of_seven_years_counted_by_hand(told_of_raw: Told) -> None:
    rows = json.loads(RAW[2].read_text(encoding="utf-8"))
    closes = [float(row[4]) for row in rows]
    changes = [math.log(after / before) for before, after in pairwise(closes)]
    falls = []
    for i, (row, close) in enumerate(zip(rows, closes, strict=True)):
        if i < 10:  # under 2/3 of the window nothing is said
            continue
        of_year = changes[max(0, i - 365) : i]
        usual = 4 * stdev(of_year) if len(of_year) >= 244 else 0.0
        fall = close / max(closes[max(0, i - 15) : i + 1]) - 1
        falls.append((f"{datetime.fromtimestamp(row[6] / 1000 + 1, UTC):%Y-%m-%d}", fall / max(0.10, usual)))
    by_hand = runs(falls, enter=-1.0, leave=-0.5, closes=4)
    told = of(told_of_raw, "price_drawdown")
    assert [notice["at"][:10] for notice in told if notice["kind"] in {"fired", "resumed"}] == by_hand
    assert len(by_hand) == 37  # five a year: that is how often bitcoin fell unusually far


@pytest.mark.slow
def test_funding_of_seven_years(told_of_raw: Told) -> None:
    told = told_of_raw
    begun = check_episodes(told)
    # About six crowds a year on either side and asset, of 1,095 settlements a year: episodes and no hail.
    assert 40 < begun["funding_stretch", "BTC"] + begun["funding_stretch_low", "BTC"] < 50
    assert 30 < begun["funding_stretch", "ETH"] + begun["funding_stretch_low", "ETH"] < 50
    # Each settlement beyond a plain line (30 % a year, 8 hours long) lies within an episode.
    for asset, file in (("BTC", RAW[0]), ("ETH", RAW[1])):
        spans = spans_of(of(told, "funding_stretch", asset))
        beyond = [
            datetime.fromtimestamp(round(row["fundingTime"] / 1000), UTC)
            for row in json.loads(file.read_text(encoding="utf-8"))
            if float(row["fundingRate"]) * 3 * 365 >= 0.30
        ]
        assert len(beyond) > 500
        eight = timedelta(hours=8)
        assert [at for at in beyond if not any(first <= at + eight and at < last for first, last in spans)] == []


def spans_of(told: list[dict[str, Any]]) -> list[tuple[datetime, datetime]]:
    """Return when it was on: from what begins or begins again to what ends it."""
    spans: list[tuple[datetime, datetime]] = []
    begun: datetime | None = None
    for notice in told:
        at = datetime.fromisoformat(notice["at"])
        if notice["kind"] == "resolved":
            assert begun is not None
            spans.append((begun, at))
            begun = None
        else:
            begun = begun or at
    return [*spans, (begun, datetime.max.replace(tzinfo=UTC))] if begun else spans


@pytest.mark.slow
def test_the_crash_of_may_2021_is_one_episode_of_paying_shorts(raw: Path) -> None:
    told = of(replayed(raw, "--from", "2021-05-19", "--to", "2021-06-05"), "funding_stretch_low")
    assert [notice["kind"] for notice in told] == ["fired", "resolved"]
    assert told[0]["at"] == "2021-05-19T17:00:00Z"  # -0.0897 % at 16:00 of the 19th, beyond the second line at once
    assert told[0]["level"] == "warning"


@pytest.mark.slow
def test_importing_twice_changes_nothing(raw: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "twice.db")
    now = datetime(2026, 11, 1, tzinfo=UTC)
    for file in RAW:
        keep(store, read_file(file, now=now))
    assert points_of(store) == points_of(Store(raw))
    for file in reversed(RAW):
        keep(store, read_file(file, now=now))
    assert points_of(store) == points_of(Store(raw))


def points_of(store: Store) -> list[tuple[Any, ...]]:
    return [tuple(row) for table in ("bars", "levels") for row in beside.rows(store, f"SELECT * FROM {table}")]  # noqa: S608 - two names
