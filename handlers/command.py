"""What a command is. A command is one function; its name, help and arguments are read from the function itself.

COMMANDS is the only list: menus, the help text and the README table are loops over it. A file
under handlers/commands/ is found by walking the folder, so adding a command touches no other source file.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from handlers.access import OPEN
from handlers.limits import LIMITS, RuleLimits

if TYPE_CHECKING:
    from datetime import datetime

    from handlers.access import Access
    from handlers.channels.channel import Address
    from handlers.reply import Reply
    from storage.alerts.episodes import Episode
    from storage.engine.database import Store
    from storage.people.destinations import Destination
    from storage.queries.glance import Glance, NoGlance

Figure = Literal["price", "funding", "open interest"]
# Where a channel can show a message to one person alone: "answer", only who asks sees the answer; "person", the command
# is about who asks and not about the chat, so that what follows from it goes to them alone as well.
Private = Literal["answer", "person"] | None
Subject = Literal["calculators", "market", "judgement", "own", "admin", "start"]
SUBJECTS: tuple[Subject, ...] = ("start", "calculators", "market", "judgement", "own", "admin")


@dataclass(frozen=True, slots=True)
class MissingValue:
    """One value that a command lacks, so that the next message can say it.

    question: asks for it, where the next message is read. offers: likely values, as labels and as they are typed.
    shape: how a bare number is typed, e.g. `{}x`; what is typed otherwise is taken as it is. free: any words answer it.
    several: more than this is missing, so that whatever is said of it is kept. behind: it is typed behind what was
    said, of which nothing can stand at the end.
    """

    question: str
    offers: tuple[tuple[str, str], ...] = ()
    shape: str = "{}"
    free: bool = False
    several: bool = False
    behind: bool = False


class Refused(Exception):  # noqa: N818 - it is an answer to the person, not a fault
    """What a person asked cannot be answered; the text says what to type instead and is shown as it is.

    outdated: assets of which too little is stored to answer, so that the venues are asked for them, as in Reply.
    unfollowed: an asset that is not followed, so that a venue is asked how it stands now and nothing of it is kept.
    offers: what may be typed instead, as labels and lines, to be pressed where there are buttons. wanted: the one value
    that is missing, so that it is asked for instead.
    """

    def __init__(
        self,
        text: str,
        *,
        outdated: tuple[str, ...] = (),
        unfollowed: str | None = None,
        offers: tuple[tuple[str, str], ...] = (),
        wanted: MissingValue | None = None,
    ) -> None:
        super().__init__(text)
        self.outdated, self.unfollowed, self.offers, self.wanted = outdated, unfollowed, offers, wanted


class NotUnderstood(Refused):
    """A line without a slash that is not simply done. near: the lines it may mean. surely: it means the only one."""

    def __init__(self, near: Sequence[str], *, surely: bool = False) -> None:
        meant = f"Did you mean {' or '.join(near)}?"
        offers = tuple((line, line) for line in near)
        super().__init__(meant if surely else f"I did not understand that. {meant}", offers=offers)


@dataclass(frozen=True, slots=True)
class Asking:
    """Venues that are being asked for newer figures of one asset, beside everything else and under a deadline.

    venues: by id. done: True where something new was stored, False where nothing came; it never raises.
    """

    venues: tuple[str, ...]
    done: Awaitable[bool]


@dataclass(frozen=True, slots=True)
class Looking:
    """A venue that is being asked about an asset that is not followed, under a deadline.

    venues: by id. done: what it said, or why there is nothing; it never raises.
    """

    venues: tuple[str, ...]
    done: Awaitable[Glance | NoGlance]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and from where.

    user: the platform's id of a person; None for who writes as a chat, and for who sits at the bot itself. may_change:
    this person may change the settings of this chat. managers: who may, in the platform's own words. server: the id of
    the server that the chat lies in, in which people have roles. manages: this person may change what holds for all of
    that server. owner: this bot is theirs. replies: what they said answers a message of the bot, where others read
    along. answers: the number of the message that what they said answers, as `Channel.send` gave it; None where it
    answers none. inline: they type in another chat, and send the answer there. edits: they edited a message that had
    changed something when it said this; "" where what it said is not known any more. link: of this bot on the platform,
    with a place for the word that it hands on (`{}`); None where the platform has no such links. message: the number of
    what says it, where that can be edited.
    """

    platform: str
    address: Address
    user: str | None = None
    may_change: bool = True
    managers: str = "admins of this chat"
    title: str | None = None
    server: str | None = None
    manages: bool = False
    owner: bool = False
    replies: bool = False
    answers: str | None = None
    inline: bool = False
    link: str | None = None
    edits: str | None = None
    message: str | None = None


