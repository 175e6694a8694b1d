"""/mention: the one role that a chat of a server wants called when an alert is urgent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from handlers.command import Refused, command
from handlers.language.kinds import ROLE, argument, choice
from handlers.reply import Line, Reply

if TYPE_CHECKING:
    from handlers.command import Deps
    from signals.alerts.condition import Rank

_RANK: Final = choice("rank", {"notice": "notice", "warning": "warning", "critical": "critical"})
_OFF: Final = choice("word for nobody", {"off": True, "nobody": True, "none": True})
_TOLD: Final = {"notice": "every alert", "warning": "warnings and what is critical", "critical": "what is critical"}


@dataclass(frozen=True, slots=True)
class Whom:
    """Which role from which rank on; none asks which one is set."""

    role: str | None = argument(ROLE, default=None)
    rank: Rank | None = argument(_RANK, default=None)
    off: bool | None = argument(_OFF, default=None)


@command(subject="own", example="/mention 123456789012345678 warning", changes_chat=True, roles=True)
async def mention(deps: Deps, args: Whom) -> Reply:
    """Have one role called when an alert is urgent.

    It is called by new alerts and by those that got worse, from a rank on: notice, warning (as long as none is named)
    or critical. /mention off calls nobody, /mention alone says who is called. Nobody else is ever called.
    """
    if deps.asker.address.kind == "private":
        raise Refused("There are no roles here. Type it in the channel of a server that is told alerts.")
    from storage.people import destinations, switches  # noqa: PLC0415 - opens the database

    here = deps.here()
    if here is None or not destinations.subscriptions(deps.store, here.id):
        raise Refused("Nothing is on in this channel. Type /sub first, then /mention and the role.")
    if args.off:
        switches.mention(deps.store, here.id, None, "warning")
    elif args.role:
        switches.mention(deps.store, here.id, args.role, args.rank or "warning")
    set_ = next((one for one in switches.of_one(deps.store, here.id) if one.kind == "mention"), None)
    if set_ is None:
        said = "No role is called here."
        return Reply((Line(said, "headline"), Line("Type /mention, a role and a rank.")), {"role": None})
    said = f"One role is called here, for {_TOLD[set_.rank]}."
    values = {"role": set_.what, "rank": set_.rank}
    return Reply((Line(said, "headline"), Line("To stop: /mention off.")), values)
