"""What a scenario is: one declaration each, of which the table and the tests are loops."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    Run = Callable[["Scale"], Awaitable[Mapping[str, "Counts"]]]

TELEGRAM, DISCORD = "telegram", "discord"


@dataclass(frozen=True)
class Scale:
    """How much of a scenario is played: a part of it in CI, all of it by `make faults`. folder: for its files.

    share: of the whole, where that takes too long; never less than the part. seed: of what is drawn at random, where a
    scenario takes one.
    """

    folder: Path
    whole: bool = False
    share: float = 1.0
    seed: int = 1

    def of(self, part: int, whole: int) -> int:
        """Return a number for this scale."""
        return max(part, round(whole * self.share)) if self.whole else part


@dataclass
class Counts:
    """What came of a scenario on one platform, counted at its fake and never read from the program.

    wanted: messages that were to arrive. late: 5 s over what 97 % of the limit would allow. crashed: programs
    that ended by themselves, and errors that nobody caught. may_repeat: how many repeats are promised at most; unmarked
    ones among those that have to say that they may be one are never. broken: other promises that were not kept. slow:
    promises of so many seconds that programs did not keep, whose clock is that of the machine. noted: what was measured
    besides. figures: what was measured of a goal, by its name. table: what was measured step by step, its head first.
    """

    wanted: int = 0
    lost: int = 0
    repeated: int = 0
    unmarked: int = 0
    false: int = 0
    late: int = 0
    crashed: int = 0
    may_repeat: int = 0
    broken: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    table: list[str] = field(default_factory=list)

    def hold(self, kept: object, promise: str) -> None:
        """Note a promise as broken unless it was kept."""
        if not kept:
            self.broken.append(promise)

    def hold_time(self, kept: object, promise: str) -> None:
        """Note a promise of seconds as broken unless it was kept."""
        if not kept:
            self.slow.append(promise)

    def failures(self, *, timed: bool = True) -> list[str]:
        """Return in words what was not as promised; with `timed` also what came later than that."""
        names = ("lost", "unmarked", "false", "crashed", *(("late",) if timed else ()))
        never = {name: getattr(self, name) for name in names}
        found = [f"{name} {count}" for name, count in never.items() if count]
        if self.repeated > self.may_repeat:
            found.append(f"repeated {self.repeated}, {self.may_repeat} at most are promised")
        return found + self.broken + (self.slow if timed else [])


@dataclass(frozen=True)
class Scenario:
    """One fault. telegram, discord: how it is provoked there, or "" where it cannot be, with `why_not`.

    left_out: what is not provoked, and why. programs: it starts programs, so that CI calls it slow.
    """

    id: str
    name: str
    promised: str
    run: Run
    telegram: str
    discord: str
    why_not: str = ""
    left_out: str = ""
    programs: bool = False


SCENARIOS: Final[dict[str, Scenario]] = {}


def scenario(
    number: str,
    name: str,
    *,
    promised: str,
    telegram: str,
    discord: str,
    why_not: str = "",
    left_out: str = "",
    programs: bool = False,
) -> Callable[[Run], Run]:
    """Declare a scenario; the function plays it and returns what it counted on each platform."""

    def declared(run: Run) -> Run:
        SCENARIOS[number] = Scenario(number, name, promised, run, telegram, discord, why_not, left_out, programs)
        return run

    return declared
