"""/owner, /owners, /allow and /deny: whom the bot obeys, and whom it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from handlers.command import Refused, command
from handlers.language.kinds import REST, argument
from handlers.language.spelling import shown
from handlers.reply import Line, Reply
from handlers.words import wording
from signals.language.spelling import sentence_case
from storage.people.bots import name_of, platform_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handlers.access import Tried
    from handlers.command import Deps
    from storage.people.access import Whom
    from storage.people.destinations import Destination

_HERE: Final = ("here", "this")
_CHAT_WORDS: Final = ("chat", "group", "channel", "server")
_PERSON_WORDS: Final = ("person", "user", "member")
_ADD: Final = ("add", "+", "new")
_REMOVE: Final = ("remove", "drop", "-", "without")
_ID: Final = re.compile(r"-?0*(\d{1,20})", re.ASCII)  # no platform has a longer one
_NOT_TAKEN: Final[Mapping[Tried, str]] = {
    "wrong": "That is not the code. It is printed where the bot was started, and again after a restart.",
    "locked": "Those were too many wrong codes. I take no more from you until the bot is started again.",
    "too soon": "Too many wrong codes come in at the moment. Send yours again in ten seconds.",
    "used up": "There is no code to be used: an owner adds others with /owners add; else a restart prints one.",
}


@dataclass(frozen=True, slots=True)
class CodeArgs:
    """The code that was printed where the bot was started."""

    code: str = argument(REST, default="", label="code")


@dataclass(frozen=True, slots=True)
class OwnersArgs:
    """Nothing to list them; add or remove, and an id."""

    what: str = argument(REST, default="", label="add or remove and an id")


@dataclass(frozen=True, slots=True)
class WhomArgs:
    """Who is meant: an id, a chat's id behind the word chat, or here."""

    whom: str = argument(REST, default="", label="id, chat and an id, or here")


@dataclass(frozen=True, slots=True)
class Named:
    """A person or a chat by the id that its platform gives it, whichever of its bots speaks there."""

    platform: str
    kind: Whom
    id: str

    def __str__(self) -> str:
        """Return it as it is typed."""
        return f"{'chat ' if self.kind == 'chat' else ''}{self.platform}:{self.id}"


@command(subject="admin", example="/owner 7F3K-9QXM", private="person")
async def owner(deps: Deps, args: CodeArgs) -> Reply:
    """Become the first owner of this bot, by its code.

    The code is printed where the bot was started, as long as nobody owns it, and holds for one use. Send it in a
    private chat. Whoever sits at the bot itself is an owner without it.
    """
    return become_owner(deps, args.code)


def become_owner(deps: Deps, code: str) -> Reply:
    """Make whoever asks the first owner by the code. Refused where it is not the code, or not the place or the time."""
    if deps.asker.owner:
        return Reply((Line("You are an owner of this bot.", "headline"), Line("See /owners, /allow and /deny.")))
    if deps.asker.address.kind != "private" or deps.asker.user is None:
        raise Refused("A code is for your eyes only. Open a chat with me and send it there.")
    if not deps.access.claimable(deps.store):
        raise Refused(_NOT_TAKEN["used up"])
    if not code:
        raise Refused("Type the code that was printed where the bot was started, like /owner 7F3K-9QXM.")
    tried = deps.access.claim(deps.store, deps.asker, code, deps.now)
    if tried != "right":
        raise Refused(_NOT_TAKEN[tried])
    deps.made()  # of several bots of a platform, this is the one that tells them of itself
    return Reply(
        (
            Line("You are the owner of this bot now.", "headline"),
            Line("/owners adds others; /allow and /deny say who may use it. The code is used up."),
        ),
        back=(),
    )


