"""What a process may take part in, and the leases of each: one process at a time holds one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from signals.inputs import MARKET
from storage.alerts.sending import sender
from storage.engine.sharing.leases import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.engine.sharing.leases import Role

SHARED_FAIRLY: Final[frozenset[Role]] = frozenset({"collect", "judge"})  # each process its part; the rest: who is first

# What is done once in all, whatever the assets. Names of assets are written in capitals.
COLLECTED_ONCE: Final = ("streams", "addresses", "archive", "tiers")
JUDGED_ONCE: Final = ("own rules", "positions", "digests", "record", "cleaning", "backups")
SENT_ONCE: Final = ("late news", "own alarms")


class UnknownRole(ValueError):  # noqa: N818 - it is what was written
    """What was written is no role; the text says what could be meant."""


def roles_of(words: Iterable[str]) -> tuple[Role, ...]:
    """Return the roles that are named, each once and in the usual order. UnknownRole for anything else, or nothing."""
    named = [part.strip().lower() for word in words for part in word.strip().removesuffix(",").split(",")]
    if any(named) and not all(named):  # perhaps a role was to stand there
        raise UnknownRole("one of them is empty; write it like collect,judge")
    for name in filter(None, named):
        if name not in ROLES:
            near = difflib.get_close_matches(name, ROLES, 1)
            raise UnknownRole(f"{name!r} is no role; write {near[0] if near else f'one of {_listed()}'}")
    if not any(named):
        raise UnknownRole(f"write at least one of {_listed()}")
    return tuple(role for role in ROLES if role in named)


def _listed() -> str:
    return ", ".join(ROLES)


def lease_of(role: Role, what: str) -> str:
    """Return the name of the lease under which `what` is done: an asset, a platform, or something done once in all."""
    return sender.lease_of(what) if role == "send" else f"{role} {what}"


def assets_in(share: Iterable[str]) -> list[str]:
    """Return the assets of a share, without the market as a whole."""
    return [asset for asset in share if asset != MARKET]


def leases_of(role: Role, assets: Sequence[str], platforms: Sequence[str]) -> list[str]:
    """Return every lease of a role, of these assets and of the platforms that this process can speak on."""
    match role:
        case "collect":
            return [lease_of(role, what) for what in (*assets, MARKET, *COLLECTED_ONCE)]
        case "judge":
            return [lease_of(role, what) for what in (*assets, MARKET, *JUDGED_ONCE)]
        case "send":
            return [lease_of(role, what) for what in (*platforms, *SENT_ONCE)]
        case "answer":
            return [lease_of(role, what) for what in platforms]
