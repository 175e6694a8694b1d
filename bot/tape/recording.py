"""Writing a tape: sessions and sockets that do what the real ones do, and write down what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import shutil
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlencode, urlsplit

import aiohttp
import structlog

from bot.tape import TapeError, lines
from bot.tape.lines import Answered, Began, Begin, Ended, Heard, Turn
from bot.tape.sessions import Session
from handlers.version import VERSION

if TYPE_CHECKING:
    import io
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from bot.tape.lines import Event, Failure, Line

PART_BYTES: Final = 64_000_000  # a part is packed when it is full or its day is over; a kill leaves so much unpacked
MOST_BYTES: Final = 2_000_000_000  # of the whole folder: nobody's disk shall fill up for a tape that was forgotten
_PACKED: Final = ".gz"


class Recorder:
    """Write a tape into a folder, in parts. TapeError when it cannot be written.

    clock: when something was received. assets, market: what is followed, for whoever plays the tape; no secrets. A disk
    that is full, or a folder of `most_bytes`, ends the tape with one line in the log, and harms nothing else.
    """

    asks_nobody = False

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], datetime],
        *,
        assets: Sequence[str] = (),
        market: Mapping[str, Any] | None = None,
        part_bytes: int = PART_BYTES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._folder, self._clock, self._part_bytes, self._most_bytes = folder, clock, part_bytes, most_bytes
        self._assets, self._market = list(assets), dict(market or {})
        self._run = f"{clock():%Y%m%dT%H%M%S.%f}"
        self._part, self._sockets, self._rounds = 0, count(1), count(1)
        self._file: io.FileIO | None = None
        self._path = folder
        self._packing: list[Thread] = []
        self._log = structlog.get_logger("tape")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._next_part(clock())
        except OSError as error:
            raise TapeError(f"--record: {folder} cannot be written ({error.strerror}). Name another folder.") from None
        if self._held() > most_bytes:
            self.close()
            raise TapeError(f"--record: {folder} holds {_size(self._held())} of tapes already. Name another folder.")

    def wrap(self, make: Callable[[], Any], venue: str = "") -> Any:
        """Return a session that does what the one made does, and writes it down."""
        return _Recording(make(), self, venue)

    def began(self, now: datetime, sources: Sequence[str], asset: str, *, glance: bool = False) -> int:
        """Write that sources are asked now: the tape is played in the same rounds."""
        number = next(self._rounds)
        self.write(Began(now, number, list(sources), asset, glance))
        return number

    def ended(self, now: datetime, number: int) -> None:
        """Write that what a round brought is stored: a turn judges the same when the tape is played."""
        self.write(Ended(now, number))

    def turn(self, now: datetime) -> None:
        """Write that what is stored is judged now."""
        self.write(Turn(now))

    def answer(
        self,
        method: str,
        url: str,
        asked: bytes | str | None,
        status: int = 0,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        failure: Failure = "",
    ) -> None:
        """Write one answer, or that none came."""
        parts = urlsplit(url)
        said, question = lines.body(body), lines.body(asked)
        where = (method, parts.hostname or "", parts.path, lines.query(parts.query))
        self.write(Answered(self._clock(), *where, question, status, lines.kept(headers or {}), said, failure))

    def hear(self, venue: str, socket: int, event: Event, data: str = "", **more: Any) -> None:
        """Write what happened on a stream."""
        self.write(Heard(self._clock(), venue, socket, event, lines.body(data), **more))

    def socket(self) -> int:
        """Return a number for a connection that is about to be made."""
        return next(self._sockets)

    def write(self, line: Line) -> None:
        """Append one line and hand it to the system at once, so that a kill loses one line at most."""
        if self._file is None:
            return
        try:
            if line.at.date() != self._day or self._file.tell() > self._part_bytes:
                self._next_part(line.at)
            if self._file is not None:
                self._file.write(lines.written(line).encode("utf-8", "replace") + b"\n")
        except OSError as error:
            self._end(f"cannot be written any more ({error.strerror})")

    def close(self) -> None:
        """End the tape; safe to call twice."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
        for thread in self._packing:
            thread.join()

    def _next_part(self, now: datetime) -> None:
        """Begin the next part, and pack the last one beside it: a tape shrinks to a tenth."""
        if self._file is not None:
            self._file.close()
            self._file = None
            packing = Thread(target=_pack, args=(self._path,), name="tape")
            packing.start()
            self._packing = [thread for thread in self._packing if thread.is_alive()] + [packing]
            if self._held() > self._most_bytes:
                self._end(f"has reached {_size(self._most_bytes)}")
                return
        self._part, self._day = self._part + 1, now.date()
        self._path = self._folder / f"{self._run}-{self._part:03d}.jsonl"
        self._file = self._path.open("ab", buffering=0)
        begin = Begin(now, self._run, self._part, VERSION, self._assets, self._market)
        self._file.write(lines.written(begin).encode() + b"\n")

    def _held(self) -> int:
        held = 0
        for part in self._folder.glob("*.jsonl*"):
            with contextlib.suppress(FileNotFoundError):  # it was packed between the two looks
                held += part.stat().st_size
        return held

    def _end(self, reason: str) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
        self._log.error(
            f"The tape in {self._folder} {reason} and ends here; perpulse runs on. To go on recording, start it again "
            "with another folder after --record."
        )


