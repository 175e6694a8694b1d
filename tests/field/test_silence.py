"""Nobody's silence stops an alarm: the next venue speaks within the hour, and a change of speakers is no move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from bot.engine.evaluate import history
from handlers.words import alerts
from signals.metric import metrics
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.panels import panels
from tests.examples import examples
from tests.field.world import HOUR, LONG_AGO, bars, coins, hourly_closes, play, said, utc, with_data

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def silent(every: Sequence[Points], start: str, end: str) -> list[Points]:
    """Return points without what would have come in [start, end)."""
    begin, until = (int(utc(at).timestamp() * 1000) for at in (start, end))
    found = []
    for one in every:
        lead = 0 if one.step is None else int(one.step.total_seconds() * 1000)
        kept = [place for place, at in enumerate(one.times) if not begin <= at + lead < until]
        columns = {name: [column[place] for place in kept] for name, column in one.columns.items()}
        found.append(Points(one.venue, one.asset, one.step, [one.times[place] for place in kept], columns, one.settled))
    return found


def two(closes: pd.Series, interest: pd.Series, start: str, end: str) -> list[Points]:
    """Return a market on Binance, silent for a time, and on Bybit, whose price is a little and whose coins are half."""
    return [
        *silent(bars("binance", "BTC", closes, open_interest_coin=interest), start, end),
        *bars("bybit", "BTC", closes * 1.0003, open_interest_coin=interest * 0.5),
    ]


@with_data
@pytest.mark.slow
def test_a_crash_in_which_binance_is_silent_for_22_hours_is_told_in_time(store: Store) -> None:
    """5 February 2026, modelled so that −20 % comes at 14:00, while Binance says nothing from 04:00 on."""
    told = {"2026-02-03 00:00": 78_700, "2026-02-04 00:00": 76_500, "2026-02-05 00:00": 75_500}
    told |= {"2026-02-05 13:00": 75_000, "2026-02-05 14:00": 68_900, "2026-02-05 20:00": 64_000}
    closes = hourly_closes("BTC", "2026-01-01", "2026-02-07", told)
    interest = coins(closes.index, 90_000.0, {"2026-02-05 14:00": -0.09})
    market = two(closes, interest, "2026-02-05 04:00", "2026-02-06 02:00")
    events = list(play(store, market, utc("2026-02-04"), utc("2026-02-05 16:00")))
    warning = next(event for event in events if event.rule == "price_drawdown" and event.rank == "warning")
    whole = hourly(Store(store.path.with_name("whole.db")), bars("binance", "BTC", closes, open_interest_coin=interest))
    assert warning.at == next(event.at for event in whole if event.rule == "price_drawdown" and event.rank == "warning")
    assert f"{warning.at:%Y-%m-%d}" == "2026-02-05"
    assert (warning.venues, warning.silent) == (("bybit",), ("binance",))
    assert alerts.stamp(warning).startswith("Bybit · for Binance, silent · close of 5 February 2026")
    assert said(events, "oi_zscore")[0] == "2026-02-05 15:00 fired notice"


def hourly(store: Store, market: Sequence[Points]) -> list:
    try:
        return list(play(store, market, utc("2026-02-04"), utc("2026-02-05 16:00")))
    finally:
        store.close()


@with_data
@pytest.mark.slow
def test_three_days_of_silence_hide_no_alarm(store: Store) -> None:
    """10 October 2025, 20:00: Binance says nothing for three days; both alarms are told, and none when it is back."""
    closes = hourly_closes(
        "BTC", "2025-09-01", "2025-10-16", {"2025-10-10 21:00": 116_500, "2025-10-10 22:00": 110_700}
    )
    interest = coins(closes.index, 80_000.0, {"2025-10-10 22:00": -0.20})
    market = two(closes, interest, "2025-10-10 20:00", "2025-10-13 20:00")
    events = list(play(store, market, utc("2025-10-10 12:00"), utc("2025-10-14 12:00")))
    assert said(events, "price_drawdown") == ["2025-10-10 22:00 fired notice"]
    assert said(events, "oi_zscore") == ["2025-10-10 22:00 fired critical", "2025-10-12 21:00 resolved critical"]


@with_data
def test_a_second_history_never_hides_the_first(store: Store) -> None:
    """Years of one venue, then a sum over all of them that is three times as large and goes on alone."""
    first = [Points.of_frame("binance", "BTC", None, frame) for frame in (years("2021-01-01", "2025-12-31", 1.0),)]
    second = [Points.of_frame("all", "BTC", None, frame) for frame in (years("2025-02-14", "2026-03-30", 3.0),)]
    points.write(store, first)
    alone = told(store, utc("2026-01-01"))
    points.write(store, second)
    both = told(store, utc("2026-04-01"))
    assert len(alone) > 20
    assert [key for key in both if key[1] < "2026"] == [key for key in alone if key[1] < "2026"]
    assert [key for key in both if key[1] >= "2026"], "what came after is told too"


def years(first: str, last: str, scale: float) -> pd.DataFrame:
    """Return a walk of open interest, the same for all; its falls in 2026 are its own."""
    noise = np.random.default_rng(3)
    index = pd.date_range("2021-01-01", "2026-03-30", freq="D", tz="UTC")
    steps = noise.normal(0, 0.012, len(index))
    steps[::97] -= 0.11
    interest = 100_000 * np.exp(np.cumsum(steps) - np.cumsum(np.full(len(index), steps.mean())))
    frame = pd.DataFrame({"open_interest_coin": interest * scale, "open_interest_usd": interest * scale * 50_000.0})
    return frame.set_index(index)[first:last]


def told(store: Store, end: datetime) -> list[tuple[str, str]]:
    found = history(store, ["BTC"], LONG_AGO, end)
    return [(one.event.rule, f"{one.event.at:%Y-%m-%d}") for one in found if one.event and one.event.kind == "fired"]


GAPS = st.lists(st.tuples(st.integers(30, 900), st.integers(1, 80)), max_size=4)


@pytest.mark.slow
@examples(15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps=GAPS, seed=st.integers(0, 2**16), scale=st.floats(0.05, 20.0))
def test_a_change_of_speakers_makes_no_move(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[tuple[int, int]], seed: int, scale: float
) -> None:
    """Two venues in one proportion: whoever is silent and whenever, every figure is that of the one that speaks."""
    noise = np.random.default_rng(seed)
    index = pd.date_range(utc("2026-01-01"), periods=1000, freq="h")
    price = pd.Series(90_000.0 * np.exp(np.cumsum(noise.normal(0, 0.006, len(index)))), index=index)
    interest = pd.Series(80_000.0 * np.exp(np.cumsum(noise.normal(0, 0.005, len(index)))), index=index)
    market = bars("binance", "BTC", price, open_interest_coin=interest)
    whole, holes = Store(tmp_path_factory.mktemp("a") / "a.db"), Store(tmp_path_factory.mktemp("b") / "b.db")
    points.write(whole, market)
    for first, hours in gaps:
        market = silent(market, f"{index[first]:%Y-%m-%d %H:%M}", f"{index[first] + hours * HOUR:%Y-%m-%d %H:%M}")
    points.write(holes, [*market, *bars("bybit", "BTC", price, open_interest_coin=interest * scale)])
    for name, values in (("price_drawdown", ("value", "lines", "change")), ("oi_zscore", ("coins", "dollars"))):
        metric = metrics()[name]
        span = {"step": HOUR, "start": utc("2026-01-01"), "end": utc("2026-02-11")}
        found, wanted = (
            metric.evaluate(panels.panel(store, panels.needs(metric), ["BTC"], **span)) for store in (holes, whole)
        )
        for value in values:
            rows, here = wanted[value], found[value]
            known = ~np.isnan(rows) & ~np.isnan(here)
            assert known.sum() > 0.7 * (~np.isnan(rows)).sum()
            assert np.allclose(here[known], rows[known], rtol=1e-6, atol=1e-7), (name, value)
    whole.close()
    holes.close()


def test_the_drift_between_two_venues_is_no_jump_when_one_is_back(store: Store) -> None:
    """Bybit lost a tenth in two days, Binance a fifth: when Binance is back, no hour has the difference in it."""
    hours = pd.date_range(utc("2026-01-01"), periods=800, freq="h")
    rows = np.arange(800.0)
    theirs = 10_000 * (1 - 0.10 * np.clip((rows - 700) / 48, 0, 1))
    ours = 20_000 * (1 - 0.20 * np.clip((rows - 700) / 48, 0, 1))
    price = pd.Series(np.full(800, 100.0), index=hours)
    market = silent(
        bars("binance", "BTC", price, open_interest_coin=pd.Series(ours, index=hours)),
        f"{hours[700]:%Y-%m-%d %H:%M}",
        f"{hours[748]:%Y-%m-%d %H:%M}",
    )
    points.write(store, market)
    points.write(store, bars("bybit", "BTC", price, open_interest_coin=pd.Series(theirs, index=hours))[1:])
    panel = panels.panel(
        store, ("open_interest_coin", "open_interest_usd"), ["BTC"], step=HOUR, start=hours[0] - HOUR, end=hours[-1]
    )
    told = panel.values["open_interest_coin"][:, 0]
    assert np.nanmin(told[1:] / told[:-1] - 1) > -0.02
