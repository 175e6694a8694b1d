"""/digest: what happened since the last one, at a time of one's own."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field, replace
from datetime import time
from typing import TYPE_CHECKING, Final, Literal

from handlers.command import Deps, Refused, command
from handlers.language.kinds import FILLERS, REST, TIME, argument
from handlers.language.spelling import asset_alone, chunks, shown, symbol
from handlers.reply import Button, Buttons, Line, Reply, plain
from handlers.words import wording

if TYPE_CHECKING:
    from signals.digest import DigestKind
    from storage.people.destinations import Destination
    from storage.people.digests import Ordered

# What reads figures brings numpy along and is imported when a digest is asked for.

_HOW: Final = "Type it like /digest 9:00, /digest weekdays 8:30 btc eth, /digest weekly sunday 18:00, or /digest now."
_SAID: Final = FILLERS | {
    *("every", "each", "day", "morning", "digest", "send", "only", "just", "o'clock", "oclock", "show"),
}
_ALL: Final = frozenset({"all", "everything", "*"})
_DOES: Final[dict[str, Literal["now", "off"]]] = {
    "now": "now",
    **dict.fromkeys(("off", "stop", "none", "never"), "off"),
}
_KINDS: Final[dict[str, DigestKind]] = {"daily": "daily", "everyday": "daily", "weekly": "weekly", "week": "weekly"}
_NAMES: Final = (
    "monday mon",
    "tuesday tue tues",
    "wednesday wed weds",
    "thursday thu thur thurs",
    "friday fri",
    "saturday sat",
    "sunday sun",
)
_DAYS: Final = {  # 0 is Monday
    **{word: frozenset({day}) for day, words in enumerate(_NAMES) for word in words.split()},
    **{f"{words.split()[0]}s": frozenset({day}) for day, words in enumerate(_NAMES)},
    **dict.fromkeys(("weekdays", "weekday", "workdays"), frozenset(range(5))),
    **dict.fromkeys(("weekends", "weekend"), frozenset({5, 6})),
}
_USUAL: Final[dict[DigestKind, tuple[time, tuple[int, ...]]]] = {
    "daily": (time(9), (0, 1, 2, 3, 4, 5, 6)),
    "weekly": (time(18), (6,)),
}
_MOST_ASSETS: Final = 8


@dataclass(frozen=True, slots=True)
class When:
    """What is wanted, in any order; nothing asks what is set."""

    wish: str = argument(REST, default="", label="now or time, days and assets")


@dataclass(slots=True)
class _Wish:
    """What was read. days: of the week, 0 is Monday. assets: None where none was named, () for all."""

    does: Literal["show", "set", "now", "off"] = "show"
    kind: DigestKind | None = None
    days: set[int] = field(default_factory=set)
    at: time | None = None
    assets: tuple[str, ...] | None = None


@command(
    subject="own",
    example="/digest 9:00",
    changes_chat=True,
    words="daily digest, daily summary, daily report, morning report, weekly report, every morning, every day, weekly, "
    "digests",
    shows=True,
    ended="digest, digests",
    said_now="did i miss, recap, news",
    now=" ".join(word for word, does in _DOES.items() if does == "now"),
)
async def digest(deps: Deps, args: When) -> Reply:
    """Get the day in ten lines, at a time of your own.

    /digest 9:00 sends one every day, in the time zone of this chat (/tz). /digest weekdays 8:30 btc eth and /digest
    weekly sunday 18:00 choose days and assets, which stay when you change the time alone; the weekly one also says what
    became of what was said a week and a month ago. /digest now shows one at once, /digest off ends them, /digest alone
    shows what is set.

    What moved as seldom as on one day in fifty comes first, held against the 180 days before. A quiet day is one
    sentence. One comes once a date, also when clocks change; one that was missed is told when perpulse runs again.
    """
    wish = _read(args.wish, deps)
    match wish.does:
        case "now":
            return await _now(deps, wish)
        case "off":
            return _off(deps, wish)
        case "set":
            return _set(deps, wish)
        case _:
            return _shown(deps, "")


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(text: str, deps: Deps) -> _Wish:
    """Read the words in any order. Refused, with what to type, for one that is nothing of a digest."""
    wish = _Wish()
    for chunk in _joined(chunks(text)):
        word = chunk.lower()
        if word in _DOES:
            _does(wish, _DOES[word])
        elif word in _KINDS:
            _kind(wish, _KINDS[word])
        elif word in _DAYS:
            wish.days |= _DAYS[word]
        elif (at := _time(chunk)) is not None:
            _at(wish, at)
        elif word in _ALL:
            wish.assets = ()
        elif asset := _asset(chunk, deps):
            wish.assets = tuple(dict.fromkeys((*(wish.assets or ()), asset)))
        elif word not in _SAID:
            assets = wording.listing(deps.assets[:_MOST_ASSETS], "or")
            raise Refused(f"“{shown(chunk)}” is no time, no day and no asset that is followed ({assets}). {_HOW}")
    return _checked(wish)


def _checked(wish: _Wish) -> _Wish:
    planned = bool(wish.days) or wish.at is not None
    if wish.does == "show" and (planned or wish.kind or wish.assets is not None):
        wish.does = "set"
    if wish.does == "now" and planned:
        raise Refused("Now, or at a time? Type /digest now, or a time like /digest 9:00.")
    if wish.does == "off" and (planned or wish.assets is not None):
        raise Refused("/digest off takes no time and no assets. Type /digest off, or /digest off weekly.")
    if wish.kind == "weekly" and len(wish.days) > 1:
        raise Refused("A weekly digest comes on one day. Type it like /digest weekly sunday 18:00.")
    if wish.kind is None and len(wish.days) == 1:
        wish.kind = "weekly"
    if wish.assets is not None and len(wish.assets) > _MOST_ASSETS:
        raise Refused(f"A digest has room for {_MOST_ASSETS} assets. Name fewer, or none for all that are followed.")
    return wish


def _does(wish: _Wish, does: Literal["now", "off"]) -> None:
    if wish.does not in {"show", does}:
        raise Refused("Now, or off? Type /digest now or /digest off.")
    wish.does = does


def _kind(wish: _Wish, kind: DigestKind) -> None:
    if wish.kind not in {None, kind}:
        raise Refused("One digest at a time: type daily or weekly, like /digest weekly sunday 18:00.")
    wish.kind = kind


def _at(wish: _Wish, at: time) -> None:
    if wish.at not in {None, at}:
        raise Refused(f"I read two times, {wish.at:%H:%M} and {at:%H:%M}. Type one, like /digest 9:00.")
    wish.at = at


def _joined(said: list[str]) -> list[str]:
    """Put 9 am together, and every day, which is more than the words it is made of."""
    found: list[str] = []
    for chunk in said:
        before = found[-1].lower() if found else ""
        if before and chunk.lower() in {"am", "pm"} and before.replace(":", "").isdecimal():
            found[-1] += chunk
        elif before in {"every", "each"} and chunk.lower() in {"day", "morning"}:
            found[-1] = "daily"
        else:
            found.append(chunk)
    return found


def _time(chunk: str) -> time | None:
    """Read 9:00, 9am, noon, and a bare hour with its minutes or without, which can be nothing else here: 9, 0930."""
    word = chunk.lower()
    if word in {"noon", "midday", "midnight"}:
        return time(0 if word == "midnight" else 12)
    if word.isascii() and word.isdecimal():
        hour, minute = (word[:-2], word[-2:]) if len(word) in {3, 4} else (word, "0")
        if len(hour) > 2 or int(hour) > 23 or int(minute) > 59:
            raise Refused(f"{shown(chunk)} is not a time. Type it like 9:00 or 20:15.")
        return time(int(hour), int(minute))
    found: time | None = TIME.read(chunk) if TIME.read else None
    return found


def _asset(chunk: str, deps: Deps) -> str | None:
    """Return the asset that a word names, where figures of it are stored."""
    from signals.inputs import MARKET  # noqa: PLC0415 - see above
    from storage.market import points  # noqa: PLC0415 - see above

    read = symbol(chunk, deps.assets)
    if read is None or read.asset == MARKET or not read.asset.isascii():
        return None
    if read.asset in deps.assets or (deps.store.exists and read.asset in points.assets(deps.store)):
        return asset_alone(read.instrument, chunk)
    if read.certain:
        raise Refused(f"No figures of {read.asset} are stored, so no digest can tell of it. {_HOW}")
    return None


# --- answering --------------------------------------------------------------------------------------------------------


async def _now(deps: Deps, wish: _Wish) -> Reply:
    from handlers.words.digest.said import tell  # noqa: PLC0415 - see above
    from storage.alerts import digests as outgoing  # noqa: PLC0415 - see above
    from storage.people import digests  # noqa: PLC0415 - see above
    from storage.queries.digest import SPANS, DigestReader  # noqa: PLC0415 - see above

    if not deps.store.exists:
        raise Refused("Nothing is stored yet, so there is nothing to tell. Start perpulse and ask again in a minute.")
    kind: DigestKind = wish.kind or "daily"
    here = deps.here()
    ordered = digests.of(deps.store, here.id).get(kind) if here else None
    assets = wish.assets or (ordered.assets if ordered else ()) or deps.assets
    last = outgoing.told_until(deps.store, here.id, kind, deps.now) if here else None
    since = min(last or deps.now, deps.now - SPANS[kind])
    found = await asyncio.to_thread(
        DigestReader(deps.store, deps.now).read, here.id if here else None, kind, assets, since=since
    )
    outdated = tuple(price.asset for price in found.prices if price.value is None)
    return Reply(tell(found, deps.zone).blocks, plain(asdict(found)), outdated=outdated)


def _set(deps: Deps, wish: _Wish) -> Reply:
    from signals.due import WallTime  # noqa: PLC0415 - see above
    from storage.people import digests  # noqa: PLC0415 - opens the database

    here = deps.made()
    known = digests.of(deps.store, here.id)
    kind = wish.kind or _meant(wish, known)
    before = known.get(kind)
    at, days = (before.wall.at, before.wall.days) if before else _USUAL[kind]
    if wish.days:
        days = tuple(sorted(wish.days))
    elif wish.kind == "daily":
        days = _USUAL[kind][1]
    assets = wish.assets if wish.assets is not None else before.assets if before else ()
    after = digests.order(deps.store, here.id, kind, WallTime(wish.at or at, days), assets, now=deps.now)
    if before:
        return _with_changes(_shown(deps, ""), wish, before, after)
    back = f"/digest off {kind}" if known else "/digest off"
    return replace(_shown(deps, "", ends=""), back=(back,))


def _with_changes(shown: Reply, wish: _Wish, before: Ordered, after: Ordered) -> Reply:
    """Say what stayed as it was though a new time reads as if it held always, and how to change it back."""
    from handlers.words.digest import ordered as words  # noqa: PLC0415 - see above
    from signals.due import EVERY_DAY  # noqa: PLC0415 - see above

    lines: list[Line] = []
    if wish.at and not wish.days and wish.kind is None and after.wall.days != EVERY_DAY:
        also = " as well" if after.kind == "weekly" else ""
        often = words.on_days(after)
        lines.append(Line(f"It stays {often}; /digest daily {after.wall.at:%H:%M} sends one every day{also}."))
    if wish.at and wish.assets is None and after.assets:
        lines.append(Line(f"It stays of {wording.listing(after.assets)} alone; /digest all makes it all of them."))
    same = (before.wall, before.assets) == (after.wall, after.assets)
    back = words.line(before) + ("" if before.assets or not after.assets else " all")
    *said, buttons = shown.blocks
    return replace(shown, blocks=(*said, *lines, buttons), back=None if same else (back,))


def _meant(wish: _Wish, known: dict[DigestKind, Ordered]) -> DigestKind:
    """Return which digest is changed where neither was named: the only one there is, unless days say which."""
    return next(iter(known)) if len(known) == 1 and not wish.days else "daily"


def _off(deps: Deps, wish: _Wish) -> Reply:
    from handlers.words.digest.ordered import line  # noqa: PLC0415 - see above
    from storage.people import digests  # noqa: PLC0415 - opens the database

    here = deps.here()
    known = digests.of(deps.store, here.id) if here else {}
    gone = [one for kind, one in known.items() if wish.kind in {None, kind}]
    if here is None or not digests.stop(deps.store, here.id, wish.kind):
        return _shown(deps, "That was not on. ")
    left = _shown(deps, "Off. ")
    lines = [block for block in left.blocks if isinstance(block, Line)]
    buttons = Buttons((Button("Show now", "/digest now"),))
    if len(known) > len(gone):
        lines[0] = Line(lines[0].text.replace("Off. ", "Off. Still on: ", 1), "headline")
    return replace(left, blocks=(lines[0], buttons), back=tuple(line(one) for one in gone))


def _shown(deps: Deps, before: str, ends: str = "To end: /digest off.") -> Reply:
    from handlers.words.digest.ordered import sentence  # noqa: PLC0415 - see above
    from storage.people import digests  # noqa: PLC0415 - opens the database

    here: Destination | None = deps.here()
    known = digests.of(deps.store, here.id) if here else {}
    buttons = Buttons((Button("Show now", "/digest now"), *([Button("Off", "/digest off")] if known else [])))
    if not known:
        head = Line(f"{before}No digest is on in this chat.", "headline")
        return Reply((head, Line(_HOW), buttons), {"digests": []})
    said = [sentence(ordered, deps.now) for ordered in known.values()]
    zone = "" if deps.zone != "UTC" else "Times are in UTC; /tz Europe/Berlin changes that."
    how = f"{ends} {zone}".strip()
    said[0] = before + said[0]
    heads = (Line(text, "headline") for text in said)
    values = [
        {
            "kind": ordered.kind,
            "at": f"{ordered.wall.at:%H:%M}",
            "days": list(ordered.wall.days),
            "assets": list(ordered.assets),
            "next": ordered.due,
        }
        for ordered in known.values()
    ]
    return Reply((*heads, *([Line(how)] if how else []), buttons), plain({"digests": values, "zone": deps.zone}))
