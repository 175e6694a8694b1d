"""Charts: the data they are made of, what they say in words, how they look, and the process that draws them."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from PIL import Image

from handlers.charts import drawing, options
from handlers.charts.content import Band, alt, bands, drawable, margin_words, spec
from handlers.charts.figures import clean, say, span_words, tick
from handlers.charts.look import DARK, LIGHT, SMALL
from handlers.charts.process import ChartRenderer
from handlers.charts.sheet import WIDEST, spread, wrapped
from handlers.reply import Picture, from_json, to_json
from signals.alerts.condition import above, at_least, at_most, below, level
from signals.alerts.rule import AlertRule, rules_of
from signals.metric import Chart, Metric, Value, metrics
from signals.options import OptionExpiry, Strike
from storage.queries.derivatives.option_chain import OptionsNow
from storage.queries.freshness import Stamp
from tests.examples import examples

HOUR, DAY = 3600, 86400
START = 1_759_276_800  # 2025-10-01 00:00 UTC
ROOT = Path(__file__).parents[3]


def make(values, *, step=DAY, chart=None, price=(), **more):
    chart = chart or Chart("Open interest", "USD", unit="usd")
    at = [START + step * i for i in range(len(values))]
    prices = list(zip(at, price, strict=False))
    return spec(chart, asset=more.pop("asset", "BTC"), at=at, values=values, price=prices, **more)


def rule(*levels):
    return AlertRule("m", "t", levels, "", (), "", "").within("m")


def metric(value="value"):
    chart = Chart("Drawdown", "from the peak", value=value)
    day = timedelta(days=1)
    return Metric("m", "m", "", (), day, day, "", chart, {"value": Value("fraction", "m")})


def drawn(figure, gid):
    """Return everything on the figure's panels that was marked so."""
    return [artist for axes in figure.axes for artist in axes.get_children() if artist.get_gid() == gid]


def labels(figure):
    return [text.get_text() for text in figure.texts if text.get_gid() == "label"]


def whole_and_readable(figure, canvas):
    """Check that each text is within the picture, large enough on a phone, and over no line and no other text."""
    texts = [text for text in figure.texts if text.get_text().strip()]
    assert texts
    assert not any(axes.texts for axes in figure.axes), "words stand beside the panels"
    boxes = []
    for text in texts:
        assert text.get_fontsize() * 400 / 1100 >= 11, "so many pixels of 400"
        assert not text.get_parse_math()
        box = text.get_window_extent(canvas.get_renderer())
        assert box.x0 >= 0, text.get_text()
        assert box.x1 <= 1100, text.get_text()
        assert box.y0 >= 0, text.get_text()
        assert box.y1 <= figure.get_figheight() * 72, text.get_text()
        boxes.append((box, text.get_text()))
        for axes in figure.axes:
            panel = axes.get_window_extent(canvas.get_renderer())
            over = (
                min(box.x1, panel.x1) - max(box.x0, panel.x0) > 1 and min(box.y1, panel.y1) - max(box.y0, panel.y0) > 1
            )
            assert not over, f"{text.get_text()} stands over a panel"
    for (one, words), (other, others) in itertools.combinations(boxes, 2):
        wide, tall = min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0)
        assert wide <= 1 or tall <= 4, f"{words} over {others}"


BESIDE = Chart("Open interest", "USD", unit="usd", beside=("average", "mean"))


