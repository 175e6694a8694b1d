"""One thing that was looked at, and what is to be done about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["good", "mend", "open"]


@dataclass(frozen=True, slots=True)
class Examined:
    """What one look came to.

    check: what was looked at, the same word in every version, since programs read it. state: open where there was
    nothing to look at. todo: what mends it. ms: how long an answer took.
    """

    check: str
    state: State
    text: str
    todo: str = ""
    ms: int | None = None

    @property
    def good(self) -> bool:
        """Tell whether nothing has to be mended here."""
        return self.state != "mend"

    def plain(self) -> dict[str, Any]:
        """Return it as the outside interface has it."""
        return asdict(self)

    def __str__(self) -> str:
        took = "" if self.ms is None else f", in {self.ms:,} ms"
        return f"{self.text}{took}"
