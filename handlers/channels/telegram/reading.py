"""How updates are read from Telegram: one that cannot be read costs itself alone, and a refused token is told."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from telegram import Update
from telegram.request import HTTPXRequest

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)


class LoggedRequest(HTTPXRequest):
    """Says in the debug log what is asked: the method alone, since the token stands in the address."""

    __slots__ = ()

    async def do_request(self, url: str, *args: Any, **more: Any) -> tuple[int, bytes]:
        """Ask, and say what came of it."""
        status, answer = await super().do_request(url, *args, **more)
        log.debug("asked", who="Telegram", method=url.rpartition("/")[2], status=int(status))
        return status, answer


class PollRequest(LoggedRequest):
    """Reads updates so that one unreadable update does not block all that follow it.

    The library drops a whole batch it cannot parse without confirming it, and asks for the same batch again at once,
    for ever. An empty update in its place keeps the number and is skipped. on_refused: called when the token is not
    accepted any more, after which the library polls no further and tells nobody. on_read: called with each answer that
    could be read.
    """

    __slots__ = ("_on_read", "_on_refused")

    def __init__(self, *, on_refused: Callable[[], None], on_read: Callable[[], None], **more: Any) -> None:
        super().__init__(**more)
        self._on_refused, self._on_read = on_refused, on_read

    async def do_request(self, url: str, *args: Any, **more: Any) -> tuple[int, bytes]:
        """Ask, and say when the token is refused."""
        status, answer = await super().do_request(url, *args, **more)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
            self._on_refused()
        if status == HTTPStatus.OK and answer.lstrip().startswith(b"{"):  # a captive portal answers with a page
            self._on_read()
        return status, answer

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Return the answer, with an empty update in the place of each that cannot be read."""
        data = HTTPXRequest.parse_json_payload(payload)
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
