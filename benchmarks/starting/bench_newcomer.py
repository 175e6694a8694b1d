"""How long a newcomer waits: from a clone, by `make run` with a configuration, to the first answer in a chat.

Everything is done that they would do: the packages are installed into a new .venv from the package index that pip is
set to, and nothing is kept from before but pip's own cache, so a second run is quicker. Telegram and the exchange are
fakes of this machine; the answer is the one to /liq, which needs no figures, and then the one to /price, which does.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.fakes.bot_api import TOKEN, BotApi
from tests.fakes.exchange import FakeExchange

ROOT = Path(__file__).resolve().parents[2]
ANN = 42
PATIENCE = 900.0
ASKED = {"/liq 95000 25x long": "liquidation at", "/price btc": "BTC"}


def until_answered(telegram: BotApi, line: str, words: str) -> None:
    """Ask again each second, as an impatient person does, until an answer holds the words."""
    end = time.monotonic() + PATIENCE
    telegram.do(telegram.say, ANN, ANN, line)
    while not any(words in text for text in telegram.texts(ANN)):
        if time.monotonic() > end:
            sys.exit(f"no answer to {line} within {PATIENCE:.0f} s")
        time.sleep(0.02)


def main() -> None:
    """Clone, run, ask, and print the seconds of each step."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PERPULSE_"))}
    with (
        tempfile.TemporaryDirectory() as folder,
        FakeExchange().in_thread() as exchange,
        BotApi().in_thread() as telegram,
    ):
        assert isinstance(telegram, BotApi)
        telegram.chat(ANN, title="Ann")
        checkout = Path(folder) / "perpulse"
        began = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", checkout], check=True)
        cloned = time.monotonic()
        (checkout / "config.toml").write_text(
            f'assets = ["BTC"]\n[market]\nvenues = ["binance"]\noptions = false\nhistory = false\nstablecoins = false\n'
            f'fear_greed = false\nexchange_url = "{exchange.base_url}"\n'
            f'[telegram]\ntoken = "{TOKEN}"\nbase_url = "{telegram.base_url}"\n',
            encoding="utf-8",
        )
        with (checkout / "log").open("wb") as log:
            bot = subprocess.Popen(["make", "run"], cwd=checkout, env=environment, stdout=log, stderr=log)
            try:
                while not telegram.counts()["getUpdates"]:
                    if bot.poll() is not None:  # most likely there is no index within reach
                        print("left out, since `make run` ended: " + (checkout / "log").read_text("utf-8")[-500:])
                        return
                    time.sleep(0.02)
                listening = time.monotonic()
                answered = []
                for line, words in ASKED.items():
                    until_answered(telegram, line, words)
                    answered.append(time.monotonic())
            finally:
                bot.terminate()
                with suppress(subprocess.TimeoutExpired):
                    bot.wait(10)
                bot.kill()
    print(f"on {os.cpu_count()} cores with a load of {os.getloadavg()[0]:.0f}, Python {platform.python_version()}")
    print(f"clone                          {cloned - began:6.1f} s")
    print(f"make run until it listens      {listening - cloned:6.1f} s   (the packages are most of it)")
    print(f"first answer, of a calculator  {answered[0] - listening:6.1f} s")
    print(f"first answer with figures      {answered[1] - listening:6.1f} s")


if __name__ == "__main__":
    main()
