"""Every way into the store passes one border: what cannot be true is named, the rest is kept, a real crash is never
refused."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.archive import parsing
from bot.archive.binance_vision import daily
from bot.archive.importing import History, read_file
from bot.archive.importing.tables import keep
from bot.market.border.judging import Border
from bot.market.border.refusals import said
from bot.market.exchange.contracts import Contract
from signals.inputs import INPUTS
from signals.units import HOUR, HOUR_MS, MINUTE, from_ms, to_ms
from storage.engine.database import Store
from storage.market.points import Newest, Points
from tests.examples import examples
from tests.fakes.archive import zipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.archive.importing import Imported

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HEADER = "at,venue,asset,input,value\n"
DATA = Path(__file__).parents[3] / "shared" / "data"
DAY = timedelta(days=1)


def recording(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not beside this checkout (../shared/data)")
    return path


def line(at: datetime, name: str, value: float, venue: str = "kraken") -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ},{venue},BTC,{name},{value!r}\n"


def read(tmp_path: Path, text: str, past: History | None = None) -> Imported:
    path = tmp_path / "file.csv"
    path.write_text(HEADER + text, encoding="utf-8")
    return read_file(path, now=NOW, past=past)


def days(name: str, values: Sequence[float], start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> str:
    return "".join(line(start + DAY * day, name, value) for day, value in enumerate(values))


CALM = [30e9 * (1 + 0.001 * (day % 5)) for day in range(40)]


def with_one(values: Sequence[float], place: int, times: float, count: int = 1) -> list[float]:
    return [value * (times if place <= number < place + count else 1) for number, value in enumerate(values)]


# --- files


@pytest.mark.parametrize(
    ("text", "lines", "reason"),
    [
        pytest.param(days("funding_rate", [1e-4, 1.5342, 1e-4]), [3], "must not be above 0.05", id="153 % an interval"),
        pytest.param(days("funding_rate", [1e-4, 100.0]), [3], "must not be above 0.05", id="a hundredfold"),
        pytest.param(days("funding_interval_hours", [8, 28_800_000]), [3], "must be 1, 2, 4, 6, 8", id="milliseconds"),
        pytest.param(days("funding_interval_hours", [8, 16]), [3], "must be 1, 2, 4, 6, 8", id="a hole as an interval"),
        pytest.param(
            days("open_interest_usd", with_one(CALM, 20, 1000.0)), [22], "must not be above 1e+12", id="a day x 1000"
        ),
        pytest.param(
            days("open_interest_coin", with_one(CALM, 20, 1000.0)), [22], "is 996 times the last", id="coins x 1000"
        ),
        pytest.param(days("open_interest_coin", with_one(CALM, 20, 0.001)), [22], "is a tiny part", id="coins / 1000"),
        pytest.param(
            days("open_interest_coin", with_one(CALM, 20, 1e4, 10)),
            [*range(22, 32)],
            "from 2026-01-21 00:00 UTC on they are 10,000 times larger",
            id="ten days x 10,000",
        ),
        pytest.param(
            days("open_interest_usd", with_one(CALM, 20, 2.0)),
            [22],
            "is 2 times the last good value, and no other figure agrees with it",
            id="two sources summed for a day",
        ),
        pytest.param(days("open_interest_usd", with_one(CALM, 20, 0.5)), [22], "is 0.5 times the last", id="one side"),
        pytest.param(days("liquidated_longs_usd", [5e6, 8e11, 4e6]), [3], "must not be above 1e+11", id="$800bn"),
        pytest.param(
            days("open_interest_usd", [6e10, 6e10]) + days("liquidated_longs_usd", [5e6, 7e10, 4e6]),
            [5],
            "is more than all that was open",
            id="more than was open",
        ),
        pytest.param(
            days("volume_usd", [5e9, 5e9]) + days("liquidated_shorts_usd", [5e6, 6e9]),
            [5],
            "is more than was traded in its bar",
            id="more than was traded",
        ),
        pytest.param(days("close", with_one([9e4] * 30, 10, 0.001)), [12], "is a tiny part", id="price / 1000"),
        pytest.param(days("close", [9e4, -9e4, 9e4]), [3], "must be above 0", id="negative price"),
        pytest.param(days("volume_usd", [5e9, 5e9]) + days("taker_buy_usd", [2e9, 6e9]), [5], "is above", id="buys"),
    ],
)
def test_what_cannot_be_true_is_named_and_the_rest_kept(
    tmp_path: Path, text: str, lines: list[int], reason: str
) -> None:
    found = read(tmp_path, text)
    assert [problem.line for problem in found.problems] == lines
    assert all(reason in problem.reason for problem in found.problems), found.problems
    assert len(found.kept) == text.count("\n") - len(lines)


def test_a_bar_with_its_low_above_its_high_is_refused_whole(tmp_path: Path) -> None:
    bars: dict[str, list[float]] = {
        "open": [5, 5, 5],
        "high": [6, 4, 6],
        "low": [4, 4.5, 4],
        "close": [5, 5, 5],
        "volume_usd": [9, 9, 9],
    }
    extra = days("liquidated_longs_usd", [1, 1, 1])
    found = read(tmp_path, "".join(days(name, values) for name, values in bars.items()) + extra)
    assert {problem.line for problem in found.problems} == {3, 6, 9, 12, 15}
    assert "low contradicts its bar: 4.5 is not between its low and its high" in {p.reason for p in found.problems}
    assert sum(row.input == "liquidated_longs_usd" for row in found.kept) == 3, "what is no part of the candle stays"


@pytest.mark.parametrize("day", [date(2021, 1, 13), date(2022, 8, 1), date(2026, 1, 13)])
def test_a_switch_from_fractions_to_percent_is_seen(tmp_path: Path, day: date) -> None:
    rows = json.loads(recording("funding/binance-btcusdt-funding.json").read_text())
    start = to_ms(datetime(day.year, day.month, day.day, tzinfo=UTC))
    changed = [
        row | {"fundingRate": str(float(row["fundingRate"]) * (100 if row["fundingTime"] >= start else 1))}
        for row in rows
    ]
    path = tmp_path / "funding.json"
    path.write_text(json.dumps(changed))
    found = read_file(path, now=NOW)
    rates = [row for row in found.kept if row.input == "funding_rate"]
    assert len(rates) == sum(row["fundingTime"] < start for row in rows), "what stands before the day, and no more"
    assert max(row.at for row in rates) < start
    told = f"from {day} 00:00 UTC on they are 100 times larger: percent instead of fractions?"
    assert any(told in note for note in found.notes), found.notes
    assert any(told in problem.reason for problem in found.problems)


@pytest.mark.parametrize("asset", ["btc", "eth"])
@pytest.mark.parametrize(
    "days",
    [
        pytest.param(None, id="the whole history"),
        *(pytest.param(days, id=f"{days} days at a time") for days in (30, 90, 365)),
    ],
)
def test_a_file_in_percent_is_seen(tmp_path: Path, asset: str, days: int | None) -> None:
    """The base rate of 0.01 % is rare since 2025: then a month's usual rate tells it."""
    every = json.loads(recording(f"funding/binance-{asset}usdt-funding.json").read_text())
    count = 3 * days if days else len(every)
    path = tmp_path / "funding.json"
    for first in range(0, len(every) - count + 1, count):
        rows = every[first : first + count]
        path.write_text(json.dumps([row | {"fundingRate": str(float(row["fundingRate"]) * 100)} for row in rows]))
        found = read_file(path, now=NOW)
        assert not [row for row in found.kept if row.input == "funding_rate"], rows[0]
        assert any("percent instead of fractions?" in note for note in found.notes)
        path.write_text(json.dumps(rows))
        assert not read_file(path, now=NOW).problems, "as it was served it is whole"


