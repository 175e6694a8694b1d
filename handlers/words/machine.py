"""What befell perpulse and the machine under it, in words: its clock, its disk, the file that it remembers in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.words import wording
from handlers.words.delivery import of_bot
from signals.inputs import MARKET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from storage.engine.clock_jump import ClockJump
    from storage.engine.presence import Loss

_ROLES: Final = {"collect": "collects", "judge": "judges", "send": "sends", "answer": "answers"}
_NAMED: Final = 3  # assets; of more the number
_BEFELL: dict[Loss, str] = {
    "deleted": "was deleted",
    "replaced": "was replaced by another file",
    "log": "was robbed of its log (the file beside it that ends in -wal or -shm)",
}

_FOLLOWED: dict[bool, str] = {
    True: "perpulse goes by the new time, and nothing has stopped for it.",
    False: (
        "The exchanges say that it is wrong, so perpulse goes on by the time of before. Mend it before perpulse is "
        "started again."
    ),
}


def clock_jump(jump: ClockJump, zone: str = "UTC") -> str:
    """Say that the clock jumped, and what that means."""
    moved = "set back" if jump.by.total_seconds() < 0 else "put forward"
    return (
        f"The clock of this machine was {moved} by {wording.duration(jump.by)}, to "
        f"{wording.clock(jump.at, zone, dated=True)}. {_FOLLOWED[jump.followed]}"
    )


def does(leases: Sequence[str]) -> str:
    """Say what a process does of what several share, by the names of its leases ("judge BTC")."""
    by_role: dict[str, list[str]] = {}
    for lease in leases:
        role, _, what = lease.partition(" ")
        by_role.setdefault(role, []).append(what)
    said = []
    for role in ("collect", "judge"):
        verb = _ROLES[role]
        assets = [what for what in by_role.get(role, ()) if what.isupper() and what != MARKET]
        if assets:
            said.append(f"{verb} {wording.listing(assets) if len(assets) <= _NAMED else f'{len(assets)} assets'}")
        elif role in by_role:
            said.append(f"{verb} no asset")
    for role, verb in (("send", "sends to"), ("answer", "answers in")):
        platforms = [of_bot(what) for what in by_role.get(role, ()) if " " not in what]
        if platforms:
            said.append(f"{verb} {wording.listing(platforms)}")
    return wording.listing(said) if said else "stands by"


def nobody(role: str) -> str:
    """Say that no process takes part in a role, and what to do."""
    return f"nobody {_ROLES[role]}: start a process with --role {role}"


def put_back(loss: Loss, path: Path, saved: Path) -> str:
    """Say that a database was lost and is there again."""
    return (
        f"{path} {_BEFELL[loss]} while perpulse runs. All that it held was still open, is saved in {saved}, checked, "
        "and put back in its place; perpulse goes on in it. Find out what touched the file; delete "
        f"{saved.name} when you need it no more."
    )


def replaced(path: Path, saved: Path) -> str:
    """Say that another file lies in the place of the database, and what to do."""
    return (
        f"{path} {_BEFELL['replaced']} while perpulse runs, so perpulse stops. All that it held is saved in {saved} "
        "and checked. Start perpulse again to go on with the file that lies there now; to go on with what was saved, "
        f"put it there first: mv {saved} {path}"
    )


def not_saved(loss: Loss, path: Path, reason: str) -> str:
    """Say that what was lost could not be saved yet."""
    return (
        f"{path} {_BEFELL[loss]} while perpulse runs, and what is still open could not be saved: {reason} Mend that "
        "and do not stop perpulse: it tries again each minute, and only while it runs is anything there to be saved."
    )


def own_alarm(event: Mapping[str, Any], zone: str) -> str:
    """Say what perpulse has found to be wrong with itself or under it, or that this is over.

    ValueError for one that this version does not know.
    """
    since, at = (datetime.fromisoformat(event[name]) for name in ("since", "at"))
    said = (_OVER if event["over"] else _BEGUN).get(event["alarm"])
    if said is None:
        raise ValueError(f"unknown alarm {event['alarm']!r}: it was written by a newer version of perpulse")
    facts = event["facts"]
    ahead = timedelta(seconds=facts.get("ahead", 0.0))
    return said.format(
        since=wording.clock(since, zone, dated=True),
        after=wording.duration(at - since),
        channels=wording.listing([of_bot(str(name)) for name in facts.get("channels", ())]),
        free=f"{(facts.get('free') or 0) / 1e6:.0f} MB",
        by=f"{wording.duration(abs(ahead))} {'ahead of' if ahead > timedelta(0) else 'behind'}",
        reason=facts.get("reason", ""),
        roles=wording.listing([nobody(role) for role in facts.get("roles", ())]),
    )


def own_goes_on(name: str, since: datetime, zone: str) -> str:
    """Say in a line what is wrong with perpulse itself, and since when."""
    return f"{_IN_SHORT.get(name, name.capitalize())} since {wording.clock(since, zone, dated=True)}."


_IN_SHORT: Mapping[str, str] = {
    "no data": "No source has given a figure",
    "outbox": "Messages do not go out",
    "disk": "The disk of the database is nearly full",
    "clock": "The clock of this machine is wrong",
    "backup": "No backup can be made",
    "roles": "A part of the work is nobody's",
}
_BEGUN: Mapping[str, str] = {
    "no data": (
        "No source has given a figure since {since}, so nothing can be judged. /sources says why; look at the network "
        "of this machine."
    ),
    "outbox": (
        "Messages to {channels} have been due since {since} and do not go out, though it can be reached. The log may "
        "say why; else start perpulse again."
    ),
    "disk": (
        "The disk of the database has {free} left. Make room: when it is full, nothing is stored and no alarm goes out."
    ),
    "clock": (
        "The clock of this machine is {by} what exchanges say. Have it set by a time service (timedatectl set-ntp "
        "true): ages are wrong, and digests come at a wrong time."
    ),
    "backup": "No backup could be made since {since}. {reason}",
    "roles": "A part of the work has been nobody's since {since}: {roles}.",
}
_OVER: Mapping[str, str] = {
    "no data": "Figures come in again, after {after} without.",
    "outbox": "Messages go out again, after {after}.",
    "disk": "The disk of the database has room again, {free}.",
    "clock": "The clock of this machine is right again, by what exchanges say.",
    "backup": "Backups are made again, after {after} without.",
    "roles": "All parts of the work are done again, after {after}.",
}


def saved_copies(copies: Sequence[Path]) -> str:
    """Say which copies lie beside the database."""
    named = wording.listing([copy.name for copy in copies])
    if len(copies) == 1:
        return (
            f"Beside the database lies a copy, saved when its file was lost or another one put back: {named}. Delete "
            "it when you need it no more."
        )
    return (
        f"Beside the database lie {len(copies)} copies, saved when its file was lost or another one put back: "
        f"{named}. Delete them when you need them no more."
    )
