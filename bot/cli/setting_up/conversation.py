"""What `perpulse init` asks, one thing after another. Nothing is written before the last answer is in."""

from __future__ import annotations

import asyncio
import os
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr
from tzlocal import get_localzone_name

from bot.cli.examining import reach
from bot.cli.setting_up import owner
from bot.cli.setting_up.written import with_values
from bot.clock import SystemClock
from bot.config import PREFIX, Config, ConfigError, read
from handlers.channels.config import sections
from handlers.channels.failure import SendFailed
from handlers.command import Refused
from signals.venues import READ, venue_title

if TYPE_CHECKING:
    from pathlib import Path

    from bot.cli.setting_up.screen import Screen
    from handlers.channels.config import ChannelConfig

PATIENCE_SECONDS: Final = 8.0  # for all exchanges together; who takes longer for a first answer is no good choice
_OPENING: Final = (
    "This writes {}. Enter keeps what stands in brackets; Ctrl-C ends it and writes nothing.\n"
    "Everything can be changed later, there or by `perpulse init`."
)
_NONE: Final = "none"  # typed to take a value back


class Conversation:
    """One run through the questions. text: the configuration to begin with, which has to be a good one."""

    def __init__(self, text: str, path: Path, screen: Screen) -> None:
        self.text, self._path, self._screen = text, path, screen
        self.settings = read(text, path)

    def hold(self) -> str:
        """Ask everything and return the text of the configuration."""
        self._screen.say(_OPENING.format(self._path))
        self._ask_list(("assets",), "\nAssets to follow", self.settings.assets)
        self._ask_venues()
        reached = [bot for name in self._with_token() for bot in self._ask_bots(name)]
        self._ask_owner(reached)
        self._ask_zone()
        return self.text

    # --- one question each --------------------------------------------------------------------------------------------

    def _ask_list(self, place: tuple[str, ...], question: str, usual: tuple[str, ...]) -> None:
        """Ask for names with spaces or commas between them until they are good ones."""
        while True:
            typed = self._screen.ask(question, " ".join(usual))
            if self._set(place, tuple(typed.replace(",", " ").split())):
                return

    def _ask_venues(self) -> None:
        """Ask every exchange whether it answers from here, then which of them to take."""
        self._screen.say(f"\nAsking {len(READ)} exchanges whether they answer from here ...")
        everyone = self.settings.market.model_copy(
            update={"venues": READ, "options": False, "stablecoins": False, "fear_greed": False}
        )
        everybody = self.settings.model_copy(update={"market": everyone})
        found = asyncio.run(reach.sources(everybody, SystemClock(), seconds=PATIENCE_SECONDS))
        for finding in found:
            self._screen.show(finding)
        answering = {finding.check for finding in found if finding.good}
        mine = self.settings.market.venues
        usual = tuple(venue for venue in mine if f"source.{venue}" in answering)
        if not usual:
            self._screen.say(f"  None of {', '.join(map(venue_title, mine))} answers; perpulse goes on asking them.")
        self._ask_list(("market", "venues"), "Exchanges to use", usual or mine)

    def _with_token(self) -> list[str]:
        return [name for name, section in sections().items() if "token" in section.model_fields]

    def _ask_bots(self, name: str) -> list[ChannelConfig]:
        """Ask for the token of the first bot, and look at those that are named beside it; return who is reached."""
        first = self._ask_token(name)
        return [*([first] if first else []), *(bot for bot in self._section(name).every()[1:] if self._examined(bot))]

    def _ask_token(self, name: str) -> ChannelConfig | None:
        """Ask for the token of a bot until it is accepted or left out; return its section where it can be used."""
        section = self._section(name)
        self._screen.say(f"\n{section.title}. {section.made_by}")
        if f"{PREFIX}{name.upper()}__TOKEN" in {variable.upper() for variable in os.environ}:
            return self._checked(name, "the token of the environment is taken")
        if section.token_file:
            return self._checked(name, "its token stands in a file of its own, which is taken")
        before = self._given(name)
        kept = f"Enter keeps the one that is set, {_NONE!r} takes it back" if before else "Enter for none"
        while True:
            typed = self._screen.ask_hidden(f"{section.title} token ({kept}; what you type is not shown)")
            if typed == _NONE and before:
                self._set((name, "token"), "")
                return None
            if not typed and not before:
                return None
            if typed and not self._set((name, "token"), typed):
                continue
            if (good := self._checked(name)) or not typed:
                return good
            if not self._screen.ask_whether("  Type it again? (No keeps it as it is)", usual=True):
                return None
            self._set((name, "token"), before)

    def _checked(self, name: str, said: str = "") -> ChannelConfig | None:
        """Ask the platform whose token it is, and show the answer."""
        if said:
            self._screen.say(f"  {said}")
        section: ChannelConfig = self._section(name)
        return section if self._examined(section) else None

    def _examined(self, bot: ChannelConfig) -> bool:
        finding = asyncio.run(reach.channel(bot))
        self._screen.show(finding)
        return finding.good

    def _ask_owner(self, reached: list[ChannelConfig]) -> None:
        """Find out who owns the bot, by a code that is typed in its chat."""
        owners = self.settings.access.owners
        if owners:
            self._screen.say(f"\nOwners: {', '.join(owners)}. `/owners add` and [access] change that.")
        elif reached:
            self._screen.say(f"\nWhom does it obey? Your bot in {reached[0].called} waits for a code now.")
            try:
                who = asyncio.run(owner.found(reached[0], self._screen))
            except SendFailed as failed:
                self._screen.say(f"  {failed.reason}. `perpulse run` shows another code.")
                return
            if who and self._set(("access", "owners"), (who,)):
                self._screen.say(f"  You are {who}, and its owner.")

    def _ask_zone(self) -> None:
        usual = self.settings.time_zone
        here = _zone_here()
        self._screen.say("\nTimes are told by the clock of each chat (/tz), and before that by this one:")
        while True:
            typed = self._screen.ask("Time zone", here if usual == "UTC" and here else usual)
            if self._set(("time_zone",), typed):
                return

    # --- the text so far ----------------------------------------------------------------------------------------------

    def _section(self, name: str) -> Any:
        return getattr(self.settings, name)

    def _given(self, name: str) -> str:
        token = self._section(name).token
        return token.get_secret_value() if token else ""

    def _set(self, place: tuple[str, ...], value: object) -> bool:
        """Set a value where the configuration stays a good one; else say what is wrong with it."""
        try:
            settings = read(with_values(self.text, {place: value}), self._path)
            settings.secrets()  # reads each, and refuses what can be none
            settings.speaking()  # refuses one that another bot has already
            text = self.text  # a list that stays as it is stays on its lines, too
            if reduce(getattr, place, settings) != reduce(getattr, place, self.settings):
                text = with_values(text, {place: _as_read(settings, place, value)})
        except (ConfigError, Refused) as error:
            for line in str(error).splitlines():
                self._screen.say(f"  {line.removeprefix(f'{self._path}: ')}")
            return False
        self.text, self.settings = text, settings
        return True


def _as_read(settings: Config, place: tuple[str, ...], typed: object) -> object:
    """Return a value in the spelling that perpulse has for it: BTC for xbt, Europe/Berlin for berlin."""
    found = reduce(getattr, place, settings)
    return typed if isinstance(found, SecretStr) or found is None else found


def _zone_here() -> str:
    """Return the time zone of this machine by its name; "" where that is not known, or a name that is none."""
    try:
        return get_localzone_name() or ""
    except (LookupError, ValueError, OSError):
        return ""
