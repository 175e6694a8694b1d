"""How it is told what waited: for quiet hours a line each, what was beyond a day's budget in one line."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from handlers.reply import Button, Buttons, Line
from handlers.words import wording
from handlers.words.message import LONGEST, Message
from signals.units import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from handlers.reply import Block

    # A notice that waited: at, kind, payload, and told, which is whether a message told of its beginning.
    Listed: TypeAlias = Mapping[str, Any]
    Headline: TypeAlias = Callable[[Mapping[str, Any], str], str]  # of a payload, in a zone

_HEADS: Final = {"on": "Still on:", "gone": "Came and went:", "over": "Over:", "": "Also:"}
_ROOM: Final = LONGEST - 80  # for what stands above and below the lines


def tell_held(payload: Mapping[str, Any], zone: str, headline: Headline) -> Message:
    """Write the message about all that waited. headline: says in one line what a notice tells."""
    blocks: list[Block] = []
    if quiet := payload.get("quiet"):
        blocks += _in_quiet_hours(quiet, payload.get("hours"), zone, headline)
    if beyond := payload.get("budget"):
        blocks.append(Line(beyond_budget(beyond, datetime.fromisoformat(payload["at"]), zone, headline)))
    blocks.append(Buttons((Button("Health", "/health"), Button("Settings", "/settings"))))
    return Message(tuple(blocks))


def beyond_budget(waited: Mapping[str, Any], told: datetime, zone: str, headline: Headline) -> str:
    """Say in one line what was beyond a day's budget. waited: its count, and the most important of its notices."""
    count, listed = int(waited["count"]), waited["notices"]
    said, left = _fitting([headline(one["payload"], zone) for one in listed], count)
    days = {datetime.fromisoformat(one["at"]).astimezone(ZoneInfo(zone)).date() for one in listed}
    today = told.astimezone(ZoneInfo(zone)).date()
    names = {today: "today", today - DAY: "yesterday"}
    day = names.get(min(days), f"since {wording.day(min(days), year=False)}")
    more = f" And {left} more." if left else ""
    return f"{wording.count(count, 'more notice')} {day}: {' '.join(said)}{more}"


def _in_quiet_hours(waited: Mapping[str, Any], hours: str | None, zone: str, headline: Headline) -> list[Block]:
    count, listed = int(waited["count"]), waited["notices"]
    when = f" ({hours.partition(' ')[0].replace('-', '–')})" if hours else ""
    said, left = _fitting([headline(one["payload"], zone) for one in listed], count)
    lines: list[Block] = [Line(f"While it was quiet{when}:", "headline")]
    for part, head in _HEADS.items():
        of_part = [text for one, text in zip(listed, said, strict=False) if _part(one) == part]
        if of_part:
            lines += [Line(head), *(Line(f"– {text}") for text in of_part)]
    return [*lines, Line(f"– and {left} more, /health")] if left else lines


def _fitting(said: Sequence[str], count: int) -> tuple[list[str], int]:
    """Return as many of the lines as a message has room for, and how many are left out of all there are."""
    kept = list(said)
    while len(kept) > 1 and sum(len(text) + 3 for text in kept) > _ROOM:
        kept.pop()
    return kept, count - len(kept)


def _part(one: Listed) -> str:
    """Return where a notice stands: what has an episode is on, over, or was never told as on; the rest is beside it."""
    if one["kind"] == "resolved":
        return "over" if one.get("told") else "gone"
    return "on" if one["kind"] in ("fired", "escalated", "resumed", "changed") else ""
