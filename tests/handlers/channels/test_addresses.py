"""One check for every address that an owner sets, and what is shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yarl

from handlers.channels.addresses import WebAddress, at_home, proxy_of, server_of, stream_of


@pytest.mark.parametrize(
    ("given", "shown", "secrets"),
    [
        pytest.param("http://proxy:3128", "http://proxy:3128", (), id="a host and a port"),
        pytest.param("https://proxy.local/", "https://proxy.local", (), id="no port, and a slash"),
        pytest.param("http://[::1]:3128", "http://[::1]:3128", (), id="by number"),
        pytest.param("http://me:s%40cret@proxy:1", "http://***@proxy:1", ("s%40cret", "s@cret"), id="a password"),
        pytest.param("http://s3cret@proxy:1", "http://***@proxy:1", ("s3cret",), id="a key alone"),
        pytest.param("http://me:@proxy:1", "http://***@proxy:1", ("me",), id="an empty password"),
    ],
)
def test_a_proxy_is_read_whole_and_shown_without_who_goes_in(given: str, shown: str, secrets: tuple[str, ...]) -> None:
    found = proxy_of(given)
    assert found == given.rstrip("/")
    assert isinstance(found, WebAddress)
    assert (repr(found), found.secrets) == (repr(shown), secrets)
    assert yarl.URL(found).host, "a library reads it"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("proxy:3128", id="no scheme"),
        pytest.param("socks9://proxy:1080", id="no such scheme"),
        pytest.param("socks5://proxy:1080", id="socks"),
        pytest.param("http://", id="no host"),
        pytest.param("http://:3128", id="a port alone"),
        pytest.param("http://[::1", id="half a bracket"),
        pytest.param("http://[::g]:1", id="no number"),
        pytest.param("http://[1.2.3.4]:1", id="another number in brackets"),
        pytest.param("http://proxy:99999", id="too high a port"),
        pytest.param("http://proxy:0", id="port zero"),
        pytest.param("http://proxy:port", id="a word for a port"),
        pytest.param("http://a..b:1", id="nothing between dots"),
        pytest.param(f"http://{'a' * 64}:1", id="too long a name"),
        pytest.param("http://me:s3@cret@proxy:1", id="an @ in a password"),
        pytest.param("http://me:s3/cret@proxy:1", id="a / in a password"),
        pytest.param("http://me:s3#cret@proxy:1", id="a # in a password"),
        pytest.param("http://me:s3%cret@proxy:1", id="a % in a password"),
        pytest.param("http://proxy:1/path", id="a path"),
        pytest.param("http://pro xy:1", id="a space"),
        pytest.param("http://{venue}:1", id="a place for a venue"),
        pytest.param(5, id="a number"),
        pytest.param(["http://proxy:1"], id="a list"),
    ],
)
def test_what_can_be_no_proxy_is_refused_without_a_word_of_it(given: object) -> None:
    with pytest.raises(ValueError, match="write it with http://") as caught:
        proxy_of(given)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("read", [proxy_of, server_of, stream_of])
@pytest.mark.parametrize("given", [None, ""])
def test_nothing_is_none(read: object, given: str | None) -> None:
    assert read(given) is None  # type: ignore[operator]


def test_another_server_may_have_a_path_and_a_place_for_the_venue() -> None:
    given = "http://me:secret@{venue}.mirror:81/{venue}/x?key=1"
    assert server_of(given) == given
    assert repr(server_of(given)) == "'http://***@{venue}.mirror:81/{venue}/x?key=1'"
    assert stream_of("wss://mirror:81/x/") == "wss://mirror:81/x"
    for other in ("wss://mirror", "http://[::1", "http://mirror:99999/x"):
        with pytest.raises(ValueError, match="write it with http://"):
            server_of(other)


def test_a_home_is_the_one_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/ann")
    assert at_home(Path("~/token")) == Path("/ann/token")
    assert at_home(Path("data/~token")) == Path("data/~token")
    with pytest.raises(ValueError, match="whole path"):
        at_home(Path("~nobody-of-that-name/token"))
