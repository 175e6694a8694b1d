"""Where somebody stands when they ask: the chat that is meant, whether they may change it, and what I may do there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from discord import ChannelType, Permissions, Thread
from discord.abc import GuildChannel

from handlers.channels.channel import Address
from handlers.channels.text import clean, clip
from handlers.words import wording

if TYPE_CHECKING:
    from discord import Client, Interaction

# What an alert needs, by discord.py's names, and what the server's settings call it.
_NEEDED: Final = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "embed_links": "Embed Links",
    "attach_files": "Attach Files",
    "read_message_history": "Read Message History",
}
# The number in an invitation that asks for exactly these.
INVITE: Final = Permissions(**dict.fromkeys(_NEEDED, True)).value
_VITAL: Final = frozenset({"view_channel", "send_messages", "send_messages_in_threads"})


@dataclass(frozen=True, slots=True)
class Place:
    """The chat in which something was typed or pressed.

    here: I am there, so that alerts can be posted. title: as people call it. may_change: who asks may change its
    settings. manages: they may change what holds for the server. may_write: they may write there for all to read.
    missing: what I am not allowed there, in words.
    """

    address: Address
    here: bool
    title: str | None = None
    may_change: bool = True
    manages: bool = False
    may_write: bool = True
    missing: tuple[str, ...] = ()


def place_of(client: Client, interaction: Interaction) -> Place:
    """Return where an interaction comes from, with the rights that Discord grants at this moment."""
    channel, chat = interaction.channel, str(interaction.channel_id)
    if interaction.guild_id is None:
        return Place(Address(chat), here=channel is not None and channel.type is ChannelType.private)
    thread = isinstance(channel, Thread)
    announces = channel is not None and channel.type is ChannelType.news
    rights = interaction.permissions
    manages = rights.administrator or rights.manage_guild
    return Place(
        Address(chat, kind="channel" if announces else "group"),
        here=client.get_guild(interaction.guild_id) is not None,
        title=clean(clip(str(getattr(channel, "name", "") or ""), 128)) or None,
        may_change=manages or rights.manage_channels or (thread and rights.manage_threads),
        manages=manages,
        may_write=rights.administrator or (rights.send_messages_in_threads if thread else rights.send_messages),
        missing=missing(interaction.app_permissions, thread=thread),
    )


def missing(granted: Permissions, *, thread: bool) -> tuple[str, ...]:
    """Return what an alert needs and is not granted, as the server's settings call it."""
    if granted.administrator:
        return ()
    other = "send_messages" if thread else "send_messages_in_threads"
    lacking = [name for name in _NEEDED if name != other and not getattr(granted, name)]
    # Who may not write there may not attach either, whatever the settings say: that is no lack of its own.
    vital = [name for name in lacking if name in _VITAL]
    return tuple(_NEEDED[name] for name in vital or lacking)


def lack(rights: tuple[str, ...], title: str | None) -> str:
    """Say what is missing, and where."""
    return f"I need {wording.listing(rights)} in {f'#{title}' if title else 'this channel'}."


@dataclass(frozen=True, slots=True)
class Standing:
    """What the gateway has told of a chat. vital: without what is missing nothing can be posted there."""

    missing: tuple[str, ...] = ()
    vital: bool = False
    title: str | None = None
    owner: int | None = None


def standing(client: Client, chat: int) -> Standing:
    """Return what I may do in a chat, as far as it is known; nothing is held against a chat that is not."""
    channel = client.get_channel(chat)
    if not isinstance(channel, GuildChannel | Thread) or channel.guild.me is None:
        return Standing()
    try:
        granted = channel.permissions_for(channel.guild.me)
    except Exception:  # noqa: BLE001 - of a thread whose channel is not known the library knows nothing
        return Standing()
    thread = isinstance(channel, Thread)
    lacking = missing(granted, thread=thread)
    vital = any(_NEEDED[name] in lacking for name in _VITAL)
    return Standing(lacking, vital, clean(channel.name), channel.guild.owner_id)
