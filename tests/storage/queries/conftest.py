"""The stores that commands are tested on, for what is read from them."""

from __future__ import annotations

from tests.handlers.conftest import desk, empty, filled

__all__ = ["desk", "empty", "filled"]
