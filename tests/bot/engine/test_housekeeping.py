"""The daily job: when it runs, in what portions, and that the bot can write meanwhile."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from bot.clock import ReplayClock
from bot.config import Config, ConfigError, load
from bot.engine import housekeeping
from storage.alerts import outbox
from storage.engine.database import Store
from storage.market import points, retention
from storage.market.points import Points
from storage.people import destinations, switches
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


def minutes(start: datetime, count: int = 1440) -> list[Points]:
    index = pd.date_range(start, periods=count, freq="min")
    return [Points.of_frame("binance", "BTC", None, pd.DataFrame({"mark_price": 1.0}, index=index))]


async def test_once_a_day_and_again_the_next(store: Store) -> None:
    clock = ReplayClock(NOW)
    points.write(store, minutes(NOW.replace(hour=0) - 5 * DAY))
    assert await housekeeping.turn(store, retention.RetentionRule(), clock) == {"levels": 1440 - 288}
    assert await housekeeping.turn(store, retention.RetentionRule(), clock) is None
    clock.move(NOW + DAY)
    assert await housekeeping.turn(store, retention.RetentionRule(), clock) == {}


@pytest.mark.slow
async def test_the_bot_writes_between_two_steps(store: Store) -> None:
    """The longest wait of a writer is one transaction, so somebody who writes all the time sees many steps."""
    points.write(store, minutes(NOW.replace(hour=0) - 9 * DAY, 5 * 1440))
    work = asyncio.create_task(housekeeping.turn(store, retention.RetentionRule(), ReplayClock(NOW)))
    sizes = []
    while not work.done():
        await asyncio.to_thread(points.write, store, minutes(NOW, 1))
        row = await asyncio.to_thread(beside.one, store, "SELECT count(*) AS n FROM levels")
        assert row is not None
        sizes.append(row["n"])
    assert (await work) == {"levels": 5 * (1440 - 288)}
    assert len(set(sizes)) > 4, "rows went little by little"


async def test_history_from_a_file_is_thinned_though_its_days_are_past(store: Store, tmp_path: Path) -> None:
    clock = ReplayClock(NOW)
    await housekeeping.turn(store, retention.RetentionRule(), clock)
    file = tmp_path / "late.csv"
    lines = [f"2026-04-01T10:{minute:02}:00Z,binance,BTC,mark_price,7" for minute in range(60)]
    file.write_text("\n".join(["at,venue,asset,input,value", *lines]), encoding="utf-8")
    assert keep(store, read_file(file, now=NOW)) == 60
    clock.move(NOW + DAY)
    assert await housekeeping.turn(store, retention.RetentionRule(), clock) == {"levels": 55 + 4}, (
        "to five minutes, then to an hour"
    )


def test_the_settings_become_the_rule() -> None:
    assert housekeeping.rule_of(Config().retention) == retention.RetentionRule()
    settings = Config(retention={"minutes_days": 5, "five_minutes_days": 9, "history_days": 900}).retention
    assert housekeeping.rule_of(settings) == retention.RetentionRule(5 * DAY, 9 * DAY, history=900 * DAY)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("history_days = 90", "history_days must be 0 (for ever) or at least 800", id="too short"),
        pytest.param("minutes_days = 41", "five_minutes_days must not be below minutes_days", id="the wrong order"),
        pytest.param("minutes_days = 0", "retention.minutes_days: ", id="nothing at all"),
        pytest.param("minute_days = 3", "Did you mean 'minutes_days'?", id="misspelt"),
    ],
)
def test_a_setting_that_cannot_be_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[retention]\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_chat_that_is_closed_for_months_is_forgotten(store: Store) -> None:
    clock = ReplayClock(NOW)
    for chat, days in (("11", 91), ("12", 89), ("13", None)):
        place = destinations.ensure(store, "telegram", chat, None, kind="private", title=None, now=NOW)
        destinations.subscribe(store, place.id, "*", "*")
        switches.switch(store, place.id, switches.Switch("quiet", value="22:00-07:00"))
        if days is not None:
            outbox.gone(store, place.id, "blocked by the user", now=NOW - days * DAY)
    assert await housekeeping.turn(store, retention.RetentionRule(), clock) == {"chats": 1}
    assert [place.chat for place in destinations.everyone(store)] == ["12", "13"]
    rows = beside.rows(store, "SELECT (SELECT count(*) FROM subscriptions), (SELECT count(*) FROM switches)")
    assert [tuple(row) for row in rows] == [(2, 2)]
