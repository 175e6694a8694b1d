"""Years of history from a loopback archive: resumed, healed, and honest about what is missing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import structlog
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from bot.archive.backfill import Backfill, BackfillResult, Step
from bot.archive.binance_vision import BinanceArchive
from bot.cli.market import backfill
from bot.config import Config
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.sources import coverage, differences
from tests.examples import examples
from tests.fakes.archive import FakeArchive, Listed, coins, price
from tests.fakes.exchange import FakeExchange
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
YESTERDAY = date(2026, 11, 19)
BTC = Listed("BTCUSDT", 90_000.0, 85_000.0)
ETH = Listed("ETHUSDT", 3_000.0, 2e6)
NEW = Listed("NEWUSDT", 5.0, 1e6, since=date(2026, 8, 15))
HOUR = timedelta(hours=1)


class Still:
    """A clock that stands."""

    def __init__(self, now: datetime = NOW) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


@pytest.fixture
async def archive() -> AsyncIterator[FakeArchive]:
    async with FakeArchive(YESTERDAY, (BTC, ETH, NEW)) as served:
        yield served


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


@pytest.fixture
def clock() -> Still:
    return Still()


async def _at_once(_: float) -> None:
    """Wait for nothing."""


def work(store: Store, archive: FakeArchive, clock: Still, told: Callable[[Step], None] | None = None) -> Backfill:
    config = Config(market={"archive_url": archive.base_url}, assets=("BTC", "ETH"))  # type: ignore[arg-type]
    source = BinanceArchive(clock=clock.now, timeout_s=2, base_url=archive.base_url, pause=_at_once)
    return Backfill(store, config, clock, archive=source, told=told)


async def fill(
    store: Store, archive: FakeArchive, clock: Still, *assets: str, days: int = 12, depth_days: int = 0
) -> BackfillResult:
    today = clock.at.date()
    return await work(store, archive, clock).run(
        assets or ("BTC",), since=today - timedelta(days=days), depth_since=today - timedelta(days=depth_days)
    )


def dump(store: Store) -> list[tuple[Any, ...]]:
    """Everything that is history."""
    tables = ("bars", "levels", "gaps", "archive_files", "spans")
    return [(table, *row) for table in tables for row in beside.rows(store, f"SELECT * FROM {table}")]  # noqa: S608


def name(kind: str, day: str) -> str:
    return f"BTCUSDT-{kind}-{day}"


# --- a first run


async def test_a_first_run_stores_open_interest_bars_funding_and_depth(
    store: Store, archive: FakeArchive, clock: Still
) -> None:
    result = await fill(store, archive, clock, days=25, depth_days=1)
    assert (result.missing, result.pending, result.refused, result.damaged, result.stopped) == (0, 0, 0, [], None)
    assert result.gaps == {"BTC": []}
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    newest = points.newest(store, "BTC", "open_interest_coin")
    assert newest is not None
    assert (newest.at, newest.value) == (midnight, pytest.approx(coins(BTC, round(midnight.timestamp() * 1000))))
    for name, since in (
        ("close", datetime(2026, 10, 1, tzinfo=UTC)),  # months come whole
        ("funding_rate", datetime(2026, 10, 1, tzinfo=UTC)),
        ("long_short_top_positions", datetime(2026, 10, 26, 0, 5, tzinfo=UTC)),
        ("depth_asks_usd", datetime(2026, 11, 19, 0, 4, 30, tzinfo=UTC)),
    ):
        known = coverage.since(store, "BTC", name)
        assert known is not None
        assert abs(known - since) < timedelta(seconds=1), name


async def test_btc_first_newest_first_and_depth_of_all_last(store: Store, archive: FakeArchive, clock: Still) -> None:
    await fill(store, archive, clock, "ETH", "BTC", days=3, depth_days=1)
    zips = archive.zips()
    assert zips.index("BTCUSDT-metrics-2026-11-17") < zips.index("ETHUSDT-1h-2026-11-19")
    days = [name[-10:] for name in zips if name.startswith("BTCUSDT-metrics")]
    assert days == sorted(days, reverse=True)
    assert zips[-2:] == ["BTCUSDT-bookDepth-2026-11-19", "ETHUSDT-bookDepth-2026-11-19"]


async def test_old_levels_are_hourly_and_young_ones_fine(store: Store, archive: FakeArchive, clock: Still) -> None:
    await fill(store, archive, clock, days=43)

    def rows(day: date) -> int:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end, apart = start + timedelta(days=1), timedelta(minutes=5)
        return points.count(store, "BTC", "binance", "open_interest_coin", start=start, end=end, apart=apart)

    assert rows(date(2026, 11, 10)) == 288
    assert rows(date(2026, 10, 9)) == 24
    clock.at += timedelta(days=40)
    archive.published += timedelta(days=40)
    await fill(store, archive, clock, days=2)
    assert rows(date(2026, 11, 10)) == 24, "what has grown old meanwhile is thinned too"


async def test_no_more_than_four_files_are_in_flight(store: Store, archive: FakeArchive, clock: Still) -> None:
    archive.faults["*"] = "hold"
    for probe in ("2026-11-18", "2026-11-17"):
        archive.faults[name("1h", probe)] = "cut_once"  # answers at once
    running = asyncio.create_task(fill(store, archive, clock))
    await asyncio.sleep(0.15)
    assert archive.in_flight <= 4
    archive.hold.set()
    await running
    assert 1 < archive.most_in_flight <= 4


async def test_progress_is_told_file_by_file_with_an_estimate(store: Store, archive: FakeArchive) -> None:
    class Walking(Still):
        def monotonic(self) -> float:
            self.seconds = getattr(self, "seconds", 0.0) + 1.0
            return self.seconds

    told: list[Step] = []
    await work(store, archive, Walking(), told.append).run(
        ["BTC"], since=date(2026, 11, 10), depth_since=date(2026, 11, 20)
    )
    assert [progress.done for progress in told] == list(range(1, len(told) + 1))
    assert told[-1].done == told[-1].total
    assert told[5].left_s == pytest.approx((told[5].total - 6) * 1.0, rel=0.2)


# --- again


async def test_a_second_run_asks_for_checksums_only_and_changes_nothing(
    store: Store, archive: FakeArchive, clock: Still
) -> None:
    await fill(store, archive, clock)
    before, fetched = dump(store), len(archive.zips())
    result = await fill(store, archive, clock)
    assert (result.files, len(archive.zips())) == (0, fetched)
    assert result.unchanged > 0
    assert dump(store) == before


async def test_files_older_than_forty_days_are_not_asked_for_again(
    store: Store, archive: FakeArchive, clock: Still
) -> None:
    await fill(store, archive, clock, days=44)
    archive.requests.clear()
    await fill(store, archive, clock, days=44)
    asked = {path.removesuffix(".CHECKSUM")[-10:] for path in archive.requests if "metrics" in path}
    assert min(asked) == "2026-10-11"


async def test_a_reissued_file_is_read_again(store: Store, archive: FakeArchive, clock: Still) -> None:
    file = name("metrics", "2026-11-15")
    archive.change(file, lambda rows: rows[:164])
    first = await fill(store, archive, clock)
    assert [gap.reason for gap in first.gaps["BTC"]] == ["rows are missing"] * 2
    archive._put.clear()
    archive.requests.clear()
    second = await fill(store, archive, clock)
    assert (second.files, archive.requests[file], second.gaps) == (1, 1, {"BTC": []})


async def test_yesterday_replaces_what_came_live_and_says_where_it_differs(
    store: Store, archive: FakeArchive, clock: Still
) -> None:
    """Live hours, one of them 2 % off, a poll between two hours, and a bar that is 3 % off; then the archive comes."""
    archive.published -= timedelta(days=1)
    await fill(store, archive, clock, days=3)
    noon = datetime(2026, 11, 19, 12, tzinfo=UTC)
    ms = round(noon.timestamp() * 1000)
    hours = pd.DatetimeIndex([noon, noon + timedelta(seconds=34), noon + HOUR], name="at")
    live = [coins(BTC, ms) * 1.02, 5.0, coins(BTC, ms + 3_600_000) * 1.004]
    bar = pd.DataFrame({"close": [price(BTC, ms + 3_600_000) * 0.97]}, index=hours[:1])
    points.write(
        store,
        [
            Points.of_frame("binance", "BTC", None, pd.DataFrame({"open_interest_coin": live}, index=hours)),
            Points.of_frame("binance", "BTC", HOUR, bar),
        ],
    )
    assert (await fill(store, archive, clock, days=3)).files == 0
    archive.published += timedelta(days=1)
    with structlog.testing.capture_logs() as logs:
        await fill(store, archive, clock, days=3)
    told = {entry["input"]: (entry["differing"], entry["most"]) for entry in logs if "differs" in entry["event"]}
    assert told == {"open_interest_coin": ("1 of 2", "2.0%"), "close": ("1 of 1", "3.1%")}
    said = differences.of(store, "BTC", since=noon - timedelta(days=3))
    assert [(difference.name, difference.at.day, difference.differing) for difference in said] == [
        ("close", 19, 1),
        ("open_interest_coin", 19, 1),
    ]
    at, _, found = points.columns(store, "BTC", "binance", ["open_interest_coin"], start=noon, end=noon + HOUR)
    assert found["open_interest_coin"][0] == pytest.approx(coins(BTC, ms)), "the archive's figure stands"
    assert at[1] - at[0] == 34_000, "what the archive has not stays"


async def test_an_archive_that_is_no_continuation_of_what_came_live_is_left_out(
    store: Store, archive: FakeArchive, clock: Still
) -> None:
    """Three live hours are half of what the archive says: one of the two counts both sides."""
    archive.published -= timedelta(days=1)
    await fill(store, archive, clock, days=3)
    noon = datetime(2026, 11, 19, 12, tzinfo=UTC)
    hours = pd.DatetimeIndex([noon + HOUR * hour for hour in range(3)], name="at")
    live = [coins(BTC, round(at.timestamp() * 1000)) / 2 for at in hours]
    points.write(
        store, [Points.of_frame("binance", "BTC", None, pd.DataFrame({"open_interest_coin": live}, index=hours))]
    )
    archive.published += timedelta(days=1)
    result = await fill(store, archive, clock, days=3)
    assert [said for said in result.problems if "left out" in said] == [
        "BTCUSDT-metrics-2026-11-19: open_interest_coin is 2 times what came live; left out"
    ]
    _, _, found = points.columns(
        store, "BTC", "binance", ["open_interest_coin", "long_short_accounts"], start=noon, end=noon + 3 * HOUR
    )
    assert [value for value in found["open_interest_coin"] if value is not None] == pytest.approx(live)
    assert any(found["long_short_accounts"]), "what else the file holds is kept"


@examples(4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 8), min_size=1, max_size=3))
async def test_however_it_was_read_the_history_is_the_same(tmp_path: Path, runs: list[int]) -> None:
    async with FakeArchive(YESTERDAY, (BTC,), gone={name("metrics", "2026-11-14")}) as archive:
        found = []
        for place, spans in enumerate((runs, [max(runs)])):
            path = tmp_path / f"{place}.db"
            path.unlink(missing_ok=True)
            with closing(Store(path)) as store:
                for days in spans:
                    await fill(store, archive, Still(), days=days)
                found.append(dump(store))
        assert found[0] == found[1]


# --- cut


class PowerCut(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("after", [1, 7, 22])
async def test_a_run_that_was_cut_goes_on_where_it_stopped(
    store: Store, archive: FakeArchive, clock: Still, after: int
) -> None:
    def cut(step: Step) -> None:
        if step.done == after:
            raise PowerCut

    with pytest.raises(PowerCut):
        await work(store, archive, clock, cut).run(["BTC"], since=date(2026, 11, 8), depth_since=date(2026, 11, 20))
    kept = {path.rsplit("/")[-1].removesuffix(".zip") for path in coverage.files(store)}
    assert len(kept) == after
    archive.order.clear()
    result = await fill(store, archive, clock)
    assert kept.isdisjoint(archive.zips()), "nothing that is kept is fetched again"
    assert (result.stopped, result.gaps) == (None, {"BTC": []})
    assert result.files + after == len(coverage.files(store))


async def test_a_line_that_is_cut_for_good_ends_the_run_and_keeps_what_was_read(
    store: Store, archive: FakeArchive, clock: Still
) -> None:
    file = name("metrics", "2026-11-15")
    archive.faults[file] = "cut"
    result = await fill(store, archive, clock)
    assert result.stopped is not None
    assert "cannot be reached" in result.stopped
    assert result.files > 0
    assert archive.requests[file] == 3
    archive.faults.clear()
    again = await fill(store, archive, clock)
    assert (again.stopped, again.gaps) == (None, {"BTC": []})


# --- files that are not what they should be


async def test_a_bad_checksum_is_tried_twice_named_and_skipped(
    store: Store, archive: FakeArchive, clock: Still
) -> None:
    file = name("metrics", "2026-11-15")
    archive.faults[file] = "bad_sum"
    result = await fill(store, archive, clock)
    assert len(result.damaged) == 1
    assert file in result.damaged[0]
    assert archive.requests[file] == 2
    assert {(gap.group, gap.start.day, gap.end.day) for gap in result.gaps["BTC"]} == {
        ("open_interest", 15, 16),
        ("long_short", 15, 16),
    }
    archive.faults.clear()
    healed = await fill(store, archive, clock)
    assert (healed.files, healed.gaps, healed.damaged) == (1, {"BTC": []}, [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(b"<html>maintenance</html>", "no whole zip", id="a page"),
        pytest.param("open_time,close\n1,2\n", "its columns are", id="other columns"),
        pytest.param("", "no rows", id="empty"),
    ],
)
async def test_a_verified_file_of_another_shape_is_skipped_and_the_rest_goes_on(
    store: Store, archive: FakeArchive, clock: Still, text: str | bytes, why: str
) -> None:
    archive.put(name("metrics", "2026-11-15"), text)
    result = await fill(store, archive, clock)
    assert [why in line for line in result.damaged] == [True]
    assert result.stopped is None
    assert len(result.gaps["BTC"]) == 2


def test_many_damaged_files_are_not_a_screenful(capsys: pytest.CaptureFixture[str]) -> None:
    result = BackfillResult()
    result.damaged += [f"file {number} is damaged" for number in range(400)]
    backfill._tell(result, [], as_json=False)
    *some, more, what_next = capsys.readouterr().err.splitlines()
    assert (len(some), more) == (12, "... and 388 more damaged files; --json lists them all.")
    assert "asked for again" in what_next


async def test_missing_days_are_gaps_and_asked_for_again(store: Store, archive: FakeArchive, clock: Still) -> None:
    archive.gone = {name("metrics", "2026-11-14"), name("metrics", "2026-11-15"), name("1h", "2026-11-14")}
    result = await fill(store, archive, clock)
    assert result.missing == 3
    found = {(gap.group, f"{gap.start:%m-%d}", f"{gap.end:%m-%d}", gap.reason) for gap in result.gaps["BTC"]}
    reason = "the archive has no file"
    assert found == {
        ("open_interest", "11-14", "11-16", reason),
        ("long_short", "11-14", "11-16", reason),
        ("bars", "11-14", "11-15", reason),
    }
    archive.gone = set()
    later = await fill(store, archive, clock)
    assert (later.files, later.missing, later.gaps) == (3, 0, {"BTC": []})


async def test_yesterday_that_is_not_published_yet_is_no_gap(store: Store, archive: FakeArchive, clock: Still) -> None:
    archive.published = date(2026, 11, 18)
    result = await fill(store, archive, clock)
    assert (result.pending, result.missing, result.gaps) == (2, 0, {"BTC": []})
    archive.published = YESTERDAY
    later = await fill(store, archive, clock)
    assert (later.files, later.pending) == (2, 0)


async def test_a_month_that_is_not_published_yet_is_read_by_days(store: Store, archive: FakeArchive) -> None:
    clock = Still(datetime(2026, 11, 3, 9, tzinfo=UTC))
    archive.published = date(2026, 11, 2)
    archive.gone = {name("1h", "2026-10"), name("fundingRate", "2026-10")}
    result = await fill(store, archive, clock, days=10)
    assert (result.pending, result.missing, result.gaps) == (1, 0, {"BTC": []})
    assert coverage.first_bar(store, "BTC", "binance", HOUR) == datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "listed", [date(2026, 10, 28), date(2026, 11, 16)], ids=["listed last month", "listed this month"]
)
@pytest.mark.parametrize("days", [400, 9], ids=["asked for 400 days", "asked for 9 days"])
async def test_what_lies_before_the_listing_is_neither_asked_for_nor_missing(
    store: Store, archive: FakeArchive, clock: Still, listed: date, days: int
) -> None:
    archive.listed = (replace(NEW, since=listed),)
    result = await fill(store, archive, clock, "NEW", days=days)
    assert (result.missing, result.pending, result.gaps) == (0, 0, {"NEW": []})
    begin = max(listed, date(2026, 11, 1)) if days == 9 else listed
    assert coverage.since(store, "NEW", "close") == datetime(begin.year, begin.month, begin.day, tzinfo=UTC)
    absent = [path for path, count in archive.requests.items() if count and archive.body(path.split(".")[0]) is None]
    assert len(absent) < 25, "months are tried, and days of this month, not hundreds of days"


async def test_zero_open_interest_is_a_gap_and_the_ratios_of_the_row_stay(
    store: Store, archive: FakeArchive, clock: Still
) -> None:
    def zero(rows: list[str]) -> list[str]:
        fields = [row.split(",") for row in rows]
        for row in fields[-102:]:
            row[2] = row[3] = "0.00000000"
        return [",".join(row) for row in fields]

    archive.change(name("metrics", "2026-11-15"), zero)
    result = await fill(store, archive, clock)
    (gap,) = result.gaps["BTC"]
    assert (gap.group, gap.reason, gap.end - gap.start) == ("open_interest", "zero, which cannot be", 510 / 60 * HOUR)
    _, _, found = points.columns(
        store, "BTC", "binance", ["open_interest_coin", "long_short_accounts"], start=gap.start + HOUR, end=gap.end
    )
    assert set(found["open_interest_coin"]) == {None}
    assert None not in found["long_short_accounts"]


# --- the host


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        pytest.param("geo", "refuses this host or its country", id="blocked"),
        pytest.param("unavailable", "not available", id="down"),
        pytest.param("html_sidecar", "maintenance", id="maintenance with status 200"),
    ],
)
async def test_trouble_of_the_host_is_said_once_and_stores_nothing(
    store: Store, archive: FakeArchive, clock: Still, fault: Any, text: str
) -> None:
    archive.faults["*"] = fault
    result = await fill(store, archive, clock)
    assert result.stopped is not None
    assert text in result.stopped
    assert coverage.files(store) == {}
    assert coverage.gaps(store, "BTC") == [], "a host in trouble says nothing about its files"


async def test_an_unknown_asset_harms_no_other(store: Store, archive: FakeArchive, clock: Still) -> None:
    result = await fill(store, archive, clock, "NOPE", "BTC")
    assert ["NOPE" in line for line in result.unknown] == [True]
    assert result.gaps == {"BTC": []}


# --- beside a running bot


async def test_the_background_reads_the_configured_assets(store: Store, archive: FakeArchive, clock: Still) -> None:
    archive.listed = (
        Listed("BTCUSDT", 90_000.0, 85_000.0, date(2026, 11, 16)),
        Listed("NEWUSDT", 5.0, 1e6, date(2026, 11, 17)),
    )
    config = Config(market={"archive_url": archive.base_url}, assets=("BTC", "NEW"))  # type: ignore[arg-type]
    source = BinanceArchive(clock=clock.now, timeout_s=2, base_url=archive.base_url, pause=_at_once)
    result = await Backfill(store, config, clock, archive=source).run_background()
    assert result is not None
    assert (result.stopped, set(result.gaps)) == (None, {"BTC", "NEW"})


async def test_the_background_leaves_a_foreign_exchange_alone(store: Store, clock: Still) -> None:
    config = Config(market={"exchange_url": "http://127.0.0.1:9"})  # type: ignore[arg-type]
    assert await Backfill(store, config, clock).run_background() is None


async def test_the_background_never_raises(store: Store, archive: FakeArchive, clock: Still) -> None:
    def broken(_: Step) -> None:
        raise ZeroDivisionError

    assert await work(store, archive, clock, broken).run_background() is None


# --- the command


@pytest.fixture
def today_archive() -> Iterator[FakeArchive]:
    with FakeArchive(datetime.now(UTC).date() - timedelta(days=1), (BTC,)).in_thread() as served:
        yield served


# A shell lets its background jobs, and all that they start, ignore Ctrl-C; a test run may be one of them.
HEEDS_CTRL_C = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("bot", run_name="__main__")
"""


