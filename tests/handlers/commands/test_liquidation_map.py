"""/map: what it says, what it never says, and its picture."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from handlers.channels.channel import Address
from handlers.charts import liq_map, pictures
from handlers.charts.drawing import figure, png
from handlers.command import Asker, Refused
from handlers.reply import Picture
from handlers.words.liquidation import liquidation_map as said
from signals.liquidation_map import Homework, PriceBins, spread_of
from storage.engine.database import Store
from storage.queries.freshness import Stamp
from storage.queries.liquidation.liquidation_map import HeldInPublic, MapAnswer
from storage.queries.liquidation.liquidations import Liquidations, Sums, VenueLiquidations
from storage.queries.market.readings import Reading
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 1, 30, 12, tzinfo=UTC)
VALUES = {
    "value": 6.27,
    "shorts_above_usd": 6.5e9,
    "longs_below_usd": 1.04e9,
    "shorts_2": 0.9e9,
    "shorts_5": 3.1e9,
    "longs_2": 0.1e9,
    "longs_5": 0.5e9,
    "shorts_per_1": 0.65e9,
    "longs_per_1": 0.104e9,
    "placed": 0.31,
    "cluster_above": 86_200.0,
    "cluster_below": 78_900.0,
    "cluster_above_usd": 0.8e9,
    "cluster_below_usd": 0.2e9,
    "price": 83_000.0,
}
LARGEST = {"cluster_above_usd": 7e6, "cluster_below_usd": 7e6}  # of book()
MARKS = Homework(30, 451e6, 0.41, 0.37, won=19, lost=11)


def reading(**changed: float) -> Reading:
    stamp = Stamp(("binance",), NOW)
    return Reading("liq_map", "BTC", NOW, NOW - NOW, VALUES | changed, NOW - NOW, stamp)


def answer(**changed: Any) -> MapAnswer:
    whole: dict[str, Any] = {
        "reading": reading(),
        "bins": None,
        "spread": spread_of("BTC"),
        "homework": MARKS,
        "seen": Liquidations(NOW, NOW),
        "held": None,
    }
    return MapAnswer(**whole | changed)


def book(price: float = 83_000.0) -> PriceBins:
    """Return a map with some dollars in each of forty bins around a price."""
    edges = price * np.exp(np.arange(-20, 21) * 0.005)
    sizes = 1e6 * (1 + np.arange(40) % 7)
    return PriceBins(price, edges, np.where(edges[:-1] < price, sizes, 0.0), np.where(edges[:-1] >= price, sizes, 0.0))


# --- words ------------------------------------------------------------------------------------------------------------


def test_what_a_map_says() -> None:
    found = answer()
    assert [said.headline(found), *said.sums(found), said.COUNTER, said.homework(MARKS), said.model(found)] == [
        "BTC, within 10 % of 83,000 (12:00 UTC): $6.5bn of shorts above, $1.0bn of longs below (our model).",
        "Within 5 %: $3.1bn of shorts, $500m of longs. Within 2 %: $900m and $100m.",
        "Per 1 % of price: $650m of shorts to $104m of longs, 6.3 to 1.",
        "Largest: shorts near 86,200 (+3.9 %) and longs near 78,900 (−4.9 %).",
        "A map shows where positions may sit, not where price goes.",
        (
            "Marked by what came: 41 % of $451m liquidated in 30 days fell where it had marked the day before; as "
            "wide a band next to price caught 37 %. Better than distance from price."
        ),
        (
            "Our model: what was opened in 90 days, at 5x to 100x by Binance's rule (tiers of 29 September 2026); it "
            "explains 31 % of open interest."
        ),
    ]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("shorts", 6.27, "6.3 to 1"),
        ("longs", 1 / 1.8, "1 to 1.8"),
        ("whole numbers", 3.0, "3 to 1"),
        ("a large one", 0.0166, "1 to 60"),
        ("equal", 1.02, "as much of each"),
        ("equal from below", 0.98, "as much of each"),
        ("no longs are left", 1000.0, "nearly all of it shorts"),
        ("no shorts are left", 0.001, "nearly all of it longs"),
        ("neither", None, "which is no ratio"),
    ],
)
def test_a_ratio_reads_well(name: str, value: float | None, words: str) -> None:
    assert said.ratio(value) == words, name


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        (None, "Not marked yet: no liquidations stored."),
        (replace(MARKS, days=1), "Not marked yet: liquidations of 1 day stored, it takes 5."),
        (
            replace(MARKS, hit=0.37),
            (
                "Marked by what came: 37 % of $451m liquidated in 30 days fell where it had marked the day before; as "
                "wide a band next to price caught 37 %. No better than distance from price."
            ),
        ),
    ],
    ids=["none stored", "too few days", "no better"],
)
def test_a_map_says_so_if_it_is_no_better(marks: Homework | None, words: str) -> None:
    assert said.homework(marks) == words


def test_what_is_measured_stands_apart() -> None:
    heard = VenueLiquidations("okx", Sums(3e6, 1e6, NOW - NOW.replace(hour=0)), Sums(), Sums(), NOW, NOW, floor=True)
    found = answer(held=HeldInPublic("hyperliquid", 4, 12e6, 3e6), seen=Liquidations(NOW, NOW, (heard,)))
    assert said.measured(found) == (
        ("Measured: 4 followed Hyperliquid addresses, $12m of longs and $3m of shorts within 10 %."),
        "Measured: liquidated in 24 h, at least $3m of longs, $1m of shorts.",
    )
    assert said.measured(answer()) == ()


def test_all_of_it_is_short() -> None:
    """900 characters, whatever is known; the words of the picture stand behind it."""
    heard = VenueLiquidations(
        "okx", Sums(333e6, 111e6, NOW - NOW.replace(hour=0)), Sums(), Sums(), NOW, NOW, floor=True
    )
    held = HeldInPublic("hyperliquid", 4, 112e6, 33.4e6)
    found = answer(held=held, seen=Liquidations(NOW, NOW, (heard,)))
    lines = [said.headline(found), *said.sums(found), said.COUNTER, said.homework(replace(MARKS, won=1))]
    lines += [*said.measured(found), said.model(found), "Binance, Bybit, OKX, Hyperliquid · 41 s old · 4 of 4 venues"]
    assert len("\n".join(lines)) <= 900


@pytest.mark.parametrize(
    ("now", "headline", "clusters"),
    [
        pytest.param(None, "(12:00 UTC)", "(+3.9 %) and longs near 78,900 (−4.9 %)", id="no price since"),
        pytest.param(83_300.0, "(12:00 UTC)", "(+3.9 %) and longs near 78,900 (−4.9 %)", id="it stands"),
        pytest.param(77_000.0, "now 77,000)", "longs near 78,900 (−4.9 %, crossed since)", id="it fell through longs"),
        pytest.param(87_000.0, "now 87,000)", "86,200 (+3.9 %, crossed since)", id="it rose through shorts"),
    ],
)
def test_a_map_says_where_price_went_since(now: float | None, headline: str, clusters: str) -> None:
    found = answer(price_now=now)
    assert headline in said.headline(found)
    assert clusters in said.sums(found)[-1]


def test_a_side_without_a_cluster_is_not_named() -> None:
    found = answer(reading=reading(cluster_below=math.nan, cluster_below_usd=0.0))
    assert said.sums(found)[-1] == "Largest: shorts near 86,200 (+3.9 %)."


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_winter(desk: Callable[..., Desk]) -> None:
    at = desk("recorded", "2026-03-25T01:00")
    reply = at.ask("/map btc")
    text = at.text("/map btc")
    assert text.startswith("BTC, within 10 % of 70,557 (00:00 UTC): $3.0bn of shorts above, $2.5bn of longs below")
    assert "A map shows where positions may sit, not where price goes.\n" in text
    assert "No better than distance from price.\n" in text
    assert reply.values["modelled"] is True
    assert reply.values["homework"]["better"] is False
    assert reply.values["shorts_per_1"] == pytest.approx(reply.values["shorts_above_usd"] / 10)
    assert reply.stamp == "all venues together, Binance · 1 h old · daily data · coins computed from dollars and price"
    shown = "\n".join(block.text for block in reply.all_blocks() if hasattr(block, "text"))
    assert len(shown) <= 900
    (picture,) = (block for block in reply.blocks if isinstance(block, Picture))
    full = pictures.resolve(at.store, picture.chart)
    assert full is not None
    assert full["alt"] == picture.alt
    assert png(full).startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_group_reads_what_anybody_reads(desk: Callable[..., Desk]) -> None:
    """Nothing in it is of who asks or of who else is here."""
    at = desk("recorded", "2026-03-25T01:00")
    group = replace(at, asker=Asker("telegram", Address("-100", kind="group"), "7"))
    assert group.text("/map btc") == at.text("/map btc")


def test_nothing_stored_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="stored for BTC yet"):
        Desk(Store(tmp_path / "none.db"), NOW).ask("/map btc")


@pytest.mark.slow
def test_without_open_interest_it_says_what_is_missing(desk: Callable[..., Desk]) -> None:
    at = desk("recorded", "2026-03-25T01:00", without=("open_interest_usd",))
    text = at.text("/map btc")
    assert text.startswith("BTC liquidation map: nothing is stored of open interest in coins.")
    assert "Our model" not in text


@pytest.mark.slow
def test_a_few_days_are_no_map(desk: Callable[..., Desk]) -> None:
    assert desk("recorded", "2026-03-25T01:00", days=5).text("/map btc").startswith("BTC liquidation map: learning, ")


# --- the picture ------------------------------------------------------------------------------------------------------


def test_the_picture_shows_price_across_and_names_the_clusters() -> None:
    full = liq_map.spec(reading(), book(), "binance · 1 min old")
    (panel,) = full["panels"]
    assert [words for _, words in full["across"]] == ["74,700", "78,850", "83,000", "87,150", "91,300"]
    assert [words for *_, words, _ in panel["named"]] == ["$200m\n78,900 (−4.9 %)", "$800m\n86,200 (+3.9 %)"]
    assert (full["from"], full["to"], full["stamp"]) == (74_700.0, pytest.approx(91_300.0), ["Binance · 1 min old"])
    assert all(full["from"] <= low < high <= full["to"] for low, high, *_ in panel["rows"])
    drawn = figure(full)
    found = {artist.get_gid() for artist in drawn.axes[0].get_children()}
    assert {"longs", "shorts", "price", "cluster"} <= found


@pytest.mark.slow
@pytest.mark.parametrize("price", [0.00001287, 0.412, 3.17, 999.0, 128_700.0])
def test_words_of_a_picture_stay_apart(price: float) -> None:
    """Whatever a coin costs: prices along the bottom do not touch, and no word is cut off."""
    scale = price / 83_000
    scaled = reading(price=price, cluster_above=86_200 * scale, cluster_below=74_900 * scale, **LARGEST)
    drawn = figure(liq_map.spec(scaled, book(price), "Binance", light=True))
    drawn.canvas.draw()
    renderer = drawn.canvas.get_renderer()  # type: ignore[attr-defined] # Agg has it
    along = [text.get_window_extent(renderer) for text in drawn.texts if text.get_text()[0].isdigit()]
    bottom = sorted((box for box in along if box.y0 < 150), key=lambda box: box.x0)
    assert len(bottom) >= 3
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(bottom))
    for text in drawn.axes[0].texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0
        assert box.x1 <= 1100
        assert box.y1 <= drawn.axes[0].get_window_extent(renderer).y1 + 4
