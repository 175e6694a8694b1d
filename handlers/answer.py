"""From a line that somebody typed to an answer: the one way in, the same for every channel.

A command answers from what is stored. Where that is too old (Reply.outdated) the venues are asked beside it: the answer
goes out at once and says so, and is given again when news comes. No command knows of this. Of an asset that is not
followed (Refused.unfollowed) one venue says how it stands now: it is handed to the command, and never stored.

Nothing heavy is imported here: a calculator must answer before pandas would have loaded.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from handlers.command import Looking, Refused, commands
from handlers.language.grammar import parse
from handlers.language.spelling import LONGEST, shown, split_command, suggest
from handlers.reply import Line
from handlers.words import wording
from signals.venues import venue_order, venue_title
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Sequence

    from handlers.command import Asking, Command, Deps
    from handlers.reply import Block, Reply
    from storage.queries.glance import Glance, NoGlance

    OnError = Callable[[str, Exception], str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is shown at once, and the same answered again where the venues are being asked.

    news: awaited by the channel, which edits its message into what comes; None: it stands as it is.
    """

    blocks: tuple[Block, ...]
    news: Awaitable[tuple[Block, ...] | None] | None = None


async def answer(text: str, deps: Deps) -> Reply:
    """Run the command that a line asks for, e.g. "/oi btc"; where venues are asked, wait for them and answer anew.

    Refused, with one sentence that says what to type, for anything that cannot be answered; StoreError where the
    database cannot be used.
    """
    command, rest = look_up(text)
    first = await _said(command, rest, deps)
    pending = await _begun(first, command, rest, deps)
    return _given(await pending.news() if isinstance(pending, _Pending) else pending)


async def answer_blocks(text: str, deps: Deps, *, on_error: OnError) -> Answer:
    """Answer a line for a channel, at once; whatever goes wrong is said in one line, so neither this nor news raises.

    on_error: writes an unexpected error to the log and returns the reference under which it stands there; `logged` is
    the usual one. It is given the name of the command and not the line: what people type is not kept.
    """
    name = ""
    try:
        command, rest = look_up(text)
        name = command.name
        first = await _said(command, rest, deps)
    except (Refused, StoreError) as error:
        return Answer(_refusal(error))
    except Exception as error:  # noqa: BLE001 - one broken command must not take the channel down
        return Answer(_defect(name, error, on_error))
    try:
        pending = await _begun(first, command, rest, deps)
    except Exception as error:  # noqa: BLE001 - what is stored is shown all the same
        on_error(name, error)
        pending = first
    if not isinstance(pending, _Pending):
        return Answer(_blocks(pending))

    async def news() -> tuple[Block, ...]:
        try:
            return _blocks(await pending.news())
        except Refused as refused:
            return _refusal(refused)
        except Exception as error:  # noqa: BLE001 - the answer that was given stands
            on_error(name, error)
            return _blocks(first)

    return Answer(_blocks(_noted(pending.meanwhile, f"Asking {_names(pending.venues)} …")), _News(news))


class _News:
    """News that is made when it is awaited: a channel that cannot edit leaves nothing behind."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, tuple[Block, ...]]]) -> None:
        self._make = make

    def __await__(self) -> Generator[Any, None, tuple[Block, ...]]:
        return self._make().__await__()


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
    near = " or ".join(f"/{other}" for other in suggest(name, every))
    meant = f" Did you mean {near}?" if near else ""
    raise Refused(f"There is no command “{shown(name)}”.{meant} Type /help to see all commands.")


# --- one answer, and the next -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A refusal that newer figures may lift. note: as in Reply."""

    error: Refused
    note: str | None = None

    @property
    def outdated(self) -> tuple[str, ...]:
        return self.error.outdated

    @property
    def unfollowed(self) -> str | None:
        return self.error.unfollowed


@dataclass(frozen=True, slots=True)
class _Pending:
    """What is said while venues are asked, and what makes the answer of what they say."""

    meanwhile: Reply | _Refusal
    venues: Iterable[str]
    news: Callable[[], Awaitable[Reply | _Refusal]]


async def _said(command: Command, rest: str, deps: Deps) -> Reply | _Refusal:
    """Answer from what is stored. Refused where nothing that could be asked for would change it."""
    if command.changes_chat and not deps.asker.may_change:
        raise Refused("Only admins of this group can change its settings.")
    try:
        return await command.run(deps, parse(command.arguments, rest, command=command.name, assets=deps.assets))
    except Refused as refused:
        if not refused.outdated and not refused.unfollowed:
            raise
        return _Refusal(refused)


