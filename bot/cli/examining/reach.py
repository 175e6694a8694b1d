"""Who is reached from here: sources of figures, with the time that they say it is, and channels."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Final

from bot.beside import sources_of
from bot.cli.examining.examined import Examined
from bot.doubting import AGREES
from bot.market.source import Ask, NotOffered, SourceError
from bot.market.source_rounds import OF_MARKET
from handlers.channels.channel import Outside
from handlers.channels.failure import SendFailed
from handlers.words import wording
from signals.inputs import MARKET
from signals.units import SECOND_MS
from signals.venues import venue_title

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from bot.clock import Clock
    from bot.config import Config
    from bot.market.source import Source
    from handlers.channels.config import ChannelConfig

_NETWORK: Final = "Check the network here, or set market.proxy in config.toml."


@dataclass(frozen=True, slots=True)
class _Heard:
    """By how much this machine's clock is ahead of those of exchanges, as each answer told."""

    clock: Clock
    ahead: list[timedelta] = field(default_factory=list)

    def note(self, at: datetime) -> None:
        self.ahead.append(self.clock.now() - at)


async def sources(settings: Config, clock: Clock, *, seconds: float | None = None) -> list[Examined]:
    """Ask every source for one thing, all at once, and return what came of each, then of the clock.

    seconds: how long one may take; twice what the configuration allows for an answer, as the first one takes two.
    """
    heard = _Heard(clock)
    patience = 2 * settings.market.timeout_seconds if seconds is None else seconds
    asked = sources_of(settings, clock, heard=heard.note)
    found = await asyncio.gather(*(_source(source, settings, clock, patience) for source in asked))
    return [*found, _clock(heard)]


async def _source(source: Source, settings: Config, clock: Clock, patience: float) -> Examined:
    topic = next(iter(source.offers))
    asset = MARKET if topic in OF_MARKET else settings.assets[0]
    check, name = f"source.{source.name}", venue_title(source.name)
    begun = clock.monotonic()
    try:
        async with asyncio.timeout(patience):
            answer = await source.fetch(Ask(topic, asset, clock.now()))
    except NotOffered as error:  # it answered, and said so
        return Examined(check, "good", f"{name} answers. {error}", ms=_since(begun, clock))
    except (SourceError, TimeoutError) as error:
        return Examined(check, "mend", str(error) or f"{name} does not answer in time.", _NETWORK)
    finally:
        await source.close()
    said = f"{name} answers ({topic.replace('_', ' ')} of {asset})"
    return Examined(check, "good" if answer else "mend", said, "" if answer else _NETWORK, _since(begun, clock))


def _since(begun: float, clock: Clock) -> int:
    return round((clock.monotonic() - begun) * SECOND_MS)


def _clock(heard: _Heard) -> Examined:
    """Hold the clock here against those of exchanges, whose answers are stamped with whole seconds."""
    if not heard.ahead:
        return Examined("clock", "open", "no exchange told the time, so the clock here is not checked")
    seconds = median(ahead.total_seconds() for ahead in heard.ahead)
    if abs(seconds) > AGREES.total_seconds():
        way = "ahead of" if seconds > 0 else "behind"
        said = f"the clock here is {wording.count(round(abs(seconds)), 'second')} {way} that of the exchanges"
        return Examined("clock", "mend", said, "Have it set by time servers: timedatectl set-ntp true")
    return Examined(
        "clock", "good", f"the clock here agrees with that of the exchanges to {max(1, round(abs(seconds)))} s"
    )


async def channel(section: ChannelConfig) -> Examined:
    """Ask one channel whether it would work."""
    check, made = f"channel.{section.word}", section.make(Outside())
    try:
        return Examined(check, "good", await made.check())
    except SendFailed as failed:
        return Examined(check, "mend", f"{section.called}: {failed.reason}")
    finally:
        await made.stop()


async def channels(settings: Config) -> list[Examined]:
    """Ask every channel that is to run."""
    return await asyncio.gather(*(channel(section) for section in settings.speaking()))
