"""What holds for every test: no network beyond this machine, no settings of whoever runs them."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any

from hypothesis import settings

# No deadline: two busy cores are no defect. `make fuzz` takes the second profile.
settings.register_profile("perpulse", deadline=None, print_blob=True)
settings.register_profile("fuzz", deadline=None, print_blob=True, max_examples=5000)
settings.load_profile("perpulse")

# A developer's own token must never reach a test.
for _name in [name for name in os.environ if name.startswith("PERPULSE_")]:
    del os.environ[_name]


def _stay_here(event: str, args: tuple[Any, ...]) -> None:
    """Refuse any connection that would leave this machine: tests run on recordings and loopback servers."""
    if event == "socket.connect":
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # a path: a Unix socket
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if host in (None, "", b"", "localhost", b"localhost"):
        return
    try:
        here = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise RuntimeError(f"A test reached for {host!r}. Tests use the fakes in tests/fakes and recordings only.")


sys.addaudithook(_stay_here)
