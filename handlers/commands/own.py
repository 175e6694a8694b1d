"""/sub /unsub /tz: what this chat is told, and in which time zone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from handlers.command import Deps, Refused, command
from handlers.language.kinds import REST, ZONE, argument
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import wording
from signals.language.spelling import sentence_case

if TYPE_CHECKING:
    from collections.abc import Sequence

# What knows the metrics, which bring numpy along, is imported when a command runs.


_OFF: Final = "Off. "
_TURNED_OFF: Final = frozenset({"off", "none", "nothing", "stop"})


@dataclass(frozen=True, slots=True)
class What:
    """Which alarms and assets, in any order; none means everything."""

    what: str = argument(REST, default="", label="what and asset", offers="alarms")


@dataclass(frozen=True, slots=True)
class Less:
    """As What, of what is on."""

    what: str = argument(REST, default="", label="what and asset", offers="own alarms")


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone; none asks which one is set."""

    zone: str | None = argument(ZONE, default=None, label="city or UTC+2")


@command(
    subject="own",
    example="/sub oi btc",
    changes_chat=True,
    words="subscribe, alert me, alerts, alert, alarm, alarms, set alarm, set an alarm, set alert, set an alert, "
    "notify, notify me, notifications, tell me when, warn me, ping me, turn on",
)
async def sub(deps: Deps, args: What) -> Reply:
    """Be told when something leaves its usual range.

    /sub alone turns everything on for all followed assets. Words narrow it: burst (fast moves), oi, funding, taker,
    price, fng, sources (trouble with data), and assets. A message is edited when things change and
    answered when they are over.

    Warnings and what is critical ring, notices are silent. /sub loud, /sub silent and /sub usual change it for the
    chat, /sub funding silent or /sub btc loud for a part.
    """
    from handlers.language.telling.subscriptions import sound, wanted  # noqa: PLC0415 - see above
    from storage.people import destinations, subscriptions, switches  # noqa: PLC0415 - see above

    if args.what.lower().strip() in _TURNED_OFF:
        return await unsub.run(deps, Less())
    sounds, what = sound(args.what)
    more = wanted(what, deps, "/sub oi btc")
    here = deps.made()
    before, sounded = destinations.subscriptions(deps.store, here.id), _sounds_of(deps, here.id)
    if what or not sounds or not before:
        subscriptions.add(deps.store, here.id, more)
    if sounds:
        parts = more.alarms or more.assets or (switches.ANY,)
        switches.sound(deps.store, here.id, parts, None if sounds == "usual" else sounds)
    back = _ways_back(deps, here.id, before, sounded)
    return replace(_what_is_on(deps, here.id, ""), back=back or None)


@command(
    subject="own",
    example="/unsub funding",
    changes_chat=True,
    words="unsubscribe, stop alerts, stop alarms, stop all alerts, stop all alarms, stop alerting, stop sending, "
    "stop notifying, turn off, turn off alerts, turn off alarms, turn off all alerts, turn off all alarms, "
    "stop the alerts, stop the alarms, stop my alerts, stop my alarms, turn off the alerts, turn off the alarms, "
    "cancel alerts, cancel my alerts, end alerts, turn alerts off, turn alarms off, no more alerts, no more alarms, "
    "no alerts, no alarms, stop",
    ends=True,
)
async def unsub(deps: Deps, args: Less) -> Reply:
    """Stop being told: everything, or only what is named.

    /unsub alone turns everything off. It takes the same words as /sub: /unsub funding, /unsub eth, /unsub oi btc.
    """
    from handlers.language.telling.subscriptions import wanted  # noqa: PLC0415 - see above
    from storage.people import destinations, subscriptions, switches  # noqa: PLC0415 - see above

    what = " ".join(word for word in args.what.split() if word.lower() not in _TURNED_OFF)  # /unsub off
    less = wanted(what, deps, "/unsub oi btc")
    here = deps.here()
    before = destinations.subscriptions(deps.store, here.id) if here else []
    if here is None or not subscriptions.remove(deps.store, here.id, less, deps.assets):
        return _what_is_on(deps, here.id if here else None, "That was not on. " if what else "")
    sounded, rows = _sounds_of(deps, here.id), destinations.subscriptions(deps.store, here.id)
    silent = [part for part in sounded if _is_part(part) and not subscriptions.is_on(rows, part)]
    switches.sound(deps.store, here.id, silent, None)  # who turns it on again hears it as ever
    left = _what_is_on(deps, here.id, _OFF)
    back = _ways_back(deps, here.id, before, sounded)
    return replace(left, blocks=(*left.blocks[:-1], Buttons((Button("Settings", "/settings"),))), back=back)