def check_may_change(asker: Asker) -> None:
    """Refuse to whoever may not change what holds for their chat."""
    if not asker.may_change:
        raise Refused(f"Only {asker.managers} can change the settings here.")


@dataclass(frozen=True, slots=True)
class Deps:
    """What a command may use.

    now: the time of asking. asker: who asks. store: what is remembered (opened on first use, so that a calculator
    needs no file). assets: those the owner follows, the first is the default. asking: start asking the venues for newer
    figures of one asset; it returns at once, None where nobody can be asked or all is fresh. No command calls it: who
    finds figures too old says so in Reply.outdated. clock: the time when news comes; None: still `now`. look: start
    looking at an asset that is not followed, as `asking` does for one that is; None: nobody can be asked. glances: what
    came of it, by asset, when the command answers once more. access: who may do what. may_draw: count a picture for
    whoever asks; False where there were enough for the moment. usual_zone: the time zone of chats that chose none. off:
    the switches of the market in the configuration by which something is not collected.
    """

    now: datetime
    asker: Asker
    store: Store
    assets: tuple[str, ...]
    asking: Callable[[str], Asking | None]
    stamp_note: str | None = None  # said in every stamp, e.g. "reconstructed from published figures"
    clock: Callable[[], datetime] | None = None
    look: Callable[[str], Looking | Glance | NoGlance | None] | None = None
    glances: Mapping[str, Glance] = field(default_factory=dict)
    access: Access = OPEN
    may_draw: Callable[[Asker], bool] = lambda _: True
    usual_zone: str = "UTC"
    limits: RuleLimits = LIMITS
    off: frozenset[str] = frozenset()

    def here(self) -> Destination | None:
        """Return this chat as it is stored, or None if it has never asked for anything."""
        if not self.store.exists:
            return None
        from storage.people import destinations  # noqa: PLC0415 - opens the database

        return destinations.find(self.store, self.asker.platform, self.asker.address.chat, self.asker.address.topic)

    def made(self) -> Destination:
        """Return this chat as it is stored, made if it is new."""
        from storage.people import destinations  # noqa: PLC0415 - opens the database

        to, title = self.asker.address, self.asker.title
        return destinations.ensure(
            self.store, self.asker.platform, to.chat, to.topic, kind=to.kind, title=title, now=self.now,
            server=self.asker.server, person=self.asker.user if to.kind == "private" else None, zone=self.usual_zone,
        )  # fmt: skip

    def about(self) -> Sequence[Episode]:
        """Return the episodes that the message tells of which is answered, those that are not over first.

        Nothing where no message is answered, or one that tells of none. What a line leaves out is theirs, as in the
        buttons below that message.
        """
        here = self.here() if self.asker.answers else None
        if here is None or self.asker.answers is None:
            return ()
        from storage.alerts import episodes  # noqa: PLC0415 - opens the database

        return episodes.told_in(self.store, here.id, self.asker.answers)

    @property
    def zone(self) -> str:
        """Return the time zone of the chat that asks; the usual one where it is not known yet."""
        here = self.here()
        return here.zone if here else self.usual_zone


@dataclass(frozen=True, slots=True)
class Nothing:
    """A command without arguments."""


def nobody(_: str) -> Asking | None:
    """Ask nobody: what is stored is all there is, as of a time that has ended."""
    return None


