"""How pictures look: sizes and colours. Made for a phone, which shows them about 400 pixels wide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DPI: Final = 72  # a point is a pixel, so that sizes of letters and lines are pixels like all others
WIDTH: Final = 1100
MARGIN: Final = 32
SMALL, LARGE = 31, 42  # at 400 of 1100 pixels 11 and 15: no letter is smaller
LINE_HEIGHT: Final = 42
TITLE_HEIGHT: Final = 56
GAP: Final = 14  # between a panel and its labels in the margin
FONTS: Final = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC")  # the first comes with matplotlib


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a picture. up and down are told apart by the colour-blind too: teal and orange, not green and red.

    paper, ink, muted, grid: ground, words, lesser words, lines behind. value, coins: the lines of what is shown.
    alarm, clear: where an alarm begins and ends. alert: while it lasts. unheard: time of which nothing is known.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    value: str
    coins: str
    up: str
    down: str
    alarm: str
    clear: str
    alert: str
    unheard: str


DARK: Final = Palette(
    paper="#10171f",
    ink="#edf1f5",
    muted="#9aa5b1",
    grid="#26313c",
    value="#6aa9ff",
    coins="#c9a2ff",
    up="#4db6a5",
    down="#f2834f",
    alarm="#ff7b6e",
    clear="#62c892",
    alert="#f0b429",
    unheard="#1b242e",
)
LIGHT: Final = Palette(
    paper="#ffffff",
    ink="#16202b",
    muted="#5d6975",
    grid="#e1e6ea",
    value="#0a5bc4",
    coins="#7a3fc4",
    up="#14806f",
    down="#d1541a",
    alarm="#c8372d",
    clear="#1f7a4d",
    alert="#f0a202",
    unheard="#e4e7eb",
)
