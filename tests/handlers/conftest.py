"""Stores filled from real files as they were known at one moment, and one way to ask."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from bot import demo
from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Asking, Deps
from handlers.reply import plain_text
from signals.inputs import INPUTS, stored_under
from storage.engine.database import Store
from storage.market import points
from tests import loop
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.reply import Reply
    from signals.metric import Metric

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "winter-2025-26.csv"
FILES = {"bundled": demo.path(), "recorded": RECORDED}
SCREEN = Asker("terminal", Address("me"), owner=True)


BUNDLED = timedelta(days=400)  # how long the bundled history is


@dataclass
class Desk:
    """A store at one moment, and what it answers."""

    store: Store
    now: datetime
    assets: tuple[str, ...] = ("BTC", "ETH")
    asker: Asker = SCREEN
    note: str | None = None
    asked: list[str] = field(default_factory=list)

    def asking(self, asset: str) -> Asking | None:
        """Ask nobody but remember that it was wanted."""
        self.asked.append(asset)
        return None

    @property
    def deps(self) -> Deps:
        return Deps(self.now, self.asker, self.store, self.assets, self.asking, self.note)

    def ask(self, line: str) -> Reply:
        return loop.run(answer(line, self.deps))

    def text(self, line: str) -> str:
        return plain_text(self.ask(line).all_blocks())

    def make_up(self, metric: Metric) -> None:
        """Store figures of what the bundled winter has none of, as long as the metric looks back."""
        asset = metric.asset_of("BTC")
        enough = metric.window < BUNDLED
        stored = {name for _, name in points.directory(self.store, asset)} if enough else set()
        step = metric.step.total_seconds() * 1000
        count = metric.bars_back(metric.step) + 200
        times = [round(self.now.timestamp() * 1000 - step * (count - row)) for row in range(count)]
        for kind, length in (("bar", metric.step), ("level", None)):
            of_kind = [name for name in metric.needs if name not in stored and INPUTS[name].kind == kind]
            for owner in {stored_under(name, asset) for name in of_kind}:
                waves = {
                    name: [1000.0 + 100 * math.sin(row / (9 + at)) for row in range(count)]
                    for at, name in enumerate(of_kind)
                    if stored_under(name, asset) == owner
                }
                points.write(self.store, [points.Points("binance", owner, length, times, waves)])

    def later(self, by: timedelta) -> Desk:
        return replace(self, now=self.now + by, asked=[])


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a database of what a file held before a moment; made once for each."""
    made: dict[tuple[object, ...], Path] = {}

    def make(file: str, until: datetime, days: int | None, without: tuple[str, ...]) -> Path:
        key, end = (file, until, days, without), until.timestamp() * 1000
        if key not in made:
            if not FILES[file].exists():
                pytest.skip(f"{FILES[file]} is not here: the recorded winter lies outside the project")
            read = read_file(FILES[file], now=until)  # it refuses bars that have not closed by then
            start = 0 if days is None else (until - timedelta(days=days)).timestamp() * 1000
            kept = [row for row in read.kept if start <= row.at < end and row.input not in without]
            path = tmp_path_factory.mktemp("store") / "perpulse.db"
            store = Store(path)
            keep(store, replace(read, kept=kept))
            beside.rows(store, "PRAGMA wal_checkpoint(TRUNCATE)")
            store.close()
            made[key] = path
        return made[key]

    return make


@pytest.fixture
def desk(filled: Callable[..., Path], tmp_path: Path) -> Callable[..., Desk]:
    """Return a desk with its own copy of a filled store, asked at the moment that the store ends."""

    def at(file: str, day: str, *, days: int | None = None, without: tuple[str, ...] = ()) -> Desk:
        until = datetime.fromisoformat(day).replace(tzinfo=UTC)
        path = tmp_path / f"{file}-{day[:10]}.db"
        shutil.copy(filled(file, until, days, without), path)
        return Desk(Store(path), until, note=demo.STAMP if file == "bundled" else None)

    return at


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Desk]:
    """Return a desk whose store holds daily levels and closes of BTC, the last known now."""

    def of(**columns: list[float]) -> Desk:
        now = datetime(2026, 1, 16, tzinfo=UTC)
        store = Store(tmp_path / "made.db")
        rows = max(len(column) for column in columns.values())
        index = pd.date_range(end=now - timedelta(days=1), periods=rows, freq="D", tz=UTC)
        frame = pd.DataFrame(columns, index=index, dtype=float)
        bars, levels = ([name for name in columns if INPUTS[name].kind == kind] for kind in ("bar", "level"))
        with_bars = [points.Points.of_frame("binance", "BTC", timedelta(days=1), frame[bars])] if bars else []
        points.write(store, [*with_bars, points.Points.of_frame("binance", "BTC", None, frame[levels])])
        return Desk(store, now)

    return of


@pytest.fixture
def empty(tmp_path: Path) -> Desk:
    """Return a desk whose store has never been written."""
    return Desk(Store(tmp_path / "none.db"), datetime(2026, 1, 16, tzinfo=UTC))
