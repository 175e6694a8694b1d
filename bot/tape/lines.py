"""The lines of a tape: what stands on each, how it is written and read, and what is never on it."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

_SECRET: Final = re.compile(
    r"(api.?key|signature|sign|token|secret|passphrase|password|recv.?window|auth\w*)", re.IGNORECASE
)
_SECRET_IN_BODY: Final = re.compile(
    r'("(?:api_?key|signature|token|secret|passphrase|password)"\s*:\s*)"[^"]*"', re.IGNORECASE
)
_KEPT_HEADERS: Final = frozenset({"content-type", "retry-after"})

Failure = Literal["", "timeout", "connection", "payload", "client", "cancelled"]
Event = Literal["opened", "refused", "failed", "sent", "text", "binary", "closed", "broken", "left"]


@dataclass(frozen=True, slots=True)
class Begin:
    """The first line of a part. run: the same in all parts of one run; followed: what the configuration asked for."""

    at: datetime
    run: str
    part: int
    perpulse: str
    assets: list[str]
    market: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Began:
    """The moment at which sources (none: all) were asked what was due; asset: for that one, since somebody asked.

    glance: it is not followed, and nothing of it was kept.
    """

    at: datetime
    number: int
    sources: list[str] = field(default_factory=list)
    asset: str = ""
    glance: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The moment at which what the round `number` had brought was stored."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Turn:
    """The moment at which what was stored was judged."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer over HTTP, at its receipt. query: sorted; asked: the body of the question; failure: no answer came."""

    at: datetime
    method: str
    host: str
    path: str
    query: str = ""
    asked: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    failure: Failure = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What happened on the connection number `socket` of a venue's stream.

    event: what. opened, refused, failed: how connecting ended, at `url`; sent, text, binary: a frame of ours, of
    theirs, and one that is no text (as hexadecimal digits); closed, broken: they ended it; left: we did. data: the
    frame as it came. status and headers: of a refusal; status: of a close. failure: why there was no connection.
    """

    at: datetime
    venue: str
    socket: int
    event: Event
    data: str = ""
    url: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    failure: Failure = ""


Line = Begin | Began | Ended | Turn | Answered | Heard
_KINDS: Final[dict[str, type[Line]]] = {
    "begin": Begin,
    "round": Began,
    "stored": Ended,
    "turn": Turn,
    "answer": Answered,
    "stream": Heard,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_FIELDS: Final = {kind: {field.name: field for field in fields(kind)} for kind in _NAMES}


def written(line: Line) -> str:
    """Write a line as JSON, without what is as usual."""
    found: dict[str, Any] = {"line": _NAMES[type(line)]}
    for name, declared in _FIELDS[type(line)].items():
        value = getattr(line, name)
        if declared.default is MISSING and (declared.default_factory is MISSING or value):
            found[name] = value.isoformat() if name == "at" else value
        elif declared.default is not MISSING and value != declared.default:
            found[name] = value
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> Line:
    """Read a line. ValueError, TypeError or KeyError for what is none."""
    found = json.loads(text)
    kind = _KINDS[found.pop("line")]
    at = datetime.fromisoformat(found.pop("at"))
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    for name, value in found.items():
        if not isinstance(value, _TYPES[str(_FIELDS[kind][name].type).partition("[")[0]]):
            raise TypeError(name)
    return kind(at=at, **found)


_TYPES: Final = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict, "Failure": str, "Event": str}


def kept(headers: Any) -> dict[str, str]:
    """Keep the headers that something depends on."""
    return {name.lower(): str(value) for name, value in headers.items() if name.lower() in _KEPT_HEADERS}


def query(text: str) -> str:
    """Sort a query, and take the values of what is secret out."""
    found = sorted(parse_qsl(text, keep_blank_values=True))
    return urlencode([(name, "removed" if _SECRET.fullmatch(name) else value) for name, value in found])


def body(text: bytes | str | None) -> str:
    """Take what is secret out of a body or a frame."""
    whole = text.decode("utf-8", "replace") if isinstance(text, bytes) else text or ""
    return _SECRET_IN_BODY.sub(r'\1"removed"', whole)


def address(url: str) -> str:
    """Return an address without user, password, and the values of what is secret."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    asked = f"?{query(parts.query)}" if parts.query else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}{asked}"
