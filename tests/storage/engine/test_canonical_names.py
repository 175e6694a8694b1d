"""Step m012: stored names become the one name of each coin, and no value is lost where two names meet."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from signals.assets import coin
from storage.engine.sqlite import migrations
from tests.storage.engine.dumping import restore

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = "m011_settlements"
HOUR = 3_600_000
RENAMED = {"XBT": "BTC", "XDG": "DOGE", "GNT": "GLM", "RNDR": "RENDER", "MATIC": "POL", "KLAY": "KAIA"} | {
    "DAR": "D", "FTM": "S", "BNX": "FORM", "STPT": "AWE", "EOS": "A",
}  # fmt: skip


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a database of the step before, with every table and nothing of a coin of two names."""
    path = tmp_path / "perpulse.db"
    restore(BEFORE, path)
    return path


def put(path: Path, table: str, *rows: dict[str, Any]) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        for row in rows:
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            file.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608


def known(path: Path, *assets: str) -> None:
    """Enter assets into the directory of series, where the step finds what is stored of prices."""
    for asset in assets:
        row = {"asset": asset, "input": "mark_price", "venue": "somewhere", "step": 0, "first": 5, "last": 9}
        put(path, "series", row)


def moved(path: Path, table: str, asset: str) -> list[dict[str, Any]]:
    """Bring the database up to date and return what a table holds of an asset, without what is empty."""
    migrations.migrate(path)
    with closing(sqlite3.connect(path)) as file:
        file.row_factory = sqlite3.Row
        rows = file.execute(f"SELECT * FROM {table} WHERE asset = ?", (asset,)).fetchall()  # noqa: S608
        return [{name: row[name] for name in row.keys() if row[name] is not None} for row in rows]  # noqa: SIM118 - a Row


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stored", "asset"),
    [
        pytest.param("1000PEPE", "PEPE", id="a thousand"),
        pytest.param("10000SATS", "SATS", id="ten thousand"),
        pytest.param("100000XYZ", "XYZ", id="a hundred thousand"),
        pytest.param("1000000MOG", "MOG", id="a million"),
        pytest.param("1MBABYDOGE", "BABYDOGE", id="a million in a letter"),
        pytest.param("kBONK", "BONK", id="k"),
        pytest.param("KSHIB", "SHIB", id="k, as a file was read"),
        pytest.param("SHIB1000", "SHIB", id="behind the name"),
        pytest.param("1000XBT", "BTC", id="packed and renamed"),
        *(pytest.param(before, after, id=before) for before, after in RENAMED.items()),
        pytest.param("1INCH", "1INCH", id="a digit in the name"),
        pytest.param("KAVA", "KAVA", id="a K that counts nothing"),
        pytest.param("1000", "1000", id="nothing left of it"),
        pytest.param("KODEX200", "KODEX200", id="a number that counts nothing"),
        pytest.param("flx:XMR", "flx:XMR", id="of a dex of its own"),
        pytest.param("币安人生", "币安人生", id="Chinese letters"),
    ],
)
def test_a_stored_name_becomes_what_it_is_read_as_today(old: Path, stored: str, asset: str) -> None:
    known(old, stored)
    assert len([row for row in moved(old, "series", asset) if row["venue"] == "somewhere"]) == 1
    if ":" not in stored:
        assert coin(stored)[0] == asset
    if stored != asset:
        assert moved(old, "series", stored) == []


@pytest.mark.slow
def test_prices_of_a_thousand_become_prices_of_one(old: Path) -> None:
    known(old, "1000PEPE")
    put(
        old,
        "levels",
        {"asset": "1000PEPE", "venue": "binance", "at": 1, "mark_price": 0.008, "open_interest_coin": 7.0},
    )
    put(old, "levels", {"asset": "1000PEPE", "venue": "binance", "at": 2, "funding_rate": -0.001})
    put(
        old, "bars", {"asset": "1000PEPE", "venue": "binance", "step": 3600, "at": 0, "close": 0.008, "volume_usd": 5.0}
    )
    at = {"asset": "PEPE", "venue": "binance"}
    assert moved(old, "levels", "PEPE") == [
        at | {"at": 1, "mark_price": 0.008 / 1000, "open_interest_coin": 7000.0},
        at | {"at": 2, "funding_rate": -0.001},
    ]
    assert moved(old, "bars", "PEPE") == [at | {"step": 3600, "at": 0, "close": 0.008 / 1000, "volume_usd": 5.0}]
    assert moved(old, "levels", "1000PEPE") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        pytest.param({"mark_price": 1.0}, {}, {"mark_price": 1.0}, id="alone"),
        pytest.param({"mark_price": 1.0}, {"mark_price": 2.0}, {"mark_price": 2.0}, id="as full: the one name's"),
        pytest.param(
            {"mark_price": 1.0, "index_price": 1.5},
            {"mark_price": 2.0},
            {"mark_price": 1.0, "index_price": 1.5},
            id="the fuller counts",
        ),
        pytest.param(
            {"mark_price": 1.0, "index_price": 1.5},
            {"mark_price": 2.0, "spot_price": 3.0, "funding_rate": 4.0},
            {"mark_price": 2.0, "index_price": 1.5, "spot_price": 3.0, "funding_rate": 4.0},
            id="and the other fills what it lacks",
        ),
    ],
)
def test_two_names_of_one_time_are_merged(
    old: Path, one: dict[str, float], other: dict[str, float], merged: dict[str, float]
) -> None:
    known(old, "MATIC", *(["POL"] if other else []))
    key = {"venue": "okx", "at": 1}
    put(old, "levels", {"asset": "MATIC", **key, **one})
    if other:
        put(old, "levels", {"asset": "POL", **key, **other})
    assert moved(old, "levels", "POL") == [{"asset": "POL", **key, **merged}]


