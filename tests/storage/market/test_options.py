from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from storage.engine.database import Store
from storage.market import options
from storage.market.options import Chain, Option

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
DEC = datetime(2026, 12, 25, 8, tzinfo=UTC)
TWO = (Option(DEC, 60_000.0, "put", 1250.5, 61.2), Option(DEC, 90_000.0, "call", 800.0, None))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db")
    assert options.newest(store, "BTC") is None
    chain = Chain("deribit", "BTC", AT, TWO)
    assert options.write(store, [chain, chain]) == 4
    assert options.newest(store, "BTC") == chain  # twice the same changes nothing
    later = Chain("deribit", "BTC", AT + timedelta(minutes=30), TWO[:1])
    options.write(store, [later])
    assert options.newest(store, "BTC") == later
    assert options.newest(store, "BTC", AT + timedelta(minutes=29)) == chain
    assert options.times(store, "BTC") == [AT, later.at]
    assert options.newest(store, "ETH") is None
    store.close()
