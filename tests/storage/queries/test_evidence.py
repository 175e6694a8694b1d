"""When a rule fired in stored history: as the engine would have told it, however it was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from bot.engine.evaluate import history
from signals.alerts.rule import rules
from signals.inputs import MARKET
from signals.metric import metrics
from signals.units import DAY, HOUR, to_ms
from storage.market import points
from storage.market.points import Points
from storage.queries.evidence import past as evidence
from storage.queries.evidence.past import PastFires
from tests.field.world import DATA

if TYPE_CHECKING:
    from storage.engine.database import Store
    from tests.storage.stores import Stores

START = datetime(2024, 1, 1, tzinfo=UTC)


def prices(count: int, step: timedelta, seed: int = 3) -> np.ndarray:
    """Draw a price that falls by a tenth in days, now and then."""
    random = np.random.default_rng(seed)
    spread = 0.03 * np.sqrt(step / DAY)
    return 50_000 * np.exp(np.cumsum(spread * random.standard_normal(count)))


def write(store: Store, step: timedelta, first: datetime, close: np.ndarray, venue: str = "binance") -> None:
    times = [to_ms(first + step * i) for i in range(len(close))]
    bars = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close}
    points.write(store, [Points(venue, "BTC", step, times, bars)])


def fires(store: Store, rule: str, now: datetime) -> list[datetime]:
    return [fire.at for fire in store.beside(PastFires).of(rule, "BTC", now).fires]


@pytest.mark.slow
def test_the_fires_are_those_that_the_engine_would_have_told(store: Store) -> None:
    """All of the market from 2018 to 2026 that is beside this checkout."""
    for name in ("funding/binance-btcusdt-funding.json", "sentiment/alternative-me-fear-greed.json",
                 "ohlcv/binance-spot-btcusdt-1d.json"):  # fmt: skip
        if not (DATA / name).exists():
            pytest.skip(f"the recording {name} is not beside this checkout (../shared/data)")
        keep(store, read_file(DATA / name, now=datetime(2026, 11, 1, tzinfo=UTC), asset="BTC"))
    now = datetime(2026, 6, 6, tzinfo=UTC)
    told: dict[str, list[datetime]] = {}
    for one in history(store, ["BTC"], START - 3000 * DAY, now):
        if one.event and one.event.kind == "fired":
            told.setdefault(one.event.rule, []).append(one.event.at)
    assert len(told) >= 6
    for rule, at in told.items():
        found = evidence.read(store, rule, "BTC", now)
        assert found is not None
        assert [fire.at for fire in found.fires.fires] == at, rule
    fear = evidence.read(store, "fear_greed", MARKET, now)
    assert fear is not None
    odds = fear.odds(fear.horizon)
    assert (odds.days, odds.up, odds.n, odds.verdict, fear.price_of) == (30, 6, 15, "no better", "BTC")
    assert odds.venues == (("alternative.me",),)


def test_as_of_a_day_nothing_later_counts(store: Store) -> None:
    write(store, DAY, START, prices(700, DAY))
    now = START + 700 * DAY
    whole = evidence.read(store, "price_drawdown", "BTC", now)
    assert whole is not None
    assert len(whole.rate.cases) > 5
    then = whole.rate.cases[4].at + 31 * DAY
    early = evidence.read(store, "price_drawdown", "BTC", then)
    assert early is not None
    assert [case.at for case in early.rate.cases] == [case.at for case in whole.rate.cases if case.at < then]
    assert early.closes.times[-1] == to_ms(then)


@pytest.mark.slow
@pytest.mark.parametrize("step", [DAY, HOUR], ids=["days", "hours"])
def test_a_day_at_a_time_finds_what_all_at_once_finds(store: Store, stores: Stores, step: timedelta) -> None:
    days = 400
    count = round(days * DAY / step)
    close = prices(count, step)
    write(store, step, START, close[: count - round(20 * DAY / step)])
    asked = evidence.read(store, "price_drawdown", "BTC", START + (days - 20) * DAY)
    assert asked is not None
    for day in range(days - 20, days):
        row = round(day * DAY / step)
        write(store, step, START + step * row, close[row : row + round(DAY / step)])
        fires(store, "price_drawdown", START + (day + 1) * DAY)
    other = stores()
    write(other, step, START, close)
    now = START + days * DAY
    assert fires(store, "price_drawdown", now) == fires(other, "price_drawdown", now) != []


def test_the_newest_days_may_be_told_late(store: Store) -> None:
    close = prices(200, DAY)
    close[-3:] = close[-4] * np.array([0.9, 0.8, 0.7])
    write(store, DAY, START, close[:-1])
    now = START + 200 * DAY
    fires(store, "price_drawdown", now - DAY)
    early = fires(store, "price_drawdown", now)
    write(store, DAY, START + 199 * DAY, close[-1:])
    assert fires(store, "price_drawdown", now + DAY)[-1] >= now - 2 * DAY
    assert early == fires(store, "price_drawdown", now + DAY)[: len(early)]


def test_a_past_that_is_rewritten_is_looked_at_again(store: Store) -> None:
    close = prices(300, DAY)
    write(store, DAY, START + 200 * DAY, close[200:])
    now = START + 300 * DAY
    before = fires(store, "price_drawdown", now)
    write(store, DAY, START, close[:200])
    after = fires(store, "price_drawdown", now)
    assert len(after) > len(before)
    assert after[0] < START + 200 * DAY


@pytest.mark.slow
def test_years_known_by_the_day_come_before_hours(store: Store) -> None:
    """An hourly alarm over daily prices, and then hours: both are judged, each as a running bot would."""
    days, hours = prices(300, DAY), prices(24 * 100, HOUR, seed=5)
    hours = hours * days[-1] / hours[0]
    write(store, DAY, START, days)
    write(store, HOUR, START + 300 * DAY, hours)
    now = START + 400 * DAY
    found = evidence.read(store, "price_drawdown", "BTC", now)
    assert found is not None
    assert found.fires.since is not None
    assert found.fires.since < START + 30 * DAY
    first, last = found.fires.fires[0].at, found.fires.fires[-1].at
    assert first < START + 300 * DAY < last
    assert {fire.at.hour for fire in found.fires.fires if fire.at < START + 300 * DAY} == {0}


def test_two_venues_that_follow_each_other_are_one_history(store: Store) -> None:
    close = prices(500, DAY)
    write(store, DAY, START, close[:250])
    write(store, DAY, START + 250 * DAY, close[250:], venue="bybit")
    found = evidence.read(store, "price_drawdown", "BTC", START + 500 * DAY)
    assert found is not None
    assert found.odds(7).venues == (("binance",), ("bybit",))
    assert set(found.price_venues) == {"binance", "bybit"}
    assert found.fires.fires[0].at < START + 250 * DAY < found.fires.fires[-1].at


def test_what_is_only_reported_gets_no_score(store: Store) -> None:
    """Supply grows by 4 % in every second month; what price did after it is counted, and called nothing."""
    days = 800
    write(store, DAY, START, prices(days, DAY))
    growth = np.where(np.arange(days) % 80 < 40, 0.001, -0.0002)
    times = [to_ms(START + DAY * i) for i in range(days)]
    supply = {"stablecoin_supply_usd": 1e11 * np.exp(np.cumsum(growth))}
    points.write(store, [Points("defillama", MARKET, None, times, supply)])
    found = evidence.read(store, "stablecoin_regime", MARKET, START + days * DAY)
    assert found
    assert found.odds(30).n >= 8
    assert {found.odds(horizon).verdict for horizon in found.rate.odds} == {"no score"}
    assert [rule.id for rule in rules().values() if not rule.scored] == ["stablecoin_regime"]


def test_what_was_never_judged_has_no_evidence(store: Store) -> None:
    write(store, DAY, START, prices(100, DAY))
    for name, rule in rules().items():
        found = evidence.read(store, name, "BTC", START + 100 * DAY)
        of_price = [bool(set(metrics()[one].needs) & {"open", "high", "low", "close"}) for one in rule.needed]
        assert found is None or all(of_price), name
        assert found is not None or name != "price_drawdown"
    with pytest.raises(KeyError):
        evidence.read(store, "no_rule", "BTC", START)