async def _begun(first: Reply | _Refusal, command: Command, rest: str, deps: Deps) -> Reply | _Refusal | _Pending:
    """Have venues asked for what the answer lacked; where nobody can be, or nobody need be, this is the answer."""
    if isinstance(first, _Refusal) and first.unfollowed and deps.look:
        return await _looked(first, deps.look(first.unfollowed), command, rest, deps)
    asking = tuple(asking for asset in dict.fromkeys(first.outdated) if (asking := deps.asking(asset)))
    if not asking:
        return first
    venues = {venue for one in asking for venue in one.venues}
    return _Pending(first, venues, lambda: _news_of(first, asking, lambda: _again(first, command, rest, deps)))


async def _looked(
    first: _Refusal, looking: Looking | Glance | NoGlance | None, command: Command, rest: str, deps: Deps
) -> Reply | _Refusal | _Pending:
    """Answer with what a venue says of an asset that is not followed, at once where that was asked a moment ago."""
    from handlers import glance  # noqa: PLC0415 - as are the venues, for such an asset only
    from storage.queries.glance import NoGlance  # noqa: PLC0415 - as above

    if looking is None:
        return first

    async def told(found: Glance | NoGlance) -> Reply | _Refusal:
        if isinstance(found, NoGlance):
            return _Refusal(Refused(glance.lacking(found)))
        later = replace(_later(deps), glances={found.asset: found})
        again = await _said(command, rest, later)
        if isinstance(again, _Refusal) and again.unfollowed == found.asset:
            return glance.answered(found, later, command.glance)
        return again

    if not isinstance(looking, Looking):
        return await told(looking)

    async def news() -> Reply | _Refusal:
        return await told(await looking.done)

    return _Pending(_Refusal(Refused(glance.pending(str(first.unfollowed)))), looking.venues, news)


async def _news_of(
    first: Reply | _Refusal, asking: Sequence[Asking], again: Callable[[], Awaitable[Reply | _Refusal]]
) -> Reply | _Refusal:
    """Answer again where something new was stored; else say with the first answer who brought nothing."""
    if any(await asyncio.gather(*(one.done for one in asking))):
        return await again()
    venues = {venue for one in asking for venue in one.venues}
    return _noted(first, f"No newer figures came from {_names(venues)}.")


async def _again(first: Reply | _Refusal, command: Command, rest: str, deps: Deps) -> Reply | _Refusal:
    """Answer once more: by the command itself, or by what it left for this where it must not run twice."""
    if not isinstance(first, _Refusal) and first.again:
        return first.again(_later(deps))
    return await _said(command, rest, _later(deps))


def _later(deps: Deps) -> Deps:
    return replace(deps, now=deps.clock()) if deps.clock else deps


def _noted(said: Reply | _Refusal, note: str) -> Reply | _Refusal:
    return replace(said, note=note)


def _names(venues: Iterable[str]) -> str:
    return wording.listing([venue_title(one) for one in sorted(venues, key=lambda one: (venue_order(one), one))])


def _given(said: Reply | _Refusal) -> Reply:
    if isinstance(said, _Refusal):
        raise Refused(" ".join(filter(None, (str(said.error), said.note))))
    return said


# --- in blocks --------------------------------------------------------------------------------------------------------


def _blocks(said: Reply | _Refusal) -> tuple[Block, ...]:
    if isinstance(said, _Refusal):
        return _refusal(said.error, said.note)
    return said.all_blocks()


def _refusal(error: Exception, note: str | None = None) -> tuple[Block, ...]:
    said = str(error)
    return (Line(said[:1].upper() + said[1:]), *((Line(note, "stamp"),) if note else ()))


def _defect(name: str, error: Exception, on_error: OnError) -> tuple[Block, ...]:
    reference = on_error(name, error)
    return (Line(f"Something went wrong on our side (ref {reference}). The owner can find it in the log."),)


def logged(name: str, error: Exception) -> str:
    """Write an unexpected error to the log under a short reference and return that."""
    from uuid import uuid4  # noqa: PLC0415 - for a defect only, as is the log

    import structlog  # noqa: PLC0415

    reference = uuid4().hex[:6]
    structlog.get_logger(__name__).error("a command failed", command=name, ref=reference, exc_info=error)
    return reference
