"""A tape: every raw answer as one line of JSON, and a session that plays it back through the same code.

A session is the lowest place that all sources share: what the exchange really sent is below it, and everything that
perpulse and ccxt do with it is above. So a person's tape shows a bug, and the tests can play it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    import aiohttp

Make = Callable[[], Any]  # makes an aiohttp session
Wrap = Callable[[Make], Any]  # gives a session of ours in its place

_SECRET: Final = re.compile(
    r"(api.?key|signature|sign|token|secret|passphrase|password|recv.?window|auth\w*)", re.IGNORECASE
)
_SECRET_IN_BODY: Final = re.compile(
    r'("(?:api_?key|signature|token|secret|passphrase|password)"\s*:\s*)"[^"]*"', re.IGNORECASE
)
_TIMES: Final = frozenset(  # what a question says about when: on a tape it was asked at another time
    {
        "start", "end", "starttime", "endtime", "from", "to", "begin", "after", "before", "startat", "endat",
        "start_timestamp", "end_timestamp", "timestamp", "limit",
    }
)  # fmt: skip
_KEPT_HEADERS: Final = frozenset({"content-type", "retry-after"})
NOT_ON_TAPE: Final = 599


class TapeError(Exception):
    """The tape cannot be used; the text says which file and why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One answer. query: sorted; asked: the body of the question, for venues that are asked by POST."""

    method: str
    host: str
    path: str
    query: str
    asked: str
    status: int
    headers: dict[str, str]
    body: str
    received_at: str

    @property
    def at(self) -> datetime:
        """Return when the answer was received."""
        return datetime.fromisoformat(self.received_at)


class Recorder:
    """Write every answer to a file of its own in a folder. TapeError when it cannot be written."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / f"{clock():%Y%m%dT%H%M%S}.jsonl"
            self.path.touch()
        except OSError as error:
            raise TapeError(f"--record: {folder} cannot be written ({error.strerror}). Name another folder.") from None

    def wrap(self, make: Make) -> Any:
        """Return a session that does what the one made does, and writes it down."""
        return _Recording(make(), self)

    def write(self, method: str, url: str, asked: bytes | str | None, status: int, headers: Any, body: str) -> None:
        """Append one answer, with what is secret taken out, so that a cut loses one line at most."""
        parts = urlsplit(url)
        line = Line(
            method,
            parts.hostname or "",
            parts.path,
            _query(parts.query),
            _body(asked),
            status,
            {name.lower(): str(value) for name, value in headers.items() if name.lower() in _KEPT_HEADERS},
            _SECRET_IN_BODY.sub(r'\1"removed"', body),
            self._clock().isoformat(),
        )
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(line), ensure_ascii=False) + "\n")


