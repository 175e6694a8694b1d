"""/quiet /only /budget: when a chat wants to be told, of what rank, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, Refused, command
from handlers.language.kinds import REST, argument, choice
from handlers.reply import Button, Buttons, Line, Reply
from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Sequence

# What opens the database, or knows the metrics, is imported when a command runs.

_RANKS_TYPED: Final = {"notice": "everything", "warning": "warnings", "critical": "critical"}
_RANK: Final = choice(
    "rank",
    {
        **dict.fromkeys(("warnings", "warning", "warn"), "warning"),
        **dict.fromkeys(("critical", "crit"), "critical"),
        **dict.fromkeys(("everything", "all", "any", "notices", "notice", "off", "usual"), "notice"),
    },
    both=lambda one, other: min(one, other, key=list(_RANKS_TYPED).index),  # warnings and critical: from warnings on
)
_RANKS_SAID: Final = {"warning": "warnings and what is critical", "critical": "what is critical"}
_SETTINGS: Final = Button("Settings", "/settings")
_MOST_A_DAY: Final = 500


@dataclass(frozen=True, slots=True)
class FromTo:
    """From which hour to which; nothing asks what is set."""

    hours: str = argument(REST, default="", label="hours")


@dataclass(frozen=True, slots=True)
class LeastRank:
    """The least urgent that is told; nothing asks what is set."""

    rank: str | None = argument(_RANK, default=None, label="warnings")


@dataclass(frozen=True, slots=True)
class ADay:
    """New messages a day; nothing asks what is set."""

    most: str = argument(REST, default="", label="number")


@command(
    subject="own",
    example="/quiet 23-7",
    changes_chat=True,
    words="quiet hours, do not disturb, don't disturb, at night, overnight, be quiet at night, shut up at night, "
    "be silent, quiet from, no messages from, no messages between, no alerts at night, don't wake me, do not wake me, "
    "dont wake me, let me sleep, sleep, asleep, good night",
    shows=True,
    ended="quiet, quiet hours, do not disturb",
)
async def quiet(deps: Deps, args: FromTo) -> Reply:
    """Have hours of quiet; only what is critical comes then.

    /quiet 23-7, /quiet 22:30-06:00 and /quiet 11pm-7am are hours of this chat's clock (/tz); /quiet at night is from 23
    to 7. What waited comes in one message when they end, or with a digest that is due within the hour. /quiet 23-7
    strict holds what is critical too; /quiet off ends it, and what waits comes at once.
    """
    from handlers.language.telling.switches import quiet_hours  # noqa: PLC0415 - see above
    from storage.alerts.sending import held  # noqa: PLC0415 - see above
    from storage.people import switches  # noqa: PLC0415 - see above

    if not args.hours:
        return _quiet_now(deps)
    asked = quiet_hours(args.hours)
    here, before, value = deps.made(), _value_of(deps, "quiet"), None
    if asked.hours is None:
        switches.switch_back(deps.store, here.id, "quiet")
    else:
        value = asked.hours + (switches.STRICT if asked.strict else "")
        switches.switch(deps.store, here.id, switches.Switch("quiet", value=value))
    waiting, until = held.hold_by_clock(deps.store, here, deps.now)
    lines = [Line(_quiet_said(deps, asked.hours, strict=asked.strict), "headline")]
    if waiting and not until:
        lines.append(Line(f"{wording.count(waiting, 'notice')} that waited: coming now."))
    if asked.hours and deps.zone == "UTC":
        lines.append(Line("These are hours of UTC; /tz sets those of your place."))
    back = f"/quiet {before or 'off'}"
    return _changed(lines, back, value, {"quiet": asked.hours, "strict": asked.strict, "was": before})


def _quiet_now(deps: Deps) -> Reply:
    from storage.people import switches  # noqa: PLC0415 - see above

    value = _value_of(deps, "quiet")
    switch = switches.Switch("quiet", value=value)
    lines = [Line(_quiet_said(deps, switch.hours or None, strict=switch.strict), "headline")]
    lines.append(Line("To change it, type for example /quiet 23-7 or /quiet off."))
    other = Button("Quiet off", "/quiet off") if value else Button("Quiet 23–7", "/quiet 23-7")
    return Reply((*lines, Buttons((other, _SETTINGS))), {"quiet": switch.hours or None, "strict": switch.strict})


def _quiet_said(deps: Deps, hours: str | None, *, strict: bool) -> str:
    if hours is None:
        return "No quiet hours: whatever is told comes at once."
    begin, end = hours.split("-")
    what = "nothing comes, not even what is critical" if strict else "only what is critical comes"
    return f"Quiet from {begin} to {end} ({wording.place(deps.zone)}): {what}. The rest comes in one message at {end}."


@command(subject="own", example="/only warnings", changes_chat=True, shows=True)
async def only(deps: Deps, args: LeastRank) -> Reply:
    """Be told only warnings, or only what is critical.

    /only warnings leaves notices out, /only critical warnings too, /only everything takes it back. What was told
    before goes on to its end.
    """
    from storage.people import switches  # noqa: PLC0415 - see above

    before = _value_of(deps, "only") or "notice"
    if args.rank is None:
        lines = [Line(f"This chat is told {_RANKS_SAID.get(before, 'everything that is on')}.", "headline")]
        lines.append(Line("To change it, type /only warnings, /only critical or /only everything."))
        return Reply((*lines, Buttons((*_other_rank(before), _SETTINGS))), {"only": before})
    here = deps.made()
    if args.rank == "notice":
        switches.switch_back(deps.store, here.id, "only")
        said = "Everything that is on is told again."
    else:
        switches.switch(deps.store, here.id, switches.Switch("only", value=args.rank))
        said = f"Told from now on: only {_RANKS_SAID[args.rank]}."
    return _changed(
        [Line(said, "headline")], f"/only {_RANKS_TYPED[before]}", args.rank, {"only": args.rank, "was": before}
    )


def _other_rank(rank: str) -> tuple[Button, ...]:
    return (
        Button("Only warnings", "/only warnings") if rank == "notice" else Button("Everything", "/only everything"),
    )


@command(
    subject="own",
    example="/budget 12",
    changes_chat=True,
    words="messages a day, messages per day, alerts a day, alerts per day, daily limit",
    shows=True,
    ended="budget, daily limit",
)
async def budget(deps: Deps, args: ADay) -> Reply:
    """Bound how many new messages come in a day.

    Beyond it only warnings and what is critical come at once; notices wait, and one line tells of them in the next
    digest or when the day is over. It is 12 where nothing was said; /budget 20 changes it, /budget off ends it. Edits,
    ends and watched positions never wait.
    """
    from storage.alerts.sending import held  # noqa: PLC0415 - see above
    from storage.people import switches  # noqa: PLC0415 - see above
    from storage.queries import settings  # noqa: PLC0415 - see above

    found = settings.read(deps.store, deps.here(), deps.now)
    before = switches.budget_of(found.switches)
    if not args.most:
        lines = [Line(f"{_budget_said(before)} {_sent_said(found.sent)}", "headline")]
        lines.append(Line("To change it, type for example /budget 20 or /budget off."))
        return Reply((*lines, Buttons((_other_budget(before), _SETTINGS))), {"budget": before, "sent": found.sent})
    most = _most(args.most)
    here = deps.made()
    if most == switches.BUDGET:
        switches.switch_back(deps.store, here.id, "budget")
    else:
        value = switches.OFF if most is None else str(most)
        switches.switch(deps.store, here.id, switches.Switch("budget", value=value))
    lines = [Line(f"{_budget_said(most)} {_sent_said(found.sent)}", "headline")]
    if most is None or found.sent < most:
        waiting = held.hold_otherwise(deps.store, here.id, "budget", deps.now)
        lines += [Line(f"{wording.count(waiting, 'notice')} that waited: coming now.")] if waiting else []
    back = f"/budget {switches.OFF if before is None else before}"
    return _changed(lines, back, most, {"budget": most, "was": before, "sent": found.sent})


def _most(typed: str) -> int | None:
    """Read how many messages a day; None: no bound."""
    from handlers.language.spelling import chunks, shown  # noqa: PLC0415 - see above
    from storage.people import switches  # noqa: PLC0415 - see above

    words = [word.lower() for word in chunks(typed)]
    if words and words[0] in ("off", "none", "no", "unlimited", "everything", "all"):
        return None
    if words and words[0] in ("usual", "default", "on"):
        return switches.BUDGET
    if not words or not words[0].isdecimal() or len(words[0]) > 9:
        raise Refused(f"“{shown(typed)}” is no number of messages. Type it like /budget 20 or /budget off.")
    if len(numbers := [word for word in words if word.isdecimal()]) > 1:
        raise Refused(f"Is it {wording.listing(numbers, 'or')}? Type only one number, like /budget {numbers[0]}.")
    if int(words[0]) > _MOST_A_DAY:
        raise Refused(f"That is more than {_MOST_A_DAY} messages a day. Type /budget off for as many as there are.")
    return int(words[0])


def _budget_said(most: int | None) -> str:
    if most is None:
        return "As many messages as there are come at once."
    if most == 0:
        return "Notices never come at once, only in one line a day; warnings and what is critical do."
    return (
        f"At most {wording.count(most, 'new message')} a day. Beyond that, warnings and what is critical still come at "
        "once, and notices in one line when the day is over."
    )


def _sent_said(sent: int) -> str:
    return f"Today: {sent}."


def _other_budget(most: int | None) -> Button:
    from storage.people import switches  # noqa: PLC0415 - see above

    return Button("No budget", "/budget off") if most is not None else Button("Budget", f"/budget {switches.BUDGET}")


def _value_of(deps: Deps, kind: str) -> str | None:
    """Return what this chat has switched of a kind; None where nothing."""
    from storage.people import switches  # noqa: PLC0415 - see above

    here = deps.here()
    chosen = switches.of_one(deps.store, here.id) if here else ()
    return next((switch.value for switch in chosen if switch.kind == kind), None)


def _changed(lines: Sequence[Line], back: str, now: str | int | None, values: dict[str, Any]) -> Reply:
    """Say what was changed, and how to change it back; nothing of the latter where it was like that before."""
    return Reply((*lines, Buttons((_SETTINGS,))), values, back=None if values["was"] == now else (back,))
