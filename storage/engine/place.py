"""Where everything is remembered: in a file, or on a server, whose address holds a password that nobody may see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

_OURS: Final = "postgresql"
_SCHEMES: Final = (_OURS, "postgres")
_SECRET: Final = frozenset({"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})
# What PostgreSQL's client takes behind the ?; anything else it refuses in words that hold what was written.
_SETTINGS: Final = _SECRET | {
    *(
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "fallback_application_name",
    ),
    *("gssdelegation", "gssencmode", "gsslib", "host", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle"),
    *("keepalives_interval", "krbsrvname", "load_balance_hosts", "max_protocol_version", "min_protocol_version"),
    *("oauth_client_id", "oauth_issuer", "oauth_scope", "options", "passfile", "port", "replication", "require_auth"),
    *("requirepeer", "requiressl", "service", "servicefile", "ssl", "ssl_max_protocol_version"),
    *("ssl_min_protocol_version", "sslcert", "sslcertmode", "sslcompression", "sslcrl", "sslcrldir", "sslkey"),
    *("sslkeylogfile", "sslmode", "sslnegotiation", "sslrootcert", "sslsni", "target_session_attrs"),
    *("tcp_user_timeout", "user"),
}
# Stricter than PostgreSQL's client, which ends a password at the first @: what stands behind it is no longer one there.
_URL: Final = re.compile(
    rf"{_OURS}://(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?(?P<hosts>[^@/?#]*)"
    r"(?:/(?P<database>[^@/?#]*))?(?:\?(?P<query>[^@?#]*))?"
)
_HOST: Final = re.compile(r"(?:\[[^\[\]]+\]|[^:\[\]]*)(?::(?P<port>[^:]*))?")
_NO_SIGN: Final = re.compile(r"[^\x21-\x7e\xa1-\ud7ff\ue000-\U0010ffff]|%(?![0-9A-Fa-f]{2})|%00")
_ELSEWHERE: Final = re.compile(r"[A-Za-z][\w+.-]+:/|sqlite:", re.ASCII)  # of one letter it is a drive of Windows
_CONNINFO: Final = re.compile(r"(?:^|\s)(?:host|hostaddr|user|password|dbname)\s*=")
_EXAMPLE: Final = "postgresql://user:password@host/perpulse"
_SIGNS: Final = (
    "the address of the server cannot be read. In a user's name or a password these signs are written so: @ as %40, "
    "/ as %2F, ? as %3F, # as %23, % as %25, a space as %20"
)
_PORT: Final = "the port behind the host is a number from 1 to 65535; a / in a password is written %2F"
_BEHIND: Final = (
    "behind the ? of the address stand settings of PostgreSQL's client, like sslmode=require, with & between them; in "
    "a value & is written %26 and = is written %3D"
)


class PlaceError(ValueError):
    """What was given is no place for a database; the text says what to write, and nothing of what was written."""


@dataclass(frozen=True, slots=True, repr=False)
class Server:
    """The address of a database on a server. url: with its password, for who connects and for nobody else.

    Shown as text it has no password, in errors and logs too. PlaceError for what is no such address, or could be read
    in two ways.
    """

    url: str

    def __post_init__(self) -> None:
        _parts(self.url)

    def __str__(self) -> str:
        parts = _parts(self.url)
        user = f"{parts['user']}@" if parts["user"] else ""
        kept = [one for one in _settings(parts["query"]) if one.partition("=")[0] not in _SECRET]
        query = f"?{'&'.join(kept)}" if kept else ""
        return f"{_OURS}://{user}{parts['hosts']}/{parts['database']}{query}"

    def __repr__(self) -> str:
        return f"Server({str(self)!r})"

    @property
    def database(self) -> str:
        """Return what the database is called there."""
        return _meant(_parts(self.url)["database"])

    @property
    def password(self) -> str | None:
        """Return the password as it is meant; None where the address holds none."""
        parts = _parts(self.url)
        settings = dict(one.split("=") for one in _settings(parts["query"]))
        written = settings.get("password") or parts["password"]
        return _meant(written) if written else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the passwords in it, as they are written and as they are meant, for the log to leave out."""
        parts = _parts(self.url)
        settings = (one.split("=") for one in _settings(parts["query"]))
        written = [parts["password"], *(value for name, value in settings if name in _SECRET)]
        return tuple(dict.fromkeys(form for text in written if text for form in (text, _meant(text))))


def place_of(given: str | Path | Server) -> Path | Server:
    """Read where the database is: a path, or `postgresql://user:password@host/name`.

    PlaceError for the address of another kind of server, one that names no database or could be read in two ways, and
    for what SQLite alone would understand.
    """
    if isinstance(given, Server):
        return given
    text = str(given)
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in _SCHEMES:
        where = rest.lstrip("/")
        if isinstance(given, Path):  # an address that was read as a path has lost slashes
            local = "" if re.search("[/@]", where.partition("?")[0]) else "/"  # no host: the server of this machine
            return Server(f"{_OURS}://{local}{where}")
        if rest.startswith("//"):
            return Server(f"{_OURS}:{rest}")
    if text.startswith(("file:", ":memory:")):
        raise PlaceError("write the path of a file, like data/perpulse.db, without file: or :memory:")
    if _ELSEWHERE.match(text) or _CONNINFO.search(text) or (colon and scheme.lower() in _SCHEMES):
        raise PlaceError(f"it is a path, or an address like {_EXAMPLE}")
    try:
        return Path(given).expanduser()  # a file has no shell that does it
    except RuntimeError:
        raise PlaceError("write the whole path: ~ stands for nobody's home here") from None


def place_given(given: object) -> Path | Server:
    """Read what stands in a configuration, where anything may stand. PlaceError for what is no place."""
    if not isinstance(given, str | Path | Server) or not str(given):
        raise PlaceError(f"write a path, or an address like {_EXAMPLE}")
    return place_of(given)


def _parts(url: str) -> re.Match[str]:
    """Return the parts of an address as they are written. PlaceError where it is none."""
    found = None if _NO_SIGN.search(url) else _URL.fullmatch(url)
    if found is None:
        raise PlaceError(_SIGNS)
    if not found["database"]:
        raise PlaceError(f"name the database too, like {_EXAMPLE}")
    hosts = [_HOST.fullmatch(host) for host in found["hosts"].split(",")]
    settings = [one.partition("=") for one in _settings(found["query"])]
    ports = [host and host["port"] for host in hosts]
    ports += [port for name, _, value in settings if name == "port" for port in value.split(",")]
    if not all(hosts) or not all(_is_port(port) for port in ports if port):
        raise PlaceError(_PORT)
    if any(name not in _SETTINGS or not sign or "=" in value for name, sign, value in settings):
        raise PlaceError(_BEHIND)
    return found


def _settings(query: str | None) -> list[str]:
    return query.split("&") if query else []


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def _meant(written: str) -> str:
    return unquote(written, errors="surrogateescape")  # whatever bytes it has: they are handed on as they are
