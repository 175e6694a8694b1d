"""How a chart looks. Imported in the drawing process alone: matplotlib takes 0.7 s and 60 MB.

Made for a phone: Discord shows a picture 400 pixels wide, so it is 550 wide with no letter under 12 points, the numbers
stand where the eye ends up (right), and every line says what it is instead of a legend. Never pyplot: it keeps every
figure alive.
"""

from __future__ import annotations

import io
import itertools
import math
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import blended_transform_factory
from PIL import Image

from handlers.charts.content import band_words, clean, drawable, episode_words, say, tick
from handlers.charts.scales import date_words, dates, y_range
from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Text

DPI = 100
WIDTH = 550
MARGIN = 14
STRIP = 62  # height of the price strip
BODY = 232  # height of the main panel
LINE_HEIGHT = 21
SMALL, LARGE = 12, 15  # points: 17 and 21 pixels, 12 and 15 of them on a phone
DAY = 86400.0

PAPER, INK, MUTED, GRID = "#ffffff", "#16202b", "#5d6975", "#e4e8ec"
LINE, ALARM, CLEAR, ALERT = "#0a5bc4", "#c8372d", "#1f7a4d", "#f0a202"
HALO = [withStroke(linewidth=3.5, foreground=PAPER)]
FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC")  # the first comes with matplotlib


