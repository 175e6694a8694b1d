"""Panels of a picture of the market: candles, lines, bars. Imported in the drawing process alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.collections import LineCollection, PolyCollection

from handlers.charts.figures import say, tick
from handlers.charts.scales import reach_of, ticks_in
from handlers.charts.sheet import DrawnPanel, Label, Words
from handlers.words import wording
from signals.units import DAY_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes

    from handlers.charts.look import Palette

TICK_ROOM = 48  # pixels of height for each value of an axis
MOST_TICKS = 5  # of dollars beside a map
NAME_ROOM = 0.24  # of the highest bar, for two lines above it
EDGE = 0.17  # of the width: words that begin nearer to an edge than this stand beside their place
LEAST = 2.0  # pixels: what is thinner cannot be seen on a phone


def panel_of(data: Mapping[str, Any], palette: Palette) -> DrawnPanel:
    """Return the panel that draws some data; KeyError for a kind that this version does not know."""
    kinds = {
        "candles": Candles,
        "curve": Curve,
        "bars": BarPanel,
        "strikes": StrikePanel,
        "levels": LevelPanel,
        "paths": PathPanel,
    }
    return kinds[data["kind"]](data, palette)


class _Panel:
    """What the panels have in common: an axis with ticks, and the newest value in a box."""

    def __init__(self, data: Mapping[str, Any], palette: Palette) -> None:
        self.data, self.palette = data, palette
        self.height: int = data["height"]
        self.head: Words | None = Words(tuple((text, self.color(name)) for text, name in data["head"]))
        self.low, self.high = self.reach()
        self.ticks = ticks_in(self.low, self.high, max(2, self.height // TICK_ROOM))

    def color(self, name: str) -> str:
        """Return the colour that the data names."""
        return str(getattr(self.palette, name))

    def reach(self) -> tuple[float, float]:
        """Return the lowest and the highest value of the axis."""
        return reach_of(self.values())

    def values(self) -> list[float]:
        """Return every value that must be within sight."""
        raise NotImplementedError

    def newest(self) -> Label | None:
        """Return the newest value as a label."""
        raise NotImplementedError

    def labels(self) -> list[Label]:
        """Return what stands in the margin: the newest value, then those of the axis."""
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else self.high - self.low
        words = [Label(value, tick(value, self.data["unit"], step), self.palette.muted, 5) for value in self.ticks]
        newest = self.newest()
        return [newest, *words] if newest else words

    def draw(self, axes: Axes) -> None:
        """Draw the lines of the axis and what the panel is about."""
        for value in self.ticks:
            axes.axhline(value, color=self.palette.grid, lw=2, zorder=0.5)
        self.fill(axes)

    def fill(self, axes: Axes) -> None:
        """Draw what the panel is about."""
        raise NotImplementedError


class Candles(_Panel):
    """Candles: a bar from the lowest to the highest price, a body from the first to the last."""

    def values(self) -> list[float]:
        """Return highs and lows."""
        return [value for row in self.data["rows"] for value in row[3:5]]

    def newest(self) -> Label:
        """Return the last price, in the colour of its candle."""
        first, last = self.data["rows"][-1][2], self.data["rows"][-1][5]
        color = self.palette.up if last >= first else self.palette.down
        return Label(last, say(last, "price"), self.palette.paper, 0, color, "newest")

    def fill(self, axes: Axes) -> None:
        """Draw wicks under bodies; where nothing moved a body is still a line.

        The candle under way gets its whole width, as far as there is room: minutes of a week are thinner than a hair.
        """
        pixel = (self.high - self.low) / self.height
        shown, edge = self.data["rows"], axes.get_xlim()[1] * DAY_S
        until = max(shown[-1][1], min(shown[-1][0] + self.data["step"], edge))
        shown = [*shown[:-1], [shown[-1][0], until, *shown[-1][2:]]]
        for rising, color in ((True, self.palette.up), (False, self.palette.down)):
            rows = [row for row in shown if (row[5] >= row[2]) is rising]
            wicks = [[((a + b) / 2 / DAY_S, low), ((a + b) / 2 / DAY_S, high)] for a, b, _, high, low, _ in rows]
            bodies = [
                _box(a, b, min(first, last), max(first, last, min(first, last) + LEAST * pixel), self._gap(axes, b - a))
                for a, b, first, _, _, last in rows
            ]
            axes.add_collection(LineCollection(wicks, colors=color, linewidths=1.6, zorder=3), autolim=False)
            axes.add_collection(PolyCollection(bodies, facecolors=color, linewidths=0, zorder=3), autolim=False)
        axes.axhline(shown[-1][5], color=self.palette.muted, lw=1.5, ls=(0, (1, 3)), zorder=1, gid="newest line")

    def _gap(self, axes: Axes, width: float) -> float:
        """Return the part of a candle's time that stays free, so that each is told from the next."""
        low, high = axes.get_xlim()
        pixels = width / DAY_S / (high - low) * axes.get_position().width * axes.figure.get_figwidth() * axes.figure.dpi  # type: ignore[union-attr]
        return 0.3 if pixels > 6 else 0.2 if pixels > 4 else 0.0


