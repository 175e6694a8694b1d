"""/venue: the exchange that this chat means where it names none."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.command import Deps, command
from handlers.language.kinds import VENUE, argument
from handlers.language.position import DEFAULT_VENUE, venue_of_chat
from handlers.reply import Button, Buttons, Line, Reply
from handlers.words import wording
from handlers.words.liquidation import exchange
from signals.liquidation import VENUES


@dataclass(frozen=True, slots=True)
class VenueArgs:
    """An exchange; none asks which one is set."""

    venue: str | None = argument(VENUE, default=None, label="exchange")


@command(
    subject="own",
    example="/venue bybit",
    changes_chat=True,
    words="default exchange, my exchange, set exchange, use exchange",
)
async def venue(deps: Deps, args: VenueArgs) -> Reply:
    """Set the exchange that calculators take if none is named.

    /venue alone shows which one is set. Naming an exchange in a command always wins: /liq 95000 25x long okx.
    """
    if args.venue is None:
        now = venue_of_chat(deps)
        known = wording.listing(list(dict.fromkeys(exchange(venue) for venue in VENUES)))
        name = exchange(now or DEFAULT_VENUE)
        headline = f"Calculators take {name} where no exchange is named{'' if now else ' (none was chosen)'}."
        return Reply(
            (Line(headline, "headline"), Line(f"To change it, type for example /venue bybit. Known: {known}.")),
            {"venue": now or DEFAULT_VENUE, "chosen": now is not None},
        )
    from storage.people import destinations  # noqa: PLC0415 - opens the database

    back = f"/venue {venue_of_chat(deps) or DEFAULT_VENUE}"
    destinations.set_venue(deps.store, deps.made().id, args.venue)
    return Reply(
        (
            Line(f"Calculators now take {exchange(args.venue)} where no exchange is named.", "headline"),
            Line(f"To change it back: {back}"),
            Buttons((Button("Try it", "/liq 95000 25x long"), Button("Undo", back))),
        ),
        {"venue": args.venue, "chosen": True},
    )