# --- the data ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_chart_survives_json_and_the_outbox():
    chart = make(
        [1.0, None, 3.0], price=[9.0, 8.0, None], episodes=[(START, None)], alarms=[Band("below", 2, 2.5)], stamp="s"
    )
    assert json.loads(json.dumps(chart, allow_nan=False)) == json.loads(json.dumps(chart))
    assert drawing.png(json.loads(json.dumps(chart))) == drawing.png(chart)
    (block,) = from_json(json.loads(json.dumps(to_json((Picture(chart, alt(chart)),)))))
    assert isinstance(block, Picture)
    assert block.chart == json.loads(json.dumps(chart))


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(["2025-10-01", "2025-10-02T00:00:00Z"], id="ISO, bare date and Z"),
        pytest.param(["2025-10-01T02:00:00+02:00", "2025-10-02T00:00:00"], id="another offset, none"),
        pytest.param([START + DAY, START], id="out of order"),
    ],
)
def test_times_are_read_as_utc(at):
    values = [1.0, 2.0] if at[0] != START + DAY else [2.0, 1.0]
    chart = spec(Chart("t", "a"), asset="BTC", at=at, values=values)
    assert chart["line"] == [[[START, 1.0], [START + DAY, 2.0]]]


def test_a_daily_value_is_told_by_its_day_not_by_the_midnight_after_it():
    assert "highest $3 on 2 October" in alt(make([1.0, 3.0, 2.0]))
    assert "highest $3 on 1 October" in alt(make([1.0, 3.0, 2.0], named=timedelta(days=1)))


def test_the_value_beside_is_drawn_named_and_in_sight():
    chart = make([1.0, 2.0, 3.0], beside=[9.0, 8.0, 7.0], chart=BESIDE)
    assert chart["beside"] == [[[START, 9.0], [START + DAY, 8.0], [START + 2 * DAY, 7.0]]]
    assert " Average $7." in alt(chart)
    figure = drawing.figure(chart)
    (line,) = drawn(figure, "beside")
    assert list(line.get_ydata()) == [9.0, 8.0, 7.0]
    assert figure.axes[-1].get_ylim()[1] > 9
    assert any("dashed: average" in text.get_text() for text in figure.texts)
    assert "average" in labels(figure)


@pytest.mark.parametrize(
    ("chart", "beside"),
    [pytest.param(BESIDE, None, id="not given"), pytest.param(None, [9.0, 8.0], id="not declared")],
)
def test_nothing_stands_beside(chart, beside):
    plain = make([1.0, 2.0], chart=chart, beside=beside)
    assert plain["beside"] == []
    assert not drawn(drawing.figure(plain), "beside")
    assert "verage" not in alt(plain)


def test_a_row_without_its_value_is_an_error_not_a_guess():
    with pytest.raises(ValueError, match="shorter"):
        spec(Chart("t", "a"), asset="BTC", at=[START, START + DAY], values=[1.0])


@pytest.mark.parametrize(
    ("values", "stretches"),
    [
        pytest.param([1, 2, 3], [3], id="whole"),
        pytest.param([1, None, 3, 4], [1, 2], id="None"),
        pytest.param([1, float("nan"), 3, float("inf"), 5], [1, 1, 1], id="NaN and infinity"),
        pytest.param([None, 1, 2, None], [2], id="at the ends"),
        pytest.param([0.0, 0, 0], [3], id="zero is a value"),
        pytest.param([None, None], [], id="nothing"),
    ],
)
def test_the_line_breaks_where_a_value_is_not_known(values, stretches):
    assert [len(stretch) for stretch in make(values)["line"]] == stretches


def test_the_line_breaks_where_rows_are_missing():
    at = [START + DAY * i for i in (0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15)]
    chart = spec(Chart("t", "a"), asset="BTC", at=at, values=[1.0] * len(at))
    assert [len(stretch) for stretch in chart["line"]] == [4, 9]


def test_late_and_early_settlements_are_no_holes():
    at = [START + 8 * HOUR * i + (0.02 if i % 2 else 0) for i in range(50)]
    assert len(spec(Chart("t", "a"), asset="BTC", at=at, values=[1.0] * 50)["line"]) == 1


