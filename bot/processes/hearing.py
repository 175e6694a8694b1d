"""Who takes commands: of all processes that could speak on a platform one alone, as its lease says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.channels.channel import Hears

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.processes.holdings import Holdings
    from handlers.channels.channel import Channel


class Hearing:
    """Tells each channel whether it is the one that takes commands; again only where that has changed."""

    def __init__(self, channels: Sequence[Channel], holdings: Holdings) -> None:
        self._channels, self._holdings = channels, holdings
        self._told: dict[str, bool] = {}

    async def heed(self) -> None:
        """Have every channel take commands, or leave them to another process, as it is now."""
        for channel in self._channels:
            on = self._holdings.holds("answer", channel.platform)
            if isinstance(channel, Hears) and self._told.get(channel.platform, True) is not on:
                self._told[channel.platform] = on
                await channel.hear(on=on)
