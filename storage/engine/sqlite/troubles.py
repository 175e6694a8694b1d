"""What may be the matter with a file, known by its errors, and how that is said."""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from storage.engine.database import StoreError
from storage.engine.sqlite.dialect import SQLITE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from storage.engine.presence import Loss
    from storage.engine.sqlite.dialect import Trouble

_NEAR: Final = 1 << 20  # bytes: so near to its limit a file was to be written beyond it
_LIMIT: Final = "no file may be larger here, by `ulimit -f`, LimitFSIZE= of systemd, or the file system"
_LOST: Final[Mapping[Loss, str]] = {
    "deleted": "{path} was deleted while perpulse runs. A running bot puts it back within a moment.",
    "replaced": "{path} was replaced by another file while perpulse runs. Start perpulse again.",
    "log": "the log of {path} was taken away while perpulse runs. A running bot mends it within a moment.",
}
_SAID: Final[Mapping[Trouble, str]] = {
    "rights": "{path} cannot be written: check the rights of the folder, or give --db PATH.",
    "damaged": (
        "{path} is damaged or no database. Move it away, or put a copy back: perpulse restore FILE, with a backup or "
        "one of {name}.*.bak beside it."
    ),
    "busy": "{path} is in use by another program that does not let go. Stop it and try again.",
    "full": "the disk that holds {path} is full. Make room; nothing stored was lost.",
    "limit": "{path} cannot grow: {limit}. Raise that; nothing stored was lost.",
    "disk": "the disk that holds {path} does not work: {name} could not be read or written. Look at the disk.",
}


def said(what: Trouble, path: Path) -> StoreError:
    """Say what is the matter with the database, and what to do."""
    return StoreError(_SAID[what].format(path=path, name=path.name, limit=_LIMIT))


def lost(loss: Loss, path: Path) -> StoreError:
    """Say what became of its files."""
    return StoreError(_LOST[loss].format(path=path))


def check_kind(path: Path) -> None:
    """Raise StoreError where what lies there is something else than a file: a pipe would be waited on for ever."""
    if path.is_dir():
        raise StoreError(f"{path} is a folder: give --db the name of a file in it, such as perpulse.db.")
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is a device or a pipe, where nothing is kept: give --db the name of a file.")


def explained(path: Path, error: Exception) -> StoreError:
    """Say what is the matter with the database by an error, and what to do."""
    try:
        check_kind(path)
    except StoreError as other:
        return other
    except OSError:
        pass
    text = str(error)
    if isinstance(error, PermissionError):
        return said("rights", path)
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return said("limit", path)
    if isinstance(error, OSError):
        return StoreError(f"{path} cannot be used: {error.strerror or text}. Give another file with --db.")
    what = SQLITE.trouble(text)
    if what == "disk" and _is_limited(path):
        what = "limit"
    return said(what, path) if what else StoreError(f"{path}: {text}")


def reason(error: Exception, *files: Path) -> str:
    """Return what an error says, for a sentence about files that could not be written."""
    if isinstance(error, OSError):
        return _LIMIT if error.errno == errno.EFBIG else error.strerror or str(error)
    limited = SQLITE.trouble(str(error)) == "disk" and any(map(_is_limited, files))
    return _LIMIT if limited else str(error)


def _is_limited(path: Path) -> bool:
    """Tell whether a file or its log is as large as this process may make one: SQLite says only that writing fails."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return False
    most, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most == resource.RLIM_INFINITY:
        return False
    size = 0
    for suffix in ("", *SQLITE.beside, *SQLITE.passing):
        with suppress(OSError):
            size = max(size, path.with_name(path.name + suffix).stat().st_size)
    return size + _NEAR >= most
