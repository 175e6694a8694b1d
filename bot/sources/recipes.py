"""What one row of the venue table is made of: a contract, a way to ask, and the three readers.

A recipe turns one venue's raw answers into our units. It sees JSON and nothing of ccxt, so that it can be read beside
the exchange's own documentation and fed with recorded answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from storage.points import Points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.sources import Ask
    from bot.sources.contracts import Contract

HOUR = timedelta(hours=1)


class Unreadable(ValueError):  # noqa: N818 -- it names the answer, as SourceDown names the source
    """An answer that parsed, but does not say what it must: missing rows, a foreign symbol, an odd clock."""


class Raw(Protocol):
    """Ask the venue one raw question by the name of ccxt's implicit method; the answer is a dict or a list.

    shared: the answer is the same for all assets, so one request serves every ask of the same moment.
    """

    async def __call__(self, method: str, params: Mapping[str, str | int], *, shared: bool = False) -> Any:
        """Return the parsed answer; its shape is for the recipe to check."""
        ...


Recipe = Callable[[Raw, "Contract", "Ask"], Awaitable[list[Points]]]


@dataclass(frozen=True, slots=True)
class Page:
    """One stretch of a history question, in the venue's milliseconds, both ends inclusive."""

    start: int
    end: int


def pages(since: datetime, until: datetime, step: timedelta, rows: int, most: int) -> list[Page]:
    """Cut [since, until] into stretches of at most `rows` points, oldest first, and no more than `most` of them.

    What lies beyond the last page is asked next time, when the newest stored point has moved on.
    """
    span = milliseconds(step) * (rows - 1)
    start, end = to_ms(since), to_ms(until)
    cut: list[Page] = []
    while start <= end and len(cut) < most:
        cut.append(Page(start, min(start + span, end)))
        start += span + 1  # not one step: `since` is seldom on the grid, and a row between two stretches would be lost
    return cut


def milliseconds(span: timedelta) -> int:
    """Convert a span to whole milliseconds."""
    return span // timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Convert a time with an offset to Unix milliseconds."""
    return milliseconds(at - datetime(1970, 1, 1, tzinfo=UTC))


def number(value: object) -> float:
    """Read a figure sent as text. None and "" become NaN, which the border names; anything else is unreadable."""
    if value is None or value == "":
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unreadable(f"a figure came as {type(value).__name__}")
    try:
        return float(value)
    except ValueError:
        raise Unreadable(f"{value[:20]!r} is not a number") from None  # type: ignore[index] # only text fails float()


def stamp(value: object) -> int:
    """Read an exchange time in milliseconds; one in seconds or microseconds is refused, not guessed."""
    try:
        at = int(value)  # type: ignore[call-overload] # what cannot be an int raises, and is caught below
    except (TypeError, ValueError):
        raise Unreadable("a time is missing") from None
    if not 1_200_000_000_000 < at < 4_200_000_000_000:  # 2008 to 2103
        raise Unreadable(f"{at} is no time in milliseconds")
    return int(at)


def rows_of(answer: Any, *, least: int = 1) -> Sequence[Any]:
    """Demand a list. An empty one where rows are certain is an error, never "nothing happened"."""
    if not isinstance(answer, list):
        raise Unreadable("a list was due, something else came")
    if len(answer) < least:
        raise Unreadable("an empty list came where rows are certain")
    return answer


def points(
    contract: Contract, times: Sequence[int], columns: Mapping[str, Sequence[float]], *, step: timedelta | None = None
) -> Points:
    """Put figures of one contract under their exchange times (milliseconds), oldest first, each time once."""
    at = pd.DatetimeIndex(pd.to_datetime(list(times), unit="ms", utc=True), name="at")
    frame = pd.DataFrame({name: pd.Series(values, index=at, dtype="float64") for name, values in columns.items()})
    frame = frame[~frame.index.duplicated(keep="last")].sort_index()
    return Points(contract.venue, contract.asset, step, frame)