@command(subject="admin", example="/owners", owners_only=True, private="answer")
async def owners(deps: Deps, args: OwnersArgs) -> Reply:
    """List the owners of this bot, add one or remove one.

    /owners add 12345 makes a person an owner, by the id of the platform that you write on, or another one:
    /owners add PLATFORM:12345. /owners remove 12345 takes it back. Owners in the configuration are changed there.
    """
    from storage.people import access as kept  # noqa: PLC0415 - opens the database

    verb, _, rest = args.what.partition(" ")
    word = verb.lower()
    fixed = deps.access.allowed.owners
    back: tuple[str, ...] | None = None
    if word and word not in (*_ADD, *_REMOVE):
        raise Refused("Type /owners alone, /owners add 12345 or /owners remove 12345.")
    if word:
        meant = _meant(deps, rest, "/owners add 12345", kind="person")
        name = f"{meant.platform}:{meant.id}"
        stored = kept.owners(deps.store) if deps.store.exists else []
        if word in _REMOVE and name in fixed:
            raise Refused(f"{name} is an owner by the configuration. Remove it there, and start again.")
        others = [one for one in stored if (one.platform, one.person) != (meant.platform, meant.id)]
        if word in _REMOVE and not (others or fixed):
            raise Refused("That is the only owner. Add another one first, like /owners add 12345.")
        with deps.store.write() as work:
            if word in _ADD and kept.add_owner(work, meant.platform, meant.id, deps.now):
                back = (f"/owners remove {name}",) if others or fixed else ()  # the only one is not removed
            elif word in _REMOVE and kept.drop_owner(work, meant.platform, meant.id):
                themselves = name == f"{platform_of(deps.asker.platform)}:{deps.asker.user}"
                back = () if themselves else (f"/owners add {name}",)  # who is none any more is refused it
    stored = kept.owners(deps.store) if deps.store.exists else []
    lines = [f"{name}, by the configuration" for name in sorted(fixed)]
    lines += [f"{one.platform}:{one.person}, since {wording.clock(one.since, deps.zone, dated=True)}" for one in stored]
    names = [*sorted(fixed), *(f"{one.platform}:{one.person}" for one in stored)]
    if not names:
        nobody = Line("Nobody owns this bot but whoever sits at it.", "headline")
        return Reply((nobody, Line("Add somebody with /owners add PLATFORM:12345.")), {"owners": names}, back=back)
    head = Line(f"{wording.count(len(lines), 'owner')}, beside whoever sits at the bot itself:", "headline")
    return Reply((head, *_listed(lines)), {"owners": names}, back=back)


@command(subject="admin", example="/allow", owners_only=True, private="answer")
async def allow(deps: Deps, args: WhomArgs) -> Reply:
    """Let a person or a chat use this bot, or list them.

    /allow 12345 lets a person in, by the id of the platform that you write on, or another one: /allow PLATFORM:12345.
    /allow here lets this chat in with everybody in it, /allow chat 12345 another one. It takes back what /deny said.
    /allow alone lists what was said, /allow remove 12345 takes it off that list, as if nothing had been said.
    """
    return _permit(deps, args.whom, allowed=True)


@command(subject="admin", example="/deny", owners_only=True, private="answer")
async def deny(deps: Deps, args: WhomArgs) -> Reply:
    """Keep a person or a chat from using this bot.

    /deny 12345 keeps a person out, /deny chat 12345 or /deny here a chat, which is sent nothing any more either. /allow
    takes it back. Owners cannot be kept out.
    """
    return _permit(deps, args.whom, allowed=False)


