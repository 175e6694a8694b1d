"""A desk that was put back from a backup: what had been sent after the backup is not sent again, and is said once."""

from __future__ import annotations

import gzip
import json
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from handlers.reply import plain_text
from signals.due import WallTime
from signals.wall_clock import midnight
from storage.alerts import announcing, outbox
from storage.alerts.sending import restored
from storage.engine.backup.writing import write
from storage.engine.database import Store
from storage.people import destinations, digests
from tests.bot.delivery.desk import DAY, HOUR, NOW, Desk, desk_at
from tests.fakes.notices import ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIVE = timedelta(minutes=5)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = desk_at(tmp_path)
    yield made
    made.store.close()


def put_back(desk: Desk, *, made: timedelta) -> None:
    """Restore what a copy of now holds, as a backup that was made a while ago, and start again."""
    desk.store.close()
    copy = desk.store.path.with_name("copy.db")
    shutil.copy(desk.store.path, copy)
    store = Store(copy)
    restored.mark(store, desk.clock.now() - made, now=desk.clock.now())
    announcing.drop(store)
    store.close()
    copy.replace(desk.store.path)
    desk.store = Store(desk.store.path)
    desk.restart()


def said(desk: Desk) -> list[str]:
    return [plain_text(one.message.blocks) for one in desk.channel.said]


@pytest.mark.slow
async def test_what_waited_in_a_backup_is_told_as_one_line(desk: Desk) -> None:
    desk.happens("oi_drawdown")
    desk.happens("price_drawdown")
    put_back(desk, made=6 * HOUR)
    await desk.turns(FIVE.total_seconds() - 10)
    assert said(desk) == [], "it may have been sent"
    await desk.turns(30)
    (line,) = said(desk)
    assert line.startswith(
        "perpulse was restored from a backup of 15 January 06:00 UTC. 2 notices of the time until 15 January 12:05 UTC "
        "may have been sent before and are not repeated:"
    )
    assert line.count("15 January 12:00 UTC: BTC") == 2
    await desk.turns(HOUR.total_seconds())
    assert len(said(desk)) == 1
    desk.restart()
    await desk.turns(2 * FIVE.total_seconds())
    assert len(said(desk)) == 1, "once, also after another start"


@pytest.mark.slow
async def test_what_is_found_to_have_happened_meanwhile_is_not_told_as_news(desk: Desk) -> None:
    put_back(desk, made=DAY)
    await desk.turns(10)
    desk.happens("oi_drawdown", at=desk.clock.now() - HOUR)  # a close of the time before the restore
    desk.happens("price_drawdown")  # what the first minutes judge anew
    await desk.turns(FIVE.total_seconds() + 10)
    assert len(said(desk)) == 1
    assert "2 notices" in said(desk)[0]
    desk.happens("oi_zscore", at=NOW - HOUR)  # read from an archive hours later
    await desk.turns(10)
    assert len(said(desk)) == 1
    assert desk.rows()[-1] == ("merged", restored.REASON)
    desk.happens("taker_zscore")
    await desk.turns(10)
    assert len(said(desk)) == 2, "what is new is told"


@pytest.mark.slow
async def test_an_episode_that_began_meanwhile_is_told_of_from_there_on(desk: Desk) -> None:
    put_back(desk, made=DAY)
    await desk.turns(5)
    desk.happens("price_drawdown", at=desk.clock.now() - HOUR)
    await desk.turns(FIVE.total_seconds() + 10)
    desk.happens(("price_drawdown", "escalated"), rank="warning")
    await desk.turns(10)
    desk.happens(("price_drawdown", "resolved"))
    await desk.turns(10)
    _, worse, over, *reply = said(desk)
    assert "now a warning" in worse
    assert "over" in over
    assert len(reply) <= 1


