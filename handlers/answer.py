"""From a line that somebody typed to an answer: the one way in, the same for every channel.

A command answers from what is stored. Where that is too old (Reply.outdated) the venues are asked beside it: the answer
goes out at once and says so, and is given again when news comes. No command knows of this. Of an asset that is not
followed (Refused.unfollowed) one venue says how it stands now: it is handed to the command, and never stored.

Nothing heavy is imported here: a calculator must answer before pandas would have loaded.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from handlers.access import CODE_LINK
from handlers.command import Looking, Meant, NotUnderstood, Refused, check_may_change, commands
from handlers.language.grammar import parse
from handlers.language.spelling import LONGEST, is_command, shown, split_command, suggest
from handlers.reply import Button, Buttons, Line
from handlers.words import wording
from signals.language.spelling import sentence_case
from signals.venues import venue_order, venue_title
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Iterable, Sequence

    from handlers.command import Asking, Deps, MissingValue
    from handlers.reply import Block, Reply
    from storage.queries.glance import Glance, NoGlance

    OnError = Callable[[str, Exception], str]

_INLINE: Final = ("calculators", "market", "judgement")  # what may be asked in any chat: nothing is anybody's own
BY_REPLY: Final = "Reply to this message with it."  # what people say to each other is not for us
BARE_NUMBER: Final = re.compile(r"\$?\d[\d.,'_]*k?")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A line that lacks one value. name, rest: the command and what was said. wanted: which value."""

    name: str
    rest: str
    wanted: MissingValue

    def completed(self, text: str) -> str:
        """Return the line with the value; it goes first, unless it is to go behind: a name may stand at the end."""
        said = self.wanted.shape.format(text) if BARE_NUMBER.fullmatch(text.strip()) else text
        rest = f"{self.rest} {said}" if self.wanted.behind else f"{said} {self.rest}"
        return " ".join(f"/{self.name} {rest}".split())


@dataclass(frozen=True, slots=True)
class Answer:
    """What is shown at once, and the same answered again where the venues are being asked.

    blocks: empty where nothing is to be said, as to who asks on and on. news: awaited by the channel, which edits its
    message into what comes; None: it stands as it is. unfinished: what was asked lacks a value, and the blocks ask for
    it. refused: the blocks say why there is no answer. changed: something that is stored was changed by it. back: the
    lines that undo that. led_by: numbers of the earlier messages that led to it, as one whose question was answered.
    undone: of those whose change it undoes. apart: it is a message of its own, and the answer to what was edited stays.
    """

    blocks: tuple[Block, ...]
    news: Awaitable[tuple[Block, ...] | None] | None = None
    unfinished: Unfinished | None = None
    refused: bool = False
    changed: bool = False
    led_by: tuple[str, ...] = ()
    apart: bool = False
    back: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()

    def by(self, how: str) -> Answer:
        """Return it with how the value is said that it asks for, where that is not simply the next message."""
        if self.unfinished is None:
            return self
        news = self.news.by(how) if isinstance(self.news, _News) else self.news
        return replace(self, blocks=_told_how(self.blocks, how), news=news)

    @property
    def has_changed(self) -> bool:
        """Tell whether something that is stored was changed by it, or by what came of its news."""
        return self.changed or (isinstance(self.news, _News) and self.news.became.changed)


async def answer(text: str, deps: Deps) -> Reply:
    """Run the command that a line asks for, e.g. "/oi btc"; where venues are asked, wait for them and answer anew.

    Refused, with one sentence that says what to type, for anything that cannot be answered; StoreError where the
    database cannot be used.
    """
    meant = look_up(text, deps.assets)
    _check_rights(meant, deps)
    first = await _said(meant, deps)
    pending = await _begun(first, meant, deps)
    return _given(await pending.news() if isinstance(pending, _Pending) else pending)


