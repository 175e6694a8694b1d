"""What the owner may set of the terminal: nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from handlers.channels.config import ChannelConfig

if TYPE_CHECKING:
    from handlers.channels.channel import Channel, Outside


class TerminalConfig(ChannelConfig):
    """The terminal that perpulse was started in."""

    title: ClassVar[str] = "this terminal"

    def runs(self, *, alone: bool) -> bool:
        """Run where no other channel does: nobody would hear of anything."""
        return alone

    def make(self, outside: Outside) -> Channel:
        """Make the channel of this terminal."""
        from handlers.channels.terminal.channel import Terminal  # noqa: PLC0415 - only where it is used

        return Terminal(outside)
