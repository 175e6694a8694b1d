"""Stored history as a file, in the format that `perpulse import` reads, or as Parquet."""

from __future__ import annotations

import gzip
import importlib
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

from bot.archive.importing.bars import STEPS, step_name
from bot.archive.importing.neutral import HEADER
from handlers.command import Refused
from signals.assets import assets_of
from signals.inputs import INPUTS
from signals.units import SECOND_MS, from_ms
from storage.market import history

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from storage.engine.database import Store
    from storage.market.history import Part, StoredValue

KINDS: Final = (".csv", ".csv.gz", ".parquet")
_GROUP: Final = 100_000  # values of one row group of a Parquet file


class Sheet(Protocol):
    """A file that takes values page by page."""

    def take(self, page: list[StoredValue]) -> None:
        """Write values, ascending in time within their part."""
        ...

    def end(self) -> None:
        """Write what comes last."""
        ...


@dataclass(slots=True)
class Exported:
    """What was written."""

    count: int = 0
    assets: set[str] = field(default_factory=set)
    first: int = 1 << 62
    last: int = 0


def parts(
    store: Store, assets: list[str] | None, names: list[str] | None, bars: str | None
) -> tuple[list[Part], list[Part]]:
    """Find what is asked for. Refused where nothing of it is stored."""
    for name in names or ():
        if name not in INPUTS:
            near = get_close_matches(name, INPUTS, 1)
            raise Refused(
                f"There is no input {name!r}; "
                + (f"did you mean {near[0]}?" if near else f"known: {', '.join(INPUTS)}.")
            )
    known = {row.asset for row in history.parts(store)[0]} if store.exists else set()  # looking makes no file
    if not known:
        raise Refused("Nothing is stored yet. Bring history in with: perpulse backfill BTC, or perpulse import FILE.")
    wanted = assets_of(assets) if assets else None
    if missing := [name for name in wanted or () if name not in known]:
        raise Refused(f"Nothing is stored of {', '.join(missing)}. Stored: {', '.join(sorted(known))}.")
    found, left = history.parts(store, assets=wanted, names=names, step=_seconds(bars) if bars else None)
    if not found:
        raise Refused("Nothing of that is stored. perpulse status says what is, and from when.")
    return found, left


def _seconds(bars: str) -> int:
    lengths = {step_name(step): step // SECOND_MS for step in STEPS}
    if bars.lower() not in lengths:
        raise Refused(f"--bars takes a length: {', '.join(lengths)}.")
    return lengths[bars.lower()]


def write(store: Store, every: Sequence[Part], sheet: Sheet, first: datetime | None, last: datetime | None) -> Exported:
    """Write the values of the parts between two moments into a sheet, and return what they were."""
    told = Exported()
    for part in every:
        lengths = _Lengths(part)
        for page in history.values(store, part, start=first, end=last):
            sheet.take(page)
            lengths.take(page)
            told.count += len(page)
            told.assets.add(part.asset)
            told.first, told.last = min(told.first, page[0][0]), max(told.last, page[-1][0])
        if isinstance(sheet, _Csv) and lengths.unclear:
            sheet.remarks.append(f"# bars of {part.venue} {part.asset} last {part.step} s")
    sheet.end()
    return told


class _Lengths:
    """Watch whether the times of bars tell how long the bars are: most are one length after the one before."""

    def __init__(self, part: Part) -> None:
        self._step = part.step * SECOND_MS
        self._last: dict[str, int] = {}
        self._next: defaultdict[str, int] = defaultdict(int)  # by input: more next to each other than not

    def take(self, page: list[StoredValue]) -> None:
        for at, _, _, name, _ in page if self._step else ():
            before = self._last.get(name)
            self._next[name] += 0 if before is None else 1 if at - before == self._step else -1
            self._last[name] = at

    @property
    def unclear(self) -> bool:
        return bool(self._last) and (self._step not in STEPS or any(n <= 0 for n in self._next.values()))


# --- files ------------------------------------------------------------------------------------------------------------


@contextmanager
def sheet(file: Path, kind: str) -> Iterator[Sheet]:
    """Open a file to be written; it gets its name when it is whole. Refused where it is there or cannot be made."""
    if file.exists():
        raise Refused(f"{file} exists and is left alone. Name another file, or move it away.")
    arrow = _arrow() if kind == ".parquet" else None
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if arrow is not None:
            sheet = _Parquet(arrow, part)
            try:
                yield sheet
            finally:
                sheet.close()
        else:
            with _text(part, packed=kind == ".csv.gz") as text:
                yield _Csv(text)
        part.replace(file)
    except OSError as error:
        raise Refused(f"{file} cannot be written ({error.strerror or error}). Name another place.") from None
    finally:
        with suppress(OSError):
            part.unlink()


def _text(path: Path, *, packed: bool) -> TextIO:
    if packed:
        return gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=6)
    return path.open("w", encoding="utf-8", newline="")


class _Csv:
    """The neutral format. remarks: comment lines for its end, where no other reader stumbles over them."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.remarks: list[str] = []
        text.write(",".join(HEADER) + "\n")

    def take(self, page: list[StoredValue]) -> None:
        times: dict[int, str] = {}
        lines = []
        for at, venue, asset, name, value in page:
            if at not in times:
                times[at] = moment(at, exact=True)
            lines.append(f"{times[at]},{venue},{asset},{name},{value!r}\n")
        self._text.writelines(lines)

    def end(self) -> None:
        self._text.writelines(f"{line}\n" for line in self.remarks)


class _Parquet:
    """The same five columns, in row groups."""

    def __init__(self, arrow: Any, path: Path) -> None:
        self._arrow, self._path = arrow, path
        self._writer: Any = None
        self._waiting: list[StoredValue] = []

    def take(self, page: list[StoredValue]) -> None:
        self._waiting += page
        if len(self._waiting) >= _GROUP:
            self._flush()

    def end(self) -> None:
        if self._waiting:
            self._flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        import pandas as pd  # noqa: PLC0415 - a CSV needs none

        frame = pd.DataFrame(self._waiting, columns=list(HEADER))
        frame["at"] = pd.to_datetime(frame["at"], unit="ms", utc=True).dt.as_unit("ms")
        self._waiting = []
        table = self._arrow.Table.from_pandas(frame, preserve_index=False)
        if self._writer is None:
            self._writer = self._arrow.parquet.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table.cast(self._writer.schema))


def _arrow() -> Any:
    try:
        importlib.import_module("pyarrow.parquet")
        return importlib.import_module("pyarrow")
    except ImportError:
        raise Refused(
            "Parquet needs pyarrow, which is not installed: run `.venv/bin/python -m pip install pyarrow`, or write "
            "FILE.csv.gz."
        ) from None


def moment(at: int, *, exact: bool = False) -> str:
    """Write a time; `exact` as ISO-8601 in UTC, with milliseconds where it has any."""
    moment = from_ms(at).astimezone(UTC)
    if not exact:
        return f"{moment:%Y-%m-%d %H:%M}"
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds" if at % SECOND_MS else "seconds") + "Z"
