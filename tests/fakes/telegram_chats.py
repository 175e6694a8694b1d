"""The chats behind the fake Bot API: who is in them, what they show, and what people do there."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

ANONYMOUS_ADMIN, CHANNEL_BOT, LINKED_CHANNEL = 1087968824, 136817688, 777000
BLOCKED = "Forbidden: bot was blocked by the user"
KICKED = "Forbidden: bot was kicked from the supergroup chat"
DEACTIVATED = "Forbidden: user is deactivated"
_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,32}(@\w+)?")

Kind = Literal["private", "group", "supergroup", "channel"]


@dataclass
class Chat:
    """One chat: who may do what in it, and what it answers."""

    id: int
    kind: Kind = "private"
    title: str = "A chat"
    topics: set[int] = field(default_factory=set)
    closed: set[int | None] = field(default_factory=set)  # topics in which nobody writes; None is the main thread
    members: dict[int, str] = field(default_factory=dict)  # user id -> status for getChatMember
    refuses: str | None = None  # a 403 sentence
    moved_to: int | None = None

    def as_json(self) -> dict[str, Any]:
        name = {"first_name": self.title} if self.kind == "private" else {"title": self.title}
        return {"id": self.id, "type": self.kind, **name, **({"is_forum": True} if self.topics else {})}


@dataclass
class Sent:
    """One message of the bot as its chat shows it. html: as sent, None for plain text. edits: earlier texts."""

    chat: int
    message_id: int
    text: str
    html: str | None
    reply_to: int | None
    thread: int | None
    silent: bool
    keyboard: list[list[dict[str, str]]]
    photo: bytes | None
    preview: bool
    at: float
    edits: list[str] = field(default_factory=list)
    document: bytes | None = None


class Chats:
    """All chats of one bot. accepted: its messages as the chats show them. toasts: answers to pressed buttons."""

    def __init__(self, me: dict[str, Any]) -> None:
        self.me = me
        self.chats: dict[int, Chat] = {}
        self.accepted: list[Sent] = []
        self.toasts: list[tuple[str, str | None]] = []
        self.offered: dict[str, tuple[list[dict[str, Any]], str | None]] = {}  # inline query -> results, button
        self.updates: list[dict[str, Any]] = []  # not yet confirmed by the bot
        self.queries: set[str] = set()  # pressed buttons and inline queries not yet answered
        self.news = asyncio.Event()
        self.wall = time.time  # of what is written; a test may set its own
        self._update_ids = itertools.count(1000)
        self._message_ids: defaultdict[int, itertools.count[int]] = defaultdict(lambda: itertools.count(1))

    def chat(self, chat_id: int, kind: Kind = "private", **more: Any) -> Chat:
        """Make a chat; admins of groups by `members={user: "administrator"}`."""
        self.chats[chat_id] = Chat(chat_id, kind, **more)
        return self.chats[chat_id]

    def say(
        self,
        chat_id: int,
        user: int,
        text: str,
        *,
        topic: int | None = None,
        as_chat: int | None = None,
        update: str | None = None,
        ago: float = 0.0,
        **more: Any,
    ) -> dict[str, Any]:
        """Let a person write, and return the message. more: further fields of it; ago: seconds that it has waited.

        as_chat: in the name of a chat (an anonymous admin writes as the group itself).
        """
        chat = self.chats[chat_id]
        message = self._message(chat) | {"from": person(user), "text": text} | more
        message["date"] -= int(ago)
        if "photo" in more:
            message["caption"] = message.pop("text")
        if command := _COMMAND.match(text):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(command[0])}]
        if topic:
            message |= {"message_thread_id": topic, "is_topic_message": True}
        if as_chat:
            message["sender_chat"] = self.chats[as_chat].as_json()
        if chat.kind == "channel":
            message["sender_chat"] = chat.as_json()
            del message["from"]
        self.enqueue({update or ("channel_post" if chat.kind == "channel" else "message"): message})
        return message

    def edit(self, message: dict[str, Any], text: str) -> None:
        """Let a person change what they wrote."""
        kind = "edited_channel_post" if message["chat"]["type"] == "channel" else "edited_message"
        self.enqueue({kind: message | {"text": text, "edit_date": int(self.wall())}})

    def press(self, message: Sent, data: str, user: int) -> str:
        """Let a person press a button of a message; returns the query's id."""
        query = f"query-{next(self._update_ids)}"
        self.queries.add(query)
        about = {"id": query, "from": person(user), "chat_instance": "1", "data": data}
        self.enqueue({"callback_query": about | {"message": self.shown(message)}})
        return query

    def ask_inline(self, user: int, query: str) -> str:
        """Let a person type behind the bot's name in some chat; returns the query's id."""
        number = f"inline-{next(self._update_ids)}"
        self.queries.add(number)
        self.enqueue({"inline_query": {"id": number, "from": person(user), "query": query, "offset": ""}})
        return number

    def migrate(self, chat_id: int, *, announce: bool = True) -> int:
        """Turn a group into a supergroup; returns its new id."""
        old = self.chats[chat_id]
        new = self.chat(-1000000000000 + chat_id, "supergroup", title=old.title, members=old.members)
        old.moved_to = new.id
        if announce:
            self.enqueue({"message": self._message(old) | {"migrate_to_chat_id": new.id, "from": person(1)}})
            self.enqueue({"message": self._message(new) | {"migrate_from_chat_id": old.id, "from": person(1)}})
        return new.id

    def lose(self, chat_id: int, sentence: str = BLOCKED, *, by: int = 1, announce: bool = True) -> None:
        """Let a person block the bot, or a group throw it out."""
        chat = self.chats[chat_id]
        chat.refuses = sentence
        if announce:
            about = {"chat": chat.as_json(), "from": person(by), "date": int(self.wall())}
            about["old_chat_member"] = {"status": "member", "user": self.me}
            about["new_chat_member"] = {"status": "kicked", "user": self.me, "until_date": 0}
            self.enqueue({"my_chat_member": about})

    def enqueue(self, update: dict[str, Any]) -> None:
        """Hand an update, however odd, to whoever polls."""
        self.updates.append({"update_id": next(self._update_ids), **update})
        self.news.set()

    async def until(self, condition: Callable[[], Any], *, within: float = 3.0) -> None:
        """Wait until a condition holds; AssertionError when it does not."""
        end = time.monotonic() + within
        while not condition():
            assert time.monotonic() < end, f"not within {within} s; accepted so far: {self.accepted}"
            await asyncio.sleep(0.005)

    def texts(self, chat_id: int) -> list[str]:
        """Return the texts of the bot in a chat, in order."""
        return [message.text for message in self.accepted if message.chat == chat_id]

    def _message(self, chat: Chat) -> dict[str, Any]:
        return {"message_id": self.next_id(chat.id), "date": int(self.wall()), "chat": chat.as_json()}

    def shown(self, sent: Sent) -> dict[str, Any]:
        """Return a message of the bot as the API shows it."""
        shown = {"message_id": sent.message_id, "date": int(sent.at), "chat": self.chats[sent.chat].as_json()}
        shown["from"] = self.me
        if sent.thread:
            shown |= {"message_thread_id": sent.thread, "is_topic_message": True}
        if sent.keyboard:
            shown["reply_markup"] = {"inline_keyboard": sent.keyboard}
        if sent.document is not None:
            return shown | {"caption": sent.text, "document": {"file_id": "f", "file_unique_id": "u"}}
        if sent.photo is None:
            return shown | {"text": sent.text}
        return shown | {
            "caption": sent.text,
            "photo": [{"file_id": "f", "file_unique_id": "u", "width": 9, "height": 9}],
        }

    def next_id(self, chat_id: int) -> int:
        """Return the number of the next message in a chat."""
        return next(self._message_ids[chat_id])


def person(user: int) -> dict[str, Any]:
    return {
        "id": user,
        "is_bot": user in (ANONYMOUS_ADMIN, CHANNEL_BOT),
        "first_name": {ANONYMOUS_ADMIN: "Group", CHANNEL_BOT: "Channel", LINKED_CHANNEL: "Telegram"}.get(user, "Ann"),
    }
