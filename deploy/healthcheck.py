"""Ask the perpulse of this container whether it is well: exit 0, or 1 with what it says is wrong."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

_SECONDS = 4


def main() -> int:
    """Ask /healthz where perpulse listens."""
    listen = os.environ.get("PERPULSE_WATCH__LISTEN") or "127.0.0.1:9464"
    try:
        with urllib.request.urlopen(f"http://{listen}/healthz", timeout=_SECONDS) as answer:
            said, code = answer.read(4096), 0
    except urllib.error.HTTPError as refusal:
        said, code = refusal.read(4096), 1
    except OSError as error:
        said, code = f"perpulse does not answer at {listen}: {error}".encode(), 1
    sys.stdout.write(said.decode("utf-8", "replace") + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
