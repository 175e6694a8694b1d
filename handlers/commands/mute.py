"""/mute and /unmute: what a chat wants to hear nothing of for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, Refused, command
from handlers.language.kinds import REST, argument
from handlers.reply import Block, Button, Buttons, Line, Reply, plain
from signals.language.spelling import sentence_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from handlers.language.telling.switches import End, ToMute
    from storage.alerts.episodes import Episode
    from storage.people.subscriptions import Wanted
    from storage.people.switches import Switch

# What opens the database, or knows the metrics, is imported when a command runs.

_SETTINGS: Final = Button("Settings", "/settings")
_ONLY: Final = ("only", "just")
_OFF: Final = frozenset({"off", "none", "nothing", "stop"})


@dataclass(frozen=True, slots=True)
class ForHowLong:
    """What, and for how long, in any order; nothing asks what is muted."""

    what: str = argument(REST, default="", label="what and how long")


@dataclass(frozen=True, slots=True)
class Muted:
    """What was muted; nothing means all of it."""

    what: str = argument(REST, default="", label="what")


def _says_how_long(text: str, deps: Deps) -> bool:
    """Tell whether what is said names alarms or assets and for how long: oi 8h is no question then."""
    from handlers.language.telling.subscriptions import wanted  # noqa: PLC0415 - see above
    from handlers.language.telling.switches import to_mute  # noqa: PLC0415 - see above

    try:
        asked = to_mute(text, deps.now, deps.zone)
        wanted(asked.what, deps, "/mute oi btc 2h")
    except Refused:
        return False
    return asked.end is not None


@command(
    subject="own",
    example="/mute oi until monday",
    changes_chat=True,
    words="silence, be quiet, shut up, pause, snooze, leave me alone, leave me in peace, stop messaging, stop texting, "
    "stop pinging, stop bothering, stop spamming, stop alerts for, stop alarms for, no alerts for, no alarms for, "
    "no alerts until, no alarms until, not now, hush, shush, stfu, go away",
    shows=True,
    answered_by=_says_how_long,
)
async def mute(deps: Deps, args: ForHowLong) -> Reply:
    """Be told nothing for a while, of all or of a part.

    /mute 2h mutes everything, what is critical too. Words narrow it, as in /sub: /mute oi 8h, /mute btc until 18:00,
    /mute funding eth until monday, /mute fng for good. It ends by itself; /unmute or /mute off ends it now.

    The Mute button of a message asks what and for how long; until over ends with the alarm that it tells of. /mute 2h
    as a reply to a message mutes what that one tells of.
    """
    from handlers.language.telling.switches import to_mute  # noqa: PLC0415 - see above
    from storage.people import switches  # noqa: PLC0415 - see above

    kept = [word for word in args.what.split() if word.lower() not in _OFF]
    if len(kept) < len(args.what.split()):
        return await unmute.run(deps, Muted(" ".join(kept)))
    asked = to_mute(args.what, deps.now, deps.zone, _answered(deps))
    told = _told(deps, asked)
    if told and asked.end is None:
        return _menu(asked, told)
    if not told and not asked.what and asked.scope is None and asked.end is None:
        return _muted_now(deps)
    chosen = _chosen(deps, asked, told)
    here = deps.made()
    before = [one for one in switches.of_one(deps.store, here.id) if one.kind == "mute" and one.runs(deps.now)]
    switches.mute(deps.store, here.id, chosen, now=deps.now)
    return _muted(deps, asked, chosen, told, _way_back(deps, asked, chosen, before))


@command(
    subject="own",
    example="/unmute oi",
    changes_chat=True,
    words="unsilence, speak again, talk again, unpause, resume, turn off mute, turn mute off, stop muting",
    ends=True,
)
async def unmute(deps: Deps, args: Muted) -> Reply:
    """Be told again what was muted.

    /unmute alone ends all that is muted. It takes the same words as /mute: /unmute oi, /unmute btc. /unmute only oi
    leaves what was muted of a part of it, such as oi btc.
    """
    from handlers.language.telling.switches import to_mute  # noqa: PLC0415 - see above
    from handlers.language.telling.ways_back import to_mute_again  # noqa: PLC0415 - see above
    from handlers.words import subscriptions as words  # noqa: PLC0415 - see above
    from storage.alerts import episodes  # noqa: PLC0415 - see above
    from storage.people import switches  # noqa: PLC0415 - see above

    first, _, others = args.what.strip().partition(" ")
    only = first.lower() in _ONLY
    text = others if only else args.what
    asked = to_mute(text, deps.now, deps.zone, _answered(deps))
    here = deps.here()
    every = switches.of_one(deps.store, here.id) if here else []
    on = [one for one in every if one.kind == "mute" and one.runs(deps.now)]  # what has ended is no longer muted
    told = _told(deps, asked)
    meant = [one for one in on if _is_meant(one, deps, asked, told, everything=_all_of_it(on), only=only)]
    if not meant and _answered(deps) is not None:  # nothing that the message tells of is muted by itself
        asked = to_mute(text, deps.now, deps.zone)
        told = _told(deps, asked)
        meant = [one for one in on if _is_meant(one, deps, asked, told, everything=_all_of_it(on), only=only)]
    for one in meant:
        switches.switch_back(deps.store, here.id if here else 0, "mute", one.what)
    left = [one for one in on if one not in meant]
    named = episodes.named(deps.store, _numbers(on)) if on else {}
    lines: list[Block] = []
    if meant:
        said = list(dict.fromkeys(words.muted_named(one.what, named) for one in meant))
        lines.append(Line(f"Told again: {words.few(said, 4)}.", "headline"))
    else:
        lines.append(Line("That was not muted." if args.what else "Nothing is muted.", "headline"))
    if left:
        lines += [Line(f"Still muted {text}.") for text in words.muted(left, named, deps.now, deps.zone)]
        lines.append(Line("To end that: /unmute"))
    back = to_mute_again(meant, deps.zone)
    more = () if back else (Button("Mute 8 h", "/mute 8h"),)
    lines.append(Buttons((*more, _SETTINGS)))
    values = {"unmuted": [one.what for one in meant], "muted": _values(left)}
    return Reply(tuple(lines), values, back=back if meant else None)


def _answered(deps: Deps) -> int | None:
    """Return the episode of the alert that is answered; None where none is."""
    return next((episode.id for episode in deps.about()), None)


def _told(deps: Deps, asked: ToMute) -> list[Episode]:
    """Return what the message tells of whose button was pressed; nothing where no message is meant."""
    if asked.episode is None:
        return []
    from storage.alerts import episodes  # noqa: PLC0415 - see above

    here = deps.here()
    found = episodes.told_with(deps.store, here.id, asked.episode) if here else []
    if not found:
        raise Refused("No message here tells of that any more. Type it like /mute oi 2h.")
    return found


def _chosen(deps: Deps, asked: ToMute, told: Sequence[Episode]) -> list[Switch]:
    """Return what is to be switched."""
    from handlers.language.telling.subscriptions import wanted  # noqa: PLC0415 - see above
    from handlers.language.telling.switches import End  # noqa: PLC0415 - see above
    from storage.people.switches import ANY, EPISODE, Switch  # noqa: PLC0415 - see above

    end: End = asked.end or End()
    if not told:
        if end.over:
            raise Refused("Until what is over? Press Mute under its message, or type it like /mute oi 8h.")
        named = wanted(asked.what, deps, "/mute oi btc 2h")
        if asked.scope is None and asked.end is None and not (named.alarms or named.assets):
            raise Refused("Mute what? Type it like /mute oi, or /mute everything to hear nothing at all.")
        whats = _whats(named)
        return [Switch("mute", what, end.at) for what in whats]
    going = [episode for episode in told if episode.ended is None]
    if end.at is None and not going:
        raise Refused("That is over already. Type it like /mute oi 8h to hear less of the next one.")
    first = next((episode for episode in going if episode.id == asked.episode), going[0] if going else told[0])
    until_over = end.at is None

    def with_episode(what: str, episode: Episode) -> Switch:
        return Switch("mute", what, end.at, f"{EPISODE}{episode.id}" if until_over else None)

    match asked.scope:
        case "everything":
            return [with_episode(ANY, first)]
        case "alarm":
            return list({one.rule: with_episode(one.rule, one) for one in (going if until_over else told)}.values())
        case _:
            return [with_episode(f"{EPISODE}{one.id}", one) for one in (going if until_over else told)]


def _whats(named: Wanted) -> list[str]:
    """Return what words for alarms and assets name, as switches know it."""
    from storage.people.subscriptions import of_the_market  # noqa: PLC0415 - see above
    from storage.people.switches import ANY  # noqa: PLC0415 - see above

    if named.alarms and named.assets:
        pairs = [(alarm, "" if of_the_market(alarm) else asset) for alarm in named.alarms for asset in named.assets]
        return list(dict.fromkeys(f"{alarm} {asset}".strip() for alarm, asset in pairs))
    return list(named.alarms or named.assets or (ANY,))


def _all_of_it(on: Iterable[Switch]) -> bool:
    from storage.people.switches import ANY  # noqa: PLC0415 - see above

    return any(one.what == ANY for one in on)


def _is_meant(one: Switch, deps: Deps, asked: ToMute, told: Sequence[Episode], *, everything: bool, only: bool) -> bool:
    """Tell whether a mute is among those that are to end: by its own name, or by that of a part of it unless `only`.

    everything: all is muted at once, which "everything" means then, and not each part that is muted beside it.
    """
    from handlers.language.telling.subscriptions import wanted  # noqa: PLC0415 - see above
    from storage.people.switches import ANY, EPISODE  # noqa: PLC0415 - see above

    if asked.scope == "everything":
        return one.what == ANY or not everything
    if told and asked.scope == "alarm":
        return one.what in {episode.rule for episode in told}
    if told:  # with what would have joined its message meanwhile
        these = {f"{EPISODE}{episode.id}" for episode in told}
        return one.what in these or (one.what.startswith(EPISODE) and one.value in these)
    if not asked.what:
        return True
    whats = _whats(wanted(asked.what, deps, "/unmute oi btc"))
    part = not only and not one.what.startswith(EPISODE) and bool({*one.what.split()} & {*whats})
    return one.what in whats or part


def _numbers(muted: Iterable[Switch]) -> list[int]:
    """Return the numbers of the episodes that are muted."""
    from storage.people.switches import EPISODE  # noqa: PLC0415 - see above

    return [int(one.what.removeprefix(EPISODE)) for one in muted if one.what.startswith(EPISODE)]


def _way_back(deps: Deps, asked: ToMute, chosen: Sequence[Switch], before: Sequence[Switch]) -> Sequence[str]:
    """Return the lines that bring back what was muted before: an end of it that was said earlier, or none.

    before: what is muted at the moment. Where that overlaps, what is new ends alone.
    """
    from handlers.language.telling.ways_back import to_mute_again, to_unmute  # noqa: PLC0415 - see above

    earlier = {one.what: one for one in before}
    changed = [one for one in chosen if earlier.get(one.what) != one]
    new = [one.what for one in changed if one.what not in earlier]
    if len(new) == len(chosen):
        would_end = [
            one for one in before if _is_meant(one, deps, asked, (), everything=_all_of_it(before), only=False)
        ] if asked.scope is None else []  # fmt: skip
        return (f"/unmute {'only ' if would_end else ''}{_typed(asked)}",)
    again = to_mute_again([earlier[one.what] for one in changed if one.what in earlier], deps.zone)
    return (*again, *to_unmute(new, only=True))


def _muted(deps: Deps, asked: ToMute, chosen: Sequence[Switch], told: Sequence[Episode], back: Sequence[str]) -> Reply:
    """Say what is muted now, until when, and how to change it back."""
    from handlers.words import subscriptions as words  # noqa: PLC0415 - see above
    from storage.people.switches import ANY  # noqa: PLC0415 - see above

    names = list(
        dict.fromkeys(words.muted_named(one.what, {episode.id: episode for episode in told}) for one in chosen)
    )
    end = words.ends_at(chosen[0], deps.now, deps.zone)
    lines = [Line(f"Muted {end}: {words.few(names, 4)}.", "headline")]
    if asked.end and asked.end.first:
        first = f"{asked.end.first:%Y-%m-%d %H:%M} UTC"
        lines.append(Line(f"The clock shows that time twice then, and the second is meant; the first is {first}."))
    if chosen[0].what == ANY:
        lines.append(Line("What is critical is muted too, and so are positions watched here."))
    elif not asked.scope and not words.is_alarm(chosen[0].what):
        lines.append(Line("Positions that are watched here are told all the same."))
    return Reply((*lines, Buttons((_SETTINGS,))), {"muted": _values(chosen)}, back=tuple(back) or None)


def _typed(asked: ToMute) -> str:
    """Return what was muted, as it is typed."""
    match asked.scope:
        case "everything":
            return "everything"
        case "alarm":
            return f"alarm of episode {asked.episode}"
        case "episode":
            return f"episode {asked.episode}"
        case _:
            return asked.what or "everything"


def _menu(asked: ToMute, told: Sequence[Episode]) -> Reply:
    """Ask what of a message is to be muted, and for how long."""
    from handlers.words import subscriptions as words  # noqa: PLC0415 - see above
    from storage.alerts.episodes import PRIVATE  # noqa: PLC0415 - see above

    number = asked.episode
    ends = [("1 h", "1h"), ("8 h", "8h")]
    if any(episode.ended is None for episode in told):
        ends.append(("until over", "until over"))
    scopes = [("This", f"episode {number}"), ("Alarm", f"alarm of episode {number}")]
    if any(episode.rule.startswith(PRIVATE) for episode in told):
        scopes[1] = ("Position", scopes[1][1])
    scopes.append(("All", f"everything of episode {number}"))
    rows = [
        Buttons(tuple(Button(f"{name} {label}", f"/mute {what} {typed}") for label, typed in ends))
        for name, what in scopes
    ]
    meant = words.few(list(dict.fromkeys(words.episode_named(episode) for episode in told)), 3)
    lines = [
        Line("Mute what, and for how long?", "headline"),
        Line(f"This: only this time. {meant}."),
        Line(f"{scopes[1][0]}: {'whatever of it' if scopes[1][0] == 'Position' else 'the same alarm of every asset'}."),
        Line("All: everything in this chat, what is critical too."),
    ]
    return Reply((*lines, *rows), {"episodes": [episode.id for episode in told]})


def _muted_now(deps: Deps) -> Reply:
    from handlers.words import subscriptions as words  # noqa: PLC0415 - see above
    from storage.queries import settings  # noqa: PLC0415 - see above

    found = settings.read(deps.store, deps.here(), deps.now)
    on = found.of("mute")
    said = words.muted(on, found.episodes, deps.now, deps.zone)
    lines: list[Block] = [Line("Muted in this chat:" if on else "Nothing is muted in this chat.", "headline")]
    lines += [Line(f"– {sentence_case(text)}.") for text in said]
    lines.append(Line("To end it: /unmute, or /unmute and a word." if on else "Type it like /mute 2h or /mute oi 8h."))
    buttons = [
        Button("Mute 1 h", "/mute 1h"),
        Button("8 h", "/mute 8h"),
        Button("Until tomorrow", "/mute until tomorrow"),
    ]
    lines.append(Buttons((Button("Unmute", "/unmute"), _SETTINGS) if on else tuple(buttons)))
    return Reply(tuple(lines), {"muted": _values(on)})


def _values(muted: Iterable[Switch]) -> list[dict[str, Any]]:
    return [plain({"what": one.what, "until": one.until, "until_over": one.episode}) for one in muted]
