"""/alerts and /share: the rules of a chat, and handing one on."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, MissingValue, Refused, check_may_change, command
from handlers.commands.alert import RuleText, worded_of
from handlers.language.kinds import REST, argument
from handlers.language.telling.own_rules import EXAMPLE, numbered, own_line, pressed, rules_here
from handlers.reply import Block, Button, Buttons, Line, Reply, plain

if TYPE_CHECKING:
    from handlers.command import Command
    from storage.people.rules import OwnRule
    from storage.queries.rules.standing import RuleStanding

# What brings lark, numpy or the database along is imported when a command runs.

SHARED_LINK: Final = "rule_"  # what a link carries that shows somebody a rule
_ACTIONS: Final = {
    "pause": "pause", "off": "pause", "stop": "pause", "resume": "resume", "on": "resume", "start": "resume",
    "delete": "delete", "remove": "delete", "drop": "delete", "rm": "delete", "edit": "edit", "change": "edit",
}  # fmt: skip
_OFF: Final = frozenset({"off", "none", "stop", "no"})
_FIRST: Final = re.compile(rf"({'|'.join(_ACTIONS)})(?:\s+(.*))?", re.IGNORECASE | re.DOTALL)
_LAST: Final = re.compile(rf"(.*?)\s+({'|'.join(_ACTIONS)})(?:\s+#?(\d+))?", re.IGNORECASE | re.DOTALL)
_BUTTONS: Final = 5
_MY_RULES: Final = Button("My rules", "/alerts")


@dataclass(frozen=True, slots=True)
class WhichRule:
    """The number of a rule, and what to do with it."""

    what: str = argument(REST, default="", label="number", offers="own rules")


@command(
    subject="own",
    example="/alerts",
    words="my rules, own rules, list rules, which rules, delete alert, delete rule, delete my alert, delete my rule, "
    "remove alert, remove rule, pause alert, pause rule, edit alert, edit rule",
    shows=True,
)
async def alerts(deps: Deps, args: WhichRule) -> Reply:
    """List this chat's own rules, or change one.

    Each with where it stands, how far it is from its line, how often it has spoken and what came of it.
    /alerts 3 shows one; /alerts pause 3, /alerts resume 3, /alerts delete 3, and /alerts edit 3 funding > 40% apr
    changes what it says. Deleting takes what it has said with it.
    """
    if args.what.strip().lower() in _OFF:
        offers = (("All off", "/unsub"), ("Mute 8 h", "/mute 8h"))
        raise Refused(
            "Off for good, or for a while? Type /unsub or /mute 8h; /alerts pause 1 rests one rule.", offers=offers
        )
    action, which, rest = _taken_apart(args.what)
    if action is not None:
        check_may_change(deps.asker)
    if action is None and not which:
        return await _list(deps)
    if action == "edit":
        return await _edited(deps, which, rest)
    rule = numbered(which, deps, f"alerts {action}" if action else "alerts")
    match action:
        case "pause" | "resume":
            return await asyncio.to_thread(_switched, deps, rule, on=action == "resume")
        case "delete":
            return await asyncio.to_thread(_deleted, deps, rule)
        case _:
            return await _one(deps, rule)


@command(
    subject="own",
    example="/share 3",
    words="share rule, share alert, send rule, give rule",
    changes_chat=True,
)
async def share(deps: Deps, args: WhichRule) -> Reply:
    """Hand a rule of this chat on to others.

    They get a link, or the line to type, see for themselves how often it would have spoken, and save it or not.
    Nothing travels but the rule: not who made it, nor where, nor what it has said.
    """
    from storage.people import rules as kept  # noqa: PLC0415 - see above

    rule = numbered(args.what, deps, "share")
    line = rule.worded.line
    if "position" in rule.worded.scope:
        raise Refused("That rule is about a position of yours, which nobody else has.")
    token = await asyncio.to_thread(kept.share, deps.store, rule.destination, line, deps.now)
    lines = [Line("Anybody can take this rule over by typing:", "headline"), Line(f"/alert {line}")]
    link = deps.asker.link.format(SHARED_LINK + token) if deps.asker.link else None
    if link:
        lines.append(Line(f"Or by opening {link}"))
    lines.append(Line("They see first what it would have said. Nothing of this chat goes with it.", "caveat"))
    return Reply(tuple(lines), {"line": line, "link": link})


async def shown(deps: Deps, token: str) -> Reply:
    """Show the rule that a link stands for, as if it had been typed. Refused where it stands for none."""
    from handlers.command import commands  # noqa: PLC0415 - it imports this module
    from storage.people import rules as kept  # noqa: PLC0415 - see above

    line = await asyncio.to_thread(kept.shared, deps.store, token)
    if line is None:
        raise Refused(f"That link leads to no rule any more. Make one of your own like {EXAMPLE}.")
    alert: Command = commands()["alert"]
    return await alert.run(deps, RuleText(line))


def _taken_apart(text: str) -> tuple[str | None, str, str]:
    """Return what is to be done, the number, and what a rule is to say: `edit 3 funding > 40% apr`, `3 delete`."""
    text = text.strip()
    if found := _FIRST.fullmatch(text):
        which, _, rest = (found[2] or "").strip().partition(" ")
        return _ACTIONS[found[1].lower()], which, rest.strip()
    if found := _LAST.fullmatch(text):  # the answer to a question goes first: `3 delete`, `funding > 40% apr edit 3`
        action = _ACTIONS[found[2].lower()]
        said, which = found[1].strip(), found[3] or ""
        if not which and action == "edit":  # `3 edit` was typed, and answered: `funding > 40% apr 3 edit`
            said, _, which = said.rpartition(" ")
        return (action, which, said) if which else (action, said, "")
    which, _, rest = text.partition(" ")
    return (None, which, "") if not rest else (None, text, "")


# --- all of them, and one ---------------------------------------------------------------------------------------------


async def _list(deps: Deps) -> Reply:
    from handlers.words import rules as words  # noqa: PLC0415 - see above
    from storage.queries.rules import standing  # noqa: PLC0415 - as above

    every = rules_here(deps)
    if not every:
        return Reply(
            (
                Line("This chat has no rule of its own yet.", "headline"),
                Line(f"Make one like {EXAMPLE}: you see first how often it would have spoken."),
                Buttons((Button("How", "/alert"), Button("Settings", "/settings"))),
            ),
            {"rules": []},
        )
    found = await asyncio.to_thread(standing.read, deps.store, every, deps.assets, deps.now)
    count = "1 rule" if len(every) == 1 else f"{len(every)} rules"
    lines: list[Block] = [Line(f"{count} of this chat's own.", "headline")]
    for one in found:
        lines += [Line(f"{one.rule.number} · {one.rule.worded.line}"), Line(words.standing(one, deps.now, deps.zone))]
    lines.append(Line("/alerts and a number shows one, and changes it.", "caveat"))
    lines.append(Buttons(tuple(Button(str(one.rule.number), f"/alerts {one.rule.number}") for one in found[:_BUTTONS])))
    return Reply(tuple(lines), plain({"rules": [_values(one) for one in found]}))


async def _one(deps: Deps, rule: OwnRule) -> Reply:
    from handlers.words import rules as words  # noqa: PLC0415 - see above
    from storage.queries.rules import standing  # noqa: PLC0415 - as above

    (one,) = await asyncio.to_thread(standing.read, deps.store, [rule], deps.assets, deps.now)
    number = rule.number
    lines: list[Block] = [Line(f"Rule {number}. {words.said(rule)}", "headline")]
    lines.append(Line(words.standing(one, deps.now, deps.zone)))
    lines += [Line(text) for text in words.history(one, deps.now, deps.zone)]
    if deps.asker.may_change:
        pause, resume = Button("Pause", f"/alerts pause {number}"), Button("Resume", f"/alerts resume {number}")
        more = (Button("Edit", f"/alerts edit {number}"), Button("Delete", f"/alerts delete {number}"))
        lines.append(Buttons((resume if rule.paused else pause, *more)))
    lines.append(Buttons((Button("Backtest", f"/backtest {number}"), Button("Share", f"/share {number}"))))
    return Reply(tuple(lines), plain(_values(one)), stamp=words.standing_stamp(one, deps.stamp_note))


def _values(one: RuleStanding) -> dict[str, Any]:
    rule = one.rule
    return {
        "number": rule.number,
        "line": rule.worded.line,
        "paused": rule.paused,
        "holds": list(one.holding),
        "fired": len(one.fired),
        "last": one.fired[-1] if one.fired else None,
        "judged": one.judged,
        "up": one.up,
    }


# --- changing one -----------------------------------------------------------------------------------------------------


def _switched(deps: Deps, rule: OwnRule, *, on: bool) -> Reply:
    from storage.people import rules as kept  # noqa: PLC0415 - see above

    if on:
        kept.resume(deps.store, rule.destination, rule.number)
    else:
        with deps.store.write() as work:
            kept.pause(work, rule.destination, rule.number, "person", deps.now)
    said, other, label = ("is on again", "pause", "Pause") if on else ("is paused", "resume", "Resume")
    return Reply(
        (
            Line(f"Rule {rule.number} {said}: {rule.worded.line}", "headline"),
            Buttons((Button(label, f"/alerts {other} {rule.number}"), _MY_RULES)),
        ),
        {"number": rule.number, "paused": not on},
        back=None if bool(rule.paused) != on else (f"/alerts {other} {rule.number}",),
    )


def _deleted(deps: Deps, rule: OwnRule) -> Reply:
    from storage.people import rules as kept  # noqa: PLC0415 - see above

    kept.drop(deps.store, rule.destination, rule.number)
    again = "/alert save paused" if rule.paused else "/alert save"
    return Reply(
        (
            Line(f"Rule {rule.number} is deleted: {rule.worded.line}", "headline"),
            Buttons((Button("Undo", pressed(deps, again, rule.worded.line)), _MY_RULES)),
        ),
        {"number": rule.number, "deleted": True},
        back=(f"{again} {rule.worded.line}",),
    )


async def _edited(deps: Deps, which: str, rest: str) -> Reply:
    """Look at what a rule is to say, or let it say that; without words ask for them."""
    from handlers.command import commands  # noqa: PLC0415 - it imports this module
    from storage.people import rules as kept  # noqa: PLC0415 - see above

    rule = numbered(which, deps, "alerts edit")
    number = rule.number
    if not rest:
        question = f"Rule {number} says: {rule.worded.line}. What should it say?"
        raise Refused(question, wanted=MissingValue(question, free=True))
    first, _, other = rest.partition(" ")
    if first.lower() == "save" and other.strip():
        line = own_line(other, deps, f"/alerts edit {number}")
        await asyncio.to_thread(kept.change, deps.store, rule.destination, number, worded_of(line))
        head, before = f"/alerts edit {number} save", rule.worded.line
        again = (f"/alerts pause {number}",) if rule.paused else ()  # what it says now is on
        undo = () if again or line.line == before else (Button("Undo", pressed(deps, head, before)),)
        on = (Line("It was paused and is on again."),) if rule.paused else ()
        return Reply(
            (Line(f"Rule {number} says now: {line.said}", "headline"), *on, Buttons((*undo, _MY_RULES))),
            {"number": number, "line": line.line, "saved": True},
            back=(f"{head} {before}", *again) if again or line.line != before else None,
        )
    looked = await commands()["alert"].run(deps, RuleText(rest))
    blocks = tuple(_instead(deps, block, number) if isinstance(block, Buttons) else block for block in looked.blocks)
    return Reply(blocks, {**looked.values, "number": number}, stamp=looked.stamp, outdated=looked.outdated)


def _instead(deps: Deps, buttons: Buttons, number: int) -> Buttons:
    """Let the buttons of a preview change a rule in place of saving another one."""
    found = []
    for button in buttons.buttons:
        _, _, said = button.command.partition(" ")
        saves = said.removeprefix("save ")
        head = f"/alerts edit {number}" + (" save" if saves != said else "")
        found.append(button if button.label == "Cancel" else Button(button.label, pressed(deps, head, saves)))
    return Buttons(tuple(found))
