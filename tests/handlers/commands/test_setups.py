"""/setup and /why: stories with their legs, and what moved an asset."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from bot.engine.hindsight import judge_past
from handlers.command import Refused
from handlers.reply import Buttons, Line
from handlers.words.stories.moved import headline, sentences
from signals.alerts.setup import setups
from signals.unusual import FigureChange
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.queries.market.moved import BeforeAfter, Moved
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOUR = timedelta(hours=1)
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
SHORTS_LACK = "not so: shorts above against longs below and a fall of price in 16 days"


def lines(reply: Any) -> list[str]:
    return [block.text for block in reply.blocks if isinstance(block, Line)]


def wave(path: Path, *, depth: bool = True) -> Desk:
    """Return a desk whose last hours are a selling wave: sellers, a thin book, closing and liquidations."""
    store = Store(path / "wave.db")
    random = np.random.default_rng(3)
    rows = 40 * 24
    index = pd.date_range(end=NOW - HOUR, periods=rows, freq="h", tz=UTC)
    late = np.arange(rows) >= rows - 30
    price = 90_000 * np.exp(np.cumsum(random.normal(0, 0.003, rows) - 0.004 * late))
    volume = random.lognormal(19, 0.2, rows)
    coins = 100_000 * np.exp(np.cumsum(random.normal(0, 0.002, rows) - 0.004 * late))
    bars = pd.DataFrame(
        {
            "open": price,
            "high": price,
            "low": price,
            "close": price,
            "volume_usd": volume,
            "taker_buy_usd": volume * (random.normal(0.5, 0.01, rows) - 0.08 * late),
            "liquidated_longs_usd": random.lognormal(12, 0.5, rows) * np.where(late, 300.0, 1.0),
            "liquidated_shorts_usd": random.lognormal(12, 0.5, rows),
        },
        index=index,
    )
    columns = {"open_interest_coin": coins, "open_interest_usd": coins * price}
    if depth:
        columns |= dict.fromkeys(("depth_bids_usd", "depth_asks_usd"), 4e7 * np.exp(random.normal(0, 0.1, rows) - late))
    levels = pd.DataFrame(columns, index=index + timedelta(minutes=50))
    points.write(
        store, [Points.of_frame("binance", "BTC", HOUR, bars), Points.of_frame("binance", "BTC", None, levels)]
    )
    judge_past(store, ["BTC"], NOW)
    return Desk(store, NOW)


@pytest.mark.slow
def test_a_story_that_is_on_comes_first(tmp_path: Path) -> None:
    here = wave(tmp_path)
    said = lines(here.ask("/setup btc"))
    assert said[0] == "BTC: 2 stories are on."
    assert sorted(line.partition(", for ")[0] for line in said if line.startswith("▲")) == [
        "▲ Sellers press and positions close",
        "▲ The move comes from positions being closed",
    ]
    assert here.ask("/setup btc").values["setups"]["selling_wave"]["level"] == "warning"
    assert any(line.startswith("▲▲ Sellers press and positions close, ") for line in lines(here.ask("/health btc")))


@pytest.mark.slow
def test_why_shows_each_leg_with_its_line(tmp_path: Path) -> None:
    reply = wave(tmp_path).ask("/why selling wave btc")
    said = lines(reply)
    assert said[0].startswith("BTC: “sellers press and positions close” is on, for ")
    legs = [line for line in said if line[0] in "▲·?"]
    assert len(legs) == 4
    assert all("(line " in line for line in legs)
    assert legs[0].startswith("▲ Taker flow (must hold): z of taker flow is −"), "of several figures each is named"
    assert "; share of buys in the taker volume of 24 h is " in legs[0]
    assert (
        "It ends when z of taker flow is above −1 and fewer than 3 legs hold; "
        "or z of depth is above −0.4 and fewer than 3 legs hold."
    ) in said
    assert "4 of 4 legs hold; 3 of 4 make it a warning." in said
    assert reply.values["legs"]["flow"]["line"] == -2.0


@pytest.mark.slow
def test_a_leg_without_data_says_so_and_is_not_counted(tmp_path: Path) -> None:
    here = wave(tmp_path, depth=False)
    said = lines(here.ask("/why selling_wave btc"))
    assert any(line.startswith("? Depth within 1 %: nothing is stored of") for line in said)
    assert "3 of 4 legs hold; 3 of 4 make it a warning." in said
    assert here.ask("/setup btc").values["setups"]["selling_wave"]["unknown"] == 1


@pytest.mark.slow
def test_each_setup_can_be_asked_for_by_its_name(tmp_path: Path) -> None:
    here = wave(tmp_path)
    for name in sorted(set(setups()) - {"stablecoin_regime"}):
        for typed in (name, name.replace("_", " ")):
            reply = here.ask(f"/why {typed} btc")
            assert reply.values["setup"] == name
            assert not any("nan" in line or "None" in line or "; none" in line for line in lines(reply))
            for button in (one for block in reply.blocks if isinstance(block, Buttons) for one in block.buttons):
                assert button.command.startswith(("/base ", "/why "))
    assert any("1 of 1 makes it a warning where " in line for line in lines(here.ask("/why reversal_trigger btc")))
    ends = "It ends when close against the low of 20 days is below 0 % or at least 10 %; or after 20 days"
    assert any(line.startswith(ends) for line in lines(here.ask("/why spring btc")))
    assert lines(here.ask("/setup squeeze_fuel")) == lines(here.ask("/why squeeze_fuel"))
    assert here.ask("/setup long squeeze btc").values["setup"] == "squeeze_fuel_longs"


@pytest.mark.slow
def test_a_story_of_the_market_without_data_is_refused_with_what_helps(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^No supply of dollar stablecoins is stored yet; .*perpulse import FILE\.$"):
        wave(tmp_path).ask("/why stablecoin regime")


@pytest.mark.slow
def test_why_of_an_asset_takes_its_move_apart(tmp_path: Path) -> None:
    reply = wave(tmp_path).ask("/why btc 24h")
    said = lines(reply)
    assert said[0].startswith("BTC fell ")
    assert any(line.startswith("Open interest −") and "longs left" in line for line in said)
    assert any(line.startswith("Takers sold more than they bought") for line in said)
    assert any("was liquidated" in line and "longs" in line for line in said)
    assert any(line.startswith("Orders within 1 % of price are $") for line in said)
    assert "What went together, not what caused what." in said
    assert len(said) <= 8
    assert reply.values["price"]["change"] < 0


@pytest.mark.slow
def test_what_is_not_known_is_not_said(desk: Callable[..., Desk]) -> None:
    said = lines(desk("recorded", "2026-02-06").ask("/why btc 4h"))
    assert not any("unknown" in line or "nan" in line for line in said)


def moved(*more: FigureChange, **changes: float) -> Moved:
    found = {what: FigureChange("BTC", what, 89_300.0, change) for what, change in changes.items()}  # type: ignore[arg-type]
    found |= {one.what: one for one in more}
    nothing = BeforeAfter(None, None)
    return Moved("BTC", NOW - 24 * HOUR, NOW, found, nothing, nothing, ("binance",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("price", "coins", "who"),
    [
        pytest.param(-0.06, -0.056, "longs left rather than that shorts came", id="both down"),
        pytest.param(-0.06, 0.056, "shorts came in as price fell", id="coins up"),
        pytest.param(0.06, -0.056, "shorts covered rather than that longs came", id="price up"),
        pytest.param(0.06, 0.056, "longs came in as price rose", id="both up"),
        pytest.param(0.001, -0.056, "positions were closed while price stood", id="price stands"),
        pytest.param(-0.06, 0.001, "as many positions were opened as closed", id="coins stand"),
    ],
)
def test_coins_tell_who_came_and_who_left(price: float, coins: float, who: str) -> None:
    assert f": {who}." in sentences(moved(price=price, open_interest=coins))[0]


FELL = FigureChange("BTC", "price", 89_300.0, -0.061, rare=2, past=180, times=5.0)
HARDLY = FigureChange("BTC", "price", 89_300.0, -0.001, rare=0, past=180, times=5.0)
MORE = "BTC fell 6.1 % in 24 h, to 89,300"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(moved(), "BTC: what price did in 24 h is not known.", id="no price"),
        pytest.param(moved(price=-0.061), f"{MORE}.", id="what is usual is not known"),
        pytest.param(moved(FELL), f"{MORE}, which is unusual; a usual move is 1.2 %.", id="unusual"),
        pytest.param(moved(replace(FELL, rare=9)), f"{MORE}; a usual move is 1.2 %.", id="not rare enough"),
        pytest.param(moved(HARDLY), "BTC fell 0.1 % in 24 h, to 89,300; a usual move is 0.02 %.", id="it stands"),
    ],
)
def test_a_move_is_held_against_a_usual_one(found: Moved, said: str) -> None:
    assert headline(found, "24 h") == said


FUNDING = FigureChange("BTC", "funding", 0.10, 0.02, paid=False, paid_before=True)


@pytest.mark.parametrize(
    ("funding", "said"),
    [
        pytest.param(
            FUNDING, "Funding is heading to +10.00 % a year; 24 h before it had paid +8.00 %.", id="paid, then told"
        ),
        pytest.param(
            replace(FUNDING, paid=True, paid_before=False),
            "Funding last paid +10.00 % a year; 24 h before it was heading to +8.00 %.",
            id="told, then paid",
        ),
    ],
)
def test_each_rate_says_which_it_is_and_of_when(funding: FigureChange, said: str) -> None:
    assert sentences(moved(funding))[-1] == said


@pytest.mark.parametrize(
    ("change", "thought", "said"),
    [
        (-0.021, "up", "BTC fell 2.1 % in 24 h, it did not rise; it went to 89,300."),
        (0.021, "down", "BTC rose 2.1 % in 24 h, it did not fall; it went to 89,300."),
        (-0.021, "down", "BTC fell 2.1 % in 24 h, to 89,300."),
        (0.021, "up", "BTC rose 2.1 % in 24 h, to 89,300."),
    ],
)
def test_what_is_thought_of_a_move_and_is_not_so_is_said(change: float, thought: Any, said: str) -> None:
    assert headline(moved(price=change), "24 h", thought) == said


@pytest.mark.parametrize(
    ("line", "denied"),
    [
        ("why did btc pump", True),
        ("why is btc going up", True),
        ("why did btc rally?", True),
        ("/why btc pump 24h", True),
        ("why did btc dump", False),
        ("why btc", False),
        ("why the pump and dump of btc", False),
    ],
)
def test_a_question_that_takes_a_fall_for_a_rise_is_told(made: Callable[..., Desk], line: str, *, denied: bool) -> None:
    here = made(close=[100.0] * 199 + [97.0], mark_price=[100.0] * 199 + [97.0])
    said = next(one for one in lines(here.ask(line)) if one.startswith("BTC fell"))
    assert ("it did not rise" in said) == denied


@pytest.mark.parametrize(
    ("coins", "near"),
    [
        pytest.param([1e5] * 200, ["None is near: not one leg holds."], id="no leg holds"),
        pytest.param(
            [1e5] * 190 + [1.2e5] * 10,
            ["Nearest:", f"· More shorts above than longs below: 1 of 3 legs; {SHORTS_LACK}."],
            id="one leg holds",
        ),
    ],
)
def test_what_has_no_leg_is_not_near(made: Callable[..., Desk], coins: list[float], near: list[str]) -> None:
    here = made(
        close=[100.0] * 200, volume_usd=[1e9] * 200, taker_buy_usd=[0.49e9] * 200, funding_rate=[0.0001] * 200,
        open_interest_coin=coins, open_interest_usd=[100 * one for one in coins],
    )  # fmt: skip
    said = lines(here.ask("/setup btc"))
    assert said[0] == "BTC: no story is on."
    assert set(near) <= set(said), said
    assert not any(" 0 of " in line for line in said)
    (unknown,) = [line for line in said if line.startswith("Too little is known to judge: ")]
    assert "dollar stablecoins grow or drain; forced selling or buying in a chain; " in unknown
