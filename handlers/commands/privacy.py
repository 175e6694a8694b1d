"""/forgetme: what is stored about a chat, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.command import Nothing, Refused, command
from handlers.reply import Line, Reply
from handlers.words import wording

if TYPE_CHECKING:
    from handlers.command import Deps


@command(
    subject="own",
    example="/forgetme",
    words="forget me, forget, delete my data, delete me, delete everything, erase, remove my data, my data",
    private="answer",
)
async def forgetme(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - it takes no arguments
    """Remove everything that is stored about this chat.

    Settings, subscriptions, watched positions and addresses, and messages not yet sent are deleted at once and
    overwritten in the file. In a group its admins can do this, for the group. Backups that the owner of this bot has
    made keep their copy until they are replaced.
    """
    to = deps.asker.address
    private = to.kind == "private"
    if not private and not deps.asker.may_change:
        raise Refused(
            "Only admins of this group can have it forgotten. "
            "For what is stored about yourself, write to me privately: /forgetme."
        )
    if not deps.store.exists:
        return Reply((Line("Nothing is stored about this chat.", "headline"),), {"removed": {}})
    from storage.people import forgetting  # noqa: PLC0415 - opens the database

    user = (deps.asker.user or to.chat) if private else None
    found = forgetting.forget(deps.store, deps.asker.platform, to.chat, user)
    values = {
        "removed": {
            "subscriptions": found.subscriptions,
            "positions": found.positions,
            "addresses": found.addresses,
            "messages": found.messages,
        },
        "clean": found.clean,
    }
    if not found.anything:
        return Reply((Line("Nothing is stored about this chat.", "headline"),), values)
    parts = [
        wording.count(number, one, many)
        for number, one, many in (
            (found.subscriptions, "subscription", None),
            (found.positions, "watched position", None),
            (found.addresses, "followed address", "followed addresses"),
            (found.messages, "stored message", None),
        )
        if number
    ]
    left = "" if found.clean else " Another program is reading the file; the last traces go when it has finished."
    return Reply(
        (
            Line("Forgotten: everything that was stored about this chat.", "headline"),
            Line(f"Removed: its settings{''.join(f', {part}' for part in parts)}.{left}"),
            Line("Backups made by the owner of this bot keep their copy until they are replaced.", "caveat"),
            Line("Nothing is sent here any more. /sub or /watch begins anew."),
        ),
        values,
    )
