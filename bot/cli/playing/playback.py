"""`perpulse run --tape`: play what was recorded through the same code, then say what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from bot import log
from bot.app import build
from bot.cli.common import out, plain_errors, settings_of
from bot.cli.playing.afterwards import opened, take_commands
from bot.clock import ReplayClock
from bot.config import Market
from bot.delivery import here
from bot.tape import TapeError, lines
from bot.tape.lines import Began, Ended, Turn
from bot.tape.playing import Player, Tape
from bot.tape.time import TapeClock, TapeLoop
from handlers.answer import answer_blocks, logged
from handlers.channels.local import local
from handlers.command import Deps, Refused, nobody
from handlers.words import wording
from signals.units import from_ms
from signals.venues import venue_title
from storage.alerts import outbox
from storage.engine.database import Store
from storage.market import points

if TYPE_CHECKING:
    from datetime import datetime

    from bot.config import Config
    from handlers.channels.channel import Channel
    from handlers.channels.local import LocalChannel
    from storage.engine.place import Server

_ADDRESSES: Final = ("exchange_url", "stream_url", "fear_greed_url", "stablecoins_url")
_FOLLOWED: Final = {"venues", "options", "liquidations", "fear_greed", "stablecoins", *_ADDRESSES}
_MS: Final = timedelta(milliseconds=1)
_STAMP: Final = "played from a tape"


@dataclass(slots=True)
class PlaybackResult:
    """What playing a tape came to. played: by what; missed: questions that are not on it; messages: that were told."""

    turns: int = 0
    messages: int = 0
    played: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)


def followed(market: Market) -> dict[str, Any]:
    """Return what of the settings decides which questions are asked, without secrets: it stands at a tape's head."""
    found = market.model_dump(mode="json", include=_FOLLOWED, exclude_none=True)
    return found | {name: lines.address(found[name]) for name in _ADDRESSES if name in found}


def settings_for(settings: Config, tape: Tape, database: Path | Server) -> Config:
    """Return settings under which the same questions are asked as on the tape, and nothing leaves the terminal."""
    if tape.about is None:  # the head of the tape is lost: whoever plays it must know what was followed
        market, assets = settings.market, settings.assets
    else:
        try:
            market = Market.model_validate(settings.market.model_dump() | tape.about.market | {"proxy": None})
        except ValidationError:
            raise TapeError(
                f"--tape: {tape.parts[0]} is of another version of perpulse: {tape.about.perpulse}."
            ) from None
        assets = tuple(tape.about.assets)
    changed = {"market": market, "assets": assets, "database": database}
    return settings.model_copy(update=changed)


def play(tape: Tape, settings: Config, channel: Channel) -> PlaybackResult:
    """Play a tape into the database of the settings, as fast as it goes; messages go to the channel in its time."""
    loop = TapeLoop()
    player = Player(tape, TapeClock(tape.begin, loop))
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(_played(player, settings, channel))


async def _played(player: Player, settings: Config, channel: Channel) -> PlaybackResult:
    app = build(settings, clock=player.clock, channels=[channel], edge=player)
    result = PlaybackResult(played=player.played, missed=player.missed)
    feeding = asyncio.create_task(player.feed())
    rounds: dict[int, asyncio.Task[None]] = {}
    try:
        await asyncio.to_thread(app.dispatcher.start)
        await asyncio.to_thread(here.subscribe, app.store, player.clock.now())
        if app.streams:
            await app.streams.start()
        async for step in player.steps():
            match step:
                case Began(number=number, sources=sources, asset=asset, glance=glance):
                    rounds[number] = asyncio.create_task(app.repeat(sources, asset, glance=glance))
                case Ended(number=number) if number in rounds:
                    await rounds.pop(number)
                case Turn():
                    result.turns += 1
                    await app.turn()
                    result.messages += await asyncio.to_thread(outbox.waiting, app.store)
                    await app.dispatcher.drain()
        await asyncio.gather(*rounds.values())
        await feeding
        await player.clock.until(player.tape.end)
    finally:
        for task in (feeding, *rounds.values()):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, TapeError):
            await feeding
        await app.close()
    return result


def run(at: Path, config: Path | None, db: Path | None) -> None:
    """Play every tape of a folder, oldest first, then take commands while there is somebody to type them."""
    with plain_errors(), tempfile.TemporaryDirectory(prefix="perpulse-tape-") as folder:
        settings = settings_of(config)
        log.set_up(debug=settings.log_level == "debug", quiet=True)
        store = Store(db or Path(folder) / "tape.db")
        try:
            with opened(store) as place:
                tapes = Tape.read(at)
                for tape in tapes:
                    chosen = settings_for(settings, tape, store.place)
                    out(_beginning(tape, chosen))
                    sys.stdout.flush()
                    result = play(tape, chosen, place)
                    place.rule("end of the tape")
                    out(_ending(tape, result))
                asyncio.run(_afterwards(store, place, tapes[-1].end, chosen.assets))
        except TapeError as error:
            raise Refused(str(error)) from None
        finally:
            store.close()


async def _afterwards(store: Store, place: LocalChannel, end: datetime, assets: tuple[str, ...]) -> None:
    """Say what is stored and how the sources stand where the tape ends, and answer commands there."""
    deps = Deps(end, local().asker, store, assets, nobody, _STAMP)
    out(f"Stored: {wording.count(await asyncio.to_thread(_stored, store), 'value')}.\n")
    place.show((await answer_blocks("/sources", deps, on_error=logged)).blocks)
    await take_commands(store, place, ReplayClock(end), assets, _STAMP)


def _stored(store: Store) -> int:
    """Count the values of every input, asset and venue."""
    return sum(
        points.count(store, asset, venue, name, start=from_ms(0), end=from_ms(1 << 42), apart=_MS)
        for (asset, name), every in points.directory(store).items()
        for venue in {known.venue for known in every}
    )


def _beginning(tape: Tape, settings: Config) -> str:
    held = tape.counts
    by = f", recorded by perpulse {tape.about.perpulse}" if tape.about else ", whose head is missing"
    venues = wording.listing([venue_title(venue) for venue in settings.market.venues])
    span = f"A tape from {wording.moment(tape.begin)} to {wording.moment(tape.end)}{by}"
    size = f"{wording.count(held['Answered'], 'answer')} and {wording.count(held['Heard'], 'line')} of streams"
    said = [
        f"{span}: {size}.",
        f"{', '.join(settings.assets)} on {venues}. Nothing is asked, and nothing leaves this machine.",
    ]
    if tape.missing:
        parts = wording.listing([str(part) for part in tape.missing])
        said.append(f"Part {parts} of this tape is missing: what was asked and heard in it is not played.")
    return "\n".join(said)


def _ending(tape: Tape, result: PlaybackResult) -> str:
    held, played = tape.counts, result.played
    took = f"{wording.count(result.turns, 'turn')} in {wording.duration(tape.end - tape.begin)}"
    answers = f"{played['answers']:,} of {wording.count(held['Answered'], 'answer')}"
    frames = f"{wording.count(played['frames'], 'frame')} of {wording.count(played['connections'], 'connection')}"
    said = [f"Played: {took}, {answers}, {frames}.", f"Told: {wording.count(result.messages, 'message')}."]
    if result.missed:
        (first, _), *_ = result.missed.most_common(1)
        said.append(f"Not on the tape: {wording.count(result.missed.total(), 'question')}, most often {first}")
    return "\n".join(said)
