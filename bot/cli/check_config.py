"""`perpulse check-config`: what the configuration amounts to, or what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cli.common import out, plain_errors, settings_of
from handlers.words import wording

if TYPE_CHECKING:
    from pathlib import Path


def check_config(config: Path | None, db: Path | None) -> None:
    """Say what the configuration amounts to."""
    from bot.cli.examining.machine import proxy  # noqa: PLC0415 - knows how pictures are drawn

    with plain_errors():
        settings = settings_of(config, db)
        speaking = settings.speaking()
        settings.secrets()  # reads each, and refuses what can be none, such as the address of no webhook
    out(f"assets: {', '.join(settings.assets)}")
    out(f"venues: {', '.join(settings.market.venues)}")
    out(f"database: {settings.database}")
    instead = f", so perpulse speaks in {wording.listing([channel.called for channel in speaking])}"
    for channel in settings.channels:
        if channel in speaking and channel.needs:
            out(f"{channel.called}: a {channel.needs} is set")
        elif channel.needs:
            out(f"{channel.called}: no {channel.needs}{instead}")
    for found in proxy(settings):
        out(f"{found}. {found.todo}")
    out("The configuration is in order.")
