"""Discord, by discord.py: slash commands and buttons in; embeds, pictures and edits out, by a bot or by webhooks.

The library is started by hand, so that one event loop serves every channel. Its command tree and its views are not
used: commands are data made from COMMANDS, buttons carry their line, and nothing has to be remembered for either.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import discord
import structlog
import yarl
from discord import AllowedMentions, Client, Intents, LoginFailure, MemberCacheFlags
from discord.gateway import DiscordWebSocket
from discord.http import Route

from handlers.channels.channel import Address, Outgoing, Outside
from handlers.channels.discord.errors import RAISED, asks_everybody, failure, pause_of
from handlers.channels.discord.hearing import heard
from handlers.channels.discord.interactions import Interactions
from handlers.channels.discord.options import digest, payload
from handlers.channels.discord.places import INVITE
from handlers.channels.discord.posting import LIMITS, NOT_YET, Posting
from handlers.channels.discord.talk import WrittenTalk
from handlers.channels.discord.webhooks import PREFIX, Webhooks
from handlers.channels.failure import SendFailed, TokenRefused
from handlers.command import Asker, commands
from handlers.reply import plain_text
from handlers.words import wording
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handlers.answer import Answer
    from handlers.channels.channel import Answerer
    from handlers.channels.discord.config import DiscordConfig
    from handlers.command import Command

log = structlog.get_logger(__name__)

_PRIVILEGED: Final = Intents(members=True, presences=True, message_content=True)
_LISTED: Final = "commands"  # under what is remembered which commands Discord was told of
_INVITATION: Final = "https://discord.com/oauth2/authorize"
_LONGEST_SAID: Final = 30  # letters of a part of an address in the log; tokens are longer


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. whole: one send with everything, uploads and short pauses of a 429 included. retry: first pause."""

    login: float = 20.0
    whole: float = 60.0
    defer: float = 10.0
    retry: float = 1.0  # doubles up to a minute
    stop: float = 2.0
    guilds: float = 2.0  # how long the library waits for one more server before it is ready
    meeting: float = 0.2  # between two questions about chats that were stored before