def _is_part(what: str) -> bool:
    """Tell whether a sound is that of an alarm or of an asset: not of all, nor of a rule of somebody's own."""
    from storage.people.subscriptions import of_the_house  # noqa: PLC0415 - brings numpy along

    return what.isupper() or of_the_house(what)


def _sounds_of(deps: Deps, destination: int) -> dict[str, str]:
    from storage.people import switches  # noqa: PLC0415 - opens the database

    every = switches.of_one(deps.store, destination)
    return {one.what: one.kind for one in every if one.kind in ("loud", "silent")}


def _ways_back(
    deps: Deps, destination: int, before: Sequence[tuple[str, str]], sounded: dict[str, str]
) -> tuple[str, ...]:
    """Return the lines that lead back to what was on before, and how it sounded."""
    from handlers.language.telling import ways_back  # noqa: PLC0415 - brings numpy along
    from storage.people import destinations  # noqa: PLC0415 - opens the database

    now, sounds_now = destinations.subscriptions(deps.store, destination), _sounds_of(deps, destination)
    sounds = ways_back.of_sounds(sounded, sounds_now)
    changed = [what for what in {**sounded, **sounds_now} if sounded.get(what) != sounds_now.get(what)]
    now = ways_back.added_by(sounds, now, changed)
    return (*sounds, *ways_back.of_subscriptions(before, now, deps.assets))


def _what_is_on(deps: Deps, destination: int | None, before: str) -> Reply:
    from handlers.words import subscriptions as words  # noqa: PLC0415 - see above
    from storage.queries import subscriptions  # noqa: PLC0415 - see above

    found = subscriptions.read(deps.store, destination)
    values = {"subscriptions": [{"rule": alarm, "asset": asset} for alarm, asset in found.rows]}
    if not found.rows:
        lines: list[Block] = [Line(f"{before}Nothing is on in this chat.", "headline")]
        lines.append(Line("Type /sub to be told everything, or /sub oi btc for a part of it."))
        return Reply(tuple(lines), values)
    lines = [Line(f"{before}Still on in this chat:" if before == _OFF else f"{before}On in this chat:", "headline")]
    lines += [Line(said) for said in (*words.on(found.rows), *words.sounds(found.sounds))]
    lines += [Line(said) for said in words.open_now(found.open, deps.now)]
    lines.append(Line("To stop: /unsub for all of it, or /unsub and a word, for example /unsub funding."))
    lines.append(Line("How much comes, and when: /settings"))
    return Reply(tuple(lines), values)


@command(
    subject="own",
    example="/tz Europe/Berlin",
    changes_chat=True,
    words="time zone, timezone, my time, clock, what time is it, what time",
    shows=True,
)
async def tz(deps: Deps, args: Zone) -> Reply:
    """Set the time zone of this chat.

    It takes a city (Berlin, New York as new_york, Europe/Berlin) or hours from UTC (UTC+2). /tz alone shows which one
    is set. A city changes with summer time, UTC+2 does not.
    """
    if args.zone is None:
        zone = deps.zone
        return Reply(
            (
                Line(
                    f"Times are shown in {wording.place_time(zone)}. Now it is {wording.clock(deps.now, zone)}.",
                    "headline",
                ),
                Line("To change it, type for example /tz Europe/Berlin or /tz UTC+2."),
            ),
            {"zone": zone},
        )
    from storage.alerts.sending import held  # noqa: PLC0415 - opens the database
    from storage.people import destinations  # noqa: PLC0415 - opens the database

    try:
        now, before = wording.clock(deps.now, args.zone), deps.zone
    except (LookupError, ValueError, OSError):
        raise Refused(f"The time zone {args.zone} is not known here. Type it like /tz Europe/Berlin.") from None
    here = deps.made()
    destinations.set_zone(deps.store, here.id, args.zone, deps.now)
    held.hold_by_clock(deps.store, deps.made(), deps.now)
    changed = args.zone != before
    moved = _moved(deps, here.id) if changed else ()
    said = f"Times are now shown in {wording.place_time(args.zone)}. It is {now}."
    return Reply(
        (Line(said, "headline"), *moved, Buttons((Button("Settings", "/settings"),))),
        {"zone": args.zone},
        back=(f"/tz {wording.zone_name(before)}",) if changed else None,
    )


def _moved(deps: Deps, destination: int) -> Sequence[Line]:
    """Say what of a chat keeps its hours when the clock is another one, and so comes at another moment."""
    from storage.people import digests, switches  # noqa: PLC0415 - see above

    quiet = any(one.kind == "quiet" for one in switches.of_one(deps.store, destination))
    ordered = bool(digests.of(deps.store, destination))
    moved = [name for name, on in (("quiet hours", quiet), ("digests", ordered)) if on]
    return [Line(f"{sentence_case(' and '.join(moved))} keep their hours, by this clock from now on.")] if moved else []
