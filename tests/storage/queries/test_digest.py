"""What a digest gathers, read from what is stored and from nothing else."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from signals.alerts.burst import BURST, Running
from signals.alerts.episodes import State, Transition
from signals.alerts.record import Definition
from signals.digest import Digest, HeldBack, Silence
from signals.inputs import MARKET
from signals.liquidation.watching import Holding
from signals.options import Chain, Option
from signals.units import DAY, HOUR, MINUTE, WEEK, to_ms
from storage.alerts import episodes, outbox, record
from storage.alerts.outbox import Notice
from storage.market import options, points
from storage.market.points import Points
from storage.people import destinations, positions
from storage.people.positions import Owner
from storage.queries.digest import DigestReader
from storage.sources.source_events import SourceEvent, to_json
from tests.storage import beside
from tests.waves import market

if TYPE_CHECKING:
    from signals.unusual import FigureChange
    from storage.engine.database import Store
    from tests.storage.stores import Stores

NOW = datetime(2026, 11, 29, 9, 0, 20, tzinfo=UTC)
HOURS = 200 * 24


@pytest.fixture(scope="module")
def stored(module_stores: Stores) -> Store:
    store = module_stores()
    market(store, NOW.replace(second=0), hours=HOURS)
    return store


@pytest.fixture
def store(stores: Stores, stored: Store) -> Store:
    return stores.copy(stored)


def read(store: Store, kind: Any = "daily", *, here: int | None = None, assets: tuple[str, ...] = ("BTC",)) -> Digest:
    span = DAY if kind == "daily" else WEEK
    return DigestReader(store, NOW).read(here, kind, assets, since=NOW - span)


def change(found: Digest, what: str, asset: str = "BTC") -> FigureChange:
    (one,) = (one for one in found.changes if (one.what, one.asset) == (what, asset))
    return one


def live(store: Store, asset: str = "BTC", venue: str = "binance", **values: float) -> None:
    points.write(store, [Points(venue, asset, None, [to_ms(NOW)], {name: [value] for name, value in values.items()})])


@pytest.mark.slow
def test_every_figure_is_held_against_its_own_180_days(store: Store) -> None:
    found = read(store)
    assert {(one.what, one.past) for one in found.changes} == {
        ("price", 180),
        ("open_interest", 180),
        ("funding", 180),
        ("takers", 180),
    }
    assert all(one.rare is not None for one in found.changes)
    assert not found.unusual


@pytest.mark.slow
def test_a_fall_of_the_last_minutes_is_the_most_unusual(store: Store) -> None:
    before = read(store).prices[0]
    live(store, mark_price=(before.value or 0) * 0.9)
    found = read(store)
    assert found.changes[0].what == "price"
    assert found.changes[0].rare == 0
    assert found.prices[0].change == pytest.approx((1 + (before.change or 0)) * 0.9 - 1)


@pytest.mark.slow
def test_coins_are_compared_where_they_are_known_at_both_ends(store: Store) -> None:
    was = change(read(store), "open_interest")
    live(store, venue="okx", open_interest_coin=1e4, open_interest_usd=8e8)  # a venue that begins is no rise
    assert change(read(store), "open_interest").change == was.change


@pytest.mark.slow
def test_over_a_week_weeks_are_compared(store: Store) -> None:
    found = read(store, "weekly")
    assert change(found, "price").past == 180
    assert found.since == NOW - WEEK


def test_what_is_not_known_is_none_and_never_usual(stores: Stores) -> None:
    store = stores()
    live(store, mark_price=80_000.0)
    found = read(store, assets=("BTC", "ETH"))
    assert [(price.asset, price.value, price.change, price.rare) for price in found.prices] == [
        ("BTC", 80_000.0, None, None),
        ("ETH", None, None, None),
    ]
    assert found.changes == ()
    assert not found.known
    store.close()


@pytest.mark.slow
def test_an_old_price_is_no_price_of_now(store: Store) -> None:
    later = DigestReader(store, NOW + 5 * HOUR).read(None, "daily", ("BTC",), since=NOW - 19 * HOUR)
    assert later.prices[0].value is None


def test_daily_data_speaks_for_its_day(stores: Stores) -> None:
    store = stores()
    times = [to_ms(NOW.replace(hour=0, minute=0, second=0) - DAY * back) for back in range(60, 0, -1)]
    closes = [1000.0 + 10 * math.sin(n) for n in range(59)] + [900.0]
    points.write(store, [Points("binance", "BTC", DAY, times, dict.fromkeys(("open", "high", "low", "close"), closes))])
    found = read(store)
    assert found.prices[0].value == 900.0
    assert found.prices[0].rare == 0
    store.close()


def write(store: Store, rule: str, asset: str, fired: datetime, ended: datetime | None = None, **values: float) -> None:
    with store.write() as work:
        episode = episodes.record(work, (rule, asset), Transition("fired", fired, fired, "warning", values), None)
        if ended:
            over = Transition("resolved", ended, fired, "warning", values)
            episodes.record(work, (rule, asset), over, episode)


@pytest.mark.slow
def test_alarms_are_new_over_or_still_on(store: Store) -> None:
    write(store, "oi_zscore", "BTC", NOW - 3 * HOUR)
    write(store, "taker_ratio", "BTC", NOW - 9 * HOUR, NOW - 4 * HOUR)
    write(store, "funding_stretch", "BTC", NOW - 9 * DAY, NOW - HOUR)
    write(store, "oi_vs_ma180", "BTC", NOW - 114 * DAY)
    write(store, "fear_greed", MARKET, NOW - 8 * DAY)
    write(store, "oi_vs_ma180", "ETH", NOW - 2 * HOUR)
    write(store, "oi_drawdown", "BTC", NOW - 40 * DAY, NOW - 30 * DAY)
    found = read(store)
    assert [one.rule for one in found.began] == ["taker_ratio", "oi_zscore"]
    assert [one.rule for one in found.over] == ["funding_stretch"]
    assert found.on == 2
    assert found.oldest
    assert (found.oldest.rule, found.oldest.at) == ("oi_vs_ma180", NOW - 114 * DAY)


@pytest.mark.slow
def test_a_fast_move_says_how_far_it_went(store: Store) -> None:
    write(store, BURST, "BTC", NOW - HOUR, **Running(0.0, 80_000.0, 75_000.0, 0.0, -0.061).to_values())
    assert read(store).began[0].move == -0.061


def tell(store: Store, rule: str, at: datetime) -> None:
    with store.write() as work:
        record.freeze(
            work, {}, Definition(rule, "{}"), rank="notice", asset="BTC", at=at, episode=None, price=None,
            sentences={}, now=at,
        )  # fmt: skip


@pytest.mark.slow
def test_the_record_of_a_week_and_a_month_ago_has_misses_first(store: Store) -> None:
    write(store, "taker_ratio", "BTC", NOW - 10 * DAY, NOW - 9 * DAY)  # found in hindsight: nobody was told of it
    for ago in (1, 9, 16, 29, 36):
        tell(store, "taker_ratio", NOW - ago * DAY)
    found = read(store, "weekly")
    assert sorted((NOW - one.at) / DAY for one in found.said) == [9, 29]
    assert all(one.usual > 0 for one in found.said)
    sizes = [abs(one.change) / one.usual for one in found.said]
    assert sizes == sorted(sizes)
    assert read(store).said == (), "a daily one has no record"


def place(store: Store, chat: str = "11") -> int:
    return destinations.ensure(store, "telegram", chat, None, kind="private", title=None, now=NOW).id


@pytest.mark.slow
def test_positions_of_this_chat_with_where_they_stood(store: Store) -> None:
    here, other = place(store), place(store, "12")
    price = read(store).prices[0].value or 0.0
    for destination, owner, leverage in ((here, "11", 10.0), (here, "11", 3.0), (other, "12", 20.0)):
        holding = Holding(
            asset="BTC", venue="binance", contract="linear", side="long", entry=price, leverage=leverage,
            begun=NOW - 3 * DAY, size_coins=0.5,
        )  # fmt: skip
        positions.add(
            store,
            Owner("telegram", owner, destination),
            holding,
            name=None,
            lines=(0.02,),
            state=State(),
            at=NOW - 3 * DAY,
        )
    live(store, mark_price=price * 0.95)
    found = read(store, here=here)
    assert [(one.number, one.unit, one.side) for one in found.yours] == [(1, "BTC", "long"), (2, "BTC", "long")]
    nearest = found.yours[0]
    assert nearest.was
    assert nearest.distance < nearest.was
    assert read(store).yours == ()
    due = found.settlement
    assert due
    assert due.at == NOW.replace(hour=16, minute=0, second=0)
    rate = points.newest(store, "BTC", "funding_rate")
    assert rate
    assert due.usd == pytest.approx(rate.value * 0.5 * price * 0.95)


@pytest.mark.slow
def test_the_expiry_that_matters_and_its_largest_strike(store: Store) -> None:
    at = NOW.replace(hour=8, minute=0, second=0)
    chain = [
        Option(at + DAY, 80_000.0, "call", 900.0),
        Option(at + DAY, 80_000.0, "put", 300.0),
        Option(at + DAY, 90_000.0, "call", 1_000.0),
        Option(at + 3 * DAY, 70_000.0, "put", 3_000.0),
        Option(at + 26 * DAY, 100_000.0, "call", 20_000.0),
    ]
    options.write(store, [Chain("deribit", "BTC", NOW - MINUTE, tuple(chain))])
    today, week = read(store).expiry, read(store, "weekly").expiry
    assert today
    assert (today.at, today.coins, today.strike, today.venue) == (at + DAY, 2_200.0, 80_000.0, "deribit")
    assert week
    assert week.at == at + 3 * DAY
    options.write(store, [Chain("deribit", "BTC", NOW, (Option(at + DAY, 8e4, "put", 1.0), *chain[-1:]))])
    assert read(store).expiry is None, "a small one moves nothing"


@pytest.mark.slow
def test_an_old_chain_says_nothing_of_today(store: Store) -> None:
    expiring = Option(NOW + HOUR, 80_000.0, "call", 900.0)
    options.write(store, [Chain("deribit", "BTC", NOW - 2 * DAY, (expiring,))])
    assert read(store).expiry is None


def settled(store: Store, here: int, state: str, held_for: str | None, at: datetime) -> None:
    with store.write() as work:
        notice = Notice("fired", "notice", NOW, {"text": "x"}, None, "oi_drawdown", "BTC")
        outbox.announce_to(work, here, notice, now=NOW, expires=NOW + DAY)
    beside.rows(
        store,
        "UPDATE outbox SET state = ?, held_for = ?, settled = ? WHERE id = (SELECT max(id) FROM outbox)",
        state,
        held_for,
        None if state == "queued" else to_ms(at),
    )


@pytest.mark.slow
def test_what_was_held_back_here(store: Store) -> None:
    here, other = place(store), place(store, "12")
    for state, held_for, at in (
        ("merged", "told", NOW - HOUR),
        ("expired", None, NOW - 3 * DAY),
        ("sent", None, NOW - HOUR),
        ("queued", "quiet", NOW),
        ("expired", None, NOW - HOUR),
        ("queued", "budget", NOW),
        ("queued", "budget", NOW),
        ("queued", None, NOW),
    ):
        settled(store, here, state, held_for, at)
    settled(store, other, "queued", "quiet", NOW)
    assert read(store, here=here).held == HeldBack(quiet=1, budget=2, late=1)
    assert read(store).held == HeldBack()


@pytest.mark.slow
def test_sources_that_were_silent(store: Store) -> None:
    def told(source: str, state: str, at: datetime) -> None:
        event = SourceEvent(source, ("bars",), state, "", at)
        with store.write() as work:
            payload = {"event": "source", "source": to_json(event)}
            outbox.announce(work, Notice("source", "notice", at, payload, None, "sources", MARKET), now=at, expires=NOW)

    told("okx", "down", NOW - 7 * HOUR)
    told("okx", "ok", NOW - 7 * HOUR + 11 * MINUTE)
    told("gate", "ok", NOW - 2 * HOUR)
    told("bybit", "down", NOW - 30 * HOUR)
    assert read(store).silent == (
        Silence("okx", NOW - 7 * HOUR, NOW - 7 * HOUR + 11 * MINUTE),
        Silence("gate", NOW - DAY, NOW - 2 * HOUR),
    )


@pytest.mark.slow
def test_what_is_near_a_line_is_told_once(store: Store) -> None:
    times = [to_ms(NOW.replace(hour=0, minute=0, second=0) - DAY * back) for back in range(3, -1, -1)]
    points.write(store, [Points("alternative.me", MARKET, None, times, {"fear_greed": [22.0] * 4})])
    near = [one for one in read(store, assets=("BTC", "ETH")).near if one.metric == "fear_greed"]
    assert [(one.asset, one.value, one.line) for one in near] == [(MARKET, 22.0, 20.0)]
