"""One of several venues goes and comes back: the coverage says so, and no alarm takes it for a move (S23, G3, G7)."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from bot.engine.evaluate import judge
from handlers.reply import Line, plain_text
from handlers.words.notices import message_of
from handlers.words.readings import coverage_words
from signals.metric import metrics
from signals.venues import venue_title
from storage.alerts import episodes
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.panels import panels
from storage.people import destinations
from storage.queries.market.readings import NotKnown, Reading, read
from tests.examples import examples
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from signals.alerts.event import Event

pytestmark = pytest.mark.slow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 9, 1, tzinfo=UTC)
LONG_AGO = START - DAY
BEFORE = 34 * 24  # hours until the first judgement; oi_zscore looks back on 31 days
COINS = {"binance": 50_000.0, "bybit": 27_000.0, "okx": 20_000.0, "hyperliquid": 3_000.0}
PRICE = 100_000.0
Tape = dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


def tape(hours: int, *, fall: int | None = None) -> Tape:
    """Return coins by venue and hour, each with waves of its own; with a fall of 12 % in the six hours from `fall`."""
    moments = np.arange(hours)
    made = {}
    for number, (venue, coins) in enumerate(COINS.items()):
        waves = 1 + 0.01 * np.sin(moments / (3 + number)) + 0.006 * np.sin(moments / (17.0 + 2 * number))
        fallen = 1.0 if fall is None else 1 - 0.12 * np.clip((moments - fall) / 6, 0, 1)
        made[venue] = coins * waves * fallen
    return made


def keep(store: Store, given: Tape, first: int, end: int) -> None:
    """Store the hours [first, end) of a tape; NaN: the venue did not answer."""
    index = pd.date_range(START + first * HOUR + timedelta(minutes=55), periods=end - first, freq="h", name="at")
    batches = []
    for venue, coins in given.items():
        frame = pd.DataFrame({"open_interest_coin": coins[first:end]}, index=index)
        frame["open_interest_usd"] = frame["open_interest_coin"] * PRICE
        batches.append(Points.of_frame(venue, "BTC", None, frame))
    points.write(store, batches)


def silence(given: Tape, *, first: int, hours: int, venues: tuple[str, ...]) -> Tape:
    """Return the tape with venues that did not answer."""
    out = {venue: coins.copy() for venue, coins in given.items()}
    for venue in venues:
        out[venue][first : first + hours] = math.nan
    return out


def lived(store: Store, given: Tape, *, hourly: int = 40) -> list[Event]:
    """Let the hours come in one by one (after `hourly` of them day by day) and judge after each."""
    keep(store, given, 0, BEFORE)
    judge(store, ["BTC"], START + BEFORE * HOUR, started=LONG_AGO)
    told, done, end = [], BEFORE, len(given["binance"])
    while done < end:
        until = min(end, done + (1 if done < BEFORE + hourly else 6))
        keep(store, given, done, until)
        told += judge(store, ["BTC"], START + until * HOUR, started=LONG_AGO)
        done = until
    return told


def reading(store: Store, hour: int, metric: str = "oi_zscore") -> Reading | NotKnown:
    return read(store, metrics()[metric], "BTC", START + hour * HOUR)


def said(store: Store, hour: int, metric: str = "oi_zscore") -> str:
    found = reading(store, hour, metric)
    assert isinstance(found, Reading), found
    return coverage_words(found.stamp.coverage) if found.stamp.coverage else ""


@pytest.mark.parametrize(
    ("venue", "hours", "coverage"),
    [
        pytest.param("hyperliquid", 3, (96, 97), id="the smallest, hours"),
        pytest.param("hyperliquid", 60, (96, 97), id="the smallest, days"),
        pytest.param("bybit", 3, (72, 73), id="a large one, hours"),
        pytest.param("bybit", 60, (72, 73), id="a large one, days"),
    ],
)
def test_one_of_four_is_no_fall_when_it_goes_and_no_rise_when_it_is_back(
    store: Store, venue: str, hours: int, coverage: tuple[int, int]
) -> None:
    down = BEFORE + 5
    end = down + hours + 30
    given = silence(tape(end), first=down, hours=hours, venues=(venue,))
    added = np.nansum(list(given.values()), axis=0)
    if venue == "bybit":  # the control: what answers, added up, looks like a quarter of the market closed in an hour
        assert added[down] / added[down - 1] - 1 < -0.25
    assert lived(store, given, hourly=10) == []
    assert episodes.of(store, "oi_zscore", "BTC") == []
    assert said(store, down) == "4 of 4 venues, 100 % of usual open interest"
    for hour in (down + 1, down + hours):
        who = venue_title(venue)
        assert said(store, hour) in {f"3 of 4 venues, {n} % of usual open interest · without {who}" for n in coverage}
        change = reading(store, hour)
        assert isinstance(change, Reading)
        assert abs(change.values["coins"]) < 0.05
    state = episodes.rule_states(store)["oi_zscore", "BTC"].state
    assert (state.rank, state.unknown, state.at) == (0, False, START + end * HOUR)
    whole = hours == 3  # after a short silence it belongs to the sum again, once a day has passed
    assert said(store, end).startswith("4 of 4" if whole else "3 of 4")


@pytest.mark.parametrize(
    ("first", "hours"),
    [
        pytest.param(-10, 4, id="it was away before"),
        pytest.param(2, 3, id="it goes while the market falls"),
        pytest.param(7, 20, id="it goes while the alarm is on"),
        pytest.param(-5, 60, id="it is away all the time"),
    ],
)
def test_a_true_fall_is_told_as_if_nobody_were_missing(tmp_path: Path, first: int, hours: int) -> None:
    fall = BEFORE + 12
    given = tape(fall + 60, fall=fall)
    for coins in given.values():  # in step, so that it is the same fall whoever is asked
        coins[:] = given["binance"] / given["binance"][0] * coins[0]
    told = []
    for number, market in enumerate((given, silence(given, first=fall + first, hours=hours, venues=("okx",)))):
        store = Store(tmp_path / f"{number}.db")
        found = [event for event in lived(store, market, hourly=36) if event.rule == "oi_zscore"]
        told.append([(event.kind, event.at) for event in found])
        assert found[0].coverage is not None
        store.close()
    assert told[0] == told[1]
    assert [kind for kind, _ in told[0]] == ["fired", "resolved"]


def test_the_message_says_how_much_of_the_market_it_speaks_of(store: Store) -> None:
    one = destinations.ensure(store, "terminal", "screen", None, kind="private", title=None, now=START)
    destinations.subscribe(store, one.id, "*", "*")
    fall = BEFORE + 4
    lived(store, silence(tape(fall + 8, fall=fall), first=fall - 2, hours=9, venues=("okx",)))
    row = beside.one(store, "SELECT payload FROM notices WHERE rule = 'oi_zscore'")
    assert row is not None
    text = plain_text(
        tuple(block for block in message_of(json.loads(row["payload"]), "UTC").blocks if isinstance(block, Line))
    )
    assert "Binance, Bybit, Hyperliquid · close of" in text
    assert "· 3 of 4 venues, 80 % of usual open interest · without OKX" in text


def test_under_sixty_percent_there_is_no_total_and_the_next_venue_speaks_alone(store: Store) -> None:
    down = BEFORE + 3
    given = silence(tape(down + 12, fall=down + 2), first=down, hours=12, venues=("binance",))
    told = lived(store, given)
    assert [(event.rule, event.kind, event.venues, event.silent) for event in told] == [
        ("oi_zscore", kind, ("bybit",), ("binance",)) for kind in ("fired", "escalated")
    ]
    assert not episodes.rule_states(store)["oi_zscore", "BTC"].state.unknown
    assert said(store, down + 12) == "1 of 4 venues, 27 % of usual open interest · without Binance, OKX, Hyperliquid"


def test_on_the_first_day_the_venue_with_an_archive_speaks_alone(store: Store) -> None:
    given = silence(tape(BEFORE + 10), first=0, hours=BEFORE - 48, venues=("bybit", "okx", "hyperliquid"))
    assert lived(store, given) == []
    assert said(store, BEFORE + 10) == "1 of 4 venues, 50 % of usual open interest · without Bybit, OKX, Hyperliquid"
    found = reading(store, BEFORE + 10)
    assert isinstance(found, Reading)
    assert found.stamp.venues == ("binance",)
    assert found.stamp.coverage
    assert found.stamp.coverage.left_out["bybit"] == "begins"


def test_the_day_when_the_others_are_known_for_the_whole_window_is_no_news(store: Store) -> None:
    begun = BEFORE - 748 + 20  # oi_zscore looks back on so many rows: they all know them 20 hours after the beginning
    end = BEFORE + 40
    given = silence(tape(end), first=0, hours=begun, venues=("bybit", "okx", "hyperliquid"))
    assert lived(store, given) == []
    assert said(store, BEFORE + 10).startswith("1 of 4 venues")
    assert said(store, end) == "4 of 4 venues, 100 % of usual open interest"
    assert episodes.of(store, "oi_zscore", "BTC") == []


def test_our_own_silence_of_days_leaves_the_venue_that_can_be_read_back(store: Store) -> None:
    """The machine was off for three days: Binance's history is fetched afterwards, the others have none."""
    given = silence(tape(BEFORE + 90), first=BEFORE, hours=72, venues=("bybit", "okx", "hyperliquid"))
    keep(store, given, 0, BEFORE)
    judge(store, ["BTC"], START + BEFORE * HOUR, started=LONG_AGO)
    keep(store, given, BEFORE, BEFORE + 90)
    assert judge(store, ["BTC"], START + (BEFORE + 90) * HOUR, started=LONG_AGO) == []
    assert said(store, BEFORE + 90).startswith("1 of 4 venues, 5")
    assert not episodes.rule_states(store)["oi_zscore", "BTC"].state.unknown


