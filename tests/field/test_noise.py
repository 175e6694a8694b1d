"""An alarm is not refuted by its own last line, has a size, is told once, and there are few of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from bot.engine.evaluate import history
from bot.engine.replay import evaluations, notices
from signals.alerts.condition import held
from signals.alerts.rule import named, rules
from storage.alerts import episodes
from storage.market import points
from storage.market.points import Points
from tests.field.world import DATA, DAY, LONG_AGO, days_of, listener, play, recorded, settled, utc, with_data

if TYPE_CHECKING:
    from storage.engine.database import Store

MONTHS = 60
MOOD = "sentiment/alternative-me-fear-greed.json"


def enters(rule: str, values: dict[str, float]) -> list[str]:
    """Return the ranks whose lines these values of the rule's own metric are beyond."""
    of = rules()[rule]
    return [level.rank for level in of.levels if held(level.enter, named(of.metrics[0], values))]


@pytest.mark.parametrize(
    ("rule", "values", "told"),
    [
        pytest.param("oi_vs_ma180", {"value": -0.08, "coins": 0.02}, [], id="dollars below, coins above"),
        pytest.param("oi_vs_ma180", {"value": -0.08, "coins": -0.02}, ["notice"], id="both below"),
        pytest.param("oi_vs_ma180", {"value": -0.35, "coins": 0.01}, [], id="far below, by price alone"),
        pytest.param("taker_zscore", {"value": -2.7, "buy_share": 0.490}, [], id="49.0 % buys are not one-sided"),
        pytest.param("taker_zscore", {"value": -9.0, "buy_share": 0.471}, [], id="however unusual"),
        pytest.param("taker_zscore", {"value": -2.7, "buy_share": 0.465}, ["notice"], id="46.5 % are"),
        pytest.param("oi_zscore", {"value": -6.0, "coins": -0.03}, [], id="3 % of the coins are no wave"),
        pytest.param("oi_zscore", {"value": -1.4, "coins": -0.09}, [], id="nor what is usual here"),
        pytest.param("oi_zscore", {"value": -2.4, "coins": -0.08}, ["notice"], id="8 % and unusual"),
        pytest.param("oi_zscore", {"value": -8.8, "coins": -0.173}, ["notice", "warning", "critical"], id="11 October"),
    ],
)
def test_a_condition_contains_what_the_counter_reading_names(
    rule: str, values: dict[str, float], told: list[str]
) -> None:
    assert enters(rule, values) == told


def interest(coins: list[float], *, first: str = "2025-01-01") -> list[Points]:
    index = pd.date_range(first, periods=len(coins), freq="D", tz="UTC")
    frame = pd.DataFrame({"open_interest_coin": coins, "open_interest_usd": np.array(coins) * 100.0}, index=index)
    return [Points.of_frame("binance", "BTC", None, frame)]


def test_a_restart_within_three_days_goes_on_in_the_same_episode(store: Store) -> None:
    quiet = [1000.0 * (1.01 if day % 2 else 1.0) for day in range(60)]
    fall = [*quiet, 900.0, 905.0, 906.0, 820.0, 822.0, 823.0, 824.0, 825.0, 824.0, 823.0]
    told = play(store, interest(fall), utc("2025-02-20"), utc("2025-03-12"), step=DAY)
    of_rule = [event for event in told if event.rule == "oi_zscore"]
    assert [event.kind for event in of_rule] == ["fired", "resolved", "resumed", "resolved"]
    assert [event.again for event in of_rule] == [False, False, True, False]
    assert len({event.since for event in of_rule}) == 1
    [one] = episodes.of(store, "oi_zscore", "BTC")
    assert one.ended == of_rule[-1].at


@with_data
@pytest.mark.slow
def test_the_winter_is_not_contradicted_by_itself(store: Store) -> None:
    """All exchanges together, 2025-26: of the alarms below the average none is told while coins are above theirs."""
    frame = pd.read_csv(DATA / "winter-2025-26.csv")
    frame["at"] = pd.to_datetime(frame["at"], format="ISO8601", utc=True)
    rows = frame[(frame["asset"] == "BTC") & frame["input"].isin(["open_interest_usd", "close"])]
    usd = rows[rows["input"] == "open_interest_usd"].set_index("at")["value"]
    close = rows[rows["input"] == "close"].set_index("at")["value"]
    points.write(
        store,
        [
            Points.of_frame("all", "BTC", None, usd.to_frame("open_interest_usd")),
            Points.of_frame("binance", "BTC", DAY, close.to_frame("close")),
        ],
    )
    found = [one.event for one in history(store, ["BTC"], LONG_AGO, utc("2026-04-01")) if one.event]
    below = [event for event in found if event.rule == "oi_vs_ma180" and event.kind != "resolved"]
    assert below
    assert all(event.values["oi_vs_ma180.coins"] < 0.0 for event in below)
    assert sum(event.kind == "fired" for event in found if event.rule == "oi_zscore") == 4


@with_data
@pytest.mark.slow
def test_few_messages_a_month(store: Store) -> None:
    """Daily data of 2021-25 as recorded: two assets of three, without open interest (29.5 a month with all of it).

    A message is what is told anew or again: begun, got worse, restarted. An end answers it silently. Measured: BTC 1.7,
    ETH 1.9, both 3.4 a month; BTC with its open interest, in the winter of 2025-26, 2.4. SOL, and open interest before
    February 2025, are recorded nowhere: three assets with all of it would be about six, which is no measurement.
    """
    listener(store)
    for asset in ("BTC", "ETH"):
        days = days_of(asset)["2020-01-01":"2025-12-31"]
        points.write(store, [Points.of_frame("binance", asset, DAY, days), settled(asset, "2020-01-01", "2026-01-01")])
    mood = sorted((int(row["timestamp"]) * 1000, float(row["value"])) for row in recorded(MOOD))
    times, values = zip(*mood, strict=True)
    points.write(store, [Points("alternative.me", "MARKET", None, times, {"fear_greed": values})])
    told = notices(evaluations(store, ("BTC", "ETH"), utc("2021-01-01"), utc("2026-01-01")))
    kinds = Counter(event.kind for event in told)
    assert kinds["fired"] / MONTHS < 3.0
    assert (kinds["fired"] + kinds["escalated"] + kinds["resumed"]) / MONTHS < 3.5
    assert kinds["resumed"] < 0.05 * kinds["fired"]
