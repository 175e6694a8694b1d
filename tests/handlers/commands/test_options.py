from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers.charts import pictures
from handlers.charts.scales import y_range
from handlers.command import Refused
from handlers.reply import Picture, Table
from signals.options import Chain, Option, OptionKind
from signals.units import HOUR_MS, to_ms
from storage.engine.database import Store
from storage.market import options, points
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2025, 12, 4, 23, 12, tzinfo=UTC)
AT = NOW - timedelta(minutes=12)
FRIDAY, QUARTER = datetime(2025, 12, 12, 8, tzinfo=UTC), datetime(2025, 12, 26, 8, tzinfo=UTC)
ROWS: list[tuple[datetime, float, OptionKind, float, bool]] = [
    (FRIDAY, 90_000, "call", 1500.0, True),
    (FRIDAY, 88_000, "put", 3000.0, True),
    (QUARTER, 100_000, "call", 20_000.0, True),
    (QUARTER, 100_000, "put", 636.2, False),
    (QUARTER, 85_000, "put", 13_500.0, True),
    (QUARTER, 110_000, "call", 9000.0, True),
    (QUARTER, 120_000, "call", 0.0, False),
]


def chain(asset: str = "BTC", *, at: datetime = AT, index: float | None = 92_530.0, scale: float = 1.0) -> Chain:
    found = tuple(
        Option(expiry, strike * scale, kind, coins, 50.0, quoted) for expiry, strike, kind, coins, quoted in ROWS
    )
    return Chain("deribit", asset, at, found, index)


@pytest.fixture
def room(tmp_path: Path) -> Callable[..., Desk]:
    def of(*chains: Chain, now: datetime = NOW) -> Desk:
        store = Store(tmp_path / "options.db")
        options.write(store, chains)
        return Desk(store, now, assets=("BTC", "ETH", "SOL"))

    return of


LEAST = (
    "Least payout (max pain) at $100,000, 8.1 % above the index; "
    "next $85,000, where $9.5m would be paid and there nothing."
)


def test_all_options_and_the_largest_expiry(room: Callable[..., Desk]) -> None:
    assert room(chain()).text("/options btc").splitlines()[:-2] == [
        "BTC options: 47,636 BTC, $4.4bn open.",
        "Index $92,530. Over 2 expiries puts to calls are 0.56.",
        "Expiry   BTC  put/call   wall  least paid",
        "12 Dec  4.5k      2.00   $88k        $88k",
        "26 Dec   43k      0.49  $100k       $100k",
        "26 December 2025 (in 21 days): 43,136 BTC, $4.0bn, 91 % of all; puts to calls 0.49.",
        "Largest strikes: $100,000 with 20,636 (48 %), $85,000 with 13,500 (31 %), $110,000 with 9,000 (21 %).",
        LEAST,
        "60 % of its options had a bid and an ask.",
        "Who is short these options stands nowhere, so neither does which way a hedge would push.",
        "Deribit · 12 min old",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "/options btc 12dec",
        "/options 12dec25 btc",
        "/options 12 dec",
        "/options btc dec 12",
        "/options 12 December 2025",
        "/options btc 12-DEC-25",
        "/options 2025-12-12",
        "/options 12th dec btc",
        "options btc 12 dec",
        "max pain btc 12 dec",
        "option walls btc 12dec",
    ],
)
def test_an_expiry_is_named_as_people_name_days(room: Callable[..., Desk], line: str) -> None:
    said = room(chain()).text(line)
    assert "12 December 2025 (in 7 days): 4,500 BTC, $416m, 9 % of all; puts to calls 2.00." in said
    assert "Largest strikes: $88,000 with 3,000 (67 %), $90,000 with 1,500 (33 %)." in said
    assert "Expiry" not in said, "one expiry needs no table"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("/options btc 13dec", "expire on 13dec. There is 12dec25 and 26dec25.", id="none on that day"),
        pytest.param("/options btc 12dec26", "expire on 12dec26. There is 12dec25", id="another year"),
        pytest.param("/options btc 31feb", "31feb is no day. Type it like 26dec", id="no such day"),
        pytest.param("/options eth", "No options of ETH are stored that have not expired.", id="none stored"),
    ],
)
def test_what_is_not_there_is_said(room: Callable[..., Desk], line: str, said: str) -> None:
    with pytest.raises(Refused, match=said.replace(".", r"\.")):
        room(chain()).ask(line)


