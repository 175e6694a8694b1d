"""What may be the matter with a server is known by its errors, and none of their text is passed on."""

from __future__ import annotations

import pytest

from storage.engine.place import Server
from storage.engine.postgres import troubles


@pytest.mark.parametrize(
    ("state", "text", "said"),
    [
        pytest.param("57P01", "terminating connection due to administrator command", "cut off", id="cut off"),
        pytest.param(
            None, "consuming input failed: terminating connection due to administrator command", "cut off", id="later"
        ),
        pytest.param("57P03", "the database system is starting up", "starting", id="it starts"),
        pytest.param(None, "FATAL:  the database system is shutting down", "starting", id="it stops"),
        pytest.param(None, "failed to resolve host 'PW@host': [Errno -2] Name or service not known", "no host", id="a"),
        pytest.param(None, 'could not translate host name "PW@host" to address: x', "no host", id="of the client"),
        pytest.param(None, "Connection refused\n\tIs the server running on that host", "refused", id="nobody there"),
        pytest.param(
            None, 'to server on socket "/x/.s.PGSQL.1" failed: No such file or directory', "refused", id="no socket"
        ),
        pytest.param(None, "connection timeout expired", "silent", id="silence"),
        pytest.param(
            None, "port 1 failed: received invalid response to SSL negotiation: H", "no server", id="another program"
        ),
        pytest.param(None, "No route to host", "no way", id="no way"),
        pytest.param(None, 'FATAL:  password authentication failed for user "PW"', "password", id="password"),
        pytest.param(None, "fe_sendauth: no password supplied", "no password", id="no password"),
        pytest.param(None, 'FATAL:  database "PW" does not exist', "no database", id="no database"),
        pytest.param(None, 'FATAL:  role "PW" does not exist', "no user", id="no user"),
        pytest.param(
            None,
            'no pg_hba.conf entry for host "PW", user "u", database "d", no encryption',
            "only encrypted",
            id="ssl",
        ),
        pytest.param(None, 'no pg_hba.conf entry for host "PW", user "u", SSL encryption', "not let in", id="hba"),
        pytest.param(None, "server does not support SSL, but SSL was required", "not encrypted", id="plain alone"),
        pytest.param(None, "SSL error: certificate verify failed", "certificate", id="certificate"),
        pytest.param(None, 'invalid sslmode value: "PW"', "setting", id="a value"),
        pytest.param(None, 'sslmode value "PW" invalid when SSL support is not compiled in', "setting", id="no such"),
        pytest.param(None, 'invalid integer value "PW" for connection option "port"', "setting", id="no number"),
        pytest.param(None, 'invalid URI query parameter: "PW"', "setting", id="a name"),
        pytest.param(None, 'to server at "certificate.example", port 1 failed: x', "unreachable", id="a telling host"),
        pytest.param("08P01", "query_wait_timeout", "many", id="a pool that is too small"),
        pytest.param(None, "FATAL:  no more connections allowed (max_client_conn)", "many", id="a pool that is full"),
        pytest.param("22003", "out of range", None, id="a mistake of ours"),
    ],
)
def test_what_is_the_matter_is_said_in_our_words(state: str | None, text: str, said: troubles.Trouble | None) -> None:
    assert troubles.trouble(state, text) == said
    if said:
        sentence = str(troubles.explained(Server("postgresql://u:x@h/d"), said))
        assert sentence.startswith(("postgresql://u@h/d", "the disk of postgresql://u@h/d"))
        assert "PW" not in sentence
