"""How a chart is drawn. Imported in the drawing process alone: matplotlib takes 0.7 s and 60 MB."""

from __future__ import annotations

import io
import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from handlers.charts.content import drawable, episode_words, from_to, margin_words
from handlers.charts.figures import say, tick
from handlers.charts.look import DARK, LIGHT, SMALL
from handlers.charts.panels import draw_lines, every_value, panel_of
from handlers.charts.scales import reach_of, y_range
from handlers.charts.sheet import DrawnPanel, Label, PictureSheet, Words, fonts
from signals.language.spelling import sentence_case
from signals.units import DAY_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from handlers.charts.look import Palette

STRIP = 130  # height of the price strip
BODY = 470  # height of a metric's panel


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
    palette = LIGHT if chart["light"] else DARK
    # parse_math: two dollar signs in one text would be set as a formula.
    with mpl.rc_context({"font.family": fonts(), "font.size": SMALL, "text.parse_math": False}):
        sheet = _of_market(chart, palette) if "panels" in chart else _of_metric(chart, palette)
        return sheet.figure


def _of_market(chart: Mapping[str, Any], palette: Palette) -> PictureSheet:
    leads, low = [Words(((chart["lead"], palette.muted),))], bool(chart.get("low"))
    panels = [panel_of(data, palette) for data in chart["panels"]]
    return PictureSheet(
        palette,
        chart["title"],
        leads,
        panels,
        chart["stamp"],
        chart["from"],
        chart["to"],
        low=low,
        prices=bool(chart.get("prices")),
        across=chart.get("across", ()),
    )


def _of_metric(chart: Mapping[str, Any], palette: Palette) -> PictureSheet:
    title = " · ".join(word for word in (chart["asset"], chart["title"], chart["window"]) if word)
    start, end = (datetime.fromtimestamp(chart[key], UTC) for key in ("from", "to"))
    leads = [Words(((from_to(start, end), palette.muted),))] if start < end else []
    if alert := episode_words(chart):
        leads.append(Words(((alert, palette.ink),), palette.alert))
    panels: list[DrawnPanel] = [_Price(chart, palette)] if chart["price"] else []
    return PictureSheet(
        palette,
        title,
        leads,
        [*panels, _Value(chart, palette)],
        [chart["stamp"]] if chart["stamp"] else [],
        chart["from"],
        chart["to"],
        [(first, last) for first, last in chart["episodes"]],
        low=bool(chart.get("low")),
    )


class _Price:
    """The price as a thin line of its own: on a second axis it would cross where it means nothing."""

    def __init__(self, chart: Mapping[str, Any], palette: Palette) -> None:
        self.chart, self.palette, self.height = chart, palette, STRIP
        self.head: Words | None = Words(((f"{chart['price_of']} price in dollars".strip(), palette.muted),))

    def reach(self) -> tuple[float, float]:
        return reach_of(list(every_value(self.chart["price"])))

    def labels(self) -> list[Label]:
        last = self.chart["price"][-1][-1][1]
        return [Label(last, say(last, "price"), self.palette.ink, 0)]

    def draw(self, axes: Axes) -> None:
        draw_lines(axes, self.chart["price"], color=self.palette.muted, lw=2.6, gid="price")