class _Recording(Session):
    def __init__(self, session: aiohttp.ClientSession, recorder: Recorder, venue: str) -> None:
        self._session, self._recorder, self._venue = session, recorder, venue

    @asynccontextmanager
    async def request(self, method: str, url: Any, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        async with AsyncExitStack() as stack:
            try:
                response = await stack.enter_async_context(self._session.request(method, url, **more))
                body = await response.text(errors="replace")  # aiohttp keeps it: whoever reads it next gets the same
            except BaseException as error:
                whole = f"{url}?{urlencode(more['params'])}" if more.get("params") else str(url)
                self._recorder.answer(method, whole, more.get("data"), failure=_failure(error))
                raise
            self._recorder.answer(method, str(response.url), more.get("data"), response.status, response.headers, body)
            yield response

    async def ws_connect(self, url: str, **more: Any) -> Any:
        """Open a stream and write down how that ended."""
        number = self._recorder.socket()
        where = lines.address(url)
        try:
            socket = await self._session.ws_connect(url, **more)
        except aiohttp.WSServerHandshakeError as error:
            headers = lines.kept(error.headers or {})
            self._recorder.hear(self._venue, number, "refused", url=where, status=error.status, headers=headers)
            raise
        except BaseException as error:
            self._recorder.hear(self._venue, number, "failed", url=where, failure=_failure(error))
            raise
        self._recorder.hear(self._venue, number, "opened", url=where)
        return _RecordedSocket(socket, self._recorder, self._venue, number)

    async def close(self) -> None:
        await self._session.close()


class _RecordedSocket:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse, recorder: Recorder, venue: str, number: int) -> None:
        self._socket, self._recorder, self._venue, self._number = socket, recorder, venue, number

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hear("left")
        await self._socket.close()

    async def send_str(self, text: str) -> None:
        self._hear("sent", text)
        await self._socket.send_str(text)

    async def receive(self) -> aiohttp.WSMessage:
        message = await self._socket.receive()
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                self._hear("text", message.data)
            case aiohttp.WSMsgType.BINARY:
                self._hear("binary", bytes(message.data).hex())
            case aiohttp.WSMsgType.ERROR:
                self._hear("broken", type(message.data).__name__)
            case _:
                self._hear("closed", status=message.data if isinstance(message.data, int) else 0)
        return message

    def _hear(self, event: Event, data: str = "", **more: Any) -> None:
        self._recorder.hear(self._venue, self._number, event, data, **more)


def _failure(error: BaseException) -> Failure:
    match error:
        case TimeoutError():
            return "timeout"
        case aiohttp.ClientPayloadError():
            return "payload"
        case aiohttp.ClientConnectionError() | OSError():
            return "connection"
        case asyncio.CancelledError():
            return "cancelled"
        case _:
            return "client"


def _pack(path: Path) -> None:
    """Pack a part; what is read is either the one or the other, never a half."""
    half = path.with_name(f"{path.name}{_PACKED}.half")
    try:
        with path.open("rb") as plain, gzip.open(half, "wb", compresslevel=6) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
        half.rename(path.with_name(path.name + _PACKED))
        path.unlink()
    except OSError as error:  # it stays as it is, and can be played so
        half.unlink(missing_ok=True)
        structlog.get_logger("tape").warning("a part of the tape was not packed", part=str(path), reason=str(error))


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