class Discord:
    """The channel of one bot and its webhooks. listed: the commands; those of the house, unless a test has its own."""

    limits = LIMITS

    def __init__(
        self,
        config: DiscordConfig,
        outside: Outside = Outside(),
        *,
        listed: Iterable[Command] | None = None,
        patience: Patience | None = None,
    ) -> None:
        async def draw(chart: dict[str, Any]) -> bytes | None:
            """Draw it low: an embed is at most 400 pixels wide and 300 high, and a higher picture would be narrower."""
            return await outside.draw({**chart, "low": True})

        self._config, self._outside = config, replace(outside, draw=draw)
        self.platform, self._called = config.word, config.called
        self._log = log.bind(**config.among)
        self._patience = patience or Patience()
        self._token = config.secret("token")
        self._listed = {command.name: command for command in (commands().values() if listed is None else listed)}
        if url := config.base_url:
            Route.BASE = f"{url}/api/v10"
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url.replace("http", "ws", 1) + "/gateway")
        self.client = _Client(self, config.proxy, self._patience.guilds)
        whole = self._patience.whole
        self._posting = Posting(self.client, draw, patience=whole, publish=config.publish)
        self._webhooks = Webhooks(
            config.addresses(), draw, patience=whole, proxy=config.proxy, guarded=not config.base_url
        )
        self._interactions = Interactions(
            self.client, self._posting, self._outside, platform=self.platform, listed=self._listed,
            patience=self._patience.defer,
        )  # fmt: skip
        self._hears = True
        self._talk = WrittenTalk(self._posting, self.platform, self._listed)
        self._running: asyncio.Task[None] | None = None
        self._meeting: asyncio.Task[None] | None = None

    # -- start and stop ---------------------------------------------------------------------------------------------

    async def start(self, answer: Answerer) -> None:
        """Log in, subscribe the webhooks and connect; while Discord is out of reach, keep trying in the background.

        TokenRefused when it is.
        """
        self.listen(answer)
        await self._subscribe_webhooks(answer)
        if self._token is None:
            return
        try:
            await self._log_in()
        except RAISED as error:
            failed = failure(error)
            await self._reopen()
            if isinstance(failed, TokenRefused):
                raise failed from None
            self._log.warning("Discord is not reached, trying on", reason=failed.reason)
        self._running = asyncio.create_task(self._run())

    def listen(self, answer: Answerer) -> None:
        """Answer from now on what comes by the gateway."""

        async def answered(line: str, asker: Asker) -> Answer:
            given = await answer(line, asker)
            self._talk.led(given)  # a question that was written may be answered by a button
            return given

        self._interactions.answer = self._talk.answer = answered

    async def stop(self) -> None:
        """Take no more commands and close the connections. Takes a few seconds at most."""
        await self._interactions.stop()
        await self._talk.stop()
        for task in filter(None, (self._running, self._meeting)):
            while not task.done():  # Python 3.11 loses a cancellation that meets the end of what is waited for
                task.cancel()
                await asyncio.wait([task], timeout=self._patience.retry)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience.stop):
                if not self.client.is_closed():
                    await self.client.close()
        await self._webhooks.close()

    async def check(self) -> str:
        """Ask Discord whose token it is, by a connection of its own. See Channel."""
        if self._token is None:
            return "Discord is reached by webhooks alone, which are tried with the first alert"
        probe = Client(intents=Intents.none(), proxy=self._config.proxy)
        try:
            async with asyncio.timeout(self._patience.login):
                await probe.login(self._token.get_secret_value())
        except RAISED as error:
            raise failure(error) from None
        finally:
            await probe.close()
        if self._posting.refused:
            self._posting.refused, self._posting.closed = "", NOT_YET
            self._running = asyncio.create_task(self._come_back())
        where = f"{_INVITATION}?client_id={probe.application_id}&scope=bot+applications.commands&permissions={INVITE}"
        return (
            f"{self._called} accepts the token of {probe.user}, which needs {self._intents()} and is invited by {where}"
        )

    def _intents(self) -> str:
        """Name the privileged intents that have to be switched on for the bot, in words."""
        wanted = [name.replace("_", " ") for name, on in self.client.intents & _PRIVILEGED if on]
        return f"the intents {wording.listing(wanted)}" if wanted else "no privileged intent"

    async def private_chat(self, person: str) -> str | None:
        """Ask for the direct chat of a person, which has an id of its own. See ReachesPeople."""
        if self._posting.closed or not person.isdecimal():
            return None
        try:
            async with self._posting.translated():
                return str((await self.client.create_dm(discord.Object(int(person)))).id)
        except SendFailed as failed:
            self._log.warning("a direct chat could not be opened", reason=failed.reason)
            return None

    async def _log_in(self) -> None:
        assert self._token  # noqa: S101 - not called without one
        async with asyncio.timeout(self._patience.login):
            await self.client.login(self._token.get_secret_value())

    async def _reopen(self) -> None:
        """Close the half-open connection of a login that failed, so that there can be another."""
        await self.client.http.close()
        self.client.http.clear()
        self.client.http.connector = discord.utils.MISSING

    async def _run(self) -> None:
        """Stay logged in and connected: the library connects anew by itself, but gives up on some of its errors."""
        pause = self._patience.retry
        while True:
            try:
                if self._posting.closed:
                    await self._log_in()
                    self._log.info("Discord is reached again")
                await self.client.connect()
            except LoginFailure as error:
                self._refused(failure(error).reason)
                return
            except discord.ConnectionClosed as closed:
                self._refused(f"Discord has closed the connection for good ({closed.code})")
                return
            except Exception as error:  # noqa: BLE001 - the library has trouble of its own where none connects at first
                self._log.warning("the gateway is not reached, trying on", reason=type(error).__name__)
                if self._posting.closed:
                    await self._reopen()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 60.0)

    async def _come_back(self) -> None:
        """Connect again after the token was refused for good: by somebody's mistake, it seems, since it is accepted."""
        await self._reopen()
        self.client.clear()
        self._log.info("the token is accepted again, commands are read")
        async with self.client:  # which is how the library is given a loop again
            await self._run()

    def _refused(self, reason: str) -> None:
        self._posting.refused = reason
        self._log.error("commands are not read any more", reason=reason)

    async def logged_in(self) -> None:
        """Tell Discord of the commands, unless it was told of the same before."""
        self._posting.closed = ""
        self._meeting = asyncio.create_task(self._meet())
        told = payload(self._listed.values())
        known = f"{self.client.application_id} {digest(told)}"
        if await self._recalled(_LISTED) == known:
            return
        try:
            assert self.client.application_id  # noqa: S101 - logged in
            await self.client.http.bulk_upsert_global_commands(self.client.application_id, told)
        except RAISED as error:  # commands of before work on; the next start tries again
            self._log.warning("the commands were not told to Discord", reason=failure(error).reason)
            return
        await self._remember(_LISTED, known)

    async def _meet(self) -> None:
        """Ask whose direct chats are those that were stored before that was kept: a chat has another id than a person.

        Beside everything else, and slowly: there may be thousands, and what is asked counts against the 50 requests a
        second of the whole bot, which messages need.
        """
        try:
            for chat in await self._outside.unmet():
                await asyncio.sleep(self._patience.meeting)
                try:
                    found = await self.client.fetch_channel(int(chat))
                except RAISED as error:
                    self._log.info("whose a direct chat is cannot be known", chat=chat, reason=failure(error).reason)
                    continue
                if isinstance(found, discord.DMChannel) and found.recipient:
                    await self._outside.met(chat, str(found.recipient.id))
        except StoreError as error:
            self._log.warning("whose direct chats are is asked at the next start", reason=str(error))

    async def _subscribe_webhooks(self, answer: Answerer) -> None:
        """Have each webhook told what the configuration says, and no webhook that is not in it any more."""
        for name, hook in self._config.webhooks.items():
            wanted = digest([{"words": hook.subscribe, "where": self._config.addresses()[name].get_secret_value()}])
            if await self._recalled(f"{PREFIX}{name}") == wanted:
                continue
            asker = Asker(self.platform, Address(f"{PREFIX}{name}", kind="channel"), title=name, owner=True)
            for line in ("/unsub", f"/sub {hook.subscribe}".strip()):
                answered = await answer(line, asker)
            said = plain_text(answered.blocks)
            if answered.refused:
                self._log.warning(
                    "a webhook is told nothing: its line is not understood", name=name, line=line, said=said
                )
                continue
            self._log.info("a webhook is told as the configuration says", name=name, said=said)
            await self._remember(f"{PREFIX}{name}", wanted)

    async def _recalled(self, name: str) -> str | None:
        """Return what is remembered; None where the database cannot be read, so that it is done once more."""
        try:
            return await self._outside.recall(name)
        except StoreError as error:
            self._log.warning("what was done before is not known", reason=str(error))
            return None

    async def _remember(self, name: str, value: str) -> None:
        try:
            await self._outside.remember(name, value)
        except StoreError as error:
            self._log.warning("it is done again at the next start", reason=str(error))

    # -- messages out -----------------------------------------------------------------------------------------------

    async def send(self, to: Address, message: Outgoing) -> str:
        """Send and return the message id. See Channel."""
        if to.chat.startswith(PREFIX):
            return await self._webhooks.send(to.chat, message)
        return await self._posting.send(to, message)

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:
        """Replace the text, buttons and picture of a message sent earlier. See Channel."""
        if to.chat.startswith(PREFIX):
            await self._webhooks.edit(to.chat, message_id, message)
        else:
            await self._posting.edit(to, message_id, message)

    async def working(self, to: Address) -> None:
        """Show "typing ..." for some seconds, or until the message is there. See Channel."""
        if not to.chat.startswith(PREFIX):
            await self._posting.working(to)

    # -- the gateway ------------------------------------------------------------------------------------------------

    async def hear(self, *, on: bool) -> None:
        """Answer what people do, or leave it to another process, which hears the same of Discord. See Hears."""
        self._hears = on

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Take what somebody did."""
        if self._hears:
            await self._interactions.take(interaction)

    async def on_written(self, message: discord.Message) -> None:
        """Take what somebody wrote, or changed, if it is said to the bot."""
        me = self.client.user
        if self._hears and me and (written := heard(message, me)):
            await self._talk.take(written)

    def on_flood(self, seconds: float) -> None:
        """Note that the whole bot is to wait."""
        self._posting.floods_until = asyncio.get_running_loop().time() + seconds

    async def on_gone(self, chats: Iterable[int], reason: str) -> None:
        """Say that chats are closed to us."""
        for chat in chats:
            await self._outside.gone(str(chat), reason)


class _Client(Client):
    """What comes by the gateway: servers, their channels, what people do, and what they write.

    What other people say to each other is not asked for: of their messages come the numbers alone. No members are kept.
    """

    def __init__(self, place: Discord, proxy: str | None, guilds: float) -> None:
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody wants to hear of voice
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._asked)
        super().__init__(
            intents=Intents(guilds=True, messages=True),
            proxy=proxy,
            http_trace=trace,
            max_messages=None,
            max_ratelimit_timeout=30.0,
            allowed_mentions=AllowedMentions.none(),
            member_cache_flags=MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=guilds,
            enable_debug_events=False,
        )
        self._place = place
        self._gateway: aiohttp.ClientWebSocketResponse | None = None
        self._open_gateway, self.http.ws_connect = self.http.ws_connect, self._connected  # type: ignore[method-assign]

    async def close(self) -> None:
        """Close every connection, one that broke off too."""
        try:
            await super().close()
        finally:
            self._let_go()

    async def _connected(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        """Connect to the gateway, and let go of the connection that was before."""
        self._let_go()
        self._gateway = await self._open_gateway(url, compress=compress)
        return self._gateway

    def _let_go(self) -> None:
        """Release a connection to the gateway that is over.

        One that broke off, or on which nobody said hello, the libraries only forget: it is held until it is collected
        as garbage, and then named in the log as an error.
        """
        if self._gateway is not None:
            self._gateway._response.close()  # noqa: SLF001 - close() does nothing where it is called closed
            self._gateway = None

    async def _asked(self, _: object, __: object, asked: aiohttp.TraceRequestEndParams) -> None:
        """Say in the debug log what was asked: the address without its tokens; and note a pause of the whole bot.

        Of a long pause the library raises how long it is, and not whether it is one route's or the bot's.
        """
        said = "/".join(part if len(part) < _LONGEST_SAID else "…" for part in asked.url.path.split("/"))
        log.debug("asked", who="Discord", method=asked.method, path=said, status=asked.response.status)
        if asked.response.status == HTTPStatus.TOO_MANY_REQUESTS and asks_everybody(asked.response.headers):
            self._place.on_flood(pause_of(asked.response.headers))

    async def setup_hook(self) -> None:
        await self._place.logged_in()

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        await self._place.on_interaction(interaction)

    async def on_message(self, message: discord.Message) -> None:
        await self._place.on_written(message)

    async def on_raw_message_edit(self, change: discord.RawMessageUpdateEvent) -> None:
        if change.message.edited_at:  # else it was pinned, or the preview of a link came
            await self._place.on_written(change.message)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        chats = (*(channel.id for channel in guild.channels), *(thread.id for thread in guild.threads))
        await self._place.on_gone(chats, "removed from the server")

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        threads: Any = getattr(channel, "threads", ())
        await self._place.on_gone((channel.id, *(thread.id for thread in threads)), "the channel is deleted")

    async def on_raw_thread_delete(self, thread: discord.RawThreadDeleteEvent) -> None:
        await self._place.on_gone((thread.thread_id,), "the thread is deleted")
