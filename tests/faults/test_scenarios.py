"""Every scenario at the scale of CI; `make faults` plays all of each.

How soon programs did something is judged there alone: CI's machine does other things beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import every
from tests.faults.scenario import Scale

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.scenario import Scenario


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(one, id=one.id, marks=[pytest.mark.slow, pytest.mark.timeout(600)] if one.programs else [])
        for one in every.SCENARIOS.values()
    ],
)
async def test_it_is_as_promised(one: Scenario, tmp_path: Path) -> None:
    found = await one.run(Scale(tmp_path))
    failed = {platform: counts.failures(timed=not one.programs) for platform, counts in found.items()}
    assert failed == {platform: [] for platform in found}
