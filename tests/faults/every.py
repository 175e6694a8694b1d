"""All scenarios, in the order of their numbers."""

from __future__ import annotations

from typing import Final

from tests.faults import programs, scenario, sending  # noqa: F401 - each declares its own

SCENARIOS: Final = dict(sorted(scenario.SCENARIOS.items()))
