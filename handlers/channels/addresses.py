"""Addresses that an owner sets, as every section reads them: a proxy, another server than the usual one, a file.

What cannot be connected to is refused here, before anything runs, and who goes in there is shown nowhere.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import AfterValidator, BaseModel, PlainSerializer, PlainValidator

_ADDRESS: Final = re.compile(
    r"(?P<scheme>\w+)://(?:(?P<inside>(?:[^@/?#\s%]|%[0-9A-Fa-f]{2})*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|(?:[\w.-]|\{venue\})+)(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?][^#\s]*)?"
)
_SIGNS: Final = "in a password @ is written %40, / %2F, ? %3F, # %23 and % %25"
_PROXY: Final = f"write it with http:// or https://, as http://host:port or http://user:password@host:port; {_SIGNS}"
_SERVER: Final = f"write it with http:// or https://, as http://host:port; {_SIGNS}"
_STREAM: Final = f"write it with http://, https://, ws:// or wss://, as ws://host:port; {_SIGNS}"
_NO_PROXY: Final = (
    "what the environment names in HTTPS_PROXY or ALL_PROXY is no proxy like http://host:port (socks is none)"
)
_HIDDEN: Final = "***"


class WebAddress(str):
    """An address whole, for who goes by it; its repr, as in a repr of the settings, leaves out who goes in there."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self.shown)

    @property
    def shown(self) -> str:
        """Return it without user and password."""
        scheme, sign, rest = self.partition("://")
        inside, at, where = rest.rpartition("@") if self._inside else ("", "", rest)
        return f"{scheme}{sign}{_HIDDEN if inside else ''}{at}{where}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return its password as it is written and as it is meant, for the log to leave out."""
        user, _, password = self._inside.partition(":")
        written = password or user  # a key may stand there alone
        return tuple(dict.fromkeys((written, unquote(written)))) if written else ()

    @property
    def _inside(self) -> str:
        found = _ADDRESS.fullmatch(self)
        return (found["inside"] or "") if found else ""


def _read(given: Any, schemes: tuple[str, ...], otherwise: str, *, bare: bool) -> WebAddress | None:
    """Read an address; None for nothing. bare: nothing but a slash may follow the host."""
    if given is None or given == "":
        return None
    found = _ADDRESS.fullmatch(given) if isinstance(given, str) else None
    if found is None or found["scheme"] not in schemes or not _can_be(found["host"], found["port"]):
        raise ValueError(otherwise)
    if bare and ((found["rest"] or "/") != "/" or "{" in found["host"]):
        raise ValueError(otherwise)
    return WebAddress(given.rstrip("/"))


def _can_be(host: str, port: str | None) -> bool:
    """Tell whether a host and a port are such that one could be connected to."""
    if port is not None and not 0 < int(port) < 65536:
        return False
    try:
        if host.startswith("["):
            IPv6Address(host[1:-1])
        else:
            host.removesuffix(".").encode("idna")  # no part of it is empty, or too long
    except ValueError:
        return False
    return True


def proxy_of(given: Any) -> WebAddress | None:
    """Read the address of a proxy; None for nothing. ValueError, in words without it, for what can be none.

    socks is none: it needs a library that is not installed.
    """
    return _read(given, ("http", "https"), _PROXY, bare=True)


def proxy_around(url: str) -> str:
    """Return the proxy that the environment names for an address, "" where it names none.

    ValueError, in words without it, for what can be none.
    """
    parts = urlsplit(url)
    known = {} if proxy_bypass(parts.netloc) else getproxies()
    try:
        return proxy_of(known.get(parts.scheme) or known.get("all")) or ""
    except ValueError:
        raise ValueError(_NO_PROXY) from None


def server_of(given: Any) -> WebAddress | None:
    """Read the address of another server; None for nothing. ValueError, in words without it, for what can be none."""
    return _read(given, ("http", "https"), _SERVER, bare=False)


def stream_of(given: Any) -> WebAddress | None:
    """Read the address of another server of streams; None for nothing. ValueError as for `server_of`."""
    return _read(given, ("ws", "wss", "http", "https"), _STREAM, bare=False)


def secrets_in(section: BaseModel) -> tuple[str, ...]:
    """Return the passwords in the addresses of a section, for the log to leave out."""
    return tuple(secret for _, value in section if isinstance(value, WebAddress) for secret in value.secrets)


def _shown(address: str | None) -> str | None:
    return address.shown if isinstance(address, WebAddress) else address


_AS_SHOWN: Final = PlainSerializer(_shown, when_used="json")


def at_home(path: Path) -> Path:
    """Return a path with `~` as the home that it stands for: a file has no shell that does it."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("write the whole path: ~ stands for nobody's home here") from None


ProxyAddress = Annotated[str | None, PlainValidator(proxy_of), _AS_SHOWN]
ServerAddress = Annotated[str | None, PlainValidator(server_of), _AS_SHOWN]
StreamAddress = Annotated[str | None, PlainValidator(stream_of), _AS_SHOWN]
FilePath = Annotated[Path, AfterValidator(at_home)]