def test_what_has_expired_is_not_told(room: Callable[..., Desk]) -> None:
    here = room(chain(), now=FRIDAY)
    assert "BTC options: 43,136 BTC" in here.text("/options btc")
    assert "Not current: these figures are of 4 December 2025, 23:00 UTC." in here.text("/options btc")
    with pytest.raises(Refused, match="have not expired"):
        room(chain(), now=QUARTER).ask("/options btc")


def test_without_an_index_there_are_no_dollars(room: Callable[..., Desk]) -> None:
    said = room(chain(index=None)).text("/options btc")
    assert "BTC options: 47,636 BTC open." in said
    assert "$4." not in said
    assert "Least payout (max pain) at $100,000; next $85,000" in said


def test_more_expiries_than_a_phone_shows_are_counted(room: Callable[..., Desk]) -> None:
    every = [Option(FRIDAY + timedelta(days=7 * n), 90_000, "call", 100.0 - n) for n in range(9)]
    (table,) = (
        block
        for block in room(Chain("deribit", "BTC", AT, tuple(every), 92_530.0)).ask("/options btc").blocks
        if isinstance(block, Table)
    )
    assert len(table.rows) == 7
    assert table.rows[-1][0] == "3 more"


def test_options_of_sol_are_told_in_its_prices(room: Callable[..., Desk]) -> None:
    said = room(chain("SOL", scale=0.0016, index=148.05)).text("/options sol")
    assert "SOL options: 47,636 SOL, $7.1m open." in said
    assert "Largest strikes: $160 with 20,636 (48 %), $136 with 13,500" in said


@pytest.mark.parametrize(
    ("asset", "scale", "index", "wall"),
    [
        pytest.param("BTC", 1.0, 92_530.0, "$100k", id="BTC"),
        pytest.param("ETH", 0.03, 2776.0, "$3,000", id="ETH"),
        pytest.param("SOL", 0.0016, 148.05, "$160", id="SOL"),
    ],
)
def test_options_of_each_coin_have_a_table_and_a_picture(
    room: Callable[..., Desk], asset: str, scale: float, index: float, wall: str
) -> None:
    reply = room(chain(asset, scale=scale, index=index)).ask(f"/options {asset.lower()}")
    (table,) = (block for block in reply.blocks if isinstance(block, Table))
    assert [row[3] for row in table.rows][-1] == wall
    assert all(sum(len(cell) + 2 for cell in row) <= 42 for row in table.rows), "a phone shows 40 columns"
    (picture,) = (block for block in reply.blocks if isinstance(block, Picture))
    assert picture.alt.startswith(f"{asset} options · 26 December 2025: calls 29,000 {asset}")


def test_the_picture_is_that_of_the_expiry(room: Callable[..., Desk]) -> None:
    here = room(chain())
    (picture,) = (block for block in here.ask("/options btc 12dec").blocks if isinstance(block, Picture))
    assert picture.chart == {
        "picture": "options", "asset": "BTC", "until": NOW.isoformat(), "expiry": FRIDAY.isoformat(),
    }  # fmt: skip
    full = pictures.resolve(here.store, picture.chart)
    assert full is not None
    assert full["alt"] == picture.alt
    (panel,) = full["panels"]
    width = panel["step"]
    assert panel["rows"] == [[88_000 - width / 2, 3000.0, 0.0], [90_000 - width / 2, 0.0, 1500.0]]
    assert [mark[0] for mark in panel["marks"]] == [92_530.0, 88_000.0]
    options.write(here.store, [Chain("deribit", "BTC", NOW, (Option(QUARTER, 1e5, "call", 1.0),))])
    assert pictures.resolve(here.store, picture.chart) is None, "what is gone by then is not drawn"


