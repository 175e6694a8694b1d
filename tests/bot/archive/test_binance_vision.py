"""The archive at its border: addresses, checksums, patience; and each file's content, good and bad."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.archive import depth, parsing
from bot.archive.binance_vision import BinanceArchive, Damaged, daily, monthly
from bot.market.exchange.contracts import Contract
from bot.market.exchange.recipe import Unreadable
from bot.market.source import Blocked, NotOffered, SourceDown
from tests.fakes import archive as model
from tests.fakes.archive import FakeArchive, Listed, zipped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.archive.parsing import Read

NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
YESTERDAY = date(2026, 11, 19)
BTC = Contract("binance", "BTC", "BTC/USDT:USDT", "BTCUSDT")
PEPE = Contract("binance", "PEPE", "1000PEPE/USDT:USDT", "1000PEPEUSDT", 1000)
COIN = Listed("BTCUSDT", 90_000.0, 85_000.0)
FILE = daily("metrics", BTC, YESTERDAY)
NAME = "BTCUSDT-metrics-2026-11-19"


@pytest.fixture
async def served() -> AsyncIterator[FakeArchive]:
    listed = (COIN, Listed("1000PEPEUSDT", 0.008, 5e9))
    async with FakeArchive(YESTERDAY, listed) as archive:
        yield archive


@pytest.fixture
async def archive(served: FakeArchive) -> AsyncIterator[BinanceArchive]:
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    source = BinanceArchive(clock=lambda: NOW, timeout_s=2, base_url=served.base_url, pause=pause)
    source.waited = waited  # type: ignore[attr-defined]
    yield source
    await source.close()
    await source.close()


# --- addresses, as github.com/binance/binance-public-data lists them


@pytest.mark.parametrize(
    ("file", "path"),
    [
        pytest.param(
            daily("metrics", BTC, date(2024, 2, 16)),
            "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-02-16.zip",
            id="metrics",
        ),
        pytest.param(
            monthly("klines", BTC, date(2024, 2, 16)),
            "data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-02.zip",
            id="bars of a month",
        ),
        pytest.param(
            daily("klines", PEPE, date(2026, 1, 1)),
            "data/futures/um/daily/klines/1000PEPEUSDT/1h/1000PEPEUSDT-1h-2026-01-01.zip",
            id="bars of a day",
        ),
        pytest.param(
            monthly("funding", BTC, date(2025, 12, 31)),
            "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2025-12.zip",
            id="funding",
        ),
        pytest.param(
            daily("depth", BTC, date(2025, 5, 19)),
            "data/futures/um/daily/bookDepth/BTCUSDT/BTCUSDT-bookDepth-2025-05-19.zip",
            id="book depth",
        ),
    ],
)
def test_addresses(file: Any, path: str) -> None:
    assert file.path == path


def test_a_month_ends_where_the_next_begins() -> None:
    file = monthly("klines", BTC, date(2025, 12, 31))
    assert (file.start, file.end) == (datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


# --- the wire


async def test_a_file_is_verified(served: FakeArchive, archive: BinanceArchive) -> None:
    checksum = await archive.checksum(FILE)
    assert checksum is not None
    content, same = await archive.content(FILE, checksum)
    assert (content, same) == (served.body(NAME), checksum)
    assert await archive.checksum(daily("metrics", BTC, date(2026, 11, 21))) is None


async def test_a_wrong_sidecar_that_was_mended_meanwhile_is_believed(
    served: FakeArchive, archive: BinanceArchive
) -> None:
    served.faults[NAME] = "bad_sum_once"
    content, checksum = await archive.content(FILE, await archive.checksum(FILE) or "")
    assert content == served.body(NAME)
    assert checksum != "0" * 64
    assert served.requests[NAME] == 2


@pytest.mark.parametrize("fault", ["bad_sum", "html"])
async def test_content_that_never_fits_is_damaged_after_two_tries(
    served: FakeArchive, archive: BinanceArchive, fault: Any
) -> None:
    served.faults[NAME] = fault
    with pytest.raises(Damaged, match="another checksum"):
        await archive.content(FILE, await archive.checksum(FILE) or "")
    assert served.requests[NAME] == 2


async def test_a_cut_file_is_asked_for_again(served: FakeArchive, archive: BinanceArchive) -> None:
    served.faults[NAME] = "cut_once"
    content, _ = await archive.content(FILE, await archive.checksum(FILE) or "")
    assert content == served.body(NAME)


@pytest.mark.parametrize(
    ("fault", "error", "text", "requests"),
    [
        pytest.param("geo", Blocked, "refuses this host or its country", 1, id="blocked: not asked twice"),
        pytest.param("unavailable", SourceDown, "not available", 3, id="down"),
        pytest.param("hang_up", SourceDown, "cannot be reached", None, id="hangs up"),
        pytest.param("busy", SourceDown, "too fast", 3, id="too fast"),
        pytest.param("html_sidecar", SourceDown, "maintenance", 3, id="a page with status 200"),
    ],
)
async def test_trouble_of_the_host_is_ours_in_words(
    served: FakeArchive, archive: BinanceArchive, fault: Any, error: type[Exception], text: str, requests: int | None
) -> None:
    served.faults["*"] = fault
    with pytest.raises(error, match=text):
        await archive.checksum(FILE)
    assert requests in (None, served.requests[f"{NAME}.CHECKSUM"]), "aiohttp repeats a hang-up by itself"


async def test_nobody_listens() -> None:
    async def pause(_: float) -> None: ...

    archive = BinanceArchive(clock=lambda: NOW, timeout_s=1, base_url="http://127.0.0.1:9", pause=pause)
    with pytest.raises(SourceDown, match="cannot be reached"):
        await archive.checksum(FILE)
    await archive.close()


async def test_a_named_rest_is_kept(served: FakeArchive, archive: BinanceArchive) -> None:
    served.faults["*"] = "busy"
    with pytest.raises(SourceDown):
        await archive.checksum(FILE)
    assert archive.waited == [1.0, 1.0]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("asset", "market_id", "multiplier"),
    [pytest.param("BTC", "BTCUSDT", 1, id="plain"), pytest.param("PEPE", "1000PEPEUSDT", 1000, id="packed")],
)
async def test_contracts(archive: BinanceArchive, asset: str, market_id: str, multiplier: int) -> None:
    found = await archive.contract(asset, (YESTERDAY,))
    assert (found.asset, found.market_id, found.multiplier) == (asset, market_id, multiplier)


async def test_an_unknown_asset_is_named(archive: BinanceArchive) -> None:
    with pytest.raises(NotOffered, match="no USDT perpetual of NOPE"):
        await archive.contract("NOPE", (YESTERDAY,))


# --- bars

MONTH = monthly("klines", BTC, date(2026, 9, 1))


def bars(change: Callable[[list[str]], list[str]] = list, *, header: bool = True) -> Read:
    rows = model.klines(COIN, MONTH.start, MONTH.end, header=header).splitlines()
    return parsing.klines(MONTH, zipped(f"{MONTH.name}.csv", "\n".join(change(rows))), NOW)


@pytest.mark.parametrize("header", [True, False], ids=["with a header", "without one"])
def test_bars_have_quote_volume_and_taker_buys(header: bool) -> None:
    read = bars(header=header)
    (points,) = read.points
    assert (read.rows, read.kept, read.refused, read.gaps) == (720, 720, 0, ())
    assert points.step == timedelta(hours=1)
    assert points.frame().index[0] == MONTH.start, "a bar is stamped with its open"
    row = model.klines(COIN, MONTH.start, MONTH.end).splitlines()[1].split(",")
    expected = [float(row[column]) for column in (1, 2, 3, 4, 7, 10)]
    names = ["open", "high", "low", "close", "volume_usd", "taker_buy_usd"]
    assert points.frame().iloc[0][names].tolist() == expected


def test_a_packed_coin_is_priced_singly() -> None:
    file = monthly("klines", PEPE, date(2026, 9, 1))
    text = model.klines(Listed("1000PEPEUSDT", 0.8, 5e9), file.start, file.end)
    (points,) = parsing.klines(file, zipped(f"{file.name}.csv", text), NOW).points
    assert points.frame()["close"].iloc[0] == pytest.approx(0.0008, rel=0.05)
    assert points.frame()["volume_usd"].iloc[0] > 1e6, "dollars are dollars"


def test_missing_and_contradicting_bars_are_gaps() -> None:
    def spoil(rows: list[str]) -> list[str]:
        twice = rows[30].replace(",4321,", ",4322,")  # the trade count is not read: the same bar twice
        other = rows[40].split(",")
        other[7] = "1.0"
        other[10] = "0.5"
        high = rows[50].split(",")
        high[2] = "1.0"
        return [*rows[:10], *rows[13:50], ",".join(high), *rows[51:], twice, ",".join(other)]

    read = bars(spoil)
    assert [(gap.start.hour, (gap.end - gap.start).seconds // 3600, gap.reason) for gap in read.gaps] == [
        (9, 3, parsing.MISSING_ROWS),
        (15, 1, parsing.TWO_VALUES),
        (1, 1, parsing.IMPOSSIBLE),
    ]
    assert read.kept == 720 - 5
    assert any("contradicts its bar" in said for said in read.said)


# --- what is no file of this kind


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(b"", "no whole zip", id="nothing"),
        pytest.param(model.PAGE, "no whole zip", id="a page"),
        pytest.param(zipped(f"{MONTH.name}.csv", "x" * 2000)[:-60], "no whole zip", id="cut"),
        pytest.param(zipped(f"{MONTH.name}.csv", ""), "no rows", id="an empty file"),
        pytest.param(zipped(f"{MONTH.name}.csv", model.KLINES_HEAD + "\n"), "header and no rows", id="a header alone"),
        pytest.param(zipped("other.csv", "1,2\n"), "holds 'other.csv'", id="another file inside"),
        pytest.param(
            zipped(f"{MONTH.name}.csv", "open_time,close\n1788220800000,1\n"), "its columns are", id="other columns"
        ),
        pytest.param(zipped(f"{MONTH.name}.csv", "1788220800000,1,2,3\n"), "4 columns", id="too few columns"),
        pytest.param(
            zipped(f"{MONTH.name}.csv", "1788220800000000,1,2,1,1,5,1788224399999999,9,3,2,4,0\n"),
            "microseconds",
            id="the spot market's clock",
        ),
        pytest.param(
            zipped(f"{MONTH.name}.csv", "1788220800,1,2,1,1,5,1788224399,9,3,2,4,0\n"), "milliseconds", id="seconds"
        ),
    ],
)
def test_a_file_of_another_shape_is_refused_whole(content: bytes, text: str) -> None:
    with pytest.raises(Unreadable, match=text):
        parsing.klines(MONTH, content, NOW)


def test_an_empty_zip_is_refused() -> None:
    with pytest.raises(Unreadable, match="zip file is empty"):
        parsing.klines(MONTH, b"PK\x05\x06" + bytes(18), NOW)


# --- funding


def test_funding_keeps_milliseconds_and_intervals() -> None:
    file = monthly("funding", BTC, date(2026, 9, 1))
    read = parsing.funding(file, zipped(f"{file.name}.csv", model.funding(COIN, file.start, file.end)), NOW)
    (points,) = read.points
    assert (read.rows, read.kept, read.gaps) == (90, 90, ())
    assert set(points.frame()["funding_interval_hours"]) == {8.0}
    assert points.frame().index[5].microsecond % 1000 == 0
    assert any(at.microsecond for at in points.frame().index)


def test_missing_settlements_are_a_gap_and_a_changed_interval_is_none() -> None:
    file = monthly("funding", BTC, date(2026, 9, 1))
    change = file.start + timedelta(days=10)
    first = model.funding(COIN, file.start, change)
    then = model.funding(COIN, change, file.end, hours=4).splitlines()[1:]
    rows = [*first.splitlines(), *then]
    whole = parsing.funding(file, zipped(f"{file.name}.csv", "\n".join(rows)), NOW)
    assert whole.gaps == ()
    holed = parsing.funding(file, zipped(f"{file.name}.csv", "\n".join([*rows[:5], *rows[7:-6]])), NOW)
    assert [(gap.start.day, gap.end.day) for gap in holed.gaps] == [(2, 3), (29, 1)]


# --- metrics


def measured(
    change: Callable[[list[str]], list[str]] = list, day: date = YESTERDAY, *, at_end: bool | None = None
) -> Read:
    file = daily("metrics", BTC, day)
    rows = model.metrics(COIN, day, at_end=at_end).splitlines()
    return parsing.metrics(file, zipped(f"{file.name}.csv", "\n".join(change(rows))), NOW)


@pytest.mark.parametrize("at_end", [True, False], ids=["labels of the end", "labels of the beginning"])
def test_a_row_is_known_at_the_end_of_its_five_minutes(at_end: bool) -> None:
    (points,) = measured(at_end=at_end).points
    start = FILE.start
    assert points.frame().index[0] == start + timedelta(minutes=5)
    assert points.frame().index[-1] == FILE.end
    assert points.frame()["open_interest_coin"].iloc[0] == pytest.approx(
        model.coins(COIN, round((start.timestamp() + 300) * 1000)), abs=1e-6
    )


def test_labels_some_seconds_late_are_of_their_five_minutes() -> None:
    read = measured(lambda rows: [row.replace(":00,BTC", ":03,BTC") for row in rows], at_end=True)
    assert (read.kept, read.gaps, read.refused) == (288, (), 0)
    assert read.points[0].frame().index[-1] == FILE.end + timedelta(seconds=3)


def test_a_short_file_that_does_not_show_its_clock_is_never_early() -> None:
    (points,) = measured(lambda rows: rows[:100], at_end=True).points
    assert points.frame().index[0] == FILE.start + timedelta(minutes=10), "five minutes late at worst, never ahead"


def test_the_three_ratios_are_not_mixed_up_and_the_taker_column_is_left() -> None:
    (points,) = measured().points
    row = points.frame().iloc[0]
    assert (row["long_short_top_accounts"], row["long_short_top_positions"], row["long_short_accounts"]) == (
        1.5, 1.2, 1.8,
    )  # fmt: skip
    assert set(points.frame().columns) == {
        "open_interest_coin", "open_interest_usd", "long_short_accounts", "long_short_top_accounts",
        "long_short_top_positions",
    }  # fmt: skip


def test_rows_out_of_order_are_put_in_order() -> None:
    (points,) = measured(lambda rows: [rows[0], *rows[:0:-1]]).points
    assert points.frame().index.is_monotonic_increasing


def spoiled(column: int, value: str, first: int, last: int) -> Callable[[list[str]], list[str]]:
    def change(rows: list[str]) -> list[str]:
        fields = [row.split(",") for row in rows]
        for row in fields[first:last]:
            row[column] = value
        return [",".join(row) for row in fields]

    return change


@pytest.mark.parametrize(
    ("change", "gaps"),
    [
        pytest.param(
            spoiled(2, "0", 187, 289), [("open_interest", "15:30", "00:00", parsing.ZERO)], id="102 zeros",
        ),
        pytest.param(
            lambda rows: rows[:164], [("open_interest", "13:35", "00:00", "rows are missing"),
                                      ("long_short", "13:35", "00:00", "rows are missing")], id="163 of 288 rows",
        ),
        pytest.param(spoiled(6, "", 1, 13), [], id="one ratio blank, the others there"),
        pytest.param(
            lambda rows: [*rows[:5], *rows[4:5], *rows[5:]], [], id="the same row twice is one",
        ),
        pytest.param(
            lambda rows: [*rows, rows[4].replace(",1.5", ",2.5")],
            [("open_interest", "00:15", "00:20", "two values for one time"),
             ("long_short", "00:15", "00:20", "two values for one time")], id="two values for one time",
        ),
        pytest.param(
            spoiled(1, "ETHUSDT", 1, 2),
            [("open_interest", "00:00", "00:05", "rows that cannot be read"),
             ("long_short", "00:00", "00:05", "rows that cannot be read")], id="another coin",
        ),
        pytest.param(
            spoiled(3, "abc", 1, 2), [("open_interest", "00:00", "00:05", "rows that cannot be read"),
                                      ("long_short", "00:00", "00:05", "rows that cannot be read")], id="no number",
        ),
        pytest.param(
            spoiled(2, "8500000000", 100, 101),
            [("open_interest", "08:15", "08:20", "impossible figures")], id="a slip of a hundred thousand",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_and_not_filled(
    change: Callable[[list[str]], list[str]], gaps: list[tuple[str, str, str, str]]
) -> None:
    read = measured(change)
    assert [(gap.group, f"{gap.start:%H:%M}", f"{gap.end:%H:%M}", gap.reason) for gap in read.gaps] == gaps
    frame = read.points[0].frame()
    for gap in read.gaps:
        inside = frame[(frame.index > gap.start) & (frame.index <= gap.end)]
        column = {"open_interest": "open_interest_coin", "long_short": "long_short_accounts"}[gap.group]
        assert inside[column].isna().all()


def test_old_levels_are_kept_by_the_hour() -> None:
    read = measured(day=date(2026, 9, 1))
    assert (read.rows, read.kept) == (288, 25), "the last row is known at midnight, an hour of its own"
    assert read.gaps == ()


# --- depth

DEPTH = daily("depth", BTC, YESTERDAY)


def book(change: Callable[[list[str]], list[str]] = list, *, bars: bool = True) -> Read:
    rows = change(model.depth(COIN, YESTERDAY).splitlines())
    hours = range(round(DEPTH.start.timestamp() * 1000), round(DEPTH.end.timestamp() * 1000), model.HOUR)
    prices = dict.fromkeys(hours, (88000.0, 92000.0)) if bars else {}
    return depth.depth(DEPTH, zipped(f"{DEPTH.name}.csv", "\n".join(rows)), NOW, prices)


@pytest.mark.slow
def test_depth_within_one_percent_every_five_minutes() -> None:
    read = book()
    (points,) = read.points
    assert (read.rows, read.kept, read.gaps) == (2880 * 12, 288, ())
    assert set(points.frame().columns) == {"depth_bids_usd", "depth_asks_usd"}
    at = points.frame().index[0]
    assert at == DEPTH.start + timedelta(minutes=4, seconds=30), "the last snapshot of the five minutes"
    row = next(
        row for row in model.depth(COIN, YESTERDAY).splitlines() if row.startswith(f"{at:%Y-%m-%d %H:%M:%S},-1.00")
    )
    assert points.frame()["depth_bids_usd"].iloc[0] == float(row.split(",")[3])


@pytest.mark.slow
def test_bands_written_without_decimals_are_the_same_bands() -> None:
    assert book(lambda rows: [row.replace(".00,", ",", 1) for row in rows]).kept == 288


def still(rows: list[str], band: str, first: str) -> list[str]:
    """Freeze a band from a clock time on."""
    held: str | None = None
    out = []
    for row in rows:
        at, percentage, rest = row.split(",", 2)
        if percentage == band and at[11:] >= first:
            held = held or rest
            out.append(f"{at},{percentage},{held}")
        else:
            out.append(row)
    return out


@pytest.mark.slow
def test_a_band_that_freezes_at_noon_is_dropped_from_noon_on() -> None:
    read = book(lambda rows: still(rows, "1.00", "12:00:00"))
    (gap,) = read.gaps
    assert (gap.group, f"{gap.start:%H:%M}", gap.end) == ("depth_asks", "12:00", DEPTH.end)
    assert gap.reason == depth.FROZEN
    frame = read.points[0].frame()
    assert frame["depth_bids_usd"].notna().sum() == 288, "the other side is sound"
    assert frame["depth_asks_usd"].notna().sum() == 144


@pytest.mark.slow
@pytest.mark.parametrize("bars", [True, False], ids=["against the bars", "against the day's own middle"])
def test_snapshots_of_another_time_are_dropped(bars: bool) -> None:
    def move(rows: list[str]) -> list[str]:
        out = []
        for row in rows:
            (
                at,
                percentage,
                amount,
                notional,
            ) = row.split(",")
            if "11:05:00" <= at[11:] < "11:12:00":  # prices of some months ago, under today's clock
                notional = f"{float(notional) * 0.8:.8f}"
            out.append(f"{at},{percentage},{amount},{notional}")
        return out

    read = book(lambda rows: [rows[0], *move(rows[1:])], bars=bars)
    assert [(gap.group, f"{gap.start:%H:%M}", f"{gap.end:%H:%M}") for gap in read.gaps] == [
        ("depth_bids", "11:05", "11:10"),
        ("depth_asks", "11:05", "11:10"),
    ]
    assert {gap.reason for gap in read.gaps} == {depth.MISALIGNED}


@pytest.mark.slow
def test_missing_snapshots_are_a_gap() -> None:
    read = book(lambda rows: [row for row in rows if not "03:00" <= row[11:16] < "03:20"])
    assert [(f"{gap.start:%H:%M}", f"{gap.end:%H:%M}", gap.reason) for gap in read.gaps] == [
        ("03:00", "03:20", parsing.MISSING_ROWS)
    ] * 2