async def answer_blocks(text: str, deps: Deps, *, on_error: OnError) -> Answer:
    """Answer a line for a channel, at once; whatever goes wrong is said in one line, so neither this nor news raises.

    on_error: writes an unexpected error to the log and returns the reference under which it stands there; `logged` is
    the usual one. It is given the name of the command and not the line: what people type is not kept.
    """
    name, meant = "", None
    try:
        meant = look_up(text, deps.assets)
        name = meant.command.name
        _check_rights(meant, deps)
        first = await _said(meant, deps)
    except (Refused, StoreError) as error:
        if isinstance(error, NotUnderstood) and deps.asker.replies:
            return Answer(())  # people talk below the messages of a bot, too
        if meant and isinstance(error, Refused) and error.wanted:
            return _asked(error.wanted, meant)
        return Answer(_refusal(error), refused=True)
    except Exception as error:  # noqa: BLE001 - one broken command must not take the channel down
        return Answer(_defect(name, error, on_error), refused=True)
    try:
        pending = await _begun(first, meant, deps)
    except Exception as error:  # noqa: BLE001 - what is stored is shown all the same
        on_error(name, error)
        pending = first
    if not isinstance(pending, _Pending):
        return _as_it_stands(pending, first, meant)

    became = _Became()

    async def news() -> tuple[Block, ...]:
        try:
            told = await pending.news()
            became.asks, became.changed = _wanted(told) is not None, _back(told) is not None
            return _blocks(told)
        except Refused as refused:
            became.asks = refused.wanted is not None
            return _refusal(refused)
        except Exception as error:  # noqa: BLE001 - the answer that was given stands
            on_error(name, error)
            return _blocks(first)

    meanwhile, back = _blocks(_noted(pending.meanwhile, f"Asking {_names(pending.venues)} …")), _back(first)
    unfinished = Unfinished(meant.command.name, meant.rest, wanted) if (wanted := _wanted(first)) else None
    return Answer(meanwhile, _News(news, became), unfinished, changed=back is not None, back=back or ())


@dataclass(slots=True)
class _Became:
    """What an answer is once its news came. asks: it is a question still. changed: as in Answer."""

    asks: bool = False
    changed: bool = False


class _News:
    """News that is made when it is awaited: a channel that cannot edit leaves nothing behind. became: known by then."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, tuple[Block, ...]]], became: _Became) -> None:
        self._make, self.became = make, became

    def __await__(self) -> Generator[Any, None, tuple[Block, ...]]:
        return self._make().__await__()

    def by(self, how: str) -> _News:
        """Return it with how its question is answered, where it is one."""

        async def made() -> tuple[Block, ...]:
            blocks = await self._make()
            return _told_how(blocks, how) if self.became.asks else blocks

        return _News(made, self.became)


def _told_how(blocks: tuple[Block, ...], how: str) -> tuple[Block, ...]:
    """Put how a question is answered below it."""
    at = next((at for at, block in enumerate(blocks) if not isinstance(block, Line)), len(blocks))
    return (*blocks[:at], Line(how), *blocks[at:])


def look_up(text: str, assets: Collection[str] = ()) -> Meant:
    """Return the command that a line names, and the rest of the line; without a slash it is read as people speak.

    assets: those that are followed. Refused where no command is meant.
    """
    if len(text) > LONGEST:
        raise Refused(f"That is {len(text):,} characters long; a command has at most {LONGEST}. Type a shorter one.")
    name, rest = split_command(text)
    if not name:
        raise Refused("Type a command, for example /oi btc. Type /help to see all commands.")
    every = commands()
    if is_command(text) and name in every:
        return Meant(every[name], rest)
    from handlers import speech  # noqa: PLC0415 - for what is said without a slash, or is no command

    if not is_command(text):
        return speech.understand(text, assets)
    found = speech.stands_for(name) or suggest(name, every)
    near = " or ".join(f"/{other}" for other in found)
    meant = f" Did you mean {near}?" if near else ""
    offers = tuple((line, line) for line in (f"/{other} {rest}".strip() for other in found))
    raise Refused(f"There is no command “{shown(name)}”.{meant} Type /help to see all commands.", offers=offers)


def may_change(text: str, assets: Collection[str] = ()) -> bool:
    """Tell whether a line may change something that is stored, as far as can be told without running it."""
    try:
        meant = look_up(text, assets)
    except Refused:
        return False
    return not meant.command.by_speech and not meant.only_shows


def brings_code(text: str) -> bool:
    """Tell whether a line is one that brings the code of the first owner, right or wrong."""
    name, rest = split_command(text)
    return name == "owner" or (name == "start" and rest.startswith(CODE_LINK))


def is_for_all(text: str, assets: Collection[str] = ()) -> bool:
    """Tell whether a line is answered to everybody, whoever is kept out: what is stored about people is theirs."""
    try:
        return look_up(text, assets).command.for_all
    except Refused:
        return False


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


async def _said(meant: Meant, deps: Deps) -> Reply | _Refusal:
    """Answer from what is stored. Refused where nothing that could be asked for would change it."""
    command = meant.command
    try:
        given = parse(command.arguments, meant.rest, command=command.name, assets=deps.assets)
        return _pressable(_echoed(await command.run(deps, given), meant), meant, deps)
    except Refused as refused:
        if not refused.outdated and not refused.unfollowed:
            raise
        return _Refusal(refused)


def _echoed(reply: Reply, meant: Meant) -> Reply:
    """Say first how something was read that was no command line, unless the answer says so itself."""
    if meant.when:
        beside = Line(f"Answered as of now: “{meant.when}” is not looked up.", "echo")
        reply = replace(reply, blocks=(beside, *reply.blocks))
    if not meant.spoken or (reply.echoed and reply.read_as):
        return reply
    return replace(reply, read_as=meant.line, echoed=True)


def _pressable(reply: Reply, meant: Meant, deps: Deps) -> Reply:
    """Leave out the buttons that would be refused to whoever asks: those that change a chat are not everybody's."""
    if deps.asker.may_change:
        return reply
    if meant.command.changes_chat and not meant.rest:  # of which it only shows what is set
        reply = replace(reply, blocks=(*reply.blocks, Line(f"Only {deps.asker.managers} can change that.", "caveat")))
    every = commands()

    def may_press(button: Button) -> bool:
        command = every.get(split_command(button.command)[0])
        return command is None or not command.changes_chat

    blocks = (
        Buttons(tuple(filter(may_press, block.buttons))) if isinstance(block, Buttons) else block
        for block in reply.blocks
    )
    return replace(reply, blocks=tuple(block for block in blocks if block != Buttons(())))