AnsweredBy = Callable[[str, "Deps"], bool]
Run = Callable[[Deps, Any], Awaitable["Reply"]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command as data. arguments: the frozen dataclass that handlers/language/grammar.py fills from free text."""

    name: str
    subject: Subject
    help: str  # one line, at most 60 characters: a phone's menu shows no more
    details: str
    example: str
    arguments: type[Any]
    run: Run
    changes_chat: bool  # refused to who may not change a chat's settings
    private: Private = None
    roles: bool = False  # of use only where people have roles, so listed only there
    examples: tuple[str, ...] = ()  # shown by /help with their answers; they ask nobody
    glance: Figure = "price"  # what it says first of an asset that is not followed
    owners_only: bool = False  # refused to everybody but the owners of this bot
    draws: bool = False  # is its picture: refused where a chat has had as many as it may in a minute
    words: tuple[str, ...] = ()  # what people say for it without a slash; see handlers/speech.py
    harmless: bool = False  # changes nothing, though its subject is one of those that do
    for_all: bool = False  # answered to everybody everywhere, whoever is kept out
    shows: bool = False  # without more words it changes nothing, and says what is set and how to set it
    whole: bool = False  # what stands behind its name, or behind its words at the beginning, is taken as it was typed
    ends: bool = False  # takes back what another one begins, so that "off" says nothing more to it
    ended: tuple[str, ...] = ()  # what is on by it: "stop" beside one of these means "off" behind its name
    text_of: type[Any] | None = None  # of whose words its text is made: arguments of other commands
    now: tuple[str, ...] = ()  # with one of these behind its name it changes nothing either
    said_now: tuple[str, ...] = ()  # those of its words that mean it with the first of these behind it
    answered_by: AnsweredBy | None = None  # whether what is said next, beside what is set, says what to set

    @property
    def by_speech(self) -> bool:
        """Tell whether it may be run by its words; what changes something is run by its name alone."""
        return self.harmless or self.subject not in ("own", "admin")


@dataclass(frozen=True, slots=True)
class Meant:
    """A command, what stands behind it, and whether that was read out of other words.

    when: words for another time than now, which the command does not look at.
    """

    command: Command
    rest: str
    spoken: bool = False
    when: str = ""

    @property
    def only_shows(self) -> bool:
        """Tell whether it changes nothing, and says what is set in a chat."""
        said = self.rest.lower().split()
        return self.command.shows and (not said or any(word in said for word in self.command.now))

    @property
    def line(self) -> str:
        """Return the line as it could have been typed."""
        return f"/{self.command.name} {self.rest}".strip()


def command(
    *,
    subject: Subject,
    example: str,
    changes_chat: bool = False,
    private: Private = None,
    roles: bool = False,
    examples: tuple[str, ...] = (),
    glance: Figure = "price",
    owners_only: bool = False,
    draws: bool = False,
    words: str = "",
    harmless: bool = False,
    for_all: bool = False,
    shows: bool = False,
    whole: bool = False,
    ends: bool = False,
    ended: str = "",
    text_of: type[Any] | None = None,
    now: str = "",
    said_now: str = "",
    answered_by: AnsweredBy | None = None,
) -> Callable[[Run], Command]:
    """Declare the function below as a command.

    The function's name is the command, the first line of its docstring the help, the rest the details, and the type of
    its second parameter the arguments. words: what people say for it, with commas between; see handlers/speech.py.
    ended, said_now: likewise. now: with blanks between. answered_by: where what is said next may mean
    something by itself too.
    """

    def declare(run: Run) -> Command:
        hints = get_type_hints(run, localns=_type_names())
        parameters = list(inspect.signature(run).parameters)
        first, _, rest = (inspect.getdoc(run) or "").partition("\n")
        name = getattr(run, "__name__", "").rstrip("_")
        arguments = hints[parameters[1]]
        told = first.rstrip("."), rest.strip()
        return Command(
            name, subject, *told, example, arguments, run, changes_chat, private, roles, examples, glance,
            owners_only=owners_only, draws=draws, harmless=harmless,
            words=tuple(filter(None, f"{words}, {said_now}".split(", "))),
            said_now=tuple(filter(None, said_now.split(", "))),
            for_all=for_all, shows=shows, whole=whole, ends=ends,
            ended=tuple(filter(None, ended.split(", "))), text_of=text_of,
            now=tuple(now.split()), answered_by=answered_by,
        )  # fmt: skip

    return declare


def _type_names() -> Mapping[str, Any]:
    from handlers.reply import Reply  # noqa: PLC0415 - only needed while a command is declared

    return {"Deps": Deps, "Reply": Reply}


@cache
def commands() -> Mapping[str, Command]:
    """Return every command by name, in menu order. Walks handlers/commands/ once."""
    from handlers import commands as folder  # noqa: PLC0415 - the folder imports this module

    found = [
        value
        for module in pkgutil.iter_modules(folder.__path__)
        for value in vars(importlib.import_module(f"{folder.__name__}.{module.name}")).values()
        if isinstance(value, Command)
    ]
    ordered = sorted(found, key=lambda command: (SUBJECTS.index(command.subject), command.name))
    return {command.name: command for command in ordered}


def usage(command: Command) -> str:
    """Return the usage line, e.g. `/liq price leverage [side] [asset]`; optional arguments stand in brackets."""
    words = [field.metadata.get("label", field.name) for field in fields(command.arguments)]
    needed = [_is_required(field) for field in fields(command.arguments)]
    return " ".join(
        [f"/{command.name}", *(word if need else f"[{word}]" for word, need in zip(words, needed, strict=True))],
    )


def _is_required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