@given(st.integers(401, 2000), st.integers(), st.sampled_from([0, 0.01, 0.3, 0.9]))
@examples(40)
def test_thinning_keeps_the_extremes_and_the_ends(count, seed, unknown):
    random = Random(seed)
    values = [None if random.random() < unknown else random.gauss(0, 1e9) for _ in range(count)]
    chart = make(values, step=HOUR)
    points = [point for stretch in chart["line"] for point in stretch]
    known = [float(f"{value:.6g}") for value in values if value is not None]
    assert len(points) <= 400
    if known:
        kept = [value for _, value in points]
        assert (min(kept), max(kept)) == (min(known), max(known))
        assert (kept[0], kept[-1]) == (known[0], known[-1])
        assert points == sorted(points)


def test_a_wide_hole_survives_thinning():
    values = [1.0] * 1000 + [None] * 100 + [2.0] * 1000
    assert [stretch[0][1] for stretch in make(values, step=HOUR)["line"]] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        pytest.param(
            [level("notice", enter=at_most(-0.3), leave=above(-0.2), hold=timedelta(days=2))],
            [Band("below", -0.3, -0.2)],
            id="one line",
        ),
        pytest.param(
            [
                level("notice", enter=at_most(-0.1), leave=above(-0.05), hold=timedelta(0)),
                level("critical", enter=at_most(-0.2), leave=above(-0.15), hold=timedelta(0)),
            ],
            [Band("below", -0.1, -0.05, "notice"), Band("below", -0.2, None, "critical")],
            id="two ranks are named, the lower one has the all-clear",
        ),
        pytest.param(
            [level("notice", enter=(at_most(-0.3), at_most(-5, "coins")), leave=above(-0.2), hold=timedelta(0))],
            [Band("below", -0.3, -0.2, whole=False)],
            id="not enough by itself",
        ),
        pytest.param(
            [
                level(
                    "notice",
                    enter=[(at_least(0.95, "pct"), above(0.15)), (at_least(0.3),)],
                    leave=[(below(0.8, "pct"), below(0.2)), (at_most(0.1),)],
                    hold=timedelta(0),
                )
            ],
            [Band("above", 0.3, 0.1)],
            id="where one line is enough, others are left out",
        ),
        pytest.param(
            [level("notice", enter=above(0.0), leave=below("exit"), hold=timedelta(0))],
            [Band("above", 0.0, None)],
            id="a line that moves is not drawn",
        ),
        pytest.param(
            [level("notice", enter=above(1.0, "other"), leave=below(0.5, "other"), hold=timedelta(0))],
            [],
            id="another value",
        ),
    ],
)
def test_alarm_lines_come_from_the_metric(levels, expected):
    assert list(bands(metric(), [rule(*levels)])) == expected


def test_a_fixed_line_that_is_an_alarm_line_is_not_drawn_twice():
    chart = Chart("t", "a", lines=(("enter −30 %", -0.3), ("even", 0.0)))
    assert make([-0.1, -0.4], chart=chart, alarms=[Band("below", -0.3, -0.2)])["lines"] == [["even", 0.0]]


# --- the words --------------------------------------------------------------------------------------------------------


def test_the_words_name_extremes_days_lines_and_alerts():
    values = [10e9, 15e9, *[9e9] * 88, 6.4e9]
    chart = make(values, episodes=[(START + 40 * DAY, None)], alarms=[Band("below", 8e9, 9e9)])
    assert alt(chart) == (
        "Open interest (BTC) since October 2025: highest $15.0bn on 2 October, lowest $6.4bn on 30 December, "
        "now $6.4bn. Alert below $8bn, all clear above $9bn. Alert since 10 November."
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        pytest.param([None, None], "Open interest (BTC): no value is known for this span.", id="nothing known"),
        pytest.param([], "Open interest (BTC): no value is known for this span.", id="no rows"),
        pytest.param([5e9], "Open interest (BTC): one value, $5.0bn on 1 October 00:00.", id="one value"),
        pytest.param([5e9] * 9, "Open interest (BTC) since 1 October: unchanged, now $5.0bn.", id="constant"),
        pytest.param(
            [5e9, 6e9, 5.5e9, None, None],
            "Open interest (BTC) since 1 October: highest $6.0bn on 2 October, lowest $5.0bn on 1 October, "
            "last known $5.5bn on 3 October.",
            id="the newest rows are not known",
        ),
    ],
)
def test_the_words_of_little_data(values, says):
    assert alt(make(values)) == says