def _box(start: float, end: float, low: float, high: float, gap: float) -> list[tuple[float, float]]:
    left, right = (start + (end - start) * gap / 2) / DAY_S, (end - (end - start) * gap / 2) / DAY_S
    return [(left, low), (left, high), (right, high), (right, low)]


class Curve(_Panel):
    """One line, and perhaps a dashed one to compare with."""

    def values(self) -> list[float]:
        """Return the values of both lines."""
        return [value for stretch in (*self.data["line"], *self.data["beside"]) for _, value in stretch]

    def newest(self) -> Label:
        """Return the newest value."""
        value = self.data["line"][-1][-1][1]
        return Label(
            value, say(value, self.data["unit"]), self.palette.paper, 0, self.color(self.data["color"]), "newest"
        )

    def labels(self) -> list[Label]:
        """Return the name of the dashed line besides."""
        found = super().labels()
        if self.data["beside"]:
            found.append(Label(self.data["beside"][-1][-1][1], self.data["beside_name"], self.palette.muted, 1))
        return found

    def fill(self, axes: Axes) -> None:
        """Draw the lines."""
        dashed = {"color": self.palette.muted, "lw": 2.5, "ls": (0, (4, 2)), "gid": "beside", "zorder": 2.6}
        draw_lines(axes, self.data["beside"], **dashed)
        color = self.color(self.data["color"])
        draw_lines(axes, self.data["line"], color=color, lw=3.5, gid="value", zorder=3)
        at, value = self.data["line"][-1][-1]
        axes.plot([at / DAY_S], [value], marker="o", markersize=10, color=color, zorder=5, clip_on=False)


class PathPanel(_Panel):
    """Many thin lines from one point, and a thick one in their middle."""

    def values(self) -> list[float]:
        """Return the values of every path, and the entry."""
        return [0.0, *every_value(self.data["paths"])]

    def newest(self) -> Label | None:
        """Return where the middle ends; nothing where too few cases have one."""
        if not self.data["middle"]:
            return None
        value = self.data["middle"][-1][1]
        return Label(value, wording.percent(100 * value), self.palette.paper, 0, self.palette.value, "newest")

    def fill(self, axes: Axes) -> None:
        """Draw the paths, each with a dot where it ends, under their middle."""
        axes.axhline(0, color=self.palette.muted, lw=2, zorder=1, gid="zero")
        thin = 2.2 if len(self.data["paths"]) <= 20 else 1.4
        for path in self.data["paths"]:
            end, value = path[-1]
            color = self.palette.up if value > 0 else self.palette.down
            draw_lines(axes, [path], color=color, lw=thin, alpha=0.55, zorder=2, gid="path")
            axes.plot([end / DAY_S], [value], marker="o", markersize=7, color=color, zorder=2.5, clip_on=False)
        if self.data["middle"]:
            draw_lines(axes, [self.data["middle"]], color=self.palette.value, lw=7, zorder=4, gid="middle")


