from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.engine.database import Store
from tests.handlers.commands.room import Room

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Return a store in which BTC stands at 95,000 on 22 November 2026, 12:00 UTC, a Sunday."""
    made = Room(Store(tmp_path / "perpulse.db"))
    made.mark(95_000.0)
    yield made
    made.store.close()
