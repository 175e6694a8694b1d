"""What is kept how long: the grid before and after, the frame beside the table, and what a cut leaves behind."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.archive.parsing import KEPT_FINE
from bot.config import LONGEST_LOOK_BACK, Config
from signals.metric import metrics
from signals.options import Chain, Option
from signals.units import from_ms, to_ms
from storage.alerts import episodes, outbox
from storage.engine import settings
from storage.market import options, points, retention, settlements
from storage.market.points import Points
from storage.panels import panels
from storage.people import destinations
from tests.storage import beside

if TYPE_CHECKING:
    from storage.engine.database import Store
    from tests.storage.stores import Stores

MINUTE, FIVE, HOUR, DAY = timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 6, 1, 4, 30, tzinfo=UTC)
RULE = retention.RetentionRule()
NAN = math.nan


def live(start: datetime, end: datetime, *, every: timedelta = MINUTE, asset: str = "BTC") -> list[Points]:
    """Write as a venue does: open interest at one moment of the minute, funding and marks at another."""
    count = (end - start) // every
    noise = np.random.default_rng(7)
    at = pd.date_range(start, periods=count, freq=pd.Timedelta(every), name="at")
    interest = {"open_interest_coin": noise.uniform(1, 2, count), "open_interest_usd": noise.uniform(1e5, 2e5, count)}
    running = {
        "funding_rate": noise.normal(0, 1e-4, count),
        "funding_interval_hours": np.full(count, 8.0),
        "mark_price": noise.uniform(9e4, 1e5, count),
    }
    return [
        Points.of_frame("binance", asset, None, pd.DataFrame(interest, index=at)),
        Points.of_frame("binance", asset, None, pd.DataFrame(running, index=at + timedelta(seconds=7))),
    ]


def run(store: Store, now: datetime = NOW, rule: retention.RetentionRule = RULE) -> dict[str, int]:
    gone: dict[str, int] = {}
    for step in retention.clean(store, rule, now):
        gone[step.kind] = gone.get(step.kind, 0) + step.rows
    return gone


def rows_of(store: Store, table: str) -> list[tuple[Any, ...]]:
    return beside.rows(store, f"SELECT * FROM {table}")  # noqa: S608 - ours


def per_day(store: Store, name: str = "open_interest_coin") -> dict[str, int]:
    found = beside.rows(store, f"SELECT at / 86400000 AS day, count({name}) FROM levels GROUP BY day")  # noqa: S608 - ours
    return {f"{from_ms(day * 86_400_000):%m-%d}": count for day, count in found}


def check_directory(store: Store) -> None:
    """Hold the directory of series against the rows."""
    for asset, name, venue, step, first, last in rows_of(store, "spans"):
        table, which = ("bars", f"AND step = {step}") if step else ("levels", "")
        tables = [table, "settlements"] if name in settlements.RATES else [table]
        times = [
            at
            for table in tables
            for (at,) in beside.rows(
                store,
                f"SELECT at FROM {table} WHERE asset = ? AND venue = ? {which} AND {name} IS NOT NULL",  # noqa: S608 - ours
                asset,
                venue,
            )
        ]
        assert (first, last) == (min(times), max(times)), (asset, name, venue, step)


# --- levels -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_levels_grow_coarser_with_age(store: Store) -> None:
    points.write(store, live(NOW - 42 * DAY, NOW - 39 * DAY))
    points.write(store, live(NOW - 5 * DAY, NOW))
    run(store)
    assert per_day(store) == {
        "04-20": 20,  # begins at 04:30
        "04-21": 24,
        "04-22": 288,  # 40 days ago is within this day, and days go whole
        "04-23": 54,
        "05-27": 234,
        "05-28": 288,
        "05-29": 1440,
        "05-30": 1440,
        "05-31": 1440,
        "06-01": 270,
    }
    check_directory(store)


@pytest.mark.slow
def test_the_hourly_grid_is_the_same_before_and_after(store: Store) -> None:
    start = NOW.replace(minute=0) - 43 * DAY
    points.write(store, [*live(start, start + 4 * DAY), *live(NOW - 5 * DAY, NOW)])
    close = pd.DataFrame({"close": np.linspace(9e4, 1e5, 43 * 24)}, pd.date_range(start, periods=43 * 24, freq="h"))
    points.write(store, [Points.of_frame("binance", "BTC", HOUR, close)])
    names = {"open_interest_coin", "open_interest_usd", "funding_rate", "funding_interval_hours", "close"}
    needed = sorted({name for metric in metrics().values() for name in metric.needs} & names)
    before = {
        step: panels.panel(store, needed, ["BTC"], step=step, start=start, end=NOW, now=NOW) for step in (HOUR, DAY)
    }
    assert run(store)["levels"] > 10_000
    for step, was in before.items():
        now = panels.panel(store, needed, ["BTC"], step=step, start=start, end=NOW, now=NOW)
        for name in needed:
            assert not np.isnan(was.values[name]).all(), name
            np.testing.assert_array_equal(was.values[name], now.values[name], err_msg=f"{name} by {step}")
    assert len(rows_of(store, "bars")) == len(close), "bars stay"


def test_settled_rates_stay_and_announcements_go(store: Store) -> None:
    day = NOW.replace(hour=0, minute=0) - 60 * DAY
    points.write(store, live(day, day + DAY))
    paid = pd.DataFrame(
        {"funding_rate": [1e-4, 2e-4, 3e-4], "funding_interval_hours": [8.0] * 3},
        index=[day + hour * HOUR + timedelta(milliseconds=3) for hour in (0, 8, 16)],
    )
    points.write(store, [Points.of_frame("binance", "BTC", None, paid, settled=True)])
    run(store)
    kept = settlements.within(store, "BTC", "binance", start=0, end=to_ms(NOW))
    assert [(from_ms(row.at), row.rate, row.hours) for row in kept] == list(
        zip(paid.index, paid["funding_rate"], paid["funding_interval_hours"], strict=True)
    )
    assert per_day(store, "mark_price") == {f"{day:%m-%d}": 24}
    assert per_day(store, "funding_rate") == {f"{day:%m-%d}": 24}, "what was announced last in each hour"
    check_directory(store)


value = st.one_of(st.just(NAN), st.just(NAN), st.floats(0.1, 9.0))
tables = st.lists(
    st.tuples(st.integers(0, 5 * 3600), value, value, value), min_size=1, max_size=40, unique_by=lambda row: row[0]
).map(
    lambda rows: pd.DataFrame(
        [row[1:] for row in sorted(rows)],
        columns=["funding_rate", "mark_price", "open_interest_coin"],
        index=pd.DatetimeIndex([NOW - 90 * DAY + timedelta(seconds=10 * row[0]) for row in sorted(rows)]),
    ).dropna(how="all")
)


@pytest.fixture(scope="module")
def shared(module_stores: Stores) -> Store:
    return module_stores()


@pytest.mark.slow
@given(tables, st.sampled_from([retention.FIVE_MINUTES, retention.HOUR]))
def test_a_frame_and_the_stored_rows_are_thinned_alike(shared: Store, frame: pd.DataFrame, bucket: timedelta) -> None:
    """The rule is written twice, for rows on their way in and for rows that are in: it must be one rule."""
    settings.settings_of(shared, "")  # made
    beside.rows(shared, "DELETE FROM levels")
    beside.rows(shared, "DELETE FROM series")
    points.write(shared, [Points.of_frame("binance", "BTC", None, frame)])
    wanted = [round(at.timestamp() * 1000) for at in retention.thinned(frame, bucket).index]
    for start in {to_ms(at) // 43_200_000 * 43_200_000 for at in frame.index}:
        for part in range(4 if bucket == FIVE else 1):
            retention.thin_window(shared, "BTC", "binance", bucket, start + part * 10_800_000)
    assert [at for (at,) in beside.rows(shared, "SELECT at FROM levels ORDER BY at")] == wanted
    check_directory(shared)


@given(tables)
def test_five_minutes_and_then_an_hour_is_an_hour(frame: pd.DataFrame) -> None:
    once = retention.hourly(frame)
    pd.testing.assert_frame_equal(retention.hourly(retention.thinned(frame, retention.FIVE_MINUTES)), once)
    pd.testing.assert_frame_equal(retention.hourly(once), once)


@pytest.mark.slow
def test_a_second_run_finds_nothing_and_a_cut_one_goes_on(store: Store) -> None:
    points.write(store, [*live(NOW - 44 * DAY, NOW - 42 * DAY), *live(NOW - 44 * DAY, NOW - 42 * DAY, asset="ETH")])
    assert len(list(islice(retention.clean(store, RULE, NOW), 5))) == 5
    assert retention.due(store, NOW), "a run that was cut off is not done"
    run(store)
    once = rows_of(store, "levels")
    assert len(once) == 2 * 2 * 49, "two assets, open interest and funding, 48 hours that lie in 49"
    assert run(store) == {}
    assert rows_of(store, "levels") == once


def test_what_is_imported_late_is_looked_at_again(store: Store) -> None:
    run(store)
    points.write(store, live(NOW - 50 * DAY, NOW - 49 * DAY))
    assert run(store) == {}, "a run costs by the day, not by the history"
    retention.came(store, NOW - 50 * DAY)
    assert run(store)["levels"] == 2 * (1440 - 25)
    retention.came(store, NOW)
    assert run(store) == {}


@pytest.mark.parametrize(
    ("later", "due"),
    [
        pytest.param(timedelta(0), False, id="just done"),
        pytest.param(23 * HOUR, False, id="within the day"),
        pytest.param(24 * HOUR, True, id="a day later"),
        pytest.param(-2 * HOUR, True, id="the clock was put back"),
    ],
)
def test_when_it_is_due(store: Store, later: timedelta, due: bool) -> None:
    assert retention.due(store, NOW)
    run(store)
    assert retention.due(store, NOW + later) is due


def test_a_limit_drops_the_oldest_and_the_directory_follows(store: Store) -> None:
    old = pd.DataFrame({"close": 1.0}, index=pd.date_range(NOW.replace(minute=0) - 700 * DAY, periods=1400, freq="h"))
    points.write(
        store, [Points.of_frame("binance", "OLD", HOUR, old), *live(NOW - 700 * DAY, NOW - 699 * DAY, asset="OLD")]
    )
    points.write(store, [Points.of_frame("binance", "BTC", HOUR, old.set_axis(old.index + 69 * DAY))])
    paid = pd.DataFrame({"funding_rate": 1e-4}, index=[NOW - 699 * DAY, NOW - 600 * DAY])
    points.write(store, [Points.of_frame("binance", "OLD", None, paid, settled=True)])
    assert run(store) == {"levels": 2 * (1440 - 25)}
    assert run(store, rule=retention.RetentionRule(history=650 * DAY)) == {"history": 1196 + 2 * 25 + 1}
    assert points.stored(store, "OLD", "mark_price") == []
    assert points.span(store, "OLD", "funding_rate") == (NOW - 600 * DAY, NOW - 600 * DAY)
    span = points.span(store, "OLD", "close")
    assert span is not None
    assert span[0] == NOW.replace(hour=0, minute=0) - 650 * DAY
    assert points.span(store, "BTC", "close") == (old.index[0] + 69 * DAY, old.index[-1] + 69 * DAY)
    check_directory(store)


def test_the_defaults_agree_with_the_archive_and_with_what_metrics_look_back_on() -> None:
    settings = Config().retention
    assert timedelta(days=settings.five_minutes_days) == KEPT_FINE, "the archive is stored by the same rule"
    assert max(metric.window + metric.step for metric in metrics().values()) < timedelta(days=LONGEST_LOOK_BACK)


# --- option chains ----------------------------------------------------------------------------------------------------


def chain(at: datetime, asset: str = "BTC") -> Chain:
    return Chain("deribit", asset, at, tuple(Option(NOW + 30 * DAY, 1e5 + n, "call", 1.0) for n in range(3)))


def test_of_old_chains_the_last_of_each_hour_stays_whole(store: Store) -> None:
    start = NOW.replace(hour=0, minute=0) - 8 * DAY
    times = [start + n * timedelta(minutes=20) for n in range(72)]
    recent = [NOW - DAY + n * timedelta(minutes=20) for n in range(3)]
    options.write(store, [chain(at, asset) for at in (*times, *recent) for asset in ("BTC", "ETH")])
    assert run(store)["chains"] == 2 * 48 * 3
    for asset in ("BTC", "ETH"):
        assert options.times(store, asset) == [*times[2::3], *recent]
        newest = options.newest(store, asset, times[-1])
        assert newest == chain(times[-1], asset)
    assert run(store) == {}


# --- messages ---------------------------------------------------------------------------------------------------------


def told(store: Store, at: datetime, *, ended: datetime | None, state: str = "sent", single: bool = False) -> int:
    """Write an episode with its notice, as it stands when it was sent; return the episode."""
    here = destinations.ensure(store, "telegram", "1", None, kind="private", title=None, now=at)
    destinations.subscribe(store, here.id, "*", "*")
    ((number,),) = beside.rows(
        store,
        "INSERT INTO episodes (rule, asset, since, fired, ended, rank, first_values, last_values) "
        "VALUES ('w', 'BTC', ?, ?, ?, 'notice', '{}', '{}') RETURNING id",
        to_ms(at),
        to_ms(at),
        to_ms(ended) if ended else None,
    )
    with store.write() as work:
        notice = outbox.Notice("fired", "notice", at, {}, None if single else number, "w", "BTC")
        outbox.announce(work, notice, now=at, expires=at + DAY)
    beside.rows(
        store,
        "UPDATE outbox SET state = ?, settled = ? WHERE id = (SELECT max(id) FROM outbox)",
        state,
        None if state == "queued" else to_ms(at),
    )
    beside.rows(store, "INSERT INTO messages VALUES (?, ?, '17')", number, here.id)
    return number


@pytest.mark.parametrize(
    ("at", "ended", "state", "stays"),
    [
        pytest.param(NOW - 31 * DAY, NOW - 31 * DAY, "sent", False, id="settled and over for a month"),
        pytest.param(NOW - 31 * DAY, NOW - 31 * DAY, "dead", False, id="dead for a month"),
        pytest.param(NOW - 31 * DAY, NOW - 2 * DAY, "sent", True, id="the episode ended this month"),
        pytest.param(NOW - 90 * DAY, None, "sent", True, id="the episode still runs"),
        pytest.param(NOW - 31 * DAY, NOW - 31 * DAY, "queued", True, id="it still waits to be sent"),
        pytest.param(NOW - 29 * DAY, NOW - 29 * DAY, "sent", True, id="not a month yet"),
    ],
)
def test_messages_go_when_nobody_can_need_them(
    store: Store, at: datetime, ended: datetime | None, state: str, stays: bool
) -> None:
    number = told(store, at, ended=ended, state=state)
    run(store)
    for table in ("notices", "outbox", "messages"):
        assert bool(rows_of(store, table)) is stays, table
    assert [episode.id for episode in episodes.of(store, "w", "BTC")] == [number], "episodes are kept for ever"


def test_a_notice_without_an_episode_goes_after_a_month(store: Store) -> None:
    told(store, NOW - 31 * DAY, ended=NOW - 31 * DAY, single=True)
    told(store, NOW - DAY, ended=None, single=True)
    run(store)
    assert [at for (at,) in beside.rows(store, "SELECT at FROM notices")] == [to_ms(NOW - DAY)]


def test_a_large_audience_goes_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_ROWS", 2)
    for n in range(5):
        here = destinations.ensure(store, "telegram", f"9{n}", None, kind="private", title=None, now=NOW)
        destinations.subscribe(store, here.id, "*", "*")
    told(store, NOW - 31 * DAY, ended=NOW - 31 * DAY)
    beside.rows(store, "UPDATE outbox SET state = 'sent', settled = ?", to_ms(NOW - 31 * DAY))
    sizes = [step.rows for step in retention.clean(store, RULE, NOW)]
    assert sizes == [2, 2, 2, 1, 1], "six rows of the outbox, the notice, the message"
