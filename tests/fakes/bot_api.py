"""A Bot API on loopback that refuses what Telegram refuses, for the real python-telegram-bot to talk to.

It works at the wire: form-urlencoded or multipart in, JSON out. What a request may hold comes from aiogram's method
models, lengths from telegram.constants, so that neither is our own reading of the manual. Tests count `accepted`, the
messages as the chats show them, and never the bot's own log. `problems` must be empty at the end of a test.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import math
import os
import re
import signal
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from aiohttp import web
from pydantic import ValidationError
from telegram.constants import (
    BotCommandLimit,
    CallbackQueryLimit,
    FileSizeLimit,
    FloodLimit,
    InlineKeyboardButtonLimit,
    InlineQueryLimit,
    InlineQueryResultLimit,
    MessageLimit,
)

from tests.fakes.served import Served
from tests.fakes.telegram_chats import Chat, Chats, Sent, person
from tests.fakes.telegram_markup import Unreadable, parse, stored, utf16
from tests.fakes.telegram_models import method_model, type_model

TOKEN = "100000001:MARKER-no-real-token-0123456789abcdef"
SENDING = ("sendMessage", "sendPhoto", "sendDocument")
_IMAGE = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")

Phase = Literal["before", "after", "answered"]
Trouble = Literal["lost", "delay", "status", "html", "flood"]


@dataclass
class Disturbance:
    """What goes wrong with the next `times` requests of a method (to a chat)."""

    kind: Trouble
    method: str
    times: float
    chat: int | None
    status: int
    seconds: float | None
    text: str


class Refusal(Exception):  # noqa: N818 - a refusal is an answer here, not an error of ours
    """A request is refused with a status and Telegram's sentence."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.body = {"ok": False, "error_code": status, "description": description}
        if parameters:
            self.body["parameters"] = parameters
        self.status = status


