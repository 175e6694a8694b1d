"""What is wrong with a person's line, said in one line that marks the word and says what would be right."""

from __future__ import annotations


class RuleError(ValueError):
    """A line is no rule. The message is one line to be shown as it is.

    begin, end: which characters of the line it speaks of (end exclusive; equal where something is missing there).
    offers: whole lines that would be right, the likeliest first, each as (what a button says, the line).
    level: the figure whose line was said without its side, by its whole name; offers are then above it and below it.
    """

    def __init__(
        self, said: str, begin: int = 0, end: int = 0, offers: tuple[tuple[str, str], ...] = (), level: str = ""
    ) -> None:
        super().__init__(said)
        self.said = said
        self.begin = begin
        self.end = end
        self.offers = offers
        self.level = level