def test_one_figure_for_all_has_no_asset_in_its_name():
    assert alt(make([1.0], asset="MARKET")).startswith("Open interest: ")


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        pytest.param(15.04e9, "usd", "$15.0bn", id="billions"),
        pytest.param(-51e6, "usd", "−$51m", id="negative dollars"),
        pytest.param(1.2e-5, "usd", "$0.0000120", id="tiny dollars are not $0"),
        pytest.param(-0.3, "fraction", "−30.0 %", id="percent"),
        pytest.param(1e-8, "fraction", "0.00000100 %", id="tiny percent"),
        pytest.param(0.1095, "apr", "+10.95 % a year", id="a year"),
        pytest.param(2.34, "z", "+2.34", id="z"),
        pytest.param(0.79, "ratio", "0.79", id="ratio"),
        pytest.param(16, "index", "16", id="index"),
        pytest.param(0.0, "usd", "$0", id="zero"),
    ],
)
def test_numbers_carry_their_unit(value, unit, words):
    assert say(value, unit) == words


@pytest.mark.parametrize(
    ("value", "unit", "step", "words"),
    [
        pytest.param(20e9, "usd", 20e9, "$20bn", id="no needless decimals"),
        pytest.param(1.25e9, "usd", 0.25e9, "$1.25bn", id="as many as the step needs"),
        pytest.param(-0.025, "fraction", 0.025, "−2.5 %", id="percent"),
        pytest.param(0.0, "z", 2.5, "0.0", id="zero has no sign"),
    ],
)
def test_ticks_have_the_decimals_of_their_step(value, unit, step, words):
    assert tick(value, unit, step) == words


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("BTC 🚀 up", "BTC up", id="emoji"),
        pytest.param("1 \u20bf", "1", id="bitcoin sign"),
        pytest.param("a\n\tb\x00c", "a b c", id="control characters"),
        pytest.param("abc\u202edef", "abcdef", id="direction override"),
        pytest.param("Это Ωé −5 %", "Это Ωé −5 %", id="other scripts stay"),
    ],
)
def test_letters_without_a_picture_are_left_out(text, kept):
    assert clean(text) == kept


# --- the picture ------------------------------------------------------------------------------------------------------


def wavy(count, scale=1.0):
    return [scale * ((i * 7919) % 97 - 40) for i in range(count)]


EXTREMES = {
    "one point": make([0.79], price=[95_131.0], chart=Chart("Taker ratio", "", unit="ratio")),
    "constant": make([5e9] * 50, price=[1.0] * 50),
    "all zero": make([0.0] * 50),
    "huge": make([1e15 * i for i in range(50)], price=[1e-9 * (i + 1) for i in range(50)]),
    "tiny": make(wavy(50, 1e-9), chart=Chart("Spread", "", unit="fraction")),
    "negative": make([-5.0 - i for i in range(50)], chart=Chart("z", "", unit="z")),
    "quadrants": make([1, 2, 3, 4] * 9, chart=Chart("Quadrant", "", unit="code")),
    "long name": make(wavy(9), asset="1000000" + "MOG" * 60, stamp="a long stamp " * 60, price=wavy(9)),
    "letters": make(wavy(9), asset="币安 ₿🚀 $x$_{y}", stamp="$5 and $6, \\frac{1}{2}"),
    "islands": make([1.0, None] * 20, price=[None, 1.0] * 20),
    "minutes": make(wavy(9), step=60),
    "six years": make(wavy(2400, 1e7)),
    "eight-hourly": make(wavy(1500, 1e-2), step=8 * HOUR, chart=Chart("Funding", "a year", unit="apr")),
    "many alarms": make(
        wavy(90), alarms=[Band("below", -i, -i + 0.5, "notice") for i in range(9)], chart=Chart("z", "", unit="z")
    ),
    "alarm far off": make([5.0, 5.1], alarms=[Band("above", 1e6, 1e5), Band("below", -1e6, None)]),
    "old alerts": make(wavy(90), episodes=[(START - 90 * DAY, START - DAY), (0, START + DAY), (START + DAY, None)]),
}


