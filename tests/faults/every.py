"""All scenarios, in the order of their numbers."""

from __future__ import annotations

from typing import Final

from tests.faults import first, machine, market, programs, scenario, sending, soak  # noqa: F401 - each declares its own
from tests.faults.shards import play  # noqa: F401 - as above

SCENARIOS: Final = dict(sorted(scenario.SCENARIOS.items(), key=lambda item: (item[0][0] == "R", int(item[0][1:]))))