# --- volatility -------------------------------------------------------------------------------------------------------


@pytest.fixture
def moved(tmp_path: Path) -> Callable[..., Desk]:
    """Return a desk with hours of the index and of closes that go 1 % up and down, 93.6 % a year."""

    def of(days: int, *, last: float = 60.0, asset: str = "BTC") -> Desk:
        store = Store(tmp_path / "vol.db")
        end = NOW.replace(minute=0)
        hours = [to_ms(end - timedelta(hours=n)) for n in range(days * 24, 0, -1)]
        index = [50.0 + (n % 2) * 2 for n in range(len(hours) - 1)]
        closes = [90_000.0 * (1.01 if n % 2 else 1.0) for n in range(len(hours))]
        opened = points.Points("binance", asset, timedelta(hours=1), hours, {"close": closes})
        told = [at + HOUR_MS - 1000 for at in hours]
        levels = points.Points("deribit", asset, None, told, {"implied_volatility": [*index, last]})
        points.write(store, [opened, levels])
        return Desk(store, end)

    return of


@pytest.mark.slow
def test_volatility_against_its_own_days_and_what_price_did(moved: Callable[..., Desk]) -> None:
    lines = moved(91).text("/vol btc").splitlines()
    assert lines[:5] == [
        "BTC implied volatility: 60.0 % a year.",
        "As options price it, a day is ±3.1 % and 30 days are ±17 %; about one in three goes further.",
        "Against 90 days: z +8.83, +10 points in 7 days and +10 in 24 h. Range of 90 days: 50 to 60.",
        "Price moved 93.1 % a year in the last 30 days: options are priced 33.1 points below that.",
        "It is the price of insurance against moves to either side, and says nothing of which way.",
    ]
    assert lines[5].startswith("Deribit, Binance · ")
    assert lines[2].count("points") == 1


def test_the_picture_of_volatility_shows_how_it_moved(moved: Callable[..., Desk]) -> None:
    """Drawn from 0 to 100 ninety days between 39 and 53 were a flat line."""
    here = moved(61)
    (picture,) = (block for block in here.ask("/vol btc").blocks if isinstance(block, Picture))
    full = pictures.resolve(here.store, picture.chart)
    assert full is not None
    low, high, _ = y_range(full)
    assert 30 < low < 50
    assert high < 110


def test_what_is_learning_is_told_as_far_as_it_goes(moved: Callable[..., Desk]) -> None:
    lines = moved(9).text("/vol").splitlines()
    assert lines[0] == "BTC implied volatility: 60.0 % a year."
    assert "Against 90 days: learning, 9 of 60 days." in lines
    assert any(line.startswith("Deribit · ") for line in lines), "a figure has a stamp"


def test_no_index_of_other_coins(empty: Desk, room: Callable[..., Desk], moved: Callable[..., Desk]) -> None:
    with pytest.raises(Refused, match="No implied volatility index is stored"):
        empty.ask("/vol btc")
    here = moved(3)
    points.write(
        here.store,
        [points.Points("binance", "ETH", timedelta(hours=1), [to_ms(here.now) - 2 * HOUR_MS], {"close": [9.0]})],
    )
    said: Any = here.text("/vol eth")
    assert "A running bot (perpulse run) collects it from Deribit; perpulse import FILE brings history in." in said
    points.write(
        here.store,
        [points.Points("binance", "SOL", timedelta(hours=1), [to_ms(here.now) - 2 * HOUR_MS], {"close": [9.0]})],
    )
    said = here.text("/vol sol")
    assert "Deribit has an index of BTC and ETH only; type /options sol for those of SOL." in said
