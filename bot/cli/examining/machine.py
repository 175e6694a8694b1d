"""What perpulse needs of this machine: Python, libraries, its configuration, room on the disk, and pictures."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import stat
import sys
from contextlib import closing, suppress
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from bot.cli.examining.examined import Examined
from bot.watch.config import place_of
from handlers.channels.addresses import proxy_around
from handlers.charts import content
from handlers.charts.process import ChartRenderer
from signals.metric import metrics
from storage.engine.place import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from bot.config import Config

LIBRARIES: Final = ("ccxt", "pandas", "sqlite-utils", "matplotlib")
_SECONDS: Final = 3.0
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def programs(settings: Config) -> Iterator[Examined]:
    """Look at Python and at the libraries of what runs."""
    recent = sys.version_info >= (3, 11)
    said = f"Python {platform.python_version()} (3.11 or newer is needed)"
    yield Examined("python", "good" if recent else "mend", said, "" if recent else "Install a newer Python.")
    of_channels = dict.fromkeys(library for section in settings.speaking() for library in section.libraries)
    for name in (*LIBRARIES, *of_channels):
        try:
            yield Examined(f"library.{name}", "good", f"{name} {version(name)}")
        except PackageNotFoundError:
            todo = "Run `make run` once, or install perpulse again."
            yield Examined(f"library.{name}", "mend", f"{name} is not installed", todo)


def configuration(path: Path | None, settings: Config) -> Examined:
    """Look at the file that the settings were read from, and at who may read the secrets in it."""
    if path is None:
        return Examined("config", "open", "no config.toml is here, so every setting is the default", "perpulse init")
    if not path.is_file():  # of a pipe there is nothing left to look at
        return Examined("config", "good", f"{path} is read")
    written = path.read_text(encoding="utf-8")
    secret = any(text in written for text in settings.secrets())
    if secret and os.name == "posix" and path.stat().st_mode & _OTHERS:
        return Examined("config", "mend", f"{path} holds a secret and others may read it", f"chmod 600 {path}")
    return Examined("config", "good", f"{path} is read" + (", and by nobody else" if secret else ""))


def proxy(settings: Config) -> Iterator[Examined]:
    """Look at the proxy of the environment, where it names one that can be none; exchanges have one of their own."""
    todo = "Name one like http://host:port, or unset HTTPS_PROXY and ALL_PROXY"
    by_it = [channel for channel in settings.speaking() if channel.by_environment]
    for channel in by_it:
        try:
            proxy_around(channel.by_environment or "")
        except ValueError as error:
            said = f"{channel.called} cannot be reached: {error}"
            yield Examined("proxy", "mend", said, f"{todo}, or set {channel.place}.proxy.")
    if not by_it:
        try:
            proxy_around("https://")
        except ValueError as error:
            yield Examined("proxy", "open", f"{error}; nothing here goes by it", f"{todo}.")


def room(settings: Config) -> Examined:
    """Look at the room that is left where the database lies, or will lie."""
    database, least = settings.database, settings.watch.disk_free_mb
    if isinstance(database, Server):
        return Examined("disk", "open", f"the disk of {database} is the server's, and not looked at from here")
    folder = next(parent for parent in (database.absolute(), *database.absolute().parents) if parent.is_dir())
    free = shutil.disk_usage(folder).free
    if free < least * 1_000_000:
        said = f"the disk of {database} has {free / 1e6:,.0f} MB left"
        return Examined("disk", "mend", said, f"Make room: {least:,} MB should be free.")
    return Examined("disk", "good", f"the disk of {database} has {free / 1e9:,.1f} GB left")


def listener(settings: Config) -> Examined:
    """Look whether /healthz can be where it is wanted, or is there already."""
    place = settings.watch.listen
    if not place:
        return Examined("listener", "open", "nobody can watch it: watch.listen is not set")
    host, port = place_of(place)
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return Examined("listener", "good", f"/healthz can be at {place}")
    except OSError as error:
        why = error.strerror or str(error)
    with suppress(OSError, HTTPException), closing(HTTPConnection(host, port, timeout=_SECONDS)) as line:
        line.request("GET", "/livez")
        if line.getresponse().getheader("Server") == "perpulse":
            return Examined("listener", "good", f"a perpulse that runs answers at {place}")
    return Examined("listener", "mend", f"/healthz cannot be at {place}: {why}", "Give another port as watch.listen.")


async def pictures(now: datetime) -> Examined:
    """Draw a small picture as the bot would: in a process of its own, with the fonts that are here."""
    renderer = ChartRenderer()
    try:
        metric = metrics()["price_drawdown"]
        at = [now - timedelta(days=day) for day in (3, 2, 1)]
        png = await renderer.draw(content.spec(metric, asset="BTC", at=at, values=[-0.1, -0.2, -0.1]))
    finally:
        renderer.close()
    if png is None:
        todo = "Messages go without them. The log of `perpulse run` says why, once somebody asks for /chart."
        return Examined("pictures", "mend", "no picture can be drawn", todo)
    return Examined("pictures", "good", f"pictures are drawn ({len(png) / 1000:,.0f} kB)")
