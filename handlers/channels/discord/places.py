"""Where somebody stands when they ask: the chat that is meant, whether they may change it, and what I may do there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from discord import ChannelType, ClientException, Member, Permissions, Thread
from discord.abc import GuildChannel

from handlers.channels.channel import Address
from handlers.channels.text import clean, clip
from handlers.reply import Line
from handlers.words import wording

if TYPE_CHECKING:
    from discord import Client, Interaction, Message
    from discord.abc import MessageableChannel
    from discord.interactions import InteractionChannel

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

EVERYBODY: Final = "That would call everybody, which I never do. Choose another role."
_UNCALLABLE: Final = (
    "I cannot call that role: allow anyone to mention it, or give me Mention @everyone, @here, and All Roles. I never "
    "call everyone."
)
_YOURS: Final = "I am not in this server, so this is about your direct messages with me."


@dataclass(frozen=True, slots=True)
class Place:
    """The chat in which something was typed or pressed.

    here: I am there, so that alerts can be posted. title: as people call it. may_change: who asks may change its
    settings. managers: who may, in words. manages: they may change what holds for the server. may_write: they may write
    there for all to read. missing: what I am not allowed there, in words. calls_all: I may call roles that let nobody
    call them.
    """

    address: Address
    here: bool
    title: str | None = None
    may_change: bool = True
    managers: str = "members with Manage Channels"
    manages: bool = False
    may_write: bool = True
    missing: tuple[str, ...] = ()
    calls_all: bool = False

    @property
    def mute(self) -> bool:
        """Tell whether I may write nothing there."""
        return any(_NEEDED[name] in self.missing for name in _VITAL)


def place_of(client: Client, interaction: Interaction) -> Place:
    """Return where an interaction comes from, with the rights that Discord grants at this moment."""
    channel = interaction.channel
    if interaction.guild_id is None:
        here = channel is not None and channel.type is ChannelType.private
        return Place(Address(str(interaction.channel_id)), here=here)
    return _in_server(
        channel,
        str(interaction.channel_id),
        interaction.permissions,
        interaction.app_permissions,
        here=client.get_guild(interaction.guild_id) is not None,
    )


def place_of_message(message: Message) -> Place:
    """Return where a message was written, with the rights that the gateway has told of: none where it has not."""
    channel = message.channel
    if message.guild is None:
        return Place(Address(str(channel.id)), here=True)
    rights, mine = Permissions.none(), Permissions.all()
    try:
        if isinstance(message.author, Member):
            rights = channel.permissions_for(message.author)
        if message.guild.me is not None and isinstance(channel, GuildChannel | Thread):
            mine = channel.permissions_for(message.guild.me)
    except ClientException:  # of a thread whose channel is not known the library knows nothing
        pass
    return _in_server(channel, str(channel.id), rights, mine, here=True)


def _in_server(
    channel: InteractionChannel | MessageableChannel | None,
    chat: str,
    rights: Permissions,
    mine: Permissions,
    *,
    here: bool,
) -> Place:
    """Return a place in a server by what somebody (rights) and I (mine) may do there."""
    thread = isinstance(channel, Thread)
    announces = channel is not None and channel.type is ChannelType.news
    manages = rights.administrator or rights.manage_guild
    return Place(
        Address(chat, kind="channel" if announces else "group"),
        here=here,
        title=clean(clip(str(getattr(channel, "name", "") or ""), 128)) or None,
        may_change=manages or rights.manage_channels or (thread and rights.manage_threads),
        managers=f"members with Manage Channels{' or Manage Threads' if thread else ''}",
        manages=manages,
        may_write=rights.administrator or (rights.send_messages_in_threads if thread else rights.send_messages),
        missing=missing(mine, thread=thread),
        calls_all=mine.mention_everyone,
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


def calls_everybody(line: str, server: int | None) -> bool:
    """Tell whether a line names the role of everybody, which has the number of its server."""
    return server is not None and str(server) in re.findall(r"\d+", line)


def notes_on(place: Place, *, uncallable: bool, may_change: bool) -> tuple[Line, ...]:
    """Say beside a change of settings what will keep it from working there."""
    notes = [_UNCALLABLE] if uncallable else []
    if place.here and place.missing and may_change:
        notes.append(lack(place.missing, place.title))
    if not place.here:
        notes.append(_YOURS)
    return tuple(Line(note, "caveat") for note in notes)


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
