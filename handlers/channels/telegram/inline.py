"""Inline mode: `@bot liq 95000 25x long` in any chat, answered for whoever types, and sent where they choose."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from telegram import InlineQueryResultArticle, InlineQueryResultsButton, InputTextMessageContent, LinkPreviewOptions
from telegram.constants import MessageLimit, ParseMode
from telegram.error import TelegramError

from handlers.channels.channel import Address
from handlers.channels.telegram.errors import failure
from handlers.channels.telegram.render import render
from handlers.channels.telegram.rights import one_person
from handlers.channels.text import clean, clip
from handlers.command import Asker
from handlers.reply import Line, Table

if TYPE_CHECKING:
    from telegram import InlineQuery

    from handlers.answer import Answer
    from handlers.channels.channel import Answerer
    from handlers.reply import Block

log = structlog.get_logger(__name__)

_CACHED: Final = 10  # seconds that Telegram may show an answer again, to the same person
_NEWS_SECONDS: Final = 3.0  # how long newer figures are waited for: what is sent cannot be edited
_SHOWN: Final = 64  # characters of a title, of a line below it, and of a button
_HOW: Final = "Type for example: liq 95000 25x long"
_START: Final = "inline"  # what the button opens the private chat with


async def answer_query(query: InlineQuery, answer: Answerer, platform: str) -> None:
    """Answer what somebody types behind the bot's name; never raises what Telegram does."""
    line = clean(query.query).strip()
    text: tuple[Block, ...] = ()
    said = _HOW
    if line:
        user = str(query.from_user.id)
        asker = Asker(platform, Address(user), one_person(query.from_user.id), may_change=False, inline=True)
        given = await answer(line, asker)
        text = await _newest(given)
        if given.refused or not text:
            said, text = _title(text) or _HOW, ()
    results = [_article(text)] if text else []
    button = None if results else InlineQueryResultsButton(clip(said, _SHOWN), start_parameter=_START)
    try:
        await query.answer(results, cache_time=_CACHED, is_personal=True, button=button)
    except TelegramError as error:  # typed on meanwhile: nobody waits for it any more
        log.info("an inline query was not answered", reason=failure(error).reason)


async def _newest(given: Answer) -> tuple[Block, ...]:
    """Return the words of an answer, with newer figures where they come in time."""
    blocks = given.blocks
    if given.news is not None:
        try:
            async with asyncio.timeout(_NEWS_SECONDS):
                blocks = await given.news or blocks
        except TimeoutError:
            log.info("newer figures came too late for an inline query")
    return tuple(block for block in blocks if isinstance(block, Line | Table))


def _article(blocks: tuple[Block, ...]) -> InlineQueryResultArticle:
    lines = [block.text for block in blocks if isinstance(block, Line) and block.role in ("body", "stamp")]
    return InlineQueryResultArticle(
        id="1",
        title=clip(_title(blocks), _SHOWN),
        description=clip(lines[0], _SHOWN) if lines else None,
        input_message_content=InputTextMessageContent(
            render(blocks, limit=MessageLimit.MAX_TEXT_LENGTH),
            parse_mode=ParseMode.HTML,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        ),
    )


def _title(blocks: tuple[Block, ...]) -> str:
    lines = [block for block in blocks if isinstance(block, Line)]
    return clean(next((line.text for line in lines if line.role == "headline"), lines[0].text if lines else ""))
