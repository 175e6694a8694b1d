"""What several programs wrote, noted by the server itself: who, when, and from which state to which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.postgres import ask

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOTED: Final[Mapping[str, str]] = {
    "outbox": "OLD.state || ' ' || OLD.epoch || ' ' || NEW.state || ' ' || NEW.epoch || ' ' || "
    "coalesce((SELECT holder FROM leases WHERE name = 'send telegram')::text, '-')",
    "leases": "NEW.epoch || ' ' || coalesce(NEW.holder::text, '-')",
    "rule_states": "coalesce(NEW.state, '')",
    "own_states": "''",
    "digests": "coalesce(NEW.last_date, '')",
    "processes": "''",
}
_KEYS: Final[Mapping[str, str]] = {
    "outbox": "NEW.id::text",
    "leases": "NEW.name",
    "rule_states": "NEW.rule || ' ' || NEW.asset",
    "own_states": "NEW.rule",
    "digests": "NEW.destination || ' ' || NEW.kind",
    "processes": "NEW.id::text",
}
_WHEN: Final[Mapping[str, str]] = {
    "rule_states": "INSERT OR UPDATE",
    "own_states": "INSERT OR UPDATE",
    "processes": "INSERT",
}


@dataclass(frozen=True)
class Entry:
    """One row that was written. at: seconds since 1970 of the machine. who: the program, 0 for the test."""

    at: float
    who: int
    table: str
    key: str
    said: str


class Ledger:
    """Triggers of one database, and a role for each program, by which they know who writes."""

    def __init__(self, url: str, programs: int) -> None:
        self.url = url
        name = url.partition("?")[0].rpartition("/")[2]
        self._role = f"{name}_p"
        self._programs = programs
        for who in range(1, programs + 1):
            ask(url, f"CREATE ROLE {self._role}{who} SUPERUSER")
        ask(
            url,
            "CREATE TABLE ledger (id bigserial, at double precision DEFAULT extract(epoch FROM clock_timestamp()), "
            "who text DEFAULT current_user, what text, key text, said text)",
        )
        for table, said in _NOTED.items():
            old = said.replace("OLD.", "NEW.") if "INSERT" in _WHEN.get(table, "") else said
            ask(
                url,
                f"CREATE FUNCTION note_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # noqa: S608 - ours
                f"INSERT INTO ledger (what, key, said) VALUES ('{table}', {_KEYS[table]}, {old}); "
                "RETURN NULL; END $$",
            )
            when = _WHEN.get(table, "UPDATE")
            ask(url, f"CREATE TRIGGER noted AFTER {when} ON {table} FOR EACH ROW EXECUTE FUNCTION note_{table}()")

    def address(self, who: int) -> str:
        """Return the address under which a program is known by its number."""
        return f"{self.url}{'&' if '?' in self.url else '?'}options=-c%20role%3D{self._role}{who}"

    def entries(self, table: str, since: float = 0.0) -> list[Entry]:
        """Return what was written into a table, in that order."""
        rows = ask(
            self.url,
            "SELECT at, who, what, key, said FROM ledger WHERE what = %s AND at >= %s ORDER BY id",
            table,
            since,
        )
        return [Entry(at, self._who(who), what, key, said) for at, who, what, key, said in rows]

    def _who(self, role: str) -> int:
        return int(role.removeprefix(self._role)) if role.startswith(self._role) else 0

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read beside the programs."""
        return ask(self.url, statement, *values)

    def close(self) -> None:
        """Throw the database and the roles away."""
        name = self._role.removesuffix("_p")
        server = self.url.replace(f"/{name}", "/postgres")
        ask(server, f"DROP DATABASE {name} WITH (FORCE)")
        for who in range(1, self._programs + 1):
            ask(server, f"DROP ROLE {self._role}{who}")