class _Value:
    """A metric's value with its alarm lines."""

    def __init__(self, chart: Mapping[str, Any], palette: Palette) -> None:
        self.chart, self.palette, self.height = chart, palette, BODY
        dashed = f"dashed: {chart['beside_name']}" if chart["beside"] else ""
        head = " · ".join(part for part in (chart["axis"], dashed) if part)
        self.head = Words(((sentence_case(head), palette.value),)) if head else None
        self.low, self.high, self.ticks = y_range(chart)

    def reach(self) -> tuple[float, float]:
        return self.low, self.high

    def labels(self) -> list[Label]:
        chart, palette = self.chart, self.palette
        unit, newest = chart["unit"], chart["line"][-1][-1][1]
        fresh = (palette.paper, palette.value) if chart["fresh"] else (palette.value, "")
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else self.high - self.low
        found = [Label(newest, say(newest, unit).removesuffix(" a year"), fresh[0], 0, fresh[1], "newest")]
        found += [Label(value, tick(value, unit, step), palette.muted, 5) for value in self.ticks]
        for band in chart["bands"]:
            enter, leave = band["enter"], band["leave"]
            below = band["beyond"] == "below"
            begins, ends = margin_words(band, unit)
            if self.low < enter < self.high:
                found.append(Label(enter, begins, palette.alarm, 1))
                if leave is not None and self.low < leave < self.high:
                    found.append(Label(leave, ends, palette.clear, 2))
            elif (enter <= self.low) == below:  # it lies further out than the picture reaches
                edge, arrow = (self.low, "↓") if below else (self.high, "↑")
                found.append(Label(edge, f"{arrow} {begins}", palette.alarm, 3))
        found += [
            Label(value, label, palette.muted, 4) for label, value in chart["lines"] if self.low < value < self.high
        ]
        if chart["beside"]:
            found.append(Label(chart["beside"][-1][-1][1], chart["beside_name"], palette.muted, 3))
        return found

    def draw(self, axes: Axes) -> None:
        for value in self.ticks:
            axes.axhline(value, color=self.palette.grid, lw=2, zorder=0.5)
        if self.low < 0 < self.high or (self.high == 0 or self.low == 0):
            axes.axhline(0, color=self.palette.muted, lw=2, zorder=1, gid="zero")
        draw_lines(axes, self.chart["beside"], color=self.palette.muted, lw=3, ls=(0, (4, 2)), gid="beside", zorder=2.6)
        self._line(axes)
        self._bands(axes)

    def _line(self, axes: Axes) -> None:
        chart, color = self.chart, self.palette.value
        values = list(every_value(chart["line"]))
        travel = sum(abs(later - earlier) for earlier, later in itertools.pairwise(values))
        width = 4.0 if travel <= 25 * (max(values) - min(values)) else 2.4  # a restless line as thick would be a block
        style = "steps-post" if chart["unit"] == "code" else "default"
        draw_lines(axes, chart["line"], color=color, lw=width, gid="value", drawstyle=style, zorder=3)
        # Filled towards zero, unless alarm zones are shaded there: two tints over each other are mud.
        if chart["unit"] in {"fraction", "apr", "z", "usd"} and self.low <= 0 <= self.high and not chart["bands"]:
            for stretch in chart["line"]:
                x, y = zip(*stretch, strict=True)
                axes.fill_between([t / DAY_S for t in x], y, 0, color=color, alpha=0.1, lw=0, zorder=2)
        at, value = chart["line"][-1][-1]
        fill = color if chart["fresh"] else self.palette.paper
        axes.plot(
            [at / DAY_S], [value], marker="o", markersize=11, color=fill, markeredgecolor=color, zorder=5, clip_on=False
        )

    def _bands(self, axes: Axes) -> None:
        """Shade what is beyond each alarm line; their words stand in the margin."""
        for band in self.chart["bands"]:
            enter, leave = band["enter"], band["leave"]
            if not self.low < enter < self.high:
                continue
            zone = (self.low, enter) if band["beyond"] == "below" else (enter, self.high)
            axes.axhspan(*zone, color=self.palette.alarm, alpha=0.09, lw=0, zorder=0.2, gid="zone")
            axes.axhline(enter, color=self.palette.alarm, lw=2.6, zorder=2.5, gid="enter")
            if leave is not None and self.low < leave < self.high:
                axes.axhline(leave, color=self.palette.clear, lw=2.6, ls=(0, (5, 4)), zorder=2.5, gid="leave")
        for _, value in self.chart["lines"]:
            if self.low < value < self.high:
                axes.axhline(value, color=self.palette.muted, lw=2.4, ls=(0, (1, 2)), zorder=2.4, gid="line")