def _check_rights(meant: Meant, deps: Deps) -> None:
    """Refuse a command to whom it is not for, or not here, or not now."""
    asker, command = deps.asker, meant.command
    if command.owners_only and not asker.owner:
        raise Refused("Only an owner of this bot can do that." + deps.access.how_to_own())
    here = asker.address.kind == "private" or asker.owner or command.for_all or deps.access.in_groups(command.name)
    if not here:
        raise Refused(f"In groups I do not answer /{command.name}. Open a chat with me and type it there.")
    if asker.inline and (command.subject not in _INLINE or command.draws):
        raise Refused(f"/{command.name} is answered in a chat with me")
    if command.changes_chat and not meant.only_shows:
        check_may_change(asker)
    if command.draws and not deps.may_draw(asker):
        raise Refused("That is enough pictures for this minute. Ask again in a while; figures in words come at once.")


async def _begun(first: Reply | _Refusal, meant: Meant, deps: Deps) -> Reply | _Refusal | _Pending:
    """Have venues asked for what the answer lacked; where nobody can be, or nobody need be, this is the answer."""
    if isinstance(first, _Refusal) and first.unfollowed and deps.look:
        return await _looked(first, deps.look(first.unfollowed), meant, deps)
    asking = tuple(asking for asset in dict.fromkeys(first.outdated) if (asking := deps.asking(asset)))
    if not asking:
        return first
    venues = {venue for one in asking for venue in one.venues}
    return _Pending(first, venues, lambda: _news_of(first, asking, lambda: _again(first, meant, deps)))


async def _looked(
    first: _Refusal, looking: Looking | Glance | NoGlance | None, meant: Meant, deps: Deps
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
        again = await _said(meant, later)
        if isinstance(again, _Refusal) and again.unfollowed == found.asset:
            return glance.answered(found, later, meant.command.glance)
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


def _as_it_stands(said: Reply | _Refusal, first: Reply | _Refusal, meant: Meant) -> Answer:
    """Return what is said where no venue is asked; first: without what one had said a moment ago."""
    wanted = _wanted(first)
    if wanted and said is first:
        return _asked(wanted, meant)
    back = _back(first)
    return Answer(_blocks(said), changed=back is not None, refused=isinstance(said, _Refusal), back=back or ())


def _wanted(said: Reply | _Refusal) -> MissingValue | None:
    return said.error.wanted if isinstance(said, _Refusal) else None


def _back(said: Reply | _Refusal) -> tuple[str, ...] | None:
    return None if isinstance(said, _Refusal) else said.back


async def _again(first: Reply | _Refusal, meant: Meant, deps: Deps) -> Reply | _Refusal:
    """Answer once more: by the command itself, or by what it left for this where it must not run twice."""
    if not isinstance(first, _Refusal) and first.again:
        return _pressable(_echoed(replace(first.again(_later(deps)), back=first.back), meant), meant, deps)
    return await _said(meant, _later(deps))


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
    offers = tuple(Button(*offer) for offer in error.offers) if isinstance(error, Refused) else ()
    stamp = (Line(note, "stamp"),) if note else ()
    return (Line(sentence_case(said)), *stamp, *((Buttons(offers),) if offers else ()))


def _asked(wanted: MissingValue, meant: Meant) -> Answer:
    """Ask for the one value that is missing."""
    return asked_again(Unfinished(meant.command.name, meant.rest, wanted))


def asked_again(unfinished: Unfinished, why: str = "") -> Answer:
    """Ask for the value that a line lacks. why: what is said before, of an answer that was none."""
    wanted = unfinished.wanted
    offers = tuple(Button(label, unfinished.completed(value)) for label, value in wanted.offers)
    buttons = (Buttons(offers),) if offers else ()
    return Answer((Line(f"{why} {wanted.question}".strip()), *buttons), unfinished=unfinished, refused=True)


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
