"""Write tier tables in the bundled form from brackets in the unified (ccxt) shape.

    python -m bot.market.tiers.bundled brackets.json signals/liquidation/tiers \
        --venue binance --as-of 2026-09-29 --source "where it comes from"

The input maps a symbol (`BTC/USDT:USDT`, `BTC/USDT:USDT-261225`) to its tiers: minNotional, maxNotional,
maintenanceMarginRate, maxLeverage and, where the exchange gives one, `info.cum`. Rows may come unsorted. Without a
`cum` (or with an empty one) the amount is built by the recurrence.
"""

from __future__ import annotations

import argparse
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.market.tiers.rows import TiersRefused, decimal, packed, row
from signals.venues import READ

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Bracket = dict[str, Any]


def table_text(
    brackets: Mapping[str, Iterable[Bracket]],
    *,
    venue: str,
    contract: str,
    as_of: str,
    source: str,
) -> str:
    """Make the text of one table file; symbols in alphabetic order, one line each."""
    head = {"venue": venue, "contract": contract, "as_of": as_of, "unit": "quote", "source": source}
    lines = [f"# {name}: {value}" for name, value in head.items()]
    lines += [line_of(symbol, list(rows)) for symbol, rows in sorted(brackets.items())]
    return "\n".join(lines) + "\n"


def line_of(symbol: str, rows: list[Bracket], notes: str = "") -> str:
    """Make the line of one symbol; ValueError where the tiers do not join or the given amounts contradict them."""
    pair, _, settle = symbol.partition(":")
    asset, _, quote = pair.partition("/")
    expiry = settle.partition("-")[2]
    floor = Decimal(0)
    for bracket in sorted(rows, key=lambda one: decimal(one["minNotional"], "a bound")):
        if decimal(bracket["minNotional"], "a bound") != floor:
            raise ValueError(f"{symbol}: a tier starts at {bracket['minNotional']}, the one before ends at {floor}")
        floor = decimal(bracket["maxNotional"], "a bound")
    tiers = [
        row(
            one["maxNotional"],
            one["maintenanceMarginRate"],
            one["maxLeverage"],
            (one.get("info") or {}).get("cum") or None,
        )
        for one in rows
    ]
    try:
        return f"{asset}{'-' + expiry if expiry else ''},{quote},{notes},{packed(tiers, stepped=True)}"
    except TiersRefused as why:
        raise ValueError(f"{symbol}: {why}") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert one file of brackets; prints where the table was written."""
    parser = argparse.ArgumentParser(
        prog="python -m bot.market.tiers.bundled", description="convert brackets into a tier table"
    )
    parser.add_argument("brackets", type=Path, help="JSON: symbol -> tiers in the unified (ccxt) shape")
    parser.add_argument("folder", type=Path, help="where to write venue-contract-date.csv")
    parser.add_argument("--as-of", required=True, help="the day the brackets were true, YYYY-MM-DD")
    parser.add_argument("--source", required=True, help="one line: where they come from")
    parser.add_argument("--venue", required=True, choices=READ)
    parser.add_argument("--contract", default="linear", choices=("linear", "inverse"))
    given = parser.parse_args(arguments)
    brackets = json.loads(given.brackets.read_text(encoding="utf-8"))
    text = table_text(brackets, venue=given.venue, contract=given.contract, as_of=given.as_of, source=given.source)
    target = given.folder / f"{given.venue}-{given.contract}-{given.as_of}.csv"
    target.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{target}: {len(brackets)} symbols, {len(text):,} characters\n")


if __name__ == "__main__":
    main()
