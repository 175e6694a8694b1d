"""`perpulse demo`: the bundled winter through the whole pipeline, then commands in its own time."""

from __future__ import annotations

import asyncio
import json
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot import demo as bundled
from bot import log
from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from bot.cli.common import out, plain_errors
from bot.cli.playing import events
from bot.cli.playing.afterwards import opened, take_commands
from bot.clock import ReplayClock, SystemClock
from bot.delivery import here
from bot.delivery.dispatcher import Dispatcher
from bot.demo import hindsight
from bot.engine import replay as engine
from bot.engine.evidence.record import judge_record
from handlers.command import Refused
from handlers.words import wording
from signals.inputs import MARKET
from signals.units import DAY, floor
from storage.engine.database import Store
from storage.market import points

if TYPE_CHECKING:
    from bot.engine.evaluate import Evaluation
    from handlers.channels.local import LocalChannel

FIRST_TOLD = datetime(2025, 9, 25, tzinfo=UTC)  # the months before are what its windows look back on
THE_RESET = date(2026, 1, 15)  # the day that is looked back on at the end


def demo(db: Path | None, *, prompt: bool, as_json: bool) -> None:
    """Replay the bundled winter, then take commands while there is somebody to type them."""
    with plain_errors(), tempfile.TemporaryDirectory(prefix="perpulse-demo-") as folder:
        store = Store(db or Path(folder) / "demo.db")
        try:
            asyncio.run(_demo(store, prompt=prompt, as_json=as_json))
        finally:
            store.close()


async def _demo(store: Store, *, prompt: bool, as_json: bool) -> None:
    if store.exists and points.assets(store):
        raise Refused(f"{store.place} holds data already. The demo wants one of its own: give another --db, or none.")
    log.set_up(quiet=True)
    keep(store, read_file(bundled.path(), now=SystemClock().now()))
    span = engine.bounds(store, ["BTC", MARKET])
    if span is None:
        raise Refused("The bundled history is empty. Install perpulse anew.")
    told = engine.evaluations(store, ["BTC"], FIRST_TOLD, span[1], note=bundled.STAMP, running_since=FIRST_TOLD)
    if as_json:
        for event in engine.notices(told):
            out(json.dumps(events.as_json(event)))
        return
    clock = ReplayClock(FIRST_TOLD)
    with opened(store) as place:
        await _show_winter(store, told, place, clock)
        clock.move(floor(span[1], DAY))  # where the last whole day closes: nothing is old there
        await asyncio.to_thread(judge_record, store, clock.now())
        await asyncio.to_thread(_look_back, store, place, span)
        if prompt:
            await take_commands(store, place, clock, ("BTC",), bundled.STAMP)


async def _show_winter(store: Store, told: list[Evaluation], place: LocalChannel, clock: ReplayClock) -> None:
    here.subscribe(store, clock.now(), sources=False)
    dispatcher = Dispatcher(store, [place], clock)
    dispatcher.start()
    place.say("perpulse demo: the winter of 2025-26 in BTC futures, as its alerts would have come.", "bold")
    place.say(f"Data: {bundled.STAMP}, not a recording. No network, no key.", "dim")
    await engine.play(store, told, dispatcher, clock)
    await asyncio.to_thread(dispatcher.holdings.end)  # else /status takes what has ended for a process that runs
    place.rule("end of the replay")
    own = engine.notices(told)
    started = sum(event.kind == "fired" for event in own)
    place.say(
        f"{wording.count(started, 'episode')} since {wording.day(FIRST_TOLD)}: one message each, edited when it got "
        f"worse and closed when it was over. {wording.count(len(own), 'notice')} in all."
    )


def _look_back(store: Store, place: LocalChannel, span: tuple[datetime, datetime]) -> None:
    said = hindsight.what_followed(hindsight.read(store, "BTC", *span), THE_RESET, "BTC")
    if said:
        place.say("\nWhat became of it", "bold")
        for sentence in said:
            place.say(sentence)
        place.say(f"Computed from the same data: {bundled.STAMP}.", "dim")