HOLES = st.dictionaries(
    st.sampled_from(list(COINS)),
    st.lists(st.tuples(st.integers(0, BEFORE - 1), st.integers(1, 60)), max_size=3),
)


@examples(12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(holes=HOLES, seed=st.integers(0, 2**16))
def test_no_set_of_venues_falls_further_than_one_of_them_did(
    tmp_path_factory: pytest.TempPathFactory, holes: Mapping[str, list[tuple[int, int]]], seed: int
) -> None:
    """Whoever is missing, and whenever: the change of a total over a day lies between those of its venues.

    Where another venue took over within the day, the drift between the two is in it too: tests/field/test_silence.py.
    """
    rng = np.random.default_rng(seed)
    given = {venue: coins * np.exp(np.cumsum(rng.normal(0, 0.01, BEFORE))) for venue, coins in COINS.items()}
    changes = [coins[24:] / coins[:-24] - 1 for coins in given.values()]
    least, most = np.min(changes, axis=0), np.max(changes, axis=0)
    for venue, every in holes.items():
        for first, hours in every:
            given = silence(given, first=first, hours=hours, venues=(venue,))
    store = Store(tmp_path_factory.mktemp("holes") / "a.db")
    keep(store, given, 0, BEFORE)
    metric = metrics()["oi_zscore"]
    panel = panels.panel(store, panels.needs(metric), ["BTC"], step=HOUR, start=START, end=START + BEFORE * HOUR)
    store.close()
    found = metric.evaluate(panel)["coins"][24:, 0]
    _, spoke = panel.spoke.get(("open_interest_coin", "BTC"), ((), np.zeros(len(panel), dtype=np.int8)))
    one = np.array([not spoke[row : row + 25].any() for row in range(len(found))])
    known = ~np.isnan(found) & one
    assert (found[known] >= least[known] - 1e-12).all()
    assert (found[known] <= most[known] + 1e-12).all()
    if not any(holes.values()):
        assert known.all()
