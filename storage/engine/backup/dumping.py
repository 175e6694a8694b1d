"""A backup of a database on a server: made by its own pg_dump, read again before it counts, put back by pg_restore.

Both are programs of PostgreSQL's client, looked for where programs are. The password goes to them by their environment,
which other users of this machine cannot read, and never as an argument, which they can.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkstemp
from typing import IO, TYPE_CHECKING, Final

from storage.engine.backup.reading import DUMP, refuse_no_file
from storage.engine.backup.writing import PART
from storage.engine.database import StoreError
from storage.engine.postgres import troubles
from storage.engine.postgres.dialect import EMPTY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.engine.place import Server

PROGRAMS: Final = ("pg_dump", "pg_restore", "psql")
_MADE: Final = re.compile(r"^; Archive created at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC$", re.MULTILINE)
_OURS: Final = re.compile(r" TABLE DATA \S+ perpulse_steps ")
_QUIET: Final = ("--no-password", "--no-owner", "--no-privileges")  # nobody is there to be asked for a password
_INTO: Final = ("psql", "--no-psqlrc", "--no-password", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
_UNREACHED: Final = re.compile(
    r"connection to (?:server|database)|could not translate host name|connection option|\bURI\b"
    r"|sslmode value|invalid \S+ value"
)
_NOTHING: Final = "Nothing was changed."
_INSTALL: Final = "Install PostgreSQL's client of at least the server's version (postgresql-client on Debian)."


@dataclass(frozen=True, slots=True)
class Dump:
    """A file that was written and read again. at: when it was made. packed: bytes of the file."""

    file: Path
    at: datetime
    packed: int


def missing() -> str | None:
    """Say what is to be done before a server can be backed up from here; None where nothing is."""
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"{', '.join(lacking)} not found here. {_INSTALL}" if lacking else None


def name_of(server: Server) -> str:
    """Return what a database is called on its server, as a part of the name of a file."""
    return re.sub(r"[^\w.-]", "_", server.database)


def write(server: Server, target: Path) -> Dump:
    """Back a database up into `target`, which is there whole and read again, or not at all.

    StoreError, in words and without a password, where that cannot be: no program, no room, no rights, a program older
    than the server, a target that is something else. Killed in the middle, it leaves a hidden file (`.part`).
    """
    _ready()
    if target.is_dir():
        raise StoreError(f"{target} is a folder. Name a file in it, such as {target / 'perpulse.dump'}.")
    part: Path | None = None
    try:
        if target.exists() and not is_dump(target):
            raise StoreError(
                f"{target} is there and is no backup of a server, so it is left alone. Choose another name."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = mkstemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent)  # private by itself
        os.close(handle)
        part = Path(name)
        _run(
            server,
            ["pg_dump", "--format=custom", *_QUIET, f"--file={part}", f"--dbname={server}"],
            "No backup was made.",
        )
        made = _known(server, part, str(server), "No backup was made.")
        _run(server, ["pg_restore", f"--file={os.devnull}", str(part)], "No backup was made.")  # all of it, to its end
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror or error}. No backup was made.") from error
    finally:
        if part is not None:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    return Dump(target, made, target.stat().st_size)


def put(server: Server, file: Path) -> Dump:
    """Put a backup in the place of a database: all of it, or nothing is changed. StoreError where that cannot be."""
    _ready()
    refuse_no_file(file)
    try:
        if not is_dump(file):
            raise StoreError(
                f"{file} is no backup of a server. Give one that perpulse backup or pg_dump -Fc has written."
            )
        made = _known(server, file, str(file), f"{file} is not sound.")
        _run(server, ["pg_restore", f"--file={os.devnull}", str(file)], _NOTHING)  # else psql would keep the half of it
        read_aloud = ["pg_restore", "--no-owner", "--no-privileges", "--file=-", str(file)]
        with subprocess.Popen(  # noqa: S603 - a program of ours by name, and no shell
            read_aloud,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(server),
        ) as read:
            _run(server, [*_INTO, f"--command={EMPTY}", "--file=-", f"--dbname={server}"], _NOTHING, read.stdout)
        if read.returncode:
            raise StoreError(f"{file} could be read a moment ago and no longer: what was put back of it is not whole.")
        return Dump(file, made, file.stat().st_size)
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror or error}. Nothing was changed.") from error


def is_dump(file: Path) -> bool:
    """Tell whether a file is such a backup, by its first bytes. OSError where it cannot be read."""
    with file.open("rb") as raw:
        return raw.read(len(DUMP)) == DUMP


def _ready() -> None:
    if lack := missing():
        raise StoreError(f"A database on a server is backed up by pg_dump: {lack}")


def _known(server: Server, file: Path, called: str, otherwise: str) -> datetime:
    """Return when a dump was made; StoreError where it holds no database of ours.

    called: what a person knows it by. otherwise: what follows where it cannot be read.
    """
    listed = _run(server, ["pg_restore", "--list", str(file)], otherwise)
    made = _MADE.search(listed)
    if made is None or not _OURS.search(listed):
        raise StoreError(f"{called} holds no database of perpulse.")
    return datetime.strptime(made[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _run(server: Server, command: Sequence[str], otherwise: str, given: IO[bytes] | None = None) -> str:
    """Run a program and return what it says; StoreError with its error and what follows where it fails."""
    said = subprocess.run(  # noqa: S603 - a program of ours by name, and no shell
        command,
        stdin=given or subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env=_environment(server),
    )
    if said.returncode:
        lines = [line.strip() for line in said.stderr.splitlines() if "error:" in line.lower()] or said.stderr.split(
            "\n"
        )[:1]
        text = " ".join(lines[0].split()).rstrip(".")
        if _UNREACHED.search(text) and (what := troubles.trouble(None, said.stderr)):
            raise StoreError(f"{troubles.explained(server, what)} {otherwise}")
        for secret in server.secrets:
            text = text.replace(secret, "***")
        older = f" {_INSTALL}" if "version mismatch" in text else ""
        raise StoreError(f"{text}. {otherwise}{older}")
    return said.stdout


def _environment(server: Server) -> dict[str, str]:
    """Return what a program is given: where it lies, and the password of the address."""
    return os.environ | {"TZ": "UTC", "LC_ALL": "C"} | ({"PGPASSWORD": server.password} if server.password else {})
