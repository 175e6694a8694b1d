"""perpulse as a process that others watch, and that is backed up while it runs."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.bot.commandline import child, closed_port, running, write_config
from tests.bot.test_run import PATIENCE, Stage, printed
from tests.bot.test_run import exchange as exchange  # noqa: PLC0414 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def asked(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


def health(url: str, status: int) -> Any:
    """Wait until /healthz says so, and return what it says."""
    end = time.monotonic() + PATIENCE
    while (found := asked(f"{url}/healthz"))[0] != status:
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return json.loads(found[1])


def test_it_is_watched_backed_up_and_put_back(tmp_path: Path, exchange: Stage) -> None:
    port = closed_port()
    path = write_config(tmp_path, exchange=exchange.base_url, fear_greed=exchange.base_url)
    secret = f"http://127.0.0.1:{closed_port()}/ping/3f0c2f5e"
    with path.open("a", encoding="utf-8") as config:
        config.write(f'[watch]\nlisten = "127.0.0.1:{port}"\ndead_mans_switch = "{secret}"\n')
    url = f"http://127.0.0.1:{port}"
    with running(tmp_path) as process:
        printed(tmp_path, "Market data is coming in")
        found = health(url, 200)
        assert (found["processes"], found["channels"]) == (1, {"terminal": "working"})
        assert found["holds"].keys() == {"collect", "judge", "send", "answer"}
        status, text = asked(f"{url}/metrics")
        assert status == 200
        assert 'perpulse_turns_total{outcome="good"} ' in text
        assert 'perpulse_input_age_seconds{input="mark_price",venue="binance"}' in text
        made = child("backup", "one.db.gz", cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        refused = child("restore", "one.db.gz", cwd=tmp_path)
        assert refused.returncode == 2
        assert "is in use. Stop perpulse" in refused.stderr
        assert health(url, 200)["ready"], "and goes on"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    errors = (tmp_path / "err").read_text(encoding="utf-8")
    assert "the dead man's switch was not reached" in errors
    assert "3f0c2f5e" not in errors
    assert child("restore", "one.db.gz", cwd=tmp_path).returncode == 0
    with running(tmp_path) as process:
        health(url, 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
