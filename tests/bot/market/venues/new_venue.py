"""Ask everything about an imagined venue: run in a copy of the tree into which "Add a venue" was typed.

Every command that takes a venue or tells figures by venue answers for it; tests/test_contributing.py runs this.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.app import build
from bot.config import ConfigError, example, load
from handlers.answer import answer
from handlers.channels.local import local
from handlers.command import Deps, Refused, commands
from handlers.reply import plain_text
from signals.liquidation import liquidation_price
from tests.fakes import exchange_venues
from tests.fakes.exchange import FakeExchange

if TYPE_CHECKING:
    from bot.app import App
    from bot.config import Config

# What is typed: who takes a venue is asked of that venue, the others tell it by name.
TYPED = {
    "liq": "/liq 95000 25x long mnx",
    "margin": "/margin 95000 25x long 0.5btc liq 92000 moonex",
    "size": "/size 95000 stop 93000 risk 500usd moonex",
    "cost": "/cost 100k 7d btc long moonex",
    "watch": "/watch btc long 60000 5x 0.5btc moonex",
    "positions": "/positions",
    "venue": "/venue moonex",
    "settings": "/settings",
    "price": "/price btc",
    "oi": "/oi btc",
    "funding": "/funding btc",
    "liqs": "/liqs btc",
    "health": "/health btc",
    "setup": "/setup btc",
    "why": "/why btc",
    "check": "/check long 95000 25x moonex",
    "sources": "/sources",
    "status": "/status btc",
    "about": "/about",
}
# These say nothing of a venue: they are of the chat, of the whole market, or the venue has no such figures.
OTHERS = {"help", "start", "pnl", "fng", "quadrant", "forgetme", "sub", "tz", "unsub", "unwatch", "taker", "chart"}
OTHERS |= {"options", "vol", "ls", "basis", "depth", "stables", "map"}
OTHERS |= {"owner", "owners", "allow", "deny", "announce", "export", "privacy"}
OTHERS |= {"base", "record", "alert", "alerts", "backtest", "share"}
OTHERS |= {"mute", "unmute", "quiet", "only", "budget", "digest", "mention", "volume"}
CONFIG = """
assets = ["BTC"]

[market]
venues = ["{venue}"]
options = false
history = false
fear_greed = false
stablecoins = false
liquidations = false
exchange_url = "{url}"
"""


async def main() -> None:
    """Take a turn at the new venue alone, then type everything."""
    exchange_venues.NAMES |= {"moonex"}  # the other side answers at an address of that name, too
    assert "moonex" in example(), "the example file lists it"
    async with FakeExchange(lambda: datetime.now(UTC)) as exchange:
        url = f"{exchange.base_url}/{{venue}}"
        app = build(_settings(url), channels=[])
        _import(app.config.database)
        await app.collector.round(app.config.assets)
        await app.turns.turn()
        missing = set(commands()) - set(TYPED) - OTHERS
        assert not missing, f"what do these say of a venue: {sorted(missing)}"
        await app.collector.close()
        answers = {line: await _answered(app, line) for line in TYPED.values()}
        silent = {line: text for line, text in answers.items() if "Moonex" not in text}
        assert not silent, silent
        assert "Moonex" in await _answered(app, "/liq 95000 25x long"), "as chosen by /venue"
    price = liquidation_price(
        venue="moonex", contract="linear", side="long", entry=95_000, size=1, margin=3_800, mmr=0.005
    )
    assert price is not None
    sys.stdout.write("every command answered\n")


async def _answered(app: App, line: str) -> str:
    """Return the answer as plain text, or that it was refused, which is none."""
    deps = Deps(app.clock.now(), local().asker, app.store, app.config.assets, lambda _: None, clock=app.clock.now)
    try:
        return plain_text((await answer(line, deps)).all_blocks())
    except Refused as refused:
        return f"refused: {str(refused).replace('Moonex', '')}"


def _settings(url: str) -> Config:
    """Read a configuration that names the venue; one that misspells it is told how it is written."""
    config = Path("config.toml")
    config.write_text(CONFIG.format(venue="moonexx", url=url))
    with pytest.raises(ConfigError, match="moonex"):
        load(config)
    config.write_text(CONFIG.format(venue="moonex", url=url))
    return load(config)


def _import(database: Path) -> None:
    """Read two days of liquidations in the neutral format, as a person does."""
    days = [datetime.now(UTC) - timedelta(days=ago) for ago in (2, 1)]
    sides = ("liquidated_longs_usd", "liquidated_shorts_usd")
    lines = [f"{day:%Y-%m-%d},moonex,BTC,{side},1000000" for day in days for side in sides]
    file = Path("figures.csv")
    file.write_text("\n".join(("at,venue,asset,input,value", *lines, "")))
    arguments = [sys.executable, "-m", "bot", "import", str(file), "--db", str(database), "--json"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)["kept"] == len(lines), done.stdout


if __name__ == "__main__":
    asyncio.run(main())
