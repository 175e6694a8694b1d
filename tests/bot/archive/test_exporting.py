"""History out and in again: the same tables, whatever they hold; and what a person is told when it cannot be."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
import sys
import tempfile
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.archive import exporting as command
from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from signals.inputs import BARS, INPUTS, LEVELS
from storage.engine.database import Store
from storage.market import history, points
from storage.market.points import Points
from tests.bot.commandline import here as perpulse
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bot.commandline import Ended

    Export = Callable[..., Ended]

NOW = datetime(2026, 6, 1, tzinfo=UTC)
START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_WHOLE = ("bars", "spans")
PACKED = pytest.mark.parametrize("kind", [".csv", ".csv.gz"])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def store(here: Path) -> Iterator[Store]:
    made = Store(here / "data" / "perpulse.db")
    yield made
    made.close()


def bars(
    step: timedelta = HOUR, count: int = 48, *, start: datetime = START, venue: str = "binance", **named
) -> Points:
    index = pd.date_range(start, periods=count, freq=pd.Timedelta(step))
    return Points.of_frame(venue, "BTC", step, pd.DataFrame(named or {"close": 1.0}, index=index, dtype=float))


def levels(count: int = 10, **named) -> Points:
    index = pd.date_range(START + timedelta(milliseconds=3), periods=count, freq="8h")
    return Points.of_frame(
        "okx", "BTC", None, pd.DataFrame(named or {"funding_rate": 1e-4}, index, dtype=float), settled=True
    )


def tables(store: Store) -> dict[str, object]:
    """Read everything; a rate is the same value whether it was settled, which the file does not say, or announced."""
    with closing(sqlite3.connect(store.path)) as file:
        file.row_factory = sqlite3.Row
        found: dict[str, object] = {name: list(map(tuple, file.execute(f"SELECT * FROM {name}"))) for name in _WHOLE}  # noqa: S608 - ours
        found["levels"] = {
            (row["asset"], row["venue"], row["at"], name): row[name]
            for table in ("levels", "settlements")
            for row in file.execute(f"SELECT * FROM {table}")  # noqa: S608 - ours
            for name in row.keys()  # noqa: SIM118 - a row is no dict
            if name in LEVELS and row[name] is not None
        }
    return found


@pytest.fixture
def export(capsys: pytest.CaptureFixture[str]) -> Export:
    return lambda *args: perpulse(capsys, "export", *args)


def lines(file: Path) -> list[str]:
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return text.decode().splitlines()


# --- out and in -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@PACKED
def test_what_goes_out_comes_in_again(here: Path, store: Store, export: Export, kind: str) -> None:
    points.write(store, [bars(close=range(1, 49), volume_usd=range(48)), levels(funding_rate=[1 / 300] * 10)])
    ended = export(f"history{kind}")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"history{kind}: 106 values of BTC, 2026-01-05 00:00 to 2026-01-08 00:00 UTC.\n"
    other = Store(here / "other.db")
    assert keep(other, read_file(here / f"history{kind}", now=NOW)) == 106
    assert tables(other) == tables(store)
    other.close()
    found = lines(here / f"history{kind}")
    assert found[:3] == [
        "at,venue,asset,input,value",
        "2026-01-05T00:00:00Z,binance,BTC,close,1.0",
        "2026-01-05T00:00:00Z,binance,BTC,volume_usd,0.0",
    ]
    assert found[-1].startswith("2026-01-08T00:00:00.003Z,okx,BTC,funding_rate,0.0033333333")


# What every way into the store lets pass: whole bars, and no figure that jumps.
POSSIBLE = {
    "funding_rate": (-0.0003, 0.0003),
    "funding_interval_hours": (8.0, 8.0),
    "high": (105.0, 110.0),
    "low": (90.0, 95.0),
    "volume_usd": (1e9, 1.1e9),
    "open_interest_usd": (1e9, 1.1e9),
    "liquidated_longs_usd": (0.0, 1e3),
    "liquidated_shorts_usd": (0.0, 1e3),
    "fear_greed": (20.0, 80.0),
    "stablecoin_supply_usd": (1e11, 1.1e11),
}


def possible(name: str) -> st.SearchStrategy[float]:
    return st.floats(*POSSIBLE.get(name, (99.0, 101.0)))


LENGTHS = [timedelta(minutes=1), 5 * timedelta(minutes=1), HOUR, 2 * HOUR, 4 * HOUR, DAY]


@st.composite
def anything(draw: st.DrawFn) -> list[Points]:
    """Draw what a store may hold: a length of bars for each venue and asset, holes, single bars, odd milliseconds."""
    found = []
    for venue in draw(st.lists(st.sampled_from(["binance", "okx", "all"]), min_size=1, max_size=2, unique=True)):
        for asset in draw(st.lists(st.sampled_from(["BTC", "PEPE", "MARKET"]), min_size=1, max_size=2, unique=True)):
            if names := draw(
                st.lists(st.sampled_from([n for n in BARS if n != "taker_buy_usd"]), max_size=3, unique=True)
            ):
                step = draw(st.sampled_from(LENGTHS))
                places = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=12)))
                frame = pd.DataFrame(
                    {name: [draw(st.none() | possible(name)) for _ in places] for name in names},
                    index=pd.DatetimeIndex([START + place * step for place in places]),
                    dtype=float,
                )
                found.append(Points.of_frame(venue, asset, step, frame))
            if names := draw(st.lists(st.sampled_from(LEVELS), max_size=3, unique=True)):
                times = sorted(draw(st.sets(st.integers(0, 10**10), min_size=1, max_size=5)))
                frame = pd.DataFrame(
                    {name: [draw(st.none() | possible(name)) for _ in times] for name in names},
                    index=pd.DatetimeIndex([START + timedelta(milliseconds=at) for at in times]),
                    dtype=float,
                )
                found.append(Points.of_frame(venue, asset, None, frame))
    return found


@pytest.mark.slow
@given(anything())
@examples(40)
def test_any_table_comes_back_the_same(batches: list[Points]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, other = Store(folder / "one.db"), Store(folder / "other.db")
        try:
            if not points.write(store, batches):
                return
            sheet_of(store, folder / "all.csv")
            imported = read_file(folder / "all.csv", now=NOW)
            keep(other, imported)
            assert imported.problems == []
            assert tables(other) == tables(store)
        finally:
            store.close()
            other.close()


def sheet_of(store: Store, file: Path) -> None:
    with command.sheet(file, ".csv") as sheet:
        command.write(store, history.parts(store)[0], sheet, None, None)


@pytest.mark.parametrize(
    ("batch", "remark"),
    [
        pytest.param(bars(), [], id="hours one after the other"),
        pytest.param(bars(DAY, 30), [], id="days"),
        pytest.param(bars(HOUR, 1), ["# bars of binance BTC last 3600 s"], id="one hour at midnight could be a day"),
        pytest.param(bars(2 * HOUR), ["# bars of binance BTC last 7200 s"], id="a length that nobody guesses"),
        pytest.param(
            bars(close=[1.0, *[float("nan")] * 46, 1.0]),
            ["# bars of binance BTC last 3600 s"],
            id="more hole than bars",
        ),
    ],
)
def test_the_length_of_bars_is_said_where_their_times_do_not_tell_it(
    here: Path, store: Store, export: Export, batch: Points, remark: list[str]
) -> None:
    points.write(store, [batch])
    export("a.csv")
    assert [line for line in lines(here / "a.csv") if line.startswith("#")] == remark


# --- what is asked for ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "count"),
    [
        pytest.param([], 48 + 96 + 10, id="all"),
        pytest.param(["--asset", "btc"], 48 + 10, id="one asset, in small letters"),
        pytest.param(["--asset", "BTC", "--asset", "ETH"], 48 + 96 + 10, id="two assets"),
        pytest.param(["--input", "close"], 48 + 48, id="one input"),
        pytest.param(["--input", "funding_rate", "--input", "open"], 48 + 10, id="two inputs of two kinds"),
        pytest.param(["--from", "2026-01-06", "--input", "close", "--asset", "BTC"], 24, id="from a day"),
        pytest.param(["--to", "2026-01-05", "--input", "close", "--asset", "BTC"], 24, id="to the end of a day"),
        pytest.param(["--from", "2026-01-05T23:00", "--to", "2026-01-06T01:00", "--input", "open"], 2, id="two hours"),
        pytest.param(["--bars", "1h"], 48 + 96, id="bars alone"),
    ],
)
def test_what_is_asked_for_is_written(here: Path, store: Store, export: Export, more: list[str], count: int) -> None:
    eth = bars(close=[1.0] * 48, open=[2.0] * 48)
    points.write(store, [bars(), levels(), Points.of_frame("binance", "ETH", HOUR, eth.frame())])
    assert export("a.csv", *more).code == 0
    assert len(lines(here / "a.csv")) == 1 + count


def test_of_two_lengths_the_shorter_is_written_and_the_other_named(here: Path, store: Store, export: Export) -> None:
    points.write(store, [bars(), bars(DAY, 100), bars(DAY, 5, venue="okx")])
    ended = export("a.csv")
    assert ended.out.splitlines()[1:] == [
        "Left out: bars of 1d of binance BTC, which are longer than others; --bars 1d"
    ]
    assert len(lines(here / "a.csv")) == 1 + 48 + 5
    assert (
        export("b.csv", "--bars", "1d").out == "b.csv: 105 values of BTC, 2026-01-05 00:00 to 2026-04-14 00:00 UTC.\n"
    )


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param(["a.xlsx"], "a.xlsx: the name says the format; end it in .csv, .csv.gz or .parquet.", id="kind"),
        pytest.param(
            ["there.csv"], "there.csv exists and is left alone. Name another file, or move it away.", id="there"
        ),
        pytest.param(["a.csv", "--asset", "DOGE"], "Nothing is stored of DOGE. Stored: BTC.", id="asset"),
        pytest.param(["a.csv", "--input", "closes"], "There is no input 'closes'; did you mean close?", id="input"),
        pytest.param(["a.csv", "--input", "open"], "Nothing of that is stored. perpulse status says", id="not stored"),
        pytest.param(["a.csv", "--bars", "3h"], "--bars takes a length: 1m, 5m, 15m, 1h, 4h, 1d.", id="length"),
        pytest.param(["a.csv", "--bars", "1d"], "Nothing of that is stored.", id="no such bars"),
        pytest.param(["a.csv", "--from", "tomorrow"], "'tomorrow' is no date. Write it like 2025-10-01.", id="date"),
        pytest.param(
            ["a.csv", "--from", "2026-02-01", "--to", "2026-01-01"], "--from must lie before --to.", id="order"
        ),
        pytest.param(["a.csv", "--from", "2027-01-01"], "Nothing is stored in that span.", id="an empty span"),
        pytest.param(["there.csv/a.csv"], "there.csv/a.csv cannot be written", id="a folder that is a file"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_no_file(
    here: Path, store: Store, export: Export, args: list[str], said: str
) -> None:
    points.write(store, [bars()])
    (here / "there.csv").write_text("mine", encoding="utf-8")
    assert said in export(*args).refusal
    assert sorted(path.name for path in here.iterdir()) == ["data", "there.csv"]
    assert (here / "there.csv").read_text(encoding="utf-8") == "mine"


def test_nothing_stored_makes_no_database(here: Path, export: Export) -> None:
    assert "Bring history in with: perpulse backfill BTC" in export("a.csv").refusal
    assert list(here.iterdir()) == []


# --- size -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_memory_does_not_grow_with_the_history(store: Store, here: Path) -> None:
    peaks = []
    for number, count in enumerate((4_000, 40_000)):
        points.write(store, [bars(count=count, start=START - 40_000 * HOUR, close=[1.5] * count, open=[2.5] * count)])
        tracemalloc.start()
        sheet_of(store, here / f"{number}.csv")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert len(lines(here / "1.csv")) == 1 + 80_000
    assert peaks[1] < 1.5 * peaks[0], "ten times the rows"


# --- Parquet ----------------------------------------------------------------------------------------------------------


def test_without_pyarrow_parquet_says_what_to_install(
    here: Path, store: Store, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    points.write(store, [bars()])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "run `.venv/bin/python -m pip install pyarrow`, or write FILE.csv.gz." in export("a.parquet").refusal
    assert not (here / "a.parquet").exists()


def test_parquet_holds_the_same_as_csv(
    here: Path, store: Store, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install pyarrow")
    monkeypatch.setattr(command, "_GROUP", 30)  # several row groups
    points.write(store, [bars(close=range(1, 49), volume_usd=range(48)), levels()])
    assert export("a.parquet").code == 0
    assert export("a.csv").code == 0
    frame = pd.read_parquet(here / "a.parquet")
    text = pd.read_csv(here / "a.csv", parse_dates=["at"], date_format="ISO8601")
    assert list(frame.columns) == list(text.columns)
    assert frame.to_numpy().tolist() == text.to_numpy().tolist()
    assert str(frame["at"].dtype) == "datetime64[ms, UTC]"


# --- the file with other tools ----------------------------------------------------------------------------------------


def sqlite_utils(*args: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "sqlite_utils", *args], capture_output=True, text=True, timeout=60, check=True
    )
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_the_file_stays_usable_with_sqlite_utils(store: Store) -> None:
    points.write(store, [bars(count=3), levels(2)])
    file = str(store.path)  # beside a bot that has it open
    assert {"table": "bars"} in sqlite_utils("tables", file)
    assert sqlite_utils("tables", file, "--counts", "--no-headers")[0].keys() == {"table", "count"}
    first = sqlite_utils("rows", file, "bars", "-c", "asset", "-c", "close", "--limit", "1")
    assert first == [{"asset": "BTC", "close": 1.0}]
    question = "SELECT venue, count(*) AS n FROM settlements GROUP BY venue"
    assert sqlite_utils("query", file, question) == [{"venue": "okx", "n": 2}]
    assert set(INPUTS) <= {
        str(row["name"])
        for table in ("bars", "levels")
        for row in sqlite_utils("query", file, f"PRAGMA table_info({table})")
    }