def test_the_directory_covers_both(old: Path) -> None:
    series = {"input": "close", "venue": "okx", "step": 3600}
    put(old, "series", {"asset": "MATIC", **series, "first": 1, "last": 5})
    put(old, "series", {"asset": "POL", **series, "first": 3, "last": 9})
    assert moved(old, "series", "POL") == [{"asset": "POL", **series, "first": 1, "last": 9}]


def test_an_hour_of_liquidations_is_the_one_that_was_heard_longer(old: Path) -> None:
    heard = {"venue": "okx", "at": HOUR, "shorts_usd": 0.0, "rejected": 0, "whole": 0}
    put(
        old,
        "liquidation_hours",
        {"asset": "MATIC", **heard, "longs_usd": 5.0, "covered": 3000},
        {"asset": "POL", **heard, "longs_usd": 7.0, "covered": 600},
        {"asset": "POL", **heard, "at": 2 * HOUR, "longs_usd": 9.0, "covered": 600},
    )
    assert [(row["at"], row["longs_usd"]) for row in moved(old, "liquidation_hours", "POL")] == [
        (HOUR, 5.0),
        (2 * HOUR, 9.0),
    ]


def episode(path: Path, number: int, asset: str) -> None:
    row = {"id": number, "watch": "oi", "asset": asset, "since": 1, "fired": number, "rank": "notice"}
    put(path, "episodes", row | {"first_values": "{}", "last_values": "{}"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("renamed", "kept", "state", "open_"),
    [
        pytest.param(901, None, "renamed", [901], id="the open one goes on"),
        pytest.param(None, 902, "kept", [902], id="under whichever name"),
        pytest.param(901, 902, "kept", [902], id="of two the one name's, the other is over"),
        pytest.param(None, None, "kept", [], id="both calm"),
    ],
)
def test_of_two_alarms_one_goes_on(
    old: Path, renamed: int | None, kept: int | None, state: str, open_: list[int]
) -> None:
    for number, asset in ((renamed, "MATIC"), (kept, "POL")):
        if number:
            episode(old, number, asset)
    put(old, "watch_states", {"watch": "oi", "asset": "MATIC", "state": "renamed", "episode": renamed})
    put(old, "watch_states", {"watch": "oi", "asset": "POL", "state": "kept", "episode": kept})
    assert [row["state"] for row in moved(old, "rule_states", "POL")] == [state]
    told = moved(old, "episodes", "POL")
    assert [row["id"] for row in told if "ended" not in row] == open_
    assert len(told) == sum(number is not None for number in (renamed, kept))


@pytest.mark.slow
def test_what_people_follow_and_hold_keeps_its_meaning(old: Path) -> None:
    with closing(sqlite3.connect(old)) as file:
        (here,) = file.execute("SELECT id FROM destinations").fetchone()
    put(old, "subscriptions", {"destination": here, "watch": "oi", "asset": "MATIC"})
    put(old, "subscriptions", {"destination": here, "watch": "oi", "asset": "POL"})
    position = {"destination": here, "platform": "telegram", "owner": "77", "number": 1, "asset": "1000PEPE"}
    position |= {"venue": "binance", "contract": "linear", "side": "long", "entry": 0.0087, "leverage": 10.0}
    put(old, "positions", position | {"size_coins": 5.0, "lines": "[]", "begun": 1, "state": "{}"})
    assert [row["rule"] for row in moved(old, "subscriptions", "POL")] == ["oi"]
    held = moved(old, "positions", "PEPE")
    assert [(row["entry"], row["size_coins"], row["multiplier"]) for row in held] == [(0.0087, 5.0, 1000)]
    assert {row["multiplier"] for row in moved(old, "positions", "BTC")} <= {1}
