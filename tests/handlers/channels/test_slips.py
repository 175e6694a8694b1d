"""What is wrong with a value is said in our words, whichever setting it is."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from bot.config import Config
from handlers.channels.slips import _ELSE, slip, where

if TYPE_CHECKING:
    from collections.abc import Iterator

WRONG: tuple[Any, ...] = (
    math.nan, math.inf, -math.inf, -1, 10**30, 1.5, "x", "", "x\udc80", True, [], [5], ["x"], [[]], {}, {"a": 1},
    date(2026, 1, 1),
)  # fmt: skip


def places(model: type[BaseModel], *before: str) -> Iterator[tuple[str, ...]]:
    """Return where each setting stands."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        inner = kind if isinstance(kind, type) else (get_args(kind) or (None,))[-1]
        yield (*before, name)
        if isinstance(inner, type) and issubclass(inner, BaseModel) and len(before) < 2:
            yield from places(inner, *before, name, *(() if inner is kind else ("alpha",)))


@pytest.mark.slow
def test_no_setting_is_refused_in_the_words_of_the_library() -> None:
    every, refused = list(places(Config)), 0
    assert len(every) > 60
    for place in every:
        for value in WRONG:
            given: Any = value
            for name in reversed(place):
                given = {name: given}
            try:
                Config(**given)
            except ValidationError as error:
                for problem in error.errors():
                    if problem["type"] not in {"model_type", "model_attributes_type", "extra_forbidden"}:
                        refused += 1
                        said = slip(problem)
                        assert said != _ELSE, (place, value, problem["type"])
                        assert "should" not in said, said
    assert refused > 500


@pytest.mark.parametrize(
    ("place", "named"),
    [
        pytest.param(("assets", 0), "assets, number 1", id="the first of a list"),
        pytest.param(("telegram", "bots", "alpha", "token"), "telegram.bots.alpha.token", id="a bot"),
        pytest.param((), "", id="nowhere"),
    ],
)
def test_a_member_of_a_list_is_counted_from_one(place: tuple[int | str, ...], named: str) -> None:
    assert where(place) == named
