"""Break the outbox and the alarm machine in one place at a time and see whether a test notices: `make mutate`.

    python -m tests.faults.mutants [--most N] [--seed N] [--only NAME] [--workers N] [--all]

mutmut copies the tree and instruments every function of it, which this house, whose SQL lies in files of its own and
whose tests ask the tree about itself, does not survive; so this changes one node of a module (or one word of its SQL)
in a forked process, where those tests of it that reach the place are run until the first fails. The sample is seeded.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from typing import Final

from tests.faults.mutants.breaking import GOAL, Mutant, of_python, of_sql
from tests.faults.mutants.noticing import ROOT, files_of, noted, outcomes

_STORED = ("tests/storage/alerts",)
_SENT = (
    "tests/bot/delivery/test_dispatcher.py",
    "tests/bot/delivery/test_held.py",
    "tests/bot/delivery/test_together.py",
    "tests/bot/delivery/test_lost_answers.py",
    "tests/bot/delivery/test_rights.py",
    "tests/bot/delivery/test_token.py",
    "tests/bot/delivery/test_stories.py",
)
_STEPPED = ("tests/signals/alerts", "tests/signals/rules/many")
_LEFT_OUT = (
    # They wait for real milliseconds, so that a busy machine would notice every mutant.
    f"{_SENT[0]}::test_an_outcome_waits_for_a_database_that_is_held",
    f"{_SENT[0]}::test_one_platform_does_not_wait_for_another",
    # It takes as long as a tenth of all the others, and has noticed nothing that they did not.
    f"{_SENT[0]}::test_what_is_refused_for_a_day_is_told_as_late_and_never_lost",
)

# What is broken, and the tests that are to notice.
TARGETS: Final = {
    "storage/alerts/outbox.py": (*_STORED, *_SENT),
    "storage/alerts/sending/gathering.py": (*_STORED, *_SENT),
    "storage/alerts/sending/held.py": (*_STORED, *_SENT, "tests/handlers/commands/test_switches.py"),
    "storage/alerts/sending/rests.py": (*_STORED, *_SENT),
    "storage/alerts/sending/spreading.py": (*_STORED, *_SENT),
    "storage/alerts/queries.sql": (*_STORED, *_SENT),
    "signals/alerts/episodes.py": _STEPPED,
    "signals/alerts/stepping.py": _STEPPED,
    "bot/delivery/failures.py": ("tests/bot/delivery/test_failures.py", *_SENT),
}


def mutants(file: str) -> list[Mutant]:
    """Return every mutant of a target; of SQL, those of the queries that the other targets ask."""
    source = (ROOT / file).read_text(encoding="utf-8")
    if not file.endswith(".sql"):
        return list(of_python(file, source))
    users = [user for user in TARGETS if user.startswith("storage/") and user.endswith(".py")]
    asked = re.findall(r"\bSQL\.(\w+)", "".join((ROOT / user).read_text(encoding="utf-8") for user in users))
    return list(of_sql(file, source, set(asked)))


def main() -> int:
    """Print who survives and the score; return 1 below the goal."""
    asked = argparse.ArgumentParser(prog="make mutate", description=(__doc__ or "").split("\n", 1)[0])
    asked.add_argument("--most", type=int, default=200, help="how many mutants; 0: every one")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", default="", help="part of a file's name")
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked.add_argument("--all", action="store_true", help="name those that are noticed too, and by whom")
    given = asked.parse_args()
    os.chdir(ROOT)
    files = [file for file in TARGETS if given.only in file]
    chosen = every = [mutant for file in files for mutant in mutants(file)]
    if given.most and given.most < len(every):
        chosen = random.Random(given.seed).sample(every, given.most)
    started = time.monotonic()
    tests = {file: files_of(TARGETS[file]) for file in files}
    notes = noted(TARGETS, list(dict.fromkeys(test for of in tests.values() for test in of)), _LEFT_OUT)
    if notes is None:
        print("perpulse: the tests fail without a mutant; mend them first", file=sys.stderr)
        return 2
    found: dict[str, list[str]] = {}
    having = [(mutant, notes.tests_of(mutant, tests[mutant.file])) for mutant in chosen]
    for outcome in outcomes(having, notes.took, given.workers):
        found.setdefault(outcome.mutant.file, []).append(outcome.what)
        if given.all or outcome.what != "noticed":
            print(f"{outcome.what:<9} {outcome.mutant}  ({outcome.by}, {outcome.seconds:.0f} s)", flush=True)
    for file, of in sorted(found.items()):
        print(f"{file:<36} {_score(of)}")
    everything = [what for of in found.values() for what in of]
    print(
        f"mutation score {_score(everything)}, drawn from {len(every)} with seed {given.seed}; goal {GOAL:.0%}, "
        f"{time.monotonic() - started:.0f} s"
    )
    return 0 if everything.count("noticed") / len(everything) >= GOAL else 1


def _score(of: list[str]) -> str:
    noticed, unclear = of.count("noticed"), of.count("unclear")
    beside = f", {unclear} unclear (counted as not noticed)" if unclear else ""
    return f"{noticed / len(of):.1%} ({noticed} of {len(of)} noticed{beside})"


if __name__ == "__main__":
    sys.exit(main())
