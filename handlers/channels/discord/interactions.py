"""What people do: slash commands, pressed buttons, and words that are being typed.

Every answer is deferred at once, since Discord waits three seconds. Buttons carry their line, so they outlive restarts;
rights are those that come with each press. Nothing here is kept between two of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any, Final

import structlog
from discord import HTTPException, Interaction, InteractionType
from discord.app_commands import Choice

from handlers.answer import BY_REPLY
from handlers.channels.buttons import OLD_BUTTON, pressed_line
from handlers.channels.channel import Address, Outgoing
from handlers.channels.discord.errors import RAISED, TOO_LATE, failure
from handlers.channels.discord.options import CHOICE, CHOICES, given_of, line_of
from handlers.channels.discord.places import EVERYBODY, Place, calls_everybody, notes_on, place_of
from handlers.channels.discord.posting import appearance
from handlers.channels.discord.render import said_in
from handlers.channels.failure import ChatGone, MarkupRefused, PerhapsSent, SendFailed, Unreached
from handlers.channels.news import PendingNews, drop
from handlers.channels.pictures import drawn
from handlers.channels.text import clip
from handlers.command import Asker
from handlers.language.spelling import split_command
from handlers.reply import Line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from discord import Client

    from handlers.answer import Answer
    from handlers.channels.channel import Answerer, Outside
    from handlers.channels.discord.posting import Posting
    from handlers.command import Command
    from handlers.reply import Block

log = structlog.get_logger(__name__)

OFFER_SECONDS: Final = 2.0  # Discord waits three
_BY_LETTER: Final = "Write it to me in a direct message, or type the line again with it."
_BY_LINE: Final = "Type the line again with it."  # nobody can reply to what they alone are shown
_NO_DIRECT: Final = "I cannot write to you directly. Allow direct messages, or add me to this server, and ask again."


class Interactions:
    """Answers what people do. listed: the commands by name. patience: seconds for one whole request."""

    def __init__(
        self,
        client: Client,
        posting: Posting,
        outside: Outside,
        *,
        platform: str,
        listed: Mapping[str, Command],
        patience: float,
    ) -> None:
        self._client, self._posting, self._outside = client, posting, outside
        self._platform, self._listed, self._patience = platform, listed, patience
        self._direct: dict[int, str] = {}  # the direct chat of each person who asked
        self._news = PendingNews()
        self.answer: Answerer | None = None  # until it is started

    async def stop(self) -> None:
        """Wait for no more news."""
        await self._news.stop()

    async def take(self, interaction: Interaction) -> None:
        """Answer one thing that somebody did; whatever goes wrong, the next one is answered."""
        try:
            match interaction.type:
                case InteractionType.application_command:
                    await self._on_command(interaction)
                case InteractionType.autocomplete:
                    await self._on_typing(interaction)
                case InteractionType.component:
                    await self._on_press(interaction)
        except SendFailed as failed:  # whoever asked sees that nothing came, and asks again
            log.info("an answer was refused", reason=failed.reason)
        except Exception:
            reference = secrets.token_hex(3)
            log.exception("an interaction was not handled", reference=reference, kind=interaction.type.name)
            sorry = f"Something went wrong here. Try again; if it stays, tell the owner this reference: {reference}"
            with contextlib.suppress(SendFailed):
                await self._show(interaction, (Line(sorry),))

    # -- what people do -----------------------------------------------------------------------------------------------

    async def _on_command(self, interaction: Interaction) -> None:
        data: Mapping[str, Any] = interaction.data or {}
        command = self._listed.get(str(data.get("name")))
        given = given_of(data.get("options", ()))
        line = line_of(command, given) if command else f"/{data.get('name')}"
        if command and command.roles and calls_everybody(line, interaction.guild_id):
            await self._deferred(interaction, hidden=True)
            await self._show(interaction, (Line(EVERYBODY),))
            return
        await self._reply(interaction, line, command)

    async def _on_press(self, interaction: Interaction) -> None:
        data: Mapping[str, Any] = interaction.data or {}
        line = pressed_line(str(data.get("custom_id", "")), said_in(interaction.message))
        if line is None:
            if await self._deferred(interaction, hidden=True):
                await self._show(interaction, (Line(OLD_BUTTON),))
            return
        await self._reply(interaction, line, self._listed.get(split_command(line)[0]))

    async def _on_typing(self, interaction: Interaction) -> None:
        data: Mapping[str, Any] = interaction.data or {}
        focused: Mapping[str, Any] = next((one for one in data.get("options", ()) if one.get("focused")), {})
        place = place_of(self._client, interaction)
        asker = self._asker(interaction, place, place.address)
        try:
            async with asyncio.timeout(OFFER_SECONDS):
                found = await self._outside.offers(
                    str(data.get("name")), str(focused.get("name")), str(focused.get("value", "")), asker
                )
        except TimeoutError:
            found = ()
        choices = [Choice(name=clip(one.label, CHOICE), value=clip(one.words, CHOICE)) for one in found[:CHOICES]]
        with contextlib.suppress(*RAISED):  # too late: they type on
            await interaction.response.autocomplete(choices)

    # -- answers ------------------------------------------------------------------------------------------------------

    async def _reply(self, interaction: Interaction, line: str, command: Command | None) -> None:
        """Answer a line, and answer it anew when there is news of it, without holding anybody up for that."""
        place = place_of(self._client, interaction)
        settings = command is not None and command.changes_chat
        hidden = settings or (command is not None and command.private is not None)
        hidden = hidden or not place.may_write or place.address.kind == "channel"
        in_time = await self._deferred(interaction, hidden=hidden)
        own = not place.here or (command is not None and command.private == "person")
        address = await self._direct_of(interaction) if own else place.address
        if address is None:
            await self._show(interaction, (Line(_NO_DIRECT),))
            return
        asker = self._asker(interaction, place, address)
        assert self.answer  # noqa: S101 - nothing is heard before the start
        answer = await self.answer(line, asker)
        if own and address != place.address:
            answer = answer.by(_BY_LETTER)
        elif place.address.kind != "private":
            answer = answer.by(_BY_LINE if hidden else BY_REPLY)
        if not answer.blocks:  # nothing is to be said, so that nothing is announced any more
            with contextlib.suppress(*RAISED):
                await interaction.delete_original_response()
            return
        notes: tuple[Block, ...] = ()
        if settings:
            notes = notes_on(place, uncallable=_names_uncallable(interaction, place), may_change=asker.may_change)
        if not in_time or not await self._shown(interaction, (*answer.blocks, *notes)):
            await self._otherwise(place, answer, hidden=hidden)
            return

        async def update(blocks: tuple[Block, ...]) -> None:
            try:
                await self._show(interaction, (*blocks, *notes))
            except SendFailed as failed:  # the answer itself stands
                log.info("the news of an answer was refused", reason=failed.reason)

        self._news.follow(answer, update)

    async def _deferred(self, interaction: Interaction, *, hidden: bool) -> bool:
        """Say that an answer is on its way; False where Discord waits for it no more."""
        try:
            async with asyncio.timeout(self._patience):
                await interaction.response.defer(ephemeral=hidden, thinking=True)
        except HTTPException as error:
            if error.code not in TOO_LATE:
                raise
            log.info("an interaction came too late to be answered", code=error.code)
            return False
        return True

    async def _otherwise(self, place: Place, answer: Answer, *, hidden: bool) -> None:
        """Give an answer that Discord waits for no more to the chat, if it is one for everybody there."""
        drop(answer)
        if hidden or not place.here or place.missing:
            return
        try:
            await self._posting.send(place.address, Outgoing(answer.blocks))
        except SendFailed as failed:
            log.info("a late answer was refused", chat=place.address.chat, reason=failed.reason)

    async def _shown(self, interaction: Interaction, blocks: tuple[Block, ...]) -> bool:
        """Show an answer; False where Discord waits for it no more: its time is over, or somebody took it away."""
        try:
            await self._show(interaction, blocks)
        except ChatGone:
            return False
        return True

    async def _show(self, interaction: Interaction, blocks: tuple[Block, ...]) -> None:
        """Put blocks in the place of what stands there as the answer; twice is once, so a lost answer is no matter."""
        pictures, rest = await drawn(blocks, self._outside.draw)
        message, embedded = Outgoing(rest), True
        for tries in range(3):
            what = appearance(message, pictures, embedded=embedded)
            files = what.pop("files", [])
            try:
                async with self._posting.translated():
                    await interaction.edit_original_response(attachments=files, **what)
            except SendFailed as failed:
                if tries == 2 or not isinstance(failed, MarkupRefused | PerhapsSent | Unreached):
                    raise
                embedded = embedded and not isinstance(failed, MarkupRefused)
            else:
                return

    # -- who ----------------------------------------------------------------------------------------------------------

    def _asker(self, interaction: Interaction, place: Place, address: Address) -> Asker:
        elsewhere = address != place.address
        return Asker(
            platform=self._platform,
            address=address,
            user=str(interaction.user.id),
            may_change=elsewhere or place.may_change,
            managers=place.managers,
            title=None if elsewhere else place.title,
            server=None if elsewhere or interaction.guild_id is None else str(interaction.guild_id),
            manages=not elsewhere and place.manages,
        )

    async def _direct_of(self, interaction: Interaction) -> Address | None:
        """Return the direct chat with who asks; None where there can be none."""
        user = interaction.user.id
        if user not in self._direct:
            try:
                async with asyncio.timeout(self._patience):
                    self._direct[user] = str((await self._client.create_dm(interaction.user)).id)
            except RAISED as error:
                log.info("there is no direct chat with who asks", reason=failure(error).reason)
                return None
        return Address(self._direct[user])


def _names_uncallable(interaction: Interaction, place: Place) -> bool:
    """Tell whether a role was chosen that will not hear of it."""
    data: Mapping[str, Any] = interaction.data or {}
    chosen: Mapping[str, Any] = data.get("resolved", {}).get("roles", {})
    return not place.calls_all and not all(role.get("mentionable") for role in chosen.values())
