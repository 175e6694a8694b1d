"""A sheet filled from top to bottom: title, panels with their labels in the right margin, dates, stamp.

Imported in the drawing process alone: matplotlib takes 0.7 s and 60 MB. Never pyplot: it keeps every figure alive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Protocol

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from handlers.charts.figures import clean, tick
from handlers.charts.look import DPI, FONTS, GAP, LARGE, LINE_HEIGHT, MARGIN, SMALL, TITLE_HEIGHT, WIDTH, Palette
from handlers.charts.scales import date_words, dates, ticks_in
from signals.units import DAY_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

TIGHT = LINE_HEIGHT - 4  # from one line of a label to the next
BOXED = 10  # more for a frame
AXIS = 5
LOW = 0.75  # of the width
LEAST_PRESSED = 0.4  # of its height that a panel keeps
MOST_DATES = (7.2, 5.0, 3.5)
WIDEST = 232  # a label in the margin; longer ones are broken into two lines


@dataclass(frozen=True, slots=True)
class Label:
    """Words in the right margin beside the height of a value.

    rank: labels that would touch move aside and are led to their lines, all but the newest value's, which is 0; where
    there is no room for all the highest rank is left out. From AXIS on they are the values of the axis, which give way
    to all others. box: the colour behind the words, "" for a frame only, None without.
    """

    at: float
    words: str
    color: str
    rank: int
    box: str | None = None
    gid: str = "label"


@dataclass(frozen=True, slots=True)
class Words:
    """A line of words, each part with its colour; a part may begin with a square of a colour."""

    parts: tuple[tuple[str, str], ...]
    square: str | None = None


class DrawnPanel(Protocol):
    """A panel. height: in pixels. head: what it shows, written above it; None for nothing."""

    height: int
    head: Words | None

    def reach(self) -> tuple[float, float]:
        """Return the lowest and the highest value of its axis."""
        ...

    def labels(self) -> list[Label]:
        """Return what stands in the margin beside it."""
        ...

    def draw(self, axes: Axes) -> None:
        """Draw onto axes whose limits are set."""
        ...


@dataclass
class PictureSheet:
    """One picture. start, end: of all panels, in epoch seconds. marks: stretches of time that are shaded in all.

    prices: what goes across is price and not time; start and end are dollars then.

    across: for a picture that has no time, the words along the bottom by their places; start and end are such places.
    low: no higher than LOW of its width, for where a higher one would be shown narrower; without its stamp, which
    stands beside it there.
    """

    palette: Palette
    title: str
    leads: Sequence[Words]
    panels: Sequence[DrawnPanel]
    stamp: Sequence[str]
    start: float
    end: float
    marks: Sequence[tuple[float, float | None]] = ()
    low: bool = False
    prices: bool = False
    across: Sequence[tuple[float, str]] = ()
    figure: Figure = field(init=False)
    height: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.figure = Figure(dpi=DPI, facecolor=self.palette.paper)
        FigureCanvasAgg(self.figure)
        head = wrapped(self.title, LARGE, "bold", 2)
        foot = [line for text in self.stamp if not self.low for line in wrapped(text, SMALL, "normal", 2)]
        labels = [self._fitting(panel.labels()) for panel in self.panels]
        above = MARGIN + TITLE_HEIGHT * len(head) + LINE_HEIGHT * len(self.leads)
        heads = [LINE_HEIGHT + 14 if panel.head else 14 for panel in self.panels]
        words = above + sum(heads) + LINE_HEIGHT + 26 + LINE_HEIGHT * len(foot) + MARGIN / 2
        if self.low:
            self._press(LOW * WIDTH - words)
        self.height = words + sum(panel.height for panel in self.panels)
        self.figure.set_size_inches(WIDTH / DPI, self.height / DPI)
        y = float(MARGIN)
        for line in head:
            self._text(MARGIN, y, line, self.palette.ink, size=LARGE, weight="bold")
            y += TITLE_HEIGHT
        for lead in self.leads:
            self._words(lead, y)
            y += LINE_HEIGHT
        wide = max((self.wide(line) for found in labels for _, lines in found for line in lines), default=0.0)
        right = WIDTH - MARGIN - wide - GAP - 8
        for panel, found, room in zip(self.panels, labels, heads, strict=True):
            y += room
            if panel.head:
                self._words(panel.head, y - LINE_HEIGHT - 4)
            self._panel(panel, found, y, right)
            y += panel.height
        for n, line in enumerate(foot):
            self._text(MARGIN, y + LINE_HEIGHT + 26 + n * LINE_HEIGHT, line, self.palette.muted)

    def _press(self, room: float) -> None:
        """Make the panels lower together, so that they fit as far as they can still be read."""
        share = min(1.0, max(LEAST_PRESSED, room / sum(panel.height for panel in self.panels)))
        for panel in self.panels:
            panel.height = round(panel.height * share)

    # --- words --------------------------------------------------------------------------------------------------------

    def wide(self, text: str, weight: str = "normal") -> float:
        """Return the width of a text of the small size in pixels."""
        return width_of(known_letters(text), SMALL, weight)

    def _text(self, x: float, y: float, text: str, color: str, *, size: float = SMALL, weight: str = "normal") -> None:
        """Write at a pixel of the sheet, counted from the upper left."""
        at = (x / WIDTH, 1 - y / self.height)
        self.figure.text(*at, text, color=color, fontsize=size, fontweight=weight, va="top")

    def _words(self, words: Words, y: float) -> None:
        x = float(MARGIN)
        if words.square:
            corner = (x / WIDTH, 1 - (y + 30) / self.height)
            square = Rectangle(corner, 24 / WIDTH, 24 / self.height, color=words.square, alpha=0.5, lw=0)
            self.figure.add_artist(square)
            x += 36
        for text, color in words.parts:
            shown = cut(known_letters(clean(text)), SMALL, "normal", WIDTH - MARGIN - x)
            self._text(x, y, shown, color)
            x += self.wide(shown) + self.wide("a a") - self.wide("aa")
            if x > WIDTH - MARGIN - SMALL:
                return

    def _fitting(self, labels: Iterable[Label]) -> list[tuple[Label, list[str]]]:
        """Break each label of the margin into one or two lines."""
        return [(label, wrapped(label.words, SMALL, "normal", 2, WIDEST)) for label in labels]

    # --- panels -------------------------------------------------------------------------------------------------------

    def _panel(self, panel: DrawnPanel, labels: list[tuple[Label, list[str]]], top: float, right: float) -> None:
        box = (MARGIN / WIDTH, 1 - (top + panel.height) / self.height, (right - MARGIN) / WIDTH)
        axes = self.figure.add_axes((*box, panel.height / self.height))
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.patch.set_alpha(0)
        unit = 1.0 if self.across else DAY_S
        start, end = self.start / unit, self.end / unit
        pad = (end - start) * 0.008 or 0.5
        axes.set_xlim(start - pad, end + pad)
        low, high = panel.reach()
        axes.set_ylim(low, high)
        for first, last in self.marks:
            shut = end + pad if last is None else last / DAY_S
            axes.axvspan(
                max(first / DAY_S, start - pad),
                shut,
                color=self.palette.alert,
                alpha=0.16,
                lw=0,
                zorder=0,
                gid="episode",
            )
        axes.axhline(low, color=self.palette.grid, lw=2, zorder=0.4)
        last_one = panel is self.panels[-1]
        for place, words in self._prices(axes) if self.prices else self._dates(axes):
            axes.axvline(place, color=self.palette.grid, lw=1.5, zorder=0.4)
            if last_one:
                x = MARGIN + (place - start + pad) / (end - start + 2 * pad) * (right - MARGIN)
                self._text(
                    max(x - self.wide(words) / 2, MARGIN / 2), top + panel.height + 12, words, self.palette.muted
                )
        panel.draw(axes)
        self._margin(panel, labels, top, right)

    def _margin(self, panel: DrawnPanel, labels: list[tuple[Label, list[str]]], top: float, right: float) -> None:
        """Write the labels beside their heights, in their order; those of the axis are left out where others stand."""
        low, high = panel.reach()

        def meant(label: Label) -> float:
            return top + panel.height * (1 - (min(max(label.at, low), high) - low) / (high - low))

        def tall(found: tuple[Label, list[str]]) -> float:
            return TIGHT * len(found[1]) + (BOXED if found[0].box is not None else 0)

        ceiling, floor = top - 14, top + panel.height + 8
        firm = sorted((one for one in labels if one[0].rank < AXIS), key=lambda one: (meant(one[0]), one[0].rank))
        while firm and sum(map(tall, firm)) > floor - ceiling:
            firm.remove(max(firm, key=lambda one: one[0].rank))
        newest = next((at for at, (label, _) in enumerate(firm) if label.rank == 0), None)
        places = spread([meant(label) for label, _ in firm], [tall(one) for one in firm], ceiling, floor, newest)
        taken = [(place - tall(one) / 2, place + tall(one) / 2) for place, one in zip(places, firm, strict=True)]
        for one in (one for one in labels if one[0].rank >= AXIS):
            place = min(max(meant(one[0]), ceiling + tall(one) / 2), floor - tall(one) / 2)
            if all(place + tall(one) / 2 <= above or place - tall(one) / 2 >= below for above, below in taken):
                taken.append((place - tall(one) / 2, place + tall(one) / 2))
                firm.append(one)
                places.append(place)
        for place, (label, lines) in zip(places, firm, strict=True):
            if label.rank < AXIS and abs(place - meant(label)) > 6:
                self._lead(right, meant(label), place, label.color)
            for n, line in enumerate(lines):
                self._label(label, line, right + GAP, place + TIGHT * (n + 0.5 - len(lines) / 2))

    def _label(self, label: Label, line: str, x: float, y: float) -> None:
        framed = label.box is not None
        self.figure.text(
            x / WIDTH,
            1 - y / self.height,
            line,
            color=label.color,
            fontsize=SMALL,
            va="center_baseline" if framed else "center",
            gid=label.gid,
            bbox={
                "boxstyle": "square,pad=0.18",
                "facecolor": label.box or self.palette.paper,
                "edgecolor": label.box or label.color,
                "lw": 2,
            }
            if framed
            else None,
        )

    def _lead(self, right: float, meant: float, place: float, color: str) -> None:
        """Lead from a line to its label, which had to move aside."""
        x, y = (right / WIDTH, (right + GAP - 3) / WIDTH), (1 - meant / self.height, 1 - place / self.height)
        self.figure.add_artist(Line2D(x, y, color=color, lw=1.5, gid="lead"))

    def _prices(self, axes: Axes) -> list[tuple[float, str]]:
        """Return even prices across, as many as there is room for."""
        low, high = axes.get_xlim()
        room = axes.get_position().width * WIDTH / ((high - low) * DAY_S)  # pixels of a dollar
        for most in range(7, 0, -1):
            found = ticks_in(self.start, self.end, most)
            step = found[1] - found[0] if len(found) > 1 else self.end - self.start
            words = [tick(price, "price", step) for price in found]
            if not words or step * room >= max(self.wide(word) for word in words) + MARGIN / 2:
                break
        return [(price / DAY_S, word) for price, word in zip(found, words, strict=True)]

    def _dates(self, axes: Axes) -> list[tuple[float, str]]:
        if self.across:
            return list(self.across)
        start, end = (datetime.fromtimestamp(at, UTC) for at in (self.start, self.end))
        if start == end:
            return [(start.timestamp() / DAY_S, date_words(start, None, timedelta(days=30)))]
        low, high = axes.get_xlim()
        width = axes.get_position().width * WIDTH
        shown: list[tuple[float, str]] = []
        for most in MOST_DATES:  # the finest that fit: one left out of the middle would be taken for a hole
            found = dates(start, end, most)
            shown, left_out = [], 0
            before, free = None, low - MARGIN / width * (high - low)
            for at in found:
                place, words = at.timestamp() / DAY_S, date_words(at, before, end - start)
                half = self.wide(words) / 2 / width * (high - low)
                if free <= place - half and place + half <= high + 0.1 * (high - low):
                    shown.append((place, words))
                    before, free = at, place + 1.25 * half
                else:
                    left_out += at not in {found[0], found[-1]}
            if not left_out:
                break
        return shown


def spread(
    meant: Sequence[float], tall: Sequence[float], ceiling: float, floor: float, kept: int | None = None
) -> list[float]:
    """Return the middles of labels of some heights, ascending as they are meant, so that none touches another.

    Each group of labels that would touch stands together, as near to where its members are meant as can be. They must
    fit between ceiling and floor. kept: the one that stays where it is meant, at the end of its line, while the others
    make room; only an edge of the picture moves it.
    """
    groups: list[tuple[float, list[int]]] = []  # the upper edge of each, and the labels in it

    def placed(members: list[int]) -> tuple[float, list[int]]:
        above, wanted = 0.0, []
        for member in members:
            wanted.append(meant[member] - above - tall[member] / 2)
            above += tall[member]
        edge = wanted[members.index(kept)] if kept in members else sum(wanted) / len(wanted)
        return min(max(edge, ceiling), floor - above), members

    for label in range(len(meant)):
        groups.append(placed([label]))
        while len(groups) > 1 and groups[-2][0] + sum(tall[one] for one in groups[-2][1]) > groups[-1][0] + 1e-6:
            _, below = groups.pop()
            _, above = groups.pop()
            groups.append(placed([*above, *below]))
    out = []
    for edge, members in groups:
        y = edge
        for member in members:
            out.append(y + tall[member] / 2)
            y += tall[member]
    return out


@cache
def _ruler() -> Figure:
    figure = Figure(dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


@lru_cache(4096)
def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Return the width of a text in pixels."""
    drawn = _ruler().text(0, 0, text, fontsize=size, fontweight=weight, fontfamily=fonts(), parse_math=False)
    width = float(drawn.get_window_extent(_ruler().canvas.get_renderer()).width)  # type: ignore[attr-defined] # Agg has it
    drawn.remove()
    return width


