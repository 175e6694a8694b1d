"""Messages out to Telegram: text, picture or both, edits, and the one translation of what goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import structlog
from telegram.constants import ChatAction, FloodLimit, InlineKeyboardButtonLimit, MessageLimit, ParseMode
from telegram.error import TelegramError

from handlers.channels.buttons import carried, in_bytes, texts_of
from handlers.channels.channel import Address, Limits, Outgoing
from handlers.channels.failure import MessageRefused, PerhapsSent, RightsMissing, SendFailed, Throttled
from handlers.channels.pictures import draw_each, in_words, with_words
from handlers.channels.telegram.errors import failure, is_topic_gone, is_unchanged
from handlers.channels.telegram.render import render
from handlers.channels.telegram.wire import Upload
from handlers.channels.text import clean, clip
from handlers.language.spelling import split_command
from handlers.reply import Block, Buttons, Document, Line, Picture

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from telegram import Bot, Message

    from handlers.channels.telegram.wire import Wire

log = structlog.get_logger(__name__)

LONGEST_WAIT = 10.0  # seconds an answer or a second picture waits for a 429; a notice waits in the outbox instead
_TOPIC_CLOSED = (
    "The topic that this was asked for is closed or gone, so its messages come here. "
    "To have them in another topic, type /sub there and /unsub here."
)
_NO_FILE = "I may send no files here. Open a chat with me and ask there."
_NO_PREVIEW = json.dumps({"is_disabled": True})
LONGEST_TYPING = 1.0  # seconds that a sign of life may take
LIMITS = Limits(
    text=MessageLimit.MAX_TEXT_LENGTH,
    caption=MessageLimit.CAPTION_LENGTH,
    per_second=FloodLimit.MESSAGES_PER_SECOND,
    per_chat_second=FloodLimit.MESSAGES_PER_SECOND_PER_CHAT,
    per_group_minute=FloodLimit.MESSAGES_PER_MINUTE_PER_GROUP,
)


class Sending:
    """Sends and edits by one bot, on its wire. draw: makes a PNG of a chart, or None.

    patience: seconds for one whole request. picture: seconds that the answer to a picture may take.
    """

    def __init__(
        self,
        bot: Bot,
        wire: Wire,
        draw: Callable[[dict[str, Any]], Awaitable[bytes | None]],
        *,
        patience: float,
        picture: float,
    ) -> None:
        self._bot, self._wire, self._draw = bot, wire, draw
        self._patience, self._picture = patience, picture
        self._closed_topics: set[Address] = set()  # of which it was told in their chat that they are
        self._plainly: _Worded | None = None  # what was sent last without a picture: a broadcast says it to thousands

    async def send(self, to: Address, message: Outgoing) -> str:
        """Send and return the message id; a "p" behind it means a photo, whose text is a caption.

        A picture carries the text as its caption where that fits, else it follows as a reply. A picture that cannot
        be drawn or sent is replaced by its words, and what may have arrived already is repeated without it: where
        Telegram is slow to answer, it is so with pictures.
        """
        given, known = message.blocks, self._plainly
        blocks = in_words(given) if message.maybe_repeat else given
        photos, undrawn = await draw_each(blocks, self._draw, message.picture_within)
        if not photos and known and known.is_of(message):
            return str(await self._deliver("sendMessage", to, message, known.fields))
        if photos or undrawn:
            blocks = with_words(tuple(block for block in blocks if not isinstance(block, Picture)), undrawn)
        message = replace(message, blocks=blocks)
        if files := [block for block in blocks if isinstance(block, Document)]:
            return await self._send_file(to, message, files[0])
        sent = ""
        if photos and (caption := self._caption(photos, message)) is not None:
            try:
                sent = f"{await self._send_photo(to, message, photos[0][0], caption)}p"
                photos = photos[1:]
            except (MessageRefused, RightsMissing) as failed:  # some may write where they may not send pictures
                log.warning("a picture was refused, its text goes alone", reason=failed.reason)
                message = replace(message, blocks=with_words(blocks, [alt for _, alt in photos]))
                photos = []
        if not sent:
            sent = str(await self._send_text(to, message, None if photos else given))
        for png, alt in photos:
            await self._follow(to, sent, png, alt)
        return sent

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:
        """Replace the text and buttons of a message sent earlier; its picture stays."""
        number, photo = message_id.rstrip("p"), message_id.endswith("p")
        what = {"chat_id": to.chat, "message_id": number} | _looks(message)
        if photo:
            what["caption"] = self._text(message, LIMITS.caption)
        else:
            what |= {"text": self._text(message, LIMITS.text), "link_preview_options": _NO_PREVIEW}
        try:
            await self._call("editMessageCaption" if photo else "editMessageText", what)
        except _Unchanged:
            return
        except _TopicGone as failed:
            raise MessageRefused(failed.reason) from None  # nothing is edited there: the news goes out anew

    async def working(self, to: Address) -> None:
        """Show "typing ..."; never raises, and the message does not wait for it longer than it is worth."""
        with contextlib.suppress(TelegramError, TimeoutError):
            async with asyncio.timeout(min(self._patience, LONGEST_TYPING)):
                thread = int(to.topic) if to.topic else None
                await self._bot.send_chat_action(to.chat, ChatAction.TYPING, message_thread_id=thread)

    async def _follow(self, to: Address, first: str, png: bytes, alt: str) -> None:
        """Send a picture behind its text. Never raises: the text arrived, and a failure now would send it twice."""
        follower, caption = Outgoing((), reply_to=first, silent=True), render((Line(alt),), limit=LIMITS.caption)
        for _ in range(2):
            try:
                await self._send_photo(to, follower, png, caption)
            except SendFailed as failed:
                log.warning("a picture did not follow its text", reason=failed.reason)
                if not isinstance(failed, Throttled) or failed.seconds > LONGEST_WAIT:
                    return
                await asyncio.sleep(failed.seconds)
            else:
                return

    def _caption(self, photos: list[tuple[bytes, str]], message: Outgoing) -> str | None:
        """Return the text if it fits under a photo uncut, else None."""
        text = self._text(message, LIMITS.text, empty=photos[0][1])
        return text if text == self._text(message, LIMITS.caption, empty=photos[0][1]) else None

    def _text(self, message: Outgoing, limit: int, *, empty: str = "…") -> str:
        # A plain message is a second try after the first was refused, maybe for its length: leave more room.
        limit = limit * 3 // 4 if message.plain else limit
        text = render(message.blocks, limit=limit, plain=message.plain, maybe_repeat=message.maybe_repeat)
        return text or render((Line(empty),), limit=limit, plain=message.plain) or "…"

    async def _send_text(self, to: Address, message: Outgoing, given: tuple[Block, ...] | None = None) -> int:
        """Send a text. given: the blocks that it was made of, where nothing was drawn of them."""
        text = self._text(message, LIMITS.text)
        fields = {"text": text, "link_preview_options": _NO_PREVIEW} | _looks(message)
        if given is not None:
            self._plainly = _Worded(given, message.plain, message.maybe_repeat, fields)
        return await self._deliver("sendMessage", to, message, fields)

    async def _send_photo(self, to: Address, message: Outgoing, png: bytes, caption: str) -> int:
        picture = Upload("photo", "chart.png", png, "image/png")
        return await self._deliver("sendPhoto", to, message, {"caption": caption} | _looks(message), picture)

    async def _send_file(self, to: Address, message: Outgoing, file: Document) -> str:
        """Send a file with the text as its caption, and the text alone where files are not allowed."""
        caption = self._text(message, LIMITS.caption)
        attached = Upload("document", file.name, file.text.encode(), "application/octet-stream")
        try:
            what = {"caption": caption} | _looks(message)
            return f"{await self._deliver('sendDocument', to, message, what, attached)}p"
        except (MessageRefused, RightsMissing) as failed:
            log.warning("a file was refused, its text goes alone", reason=failed.reason)
        return str(await self._send_text(to, replace(message, blocks=(*message.blocks, Line(_NO_FILE)))))

    async def _deliver(
        self, method: str, to: Address, message: Outgoing, what: Mapping[str, str], upload: Upload | None = None
    ) -> int:
        what = {"chat_id": to.chat, **what}
        if message.silent:
            what["disable_notification"] = "true"
        if message.reply_to:
            answered = {"message_id": int(message.reply_to.rstrip("p")), "allow_sending_without_reply": True}
            what["reply_parameters"] = json.dumps(answered)
        there = {"message_thread_id": to.topic} if to.topic else {}
        try:
            sent = await self._call(method, what | there, upload)
        except _TopicGone:
            if not there:
                raise  # the main thread itself
            log.warning("the topic is closed or gone, going to the main thread", chat=to.chat, topic=to.topic)
        else:
            self._closed_topics.discard(to)
            return int(sent["message_id"])
        sent = await self._call(method, what, upload)
        await self._tell_of_topic(to)
        return int(sent["message_id"])

    async def _tell_of_topic(self, to: Address) -> None:
        """Say once in the main thread why the messages of a topic come there. Never raises: the message arrived."""
        if to in self._closed_topics:
            return
        self._closed_topics.add(to)
        with contextlib.suppress(SendFailed):
            await self._call("sendMessage", {"chat_id": to.chat, "text": _TOPIC_CLOSED, "disable_notification": "true"})

    async def _call(self, method: str, what: dict[str, str], upload: Upload | None = None) -> Any:
        """Call a method and return its result; no error without an answer to "may it have been sent?"."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._wire.call(
                    f"{self._bot.base_url}/{method}", what, upload, read=self._picture if upload else None
                )
        except TelegramError as error:
            if is_unchanged(error):
                raise _Unchanged("nothing changed") from None
            if is_topic_gone(error):
                raise _TopicGone(error.message) from None
            raise failure(error) from None
        except TimeoutError:
            raise PerhapsSent("Telegram took too long") from None


