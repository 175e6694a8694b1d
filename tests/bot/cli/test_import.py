from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot import demo
from storage.alerts import episodes
from storage.engine.database import Store
from tests.bot.commandline import GOOD, HEADER, strict, written

if TYPE_CHECKING:
    from tests.bot.commandline import Perpulse


def dump(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return [row for table in ("bars", "levels") for row in db.execute(f"SELECT '{table}', * FROM {table}")]  # noqa: S608 - two names


def test_import_counts_and_a_second_time_changes_nothing(perpulse: Perpulse, tmp_path: Path) -> None:
    file = written(tmp_path, HEADER + GOOD)
    first = perpulse("import", file, "--json")
    assert (first.code, first.err) == (0, "")
    assert strict(first.out) == {"rows": 2, "kept": 2, "refused": 0, "problems": [], "notes": []}
    before = dump(tmp_path / "data" / "perpulse.db")
    assert len(before) == 2
    assert perpulse("import", file, "--json") == first
    assert dump(tmp_path / "data" / "perpulse.db") == before


def test_broken_lines_are_named_and_the_rest_is_kept(perpulse: Perpulse, tmp_path: Path) -> None:
    lines = [
        "2026-01-01T02:00:00+02:00,binance,BTC,close,90000",  # another zone: midnight UTC
        "2026-01-02,binance,BTC,close,no number",
        "2026-01-03,binance,BTC,close,nan",
        "2026-01-04,binance,BTC,colour,1",
        "2026-01-05,binance,BTC,close,-5",
        "yesterday,binance,BTC,close,5",
        "2026-01-07T00:00:00,binance,BTC,close,91000",  # no zone: UTC
    ]
    file = written(tmp_path, HEADER + "\n".join(lines) + "\n")
    ended = perpulse("import", file, "--json")
    answer = strict(ended.out)
    assert ended.code == 0
    assert {name: answer[name] for name in ("rows", "kept", "refused")} == {"rows": 7, "kept": 2, "refused": 5}
    assert len(answer["problems"]) == 5
    for number, problem in zip((3, 4, 5, 6, 7), answer["problems"], strict=True):
        assert "file.csv" in problem
        assert re.search(rf"\b{number}\b", problem), problem
    said = perpulse("import", file)
    assert (said.code, len(said.err.splitlines())) == (0, 5)
    assert "7 rows, 2 kept, 5 refused" in said.out


def test_many_problems_are_not_a_flood(perpulse: Perpulse, tmp_path: Path) -> None:
    ended = perpulse("import", written(tmp_path, HEADER + GOOD + "x,binance,BTC,close,5\n" * 500))
    assert ended.code == 0
    assert len(ended.err.splitlines()) < 30
    assert "--json lists them all" in ended.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "does not exist", id="missing"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\x00\x01\x02" * 100, "is not text", id="binary"),
        pytest.param(b'{"a": 1}', "JSON of an unknown kind", id="unknown JSON"),
        pytest.param(b'[{"a": ', "damaged or cut off", id="cut JSON"),
        pytest.param(b"PK\x03\x04", "zip or Excel", id="a zip"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_and_others_are_kept(
    perpulse: Perpulse, tmp_path: Path, content: bytes | None, said: str
) -> None:
    bad = tmp_path / "bad.csv"
    if content is not None:
        bad.write_bytes(content)
    assert said in perpulse("import", str(bad)).refusal
    both = perpulse("import", str(bad), written(tmp_path, HEADER + GOOD), "--json")
    answer = strict(both.out)
    assert (both.code, both.err, answer["kept"], len(answer["problems"])) == (2, "", 2, 1)
    assert said in answer["problems"][0]


def test_nothing_is_called_kept_that_could_not_be_stored(
    perpulse: Perpulse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (written(tmp_path, HEADER + row + "\n", f"{row[:10]}.csv") for row in GOOD.splitlines())
    assert "1 kept" in perpulse("import", first).out
    monkeypatch.setattr("storage.engine.sqlite.file.BUSY_MS", 1)
    with closing(sqlite3.connect(tmp_path / "data" / "perpulse.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "does not let go" in perpulse("import", second).refusal
    assert len(dump(tmp_path / "data" / "perpulse.db")) == 1


@pytest.mark.slow
def test_a_stretch_that_comes_later_has_its_alarms(perpulse: Perpulse, stored: str, tmp_path: Path) -> None:
    """The first and the last third are imported and judged, then the one between them."""
    rows = demo.path().read_text(encoding="utf-8").splitlines(keepends=True)
    head, *lines = [row for row in rows if not row.startswith("#")]
    cuts = ("2025-10-01", "2026-01-20")
    thirds = (
        [line for line in lines if line < cuts[0]],
        [line for line in lines if line >= cuts[1]],
        [line for line in lines if cuts[0] <= line < cuts[1]],
    )
    for number, third in enumerate(thirds):
        file = tmp_path / f"{number}.csv"
        file.write_text("".join((head, *third)), encoding="utf-8")
        assert perpulse("import", str(file), "--db", "thirds.db").code == 0
    found, at_once = (
        {one.since for one in episodes.of(Store(Path(name)), "price_drawdown", "BTC")} for name in ("thirds.db", stored)
    )
    assert found == at_once
    assert len([since for since in found if cuts[0] <= since.isoformat() < cuts[1]]) == 2
