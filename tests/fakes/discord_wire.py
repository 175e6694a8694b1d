"""Discord on loopback, at the wire: REST, gateway and webhooks, with what Discord refuses and what goes wrong.

For what SimCord leaves out: buckets, 429, lost answers, the nonce, reconnects, webhooks. Tests count `messages`, what
the channels show, and never the bot's own log. `problems` must be empty at the end of a test.
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import itertools
import json
import math
import os
import signal
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import WSMsgType, web

from tests.fakes.served import Served

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe." + "x" * 38
BOT, APP, GUILD, CHANNEL, NEWS, HOOK = 100, 101, 200, 300, 301, 500
OWNER = 400_000_000_000_000_123  # as long as those of Discord: a short one stands in a database by chance
HOOK_TOKEN = "hook-" + "y" * 60
VIEW, SEND, EMBED, ATTACH, HISTORY, THREADS = 1 << 10, 1 << 11, 1 << 14, 1 << 15, 1 << 16, 1 << 38
MANAGE = 1 << 4  # channels
ALL = VIEW | SEND | EMBED | ATTACH | HISTORY | THREADS
_TEXTS = {"title": 256, "description": 4096}
PER_SECOND = 50  # requests of one bot

Phase = Literal["before", "after", "answered"]
Trouble = Literal["lost", "unreached", "status", "flood", "banned", "delay"]


@dataclass
class Shown:
    """A message as a channel shows it.

    edits: what it was before. published: for announcement channels. bot: its author.
    """

    id: int
    channel: int
    payload: dict[str, Any]
    files: list[str] = field(default_factory=list)
    edits: list[dict[str, Any]] = field(default_factory=list)
    published: bool = False
    bot: int = BOT

    @property
    def embed(self) -> dict[str, Any]:
        return (self.payload.get("embeds") or [{}])[0]

    @property
    def text(self) -> str:
        parts = (self.payload.get("content"), self.embed.get("title"), self.embed.get("description"))
        return "\n".join(part for part in parts if part)


@dataclass
class Disturbance:
    """What goes wrong with the next `times` requests that match a method and a path."""

    kind: Trouble
    where: str
    times: float
    status: int
    code: int
    seconds: float
    everywhere: bool
    said: str


class Refusal(Exception):  # noqa: N818 - an answer here, not an error of ours
    """A request is refused with a status and Discord's code."""

    def __init__(self, status: int, code: int, said: str, **more: Any) -> None:
        super().__init__(said)
        self.status, self.body, self.headers = status, {"code": code, "message": said, **more}, {"Via": "1.1 google"}


