"""How exact and how fast the liquidation price is.

Exactness: our answer (tier chosen at the liquidation price) beside that of freqtrade with the same tier table, each
against the venue's condition solved by bisection, over notionals from 10 thousand to 200 million. Speed: what one
answer of /liq costs beside the bare formula.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from signals.liquidation import Position, liquidation_price, quote, tiers

if TYPE_CHECKING:
    from collections.abc import Callable

    from signals.liquidation import TierTable

ENTRY = 95_000.0
NOTIONALS = (10e3, 100e3, 310e3, 500e3, 820e3, 1e6, 3.1e6, 5e6, 12.5e6, 40e6, 75e6, 100e6, 150e6, 200e6)
PEER = "freqtrade"


def solved(table: TierTable, side: str, notional: float, leverage: float) -> float:
    """Solve equity = maintenance by bisection, with the tier of the value at each price tried."""
    sign, coins = (1.0 if side == "long" else -1.0), notional / ENTRY

    def short_of(price: float) -> bool:
        value = coins * price
        tier = next((t for t in table.tiers if value <= t.cap), table.tiers[-1])
        return notional / leverage + sign * coins * (price - ENTRY) < value * tier.rate - tier.amount

    safe, gone = ENTRY, ENTRY * (1e-6 if side == "long" else 1e3)
    for _ in range(200):
        middle = math.sqrt(safe * gone)
        safe, gone = (safe, middle) if short_of(middle) else (middle, gone)
    return math.sqrt(safe * gone)


def peer_price(table: TierTable) -> Callable[[str, float, float], float] | None:
    """Give freqtrade's own function, fed with our table; None where freqtrade is not installed."""
    try:
        from freqtrade.enums import MarginMode, RunMode, TradingMode  # noqa: PLC0415 - only where it is there
        from freqtrade.exchange import Binance  # noqa: PLC0415 - as above
    except ImportError:
        return None
    pair = "BTC/USDT:USDT"

    class Offline(Binance):  # its constructor asks the exchange for its markets; the function needs none of them
        def __init__(self) -> None:
            self._config = {"runmode": RunMode.BACKTEST}

        def __del__(self) -> None:
            """Close nothing, as nothing was opened."""

    exchange = Offline()
    exchange.trading_mode, exchange.margin_mode = TradingMode.FUTURES, MarginMode.ISOLATED
    exchange._leverage_tiers = {  # noqa: SLF001 - filled from the exchange otherwise
        pair: [
            {
                "minNotional": t.floor,
                "maxNotional": t.cap,
                "maintenanceMarginRate": t.rate,
                "maxLeverage": t.max_leverage,
                "maintAmt": t.amount,
            }
            for t in table.tiers
        ]
    }

    def price(side: str, notional: float, leverage: float) -> float:
        return exchange.dry_run_liquidation_price(
            pair=pair,
            open_rate=ENTRY,
            is_short=side == "short",
            amount=notional / ENTRY,
            stake_amount=notional / leverage,
            leverage=leverage,
            wallet_balance=notional / leverage,
            open_trades=[],
        )

    return price


def exactness() -> None:
    table = tiers("binance", "linear", "BTC")
    peer = peer_price(table)
    print(f"Binance BTCUSDT, table of {table.as_of}, isolated: error as a share of the distance to liquidation")
    if peer is None:
        print(f"{PEER}: skipped: {PEER} is not installed; pip install --group peers (pip 25.1 or newer)")
    print(f"{'notional':>13} {'side':>5} {'at':>4} {'by bisection':>13} {'ours':>9} {PEER if peer else ''}")
    worst, worst_peer = 0.0, 0.0
    for notional in NOTIONALS:
        cap = table.at(table.units(notional)).max_leverage or 1.0
        leverage = min(25.0, cap)
        for side in ("long", "short"):
            exact = solved(table, side, notional, leverage)
            said = Position(venue="binance", side=side, entry=ENTRY, leverage=leverage, size_usd=notional)
            found = quote(said).price or math.nan
            error = abs(found - exact) / abs(exact - ENTRY)
            worst, other = max(worst, error), ""
            if peer is not None:
                wrong = abs(peer(side, notional, leverage) - exact) / abs(exact - ENTRY)
                worst_peer, other = max(worst_peer, wrong), f"{wrong:>10.2%}"
            print(f"{notional:>13,.0f} {side:>5} {leverage:>3g}x {exact:>13,.2f} {error:>9.1e} {other}")
    beside = f"{PEER} {worst_peer:.1%}" if peer else f"{PEER} is not installed"
    print(f"worst: ours {worst:.1e}, {beside}")
    print(f"ratio | worst error of /liq, share of the distance | {worst:.1e} | < 1e-9 | {beside}")


def speed() -> None:
    said = {"venue": "binance", "contract": "linear", "side": "long", "entry": ENTRY, "size": 1.0, "margin": 3_800.0}
    position = Position(venue="binance", side="long", entry=ENTRY, leverage=25.0, size_usd=820e3)
    rates = []
    for name, turns, once in (
        ("liquidation_price, the bare formula", 100_000, lambda: liquidation_price(**said, mmr=0.004)),
        ("quote (tier, cap, assumptions)", 5_000, lambda: quote(position)),
    ):
        start = time.perf_counter()
        for _ in range(turns):
            once()
        rates.append(turns / (time.perf_counter() - start))
        print(f"{name:<36} {rates[-1]:>14,.0f} a second")
    bare, whole = rates
    print(f"ratio | a whole answer of /liq, to its bare formula | {bare / whole:.0f} | < 50 | times the formula")


def main() -> None:
    exactness()
    speed()


if __name__ == "__main__":
    main()