def _permit(deps: Deps, text: str, *, allowed: bool) -> Reply:
    from storage.people import access as kept  # noqa: PLC0415 - opens the database

    if not text.strip():
        return _said_so_far(deps)
    verb, _, rest = text.strip().partition(" ")
    if verb.lower() in _REMOVE:
        return _unsaid(deps, rest)
    meant = _meant(deps, text, "/allow 12345" if allowed else "/deny 12345")
    if not allowed and meant.kind == "person" and _owns(deps, meant):
        raise Refused(f"An owner cannot be kept out, and {meant} is one. See /owners.")
    before = _permit_of(deps, meant)
    with deps.store.write() as work:
        kept.permit(work, meant.platform, meant.kind, meant.id, allowed=allowed, now=deps.now)
    back = None if before is allowed else (_as_said(meant, allowed=before),)
    values = {"platform": meant.platform, "kind": meant.kind, "id": meant.id, "allowed": allowed}
    if allowed:
        _speak_again(deps, meant)
        more = () if deps.access.allowed.listed else (Line("Everybody else may as well: access.who is “everyone”."),)
        return Reply((Line(f"{_headline(meant)} may use this bot.", "headline"), *more), values, back=back)
    _fall_silent(deps, meant)
    said = "Nothing is answered or sent there any more." if meant.kind == "chat" else "They are answered no more."
    return Reply((Line(f"{_headline(meant)} is kept out.", "headline"), Line(said)), values, back=back)


def _unsaid(deps: Deps, text: str) -> Reply:
    """Forget what was said of a person or a chat: what holds for everybody holds for them."""
    from storage.people import access as kept  # noqa: PLC0415 - opens the database

    meant = _meant(deps, text, "/allow remove 12345")
    before = _permit_of(deps, meant)
    if before is None:
        raise Refused(f"Nothing was said of {meant}. /allow lists of whom something was.")
    with deps.store.write() as work:
        kept.unpermit(work, meant.platform, meant.kind, meant.id)
    _speak_again(deps, meant)
    was = "let in" if before else "kept out"
    holds = "only who is let in may use this bot" if deps.access.allowed.listed else "everybody may use this bot"
    lines = (Line(f"{_headline(meant)} is no longer {was}.", "headline"), Line(f"What holds for all: {holds}."))
    values = {"platform": meant.platform, "kind": meant.kind, "id": meant.id, "allowed": None}
    return Reply(lines, values, back=(_as_said(meant, allowed=before),))


def _permit_of(deps: Deps, meant: Named) -> bool | None:
    """Tell whether somebody was let in or kept out; None where nothing was said of them."""
    from storage.people import access as kept  # noqa: PLC0415 - opens the database

    permits = kept.permits(deps.store) if deps.store.exists else []
    return next(
        (
            one.allowed
            for one in permits
            if (one.platform, one.kind, one.name) == (meant.platform, meant.kind, meant.id)
        ),
        None,
    )


def _as_said(meant: Named, *, allowed: bool | None) -> str:
    return f"/allow remove {meant}" if allowed is None else f"/{'allow' if allowed else 'deny'} {meant}"


def _said_so_far(deps: Deps) -> Reply:
    from storage.people import access as kept  # noqa: PLC0415 - opens the database

    allowed = deps.access.allowed
    permits = kept.permits(deps.store) if deps.store.exists else []
    by_config = sorted(allowed.people | allowed.chats | allowed.groups)
    head = "Only owners and whom they let in may use this bot." if allowed.listed else "Everybody may use this bot."
    lines = [f"{name}: let in by the configuration" for name in by_config]
    lines += [
        f"{Named(one.platform, one.kind, one.name)}: {'let in' if one.allowed else 'kept out'} "
        f"since {wording.clock(one.since, deps.zone, dated=True)}"
        for one in permits
    ]
    values = {
        "listed": allowed.listed,
        "allowed": [f"{one.platform}:{one.name}" for one in permits if one.allowed],
        "denied": [f"{one.platform}:{one.name}" for one in permits if not one.allowed],
    }
    how = Line("Let somebody in with /allow 12345 or /allow here, keep somebody out with /deny 12345.")
    return Reply((Line(head, "headline"), *_listed(lines), how), values)


def _owns(deps: Deps, meant: Named) -> bool:
    from storage.people import access as kept  # noqa: PLC0415 - opens the database

    fixed = f"{meant.platform}:{meant.id}" in deps.access.allowed.owners
    return fixed or (deps.store.exists and kept.is_owner(deps.store, meant.platform, meant.id))


