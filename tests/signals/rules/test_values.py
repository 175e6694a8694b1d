"""Every value of every metric: it has a unit and a name, and can be named in a rule and said back."""

from __future__ import annotations

import pytest

from handlers.words import wording
from signals.language.words import PHRASES, WORDS
from signals.metric import MEASURES, REST, Value, metrics
from signals.rules.reading import read
from signals.rules.terms import amount_text, value_of

EVERY = [f"{metric.id}.{name}" for metric in metrics().values() for name in metric.values]
LINES = {"rank": 0.9, "share": 0.2, "index": 70.0, "code": 1.0, "rate": 0.0005, "rate_8h": 0.0005, "apr": 0.3}


def line_of(name: str) -> float:
    return LINES.get(value_of(name).unit, 0.05 if value_of(name).measure.percent else 2.0)


def judged(figure: str, name: str) -> str:
    test = "is" if value_of(name).unit == "code" else ">"
    return read(f"{figure} {test} {amount_text(line_of(name), value_of(name))}", assets=("BTC",), usual="BTC").rule.id


@pytest.mark.parametrize("name", EVERY)
def test_a_value_can_be_named_and_is_said_back(name: str) -> None:
    value = value_of(name)
    assert value.unit in MEASURES
    found = read(
        f"{name} {'is' if value.unit == 'code' else '>'} {amount_text(line_of(name), value)}",
        assets=("BTC",),
        usual="BTC",
    )
    assert found.rule.levels[0].enter[0][0].name == name
    assert found.rule.levels[0].enter[0][0].bound == pytest.approx(line_of(name))
    assert value.title in found.said or value.of
    for text in (found.rule.headline, *found.rule.legs, found.rule.resolved):
        assert wording.template_fields(text)


@pytest.mark.parametrize("name", EVERY)
def test_a_value_can_be_named_by_its_title(name: str) -> None:
    assert judged(value_of(name).title, name) == judged(name, name)


def test_no_two_values_have_one_title() -> None:
    titles = [value_of(name).title.lower() for name in EVERY]
    assert len(titles) == len(set(titles)) > 200


@pytest.mark.parametrize("name", EVERY)
def test_a_title_stands_within_a_sentence(name: str) -> None:
    value = value_of(name)
    assert value.title == value.title.strip(" .,;")
    assert value.title[0].islower() or value.title.startswith("Fear")
    assert not value.title.startswith(("its ", "the same", "that "))
    assert len(value.title) <= 75


@pytest.mark.parametrize("metric", metrics().values(), ids=list(metrics()))
def test_a_declared_change_is_of_another_value(metric: object) -> None:
    for value in metric.values.values():  # type: ignore[attr-defined]
        assert bool(value.of) == bool(value.over)
        assert not value.of or value.of in metric.values  # type: ignore[attr-defined]


@pytest.mark.parametrize("word", [*WORDS, *PHRASES])
def test_a_word_names_a_value(word: str) -> None:
    assert (WORDS[word].value if word in WORDS else PHRASES[word]) in EVERY


LEAVES = {
    "z, half way": (Value("z", "z"), -2.0, -1, -1.0),
    "z on the usual side, a band": (Value("z", "z"), -1.0, 1, -1.25),
    "at the usual itself, a band": (Value("z", "z"), 0.0, 1, -0.25),
    "funding, half of the line": (Value("apr", "funding"), 0.30, 1, 0.15),
    "funding below nothing": (Value("apr", "funding"), -0.50, -1, -0.25),
    "funding, never into its rest": (Value("apr", "funding"), 0.20, 1, round((0.20 + REST) / 2, 4)),
    "funding below its rest": (Value("apr", "funding"), 0.08, 1, 0.04),
    "a change": (Value("fraction", "change"), -0.05, -1, -0.025),
    "a rank, half way to the middle": (Value("rank", "rank"), 0.9, 1, 0.7),
    "a low rank": (Value("rank", "rank"), 0.1, -1, 0.3),
    "an index": (Value("index", "index"), 20.0, -1, 35.0),
    "a ratio": (Value("ratio", "ratio"), 0.9, -1, 0.95),
    "a price": (Value("price", "price"), 100_000.0, 1, 98_000.0),
    "a flow with nothing as usual": (Value("usd", "flow", usual=0.0), -5e8, -1, -2.5e8),
    "a share of its own usual": (Value("share", "share", usual=0.5), 0.7, 1, 0.6),
    "days, one of them": (Value("days", "days"), 30.0, 1, 29.0),
}


@pytest.mark.parametrize(("value", "line", "way", "leave"), LEAVES.values(), ids=LEAVES)
def test_a_leave_line_is_half_way_back_to_the_usual(value: Value, line: float, way: int, leave: float) -> None:
    assert value.leave_line(line, way) == pytest.approx(leave, rel=1e-3)
