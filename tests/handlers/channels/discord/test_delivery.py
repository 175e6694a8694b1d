"""Alerts through the real dispatcher and outbox, the real discord.py, to Discord at the wire."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr

from bot.delivery.dispatcher import Dispatcher
from handlers.answer import Answer
from handlers.channels.channel import Outside
from handlers.channels.discord.channel import Discord
from handlers.channels.discord.config import DiscordConfig
from handlers.reply import Button, Buttons, Line, Picture, to_json
from signals.alerts.episodes import Transition
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from storage.engine.database import Store
from storage.people import destinations
from tests.fakes.channel import HandClock
from tests.fakes.discord_wire import CHANNEL, TOKEN, DiscordWire
from tests.handlers.channels.discord.talking import PNG, QUICK
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from handlers.command import Asker

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LIFE = timedelta(hours=6)
BLOCKS = (Line("BTC: open interest falls fast.", "headline"), Picture({"id": "oi"}, "open interest of BTC"))


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordWire]:
    # The library keeps its addresses on its classes; what a channel sets is set back.
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    async with DiscordWire() as server:
        yield server
    assert not server.problems


@dataclass
class Desk:
    """A dispatcher that sends to Discord, and a clock moved by hand."""

    fake: DiscordWire
    store: Store
    clock: HandClock
    discord: Discord
    dispatcher: Dispatcher

    def episode(self) -> int:
        with self.store.write() as work:
            fired = Transition("fired", self.clock.now(), self.clock.now(), "warning", {})
            return episodes.record(work, ("rule", "BTC"), fired, None)

    def tell(self, kind: str, episode: int, *, rank: str = "warning", reply: str | None = None, say: str = "") -> None:
        blocks = (Line(say, "headline"), *BLOCKS[1:]) if say else BLOCKS
        blocks = (*blocks, Buttons((Button("Health", "/health btc"),)))
        payload = {"blocks": to_json(blocks), "reply": reply}
        notice = Notice(kind, rank, self.clock.now(), payload, episode, "rule", "BTC")  # type: ignore[arg-type]
        with self.store.write() as work:
            outbox.announce(work, notice, now=self.clock.now(), expires=self.clock.now() + LIFE)

    async def turns(self, seconds: float) -> None:
        """Let the dispatcher work for a while of its own time."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            await self.dispatcher.turn()
            self.clock.forward(1.0)

    def states(self) -> list[str]:
        return [row["state"] for row in beside.rows(self.store, "SELECT state FROM outbox ORDER BY id")]


@pytest.fixture
async def desk(fake: DiscordWire, tmp_path: Path) -> AsyncIterator[Desk]:
    store, clock = Store(tmp_path / "perpulse.db"), HandClock(NOW)
    place = destinations.ensure(store, "discord", str(CHANNEL), None, kind="group", title="alerts", now=NOW)
    destinations.subscribe(store, place.id, "*", "*")
    discord = make(fake)
    await discord.start(nothing)
    dispatcher = Dispatcher(store, [discord], clock, noise=random.Random(1), again_after=0.01)
    dispatcher.start()
    yield Desk(fake, store, clock, discord, dispatcher)
    await discord.stop()
    store.close()


async def nothing(_: str, __: Asker) -> Answer:
    return Answer(())


async def drawn(_: dict[str, Any]) -> bytes | None:
    return PNG


def make(fake: DiscordWire, **config: Any) -> Discord:
    given = {"token": SecretStr(TOKEN), "base_url": fake.base_url} | config
    return Discord(DiscordConfig(**given), Outside(draw=drawn), patience=QUICK)


async def test_an_alert_is_posted_edited_and_closed_with_a_reply(desk: Desk) -> None:
    episode = desk.episode()
    desk.tell("fired", episode)
    await desk.turns(2)
    [shown] = desk.fake.messages
    assert shown.embed["title"] == "BTC: open interest falls fast."
    assert shown.embed["image"] == {"url": "attachment://chart.png"}
    assert shown.files == ["chart.png"]
    assert shown.payload["components"][0]["components"][0]["custom_id"] == "1|/health btc"
    assert shown.payload["allowed_mentions"] == {"parse": []}
    warning = shown.embed["color"]
    desk.tell("resumed", episode, say="BTC: it goes on.")
    await desk.turns(2)
    assert shown.embed["title"] == "BTC: it goes on."
    desk.tell("resolved", episode, say="BTC: as usual.", reply="It is over.")
    await desk.turns(4)
    assert [shown.embed.get("title"), shown.embed["color"] != warning] == ["BTC: as usual.", True]
    [_, reply] = desk.fake.messages
    assert reply.payload["message_reference"]["message_id"] == shown.id
    assert "It is over." in reply.text
    assert desk.states() == ["sent"] * 3


async def test_a_lost_answer_repeats_nothing(desk: Desk) -> None:
    desk.fake.disturb("lost", times=2)
    desk.tell("fired", desk.episode())
    await desk.turns(60)
    [shown] = desk.fake.messages
    assert "repeat" not in shown.text
    assert desk.states() == ["sent"]
    assert desk.fake.counted("POST channels/*/messages") == 3
