from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from signals.options import Chain, Option, summary
from signals.units import to_ms
from storage.market import options, points

if TYPE_CHECKING:
    from storage.engine.database import Store

AT = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
DEC = datetime(2026, 12, 25, 8, tzinfo=UTC)
TWO = (
    Option(DEC, 60_000.0, "put", 1250.5, 61.2, quoted=True),
    Option(DEC, 90_000.0, "call", 800.0, None, quoted=False),
    Option(DEC, 90_000.0, "put", 1.0),
)


def test_what_is_written_is_read(store: Store) -> None:
    assert options.newest(store, "BTC") is None
    chain = Chain("deribit", "BTC", AT, TWO)
    assert options.write(store, [chain, chain]) == 6
    assert options.newest(store, "BTC") == chain  # twice the same changes nothing
    later = Chain("deribit", "BTC", AT + timedelta(minutes=30), TWO[:1])
    options.write(store, [later])
    assert options.newest(store, "BTC") == later
    assert options.newest(store, "BTC", AT + timedelta(minutes=29)) == chain
    assert options.times(store, "BTC") == [AT, later.at]
    assert options.newest(store, "ETH") is None


def test_what_metrics_read_of_a_chain_lies_beside_it(store: Store) -> None:
    chain = Chain("deribit", "BTC", AT, TWO, 87_000.0)
    options.write(store, [chain])
    assert options.newest(store, "BTC") == chain
    told = {name: points.newest(store, "BTC", name) for name in summary(chain)}
    assert {name: point.value for name, point in told.items() if point} == summary(chain)
    assert {point.at for point in told.values() if point} == {AT}
    assert summary(chain)["options_wall_above"] == 90_000


def test_the_index_of_a_chain_outlives_the_thinning_of_prices(store: Store) -> None:
    """Where the price of the very moment is gone, the one before it stands in, but none of an hour ago."""
    options.write(store, [Chain("deribit", "BTC", AT, TWO)])
    for before, price in ((timedelta(minutes=70), 1.0), (timedelta(minutes=4), 87_000.0)):
        columns = {"index_price": [price]}
        points.write(store, [points.Points("deribit", "BTC", None, [to_ms(AT - before)], columns)])
        found = options.newest(store, "BTC")
        assert found is not None
        assert found.index == (None if price == 1.0 else price)
