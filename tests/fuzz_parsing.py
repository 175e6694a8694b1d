"""Throw random command lines at the grammar of every command: each is read or refused, nothing else.

Run it with `make fuzz` or `python tests/fuzz_parsing.py [LINES] [SEED]`; a short run is part of the tests.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handlers.command import Refused, commands
from handlers.parsing import parse, split_command

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
        except Refused as answer:
            seen.refused += 1
            if not str(answer).isprintable() or len(str(answer)) > 300:
                seen.failures.append(f"/{name} {text!r}: answers {str(answer)!r}")
        except Exception as fault:  # noqa: BLE001 - that none gets out is what is tested
            seen.failures.append(f"/{name} {text!r}: {fault!r}")
        seen.slowest = max(seen.slowest, time.perf_counter() - began)
    return seen


def main() -> int:
    """Run from the command line; exit 1 when a line failed."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    seen = run(lines, seed)
    print(f"{lines:,} lines, seed {seed}: {seen.read:,} read, {seen.refused:,} refused, {len(seen.failures)} failed")  # noqa: T201 - a script
    print(f"the slowest line took {seen.slowest * 1000:.1f} ms")  # noqa: T201 - as above
    for each in seen.failures[:20]:
        print(each)  # noqa: T201 - as above
    return 1 if seen.failures else 0


if __name__ == "__main__":
    sys.exit(main())
