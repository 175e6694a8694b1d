"""What is unlikely and true: whoever imports it can say so for a stretch of days, and that is noted and told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.archive.importing import Believed, History, Imported, ImportRefused, read_file
from bot.archive.importing.tables import keep
from storage.engine.database import Store
from storage.market import points
from storage.sources import coverage
from tests.bot.commandline import here
from tests.field.world import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FIRST, DAY = datetime(2025, 2, 10, tzinfo=UTC), timedelta(days=1)
HEADER = "at,venue,asset,input,value\n"
CALM = [30_000 * (1 + 0.001 * (day % 5)) for day in range(40)]
DOUBLED = [value * (2 if day >= 19 else 1) for day, value in enumerate(CALM)]  # for good, from 1 March on
SPIKED = [value * (2 if day == 19 else 1) for day, value in enumerate(CALM)]
PACKED = [value * (1000 if day >= 19 else 1) for day, value in enumerate(CALM)]
STRETCH = "2025-03-01..2025-03-04"


def lines(values: Sequence[float], name: str = "open_interest_coin", asset: str = "PEPE") -> str:
    return "".join(
        f"{FIRST + DAY * day:%Y-%m-%d},binance,{asset},{name},{value!r}\n" for day, value in enumerate(values)
    )


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Imported]:
    def reading(text: str, *accept: str, store: Store | None = None) -> Imported:
        path = tmp_path / "file.csv"
        path.write_text(HEADER + text, encoding="utf-8")
        return read_file(path, now=NOW, past=History(store), accepted=Believed.of(accept))

    return reading


@pytest.mark.parametrize(
    ("values", "accept", "kept"),
    [
        pytest.param(DOUBLED, [], 19, id="a step for good waits for a witness"),
        pytest.param(DOUBLED, [STRETCH], 40, id="and is kept, with what comes after it, where somebody knows"),
        pytest.param(DOUBLED, ["2025-03-01"], 40, id="one day is a stretch"),
        pytest.param(DOUBLED, ["2025-03-02..2025-03-20"], 19, id="not where the stretch begins after it"),
        pytest.param(SPIKED, [], 39, id="a day that is doubled"),
        pytest.param(SPIKED, [STRETCH], 40, id="and is kept"),
        pytest.param(PACKED, [], 19, id="a thousandfold from a day on"),
        pytest.param(PACKED, [STRETCH], 40, id="a redenomination that somebody knows of"),
        pytest.param(PACKED, ["2024-01-01..2024-12-31", STRETCH], 40, id="two stretches"),
    ],
)
def test_what_is_unlikely_is_kept_where_it_is_said_to_be_true(
    read: Callable[..., Imported], values: list[float], accept: list[str], kept: int
) -> None:
    found = read(lines(values), *accept)
    assert len(found.kept) == kept
    assert bool(found.taken) == (kept == 40)
    if found.taken:
        assert found.notes == ("binance PEPE open_interest_coin: kept on your word, 2025-03-01 to 2025-03-04",) or (
            accept == ["2025-03-01"] and found.notes[0].endswith("2025-03-01 to 2025-03-01")
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("open_interest_usd", 5e12, id="more than there is"),
        pytest.param("funding_rate", 1.5, id="150 % a payment"),
        pytest.param("funding_interval_hours", 28_800_000.0, id="milliseconds"),
        pytest.param("mark_price", -1.0, id="below zero"),
    ],
)
def test_what_cannot_be_is_refused_all_the_same(read: Callable[..., Imported], name: str, value: float) -> None:
    found = read(lines([value], name), "2025-02-10")
    assert not found.kept
    assert not found.taken


@pytest.mark.parametrize("typed", ["march", "2025-03-04..2025-03-01", "2025-02-30", "2025-03-01-2025-03-04", ".."])
def test_a_stretch_that_is_none_is_one_line_that_says_how_to_type_it(typed: str) -> None:
    with pytest.raises(ImportRefused, match=r"is no stretch of days; type it like --accept 2025-03-01\.\.2025-03-04"):
        Believed.of([typed])


def test_it_is_noted_with_the_history_and_told(read: Callable[..., Imported], tmp_path: Path) -> None:
    store = Store(tmp_path / "perpulse.db")
    for _ in range(2):  # importing twice changes nothing
        keep(store, read(lines(DOUBLED), STRETCH, store=store))
    (taken,) = coverage.taken(store, "PEPE")
    assert (taken.venue, taken.name, taken.start, taken.end) == (
        "binance", "open_interest_coin", FIRST + 19 * DAY, FIRST + 23 * DAY,
    )  # fmt: skip
    assert coverage.taken(store, "BTC") == ()
    newest = points.newest(store, "PEPE", "open_interest_coin", "binance")
    assert newest is not None
    assert newest.value == DOUBLED[-1]
    keep(store, read(lines(DOUBLED, asset="BTC"), STRETCH, store=store))
    told = "\n".join(getattr(block, "text", "") for block in ask(store, "/status", NOW).all_blocks())
    assert "Kept on the word of whoever imported it:" in told
    assert "Binance open interest in coins: 1 March 2025 to 4 March 2025" in told
    store.close()


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, db = tmp_path / "file.csv", str(tmp_path / "new.db")
    path.write_text(HEADER + lines(DOUBLED), encoding="utf-8")
    refused = json.loads(here(capsys, "import", str(path), "--db", db, "--json").out)
    assert (refused["kept"], refused["refused"]) == (19, 21)
    kept = json.loads(here(capsys, "import", str(path), "--db", db, "--json", "--accept", STRETCH).out)
    assert (kept["kept"], kept["refused"]) == (40, 0)
    assert kept["notes"] == ["file.csv: binance PEPE open_interest_coin: kept on your word, 2025-03-01 to 2025-03-04"]
    assert "is no stretch of days" in here(capsys, "import", str(path), "--db", db, "--accept", "march").err
