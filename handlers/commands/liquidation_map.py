"""/map: where positions may be liquidated, by our model, how its marks did, and what is measured beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from handlers.command import Deps, command
from handlers.commands.market import answered, readings_of
from handlers.language.assets import OneAsset  # noqa: TC001 - a command's arguments are read from its annotations
from handlers.reply import Block, Button, Buttons, Line, Picture, Reply
from handlers.words import readings as words
from handlers.words.liquidation import liquidation_map as said

if TYPE_CHECKING:
    from storage.queries.liquidation.liquidation_map import MapAnswer

# As in market.py: whatever brings numpy along is imported when a command runs.


@command(
    subject="market",
    example="/map btc",
    draws=True,
    words="liquidation map, liquidation heatmap, liquidations map, liq map, heatmap, heat map, liqmap, "
    "liquidation levels, liquidation clusters, where are liquidations, where are the liquidations",
)
async def map_(deps: Deps, args: OneAsset) -> Reply:
    """Where positions may be liquidated, as a picture.

    Our model of open interest: what was opened in 90 days, at 5x to 100x, by the venue's own liquidation rule, less
    what price has crossed and what was closed. Sums of both sides within 2, 5 and 10 % and per 1 % of price, and under
    them how well yesterday's marks told where liquidations came. A map shows where positions may sit, not where price
    goes.
    """
    from handlers.charts import liq_map  # noqa: PLC0415 - see above
    from storage.queries.liquidation import liquidation_map  # noqa: PLC0415 - see above

    found = await readings_of(deps, args.asset, (liquidation_map.METRIC,), example="/map btc")
    asset, reading = found.asset, found.get(liquidation_map.METRIC)
    if reading is None:
        why = words.why_not(found.lacking(liquidation_map.METRIC))
        line = Line(f"{asset} liquidation map: {why}.", "headline")
        return answered(deps, asset, [line], {}, (), outdated=found.outdated)
    answer = await asyncio.to_thread(liquidation_map.read, deps.store, reading, deps.now)
    lines: list[Block] = [
        Line(said.headline(answer, deps.zone), "headline"),
        *(Line(text) for text in said.sums(answer)),
        Line(said.COUNTER, "caveat"),
        Line(said.homework(answer.homework)),
        *(Line(text) for text in said.measured(answer)),
        Line(said.model(answer), "caveat"),
    ]
    if answer.bins is not None:
        reference: dict[str, Any] = {"picture": liq_map.PICTURE, "asset": asset, "until": deps.now.isoformat()}
        if deps.stamp_note:
            reference["note"] = deps.stamp_note
        lines.append(Picture(reference, liq_map.spec(reading, answer.bins, "")["alt"]))
    name = asset.lower()
    lines.append(Buttons((Button("Liquidations", f"/liqs {name}"), Button("History", f"/chart liq_map {name}"))))
    return answered(deps, asset, lines, _values(answer), words.stamps(found), outdated=found.outdated)


def _values(answer: MapAnswer) -> dict[str, Any]:
    reading, homework, held = answer.reading, answer.homework, answer.held
    return {
        **{name: reading.get(name) for name in reading.values if name != "value"},
        "price_now": answer.price_now,
        "ratio_per_1": reading.get("value"),
        "modelled": True,
        "rule_of": answer.spread.venue,
        "tiers_of": None if answer.spread.table is None else answer.spread.table.isoformat(),
        "homework": None
        if homework is None
        else {
            "days": homework.days,
            "liquidated_usd": homework.usd,
            "share_in_marked": homework.hit,
            "share_in_nearest": homework.near,
            "days_better": homework.won,
            "days_worse": homework.lost,
            "better": homework.better,
        },
        "held_in_public": None
        if held is None
        else {"venue": held.venue, "addresses": held.addresses, "longs_usd": held.longs, "shorts_usd": held.shorts},
    }
