"""Throw random command lines at the grammar of every command: each is read or refused, nothing else.

And positions with figures from a billionth to a billion at the calculators: each is answered or refused, in numbers
that JSON can hold, in at most 900 characters.

Run it with `make fuzz` or `python tests/fuzz_parsing.py [LINES] [SEED]`; a short run is part of the tests.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, Refused, commands, nobody
from handlers.language.grammar import parse
from handlers.language.spelling import split_command
from handlers.reply import plain_text
from storage.engine.database import Store

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = (
    "long short l s buy sell btc BTCUSDT eth doge 1000pepe kPEPE $sol BTC-USDT-SWAP BTC/USDT:USDT binance hl okx "
    "gate.io coin-m usdt usdc iso cross balance wallet entry exit stop at @ x lev leverage 25x x25 25 95k 95000 95,000 "
    "95.000 95.000,5 0.5btc 10k$ $10k 1M usd 7d 8h 90m 2w 2% -3.5 % -1 0 1e9 1e99 00 000 .5 5. ,, , . - + / = : · × − "
    "profit maintenance other alone liq collateral fee every -120 "
    "oi funding berlin utc+2 08:30 8am digest daily off on please the my 9999999999999999999 nan inf NaN 1_0 ' `"
)
KNOWN = tuple(WORDS.split())
GLYPHS = "0123456789xkmbd.,_'$@%+-/:·×−\u200b\u0660\u06f5Ⅷ½²ＡｘＤ漢ﷺ\x00\x07\ud7ff\U0001f680 \t\n\u00a0\u202e"


@dataclass
class Seen:
    """What a run has met."""

    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)


def line(dice: random.Random) -> str:
    """Return one random line: known words, pieces of them glued together, and glyphs that nobody types."""
    parts = []
    for _ in range(dice.choice((1, 2, 3, 3, 4, 5, 8, 20))):
        word = dice.choice(KNOWN)
        chance = dice.random()
        if chance < 0.10:
            word += dice.choice(KNOWN)
        elif chance < 0.16:
            word = "".join(dice.choices(GLYPHS, k=dice.randint(1, 12)))
        elif chance < 0.20:
            at = dice.randint(0, len(word))
            word = word[:at] + dice.choice(GLYPHS) + word[at:]
        elif chance < 0.201:
            word *= dice.randint(2, 200)
        parts.append(word)
    return dice.choice((" ", " ", " ", "  ", ",", "")).join(parts)


def read_as_command(name: str, text: str) -> None:
    """Read a line as the arguments of one command."""
    split_command(f"/{name} {text}")
    parse(commands()[name].arguments, text, command=name, assets=("BTC", "ETH", "SOL"))


# --- answered ---------------------------------------------------------------------------------------------------------

CALCULATORS = ("liq", "margin", "pnl", "size", "cost")
PLACES = ("", "", "binance", "bybit", "okx", "hl", "deribit", "gate", "bitget", "kucoin")


def figure(dice: random.Random, low: float = -9, high: float = 9) -> str:
    """Return a number of any size, written out."""
    digits = f"{10 ** dice.uniform(low, high):.12f}"
    return digits[: dice.randint(14, 24)].rstrip(".")


def position(dice: random.Random) -> str:
    """Return a position in random order, with some of what can be said about it."""
    words = [f"@{figure(dice)}", dice.choice(("", "long", "short")), dice.choice(("", "btc", "eth", "doge", "xyzzy"))]
    words += [dice.choice(PLACES), dice.choice(("", "", "coin-m"))]
    words += [f"{figure(dice, 0, 3)}x" if dice.random() < 0.9 else ""]
    words += [dice.choice(("", f"{figure(dice, -9, 11)}usd", f"{figure(dice)}btc"))]
    if dice.random() < 0.4:
        words += ["cross", f"balance {figure(dice, -6, 11)}{dice.choice(('', 'usd', 'btc'))}"]
        others = f"profit {dice.choice(('-', ''))}{figure(dice, -6, 11)} maintenance {figure(dice, -6, 11)}"
        words += [dice.choice(("alone", "other 0", others, ""))]
    if dice.random() < 0.2:
        words += [f"collateral {figure(dice, -6, 11)}"]
    dice.shuffle(words)
    return " ".join(words)


def asked(dice: random.Random, name: str) -> str:
    """Return a line for one calculator that can mostly be read."""
    side, times = dice.choice(("", "long", "short")), dice.choice(("", f"{figure(dice, 0, 3)}x"))
    if name == "liq":
        return position(dice)
    if name == "margin":
        return f"{position(dice)} liq {figure(dice)}"
    if name == "pnl":
        size = dice.choice(("", f"{figure(dice, -9, 11)}usd", f"{figure(dice)}btc"))
        fee = dice.choice(("", f"fee {figure(dice, -5, 1)}%"))
        return f"@{figure(dice)} to {figure(dice)} {side} {times} {size} {fee} {dice.choice(('', 'coin-m'))}"
    if name == "size":
        risk = dice.choice((f"{figure(dice, -3, 10)}usd", f"{figure(dice, -3, 2)}% balance {figure(dice, -3, 10)}"))
        return f"@{figure(dice)} stop {figure(dice)} risk {risk} {side} {dice.choice(PLACES)}"
    rate = f"{dice.choice(('', '-'))}{figure(dice, -8, 1)}%"
    return f"{figure(dice, -3, 11)}usd {figure(dice, -2, 4)}h {rate} {side} {times} {dice.choice(('', 'every 1h'))}"


def answer_calculator(dice: random.Random) -> Callable[[str, str], None]:
    """Return what answers one random question to a calculator, without a database; its own line is left out."""
    deps = Deps(
        datetime(2026, 11, 22, tzinfo=UTC),
        Asker("terminal", Address("fuzz")),
        Store("no-such-folder/perpulse.db"),
        ("BTC", "ETH", "SOL"),
        nobody,
    )

    def read(_name: str, _text: str) -> None:
        name = dice.choice(CALCULATORS)
        text = asked(dice, name)
        try:
            reply = asyncio.run(answer(f"/{name} {text}", deps))
            json.dumps(reply.values, allow_nan=False)
            length = len(plain_text(reply.all_blocks()))
        except Refused:
            raise
        except Exception as fault:
            raise RuntimeError(f"/{name} {text}") from fault
        if length > 900:
            raise RuntimeError(f"/{name} {text}: {length} characters")

    return read


def run(lines: int, seed: int, read: Callable[[str, str], None] = read_as_command) -> Seen:
    """Read `lines` random lines; everything but a reading or a one-line refusal is a failure."""
    dice = random.Random(seed)
    names = sorted(commands())
    seen = Seen()
    for _ in range(lines):
        name, text = dice.choice(names), line(dice)
        began = time.perf_counter()
        try:
            read(name, text)
            seen.read += 1
        except Refused as said:
            seen.refused += 1
            if not str(said).isprintable() or len(str(said)) > 330:
                seen.failures.append(f"/{name} {text!r}: answers {str(said)!r}")
        except Exception as fault:  # noqa: BLE001 - that none gets out is what is tested
            seen.failures.append(f"/{name} {text!r}: {fault!r}")
        seen.slowest = max(seen.slowest, time.perf_counter() - began)
    return seen


def main() -> int:
    """Run from the command line; exit 1 when a line failed."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    seen = run(lines, seed)
    answered = run(lines // 20, seed, answer_calculator(random.Random(seed)))
    print(f"{lines:,} lines, seed {seed}: {seen.read:,} read, {seen.refused:,} refused, {len(seen.failures)} failed")  # noqa: T201 - a script
    print(f"the slowest line took {seen.slowest * 1000:.1f} ms")  # noqa: T201 - as above
    print(f"{answered.read:,} calculators answered, {answered.refused:,} refused, {len(answered.failures)} failed")  # noqa: T201 - as above
    for failure in (*seen.failures[:20], *answered.failures[:20]):
        print(failure)  # noqa: T201 - as above
    return 1 if seen.failures or answered.failures else 0


if __name__ == "__main__":
    sys.exit(main())
