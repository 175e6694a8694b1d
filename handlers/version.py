"""Which perpulse this is. pyproject.toml reads it from here, so a checkout that was never installed knows it too."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