def strikes(rows, *, asset="BTC", index=92_530.0):
    """Return the picture of an expiry of such strikes, each with its calls and puts."""
    at = datetime(2025, 12, 4, tzinfo=UTC)
    expiry = OptionExpiry(at + timedelta(days=9), tuple(Strike(*row) for row in rows), 0.5)
    found = OptionsNow(asset, "deribit", at, index, index, (expiry,), at, Stamp(("deribit",), at))
    return options.spec(found, expiry)


EXTREMES |= {
    "one strike": strikes([(90_000.0, 5.0, 0.0)]),
    "many strikes": strikes([(50_000.0 + 500 * n, (n * 7919) % 97, (n * 104_729) % 89) for n in range(200)]),
    "strikes of cents": strikes([(0.5 + n / 16, 1e6, 5e8) for n in range(9)], asset="DOGE", index=0.61),
    "no index": strikes([(80_000.0, 1.0, 3.0), (1_000_000.0, 2.0, 0.0)], index=None),
    "far from price": strikes([(200_000.0 + n * 1000, 1.0, 0.0) for n in range(5)]),
}


@pytest.mark.slow
@pytest.mark.parametrize("chart", [pytest.param(chart, id=name) for name, chart in EXTREMES.items()])
def test_every_picture_is_a_light_png_of_one_width(chart):
    png = drawing.png(chart)
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    assert image.width == 1100
    assert 600 < image.height < 1100
    assert len(png) < 120_000


@pytest.mark.slow
@pytest.mark.parametrize("chart", [pytest.param(chart, id=name) for name, chart in EXTREMES.items()])
def test_no_text_leaves_the_picture_or_is_too_small(chart):
    figure = drawing.figure(chart)
    canvas = drawing.FigureCanvasAgg(figure)
    whole_and_readable(figure, canvas)


@pytest.mark.slow
@pytest.mark.parametrize("chart", [pytest.param(chart, id=name) for name, chart in EXTREMES.items()])
def test_a_low_picture_is_as_wide_where_at_most_three_quarters_are_shown(chart):
    """Discord shows 400 by 300 pixels: a higher picture would lose its width, and its letters their size."""
    figure = drawing.figure({**chart, "low": True})
    assert figure.get_figheight() * 72 <= 1100 * 0.75 + 2
    whole_and_readable(figure, drawing.FigureCanvasAgg(figure))
    assert not any(chart["stamp"] and text.get_text() in chart["stamp"] for text in figure.texts if text.get_text())


def test_nothing_known_is_not_drawn():
    chart = make([None, None])
    assert not drawable(chart)
    with pytest.raises(ValueError, match="words"):
        drawing.png(chart)


def test_a_hole_is_a_hole_and_a_lone_point_a_dot():
    lines = drawn(drawing.figure(make([1.0, 2.0, None, 3.0, None, 4.0, 5.0])), "value")
    assert [list(line.get_ydata()) for line in lines] == [[1, 2], [3], [4, 5]]
    assert [line.get_marker() for line in lines] == ["None", "o", "None"]


