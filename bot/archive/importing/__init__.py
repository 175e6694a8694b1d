"""Read files of market data: the neutral format, and raw files of exchanges recognised by their content."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.archive.importing import alternative_me, binance_funding, binance_klines, neutral
from bot.archive.importing.judging import Believed, History, judge
from bot.archive.importing.model import Content, Imported, ImportedValue, ImportRefused, Problem

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Believed", "Content", "History", "ImportRefused", "Imported", "ImportedValue", "Problem", "read_file"]

# Asked in this order; adding a format is one file and one name here.
READERS: Final = (neutral.READER, binance_klines.READER, binance_funding.READER, alternative_me.READER)

_MOST_BYTES: Final = 1 << 30  # read whole into memory, several times over
_GZIP: Final = b"\x1f\x8b"
_KNOWN_BINARY: Final = (
    (b"PK", "a zip or Excel file; unpack it, or save the sheet as CSV"),
    (b"PAR1", "a Parquet file; write it as CSV"),
    (b"SQLite format 3", "a database; give it as --db"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
)


def read_file(
    path: str | Path,
    *,
    asset: str | None = None,
    now: datetime,
    past: History | None = None,
    accepted: Believed | None = None,
) -> Imported:
    """Read one file, plain or gzipped, whatever it is called.

    asset: for raw candles, which do not name their asset; else it is found in the file's name. now: an aware time;
    what lies after it is refused. past: what is stored, which the file's figures are measured against.
    accepted: days of which somebody says that they are true, so that what is only unlikely is kept.
    Bad lines are in `problems`, good ones of the same file are kept.
    Raises ImportRefused, one line that says what to do, for a file that cannot be taken at all.
    """
    path = Path(path)
    content = _open(path)
    for reader in READERS:
        if reader.recognises(content):
            draft = reader.read(content, asset, now)
            believed = accepted or Believed()
            judge(draft, now, past or History(), believed)
            return replace(draft.imported(), taken=believed.taken())
    if content.document in ([], {}):
        raise ImportRefused(f"{path.name} is an empty JSON list; there is nothing to import")
    known = ", ".join(reader.format for reader in READERS if reader is not neutral.READER)
    raise ImportRefused(
        f"{path.name} is JSON of an unknown kind ({_seen(content.document)}); known are {known}; "
        f"else write it as CSV under the header {','.join(neutral.HEADER)}"
    )


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise ImportRefused(f"{path} is a folder; name the files in it")
    if not path.exists():
        raise ImportRefused(f"{path} does not exist; check the name")
    if not path.is_file():
        raise ImportRefused(f"{path} is not a regular file; save the data to one first")
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        if raw.startswith(_GZIP):
            with gzip.open(path) as file:
                raw = file.read(_MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ImportRefused(f"{path.name} is a damaged gzip file; fetch it again") from None
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error.strerror or error}") from None
    if len(raw) > _MOST_BYTES:
        raise ImportRefused(f"{path.name} is larger than 1 GB; split it by year")
    return raw


def _open(path: Path) -> Content:
    raw = _bytes(path)
    kind = next((words for start, words in _KNOWN_BINARY if raw.startswith(start)), None)
    if kind or b"\0" in raw[:8192]:
        raise ImportRefused(f"{path.name} is {kind or 'not text; write the data as CSV or JSON in UTF-8'}")
    # Bytes that are not UTF-8 stay recognisable, so that only their own line is refused.
    text = raw.decode("utf-8-sig", errors="surrogateescape")
    if not text.strip():
        raise ImportRefused(f"{path.name} is empty; the first line must be {','.join(neutral.HEADER)}")
    if text.lstrip()[0] not in "[{":
        return Content(path.name, text)
    try:
        return Content(path.name, text, json.loads(text))
    except json.JSONDecodeError as error:
        raise ImportRefused(
            f"{path.name} line {error.lineno}: JSON that is damaged or cut off ({error.msg}); fetch it again"
        ) from None
    except RecursionError:
        raise ImportRefused(f"{path.name} is JSON nested too deeply to be market data") from None


def _seen(document: object) -> str:
    if isinstance(document, dict):
        said = document.get("msg") or document.get("error")
        return f"an error answer: {said}" if said else f"an object with {', '.join(map(str, [*document][:4]))}"
    first = document[0] if isinstance(document, list) else document
    if isinstance(first, list):
        return f"rows of {len(first)} fields"
    return f"objects with {', '.join(map(str, [*first][:4]))}" if isinstance(first, dict) else "no rows"
