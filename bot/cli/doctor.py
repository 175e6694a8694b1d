"""`perpulse doctor`: what perpulse needs, one sentence each."""

from __future__ import annotations

import asyncio
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import typer

from bot import log
from bot.app import sources_of
from bot.cli.common import out, plain_errors, settings_of
from bot.clock import SystemClock
from bot.market.source import Ask, NotOffered, SourceError
from bot.market.source_rounds import OF_MARKET
from handlers.channels.channel import Outside
from handlers.channels.failure import SendFailed
from signals.inputs import MARKET
from signals.venues import venue_title
from storage.engine.database import Store
from storage.market import points

if TYPE_CHECKING:
    from pathlib import Path

    from bot.config import Config
    from bot.market.source import Source
    from handlers.channels.config import ChannelConfig

LIBRARIES = ("ccxt", "pandas", "sqlite-utils", "matplotlib")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: is it good, and what is to be known or done."""

    good: bool
    text: str


def doctor(config: Path | None, db: Path | None) -> None:
    """Check what perpulse needs, one line each; exit 1 if something must be mended."""
    log.set_up(quiet=True)
    with plain_errors():
        settings = settings_of(config, db)
        findings = asyncio.run(examine(settings))
    for finding in findings:
        out(f"{'ok  ' if finding.good else 'MEND'}  {finding.text}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


async def examine(settings: Config) -> list[Finding]:
    """Look at Python, libraries, database, sources and channels."""
    found = [Finding(sys.version_info >= (3, 11), f"Python {platform.python_version()} (3.11 or newer is needed)")]
    for name in (*LIBRARIES, *(library for section in settings.speaking() for library in section.libraries)):
        try:
            found.append(Finding(good=True, text=f"{name} {version(name)}"))
        except PackageNotFoundError:
            found.append(Finding(good=False, text=f"{name} is not installed; run `make run` once"))
    store = Store(settings.database)
    with store.write():  # raises StoreError, in words, where the file cannot be written
        stored = points.assets(store)
    found.append(Finding(good=True, text=f"database {store.place}, holds {', '.join(stored) or 'nothing yet'}"))
    clock = SystemClock()
    sources = sources_of(settings, clock)
    found += await asyncio.gather(*(_source(source, settings, clock) for source in sources))
    found += await asyncio.gather(*(_channel(section) for section in settings.speaking()))
    store.close()
    return found


async def _source(source: Source, settings: Config, clock: SystemClock) -> Finding:
    topic = next(iter(source.offers))
    asset = MARKET if topic in OF_MARKET else settings.assets[0]
    name = venue_title(source.name)
    try:
        async with asyncio.timeout(2 * settings.market.timeout_seconds):
            answer = await source.fetch(Ask(topic, asset, clock.now()))
    except NotOffered as error:  # it answered, and said so
        return Finding(good=True, text=f"{name} answers. {error}")
    except (SourceError, TimeoutError) as error:
        said = str(error) or f"{name} does not answer in time."
        return Finding(good=False, text=f"{said} Check the network here, or set market.proxy in config.toml.")
    finally:
        await source.close()
    return Finding(good=bool(answer), text=f"{name} answers ({topic.replace('_', ' ')} of {asset})")


async def _channel(section: ChannelConfig) -> Finding:
    channel = section.make(Outside())
    try:
        return Finding(good=True, text=await channel.check())
    except SendFailed as failed:
        return Finding(good=False, text=f"{section.title}: {failed.reason}")
    finally:
        await channel.stop()