class Tape:
    """Recorded answers, played back in their order to whoever asks the same.

    The same: method, path, and what is asked apart from times, since on a tape it was asked at another time. The answer
    that fits those times too goes first. What is not on the tape gets a status that no server has.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._exact: dict[tuple[str, ...], deque[int]] = defaultdict(deque)
        self._alike: dict[tuple[str, ...], deque[int]] = defaultdict(deque)
        self._lines = sorted(lines, key=lambda each: each.at)
        if not self._lines:
            raise TapeError("The tape is empty.")
        self._played: set[int] = set()
        for place, line in enumerate(self._lines):
            self._exact[line.method, line.path, line.query, line.asked].append(place)
            self._alike[_timeless(line.method, line.path, line.query, line.asked)].append(place)

    @classmethod
    def read(cls, folder: Path) -> Tape:
        """Read all files of a folder, or one file. TapeError names the file and line that cannot be read."""
        files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else [folder]
        lines: list[Line] = []
        for file in files:
            try:
                text = file.read_text(encoding="utf-8")
            except OSError as error:
                raise TapeError(f"--tape: {file} cannot be read ({error.strerror}).") from None
            *whole, last = text.split("\n")
            for number, each in enumerate([*whole, last], start=1):
                if not each.strip():
                    continue
                try:
                    lines.append(Line(**json.loads(each)))
                except (ValueError, TypeError):
                    if number > len(whole):  # the recorder was cut in its last line
                        continue
                    raise TapeError(f"--tape: {file} line {number} is no line of a tape.") from None
        if not lines:
            raise TapeError(f"--tape: {folder} holds no recorded answers (files *.jsonl).")
        return cls(lines)

    @property
    def begin(self) -> datetime:
        """Return when the first answer was received: the clock of a run begins there."""
        return self._lines[0].at

    @property
    def left(self) -> int:
        """Return how many answers have not been played yet."""
        return len(self._lines) - len(self._played)

    def wrap(self, make: Make) -> Any:  # noqa: ARG002 -- the network is not used
        """Return a session that plays the tape."""
        return _Playing(self)

    def answer(self, method: str, url: str, asked: bytes | str | None) -> Line | None:
        """Return the next answer to a question; None when the tape has none left."""
        parts = urlsplit(url)
        query, body = _query(parts.query), _body(asked)
        for queue in (
            self._exact.get((method, parts.path, query, body)),
            self._alike.get(_timeless(method, parts.path, query, body)),
        ):
            while queue:
                place = queue.popleft()
                if place not in self._played:
                    self._played.add(place)
                    return self._lines[place]
        return None


class ShiftedClock:
    """The machine's clock, put back to the time of a tape: it goes at the same speed, from another beginning."""

    def __init__(self, clock: Any, begin: datetime) -> None:
        self._clock, self._behind = clock, clock.now() - begin

    def now(self) -> datetime:
        """Return the time on the tape, in UTC."""
        shifted: datetime = self._clock.now() - self._behind
        return shifted

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        seconds: float = self._clock.monotonic()
        return seconds


@dataclass(frozen=True, slots=True)
class _Played:
    """As much of an aiohttp answer as ccxt and our sources read."""

    status: int
    headers: CIMultiDict[str]
    _text: str
    reason: str = ""
    content: bytes = b""

    async def text(self, *, errors: str = "strict") -> str:  # noqa: ARG002 -- aiohttp's own signature
        return self._text


class _Session:
    """The part of aiohttp.ClientSession that ccxt and our sources use."""

    headers: Mapping[str, str] = MappingProxyType({})  # ccxt merges those of the session into its own

    def get(self, url: Any, **more: Any) -> Any:
        return self.request("GET", url, **more)

    def post(self, url: Any, **more: Any) -> Any:
        return self.request("POST", url, **more)

    def request(self, method: str, url: Any, **more: Any) -> Any:
        raise NotImplementedError


class _Recording(_Session):
    def __init__(self, session: aiohttp.ClientSession, recorder: Recorder) -> None:
        self._session, self._recorder = session, recorder

    @asynccontextmanager
    async def request(self, method: str, url: Any, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._session.request(method, url, **more) as response:
            body = await response.text(errors="replace")  # aiohttp keeps it: whoever reads it next gets the same
            self._recorder.write(method, str(response.url), more.get("data"), response.status, response.headers, body)
            yield response

    async def close(self) -> None:
        await self._session.close()


class _Playing(_Session):
    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    @asynccontextmanager
    async def request(self, method: str, url: Any, **more: Any) -> AsyncIterator[_Played]:
        query = more.get("params")
        whole = f"{url}?{urlencode(query)}" if query else str(url)
        await asyncio.sleep(0)
        line = self._tape.answer(method, whole, more.get("data"))
        if line is None:
            yield _Played(NOT_ON_TAPE, CIMultiDict(), "not on the tape", "not on the tape")
        else:
            yield _Played(line.status, CIMultiDict(line.headers), line.body)

    async def close(self) -> None:
        """Close nothing: there is no connection."""


def _query(text: str) -> str:
    """Sort a query, and take the values of what is secret out."""
    found = sorted(parse_qsl(text, keep_blank_values=True))
    return urlencode([(name, "removed" if _SECRET.fullmatch(name) else value) for name, value in found])


def _body(asked: bytes | str | None) -> str:
    text = asked.decode("utf-8", "replace") if isinstance(asked, bytes) else asked or ""
    return _SECRET_IN_BODY.sub(r'\1"removed"', text)


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
    return {name: _without_times(each) for name, each in value.items() if name.lower() not in _TIMES}
