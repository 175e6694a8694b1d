"""The four rows of a digest's picture, from stored hours to what is drawn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from handlers.charts import drawing, pictures
from signals.units import DAY, HOUR, to_ms
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from tests.waves import market

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 3, 10, 9, 0, 20, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


def picture(store: Store, days: int = 7) -> dict[str, Any]:
    reference = {"picture": "digest", "asset": "BTC", "until": NOW.isoformat(), "days": days}
    found = pictures.resolve(store, reference)
    assert found
    return found


def heads(chart: dict[str, Any]) -> list[str]:
    return [" ".join(text for text, _ in panel["head"]).rstrip() for panel in chart["panels"]]


@pytest.mark.slow
def test_price_coins_funding_and_takers_one_row_each(store: Store) -> None:
    market(store, NOW.replace(second=0), hours=31 * 24)
    chart = picture(store)
    assert [panel["kind"] for panel in chart["panels"]] == ["candles", "curve", "curve", "bars"]
    said = heads(chart)
    assert said[0].startswith("Price in dollars, hourly candles")
    assert said[1].startswith("Open interest in BTC")
    assert said[2:] == ["Funding a year, Binance", "Takers in 2 hours, Binance: bought ↑ sold ↓"]
    assert chart["title"] == "BTC · 7 days"
    funding = chart["panels"][2]["line"][-1][-1][1]
    rate = points.newest(store, "BTC", "funding_rate")
    assert rate
    assert funding == pytest.approx(rate.value * 1095, rel=1e-4)
    assert "Funding +" in chart["alt"]
    assert "Takers " in chart["alt"]
    assert "Takers in 8 hours" in heads(picture(store, 30))[3]


def test_what_is_bought_points_up_and_what_is_not_known_is_gray(store: Store) -> None:
    times = [to_ms(NOW.replace(second=0) - HOUR * back) for back in range(48, 0, -1)]
    known = [at for at in times if not 10 <= times.index(at) < 20]
    volume = {"volume_usd": [100.0] * len(known), "taker_buy_usd": [80.0, 30.0] * (len(known) // 2)}
    prices = {name: [1000.0] * len(known) for name in ("open", "high", "low", "close")}
    points.write(store, [Points("binance", "BTC", HOUR, known, prices | volume)])
    chart = picture(store, 2)
    assert [panel["kind"] for panel in chart["panels"]] == ["candles", "bars"], "what is not stored has no row"
    bars = chart["panels"][-1]
    assert [row[1:] for row in bars["rows"][:2]] == [[0.0, 60.0], [40.0, 0.0]]
    assert len(bars["unheard"]) == 1
    assert bars["head"][-1] == ["grey: not known", "muted"]
    assert "Takers bought $380 net." in chart["alt"]


def test_days_are_drawn_where_nothing_finer_is_stored(store: Store) -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0)
    times = [to_ms(midnight - DAY * back) for back in range(10, 0, -1)]
    volume = {"volume_usd": [100.0] * 10, "taker_buy_usd": [80.0, 30.0] * 5}
    prices = {name: [1000.0] * 10 for name in ("open", "high", "low", "close")}
    points.write(store, [Points("binance", "BTC", DAY, times, prices | volume)])
    assert heads(picture(store))[-1] == "Takers in a day, Binance: bought ↑ sold ↓"


@pytest.mark.slow
def test_it_is_drawn(store: Store) -> None:
    market(store, NOW.replace(second=0), hours=8 * 24)
    figure = drawing.figure(picture(store))
    assert len(figure.axes) == 4
    assert drawing.png(picture(store)).startswith(b"\x89PNG")
