"""What is kept of a book puts another one where it stood, and is little where nothing happens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.condition import Condition, Level
from signals.alerts.rule import AlertRule
from signals.rules.many.book import Book
from signals.rules.many.keeping import kept, restore
from tests.signals.rules.many.drawn import HOUR, NAMES, START, histories, rules


def kept_of(book: Book) -> dict[str, bytes]:
    return dict(kept(book, np.ones(len(book.rules), dtype=bool)))


@pytest.mark.slow
@given(rules(), histories(3), st.data())
def test_a_restart_between_two_closes_changes_nothing(
    of: list[AlertRule], values: dict[str, np.ndarray], data: st.DataObject
) -> None:
    assets = ("BTC", "ETH", "SOL")
    one, other = Book(of, assets, HOUR), Book(of, assets, HOUR)
    for i in range(len(values[NAMES[0]])):
        row = {name: rows[i] for name, rows in values.items()}
        mask = data.draw(st.lists(st.booleans(), min_size=len(of) * 3, max_size=len(of) * 3))
        pairs = np.array(mask).reshape(len(of), 3)
        at = START + i * HOUR
        assert one.step(row, at=at, closes=HOUR, pairs=pairs) == other.step(row, at=at, closes=HOUR, pairs=pairs)
        stood, other = other, Book(of, (*assets, *("DOGE",) * (i % 2)), HOUR)
        restore(other, kept_of(stood))
        other = other if i % 2 == 0 else _without_last(other, of, assets)
        for rule in one.rules:
            for asset in assets:
                assert one.state(rule.id, asset) == other.state(rule.id, asset)


def _without_last(book: Book, of: list[AlertRule], assets: tuple[str, ...]) -> Book:
    """The same without the asset that came last: to be compared close by close with the one that never had it."""
    found = Book(of, assets, HOUR)
    for page, new in zip(book.pages, found.pages, strict=True):
        for name in ("at", "pending", "rank", "unknown", "known", "early", "spent"):
            getattr(new, name)[:] = getattr(page, name)[:, : len(assets)]
        for name in ("entering", "leaving"):
            getattr(new, name)[:] = getattr(page, name)[:, :, : len(assets)]
    found.running = book.running
    return found


def test_what_is_calm_takes_three_bits_an_asset() -> None:
    enter, leave = ((Condition("day.value", ">", 1.0),),), ((Condition("day.value", "<", 0.0),),)
    rule = AlertRule("own day", "", (Level("warning", enter, leave, HOUR, HOUR),), "", (), "", "", metrics=("day",))
    book = Book([rule], [f"A{i}" for i in range(500)], HOUR)
    book.step({"day.value": np.full(500, -1.0)}, at=START, closes=HOUR)
    calm = kept_of(book)["own day"]
    assert len(calm) < 500 * 3 / 8 + 16
    book.step({"day.value": np.where(np.arange(500) < 10, 2.0, -1.0)}, at=START + HOUR, closes=HOUR)
    assert 0 < len(kept_of(book)["own day"]) - len(calm) < 10 * 40
