"""Of which assets a rule is: those that are named, all that are followed, the largest of them, or a position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signals.rules.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from signals.rules.parsing import Piece
    from signals.rules.text import Line

MOST_OF_TOP: Final = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """Of what a rule is; exactly one of these is set. top: so many of the largest. position: the number of one's own."""

    assets: tuple[str, ...] = ()
    every: bool = False
    top: int = 0
    position: int = 0

    @property
    def text(self) -> str:
        """Return it as it is typed."""
        if self.position:
            return f"my position {self.position}"
        return f"any of top{self.top}" if self.top else "any" if self.every else " ".join(self.assets).lower()

    @property
    def said(self) -> str:
        """Return it in plain words."""
        if self.position:
            return f"Your position {self.position}"
        if self.every or self.top:
            return f"Each of the {self.top} largest assets" if self.top else "Each asset that is followed"
        return f"{', '.join(self.assets[:-1])} and {self.assets[-1]}" if len(self.assets) > 1 else self.assets[0]


def scope_of(line: Line, of: tuple[Piece, ...], assets: Iterable[str], usual: str) -> Scope:
    """Return the scope of a line. of: `any` and `top50`, where they were said. usual: the asset where none is named."""
    named = tuple(dict.fromkeys(assets))
    top = next((piece for piece in of if piece.kind == "TOP"), None)
    if top is not None:
        count = int("".join(one for one in top.text if one.isdigit())[:6])
        if named or not 1 <= count <= MOST_OF_TOP:
            shown = line.shown(top.begin, top.end)
            said = f"“{shown}” needs a number from 1 to {MOST_OF_TOP}, and no asset beside it."
            raise RuleError(said, *line.place(top.begin, top.end))
        return Scope(top=count)
    if named:
        return Scope(assets=named)
    return Scope(every=True) if of else Scope(assets=(usual,))
