"""What `perpulse doctor` looks at, each as one sentence."""

from __future__ import annotations

import asyncio
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from bot.app import sources_of
from bot.clock import SystemClock
from bot.market.source import Ask, NotOffered, SourceError
from bot.market.source_rounds import OF_MARKET
from signals.inputs import MARKET
from signals.venues import venue_title
from storage.engine.database import Store
from storage.market import points

if TYPE_CHECKING:
    from bot.config import Config
    from bot.market.source import Source

LIBRARIES = ("ccxt", "pandas", "python-telegram-bot", "sqlite-utils", "matplotlib")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: is it good, and what is to be known or done."""

    good: bool
    text: str


async def examine(settings: Config) -> list[Finding]:
    """Look at Python, libraries, database, sources and the Telegram token."""
    found = [Finding(sys.version_info >= (3, 11), f"Python {platform.python_version()} (3.11 or newer is needed)")]
    for name in LIBRARIES:
        try:
            found.append(Finding(good=True, text=f"{name} {version(name)}"))
        except PackageNotFoundError:
            found.append(Finding(good=False, text=f"{name} is not installed; run `make run` once"))
    store = Store(settings.database)
    with store.write():  # raises StoreError, in words, where the file cannot be written
        stored = points.assets(store)
    found.append(Finding(good=True, text=f"database {store.path}, holds {', '.join(stored) or 'nothing yet'}"))
    clock = SystemClock()
    sources = sources_of(settings, clock)
    found += await asyncio.gather(*(_source(each, settings, clock) for each in sources))
    found.append(await _telegram(settings))
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


async def _telegram(settings: Config) -> Finding:
    token = settings.telegram_token()
    if token is None:
        return Finding(good=True, text="no Telegram token: perpulse speaks in the terminal")
    from handlers.channels.channel import SendFailed  # noqa: PLC0415 - the library only where it is used
    from handlers.channels.telegram.token import whoami  # noqa: PLC0415

    try:
        return Finding(
            good=True, text=f"Telegram accepts the token of @{await whoami(token, settings.telegram.base_url)}"
        )
    except SendFailed as failed:
        return Finding(good=False, text=f"Telegram: {failed.reason}")
