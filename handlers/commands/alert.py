"""/alert: a rule of one's own, looked at before it is kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, MissingValue, Refused, command
from handlers.language.kinds import REST, argument
from handlers.reply import Block, Button, Buttons, Line, Picture, Reply, plain
from signals.units import DAY

if TYPE_CHECKING:
    from signals.rules.reading import OwnLine
    from storage.people.rules import Worded
    from storage.queries.rules.preview import Preview

# What brings lark, numpy or the database along is imported when a command runs.

_SAVE: Final = ("save", "keep", "add")
_PAUSED: Final = "paused "  # the rule is kept, and is off
_CANCEL: Final = frozenset(("cancel", "no", "nothing", "drop it"))
_EXAMPLES: Final = (
    "btc funding > 30% apr for 2h",
    "eth oi coins -5% in 24h and price down",
    "btc crosses 100k",
)
_OFTEN: Final = 1.0  # fires a day above which a stricter line is proposed


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule in one's own words."""

    rule: str = argument(REST, default="", label="rule")


@command(
    subject="own",
    example="/alert btc funding > 30% apr for 2h",
    words="alert me when, alert me if, tell me when, tell me if, notify me when, notify me if, warn me when, "
    "warn me if, let me know when, let me know if, ping me when, ping me if, remind me when, message me when",
    changes_chat=True,
    shows=True,
    whole=True,
)
async def alert(deps: Deps, args: RuleText) -> Reply:
    """Be told when a rule of your own holds.

    Type it in one line: /alert btc funding > 30% apr for 2h, /alert eth oi coins -5% in 24h and price down,
    /alert any of top50 funding < -50% apr, /alert btc crosses 100k, /alert btc selling_wave.
    First it is shown how often that would have spoken in 90 days; then it is saved, made stricter, or left.
    /alerts lists what is saved.
    """
    from handlers.language.telling.own_rules import own_line  # noqa: PLC0415 - see above

    first, _, rest = args.rule.strip().partition(" ")
    if not args.rule.strip():
        return _how()
    if args.rule.strip().lower() in _SAVE:
        text = "Save which rule? Type it behind, like /alert save btc funding > 30% apr."
        raise Refused(text, wanted=MissingValue(text, free=True, behind=True))
    if args.rule.strip().lower() in _CANCEL:
        return Reply((Line("Nothing was saved."),), {"saved": False})
    saves = first.lower() in _SAVE and bool(rest.strip())
    silently = saves and rest.lower().startswith(_PAUSED)
    line = own_line(rest[len(_PAUSED) :] if silently else rest if saves else args.rule, deps)
    if line.scope.position:
        return await _of_position(deps, line, saves=saves)
    return await _saved(deps, line, paused=silently) if saves else await _previewed(deps, line)


def _how() -> Reply:
    lines = [Line("Say in one line what you want to be told:", "headline")]
    lines += [Line(f"/alert {example}") for example in _EXAMPLES]
    lines.append(Line("You see first how often it would have spoken. /help alert shows all that can be said."))
    buttons = (Button("My rules", "/alerts"), Button("How", "/help alert"))
    return Reply((*lines, Buttons(buttons)))


# --- looking at it ----------------------------------------------------------------------------------------------------


async def _previewed(deps: Deps, line: OwnLine) -> Reply:
    from handlers.words import rules as words  # noqa: PLC0415 - see above
    from storage.people import rules as kept  # noqa: PLC0415 - as above
    from storage.queries.rules import preview  # noqa: PLC0415 - as above
    from storage.queries.rules.stricter import about_weekly  # noqa: PLC0415 - as above

    assets = await asyncio.to_thread(affordable, deps, line)
    found = await asyncio.to_thread(preview.read, deps.store, line.rule, assets, deps.now)
    stricter = await asyncio.to_thread(about_weekly, line, found) if found.a_day > _OFTEN else None
    here = deps.here()
    if here is not None:
        kept.tried(deps.store, here.id, line.rule.id, deps.now)
    lines: list[Block] = [Line(line.said, "headline"), *map(Line, words.would_have(found, deps.now, deps.zone))]
    rate = await asyncio.to_thread(preview.rate_of, deps.store, found)
    if stands := words.stands(found, deps.zone, rate):
        lines.append(Line(stands))
    if stricter:
        lines.append(Line(words.stricter(stricter[0].said, stricter[1])))
    if drawn := words.picture(found, deps.stamp_note):  # not as `draws`: whoever saves or is asked uses none up
        enough = not deps.may_draw(deps.asker)
        lines.append(Line("Without its picture: there were enough for this minute.") if enough else Picture(*drawn))
    lines.append(_choices(deps, line, stricter[0] if stricter else None))
    return Reply(tuple(lines), plain(_values(line, found, stricter)), stamp=words.stamp(found, deps.stamp_note))


def _choices(deps: Deps, line: OwnLine, stricter: OwnLine | None) -> Buttons:
    from handlers.language.telling.own_rules import pressed  # noqa: PLC0415 - see above

    more = (Button("Stricter", pressed(deps, "/alert", stricter.line)),) if stricter else ()
    save = Button("Save", pressed(deps, "/alert save", line.line))
    return Buttons((save, *more, Button("Cancel", "/alert cancel")))


def _assets(deps: Deps, line: OwnLine) -> tuple[str, ...]:
    """Return the assets that a rule is about. Refused where none of them is followed."""
    from storage.queries.rules.scope import assets_of  # noqa: PLC0415 - see above

    assets = assets_of(deps.store, line.scope, deps.assets, deps.now)
    if not assets:
        raise Refused(f"No coin of that is followed here. Followed are: {', '.join(deps.assets[:12])}.")
    return assets