def wrapped(text: str, size: float, weight: str, lines: int, room: float = WIDTH - 2 * MARGIN) -> list[str]:
    """Return the text in at most so many lines; what does not fit ends with an ellipsis."""
    words = known_letters(clean(text))
    parts = [f"{part} ·" for part in words.split(" · ")]
    parts[-1] = parts[-1].removesuffix(" ·")
    if all(width_of(part, size, weight) <= room for part in parts):  # then it is broken between them
        found = _filled(parts, size, weight, room)
        if len(found) <= lines:
            return [line.removesuffix(" ·") for line in found]
    out = _filled(_bound(words), size, weight, room)
    if len(out) > lines:
        out = [*out[: lines - 1], f"{out[lines - 1]} …"]
    return [cut(line, size, weight, room) for line in out]


def _filled(parts: Sequence[str], size: float, weight: str, room: float) -> list[str]:
    """Put as many parts into each line as there is room for."""
    out: list[str] = []
    for part in parts:
        longer = f"{out[-1]} {part}" if out else part
        if out and width_of(longer, size, weight) <= room:
            out[-1] = longer
        else:
            out.append(part)
    return out


def _bound(text: str) -> list[str]:
    """Return the words of a text; a percent sign and a dot between words stay with the word before them."""
    out: list[str] = []
    for word in text.split(" "):
        if out and word in {"%", "·"}:
            out[-1] += f" {word}"
        else:
            out.append(word)
    return out


def cut(text: str, size: float, weight: str, room: float) -> str:
    """Return the text, shortened with an ellipsis where it is wider than there is room."""
    width = width_of(text, size, weight)
    if width <= room:
        return text
    text = text[: math.ceil(len(text) * max(room, 0) / width) + 4]  # about right; the rest is measured
    while text and width_of(text + "…", size, weight) > room:
        text = text[:-1]
    return text.rstrip(" …") + "…"


@cache
def fonts() -> list[str]:
    """Return the installed ones of our fonts."""
    known = {font.name for font in fontManager.ttflist}
    return [name for name in FONTS if name in known]


@cache
def _letters() -> frozenset[int]:
    paths = {font.fname for font in fontManager.ttflist if font.name in fonts()}
    return frozenset().union(*(get_font(path).get_charmap() for path in paths))


def known_letters(text: str) -> str:
    """Replace what no installed font can draw: a question mark says more than an empty box."""
    return "".join(letter if ord(letter) in _letters() else "?" for letter in text)
