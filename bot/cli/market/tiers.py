"""What `perpulse tiers refresh` and `perpulse tiers show` do."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from bot import log
from bot.cli.common import out, plain_errors, settings_of
from bot.clock import SystemClock
from handlers.command import Refused
from signals.assets import Instrument, assets_of
from signals.language.spelling import sentence_case
from signals.venues import SPELLINGS, VENUES, venue_named, venue_title
from storage.engine.database import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from signals.liquidation.renewal import Renewal


def refresh(
    venues: list[str] | None,
    assets: list[str] | None,
    config: Path | None,
    db: Path | None,
    base_url: str | None,
    *,
    as_json: bool,
) -> None:
    """Renew tier tables and print what changed; exit 2 where no venue answered."""
    log.set_up(quiet=True)  # else structlog would write between the lines
    from bot.market.tiers import refresh as renewing
    from bot.market.tiers.tables import Reach, TierKey
    from handlers.words.sources import tiers_told
    from signals.liquidation.renewal import MAIN_ASSETS

    with plain_errors():
        settings = settings_of(config, db)
        chosen = wanted(venues or [])
        key, secret = settings.tiers.binance_key, settings.tiers.binance_secret
        reach = Reach(
            SystemClock().now,
            timeout_s=settings.market.timeout_seconds,
            proxy=settings.market.proxy,
            base_url=base_url,
            paced=base_url is None,
            binance=TierKey(key, secret) if key and secret else None,
        )
        names = assets_of(assets or (*settings.assets, *MAIN_ASSETS))
        renewals = asyncio.run(renewing.refresh(Store(settings.database), chosen, names, reach))
    if as_json:
        for renewal in renewals:
            out(json.dumps(_plain(renewal)))
    else:
        for line in tiers_told(renewals):
            out(line)
    if all(renewal.error for renewal in renewals):
        raise typer.Exit(2)


def show(words: list[str], config: Path | None, db: Path | None) -> None:
    """Print one tier table: an asset, and the venue (default Binance) and the contract where they are said."""
    from handlers.language.grammar import parse
    from handlers.language.position import DEFAULT_VENUE, TableArgs, contract_of
    from handlers.words.sources import tiers_shown
    from signals.liquidation import LiquidationError, tiers
    from storage.market import tiers as tier_files

    with plain_errors():
        settings = settings_of(config, db)
        args = parse(TableArgs, " ".join(words), command="tiers", assets=settings.assets)
        renewed = tier_files.renewed(Store(settings.database))
        venue = args.venue or DEFAULT_VENUE
        named = args.instrument or Instrument(asset=settings.assets[0])
        named, contract = contract_of(replace(named, quote=args.quote or named.quote), args.contract, venue)
        try:
            table = tiers(
                venue,
                contract or "linear",
                named.asset,
                named.quote,
                renewed=renewed,
                multiplier=named.multiplier,
                expiry=named.expiry,
            )
        except LiquidationError as error:
            text = str(error).rstrip(".?")
            raise Refused(f"{sentence_case(text)}. Try another venue, or: perpulse tiers refresh") from None
    for line in tiers_shown(table, SystemClock().now().date()):
        out(line)


def wanted(words: Sequence[str]) -> list[str]:
    """Return the venues that are named in any spelling, or all. Refused with what to type for an unknown one."""
    renewed = [venue.id for venue in VENUES.values() if venue.renewed]
    found: list[str] = []
    for word in words:
        venue = venue_named(word)
        if venue not in SPELLINGS:
            raise Refused(f"{word[:40]!r} is no venue that tiers come from. Known: {', '.join(renewed)}.")
        if venue not in renewed:
            raise Refused(f"{venue_title(venue)} answers for no tiers: there is nothing to renew. Leave it out.")
        found.append(venue)
    return list(dict.fromkeys(found)) or renewed


def _plain(renewal: Renewal) -> Mapping[str, object]:
    """Return a renewal as plain data, one object a venue."""
    from handlers.words.sources import tier_change, tier_refusal

    return {
        "venue": renewal.venue,
        "error": renewal.error,
        "new": [change.symbol for change in renewal.changes if change.kind == "new"],
        "changed": {change.symbol: tier_change(change) for change in renewal.changes if change.kind == "changed"},
        "unchanged": renewal.count("same"),
        "refused": {refused.symbol: tier_refusal(refused) for refused in renewal.refused},
    }
