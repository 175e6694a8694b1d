"""What a Binance symbol or a file name says about the asset."""

from __future__ import annotations

import re
from typing import Final

from bot.archive.importing.model import ImportRefused

_SYMBOL: Final = re.compile(r"([A-Z0-9]{1,20}?)(?:USDT|USDC|FDUSD|BUSD|USD1|USD)(?:_PERP)?")
_ASSET: Final = re.compile(r"[A-Z0-9]{1,20}", re.ASCII)


def asset_of(symbol: str) -> str | None:
    """Return BTC for BTCUSDT, BTCUSDC or BTCUSD_PERP; None where the symbol is quoted in no kind of dollar."""
    found = _SYMBOL.fullmatch(symbol.upper())
    return found.group(1) if found else None


def given_asset(asset: str | None) -> str | None:
    """Return the asset a person named: btc, BTC or BTCUSDT."""
    if asset is None:
        return None
    name = asset.strip().upper()
    if not _ASSET.fullmatch(name):
        raise ImportRefused(f"{asset!r} is not an asset; write it like BTC")
    return asset_of(name) or name


def asset_in_name(file: str) -> str | None:
    """Return the asset of the first part of a file name that is a symbol: binance-spot-btcusdt-1d.json."""
    parts = re.split(r"[^A-Za-z0-9]+", file)
    return next((asset for part in parts if (asset := asset_of(part))), None)
