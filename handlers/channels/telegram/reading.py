"""How updates are read from Telegram: one that cannot be read costs itself alone, and a refused token is told."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog
from telegram import Update

from handlers.channels.telegram.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = structlog.get_logger(__name__)

_NOTHING: Final = b'{"ok": true, "result": []}'


class PollRequest(Wire):
    """Reads updates so that one unreadable update does not block all that follow it.

    The library drops a whole batch it cannot parse without confirming it, and asks for the same batch again at once,
    for ever. An empty update in its place keeps the number and is skipped.

    Where the token is refused (401, 404) the library would poll no further and tell nobody, but a single such answer is
    often a mistake of Telegram: it is asked again after each of `doubts` (seconds, the last one again and again).
    on_refused: called with the first such answer. on_read: called with each answer that could be read.

    silent: ask nothing, as if nothing were there. The library asks once more when it stops reading, which throws out
    whoever reads by now.
    """

    __slots__ = ("_doubts", "_on_read", "_on_refused", "_refusals", "silent")

    def __init__(
        self, *, doubts: Sequence[float], on_refused: Callable[[], None], on_read: Callable[[], None], **more: Any
    ) -> None:
        super().__init__(**more)
        self._doubts, self._on_refused, self._on_read = doubts, on_refused, on_read
        self._refusals = 0
        self.silent = False

    @property
    def refused(self) -> bool:
        """Tell whether the last answer refused the token."""
        return self._refusals > 0

    async def do_request(self, url: str, *args: Any, **more: Any) -> tuple[int, bytes]:
        """Ask, and say when the token is refused."""
        if self.silent:
            return HTTPStatus.OK, _NOTHING
        status, answer = await super().do_request(url, *args, **more)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
            if not self.refused:
                self._on_refused()
            pause = self._doubts[min(self._refusals, len(self._doubts) - 1)]
            self._refusals += 1
            await asyncio.sleep(pause)
            return HTTPStatus.BAD_GATEWAY, answer  # after which the library asks again
        if status == HTTPStatus.OK and answer.lstrip().startswith(b"{"):  # a captive portal answers with a page
            self._refusals = 0
            self._on_read()
        return status, answer

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Return the answer, with an empty update in the place of each that cannot be read."""
        data = Wire.parse_json_payload(payload)
        if isinstance(data.get("result"), list):
            data["result"] = [_readable(update) for update in data["result"]]
        return data


def _readable(update: dict[str, Any]) -> dict[str, Any]:
    try:
        Update.de_json(update, None)
    except Exception as error:  # noqa: BLE001 - whatever the parser stumbles over, the next update must be read
        log.warning("an update cannot be read and is skipped", update=update["update_id"], error=type(error).__name__)
        return {"update_id": update["update_id"]}
    return update