def png(chart: Mapping[str, Any]) -> bytes:
    """Draw a chart and return the PNG. ValueError when it holds no known value."""
    canvas = FigureCanvasAgg(figure(chart))
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib has no types here
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]  # as above
    # A chart has a dozen colours and their edges: 160 look the same and weigh a third. Median cut would lose the
    # colour of small marks, which this method keeps.
    few = Image.fromarray(pixels).convert("RGB").quantize(160, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    few.save(file, format="png", optimize=True)
    return file.getvalue()


def figure(chart: Mapping[str, Any]) -> Figure:
    """Return the finished figure. ValueError when the chart holds no known value."""
    if not drawable(chart):
        raise ValueError("a chart without a known value cannot be drawn: show its words")
    # parse_math: two dollar signs in one text would be set as a formula.
    with mpl.rc_context({"font.family": _fonts(), "font.size": SMALL, "text.parse_math": False}):
        return _Sheet(chart).figure


class _Sheet:
    """One figure being filled from top to bottom; heights are pixels."""

    def __init__(self, chart: Mapping[str, Any]) -> None:
        self.chart = chart
        self.figure = Figure(dpi=DPI, facecolor=PAPER)
        FigureCanvasAgg(self.figure)
        title = " · ".join(word for word in (chart["asset"], chart["title"]) if word)
        head = self._wrapped(title, LARGE, "bold", 2)
        under = self._under_title()
        foot = self._wrapped(chart["stamp"], SMALL, "normal", 2)
        strip = STRIP + 12 if chart["price"] else 0
        above = 12 + 26 * len(head) + LINE_HEIGHT * len(under) + 8
        self.height = above + strip + BODY + 30 + LINE_HEIGHT * len(foot) + (8 if foot else 2)
        self.figure.set_size_inches(WIDTH / DPI, self.height / DPI)
        self._put_head(head, under)
        low, high, ticks = y_range(chart)
        step = ticks[1] - ticks[0] if len(ticks) > 1 else high - low
        words = [tick(value, chart["unit"], step) for value in ticks]
        newest = say(chart["line"][-1][-1][1], chart["unit"]).removesuffix(" a year")
        last = chart["price"][-1][-1][1] if chart["price"] else None
        paid = "" if last is None else f"${wording.price(last, 1 if last >= 1000 else None)}"
        # The gutter on the right holds the axis and the newest value: as wide as the widest of them.
        widths = [self._wide(word, SMALL) for word in (*words, paid)]
        right = WIDTH - MARGIN - 6 - max(*widths, self._wide(newest, SMALL, "bold") + 12)
        if chart["price"]:
            self._price(self._axes(above, STRIP, right), paid)
        main = self._axes(above + strip, BODY, right)
        main.set_ylim(low, high)
        self._grid(main, ticks, words)
        self._beside(main)
        self._values(main)
        self._dates(main)
        self._newest(main, newest)
        self._alarms(main)
        for i, line in enumerate(foot):
            self._text(MARGIN, self.height - 10 - LINE_HEIGHT * (len(foot) - 1 - i), line, MUTED, va="bottom")

    def _wide(self, text: str, size: float, weight: str = "normal") -> float:
        """Return the width of a text in pixels."""
        drawn = self.figure.text(0, 0, _known_letters(text), fontsize=size, fontweight=weight)
        width = float(drawn.get_window_extent(self.figure.canvas.get_renderer()).width)  # type: ignore[attr-defined] # Agg has it
        drawn.remove()
        return width

    def _wrapped(self, text: str, size: float, weight: str, lines: int) -> list[str]:
        """Return the text in at most so many lines; what does not fit ends with an ellipsis."""
        out: list[str] = []
        room = WIDTH - 2 * MARGIN
        for word in _known_letters(clean(text)).split():
            longer = f"{out[-1]} {word}" if out else word
            if out and self._wide(longer, size, weight) <= room:
                out[-1] = longer
            elif len(out) < lines:
                out.append(word)
            else:
                out[-1] += " …"
                break
        return [self._cut(line, size, weight, room) for line in out]

    def _cut(self, text: str, size: float, weight: str, room: float) -> str:
        width = self._wide(text, size, weight)
        if width <= room:
            return text
        text = text[: math.ceil(len(text) * room / width) + 4]  # about right; the rest is measured
        while text and self._wide(text + "…", size, weight) > room:
            text = text[:-1]
        return text.rstrip(" …") + "…"

    def _text(self, x: float, y: float, text: str, color: str, **more: Any) -> Text:
        """Write at a pixel of the sheet, counted from the upper left."""
        return self.figure.text(x / WIDTH, 1 - y / self.height, text, color=color, **more)

    def _under_title(self) -> list[tuple[str, str]]:
        """Return the lines under the title as (left, right): what the axis counts, and the mark of an alert."""
        room = WIDTH - 2 * MARGIN
        zone = " · times in UTC" if self.chart["to"] - self.chart["from"] < 3 * DAY else ""
        other = f" · dashed: {self.chart['beside_name']}" if self.chart["beside"] else ""
        axis = self._cut(_known_letters(clean(self.chart["axis"] + other)) + zone, SMALL, "normal", room)
        alert = self._cut(episode_words(self.chart), SMALL, "normal", room - 20)
        if axis and alert and self._wide(axis + alert, SMALL) + 40 > room:
            return [(axis, ""), ("", alert)]
        return [(axis, alert)] if axis or alert else []

    def _put_head(self, head: Sequence[str], under: Sequence[tuple[str, str]]) -> None:
        y = 12.0
        for line in head:
            self._text(MARGIN, y, line, INK, fontsize=LARGE, fontweight="bold", va="top")
            y += 26
        for left, alert in under:
            self._text(MARGIN, y + 2, left, MUTED, va="top")
            if alert:
                start = WIDTH - MARGIN - self._wide(alert, SMALL) if left else MARGIN + 18
                self._text(start, y + 2, alert, INK, va="top")
                corner = ((start - 18) / WIDTH, 1 - (y + 16) / self.height)
                self.figure.add_artist(Rectangle(corner, 12 / WIDTH, 12 / self.height, color=ALERT, alpha=0.5, lw=0))
            y += LINE_HEIGHT

    def _axes(self, top: float, height: float, right: float) -> Axes:
        box = (MARGIN / WIDTH, 1 - (top + height) / self.height, (right - MARGIN) / WIDTH, height / self.height)
        axes = self.figure.add_axes(box)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0, labelsize=SMALL, labelcolor=MUTED, pad=5)
        axes.yaxis.tick_right()
        axes.set_yticks([])
        axes.set_xticks([])
        start, end = self.chart["from"] / DAY, self.chart["to"] / DAY
        pad = (end - start) * 0.01 or 0.5
        axes.set_xlim(start - pad, end + pad)
        for first, last in self.chart["episodes"]:
            axes.axvspan(
                max(first / DAY, start - pad),
                end + pad if last is None else last / DAY,
                color=ALERT,
                alpha=0.16,
                lw=0,
                zorder=0,
                gid="episode",
            )
        return axes

    def _price(self, axes: Axes, paid: str) -> None:
        """Draw the price as a thin line of its own: on a second axis it would cross where it means nothing."""
        lines = self.chart["price"]
        values = [value for stretch in lines for _, value in stretch]
        low, high = min(values), max(values)
        pad = (high - low) * 0.08 or abs(high) * 0.01 or 1
        axes.set_ylim(low - pad, high + pad * 4)
        self._lines(axes, lines, color=MUTED, lw=1.3, gid="price")
        name = self._cut(_known_letters(clean(f"{self.chart['price_of']} price".strip())), SMALL, "normal", 260)
        axes.text(0, 1, name, color=MUTED, va="top", transform=axes.transAxes, path_effects=HALO)
        at = blended_transform_factory(axes.transAxes, axes.transData)
        axes.text(1, _inside(axes, lines[-1][-1][1], STRIP, 9), f" {paid}", color=INK, va="center", transform=at)
        axes.axhline(low - pad, color=GRID, lw=1)

    def _grid(self, axes: Axes, ticks: Sequence[float], words: Sequence[str]) -> None:
        """Set the ticks; the one behind the newest value is left without words."""
        last = self.chart["line"][-1][-1][1]
        low, high = axes.get_ylim()
        clear = 21 * (high - low) / BODY
        here = _inside(axes, last, BODY, 11)
        axes.set_yticks(
            ticks, [word if abs(value - here) > clear else "" for value, word in zip(ticks, words, strict=True)]
        )
        for value in ticks:
            axes.axhline(value, color=GRID, lw=1, zorder=0.5)
        if low < 0 < high or (high == 0 or low == 0):
            axes.axhline(0, color=MUTED, lw=1, zorder=1, gid="zero")

    def _values(self, axes: Axes) -> None:
        low, high = axes.get_ylim()
        # Filled towards zero, unless alarm zones are shaded there: two tints over each other are mud.
        fill = self.chart["unit"] in {"fraction", "apr", "z", "usd"} and low <= 0 <= high and not self.chart["bands"]
        values = [v for stretch in self.chart["line"] for _, v in stretch]
        travel = sum(abs(b - a) for a, b in itertools.pairwise(values))
        width = 2.0 if travel <= 25 * (max(values) - min(values)) else 1.2  # a restless line as thick would be a block
        style = "steps-post" if self.chart["unit"] == "code" else "default"
        self._lines(axes, self.chart["line"], color=LINE, lw=width, gid="value", drawstyle=style, zorder=3)
        for stretch in self.chart["line"] if fill else ():
            x, y = zip(*stretch, strict=True)
            axes.fill_between([t / DAY for t in x], y, 0, color=LINE, alpha=0.1, lw=0, zorder=2)

    def _beside(self, axes: Axes) -> None:
        """Draw the value to compare with: thin and under the main one, whose colour it shares with the price."""
        self._lines(axes, self.chart["beside"], color=MUTED, lw=1.5, ls=(0, (4, 2)), gid="beside", zorder=2.6)

    def _lines(self, axes: Axes, stretches: Sequence[Sequence[tuple[float, float]]], **style: Any) -> None:
        """Draw each stretch by itself, so that a hole stays one; a lone point is a dot, or it would not be seen."""
        for stretch in stretches:
            x, y = zip(*stretch, strict=True)
            dot: dict[str, Any] = {"marker": "o", "markersize": 4} if len(stretch) == 1 else {}
            axes.plot([t / DAY for t in x], y, solid_joinstyle="round", **style, **dot)

    def _newest(self, axes: Axes, words: str) -> None:
        """Write the newest value at the end of its line; hollow when the newest rows are not known."""
        t, value = self.chart["line"][-1][-1]
        fresh = self.chart["fresh"]
        fill, ink = (LINE, PAPER) if fresh else (PAPER, LINE)
        axes.text(
            1 + 11 / (axes.get_position().width * WIDTH),
            _inside(axes, value, BODY, 11),
            words,
            color=ink,
            fontweight="bold",
            va="center",
            transform=blended_transform_factory(axes.transAxes, axes.transData),
            zorder=6,
            gid="newest",
            bbox={"boxstyle": "square,pad=0.22", "facecolor": fill, "edgecolor": LINE},
        )
        axes.plot(
            [t / DAY],
            [value],
            marker="o",
            markersize=6,
            color=fill,
            markeredgecolor=LINE,
            zorder=5,
            clip_on=False,
        )

    def _dates(self, axes: Axes) -> None:
        start, end = (datetime.fromtimestamp(self.chart[key], UTC) for key in ("from", "to"))
        if start == end:
            axes.set_xticks([start.timestamp() / DAY], [date_words(start, None, timedelta(days=9))])
            return
        low, high = axes.get_xlim()
        width = axes.get_position().width * WIDTH
        shown: dict[float, str] = {}
        before, free = None, low
        for at in dates(start, end):
            place, words = at.timestamp() / DAY, date_words(at, before, end - start)
            half = self._wide(words, SMALL) / 2 / width * (high - low)
            if free <= place - half and place + half <= high + 0.1 * (high - low):
                shown[place] = words
                before, free = at, place + 1.3 * half
        axes.set_xticks(list(shown), list(shown.values()))

    def _alarms(self, axes: Axes) -> None:
        """Shade what is beyond each alarm line, and write at each line what it is."""
        low, high = axes.get_ylim()
        taken: list[float] = []
        for band in self.chart["bands"]:
            enter, leave = band["enter"], band["leave"]
            below = band["beyond"] == "below"
            begins, ends = band_words(band, self.chart["unit"])
            if not low < enter < high:
                if (enter <= low) == below:  # it lies further out than the picture reaches
                    edge, arrow = (low, "↓") if below else (high, "↑")
                    self._label(axes, edge, f"{arrow} {begins}", ALARM, above=below, taken=taken)
                continue
            axes.axhspan(
                low if below else enter, enter if below else high, color=ALARM, alpha=0.07, lw=0, zorder=0.2, gid="zone"
            )
            axes.axhline(enter, color=ALARM, lw=1.3, zorder=2.5, gid="enter")
            self._label(axes, enter, begins, ALARM, above=not below, taken=taken)
            if leave is not None and low < leave < high:
                axes.axhline(leave, color=CLEAR, lw=1.3, ls=(0, (5, 4)), zorder=2.5, gid="leave")
                self._label(axes, leave, ends, CLEAR, above=below, taken=taken)
        for label, value in self.chart["lines"]:
            if low < value < high:
                axes.axhline(value, color=MUTED, lw=1.2, ls=(0, (1, 2)), zorder=2.4, gid="line")
                self._label(axes, value, clean(label), MUTED, above=True, taken=taken)

    def _label(self, axes: Axes, y: float, words: str, color: str, *, above: bool, taken: list[float]) -> None:
        """Write beside a horizontal line, where the curve is furthest; nothing where another label is."""
        low, high = axes.get_ylim()
        pixel = (high - low) / BODY
        place = y + (11 if above else -11) * pixel
        if not low + 9 * pixel <= place <= high - 9 * pixel:
            place = y - (11 if above else -11) * pixel
        if any(abs(place - other) < 18 * pixel for other in taken):
            return
        taken.append(place)
        words = self._cut(_known_letters(words), SMALL, "normal", axes.get_position().width * WIDTH - 10)
        share = self._wide(words, SMALL) / (axes.get_position().width * WIDTH)
        start, end = axes.get_xlim()
        points = [((t / DAY - start) / (end - start), v) for stretch in self.chart["line"] for t, v in stretch]
        free = {
            x: min((abs(v - place) for t, v in points if x <= t <= x + share), default=math.inf)
            for x in (0.01 + i / 4 * (0.97 - share) for i in range(5))
        }
        best = max(free, key=lambda x: min(free[x], 20 * pixel))
        crossed = free[best] < 10 * pixel
        box = {"boxstyle": "square,pad=0.1", "facecolor": PAPER, "alpha": 0.85, "lw": 0} if crossed else None
        at = blended_transform_factory(axes.transAxes, axes.transData)
        axes.text(
            best,
            place,
            words,
            color=color,
            va="center",
            transform=at,
            path_effects=HALO,
            bbox=box,
            zorder=4,
            gid="label",
        )


def _inside(axes: Axes, value: float, height: float, pixels: float) -> float:
    """Return the value, moved so far from the panel's edge that a label of that half height fits."""
    low, high = axes.get_ylim()
    pad = pixels * (high - low) / height
    return min(max(value, low + pad), high - pad)


@cache
def _fonts() -> list[str]:
    known = {font.name for font in fontManager.ttflist}
    return [name for name in FONTS if name in known]


@cache
def _letters() -> frozenset[int]:
    paths = {font.fname for font in fontManager.ttflist if font.name in _fonts()}
    return frozenset().union(*(get_font(path).get_charmap() for path in paths))


def _known_letters(text: str) -> str:
    """Replace what no installed font can draw: a question mark says more than an empty box."""
    return "".join(letter if ord(letter) in _letters() else "?" for letter in text)
