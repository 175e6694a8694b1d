"""What is said of an asset that is not followed: what one venue says of it now, or why nothing is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handlers.reply import Line, Reply, plain
from handlers.words import wording
from signals.language.spelling import sentence_case
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from handlers.command import Deps, Figure
    from storage.queries.glance import Glance, NoGlance

_COUNTED: Final = 1e6  # coins; more of them are a row of digits that tells nobody anything


def answered(seen: Glance, deps: Deps, first: Figure) -> Reply:
    """Answer with all that a look has brought, beginning with what was asked for."""
    said = {"price": _price(seen, first), "funding": _funding(seen), "open interest": _open_interest(seen)}
    lines = [said.pop(first), *_stated(seen, first), *said.values()]
    values: Mapping[str, object] = {
        "asset": seen.asset,
        "as_of": seen.at,
        "followed": False,
        "venue": seen.venue,
        "price": seen.price,
        "funding_rate": seen.funding_rate,
        "interval_hours": seen.interval_hours,
        "apr": seen.apr,
        "open_interest_usd": seen.open_interest_usd,
        "open_interest_coin": seen.open_interest_coin,
    }
    blocks = (
        Line(f"{seen.asset} {lines[0]}", "headline"),
        *(Line(sentence_case(line)) for line in lines[1:]),
        Line("Not followed: no history, no alarms.", "caveat"),
    )
    return Reply(blocks, plain(values), stamp=f"{venue_title(seen.venue)} · {wording.age(deps.now - seen.at)}")


def pending(asset: str) -> str:
    """Say what is known before anybody has answered."""
    return f"{asset} is not followed here."


def lacking(missed: NoGlance) -> str:
    """Say why nothing is known, and what to do."""
    asset, names = missed.asset, wording.listing([venue_title(venue) for venue in missed.venues])
    match missed.why:
        case "unlisted":
            near = f" Did you mean {wording.listing(missed.near[:3], 'or')}?" if missed.near else ""
            return f"{asset} is no perpetual at {names}.{near}"
        case "silent":
            return f"{asset} is not followed here, and no answer came from {names}. Try again in a moment."
        case "busy":
            wait = wording.duration(missed.wait)
            return f"Too many coins that are not followed were asked for. Try {asset} again in {wait}."


def _price(seen: Glance, first: Figure) -> str:
    """Say the price: as `/price` begins, or by its name where it stands below something else."""
    return f"{'' if first == 'price' else 'price: '}${wording.price(seen.price)}."


def _funding(seen: Glance) -> str:
    if seen.apr is None:
        return f"funding: {wording.rate(seen.funding_rate) if seen.funding_rate is not None else 'not known'}."
    return f"funding: {wording.apr(seen.apr * 100)}."


def _stated(seen: Glance, first: Figure) -> Iterator[str]:
    """Say the rate as it is stated, to whoever asks for funding: a phone's line holds one of the two."""
    if first == "funding" and seen.apr is not None:
        yield f"Now heading to {wording.rate(seen.funding_rate, seen.interval_hours)}."


def _open_interest(seen: Glance) -> str:
    usd, coins = seen.open_interest_usd, seen.open_interest_coin
    size = [wording.usd(usd)] if usd is not None else []
    if coins is not None and (coins < _COUNTED or not size):
        size.append(wording.coins(coins, seen.asset))
    return f"open interest: {', '.join(size) or 'not known'}."
