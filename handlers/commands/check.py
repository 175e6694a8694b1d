"""/check: a position put into the market of this moment. It says what is, never what to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from handlers.command import Refused, command
from handlers.commands.liquidation_price import answer_for, watch_line
from handlers.language.position import ASK_LEVERAGE, ASK_SIDE, LiqArgs, outdated, question_of, read_as
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import liquidation as words
from handlers.words import readings as reading_words
from handlers.words import wording
from signals.liquidation.condition import reached
from signals.units import DAY, HOUR

if TYPE_CHECKING:
    from datetime import datetime

    from handlers.command import Deps
    from handlers.language.position import PositionQuestion
    from signals.liquidation import LiquidationAnswer
    from storage.alerts.episodes import Episode
    from storage.queries.check import CheckedPosition

_EXAMPLE = "/check long 95000 25x"


@command(
    subject="calculators",
    example=_EXAMPLE,
    examples=(_EXAMPLE, "/check short eth 25x", "/check long btc 95000 10x 0.5btc bybit"),
    words="check my, is my position, how safe, how risky, put into the market, check position, safe",
)
async def check(deps: Deps, args: LiqArgs) -> Reply:
    """Put a position into the market of this moment.

    Says how far the liquidation is in usual days of movement, what our map puts between here and there, what holding
    costs at today's funding, and which stories are on. Without an entry the price of now is taken. It is a description
    and never an advice.
    """
    if args.side is None:
        raise Refused(f"{ASK_SIDE.question} Type it like {_EXAMPLE}.", wanted=ASK_SIDE)
    question = question_of(deps, args, "check")
    if question.args.leverage is None and args.margin_mode != "cross":
        raise Refused(f"{ASK_LEVERAGE.question} Type it like {_EXAMPLE}.", wanted=ASK_LEVERAGE)
    from storage.queries import check as queries  # noqa: PLC0415 - brings numpy along

    answer = answer_for(question, args.side)
    price = question.mark.value if question.mark else question.entry
    found = await asyncio.to_thread(queries.read, deps.store, question.asset, args.side, price, answer.price, deps.now)
    lines = [Line(_head(question, answer), "headline")]
    if reached(answer.price, price, args.side):
        now = "price of now" if question.mark and question.mark.current else "last known price"
        lines.append(Line(f"At the {now}, {wording.price(price)}, it is past its liquidation."))
    else:
        near = (_far(question, answer, price, found), _between(question, answer, found))
        lines += [Line(text) for text in near if text]
    lines += [Line(text) for text in (_costs(question, found), _stories(found.stories, deps.now)) if text]
    blocks: tuple[Block, ...] = (
        *lines,
        Line("This says what is, not what to do.", "caveat"),
        Buttons(
            (
                Button("Map", f"/map {question.asset.lower()}"),
                Button("Why", f"/why {question.asset.lower()}"),
                Button("Watch", watch_line(question)),
            )
        ),
    )
    stamp = reading_words.stamp_words(found.stamps, deps.now, deps.stamp_note)
    rule = words.stamp(answer, deps.now)
    values = {
        "asset": question.asset,
        "side": args.side,
        "entry": question.entry,
        "leverage": question.args.leverage,
        "liquidation_price": answer.price,
        "usual_day": found.usual,
        "usual_days_away": _usual_days(answer, price, found),
        "between_usd": found.between.usd if found.between else None,
        "funding_apr": found.funding_apr,
        "stories": [one.rule for one in found.stories],
    }
    return Reply(
        blocks,
        values,
        read_as=read_as(question),
        stamp=f"{rule} · {stamp}" if stamp else rule,
        outdated=outdated(deps, question),
    )


def _head(question: PositionQuestion, answer: LiquidationAnswer) -> str:
    leverage = f" {wording.leverage(question.args.leverage)}" if question.args.leverage else ""
    begin = f"{question.unit} {question.args.side}{leverage} from {wording.price(question.entry)}"
    if answer.price is None:
        return f"{begin}: no price liquidates it."
    away = words.distance(question.entry, answer.price)
    return f"{begin}: liquidation at {words.shown(answer)} ({away})."


def _usual_days(answer: LiquidationAnswer, price: float, found: CheckedPosition) -> float | None:
    if answer.price is None or not found.usual:
        return None
    return abs(answer.price / price - 1) / found.usual


def _far(question: PositionQuestion, answer: LiquidationAnswer, price: float, found: CheckedPosition) -> str:
    days = _usual_days(answer, price, found)
    if answer.price is None:
        return ""
    begin = "It is" if question.at_mark else f"From the price of now, {wording.price(price)}, it is"
    said = f"{begin} {wording.share(100 * abs(answer.price / price - 1), 1)} away"
    if days is None:
        return f"{said}; how far price usually moves in a day is not known yet."
    usual = wording.share(100 * (found.usual or 0.0), 1)
    return f"{said}: {wording.number(days, 1)} times a usual day's move of {usual}."


def _between(question: PositionQuestion, answer: LiquidationAnswer, found: CheckedPosition) -> str:
    if answer.price is None:
        return ""
    if found.between is None:
        return "What lies between here and there is not known: there is no map of it."
    side = f"{question.args.side}s"
    part = "" if found.between.reaches else " as far as it shows"
    return f"Between here and there our map puts {wording.usd(found.between.usd)} of other {side}{part}."


def _costs(question: PositionQuestion, found: CheckedPosition) -> str:
    if found.funding_apr is None:
        return "What holding costs is not known: no funding is stored."
    pays = found.funding_apr * (1 if question.args.side == "long" else -1)
    a_day = 100 * abs(pays) / 365
    of_margin = f", {wording.share(a_day * question.args.leverage, 2)} of the margin" if question.args.leverage else ""
    verb = "costs" if pays > 0 else "earns"
    rate = wording.apr(100 * found.funding_apr)
    at = f"at the {rate} that {_STATES[found.state]}" if found.state else f"at funding of {rate}"
    return f"Holding {verb} {wording.share(a_day, 3)} of its size a day{of_margin}, {at}."


_STATES: Final = {"paid": "was paid last", "due": "was due", "next": "is paid next"}


def _stories(stories: tuple[Episode, ...], now: datetime) -> str:
    if not stories:
        return "No story of several alarms is on."
    from handlers.words.subscriptions import title  # noqa: PLC0415 - brings numpy along

    said = [f"{wording.small(title(one.rule))} ({_lasting(now, one)})" for one in stories]
    return f"On now: {wording.listing(said)}."


def _lasting(now: datetime, one: Episode) -> str:
    span = now - one.since
    return f"{span // DAY} d" if span >= 2 * DAY else f"{max(1, span // HOUR)} h"
