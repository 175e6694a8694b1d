"""What the owner may set of the part that a process takes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from bot.processes.roles import roles_of
from storage.engine.sharing.leases import Role


def _roles(given: Any) -> tuple[Role, ...]:
    if isinstance(given, str):
        return roles_of([given])
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        raise ValueError('write it as a list, like ["send", "answer"]')
    return roles_of(given)


Roles = Annotated[tuple[Role, ...], BeforeValidator(_roles)]
