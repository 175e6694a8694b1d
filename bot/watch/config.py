"""What the owner may set of being watched, and of backups."""

from __future__ import annotations

import ipaddress
from datetime import time
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from handlers.channels.addresses import FilePath

_SINGLE_HOSTS = (".local", ".lan", ".home", ".internal", ".home.arpa")  # names that no public server has


class WatchSection(BaseModel):
    """How others see that perpulse is well. /healthz and /metrics have no password; without `listen` there are none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str | None = Field(None, description='where /healthz and /metrics are, as "127.0.0.1:9464"')
    listen_publicly: bool = Field(default=False, description="whether `listen` may be more than this machine")
    dead_mans_switch: SecretStr | None = Field(
        None, description="a secret address that is called after good turns, such as one of healthchecks.io"
    )
    disk_free_mb: int = Field(500, ge=1, description="below so much free room owners are told")

    @field_validator("listen")
    @classmethod
    def _place(cls, value: str | None) -> str | None:
        if value is not None:
            place_of(value)
        return value

    @field_validator("dead_mans_switch")
    @classmethod
    def _address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value.get_secret_value().strip())
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if host is None or parts.scheme not in {"http", "https"} or parts.username or parts.password:
            raise ValueError("write the whole address, like https://hc-ping.com/your-uuid")
        if parts.scheme == "http" and not _is_near(host):
            raise ValueError("write https://: whoever reads the secret on its way can keep the switch from going off")
        return SecretStr(value.get_secret_value().strip())

    @model_validator(mode="after")
    def _loopback(self) -> WatchSection:
        if self.listen and not self.listen_publicly and not _is_loopback(place_of(self.listen)[0]):
            raise ValueError(
                "listen can be reached from outside this machine, and /healthz and /metrics have no password: whoever "
                "reaches them reads how many chats there are, what is followed and what fails. Write 127.0.0.1:9464, "
                "with a proxy that asks for a password before it, or listen_publicly = true where the network is yours"
            )
        return self


class BackupSection(BaseModel):
    """Backups while perpulse runs: each is packed, read again, and private. They are put back by `perpulse restore`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: FilePath | None = Field(
        None, description="where they are kept, best on another disk; without it none are made"
    )
    every_hours: int = Field(24, ge=1, le=24 * 28, description="how often")
    at: str = Field("03:30", description="one of the times (UTC) at which one is made; the others follow from it")
    keep: int = Field(7, ge=1, le=10_000, description="so many; older ones of this database are removed, nothing else")

    @field_validator("at")
    @classmethod
    def _time(cls, value: str) -> str:
        try:
            return f"{time.fromisoformat(value):%H:%M}"
        except ValueError:
            raise ValueError('write a time like "03:30"') from None


def place_of(listen: str) -> tuple[str, int]:
    """Return host and port of an address to listen at. ValueError for what is none."""
    host, colon, port = listen.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("write an address and a port, like 127.0.0.1:9464")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_near(host: str) -> bool:
    """Tell whether a host is of the owner's own network, as far as its name says so."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.lower().endswith(_SINGLE_HOSTS)
    return address.is_private or address.is_loopback
