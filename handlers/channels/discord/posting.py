"""Messages out by the bot: an embed with its chart and buttons, edits, and the one translation of what goes wrong.

Everything here goes by REST, so it works while the gateway is lost. Nobody is pinged but the one role that a chat
wants.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from discord import AllowedMentions, ButtonStyle, Embed, File, Message, MessageReference, Object, RateLimited
from discord.ui import Button as PressButton
from discord.ui import View

from handlers.channels.buttons import carried, texts_of
from handlers.channels.channel import Limits
from handlers.channels.discord import render
from handlers.channels.discord.errors import RAISED, failure
from handlers.channels.discord.places import lack, standing
from handlers.channels.failure import (
    MessageRefused,
    PerhapsSent,
    RightsMissing,
    SendFailed,
    Throttled,
    TokenRefused,
    Unreached,
)
from handlers.channels.pictures import drawn, with_words
from handlers.channels.text import clean, clip
from handlers.language.spelling import split_command
from handlers.reply import Buttons, Document
from signals.units import HOUR_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from discord import Client, PartialMessageable

    from handlers.channels.channel import Address, Outgoing
    from handlers.channels.discord.places import Standing
    from handlers.reply import Block

log = structlog.get_logger(__name__)

NOT_YET: Final = "Discord was not reached yet"
NONCE_HOLDS: Final = timedelta(seconds=110)  # Discord drops a repeat "in the past few minutes"
PUBLISHED_PER_HOUR: Final = 10
LONGEST_TYPING: Final = 1.0  # seconds that a sign of life may take
LIMITS: Final = Limits(text=render.TEXT, caption=render.TEXT, per_second=40, per_chat_second=1, per_group_minute=50)
_CUSTOM_ID, _LABEL, _ROWS, _ROW = 100, 80, 5, 5  # what Discord allows


class Posting:
    """Sends and edits by one bot. draw: makes a PNG of a chart, or None. patience: seconds for one whole request.

    publish: whether what is posted in announcement channels goes to the servers that follow them.
    """

    def __init__(
        self,
        client: Client,
        draw: Callable[[dict[str, Any]], Awaitable[bytes | None]],
        *,
        patience: float,
        publish: bool,
    ) -> None:
        self._client, self._draw, self._patience, self._publish = client, draw, patience, publish
        self._published: dict[str, deque[float]] = {}
        self._told: set[int] = set()  # chats whose server's owner was told what is missing
        self.closed = NOT_YET  # why nothing can be sent yet; "" once logged in
        self.refused = ""  # why nothing can be sent any more
        self.floods_until = -math.inf  # when the pause ends that was asked of the whole bot last, by the loop's time

    async def send(self, to: Address, message: Outgoing) -> str:
        """Send and return the message id. A picture that cannot be drawn or sent is replaced by its words."""
        channel, known = self._channel(to), self._standing(to)
        if known.vital:
            await self._tell_owner(int(to.chat), known.owner, lack(known.missing, known.title))
            raise RightsMissing(lack(known.missing, known.title))
        # Discord gives the first message back instead of making a second, so nobody has to be warned of a repeat.
        message = replace(message, maybe_repeat=message.maybe_repeat and message.age > NONCE_HOLDS)
        pictures, blocks = await drawn(message.blocks, self._draw, message.picture_within)
        message = replace(message, blocks=blocks)
        if "Attach Files" in known.missing and pictures:
            message, pictures = _in_words(message, pictures), []
        embedded = "Embed Links" not in known.missing
        try:
            sent = await self._deliver(channel, to, message, pictures, embedded=embedded)
        except MessageRefused as failed:
            if not pictures:
                raise
            log.warning("a picture was refused, its text goes alone", reason=failed.reason)
            sent = await self._deliver(channel, to, _in_words(message, pictures), [], embedded=embedded)
        if to.kind == "channel" and self._publish and message.nonce:  # no answer is published
            await self._make_public(to.chat, sent)
        return str(sent.id)

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:
        """Replace the text, buttons and picture of a message sent earlier."""
        pictures, blocks = await drawn(message.blocks, self._draw, message.picture_within)
        embedded = not message.plain and "Embed Links" not in self._standing(to).missing
        what = appearance(replace(message, blocks=blocks), pictures, embedded=embedded)
        if files := what.pop("files", []):
            what["attachments"] = files
        async with self.translated():
            await self._channel(to).get_partial_message(int(message_id)).edit(**what)

    async def working(self, to: Address) -> None:
        """Show "typing ..."; never raises, and the message does not wait for it longer than it is worth."""
        with contextlib.suppress(*RAISED, SendFailed):
            async with asyncio.timeout(LONGEST_TYPING):
                await self._channel(to).typing()

    @contextlib.asynccontextmanager
    async def translated(self) -> AsyncIterator[None]:
        """Let no error of the libraries out, and none without an answer to "may it have been sent?"."""
        try:
            async with asyncio.timeout(self._patience):
                yield
        except RAISED as error:
            failed = failure(error)
            if isinstance(error, RateLimited) and asyncio.get_running_loop().time() < self.floods_until:
                failed.scope = "platform"
            if isinstance(failed, Throttled) and failed.scope == "platform":
                log.error(  # noqa: TRY400 - the sentence says it all
                    "Discord lets nothing through for a while", reason=failed.reason, seconds=failed.seconds
                )
            raise failed from None
        except RuntimeError:  # aiohttp's, while the library closes everything because the gateway refused the token
            if not self._client.is_closed():
                raise
            raise Unreached("the connection to Discord was closed") from None

    async def _deliver(
        self,
        channel: PartialMessageable,
        to: Address,
        message: Outgoing,
        pictures: list[tuple[bytes, str]],
        *,
        embedded: bool,
    ) -> Message:
        what = appearance(message, pictures, embedded=embedded and not message.plain)
        if message.reply_to:
            what["reference"] = MessageReference(
                message_id=int(message.reply_to), channel_id=int(to.chat), fail_if_not_exists=False
            )
        if message.mention:
            role = Object(int(message.mention))
            what["content"] = clip(f"<@&{role.id}> {what.get('content') or ''}".strip(), render.CONTENT)
            what["allowed_mentions"] = AllowedMentions(everyone=False, users=False, roles=[role], replied_user=False)
        if message.nonce:  # without one of ours the library draws one that covers its own tries alone
            what["nonce"] = message.nonce
        try:
            async with self.translated():
                return await channel.send(silent=message.silent, **what)
        except PerhapsSent as failed:
            failed.once_for = NONCE_HOLDS if message.nonce else failed.once_for
            raise

    def _channel(self, to: Address) -> PartialMessageable:
        if self.refused:
            raise TokenRefused(self.refused)
        if self.closed:
            raise Unreached(self.closed)
        return self._client.get_partial_messageable(int(to.chat))

    def _standing(self, to: Address) -> Standing:
        live = self._client.ws is not None and self._client.ws.open  # else it may be an old story
        return standing(self._client, int(to.chat) if live else 0)

    async def _tell_owner(self, chat: int, owner: int | None, said: str) -> None:
        """Tell the owner of a server once what is missing. Never raises."""
        if chat in self._told or owner is None:
            return
        self._told.add(chat)
        try:
            async with self.translated():
                await (await self._client.create_dm(Object(owner))).send(
                    f"Alerts wait there: {render.escape(said)} Without it they are given up after a while."
                )
        except SendFailed as failed:
            log.info("the owner of a server cannot be told", reason=failed.reason)

    async def _make_public(self, chat: str, sent: Message) -> None:
        """Publish a message of an announcement channel, as often as Discord lets a channel. Never raises."""
        now = asyncio.get_running_loop().time()
        times = self._published.setdefault(chat, deque())
        while times and now - times[0] >= HOUR_S:
            times.popleft()
        if len(times) >= PUBLISHED_PER_HOUR:
            log.info("not published: this channel has had its share of this hour", chat=chat)
            return
        times.append(now)
        try:
            async with self.translated():
                await sent.publish()
        except SendFailed as failed:
            log.warning("a message was not published", chat=chat, reason=failed.reason)


def appearance(message: Outgoing, pictures: list[tuple[bytes, str]], *, embedded: bool) -> dict[str, Any]:
    """Return what a message looks like, as discord.py's calls take it: content, embeds, files and buttons.

    pictures: each with its words. embedded: as an embed, else as text.
    """
    names = [render.CHART, *(f"chart-{number}.png" for number in range(2, len(pictures) + 1))][: len(pictures)]
    files = [
        File(io.BytesIO(png), name, description=clean(clip(alt, 1024)))
        for (png, alt), name in zip(pictures, names, strict=True)
    ]
    files += [File(io.BytesIO(one.text.encode()), one.name) for one in message.blocks if isinstance(one, Document)]
    what: dict[str, Any] = {"view": buttons(message.blocks)} | ({"files": files} if files else {})
    empty = pictures[0][1] if pictures else "…"
    if not embedded:
        return what | {"content": render.content(message, empty=empty), "embeds": []}
    embeds = [render.embed(message, empty=empty, picture=bool(pictures))]
    embeds += [Embed(color=embeds[0].color).set_image(url=f"attachment://{name}") for name in names[1:]]
    return what | {"content": None, "embeds": embeds}


def buttons(blocks: tuple[Block, ...]) -> View | None:
    """Return the buttons of a message; each carries its command line, so that it needs no memory of ours."""
    view, row, seen = View(timeout=None), 0, set[str]()
    shown = texts_of(blocks)
    for block in blocks:
        if not isinstance(block, Buttons) or row >= _ROWS:
            continue
        count = 0
        for button in block.buttons:
            data = carried(button.command, shown, _CUSTOM_ID, len)
            label = clean(clip(button.label, _LABEL)).strip()
            if data is None or not label or data in seen or count >= _ROW:
                name, _ = split_command(button.command)  # and no more of it: a position, or what somebody called it
                log.warning("a button is left out", command=name)
                continue
            seen.add(data)
            count += 1
            view.add_item(PressButton(style=ButtonStyle.secondary, label=label, custom_id=data, row=row))
        row += count > 0
    view.stop()  # what is pressed is read from the button itself: the library is to keep nothing of each message
    return view if seen else None


def _in_words(message: Outgoing, pictures: list[tuple[bytes, str]]) -> Outgoing:
    return replace(message, blocks=with_words(message.blocks, [alt for _, alt in pictures]))