class DiscordWire(Served):
    """The server. Use `async with DiscordWire() as fake`; a channel takes `fake.base_url` for its base_url.

    tokens: of the bots that are in the same server; the first is BOT, the next one BOT + 10.
    """

    def __init__(self, *tokens: str) -> None:
        self.bots = {token: BOT + 10 * place for place, token in enumerate(tokens or (TOKEN,))}
        self.refused: set[int] = set()  # bots whose token alone is refused
        self.messages: list[Shown] = []
        self.requests: list[tuple[str, str, dict[str, Any]]] = []  # method, path below the version, payload
        self.commands: list[list[dict[str, Any]]] = []  # what was synced, each time
        self.answers: dict[str, dict[str, Any]] = {}  # by the token of the interaction
        self.problems: list[str] = []
        self.permissions = ALL
        self.revoked = False
        self.resumable = True
        self.heartbeat_ms = 40_000
        self.sessions: list[str] = []  # "identify", "resume", as they came
        self._nonces: dict[tuple[int, str], Shown] = {}
        self._disturbances: list[Disturbance] = []
        self._ids = itertools.count(1_000)
        self._sockets: list[tuple[int, web.WebSocketResponse]] = []  # by the bot
        self._sequence = itertools.count(1)
        self.refuses_gateway = False
        self.channels = {CHANNEL, NEWS, HOOK, OWNER + 1}
        self.clock: Callable[[], float] | None = None  # of the limit of requests a second; without one there is none
        self.speed = 1.0  # one factor for that limit
        self.posts = 0
        self._times: deque[float] = deque()
        self._kills: dict[int, tuple[int, Phase]] = {}

    @property
    def hook_url(self) -> str:
        return f"{self.base_url}/api/webhooks/{HOOK}/{HOOK_TOKEN}"

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/gateway", self._gateway),
            web.get("/gateway/", self._gateway),
            web.route("*", "/api/v10/{path:.*}", self._rest),
            web.route("*", "/api/{path:webhooks/.*}", self._rest),
        ]

    async def stop(self) -> None:
        await self.drop()
        await super().stop()

    # -- what a test does -------------------------------------------------------------------------------------------

    def disturb(
        self,
        kind: Trouble,
        where: str = "POST channels/*/messages",
        *,
        times: float = 1,
        status: int = 503,
        code: int = 0,
        seconds: float = 0.05,
        everywhere: bool = False,
        said: str = "a trouble",
    ) -> None:
        """Have something go wrong with the next requests that match."""
        self._disturbances.append(Disturbance(kind, where, times, status, code, seconds, everywhere, said))

    def kill_at(self, n: int, pid: int, phase: Phase) -> None:
        """SIGKILL a process at the n-th post from the start: before or after accepting, or after answering."""
        self._kills[n] = (pid, phase)

    def _kill(self, number: int, phase: Phase) -> bool:
        pid, when = self._kills.get(number, (0, None))
        if when != phase:
            return False
        del self._kills[number]
        os.kill(pid, signal.SIGKILL)
        return True

    def forget_nonces(self) -> None:
        """Let the minutes pass in which a repeat is dropped."""
        self._nonces.clear()

    async def drop(self, code: int = 4000) -> None:
        """Close every connection to the gateway."""
        sockets, self._sockets = self._sockets, []
        for _, socket in sockets:
            with contextlib.suppress(ConnectionError):
                await socket.close(code=code)

    async def emit(self, event: str, data: dict[str, Any], bot: int | None = None) -> None:
        """Send an event to whoever is connected, or to one bot alone."""
        for socket in [socket for who, socket in self._sockets if bot in (None, who)]:
            with contextlib.suppress(ConnectionError):  # of a program that has ended
                await socket.send_str(_dumps({"op": 0, "t": event, "s": next(self._sequence), "d": data}))

    async def interact(
        self,
        kind: int,
        data: dict[str, Any],
        *,
        token: str = "t" * 40,
        channel: int = CHANNEL,
        rights: int = ALL | MANAGE,
        user: int = OWNER,
        bot: int = BOT,
    ) -> None:
        """Have a member of the server, with such rights there, type or press something."""
        await self.emit(
            "INTERACTION_CREATE",
            {
                "id": str(next(self._ids)), "application_id": str(bot + 1), "type": kind, "data": data, "token": token,
                "version": 1, "guild_id": str(GUILD), "channel_id": str(channel), "context": 0,
                "channel": {"id": str(channel), "type": 0, "name": "alerts", "guild_id": str(GUILD)},
                "member": _member(_user(user), permissions=str(rights)),
                "app_permissions": str(self.permissions),
                "attachment_size_limit": 10_000_000, "locale": "en-US", "entitlements": [],
                "authorizing_integration_owners": {"0": str(GUILD)},
            },
            bot,
        )  # fmt: skip

    async def until(self, met: Any, seconds: float = 5.0) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(seconds):
            while not met():  # noqa: ASYNC110 - many things may be waited for
                await asyncio.sleep(0.005)

    def counted(self, where: str) -> int:
        """Return how many requests matched."""
        return sum(fnmatch.fnmatch(f"{method} {path}", where) for method, path, _ in self.requests)

    # -- REST -------------------------------------------------------------------------------------------------------

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        payload, files = await _read(request)
        self.requests.append((request.method, path, payload))
        trouble = self._trouble(f"{request.method} {path}")
        number = 0
        if fnmatch.fnmatch(f"{request.method} {path}", "POST channels/*/messages"):
            self.posts += 1
            number = self.posts
        if self._kill(number, "before"):
            return _broken(request)
        try:
            if trouble and trouble.kind == "unreached":
                return _broken(request)
            if trouble and trouble.kind in ("status", "flood", "banned"):
                return _troubled(trouble)
            if trouble and trouble.kind == "delay":
                await asyncio.sleep(trouble.seconds)
            bot = self._bot_of(request, path)
            if not path.startswith(("interactions/", "webhooks/")):  # which have no part in the bot's own limit
                self._limit()
            status, body = self._perform(bot, request.method, path, payload, files)
        except Refusal as refused:
            return _json(refused.status, refused.body, refused.headers)
        if self._kill(number, "after") or (trouble and trouble.kind == "lost"):
            return _broken(request)
        response = _json(status, body)
        if number in self._kills:
            await response.prepare(request)
            await response.write_eof()
            self._kill(number, "answered")
        return response

    def _limit(self) -> None:
        if self.clock is None:
            return
        now = self.clock()
        while self._times and self._times[0] <= now - 1 / self.speed:
            self._times.popleft()
        if len(self._times) >= PER_SECOND:
            wait = self._times[0] + 1 / self.speed - now
            raise Refusal(429, 0, "You are being rate limited.", retry_after=wait, **{"global": True})
        self._times.append(now)

    def _trouble(self, asked: str) -> Disturbance | None:
        for one in self._disturbances:
            if one.times > 0 and fnmatch.fnmatch(asked, one.where):
                one.times -= 1
                return one
        return None

    def _bot_of(self, request: web.Request, path: str) -> int:
        if path.startswith(("webhooks/", "interactions/")):
            return BOT
        bot = self._known(request.headers.get("Authorization", "").removeprefix("Bot "))
        if bot is None:
            raise Refusal(401, 0, "401: Unauthorized")
        return bot

    def _known(self, token: str) -> int | None:
        bot = self.bots.get(token)
        return None if self.revoked or bot in self.refused else bot

    def _perform(  # noqa: C901, PLR0911, PLR0912 - a row per route
        self, bot: int, method: str, path: str, payload: dict[str, Any], files: list[str]
    ) -> tuple[int, Any]:
        match (method, *path.split("/")):
            case ("GET", "users", "@me"):
                return 200, _user(bot, bot=True)
            case ("GET", "oauth2", "applications", "@me"):
                return 200, _application(bot + 1)
            case ("PUT", "applications", _, "commands"):
                self.commands.append(payload)  # type: ignore[arg-type]  # a list here
                return 200, [one | {"id": "1", "application_id": str(bot + 1), "version": "1"} for one in payload]
            case ("POST", "users", "@me", "channels"):
                recipient = int(payload["recipient_id"])
                direct = {"id": str(recipient + 1), "type": 1, "recipients": [_user(recipient)]}
                return 200, direct
            case ("GET", "channels", channel):
                if int(channel) not in self.channels:
                    raise Refusal(404, 10003, "Unknown Channel")
                return 200, {"id": channel, "type": 1, "recipients": [_user(int(channel) - 1)]}
            case ("POST", "channels", channel, "messages"):
                return 200, self._post(bot, int(channel), payload, files)
            case ("PATCH", "channels", channel, "messages", number):
                return 200, self._change(int(channel), int(number), payload, files)
            case ("POST", "channels", channel, "messages", number, "crosspost"):
                self._find(int(channel), int(number)).published = True
                return 200, _message(self._find(int(channel), int(number)))
            case ("POST", "channels", _, "typing"):
                return 204, None
            case ("POST", "interactions", _, token, "callback"):
                self.answers[token] = payload
                return 200, {"interaction": {"id": "1", "type": 2}, "resource": {"type": payload["type"]}}
            case ("PATCH", "webhooks", _, token, "messages", "@original"):
                self.answers[token] = _checked(payload)
                return 200, _message(Shown(next(self._ids), CHANNEL, payload, files))
            case ("DELETE", "webhooks", _, token, "messages", "@original"):
                self.answers.pop(token, None)
                return 204, None
            case ("POST", "webhooks", hook, token) if (int(hook), token) == (HOOK, HOOK_TOKEN):
                return 200, self._post(bot, HOOK, payload, files)
            case ("PATCH", "webhooks", hook, token, "messages", number) if (int(hook), token) == (HOOK, HOOK_TOKEN):
                return 200, self._change(HOOK, int(number), payload, files)
            case ("POST" | "PATCH", "webhooks", *_):
                raise Refusal(404, 10015, "Unknown Webhook")
        self.problems.append(f"nothing is known of {method} {path}")
        raise Refusal(404, 0, "404: Not Found")

    def _post(self, bot: int, channel: int, payload: dict[str, Any], files: list[str]) -> dict[str, Any]:
        if channel == CHANNEL and not self.permissions & SEND:
            raise Refusal(403, 50013, "Missing Permissions")
        if channel not in self.channels:
            raise Refusal(404, 10003, "Unknown Channel")
        nonce = payload.get("nonce")
        if nonce and len(str(nonce)) > 25:
            raise Refusal(400, 50035, "Invalid Form Body")
        if nonce and payload.get("enforce_nonce") and (bot, str(nonce)) in self._nonces:
            return _message(self._nonces[bot, str(nonce)])
        shown = Shown(next(self._ids), channel, _checked(payload), files, bot=bot)
        self.messages.append(shown)
        if nonce:
            self._nonces[bot, str(nonce)] = shown
        return _message(shown)

    def _change(self, channel: int, number: int, payload: dict[str, Any], files: list[str]) -> dict[str, Any]:
        shown = self._find(channel, number)
        shown.edits.append(shown.payload)
        shown.payload = shown.payload | _checked(payload)
        shown.files = files or shown.files
        return _message(shown)

    def _find(self, channel: int, number: int) -> Shown:
        for shown in self.messages:
            if (shown.channel, shown.id) == (channel, number):
                return shown
        raise Refusal(404, 10008, "Unknown Message")

    # -- the gateway ------------------------------------------------------------------------------------------------

    async def _gateway(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_gateway:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(_dumps({"op": 10, "d": {"heartbeat_interval": self.heartbeat_ms}}))
        async for frame in socket:
            if frame.type != WSMsgType.TEXT:
                break
            said = json.loads(frame.data)
            match said["op"]:
                case 1:
                    await socket.send_str(_dumps({"op": 11}))
                case 2:
                    self.sessions.append("identify")
                    bot = self._known(said["d"]["token"])
                    if bot is None:
                        await socket.close(code=4004)
                        break
                    self._sockets.append((bot, socket))
                    await self._ready(bot, socket)
                case 6:
                    self.sessions.append("resume")
                    if not self.resumable:
                        await socket.send_str(_dumps({"op": 9, "d": False}))
                        continue
                    self._sockets.append((self.bots[said["d"]["token"]], socket))
                    await socket.send_str(_dumps({"op": 0, "t": "RESUMED", "s": next(self._sequence), "d": {}}))
        return socket

    async def _ready(self, bot: int, socket: web.WebSocketResponse) -> None:
        events = {
            "READY": {
                "v": 10, "user": _user(bot, bot=True), "guilds": [{"id": str(GUILD), "unavailable": True}],
                "session_id": "session", "resume_gateway_url": f"ws://127.0.0.1:{self.port}/gateway",
                "application": {"id": str(bot + 1), "flags": 0},
            },
            "GUILD_CREATE": self._guild(bot),
        }  # fmt: skip
        for name, data in events.items():
            await socket.send_str(_dumps({"op": 0, "t": name, "s": next(self._sequence), "d": data}))

    def _guild(self, bot: int) -> dict[str, Any]:
        channels = [
            {"id": str(number), "type": kind, "name": name, "position": 0, "permission_overwrites": []}
            for number, kind, name in ((CHANNEL, 0, "alerts"), (NEWS, 5, "news"))
        ]
        everyone = {"id": str(GUILD), "name": "@everyone", "permissions": str(self.permissions), "position": 0}
        role = everyone | {"color": 0, "hoist": False, "managed": False, "mentionable": False}
        return {
            "id": str(GUILD), "name": "Desk", "owner_id": str(OWNER), "roles": [role], "channels": channels,
            "members": [_member(_user(bot, bot=True))], "emojis": [], "stickers": [], "features": [], "threads": [],
            "voice_states": [], "presences": [], "stage_instances": [], "guild_scheduled_events": [],
            "soundboard_sounds": [], "member_count": 2, "verification_level": 0, "default_message_notifications": 0,
            "explicit_content_filter": 0, "mfa_level": 0, "nsfw_level": 0, "premium_tier": 0, "system_channel_flags": 0,
            "preferred_locale": "en-US", "afk_timeout": 300, "premium_progress_bar_enabled": False,
        }  # fmt: skip


def _dumps(data: Any) -> str:
    return json.dumps(data)


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    if status == 204:  # no content, and so no type of one
        return web.Response(status=status, headers=headers)
    # Exactly this type: a charset behind it, which aiohttp adds, makes discord.py take the answer for text.
    return web.Response(
        status=status, body=_dumps(body).encode(), headers={"Content-Type": "application/json", **(headers or {})}
    )


def _broken(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response()


def _troubled(trouble: Disturbance) -> web.Response:
    if trouble.kind == "status":
        return _json(trouble.status, {"code": trouble.code, "message": trouble.said}, {"Via": "1.1 google"})
    if trouble.kind == "banned":
        return web.Response(status=429, text="<html>You are being rate limited", headers={"Retry-After": "900"})
    body = {"message": "You are being rate limited.", "retry_after": trouble.seconds, "global": trouble.everywhere}
    headers = {"Via": "1.1 google", "Retry-After": str(math.ceil(trouble.seconds))}
    return _json(429, body, headers | ({"X-RateLimit-Global": "true"} if trouble.everywhere else {}))


async def _read(request: web.Request) -> tuple[Any, list[str]]:
    if request.content_type != "multipart/form-data":
        text = await request.text()
        return (json.loads(text) if text else {}), []
    payload, files = {}, []
    async for part in await request.multipart():
        if part.name == "payload_json":  # type: ignore[union-attr]
            payload = json.loads(await part.text())  # type: ignore[union-attr]
        else:
            files.append(str(part.filename))  # type: ignore[union-attr]
            await part.read()  # type: ignore[union-attr]
    return payload, files


def _checked(payload: dict[str, Any]) -> dict[str, Any]:
    """Refuse what Discord refuses for its length."""
    total = 0
    if len(payload.get("content") or "") > 2000:
        raise Refusal(400, 50035, "Invalid Form Body", errors={"content": "BASE_TYPE_MAX_LENGTH"})
    for embed in payload.get("embeds") or ():
        texts = {name: embed.get(name) or "" for name in _TEXTS} | {
            "footer": (embed.get("footer") or {}).get("text", "")
        }
        total += sum(map(len, texts.values()))
        if any(len(texts[name]) > most for name, most in (_TEXTS | {"footer": 2048}).items()) or total > 6000:
            raise Refusal(400, 50035, "Invalid Form Body", errors={"embeds": "MAX_EMBED_SIZE_EXCEEDED"})
    if not (payload.get("content") or payload.get("embeds") or payload.get("attachments") or "flags" in payload):
        raise Refusal(400, 50006, "Cannot send an empty message")
    ids = [button["custom_id"] for row in payload.get("components") or () for button in row["components"]]
    if len(set(ids)) < len(ids) or any(len(one) > 100 for one in ids):
        raise Refusal(400, 50035, "Invalid Form Body", errors={"components": "COMPONENT_CUSTOM_ID_DUPLICATED"})
    return payload


def _user(number: int, *, bot: bool = False) -> dict[str, Any]:
    return {"id": str(number), "username": f"user{number}", "discriminator": "0", "avatar": None, "bot": bot}


def _member(user: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "user": user,
        "roles": [],
        "joined_at": "2026-01-01T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
    } | more


def _application(number: int) -> dict[str, Any]:
    return {
        "id": str(number), "name": "perpulse", "icon": None, "description": "", "bot_public": True, "flags": 0,
        "bot_require_code_grant": False, "verify_key": "k", "owner": _user(OWNER), "team": None, "rpc_origins": [],
    }  # fmt: skip


def _message(shown: Shown) -> dict[str, Any]:
    return {
        "id": str(shown.id), "channel_id": str(shown.channel), "author": _user(shown.bot, bot=True), "type": 0,
        "content": shown.payload.get("content") or "", "embeds": shown.payload.get("embeds") or [],
        "timestamp": "2026-01-15T12:00:00+00:00", "edited_timestamp": None, "tts": False, "mention_everyone": False,
        "mentions": [], "mention_roles": [], "attachments": [], "pinned": False, "components": [],
    }  # fmt: skip