def test_settlements_at_hours_of_no_venue_are_told_and_refused(tmp_path: Path) -> None:
    start = datetime(2026, 1, 1, 3, tzinfo=UTC)
    text = "".join(line(start + 8 * HOUR * number, "funding_rate", 1e-4 + number * 1e-6) for number in range(30))
    found = read(tmp_path, text)
    assert not found.kept
    (note,) = found.notes
    assert note == (
        "kraken BTC: settlements lie at 03:00, 11:00, 19:00 UTC, and venues settle at 00:00, 08:00 and 16:00; "
        "write the times in UTC, or with their offset"
    )
    assert len(found.problems) == 30
    moved = read(tmp_path, text.replace("Z,", "+03:00,"))
    assert (len(moved.kept), moved.notes) == (30, ()), "with its offset the file is whole"


@pytest.mark.parametrize("venue_hours", [0, 4])
def test_settlements_at_hours_of_venues_are_kept(tmp_path: Path, venue_hours: int) -> None:
    start = datetime(2026, 1, 1, venue_hours, tzinfo=UTC)
    text = "".join(line(start + 8 * HOUR * number, "funding_rate", 1e-4) for number in range(30))
    assert len(read(tmp_path, text).kept) == 30


def test_a_history_that_is_shifted_against_the_store_is_told_and_refused(tmp_path: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    closes = [90_000 + 37.5 * (hour * 7 % 41) for hour in range(100)]
    store = Store(tmp_path / "new.db")

    def hours(shift: int) -> str:
        return "".join(line(start + HOUR * (hour + shift), "close", value) for hour, value in enumerate(closes))

    keep(store, read(tmp_path, hours(0)))
    shifted = read(tmp_path, hours(3), History(store))
    assert not shifted.kept
    assert "the times are 3 h later than those of the same close in store" in shifted.notes[0]
    again = read(tmp_path, hours(0), History(store))
    assert (len(again.kept), again.problems) == (100, [])
    store.close()


@pytest.mark.parametrize(
    ("times", "refused"),
    [
        pytest.param(0.001, True, id="a thousandth"),
        pytest.param(1000.0, True, id="a thousandfold"),
        pytest.param(0.5, True, id="half"),
        pytest.param(1.02, False, id="a premium of two percent"),
    ],
)
def test_a_whole_file_of_a_new_venue_is_measured_by_another_venue(tmp_path: Path, times: float, refused: bool) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    closes = [90_000 + 37.5 * (hour * 7 % 41) for hour in range(100)]
    store = Store(tmp_path / "new.db")

    def hours(scale: float) -> str:
        rows = enumerate(closes)
        both = ((start + HOUR * hour, value) for hour, value in rows)
        return "".join(line(at, "close", value * scale) + line(at, "volume_usd", 1e9) for at, value in both)

    other = hours(times).replace("kraken", "okx")
    assert len(read(tmp_path, other, History(store)).kept) == 200, "with nothing beside it a file is its own witness"
    keep(store, read(tmp_path, hours(1.0)))
    found = read(tmp_path, other, History(store))
    assert len(found.kept) == (100 if refused else 200)
    assert {row.input for row in found.kept} == ({"volume_usd"} if refused else {"close", "volume_usd"})
    if refused:
        assert f"its prices are {times:,g} times those of kraken in store" in found.notes[0]
    store.close()


def test_a_file_goes_on_from_what_is_stored(tmp_path: Path) -> None:
    store = Store(tmp_path / "new.db")
    keep(store, read(tmp_path, days("open_interest_coin", [1e5] * 3)))
    after = datetime(2026, 1, 4, tzinfo=UTC)
    found = read(tmp_path, days("open_interest_coin", [1e8], after), History(store))
    assert not found.kept
    assert "is 1,000 times the last good value" in found.problems[0].reason
    store.close()


# --- what was real


REAL = [
    "winter-2025-26.csv",
    "funding/binance-btcusdt-funding.json",
    "funding/binance-ethusdt-funding.json",
    "ohlcv/binance-spot-btcusdt-1d.json",
    "ohlcv/binance-spot-ethusdt-1d.json",
    "sentiment/alternative-me-fear-greed.json",
]


@pytest.mark.parametrize("name", REAL)
def test_no_crash_of_six_years_is_refused(name: str) -> None:
    found = read_file(recording(name), now=NOW)
    assert found.rows > 1000
    assert (found.refused, found.problems) == (0, [])


def series(name: str) -> list[Points]:
    path = recording(name)
    if path.suffix == ".csv":
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        if "t" in rows[0]:
            columns = {"liquidated_longs_usd": "long_liq_usd", "liquidated_shorts_usd": "short_liq_usd"}
            times = [int(row["t"]) * 1000 for row in rows]
            return [Points("binance", "BTC", DAY, times, {k: [float(r[v]) for r in rows] for k, v in columns.items()})]
        times = [to_ms(datetime.fromisoformat(row["date"]).replace(tzinfo=UTC)) for row in rows]
        supply = [float(row["stablecoin_usd"]) for row in rows]
        return [Points("defillama", "MARKET", None, times, {"stablecoin_supply_usd": supply})]
    rows = json.loads(path.read_text())
    times = [row["timestamp"] for row in rows]
    names = {"open_interest_coin": "sumOpenInterest", "open_interest_usd": "sumOpenInterestValue"}
    names = names if "sumOpenInterest" in rows[0] else {"long_short_accounts": "longShortRatio"}
    return [Points("binance", "BTC", None, times, {k: [float(row[v]) for row in rows] for k, v in names.items()})]


@pytest.mark.parametrize(
    "name",
    [
        "open_interest/binance-btcusdt-oi-hist-1d.json",
        "long_short/binance-btcusdt-global-accounts-1d.json",
        "liquidations/binance-btcusdt-daily-2025-06-28_2026-03-25.csv",
        "stablecoins/stablecoin-supply-2025-09_2026-03.csv",
    ],
)
def test_no_real_series_is_refused(name: str) -> None:
    for points in series(name):
        border = Border()
        passed, rejected = border.admit(points, NOW)
        assert (rejected, len(passed)) == ([], len(points))
        singly = Border()
        for place in range(len(points)):
            assert singly.admit(points.taken([place]), NOW)[1] == [], from_ms(points.times[place])


CRASHES = [  # hourly or daily: open, high, low, close
    pytest.param("LUNA", [(62, 65, 28, 31), (31, 37, 16, 17.5), (17.5, 18, 0.8, 1.1), (1.1, 1.3, 0.0045, 0.0047),
                          (0.0047, 0.005, 0.00001, 0.00005), (0.00005, 0.0006, 0.00004, 0.0002)], id="LUNA, May 2022"),
    pytest.param("FTT", [(22.2, 22.5, 14.6, 15.5), (15.5, 19.3, 3.1, 5.5), (5.5, 6.5, 1.9, 2.3)], id="FTX"),
    pytest.param("ATOM", [(4.0, 4.1, 3.9, 4.0), (4.0, 4.05, 0.001, 3.2), (3.2, 3.4, 3.1, 3.3)], id="10 October"),
]  # fmt: skip


@pytest.mark.parametrize(("asset", "bars"), CRASHES)
def test_a_candle_that_holds_together_is_believed(asset: str, bars: list[tuple[float, ...]]) -> None:
    times = [to_ms(NOW) - (len(bars) - place) * 24 * HOUR_MS for place in range(len(bars))]
    columns = {name: [float(bar[n]) for bar in bars] for n, name in enumerate(("open", "high", "low", "close"))}
    passed, rejected = Border().admit(Points("binance", asset, DAY, times, columns), NOW)
    assert (rejected, len(passed)) == ([], len(bars))


# --- live


def one(value: float, at: datetime, name: str = "open_interest_coin", venue: str = "binance") -> Points:
    return Points(venue, "BTC", None, [to_ms(at)], {name: [value]})


def seasoned(name: str, value: float) -> Border:
    return Border(lambda venue, _, asked: Newest(NOW - MINUTE, value, venue) if asked == name else None)


@pytest.mark.parametrize("times", [2.0, 0.5, 1000.0, 0.001])
@pytest.mark.parametrize("name", ["open_interest_coin", "open_interest_usd"])
def test_a_doubled_open_interest_waits_for_a_second_answer(name: str, times: float) -> None:
    border = seasoned(name, 3.4e4)
    passed, (rejected,) = border.admit(one(3.4e4 * times, NOW, name), NOW)
    assert (len(passed), rejected.name) == (0, name)
    passed, rejected_again = border.admit(one(3.42e4, NOW + MINUTE, name), NOW + MINUTE)
    assert (len(passed), rejected_again) == (1, []), "the truth that comes next is stored, and nothing else"


def test_what_a_second_answer_confirms_is_stored_with_it() -> None:
    border = seasoned("depth_bids_usd", 1e5)
    border.admit(one(2e7, NOW, "depth_bids_usd"), NOW)
    passed, rejected = border.admit(one(1.9e7, NOW + MINUTE, "depth_bids_usd"), NOW + MINUTE)
    assert rejected == []
    assert list(passed.times) == [to_ms(NOW), to_ms(NOW + MINUTE)]
    assert list(passed.columns["depth_bids_usd"]) == [2e7, 1.9e7]


def lived(minutes: int, *, price: float = 1.0, beside: float | None = None, usd: float = 3e9) -> float | None:
    """Return after how many minutes a halved open interest is believed, if ever. price, beside: how these move then."""
    border = Border()
    for minute in range(-3, minutes):
        at, leapt = NOW + MINUTE * minute, minute >= 0
        border.admit(one(90_000 * (price if leapt else 1.0), at, "mark_price"), at)
        border.admit(one(usd, at, "open_interest_usd", "bitget"), at)
        if beside is not None:
            border.admit(one(5e4 * (beside if leapt else 1.0), at, venue="bybit"), at)
        passed, _ = border.admit(one(1.6e4 if leapt else 3.4e4, at), at)
        if leapt and len(passed):
            return minute
    return None


@pytest.mark.parametrize(
    ("given", "believed"),
    [
        pytest.param({}, 60, id="a lone venue, after an hour"),
        pytest.param({"beside": 1.0}, None, id="not while another one stands still"),
        pytest.param({"beside": 0.5}, 0, id="with another one at once"),
        pytest.param({"beside": 1.0, "price": 0.85}, 1, id="with the price by the next answer"),
        pytest.param({"usd": 2e6}, 1, id="of a small coin by the next answer"),
    ],
)
def test_a_halved_open_interest_that_is_repeated_has_to_be_proven(
    given: dict[str, float], believed: int | None
) -> None:
    assert lived(6 * 60, **given) == believed


def test_what_held_for_a_day_is_the_new_measure() -> None:
    assert lived(25 * 60, beside=1.0) == 24 * 60


def test_after_hours_that_nobody_saw_the_next_answer_is_enough() -> None:
    border = Border(lambda venue, _, asked: Newest(NOW - 2 * HOUR, 3.4e4, venue))
    border.admit(one(1.6e4, NOW), NOW)
    assert len(border.admit(one(1.58e4, NOW + MINUTE), NOW + MINUTE)[0]) == 2


def test_the_same_answer_again_confirms_nothing() -> None:
    border = seasoned("open_interest_coin", 3.4e4)
    for _ in range(3):
        passed, _ = border.admit(one(6.8e4, NOW), NOW)
        assert len(passed) == 0


def test_another_venue_confirms() -> None:
    border = seasoned("open_interest_coin", 3.4e4)
    assert len(border.admit(one(1.5e4, NOW), NOW)[0]) == 0
    assert len(border.admit(one(1.45e4, NOW + MINUTE, venue="bybit"), NOW + MINUTE)[0]) == 1


def test_a_calm_rate_a_hundredfold_waits() -> None:
    border = Border()
    for minute in range(5):
        border.admit(one(1e-4, NOW + MINUTE * minute, "funding_rate"), NOW + MINUTE * minute)
    at = NOW + 5 * MINUTE
    passed, (rejected,) = border.admit(one(1e-2, at, "funding_rate"), at)
    assert len(passed) == 0
    assert said(rejected) == "is 100 times what was usual, and no other figure agrees with it"
    assert len(border.admit(one(1.1e-2, at + MINUTE, "funding_rate"), at + MINUTE)[0]) == 2


def test_values_of_another_field_for_a_week_are_never_stored() -> None:
    border = Border()
    stored: list[float] = []
    for hour in range(7 * 24):
        at = NOW + HOUR * hour
        value = {0: 1_000.0, 7: 90_000.0}.get(hour % 13, 34_000.0 + hour) if hour else 34_000.0
        stored += border.admit(one(value, at), at)[0].columns.get("open_interest_coin", [])
    assert all(34_000 <= value <= 34_200 for value in stored)
    assert len(stored) > 130, "and all true ones are"


# --- one border


PRICE = st.sampled_from([100.0, 101.0, 99.0, 100.5, 0.1, 1e5, 0.0, -5.0])
FLOW = st.sampled_from([10.0, 20.0, 0.0, -1.0, 5e12])
BAR = st.tuples(PRICE, PRICE, PRICE, PRICE, FLOW, FLOW)
NAMES = ("open", "high", "low", "close", "volume_usd", "taker_buy_usd")
FIRST = datetime(2026, 11, 19, tzinfo=UTC)
SOUND = (100.0, 102.0, 98.0, 101.0, 20.0, 10.0)


@examples(60)
@given(st.lists(st.just(SOUND) | BAR, min_size=24, max_size=24))
def test_what_one_way_rejects_all_reject(
    tmp_path_factory: pytest.TempPathFactory, bars: list[tuple[float, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("ways")
    times = [to_ms(FIRST + HOUR * place) for place in range(len(bars))]

    def values(points: Sequence[Points]) -> set[tuple[int, str, float]]:
        return {
            (at, name, value)
            for table in points
            for name, column in table.columns.items()
            for at, value in zip(table.times, column, strict=True)
            if value == value  # noqa: PLR0124 - NaN
        }

    columns = {name: [bar[place] for bar in bars] for place, name in enumerate(NAMES)}
    live = values([Border().admit(Points("binance", "BTC", HOUR, times, columns), NOW)[0]])

    text = HEADER + "".join(
        line(from_ms(at), name, value, "binance")
        for at, bar in zip(times, bars, strict=True)
        for name, value in zip(NAMES, bar, strict=True)
    )
    (folder / "file.csv").write_text(text)
    csv_file = {(row.at, row.input, row.value) for row in read_file(folder / "file.csv", now=NOW).kept}

    rows: list[list[Any]] = [
        [at, *map(str, bar[:4]), "0", at + HOUR_MS - 1, str(bar[4]), 1, "0", str(bar[5]), "0"]
        for at, bar in zip(times, bars, strict=True)
    ]
    (folder / "btcusdt-1h.json").write_text(json.dumps(rows))
    raw = {(row.at, row.input, row.value) for row in read_file(folder / "btcusdt-1h.json", now=NOW).kept}

    file = daily("klines", Contract("binance", "BTC", "BTC/USDT:USDT", "BTCUSDT"), FIRST.date())
    packed = zipped(f"{file.name}.csv", "\n".join(",".join(map(str, row)) for row in rows))
    archive = values(parsing.klines(file, packed, NOW).points)
    assert live == csv_file == raw == archive


@examples(60)
@given(
    name=st.sampled_from(["open_interest_coin", "open_interest_usd", "funding_rate", "mark_price", "fear_greed"]),
    picks=st.lists(st.sampled_from([1.0, 1.0, 1.1, 2.0, 0.5, 1000.0, 0.0, -1.0, 100.0]), min_size=6, max_size=30),
)
@example(name="mark_price", picks=[1.0, 1.0, 1.1, 100.0, 1.0, 1.1])  # what is held agrees with one within the limit
@example(name="funding_rate", picks=[1000.0, 1000.0, 1000.0, 1000.0, 100.0, 100.0, 100.0])  # and no file in percent
def test_one_by_one_or_at_once_the_same_is_stored(name: str, picks: list[float]) -> None:
    usual = 1e-4 if name == "funding_rate" else 50.0
    if name == "funding_rate":
        picks = picks[:10]  # of eighteen rates on a batch sees a change of units that one by one nobody can see
    values = [usual] * 5 + [usual * pick for pick in picks] + [usual] * 2
    start = to_ms(NOW) - len(values) * HOUR_MS
    times = [start + place * HOUR_MS for place in range(len(values))]
    points = Points("binance", "BTC", None, times, {name: values})
    at_once, _ = Border().admit(points, NOW)
    singly = Border()
    found: dict[int, float] = {}
    for place in range(len(values)):
        passed, _ = singly.admit(points.taken([place]), NOW)
        found |= dict(zip(passed.times, passed.columns.get(name, []), strict=True))
    assert found == dict(zip(at_once.times, at_once.columns.get(name, []), strict=True))


def test_rates_that_are_usual_again_are_kept() -> None:
    """A change of units ends where the usual rates come back, also where they are too few for a border of their own."""
    rates = [1e-4] * 11 + [0.01] * 12 + [1e-4] * 2
    times = [to_ms(NOW) - (len(rates) - place) * 8 * HOUR_MS for place in range(len(rates))]
    passed, _ = Border().admit(Points("binance", "BTC", None, times, {"funding_rate": rates}), NOW)
    assert set(times[-2:]) <= set(passed.times)
    assert not set(times[11:23]) & set(passed.times)


@pytest.mark.parametrize(
    "bar",
    [
        pytest.param(
            {"open": 79_309.0, "high": 79_309_000.0, "low": 79_200.0, "close": 79_250.0}, id="the high x 1000"
        ),
        pytest.param({"high": 79_309_000.0, "low": 79_200.0, "close": 79_250.0}, id="without an open"),
        pytest.param({"high": 79_309_000.0, "low": 79_200.0}, id="beside a low alone"),
    ],
)
def test_a_high_of_another_unit(bar: dict[str, float]) -> None:
    points = Points("binance", "BTC", HOUR, [to_ms(NOW) - 2 * HOUR_MS], {name: [value] for name, value in bar.items()})
    passed, _ = Border().admit(points, NOW)
    assert "high" not in passed.columns


def test_every_input_has_its_rule() -> None:
    border = Border()
    for name, input_ in INPUTS.items():
        step = HOUR if input_.kind == "bar" else None
        times = [to_ms(NOW) - 2 * HOUR_MS, to_ms(NOW) - HOUR_MS]
        passed, rejected = border.admit(Points("x", "BTC", step, times, {name: [float("nan"), float("inf")]}), NOW)
        assert (len(passed), len(rejected)) == (0, 2), name
