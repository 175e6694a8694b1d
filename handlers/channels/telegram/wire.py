"""How Telegram is spoken to: one connection pool of aiohttp under python-telegram-bot, and beside it for messages.

The library's own transport costs seven times what a bare call does, most of it for what a message does not need. So the
library asks through this one, and messages and edits are put on it directly: same errors, same time-outs, same log.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from urllib.parse import quote_plus

import aiohttp
import httpx
import structlog
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest

from handlers.channels.addresses import proxy_around

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from telegram.request import RequestData

log, _debugging = structlog.get_logger(__name__), logging.getLogger(__name__)

# The request never left: no connection, or none by the proxy.
NOT_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": BaseRequest.USER_AGENT}
_quoted = lru_cache(maxsize=256)(quote_plus)  # a broadcast says the same to thousands
_BARE: Final = {"User-Agent": BaseRequest.USER_AGENT}


@lru_cache(maxsize=16)
def _limits(connect: float, read: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)


@cache
def _authorities() -> ssl.SSLContext:
    """Return whom to trust: one for all connections, since reading them is slow."""
    return httpx.create_ssl_context()


class Upload(NamedTuple):
    """A file that goes with a call. field: what the method calls it. kind: its media type."""

    field: str
    name: str
    content: bytes
    kind: str


@dataclass(frozen=True, slots=True)
class Fields:
    """What goes with one call, as RequestData gives it. json_parameters: texts, or JSON of what is none."""

    json_parameters: Mapping[str, str]
    upload: Upload | None = None

    @property
    def contains_files(self) -> bool:
        """Tell whether a file goes with it."""
        return self.upload is not None

    @property
    def multipart_data(self) -> dict[str, tuple[str, bytes, str]]:
        """Return the file as a part of a form: name, content, kind."""
        return {} if self.upload is None else {self.upload.field: self.upload[1:]}


class Wire(BaseRequest):
    """Asks Telegram. connect, read: seconds. proxy: by which it is reached; None: as the environment says.

    Says in the debug log what is asked: the method alone, since the token stands in the address.
    """

    __slots__ = ("_connect", "_proxy", "_read", "_session")

    def __init__(self, *, connect: float, read: float, proxy: str | None = None) -> None:
        self._connect, self._read, self._proxy = connect, read, proxy
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """Return how many seconds an answer may take."""
        return self._read

    async def initialize(self) -> None:
        """Open nothing: the first request does."""

    async def shutdown(self) -> None:
        """Close the connections; a later request opens new ones."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def call(
        self, url: str, fields: Mapping[str, str], upload: Upload | None = None, *, read: float | None = None
    ) -> Any:
        """Call a method by its whole address and return its result. TelegramError as the library raises it.

        read: seconds that the answer may take, where that is not as usual.
        """
        given = cast("RequestData", Fields(fields, upload))  # read by do_request alone
        return await self.post(url, given, read_timeout=self._read if read is None else read)

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - the library's; whoever sends has a bound of its own
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - there is always room
    ) -> tuple[int, bytes]:
        """Ask, and return status and body; see BaseRequest."""
        limits = _limits(
            self._connect if connect_timeout is self.DEFAULT_NONE else connect_timeout,
            self._read if read_timeout is self.DEFAULT_NONE else read_timeout,
        )
        body, headers = _body(request_data)
        try:
            async with self._open().request(
                method, url, data=body, headers=headers, timeout=limits, proxy=self._way(url), allow_redirects=False
            ) as answer:
                content = await answer.read()
        except TimeoutError as error:
            raise TimedOut(type(error).__name__) from error
        except (aiohttp.ClientError, OSError) as error:  # whose own text may hold the address
            raise NetworkError(type(error).__name__) from error
        if _debugging.isEnabledFor(logging.DEBUG):  # else a line that nobody reads costs a tenth of the call
            log.debug("asked", who="Telegram", method=url.rpartition("/")[2], status=answer.status)
        return answer.status, content

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Return an answer. TelegramError where it is none; the library would log the whole page of a portal."""
        try:
            return cast("dict[str, Any]", json.loads(payload))
        except ValueError as error:
            raise TelegramError("Invalid server response") from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=_authorities()),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _way(self, url: str) -> str | None:
        """Return the proxy to go by. The environment is read once: aiohttp would read it with each request."""
        if self._proxy is None:
            try:
                self._proxy = proxy_around(url)
            except ValueError as error:
                raise NetworkError(str(error)) from aiohttp.InvalidURL(url="")
        return self._proxy or None


def _body(data: RequestData | None) -> tuple[str | aiohttp.FormData | None, dict[str, str]]:
    """Return what is sent, and its headers."""
    if data is None:
        return None, _BARE
    if not data.contains_files:
        return "&".join(f"{name}={_quoted(value)}" for name, value in data.json_parameters.items()), _FORM
    form = aiohttp.FormData(data.json_parameters)
    for name, (filename, content, kind) in data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=kind)
    return form, _BARE