class BotApi(Served, Chats):
    """The server. speed: one factor for all three limits (inf: none). Use `async with BotApi() as fake`."""

    forgets_who_left: ClassVar[bool] = False  # a message is sent, whether or not the answer can be told

    def __init__(self, token: str = TOKEN, *, username: str = "perpulse_bot", speed: float = math.inf) -> None:
        self.token, self.speed = token, speed
        number = int(token.split(":", maxsplit=1)[0])
        super().__init__({"id": number, "is_bot": True, "first_name": "perpulse", "username": username})
        self.menus: dict[str, list[dict[str, str]]] = {}  # scope type -> commands
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.problems: list[str] = []
        self.typing: list[tuple[int, str]] = []  # chat, action
        self.revoked = False
        self.clock = time.monotonic  # of the limits; a test may move its own
        self._disturbances: list[Disturbance] = []
        self._kills: dict[int, tuple[int, Phase]] = {}
        self._sends = 0
        for performed in dir(self):
            if performed.startswith("_do_"):  # made ready here, where nobody waits for an answer
                method_model(re.sub(r"_(\w)", lambda found: found[1].upper(), performed.removeprefix("_do_")))
        self._poller = 0
        self._times: defaultdict[Any, deque[float]] = defaultdict(deque)

    # -- the server -----------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        return f"{super().base_url}/bot"

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/bot{token}/{method}", self._answer)]

    async def stop(self) -> None:
        self._poller += 1
        self.news.set()
        await super().stop()

    def counts(self) -> Counter[str]:
        """Return how often each method was asked."""
        return Counter(method for method, _ in self.requests)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        number = 0
        if method in SENDING:
            self._sends += 1
            number = self._sends
        try:
            params, files = await self._read(request)
            self.requests.append((method, params))
            if self._kill(number, "before"):
                return _broken(request)
            trouble = self._trouble(method, params)
            if trouble and trouble.kind in ("status", "flood"):
                raise _refusal_of(trouble)
            self._check_token(request.match_info["token"])
            body, status = {"ok": True, "result": await self._perform(method, params, files)}, 200
        except Refusal as refusal:
            body, status, trouble = refusal.body, refusal.status, None
        if self._kill(number, "after") or (trouble and trouble.kind == "lost"):
            return _broken(request)
        if trouble and trouble.kind == "delay":
            await asyncio.sleep(trouble.seconds or 0)
        if trouble and trouble.kind == "html":
            return web.Response(text="<html>maintenance</html>", status=trouble.status, content_type="text/html")
        response = web.json_response(body, status=status)
        if number in self._kills:
            await response.prepare(request)
            await response.write_eof()
            self._kill(number, "answered")
        return response

    async def _read(self, request: web.Request) -> tuple[dict[str, Any], dict[str, bytes]]:
        params: dict[str, Any] = {}
        files: dict[str, bytes] = {}
        for key, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                files[key] = value.file.read()
                value.file.close()
            else:
                params[key] = _decoded(method_model(request.match_info["method"]), key, str(value))
        return params, files

    def _check_token(self, token: str) -> None:
        if not re.fullmatch(r"\d+:[\w-]{30,}", token):
            raise Refusal(404, "Not Found")
        if token != self.token or self.revoked:
            raise Refusal(401, "Unauthorized")

    async def _perform(self, method: str, params: dict[str, Any], files: dict[str, bytes]) -> Any:
        perform = getattr(self, "_do_" + re.sub(r"(?=[A-Z])", "_", method).lower(), None)
        model = method_model(method)
        if perform is None or model is None:
            self.problems.append(f"{method} is not implemented")
            raise Refusal(404, "Not Found")
        everything = {**params, **{key: f"attach://{key}" for key in files}}
        if unknown := everything.keys() - model.model_fields.keys():
            self.problems.append(f"{method} has no field {sorted(unknown)}")
            raise Refusal(400, f"Bad Request: unknown field {sorted(unknown)}")
        try:
            model.model_validate(everything)
        except ValidationError as error:
            self.problems.append(f"{method}: {error}")
            raise Refusal(400, f"Bad Request: {error}") from None
        return await perform(params, files) if inspect.iscoroutinefunction(perform) else perform(params, files)

    # -- what goes wrong ------------------------------------------------------------------------------------------

    def disturb(
        self,
        kind: Trouble,
        *,
        method: str = "sendMessage",
        times: float = 1,
        chat: int | None = None,
        status: int = 200,
        seconds: float | None = None,
        text: str = "Internal Server Error",
    ) -> None:
        """Let the next requests go wrong.

        lost: accepted, then the connection breaks. delay: accepted, answered after `seconds`. status: refused with
        `status` and `text`. html: accepted, answered by a page with `status`. flood: 429, retry after `seconds`
        (None: without parameters, as Telegram sometimes does; then the seconds stand in `text` alone).
        """
        self._disturbances.append(Disturbance(kind, method, times, chat, status, seconds, text))

    def kill_at(self, n: int, pid: int, phase: Phase) -> None:
        """SIGKILL a process at the n-th send from the start: before or after accepting, or after answering."""
        self._kills[n] = (pid, phase)

    def _kill(self, number: int, phase: Phase) -> bool:
        pid, when = self._kills.get(number, (0, None))
        if when != phase:
            return False
        del self._kills[number]
        os.kill(pid, signal.SIGKILL)
        return True

    def _trouble(self, method: str, params: dict[str, Any]) -> Disturbance | None:
        for disturbance in self._disturbances:
            if (
                disturbance.times > 0
                and disturbance.method == method
                and disturbance.chat in (None, params.get("chat_id"))
            ):
                disturbance.times -= 1
                return disturbance
        return None

    def _limit(self, chat: Chat) -> None:
        now = self.clock()
        windows = [
            ("token", FloodLimit.MESSAGES_PER_SECOND, 1 / self.speed),
            (chat.id, FloodLimit.MESSAGES_PER_SECOND_PER_CHAT, 1 / self.speed),
        ]
        if chat.kind in ("group", "supergroup"):
            windows.append((("minute", chat.id), FloodLimit.MESSAGES_PER_MINUTE_PER_GROUP, 60 / self.speed))
        for key, most, seconds in windows:
            times = self._times[key]
            while times and times[0] <= now - seconds:
                times.popleft()
            if len(times) >= most:
                # In whole seconds, scaled.
                wait = math.ceil(round((times[0] + seconds - now) * self.speed, 6)) / self.speed
                raise Refusal(429, f"Too Many Requests: retry after {wait:g}", retry_after=wait)
        for key, _, _ in windows:
            self._times[key].append(now)

    # -- the methods ----------------------------------------------------------------------------------------------

    def _do_get_me(self, *_: Any) -> dict[str, Any]:
        return self.me

    def _do_delete_webhook(self, *_: Any) -> bool:
        return True

    async def _do_get_updates(self, params: dict[str, Any], _: Any) -> list[dict[str, Any]]:
        self._poller += 1  # a newer poll ends an older one
        mine, self.updates = self._poller, [u for u in self.updates if u["update_id"] >= params.get("offset", 0)]
        old, self.news = self.news, asyncio.Event()
        old.set()
        wanted = params.get("allowed_updates")
        loop = asyncio.get_running_loop()
        end = loop.time() + params.get("timeout", 0)
        while True:
            if mine != self._poller:
                raise Refusal(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                )
            found = [update for update in self.updates if not wanted or any(kind in update for kind in wanted)]
            left = end - loop.time()
            if found or left <= 0.000_001:  # less is lost in the sum of a loop's time, which may stand still
                return found[: params.get("limit", 100)]
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), left)
            except TimeoutError:
                continue

    def _do_send_message(self, params: dict[str, Any], _: Any) -> dict[str, Any]:
        preview = not params.get("link_preview_options", {}).get("is_disabled")
        return self._send(params, *_text(params, "text"), None, preview=preview)

    def _do_send_photo(self, params: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
        photo = files.get("photo", b"")
        text, html = _text(params, "caption") if "caption" in params else ("", None)
        if not photo.startswith(_IMAGE):
            raise Refusal(400, "Bad Request: IMAGE_PROCESS_FAILED")
        if len(photo) > FileSizeLimit.PHOTOSIZE_UPLOAD:
            raise Refusal(413, "Request Entity Too Large")
        return self._send(params, text, html, photo, preview=False)

    def _do_send_document(self, params: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
        document = files.get("document", b"")
        if not document:
            raise Refusal(400, "Bad Request: file must be non-empty")
        text, html = _text(params, "caption") if "caption" in params else ("", None)
        shown = self._send(params, text, html, None, preview=False)
        self.accepted[-1].document = document
        return shown | {"document": {"file_id": "f", "file_unique_id": "u"}}

    def _send(
        self, params: dict[str, Any], text: str, html: str | None, photo: bytes | None, *, preview: bool
    ) -> dict[str, Any]:
        chat = self._reachable(params["chat_id"])
        thread = params.get("message_thread_id")
        if thread is not None and thread not in chat.topics:
            raise Refusal(400, "Bad Request: message thread not found")
        if thread in chat.closed:
            raise Refusal(400, "Bad Request: TOPIC_CLOSED")
        keyboard = _keyboard(params)
        answered = params.get("reply_parameters", {})
        reply_to = answered.get("message_id")
        if reply_to is not None and not self._knows(chat.id, reply_to):
            if not answered.get("allow_sending_without_reply"):
                raise Refusal(400, "Bad Request: message to be replied not found")
            reply_to = None
        self._limit(chat)
        silent = bool(params.get("disable_notification"))
        number = self.next_id(chat.id)
        sent = Sent(chat.id, number, text, html, reply_to, thread, silent, keyboard, photo, preview, self.wall())
        self.accepted.append(sent)
        return self.shown(sent)

    def _knows(self, chat_id: int, message_id: int) -> bool:
        return any(message.chat == chat_id and message.message_id == message_id for message in self.accepted)

    def _reachable(self, chat_id: Any) -> Chat:
        chat = self.chats.get(chat_id)
        if chat is None:
            raise Refusal(400, "Bad Request: chat not found")
        if chat.moved_to:
            raise Refusal(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=chat.moved_to,
            )
        if chat.refuses:
            raise Refusal(403, chat.refuses)
        return chat

    def _do_edit_message_text(self, params: dict[str, Any], _: Any) -> dict[str, Any]:
        sent = self._editable(params)
        if sent.photo is not None:
            raise Refusal(400, "Bad Request: there is no text in the message to edit")
        return self._edit(sent, params, *_text(params, "text"))

    def _do_edit_message_caption(self, params: dict[str, Any], _: Any) -> dict[str, Any]:
        sent = self._editable(params)
        if sent.photo is None:
            raise Refusal(400, "Bad Request: there is no caption in the message to edit")
        return self._edit(sent, params, *_text(params, "caption"))

    def _editable(self, params: dict[str, Any]) -> Sent:
        chat = self._reachable(params["chat_id"])
        for message in self.accepted:
            if (message.chat, message.message_id) == (chat.id, params["message_id"]):
                if message.thread in chat.closed:
                    raise Refusal(400, "Bad Request: TOPIC_CLOSED")
                return message
        raise Refusal(400, "Bad Request: message to edit not found")

    def _edit(self, sent: Sent, params: dict[str, Any], text: str, html: str | None) -> dict[str, Any]:
        keyboard = _keyboard(params)
        if (text, html, keyboard) == (sent.text, sent.html, sent.keyboard):
            raise Refusal(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are exactly "
                "the same as a current content and reply markup of the message",
            )
        sent.edits.append(sent.text)
        sent.text, sent.html, sent.keyboard = text, html, keyboard
        return self.shown(sent)

    def _do_answer_callback_query(self, params: dict[str, Any], _: Any) -> bool:
        if params["callback_query_id"] not in self.queries:
            raise Refusal(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        if utf16(params.get("text", "")) > CallbackQueryLimit.ANSWER_CALLBACK_QUERY_TEXT_LENGTH:
            raise Refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        self.queries.discard(params["callback_query_id"])
        self.toasts.append((params["callback_query_id"], params.get("text")))
        return True

    def _do_answer_inline_query(self, params: dict[str, Any], _: Any) -> bool:
        if params["inline_query_id"] not in self.queries:
            raise Refusal(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        results, button = params["results"], params.get("button")
        if len(results) > InlineQueryLimit.RESULTS:
            raise Refusal(400, "Bad Request: RESULTS_TOO_MUCH")
        if len({result["id"] for result in results}) < len(results):
            raise Refusal(400, "Bad Request: RESULT_ID_DUPLICATE")
        for result in results:
            if not 1 <= len(result["id"].encode()) <= InlineQueryResultLimit.MAX_ID_LENGTH:
                raise Refusal(400, "Bad Request: RESULT_ID_INVALID")
            if result["type"] != "article" or not result["title"].strip():
                raise Refusal(400, "Bad Request: ARTICLE_TITLE_EMPTY")
            content = result["input_message_content"]
            result["shown"], _html = _text({**content, "text": content["message_text"]}, "text")
        if button and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", button.get("start_parameter", "")):
            raise Refusal(400, "Bad Request: START_PARAM_INVALID")
        if button and not button["text"].strip():
            raise Refusal(400, "Bad Request: BUTTON_TEXT_EMPTY")
        self.queries.discard(params["inline_query_id"])
        self.offered[params["inline_query_id"]] = (results, button and button["text"])
        return True

    def _do_set_my_commands(self, params: dict[str, Any], _: Any) -> bool:
        if len(params["commands"]) > BotCommandLimit.MAX_COMMAND_NUMBER:
            raise Refusal(400, "Bad Request: BOT_COMMANDS_TOO_MUCH")
        for command in params["commands"]:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]):
                raise Refusal(400, "Bad Request: BOT_COMMAND_INVALID")
            if not 1 <= len(command["description"]) <= BotCommandLimit.MAX_DESCRIPTION:
                raise Refusal(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
        self.menus[params.get("scope", {}).get("type", "default")] = params["commands"]
        return True

    def _do_get_chat_member(self, params: dict[str, Any], _: Any) -> dict[str, Any]:
        chat = self._reachable(params["chat_id"])
        status = chat.members.get(params["user_id"], "member")
        rights: dict[str, Any] = {"user": person(params["user_id"]), "status": status}
        if status in ("creator", "administrator"):
            rights["is_anonymous"] = False
        if status == "administrator":
            model = type_model("ChatMemberAdministrator")
            needed = {name for name, field in model.model_fields.items() if field.is_required()}
            rights |= dict.fromkeys(needed - rights.keys(), False)
        return rights

    def _do_send_chat_action(self, params: dict[str, Any], _: Any) -> bool:
        self._reachable(params["chat_id"])
        self.typing.append((params["chat_id"], params["action"]))
        return True


def _broken(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


def _decoded(model: Any, key: str, value: str) -> Any:
    """Return a form value as the server reads it: a text as it is, else numbers, true and false, nested JSON."""
    known = model.model_fields.get(key) if model else None
    kinds = (get_args(known.annotation) or (known.annotation,)) if known else ()
    if str in kinds and int not in kinds:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _text(params: dict[str, Any], name: Literal["text", "caption"]) -> tuple[str, str | None]:
    raw = str(params[name])
    mode = params.get("parse_mode")
    if mode not in (None, "HTML"):
        raise Refusal(400, "Bad Request: unsupported parse_mode")
    try:
        shown = stored(parse(raw)[0] if mode else raw)
    except Unreadable as unreadable:
        raise Refusal(400, f"Bad Request: can't parse entities: {unreadable}") from None
    if not shown and name == "text":
        raise Refusal(400, "Bad Request: message text is empty")
    if name == "text" and utf16(shown) > MessageLimit.MAX_TEXT_LENGTH:
        raise Refusal(400, "Bad Request: message is too long")
    if name == "caption" and utf16(shown) > MessageLimit.CAPTION_LENGTH:
        raise Refusal(400, "Bad Request: message caption is too long")
    return shown, raw if mode else None


def _keyboard(params: dict[str, Any]) -> list[list[dict[str, str]]]:
    rows: list[list[dict[str, str]]] = params.get("reply_markup", {}).get("inline_keyboard", [])
    for button in itertools.chain.from_iterable(rows):
        if not 1 <= len(button.get("callback_data", "").encode()) <= InlineKeyboardButtonLimit.MAX_CALLBACK_DATA:
            raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
        if not button["text"].strip():
            raise Refusal(400, "Bad Request: BUTTON_TEXT_INVALID")
    return rows


def _refusal_of(trouble: Disturbance) -> Refusal:
    if trouble.kind == "status":
        return Refusal(trouble.status, trouble.text)
    if trouble.seconds is None:
        return Refusal(429, trouble.text)
    return Refusal(429, f"Too Many Requests: retry after {trouble.seconds:g}", retry_after=trouble.seconds)