def _values(line: OwnLine, found: Preview, stricter: tuple[OwnLine, Preview] | None) -> dict[str, Any]:
    busiest = found.busiest()
    return {
        "rule": line.rule.id,
        "line": line.line,
        "assets": [looked.asset for looked in found.found],
        "fires": [{"at": at, "asset": asset} for at, asset in found.fires],
        "days": round(found.span / DAY, 2),
        "most_in_a_day": busiest[1] if busiest else 0,
        "holds": [looked.asset for looked in found.found if looked.holds],
        "stricter": stricter[0].line if stricter else None,
        "saved": False,
    }


# --- keeping it -------------------------------------------------------------------------------------------------------


def affordable(deps: Deps, line: OwnLine) -> tuple[str, ...]:
    """Return the assets that a rule is about. Refused what would cost a turn too much, before any of it is computed."""
    from signals.rules.compiled import cost  # noqa: PLC0415 - see above

    assets, most = _assets(deps, line), deps.limits.figures
    cells = cost(line.rule) * len(assets)
    if cells > most:
        fits = most * len(assets) // cells
        raise Refused(
            f"That reads {cells:,} figures at each close, of {len(assets)} coins, and one rule may read {most:,}. "
            + (f"Ask it of {fits} coins or fewer." if fits else "Ask it of a shorter time.")
        )
    return assets


async def _saved(deps: Deps, line: OwnLine, *, paused: bool) -> Reply:
    await asyncio.to_thread(affordable, deps, line)
    worded = worded_of(line)
    check_room(deps)
    here = deps.made()

    def keep() -> int:
        from storage.people import rules as kept  # noqa: PLC0415 - see above

        same = next((rule for rule in kept.of(deps.store, here.id) if rule.worded == worded), None)
        if same is not None:
            raise Refused(f"That is rule {same.number} of this chat already. /alerts {same.number} shows it.")
        with deps.store.write() as work:
            number = kept.add(deps.store, here.id, worded, person=deps.asker.user, now=deps.now)
            if paused:
                kept.pause(work, here.id, number, "person", deps.now)
        return number

    number = await asyncio.to_thread(keep)
    return Reply(
        (
            Line(f"Saved as rule {number}{', paused' if paused else ''}. {line.said}", "headline"),
            Line(
                f"It says nothing until it is on: /alerts resume {number}"
                if paused
                else "It is told from now on; what holds already is no news."
            ),
            Buttons((Button("My rules", "/alerts"),)),
        ),
        {"saved": True, "number": number, "rule": line.rule.id, "line": line.line},
        back=(f"/alerts delete {number}",),
    )


def check_room(deps: Deps) -> None:
    """Refuse another rule where a chat, a person or the whole bot has as many as it may."""
    from storage.people import rules as kept  # noqa: PLC0415 - see above

    here, limits = deps.here(), deps.limits
    counted = kept.counted(deps.store, here.id if here else 0, deps.asker.user) if deps.store.exists else None
    if counted is None:
        return
    most = limits.of_an_owner if deps.asker.owner else limits.of_a_person
    if counted.here >= limits.of_a_chat:
        raise Refused(
            f"This chat has {counted.here} rules, as many as it may. Delete one first, like /alerts delete 1."
        )
    if counted.mine >= most:
        raise Refused(f"You have {counted.mine} rules in all your chats, as many as one person may. Delete one first.")
    if counted.every >= limits.in_all:
        raise Refused("This bot watches as many rules as it may. Whoever runs it can allow more: [rules] in_all.")


def worded_of(line: OwnLine) -> Worded:
    """Return a line as it is kept."""
    from storage.people.rules import Worded  # noqa: PLC0415 - see above

    return Worded(line=line.line, rule=line.rule.id, scope=line.scope.to_json(), once=line.once, at_most=line.at_most)


# --- a position -------------------------------------------------------------------------------------------------------


async def _of_position(deps: Deps, line: OwnLine, *, saves: bool) -> Reply:
    """Have one's own position told at a distance from its liquidation: that is one line more of its watch."""
    from handlers.command import commands  # noqa: PLC0415 - it imports this module
    from handlers.commands.positions import person_of  # noqa: PLC0415 - opens the database
    from handlers.commands.watching import WatchArgs  # noqa: PLC0415 - as above
    from handlers.words import wording  # noqa: PLC0415 - see above
    from storage.people import positions  # noqa: PLC0415 - as above

    number, within = line.scope.position, float(line.rule.levels[0].enter[0][0].bound)
    watched = next((one for one in positions.of(deps.store, *person_of(deps)) if one.number == number), None)
    if watched is None:
        raise Refused(
            f"You watch no position {number}. /positions lists them; watch one like /watch btc long 95000 25x."
        )
    lines = sorted({*watched.lines, within}, reverse=True)
    typed = " ".join(f"{100 * one:g}" for one in lines)
    if saves:
        return await commands()["watch"].run(deps, WatchArgs(f"{number} lines {typed}"))
    told = wording.listing([f"{100 * one:g} %" for one in lines])
    return Reply(
        (
            Line(line.said, "headline"),
            Line(f"Position {number} is then told at {told} from its liquidation."),
            Buttons((Button("Save", f"/alert save {line.line}"), Button("Cancel", "/alert cancel"))),
        ),
        {"saved": False, "line": line.line, "lines": lines},
    )
