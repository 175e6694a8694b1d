"""What a round brings besides points: option chains are kept, and a contract's news reaches those who watch it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.engine.turn import announce
from bot.market.collector import Collector
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.keeper import Keeper
from handlers.words.notices import message_of
from storage.alerts import outbox
from storage.engine.database import Store
from storage.market import options
from storage.people import destinations
from storage.sources import source_state
from tests.bot.commandline import here
from tests.fakes.exchange import Clock, FakeExchange
from tests.storage import beside

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def said(payload: str) -> str:
    """Return the words of a stored notice."""
    return message_of(json.loads(payload), "UTC").headline


async def test_news_of_a_contract_reach_its_watchers_once(tmp_path: Path) -> None:
    clock = Clock(datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC))
    store = Store(tmp_path / "a.db")
    mine = {}
    for asset in ("BTC", "SOL"):
        mine[asset] = destinations.ensure(store, "telegram", asset, None, kind="private", title=None, now=clock.now).id
        destinations.subscribe(store, mine[asset], "sources", asset)
    async with FakeExchange(clock) as exchange:
        rows = (recipes()["bybit"], recipes()["deribit"].only("volatility", "options"))
        venues = [
            CcxtVenue(row, clock=clock, steady=clock.steady, base_url=exchange.base_url, paced=False) for row in rows
        ]
        keeper = Keeper(store, clock, announce=announce)
        collector = Collector(venues, clock=clock, steady=clock.steady, keeper=keeper, history=timedelta(hours=5))
        await collector.round(["BTC", "ETH", "SOL"])
        assert outbox.waiting(store) == 0
        exchange.intervals |= {"bybit:BTC": 1, "bybit:ETH": 4}
        for _ in range(3):
            clock.go(minutes=1)
            await collector.round(["BTC", "ETH", "SOL"])
        await collector.close()
    rows_ = beside.rows(store, "SELECT destination, payload FROM outbox JOIN notices ON notices.id = outbox.notice")
    assert [row["destination"] for row in rows_] == [mine["BTC"]]
    assert "Bybit now settles funding of BTC every 1 h instead of 8 h." in said(rows_[0]["payload"])
    chain = options.newest(store, "BTC")
    assert chain
    assert len(chain.options) == 12
    assert [note.source for note in source_state.notes(store)] == ["bybit", "deribit"]
    store.close()


async def test_a_restart_tells_no_news_of_a_contract_again(tmp_path: Path) -> None:
    clock = Clock(datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC))
    assets = ["BTC", "ETH", "SOL"]
    store = Store(tmp_path / "a.db")
    mine = destinations.ensure(store, "telegram", "1", None, kind="private", title=None, now=clock.now).id
    destinations.subscribe(store, mine, "sources", destinations.ANY)

    async def process(exchange: FakeExchange) -> list[str]:
        """Run two rounds in a process of its own; return what was told in it."""
        before = beside.one(store, "SELECT count(*) AS n FROM notices")
        assert before
        rows = [recipes()[name] for name in ("binance", "okx", "gate")]
        held = Collector(
            [CcxtVenue(row, clock=clock, steady=clock.steady, base_url=exchange.base_url, paced=False) for row in rows],
            clock=clock,
            steady=clock.steady,
            keeper=Keeper(store, clock, announce=announce),
            history=timedelta(hours=5),
        )
        for _ in range(2):
            clock.go(minutes=1)
            await held.round(assets)
        await held.close()
        rows_ = beside.rows(store, "SELECT payload FROM notices ORDER BY id LIMIT -1 OFFSET ?", before["n"])
        return [said(row["payload"]) for row in rows_]

    async with FakeExchange(clock) as exchange:
        assert await process(exchange) == []
        exchange.gone.add(("okx", "SOL"))
        exchange.scale["gate", "ETH"] = 10.0
        told = " ".join(await process(exchange))
        assert ("OKX has SOL no longer" in told, "Gate is left out of ETH" in told) == (True, True)
        assert await process(exchange) == []
        assert await process(exchange) == []
        exchange.gone.clear()
        exchange.scale.clear()
        told = " ".join(await process(exchange))
        assert ("OKX has SOL again" in told, "Gate agrees on ETH again" in told) == (True, True)
        assert await process(exchange) == []
        exchange.gone.add(("okx", "SOL"))
        assert "OKX has SOL no longer" in " ".join(await process(exchange))
    store.close()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param(("--record", "a", "--tape", "b"), "not both", id="both"),
        pytest.param(("--tape", "none"), "none cannot be read", id="no tape"),
        pytest.param(("--record", "file/inside"), "cannot be written", id="no folder"),
    ],
)
def test_a_tape_that_cannot_be_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert said in here(capsys, "run", *args).refusal
