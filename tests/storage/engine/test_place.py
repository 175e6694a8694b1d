"""Where everything is remembered: what is read as such a place, what is refused, and that no password is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.engine import place
from storage.engine.database import Store, StoreError
from storage.engine.place import PlaceError, Server, place_of

SECRET = "s3cret"
SIGNS = "@ as %40, / as %2F"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        pytest.param("data/perpulse.db", Path("data/perpulse.db"), id="a path"),
        pytest.param(Path("a.db"), Path("a.db"), id="a Path"),
        pytest.param("C:/data/a.db", Path("C:/data/a.db"), id="a drive of Windows"),
        pytest.param("postgres://u@h/d", "postgresql://u@h/d", id="the short scheme"),
        pytest.param("PostgreSQL://u@h/d", "postgresql://u@h/d", id="the scheme in capitals"),
        pytest.param(f"postgresql://u:{SECRET}@h:5433/d?sslmode=require", None, id="all"),
        pytest.param(f"postgresql://u@h/d?password={SECRET}", "postgresql://u@h/d", id="the password at the end"),
        pytest.param(f"postgresql://u:{SECRET}@h,[::1]:1/d?host=%2Ftmp&options=-c%20a%3Db", None, id="several hosts"),
        pytest.param(f"postgresql://u:%40{SECRET}:[x]+é@h:/d", "postgresql://u@h:/d", id="signs in a password"),
        pytest.param("postgresql:///d?host=/tmp", "postgresql:///d?host=/tmp", id="a socket"),
        pytest.param(Path("postgresql://u@h/d"), "postgresql://u@h/d", id="read as a path"),
        pytest.param(Path("postgresql:///d?host=/tmp"), "postgresql:///d?host=/tmp", id="a socket, read as a path"),
    ],
)  # fmt: skip
def test_a_place_is_read_and_shown_without_its_password(given: str | Path, meant: str | Path | None) -> None:
    found = place_of(given)
    assert str(found) == (str(given).replace(f":{SECRET}", "") if meant is None else str(meant))
    assert isinstance(found, Server) is not isinstance(meant, Path)
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("url", "password", "secrets"),
    [
        pytest.param("postgresql://u:a%40b@h/d?sslpassword=c", "a@b", ("a%40b", "a@b", "c"), id="before the host"),
        pytest.param("postgresql://u:x@h/d?password=a+b%2f", "a+b/", ("x", "a+b%2f", "a+b/"), id="behind the ?"),
        pytest.param("postgresql://u@h/d", None, (), id="none"),
    ],
)
def test_a_password_is_named_for_the_log_as_it_is_written_and_as_it_is_meant(
    url: str, password: str | None, secrets: tuple[str, ...]
) -> None:
    server = Server(url)
    assert (server.password, server.secrets, server.database) == (password, secrets, "d")


@pytest.mark.parametrize("as_path", [False, True])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param(f"mysql://u:{SECRET}@h/d", "a path, or an address like", id="another kind of server"),
        pytest.param(f"sqlite:{SECRET}.db", "a path, or an address like", id="an address of a file"),
        pytest.param(f"host=h password={SECRET} dbname=d", "a path, or an address like", id="words for psql"),
        pytest.param(f"postgresql://u:{SECRET}@h", "name the database too", id="no database"),
        pytest.param(f"postgresql://u:{SECRET}@h/", "name the database too", id="an empty database"),
        pytest.param(f"postgresql://u:x@{SECRET}@h/d", SIGNS, id="an @ in a password"),
        pytest.param(f"postgresql://u:x/{SECRET}@h/d", SIGNS, id="a / in a password"),
        pytest.param(f"postgresql://u:x?{SECRET}@h/d", SIGNS, id="a ? in a password"),
        pytest.param(f"postgresql://u:x#{SECRET}@h/d", SIGNS, id="a # in a password"),
        pytest.param(f"postgresql://u:x%{SECRET}@h/d", SIGNS, id="a % in a password"),
        pytest.param(f"postgresql://u:x%00{SECRET}@h/d", SIGNS, id="a zero in a password"),
        pytest.param(f"postgresql://u:x {SECRET}@h/d", SIGNS, id="a space in a password"),
        pytest.param(f"postgresql://u:x\udc80{SECRET}@h/d", SIGNS, id="a byte that is no text"),
        pytest.param(f"postgresql://u:1/{SECRET}/h/d", SIGNS, id="more than a database"),
        pytest.param(f"postgresql://u@h/d?password=x@{SECRET}", SIGNS, id="an @ behind the ?"),
        pytest.param(f"postgresql://u:{SECRET}@h:99999/d", "a number from 1 to 65535", id="too high a port"),
        pytest.param(f"postgresql://u:{SECRET}@h:0/d", "a number from 1 to 65535", id="port zero"),
        pytest.param(f"postgresql://u:{SECRET}/d", "a number from 1 to 65535", id="a word for a port"),
        pytest.param(f"postgresql://u:{SECRET}@h,i:99999/d", "a number from 1 to 65535", id="a second port"),
        pytest.param(f"postgresql://u:{SECRET}@[::1/d", "a number from 1 to 65535", id="half a bracket"),
        pytest.param(f"postgresql://u:{SECRET}@h/d?port=99999", "a number from 1 to 65535", id="a port behind the ?"),
        pytest.param(f"postgresql://u@h/d?password=x&{SECRET}", "& is written %26", id="an & in a password"),
        pytest.param(f"postgresql://u@h/d?password=x&{SECRET}=y", "& is written %26", id="an & and a = in a password"),
        pytest.param(f"postgresql://u@h/d?password=x={SECRET}", "= is written %3D", id="a = in a password"),
        pytest.param("file:x.db?mode=ro", "without file: or :memory:", id="as SQLite has it"),
        pytest.param(":memory:", "without file: or :memory:", id="nowhere"),
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused_without_a_word_of_it(given: str, says: str, as_path: bool) -> None:
    read = Path(given) if as_path else given
    with pytest.raises(PlaceError) as caught:
        place_of(read)
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)
    with pytest.raises(StoreError, match="This is no database: "):
        Store(read)


def test_a_home_is_the_one_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/ann")
    assert place_of("~/x.db") == Path("/ann/x.db")
    with pytest.raises(PlaceError, match="whole path"):
        place_of("~nobody-of-that-name/x.db")


def test_an_address_with_one_slash_is_no_path() -> None:
    with pytest.raises(PlaceError, match="a path, or an address like"):
        place_of(f"postgresql:/u:{SECRET}@h/d")


def test_every_setting_of_the_client_is_known() -> None:
    """One that is not would be refused here, though the client of today takes it."""
    pq = pytest.importorskip("psycopg").pq
    assert {option.keyword.decode() for option in pq.Conninfo.get_defaults()} <= place._SETTINGS
