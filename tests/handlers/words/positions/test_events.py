"""What is said of each event of a position: made of plain data, in the zone of the chat, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest

from handlers.reply import plain_text
from handlers.words.positions.events import blocks_of, reply_of
from signals.liquidation.events import (
    CameNear,
    DexBack,
    DexSilent,
    FirstLook,
    Holder,
    HolderBack,
    HolderSilent,
    HoldingsChanged,
    LineCrossed,
    LinesLeft,
    Liquidated,
    MayBeLiquidated,
    PastPrice,
    PositionEvent,
    PositionNow,
    PriceBack,
    PriceSilent,
    TableMoved,
    from_json,
    to_json,
)
from signals.liquidation.moves import MarkRange, PriceRange, WorstPrice
from signals.liquidation.watching import Holding

NOON = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
HOLDING = Holding(
    asset="BTC", venue="binance", contract="linear", side="long", entry=95_000.0, leverage=3.0, begun=NOON,
    size_coins=0.5,
)  # fmt: skip
STANDS = PositionNow(
    holding=HOLDING, lines=(0.2, 0.1, 0.05), number=1, name="hedge", liquidation=63_587.6839, shown=63_587.68,
    table_as_of=date(2026, 9, 29), mark=70_000.0, mark_at=NOON, mark_venue="binance", distance=0.0916, known=True,
    profit=-12_500.0, profit_share=-0.789, taken=31.5, settled=3, typical=0.02,
)  # fmt: skip
INVERSE = replace(
    STANDS,
    holding=replace(HOLDING, contract="inverse", venue="bybit", size_coins=None, size_usd=50_000.0),
    taken=0.0012,
)
WHALE = Holder("0x" + "ab" * 20, "whale")
HELD = replace(
    STANDS,
    holding=replace(HOLDING, venue="hyperliquid"),
    mark_venue="hyperliquid",
    number=None,
    name=None,
    holder=WHALE,
    priced="stated",
    shown=None,
    table_as_of=None,
)
HOUR = PriceRange(NOON.replace(second=0), NOON.replace(hour=13, second=0), 63_400.0, 71_000.0)
TRADED = PastPrice(worst=WorstPrice(HOUR, 63_400.0, 63_587.6839, -0.003), venue="binance", by_mark=False)
SEEN = replace(TRADED, marks=MarkRange(64_000.0, 71_000.0, 60, 60.0))
MOMENT = PriceRange(NOON, NOON, 64_000.0, 64_000.0)
MARKED = PastPrice(worst=WorstPrice(MOMENT, 64_000.0, 63_587.6839, 0.0064), venue="binance", by_mark=True)
STAMP = "mark price of Binance, 13:00 CET · Binance tier table of 29 September 2026"


def said(event: PositionEvent, zone: str = "UTC") -> list[str]:
    """Say an event that has waited as JSON."""
    return plain_text(blocks_of(from_json(json.loads(json.dumps(to_json(event)))), zone)).split("\n")


CASES: list[tuple[PositionEvent, list[str]]] = [
    (
        LineCrossed(STANDS, "warning", escalated=True),
        [
            "Now a warning: BTC long “hedge” (1) is 9.16 % from its liquidation price.",
            "Mark price 70,000, liquidation at 63,587.68: 9.16 % away, 4.6 typical days of movement.",
            "Opened 0.5 BTC from 95,000, 3x; unrealised −$12,500 (−79 % of the margin).",
            "Funding since 22 November, 3 payments: $31.50, 0.2 % of the margin, counted as taken from it.",
            "Its line of 10 % is crossed; all clear above 25 %. Nearer lines: 5 %.",
            STAMP,
        ],
    ),
    (
        LineCrossed(HELD, "notice"),
        [
            "BTC long of “whale” 0xabab…abab is 9.16 % from its liquidation price.",
            "Mark price 70,000, liquidation at 63,587.68: 9.16 % away, 4.6 typical days of movement.",
            "Opened 0.5 BTC from 95,000, 3x; unrealised −$12,500 (−79 % of the margin).",
            "Its line of 20 % is crossed; all clear above 25 %. Nearer lines: 10 and 5 %.",
            "mark price of Hyperliquid, 13:00 CET · liquidation price by Hyperliquid",
        ],
    ),
    (
        LinesLeft(STANDS, timedelta(minutes=7)),
        [
            "BTC long “hedge” (1) is safe again: 9.16 % away; within 20 % for 7 min.",
            "Mark price 70,000, liquidation at 63,587.68: 9.16 % away, 4.6 typical days of movement.",
            STAMP,
        ],
    ),
    (
        Liquidated(STANDS),
        [
            "BTC long “hedge” (1) would have been liquidated at 63,587.68 by the mark price.",
            ("The mark price of Binance was 70,000 at 22 November 13:00 CET. The watch of this position ends here."),
            (
                "This is computed, not read from an account. "
                "Assumed: isolated, no margin added, funding is taken from the margin."
            ),
            STAMP,
        ],
    ),
    (
        TableMoved(STANDS, 63_000.0, date(2026, 8, 6)),
        [
            "BTC long “hedge” (1): liquidation now at 63,587.68, before at 63,000.",
            (
                "Binance has a new tier table: that of 6 August 2026 gave the old price, that of 29 September 2026 "
                "gives the new one. Nothing else about the position has changed."
            ),
            STAMP,
        ],
    ),
    (
        MayBeLiquidated(STANDS, SEEN),
        [
            "BTC long “hedge” (1) may have been liquidated: check your exchange.",
            (
                "BTC traded down to 63,400 on Binance between 22 November 13:00 and 14:00 CET, below its "
                "liquidation price 63,587.68. Mark price now 70,000."
            ),
            "Trades are a sign, not proof: the mark price, which decides, came no nearer than 64,000 (0.64 % away).",
            "It stays watched until you say. Still open: /watch 1 keep. Gone: /unwatch 1.",
            (
                "The liquidation price is computed, not read from an account. "
                "Assumed: isolated, no margin added, funding is taken from the margin."
            ),
            STAMP,
            "More: /watch 1 keep · /unwatch 1",
        ],
    ),
    (
        CameNear(STANDS, MARKED),
        [
            "BTC long “hedge” (1) came within 0.64 % of its liquidation price; it is 9.16 % away now.",
            (
                "The mark price of BTC on Binance was 64,000 on 22 November 13:00 CET. "
                "Mark price now 70,000, liquidation at 63,587.68: 4.6 typical days of movement away."
            ),
            "The mark price decides.",
            "All clear above 25 %.",
            STAMP,
        ],
    ),
    (
        CameNear(STANDS, MARKED, went=True),
        [
            "BTC long “hedge” (1) is safe again: 9.16 % away; came within 0.64 % of its liquidation price.",
            (
                "The mark price of BTC on Binance was 64,000 on 22 November 13:00 CET. "
                "Mark price now 70,000, liquidation at 63,587.68: 4.6 typical days of movement away."
            ),
            "The mark price decides.",
            STAMP,
        ],
    ),
    (
        PriceSilent("BTC", (STANDS, replace(STANDS, number=2))),
        [
            "BTC: no fresh mark price, so your positions 1 and 2 are not watched.",
            "The last one is from 22 November 13:00 CET (Binance). You are told when it is back.",
        ],
    ),
    (
        PriceBack("BTC", (STANDS,)),
        ["BTC: the mark price is back, 70,000.", "From liquidation: BTC long “hedge” (1) 9.16 %."],
    ),
    (FirstLook(WHALE, ()), ["“whale” 0xabab…abab holds no open positions. You are told when it opens one."]),
    (
        FirstLook(Holder(WHALE.address), (HELD,) * 9),
        [
            "0xabab…abab holds 9 open positions:",
            *["– BTC long 0.5 BTC from 95,000, 3x: liquidation at 63,587.68, 9.16 % away."] * 8,
            "and 1 more, see /positions",
        ],
    ),
    (
        HoldingsChanged(WHALE, (), (HOLDING,)),
        ["“whale” 0xabab…abab: closed BTC long, was 0.5 BTC from 95,000, 3x."],
    ),
    (
        HolderSilent((WHALE, Holder(WHALE.address)), NOON, "It does not answer."),
        [
            (
                "No answer about “whale” 0xabab…abab and 0xabab…abab since 22 November 13:00 CET, so nothing "
                "there is watched."
            ),
            "It does not answer. You are told when it answers again.",
        ],
    ),
    (
        DexSilent(WHALE, "flx", NOON, (HELD.holding,)),
        [
            "“whale” 0xabab…abab: no answer of dex flx since 22 November 13:00 CET.",
            "BTC long is not watched meanwhile. You are told when it answers again.",
        ],
    ),
    (DexBack(WHALE, "flx"), ["“whale” 0xabab…abab: dex flx answers again."]),
    (HolderBack(WHALE), ["“whale” 0xabab…abab is followed again: Hyperliquid answers."]),
]


@pytest.mark.parametrize(
    ("event", "lines"), [pytest.param(*case, id=f"{type(case[0]).__name__}-{n}") for n, case in enumerate(CASES)]
)
def test_an_event_is_told_from_its_data_in_the_zone_of_the_chat(event: PositionEvent, lines: list[str]) -> None:
    assert said(event, "Europe/Berlin") == lines
    assert sum(len(line) + 1 for line in lines) <= 900


def test_every_event_has_words() -> None:
    assert {type(event) for event, _ in CASES} == set(get_args(PositionEvent))
    assert set(get_args(PositionEvent)) <= set(blocks_of.registry)


def test_the_end_is_one_line_too() -> None:
    assert reply_of(LinesLeft(STANDS, timedelta(minutes=2))).endswith(
        "is safe again: 9.16 % away; within 20 % for 2 min."
    )
    assert "is safe again" in reply_of(CameNear(STANDS, MARKED, went=True))
    covered = LinesLeft(replace(STANDS, liquidation=float("nan"), distance=float("nan")), timedelta(0))
    assert reply_of(covered).endswith("no liquidation price any more: its margin covers every price.")


def test_what_funding_took_of_a_coin_margined_position_is_in_coin() -> None:
    assert "3 payments: 0.0012 BTC, 0.7 % of the margin" in said(LineCrossed(INVERSE, "notice"))[3]


def test_funding_that_is_not_known_is_said_and_none_is_not() -> None:
    lines = said(LineCrossed(replace(STANDS, settled=None), "notice"))
    assert "Funding is not counted: no rates of Binance for this contract are stored." in lines
    assert not any("Funding" in line for line in said(LineCrossed(replace(STANDS, taken=0.0), "notice")))


def test_a_position_in_doubt_says_so_where_a_line_is_crossed() -> None:
    lines = said(LineCrossed(replace(STANDS, doubt=NOON), "notice"))
    assert lines[-1] == "May have been liquidated, told 22 November 12:00 UTC. /watch 1 keep or /unwatch 1."
