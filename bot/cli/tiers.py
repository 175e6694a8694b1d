"""What `perpulse tiers refresh` and `perpulse tiers show` do."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from bot.cli.common import out, plain_errors, settings_of
from bot.clock import SystemClock
from handlers.command import Refused
from signals.assets import Instrument, assets_of
from storage.engine.database import Store

if TYPE_CHECKING:
    from pathlib import Path


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
    from bot.market.tiers import refresh as renewing
    from bot.market.tiers.tables import Reach, TierKey

    with plain_errors():
        settings = settings_of(config, db)
        try:
            chosen = renewing.wanted(venues or [])
        except ValueError as error:
            raise Refused(str(error)) from None
        key, secret = settings.tiers.binance_key, settings.tiers.binance_secret
        reach = Reach(
            SystemClock().now,
            timeout_s=settings.market.timeout_seconds,
            proxy=settings.market.proxy,
            base_url=base_url,
            paced=base_url is None,
            binance=TierKey(key, secret) if key and secret else None,
        )
        names = assets_of(assets or (*settings.assets, *renewing.MAIN_ASSETS))
        renewals = asyncio.run(renewing.refresh(Store(settings.database), chosen, names, reach))
    if as_json:
        for renewal in renewals:
            out(json.dumps(renewing.as_json(renewal)))
    else:
        for line in renewing.told(renewals):
            out(line)
    if all(renewal.error for renewal in renewals):
        raise typer.Exit(2)


def show(words: list[str], config: Path | None, db: Path | None) -> None:
    """Print one tier table: an asset, and the venue (default Binance) and the contract where they are said."""
    from bot.market.tiers import refresh as renewing
    from handlers.language.grammar import parse
    from handlers.language.position import DEFAULT_VENUE, TableArgs, contract_of
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
            raise Refused(f"{text[:1].upper()}{text[1:]}. Try another venue, or: perpulse tiers refresh") from None
    for line in renewing.shown(table, SystemClock().now().date()):
        out(line)
