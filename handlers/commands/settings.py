"""/settings: all that a chat has set, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.command import Deps, Nothing, command
from handlers.reply import Button, Buttons, Line, Reply, plain
from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.people.digests import Ordered
    from storage.people.switches import Switch
    from storage.queries.settings import Settings

# What opens the database, or knows the metrics, is imported when the command runs.

_ROW = 50  # characters: two rows of a phone, with the name before and the command behind
_TOLD = {"notice": "every alert", "warning": "warnings", "critical": "what is critical"}
_ONLY = {"notice": "everything", "warning": "warnings", "critical": "what is critical"}


@command(
    subject="own",
    example="/settings",
    words="my settings, preferences, options of this chat, fewer messages, less messages, too many messages, "
    "fewer alerts, less alerts, fewer alarms, less alarms, "
    "too many alerts, too much, my alerts, my alarms, my subscriptions, subscriptions, subscribed, alerts are on, "
    "alarms are on, alerts do i, alarms do i, list alerts, list my alerts, which alerts, what alerts, which alarms, "
    "what alarms, muted",
    harmless=True,
)
async def settings(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - it takes no arguments
    """Show all that is set in this chat, and how to change it.

    Each line ends with the command that changes it; the buttons change what is changed most often, for who may.
    """
    from storage.people import switches  # noqa: PLC0415 - see above
    from storage.queries import settings as query  # noqa: PLC0415 - see above

    found = query.read(deps.store, deps.here(), deps.now)
    quiet = next(iter(found.of("quiet")), None)
    rank, most = switches.least_rank(found.switches), switches.budget_of(found.switches)
    waiting = f", {found.waiting} wait" if found.waiting else ""
    of_today = f"{found.sent} of {most}{waiting or ' today'}" if most is not None else f"off{waiting}"
    rows = [
        ("Time zone", wording.place(found.zone), "/tz"),
        ("Exchange", _exchange(found.venue), "/venue"),
        ("Alarms", _alarms(found), "/help sub"),
        ("Sound", _sound((*found.of("loud"), *found.of("silent"))), "/help sub"),
        ("Muted", _muted(found.of("mute"), deps), "/mute"),
        ("Quiet", f"{quiet.hours.replace('-', '–')}{', strict' if quiet.strict else ''}" if quiet else "off", "/quiet"),
        ("Told", _ONLY[rank], "/only"),
        ("Budget", of_today, "/budget"),
        *(("Role called", f"for {_TOLD[switch.rank]}", "/mention") for switch in found.of("mention")),
        *(("Digest", _digest(digest), "/digest") for digest in found.digests),
        *([] if found.digests else [("Digest", "off", "/digest")]),
    ]
    lines = [Line(f"{name}: {value} · {typed}") for name, value, typed in rows]
    if not deps.asker.may_change:
        lines.append(Line(f"Only {deps.asker.managers} can change them.", "caveat"))
    return Reply(
        (Line("Settings of this chat", "headline"), *lines, *_buttons(found, rank, most)),
        _values(found, rank, most),
    )


def _digest(ordered: Ordered) -> str:
    """Name its days, in as much as a phone has room for."""
    from handlers.words.digest.ordered import DAYS  # noqa: PLC0415 - see above
    from signals.due import EVERY_DAY, WEEKDAYS  # noqa: PLC0415 - see above

    days = ordered.wall.days
    if days in (EVERY_DAY, WEEKDAYS):
        named = "daily" if days == EVERY_DAY else "weekdays"
    else:
        named = " ".join(DAYS[day][:3] for day in days) if len(days) < 4 else f"{len(days)} days"
    return f"{'weekly ' if ordered.kind == 'weekly' else ''}{named} {ordered.wall.at:%H:%M}"


def _exchange(venue: str | None) -> str:
    from handlers.words.liquidation import exchange  # noqa: PLC0415 - see above

    return exchange(venue) if venue else "none chosen"


def _alarms(found: Settings) -> str:
    from storage.people.destinations import ANY  # noqa: PLC0415 - see above

    if not found.alarms:
        return "none"
    if (ANY, ANY) in found.alarms:
        return "everything"
    by_asset: dict[str, set[str]] = {}
    for alarm, asset in found.alarms:
        by_asset.setdefault(asset, set()).add(alarm)
    parts = [
        f"{'every asset' if asset == ANY else asset} {'all' if ANY in alarms else len(alarms)}"
        for asset, alarms in sorted(by_asset.items())
    ]
    said = ", ".join(parts)
    return said if len(said) <= _ROW else f"of {wording.count(len(parts), 'asset')}"


def _sound(switched: Sequence[Switch]) -> str:
    from storage.people.switches import ANY  # noqa: PLC0415 - see above

    everything = next((switch.kind for switch in switched if switch.what == ANY), None)
    usual, others = everything or "by rank", sum(switch.kind != everything for switch in switched)
    return f"{usual}, {others} otherwise" if others else usual


def _muted(switched: Sequence[Switch], deps: Deps) -> str:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - reads the zone files

    from storage.people.switches import ANY  # noqa: PLC0415 - see above

    if not switched:
        return "nothing"
    what = "all" if any(switch.what == ANY for switch in switched) else str(len(switched))
    last = max((switch.until for switch in switched if switch.until), default=None)
    if last is None or any(switch.until is None for switch in switched):
        return what
    local, now = last.astimezone(ZoneInfo(deps.zone)), deps.now.astimezone(ZoneInfo(deps.zone))
    return f"{what} until {local:%H:%M}" if local.date() == now.date() else f"{what} until {local:%a %d %b}"


def _buttons(found: Settings, rank: str, most: int | None) -> tuple[Buttons, Buttons]:
    from storage.people.switches import ANY, BUDGET  # noqa: PLC0415 - see above

    silent = any(switch.what == ANY for switch in found.of("silent"))
    sound = Button("Sound", "/sub usual") if silent else Button("Silent", "/sub silent")
    first = (
        Button("Quiet off", "/quiet off") if found.of("quiet") else Button("Quiet 23–7", "/quiet 23-7"),
        Button("Warnings", "/only warnings") if rank == "notice" else Button("Everything", "/only everything"),
        Button("Unmute", "/unmute") if found.of("mute") else Button("Mute 8 h", "/mute 8h"),
    )
    second = (
        sound if found.alarms else Button("Alarms on", "/sub"),  # /sub silent would turn them on
        Button("No budget", "/budget off") if most is not None else Button("Budget", f"/budget {BUDGET}"),
        Button("Zone", "/tz"),
    )
    return Buttons(first), Buttons(second)


def _values(found: Settings, rank: str, most: int | None) -> dict[str, Any]:
    quiet = next(iter(found.of("quiet")), None)
    return plain(
        {
            "zone": found.zone,
            "venue": found.venue,
            "subscriptions": [{"rule": alarm, "asset": asset} for alarm, asset in found.alarms],
            "sounds": [{"what": one.what, "sound": one.kind} for one in (*found.of("loud"), *found.of("silent"))],
            "muted": [{"what": one.what, "until": one.until, "until_over": one.episode} for one in found.of("mute")],
            "quiet": quiet.hours if quiet else None,
            "strict": bool(quiet and quiet.strict),
            "only": rank,
            "budget": most,
            "sent": found.sent,
            "waiting": found.waiting,
            "digests": [
                {"kind": one.kind, "days": list(one.wall.days), "at": f"{one.wall.at:%H:%M}"} for one in found.digests
            ],
        }
    )