class BarPanel(_Panel):
    """What was liquidated: shorts upwards from zero, longs downwards, as price went."""

    def values(self) -> list[float]:
        """Return the sizes with their signs, and zero."""
        return [0.0, *(value for _, longs, shorts in self.data["rows"] for value in (-longs, shorts))]

    def newest(self) -> Label | None:
        """Return nothing: the newest bar is not over, and its size says less than the largest."""
        return None

    def labels(self) -> list[Label]:
        """Return the values of the axis without a sign: below zero are dollars of longs."""
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else self.high - self.low
        return [Label(value, tick(abs(value), self.data["unit"], step), self.palette.muted, 5) for value in self.ticks]

    def fill(self, axes: Axes) -> None:
        """Draw the bars, and shade the time that was not heard."""
        for start, end in self.data["unheard"]:
            axes.axvspan(start / DAY_S, end / DAY_S, color=self.palette.unheard, lw=0, zorder=0.3, gid="unheard")
        axes.axhline(0, color=self.palette.muted, lw=2, zorder=3.5, gid="zero")
        pixel = (self.high - self.low) / self.height
        for side, sign, color in ((2, 1, self.palette.up), (1, -1, self.palette.down)):
            boxes = [
                _box(row[0], row[0] + self.data["step"], 0, sign * max(row[side], LEAST * pixel), 0.2)
                for row in self.data["rows"]
                if row[side]
            ]
            axes.add_collection(
                PolyCollection(boxes, facecolors=color, linewidths=0, zorder=3, gid="shorts" if sign > 0 else "longs"),
                autolim=False,
            )


class StrikePanel(BarPanel):
    """Open options by strike, with price across: calls upwards, puts downwards; lines at price and at least payout."""

    def fill(self, axes: Axes) -> None:
        """Draw the lines and the bars."""
        for price, color, line in self.data["marks"]:
            style: Any = "-" if line == "solid" else (0, (5, 4))
            axes.axvline(price / DAY_S, color=self.color(color), lw=2.6, ls=style, zorder=2, gid="mark")
        super().fill(axes)


class LevelPanel(_Panel):
    """What would be liquidated at which price: price across, dollars up, longs to the left of price, shorts right."""

    def __init__(self, data: Mapping[str, Any], palette: Palette) -> None:
        super().__init__(data, palette)
        self.ticks = ticks_in(0.0, self.most(), MOST_TICKS)

    def most(self) -> float:
        """Return the dollars of the largest bin."""
        return max((value for _, _, *sides in self.data["rows"] for value in sides), default=0.0) or 1.0

    def reach(self) -> tuple[float, float]:
        """Return from zero, below which nothing lies, with room for the words above the largest bin."""
        return 0.0, self.most() * (1 + NAME_ROOM)

    def newest(self) -> Label | None:
        """Return nothing: the price stands along the bottom."""
        return None

    def fill(self, axes: Axes) -> None:
        """Draw the bars, the line of the price, and the names of the largest clusters above their bars."""
        for side, name, color in ((2, "longs", self.palette.down), (3, "shorts", self.palette.up)):
            boxes = [
                [(low + gap, 0), (low + gap, row[side]), (high - gap, row[side]), (high - gap, 0)]
                for row in self.data["rows"]
                if row[side]
                for low, high, gap in ((row[0], row[1], (row[1] - row[0]) * 0.08),)
            ]
            bars = PolyCollection(boxes, facecolors=color, linewidths=0, zorder=3, gid=name)
            axes.add_collection(bars, autolim=False)
        axes.axvline(self.data["price"], color=self.palette.ink, lw=3, zorder=4, gid="price")
        left, right = axes.get_xlim()
        for place, usd, words, tint in self.data["named"]:
            share = (place - left) / (right - left)
            side_of = "left" if share < EDGE else "right" if share > 1 - EDGE else "center"
            at, above = min(max(place, left), right), usd + self.high * 0.015
            axes.text(
                at, above, words, color=self.color(tint), ha=side_of, va="bottom", linespacing=1.1, zorder=5,
                gid="cluster",
            )  # fmt: skip


def draw_lines(axes: Axes, stretches: Sequence[Sequence[tuple[float, float]]], **style: Any) -> None:
    """Draw each stretch by itself, so that a hole stays one; a lone point is a dot, or it would not be seen."""
    for stretch in stretches:
        x, y = zip(*stretch, strict=True)
        dot: dict[str, Any] = {"marker": "o", "markersize": 7} if len(stretch) == 1 else {}
        axes.plot([t / DAY_S for t in x], y, solid_joinstyle="round", **style, **dot)


def every_value(stretches: Sequence[Sequence[tuple[float, float]]]) -> Iterator[float]:
    """Yield the values of all stretches."""
    return (value for stretch in stretches for _, value in stretch)
