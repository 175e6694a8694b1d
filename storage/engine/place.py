"""Where everything is remembered: in a file, or on a server, whose address holds a password that nobody may see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

_SCHEMES: Final = ("postgresql", "postgres")
_SECRET: Final = frozenset({"password", "sslpassword"})


class PlaceError(ValueError):
    """What was given is no place for a database; the text says what to write, and nothing of what was written."""


@dataclass(frozen=True, slots=True, repr=False)
class Server:
    """The address of a database on a server. url: with its password, for who connects and for nobody else.

    Shown as text it has no password, in errors and logs too.
    """

    url: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        _, at, host = parts.netloc.rpartition("@")
        query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key not in _SECRET], safe="/,")
        user = f"{parts.username}@" if at and parts.username else ""
        return f"postgresql://{user}{host}{parts.path}{'?' if query else ''}{query}"

    def __repr__(self) -> str:
        return f"Server({str(self)!r})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the passwords in it, as they are written and as they are meant, for the log to leave out."""
        parts = urlsplit(self.url)
        written = [parts.password, *(value for key, value in parse_qsl(parts.query) if key in _SECRET)]
        return tuple(dict.fromkeys(form for text in written if text for form in (text, unquote(text))))


def place_of(given: str | Path | Server) -> Path | Server:
    """Read where the database is: a path, or `postgresql://user:password@host/name`.

    PlaceError for the address of another kind of server, or one that names no database.
    """
    if isinstance(given, Path):  # an address that was read as a path has lost slashes
        scheme, found, rest = str(given).partition(":/")
        local = "" if "/" in rest.partition("?")[0] else "/"  # no host: the server of this machine
        given = f"{scheme}://{local}{rest}" if found and scheme in _SCHEMES else given
    if not isinstance(given, str) or "://" not in given:
        return given if isinstance(given, Server) else Path(given)
    scheme = given.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise PlaceError("it is a path, or an address like postgresql://user:password@host/perpulse")
    try:
        parts = urlsplit(given)
        _ = parts.port
    except ValueError:
        raise PlaceError(
            "the address of the server cannot be read; signs like @ and / in a password are written %40 and %2F"
        ) from None
    if not parts.path.strip("/"):
        raise PlaceError("name the database too, like postgresql://user:password@host/perpulse")
    return Server(given)


def place_given(given: object) -> Path | Server:
    """Read what stands in a configuration, where anything may stand. PlaceError for what is no place."""
    if not isinstance(given, str | Path | Server) or not str(given):
        raise PlaceError("write a path, or an address like postgresql://user:password@host/perpulse")
    return place_of(given)
