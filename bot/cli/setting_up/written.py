"""The file that a conversation writes: the text that is there, with some values set and every comment kept."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tomlkit

from handlers.command import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRIVATE: Final = 0o600
_EVERYBODY: Final = stat.S_IRWXO


def with_values(text: str, values: Mapping[tuple[str, ...], Any]) -> str:
    """Return a configuration with values set, by their place: ("assets",) or ("market", "venues").

    What stands there as a comment, as `# token = ""`, is taken in; all else stays as it is, to the letter.
    """
    for place in values:
        text = _taken_in(text, place)
    document = tomlkit.parse(text)
    for place, value in values.items():
        table: Any = document
        for name in place[:-1]:
            if name not in table:
                table[name] = tomlkit.table()
            table = table[name]
        table[place[-1]] = list(value) if isinstance(value, tuple) else value
    return tomlkit.dumps(document)


def _taken_in(text: str, place: tuple[str, ...]) -> str:
    """Make a key of a key that is a comment, where it is not set beside it."""
    *section, key = place
    head = rf"^\[{re.escape('.'.join(section))}\][^\n]*\n" if section else r"\A"
    found = re.search(rf"{head}(?P<body>.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None or re.search(rf"^{key}\s*=", found["body"], re.MULTILINE):
        return text
    body = re.sub(rf"^# ({key}\s*=)", r"\1", found["body"], count=1, flags=re.MULTILINE)
    return text[: found.start("body")] + body + text[found.end("body") :]


def backup_of(path: Path) -> Path:
    """Return where the file that is there now is kept."""
    return path.with_name(f"{path.name}.bak")


def write(path: Path, text: str) -> Path | None:
    """Write a configuration whole or not at all; return where the one that was there is kept, None for a new one.

    It may be read by whom the earlier one was readable, but never by everybody: there are secrets in it. Refused where
    it cannot be written.
    """
    try:
        path = path.resolve()  # a link stays one
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.stat() if path.exists() else None
        if before:
            _put(backup_of(path), path.read_text(encoding="utf-8"), before)
        _put(path, text, before)
    except OSError as error:
        raise Refused(f"{path} cannot be written ({error.strerror}). Name another place: perpulse init PATH") from None
    return backup_of(path) if before else None


def _put(path: Path, text: str, like: os.stat_result | None) -> None:
    """Put a text in place of a file in one step, with the rights of the earlier one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # for the owner alone
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if like and os.name == "posix":
            if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(fresh, like.st_uid, like.st_gid)
            fresh.chmod(stat.S_IMODE(like.st_mode) & ~_EVERYBODY | _PRIVATE)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
