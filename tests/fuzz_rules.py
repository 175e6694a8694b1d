"""Throw random lines at the reader of rules: each is a rule that reads back as itself, or is told what is wrong.

Run it with `make fuzz` or `python tests/fuzz_rules.py [LINES] [SEED]`; a short run is part of the tests.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from signals.alerts.rule import rule_of
from signals.rules.errors import RuleError
from signals.rules.parsing import help_lines
from signals.rules.reading import read

if TYPE_CHECKING:
    from collections.abc import Callable

ASSETS = ("BTC", "ETH", "SOL", "XRP", "DOGE")
LONGEST_TURN = 0.5  # seconds that a line may take on a busy machine; a million take 0.9 ms each
LONGEST_ERROR = 400  # characters, so that it fits into any message
EXAMPLES = (
    *(line.strip().partition(":")[0] for line in help_lines() if line.startswith("  ")),
    "any of btc eth sol funding > 30 % a year, once",
    "btc (funding > 3% apr or price < 5k) and oi > 10bn every 4h at most",
    "funding > 0.01% per 8h until funding < 10% apr for 2h quiet",
    "oi quadrant is short covering",
    "btc price -3% in 3h and taker z change > 1 in 3h",
    "24h price change < -5% eth",
    "open interest against its 365-day peak < -30%",
    "funding > 30",
    "btc fundng > 30% apr",
)
MORE = """
until for and or ( ) , % a year per 8h flips crosses above below up down positive in 24h is top50 any my position within
not at most every once quiet $ k bn 1e9 -5% +3 0 zero 95.000 1,2,3 over 99999999999999999999 0.00000000000001 . .. ,5
change rank between & | ; basis long short 1h 90min 31d
"""
WORDS = tuple(dict.fromkeys(f"{' '.join(EXAMPLES)} {MORE}".split()))
GLYPHS = "0123456789kmbx.,_'$%+-<>=()&|/:·×−–≤≥\u200b\u0660Ⅷ½²Ａ漢ﷺ\x00\ud7ff\U0001f680 \t\n\u00a0\u202e"


@dataclass
class Seen:
    """What a run has met."""

    read: int = 0
    wrong: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)


def of_words(dice: random.Random, line: str) -> str:
    """Put words of other lines into a line, or leave some of its own out."""
    words = line.split()
    for _ in range(dice.randint(1, 3)):
        place = dice.randint(0, len(words))
        if dice.random() < 0.6 or not words:
            words.insert(place, dice.choice(WORDS))
        else:
            words.pop(place - 1)
    return " ".join(words)


def of_glyphs(dice: random.Random, line: str) -> str:
    """Put characters into a line, or leave some out."""
    for _ in range(dice.randint(1, 3)):
        place = dice.randint(0, len(line))
        put = dice.choice((dice.choice(GLYPHS), dice.choice(GLYPHS), chr(dice.randrange(32, 0x250)), ""))
        line = line[:place] + put + line[place + (dice.random() < 0.5) :]
    return line


def joined(dice: random.Random, line: str) -> str:
    """Make two lines one."""
    return f"{line}{dice.choice((' and ', ' or ', ', ', ' until ', ' ', ' and ('))}{dice.choice(EXAMPLES)}"


def nested(dice: random.Random, line: str) -> str:
    """Put brackets around a line, hundreds where it comes to it."""
    count = dice.choice((1, 2, 5, 300))
    return "(" * count + line + ")" * (count - dice.choice((0, 0, 1)))


def repeated(dice: random.Random, line: str) -> str:
    """Say a line over and over, up to 10 kB."""
    return f"{line}{dice.choice((' and ', ' or ', ' '))}" * dice.choice((2, 5, 9, 400))


def of_words_alone(dice: random.Random, line: str) -> str:
    """Return words in no order."""
    del line
    return " ".join(dice.choices(WORDS, k=dice.randint(1, 25)))


def noise(dice: random.Random, line: str) -> str:
    """Return what nobody types."""
    del line
    return "".join(chr(dice.randrange(0x110000)) for _ in range(dice.randint(0, 60)))


CHANGES: tuple[Callable[[random.Random, str], str], ...] = (
    *(of_words,) * 4,
    *(of_glyphs,) * 4,
    *(joined,) * 2,
    of_words_alone,
    nested,
    repeated,
    noise,
)


def run(lines: int, seed: int) -> Seen:
    """Read so many random lines."""
    dice, seen = random.Random(seed), Seen()
    for line in EXAMPLES:
        check(line, Seen())  # what is made once is made before the clock runs
    for _ in range(lines):
        line = dice.choice(CHANGES)(dice, dice.choice(EXAMPLES))
        began = time.perf_counter()
        try:
            check(line, seen)
        except Exception:  # noqa: BLE001 - that is what is looked for
            seen.failures.append(f"{line[:300]!r}\n{traceback.format_exc(limit=-4)}")
        took = time.perf_counter() - began
        seen.slowest = max(seen.slowest, took)
        if took > LONGEST_TURN:
            seen.failures.append(f"{line[:300]!r} took {took:.2f} s")
        if len(seen.failures) > 20:
            break
    return seen


def check(line: str, seen: Seen) -> None:
    """Read a line, and hold what came of it against what is promised."""
    try:
        found = read(line, assets=ASSETS, usual="BTC")
    except RuleError as error:
        wrong = error
    else:
        assert read(found.line, assets=ASSETS, usual="BTC") == found, f"reads back as another: {found.line}"
        assert rule_of(found.rule.id) == found.rule, f"its id is of another: {found.rule.id}"
        seen.read += 1
        return
    assert 0 <= wrong.begin <= wrong.end <= len(line), "the mark lies outside of the line"
    assert 0 < len(wrong.said) <= LONGEST_ERROR, "what is wrong is said in one line"
    assert "\n" not in wrong.said, "what is wrong is said in one line"
    seen.wrong += 1


def main() -> int:
    """Run it and say what came of it."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.perf_counter()
    seen = run(lines, seed)
    rate = (seen.read + seen.wrong) / (time.perf_counter() - began)
    print(  # noqa: T201 - a script
        f"{lines:,} rules, seed {seed}: {seen.read:,} read, {seen.wrong:,} refused in one line, "
        f"{len(seen.failures)} failures, {rate:,.0f} a second, the slowest in {seen.slowest * 1000:.0f} ms"
    )
    for failure in seen.failures[:10]:
        print(f"\n{failure}")  # noqa: T201 - as above
    return 1 if seen.failures else 0


if __name__ == "__main__":
    sys.exit(main())
