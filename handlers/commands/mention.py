"""/mention: the one role of a server that is called when an alert is urgent."""

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


@command(subject="own", example="/mention 123456789012345678 warning", changes_chat=True, roles=True, shows=True)
async def mention(deps: Deps, args: Whom) -> Reply:
    """Have one role of this server called when it is urgent.

    It is called in each channel that is told alerts, by new ones and by those that got worse, from a rank on: notice,
    warning (as long as none is named) or critical. /mention off calls nobody, /mention alone says who is called. Who
    manages the server may change it. Nobody else is ever called.
    """
    asker = deps.asker
    if asker.server is None:
        raise Refused("There are no roles here. Type it in the channel of a server that is told alerts.")
    if (args.role or args.off) and not asker.manages:
        raise Refused("It holds for the whole server, so only who may manage the server chooses the role.")
    from storage.people import switches  # noqa: PLC0415 - opens the database

    before = switches.mentioned(deps.store, asker.platform, asker.server) if deps.store.exists else None
    if args.off:
        switches.mention(deps.store, asker.platform, asker.server, None, "warning")
    elif args.role:
        deps.made()  # which tells of this chat that it lies in this server
        switches.mention(deps.store, asker.platform, asker.server, args.role, args.rank or "warning")
    called = switches.mentioned(deps.store, asker.platform, asker.server) if deps.store.exists else None
    back = None if called == before else (f"/mention {f'{before.what} {before.rank}' if before else 'off'}",)
    if called is None:
        said = "No role is called in this server."
        return Reply((Line(said, "headline"), Line("Type /mention, a role and a rank.")), {"role": None}, back=back)
    said = f"One role is called in this server, for {_TOLD[called.rank]}."
    values = {"role": called.what, "rank": called.rank}
    lines = [Line(said, "headline"), Line("It is called in each channel that is told alerts. To stop: /mention off.")]
    return Reply((*lines, *_nobody_listens(deps)), values, back=back)


def _nobody_listens(deps: Deps) -> tuple[Line, ...]:
    from storage.people import destinations  # noqa: PLC0415 - opens the database

    here = deps.here()
    if here and destinations.subscriptions(deps.store, here.id):
        return ()
    return (Line("This channel is told none: type /sub in the one that is to be.", "caveat"),)