def test_an_alarm_line_has_its_zone_its_all_clear_and_its_words():
    figure = drawing.figure(
        make([0.0, -0.1, -0.4], chart=Chart("Drawdown", "", unit="fraction"), alarms=[Band("below", -0.3, -0.2)])
    )
    (enter,), (leave,), (zone,) = (drawn(figure, gid) for gid in ("enter", "leave", "zone"))
    assert set(enter.get_ydata()) == {-0.3}
    assert set(leave.get_ydata()) == {-0.2}
    assert leave.get_linestyle() == "--"
    assert (zone.get_y(), zone.get_y() + zone.get_height()) == (figure.axes[-1].get_ylim()[0], -0.3)
    assert {"alert −30 %", "clear above", "−20 %"} <= set(labels(figure))


def test_an_alarm_line_out_of_sight_is_named_at_the_edge():
    figure = drawing.figure(make([0.05, 0.051], chart=Chart("Funding", "", unit="apr"), alarms=[Band("above", 0.3)]))
    assert "↑ alert 30 %" in labels(figure)
    assert not drawn(figure, "enter")
    assert figure.axes[-1].get_ylim()[1] < 0.06


@given(st.lists(st.tuples(st.floats(0, 300), st.sampled_from([38.0, 48.0, 76.0])), max_size=6), st.integers(-1, 5))
@examples(100)
def test_labels_keep_their_order_and_touch_no_other(wanted, newest):
    meant, tall = [at for at, _ in sorted(wanted)], [height for _, height in sorted(wanted)]
    kept = newest if 0 <= newest < len(wanted) else None
    places = spread(meant, tall, -10.0, 500.0, kept)
    edges = [(place - height / 2, place + height / 2) for place, height in zip(places, tall, strict=True)]
    assert all(below >= above - 1e-6 for (_, above), (below, _) in itertools.pairwise(edges))
    assert all(above >= -10.001 and below <= 500.001 for above, below in edges)
    alone = all(b - a >= 76 for a, b in itertools.pairwise(meant)) and all(38 <= at <= 262 for at in meant)
    if alone:
        assert places == pytest.approx(meant)
    if kept is not None:  # the newest value stays at the end of its line, unless the edge of the picture is in the way
        above, below = sum(tall[:kept]) + tall[kept] / 2, sum(tall[kept + 1 :]) + tall[kept] / 2
        assert places[kept] == pytest.approx(min(max(meant[kept], -10.0 + above), 500.0 - below)) or (
            meant[kept] - above < -10.0 or meant[kept] + below > 500.0
        )


@pytest.mark.slow
def test_the_newest_value_stays_at_the_end_of_its_line_among_alarm_lines():
    levels = [Band("below", -0.30, -0.26, "notice"), Band("below", -0.40, None, "warning")]
    chart = Chart("Open interest below its peak", "from the peak", unit="fraction")
    figure = drawing.figure(make([-0.05, -0.10, -0.285], chart=chart, alarms=levels))
    figure.canvas.draw()
    (box,) = (text.get_window_extent() for text in figure.texts if text.get_gid() == "newest")
    axes = figure.axes[-1]
    end = axes.transData.transform((0, -0.285))[1]
    assert abs((box.y0 + box.y1) / 2 - end) < 6, "the number stands at its point"


def test_a_rank_never_stands_above_a_lower_one_that_lies_over_it():
    levels = [Band("below", 20.0, 30.0, "notice"), Band("below", 10.0, None, "warning")]
    figure = drawing.figure(make([70, 9], chart=Chart("Fear & Greed", "0 to 100", unit="index"), alarms=levels))
    heights = {text.get_text(): text.get_position()[1] for text in figure.texts}
    assert heights["clear above 30"] > heights["notice 20"] > heights["warning 10"] > heights["9"]


def test_an_alarm_line_at_zero_is_within_the_picture_of_negative_values():
    figure = drawing.figure(make([-5e6, -9e6, -2e6], alarms=[Band("above", 0.0)]))
    assert "alert $0" in labels(figure)
    assert len(drawn(figure, "zone")) == 1