@pytest.mark.slow
async def test_a_message_of_before_the_backup_is_edited_and_none_is_sent_twice(desk: Desk) -> None:
    desk.happens("price_drawdown")
    await desk.turns(10)
    assert len(desk.channel.said) == 1
    put_back(desk, made=HOUR)
    await desk.turns(2 * FIVE.total_seconds())
    assert len(desk.channel.said) == 1, "and no line where nothing was kept back"
    desk.happens(("price_drawdown", "resolved"))
    await desk.turns(10)
    assert desk.channel.said[1].edited == "m1"


@pytest.mark.slow
async def test_a_backup_that_was_unpacked_by_hand_is_known_as_one_too(desk: Desk) -> None:
    desk.happens("oi_drawdown")
    packed = write(desk.store.path, desk.store.path.with_name("one.db.gz"), now=NOW).file
    await desk.turns(5)
    assert len(said(desk)) == 1
    desk.store.close()
    desk.store.path.write_bytes(gzip.decompress(packed.read_bytes()))
    desk.store = Store(desk.store.path)
    desk.restart()
    await desk.turns(2 * FIVE.total_seconds())
    _, line = said(desk)
    assert line.startswith("perpulse was restored from a backup of 15 January 12:00 UTC. 1 notice of the time until")
    desk.restart()
    desk.happens("price_drawdown")
    await desk.turns(10)
    assert len(said(desk)) == 3, "and goes on as ever, also after another start"


@pytest.mark.slow
async def test_who_is_not_concerned_hears_nothing(desk: Desk) -> None:
    other = destinations.ensure(desk.store, "telegram", "12", None, kind="private", title=None, now=NOW)
    destinations.subscribe(desk.store, other.id, "fear_greed", "*")
    gone = destinations.ensure(desk.store, "telegram", "13", None, kind="private", title=None, now=NOW)
    destinations.subscribe(desk.store, gone.id, "*", "*")
    desk.happens("oi_drawdown")
    outbox.gone(desk.store, gone.id, "blocked", now=NOW)
    put_back(desk, made=HOUR)
    await desk.turns(2 * FIVE.total_seconds())
    assert [one.to.chat for one in desk.channel.said] == ["11"]


def test_digests_that_were_due_since_the_backup_go_on_with_the_next_one(desk: Desk) -> None:
    def wall(text: str) -> WallTime:
        hour, minute = map(int, text.split(":"))
        return WallTime((midnight(NOW, NOW.tzinfo) + timedelta(hours=hour, minutes=minute)).time())  # type: ignore[arg-type]

    digests.order(desk.store, desk.chat, "daily", wall("12:30"), (), now=NOW)
    desk.clock.forward(HOUR.total_seconds())
    put_back(desk, made=2 * HOUR)
    assert digests.of(desk.store, desk.chat)["daily"].due == NOW + DAY + timedelta(minutes=30)


def test_a_draft_that_may_have_been_confirmed_is_dropped(desk: Desk) -> None:
    announcing.write(desk.store, "Back at 18:00 UTC", "code", now=NOW)
    put_back(desk, made=timedelta(minutes=10))
    assert announcing.draft(desk.store, now=NOW) is None


async def test_what_an_owner_tells_every_chat_is_sent_at_once_all_the_same(desk: Desk) -> None:
    put_back(desk, made=HOUR)
    announcing.write(desk.store, "We are back.", "code", now=desk.clock.now())
    announcing.send(desk.store, "code", now=desk.clock.now())
    await desk.turns(5)
    assert said(desk)[0].startswith("We are back.")


def test_a_database_that_was_never_restored_is_asked_one_small_question(desk: Desk) -> None:
    notice = outbox.Notice("fired", "notice", NOW, ready("x"), None, "oi_drawdown", "BTC")
    with desk.store.write() as work:
        outbox.announce(work, notice, now=NOW, expires=NOW + DAY)
        assert restored.read(work) is None
    assert desk.rows() == [("queued", None)]
    assert json.loads(restored.Restored(NOW, NOW).to_text())["told"] is False
