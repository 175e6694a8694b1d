"""`perpulse run`: the bot until it is told to stop, or what was recorded of it once more."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

import typer

from bot import log
from bot.app import build
from bot.cli.common import out, plain_errors, settings_of
from bot.clock import SystemClock
from bot.machine import keep_memory_whole
from bot.processes.roles import UnknownRole, roles_of
from handlers.channels.failure import SendFailed
from handlers.channels.local import local
from handlers.command import Refused
from handlers.words import wording
from signals.venues import venue_title
from storage.engine import moving
from storage.engine.sharing.leases import ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bot.config import Config
    from bot.tape.recording import Recorder
    from storage.engine.sharing.leases import Role


_DOES: Final[Mapping[Role, str]] = {
    "collect": "collects from {venues}",
    "judge": "judges what is stored",
    "send": "sends to {where}",
    "answer": "answers in {where}",
}


def run(
    config: Path | None,
    db: Path | None,
    record: Path | None = None,
    tape: Path | None = None,
    roles: Sequence[str] = (),
) -> None:
    """Run the bot until it is told to stop; write every raw answer down, or play written ones instead of asking."""
    if tape:
        if record:
            with plain_errors():
                raise Refused("Give --record or --tape, not both.")
        from bot.cli.playing import playback  # noqa: PLC0415 - only for a tape

        playback.run(tape, config, db)
        return
    with plain_errors():
        settings = settings_of(config, db)
        if roles:
            settings = settings.model_copy(update={"roles": _named(roles)})
        speaking = settings.speaking()
        here = any(channel.platform() == local().asker.platform for channel in speaking)
        log.set_up(
            debug=settings.log_level == "debug",
            quiet=here and sys.stderr.isatty(),  # what the owner has to know is printed here anyway
            secrets=settings.secrets(),
        )
        recorder = _recorder(record, settings) if record else None
        keep_memory_whole()
        app = build(settings, edge=recorder)
        if half := moving.unfinished(app.store):  # raises StoreError, in words, before anything is promised
            raise Refused(f"{app.store.place} is half of a move from {half}: finish it with `perpulse move`.")
        out(_beginning(settings))
        sys.stdout.flush()
        try:
            asyncio.run(app.run())
        except SendFailed as failed:
            raise Refused(failed.reason) from None
        finally:
            if recorder:
                recorder.close()
        if app.failed:
            raise typer.Exit(1)  # the log has said why; a supervisor starts it again


def _named(roles: Sequence[str]) -> tuple[Role, ...]:
    try:
        return roles_of(roles)
    except UnknownRole as error:
        raise Refused(f"--role: {error}.") from None


def _beginning(settings: Config) -> str:
    """Say what is followed and where it is told; where that is only here, what would have to be set for more."""
    speaking = settings.speaking()
    where = wording.listing([channel.called for channel in speaking])
    venues = wording.listing([venue_title(venue) for venue in settings.market.venues])
    if settings.roles != ROLES:
        does = [_DOES[role].format(venues=venues, where=where) for role in settings.roles]
        return f"perpulse follows {', '.join(settings.assets)}. This process {wording.listing(does)}."
    silent = [channel for channel in settings.channels if channel.needs and channel not in speaking]
    if silent and not any(channel.needs for channel in speaking):
        lacks = wording.listing([f"{channel.called} {channel.needs}" for channel in silent], "or")
        where = f"{where} (no {lacks} is set; see config.example.toml)"
    return f"perpulse follows {', '.join(settings.assets)} on {venues} and speaks in {where}."


def _recorder(folder: Path, settings: Config) -> Recorder:
    """Begin a tape, and say where it is and what it costs."""
    from bot.cli.playing.playback import followed  # noqa: PLC0415 - only for a tape, as the next two
    from bot.tape import TapeError  # noqa: PLC0415
    from bot.tape.recording import MOST_BYTES, Recorder  # noqa: PLC0415

    try:
        recorder = Recorder(folder, SystemClock().now, assets=settings.assets, market=followed(settings.market))
    except TapeError as error:
        raise Refused(str(error)) from None
    out(
        f"Every raw answer and every frame of a stream is written to {folder}, without keys, until there are "
        f"{MOST_BYTES / 1e9:g} GB. To see what was recorded: perpulse run --tape {folder}"
    )
    return recorder
