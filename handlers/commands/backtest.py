"""/backtest: what followed a rule of one's own before, by the code that says it of setups."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from handlers.command import Deps, MissingValue, Refused, command
from handlers.commands.alert import RuleText, affordable
from handlers.commands.evidence import evidence_of
from handlers.language.telling.own_rules import number_said, numbered, own_line, pressed
from handlers.reply import Button, Buttons, Line, Reply

if TYPE_CHECKING:
    from handlers.reply import Block
    from signals.rules.reading import OwnLine

# What brings lark, numpy or the database along is imported when a command runs.

_MANY: Final = 5  # rules that a chat has looked at, from which on chance is spoken of
_BY_CHANCE: Final = 20  # of so many rules one lies outside of its interval by chance


@command(
    subject="judgement",
    example="/backtest btc funding > 30% apr",
    draws=True,
    words="test rule, test my rule, try rule, how good is",
    whole=True,
)
async def backtest(deps: Deps, args: RuleText) -> Reply:
    """Say what followed a rule of yours before, and on any day.

    Type a rule as for /alert, or the number of one that is saved: /backtest 3. Every case in all history that is
    stored, 30 days apart at least, held against any other day; a picture shows every path. A rule that was found by
    trying many is good by chance now and then, so it is said how many this chat has tried.
    """
    from storage.people import rules as kept  # noqa: PLC0415 - see above

    line = _line(deps, args.rule)
    assets = await asyncio.to_thread(affordable, deps, line)
    reply = await evidence_of(deps, line.rule.id, assets[0], line.said)
    here = deps.here()
    tried = await asyncio.to_thread(kept.tried, deps.store, here.id, line.rule.id, deps.now) if here else 0
    blocks: list[Block] = [block for block in reply.blocks if not isinstance(block, Buttons)]
    if tried >= _MANY:
        blocks.append(Line(_by_chance(tried), "caveat"))
    blocks.append(Buttons(_next(deps, args.rule, line)))
    return Reply(tuple(blocks), {**reply.values, "line": line.line, "tried": tried}, stamp=reply.stamp)


def _line(deps: Deps, text: str) -> OwnLine:
    if not text.strip():
        text = "Which rule? Type it like /backtest btc funding > 30% apr, or its number, like /backtest 3."
        raise Refused(text, wanted=MissingValue(text, free=True))
    if number_said(text) is not None:
        text = numbered(text, deps, "backtest").worded.line
    line = own_line(text, deps, "/backtest")
    if line.scope.position:
        raise Refused("A rule about a position has no past: the position had none.")
    return line


def _by_chance(tried: int) -> str:
    good = max(1, round(tried / _BY_CHANCE))
    one = "one looks" if good == 1 else f"{good} look"
    return f"This chat has tried {tried} rules: of {max(tried, _BY_CHANCE)} tried, {one} good by chance."


def _next(deps: Deps, text: str, line: OwnLine) -> tuple[Button, ...]:
    if number_said(text) is not None:
        return (Button("Rule", f"/alerts {text.strip()}"), Button("My rules", "/alerts"))
    return (Button("Make it a rule", pressed(deps, "/alert", line.line)), Button("My rules", "/alerts"))
