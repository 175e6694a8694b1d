"""What a destination has switched: what is muted, loud or silent, its quiet hours, its least rank and its budget."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

from signals.alerts.condition import RANKS
from signals.units import from_ms, to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from signals.alerts.condition import Rank
    from storage.engine.database import Store
    from storage.engine.work import Row, Work

SQL = queries("storage.people")
ANY = "*"
EPISODE: Final = "episode "  # begins what stands for an episode
STRICT: Final = " strict"  # ends quiet hours that hold everything
OFF: Final = "off"
BUDGET: Final = 12  # new messages a day, where a destination has not said otherwise
Kind = Literal["mute", "quiet", "loud", "silent", "mention", "only", "budget"]


@dataclass(frozen=True, slots=True)
class Switch:
    """One thing that a destination has switched.

    kind: `mute`, until a time or for good (None), of what: a rule, an asset, both (`burst BTC`), an episode
    (`episode 42`), or everything (`*`); `loud` or `silent` likewise, with sound or without whatever the rank;
    `mention`, of a role by the platform's id, of all chats of a server; `quiet`, `only` and `budget`, of everything.

    value: of `quiet` hours of the destination's own zone, 22:00-07:00, with ` strict` where they hold what is critical
    as well; of `only` the least rank that is told; of `mention` the rank from which on a role is called; of `budget`
    how many new messages a day, or `off`; of `mute`, where it ends with an episode, that one (`episode 42`). over:
    that episode has ended.
    """

    kind: Kind
    what: str = ANY
    until: datetime | None = None
    value: str | None = None
    over: bool = False

    @property
    def episode(self) -> int | None:
        """Return the episode that this ends with; None where it ends with none."""
        if self.kind != "mute" or self.value is None:
            return None
        return int(self.value.removeprefix(EPISODE))

    @property
    def hours(self) -> str:
        """Return the hours of a quiet one: 22:00-07:00."""
        return (self.value or "").partition(" ")[0]

    @property
    def strict(self) -> bool:
        """Tell whether quiet hours hold what is critical as well."""
        return (self.value or "").endswith(STRICT)

    def runs(self, now: datetime) -> bool:
        """Tell whether it has not ended by now."""
        return (self.until is None or now < self.until) and not self.over

    @property
    def rank(self) -> Rank:
        """Return from which rank on a role is mentioned."""
        return next((rank for rank in RANKS if rank == self.value), RANKS[0])


def switch(store: Store, destination: int, chosen: Switch) -> None:
    """Keep a switch; what was switched of the same kind and thing before gives way."""
    with store.write() as work:
        switch_on(work, destination, chosen)


def switch_on(work: Work, destination: int, chosen: Switch) -> None:
    """Keep a switch, as `switch` does."""
    work.run(
        SQL.switch,
        destination=destination,
        kind=chosen.kind,
        what=chosen.what,
        until=None if chosen.until is None else to_ms(chosen.until),
        value=chosen.value,
    )


def switch_back(store: Store, destination: int, kind: str, what: str = ANY) -> bool:
    """Take a switch back; False if there was none."""
    with store.write() as work:
        return work.run(SQL.switch_back, destination=destination, kind=kind, what=what) > 0


def mute(store: Store, destination: int, muted: Iterable[Switch], *, now: datetime) -> None:
    """Keep mutes, and forget those that have ended by now."""
    with store.write() as work:
        work.run(SQL.drop_ended_mutes, destination=destination, now=to_ms(now))
        for chosen in muted:
            switch(store, destination, chosen)


def episode_over(work: Work, destination: int, episode: int) -> None:
    """Take back what a destination muted until an episode is over."""
    work.run(SQL.drop_mutes_until_over, destination=destination, value=f"{EPISODE}{episode}")


def budget_of(chosen: Iterable[Switch]) -> int | None:
    """Return how many new messages a day a destination takes; None: as many as there are."""
    said = next((switch.value for switch in chosen if switch.kind == "budget"), None)
    return None if said == OFF else BUDGET if said is None else int(said)


def least_rank(chosen: Iterable[Switch]) -> Rank:
    """Return the least rank that a destination wants to be told."""
    said = next((switch.value for switch in chosen if switch.kind == "only"), None)
    return cast("Rank", said or "notice")


def sound(store: Store, destination: int, whats: Iterable[str], kind: Literal["loud", "silent"] | None) -> None:
    """Make rules, assets or everything (`*`) loud or silent; None: as their ranks have it. The last word counts."""
    with store.write() as work:
        for what in whats:
            for before in ("loud", "silent"):
                work.run(SQL.switch_back, destination=destination, kind=before, what=what)
            if what == ANY:  # whatever was said of a part of it before
                work.run(SQL.switch_sounds_back, destination=destination)
            if kind:
                switch(store, destination, Switch(kind, what))


def mention(store: Store, platform: str, server: str, role: str | None, rank: Rank) -> None:
    """Have one role of a server called from a rank on, in the place of the one before; None: nobody."""
    with store.write() as work:
        if role is None:
            work.run(SQL.call_no_role, platform=platform, server=server)
        else:
            work.run(SQL.call_role, platform=platform, server=server, role=role, rank=rank)


def mentioned(store: Store, platform: str, server: str) -> Switch | None:
    """Return the role that a server has called; None for nobody."""
    row = store.read_one(SQL.role_of_server, platform=platform, server=server)
    return None if row is None else Switch("mention", row["role"], value=row["rank"])


def of(work: Work, destinations: Collection[int]) -> dict[int, tuple[Switch, ...]]:
    """Return what destinations have switched; those that have nothing are left out."""
    return _by_destination(work.rows(SQL.switches_of, destinations=json.dumps(list(destinations))))


def of_one(store: Store, destination: int) -> tuple[Switch, ...]:
    """Return what one destination has switched."""
    rows = store.read(SQL.switches_of, destinations=json.dumps([destination]))
    return _by_destination(rows).get(destination, ())


def _by_destination(rows: Iterable[Row]) -> dict[int, tuple[Switch, ...]]:
    found: dict[int, tuple[Switch, ...]] = {}
    for row in rows:
        until = None if row["until"] is None else from_ms(row["until"])
        chosen = Switch(row["kind"], row["what"], until, row["value"], bool(row["ended"]))
        found[row["destination"]] = (*found.get(row["destination"], ()), chosen)
    return found
