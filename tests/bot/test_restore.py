"""The whole bot in Telegram, backed up while it runs, lost, and put back: nobody hears anything twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage.alerts import announcing, episodes
from storage.alerts.sending import restored
from storage.engine.backup import restoring, writing
from storage.engine.database import Store
from tests.bot.test_run import ANN, World, quiet, turn, until
from tests.bot.test_run import in_telegram as in_telegram  # noqa: PLC0414 - a fixture
from tests.bot.test_run import world as world  # noqa: PLC0414 - as above

if TYPE_CHECKING:
    from datetime import datetime

    from bot.app import App

pytestmark = pytest.mark.slow


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A file: who has a server backs that up."""
    return str(tmp_path / "run.db")


def put_back(file: Path, target: Path, now: datetime) -> None:
    """Do as `perpulse restore` does, at the time of a test."""
    with restoring.prepared(file, target) as (fresh, known):
        store = Store(fresh)
        restored.mark(store, known.at, now=now)
        announcing.drop(store)
        store.close()
        restoring.put(fresh, target, now=now)


async def settled(world: World, app: App) -> None:
    """Let the first minutes after a restore go by."""
    for _ in range(4):
        world.clock.go(minutes=2)
        await turn(app)
        await asyncio.sleep(0.05)
    await quiet(app)


async def test_a_bot_that_is_put_back_sends_nothing_that_was_sent(in_telegram: World) -> None:
    world, fake = in_telegram, in_telegram.telegram
    assert fake
    file = Path(world.database).with_name("one.db.gz")
    async with world.runs() as app:
        far = (world.clock.now() + timedelta(hours=6)).hour  # its clock begins with ours, at whatever time of the day
        for number, line in enumerate(("/sub price", f"/digest {far}:00"), 1):
            fake.say(ANN, ANN, line)
            await until(lambda number=number: len(fake.accepted) >= number)
        await world.days(app, 1)
        world.exchange.moves.append((world.clock.now(), 0.88))
        await world.days(app, 2)
        before = [message.text for message in fake.accepted]
        assert sum("well below its high" in text for text in before) == 1
        writing.write(app.store.path, file, now=world.clock.now())
        # After the backup: the fall deepens, is told, and is over; a digest a day comes.
        world.exchange.moves.append((world.clock.now(), 0.78))
        await world.days(app, 2)
        world.exchange.moves.append((world.clock.now(), 0.97))
        await world.days(app, 5)
        assert any("over after" in message.text for message in fake.accepted)
        await app.digests.turn()
        await quiet(app)
    sent = [(message.text, len(message.edits)) for message in fake.accepted]
    put_back(file, Path(world.database), world.clock.now())
    async with world.runs() as app:
        await settled(world, app)
        await until(lambda: len(fake.accepted) > len(sent))
        await app.digests.turn()
        await quiet(app)
        assert episodes.of(app.store, "price_drawdown", "BTC")[-1].ended, "what happened meanwhile is known"
        after = [(message.text, len(message.edits)) for message in fake.accepted]
        assert after[: len(sent)] == sent, "and not told again, nor edited"
        (line,) = [text for text, _ in after[len(sent) :]]
        assert line.startswith("perpulse was restored from a backup of ")
        assert "may have been sent before" in line
        # What is new is told as ever.
        world.exchange.moves.append((world.clock.now(), 0.80))
        await world.days(app, 3)
    news = [(message.text, len(message.edits)) for message in fake.accepted if "well below its high" in message.text]
    assert set(news) - set(after)
