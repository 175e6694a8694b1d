"""`perpulse backtest`: the evidence of a rule of one's own, of all assets at once, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer

from bot import demo
from bot.cli.market import import_
from bot.cli.playing.backtest import backtest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def winter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backtest") / "perpulse.db"
    import_.import_files([demo.path()], None, (), None, path, as_json=True)
    return path


@pytest.mark.slow
def test_it_prints_one_object_an_asset(winter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backtest("price down 5% in 24h", None, None, None, winter, as_json=True)
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["rule"], found["asset"]) == ("own price_move.change_24h <= -5%", "BTC")
    assert [case["at"][:10] for case in found["cases"]] == ["2025-03-30", "2025-10-11", "2026-02-04"]
    assert len(found["fires"]) >= len(found["cases"])
    assert found["odds"]["7d"]["n"] == 3
    assert set(found["cases"][0]["changes"]) == {"1d", "7d", "30d"}


@pytest.mark.slow
def test_a_first_day_leaves_earlier_cases_out(winter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backtest("btc price down 5% in 24h", "2026-01-01", None, None, winter, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert [case["at"][:10] for case in found["cases"]] == ["2026-02-04"]
    assert all(at >= "2026-01-01" for at in found["fires"])


def test_people_read_the_rule_and_a_line_an_asset(winter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backtest("price down 5% in 24h", None, None, None, winter, as_json=False)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Each asset that is followed: price down 5 % or more in 24 h")
    assert said[1] == "BTC: 3 cases. Before: 3 cases since Mar 2025. Too few cases for odds."


@pytest.mark.parametrize(
    ("rule", "assets", "said"),
    [
        ("fundng < 20", None, "“fundng” is no figure I know; did you mean funding?"),
        ("price down 5% in 24h", ["DOGE"], "Nothing is stored of DOGE. Stored: BTC."),
        ("my position 1 within 5%", None, "A rule about a position has no past"),
    ],
)
def test_what_is_wrong_is_said_and_ends_with_2(
    winter: Path, rule: str, assets: list[str] | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        backtest(rule, None, assets, None, winter, as_json=False)
    assert ended.value.exit_code == 2
    assert said in capsys.readouterr().err