def _fall_silent(deps: Deps, meant: Named) -> None:
    """Send nothing more to a chat that is kept out, nor to a person's own chat."""
    from storage.alerts import outbox  # noqa: PLC0415 - opens the database
    from storage.people import access as kept  # noqa: PLC0415 - as above

    for place in _places(deps, meant):
        if place.gone is None:
            outbox.gone(deps.store, place.id, kept.KEPT_OUT, now=deps.now)


def _speak_again(deps: Deps, meant: Named) -> None:
    """Send again what a chat has switched on, where it was kept out; one that is closed for another reason stays so."""
    from storage.people import access as kept  # noqa: PLC0415 - opens the database
    from storage.people import destinations  # noqa: PLC0415 - as above

    for place in _places(deps, meant):
        if place.gone_reason == kept.KEPT_OUT:
            destinations.bring_back(deps.store, place.id)


def _places(deps: Deps, meant: Named) -> list[Destination]:
    """Return the topics of a chat, or a person's own chats, at every bot of the platform.

    A private chat bears the person's id where theirs is not known.
    """
    from storage.people import destinations  # noqa: PLC0415 - opens the database

    def of_whom(place: Destination) -> tuple[Whom, str]:
        return ("person", place.person or place.chat) if place.kind == "private" else ("chat", place.chat)

    return [
        place
        for place in destinations.everyone(deps.store)
        if platform_of(place.platform) == meant.platform and of_whom(place) == (meant.kind, meant.id)
    ]


def _meant(deps: Deps, text: str, example: str, kind: Whom | None = None) -> Named:
    """Read whom an owner means. Refused where it can be nobody."""
    words = text.split()
    asker = deps.asker
    if kind is None and len(words) == 1 and words[0].lower() in _HERE:
        if asker.address.kind == "private":
            raise Refused(f"Here there is only you. Type the word in a group, or an id, like {example}.")
        return Named(platform_of(asker.platform), "chat", asker.address.chat)
    said: Whom | None = kind
    if len(words) == 2 and words[0].lower() in (*_CHAT_WORDS, *_PERSON_WORDS):
        said = said or ("chat" if words[0].lower() in _CHAT_WORDS else "person")
        words = words[1:]
    if len(words) != 1:
        raise Refused(f"Type the id of one person, the word chat and its id, or here, like {example}.")
    platform, colon, name = words[0].rpartition(":")
    platform = platform.lower() if colon else platform_of(asker.platform)
    found = _ID.fullmatch(name)
    if found and name_of(platform) and platform_of(platform) in _platforms():
        everywhere = f"{platform_of(platform)}:{name}"
        raise Refused(f"That holds for every bot of a platform, so type it without the bot's name: {everywhere}.")
    if platform not in _platforms() or not found:
        known = wording.listing([f"{one}:12345" for one in _platforms()], "or")
        if found and not colon:  # who sits at the bot is on no platform that has ids
            raise Refused(f"Of which platform is {shown(words[0])}? Type it before the number: {known}.")
        raise Refused(f"“{shown(words[0])}” is no id. Type a number, with its platform where that is another: {known}.")
    name = f"{'-' if name.startswith('-') else ''}{found[1]}"
    if said == "person" and name.startswith("-"):
        raise Refused(f"{shown(words[0])} is a group. A person's id has no minus, like {example}.")
    return Named(platform, said or ("chat" if name.startswith("-") else "person"), name)


def _platforms() -> tuple[str, ...]:
    from handlers.channels.config import sections  # noqa: PLC0415 - walks the channels, for an owner only

    return tuple(name for name, section in sections().items() if section.needs)


def _headline(meant: Named) -> str:
    text = str(meant)
    return sentence_case(text) if meant.kind == "chat" else text


def _listed(lines: Sequence[str]) -> list[Line]:
    return [Line(f"– {text}") for text in lines]
