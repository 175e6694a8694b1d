"""Playing a tape: sessions and sockets that give what is on it, each thing at its time."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections import Counter, defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from bot.tape import TapeError, lines
from bot.tape.lines import Answered, Began, Begin, Ended, Heard, Turn
from bot.tape.sessions import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from bot.tape.lines import Failure, Line
    from bot.tape.time import TapeClock

Step = Began | Ended | Turn
NOT_ON_TAPE: Final = 599
_TIMES: Final = frozenset(  # what a question says about when: code that was changed asks a little differently
    {
        "start", "end", "starttime", "endtime", "from", "to", "begin", "after", "before", "startat", "endat",
        "start_timestamp", "end_timestamp", "timestamp", "limit",
    }
)  # fmt: skip
# An answer is given to a question this long before and after it came. Further on, it answered another question; further
# back too, unless there is no later one.
WITHIN: Final = timedelta(seconds=60)


class Tape:
    """One run of perpulse as it was written down: its parts in their order, read through once.

    begin, end: when the first and the last line were written. counts: lines by kind, "answer" and "stream" among them.
    about: its first line, None when that is not on it. missing: numbers of the parts that are not there.
    """

    def __init__(self, parts: Sequence[Path]) -> None:
        self.parts = tuple(parts)
        self.counts: Counter[str] = Counter()
        self.about: Begin | None = None
        self.cut = False
        first: datetime | None = None
        last: datetime | None = None
        numbers: set[int] = set()
        for line in self.lines():
            first, last = first or line.at, line.at
            self.counts[type(line).__name__] += 1
            if isinstance(line, Begin):
                self.about = self.about or line
                numbers.add(line.part)
        if first is None or last is None:
            raise TapeError("The tape is empty.")
        self.begin, self.end = first, last
        self.missing = tuple(sorted(set(range(1, max(numbers, default=0) + 1)) - numbers))

    @classmethod
    def read(cls, place: Path) -> list[Tape]:
        """Read a folder, or one file: a tape for each run, oldest first. TapeError names what cannot be read."""
        if place.is_dir():
            found = {path.name.removesuffix(".gz"): path for path in sorted(place.glob("*.jsonl.gz"))}
            found |= {path.name: path for path in place.glob("*.jsonl")}  # what was packed by half is still here whole
        else:
            found = {place.name: place}
        runs: defaultdict[str, list[Path]] = defaultdict(list)
        for name, path in sorted(found.items()):
            if (line := next(_lines(path), None)) is not None:
                runs[line.run if isinstance(line, Begin) else name].append(path)
        tapes = [tape for paths in runs.values() if (tape := cls(paths)).counts.total() > tape.counts["Begin"]]
        if not tapes:
            raise TapeError(f"--tape: {place} holds no recorded answers (files *.jsonl or *.jsonl.gz).")
        return tapes

    def lines(self) -> Iterator[Line]:
        """Give the lines in their order. A clock that was put back while recording stands still instead."""
        newest: datetime | None = None
        for path in self.parts:
            for line in _lines(path):
                if newest is None or line.at > newest:
                    newest = line.at
                yield replace(line, at=newest) if line.at < newest else line


def _lines(path: Path) -> Iterator[Line]:
    """Read one file. A last line that was cut is left out, and so is the end of a packed file that was."""
    opened: Any = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rt", encoding="utf-8", errors="replace") as file:
            for number, text in enumerate(file, start=1):
                if not text.strip():
                    continue
                try:
                    line = lines.read(text)
                except (ValueError, TypeError, KeyError, AttributeError):
                    if not text.endswith("\n"):
                        return
                    raise TapeError(f"--tape: {path} line {number} is no line of a tape.") from None
                yield line
    except gzip.BadGzipFile:
        raise TapeError(f"--tape: {path} is not packed by gzip.") from None
    except (EOFError, zlib.error) as error:
        if number == 0:
            raise TapeError(f"--tape: {path} cannot be unpacked ({error}).") from None
    except OSError as error:
        raise TapeError(f"--tape: {path} cannot be read ({error.strerror}).") from None


@dataclass(slots=True)
class _Connection:
    """One connection of a stream, as far as it was read from the tape."""

    began: Heard
    heard: asyncio.Queue[Heard] = field(default_factory=asyncio.Queue)
    left: bool = False


class Player:
    """Give what is on a tape to whoever asks, at its time. Everything runs in a TapeLoop.

    A question gets the answer that it got on the tape: the same method and path, and the same words apart from those
    that say when. The answer to the very same question goes first. What is not on the tape gets a status that no server
    has. played: answers and frames that somebody took. missed: questions that found no answer.
    """

    asks_nobody = True

    def __init__(self, tape: Tape, clock: TapeClock) -> None:
        self.tape, self.clock = tape, clock
        self.played: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self._steps: asyncio.Queue[Step | None] = asyncio.Queue()
        self._answers: defaultdict[tuple[str, ...], deque[Answered]] = defaultdict(deque)
        self._connections: defaultdict[str, deque[_Connection]] = defaultdict(deque)
        self._by_number: dict[tuple[str, int], _Connection] = {}
        self._news = asyncio.Event()

    async def feed(self) -> None:
        """Read the tape a minute ahead of its time: what is far off is not held in memory, and answers nobody yet."""
        for line in self.tape.lines():
            if line.at - self.clock.now() > WITHIN:
                await self.clock.until(line.at - WITHIN)
            self._sort(line)
        self._steps.put_nowait(None)

    async def steps(self) -> AsyncIterator[Step]:
        """Give what perpulse did on the tape, each thing at its time."""
        while (step := await self._steps.get()) is not None:
            await self.clock.until(step.at)
            yield step

    def wrap(self, make: Callable[[], Any], venue: str = "") -> Any:  # noqa: ARG002 - the network is not used
        """Return a session that plays the tape."""
        return _Playing(self, venue)

    def began(self, now: datetime, sources: Sequence[str], asset: str, *, glance: bool = False) -> int:  # noqa: ARG002
        """Do nothing: the round is on the tape."""
        return 0

    def ended(self, now: datetime, number: int) -> None:
        """Do nothing: its end is on the tape."""

    def turn(self, now: datetime) -> None:
        """Do nothing: the turn is on the tape."""

    def answer(self, method: str, url: str, asked: bytes | str | None) -> Answered | None:
        """Take the answer to a question off the tape; None when there is none about now."""
        parts = urlsplit(url)
        query, body = lines.query(parts.query), lines.body(asked)
        found = self._next(_timeless(method, parts.path, query, body), (query, body))
        if found is None:
            self.missed[f"{method} {parts.path}{query and '?'}{query}"] += 1
        else:
            self.played["answers"] += 1
        return found

    async def connection(self, venue: str) -> _Connection:
        """Wait for the next connection of a venue's stream; of those that have begun already, take the newest.

        One that is asked for a little too early is given at once, and is silent until its time.
        """
        queue = self._connections[venue]
        while not queue:
            self._news.clear()
            await self._news.wait()
        while len(queue) > 1 and queue[1].began.at <= self.clock.now():
            queue.popleft()
        self.played["connections"] += 1
        return queue.popleft()

    def _sort(self, line: Line) -> None:
        """Put a line where it will be looked for."""
        match line:
            case Began() | Ended() | Turn():
                self._steps.put_nowait(line)
            case Answered():
                queue = self._answers[_timeless(line.method, line.path, line.query, line.asked)]
                queue.append(line)
                self._forget(queue)
            case Heard(event="opened" | "refused" | "failed"):
                self._begin(line)
            case Heard():
                key = (line.venue, line.socket)
                if key not in self._by_number:  # the part of the tape in which it was opened is not there
                    self._begin(replace(line, event="opened"))
                if not self._by_number[key].left:
                    self._by_number[key].heard.put_nowait(line)

    def _begin(self, line: Heard) -> None:
        made = _Connection(line)
        self._by_number[line.venue, line.socket] = made
        self._connections[line.venue].append(made)
        self._news.set()

    def _forget(self, queue: deque[Answered]) -> None:
        """Drop answers that nobody has asked for in time, where there is one of now."""
        since = self.clock.now() - WITHIN
        while queue and queue[0].at < since <= queue[-1].at:
            queue.popleft()

    def _next(self, key: tuple[str, ...], exactly: tuple[str, str]) -> Answered | None:
        queue = self._answers[key]
        self._forget(queue)
        if not queue:
            return None
        best = next((place for place, line in enumerate(queue) if (line.query, line.asked) == exactly), 0)
        line = queue[best]
        del queue[best]
        return line


@dataclass(frozen=True, slots=True)
class _Response:
    """As much of an aiohttp answer as ccxt and our sources read."""

    status: int
    headers: CIMultiDict[str]
    _text: str
    reason: str = ""
    content: bytes = b""

    async def text(self, *, errors: str = "strict") -> str:  # noqa: ARG002 - aiohttp's own signature
        return self._text


class _Playing(Session):
    def __init__(self, player: Player, venue: str) -> None:
        self._player, self._venue = player, venue

    @asynccontextmanager
    async def request(self, method: str, url: Any, **more: Any) -> AsyncIterator[_Response]:
        await asyncio.sleep(0)
        line = self._player.answer(method, _whole(url, more.get("params")), more.get("data"))
        if line is None:
            yield _Response(NOT_ON_TAPE, CIMultiDict(), "not on the tape", "not on the tape")
            return
        await self._player.clock.until(line.at)
        if line.failure:
            await _fail(line.failure)
        yield _Response(line.status, CIMultiDict(line.headers), line.body)

    async def ws_connect(self, url: str, **_: Any) -> _Socket:
        """Open the stream as it was opened, or refuse it as it was refused."""
        made = await self._player.connection(self._venue)
        began = made.began
        if began.event != "opened":
            await self._player.clock.until(began.at)
        if began.event == "refused":
            headers = CIMultiDictProxy(CIMultiDict(began.headers))
            about = aiohttp.RequestInfo(URL(url), "GET", headers, URL(url))
            raise aiohttp.WSServerHandshakeError(about, (), status=began.status, headers=CIMultiDict(began.headers))
        if began.event == "failed":
            await _fail(began.failure)
        return _Socket(self._player, made)

    async def close(self) -> None:
        """Close nothing: there is no connection."""


class _Socket:
    """A stream that says what it said, when it said it; after its last word it is silent."""

    def __init__(self, player: Player, made: _Connection) -> None:
        self._player, self._made = player, made
        self._next: Heard | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._made.left = True

    async def send_str(self, text: str) -> None:
        """Take a frame of ours: what follows from it is on the tape."""

    async def receive(self) -> aiohttp.WSMessage:
        while True:
            if self._next is None:
                self._next = await self._made.heard.get()
            await self._player.clock.until(self._next.at)  # who is called off meanwhile gets it when they ask again
            line, self._next = self._next, None
            match line.event:
                case "text":
                    self._player.played["frames"] += 1
                    return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, line.data, None)
                case "binary":
                    self._player.played["frames"] += 1
                    return aiohttp.WSMessage(aiohttp.WSMsgType.BINARY, bytes.fromhex(line.data), None)
                case "broken":
                    return aiohttp.WSMessage(aiohttp.WSMsgType.ERROR, None, None)
                case "closed":
                    return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, line.status or None, None)


async def _fail(failure: Failure) -> None:
    """Let a question end as it ended."""
    match failure:
        case "timeout":
            raise TimeoutError("as on the tape")
        case "connection":
            raise aiohttp.ClientConnectionError("as on the tape")
        case "payload":
            raise aiohttp.ClientPayloadError("as on the tape")
        case "cancelled":  # perpulse itself gave up: let it
            await asyncio.Event().wait()
    raise aiohttp.ClientError("as on the tape")


def _whole(url: Any, params: Any) -> str:
    return f"{url}?{urlencode(params)}" if params else str(url)


def _timeless(method: str, path: str, query: str, asked: str) -> tuple[str, ...]:
    kept = [(name, value) for name, value in parse_qsl(query) if name.lower() not in _TIMES]
    return (method, path, urlencode(kept), _asked_timeless(asked))


def _asked_timeless(asked: str) -> str:
    try:
        return json.dumps(_without_times(json.loads(asked)), sort_keys=True)
    except ValueError:
        return asked


def _without_times(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_times(inner) for name, inner in value.items() if name.lower() not in _TIMES}
