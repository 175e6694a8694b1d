"""What may be the matter with a server, known by its errors, and how that is said.

An error of PostgreSQL's client may hold any part of the address, so its text is read here and never shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from storage.engine.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from storage.engine.place import Server

Trouble = Literal[
    "unreachable",
    "no host",
    "refused",
    "silent",
    "no server",
    "no way",
    "starting",
    "cut off",
    "password",
    "no password",
    "no database",
    "no user",
    "not let in",
    "only encrypted",
    "not encrypted",
    "certificate",
    "setting",
    "rights",
    "full",
    "busy",
    "read-only",
    "many",
]

# By the state that the server gives, and where it gives none, by the text: then nobody was let in yet.
_STATES: Final[Mapping[str, Trouble]] = {
    "28P01": "password",
    "28000": "not let in",
    "3D000": "no database",
    "42501": "rights",
    "53100": "full",
    "53300": "many",
    "57P01": "cut off",
    "57P03": "starting",
    "55P03": "busy",
    "40P01": "busy",
    "25006": "read-only",
}
_TEXTS: Final[Mapping[str, Trouble]] = {
    "terminating connection due to administrator command": "cut off",
    "password authentication failed": "password",
    "no password supplied": "no password",
    r'database "[^"]*" does not exist': "no database",
    r'role "[^"]*" does not exist': "no user",
    r"pg_hba\.conf.*no encryption": "only encrypted",
    r"pg_hba\.conf": "not let in",
    "is not permitted to log in": "not let in",
    "too many clients|remaining connection slots|too many connections|query_wait_timeout|no more connections": "many",
    "permission denied for database": "rights",
    "No space left": "full",
    "the database system is": "starting",
    "server does not support SSL": "not encrypted",
    "certificate|SSL error": "certificate",
    r"invalid \S+ value|value \"\" invalid|invalid (?:integer|port|value|connection option)|\bURI\b": "setting",
    "resolve host|translate host name|Name or service not known|nodename nor servname": "no host",
    "Connection refused|No such file or directory": "refused",
    "timeout|timed out": "silent",
    "received invalid response|expected authentication request": "no server",
    "No route to host|Network is unreachable|Host is down": "no way",
}
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_SAID: Final[Mapping[Trouble, str]] = {
    "unreachable": "{server} cannot be reached. Is the server running, and are host and port right?",
    "no host": "{server} cannot be reached: a host of that name is not known here. Correct its name in `database` of "
    "config.toml or in PERPULSE_DATABASE.",
    "refused": "{server} cannot be reached: nothing answers there. Is the server running, and are host and port right?",
    "silent": "{server} does not answer in time. Is the server running, are host and port right, and does a firewall "
    "let this machine through?",
    "no server": "{server} cannot be reached: what answers there is no PostgreSQL. Are host and port right?",
    "no way": "{server} cannot be reached: the network here knows no way to it. Look at the network of this machine.",
    "starting": "{server} is starting, stopping or recovering, and lets nobody in. Wait a moment and try again.",
    "cut off": "{server} has cut off this connection: another process took over from this one while it stood still, or "
    "the server was stopped. It is connected again by itself.",
    "password": "{server} refuses the password. Correct it in `database` of config.toml or in PERPULSE_DATABASE.",
    "no password": "{server} asks for a password. Write it in `database` of config.toml or in PERPULSE_DATABASE.",
    "no database": "{server}: there is no such database. Make it with `createdb`, or correct its name.",
    "no user": "{server}: there is no such user. Make it with `createuser`, or correct its name.",
    "not let in": "{server} does not let this user in from here. Its pg_hba.conf says who may.",
    "only encrypted": "{server} does not let this user in from here without encryption. Write sslmode=require behind "
    "the ? of the address, or look at its pg_hba.conf, which says who may.",
    "not encrypted": "{server} speaks without encryption alone, and the address asks for it. Set `ssl = on` at the "
    "server, or leave sslmode out.",
    "certificate": "{server}: the encrypted connection fails, for its certificate or one that the address names. Look "
    "at sslmode, sslrootcert, sslcert and sslkey.",
    "setting": "{server}: a setting of the address has a value that PostgreSQL's client does not take.",
    "rights": "{server}: this user may not do that{text}. Make it the owner of the database.",
    "full": "the disk of {server} is full. Make room; nothing stored was lost.",
    "busy": "{server} is in use by another program that does not let go. Stop it and try again.",
    "read-only": "{server} takes no changes: it is a copy of another server. Name the other one.",
    "many": "{server} has no free connection. Raise its max_connections (default_pool_size of PgBouncer, ten for each "
    "process), or stop what does not need it.",
}


def trouble(state: str | None, text: str) -> Trouble | None:
    """Tell what is the matter by state and text of an error; None where it is nothing that a person can mend."""
    if state is not None and state in _STATES:
        return _STATES[state]
    if state is not None and not state.startswith(("08", "57")):
        return None
    plain = _QUOTED.sub('""', text)  # a host may be called certificate.example
    return next((what for part, what in _TEXTS.items() if re.search(part, plain)), "unreachable")


def is_of_address(text: str) -> bool:
    """Tell whether PostgreSQL's client did not even take the address."""
    return re.search(r"\bURI\b", _QUOTED.sub("", text)) is not None


def explained(server: Server, what: Trouble, text: str = "") -> StoreError:
    """Say it, and what to do. text: what the server itself says of rights, which holds nothing of the address."""
    return StoreError(_SAID[what].format(server=server, text=f" ({text})" if text else ""))
