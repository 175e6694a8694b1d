from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bot.watch.house import Watched, watched_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    """Return a bot at one moment, and what looks at it."""
    made = watched_at(tmp_path)
    yield made
    made.desk.store.close()
