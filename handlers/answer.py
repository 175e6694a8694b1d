"""From a line that somebody typed to an answer: the one way in, the same for every channel.

Nothing heavy is imported here: a calculator must answer before pandas would have loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.command import Refused, commands
from handlers.language.grammar import parse, split_command, suggest
from handlers.language.spelling import LONGEST, shown
from handlers.reply import Line
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handlers.command import Command, Deps
    from handlers.reply import Block, Reply


@dataclass(frozen=True, slots=True)
class Answer:
    """What a channel shows to somebody: `blocks` at once, and in their place what `news` brings, unless it is None."""

    blocks: tuple[Block, ...]
    news: Awaitable[tuple[Block, ...] | None] | None = None


async def answer(text: str, deps: Deps) -> Reply:
    """Run the command that a line asks for, e.g. "/oi btc" or "oi btc".

    Refused, with one sentence that says what to type, for anything that cannot be answered; StoreError where the
    database cannot be used.
    """
    each, rest = look_up(text)
    return await _run(each, rest, deps)


async def _run(each: Command, rest: str, deps: Deps) -> Reply:
    if each.changes_chat and not deps.asker.may_change:
        raise Refused("Only admins of this group can change its settings.")
    return await each.run(deps, parse(each.arguments, rest, command=each.name, assets=deps.assets))


def look_up(text: str) -> tuple[Command, str]:
    """Return the command that a line names and the rest of the line. Refused where there is none."""
    if len(text) > LONGEST:
        raise Refused(f"That is {len(text):,} characters long; a command has at most {LONGEST}. Type a shorter one.")
    name, rest = split_command(text)
    if not name:
        raise Refused("Type a command, for example /oi btc. Type /help to see all commands.")
    every = commands()
    if name in every:
        return every[name], rest
    near = " or ".join(f"/{each}" for each in suggest(name, every))
    meant = f" Did you mean {near}?" if near else ""
    raise Refused(f"There is no command “{shown(name)}”.{meant} Type /help to see all commands.")


async def answer_blocks(text: str, deps: Deps, *, on_error: Callable[[str, Exception], str]) -> Answer:
    """Answer a line for a channel; whatever goes wrong is said in one line, so this never raises.

    on_error: writes an unexpected error to the log and returns the reference under which it stands there; `logged` is
    the usual one. It is given the name of the command and not the line: what people type is not kept.
    """
    name = ""
    try:
        each, rest = look_up(text)
        name = each.name
        return Answer((await _run(each, rest, deps)).all_blocks())
    except (Refused, StoreError) as error:
        said = str(error)
        return Answer((Line(said[:1].upper() + said[1:]),))
    except Exception as error:  # noqa: BLE001 - one broken command must not take the channel down
        reference = on_error(name, error)
        said = f"Something went wrong on our side (ref {reference}). The owner can find it in the log."
        return Answer((Line(said),))


def logged(name: str, error: Exception) -> str:
    """Write an unexpected error to the log under a short reference and return that."""
    from uuid import uuid4  # noqa: PLC0415 - for a defect only, as is the log

    import structlog  # noqa: PLC0415

    reference = uuid4().hex[:6]
    structlog.get_logger(__name__).error("a command failed", command=name, ref=reference, exc_info=error)
    return reference
