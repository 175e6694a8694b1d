"""/chart: the market and each figure as a picture."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, Refused, command
from handlers.commands.funding import heading
from handlers.commands.liquidations import none_stored
from handlers.commands.market import answered, nothing_stored, readings_of
from handlers.language.assets import meant_asset, usual_asset
from handlers.language.kinds import ASSET, DURATION, argument, choice
from handlers.language.metrics import DRAWN, chart_words, together
from handlers.reply import Block, Button, Buttons, Line, Picture, Reply
from handlers.words import readings as words
from handlers.words import wording
from signals.assets import PACKED, packed
from signals.inputs import MARKET
from signals.liquidation import listed_names
from signals.units import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from storage.queries.market.readings import Reading

# As in market.py: whatever brings numpy along is imported when a command runs.

_WHAT: Final = choice("picture", chart_words)
_PACKS: Final = (1, *PACKED)
_WINDOWS: Final = ("4h", "24h", "7d", "30d", "1y")
_SHOWS: Final = f"There are {', '.join(DRAWN)}, over 4h, 24h, 7d, 30d, 90d, 1y or all. Type it like /chart oi btc 7d."


@dataclass(frozen=True, slots=True)
class Drawing:
    """What to draw, of which asset, over how long. Two words may name one thing, such as price drawdown."""

    what: str | None = argument(_WHAT, default=None)
    also: str | None = argument(_WHAT, default=None)
    asset: str | None = argument(ASSET, default=None)
    other: str | None = argument(ASSET, default=None)
    span: timedelta | None = argument(DURATION, default=None, label="7d")
    whole: bool = argument(choice("whole history", {"all": True, "max": True}), default=False, label="all")
    light: bool = argument(choice("light", {"light": True, "white": True, "dark": False}), default=False)


@command(
    subject="judgement",
    example="/chart btc 7d",
    draws=True,
    words="graph, draw, picture, plot, candles, candle, chart of, charts, image, funding history, "
    "oi history, price history, history of",
)
async def chart(deps: Deps, args: Drawing) -> Reply:
    """Draw price, open interest, liquidations or any figure.

    /chart btc shows candles with open interest in dollars and coins and what was liquidated; there are also oi, price
    and liqs alone, and funding, taker, net, drawdown, ma180, closing and fng with their alarm lines and past alerts.
    Spans are 4h, 24h, 7d, 30d, 90d, 1y or all; "light" draws on white.
    """
    what = together(args.what or _of_alert(deps) or "picture market", args.also)
    if what is None:
        raise Refused(f"One picture at a time. {_SHOWS}")
    asset = _asset(deps, args)
    if what.startswith("picture "):
        return await _market(deps, args, asset, what.removeprefix("picture "))
    return await _metric(deps, args, asset, what)


def _asset(deps: Deps, args: Drawing) -> str:
    """Return the asset that is meant; a word that is no asset and no picture is named with what can be drawn."""
    meant = []
    for name in (args.asset, args.other):
        if name is None:
            continue
        try:
            meant.append(meant_asset(deps, name, "/chart oi btc"))
        except Refused as refused:
            if any(packed(name, times) in listed_names() for times in _PACKS):  # a venue says how it stands now
                raise Refused(f"{refused} A chart needs a coin that is followed.", unfollowed=name) from None
            raise Refused(f"“{name.lower()}” is no picture and no asset that is stored. {_SHOWS}") from None
    if len(set(meant)) > 1:
        raise Refused(
            f"One asset at a time: {wording.listing(meant, 'or')}? Type it like /chart {meant[0].lower()} 7d."
        )
    return meant[0] if meant else usual_asset(deps)


def _of_alert(deps: Deps) -> str | None:
    """Return the metric whose picture shows what the alert is about that is answered, as the button below it does."""
    from signals.alerts.rule import rules  # noqa: PLC0415 - see above

    return next((rules()[one.rule].metrics[0] for one in deps.about() if one.rule in rules()), None)


def _reference(deps: Deps, args: Drawing, asset: str, **what: str) -> dict[str, Any]:
    reference: dict[str, Any] = {**what, "asset": asset, "until": deps.now.isoformat()}
    if args.whole:
        reference["days"] = "all"
    elif args.span:
        reference["days"] = max(args.span, HOUR) / DAY
    if args.light:
        reference["light"] = True
    if deps.stamp_note:
        reference["note"] = deps.stamp_note
    return reference


# --- the market -------------------------------------------------------------------------------------------------------


async def _market(deps: Deps, args: Drawing, asset: str, kind: str) -> Reply:
    from handlers.charts import market, pictures  # noqa: PLC0415 - see above

    reference = _reference(deps, args, asset, picture=kind)
    data = await asyncio.to_thread(pictures.read_market, deps.store, reference) if deps.store.exists else None
    if kind == "liqs" and not (data and data.liquidated):
        raise none_stored(deps, asset)
    if data is None:
        raise await nothing_stored(deps, asset, ("oi_drawdown",) if kind == "oi" else ("price_drawdown",))
    full = pictures.market_spec(data, reference)
    lines: list[Block] = [
        Line(f"{full['title']}.", "headline"),
        Picture(reference, full["alt"]),
        _windows(args, asset, kind),
    ]
    return answered(deps, asset, lines, market.values(data), data.stamps, outdated=data.outdated)


def _windows(args: Drawing, asset: str, kind: str) -> Buttons:
    """Return buttons for the same picture over other spans."""
    head = " ".join(part for part in ("/chart", "" if kind == "market" else kind, asset.lower()) if part)
    tail = " light" if args.light else ""
    return Buttons(tuple(Button(window, f"{head} {window}{tail}") for window in _WINDOWS))


# --- a metric ---------------------------------------------------------------------------------------------------------


async def _metric(deps: Deps, args: Drawing, asset: str, what: str) -> Reply:
    from handlers.charts import pictures  # noqa: PLC0415 - see above

    metric, _, drawn = what.partition(" ")
    found = await readings_of(deps, asset, (metric,), example="/chart oi btc")
    more: Mapping[str, str] = {"value": drawn} if drawn else {}
    reference = _reference(deps, args, found.asset, metric=metric, **more)
    alt = await pictures.in_words(deps.store, reference)
    if alt is None:
        longer = f"no value is known in that span. Type a longer one, like /chart {metric} all"
        why = words.why_not(found.lacking(metric)) or longer
        raise Refused(
            f"There is nothing to draw for {found.asset}: {why}.", outdated=(found.asset,) if found.outdated else ()
        )
    lines: list[Block] = [Line(_title(found.asset, metric, drawn), "headline"), Picture(reference, alt)]
    if said := await _heading(deps, found.get(metric)):
        lines.insert(1, Line(said))
    values = {reading.metric: reading.get(drawn or "value") for reading in found.known}
    return answered(deps, found.asset, lines, values, words.stamps(found), outdated=found.outdated)


async def _heading(deps: Deps, reading: Reading | None) -> str:
    """Say of a rate of funding whether it was paid, or is where funding is heading."""
    from storage.queries.market import funding  # noqa: PLC0415 - see above

    if reading is None or reading.metric not in {funding.RATE, funding.YEAR}:
        return ""
    paid = await asyncio.to_thread(funding.paid, deps.store, reading.asset, reading, deps.now)
    return heading(reading.get("value"), paid, deps)


def _title(asset: str, metric: str, drawn: str) -> str:
    from signals.metric import metrics  # noqa: PLC0415 - see above

    title = metrics()[metric].chart_of(drawn or None).title
    return title if asset == MARKET else f"{asset}: {title[:1].lower()}{title[1:]}"