def command(
    archive: FakeArchive, db: Path, *arguments: str, exchange: str = "http://127.0.0.1:9"
) -> subprocess.Popen[str]:
    env = os.environ | {
        "PERPULSE_MARKET__ARCHIVE_URL": archive.base_url,
        "PERPULSE_MARKET__EXCHANGE_URL": exchange,
        "PERPULSE_MARKET__VENUES": '["binance"]',
        "PERPULSE_MARKET__OPTIONS": "false",
        "PERPULSE_MARKET__STABLECOINS": "false",
        "PERPULSE_MARKET__FEAR_GREED": "false",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [sys.executable, "-c", HEEDS_CTRL_C, "backfill", *arguments, "--db", str(db)],
        env=env, cwd=db.parent, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_the_command_reads_the_archive_and_then_the_exchange(today_archive: FakeArchive, tmp_path: Path) -> None:
    exchange = FakeExchange()
    with exchange.in_thread():
        run = command(today_archive, tmp_path / "a.db", "btc", "--days", "2", "--json", exchange=exchange.base_url)
        out, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (0, "")
    (line,) = out.splitlines()
    told = json.loads(line)
    assert {"files", "rows", "kept", "refused", "gaps", "missing"} <= set(told)
    assert (told["gaps"], told["missing"], told["refused"]) == ([], 0, 0)
    with closing(Store(tmp_path / "a.db")) as store:
        newest = points.newest(store, "BTC", "open_interest_coin")
    assert newest is not None
    assert datetime.now(UTC) - newest.at < timedelta(minutes=10), "the hours since are closed by the exchange"


def test_killed_between_files_it_asks_for_the_rest_only(today_archive: FakeArchive, tmp_path: Path) -> None:
    day = datetime.now(UTC).date() - timedelta(days=3)
    held = f"BTCUSDT-metrics-{day}"
    today_archive.faults[held] = "hold"
    for number, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
        run = command(today_archive, tmp_path / "a.db", "BTC", "--days", "4")
        _until(lambda: today_archive.requests[f"{held}.CHECKSUM"] > 0)
        time.sleep(0.1)
        run.send_signal(number)
        _, err = run.communicate(timeout=30)
        assert run.returncode == code
        today_archive.requests.clear()
    assert "goes on where it stopped" in err
    assert "Traceback" not in err
    with closing(Store(tmp_path / "a.db")) as store:
        kept = {path.rsplit("/")[-1].removesuffix(".zip") for path in coverage.files(store)}
    assert kept
    today_archive.faults.clear()
    today_archive.hold = asyncio.Event()
    run = command(today_archive, tmp_path / "a.db", "BTC", "--days", "4")
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert not kept & {path for path in today_archive.requests if not path.endswith(".CHECKSUM")}
    assert "known already" in out
    assert "BTC: open interest known since" in out


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("arguments", "text", "code"),
    [
        pytest.param(["BTC", "--days", "0"], "--days counts days back", 2, id="no days"),
        pytest.param(["BTC/EUR"], "is not quoted in dollars, as all figures are: write BTC", 2, id="a pair"),
        pytest.param(["NOPE", "--days", "2"], "no USDT perpetual of NOPE", 1, id="an unknown asset"),
    ],
)
def test_errors_are_one_clear_line(
    today_archive: FakeArchive, tmp_path: Path, arguments: list[str], text: str, code: int
) -> None:
    run = command(today_archive, tmp_path / "a.db", *arguments)
    _, err = run.communicate(timeout=30)
    assert (run.returncode, len(err.splitlines())) == (code, 1)
    assert text in err


def test_a_dead_archive_says_what_to_do(today_archive: FakeArchive, tmp_path: Path) -> None:
    today_archive.faults["*"] = "geo"
    run = command(today_archive, tmp_path / "a.db", "BTC", "--days", "2")
    _, err = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "proxy" in err
    assert "same command again" in err
    assert "Traceback" not in err