@pytest.mark.slow
def test_an_alert_is_marked_over_price_and_value():
    figure = drawing.figure(
        make(wavy(90), price=wavy(90), episodes=[(START + 5 * DAY, START + 9 * DAY), (START + 60 * DAY, None)])
    )
    for axes in figure.axes:
        first, last = (child for child in axes.get_children() if child.get_gid() == "episode")
        assert (first.get_x(), first.get_width()) == (START / DAY + 5, 4)
        assert last.get_x() + last.get_width() == axes.get_xlim()[1]
    assert "2 alerts, newest since 30 Nov" in [text.get_text() for text in figure.texts]


@pytest.mark.parametrize(
    ("values", "filled"),
    [pytest.param([1e9, 2e9], True, id="newest known"), pytest.param([1e9, 2e9, None], False, id="newest missing")],
)
def test_the_newest_value_stands_at_its_end(values, filled):
    (newest,) = (text for text in drawing.figure(make(values)).texts if text.get_gid() == "newest")
    assert newest.get_text() == "$2.0bn"
    assert (newest.get_bbox_patch().get_facecolor() == to_rgba(DARK.value)) is filled


@pytest.mark.parametrize(
    ("light", "palette"), [(False, DARK), (True, LIGHT)], ids=["dark by default", "light if asked"]
)
def test_the_paper(light, palette):
    chart = make([1, 2, 3], light=True) if light else make([1, 2, 3])
    assert drawing.figure(chart).get_facecolor() == to_rgba(palette.paper)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        pytest.param(4 * HOUR, "4 hours", id="hours"),
        pytest.param(DAY, "24 hours", id="a day"),
        pytest.param(7 * DAY, "7 days", id="days"),
        pytest.param(365 * DAY, "1 year", id="a year"),
        pytest.param(600 * DAY, "1.6 years", id="longer"),
        pytest.param(60, "1 hour", id="shorter"),
    ],
)
def test_a_window_is_said(seconds, words):
    assert span_words(seconds) == words


def test_title_axis_and_stamp_are_on_the_sheet():
    texts = [text.get_text() for text in drawing.figure(make([1, 2], stamp="reconstructed")).texts]
    assert texts[:2] == ["BTC · Open interest · 24 hours", "1 Oct 00:00 to 2 Oct 00:00 UTC"]
    assert {"USD", "reconstructed"} <= set(texts[2:])


@pytest.mark.slow
def test_every_metric_of_the_house_can_be_drawn():
    assert metrics()
    for declared in metrics().values():
        at = [START + DAY * i for i in range(90)]
        chart = spec(declared, asset="BTC", at=at, values=[(i % 9 - 4) / 8 for i in range(90)], stamp="s")
        assert drawing.png(chart).startswith(b"\x89PNG")


# --- the process ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def renderer():
    with structlog.testing.capture_logs():
        one = ChartRenderer(keep=2)
        yield one
        one.close()


async def worker_of(renderer):
    return await asyncio.wrap_future(renderer._worker)


@pytest.fixture
async def busy(renderer):
    """A renderer whose process runs."""
    assert await renderer.draw(make([1, 2]))
    return renderer


@pytest.mark.slow
async def test_the_loop_goes_on_while_a_picture_is_drawn(renderer):
    ticks = 0

    async def count():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    counter = asyncio.create_task(count())
    png = await renderer.draw(make(wavy(400), stamp="the loop"))
    counter.cancel()
    assert png.startswith(b"\x89PNG")
    assert ticks >= 5


async def test_nothing_known_is_none_without_a_word_in_the_log(renderer):
    with structlog.testing.capture_logs() as log:
        assert await renderer.draw(make([None])) is None
    assert log == []


async def test_a_picture_asked_for_by_many_is_drawn_once(busy):
    chart = make([1, 2, 3], stamp="many")
    first, *others = await asyncio.gather(*(busy.draw(dict(chart)) for _ in range(20)))
    assert first
    assert all(other is first for other in others)
    assert await busy.draw(chart) is first


