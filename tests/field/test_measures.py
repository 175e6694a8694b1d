"""A file that is in another measure than what is known: from a day on, as a whole, or by its clock. It is kept out."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.archive.importing import History, Imported, read_file
from bot.archive.importing.tables import keep
from signals.units import to_ms
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from tests.field.world import DATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIQUIDATED = "liquidations/binance-btcusdt-daily-2025-06-28_2026-03-25.csv"
HEADER = "at,venue,asset,input,value\n"


def lines(name: str, values: Sequence[float], venue: str = "kraken", step: timedelta = DAY) -> str:
    return "".join(
        f"{FIRST + step * number:%Y-%m-%dT%H:%M:%SZ},{venue},BTC,{name},{value!r}\n"
        for number, value in enumerate(values)
    )


def recording(name: str) -> str:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not beside this checkout (../shared/data)")
    return path.read_text(encoding="utf-8")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "new.db")
    yield store
    store.close()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Imported]:
    def reading(text: str, past: History | None = None, name: str = "file.csv") -> Imported:
        path = tmp_path / name
        path.write_text(text if name.endswith("json") else HEADER + text)
        return read_file(path, now=NOW, past=past)

    return reading


# --- funding, a hundredth or a hundredfold


@pytest.mark.parametrize("asset", ["btc", "eth"])
@pytest.mark.parametrize("day", ["2020-06-10", "2021-03-10", "2022-08-10", "2023-09-12", "2025-05-02", "2026-05-25"])
def test_rates_that_are_a_hundredth_from_a_day_on_are_seen(read: Callable[..., Imported], asset: str, day: str) -> None:
    rows = json.loads(recording(f"funding/binance-{asset}usdt-funding.json"))
    start = to_ms(datetime.fromisoformat(day).replace(tzinfo=UTC))
    changed = [
        row | {"fundingRate": str(float(row["fundingRate"]) / (100 if row["fundingTime"] >= start else 1))}
        for row in rows
    ]
    found = read(json.dumps(changed), name=f"{asset}usdt-funding.json")
    kept = [row for row in found.kept if row.input == "funding_rate"]
    before = sum(row["fundingTime"] < start for row in rows)
    assert abs(len(kept) - before) <= 1, "what stands before the day, and no more"
    assert any("100 times smaller: another unit?" in note for note in found.notes), found.notes


def test_dull_rates_are_no_other_unit(read: Callable[..., Imported]) -> None:
    """Deribit pays nothing for days; a contract that goes quiet pays little of everything but not of the whole."""
    dull = [0.0] * 40 + [1e-4, 2e-6, 3e-5, 0.0] * 20
    assert not read(lines("funding_rate", [1e-4] * 60 + dull, step=8 * HOUR)).problems


@pytest.mark.parametrize(
    ("rates", "known", "kept"),
    [
        pytest.param([0.0091, 0.01, 0.0083, 0.0077, 0.01], None, False, id="a usual day and a half in percent"),
        pytest.param([0.01, 0.01, 0.0012], None, False, id="three payments in percent"),
        pytest.param([0.0021, 0.0032, 0.0018, 0.0025], 2.4e-5, False, id="low ones, beside a store that knows better"),
        pytest.param([0.0021, 0.0032, 0.0018, 0.0025], 4e-4, True, id="dear ones, beside dear ones in store"),
        pytest.param([0.0027, 0.0015, -0.0011, 0.0013, -0.0014, -0.0009], None, True, id="quiet ones, nothing beside"),
        pytest.param(
            [0.0027, 0.0015, -0.0011, 0.0013, -0.0014, -0.0009], 2.4e-5, False, id="quiet ones, beside a store"
        ),
        pytest.param([-0.011, -0.018, -0.009, -0.012], None, True, id="a squeeze of shorts"),
        pytest.param([1e-4, 1e-4, 9e-5], None, True, id="in fractions"),
    ],
)
def test_a_short_file_in_percent(
    read: Callable[..., Imported], store: Store, rates: list[float], known: float | None, kept: bool
) -> None:
    if known is not None:
        times = [to_ms(FIRST - 8 * HOUR * place) for place in range(9, 0, -1)]
        points.write(store, [Points("kraken", "BTC", None, times, {"funding_rate": [known] * 9})])
    found = read(lines("funding_rate", rates, step=8 * HOUR), History(store))
    assert len(found.kept) == (len(rates) if kept else 0)
    told = [note for note in (*found.notes, *map(str, found.problems)) if "percent instead of fractions?" in note]
    alone = kept and known is None and max(map(abs, rates)) > 0.0005
    assert bool(told) == (not kept or alone), "what is kept with nothing to hold it against is noted"


@pytest.mark.parametrize(
    ("name", "level", "times"),
    [
        pytest.param("close", 90_000.0, 0.001, id="a price by the thousand"),
        pytest.param("volume_usd", 5e9, 1e-3, id="a volume in thousands"),
        pytest.param("open_interest_coin", 80_000.0, 1000.0, id="coins by the thousand"),
    ],
)
def test_another_unit_is_not_right_after_a_month_of_it(
    read: Callable[..., Imported], name: str, level: float, times: float
) -> None:
    drift = [0.995**day for day in range(150)]  # to less than half: what began as another unit stays one
    values = [level * drift[day] * (times if day >= 30 else 1) for day in range(150)]
    found = read(lines(name, values))
    assert len(found.kept) == 30
    assert all(row.value > level / 2 for row in found.kept)
    assert any("from 2026-01-31 00:00 UTC on they are 1,000 times" in note for note in found.notes), found.notes


# --- open interest, both sides or two sources


CALM = [30_000 * (1 + 0.001 * (day % 5)) for day in range(30)]
DOUBLED = [value * (2 if day >= 20 else 1) for day, value in enumerate(CALM)]
HALVED = [value * (0.5 if 10 <= day < 20 else 1) for day, value in enumerate(CALM)]
PRICE = [90_000.0 + day for day in range(30)]
MOVED = [90_000.0 * (1.25 if day >= 20 else 1) for day in range(30)]


@pytest.mark.parametrize("name", ["open_interest_coin", "open_interest_usd"])
@pytest.mark.parametrize(
    ("values", "beside", "kept"),
    [
        pytest.param(DOUBLED, "", 20, id="doubled for good"),
        pytest.param(DOUBLED, lines("close", PRICE), 20, id="beside a calm price"),
        pytest.param(DOUBLED, lines("close", MOVED), 30, id="beside a price that moved"),
        pytest.param(HALVED, "", 20, id="halved for ten days"),
        pytest.param(CALM, "", 30, id="calm"),
    ],
)
def test_a_step_for_good_waits_for_a_witness(
    read: Callable[..., Imported], name: str, values: list[float], beside: str, kept: int
) -> None:
    found = read(lines(name, values) + beside)
    assert sum(row.input == name for row in found.kept) == kept
    assert len(found.problems) == 30 - kept
    if kept < 30:
        since = "2026-01-21" if values is DOUBLED else "2026-01-11"
        (note,) = [note for note in found.notes if note.startswith(f"kraken BTC {name} is ")]
        assert f"from {since} 00:00 UTC on" in note
        assert "both sides, or two sources summed?" in note


def test_another_venue_confirms_a_step(read: Callable[..., Imported], store: Store) -> None:
    name = "open_interest_coin"
    both = read(lines(name, DOUBLED) + lines(name, [value * 0.4 for value in DOUBLED], "okx"))
    assert (len(both.kept), both.problems) == (60, [])
    keep(store, both)
    alone = lines(name, [value * 1.5 for value in DOUBLED], "bybit")
    assert len(read(alone, History(store)).kept) == 30
    calm = lines(name, [value * 1.5 for value in CALM], "bybit")
    assert len(read(calm, History(store)).kept) == 30, "and one that does not step is no step"


def test_a_file_goes_on_from_the_store_in_the_same_measure(read: Callable[..., Imported], store: Store) -> None:
    times = [to_ms(FIRST - DAY * place) for place in range(9, 0, -1)]
    points.write(store, [Points("kraken", "BTC", None, times, {"open_interest_coin": [15_000.0] * 9})])
    assert not read(lines("open_interest_coin", CALM), History(store)).kept
    assert len(read(lines("open_interest_coin", [value / 2 for value in CALM]), History(store)).kept) == 30


@pytest.mark.parametrize("times", [2.0, 0.5, 1.02, 1.0])
def test_a_file_is_held_against_what_came_live(read: Callable[..., Imported], store: Store, times: float) -> None:
    """Live figures come some seconds beside the minutes of a file."""
    live = [to_ms(FIRST + DAY * day) + 41_000 for day in range(30)]
    points.write(store, [Points("kraken", "BTC", None, live, {"open_interest_coin": CALM})])
    found = read(lines("open_interest_coin", [value * times for value in CALM]), History(store))
    agrees = abs(times - 1) < 0.1
    assert len(found.kept) == (30 if agrees else 0)
    assert any(f"is {times:g} times what is stored of the same times" in note for note in found.notes) != agrees


@pytest.mark.parametrize(
    ("usd", "kept"),
    [
        pytest.param(90_000.0, 12, id="as they are"),
        pytest.param(1.0, 4, id="coins under the name of dollars"),
        pytest.param(180_000.0, 4, id="both sides in dollars, one in coins"),
    ],
)
def test_dollars_are_coins_times_price(read: Callable[..., Imported], usd: float, kept: int) -> None:
    coins = [80_000.0, 80_400.0, 79_800.0, 80_100.0]
    text = lines("close", [90_000.0] * 4) + lines("open_interest_coin", coins)
    found = read(text + lines("open_interest_usd", [value * usd for value in coins]))
    assert len(found.kept) == kept
    assert any("coins times price: is one in another unit?" in note for note in found.notes) == (kept < 12)


# --- liquidations and the supply of stablecoins


def liquidated(times: float, since: int, end: int = 271, volume: float = 0.0) -> str:
    """Return the recorded liquidations of Binance as a file, so many times as large from a day on."""
    rows = list(csv.DictReader(recording(LIQUIDATED).splitlines()))
    sides = {"liquidated_longs_usd": "long_liq_usd", "liquidated_shorts_usd": "short_liq_usd"}
    said = []
    for place, row in enumerate(rows[:end]):
        at = datetime.fromtimestamp(int(row["t"]), UTC)
        factor = times if place >= since else 1.0
        figures = {name: factor * float(row[column]) for name, column in sides.items()}
        if volume:
            figures["volume_usd"] = volume * (factor if volume > 1e10 else 1.0)
        said += [f"{at:%Y-%m-%dT%H:%M:%SZ},binance,BTC,{name},{value!r}\n" for name, value in figures.items()]
    return "".join(said)


@pytest.mark.parametrize("times", [10.0, 100.0, 1000.0, 0.1, 0.001])
@pytest.mark.parametrize("since", [30, 104, 105, 180, 240])
def test_liquidations_in_another_unit_from_a_day_on(read: Callable[..., Imported], times: float, since: int) -> None:
    """10 October 2025 is the 104th day: twelve times what is usual, and true."""
    found = read(liquidated(times, since))
    assert all(problem.reason.count("is in another unit") == 1 for problem in found.problems)
    refused = len(found.problems) / 2
    assert abs(refused - (271 - since)) <= 5, "what stands before the day, and no more"
    assert len(found.notes) == 2


@pytest.mark.parametrize("days", [9, 20, 60, 271])
def test_no_true_liquidation_is_refused(read: Callable[..., Imported], days: int) -> None:
    assert not read(liquidated(1.0, 0, days)).problems


def test_a_market_that_trades_ten_times_more_is_liquidated_ten_times_more(read: Callable[..., Imported]) -> None:
    assert not read(liquidated(10.0, 105, volume=2e10)).problems
    assert read(liquidated(10.0, 105, volume=1e10)).problems


def test_liquidations_that_go_on_from_the_store_in_another_unit(read: Callable[..., Imported], store: Store) -> None:
    rows = liquidated(1.0, 0).splitlines(keepends=True)
    keep(store, read("".join(rows[:200])))
    later = [line.rsplit(",", 1) for line in rows[200:280]]
    wrong = "".join(f"{begin},{10 * float(value)!r}\n" for begin, value in later)
    found = read(wrong, History(store))
    assert not found.kept
    assert "times what was usual in the month before: is that another unit?" in found.notes[0]
    assert not read("".join(rows[200:280]), History(store)).problems


def test_a_whole_file_of_liquidations_is_held_against_what_is_traded(read: Callable[..., Imported]) -> None:
    """A usual day has 0.7 % of the volume; with nothing beside it a whole file is its own witness."""
    assert not read(liquidated(1.0, 0, volume=1.7e9)).problems
    wrong = read(liquidated(10.0, 0, volume=1.7e9))
    assert {row.input for row in wrong.kept} == {"volume_usd"}
    assert any("of what is traded on a usual day: is that another unit?" in note for note in wrong.notes)


@pytest.mark.parametrize(
    ("scale", "reason"),
    [
        pytest.param(1.0, None, id="dollars"),
        pytest.param(1e-3, "thousands instead of dollars?", id="thousands"),
        pytest.param(1e-6, "millions instead of dollars?", id="millions"),
        pytest.param(1e-9, "billions instead of dollars?", id="billions"),
    ],
)
def test_a_supply_of_stablecoins_is_in_dollars(read: Callable[..., Imported], scale: float, reason: str | None) -> None:
    rows = csv.DictReader(recording("stablecoins/stablecoin-supply-2025-09_2026-03.csv").splitlines())
    text = "".join(
        f"{row['date']},defillama,MARKET,stablecoin_supply_usd,{scale * float(row['stablecoin_usd'])!r}\n"
        for row in rows
    )
    found = read(text)
    assert len(found.kept) == (0 if reason else 212)
    assert all(reason and reason in problem.reason for problem in found.problems)


def test_a_small_supply_of_early_days_is_true(read: Callable[..., Imported]) -> None:
    text = "".join(
        f"2017-0{month}-01,defillama,MARKET,stablecoin_supply_usd,{2e7 * 1.05**month!r}\n" for month in range(1, 7)
    )
    assert len(read(text).kept) == 6


# --- one clock


def test_a_shifted_file_is_refused_as_one(read: Callable[..., Imported]) -> None:
    """Its settlements tell the clock; the daily bars and the open interest of it have no hours of their own."""
    text = recording("winter-2025-26.csv").partition("\n")[2]
    moved = []
    for row in text.splitlines():
        at, rest = row.split(",", 1)
        later = datetime.fromisoformat(at) + 3 * HOUR
        moved.append(f"{later.isoformat().replace('+00:00', 'Z')},{rest}\n")
    found = read("".join(moved))
    assert not found.kept
    first, second = found.notes
    assert first.startswith("binance BTC: settlements lie at 03:00, 11:00, 19:00 UTC")
    assert second == (
        "all BTC, alternative.me MARKET, defillama MARKET: not kept either: a file has one clock, and nothing shows "
        "that theirs is right"
    )
    assert not read(text).notes, "as it is it is whole"


def test_a_clock_that_is_shown_to_be_right_is_kept(read: Callable[..., Imported]) -> None:
    start = FIRST + 3 * HOUR
    late = "".join(
        f"{start + 8 * HOUR * number:%Y-%m-%dT%H:%M:%SZ},kraken,BTC,funding_rate,{1e-4 + number * 1e-6!r}\n"
        for number in range(30)
    )
    right = lines("funding_rate", [1e-4 + number * 1e-6 for number in range(30)], "okx", 8 * HOUR)
    found = read(late + right)
    assert {row.venue for row in found.kept} == {"okx"}
    assert len(found.notes) == 1
