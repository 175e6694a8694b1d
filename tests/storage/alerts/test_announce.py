"""Whom an event is for: the query that puts it into the outbox chooses as the rule written out here does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.inputs import MARKET
from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.people import destinations
from storage.people.destinations import ANY
from tests.storage import beside

if TYPE_CHECKING:
    from pathlib import Path

    from storage.engine.database import Store
    from tests.storage.stores import Stores

NOW = datetime(2026, 1, 15, tzinfo=UTC)
RULES = st.sampled_from(["*", "oi_drawdown", "taker_ratio", "sources"])
ASSETS = st.sampled_from(["*", "BTC", "ETH", "MARKET"])
CHATS = st.lists(st.tuples(st.frozensets(st.tuples(RULES, ASSETS), max_size=3), st.booleans()), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def store(module_stores: Stores) -> Store:
    return module_stores()


def route(rule: str, asset: str, asked: frozenset[tuple[str, str]], *, gone: bool, only_asked: bool) -> bool:
    """Tell whether a destination asked for a rule about an asset; what is of the market is of every asset."""
    return not gone and any(
        (wanted == rule or (wanted == ANY and not only_asked)) and (of in {ANY, asset} or asset == MARKET)
        for wanted, of in asked
    )


def _path(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("route") / "perpulse.db"


@pytest.mark.parametrize(
    ("asked", "rule", "asset", "only_asked", "gets"),
    [
        pytest.param(("oi_drawdown", "BTC"), "oi_drawdown", "BTC", False, True, id="exactly this"),
        pytest.param(("*", "*"), "oi_drawdown", "BTC", False, True, id="everything"),
        pytest.param(("*", "*"), "taker_ratio", "BTC", True, False, id="everything spares what tells the same"),
        pytest.param(("taker_ratio", "*"), "taker_ratio", "BTC", True, True, id="asked for by name"),
        pytest.param(("*", "ETH"), "oi_drawdown", "BTC", False, False, id="another asset"),
        pytest.param(("*", "ETH"), "fear_greed", "MARKET", False, True, id="the market is of every asset"),
    ],
)
def test_route(asked: tuple[str, str], rule: str, asset: str, only_asked: bool, gets: bool) -> None:
    assert route(rule, asset, frozenset({asked}), gone=False, only_asked=only_asked) is gets
    assert not route(rule, asset, frozenset({asked}), gone=True, only_asked=only_asked)


@pytest.mark.slow
@given(chats=CHATS, rule=RULES.filter(lambda name: name != "*"), asset=ASSETS.filter(lambda name: name != "*"))
@pytest.mark.parametrize("only_asked", [False, True])
def test_the_query_chooses_whom_the_rule_would(
    store: Store, only_asked: bool, chats: list[tuple[frozenset[tuple[str, str]], bool]], rule: str, asset: str
) -> None:
    for table in ("outbox", "notices", "subscriptions", "destinations"):
        beside.rows(store, f"DELETE FROM {table}")  # noqa: S608 - our own names
    meant = set()
    for number, (asked, gone) in enumerate(chats):
        one = destinations.ensure(store, "telegram", str(number), None, kind="private", title=None, now=NOW)
        for wanted in asked:
            destinations.subscribe(store, one.id, *wanted)
        if gone:
            outbox.gone(store, one.id, "blocked", now=NOW)
        if route(rule, asset, asked, gone=gone, only_asked=only_asked):
            meant.add(one.id)
    with store.write() as work:
        notice = Notice("fired", "notice", NOW, {}, None, rule, asset)
        assert outbox.announce(work, notice, now=NOW, expires=NOW, only_asked=only_asked) == len(meant)
    chosen = beside.rows(store, "SELECT destination FROM outbox")
    assert {row["destination"] for row in chosen} == meant