async def test_only_the_newest_pictures_are_kept(busy):
    for i in range(4):
        await busy.draw(make([1, i]))
    assert len(busy._drawn) == 2


async def test_who_gives_up_waiting_does_not_take_the_picture_from_others(busy):
    chart = make([1, 2, 3], stamp="given up")
    impatient = asyncio.create_task(busy.draw(chart))
    patient = asyncio.create_task(busy.draw(chart))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient


@pytest.mark.slow
async def test_a_killed_worker_is_replaced(busy):
    before = await worker_of(busy)
    os.kill(before, signal.SIGKILL)
    assert await busy.draw(make([1, 2, 3], stamp="after the kill"))
    assert await worker_of(busy) != before


async def test_a_chart_that_cannot_be_drawn_is_none_and_one_line_in_the_log(busy):
    with structlog.testing.capture_logs() as log:
        assert await busy.draw({"line": [[[START, 1.0]]], "title": "of a newer version"}) is None
    assert [(line["log_level"], line["title"]) for line in log] == [("error", "of a newer version")]
    assert await busy.draw(make([1, 2], stamp="the next one"))


@pytest.mark.slow
async def test_a_picture_that_takes_too_long_is_left_out_and_its_process_ended(busy):
    before = await worker_of(busy)
    os.kill(before, signal.SIGSTOP)
    busy._seconds, patience = 0.05, busy._seconds
    try:
        with structlog.testing.capture_logs() as log:
            assert await busy.draw(make([1, 2, 3], stamp="too long")) is None
    finally:
        busy._seconds = patience
    assert [line["seconds"] for line in log] == [0.05]
    assert await busy.draw(make([1, 2, 3], stamp="too long"))
    assert await worker_of(busy) != before


@pytest.mark.slow
def test_the_bot_itself_never_loads_matplotlib_and_nothing_loads_pyplot():
    code = (
        "import asyncio, sys\n"
        "from handlers.charts.content import spec\nfrom handlers.charts.process import ChartRenderer\n"
        "from signals.metric import Chart\n"
        "assert not {'pandas', 'numpy'} & set(sys.modules)\n"
        "one = ChartRenderer()\n"
        "async def main():\n"
        "    png = await one.draw(spec(Chart('t', 'a'), asset='BTC', at=[0, 86400], values=[1, 2]))\n"
        "    assert png.startswith(b'\\x89PNG')\n"
        "    pyplot = one._pool.submit(eval, \"'matplotlib.pyplot' in __import__('sys').modules\").result()\n"
        "    matplotlib = one._pool.submit(eval, \"'matplotlib' in __import__('sys').modules\").result()\n"
        "    print(len(png) > 0, 'matplotlib' in sys.modules, matplotlib, pyplot)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main()); one.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "False", "True", "False"], done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("metric", [pytest.param(metric, id=metric.id) for metric in metrics().values()])
def test_no_line_loses_its_number_in_the_margin(metric: Metric):
    """A label has two lines of the margin; what does not fit is cut, and a number would be what is cut."""
    for band in bands(metric, rules_of(metric.id)):
        for said in margin_words(asdict(band), metric.chart.unit):
            assert not any("…" in line for line in wrapped(f"↓ {said}", SMALL, "normal", 2, WIDEST)), said


@pytest.mark.slow
def test_a_parent_that_dies_by_kill_9_takes_its_worker_along():
    code = (
        "import asyncio, os\n"
        "from handlers.charts.content import spec\nfrom handlers.charts.process import ChartRenderer\n"
        "from signals.metric import Chart\n"
        "async def main():\n"
        "    await ChartRenderer().draw(spec(Chart('t', 'a'), asset='BTC', at=[0, 86400], values=[1, 2]))\n"
        "    os.kill(os.getpid(), 9)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    # The worker holds the same output, so this waits for its end too, and runs into the time-out if there is none.
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
