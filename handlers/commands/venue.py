"""/venue: the exchange that this chat means where it names none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from handlers.command import Deps, Refused, command
from handlers.language.kinds import VENUE, argument, choice
from handlers.language.position import DEFAULT_VENUE, venue_of_chat
from handlers.reply import Button, Buttons, Line, Reply
from handlers.words import wording
from handlers.words.liquidation import exchange
from signals.liquidation import VENUES

_NONE = choice("word for none", dict.fromkeys(("none", "off", "no", "usual", "default", "any"), True))


@dataclass(frozen=True, slots=True)
class VenueArgs:
    """An exchange, or a word for none; nothing asks which one is set."""

    venue: str | None = argument(VENUE, default=None, label="exchange")
    none: Literal[True] | None = argument(_NONE, default=None, label="none")


@command(
    subject="own",
    example="/venue bybit",
    changes_chat=True,
    words="default exchange, my exchange, set exchange, use exchange",
    shows=True,
)
async def venue(deps: Deps, args: VenueArgs) -> Reply:
    """Set the exchange that calculators take if none is named.

    /venue alone shows which one is set, /venue none takes it back. Naming an exchange in a command always wins:
    /liq 95000 25x long okx.
    """
    now = venue_of_chat(deps)
    if args.venue and args.none:
        raise Refused(f"{exchange(args.venue)}, or none? Type only one, like /venue bybit or /venue none.")
    if args.venue is None and not args.none:
        known = wording.listing(list(dict.fromkeys(exchange(venue) for venue in VENUES)))
        name = exchange(now or DEFAULT_VENUE)
        headline = f"Calculators take {name} where no exchange is named{'' if now else ' (none was chosen)'}."
        return Reply(
            (Line(headline, "headline"), Line(f"To change it, type for example /venue bybit. Known: {known}.")),
            {"venue": now or DEFAULT_VENUE, "chosen": now is not None},
        )
    from storage.people import destinations  # noqa: PLC0415 - opens the database

    destinations.set_venue(deps.store, deps.made().id, args.venue)
    taken = args.venue or DEFAULT_VENUE
    none = "" if args.venue else " (none is chosen)"
    return Reply(
        (
            Line(f"Calculators now take {exchange(taken)} where no exchange is named{none}.", "headline"),
            Buttons((Button("Try it", "/liq 95000 25x long"),)),
        ),
        {"venue": taken, "chosen": args.venue is not None},
        back=None if args.venue == now else (f"/venue {now or 'none'}",),
    )
