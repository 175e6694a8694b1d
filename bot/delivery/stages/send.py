"""Send: what a claim asks for leaves through its channel, as a new message, an edit, or an edit and its answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.delivery.stages.sound import rings
from handlers.channels.channel import Address, Outgoing
from handlers.channels.failure import MessageRefused
from handlers.reply import Line
from handlers.words import wording
from signals.alerts.condition import RANKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from handlers.channels.channel import Channel, Kind
    from handlers.reply import Block
    from signals.alerts.condition import Rank
    from storage.alerts.outbox import Claim

log = structlog.get_logger(__name__)

LATE: Final = timedelta(minutes=30)
CALLS: Final = frozenset({"fired", "escalated"})  # what a role is called for; no edit and no all-clear is worth it


async def send(
    channel: Channel,
    claim: Claim,
    blocks: tuple[Block, ...],
    replies: tuple[str, ...],
    now: datetime,
    *,
    spend: Callable[[], None],
) -> str | None:
    """Send a claim and return the id of its message. SendFailed as the channel raises it.

    An edit makes no sound on any phone, so what got worse also answers its message in one line, with sound. Where that
    line is refused as an answer it goes out by itself; where it is refused for good, the edit has told of it: given up,
    its episode would have no message, and the edited one would be told of no end.

    spend: counts one more message against the limits of the platform.
    """
    to = Address(claim.chat, claim.topic or None, kind_of(claim.kind_of_chat))
    late = now - claim.due
    if late > LATE and not all(row.told for row in claim.rows):
        blocks = (Line(f"Late: this was due {wording.ago(late)}.", "echo"), *blocks)
    message = Outgoing(
        blocks,
        nonce=claim.nonce,
        maybe_repeat=claim.uncertain,
        plain=claim.plain,
        silent=not any(rings(row.notice, claim.switches) for row in claim.rows),
        age=late,
        rank=rank_of(claim),
        mention=mentioned(claim),
    )
    if claim.message is None:
        return await channel.send(to, message)
    edited = True
    try:
        await channel.edit(to, claim.message, replace(message, maybe_repeat=False))  # twice is once for an edit
    except MessageRefused:
        if not all(row.notice.kind in {"resolved", "changed"} or row.told for row in claim.rows):
            return await channel.send(to, message)  # somebody deleted the message, so the news goes out anew
        edited = False
    if replies:
        lines = tuple(Line(reply) for reply in replies)
        silent = message.silent or all(row.notice.kind == "resolved" for row in claim.rows)
        try:
            await _answer(channel, to, replace(message, blocks=lines, reply_to=claim.message, silent=silent), spend)
        except MessageRefused as refused:
            if not edited:
                raise
            log.error("an answer is given up, an edit told of it", row=claim.id, reason=refused.reason)  # noqa: TRY400
    return claim.message


async def _answer(channel: Channel, to: Address, answer: Outgoing, spend: Callable[[], None]) -> None:
    spend()
    try:
        await channel.send(to, answer)
    except MessageRefused as refused:
        log.warning("an answer is refused, sending it by itself", platform=channel.platform, reason=refused.reason)
        spend()
        await channel.send(to, replace(answer, reply_to=None))


def rank_of(claim: Claim) -> Rank | None:
    """Return how urgent the most urgent is of what a message tells of; None where all of it is over."""
    return max((one.rank for one in claim.notices if one.kind != "resolved"), key=RANKS.index, default=None)


def mentioned(claim: Claim) -> str | None:
    """Return the role that the destination wants called about what is new in a claim; None for none."""
    ranks = {row.notice.rank for row in claim.rows if row.notice.kind in CALLS}
    wanted = (switch for switch in claim.switches if switch.kind == "mention")
    return next((one.what for one in wanted if ranks & set(RANKS[RANKS.index(one.rank) :])), None)


def kind_of(kind: str) -> Kind:
    """Return the kind of a chat as channels know it; one that is not known is as careful as a group."""
    match kind:
        case "private" | "group" | "channel":
            return kind
        case _:
            return "group"
