"""How many examples a property test takes: more or fewer than usual, but always as the chosen profile has it."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

USUAL = 100  # examples of the whole profile; `fast` has 30, `fuzz` 5000
FEW = 5  # of the profile `quick`


def examples(whole: int, **others: Any) -> settings:
    """Return settings that take `whole` examples under the whole profile and their share of it under the others."""
    return settings(max_examples=max(2, whole * settings().max_examples // USUAL), deadline=None, **others)