@dataclass(frozen=True, slots=True)
class _Worded:
    """Blocks of which no picture was drawn, and the fields of a call that say them."""

    blocks: tuple[Block, ...]
    plain: bool
    maybe_repeat: bool
    fields: Mapping[str, str]

    def is_of(self, message: Outgoing) -> bool:
        """Tell whether a message says the very same: these blocks themselves, which cost nothing to compare."""
        return (
            message.blocks is self.blocks and message.plain == self.plain and message.maybe_repeat == self.maybe_repeat
        )


class _Unchanged(SendFailed):
    """An edit changed nothing."""


class _TopicGone(RightsMissing):
    """The topic is closed or gone; of the main thread, it is closed."""


def number_of(message: Message) -> str:
    """Return the number of a message as `send` gave it."""
    return f"{message.message_id}{'p' * bool(message.photo)}"


def has_attachment(blocks: tuple[Block, ...]) -> bool:
    """Tell whether something goes with the text, which then takes seconds and cannot be edited into another message."""
    return any(isinstance(block, Picture | Document) for block in blocks)


def _looks(message: Outgoing) -> dict[str, str]:
    """Return how a message is to be read, and its buttons, as fields of a call."""
    looks = {} if message.plain else {"parse_mode": ParseMode.HTML.value}
    buttons = tuple(block for block in message.blocks if isinstance(block, Buttons))
    if buttons and (keyboard := _keyboard(buttons, texts_of(message.blocks))):
        looks["reply_markup"] = keyboard
    return looks


@lru_cache(maxsize=64)
def _keyboard(buttons: tuple[Buttons, ...], shown: tuple[str, ...]) -> str:
    """Return the buttons as a call takes them; nothing where there are none. shown: the lines of the message."""
    rows: list[list[dict[str, str]]] = []
    for block in buttons:
        row: list[dict[str, str]] = []
        for button in block.buttons:
            data = carried(button.command, shown, InlineKeyboardButtonLimit.MAX_CALLBACK_DATA, in_bytes)
            label = clean(clip(button.label, 64)).strip()
            if data is None or not label:
                name, _ = split_command(button.command)  # and no more of it: a position, or what somebody called it
                log.warning("a button is left out: Telegram allows 64 bytes", command=name)
                continue
            row.append({"text": label, "callback_data": data})
        rows += [row] if row else []
    return json.dumps({"inline_keyboard": rows}) if rows else ""
